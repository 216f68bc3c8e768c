"""Deadlines follow their calendars: once, with the old date, the new one and the reason."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from application.calendars import CorrectCalendar, PublishCalendarYear
from application.complaint_work import AnswerComplaint, RegisterComplaint, WaitForCustomer
from application.service_levels import RebaseServiceLevels
from application.timekeeping.run import Timekeeper
from domain.case_clocks import CaseClocks, clocks_id
from domain.metadata import Metadata, Source, SourceKind
from domain.roles import PersonId, Role
from domain.service_levels.calendars import CHINA, DayKind, SpecialDay
from domain.service_levels.docket import Clock
from domain.service_levels.standard import KEY_ACCOUNT
from domain.service_levels.timers import recompute
from tests.application.timekeeping.conftest import ADMINISTRATOR, Company

EXTENDED = CorrectCalendar(
    calendar=CHINA,
    days=(
        SpecialDay(date(2026, 3, 3), DayKind.HOLIDAY, "extended holiday", "延长放假"),
        SpecialDay(date(2026, 3, 4), DayKind.HOLIDAY, "extended holiday", "延长放假"),
    ),
    source="notice of 2 March",
    reason="epidemic",
)
REASON = "epidemic (notice of 2 March)"


def midnight(day: str) -> datetime:
    """Return 24:00 of a day in Shanghai."""
    return datetime.fromisoformat(f"{day}T00:00+08:00").astimezone(UTC) + timedelta(days=1)


def moved(company: Company, case: UUID | None = None) -> list[tuple[str, datetime, datetime]]:
    return [
        (event.clock, event.old_due_at, event.new_due_at)
        for event in company.records(case)
        if isinstance(event, CaseClocks.DeadlineRecomputed)
    ]


def test_a_correction_moves_the_deadlines_of_all_cases_with_both_dates_and_the_reason(
    company: Company,
) -> None:
    cases = [company.received() for _ in range(5)]
    answered = company.received()
    company.do(AnswerComplaint(complaint=answered, answer="found"))
    company.settle()
    company.do(EXTENDED, ADMINISTRATOR)
    company.settle()
    expected = {
        ("forwarding", midnight("2026-03-03"), midnight("2026-03-05")),
        ("answer", midnight("2026-03-05"), midnight("2026-03-09")),
    }
    for case in cases:
        assert set(moved(company, case)) == expected
        assert company.clocks(case)["answer"]["due_at"] == midnight("2026-03-09")
    assert moved(company, answered) == []
    assert len(moved(company)) == 2 * len(cases)
    assert {event.meta.reason for event in company.records()} == {REASON}
    assert company.rows("SELECT FROM process.calendar_changes") == []


def test_a_breach_comes_at_the_new_deadline_and_not_at_the_old_one(company: Company) -> None:
    case = company.received()
    company.do(EXTENDED, ADMINISTRATOR)
    company.now = midnight("2026-03-04")
    company.settle()
    assert ("breached", "forwarding", 1) not in company.recorded(case)
    company.now = midnight("2026-03-05")
    company.settle()
    assert company.recorded(case).count(("breached", "forwarding", 1)) == 1


def test_a_breach_that_a_correction_disproves_stays_and_is_annotated(company: Company) -> None:
    case = company.received()
    company.now = midnight("2026-03-03")
    company.settle()
    company.do(EXTENDED, ADMINISTRATOR)
    company.settle()
    found = [what for what, clock, _ in company.recorded(case) if clock == "forwarding"]
    assert found == ["warned", "breached", "deadline_recomputed", "breach_annotated"]
    row = company.clocks(case)["forwarding"]
    assert (row["state"], row["annotated_by"]) == ("running", "recomputed")
    company.now = midnight("2026-03-05")
    company.settle()
    assert company.recorded(case).count(("breached", "forwarding", 1)) == 2, "of two deadlines"


def test_the_deadline_of_a_case_that_waits_follows_too(company: Company) -> None:
    case = company.received()
    company.do(RegisterComplaint(complaint=case))
    company.do(WaitForCustomer(complaint=case, asked="which parcel?"))
    company.do(EXTENDED, ADMINISTRATOR)
    company.settle()
    assert {clock for clock, _, _ in moved(company, case)} == {"forwarding", "answer"}
    assert company.clocks(case)["answer"]["state"] == "paused"


def test_timers_that_died_in_the_middle_of_a_recomputation_finish_it(company: Company) -> None:
    cases = [company.received() for _ in range(4)]
    company.settle()
    company.do(EXTENDED, ADMINISTRATOR)
    company.run(recompute_of_one(company, company.another_keeper()))
    assert len(moved(company)) == 2, "and there it died"
    company.keeper = company.another_keeper()
    company.settle()
    assert Counter(len(moved(company, case)) for case in cases) == {2: 4}
    assert {event.meta.reason for event in company.records()} == {REASON, None}


def meta(at: datetime, _: Clock | None = None) -> Metadata:
    return Metadata(
        occurred_at=at,
        actor=PersonId("system"),
        role=Role.SYSTEM,
        correlation=UUID(int=1),
        source=Source(SourceKind.SYSTEM),
    )


async def recompute_of_one(company: Company, keeper: Timekeeper) -> None:
    """Do what the timers do to the first of all cases, and no more."""
    ledger = keeper.ledger
    while await ledger.advance():
        pass
    assert await ledger.change() is not None
    (docket,) = await ledger.counting(UUID(int=0), 1)
    record = recompute(docket, company.now, ledger.rules, meta)
    assert record is not None
    await company.stored(*record.collect_events())


def test_publishing_a_year_settles_provisional_deadlines(company: Company) -> None:
    company.now = datetime(2026, 12, 30, 2, tzinfo=UTC)
    case = company.received()
    before = company.clocks(case)["answer"]
    assert before["provisional"]
    company.do(
        PublishCalendarYear(
            calendar=CHINA,
            year=2027,
            days=(SpecialDay(date(2027, 1, 1), DayKind.HOLIDAY, "New Year's Day", "元旦"),),
            source="notice of 2027",
        ),
        ADMINISTRATOR,
    )
    company.settle()
    after = company.clocks(case)["answer"]
    assert not after["provisional"]
    (found,) = [e for e in company.records(case) if e.clock == "answer"]
    assert isinstance(found, CaseClocks.DeadlineRecomputed)
    assert (found.old_due_at, found.new_due_at) == (before["due_at"], after["due_at"])
    assert found.meta.reason == "notice of 2027"


def test_a_case_of_which_somebody_recorded_something_meanwhile_follows_too(
    company: Company,
) -> None:
    cases = [company.received() for _ in range(2)]
    company.settle()
    company.do(EXTENDED, ADMINISTRATOR)
    warned = CaseClocks.Warned(
        originator_id=clocks_id(cases[0]),
        originator_version=1,
        meta=meta(company.now),
        case=cases[0],
        clock="answer",
        number=1,
        due_at=midnight("2026-03-05"),
    )
    company.run(company.keeper.ledger.advance())
    company.meanwhile(
        "LOCK TABLE process.calendar_changes", [company.keeper.step()], company.stored(warned)
    )
    company.settle()
    assert [len(moved(company, case)) for case in cases] == [2, 2]
    assert company.rows("SELECT FROM process.calendar_changes") == []


def test_a_case_that_is_put_under_another_policy_meanwhile_follows_the_calendar(
    company: Company,
) -> None:
    case, other = company.received(), company.received()
    company.settle()
    company.do(EXTENDED, ADMINISTRATOR)
    rebase = RebaseServiceLevels(complaint=case, policy=KEY_ACCOUNT, reason="contract")
    company.run(company.keeper.ledger.advance())
    company.meanwhile(
        "LOCK TABLE process.calendar_changes",
        [company.keeper.step()],
        company.ordered(rebase, ADMINISTRATOR),
    )
    company.settle()
    for one in (case, other):
        assert company.clocks(one)["answer"]["due_at"] == midnight("2026-03-09")
