"""Commands about calendars, and those that are shipped."""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from application.desk import Desk, EventStore
from application.dispatch import Call, Command, Dispatcher, handles
from application.eventstore.rules import RuleReader
from application.shipped_calendars import SHIPPED
from domain.calendar import OF_CALENDARS, Calendar, CalendarFacts, calendar_code
from domain.errors import InvalidValueError, NotFoundError, Rule
from domain.service_levels.calendar_book import CalendarBook
from domain.service_levels.calendars import SpecialDay, calendar_id


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundCalendar(Command[UUID]):
    """Found a calendar."""

    facts: CalendarFacts


@dataclass(frozen=True, kw_only=True, slots=True)
class PublishCalendarYear(Command[UUID]):
    """Publish the days of a year as its notice lists them."""

    calendar: str
    year: int
    days: tuple[SpecialDay, ...]
    source: str


@dataclass(frozen=True, kw_only=True, slots=True)
class CorrectCalendar(Command[UUID]):
    """Change days of a year that is known, and clear others; the reason is needed."""

    calendar: str
    days: tuple[SpecialDay, ...]
    cleared: tuple[date, ...] = ()
    source: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ShipCalendar(Command[UUID]):
    """Found a shipped calendar, and note the years that it does not know yet."""

    calendar: str


@handles(FoundCalendar)
async def found_calendar(command: FoundCalendar, desk: Desk) -> UUID:
    """Found the calendar upon one that exists."""
    code = calendar_code(command.facts.code, field="code")
    calendar = await desk.load_or_blank(Calendar, calendar_id(code))
    base = command.facts.base
    if base is None:
        calendar.found(command.facts, desk.meta)
    else:
        extended = await desk.consult(Calendar, calendar_id(calendar_code(base, field="base")))
        calendar.found(command.facts, desk.meta, depth=extended.depth + 1)
        if extended.facts is None:
            raise InvalidValueError("base", Rule.NO_SUCH_CALENDAR)
    desk.save(calendar)
    return calendar.id


@handles(PublishCalendarYear)
async def publish_calendar_year(command: PublishCalendarYear, desk: Desk) -> UUID:
    """Load, publish, save."""
    calendar = await _existing(desk, command.calendar)
    calendar.publish(command.year, command.days, command.source, desk.meta)
    desk.save(calendar)
    return calendar.id


@handles(CorrectCalendar)
async def correct_calendar(command: CorrectCalendar, desk: Desk) -> UUID:
    """Load, correct, save."""
    calendar = await _existing(desk, command.calendar)
    calendar.correct(command.days, command.cleared, command.source, desk.meta)
    desk.save(calendar)
    return calendar.id


@handles(ShipCalendar)
async def ship_calendar(command: ShipCalendar, desk: Desk) -> UUID:
    """Add what is missing; what the company founded, published or corrected itself stays."""
    shipped = SHIPPED.get(command.calendar)
    if shipped is None:
        raise NotFoundError(Calendar.KIND, command.calendar)
    calendar = await desk.load_or_blank(Calendar, calendar_id(command.calendar))
    if calendar.facts is None:
        calendar.found(shipped.facts, desk.meta)
    for year in shipped.missing(calendar.years):
        record = calendar.publish if year.published else calendar.foresee
        record(year.year, year.days(), year.source, desk.meta)
    desk.save(calendar)
    return calendar.id


async def ship_calendars(dispatcher: Dispatcher, call: Call) -> None:
    """Load the calendars that the product ships with; a start with nothing missing stores none."""
    for code in SHIPPED:
        await dispatcher.execute(ShipCalendar(calendar=code), call)


async def read_calendars(store: EventStore) -> CalendarBook:
    """Return all calendars as the log tells them."""
    book = CalendarBook()
    told = RuleReader(store.mapper, [event.TOPIC for event in OF_CALENDARS], book.apply)
    async with store.pool.connection() as connection:
        await told.read(connection)
    return book


async def _existing(desk: Desk, code: str) -> Calendar:
    """Return a calendar to be changed; a refusal names it as the caller does."""
    code = calendar_code(code)
    calendar = await desk.load_or_blank(Calendar, calendar_id(code))
    if calendar.facts is None:
        raise NotFoundError(Calendar.KIND, code)
    return calendar
