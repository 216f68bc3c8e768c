"""Plausible histories of one case, as plain facts in log order, for the oracle and the product.

One set of rules, two ways to choose: Hypothesis (``histories``) and a seeded random generator
(``random_history``). Every history is legal by the life cycle of a complaint (domain.md 2). Facts
may be reported late: with a business time earlier than what is already recorded, but never before
the receipt, a waiting never before the resumption that preceded it, and what must follow the
closing never before it.

Facts that touch no clock (registered, investigation_started, agreed, rejected, followed_up) are
there because the steps after them need them.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from hypothesis import strategies as st

Fact = dict[str, Any]
T = TypeVar("T")

EARLIEST = datetime(2025, 12, 20, tzinfo=UTC)
LATEST = datetime(2026, 12, 20, tzinfo=UTC)
CATEGORIES = ("delay", "product_quality", "enquiry")
SEVERITIES = ("general", "serious", "major")
MONEY = ("refund", "compensation", "coupon")
OTHER_MEASURES = ("apology", "correction", "staff_training")
REOPENABLE = timedelta(days=30)
GAPS = (
    *(timedelta(0), timedelta(seconds=1), timedelta(minutes=7), timedelta(minutes=15)),
    *(timedelta(minutes=30), timedelta(minutes=55), timedelta(hours=2), timedelta(hours=4)),
    *(timedelta(hours=5), timedelta(hours=8), timedelta(hours=12), timedelta(hours=16)),
    *(timedelta(hours=24), timedelta(days=2), timedelta(days=4), timedelta(days=9)),
)
"""How much time passes between two facts; among them the targets themselves, to meet a deadline
at its very instant."""
WAYS_OUT = ("withdrawn", "merged")
LATENESS = (timedelta(minutes=20), timedelta(hours=3), timedelta(days=1), timedelta(days=3))


@dataclass(frozen=True)
class Choices:
    """Where the choices come from."""

    number: Callable[[int, int], int]
    """A whole number from the first to the second, both included."""

    def of(self, options: Sequence[T]) -> T:
        return options[self.number(0, len(options) - 1)]

    def one_in(self, chances: int) -> bool:
        return self.number(1, chances) == chances


@dataclass
class Story:
    """A case while its history is made up."""

    choose: Choices
    facts: list[Fact] = field(default_factory=list)
    state: str = "blank"
    resumes_to: str = "blank"
    category: str = ""
    severity: str = ""
    urgent: bool = False
    seeks_compensation: bool = False
    department: bool = False
    escalated: bool = False
    answered_before: bool = False
    proposed: bool = False
    agreed: bool = False
    outstanding: tuple[str, ...] = ()
    now: datetime = EARLIEST
    received_at: datetime = EARLIEST
    resumed_at: datetime = EARLIEST
    closed_at: datetime = EARLIEST

    @property
    def forwarded(self) -> bool:
        return self.department or self.escalated

    def happened(self, what: str, *, at: datetime | None = None, **fields: Any) -> datetime:
        at = self.now if at is None else at
        self.facts.append({"at": at, "position": len(self.facts) + 1, "what": what, **fields})
        return at

    def late(self, earliest: datetime) -> datetime:
        """Return now, or sometimes an earlier time that is only reported now."""
        if self.choose.one_in(6):
            return max(earliest, self.received_at, self.now - self.choose.of(LATENESS))
        return self.now

    def back_to_work(self) -> None:
        self.proposed = self.agreed = False
        self.outstanding = ()


Step = tuple[Callable[[Story], None], Callable[[Story], bool]]
"""What may happen, and when."""
OPEN = {
    *("received", "registered", "assigned", "investigating", "proposed", "agreed", "answered"),
    *("remedied", "followed_up", "waiting"),
}


def history(choose: Choices, longest: int = 30) -> list[Fact]:
    """Make up the history of one case."""
    story = Story(choose)
    span = int((LATEST - EARLIEST).total_seconds())
    story.now = EARLIEST + timedelta(seconds=choose.number(0, span))
    if choose.one_in(4):  # midnight in Shanghai
        story.now = story.now.replace(hour=16, minute=0, second=0)
    receive(story)
    for _ in range(choose.number(0, longest)):
        allowed = [step for step, fits in choose.of(WEIGHTED) if fits(story)]
        if allowed:
            story.now += choose.of(GAPS)
            choose.of(allowed)(story)
    return story.facts


def receive(story: Story) -> None:
    story.category = story.choose.of(CATEGORIES)
    story.severity = story.choose.of(SEVERITIES)
    story.urgent = story.choose.one_in(3)
    story.seeks_compensation = story.choose.one_in(2)
    story.state = "received"
    story.received_at = story.resumed_at = story.closed_at = story.happened(
        "received",
        category=story.category,
        severity=story.severity,
        urgent=story.urgent,
        seeks_compensation=story.seeks_compensation,
    )


# The way of a case


def register(story: Story) -> None:
    story.happened("registered", at=story.late(story.received_at))
    story.state = "registered"


def assign(story: Story) -> None:
    story.happened("assigned", at=story.late(story.received_at))
    if story.state == "registered":
        story.state = "assigned"
    elif (story.state, story.resumes_to) == ("waiting", "registered"):
        story.resumes_to = "assigned"
    story.department = True


def start_investigation(story: Story) -> None:
    story.happened("investigation_started", at=story.late(story.received_at))
    story.state = "investigating"


def propose(story: Story) -> None:
    measures = [m for m in (*MONEY, *OTHER_MEASURES) if story.choose.one_in(3)] or ["apology"]
    money = any(measure in MONEY for measure in measures)
    at = story.late(story.received_at)
    story.happened("proposed", at=at, measures=measures, money_measures=money)
    story.state = "proposed"
    story.proposed, story.agreed = True, False
    story.outstanding = tuple(measures)


def agree(story: Story) -> None:
    story.happened("agreed", at=story.late(story.received_at))
    if story.state == "proposed":
        story.state = "agreed"
    story.agreed = True


def reject(story: Story) -> None:
    story.happened("rejected", at=story.late(story.received_at))
    story.back_to_work()
    story.state = "investigating"


def answer(story: Story) -> None:
    first = not (story.forwarded or story.answered_before)
    story.happened("answered", at=story.late(story.received_at), first_contact=first)
    story.answered_before = True
    story.state = "answered"


def remedy(story: Story) -> None:
    some = [m for m in story.outstanding if story.choose.one_in(2)] or list(story.outstanding)
    last = len(some) == len(story.outstanding)
    money = any(measure in MONEY for measure in some)
    at = story.late(story.received_at)
    story.happened("remedied", at=at, measures=some, money=money, last=last)
    story.outstanding = tuple(m for m in story.outstanding if m not in some)
    if last:
        story.state = "remedied"


def follow_up(story: Story) -> None:
    story.happened("followed_up", at=story.late(story.received_at))
    story.state = "followed_up"


def close(story: Story) -> None:
    story.closed_at = story.happened("closed", at=story.late(story.received_at))
    story.state = "closed"


def reopen(story: Story) -> None:
    at = story.late(story.closed_at)
    story.happened("reopened", at=min(at, story.closed_at + REOPENABLE))
    story.back_to_work()
    story.state = "assigned" if story.department else "registered"


def dispute(story: Story) -> None:
    story.happened("disputed", at=story.late(story.received_at))
    story.back_to_work()
    story.state = "investigating" if story.department else "registered"


def wait(story: Story) -> None:
    story.resumed_at = story.happened("waiting", at=story.late(story.resumed_at))
    story.resumes_to, story.state = story.state, "waiting"


def resume(story: Story) -> None:
    at = story.happened("resumed", at=story.late(story.received_at))
    story.resumed_at = max(at, story.resumed_at)
    story.state = story.resumes_to


def end(story: Story) -> None:
    story.happened(story.choose.of(WAYS_OUT), at=story.late(story.received_at))
    story.state = "ended"


def decline(story: Story) -> None:
    story.happened("declined", at=story.late(story.received_at))
    story.state = "ended"


# What is noted in an open case


def give_feedback(story: Story) -> None:
    story.happened("feedback", at=story.late(story.received_at))


def reclassify(story: Story) -> None:
    story.category = story.choose.of([c for c in CATEGORIES if c != story.category])
    story.happened("reclassified", at=story.late(story.received_at), category=story.category)


def reassess(story: Story) -> None:
    before = SEVERITIES.index(story.severity)
    story.severity = story.choose.of([s for s in SEVERITIES if s != story.severity])
    what = "raised" if SEVERITIES.index(story.severity) > before else "lowered"
    what = "raised_to_major" if story.severity == "major" else what
    story.happened(what, at=story.late(story.received_at), severity=story.severity)


def mark_urgency(story: Story) -> None:
    story.urgent = not story.urgent
    story.happened("urgency_marked", at=story.late(story.received_at), urgent=story.urgent)


def escalate(story: Story) -> None:
    story.happened("escalated", at=story.late(story.received_at))
    story.escalated = True


def seek_compensation(story: Story) -> None:
    story.happened("compensation_sought", at=story.late(story.received_at))
    story.seeks_compensation = True


def take_quality_step(story: Story) -> None:
    what = story.choose.of(["quality_departments_told", "quality_solution_sent"])
    story.happened(what, at=story.late(story.received_at))


def is_open(story: Story) -> bool:
    return story.state in OPEN


def in_state(*states: str) -> Callable[[Story], bool]:
    return lambda story: story.state in states


def may_answer(story: Story) -> bool:
    working = {"received", "registered", "assigned", "investigating", "proposed", "agreed"}
    return story.state in working and (story.proposed or not story.forwarded)


def may_agree(story: Story) -> bool:
    told = story.state in {"proposed", "answered", "followed_up"}
    return told and story.proposed and not story.agreed


def may_remedy(story: Story) -> bool:
    told = story.state in {"answered", "followed_up"}
    return told and story.proposed and story.agreed and bool(story.outstanding)


def may_take_quality_step(story: Story) -> bool:
    return is_open(story) and story.state != "received" and story.category == "product_quality"


def nothing_outstanding(story: Story) -> bool:
    return not (story.agreed and story.outstanding)


def may_follow_up(story: Story) -> bool:
    return story.state in {"answered", "remedied"} and nothing_outstanding(story)


def may_close(story: Story) -> bool:
    resolved = story.proposed or not story.forwarded
    return story.state in {"answered", "followed_up"} and resolved and nothing_outstanding(story)


def may_reopen(story: Story) -> bool:
    return story.state == "closed" and story.now >= story.closed_at


FORWARD: tuple[Step, ...] = (
    (register, in_state("received")),
    (assign, in_state("registered")),
    (start_investigation, in_state("assigned")),
    (propose, in_state("investigating")),
    (agree, may_agree),
    (answer, may_answer),
    (remedy, may_remedy),
    (follow_up, may_follow_up),
    (close, may_close),
    (resume, in_state("waiting")),
)
BACK: tuple[Step, ...] = (
    (assign, lambda story: is_open(story) and story.state != "received"),
    (propose, in_state("proposed")),
    (reject, in_state("proposed")),
    (dispute, in_state("answered", "remedied", "followed_up")),
    (reopen, may_reopen),
    (wait, lambda story: is_open(story) and story.state not in {"received", "waiting"}),
)
ASIDE: tuple[Step, ...] = (
    (give_feedback, is_open),
    (reclassify, is_open),
    (reassess, is_open),
    (mark_urgency, is_open),
    (escalate, is_open),
    (seek_compensation, lambda story: is_open(story) and not story.seeks_compensation),
    *[(take_quality_step, may_take_quality_step)] * 3,
)
ENDING: tuple[Step, ...] = ((end, is_open), (decline, in_state("received")))
WEIGHTED = (*[FORWARD] * 12, *[BACK] * 6, *[ASIDE] * 12, ENDING)
"""Cases get on, with detours."""


@st.composite
def histories(draw: st.DrawFn, longest: int = 30) -> list[Fact]:
    """Draw the history of one case."""
    return history(Choices(lambda low, high: draw(st.integers(low, high))), longest)


def random_history(seed: int, longest: int = 30) -> list[Fact]:
    """Make up the history of one case from a seed."""
    return history(Choices(random.Random(seed).randint), longest)
