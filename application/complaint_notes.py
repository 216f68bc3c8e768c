"""Commands about complaints: what is noted in the file of an open case."""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from application.complaints import (
    ComplaintCommand,
    case_file,
    perhaps_said,
    said,
)
from application.desk import Desk
from application.dispatch import handles
from application.organisation import require_unit
from application.staff import require_role
from domain.aggregate import Aggregate
from domain.categories import Category
from domain.complaint import Complaint
from domain.complaint_words import (
    ChecklistOutcome,
    DemandedBy,
    EvidenceKind,
    LinkedKind,
    QualityStep,
    Severity,
)
from domain.errors import NotFoundError
from domain.evidence import byte_count, check_content, media_type, sha256_digest
from domain.organisation import UnitKind
from domain.roles import PersonId
from domain.shipment import Shipment

LOCATION_LENGTH: Final = 1_000
_LINKED: Final[dict[LinkedKind, type[Aggregate]]] = {
    LinkedKind.SHIPMENT: Shipment,
    LinkedKind.COMPLAINT: Complaint,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class AddEvidence(ComplaintCommand):
    """Add a reference to evidence: where it lies, its media type, size in bytes and SHA-256.

    ``content`` is compared with size and digest if it is given, and never stored.
    """

    kind: EvidenceKind
    media_type: str
    size: int
    sha256: str
    reference: str
    note: str | None = None
    content: bytes | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class SupersedeEvidence(ComplaintCommand):
    """Mark evidence as superseded, perhaps by a later piece."""

    number: int
    by: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class LinkComplaint(ComplaintCommand):
    """Link the complaint with a shipment or another complaint."""

    kind: LinkedKind
    target: UUID


@dataclass(frozen=True, kw_only=True, slots=True)
class ReclassifyComplaint(ComplaintCommand):
    """Say what it is really about."""

    category: Category


@dataclass(frozen=True, kw_only=True, slots=True)
class ReassessSeverity(ComplaintCommand):
    """Raise or lower the severity."""

    severity: Severity


@dataclass(frozen=True, kw_only=True, slots=True)
class MarkUrgency(ComplaintCommand):
    """Give or take priority in the queues."""

    urgent: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class NameAccused(ComplaintCommand):
    """Name the person complained about."""

    accused: PersonId


@dataclass(frozen=True, kw_only=True, slots=True)
class EscalateComplaint(ComplaintCommand):
    """Move the case to a named senior manager or expert."""

    to: PersonId
    demanded_by: DemandedBy


@dataclass(frozen=True, kw_only=True, slots=True)
class GiveFeedback(ComplaintCommand):
    """Tell the customer how the case stands."""

    feedback: str


@dataclass(frozen=True, kw_only=True, slots=True)
class SettleChecklistItem(ComplaintCommand):
    """Tick off a measure of the category's checklist."""

    item: str
    outcome: ChecklistOutcome


@dataclass(frozen=True, kw_only=True, slots=True)
class RecordQualityStep(ComplaintCommand):
    """Note a step of a quality case."""

    step: QualityStep
    departments: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class SeekCompensation(ComplaintCommand):
    """Note that the customer asks for compensation."""


@handles(AddEvidence)
async def add_evidence(command: AddEvidence, desk: Desk) -> UUID:
    """Load, check the description, and the content if it is there, add, save."""
    complaint, meta = await case_file(command, desk)
    sha256, size = sha256_digest(command.sha256), byte_count(command.size)
    if command.content is not None:
        check_content(command.content, sha256=sha256, size=size)
    complaint.add_evidence(
        meta,
        kind=command.kind,
        media_type=media_type(command.media_type),
        size=size,
        sha256=sha256,
        reference=said(complaint, command.reference, field="reference", most=LOCATION_LENGTH),
        note=perhaps_said(complaint, command.note, field="note"),
    )
    desk.save(complaint)
    return complaint.id


@handles(SupersedeEvidence)
async def supersede_evidence(command: SupersedeEvidence, desk: Desk) -> UUID:
    """Load, supersede, save."""
    complaint, meta = await case_file(command, desk)
    complaint.supersede_evidence(command.number, command.by, meta)
    desk.save(complaint)
    return complaint.id


@handles(LinkComplaint)
async def link_complaint(command: LinkComplaint, desk: Desk) -> UUID:
    """Load, link with something that exists and that the caller may reach, save."""
    complaint, meta = await case_file(command, desk)
    complaint.link(command.kind, command.target, meta)
    if command.target != complaint.shipment:
        target = await desk.consult(_LINKED[command.kind], command.target)
        if not target.version:
            raise NotFoundError(target.KIND, str(target.id))
        desk.check_reach(target)
    desk.save(complaint)
    return complaint.id


@handles(ReclassifyComplaint)
async def reclassify_complaint(command: ReclassifyComplaint, desk: Desk) -> UUID:
    """Load, reclassify, save."""
    complaint, meta = await case_file(command, desk)
    complaint.reclassify(command.category, meta)
    desk.save(complaint)
    return complaint.id


@handles(ReassessSeverity)
async def reassess_severity(command: ReassessSeverity, desk: Desk) -> UUID:
    """Load, reassess, save."""
    complaint, meta = await case_file(command, desk)
    complaint.reassess_severity(command.severity, meta)
    desk.save(complaint)
    return complaint.id


@handles(MarkUrgency)
async def mark_urgency(command: MarkUrgency, desk: Desk) -> UUID:
    """Load, mark, save."""
    complaint, meta = await case_file(command, desk)
    complaint.mark_urgency(urgent=command.urgent, meta=meta)
    desk.save(complaint)
    return complaint.id


@handles(NameAccused)
async def name_accused(command: NameAccused, desk: Desk) -> UUID:
    """Load, name, save."""
    complaint, meta = await case_file(command, desk)
    complaint.name_accused(command.accused, meta)
    desk.save(complaint)
    return complaint.id


@handles(EscalateComplaint)
async def escalate_complaint(command: EscalateComplaint, desk: Desk) -> UUID:
    """Load, escalate to a person on the staff, save."""
    complaint, meta = await case_file(command, desk)
    complaint.escalate(command.to, command.demanded_by, meta)
    await require_role(desk, command.to, meta.occurred_at)
    desk.save(complaint)
    return complaint.id


@handles(GiveFeedback)
async def give_feedback(command: GiveFeedback, desk: Desk) -> UUID:
    """Load, tell, save."""
    complaint, meta = await case_file(command, desk)
    complaint.give_feedback(said(complaint, command.feedback, field="feedback"), meta)
    desk.save(complaint)
    return complaint.id


@handles(SettleChecklistItem)
async def settle_checklist_item(command: SettleChecklistItem, desk: Desk) -> UUID:
    """Load, settle, save."""
    complaint, meta = await case_file(command, desk)
    complaint.settle_checklist_item(command.item, command.outcome, meta)
    desk.save(complaint)
    return complaint.id


@handles(RecordQualityStep)
async def record_quality_step(command: RecordQualityStep, desk: Desk) -> UUID:
    """Load, note a step taken with departments that there are, save."""
    complaint, meta = await case_file(command, desk)
    complaint.record_quality_step(command.step, command.departments, meta)
    for department in command.departments:
        await require_unit(desk, UnitKind.DEPARTMENT, department, meta.occurred_at)
    desk.save(complaint)
    return complaint.id


@handles(SeekCompensation)
async def seek_compensation(command: SeekCompensation, desk: Desk) -> UUID:
    """Load, note, save."""
    complaint, meta = await case_file(command, desk)
    complaint.seek_compensation(meta)
    desk.save(complaint)
    return complaint.id
