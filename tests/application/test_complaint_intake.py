"""What is checked at the desk when a complaint is received or taken over from the past."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from application.complaints import GivenAnswer, ImportComplaint, ReceiveComplaint
from application.permissions import Caller
from application.service_level_policies import ShipServiceLevelPolicies
from domain.errors import InvalidValueError
from domain.identifiers import imported_id
from domain.metadata import Source, SourceKind
from domain.roles import PersonId, Role
from tests.application.conftest import AGENT, NOON, RECEIVED, SECRET

SYSTEM = Caller("system", PersonId("system"), Role.SYSTEM)
SHOP = Caller("shop", PersonId("shop"), Role.PARTNER)
OLIST = Source(SourceKind.IMPORT, "olist", historical=True)
HOUR = timedelta(hours=1)


def receive(**given: Any) -> ReceiveComplaint:
    return ReceiveComplaint(received=replace(RECEIVED, **given))


def test_the_service_levels_of_a_contract_are_those_of_a_policy_that_there_is(office: Any) -> None:
    office.do(ShipServiceLevelPolicies(time_zone="Asia/Shanghai"), SYSTEM)

    office.do(receive(service_levels="key_account", seeks_compensation=True))

    data = office.states()[-1]["data"]
    assert (data["service_levels"], data["seeks_compensation"]) == ("key_account", True)


@pytest.mark.parametrize(
    ("caller", "code", "rule"),
    [
        (AGENT, "nobodys", "not_in_list"),
        (AGENT, "", "code_format"),
        (AGENT, "Key", "code_format"),
        (AGENT, "k" * 41, "code_format"),
        (AGENT, "\ud800", "code_format"),
        (SHOP, "key_account", "not_in_list"),
        (SHOP, "nobodys", "not_in_list"),
    ],
)
def test_service_levels_that_nobody_has_or_that_a_partner_names_are_refused(
    office: Any, caller: Caller, code: str, rule: str
) -> None:
    office.do(ShipServiceLevelPolicies(time_zone="Asia/Shanghai"), SYSTEM)
    before = office.count()

    with pytest.raises(InvalidValueError) as refusal:
        office.do(receive(service_levels=code), caller)

    assert (refusal.value.field, refusal.value.rule) == ("serviceLevels", rule)
    assert office.count() == before


def imported(answered_at: Any) -> ImportComplaint:
    answered = GivenAnswer(at=answered_at, answer=SECRET)
    return ImportComplaint(
        key="1", received=RECEIVED, answered=answered, occurred_at=NOON - 2 * HOUR
    )


@pytest.mark.parametrize("at", [NOON - 2 * HOUR, NOON - HOUR, NOON])
def test_a_complaint_of_the_past_is_taken_over_with_its_answer(office: Any, at: Any) -> None:
    assert office.do(imported(at), SYSTEM, source=OLIST).result is True
    assert office.do(imported(at), SYSTEM, source=OLIST).result is False

    stream = imported_id("complaint", "olist", "1")
    assert office.topics(stream) == ["complaint.received", "complaint.answered"]
    received, answered = office.states()
    assert answered["data"]["first_contact"] is True
    assert answered["meta"]["occurred_at"].startswith(at.strftime("%Y-%m-%dT%H:%M"))
    assert answered["meta"].get("policy") == received["meta"].get("policy")


@pytest.mark.parametrize(
    ("at", "field", "rule"),
    [
        (NOON - 3 * HOUR, "occurredAt", "before"),
        (NOON + HOUR, "answeredAt", "in_the_future"),
    ],
)
def test_an_answer_before_the_receipt_or_in_the_future_takes_over_nothing(
    office: Any, at: Any, field: str, rule: str
) -> None:
    with pytest.raises(InvalidValueError) as refusal:
        office.do(imported(at), SYSTEM, source=OLIST)

    assert (refusal.value.field, refusal.value.rule) == (field, rule)
    assert office.count() == 0
