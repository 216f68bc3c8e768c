"""``redress calendar``: show working-day calendars, import yearly notices, correct days."""

from calendar import monthrange
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Final

import orjson
import typer

from api.bootstrap import open_event_store, utc_now
from api.cli.context import database, fail, fail_in, operator_call, run, settings
from api.refusals import refusal_message
from application.calendar_files import CalendarFile, CalendarFileError, Said, read_calendar_file
from application.calendars import (
    CorrectCalendar,
    PublishCalendarYear,
    read_calendars,
    ship_calendars,
)
from application.desk import EventStore
from application.dispatch import Call, Dispatcher
from application.permissions import Caller
from domain.errors import DomainError, InvalidValueError
from domain.labels import Labelled
from domain.metadata import Source, SourceKind
from domain.notifying import Language
from domain.roles import PersonId, Role
from domain.service_levels.calendar_book import CalendarBook
from domain.service_levels.calendars import CHINA, DayKind, WorkingCalendar

calendar = typer.Typer(
    no_args_is_help=True, help="Show working-day calendars, import notices, correct days."
)

_SHIPPING: Final = Call(
    caller=Caller("system", PersonId("system"), Role.SYSTEM), source=Source(SourceKind.SYSTEM)
)
_WEEK: Final = {
    Language.EN: "  Mon  Tue  Wed  Thu  Fri  Sat  Sun",
    Language.ZH: "   一   二   三   四   五   六   日",
}
_LEGEND: Final = {
    Language.EN: "(day off)  make-up working day+",
    Language.ZH: "(休息日)  补班日+",
}
_TOTAL: Final = {Language.EN: "{} working days", Language.ZH: "共{}个工作日"}
_VERSION: Final = {Language.EN: "version {}", Language.ZH: "第{}版"}
_NOW: Final = {Language.EN: "{} is now at version {}", Language.ZH: "{}现为第{}版"}
_WEEKENDS_ONLY: Final = {Language.EN: "weekends only", Language.ZH: "仅含周末"}
_Code = Annotated[str, typer.Option("--calendar", metavar="CODE", help="Which calendar.")]
_AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
_Language = Annotated[Language, typer.Option("--lang", help="The language.")]
_Source = Annotated[
    str, typer.Option("--source", metavar="URL", help="Where the notice is to be read.")
]
_File = Annotated[
    Path,
    typer.Argument(
        metavar="FILE.csv", help="Columns date,name,is_off_day; if wanted kind and name_en."
    ),
]


@calendar.command("show", epilog="Example: redress calendar show 2026-02 --lang zh")
def show(
    month: Annotated[str, typer.Argument(metavar="YYYY-MM", help="Which month.")],
    code: _Code = CHINA,
    lang: _Language = Language.EN,
    *,
    as_json: _AsJson = False,
) -> None:
    """Print a month: which days are working days, and what the others are called."""
    try:
        first = date.fromisoformat(f"{month}-01")
    except ValueError:
        fail_in(
            lang,
            en=f"a month is written like 2026-02, not {month[:20]!r}",
            zh=f"月份须写作2026-02的形式，而非{month[:20]!r}",
        )
    book = run(_read)
    _require(book, code, lang)
    found = book.calendar(code)
    last = monthrange(first.year, first.month)[1]
    days = [first.replace(day=number) for number in range(1, last + 1)]
    if as_json:
        typer.echo(orjson.dumps(_month_as_json(book, found, days, lang)))
        return
    title = [_name(book, code, lang), _VERSION[lang].format(found.version)]
    state = book.state(code, found.version, first.year)
    title.append(_WEEKENDS_ONLY[lang] if state is None else _text(state, lang))
    typer.echo(f"{month}  {', '.join(title)}")
    _print_grid(found, days, lang)
    typer.echo(f"{_TOTAL[lang].format(sum(map(found.works, days)))}  {_LEGEND[lang]}")
    for day in days:
        special = found.special.get(day)
        if special is not None:
            named = special.name_zh if lang is Language.ZH else special.name_en
            typer.echo(f"{day}  {_text(special.kind, lang)}: {named or special.name_zh}")
    source = book.source(code, found.version, first.year)
    if source is not None:
        typer.echo(source)


