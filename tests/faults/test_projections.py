"""Projections under faults: exactly once, poison parked, rebuilt while everything runs."""

import asyncio
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from api.bootstrap import as_role, open_dispatcher
from application.dispatch import Call
from application.permissions import Caller
from application.standard_content import load_standard_content
from domain.complaint import Complaint
from domain.metadata import Source, SourceKind
from domain.roles import PersonId, Role
from domain.service_level_policy import policy_id
from domain.service_levels.calendars import CHINA, calendar_id
from domain.service_levels.standard import DEFAULT
from projections import PROJECTIONS
from projections.engine import Batch, Entry, Projection, on
from projections.rebuild import RebuildRunningError
from projections.tables import Table

HERE = Path(__file__).parent
SYSTEM = Call(
    caller=Caller("system", PersonId("system"), Role.SYSTEM), source=Source(SourceKind.SYSTEM)
)
LAST = "SELECT coalesce(max(notification_id), 0) FROM log.stored_events"
ReadModels = Callable[[str], dict[str, list[str]]]
Eventually = Callable[..., Any]


def expect_rebuilt_equals(company: Any, read_models: ReadModels) -> None:
    assert company.rows("SELECT * FROM ops.parked_events") == []
    live = read_models(company.conninfo)
    assert len(live["read.case_entries"]) == company.rows(LAST)[0][0]
    company.rebuild()
    assert read_models(company.conninfo) == live


@contextmanager
def projector_process(company: Any) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, HERE / "projector.py", company.conninfo, "keep"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == b"ready\n"
        yield process
        process.stdin.close()
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.wait(10)
        process.stdout.close()


def test_two_projector_processes_never_double(
    company: Any, read_models: ReadModels, eventually: Eventually
) -> None:
    with projector_process(company), projector_process(company):
        for _ in range(5):
            company.write(20)
        eventually(company.caught_up, 30)
    expect_rebuilt_equals(company, read_models)


