"""The import: files in, commands out, a summary and the rejected rows at the end.

Memory does not grow with the files: rows are read as a stream, a bounded number of them is under
way, and what must be remembered about rows already seen lies in a temporary file.
"""

import asyncio
import csv
import os
import re
import sqlite3
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path
from typing import IO, Any, Final, Self
from uuid import UUID

from application.dispatch import CLOCK_SKEW, Call, Command, Dispatcher
from application.eventstore.errors import NotStoredError, OutcomeUnknownError
from application.imports.mapping import Mapping
from application.imports.rows import (
    BrokenRow,
    DataFile,
    DataFileError,
    ImportRule,
    Row,
    RowCommands,
    Translator,
)
from application.permissions import Caller, relation
from domain.errors import (
    AlreadyDeliveredError,
    ConcurrentChangeError,
    DomainError,
    InvalidValueError,
    Rule,
)
from domain.identifiers import imported_id, shipment_id
from domain.metadata import Source, SourceKind

PAUSES: Final = (0.5, 1.0, 2.0)
"""Seconds to wait before a command is tried again after a fault that is no refusal."""
LANE_ROWS: Final = 4
"""How many rows wait in each lane."""
FIRST_REJECTS: Final = 10
_PROGRESS_ROWS: Final = 100

REASONS: Final[dict[str, tuple[str, str]]] = {
    Rule.REQUIRED: ("is missing", "缺失"),
    Rule.TOO_LONG: ("is longer than {limit} characters", "超过{limit}个字符"),
    Rule.CONTROL_CHARACTERS: ("holds control characters", "含有控制字符"),
    Rule.NOT_AN_INSTANT: (
        "is not a time in the format of the mapping",
        "不是映射文件所定格式的时间",
    ),
    Rule.IN_THE_FUTURE: ("lies in the future", "是将来的时间"),
    Rule.NOT_IN_LIST: (
        "is not in the list of known values; add it to the map",
        "不在已知值列表中,请补充映射",
    ),
    Rule.WAYBILL_FORMAT: (
        "is not a waybill number: 6 to 40 letters, digits and dashes",
        "不是运单号:应为6至40位字母、数字或连字符",
    ),
    Rule.CODE_FORMAT: ("is not a valid code", "不是有效的代码"),
    Rule.NOT_A_NUMBER: ("is not a number of the expected kind", "不是符合要求的数字"),
    Rule.OUT_OF_RANGE: ("is out of range: {limit}", "超出范围:{limit}"),
    ImportRule.WRONG_COLUMNS: (
        "the row has more or fewer columns than the header",
        "该行的列数与表头不符",
    ),
    ImportRule.BAD_QUOTES: (
        "a quote is opened and not closed, or stands in the wrong place",
        "引号未闭合或位置不对",
    ),
    ImportRule.BAD_ENCODING: (
        "the row has bytes that are not in the encoding of the mapping",
        "该行含有不符合映射文件所定编码的字节",
    ),
    ImportRule.ROW_TOO_LONG: ("the row is too long", "该行过长"),
    ImportRule.TOO_PRECISE: (
        "has more decimals than the currency",
        "小数位数超过该货币的最小单位",
    ),
    ImportRule.CONTRADICTS_ROW: (
        "an earlier row of this import says something else about the same shipment: {limit}",
        "本次导入中较早的行对同一运单有不同的记录:{limit}",
    ),
    "already_delivered": (
        "the shipment is recorded as delivered at another time",
        "该运单已记录了不同的签收时间",
    ),
}
"""What a rejected row is told, in English and Chinese; never with anything from the row."""

_REFUSED: Final = ("the row was refused", "该行被拒绝")


class ImportStoppedError(Exception):
    """The import could not go on; what it imported stays, and running it again is safe."""


@dataclass(slots=True)
class Counts:
    """A figure for each kind of thing that a row can hold."""

    shipments: int = 0
    complaints: int = 0
    ratings: int = 0


@dataclass(frozen=True, slots=True)
class Reject:
    """A row that was refused; ``field`` is the key path of the mapping, or ``row``."""

    file: str
    line: int
    field: str
    rule: str
    reason: str