@calendar.command("list", epilog="Example: redress calendar list --json")
def list_calendars(lang: _Language = Language.EN, *, as_json: _AsJson = False) -> None:
    """List calendars: code, name, version, and which years they know themselves."""
    book = run(_read)
    if as_json:
        typer.echo(orjson.dumps({"calendars": [_as_json(book, code, lang) for code in book]}))
        return
    for code in book:
        version = book.calendar(code).version
        known: dict[str, list[int]] = {}
        for year in book.years(code):
            known.setdefault(_text(year.state, lang), []).append(year.year)
        years = "; ".join(f"{min(of)}-{max(of)} {state}" for state, of in known.items())
        typer.echo(
            f"{code:<12} {_name(book, code, lang)}, {_VERSION[lang].format(version)}:"
            f" {years or _WEEKENDS_ONLY[lang]}"
        )


@calendar.command(
    "import",
    epilog="Example: redress calendar import 2027.csv --year 2027 --source https://www.gov.cn/...",
)
def import_year(
    file: _File,
    year: Annotated[int, typer.Option("--year", help="The year of the notice.")],
    source: _Source,
    code: _Code = CHINA,
    lang: _Language = Language.EN,
    *,
    as_json: _AsJson = False,
) -> None:
    """Publish a year as its notice lists it; the same file again changes nothing."""

    async def publish() -> CalendarBook:
        async with _changing() as (store, dispatcher):
            book = await read_calendars(store)
            _require(book, code, lang)
            found = _read_file(file, book.calendar(code), lang)
            command = PublishCalendarYear(
                calendar=code, year=year, days=tuple(found.days), source=source
            )
            await _carry_out(dispatcher, command, file, found, lang)
            return await read_calendars(store)

    _tell(run(publish), code, lang, as_json=as_json)


@calendar.command(
    "correct",
    epilog="Example: redress calendar correct extended.csv --reason 'holiday extended'"
    " --source https://www.gov.cn/...",
)
def correct(
    file: _File,
    reason: Annotated[str, typer.Option("--reason", help="Why; names no people.")],
    source: _Source,
    code: _Code = CHINA,
    lang: _Language = Language.EN,
    *,
    as_json: _AsJson = False,
) -> None:
    """Correct days; a line with a date alone makes it a day like any other again."""

    async def change() -> CalendarBook:
        async with _changing() as (store, dispatcher):
            book = await read_calendars(store)
            _require(book, code, lang)
            found = _read_file(file, book.calendar(code), lang, clearing=True)
            command = CorrectCalendar(
                calendar=code,
                days=tuple(found.days),
                cleared=tuple(found.cleared),
                source=source,
                reason=reason,
            )
            await _carry_out(dispatcher, command, file, found, lang)
            return await read_calendars(store)

    _tell(run(change), code, lang, as_json=as_json)


@asynccontextmanager
async def _store(*, migrate: bool) -> AsyncIterator[EventStore]:
    chosen = settings()
    with database(migrate=migrate, log_level="WARNING") as opened:
        async with open_event_store(
            opened.conninfo, opened.master, zone=chosen.timezone, cached=100
        ) as store:
            yield store


@asynccontextmanager
async def _changing() -> AsyncIterator[tuple[EventStore, Dispatcher]]:
    """Open the event store, with the shipped calendars in it."""
    async with _store(migrate=True) as store:
        dispatcher = Dispatcher(store, utc_now)
        await ship_calendars(dispatcher, _SHIPPING)
        yield store, dispatcher


async def _read() -> CalendarBook:
    """Return what is in the log, and change nothing."""
    async with _store(migrate=False) as store:
        return await read_calendars(store)


