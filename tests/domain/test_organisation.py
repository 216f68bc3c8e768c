from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import DomainError, InvalidValueError, Rule, WrongStateError
from domain.identifiers import NAMESPACE
from domain.metadata import Metadata
from domain.organisation import (
    HEAD_OFFICE,
    Unit,
    UnitFacts,
    UnitKey,
    UnitKind,
    UnitState,
    unit_id,
)

STREAM = UUID(int=1)
NORTH = UUID(int=11)
SOUTH = UUID(int=12)
DAY = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
BRANCH = UnitFacts(UnitKind.BRANCH, "east", "East branch", "华东分公司", NORTH, "Asia/Shanghai")
Step = Callable[[Unit, Metadata], None]


def founded(facts: UnitFacts = BRANCH) -> Step:
    return lambda unit, meta: unit.found(facts, meta)


def renamed(name_en: str, name_zh: str = "东部") -> Step:
    return lambda unit, meta: unit.rename(name_en, name_zh, meta)


def moved(parent: UUID) -> Step:
    return lambda unit, meta: unit.move(parent, meta)


def at(when: datetime, step: Step) -> Step:
    return lambda unit, meta: step(unit, replace(meta, occurred_at=when))


close = Unit.close

COMMANDS: dict[str, Step] = {
    "found": founded(),
    "found otherwise": founded(replace(BRANCH, name_en="Other")),
    "rename": renamed("The East"),
    "move": moved(SOUTH),
    "close": close,
}
PATHS: dict[str, tuple[Step, ...]] = {
    "not_founded": (),
    "in_operation": (founded(),),
    "shut_down": (founded(), close),
}

# What each command does in each state, written down independently of the code; "same": it is
# known already and changes nothing.
STATE_TABLE = """
              found  found_otherwise  rename  move   close
not_founded   yes    yes              -       -      -
in_operation  same   -                yes     yes    yes
shut_down     ended  ended            ended   ended  ended
"""
_HEAD, *_ROWS = [line.split() for line in STATE_TABLE.strip().splitlines()]
CELLS = {
    (state, command.replace("_", " ")): mark
    for state, *marks in _ROWS
    for command, mark in zip(_HEAD, marks, strict=True)
}


def test_the_state_table_has_a_cell_for_every_state_and_command() -> None:
    assert set(CELLS) == {(state.value, command) for state in UnitState for command in COMMANDS}
    assert set(PATHS) == {state.value for state in UnitState}


@pytest.mark.parametrize("state", PATHS)
def test_the_paths_of_the_state_table_lead_where_they_say(scenario: Any, state: str) -> None:
    unit = Unit(STREAM)
    for step in PATHS[state]:
        step(unit, scenario.meta())

    assert unit.state == state


@pytest.mark.parametrize(("state", "command"), CELLS)
def test_a_command_does_in_each_state_what_the_table_says(
    scenario: Any, state: str, command: str
) -> None:
    mark = CELLS[state, command]
    story = scenario(Unit).given(*PATHS[state]).when(COMMANDS[command])

    if mark == "yes":
        unit = Unit(STREAM)
        for step in (*PATHS[state], COMMANDS[command]):
            step(unit, scenario.meta())
        assert len(unit.collect_events()) == len(PATHS[state]) + 1
    elif mark == "same":
        story.then()
    else:
        rule = "ended" if mark == "ended" else "life_cycle"
        story.refused(WrongStateError(command.partition(" ")[0], state, rule=rule))


# Identity


def test_there_is_one_head_office_whatever_its_code() -> None:
    assert unit_id(UnitKind.HEAD_OFFICE, "hq") == unit_id(UnitKind.HEAD_OFFICE, "x") == HEAD_OFFICE
    assert uuid5(NAMESPACE, "unit:head_office") == HEAD_OFFICE


def test_every_other_unit_is_known_by_kind_and_code() -> None:
    kinds = [kind for kind in UnitKind if kind is not UnitKind.HEAD_OFFICE]

    ids = {unit_id(kind, code) for kind in kinds for code in ("east", "west")}

    assert len(ids) == 2 * len(kinds)
    assert unit_id(UnitKind.OUTLET, "东") == uuid5(NAMESPACE, "unit:outlet:东")
    assert UnitKey(UnitKind.OUTLET, "东").id == unit_id(UnitKind.OUTLET, "东")
    assert str(UnitKey(UnitKind.OUTLET, "东")) == "outlet:东"


# Rules


def test_a_unit_is_founded_with_all_that_is_known_of_it(scenario: Any) -> None:
    scenario(Unit).when(founded()).then(
        scenario.event(
            Unit.Founded,
            kind=UnitKind.BRANCH,
            code="east",
            name_en="East branch",
            name_zh="华东分公司",
            parent=NORTH,
            time_zone="Asia/Shanghai",
        )
    )


