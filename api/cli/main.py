"""``redress``: the table of contents of the command line."""

import typer

from api.cli.calendars import calendar
from api.cli.demo import demo
from api.cli.imports import import_files
from api.cli.keys import keys
from api.cli.maintenance import doctor, migrate, project, rebuild_models
from api.cli.notices import notices
from api.cli.serve import serve
from api.cli.sla import sla

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Complaints, delay claims and contingency plans, with every step provable.",
)
app.command(epilog="Example: REDRESS_PORT=9000 redress serve")(serve)
app.command(epilog="Example: redress migrate")(migrate)
app.command(
    "import", epilog="Example: redress import --mapping docs/import/olist.toml orders.csv.gz"
)(import_files)
app.command(epilog="Example: redress demo --size 1000 --seed 7")(demo)
app.command(epilog="Example: redress project")(project)
app.command(epilog="Example: redress notices")(notices)
app.command("rebuild", epilog="Example: redress rebuild complaints")(rebuild_models)
app.add_typer(keys, name="keys")
app.add_typer(calendar, name="calendar")
app.add_typer(sla, name="sla")
app.command(epilog="Example: redress doctor --json")(doctor)


def main() -> None:
    """Run the command line."""
    app()


if __name__ == "__main__":
    main()
