"""The clocks of a case, folded from its events: every state met by everything that can happen."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from itertools import product
from uuid import UUID

import pytest

from domain.case_clocks import CaseClocks, clock_id, clocks_id
from domain.complaint import Complaint
from domain.organisation import Unit, UnitKind, unit_id
from domain.service_levels.deadlines import Basis, Target
from domain.service_levels.docket import ClockState, Docket, case_of, concerns, fold
from domain.service_levels.terms import DepartmentCalendar
from tests.domain.clock_story import (
    BEGIN,
    CASE,
    HOURS,
    LONG_AGO,
    Story,
    holiday,
    hours,
    meta,
    terms,
)

DUE = 4
Telling = Callable[[Story], Story]

STATES: dict[str, Telling] = {
    "running": lambda story: story,
    "paused": lambda story: story.waits(hours(1)),
    "breached": lambda story: story.breached(hours(DUE)),
    "met": lambda story: story.answered(hours(1)),
    "met_late": lambda story: story.answered(hours(5)),
    "cancelled": lambda story: story.withdrawn(hours(1)),
}
HAPPENINGS: dict[str, Telling] = {
    "stop in time": lambda story: story.answered(hours(2)),
    "stop at the deadline": lambda story: story.answered(hours(DUE)),
    "stop late": lambda story: story.answered(hours(6)),
    "stop before the start": lambda story: story.answered(hours(-1)),
    "cancel": lambda story: story.withdrawn(hours(2)),
    "cancel late": lambda story: story.withdrawn(hours(6)),
    "lapse in time": lambda story: story.lowered(hours(2)),
    "lapse late": lambda story: story.lowered(hours(6)),
    "pause": lambda story: story.waits(hours(2)),
    "pause at the deadline": lambda story: story.waits(hours(DUE)),
    "pause late": lambda story: story.waits(hours(6)),
    "resume": lambda story: story.resumes(hours(3)),
    "resume before the pause": lambda story: story.resumes(hours(0.5)),
    "start again": lambda story: story.reopened(hours(8)),
    "warning": lambda story: story.warned(hours(3.2), hours(DUE)),
    "breach": lambda story: story.breached(hours(DUE)),
    "breach of an old date": lambda story: story.breached(hours(3)),
}
# What a clock is then: its state, since when it has ended, what of the rest is out of the ordinary.
CELLS = """
happening               | running         | paused               | breached                 | met                    | met_late              | cancelled
stop in time            | met 2           | met 2, due 5         | met 2, breach 4 annotated | met 1                  | met 2                 | cancelled 1
stop at the deadline    | met 4           | met 4, due 7         | met 4, breach 4 annotated | met 1                  | met 4                 | cancelled 1
stop late               | met_late 6      | met 6, due 9         | met_late 6, breach 4     | met 1                  | met_late 5            | cancelled 1
stop before the start   | running         | paused               | breached, breach 4       | met 1                  | met_late 5            | cancelled 1
cancel                  | cancelled 2     | cancelled 2, due 5   | cancelled 2, breach 4 annotated | met 1            | met_late 5            | cancelled 1
cancel late             | cancelled 6     | cancelled 6, due 9   | cancelled 6, breach 4    | met 1                  | met_late 5            | cancelled 1
lapse in time           | cancelled 2     | cancelled 2, due 5   | cancelled 2, breach 4 annotated | met 1            | met_late 5            | cancelled 1
lapse late              | running         | cancelled 6, due 9   | breached, breach 4       | met 1                  | met_late 5            | cancelled 1
pause                   | paused          | paused               | paused, breach 4 annotated | met 1                | met_late 5            | cancelled 1
pause at the deadline   | running         | paused               | breached, breach 4       | met 1                  | met_late 5            | cancelled 1
pause late              | running         | paused               | breached, breach 4       | met 1                  | met_late 5            | cancelled 1
resume                  | running         | running, due 6       | breached, breach 4       | met 1                  | met_late 5            | cancelled 1
resume before the pause | running         | running              | breached, breach 4       | met 1                  | met_late 5            | cancelled 1
start again             | running         | paused               | breached, breach 4       | met 1, running again   | met_late 5, running again | cancelled 1, running again
warning                 | running, warned | paused, warned       | breached, warned, breach 4 | met 1, warned        | met_late 5, warned    | cancelled 1, warned
breach                  | breached, breach 4 | paused, breach 4 annotated | breached, breach 4 | met 1, breach 4 annotated | met_late 5, breach 4 | cancelled 1, breach 4 annotated
breach of an old date   | running, breach 3 | paused, breach 3 annotated | breached, breach 3 | met 1, breach 3 annotated | met_late 5, breach 3 | cancelled 1, breach 3 annotated
"""  # noqa: E501


def cells() -> list[tuple[str, str, str]]:
    header, *lines = (line.split("|") for line in CELLS.strip().splitlines())
    states = [name.strip() for name in header[1:]]
    return [
        (state, line[0].strip(), cell.strip())
        for line in lines
        for state, cell in zip(states, line[1:], strict=True)
    ]


def told(story: Story) -> str:
    """Say what the first clock is, in the words of the table."""
    first, *again = story.clocks

    def number(at: datetime) -> str:
        return f"{(at - BEGIN) / timedelta(hours=1):g}"

    words = [first.state.value]
    if first.ended_at is not None:
        words[0] += f" {number(first.ended_at)}"
    if first.due_at != hours(DUE):
        words.append(f"due {number(first.due_at)}")
    if first.warned_at is not None:
        words.append("warned")
    if first.breached_at is not None:
        annotated = " annotated" if first.annotated_at is not None else ""
        words.append(f"breach {number(first.breached_at)}{annotated}")
    words += [f"{clock.state.value} again" for clock in again]
    return ", ".join(words)


def test_the_table_has_a_cell_for_every_state_and_happening() -> None:
    assert [cell[:2] for cell in cells()] == [(s, h) for h, s in product(HAPPENINGS, STATES)]
    assert {state.value for state in ClockState} == set(STATES)


@pytest.mark.parametrize(("state", "happening", "expected"), cells())
def test_a_clock_takes_in_what_happens(state: str, happening: str, expected: str) -> None:
    story = STATES[state](Story().received())
    assert story.clock().state.value == state

    assert told(HAPPENINGS[happening](story)) == expected


# Late reports


def test_a_stop_reported_late_leaves_the_breach_and_says_what_disproves_it() -> None:
    clock = Story().received().breached(hours(4)).answered(hours(2)).clock()
    assert (clock.state, clock.breached_at) == (ClockState.MET, hours(4))
    assert (clock.annotated_at, clock.annotated_by) == (hours(2), "answered")
    assert not clock.annotation_recorded


def test_an_annotation_on_record_is_not_due_again() -> None:
    story = Story().received().breached(hours(4)).answered(hours(2))
    story.records(
        CaseClocks.BreachAnnotated, hours(2), mark="answered", happened_at=hours(2)
    ).resumes(hours(3))
    assert story.clock().annotation_recorded


def test_a_pause_reported_late_keeps_the_breach_and_gives_back_the_time() -> None:
    story = Story().received().breached(hours(4)).waits(hours(3)).resumes(hours(10))
    clock = story.clock()
    assert (clock.state, clock.due_at) == (ClockState.RUNNING, hours(11))
    assert (clock.breached_at, clock.annotated_by) == (hours(4), "waiting")


def test_a_breach_recorded_before_the_pause_was_known_is_annotated() -> None:
    story = Story().received().waits(hours(3)).resumes(hours(10)).breached(hours(4))
    clock = story.clock()
    assert (clock.state, clock.due_at) == (ClockState.RUNNING, hours(11))
    assert clock.breached_at == hours(4)
    assert (clock.annotated_at, clock.annotated_by) == (hours(3), "waiting")


def test_the_second_deadline_of_a_disproved_breach_can_be_breached_in_its_turn() -> None:
    story = Story().received().breached(hours(4)).waits(hours(3)).resumes(hours(10))
    clock = story.breached(hours(11)).clock()
    assert (clock.state, clock.breached_at) == (ClockState.BREACHED, hours(11))
    assert clock.annotated_at is None


# Pauses


def test_what_is_left_at_a_pause_is_known_until_the_resumption() -> None:
    story = Story().received().waits(hours(1))
    assert story.clock().left == 3 * HOURS
    clock = story.resumes(hours(3)).clock()
    assert (clock.left, clock.paused_seconds) == (None, 2 * HOURS)


def test_pauses_never_overlap() -> None:
    story = Story().received().waits(hours(1)).resumes(hours(3)).waits(hours(2)).resumes(hours(4))
    clock = story.clock()
    assert [(p.since, p.until) for p in clock.pauses] == [(hours(1), hours(4))]
    assert clock.due_at == hours(7)


def test_a_wait_reported_late_counts_beside_a_later_one() -> None:
    story = Story(terms(target=Target(Basis.ELAPSED, 10 * HOURS))).received()
    story.waits(hours(6)).resumes(hours(7)).waits(hours(1)).resumes(hours(5))
    clock = story.clock()
    assert [(p.since, p.until) for p in clock.pauses] == [
        (hours(1), hours(5)),
        (hours(6), hours(7)),
    ]
    assert clock.due_at == hours(15)


def test_a_wait_from_after_a_deadline_that_moved_back_has_no_effect() -> None:
    story = Story(terms(target=Target(Basis.ELAPSED, 10 * HOURS)))
    story.adopts("key_account", terms(target=Target(Basis.ELAPSED, HOURS)))
    clock = story.received().waits(hours(5)).rebased(hours(9), "key_account").clock()
    assert (clock.state, clock.due_at, clock.left) == (ClockState.RUNNING, hours(1), None)
    story.breached(hours(1)).resumes(hours(10))
    assert (clock.state, clock.due_at, clock.annotated_at) == (
        ClockState.BREACHED,
        hours(1),
        None,
    )


def test_a_deadline_that_moved_away_and_back_is_breached_as_before() -> None:
    story = Story(terms(target=Target(Basis.ELAPSED, HOURS)))
    story.adopts("key_account", terms(target=Target(Basis.ELAPSED, 10 * HOURS)))
    story.received().breached(hours(1)).rebased(hours(2), "key_account")
    assert story.clock().state is ClockState.RUNNING
    clock = story.rebased(hours(3), "default").clock()
    assert (clock.state, clock.due_at, clock.annotated_at) == (
        ClockState.BREACHED,
        hours(1),
        None,
    )


def test_a_breach_that_is_disproved_again_is_noted_again() -> None:
    story = Story(terms(target=Target(Basis.ELAPSED, HOURS)))
    story.adopts("key_account", terms(target=Target(Basis.ELAPSED, 10 * HOURS)))
    story.received().breached(hours(1)).rebased(hours(2), "key_account")
    story.records(CaseClocks.BreachAnnotated, hours(2), mark="rebased", happened_at=hours(2))
    story.rebased(hours(3), "default").rebased(hours(4), "key_account")
    clock = story.clock()
    assert (clock.annotated_at, clock.annotation_recorded) == (hours(4), False)


def test_a_calendar_that_is_followed_after_the_end_changes_nothing() -> None:
    story = Story(terms(target=Target(Basis.WORKING_DAYS, 1)))
    story.received().answered(hours(1))
    before = story.clock().calendar_version
    clock = story.recomputed(hours(2), story.corrects(holiday("2026-03-03"))).clock()
    assert (clock.state, clock.calendar_version, clock.recomputed) == (ClockState.MET, before, [])


def test_rebasing_away_and_back_starts_no_clock_twice() -> None:
    story = key_account("solution").rebased(hours(0.5), "key_account").answered(hours(1))
    story.rebased(hours(2), "default").rebased(hours(3), "key_account")
    assert [clock.code for clock in story.clocks].count("solution") == 1


def test_a_pause_from_before_the_start_begins_with_the_clock() -> None:
    clock = Story().received().waits(hours(-1)).clock()
    assert (clock.state, clock.pauses[0].since, clock.left) == (
        ClockState.PAUSED,
        BEGIN,
        4 * HOURS,
    )


def test_a_clock_that_never_pauses_goes_on_while_the_customer_is_waited_for() -> None:
    clock = Story(terms(pauses=False)).received().waits(hours(1)).clock()
    assert (clock.state, clock.due_at, clock.pauses) == (ClockState.RUNNING, hours(4), [])


def test_a_clock_that_starts_while_the_customer_is_waited_for_is_paused_at_once() -> None:
    story = Story(terms(starts_on=("escalated",)), terms("other", pauses=False))
    story.received().waits(hours(1)).happens(
        Complaint.Escalated, hours(2), to="boss", demanded_by="customer"
    )
    assert (story.clock("answer").state, story.clock("answer").left) == (
        ClockState.PAUSED,
        4 * HOURS,
    )
    assert story.resumes(hours(5)).clock("answer").due_at == hours(9)


def test_a_resumption_moves_the_warning_with_the_deadline() -> None:
    story = Story().received()
    assert story.clock().warn_at == hours(3.2)
    assert story.waits(hours(1)).resumes(hours(3)).clock().warn_at == hours(6 * 0.8)


# Several clocks of a case


def test_clocks_of_all_three_bases_run_on_one_case() -> None:
    story = Story(
        terms("elapsed"),
        terms("calendar", target=Target(Basis.CALENDAR_DAYS, 7)),
        terms("working", target=Target(Basis.WORKING_DAYS, 3)),
    )
    friday = datetime(2026, 3, 6, 2, tzinfo=UTC)
    found = {clock.code: clock.due_at for clock in story.received(friday).clocks}
    assert found == {
        "elapsed": datetime(2026, 3, 6, 6, tzinfo=UTC),
        "calendar": datetime(2026, 3, 13, 16, tzinfo=UTC),
        "working": datetime(2026, 3, 11, 16, tzinfo=UTC),
    }


def test_reopening_starts_new_instances_and_the_old_keep_their_outcome() -> None:
    story = Story(terms(), terms("other", stops_on=("assigned",))).received()
    story.answered(hours(5)).reopened(hours(10)).answered(hours(11))
    assert [(c.code, c.number, c.state) for c in story.clocks] == [
        ("answer", 1, ClockState.MET_LATE),
        ("other", 1, ClockState.RUNNING),
        ("answer", 2, ClockState.MET),
    ]
    assert story.clock("answer", 2).due_at == hours(14)


def test_an_event_stops_one_instance_and_starts_the_next_in_this_order() -> None:
    story = Story(terms(stops_on=("answered", "disputed"), starts_on=("received", "disputed")))
    story.received().happens(Complaint.Disputed, hours(1), objection="no")
    assert [(c.number, c.state) for c in story.clocks] == [
        (1, ClockState.MET),
        (2, ClockState.RUNNING),
    ]


def test_instances_are_told_apart_by_their_numbers() -> None:
    story = Story().received().answered(hours(1)).reopened(hours(2)).breached(hours(6), number=2)
    assert [c.state for c in story.clocks] == [ClockState.MET, ClockState.BREACHED]
    assert clock_id(CASE, "answer", 1) != clock_id(CASE, "answer", 2)


# Policies


def test_a_case_keeps_the_version_under_which_it_began() -> None:
    story = Story().received()
    story.adopts("default", terms(target=Target(Basis.ELAPSED, HOURS)), number=2, since=hours(1))
    story.answered(hours(2)).reopened(hours(5))
    assert [(c.policy_version, c.due_at) for c in story.clocks] == [(1, hours(4)), (1, hours(9))]


def test_a_case_falls_under_the_version_of_its_business_time() -> None:
    story = Story()
    story.adopts("default", terms(target=Target(Basis.ELAPSED, HOURS)), number=2, since=hours(1))
    assert story.received(hours(2)).clock().due_at == hours(3)


def test_a_case_without_a_policy_has_no_clock_but_is_remembered() -> None:
    story = Story().received(LONG_AGO - timedelta(days=1))
    assert story.clocks == []
    assert story.docket is not None
    assert (story.docket.policy, len(story.docket.told)) == (None, 1)


def test_a_customer_of_a_contract_falls_under_its_policy() -> None:
    story = Story()
    story.adopts("key_account", terms(target=Target(Basis.ELAPSED, HOURS)))
    assert story.received(service_levels="key_account").clock().due_at == hours(1)


def test_the_partner_of_an_account_falls_under_its_policy() -> None:
    story = Story()
    story.adopts("key_account", terms(target=Target(Basis.ELAPSED, HOURS)), accounts=("shop",))
    assert story.received(partner="shop").clock().policy == "key_account"


# Calendars and zones

ONE_DAY = Target(Basis.WORKING_DAYS, 1)


def test_a_department_counts_its_own_days() -> None:
    story = Story(
        terms(target=ONE_DAY, starts_on=("assigned",)),
        department_calendars=(DepartmentCalendar("hub", "hub_days"),),
    )
    story.calendar("hub_days", base="cn")
    story.publishes(2026, holiday("2026-03-03"), code="hub_days")
    hub = story.received().assigned(hours(0), "hub").clock()
    assert (hub.calendar, hub.due_at) == ("hub_days", datetime(2026, 3, 4, 16, tzinfo=UTC))


def test_another_department_counts_the_days_of_everybody() -> None:
    story = Story(
        terms(target=ONE_DAY, starts_on=("assigned",)),
        department_calendars=(DepartmentCalendar("hub", "hub_days"),),
    )
    story.calendar("hub_days", base="cn")
    story.publishes(2026, holiday("2026-03-03"), code="hub_days")
    other = story.received().assigned(hours(0), "desk").clock()
    assert (other.calendar, other.due_at) == ("cn", datetime(2026, 3, 3, 16, tzinfo=UTC))


def founded(story: Story, kind: UnitKind, code: str, zone: str | None, parent: UUID | None) -> UUID:
    stream = unit_id(kind, code)
    story.learns(
        Unit.Founded,
        stream,
        LONG_AGO,
        kind=kind,
        code=code,
        name_en=code,
        name_zh=code,
        parent=parent,
        time_zone=zone,
    )
    return stream


@pytest.mark.parametrize(
    ("outlet", "region", "expected"),
    [
        ("own", "west", "Asia/Tokyo"),
        ("plain", "west", "Asia/Urumqi"),
        (None, "west", "Asia/Urumqi"),
        ("unknown", None, "Asia/Shanghai"),
        (None, None, "Asia/Shanghai"),
    ],
)
def test_the_zone_of_the_unit_goes_before_that_of_the_policy(
    outlet: str | None, region: str | None, expected: str
) -> None:
    story = Story(terms(target=ONE_DAY))
    west = founded(story, UnitKind.REGION, "west", "Asia/Urumqi", None)
    founded(story, UnitKind.OUTLET, "own", "Asia/Tokyo", west)
    founded(story, UnitKind.OUTLET, "plain", None, west)
    clock = story.received(outlet=outlet, region=region).clock()
    assert clock.zone == expected


def test_a_day_ends_at_midnight_of_the_zone() -> None:
    story = Story(terms(target=ONE_DAY))
    founded(story, UnitKind.OUTLET, "own", "Asia/Urumqi", None)
    assert story.received(outlet="own").clock().due_at == datetime(2026, 3, 3, 18, tzinfo=UTC)


# A corrected calendar


def corrected(*, breached: bool, answered: bool = False) -> Story:
    story = Story(terms(target=ONE_DAY))
    story.publishes(2026)
    story.received()
    if breached:
        story.breached(datetime(2026, 3, 3, 16, tzinfo=UTC))
    if answered:
        story.answered(hours(1))
    version = story.corrects(holiday("2026-03-03"))
    return story.recomputed(hours(40), version)


def test_a_corrected_calendar_moves_a_running_clock_and_keeps_both_dates() -> None:
    clock = corrected(breached=False).clock()
    old, new = datetime(2026, 3, 3, 16, tzinfo=UTC), datetime(2026, 3, 4, 16, tzinfo=UTC)
    assert (clock.state, clock.due_at) == (ClockState.RUNNING, new)
    (noted,) = clock.recomputed
    assert (noted.old_due_at, noted.new_due_at, noted.calendar_version) == (old, new, 2)


def test_a_corrected_calendar_disproves_a_breach_and_lets_the_clock_run_on() -> None:
    clock = corrected(breached=True).clock()
    assert (clock.state, clock.annotated_by) == (ClockState.RUNNING, "recomputed")
    assert clock.breached_at == datetime(2026, 3, 3, 16, tzinfo=UTC)
    assert clock.due_at == datetime(2026, 3, 4, 16, tzinfo=UTC)


def test_a_deadline_that_a_correction_brings_forward_stays_breached() -> None:
    story = Story(terms(target=ONE_DAY))
    story.publishes(2026, holiday("2026-03-03"))
    story.received().breached(datetime(2026, 3, 4, 16, tzinfo=UTC))
    version = story.corrects(cleared=(date(2026, 3, 3),))
    clock = story.recomputed(hours(90), version).clock()
    assert (clock.state, clock.annotated_at) == (ClockState.BREACHED, None)


def test_publishing_a_year_settles_a_provisional_deadline() -> None:
    story = Story(terms(target=ONE_DAY))
    story.foresees(2026)
    assert story.received().clock().provisional
    story.publishes(2026)
    version = story.rules.calendars.version_at("cn", story.position)
    clock = story.recomputed(hours(1), version).clock()
    assert (clock.provisional, clock.due_at) == (False, datetime(2026, 3, 3, 16, tzinfo=UTC))


def test_a_resumption_counts_by_the_days_that_are_known_then() -> None:
    story = Story(terms(target=ONE_DAY))
    story.publishes(2026)
    story.received().waits(hours(1))
    story.corrects(holiday("2026-03-06"))  # moves nothing yet: nothing is recomputed
    clock = story.resumes(datetime(2026, 3, 5, 2, tzinfo=UTC)).clock()
    assert clock.due_at == datetime(2026, 3, 9, 16, tzinfo=UTC), "Friday is off, Monday counts"


# Another policy


def key_account(*clocks: str) -> Story:
    """Tell a case under the default policy's ``answer`` and ``phone``, and adopt another policy."""
    story = Story(terms(), terms("phone", stops_on=("assigned",)))
    known = {
        "answer": terms(target=Target(Basis.ELAPSED, 2 * HOURS)),
        "solution": terms("solution", stops_on=("solution_sent",)),
        "visit": terms("visit", stops_on=("feedback",), starts_on=("escalated",)),
    }
    story.adopts("key_account", *(known[code] for code in clocks))
    return story.received()


