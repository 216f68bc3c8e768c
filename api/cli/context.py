"""What commands of the command line share: settings, the database, errors in one line."""

import os
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final, NoReturn, TypeVar

import psycopg
import typer

from api.bootstrap import open_dispatcher
from api.database import Database, DatabaseUnusableError, open_database
from api.logs import configure_logging
from api.settings import Settings, SettingsError
from application.dispatch import Call, Dispatcher
from application.eventstore.errors import NotStoredError, OutcomeUnknownError
from application.permissions import Caller
from application.standard_content import load_standard_content
from domain.metadata import Source, SourceKind
from domain.notifying import Language
from domain.roles import PersonId, Role

T = TypeVar("T")

_SYSTEM: Final = Call(
    caller=Caller("system", PersonId("system"), Role.SYSTEM), source=Source(SourceKind.SYSTEM)
)
_CACHED = 1000  # a command of the command line sees most objects once


def fail(message: str) -> NoReturn:
    """End with exit code 1 and one line on stderr that says what to do."""
    typer.echo(f"redress: {' '.join(message.split())}", err=True)
    raise typer.Exit(1)


def fail_in(lang: Language, *, en: str, zh: str) -> NoReturn:
    """Fail in the language of the command."""
    fail(zh if lang is Language.ZH else en)


def settings() -> Settings:
    """Read the settings, or end with what is wrong with them."""
    try:
        return Settings.from_env(os.environ)
    except SettingsError as error:
        fail(str(error))


@contextmanager
def database(*, migrate: bool = True, log_level: str | None = None) -> Iterator[Database]:
    """Open the database, or end with what is wrong with it."""
    chosen = settings()
    configure_logging(log_level or chosen.log_level)
    try:
        with open_database(chosen, migrate=migrate) as opened:
            yield opened
    except DatabaseUnusableError as error:
        fail(str(error))
    except psycopg.OperationalError as error:
        fail(f"the database cannot be used now, try again: {error}")


@asynccontextmanager
async def open_commands() -> AsyncIterator[Dispatcher]:
    """Open the command side as the environment says."""
    chosen = settings()
    with database(log_level="WARNING") as opened:
        async with open_dispatcher(
            opened.conninfo, opened.master, zone=chosen.timezone, cached=_CACHED
        ) as dispatcher:
            await load_standard_content(dispatcher, _SYSTEM, chosen.timezone)
            yield dispatcher


def ship_content(chosen: Settings, opened: Database) -> None:
    """Load the content that the product ships with; what is there already stays as it is."""

    async def load() -> None:
        async with open_dispatcher(
            opened.conninfo, opened.master, zone=chosen.timezone, cached=_CACHED
        ) as dispatcher:
            await load_standard_content(dispatcher, _SYSTEM, chosen.timezone)

    run(load)


def operator_call(role: Role = Role.OPERATOR) -> Call:
    """Return the circumstances of a command given by whoever may run programs on this machine."""
    actor = PersonId(f"cli:{os.geteuid()}")
    return Call(caller=Caller("cli", actor, role), source=Source(SourceKind.CLI))


def run(main: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a coroutine on the fast event loop."""
    import uvloop  # noqa: PLC0415  only where it is needed

    try:
        return uvloop.run(main())
    except (NotStoredError, OutcomeUnknownError, psycopg.OperationalError) as error:
        fail(f"the database cannot be used now, try again: {error}")


def interactive() -> bool:
    """Say whether a person watches stderr."""
    return sys.stderr.isatty()
