"""An office: the one door for commands, twice, over a real database."""

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import orjson
import psycopg
import pytest

from api.bootstrap import open_event_store
from application.complaint_endings import CloseComplaint
from application.complaint_work import AnswerComplaint
from application.complaints import ReceiveComplaint, ReceivedComplaint
from application.desk import EventStore
from application.dispatch import Call, Command, Dispatcher, Outcome
from application.eventstore.subject_keys import MasterKey
from application.permissions import Caller
from domain.categories import Category
from domain.complaint_words import Channel
from domain.roles import PersonId, Role

ZONE = ZoneInfo("Asia/Shanghai")
NOON = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
SECRET = "王小明 13800138000"  # noqa: S105  a person's, not a machine's
AGENT = Caller("agent-1", PersonId("agent-1"), Role.FRONT_DESK)
RECEIVED = ReceivedComplaint(
    channel=Channel.PHONE,
    category=Category.DELAY,
    complainant=SECRET,
    contact=SECRET,
    subject=SECRET,
    facts=SECRET,
    request=SECRET,
    accused=PersonId("courier-7"),
)
RECEIVE = ReceiveComplaint(received=RECEIVED)


class Office:
    """Two doors to one database, a clock that stands still, and a look at what was stored."""

    def __init__(
        self, runner: asyncio.Runner, stores: tuple[EventStore, EventStore], database: str
    ) -> None:
        self.now = NOON
        self.stores = stores
        self._doors = [Dispatcher(store, lambda: self.now) for store in stores]
        self._runner = runner
        self._database = database

    def order(
        self, command: Command[Any], caller: Caller = AGENT, *, door: int = 0, **call: Any
    ) -> Coroutine[Any, Any, Outcome[Any]]:
        return self._doors[door].execute(command, Call(caller=caller, **call))

    def do(self, command: Command[Any], caller: Caller = AGENT, **call: Any) -> Outcome[Any]:
        return self._runner.run(self.order(command, caller, **call))

    def together(self, *orders: Coroutine[Any, Any, Outcome[Any]]) -> list[Any]:
        """Carry out several orders at once; answers with outcomes and errors, in their order."""

        async def all_of_them() -> list[Any]:
            return await asyncio.gather(*orders, return_exceptions=True)

        return self._runner.run(all_of_them())

    def one_after_the_other(
        self, *lines: list[Coroutine[Any, Any, Outcome[Any]]]
    ) -> list[list[Any]]:
        """Work off several queues of orders at the same time, each in its order."""

        async def work_off(line: list[Coroutine[Any, Any, Outcome[Any]]]) -> list[Any]:
            return [(await asyncio.gather(order, return_exceptions=True))[0] for order in line]

        async def all_lines() -> list[list[Any]]:
            return await asyncio.gather(*map(work_off, lines))

        return self._runner.run(all_lines())

    def received(self, caller: Caller = AGENT, **call: Any) -> UUID:
        complaint: UUID = self.do(RECEIVE, caller, **call).result
        return complaint

    def answered(self) -> UUID:
        complaint = self.received()
        self.do(AnswerComplaint(complaint=complaint, answer=SECRET))
        return complaint

    def closed(self) -> UUID:
        complaint = self.answered()
        self.do(CloseComplaint(complaint=complaint))
        return complaint

    def rows(self, statement: Any, *parameters: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(self._database) as connection:
            return connection.execute(statement, parameters).fetchall()

    def topics(self, stream: UUID) -> list[str]:
        """Return what happened to an aggregate, checking that no version is missing."""
        rows = self.rows(
            "SELECT originator_version, topic FROM log.stored_events"
            " WHERE originator_id = %s ORDER BY originator_version",
            stream,
        )
        assert [version for version, _ in rows] == list(range(1, len(rows) + 1))
        return [topic for _, topic in rows]

    def states(self) -> list[dict[str, Any]]:
        return [
            orjson.loads(state)
            for (state,) in self.rows(
                "SELECT state FROM log.stored_events ORDER BY notification_id"
            )
        ]

    def count(self) -> int:
        return len(self.states())


@pytest.fixture
def office(database: str, master: MasterKey) -> Iterator[Office]:
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()

        async def open_both() -> tuple[EventStore, EventStore]:
            one, other = [
                await stack.enter_async_context(open_event_store(database, master, zone=ZONE))
                for _ in range(2)
            ]
            return one, other

        yield Office(runner, runner.run(open_both()), database)
        runner.run(stack.aclose())
