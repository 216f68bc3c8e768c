"""GraphQL over server-sent events, "distinct connections mode": one operation, one response.

The id of each event is the position of what it tells; a client that comes back sends it as
``Last-Event-ID``. A response that ends without ``complete`` is to be asked for again.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any, Final

import orjson
from graphql import OperationType
from starlette.types import Receive, Scope, Send

from api.authentication.refusals import NoRoleError, UnauthenticatedError
from api.endpoint.answers import Answer, error_answer, is_of_http, problem_answer, send_answer
from api.endpoint.execution import Prepared, RefusedError
from api.endpoint.faults import log_fault
from api.endpoint.http import position_after
from api.endpoint.requests import (
    GRAPHQL_JSON,
    PLAIN_JSON,
    ClientGoneError,
    RequestRefusedError,
    checked,
    preferred,
    read_request,
)
from api.graphql.subscriptions import SubscriberContext
from api.languages import language
from api.observing import saw_refusal, saw_refused_errors
from api.streaming.operations import Message, OperationFailedError, Streams
from api.streaming.refusals import EndedError, Ending, stream_errors, why
from application.permissions import Caller

MEDIA_TYPE: Final = "text/event-stream"
_PROBLEM: Final = "application/problem+json"
_HEADERS: Final = (
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store, no-transform"),
    (b"vary", b"Accept, Accept-Language, Authorization, Cookie"),
    (b"x-accel-buffering", b"no"),  # proxies pass on each event as it comes
    (b"x-content-type-options", b"nosniff"),
)
_RETRY: Final = b"retry: 1000\n\n"
_HEARTBEAT: Final = b":\n\n"
_COMPLETE: Final = b"event: complete\ndata:\n\n"


def wants_stream(scope: Scope) -> bool:
    """Say whether a request would rather have server-sent events than one answer."""
    accepted = b",".join(value for name, value in scope["headers"] if name == b"accept")
    offered = (MEDIA_TYPE, GRAPHQL_JSON, PLAIN_JSON)
    return preferred(accepted.decode("latin-1"), offered) == MEDIA_TYPE


class EventStream:
    """One response."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, streams: Streams) -> None:
        self._scope = scope
        self._receive = receive
        self._send_raw = send
        self._streams = streams
        self._headers = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
        }
        self._lang = language(self._headers.get("accept-language"))

    async def run(self) -> None:
        """Answer: with events, or by refusing before the first one."""
        answer, media_type = None, GRAPHQL_JSON
        try:
            caller = await self._caller()
            if caller is None:
                raise UnauthenticatedError("NOT_SIGNED_IN")  # noqa: TRY301
            with self._streams.visits.entered(caller.principal):
                prepared, context = await self._prepared(caller)
                await self._stream(caller, self._streams.messages(prepared, context))
        except RequestRefusedError as refused:
            saw_refusal(refused.code)
            answer = error_answer(refused.status, refused.code, self._lang, refused.headers)
            if is_of_http(refused.status, refused.code):
                media_type = _PROBLEM
        except RefusedError as refused:
            saw_refused_errors(refused.errors)
            answer = _refused(refused.errors, refused.status, refused.headers)
        except EndedError:  # there are too many; the others end within the stream
            code, limit = "TOO_MANY_CONNECTIONS", self._streams.visits.limits.connections
            saw_refusal(code)
            answer = _refused(stream_errors(code, self._lang, limit=limit), 429, {})
        except (UnauthenticatedError, NoRoleError) as refused:
            saw_refusal(refused.code)
            answer, media_type = problem_answer(refused, self._lang), _PROBLEM
        except ClientGoneError:
            return
        if answer is not None:
            await send_answer(self._send_raw, answer, media_type)

    async def _caller(self) -> Caller | None:
        entrance = self._streams.serving.entrance
        return await entrance.caller(self._headers, method=self._scope["method"])

    async def _prepared(self, caller: Caller) -> tuple[Prepared, SubscriberContext]:
        after = position_after(self._headers.get("redress-after"))
        last_event = position_after(self._headers.get("last-event-id") or None)
        sent = await read_request(self._scope, self._receive, self._headers)
        request = checked(sent, reading=False)
        prepared = self._streams.serving.execution.prepare(request, caller.principal, self._lang)
        mutates = prepared.operation.operation is OperationType.MUTATION
        if mutates and self._scope["method"] == "GET":
            prepared.ticket.release()
            raise RequestRefusedError(405, "READING_ONLY", headers={"Allow": "POST"})
        context = self._streams.context(
            caller,
            self._lang,
            request,
            after=after,
            last_event=last_event,
            headers=self._headers,
        )
        return prepared, context

    async def _stream(self, caller: Caller, messages: AsyncGenerator[Message, None]) -> None:
        """Send events until the operation, the client, the server or its patience ends."""
        try:
            async with asyncio.TaskGroup() as group:
                beside = [
                    group.create_task(self._streams.visits.watch(caller, self._caller)),
                    group.create_task(self._gone()),
                    group.create_task(self._beat()),
                ]
                await self._send_raw(
                    {"type": "http.response.start", "status": 200, "headers": [*_HEADERS]}
                )
                await self._write(_RETRY)
                await self._deliver(messages)
                for task in beside:
                    task.cancel()
        except BaseExceptionGroup as ended:
            reason: BaseException | None = why(ended)
        else:
            reason = None
        with contextlib.suppress(EndedError, OSError):
            await self._end(reason)

    async def _deliver(self, messages: AsyncGenerator[Message, None]) -> None:
        try:
            async with aclosing(messages):
                async for message in messages:
                    await self._write(_event(message.body, message.position))
        except OperationFailedError as failed:
            await self._write(_event(orjson.dumps({"errors": failed.errors})))

    async def _end(self, reason: BaseException | None) -> None:
        """End the response; with ``complete`` only if the client is not to ask again."""
        match reason:
            case None:
                await self._write(_COMPLETE, more=False)
            case EndedError(ending=Ending.NOT_LET_IN):
                errors = stream_errors("LET_IN_NO_LONGER", self._lang)
                last = _event(orjson.dumps({"errors": errors})) + _COMPLETE
                await self._write(last, more=False)
            case EndedError(ending=Ending.STOPPING):
                await self._write(_HEARTBEAT, more=False)
            case EndedError() | ClientGoneError() | OSError():
                pass  # nobody is there to be told
            case fault:
                log_fault(fault)
                await self._write(_HEARTBEAT, more=False)

    async def _gone(self) -> None:
        """Raise ClientGoneError when the client leaves."""
        while (await self._receive())["type"] != "http.disconnect":
            pass
        raise ClientGoneError

    async def _beat(self) -> None:
        """Let the client and what stands between see that the connection lives."""
        while True:
            await asyncio.sleep(self._streams.visits.limits.heartbeat_seconds)
            await self._write(_HEARTBEAT)

    async def _write(self, piece: bytes, *, more: bool = True) -> None:
        try:
            async with asyncio.timeout(self._streams.visits.limits.send_seconds):
                await self._send_raw(
                    {"type": "http.response.body", "body": piece, "more_body": more}
                )
        except TimeoutError:
            raise EndedError(Ending.TOO_SLOW) from None


def _event(body: bytes, position: int | None = None) -> bytes:
    identified = b"" if position is None else b"id: %d\n" % position
    return b"%sevent: next\ndata: %s\n\n" % (identified, body)


def _refused(errors: list[Any], status: int, headers: Mapping[str, str]) -> Answer:
    return Answer(orjson.dumps({"errors": errors}), status, headers=headers)
