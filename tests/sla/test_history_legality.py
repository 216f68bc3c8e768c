"""Made-up histories are legal: the product's own complaint accepts every one of their facts."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given

from domain.categories import Category
from domain.complaint import Complaint
from domain.complaint_words import Measure, QualityStep, Severity
from tests.domain import complaint_steps as steps
from tests.domain.conftest import META
from tests.sla.histories import Fact, histories, random_history

REASON = "the customer says so"
ALONE: dict[str, steps.Step] = {
    "registered": steps.register,
    "declined": steps.decline,
    "assigned": steps.assign,
    "investigation_started": steps.start_investigation,
    "agreed": steps.agree,
    "rejected": steps.reject,
    "answered": steps.answer,
    "followed_up": steps.follow_up,
    "closed": steps.close,
    "reopened": steps.reopens(30),
    "disputed": steps.dispute,
    "waiting": steps.wait,
    "resumed": steps.resume,
    "withdrawn": steps.withdraw,
    "merged": steps.merge,
    "feedback": steps.give_feedback,
    "escalated": steps.escalates("manager-1"),
    "compensation_sought": Complaint.seek_compensation,
    "quality_departments_told": steps.takes_quality_step(QualityStep.DEPARTMENTS_NOTIFIED, "qc"),
    "quality_solution_sent": steps.takes_quality_step(QualityStep.SOLUTION_SENT),
}
"""The facts that say nothing but that they happened."""


def marks_urgency(*, urgent: bool) -> steps.Step:
    return lambda case, meta: case.mark_urgency(urgent=urgent, meta=meta)


def step_of(fact: Fact) -> steps.Step:
    """Return the command that records a fact."""
    match fact["what"]:
        case "received":
            step = steps.receives(
                category=Category(fact["category"]),
                severity=Severity(fact["severity"]),
                urgent=fact["urgent"],
                seeks_compensation=fact["seeks_compensation"],
            )
        case "proposed":
            step = steps.proposes(measures=tuple(Measure(m) for m in fact["measures"]))
        case "remedied":
            step = steps.carries_out(*(Measure(m) for m in fact["measures"]))
        case "reclassified":
            step = steps.reclassifies(Category(fact["category"]))
        case "raised" | "raised_to_major" | "lowered":
            step = steps.reassesses(Severity(fact["severity"]))
        case "urgency_marked":
            step = marks_urgency(urgent=fact["urgent"])
        case what:
            step = ALONE[what]
    return step


def recorded(facts: list[Fact]) -> list[Any]:
    """Give every fact to a complaint, and return the events that came of it."""
    case = Complaint(steps.CASE)
    events = []
    for fact in facts:
        step_of(fact)(case, replace(META, occurred_at=fact["at"], reason=REASON))
        (event,) = case.collect_events()
        events.append(event)
    return events


def agrees(fact: Fact, event: Any) -> bool:
    """Say whether the event says what the fact says, as far as both say it."""
    same = {
        name: fact[name]
        for name in ("first_contact", "last", "severity", "category", "urgent")
        if name in fact
    }
    return all(getattr(event, name) == value for name, value in same.items())


@given(histories())
def test_the_life_cycle_allows_every_history(facts: list[Fact]) -> None:
    assert all(agrees(*pair) for pair in zip(facts, recorded(facts), strict=True))


@pytest.mark.parametrize("seed", range(50))
def test_the_life_cycle_allows_every_seeded_history(seed: int) -> None:
    facts = random_history(seed, longest=60)
    assert all(agrees(*pair) for pair in zip(facts, recorded(facts), strict=True))