@dataclass(slots=True)
class ImportSummary:
    """What came of an import; under ``check`` what would come of it in an empty system.

    ``imported`` and ``unchanged`` count what rows hold: a shipment that two rows name is
    imported by one and unchanged by the other.
    """

    check: bool = False
    rows_read: int = 0
    imported: Counts = field(default_factory=Counts)
    unchanged: Counts = field(default_factory=Counts)
    rejected: int = 0
    rejects_files: list[str] = field(default_factory=list)
    first_rejects: list[Reject] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Return the summary as JSON values; ``rejects_file`` is the first of the files."""
        answer = asdict(self)
        answer["rejects_file"] = self.rejects_files[0] if self.rejects_files else None
        return answer


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an import is, in rows and in bytes of the files as they lie on the disk."""

    rows: int
    bytes_read: int
    bytes_total: int


def utc_now() -> datetime:
    """Read the clock."""
    return datetime.now(UTC)


async def run_import(
    dispatcher: Dispatcher | None,
    mapping: Mapping,
    files: Sequence[Path],
    *,
    caller: Caller,
    check: bool = False,
    concurrency: int = 64,
    on_progress: Callable[[Progress], None] | None = None,
    rejects_dir: Path | None = None,
    now: Callable[[], datetime] = utc_now,
) -> ImportSummary:
    """Import files; ``check`` stores and writes nothing and needs no dispatcher.

    Raises DataFileError or NotPermittedError before anything is imported, and ImportStoppedError
    (or DataFileError, for a file that is damaged further down) in the middle.
    """
    if dispatcher is None and not check:
        raise ValueError("only a check needs no dispatcher")
    for operation, used in (
        ("importShipment", mapping.shipment),
        ("importComplaint", mapping.complaint),
    ):
        if used is not None:
            relation(caller, operation)
    bytes_total = _look_at(files, mapping)
    targets = {} if check else _reject_targets(files, rejects_dir)
    call = Call(
        caller=caller,
        source=Source(SourceKind.IMPORT, mapping.source.name, historical=True),
    )
    run = _Run(dispatcher, mapping, call, check=check, now=now)
    bytes_before = 0

    def report(rows: int, bytes_read: int) -> None:
        if on_progress is not None:
            on_progress(Progress(rows, bytes_before + bytes_read, bytes_total))

    with run:
        for path in files:
            with DataFile(path, mapping.source) as file, run.rejects(file, targets.get(path)):
                async with run.lanes(0 if check else concurrency):
                    await run.take_in(file, report)
            bytes_before += file.size
    return run.summary


def _look_at(files: Sequence[Path], mapping: Mapping) -> int:
    """Refuse files that cannot be imported at all; return how many bytes they have together."""
    if not files:
        raise DataFileError("no data file is given")
    total = 0
    for path in files:
        with DataFile(path, mapping.source) as file:
            file.check_columns(mapping)
            total += file.size
    return total


def _reject_targets(files: Sequence[Path], rejects_dir: Path | None) -> dict[Path, Path]:
    """Say where each file's rejected rows go; DataFileError if they could not be written."""
    targets = {path: (rejects_dir or path.parent) / f"{path.name}.rejected.csv" for path in files}
    if len(set(targets.values())) < len(files):
        raise DataFileError("two data files would share one file of rejected rows")
    for folder in {target.parent for target in targets.values()}:
        try:
            tempfile.TemporaryFile(dir=folder).close()
        except OSError as error:
            raise DataFileError(
                f"{folder}: no file of rejected rows can be written there"
                f" ({error.strerror or error}); name another folder with --rejects-dir"
            ) from None
    return targets


