"""Complaints in the schema: the type and the questions."""

from datetime import datetime
from enum import Enum
from typing import Any, Final
from uuid import UUID

import strawberry

from api.graphql.audit import CaseEntry, timeline
from api.graphql.commands import copied
from api.graphql.complaint_filter import ComplaintFilter, conditions
from api.graphql.complaint_parts import (
    CaseLink,
    ChecklistEntry,
    Evidence,
    PolicyReference,
    Remark,
    Resolution,
    Step,
    checklist_of,
    evidence_type,
    links_of,
    policy_of,
    remark_type,
    resolution_of,
    step_of,
)
from api.graphql.context import ApiInfo, Context
from api.graphql.nodes import (
    NODE_LOADERS,
    Connection,
    Node,
    as_uuid,
    connection_of,
    filter_text,
    global_id,
)
from api.graphql.scalars import Lang, label
from api.graphql.service_levels import SlaClock, clocks_of
from api.graphql.shipments import Shipment, shipment_type
from domain import complaint
from domain.categories import CATEGORIES, Category, CategoryGroup
from domain.complaint_life import ComplaintState
from domain.complaint_words import Channel, FollowUpOutcome, QualityStep, Severity
from domain.notifying import Language, NoticeChannel
from domain.text import code
from projections.complaint_remarks import EVIDENCE, EVIDENCE_TEXTS, REMARKS
from projections.complaints import COMPLAINT_TEXTS, COMPLAINTS, ComplaintRow, ComplaintTextsRow
from projections.paging import Condition, Listing, Order, Window, counts
from projections.shipments import SHIPMENTS

_COMPLAINT_BY_NUMBER = "SELECT id FROM read.complaints WHERE number = %s"


BETWEEN_CUSTOMER_AND_COMPANY: Final = frozenset(
    event.TOPIC.partition(".")[2]
    for event in (
        complaint.Complaint.FeedbackGiven,
        complaint.Complaint.WaitingForCustomer,
        complaint.Complaint.ResolutionProposed,
        complaint.Complaint.ResolutionRejected,
        complaint.Complaint.Disputed,
        complaint.Complaint.Answered,
    )
)
"""The kinds of remarks that partners read; findings and notes are the company's own."""


def _text(name: str, description: str) -> Any:
    """Return a field of the personal texts; null for roles that may not see them."""

    async def resolve(root: "Complaint", info: ApiInfo) -> str | None:
        if not info.context.may("personalData"):
            return None
        texts: ComplaintTextsRow | None
        if root.past is not None:
            texts = root.past.find(COMPLAINT_TEXTS, root.row.id)
        else:
            texts = await info.context.loader(COMPLAINT_TEXTS).load(root.row.id)
        return None if texts is None else getattr(texts, name)

    return strawberry.field(resolver=resolve, description=description)


