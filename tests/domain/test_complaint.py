from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from domain.categories import Category
from domain.complaint import Complaint
from domain.complaint_life import ALLOWED_IN, ComplaintState
from domain.complaint_words import Channel, Severity
from domain.errors import AlreadyRatedError, ConflictOfInterestError, WrongStateError
from domain.identifiers import Waybill
from domain.metadata import Metadata
from domain.personal import PersonalText
from domain.rating import Rated, Score
from domain.roles import PersonId

STREAM = UUID(int=1)
CUSTOMER = UUID(int=7)
ACCUSED = PersonId("courier-7")
TEXT = PersonalText(CUSTOMER, "the parcel never came")
Step = Callable[[Complaint, Metadata], None]

RECEIVED: dict[str, Any] = {
    "number": "C-2026-000001",
    "channel": Channel.PHONE,
    "category": Category.DELAY,
    "severity": Severity.GENERAL,
    "urgent": False,
    "customer": CUSTOMER,
    "complainant": TEXT,
    "subject": TEXT,
    "facts": TEXT,
    "accused": ACCUSED,
}


def receive(complaint: Complaint, meta: Metadata) -> None:
    complaint.receive(meta, **RECEIVED)


def decline(complaint: Complaint, meta: Metadata) -> None:
    complaint.decline(TEXT, meta)


def assign(complaint: Complaint, meta: Metadata) -> None:
    complaint.assign("north", PersonId("agent-2"), meta)


def answer(complaint: Complaint, meta: Metadata) -> None:
    complaint.answer(TEXT, meta)


def rate(complaint: Complaint, meta: Metadata) -> None:
    complaint.rate(Score(4), None, meta)


register, close = Complaint.register, Complaint.close

COMMANDS: dict[str, Step] = {
    "receive": receive,
    "register": register,
    "decline": decline,
    "assign": assign,
    "answer": answer,
    "close": close,
    "rate": rate,
}

PATHS: dict[str, tuple[Step, ...]] = {
    "blank": (),
    "received": (receive,),
    "registered": (receive, register),
    "declined": (receive, decline),
    "assigned": (receive, register, assign),
    "answered": (receive, register, assign, answer),
    "closed": (receive, register, assign, answer, close),
}

# What the specification allows, written down independently of the code.
STATE_TABLE = """
            receive register decline assign answer close rate
blank       yes     -        -       -      -      -     -
received    -       yes      yes     -      yes    -     -
registered  -       -        -       yes    yes    -     -
declined    -       -        -       -      -      -     -
assigned    -       -        -       yes    yes    -     -
answered    -       -        -       -      -      yes   -
closed      -       -        -       -      -      -     yes
"""
_HEAD, *_ROWS = [line.split() for line in STATE_TABLE.strip().splitlines()]
CELLS = {
    (state, command): mark == "yes"
    for state, *marks in _ROWS
    for command, mark in zip(_HEAD, marks, strict=True)
}


def test_the_state_table_has_a_cell_for_every_state_and_command() -> None:
    states = {state.value for state in ComplaintState}

    assert set(CELLS) == {(state, command) for state in states for command in ALLOWED_IN}
    assert set(COMMANDS) == set(ALLOWED_IN)
    assert set(PATHS) == states


@pytest.mark.parametrize("state", PATHS)
def test_the_paths_of_the_state_table_lead_where_they_say(scenario: Any, state: str) -> None:
    complaint = Complaint(STREAM)
    for step in PATHS[state]:
        step(complaint, scenario.meta())

    assert complaint.state == state


@pytest.mark.parametrize(("state", "command"), CELLS)
def test_a_command_is_carried_out_in_its_states_and_refused_in_all_others(
    scenario: Any, state: str, command: str
) -> None:
    if CELLS[state, command]:
        complaint = Complaint(STREAM)
        for step in (*PATHS[state], COMMANDS[command]):
            step(complaint, scenario.meta())
        assert len(complaint.collect_events()) == len(PATHS[state]) + 1
    else:
        scenario(Complaint).given(*PATHS[state]).when(COMMANDS[command]).refused(
            WrongStateError(command, state)
        )


