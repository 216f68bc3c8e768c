"""Mapping files: which column of a company's CSV file becomes which fact.

The format is described in docs/import/README.md; ``parse_mapping`` refuses everything else.
"""

import re
import tomllib
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, Self
from zoneinfo import ZoneInfo

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    field_validator,
    model_validator,
)

from domain.categories import Category
from domain.complaint_words import Channel, Severity
from domain.labels import Labelled
from domain.shipment import MilestoneKind, ServiceClass

ISO_8601: Final = "iso8601"
"""The time format that understands every RFC 3339 instant and local time without a zone."""

_PLACEHOLDER: Final = re.compile(r"\{([^{}]+)\}")


class MappingError(Exception):
    """The mapping file is wrong; the text is one line that names the key and the rule."""


def _as_text(value: object) -> object:
    """Let constants be written as TOML booleans and whole numbers, too."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int) else value


def _as_list(value: object) -> object:
    return value if isinstance(value, list) else [value]


Text = Annotated[str, StringConstraints(min_length=1), BeforeValidator(_as_text)]
Column = Annotated[str, StringConstraints(min_length=1)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Template:
    """A text with columns in braces, such as ``Order {order_id}``."""

    def __init__(self, text: str) -> None:
        if re.search(r"[{}]", _PLACEHOLDER.sub("", text)):
            raise ValueError("braces must enclose a column name")
        self.text: Final = text
        self.columns: Final = tuple(_PLACEHOLDER.findall(text))

    def fill(self, row: dict[str, str]) -> str:
        """Put the row's cells in; blank if the template names columns and all of them are."""
        if self.columns and not any(row[column].strip() for column in self.columns):
            return ""
        return _PLACEHOLDER.sub(lambda found: row[found[1]].strip(), self.text)


class Value(_Table):
    """Where a text comes from: a column, a constant or a template; a plain string is a column.

    ``map`` translates what was found and refuses what it does not list; ``default``, a template,
    stands in for a blank cell.
    """

    column: Column | None = None
    value: Text | None = None
    template: Text | None = None
    map: dict[str, Text] = Field(default_factory=dict)
    default: Text | None = None

    @model_validator(mode="before")
    @classmethod
    def _plain_string_is_a_column(cls, given: object) -> object:
        return {"column": given} if isinstance(given, str) else given

    @field_validator("template", "default")
    @classmethod
    def _is_template(cls, given: str | None) -> str | None:
        if given is not None:
            Template(given)
        return given

    @model_validator(mode="after")
    def _has_one_origin(self) -> Self:
        if sum(o is not None for o in (self.column, self.value, self.template)) != 1:
            raise ValueError("give exactly one of column, value, template")
        self._check_constants()
        return self

    def _check_constants(self) -> None:
        """Refuse constants that no row could be imported with."""

    def columns(self) -> Iterator[str]:
        """Name the columns that this value reads."""
        if self.column is not None:
            yield self.column
        for text in (self.template, self.default):
            if text is not None:
                yield from Template(text).columns


class Choice(Value):
    """A value of a closed list."""

    choices: ClassVar[type[Labelled]]

    def _check_constants(self) -> None:
        written = [self.value, self.default, *self.map.values()]
        unknown = next((w for w in written if w is not None and w not in set(self.choices)), None)
        if unknown is not None:
            raise ValueError(f"{unknown!r} is not one of {', '.join(self.choices)}")


class ServiceClassChoice(Choice):
    """A service class."""

    choices = ServiceClass


class ChannelChoice(Choice):
    """A channel of complaints."""

    choices = Channel


class CategoryChoice(Choice):
    """A category of complaints."""

    choices = Category


class SeverityChoice(Choice):
    """A severity of complaints."""

    choices = Severity


def _checked_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"no time zone is called {name!r}") from None
    return name


Zone = Annotated[str, BeforeValidator(_as_text), Field(min_length=1)]


class Time(Value):
    """An instant, in the time format and zone of the source unless it has its own."""

    format: Text | None = None
    zone: Zone | None = None

    @field_validator("zone")
    @classmethod
    def _known_zone(cls, given: str | None) -> str | None:
        return None if given is None else _checked_zone(given)


class MilestoneTime(Time):
    """When a milestone was passed, and perhaps where."""

    place: Value | None = None


class Amount(Value):
    """An amount in major units, such as 9.34, in the currency of the source or its own."""

    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")] | None = None


class Condition(_Table):
    """One test of a cell; a blank cell passes only ``present = false`` and ``equals = ""``."""

    column: Column
    present: bool | None = None
    equals: Annotated[str, BeforeValidator(_as_text)] | None = None
    one_of: list[Text] | None = None
    at_most: Decimal | None = None
    at_least: Decimal | None = None

    @model_validator(mode="after")
    def _has_one_test(self) -> Self:
        tests = (self.present, self.equals, self.one_of, self.at_most, self.at_least)
        if sum(test is not None for test in tests) != 1:
            raise ValueError("give exactly one of present, equals, one_of, at_most, at_least")
        return self


Conditions = Annotated[tuple[Condition, ...], BeforeValidator(_as_list)]
Key = Annotated[tuple[Column, ...], BeforeValidator(_as_list), Field(min_length=1)]


