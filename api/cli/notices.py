"""``redress notices``: how many notices there are in which state, and what is still on its way."""

from typing import Annotated, LiteralString

import orjson
import psycopg
import typer

from api.cli.context import database

_STATES: LiteralString = "SELECT state, count(*) FROM read.notices GROUP BY state ORDER BY state"
_ON_THEIR_WAY: LiteralString = """
SELECT id, channel, attempts, next_attempt_at, claim IS NOT NULL AS sending, handed_to
FROM process.notices ORDER BY position LIMIT 50
"""


def notices(
    *, as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False
) -> None:
    """Count notices by state, and list the oldest that are still on their way."""
    with database(log_level="WARNING") as opened, psycopg.connect(opened.conninfo) as connection:
        states: dict[str, int] = dict(connection.execute(_STATES).fetchall())
        cursor = connection.execute(_ON_THEIR_WAY)
        names = [column.name for column in cursor.description or ()]
        waiting = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    if as_json:
        typer.echo(orjson.dumps({"states": states, "waiting": waiting}))
        return
    for state, count in states.items():
        typer.echo(f"{state:<10} {count}")
    for notice in waiting:
        doing = "sending" if notice["sending"] else f"next {notice['next_attempt_at']:%F %T%z}"
        typer.echo(f"{notice['id']}  {notice['channel']:<6} failed {notice['attempts']}  {doing}")
