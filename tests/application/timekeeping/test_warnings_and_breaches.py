"""Warnings and breaches: each on record once, with its moment, whatever happens to the timers."""

import asyncio
from collections import Counter
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest

from api.bootstrap import as_role
from application.complaint_work import (
    AnswerComplaint,
    RegisterComplaint,
    ResumeComplaint,
    WaitForCustomer,
)
from application.complaints import GivenAnswer, ImportComplaint, ReceivedComplaint
from application.service_levels import RebaseServiceLevels
from application.timekeeping.ledger import AnotherTimekeeperError, forget
from application.timekeeping.run import GRACE, LOCK, Timekeeper
from domain.case_clocks import CaseClocks, clocks_id
from domain.categories import Category
from domain.complaint_words import Channel, Severity
from domain.metadata import Metadata, PolicyVersion, Source, SourceKind
from domain.roles import PersonId, Role
from domain.service_level_policy import policy_id
from domain.service_levels.standard import KEY_ACCOUNT
from tests.application.timekeeping.conftest import ADMINISTRATOR, START, Company

WARNED, BREACHED = ("warned", "major_response", 1), ("breached", "major_response", 1)


def major(company: Company) -> UUID:
    """Receive a complaint whose first clock is due in half an hour."""
    return company.received(severity=Severity.MAJOR)


def moments(company: Company, case: UUID) -> dict[tuple[str, str], datetime]:
    return {
        (event.TOPIC.partition(".")[2], event.clock): event.meta.occurred_at
        for event in company.records(case)
        if isinstance(event, CaseClocks.Warned | CaseClocks.Breached)
    }


def doubles(company: Company) -> list[Any]:
    keys = Counter(
        (event.TOPIC, event.case, event.clock, event.number)
        for event in company.records()
        if isinstance(event, CaseClocks.Warned | CaseClocks.Breached | CaseClocks.BreachAnnotated)
    )
    return [key for key, number in keys.items() if number > 1]


def answer(case: UUID, **given: Any) -> AnswerComplaint:
    return AnswerComplaint(complaint=case, answer="found", **given)


def test_a_warning_and_a_breach_are_recorded_at_their_moments_and_not_before(
    company: Company,
) -> None:
    case = major(company)
    company.later(minutes=23, seconds=59)
    assert company.recorded() == []
    company.later(seconds=1)
    assert company.recorded() == [WARNED]
    company.later(minutes=5, seconds=59)
    assert company.recorded() == [WARNED]
    company.later(seconds=1)
    assert company.recorded() == [WARNED, BREACHED]
    company.later(minutes=30)
    assert company.recorded() == [WARNED, BREACHED]
    assert company.clocks(case)["major_response"]["state"] == "breached"


def test_every_clock_of_a_case_is_warned_about_and_breached_once(company: Company) -> None:
    case = company.received(seeks_compensation=True)
    for _ in range(40):
        company.later(hours=12)
    names = set(company.clocks(case))
    assert names == {"forwarding", "first_feedback", "answer", "legal_answer", "compensation"}
    assert set(moments(company, case)) == {(w, n) for w in ("warned", "breached") for n in names}
    assert doubles(company) == []


def test_after_a_long_silence_everything_is_recorded_with_its_own_moment(company: Company) -> None:
    case = major(company)
    company.later(days=60)
    found = moments(company, case)
    assert found["warned", "major_response"] == START + timedelta(minutes=24)
    assert found["breached", "major_response"] == START + timedelta(minutes=30)
    assert found["breached", "first_feedback"] == START + timedelta(hours=24)
    assert len(found) == 2 * len(company.clocks(case))


def test_what_happens_in_time_is_neither_warned_about_nor_breached(company: Company) -> None:
    case = company.received()
    company.later(hours=1)
    company.do(answer(case))
    company.later(days=60)
    assert company.recorded() == []


def test_a_clock_is_not_breached_while_the_customer_is_waited_for(company: Company) -> None:
    case = company.received()
    company.later(hours=1)
    company.do(RegisterComplaint(complaint=case))
    company.do(WaitForCustomer(complaint=case, asked="which parcel?"))
    company.later(days=20)
    assert ("breached", "answer", 1) not in company.recorded()
    company.do(ResumeComplaint(complaint=case))
    company.later(days=20)
    assert company.recorded().count(("breached", "answer", 1)) == 1


def test_a_report_that_is_on_its_way_at_the_deadline_is_in_time(company: Company) -> None:
    patient = Timekeeper(company.store, lambda: company.now, grace=GRACE)
    case = major(company)
    company.now += timedelta(minutes=30, milliseconds=900)
    company.run(patient.settle())
    assert company.recorded() == [WARNED]
    company.do(answer(case, occurred_at=START + timedelta(minutes=30)))
    company.now += timedelta(seconds=1)
    company.run(patient.settle())
    assert company.recorded() == [WARNED]


# Late reports and the past


