"""The judge is judged first: the oracle against histories and deadlines worked by hand."""

import ast
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.sla import oracle, oracle_calendar
from tests.sla.hand_worked import SHANGHAI, Row
from tests.sla.oracle import DEFAULT_POLICY, KEY_ACCOUNT_POLICY, clocks, due_at
from tests.sla.oracle_calendar import CHINA
from tests.sla.reading_rows import CALENDARS, ROWS, instant, pauses_of, target_of

ZONE = ZoneInfo(SHANGHAI)
MONDAY = "2026-03-09 10:00"
"""An ordinary week: no holiday is near."""
FRIDAY_BEFORE_SPRING_FESTIVAL = "2026-02-13 10:00"
EVERY_CASE = {"forwarding", "first_feedback", "answer", "legal_answer"}


def at(text: str) -> datetime:
    return instant(text, SHANGHAI)


def received(when: str = MONDAY, **fields: Any) -> dict[str, Any]:
    plain = {"category": "delay", "severity": "general", "urgent": False}
    return {"at": at(when), "what": "received", "seeks_compensation": False, **plain, **fields}


def fact(when: str, what: str, **fields: Any) -> dict[str, Any]:
    return {"at": at(when), "what": what, **fields}


class Standing:
    """How the clocks of a case stand."""

    def __init__(
        self,
        facts: list[dict[str, Any]],
        as_of: str,
        policy: dict[str, dict[str, Any]] = DEFAULT_POLICY,
    ) -> None:
        self.found = clocks(facts, policy=policy, calendar=CHINA, zone=ZONE, as_of=at(as_of))

    def names(self) -> set[str]:
        return {clock["clock"] for clock in self.found}

    def of(self, name: str, instance: int = 1) -> dict[str, Any]:
        (clock,) = [c for c in self.found if (c["clock"], c["instance"]) == (name, instance)]
        return clock

    def state(self, name: str, instance: int = 1) -> str:
        return str(self.of(name, instance)["state"])

    def due(self, name: str, instance: int = 1) -> str:
        due = self.of(name, instance)["due_at"]
        return f"{due.astimezone(ZONE):%Y-%m-%d %H:%M}"


# Independence, and deadlines


