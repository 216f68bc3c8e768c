"""``redress demo`` and what ``make run`` loads into an empty store."""

import os

import orjson
import psycopg
import typer

from api.bootstrap import open_dispatcher, utc_now
from api.cli.context import fail, operator_call, run, settings
from api.database import Database, DatabaseUnusableError, open_database
from api.logs import configure_logging
from api.settings import Settings
from application import demonstration
from application.api_keys import IssueApiKey, make_key
from domain.roles import PersonId, Role

_FOREIGN_EVENT = """
SELECT EXISTS (
    SELECT FROM log.stored_events
    WHERE convert_from(state, 'UTF8')::jsonb #>> '{meta,source,kind}' NOT IN ('demo', 'system')
        AND topic NOT LIKE 'api_key.%')
"""


def demo() -> None:
    """Load the small demonstration company into an empty embedded store."""
    chosen = settings()
    configure_logging("WARNING")
    if not chosen.embedded:
        fail("demonstration data is never loaded into REDRESS_DATABASE_URL: unset it")
    try:
        with open_database(chosen) as database:
            if not load_demonstration(chosen, database):
                fail(f"{chosen.data_dir} is in use already: set REDRESS_DATA_DIR to a new folder")
    except DatabaseUnusableError as error:
        fail(str(error))
    typer.echo(f"the demonstration company is there; its keys: {chosen.demo_keys_file}")


def load_demonstration(chosen: Settings, database: Database) -> bool:
    """Load company and keys unless they, or anything else, are there; say whether it did.

    The file of keys is written last: a load that was interrupted is carried on the next time.
    """
    if chosen.demo_keys_file.exists():
        return False
    with psycopg.connect(database.conninfo) as connection:
        row = connection.execute(_FOREIGN_EVENT).fetchone()
    if row != (False,):
        return False
    run(lambda: _load(chosen, database))
    return True


async def _load(chosen: Settings, database: Database) -> None:
    keys: dict[str, str] = {}
    async with open_dispatcher(
        database.conninfo, database.master, zone=chosen.timezone
    ) as dispatcher:
        await demonstration.load(dispatcher, utc_now())
        for role in Role:
            if role is Role.SYSTEM:
                continue
            key = make_key()
            command = IssueApiKey(
                prefix=key.prefix,
                digest=key.digest,
                role=role,
                holder=PersonId(f"demo.{role.value}"),
                name="demonstration",
            )
            await dispatcher.execute(command, operator_call())
            keys[role.value] = key.secret
    unfinished = chosen.demo_keys_file.with_suffix(".tmp")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(orjson.dumps(keys, option=orjson.OPT_INDENT_2) + b"\n")
    unfinished.replace(chosen.demo_keys_file)


def demonstration_keys(chosen: Settings) -> dict[str, str]:
    """Return the demonstration keys by role; none outside loopback or without demonstration."""
    if not chosen.loopback or not chosen.demo_keys_file.exists():
        return {}
    keys: dict[str, str] = orjson.loads(chosen.demo_keys_file.read_bytes())
    return keys
