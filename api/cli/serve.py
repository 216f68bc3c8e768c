"""``redress serve``: HTTP, and a child process that keeps the read models."""

import asyncio
import contextlib
import errno
import fcntl
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from typing import TYPE_CHECKING, Annotated, Any, LiteralString

import psycopg
import typer

from api.bootstrap import keep_what_is_loaded
from api.cli.context import fail, run, settings, ship_content
from api.cli.demo import DEMONSTRATION_KEY, demonstration_keys, load_demonstration
from api.database import Database, DatabaseUnusableError, make_data_dir, open_database
from api.limits.trusted import ManifestError
from api.logs import configure_logging
from api.settings import Settings
from api.supervision import keep_child, keep_database
from projections.satisfaction import load_statistics

if TYPE_CHECKING:
    import uvicorn

_LIVE_KEYS: LiteralString = """
SELECT count(*) FILTER (WHERE printed), count(*) FILTER (WHERE NOT printed)
FROM (
    SELECT coalesce(name = %(demonstration)s AND holder LIKE 'demo.%%', false) AS printed
    FROM ops.api_keys
    WHERE revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())
) AS live
"""


def serve(
    *,
    demo: Annotated[
        bool, typer.Option(help="Load the demonstration company into an empty embedded store.")
    ] = False,
) -> None:
    """Serve until Ctrl-C."""
    chosen = settings()
    configure_logging(chosen.log_level)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as orderly an end as Ctrl-C
    try:
        with (
            _only_server(chosen),
            _listening(chosen) as sockets,
            open_database(chosen) as database,
        ):
            _refuse_open_door(chosen, database)
            ship_content(chosen, database)
            if demo and chosen.embedded and chosen.loopback:
                load_demonstration(chosen, database)
            _run(chosen, database, sockets, demo=demo)
    except (DatabaseUnusableError, ManifestError) as error:
        fail(str(error))
    except KeyboardInterrupt:
        pass  # uvicorn raises Ctrl-C again after everything has stopped in order


def _refuse_open_door(chosen: Settings, database: Database) -> None:
    """Refuse other machines while anybody could come in, or nobody but with a printed key."""
    if chosen.loopback:
        return
    with psycopg.connect(database.conninfo) as connection:
        row = connection.execute(_LIVE_KEYS, {"demonstration": DEMONSTRATION_KEY}).fetchone()
    assert row is not None
    printed, others = row
    if printed:
        fail(
            f"{chosen.host} is open to other machines and demonstration keys are live: run `redress"
            " keys revoke --demonstration`, or unset REDRESS_HOST"
        )
    if not others and chosen.oidc_issuer is None:
        fail(
            f"{chosen.host} is open to other machines and nobody can sign in: run `redress keys"
            " create --role administrator`, or set REDRESS_OIDC_ISSUER"
        )


@contextmanager
def _only_server(chosen: Settings) -> Iterator[None]:
    """Refuse a second server on the same data directory; other commands share the database."""
    make_data_dir(chosen)
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


@contextmanager
def _listening(chosen: Settings) -> Iterator[list[socket.socket]]:
    """Take the port before anything is started: one in use is the likeliest fault."""
    sockets: list[socket.socket] = []
    port = chosen.port
    try:
        try:
            for family, *_, address in socket.getaddrinfo(
                chosen.host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            ):
                try:
                    sockets.append(_bound(family, (address[0], port, *address[2:])))
                except OSError as error:
                    if error.errno != errno.EADDRNOTAVAIL or not sockets:
                        raise
                port = sockets[-1].getsockname()[1]
        except OSError as error:
            fail(
                f"cannot listen on {chosen.host}:{port}: {error.strerror}:"
                " set REDRESS_PORT to a free port, REDRESS_HOST to an address of this machine"
            )
        yield sockets
    finally:
        for opened in sockets:
            opened.close()


def _bound(family: int, address: tuple[Any, ...]) -> socket.socket:
    """Return a socket that has the address, and does not yet listen."""
    opened = socket.socket(family, socket.SOCK_STREAM)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        opened.bind(address)
    except OSError:
        opened.close()
        raise
    return opened


def _run(chosen: Settings, database: Database, sockets: list[socket.socket], *, demo: bool) -> None:
    # Imported here: no other command records traces.
    from api.tracing import exporting  # noqa: PLC0415

    with exporting(os.environ, version("redress")):
        run(lambda: _serve(chosen, database, sockets, demo=demo))


async def _serve(
    chosen: Settings, database: Database, sockets: list[socket.socket], *, demo: bool
) -> None:
    # Imported here: no other command needs the web server, which takes a second to import.
    import uvicorn  # noqa: PLC0415

    from api.app import create_app  # noqa: PLC0415
    from api.draining import DRAIN_SECONDS, DrainingServer  # noqa: PLC0415
    from api.endpoint.requests import LARGEST_BODY  # noqa: PLC0415
    from api.heads import BoundedProtocol  # noqa: PLC0415

    app = create_app(chosen, database)
    keep_what_is_loaded()
    config = uvicorn.Config(
        app,
        log_config=None,  # its lines are ours: JSON, and nothing of what was sent
        access_log=False,
        server_header=False,
        proxy_headers=False,  # whoever comes over loopback would choose an address
        http=BoundedProtocol,
        timeout_graceful_shutdown=DRAIN_SECONDS,
        ws="websockets-sansio",
        ws_max_size=LARGEST_BODY,
        ws_ping_interval=20.0,
        ws_ping_timeout=20.0,
        ws_per_message_deflate=False,  # messages are small, and a compressor for each is not
    )
    server = DrainingServer(config, app.state.draining)
    supervised = [
        asyncio.create_task(keep_child(["project", "--supervised"])),
        asyncio.create_task(keep_database(database)),
    ]
    announcing = asyncio.create_task(_announce(server, chosen, sockets, demo=demo))
    try:
        await server.serve(sockets)
    finally:
        for task in (*supervised, announcing):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
    if not server.started:
        fail("the server did not start: what is printed above says why")


async def _announce(
    server: "uvicorn.Server", chosen: Settings, sockets: list[socket.socket], *, demo: bool
) -> None:
    while not server.started:  # noqa: ASYNC110  uvicorn offers no event
        await asyncio.sleep(0.01)
    port = sockets[0].getsockname()[1]
    typer.echo(f"Redress serves on http://{chosen.host}:{port}  (Ctrl-C stops it)")
    typer.echo(f"  GraphQL   http://{chosen.host}:{port}/graphql")
    typer.echo(f"  health    http://{chosen.host}:{port}/health/ready")
    if demo:
        typer.echo(f"Demonstration keys, one per role (also in {chosen.demo_keys_file}):")
        for role, key in demonstration_keys(chosen).items():
            typer.echo(f"  {role:<16} {key}")
    await asyncio.to_thread(load_statistics)
