"""What was recorded rebuilds what was decided, and no event that was ever recorded is refused."""

from collections.abc import Callable
from dataclasses import is_dataclass, replace
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from types import NoneType, UnionType
from typing import Any, NewType, Union, get_args, get_origin, get_type_hints
from uuid import UUID

import pytest
from eventsourcing.domain import OriginatorIDError, OriginatorVersionError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.aggregate import Aggregate, DomainEvent, event
from domain.api_key import ApiKey
from domain.appeal import Appeal, AppealAuthority, AppealLiability
from domain.calendar import Calendar, CalendarFacts
from domain.case_clocks import CaseClocks
from domain.categories import Category, checklist_codes
from domain.complaint import Complaint
from domain.complaint_policy import DEFAULT_TERMS, ComplaintPolicy, ComplaintTerms
from domain.complaint_words import (
    Channel,
    ChecklistOutcome,
    DemandedBy,
    EvidenceKind,
    FollowUpOutcome,
    LinkedKind,
    Measure,
    QualityStep,
    RuleSource,
    Severity,
)
from domain.errors import DomainError
from domain.identifiers import Waybill
from domain.improvement import ImprovementAction
from domain.metadata import Metadata
from domain.money import Money
from domain.notice import Notice, NoticeProblem, NoticeTemplate
from domain.notifying import Language, NoticeChannel
from domain.organisation import Unit, UnitFacts, UnitKind
from domain.personal import PersonalText, Sealed
from domain.rating import Score
from domain.roles import PersonId, Role
from domain.service_level_policy import ServiceLevelPolicy
from domain.service_levels.calendars import DayKind, SpecialDay
from domain.service_levels.standard import DEFAULT, standard_terms
from domain.service_levels.terms import AlertCause, Recipient
from domain.shipment import Milestone, MilestoneKind, ServiceClass, Shipment, ShipmentFacts
from domain.staff import Person

STREAM = UUID(int=1)
CUSTOMER = UUID(int=7)
DAY = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
WAYBILL = Waybill("SF1234567890")
TEXT = PersonalText(CUSTOMER, "text")
SERVICE_LEVELS = standard_terms("Asia/Shanghai")[DEFAULT]
EVENTS = [e for e in DomainEvent.__subclasses__() if e.__module__.startswith("domain.")]
Step = Callable[[Any, Metadata], object]

people = st.sampled_from([PersonId("agent-1"), PersonId("courier-7"), PersonId("head-3")])
nobody_or = st.one_of(st.none(), people)
personal = st.sampled_from([TEXT, Sealed(CUSTOMER, 1, "bm9uY2U=", "Y2lwaGVy")])
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
later = st.integers(1, 9).map(lambda hours: DAY + timedelta(hours=hours))
numbers = st.integers(1, 3)
others = st.sampled_from([UUID(int=number) for number in (1, 8, 9)])
categories = st.sampled_from([Category.LOSS, Category.PRODUCT_QUALITY, Category.ENQUIRY])
measures = st.lists(st.sampled_from(list(Measure)[:3]), max_size=3).map(tuple)
departments = st.sampled_from([(), ("north",), ("north", "south")])
terms = st.integers(1, 3).map(lambda days: replace(DEFAULT_TERMS, reopen_days=days))
service_levels = st.sampled_from(["a", "b"]).map(
    lambda account: replace(SERVICE_LEVELS, accounts=(account,))
)
dates = st.sampled_from([date(2026, 12, 31), date(2027, 10, 1), date(2027, 10, 2)])
special_days = st.lists(
    st.builds(SpecialDay, dates, st.sampled_from(DayKind), st.just(""), st.just("假")), max_size=2
).map(tuple)
calendar_years = st.tuples(st.sampled_from([2026, 2027]), special_days, st.sampled_from("ab"))


def receives(accused: PersonId | None, text: PersonalText | Sealed, category: Category) -> Step:
    return lambda complaint, meta: complaint.receive(
        meta,
        number="C-2026-000001",
        channel=Channel.FAX,
        category=category,
        severity=Severity.SERIOUS,
        urgent=True,
        customer=CUSTOMER,
        complainant=text,
        subject=text,
        facts=text,
        accused=accused,
        partner="shop",
    )


