"""A company whose clock can be set, with its timers and its read model of clocks."""

import asyncio
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import psycopg
import pytest
from psycopg.rows import dict_row

from api.bootstrap import as_role, open_event_store
from api.database import Database
from api.projecting import feed
from application.complaints import ReceiveComplaint, ReceivedComplaint
from application.desk import EventStore
from application.dispatch import Call, Command, Dispatcher
from application.eventstore.subject_keys import MasterKey, Unsealing
from application.permissions import Caller
from application.standard_content import load_standard_content
from application.timekeeping.run import Timekeeper
from domain.aggregate import DomainEvent
from domain.case_clocks import CaseClocks
from domain.categories import Category
from domain.complaint_words import Channel
from domain.metadata import Source, SourceKind
from domain.roles import PersonId, Role
from projections import PROJECTIONS
from projections.engine import Projector, use_live_tables

MOST_STEPS = 200
ZONE = ZoneInfo("Asia/Shanghai")
START = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)  # a Monday, 10:00 in Shanghai
AGENT = Caller("agent-1", PersonId("agent-1"), Role.FRONT_DESK)
ADMINISTRATOR = Caller("root", PersonId("root"), Role.ADMINISTRATOR)
_WAITING = """
SELECT count(*) FROM pg_stat_activity
WHERE wait_event_type = 'Lock' AND datname = current_database()
"""
_SYSTEM = Call(
    caller=Caller("system", PersonId("system"), Role.SYSTEM), source=Source(SourceKind.SYSTEM)
)


class Company:
    """Commands, timers and read model over one database, at a time that the test sets."""

    def __init__(self, runner: asyncio.Runner, store: EventStore, database: Database) -> None:
        self.now = START
        self.store = store
        self.database = database
        self._runner = runner
        self._dispatcher = Dispatcher(store, lambda: self.now)
        self.keeper = self.another_keeper()
        self.run(load_standard_content(self._dispatcher, _SYSTEM, ZONE))

    def run(self, work: Any) -> Any:
        return self._runner.run(work)

    def another_keeper(self) -> Timekeeper:
        return Timekeeper(self.store, lambda: self.now, grace=timedelta(0))

    def do(self, command: Command[Any], caller: Caller = AGENT, **call: Any) -> Any:
        return self.run(self._dispatcher.execute(command, Call(caller=caller, **call))).result

    def received(self, **given: Any) -> UUID:
        found: UUID = self.run(self.receiving(**given))
        return found

    def receiving(self, **given: Any) -> Coroutine[Any, Any, Any]:
        """Return a complaint on its way."""
        occurred_at = given.pop("occurred_at", None)
        received = ReceivedComplaint(
            **{
                "channel": Channel.PHONE,
                "category": Category.DELAY,
                "complainant": "someone",
                "subject": "late",
                "facts": "late",
                **given,
            }
        )
        return self.ordered(ReceiveComplaint(received=received, occurred_at=occurred_at))

    def later(self, **span: float) -> None:
        """Let time pass, and the timers do what they have to."""
        self.now += timedelta(**span)
        self.settle()

    def settle(self) -> None:
        """Let the timers do all that is due; whoever never comes to an end fails."""
        for _ in range(MOST_STEPS):
            if not self.run(self.keeper.step()):
                return
        raise AssertionError("the timers go in circles")

    def together(self, *work: Coroutine[Any, Any, Any]) -> list[Any]:
        """Let several things go on at once; return what came of each, errors too."""

        async def all_of_it() -> list[Any]:
            return await asyncio.gather(*work, return_exceptions=True)

        return self.run(all_of_it())

    def meanwhile(
        self, lock: str, work: Sequence[Coroutine[Any, Any, Any]], happen: Any = None
    ) -> list[Any]:
        """Hold work up where it needs a lock, let something happen, and let it go on."""

        async def held_up() -> list[Any]:
            async with await psycopg.AsyncConnection.connect(self.database.conninfo) as holding:
                await holding.execute(lock)
                working = [asyncio.create_task(one) for one in work]
                await self._held_up(len(working))
                if happen is not None:
                    await happen
            return await asyncio.gather(*working, return_exceptions=True)

        found: list[Any] = self.run(held_up())
        return found

    async def _held_up(self, number: int) -> None:
        async with await psycopg.AsyncConnection.connect(
            self.database.conninfo, autocommit=True
        ) as connection:
            for _ in range(1000):
                cursor = await connection.execute(_WAITING)
                if await cursor.fetchone() == (number,):
                    return
                await asyncio.sleep(0.01)
        raise AssertionError("nobody waited for the lock")

    async def ordered(self, command: Command[Any], caller: Caller = AGENT) -> Any:
        """Carry out a command while something else goes on."""
        return (await self._dispatcher.execute(command, Call(caller=caller))).result

    async def stored(self, *events: DomainEvent) -> None:
        """Store events as they are, whatever the rules say."""
        await self.store.writer.append([self.store.mapper.to_stored_event(e) for e in events])

    def project(self) -> None:
        """Bring the read model of clocks to the end of the log."""
        conninfo = as_role(self.database.conninfo, "redress_writer")
        with psycopg.connect(conninfo, autocommit=True) as connection:
            use_live_tables(connection)
            projector = Projector(
                connection, feed(self.database), Unsealing(self.database.master), batch_events=7
            )
            while projector.advance(PROJECTIONS["service_levels"]):
                pass
        assert self.rows("SELECT error FROM ops.parked_events") == []

    def rows(self, statement: Any, *parameters: Any) -> list[dict[str, Any]]:
        with psycopg.connect(self.database.conninfo, row_factory=dict_row) as connection:
            return connection.execute(statement, parameters).fetchall()

    def clocks(self, case: UUID) -> dict[str, dict[str, Any]]:
        """Return the newest instance of each clock of a case, as the read model has it."""
        self.project()
        found = self.rows(
            "SELECT * FROM read.sla_clocks WHERE case_id = %s ORDER BY started_at, number", case
        )
        return {row["clock"]: row for row in found}

    def records(self, case: UUID | None = None, what: str = "") -> list[DomainEvent]:
        """Return the events of clock streams in the order of the log."""
        found = self.rows(
            "SELECT originator_id, originator_version, topic, state FROM log.stored_events"
            " WHERE topic LIKE 'case_clocks.%%' AND state <> '{}' ORDER BY notification_id"
        )
        events = (self.store.mapper.decode(*row.values()) for row in found)
        return [
            event for event in events if case in {None, event.case} and event.TOPIC.endswith(what)
        ]

    def recorded(self, case: UUID | None = None) -> list[tuple[str, str, int]]:
        """Return what is on record of clocks: what, of which clock, of which instance."""
        return [
            (event.TOPIC.partition(".")[2], event.clock, event.number)
            for event in self.records(case)
            if not isinstance(event, CaseClocks.Rebased)
        ]


@pytest.fixture
def company(database: str, master: MasterKey) -> Iterator[Company]:
    """A company on a fresh database."""
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        store = runner.run(stack.enter_async_context(open_event_store(database, master, zone=ZONE)))
        try:
            yield Company(runner, store, Database(url=database, embedded=None, master=master))
        finally:
            runner.run(stack.aclose())