class _Run:
    """One import under way."""

    def __init__(
        self,
        dispatcher: Dispatcher | None,
        mapping: Mapping,
        call: Call,
        *,
        check: bool,
        now: Callable[[], datetime],
    ) -> None:
        self.summary = ImportSummary(check=check)
        self._dispatcher = dispatcher
        self._source_name = mapping.source.name
        self._columns = mapping.columns()
        self._translator = Translator(mapping)
        self._call = call
        self._now = now
        self._seen = _Seen()
        self._rejects: _Rejects | None = None
        self._lanes: list[asyncio.Queue[_Item | None]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._seen.close()

    def rejects(self, file: DataFile, target: Path | None) -> "_Rejects":
        """Return where the rejected rows of a file go."""
        self._rejects = _Rejects(file, target, self.summary)
        return self._rejects

    @asynccontextmanager
    async def lanes(self, count: int) -> AsyncIterator[None]:
        """Carry out commands in lanes: side by side, but all rows of one waybill in file order."""
        self._lanes = [asyncio.Queue(LANE_ROWS) for _ in range(count)]
        damage: DataFileError | None = None
        try:
            async with asyncio.TaskGroup() as group:
                for lane in self._lanes:
                    group.create_task(self._carry_out(lane))
                try:
                    yield
                except DataFileError as error:  # what was read before the damage is right
                    damage = error
                for lane in self._lanes:
                    await lane.put(None)
        except BaseExceptionGroup as errors:
            first = errors.exceptions[0]
            raise first from first.__cause__
        if damage is not None:
            raise damage

    async def take_in(self, file: DataFile, report: Callable[[int, int], None]) -> None:
        """Read a file to its end; whatever is right in a row goes to its lane."""
        for row in file.rows():
            self.summary.rows_read += 1
            if self.summary.rows_read % _PROGRESS_ROWS == 0:
                report(self.summary.rows_read, file.bytes_read)
                await asyncio.sleep(0)  # a check waits for nothing else
            if isinstance(row, BrokenRow):
                self._reject(row, "row", row.rule)
                continue
            cells = dict(zip(file.header, row.cells, strict=True))
            try:
                commands = self._translator.commands(cells, self._now() + CLOCK_SKEW)
                item = self._item(file, row, commands)
            except DomainError as refusal:
                self._refuse(row, refusal)
                continue
            if self.summary.check:
                self._count_checked(item)
            elif item.stream is not None:
                await self._lanes[item.stream.int % len(self._lanes)].put(item)
        report(self.summary.rows_read, file.size)

    def _item(self, file: DataFile, row: Row, commands: RowCommands) -> "_Item":
        """Find the objects that a row is about, and refuse it if it contradicts an earlier row.

        Otherwise each of the two would replace the other's facts whenever the file is imported.
        """
        shipment = complaint = None
        if commands.complaint is not None:
            complaint = imported_id("complaint", self._source_name, commands.complaint.key)
        if (command := commands.shipment) is not None:
            shipment = shipment_id(command.waybill)
            says = (command.facts, command.customer_reference, command.delivered_at)
            earlier = self._seen.says(shipment, repr(says), f"{file.path.name}:{row.line}")
            if earlier is not None:
                raise InvalidValueError("shipment", ImportRule.CONTRADICTS_ROW, earlier)
        return _Item(row, commands, shipment, complaint)

    def _count_checked(self, item: "_Item") -> None:
        summary, commands = self.summary, item.commands

        def counts(*identity: object) -> Counts:
            return summary.imported if self._seen.first(repr(identity)) else summary.unchanged

        if item.shipment is not None:
            counts("shipment", item.shipment).shipments += 1
        if commands.rating is not None:
            counts("rating", item.shipment, commands.rating.ratings[0].reference).ratings += 1
        if item.complaint is not None:
            counts("complaint", item.complaint).complaints += 1

    async def _carry_out(self, lane: "asyncio.Queue[_Item | None]") -> None:
        while (item := await lane.get()) is not None:
            summary, commands = self.summary, item.commands
            try:
                if commands.shipment is not None:
                    new = await self._execute(commands.shipment)
                    (summary.imported if new else summary.unchanged).shipments += 1
                if commands.rating is not None:
                    new = await self._execute(commands.rating)
                    (summary.imported if new else summary.unchanged).ratings += 1
                if commands.complaint is not None:
                    new = await self._execute(commands.complaint)
                    (summary.imported if new else summary.unchanged).complaints += 1
            except DomainError as refusal:
                self._refuse(item.row, refusal)

    async def _execute(self, command: Command[bool]) -> bool:
        """Carry out a command; a fault that is no refusal is given time to pass."""
        assert self._dispatcher is not None
        for pause in (*PAUSES, None):
            try:
                return (await self._dispatcher.execute(command, self._call)).result
            except (NotStoredError, OutcomeUnknownError, ConcurrentChangeError) as fault:
                if pause is None:
                    raise ImportStoppedError(
                        f"stopped after {self.summary.rows_read} rows: {_told(fault)};"
                        " what was imported stays, and it is safe to run the import again"
                    ) from fault
                await asyncio.sleep(pause)
        raise AssertionError

    def _refuse(self, row: Row, refusal: DomainError) -> None:
        if isinstance(refusal, InvalidValueError):
            self._reject(row, refusal.field, refusal.rule, refusal.limit)
        elif isinstance(refusal, AlreadyDeliveredError):
            self._reject(row, "shipment.delivered_at", "already_delivered")
        else:
            name = type(refusal).__name__.removesuffix("Error")
            self._reject(row, "row", re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower())

    def _reject(self, row: Row, at: str, rule: str, limit: str = "") -> None:
        assert self._rejects is not None
        en, zh = (text.format(limit=limit) for text in REASONS.get(rule, _REFUSED))
        if columns := ", ".join(self._columns.get(at, ())):
            en, zh = f"{columns}: {en}", f"{columns}:{zh}"
        self._rejects.add(row, at, rule, f"{en} / {zh}")


@dataclass(frozen=True, slots=True)
class _Item:
    """A row that is right, and the objects that it is about."""

    row: Row
    commands: RowCommands
    shipment: UUID | None
    complaint: UUID | None

    @property
    def stream(self) -> UUID | None:
        return self.shipment or self.complaint


class _Seen:
    """What rows said before, as digests in a temporary file: memory does not grow with it."""

    def __init__(self) -> None:
        # An empty name: SQLite keeps it in a file of its own that vanishes with the connection.
        self._database = sqlite3.connect("", isolation_level=None)
        self._database.execute("PRAGMA journal_mode = OFF")
        self._database.execute("PRAGMA cache_size = -2000")
        self._database.execute(
            "CREATE TABLE seen (key BLOB PRIMARY KEY, digest BLOB, place TEXT) WITHOUT ROWID"
        )
        self._database.execute("BEGIN")

    def says(self, subject: UUID, statement: str, place: str) -> str | None:
        """Return the place that said something else about the subject, if one did."""
        digest = _digest(statement)
        if self._insert(subject.bytes, digest, place):
            return None
        cursor = self._database.execute(
            "SELECT digest, place FROM seen WHERE key = ?", [subject.bytes]
        )
        earlier, earlier_place = cursor.fetchone()
        return None if earlier == digest else str(earlier_place)

    def first(self, identity: str) -> bool:
        """Say whether this is the first time that somebody asks about the identity."""
        return self._insert(_digest(identity), b"", "")

    def close(self) -> None:
        """Forget everything."""
        self._database.close()

    def _insert(self, key: bytes, digest: bytes, place: str) -> bool:
        cursor = self._database.execute(
            "INSERT OR IGNORE INTO seen VALUES (?, ?, ?)", [key, digest, place]
        )
        return cursor.rowcount == 1


class _Rejects:
    """The rejected rows of one file: counted, the first ones kept, all written given a target.

    They are written beside the target and moved there at the end, so that it is never half a file.
    """

    def __init__(self, file: DataFile, target: Path | None, summary: ImportSummary) -> None:
        self._file = file
        self._target = target
        self._summary = summary
        self._open: IO[str] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._open is not None and self._target is not None:
            with self._faults_named():
                self._open.close()
                self._part.replace(self._target)
            self._summary.rejects_files.append(str(self._target))

    def add(self, row: Row, at: str, rule: str, reason: str) -> None:
        """Note a rejected row."""
        summary = self._summary
        summary.rejected += 1
        if len(summary.first_rejects) < FIRST_REJECTS:
            summary.first_rejects.append(Reject(str(self._file.path), row.line, at, rule, reason))
        if self._target is not None:
            with self._faults_named():
                if self._open is None:
                    self._open = self._create()
                csv.writer(self._open).writerow([row.line, at, rule, reason, *row.cells])

    def _create(self) -> IO[str]:
        # Personal data of customers: for the owner only, and never through somebody's link.
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
        descriptor = os.open(self._part, flags, 0o600)
        os.fchmod(descriptor, 0o600)
        # Undecodable bytes are written as they came.
        file = os.fdopen(descriptor, "w", encoding="utf-8", errors="surrogateescape", newline="")
        csv.writer(file).writerow(["line", "field", "rule", "reason", *self._file.header])
        return file

    @property
    def _part(self) -> Path:
        assert self._target is not None
        return self._target.with_name(f"{self._target.name}.part")

    @contextmanager
    def _faults_named(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise ImportStoppedError(
                f"{self._target}: cannot be written ({error.strerror or error});"
                " what was imported stays, and it is safe to run the import again"
            ) from error


def _told(fault: Exception) -> str:
    if isinstance(fault, ConcurrentChangeError):
        return "others keep changing the same objects"
    return str(fault)


def _digest(text: str) -> bytes:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
