"""Fixtures: one embedded PostgreSQL for the whole run, one database for each test that asks."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql

from api.embedded_postgres import EmbeddedPostgres
from application.eventstore.subject_keys import MasterKey
from migrations.upgrade import upgrade

_DIRECTORY = "REDRESS_TEST_POSTGRES"
_TEMPLATE = "redress_template"
T = TypeVar("T")


def pytest_configure(config: pytest.Config) -> None:
    """Start the server in the process that controls the run; workers join it."""
    if hasattr(config, "workerinput") or config.option.collectonly:
        return
    directory = Path(tempfile.mkdtemp(prefix="redress-tests-"))
    os.environ[_DIRECTORY] = str(directory)
    server = EmbeddedPostgres(directory, settings={"max_connections": "300", "fsync": "off"})
    server.__enter__()
    config.stash[_SERVER] = (server, directory)
    with psycopg.connect(server.conninfo(dbname="postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {_TEMPLATE}")
    upgrade(server.conninfo(dbname=_TEMPLATE))


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the server and remove every trace of it."""
    found = config.stash.get(_SERVER, None)
    if found is not None:
        server, directory = found
        server.__exit__(None, None, None)
        server.destroy()
        shutil.rmtree(directory, ignore_errors=True)


_SERVER: pytest.StashKey[tuple[EmbeddedPostgres, Path]] = pytest.StashKey()


@pytest.fixture(scope="session")
def postgres() -> Iterator[EmbeddedPostgres]:
    """The running server."""
    with EmbeddedPostgres(Path(os.environ[_DIRECTORY])) as server:
        yield server


@pytest.fixture
def database(postgres: EmbeddedPostgres) -> Iterator[str]:
    """The connection string of a fresh, migrated database."""
    name = f"t_{uuid4().hex}"
    admin = postgres.conninfo(dbname="postgres")
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY WAL_LOG").format(
                sql.Identifier(name), sql.Identifier(_TEMPLATE)
            )
        )
    yield postgres.conninfo(dbname=name)
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture(scope="session")
def master() -> MasterKey:
    """A master key for tests."""
    return MasterKey(bytes(range(32)))


@pytest.fixture
def run() -> Callable[[Coroutine[Any, Any, T]], T]:
    """Run a coroutine to its end."""
    return asyncio.run


@pytest.fixture(scope="session")
def full_volume() -> bool:
    """Whether this is ``make acceptance``: the same tests, at full volume."""
    return os.environ.get("REDRESS_ACCEPTANCE") == "full"
