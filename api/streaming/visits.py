"""Who is connected: counted per principal, and asked again as long as the connection is open."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg

from api.authentication.refusals import NoRoleError, UnauthenticatedError
from api.draining import Draining
from api.endpoint.requests import LARGEST_BODY
from api.streaming.refusals import EndedError, Ending
from application.permissions import Caller


@dataclass(frozen=True, slots=True)
class StreamLimits:
    """What a connection may use, and how long things may take."""

    connections: int = 200  # of one principal, in this process
    operations: int = 100  # at once, on one WebSocket
    message_size: int = LARGEST_BODY
    init_seconds: float = 5.0
    send_seconds: float = 10.0
    recheck_seconds: float = 5.0
    heartbeat_seconds: float = 15.0


class Visits:
    """The open connections of this process."""

    def __init__(self, limits: StreamLimits, draining: Draining) -> None:
        self.limits = limits
        self._draining = draining
        self._open: Counter[str] = Counter()

    @contextmanager
    def entered(self, principal: str) -> Iterator[None]:
        """Count a connection in for the block; EndedError if there are too many."""
        if self._open[principal] >= self.limits.connections:
            raise EndedError(Ending.TOO_MANY)
        self._open[principal] += 1
        try:
            yield
        finally:
            self._open[principal] -= 1
            if not self._open[principal]:
                del self._open[principal]

    async def watch(self, caller: Caller, ask: Callable[[], Awaitable[Caller | None]]) -> None:
        """Raise EndedError when the server stops, or when the caller is not any more who it was."""
        while True:
            try:
                async with asyncio.timeout(self.limits.recheck_seconds):
                    await self._draining.wait()
                raise EndedError(Ending.STOPPING)
            except TimeoutError:
                pass
            try:
                if await ask() != caller:
                    raise EndedError(Ending.NOT_LET_IN)
            except (UnauthenticatedError, NoRoleError):
                raise EndedError(Ending.NOT_LET_IN) from None
            except psycopg.Error:
                pass  # without the database nobody is told anything: the next look will say
