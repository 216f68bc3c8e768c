"""The calendars that the product ships with: the official Chinese one, and plain weekends.

The days of published years come from the package chinesecalendar, which follows the yearly notices
of the State Council. For years without a notice the statutory holidays are foreseen, by the
regulation of 2024 (全国年节及纪念日放假办法, order 795).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from importlib.metadata import version
from typing import Final

from chinese_calendar.constants import Holiday, holidays, in_lieu_days, workdays

from domain.calendar import CalendarFacts
from domain.service_levels.calendars import CHINA, DayKind, SpecialDay, YearState
from domain.service_levels.years import Year

WEEKENDS: Final = "weekends"
_OCTOBER, _DECEMBER = 10, 12

_NEW_YEAR = ("New Year's Day", "元旦")
_SPRING = ("Spring Festival", "春节")
_QINGMING = ("Qingming Festival", "清明节")
_LABOUR = ("Labour Day", "劳动节")
_DRAGON_BOAT = ("Dragon Boat Festival", "端午节")
_MID_AUTUMN = ("Mid-Autumn Festival", "中秋节")
_NATIONAL = ("National Day", "国庆节")
_VICTORY = (
    "70th Anniversary of the Victory in the War of Resistance",
    "中国人民抗日战争暨世界反法西斯战争胜利70周年纪念日",
)
NAMES: Final[Mapping[str, tuple[str, str]]] = {
    Holiday.new_years_day.value: _NEW_YEAR,
    Holiday.spring_festival.value: _SPRING,
    Holiday.tomb_sweeping_day.value: _QINGMING,
    Holiday.labour_day.value: _LABOUR,
    Holiday.dragon_boat_festival.value: _DRAGON_BOAT,
    Holiday.mid_autumn_festival.value: _MID_AUTUMN,
    Holiday.national_day.value: _NATIONAL,
    Holiday.anti_fascist_70th_day.value: _VICTORY,
}
"""English and Chinese names of the holidays that the package knows."""
FESTIVALS: Final[Mapping[int, tuple[date, date, date, date]]] = {
    2027: (date(2027, 2, 6), date(2027, 4, 5), date(2027, 6, 9), date(2027, 9, 15)),
    2028: (date(2028, 1, 26), date(2028, 4, 4), date(2028, 5, 28), date(2028, 10, 3)),
    2029: (date(2029, 2, 13), date(2029, 4, 4), date(2029, 6, 16), date(2029, 9, 22)),
    2030: (date(2030, 2, 3), date(2030, 4, 5), date(2030, 6, 5), date(2030, 9, 12)),
    2031: (date(2031, 1, 23), date(2031, 4, 5), date(2031, 6, 24), date(2031, 10, 1)),
    2032: (date(2032, 2, 11), date(2032, 4, 4), date(2032, 6, 12), date(2032, 9, 19)),
    2033: (date(2033, 1, 31), date(2033, 4, 4), date(2033, 6, 1), date(2033, 9, 8)),
    2034: (date(2034, 2, 19), date(2034, 4, 5), date(2034, 6, 20), date(2034, 9, 27)),
    2035: (date(2035, 2, 8), date(2035, 4, 5), date(2035, 6, 10), date(2035, 9, 16)),
    2036: (date(2036, 1, 28), date(2036, 4, 4), date(2036, 5, 30), date(2036, 10, 4)),
}
"""First day of the lunar year, Qingming, Dragon Boat (fifth of the fifth lunar month), Mid-Autumn
(fifteenth of the eighth); ``tests/application/test_calendars.py`` computes them from the sky."""
_REGULATION: Final = (
    "全国年节及纪念日放假办法（国务院令第795号，2024年修订）"
    " / Regulation on Public Holidays, State Council order 795 of 2024"
)
_AMENDED: Final[Mapping[int, str]] = {
    2015: "国务院关于中国人民抗日战争暨世界反法西斯战争胜利70周年纪念日调休放假的通知",
    2019: "国务院办公厅关于调整2019年劳动节假期安排的通知",
    2020: "国务院办公厅关于延长2020年春节假期的通知",
}
"""Later notices that the package's days of a year follow, too."""


