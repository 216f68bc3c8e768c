"""The life cycle, cell by cell: which command fits which state, and which rule refuses the rest."""

from typing import Any, Final

import pytest

from domain.complaint import Complaint
from domain.complaint_life import ALLOWED_IN, OPEN, ComplaintState, LifeCycleRule, refusing_rule
from domain.errors import DomainError, MergedCaseError, MergeTargetEndedError, WrongStateError
from tests.domain.complaint_steps import (
    CASE,
    COMMANDS,
    OTHER,
    UNINVOLVED,
    WAYS,
    tried_everywhere,
    way_to,
)
from tests.domain.conftest import state_of

# What the specification says, written down independently of the code: + is allowed, a letter names
# the rule that refuses.
LEGEND: Final = {
    "n": LifeCycleRule.NOT_RECEIVED,
    "1": LifeCycleRule.RECEIVED_ONCE,
    "o": LifeCycleRule.ORDER,
    "w": LifeCycleRule.WAITING,
    "r": LifeCycleRule.NOT_WAITING,
    "c": LifeCycleRule.CLOSED,
    "k": LifeCycleRule.NOT_CLOSED,
    "e": LifeCycleRule.ENDED,
    "m": LifeCycleRule.MERGED,
}
STATES: Final = """
blank received registered declined assigned investigating proposed agreed answered remedied
followed_up waiting closed withdrawn merged
"""
TABLE: Final = """
                       bla rec reg dec ass inv pro agr ans rem fol wai clo wit mer
receive                 +   1   1   1   1   1   1   1   1   1   1   1   1   1   1
register                n   +   o   e   o   o   o   o   o   o   o   w   c   e   m
decline                 n   +   o   e   o   o   o   o   o   o   o   w   c   e   m
assign                  n   o   +   e   +   +   +   +   +   +   +   +   c   e   m
start_investigation     n   o   o   e   +   o   o   o   o   o   o   w   c   e   m
record_investigation    n   o   o   e   o   +   o   o   o   o   o   w   c   e   m
propose_resolution      n   o   o   e   o   +   +   o   o   o   o   w   c   e   m
agree_resolution        n   o   o   e   o   o   +   o   +   o   +   w   c   e   m
reject_resolution       n   o   o   e   o   o   +   o   o   o   o   w   c   e   m
answer                  n   +   +   e   +   +   +   +   o   o   o   w   c   e   m
carry_out_remedy        n   o   o   e   o   o   o   o   +   o   +   w   c   e   m
follow_up               n   o   o   e   o   o   o   o   +   +   +   w   c   e   m
close                   n   o   o   e   o   o   o   o   +   o   +   w   c   e   m
rate                    n   k   k   e   k   k   k   k   k   k   k   k   +   e   m
reopen                  n   k   k   e   k   k   k   k   k   k   k   k   +   e   m
dispute                 n   o   o   e   o   o   o   o   +   +   +   w   c   e   m
wait_for_customer       n   o   +   e   +   +   +   +   +   +   +   w   c   e   m
resume                  n   r   r   e   r   r   r   r   r   r   r   +   c   e   m
withdraw                n   +   +   e   +   +   +   +   +   +   +   +   c   e   m
merge                   n   +   +   e   +   +   +   +   +   +   +   +   c   e   m
absorb                  n   +   +   e   +   +   +   +   +   +   +   +   c   e   m
add_evidence            n   +   +   e   +   +   +   +   +   +   +   +   c   e   m
supersede_evidence      n   +   +   e   +   +   +   +   +   +   +   +   c   e   m
link                    n   +   +   e   +   +   +   +   +   +   +   +   +   e   m
reclassify              n   +   +   e   +   +   +   +   +   +   +   +   c   e   m
reassess_severity       n   +   +   e   +   +   +   +   +   +   +   +   c   e   m
mark_urgency            n   +   +   e   +   +   +   +   +   +   +   +   c   e   m
name_accused            n   +   +   e   +   +   +   +   +   +   +   +   c   e   m
escalate                n   +   +   e   +   +   +   +   +   +   +   +   c   e   m
give_feedback           n   +   +   e   +   +   +   +   +   +   +   +   c   e   m
seek_compensation       n   +   +   e   +   +   +   +   +   +   +   +   c   e   m
settle_checklist_item   n   o   +   e   +   +   +   +   +   +   +   +   c   e   m
record_quality_step     n   o   +   e   +   +   +   +   +   +   +   +   c   e   m
raise_improvement       n   k   k   e   k   k   k   k   k   k   k   k   +   e   m
"""
_HEAD, *_ROWS = [line.split() for line in TABLE.strip().splitlines()]
CELLS: Final = {
    (state, command): mark
    for command, *marks in _ROWS
    for state, mark in zip(STATES.split(), marks, strict=True)
}
RECORDS_NOTHING: Final = {"raise_improvement"}
"""What a case only allows: the event is another aggregate's."""


