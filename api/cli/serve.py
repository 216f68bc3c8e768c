"""``redress serve``: HTTP, and a child process that keeps the read models."""

import asyncio
import contextlib
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
import uvicorn

from api.app import create_app
from api.cli.context import fail, run, settings
from api.cli.demo import demonstration_keys, load_demonstration
from api.database import Database, DatabaseUnusableError, open_database
from api.logs import configure_logging
from api.settings import Settings
from api.supervision import keep_child, keep_database


def serve(
    *,
    demo: Annotated[
        bool, typer.Option(help="Load the demonstration company into an empty embedded store.")
    ] = False,
) -> None:
    """Serve until Ctrl-C."""
    chosen = settings()
    configure_logging(chosen.log_level)
    try:
        with _only_server(chosen), open_database(chosen) as database:
            if demo and chosen.embedded and chosen.loopback:
                load_demonstration(chosen, database)
            run(lambda: _serve(chosen, database, demo=demo))
    except DatabaseUnusableError as error:
        fail(str(error))
    except KeyboardInterrupt:
        pass  # uvicorn raises Ctrl-C again after everything has stopped in order


@contextmanager
def _only_server(chosen: Settings) -> Iterator[None]:
    """Refuse a second server on the same data directory; other commands share the database."""
    chosen.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(
        chosen.data_dir / "serve.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600
    )
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        fail(
            f"another server runs on {chosen.data_dir}: stop it,"
            " or set REDRESS_DATA_DIR to another folder"
        )
    try:
        yield
    finally:
        os.close(descriptor)


async def _serve(chosen: Settings, database: Database, *, demo: bool) -> None:
    config = uvicorn.Config(
        create_app(chosen, database),
        host=chosen.host,
        port=chosen.port,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=10,
        ws="none",
    )
    server = uvicorn.Server(config)
    supervised = [
        asyncio.create_task(keep_child(["project", "--supervised"])),
        asyncio.create_task(keep_database(database)),
    ]
    announcing = asyncio.create_task(_announce(server, chosen, demo=demo))
    try:
        await server.serve()
    finally:
        for task in (*supervised, announcing):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
    if not server.started:
        fail(f"cannot listen on {chosen.host}:{chosen.port}: set REDRESS_PORT to a free port")


async def _announce(server: uvicorn.Server, chosen: Settings, *, demo: bool) -> None:
    while not server.started:  # noqa: ASYNC110  uvicorn offers no event
        await asyncio.sleep(0.01)
    port = chosen.port
    for listening in server.servers:
        for socket in listening.sockets:
            port = socket.getsockname()[1]
    typer.echo(f"Redress serves on http://{chosen.host}:{port}  (Ctrl-C stops it)")
    typer.echo(f"  GraphQL   http://{chosen.host}:{port}/graphql")
    typer.echo(f"  health    http://{chosen.host}:{port}/health/ready")
    if demo:
        typer.echo(f"Demonstration keys, one per role (also in {chosen.demo_keys_file}):")
        for role, key in demonstration_keys(chosen).items():
            typer.echo(f"  {role:<16} {key}")
