"""A reader who asks for what comes after the last position it saw never misses an event."""

import asyncio
import random
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event
from time import monotonic, sleep
from typing import Any, LiteralString
from uuid import UUID, uuid4

import psycopg
import pytest
from eventsourcing.persistence import StoredEvent

from api.bootstrap import as_role
from application.eventstore.errors import NotStoredError, VersionConflictError
from application.eventstore.writer import GroupWriter

Rewrite = Callable[[dict[str, str]], None]

_TAIL: LiteralString = """
SELECT notification_id FROM log.stored_events
WHERE notification_id > %s ORDER BY notification_id LIMIT 1000
"""
_APPEND_ONE: LiteralString = """
SELECT log.append(ARRAY[NULL]::uuid[], ARRAY[NULL]::bytea[], ARRAY[NULL]::bytea[], ARRAY[1],
    ARRAY[1], ARRAY[%s]::uuid[], ARRAY[1]::int8[], ARRAY['t'], ARRAY['\\x7b7d']::bytea[])
"""
WITHOUT_LOCK = {
    "LOCK TABLE log.stored_events IN EXCLUSIVE MODE;": "",
    "last_position + e.ordinal": "nextval('process.unsafe')",
    "last_position + row_number() OVER (ORDER BY e.ordinal)": "nextval('process.unsafe')",
}


@pytest.fixture
def without_lock(database: str, rewrite_append: Rewrite) -> Callable[[], None]:
    """Take the safeguard away: positions from a sequence, and no lock while they are given."""

    def remove() -> None:
        with psycopg.connect(database, autocommit=True) as connection:
            connection.execute("CREATE SEQUENCE process.unsafe")
            connection.execute("GRANT USAGE ON SEQUENCE process.unsafe TO redress_owner")
        rewrite_append(WITHOUT_LOCK)

    return remove


class Tail:
    """A reader with a connection of its own."""

    def __init__(self, database: str) -> None:
        self._connection = psycopg.connect(database, autocommit=True)
        self.seen: list[int] = []

    def read(self) -> int:
        """Read what is new; return how much that was."""
        last = self.seen[-1] if self.seen else 0
        rows = self._connection.execute(_TAIL, [last]).fetchall()
        self.seen.extend(row[0] for row in rows)
        return len(rows)

    def follow(self, stop: Event) -> None:
        """Read until told to stop, and then what is left."""
        while not stop.is_set():
            if not self.read():
                sleep(0.0005)
        while self.read():
            pass

    def missed(self) -> set[int]:
        """Return what is stored and was never seen."""
        assert self.seen == sorted(set(self.seen))
        rows = self._connection.execute("SELECT notification_id FROM log.stored_events").fetchall()
        return {row[0] for row in rows} - set(self.seen)


@contextmanager
def tail_of(database: str) -> Iterator[Tail]:
    tail = Tail(database)
    try:
        yield tail
    finally:
        tail._connection.close()


async def storm(conninfo: str, commands: int, *, writers: int = 8) -> tuple[int, int]:
    """Append from several writers at once, about a tenth of it in vain; count both."""
    chance = random.Random(8)
    contended: list[UUID] = [uuid4()]
    stored = conflicts = 0

    async def one(writer: GroupWriter) -> None:
        nonlocal stored, conflicts
        for _ in range(commands // 4):
            if chance.random() < 0.1:  # somebody took this version before, or does just now
                stream = chance.choice(contended[-50:])
            else:
                stream = uuid4()
                contended.append(stream)
            events = [StoredEvent(stream, n + 1, "t", b"{}") for n in range(chance.randint(1, 4))]
            try:
                await writer.append(events)
                stored += len(events)
            except (VersionConflictError, NotStoredError):  # the latter without the lock only
                conflicts += 1

    opened = [GroupWriter(conninfo) for _ in range(writers)]
    work: list[Coroutine[Any, Any, None]] = [one(writer) for writer in opened for _ in range(4)]
    await asyncio.gather(*work)
    for writer in opened:
        await writer.close()
    return stored, conflicts


def read_in_a_storm(database: str, commands: int) -> tuple[int, int, set[int]]:
    """Return how many events were stored, how many commands conflicted, and what was missed."""
    stop = Event()
    with tail_of(database) as tail, ThreadPoolExecutor(1) as pool:
        reading = pool.submit(tail.follow, stop)
        try:
            stored, conflicts = asyncio.run(storm(as_role(database, "redress_writer"), commands))
        finally:
            stop.set()
        reading.result()
        return stored, conflicts, tail.missed()


@pytest.mark.acceptance
def test_a_tailing_reader_misses_no_event(database: str, *, full_volume: bool) -> None:
    commands = 6000 if full_volume else 150
    began = monotonic()
    stored, conflicts, missed = read_in_a_storm(database, commands)
    seconds = monotonic() - began
    print(
        f"\nskip race: {stored} events of 8 writers in {seconds:.1f} s, {conflicts} conflicts, "
        f"{len(missed)} missed"
    )
    assert missed == set()
    assert 0.05 < conflicts / (8 * commands) < 0.15
    assert stored >= (100_000 if full_volume else 2_000)
    with psycopg.connect(database) as connection:
        row = connection.execute("SELECT count(*), max(notification_id) FROM log.stored_events")
        assert row.fetchone() == (stored, stored)  # and no position was left out


def test_without_the_ordering_lock_the_reader_misses_events(
    database: str, without_lock: Callable[[], None], rewrite_append: Rewrite
) -> None:
    without_lock()
    # A commit takes its time; so the race is lost on every machine.
    rewrite_append({"IF stored > 0": "PERFORM pg_sleep(random() * 0.005); IF stored > 0"})
    stored, _, missed = read_in_a_storm(database, 40)
    assert stored > 0
    assert missed


def interleaved(database: str) -> set[int]:
    """Commit a second append while the first is still open, if that is possible at all."""
    with (
        tail_of(database) as tail,
        psycopg.connect(database) as first,
        psycopg.connect(database, autocommit=True) as second,
        ThreadPoolExecutor(1) as pool,
    ):
        first.execute(_APPEND_ONE, [uuid4()])
        appending = pool.submit(second.execute, _APPEND_ONE, [uuid4()])
        _wait_until_done_or_locked(database, appending.done)
        tail.read()
        first.commit()
        appending.result()
        while tail.read():
            pass
        return tail.missed()


def _wait_until_done_or_locked(database: str, done: Callable[[], bool]) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        deadline = monotonic() + 4  # less than the lock timeout of an append
        while not done() and monotonic() < deadline:
            row = connection.execute(
                "SELECT count(*) FROM pg_stat_activity"
                " WHERE datname = current_database() AND wait_event_type = 'Lock'"
            ).fetchone()
            if row != (0,):
                return
            sleep(0.005)
    assert done(), "the second append neither ended nor waits"


def test_an_append_waits_for_the_one_before_it(database: str) -> None:
    assert interleaved(database) == set()


def test_without_the_ordering_lock_an_append_overtakes_another_and_hides_it(
    database: str, without_lock: Callable[[], None]
) -> None:
    without_lock()
    assert interleaved(database) == {1}