def test_a_clock_of_both_policies_goes_on_under_the_new_terms() -> None:
    clock = key_account("answer").rebased(hours(1), "key_account").clock("answer")
    assert (clock.state, clock.policy, clock.due_at) == (
        ClockState.RUNNING,
        "key_account",
        hours(2),
    )


def test_a_clock_of_the_new_policy_starts_when_its_event_happened() -> None:
    clock = key_account("answer", "solution").rebased(hours(1), "key_account").clock("solution")
    assert (clock.state, clock.started_at, clock.due_at) == (ClockState.RUNNING, BEGIN, hours(4))


def test_a_clock_of_the_new_policy_takes_in_all_that_happened() -> None:
    story = key_account("answer", "solution").answered(hours(1)).rebased(hours(3), "key_account")
    solution = story.clock("solution")
    assert (solution.state, solution.ended_at) == (ClockState.MET, hours(1))
    assert [c.code for c in story.clocks].count("answer") == 1, "what has ended is not told again"


def test_a_clock_of_the_new_policy_whose_event_never_happened_does_not_start() -> None:
    story = key_account("answer", "visit").rebased(hours(1), "key_account")
    assert [clock.code for clock in story.clocks] == ["answer", "phone"]


def test_a_clock_that_the_new_policy_does_not_have_is_cancelled() -> None:
    clock = key_account("answer").rebased(hours(1), "key_account").clock("phone")
    assert (clock.state, clock.ended_by, clock.ended_at) == (
        ClockState.CANCELLED,
        "rebased",
        hours(1),
    )


