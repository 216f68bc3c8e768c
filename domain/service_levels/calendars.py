"""Which days people work: a calendar as a value, fast enough for a million deadlines.

*Off in lieu* and *make-up working day* are told apart: 调休 means both (domain.md 3).
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Final
from uuid import UUID, uuid5

from domain.identifiers import NAMESPACE
from domain.labels import Labelled

CHINA: Final = "cn"
"""The code of the official Chinese calendar."""
SATURDAY_AND_SUNDAY: Final = frozenset({5, 6})
"""Weekdays, Monday is 0."""


def calendar_id(code: str) -> UUID:
    """Return the stream of the calendar with this code."""
    return uuid5(NAMESPACE, f"calendar:{code}")


class DayKind(Labelled):
    """Why a day counts as a working day, or why it does not."""

    WORKING = "working", "working day", "工作日"
    MAKE_UP = "make_up", "make-up working day", "补班日"
    WEEKEND = "weekend", "weekend", "周末"
    HOLIDAY = "holiday", "public holiday", "法定节假日"
    IN_LIEU = "in_lieu", "day off in lieu", "调休放假日"
    COMPANY = "company", "company day off", "公司休息日"

    @property
    def works(self) -> bool:
        """Whether people work on such a day."""
        return self in {DayKind.WORKING, DayKind.MAKE_UP}


@dataclass(frozen=True, slots=True, order=True)
class SpecialDay:
    """A day that differs from its weekday, or has a name; ``name_en`` and ``name_zh`` say why."""

    day: date
    kind: DayKind
    name_en: str = ""
    name_zh: str = ""


class YearState(Labelled):
    """How sure the days of a year are."""

    PUBLISHED = "published", "published", "已公布"
    FORESEEN = "foreseen", "foreseen: statutory holidays only", "预估（仅法定节假日）"


class WorkingCalendar:
    """The days of one version of a calendar.

    ``settled`` are the years that are published, None for a calendar that needs no notices; a
    deadline that depends on any other year is provisional.
    """

    def __init__(
        self,
        code: str,
        version: int,
        days: Iterable[SpecialDay] = (),
        *,
        weekend: frozenset[int] = SATURDAY_AND_SUNDAY,
        settled: frozenset[int] | None = None,
    ) -> None:
        self.code = code
        self.version = version
        self.weekend = weekend
        self.settled = settled
        self.special: Mapping[date, SpecialDay] = {special.day: special for special in days}
        years = [day.year for day in self.special]
        # Replaced as a whole when years are added, so that threads may share a calendar.
        self._listed = self._list(min(years, default=2000), max(years, default=2000))

    def kind(self, day: date) -> DayKind:
        """Say what kind of day it is."""
        special = self.special.get(day)
        if special is not None:
            return special.kind
        return DayKind.WEEKEND if day.weekday() in self.weekend else DayKind.WORKING

    def works(self, day: date) -> bool:
        """Say whether people work on that day."""
        return self.kind(day).works

    def is_settled(self, first: date, last: date) -> bool:
        """Say whether all years from one day to another are published."""
        settled = self.settled
        return settled is None or all(y in settled for y in range(first.year, last.year + 1))

    def working_day(self, after: date, number: int) -> date:
        """Return the ``number``-th (1 or more) working day after a day."""
        listed = self._covering(after.year, after.year)
        place = bisect_right(listed.days, after.toordinal()) + number - 1
        while place >= len(listed.days):
            listed = self._covering(after.year, listed.last_year + 1)
            place = bisect_right(listed.days, after.toordinal()) + number - 1
        return date.fromordinal(listed.days[place])

    def working_days(self, after: date, until: date) -> int:
        """Count the working days after a day, up to and with another one."""
        years = sorted((after.year, until.year))
        days = self._covering(years[0], years[1]).days
        return bisect_right(days, until.toordinal()) - bisect_right(days, after.toordinal())

    def _covering(self, first_year: int, last_year: int) -> "_Listed":
        listed = self._listed
        if first_year < listed.first_year or last_year > listed.last_year:
            first, last = min(first_year, listed.first_year), max(last_year, listed.last_year)
            listed = self._listed = self._list(first, last)
        return listed

    def _list(self, first_year: int, last_year: int) -> "_Listed":
        start, end = date(first_year, 1, 1).toordinal(), date(last_year, 12, 31).toordinal()
        days = [o for o in range(start, end + 1) if self.works(date.fromordinal(o))]
        return _Listed(first_year, last_year, days)


@dataclass(frozen=True, slots=True)
class _Listed:
    """The working days of some years, as ordinals."""

    first_year: int
    last_year: int
    days: list[int]


@lru_cache(maxsize=8)
def weekends_only(weekend: frozenset[int] = SATURDAY_AND_SUNDAY) -> WorkingCalendar:
    """Return the calendar without any holiday."""
    return WorkingCalendar("", 0, weekend=weekend)
