"""Compliance figures of the past are what a replay of the raw log by naive code gives.

The replay reads the rows of the log as plain JSON and hands them to the clerk of
``tests/sla/oracle.py``, who shares nothing with the product.
"""

import asyncio
import json
import random
from collections import defaultdict
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from api.bootstrap import open_event_store
from application.timekeeping.run import Timekeeper
from domain.categories import Category
from domain.complaint import Complaint
from domain.complaint_words import Severity
from tests.api.clocks import load_content
from tests.domain import complaint_steps as steps
from tests.domain.conftest import META
from tests.sla import oracle
from tests.sla.histories import Fact, random_history
from tests.sla.oracle_calendar import CHINA
from tests.sla.test_history_legality import REASON, step_of

SHANGHAI = ZoneInfo("Asia/Shanghai")
STATES = ("met", "metLate", "breached", "running", "paused", "cancelled")
QUERY = f"""query C($asOf: AsOf!) {{
  slaCompliance(groupBy: MONTH, asOf: $asOf) {{
    groups {{ clock key {" ".join(STATES)} cancelledLate total medianSeconds p90Seconds }} }}
  slaClocks(asOf: $asOf) {{ totalCount }} MORE }}"""
WAYS = ("", "categories { __typename }")
WHAT = {
    "resolution_proposed": "proposed",
    "resolution_agreed": "agreed",
    "resolution_rejected": "rejected",
    "remedy_carried_out": "remedied",
    "waiting_for_customer": "waiting",
    "feedback_given": "feedback",
}
"""How the log calls what the oracle calls otherwise."""
MONEY = {"refund", "compensation", "coupon"}
Raw = tuple[int, datetime, str, dict[str, Any], dict[str, Any]]


async def written(
    store: Any, case: Complaint, facts: list[Fact], number: int, keeper: Timekeeper | None
) -> None:
    """Put the next fact of a case into the log; or what timers know, if there is a keeper."""
    if keeper is not None:
        await keeper.settle()
        return
    fact = facts.pop(0)
    step = step_of(fact)
    if fact["what"] == "received":
        step = steps.receives(
            number=f"C-2026-{number:06}",
            category=Category(fact["category"]),
            severity=Severity(fact["severity"]),
            urgent=fact["urgent"],
            seeks_compensation=fact["seeks_compensation"],
        )
    step(case, replace(META, occurred_at=fact["at"], reason=REASON))
    events = [store.mapper.to_stored_event(event) for event in case.collect_events()]
    await store.writer.append(events, subjects=frozenset({steps.CUSTOMER}))


async def lived(api: Any, dice: random.Random, number: int) -> None:
    """Let cases live side by side, with timers that now and then look at them."""
    database = api.database
    async with open_event_store(database.conninfo, database.master, zone=SHANGHAI) as store:
        store.keys.create(steps.CUSTOMER)
        now = datetime(2025, 12, 1, tzinfo=UTC)
        keeper = Timekeeper(store, lambda: now, grace=timedelta(0))
        cases = [
            (Complaint(UUID(int=1000 + i)), random_history(dice.randrange(10**6)), i)
            for i in range(number)
        ]
        while cases:
            case, facts, ordinal = dice.choice(cases)
            now = max(now, facts[0]["at"]) if dice.random() < 0.1 else now
            asked = keeper if dice.random() < 0.1 else None
            await written(store, case, facts, ordinal, asked)
            cases = [known for known in cases if known[1]]
        now = datetime(2027, 6, 1, tzinfo=UTC)
        await keeper.settle()


def projected(api: Any) -> None:
    """Wait for the read models; what is told late is worked out anew, which takes its time."""
    deadline = monotonic() + 300
    while set(api.get("/health/ready").json()["lag_events"].values()) != {0}:
        assert monotonic() < deadline
        api.run(asyncio.sleep(0.05))


@pytest.fixture(scope="module")
def log(shared: Any, full_volume: bool) -> list[Raw]:
    """The raw rows of the log about cases and clocks."""
    load_content(shared)
    shared.run(lived(shared, random.Random(11), 120 if full_volume else 25))
    projected(shared)
    rows = shared.rows(
        "SELECT notification_id, recorded_at, topic, originator_id::text,"
        " convert_from(state, 'UTF8') FROM log.stored_events"
        " WHERE topic LIKE 'complaint.%%' OR topic LIKE 'case_clocks.%%' ORDER BY notification_id"
    )
    found = []
    for position, recorded_at, topic, stream, state in rows:
        told = json.loads(state)
        data = {"case": stream} | told.get("data", {})
        found.append((position, recorded_at, topic, data, told["meta"]))
    return found


def fact_of(raw: Raw) -> Fact:
    """Tell an entry of the log as the oracle's clerk reads it."""
    position, _, topic, data, _ = raw
    _, _, name = topic.partition(".")
    what, more = WHAT.get(name, name), {}
    if what == "received":
        more = {
            "category": data["category"],
            "severity": data["severity"],
            "urgent": data["urgent"],
            "seeks_compensation": data.get("seeks_compensation", False),
        }
    elif what == "proposed":
        more = {"money_measures": bool(MONEY & set(data["measures"]))}
    elif what == "remedied":
        more = {"money": bool(MONEY & set(data["measures"])), "last": data["last"]}
    elif what == "reclassified":
        more = {"category": data["category"]}
    elif what == "urgency_marked":
        more = {"urgent": data["urgent"]}
    elif what == "severity_reassessed":
        more = {"severity": data["severity"]}
        what = "raised" if data["raised"] else "lowered"
        what = "raised_to_major" if data["severity"] == "major" else what
    elif what == "quality_step_taken":
        steps_taken = {
            "departments_notified": "quality_departments_told",
            "solution_sent": "quality_solution_sent",
        }
        what = steps_taken.get(data["step"], what)
    return {"at": happened(raw), "position": position, "what": what, **more}