def test_a_late_report_is_noted_beside_the_breach_once(company: Company) -> None:
    case = major(company)
    company.later(hours=1)
    company.do(answer(case, occurred_at=START + timedelta(minutes=10)))
    company.settle()
    company.later(days=1)
    assert company.recorded(case) == [WARNED, BREACHED, ("breach_annotated", "major_response", 1)]
    (noted,) = company.records(case, "breach_annotated")
    assert isinstance(noted, CaseClocks.BreachAnnotated)
    assert noted.happened_at == START + timedelta(minutes=10)
    row = company.clocks(case)["major_response"]
    assert (row["state"], row["breached_at"]) == ("met", START + timedelta(minutes=30))


def test_imports_of_the_past_are_breached_but_nobody_is_warned_or_alerted(
    company: Company,
) -> None:
    received = ReceivedComplaint(
        channel=Channel.PHONE,
        category=Category.DELAY,
        severity=Severity.MAJOR,
        complainant="someone",
        subject="late",
        facts="late",
    )
    old = START - timedelta(days=200)
    for key, answered_at in (("open", None), ("in time", old + timedelta(minutes=5))):
        answered = None if answered_at is None else GivenAnswer(at=answered_at, answer="found")
        company.do(
            ImportComplaint(key=key, received=received, answered=answered, occurred_at=old),
            ADMINISTRATOR,
            source=Source(SourceKind.IMPORT, "old system", historical=True),
        )
    company.settle()
    company.later(days=1)
    kinds = {type(event) for event in company.records()}
    assert kinds == {CaseClocks.Breached}
    assert all(event.meta.source.historical for event in company.records())
    assert company.recorded().count(BREACHED) == 1, "the case that was answered has no breach"


# Restarts, and a clock that is set


def told_on_the_way(company: Company, *, restarting: bool) -> list[tuple[str, str, int]]:
    """Let time pass over two cases, perhaps with new timers at every step."""
    case = major(company)
    other = company.received()
    for number in range(30):
        if restarting:
            company.keeper = company.another_keeper()
        company.later(hours=7)
        if number == 4:
            company.do(answer(other))
            company.do(answer(case, occurred_at=company.now - timedelta(hours=34)))
    return [*company.recorded(case), *company.recorded(other)]


def test_timers_that_start_anew_at_any_point_go_on_as_if_nothing_had_been(
    company: Company,
) -> None:
    found = told_on_the_way(company, restarting=True)
    assert doubles(company) == []
    company.now = START + timedelta(days=14)
    assert found == told_on_the_way(company, restarting=False)
    assert {what for what, _, _ in found} == {"warned", "breached", "breach_annotated"}


def test_timers_that_start_with_nothing_new_in_the_log_know_the_rules(company: Company) -> None:
    major(company)
    company.settle()
    company.keeper = company.another_keeper()
    company.later(minutes=30)
    assert company.recorded() == [WARNED, BREACHED]


def test_a_clock_that_jumps_ahead_and_back_doubles_nothing(company: Company) -> None:
    case = major(company)
    company.later(days=1)
    before = company.recorded()
    assert BREACHED in before
    company.later(hours=-25)
    assert company.now < START
    assert company.recorded() == before
    other = major(company)
    company.later(hours=1, minutes=30)
    assert company.recorded(case) == before
    assert company.recorded(other) == [WARNED, BREACHED]
    company.later(days=2)
    assert doubles(company) == []


# Two at once


def test_two_timekeepers_at_once_double_nothing_and_lose_nothing(company: Company) -> None:
    cases = [major(company) for _ in range(12)]
    keepers = [company.another_keeper() for _ in range(3)]
    for _ in range(40):
        company.now += timedelta(minutes=2)
        outcomes = company.together(*(keeper.step() for keeper in keepers))
        assert {type(o) for o in outcomes} <= {bool, AnotherTimekeeperError}, outcomes
    company.settle()
    assert doubles(company) == []
    assert all(company.recorded(case)[:2] == [WARNED, BREACHED] for case in cases)


def test_who_lost_the_place_in_the_log_to_another_stores_nothing(company: Company) -> None:
    case = major(company)
    keepers = [company.another_keeper(), company.another_keeper()]
    company.do(RegisterComplaint(complaint=case))
    company.settle()
    company.do(WaitForCustomer(complaint=case, asked="which parcel?"))
    outcomes = company.meanwhile(
        "SELECT FROM process.positions WHERE process = 'timers' FOR UPDATE",
        [keeper.ledger.advance() for keeper in keepers],
    )
    assert {type(outcome) for outcome in outcomes} == {bool, AnotherTimekeeperError}
    company.later(days=3)
    assert ("breached", "major_solution", 1) not in company.recorded(), "it pauses"
    company.do(ResumeComplaint(complaint=case))
    company.later(days=3)
    assert ("breached", "major_solution", 1) in company.recorded()
    assert doubles(company) == []


