"""A snapshot is a shortcut: what is loaded is what the events say, with it and without it."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import fields, is_dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, LiteralString
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import psycopg
import pytest

from api.bootstrap import open_event_store
from application.desk import EventStore
from application.dispatch import Call, Dispatcher
from application.eventstore.reader import SNAPSHOT_EVERY
from application.eventstore.subject_keys import MasterKey
from application.permissions import Caller
from application.shipments import RecordMilestone, RecordShipment
from domain.aggregate import Aggregate
from domain.api_key import ApiKey
from domain.appeal import Appeal, AppealAuthority
from domain.calendar import Calendar, CalendarFacts
from domain.case_clocks import CaseClocks, clocks_id
from domain.categories import Category
from domain.complaint import Complaint
from domain.complaint_policy import COMPLAINT_POLICY, DEFAULT_TERMS, ComplaintPolicy
from domain.complaint_words import (
    Channel,
    ChecklistOutcome,
    EvidenceKind,
    LinkedKind,
    Measure,
    RuleSource,
    Severity,
)
from domain.identifiers import Waybill, shipment_id
from domain.improvement import ImprovementAction
from domain.metadata import Metadata, PolicyVersion
from domain.money import Money
from domain.notice import Notice, NoticeTemplate
from domain.notifying import Language, NoticeChannel
from domain.organisation import Unit, UnitFacts, UnitKind
from domain.personal import PersonalText
from domain.rating import score
from domain.roles import PersonId, Role
from domain.service_level_policy import ServiceLevelPolicy, policy_id
from domain.service_levels.calendars import DayKind, SpecialDay, calendar_id
from domain.service_levels.standard import standard_terms
from domain.shipment import Milestone, MilestoneKind, ServiceClass, Shipment, ShipmentFacts
from domain.staff import Person, staff_id

TEXT: LiteralString = "convert_from(state, 'UTF8')"
REPLACED: LiteralString = (
    "UPDATE log.snapshots SET state = convert_to(replace(%s, '%s', '%s'), 'UTF8')"
)
ZONE = ZoneInfo("Asia/Shanghai")
WAYBILL = Waybill("SF1234567890")
CALLER = Caller("desk-1", PersonId("desk-1"), Role.FRONT_DESK)
KINDS = list(MilestoneKind)


def received(meta: Metadata) -> Complaint:
    customer = uuid4()
    made = Complaint(uuid4())
    made.receive(
        replace(meta, policy=PolicyVersion(COMPLAINT_POLICY, 3)),
        number="C-2026-000001",
        channel=Channel.SMS,
        category=Category.DELAY,
        severity=Severity.MAJOR,
        urgent=True,
        customer=customer,
        complainant=PersonalText(customer, "Li"),
        subject=PersonalText(customer, "late"),
        facts=PersonalText(customer, "very late"),
        waybill=WAYBILL,
        shipment=shipment_id(WAYBILL),
        accused=PersonId("courier-9"),
        partner="partner-1",
    )
    return made


def complaint(meta: Metadata) -> Complaint:
    """A case of every kind of step; at its end, hardly an attribute is as it was at first."""
    made = received(meta)
    assert made.customer is not None
    told = PersonalText(made.customer, "sorry")
    because = replace(meta, reason="twice in the books")
    made.register(meta)
    for number in range(2):
        made.add_evidence(
            meta,
            kind=EvidenceKind.PHOTOGRAPH,
            media_type="image/jpeg",
            size=5,
            sha256=f"{number}" * 64,
            reference=told,
        )
    made.link(LinkedKind.SHIPMENT, shipment_id(WAYBILL), meta)
    received(meta).merge(made, because)
    made.settle_checklist_item("verify_facts", ChecklistOutcome.DONE, meta)
    for number in range(54):
        made.assign(f"department {number}", PersonId(f"handler-{number}"), meta)
    made.start_investigation(meta)
    for agreed in (True, False):
        made.propose_resolution(
            meta,
            rule_source=RuleSource.LAW,
            rule="art. 27",
            measures=(Measure.APOLOGY, Measure.REDELIVERY),
            proposal=told,
            feasibility="easy",
        )
        if agreed:
            made.agree_resolution(meta)
            made.wait_for_customer(told, meta)
            made.resume(customer_answered=True, meta=meta)
            made.answer(told, meta)
            made.carry_out_remedy((Measure.REDELIVERY,), None, meta)
            made.dispute(told, meta)
    made.answer(told, meta)
    made.close(meta)
    made.rate(score(2), None, replace(meta, actor=PersonId("desk-2")))
    return made


def merged_complaint(meta: Metadata) -> Complaint:
    made = received(meta)
    made.merge(received(meta), replace(meta, reason="twice in the books"))
    return made


def shipment(meta: Metadata) -> Shipment:
    customer = uuid4()
    made = Shipment(shipment_id(WAYBILL))
    made.open(WAYBILL, "partner-1", meta)
    facts = ShipmentFacts(
        service_class=ServiceClass.INTERNATIONAL,
        promised_by=meta.occurred_at + timedelta(days=3, microseconds=1),
        fee=Money(1234, "CNY"),
        insured=True,
        customer=customer,
    )
    made.record_facts(facts, meta)
    for number in range(52):
        at = meta.occurred_at + timedelta(minutes=number, microseconds=number)
        place = None if number % 3 == 0 else f"hub {number}"
        step = Milestone(KINDS[number % len(KINDS)], place)
        made.record_milestone(step, replace(meta, occurred_at=at))
    made.deliver(PersonalText(customer, "Li"), meta)
    for number in range(3):
        made.rate_delivery(f"r-{number}", score(5), meta)
    return made


def api_key(meta: Metadata) -> ApiKey:
    made = ApiKey(uuid4())
    made.issue(meta, prefix="p", digest="d", key_role=Role.PARTNER, holder=PersonId("partner-1"))
    made.revoke(meta)
    return made


def unit(meta: Metadata) -> Unit:
    facts = UnitFacts(UnitKind.OUTLET, "0571-1", "West Lake", "西湖", uuid4(), "Asia/Shanghai")
    made = Unit(uuid4())
    made.found(facts, meta)
    made.rename("Lake", "湖", replace(meta, occurred_at=meta.occurred_at + timedelta(days=1)))
    made.move(uuid4(), replace(meta, occurred_at=meta.occurred_at + timedelta(days=2)))
    made.close(replace(meta, occurred_at=meta.occurred_at + timedelta(days=3)))
    return made


def person(meta: Metadata) -> Person:
    made = Person(staff_id(PersonId("desk-1")))
    made.join(PersonId("desk-1"), PersonalText(made.id, "Li"), meta)
    for role in (Role.FRONT_DESK, Role.COMPLIANCE):
        made.appoint(role, uuid4(), meta.occurred_at, None, meta)
    made.end_appointment(1, meta.occurred_at + timedelta(microseconds=1), meta)
    return made


def notice(meta: Metadata) -> Notice:
    made = Notice(uuid4())
    made.queue(
        meta,
        case=uuid4(),
        case_number="C-2026-000001",
        occasion="v1",
        template=NoticeTemplate.RECEIVED,
        channel=NoticeChannel.SMS,
        language=Language.ZH,
    )
    made.record_in_doubt("sms", 1, None, meta)
    return made


def improvement(meta: Metadata) -> ImprovementAction:
    made = ImprovementAction(uuid4())
    made.raise_for(
        uuid4(),
        department="north",
        owner=PersonId("head-1"),
        due_at=meta.occurred_at + timedelta(days=1),
        task="train the couriers",
        meta=meta,
    )
    made.hand_over(PersonId("head-2"), meta)
    return made


def appeal(meta: Metadata) -> Appeal:
    made, text = Appeal(uuid4()), PersonalText(uuid4(), "text")
    made.receive(
        meta,
        number="S-2026-000001",
        complaint=uuid4(),
        customer=text.subject,
        authority=AppealAuthority.OTHER,
        reference="7",
        cause=Category.LOSS,
        facts=text,
        department="hub",
        region="east",
        outlet="lake",
    )
    made.record_finding(text, valid=True, meta=meta)
    return made


def complaint_policy(meta: Metadata) -> ComplaintPolicy:
    made = ComplaintPolicy(COMPLAINT_POLICY)
    for days in (1, 2):
        terms = replace(DEFAULT_TERMS, reopen_days=days)
        made.adopt(terms, meta.occurred_at + timedelta(days=days), meta)
    return made


def service_level_policy(meta: Metadata) -> ServiceLevelPolicy:
    made = ServiceLevelPolicy(policy_id("key_account"))
    terms = standard_terms(ZONE.key)["key_account"]
    made.adopt("key_account", terms, meta.occurred_at, meta)
    made.end(meta.occurred_at + timedelta(days=1), meta)
    return made


def case_clocks(meta: Metadata) -> CaseClocks:
    case = uuid4()
    made = CaseClocks(clocks_id(case))
    made.warn(case, "answer", 1, meta.occurred_at, meta)
    made.rebase(case, "key_account", 1, replace(meta, reason="a key account"))
    return made


def calendar(meta: Metadata) -> Calendar:
    made = Calendar(calendar_id("cn"))
    made.found(CalendarFacts("cn", "China", "中国"), meta)
    new_year = SpecialDay(date(2027, 1, 1), DayKind.HOLIDAY, "New Year", "元旦")
    made.foresee(2027, [new_year], "law", meta)
    made.publish(2027, [new_year], "notice", meta)
    return made


MAKERS: list[Any] = [
    *(complaint, merged_complaint, shipment, api_key, unit, person, notice, improvement),
    *(appeal, calendar, case_clocks),
    *(complaint_policy, service_level_policy),
]


def attributes_of(aggregate: Aggregate) -> dict[str, Any]:
    """Everything that an aggregate is, with the types of it."""
    return {
        name: (_types_of(value), value)
        for name, value in vars(aggregate).items()
        if name != "pending_events"
    }


def _types_of(value: Any) -> Any:
    if isinstance(value, dict):
        return dict, {(_types_of(key), _types_of(entry)) for key, entry in value.items()}
    if isinstance(value, (set, frozenset)):
        return type(value), {_types_of(entry) for entry in value}
    if isinstance(value, (tuple, list)):
        return type(value), tuple(_types_of(entry) for entry in value)
    if is_dataclass(value):
        entries = (getattr(value, f.name) for f in fields(value))
        return type(value), tuple(_types_of(entry) for entry in entries)
    return datetime if isinstance(value, datetime) else type(value)


@asynccontextmanager
async def opened(database: str, master: MasterKey) -> AsyncIterator[EventStore]:
    async with asyncio.timeout(60), open_event_store(database, master, zone=ZONE) as store:
        yield store


async def stored(store: EventStore, aggregate: Aggregate) -> None:
    events = aggregate.collect_events()
    subjects = frozenset(subject for event in events for subject in store.mapper.subjects_of(event))
    await store.reader.look_up_keys(set(subjects))
    encoded = [store.mapper.to_stored_event(event) for event in events]
    await store.writer.append(encoded, subjects=subjects)


def query(database: str, statement: LiteralString) -> list[tuple[Any, ...]]:
    with psycopg.connect(database, autocommit=True) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


def test_every_aggregate_is_made_here(meta: Metadata) -> None:
    domain = {cls for cls in concrete(Aggregate) if cls.__module__.startswith("domain.")}
    assert {type(make(meta)) for make in MAKERS} == domain


def concrete(cls: type[Aggregate]) -> Iterator[type[Aggregate]]:
    """Yield what is an aggregate, not a part of one: the last classes of all chains."""
    parts = cls.__subclasses__()
    yield from (found for part in parts for found in concrete(part)) if parts else (cls,)


@pytest.mark.parametrize("make", MAKERS, ids=lambda make: make.__name__)
def test_a_snapshot_and_its_tail_load_as_the_events_alone_at_every_version(
    database: str, master: MasterKey, meta: Metadata, make: Any
) -> None:
    async def main() -> None:
        async with opened(database, master) as store:
            made = make(meta)
            await stored(store, made)
            expected = attributes_of(await store.reader.load(type(made), made.id))
            assert expected == attributes_of(made)
            rows = query(
                database,
                "SELECT originator_version, topic, state FROM log.stored_events"
                " ORDER BY originator_version",
            )
            partial: Any = None
            for version, topic, state in rows:
                partial = store.mapper.decode(made.id, version, topic, state).mutate(partial)
                snapshot = store.reader.encode_snapshot(partial)
                assert snapshot.version == version
                await store.reader.keep_snapshot(snapshot)
                assert attributes_of(await store.reader.load(type(made), made.id)) == expected
            # Older ones were dropped, and the newest is really used.
            kept = query(database, "SELECT originator_version FROM log.snapshots")
            assert kept == [(made.version,)]

    asyncio.run(main())


def test_a_snapshot_is_used_where_there_is_one(
    database: str, master: MasterKey, meta: Metadata
) -> None:
    """Or else all the tests here would judge nothing."""

    async def main() -> None:
        async with opened(database, master) as store:
            made = shipment(meta)
            await stored(store, made)
            made.ratings = {"only in the snapshot"}
            await store.reader.keep_snapshot(store.reader.encode_snapshot(made))
            found = await store.reader.load(Shipment, made.id)
            assert found.ratings == {"only in the snapshot"}
            found = await store.reader.load(Shipment, made.id, use_snapshot=False)
            assert found.ratings == {"r-0", "r-1", "r-2"}

    asyncio.run(main())


def test_a_snapshot_is_taken_whenever_so_many_events_were_passed(
    database: str, master: MasterKey
) -> None:
    began = datetime(2026, 3, 1, tzinfo=UTC)

    async def main() -> None:
        async with opened(database, master) as store:
            dispatcher = Dispatcher(store, lambda: began + timedelta(days=1))
            seen = []
            for number in range(2 * SNAPSHOT_EVERY + 3):
                command = RecordMilestone(
                    waybill=WAYBILL,
                    milestone=Milestone(MilestoneKind.HUB_SCAN, f"hub {number}"),
                    occurred_at=began + timedelta(minutes=number),
                )
                if number == 0:
                    await dispatcher.execute(
                        RecordShipment(waybill=WAYBILL, facts=ShipmentFacts()), Call(caller=CALLER)
                    )
                await dispatcher.execute(command, Call(caller=CALLER))
                if store._snapshots:
                    await asyncio.wait(store._snapshots)
                    seen += query(database, "SELECT originator_version FROM log.snapshots")
            assert seen == [(SNAPSHOT_EVERY,), (2 * SNAPSHOT_EVERY,)]
            stream = shipment_id(WAYBILL)
            with_it = await store.reader.load(Shipment, stream)
            without = await store.reader.load(Shipment, stream, use_snapshot=False)
            assert attributes_of(with_it) == attributes_of(without)
            cached = store.take(stream)
            assert cached is not None
            assert attributes_of(cached) == attributes_of(without)
            assert with_it.version == 2 * SNAPSHOT_EVERY + 5
            assert len(with_it.milestones) == 2 * SNAPSHOT_EVERY + 3

    asyncio.run(main())


@pytest.mark.parametrize(
    "damage",
    [
        "DELETE FROM log.snapshots",
        "UPDATE log.snapshots SET state = ''",
        "UPDATE log.snapshots SET state = 'no json'",
        "UPDATE log.snapshots SET state = '{}'",
        "UPDATE log.snapshots SET state = '[]'",
        "UPDATE log.snapshots SET state = '{\"v\":1}'",
        'UPDATE log.snapshots SET state = \'{"v":1,"data":{}}\'',
        'UPDATE log.snapshots SET state = \'{"v":1,"data":{"waybill":7}}\'',
        REPLACED % (TEXT, '"milestones"', '"stations"'),
        # As other code would have written it, with other attributes under another version.
        REPLACED % ("replace(" + TEXT + ", '\"v\":1', '\"v\":0')", "r-0", "r-9"),
        REPLACED % ("replace(" + TEXT + ", '\"v\":1', '\"v\":2')", "r-0", "r-9"),
    ],
)
def test_a_missing_foreign_or_unreadable_snapshot_never_changes_what_is_loaded(
    database: str, master: MasterKey, meta: Metadata, damage: LiteralString
) -> None:
    async def main() -> None:
        async with opened(database, master) as store:
            made = shipment(meta)
            expected = attributes_of(made)
            await stored(store, made)
            await store.reader.keep_snapshot(store.reader.encode_snapshot(made))
            before = query(database, "SELECT state FROM log.snapshots")
            query(database, damage)
            assert query(database, "SELECT state FROM log.snapshots") != before
            assert attributes_of(await store.reader.load(Shipment, made.id)) == expected

    asyncio.run(main())


def test_a_snapshot_holds_no_personal_text(
    database: str, master: MasterKey, meta: Metadata
) -> None:
    async def main() -> None:
        async with opened(database, master) as store:
            for made in (make(meta) for make in MAKERS):
                snapshot = store.reader.encode_snapshot(made)
                assert snapshot.topic == f"snapshot.{made.KIND}"
                for text in (b"very late", b"sorry", b"Li"):
                    assert text not in snapshot.state

    asyncio.run(main())


def test_a_stream_without_events_loads_blank(database: str, master: MasterKey) -> None:
    async def main() -> None:
        async with opened(database, master) as store:
            blank = await store.reader.load(Shipment, UUID(int=1))
            assert attributes_of(blank) == attributes_of(Shipment(UUID(int=1)))

    asyncio.run(main())