def another(meta: Metadata) -> Complaint:
    """Return another complaint, to be merged with."""
    complaint = Complaint(UUID(int=8))
    receives(None, TEXT, Category.LOSS)(complaint, meta)
    return complaint


def adds_evidence(digit: str, text: PersonalText | Sealed) -> Step:
    return lambda complaint, meta: complaint.add_evidence(
        meta,
        kind=EvidenceKind.CCTV,
        media_type="video/mp4",
        size=5,
        sha256=digit * 64,
        reference=text,
    )


def proposes(kinds: tuple[Measure, ...], text: PersonalText | Sealed) -> Step:
    return lambda complaint, meta: complaint.propose_resolution(
        meta,
        rule_source=RuleSource.CONTRACT,
        rule="clause 4",
        measures=kinds,
        proposal=text,
        feasibility="easy",
    )


def issues(role: Role) -> Step:
    return lambda key, meta: key.issue(
        meta, prefix="rk_1", digest="00", key_role=role, holder=PersonId("agent-1")
    )


def founds(kind: UnitKind, code: str, parent: UUID | None) -> Step:
    facts = UnitFacts(kind, code, "North", "北", parent)
    return lambda unit, meta: unit.found(facts, meta)


def queues(channel: NoticeChannel) -> Step:
    return lambda notice, meta: notice.queue(
        meta,
        case=CUSTOMER,
        case_number="C-2026-000001",
        occasion="v1",
        template=NoticeTemplate.RECEIVED,
        channel=channel,
        language=Language.ZH,
    )


def raises(owner: PersonId, due_at: datetime) -> Step:
    return lambda action, meta: action.raise_for(
        CUSTOMER, department="north", owner=owner, due_at=due_at, task="train", meta=meta
    )


# What is noted in a file, and what moves it on.
NOTES: list[st.SearchStrategy[Step]] = [
    st.builds(adds_evidence, st.sampled_from("ab"), personal),
    st.tuples(numbers, st.none() | numbers).map(
        lambda n: lambda c, meta: c.supersede_evidence(*n, meta)
    ),
    st.tuples(st.sampled_from(LinkedKind), others).map(lambda x: lambda c, meta: c.link(*x, meta)),
    categories.map(lambda category: lambda c, meta: c.reclassify(category, meta)),
    st.sampled_from(Severity).map(lambda level: lambda c, meta: c.reassess_severity(level, meta)),
    st.booleans().map(lambda urgent: lambda c, meta: c.mark_urgency(urgent=urgent, meta=meta)),
    people.map(lambda accused: lambda c, meta: c.name_accused(accused, meta)),
    st.tuples(people, st.sampled_from(DemandedBy)).map(
        lambda x: lambda c, meta: c.escalate(*x, meta)
    ),
    personal.map(lambda text: lambda c, meta: c.give_feedback(text, meta)),
    st.just(Complaint.seek_compensation),
    st.tuples(
        st.sampled_from(checklist_codes(Category.LOSS)), st.sampled_from(ChecklistOutcome)
    ).map(lambda x: lambda c, meta: c.settle_checklist_item(*x, meta)),
    st.tuples(st.sampled_from(QualityStep), departments).map(
        lambda x: lambda c, meta: c.record_quality_step(*x, meta)
    ),
    st.just(lambda c, meta: another(meta).merge(c, meta)),
]
MOVES: list[st.SearchStrategy[Step]] = [
    st.builds(receives, nobody_or, personal, categories),
    st.just(Complaint.register),
    personal.map(lambda text: lambda c, meta: c.decline(text, meta)),
    nobody_or.map(lambda handler: lambda c, meta: c.assign("north", handler, meta)),
    st.just(Complaint.start_investigation),
    personal.map(lambda text: lambda c, meta: c.record_investigation(text, meta)),
    st.builds(proposes, measures, personal),
    st.just(Complaint.agree_resolution),
    maybe_personal.map(lambda text: lambda c, meta: c.reject_resolution(text, meta)),
    personal.map(lambda text: lambda c, meta: c.answer(text, meta)),
    st.tuples(measures, maybe_personal).map(lambda x: lambda c, meta: c.carry_out_remedy(*x, meta)),
    st.tuples(st.sampled_from(FollowUpOutcome), maybe_personal).map(
        lambda x: lambda c, meta: c.follow_up(*x, meta)
    ),
    personal.map(lambda text: lambda c, meta: c.wait_for_customer(text, meta)),
    st.booleans().map(lambda yes: lambda c, meta: c.resume(customer_answered=yes, meta=meta)),
    st.just(Complaint.close),
    st.tuples(scores, maybe_personal).map(lambda r: lambda c, meta: c.rate(*r, meta)),
    st.integers(1, 2).map(lambda days: lambda c, meta: c.reopen(days, meta)),
    personal.map(lambda text: lambda c, meta: c.dispute(text, meta)),
    st.just(Complaint.withdraw),
    st.just(lambda c, meta: c.merge(another(meta), meta)),
]


