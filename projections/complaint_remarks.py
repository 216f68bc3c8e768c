"""What was written in a case after its intake, and its evidence, in the order of the log."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from domain.aggregate import DomainEvent
from domain.complaint import Complaint
from projections.engine import Batch, Entry, Projection, on
from projections.tables import Table


@dataclass(slots=True)
class RemarkRow:
    """Words of or to the customer, or about what was found out; kind is the event's name."""

    position: int
    complaint: UUID
    customer: UUID
    kind: str
    occurred_at: datetime
    actor: str
    remark: str | None


@dataclass(slots=True)
class EvidenceRow:
    """A piece of evidence without where it lies; ``number`` counts within the complaint."""

    position: int
    complaint: UUID
    number: int
    kind: str
    media_type: str
    size: int
    sha256: str
    added_at: datetime
    added_by: str
    superseded_at: datetime | None
    superseded_by: int | None


@dataclass(slots=True)
class EvidenceTextsRow:
    """Where a piece of evidence lies, and what was noted of it."""

    position: int
    customer: UUID
    reference: str | None
    note: str | None


REMARKS = Table("remarks", RemarkRow, key="position", stream="complaint", schema="read_personal")
EVIDENCE = Table("evidence", EvidenceRow, key="position", stream="complaint")
EVIDENCE_TEXTS = Table("evidence_texts", EvidenceTextsRow, key="position", schema="read_personal")


class ComplaintRemarksProjection(Projection):
    """Keeps remarks and evidence."""

    name = "complaint_remarks"
    tables = (REMARKS, EVIDENCE, EVIDENCE_TEXTS)
    keyed = (EVIDENCE,)
    reveals = True

    @on(
        Complaint.EvidenceAdded,
        en="Evidence {number} added: {kind.en}, SHA-256 {sha256}",
        zh="添加证据{number}：{kind.zh}，SHA-256 {sha256}",
    )
    def evidence_added(self, event: Complaint.EvidenceAdded, entry: Entry, batch: Batch) -> None:
        """Add the piece."""
        batch.put(
            EVIDENCE,
            EvidenceRow(
                position=entry.position,
                complaint=event.originator_id,
                number=event.number,
                kind=event.kind.value,
                media_type=event.media_type,
                size=event.size,
                sha256=event.sha256,
                added_at=event.meta.occurred_at,
                added_by=event.meta.actor,
                superseded_at=None,
                superseded_by=None,
            ),
        )
        batch.put(
            EVIDENCE_TEXTS,
            EvidenceTextsRow(
                position=entry.position,
                customer=event.reference.subject,
                reference=batch.reveal(event, "reference"),
                note=batch.reveal(event, "note"),
            ),
        )

    @on(Complaint.EvidenceSuperseded, en="Evidence {number} superseded", zh="证据{number}已被取代")
    def evidence_superseded(
        self, event: Complaint.EvidenceSuperseded, _entry: Entry, batch: Batch
    ) -> None:
        """Mark the piece."""
        for row in batch.change_all(EVIDENCE, event.originator_id):
            if row.number == event.number:
                row.superseded_at, row.superseded_by = event.meta.occurred_at, event.by

    @on(Complaint.InvestigationRecorded, en="Finding recorded", zh="登记调查发现")
    def investigation_recorded(
        self, event: Complaint.InvestigationRecorded, entry: Entry, batch: Batch
    ) -> None:
        """Keep the finding."""
        _keep(event, "finding", entry, batch)

    @on(
        Complaint.FeedbackGiven,
        en="The customer was told how the case stands",
        zh="已向客户反馈进展",
    )
    def feedback_given(self, event: Complaint.FeedbackGiven, entry: Entry, batch: Batch) -> None:
        """Keep what the customer was told."""
        _keep(event, "feedback", entry, batch)

    @on(Complaint.WaitingForCustomer)
    def waiting_for_customer(
        self, event: Complaint.WaitingForCustomer, entry: Entry, batch: Batch
    ) -> None:
        """Keep what was asked."""
        _keep(event, "asked", entry, batch)

    @on(Complaint.ResolutionProposed)
    def resolution_proposed(
        self, event: Complaint.ResolutionProposed, entry: Entry, batch: Batch
    ) -> None:
        """Keep the proposal."""
        _keep(event, "proposal", entry, batch)

    @on(Complaint.ResolutionRejected)
    def resolution_rejected(
        self, event: Complaint.ResolutionRejected, entry: Entry, batch: Batch
    ) -> None:
        """Keep the objection."""
        _keep(event, "objection", entry, batch)

    @on(Complaint.Disputed)
    def disputed(self, event: Complaint.Disputed, entry: Entry, batch: Batch) -> None:
        """Keep the objection."""
        _keep(event, "objection", entry, batch)

    @on(Complaint.Answered)
    def answered(self, event: Complaint.Answered, entry: Entry, batch: Batch) -> None:
        """Keep each answer; the complaint itself shows the last one."""
        _keep(event, "answer", entry, batch)

    @on(Complaint.RemedyCarriedOut)
    def remedy_carried_out(
        self, event: Complaint.RemedyCarriedOut, entry: Entry, batch: Batch
    ) -> None:
        """Keep the note."""
        _keep(event, "note", entry, batch)

    @on(Complaint.FollowedUp)
    def followed_up(self, event: Complaint.FollowedUp, entry: Entry, batch: Batch) -> None:
        """Keep the note."""
        _keep(event, "note", entry, batch)


def _keep(event: DomainEvent, name: str, entry: Entry, batch: Batch) -> None:
    text = getattr(event, name)
    if text is None:
        return
    batch.put(
        REMARKS,
        RemarkRow(
            position=entry.position,
            complaint=event.originator_id,
            customer=text.subject,
            kind=event.TOPIC.partition(".")[2],
            occurred_at=event.meta.occurred_at,
            actor=event.meta.actor,
            remark=batch.reveal(event, name),
        ),
    )
