"""Shipments in the schema."""

from datetime import datetime
from enum import Enum
from operator import attrgetter
from typing import Any, LiteralString
from uuid import UUID

import strawberry

from api.graphql.audit import CaseEntry, timeline, timeline_page
from api.graphql.commands import carry_out, copied
from api.graphql.compiler.amounts import money_of
from api.graphql.compiler.declarations import (
    One,
    Pages,
    Planning,
    Row,
    answers,
    json_text,
    many,
    page,
    reads,
)
from api.graphql.compiler.selection import Selected
from api.graphql.compiler.sql import Json, chosen, expression
from api.graphql.context import ApiInfo, Context
from api.graphql.nodes import (
    NODE_LOADERS,
    Connection,
    Node,
    connection_of,
    filter_text,
    global_id,
)
from api.graphql.ratings import Rating, rating_type
from api.graphql.refusals import result_union
from api.graphql.scalars import Lang, Long, Money, label, money
from application.shipments import RateDelivery, RecordDelivery, RecordMilestone, RecordShipment
from domain import identifiers
from domain.errors import AlreadyDeliveredError
from domain.identifiers import shipment_id
from domain.money import Money as DomainMoney
from domain.rating import score
from domain.shipment import Milestone as DomainMilestone
from domain.shipment import MilestoneKind, ServiceClass, ShipmentFacts
from domain.text import code
from projections.paging import Condition, Listing, Order, Window
from projections.ratings import RATINGS, RatingRow
from projections.shipments import MILESTONES, SHIPMENTS, ShipmentRow

_MILESTONES: LiteralString = """
SELECT kind, place, occurred_at FROM read.milestones WHERE shipment = %s
ORDER BY occurred_at, position
"""
_RATINGS: LiteralString = """
SELECT position FROM read.ratings WHERE subject = %s ORDER BY position
"""


@strawberry.type(description="A step of a shipment's way; kind is the name of the step.")
class Milestone:
    """One milestone."""

    kind: str
    place: str | None
    occurred_at: datetime

    @strawberry.field
    def label(self, lang: Lang = Lang.EN) -> str:
        """Name the step."""
        if self.kind == "delivered":
            return "已送达" if lang is Lang.ZH else "delivered"
        return label(MilestoneKind(self.kind), lang)


@strawberry.type(description="A shipment (运单/快件).")
class Shipment(Node):
    """A shipment as its row tells.

    ``past`` holds the rows of a past moment; without it the read models are asked.
    """

    row: strawberry.Private[ShipmentRow]
    past: strawberry.Private[Any]
    waybill: str
    partner_reference: str | None
    origin: str | None
    destination: str | None
    region: str | None
    outlet: str | None
    ordered_at: datetime | None
    accepted_at: datetime | None
    promised_by: datetime | None
    delivered_at: datetime | None
    insured: bool
    last_milestone: str | None
    last_milestone_at: datetime | None
    import_source: str | None
    opened_at: datetime

    @strawberry.field
    def service_class(self) -> ServiceClass | None:
        """Return the service class, if it is known."""
        return None if self.row.service_class is None else ServiceClass(self.row.service_class)

    @strawberry.field
    def fee(self) -> Money | None:
        """Return the fee."""
        return money(self.row.fee_minor, self.row.currency)

    @strawberry.field
    def surcharges(self) -> Money | None:
        """Return the surcharges."""
        return money(self.row.surcharges_minor, self.row.currency)

    @strawberry.field
    def declared_value(self) -> Money | None:
        """Return the declared value."""
        return money(self.row.declared_value_minor, self.row.currency)

    @strawberry.field(description="All milestones by business time.")
    async def milestones(self, info: ApiInfo) -> list[Milestone]:
        """Return the way."""
        if self.past is not None:
            way = sorted(self.past.all(MILESTONES), key=attrgetter("occurred_at", "position"))
            return [Milestone(kind=m.kind, place=m.place, occurred_at=m.occurred_at) for m in way]
        async with info.context.reading() as connection:
            cursor = await connection.execute(_MILESTONES, [self.row.id])
            return [
                Milestone(kind=k, place=p, occurred_at=at) for k, p, at in await cursor.fetchall()
            ]

    @strawberry.field(description="The steps of the shipment itself, in log order.")
    async def timeline(
        self,
        info: ApiInfo,
        first: int | None = None,
        after: str | None = None,
        last: int | None = None,
        before: str | None = None,
    ) -> Connection[CaseEntry]:
        """Return a page of the steps."""
        moment = None if self.past is None else self.past.moment
        return await timeline(info, self.row.id, moment, Window(first, after, last, before))

    @strawberry.field(description="The customers' ratings of the delivery.")
    async def ratings(self, info: ApiInfo) -> list[Rating]:
        """Return the ratings in log order."""
        if self.past is not None:
            return [rating_type(row) for row in self.past.all(RATINGS)]
        async with info.context.reading() as connection:
            cursor = await connection.execute(_RATINGS, [self.row.id])
            positions = [row[0] for row in await cursor.fetchall()]
        rows: list[RatingRow] = await info.context.loader(RATINGS).load_many(positions)
        return [rating_type(row) for row in rows]


