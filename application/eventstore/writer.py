"""The one writer of a process: group commit behind ``log.append``.

Whatever queued while the previous batch was being flushed goes into the next one: one statement,
one round trip, one flush of the WAL for all of them. A command that conflicts fails alone. See
docs/decisions/0003-event-store.md for what a caller may conclude from each error.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from time import monotonic
from typing import Any, Final, LiteralString, TypeVar
from uuid import UUID

import psycopg
from eventsourcing.persistence import StoredEvent
from psycopg.rows import tuple_row

from application.eventstore.errors import (
    NotStoredError,
    OutcomeUnknownError,
    RepeatedError,
    SubjectKeyRacedError,
    VersionConflictError,
)
from application.eventstore.subject_keys import DataKey, SubjectKeys

T = TypeVar("T")

BATCH_COMMANDS: Final = 256
BATCH_EVENTS: Final = 2048
QUEUE_COMMANDS: Final = 4096
DEADLINE_SECONDS: Final = 10.0
_RECONNECT_SECONDS: Final = (0.05, 0.1, 0.2, 0.5, 1.0)
_KEY_RACE: Final = "RD001"

_APPEND: LiteralString = """
SELECT * FROM log.append(
    %b::uuid[], %b::bytea[], %b::bytea[], %b::int4[],
    %b::int4[], %b::uuid[], %b::int8[], %b::text[], %b::bytea[])
"""
_APPEND_WITH_KEYS: LiteralString = """
SELECT a.* FROM keys.keep(%b::uuid[], %b::int4[], %t::text[], %b::bytea[]) AS k,
LATERAL log.append(
    %b::uuid[], %b::bytea[], %b::bytea[], %b::int4[],
    %b::int4[], %b::uuid[], %b::int8[], %b::text[], %b::bytea[]) AS a
"""
_SELECT_REPEATED: LiteralString = """
SELECT key, request_hash, result, position FROM process.idempotency WHERE key = ANY(%b)
"""


@dataclass(frozen=True, slots=True)
class Idempotency:
    """The row that makes a command happen once: digest of its key, of its request, its result."""

    key: UUID
    request_hash: bytes
    result: bytes

    def answered(self, result: bytes) -> "Idempotency":
        """Return the row with what the command answered."""
        return Idempotency(self.key, self.request_hash, result)


@dataclass(frozen=True, slots=True)
class Appended:
    """Where and when a command's events were stored; ``last`` < ``first`` if it had none."""

    first: int
    last: int
    recorded_at: datetime


@dataclass(slots=True, eq=False)
class _Entry:
    events: Sequence[StoredEvent]
    idempotency: Idempotency | None
    subjects: frozenset[UUID]
    new_keys: list[DataKey]  # under which it is sealed and which were not stored yet then
    claims: set[int]  # to versions of streams and to an idempotency key
    deadline: float
    done: "asyncio.Future[Appended]" = field(init=False)

    def fail(self, error: Exception) -> None:
        if not self.done.done():
            self.done.set_exception(error)


