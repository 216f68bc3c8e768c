"""A real server on a free port, and clients that speak its streaming protocols."""

import asyncio
import contextlib
import json
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from time import monotonic, sleep
from typing import Any, Self

import httpx
import uvicorn
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from api.app import create_app
from api.database import Database
from api.draining import DrainingServer
from api.heads import BoundedProtocol
from api.settings import Settings
from api.streaming.visits import StreamLimits

PROTOCOL = Subprotocol("graphql-transport-ws")
PATIENCE_SECONDS = 10.0
CASE_CHANGED = """
subscription Changed($case: ID!, $after: Long) {
  caseChanged(caseId: $case, after: $after) {
    position topic aggregateId occurredAt reason sentence zh: sentence(lang: ZH)
  }
}
"""


@dataclass
class Running:
    """A server that runs in a thread of its own."""

    port: int
    server: uvicorn.Server

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def stop(self) -> None:
        self.server.should_exit = True

    @asynccontextmanager
    async def client(
        self,
        key: str | None = None,
        *,
        protocol: str | None = PROTOCOL,
        headers: dict[str, str] | None = None,
        init: bool = True,
        **parameters: Any,
    ) -> AsyncIterator["Client"]:
        """Connect and, with ``init``, introduce oneself."""
        async with connect(
            f"ws://127.0.0.1:{self.port}/graphql",
            subprotocols=None if protocol is None else [Subprotocol(protocol)],
            additional_headers=headers,
            proxy=None,
        ) as connection:
            found = Client(connection)
            if init:
                known = {} if key is None else {"Authorization": f"Bearer {key}"}
                await found.send(type="connection_init", payload=known | parameters)
                assert await found.receive() == {"type": "connection_ack"}
            yield found


class Client:
    """One WebSocket of a client."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    async def send(self, **message: Any) -> None:
        await self.connection.send(json.dumps(message))

    async def receive(self, seconds: float = PATIENCE_SECONDS) -> Any:
        async with asyncio.timeout(seconds):
            return json.loads(await self.connection.recv())

    async def subscribe(
        self, query: str, variables: dict[str, Any] | None = None, *, number: str = "1"
    ) -> Self:
        payload = {"query": query, "variables": variables}
        await self.send(type="subscribe", id=number, payload=payload)
        return self

    async def follow(self, case: str, after: int | None = None, *, number: str = "1") -> Self:
        """Follow a case; what happens from now on will be told."""
        await self.subscribe(CASE_CHANGED, {"case": case, "after": after}, number=number)
        if after is None:  # it began when the answer to a later question has come
            await self.subscribe("{ viewer { role } }", number="began")
            assert (await self.receive())["type"] == "next"
            assert (await self.receive()) == {"type": "complete", "id": "began"}
            await asyncio.sleep(0.1)
        return self

    async def told(self, count: int) -> list[Any]:
        """Return the next steps that are told."""
        return [step(await self.receive()) for _ in range(count)]

    async def silent(self, seconds: float = 0.3) -> bool:
        """Say whether nothing comes for a while."""
        with contextlib.suppress(TimeoutError):
            return (await self.receive(seconds)) is None
        return True

    async def closed(self, seconds: float = PATIENCE_SECONDS) -> tuple[int, str]:
        """Return the code and the reason with which the server closes, whatever comes before."""
        with contextlib.suppress(ConnectionClosed):
            async with asyncio.timeout(seconds):
                while True:
                    await self.connection.recv()
        assert self.connection.close_code is not None
        return self.connection.close_code, self.connection.close_reason or ""


def step(message: Any) -> Any:
    """Return the step that a message tells of."""
    assert message["type"] == "next", message
    assert "errors" not in message["payload"], message
    return message["payload"]["data"]["caseChanged"]


@contextmanager
def listening(
    database: Database, settings: Settings, limits: StreamLimits | None = None
) -> Iterator[Running]:
    """Run a server as ``redress serve`` does."""
    app = create_app(settings, database, stream_limits=limits)
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        http=BoundedProtocol,
        ws="websockets-sansio",
        timeout_graceful_shutdown=5,
    )
    server = DrainingServer(config, app.state.draining)
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as opened:
        opened.bind(("127.0.0.1", 0))
        running = Running(opened.getsockname()[1], server)
        thread = threading.Thread(target=lambda: asyncio.run(server.serve([opened])))
        thread.start()
        deadline = monotonic() + PATIENCE_SECONDS
        while not server.started:
            assert monotonic() < deadline
            assert thread.is_alive()
            sleep(0.01)
        try:
            yield running
        finally:
            running.stop()
            thread.join(PATIENCE_SECONDS)
            assert not thread.is_alive()


@asynccontextmanager
async def events(
    server: Running,
    key: str | None,
    query: str,
    variables: dict[str, Any] | None = None,
    **headers: str,
) -> AsyncIterator[httpx.Response]:
    """Ask for server-sent events."""
    sent = {"Accept": "text/event-stream"}
    if key is not None:
        sent["Authorization"] = f"Bearer {key}"
    async with (
        httpx.AsyncClient(base_url=server.url, timeout=PATIENCE_SECONDS, trust_env=False) as client,
        client.stream(
            "POST",
            "/graphql",
            json={"query": query, "variables": variables},
            headers=sent | {name.replace("_", "-"): value for name, value in headers.items()},
        ) as response,
    ):
        yield response