@pytest.mark.parametrize("module", [oracle, oracle_calendar])
def test_the_oracle_shares_nothing_with_the_product(module: Any) -> None:
    tree = ast.parse(Path(module.__file__).read_text("utf-8"))
    imported = {
        (node.module if isinstance(node, ast.ImportFrom) else alias.name) or ""
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    own = {"tests.sla.oracle_calendar"}
    assert imported - own <= {"collections.abc", "dataclasses", "datetime", "typing", "zoneinfo"}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_the_naive_walk_ends_where_the_table_says(row: Row) -> None:
    amount, unit = target_of(row)
    start, zone = instant(row.start, row.zone), ZoneInfo(row.zone)
    target = {"amount": amount, "unit": unit}
    found = due_at(target, start, zone, CALENDARS[row.calendar], pauses_of(row))
    assert found == instant(row.due_utc, "UTC"), row.why


# Starting and stopping


def test_a_case_starts_with_the_four_clocks_of_every_case() -> None:
    case = Standing([received()], MONDAY)
    assert case.names() == EVERY_CASE
    assert {clock["state"] for clock in case.found} == {"running"}
    assert case.due("forwarding") == "2026-03-11 00:00"
    assert case.due("first_feedback") == "2026-03-10 10:00"
    assert case.due("answer") == "2026-03-13 00:00"
    assert case.due("legal_answer") == "2026-03-17 00:00"


def test_around_a_long_holiday_the_law_is_due_before_the_working_days() -> None:
    case = Standing([received(FRIDAY_BEFORE_SPRING_FESTIVAL)], "2026-02-13 10:00")
    assert case.due("legal_answer") == "2026-02-21 00:00"
    assert case.due("answer") == "2026-02-26 00:00"


@pytest.mark.parametrize(
    ("when", "state"), [("2026-03-11 00:00:00", "met"), ("2026-03-11 00:00:01", "met_late")]
)
def test_a_clock_is_met_at_the_very_instant_of_its_deadline(when: str, state: str) -> None:
    assert Standing([received(), fact(when, "assigned")], when).state("forwarding") == state


@pytest.mark.parametrize(
    ("when", "state"), [("2026-03-10 23:59:59", "running"), ("2026-03-11 00:00:00", "breached")]
)
def test_an_open_clock_is_breached_when_its_deadline_is_reached(when: str, state: str) -> None:
    assert Standing([received()], when).state("forwarding") == state


def test_an_answer_at_first_contact_stops_all_four() -> None:
    answered = fact("2026-03-09 10:05", "answered", first_contact=True)
    case = Standing([received(), answered], "2026-03-20 10:00")
    assert {clock["state"] for clock in case.found} == {"met"}


def test_a_late_report_counts_by_its_business_time() -> None:
    reported_later = fact("2026-03-12 17:00", "answered", first_contact=False)
    facts = [received(), fact("2026-03-13 09:00", "feedback"), reported_later]
    assert Standing(facts[:2], "2026-03-13 10:00").state("answer") == "breached"
    assert Standing(facts, "2026-03-13 10:00").state("answer") == "met"
    assert Standing(facts, "2026-03-12 16:59").state("answer") == "running"


def test_a_stop_before_the_start_stops_nothing() -> None:
    facts = [
        received(),
        fact("2026-03-09 12:00", "raised_to_major", severity="major"),
        fact("2026-03-09 11:00", "feedback"),
    ]
    case = Standing(facts, "2026-03-09 12:10")
    assert case.state("first_feedback") == "met"
    assert case.state("major_response") == "running"


@pytest.mark.parametrize("what", ["withdrawn", "merged", "declined"])
def test_the_end_of_a_case_cancels_what_still_runs(what: str) -> None:
    facts = [received(), fact("2026-03-09 11:00", "feedback"), fact("2026-03-09 12:00", what)]
    case = Standing(facts, "2026-03-30 10:00")
    assert case.state("first_feedback") == "met"
    assert case.state("answer") == case.state("legal_answer") == "cancelled"


# Pauses


def test_waiting_pauses_the_answer_but_never_the_law() -> None:
    facts = [
        received(),
        fact("2026-03-10 10:00", "waiting"),
        fact("2026-03-16 10:00", "resumed"),
    ]
    waiting = Standing(facts, "2026-03-11 10:00")
    assert (waiting.state("answer"), waiting.state("legal_answer")) == ("paused", "running")
    assert (waiting.state("first_feedback"), waiting.state("forwarding")) == ("met", "breached")
    after = Standing(facts, "2026-03-16 11:00")
    assert after.due("answer") == "2026-03-19 00:00"  # 10 counted; 17, 18 remain
    assert after.of("answer")["paused_seconds"] == 6 * 86_400
    assert after.due("legal_answer") == "2026-03-17 00:00"


def test_a_pause_after_the_deadline_changes_nothing() -> None:
    facts = [received(), fact("2026-03-13 00:00:00", "waiting")]
    assert Standing(facts, "2026-03-14 10:00").state("answer") == "breached"


def test_a_resumption_reported_from_before_the_pause_ends_it_at_once() -> None:
    facts = [
        received(),
        fact("2026-03-10 10:00", "waiting"),
        fact("2026-03-10 09:00", "resumed"),
    ]
    case = Standing(facts, "2026-03-12 10:00")
    assert case.state("answer") == "running"
    assert case.of("answer")["paused_seconds"] == 0


def test_a_clock_that_starts_while_the_case_waits_starts_paused() -> None:
    facts = [
        received(),
        fact("2026-03-09 11:00", "waiting"),
        fact("2026-03-09 12:00", "escalated"),
        fact("2026-03-09 15:00", "resumed"),
    ]
    assert Standing(facts, "2026-03-09 14:00").state("major_response") == "paused"
    case = Standing(facts, "2026-03-09 15:10")
    assert case.due("major_response") == "2026-03-09 15:30"
    assert case.due("major_solution") == "2026-03-09 19:00"


# Again


def test_a_dispute_starts_new_instances_and_leaves_the_old_outcomes() -> None:
    facts = [
        received(),
        fact("2026-03-09 11:00", "assigned"),
        fact("2026-03-16 09:00", "answered", first_contact=False),
        fact("2026-03-18 09:00", "disputed"),
    ]
    case = Standing(facts, "2026-03-18 10:00")
    assert (case.state("answer"), case.state("answer", 2)) == ("met_late", "running")
    assert (case.state("legal_answer"), case.state("legal_answer", 2)) == ("met", "running")
    assert case.due("answer", 2) == "2026-03-24 00:00"
    assert sum(clock["clock"] == "forwarding" for clock in case.found) == 1


def test_forwarding_starts_anew_for_a_case_that_never_had_a_department() -> None:
    facts = [
        received(),
        fact("2026-03-09 10:05", "answered", first_contact=True),
        fact("2026-03-09 10:06", "closed"),
        fact("2026-03-11 09:00", "reopened"),
    ]
    case = Standing(facts, "2026-03-11 10:00")
    assert case.due("forwarding", 2) == "2026-03-13 00:00"


# Major, quality, the key account


def test_lowering_cancels_the_major_clocks_only_in_time_and_never_once_escalated() -> None:
    raised = fact("2026-03-09 11:00", "raised_to_major", severity="major")
    lowered = fact("2026-03-09 12:00", "lowered", severity="serious")
    case = Standing([received(), raised, lowered], "2026-03-09 12:00")
    assert case.due("major_response") == "2026-03-09 11:30"
    assert case.state("major_response") == "breached"
    assert case.state("major_solution") == "cancelled"
    escalated = fact("2026-03-09 11:10", "escalated")
    case = Standing([received(), raised, escalated, lowered], "2026-03-09 12:00")
    assert case.state("major_solution") == "running"


def test_a_case_received_as_major_is_due_from_the_receipt() -> None:
    proposed = fact("2026-03-09 14:00", "proposed", money_measures=False)
    case = Standing([received(severity="major"), proposed], "2026-03-09 14:00")
    assert case.due("major_response") == "2026-03-09 10:30"
    assert case.state("major_response") == "breached"
    assert case.state("major_solution") == "met"


def test_a_second_escalation_starts_what_is_no_longer_live() -> None:
    facts = [
        received(),
        fact("2026-03-09 11:00", "escalated"),
        fact("2026-03-09 11:10", "feedback"),
        fact("2026-03-09 12:00", "escalated"),
    ]
    case = Standing(facts, "2026-03-09 12:00")
    assert (case.state("major_response"), case.state("major_response", 2)) == ("met", "running")
    assert case.due("major_solution") == "2026-03-09 15:00"
    assert sum(clock["clock"] == "major_solution" for clock in case.found) == 1


def test_an_urgent_quality_case_is_told_and_solved_until_it_ceases_to_be_one() -> None:
    facts = [
        received(category="product_quality"),
        fact("2026-03-09 11:00", "urgency_marked", urgent=True),
        fact("2026-03-09 11:30", "quality_departments_told"),
        fact("2026-03-09 12:00", "reclassified", category="delay"),
        fact("2026-03-09 13:00", "reclassified", category="product_quality"),
    ]
    assert Standing(facts, "2026-03-09 10:59").names() == EVERY_CASE
    case = Standing(facts, "2026-03-09 13:00")
    assert case.state("quality_departments_told") == "met"
    assert case.state("quality_solution") == "cancelled"
    assert case.state("quality_solution", 2) == "running"
    assert case.due("quality_solution", 2) == "2026-03-09 21:00"


def test_the_key_account_is_owed_an_ordinary_solution_unless_it_becomes_major() -> None:
    escalated = fact("2026-03-09 12:00", "escalated")
    proposed = fact("2026-03-09 22:00", "proposed", money_measures=False)
    case = Standing([received(), proposed], "2026-03-09 22:00", KEY_ACCOUNT_POLICY)
    assert case.state("ordinary_solution") == "met"
    case = Standing([received(), escalated], "2026-03-09 12:00", KEY_ACCOUNT_POLICY)
    assert case.state("ordinary_solution") == "cancelled"
    case = Standing([received(severity="major")], MONDAY, KEY_ACCOUNT_POLICY)
    assert "ordinary_solution" not in case.names()
    assert "ordinary_solution" not in Standing([received()], MONDAY).names()


# Compensation


def test_compensation_ends_when_money_was_carried_out_and_not_with_the_answer() -> None:
    facts = [
        received(seeks_compensation=True),
        fact("2026-03-10 10:00", "proposed", money_measures=True),
        fact("2026-03-11 10:00", "answered", first_contact=False),
        fact("2026-03-12 10:00", "remedied", money=False, last=False),
        fact("2026-03-24 10:00", "remedied", money=True, last=False),
    ]
    assert Standing(facts, "2026-03-12 11:00").state("compensation") == "running"
    assert Standing(facts, "2026-03-12 11:00").due("compensation") == "2026-03-24 00:00"
    assert Standing(facts, "2026-03-24 11:00").state("compensation") == "met_late"


def test_an_answer_without_money_refuses_the_compensation() -> None:
    facts = [
        received(),
        fact("2026-03-10 09:00", "compensation_sought"),
        fact("2026-03-10 10:00", "proposed", money_measures=True),
        fact("2026-03-10 11:00", "proposed", money_measures=False),
        fact("2026-03-11 10:00", "answered", first_contact=False),
        fact("2026-03-12 10:00", "disputed"),
    ]
    case = Standing(facts, "2026-03-12 10:00")
    assert case.of("compensation")["started_at"] == at("2026-03-10 09:00")
    assert case.state("compensation") == "met"
    assert case.due("compensation", 2) == "2026-03-27 00:00"


def test_closing_ends_the_compensation() -> None:
    facts = [
        received(seeks_compensation=True),
        fact("2026-03-10 10:00", "proposed", money_measures=True),
        fact("2026-03-11 10:00", "answered", first_contact=False),
        fact("2026-03-12 10:00", "closed"),
    ]
    case = Standing(facts, "2026-03-13 10:00")
    assert case.of("compensation")["stopped_at"] == at("2026-03-12 10:00")
    assert case.of("compensation")["due_at"] - at(MONDAY) > timedelta(days=10)
