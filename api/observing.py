"""What is seen of every request: an id, a log line, a span, figures; never what it says.

The id (``X-Request-Id`` if it is a UUID, else a new one) stands in every log line of the request,
in its answer, and in the events of its commands as their correlation.
"""

from collections.abc import Iterable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any, Final, TypeVar
from uuid import UUID

import orjson
import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bound_contextvars
from uuid_utils.compat import uuid7

from api import metrics, tracing
from api.draining import Draining
from api.logs import place_of
from application.dispatch import Call, Command, Dispatcher, Outcome, operation_of
from application.eventstore.writer import GroupWriter

R = TypeVar("R")

_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_GRAPHQL: Final = "/graphql"
_QUIET: Final = ("/health/", "/metrics")
"""Asked every few seconds by machines: their lines are for debugging."""
_LONGEST_NAME: Final = 64
_FAULT: Final = orjson.dumps(
    {"type": "about:blank", "title": "Internal Server Error", "status": 500}
)

_log = structlog.get_logger()


@dataclass(slots=True)
class Observation:
    """What is known of a request, in words of our own."""

    request_id: UUID
    kind: str = "none"
    """``query``, ``mutation``, ``subscription``; ``rest`` for what is not GraphQL."""
    name: str | None = None
    path: str = "none"
    cost: int | None = None
    refused: str | None = None
    status: int = 0


_current: ContextVar[Observation | None] = ContextVar("observation", default=None)


def saw_operation(kind: str, name: str | None, cost: int) -> None:
    """Note the operation that a request asks for; ``name`` is the one in its document."""
    seen = _current.get()
    if seen is not None:
        seen.kind, seen.cost = kind, cost
        seen.name = None if name is None else name[:_LONGEST_NAME]


def saw_refusal(code: str) -> None:
    """Note that a request was refused before anything was done; ``code`` is one of ours."""
    metrics.refused(code)
    seen = _current.get()
    if seen is not None:
        seen.refused = code


def saw_refused_errors(errors: Iterable[Any]) -> None:
    """Note a refusal by the errors of its answer; without a code the document is not valid."""
    first: Mapping[str, Any] = next(iter(errors), {})
    saw_refusal((first.get("extensions") or {}).get("code", "INVALID_DOCUMENT"))


class Observed:
    """The outermost layer of the application; an error that reaches it ends here."""

    def __init__(self, app: ASGIApp, draining: Draining) -> None:
        self._app = app
        self._draining = draining

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Watch a request, or a WebSocket while it is open."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        given = _only(scope, b"x-request-id", b"traceparent")
        traceparent = given.get(b"traceparent")
        seen = Observation(_uuid(given.get(b"x-request-id")) or uuid7())
        token = _current.set(seen)
        try:
            if scope["type"] == "websocket":  # open for hours: no span, and no duration of its own
                with bound_contextvars(request_id=str(seen.request_id)):
                    await self._app(scope, receive, send)
                    return
            with tracing.request_span(traceparent) as span:
                trace_id = tracing.trace_id_of(span, traceparent) or seen.request_id.hex
                with bound_contextvars(request_id=str(seen.request_id), trace_id=trace_id):
                    began = perf_counter()
                    try:
                        await self._answered(scope, receive, send, seen)
                    finally:
                        about = _report(scope, seen, perf_counter() - began)
                        tracing.told(span, about)
        finally:
            _current.reset(token)

    async def _answered(
        self, scope: Scope, receive: Receive, send: Send, seen: Observation
    ) -> None:
        async def send_marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                seen.status = message["status"]
                headers = [*message.get("headers", ())]
                for name, value in headers:
                    if name == b"redress-path":
                        seen.path = value.decode()
                headers.append((b"x-request-id", str(seen.request_id).encode()))
                if self._draining.begun:
                    headers.append((b"connection", b"close"))
                message = {**message, "headers": headers}
            await send(message)

        try:
            await self._app(scope, receive, send_marked)
        except Exception as fault:  # noqa: BLE001  nothing of it may reach the client or a library's log
            _log.error("fault", **place_of(fault))
            if seen.status:
                return  # the server closes the connection: half an answer is none
            problem = [(b"content-type", b"application/problem+json")]
            length = (b"content-length", str(len(_FAULT)).encode())
            await send_marked(
                {"type": "http.response.start", "status": 500, "headers": [*problem, length]}
            )
            await send_marked({"type": "http.response.body", "body": _FAULT})


def _report(scope: Scope, seen: Observation, seconds: float) -> dict[str, Any]:
    """Log and count a request that is over; return what its span is told."""
    if seen.kind == "none" and scope["path"] != _GRAPHQL:
        seen.kind = "rest"
    route = _route(scope)
    method = scope["method"] if scope["method"] in _METHODS else "OTHER"
    metrics.answered(seen.kind, seen.path, seen.status, seconds)
    line = {"method": method, "route": route, "status": seen.status or None}
    more = {
        "kind": None if seen.kind in {"none", "rest"} else seen.kind,
        "operation": seen.name,
        "path": None if seen.path == "none" else seen.path,
        "cost": seen.cost,
        "refused": seen.refused,
    }
    line |= {name: value for name, value in more.items() if value is not None}
    write = _log.debug if route.startswith(_QUIET) else _log.info
    write("request", ms=round(seconds * 1000, 2), **line)
    return {
        "http.request.method": method,
        "http.route": route,
        "http.response.status_code": seen.status or None,
        "graphql.operation.type": more["kind"],
        "graphql.operation.name": seen.name,
        "redress.path": more["path"],
        "redress.cost": seen.cost,
        "redress.refused": seen.refused,
    }


def _route(scope: Scope) -> str:
    """Return the pattern that the address fits, not the address: it may say anything."""
    if scope["path"] == _GRAPHQL:
        return _GRAPHQL
    path = getattr(scope.get("route"), "path", None)
    return path if isinstance(path, str) else "other"


def _only(scope: Scope, *names: bytes) -> dict[bytes, str]:
    """Return the header fields that were sent exactly once."""
    found: dict[bytes, str] = {}
    twice: set[bytes] = set()
    for name, value in scope["headers"]:
        if name in names:
            if name in found:
                twice.add(name)
            found[name] = value.decode("latin-1")
    return {name: value for name, value in found.items() if name not in twice}


def _uuid(text: str | None) -> UUID | None:
    """Return an id in the one form of RFC 9562; anything else could say something."""
    if text is None:
        return None
    try:
        found = UUID(text)
    except ValueError:
        return None
    return found if str(found) == text.lower() else None


class ObservedDispatcher(Dispatcher):
    """Gives the commands of a request its id as their correlation, and measures them."""

    async def execute(self, command: Command[R], call: Call) -> Outcome[R]:
        """Carry out a command."""
        seen = _current.get()
        if seen is not None and call.correlation is None:
            call = replace(call, correlation=seen.request_id)
        if not tracing.is_on():
            return await super().execute(command, call)
        with tracing.span("command", operation=operation_of(type(command))) as span:
            outcome = await super().execute(command, call)
            tracing.told(span, {"redress.repeated": outcome.repeated})
            return outcome


def observe_appends(writer: GroupWriter) -> None:
    """Measure what each command waits for the event writer; from outside, it need not know."""
    if not tracing.is_on():
        return
    append = writer.append

    async def measured(*events: Any, **more: Any) -> Any:
        with tracing.span("append", events=len(events[0])):
            return await append(*events, **more)

    writer.append = measured  # type: ignore[method-assign]