def receives_appeal(appeal: Any, meta: Metadata) -> None:
    appeal.receive(
        meta,
        number="S-2026-000001",
        complaint=UUID(int=9),
        customer=UUID(int=7),
        authority=AppealAuthority.HOTLINE_12305,
        reference="7",
        cause=Category.LOSS,
        facts=TEXT,
        department="hub",
    )


def determines(liability: AppealLiability, department: str | None) -> Step:
    return lambda appeal, meta: appeal.determine_liability(
        liability, meta, department=department, rule_source=RuleSource.LAW, rule="art. 27"
    )


_CLOCK = {"case": UUID(int=7), "clock": "answer", "number": 1}
CLOCK_RECORDS: list[Step] = [
    lambda c, meta: c.warn(**_CLOCK, due_at=DAY, meta=meta),
    lambda c, meta: c.breach(**_CLOCK, due_at=DAY, meta=meta),
    lambda c, meta: c.annotate(**_CLOCK, mark="answered", happened_at=DAY, meta=meta),
    lambda c, meta: c.alert(
        meta,
        **_CLOCK,
        cause=AlertCause.BREACH,
        step=0,
        to=Recipient.HANDLER,
        people=(PersonId("agent-1"),),
    ),
    lambda c, meta: c.recompute(
        meta,
        **_CLOCK,
        calendar="cn",
        calendar_version=2,
        old_due_at=DAY,
        new_due_at=DAY + timedelta(days=1),
        provisional=False,
    ),
]
COMMANDS: dict[type[Aggregate], st.SearchStrategy[Step]] = {
    Complaint: st.one_of(*NOTES, *MOVES),
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
    Unit: st.one_of(
        st.builds(founds, st.sampled_from(UnitKind), st.sampled_from("ab"), st.none() | others),
        st.sampled_from("ab").map(lambda name: lambda u, meta: u.rename(name, "名", meta)),
        others.map(lambda parent: lambda u, meta: u.move(parent, meta)),
        st.just(Unit.close),
    ),
    Person: st.one_of(
        st.tuples(people, maybe_personal).map(lambda x: lambda p, meta: p.join(*x, meta)),
        st.tuples(st.sampled_from(list(Role)[:2]), others, later, st.none() | later).map(
            lambda x: lambda p, meta: p.appoint(*x, meta)
        ),
        st.tuples(numbers, later).map(lambda x: lambda p, meta: p.end_appointment(*x, meta)),
    ),
    Notice: st.one_of(
        st.sampled_from(NoticeChannel).map(queues),
        numbers.map(lambda n: lambda x, meta: x.record_sent("smtp", n, None, meta)),
        st.tuples(st.sampled_from(NoticeProblem), numbers).map(
            lambda x: lambda n, meta: n.record_failed(*x, meta)
        ),
        numbers.map(lambda n: lambda x, meta: x.record_in_doubt("smtp", n, "r", meta)),
        st.booleans().map(lambda yes: lambda n, meta: n.resolve_doubt(delivered=yes, meta=meta)),
    ),
    ImprovementAction: st.one_of(
        st.builds(raises, people, later),
        st.just(lambda a, meta: a.note_progress("half", meta)),
        later.map(lambda due_at: lambda a, meta: a.reschedule(due_at, meta)),
        people.map(lambda owner: lambda a, meta: a.hand_over(owner, meta)),
        st.just(lambda a, meta: a.complete("done", meta)),
        st.just(ImprovementAction.cancel),
    ),
    Appeal: st.one_of(
        st.just(receives_appeal),
        st.booleans().map(lambda yes: lambda a, meta: a.record_finding(TEXT, valid=yes, meta=meta)),
        st.tuples(st.sampled_from(AppealLiability), st.sampled_from([None, "line"])).map(
            lambda x: determines(*x)
        ),
        st.lists(st.sampled_from(Measure), max_size=3).map(
            lambda some: lambda a, meta: a.settle(tuple(some), None, meta)
        ),
        st.just(lambda a, meta: a.answer(TEXT, meta)),
        st.just(Appeal.withdraw),
    ),
    ComplaintPolicy: st.tuples(terms, later).map(lambda x: lambda p, meta: p.adopt(*x, meta)),
    ServiceLevelPolicy: st.one_of(
        st.tuples(service_levels, later).map(lambda x: lambda p, meta: p.adopt("shop", *x, meta)),
        later.map(lambda at: lambda p, meta: p.end(at, meta)),
    ),
    CaseClocks: st.sampled_from(CLOCK_RECORDS),
    Calendar: st.one_of(
        st.sampled_from([None, "cn"]).map(
            lambda base: lambda c, meta: c.found(CalendarFacts("a", "A", "甲", base=base), meta)
        ),
        calendar_years.map(lambda x: lambda c, meta: c.publish(*x, meta)),
        calendar_years.map(lambda x: lambda c, meta: c.foresee(*x, meta)),
        st.tuples(special_days, st.lists(dates, max_size=2), st.sampled_from("ab")).map(
            lambda x: lambda c, meta: c.correct(*x, meta)
        ),
    ),
}