def shipment_type(row: ShipmentRow, past: Any = None) -> Shipment:
    """Return the type of a row; ``past`` holds what else there was at a past moment."""
    return copied(Shipment, row, id=global_id("Shipment", row.id), row=row, past=past)


async def _load_node(info: ApiInfo, key: UUID) -> Shipment | None:
    info.context.reach("shipments")
    row: ShipmentRow | None = await info.context.loader(SHIPMENTS).load(key)
    return None if row is None else shipment_type(row)


NODE_LOADERS["Shipment"] = _load_node


@strawberry.input(description="Which shipments; conditions are joined by AND.")
class ShipmentFilter:
    """Conditions."""

    import_source: str | None = None
    region: str | None = None
    outlet: str | None = None
    opened_from: datetime | None = None
    opened_before: datetime | None = None


@strawberry.enum(description="The order of shipments: by the time their file was opened.")
class ShipmentOrder(Enum):
    """By the opening."""

    OPENED_AT_ASC = "asc"
    OPENED_AT_DESC = "desc"


def _shipments(
    context: Context,
    filter: ShipmentFilter | None,  # noqa: A002  the schema's word
    order_by: ShipmentOrder,
    **window: Any,
) -> Listing[ShipmentRow]:
    conditions = context.within("shipments", SHIPMENTS)
    given = filter or ShipmentFilter()
    for column, field, text in (
        ("import_source", "importSource", given.import_source),
        ("region", "region", given.region),
        ("outlet", "outlet", given.outlet),
    ):
        if text is not None:
            conditions.append(Condition(column, "=", filter_text(text, field=field)))
    for operator, at in ((">=", given.opened_from), ("<", given.opened_before)):
        if at is not None:
            conditions.append(Condition("opened_at", operator, at))
    order = Order("opened_at", descending=order_by is ShipmentOrder.OPENED_AT_DESC)
    return Listing(SHIPMENTS, conditions, order, Window(**window))


def _shipment(context: Context, waybill: str) -> list[Condition]:
    found = [Condition("id", "=", shipment_id(identifiers.waybill(waybill)))]
    return [*context.within("shipments", SHIPMENTS), *found]


def _milestone_label(row: Row, selected: Selected, planning: Planning) -> Json:
    lang = planning.argument(selected, "lang")
    texts = {kind.value: json_text(label(kind, lang)) for kind in MilestoneKind}
    texts["delivered"] = '"已送达"' if lang is Lang.ZH else '"delivered"'
    return expression(chosen(row["kind"], texts))


reads("Milestone", MILESTONES, label=_milestone_label)
reads(
    "Shipment",
    SHIPMENTS,
    operation="shipments",
    fee=money_of("fee_minor", "currency"),
    surcharges=money_of("surcharges_minor", "currency"),
    declaredValue=money_of("declared_value_minor", "currency"),
    milestones=many("Milestone", "shipment", "occurred_at, position"),
    ratings=many("Rating", "subject", "position", operation="ratings"),
    timeline=page("CaseEntry", "case_id", timeline_page, "caseHistory"),
)
answers("shipments", Pages("Shipment", _shipments))
answers("shipment", One("Shipment", _shipment))


@strawberry.type
class Query:
    """Questions about shipments."""

    @strawberry.field(description="The shipment of a waybill, if there is one.")
    async def shipment(self, info: ApiInfo, waybill: str) -> Shipment | None:
        """Find by waybill."""
        info.context.reach("shipments")
        return await _load_node(info, shipment_id(identifiers.waybill(waybill)))

    @strawberry.field(description="Shipments, by the time at which their file was opened.")
    async def shipments(
        self,
        info: ApiInfo,
        filter: ShipmentFilter | None = None,  # noqa: A002  the schema's word
        order_by: ShipmentOrder = ShipmentOrder.OPENED_AT_ASC,
        first: int | None = None,
        after: str | None = None,
        last: int | None = None,
        before: str | None = None,
    ) -> Connection[Shipment]:
        """List."""
        window = {"first": first, "after": after, "last": last, "before": before}
        listing = _shipments(info.context, filter, order_by, **window)
        return await connection_of(info, listing, Shipment, shipment_type)  # type: ignore[no-any-return]


@strawberry.type(description="A shipment changed.")
class ShipmentPayload:
    """The shipment, once the read models have seen the change, and the position of the change."""

    key: strawberry.Private[UUID]
    position: Long

    @strawberry.field(
        description="The shipment after the change; null, with an error, if the read models are"
        " late: the change is stored all the same."
    )
    async def shipment(self, info: ApiInfo) -> Shipment | None:
        """Return the shipment as the command left it, or later."""
        row = await info.context.changed(SHIPMENTS, self.key, self.position)
        return None if row is None else shipment_type(row)


