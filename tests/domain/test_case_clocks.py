"""The record of a case's clocks: what the timers and a command put into it."""

from uuid import UUID

import pytest

from domain.case_clocks import OF_A_CLOCK, RECORDED, CaseClocks, clock_id, clocks_id
from domain.errors import InvalidValueError, Rule
from domain.service_levels.terms import AlertCause, Recipient
from tests.domain.clock_story import hours, meta
from tests.domain.conftest import META, Scenarios, Step

CASE = UUID(int=77)
STREAM = clocks_id(CASE)


def test_a_warning_names_clock_instance_and_deadline(scenario: Scenarios) -> None:
    given = {"case": CASE, "clock": "answer", "number": 2, "due_at": hours(4)}
    scenario(CaseClocks, STREAM).when(lambda c, m: c.warn(**given, meta=m)).then(
        scenario.event(CaseClocks.Warned, **given)
    )


def test_a_breach_names_clock_instance_and_deadline(scenario: Scenarios) -> None:
    given = {"case": CASE, "clock": "answer", "number": 1, "due_at": hours(4)}
    scenario(CaseClocks, STREAM).when(lambda c, m: c.breach(**given, meta=m)).then(
        scenario.event(CaseClocks.Breached, **given)
    )


def test_an_annotation_names_what_was_reported_late(scenario: Scenarios) -> None:
    given = {
        "case": CASE,
        "clock": "answer",
        "number": 1,
        "mark": "answered",
        "happened_at": hours(2),
    }
    scenario(CaseClocks, STREAM).when(lambda c, m: c.annotate(**given, meta=m)).then(
        scenario.event(CaseClocks.BreachAnnotated, **given)
    )


def test_an_alert_names_step_and_people(scenario: Scenarios) -> None:
    given = {
        "case": CASE,
        "clock": "answer",
        "number": 1,
        "cause": AlertCause.BREACH,
        "step": 1,
        "to": Recipient.COMPLIANCE,
        "people": ("boss",),
    }
    scenario(CaseClocks, STREAM).when(lambda c, m: c.alert(m, **given)).then(
        scenario.event(CaseClocks.Alerted, **given)
    )


def test_a_new_deadline_stands_beside_the_old_one(scenario: Scenarios) -> None:
    given = {
        "case": CASE,
        "clock": "answer",
        "number": 1,
        "calendar": "cn",
        "calendar_version": 3,
        "old_due_at": hours(4),
        "new_due_at": hours(28),
        "provisional": True,
    }
    scenario(CaseClocks, STREAM).when(lambda c, m: c.recompute(m, **given)).then(
        scenario.event(CaseClocks.DeadlineRecomputed, **given)
    )


def rebase(policy: str, version: int = 1, *, reason: str | None = "contract signed") -> Step:
    return lambda clocks, _: clocks.rebase(CASE, policy, version, meta(hours(0), reason=reason))


def test_a_case_can_be_put_under_another_policy(scenario: Scenarios) -> None:
    clocks = CaseClocks(STREAM)
    rebase("key_account")(clocks, META)
    (event,) = clocks.collect_events()
    assert isinstance(event, CaseClocks.Rebased)
    assert (event.policy, event.policy_version, event.meta.reason) == (
        "key_account",
        1,
        "contract signed",
    )
    assert (clocks.policy, clocks.policy_version) == ("key_account", 1)
    scenario(CaseClocks, STREAM).given(rebase("key_account")).when(rebase("key_account")).then()


def test_a_later_version_of_the_same_policy_is_another_one() -> None:
    clocks = CaseClocks(STREAM)
    for version in (1, 2, 2, 1):
        clocks.rebase(CASE, "default", version, meta(hours(0), reason="asked for"))
    assert [event.originator_version for event in clocks.collect_events()] == [1, 2, 3]


def test_a_case_is_put_under_another_policy_for_a_reason(scenario: Scenarios) -> None:
    scenario(CaseClocks, STREAM).when(rebase("key_account", reason=None)).refused(
        InvalidValueError("reason", Rule.REQUIRED)
    )


def test_ids_follow_from_case_clock_and_instance() -> None:
    ids = {clock_id(CASE, code, n) for code in ("answer", "claim") for n in (1, 2)}
    assert len({STREAM, *ids}) == 5
    assert clocks_id(CASE) == STREAM != clocks_id(UUID(int=78))


def test_every_record_but_the_rebase_names_a_clock() -> None:
    assert set(RECORDED) - set(OF_A_CLOCK) == {CaseClocks.Rebased}
    assert all({"clock", "number"} <= set(event._field_names) for event in OF_A_CLOCK)


@pytest.mark.parametrize("event", RECORDED)
def test_every_record_is_linked_to_its_case(event: type) -> None:
    assert event.LINKS == ("case",)
