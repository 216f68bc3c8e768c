"""Projections: events into read models, in batches, exactly once, rebuildable while serving.

A batch is folded in memory and written in one transaction together with the position up to which it
reaches. Whoever projects holds the lock on that position's row, so two processes never double. An
event that cannot be folded is parked with its error; its stream waits behind it, others go on.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, ClassVar, Final, LiteralString, Protocol, TypeVar
from uuid import UUID

import psycopg
import structlog
from psycopg import Connection, sql

from domain.aggregate import DomainEvent
from domain.faults import place_of
from domain.personal import ERASED, Erased, PersonalText, Sealed, personal_fields
from projections.sentences import says
from projections.tables import Table, TableChanges, hashed

BATCH_EVENTS: Final = 1000
EVENTS_CHANNEL: Final = "redress_events"
PROJECTED_CHANNEL: Final = "redress_projected"

_SELECT_EVENTS: LiteralString = """
SELECT notification_id, recorded_at, originator_id, originator_version, topic, state
FROM log.stored_events
WHERE notification_id > %b
ORDER BY notification_id
LIMIT %b
"""
# By the index of the events that tell rules (migration 0015): the expression is that of the index.
_SELECT_RULES: Final = sql.SQL("""
SELECT notification_id, recorded_at, originator_id, originator_version, topic, state
FROM log.stored_events
WHERE split_part(topic, '.', 1) IN ({}) AND notification_id <= %b
ORDER BY notification_id
""")
_SELECT_STREAMS: LiteralString = """
SELECT notification_id, recorded_at, originator_id, originator_version, topic, state
FROM log.stored_events
WHERE originator_id = ANY(%b) AND notification_id <= %b
ORDER BY notification_id
"""
_LOCK_POSITION: LiteralString = """
SELECT position, moved_at FROM ops.projection_positions WHERE projection = %s FOR UPDATE
"""
_INSERT_POSITION: LiteralString = """
INSERT INTO ops.projection_positions (projection, position) VALUES (%s, 0)
ON CONFLICT DO NOTHING
"""
_MOVE_POSITION: LiteralString = """
UPDATE ops.projection_positions SET position = %s, moved_at = clock_timestamp()
WHERE projection = %s RETURNING position, moved_at
"""
_NOTIFY: LiteralString = "SELECT pg_notify(%s, %s)"
_PARKED_SINCE: LiteralString = """
SELECT originator_id, min(position) FROM ops.parked_events
WHERE projection = %s AND originator_id = ANY(%b) GROUP BY originator_id
"""
_PARK: LiteralString = """
INSERT INTO ops.parked_events (projection, position, originator_id, topic, error)
VALUES (%s, %s, %s, %s, %s) ON CONFLICT DO NOTHING
"""
_SELECT_KEYS: LiteralString = """
SELECT subject, key_version, master, wrapped FROM keys.subject_keys WHERE subject = ANY(%b)
"""

_BEHIND: Final = "behind a parked event of its stream"
_log = structlog.get_logger()
E = TypeVar("E", bound=DomainEvent)
R = TypeVar("R")


class Decoder(Protocol):
    """Turns a stored event into the domain's event; personal fields stay sealed."""

    def __call__(self, stream: UUID, version: int, topic: str, state: bytes) -> DomainEvent:
        """Decode one event."""


class Opener(Protocol):
    """Opens sealed fields with the keys of the current batch."""

    def begin_batch(self, rows: Iterable[Sequence[Any]]) -> None:
        """Take in rows of (subject, key version, master, wrapped key)."""

    def open(self, sealed: Sealed, stream: UUID, version: int, field: str) -> str | Erased:
        """Decrypt one field of one event."""


@dataclass(slots=True)
class Entry:
    """A stored event with its place in the log, decoded when somebody asks for it."""

    position: int
    recorded_at: datetime
    stream: UUID
    version: int
    topic: str
    state: bytes
    decode: Decoder
    _event: DomainEvent | None = None

    @property
    def event(self) -> DomainEvent:
        """Return the domain's event; raises what the decoder raises."""
        if self._event is None:
            self._event = self.decode(self.stream, self.version, self.topic, self.state)
        return self._event


class Memory(Protocol):
    """What a projection knows from the beginning of the log, beside its rows."""

    TOPICS: ClassVar[frozenset[str]]

    def apply(self, event: Any, position: int) -> None:
        """Take in an event of ``TOPICS``, all of it; or raise, and stay as it was."""


Past = Callable[[Sequence[UUID], int], list[Entry]]
"""Reads the events of streams again, up to a position, in log order."""


