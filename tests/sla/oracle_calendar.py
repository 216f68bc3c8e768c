"""The official Chinese calendar, typed by hand from the notices of the State Council's office.

It shares nothing with the product: neither its tables nor its library. Each year names its notice.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta

NEW_YEAR = "New Year's Day"
SPRING = "Spring Festival"
QINGMING = "Qingming"
LABOUR = "Labour Day"
DRAGON_BOAT = "Dragon Boat Festival"
MID_AUTUMN = "Mid-Autumn Festival"
NATIONAL = "National Day"
NATIONAL_AND_MID_AUTUMN = "National Day and Mid-Autumn Festival"


@dataclass(frozen=True)
class PlainCalendar:
    """Days off with their names, Saturdays and Sundays that are worked, years that are known.

    ``published`` None: a calendar that needs no notices.
    """

    name: str
    off: dict[date, str] = field(default_factory=dict)
    worked: frozenset[date] = frozenset()
    published: frozenset[int] | None = None

    def works(self, day: date) -> bool:
        if day in self.worked:
            return True
        return day not in self.off and day.isoweekday() <= 5


def holiday(name: str, first: str, last: str) -> dict[date, str]:
    """Name every day from one to another."""
    day, end = date.fromisoformat(first), date.fromisoformat(last)
    days = {}
    while day <= end:
        days[day] = name
        day += timedelta(days=1)
    return days


def days(*texts: str) -> frozenset[date]:
    return frozenset(date.fromisoformat(text) for text in texts)


def together(parts: Iterable[dict[date, str]]) -> dict[date, str]:
    return {day: name for part in parts for day, name in part.items()}


# Notice 国办发明电[2019]16号 of 21 November 2019.
_OFF_2020_OUTSIDE_SPRING = (
    holiday(NEW_YEAR, "2020-01-01", "2020-01-01"),
    holiday(QINGMING, "2020-04-04", "2020-04-06"),
    holiday(LABOUR, "2020-05-01", "2020-05-05"),
    holiday(DRAGON_BOAT, "2020-06-25", "2020-06-27"),
    holiday(NATIONAL_AND_MID_AUTUMN, "2020-10-01", "2020-10-08"),
)
_WORKED_2020 = days(
    "2020-01-19", "2020-04-26", "2020-05-09", "2020-06-28", "2020-09-27", "2020-10-10"
)
CHINA_2020_NOVEMBER = PlainCalendar(
    "2020 as announced in November 2019",
    together([*_OFF_2020_OUTSIDE_SPRING, holiday(SPRING, "2020-01-24", "2020-01-30")]),
    _WORKED_2020 | days("2020-02-01"),
    frozenset({2020}),
)
# Notice 国办发明电[2020]1号 of 27 January 2020: extended to Sunday 2 February, work on the 3rd.
CHINA_2020_JANUARY = PlainCalendar(
    "2020 as extended on 27 January 2020",
    together([*_OFF_2020_OUTSIDE_SPRING, holiday(SPRING, "2020-01-24", "2020-02-02")]),
    _WORKED_2020,
    frozenset({2020}),
)

# Notice 国办发明电[2023]7号 of 25 October 2023.
_OFF_2024 = together(
    (
        holiday(NEW_YEAR, "2024-01-01", "2024-01-01"),
        holiday(SPRING, "2024-02-10", "2024-02-17"),
        holiday(QINGMING, "2024-04-04", "2024-04-06"),
        holiday(LABOUR, "2024-05-01", "2024-05-05"),
        holiday(DRAGON_BOAT, "2024-06-10", "2024-06-10"),
        holiday(MID_AUTUMN, "2024-09-15", "2024-09-17"),
        holiday(NATIONAL, "2024-10-01", "2024-10-07"),
    )
)
_WORKED_2024 = days(
    *("2024-02-04", "2024-02-18", "2024-04-07", "2024-04-28", "2024-05-11"),
    *("2024-09-14", "2024-09-29", "2024-10-12"),
)
# Notice 国办发明电[2024]12号 of 12 November 2024.
_OFF_2025 = together(
    (
        holiday(NEW_YEAR, "2025-01-01", "2025-01-01"),
        holiday(SPRING, "2025-01-28", "2025-02-04"),
        holiday(QINGMING, "2025-04-04", "2025-04-06"),
        holiday(LABOUR, "2025-05-01", "2025-05-05"),
        holiday(DRAGON_BOAT, "2025-05-31", "2025-06-02"),
        holiday(NATIONAL_AND_MID_AUTUMN, "2025-10-01", "2025-10-08"),
    )
)
_WORKED_2025 = days("2025-01-26", "2025-02-08", "2025-04-27", "2025-09-28", "2025-10-11")
# Notice 国办发明电[2025]7号 of 4 November 2025.
_OFF_2026 = together(
    (
        holiday(NEW_YEAR, "2026-01-01", "2026-01-03"),
        holiday(SPRING, "2026-02-15", "2026-02-23"),
        holiday(QINGMING, "2026-04-04", "2026-04-06"),
        holiday(LABOUR, "2026-05-01", "2026-05-05"),
        holiday(DRAGON_BOAT, "2026-06-19", "2026-06-21"),
        holiday(MID_AUTUMN, "2026-09-25", "2026-09-27"),
        holiday(NATIONAL, "2026-10-01", "2026-10-07"),
    )
)
_WORKED_2026 = days(
    *("2026-01-04", "2026-02-14", "2026-02-28", "2026-05-09", "2026-09-20", "2026-10-10")
)
# Not announced: the days that the Regulation on Public Holidays (2024 text) itself gives to 2027.
_FORESEEN_2027 = together(
    (
        holiday(NEW_YEAR, "2027-01-01", "2027-01-01"),
        holiday(SPRING, "2027-02-05", "2027-02-08"),
        holiday(QINGMING, "2027-04-05", "2027-04-05"),
        holiday(LABOUR, "2027-05-01", "2027-05-02"),
        holiday(DRAGON_BOAT, "2027-06-09", "2027-06-09"),
        holiday(MID_AUTUMN, "2027-09-15", "2027-09-15"),
        holiday(NATIONAL, "2027-10-01", "2027-10-03"),
    )
)
CHINA = PlainCalendar(
    "2024 to 2026 as announced, 2027 foreseen",
    together((_OFF_2024, _OFF_2025, _OFF_2026, _FORESEEN_2027)),
    _WORKED_2024 | _WORKED_2025 | _WORKED_2026,
    frozenset({2024, 2025, 2026}),
)
WEEKENDS = PlainCalendar("Saturdays and Sundays only")
