"""Which days people work, as dated and sourced data: each yearly notice, and each correction.

The version of a calendar is the number of its events that carry days; a decision names the one it
used, so that an old case is judged by the days of its time. Source: domain.md 3.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Final

from domain.aggregate import Aggregate, DomainEvent, event
from domain.errors import InvalidValueError, Rule, WrongStateError
from domain.labels import Labelled
from domain.metadata import Metadata
from domain.service_levels.calendars import SpecialDay, YearState
from domain.service_levels.years import (
    NAME_LENGTH,
    Year,
    corrected,
    listed_days,
    require_range,
    require_whole,
    require_within,
    require_year,
    with_year,
    year_of,
)
from domain.text import checked_text

SOURCE_LENGTH: Final = 500
MOST_BASES: Final = 4
"""How many calendars may stand one under the other below a calendar: each is asked in turn."""
_CODE: Final = re.compile(r"[a-z0-9_-]{1,40}")
_WEEKDAYS: Final = frozenset(range(7))


class CalendarState(Labelled):
    """Where a calendar stands."""

    BLANK = "blank", "not founded yet", "尚未建立"
    FOUNDED = "founded", "in use", "使用中"


def calendar_code(value: str, *, field: str = "calendar") -> str:
    """Check the code of a calendar: 1 to 40 lower-case letters, digits, dashes, underscores."""
    stripped = value.strip()
    if not _CODE.fullmatch(stripped):
        raise InvalidValueError(field, Rule.KEY_FORMAT)
    return stripped


@dataclass(frozen=True, slots=True)
class CalendarFacts:
    """What a calendar is; ``base`` is the code of the one that it extends.

    ``weekend`` are weekdays, Monday is 0. A calendar that ``needs_notices`` is sure of a year only
    once its notice is published.
    """

    code: str
    name_en: str
    name_zh: str
    weekend: tuple[int, ...] = (5, 6)
    base: str | None = None
    needs_notices: bool = False


class Calendar(Aggregate):
    """A calendar; ``revision`` counts the events that carry days, ``depth`` what it stands on."""

    KIND = "calendar"
    state_version = 2

    class Founded(DomainEvent):
        """The calendar was set up, without any special day."""

        TOPIC = "calendar.founded"
        code: str
        name_en: str
        name_zh: str
        weekend: tuple[int, ...]
        needs_notices: bool
        base: str | None = None
        depth: int | None = None

    class YearPublished(DomainEvent):
        """The notice of a year is out; it replaces what was foreseen."""

        TOPIC = "calendar.year_published"
        year: int
        days: tuple[SpecialDay, ...]
        source: str
        revision: int

    class YearForeseen(DomainEvent):
        """For a year without a notice the statutory holidays are known."""

        TOPIC = "calendar.year_foreseen"
        year: int
        days: tuple[SpecialDay, ...]
        source: str
        revision: int

    class DaysCorrected(DomainEvent):
        """Days turned out otherwise; the reason stands beside it."""

        TOPIC = "calendar.days_corrected"
        days: tuple[SpecialDay, ...]
        cleared: tuple[date, ...]
        source: str
        revision: int

    facts: CalendarFacts | None
    depth: int
    years: list[Year]
    revision: int

    def begin(self) -> None:
        """Nothing was founded yet."""
        self.facts = None
        self.depth = 0
        self.years = []
        self.revision = 0

    def found(self, facts: CalendarFacts, meta: Metadata, *, depth: int = 0) -> None:
        """Found the calendar, once; the same facts again change nothing.

        ``depth`` calendars stand under it: its base, the base of that, and so on.
        """
        facts = _checked(facts)
        if facts == self.facts:
            return
        if self.facts is not None:
            raise WrongStateError("found", CalendarState.FOUNDED)
        if depth > MOST_BASES:
            raise InvalidValueError("base", Rule.TOO_DEEP, str(MOST_BASES))
        self._founded(
            code=facts.code,
            name_en=facts.name_en,
            name_zh=facts.name_zh,
            weekend=facts.weekend,
            base=facts.base,
            needs_notices=facts.needs_notices,
            depth=depth,
            meta=meta,
        )

    def publish(self, year: int, days: Iterable[SpecialDay], source: str, meta: Metadata) -> None:
        """Publish a year; the same days again change nothing, others are a correction."""
        found = self._days_of(year, days, "publish")
        source = _source(source)
        if self.year_state(year) is YearState.PUBLISHED:
            if found != self.days_of(year):
                raise InvalidValueError("year", Rule.PUBLISHED_ALREADY, str(year))
            return
        require_year(year, [y.year for y in self.years if y.state is YearState.PUBLISHED])
        self._year_published(
            year=year, days=found, source=source, revision=self.revision + 1, meta=meta
        )

    def foresee(self, year: int, days: Iterable[SpecialDay], source: str, meta: Metadata) -> None:
        """Note the statutory holidays of a year that is not published."""
        found = self._days_of(year, days, "foresee")
        source = _source(source)
        if self.year_state(year) is YearState.PUBLISHED:
            raise InvalidValueError("year", Rule.PUBLISHED_ALREADY, str(year))
        if self.year_state(year) is not None and found == self.days_of(year):
            return
        require_year(year, [y.year for y in self.years])
        self._year_foreseen(
            year=year, days=found, source=source, revision=self.revision + 1, meta=meta
        )

    def correct(
        self, days: Iterable[SpecialDay], cleared: Iterable[date], source: str, meta: Metadata
    ) -> None:
        """Change days of years that are known; what is so already changes nothing.

        Only a calendar all of whose days come from notices must know the year before; any other
        begins a year with the first day that it notes of it.
        """
        facts = self._require_founded("correct")
        source = _source(source)
        if meta.reason is None:
            raise InvalidValueError("reason", Rule.REQUIRED)
        found = listed_days(days, None if facts.base else facts.weekend)
        gone = tuple(sorted(set(cleared)))
        begun = self._years_to_begin(facts, found, source)
        years = sorted([*self.years, *begun], key=lambda year: year.year)
        for day in (*(special.day for special in found), *gone):
            if year_of(years, day) is None:
                raise InvalidValueError("days", Rule.YEAR_UNKNOWN, day.isoformat())
        for special in found:
            if special.day in gone:
                raise InvalidValueError("cleared", Rule.DAY_ONCE, special.day.isoformat())
        after = corrected(years, found, gone, source)
        changed = [new for old, new in zip(years, after, strict=True) if new != old]
        for year in changed:
            require_whole(year.days, facts.weekend)
        record = self._year_foreseen if facts.needs_notices else self._year_published
        for year in begun:
            record(year=year.year, days=(), source=source, revision=self.revision + 1, meta=meta)
        if changed:
            self._days_corrected(
                days=found, cleared=gone, source=source, revision=self.revision + 1, meta=meta
            )

    def year_state(self, year: int) -> YearState | None:
        """Say how sure the days of a year are; None if nothing is known of it."""
        return next((y.state for y in self.years if y.year == year), None)

    def days_of(self, year: int) -> tuple[SpecialDay, ...]:
        """Return the days that the notice of a year lists, as they stand after corrections."""
        return next((y.days for y in self.years if y.year == year), ())

    def _days_of(
        self, year: int, days: Iterable[SpecialDay], command: str
    ) -> tuple[SpecialDay, ...]:
        facts = self._require_founded(command)
        found = listed_days(days, None if facts.base else facts.weekend)
        require_within(year, found)
        require_whole(found, facts.weekend)
        return found

    def _years_to_begin(
        self, facts: CalendarFacts, days: Iterable[SpecialDay], source: str
    ) -> list[Year]:
        """Return the years, still empty, that days need and no notice has to open."""
        if facts.needs_notices and facts.base is None:
            return []
        state = YearState.FORESEEN if facts.needs_notices else YearState.PUBLISHED
        missing = {day.day.year for day in days if year_of(self.years, day.day) is None}
        for year in missing:
            require_range(year)
        return [Year(year, state, (), source) for year in sorted(missing)]

    def _require_founded(self, command: str) -> CalendarFacts:
        if self.facts is None:
            raise WrongStateError(command, CalendarState.BLANK)
        return self.facts

    @event(Founded)
    def _founded(
        self,
        code: str,
        name_en: str,
        name_zh: str,
        weekend: tuple[int, ...],
        needs_notices: bool,  # noqa: FBT001
        base: str | None,
        depth: int | None,
        meta: Metadata,
    ) -> None:
        self.facts = CalendarFacts(code, name_en, name_zh, weekend, base, needs_notices)
        # An event of the time before depths were counted tells only whether there is a base.
        self.depth = int(base is not None) if depth is None else depth

    @event(YearPublished)
    def _year_published(
        self, year: int, days: tuple[SpecialDay, ...], source: str, revision: int, meta: Metadata
    ) -> None:
        self.years = with_year(self.years, Year(year, YearState.PUBLISHED, days, source))
        self.revision = revision

    @event(YearForeseen)
    def _year_foreseen(
        self, year: int, days: tuple[SpecialDay, ...], source: str, revision: int, meta: Metadata
    ) -> None:
        self.years = with_year(self.years, Year(year, YearState.FORESEEN, days, source))
        self.revision = revision

    @event(DaysCorrected)
    def _days_corrected(
        self,
        days: tuple[SpecialDay, ...],
        cleared: tuple[date, ...],
        source: str,
        revision: int,
        meta: Metadata,
    ) -> None:
        self.years = corrected(self.years, days, cleared, source)
        self.revision = revision


CARRYING_DAYS: Final = (Calendar.YearPublished, Calendar.YearForeseen, Calendar.DaysCorrected)
"""The events that carry days."""
OF_CALENDARS: Final = (Calendar.Founded, *CARRYING_DAYS)
"""All events of this stream."""


def _checked(facts: CalendarFacts) -> CalendarFacts:
    """Refuse what is no weekend, and a calendar that extends itself.

    A base is there before what extends it and never changes: there are no longer cycles.
    """
    if not _WEEKDAYS.issuperset(facts.weekend):
        raise InvalidValueError("weekend", Rule.OUT_OF_RANGE, "0-6")
    if _WEEKDAYS.issubset(facts.weekend):
        raise InvalidValueError("weekend", Rule.NO_WORKING_DAY)
    code = calendar_code(facts.code, field="code")
    base = None if facts.base is None else calendar_code(facts.base, field="base")
    if base == code:
        raise InvalidValueError("base", Rule.OTHER_THAN_ITSELF)
    return CalendarFacts(
        code=code,
        name_en=checked_text(facts.name_en, field="nameEn", max_length=NAME_LENGTH),
        name_zh=checked_text(facts.name_zh, field="nameZh", max_length=NAME_LENGTH),
        weekend=tuple(sorted(set(facts.weekend))),
        base=base,
        needs_notices=facts.needs_notices,
    )


def _source(source: str) -> str:
    return checked_text(source, field="source", max_length=SOURCE_LENGTH)
