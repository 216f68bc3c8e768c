"""The demonstration: plausible, the same for the same seed, played once however often."""

import asyncio
import json
import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import psycopg
import pytest
from psycopg import sql

from api.bootstrap import open_dispatcher, open_event_store
from api.embedded_postgres import EmbeddedPostgres
from application.demonstration import Play, Script, load
from application.demonstration.clock import CHINA, DAY, HOUR, Clock
from application.demonstration.company import DEPARTMENTS, FEW_PLACES, PLACES
from application.demonstration.people import staff
from application.demonstration.phrases import Phrases, wording
from application.eventstore.subject_keys import MasterKey
from domain.categories import Category
from domain.complaint import Complaint
from domain.complaint_life import ComplaintState
from domain.notifying import Language, NoticeChannel, notice_channel_for
from domain.organisation import UnitKind, unit_id
from domain.roles import Role
from domain.staff import staff_id
from tests.demonstration import Told, content, streams, told

UNTIL = date(2026, 3, 2)
END = datetime(2026, 3, 2, tzinfo=CHINA).astimezone(UTC)
SIZE = 130
SCRIPT = Script(SIZE, 7, UNTIL)
HAN = re.compile(r"[\u4e00-\u9fff]")


def play(
    conninfo: str, master: MasterKey, script: Script, *, done: int = 0, at_once: int = 48
) -> list[int]:
    """Play a script, and return what was said of the progress."""
    heard: list[int] = []

    async def perform() -> None:
        async with open_dispatcher(
            conninfo, master, zone=ZoneInfo("Asia/Shanghai"), cached=200
        ) as dispatcher:
            await Play(script, dispatcher).perform(done=done, at_once=at_once, on_done=heard.append)

    asyncio.run(perform())
    return heard


def load_small(conninfo: str, master: MasterKey) -> None:
    async def perform() -> None:
        async with open_dispatcher(conninfo, master, zone=ZoneInfo("UTC")) as dispatcher:
            await load(dispatcher, END + timedelta(hours=7))

    asyncio.run(perform())


def count(conninfo: str) -> int:
    with psycopg.connect(conninfo) as connection:
        row = connection.execute("SELECT count(*) FROM log.stored_events").fetchone()
    assert row is not None
    return int(row[0])


def states(conninfo: str, master: MasterKey) -> Counter[ComplaintState]:
    """Return how many complaints are in which state, by their own rules."""
    with psycopg.connect(conninfo) as connection:
        rows = connection.execute(
            "SELECT originator_id FROM log.stored_events WHERE topic = 'complaint.received'"
        ).fetchall()

    async def look() -> list[Complaint]:
        async with open_event_store(conninfo, master, zone=ZoneInfo("UTC")) as store:
            return [await store.reader.load(Complaint, stream) for (stream,) in rows]

    return Counter(complaint.state for complaint in asyncio.run(look()))


@pytest.fixture(scope="module")
def played(postgres: EmbeddedPostgres, master: MasterKey) -> Iterator[str]:
    """A database in which the script was played, for tests that only look."""
    name = f"t_{uuid4().hex}"
    database = sql.Identifier(name)
    with psycopg.connect(postgres.conninfo(dbname="postgres"), autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE redress_template").format(database))
        play(postgres.conninfo(dbname=name), master, SCRIPT)
        yield postgres.conninfo(dbname=name)
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(database))


@pytest.fixture(scope="module")
def histories(played: str, master: MasterKey) -> dict[UUID, list[Told]]:
    return streams(told(played, master))


@pytest.fixture(scope="module")
def cases(histories: dict[UUID, list[Told]]) -> list[list[Told]]:
    return [h for h in histories.values() if h[0].topic == "complaint.received"]


# The same, and only once


def test_the_same_seed_plays_the_same_however_much_goes_on_at_once(
    database: str, played: str, master: MasterKey
) -> None:
    play(database, master, SCRIPT, at_once=3)

    assert content(database, master) == content(played, master)


def test_another_seed_plays_something_else(database: str, played: str, master: MasterKey) -> None:
    play(database, master, Script(20, 8, UNTIL))

    both = content(database, master) & content(played, master)
    # The company is the same one: only its customers and their parcels differ.
    assert {json.loads(history[0])[0] for history in both} == {"person.joined", "unit.founded"}


def test_a_larger_company_holds_the_cases_of_a_smaller_one(
    database: str, played: str, master: MasterKey
) -> None:
    play(database, master, Script(30, 7, UNTIL))

    assert not content(database, master) - content(played, master)


def test_playing_again_changes_nothing(database: str, master: MasterKey) -> None:
    script = Script(45, 7, UNTIL)
    heard = play(database, master, script)
    before, said = count(database), content(database, master)

    play(database, master, script)

    assert count(database) == before
    assert content(database, master) == said
    assert set(said.values()) == {1}
    assert heard[-1] == 44
    assert heard == sorted(heard)


