"""Timers: deadlines per second, how soon what falls due is on record, midnight, and catching up."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from time import perf_counter
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from eventsourcing.persistence import StoredEvent
from uuid_utils.compat import uuid7

from api.bootstrap import as_role, open_event_store, utc_now
from application.calendars import read_calendars
from application.desk import EventStore
from application.dispatch import Call, Dispatcher
from application.eventstore.subject_keys import MasterKey
from application.permissions import Caller
from application.standard_content import load_standard_content
from application.timekeeping.run import GRACE, Timekeeper
from domain.aggregate import DomainEvent
from domain.complaint import Complaint
from domain.metadata import Metadata, Source, SourceKind
from domain.roles import PersonId, Role
from domain.service_levels.calendars import CHINA
from domain.service_levels.deadlines import Basis, Target, deadline, explain
from tests.benchmarks.commands import _received

_ZONE = ZoneInfo("Asia/Shanghai")
_SYSTEM = Call(
    caller=Caller("system", PersonId("system"), Role.SYSTEM), source=Source(SourceKind.SYSTEM)
)
_CLOCKS_OF_A_CASE = 4
_EVENTS_OF_A_CASE = 6
_BATCH = 1000
_FEEDBACK = timedelta(hours=24)
_PER_SECOND, _SECONDS = 200, 30
_MONDAY = datetime(2026, 3, 2, 2, tzinfo=UTC)
_MIDNIGHT = datetime(2026, 3, 3, 16, tzinfo=UTC)  # where the forwarding of that Monday ends
_APART = """
SELECT extract(epoch FROM recorded_at
    - (convert_from(state, 'UTF8')::json -> 'data' ->> 'due_at')::timestamptz)::float8
FROM log.stored_events
WHERE topic = 'case_clocks.breached'
    AND convert_from(state, 'UTF8')::json -> 'data' ->> 'clock' = %s
