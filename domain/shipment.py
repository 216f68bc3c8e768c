"""A shipment (运单/快件): facts that the company's transport system tells, in any order.

Life: opened under its waybill, then facts, milestones, a delivery and ratings arrive as they come,
late, twice or out of order. What is already known changes nothing; what contradicts a recorded
delivery is refused. Sources: domain.md 1, 7.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from domain.aggregate import Aggregate, DomainEvent, event
from domain.errors import AlreadyDeliveredError, InvalidValueError, Rule, WrongStateError
from domain.identifiers import Waybill
from domain.labels import Labelled
from domain.metadata import Metadata
from domain.money import Money
from domain.personal import Personal
from domain.rating import Score


class ServiceClass(Labelled):
    """How far a shipment goes (domain.md 1); it decides promises and tariffs."""

    SAME_CITY = "same_city", "same city", "同城"
    SAME_PROVINCE = "same_province", "same province", "省内"
    INTER_PROVINCE = "inter_province", "inter-province", "省际"
    HK_MACAU_TAIWAN = "hk_macau_taiwan", "Hong Kong, Macau, Taiwan", "港澳台"
    INTERNATIONAL = "international", "international", "国际"


class MilestoneKind(Labelled):
    """The steps of a shipment's way (domain.md 1; source 0, 1.1.10-1.1.14)."""

    ORDERED = "ordered", "ordered", "下单"
    ORDER_REVIEWED = "order_reviewed", "order reviewed", "订单审核"
    PICKUP_AGREED = "pickup_agreed", "pick-up agreed", "约定取件"
    PICKED_UP = "picked_up", "picked up", "揽收"
    HUB_SCAN = "hub_scan", "scanned at a hub", "中转扫描"
    SORTING = "sorting", "sorted", "分拣"
    LINE_HAUL = "line_haul", "on the line haul", "干线运输"
    OUT_FOR_DELIVERY = "out_for_delivery", "out for delivery", "派送中"
    EXCEPTION = "exception", "exception", "异常"
    FOLLOW_UP_CALL = "follow_up_call", "follow-up call", "回访"


@dataclass(frozen=True, slots=True)
class ShipmentFacts:
    """What the transport system knows; ``promised_by`` is the promise to the customer.

    Amounts are not negative and in one currency, instants carry a time zone.
    """

    service_class: ServiceClass | None = None
    origin: str | None = None
    destination: str | None = None
    region: str | None = None
    outlet: str | None = None
    accepted_at: datetime | None = None
    promised_by: datetime | None = None
    fee: Money | None = None
    surcharges: Money | None = None
    declared_value: Money | None = None
    insured: bool = False
    customer: UUID | None = None
    partner_reference: str | None = None

    def __post_init__(self) -> None:
        """Refuse amounts below zero, mixed currencies and local times."""
        for name in ("fee", "surcharges", "declared_value"):
            amount: Money | None = getattr(self, name)
            if amount is not None and amount.amount_minor < 0:
                raise InvalidValueError(name, Rule.OUT_OF_RANGE, "≥ 0")
        amounts = (self.fee, self.surcharges, self.declared_value)
        if len({amount.currency for amount in amounts if amount is not None}) > 1:
            raise InvalidValueError("currency", Rule.ONE_CURRENCY)
        for name, at in (("accepted_at", self.accepted_at), ("promised_by", self.promised_by)):
            if at is not None and at.tzinfo is None:
                raise InvalidValueError(name, Rule.NO_TIME_ZONE)


@dataclass(frozen=True, slots=True)
class Milestone:
    """One step of the way, at a place, at the event's business time."""

    kind: MilestoneKind
    place: str | None = None


