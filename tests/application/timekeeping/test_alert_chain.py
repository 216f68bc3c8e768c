"""Supervisor alerts: along the chain of the policy, to those who hold the roles then."""

from datetime import datetime, timedelta
from uuid import UUID

import pytest

from application.complaint_endings import WithdrawComplaint
from application.complaint_work import AssignComplaint, RegisterComplaint
from application.organisation import FoundUnit
from application.service_level_policies import AdoptServiceLevelPolicy
from application.staff import AppointPerson, EndAppointment, JoinStaff
from application.timekeeping.ledger import AnotherTimekeeperError
from domain.case_clocks import CaseClocks
from domain.complaint_words import Severity
from domain.organisation import UnitKey, UnitKind
from domain.roles import PersonId, Role
from domain.service_levels.calendars import CHINA
from domain.service_levels.deadlines import Basis, Target
from domain.service_levels.standard import standard_terms
from domain.service_levels.terms import (
    AlertCause,
    AlertStep,
    ClockTerms,
    Recipient,
    ServiceLevelTerms,
)
from tests.application.timekeeping.conftest import ADMINISTRATOR, START, Company

HEAD_OFFICE = UnitKey(UnitKind.HEAD_OFFICE, "head-office")
HUB = UnitKey(UnitKind.DEPARTMENT, "hub")
Told = list[tuple[str, int, timedelta, tuple[str, ...]]]


def told(company: Company, case: UUID, clock: str = "major_response") -> Told:
    """Return which step was taken when, and who was told."""
    return [
        (event.cause.value, event.step, event.meta.occurred_at - START, event.people)
        for event in company.records(case)
        if isinstance(event, CaseClocks.Alerted) and event.clock == clock
    ]


def minutes(number: float) -> timedelta:
    return timedelta(minutes=number)


@pytest.fixture
def staffed(company: Company) -> Company:
    """A company with a department, its head, a handler, supervision and compliance."""
    company.do(FoundUnit(unit=HEAD_OFFICE, name_en="head", name_zh="总部"), ADMINISTRATOR)
    company.do(
        FoundUnit(unit=HUB, name_en="hub", name_zh="中心", parent=HEAD_OFFICE), ADMINISTRATOR
    )
    for person, role, unit in (
        ("head", Role.DEPARTMENT_HEAD, HUB),
        ("worker", Role.BACK_OFFICE, HUB),
        ("agent-1", Role.FRONT_DESK, HEAD_OFFICE),
        ("watch-1", Role.SUPERVISION, HEAD_OFFICE),
        ("watch-2", Role.SUPERVISION, HEAD_OFFICE),
        ("law", Role.COMPLIANCE, HEAD_OFFICE),
    ):
        company.do(JoinStaff(person=PersonId(person)), ADMINISTRATOR)
        appoint(company, person, role, unit, START)
    return company


def appoint(company: Company, person: str, role: Role, unit: UnitKey, since: datetime) -> None:
    company.do(
        AppointPerson(person=PersonId(person), role=role, unit=unit, starts_at=since),
        ADMINISTRATOR,
    )


def major(company: Company, *, assigned: bool = True) -> UUID:
    case = company.received(severity=Severity.MAJOR)
    if assigned:
        company.do(RegisterComplaint(complaint=case))
        company.do(AssignComplaint(complaint=case, department=HUB.code, handler=PersonId("worker")))
    return case


def test_each_step_follows_the_one_before_after_its_patience(staffed: Company) -> None:
    case = major(staffed)
    for _ in range(300):
        staffed.later(minutes=1)
    assert told(staffed, case) == [
        ("warning", 0, minutes(24), ("worker",)),
        ("breach", 0, minutes(30), ("head",)),
        ("breach", 1, minutes(60), ("watch-1", "watch-2")),
        ("breach", 2, minutes(120), ("law",)),
    ]


