"""Notices on their way: each leaves once, whatever dies in between.

A row of ``process.notices`` is claimed by whoever sends it. ``handed_to`` is committed before the
first byte can reach anybody, and only under the claim: without it the row is free to be tried
again, with it only the sender's word counts. See docs/decisions/0007-notices.md.
"""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, LiteralString
from uuid import UUID, uuid4

import psycopg
import structlog
from psycopg.rows import tuple_row

from application.desk import EventStore
from application.dispatch import Call, Command, Dispatcher
from application.eventstore.errors import NotStoredError, OutcomeUnknownError
from application.notices import RecordNoticeFailed, RecordNoticeInDoubt, RecordNoticeSent
from application.notifying.letters import LetterWriter, NotQueuedError
from application.notifying.queueing import CALLER, SOURCE
from application.notifying.senders import (
    InDoubtError,
    Interrupted,
    NotNowError,
    RefusedError,
    Sender,
)
from domain.errors import ConcurrentChangeError, StillRunningError, WrongStateError
from domain.faults import place_of
from domain.notice import NoticeProblem, NoticeState
from domain.notifying import NoticeChannel

AT_ONCE: Final = 8
PAUSES: Final = (
    timedelta(seconds=10),
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=4),
    timedelta(hours=8),
    timedelta(hours=8),
)
"""After a failed attempt; when they are used up, after about a day, the notice has failed."""
_LOOK_SECONDS: Final = 1.0
_RETRY_SECONDS: Final = 0.5

_CLAIM: LiteralString = """
UPDATE process.notices SET claim = %(claim)s
WHERE id IN (
    SELECT n.id FROM process.notices AS n
    WHERE n.claim IS NULL AND n.next_attempt_at <= %(now)s AND n.channel = ANY(%(channels)s)
        AND NOT EXISTS (
            SELECT FROM process.notices AS earlier
            WHERE earlier.case_id = n.case_id AND earlier.position < n.position)
    ORDER BY n.next_attempt_at, n.position
    LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED)
RETURNING id, channel, attempts
"""
_HAND_OVER: LiteralString = """
UPDATE process.notices SET handed_to = %s WHERE id = %s AND claim = %s AND handed_to IS NULL
"""
_LATER: LiteralString = """
UPDATE process.notices
SET claim = NULL, handed_to = NULL, attempts = attempts + 1, next_attempt_at = %s
WHERE id = %s AND claim = %s
"""
_GIVE_BACK: LiteralString = """
UPDATE process.notices SET claim = NULL, handed_to = NULL WHERE id = %s AND claim = %s
"""
_DONE: LiteralString = "DELETE FROM process.notices WHERE id = %s AND claim = %s"
_FREE: LiteralString = """
UPDATE process.notices SET claim = NULL
WHERE claim IS NOT NULL AND claim <> ALL(%s) AND handed_to IS NULL
"""
_TAKE_OVER: LiteralString = """
UPDATE process.notices SET claim = %s
WHERE claim IS NOT NULL AND claim <> ALL(%s) AND handed_to IS NOT NULL
RETURNING id, channel, attempts, handed_to
"""

_log = structlog.get_logger()


class ClaimLostError(Exception):
    """Another process decides about the notice now: it must not leave from here."""


@dataclass(frozen=True, slots=True)
class _Claimed:
    """A notice that is ours."""

    id: UUID
    channel: NoticeChannel
    attempts: int  # that failed before
    claim: UUID


@dataclass(frozen=True, slots=True)
class Lane:
    """A sender, the channels that it serves, and how many letters leave by it at once.

    A server that hangs blocks its own lane only.
    """

    sender: Sender
    channels: frozenset[NoticeChannel]
    at_once: int = AT_ONCE


