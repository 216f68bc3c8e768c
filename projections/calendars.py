"""Calendars as they stand: their years with the notices they come from, and their special days."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from domain.calendar import Calendar
from domain.service_levels.calendars import SpecialDay, YearState
from domain.service_levels.years import also, notice_years
from projections.engine import Batch, Entry, Projection, on
from projections.tables import Table


@dataclass(slots=True)
class CalendarRow:
    """A calendar; ``weekend`` are weekdays separated by spaces, Monday is 0."""

    id: UUID
    code: str
    name_en: str
    name_zh: str
    weekend: str
    base: str | None
    needs_notices: bool
    revision: int


@dataclass(slots=True)
class CalendarYearRow:
    """A year that is known; its id is the calendar's, a colon, and the year."""

    id: str
    calendar: UUID
    year: int
    state: str
    source: str


@dataclass(slots=True)
class CalendarDayRow:
    """A special day; its id is the calendar's, a colon, and the date, which ``day`` is as text."""

    id: str
    calendar: UUID
    year: int
    day: str
    kind: str
    works: bool
    name_en: str
    name_zh: str
    notice_year: int
    in_force: bool


CALENDARS = Table("calendars", CalendarRow)
CALENDAR_YEARS = Table("calendar_years", CalendarYearRow, stream="calendar")
CALENDAR_DAYS = Table("calendar_days", CalendarDayRow, stream="calendar")


class CalendarsProjection(Projection):
    """Keeps ``read.calendars``, ``read.calendar_years`` and ``read.calendar_days``."""

    name = "calendars"
    tables = (CALENDARS, CALENDAR_YEARS, CALENDAR_DAYS)
    keyed = (CALENDARS, CALENDAR_YEARS, CALENDAR_DAYS)

    @on(Calendar.Founded, en="Calendar {name_en} founded", zh="建立日历：{name_zh}")
    def founded(self, event: Calendar.Founded, _entry: Entry, batch: Batch) -> None:
        """Insert."""
        batch.put(
            CALENDARS,
            CalendarRow(
                id=event.originator_id,
                code=event.code,
                name_en=event.name_en,
                name_zh=event.name_zh,
                weekend=" ".join(map(str, event.weekend)),
                base=event.base,
                needs_notices=event.needs_notices,
                revision=0,
            ),
        )

    @on(
        Calendar.YearPublished,
        en="Calendar of {year} published: {source}",
        zh="公布{year}年日历：{source}",
    )
    def year_published(self, event: Calendar.YearPublished, _entry: Entry, batch: Batch) -> None:
        """Put the year in place of what was foreseen."""
        _noted(event, YearState.PUBLISHED, batch)

    @on(
        Calendar.YearForeseen,
        en="Statutory holidays of {year} foreseen: {source}",
        zh="预估{year}年法定节假日：{source}",
    )
    def year_foreseen(self, event: Calendar.YearForeseen, _entry: Entry, batch: Batch) -> None:
        """Put the year."""
        _noted(event, YearState.FORESEEN, batch)

    @on(Calendar.DaysCorrected, en="Calendar corrected: {source}", zh="更正日历：{source}")
    def days_corrected(self, event: Calendar.DaysCorrected, _entry: Entry, batch: Batch) -> None:
        """Change and clear days; a year that changed names the correction, too."""
        calendar = event.originator_id
        batch.change(CALENDARS, calendar).revision = event.revision
        years = set()
        for day in event.cleared:
            known = batch.find(CALENDAR_DAYS, f"{calendar}:{day}")
            if known is not None and known.in_force:
                batch.change(CALENDAR_DAYS, known.id).in_force = False
                years.add(known.notice_year)
        for special in event.days:
            year = _notice_year(special.day, calendar, batch)
            if year is not None:
                before = batch.find(CALENDAR_DAYS, f"{calendar}:{special.day}")
                after = _row(special, calendar, year)
                if after != before:
                    batch.put(CALENDAR_DAYS, after)
                    years.add(year)
        for year in years:
            row = batch.change(CALENDAR_YEARS, f"{calendar}:{year}")
            row.source = also(row.source, event.source)


def _noted(
    event: Calendar.YearPublished | Calendar.YearForeseen, state: YearState, batch: Batch
) -> None:
    calendar = event.originator_id
    batch.change(CALENDARS, calendar).revision = event.revision
    key = f"{calendar}:{event.year}"
    batch.put(CALENDAR_YEARS, CalendarYearRow(key, calendar, event.year, state, event.source))
    _take_back(calendar, event.year, batch)
    _put(event.days, calendar, event.year, batch)


def _take_back(calendar: UUID, year: int, batch: Batch) -> None:
    """End the days that an earlier word on this year listed."""
    for row in batch.change_all(CALENDAR_DAYS, calendar):
        if row.notice_year == year:
            row.in_force = False


def _put(days: Iterable[SpecialDay], calendar: UUID, year: int, batch: Batch) -> None:
    """List days; what a later year's notice says of a day stands."""
    for special in days:
        known = batch.find(CALENDAR_DAYS, f"{calendar}:{special.day}")
        if known is None or not known.in_force or known.notice_year <= year:
            batch.put(CALENDAR_DAYS, _row(special, calendar, year))


def _notice_year(day: date, calendar: UUID, batch: Batch) -> int | None:
    known = batch.find(CALENDAR_DAYS, f"{calendar}:{day}")
    if known is not None and known.in_force:
        return known.notice_year
    years = (y for y in notice_years(day) if batch.find(CALENDAR_YEARS, f"{calendar}:{y}"))
    return min(years, default=None)


def _row(special: SpecialDay, calendar: UUID, year: int) -> CalendarDayRow:
    """Return the row of a day; without an English name the Chinese one says more than nothing."""
    return CalendarDayRow(
        id=f"{calendar}:{special.day}",
        calendar=calendar,
        year=special.day.year,
        day=special.day.isoformat(),
        kind=special.kind.value,
        works=special.kind.works,
        name_en=special.name_en or special.name_zh,
        name_zh=special.name_zh,
        notice_year=year,
        in_force=True,
    )
