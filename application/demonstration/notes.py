"""What is noted beside the way of a case: evidence, checklist, quality steps, improvement."""

from collections.abc import Iterable
from hashlib import sha256
from typing import Final

from application.complaint_notes import (
    AddEvidence,
    LinkComplaint,
    RecordQualityStep,
    SettleChecklistItem,
    SupersedeEvidence,
)
from application.demonstration.clock import DAY
from application.demonstration.company import OPERATIONS, QUALITY
from application.demonstration.course import Course, Ref
from application.demonstration.phrases import pick
from application.improvements import (
    CancelImprovement,
    CompleteImprovement,
    HandOverImprovement,
    ImprovementCommand,
    NoteImprovementProgress,
    RaiseImprovement,
    RescheduleImprovement,
)
from domain.categories import Category, checklist_codes
from domain.complaint_words import ChecklistOutcome, EvidenceKind, LinkedKind, QualityStep
from domain.identifiers import shipment_id

_MEDIA_TYPES: Final = {
    EvidenceKind.TRACKING_RECORD: "text/csv",
    EvidenceKind.CCTV: "video/mp4",
    EvidenceKind.PHOTOGRAPH: "image/jpeg",
    EvidenceKind.STATEMENT: "text/plain",
    EvidenceKind.RECORDING: "audio/mpeg",
    EvidenceKind.DOCUMENT: "application/pdf",
}
_C, _K = Category, EvidenceKind
_EVIDENCE: Final = {
    _C.LOSS: (0.8, (_K.TRACKING_RECORD, _K.CCTV, _K.DOCUMENT)),
    _C.DAMAGE: (0.9, (_K.PHOTOGRAPH, _K.PHOTOGRAPH, _K.CCTV)),
    _C.DELAY: (0.35, (_K.TRACKING_RECORD,)),
    _C.COURIER_ATTITUDE: (0.6, (_K.RECORDING, _K.STATEMENT)),
    _C.AGENT_ATTITUDE: (0.8, (_K.RECORDING,)),
    _C.DELIVERY: (0.4, (_K.PHOTOGRAPH, _K.TRACKING_RECORD)),
    _C.PRODUCT_QUALITY: (0.9, (_K.PHOTOGRAPH, _K.DOCUMENT)),
}
_SOME_EVIDENCE: Final = (0.15, (_K.DOCUMENT, _K.STATEMENT))
_MORE: Final = 0.35
_SUPERSEDED: Final = 0.05
_CHECKED: Final = 0.5
_SKIPPABLE: Final = frozenset(
    {"penalty_if_serious", "compensation", "delay_caused", "engineer", "after_sale_plan"}
)
_SKIPPED: Final = 0.4
_LINKED: Final = 0.15
_IMPROVED: Final = 0.03


def add_evidence(course: Course) -> None:
    """Add what there is: references to content that is invented, with its true digest."""
    likely, kinds = _EVIDENCE.get(course.story.category, _SOME_EVIDENCE)
    count = 0
    for kind in kinds:
        if course.chance.random() < (likely if count == 0 else _MORE):
            count += 1
            _add(course, count, kind)
    if count and course.chance.random() < _SUPERSEDED:
        _add(course, count + 1, kinds[0])
        course.do(course.team.investigator, SupersedeEvidence, 1, reason=course.some("superseded"),
                  number=1, by=count + 1)  # fmt: skip


def _add(course: Course, number: int, kind: EvidenceKind) -> None:
    code = f"{course.story.number:06}-{number}"
    # Of the seed nothing is in it: the same story has the same evidence wherever it is told.
    content = f"Demonstration evidence {code}: {kind.en}. {course.story.finding}".encode()
    course.do(
        course.team.investigator,
        AddEvidence,
        6,
        kind=kind,
        media_type=_MEDIA_TYPES[kind],
        size=len(content),
        sha256=sha256(content).hexdigest(),
        reference=course.some("evidence").format(code=code),
        note=course.some("evidence_notes"),
        content=content,
    )


def link_shipment(course: Course) -> None:
    """Link the shipment of a case that came without one: the staff have found it."""
    parcel = course.story.parcel
    if parcel is not None and course.story.taken_down.waybill is None:
        course.do(course.team.investigator, LinkComplaint, 5, kind=LinkedKind.SHIPMENT,
                  target=shipment_id(parcel.waybill))  # fmt: skip


def settle(course: Course, items: Iterable[str]) -> None:
    """Tick off items of the checklist, or skip some for a reason."""
    for item in items:
        skipped = item in _SKIPPABLE and course.chance.random() < _SKIPPED
        course.do(
            course.team.handler,
            SettleChecklistItem,
            0.3,
            reason=course.some("skipped") if skipped else None,
            item=item,
            outcome=ChecklistOutcome.SKIPPED if skipped else ChecklistOutcome.DONE,
        )


def checklist(course: Course) -> tuple[list[str], list[str]]:
    """Return what is settled during the investigation, and what after the remedy."""
    if course.chance.random() >= _CHECKED:
        return [], []
    codes = checklist_codes(course.story.category)
    return list(codes[:1]), list(codes[1:])


def record_quality_steps(course: Course) -> None:
    """Go through the steps of a quality case, the last one only when there is a solution."""
    if course.story.category is not Category.PRODUCT_QUALITY:
        return
    on_site = course.chance.random() < 0.4  # noqa: PLR2004
    for step in QualityStep:
        if step is QualityStep.ENGINEER_ON_SITE and not on_site:
            continue
        called = step in {QualityStep.DEPARTMENTS_NOTIFIED, QualityStep.MEETING_HELD}
        course.do(course.team.investigator, RecordQualityStep, 2, step=step,
                  departments=(QUALITY, OPERATIONS) if called else ())  # fmt: skip


def improve(course: Course) -> None:
    """Raise an improvement action now and then, and follow it up."""
    chance, team = course.chance, course.team
    if chance.random() >= _IMPROVED:
        return
    course.wait(60)
    due = course.now + chance.randint(14, 60) * DAY
    course.do(team.manager, RaiseImprovement, 1, keeps="improvement", department=team.department,
              owner=team.handler.id, due_at=course.instant(due),
              task=course.some("tasks").format(outlet=course.story.outlet))  # fmt: skip

    def later(command: type[ImprovementCommand], within: float, who: str, **given: object) -> None:
        course.wait(within)
        reason = given.pop("reason", None)
        course.note(getattr(team, who), command, {"improvement": Ref("improvement"), **given},
                    None if reason is None else str(reason))  # fmt: skip

    for _ in range(chance.randint(0, 2)):
        later(NoteImprovementProgress, 240, "handler", progress=course.some("progress"))
    turn = pick(chance, ("", "", "", "reschedule", "hand_over", "cancel", "stays"))
    if turn == "cancel":
        later(CancelImprovement, 300, "head", reason=course.some("cancellations"))
        return
    if turn == "reschedule":
        later(RescheduleImprovement, 200, "head", reason=course.some("reschedules"),
              due_at=course.instant(due + 21 * DAY))  # fmt: skip
    if turn == "hand_over":
        later(HandOverImprovement, 200, "head", reason=course.some("handovers"),
              owner=team.investigator.id)  # fmt: skip
    if turn != "stays":
        later(CompleteImprovement, 700, "handler", result=course.some("results"))
