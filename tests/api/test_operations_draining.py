"""How a server ends: who is answered, who is closed, and when."""

import asyncio
import socket
from typing import Any

import uvicorn

from api.draining import Draining, DrainingServer

REQUEST = b"GET / HTTP/1.1\r\nHost: redress\r\n\r\n"


class Slow:
    """An application that answers when it is let."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.let = asyncio.Event()

    async def __call__(self, scope: Any, _receive: Any, send: Any) -> None:
        assert scope["type"] == "http"
        self.asked.set()
        await self.let.wait()
        headers = [(b"content-length", b"2")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"ok"})


async def _ended_while_asked() -> tuple[bytes, bytes, bytes, bool]:
    app, draining = Slow(), Draining()
    config = uvicorn.Config(
        app, lifespan="off", log_config=None, http="httptools", timeout_graceful_shutdown=30
    )
    server = DrainingServer(config, draining)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        address = listening.getsockname()
        serving = asyncio.create_task(server._serve([listening]))
        while not server.started:  # noqa: ASYNC110  uvicorn offers no event
            await asyncio.sleep(0.01)
        idle, _ = await asyncio.open_connection(*address)
        asking, asked = await asyncio.open_connection(*address)
        asked.write(REQUEST)
        await app.asked.wait()

        server.should_exit = True
        await draining.wait()
        of_idle = await asyncio.wait_for(idle.read(), 5)
        # Accepted in the moment when the server stopped listening, it comes into being only now.
        ours, theirs = socket.socketpair()
        await asyncio.get_running_loop().connect_accepted_socket(
            lambda: config.http_protocol_class(
                config=config, server_state=server.server_state, app_state={}
            ),
            theirs,
        )
        late, _ = await asyncio.open_connection(sock=ours)
        of_late = await asyncio.wait_for(late.read(), 5)
        refused = False
        try:
            await asyncio.open_connection(*address)
        except ConnectionRefusedError:
            refused = True
        assert not serving.done()
        app.let.set()
        of_asking = await asyncio.wait_for(asking.read(), 5)
        await asyncio.wait_for(serving, 5)
        return of_idle, of_late, of_asking, refused


def test_who_asked_is_answered_and_who_did_not_is_closed() -> None:
    of_idle, of_late, of_asking, refused = asyncio.run(_ended_while_asked())
    assert of_idle == b""
    assert of_late == b""
    assert refused
    head, _, body = of_asking.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    assert b"connection: close" in head
    assert body == b"ok"
