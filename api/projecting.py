"""The process that keeps the read models: a child of ``serve``, or ``redress project`` alone."""

import os
import threading
from collections.abc import Callable
from datetime import timedelta
from time import monotonic, sleep
from typing import Any, Final, LiteralString

import psycopg
import structlog

from api.bootstrap import as_role, collect_garbage_rarely
from api.database import Database
from application.eventstore.codec import EventMapper
from application.eventstore.subject_keys import SubjectKeys, Unsealing
from projections import PROJECTIONS
from projections.engine import Feed, Projector, run_until, use_live_tables

IDEMPOTENCY_KEPT: Final = timedelta(days=7)
_HOUSEKEEPING_SECONDS: Final = 3600.0
_RETRY_SECONDS: Final = 0.5
_FORGET: LiteralString = """
DELETE FROM process.idempotency WHERE key IN (
    SELECT key FROM process.idempotency WHERE recorded_at < now() - %s LIMIT 10000)
"""

_log = structlog.get_logger()


def feed(database: Database) -> Feed:
    """Return the log as the projections read it."""
    return Feed(EventMapper(SubjectKeys(database.master)).decode)


def keep_read_models(database: Database, stopped: Callable[[], bool]) -> None:
    """Project until stopped; a lost database is waited for, and found again."""
    collect_garbage_rarely()
    while not stopped():
        try:
            _keep(database, stopped)
        except psycopg.OperationalError as error:
            _log.warning("projector lost the database", error=type(error).__name__)
            sleep(_RETRY_SECONDS)


def _keep(database: Database, stopped: Callable[[], bool]) -> None:
    conninfo = as_role(database.conninfo, "redress_writer")
    with (
        psycopg.connect(conninfo, autocommit=True) as connection,
        psycopg.connect(conninfo, autocommit=True) as listening,
    ):
        use_live_tables(connection)
        projector = Projector(connection, feed(database), Unsealing(database.master))
        cleaned = float("-inf")
        rounds = run_until(
            projector, list(PROJECTIONS.values()), listening, stopped=stopped, wait_seconds=1.0
        )
        for _ in rounds:
            if monotonic() - cleaned > _HOUSEKEEPING_SECONDS:
                cleaned = monotonic()
                _forget_old_keys(connection)


def _forget_old_keys(connection: psycopg.Connection[Any]) -> None:
    """Delete idempotency rows that are older than they are kept, some at a time."""
    while connection.execute(_FORGET, [IDEMPOTENCY_KEPT]).rowcount:
        pass


def parent_is_gone() -> threading.Event:
    """Return an event that is set when standard input ends, as it does when the parent dies."""
    gone = threading.Event()

    def watch() -> None:
        # Not through sys.stdin: a thread that waits in it makes the interpreter abort at its end.
        while os.read(0, 1024):
            pass
        gone.set()

    threading.Thread(target=watch, name="parent", daemon=True).start()
    return gone
