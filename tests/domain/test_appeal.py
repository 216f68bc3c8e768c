"""Appeals: received from an authority, judged, settled, answered."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from domain.appeal import (
    APPEAL_ALLOWED_IN,
    OPEN_APPEALS,
    Appeal,
    AppealAuthority,
    AppealLiability,
    AppealState,
    appeal_id,
    appeal_number,
)
from domain.categories import Category
from domain.complaint_life import LifeCycleRule
from domain.complaint_words import Measure, RuleSource
from domain.errors import (
    AlreadyAppealedError,
    DomainError,
    InvalidValueError,
    Rule,
    WrongStateError,
)
from domain.metadata import Metadata
from domain.personal import PersonalText
from tests.domain.conftest import META

Step = Callable[[Appeal, Metadata], None]
STREAM = UUID(int=1)
CUSTOMER = UUID(int=7)
NOW = META.occurred_at
INSTANT = timedelta(microseconds=1)
TEXT = PersonalText(CUSTOMER, "the parcel never came")
RECEIVED: dict[str, Any] = {
    "number": "S-2026-000012",
    "complaint": UUID(int=3),
    "customer": CUSTOMER,
    "authority": AppealAuthority.HOTLINE_12305,
    "reference": "2026-0042",
    "cause": Category.LOSS,
    "facts": TEXT,
    "department": "hub",
    "region": "east",
    "outlet": "lake",
    "partner": "shop",
}
DETERMINED: dict[str, Any] = {
    "liability": AppealLiability.COMPANY,
    "department": "line",
    "rule_source": RuleSource.LAW,
    "rule": "art. 27",
}


def receive(appeal: Appeal, meta: Metadata) -> None:
    appeal.receive(meta, **RECEIVED)


def finds(*, valid: bool) -> Step:
    return lambda appeal, meta: appeal.record_finding(TEXT, valid=valid, meta=meta)


def determines(**said: Any) -> Step:
    return lambda appeal, meta: appeal.determine_liability(meta=meta, **DETERMINED | said)


def settles(*measures: Measure, note: PersonalText | None = None) -> Step:
    return lambda appeal, meta: appeal.settle(measures, note, meta)


def answer(appeal: Appeal, meta: Metadata) -> None:
    appeal.answer(TEXT, meta)


def withdraw(appeal: Appeal, meta: Metadata) -> None:
    appeal.withdraw(meta)


find_valid, find_not_valid = finds(valid=True), finds(valid=False)
determine, settle = determines(), settles(Measure.APOLOGY)

COMMANDS: dict[str, Step] = {
    "receive": receive,
    "record_finding": find_valid,
    "determine_liability": determine,
    "settle": settle,
    "answer": answer,
    "withdraw": withdraw,
}
PATHS: dict[str, tuple[Step, ...]] = {
    "blank": (),
    "received": (receive,),
    "found_valid": (receive, find_valid),
    "found_not_valid": (receive, find_not_valid),
    "liability_determined": (receive, find_valid, determine),
    "settled": (receive, find_valid, determine, settle),
    "answered": (receive, find_not_valid, answer),
    "withdrawn": (receive, withdraw),
}

# What the specification allows, written down independently of the code; and why else not.
TABLE = """
                      receive  record_finding  determine_liability  settle  answer  withdraw
