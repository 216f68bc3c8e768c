"""The commands of a complaint, told so that only its state can be in their way."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final
from uuid import UUID

from domain.aggregate import DomainEvent
from domain.categories import Category
from domain.complaint import Complaint
from domain.complaint_life import ComplaintState
from domain.complaint_words import (
    Channel,
    ChecklistOutcome,
    DemandedBy,
    EvidenceKind,
    FollowUpOutcome,
    LinkedKind,
    Measure,
    QualityStep,
    RuleSource,
    Severity,
)
from domain.errors import DomainError
from domain.metadata import Metadata, Source, SourceKind
from domain.personal import PersonalText
from domain.rating import Score
from domain.roles import PersonId, Role

Step = Callable[[Complaint, Metadata], object]
S = ComplaintState

CASE: Final = UUID(int=1)
OTHER: Final = UUID(int=2)
CUSTOMER: Final = UUID(int=7)
SHIPMENT: Final = UUID(int=9)
ACCUSED: Final = PersonId("courier-7")
HANDLER: Final = PersonId("agent-2")
UNINVOLVED: Final = PersonId("agent-9")
"""Somebody who does nothing in the case, and so may take the rating."""
TEXT: Final = PersonalText(CUSTOMER, "the parcel never came")
MEASURES: Final = (Measure.APOLOGY, Measure.REDELIVERY)
ITEM: Final = "meeting"
"""On the checklist of the category of these cases, product quality."""

INTAKE: Final[dict[str, Any]] = {
    "number": "C-2026-000001",
    "channel": Channel.PHONE,
    "category": Category.PRODUCT_QUALITY,
    "severity": Severity.GENERAL,
    "urgent": False,
    "customer": CUSTOMER,
    "complainant": TEXT,
    "subject": TEXT,
    "facts": TEXT,
    "accused": ACCUSED,
}
EVIDENCE: Final[dict[str, Any]] = {
    "kind": EvidenceKind.PHOTOGRAPH,
    "media_type": "image/jpeg",
    "size": 12_345,
    "sha256": "ab" * 32,
    "reference": TEXT,
}
PROPOSAL: Final[dict[str, Any]] = {
    "rule_source": RuleSource.LAW,
    "rule": "Interim Regulations on Express Delivery, art. 27",
    "measures": MEASURES,
    "proposal": TEXT,
    "feasibility": "a van is free tomorrow",
}


# Circumstances


def by(person: str, step: Step) -> Step:
    return lambda c, meta: step(c, replace(meta, actor=PersonId(person)))


def at(time: datetime, step: Step) -> Step:
    return lambda c, meta: step(c, replace(meta, occurred_at=time))


def because(step: Step, reason: str = "the duplicate of a case") -> Step:
    return lambda c, meta: step(c, replace(meta, reason=reason))


# Commands, most of them with the arguments that no rule minds


def receives(**said: Any) -> Step:
    return lambda c, meta: c.receive(meta, **INTAKE | said)


def assigns(department: str, handler: str | None) -> Step:
    person = None if handler is None else PersonId(handler)
    return lambda c, meta: c.assign(department, person, meta)


def proposes(**said: Any) -> Step:
    return lambda c, meta: c.propose_resolution(meta, **PROPOSAL | said)


def carries_out(*measures: Measure) -> Step:
    return lambda c, meta: c.carry_out_remedy(measures, None, meta)


def rates(score: int) -> Step:
    return lambda c, meta: c.rate(Score(score), None, meta)


def reopens(within_days: int) -> Step:
    return lambda c, meta: c.reopen(within_days, meta)


def adds_evidence(**said: Any) -> Step:
    return lambda c, meta: c.add_evidence(meta, **EVIDENCE | said)


def supersedes(number: int, replacement: int | None = None) -> Step:
    return lambda c, meta: c.supersede_evidence(number, replacement, meta)


def links(target: UUID, kind: LinkedKind = LinkedKind.SHIPMENT) -> Step:
    return lambda c, meta: c.link(kind, target, meta)


def reclassifies(category: Category) -> Step:
    return lambda c, meta: c.reclassify(category, meta)


def reassesses(severity: Severity) -> Step:
    return lambda c, meta: c.reassess_severity(severity, meta)


def names_accused(person: str) -> Step:
    return lambda c, meta: c.name_accused(PersonId(person), meta)


def escalates(to: str) -> Step:
    return lambda c, meta: c.escalate(PersonId(to), DemandedBy.CUSTOMER, meta)


def settles(item: str, outcome: ChecklistOutcome = ChecklistOutcome.DONE) -> Step:
    return lambda c, meta: c.settle_checklist_item(item, outcome, meta)


def takes_quality_step(step: QualityStep, *departments: str) -> Step:
    return lambda c, meta: c.record_quality_step(step, departments, meta)


def another(meta: Metadata, number: UUID = OTHER, **said: Any) -> Complaint:
    """Return another complaint that was received."""
    other = Complaint(number)
    receives(number="C-2026-000002", **said)(other, meta)
    other.collect_events()
    return other


receive: Final = receives()
register: Final[Step] = Complaint.register
assign: Final = assigns("north", HANDLER)
start_investigation: Final[Step] = Complaint.start_investigation
propose: Final = proposes()
agree: Final[Step] = Complaint.agree_resolution
close: Final[Step] = Complaint.close
rate: Final = rates(4)
withdraw: Final[Step] = Complaint.withdraw
carry_out: Final = carries_out()


def decline(c: Complaint, meta: Metadata) -> None:
    c.decline(TEXT, meta)


def record_investigation(c: Complaint, meta: Metadata) -> None:
    c.record_investigation(TEXT, meta)


def reject(c: Complaint, meta: Metadata) -> None:
    c.reject_resolution(TEXT, meta)


def answer(c: Complaint, meta: Metadata) -> None:
    c.answer(TEXT, meta)


def follow_up(c: Complaint, meta: Metadata) -> None:
    c.follow_up(FollowUpOutcome.SATISFIED, None, meta)


def dispute(c: Complaint, meta: Metadata) -> None:
    c.dispute(TEXT, meta)


def wait(c: Complaint, meta: Metadata) -> None:
    c.wait_for_customer(TEXT, meta)


def resume(c: Complaint, meta: Metadata) -> None:
    c.resume(customer_answered=True, meta=meta)


def merge(c: Complaint, meta: Metadata) -> None:
    c.merge(another(meta), meta)


def absorb(c: Complaint, meta: Metadata) -> None:
    another(meta).merge(c, meta)


def mark_urgency(c: Complaint, meta: Metadata) -> None:
    c.mark_urgency(urgent=True, meta=meta)


def give_feedback(c: Complaint, meta: Metadata) -> None:
    c.give_feedback(TEXT, meta)


COMMANDS: Final[dict[str, Step]] = {
    "receive": receive,
    "register": register,
    "decline": decline,
    "assign": assign,
    "start_investigation": start_investigation,
    "record_investigation": record_investigation,
    "propose_resolution": propose,
    "agree_resolution": agree,
    "reject_resolution": reject,
    "answer": answer,
    "carry_out_remedy": carry_out,
    "follow_up": follow_up,
    "close": close,
    "rate": rate,
    "reopen": reopens(30),
    "dispute": dispute,
    "wait_for_customer": wait,
    "resume": resume,
    "withdraw": withdraw,
    "merge": merge,
    "absorb": absorb,
    "add_evidence": adds_evidence(sha256="cd" * 32),
    "supersede_evidence": supersedes(1),
    "link": links(SHIPMENT),
    "reclassify": reclassifies(Category.DAMAGE),
    "reassess_severity": reassesses(Severity.MAJOR),
    "mark_urgency": mark_urgency,
    "name_accused": names_accused("courier-8"),
    "escalate": escalates("manager-1"),
    "give_feedback": give_feedback,
    "seek_compensation": Complaint.seek_compensation,
    "settle_checklist_item": settles(ITEM),
    "record_quality_step": takes_quality_step(QualityStep.ENGINEER_ON_SITE),
    "raise_improvement": Complaint.raise_improvement,
}
"""Each command, so that somebody uninvolved who gives a reason meets no rule but the life cycle."""

receive_enquiry: Final = receives(category=Category.ENQUIRY)
_TAKEN_IN: Final = (receive, adds_evidence())
_REGISTERED: Final = (*_TAKEN_IN, register)
_PROPOSED: Final = (*_REGISTERED, assign, start_investigation, propose)
AGREED_AND_ANSWERED: Final = (*_PROPOSED, agree, answer)

WAYS: Final[dict[ComplaintState, tuple[Step, ...]]] = {
    S.BLANK: (),
    S.RECEIVED: _TAKEN_IN,
    S.REGISTERED: _REGISTERED,
    S.DECLINED: (*_TAKEN_IN, decline),
    S.ASSIGNED: (*_REGISTERED, assign),
    S.INVESTIGATING: (*_REGISTERED, assign, start_investigation),
    S.PROPOSED: _PROPOSED,
    S.AGREED: (*_PROPOSED, agree),
    S.ANSWERED: (*_PROPOSED, answer),
    S.REMEDIED: (*AGREED_AND_ANSWERED, carry_out),
    S.FOLLOWED_UP: (*AGREED_AND_ANSWERED, carry_out, follow_up),
    S.WAITING: (*_REGISTERED, wait),
    S.CLOSED: (*AGREED_AND_ANSWERED, carry_out, follow_up, close),
    S.WITHDRAWN: (*_TAKEN_IN, withdraw),
    S.MERGED: (*_TAKEN_IN, because(merge)),
}
"""A way into each state."""


def way_to(state: ComplaintState, command: str) -> tuple[Step, ...]:
    """Return a way into a state, such that what a command needs besides is there."""
    needing = {
        (S.ANSWERED, "carry_out_remedy"): AGREED_AND_ANSWERED,
        (S.FOLLOWED_UP, "agree_resolution"): (*_PROPOSED, answer, follow_up),
        (S.FOLLOWED_UP, "carry_out_remedy"): (*_PROPOSED, answer, follow_up, agree),
        (S.ASSIGNED, "answer"): (receive_enquiry, register, assign),
        (S.INVESTIGATING, "answer"): (receive_enquiry, register, assign, start_investigation),
    }
    return needing.get((state, command), WAYS[state])


# Every way into every state


@dataclass(frozen=True)
class Tried:
    """What came of a command in a state: the next state, or a refusal."""

    state: ComplaintState
    command: str
    next_state: ComplaintState | None
    refusal: DomainError | None


_VARIANTS: Final[dict[str, tuple[Step, ...]]] = {
    **{command: (step,) for command, step in COMMANDS.items()},
    "receive": (receive, receive_enquiry),
    "carry_out_remedy": (carries_out(), carries_out(MEASURES[0])),
}


def _what_can_matter(case: Complaint) -> tuple[object, ...]:
    """Return what decides about the next state: histories that agree in it are one."""
    return (
        case.state,
        case.resumes_to if case.state is S.WAITING else None,
        (case.department is None, case.escalated),
        (case.proposed, case.agreed, case.outstanding),
        case.rated,
        case.category,
        1 in case.evidence.values(),
    )


def _replayed(history: tuple[DomainEvent, ...]) -> Complaint:
    case = Complaint(CASE)
    for happened in history:
        happened.mutate(case)
    return case


def _tried_everywhere() -> Iterator[Tried]:
    meta = Metadata(
        occurred_at=datetime(2026, 3, 2, 1, 30, tzinfo=UTC),
        actor=PersonId("agent-1"),
        role=Role.FRONT_DESK,
        correlation=UUID(int=2),
        source=Source(SourceKind.API),
        reason="a reason",
    )
    todo: list[tuple[DomainEvent, ...]] = [()]
    seen = {_what_can_matter(Complaint(CASE))}
    while todo:
        history = todo.pop()
        for command, steps in _VARIANTS.items():
            actor = UNINVOLVED if command == "rate" else meta.actor
            for step in steps:
                case = _replayed(history)
                before = case.state
                try:
                    step(case, replace(meta, actor=actor))
                except DomainError as refusal:
                    yield Tried(before, command, None, refusal)
                    continue
                yield Tried(before, command, case.state, None)
                if (what := _what_can_matter(case)) not in seen:
                    seen.add(what)
                    todo.append((*history, *case.collect_events()))


@cache
def tried_everywhere() -> tuple[Tried, ...]:
    """Give every command after every history that can make a difference."""
    return tuple(_tried_everywhere())
