"""What came of an import: the summary, and the rows that were rejected, each with its reason."""

import csv
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any, Final, Self

from application.imports.files import DataFile, ImportRule, Row
from domain.errors import Rule

FIRST_REJECTS: Final = 10

REASONS: Final[dict[str, tuple[str, str]]] = {
    Rule.REQUIRED: ("is missing", "缺失"),
    Rule.TOO_LONG: ("is longer than {limit} characters", "超过{limit}个字符"),
    Rule.CONTROL_CHARACTERS: ("holds control characters", "含有控制字符"),
    Rule.NOT_AN_INSTANT: (
        "is not a time in the format of the mapping",
        "不是映射文件所定格式的时间",
    ),
    Rule.BEFORE: ("lies before {limit}", "早于{limit}"),
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

REFUSED: Final = ("the row was refused", "该行被拒绝")


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


class Rejects:
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
