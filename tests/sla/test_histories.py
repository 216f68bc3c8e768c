"""Made-up histories are plausible, reach every kind of fact, and every clock and state."""

from collections import Counter
from datetime import datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from hypothesis import given

from tests.sla.histories import Fact, histories, random_history
from tests.sla.oracle import KEY_ACCOUNT_POLICY, clocks
from tests.sla.oracle_calendar import CHINA

SHANGHAI = ZoneInfo("Asia/Shanghai")
ENDS = {"withdrawn", "merged", "declined"}


def standing(facts: list[Fact], as_of: datetime | None = None) -> list[Fact]:
    """Return the clocks at an instant, or one hour after everything."""
    as_of = as_of or max(fact["at"] for fact in facts) + timedelta(hours=1)
    return clocks(facts, policy=KEY_ACCOUNT_POLICY, calendar=CHINA, zone=SHANGHAI, as_of=as_of)


@given(histories())
def test_a_history_is_plausible(facts: list[Fact]) -> None:
    assert facts[0]["what"] == "received"
    assert [fact["position"] for fact in facts] == list(range(1, len(facts) + 1))
    assert all(fact["at"] >= facts[0]["at"] for fact in facts)
    kinds = [str(fact["what"]) for fact in facts]
    assert kinds.count("received") == 1
    assert ENDS.isdisjoint(kinds[:-1])
    moves = [kind for kind in kinds if kind in {"waiting", "resumed"}]
    assert all(one != other for one, other in pairwise(["resumed", *moves]))
    answered = False
    for kind in kinds:
        assert answered or kind not in {"disputed", "remedied", "closed", "reopened", "followed_up"}
        answered = answered or kind == "answered"


@given(histories())
def test_a_live_instance_is_never_joined_by_another(facts: list[Fact]) -> None:
    found = standing(facts)
    live = Counter(c["clock"] for c in found if c["state"] in {"running", "paused", "breached"})
    assert all(number == 1 for number in live.values())
    assert all(c["due_at"] > c["started_at"] for c in found)
    assert all((c["stopped_at"] is None) == (live[c["clock"]] > 0) for c in last_ones(found))


def last_ones(found: list[Fact]) -> list[Fact]:
    return list({clock["clock"]: clock for clock in found}.values())


def test_a_seed_always_makes_the_same_history() -> None:
    assert random_history(7) == random_history(7) != random_history(8)


def test_two_hundred_histories_reach_every_fact_clock_and_state() -> None:
    made = [random_history(seed) for seed in range(200)]
    assert {fact["what"] for facts in made for fact in facts} >= {
        *("received", "registered", "assigned", "investigation_started", "proposed", "agreed"),
        *("rejected", "answered", "remedied", "followed_up", "closed", "reopened", "disputed"),
        *("waiting", "resumed", "feedback", "reclassified", "raised", "raised_to_major"),
        *("lowered", "urgency_marked", "escalated", "compensation_sought"),
        *("quality_departments_told", "quality_solution_sent", "withdrawn", "merged", "declined"),
    }
    reported_late = [
        True for facts in made for one, other in pairwise(facts) if other["at"] < one["at"]
    ]
    assert len(reported_late) >= 100
    found = [clock for facts in made for fact in facts for clock in standing(facts, fact["at"])]
    states = {(clock["clock"], clock["state"]) for clock in found}
    pausing = {name for name, target in KEY_ACCOUNT_POLICY.items() if target["pauses"]}
    ways_to_end = {"running", "met", "met_late", "breached", "cancelled"}
    wanted = {(name, state) for name in KEY_ACCOUNT_POLICY for state in ways_to_end}
    wanted |= {(name, "paused") for name in pausing}
    assert wanted <= states, wanted - states
    assert any(clock["paused_seconds"] > 0 for clock in found)
    assert any(clock["instance"] >= 3 for clock in found)