class GroupWriter:
    """Appends commands in batches; used from one event loop, closed by ``close()``."""

    def __init__(
        self,
        conninfo: str,
        keys: SubjectKeys | None = None,
        *,
        deadline_seconds: float = DEADLINE_SECONDS,
        queue_commands: int = QUEUE_COMMANDS,
        on_batch: Callable[[int, float], None] | None = None,
    ) -> None:
        self._conninfo = conninfo
        self._keys = keys
        self._deadline_seconds = deadline_seconds
        self._on_batch = on_batch
        self._queue: asyncio.Queue[_Entry | None] = asyncio.Queue(queue_commands)
        self._held_over: list[_Entry] = []
        self._connection: psycopg.AsyncConnection[Any] | None = None
        self._running: asyncio.Task[None] | None = None
        self._closed = False  # nothing more is taken in
        self._ended = False  # and the last entry of the queue was taken out

    async def append(
        self,
        events: Sequence[StoredEvent],
        *,
        idempotency: Idempotency | None = None,
        subjects: frozenset[UUID] = frozenset(),
    ) -> Appended:
        """Store the events of one command, all or none, and return where they are.

        Raises VersionConflictError, RepeatedError, SubjectKeyRacedError, NotStoredError (all of
        these: nothing is stored) or OutcomeUnknownError. If the caller is cancelled the command may
        still be stored.
        """
        if self._closed:
            raise NotStoredError("the event store is closed")
        claims = {_claim(event) for event in events}
        if len(claims) < len(events):
            raise VersionConflictError("one command records the same version twice")
        if idempotency is not None:
            claims.add(idempotency.key.int)
        self._keep_running()
        new_keys = self._keys.unsaved(subjects) if self._keys is not None else []
        deadline = monotonic() + self._deadline_seconds
        entry = _Entry(events, idempotency, subjects, new_keys, claims, deadline)
        entry.done = asyncio.get_running_loop().create_future()
        try:
            self._queue.put_nowait(entry)
        except asyncio.QueueFull:
            try:
                async with asyncio.timeout(self._deadline_seconds):
                    await self._queue.put(entry)
            except TimeoutError:
                raise NotStoredError("the event store is too busy; try again later") from None
            self._keep_running()  # the writer may have died or ended while this waited
        return await entry.done

    @property
    def waiting(self) -> int:
        """How many commands wait to be stored."""
        return self._queue.qsize()

    @property
    def closed(self) -> bool:
        """Whether nothing more is taken in."""
        return self._closed

    async def close(self) -> None:
        """Store what waits, then stop; whatever cannot be stored by its deadline fails."""
        self._closed = True
        if self._running is not None and not self._running.done():
            await self._queue.put(None)
            await asyncio.wait({self._running})
        await self._disconnect()

    def _keep_running(self) -> None:
        if self._running is None or self._running.done():
            if self._closed:
                self._abandon([])
            else:
                self._running = asyncio.create_task(self._run(), name="event writer")

    async def _run(self) -> None:
        batch: list[_Entry] = []
        try:
            while batch or not self._ended or self._held_over:
                batch = await self._next_batch()
                if batch:
                    await self._store(batch)
                    batch = []
        finally:
            # Whatever ends this task, nobody waits for an answer that will not come.
            self._abandon(batch)

    def _abandon(self, batch: list[_Entry]) -> None:
        if batch and self._connection is not None:
            self._drop(self._connection)  # its state is anybody's guess
        for entry in batch:
            entry.fail(OutcomeUnknownError("the event writer stopped while storing"))
        waiting, self._held_over = self._held_over, []
        while not self._queue.empty():
            waiting.extend(filter(None, [self._queue.get_nowait()]))
        for entry in waiting:
            entry.fail(NotStoredError("the event writer stopped"))

    async def _next_batch(self) -> list[_Entry]:
        """Take what waits, up to the caps; never two claims to one version or one key."""
        candidates, self._held_over = self._held_over, []
        if not candidates:
            self._take_in(await self._queue.get(), candidates)
        while len(candidates) < BATCH_COMMANDS and not self._queue.empty():
            self._take_in(self._queue.get_nowait(), candidates)
        batch: list[_Entry] = []
        claimed: set[int] = set()
        count, now = 0, monotonic()
        for position, entry in enumerate(candidates):
            if entry.deadline < now:
                entry.fail(NotStoredError("the event store did not get to it in time"))
                continue
            if batch and count + len(entry.events) > BATCH_EVENTS:
                self._held_over.extend(candidates[position:])
                break
            if claimed.isdisjoint(entry.claims):
                claimed |= entry.claims
                count += len(entry.events)
                batch.append(entry)
            else:
                self._held_over.append(entry)
        return batch

    def _take_in(self, taken: _Entry | None, candidates: list[_Entry]) -> None:
        if taken is None:
            self._ended = True
        else:
            candidates.append(taken)

    async def _store(self, batch: list[_Entry]) -> None:
        connection = await self._connected(max(entry.deadline for entry in batch))
        if connection is None:
            for entry in batch:
                entry.fail(NotStoredError("the database cannot be reached"))
            return
        batch, new_keys = self._with_keys(batch)
        if not batch:
            return
        began = monotonic()
        try:
            row = await self._within_deadline(_ask(connection, batch, new_keys))
        except psycopg.Error as error:
            await self._failed(batch, connection, error)
            return
        except TimeoutError:
            self._drop(connection)
            for entry in batch:
                entry.fail(OutcomeUnknownError("the database did not answer in time"))
            return
        if self._keys is not None:
            self._keys.saved(new_keys)
        await self._tell(batch, connection, row)
        if self._on_batch is not None:
            self._on_batch(len(batch), monotonic() - began)

    def _with_keys(self, batch: list[_Entry]) -> tuple[list[_Entry], list[DataKey]]:
        """Return the commands that can be stored, and the keys that must be stored with them.

        A key can be forgotten between sealing and storing: it lost a race, or its command was
        cancelled. What is sealed under it could never be opened again.
        """
        if self._keys is None:
            return batch, []
        storable = []
        for entry in batch:
            if all(map(self._keys.is_current, entry.new_keys)):
                storable.append(entry)
            else:
                entry.fail(SubjectKeyRacedError("the key of a data subject was given up"))
        return storable, self._keys.unsaved(
            {key.subject for entry in storable for key in entry.new_keys}
        )

    async def _within_deadline(self, work: Coroutine[Any, Any, T]) -> T:
        """Leave a database that does not answer to itself after the deadline."""
        running = asyncio.ensure_future(work)
        try:
            done, _ = await asyncio.wait({running}, timeout=self._deadline_seconds)
        except asyncio.CancelledError:
            running.cancel()
            raise
        if not done:
            running.add_done_callback(lambda task: task.cancelled() or task.exception())
            running.cancel()
            raise TimeoutError
        return running.result()

    async def _tell(
        self, batch: list[_Entry], connection: psycopg.AsyncConnection[Any], row: tuple[Any, ...]
    ) -> None:
        position, stamp, repeated, conflicting = row
        left_out = {*repeated, *conflicting}
        for ordinal, entry in enumerate(batch, start=1):
            if ordinal not in left_out:
                first, position = position + 1, position + len(entry.events)
                if not entry.done.done():
                    entry.done.set_result(Appended(first, position, stamp))
        for ordinal in conflicting:
            batch[ordinal - 1].fail(VersionConflictError("the version is taken"))
        if repeated:
            await self._tell_repeated([batch[ordinal - 1] for ordinal in repeated], connection)

    async def _tell_repeated(
        self, entries: list[_Entry], connection: psycopg.AsyncConnection[Any]
    ) -> None:
        keys = [entry.idempotency.key for entry in entries if entry.idempotency is not None]
        try:
            rows = await self._within_deadline(_find_repeated(connection, keys))
        except (psycopg.Error, TimeoutError):
            self._drop(connection)
            rows = {}
        for entry in entries:
            assert entry.idempotency is not None
            found = rows.get(entry.idempotency.key)
            if found is None:
                entry.fail(OutcomeUnknownError("the earlier answer could not be read"))
            else:
                request_hash, result, position = found
                entry.fail(RepeatedError(bytes(request_hash), bytes(result), position))

    async def _failed(
        self, batch: list[_Entry], connection: psycopg.AsyncConnection[Any], error: psycopg.Error
    ) -> None:
        if connection.closed or connection.broken or error.sqlstate is None:
            self._drop(connection)
            for entry in batch:
                entry.fail(OutcomeUnknownError("the connection was lost while storing"))
        elif error.sqlstate == _KEY_RACE:
            raced = {UUID(text) for text in (error.diag.message_detail or "").split(",") if text}
            if self._keys is not None:
                self._keys.forget(raced)
            for entry in batch:
                if raced.isdisjoint(entry.subjects):
                    self._held_over.append(entry)
                else:
                    entry.fail(SubjectKeyRacedError("a data subject got its key elsewhere"))
        elif len(batch) > 1 and not isinstance(error, psycopg.OperationalError):
            # One command's fault must not fail the others: the database takes them one by one.
            for entry in batch:
                await self._store([entry])
        else:
            for entry in batch:
                entry.fail(NotStoredError(f"the database refused: {error.sqlstate}"))

    async def _connected(self, deadline: float) -> psycopg.AsyncConnection[Any] | None:
        attempt = 0
        while self._connection is None or self._connection.closed:
            try:
                self._connection = await psycopg.AsyncConnection.connect(
                    self._conninfo, autocommit=True
                )
            except psycopg.Error:
                pause = _RECONNECT_SECONDS[min(attempt, len(_RECONNECT_SECONDS) - 1)]
                if monotonic() + pause > deadline:
                    return None
                attempt += 1
                await asyncio.sleep(pause)
        return self._connection

    def _drop(self, connection: psycopg.AsyncConnection[Any]) -> None:
        self._connection = None
        connection.pgconn.finish()  # a frozen server would keep a polite close waiting

    async def _disconnect(self) -> None:
        if self._connection is not None:
            await self._connection.close()
            self._connection = None


