"""The composition root: the only place where the layers are joined."""

import gc
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from psycopg.conninfo import make_conninfo
from psycopg_pool import AsyncConnectionPool

from application.desk import CACHED_AGGREGATES, EventStore
from application.dispatch import Dispatcher
from application.eventstore.codec import EventMapper
from application.eventstore.subject_keys import MasterKey, SubjectKeys
from application.eventstore.writer import GroupWriter

# A frozen database must not hold a command for longer than its deadline.
_NETWORK = {"connect_timeout": 5, "keepalives_idle": 5, "tcp_user_timeout": 10_000}
_STATEMENT_TIMEOUT_MS = 10_000
RECONNECT_SECONDS = 2.0
"""The pool's back-off doubles; after this long it begins anew with the next who asks."""


def as_role(conninfo: str, role: str, *, statement_timeout_ms: int = _STATEMENT_TIMEOUT_MS) -> str:
    """Return the connection string that acts in one of the three roles of the migrations."""
    options = f"-c role={role} -c statement_timeout={statement_timeout_ms} -c timezone=UTC"
    return make_conninfo(conninfo, options=options, **_NETWORK)


def collect_garbage_rarely() -> None:
    """Let a process that folds events by the thousand look for reference cycles less often."""
    gc.set_threshold(200_000, 50, 100)


def keep_what_is_loaded() -> None:
    """Spare the garbage collector all that lives as long as the process: code and schema.

    Looking through it again and again takes tenths of a second, in which nobody is answered.
    """
    gc.collect()
    gc.freeze()


def utc_now() -> datetime:
    """Read the clock."""
    return datetime.now(UTC)


@asynccontextmanager
async def open_event_store(
    conninfo: str,
    master: MasterKey,
    *,
    zone: ZoneInfo,
    on_batch: Callable[[int, float], None] | None = None,
    cached: int = CACHED_AGGREGATES,
    pool_size: int = 8,
) -> AsyncIterator[EventStore]:
    """Open the event store of a database that is migrated; stores what waits when it closes.

    ``cached`` is how many aggregates, and keys of data subjects, stay in memory.
    """
    writer_conninfo = as_role(conninfo, "redress_writer")
    keys = SubjectKeys(master, cached=cached)
    pool: AsyncConnectionPool[Any] = AsyncConnectionPool(
        writer_conninfo,
        min_size=1,
        max_size=pool_size,
        open=False,
        timeout=10.0,
        reconnect_timeout=RECONNECT_SECONDS,
        kwargs={"autocommit": True},
    )
    await pool.open()
    store = EventStore(
        writer=GroupWriter(writer_conninfo, keys, on_batch=on_batch),
        pool=pool,
        mapper=EventMapper(keys),
        keys=keys,
        zone=zone,
        cached_aggregates=cached,
    )
    try:
        yield store
    finally:
        await store.close()


@asynccontextmanager
async def open_dispatcher(
    conninfo: str,
    master: MasterKey,
    *,
    zone: ZoneInfo,
    now: Callable[[], datetime] = utc_now,
    cached: int = CACHED_AGGREGATES,
) -> AsyncIterator[Dispatcher]:
    """Open the command side of a database that is migrated."""
    async with open_event_store(conninfo, master, zone=zone, cached=cached) as store:
        yield Dispatcher(store, now)
