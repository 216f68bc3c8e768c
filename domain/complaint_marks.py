"""What the events of a complaint mean to clocks (the table of domain.md 3)."""

from dataclasses import replace
from typing import Final

from domain.categories import Category
from domain.complaint import Complaint
from domain.complaint_words import Measure, QualityStep, Severity
from domain.roles import Role
from domain.service_levels.marks import RESUMED, WAITING, CaseFacts, Marked, begins, mark, reads

RECEIVED: Final = mark("received", "received", "收到")
RECEIVED_ORDINARY: Final = mark("received_ordinary", "received, not major", "收到（非重大）")
COMPENSATION_SOUGHT: Final = mark("compensation_sought", "compensation sought", "提出赔偿诉求")
COMPENSATION_SETTLED: Final = mark(
    "compensation_settled", "compensation carried out or refused", "赔偿已落实或已拒绝"
)
COMPENSATION_REOPENED: Final = mark(
    "compensation_reopened",
    "reopened or disputed, compensation sought",
    "重新开启或有异议，且有赔偿诉求",
)
DECLINED: Final = mark("declined", "declined", "不予立案")
ASSIGNED: Final = mark("assigned", "assigned to a department", "分派至责任部门")
FEEDBACK: Final = mark("feedback", "a person told the customer something", "人工向客户反馈")
SOLUTION_SENT: Final = mark("solution_sent", "solution sent", "已发送解决方案")
ANSWERED: Final = mark("answered", "answered", "已答复")
CLOSED: Final = mark("closed", "closed", "结案")
REOPENED: Final = mark("reopened", "reopened", "重新开启")
REOPENED_UNASSIGNED: Final = mark(
    "reopened_unassigned",
    "reopened or disputed, no department has it",
    "重新开启或有异议，尚未分派",
)
DISPUTED: Final = mark("disputed", "answer disputed", "对答复有异议")
WITHDRAWN: Final = mark("withdrawn", "withdrawn", "撤回")
MERGED: Final = mark("merged", "merged", "并案")
MAJOR: Final = mark("major", "major", "定为重大")
NO_LONGER_MAJOR: Final = mark("no_longer_major", "no longer major", "不再为重大")
ESCALATED: Final = mark("escalated", "escalated", "升级")
QUALITY_EMERGENCY: Final = mark(
    "quality_emergency", "product quality, sudden or major", "突发或重大产品质量问题"
)
QUALITY_EMERGENCY_OVER: Final = mark(
    "quality_emergency_over", "no longer a sudden or major quality case", "不再属突发或重大质量问题"
)
DEPARTMENTS_TOLD: Final = mark("departments_told", "departments notified", "已通知相关部门")
QUALITY_SOLUTION_SENT: Final = mark(
    "quality_solution_sent", "the engineer's solution sent", "已发送工程师方案"
)

_URGENT: Final = "urgent"
_ESCALATED: Final = "escalated"
_SEEKS_COMPENSATION: Final = "seeks_compensation"
_MONEY_PROPOSED: Final = "money_proposed"
_MONEY: Final = frozenset({Measure.COMPENSATION, Measure.REFUND, Measure.COUPON})


def _with(facts: CaseFacts, *notes: str) -> CaseFacts:
    return replace(facts, notes=facts.notes | set(notes))


def _without(facts: CaseFacts, *notes: str) -> CaseFacts:
    return replace(facts, notes=facts.notes - set(notes))


def _emergency(facts: CaseFacts | None) -> bool:
    return (
        facts is not None
        and facts.category == Category.PRODUCT_QUALITY
        and (facts.severity == Severity.MAJOR or _URGENT in facts.notes)
    )


def _told(before: CaseFacts | None, after: CaseFacts, *marks: str) -> Marked:
    """Return the marks, and that of a quality case whose clocks begin or have no ground left."""
    if _emergency(after) and not _emergency(before):
        marks = (*marks, QUALITY_EMERGENCY)
    elif _emergency(before) and not _emergency(after):
        marks = (*marks, QUALITY_EMERGENCY_OVER)
    return Marked(marks, after)


@begins(Complaint.Received)
def _received(event: Complaint.Received) -> Marked:
    notes = {_URGENT} if event.urgent else set()
    marks = [RECEIVED]
    if event.severity is Severity.MAJOR:
        marks.append(MAJOR)
    else:
        marks.append(RECEIVED_ORDINARY)
    if event.seeks_compensation:
        notes.add(_SEEKS_COMPENSATION)
        marks.append(COMPENSATION_SOUGHT)
    facts = CaseFacts(
        kind=Complaint.KIND,
        number=event.number,
        region=event.region,
        outlet=event.outlet,
        category=event.category.value,
        severity=event.severity.value,
        partner=event.partner,
        policy=event.service_levels,
        notes=frozenset(notes),
    )
    return _told(None, facts, *marks)


@reads(Complaint.CompensationSought)
def _compensation_sought(_event: Complaint.CompensationSought, facts: CaseFacts) -> Marked:
    return Marked((COMPENSATION_SOUGHT,), _with(facts, _SEEKS_COMPENSATION))


@reads(Complaint.Declined)
def _declined(_event: Complaint.Declined, facts: CaseFacts) -> Marked:
    return Marked((DECLINED,), facts)


@reads(Complaint.Assigned)
def _assigned(event: Complaint.Assigned, facts: CaseFacts) -> Marked:
    handler = facts.handler
    if event.handler is not None or _ESCALATED not in facts.notes:
        handler = event.handler  # who a case was escalated to keeps it
    return Marked((ASSIGNED,), replace(facts, department=event.department, handler=handler))