ORDER BY 1
"""
_COUNT = "SELECT count(*) FROM log.stored_events WHERE topic = ANY(%s)"
_LAST_BREACH = "SELECT max(recorded_at) FROM log.stored_events WHERE topic = 'case_clocks.breached'"


async def _deadlines(conninfo: str, master: MasterKey, scale: float) -> None:
    """Print how many deadlines a second are found that lie behind Spring Festival."""
    async with _company(conninfo, master) as store:
        calendar = (await read_calendars(store)).calendar(CHINA)
    target, started = Target(Basis.WORKING_DAYS, 10), datetime(2026, 2, 6, 2, tzinfo=UTC)
    span = len(explain(target, started, _ZONE, calendar))
    for name, work in (("deadline", deadline), ("explanation", explain)):
        began, done, seconds = perf_counter(), 0, min(2.0, 5 * scale)
        while perf_counter() - began < seconds:
            for _ in range(100):
                work(target, started, _ZONE, calendar)
            done += 100
        rate = done / (perf_counter() - began)
        print(f"10 working days over Spring Festival ({span} days), {name:<11}"
              f" {rate:>9.0f} per second")  # fmt: skip


class _Cases:
    """Cases written straight through the writer, all of one customer."""

    def __init__(self, store: EventStore) -> None:
        self._store = store
        template = _received(store.keys)
        customer = template.customer
        assert customer is not None
        self._subjects: frozenset[UUID] = frozenset({customer})
        (event,) = template.collect_events()
        self._fields = {name: getattr(event, name) for name in type(event)._field_names}
        del self._fields["meta"]
        text = self._fields["facts"]
        self._steps: dict[int, tuple[type[DomainEvent], dict[str, Any]]] = {
            2: (Complaint.Assigned, {"department": "hub", "handler": PersonId("worker")}),
            3: (Complaint.FeedbackGiven, {"feedback": text}),
            4: (Complaint.WaitingForCustomer, {"asked": text}),
            5: (Complaint.Resumed, {"customer_answered": True}),
            6: (Complaint.Answered, {"answer": text, "first_contact": False}),
        }

    async def write(self, received: Iterable[datetime]) -> list[UUID]:
        """Open cases at these times; return their ids."""
        cases, events = [], []
        for at in received:
            cases.append(uuid7())
            events.append(self._event(Complaint.Received, cases[-1], 1, at, **self._fields))
        await self._append(events)
        return cases

    async def tell(self, cases: Iterable[UUID], version: int, at: datetime) -> None:
        """Write one more event of each case: by turns assigned, waiting, resumed, answered."""
        cls, fields = self._steps[version]
        await self._append([self._event(cls, case, version, at, **fields) for case in cases])

    def _event(
        self, cls: type[DomainEvent], case: UUID, version: int, at: datetime, **fields: Any
    ) -> StoredEvent:
        meta = Metadata(
            occurred_at=at,
            actor=PersonId("bench"),
            role=Role.FRONT_DESK,
            correlation=case,
            source=Source(SourceKind.API),
        )
        event = cls(originator_id=case, originator_version=version, meta=meta, **fields)
        return self._store.mapper.to_stored_event(event)

    async def _append(self, events: Sequence[StoredEvent]) -> None:
        for place in range(0, len(events), _BATCH):
            batch = events[place : place + _BATCH]
            await self._store.writer.append(batch, subjects=self._subjects)


@asynccontextmanager
async def _company(conninfo: str, master: MasterKey) -> AsyncIterator[EventStore]:
    async with open_event_store(conninfo, master, zone=_ZONE) as store:
        await load_standard_content(Dispatcher(store, utc_now), _SYSTEM, _ZONE)
        yield store


async def _read(keeper: Timekeeper) -> float:
    """Read the log to its end; return the seconds that it took."""
    began = perf_counter()
    while await keeper.ledger.advance():
        pass
    return perf_counter() - began


async def _rows(store: EventStore, statement: Any, *parameters: Any) -> list[Any]:
    async with store.pool.connection() as connection:
        cursor = await connection.execute(statement, parameters)
        return [row[0] for row in await cursor.fetchall()]


async def _keep_until(keeper: Timekeeper, conninfo: str, over: Callable[[], Any]) -> None:
    """Let the timekeeper run as it does in the product."""
    stop = asyncio.Event()
    running = asyncio.create_task(keeper.run(lambda: as_role(conninfo, "redress_writer"), stop))
    while not await over():  # noqa: ASYNC110  the database says so
        await asyncio.sleep(0.2)
    stop.set()
    await running


async def _reading(conninfo: str, master: MasterKey, scale: float) -> None:
    """Print how fast the timers read a log of whole cases, from which they know nothing."""
    number = int(50_000 * scale)
    async with _company(conninfo, master) as store:
        cases, at = _Cases(store), utc_now() - timedelta(hours=8)
        opened = await cases.write(at for _ in range(number))
        for version in range(2, _EVENTS_OF_A_CASE + 1):
            await cases.tell(opened, version, at + timedelta(hours=version))
        seconds = await _read(Timekeeper(store, utc_now))
        events = number * _EVENTS_OF_A_CASE
        print(f"reading a log of {number} cases: {events / seconds:>9.0f} events/s,"
              f" {number * _CLOCKS_OF_A_CASE / seconds:.0f} clocks/s")  # fmt: skip


async def _accuracy(conninfo: str, master: MasterKey, scale: float) -> None:
    """Print how long after its deadline a breach is on record, while many clocks run."""
    clocks, seconds = int(100_000 * scale), max(5, int(_SECONDS * min(1.0, scale * 5)))
    rate = max(10, int(_PER_SECOND * min(1.0, scale * 5)))
    number = clocks // _CLOCKS_OF_A_CASE
    async with _company(conninfo, master) as store:
        cases, now = _Cases(store), utc_now()
        await cases.write(now for _ in range(number))
        keeper = Timekeeper(store, utc_now)
        took = await _read(keeper)
        await keeper.settle()
        print(f"reading the log: {number} cases, {clocks} clocks started:"
              f" {number / took:>9.0f} events/s")  # fmt: skip
        # By then the warnings of these cases are on record: only breaches are timed.
        first = utc_now() + timedelta(seconds=5 + rate * seconds / 100)
        due = [first + timedelta(seconds=n / rate) for n in range(rate * seconds)]
        await cases.write(at - _FEEDBACK for at in due)

        async def over() -> bool:
            done = await _rows(store, _COUNT, ["case_clocks.breached"])
            return utc_now() > due[-1] and bool(done[0] >= len(due))

        await _keep_until(keeper, conninfo, over)
        found = await _rows(store, _APART, "first_feedback")
        grace = GRACE.total_seconds()
        p50, p99 = found[len(found) // 2], found[int(len(found) * 0.99)]
        print(f"{rate} deadlines per second for {seconds} s among {clocks} clocks: on record after"
              f" p50 {p50:.2f} s, p99 {p99:.2f} s, max {found[-1]:.2f} s"
              f" ({grace:.0f} s of it for what is on its way)")  # fmt: skip


async def _midnight(conninfo: str, master: MasterKey, scale: float) -> None:
    """Print how long it takes to record all who are due at one midnight."""
    number = int(10_000 * scale)
    async with _company(conninfo, master) as store:
        await _Cases(store).write(_MONDAY for _ in range(number))
        apart = timedelta()

        def now() -> datetime:
            return utc_now() + apart

        apart = _MIDNIGHT - timedelta(minutes=10) - utc_now()
        await Timekeeper(store, now).settle()  # warnings, first feedback
        before = (await _rows(store, _COUNT, ["case_clocks.breached"]))[0]
        apart = _MIDNIGHT - timedelta(seconds=3) - utc_now()

        async def over() -> bool:
            done = (await _rows(store, _COUNT, ["case_clocks.breached"]))[0]
            return bool(done == before + number)

        await _keep_until(Timekeeper(store, now), conninfo, over)
        last = (await _rows(store, _LAST_BREACH))[0]
        seconds = (last + apart - _MIDNIGHT).total_seconds()
        print(f"{number} due at one midnight: the last on record {seconds:.1f} s after it")


async def _downtime(conninfo: str, master: MasterKey, scale: float) -> None:
    """Print how long it takes to catch up after an hour without timers."""
    number = int(10_000 * scale)
    async with _company(conninfo, master) as store:
        now = utc_now()
        hour = (now - timedelta(seconds=5 + 3595 * n / number) for n in range(number))
        await _Cases(store).write(at - _FEEDBACK for at in hour)
        began = perf_counter()
        await Timekeeper(store, utc_now).settle()
        seconds = perf_counter() - began
        topics = ["case_clocks.warned", "case_clocks.breached"]
        recorded = (await _rows(store, _COUNT, topics))[0]
        print(f"after an hour of downtime with {number} deadlines: {recorded} warnings and breaches"
              f" on record in {seconds:.1f} s")  # fmt: skip


def report(fresh: Callable[[], str], master: MasterKey, scale: float) -> None:
    """Print the figures."""
    print("\n## Timers")
    for measure in (_deadlines, _reading, _accuracy, _midnight, _downtime):
        asyncio.run(measure(fresh(), master, scale))
