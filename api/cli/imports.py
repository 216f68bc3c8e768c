"""``redress import``: take over a company's own CSV files."""

import asyncio
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final

import orjson
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from api.bootstrap import utc_now
from api.cli.context import open_commands
from application.imports import run
from application.imports.mapping import Mapping, MappingError, read_mapping
from application.imports.rows import DataFileError
from application.imports.run import ImportStoppedError, ImportSummary, run_import
from application.permissions import Caller
from domain.roles import PersonId, Role

CALLER: Final = Caller(principal="cli", actor=PersonId("import"), role=Role.SYSTEM)


def import_files(
    data: Annotated[
        list[Path], typer.Argument(metavar="DATA...", help="CSV files, plain or gzip.")
    ],
    *,
    mapping: Annotated[
        Path,
        typer.Option("--mapping", metavar="FILE.toml", help="Which column becomes which fact."),
    ],
    check: Annotated[
        bool, typer.Option("--check", help="Say what would happen; store and write nothing.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="End with one JSON object on standard output.")
    ] = False,
    rejects_dir: Annotated[
        Path | None,
        typer.Option(
            "--rejects-dir",
            metavar="DIR",
            help="Where DATA.rejected.csv goes; beside each file if not given.",
        ),
    ] = None,
) -> None:
    """Import shipments, complaints and ratings from CSV files.

    Running it again imports nothing twice. Rows that are wrong go to DATA.rejected.csv with the
    line and the reason, the rest is imported.

    Example: redress import --mapping docs/import/olist.toml orders.csv.gz
    """
    try:
        parsed = read_mapping(mapping)
        with _progress() as show:
            summary = asyncio.run(
                _import(parsed, data, check=check, rejects_dir=rejects_dir, show=show)
            )
    except (MappingError, DataFileError, ImportStoppedError) as error:
        typer.echo(f"redress import: {error}", err=True)
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        typer.echo("redress import: interrupted; it is safe to run it again", err=True)
        raise typer.Exit(1) from None
    if as_json:
        typer.echo(orjson.dumps(summary.as_json()).decode())
    else:
        _print(summary)


async def _import(
    mapping: Mapping,
    data: list[Path],
    *,
    check: bool,
    rejects_dir: Path | None,
    show: Callable[[run.Progress], None],
) -> ImportSummary:
    if check:
        return await run_import(
            None, mapping, data, caller=CALLER, check=True, on_progress=show, now=utc_now
        )
    async with open_commands() as dispatcher:
        return await run_import(
            dispatcher,
            mapping,
            data,
            caller=CALLER,
            on_progress=show,
            rejects_dir=rejects_dir,
            now=utc_now,
        )


@contextmanager
def _progress() -> Iterator[Callable[[run.Progress], None]]:
    """Show a bar on standard error, if that is a terminal."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    bar = Progress(
        TextColumn("{task.fields[rows]} rows"),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    with bar:
        task = bar.add_task("import", total=None, rows=0)
        yield lambda now: bar.update(
            task, completed=now.bytes_read, total=now.bytes_total, rows=now.rows
        )


def _print(summary: ImportSummary) -> None:
    verb = "would import" if summary.check else "imported"
    new, old = summary.imported, summary.unchanged
    typer.echo(
        f"{summary.rows_read} rows read; {verb} {new.shipments} shipments,"
        f" {new.complaints} complaints, {new.ratings} ratings;"
        f" unchanged {old.shipments}, {old.complaints}, {old.ratings};"
        f" rejected {summary.rejected} rows"
    )
    for reject in summary.first_rejects:
        typer.echo(f"  {reject.file}:{reject.line}: {reject.field}: {reject.rule}: {reject.reason}")
    if summary.rejected > len(summary.first_rejects):
        typer.echo("  ...")
    for path in summary.rejects_files:
        typer.echo(f"rejected rows: {path}")
