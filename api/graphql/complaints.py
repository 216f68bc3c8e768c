"""Complaints in the schema."""

from collections.abc import Callable
from datetime import datetime
from enum import Enum
from typing import Any
from uuid import UUID

import strawberry

from api.graphql.commands import carry_out, copied
from api.graphql.context import ApiInfo
from api.graphql.nodes import (
    NODE_LOADERS,
    Connection,
    Edge,
    Node,
    as_uuid,
    connection_of,
    filter_text,
    global_id,
)
from api.graphql.refusals import result_union
from api.graphql.scalars import Lang, Long, label
from api.graphql.shipments import Shipment, shipment_type
from application.complaints import (
    AnswerComplaint,
    AssignComplaint,
    CloseComplaint,
    DeclineComplaint,
    RateHandling,
    ReceiveComplaint,
    ReceivedComplaint,
    RegisterComplaint,
)
from domain import identifiers
from domain.categories import Category
from domain.complaint_life import ComplaintState
from domain.complaint_words import Channel, Severity
from domain.errors import AlreadyRatedError, ConflictOfInterestError
from domain.rating import score
from domain.roles import person_id
from domain.text import code
from projections.complaints import COMPLAINT_TEXTS, COMPLAINTS, ComplaintRow, ComplaintTextsRow
from projections.paging import Condition, Listing, Order, Window
from projections.shipments import SHIPMENTS

_COMPLAINT_BY_NUMBER = "SELECT id FROM read.complaints WHERE number = %s"


def _text(name: str, description: str) -> Any:
    """Return a field of the personal texts; null for roles that may not see them."""

    async def resolve(root: "Complaint", info: ApiInfo) -> str | None:
        if not info.context.may("personalData"):
            return None
        texts: ComplaintTextsRow | None = await info.context.loader(COMPLAINT_TEXTS).load(
            root.row.id
        )
        return None if texts is None else getattr(texts, name)

    return strawberry.field(resolver=resolve, description=description)


@strawberry.type(description="A complaint (投诉), an enquiry or a suggestion.")
class Complaint(Node):
    """A complaint as its row tells; what people wrote only for roles that may read it."""

    row: strawberry.Private[ComplaintRow]
    number: str
    urgent: bool
    waybill: str | None
    region: str | None
    outlet: str | None
    department: str | None
    handler: str | None
    partner_reference: str | None
    received_at: datetime
    registered_at: datetime | None
    declined_at: datetime | None
    assigned_at: datetime | None
    answered_at: datetime | None
    closed_at: datetime | None
    first_contact: bool | None
    score: int | None
    import_source: str | None
    historical: bool
    state: ComplaintState
    channel: Channel
    category: Category
    severity: Severity

    complainant: str | None = _text("complainant", "Who complains.")
    contact: str | None = _text("contact", "How to reach them.")
    subject: str | None = _text("subject", "What it is about, in a line.")
    facts: str | None = _text("facts", "What happened.")
    request: str | None = _text("request", "What the customer asks for (诉求).")
    explanation: str | None = _text("explanation", "Why it was declined.")
    answer: str | None = _text("answer", "What the customer was told.")
    rating_comment: str | None = _text("rating_comment", "What the customer said of the handling.")

    @strawberry.field
    def state_label(self, lang: Lang = Lang.EN) -> str:
        """Name the state."""
        return label(self.state, lang)

    @strawberry.field
    def channel_label(self, lang: Lang = Lang.EN) -> str:
        """Name the channel."""
        return label(self.channel, lang)

    @strawberry.field
    def category_label(self, lang: Lang = Lang.EN) -> str:
        """Name the category."""
        return label(self.category, lang)

    @strawberry.field
    def severity_label(self, lang: Lang = Lang.EN) -> str:
        """Name the severity."""
        return label(self.severity, lang)

    @strawberry.field(description="The shipment that the complaint is about, if it is known.")
    async def shipment(self, info: ApiInfo) -> Shipment | None:
        """Return the shipment, if the caller may see it."""
        if self.row.shipment is None:
            return None
        partner = info.context.partner_scope("shipments")
        row = await info.context.loader(SHIPMENTS).load(self.row.shipment)
        if row is None or (partner is not None and row.partner != partner):
            return None
        return shipment_type(row)


def complaint_type(row: ComplaintRow) -> Complaint:
    """Return the type of a row."""
    return copied(
        Complaint,
        row,
        id=global_id("Complaint", row.id),
        row=row,
        state=ComplaintState(row.state),
        channel=Channel(row.channel),
        category=Category(row.category),
        severity=Severity(row.severity),
    )


async def _load_node(info: ApiInfo, key: UUID) -> Complaint | None:
    partner = info.context.partner_scope("complaints")
    row: ComplaintRow | None = await info.context.loader(COMPLAINTS).load(key)
    visible = row is not None and (partner is None or row.partner == partner)
    return complaint_type(row) if row is not None and visible else None


