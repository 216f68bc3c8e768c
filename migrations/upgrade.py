"""Bring a database to the newest schema; forward only, and safe when several start at once."""

from pathlib import Path

import psycopg

_HERE = Path(__file__).parent
_LOCK = 7_306_842_517  # any constant: who migrates holds this advisory lock


class MigrationRefusedError(Exception):
    """The database user lacks a privilege that the schema needs."""


def newest_revision() -> str:
    """Return the number of the newest migration."""
    return max(path.stem[:4] for path in (_HERE / "versions").glob("[0-9]*.sql"))


def current_revision(conninfo: str) -> str | None:
    """Return the number of the migration that the database is at, or None before the first."""
    with psycopg.connect(conninfo) as connection:
        if connection.execute("SELECT to_regclass('migrations.applied')").fetchone() == (None,):
            return None
        row = connection.execute("SELECT version_num FROM migrations.applied").fetchone()
        return None if row is None else str(row[0])


def upgrade(conninfo: str) -> bool:
    """Run what is missing; say whether anything was."""
    if current_revision(conninfo) == newest_revision():
        return False
    # Imported here because SQLAlchemy alone costs a quarter of a start that has nothing to migrate.
    from alembic.command import upgrade as run  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415
    from sqlalchemy import NullPool, create_engine  # noqa: PLC0415
    from sqlalchemy.exc import DBAPIError  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(_HERE))
    try:
        with psycopg.connect(conninfo, autocommit=True) as lock:
            lock.execute("SELECT pg_advisory_lock(%s)", [_LOCK])
            # Not in public: only its owner may create there.
            lock.execute("CREATE SCHEMA IF NOT EXISTS migrations")
            engine = create_engine(
                "postgresql+psycopg://",
                creator=lambda: psycopg.connect(conninfo),
                poolclass=NullPool,
            )
            with engine.connect() as connection:
                config.attributes["connection"] = connection
                run(config, "head")
                connection.commit()
            engine.dispose()
    except psycopg.errors.InsufficientPrivilege as error:
        raise MigrationRefusedError(error.diag.message_primary) from None
    except DBAPIError as error:
        if isinstance(error.orig, psycopg.errors.InsufficientPrivilege):
            raise MigrationRefusedError(error.orig.diag.message_primary) from None
        raise
    return True