class Source(_Table):
    """The file as a whole: who wrote it, and how."""

    name: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")]
    time_zone: Zone
    time_format: Text = ISO_8601
    encoding: Text = "utf-8"
    delimiter: Annotated[str, StringConstraints(min_length=1, max_length=1)] = ","
    decimal_mark: Annotated[str, StringConstraints(pattern=r"^[.,]$")] = "."
    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")] = "CNY"

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, given: str) -> str:
        return _checked_zone(given)

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, given: str) -> str:
        try:
            "x".encode(given)
        except (LookupError, UnicodeError):
            raise ValueError(f"no text encoding is called {given!r}") from None
        return given

    @field_validator("delimiter")
    @classmethod
    def _usable_delimiter(cls, given: str) -> str:
        if given in '"\r\n ' or not given.isascii():
            raise ValueError("is an ASCII character other than quote, space and line break")
        return given


class ShipmentMapping(_Table):
    """Which columns become a shipment."""

    when: Conditions = ()
    waybill: Value
    ordered_at: Time
    customer_reference: Value | None = None
    service_class: ServiceClassChoice | None = None
    origin: Value | None = None
    destination: Value | None = None
    region: Value | None = None
    outlet: Value | None = None
    accepted_at: Time | None = None
    promised_by: Time | None = None
    delivered_at: Time | None = None
    fee: Amount | None = None
    surcharges: Amount | None = None
    declared_value: Amount | None = None
    insured: Value | None = None
    partner_reference: Value | None = None
    milestones: dict[
        MilestoneKind, Annotated[tuple[MilestoneTime, ...], BeforeValidator(_as_list)]
    ] = Field(default_factory=dict)


class RatingMapping(_Table):
    """Which columns become a rating of the shipment's delivery."""

    when: Conditions = ()
    key: Key
    rated_at: Time
    score: Value
    title: Value | None = None
    comment: Value | None = None


class ComplaintMapping(_Table):
    """Which columns become a complaint."""

    when: Conditions = ()
    key: Key
    received_at: Time
    channel: ChannelChoice
    category: CategoryChoice
    severity: SeverityChoice | None = None
    urgent: Value | None = None
    complainant: Value
    contact: Value | None = None
    customer_reference: Value | None = None
    subject: Value
    facts: Value
    request: Value | None = None
    waybill: Value | None = None
    region: Value | None = None
    outlet: Value | None = None
    accused: Value | None = None
    partner_reference: Value | None = None
    answered_at: Time | None = None
    answer: Value | None = None

    @model_validator(mode="after")
    def _answers_at_a_time(self) -> Self:
        if self.answer is not None and self.answered_at is None:
            raise ValueError("answer needs answered_at: when the customer was told")
        return self


class Mapping(_Table):
    """A whole mapping file."""

    source: Source
    shipment: ShipmentMapping | None = None
    rating: RatingMapping | None = None
    complaint: ComplaintMapping | None = None

    @model_validator(mode="after")
    def _maps_something(self) -> Self:
        if self.shipment is None and self.complaint is None:
            raise ValueError("give [shipment] or [complaint]")
        if self.rating is not None and self.shipment is None:
            raise ValueError("[rating] needs [shipment]: it rates a delivery")
        return self

    def columns(self) -> dict[str, list[str]]:
        """Name, for each key path such as ``shipment.fee``, the columns that it reads."""
        found: dict[str, list[str]] = {}
        for path, column in _columns(self, ""):
            named = found.setdefault(path, [])
            if column not in named:
                named.append(column)
        return found


def parse_mapping(text: str) -> Mapping:
    """Parse the text of a mapping file; MappingError says what is wrong with it."""
    try:
        return Mapping.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise MappingError(f"not TOML: {error}") from None
    except ValidationError as error:
        raise MappingError(_in_one_line(error)) from None


def read_mapping(path: Path) -> Mapping:
    """Read and parse a mapping file; MappingError names the file and what is wrong with it."""
    try:
        return parse_mapping(path.read_text("utf-8"))
    except OSError as error:
        raise MappingError(f"{path}: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise MappingError(f"{path}: not UTF-8") from None
    except MappingError as error:
        raise MappingError(f"{path}: {error}") from None


def _columns(node: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(node, Value):
        yield from ((path, column) for column in node.columns())
        if isinstance(node, MilestoneTime):
            yield from _columns(node.place, f"{path}.place")
    elif isinstance(node, Condition):
        yield path, node.column
    elif isinstance(node, BaseModel):
        for name in type(node).model_fields:
            yield from _columns(getattr(node, name), f"{path}.{name}".lstrip("."))
    elif isinstance(node, dict):
        for name, inner in node.items():
            yield from _columns(inner, f"{path}.{name}")
    elif isinstance(node, tuple):
        for inner in node:
            yield from ((path, inner),) if isinstance(inner, str) else _columns(inner, path)


def _in_one_line(error: ValidationError) -> str:
    problems = error.errors(include_url=False)
    # What is not known is most often a misspelling of what is missing: say that first.
    first = min(problems, key=lambda p: p["type"] != "extra_forbidden")
    path = ".".join(str(part) for part in first["loc"] if part != "[key]")
    match first["type"]:
        case "extra_forbidden":
            said = "no such key"
        case "missing":
            said = "is required"
        case "model_type" | "model_attributes_type":
            said = "must be a column name or a table"
        case _:
            said = first["msg"].removeprefix("Value error, ")
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return f"{path or 'the file'}: {said}{more}".replace("\n", " ")