NODE_LOADERS["Complaint"] = _load_node


@strawberry.input(description="Which complaints; conditions are joined by AND.")
class ComplaintFilter:
    """Conditions."""

    state: ComplaintState | None = None
    category: Category | None = None
    severity: Severity | None = None
    urgent: bool | None = None
    department: str | None = None
    handler: str | None = None
    region: str | None = None
    outlet: str | None = None
    waybill: str | None = None
    import_source: str | None = None
    received_from: datetime | None = None
    received_before: datetime | None = None


@strawberry.enum(description="The order of complaints.")
class ComplaintOrder(Enum):
    """By the time of receipt."""

    RECEIVED_AT_ASC = "asc"
    RECEIVED_AT_DESC = "desc"


def _conditions(chosen: ComplaintFilter | None, partner: str | None) -> list[Condition]:
    conditions = [] if partner is None else [Condition("partner", "=", partner)]
    if chosen is None:
        return conditions
    for column in ("state", "category", "severity"):
        value = getattr(chosen, column)
        if value is not None:
            conditions.append(Condition(column, "=", value.value))
    if chosen.urgent is not None:
        conditions.append(Condition("urgent", "=", chosen.urgent))
    for column, field in (
        ("department", "department"),
        ("handler", "handler"),
        ("region", "region"),
        ("outlet", "outlet"),
        ("import_source", "importSource"),
    ):
        value = getattr(chosen, column)
        if value is not None:
            conditions.append(Condition(column, "=", filter_text(value, field=field)))
    if chosen.waybill is not None:
        shipment = identifiers.shipment_id(identifiers.waybill(chosen.waybill))
        conditions.append(Condition("shipment", "=", shipment))
    if chosen.received_from is not None:
        conditions.append(Condition("received_at", ">=", chosen.received_from))
    if chosen.received_before is not None:
        conditions.append(Condition("received_at", "<", chosen.received_before))
    return conditions


@strawberry.type
class Query:
    """Questions about complaints."""

    @strawberry.field(description="A complaint by its id or by the number that people read.")
    async def complaint(
        self,
        info: ApiInfo,
        id: strawberry.ID | None = None,  # noqa: A002  Relay's word
        number: str | None = None,
    ) -> Complaint | None:
        """Find one."""
        info.context.partner_scope("complaints")
        if id is not None:
            return await _load_node(info, as_uuid(id, field="id"))
        if number is None:
            return None
        async with info.context.reading() as connection:
            cursor = await connection.execute(_COMPLAINT_BY_NUMBER, [code(number, field="number")])
            found = await cursor.fetchone()
        return None if found is None else await _load_node(info, found[0])

    @strawberry.field(description="Complaints by the time of their receipt.")
    async def complaints(
        self,
        info: ApiInfo,
        filter: ComplaintFilter | None = None,  # noqa: A002  the schema's word
        order_by: ComplaintOrder = ComplaintOrder.RECEIVED_AT_DESC,
        first: int | None = None,
        after: str | None = None,
        last: int | None = None,
        before: str | None = None,
    ) -> Connection[Complaint]:
        """List."""
        partner = info.context.partner_scope("complaints")
        listing = Listing(
            COMPLAINTS,
            _conditions(filter, partner),
            Order("received_at", descending=order_by is ComplaintOrder.RECEIVED_AT_DESC),
            Window(first, after, last, before),
        )
        async with info.context.reading() as connection:
            page = await listing.page(connection)
        return connection_of(  # type: ignore[no-any-return]
            Connection[Complaint], Edge[Complaint], listing, page, complaint_type
        )


@strawberry.type(description="A complaint changed.")
class ComplaintPayload:
    """The complaint, once the read models have seen the change, and the position of the change."""

    key: strawberry.Private[UUID]
    position: Long

    @strawberry.field(
        description="The complaint after the change; null, with an error, if the read models are"
        " late: the change is stored all the same."
    )
    async def complaint(self, info: ApiInfo) -> Complaint | None:
        """Return the complaint as the command left it, or later."""
        row = await info.context.changed(COMPLAINTS, self.key, self.position)
        return None if row is None else complaint_type(row)


def _payload(key: UUID, position: int) -> ComplaintPayload:
    return ComplaintPayload(key=key, position=Long(position))


@strawberry.input
class ReceiveComplaintInput:
    """Who complains, of what, and what they ask for."""

    channel: Channel
    category: Category
    complainant: str
    subject: str
    facts: str
    severity: Severity = Severity.GENERAL
    urgent: bool = False
    contact: str | None = None
    customer_reference: str | None = None
    request: str | None = None
    waybill: str | None = None
    region: str | None = None
    outlet: str | None = None
    accused: str | None = None
    partner_reference: str | None = None
    occurred_at: datetime | None = None
    reason: str | None = None


@strawberry.input
class ComplaintInput:
    """Which complaint, when and why."""

    complaint_id: strawberry.ID
    occurred_at: datetime | None = None
    reason: str | None = None