@reads(Complaint.FeedbackGiven)
def _feedback_given(event: Complaint.FeedbackGiven, facts: CaseFacts) -> Marked | None:
    by_a_person = event.meta.role is not Role.SYSTEM  # an automatic receipt does not count
    return Marked((FEEDBACK,), facts) if by_a_person else None


@reads(Complaint.WaitingForCustomer)
def _waiting(_event: Complaint.WaitingForCustomer, facts: CaseFacts) -> Marked:
    return Marked((FEEDBACK, WAITING), facts)


@reads(Complaint.Resumed)
def _resumed(_event: Complaint.Resumed, facts: CaseFacts) -> Marked:
    return Marked((RESUMED,), facts)


@reads(Complaint.ResolutionProposed)
def _resolution_proposed(event: Complaint.ResolutionProposed, facts: CaseFacts) -> Marked:
    money = not _MONEY.isdisjoint(event.measures)
    after = _with(facts, _MONEY_PROPOSED) if money else _without(facts, _MONEY_PROPOSED)
    return Marked((SOLUTION_SENT,), after)


@reads(Complaint.Answered)
def _answered(_event: Complaint.Answered, facts: CaseFacts) -> Marked:
    marks: tuple[str, ...] = (ANSWERED, FEEDBACK, SOLUTION_SENT)
    if _MONEY_PROPOSED not in facts.notes:  # an answer that promises no money refuses it
        marks = (*marks, COMPENSATION_SETTLED)
    return Marked(marks, facts)


@reads(Complaint.RemedyCarriedOut)
def _remedy_carried_out(event: Complaint.RemedyCarriedOut, facts: CaseFacts) -> Marked | None:
    settled = event.last or not _MONEY.isdisjoint(event.measures)
    return Marked((COMPENSATION_SETTLED,), facts) if settled else None


@reads(Complaint.Closed)
def _closed(_event: Complaint.Closed, facts: CaseFacts) -> Marked:
    return Marked((CLOSED, COMPENSATION_SETTLED), facts)


def _again(mark_: str, facts: CaseFacts) -> Marked:
    marks: tuple[str, ...] = (mark_,)
    if facts.department is None:
        marks = (*marks, REOPENED_UNASSIGNED)
    if _SEEKS_COMPENSATION in facts.notes:
        marks = (*marks, COMPENSATION_REOPENED)
    return Marked(marks, _without(facts, _MONEY_PROPOSED))


@reads(Complaint.Reopened)
def _reopened(_event: Complaint.Reopened, facts: CaseFacts) -> Marked:
    return _again(REOPENED, facts)


@reads(Complaint.Disputed)
def _disputed(_event: Complaint.Disputed, facts: CaseFacts) -> Marked:
    return _again(DISPUTED, facts)


@reads(Complaint.ResolutionRejected)
def _resolution_rejected(_event: Complaint.ResolutionRejected, facts: CaseFacts) -> Marked:
    return Marked((), _without(facts, _MONEY_PROPOSED))


@reads(Complaint.Withdrawn)
def _withdrawn(_event: Complaint.Withdrawn, facts: CaseFacts) -> Marked:
    return Marked((WITHDRAWN,), facts)


@reads(Complaint.Merged)
def _merged(_event: Complaint.Merged, facts: CaseFacts) -> Marked:
    return Marked((MERGED,), facts)


@reads(Complaint.Reclassified)
def _reclassified(event: Complaint.Reclassified, facts: CaseFacts) -> Marked:
    return _told(facts, replace(facts, category=event.category.value))


@reads(Complaint.SeverityReassessed)
def _severity_reassessed(event: Complaint.SeverityReassessed, facts: CaseFacts) -> Marked:
    marks: tuple[str, ...] = ()
    if event.severity is Severity.MAJOR:
        marks = () if facts.severity == Severity.MAJOR else (MAJOR,)
    elif facts.severity == Severity.MAJOR and _ESCALATED not in facts.notes:
        marks = (NO_LONGER_MAJOR,)
    return _told(facts, replace(facts, severity=event.severity.value), *marks)


@reads(Complaint.UrgencyMarked)
def _urgency_marked(event: Complaint.UrgencyMarked, facts: CaseFacts) -> Marked:
    after = _with(facts, _URGENT) if event.urgent else _without(facts, _URGENT)
    return _told(facts, after)


@reads(Complaint.Escalated)
def _escalated(event: Complaint.Escalated, facts: CaseFacts) -> Marked:
    return Marked((ESCALATED,), replace(_with(facts, _ESCALATED), handler=event.to))


@reads(Complaint.AccusedNamed)
def _accused_named(event: Complaint.AccusedNamed, facts: CaseFacts) -> Marked:
    handler = None if facts.handler == event.accused else facts.handler
    return Marked((), replace(facts, handler=handler))


@reads(Complaint.Absorbed)
def _absorbed(event: Complaint.Absorbed, facts: CaseFacts) -> Marked:
    handler = None if facts.handler in event.accused else facts.handler
    return Marked((), replace(facts, handler=handler))


@reads(Complaint.QualityStepTaken)
def _quality_step_taken(event: Complaint.QualityStepTaken, facts: CaseFacts) -> Marked | None:
    told = {
        QualityStep.DEPARTMENTS_NOTIFIED: DEPARTMENTS_TOLD,
        QualityStep.SOLUTION_SENT: QUALITY_SOLUTION_SENT,
    }.get(event.step)
    return None if told is None else Marked((told,), facts)