def test_what_has_ended_keeps_policy_and_outcome() -> None:
    story = key_account("answer").answered(hours(3)).rebased(hours(5), "key_account")
    clock = story.clock("answer")
    assert (clock.state, clock.policy) == (ClockState.MET, "default")


def test_a_breach_that_the_new_terms_disprove_is_annotated() -> None:
    story = Story(terms(target=Target(Basis.ELAPSED, HOURS)))
    story.adopts("key_account", terms())
    clock = story.received().breached(hours(1)).rebased(hours(2), "key_account").clock()
    assert (clock.state, clock.due_at, clock.annotated_by) == (
        ClockState.RUNNING,
        hours(4),
        "rebased",
    )


def test_a_paused_clock_runs_on_where_the_new_terms_know_no_pause() -> None:
    story = Story()
    story.adopts("key_account", terms(pauses=False))
    clock = story.received().waits(hours(1)).rebased(hours(2), "key_account").clock()
    assert (clock.state, clock.due_at, clock.left) == (ClockState.RUNNING, hours(4), None)


def test_a_new_clock_of_a_case_that_waits_is_paused_as_it_was() -> None:
    story = key_account("solution").waits(hours(1)).rebased(hours(2), "key_account")
    clock = story.clock("solution")
    assert (clock.state, clock.pauses[0].since, clock.left) == (
        ClockState.PAUSED,
        hours(1),
        3 * HOURS,
    )