@dataclass(frozen=True, slots=True)
class ShippedYear:
    """A year that is shipped; its days are put together only when they are needed."""

    year: int
    published: bool
    source: str
    days: Callable[[], tuple[SpecialDay, ...]]


@dataclass(frozen=True, slots=True)
class ShippedCalendar:
    """A calendar that is shipped."""

    facts: CalendarFacts
    years: Sequence[ShippedYear] = ()

    def missing(self, known: Iterable[Year]) -> list[ShippedYear]:
        """Return the years that a calendar lacks; a foreseen one lacks its notice."""
        there = {year.year: year.state for year in known}
        return [
            year
            for year in self.years
            if year.year not in there or (year.published and there[year.year] is YearState.FORESEEN)
        ]


def statutory_days(year: int) -> tuple[SpecialDay, ...]:
    """Return the 13 statutory holidays of a year in the table, by the regulation of 2024.

    Mid-Autumn may fall on National Day: such a day bears both names.
    """
    spring, qingming, dragon_boat, mid_autumn = FESTIVALS[year]
    listed = [
        (date(year, 1, 1), _NEW_YEAR),
        *((spring + timedelta(days=n), _SPRING) for n in range(-1, 3)),
        (qingming, _QINGMING),
        *((date(year, 5, n), _LABOUR) for n in (1, 2)),
        (dragon_boat, _DRAGON_BOAT),
        *((date(year, 10, n), _NATIONAL) for n in (1, 2, 3)),
        (mid_autumn, _MID_AUTUMN),
    ]
    days: dict[date, SpecialDay] = {}
    for day, (en, zh) in listed:
        same = days.get(day)
        days[day] = SpecialDay(
            day,
            DayKind.HOLIDAY,
            en if same is None else f"{same.name_en} and {en}",
            zh if same is None else f"{same.name_zh}、{zh}",
        )
    return tuple(sorted(days.values()))


def english_name(zh: str) -> str:
    """Return the English name of a holiday as notices name it in Chinese; empty if unknown."""
    known = {chinese: english for english, chinese in NAMES.values()}
    names = [known.get(name.strip(), "") for name in zh.split("、")]
    return " and ".join(names) if all(names) else ""


@cache
def _published_days() -> Mapping[int, tuple[SpecialDay, ...]]:
    """Return what the package knows, by the year of the notice."""
    found: dict[int, list[SpecialDay]] = {}
    for listed, kind in ((holidays, DayKind.HOLIDAY), (workdays, DayKind.MAKE_UP)):
        for day, name in listed.items():
            # The last days of December off, or made up for, belong to the next New Year's Day.
            reaches_back = day.month == _DECEMBER and name == Holiday.new_years_day.value
            en, zh = NAMES.get(name) or (name, Holiday(name).chinese)
            special = SpecialDay(day, DayKind.IN_LIEU if day in in_lieu_days else kind, en, zh)
            found.setdefault(day.year + reaches_back, []).append(special)
    return {year: tuple(sorted(days)) for year, days in found.items()}


def _published(year: int) -> ShippedYear:
    notice = f"国务院办公厅关于{year}年部分节假日安排的通知"
    named = "；".join([notice, *([_AMENDED[year]] if year in _AMENDED else [])])
    return ShippedYear(
        year,
        published=True,
        source=f"{named} / State Council notice on the holidays of {year}"
        f" (chinesecalendar {version('chinesecalendar')})",
        days=lambda: _published_days()[year],
    )


def _foreseen(year: int) -> ShippedYear:
    return ShippedYear(year, published=False, source=_REGULATION, days=lambda: statutory_days(year))


_NOTICED: Final = sorted({day.year for day in holidays if day.month == _OCTOBER})
SHIPPED: Final[Mapping[str, ShippedCalendar]] = {
    CHINA: ShippedCalendar(
        CalendarFacts(CHINA, "Official Chinese calendar", "中国法定工作日历", needs_notices=True),
        [
            *map(_published, _NOTICED),
            *(_foreseen(year) for year in FESTIVALS if year not in _NOTICED),
        ],
    ),
    WEEKENDS: ShippedCalendar(
        CalendarFacts(WEEKENDS, "Monday to Friday, no holidays", "周一至周五（不含节假日）")
    ),
}
"""What is shipped, by code."""
