"""What the timers put on record of a case, and when they look at it next."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from domain.case_clocks import CaseClocks, clocks_id
from domain.organisation import HEAD_OFFICE, UnitKind, unit_id
from domain.roles import PersonId, Role
from domain.service_levels.deadlines import Basis, Target
from domain.service_levels.docket import ClockState, Docket
from domain.service_levels.recipients import StaffBook
from domain.service_levels.terms import AlertCause, AlertStep, Recipient
from domain.service_levels.timers import act, next_due, recompute
from domain.staff import Person, staff_id
from tests.domain.clock_story import CASE, HOURS, Story, holiday, hours, meta, terms

WARNING, BREACH = AlertCause.WARNING, AlertCause.BREACH
SUPERVISION = AlertStep(BREACH, Recipient.SUPERVISION, 30)
COMPLIANCE = AlertStep(BREACH, Recipient.COMPLIANCE, 60)
HEAD = AlertStep(BREACH, Recipient.DEPARTMENT_HEAD, 0)
HANDLER = AlertStep(WARNING, Recipient.HANDLER, 10)
ONE_DAY = Target(Basis.WORKING_DAYS, 1)


class Staff:
    """Whom alerts reach, set by the test."""

    def __init__(self, **people: str) -> None:
        self.people_by_role = {Recipient(role): PersonId(name) for role, name in people.items()}

    def people(self, to: Recipient, department: str | None, at: datetime) -> tuple[PersonId, ...]:
        assert department is None or department
        assert at.tzinfo is not None
        return (self.people_by_role[to],) if to in self.people_by_role else ()


EVERYBODY = Staff(supervision="watch", compliance="law", department_head="head")
NOBODY = Staff()


def docket(story: Story) -> Docket:
    assert story.docket is not None
    return story.docket


def look(story: Story, at: datetime, staff: Staff = EVERYBODY) -> list[str]:
    """Let the timers look at the case, and tell what they put on record."""
    record = act(docket(story), at, story.rules, staff, meta)
    return [event.TOPIC.partition(".")[2] for event in story.take(record)]


def alerts(story: Story) -> list[tuple[str, int, datetime]]:
    return [(alert.cause.value, alert.step, alert.at) for alert in story.clock().alerts]


def due(story: Story) -> datetime | None:
    return next_due(docket(story), story.rules)


# Warnings and breaches


def test_nothing_is_recorded_before_its_moment() -> None:
    story = Story().received()
    moment = hours(3.2)
    assert due(story) == moment
    assert look(story, moment - timedelta(microseconds=1)) == []
    assert look(story, moment) == ["warned"]
    assert due(story) == hours(4)
    assert look(story, hours(4) - timedelta(microseconds=1)) == []
    assert look(story, hours(4)) == ["breached"]
    assert due(story) is None


def test_a_warning_and_a_breach_are_recorded_once_with_their_moments() -> None:
    story = Story().received()
    assert look(story, hours(9)) == ["warned", "breached"]
    assert look(story, hours(10)) == []
    clock = story.clock()
    assert (clock.warned_at, clock.breached_at) == (hours(3.2), hours(4))


def test_a_clock_without_a_warning_is_only_breached() -> None:
    story = Story(terms(warn_percent=None)).received()
    assert due(story) == hours(4)
    assert look(story, hours(4)) == ["breached"]


@pytest.mark.parametrize("ending", ["answered", "withdrawn", "waits"])
def test_who_stands_still_or_has_ended_is_not_warned_about(ending: str) -> None:
    story = Story().received()
    getattr(story, ending)(hours(1))
    assert due(story) is None
    assert look(story, hours(9)) == []


def test_a_resumed_clock_is_warned_about_before_its_new_deadline_once() -> None:
    story = Story().received()
    assert look(story, hours(3.5)) == ["warned"]
    story.waits(hours(3.5)).resumes(hours(10))
    assert due(story) == hours(10.5)
    assert look(story, hours(10.4)) == []
    assert look(story, hours(10.5)) == ["breached"]


def test_no_warning_comes_after_a_breach() -> None:
    story = Story().received().breached(hours(4)).waits(hours(3)).resumes(hours(10))
    assert look(story, hours(10.9)) == ["breach_annotated"]
    assert due(story) == hours(11), "what was disproved can come again"
    assert look(story, hours(11)) == ["breached"]
    assert story.clock().warned_at is None


@pytest.mark.parametrize(
    ("ending", "at", "expected"),
    [
        ("answered", 3.2, []),
        ("answered", 3.5, ["warned"]),
        ("answered", 4, ["warned"]),
        ("answered", 4.1, ["warned", "breached"]),
        ("withdrawn", 4, ["warned"]),
        ("withdrawn", 4.1, ["warned", "breached"]),
        ("waits", 3.2, []),
        ("waits", 3.5, ["warned"]),
    ],
)
def test_what_fell_before_the_end_is_recorded_though_it_is_noticed_later(
    ending: str, at: float, expected: list[str]
) -> None:
    story = Story(terms(alerts=(HANDLER, SUPERVISION))).received()
    story.assigned(hours(0), "hub", "worker")
    getattr(story, ending)(hours(at))
    state = story.clock().state
    assert due(story) == (hours(3.2) if expected else None)
    assert look(story, hours(9)) == expected
    assert due(story) is None
    assert story.clock().state is state
    assert alerts(story) == [], "what has ended needs nobody's care"


def test_of_two_clocks_only_what_is_due_is_recorded() -> None:
    story = Story(terms(), terms("other", target=Target(Basis.ELAPSED, HOURS))).received()
    assert look(story, hours(1)) == ["warned", "breached"]
    assert {c.code: c.state for c in story.clocks} == {
        "answer": ClockState.RUNNING,
        "other": ClockState.BREACHED,
    }


def test_what_is_recorded_goes_on_from_the_version_that_is_known() -> None:
    story = Story().received()
    look(story, hours(3.2))
    record = act(docket(story), hours(4), story.rules, NOBODY, meta)
    assert record is not None
    (event,) = record.collect_events()
    assert (event.originator_id, event.originator_version) == (clocks_id(CASE), 2)


# Late reports and the past


def test_a_late_report_is_noted_beside_the_breach_once() -> None:
    story = Story().received().breached(hours(4)).answered(hours(2))
    assert due(story) == hours(2)
    assert look(story, hours(6)) == ["breach_annotated"]
    assert due(story) is None
    assert look(story, hours(7)) == []


def test_imports_of_the_past_are_breached_but_nobody_is_warned_or_alerted() -> None:
    story = Story(terms(alerts=(HANDLER, SUPERVISION))).received(historical=True)
    story.assigned(hours(0), "hub", "worker")
    assert due(story) == hours(4)
    assert look(story, hours(3.9)) == []
    assert look(story, hours(9)) == ["breached"]
    assert due(story) is None
    story.answered(hours(2))
    assert look(story, hours(9)) == ["breach_annotated"]


# The alert chain


def test_the_first_step_is_taken_at_once_and_the_next_after_its_patience() -> None:
    story = Story(terms(alerts=(SUPERVISION, COMPLIANCE, HEAD), warn_percent=None)).received()
    assert look(story, hours(4)) == ["breached", "alerted"]
    assert due(story) == hours(4.5)
    assert look(story, hours(4.49)) == []
    assert look(story, hours(4.5)) == ["alerted"]
    assert due(story) == hours(5.5)
    assert look(story, hours(5.5)) == ["alerted"]
    assert due(story) is None
    assert alerts(story) == [
        ("breach", 0, hours(4)),
        ("breach", 1, hours(4.5)),
        ("breach", 2, hours(5.5)),
    ]


def test_patience_counts_from_when_people_were_told() -> None:
    story = Story(terms(alerts=(SUPERVISION, COMPLIANCE), warn_percent=None)).received()
    assert look(story, hours(20)) == ["breached", "alerted"]
    assert due(story) == hours(20.5)


def test_a_step_that_reaches_nobody_is_skipped_and_not_waited_for() -> None:
    story = Story(terms(alerts=(SUPERVISION, COMPLIANCE), warn_percent=None)).received()
    assert look(story, hours(4), Staff(compliance="law")) == ["breached", "alerted"]
    assert alerts(story) == [("breach", 1, hours(4))]
    assert due(story) is None


def test_steps_are_counted_within_their_cause() -> None:
    story = Story(terms(alerts=(HANDLER, SUPERVISION))).received()
    story.assigned(hours(1), "hub", "worker")
    assert look(story, hours(3.2)) == ["warned", "alerted"]
    assert look(story, hours(4)) == ["breached", "alerted"]
    assert alerts(story) == [("warning", 0, hours(3.2)), ("breach", 0, hours(4))]


def test_after_a_downtime_only_the_breach_is_alerted() -> None:
    story = Story(terms(alerts=(HANDLER, SUPERVISION))).received()
    story.assigned(hours(1), "hub", "worker")
    assert look(story, hours(9)) == ["warned", "breached", "alerted"]
    assert alerts(story) == [("breach", 0, hours(9))]


@pytest.mark.parametrize("ending", ["answered", "withdrawn"])
def test_the_chain_stops_when_the_clock_has_ended(ending: str) -> None:
    story = Story(terms(alerts=(SUPERVISION, COMPLIANCE), warn_percent=None)).received()
    look(story, hours(4))
    getattr(story, ending)(hours(4.2))
    assert due(story) is None
    assert look(story, hours(9)) == []


def test_a_pause_holds_the_warnings_chain_until_the_resumption() -> None:
    again = AlertStep(WARNING, Recipient.SUPERVISION, 0)
    story = Story(terms(alerts=(HANDLER, again))).received().assigned(hours(0), "hub", "worker")
    assert look(story, hours(3.2)) == ["warned", "alerted"]
    story.waits(hours(3.3))
    assert due(story) is None
    story.resumes(hours(5))
    assert look(story, hours(5)) == ["alerted"]


def test_a_named_person_is_told() -> None:
    boss = AlertStep(BREACH, Recipient.PERSON, 0, PersonId("boss"))
    story = Story(terms(alerts=(boss,), warn_percent=None)).received()
    record = act(docket(story), hours(4), story.rules, NOBODY, meta)
    assert record is not None
    alerted = [e for e in record.collect_events() if isinstance(e, CaseClocks.Alerted)]
    assert [(e.to, e.people) for e in alerted] == [(Recipient.PERSON, ("boss",))]


def test_without_a_handler_the_next_in_the_chain_is_told() -> None:
    again = AlertStep(WARNING, Recipient.SUPERVISION, 0)
    story = Story(terms(alerts=(HANDLER, again))).received()
    assert look(story, hours(3.2)) == ["warned", "alerted"]
    assert alerts(story) == [("warning", 1, hours(3.2))]


def test_where_nobody_can_be_told_it_is_looked_at_an_hour_later() -> None:
    story = Story(terms(alerts=(SUPERVISION,), warn_percent=None)).received()
    assert look(story, hours(4), NOBODY) == ["breached"]
    assert due(story) == hours(4)
    assert look(story, hours(5), NOBODY) == []
    assert next_due(docket(story), story.rules, idle_at=hours(5)) == hours(6)
    assert look(story, hours(6), EVERYBODY) == ["alerted"]


def test_a_nearer_moment_goes_before_the_next_look_in_an_hour() -> None:
    story = Story(
        terms(alerts=(SUPERVISION,), warn_percent=None),
        terms("other", target=Target(Basis.ELAPSED, 5 * HOURS + 60), warn_percent=None),
    ).received()
    look(story, hours(4), NOBODY)
    assert next_due(docket(story), story.rules, idle_at=hours(5)) == hours(5) + timedelta(minutes=1)


def test_a_second_breach_raises_the_chain_anew() -> None:
    story = Story(terms(alerts=(SUPERVISION, COMPLIANCE), warn_percent=None)).received()
    look(story, hours(4))
    look(story, hours(4.5))
    story.waits(hours(3)).resumes(hours(10))  # reported late: the first breach was none
    assert look(story, hours(11)) == ["breach_annotated", "breached", "alerted"]
    assert alerts(story)[-1] == ("breach", 0, hours(11))
    assert look(story, hours(11.5)) == ["alerted"]
    assert alerts(story)[-1] == ("breach", 1, hours(11.5))


# Calendars


def followed(story: Story, at: datetime) -> list[CaseClocks.DeadlineRecomputed]:
    record = recompute(docket(story), at, story.rules, meta)
    return [e for e in story.take(record) if isinstance(e, CaseClocks.DeadlineRecomputed)]


def test_a_correction_moves_a_live_deadline_once() -> None:
    story = Story(terms(target=ONE_DAY))
    story.publishes(2026)
    story.received().corrects(holiday("2026-03-03"))
    (event,) = followed(story, hours(1))
    assert event.old_due_at == datetime(2026, 3, 3, 16, tzinfo=UTC)
    assert event.new_due_at == story.clock().due_at == datetime(2026, 3, 4, 16, tzinfo=UTC)
    assert (event.calendar, event.calendar_version, event.provisional) == ("cn", 2, False)
    assert followed(story, hours(2)) == []


def test_a_correction_of_other_days_is_not_put_on_record() -> None:
    story = Story(terms(target=ONE_DAY))
    story.publishes(2026)
    story.received().corrects(holiday("2026-10-08"))
    assert followed(story, hours(1)) == []


def test_a_settled_year_is_put_on_record_though_no_deadline_moves() -> None:
    story = Story(terms(target=ONE_DAY))
    story.foresees(2026)
    story.received().publishes(2026)
    (event,) = followed(story, hours(1))
    assert (event.old_due_at == event.new_due_at, event.provisional) == (True, False)
    assert not story.clock().provisional


@pytest.mark.parametrize("ending", ["answered", "withdrawn"])
def test_what_has_ended_keeps_its_deadline(ending: str) -> None:
    story = Story(terms(target=ONE_DAY))
    story.publishes(2026)
    story.received()
    getattr(story, ending)(hours(1))
    story.corrects(holiday("2026-03-03"))
    assert followed(story, hours(2)) == []


def test_a_paused_and_a_breached_clock_follow_the_calendar() -> None:
    for telling in (Story.waits, None):
        story = Story(terms(target=ONE_DAY))
        story.publishes(2026)
        story.received()
        if telling is None:
            story.breached(datetime(2026, 3, 3, 16, tzinfo=UTC))
        else:
            telling(story, hours(1))
        story.corrects(holiday("2026-03-03"))
        assert len(followed(story, hours(40))) == 1


# Whom alerts reach


@pytest.fixture
def book() -> StaffBook:
    """Two heads of departments, and one of supervision for an hour."""
    book = StaffBook()
    versions: dict[UUID, int] = defaultdict(int)

    def tell(cls: type, who: str, **fields: object) -> None:
        stream = staff_id(PersonId(who))
        versions[stream] += 1
        book.apply(
            cls(
                originator_id=stream,
                originator_version=versions[stream],
                meta=meta(hours(0)),
                **fields,
            )
        )

    units = {name: unit_id(UnitKind.DEPARTMENT, name) for name in ("hub", "desk")}
    for person, role, unit, ends_at in (
        ("head-hub", Role.DEPARTMENT_HEAD, units["hub"], None),
        ("head-desk", Role.DEPARTMENT_HEAD, units["desk"], None),
        ("watch", Role.SUPERVISION, HEAD_OFFICE, hours(1)),
        ("other", Role.SUPERVISION, HEAD_OFFICE, None),
    ):
        tell(Person.Joined, person, person=PersonId(person))
        tell(
            Person.Appointed,
            person,
            number=1,
            role=role,
            unit=unit,
            starts_at=hours(0),
            ends_at=ends_at,
        )
    tell(Person.AppointmentEnded, "other", number=1, ends_at=hours(0))
    return book


@pytest.mark.parametrize(
    ("to", "department", "at", "expected"),
    [
        (Recipient.DEPARTMENT_HEAD, "hub", 0, ("head-hub",)),
        (Recipient.DEPARTMENT_HEAD, "desk", 0, ("head-desk",)),
        (Recipient.DEPARTMENT_HEAD, None, 0, ()),
        (Recipient.DEPARTMENT_HEAD, "hub", -1, ()),
        (Recipient.SUPERVISION, None, 0.5, ("watch",)),
        (Recipient.SUPERVISION, "hub", 0.5, ("watch",)),
        (Recipient.SUPERVISION, None, 1, ()),
        (Recipient.COMPLIANCE, None, 0, ()),
    ],
)
def test_an_alert_reaches_who_holds_the_role_then(
    book: StaffBook, to: Recipient, department: str | None, at: float, expected: tuple[str, ...]
) -> None:
    assert book.people(to, department, hours(at)) == expected
