"""What was recorded rebuilds what was decided, and no event that was ever recorded is refused."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from eventsourcing.domain import OriginatorIDError, OriginatorVersionError
from hypothesis import given
from hypothesis import strategies as st

from domain.aggregate import Aggregate, DomainEvent, event
from domain.api_key import ApiKey
from domain.categories import Category
from domain.complaint import Complaint
from domain.complaint_words import Channel, Severity
from domain.errors import DomainError
from domain.identifiers import Waybill
from domain.metadata import Metadata
from domain.money import Money
from domain.personal import PersonalText, Sealed
from domain.rating import Score
from domain.roles import PersonId, Role
from domain.shipment import Milestone, MilestoneKind, ServiceClass, Shipment, ShipmentFacts

STREAM = UUID(int=1)
CUSTOMER = UUID(int=7)
DAY = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
WAYBILL = Waybill("SF1234567890")
Step = Callable[[Any, Metadata], object]

people = st.sampled_from([PersonId("agent-1"), PersonId("courier-7")])
nobody_or = st.one_of(st.none(), people)
personal = st.sampled_from(
    [PersonalText(CUSTOMER, "text"), Sealed(CUSTOMER, 1, "bm9uY2U=", "Y2lwaGVy")]
)
maybe_personal = st.one_of(st.none(), personal)
scores = st.integers(1, 5).map(Score)
facts = st.builds(
    ShipmentFacts,
    service_class=st.sampled_from(ServiceClass),
    fee=st.integers(0, 9).map(lambda fen: Money(fen, "CNY")),
    region=st.sampled_from([None, "east"]),
)
milestones = st.builds(Milestone, st.sampled_from(MilestoneKind), st.sampled_from([None, "hub"]))
instants = st.integers(0, 3).map(lambda hours: DAY + timedelta(hours=hours))


def receives(accused: PersonId | None, text: PersonalText | Sealed) -> Step:
    return lambda complaint, meta: complaint.receive(
        meta,
        number="C-2026-000001",
        channel=Channel.FAX,
        category=Category.LOSS,
        severity=Severity.MAJOR,
        urgent=True,
        customer=CUSTOMER,
        complainant=text,
        subject=text,
        facts=text,
        accused=accused,
        partner="shop",
    )


def issues(role: Role) -> Step:
    return lambda key, meta: key.issue(
        meta, prefix="rk_1", digest="00", key_role=role, holder=PersonId("agent-1")
    )


COMMANDS: dict[type[Aggregate], st.SearchStrategy[Step]] = {
    Complaint: st.one_of(
        st.builds(receives, nobody_or, personal),
        st.just(Complaint.register),
        personal.map(lambda text: lambda c, meta: c.decline(text, meta)),
        nobody_or.map(lambda handler: lambda c, meta: c.assign("north", handler, meta)),
        personal.map(lambda text: lambda c, meta: c.answer(text, meta)),
        st.just(Complaint.close),
        st.tuples(scores, maybe_personal).map(lambda r: lambda c, meta: c.rate(*r, meta)),
    ),
    Shipment: st.one_of(
        st.sampled_from([None, "shop"]).map(lambda p: lambda s, meta: s.open(WAYBILL, p, meta)),
        facts.map(lambda f: lambda s, meta: s.record_facts(f, meta)),
        milestones.map(lambda m: lambda s, meta: s.record_milestone(m, meta)),
        maybe_personal.map(lambda by: lambda s, meta: s.deliver(by, meta)),
        st.tuples(st.sampled_from("ab"), scores).map(
            lambda r: lambda s, meta: s.rate_delivery(*r, meta)
        ),
    ),
    ApiKey: st.one_of(st.sampled_from(Role).map(issues), st.just(ApiKey.revoke)),
}

# For a long life, the commands in the order in which they are mostly carried out.
ORDERLY: dict[type[Aggregate], list[Step]] = {
    Complaint: [
        receives(None, PersonalText(CUSTOMER, "text")),
        Complaint.register,
        lambda c, meta: c.assign("north", None, meta),
        lambda c, meta: c.answer(PersonalText(CUSTOMER, "text"), meta),
        Complaint.close,
        lambda c, meta: c.rate(Score(5), None, meta),
    ],
    Shipment: [],
    ApiKey: [issues(Role.FRONT_DESK), ApiKey.revoke],
}


def test_every_aggregate_is_replayed_here() -> None:
    assert set(COMMANDS) == set(Aggregate.__subclasses__())


@st.composite
def lives(draw: st.DrawFn) -> tuple[type[Aggregate], list[tuple[Step, dict[str, Any]]]]:
    """Draw an aggregate class and commands: the orderly ones with anything in between."""
    cls = draw(st.sampled_from(sorted(COMMANDS, key=lambda c: c.KIND)))
    steps: list[Step] = []
    for step in [*ORDERLY[cls], None]:
        steps += draw(st.lists(COMMANDS[cls], max_size=3))
        steps += [step] if step is not None and draw(st.booleans()) else []
    circumstances = st.fixed_dictionaries({"occurred_at": instants, "actor": people})
    return cls, [(step, draw(circumstances)) for step in steps]


def lived(
    cls: type[Aggregate],
    commands: list[tuple[Step, dict[str, Any]]],
    meta: Callable[..., Metadata],
) -> Aggregate:
    aggregate = cls(STREAM)
    for step, circumstances in commands:
        try:
            step(aggregate, meta(**circumstances))
        except DomainError:
            continue
    return aggregate


def state_of(aggregate: Aggregate) -> dict[str, Any]:
    return {name: value for name, value in vars(aggregate).items() if name != "pending_events"}


@given(lives())
def test_a_replay_gives_the_aggregate_that_decided(scenario: Any, life: Any) -> None:
    decided = lived(*life, scenario.meta)

    replayed = None
    for recorded in decided.collect_events():
        replayed = recorded.mutate(replayed)

    assert state_of(replayed or life[0](STREAM)) == state_of(decided)


@given(lives())
def test_events_are_numbered_without_gaps(scenario: Any, life: Any) -> None:
    aggregate = lived(*life, scenario.meta)

    events = aggregate.collect_events()
    assert [e.originator_version for e in events] == list(range(1, aggregate.version + 1))
    assert {e.originator_id for e in events} <= {STREAM}
    assert aggregate.collect_events() == []


def fields_for(cls: type[DomainEvent]) -> st.SearchStrategy[dict[str, Any]]:
    known: dict[str, st.SearchStrategy[Any]] = {
        "accused": nobody_or,
        "category": st.sampled_from(Category),
        "channel": st.sampled_from(Channel),
        "comment": maybe_personal,
        "customer": st.just(CUSTOMER),
        "facts": facts if cls.__qualname__.startswith("Shipment") else personal,
        "first_contact": st.booleans(),
        "handler": nobody_or,
        "key_role": st.sampled_from(Role),
        "milestone": milestones,
        "score": scores,
        "severity": st.sampled_from(Severity),
        "signed_by": maybe_personal,
        "urgent": st.booleans(),
        "waybill": st.just(WAYBILL),
    }
    names = [name for name in cls._field_names if name != "meta"]
    return st.fixed_dictionaries({name: known.get(name, personal) for name in names})


def happenings(cls: type[Aggregate]) -> st.SearchStrategy[tuple[type[DomainEvent], dict[str, Any]]]:
    """Draw events of an aggregate with no regard to its rules."""
    events = [v for v in vars(cls).values() if isinstance(v, type) and issubclass(v, DomainEvent)]
    return st.sampled_from(events).flatmap(lambda e: st.tuples(st.just(e), fields_for(e)))


@given(
    st.sampled_from(sorted(COMMANDS, key=lambda c: c.KIND)).flatmap(
        lambda cls: st.tuples(st.just(cls), st.lists(happenings(cls), min_size=1, max_size=12))
    )
)
def test_no_recorded_event_is_ever_refused(scenario: Any, history: Any) -> None:
    cls, events = history
    aggregate = cls(STREAM)

    for version, (event_class, fields) in enumerate(events, start=1):
        recorded = scenario.event(event_class, originator_version=version, **fields)
        aggregate = recorded.mutate(aggregate)

    assert aggregate.version == len(events)
    assert not aggregate.pending_events, "a replay records nothing"


def test_an_event_of_another_stream_or_out_of_turn_is_no_part_of_a_replay(scenario: Any) -> None:
    registered = scenario.event(Complaint.Registered, originator_version=2)

    with pytest.raises(OriginatorVersionError):
        registered.mutate(Complaint(STREAM))
    with pytest.raises(OriginatorIDError):
        registered.mutate(Complaint(UUID(int=99)))


def test_fields_of_an_event_are_passed_by_name(scenario: Any) -> None:
    with pytest.raises(TypeError, match="by name"):
        Complaint(STREAM)._registered(scenario.meta())


def test_an_evolve_method_takes_the_fields_of_its_event() -> None:
    def evolve(self: Complaint, wrong: int, meta: Metadata) -> None:
        """Differ from the event's fields."""

    with pytest.raises(TypeError, match="differ in fields"):
        event(Complaint.Closed)(evolve)
