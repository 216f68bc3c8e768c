from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import combinations
from typing import Any
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import (
    AlreadyAppointedError,
    DomainError,
    InvalidValueError,
    NotFoundError,
    Rule,
    WrongStateError,
)
from domain.identifiers import NAMESPACE
from domain.metadata import Metadata
from domain.personal import PersonalText
from domain.roles import PersonId, Role
from domain.staff import APPOINTABLE, Appointment, Person, appointment_id, staff_id

STREAM = UUID(int=1)
NORTH = UUID(int=11)
SOUTH = UUID(int=12)
LI = PersonId("p-17")
NAME = PersonalText(STREAM, "李娟")
DAY = datetime(2026, 3, 2, tzinfo=UTC)
Step = Callable[[Person, Metadata], None]


def day(number: int) -> datetime:
    return DAY + timedelta(days=number)


def joined(person: Person, meta: Metadata) -> None:
    person.join(LI, NAME, meta)


def appointed(
    begin: int, end: int | None = None, role: Role = Role.INVESTIGATOR, unit: UUID = NORTH
) -> Step:
    ends_at = None if end is None else day(end)
    return lambda person, meta: person.appoint(role, unit, day(begin), ends_at, meta)


def ended(number: int, at: int) -> Step:
    return lambda person, meta: person.end_appointment(number, day(at), meta)


# Joining


def test_a_person_is_known_by_the_person_id() -> None:
    assert staff_id(LI) == uuid5(NAMESPACE, "person:p-17")
    assert appointment_id(staff_id(LI), 1) != appointment_id(staff_id(LI), 2)
    assert appointment_id(staff_id(LI), 1) != appointment_id(staff_id(PersonId("p-18")), 1)


def test_a_person_joins_under_an_opaque_id_with_a_name_of_their_own(scenario: Any) -> None:
    scenario(Person).when(joined).then(scenario.event(Person.Joined, person=LI, name=NAME))


def test_a_name_is_not_needed(scenario: Any) -> None:
    scenario(Person).when(lambda p, meta: p.join(LI, None, meta)).then(
        scenario.event(Person.Joined, person=LI)
    )


@pytest.mark.parametrize("name", [NAME, None, PersonalText(STREAM, "another")])
def test_joining_again_changes_nothing(scenario: Any, name: PersonalText | None) -> None:
    scenario(Person).given(joined).when(lambda p, meta: p.join(LI, name, meta)).then()


# Appointing


def test_a_person_is_appointed_from_an_instant_on(scenario: Any) -> None:
    scenario(Person).given(joined).when(appointed(1)).then(
        scenario.event(
            Person.Appointed, number=1, role=Role.INVESTIGATOR, unit=NORTH, starts_at=day(1)
        )
    )


@pytest.mark.parametrize("begin", [-4000, 4000])
def test_an_appointment_may_begin_long_ago_or_in_the_future(scenario: Any, begin: int) -> None:
    scenario(Person).given(joined).when(appointed(begin, begin + 1)).then(
        scenario.event(
            Person.Appointed,
            number=1,
            role=Role.INVESTIGATOR,
            unit=NORTH,
            starts_at=day(begin),
            ends_at=day(begin + 1),
        )
    )


def test_nobody_is_appointed_who_did_not_join(scenario: Any) -> None:
    scenario(Person).when(appointed(1)).refused(WrongStateError("appoint", "unknown"))


@pytest.mark.parametrize("role", Role)
def test_only_roles_of_staff_are_given(scenario: Any, role: Role) -> None:
    story = scenario(Person).given(joined).when(appointed(1, role=role))

    if role in {Role.PARTNER, Role.CUSTOMER, Role.SYSTEM}:
        story.refused(InvalidValueError("role", Rule.NOT_IN_LIST, ", ".join(APPOINTABLE)))
    else:
        story.then(
            scenario.event(Person.Appointed, number=1, role=role, unit=NORTH, starts_at=day(1))
        )


@pytest.mark.parametrize("end", [1, 0, -9])
def test_an_appointment_ends_after_its_beginning(scenario: Any, end: int) -> None:
    scenario(Person).given(joined).when(appointed(1, end)).refused(
        InvalidValueError("endsAt", Rule.OUT_OF_RANGE, f"> {day(1).isoformat()}")
    )


