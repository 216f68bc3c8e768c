"""The HTTP application: GraphQL, health, metrics, schema."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final

import orjson
import structlog
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse, RedirectResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from psycopg import OperationalError
from psycopg_pool import AsyncConnectionPool
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from strawberry.fastapi import GraphQLRouter

from api import metrics
from api.bootstrap import RECONNECT_SECONDS, as_role, open_event_store, utc_now
from api.database import Database
from api.graphiql import add_graphiql
from api.graphql.context import Context, Services
from api.graphql.schema import schema
from api.positions import Positions
from api.security import KeyRing, UnknownKeyError
from api.settings import Settings
from application.dispatch import Dispatcher
from application.permissions import permitted

LAG_LIMIT_EVENTS: Final = 10_000
"""How far read models may be behind before ``/health/ready`` says no."""
_LARGEST_BODY: Final = 2 * 1024 * 1024
_PROBLEM: Final = "application/problem+json"

_log = structlog.get_logger()


class Problem(Exception):  # noqa: N818  RFC 9457 calls it a problem
    """A REST error as RFC 9457 problem details."""

    def __init__(self, status: int, title: str, detail: str) -> None:
        super().__init__(title)
        self.status = status
        self.title = title
        self.detail = detail


class State:
    """What the running application consists of; filled when it starts."""

    services: Services
    keys: KeyRing


class JsonRouter(GraphQLRouter[Context, None]):
    """GraphQL over HTTP, its answers written by orjson."""

    def encode_json(self, data: object) -> bytes:
        """Write an answer as UTF-8, not as escapes."""
        return orjson.dumps(data)

    def decode_json(self, data: str | bytes) -> object:
        """Read a request; orjson refuses lone surrogates, broken UTF-8 and endless nesting."""
        found = orjson.loads(data)
        if isinstance(data, bytes) and not isinstance(found, dict | list):
            raise orjson.JSONDecodeError("a request is an object", "", 0)
        return found


class BodyLimit:
    """Answers 413 to a body that is too large, before it is all in memory."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        received = 0

        async def limited() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > _LARGEST_BODY:
                raise _too_large()
            return message

        length = Headers(scope=scope).get("content-length", "")
        if length.isdecimal() and int(length) > _LARGEST_BODY:
            refusal = _problem_response(Request(scope), _too_large())
            await refusal(scope, receive, send)
        else:
            await self._app(scope, limited, send)


def _too_large() -> Problem:
    return Problem(413, "Content Too Large", f"a body has at most {_LARGEST_BODY} bytes")


def create_app(settings: Settings, database: Database) -> FastAPI:
    """Make the application for a database that is open and migrated."""
    state = State()

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            store = await stack.enter_async_context(
                open_event_store(
                    database.conninfo,
                    database.master,
                    zone=settings.timezone,
                    on_batch=metrics.batch_stored,
                )
            )
            read_pool: AsyncConnectionPool[Any] = AsyncConnectionPool(
                as_role(database.conninfo, "redress_reader"),
                min_size=1,
                max_size=16,
                open=False,
                timeout=10.0,
                reconnect_timeout=RECONNECT_SECONDS,
                kwargs={"autocommit": True},
            )
            await read_pool.open()
            stack.push_async_callback(read_pool.close)
            state.keys = KeyRing(store.pool, utc_now)
            await state.keys.reload()
            positions = Positions(
                lambda: as_role(database.conninfo, "redress_writer"), state.keys.reload
            )
            positions.start()
            stack.push_async_callback(positions.stop)
            state.services = Services(store, Dispatcher(store, utc_now), read_pool, positions)
            yield

    app = FastAPI(
        title="Redress", lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None
    )
    app.add_middleware(BodyLimit)
    add_graphiql(app)
    app.include_router(
        JsonRouter(schema, context_getter=_context_getter(state), graphql_ide=None),
        prefix="/graphql",
    )
    app.add_exception_handler(Problem, _problem_response)
    _add_operations(app, state)
    return app


def _context_getter(state: State) -> Callable[[Request], Context]:
    def context(request: Request) -> Context:
        lang = language(request.headers.get("accept-language"))
        try:
            caller = state.keys.caller(request.headers.get("authorization"))
        except UnknownKeyError:
            raise Problem(
                401, "Unauthorized", "the API key is not known, expired or revoked"
            ) from None
        return Context(
            services=state.services,
            optional_caller=caller,
            lang=lang,
            idempotency_key=request.headers.get("idempotency-key"),
            after_position=_after(request.headers.get("redress-after")),
        )

    return context


def language(accept_language: str | None) -> str:
    """Return ``zh`` or ``en``, whichever the caller likes better."""
    best, best_quality = "en", 0.0
    for part in (accept_language or "").split(","):
        tag, _, parameters = part.strip().partition(";")
        quality_text = parameters.strip().removeprefix("q=") or "1"
        try:
            quality = float(quality_text)
        except ValueError:
            continue
        lang = tag.strip().lower().partition("-")[0]
        if lang in {"en", "zh"} and quality > best_quality:
            best, best_quality = lang, quality
    return best


def _after(header: str | None) -> int | None:
    if header is None:
        return None
    if not header.isascii() or not header.isdecimal() or len(header) > len(str(2**63)):
        raise Problem(400, "Bad Request", "Redress-After must be a position: a whole number")
    return int(header)


def _problem_response(_request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    headers = {"WWW-Authenticate": "Bearer"} if error.status == 401 else {}  # noqa: PLR2004
    return JSONResponse(
        {
            "type": "about:blank",
            "title": error.title,
            "status": error.status,
            "detail": error.detail,
        },
        error.status,
        headers,
        _PROBLEM,
    )


def _add_operations(app: FastAPI, state: State) -> None:
    @app.get("/")
    def index() -> Response:
        return RedirectResponse("/graphql")

    @app.get("/health/live")
    def live() -> Response:
        return JSONResponse({"status": "live"})

    @app.get("/health/ready")
    async def ready() -> Response:
        positions = state.services.positions
        parked: dict[str, int] = {}
        reachable = True
        try:
            async with state.services.read_pool.connection(timeout=2) as connection:
                cursor = await connection.execute(
                    "SELECT projection, count(*) FROM ops.parked_events GROUP BY projection"
                )
                parked = dict(await cursor.fetchall())
        except OperationalError:
            reachable = False
        lags = positions.lags
        good = reachable and positions.connected and max(lags.values()) <= LAG_LIMIT_EVENTS
        body = {
            "status": "ready" if good else "not ready",
            "database": reachable,
            "position": positions.last_event,
            "lag_events": lags,
            "parked_events": parked,
        }
        return JSONResponse(body, 200 if good else 503)

    @app.get("/schema.graphql")
    def schema_text() -> Response:
        return PlainTextResponse(schema.as_str() + "\n")

    @app.get("/metrics")
    def prometheus(request: Request) -> Response:
        host = request.client.host if request.client else ""
        if host not in {"127.0.0.1", "::1"}:
            try:
                caller = state.keys.caller(request.headers.get("authorization"))
            except UnknownKeyError:
                caller = None
            if caller is None or not permitted(caller, "systemState"):
                raise Problem(401, "Unauthorized", "metrics need an operator's key or loopback")
        metrics.lags_known(state.services.positions.lags)
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)
