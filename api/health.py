"""What whoever runs the server asks: is it alive, is it ready, its figures, its schema."""

import asyncio
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from time import monotonic
from typing import Final, LiteralString

import psycopg
from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from psycopg.rows import tuple_row
from psycopg_pool import PoolTimeout

from api import metrics
from api.authentication.refusals import NoRoleError, UnauthenticatedError
from api.draining import Draining
from api.endpoint.http import Serving
from api.graphql.context import Services
from api.graphql.schema import schema
from application.permissions import permitted
from migrations.upgrade import newest_revision
from projections import PROJECTIONS

LAG_LIMIT_EVENTS: Final = 10_000
LAG_LIMIT_SECONDS: Final = 60.0
"""How far read models may be behind before ``/health/ready`` says no."""
LOOK_SECONDS: Final = 2.0
FRESH_SECONDS: Final = 0.25
_LOOPBACK: Final = frozenset({"127.0.0.1", "::1"})
_FORWARDING: Final = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")
_UNCACHED: Final = {"Cache-Control": "no-store"}

_READ: LiteralString = """
SELECT (SELECT count(*) FROM (SELECT FROM read.complaints LIMIT 1) AS one),
    (SELECT coalesce(jsonb_object_agg(p.projection, p.parked), '{}')
     FROM (SELECT projection, count(*) AS parked FROM ops.parked_events GROUP BY 1) AS p)
"""
_WRITE: LiteralString = """
SELECT pg_is_in_recovery() OR current_setting('transaction_read_only') = 'on',
    (SELECT coalesce(max(notification_id), 0) FROM log.stored_events),
    (SELECT coalesce(jsonb_object_agg(process, position), '{}') FROM process.positions),
    (SELECT extract(epoch FROM clock_timestamp() - min(due_at))::float8
     FROM process.case_clocks WHERE due_at IS NOT NULL)
"""
_BEHIND: LiteralString = """
SELECT n.name, coalesce(p.position, 0), (
    SELECT extract(epoch FROM clock_timestamp() - e.recorded_at)::float8
    FROM log.stored_events AS e WHERE e.notification_id > coalesce(p.position, 0)
    ORDER BY e.notification_id LIMIT 1)
FROM unnest(%b::text[]) AS n (name)
LEFT JOIN ops.projection_positions AS p ON p.projection = n.name
"""
_REVISION: LiteralString = "SELECT version_num FROM migrations.applied"
_AS_WHO_CONNECTED: LiteralString = "SET LOCAL ROLE none"  # no role of ours looks at migrations


@dataclass(frozen=True, slots=True)
class Checks:
    """What must hold for a server to be ready."""

    database: bool = False
    """Readers are answered, under their role."""
    writable: bool = False
    """Commands can be stored: no standby, not read-only, and the event writer takes them in."""
    listening: bool = False
    """The server hears how far the read models are."""
    projections: bool = False
    """They are within the limits of lag."""
    schema: bool = False
    """The database has the schema that this program was made for."""
    serving: bool = False
    """It is not about to end."""


@dataclass(frozen=True, slots=True)
class Health:
    """What one look at everything found."""

    checks: Checks = field(default_factory=Checks)
    position: int = 0
    lag_events: dict[str, int] = field(default_factory=dict)
    lag_seconds: dict[str, float] = field(default_factory=dict)
    parked_events: dict[str, int] = field(default_factory=dict)
    process_lag_events: dict[str, int] = field(default_factory=dict)
    """How far the timers and the sending of notices are behind the log."""
    timers_late_seconds: float = 0.0
    """How long the oldest look at a case is due: a warning, a breach, an alert or a note."""

    @property
    def ready(self) -> bool:
        """Whether requests should be sent here."""
        return all(asdict(self.checks).values())


