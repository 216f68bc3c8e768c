"""A company's CSV file, row by row, and what each row says: commands, or why it is refused.

Files may be larger than memory and damaged: one bad row never costs more than itself.
"""

import codecs
import csv
import gzip
import io
import re
import zlib
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import IO, Final, NamedTuple, Self, TypeVar
from zoneinfo import ZoneInfo

from application.complaints import (
    CONTACT_LENGTH,
    NAME_LENGTH,
    SUBJECT_LENGTH,
    TEXT_LENGTH,
    ImportComplaint,
    ReceivedComplaint,
)
from application.complaints import REFERENCE_LENGTH as PARTNER_REFERENCE_LENGTH
from application.imports.mapping import (
    ISO_8601,
    Amount,
    Choice,
    ComplaintMapping,
    Condition,
    Mapping,
    MilestoneTime,
    RatingMapping,
    ShipmentMapping,
    Source,
    Template,
    Time,
    Value,
)
from application.shipments import (
    COMMENT_LENGTH,
    REFERENCE_LENGTH,
    TITLE_LENGTH,
    ImportShipment,
    RatingOfDelivery,
)
from domain.complaint import Category, Channel, Severity
from domain.errors import InvalidValueError, Rule
from domain.identifiers import Waybill, waybill
from domain.labels import Labelled
from domain.money import Money
from domain.rating import Score, score
from domain.roles import PersonId, person_id
from domain.shipment import Milestone, MilestoneKind, ServiceClass, ShipmentFacts
from domain.text import checked_text

E = TypeVar("E", bound=Labelled)

MAX_ROW_CHARS: Final = 1 << 20
MAX_ROW_LINES: Final = 200
"""How far a quoted field may reach before its opening quote counts as a mistake."""
PLACE_LENGTH: Final = 100
CUSTOMER_REFERENCE_LENGTH: Final = 200
_SHOWN_OF_LONG_ROW: Final = 1000

_GZIP_MAGIC: Final = b"\x1f\x8b"
_UNDECODED: Final = re.compile("[\udc80-\udcff]")
_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,18}(\.[0-9]{1,18})?", re.ASCII)
_WHOLE: Final = re.compile("BIF|CLP|DJF|GNF|ISK|JPY|KMF|KRW|PYG|RWF|UGX|UYI|VND|VUV|XAF|XOF|XPF")
_THOUSANDTHS: Final = re.compile("BHD|IQD|JOD|KWD|LYD|OMR|TND")
"""ISO 4217 currencies whose minor unit is not a hundredth."""
_YES: Final = frozenset({"true", "yes", "y", "1"})
_NO: Final = frozenset({"false", "no", "n", "0"})


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
                f" (the file has {', '.join(self.header)})"
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


@dataclass(frozen=True, slots=True)
class RowCommands:
    """What one row asks for; ``rating`` repeats the shipment, with its rating."""

    shipment: ImportShipment | None = None
    rating: ImportShipment | None = None
    complaint: ImportComplaint | None = None


