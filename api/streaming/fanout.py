"""From the read models to who watches them: one reader tells all subscribers of a process.

A step is told once every read model has seen it. A subscriber looks into the database for what lies
behind its position, and then lives from what the reader hands out; whenever that may not be the
whole truth (a link was made, it fell behind, some time went by) it looks into the database again.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass
from typing import Any, Final, Protocol
from uuid import UUID

import psycopg
import structlog
from psycopg import AsyncConnection, sql

from api.endpoint.faults import log_fault
from api.positions import Positions
from projections.audit import CASE_ENTRIES, MOST_LINKS, CaseEntryRow

Key = UUID | str
"""What steps are followed by: the aggregate that they happened to, or their topic."""

PAGE: Final = 500
MOST_WAITING: Final = 1_000
"""How many steps wait for one subscriber; beyond that it reads them from the database."""
FAR: Final = 10_000
"""When so many events came at once, each subscriber looks for its own among them."""
LOOK_AGAIN_SECONDS: Final = 60.0
_LOOKING_AT_ONCE: Final = 4
"""Connections that subscribers use at once: the others are for who asks."""
_RETRY_SECONDS: Final = 0.3
_NEW: Final = sql.SQL("""
SELECT {}, ARRAY(
    SELECT to_id FROM read.case_links AS link
    WHERE link.id >= entry.position * {} AND link.id < (entry.position + 1) * {}
)
FROM read.case_entries AS entry
WHERE position > %s AND position <= %s
ORDER BY position
LIMIT {}
""").format(
    sql.SQL(", ").join(map(sql.Identifier, CASE_ENTRIES.columns)),
    sql.Literal(MOST_LINKS),
    sql.Literal(MOST_LINKS),
    sql.Literal(PAGE),
)

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Reach:
    """What belongs to a subscription now, and what of it the caller may see."""

    keys: frozenset[Key]
    visible: frozenset[Key]

    def shows(self, row: CaseEntryRow) -> bool:
        """Say whether the caller may be told of a step."""
        return row.case_id in self.visible or row.topic in self.visible


class Followed(Protocol):
    """What a subscription follows; a new kind of subscription is one of these."""

    @property
    def root(self) -> Key:
        """What leads to everything else that belongs to it."""

    async def reach(self) -> Reach:
        """Look up, under the caller's own scope, what belongs to it now; or refuse."""

    async def past(self, reach: Reach, after: int, until: int) -> list[CaseEntryRow]:
        """Read the next ``PAGE`` steps after a position and up to another."""


class Fanout:
    """Tells subscribers of new steps."""

    def __init__(
        self,
        positions: Positions,
        reading: Callable[[], AbstractAsyncContextManager[AsyncConnection[Any]]],
    ) -> None:
        """Read by connections that see everything."""
        self._positions = positions
        self._reading = reading
        self._followers: dict[Key, set[_Live]] = {}
        self._told = 0
        self._advanced = asyncio.Event()
        self._looking = asyncio.Semaphore(_LOOKING_AT_ONCE)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncGenerator["Fanout", None]:
        """Tell subscribers of what comes, until the end of the block."""
        telling = asyncio.create_task(self._tell_all(), name="fan-out")
        with self._positions.watched(self._advanced.set):
            try:
                yield self
            finally:
                telling.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await telling

    async def follow(
        self, followed: Followed, after: int | None
    ) -> AsyncGenerator[CaseEntryRow, None]:
        """Yield every step after a position once, in order; without a position, what comes."""
        await self._positions.wait_for(after or 0)
        if after is None:
            after = self._positions.reached
        while True:
            with self._live(followed.root) as live:
                async with self._looking:
                    reach = await followed.reach()
                until = self._add(live, reach.keys)
                await self._positions.wait_for(until)  # a crashed database may have lost steps
                more = after < until
                while more:
                    async with self._looking:
                        rows = await followed.past(reach, after, until)
                    for row in rows:
                        yield row
                        after = row.position
                    more = len(rows) == PAGE
                while (told := await live.next()) is not None:
                    if told.position <= max(after, until):
                        continue
                    if not reach.shows(told):
                        break
                    yield told
                    after = told.position

    @contextmanager
    def _live(self, root: Key) -> Iterator["_Live"]:
        live = _Live(root)
        self._add(live, (root,))
        try:
            yield live
        finally:
            for key in live.keys:
                followers = self._followers[key]
                followers.discard(live)
                if not followers:
                    del self._followers[key]

    def _add(self, live: "_Live", keys: Iterable[Key]) -> int:
        """Hand out to a subscriber what comes under the keys; return after which position."""
        for key in keys:
            live.keys.add(key)
            self._followers.setdefault(key, set()).add(live)
        return self._told

    async def _tell_all(self) -> None:
        while True:
            await self._advanced.wait()
            self._advanced.clear()
            try:
                while self._told < self._positions.reached:
                    await self._tell_next()
                continue
            except psycopg.Error as error:  # somebody starts the database again
                _log.warning("fan-out waits for the database", error=type(error).__name__)
            except Exception as fault:  # noqa: BLE001  subscribers must go on being told
                log_fault(fault)
            await asyncio.sleep(_RETRY_SECONDS)
            self._advanced.set()

    async def _tell_next(self) -> None:
        until = self._positions.reached
        if not self._followers or until - self._told > FAR:
            self._told = until
            for live in {live for followers in self._followers.values() for live in followers}:
                live.look_again()
            return
        async with self._reading() as connection:
            found = await (await connection.execute(_NEW, [self._told, until])).fetchall()
        for *values, linked in found:
            self._tell(CaseEntryRow(*values), linked)
        self._told = found[-1][0] if len(found) == PAGE else until

    def _tell(self, row: CaseEntryRow, linked: list[UUID]) -> None:
        """Hand out a step, and let those look again to whom a link brings something."""
        of_topic = self._followers.get(row.topic, ())
        for live in {*self._followers.get(row.case_id, ()), *of_topic}:
            live.put(row)
        for key in (row.case_id, *linked) if linked else ():
            for live in self._followers.get(key, ()):
                if live.root == key:
                    live.look_again()


class _Live:
    """The steps that wait for one subscriber."""

    def __init__(self, root: Key) -> None:
        self.root = root
        self.keys: set[Key] = set()
        self._rows: deque[CaseEntryRow] = deque()
        self._complete = True
        self._woken = asyncio.Event()
        self._until = asyncio.get_running_loop().time() + LOOK_AGAIN_SECONDS

    def put(self, row: CaseEntryRow) -> None:
        """Let a step wait, unless so many do that the subscriber must read them itself."""
        if self._complete and len(self._rows) < MOST_WAITING:
            self._rows.append(row)
            self._woken.set()
        else:
            self.look_again()

    def look_again(self) -> None:
        """Say that what waits is not all there is."""
        self._complete = False
        self._woken.set()

    async def next(self) -> CaseEntryRow | None:
        """Wait for the next step; None: it is time to look into the database again."""
        while asyncio.get_running_loop().time() < self._until:
            if self._rows:
                return self._rows.popleft()
            if not self._complete:
                return None
            self._woken.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(self._until):
                    await self._woken.wait()
        return None