@strawberry.type(description="A complaint (投诉), an enquiry or a suggestion.")
class Complaint(Node):
    """A complaint as its row tells; what people wrote only for roles that may read it.

    ``past`` holds the rows of a past moment; without it the read models are asked.
    """

    row: strawberry.Private[ComplaintRow]
    past: strawberry.Private[Any]
    number: str
    urgent: bool
    open: bool
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
    proposed_at: datetime | None
    agreed_at: datetime | None
    answered_at: datetime | None
    remedied_at: datetime | None
    followed_up_at: datetime | None
    closed_at: datetime | None
    escalated_at: datetime | None
    escalated_to: str | None
    ended_at: datetime | None
    state_since: datetime
    changed_at: datetime
    first_contact: bool | None
    reopenings: int
    disputes: int
    score: int | None
    import_source: str | None
    seeks_compensation: bool = strawberry.field(
        description="Whether the customer asks for compensation."
    )
    service_levels: str | None = strawberry.field(
        description="The code of the service-level policy that the customer's contract names."
    )
    historical: bool
    version: int
    state: ComplaintState
    channel: Channel
    category: Category
    severity: Severity
    notice_channel: NoticeChannel | None
    language: Language | None
    follow_up: FollowUpOutcome | None

    complainant: str | None = _text("complainant", "Who complains.")
    contact: str | None = _text("contact", "How to reach them.")
    subject: str | None = _text("subject", "What it is about, in a line.")
    facts: str | None = _text("facts", "What happened.")
    request: str | None = _text("request", "What the customer asks for (诉求).")
    explanation: str | None = _text("explanation", "Why it was declined.")
    proposal: str | None = _text("proposal", "What was proposed last.")
    answer: str | None = _text("answer", "What the customer was told last.")
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

    @strawberry.field(description="The branch of the category tree.")
    def category_group(self) -> CategoryGroup:
        """Return the branch."""
        return CATEGORIES[self.category].group

    @strawberry.field
    def severity_label(self, lang: Lang = Lang.EN) -> str:
        """Name the severity."""
        return label(self.severity, lang)

    @strawberry.field(description="The person complained about; not shown to partners.")
    def accused(self, info: ApiInfo) -> str | None:
        """Return the person's id."""
        return None if info.context.caller.partner is not None else self.row.accused

    @strawberry.field(description="The policy version that the case keeps.")
    def policy(self) -> PolicyReference | None:
        """Return the version."""
        return policy_of(self.row)

    @strawberry.field(
        description="Whose turn it is, and until when, by the policy of the case; null when nobody"
        " has to act."
    )
    async def step(self, info: ApiInfo) -> Step | None:
        """Return the step."""
        return await step_of(self.row, info)

    @strawberry.field(description="What was proposed, on which rule; null before.")
    def resolution(self, info: ApiInfo) -> Resolution | None:
        """Return the resolution; its feasibility is the company's own assessment."""
        own = info.context.caller.partner is None and info.context.may("personalData")
        return resolution_of(self.row, feasibility=own)

    @strawberry.field(description="The measures that the documents prescribe for the category.")
    def checklist(self) -> list[ChecklistEntry]:
        """Return the checklist."""
        return checklist_of(self.row)

    @strawberry.field(description="The steps of a quality case that were taken.")
    def quality_steps(self) -> list[QualityStep]:
        """Return the steps in their order."""
        return [QualityStep(step) for step in self.row.quality_steps.split()]

    @strawberry.field(description="What the complaint was linked with.")
    def links(self) -> list[CaseLink]:
        """Return the links in their order."""
        return links_of(self.row)

    @strawberry.field(description="The evidence, superseded pieces included.")
    async def evidence(self, info: ApiInfo) -> list[Evidence]:
        """Return the evidence in the order of its numbers; to partners the texts of their own."""
        personal, caller = info.context.may("personalData"), info.context.caller
        if self.past is not None:
            rows = self.past.all(EVIDENCE)
            texts = [self.past.find(EVIDENCE_TEXTS, row.position) for row in rows]
        else:
            rows = await info.context.rows_of(EVIDENCE).load(self.row.id)
            loader = info.context.loader(EVIDENCE_TEXTS)
            texts = await loader.load_many([row.position for row in rows])
        return [
            evidence_type(
                row,
                said,
                shown=personal and (caller.partner is None or row.added_by == caller.actor),
            )
            for row, said in zip(rows, texts, strict=True)
        ]

    @strawberry.field(
        description="What was written in the case after its intake, in the order of the log; empty"
        " for roles that may not read it."
    )
    async def remarks(self, info: ApiInfo) -> list[Remark]:
        """Return the remarks."""
        if not info.context.may("personalData"):
            return []
        if self.past is not None:
            rows = self.past.all(REMARKS)
        else:
            rows = await info.context.rows_of(REMARKS).load(self.row.id)
        if info.context.caller.partner is not None:
            rows = [row for row in rows if row.kind in BETWEEN_CUSTOMER_AND_COMPANY]
        return [remark_type(row) for row in rows]

    @strawberry.field(description="The steps of the complaint itself, in log order.")
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

    @strawberry.field(description="The clocks of the case, in the order of their starts.")
    async def clocks(self, info: ApiInfo) -> list[SlaClock]:
        """Return the clocks."""
        moment = None if self.past is None else self.past.moment
        return await clocks_of(info, self.row.id, moment)

    @strawberry.field(description="The complaint in which a merged one goes on.")
    async def merged_into(self, info: ApiInfo) -> "Complaint | None":
        """Follow the redirect, once."""
        target = self.row.merged_into
        return None if target is None else await _load_node(info, target, self.past)

    @strawberry.field(description="The shipment that the complaint is about, if it is known.")
    async def shipment(self, info: ApiInfo) -> Shipment | None:
        """Return the shipment, if the caller may see it."""
        if self.row.shipment is None:
            return None
        info.context.reach("shipments")
        row, past = await info.context.seen(SHIPMENTS, self.row.shipment, self.past)
        return None if row is None else shipment_type(row, past)


