"""The complaint policy: dated versions, of which a case keeps the one of its receipt."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.complaint_life import OPEN, ComplaintState
from domain.complaint_policy import (
    COMPLAINT_POLICY,
    DEFAULT_TERMS,
    STEPS,
    ComplaintPolicy,
    ComplaintTerms,
    StepLimit,
    TermsInForce,
)
from domain.effective_dates import MOST_AHEAD, NOTICE
from domain.errors import InvalidValueError, Rule
from domain.metadata import Metadata, PolicyVersion
from domain.roles import Role
from tests.domain.conftest import META

NOW = META.occurred_at
YEAR = timedelta(days=365)
LONGER = replace(DEFAULT_TERMS, reopen_days=60)
SHORTER = replace(DEFAULT_TERMS, reopen_days=10)
Step = Callable[[ComplaintPolicy, Metadata], None]


def adopts(terms: ComplaintTerms, effective_from: datetime) -> Step:
    return lambda policy, meta: policy.adopt(terms, effective_from, meta)


def policy_of(*versions: tuple[ComplaintTerms, datetime]) -> ComplaintPolicy:
    policy = ComplaintPolicy(COMPLAINT_POLICY)
    for terms, effective_from in versions:
        policy.adopt(terms, effective_from, META)
    policy.collect_events()
    return policy


def refusal_of(make: Callable[[], object]) -> InvalidValueError:
    with pytest.raises(InvalidValueError) as refusal:
        make()
    return refusal.value


# Terms


def test_the_shipped_terms_are_those_of_the_specification() -> None:
    assert DEFAULT_TERMS.reopen_days == 30
    assert DEFAULT_TERMS.notice_working_days == 3


def test_every_step_of_an_open_case_but_waiting_has_an_owner_and_a_limit() -> None:
    assert {limit.step for limit in DEFAULT_TERMS.steps} == STEPS == OPEN - {ComplaintState.WAITING}
    assert len(DEFAULT_TERMS.steps) == len(STEPS)


@pytest.mark.parametrize("state", ComplaintState)
def test_where_nobody_has_to_act_there_is_no_owner(state: ComplaintState) -> None:
    limit = DEFAULT_TERMS.step(state)

    assert (limit is None) == (state not in STEPS)
    assert limit is None or limit.step is state


@pytest.mark.parametrize(
    ("field", "name"),
    [("reopen_days", "reopenDays"), ("notice_working_days", "noticeWorkingDays")],
)
@pytest.mark.parametrize(
    ("days", "fits"), [(-1, False), (0, False), (1, True), (366, True), (367, False)]
)
def test_days_are_within_a_year(field: str, name: str, days: int, fits: object) -> None:
    if fits:
        assert getattr(replace(DEFAULT_TERMS, **{field: days}), field) == days
    else:
        assert refusal_of(lambda: replace(DEFAULT_TERMS, **{field: days})) == InvalidValueError(
            name, Rule.OUT_OF_RANGE, "1-366"
        )


@pytest.mark.parametrize(("hours", "fits"), [(0, False), (1, True), (8_784, True), (8_785, False)])
def test_the_limit_of_a_step_is_within_a_year(hours: int, fits: object) -> None:
    first, *others = DEFAULT_TERMS.steps
    steps = (*others, replace(first, hours=hours))

    if fits:
        assert replace(DEFAULT_TERMS, steps=steps).step(first.step) == steps[-1]
    else:
        assert refusal_of(lambda: replace(DEFAULT_TERMS, steps=steps)) == InvalidValueError(
            "steps.hours", Rule.OUT_OF_RANGE, "1-8784"
        )


_FIRST, *_OTHERS = DEFAULT_TERMS.steps


@pytest.mark.parametrize(
    "steps",
    [
        (),
        tuple(_OTHERS),
        (*DEFAULT_TERMS.steps, _FIRST),
        (*_OTHERS, replace(_FIRST, step=_OTHERS[0].step)),
        (*_OTHERS, replace(_FIRST, step=ComplaintState.WAITING)),
        (*DEFAULT_TERMS.steps, StepLimit(ComplaintState.CLOSED, Role.FRONT_DESK, 1)),
    ],
    ids=["none", "missing", "twice", "double", "waiting", "ended"],
)
def test_the_terms_name_every_step_once_and_nothing_else(steps: tuple[StepLimit, ...]) -> None:
    assert refusal_of(lambda: replace(DEFAULT_TERMS, steps=steps)) == InvalidValueError(
        "steps", Rule.EACH_ONCE, ", ".join(sorted(STEPS))
    )


# Versions


@pytest.mark.parametrize("effective_from", [NOW - 10 * YEAR, NOW, NOW + YEAR])
def test_the_first_version_may_reach_back(scenario: Any, effective_from: datetime) -> None:
    scenario(ComplaintPolicy).when(adopts(LONGER, effective_from)).then(
        scenario.event(
            ComplaintPolicy.Adopted, number=1, effective_from=effective_from, terms=LONGER
        )
    )


def test_a_later_version_is_announced(scenario: Any) -> None:
    earliest = NOW + NOTICE

    scenario(ComplaintPolicy).given(adopts(LONGER, NOW - YEAR)).when(
        adopts(SHORTER, earliest)
    ).then(
        scenario.event(ComplaintPolicy.Adopted, number=2, effective_from=earliest, terms=SHORTER)
    )


def test_a_later_version_is_not_adopted_without_notice(scenario: Any) -> None:
    earliest = NOW + NOTICE

    scenario(ComplaintPolicy).given(adopts(LONGER, NOW - YEAR)).when(
        adopts(SHORTER, earliest - timedelta(microseconds=1))
    ).refused(InvalidValueError("effectiveFrom", Rule.BEFORE, earliest.isoformat()))


def test_a_later_version_is_never_in_force_before_the_one_before(scenario: Any) -> None:
    announced = NOW + YEAR

    scenario(ComplaintPolicy).given(adopts(LONGER, announced)).when(
        adopts(SHORTER, announced - timedelta(microseconds=1))
    ).refused(InvalidValueError("effectiveFrom", Rule.BEFORE, announced.isoformat()))


@pytest.mark.parametrize("before", [(), (adopts(LONGER, NOW - YEAR),)], ids=["first", "later"])
def test_a_mistyped_year_does_not_lock_the_policy_for_ever(
    scenario: Any, before: tuple[Step, ...]
) -> None:
    latest = NOW + MOST_AHEAD
    policy = scenario(ComplaintPolicy).given(*before)
    for late in (latest + timedelta(microseconds=1), latest.replace(year=9999)):
        policy.when(adopts(SHORTER, late)).refused(
            InvalidValueError("effectiveFrom", Rule.TOO_LATE, latest.isoformat())
        )
    policy.when(adopts(SHORTER, latest)).then(
        scenario.event(
            ComplaintPolicy.Adopted,
            number=len(before) + 1,
            effective_from=latest,
            terms=SHORTER,
        )
    )


def test_a_version_replaces_another_one_before_that_is_in_force(scenario: Any) -> None:
    announced = NOW + YEAR

    scenario(ComplaintPolicy).given(adopts(LONGER, announced)).when(
        adopts(SHORTER, announced)
    ).then(
        scenario.event(ComplaintPolicy.Adopted, number=2, effective_from=announced, terms=SHORTER)
    )


@pytest.mark.parametrize("effective_from", [NOW - YEAR, NOW + YEAR])
def test_the_terms_of_the_last_version_again_change_nothing(
    scenario: Any, effective_from: datetime
) -> None:
    scenario(ComplaintPolicy).given(adopts(LONGER, NOW)).when(adopts(LONGER, effective_from)).then()


def test_the_terms_of_an_earlier_version_are_a_new_version(scenario: Any) -> None:
    later = NOW + YEAR

    scenario(ComplaintPolicy).given(adopts(LONGER, NOW), adopts(SHORTER, later)).when(
        adopts(LONGER, later)
    ).then(scenario.event(ComplaintPolicy.Adopted, number=3, effective_from=later, terms=LONGER))


@pytest.mark.parametrize("before", [(), (adopts(LONGER, NOW),)], ids=["first", "later"])
def test_a_version_is_in_force_from_an_instant(scenario: Any, before: tuple[Step, ...]) -> None:
    naive = (NOW + YEAR).replace(tzinfo=None)

    scenario(ComplaintPolicy).given(*before).when(adopts(SHORTER, naive)).refused(
        InvalidValueError("effectiveFrom", Rule.NO_TIME_ZONE)
    )


# What is in force


def test_before_any_version_the_shipped_terms_are_in_force() -> None:
    shipped = TermsInForce(None, DEFAULT_TERMS)

    assert ComplaintPolicy(COMPLAINT_POLICY).in_force(NOW) == shipped
    assert policy_of((LONGER, NOW)).in_force(NOW - timedelta(microseconds=1)) == shipped


def test_a_version_is_in_force_from_its_first_instant_until_the_next_one() -> None:
    next_at = NOW + YEAR
    policy = policy_of((LONGER, NOW), (SHORTER, next_at))
    first = TermsInForce(PolicyVersion(COMPLAINT_POLICY, 1), LONGER)
    second = TermsInForce(PolicyVersion(COMPLAINT_POLICY, 2), SHORTER)

    assert policy.in_force(NOW) == first
    assert policy.in_force(next_at - timedelta(microseconds=1)) == first
    assert policy.in_force(next_at) == second
    assert policy.in_force(next_at + 100 * YEAR) == second


def test_of_two_versions_from_one_instant_the_later_one_is_in_force() -> None:
    announced = NOW + YEAR
    policy = policy_of((LONGER, announced), (SHORTER, announced))

    assert policy.in_force(announced).terms == SHORTER


def test_a_case_is_judged_by_the_terms_of_the_version_that_it_keeps() -> None:
    policy = policy_of((LONGER, NOW), (SHORTER, NOW + YEAR))

    assert policy.terms_of(None) == DEFAULT_TERMS
    assert policy.terms_of(PolicyVersion(COMPLAINT_POLICY, 1)) == LONGER
    assert policy.terms_of(PolicyVersion(COMPLAINT_POLICY, 2)) == SHORTER


days = st.integers(-400, 366).map(lambda number: NOW + timedelta(days=number))


@given(st.lists(st.tuples(st.integers(1, 366), days), max_size=8), st.lists(days, min_size=2))
def test_at_every_time_one_version_is_in_force_and_never_an_earlier_one_again(
    versions: list[tuple[int, datetime]], times: list[datetime]
) -> None:
    policy = ComplaintPolicy(COMPLAINT_POLICY)
    for reopen_days, effective_from in versions:
        try:
            policy.adopt(replace(DEFAULT_TERMS, reopen_days=reopen_days), effective_from, META)
        except InvalidValueError as refusal:
            assert refusal.rule == Rule.BEFORE  # noqa: PT017  what else it is does not matter

    numbers = []
    for at in sorted(times):
        found = policy.in_force(at)
        assert policy.terms_of(found.version) == found.terms
        numbers.append(found.version.version if found.version else 0)
    assert numbers == sorted(numbers)
    assert policy.effective == sorted(policy.effective)


def test_times_of_any_zone_are_compared_as_instants() -> None:
    shanghai = datetime.fromisoformat("2026-03-02T09:30:00+08:00")

    assert policy_of((LONGER, shanghai)).in_force(shanghai.astimezone(UTC)).terms == LONGER
