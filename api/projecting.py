"""The process beside the server: it keeps the read models and the time, and sends notices.

A child of ``serve``, or ``redress project`` alone.
"""

import asyncio
import os
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from datetime import timedelta
from time import monotonic, sleep
from typing import Any, Final, LiteralString

import psycopg
import structlog

from api.bootstrap import as_role, collect_garbage_rarely, open_event_store, utc_now
from api.database import Database
from api.settings import Settings
from application.desk import EventStore
from application.eventstore.codec import EventMapper
from application.eventstore.subject_keys import SubjectKeys, Unsealing
from application.notifying.delivery import Lane
from application.notifying.run import Notifier
from application.notifying.senders import FileSender
from application.notifying.smtp import SmtpSender
from application.timekeeping.run import Timekeeper
from domain.faults import place_of
from domain.notifying import NoticeChannel
from projections import PROJECTIONS
from projections.engine import Feed, Projector, run_until, use_live_tables

IDEMPOTENCY_KEPT: Final = timedelta(days=7)
_HOUSEKEEPING_SECONDS: Final = 3600.0
_RETRY_SECONDS: Final = 0.5
_STOP_CHECK_SECONDS: Final = 0.1
_CACHED: Final = 1000  # what is done in the background is looked at once or twice
_CONNECTIONS: Final = 6
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
        except (psycopg.OperationalError, psycopg.errors.ReadOnlySqlTransaction) as error:
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


def ways_out(settings: Settings) -> list[Lane]:
    """Return how notices leave: e-mails to the mail server if there is one, the rest as files."""
    channels = frozenset(NoticeChannel) - {NoticeChannel.NONE}
    files = FileSender(settings.outbox, settings.notices_from)
    if settings.smtp_url is None:
        return [Lane(files, channels)]
    mails = SmtpSender(settings.smtp_url, settings.notices_from)
    by_mail = frozenset({NoticeChannel.EMAIL})
    return [Lane(mails, by_mail), Lane(files, channels - by_mail)]


Background = Callable[[Database, asyncio.Event], Coroutine[Any, Any, None]]
"""What goes on beside the read models until the event is set."""


def sends_notices(settings: Settings) -> Background:
    """Return the sending of notices to customers."""

    async def send(database: Database, stop: asyncio.Event) -> None:
        async with _event_store(database, settings) as store:
            notifier = Notifier(store, ways_out(settings), utc_now)
            await notifier.run(lambda: as_role(database.conninfo, "redress_writer"), stop)

    return send


def keeps_time(settings: Settings) -> Background:
    """Return the timers: warnings, breaches and alerts of the clocks of cases."""

    async def keep(database: Database, stop: asyncio.Event) -> None:
        async with _event_store(database, settings) as store:
            timekeeper = Timekeeper(store, utc_now)
            await timekeeper.run(lambda: as_role(database.conninfo, "redress_writer"), stop)

    return keep


def _event_store(database: Database, settings: Settings) -> AbstractAsyncContextManager[EventStore]:
    return open_event_store(
        database.conninfo,
        database.master,
        zone=settings.timezone,
        cached=_CACHED,
        pool_size=_CONNECTIONS,
    )


@contextmanager
def in_background(
    name: str, database: Database, work: Background, stopped: Callable[[], bool]
) -> Iterator[None]:
    """Let something go on in a thread of its own until stopped; its faults concern nobody else."""
    ended = threading.Event()

    def over() -> bool:
        return stopped() or ended.is_set()

    def run() -> None:
        while not over():
            try:
                asyncio.run(_until(over, database, work))
            except Exception as error:  # noqa: BLE001  whatever it is, it is tried again
                _log.error("background work ended", work=name, error=place_of(error))
                sleep(_RETRY_SECONDS)

    thread = threading.Thread(target=run, name=name)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


async def _until(over: Callable[[], bool], database: Database, work: Background) -> None:
    stop = asyncio.Event()

    async def watch() -> None:
        while not over():  # noqa: ASYNC110  a signal or another thread says so
            await asyncio.sleep(_STOP_CHECK_SECONDS)
        stop.set()

    watching = asyncio.create_task(watch())
    await work(database, stop)
    await watching


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
