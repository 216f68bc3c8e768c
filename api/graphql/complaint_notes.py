"""What is noted in the file of an open case, in the schema."""

import binascii
from base64 import b64decode
from uuid import UUID

import strawberry

from api.graphql.complaint_inputs import ComplaintInput, common, complaint_command
from api.graphql.nodes import as_uuid
from api.graphql.scalars import Long
from application.complaint_notes import (
    AddEvidence,
    EscalateComplaint,
    GiveFeedback,
    LinkComplaint,
    MarkUrgency,
    NameAccused,
    ReassessSeverity,
    ReclassifyComplaint,
    RecordQualityStep,
    SeekCompensation,
    SettleChecklistItem,
    SupersedeEvidence,
)
from domain.categories import Category
from domain.complaint_words import (
    ChecklistOutcome,
    DemandedBy,
    EvidenceKind,
    LinkedKind,
    QualityStep,
    Severity,
)
from domain.errors import (
    InvalidValueError,
    NoRoleAtThatTimeError,
    NotAQualityCaseError,
    Rule,
    UnitNotOpenError,
)
from domain.identifiers import shipment_id, waybill
from domain.roles import person_id
from domain.text import code


@strawberry.input
class AddEvidenceInput(ComplaintInput):
    """Where the evidence lies, and what lies there; size is in bytes.

    contentBase64 is compared with size and digest if it is given, and never stored.
    """

    kind: EvidenceKind
    media_type: str
    size: Long
    sha256: str
    reference: str
    note: str | None = None
    content_base64: str | None = None


@strawberry.input
class SupersedeEvidenceInput(ComplaintInput):
    """Which piece, and perhaps by which later one."""

    number: int
    by: int | None = None


@strawberry.input
class LinkComplaintInput(ComplaintInput):
    """Exactly one of the two."""

    waybill: str | None = None
    other_complaint_id: strawberry.ID | None = None


@strawberry.input
class ReclassifyComplaintInput(ComplaintInput):
    """What it is really about; the reason is needed."""

    category: Category


@strawberry.input
class ReassessSeverityInput(ComplaintInput):
    """How grave it really is; the reason is needed."""

    severity: Severity


@strawberry.input
class MarkUrgencyInput(ComplaintInput):
    """Whether it has priority."""

    urgent: bool


@strawberry.input
class NameAccusedInput(ComplaintInput):
    """The person complained about."""

    accused: str


@strawberry.input
class EscalateComplaintInput(ComplaintInput):
    """To whom, and who demanded it; the reason is needed."""

    to: str
    demanded_by: DemandedBy


@strawberry.input
class GiveFeedbackInput(ComplaintInput):
    """What the customer is told."""

    feedback: str


@strawberry.input
class SettleChecklistItemInput(ComplaintInput):
    """Which item, and how; skipping one needs the reason."""

    item: str
    outcome: ChecklistOutcome


@strawberry.input
class RecordQualityStepInput(ComplaintInput):
    """Which step, with which departments."""

    step: QualityStep
    departments: list[str] = strawberry.field(default_factory=list)


def _add_evidence(given: AddEvidenceInput) -> AddEvidence:
    content = None
    if given.content_base64 is not None:
        try:
            content = b64decode(given.content_base64, validate=True)
        except (binascii.Error, ValueError):
            raise InvalidValueError("contentBase64", Rule.NOT_BASE64) from None
    return AddEvidence(
        **common(given),
        kind=given.kind,
        media_type=given.media_type,
        size=given.size,
        sha256=given.sha256,
        reference=given.reference,
        note=given.note,
        content=content,
    )


def _linked(given: LinkComplaintInput) -> tuple[LinkedKind, UUID]:
    if (given.waybill is None) is (given.other_complaint_id is None):
        raise InvalidValueError("waybill, otherComplaintId", Rule.EXACTLY_ONE)
    if given.waybill is not None:
        return LinkedKind.SHIPMENT, shipment_id(waybill(given.waybill))
    assert given.other_complaint_id is not None
    return LinkedKind.COMPLAINT, as_uuid(given.other_complaint_id, field="otherComplaintId")


def _link(given: LinkComplaintInput) -> LinkComplaint:
    kind, target = _linked(given)
    return LinkComplaint(**common(given), kind=kind, target=target)


@strawberry.type
class Mutation:
    """Commands that leave a case where it stands."""

    add_evidence = complaint_command(
        "AddEvidence",
        "Add a reference to evidence; a digest that is there already adds nothing.",
        AddEvidenceInput,
        _add_evidence,
    )
    supersede_evidence = complaint_command(
        "SupersedeEvidence",
        "Mark a piece of evidence as superseded; it stays.",
        SupersedeEvidenceInput,
        lambda given: SupersedeEvidence(**common(given), number=given.number, by=given.by),
    )
    link_complaint = complaint_command(
        "LinkComplaint",
        "Link the complaint with a shipment or another complaint.",
        LinkComplaintInput,
        _link,
    )
    reclassify_complaint = complaint_command(
        "ReclassifyComplaint",
        "Say what it is really about; the checklist starts anew.",
        ReclassifyComplaintInput,
        lambda given: ReclassifyComplaint(**common(given), category=given.category),
    )
    reassess_severity = complaint_command(
        "ReassessSeverity",
        "Raise or lower the severity.",
        ReassessSeverityInput,
        lambda given: ReassessSeverity(**common(given), severity=given.severity),
    )
    mark_urgency = complaint_command(
        "MarkUrgency",
        "Give or take priority in the queues.",
        MarkUrgencyInput,
        lambda given: MarkUrgency(**common(given), urgent=given.urgent),
    )
    name_accused = complaint_command(
        "NameAccused",
        "Name the person complained about, who is kept away from the case.",
        NameAccusedInput,
        lambda given: NameAccused(
            **common(given), accused=person_id(given.accused, field="accused")
        ),
    )
    escalate_complaint = complaint_command(
        "EscalateComplaint",
        "Move the case to a named senior manager or expert.",
        EscalateComplaintInput,
        lambda given: EscalateComplaint(
            **common(given), to=person_id(given.to, field="to"), demanded_by=given.demanded_by
        ),
        NoRoleAtThatTimeError,
    )
    give_feedback = complaint_command(
        "GiveFeedback",
        "Tell the customer how the case stands.",
        GiveFeedbackInput,
        lambda given: GiveFeedback(**common(given), feedback=given.feedback),
    )
    seek_compensation = complaint_command(
        "SeekCompensation",
        "Note that the customer asks for compensation; once more changes nothing.",
        ComplaintInput,
        lambda given: SeekCompensation(**common(given)),
    )
    settle_checklist_item = complaint_command(
        "SettleChecklistItem",
        "Tick off a measure of the category's checklist.",
        SettleChecklistItemInput,
        lambda given: SettleChecklistItem(**common(given), item=given.item, outcome=given.outcome),
    )
    record_quality_step = complaint_command(
        "RecordQualityStep",
        "Note a step of a quality case.",
        RecordQualityStepInput,
        lambda given: RecordQualityStep(
            **common(given),
            step=given.step,
            departments=tuple(code(name, field="departments") for name in given.departments),
        ),
        NotAQualityCaseError,
        UnitNotOpenError,
    )