# For a long life, the commands in the order in which they are mostly carried out.
ORDERLY: dict[type[Aggregate], list[Step]] = {
    Complaint: [
        receives(None, TEXT, Category.LOSS),
        Complaint.register,
        lambda c, meta: c.assign("north", None, meta),
        Complaint.start_investigation,
        proposes((Measure.APOLOGY, Measure.REDELIVERY), TEXT),
        Complaint.agree_resolution,
        lambda c, meta: c.answer(TEXT, meta),
        lambda c, meta: c.carry_out_remedy((), None, meta),
        lambda c, meta: c.follow_up(FollowUpOutcome.SATISFIED, None, meta),
        Complaint.close,
        lambda c, meta: c.rate(Score(5), None, replace(meta, actor=PersonId("agent-9"))),
    ],
    Shipment: [],
    ApiKey: [issues(Role.FRONT_DESK), ApiKey.revoke],
    Unit: [founds(UnitKind.OUTLET, "a", UUID(int=9)), Unit.close],
    Person: [
        lambda p, meta: p.join(PersonId("agent-1"), TEXT, meta),
        lambda p, meta: p.appoint(Role.FRONT_DESK, UUID(int=9), DAY, None, meta),
    ],
    Notice: [
        queues(NoticeChannel.EMAIL),
        lambda n, meta: n.record_in_doubt("smtp", 1, None, meta),
    ],
    ImprovementAction: [raises(PersonId("head-3"), DAY + timedelta(days=1))],
    Appeal: [
        receives_appeal,
        lambda a, meta: a.record_finding(TEXT, valid=True, meta=meta),
        determines(AppealLiability.COMPANY, "line"),
        lambda a, meta: a.settle((Measure.APOLOGY,), TEXT, meta),
        lambda a, meta: a.answer(TEXT, meta),
    ],
    ComplaintPolicy: [],
    ServiceLevelPolicy: [lambda p, meta: p.adopt("shop", SERVICE_LEVELS, DAY, meta)],
    CaseClocks: [lambda c, meta: c.rebase(UUID(int=7), "default", 1, meta), *CLOCK_RECORDS],
    Calendar: [
        lambda c, meta: c.found(CalendarFacts("a", "A", "甲"), meta),
        lambda c, meta: c.foresee(
            2027, [SpecialDay(date(2027, 10, 1), DayKind.HOLIDAY, "", "假")], "law", meta
        ),
    ],
}


def test_every_aggregate_is_replayed_here() -> None:
    assert set(COMMANDS) == {e.aggregate_class for e in EVENTS} == set(ORDERLY)


