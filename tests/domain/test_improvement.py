"""Improvement actions: raised by a closed complaint, tracked until they are done."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from domain.errors import InvalidValueError, Rule, WrongStateError
from domain.improvement import IMPROVEMENT_ALLOWED_IN, ImprovementAction, ImprovementState
from domain.metadata import Metadata
from domain.roles import PersonId
from tests.domain.conftest import META

Step = Callable[[ImprovementAction, Metadata], None]
STREAM = UUID(int=1)
NOW = META.occurred_at
INSTANT = timedelta(microseconds=1)
DUE = NOW + timedelta(days=30)
OWNER, SUCCESSOR = PersonId("head-1"), PersonId("head-2")
RAISED: dict[str, Any] = {
    "department": "north",
    "owner": OWNER,
    "due_at": DUE,
    "task": "label fragile parcels at pick-up",
}
REASON_REQUIRED = InvalidValueError("reason", Rule.REQUIRED)


def raises(**said: Any) -> Step:
    return lambda action, meta: action.raise_for(UUID(int=3), meta=meta, **RAISED | said)


def reschedules(due_at: Any) -> Step:
    return lambda action, meta: action.reschedule(due_at, meta)


def hands_over(owner: PersonId) -> Step:
    return lambda action, meta: action.hand_over(owner, meta)


def note_progress(action: ImprovementAction, meta: Metadata) -> None:
    action.note_progress("labels are ordered", meta)


def complete(action: ImprovementAction, meta: Metadata) -> None:
    action.complete("every parcel has its label", meta)


def cancel(action: ImprovementAction, meta: Metadata) -> None:
    action.cancel(meta)


def cancel_for_a_reason(action: ImprovementAction, meta: Metadata) -> None:
    action.cancel(replace(meta, reason="no such parcels"))


raise_it = raises()
COMMANDS: dict[str, Step] = {
    "raise": raise_it,
    "note_progress": note_progress,
    "reschedule": reschedules(DUE + timedelta(days=7)),
    "hand_over": hands_over(SUCCESSOR),
    "complete": complete,
    "cancel": cancel,
}
PATHS: dict[str, tuple[Step, ...]] = {
    "blank": (),
    "open": (raise_it,),
    "done": (raise_it, complete),
    "cancelled": (raise_it, cancel_for_a_reason),
}

# What the specification allows, written down independently of the code.
TABLE = """
            raise  note_progress  reschedule  hand_over  complete  cancel