@pytest.mark.acceptance
def test_projector_killed_in_the_middle_of_batches(
    company: Any, read_models: ReadModels, *, full_volume: bool
) -> None:
    seed = random.SystemRandom().randrange(1_000_000)
    kills = 200 if full_volume else 25
    company.write(4 * kills)
    done = subprocess.run(
        [sys.executable, HERE / "projector.py", company.conninfo, "die", str(seed), str(kills)],
        timeout=300,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    deaths = done.stdout.split()
    print(f"seed {seed}: {deaths.count('killed')} projectors killed of {kills}")
    assert deaths.count("killed") > kills / 2
    company.project()
    expect_rebuilt_equals(company, read_models)


@dataclass(slots=True)
class TallyRow:
    """Counts what a stream's events do: one that is doubled or lost shows."""

    id: UUID
    seen: int
    last: int


TALLIES = Table("tallies", TallyRow)


class TallyProjection(Projection):
    """Chokes on one stream at its second event, as long as it is told to."""

    name = "tallies"
    tables = (TALLIES,)
    keyed = (TALLIES,)
    poison: UUID | None = None

    @on(Complaint.Received)
    def received(self, event: Complaint.Received, _entry: Entry, batch: Batch) -> None:
        batch.put(TALLIES, TallyRow(event.originator_id, 1, 1))

    @on(Complaint.Registered)
    def registered(self, event: Complaint.Registered, entry: Entry, batch: Batch) -> None:
        self._count(entry, batch)
        if event.originator_id == self.poison:
            raise ValueError("a secret of Customer 1")

    @on(Complaint.Assigned)
    def assigned(self, _event: Complaint.Assigned, entry: Entry, batch: Batch) -> None:
        self._count(entry, batch)

    @on(Complaint.Closed)
    def closed(self, _event: Complaint.Closed, entry: Entry, batch: Batch) -> None:
        self._count(entry, batch)

    def _count(self, entry: Entry, batch: Batch) -> None:
        row = batch.change(TALLIES, entry.stream)
        row.seen += 1
        row.last = entry.version


@pytest.fixture
def tallies(company: Any) -> TallyProjection:
    with psycopg.connect(as_role(company.conninfo, "redress_owner")) as connection:
        connection.execute(
            "CREATE TABLE read.tallies"
            " (id uuid PRIMARY KEY, seen bigint NOT NULL, last bigint NOT NULL)"
        )
    return TallyProjection()


def tally(company: Any) -> dict[UUID, tuple[int, int]]:
    return {row[0]: row[1:] for row in company.rows("SELECT id, seen, last FROM read.tallies")}


@pytest.mark.parametrize("batch_events", [1, 4, 1000])
def test_poison_is_parked_its_stream_waits_and_a_rebuild_heals(
    company: Any, tallies: TallyProjection, batch_events: int
) -> None:
    first, poisoned, third = company.write(3)
    tallies.poison = poisoned
    company.project(tallies, batch_events=batch_events)
    whole = (4, 7)  # received, registered, assigned, closed: what lies between is not counted
    assert tally(company) == {first: whole, poisoned: (1, 1), third: whole}

    later = company.write(2)
    company.project(tallies, batch_events=batch_events)
    assert tally(company) == {first: whole, third: whole, poisoned: (1, 1)} | dict.fromkeys(
        later, whole
    )
    with psycopg.connect(as_role(company.conninfo, "redress_reader")) as connection:
        parked = connection.execute(
            "SELECT projection, originator_id, topic, error FROM ops.parked_events"
            " ORDER BY position"
        ).fetchall()
    assert [row[:3] for row in parked] == [
        ("tallies", poisoned, f"complaint.{name}") for name in ("registered", "assigned", "closed")
    ]
    assert parked[0][3].startswith("ValueError in registered:")
    assert {row[3] for row in parked[1:]} == {"behind a parked event of its stream"}

    company.rebuild(tallies)
    assert len(company.rows("SELECT FROM ops.parked_events")) == 3  # still poison, still shown
    tallies.poison = None
    company.project(tallies)  # parked stays parked: its order is lost
    assert tally(company)[poisoned] == (1, 1)
    company.rebuild(tallies)
    assert company.rows("SELECT FROM ops.parked_events") == []
    assert tally(company) == dict.fromkeys([first, poisoned, third, *later], whole)


def store_state(company: Any, stream: UUID, state: bytes) -> bytes:
    """Replace the third event of a stream, as no role but the superuser can; return the old one."""
    with psycopg.connect(company.conninfo) as connection:
        row = connection.execute(
            "SELECT state FROM log.stored_events"
            " WHERE originator_id = %s AND originator_version = 3",
            [stream],
        ).fetchone()
        connection.execute(
            "UPDATE log.stored_events SET state = %s"
            " WHERE originator_id = %s AND originator_version = 3",
            [state, stream],
        )
    assert row is not None
    return bytes(row[0])


@pytest.mark.parametrize(
    "state", [b"\x00\xff", b"{}", b"null", b"", b'{"v":1,"meta":null,"data":{}}', b"[" * 100_000]
)
def test_an_undecodable_event_is_parked_by_every_read_model(
    company: Any, read_models: ReadModels, state: bytes
) -> None:
    _, corrupt, _ = company.write(3)
    good = store_state(company, corrupt, state)
    company.project()
    parked = company.rows(
        "SELECT projection, topic, error FROM ops.parked_events ORDER BY projection, position"
    )
    steps = ("assigned", "investigation_started", "resolution_proposed", "answered", "closed")
    topics = [f"complaint.{name}" for name in (*steps, "handling_rated")]
    assert [row[:2] for row in parked if row[0] == "complaints"] == [
        ("complaints", topic) for topic in topics
    ]
    assert [row[:2] for row in parked if row[0] == "audit"] == [("audit", t) for t in topics]
    taken = [("ratings", topic) for topic in (topics[0], topics[-1])]
    assert [row[:2] for row in parked if row[0] == "ratings"] == taken
    # No other takes an assignment.
    assert {row[0] for row in parked} == {"audit", "complaints", "ratings", "service_levels"}
    assert company.caught_up()
    states = dict(company.rows("SELECT id, state FROM read.complaints"))
    assert sorted(states.values()) == ["closed", "closed", "registered"]
    assert states[corrupt] == "registered"

    store_state(company, corrupt, good)
    company.rebuild()
    expect_rebuilt_equals(company, read_models)
    assert company.rows("SELECT DISTINCT state FROM read.complaints") == [("closed",)]


def test_an_event_of_an_unknown_topic_is_parked_and_shown(company: Any) -> None:
    (stream,) = company.write(1)
    with psycopg.connect(company.conninfo) as connection:
        connection.execute(
            "INSERT INTO log.stored_events SELECT %s, originator_version + 1, 'complaint.new_kind',"
            " state, notification_id + 1, recorded_at FROM log.stored_events"
            " ORDER BY notification_id DESC LIMIT 1",
            [stream],
        )
    company.project()
    parked = company.rows("SELECT projection, topic FROM ops.parked_events ORDER BY projection")
    assert parked == [(name, "complaint.new_kind") for name in ("audit", "complaints")]
    assert company.caught_up()


UNREADABLE = "UPDATE log.stored_events SET state = 'x' WHERE notification_id = %s"
NEVER_FOUNDED = """
UPDATE log.stored_events SET originator_id = gen_random_uuid(), originator_version = 1
WHERE notification_id = %s
"""
"""The event can be read, but tells of a calendar that is not there."""
OF_STREAM = """
SELECT notification_id FROM log.stored_events
WHERE originator_id = %s ORDER BY notification_id
"""


def load_content(company: Any) -> None:
    """Load the calendars and policies that the product ships with."""

    async def load() -> None:
        zone = ZoneInfo("UTC")
        async with open_dispatcher(company.conninfo, company.master, zone=zone) as dispatcher:
            await load_standard_content(dispatcher, SYSTEM, zone)

    asyncio.run(load())


def break_rule(company: Any, stream: UUID, at: int, how: str) -> list[int]:
    """Break an event of a stream; return the positions of all."""
    positions = [row[0] for row in company.rows(OF_STREAM, stream)]
    with psycopg.connect(company.conninfo) as connection:
        assert connection.execute(how, [positions[at]]).rowcount == 1
    return positions


def parked_rules(company: Any) -> list[tuple[int, str]]:
    parked: list[tuple[int, str]] = company.rows(
        "SELECT position, error FROM ops.parked_events"
        " WHERE projection = 'service_levels' ORDER BY position"
    )
    return parked


@pytest.mark.parametrize("restarted", [False, True], ids=["live", "restarted"])
@pytest.mark.parametrize(
    ("stream", "at", "how"),
    [
        (calendar_id(CHINA), -3, UNREADABLE),
        (calendar_id(CHINA), -1, NEVER_FOUNDED),
        (calendar_id(CHINA), 0, UNREADABLE),
        (policy_id(DEFAULT), -1, UNREADABLE),
    ],
    ids=["year", "year of no calendar", "calendar", "policy"],
)
def test_a_rule_that_cannot_be_used_is_left_out_however_the_log_is_read(
    company: Any, read_models: ReadModels, stream: UUID, at: int, how: str, *, restarted: bool
) -> None:
    load_content(company)
    positions = break_rule(company, stream, at, how)
    with company.projector(batch_events=5) as kept:
        for _ in range(2):
            company.write(1)
            for projection in PROJECTIONS.values():
                moved = True
                while moved:
                    with company.projector(batch_events=5) as begun:
                        moved = bool((begun if restarted else kept).advance(projection))

    assert company.caught_up()
    assert len(company.rows("SELECT FROM read.complaints WHERE state = 'closed'")) == 2
    rules = [row for row in parked_rules(company) if row[0] in positions]
    assert [position for position, _ in rules] == positions[at:]
    assert {error for _, error in rules[1:]} <= {"behind a parked event of its stream"}

    live = read_models(company.conninfo), parked_rules(company)
    company.rebuild()
    assert (read_models(company.conninfo), parked_rules(company)) == live


def test_a_rule_that_a_rebuild_healed_is_known_to_who_projected_all_the_time(
    company: Any, read_models: ReadModels
) -> None:
    load_content(company)
    with psycopg.connect(company.conninfo) as connection:
        connection.execute("CREATE TABLE public.kept AS TABLE log.stored_events")
    break_rule(company, calendar_id(CHINA), -1, UNREADABLE)
    service_levels = PROJECTIONS["service_levels"]
    with company.projector() as kept:
        while kept.advance(service_levels):
            pass
        assert len(parked_rules(company)) == 1
        with psycopg.connect(company.conninfo) as connection:
            connection.execute(
                "UPDATE log.stored_events AS e SET state = k.state FROM public.kept AS k"
                " WHERE k.notification_id = e.notification_id AND k.state <> e.state"
            )
        company.rebuild(service_levels)
        company.write(1)
        while kept.advance(service_levels):
            pass
    versions = company.rows("SELECT DISTINCT calendar_version FROM read.sla_clocks")
    assert versions == [(len(company.rows(OF_STREAM, calendar_id(CHINA))) - 1,)]
    company.project()
    expect_rebuilt_equals(company, read_models)


@pytest.mark.acceptance
def test_readers_never_see_a_half_built_model(
    company: Any, read_models: ReadModels, eventually: Eventually, *, full_volume: bool
) -> None:
    rounds = 10 if full_volume else 3
    stop = threading.Event()
    faults: list[str] = []

    def read(statement: str) -> None:
        with psycopg.connect(
            as_role(company.conninfo, "redress_reader"), autocommit=True
        ) as connection:
            before = 0
            while not stop.is_set():
                try:
                    row = connection.execute(statement, prepare=True).fetchone()
                except psycopg.Error as error:
                    faults.append(f"{type(error).__name__}: {error}")
                    return
                assert row is not None
                if row[0] < before:
                    faults.append(f"{statement}: {row[0]} after {before}")
                before = row[0]

    def write() -> None:
        while not stop.is_set():
            company.write(5)

    company.write(60)
    company.project()
    counts = [
        "SELECT count(*) FROM read.complaints",
        "SELECT count(*) FROM read.case_entries",
        "SELECT count(*) FROM read_personal.complaint_texts JOIN read.complaints USING (id)",
    ]
    threads = [threading.Thread(target=read, args=(statement,)) for statement in counts]
    threads.append(threading.Thread(target=write))
    with company.kept():
        for thread in threads:
            thread.start()
        try:
            for _ in range(rounds):
                company.rebuild()
        finally:
            stop.set()
            for thread in threads:
                thread.join(60)
        eventually(company.caught_up, 30)
    assert faults == []
    expect_rebuilt_equals(company, read_models)


def test_a_second_rebuild_of_the_same_model_is_refused(company: Any) -> None:
    company.write(2)
    refused = []

    def at_the_same_time(_position: int, _last: int) -> None:
        with pytest.raises(RebuildRunningError):
            company.rebuild(PROJECTIONS["complaints"])
        company.rebuild(PROJECTIONS["audit"])  # another one may
        refused.append(True)

    company.rebuild(PROJECTIONS["complaints"], on_progress=at_the_same_time)
    assert refused
    company.rebuild(PROJECTIONS["complaints"])


def test_a_rebuild_that_dies_leaves_the_live_model_and_can_be_repeated(
    company: Any, read_models: ReadModels
) -> None:
    company.write(10)
    company.project()
    live = read_models(company.conninfo)

    def die(_position: int, _last: int) -> None:
        company.rows(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )

    for projection in PROJECTIONS.values():
        with pytest.raises(psycopg.OperationalError):
            company.rebuild(projection, on_progress=die)
    assert read_models(company.conninfo) == live
    company.write(1)
    company.project()
    expect_rebuilt_equals(company, read_models)


@pytest.mark.acceptance
def test_a_database_that_goes_away_is_found_again(
    company: Any, read_models: ReadModels, eventually: Eventually, *, full_volume: bool
) -> None:
    name = conninfo_to_dict(company.conninfo)["dbname"]
    admin = make_conninfo(company.conninfo, dbname="postgres")
    with company.kept(), psycopg.connect(admin, autocommit=True) as connection:
        for _ in range(20 if full_volume else 3):
            company.write(10)
            connection.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name]
            )
            time.sleep(0.2)
            connection.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
        company.write(1)
        eventually(company.caught_up, 30)
    expect_rebuilt_equals(company, read_models)


