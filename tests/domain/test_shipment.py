from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import AlreadyDeliveredError, InvalidValueError, Rule, WrongStateError
from domain.identifiers import Waybill
from domain.metadata import Metadata
from domain.money import Money
from domain.personal import PersonalText
from domain.rating import Rated, Score
from domain.shipment import Milestone, MilestoneKind, ServiceClass, Shipment, ShipmentFacts

STREAM = UUID(int=1)
WAYBILL = Waybill("SF1234567890")
RECIPIENT = PersonalText(UUID(int=7), "the neighbour")
DAY = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
FACTS = ShipmentFacts(service_class=ServiceClass.SAME_CITY, region="east")
HUB = Milestone(MilestoneKind.HUB_SCAN, "Hangzhou")
PICKED_UP = Milestone(MilestoneKind.PICKED_UP)
Step = Callable[[Shipment, Metadata], None]


def opened(shipment: Shipment, meta: Metadata) -> None:
    shipment.open(WAYBILL, None, meta)


def told(facts: ShipmentFacts) -> Step:
    return lambda shipment, meta: shipment.record_facts(facts, meta)


def passed(milestone: Milestone) -> Step:
    return lambda shipment, meta: shipment.record_milestone(milestone, meta)


def delivered(shipment: Shipment, meta: Metadata) -> None:
    shipment.deliver(RECIPIENT, meta)


def rated(reference: str, score: int = 4) -> Step:
    return lambda shipment, meta: shipment.rate_delivery(reference, Score(score), meta)


def test_a_file_is_opened_under_its_waybill(scenario: Any) -> None:
    scenario(Shipment).when(lambda s, meta: s.open(WAYBILL, "shop", meta)).then(
        scenario.event(Shipment.Opened, waybill=WAYBILL, partner="shop")
    )


def test_opening_it_again_changes_nothing(scenario: Any) -> None:
    scenario(Shipment).given(opened).when(lambda s, meta: s.open(WAYBILL, "other", meta)).then()


def test_the_same_facts_again_change_nothing(scenario: Any) -> None:
    scenario(Shipment).given(opened, told(FACTS)).when(told(FACTS)).then()


def test_other_facts_replace_the_earlier_ones(scenario: Any) -> None:
    later = ShipmentFacts(service_class=ServiceClass.SAME_CITY, region="west")

    scenario(Shipment).given(opened, told(FACTS)).when(told(later)).then(
        scenario.event(Shipment.FactsRecorded, facts=later)
    )


def test_a_step_of_the_way_is_noted_whatever_came_before_it(scenario: Any) -> None:
    early = DAY - timedelta(days=3)

    scenario(Shipment).given(opened, passed(HUB), delivered).when(
        passed(PICKED_UP), occurred_at=early
    ).then(
        scenario.event(
            Shipment.MilestoneRecorded,
            milestone=PICKED_UP,
            meta=scenario.meta(occurred_at=early),
        )
    )


def test_the_same_step_at_the_same_time_is_noted_once(scenario: Any) -> None:
    scenario(Shipment).given(opened, passed(HUB)).when(passed(HUB)).then()


def test_the_same_step_at_another_time_is_another_step(scenario: Any) -> None:
    scenario(Shipment).given(opened, passed(HUB)).when(passed(HUB), occurred_at=DAY).then(
        scenario.event(
            Shipment.MilestoneRecorded, milestone=HUB, meta=scenario.meta(occurred_at=DAY)
        )
    )


def test_the_same_step_at_another_place_is_another_step(scenario: Any) -> None:
    there = Milestone(MilestoneKind.HUB_SCAN, "Wuhan")

    scenario(Shipment).given(opened, passed(HUB)).when(passed(there)).then(
        scenario.event(Shipment.MilestoneRecorded, milestone=there)
    )


def test_a_delivery_may_be_known_before_anything_else(scenario: Any) -> None:
    scenario(Shipment).given(opened).when(delivered).then(
        scenario.event(Shipment.Delivered, signed_by=RECIPIENT)
    )


def test_the_same_delivery_again_changes_nothing(scenario: Any) -> None:
    scenario(Shipment).given(opened, delivered).when(delivered).then()