def test_a_new_clock_takes_in_a_wait_that_is_over_and_the_one_that_lasts() -> None:
    story = key_account("solution").waits(hours(1)).resumes(hours(2)).waits(hours(3))
    clock = story.rebased(hours(4), "key_account").clock("solution")
    assert [(p.since, p.until) for p in clock.pauses] == [
        (hours(1), hours(2)),
        (hours(3), None),
    ]
    assert (clock.state, clock.left) == (ClockState.PAUSED, 2 * HOURS)


def test_a_clock_waits_under_terms_that_know_pauses_as_soon_as_they_hold() -> None:
    story = Story(terms(pauses=False))
    story.adopts("key_account", terms())
    clock = story.received().waits(hours(1)).rebased(hours(2), "key_account").clock()
    assert (clock.state, clock.pauses[0].since) == (ClockState.PAUSED, hours(1))


def test_there_and_back_between_policies_leaves_no_pause_open() -> None:
    story = Story()
    story.adopts("strict", terms(pauses=False))
    story.received().waits(hours(1)).rebased(hours(2), "strict").resumes(hours(3))
    clock = story.rebased(hours(3.5), "default").clock()
    assert (clock.state, clock.left, clock.due_at) == (ClockState.RUNNING, None, hours(6))


def test_a_clock_keeps_the_calendar_of_the_department_that_had_the_case_at_the_start() -> None:
    own = (DepartmentCalendar("hub", "hub_days"),)
    answer = terms(target=Target(Basis.WORKING_DAYS, 1))
    story = Story(answer)
    story.calendar("hub_days", base="cn")
    story.adopts("key_account", answer, department_calendars=own)
    clock = story.received().assigned(hours(1), "hub").rebased(hours(2), "key_account").clock()
    assert clock.calendar == "cn"


