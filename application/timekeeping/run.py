"""The timekeeper: reads the log, and puts on record what falls due, in one process at a time.

What is recorded goes through the log like everything else, at the next version of a case's clock
stream: whoever does not know the last one, because another process keeps the time by now, stores
nothing. So each warning and breach is there once, whoever dies when.
"""

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import psycopg
import structlog
from uuid_utils.compat import uuid7

from application.alone import run_alone
from application.desk import EventStore
from application.eventstore.errors import VersionConflictError
from application.timekeeping.ledger import AnotherTimekeeperError, Change, Ledger
from domain.case_clocks import CaseClocks
from domain.metadata import Metadata, PolicyVersion, Source, SourceKind
from domain.roles import PersonId, Role
from domain.service_level_policy import policy_id
from domain.service_levels.docket import Clock, Docket
from domain.service_levels.timers import MetaAt, act, next_due, recompute

GRACE: Final = timedelta(seconds=1)
"""What happened in time is in the log by then; only later reports are late."""
_REFUSED_AGAIN: Final = timedelta(minutes=1)
"""A case whose last record is not known is looked at again then, if the log does not tell it."""
_TRIES: Final = 3
_AT_ONCE: Final = 1_000
_FOLLOWED_AT_ONCE: Final = 200
"""Cases whose deadlines are computed anew before what is due has its turn."""
LOCK: Final = 1_852_797_796
"""The advisory lock of whoever keeps the time; it goes with the connection that holds it."""
_LOOK_SECONDS: Final = 1.0
"""The clock of the machine may be set: it is looked at again after this long at most."""
_SHORTEST_SECONDS: Final = 0.02
_GATHER_SECONDS: Final = 0.05
_PASSING: Final = (AnotherTimekeeperError,)
_NO_REASONS: Final[Mapping[str, str]] = {}
_ACTOR: Final = PersonId("system")

_log = structlog.get_logger()


class Timekeeper:
    """Warnings, breaches, alerts and new deadlines, from the log back into the log."""

    def __init__(
        self, store: EventStore, now: Callable[[], datetime], *, grace: timedelta = GRACE
    ) -> None:
        self._store = store
        self._now = now
        self._grace = grace
        self._refused = 0
        self.ledger = Ledger(store)

    async def run(self, conninfo: Callable[[], str], stopped: asyncio.Event) -> None:
        """Keep the time until stopped; ``conninfo`` and the lock: see ``run_alone``."""
        await run_alone("timekeeper", LOCK, self._work, conninfo, stopped, passing=_PASSING)

    async def settle(self) -> None:
        """Put on record everything that is due now; no other may run."""
        while await self.step():
            pass

    async def step(self) -> bool:
        """Read the log to its end, then put on record what is due; say whether anything was.

        The clock is read first: whatever was stored before that instant is known when it decides.
        """
        until = self._now() - self._grace
        while await self.ledger.advance():
            pass
        change = await self.ledger.change()
        if change is not None:
            await self._follow(change)
        dockets = await self.ledger.due(until, _AT_ONCE)
        rules, staff = self.ledger.rules, self.ledger.staff
        records = {
            docket.case: record
            for docket in dockets
            if (record := act(docket, until, rules, staff, _metas(docket))) is not None
        }
        looks = dict.fromkeys(await self._append(records), until + _REFUSED_AGAIN) | {
            docket.case: next_due(docket, rules, idle_at=until)
            for docket in dockets
            if docket.case not in records
        }
        if looks:
            await self.ledger.put_off(looks)
        return bool(dockets) or change is not None

    async def _follow(self, change: Change) -> None:
        """Compute anew the deadlines of the next cases, after a calendar changed."""
        dockets = await self.ledger.counting(change.after, _FOLLOWED_AT_ONCE)
        if not dockets:
            await self.ledger.followed(change)
            return
        now, rules = self._now(), self.ledger.rules
        records = {
            docket.case: record
            for docket in dockets
            if (record := recompute(docket, now, rules, _metas(docket, change.reasons))) is not None
        }
        self._refused = self._refused + 1 if await self._append(records) else 0
        if self._refused in {0, _TRIES}:  # else once more, with what others recorded meanwhile
            self._refused = 0
            await self.ledger.looked_at(change, dockets[-1].case)

    async def _append(self, records: Mapping[UUID, CaseClocks]) -> list[UUID]:
        """Store the events of each case, all or none of them; return the cases that were refused.

        A conflict means that somebody else recorded something of the case: it is in the log.
        """
        mapper, writer = self._store.mapper, self._store.writer
        stored = (
            [mapper.to_stored_event(event) for event in record.collect_events()]
            for record in records.values()
        )
        outcomes = await asyncio.gather(*map(writer.append, stored), return_exceptions=True)
        refused = []
        for case, outcome in zip(records, outcomes, strict=True):
            if isinstance(outcome, VersionConflictError):
                refused.append(case)
            elif isinstance(outcome, BaseException):
                raise outcome
        return refused

    async def _work(self, connection: psycopg.AsyncConnection[Any]) -> None:
        while True:
            while await self.step():
                # Whoever lost the lock loses the connection, too, and stops here.
                await connection.execute("SELECT 1")
            async for _ in connection.notifies(timeout=await self._pause(), stop_after=1):
                await asyncio.sleep(_GATHER_SECONDS)

    async def _pause(self) -> float:
        due_at = await self.ledger.next_due()
        if due_at is None:
            return _LOOK_SECONDS
        left = (due_at + self._grace - self._now()).total_seconds()
        return max(_SHORTEST_SECONDS, min(left, _LOOK_SECONDS))


def _metas(docket: Docket, reasons: Mapping[str, str] = _NO_REASONS) -> MetaAt:
    """Return who makes the envelopes of what is recorded of a case together.

    ``reasons``: why calendars changed; one may have changed because another did that it extends.
    """
    last = [None, *reasons.values()][-1]
    source = Source(SourceKind.SYSTEM, historical=docket.historical)
    correlation = uuid7()

    def meta(at: datetime, clock: Clock) -> Metadata:
        return Metadata(
            occurred_at=at,
            actor=_ACTOR,
            role=Role.SYSTEM,
            reason=reasons.get(clock.calendar, last),
            correlation=correlation,
            source=source,
            policy=PolicyVersion(policy_id(clock.policy), clock.policy_version),
        )

    return meta