def _require(book: CalendarBook, code: str, lang: Language) -> None:
    if code not in book:
        fail_in(
            lang,
            en=f"there is no calendar {code[:40]!r}: see `redress calendar list`",
            zh=f"没有日历{code[:40]!r}：请见`redress calendar list`",
        )


def _read_file(
    file: Path, of: WorkingCalendar, lang: Language, *, clearing: bool = False
) -> CalendarFile:
    try:
        return read_calendar_file(file, of.weekend, clearing=clearing)
    except CalendarFileError as error:
        fail(f"{file}:{error.line}: {error.rule}: {_text(error.said, lang)}")
    except OSError as error:
        fail(f"{file}: {error.strerror}")


async def _carry_out(
    dispatcher: Dispatcher,
    command: PublishCalendarYear | CorrectCalendar,
    file: Path,
    read: CalendarFile,
    lang: Language,
) -> None:
    """Give the command, or end with the line for which it is refused, and the rule."""
    try:
        await dispatcher.execute(command, operator_call(Role.ADMINISTRATOR))
    except InvalidValueError as refusal:
        line = _line_of(refusal, read)
        place = file if line is None else f"{file}:{line}"
        fail(f"{place}: {refusal.rule}: {refusal_message(refusal, lang.value)}")
    except DomainError as refusal:
        fail(refusal_message(refusal, lang.value))


def _line_of(refusal: InvalidValueError, read: CalendarFile) -> int | None:
    """Return the line of the day that a refusal names, if it names one."""
    try:
        return read.line_of(date.fromisoformat(refusal.limit))
    except ValueError:
        return None


def _tell(book: CalendarBook, code: str, lang: Language, *, as_json: bool) -> None:
    """Say what the calendar is now."""
    if as_json:
        typer.echo(orjson.dumps(_as_json(book, code, lang)))
    else:
        typer.echo(_NOW[lang].format(code, book.calendar(code).version))


def _text(value: Labelled | Said, lang: Language) -> str:
    return value.zh if lang is Language.ZH else value.en


def _name(book: CalendarBook, code: str, lang: Language) -> str:
    en, zh = book.names(code)
    return zh if lang is Language.ZH else en


def _print_grid(found: WorkingCalendar, days: Sequence[date], lang: Language) -> None:
    typer.echo(_WEEK[lang])
    cells = [" " * 5] * days[0].weekday()
    cells += [_cell(found.kind(day), day.day) for day in days]
    for start in range(0, len(cells), 7):
        typer.echo("".join(cells[start : start + 7]).rstrip())


def _cell(kind: DayKind, number: int) -> str:
    if kind is DayKind.MAKE_UP:
        return f"{number:>4}+"
    return f"{number:>4} " if kind.works else f"{f'({number})':>5}"


def _as_json(book: CalendarBook, code: str, lang: Language) -> dict[str, Any]:
    return {
        "calendar": code,
        "name": _name(book, code, lang),
        "version": book.calendar(code).version,
        "years": [
            {"year": year.year, "state": year.state.value, "source": year.source}
            for year in book.years(code)
        ],
    }


def _month_as_json(
    book: CalendarBook, found: WorkingCalendar, days: Sequence[date], lang: Language
) -> dict[str, Any]:
    year, listed = days[0].year, []
    for day in days:
        kind, special = found.kind(day), found.special.get(day)
        name = special and (special.name_zh if lang is Language.ZH else special.name_en)
        listed.append({"day": day, "kind": kind.value, "works": kind.works, "name": name or None})
    return {
        "calendar": found.code,
        "name": _name(book, found.code, lang),
        "version": found.version,
        "month": f"{days[0]:%Y-%m}",
        "state": book.state(found.code, found.version, year),
        "source": book.source(found.code, found.version, year),
        "working_days": sum(map(found.works, days)),
        "days": listed,
    }
