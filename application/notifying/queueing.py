"""When a notice is due: on each change that its customer sees, and regularly while a case is open.

A process manager (architecture.md 9.15): it reads the log in order, acts at least once, and stores
how far it came after it acted. Acting again changes nothing, since a notice's id follows from its
occasion.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby
from typing import Any, Final, LiteralString
from uuid import UUID

import structlog
from eventsourcing.persistence import MapperDeserialisationError
from eventsourcing.utils import TopicError
from psycopg import AsyncConnection
from psycopg.rows import tuple_row

from application.desk import EventStore
from application.dispatch import Call, Dispatcher
from application.notices import QueueNotice
from application.notifying.letters import stream_events
from application.notifying.working_days import NoticeCalendar, next_notice
from application.permissions import Caller
from domain.aggregate import DomainEvent
from domain.errors import (
    ConcurrentChangeError,
    DomainError,
    IdempotencyKeyReusedError,
    StillRunningError,
)
from domain.metadata import PolicyVersion, Source, SourceKind
from domain.notice import Notice, NoticeFinding, NoticeTemplate
from domain.notifying import Language, NoticeChannel
from domain.roles import PersonId, Role

PROCESS: Final = "notices"
CALLER: Final = Caller(PROCESS, PersonId(PROCESS), Role.SYSTEM)
SOURCE: Final = Source(SourceKind.SYSTEM, PROCESS)
WINDOW_EVENTS: Final = 10_000
"""How many events one step looks at; most of them concern nobody and never leave the database."""
_STEP_EVENTS: Final = 200
_CASES_AT_ONCE: Final = 16
_RECEIVED: Final = "complaint.received"


@dataclass(frozen=True, slots=True)
class _Telling:
    """What a customer is told on an event, and whether the case ends with it."""

    template: NoticeTemplate
    ends: bool = False


VISIBLE: Final[Mapping[str, _Telling]] = {
    _RECEIVED: _Telling(NoticeTemplate.RECEIVED),
    "complaint.registered": _Telling(NoticeTemplate.REGISTERED),
    "complaint.declined": _Telling(NoticeTemplate.DECLINED, ends=True),
    "complaint.waiting_for_customer": _Telling(NoticeTemplate.WAITING),
    "complaint.feedback_given": _Telling(NoticeTemplate.FEEDBACK),
    "complaint.resolution_proposed": _Telling(NoticeTemplate.PROPOSED),
    "complaint.answered": _Telling(NoticeTemplate.ANSWERED),
    "complaint.remedy_carried_out": _Telling(NoticeTemplate.REMEDY),
    "complaint.closed": _Telling(NoticeTemplate.CLOSED, ends=True),
    "complaint.reopened": _Telling(NoticeTemplate.REOPENED),
    "complaint.disputed": _Telling(NoticeTemplate.DISPUTED),
    "complaint.withdrawn": _Telling(NoticeTemplate.WITHDRAWN, ends=True),
    "complaint.merged": _Telling(NoticeTemplate.MERGED, ends=True),
    "complaint.escalated": _Telling(NoticeTemplate.ESCALATED),
}
"""The changes of a case that its customer sees, by their topics."""
_OWN: Final = (Notice.Queued.TOPIC, Notice.DoubtResolved.TOPIC)

_POSITION: LiteralString = "SELECT position FROM process.positions WHERE process = %s"
_FIRST_POSITION: LiteralString = """
INSERT INTO process.positions (process, position) VALUES (%s, 0) ON CONFLICT DO NOTHING
"""
_MOVE: LiteralString = """
UPDATE process.positions SET position = %s WHERE process = %s AND position = %s
"""
_LAST: LiteralString = "SELECT coalesce(max(notification_id), 0) FROM log.stored_events"
# A marker can stand in no text, since quotes inside of a text are escaped.
_EVENTS: LiteralString = """
SELECT notification_id, originator_id, originator_version, topic, state FROM log.stored_events
WHERE notification_id > %(after)b AND notification_id <= %(until)b AND (
    topic = ANY(%(own)b)
    OR topic = ANY(%(visible)b)
    AND position('"historical":true'::bytea IN state) = 0
    AND position('"source":{"kind":"demo"'::bytea IN state) = 0)
ORDER BY notification_id
LIMIT %(limit)b
"""
_CASES: LiteralString = """
SELECT case_id, case_number, channel, language, working_days, due_at FROM process.notice_cases
WHERE case_id = ANY(%s)
"""
_DUE_CASES: LiteralString = """
SELECT case_id, case_number, channel, language, working_days, due_at FROM process.notice_cases
WHERE due_at <= %s ORDER BY due_at LIMIT %s
"""
_KEEP_CASE: LiteralString = """
INSERT INTO process.notice_cases (case_id, case_number, channel, language, working_days, due_at)
VALUES (%s, %s, %s, %s, %s, %s)
ON CONFLICT (case_id) DO UPDATE SET due_at = excluded.due_at
"""
_NEXT_DUE: LiteralString = """
UPDATE process.notice_cases SET due_at = %s WHERE case_id = %s AND due_at = %s
"""
_TO_SEND: LiteralString = """
INSERT INTO process.notices (id, case_id, position, channel, next_attempt_at)
VALUES (%s, %s, %s, %s, %s) ON CONFLICT DO NOTHING
"""
# Whoever still works on it holds a claim that is worth nothing from here on.
_SEND_AGAIN: LiteralString = """
INSERT INTO process.notices (id, case_id, position, channel, next_attempt_at)
VALUES (%s, %s, %s, %s, %s)
ON CONFLICT (id) DO UPDATE SET claim = NULL, handed_to = NULL, attempts = 0,
    position = excluded.position, next_attempt_at = excluded.next_attempt_at