def test_a_step_without_people_is_skipped_and_never_waited_for(staffed: Company) -> None:
    case = major(staffed, assigned=False)
    for _ in range(200):
        staffed.later(minutes=1)
    assert told(staffed, case) == [
        ("breach", 1, minutes(30), ("watch-1", "watch-2")),
        ("breach", 2, minutes(90), ("law",)),
    ]


def test_the_chain_stops_when_the_clock_ends(staffed: Company) -> None:
    case = major(staffed)
    staffed.later(minutes=30)
    staffed.do(WithdrawComplaint(complaint=case))
    staffed.later(days=1)
    assert told(staffed, case)[-1] == ("breach", 0, minutes(30), ("head",))


def test_who_no_longer_holds_the_role_is_not_told(staffed: Company) -> None:
    case = major(staffed)
    end = EndAppointment(person=PersonId("watch-1"), number=1, ends_at=START + minutes(45))
    staffed.do(end, ADMINISTRATOR)
    staffed.later(minutes=30)
    staffed.later(minutes=30)
    assert told(staffed, case)[-1] == ("breach", 1, minutes(60), ("watch-2",))


def test_a_person_whom_the_policy_names_is_told(staffed: Company) -> None:
    standard = standard_terms("Asia/Shanghai")["default"].clocks
    visit = ClockTerms(
        code="visit",
        name_en="visit",
        name_zh="上门",
        target=Target(Basis.ELAPSED, 3600),
        starts_on=("received",),
        stops_on=("answered",),
        calendar=CHINA,
        source_en="contract",
        source_zh="合同",
        warn_percent=None,
        alerts=(AlertStep(AlertCause.BREACH, Recipient.PERSON, 0, PersonId("law")),),
    )
    staffed.do(
        AdoptServiceLevelPolicy(
            code="contract",
            terms=ServiceLevelTerms("contract", "合同", "Asia/Shanghai", (*standard, visit)),
            effective_from=START,
        ),
        ADMINISTRATOR,
    )
    case = staffed.received(service_levels="contract")
    staffed.later(hours=1)
    assert told(staffed, case, "visit") == [("breach", 0, minutes(60), ("law",))]


def test_where_nobody_can_be_told_it_is_looked_at_again_in_an_hour(company: Company) -> None:
    case = major(company, assigned=False)
    company.later(minutes=31)
    assert told(company, case) == []
    (row,) = company.rows("SELECT due_at FROM process.case_clocks WHERE case_id = %s", case)
    assert row["due_at"] == company.now + timedelta(hours=1)
    assert company.run(company.keeper.step()) is False, "and not before"

    company.do(FoundUnit(unit=HEAD_OFFICE, name_en="head", name_zh="总部"), ADMINISTRATOR)
    company.do(JoinStaff(person=PersonId("law")), ADMINISTRATOR)
    appoint(company, "law", Role.COMPLIANCE, HEAD_OFFICE, company.now)
    company.later(minutes=59)
    assert told(company, case) == []
    company.later(minutes=1)
    assert told(company, case) == [("breach", 2, minutes(91), ("law",))]


def test_a_thousand_cases_of_which_nobody_can_be_told_are_put_off_together(
    company: Company,
) -> None:
    company.together(*(company.receiving(severity=Severity.MAJOR) for _ in range(50)))
    company.later(minutes=31)
    assert company.run(company.keeper.step()) is False
    due = company.rows("SELECT DISTINCT due_at FROM process.case_clocks")
    assert [row["due_at"] for row in due] == [company.now + timedelta(hours=1)]


def test_who_lost_the_place_in_the_log_to_another_puts_nothing_off(company: Company) -> None:
    case = major(company, assigned=False)
    company.later(minutes=31)
    company.now += timedelta(hours=1)
    (outcome,) = company.meanwhile(
        "UPDATE process.positions SET position = position - 1 WHERE process = 'timers'",
        [company.keeper.step()],
    )
    assert isinstance(outcome, AnotherTimekeeperError)
    (row,) = company.rows("SELECT due_at FROM process.case_clocks WHERE case_id = %s", case)
    assert row["due_at"] == company.now, "as it was"