def test_founding_again_after_it_was_renamed_and_moved_changes_nothing(scenario: Any) -> None:
    scenario(Unit).given(founded(), renamed("The East"), moved(SOUTH)).when(
        founded(), occurred_at=DAY
    ).then()


def test_names_replace_each_other(scenario: Any) -> None:
    scenario(Unit).given(founded()).when(renamed("The East")).then(
        scenario.event(Unit.Renamed, name_en="The East", name_zh="东部")
    )


def test_the_names_that_a_unit_has_change_nothing(scenario: Any) -> None:
    scenario(Unit).given(founded(), renamed("The East")).when(renamed("The East")).then()
    scenario(Unit).given(founded()).when(renamed("East branch", "华东分公司")).then()


def test_a_unit_is_put_below_another_one(scenario: Any) -> None:
    scenario(Unit).given(founded()).when(moved(SOUTH)).then(
        scenario.event(Unit.Moved, parent=SOUTH)
    )


def test_the_place_that_a_unit_has_changes_nothing(scenario: Any) -> None:
    scenario(Unit).given(founded()).when(moved(NORTH)).then()


@pytest.mark.parametrize(
    ("given_", "step"),
    [
        ((), founded(replace(BRANCH, parent=STREAM))),
        ((founded(),), moved(STREAM)),
        ((), founded(replace(BRANCH, kind=UnitKind.HEAD_OFFICE))),
        ((founded(replace(BRANCH, kind=UnitKind.HEAD_OFFICE, parent=None)),), moved(NORTH)),
    ],
    ids=["founded below itself", "moved below itself", "head office", "moved head office"],
)
def test_no_unit_stands_below_itself_nor_the_head_office_below_any(
    scenario: Any, given_: tuple[Step, ...], step: Step
) -> None:
    scenario(Unit).given(*given_).when(step).refused(InvalidValueError("parent", Rule.CYCLE))


@pytest.mark.parametrize("step", [renamed("The East"), moved(SOUTH), close])
def test_nothing_happens_to_a_unit_before_it_is_founded(scenario: Any, step: Step) -> None:
    founding = scenario.meta().occurred_at

    scenario(Unit).given(founded()).when(step, occurred_at=founding - HOUR).refused(
        InvalidValueError("occurredAt", Rule.BEFORE, founding.isoformat())
    )


def test_names_and_places_each_follow_one_another_in_time(scenario: Any) -> None:
    later = DAY + 5 * HOUR
    story = (founded(), at(later, renamed("The East")))

    scenario(Unit).given(*story).when(renamed("Third"), occurred_at=DAY).refused(
        InvalidValueError("occurredAt", Rule.BEFORE, later.isoformat())
    )
    scenario(Unit).given(*story).when(close, occurred_at=DAY).refused(
        InvalidValueError("occurredAt", Rule.BEFORE, later.isoformat())
    )
    # A move that was reported late tells nothing of the names.
    scenario(Unit).given(*story).when(moved(SOUTH), occurred_at=DAY).then(
        scenario.event(Unit.Moved, parent=SOUTH, meta=scenario.meta(occurred_at=DAY))
    )


# Which units there are at a time


def test_a_unit_exists_from_its_founding_until_the_instant_of_its_closing(scenario: Any) -> None:
    unit = Unit(STREAM)
    assert not unit.open_at(DAY)
    unit.found(BRANCH, scenario.meta(occurred_at=DAY))
    unit.close(scenario.meta(occurred_at=DAY + 2 * HOUR))

    tick = timedelta(microseconds=1)
    assert [unit.open_at(DAY + d) for d in (-tick, 0 * tick, 2 * HOUR - tick, 2 * HOUR)] == [
        *(False, True),
        *(True, False),
    ]
    assert unit.open_at((DAY + HOUR).astimezone(ZoneInfo("Asia/Shanghai")))


steps = st.sampled_from(
    [founded(), renamed("The East"), renamed("West", "西部"), moved(SOUTH), moved(NORTH), close]
)
hours = st.integers(-3, 12)


@given(st.lists(st.tuples(hours, steps), max_size=10), hours)
def test_a_unit_is_open_exactly_between_what_its_events_say(
    scenario: Any, story: list[tuple[int, Step]], asked: int
) -> None:
    unit = Unit(STREAM)
    for hour, step in story:
        try:
            step(unit, scenario.meta(occurred_at=DAY + hour * HOUR))
        except DomainError:
            continue
    when = {type(e): e.meta.occurred_at for e in unit.collect_events()}
    never = datetime.max.replace(tzinfo=UTC)
    instant = DAY + asked * HOUR

    expected = when.get(Unit.Founded, never) <= instant < when.get(Unit.Closed, never)

    assert unit.open_at(instant) is expected
