"""Complaints as they stand; what people wrote stands apart, in ``read_personal``."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from domain.aggregate import DomainEvent
from domain.complaint import Complaint
from domain.complaint_life import OPEN, ComplaintState
from domain.complaint_words import LinkedKind, Severity
from projections.engine import Batch, Entry, Handler, Projection, on
from projections.tables import Table


@dataclass(slots=True)
class ComplaintRow:
    """A complaint without anything personal; lists of words are separated by spaces."""

    id: UUID
    number: str
    state: str
    state_since: datetime
    open: bool
    channel: str
    category: str
    severity: str
    urgent: bool
    priority: int
    customer: UUID
    received_at: datetime
    changed_at: datetime
    historical: bool
    version: int
    resumes_to: str | None = None
    waybill: str | None = None
    shipment: UUID | None = None
    region: str | None = None
    outlet: str | None = None
    department: str | None = None
    handler: str | None = None
    accused: str | None = None
    partner: str | None = None
    partner_reference: str | None = None
    notice_channel: str | None = None
    language: str | None = None
    policy: UUID | None = None
    policy_version: int | None = None
    registered_at: datetime | None = None
    declined_at: datetime | None = None
    assigned_at: datetime | None = None
    proposed_at: datetime | None = None
    agreed_at: datetime | None = None
    answered_at: datetime | None = None
    remedied_at: datetime | None = None
    followed_up_at: datetime | None = None
    closed_at: datetime | None = None
    escalated_at: datetime | None = None
    escalated_to: str | None = None
    ended_at: datetime | None = None
    first_contact: bool | None = None
    rule_source: str | None = None
    rule: str | None = None
    feasibility: str | None = None
    measures: str = ""
    measures_left: str = ""
    follow_up: str | None = None
    settled_items: str = ""
    quality_steps: str = ""
    links: str = ""
    reopenings: int = 0
    disputes: int = 0
    merged_into: UUID | None = None
    score: int | None = None
    import_source: str | None = None
    seeks_compensation: bool = False
    service_levels: str | None = None


@dataclass(slots=True)
class ComplaintTextsRow:
    """What the customer said and was told; gone when the customer is erased."""

    id: UUID
    customer: UUID
    complainant: str | None
    contact: str | None
    subject: str | None
    facts: str | None
    request: str | None
    explanation: str | None = None
    proposal: str | None = None
    answer: str | None = None
    rating_comment: str | None = None


COMPLAINTS = Table("complaints", ComplaintRow)
COMPLAINT_TEXTS = Table("complaint_texts", ComplaintTextsRow, schema="read_personal")

_SEVERITIES: Final = tuple(Severity)
_RECEIVED_BITS: Final = 60


def priority(row: ComplaintRow) -> int:
    """Return the place in a queue, smallest first: urgent, then grave, then the oldest."""
    grave = len(_SEVERITIES) - 1 - _SEVERITIES.index(Severity(row.severity))
    rank = (0 if row.urgent else len(_SEVERITIES)) + grave
    received = int(row.received_at.timestamp() * 1_000_000)
    return (rank << _RECEIVED_BITS) + received


class ComplaintsProjection(Projection):
    """Keeps ``read.complaints`` and ``read_personal.complaint_texts``."""

    name = "complaints"
    tables = (COMPLAINTS, COMPLAINT_TEXTS)
    keyed = (COMPLAINTS, COMPLAINT_TEXTS)
    reveals = True

    def handler(self, topic: str) -> Handler | None:
        """Take every event of complaints: one without a handler of its own is noted."""
        own = super().handler(topic)
        if own is None and topic.startswith("complaint."):
            return ComplaintsProjection.noted
        return own

    def noted(self, event: DomainEvent, _entry: Entry, batch: Batch) -> None:
        """Keep version and time."""
        _noted(event, batch)

    @on(
        Complaint.Received,
        en="Complaint {number} received by {channel.en}: {category.en}, {severity.en}",
        zh="收到投诉{number}（{channel.zh}）：{category.zh}，{severity.zh}",
    )
    def received(self, event: Complaint.Received, _entry: Entry, batch: Batch) -> None:
        """Insert the complaint and its texts."""
        at, policy = event.meta.occurred_at, event.meta.policy
        row = ComplaintRow(
            id=event.originator_id,
            number=event.number,
            state=ComplaintState.RECEIVED.value,
            state_since=at,
            open=True,
            channel=event.channel.value,
            category=event.category.value,
            severity=event.severity.value,
            urgent=event.urgent,
            priority=0,
            customer=event.customer,
            waybill=event.waybill,
            shipment=event.shipment,
            region=event.region,
            outlet=event.outlet,
            accused=event.accused,
            partner=event.partner,
            partner_reference=event.partner_reference,
            notice_channel=None if event.notice_channel is None else event.notice_channel.value,
            language=None if event.language is None else event.language.value,
            policy=None if policy is None else policy.id,
            policy_version=None if policy is None else policy.version,
            received_at=at,
            changed_at=at,
            import_source=event.meta.source.name,
            seeks_compensation=event.seeks_compensation,
            service_levels=event.service_levels,
            historical=event.meta.source.historical,
            version=event.originator_version,
        )
        row.priority = priority(row)
        batch.put(COMPLAINTS, row)
        said = ("complainant", "contact", "subject", "facts", "request")
        batch.put(
            COMPLAINT_TEXTS,
            ComplaintTextsRow(
                id=event.originator_id,
                customer=event.customer,
                **{name: batch.reveal(event, name) for name in said},
            ),
        )

    @on(Complaint.Registered, en="Registered as a complaint", zh="登记立案")
    def registered(self, event: Complaint.Registered, _entry: Entry, batch: Batch) -> None:
        """Move on."""
        row = _moved(event, ComplaintState.REGISTERED, batch)
        row.registered_at = event.meta.occurred_at

    @on(
        Complaint.Declined,
        en="Declined with an explanation: it is no complaint",
        zh="不予立案并向客户说明",
    )
    def declined(self, event: Complaint.Declined, _entry: Entry, batch: Batch) -> None:
        """End and keep the explanation."""
        row = _moved(event, ComplaintState.DECLINED, batch)
        row.declined_at = row.ended_at = event.meta.occurred_at
        batch.change(COMPLAINT_TEXTS, row.id).explanation = batch.reveal(event, "explanation")

    @on(
        Complaint.Assigned,
        en="Assigned to department {department}, handler {handler}",
        zh="分派至{department}，处理人{handler}",
    )
    def assigned(self, event: Complaint.Assigned, _entry: Entry, batch: Batch) -> None:
        """Change the owner; ``assigned_at`` is the first assignment."""
        row = _noted(event, batch)
        if row.state == ComplaintState.REGISTERED:
            _move(row, ComplaintState.ASSIGNED, event)
        elif row.resumes_to == ComplaintState.REGISTERED:
            row.resumes_to = ComplaintState.ASSIGNED.value
        row.department = event.department
        if event.handler is not None or row.escalated_to is None:
            row.handler = event.handler
        row.assigned_at = row.assigned_at or event.meta.occurred_at

    @on(Complaint.InvestigationStarted, en="Investigation started", zh="开始调查")
    def investigation_started(
        self, event: Complaint.InvestigationStarted, _entry: Entry, batch: Batch
    ) -> None:
        """Move on."""
        _moved(event, ComplaintState.INVESTIGATING, batch)

    @on(
        Complaint.ResolutionProposed,
        en="Resolution proposed under {rule} ({rule_source.en}): {measures_en}",
        zh="依据{rule}（{rule_source.zh}）提出处理方案：{measures_zh}",
    )
    def resolution_proposed(
        self, event: Complaint.ResolutionProposed, _entry: Entry, batch: Batch
    ) -> None:
        """Move on and keep the resolution."""
        row = _moved(event, ComplaintState.PROPOSED, batch)
        row.proposed_at, row.agreed_at = event.meta.occurred_at, None
        row.rule_source, row.rule = event.rule_source.value, event.rule
        row.feasibility = event.feasibility
        row.measures = row.measures_left = " ".join(event.measures)
        batch.change(COMPLAINT_TEXTS, row.id).proposal = batch.reveal(event, "proposal")

    @on(
        Complaint.ResolutionAgreed,
        en="The customer agreed to the resolution",
        zh="客户同意处理方案",
    )
    def resolution_agreed(
        self, event: Complaint.ResolutionAgreed, _entry: Entry, batch: Batch
    ) -> None:
        """Move on, unless the answer was given already."""
        row = _noted(event, batch)
        if row.state == ComplaintState.PROPOSED:
            _move(row, ComplaintState.AGREED, event)
        row.agreed_at = event.meta.occurred_at

    @on(
        Complaint.ResolutionRejected,
        en="The customer did not agree to the resolution",
        zh="客户不同意处理方案",
    )
    def resolution_rejected(
        self, event: Complaint.ResolutionRejected, _entry: Entry, batch: Batch
    ) -> None:
        """Go back to the investigation."""
        _back_to_work(_noted(event, batch), event)

    @on(Complaint.Answered, en="The customer was told the outcome", zh="已向客户答复处理结果")
    def answered(self, event: Complaint.Answered, _entry: Entry, batch: Batch) -> None:
        """Move on and keep the answer."""
        row = _moved(event, ComplaintState.ANSWERED, batch)
        row.answered_at = event.meta.occurred_at
        row.first_contact = event.first_contact
        batch.change(COMPLAINT_TEXTS, row.id).answer = batch.reveal(event, "answer")

    @on(Complaint.RemedyCarriedOut, en="Carried out: {measures_en}", zh="已落实：{measures_zh}")
    def remedy_carried_out(
        self, event: Complaint.RemedyCarriedOut, _entry: Entry, batch: Batch
    ) -> None:
        """Take the measures off the list; move on after the last one."""
        row = _noted(event, batch)
        left = [m for m in row.measures_left.split() if m not in event.measures]
        row.measures_left = " ".join(left)
        if event.last:
            _move(row, ComplaintState.REMEDIED, event)
            row.remedied_at = event.meta.occurred_at

    @on(
        Complaint.FollowedUp,
        en="Followed up: the customer is {outcome.en}",
        zh="已回访：客户{outcome.zh}",
    )
    def followed_up(self, event: Complaint.FollowedUp, _entry: Entry, batch: Batch) -> None:
        """Move on."""
        row = _moved(event, ComplaintState.FOLLOWED_UP, batch)
        row.followed_up_at = event.meta.occurred_at
        row.follow_up = event.outcome.value

    @on(
        Complaint.WaitingForCustomer,
        en="Waiting for the customer, who was asked something",
        zh="已向客户询问，等待客户答复",
    )
    def waiting_for_customer(
        self, event: Complaint.WaitingForCustomer, _entry: Entry, batch: Batch
    ) -> None:
        """Wait, and remember where."""
        row = _noted(event, batch)
        row.resumes_to = row.state
        _move(row, ComplaintState.WAITING, event)

    @on(Complaint.Resumed, en="Resumed", zh="恢复办理")
    def resumed(self, event: Complaint.Resumed, _entry: Entry, batch: Batch) -> None:
        """Go on where it stood."""
        row = _noted(event, batch)
        _move(row, ComplaintState(row.resumes_to or row.state), event)
        row.resumes_to = None

    @on(Complaint.Closed, en="Closed", zh="结案")
    def closed(self, event: Complaint.Closed, _entry: Entry, batch: Batch) -> None:
        """End; a new closing may be rated anew."""
        row = _moved(event, ComplaintState.CLOSED, batch)
        row.closed_at = row.ended_at = event.meta.occurred_at
        if row.score is not None:
            row.score = None
            batch.change(COMPLAINT_TEXTS, row.id).rating_comment = None

    @on(
        Complaint.HandlingRated,
        en="The customer rated the handling {score} of 5",
        zh="客户对处理评分{score}分（满分5分）",
    )
    def handling_rated(self, event: Complaint.HandlingRated, _entry: Entry, batch: Batch) -> None:
        """Keep the score and the comment."""
        row = _noted(event, batch)
        row.score = event.score
        batch.change(COMPLAINT_TEXTS, row.id).rating_comment = batch.reveal(event, "comment")

    @on(Complaint.Reopened, en="Reopened", zh="重新开启")
    def reopened(self, event: Complaint.Reopened, _entry: Entry, batch: Batch) -> None:
        """Begin again at the department, or at the front desk if none had it."""
        row = _noted(event, batch)
        _back_to_work(row, event)
        if row.department is not None:
            _move(row, ComplaintState.ASSIGNED, event)
        row.closed_at = row.ended_at = None
        row.reopenings += 1

    @on(Complaint.Disputed, en="The customer disputes the answer", zh="客户对答复有异议")
    def disputed(self, event: Complaint.Disputed, _entry: Entry, batch: Batch) -> None:
        """Go back to the investigation."""
        row = _noted(event, batch)
        _back_to_work(row, event)
        row.disputes += 1

    @on(Complaint.Withdrawn, en="Withdrawn by the customer", zh="客户撤回投诉")
    def withdrawn(self, event: Complaint.Withdrawn, _entry: Entry, batch: Batch) -> None:
        """End."""
        row = _moved(event, ComplaintState.WITHDRAWN, batch)
        row.ended_at = event.meta.occurred_at

    @on(
        Complaint.Merged,
        en="A duplicate: merged into another complaint",
        zh="属重复投诉，已并入另一投诉",
    )
    def merged(self, event: Complaint.Merged, _entry: Entry, batch: Batch) -> None:
        """End and redirect."""
        row = _moved(event, ComplaintState.MERGED, batch)
        row.ended_at = event.meta.occurred_at
        row.merged_into = event.into

    @on(
        Complaint.Absorbed,
        en="A duplicate was merged into this complaint",
        zh="一件重复投诉并入本案",
    )
    def absorbed(self, event: Complaint.Absorbed, _entry: Entry, batch: Batch) -> None:
        """Keep the link, and those away whom the duplicate accuses."""
        row = _noted(event, batch)
        row.links = f"{row.links} {LinkedKind.COMPLAINT}:{event.duplicate}".strip()
        if row.accused is None and event.accused:
            row.accused = event.accused[0]
        if row.handler in event.accused:
            row.handler = None

    @on(Complaint.Linked, en="Linked with a {kind.en}", zh="关联{kind.zh}")
    def linked(self, event: Complaint.Linked, _entry: Entry, batch: Batch) -> None:
        """Keep the link."""
        row = _noted(event, batch)
        row.links = f"{row.links} {event.kind}:{event.target}".strip()

    @on(Complaint.Reclassified, en="Reclassified as {category.en}", zh="重新归类为{category.zh}")
    def reclassified(self, event: Complaint.Reclassified, _entry: Entry, batch: Batch) -> None:
        """Change the category; its checklist starts anew."""
        row = _noted(event, batch)
        row.category = event.category.value
        row.settled_items = ""

    @on(
        Complaint.SeverityReassessed,
        en="Severity reassessed as {severity.en}",
        zh="严重程度调整为{severity.zh}",
    )
    def severity_reassessed(
        self, event: Complaint.SeverityReassessed, _entry: Entry, batch: Batch
    ) -> None:
        """Change the severity and the place in the queues."""
        row = _noted(event, batch)
        row.severity = event.severity.value
        row.priority = priority(row)

    @on(Complaint.UrgencyMarked, en="Urgency marked: {urgent_en}", zh="加急标记：{urgent_zh}")
    def urgency_marked(self, event: Complaint.UrgencyMarked, _entry: Entry, batch: Batch) -> None:
        """Change the place in the queues."""
        row = _noted(event, batch)
        row.urgent = event.urgent
        row.priority = priority(row)

    @on(
        Complaint.AccusedNamed,
        en="{accused} was named as the person complained about",
        zh="确认被投诉人为{accused}",
    )
    def accused_named(self, event: Complaint.AccusedNamed, _entry: Entry, batch: Batch) -> None:
        """Keep the person away from the case."""
        row = _noted(event, batch)
        row.accused = event.accused
        if row.handler == event.accused:
            row.handler = None

    @on(
        Complaint.Escalated,
        en="Escalated to {to}, demanded by the {demanded_by.en}",
        zh="升级至{to}（{demanded_by.zh}要求）",
    )
    def escalated(self, event: Complaint.Escalated, _entry: Entry, batch: Batch) -> None:
        """Change the handler."""
        row = _noted(event, batch)
        row.handler = row.escalated_to = event.to
        row.escalated_at = event.meta.occurred_at

    @on(
        Complaint.CompensationSought,
        en="The customer asks for compensation",
        zh="客户提出赔偿诉求",
    )
    def compensation_sought(self, event: DomainEvent, _entry: Entry, batch: Batch) -> None:
        """Keep it."""
        _noted(event, batch).seeks_compensation = True

    @on(
        Complaint.ChecklistItemSettled,
        en="Checklist: {item} {outcome.en}",
        zh="检查清单：{item}{outcome.zh}",
    )
    def checklist_item_settled(
        self, event: Complaint.ChecklistItemSettled, _entry: Entry, batch: Batch
    ) -> None:
        """Tick it off."""
        row = _noted(event, batch)
        row.settled_items = f"{row.settled_items} {event.item}:{event.outcome}".strip()

    @on(
        Complaint.QualityStepTaken,
        en="Quality case: {step.en} ({departments_en})",
        zh="质量案件：{step.zh}（{departments_zh}）",
    )
    def quality_step_taken(
        self, event: Complaint.QualityStepTaken, _entry: Entry, batch: Batch
    ) -> None:
        """Keep the step."""
        row = _noted(event, batch)
        steps = [*row.quality_steps.split(), event.step.value]
        row.quality_steps = " ".join(dict.fromkeys(steps))


def _noted(event: DomainEvent, batch: Batch) -> ComplaintRow:
    row = batch.change(COMPLAINTS, event.originator_id)
    row.version = event.originator_version
    row.changed_at = event.meta.occurred_at
    return row


def _moved(event: DomainEvent, state: ComplaintState, batch: Batch) -> ComplaintRow:
    row = _noted(event, batch)
    _move(row, state, event)
    return row


def _move(row: ComplaintRow, state: ComplaintState, event: DomainEvent) -> None:
    row.state = state.value
    row.state_since = event.meta.occurred_at
    row.open = state in OPEN


def _back_to_work(row: ComplaintRow, event: DomainEvent) -> None:
    """Look for a new resolution: what was proposed is void."""
    forwarded = row.department is not None
    _move(row, ComplaintState.INVESTIGATING if forwarded else ComplaintState.REGISTERED, event)
    row.proposed_at = row.agreed_at = None
    row.rule_source = row.rule = row.feasibility = None
    row.measures = row.measures_left = ""
