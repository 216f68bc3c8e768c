"""A company's CSV file, row by row.

Files may be larger than memory and damaged: one bad row never costs more than itself.
"""

import codecs
import csv
import gzip
import io
import re
import zlib
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Final, NamedTuple, Self

from application.imports.mapping import Mapping, Source

MAX_ROW_CHARS: Final = 1 << 20
MAX_ROW_LINES: Final = 200
"""How far a quoted field may reach before its opening quote counts as a mistake."""
_SHOWN_OF_LONG_ROW: Final = 1000

_GZIP_MAGIC: Final = b"\x1f\x8b"
_UNDECODED: Final = re.compile("[\udc80-\udcff]")


class ImportRule:
    """The rules that only a row of a file can break, beside ``domain.errors.Rule``."""

    WRONG_COLUMNS = "wrong_columns"
    BAD_QUOTES = "bad_quotes"
    BAD_ENCODING = "bad_encoding"
    ROW_TOO_LONG = "row_too_long"
    TOO_PRECISE = "too_precise"
    CONTRADICTS_ROW = "contradicts_row"


class DataFileError(Exception):
    """A data file cannot be read, or is not what the mapping says; one line, no personal data."""


@dataclass(frozen=True, slots=True)
class Row:
    """The cells of one row, and the line of the file where it starts."""

    line: int
    cells: list[str]


@dataclass(frozen=True, slots=True)
class BrokenRow(Row):
    """What could be read of a row that is none, and the rule that it breaks."""

    rule: str


class _Line(NamedTuple):
    number: int
    text: str
    too_long: bool


class _LineTooLongError(Exception):
    pass


class DataFile:
    """A CSV file, plain or gzip, read as a stream; a context manager, used once."""

    def __init__(self, path: Path, source: Source) -> None:
        self.path = path
        self.header: list[str] = []
        self.size = 0
        self._source = source
        self._line = 0
        self._put_back: deque[_Line] = deque()

    def __enter__(self) -> Self:
        """Open the file and read its header."""
        try:
            self._raw: IO[bytes] = self.path.open("rb")
        except OSError as error:
            raise DataFileError(f"{self.path}: {error.strerror or error}") from None
        try:
            self.size = self.path.stat().st_size
            self._text = self._opened(self._raw)
            self.header = self._read_header()
        except BaseException:
            self._raw.close()
            raise
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the file."""
        self._text.close()
        self._raw.close()

    @property
    def bytes_read(self) -> int:
        """How much of the file, as it lies on the disk, was read."""
        return self._raw.tell()

    def check_columns(self, mapping: Mapping) -> None:
        """Refuse a file without the columns that the mapping reads, or with one of them twice."""
        wanted = {column for columns in mapping.columns().values() for column in columns}
        missing = sorted(wanted.difference(self.header))
        if missing:
            raise DataFileError(
                f"{self.path}: columns missing: {', '.join(missing)}"
                f" (the first line has {len(self.header)} others)"
            )
        twice = sorted(column for column in wanted if self.header.count(column) > 1)
        if twice:
            raise DataFileError(f"{self.path}: columns that occur twice: {', '.join(twice)}")

    def rows(self) -> Iterator[Row]:
        """Yield the rows below the header, broken ones among them; blank lines are none."""
        while (row := self._next_row()) is not None:
            if row.cells or isinstance(row, BrokenRow):
                yield row

    def _opened(self, raw: IO[bytes]) -> io.TextIOWrapper:
        magic = raw.read(len(_GZIP_MAGIC))
        raw.seek(0)
        stream = gzip.GzipFile(fileobj=raw, mode="rb") if magic == _GZIP_MAGIC else raw
        encoding = codecs.lookup(self._source.encoding).name
        if encoding == "utf-8":
            encoding = "utf-8-sig"  # spreadsheets begin UTF-8 with a byte order mark
        return io.TextIOWrapper(stream, encoding, errors="surrogateescape", newline="")

    def _read_header(self) -> list[str]:
        row = self._next_row()
        while row is not None and not row.cells:
            row = self._next_row()
        if row is None:
            raise DataFileError(f"{self.path}: the file is empty, it has no header line")
        if isinstance(row, BrokenRow):
            raise DataFileError(f"{self.path}: the header line breaks the rule {row.rule}")
        return [cell.strip() for cell in row.cells]

    def _next_row(self) -> Row | None:
        taken: list[_Line] = []
        cells: list[str] = []
        rule: str | None = None
        reader = csv.reader(self._lines(taken), delimiter=self._source.delimiter, strict=True)
        try:
            cells = next(reader)
        except StopIteration:
            return None
        except _LineTooLongError:
            rule = ImportRule.ROW_TOO_LONG if len(taken) == 1 else ImportRule.BAD_QUOTES
        except csv.Error as error:
            too_long = "field limit" in str(error)
            rule = ImportRule.ROW_TOO_LONG if too_long else ImportRule.BAD_QUOTES
        if rule is None and self.header and cells and len(cells) != len(self.header):
            rule = ImportRule.WRONG_COLUMNS
        first = taken[0]
        if rule is not None and len(taken) > 1:
            # A quote that was never meant to open a field: only its own line is lost.
            self._put_back.extendleft(reversed(taken[1:]))
            rule, cells = ImportRule.BAD_QUOTES, []
        elif rule is None and any(_UNDECODED.search(line.text) for line in taken):
            rule = ImportRule.BAD_ENCODING
        if rule is None:
            return Row(first.number, cells)
        shown = cells or [first.text.rstrip("\r\n")[:_SHOWN_OF_LONG_ROW]]
        return BrokenRow(first.number, shown, rule)

    def _lines(self, taken: list[_Line]) -> Iterator[str]:
        """Yield lines for one row as long as its quotes ask for more, noting them in ``taken``."""
        chars = 0
        while len(taken) < MAX_ROW_LINES and chars < MAX_ROW_CHARS:
            line = self._put_back.popleft() if self._put_back else self._read_line()
            if line is None:
                return
            taken.append(line)
            if line.too_long:
                raise _LineTooLongError
            chars += len(line.text)
            yield line.text

    def _read_line(self) -> _Line | None:
        try:
            text = self._text.readline(MAX_ROW_CHARS)
            rest, too_long = text, False
            while len(rest) == MAX_ROW_CHARS and not rest.endswith(("\n", "\r")):
                rest, too_long = self._text.readline(MAX_ROW_CHARS), True
        except (OSError, EOFError, zlib.error) as error:
            name = error.strerror if isinstance(error, OSError) and error.strerror else error
            raise DataFileError(
                f"{self.path}: unreadable after line {self._line}: {name}"
            ) from None
        except UnicodeError:
            raise DataFileError(
                f"{self.path}: not {self._source.encoding} after line {self._line}"
            ) from None
        if not text:
            return None
        self._line += 1
        return _Line(self._line, text[:_SHOWN_OF_LONG_ROW] if too_long else text, too_long)