def test_what_is_received_is_recorded_as_it_was_said(scenario: Any) -> None:
    said = RECEIVED | {
        "contact": TEXT,
        "request": TEXT,
        "waybill": Waybill("SF1234567890"),
        "shipment": UUID(int=9),
        "region": "east",
        "outlet": "outlet-3",
        "partner": "shop",
        "partner_reference": "A-1",
        "urgent": True,
    }

    scenario(Complaint).when(lambda c, meta: c.receive(meta, **said)).then(
        scenario.event(Complaint.Received, **said)
    )


def test_screening_opens_the_case(scenario: Any) -> None:
    scenario(Complaint).given(receive).when(register).then(scenario.event(Complaint.Registered))


def test_screening_declines_with_an_explanation(scenario: Any) -> None:
    scenario(Complaint).given(receive).when(decline).then(
        scenario.event(Complaint.Declined, explanation=TEXT)
    )


def test_a_case_goes_to_a_department_and_perhaps_a_person(scenario: Any) -> None:
    scenario(Complaint).given(receive, register).when(
        lambda c, meta: c.assign("north", None, meta)
    ).then(scenario.event(Complaint.Assigned, department="north", handler=None))


def test_a_case_can_be_assigned_again(scenario: Any) -> None:
    scenario(Complaint).given(receive, register, assign).when(
        lambda c, meta: c.assign("south", PersonId("agent-3"), meta)
    ).then(scenario.event(Complaint.Assigned, department="south", handler="agent-3"))


@pytest.mark.parametrize("before", [(receive, register), (receive, register, assign)])
def test_the_person_complained_about_is_never_the_handler(
    scenario: Any, before: tuple[Step, ...]
) -> None:
    scenario(Complaint).given(*before).when(
        lambda c, meta: c.assign("north", ACCUSED, meta)
    ).refused(ConflictOfInterestError(ACCUSED))


@pytest.mark.parametrize("before", [(receive,), (receive, register), (receive, register, assign)])
def test_the_person_complained_about_never_answers(scenario: Any, before: tuple[Step, ...]) -> None:
    scenario(Complaint).given(*before).when(answer, actor=ACCUSED).refused(
        ConflictOfInterestError(ACCUSED)
    )


def test_where_nobody_is_accused_anybody_may_handle(scenario: Any) -> None:
    scenario(Complaint).given(
        lambda c, meta: c.receive(meta, **RECEIVED | {"accused": None}), register
    ).when(lambda c, meta: c.assign("north", ACCUSED, meta)).then(
        scenario.event(Complaint.Assigned, department="north", handler=ACCUSED)
    )


@pytest.mark.parametrize(
    ("before", "first_contact"),
    [
        ((receive,), True),
        ((receive, register), True),
        ((receive, register, assign), False),
        ((receive, register, assign, assign), False),
    ],
)
def test_an_answer_before_any_assignment_is_a_first_contact_resolution(
    scenario: Any, before: tuple[Step, ...], first_contact: object
) -> None:
    scenario(Complaint).given(*before).when(answer).then(
        scenario.event(Complaint.Answered, answer=TEXT, first_contact=first_contact)
    )


def test_an_answered_case_is_closed(scenario: Any) -> None:
    scenario(Complaint).given(receive, answer).when(close).then(scenario.event(Complaint.Closed))


def test_the_customer_rates_the_handling_of_a_closed_case(scenario: Any) -> None:
    scenario(Complaint).given(*PATHS["closed"]).when(
        lambda c, meta: c.rate(Score(2), TEXT, meta)
    ).then(scenario.event(Complaint.HandlingRated, score=2, comment=TEXT))


def test_the_handling_is_rated_once(scenario: Any) -> None:
    scenario(Complaint).given(*PATHS["closed"], rate).when(rate).refused(AlreadyRatedError(STREAM))


def test_a_new_closing_may_be_rated_again(scenario: Any) -> None:
    complaint = Complaint(STREAM)
    for step in (*PATHS["closed"], rate):
        step(complaint, scenario.meta())
    complaint._closed(meta=scenario.meta())

    rate(complaint, scenario.meta())

    assert complaint.rated


def test_a_rating_of_the_handling_carries_the_marker_of_ratings(scenario: Any) -> None:
    assert isinstance(scenario.event(Complaint.HandlingRated, score=Score(5)), Rated)


def test_the_circumstances_of_the_command_are_those_of_the_event(scenario: Any) -> None:
    scenario(Complaint).given(receive).when(register, actor="agent-9", reason="clear case").then(
        scenario.event(
            Complaint.Registered, meta=scenario.meta(actor="agent-9", reason="clear case")
        )
    )
