"""The end of a server: it says that it goes, answers what it took in, and then goes.

uvicorn stops listening and waits for answers, but it forgets connections that were accepted while
it began to stop, and it cuts the answers that outlast its patience.
"""

import asyncio
import contextlib
from socket import socket
from typing import Final

import uvicorn

NOTICE_SECONDS: Final = 0.3
"""How long the server still takes in connections after it said that it is not ready."""
DRAIN_SECONDS: Final = 30
"""How long requests may take to their end."""
_SWEEP_SECONDS: Final = 0.1


class Draining:
    """Whether the server is about to end: not ready, and each answer closes its connection."""

    def __init__(self) -> None:
        self.begun = False
        self._told = asyncio.Event()

    def begin(self) -> None:
        """Say so; subscriptions that wait for it are woken."""
        self.begun = True
        self._told.set()

    async def wait(self) -> None:
        """Wait until the server is about to end."""
        await self._told.wait()


class DrainingServer(uvicorn.Server):
    """A server that loses no answer when it is asked to end."""

    def __init__(self, config: uvicorn.Config, draining: Draining) -> None:
        super().__init__(config)
        self._draining = draining

    async def shutdown(self, sockets: list[socket] | None = None) -> None:
        """Say that it ends, stop listening, answer what runs, end the application."""
        self._draining.begin()
        await asyncio.sleep(NOTICE_SECONDS)  # busy clients are told by their next answer
        sweeping = asyncio.create_task(self._sweep())
        try:
            await super().shutdown(sockets)
        finally:
            sweeping.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await sweeping

    async def _sweep(self) -> None:
        """Close what is open and asks for nothing, also what was accepted at the last moment."""
        while True:
            await asyncio.sleep(_SWEEP_SECONDS)
            for connection in list(self.server_state.connections):
                if not connection.transport.is_closing():
                    connection.shutdown()
