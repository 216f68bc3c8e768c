"""The days of a calendar, year by year: what a notice lists, what a correction makes of it.

A notice for a year may reach back into the last week of the year before: that of 2007 made the
last weekend of 2006 working days.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import pairwise
from typing import Final

from domain.errors import InvalidValueError, Rule
from domain.service_levels.calendars import DayKind, SpecialDay, YearState
from domain.text import checked_text

FIRST_YEAR: Final = 1970
LAST_YEAR: Final = 2199
NAME_LENGTH: Final = 100
_DECEMBER: Final = 12
_LAST_WEEK: Final = 25
_STATUTORY: Final = {DayKind.HOLIDAY, DayKind.IN_LIEU}
_A_BRIDGE: Final = 2
_FALLS_ON_WEEKEND: Final = {
    DayKind.MAKE_UP: True,
    DayKind.WEEKEND: True,
    DayKind.IN_LIEU: False,
    DayKind.WORKING: False,
}
"""Where a kind of day falls; holidays and a company's days off fall anywhere."""


@dataclass(frozen=True, slots=True)
class Year:
    """The special days of a year, and the notice that they come from."""

    year: int
    state: YearState
    days: tuple[SpecialDay, ...]
    source: str


def with_year(years: Iterable[Year], new: Year) -> list[Year]:
    """Return the years with one more, or with one in place of what was known of that year."""
    return sorted([*(y for y in years if y.year != new.year), new], key=lambda y: y.year)


def corrected(
    years: Sequence[Year], days: Iterable[SpecialDay], cleared: Collection[date], source: str
) -> list[Year]:
    """Return the years after a correction; years that it does not touch stay as they are."""
    changed = {year.year: {special.day: special for special in year.days} for year in years}
    for listed in changed.values():
        for day in cleared:
            listed.pop(day, None)
    for special in days:
        at = year_of(years, special.day)
        if at is not None:
            changed[at][special.day] = special
    result = []
    for year in years:
        now = tuple(sorted(changed[year.year].values()))
        if now != year.days:
            result.append(replace(year, days=now, source=also(year.source, source)))
        else:
            result.append(year)
    return result


def also(sources: str, source: str) -> str:
    """Return the sources of a year with one more, each named once."""
    return sources if source in sources.split("; ") else f"{sources}; {source}"


def year_of(years: Sequence[Year], day: date) -> int | None:
    """Return the year whose notice tells of a day: the last that lists it, else its own."""
    listing = [y.year for y in years if any(special.day == day for special in y.days)]
    if listing:
        return max(listing)
    return min(notice_years(day) & {y.year for y in years}, default=None)


def merged(years: Iterable[Year]) -> dict[date, SpecialDay]:
    """Return all special days; of a day in two notices the later year's says what it is."""
    return {special.day: special for year in years for special in year.days}


# Rules


def listed_days(
    days: Iterable[SpecialDay], weekend: Collection[int] | None, *, field: str = "days"
) -> tuple[SpecialDay, ...]:
    """Check a list of days and return it in order, each day once and each with a Chinese name.

    ``weekend`` None: another calendar says what is worked on, so any kind falls on any day.
    """
    found: dict[date, SpecialDay] = {}
    for special in days:
        day = special.day.isoformat()
        if special.day in found:
            raise InvalidValueError(field, Rule.DAY_ONCE, day)
        on_weekend = _FALLS_ON_WEEKEND.get(special.kind)
        if weekend is not None and on_weekend is (special.day.weekday() not in weekend):
            raise InvalidValueError(field, Rule.KIND_OF_DAY, day)
        found[special.day] = _named(special, field)
    return tuple(sorted(found.values()))


def _named(special: SpecialDay, field: str) -> SpecialDay:
    if not special.name_zh.strip():
        raise InvalidValueError(field, Rule.DAY_NAMED, special.day.isoformat())
    english = special.name_en.strip() and checked_text(
        special.name_en, field=f"{field}.nameEn", max_length=NAME_LENGTH
    )
    chinese = checked_text(special.name_zh, field=f"{field}.nameZh", max_length=NAME_LENGTH)
    return replace(special, name_en=english, name_zh=chinese)


def require_range(year: int) -> None:
    """Refuse a year for which no calendar speaks."""
    if not FIRST_YEAR <= year <= LAST_YEAR:
        raise InvalidValueError("year", Rule.OUT_OF_RANGE, f"{FIRST_YEAR}-{LAST_YEAR}")


def require_year(year: int, known: Collection[int]) -> None:
    """Refuse a year out of range, and one that leaves a gap between the years that are known."""
    require_range(year)
    if not known:
        return
    if year > max(known) + 1:
        raise InvalidValueError("year", Rule.YEAR_GAP, str(max(known) + 1))
    if year < min(known) - 1:
        raise InvalidValueError("year", Rule.YEAR_GAP, str(min(known) - 1))


def require_within(year: int, days: Iterable[SpecialDay]) -> None:
    """Refuse a day that lies neither in the year nor in the last week before it."""
    for special in days:
        if year not in notice_years(special.day):
            raise InvalidValueError("days", Rule.OUTSIDE_YEAR, special.day.isoformat())


def notice_years(day: date) -> set[int]:
    """Return the years whose notice may tell of a day."""
    last_week = day.month == _DECEMBER and day.day >= _LAST_WEEK
    return {day.year, day.year + 1} if last_week else {day.year}


def require_whole(days: Sequence[SpecialDay], weekend: Collection[int]) -> None:
    """Refuse a holiday of which a day is missing: it would count as a working day.

    Between the days off of one name lie only days off of another name. Of a holiday of two days,
    one of them in lieu, a weekend between them need not be listed: the notices of 2014 and 2015.
    """
    listed = {special.day: special for special in days}
    holidays: dict[str, list[date]] = {}
    for special in sorted(days):
        if special.kind in _STATUTORY:
            holidays.setdefault(special.name_zh, []).append(special.day)
    for of_name in holidays.values():
        for one, following in pairwise(of_name):
            for ordinal in range(one.toordinal() + 1, following.toordinal()):
                day = date.fromordinal(ordinal)
                if day in listed:
                    missing = listed[day].kind.works
                else:
                    missing = len(of_name) != _A_BRIDGE or day.weekday() not in weekend
                if missing:
                    raise InvalidValueError("days", Rule.HOLIDAY_GAP, day.isoformat())
