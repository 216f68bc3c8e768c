"""The HTTP application: GraphQL, health, metrics, schema."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from fastapi import FastAPI, Response
from fastapi.responses import RedirectResponse
from psycopg_pool import AsyncConnectionPool

from api import metrics
from api.authentication.entrance import open_entrance
from api.authentication.keys import KeyRing
from api.authentication.routes import session_router
from api.bootstrap import RECONNECT_SECONDS, as_role, open_event_store, utc_now
from api.database import Database
from api.draining import Draining
from api.endpoint.execution import Execution, ServiceLimits
from api.endpoint.http import GraphQLEndpoint, Serving
from api.graphiql import add_graphiql
from api.graphql.compiler.plan import hand_on_bytes
from api.graphql.context import Services
from api.graphql.schema import schema
from api.health import operations_router
from api.languages import language
from api.observing import Observed, ObservedDispatcher, observe_appends
from api.positions import Positions
from api.settings import Settings
from api.streaming.endpoint import StreamEndpoint
from api.streaming.operations import Streams
from api.streaming.visits import StreamLimits


def create_app(
    settings: Settings,
    database: Database,
    *,
    limits: ServiceLimits | None = None,
    stream_limits: StreamLimits | None = None,
    compiled: bool = True,
) -> FastAPI:
    """Make the application for a database that is open and migrated.

    Without ``compiled`` every query takes the way of ordinary execution.
    """
    serving, draining = Serving(), Draining()
    limits = limits or ServiceLimits.of(settings)
    streams = Streams(serving, schema, stream_limits or StreamLimits(), draining)

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
            observe_appends(store.writer)
            read_pool: AsyncConnectionPool[Any] = AsyncConnectionPool(
                as_role(database.conninfo, "redress_reader"),
                min_size=1,
                max_size=16,
                open=False,
                timeout=10.0,
                reconnect_timeout=RECONNECT_SECONDS,
                kwargs={"autocommit": True},
                configure=hand_on_bytes,
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
            serving.services = Services(
                store, ObservedDispatcher(store, utc_now), read_pool, positions
            )
            serving.execution = Execution(schema, limits, compiled=compiled)
            await stack.enter_async_context(streams.open())
            yield

    app = FastAPI(
        title="Redress", lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None
    )
    app.state.serving = serving
    add_graphiql(app)
    app.include_router(session_router(lambda: serving.entrance, language))
    app.add_middleware(GraphQLEndpoint, serving=serving)
    app.add_middleware(StreamEndpoint, streams=streams)
    app.add_middleware(Observed, draining=draining)
    app.include_router(operations_router(serving, draining))
    app.add_api_route("/", lambda: RedirectResponse("/graphql"), response_class=Response)
    app.state.draining = draining
    return app