def happened(raw: Raw) -> datetime:
    return datetime.fromisoformat(raw[4]["occurred_at"]).astimezone(UTC)


Marks = dict[tuple[str, str, int], datetime]
"""The deadlines whose passing is on record, by case, clock and instance."""


def replayed(rows: list[Raw]) -> list[dict[str, Any]]:
    """Return the clocks of all cases after these entries; a breach counts as it was recorded."""
    cases: dict[str, oracle.Case] = {}
    marks: Marks = {}
    for raw in rows:
        _, _, topic, data, _ = raw
        if topic == "complaint.received":
            cases[data["case"]] = oracle.Case(oracle.DEFAULT_POLICY, CHINA, SHANGHAI)
        case = cases.get(data["case"])
        if case is not None and topic.startswith("complaint."):
            case.take(fact_of(raw))
        elif case is not None and topic == "case_clocks.breached":
            mark_breach(data, marks)
    return [shown(key, case, clock, marks) for key, case in cases.items() for clock in case.clocks]


def mark_breach(data: dict[str, Any], marks: Marks) -> None:
    """Note that a deadline has passed."""
    due = datetime.fromisoformat(data["due_at"]).astimezone(UTC)
    marks[data["case"], data["clock"], data["number"]] = due


def shown(key: str, case: oracle.Case, clock: dict[str, Any], marks: Marks) -> dict[str, Any]:
    found = case.report(clock, datetime.max.replace(tzinfo=UTC))
    if found["state"] == "breached":
        passed = marks.get((key, found["clock"], found["instance"]))
        still = passed is not None and found["due_at"] <= passed
        found["state"] = "breached" if still else "running"
    if found["state"] == "cancelled":  # what never began ends as it begins
        found["stopped_at"] = max(found["stopped_at"], found["started_at"])
    return found


def counted(clocks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Count clocks by their names and the months of their starts."""
    groups: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for clock in clocks:
        month = clock["started_at"].astimezone(SHANGHAI).strftime("%Y-%m")
        groups[clock["clock"], month].append(clock)
    return [
        {
            "clock": name,
            "key": month,
            **dict.fromkeys(STATES, 0),
            **figures(groups[name, month]),
        }
        for name, month in sorted(groups)
    ]


def figures(clocks: list[dict[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {"total": len(clocks), "cancelledLate": 0}
    took = []
    for clock in clocks:
        name = "metLate" if clock["state"] == "met_late" else clock["state"]
        found[name] = found.get(name, 0) + 1
        if clock["state"] == "cancelled":
            found["cancelledLate"] += clock["stopped_at"] > clock["due_at"]
        if clock["state"] in {"met", "met_late"}:
            elapsed = int((clock["stopped_at"] - clock["started_at"]).total_seconds())
            took.append(max(0, elapsed - int(clock["paused_seconds"])))
    took.sort()
    found["medianSeconds"] = took[-(-len(took) // 2) - 1] if took else None
    found["p90Seconds"] = took[-(-9 * len(took) // 10) - 1] if took else None
    return found


def moments(log: list[Raw], dice: random.Random, count: int) -> list[tuple[str, Any]]:
    """Return moments by each of the three clocks: those of entries, and some between."""
    found: list[tuple[str, Any]] = []
    for number in range(count):
        position, recorded_at, *_ = dice.choice(log)
        one, other = happened(dice.choice(log)), happened(dice.choice(log))
        found.append(
            (
                ("position", position),
                ("recordedAt", recorded_at),
                ("occurredAt", one if number % 2 else one + (other - one) * dice.random()),
            )[number % 3]
        )
    return found


def known_by(log: list[Raw], clock: str, moment: Any) -> list[Raw]:
    if clock == "position":
        return [raw for raw in log if raw[0] <= moment]
    if clock == "recordedAt":
        return [raw for raw in log if raw[1] <= moment]
    return [raw for raw in log if happened(raw) <= moment]


@pytest.mark.acceptance
def test_the_figures_of_any_past_moment_are_those_of_a_replay(
    shared: Any, log: list[Raw], full_volume: bool
) -> None:
    dice = random.Random(3)
    seen: set[str] = set()
    for clock, moment in moments(log, dice, 200 if full_volume else 20):
        clocks = replayed(known_by(log, clock, moment))
        as_of = {clock: moment if clock == "position" else moment.isoformat()}
        for more in WAYS:
            asked = QUERY.replace("MORE", more)
            found = shared.graphql(asked, {"asOf": as_of}, "auditor")
            assert found["slaCompliance"]["groups"] == counted(clocks), (clock, moment)
            assert found["slaClocks"]["totalCount"] == len(clocks), (clock, moment)
        seen |= {known["state"] for known in clocks}
    assert seen == {"met", "met_late", "breached", "running", "paused", "cancelled"}