def test_a_stop_reported_late_counts_although_a_later_one_had_ended_the_clock() -> None:
    story = Story().received().breached(hours(4)).answered(hours(6)).answered(hours(2))
    clock = story.clock()
    assert (clock.state, clock.ended_at, clock.breached_at) == (
        ClockState.MET,
        hours(2),
        hours(4),
    )
    assert (clock.annotated_by, clock.annotated_at) == ("answered", hours(2))


def test_a_pause_after_the_stop_that_is_reported_late_never_was() -> None:
    story = Story().received().waits(hours(3)).resumes(hours(5)).answered(hours(5.5))
    clock = story.answered(hours(1)).clock()
    assert (clock.pauses, clock.due_at, clock.ended_at) == ([], hours(4), hours(1))


def test_later_starts_follow_the_new_policy() -> None:
    story = key_account("answer").answered(hours(1)).rebased(hours(2), "key_account")
    assert story.reopened(hours(3)).clock("answer", 2).due_at == hours(5)


# What is read


def test_events_before_the_beginning_concern_nobody() -> None:
    story = Story().answered(hours(1))
    assert story.docket is None
    story.records(CaseClocks.Rebased, hours(1), policy="default", policy_version=1)
    assert story.docket is None


def test_a_record_of_an_unknown_clock_changes_nothing_but_the_version() -> None:
    story = Story().received().breached(hours(4), clock="gone")
    assert story.docket is not None
    assert (story.clock().breached_at, story.docket.version) == (None, 1)


