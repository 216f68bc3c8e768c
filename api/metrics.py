"""Prometheus metrics of the server; every value of a label is one of our own words."""

import platform
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any, Final

from prometheus_client import Counter, Gauge, Histogram, Info
from psycopg_pool import AsyncConnectionPool

from application.eventstore.writer import GroupWriter

_APPEND_SECONDS: Final = Histogram(
    "redress_append_seconds",
    "Time that one append of the event writer took",
    buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 5),
)
_COMMANDS: Final = Counter("redress_commands_stored", "Commands stored")
_REQUESTS: Final = Histogram(
    "redress_request_seconds",
    "Time from the first byte of a request to the last of its answer",
    ["kind", "path", "status"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15),
)
_REFUSED: Final = Counter(
    "redress_requests_refused", "Requests refused before anything was done", ["code"]
)
_SUBSCRIPTIONS: Final = Gauge("redress_subscriptions_active", "Subscriptions that are open")
_LAG: Final = Gauge("redress_projection_lag_events", "Events not projected yet", ["projection"])
_LAG_SECONDS: Final = Gauge(
    "redress_projection_lag_seconds", "Age of the oldest event not projected yet", ["projection"]
)
_PROCESS_LAG: Final = Gauge(
    "redress_process_lag_events", "Events that timers or notices did not read yet", ["process"]
)
_TIMERS_LATE: Final = Gauge(
    "redress_timers_late_seconds",
    "How long the oldest look at a case is due: warning, breach, alert or note",
)
_PARKED: Final = Gauge("redress_parked_events", "Events set aside with an error", ["projection"])
_READY: Final = Gauge("redress_ready", "Whether the server says that it is ready")
_QUEUE: Final = Gauge("redress_event_writer_queue", "Commands that wait for the event writer")
_POOL: Final = Gauge("redress_pool_connections", "Connections of a pool", ["pool", "state"])
_POOL_WAITING: Final = Gauge("redress_pool_waiting", "Who waits for a connection", ["pool"])

Info("redress_build", "What runs here").info(
    {"version": version("redress"), "python": platform.python_version()}
)


def batch_stored(commands: int, seconds: float) -> None:
    """Count one batch of the event writer."""
    _APPEND_SECONDS.observe(seconds)
    _COMMANDS.inc(commands)


def answered(kind: str, path: str, status: int, seconds: float) -> None:
    """Count one request; ``status`` 0: the client left without an answer."""
    _REQUESTS.labels(kind, path, f"{status // 100}xx" if status else "none").observe(seconds)


def refused(code: str) -> None:
    """Count one request that was refused."""
    _REFUSED.labels(code).inc()


def subscription_began() -> None:
    """Count a subscription in."""
    _SUBSCRIPTIONS.inc()


def subscription_ended() -> None:
    """Count a subscription out."""
    _SUBSCRIPTIONS.dec()


def read_models_known(
    lag_events: Mapping[str, int], lag_seconds: Mapping[str, float], parked: Mapping[str, int]
) -> None:
    """Set how far each read model is behind, and what it could not take."""
    for projection, events in lag_events.items():
        _LAG.labels(projection).set(events)
        _LAG_SECONDS.labels(projection).set(lag_seconds.get(projection, 0))
        _PARKED.labels(projection).set(parked.get(projection, 0))


def processes_known(lag_events: Mapping[str, int], timers_late_seconds: float) -> None:
    """Set how far the timers and the sending of notices are behind."""
    for process, events in lag_events.items():
        _PROCESS_LAG.labels(process).set(events)
    _TIMERS_LATE.set(timers_late_seconds)


def server_known(
    *, ready: bool, writer: GroupWriter, pools: Mapping[str, AsyncConnectionPool[Any]]
) -> None:
    """Set what is looked up when somebody asks."""
    _READY.set(ready)
    _QUEUE.set(writer.waiting)
    for name, pool in pools.items():
        stats = pool.get_stats()
        idle = stats.get("pool_available", 0)
        _POOL.labels(name, "idle").set(idle)
        _POOL.labels(name, "in_use").set(stats.get("pool_size", 0) - idle)
        _POOL_WAITING.labels(name).set(stats.get("requests_waiting", 0))
