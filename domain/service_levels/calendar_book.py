"""All calendars with their history, folded from their events: which days were known when.

The version of a calendar counts its own events that carry days and those of the calendar that it
extends, so that it changes whenever one of its days may have.
"""

from bisect import bisect_right
from collections.abc import Iterator
from heapq import merge
from uuid import UUID

from domain.aggregate import DomainEvent
from domain.calendar import CARRYING_DAYS, Calendar
from domain.service_levels.calendars import WorkingCalendar, YearState
from domain.service_levels.years import Year, corrected, merged, with_year

Noted = Calendar.YearPublished | Calendar.YearForeseen | Calendar.DaysCorrected
"""The events that carry days."""


class CalendarBook:
    """Every version of every calendar; events are applied in the order of the log.

    A calendar that was never founded is a ``KeyError``, and so is a version that is not there yet.
    """

    def __init__(self) -> None:
        self._codes: dict[UUID, str] = {}
        self._founded: dict[str, Calendar.Founded] = {}
        self._noted: dict[str, list[tuple[int, Noted]]] = {}
        self._positions: dict[str, list[tuple[int, str]]] = {}
        self._calendars: dict[tuple[str, int], WorkingCalendar] = {}

    def __iter__(self) -> Iterator[str]:
        """Yield the codes of all calendars."""
        return iter(self._founded)

    def apply(self, event: DomainEvent, position: int) -> None:
        """Take in an event; those of other aggregates change nothing."""
        if isinstance(event, Calendar.Founded):
            self._codes[event.originator_id] = event.code
            self._founded[event.code] = event
            self._noted[event.code] = []
        elif isinstance(event, CARRYING_DAYS):
            self._noted[self._codes[event.originator_id]].append((position, event))
        else:
            return
        self._positions.clear()

    def calendar(self, code: str, version: int | None = None) -> WorkingCalendar:
        """Return a version, the latest if none is given; the same object for the same version."""
        if version is None:
            version = len(self._history(code))
        found = self._calendars.get((code, version))
        if found is None:
            found = self._calendars[code, version] = self._make(code, version)
        return found

    def version_at(self, code: str, position: int) -> int:
        """Return the version that was known at a position of the log."""
        return bisect_right(self._history(code), position, key=lambda noted: noted[0])

    def names(self, code: str) -> tuple[str, str]:
        """Return the English and the Chinese name."""
        founded = self._founded[code]
        return founded.name_en, founded.name_zh

    def years(self, code: str, version: int | None = None) -> list[Year]:
        """Return the years that a calendar itself knows, with their days and sources."""
        history = self._history(code)
        own, _ = self._parts(code, len(history) if version is None else version)
        return self._years(code, own)

    def state(self, code: str, version: int, year: int) -> YearState | None:
        """Say how sure the days of a year are; None where only weekends are known."""
        calendar = self.calendar(code, version)
        if calendar.settled is None or year in calendar.settled:
            return YearState.PUBLISHED
        if any(known.year == year for known in self.years(code, version)):
            return YearState.FORESEEN
        base = self._founded[code].base
        return None if base is None else self.state(base, self._parts(code, version)[1], year)

    def source(self, code: str, version: int, year: int) -> str | None:
        """Return where a year's days come from: the notice, corrections, those of the base."""
        found = [known.source for known in self.years(code, version) if known.year == year]
        base = self._founded[code].base
        if base is not None:
            inherited = self.source(base, self._parts(code, version)[1], year)
            found += [] if inherited is None else [inherited]
        return "; ".join(found) or None

    def _history(self, code: str) -> list[tuple[int, str]]:
        """Return where the log changed a calendar, and whether in its own stream or its base's."""
        found = self._positions.get(code)
        if found is None:
            own = [(position, code) for position, _ in self._noted[code]]
            base = self._founded[code].base
            found = list(merge(own, [] if base is None else self._history(base)))
            self._positions[code] = found
        return found

    def _parts(self, code: str, version: int) -> tuple[int, int]:
        """Return how many of a version's events are the calendar's own, and how many the base's."""
        history = self._history(code)
        if not 0 <= version <= len(history):
            raise KeyError((code, version))
        own = sum(of == code for _, of in history[:version])
        return own, version - own

    def _years(self, code: str, revision: int) -> list[Year]:
        years: list[Year] = []
        for _, event in self._noted[code][:revision]:
            match event:
                case Calendar.DaysCorrected():
                    years = corrected(years, event.days, event.cleared, event.source)
                case Calendar.YearPublished():
                    state = YearState.PUBLISHED
                    years = with_year(years, Year(event.year, state, event.days, event.source))
                case Calendar.YearForeseen():
                    state = YearState.FORESEEN
                    years = with_year(years, Year(event.year, state, event.days, event.source))
        return years

    def _make(self, code: str, version: int) -> WorkingCalendar:
        founded = self._founded[code]
        own, of_base = self._parts(code, version)
        years = self._years(code, own)
        days = merged(years)
        settled = None
        if founded.needs_notices:
            settled = frozenset(y.year for y in years if y.state is YearState.PUBLISHED)
        if founded.base is not None:
            base = self.calendar(founded.base, of_base)
            days = {**base.special, **days}
            if base.settled is not None:
                settled = base.settled if settled is None else settled & base.settled
        return WorkingCalendar(
            code, version, days.values(), weekend=frozenset(founded.weekend), settled=settled
        )
