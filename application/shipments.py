"""Commands about shipments."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from application.desk import Desk
from application.dispatch import EARLIEST, Command, handles
from domain.errors import InvalidValueError, Rule
from domain.identifiers import Waybill, shipment_id
from domain.rating import Score
from domain.shipment import Milestone, Shipment, ShipmentFacts
from domain.text import checked_text

NAME_LENGTH: Final = 200
TITLE_LENGTH: Final = 500
COMMENT_LENGTH: Final = 10_000
REFERENCE_LENGTH: Final = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class RecordShipment(Command[UUID]):
    """Take over what the transport system knows of a shipment, now or again."""

    waybill: Waybill
    facts: ShipmentFacts
    customer_reference: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class RecordMilestone(Command[UUID]):
    """Note a step of a shipment's way, which may be known before the shipment itself."""

    waybill: Waybill
    milestone: Milestone


@dataclass(frozen=True, kw_only=True, slots=True)
class RecordDelivery(Command[UUID]):
    """Note that a shipment was handed over, and to whom."""

    waybill: Waybill
    signed_by: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class RateDelivery(Command[UUID]):
    """Note a customer's rating of a delivery; ``reference`` tells several of one shipment apart."""

    waybill: Waybill
    reference: str
    score: Score
    title: str | None = None
    comment: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class RatingOfDelivery:
    """A rating as an import knows it."""

    rated_at: datetime
    reference: str
    score: Score
    title: str | None = None
    comment: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ImportedShipment:
    """What an import found new: anything about the shipment, and how many ratings."""

    new: bool
    new_ratings: int


@dataclass(frozen=True, kw_only=True, slots=True)
class ImportShipment(Command[ImportedShipment]):
    """Take over one shipment with its past; ``occurred_at`` is when it was ordered."""

    waybill: Waybill
    facts: ShipmentFacts
    customer_reference: str | None = None
    milestones: tuple[tuple[datetime, Milestone], ...] = ()
    delivered_at: datetime | None = None
    ratings: tuple[RatingOfDelivery, ...] = ()


@handles(RecordShipment)
async def record_shipment(command: RecordShipment, desk: Desk) -> UUID:
    """Open the waybill's file if need be, and take over the facts."""
    accepted_at = command.facts.accepted_at
    if accepted_at is not None and accepted_at > desk.latest:
        raise InvalidValueError("acceptedAt", Rule.IN_THE_FUTURE)
    shipment = await _opened(command.waybill, desk)
    shipment.record_facts(_facts(command, desk), desk.meta)
    desk.save(shipment)
    return shipment.id


@handles(RecordMilestone)
async def record_milestone(command: RecordMilestone, desk: Desk) -> UUID:
    """Open the waybill's file if need be, and note the step."""
    shipment = await _opened(command.waybill, desk)
    shipment.record_milestone(command.milestone, desk.meta)
    desk.save(shipment)
    return shipment.id


@handles(RecordDelivery)
async def record_delivery(command: RecordDelivery, desk: Desk) -> UUID:
    """Open the waybill's file if need be, and note the delivery."""
    shipment = await _opened(command.waybill, desk)
    recipient = _customer_of(shipment, desk)
    signed_by = desk.personal(
        recipient, command.signed_by, field="signedBy", max_length=NAME_LENGTH
    )
    shipment.deliver(signed_by, desk.meta)
    desk.save(shipment)
    return shipment.id


@handles(RateDelivery)
async def rate_delivery(command: RateDelivery, desk: Desk) -> UUID:
    """Note the rating on the shipment's file."""
    shipment = await desk.load(Shipment, shipment_id(command.waybill))
    _rate(shipment, command, _customer_of(shipment, desk), desk)
    desk.save(shipment)
    return shipment.id


@handles(ImportShipment)
async def import_shipment(command: ImportShipment, desk: Desk) -> ImportedShipment:
    """Take over everything at once, each fact at its own time."""
    shipment = await _opened(command.waybill, desk)
    ratings_before = len(shipment.ratings)
    shipment.record_facts(_facts(command, desk), desk.meta)
    for at, milestone in command.milestones:
        shipment.record_milestone(milestone, replace(desk.meta, occurred_at=_past(at, desk)))
    if command.delivered_at is not None:
        at = _past(command.delivered_at, desk)
        shipment.deliver(None, replace(desk.meta, occurred_at=at))
    new = bool(shipment.pending_events)
    for rating in command.ratings:
        at = _past(rating.rated_at, desk)
        _rate(shipment, rating, _customer_of(shipment, desk), desk, at)
    desk.save(shipment)
    return ImportedShipment(new=new, new_ratings=len(shipment.ratings) - ratings_before)


async def _opened(waybill: Waybill, desk: Desk) -> Shipment:
    """Return the file; it is the partner's who first names the waybill, and to others not there."""
    shipment = await desk.load_or_blank(Shipment, shipment_id(waybill))
    shipment.open(waybill, desk.caller.partner, desk.meta)
    return shipment


def _facts(command: RecordShipment | ImportShipment, desk: Desk) -> ShipmentFacts:
    if command.customer_reference is None:
        return command.facts
    return replace(command.facts, customer=desk.known_customer(command.customer_reference))


def _customer_of(shipment: Shipment, desk: Desk) -> UUID:
    """Return the data subject of texts about a shipment: its customer, else a new one."""
    if shipment.facts is not None and shipment.facts.customer is not None:
        return shipment.facts.customer
    return desk.new_customer()


def _rate(
    shipment: Shipment,
    rating: RateDelivery | RatingOfDelivery,
    customer: UUID,
    desk: Desk,
    at: datetime | None = None,
) -> None:
    shipment.rate_delivery(
        checked_text(rating.reference, field="reference", max_length=REFERENCE_LENGTH),
        rating.score,
        desk.meta if at is None else replace(desk.meta, occurred_at=at),
        title=desk.personal(customer, rating.title, field="title", max_length=TITLE_LENGTH),
        comment=desk.personal(customer, rating.comment, field="comment", max_length=COMMENT_LENGTH),
    )


def _past(at: datetime, desk: Desk) -> datetime:
    if at.tzinfo is None:
        raise InvalidValueError("occurredAt", Rule.NO_TIME_ZONE)
    if at < EARLIEST:
        raise InvalidValueError("occurredAt", Rule.BEFORE, EARLIEST.date().isoformat())
    if at > desk.latest:
        raise InvalidValueError("occurredAt", Rule.IN_THE_FUTURE)
    return at.astimezone(UTC)