def _payload(key: UUID, position: int) -> ShipmentPayload:
    return ShipmentPayload(key=key, position=Long(position))


@strawberry.input(description="An amount in minor units of a currency.")
class MoneyInput:
    """Money."""

    amount_minor: Long
    currency: str


def _money(given: MoneyInput | None) -> DomainMoney | None:
    return None if given is None else DomainMoney(given.amount_minor, given.currency)


@strawberry.input
class RecordShipmentInput:
    """What the transport system knows; it may be told again, and later with more."""

    waybill: str
    service_class: ServiceClass | None = None
    origin: str | None = None
    destination: str | None = None
    region: str | None = None
    outlet: str | None = None
    accepted_at: datetime | None = None
    promised_by: datetime | None = None
    fee: MoneyInput | None = None
    surcharges: MoneyInput | None = None
    declared_value: MoneyInput | None = None
    insured: bool = False
    customer_reference: str | None = None
    partner_reference: str | None = None
    occurred_at: datetime | None = None
    reason: str | None = None


@strawberry.input
class RecordMilestoneInput:
    """A step of the way; occurredAt is when it happened."""

    waybill: str
    kind: MilestoneKind
    place: str | None = None
    occurred_at: datetime | None = None
    reason: str | None = None


@strawberry.input
class RecordDeliveryInput:
    """The delivery; occurredAt is when it happened."""

    waybill: str
    signed_by: str | None = None
    occurred_at: datetime | None = None
    reason: str | None = None


@strawberry.input
class RateDeliveryInput:
    """A customer's rating; the reference tells several of one shipment apart."""

    waybill: str
    reference: str
    score: int
    title: str | None = None
    comment: str | None = None
    occurred_at: datetime | None = None
    reason: str | None = None


def _code(value: str | None, field: str) -> str | None:
    return None if value is None else code(value, field=field)


@strawberry.type
class Mutation:
    """Commands about shipments."""

    @strawberry.mutation(
        description="Take over what the transport system knows of a shipment.",
        graphql_type=result_union("RecordShipmentResult", ShipmentPayload),
    )
    async def record_shipment(self, info: ApiInfo, input: RecordShipmentInput) -> Any:  # noqa: A002
        """Record facts."""

        def build() -> RecordShipment:
            return RecordShipment(
                waybill=identifiers.waybill(input.waybill),
                facts=ShipmentFacts(
                    service_class=input.service_class,
                    origin=_code(input.origin, "origin"),
                    destination=_code(input.destination, "destination"),
                    region=_code(input.region, "region"),
                    outlet=_code(input.outlet, "outlet"),
                    accepted_at=input.accepted_at,
                    promised_by=input.promised_by,
                    fee=_money(input.fee),
                    surcharges=_money(input.surcharges),
                    declared_value=_money(input.declared_value),
                    insured=input.insured,
                    partner_reference=_code(input.partner_reference, "partnerReference"),
                ),
                customer_reference=input.customer_reference,
                occurred_at=input.occurred_at,
                reason=input.reason,
            )

        return await carry_out(info, build, _payload)

    @strawberry.mutation(
        description="Note a step of a shipment's way, in any order.",
        graphql_type=result_union("RecordMilestoneResult", ShipmentPayload),
    )
    async def record_milestone(self, info: ApiInfo, input: RecordMilestoneInput) -> Any:  # noqa: A002
        """Record a milestone."""

        def build() -> RecordMilestone:
            return RecordMilestone(
                waybill=identifiers.waybill(input.waybill),
                milestone=DomainMilestone(input.kind, _code(input.place, "place")),
                occurred_at=input.occurred_at,
                reason=input.reason,
            )

        return await carry_out(info, build, _payload)

    @strawberry.mutation(
        description="Note that a shipment was handed over.",
        graphql_type=result_union("RecordDeliveryResult", ShipmentPayload, AlreadyDeliveredError),
    )
    async def record_delivery(self, info: ApiInfo, input: RecordDeliveryInput) -> Any:  # noqa: A002
        """Record the delivery."""

        def build() -> RecordDelivery:
            return RecordDelivery(
                waybill=identifiers.waybill(input.waybill),
                signed_by=input.signed_by,
                occurred_at=input.occurred_at,
                reason=input.reason,
            )

        return await carry_out(info, build, _payload)

    @strawberry.mutation(
        description="Note a customer's rating of a delivery.",
        graphql_type=result_union("RateDeliveryResult", ShipmentPayload),
    )
    async def rate_delivery(self, info: ApiInfo, input: RateDeliveryInput) -> Any:  # noqa: A002
        """Record a rating."""

        def build() -> RateDelivery:
            return RateDelivery(
                waybill=identifiers.waybill(input.waybill),
                reference=input.reference,
                score=score(input.score),
                title=input.title,
                comment=input.comment,
                occurred_at=input.occurred_at,
                reason=input.reason,
            )

        return await carry_out(info, build, _payload)