class Batch:
    """The rows that a batch of events touches, as the events make them.

    ``memory``: what the projection remembers as of the event at hand; ``past``: how to read more;
    ``noted``: what is left for the projection to do when all events are folded.
    """

    def __init__(self, opener: Opener, memory: Any = None, past: Past = lambda *_: []) -> None:
        self._changes: dict[str, TableChanges[Any]] = {}
        self._opener = opener
        self.memory = memory
        self.past = past
        self.noted: dict[UUID, Any] = {}

    def load(self, connection: Connection[Any], table: Table[Any], streams: Sequence[UUID]) -> None:
        """Fetch the rows that the events of these streams may change."""
        found = table.load(connection, streams)
        rows = {hashed(key): row for key, row in found.items()}
        changes = self._changes[table.name] = TableChanges(rows, set(rows), set())
        if table.stream_of is not None:
            for key, row in rows.items():
                changes.by_stream.setdefault(hashed(table.stream_of(row)), []).append(key)

    def put(self, table: Table[R], row: R) -> None:
        """Insert a row, or replace the one with its key."""
        changes = self._of(table)
        key = hashed(table.key_of(row))
        if table.stream_of is not None and key not in changes.rows:
            changes.by_stream.setdefault(hashed(table.stream_of(row)), []).append(key)
        changes.rows[key] = row
        changes.changed.add(key)

    def find(self, table: Table[R], key: Any) -> R | None:
        """Return a row, to be read only, or None if there is none."""
        return self._of(table).rows.get(hashed(key))

    def change(self, table: Table[R], key: Any) -> R:
        """Return a row that exists, to be changed in place."""
        changes = self._of(table)
        key = hashed(key)
        row: R = changes.rows[key]
        changes.changed.add(key)
        return row

    def all_of(self, table: Table[R], stream: UUID) -> list[R]:
        """Return all rows of a stream, to be read only."""
        changes = self._of(table)
        return [changes.rows[key] for key in changes.by_stream.get(stream.int, ())]

    def change_all(self, table: Table[R], stream: UUID) -> list[R]:
        """Return all rows of a stream, to be changed in place."""
        changes = self._of(table)
        keys = changes.by_stream.get(stream.int, ())
        changes.changed.update(keys)
        return [changes.rows[key] for key in keys]

    def reveal(self, event: DomainEvent, name: str) -> str | None:
        """Return a personal field as text; None if it is empty or erased."""
        value: Sealed | PersonalText | None = getattr(event, name)
        if not isinstance(value, Sealed):
            return None
        text = self._opener.open(value, event.originator_id, event.originator_version, name)
        return None if text is ERASED else str(text)

    def store(self, connection: Connection[Any], tables: Iterable[Table[Any]]) -> None:
        """Write what changed."""
        for table in tables:
            changes = self._changes.get(table.name)
            if changes is not None and changes.changed:
                rows, stored = changes.rows, changes.stored
                new = changes.changed - stored
                table.insert(connection, [row for key, row in rows.items() if key in new])
                table.replace(connection, [rows[key] for key in changes.changed & stored])
                stored |= new
                changes.changed = set()

    def _of(self, table: Table[R]) -> TableChanges[R]:
        changes = self._changes.get(table.name)
        if changes is None:
            changes = self._changes[table.name] = TableChanges({}, set(), set())
        return changes


Handler = Callable[[Any, Any, Entry, Batch], None]


def on(
    event_class: type[E], *, en: str | None = None, zh: str | None = None
) -> Callable[[Callable[[Any, E, Entry, Batch], None]], Callable[[Any, E, Entry, Batch], None]]:
    """Make a method the handler of an event, and give the event its sentence."""
    if en is not None and zh is not None:
        says(event_class, en=en, zh=zh)

    def mark(
        method: Callable[[Any, E, Entry, Batch], None],
    ) -> Callable[[Any, E, Entry, Batch], None]:
        method.handles_event = event_class  # type: ignore[attr-defined]
        return method

    return mark


class Projection:
    """One read model: its tables and a handler for each event that it is interested in."""

    name: ClassVar[str]
    tables: ClassVar[tuple[Table[Any], ...]]
    keyed: ClassVar[tuple[Table[Any], ...]] = ()
    """The tables whose rows, keyed by their stream or with a column for it, change later."""
    reveals: ClassVar[bool | frozenset[str]] = False
    """Whether its handlers read personal fields; or the topics of the events where they do."""
    handlers: ClassVar[Mapping[str, Handler]]
    """By topic."""
    remembers: ClassVar[type[Memory] | None] = None
    """What it must know from the beginning of the log: rules, not cases; no event is both."""

    def __init_subclass__(cls) -> None:
        """Collect the handlers."""
        cls.handlers = {
            method.handles_event.TOPIC: method
            for method in vars(cls).values()
            if hasattr(method, "handles_event")
        }

    def handler(self, topic: str) -> Handler | None:
        """Return the handler of a topic, if it has one here."""
        return self.handlers.get(topic)

    def stream(self, entry: Entry) -> UUID:
        """Return the stream whose rows an event changes: its own, unless it tells of another."""
        return entry.stream

    def finish(self, batch: Batch) -> None:
        """Do what the events of a batch left to be done once."""


