"""How process managers run: one process at a time, for as long as nobody stops it.

The lock belongs to a connection and goes with it; a database that went away is waited for.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final, LiteralString

import psycopg
import structlog

from application.eventstore.errors import NotStoredError, OutcomeUnknownError
from domain.faults import place_of

_TRY_LOCK: LiteralString = "SELECT pg_try_advisory_lock(%s, 0)"
_LISTEN: LiteralString = "LISTEN redress_events"
_LOCK_SECONDS: Final = 0.25
_RETRY_SECONDS: Final = 0.5
_PASSING: Final = (psycopg.OperationalError, NotStoredError, OutcomeUnknownError)
"""What is over when it is tried again, mostly a database that went away."""

_log = structlog.get_logger()

Work = Callable[[psycopg.AsyncConnection[Any]], Awaitable[None]]
"""What is done over the connection that holds the lock, and hears of new events."""


async def run_alone(
    name: str,
    lock: int,
    work: Work,
    conninfo: Callable[[], str],
    stopped: asyncio.Event,
    *,
    passing: tuple[type[Exception], ...] = (),
) -> None:
    """Let work go on until stopped, in this process or in the other one that holds the lock.

    ``conninfo``: as ``redress_writer``, asked for anew whenever a connection is made. ``passing``:
    more faults that are over when the work is begun again.
    """
    keeping = _keep_working(name, lock, work, conninfo, (*_PASSING, *passing))
    working = asyncio.create_task(keeping, name=name)
    stopping = asyncio.create_task(stopped.wait())
    try:
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (working, stopping):
            task.cancel()
        await asyncio.gather(working, stopping, return_exceptions=True)


async def _keep_working(
    name: str,
    lock: int,
    work: Work,
    conninfo: Callable[[], str],
    passing: tuple[type[Exception], ...],
) -> None:
    while True:
        try:
            async with await psycopg.AsyncConnection.connect(
                conninfo(), autocommit=True
            ) as connection:
                while not await _locked(connection, lock):  # noqa: ASYNC110  in another process
                    await asyncio.sleep(_LOCK_SECONDS)
                await connection.execute(_LISTEN)
                await work(connection)
        except passing as error:
            _log.warning("work interrupted", process=name, error=type(error).__name__)
        except Exception as error:  # noqa: BLE001  whatever it is, the work must go on
            _log.error("work failed", process=name, error=place_of(error))
        await asyncio.sleep(_RETRY_SECONDS)


async def _locked(connection: psycopg.AsyncConnection[Any], lock: int) -> bool:
    row = await (await connection.execute(_TRY_LOCK, [lock])).fetchone()
    assert row is not None
    return bool(row[0])