@pytest.mark.parametrize(
    ("what", "error"),
    [
        ("RAISE EXCEPTION 'at the last moment'", psycopg.errors.RaiseException),
        ("PERFORM pg_terminate_backend(pg_backend_pid())", psycopg.OperationalError),
    ],
)
def test_a_commit_that_fails_loses_nothing_and_parks_nothing(
    company: Any, tallies: TallyProjection, what: str, error: type[psycopg.Error]
) -> None:
    streams = company.write(3)
    with psycopg.connect(company.conninfo) as connection:
        connection.execute(
            "CREATE FUNCTION public.fails() RETURNS trigger SECURITY DEFINER LANGUAGE plpgsql AS"
            f" $$ BEGIN {what}; RETURN NULL; END $$"
        )
        connection.execute(
            "CREATE CONSTRAINT TRIGGER fails AFTER INSERT OR UPDATE ON read.tallies"
            " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION public.fails()"
        )
    for _ in range(2):
        with pytest.raises(error), company.projector() as projector:
            projector.advance(tallies)
    assert tally(company) == {}
    assert company.rows("SELECT FROM ops.parked_events") == []
    with psycopg.connect(company.conninfo) as connection:
        connection.execute("DROP TRIGGER fails ON read.tallies")
    company.project(tallies)
    assert tally(company) == dict.fromkeys(streams, (4, 7))
