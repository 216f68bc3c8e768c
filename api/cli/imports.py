"""``redress import``: take over a company's own CSV files."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import orjson
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from api.bootstrap import utc_now
from api.cli.context import fail, interactive, open_commands, operator_call, run
from application.imports.files import DataFileError
from application.imports.mapping import Mapping, MappingError, read_mapping
from application.imports.rejects import ImportStoppedError, ImportSummary
from application.imports.run import Progress as ImportProgress
from application.imports.run import run_import
from domain.roles import Role


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
            help="Where DATA.rejected.csv goes; beside each file, or here, if not given.",
        ),
    ] = None,
) -> None:
    """Import shipments, complaints and ratings from CSV files.

    Running it again imports nothing twice. Rows that are wrong go to DATA.rejected.csv with the
    line and the reason, the rest is imported.
    """
    try:
        parsed = read_mapping(mapping)
        with _progress() as show:
            summary = run(
                lambda: _import(parsed, data, check=check, rejects_dir=rejects_dir, show=show)
            )
    except (MappingError, DataFileError, ImportStoppedError) as error:
        fail(str(error))
    except KeyboardInterrupt:
        fail("interrupted; what was imported stays, and it is safe to run the import again")
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
    show: Callable[[ImportProgress], None],
) -> ImportSummary:
    caller = operator_call(Role.ADMINISTRATOR).caller
    if check:
        return await run_import(
            None, mapping, data, caller=caller, check=True, on_progress=show, now=utc_now
        )
    async with open_commands() as dispatcher:
        return await run_import(
            dispatcher,
            mapping,
            data,
            caller=caller,
            on_progress=show,
            rejects_dir=rejects_dir,
            now=utc_now,
        )


@contextmanager
def _progress() -> Iterator[Callable[[ImportProgress], None]]:
    """Show a bar on standard error, if that is a terminal."""
    if not interactive():
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