class Translator:
    """Turns rows into commands as a mapping says; InvalidValueError names the key path."""

    def __init__(self, mapping: Mapping) -> None:
        self._mapping = mapping
        self._source = mapping.source
        self._templates: dict[str, Template] = {}

    def commands(self, row: dict[str, str], latest: datetime) -> RowCommands:
        """Translate a row; no fact of the past may be later than ``latest``.

        Everything is checked here that can be without the store, so that a row is either
        imported whole or not at all.
        """
        mapping = self._mapping
        cells = _Cells(row, latest)
        shipment = rating = complaint = None
        if mapping.shipment is not None and self._holds(
            mapping.shipment.when, cells, "shipment.when"
        ):
            shipment = self._shipment(mapping.shipment, cells)
            if mapping.rating is not None and self._holds(
                mapping.rating.when, cells, "rating.when"
            ):
                rating = replace(shipment, ratings=(self._rating(mapping.rating, cells),))
        if mapping.complaint is not None and self._holds(
            mapping.complaint.when, cells, "complaint.when"
        ):
            complaint = self._complaint(mapping.complaint, cells)
        return RowCommands(shipment, rating, complaint)

    def _shipment(self, spec: ShipmentMapping, row: "_Cells") -> ImportShipment:
        text, time, money = self._text, self._past, self._money
        facts = ShipmentFacts(
            service_class=self._choice(
                spec.service_class, ServiceClass, row, "shipment.service_class"
            ),
            origin=text(spec.origin, row, "shipment.origin", PLACE_LENGTH),
            destination=text(spec.destination, row, "shipment.destination", PLACE_LENGTH),
            region=text(spec.region, row, "shipment.region", PLACE_LENGTH),
            outlet=text(spec.outlet, row, "shipment.outlet", PLACE_LENGTH),
            accepted_at=time(spec.accepted_at, row, "shipment.accepted_at"),
            promised_by=self._time(spec.promised_by, row, "shipment.promised_by"),
            fee=money(spec.fee, row, "shipment.fee"),
            surcharges=money(spec.surcharges, row, "shipment.surcharges"),
            declared_value=money(spec.declared_value, row, "shipment.declared_value"),
            insured=self._yes(spec.insured, row, "shipment.insured"),
            partner_reference=text(
                spec.partner_reference, row, "shipment.partner_reference", PARTNER_REFERENCE_LENGTH
            ),
        )
        return ImportShipment(
            occurred_at=_required(
                time(spec.ordered_at, row, "shipment.ordered_at"), "shipment.ordered_at"
            ),
            waybill=_required(
                self._waybill(spec.waybill, row, "shipment.waybill"), "shipment.waybill"
            ),
            facts=facts,
            customer_reference=text(
                spec.customer_reference,
                row,
                "shipment.customer_reference",
                CUSTOMER_REFERENCE_LENGTH,
            ),
            milestones=tuple(
                milestone
                for kind, times in spec.milestones.items()
                for each in times
                if (milestone := self._milestone(kind, each, row)) is not None
            ),
            delivered_at=time(spec.delivered_at, row, "shipment.delivered_at"),
        )

    def _milestone(
        self, kind: MilestoneKind, spec: MilestoneTime, row: "_Cells"
    ) -> tuple[datetime, Milestone] | None:
        path = f"shipment.milestones.{kind.value}"
        at = self._past(spec, row, path)
        if at is None:
            return None
        return at, Milestone(kind, self._text(spec.place, row, f"{path}.place", PLACE_LENGTH))

    def _rating(self, spec: RatingMapping, row: "_Cells") -> RatingOfDelivery:
        return RatingOfDelivery(
            rated_at=_required(
                self._past(spec.rated_at, row, "rating.rated_at"), "rating.rated_at"
            ),
            reference=_key(spec.key, row, "rating.key", REFERENCE_LENGTH),
            score=self._score(spec.score, row, "rating.score"),
            title=self._text(spec.title, row, "rating.title", TITLE_LENGTH),
            comment=self._text(spec.comment, row, "rating.comment", COMMENT_LENGTH),
        )

    def _complaint(self, spec: ComplaintMapping, row: "_Cells") -> ImportComplaint:
        text, at = self._text, "complaint."

        def must(value: Value, name: str, max_length: int) -> str:
            return _required(text(value, row, at + name, max_length), at + name)

        received = ReceivedComplaint(
            channel=_required(
                self._choice(spec.channel, Channel, row, at + "channel"), at + "channel"
            ),
            category=_required(
                self._choice(spec.category, Category, row, at + "category"), at + "category"
            ),
            severity=self._choice(spec.severity, Severity, row, at + "severity")
            or Severity.GENERAL,
            urgent=self._yes(spec.urgent, row, at + "urgent"),
            complainant=must(spec.complainant, "complainant", NAME_LENGTH),
            contact=text(spec.contact, row, at + "contact", CONTACT_LENGTH),
            customer_reference=text(
                spec.customer_reference, row, at + "customer_reference", CUSTOMER_REFERENCE_LENGTH
            ),
            subject=must(spec.subject, "subject", SUBJECT_LENGTH),
            facts=must(spec.facts, "facts", TEXT_LENGTH),
            request=text(spec.request, row, at + "request", TEXT_LENGTH),
            waybill=self._waybill(spec.waybill, row, at + "waybill"),
            region=text(spec.region, row, at + "region", PLACE_LENGTH),
            outlet=text(spec.outlet, row, at + "outlet", PLACE_LENGTH),
            accused=self._person(spec.accused, row, at + "accused"),
            partner_reference=text(
                spec.partner_reference, row, at + "partner_reference", PARTNER_REFERENCE_LENGTH
            ),
        )
        return ImportComplaint(
            occurred_at=_required(
                self._past(spec.received_at, row, at + "received_at"), at + "received_at"
            ),
            key=_key(spec.key, row, at + "key", PARTNER_REFERENCE_LENGTH),
            received=received,
        )

    def _raw(self, value: Value | None, row: "_Cells", path: str) -> str:
        """Return what the mapping finds for a value, mapped, blank if nothing."""
        if value is None:
            return ""
        if value.column is not None:
            found = row.cells[value.column].strip()
        elif value.template is not None:
            found = self._filled(value.template, row)
        else:
            found = value.value or ""
        if not found:
            return self._filled(value.default, row) if value.default is not None else ""
        if value.map:
            mapped = value.map.get(found)
            if mapped is None:
                raise InvalidValueError(path, Rule.NOT_IN_LIST)
            return mapped
        return found

    def _filled(self, text: str, row: "_Cells") -> str:
        template = self._templates.get(text)
        if template is None:
            template = self._templates[text] = Template(text)
        return template.fill(row.cells).strip()

    def _text(self, value: Value | None, row: "_Cells", path: str, max_length: int) -> str | None:
        found = self._raw(value, row, path)
        return checked_text(found, field=path, max_length=max_length) if found else None

    def _time(self, value: Time | None, row: "_Cells", path: str) -> datetime | None:
        found = self._raw(value, row, path)
        if value is None or not found:
            return None
        source = self._source
        try:
            return _instant(
                found, value.format or source.time_format, value.zone or source.time_zone
            )
        except (ValueError, OverflowError):
            raise InvalidValueError(path, Rule.NOT_AN_INSTANT) from None

    def _past(self, value: Time | None, row: "_Cells", path: str) -> datetime | None:
        at = self._time(value, row, path)
        if at is not None and at > row.latest:
            raise InvalidValueError(path, Rule.IN_THE_FUTURE)
        return at

    def _money(self, value: Amount | None, row: "_Cells", path: str) -> Money | None:
        found = self._raw(value, row, path)
        if value is None or not found:
            return None
        currency = value.currency or self._source.currency
        if self._source.decimal_mark != ".":
            found = found.replace(".", "x").replace(self._source.decimal_mark, ".")
        minor = _number(found, path).scaleb(_minor_digits(currency))
        if minor != minor.to_integral_value():
            raise InvalidValueError(path, ImportRule.TOO_PRECISE)
        if minor < 0:
            raise InvalidValueError(path, Rule.OUT_OF_RANGE, "≥ 0")
        try:
            return Money(int(minor), currency)
        except InvalidValueError as error:
            raise InvalidValueError(path, error.rule, error.limit) from None

    def _score(self, value: Value, row: "_Cells", path: str) -> Score:
        number = _number(_required(self._raw(value, row, path) or None, path), path)
        if number != number.to_integral_value():
            raise InvalidValueError(path, Rule.NOT_A_NUMBER)
        return score(int(number), field=path)

    def _choice(self, value: Choice | None, choices: type[E], row: "_Cells", path: str) -> E | None:
        found = self._raw(value, row, path)
        if not found:
            return None
        try:
            return choices._value2member_map_[found]  # type: ignore[return-value]
        except KeyError:
            raise InvalidValueError(path, Rule.NOT_IN_LIST) from None

    def _yes(self, value: Value | None, row: "_Cells", path: str) -> bool:
        found = self._raw(value, row, path).lower()
        if found and found not in _YES | _NO:
            raise InvalidValueError(path, Rule.NOT_IN_LIST)
        return found in _YES

    def _waybill(self, value: Value | None, row: "_Cells", path: str) -> Waybill | None:
        found = self._raw(value, row, path)
        return waybill(found, field=path) if found else None

    def _person(self, value: Value | None, row: "_Cells", path: str) -> PersonId | None:
        found = self._raw(value, row, path)
        return person_id(found, field=path) if found else None

    def _holds(self, conditions: Sequence[Condition], row: "_Cells", path: str) -> bool:
        return all(_passes(condition, row, path) for condition in conditions)