class Delivery:
    """Sends what is queued; used by one process at a time."""

    def __init__(
        self,
        store: EventStore,
        dispatcher: Dispatcher,
        lanes: Sequence[Lane],
        now: Callable[[], datetime],
        *,
        pauses: Sequence[timedelta] = PAUSES,
    ) -> None:
        self.lanes = lanes
        self._store = store
        self._dispatcher = dispatcher
        self._writer = LetterWriter(store, now)
        self._now = now
        self._pauses = pauses
        self._under_way: dict[asyncio.Task[None], tuple[Lane, _Claimed]] = {}
        self._to_do = {lane.sender.name: asyncio.Event() for lane in lanes}

    # What a dead process left

    async def recover(self) -> None:
        """Take over what a dead process was sending: free it, or find out what became of it."""
        ours = [claimed.claim for _, claimed in self._under_way.values()]
        claim = uuid4()
        async with self._store.pool.connection() as connection:
            await connection.execute(_FREE, [ours])
            cursor = connection.cursor(row_factory=tuple_row)
            await cursor.execute(_TAKE_OVER, [claim, ours])
            handed = await cursor.fetchall()
        for notice, channel, attempts, handed_to in handed:
            claimed = _Claimed(notice, NoticeChannel(channel), attempts, claim)
            await self._conclude(claimed, handed_to)
        under_way = [claimed.id for _, claimed in self._under_way.values()]
        for lane in self.lanes:
            await lane.sender.tidy(under_way)

    async def _conclude(self, claimed: _Claimed, handed_to: str) -> None:
        """Bring a letter that was being handed over to an end."""
        became = Interrupted.UNKNOWN
        if await self._writer.state(claimed.id) is NoticeState.QUEUED:
            sender = next((ln.sender for ln in self.lanes if ln.sender.name == handed_to), None)
            reference = None
            if sender is not None:
                reference = sender.reference(claimed.id, claimed.channel)
                became = await sender.interrupted(claimed.id, claimed.channel)
            if became is Interrupted.NOT_SENT:
                await self._change(_GIVE_BACK, [claimed.id, claimed.claim])
                return
            record = RecordNoticeSent if became is Interrupted.SENT else RecordNoticeInDoubt
            await self._record(
                record(
                    notice=claimed.id,
                    sender=handed_to,
                    attempts=claimed.attempts + 1,
                    reference=reference,
                )
            )
        await self._change(_DONE, [claimed.id, claimed.claim])
        _log.warning("interrupted notice", notice=str(claimed.id), became=became.value)

    # Sending

    async def start(self, lane: Lane) -> int:
        """Begin to send what is due, as far as the lane has room; return how many letters."""
        busy = sum(1 for used, _ in self._under_way.values() if used is lane)
        free = lane.at_once - busy
        if free <= 0:
            return 0
        claims = await self._claimed(lane, free)
        for claimed in claims:
            task = asyncio.create_task(self._send(lane.sender, claimed), name="notice")
            self._under_way[task] = (lane, claimed)
            task.add_done_callback(self._ended)
        return len(claims)

    async def keep_sending(self, lane: Lane) -> None:
        """Send what becomes due, until cancelled."""
        to_do = self._to_do[lane.sender.name]
        while True:
            to_do.clear()
            if not await self.start(lane):
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_LOOK_SECONDS):
                        await to_do.wait()

    def wake(self) -> None:
        """Look at once for what is due."""
        for to_do in self._to_do.values():
            to_do.set()

    async def wait(self, seconds: float | None = None) -> bool:
        """Wait for what is under way; say whether nothing is any more."""
        if self._under_way:
            await asyncio.wait(list(self._under_way), timeout=seconds)
        return not self._under_way

    async def cut_off(self) -> None:
        """Break off what is under way; it is concluded by who comes next."""
        tasks = list(self._under_way)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        lane, claimed = self._under_way.pop(task)
        self._to_do[lane.sender.name].set()  # there is room for another one
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("sending failed", notice=str(claimed.id), error=place_of(error))

    async def _claimed(self, lane: Lane, limit: int) -> list[_Claimed]:
        claim = uuid4()
        given = {
            "claim": claim,
            "now": self._now(),
            "channels": list(lane.channels),
            "limit": limit,
        }
        async with self._store.pool.connection() as connection:
            cursor = connection.cursor(row_factory=tuple_row)
            await cursor.execute(_CLAIM, given)
            return [
                _Claimed(notice, NoticeChannel(channel), attempts, claim)
                for notice, channel, attempts in await cursor.fetchall()
            ]

    async def _send(self, sender: Sender, claimed: _Claimed) -> None:
        """Send one letter, and put on record what became of it."""
        handed = False

        async def handing_over() -> None:
            nonlocal handed
            given = [sender.name, claimed.id, claimed.claim]
            async with self._store.pool.connection() as connection:
                if not (await connection.execute(_HAND_OVER, given)).rowcount:
                    raise ClaimLostError
            handed = True

        attempts = claimed.attempts + 1
        taken: dict[str, Any] = {
            "notice": claimed.id,
            "sender": sender.name,
            "attempts": attempts,
            "reference": sender.reference(claimed.id, claimed.channel),
        }
        record: Command[UUID]
        try:
            await sender.send(await self._writer.write(claimed.id), handing_over)
            record = RecordNoticeSent(**taken)
        except (NotQueuedError, ClaimLostError):
            await self._change(_DONE, [claimed.id, claimed.claim])
            return
        except RefusedError as refused:
            self._tell(claimed, refused)
            record = RecordNoticeFailed(
                notice=claimed.id, problem=refused.problem, attempts=attempts
            )
        except InDoubtError as doubt:
            self._tell(claimed, doubt)
            record = RecordNoticeInDoubt(**taken)
        except Exception as error:  # noqa: BLE001  whatever it is, it concerns one notice
            self._tell(claimed, error)
            if handed and not isinstance(error, NotNowError):
                record = RecordNoticeInDoubt(**taken)
            elif isinstance(error, psycopg.OperationalError):  # ours, not the receiver's fault
                await self._change(_GIVE_BACK, [claimed.id, claimed.claim])
                return
            elif claimed.attempts < len(self._pauses):
                at = self._now() + self._pauses[claimed.attempts]
                await self._change(_LATER, [at, claimed.id, claimed.claim])
                return
            else:
                record = RecordNoticeFailed(
                    notice=claimed.id, problem=NoticeProblem.GAVE_UP, attempts=attempts
                )
        await self._record(record)
        await self._change(_DONE, [claimed.id, claimed.claim])

    def _tell(self, claimed: _Claimed, error: Exception) -> None:
        known = isinstance(error, NotNowError | RefusedError | InDoubtError)
        _log.warning(
            "notice not sent",
            notice=str(claimed.id),
            attempt=claimed.attempts + 1,
            error=type(error).__name__,
            at=str(error) if known else place_of(error),
        )

    async def _record(self, record: Command[UUID]) -> None:
        """Put it on record, however long the database is away."""
        while True:
            try:
                await self._dispatcher.execute(record, Call(caller=CALLER, source=SOURCE))
                return
            except WrongStateError:
                return  # it is on record already, or a person decided
            except (
                NotStoredError,
                OutcomeUnknownError,
                ConcurrentChangeError,
                StillRunningError,
                psycopg.OperationalError,
            ):
                await asyncio.sleep(_RETRY_SECONDS)

    async def _change(self, statement: LiteralString, parameters: list[Any]) -> None:
        """Change a row of ours, however long the database is away."""
        while True:
            try:
                async with self._store.pool.connection() as connection:
                    await connection.execute(statement, parameters)
                return
            except psycopg.OperationalError:
                await asyncio.sleep(_RETRY_SECONDS)