class Watch:
    """Looks after the server when asked; who asks at the same time shares one look."""

    def __init__(self, services: Callable[[], Services], draining: Draining) -> None:
        self._services = services
        self._draining = draining
        self._newest = newest_revision()
        self._began = float("-inf")
        self._looking: asyncio.Task[Health] | None = None

    async def look(self) -> Health:
        """Return what was found within the last quarter of a second; never waits for long.

        A look at a database that hangs goes on, so that there is never more than one of them.
        """
        now = monotonic()
        if self._looking is None or (self._looking.done() and now - self._began > FRESH_SECONDS):
            self._began = now
            self._looking = asyncio.create_task(self._look(), name="health")
        left = max(0.0, self._began + LOOK_SECONDS - now)
        done, _ = await asyncio.wait({self._looking}, timeout=left)
        if not done or self._draining.begun:
            return Health(Checks(serving=not self._draining.begun))
        return self._looking.result()

    async def _look(self) -> Health:
        services = self._services()
        reading, writing = await asyncio.gather(self._read(services), self._write(services))
        if writing is None:
            writing = _Written(
                standby=True, last=0, processes={}, late=None, behind={}, revision=None
            )
        lags = {name: max(0, writing.last - at) for name, (at, _) in writing.behind.items()}
        ages = {name: round(max(0.0, age or 0.0), 3) for name, (_, age) in writing.behind.items()}
        checks = Checks(
            database=reading is not None,
            writable=not writing.standby and not services.store.writer.closed,
            listening=services.positions.connected,
            projections=bool(writing.behind)
            and max(lags.values()) <= LAG_LIMIT_EVENTS
            and max(ages.values()) <= LAG_LIMIT_SECONDS,
            schema=writing.revision == self._newest,
            serving=not self._draining.begun,
        )
        processes = {name: max(0, writing.last - at) for name, at in writing.processes.items()}
        late = round(max(0.0, writing.late or 0.0), 3)
        return Health(checks, writing.last, lags, ages, reading or {}, processes, late)

    async def _read(self, services: Services) -> dict[str, int] | None:
        """Ask as readers do; return what is parked."""
        try:
            async with services.read_pool.connection(timeout=LOOK_SECONDS) as connection:
                cursor = connection.cursor(row_factory=tuple_row)
                row = await (await cursor.execute(_READ)).fetchone()
        except (psycopg.Error, PoolTimeout):
            return None
        assert row is not None
        return dict(row[1])

    async def _write(self, services: Services) -> "_Written | None":
        """Ask as the writer does."""
        try:
            async with (
                services.store.pool.connection(timeout=LOOK_SECONDS) as connection,
                connection.transaction(),
            ):
                cursor = connection.cursor(row_factory=tuple_row)
                store = await (await cursor.execute(_WRITE)).fetchone()
                behind = await (await cursor.execute(_BEHIND, [list(PROJECTIONS)])).fetchall()
                await cursor.execute(_AS_WHO_CONNECTED)
                revision = await (await cursor.execute(_REVISION)).fetchone()
        except (psycopg.Error, PoolTimeout):
            return None
        assert store is not None
        return _Written(
            standby=store[0],
            last=store[1],
            processes=store[2],
            late=store[3],
            behind={name: (position, age) for name, position, age in behind},
            revision=None if revision is None else revision[0],
        )


@dataclass(frozen=True, slots=True)
class _Written:
    """What the writing side tells; ``behind``: position and age of the next event of each model."""

    standby: bool
    last: int
    processes: dict[str, int]
    late: float | None
    behind: dict[str, tuple[int, float | None]]
    revision: str | None


def operations_router(serving: Serving, draining: Draining) -> APIRouter:
    """Make the routes for whoever runs the server."""
    router = APIRouter()
    watch = Watch(lambda: serving.services, draining)

    @router.get("/health/live")
    def live() -> Response:
        return JSONResponse({"status": "live"})

    @router.get("/health/ready")
    async def ready() -> Response:
        health = await watch.look()
        body = {
            "status": "ready" if health.ready else "not ready",
            **asdict(health.checks),
            "position": health.position,
            "lag_events": health.lag_events,
            "lag_seconds": health.lag_seconds,
            "parked_events": health.parked_events,
            "process_lag_events": health.process_lag_events,
            "timers_late_seconds": health.timers_late_seconds,
        }
        return JSONResponse(body, 200 if health.ready else 503, _UNCACHED)

    @router.get("/schema.graphql")
    def schema_text() -> Response:
        return PlainTextResponse(schema.as_str() + "\n")

    @router.get("/metrics")
    async def prometheus(request: Request) -> Response:
        if not _from_here(request) and not await _may_see(serving, request):
            return _refused()
        health = await watch.look()
        metrics.read_models_known(health.lag_events, health.lag_seconds, health.parked_events)
        metrics.processes_known(health.process_lag_events, health.timers_late_seconds)
        store = serving.services.store
        pools = {"read": serving.services.read_pool, "write": store.pool}
        metrics.server_known(ready=health.ready, writer=store.writer, pools=pools)
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST, headers=_UNCACHED)

    return router


def _from_here(request: Request) -> bool:
    """Say whether the machine itself asks: not a proxy on it that asks for somebody else."""
    if any(name in request.headers for name in _FORWARDING):
        return False
    return request.client is not None and request.client.host in _LOOPBACK


async def _may_see(serving: Serving, request: Request) -> bool:
    try:
        caller = await serving.entrance.caller(dict(request.headers), method="GET")
    except (UnauthenticatedError, NoRoleError):
        return False
    return caller is not None and permitted(caller, "systemState")


def _refused() -> Response:
    problem = {
        "type": "about:blank",
        "title": "Unauthorized",
        "status": 401,
        "detail": "metrics need an operator's key or loopback",
    }
    headers = {"WWW-Authenticate": "Bearer", **_UNCACHED}
    return JSONResponse(problem, 401, headers, "application/problem+json")
