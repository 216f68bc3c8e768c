"""Loading aggregates: newest snapshot, later events, one round trip; and taking snapshots."""

import asyncio
from dataclasses import astuple, dataclass
from typing import Any, Final, LiteralString, TypeVar
from uuid import UUID

import psycopg
from psycopg.rows import tuple_row
from psycopg_pool import AsyncConnectionPool

from application.eventstore.codec import EventMapper, SnapshotCodec
from application.eventstore.errors import NotStoredError
from application.eventstore.lookup import GroupLookup
from application.eventstore.subject_keys import SELECT_CURRENT, SubjectKeys
from domain.aggregate import Aggregate

SNAPSHOT_EVERY: Final = 50
"""Events between snapshots: rebuilding 1000 events takes 19 ms, from a snapshot 0.3 ms."""

A = TypeVar("A", bound=Aggregate)

_SELECT_STREAMS: LiteralString = """
WITH newest AS (
    SELECT DISTINCT ON (originator_id) originator_id, originator_version, state
    FROM log.snapshots
    WHERE originator_id = ANY(%(ids)b) AND %(use_snapshots)b
    ORDER BY originator_id, originator_version DESC
)
SELECT originator_id, true AS is_snapshot, originator_version, '' AS topic, state FROM newest
UNION ALL
SELECT e.originator_id, false, e.originator_version, e.topic, e.state
FROM log.stored_events AS e LEFT JOIN newest AS n ON n.originator_id = e.originator_id
WHERE e.originator_id = ANY(%(ids)b) AND e.originator_version > coalesce(n.originator_version, 0)
ORDER BY originator_id, is_snapshot DESC, originator_version
"""
_INSERT_SNAPSHOT: LiteralString = """
INSERT INTO log.snapshots (originator_id, originator_version, topic, state)
VALUES (%b, %b, %t, %b) ON CONFLICT DO NOTHING
"""
_DELETE_SNAPSHOTS: LiteralString = """
DELETE FROM log.snapshots WHERE originator_id = %b AND originator_version < %b
"""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The encoded state of an aggregate at one version."""

    stream: UUID
    version: int
    topic: str
    state: bytes


class StreamReader:
    """Rebuilds aggregates from the log."""

    def __init__(
        self, pool: AsyncConnectionPool[Any], mapper: EventMapper, keys: SubjectKeys
    ) -> None:
        self._pool = pool
        self._mapper = mapper
        self._keys = keys
        self._snapshots = SnapshotCodec()
        self._streams = GroupLookup(self._fetch_streams)
        self._data_keys = GroupLookup(self._fetch_keys)

    async def load(self, cls: type[A], stream: UUID, *, use_snapshot: bool = True) -> A:
        """Return the aggregate as of now; blank (version 0) if nothing ever happened to it."""
        if use_snapshot:
            rows = await self._streams.get(stream) or []
        else:
            rows = (await self._fetch_streams([stream], use_snapshots=False)).get(stream, [])
        aggregate: A | None = None
        for is_snapshot, version, topic, state in rows:
            if is_snapshot:
                aggregate = self._snapshots.decode(cls, stream, version, state)
                if aggregate is None:  # written by other code: the events are the truth
                    return await self.load(cls, stream, use_snapshot=False)
            else:
                aggregate = self._mapper.decode(stream, version, topic, state).mutate(aggregate)
        # Under an id of another kind there is nothing of this one.
        return aggregate if isinstance(aggregate, cls) else cls(stream)

    def encode_snapshot(self, aggregate: Aggregate) -> Snapshot:
        """Return the state of an aggregate as it is now, ready to be stored."""
        topic, state = self._snapshots.encode(aggregate)
        return Snapshot(aggregate.id, aggregate.version, topic, state)

    async def keep_snapshot(self, snapshot: Snapshot) -> None:
        """Store a snapshot and drop older ones of its stream."""
        async with self._pool.connection() as connection, connection.transaction():
            await connection.execute(_INSERT_SNAPSHOT, list(astuple(snapshot)))
            await connection.execute(_DELETE_SNAPSHOTS, [snapshot.stream, snapshot.version])

    async def look_up_keys(self, subjects: set[UUID]) -> None:
        """Make the current key of each subject known, or make a new one for who has none."""
        unknown = self._keys.unknown(subjects)
        if not unknown:
            return
        found = await asyncio.gather(*map(self._data_keys.get, unknown))
        self._keys.learn(row for row in found if row is not None)
        for subject in self._keys.unknown(unknown):
            self._keys.create(subject)

    async def _fetch_streams(
        self, streams: list[UUID], *, use_snapshots: bool = True
    ) -> dict[UUID, list[tuple[Any, ...]]]:
        found: dict[UUID, list[tuple[Any, ...]]] = {}
        parameters = {"ids": streams, "use_snapshots": use_snapshots}
        for stream, *rest in await self._fetch(_SELECT_STREAMS, parameters):
            found.setdefault(stream, []).append(tuple(rest))
        return found

    async def _fetch_keys(self, subjects: list[UUID]) -> dict[UUID, tuple[Any, ...]]:
        return {row[0]: row for row in await self._fetch(SELECT_CURRENT, [subjects])}

    async def _fetch(self, statement: LiteralString, parameters: Any) -> list[tuple[Any, ...]]:
        try:
            async with self._pool.connection() as connection:
                cursor = connection.cursor(row_factory=tuple_row, binary=True)
                await cursor.execute(statement, parameters, prepare=True)
                rows: list[tuple[Any, ...]] = await cursor.fetchall()
                return rows
        except psycopg.OperationalError as error:  # the pool's timeout is one, too
            raise NotStoredError("the database cannot be reached") from error