def test_the_same_instant_in_another_time_zone_is_the_same_delivery(scenario: Any) -> None:
    at = scenario.meta().occurred_at.astimezone(ZoneInfo("Asia/Shanghai"))

    scenario(Shipment).given(opened, delivered).when(delivered, occurred_at=at).then()


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_contradicting_delivery_is_refused(scenario: Any, hours: int) -> None:
    recorded = scenario.meta().occurred_at

    scenario(Shipment).given(opened, delivered).when(
        delivered, occurred_at=recorded + timedelta(hours=hours)
    ).refused(AlreadyDeliveredError(WAYBILL, recorded.isoformat()))


def test_facts_that_arrive_after_the_delivery_are_taken_over(scenario: Any) -> None:
    scenario(Shipment).given(opened, delivered).when(told(FACTS)).then(
        scenario.event(Shipment.FactsRecorded, facts=FACTS)
    )


def test_a_delivery_is_rated_once_per_reference(scenario: Any) -> None:
    scenario(Shipment).given(opened, rated("r1")).when(rated("r1", 1)).then()


def test_another_reference_is_another_rating(scenario: Any) -> None:
    scenario(Shipment).given(opened, rated("r1")).when(rated("r2", 1)).then(
        scenario.event(Shipment.DeliveryRated, reference="r2", score=1)
    )


def test_an_unknown_shipment_cannot_be_rated(scenario: Any) -> None:
    scenario(Shipment).when(rated("r1")).refused(WrongStateError("rate_delivery", "unknown"))


def test_a_rating_of_a_delivery_carries_the_marker_of_ratings(scenario: Any) -> None:
    event = scenario.event(Shipment.DeliveryRated, reference="r", score=Score(5))

    assert isinstance(event, Rated)


@pytest.mark.parametrize("name", ["fee", "surcharges", "declared_value"])
def test_amounts_of_a_shipment_are_not_below_zero(name: str) -> None:
    with pytest.raises(InvalidValueError) as refusal:
        ShipmentFacts(**{name: Money(-1, "CNY")})

    assert refusal.value == InvalidValueError(name, Rule.OUT_OF_RANGE, "≥ 0")
    assert ShipmentFacts(**{name: Money(0, "CNY")})


Report = tuple[datetime, Step]

instants = st.integers(0, 5).map(lambda hours: DAY + timedelta(hours=hours))
milestones = st.builds(
    Milestone, st.sampled_from(MilestoneKind), st.sampled_from([None, "Hangzhou", "Wuhan"])
)


@st.composite
def two_tellings(draw: st.DrawFn) -> tuple[list[Report], list[Report]]:
    """Tell the same reports twice, each time in any order and with any repetitions."""
    reports: list[Report] = [(DAY, told(FACTS)), (draw(instants), delivered)]
    reports += draw(st.lists(st.tuples(instants, milestones.map(passed)), max_size=8))
    ratings = draw(st.dictionaries(st.sampled_from(["r1", "r2", "r3"]), instants))
    reports += [(at, rated(reference)) for reference, at in ratings.items()]
    repeated = st.lists(st.sampled_from(reports), max_size=6)
    first, second = (draw(st.permutations(reports + draw(repeated))) for _ in range(2))
    return first, second


def state_and_events(
    reports: list[Report], meta: Callable[..., Metadata]
) -> tuple[dict[str, Any], set[tuple[Any, ...]]]:
    shipment = Shipment(STREAM)
    opened(shipment, meta())
    for at, report in reports:
        report(shipment, meta(occurred_at=at))
    events = [
        (type(e), *(getattr(e, name) for name in e._field_names)) for e in shipment.collect_events()
    ]
    assert len(set(events)) == len(events), "nothing is recorded twice"
    return {name: getattr(shipment, name) for name in Shipment.__annotations__}, set(events)


@given(two_tellings())
def test_any_order_and_repetition_of_the_same_reports_is_the_same_story(
    scenario: Any, tellings: tuple[list[Report], list[Report]]
) -> None:
    first, second = tellings

    assert state_and_events(first, scenario.meta) == state_and_events(second, scenario.meta)
