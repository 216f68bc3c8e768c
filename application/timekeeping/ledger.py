"""What the timers know: every case's clocks up to a place in the log, and what is due when."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, LiteralString
from uuid import UUID

import msgspec
import psycopg
import structlog
from eventsourcing.persistence import MapperDeserialisationError
from eventsourcing.utils import TopicError
from psycopg import AsyncConnection, sql
from psycopg.rows import tuple_row

from application.desk import EventStore
from application.eventstore.rules import RuleReader
from domain.aggregate import DomainEvent
from domain.calendar import CARRYING_DAYS, Calendar
from domain.case_clocks import RECORDED, clocks_id
from domain.faults import place_of
from domain.service_levels.calendars import calendar_id
from domain.service_levels.deadlines import Basis
from domain.service_levels.docket import Docket, case_of, fold
from domain.service_levels.marks import readings
from domain.service_levels.recipients import StaffBook
from domain.service_levels.rules import Rules
from domain.service_levels.timers import next_due

PROCESS: Final = "timers"
WINDOW_EVENTS: Final = 20_000
_STEP_EVENTS: Final = 1_000
_RULES: Final = sorted(Rules.TOPICS | StaffBook.TOPICS)

_FIRST_POSITION: LiteralString = """
INSERT INTO process.positions (process, position) VALUES (%s, 0) ON CONFLICT DO NOTHING
"""
_POSITION: LiteralString = "SELECT position FROM process.positions WHERE process = %s"
_MOVE: LiteralString = """
UPDATE process.positions SET position = %s WHERE process = %s AND position = %s
"""
_LAST: LiteralString = "SELECT coalesce(max(notification_id), 0) FROM log.stored_events"
_EVENTS: LiteralString = """
SELECT notification_id, originator_id, originator_version, topic, state FROM log.stored_events
WHERE notification_id > %b AND notification_id <= %b AND topic = ANY(%b)
ORDER BY notification_id
LIMIT %b
"""
_DOCKETS: LiteralString = """
SELECT case_id, docket, parked FROM process.case_clocks WHERE case_id = ANY(%b)
"""
_KEEP: LiteralString = """
INSERT INTO process.case_clocks (case_id, stream, docket, due_at, counts_days)
SELECT * FROM unnest(%b::uuid[], %b::uuid[], %b::text[], %b::timestamptz[], %b::boolean[])
ON CONFLICT (case_id) DO UPDATE
SET docket = excluded.docket, due_at = excluded.due_at, counts_days = excluded.counts_days
"""
_DUE: LiteralString = """
SELECT docket FROM process.case_clocks WHERE due_at <= %b ORDER BY due_at LIMIT %b
"""
_NEXT: LiteralString = "SELECT min(due_at) FROM process.case_clocks WHERE due_at IS NOT NULL"
_PUT_OFF: LiteralString = """
UPDATE process.case_clocks AS c SET due_at = p.due_at
FROM unnest(%b::uuid[], %b::timestamptz[]) AS p (case_id, due_at)
WHERE c.case_id = p.case_id
"""
_LEAVE: LiteralString = """
UPDATE process.case_clocks SET parked = true, due_at = NULL, counts_days = false
WHERE case_id = ANY(%(streams)b) OR stream = ANY(%(streams)b)
"""
_CHANGED: LiteralString = """
INSERT INTO process.calendar_changes (position, calendar, reason, after_case)
VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING
"""
_PENDING: LiteralString = """
SELECT position, calendar, reason, after_case FROM process.calendar_changes ORDER BY position
"""
_DONE: LiteralString = "DELETE FROM process.calendar_changes WHERE position <= %s"
_LOOKED_AT: LiteralString = """
UPDATE process.calendar_changes SET after_case = %s WHERE position = %s
"""
_COUNTING: LiteralString = """
SELECT docket FROM process.case_clocks WHERE counts_days AND case_id > %b ORDER BY case_id LIMIT %b
"""
_PARK: LiteralString = """
INSERT INTO ops.parked_events (projection, position, originator_id, topic, error)
VALUES (%s, %s, %s, %s, %s) ON CONFLICT DO NOTHING
"""

Changed = Calendar.YearPublished | Calendar.YearForeseen | Calendar.DaysCorrected
_NO_CASE: Final = UUID(int=0)
_decode: Final = msgspec.json.Decoder(Docket).decode
_log = structlog.get_logger()


def forget(connection: psycopg.Connection[Any]) -> None:
    """Let the timers read the log anew; what is on record stays, and is not recorded again."""
    with connection.transaction():
        connection.execute("DELETE FROM process.positions WHERE process = %s", [PROCESS])
        connection.execute("TRUNCATE process.case_clocks, process.calendar_changes")
        parked = f"process:{PROCESS}"
        connection.execute("DELETE FROM ops.parked_events WHERE projection = %s", [parked])


class AnotherTimekeeperError(Exception):
    """Another process moved the position: it keeps the time now."""


@dataclass(frozen=True, slots=True)
class Change:
    """Changes of calendars up to a position of the log, which deadlines have to follow.

    ``reasons`` are the last ones, by the codes of the calendars; ``after``: which cases, in the
    order of their ids, were looked at.
    """

    position: int
    reasons: Mapping[str, str]
    after: UUID


class Ledger:
    """Folds the log; used by one process at a time."""

    def __init__(self, store: EventStore) -> None:
        self._store = store
        self._known_at = -1
        self._topics = sorted({*_RULES, *readings(), *(event.TOPIC for event in RECORDED)})
        self._begin_rules()

    def _begin_rules(self) -> None:
        self.rules, self.staff = Rules(), StaffBook()
        self._changes: list[tuple[int, Changed]] = []
        self._reader = RuleReader(self._store.mapper, _RULES, self._learn)

    async def advance(self) -> bool:
        """Take one step through the log; say whether there was anything to look at."""
        async with self._store.pool.connection() as connection:
            after = await _position(connection)
            await self._remember(connection, after)
            last = await _one(connection, _LAST)
            if after >= last:
                return False
            until = min(after + WINDOW_EVENTS, last)
            rows = await _rows(
                connection, _EVENTS, [after, until, self._topics, _STEP_EVENTS], prepare=True
            )
            if len(rows) == _STEP_EVENTS:  # perhaps not all
                until = rows[-1][0]
            self._known_at = -1  # until all of it is stored, the log is to be asked again
            async with connection.transaction():
                await _move(connection, after, until)  # first, so that two wait in a line
                await self._take_in(connection, rows)
            self._known_at = until
        return True

    async def due(self, until: datetime, most: int) -> list[Docket]:
        """Return cases at which it is time to look, the oldest moment first."""
        async with self._store.pool.connection() as connection:
            rows = await _rows(connection, _DUE, [until, most], prepare=True)
        return [_decode(row[0]) for row in rows]

    async def next_due(self) -> datetime | None:
        """Return when it is time to look at the next case."""
        async with self._store.pool.connection() as connection:
            rows = await _rows(connection, _NEXT, [])
        found: datetime | None = rows[0][0]
        return found

    async def put_off(self, looks: Mapping[UUID, datetime | None]) -> None:
        """Note when to look again at cases of which nothing could be recorded."""
        async with self._store.pool.connection() as connection, connection.transaction():
            await _move(connection, self._known_at, self._known_at)
            cursor = connection.cursor(binary=True)
            await cursor.execute(_PUT_OFF, [list(looks), list(looks.values())])

    async def change(self) -> Change | None:
        """Return the changes of calendars that deadlines have to follow, if there are any."""
        async with self._store.pool.connection() as connection:
            rows = await _rows(connection, _PENDING, [])
        if not rows:
            return None
        reasons = {calendar: reason for _, calendar, reason, _ in rows}
        return Change(rows[-1][0], reasons, rows[-1][3])

    async def looked_at(self, change: Change, last: UUID) -> None:
        """Note up to which case deadlines follow a change."""
        async with self._store.pool.connection() as connection:
            await connection.execute(_LOOKED_AT, [last, change.position])

    async def followed(self, change: Change) -> None:
        """Note that all deadlines follow the calendars up to a change."""
        async with self._store.pool.connection() as connection:
            await connection.execute(_DONE, [change.position])

    async def counting(self, after: UUID, most: int) -> list[Docket]:
        """Return the next cases that count days, in the order of their ids."""
        async with self._store.pool.connection() as connection:
            rows = await _rows(connection, _COUNTING, [after, most], prepare=True)
        return [_decode(row[0]) for row in rows]

    async def _remember(self, connection: AsyncConnection[Any], position: int) -> None:
        """Know the rules as of a position: as always, but after a start or a fault."""
        if self._known_at == position:
            return
        self._begin_rules()
        for left in await self._reader.read(connection, position):
            await self._park(connection, left.position, left.stream, left.topic, left.error)
        self._known_at = position

    def _learn(self, event: DomainEvent, position: int) -> None:
        if event.TOPIC in Rules.TOPICS:
            self.rules.apply(event, position)
        if event.TOPIC in StaffBook.TOPICS:
            self.staff.apply(event)
        if isinstance(event, CARRYING_DAYS):
            self._changes.append((position, event))

    async def _take_in(
        self, connection: AsyncConnection[Any], rows: Sequence[tuple[Any, ...]]
    ) -> None:
        """Fold events; a case with one that cannot be used is left out from there on."""
        told: dict[int, DomainEvent] = {}
        stuck: set[UUID] = set()
        for row in rows:
            event = None if row[3] in _RULES else await self._event(connection, row)
            if event is not None:
                told[row[0]] = event
            elif row[3] not in _RULES:
                stuck.add(row[1])
        dockets = await self._dockets(connection, told.values(), stuck)
        touched: dict[UUID, Docket] = {}
        self._changes.clear()
        for row in rows:
            position, stream, _, topic, _ = row
            if topic in _RULES:
                left = self._reader.tell(row)
                if left is not None:
                    await self._park(connection, position, stream, topic, left.error)
                continue
            event = told.get(position)
            if event is None or (case := case_of(event)) in stuck:
                continue
            try:
                docket = fold(dockets.get(case), event, position, self.rules)
            except Exception as error:  # noqa: BLE001  parked and shown, and the others go on
                stuck.add(case)
                await self._park(connection, position, stream, topic, error)
                continue
            if docket is not None:
                dockets[case] = touched[case] = docket
        await self._note_changes(connection)
        await self._keep(connection, [d for case, d in touched.items() if case not in stuck])
        await connection.execute(_LEAVE, {"streams": list(stuck)})

    async def _note_changes(self, connection: AsyncConnection[Any]) -> None:
        """Note which deadlines have to be computed anew."""
        for position, event in self._changes:
            codes = (c for c in self.rules.calendars if calendar_id(c) == event.originator_id)
            changed = [position, next(codes, ""), _why(event), _NO_CASE]
            await connection.execute(_CHANGED, changed)

    async def _dockets(
        self,
        connection: AsyncConnection[Any],
        told: Iterable[DomainEvent],
        stuck: set[UUID],
    ) -> dict[UUID, Docket]:
        """Return what is known of the cases that events concern, but for those that are stuck."""
        cases = {case_of(event) for event in told}
        dockets = {}
        for case, docket, parked in await _rows(connection, _DOCKETS, [list(cases)], prepare=True):
            if parked or clocks_id(case) in stuck:
                stuck.add(case)
            else:
                dockets[case] = _decode(docket)
        return dockets

    async def _keep(self, connection: AsyncConnection[Any], dockets: Iterable[Docket]) -> None:
        kept = sorted(dockets, key=lambda docket: docket.case)
        cursor = connection.cursor(binary=True)
        await cursor.execute(
            _KEEP,
            [
                [docket.case for docket in kept],
                [clocks_id(docket.case) for docket in kept],
                [msgspec.json.encode(docket).decode() for docket in kept],
                [next_due(docket, self.rules) for docket in kept],
                [self._counts_days(docket) for docket in kept],
            ],
            prepare=True,
        )

    def _counts_days(self, docket: Docket) -> bool:
        return any(
            docket.terms(clock, self.rules).target.basis is not Basis.ELAPSED
            for clock in docket.clocks
            if clock.live
        )

    async def _event(
        self, connection: AsyncConnection[Any], row: tuple[Any, ...]
    ) -> DomainEvent | None:
        position, stream, version, topic, state = row
        try:
            return self._store.mapper.decode(stream, version, topic, state)
        except (MapperDeserialisationError, TopicError) as error:
            await self._park(connection, position, stream, topic, error)
            return None

    async def _park(
        self,
        connection: AsyncConnection[Any],
        position: int,
        stream: UUID,
        topic: str,
        error: Exception | None,
    ) -> None:
        """Leave an event behind that cannot be used, where ``redress doctor`` shows it."""
        why = "behind a parked event of its stream" if error is None else place_of(error)
        _log.error("event parked", process=PROCESS, position=position, error=why)
        await connection.execute(_PARK, [f"process:{PROCESS}", position, stream, topic, why])


def _why(event: Changed) -> str:
    said = event.meta.reason
    return event.source if said is None else f"{said} ({event.source})"


async def _position(connection: AsyncConnection[Any]) -> int:
    rows = await _rows(connection, _POSITION, [PROCESS])
    if not rows:
        await connection.execute(_FIRST_POSITION, [PROCESS])
        return 0
    return int(rows[0][0])


async def _move(connection: AsyncConnection[Any], after: int, until: int) -> None:
    """Move the position, unless somebody else did."""
    moved = await connection.execute(_MOVE, [until, PROCESS, after])
    if not moved.rowcount:
        raise AnotherTimekeeperError


async def _one(connection: AsyncConnection[Any], statement: LiteralString) -> int:
    return int((await _rows(connection, statement, []))[0][0])


async def _rows(
    connection: AsyncConnection[Any],
    statement: LiteralString | sql.Composed,
    parameters: Sequence[Any],
    *,
    prepare: bool | None = None,
) -> list[tuple[Any, ...]]:
    cursor = connection.cursor(row_factory=tuple_row, binary=True)
    await cursor.execute(statement, parameters, prepare=prepare)
    rows: list[tuple[Any, ...]] = await cursor.fetchall()
    return rows
