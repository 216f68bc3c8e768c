"""The notifier: keeps queueing and delivery going, in one process at a time."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import psycopg

from application.alone import run_alone
from application.desk import EventStore
from application.dispatch import Dispatcher
from application.notifying.delivery import PAUSES, Delivery, Lane
from application.notifying.queueing import AnotherReaderError, Queueing, WorkingDaysOf
from domain.complaint_policy import COMPLAINT_POLICY, ComplaintPolicy
from domain.errors import ConcurrentChangeError, StillRunningError
from domain.metadata import PolicyVersion

_LOCK: Final = 1_852_797_795
"""The advisory lock of whoever sends; it goes with the connection that holds it."""
_LOOK_SECONDS: Final = 1.0
_GATHER_SECONDS: Final = 0.05
"""Events come in swarms: after the first one, others are waited for this long."""
_STOP_SECONDS: Final = 5.0

_PASSING: Final = (ConcurrentChangeError, StillRunningError, AnotherReaderError)
"""What is over when it is tried again."""


def by_policy(store: EventStore) -> WorkingDaysOf:
    """Return how many working days lie between regular notices, as each case's policy says."""

    async def working_days(version: PolicyVersion | None) -> int:
        policy, _ = await store.consult(ComplaintPolicy, COMPLAINT_POLICY, fresh=False)
        if version is not None and version.version > policy.version:
            policy, _ = await store.consult(ComplaintPolicy, COMPLAINT_POLICY, fresh=True)
        return policy.terms_of(version).notice_working_days

    return working_days


class Notifier:
    """Notices from the log to the customers."""

    def __init__(
        self,
        store: EventStore,
        lanes: Sequence[Lane],
        now: Callable[[], datetime],
        *,
        every_working_days: int | None = None,
        pauses: Sequence[timedelta] = PAUSES,
    ) -> None:
        """``every_working_days`` overrides what the policies of the cases say."""
        dispatcher = Dispatcher(store, now)
        days = by_policy(store)
        if every_working_days is not None:
            days = _always(every_working_days)
        self.queueing = Queueing(store, dispatcher, now, days)
        self.delivery = Delivery(store, dispatcher, lanes, now, pauses=pauses)

    async def run(self, conninfo: Callable[[], str], stopped: asyncio.Event) -> None:
        """Work until stopped; ``conninfo`` and the lock: see ``run_alone``."""
        try:
            await run_alone("notifier", _LOCK, self._work, conninfo, stopped, passing=_PASSING)
        finally:
            if not await self.delivery.wait(_STOP_SECONDS):
                await self.delivery.cut_off()

    async def settle(self) -> None:
        """Do everything that is due now, and return when nothing is left; no other may run."""
        await self.delivery.recover()
        moved = True
        while moved:
            while await self.queueing.advance():
                pass
            moved = bool(await self.queueing.remind())
            for lane in self.delivery.lanes:
                moved = bool(await self.delivery.start(lane)) or moved
            await self.delivery.wait()

    async def _work(self, connection: psycopg.AsyncConnection[Any]) -> None:
        await self.delivery.recover()
        work = [self._queue(connection), *map(self.delivery.keep_sending, self.delivery.lanes)]
        tasks = [asyncio.create_task(part) for part in work]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()  # none of them ends but by an error
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _queue(self, connection: psycopg.AsyncConnection[Any]) -> None:
        while True:
            moved = False
            while await self.queueing.advance():
                moved = True
            moved = bool(await self.queueing.remind()) or moved
            if moved:
                self.delivery.wake()
            async for _ in connection.notifies(timeout=_LOOK_SECONDS, stop_after=1):
                await asyncio.sleep(_GATHER_SECONDS)


def _always(working_days: int) -> WorkingDaysOf:
    async def days(_version: PolicyVersion | None) -> int:
        return working_days

    return days
