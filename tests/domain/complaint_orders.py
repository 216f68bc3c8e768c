"""Random orders to complaints: any command, with arguments that fit it or not."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from hypothesis import strategies as st

from domain.categories import Category, checklist_codes
from domain.complaint_words import (
    ChecklistOutcome,
    DemandedBy,
    FollowUpOutcome,
    LinkedKind,
    Measure,
    QualityStep,
    RuleSource,
    Severity,
)
from domain.metadata import Metadata, Source, SourceKind
from domain.rating import Score
from domain.roles import PersonId, Role
from tests.domain.complaint_steps import EVIDENCE, INTAKE, TEXT

CASES: Final = tuple(UUID(int=number) for number in (1, 2, 3))
DAY: Final = datetime(2026, 3, 2, tzinfo=UTC)

indexes: Final = st.integers(0, len(CASES) - 1)
people = st.sampled_from([PersonId(f"person-{number}") for number in range(6)])
somebody = st.none() | people
categories = st.sampled_from([Category.PRODUCT_QUALITY, Category.DELAY, Category.ENQUIRY])
measures = st.lists(st.sampled_from(list(Measure)[:2]), max_size=4).map(tuple)
texts = st.just(TEXT)
perhaps_text = st.none() | texts


@dataclass(frozen=True)
class Order:
    """A command by its name in the life cycle, and how it is given."""

    command: str
    method: str
    arguments: dict[str, Any]


def order(
    command: str, method: str | None = None, **arguments: st.SearchStrategy[Any]
) -> st.SearchStrategy[Order]:
    return st.fixed_dictionaries(arguments).map(lambda a: Order(command, method or command, a))


ORDERS: Final = {
    "receive": order(
        "receive",
        **{name: st.just(value) for name, value in INTAKE.items()}
        | {
            "accused": somebody,
            "category": categories,
            "urgent": st.booleans(),
            "seeks_compensation": st.booleans(),
        },
    ),
    "register": order("register"),
    "decline": order("decline", explanation=texts),
    "assign": order("assign", department=st.sampled_from(["north", "south"]), handler=somebody),
    "start_investigation": order("start_investigation"),
    "record_investigation": order("record_investigation", finding=texts),
    "propose_resolution": order(
        "propose_resolution",
        rule_source=st.sampled_from(RuleSource),
        rule=st.sampled_from(["art. 27", "art. 28", "art. 29", ""]),
        measures=measures,
        proposal=texts,
        feasibility=st.just("feasible"),
    ),
    "agree_resolution": order("agree_resolution"),
    "reject_resolution": order("reject_resolution", objection=perhaps_text),
    "answer": order("answer", answer=texts),
    "carry_out_remedy": order("carry_out_remedy", measures=measures, note=perhaps_text),
    "follow_up": order("follow_up", outcome=st.sampled_from(FollowUpOutcome), note=perhaps_text),
    "close": order("close"),
    "rate": order("rate", score=st.integers(1, 5).map(Score), comment=perhaps_text),
    "reopen": order("reopen", within_days=st.sampled_from([30, 30, 1])),
    "dispute": order("dispute", objection=texts),
    "wait_for_customer": order("wait_for_customer", asked=texts),
    "resume": order("resume", customer_answered=st.booleans()),
    "withdraw": order("withdraw"),
    "merge": order("merge", into=indexes),
    "add_evidence": order(
        "add_evidence",
        **{name: st.just(value) for name, value in EVIDENCE.items()}
        | {"sha256": st.sampled_from([letter * 64 for letter in "abc"])},
    ),
    "supersede_evidence": order(
        "supersede_evidence", number=st.integers(1, 3), by=st.none() | st.integers(1, 3)
    ),
    "link": order("link", kind=st.sampled_from(LinkedKind), target=st.sampled_from(CASES)),
    "reclassify": order("reclassify", category=categories),
    "reassess_severity": order("reassess_severity", severity=st.sampled_from(Severity)),
    "mark_urgency": order("mark_urgency", urgent=st.booleans()),
    "name_accused": order("name_accused", accused=people),
    "escalate": order("escalate", to=people, demanded_by=st.sampled_from(DemandedBy)),
    "give_feedback": order("give_feedback", feedback=texts),
    "seek_compensation": order("seek_compensation"),
    "settle_checklist_item": order(
        "settle_checklist_item",
        item=st.sampled_from([code for c in Category for code in checklist_codes(c)]),
        outcome=st.sampled_from(ChecklistOutcome),
    ),
    "record_quality_step": order(
        "record_quality_step",
        "record_quality_step",
        step=st.sampled_from(QualityStep),
        departments=st.sampled_from([(), ("north",)]),
    ),
    "raise_improvement": order("raise_improvement"),
}


def circumstances_of(hours: st.SearchStrategy[int]) -> st.SearchStrategy[Metadata]:
    return st.builds(
        Metadata,
        occurred_at=hours.map(lambda passed: DAY + timedelta(hours=passed)),
        actor=people,
        role=st.sampled_from(Role),
        correlation=st.just(UUID(int=2)),
        source=st.just(Source(SourceKind.API)),
        reason=st.sampled_from(["a reason", "another reason", "a third one", None]),
    )


circumstances = circumstances_of(st.integers(-20, 1_500))
"""Mostly later than the receipts, in any order."""
at_intake = circumstances_of(st.integers(0, 300))
