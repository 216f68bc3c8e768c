"""What a service-level policy may say, and what the shipped ones say: the table of domain.md 3."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from domain.errors import DomainError, InvalidValueError, LooserThanLawError, Rule
from domain.roles import PersonId
from domain.service_levels.deadlines import Basis, Target
from domain.service_levels.marks import vocabulary
from domain.service_levels.standard import DEFAULT, KEY_ACCOUNT, standard_terms
from domain.service_levels.terms import (
    LEGAL_ANSWER,
    LEGAL_LIMITS,
    NEVER_PAUSING,
    AlertCause,
    AlertStep,
    ClockTerms,
    DepartmentCalendar,
    Looseness,
    Recipient,
    ServiceLevelTerms,
)

ZONE = "Asia/Shanghai"
SHIPPED = standard_terms(ZONE)
TERMS = SHIPPED[DEFAULT]
SECONDS, DAYS, WORKING = Basis.ELAPSED, Basis.CALENDAR_DAYS, Basis.WORKING_DAYS
MINUTE, HOUR = 60, 3_600
# Clock, what starts it, what stops it, target, whether waiting for the customer pauses it.
TABLE = {
    "forwarding": ("received", "assigned answered", WORKING, 1, False),
    "first_feedback": ("received", "feedback", SECONDS, 24 * HOUR, False),
    "answer": ("received", "answered", WORKING, 3, True),
    "legal_answer": ("received", "answered", DAYS, 7, False),
    "appeal": ("appeal_received", "appeal_answered", DAYS, 10, False),
    "compensation": ("compensation_sought", "compensation_settled", WORKING, 10, True),
    "claim": ("claim_filed", "claim_settled claim_rejected", WORKING, 10, True),
    "major_response": ("major escalated", "feedback", SECONDS, 30 * MINUTE, True),
    "major_solution": ("major escalated", "solution_sent", SECONDS, 4 * HOUR, True),
    "quality_departments_told": (
        *("quality_emergency", "departments_told", SECONDS, 30 * MINUTE, True),
    ),
    "quality_solution": ("quality_emergency", "quality_solution_sent", SECONDS, 8 * HOUR, True),
    "phone_pick_up": ("call_began", "call_answered", SECONDS, 30, False),
    "online_response": ("chat_began", "chat_answered", SECONDS, 60, False),
}
OF_KEY_ACCOUNTS = {
    "ordinary_solution": ("received_ordinary", "solution_sent", SECONDS, 12 * HOUR, True),
    "order_handling": ("ordered", "order_reviewed", SECONDS, 24 * HOUR, False),
}
AGAIN = {
    "forwarding": {"reopened_unassigned"},
    "compensation": {"compensation_reopened"},
    **{code: {"reopened", "disputed"} for code in ("first_feedback", "answer", "legal_answer")},
}
"""What starts a clock anew in a case that was reopened or whose answer was disputed."""
IDLE = {"phone_pick_up", "online_response"}
"""Clocks too short for a warning."""


def with_clock(code: str, /, **changes: Any) -> ServiceLevelTerms:
    clocks = tuple(
        replace(clock, **changes) if clock.code == code else clock for clock in TERMS.clocks
    )
    return replace(TERMS, clocks=clocks)


def refusal_of(terms: ServiceLevelTerms) -> DomainError:
    with pytest.raises(DomainError) as refusal:
        terms.check()
    return refusal.value


# What is shipped


@pytest.mark.parametrize(
    ("code", "table"),
    [(DEFAULT, TABLE), (KEY_ACCOUNT, TABLE | OF_KEY_ACCOUNTS)],
)
def test_the_shipped_policies_say_what_the_table_of_the_specification_says(
    code: str, table: dict[str, tuple[str, str, Basis, int, bool]]
) -> None:
    said = {
        clock.code: (
            set(clock.starts_on) - AGAIN.get(clock.code, set()),
            set(clock.stops_on),
            clock.target,
            clock.pauses,
        )
        for clock in SHIPPED[code].clocks
    }

    assert said == {
        clock: (set(starts.split()), set(stops.split()), Target(basis, amount), pauses)
        for clock, (starts, stops, basis, amount, pauses) in table.items()
    }


@pytest.mark.parametrize("clock", TERMS.clocks, ids=lambda clock: clock.code)
def test_a_reopened_case_starts_its_clocks_anew(clock: ClockTerms) -> None:
    assert set(clock.starts_on) >= AGAIN.get(clock.code, set())


@pytest.mark.parametrize("terms", SHIPPED.values(), ids=SHIPPED)
def test_the_shipped_policies_are_ones_that_may_be_adopted(terms: ServiceLevelTerms) -> None:
    terms.check()


@pytest.mark.parametrize("terms", SHIPPED.values(), ids=SHIPPED)
def test_the_shipped_policies_warn_at_four_fifths_and_tell_somebody(
    terms: ServiceLevelTerms,
) -> None:
    for clock in terms.clocks:
        warned = clock.code not in IDLE
        assert clock.warn_percent == (80 if warned else None), clock.code
        for cause in AlertCause:
            assert bool(clock.chain(cause)) is warned, clock.code


def test_the_clocks_of_the_law_and_of_forwarding_never_pause() -> None:
    assert {"forwarding", "first_feedback", "legal_answer", "appeal"} == NEVER_PAUSING
    assert not [c.code for c in TERMS.clocks if c.code in NEVER_PAUSING and c.pauses]


def test_the_law_is_cited_as_it_stood() -> None:
    (limit,) = LEGAL_LIMITS

    assert limit.most == Target(DAYS, 7)
    for on, article in (
        (date(1999, 1, 1), "28"),
        (date(2025, 5, 31), "28"),
        (date(2025, 6, 1), "29"),
        (date(2030, 1, 1), "29"),
    ):
        assert limit.source(on).en.endswith(f"art. {article}")


# What a policy may not say


@pytest.mark.parametrize(
    ("changes", "field", "rule"),
    [
        ({"target": Target(SECONDS, 0)}, "target", Rule.OUT_OF_RANGE),
        ({"target": Target(DAYS, -1)}, "target", Rule.OUT_OF_RANGE),
        ({"target": Target(WORKING, 367)}, "target", Rule.OUT_OF_RANGE),
        ({"target": Target(SECONDS, 366 * 86_400 + 1)}, "target", Rule.OUT_OF_RANGE),
        ({"starts_on": ()}, "startsOn", Rule.REQUIRED),
        ({"stops_on": ()}, "stopsOn", Rule.REQUIRED),
        ({"starts_on": ("full_moon",)}, "startsOn", Rule.NOT_IN_LIST),
        ({"stops_on": ("full_moon",)}, "stopsOn", Rule.NOT_IN_LIST),
        ({"cancels_on": ("full_moon",)}, "cancelsOn", Rule.NOT_IN_LIST),
        ({"lapses_on": ("full_moon",)}, "lapsesOn", Rule.NOT_IN_LIST),
        ({"stops_on": ("received",)}, "stopsOn", Rule.OTHER_THAN_START),
        ({"lapses_on": ("received",)}, "stopsOn", Rule.OTHER_THAN_START),
        ({"warn_percent": 0}, "warnPercent", Rule.OUT_OF_RANGE),
        ({"warn_percent": 100}, "warnPercent", Rule.OUT_OF_RANGE),
        ({"name_en": " "}, "nameEn", Rule.REQUIRED),
        ({"name_zh": "名" * 101}, "nameZh", Rule.TOO_LONG),
        ({"name_en": "a\0"}, "nameEn", Rule.CONTROL_CHARACTERS),
        ({"source_zh": ""}, "sourceZh", Rule.REQUIRED),
        ({"source_en": "x" * 201}, "sourceEn", Rule.TOO_LONG),
    ],
    ids=str,
)
def test_a_clock_says_what_a_clock_can_be(changes: dict[str, Any], field: str, rule: str) -> None:
    refusal = refusal_of(with_clock("answer", **changes))

    assert isinstance(refusal, InvalidValueError)
    assert (refusal.field, refusal.rule) == (f"clocks.answer.{field}", rule)


@pytest.mark.parametrize("code", ["", "Answer", "1st", "an answer", "a" * 41, "答复"])
def test_the_code_of_a_clock_is_a_word_of_programs(code: str) -> None:
    assert refusal_of(with_clock("answer", code=code)) == InvalidValueError(
        "clocks.code", Rule.CODE_FORMAT
    )


@pytest.mark.parametrize("code", sorted(NEVER_PAUSING))
def test_no_policy_lets_these_clocks_pause(code: str) -> None:
    assert refusal_of(with_clock(code, pauses=True)) == InvalidValueError(
        f"clocks.{code}.pauses", Rule.NEVER_PAUSES
    )


@pytest.mark.parametrize(
    ("step", "field", "rule"),
    [
        (AlertStep(AlertCause.BREACH, Recipient.HANDLER, -1), "patienceMinutes", "out_of_range"),
        (
            AlertStep(AlertCause.BREACH, Recipient.HANDLER, 366 * 1_440 + 1),
            *("patienceMinutes", "out_of_range"),
        ),
        (AlertStep(AlertCause.BREACH, Recipient.PERSON, 5), "person", "required"),
        (
            AlertStep(AlertCause.BREACH, Recipient.HANDLER, 5, PersonId("m-1")),
            *("person", "only_for_person"),
        ),
        (
            AlertStep(AlertCause.BREACH, Recipient.PERSON, 5, PersonId("m 1")),
            "person",
            "code_format",
        ),
    ],
    ids=str,
)
def test_a_step_of_an_alert_chain_reaches_somebody_in_time(
    step: AlertStep, field: str, rule: str
) -> None:
    refusal = refusal_of(with_clock("answer", alerts=(step,)))

    assert isinstance(refusal, InvalidValueError)
    assert (refusal.field, refusal.rule) == (f"clocks.answer.alerts.{field}", rule)


def test_an_alert_chain_has_at_most_twenty_steps() -> None:
    step = AlertStep(AlertCause.BREACH, Recipient.HANDLER, 5)

    with_clock("answer", alerts=(step,) * 20).check()
    assert refusal_of(with_clock("answer", alerts=(step,) * 21)) == InvalidValueError(
        "clocks.answer.alerts", Rule.OUT_OF_RANGE, "0-20"
    )


@pytest.mark.parametrize(
    ("terms", "field", "rule"),
    [
        (replace(TERMS, clocks=()), "clocks", Rule.OUT_OF_RANGE),
        (replace(TERMS, clocks=(*TERMS.clocks, *TERMS.clocks[:1])), "clocks.code", Rule.EACH_ONCE),
        (replace(TERMS, clocks=TERMS.clocks * 4), "clocks", Rule.OUT_OF_RANGE),
        (replace(TERMS, name_zh=""), "nameZh", Rule.REQUIRED),
        (replace(TERMS, accounts=("a", "b", "a")), "accounts", Rule.EACH_ONCE),
        (replace(TERMS, accounts=("a b",)), "accounts", Rule.CODE_FORMAT),
        (
            replace(TERMS, accounts=tuple(f"a-{n}" for n in range(1_001))),
            *("accounts", Rule.OUT_OF_RANGE),
        ),
        (
            replace(TERMS, department_calendars=(DepartmentCalendar("hub", "cn"),) * 2),
            *("departmentCalendars.department", Rule.EACH_ONCE),
        ),
        (
            replace(TERMS, department_calendars=(DepartmentCalendar("\0", "cn"),)),
            *("departmentCalendars.department", Rule.CODE_FORMAT),
        ),
    ],
    ids=str,
)
def test_a_policy_says_everything_once(terms: ServiceLevelTerms, field: str, rule: str) -> None:
    refusal = refusal_of(terms)

    assert isinstance(refusal, InvalidValueError)
    assert (refusal.field, refusal.rule) == (field, rule)


# The law


@pytest.mark.parametrize(
    ("changes", "looseness"),
    [
        ({"target": Target(DAYS, 8)}, Looseness.ENDS_LATER),
        ({"target": Target(SECONDS, 7 * 86_400 + 1)}, Looseness.ENDS_LATER),
        ({"target": Target(WORKING, 1)}, Looseness.ENDS_LATER),
        ({"starts_on": ("received", "reopened")}, Looseness.STARTS_LESS),
        ({"lapses_on": ("major",)}, Looseness.STARTS_LESS),
        ({"stops_on": ("answered", "feedback")}, Looseness.STOPS_MORE),
        ({"cancels_on": ("withdrawn", "assigned")}, Looseness.CANCELS_MORE),
    ],
    ids=str,
)
def test_no_clock_is_looser_than_the_law(changes: dict[str, Any], looseness: Looseness) -> None:
    assert refusal_of(with_clock(LEGAL_ANSWER, **changes)) == LooserThanLawError(
        LEGAL_ANSWER,
        looseness,
        "Interim Regulations on Express Delivery (2025 revision), art. 29",
        "《快递暂行条例》（2025年修订）第二十九条",
    )


@pytest.mark.parametrize(
    "zone", ["Etc/GMT+12", "America/Sao_Paulo", "Europe/London", "UTC", "Asia/Ho_Chi_Minh"]
)
def test_no_time_zone_ends_the_days_of_the_law_later(zone: str) -> None:
    with pytest.raises(LooserThanLawError) as refusal:
        replace(TERMS, time_zone=zone).check_time_zone()
    assert refusal.value.what == Looseness.TIME_ZONE

    replace(with_clock(LEGAL_ANSWER, target=Target(DAYS, 6)), time_zone=zone).check_time_zone()


@pytest.mark.parametrize(
    "zone", ["Asia/Shanghai", "Asia/Hong_Kong", "Asia/Tokyo", "Australia/Sydney", "Etc/GMT-14"]
)
def test_a_time_zone_may_end_the_days_of_the_law_sooner(zone: str) -> None:
    replace(TERMS, time_zone=zone).check_time_zone()


def test_no_policy_leaves_the_clock_of_the_law_out() -> None:
    clocks = tuple(clock for clock in TERMS.clocks if clock.code != LEGAL_ANSWER)

    refusal = refusal_of(replace(TERMS, clocks=clocks))

    assert isinstance(refusal, LooserThanLawError)
    assert refusal.what == Looseness.LEFT_OUT


@pytest.mark.parametrize(
    "changes",
    [
        {"target": Target(DAYS, 7)},
        {"target": Target(DAYS, 1)},
        {"target": Target(SECONDS, 7 * 86_400)},
        {"starts_on": ("received", "reopened", "disputed", "escalated")},
        {"cancels_on": ()},
    ],
    ids=str,
)
def test_a_clock_may_be_stricter_than_the_law(changes: dict[str, Any]) -> None:
    with_clock(LEGAL_ANSWER, **changes).check()


# What clocks ask of a policy


def test_a_department_with_days_of_its_own_counts_by_them() -> None:
    terms = replace(TERMS, department_calendars=(DepartmentCalendar("hub", "hub_days"),))
    answer = terms.clock("answer")
    assert answer is not None

    assert terms.calendar_of(answer, "hub") == "hub_days"
    assert terms.calendar_of(answer, "line") == terms.calendar_of(answer, None) == "cn"
    assert terms.calendars == {"cn", "hub_days"}


def test_a_chain_has_the_steps_of_its_cause_in_their_order() -> None:
    answer = TERMS.clock("answer")
    assert answer is not None

    assert [step.to for step in answer.chain(AlertCause.WARNING)] == [
        Recipient.HANDLER,
        Recipient.DEPARTMENT_HEAD,
    ]
    assert [step.to for step in answer.chain(AlertCause.BREACH)] == [
        Recipient.DEPARTMENT_HEAD,
        Recipient.SUPERVISION,
        Recipient.COMPLIANCE,
    ]
    assert TERMS.clock("lunch") is None


@pytest.mark.parametrize("words", [lambda m: m.en, lambda m: m.zh], ids=["en", "zh"])
def test_every_mark_has_a_name_of_its_own(words: Callable[[Any], str]) -> None:
    names = [words(mark) for mark in vocabulary().values()]

    assert all(names)
    assert len(set(names)) == len(names)
