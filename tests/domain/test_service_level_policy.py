"""Service-level policies: dated versions, their end, and under which one a case falls."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from domain.complaint_policy import ComplaintPolicy
from domain.effective_dates import MOST_AHEAD, NOTICE
from domain.errors import InvalidValueError, LooserThanLawError, Rule, WrongStateError
from domain.metadata import Metadata
from domain.roles import Role
from domain.service_level_policy import Period, ServiceLevelPolicy, policy_code, policy_id
from domain.service_levels.policy_book import PolicyBook, PolicyInForce
from domain.service_levels.standard import DEFAULT, standard_terms
from domain.service_levels.terms import Looseness, ServiceLevelTerms
from tests.domain.conftest import META

NOW = META.occurred_at
YEAR = timedelta(days=365)
DAY = timedelta(days=1)
MOMENT = timedelta(microseconds=1)
TERMS = standard_terms("Asia/Shanghai")[DEFAULT]
OTHER = replace(TERMS, name_en="others", name_zh="另外")
THIRD = replace(TERMS, name_en="third", name_zh="第三")
Step = Callable[[ServiceLevelPolicy, Metadata], None]


def adopts(terms: ServiceLevelTerms, effective_from: datetime, code: str = "shop") -> Step:
    return lambda policy, meta: policy.adopt(code, terms, effective_from, meta)


def ends(effective_from: datetime) -> Step:
    return lambda policy, meta: policy.end(effective_from, meta)


def invalid(rule: str, limit: str = "", field: str = "effectiveFrom") -> InvalidValueError:
    return InvalidValueError(field, rule, limit)


def adopted(scenario: Any, number: int, effective_from: datetime, terms: ServiceLevelTerms) -> Any:
    return scenario.event(
        ServiceLevelPolicy.Adopted,
        code="shop",
        number=number,
        effective_from=effective_from,
        terms=terms,
    )


# Versions


@pytest.mark.parametrize("effective_from", [NOW - 10 * YEAR, NOW, NOW + YEAR])
def test_the_first_version_may_reach_back(scenario: Any, effective_from: datetime) -> None:
    scenario(ServiceLevelPolicy).when(adopts(TERMS, effective_from)).then(
        adopted(scenario, 1, effective_from, TERMS)
    )


def test_a_later_version_is_announced(scenario: Any) -> None:
    earliest = NOW + NOTICE
    policy = scenario(ServiceLevelPolicy).given(adopts(TERMS, NOW - YEAR))

    policy.when(adopts(OTHER, earliest - MOMENT)).refused(
        invalid(Rule.BEFORE, earliest.isoformat())
    )
    policy.when(adopts(OTHER, earliest)).then(adopted(scenario, 2, earliest, OTHER))


def test_effective_dates_never_overlap(scenario: Any) -> None:
    announced = NOW + DAY
    for early in (announced - DAY, announced - MOMENT, announced):
        scenario(ServiceLevelPolicy).given(adopts(TERMS, announced)).when(
            adopts(OTHER, early)
        ).refused(invalid(Rule.AFTER, announced.isoformat()))
    scenario(ServiceLevelPolicy).given(adopts(TERMS, announced)).when(
        adopts(OTHER, announced + MOMENT)
    ).then(adopted(scenario, 2, announced + MOMENT, OTHER))


def test_the_same_terms_again_change_nothing(scenario: Any) -> None:
    for effective_from in (NOW - YEAR, NOW, NOW + YEAR):
        scenario(ServiceLevelPolicy).given(adopts(TERMS, NOW)).when(
            adopts(TERMS, effective_from)
        ).then()


def test_earlier_terms_may_come_back(scenario: Any) -> None:
    later = NOW + 2 * DAY
    scenario(ServiceLevelPolicy).given(adopts(TERMS, NOW), adopts(OTHER, NOW + DAY)).when(
        adopts(TERMS, later)
    ).then(adopted(scenario, 3, later, TERMS))


def test_a_mistyped_year_does_not_lock_a_policy_for_ever(scenario: Any) -> None:
    latest = NOW + MOST_AHEAD
    refusal = invalid(Rule.TOO_LATE, latest.isoformat())
    mistyped = latest.replace(year=9999)
    for given in ((), (adopts(TERMS, NOW - YEAR),)):
        policy = scenario(ServiceLevelPolicy).given(*given)
        policy.when(adopts(OTHER, mistyped)).refused(refusal)
        policy.when(adopts(OTHER, latest + MOMENT)).refused(refusal)
        policy.when(adopts(OTHER, latest)).then(adopted(scenario, len(given) + 1, latest, OTHER))


def test_a_mistyped_year_does_not_end_a_policy(scenario: Any) -> None:
    latest = NOW + MOST_AHEAD
    policy = scenario(ServiceLevelPolicy).given(adopts(TERMS, NOW - YEAR))
    policy.when(ends(latest + MOMENT)).refused(invalid(Rule.TOO_LATE, latest.isoformat()))
    policy.when(ends(latest)).then(
        scenario.event(ServiceLevelPolicy.Ended, number=1, effective_from=latest)
    )


@pytest.mark.parametrize("before", [(), (adopts(TERMS, NOW - YEAR),)], ids=["first", "later"])
def test_an_effective_date_carries_its_time_zone(scenario: Any, before: Any) -> None:
    naive = (NOW + DAY).replace(tzinfo=None)
    scenario(ServiceLevelPolicy).given(*before).when(adopts(OTHER, naive)).refused(
        invalid(Rule.NO_TIME_ZONE)
    )


def test_an_end_carries_its_time_zone(scenario: Any) -> None:
    naive = (NOW + DAY).replace(tzinfo=None)
    scenario(ServiceLevelPolicy).given(adopts(TERMS, NOW)).when(ends(naive)).refused(
        invalid(Rule.NO_TIME_ZONE)
    )


def test_terms_that_no_policy_may_have_are_never_adopted(scenario: Any) -> None:
    scenario(ServiceLevelPolicy).when(adopts(replace(TERMS, name_en=""), NOW)).refused(
        invalid(Rule.REQUIRED, field="nameEn")
    )
    lawless = replace(TERMS, clocks=TERMS.clocks[:1])
    with pytest.raises(LooserThanLawError) as refusal:
        ServiceLevelPolicy(UUID(int=1)).adopt("shop", lawless, NOW, META)
    assert refusal.value.what == Looseness.LEFT_OUT


def test_only_the_system_ships_days_that_end_later_than_those_of_the_law(scenario: Any) -> None:
    western = replace(TERMS, time_zone="America/Sao_Paulo")
    with pytest.raises(LooserThanLawError) as refusal:
        ServiceLevelPolicy(UUID(int=1)).adopt("shop", western, NOW, META)
    assert refusal.value.what == Looseness.TIME_ZONE

    shipped = ServiceLevelPolicy(UUID(int=1))
    shipped.adopt("shop", western, NOW, scenario.meta(role=Role.SYSTEM))
    assert shipped.in_force(NOW) == Period(NOW, 1, western)


def test_a_stored_version_is_no_longer_checked_when_the_law_has_changed() -> None:
    lawless = replace(TERMS, clocks=TERMS.clocks[:1])
    event = ServiceLevelPolicy.Adopted(
        originator_id=policy_id("shop"),
        originator_version=1,
        meta=META,
        code="shop",
        number=1,
        effective_from=NOW,
        terms=lawless,
    )

    policy = event.mutate(None)

    assert policy.in_force(NOW) == Period(NOW, 1, lawless)


@pytest.mark.parametrize("code", ["", "Shop", "1a", "a b", "a-b", "a" * 41, "店"])
def test_the_code_of_a_policy_is_a_word_of_programs(scenario: Any, code: str) -> None:
    with pytest.raises(InvalidValueError):
        policy_code(code, field="code")
    scenario(ServiceLevelPolicy).when(adopts(TERMS, NOW, code)).refused(
        invalid(Rule.CODE_FORMAT, field="code")
    )


def test_each_code_has_a_stream_of_its_own() -> None:
    assert policy_id("default") == UUID("751fcc5c-3f6b-5428-8b52-fc095510778b")
    assert policy_id("a") != policy_id("b")
    assert ServiceLevelPolicy.KIND != ComplaintPolicy.KIND


# The end


def test_a_policy_ends_when_its_contract_does(scenario: Any) -> None:
    at = NOW + NOTICE
    scenario(ServiceLevelPolicy).given(adopts(TERMS, NOW - DAY)).when(ends(at)).then(
        scenario.event(ServiceLevelPolicy.Ended, number=1, effective_from=at)
    )


def test_an_end_is_announced_and_follows_what_was_adopted(scenario: Any) -> None:
    earliest = NOW + NOTICE
    scenario(ServiceLevelPolicy).given(adopts(TERMS, NOW - DAY)).when(
        ends(earliest - MOMENT)
    ).refused(invalid(Rule.BEFORE, earliest.isoformat()))
    announced = NOW + DAY
    scenario(ServiceLevelPolicy).given(adopts(TERMS, announced)).when(ends(announced)).refused(
        invalid(Rule.AFTER, announced.isoformat())
    )


def test_what_has_ended_ends_no_second_time(scenario: Any) -> None:
    at = NOW + DAY
    for again in (at, at + YEAR):
        scenario(ServiceLevelPolicy).given(adopts(TERMS, NOW), ends(at)).when(ends(again)).then()
    scenario(ServiceLevelPolicy).given(adopts(TERMS, NOW), ends(at)).when(
        ends(at - MOMENT)
    ).refused(invalid(Rule.AFTER, at.isoformat()))


def test_an_ended_policy_may_be_adopted_anew(scenario: Any) -> None:
    at = NOW + 2 * DAY
    scenario(ServiceLevelPolicy).given(adopts(TERMS, NOW), ends(NOW + DAY)).when(
        adopts(TERMS, at)
    ).then(adopted(scenario, 2, at, TERMS))


def test_what_was_never_adopted_does_not_end(scenario: Any) -> None:
    scenario(ServiceLevelPolicy).when(ends(NOW + DAY)).refused(WrongStateError("end", "unknown"))


def test_the_policy_of_everybody_never_ends(scenario: Any) -> None:
    scenario(ServiceLevelPolicy).given(adopts(TERMS, NOW, DEFAULT)).when(ends(NOW + DAY)).refused(
        invalid(Rule.NEVER_ENDS, field="code")
    )


def test_a_version_is_in_force_from_its_date_until_the_next_or_the_end() -> None:
    policy = ServiceLevelPolicy(policy_id("shop"))
    for step in (
        adopts(TERMS, NOW),
        adopts(OTHER, NOW + DAY),
        ends(NOW + 2 * DAY),
        adopts(THIRD, NOW + 3 * DAY),
    ):
        step(policy, META)

    def number(at: datetime) -> int | None:
        found = policy.in_force(at)
        return None if found is None else found.number

    assert [number(NOW + days * DAY) for days in range(4)] == [1, 2, None, 3]
    assert [number(NOW + days * DAY - MOMENT) for days in range(5)] == [None, 1, 2, None, 3]


# The book: under which policy a case falls


class Told:
    """Policies as the log tells them, one event after another."""

    def __init__(self) -> None:
        self.book = PolicyBook()
        self.position = 0
        self.policies: dict[str, ServiceLevelPolicy] = {}

    def tell(self, code: str, step: Step) -> None:
        policy = self.policies.setdefault(code, ServiceLevelPolicy(policy_id(code)))
        step(policy, META)
        for event in policy.collect_events():
            self.position += 1
            self.book.apply(event, self.position)

    def adopt(self, code: str, terms: ServiceLevelTerms, at: datetime = NOW) -> None:
        self.tell(code, adopts(terms, at, code))

    def found(
        self, code: str | None = None, partner: str | None = None, at: datetime = NOW
    ) -> str | None:
        found = self.book.in_force(code, partner, at)
        return None if found is None else f"{found.code} {found.version}"


@pytest.fixture
def told() -> Told:
    return Told()


def claiming(*accounts: str) -> ServiceLevelTerms:
    return replace(TERMS, accounts=accounts)


def test_a_case_falls_under_the_policy_that_it_names(told: Told) -> None:
    told.adopt(DEFAULT, TERMS)
    told.adopt("shop", claiming("p-1"))
    told.adopt("gold", OTHER)

    assert told.found("gold", "p-1") == "gold 1"
    assert told.book.in_force("gold", "p-1", NOW) == PolicyInForce(
        "gold", policy_id("gold"), 1, OTHER
    )


def test_else_under_that_of_its_partner_and_else_under_that_of_everybody(told: Told) -> None:
    told.adopt(DEFAULT, TERMS)
    told.adopt("shop", claiming("p-1", "p-2"))

    assert told.found(None, "p-2") == "shop 1"
    assert told.found("unknown", "p-2") == "shop 1"
    assert told.found(None, "p-3") == told.found() == told.found("unknown") == "default 1"


def test_of_several_that_claim_a_partner_the_first_by_its_code_counts(told: Told) -> None:
    told.adopt("b", claiming("p-1"))
    told.adopt("c", claiming("p-1"))
    told.adopt("a", claiming("p-1"), NOW + DAY)

    assert told.found(None, "p-1") == "b 1"
    assert told.found(None, "p-1", NOW + DAY) == "a 1"


def test_a_claim_that_was_given_up_counts_no_longer(told: Told) -> None:
    told.adopt(DEFAULT, TERMS)
    told.adopt("shop", claiming("p-1"))
    told.adopt("shop", claiming("p-2"), NOW + DAY)

    assert told.found(None, "p-1") == "shop 1"
    assert told.found(None, "p-1", NOW + DAY) == "default 1"
    assert told.found(None, "p-2", NOW + DAY) == "shop 2"


def test_after_the_end_of_a_contract_cases_fall_under_the_policy_of_everybody(told: Told) -> None:
    told.adopt(DEFAULT, TERMS, NOW - YEAR)
    told.adopt("shop", claiming("p-1"))
    told.tell("shop", ends(NOW + DAY))

    assert told.found("shop", "p-1", NOW - MOMENT) == "default 1"
    assert told.found("shop", None, NOW + DAY - MOMENT) == "shop 1"
    assert told.found("shop", "p-1", NOW + DAY) == "default 1"
    assert told.book.terms("shop", 1) == claiming("p-1"), "cases that have begun keep it"


def test_before_any_policy_is_in_force_there_is_none(told: Told) -> None:
    assert told.found("shop", "p-1") is None
    told.adopt(DEFAULT, TERMS, NOW + DAY)
    assert told.found("shop", "p-1") is None


def test_a_version_counts_from_its_place_in_the_log_on(told: Told) -> None:
    told.adopt(DEFAULT, TERMS)
    before = told.found("shop")
    told.adopt("shop", OTHER, NOW - YEAR)

    assert (before, told.found("shop")) == ("default 1", "shop 1")


def test_an_event_that_is_told_twice_counts_once(told: Told) -> None:
    told.adopt("shop", TERMS)
    policy = ServiceLevelPolicy(policy_id("shop"))
    policy.adopt("shop", OTHER, NOW, META)
    (again,) = policy.collect_events()

    told.book.apply(again, told.position)

    assert told.book.terms("shop", 1) == TERMS
    assert told.book.position == told.position
    with pytest.raises(KeyError):
        told.book.terms("shop", 2)
