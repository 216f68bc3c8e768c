"""Complaints as they stand; what people wrote stands apart, in ``read_personal``."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from domain.complaint import Complaint
from domain.complaint_life import ComplaintState
from projections.engine import Batch, Entry, Projection, on
from projections.tables import Table


@dataclass(slots=True)
class ComplaintRow:
    """A complaint without anything personal."""

    id: UUID
    number: str
    state: str
    channel: str
    category: str
    severity: str
    urgent: bool
    customer: UUID
    waybill: str | None
    shipment: UUID | None
    region: str | None
    outlet: str | None
    department: str | None
    handler: str | None
    partner: str | None
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
    version: int


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
    explanation: str | None
    answer: str | None
    rating_comment: str | None


COMPLAINTS = Table("complaints", ComplaintRow)
COMPLAINT_TEXTS = Table("complaint_texts", ComplaintTextsRow, schema="read_personal")


class ComplaintsProjection(Projection):
    """Keeps ``read.complaints`` and ``read_personal.complaint_texts``."""

    name = "complaints"
    tables = (COMPLAINTS, COMPLAINT_TEXTS)
    keyed = (COMPLAINTS, COMPLAINT_TEXTS)
    reveals = True

    @on(
        Complaint.Received,
        en="Complaint {number} received by {channel.en}: {category.en}, {severity.en}",
        zh="收到投诉{number}（{channel.zh}）：{category.zh}，{severity.zh}",
    )
    def received(self, event: Complaint.Received, _entry: Entry, batch: Batch) -> None:
        """Insert the complaint and its texts."""
        batch.put(
            COMPLAINTS,
            ComplaintRow(
                id=event.originator_id,
                number=event.number,
                state=ComplaintState.RECEIVED.value,
                channel=event.channel.value,
                category=event.category.value,
                severity=event.severity.value,
                urgent=event.urgent,
                customer=event.customer,
                waybill=event.waybill,
                shipment=event.shipment,
                region=event.region,
                outlet=event.outlet,
                department=None,
                handler=None,
                partner=event.partner,
                partner_reference=event.partner_reference,
                received_at=event.meta.occurred_at,
                registered_at=None,
                declined_at=None,
                assigned_at=None,
                answered_at=None,
                closed_at=None,
                first_contact=None,
                score=None,
                import_source=event.meta.source.name,
                historical=event.meta.source.historical,
                version=event.originator_version,
            ),
        )
        batch.put(
            COMPLAINT_TEXTS,
            ComplaintTextsRow(
                id=event.originator_id,
                customer=event.customer,
                complainant=batch.reveal(event, "complainant"),
                contact=batch.reveal(event, "contact"),
                subject=batch.reveal(event, "subject"),
                facts=batch.reveal(event, "facts"),
                request=batch.reveal(event, "request"),
                explanation=None,
                answer=None,
                rating_comment=None,
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
        """Move on and keep the explanation."""
        row = _moved(event, ComplaintState.DECLINED, batch)
        row.declined_at = event.meta.occurred_at
        texts = batch.change(COMPLAINT_TEXTS, event.originator_id)
        texts.explanation = batch.reveal(event, "explanation")

    @on(
        Complaint.Assigned,
        en="Assigned to department {department}, handler {handler}",
        zh="分派至{department}，处理人{handler}",
    )
    def assigned(self, event: Complaint.Assigned, _entry: Entry, batch: Batch) -> None:
        """Move on to the department; ``assigned_at`` is the first assignment."""
        row = _moved(event, ComplaintState.ASSIGNED, batch)
        row.department, row.handler = event.department, event.handler
        row.assigned_at = row.assigned_at or event.meta.occurred_at

    @on(Complaint.Answered, en="The customer was told the outcome", zh="已向客户答复处理结果")
    def answered(self, event: Complaint.Answered, _entry: Entry, batch: Batch) -> None:
        """Move on and keep the answer."""
        row = _moved(event, ComplaintState.ANSWERED, batch)
        row.answered_at = event.meta.occurred_at
        row.first_contact = event.first_contact
        texts = batch.change(COMPLAINT_TEXTS, event.originator_id)
        texts.answer = batch.reveal(event, "answer")

    @on(Complaint.Closed, en="Closed", zh="结案")
    def closed(self, event: Complaint.Closed, _entry: Entry, batch: Batch) -> None:
        """Move on."""
        row = _moved(event, ComplaintState.CLOSED, batch)
        row.closed_at = event.meta.occurred_at

    @on(
        Complaint.HandlingRated,
        en="The customer rated the handling {score} of 5",
        zh="客户对处理评分{score}分（满分5分）",
    )
    def handling_rated(self, event: Complaint.HandlingRated, _entry: Entry, batch: Batch) -> None:
        """Keep the score and the comment."""
        row = batch.change(COMPLAINTS, event.originator_id)
        row.score = event.score
        row.version = event.originator_version
        texts = batch.change(COMPLAINT_TEXTS, event.originator_id)
        texts.rating_comment = batch.reveal(event, "comment")


def _moved(
    event: Complaint.Registered
    | Complaint.Declined
    | Complaint.Assigned
    | Complaint.Answered
    | Complaint.Closed,
    state: ComplaintState,
    batch: Batch,
) -> ComplaintRow:
    row = batch.change(COMPLAINTS, event.originator_id)
    row.state = state.value
    row.version = event.originator_version
    return row