def complaint_type(row: ComplaintRow, past: Any = None) -> Complaint:
    """Return the type of a row; ``past`` holds what else there was at a past moment."""
    return copied(
        Complaint,
        row,
        id=global_id("Complaint", row.id),
        row=row,
        past=past,
        state=ComplaintState(row.state),
        channel=Channel(row.channel),
        category=Category(row.category),
        severity=Severity(row.severity),
        notice_channel=None if row.notice_channel is None else NoticeChannel(row.notice_channel),
        language=None if row.language is None else Language(row.language),
        follow_up=None if row.follow_up is None else FollowUpOutcome(row.follow_up),
    )


async def _load_node(info: ApiInfo, key: UUID, past: Any = None) -> Complaint | None:
    info.context.reach("complaints")
    row, past = await info.context.seen(COMPLAINTS, key, past)
    return None if row is None else complaint_type(row, past)


NODE_LOADERS["Complaint"] = _load_node


@strawberry.enum(
    description="The order of complaints. Whoever walks by RECEIVED_AT or NUMBER sees each exactly"
    " once; by the others, each that does not change meanwhile."
)
class ComplaintOrder(Enum):
    """By the time of receipt, of the last step, of the last change, by number, or as in a queue."""

    RECEIVED_AT_ASC = "received_at asc"
    RECEIVED_AT_DESC = "received_at desc"
    STATE_SINCE_ASC = "state_since asc"
    STATE_SINCE_DESC = "state_since desc"
    CHANGED_AT_ASC = "changed_at asc"
    CHANGED_AT_DESC = "changed_at desc"
    NUMBER_ASC = "number asc"
    NUMBER_DESC = "number desc"
    PRIORITY = "priority asc"


@strawberry.enum(description="By what complaints are counted.")
class ComplaintGroup(Enum):
    """A column."""

    STATE = "state"
    CATEGORY = "category"
    SEVERITY = "severity"
    DEPARTMENT = "department"
    HANDLER = "handler"
    REGION = "region"
    OUTLET = "outlet"
    CHANNEL = "channel"


@strawberry.type(description="How many complaints there are of a kind.")
class ComplaintCount:
    """A count; key is the name of an enum, or null for those without."""

    of: strawberry.Private[ComplaintGroup]
    key: str | None
    count: int

    @strawberry.field(description="The name of the key in a language.")
    def label(self, lang: Lang = Lang.EN) -> str | None:
        """Name the key."""
        words = WORDS.get(self.of)
        if self.key is None or words is None:
            return self.key
        return label(words[self.key], lang)


WORDS: Final[dict[ComplaintGroup, Any]] = {
    ComplaintGroup.STATE: ComplaintState,
    ComplaintGroup.CATEGORY: Category,
    ComplaintGroup.SEVERITY: Severity,
    ComplaintGroup.CHANNEL: Channel,
}


