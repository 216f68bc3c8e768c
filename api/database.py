"""The database of this deployment: embedded, or the one that REDRESS_DATABASE_URL names."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg

from api.bootstrap import as_role
from api.embedded_postgres import EmbeddedPostgres, EmbeddedPostgresError
from api.settings import Settings
from application.eventstore.errors import MasterKeyError
from application.eventstore.subject_keys import MasterKey
from migrations.upgrade import (
    MigrationRefusedError,
    current_revision,
    newest_revision,
    upgrade,
)

OLDEST_POSTGRES = 150000


class DatabaseUnusableError(Exception):
    """The database cannot be used; the message says what to do, in one line."""


@dataclass(frozen=True, slots=True)
class Database:
    """A migrated database and the master key that its personal data is under."""

    url: str | None
    embedded: EmbeddedPostgres | None
    master: MasterKey

    @property
    def conninfo(self) -> str:
        """The connection string; ask again after the embedded server was restarted."""
        if self.embedded is not None:
            return self.embedded.conninfo()
        assert self.url is not None
        return self.url


def make_data_dir(settings: Settings) -> None:
    """Make the data directory where there is none, so that the embedded database can live in it."""
    if settings.embedded:
        try:
            EmbeddedPostgres(settings.data_dir).make_data_dir()
        except EmbeddedPostgresError as error:
            raise DatabaseUnusableError(str(error)) from None
    else:
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)


@contextmanager
def open_database(settings: Settings, *, migrate: bool = True) -> Iterator[Database]:
    """Start or join the database, bring its schema up to date, and check the master key."""
    make_data_dir(settings)
    settings.master_key_file.parent.mkdir(mode=0o700, exist_ok=True)
    try:
        master = MasterKey.from_file(settings.master_key_file)
    except (OSError, ValueError, MasterKeyError) as error:
        raise DatabaseUnusableError(f"cannot read {settings.master_key_file}: {error}") from None
    if settings.database_url is not None:
        database = Database(settings.database_url, None, master)
        _prepare(database, migrate=migrate)
        yield database
        return
    try:
        with EmbeddedPostgres(settings.data_dir) as server:
            database = Database(None, server, master)
            _prepare(database, migrate=migrate)
            yield database
    except EmbeddedPostgresError as error:
        raise DatabaseUnusableError(str(error)) from None


def _prepare(database: Database, *, migrate: bool) -> None:
    try:
        with psycopg.connect(database.conninfo, connect_timeout=10) as connection:
            version = connection.info.server_version
        if version < OLDEST_POSTGRES:
            raise DatabaseUnusableError(
                f"PostgreSQL 15 or newer is needed, this server is {version // 10000}"
            )
        if migrate:
            upgrade(database.conninfo)
        elif current_revision(database.conninfo) != newest_revision():
            raise DatabaseUnusableError("the schema is not up to date: run `redress migrate`")
        _check_master_key(database)
    except MigrationRefusedError as error:
        raise DatabaseUnusableError(
            "the database user must be allowed to create roles and schemas"
            f" (ALTER ROLE ... CREATEROLE; GRANT CREATE ON DATABASE): {error}"
        ) from None
    except psycopg.OperationalError as error:
        first = str(error).strip().splitlines()[-1] if str(error).strip() else "no answer"
        raise DatabaseUnusableError(f"the database cannot be reached: {first}") from None


def _check_master_key(database: Database) -> None:
    with psycopg.connect(as_role(database.conninfo, "redress_owner")) as connection:
        connection.execute(
            "INSERT INTO keys.master (id) VALUES (%s) ON CONFLICT DO NOTHING", [database.master.id]
        )
        row = connection.execute("SELECT id FROM keys.master").fetchone()
    assert row is not None
    if row[0] != database.master.id:
        raise DatabaseUnusableError(
            f"the personal data in the database is under master key {row[0]}, the key file holds"
            f" {database.master.id}: put the right keys/master.key into REDRESS_DATA_DIR"
        )
