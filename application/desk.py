"""The desk at which one command is handled: load, decide, save, all or nothing.

A handler loads aggregates, calls one of their methods and saves them; the desk keeps what is to be
stored until the handler has answered, and then stores it in one append.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from time import monotonic
from types import TracebackType
from typing import Any, Final, LiteralString, Self, TypeVar
from uuid import UUID
from weakref import WeakValueDictionary
from zoneinfo import ZoneInfo

import structlog
from psycopg import Error as DatabaseError
from psycopg_pool import AsyncConnectionPool
from uuid_utils.compat import uuid7

from application.eventstore.codec import EventMapper
from application.eventstore.errors import NotStoredError, RepeatedError
from application.eventstore.reader import SNAPSHOT_EVERY, Snapshot, StreamReader
from application.eventstore.subject_keys import SubjectKeys
from application.eventstore.writer import Appended, GroupWriter, Idempotency
from application.numbering import Ordinals
from application.permissions import Caller, Relation, Way, reach_of
from domain.aggregate import Aggregate, DomainEvent
from domain.appeal import Appeal, appeal_number
from domain.complaint import Complaint
from domain.errors import NotFoundError
from domain.identifiers import complaint_number
from domain.improvement import ImprovementAction
from domain.metadata import Metadata
from domain.personal import PersonalText, personal_text
from domain.shipment import Shipment
from domain.text import checked_text

A = TypeVar("A", bound=Aggregate)

CACHED_AGGREGATES: Final = 20_000
_CONSULTED_SECONDS: Final = 5.0
_MOST_CONSULTED: Final = 5_000
REFERENCE_LENGTH: Final = 100
_FIND_IDEMPOTENCY: LiteralString = """
SELECT request_hash, result, position FROM process.idempotency WHERE key = %b
"""
BELONGINGS: Final[Mapping[str, Mapping[Way, str]]] = {
    Complaint.KIND: {
        "partner": "partner",
        "person": "handler",
        "department": "department",
        "region": "region",
        "outlet": "outlet",
    },
    Shipment.KIND: {"partner": "partner", "region": "facts.region", "outlet": "facts.outlet"},
    ImprovementAction.KIND: {"person": "owner", "department": "department"},
    Appeal.KIND: {"department": "department", "region": "region", "outlet": "outlet"},
}
"""To whom an object belongs, in which way: the attributes of its aggregate that say so."""

_log = structlog.get_logger()


@dataclass
class EventStore:
    """What all desks of a process share: one writer, one pool, keys, aggregates in memory."""

    writer: GroupWriter
    pool: AsyncConnectionPool[Any]
    mapper: EventMapper
    keys: SubjectKeys
    zone: ZoneInfo
    cached_aggregates: int = CACHED_AGGREGATES
    reader: StreamReader = field(init=False)
    complaint_ordinals: Ordinals = field(init=False)
    appeal_ordinals: Ordinals = field(init=False)
    _aggregates: OrderedDict[int, Aggregate] = field(default_factory=OrderedDict)
    _consulted: dict[int, tuple[float, Aggregate]] = field(default_factory=dict)
    _locks: WeakValueDictionary[int, asyncio.Lock] = field(default_factory=WeakValueDictionary)
    _snapshots: set["asyncio.Task[None]"] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.reader = StreamReader(self.pool, self.mapper, self.keys)
        self.complaint_ordinals = Ordinals(self.pool, "process.complaint_numbers")
        self.appeal_ordinals = Ordinals(self.pool, "process.appeal_numbers")

    async def close(self) -> None:
        """Store what waits, finish snapshots, give back connections."""
        await self.writer.close()
        if self._snapshots:
            await asyncio.wait(self._snapshots)
        await self.pool.close()

    def lock(self, stream: UUID) -> asyncio.Lock:
        """Return the lock under which this process changes a stream, one command at a time.

        It lives as long as somebody holds it or waits for it.
        """
        return self._locks.setdefault(stream.int, asyncio.Lock())

    def take(self, stream: UUID) -> Aggregate | None:
        """Take an aggregate out of memory; who fails with it must not put it back."""
        return self._aggregates.pop(stream.int, None)

    def put_back(self, aggregate: Aggregate) -> None:
        """Keep an aggregate in memory whose events are all stored."""
        self._aggregates[aggregate.id.int] = aggregate
        if len(self._aggregates) > self.cached_aggregates:
            self._aggregates.popitem(last=False)

    async def consult(self, cls: type[A], stream: UUID, *, fresh: bool) -> tuple[A, bool]:
        """Return an aggregate that only informs a decision, and whether it comes from memory.

        What other processes changed in the last seconds may be missing; ``fresh`` asks the log.
        """
        read_at, known = self._consulted.get(stream.int, (float("-inf"), None))
        if not fresh and isinstance(known, cls) and monotonic() - read_at < _CONSULTED_SECONDS:
            return known, True
        read_at = monotonic()
        aggregate = await self.reader.load(cls, stream)
        if len(self._consulted) >= _MOST_CONSULTED:
            self._consulted.clear()
        self._consulted[stream.int] = (read_at, aggregate)
        return aggregate, False

    def changed(self, stream: UUID) -> None:
        """Forget what was consulted: this process stored something newer."""
        self._consulted.pop(stream.int, None)

    def snapshot_if_due(self, aggregate: Aggregate, before: int) -> None:
        """Take a snapshot in the background when a multiple of the interval was passed."""
        if aggregate.version // SNAPSHOT_EVERY > before // SNAPSHOT_EVERY:
            # Encoded now: the next command may change the aggregate before the task runs.
            snapshot = self.reader.encode_snapshot(aggregate)
            task = asyncio.create_task(self._snapshot(snapshot))
            self._snapshots.add(task)
            task.add_done_callback(self._snapshots.discard)

    async def _snapshot(self, snapshot: Snapshot) -> None:
        try:
            await self.reader.keep_snapshot(snapshot)
        except DatabaseError as error:  # only a shortcut is missing
            _log.warning("snapshot failed", stream=str(snapshot.stream), error=type(error).__name__)

    async def find_idempotency(self, key: UUID) -> RepeatedError | None:
        """Return what was stored under a key, if anything was."""
        try:
            async with self.pool.connection() as connection:
                cursor = await connection.execute(_FIND_IDEMPOTENCY, [key])
                row = await cursor.fetchone()
        except DatabaseError as error:
            raise NotStoredError("the database cannot be reached") from error
        return None if row is None else RepeatedError(bytes(row[0]), bytes(row[1]), row[2])


class Desk:
    """One command's desk; used as an async context manager.

    ``latest`` is the latest business time that a fact may have.
    """

    def __init__(
        self,
        store: EventStore,
        caller: Caller,
        granted: Relation,
        meta: Metadata,
        *,
        latest: datetime,
        fresh: bool,
    ) -> None:
        self.caller = caller
        self.latest = latest
        self.meta = meta
        self.events: list[DomainEvent] = []
        self.used_cache = False
        self.root_kind = ""
        self._store = store
        self._reach = reach_of(caller, granted)
        self._fresh = fresh
        self._lock: asyncio.Lock | None = None
        self._saved: list[tuple[Aggregate, int]] = []
        self._new_subjects: set[UUID] = set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    async def load(self, cls: type[A], stream: UUID) -> A:
        """Return an aggregate that exists; NotFoundError if not, or not for this caller."""
        aggregate = await self.load_or_blank(cls, stream)
        if aggregate.version == 0:
            raise NotFoundError(cls.KIND, str(stream))
        return aggregate

    async def load_or_blank(self, cls: type[A], stream: UUID) -> A:
        """Return an aggregate, blank if nothing happened to it yet."""
        if self._lock is None:  # only the first: whoever holds two locks can deadlock
            self.root_kind = cls.KIND
            lock = self._store.lock(stream)
            await lock.acquire()
            self._lock = lock
        cached = self._store.take(stream)
        if isinstance(cached, cls) and not self._fresh:
            self.used_cache = True
            aggregate = cached
        else:
            aggregate = await self._store.reader.load(cls, stream)
        self.check_reach(aggregate)
        return aggregate

    async def consult(self, cls: type[A], stream: UUID, *, beyond_reach: bool = False) -> A:
        """Return an aggregate, perhaps blank, that informs the decision and is not changed by it.

        Another process's change is seen within seconds. Whoever may give the command may have it
        ask people, units and policies; cases must be within reach, unless a rule asks one that may
        lie ``beyond_reach`` and tells the caller nothing of it.
        """
        aggregate, from_memory = await self._store.consult(cls, stream, fresh=self._fresh)
        self.used_cache = self.used_cache or from_memory
        if cls.KIND in BELONGINGS and not beyond_reach:
            self.check_reach(aggregate)
        return aggregate

    def check_reach(self, aggregate: Aggregate) -> None:
        """Refuse an aggregate out of the caller's reach, as if it did not exist."""
        belongings = BELONGINGS.get(aggregate.KIND, {})
        if aggregate.version and not self._reach.covers(aggregate, belongings):
            raise NotFoundError(aggregate.KIND, str(aggregate.id))

    def new(self, cls: type[A], stream: UUID | None = None) -> A:
        """Return a blank aggregate under a new id, or under one that must not be taken yet."""
        self.root_kind = self.root_kind or cls.KIND
        return cls(uuid7() if stream is None else stream)

    def save(self, *aggregates: Aggregate) -> None:
        """Note what is to be stored, all or nothing, once the handler has answered."""
        for aggregate in aggregates:
            events = aggregate.collect_events()
            self._saved.append((aggregate, aggregate.version - len(events)))
            self.events.extend(events)

    def new_customer(self) -> UUID:
        """Return the id of a data subject who was never seen before."""
        subject = uuid7()
        self._new_subjects.add(subject)
        return subject

    def known_customer(self, reference: str) -> UUID:
        """Return the id of the data subject whom the caller knows by this reference."""
        reference = checked_text(reference, field="customerReference", max_length=REFERENCE_LENGTH)
        scope = self.caller.partner or self.meta.source.name or ""
        return self._store.keys.master.pseudonym(f"customer:{scope}", reference)

    def personal(
        self, subject: UUID, value: str | None, *, field: str, max_length: int
    ) -> PersonalText | None:
        """Check an optional personal text and bind it to its data subject."""
        if value is None:
            return None
        return personal_text(subject, value, field=field, max_length=max_length)

    async def complaint_number(self, at: datetime) -> str:
        """Return the number of a new complaint, of the local year of that instant."""
        return complaint_number(self._year(at), await self._store.complaint_ordinals.next())

    async def appeal_number(self, at: datetime) -> str:
        """Return the number of a new appeal, of the local year of that instant."""
        return appeal_number(self._year(at), await self._store.appeal_ordinals.next())

    def _year(self, at: datetime) -> int:
        return at.astimezone(self._store.zone).year

    async def commit(self, idempotency: Idempotency | None) -> Appended:
        """Encrypt, encode and store; keep the aggregates in memory only if that succeeded."""
        mapper = self._store.mapper
        subjects = frozenset(s for event in self.events for s in mapper.subjects_of(event))
        try:
            if subjects:
                await self._have_keys(subjects)
            stored = [mapper.to_stored_event(event) for event in self.events]
            appended = await self._store.writer.append(
                stored, idempotency=idempotency, subjects=subjects
            )
        except BaseException:
            self._store.keys.forget(self._new_subjects)  # a retry makes new ones
            raise
        for aggregate, before in self._saved:
            self._store.changed(aggregate.id)
            self._store.put_back(aggregate)
            self._store.snapshot_if_due(aggregate, before)
        return appended

    async def store_refusal(self, idempotency: Idempotency) -> None:
        """Keep a refusal, so that a repeated request gets the same answer."""
        await self._store.writer.append([], idempotency=idempotency)

    async def _have_keys(self, subjects: Iterable[UUID]) -> None:
        keys = self._store.keys
        for subject in self._new_subjects:
            keys.create(subject)
        await self._store.reader.look_up_keys(set(subjects))
