"""``redress migrate``, ``project``, ``rebuild``, ``doctor``."""

import re
import signal
import threading
from time import perf_counter
from typing import Annotated, Any

import orjson
import psycopg
import typer
from rich.progress import Progress

from api.bootstrap import as_role, collect_garbage_rarely
from api.cli.context import database, fail, interactive, settings, ship_content
from api.database import DatabaseUnusableError, open_database
from api.projecting import (
    feed,
    in_background,
    keep_read_models,
    keeps_time,
    parent_is_gone,
    sends_notices,
)
from api.settings import Settings, variable_names
from application.eventstore.subject_keys import Unsealing
from application.timekeeping.ledger import PROCESS as TIMERS
from application.timekeeping.ledger import forget
from migrations.upgrade import newest_revision
from projections import PROJECTIONS
from projections.rebuild import RebuildRunningError, rebuild

_AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def migrate() -> None:
    """Bring the database schema up to date, and load the content that is shipped."""
    with database(log_level="WARNING") as opened:
        ship_content(settings(), opened)
        typer.echo(f"the schema is at revision {newest_revision()}")


def project(
    *,
    supervised: Annotated[
        bool, typer.Option(help="End when standard input does.", hidden=True)
    ] = False,
) -> None:
    """Keep read models and timers going and send notices until Ctrl-C; several never double."""
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    signal.signal(signal.SIGINT, lambda *_: stop.set())
    gone = parent_is_gone() if supervised else threading.Event()

    def stopped() -> bool:
        return stop.is_set() or gone.is_set()

    chosen = settings()
    with (
        database() as opened,
        in_background("notices", opened, sends_notices(chosen), stopped),
        in_background("timers", opened, keeps_time(chosen), stopped),
    ):
        keep_read_models(opened, stopped)


def rebuild_models(
    name: Annotated[str, typer.Argument(help="A read model, or all.")],
    *,
    as_json: _AsJson = False,
) -> None:
    """Build a read model anew from the whole log while the old one serves, then swap.

    ``timers``: let them read the log anew, after a fault that set cases of theirs aside.
    """
    if name == TIMERS:
        _rebuild_timers(as_json=as_json)
        return
    if name != "all" and name not in PROJECTIONS:
        fail(f"no read model {name!r}: there are {', '.join(PROJECTIONS)}, all; and timers")
    chosen = list(PROJECTIONS.values()) if name == "all" else [PROJECTIONS[name]]
    done: dict[str, Any] = {}
    collect_garbage_rarely()
    with database(log_level="WARNING") as opened:
        conninfo = as_role(opened.conninfo, "redress_owner", statement_timeout_ms=0)
        with (
            psycopg.connect(conninfo, autocommit=True) as connection,
            Progress(disable=as_json or not interactive()) as progress,
        ):
            for projection in chosen:
                task = progress.add_task(projection.name, total=None)

                def show(position: int, last: int, task: Any = task) -> None:
                    progress.update(task, completed=position, total=last)

                began = perf_counter()
                try:
                    position = rebuild(
                        connection,
                        projection,
                        feed(opened),
                        Unsealing(opened.master),
                        on_progress=show,
                    )
                except RebuildRunningError:
                    fail(f"{projection.name} is being rebuilt already: wait for that to end")
                except psycopg.errors.LockNotAvailable:
                    fail(f"{projection.name} is in use by a long query: run it again later")
                seconds = round(perf_counter() - began, 3)
                done[projection.name] = {"position": position, "seconds": seconds}
    if as_json:
        typer.echo(orjson.dumps({"rebuilt": done}))
    else:
        for rebuilt, figures in done.items():
            typer.echo(f"{rebuilt}: {figures['position']} in {figures['seconds']} s")


def _rebuild_timers(*, as_json: bool) -> None:
    with database(log_level="WARNING") as opened:
        conninfo = as_role(opened.conninfo, "redress_owner")
        with psycopg.connect(conninfo, autocommit=True) as connection:
            forget(connection)
    if as_json:
        typer.echo(orjson.dumps({"rebuilt": {TIMERS: {"position": 0}}}))
    else:
        typer.echo("timers: they read the log from its beginning as soon as they run")


def doctor(*, as_json: _AsJson = False) -> None:
    """Print the settings with their source, and check everything that can be checked."""
    chosen = settings()
    shown = {name: _setting(chosen, name) for name in variable_names()}
    checks: dict[str, Any] = {}
    try:
        with open_database(chosen, migrate=False) as opened:
            with psycopg.connect(opened.conninfo) as connection:
                checks = _database_checks(connection)
            checks["master_key"] = opened.master.id
    except DatabaseUnusableError as error:
        checks["database"] = str(error)
    good = "events" in checks
    if as_json:
        typer.echo(orjson.dumps({"settings": shown, "checks": checks, "ok": good}))
    else:
        for name, (value, source) in shown.items():
            typer.echo(f"{name:<24} {value or '-':<40} {source}")
        for name, value in checks.items():
            typer.echo(f"{name:<24} {value}")
        typer.echo("everything works" if good else "something needs attention")
    if not good:
        raise typer.Exit(1)


def _setting(chosen: Settings, name: str) -> tuple[str, str]:
    value = getattr(chosen, name.removeprefix("REDRESS_").lower())
    if name == "REDRESS_DATABASE_URL":
        value = _without_password(value) if value else "embedded PostgreSQL"
    source = "environment" if name in chosen.given else "default"
    return "" if value is None else str(value), source


def _without_password(url: str) -> str:
    head, at, tail = url.rpartition("@")
    shown = f"postgresql://***{at}{tail}" if at and head else url
    return re.sub(r"(?i)(password=)[^&]*", r"\1***", shown)


def _database_checks(connection: psycopg.Connection[Any]) -> dict[str, Any]:
    def one(statement: Any) -> Any:
        row = connection.execute(statement).fetchone()
        assert row is not None
        return row[0]

    return {
        "postgresql": one("SHOW server_version"),
        "durable": f"fsync {one('SHOW fsync')}",
        "events": one("SELECT coalesce(max(notification_id), 0) FROM log.stored_events"),
        "read_models": dict(
            connection.execute(
                "SELECT projection, position FROM ops.projection_positions ORDER BY 1"
            ).fetchall()
        ),
        "processes": dict(
            connection.execute(
                "SELECT process, position FROM process.positions ORDER BY 1"
            ).fetchall()
        ),
        "parked_events": [
            f"{projection} {position} {topic}: {error}"
            for projection, position, topic, error in connection.execute(
                "SELECT projection, position, topic, error FROM ops.parked_events"
                " ORDER BY parked_at LIMIT 20"
            ).fetchall()
        ],
    }
