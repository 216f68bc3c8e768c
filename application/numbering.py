"""The ordinals of the numbers that people read, such as that of ``C-2026-000123``."""

import asyncio
from time import monotonic
from typing import Any, Final, LiteralString

from psycopg import Error as DatabaseError
from psycopg_pool import AsyncConnectionPool

from application.eventstore.errors import NotStoredError

_MOST_AT_ONCE: Final = 256
_BURST_SECONDS: Final = 0.25
_NEXT: LiteralString = "SELECT nextval(%s::text::regclass) FROM generate_series(1, %s)"


class Ordinals:
    """The ordinals of one sequence; gaps are allowed."""

    def __init__(self, pool: AsyncConnectionPool[Any], sequence: str) -> None:
        self._pool = pool
        self._sequence = sequence
        self._fetched: list[int] = []
        self._at_once = 1
        self._fetched_at = float("-inf")
        self._fetching = asyncio.Lock()

    async def next(self) -> int:
        """Return the next one."""
        while not self._fetched:
            async with self._fetching:
                if not self._fetched:
                    self._fetched = await self._fetch()
        return self._fetched.pop()

    async def _fetch(self) -> list[int]:
        """Fetch as many as a burst is likely to need, so that a quiet day leaves no gaps."""
        now, last = monotonic(), self._fetched_at
        self._fetched_at = now
        burst = now - last < _BURST_SECONDS
        self._at_once = min(self._at_once * 2, _MOST_AT_ONCE) if burst else 1
        try:
            async with self._pool.connection() as connection:
                cursor = await connection.execute(_NEXT, [self._sequence, self._at_once])
                return [row[0] for row in await cursor.fetchall()][::-1]
        except DatabaseError as error:
            raise NotStoredError("the database cannot be reached") from error
