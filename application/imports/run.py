"""The import: files in, commands out, a summary and the rejected rows at the end.

Memory does not grow with the files: rows are read as a stream, a bounded number of them is under
way, and what must be remembered about rows already seen lies in a temporary file.
"""

import asyncio
import os
import re
import sqlite3
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path
from typing import Final, Self, TypeVar
from uuid import UUID

from application.dispatch import CLOCK_SKEW, Call, Command, Dispatcher
from application.eventstore.errors import NotStoredError, OutcomeUnknownError
from application.imports.files import BrokenRow, DataFile, DataFileError, ImportRule, Row
from application.imports.mapping import Mapping
from application.imports.rejects import (
    REASONS,
    REFUSED,
    Counts,
    ImportStoppedError,
    ImportSummary,
    Rejects,
)
from application.imports.rows import RowCommands, Translator
from application.permissions import Caller, relation
from domain.errors import (
    AlreadyDeliveredError,
    ConcurrentChangeError,
    DomainError,
    InvalidValueError,
)
from domain.identifiers import imported_id, shipment_id
from domain.metadata import Source, SourceKind

R = TypeVar("R")

PAUSES: Final = (0.5, 1.0, 2.0)
"""Seconds to wait before a command is tried again after a fault that is no refusal."""
LANE_ROWS: Final = 4
"""How many rows wait in each lane."""
_PROGRESS_ROWS: Final = 100


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an import is, in rows and in bytes of the files as they lie on the disk."""

    rows: int
    bytes_read: int
    bytes_total: int


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
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
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
    """Say where each file's rejected rows go; DataFileError if they could not be written.

    Beside the file, or in the current folder where the file's own cannot be written to.
    """
    targets = {}
    for path in files:
        beside = path.parent if os.access(path.parent, os.W_OK) else Path.cwd()
        targets[path] = (rejects_dir or beside) / f"{path.name}.rejected.csv"
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
        self._rejects: Rejects | None = None
        self._lanes: list[asyncio.Queue[_Item | None]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._seen.close()

    def rejects(self, file: DataFile, target: Path | None) -> Rejects:
        """Return where the rejected rows of a file go."""
        self._rejects = Rejects(file, target, self.summary)
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
        for rating in () if commands.shipment is None else commands.shipment.ratings:
            counts("rating", item.shipment, rating.reference).ratings += 1
        if item.complaint is not None:
            counts("complaint", item.complaint).complaints += 1

    async def _carry_out(self, lane: "asyncio.Queue[_Item | None]") -> None:
        while (item := await lane.get()) is not None:
            summary, commands = self.summary, item.commands
            try:
                if commands.shipment is not None:
                    imported = await self._execute(commands.shipment)
                    (summary.imported if imported.new else summary.unchanged).shipments += 1
                    summary.imported.ratings += imported.new_ratings
                    summary.unchanged.ratings += (
                        len(commands.shipment.ratings) - imported.new_ratings
                    )
                if commands.complaint is not None:
                    new = await self._execute(commands.complaint)
                    (summary.imported if new else summary.unchanged).complaints += 1
            except DomainError as refusal:
                self._refuse(item.row, refusal)

    async def _execute(self, command: Command[R]) -> R:
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
        en, zh = (text.format(limit=limit) for text in REASONS.get(rule, REFUSED))
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


def _told(fault: Exception) -> str:
    if isinstance(fault, ConcurrentChangeError):
        return "others keep changing the same objects"
    return str(fault)


def _digest(text: str) -> bytes:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
