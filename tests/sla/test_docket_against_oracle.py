"""The product's clocks against the oracle's, over made-up histories, at any business time.

The oracle shares nothing with the product: no code, no calendar, no table.
"""

import random
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.complaint import Complaint
from domain.metadata import Metadata
from domain.service_levels.docket import ClockState, Docket, fold
from domain.service_levels.recipients import StaffBook
from domain.service_levels.rules import Rules
from domain.service_levels.standard import KEY_ACCOUNT
from domain.service_levels.timers import act
from tests.domain.conftest import META
from tests.sla import oracle
from tests.sla.histories import Fact, histories, random_history
from tests.sla.oracle_calendar import CHINA
from tests.sla.rules import ZONE, shipped_rules
from tests.sla.test_history_legality import recorded

RULES, LAST = shipped_rules()
MEASURED = ("clock", "instance", "started_at", "due_at", "state", "stopped_at", "paused_seconds")


def folded(events: Iterable[Any], until: datetime, **contract: Any) -> Docket:
    """Fold what happened until a business time, in log order."""
    docket: Docket | None = None
    for position, event in enumerate(events, start=LAST + 1):
        if contract and isinstance(event, Complaint.Received):
            event.__dict__.update(contract)
        if event.meta.occurred_at <= until:
            docket = fold(docket, event, position, RULES)
    assert docket is not None
    return docket


def shown(docket: Docket, at: datetime) -> list[dict[str, Any]]:
    """Say how the clocks stand as the oracle does; a breach is on record only with timers."""
    return sorted(
        (
            {
                "clock": clock.code,
                "instance": clock.number,
                "started_at": clock.started_at,
                "due_at": clock.due_at,
                "state": "breached"
                if clock.state is ClockState.RUNNING and clock.due_at <= at
                else clock.state.value,
                "stopped_at": clock.ended_at,
                "paused_seconds": clock.paused_seconds,
            }
            for clock in docket.clocks
        ),
        key=_place,
    )


def judged(facts: list[Fact], at: datetime, policy: Any) -> list[dict[str, Any]]:
    found = oracle.clocks(facts, policy=policy, calendar=CHINA, zone=ZoneInfo(ZONE), as_of=at)
    for clock in found:  # what a late report cancels that had not begun then ends as it begins
        if clock["state"] == "cancelled":
            clock["stopped_at"] = max(clock["stopped_at"], clock["started_at"])
    return sorted(found, key=_place)


def _place(clock: dict[str, Any]) -> tuple[str, int]:
    return clock["clock"], clock["instance"]


def moments(facts: list[Fact], chance: random.Random) -> list[datetime]:
    """Return instants worth asking for: those of facts, shortly after, and any between."""
    known = [fact["at"] for fact in facts]
    first, last = min(known), max(known)
    any_ = [first + (last - first) * chance.random() for _ in range(5)]
    return [*known, *(at + timedelta(hours=chance.choice([1, 30, 200])) for at in known), *any_]


@given(facts=histories(), seed=st.integers(0, 2**32))
@settings(deadline=None)
def test_clocks_stand_as_the_oracle_says_at_any_business_time(facts: list[Fact], seed: int) -> None:
    events = recorded(facts)
    for at in moments(facts, random.Random(seed)):
        if at >= facts[0]["at"]:
            assert shown(folded(events, at), at) == judged(facts, at, oracle.DEFAULT_POLICY)


@pytest.mark.acceptance
def test_clocks_of_many_random_histories_stand_as_the_oracle_says(full_volume: bool) -> None:
    for seed in range(3_000 if full_volume else 60):
        facts = random_history(seed)
        events = recorded(facts)
        at = max(fact["at"] for fact in facts) + timedelta(hours=seed % 400)

        assert shown(folded(events, at), at) == judged(facts, at, oracle.DEFAULT_POLICY), seed
        contract = folded(events, at, service_levels=KEY_ACCOUNT)
        assert shown(contract, at) == judged(facts, at, oracle.KEY_ACCOUNT_POLICY), seed


def with_timers(events: list[Any], rules: Rules) -> Docket:
    """Fold events whose timers fire between them, as they are recorded one after the other."""
    docket: Docket | None = None
    now = events[0].meta.occurred_at
    for position, event in enumerate(events, start=LAST + 1):
        now = max(now, event.meta.occurred_at)
        docket = fired(docket, now, rules)
        docket = fold(docket, event, position, rules)
    found = fired(docket, now + timedelta(days=40), rules)
    assert found is not None
    return found


def fired(docket: Docket | None, now: datetime, rules: Rules) -> Docket | None:
    def meta(at: datetime, _clock: Any) -> Metadata:
        return Metadata(**{**{n: getattr(META, n) for n in META.__slots__}, "occurred_at": at})

    while docket is not None:
        record = act(docket, now, rules, StaffBook(), meta)
        if record is None:
            return docket
        for event in record.collect_events():
            docket = fold(docket, event, 0, rules)
    return None


@pytest.mark.acceptance
def test_what_the_timers_recorded_changes_no_outcome(full_volume: bool) -> None:
    """A fact reported late counts by business time; the breach on record stays and is annotated."""
    annotated = 0
    for seed in range(2_000 if full_volume else 80):
        facts = random_history(seed)
        docket = with_timers(recorded(facts), RULES)
        at = max(fact["at"] for fact in facts) + timedelta(days=40)

        assert shown(docket, at) == judged(facts, at, oracle.DEFAULT_POLICY), seed
        for clock in docket.clocks:
            if clock.state in {ClockState.BREACHED, ClockState.MET_LATE}:
                continue
            if clock.breached_at is not None and clock.state is not ClockState.CANCELLED:
                assert clock.annotated_at is not None, seed
                assert clock.annotation_recorded, seed
                annotated += 1
    assert annotated > 0