@strawberry.input
class DeclineComplaintInput(ComplaintInput):
    """The explanation that the customer gets."""

    explanation: str


@strawberry.input
class AssignComplaintInput(ComplaintInput):
    """The department, and perhaps the person, that takes over."""

    department: str
    handler: str | None = None


@strawberry.input
class AnswerComplaintInput(ComplaintInput):
    """What the customer is told."""

    answer: str


@strawberry.input
class RateHandlingInput(ComplaintInput):
    """The customer's rating, 1 to 5."""

    score: int
    comment: str | None = None


def _if(value: str | None, parse: Callable[..., Any], field: str) -> Any:
    return None if value is None else parse(value, field=field)


def _common(given: ComplaintInput) -> dict[str, Any]:
    return {
        "complaint": as_uuid(given.complaint_id, field="complaintId"),
        "occurred_at": given.occurred_at,
        "reason": given.reason,
    }


def _received(given: ReceiveComplaintInput) -> ReceivedComplaint:
    return ReceivedComplaint(
        channel=given.channel,
        category=given.category,
        severity=given.severity,
        urgent=given.urgent,
        complainant=given.complainant,
        contact=given.contact,
        customer_reference=given.customer_reference,
        subject=given.subject,
        facts=given.facts,
        request=given.request,
        waybill=_if(given.waybill, identifiers.waybill, "waybill"),
        region=_if(given.region, code, "region"),
        outlet=_if(given.outlet, code, "outlet"),
        accused=_if(given.accused, person_id, "accused"),
        partner_reference=given.partner_reference,
    )


@strawberry.type
class Mutation:
    """Commands about complaints."""

    @strawberry.mutation(
        description="Take in a complaint.",
        graphql_type=result_union("ReceiveComplaintResult", ComplaintPayload),
    )
    async def receive_complaint(self, info: ApiInfo, input: ReceiveComplaintInput) -> Any:  # noqa: A002
        """Receive."""
        return await carry_out(
            info,
            lambda: ReceiveComplaint(
                received=_received(input), occurred_at=input.occurred_at, reason=input.reason
            ),
            _payload,
        )

    @strawberry.mutation(
        description="Open the case after screening.",
        graphql_type=result_union(
            "RegisterComplaintResult", ComplaintPayload, ConflictOfInterestError
        ),
    )
    async def register_complaint(self, info: ApiInfo, input: ComplaintInput) -> Any:  # noqa: A002
        """Register."""
        return await carry_out(info, lambda: RegisterComplaint(**_common(input)), _payload)

    @strawberry.mutation(
        description="Say, with an explanation, that it is no complaint.",
        graphql_type=result_union(
            "DeclineComplaintResult", ComplaintPayload, ConflictOfInterestError
        ),
    )
    async def decline_complaint(self, info: ApiInfo, input: DeclineComplaintInput) -> Any:  # noqa: A002
        """Decline."""
        return await carry_out(
            info,
            lambda: DeclineComplaint(**_common(input), explanation=input.explanation),
            _payload,
        )

    @strawberry.mutation(
        description="Hand the case to the responsible department.",
        graphql_type=result_union(
            "AssignComplaintResult", ComplaintPayload, ConflictOfInterestError
        ),
    )
    async def assign_complaint(self, info: ApiInfo, input: AssignComplaintInput) -> Any:  # noqa: A002
        """Assign."""
        return await carry_out(
            info,
            lambda: AssignComplaint(
                **_common(input),
                department=code(input.department, field="department"),
                handler=_if(input.handler, person_id, "handler"),
            ),
            _payload,
        )

    @strawberry.mutation(
        description="Tell the customer the outcome.",
        graphql_type=result_union(
            "AnswerComplaintResult", ComplaintPayload, ConflictOfInterestError
        ),
    )
    async def answer_complaint(self, info: ApiInfo, input: AnswerComplaintInput) -> Any:  # noqa: A002
        """Answer."""
        return await carry_out(
            info, lambda: AnswerComplaint(**_common(input), answer=input.answer), _payload
        )

    @strawberry.mutation(
        description="End the case.",
        graphql_type=result_union(
            "CloseComplaintResult", ComplaintPayload, ConflictOfInterestError
        ),
    )
    async def close_complaint(self, info: ApiInfo, input: ComplaintInput) -> Any:  # noqa: A002
        """Close."""
        return await carry_out(info, lambda: CloseComplaint(**_common(input)), _payload)

    @strawberry.mutation(
        description="Take the customer's rating of the handling.",
        graphql_type=result_union("RateHandlingResult", ComplaintPayload, AlreadyRatedError),
    )
    async def rate_handling(self, info: ApiInfo, input: RateHandlingInput) -> Any:  # noqa: A002
        """Rate."""
        return await carry_out(
            info,
            lambda: RateHandling(**_common(input), score=score(input.score), comment=input.comment),
            _payload,
        )
