"""``redress demo`` and what ``make run`` loads into an empty store."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Final, LiteralString

import orjson
import psycopg
import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)

from api.bootstrap import collect_garbage_rarely, open_dispatcher, utc_now
from api.cli.context import (
    database,
    fail,
    interactive,
    operator_call,
    run,
    settings,
    ship_content,
)
from api.database import Database
from api.projecting import IDEMPOTENCY_KEPT
from api.settings import Settings
from application import demonstration
from application.api_keys import IssueApiKey, digest_of, make_key, prefix_of
from application.demonstration import Play, Script
from application.demonstration.clock import CHINA
from application.dispatch import Dispatcher
from domain.roles import PersonId, Role

# What the product ships with, and what follows from the demonstration, is nobody's work.
_IN_USE: LiteralString = """
SELECT EXISTS (
    SELECT FROM log.stored_events
    WHERE convert_from(state, 'UTF8')::jsonb #>> '{meta,source,kind}' <> ALL (%s)
        AND topic NOT LIKE 'api_key.%%')
"""
_COUNTS: LiteralString = """
SELECT count(*), count(*) FILTER (WHERE topic = 'complaint.received'),
    count(*) FILTER (WHERE topic = 'shipment.opened')
FROM log.stored_events WHERE topic NOT LIKE 'api_key.%'
"""
DEMONSTRATION_KEY: Final = "demonstration"
"""The name of the keys that are printed, and lie in a file."""
_CACHED = 1000  # a case is played to its end at once, and then nobody asks for it
_SAVE_EVERY_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class _Record:
    """Which demonstration a data directory holds, remembered before its first command.

    ``size`` None is the small company; ``played`` says how many cases are known to be complete.
    """

    size: int | None
    seed: int
    until: date
    played: int = 0

    @property
    def arguments(self) -> str:
        if self.size is None:
            return "the small demonstration company"
        return f"--size {self.size} --seed {self.seed} --until {self.until}"


@dataclass(frozen=True, slots=True)
class _Summary:
    """What the store holds now, and what this run added."""

    size: int
    seed: int
    until: str
    events: int
    complaints: int
    shipments: int
    recorded: int
    seconds: float
    events_per_second: float


def demo(
    *,
    size: Annotated[
        int | None,
        typer.Option(
            min=1, max=1_000_000, help="Play this many complaints; else a small company is loaded."
        ),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Another seed is another company.  [default: 1]")
    ] = None,
    until: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="The day before which it ends.  [default: today]"),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="End with one JSON object on standard output.")
    ] = False,
) -> None:
    """Load a demonstration company into an empty embedded store.

    Interrupted, it goes on where it was when it is run again in the same way.
    """
    chosen = settings()
    if not chosen.embedded:
        fail("demonstration data is never loaded into REDRESS_DATABASE_URL: unset it")
    if not chosen.loopback:
        fail("demonstration keys are for this machine alone: unset REDRESS_HOST")
    if size is None and (seed is not None or until is not None or as_json):
        fail("--seed, --until and --json belong to --size: add it")
    today = utc_now().astimezone(CHINA).date()
    if until is not None and until.date() > today:
        fail(f"--until {until.date()} is in the future: nothing happens before it happens")
    with database(log_level="WARNING") as opened:
        ship_content(chosen, opened)
        if size is None:
            if not load_demonstration(chosen, opened):
                fail(f"{chosen.data_dir} is in use already: set REDRESS_DATA_DIR to a new folder")
            typer.echo(f"the demonstration company is there; its keys: {chosen.demo_keys_file}")
            return
        last_day = None if until is None else until.date()
        asked = _Record(size, 1 if seed is None else seed, last_day or today)
        record = _agreed(chosen, opened, asked, any_day=last_day is None)
        try:
            summary = run(lambda: _play(chosen, opened, record))
        except KeyboardInterrupt:
            fail("interrupted; what was played stays: run the same command again to go on")
    if as_json:
        typer.echo(orjson.dumps(asdict(summary)).decode())
    else:
        typer.echo(
            f"{summary.complaints} complaints, {summary.shipments} shipments,"
            f" {summary.events} events; {summary.recorded} of them now,"
            f" {summary.events_per_second:.0f} a second; keys: {chosen.demo_keys_file}"
        )


def load_demonstration(chosen: Settings, opened: Database) -> bool:
    """Load small company and keys unless they, or anything else, are there; say whether it did.

    The file of keys is written last: a load that was interrupted is carried on the next time.
    """
    if chosen.demo_keys_file.exists():
        return False
    record = _read_record(chosen)
    if record is not None and record.size is not None:
        return False  # a larger one was begun: ``redress demo`` carries it on
    if _in_use(opened, record):
        return False
    if record is None:
        record = _Record(None, 0, utc_now().astimezone(CHINA).date())
        _write_record(chosen, record)
    day = record.until
    run(lambda: _load(chosen, opened, day))
    return True


async def _load(chosen: Settings, opened: Database, day: date) -> None:
    async with open_dispatcher(opened.conninfo, opened.master, zone=chosen.timezone) as dispatcher:
        noon = datetime(day.year, day.month, day.day, 12, tzinfo=CHINA)
        await demonstration.load(dispatcher, noon)
        await _issue_keys(chosen, dispatcher)


def _agreed(chosen: Settings, opened: Database, asked: _Record, *, any_day: bool) -> _Record:
    """Return what to play: what was asked for, or what was begun, if that is the same."""
    record = _read_record(chosen)
    if record is None:
        if chosen.demo_keys_file.exists() or _in_use(opened, None):
            fail(f"{chosen.data_dir} is in use already: set REDRESS_DATA_DIR to a new folder")
        _write_record(chosen, asked)
        return asked
    if (record.size, record.seed) != (asked.size, asked.seed) or not (
        any_day or record.until == asked.until
    ):
        fail(
            f"{chosen.data_dir} holds {record.arguments} already: go on with that,"
            " or set REDRESS_DATA_DIR to a new folder"
        )
    age = timedelta(seconds=time.time() - _record_file(chosen).stat().st_mtime)
    if not chosen.demo_keys_file.exists() and age > IDEMPOTENCY_KEPT - timedelta(days=1):
        fail(
            f"{record.arguments} was interrupted {age.days} days ago, too long to go on without"
            " doubling anything: set REDRESS_DATA_DIR to a new folder"
        )
    return record


async def _play(chosen: Settings, opened: Database, record: _Record) -> _Summary:
    collect_garbage_rarely()
    assert record.size is not None
    before, _, _ = _counts(opened)
    began = time.monotonic()
    async with open_dispatcher(
        opened.conninfo, opened.master, zone=chosen.timezone, cached=_CACHED
    ) as dispatcher:
        play = Play(Script(record.size, record.seed, record.until), dispatcher)
        with _remembering(chosen, record, len(play.cases())) as done:
            await play.perform(done=record.played, on_done=done)
        seconds = time.monotonic() - began
        if not chosen.demo_keys_file.exists():
            await _issue_keys(chosen, dispatcher)
    events, complaints, shipments = _counts(opened)
    return _Summary(
        record.size,
        record.seed,
        record.until.isoformat(),
        events,
        complaints,
        shipments,
        events - before,
        round(seconds, 3),
        round((events - before) / seconds, 1),
    )


@contextmanager
def _remembering(chosen: Settings, record: _Record, cases: int) -> Iterator[Callable[[int], None]]:
    """Show how far it is, and write it down from time to time."""
    played, saved = record.played, time.monotonic()
    with _bar(cases) as show:

        def done(now_played: int) -> None:
            nonlocal played, saved
            played = now_played
            show(played)
            if time.monotonic() - saved >= _SAVE_EVERY_SECONDS:
                saved = time.monotonic()
                _write_record(chosen, replace(record, played=played))

        show(played)
        try:
            yield done
        finally:
            if played > record.played:
                _write_record(chosen, replace(record, played=played))


@contextmanager
def _bar(cases: int) -> Iterator[Callable[[int], None]]:
    """Show a bar on standard error, if that is a terminal."""
    if not interactive():
        yield lambda _: None
        return
    bar = Progress(
        TextColumn("cases"),
        MofNCompleteColumn(),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    with bar:
        task = bar.add_task("cases", total=cases)
        yield lambda played: bar.update(task, completed=played)


async def _issue_keys(chosen: Settings, dispatcher: Dispatcher) -> None:
    """Issue a key for each role; those of an interrupted attempt are issued, not others."""
    unfinished = chosen.demo_keys_file.with_suffix(".pending")
    if not unfinished.exists():
        made = {role.value: make_key().secret for role in Role if role is not Role.SYSTEM}
        _write_private(unfinished, made)
    keys: dict[str, str] = orjson.loads(unfinished.read_bytes())
    for role, secret in keys.items():
        prefix = prefix_of(secret)
        command = IssueApiKey(
            prefix=prefix,
            digest=digest_of(secret),
            role=Role(role),
            holder=PersonId(f"demo.{role}"),
            name=DEMONSTRATION_KEY,
        )
        call = replace(operator_call(), idempotency_key=f"demonstration-{prefix}")
        await dispatcher.execute(command, call)
    unfinished.replace(chosen.demo_keys_file)


def demonstration_keys(chosen: Settings) -> dict[str, str]:
    """Return the demonstration keys by role; none outside loopback or without demonstration."""
    if not chosen.loopback or not chosen.demo_keys_file.exists():
        return {}
    keys: dict[str, str] = orjson.loads(chosen.demo_keys_file.read_bytes())
    return keys


def _in_use(opened: Database, record: _Record | None) -> bool:
    """Say whether there is anything beside shipped content and the demonstration on record."""
    nobody = ["system"] if record is None else ["system", "demo"]
    with psycopg.connect(opened.conninfo) as connection:
        row = connection.execute(_IN_USE, [nobody]).fetchone()
    return row != (False,)


def _counts(opened: Database) -> tuple[int, int, int]:
    with psycopg.connect(opened.conninfo) as connection:
        row = connection.execute(_COUNTS).fetchone()
    assert row is not None
    return row[0], row[1], row[2]


def _record_file(chosen: Settings) -> Path:
    return chosen.data_dir / "demo.json"


def _read_record(chosen: Settings) -> _Record | None:
    try:
        read: dict[str, Any] = orjson.loads(_record_file(chosen).read_bytes())
    except FileNotFoundError:
        return None
    return _Record(read["size"], read["seed"], date.fromisoformat(read["until"]), read["played"])


def _write_record(chosen: Settings, record: _Record) -> None:
    _write_private(_record_file(chosen), asdict(record))


def _write_private(path: Path, content: dict[str, Any]) -> None:
    """Write a file (0600) that is there with all of its content or not at all."""
    written = path.with_suffix(".new")
    descriptor = os.open(written, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(orjson.dumps(content, option=orjson.OPT_INDENT_2) + b"\n")
        file.flush()
        os.fsync(file.fileno())
    written.replace(path)
