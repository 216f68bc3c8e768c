"""What a row says: commands, or why it is refused."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Final, NamedTuple, TypeVar
from zoneinfo import ZoneInfo

from application.complaints import (
    CONTACT_LENGTH,
    NAME_LENGTH,
    SUBJECT_LENGTH,
    TEXT_LENGTH,
    GivenAnswer,
    ImportComplaint,
    ReceivedComplaint,
)
from application.complaints import REFERENCE_LENGTH as PARTNER_REFERENCE_LENGTH
from application.desk import REFERENCE_LENGTH as CUSTOMER_REFERENCE_LENGTH
from application.dispatch import EARLIEST
from application.imports.files import ImportRule
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
from domain.categories import Category, category_named
from domain.complaint_words import Channel, Severity
from domain.errors import InvalidValueError, Rule
from domain.identifiers import Waybill, waybill
from domain.labels import Labelled
from domain.money import Money, minor_digits
from domain.rating import Score, score
from domain.roles import PersonId, person_id
from domain.shipment import Milestone, MilestoneKind, ServiceClass, ShipmentFacts
from domain.text import checked_text

E = TypeVar("E", bound=Labelled)

PLACE_LENGTH: Final = 100
ANSWER: Final = "Answered; the text of the answer was not handed over. 已答复；答复原文未移交。"
"""What stands for the answer of a complaint of which only the time of the answer is known."""

_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,18}(\.[0-9]{1,18})?", re.ASCII)
_YES: Final = frozenset({"true", "yes", "y", "1"})
_NO: Final = frozenset({"false", "no", "n", "0"})


@dataclass(frozen=True, slots=True)
class RowCommands:
    """What one row asks for."""

    shipment: ImportShipment | None = None
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
        shipment = complaint = None
        if mapping.shipment is not None and self._holds(
            mapping.shipment.when, cells, "shipment.when"
        ):
            shipment = self._shipment(mapping.shipment, cells)
            if mapping.rating is not None and self._holds(
                mapping.rating.when, cells, "rating.when"
            ):
                shipment = replace(shipment, ratings=(self._rating(mapping.rating, cells),))
        if mapping.complaint is not None and self._holds(
            mapping.complaint.when, cells, "complaint.when"
        ):
            complaint = self._complaint(mapping.complaint, cells)
        return RowCommands(shipment, complaint)

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
                self._category(spec.category, row, at + "category"), at + "category"
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
        received_at = _required(
            self._past(spec.received_at, row, at + "received_at"), at + "received_at"
        )
        return ImportComplaint(
            occurred_at=received_at,
            key=_key(spec.key, row, at + "key", PARTNER_REFERENCE_LENGTH),
            received=received,
            answered=self._answer(spec, row, received_at),
        )

    def _answer(
        self, spec: ComplaintMapping, row: "_Cells", received_at: datetime
    ) -> GivenAnswer | None:
        """Read when the customer was told, and what; without a time nobody was."""
        at = self._past(spec.answered_at, row, "complaint.answered_at")
        if at is None:
            return None
        if at < received_at:
            raise InvalidValueError("complaint.answered_at", Rule.BEFORE, received_at.isoformat())
        answer = self._text(spec.answer, row, "complaint.answer", TEXT_LENGTH)
        return GivenAnswer(at=at, answer=answer or ANSWER)

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
        if at is not None and at < EARLIEST:
            raise InvalidValueError(path, Rule.BEFORE, EARLIEST.date().isoformat())
        return at

    def _money(self, value: Amount | None, row: "_Cells", path: str) -> Money | None:
        found = self._raw(value, row, path)
        if value is None or not found:
            return None
        currency = value.currency or self._source.currency
        if self._source.decimal_mark != ".":
            found = found.replace(".", "x").replace(self._source.decimal_mark, ".")
        minor = _number(found, path).scaleb(minor_digits(currency))
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

    def _category(self, value: Choice, row: "_Cells", path: str) -> Category | None:
        """Read a category by any of its names in the tree."""
        found = self._raw(value, row, path)
        try:
            return category_named(found, field=path) if found else None
        except InvalidValueError:
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
