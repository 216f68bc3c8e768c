"""GraphQL over WebSocket: the protocol graphql-transport-ws as a strict state machine.

A connection introduces itself once, then starts and ends operations. Whoever breaks the protocol is
cut off with the code that the protocol has for it.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any, Final

import orjson
from starlette.websockets import WebSocket, WebSocketDisconnect

from api.authentication.refusals import NoRoleError, UnauthenticatedError
from api.endpoint.execution import Prepared, RefusedError
from api.endpoint.faults import log_fault
from api.endpoint.http import position_after
from api.endpoint.requests import GraphQLRequest, RequestRefusedError, checked
from api.languages import language
from api.observing import saw_refusal
from api.refusals import fault_message
from api.streaming.operations import Message, OperationFailedError, Streams
from api.streaming.refusals import EndedError, Ending, stream_errors, why
from application.permissions import Caller

PROTOCOL: Final = "graphql-transport-ws"
_PARAMETERS: Final = {
    "authorization": "authorization",
    "redress-after": "redress-after",
    "redress-role": "redress-role",
    "accept-language": "accept-language",
    "lang": "accept-language",
}
"""What a connection may say of itself in ``connection_init``, as the header that it stands for.

Never the cookie or where the page comes from: those are for the browser to tell.
"""
_TYPES: Final = ("connection_init", "ping", "pong", "subscribe", "complete")
_LONGEST_ID: Final = 128
_LONGEST_REASON: Final = 123  # bytes, RFC 6455
_CLOSE_SECONDS: Final = 5.0


class Connection:
    """One WebSocket."""

    def __init__(self, socket: WebSocket, streams: Streams) -> None:
        self._socket = socket
        self._streams = streams
        self._limits = streams.visits.limits
        self._headers = {name: value for name, value in socket.headers.items()}  # noqa: C416
        self._lang = language(self._headers.get("accept-language"))
        self._after: int | None = None
        self._operations: dict[str, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Serve it until one of the two sides ends it."""
        with contextlib.suppress(WebSocketDisconnect):
            if PROTOCOL not in self._socket.scope["subprotocols"]:
                await self._socket.accept()
                await self._close(EndedError(Ending.SUBPROTOCOL))
                return
            await self._socket.accept(PROTOCOL)
            try:
                caller = await self._introduced()
                with self._streams.visits.entered(caller.principal):
                    await self._send({"type": "connection_ack"})
                    await self._serve(caller)
            except EndedError as ended:
                saw_refusal(ended.ending.name)
                await self._close(ended)
            except WebSocketDisconnect:
                raise
            except Exception as fault:  # noqa: BLE001  nothing of it may reach the client
                log_fault(fault)
                await self._close(EndedError(Ending.FAULT))

    async def _introduced(self) -> Caller:
        """Wait until the client says who it is; EndedError if it does not, or is not let in."""
        try:
            async with asyncio.timeout(self._limits.init_seconds):
                while (message := await self._received())["type"] != "connection_init":
                    if message["type"] == "subscribe":
                        raise EndedError(Ending.NOT_INTRODUCED)
        except TimeoutError:
            raise EndedError(Ending.INIT_TIMEOUT) from None
        self._headers |= _parameters(message.get("payload") or {})
        self._lang = language(self._headers.get("accept-language"))
        try:
            self._after = position_after(self._headers.get("redress-after"))
            caller = await self._caller()
        except RequestRefusedError as refused:
            raise EndedError(Ending.INVALID, fault_message(refused.code, self._lang)) from None
        except (UnauthenticatedError, NoRoleError) as refused:
            raise EndedError(Ending.NOT_LET_IN, refused.detail_in(self._lang)) from None
        if caller is None:
            raise EndedError(Ending.NOT_LET_IN)
        return caller

    async def _caller(self) -> Caller | None:
        return await self._streams.serving.entrance.caller(self._headers, method="WEBSOCKET")

    async def _serve(self, caller: Caller) -> None:
        """Carry out operations until the connection ends; what runs ends with it."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._streams.visits.watch(caller, self._caller))
                while True:
                    message = await self._received()
                    match message["type"]:
                        case "connection_init":
                            raise EndedError(Ending.INTRODUCED_TWICE)
                        case "subscribe":
                            await self._begin(message, caller, group)
                        case "complete":
                            running = self._operations.pop(_id(message), None)
                            if running is not None:
                                running.cancel()
        except BaseExceptionGroup as ended:
            raise why(ended) from None

    async def _begin(
        self, message: dict[str, Any], caller: Caller, group: asyncio.TaskGroup
    ) -> None:
        """Start an operation, or tell why not."""
        operation, payload = _id(message), message.get("payload")
        if not isinstance(payload, dict):
            raise EndedError(Ending.INVALID)
        if operation in self._operations:
            raise EndedError(Ending.ID_IN_USE)
        try:
            request = checked(payload, reading=False)
        except RequestRefusedError as refused:
            raise EndedError(Ending.INVALID, fault_message(refused.code, self._lang)) from None
        try:
            prepared = self._prepared(request, caller)
        except OperationFailedError as failed:
            await self._send({"id": operation, "type": "error", "payload": failed.errors})
            return
        context = self._streams.context(
            caller, self._lang, request, after=self._after, headers=self._headers
        )
        messages = self._streams.messages(prepared, context)
        self._operations[operation] = group.create_task(self._deliver(operation, messages))

    def _prepared(self, request: GraphQLRequest, caller: Caller) -> Prepared:
        limit = self._limits.operations
        if len(self._operations) >= limit:
            raise OperationFailedError(
                stream_errors("TOO_MANY_OPERATIONS", self._lang, limit=limit)
            )
        try:
            return self._streams.serving.execution.prepare(request, caller.principal, self._lang)
        except RefusedError as refused:
            raise OperationFailedError(refused.errors) from None
        except RequestRefusedError as refused:
            message = fault_message(refused.code, self._lang)
            error = {"message": message, "extensions": {"code": refused.code}}
            raise OperationFailedError([error]) from None

    async def _deliver(self, operation: str, messages: AsyncGenerator[Message, None]) -> None:
        """Send the results of an operation, and how it ends."""
        end: dict[str, Any] = {"id": operation, "type": "complete"}
        try:
            async with aclosing(messages):
                async for message in messages:
                    payload = orjson.Fragment(message.body)
                    await self._send({"id": operation, "type": "next", "payload": payload})
        except OperationFailedError as failed:
            end = {"id": operation, "type": "error", "payload": failed.errors}
        del self._operations[operation]  # before the client may use the id again
        await self._send(end)

    # Messages

    async def _received(self) -> dict[str, Any]:
        """Return the next message that is not about the connection being alive."""
        while True:
            received = await self._socket.receive()
            if received["type"] == "websocket.disconnect":
                raise WebSocketDisconnect(received.get("code", 1005))
            message = self._checked(received.get("text"))
            if message["type"] == "ping":
                await self._send({"type": "pong"})
            elif message["type"] != "pong":
                return message

    def _checked(self, text: str | None) -> dict[str, Any]:
        if text is None:
            raise EndedError(Ending.INVALID)
        if len(text) > self._limits.message_size:
            raise EndedError(Ending.TOO_LARGE)
        try:
            message = orjson.loads(text)
        except orjson.JSONDecodeError:
            raise EndedError(Ending.INVALID) from None
        if not isinstance(message, dict) or message.get("type") not in _TYPES:
            raise EndedError(Ending.INVALID)
        if not isinstance(message.get("payload"), dict | None):
            raise EndedError(Ending.INVALID)
        return message

    async def _send(self, message: dict[str, Any]) -> None:
        try:
            async with asyncio.timeout(self._limits.send_seconds):
                await self._socket.send_text(orjson.dumps(message).decode())
        except TimeoutError:
            raise EndedError(Ending.TOO_SLOW) from None

    async def _close(self, ended: EndedError) -> None:
        reason = ended.reason(self._lang).encode()[:_LONGEST_REASON].decode(errors="ignore")
        with contextlib.suppress(TimeoutError, WebSocketDisconnect):
            async with asyncio.timeout(_CLOSE_SECONDS):
                await self._socket.close(ended.ending.code, reason)


def _id(message: dict[str, Any]) -> str:
    found = message.get("id")
    if not isinstance(found, str) or not 0 < len(found) <= _LONGEST_ID:
        raise EndedError(Ending.INVALID)
    return found


def _parameters(payload: Mapping[str, Any]) -> dict[str, str]:
    """Return what the connection says of itself, as headers."""
    found = {}
    for name, value in payload.items():
        header = _PARAMETERS.get(name.lower())
        if header is not None and isinstance(value, str | int) and not isinstance(value, bool):
            found[header] = str(value)
    return found
