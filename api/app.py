"""The HTTP application: GraphQL, health, metrics, schema."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse, RedirectResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from psycopg import OperationalError
from psycopg_pool import AsyncConnectionPool

from api import metrics
from api.authentication.entrance import open_entrance
from api.authentication.keys import KeyRing
from api.authentication.refusals import UnauthenticatedError
from api.authentication.routes import session_router
from api.bootstrap import RECONNECT_SECONDS, as_role, open_event_store, utc_now
from api.database import Database
from api.endpoint.execution import Execution, ServiceLimits
from api.endpoint.http import GraphQLEndpoint, Serving
from api.graphiql import add_graphiql
from api.graphql.context import Services
from api.graphql.schema import schema
from api.languages import language
from api.positions import Positions
from api.settings import Settings
from application.dispatch import Dispatcher
from application.permissions import permitted

LAG_LIMIT_EVENTS: Final = 10_000
"""How far read models may be behind before ``/health/ready`` says no."""
_PROBLEM: Final = "application/problem+json"


class Problem(Exception):  # noqa: N818  RFC 9457 calls it a problem
    """A REST error as RFC 9457 problem details."""

    def __init__(self, status: int, title: str, detail: str) -> None:
        super().__init__(title)
        self.status = status
        self.title = title
        self.detail = detail


def create_app(
    settings: Settings,
    database: Database,
    *,
    limits: ServiceLimits | None = None,
    compiled: bool = True,
) -> FastAPI:
    """Make the application for a database that is open and migrated.

    Without ``compiled`` every query takes the way of ordinary execution.
    """
    serving = Serving()

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
            keys = KeyRing(store.pool, utc_now)
            await keys.reload()
            serving.entrance = await stack.enter_async_context(
                open_entrance(
                    settings,
                    database.master,
                    keys,
                    sessions_pool=store.pool,
                    read_pool=read_pool,
                    now=utc_now,
                )
            )
            positions = Positions(lambda: as_role(database.conninfo, "redress_writer"), keys.reload)
            positions.start()
            stack.push_async_callback(positions.stop)
            serving.services = Services(store, Dispatcher(store, utc_now), read_pool, positions)
            serving.execution = Execution(schema, limits or ServiceLimits(), compiled=compiled)
            yield

    app = FastAPI(
        title="Redress", lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None
    )
    add_graphiql(app)
    app.include_router(session_router(lambda: serving.entrance, language))
    app.add_middleware(GraphQLEndpoint, serving=serving)
    app.add_exception_handler(Problem, _problem_response)
    _add_operations(app, serving)
    return app


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


def _add_operations(app: FastAPI, serving: Serving) -> None:
    @app.get("/")
    def index() -> Response:
        return RedirectResponse("/graphql")

    @app.get("/health/live")
    def live() -> Response:
        return JSONResponse({"status": "live"})

    @app.get("/health/ready")
    async def ready() -> Response:
        positions = serving.services.positions
        parked: dict[str, int] = {}
        reachable = True
        try:
            async with serving.services.read_pool.connection(timeout=2) as connection:
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
                caller = serving.entrance.keys.caller(request.headers.get("authorization"))
            except UnauthenticatedError:
                caller = None
            if caller is None or not permitted(caller, "systemState"):
                raise Problem(401, "Unauthorized", "metrics need an operator's key or loopback")
        metrics.lags_known(serving.services.positions.lags)
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)