def test_a_command_that_comes_between_reading_and_recording_wins(company: Company) -> None:
    case = major(company)
    company.settle()
    company.now += timedelta(minutes=30)
    rebase = RebaseServiceLevels(complaint=case, policy=KEY_ACCOUNT, reason="contract")
    company.meanwhile(
        "LOCK TABLE process.calendar_changes",
        [company.keeper.step()],
        company.ordered(rebase, ADMINISTRATOR),
    )
    assert [type(event) for event in company.records(case)] == [CaseClocks.Rebased]
    company.settle()
    assert company.recorded(case) == [WARNED, BREACHED]
    policy = PolicyVersion(policy_id(KEY_ACCOUNT), 1)
    assert [event.meta.policy for event in company.records(case)] == [policy] * 3


def test_only_one_process_keeps_the_time_and_the_next_takes_over(company: Company) -> None:
    company.now += timedelta(minutes=30)
    major(company)
    company.now += timedelta(minutes=30)
    conninfo = as_role(company.database.conninfo, "redress_writer")

    async def take_over() -> None:
        stop = asyncio.Event()
        async with await psycopg.AsyncConnection.connect(conninfo, autocommit=True) as first:
            await first.execute("SELECT pg_advisory_lock(%s, 0)", [LOCK])
            waiting = asyncio.create_task(company.keeper.run(lambda: conninfo, stop))
            await asyncio.sleep(0.7)
            assert company.recorded() == []
        for _ in range(500):
            if company.recorded() == [WARNED, BREACHED]:
                break
            await asyncio.sleep(0.02)
        stop.set()
        await waiting

    company.run(take_over())
    assert company.recorded() == [WARNED, BREACHED]


# Poison


def poison(company: Company, case: UUID, version: int) -> None:
    """Put a case under a policy that nobody ever adopted, past all rules."""
    meta = Metadata(
        occurred_at=company.now,
        actor=PersonId("root"),
        role=Role.ADMINISTRATOR,
        correlation=case,
        source=Source(SourceKind.API),
        reason="none",
    )
    event = CaseClocks.Rebased(
        originator_id=clocks_id(case),
        originator_version=version,
        meta=meta,
        case=case,
        policy="unheard_of",
        policy_version=1,
    )
    company.run(company.stored(event))


@pytest.mark.parametrize("settled_before", [True, False])
def test_an_event_that_cannot_be_used_parks_its_case_and_the_others_go_on(
    company: Company, *, settled_before: bool
) -> None:
    before, case, after = major(company), major(company), major(company)
    if settled_before:
        company.settle()
    poison(company, case, 1)
    company.settle()
    company.do(answer(case))
    company.later(minutes=30)
    assert company.recorded(before) == company.recorded(after) == [WARNED, BREACHED]
    assert company.recorded(case) == []
    left = company.rows("SELECT due_at, parked FROM process.case_clocks WHERE case_id = %s", case)
    assert left == ([{"due_at": None, "parked": True}] if settled_before else [])
    (parked,) = company.rows("SELECT projection, originator_id, error FROM ops.parked_events")
    assert (parked["projection"], parked["originator_id"]) == ("process:timers", clocks_id(case))
    assert parked["error"].startswith("KeyError")


def test_timers_that_read_the_log_anew_record_nothing_again(company: Company) -> None:
    case = major(company)
    company.later(minutes=30)
    before = company.recorded()
    with psycopg.connect(as_role(company.database.conninfo, "redress_owner")) as connection:
        forget(connection)
    company.later(minutes=1)
    assert company.recorded() == before
    assert company.rows("SELECT case_id FROM process.case_clocks") == [{"case_id": case}]


def test_a_record_that_cannot_be_read_holds_up_its_case_alone(company: Company) -> None:
    case, other = major(company), major(company)
    company.settle()
    company.rows(
        "INSERT INTO log.stored_events (originator_id, originator_version, topic, state,"
        " notification_id, recorded_at)"
        " SELECT %s, 1, 'case_clocks.warned', '{}', max(notification_id) + 1, max(recorded_at)"
        " FROM log.stored_events RETURNING 1",
        clocks_id(case),
    )
    company.later(minutes=30)
    assert company.recorded(other) == [WARNED, BREACHED]
    (row,) = company.rows("SELECT due_at, parked FROM process.case_clocks WHERE case_id = %s", case)
    assert row == {"due_at": None, "parked": True}


# Many at once


@pytest.mark.acceptance
def test_all_who_are_due_at_the_same_midnight_are_recorded(
    company: Company, *, full_volume: bool
) -> None:
    number = 10_000 if full_volume else 60
    cases = set()
    for _ in range(0, number, 200):
        group = [company.receiving() for _ in range(min(200, number))]
        cases |= set(company.together(*group))
    company.now = datetime.fromisoformat("2026-03-03T23:59:59.999999+08:00")
    company.settle()
    assert all(clock != "forwarding" for what, clock, _ in company.recorded() if what == "breached")
    company.now += timedelta(microseconds=1)
    company.settle()
    breached = [e for e in company.records(what="breached") if e.clock == "forwarding"]
    assert {event.case for event in breached} == cases
    assert len(breached) == len(cases) == number
    assert doubles(company) == []
