"""Takes what asks for a stream out of the requests for GraphQL; passes on the rest."""

from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket

from api.endpoint.http import PATH
from api.streaming.operations import Streams
from api.streaming.sse import EventStream, wants_stream
from api.streaming.websocket import Connection


class StreamEndpoint:
    """Stands before the endpoint that answers at once."""

    def __init__(self, app: ASGIApp, streams: Streams) -> None:
        self._app = app
        self._streams = streams

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a WebSocket or a stream of events."""
        if scope["type"] not in {"http", "websocket"} or scope["path"] != PATH:
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await Connection(WebSocket(scope, receive, send), self._streams).run()
        elif scope["method"] in {"GET", "POST"} and wants_stream(scope):
            await EventStream(scope, receive, send, self._streams).run()
        else:
            await self._app(scope, receive, send)