@dataclass
class Feed:
    """Reads the log in order; projections at the same position share what was read and decoded."""

    decode: Decoder
    _last: tuple[int, int, list[Entry]] | None = field(default=None, init=False)

    def after(self, connection: Connection[Any], position: int, limit: int) -> list[Entry]:
        """Return the next entries of the log."""
        if self._last is not None and self._last[:2] == (position, limit):
            return self._last[2]
        cursor = connection.cursor(binary=True)
        cursor.execute(_SELECT_EVENTS, [position, limit], prepare=True)
        entries = self._entries(cursor.fetchall())
        if entries:  # an empty answer may be different the next moment
            self._last = (position, limit, entries)
        return entries

    def rules(self, connection: Connection[Any], topics: frozenset[str], until: int) -> list[Entry]:
        """Return the entries that tell rules, of some topics, up to a position."""
        kinds = sorted({topic.partition(".")[0] for topic in topics})
        statement = _SELECT_RULES.format(sql.SQL(", ").join(map(sql.Literal, kinds)))
        cursor = connection.cursor(binary=True)
        entries = self._entries(cursor.execute(statement, [until]).fetchall())
        return [entry for entry in entries if entry.topic in topics]

    def streams(
        self, connection: Connection[Any], streams: Sequence[UUID], until: int
    ) -> list[Entry]:
        """Return the entries of streams up to a position."""
        cursor = connection.cursor(binary=True)
        cursor.execute(_SELECT_STREAMS, [list(streams), until], prepare=True)
        return self._entries(cursor.fetchall())

    def _entries(self, rows: Iterable[Sequence[Any]]) -> list[Entry]:
        return [
            Entry(at, recorded, stream, version, topic, state, self.decode)
            for at, recorded, stream, version, topic, state in rows
        ]


_Place = tuple[int, datetime]
"""Up to where a projection is, and when it was moved there: a rebuild may stay where it was."""