class Shipment(Aggregate):
    """The file of one waybill."""

    KIND = "shipment"

    class Opened(DomainEvent):
        """The file was opened under its waybill number."""

        TOPIC = "shipment.opened"
        waybill: Waybill
        partner: str | None = None

    class FactsRecorded(DomainEvent):
        """The transport system's facts became known, or replaced earlier ones."""

        TOPIC = "shipment.facts_recorded"
        facts: ShipmentFacts

    class MilestoneRecorded(DomainEvent):
        """A step of the way was reported."""

        TOPIC = "shipment.milestone_recorded"
        milestone: Milestone

    class Delivered(DomainEvent):
        """The shipment was handed over."""

        TOPIC = "shipment.delivered"
        signed_by: Personal | None = None

    class DeliveryRated(DomainEvent):
        """A customer rated the delivery; ``reference`` tells several ratings apart."""

        TOPIC = "shipment.delivery_rated"
        reference: str
        score: Score
        title: Personal | None = None
        comment: Personal | None = None

    waybill: Waybill | None
    partner: str | None
    facts: ShipmentFacts | None
    facts_at: datetime | None
    milestones: set[tuple[datetime, MilestoneKind, str | None]]
    delivered_at: datetime | None
    ratings: set[str]

    def begin(self) -> None:
        """Nothing is known yet."""
        self.waybill = None
        self.partner = None
        self.facts = None
        self.facts_at = None
        self.milestones = set()
        self.delivered_at = None
        self.ratings = set()

    def open(self, waybill: Waybill, partner: str | None, meta: Metadata) -> None:
        """Open the file; opening it again changes nothing."""
        if self.waybill is None:
            self._opened(waybill=waybill, partner=partner, meta=meta)

    def record_facts(self, facts: ShipmentFacts, meta: Metadata) -> None:
        """Take over what the transport system says.

        The same facts again change nothing, and neither do facts that are older, by business time,
        than those already there: they only arrived late.
        """
        late = self.facts_at is not None and meta.occurred_at < self.facts_at
        if facts != self.facts and not late:
            self._facts_recorded(facts=facts, meta=meta)

    def record_milestone(self, milestone: Milestone, meta: Metadata) -> None:
        """Note a step of the way, whatever came before it; a known step changes nothing."""
        if (meta.occurred_at, milestone.kind, milestone.place) not in self.milestones:
            self._milestone_recorded(milestone=milestone, meta=meta)

    def deliver(self, signed_by: Personal | None, meta: Metadata) -> None:
        """Note the delivery; the same again changes nothing, another time of it is refused."""
        if self.delivered_at is None:
            self._delivered(signed_by=signed_by, meta=meta)
        elif self.delivered_at != meta.occurred_at:
            raise AlreadyDeliveredError(self.waybill or "", self.delivered_at.isoformat())

    def rate_delivery(
        self,
        reference: str,
        score: Score,
        meta: Metadata,
        *,
        title: Personal | None = None,
        comment: Personal | None = None,
    ) -> None:
        """Note a customer's rating; a reference that was there before changes nothing."""
        if self.waybill is None:
            raise WrongStateError("rate_delivery", "unknown")
        if reference not in self.ratings:
            self._delivery_rated(
                reference=reference, score=score, title=title, comment=comment, meta=meta
            )

    @event(Opened)
    def _opened(self, waybill: Waybill, partner: str | None, meta: Metadata) -> None:
        self.waybill = waybill
        self.partner = partner

    @event(FactsRecorded)
    def _facts_recorded(self, facts: ShipmentFacts, meta: Metadata) -> None:
        self.facts = facts
        self.facts_at = meta.occurred_at

    @event(MilestoneRecorded)
    def _milestone_recorded(self, milestone: Milestone, meta: Metadata) -> None:
        self.milestones.add((meta.occurred_at, milestone.kind, milestone.place))

    @event(Delivered)
    def _delivered(self, signed_by: Personal | None, meta: Metadata) -> None:
        self.delivered_at = meta.occurred_at

    @event(DeliveryRated)
    def _delivery_rated(
        self,
        reference: str,
        score: Score,
        title: Personal | None,
        comment: Personal | None,
        meta: Metadata,
    ) -> None:
        self.ratings.add(reference)
