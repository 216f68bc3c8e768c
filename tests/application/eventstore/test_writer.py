"""The group-commit writer: what a caller may conclude, whatever happens to a batch."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from eventsourcing.persistence import StoredEvent

from application.eventstore.errors import (
    NotStoredError,
    OutcomeUnknownError,
    RepeatedError,
    SubjectKeyRacedError,
    VersionConflictError,
)
from application.eventstore.subject_keys import MasterKey, SubjectKeys
from application.eventstore.writer import Appended, GroupWriter, Idempotency

PATIENCE = 20.0
"""Seconds after which a test says that somebody hangs."""


def happened(stream: UUID, version: int = 1, topic: str = "t", state: bytes = b"{}") -> StoredEvent:
    return StoredEvent(stream, version, topic, state)


def row(key: UUID, result: bytes) -> Idempotency:
    return Idempotency(key, b"request", result)


@asynccontextmanager
async def writing(conninfo: str, *arguments: Any, **options: Any) -> AsyncIterator[GroupWriter]:
    writer = GroupWriter(conninfo, *arguments, **options)
    try:
        yield writer
    finally:
        async with asyncio.timeout(PATIENCE):
            await writer.close()


async def outcomes(*commands: Any) -> list[Any]:
    """Await all commands at once; an exception is an outcome, hanging is none."""
    async with asyncio.timeout(PATIENCE):
        return await asyncio.gather(*commands, return_exceptions=True)


def rows_of(database: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(database) as connection:
        return connection.execute(
            "SELECT notification_id, originator_id, originator_version, state, recorded_at"
            " FROM log.stored_events ORDER BY notification_id"
        ).fetchall()


def streams_of(database: str) -> set[UUID]:
    return {found[1] for found in rows_of(database)}


@contextmanager
def held_lock(database: str) -> Iterator[psycopg.Connection[Any]]:
    """Keep everybody from appending, as a long transaction of another program might."""
    with psycopg.connect(database) as connection:
        connection.execute("LOCK TABLE log.stored_events IN EXCLUSIVE MODE")
        yield connection
        connection.rollback()


async def waits_for_lock(database: str, count: int = 1) -> list[int]:
    """Wait until so many appends wait for the lock; return their backends."""
    async with asyncio.timeout(PATIENCE):
        async with await psycopg.AsyncConnection.connect(database, autocommit=True) as connection:
            while True:
                cursor = await connection.execute(
                    "SELECT pid FROM pg_locks JOIN pg_database ON pg_database.oid = database"
                    " WHERE NOT granted AND relation = 'log.stored_events'::regclass"
                    " AND datname = current_database()"
                )
                waiting = [found[0] for found in await cursor.fetchall()]
                if len(waiting) >= count:
                    return waiting
                await asyncio.sleep(0.01)


@pytest.mark.parametrize("writers", [1, 2])
def test_a_command_is_stored_whole_or_not_at_all_and_each_version_has_one_winner(
    database: str, writer_conninfo: str, writers: int
) -> None:
    chance = random.Random(20260301)
    keys = [(uuid4(), version) for _ in range(100) for version in (1, 2, 3)]
    commands = [chance.sample(keys, 3) for _ in range(3000)]

    async def main() -> list[Any]:
        opened = [GroupWriter(writer_conninfo) for _ in range(writers)]
        found = await outcomes(
            *(
                opened[number % writers].append(
                    [happened(*key, state=b"%d" % number) for key in command]
                )
                for number, command in enumerate(commands)
            )
        )
        for writer in opened:
            await writer.close()
        return found

    found = asyncio.run(main())
    stored = rows_of(database)
    assert Counter(type(outcome) for outcome in found).keys() == {Appended, VersionConflictError}
    assert [entry[0] for entry in stored] == list(range(1, len(stored) + 1))
    winner = {(entry[1], entry[2]): int(entry[3]) for entry in stored}
    positions: dict[int, list[int]] = {}
    for position, _, _, state, _ in stored:
        positions.setdefault(int(state), []).append(position)
    for number, outcome in enumerate(found):
        if isinstance(outcome, Appended):
            assert positions.pop(number) == list(range(outcome.first, outcome.last + 1))
            assert outcome.last - outcome.first == 2
            assert {winner[key] for key in commands[number]} == {number}
        else:  # and it did not lose to nobody
            assert any(key in winner for key in commands[number])
    assert positions == {}


def test_a_conflicting_command_fails_alone(database: str, writer_conninfo: str) -> None:
    taken, others = uuid4(), [uuid4() for _ in range(20)]

    async def main() -> list[Any]:
        sizes: list[int] = []
        async with writing(writer_conninfo, on_batch=lambda size, _: sizes.append(size)) as writer:
            await writer.append([happened(taken)])
            found = await outcomes(
                *(writer.append([happened(other)]) for other in others[:10]),
                writer.append([happened(uuid4()), happened(taken)]),
                *(writer.append([happened(other)]) for other in others[10:]),
            )
        assert sizes == [1, 21]  # it was one batch
        return found

    found = asyncio.run(main())
    assert isinstance(found.pop(10), VersionConflictError)
    assert [outcome.first for outcome in found] == list(range(2, 22))
    assert streams_of(database) == {taken, *others}


@pytest.mark.parametrize("topic", ["x" * 64, "", "\N{SNOWMAN}" * 22])
def test_a_command_that_the_database_refuses_fails_alone(
    database: str, writer_conninfo: str, topic: str
) -> None:
    others, refused = [uuid4() for _ in range(10)], uuid4()

    async def main() -> list[Any]:
        async with writing(writer_conninfo) as writer:
            return await outcomes(
                *(writer.append([happened(other)]) for other in others[:5]),
                writer.append([happened(refused), happened(refused, 2, topic)]),
                *(writer.append([happened(other)]) for other in others[5:]),
            )

    found = asyncio.run(main())
    assert isinstance(found.pop(5), NotStoredError)
    assert all(isinstance(outcome, Appended) for outcome in found), found
    assert streams_of(database) == set(others)


def test_the_same_version_twice_in_one_command_is_a_conflict(
    database: str, writer_conninfo: str
) -> None:
    stream = uuid4()

    async def main() -> None:
        async with writing(writer_conninfo) as writer:
            with pytest.raises(VersionConflictError):
                await writer.append([happened(stream), happened(stream, 2), happened(stream)])

    asyncio.run(main())
    assert rows_of(database) == []


@pytest.mark.parametrize("writers", [1, 2])
def test_of_two_commands_under_one_key_one_is_stored_and_the_other_learns_of_it(
    database: str, writer_conninfo: str, writers: int
) -> None:
    keys = [uuid4() for _ in range(50)]

    async def main() -> list[Any]:
        opened = [GroupWriter(writer_conninfo) for _ in range(2)]
        found = await outcomes(
            *(
                opened[half % writers].append(
                    [happened(uuid4(), state=b"%d" % half)] * 1,
                    idempotency=row(key, b"%d" % half),
                )
                for half in (0, 1)
                for key in keys
            )
        )
        for writer in opened:
            await writer.close()
        return found

    found = asyncio.run(main())
    states = {entry[0]: entry[3] for entry in rows_of(database)}
    assert len(states) == len(keys)
    for pair in zip(found[:50], found[50:], strict=True):
        repeated, stored = sorted(pair, key=lambda outcome: isinstance(outcome, Appended))
        assert isinstance(repeated, RepeatedError)
        assert isinstance(stored, Appended)
        assert repeated.position == stored.last
        assert repeated.request_hash == b"request"
        assert repeated.result == states[stored.last]


def test_a_refusal_without_events_is_kept_under_its_key(writer_conninfo: str) -> None:
    key = uuid4()

    async def main() -> None:
        async with writing(writer_conninfo) as writer:
            await writer.append([happened(uuid4())])
            kept = await writer.append([], idempotency=row(key, b"no"))
            assert (kept.first, kept.last) == (2, 1)
            with pytest.raises(RepeatedError) as repeated:
                await writer.append([happened(uuid4())], idempotency=row(key, b"yes"))
            assert (repeated.value.result, repeated.value.position) == (b"no", 1)

    asyncio.run(main())


def test_nothing_is_stored_of_a_command_that_waited_longer_than_its_deadline(
    database: str, writer_conninfo: str
) -> None:
    in_flight, queued, too_many = ([uuid4() for _ in range(n)] for n in (1, 3, 4))
    refused: set[UUID] = set()

    async def main() -> None:
        async with writing(writer_conninfo, queue_commands=3, deadline_seconds=0.5) as writer:
            with held_lock(database):
                first = [asyncio.create_task(writer.append([happened(s)])) for s in in_flight]
                await waits_for_lock(database)
                found = await outcomes(
                    *first, *(writer.append([happened(s)]) for s in (*queued, *too_many))
                )
            # What was asked of the database may yet be stored; what was not never is.
            assert isinstance(found[0], OutcomeUnknownError)
            streams = dict(zip((*in_flight, *queued, *too_many), found, strict=True))
            refused.update(s for s, outcome in streams.items() if type(outcome) is NotStoredError)
            assert refused >= set(too_many)
            await writer.append([happened(uuid4())])
            await asyncio.sleep(0.2)

    asyncio.run(main())
    assert not streams_of(database) & refused


def test_a_command_behind_a_full_queue_is_stored_once_there_is_room(
    database: str, writer_conninfo: str
) -> None:
    streams = [uuid4() for _ in range(30)]

    async def main() -> list[Any]:
        async with writing(writer_conninfo, queue_commands=2) as writer:
            with held_lock(database):
                waiting = [asyncio.create_task(writer.append([happened(s)])) for s in streams]
                await waits_for_lock(database)
            return await outcomes(*waiting)

    assert all(isinstance(outcome, Appended) for outcome in asyncio.run(main()))
    assert streams_of(database) == set(streams)


def test_a_lock_timeout_means_that_nothing_is_stored(database: str, writer_conninfo: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("ALTER FUNCTION log.append SET lock_timeout = '100ms'")
    stored = uuid4()

    async def main() -> None:
        async with writing(writer_conninfo) as writer:
            with held_lock(database):
                found = await outcomes(*(writer.append([happened(uuid4())]) for _ in range(3)))
            assert {type(outcome) for outcome in found} == {NotStoredError}
            await writer.append([happened(stored)])

    asyncio.run(main())
    assert streams_of(database) == {stored}


def test_after_its_backend_was_killed_the_outcome_is_unknown_and_the_writer_recovers(
    database: str, writer_conninfo: str
) -> None:
    lost, queued = uuid4(), uuid4()

    async def main() -> None:
        async with writing(writer_conninfo) as writer:
            with held_lock(database) as connection:
                first = asyncio.create_task(writer.append([happened(lost)]))
                (backend,) = await waits_for_lock(database)
                second = asyncio.create_task(writer.append([happened(queued)]))
                await asyncio.sleep(0)
                connection.execute("SELECT pg_terminate_backend(%s)", [backend])
                with pytest.raises(OutcomeUnknownError):
                    await asyncio.wait_for(first, PATIENCE)
            assert (await asyncio.wait_for(second, PATIENCE)).first == 1

    asyncio.run(main())
    assert streams_of(database) == {queued}


def test_a_database_that_does_not_answer_holds_a_command_no_longer_than_its_deadline(
    database: str, writer_conninfo: str, proxied: Any
) -> None:
    frozen, later = uuid4(), uuid4()

    async def main() -> None:
        async with (
            proxied(writer_conninfo, lambda n: "freeze" if n == 1 else "pass") as (conninfo, _),
            writing(conninfo, deadline_seconds=0.5) as writer,
        ):
            (found,) = await outcomes(writer.append([happened(frozen)]))
            assert isinstance(found, OutcomeUnknownError)
            await writer.append([happened(later)])

    asyncio.run(main())
    assert streams_of(database) == {frozen, later}


def test_an_earlier_answer_that_never_comes_does_not_hold_the_writer(
    writer_conninfo: str, proxied: Any
) -> None:
    key = uuid4()

    async def main() -> None:
        async with (
            proxied(writer_conninfo, lambda _: "pass") as (conninfo, proxy),
            writing(conninfo, deadline_seconds=0.5) as writer,
        ):
            proxy.plan_other = lambda _: "freeze"
            await writer.append([happened(uuid4())], idempotency=row(key, b"one"))
            found = await outcomes(
                writer.append([happened(uuid4())], idempotency=row(key, b"two")),
                writer.append([happened(uuid4())]),
            )
            assert isinstance(found[0], OutcomeUnknownError)
            assert isinstance(found[1], Appended)
            proxy.plan_other = lambda _: "pass"
            with pytest.raises(RepeatedError):
                await writer.append([happened(uuid4())], idempotency=row(key, b"three"))

    asyncio.run(main())


def test_an_unreachable_database_means_that_nothing_is_stored(tmp_path: Any) -> None:
    async def main() -> None:
        nowhere = f"host={tmp_path} dbname=nothing"
        async with writing(nowhere, deadline_seconds=0.3) as writer:
            found = await outcomes(*(writer.append([happened(uuid4())]) for _ in range(3)))
            assert {type(outcome) for outcome in found} == {NotStoredError}

    asyncio.run(main())


def test_closing_stores_what_waits_and_takes_nothing_more(
    database: str, writer_conninfo: str
) -> None:
    streams = [uuid4() for _ in range(600)]

    async def main() -> list[Any]:
        writer = GroupWriter(writer_conninfo, queue_commands=500)
        waiting = [asyncio.create_task(writer.append([happened(stream)])) for stream in streams]
        await asyncio.sleep(0)
        await asyncio.wait_for(writer.close(), PATIENCE)
        with pytest.raises(NotStoredError):
            await writer.append([happened(uuid4())])
        return await outcomes(*waiting)

    found = asyncio.run(main())
    stored = streams_of(database)
    for stream, outcome in zip(streams, found, strict=True):
        assert isinstance(outcome, Appended if stream in stored else NotStoredError)
    assert set(streams[:500]) <= stored


@pytest.mark.parametrize("death", ["cancelled", "failed"])
def test_when_the_writer_dies_nobody_hangs_and_the_next_command_revives_it(
    database: str, writer_conninfo: str, death: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_flight, queued, behind = (
        [uuid4() for _ in range(n)] for n in (1, 3, 5)
    )  # being stored; in the queue; waiting for room in it

    async def main() -> None:
        async with writing(writer_conninfo, queue_commands=3) as writer:
            with held_lock(database):
                first = [asyncio.create_task(writer.append([happened(s)])) for s in in_flight]
                await waits_for_lock(database)
                rest = [
                    asyncio.create_task(writer.append([happened(s)])) for s in (*queued, *behind)
                ]
                await asyncio.sleep(0.05)
                assert writer._running is not None
                if death == "cancelled":
                    writer._running.cancel()
                    await asyncio.sleep(0.05)
                else:
                    monkeypatch.setattr(writer, "_tell", _fail)
            with pytest.raises(OutcomeUnknownError):
                await asyncio.wait_for(first[0], PATIENCE)
            monkeypatch.undo()
            found = await outcomes(*rest)
            assert {type(outcome) for outcome in found[:3]} == {NotStoredError}
            assert {type(outcome) for outcome in found[3:]} <= {NotStoredError, Appended}
            stored = streams_of(database)
            for stream, outcome in zip(behind, found[3:], strict=True):
                assert (stream in stored) == isinstance(outcome, Appended)
            await asyncio.wait_for(writer.append([happened(uuid4())]), PATIENCE)

    asyncio.run(main())
    assert not streams_of(database) & set(queued)


async def _fail(*_: Any) -> None:
    raise RuntimeError("a defect")


def test_a_cancelled_caller_does_not_disturb_the_others(
    database: str, writer_conninfo: str
) -> None:
    streams = [uuid4() for _ in range(10)]

    async def main() -> None:
        async with writing(writer_conninfo) as writer:
            with held_lock(database):
                waiting = [asyncio.create_task(writer.append([happened(s)])) for s in streams]
                await waits_for_lock(database)
                for task in waiting[::2]:
                    task.cancel()
            found = await outcomes(*waiting)
            assert [type(outcome) for outcome in found] == [asyncio.CancelledError, Appended] * 5

    asyncio.run(main())
    assert set(streams[1::2]) <= streams_of(database)


def test_recorded_at_never_decreases_even_after_a_clock_was_wrong(
    database: str, writer_conninfo: str
) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO log.stored_events VALUES"
            " (gen_random_uuid(), 1, 't', '', 1, clock_timestamp() + interval '1 day')"
        )

    async def main() -> None:
        async with writing(writer_conninfo) as one, writing(writer_conninfo) as other:
            for _ in range(20):
                await asyncio.gather(one.append([happened(uuid4())]), other.append([]))
                await other.append([happened(uuid4())])

    asyncio.run(main())
    stamps = [entry[4] for entry in rows_of(database)]
    assert len(stamps) == 41
    assert stamps == sorted(stamps)


def test_recorded_at_is_the_time_of_storing(database: str, writer_conninfo: str) -> None:
    async def main() -> list[Appended]:
        async with writing(writer_conninfo) as writer:
            return [await writer.append([happened(uuid4())]) for _ in range(3)]

    appended = asyncio.run(main())
    with psycopg.connect(database) as connection:
        age = connection.execute(
            "SELECT max(clock_timestamp() - recorded_at) < interval '1 minute'"
            " AND max(recorded_at) <= clock_timestamp() FROM log.stored_events"
        ).fetchone()
    assert age == (True,)
    stamps = [entry.recorded_at for entry in appended]
    assert stamps == [entry[4] for entry in rows_of(database)]
    assert len(set(stamps)) == 3


def test_a_batch_holds_no_more_than_its_caps(
    database: str, writer_conninfo: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("application.eventstore.writer.BATCH_COMMANDS", 10)
    monkeypatch.setattr("application.eventstore.writer.BATCH_EVENTS", 25)
    sizes: list[int] = []

    async def main() -> None:
        async with writing(writer_conninfo, on_batch=lambda size, _: sizes.append(size)) as writer:
            small = [writer.append([happened(uuid4())]) for _ in range(21)]
            assert all(isinstance(outcome, Appended) for outcome in await outcomes(*small))
            assert sizes == [10, 10, 1]
            sizes.clear()
            large = [
                writer.append([happened(uuid4(), version) for version in range(1, 11)])
                for _ in range(5)
            ]
            huge = writer.append([happened(uuid4(), version) for version in range(1, 101)])
            assert all(isinstance(outcome, Appended) for outcome in await outcomes(*large, huge))
            assert sizes == [2, 2, 1, 1]

    asyncio.run(main())
    assert len(rows_of(database)) == 171


def test_two_claims_to_one_version_or_one_key_never_share_a_batch(writer_conninfo: str) -> None:
    stream, key = uuid4(), uuid4()
    sizes: list[int] = []

    async def main() -> None:
        async with writing(writer_conninfo, on_batch=lambda size, _: sizes.append(size)) as writer:
            found = await outcomes(
                writer.append([happened(stream)], idempotency=row(key, b"1")),
                writer.append([happened(uuid4()), happened(stream)]),
                writer.append([happened(uuid4())], idempotency=row(key, b"2")),
                writer.append([happened(uuid4())]),
            )
        kinds = [Appended, VersionConflictError, RepeatedError, Appended]
        assert [type(outcome) for outcome in found] == kinds

    asyncio.run(main())
    assert sizes == [2, 2]


def known_to(conninfo_keys: SubjectKeys, *subjects: UUID) -> None:
    for subject in subjects:
        conninfo_keys.create(subject)


def kept_keys(database: str) -> dict[UUID, bytes]:
    with psycopg.connect(database) as connection:
        return dict(connection.execute("SELECT subject, wrapped FROM keys.subject_keys").fetchall())


def test_a_key_is_stored_with_the_first_event_that_needs_it(
    database: str, writer_conninfo: str, master: MasterKey
) -> None:
    keys, subject, other = SubjectKeys(master), uuid4(), uuid4()
    known_to(keys, subject, other)

    async def main() -> None:
        async with writing(writer_conninfo, keys) as writer:
            await outcomes(
                *(
                    writer.append([happened(uuid4())], subjects=frozenset({subject}))
                    for _ in range(5)
                )
            )
            assert kept_keys(database).keys() == {subject}
            await writer.append([happened(uuid4())], subjects=frozenset({subject, other}))

    asyncio.run(main())
    assert kept_keys(database).keys() == {subject, other}


def test_a_command_sealed_under_a_key_that_lost_a_race_is_not_stored(
    database: str, writer_conninfo: str, master: MasterKey
) -> None:
    ours, theirs, subject, ordinary = SubjectKeys(master), SubjectKeys(master), uuid4(), uuid4()
    known_to(ours, subject)
    known_to(theirs, subject)
    raced = [uuid4() for _ in range(4)]

    async def main() -> None:
        async with (
            writing(writer_conninfo, theirs) as first,
            writing(writer_conninfo, ours) as second,
        ):
            winner = await first.append([happened(uuid4())], subjects=frozenset({subject}))
            assert winner.first == 1
            with held_lock(database):
                blocked = asyncio.create_task(second.append([happened(uuid4())]))
                await waits_for_lock(database)
                tasks = [
                    asyncio.create_task(
                        second.append([happened(stream, n)], subjects=frozenset({subject}))
                    )
                    for stream in raced
                    # The second claim to a version waits for the batch after the next.
                    for n in (1, 1)
                ]
                tasks.append(asyncio.create_task(second.append([happened(ordinary)])))
                await asyncio.sleep(0)
            found = await outcomes(blocked, *tasks)
            assert [type(outcome) for outcome in found] == [
                Appended,
                *[SubjectKeyRacedError] * 8,
                Appended,
            ]

    asyncio.run(main())
    assert not streams_of(database) & set(raced)
    assert ordinary in streams_of(database)


def test_no_event_is_stored_without_the_key_that_its_caller_forgot_while_it_waited(
    database: str, writer_conninfo: str, master: MasterKey
) -> None:
    keys, subject, stream = SubjectKeys(master), uuid4(), uuid4()
    known_to(keys, subject)

    async def main() -> None:
        async with writing(writer_conninfo, keys) as writer:
            with held_lock(database):
                blocked = asyncio.create_task(writer.append([happened(uuid4())]))
                await waits_for_lock(database)
                task = asyncio.create_task(
                    writer.append([happened(stream)], subjects=frozenset({subject}))
                )
                await asyncio.sleep(0)
                task.cancel()
                await asyncio.sleep(0)
                keys.forget({subject})  # as a desk does whose command was cancelled
            await outcomes(blocked, task)

    asyncio.run(main())
    assert (stream in streams_of(database)) == (subject in kept_keys(database))


Rewrite = Callable[[dict[str, str]], None]


def test_without_the_check_for_conflicts_the_whole_batch_is_tried_one_by_one(
    database: str, writer_conninfo: str, rewrite_append: Rewrite
) -> None:
    rewrite_append({"WHERE e.command <> ALL (repeated)\n        );": "WHERE false);"})
    taken, other = uuid4(), uuid4()

    async def main() -> None:
        async with writing(writer_conninfo) as writer:
            await writer.append([happened(taken)])
            found = await outcomes(
                writer.append([happened(taken)]), writer.append([happened(other)])
            )
            assert [type(outcome) for outcome in found] == [NotStoredError, Appended]

    asyncio.run(main())
    assert streams_of(database) == {taken, other}