@pytest.mark.parametrize(
    ("begin", "end"), [(3, 7), (3, None), (0, 4), (4, 5), (6, 9), (0, None), (0, 9), (6, None)]
)
def test_the_same_role_in_the_same_unit_is_held_once_at_a_time(
    scenario: Any, begin: int, end: int | None
) -> None:
    scenario(Person).given(joined, appointed(3, 7)).when(appointed(begin, end)).refused(
        AlreadyAppointedError(LI)
    )


@pytest.mark.parametrize(
    "step",
    [
        appointed(0, 3),
        appointed(7),
        appointed(3, 7, role=Role.FRONT_DESK),
        appointed(3, 7, unit=SOUTH),
    ],
    ids=["before", "after", "another role", "another unit"],
)
def test_what_does_not_overlap_is_another_appointment(scenario: Any, step: Step) -> None:
    person = Person(STREAM)
    for each in (joined, appointed(3, 7), step):
        each(person, scenario.meta())

    assert [a.number for a in person.appointments] == [1, 2]


def test_an_appointment_without_end_leaves_no_room_after_it(scenario: Any) -> None:
    scenario(Person).given(joined, appointed(3)).when(appointed(999)).refused(
        AlreadyAppointedError(LI)
    )


@pytest.mark.parametrize("field", ["startsAt", "endsAt"])
def test_a_local_time_is_no_instant(scenario: Any, field: str) -> None:
    begin = day(1).replace(tzinfo=None) if field == "startsAt" else day(1)
    end = day(2).replace(tzinfo=None)

    scenario(Person).given(joined).when(
        lambda p, meta: p.appoint(Role.FRONT_DESK, NORTH, begin, end, meta)
    ).refused(InvalidValueError(field, Rule.NO_TIME_ZONE))
    scenario(Person).given(joined, appointed(1)).when(
        lambda p, meta: p.end_appointment(1, end, meta)
    ).refused(InvalidValueError("endsAt", Rule.NO_TIME_ZONE))


# Ending


def test_an_appointment_ends(scenario: Any) -> None:
    scenario(Person).given(joined, appointed(1), appointed(1, unit=SOUTH)).when(ended(2, 5)).then(
        scenario.event(Person.AppointmentEnded, number=2, ends_at=day(5))
    )


def test_a_known_end_is_brought_forward(scenario: Any) -> None:
    scenario(Person).given(joined, appointed(1, 9)).when(ended(1, 5)).then(
        scenario.event(Person.AppointmentEnded, number=1, ends_at=day(5))
    )


def test_the_end_that_is_known_changes_nothing(scenario: Any) -> None:
    there = day(9).astimezone(ZoneInfo("Asia/Shanghai"))

    scenario(Person).given(joined, appointed(1, 9)).when(ended(1, 9)).then()
    scenario(Person).given(joined, appointed(1, 9)).when(
        lambda p, meta: p.end_appointment(1, there, meta)
    ).then()


def test_a_known_end_is_not_put_off(scenario: Any) -> None:
    scenario(Person).given(joined, appointed(1, 9), ended(1, 5)).when(ended(1, 9)).refused(
        InvalidValueError("endsAt", Rule.OUT_OF_RANGE, f"≤ {day(5).isoformat()}")
    )


def test_nothing_ends_before_it_begins(scenario: Any) -> None:
    scenario(Person).given(joined, appointed(1)).when(ended(1, 0)).refused(
        InvalidValueError("endsAt", Rule.BEFORE, day(1).isoformat())
    )


@pytest.mark.parametrize("number", [0, 2, -1])
def test_an_appointment_that_there_is_not_does_not_end(scenario: Any, number: int) -> None:
    scenario(Person).given(joined, appointed(1)).when(ended(number, 5)).refused(
        NotFoundError("appointment", f"{LI}/{number}")
    )


def test_an_end_at_the_beginning_revokes_the_appointment(scenario: Any) -> None:
    person = Person(STREAM)
    for step in (joined, appointed(5), ended(1, 5)):
        step(person, scenario.meta())
    assert not person.holds_role_at(day(5))

    appointed(1, 9)(person, scenario.meta())  # what never was in force is in nobody's way

    assert person.holds_role_at(day(5))