async def _ask(
    connection: psycopg.AsyncConnection[Any], batch: list[_Entry], new_keys: list[DataKey]
) -> tuple[Any, ...]:
    """Run one append."""
    statement, parameters = _statement(batch, new_keys)
    cursor = connection.cursor(row_factory=tuple_row, binary=True)
    await cursor.execute(statement, parameters, prepare=True)
    row = await cursor.fetchone()
    assert row is not None
    return row


async def _find_repeated(
    connection: psycopg.AsyncConnection[Any], keys: list[UUID]
) -> dict[UUID, tuple[Any, ...]]:
    cursor = await connection.execute(_SELECT_REPEATED, [keys])
    return {row[0]: row[1:] for row in await cursor.fetchall()}


def _claim(event: StoredEvent) -> int:
    """Return a version of a stream as one integer: tuples of UUIDs hash five times slower."""
    stream = event.originator_id
    assert isinstance(stream, UUID)
    return stream.int << 64 | event.originator_version


def _statement(batch: list[_Entry], new_keys: list[DataKey]) -> tuple[LiteralString, list[Any]]:
    rows = [entry.idempotency for entry in batch]
    parameters: list[Any] = [
        [row.key if row else None for row in rows],
        [row.request_hash if row else None for row in rows],
        [row.result if row else None for row in rows],
        [len(entry.events) for entry in batch],
        [ordinal for ordinal, entry in enumerate(batch, start=1) for _ in entry.events],
        [event.originator_id for entry in batch for event in entry.events],
        [event.originator_version for entry in batch for event in entry.events],
        [event.topic for entry in batch for event in entry.events],
        [event.state for entry in batch for event in entry.events],
    ]
    if not new_keys:
        return _APPEND, parameters
    return _APPEND_WITH_KEYS, [
        [key.subject for key in new_keys],
        [key.version for key in new_keys],
        [key.master for key in new_keys],
        [key.wrapped for key in new_keys],
        *parameters,
    ]