def test_what_was_interrupted_goes_on_from_where_it_is_complete(
    database: str, played: str, master: MasterKey
) -> None:
    async def for_a_moment() -> int:
        heard, enough = [0], asyncio.Event()

        def hear(done: int) -> None:
            heard.append(done)
            if done >= 20:
                enough.set()

        async with open_dispatcher(database, master, zone=ZoneInfo("UTC")) as dispatcher:
            task = asyncio.create_task(Play(SCRIPT, dispatcher).perform(on_done=hear))
            await enough.wait()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        return heard[-1]

    done = asyncio.run(for_a_moment())
    assert 20 <= done < SIZE - 20
    play(database, master, SCRIPT, done=done)

    assert content(database, master) == content(played, master)


# What happens


def test_every_state_occurs(played: str, master: MasterKey) -> None:
    found = states(played, master)

    assert set(found) == set(ComplaintState) - {ComplaintState.BLANK}
    assert found.total() == SIZE
    assert found[ComplaintState.CLOSED] > SIZE / 2


def test_every_state_occurs_in_a_very_small_one_of_any_seed(
    database: str, master: MasterKey
) -> None:
    play(database, master, Script(14, 12345, date(2024, 2, 29)))

    assert set(states(database, master)) == set(ComplaintState) - {ComplaintState.BLANK}


def test_every_kind_of_step_occurs(cases: list[list[Told]]) -> None:
    found = {event.topic for case in cases for event in case}

    assert not found - {f"complaint.{name}" for name in PLAYED}
    assert len(found) >= len(PLAYED) - 2  # the rarest may miss in a company of this size


PLAYED = {
    *("received", "registered", "declined", "assigned", "investigation_started"),
    *("investigation_recorded", "resolution_proposed", "resolution_agreed", "resolution_rejected"),
    *("answered", "remedy_carried_out", "followed_up", "closed", "handling_rated", "reopened"),
    *("disputed", "withdrawn", "merged", "absorbed", "waiting_for_customer", "resumed"),
    *("evidence_added", "evidence_superseded", "linked", "reclassified", "severity_reassessed"),
    *("urgency_marked", "accused_named", "escalated", "feedback_given"),
    *("checklist_item_settled", "quality_step_taken"),
}


def test_times_are_in_order_and_past(histories: dict[UUID, list[Told]]) -> None:
    for history in histories.values():
        times = [datetime.fromisoformat(event.meta["occurred_at"]) for event in history]
        assert times == sorted(times), history[0].topic
        assert times[-1] < END


def test_a_parcel_is_sent_before_it_is_complained_of(histories: dict[UUID, list[Told]]) -> None:
    sent = {
        history[0].fields["waybill"]: history[0].meta["occurred_at"]
        for history in histories.values()
        if history[0].topic == "shipment.opened"
    }
    complained = [h[0] for h in histories.values() if h[0].topic == "complaint.received"]
    with_waybill = [event for event in complained if "waybill" in event.fields]

    assert 0.6 < len(with_waybill) / len(complained) < 0.9
    assert all(sent[e.fields["waybill"]] < e.meta["occurred_at"] for e in with_waybill)


def test_staff_of_the_department_work_in_office_hours(cases: list[list[Told]]) -> None:
    for case in cases:
        for event in case:
            if event.meta["role"] in {Role.BACK_OFFICE, Role.INVESTIGATOR}:
                local = datetime.fromisoformat(event.meta["occurred_at"]).astimezone(CHINA)
                assert 9 <= local.hour < 18, event
                assert local.weekday() < 6, event


# Who does it


def test_nobody_works_on_a_case_in_which_they_are_accused(cases: list[list[Told]]) -> None:
    found = 0
    for case in cases:
        named = [event.fields.get("accused") for event in case]
        accused = {name for name in named if isinstance(name, str)}
        accused |= {name for names in named if isinstance(names, list) for name in names}
        found += len(accused)
        workers = {event.meta["actor"] for event in case}
        workers |= {event.fields.get("handler") for event in case}
        workers |= {event.fields.get("to") for event in case}
        assert not accused & workers
    assert found > 3


def test_many_people_work_and_each_in_roles_that_they_hold_then(
    cases: list[list[Told]], histories: dict[UUID, list[Told]]
) -> None:
    outside = {"demo.partner"}
    actors = {event.meta["actor"] for case in cases for event in case}

    for event in (event for case in cases for event in case):
        actor, at = event.meta["actor"], datetime.fromisoformat(event.meta["occurred_at"])
        if actor in outside:
            continue
        steps = [(step.topic, step.fields) for step in histories[staff_id(actor)]]
        held = {
            f["number"]: f["role"]
            for topic, f in steps
            if topic == "person.appointed" and datetime.fromisoformat(f["starts_at"]) <= at
        }
        for topic, f in steps:
            if topic == "person.appointment_ended" and datetime.fromisoformat(f["ends_at"]) <= at:
                held.pop(f["number"])
        assert event.meta["role"] in held.values(), event
    assert len(actors) > 60