patiently = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""On a machine that does other things, too, drawing a life may take a while."""
by_aggregate = pytest.mark.parametrize("cls", sorted(COMMANDS, key=lambda c: c.KIND))
Life = list[tuple[Step, dict[str, Any]]]


@st.composite
def lives(draw: st.DrawFn, cls: type[Aggregate]) -> Life:
    """Draw commands: the orderly ones, now and then without one, and anything in between."""
    circumstances = st.fixed_dictionaries(
        {"occurred_at": instants, "actor": people, "reason": st.sampled_from([None, "because"])}
    )
    life: Life = []
    left_out = draw(st.sets(st.integers(0, len(ORDERLY[cls])), max_size=1))
    for number, step in enumerate([*ORDERLY[cls], None]):
        life += draw(st.lists(st.tuples(COMMANDS[cls], circumstances), max_size=3))
        if step is not None and number not in left_out:
            life.append((step, {"occurred_at": DAY + timedelta(hours=number)}))
    return life


def lived(cls: type[Aggregate], life: Life, meta: Callable[..., Metadata]) -> Aggregate:
    aggregate = cls(STREAM)
    for step, circumstances in life:
        try:
            step(aggregate, meta(**circumstances))
        except DomainError:
            continue
    return aggregate


def state_of(aggregate: Aggregate) -> dict[str, Any]:
    return {name: value for name, value in vars(aggregate).items() if name != "pending_events"}


@by_aggregate
@given(data=st.data())
@patiently
def test_a_replay_gives_the_aggregate_that_decided(
    scenario: Any, cls: type[Aggregate], data: st.DataObject
) -> None:
    decided = lived(cls, data.draw(lives(cls)), scenario.meta)

    replayed = None
    for recorded in decided.collect_events():
        replayed = recorded.mutate(replayed)

    assert state_of(replayed or cls(STREAM)) == state_of(decided)


@by_aggregate
@given(data=st.data())
@patiently
def test_events_are_numbered_without_gaps(
    scenario: Any, cls: type[Aggregate], data: st.DataObject
) -> None:
    aggregate = lived(cls, data.draw(lives(cls)), scenario.meta)

    events = aggregate.collect_events()
    assert [e.originator_version for e in events] == list(range(1, aggregate.version + 1))
    assert {e.originator_id for e in events} <= {STREAM}
    assert aggregate.collect_events() == []


def values(hint: Any) -> st.SearchStrategy[Any]:  # noqa: PLR0911  one line per type
    """Return values of a type of a field, few enough to come more than once."""
    plain: dict[Any, st.SearchStrategy[Any]] = {
        str: st.sampled_from(["a", "b"]),
        bool: st.booleans(),
        int: numbers,
        UUID: others,
        datetime: instants,
        NoneType: st.none(),
        PersonId: people,
        Score: scores,
        ShipmentFacts: facts,
        Milestone: milestones,
        ComplaintTerms: terms,
        date: dates,
    }
    if hint in plain:
        return plain[hint]
    if isinstance(hint, NewType):
        return values(hint.__supertype__)
    if PersonalText in get_args(hint):
        return maybe_personal if NoneType in get_args(hint) else personal
    if get_origin(hint) in {Union, UnionType}:
        return st.one_of([values(choice) for choice in get_args(hint)])
    if get_origin(hint) is tuple:
        return st.lists(values(get_args(hint)[0]), max_size=2).map(tuple)
    if is_dataclass(hint) and isinstance(hint, type):
        return st.builds(hint, **{n: values(h) for n, h in get_type_hints(hint).items()})
    assert issubclass(hint, Enum), hint
    return st.sampled_from(list(hint))


def fields_for(cls: type[DomainEvent]) -> st.SearchStrategy[dict[str, Any]]:
    hints = get_type_hints(cls)
    names = [name for name in cls._field_names if name != "meta"]
    return st.fixed_dictionaries({name: values(hints[name]) for name in names})


def happenings(cls: type[Aggregate]) -> st.SearchStrategy[tuple[type[DomainEvent], dict[str, Any]]]:
    """Draw events of an aggregate with no regard to its rules."""
    events = [e for e in EVENTS if e.aggregate_class is cls]
    return st.sampled_from(events).flatmap(lambda e: st.tuples(st.just(e), fields_for(e)))


@by_aggregate
@given(data=st.data())
@patiently
def test_no_recorded_event_is_ever_refused(
    scenario: Any, cls: type[Aggregate], data: st.DataObject
) -> None:
    events = data.draw(st.lists(happenings(cls), min_size=1, max_size=12))
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