# Who held which role


def test_a_role_is_held_from_its_beginning_until_the_instant_of_its_end(scenario: Any) -> None:
    person = Person(STREAM)
    assert not person.holds_role_at(day(1))
    for step in (joined, appointed(1, 3), appointed(2, role=Role.FRONT_DESK, unit=SOUTH)):
        step(person, scenario.meta())

    assert [sorted(role for role, _ in person.roles_at(day(n))) for n in range(4)] == [
        [],
        [Role.INVESTIGATOR],
        [Role.FRONT_DESK, Role.INVESTIGATOR],
        [Role.FRONT_DESK],
    ]
    assert person.holds_role_at(day(2), {Role.FRONT_DESK}, SOUTH)
    assert not person.holds_role_at(day(2), {Role.FRONT_DESK}, NORTH)
    assert not person.holds_role_at(day(2), {Role.AUDITOR})
    assert not person.holds_role_at(day(2), ())
    assert person.holds_role_at(day(2), unit=NORTH)
    assert not person.holds_role_at(day(3), unit=NORTH)


days = st.integers(0, 8)
units = st.sampled_from([NORTH, SOUTH])
roles = st.sampled_from([Role.INVESTIGATOR, Role.FRONT_DESK])
commands = st.one_of(
    st.builds(appointed, days, st.one_of(st.none(), days), roles, units),
    st.builds(ended, st.integers(1, 4), days),
)


@st.composite
def people(draw: st.DrawFn) -> list[Step]:
    return [joined, *draw(st.lists(commands, max_size=12))]


def lived(steps: list[Step], meta: Metadata) -> Person:
    person = Person(STREAM)
    for step in steps:
        try:
            step(person, meta)
        except DomainError:
            continue
    return person


def intervals(person: Person) -> dict[int, list[Any]]:
    """Tell from the events alone who was appointed from when until when."""
    found: dict[int, list[Any]] = {}
    for event in person.collect_events():
        if isinstance(event, Person.Appointed):
            found[event.number] = [event.role, event.unit, event.starts_at, event.ends_at]
        elif isinstance(event, Person.AppointmentEnded):
            found[event.number][3] = event.ends_at
    return found


@given(
    people(),
    st.integers(-1, 18),
    st.one_of(st.none(), st.sets(roles)),
    st.one_of(st.none(), units),
)
def test_who_holds_a_role_is_a_matter_of_intervals(
    scenario: Any, steps: list[Step], half_days: int, asked: set[Role] | None, unit: UUID | None
) -> None:
    at = DAY + timedelta(hours=12 * half_days)
    person = lived(steps, scenario.meta())

    naive = any(
        (asked is None or role in asked)
        and (unit is None or where == unit)
        and begin <= at
        and (end is None or at < end)
        for role, where, begin, end in intervals(person).values()
    )

    assert person.holds_role_at(at, asked, unit) is naive


@given(people())
def test_nobody_ever_holds_the_same_role_in_the_same_unit_twice(
    scenario: Any, steps: list[Step]
) -> None:
    appointments = intervals(lived(steps, scenario.meta())).values()
    instants = [DAY + timedelta(hours=12 * n) for n in range(-1, 19)]

    for one, other in combinations(appointments, 2):
        if one[:2] == other[:2]:
            assert not [
                at
                for at in instants
                if all(a[2] <= at and (a[3] is None or at < a[3]) for a in (one, other))
            ]


@given(days, days, st.one_of(st.none(), days), st.one_of(st.none(), days))
def test_overlapping_is_mutual_and_means_an_instant_in_common(
    begin: int, other_begin: int, end: int | None, other_end: int | None
) -> None:
    one, other = (
        Appointment(1, Role.AUDITOR, NORTH, day(b), None if e is None else day(e))
        for b, e in ((begin, end), (other_begin, other_end))
    )
    instants = [day(n) for n in range(10)]

    common = any(one.in_force_at(at) and other.in_force_at(at) for at in instants)

    assert one.overlaps(other) is other.overlaps(one) is common