blank       yes    -              -           -          -         -
open        -      yes            yes         yes        yes       yes
done        -      -              -           -          -         -
cancelled   -      -              -           -          -         -
"""
_HEAD, *_ROWS = [line.split() for line in TABLE.strip().splitlines()]
CELLS = {
    (state, command): mark == "yes"
    for state, *marks in _ROWS
    for command, mark in zip(_HEAD, marks, strict=True)
}


def test_the_table_has_a_cell_for_every_state_and_command() -> None:
    assert set(CELLS) == {(s.value, c) for s in ImprovementState for c in IMPROVEMENT_ALLOWED_IN}
    assert set(COMMANDS) == set(IMPROVEMENT_ALLOWED_IN)
    assert set(PATHS) == set(ImprovementState)


@pytest.mark.parametrize("state", PATHS)
def test_the_paths_of_the_table_lead_where_they_say(scenario: Any, state: str) -> None:
    action = ImprovementAction(STREAM)
    for step in PATHS[state]:
        step(action, scenario.meta())

    assert action.state == state


@pytest.mark.parametrize(("state", "command"), CELLS)
def test_a_command_is_carried_out_in_its_states_and_refused_in_all_others(
    scenario: Any, state: str, command: str
) -> None:
    if not CELLS[state, command]:
        scenario(ImprovementAction).given(*PATHS[state]).when(
            COMMANDS[command], reason="a reason"
        ).refused(WrongStateError(command, state))
        return
    action = ImprovementAction(STREAM)
    for step in PATHS[state]:
        step(action, scenario.meta())
    action.collect_events()

    COMMANDS[command](action, scenario.meta(reason="a reason"))

    assert len(action.collect_events()) == 1


def test_an_action_has_a_department_an_owner_a_due_date_and_a_task(scenario: Any) -> None:
    scenario(ImprovementAction).when(raise_it).then(
        scenario.event(ImprovementAction.Raised, complaint=UUID(int=3), **RAISED)
    )


@pytest.mark.parametrize("due_at", [NOW - timedelta(days=1), NOW])
def test_an_action_is_due_after_it_was_raised(scenario: Any, due_at: object) -> None:
    scenario(ImprovementAction).when(raises(due_at=due_at)).refused(
        InvalidValueError("dueAt", Rule.BEFORE, NOW.isoformat())
    )


def test_an_action_may_be_due_the_next_instant(scenario: Any) -> None:
    soon = RAISED | {"due_at": NOW + INSTANT}

    scenario(ImprovementAction).when(raises(**soon)).then(
        scenario.event(ImprovementAction.Raised, complaint=UUID(int=3), **soon)
    )


@pytest.mark.parametrize("given", [(), (raise_it,)])
def test_a_due_date_is_an_instant(scenario: Any, given: tuple[Step, ...]) -> None:
    naive = DUE.replace(tzinfo=None)
    step = reschedules(naive) if given else raises(due_at=naive)

    scenario(ImprovementAction).given(*given).when(step, reason="a reason").refused(
        InvalidValueError("dueAt", Rule.NO_TIME_ZONE)
    )


@pytest.mark.parametrize("command", sorted(set(COMMANDS) - {"raise"}))
def test_nothing_happens_to_an_action_before_it_was_raised(scenario: Any, command: str) -> None:
    scenario(ImprovementAction).given(raise_it).when(
        COMMANDS[command], occurred_at=NOW - INSTANT, reason="a reason"
    ).refused(InvalidValueError("occurredAt", Rule.BEFORE, NOW.isoformat()))


def test_what_was_done_is_noted(scenario: Any) -> None:
    scenario(ImprovementAction).given(raise_it, note_progress).when(note_progress).then(
        scenario.event(ImprovementAction.ProgressNoted, progress="labels are ordered")
    )


@pytest.mark.parametrize("due_at", [DUE - timedelta(days=7), DUE + timedelta(days=7)])
def test_the_due_date_is_moved_for_a_reason(scenario: Any, due_at: object) -> None:
    scenario(ImprovementAction).given(raise_it).when(
        reschedules(due_at), reason="the labels are late"
    ).then(
        scenario.event(
            ImprovementAction.Rescheduled,
            due_at=due_at,
            meta=scenario.meta(reason="the labels are late"),
        )
    )
    scenario(ImprovementAction).given(raise_it).when(reschedules(due_at)).refused(REASON_REQUIRED)


@pytest.mark.parametrize("due_at", [NOW - timedelta(days=1), NOW])
def test_the_due_date_is_never_moved_into_the_past(scenario: Any, due_at: object) -> None:
    scenario(ImprovementAction).given(raise_it).when(
        reschedules(due_at), reason="a reason"
    ).refused(InvalidValueError("dueAt", Rule.BEFORE, NOW.isoformat()))


def test_the_same_due_date_again_changes_nothing(scenario: Any) -> None:
    scenario(ImprovementAction).given(raise_it).when(reschedules(DUE), reason="a reason").then()


def test_another_person_takes_it_over(scenario: Any) -> None:
    scenario(ImprovementAction).given(raise_it).when(hands_over(SUCCESSOR)).then(
        scenario.event(ImprovementAction.HandedOver, owner=SUCCESSOR)
    )


def test_who_owns_it_already_takes_nothing_over(scenario: Any) -> None:
    scenario(ImprovementAction).given(raise_it).when(hands_over(OWNER)).then()
    scenario(ImprovementAction).given(raise_it, hands_over(SUCCESSOR)).when(hands_over(OWNER)).then(
        scenario.event(ImprovementAction.HandedOver, owner=OWNER)
    )


@pytest.mark.parametrize(("done_at", "late"), [(NOW, False), (DUE, False), (DUE + INSTANT, True)])
def test_an_action_is_done_late_after_its_due_date(
    scenario: Any, done_at: Any, late: object
) -> None:
    scenario(ImprovementAction).given(raise_it).when(complete, occurred_at=done_at).then(
        scenario.event(
            ImprovementAction.Completed,
            result="every parcel has its label",
            late=late,
            meta=scenario.meta(occurred_at=done_at),
        )
    )


def test_whether_it_is_late_follows_the_latest_due_date(scenario: Any) -> None:
    action = ImprovementAction(STREAM)
    raise_it(action, scenario.meta())
    action.reschedule(DUE + timedelta(days=7), scenario.meta(reason="the labels are late"))
    action.collect_events()

    complete(action, scenario.meta(occurred_at=DUE + timedelta(days=7)))

    (completed,) = action.collect_events()
    assert isinstance(completed, ImprovementAction.Completed)
    assert not completed.late


def test_an_action_is_given_up_only_for_a_reason(scenario: Any) -> None:
    scenario(ImprovementAction).given(raise_it).when(cancel).refused(REASON_REQUIRED)
    scenario(ImprovementAction).given(raise_it).when(cancel, reason="no such parcels").then(
        scenario.event(ImprovementAction.Cancelled, meta=scenario.meta(reason="no such parcels"))
    )