"""
_PARK: LiteralString = """
INSERT INTO ops.parked_events (projection, position, originator_id, topic, error)
VALUES (%s, %s, %s, %s, %s) ON CONFLICT DO NOTHING
"""

_log = structlog.get_logger()


class AnotherReaderError(Exception):
    """Another process moved the position: it sends notices now."""


@dataclass(frozen=True, slots=True)
class _Found:
    """An event that may concern somebody."""

    position: int
    event: DomainEvent


@dataclass(frozen=True, slots=True)
class _Case:
    """A case whose customer gets notices."""

    id: UUID
    number: str
    channel: NoticeChannel
    language: Language
    working_days: int
    due_at: datetime | None


@dataclass(frozen=True, slots=True)
class _Given:
    """An order and its idempotency key; for one that an event caused, where that stands."""

    order: QueueNotice
    key: str
    position: int = 0
    correlation: UUID | None = None


WorkingDaysOf = Callable[[PolicyVersion | None], Awaitable[int]]
"""How many working days lie between regular notices, by the policy that a case keeps."""


class Queueing:
    """Reads the log and queues notices; used by one process at a time."""

    def __init__(
        self,
        store: EventStore,
        dispatcher: Dispatcher,
        now: Callable[[], datetime],
        working_days_of: WorkingDaysOf,
        *,
        window_events: int = WINDOW_EVENTS,
    ) -> None:
        self._store = store
        self._dispatcher = dispatcher
        self._now = now
        self._working_days_of = working_days_of
        self._calendar = NoticeCalendar(store)
        self._window_events = window_events

    async def advance(self) -> bool:
        """Take one step through the log; say whether there was anything to look at."""
        pool = self._store.pool
        async with pool.connection() as connection:
            after = await _position(connection)
            last = await _one(connection, _LAST)
            if after >= last:
                return False
            until = min(after + self._window_events, last)
            rows = await _window(connection, after, until)
        if len(rows) == _STEP_EVENTS:  # perhaps not all
            until = rows[-1][0]
        found = [entry for row in rows if (entry := await self._decoded(row)) is not None]
        streams = list({entry.event.originator_id for entry in found})
        async with pool.connection() as connection:
            cases = {case.id: case for case in await _cases(connection, _CASES, [streams])}
        orders = await self._decide(found, cases)
        await self._queue(orders)
        again = [await self._sending(entry) for entry in found if _is_own(entry.event)]
        async with pool.connection() as connection, connection.transaction():
            for case in {given.order.case for given in orders}:
                kept = cases[case]
                await connection.execute(
                    _KEEP_CASE,
                    [
                        case,
                        kept.number,
                        kept.channel,
                        kept.language,
                        kept.working_days,
                        kept.due_at,
                    ],
                )
            for statement, parameters in again:
                await connection.execute(statement, parameters)
            moved = await connection.execute(_MOVE, [until, PROCESS, after])
            if not moved.rowcount:
                raise AnotherReaderError
        return True

    async def remind(self) -> int:
        """Queue the regular notices that are due, and return how many those are."""
        now = self._now()
        async with self._store.pool.connection() as connection:
            cases = await _cases(connection, _DUE_CASES, [now, _STEP_EVENTS])
        zone = self._store.zone
        for case in cases:
            assert case.due_at is not None
            day = case.due_at.astimezone(zone).date().isoformat()
            order = _order(case, f"interval:{day}", NoticeTemplate.PROGRESS)
            await self._ordered(_Given(order, f"interval:{case.id}:{day}"))
            due_at = await self._next(case, now)
            async with self._store.pool.connection() as connection:
                await connection.execute(_NEXT_DUE, [due_at, case.id, case.due_at])
        return len(cases)

    async def _decide(self, found: Sequence[_Found], cases: dict[UUID, _Case]) -> list[_Given]:
        """Say what to queue; ``cases`` gets new ones and their next dates."""
        orders = []
        now = self._now()
        for entry in found:
            event, telling = entry.event, VISIBLE.get(entry.event.TOPIC)
            source = event.meta.source
            if telling is None or source.historical or source.kind is SourceKind.DEMO:
                continue
            if event.TOPIC == _RECEIVED:
                opened = await self._opened(event)
                if opened is not None:
                    cases[opened.id] = opened
            case = cases.get(event.originator_id)
            if case is None:
                continue
            order = _order(case, f"v{event.originator_version}", telling.template)
            correlation = event.meta.correlation
            orders.append(_Given(order, f"{entry.position}:0", entry.position, correlation))
            due_at = None if telling.ends else await self._next(case, now)
            cases[case.id] = replace(case, due_at=due_at)
        return orders

    async def _next(self, case: _Case, now: datetime) -> datetime:
        calendar = await self._calendar.latest()
        return next_notice(now, case.working_days, self._store.zone, calendar)

    async def _opened(self, received: DomainEvent) -> _Case | None:
        told = vars(received)
        channel = told["notice_channel"]
        if channel is None or channel is NoticeChannel.NONE:
            return None
        return _Case(
            id=received.originator_id,
            number=told["number"],
            channel=channel,
            language=told["language"] or Language.ZH,
            working_days=await self._working_days_of(received.meta.policy),
            due_at=None,
        )

    async def _queue(self, orders: Iterable[_Given]) -> None:
        """Give the orders: those of a case one after the other, several cases at once."""
        free = asyncio.Semaphore(_CASES_AT_ONCE)

        async def work_off(line: Sequence[_Given]) -> None:
            async with free:
                for given in line:
                    await self._ordered(given)

        by_case = sorted(orders, key=lambda given: (given.order.case.int, given.position))
        lines = [list(line) for _, line in groupby(by_case, key=lambda given: given.order.case)]
        await asyncio.gather(*map(work_off, lines))

    async def _ordered(self, given: _Given) -> None:
        """Give one order; one that is refused is parked and shown, and the others go on."""
        call = Call(
            caller=CALLER,
            source=SOURCE,
            idempotency_key=f"{PROCESS}:{given.key}",
            correlation=given.correlation,
        )
        try:
            await self._dispatcher.execute(given.order, call)
        except (ConcurrentChangeError, StillRunningError):
            raise  # tried again, with everything after it
        except IdempotencyKeyReusedError:
            pass  # an earlier release gave it, with other words
        except DomainError as refusal:
            topic, error = Notice.Queued.TOPIC, type(refusal).__name__
            await self._park(given.position, given.order.case, topic, error)

    async def _sending(self, entry: _Found) -> tuple[LiteralString, list[Any]]:
        """Return the statement that puts a notice among those on their way."""
        event, now = entry.event, self._now()
        statement: LiteralString = _TO_SEND
        if isinstance(event, Notice.DoubtResolved):
            statement = _SEND_AGAIN
            event = (await stream_events(self._store, event.originator_id))[0]
        assert isinstance(event, Notice.Queued)
        return statement, [event.originator_id, event.case, entry.position, event.channel, now]

    async def _decoded(self, row: tuple[Any, ...]) -> _Found | None:
        position, stream, version, topic, state = row
        try:
            return _Found(position, self._store.mapper.decode(stream, version, topic, state))
        except (MapperDeserialisationError, TopicError) as error:
            await self._park(position, stream, topic, type(error).__name__)
            return None

    async def _park(self, position: int, stream: UUID, topic: str, error: str) -> None:
        """Leave an event behind that cannot be used, where ``redress doctor`` shows it."""
        _log.error("event parked", process=PROCESS, position=position, error=error)
        async with self._store.pool.connection() as connection:
            await connection.execute(_PARK, [f"process:{PROCESS}", position, stream, topic, error])


def _is_own(event: DomainEvent) -> bool:
    return isinstance(event, Notice.Queued) or (
        isinstance(event, Notice.DoubtResolved) and event.finding is NoticeFinding.NOT_DELIVERED
    )


def _order(case: _Case, occasion: str, template: NoticeTemplate) -> QueueNotice:
    return QueueNotice(
        case=case.id,
        case_number=case.number,
        occasion=occasion,
        template=template,
        channel=case.channel,
        language=case.language,
    )


async def _one(connection: AsyncConnection[Any], statement: LiteralString) -> int:
    row = await (await connection.execute(statement)).fetchone()
    assert row is not None
    return int(row[0])


async def _position(connection: AsyncConnection[Any]) -> int:
    row = await (await connection.execute(_POSITION, [PROCESS])).fetchone()
    if row is None:
        await connection.execute(_FIRST_POSITION, [PROCESS])
        return 0
    return int(row[0])


async def _window(
    connection: AsyncConnection[Any], after: int, until: int
) -> list[tuple[Any, ...]]:
    cursor = connection.cursor(row_factory=tuple_row, binary=True)
    given = {
        "after": after,
        "until": until,
        "own": list(_OWN),
        "visible": list(VISIBLE),
        "limit": _STEP_EVENTS,
    }
    await cursor.execute(_EVENTS, given, prepare=True)
    rows: list[tuple[Any, ...]] = await cursor.fetchall()
    return rows


async def _cases(
    connection: AsyncConnection[Any], statement: LiteralString, parameters: list[Any]
) -> list[_Case]:
    cursor = connection.cursor(row_factory=tuple_row)
    await cursor.execute(statement, parameters)
    return [
        _Case(case, number, NoticeChannel(channel), Language(language), days, due_at)
        for case, number, channel, language, days, due_at in await cursor.fetchall()
    ]