def test_the_units_of_cases_exist(
    cases: list[list[Told]], histories: dict[UUID, list[Told]]
) -> None:
    for case in cases:
        received = case[0].fields
        assert unit_id(UnitKind.REGION, received["region"]) in histories
        assert unit_id(UnitKind.OUTLET, received["outlet"]) in histories
        for event in case:
            if event.topic == "complaint.assigned":
                assert event.fields["department"] in DEPARTMENTS


def test_the_company_is_large_enough() -> None:
    members = staff(PLACES, many=True)

    assert len(PLACES) == 60
    assert 140 <= len(members) <= 170
    assert len({member.id for member in members}) == len(members)
    assert any(post.until for member in members for post in member.appointments)
    assert {post.role for m in members for post in m.appointments} == set(Role) - {
        *(Role.PARTNER, Role.CUSTOMER, Role.SYSTEM),
    }
    assert len(staff(FEW_PLACES, many=False)) < 40


def test_partners_bring_in_and_decide_their_own(cases: list[list[Told]]) -> None:
    theirs = [case for case in cases if "partner" in case[0].fields]

    assert theirs
    for case in cases:
        acted = {event.topic for event in case if event.meta["role"] == Role.PARTNER}
        assert bool(acted) == (case in theirs)
        assert acted <= {f"complaint.{step}" for step in BY_PARTNERS}


BY_PARTNERS = (
    *("received", "resolution_agreed", "resolution_rejected", "disputed", "handling_rated"),
)


# What is said


def test_most_complain_in_chinese_and_few_say_the_same(cases: list[list[Told]]) -> None:
    facts = [case[0].fields["facts"] for case in cases if case[-1].topic != "complaint.merged"]
    chinese = [text for text in facts if HAN.search(text)]

    assert 0.55 < len(chinese) / len(facts) < 0.85
    assert len(set(facts)) > 0.95 * len(facts)
    assert not any("{" in text for text in facts)


def test_no_contact_reaches_anybody(cases: list[list[Told]]) -> None:
    for case in cases:
        contact = case[0].fields.get("contact")
        if contact is not None:
            assert re.fullmatch(r"1380000\d{4}|\+44 7700 900\d{3}|\S+@example\.com", contact)
            assert notice_channel_for(contact) is not NoticeChannel.NONE


@pytest.mark.parametrize("language", Language)
def test_everything_can_be_said_about_every_category(language: Language) -> None:
    words = wording(language)
    slots = dict.fromkeys(
        ("days", "hours", "item", "origin", "destination", "outlet", "street"), "5"
    )
    for category in Category:
        about = words.about[category]
        assert len(about.wishes) >= 2
        assert len(about.told) >= 4
        for told_once in about.told:
            assert told_once.findings
            for text in (*told_once.subjects, told_once.happened):
                text.format_map(slots)
            for finding in told_once.findings:
                finding.text.format_map(slots)
                assert all(one.measures and one.rule and one.plan for one in finding.resolutions)
        assert len(about.told) * len(words.common["efforts"]) * len(words.common["moods"]) > 300


def test_both_languages_say_the_same_things() -> None:
    zh, en = wording(Language.ZH), wording(Language.EN)

    assert zh.common.keys() == en.common.keys()
    for kind, texts in zh.common.items():
        assert all(HAN.search(text) for text in texts), kind
        assert not any(HAN.search(text) for text in en.common[kind]), kind
    for category in Category:
        assert shape(zh.about[category]) == shape(en.about[category])


def shape(about: Phrases) -> list[Any]:
    """Return what the phrases of a category are like, whatever they say."""
    return [
        (told.arrived, [[one.measures for one in f.resolutions] for f in told.findings])
        for told in about.told
    ]


# The small one


def test_the_small_company_shows_every_state_and_is_loaded_once(
    database: str, master: MasterKey
) -> None:
    load_small(database, master)
    before = count(database)
    load_small(database, master)

    assert count(database) == before < 500
    assert set(states(database, master)) == set(ComplaintState) - {ComplaintState.BLANK}
    everything = [event for h in streams(told(database, master)).values() for event in h]
    assert sum(event.topic == "shipment.opened" for event in everything) == 20
    assert "complaint.escalated" in {event.topic for event in everything}
    assert max(datetime.fromisoformat(e.meta["occurred_at"]) for e in everything) < END


# The clock


def test_the_office_opens_from_monday_to_saturday() -> None:
    clock = Clock(date(2026, 3, 2))  # a Monday: the second before it is Sunday night
    saturday = -2 * DAY

    assert clock.weekday(-1) == 6
    assert clock.date_of(-1) == date(2026, 3, 1)
    assert clock.office(saturday + 10 * HOUR) == saturday + 10 * HOUR
    assert clock.office(saturday + 19 * HOUR) >= 9 * HOUR
    assert clock.office(saturday + 3 * HOUR) // HOUR in {-48 + 9, -48 + 10}
    assert clock.polite(saturday + 19 * HOUR) == saturday + 19 * HOUR
    assert clock.polite(saturday + 22 * HOUR) >= saturday + 32 * HOUR
    assert clock.at(-1) == END - timedelta(seconds=1)
