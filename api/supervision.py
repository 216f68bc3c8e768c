"""``serve`` and its child: the projector is restarted when it dies, the database, too."""

import asyncio
import contextlib
import sys
from typing import Final

import structlog

from api.database import Database
from api.embedded_postgres import EmbeddedPostgresError

_RESTART_SECONDS: Final = 0.2
_SLOWEST_RESTART_SECONDS: Final = 2.0
_DATABASE_CHECK_SECONDS: Final = 0.5
_STOP_SECONDS: Final = 10.0

_log = structlog.get_logger()


async def keep_child(arguments: list[str]) -> None:
    """Keep one child process alive until cancelled; it ends when its standard input does."""
    pause = _RESTART_SECONDS
    while True:
        try:
            child = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "api.cli.main",
                *arguments,
                stdin=asyncio.subprocess.PIPE,
                start_new_session=True,  # Ctrl-C is for the parent, which ends the child in order
            )
        except OSError as error:  # no memory, no process: it may pass
            _log.error("child not started", arguments=arguments, error=error.strerror)
            await asyncio.sleep(_SLOWEST_RESTART_SECONDS)
            continue
        began = asyncio.get_running_loop().time()
        try:
            code = await child.wait()
        except asyncio.CancelledError:
            await _end(child)
            raise
        lived = asyncio.get_running_loop().time() - began
        pause = _RESTART_SECONDS if lived > 10 else min(pause * 2, _SLOWEST_RESTART_SECONDS)  # noqa: PLR2004
        _log.warning("child restarted", arguments=arguments, code=code)
        await asyncio.sleep(pause)


async def _end(child: asyncio.subprocess.Process) -> None:
    assert child.stdin is not None
    child.stdin.close()
    try:
        async with asyncio.timeout(_STOP_SECONDS):
            await child.wait()
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            child.kill()
        await child.wait()


async def keep_database(database: Database) -> None:
    """Start the embedded database again if it dies, until cancelled."""
    server = database.embedded
    while server is not None:
        try:
            if await asyncio.to_thread(server.ensure_running):
                _log.warning("database restarted")
        except (EmbeddedPostgresError, OSError) as error:
            _log.error("database not restarted", error=str(error))
        await asyncio.sleep(_DATABASE_CHECK_SECONDS)