blank                 yes      blank           blank                blank   blank   blank
received              once     yes             order                order   order   yes
found_valid           once     order           yes                  order   order   yes
found_not_valid       once     order           order                order   yes     yes
liability_determined  once     order           order                yes     order   yes
settled               once     order           order                order   yes     yes
answered              once     ended           ended                ended   ended   ended
withdrawn             once     ended           ended                ended   ended   ended
"""
RULES = {
    "blank": LifeCycleRule.NOT_RECEIVED,
    "order": LifeCycleRule.ORDER,
    "ended": LifeCycleRule.ENDED,
}
_HEAD, *_ROWS = [line.split() for line in TABLE.strip().splitlines()]
CELLS = {
    (state, command): mark
    for state, *marks in _ROWS
    for command, mark in zip(_HEAD, marks, strict=True)
}


def refusal_of(state: str, command: str) -> DomainError:
    mark = CELLS[state, command]
    if mark == "once":
        return AlreadyAppealedError(STREAM)
    return WrongStateError(command, state, RULES[mark])


def test_the_table_has_a_cell_for_every_state_and_command() -> None:
    assert set(CELLS) == {(s.value, c) for s in AppealState for c in APPEAL_ALLOWED_IN}
    assert set(COMMANDS) == set(APPEAL_ALLOWED_IN)
    assert set(PATHS) == set(AppealState)


def test_an_appeal_is_open_as_long_as_its_customer_may_withdraw_it() -> None:
    assert {s for s in AppealState if CELLS[s, "withdraw"] == "yes"} == OPEN_APPEALS


@pytest.mark.parametrize("state", PATHS)
def test_the_paths_of_the_table_lead_where_they_say(scenario: Any, state: str) -> None:
    appeal = Appeal(STREAM)
    for step in PATHS[state]:
        step(appeal, scenario.meta())

    assert appeal.state == state


@pytest.mark.parametrize(("state", "command"), CELLS)
def test_a_command_is_carried_out_in_its_states_and_refused_in_all_others(
    scenario: Any, state: str, command: str
) -> None:
    if CELLS[state, command] != "yes":
        scenario(Appeal).given(*PATHS[state]).when(COMMANDS[command]).refused(
            refusal_of(state, command)
        )
        return
    appeal = Appeal(STREAM)
    for step in PATHS[state]:
        step(appeal, scenario.meta())
    appeal.collect_events()

    COMMANDS[command](appeal, scenario.meta())

    assert len(appeal.collect_events()) == 1


def test_an_appeal_names_its_complaint_its_authority_and_its_cause(scenario: Any) -> None:
    scenario(Appeal).when(receive).then(scenario.event(Appeal.Received, **RECEIVED))


def test_an_appeal_belongs_where_its_complaint_does(scenario: Any) -> None:
    appeal = Appeal(STREAM)

    receive(appeal, scenario.meta())

    assert (appeal.department, appeal.region, appeal.outlet) == ("hub", "east", "lake")
    assert (appeal.complaint, appeal.customer) == (UUID(int=3), CUSTOMER)


@pytest.mark.parametrize("valid", [True, False])
def test_a_finding_says_whether_the_appeal_is_valid_and_why(scenario: Any, valid: bool) -> None:
    scenario(Appeal).given(receive).when(finds(valid=valid)).then(
        scenario.event(Appeal.FindingRecorded, valid=valid, finding=TEXT)
    )


def test_liability_follows_a_named_rule_and_the_responsible_department_takes_over(
    scenario: Any,
) -> None:
    scenario(Appeal).given(receive, find_valid).when(determine).then(
        scenario.event(Appeal.LiabilityDetermined, **DETERMINED)
    )
    appeal = Appeal(STREAM)
    for step in PATHS["liability_determined"]:
        step(appeal, scenario.meta())
    assert (appeal.department, appeal.region) == ("line", "east")


@pytest.mark.parametrize("liability", AppealLiability)
def test_without_a_responsible_department_the_appeal_stays_where_it_is(
    scenario: Any, liability: AppealLiability
) -> None:
    appeal = Appeal(STREAM)
    steps = (receive, find_valid, determines(liability=liability, department=None))
    for step in steps:
        step(appeal, scenario.meta())

    assert appeal.department == "hub"
    assert appeal.state is AppealState.LIABILITY_DETERMINED


def test_a_settlement_names_each_measure_once(scenario: Any) -> None:
    twice = (Measure.APOLOGY, Measure.COMPENSATION, Measure.APOLOGY)

    scenario(Appeal).given(*PATHS["liability_determined"]).when(settles(*twice, note=TEXT)).then(
        scenario.event(Appeal.Settled, measures=(Measure.APOLOGY, Measure.COMPENSATION), note=TEXT)
    )


def test_a_settlement_names_a_measure(scenario: Any) -> None:
    scenario(Appeal).given(*PATHS["liability_determined"]).when(settles()).refused(
        InvalidValueError("measures", Rule.REQUIRED)
    )


@pytest.mark.parametrize("state", ["found_not_valid", "settled"])
def test_the_authority_is_told_the_outcome(scenario: Any, state: str) -> None:
    scenario(Appeal).given(*PATHS[state]).when(answer).then(
        scenario.event(Appeal.Answered, answer=TEXT)
    )


@pytest.mark.parametrize("state", sorted(OPEN_APPEALS))
def test_the_customer_withdraws_an_appeal_until_it_is_answered(scenario: Any, state: str) -> None:
    scenario(Appeal).given(*PATHS[state]).when(withdraw, reason="agreed").then(
        scenario.event(Appeal.Withdrawn, meta=scenario.meta(reason="agreed"))
    )


@pytest.mark.parametrize(
    ("state", "command"),
    [cell for cell, mark in CELLS.items() if mark == "yes" and cell[0] != "blank"],
)
def test_nothing_happens_to_an_appeal_before_it_was_received(
    scenario: Any, state: str, command: str
) -> None:
    scenario(Appeal).given(*PATHS[state]).when(
        COMMANDS[command], occurred_at=NOW - INSTANT
    ).refused(InvalidValueError("occurredAt", Rule.BEFORE, NOW.isoformat()))
    appeal = Appeal(STREAM)
    for step in (*PATHS[state], COMMANDS[command]):
        step(appeal, scenario.meta())
    assert appeal.pending_events


def test_an_authority_knows_one_appeal_by_a_reference_however_it_is_written() -> None:
    hotline, regulator = AppealAuthority.HOTLINE_12305, AppealAuthority.POSTAL_REGULATOR

    assert appeal_id(hotline, "Ab-7") == appeal_id(hotline, "aB-7")
    ids = {appeal_id(hotline, "a-7"), appeal_id(hotline, "a-8"), appeal_id(regulator, "a-7")}
    assert len(ids) == 3
    # An id never changes: the appeals that are stored have theirs.
    assert appeal_id(hotline, "2026-0042") == UUID("2f1693a8-0e08-5417-8485-b0de94988113")


def test_the_number_of_an_appeal_begins_with_its_letter_and_its_year() -> None:
    assert appeal_number(2026, 12) == "S-2026-000012"
    assert appeal_number(2027, 1_234_567) == "S-2027-1234567"
