"""When the next regular notice is due: whole working days after the last one."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import chinese_calendar

IN_THE_MORNING: Final = time(10)
"""The local time at which regular notices leave: nobody wants a call at night."""
_SATURDAY: Final = 5


def is_working_day(day: date) -> bool:
    """Say whether people work on a day in China; Monday to Friday for years not published yet."""
    try:
        return bool(chinese_calendar.is_workday(day))
    except NotImplementedError:
        return day.weekday() < _SATURDAY


def next_notice(last: datetime, working_days: int, zone: ZoneInfo) -> datetime:
    """Return the instant that lies so many working days after the day of the last notice."""
    day = last.astimezone(zone).date()
    left = working_days
    while left > 0:
        day += timedelta(days=1)
        left -= is_working_day(day)
    return datetime.combine(day, IN_THE_MORNING, zone).astimezone(UTC)