class Projector:
    """Moves projections forward over one connection, whose search path names their tables."""

    def __init__(
        self,
        connection: Connection[Any],
        feed: Feed,
        opener: Opener,
        *,
        batch_events: int = BATCH_EVENTS,
    ) -> None:
        self._connection = connection
        self._feed = feed
        self._opener = opener
        self._batch_events = batch_events
        self._memories: dict[str, tuple[_Place, Memory]] = {}

    def advance(self, projection: Projection, *, tracked_as: str | None = None) -> int:
        """Project one batch; return the position reached, 0 if there was nothing to do."""
        name = tracked_as or projection.name
        connection = self._connection
        with connection.transaction():
            place = self._locked(name)
            entries = self._feed.after(connection, place[0], self._batch_events)
            if not entries:
                return 0
            reached = entries[-1].position
            memory = self._project(projection, name, entries, place)
            moved: Any = connection.execute(_MOVE_POSITION, [reached, name]).fetchone()
            connection.execute(_NOTIFY, [PROJECTED_CHANNEL, f"{name} {reached}"])
        if memory is not None:
            self._memories[name] = (moved, memory)
        return reached

    def _locked(self, name: str) -> _Place:
        place = self._connection.execute(_LOCK_POSITION, [name]).fetchone()
        if place is None:
            self._connection.execute(_INSERT_POSITION, [name])
            place = self._connection.execute(_LOCK_POSITION, [name]).fetchone()
        assert place is not None
        return place[0], place[1]

    def _project(
        self, projection: Projection, name: str, entries: list[Entry], place: _Place
    ) -> Memory | None:
        memory = self._memory(projection, name, place)
        topics = frozenset() if memory is None else memory.TOPICS
        wanted = [e for e in entries if projection.handler(e.topic) or e.topic in topics]
        if not wanted:
            return memory
        wanted = self._park_behind(name, wanted)
        try:
            self._fold(projection, wanted, memory)
        except psycopg.OperationalError:
            raise  # the database's trouble, not an event's
        except Exception:  # noqa: BLE001  one of the events is poison: find out which
            memory = again = self._memory(projection, name, place)
            self._one_by_one(name, wanted, lambda entry: self._fold(projection, [entry], again))
        return memory

    def _memory(self, projection: Projection, name: str, place: _Place) -> Memory | None:
        """Return what a projection remembers at a place; it is changed by who gets it.

        What is parked is left out, and what cannot be taken in is parked: as while projecting.
        """
        if projection.remembers is None:
            return None
        known_at, known = self._memories.pop(name, (None, None))
        if known is not None and known_at == place:
            return known
        memory = projection.remembers()
        rules = self._feed.rules(self._connection, memory.TOPICS, place[0])
        rules = self._park_behind(name, rules)
        self._one_by_one(name, rules, lambda entry: memory.apply(entry.event, entry.position))
        return memory

    def _fold(self, projection: Projection, entries: list[Entry], memory: Memory | None) -> None:
        """Let the projection take in events, all or none."""
        with self._connection.transaction():
            batch = self._batch(projection, entries, memory)
            for entry in entries:
                if memory is not None and entry.topic in memory.TOPICS:
                    memory.apply(entry.event, entry.position)
                handler = projection.handler(entry.topic)
                if handler is not None:
                    handler(projection, entry.event, entry, batch)
            projection.finish(batch)
            batch.store(self._connection, projection.tables)

    def _batch(self, projection: Projection, entries: list[Entry], memory: Memory | None) -> Batch:
        """Return a batch with the rows and the keys that events need."""
        batch = Batch(self._opener, memory, partial(self._feed.streams, self._connection))
        handled = [entry for entry in entries if projection.handler(entry.topic)]
        streams = list({stream.int: stream for stream in map(projection.stream, handled)}.values())
        for table in projection.keyed:
            batch.load(self._connection, table, streams)
        reveals = projection.reveals
        if reveals:
            subjects = {
                value.subject.int: value.subject
                for event in (
                    entry.event for entry in handled if reveals is True or entry.topic in reveals
                )
                for name in personal_fields(type(event))  # type: ignore[arg-type]
                if isinstance(value := getattr(event, name), Sealed)
            }
            if subjects:
                cursor = self._connection.cursor(binary=True)
                self._opener.begin_batch(
                    cursor.execute(_SELECT_KEYS, [list(subjects.values())], prepare=True).fetchall()
                )
        return batch

    def _one_by_one(self, name: str, entries: list[Entry], take: Callable[[Entry], None]) -> None:
        stuck: set[UUID] = set()
        for entry in entries:
            if entry.stream in stuck:
                self._park(name, entry, _BEHIND)
                continue
            try:
                take(entry)
            except psycopg.OperationalError:
                raise
            except Exception as error:  # noqa: BLE001  parked and shown, whatever it is
                stuck.add(entry.stream)
                self._park(name, entry, place_of(error))

    def _park_behind(self, name: str, entries: list[Entry]) -> list[Entry]:
        """Leave out what is parked, and park what comes behind it in its stream."""
        streams = list({entry.stream for entry in entries})
        rows = self._connection.execute(_PARKED_SINCE, [name, streams], prepare=True).fetchall()
        since = dict(rows)
        free: list[Entry] = []
        for entry in entries:
            if entry.position < since.get(entry.stream, entry.position + 1):
                free.append(entry)
            else:
                self._park(name, entry, _BEHIND)
        return free

    def _park(self, name: str, entry: Entry, error: str) -> None:
        """Park an event, once."""
        parked = [name, entry.position, entry.stream, entry.topic, error]
        if self._connection.execute(_PARK, parked).rowcount:
            _log.error("event parked", projection=name, position=entry.position, error=error)


def search_path(schemas: Iterable[str]) -> sql.Composed:
    """Return the statement that makes these schemas the place of unqualified tables."""
    return sql.SQL("SET search_path = {}").format(
        sql.SQL(", ").join(sql.Identifier(schema) for schema in schemas)
    )


LIVE_SCHEMAS: Final = ("read", "read_personal")


def use_live_tables(connection: Connection[Any]) -> None:
    """Let the connection write the tables that readers see.

    A commit need not wait for the disk: rows and position are lost together, and projected again.
    Rows are found by an index, always: a plan made while a table was empty is kept for long.
    """
    connection.execute(search_path(LIVE_SCHEMAS))
    connection.execute("SET synchronous_commit = off")
    connection.execute("SET enable_seqscan = off")


def run_until(
    projector: Projector,
    projections: Sequence[Projection],
    connection: Connection[Any],
    *,
    stopped: Callable[[], bool],
    wait_seconds: float = 5.0,
) -> Iterator[None]:
    """Project whatever comes until ``stopped()``; yields after each round of all projections.

    ``connection`` is a second one, in autocommit, that listens for new events.
    """
    connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(EVENTS_CHANNEL)))
    while not stopped():
        moved = [projector.advance(projection) for projection in projections]
        yield
        if not any(moved):
            for _ in connection.notifies(timeout=wait_seconds, stop_after=1):
                pass