def refusal_in(state: str, command: str) -> DomainError | None:
    """Return how the table refuses a command on the case of these tests."""
    mark = CELLS[state, command]
    if mark == "+":
        return None
    if command == "absorb":  # the refused one is the other complaint
        return MergeTargetEndedError(CASE, state)
    if mark == "m":
        return MergedCaseError(CASE, OTHER)
    return WrongStateError(command, state, LEGEND[mark])


def test_the_table_has_a_cell_for_every_state_and_command() -> None:
    assert [state[:3] for state in STATES.split()] == _HEAD
    assert STATES.split() == list(ComplaintState)
    assert [command for command, *_ in _ROWS] == list(COMMANDS)
    assert set(COMMANDS) == set(ALLOWED_IN)
    assert set(WAYS) == set(ComplaintState)
    assert set(LEGEND.values()) == set(LifeCycleRule)


@pytest.mark.parametrize("state", WAYS)
def test_the_ways_into_the_states_lead_where_they_say(scenario: Any, state: ComplaintState) -> None:
    complaint = Complaint(CASE)
    for step in WAYS[state]:
        step(complaint, scenario.meta())

    assert complaint.state is state


@pytest.mark.parametrize(("state", "command"), CELLS)
def test_a_command_is_carried_out_in_its_states_and_refused_by_a_named_rule_in_all_others(
    scenario: Any, state: str, command: str
) -> None:
    way, step = way_to(ComplaintState(state), command), COMMANDS[command]
    refusal = refusal_in(state, command)
    if refusal is not None:
        scenario(Complaint).given(*way).when(step, actor=UNINVOLVED, reason="a reason").refused(
            refusal
        )
        return
    complaint = Complaint(CASE)
    for earlier in way:
        earlier(complaint, scenario.meta())
    complaint.collect_events()

    step(complaint, scenario.meta(actor=UNINVOLVED, reason="a reason"))

    assert len(complaint.collect_events()) == (0 if command in RECORDS_NOTHING else 1)


@pytest.mark.parametrize(("state", "command"), CELLS)
def test_the_table_that_people_read_is_the_one_that_is_obeyed(state: str, command: str) -> None:
    assert refusing_rule(command, ComplaintState(state)) == LEGEND.get(CELLS[state, command])


def test_no_history_changes_what_the_life_cycle_says() -> None:
    by_life_cycle = (WrongStateError, MergedCaseError, MergeTargetEndedError)
    for tried in tried_everywhere():
        found = tried.refusal if isinstance(tried.refusal, by_life_cycle) else None
        assert found == refusal_in(tried.state, tried.command), tried


def test_every_allowed_cell_is_open_to_some_history() -> None:
    open_cells = {(t.state, t.command) for t in tried_everywhere() if t.refusal is None}

    assert open_cells == {cell for cell, mark in CELLS.items() if mark == "+"}


def test_every_state_is_reached_and_none_is_left_blank_again() -> None:
    reached = {t.next_state for t in tried_everywhere()} - {None}

    assert reached == set(ComplaintState) - {ComplaintState.BLANK}


def test_a_case_leaves_every_open_state_and_ends_for_good_in_the_others() -> None:
    left = {t.state for t in tried_everywhere() if t.next_state not in {None, t.state}}

    assert left == OPEN | {ComplaintState.BLANK, ComplaintState.CLOSED}


@pytest.mark.parametrize("state", sorted(set(ComplaintState) - OPEN))
def test_a_merge_that_the_other_complaint_refuses_changes_neither(
    scenario: Any, state: ComplaintState
) -> None:
    ended = Complaint(CASE)
    for step in WAYS[state]:
        step(ended, scenario.meta())
    before, version = state_of(ended), ended.version

    scenario(Complaint, OTHER).given(COMMANDS["receive"]).when(
        lambda duplicate, meta: duplicate.merge(ended, meta), reason="a duplicate"
    ).refused(MergeTargetEndedError(CASE, state))

    assert (state_of(ended), ended.version) == (before, version)