def complaints_page(
    context: Context,
    filter: ComplaintFilter | None,  # noqa: A002  the schema's word
    order_by: ComplaintOrder,
    **window: Any,
) -> Listing[ComplaintRow]:
    """Return the question for complaints, within the caller's reach."""
    column, direction = order_by.value.split()
    order = Order(column, descending=direction == "desc")
    return Listing(COMPLAINTS, conditions(filter, context), order, Window(**window))


def counted_conditions(
    context: Context,
    filter: ComplaintFilter | None,  # noqa: A002  the schema's word
) -> list[Condition]:
    """Return the conditions of the complaints that are counted."""
    return conditions(filter, context)


def complaint_search(
    context: Context,
    id: strawberry.ID | None,  # noqa: A002  Relay's word
    number: str | None,
) -> list[Condition] | None:
    """Return what finds a complaint by id or number, within the caller's reach."""
    within = context.within("complaints", COMPLAINTS)
    if id is not None:
        return [*within, Condition("id", "=", as_uuid(id, field="id"))]
    if number is None:
        return None
    return [*within, Condition("number", "=", code(number, field="number"))]


def queue_page(
    context: Context, person: str | None, department: str | None, **window: Any
) -> Listing[ComplaintRow]:
    """Return the question for the open complaints of a person or department."""
    chosen = context.within("workQueue", COMPLAINTS)
    chosen.append(Condition("open", "is", value=True))
    if department is not None:
        chosen.append(Condition("department", "=", filter_text(department, field="department")))
    if person is not None or department is None:
        who = context.caller.actor if person is None else person
        chosen.append(Condition("handler", "=", filter_text(who, field="person")))
    return Listing(COMPLAINTS, chosen, Order("priority"), Window(**window))


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
        info.context.reach("complaints")
        if id is not None:
            return await _load_node(info, as_uuid(id, field="id"))
        if number is None:
            return None
        async with info.context.reading() as connection:
            cursor = await connection.execute(_COMPLAINT_BY_NUMBER, [code(number, field="number")])
            found = await cursor.fetchone()
        return None if found is None else await _load_node(info, found[0])

    @strawberry.field(description="Complaints, filtered and in an order of the caller's choice.")
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
        window = {"first": first, "after": after, "last": last, "before": before}
        listing = complaints_page(info.context, filter, order_by, **window)
        return await connection_of(info, listing, Complaint, complaint_type)  # type: ignore[no-any-return]

    @strawberry.field(
        description="The open complaints of a person or of a department, urgent and grave ones"
        " first, then the oldest; without either, those of the caller."
    )
    async def work_queue(
        self,
        info: ApiInfo,
        person: str | None = None,
        department: str | None = None,
        first: int | None = None,
        after: str | None = None,
        last: int | None = None,
        before: str | None = None,
    ) -> Connection[Complaint]:
        """List."""
        window = {"first": first, "after": after, "last": last, "before": before}
        listing = queue_page(info.context, person, department, **window)
        return await connection_of(info, listing, Complaint, complaint_type)  # type: ignore[no-any-return]

    @strawberry.field(
        description="How many complaints there are in each state, or by another word."
    )
    async def complaint_counts(
        self,
        info: ApiInfo,
        group_by: ComplaintGroup = ComplaintGroup.STATE,
        filter: ComplaintFilter | None = None,  # noqa: A002  the schema's word
    ) -> list[ComplaintCount]:
        """Count."""
        chosen = counted_conditions(info.context, filter)
        async with info.context.reading() as connection:
            found = await counts(connection, COMPLAINTS, group_by.value, chosen)
        words = WORDS.get(group_by)
        return [
            ComplaintCount(
                of=group_by,
                key=key if key is None or words is None else words(key).name,
                count=count,
            )
            for key, count in found
        ]