def test_the_docket_knows_whose_events_told_it_and_until_when() -> None:
    story = Story().received().breached(hours(4)).answered(hours(2))
    docket = story.docket
    assert docket is not None
    assert (docket.told_by, docket.last_at) == ([CASE, clocks_id(CASE)], hours(4))


def test_a_case_folded_again_keeps_the_policy_under_which_it_began() -> None:
    story = Story().received()
    pinned = story.docket
    story.adopts("default", terms(target=Target(Basis.ELAPSED, HOURS)), number=2, since=LONG_AGO)
    event = Complaint.Received(
        originator_id=CASE, originator_version=1, meta=meta(BEGIN), **_received_fields()
    )
    anew = fold(None, event, story.position, story.rules, pinned)
    other = fold(None, event, story.position, story.rules)
    assert anew is not None
    assert other is not None
    assert (_version(anew), _version(other)) == (1, 2)


def _version(docket: Docket) -> int:
    return docket.clocks[0].policy_version


def _received_fields() -> dict[str, object]:
    kept: dict[str, object] = {}

    class Keeping(Story):
        def _fold(self, event: object) -> None:
            kept.update({name: getattr(event, name) for name in event._field_names})

    Keeping().received()
    del kept["meta"]
    return kept


def test_only_events_that_are_read_concern_clocks() -> None:
    assert concerns(Complaint.Received.TOPIC)
    assert concerns(CaseClocks.Breached.TOPIC)
    assert not concerns(Complaint.EvidenceAdded.TOPIC)


def test_a_record_of_clocks_names_its_case() -> None:
    event = CaseClocks.Rebased(
        originator_id=clocks_id(CASE),
        originator_version=1,
        meta=meta(BEGIN),
        case=CASE,
        policy="default",
        policy_version=1,
    )
    assert case_of(event) == CASE