class _Cells(NamedTuple):
    cells: dict[str, str]
    latest: datetime


V = TypeVar("V")


def _required(value: V | None, path: str) -> V:
    if value is None:
        raise InvalidValueError(path, Rule.REQUIRED)
    return value


def _key(columns: Sequence[str], row: _Cells, path: str, max_length: int) -> str:
    """Join the cells of a key by colons; colons inside are escaped, so that no two keys meet."""
    parts = [row.cells[column].strip() for column in columns]
    if not any(parts):
        raise InvalidValueError(path, Rule.REQUIRED)
    joined = ":".join(part.replace("\\", "\\\\").replace(":", "\\:") for part in parts)
    return checked_text(joined, field=path, max_length=max_length)


def _number(text: str, path: str) -> Decimal:
    if not _NUMBER.fullmatch(text):
        raise InvalidValueError(path, Rule.NOT_A_NUMBER)
    return Decimal(text)


def _minor_digits(currency: str) -> int:
    if _WHOLE.fullmatch(currency):
        return 0
    return 3 if _THOUSANDTHS.fullmatch(currency) else 2


def _passes(condition: Condition, row: _Cells, path: str) -> bool:
    found = row.cells[condition.column].strip()
    if condition.present is not None:
        return bool(found) is condition.present
    if condition.equals is not None:
        return found == condition.equals
    if condition.one_of is not None:
        return found in condition.one_of
    if not found:
        return False
    number = _number(found, path)
    if condition.at_most is not None:
        return number <= condition.at_most
    return condition.at_least is not None and number >= condition.at_least


@lru_cache(maxsize=1024)
def _instant(text: str, time_format: str, zone: str) -> datetime:
    """Parse a time; an ambiguous local one is the earlier instant, a skipped one is moved on."""
    if time_format == ISO_8601:
        at = datetime.fromisoformat(text)
    else:
        at = datetime.strptime(text, time_format)  # noqa: DTZ007  the zone follows
    if at.tzinfo is None:
        at = at.replace(tzinfo=ZoneInfo(zone))  # fold=0: both cases as promised
    return at.astimezone(UTC)
