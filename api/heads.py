"""HTTP connections whose heads are bounded, in size and in time; uvicorn bounds neither."""

import asyncio
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

LARGEST_HEAD: Final = 64 * 1024
HEAD_SECONDS: Final = 10.0
_TOO_LARGE: Final = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"connection: close\r\ncontent-length: 0\r\n\r\n"
)


class BoundedProtocol(HttpToolsProtocol):
    """Closes a connection that takes too long, or too many bytes, to say what it asks for."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._in_head = False
        self._received = 0
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Wait for the first head."""
        super().connection_made(transport)
        self._begin()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the head that did not come."""
        self._end()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Count what comes as long as the head is not complete."""
        self._received += len(data)
        super().data_received(data)
        if self._in_head and self._received > LARGEST_HEAD:
            self._refuse()

    def on_message_begin(self) -> None:
        """Begin to count."""
        super().on_message_begin()
        self._begin()

    def on_headers_complete(self) -> None:
        """Go on with the request, if its head is of a sensible size."""
        self._end()
        if sum(len(name) + len(value) for name, value in self.headers) > LARGEST_HEAD:
            self._refuse()
        else:
            super().on_headers_complete()

    def _begin(self) -> None:
        self._end()
        self._in_head, self._received = True, 0
        self._timer = self.loop.call_later(HEAD_SECONDS, self._give_up)

    def _end(self) -> None:
        self._in_head = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _give_up(self) -> None:
        if self._in_head and not self.transport.is_closing():
            self.transport.close()

    def _refuse(self) -> None:
        self._end()
        if not self.transport.is_closing():
            self.transport.write(_TOO_LARGE)
            self.transport.close()
