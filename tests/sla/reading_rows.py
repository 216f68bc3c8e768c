"""What the words of the hand-worked table mean: instants, targets, and which calendar."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from tests.sla import hand_worked, hand_worked_pauses, hand_worked_zones
from tests.sla.hand_worked import Row
from tests.sla.oracle_calendar import (
    CHINA,
    CHINA_2020_JANUARY,
    CHINA_2020_NOVEMBER,
    WEEKENDS,
    PlainCalendar,
)

ROWS = (*hand_worked.ROWS, *hand_worked_pauses.ROWS, *hand_worked_zones.ROWS)
CALENDARS: dict[str, PlainCalendar] = {
    "china": CHINA,
    "china, November 2019": CHINA_2020_NOVEMBER,
    "china, January 2020": CHINA_2020_JANUARY,
    "weekends": WEEKENDS,
}
_UNITS = {
    "working": ("working_days", 1),
    "calendar": ("calendar_days", 1),
    "h": ("seconds", 3600),
    "min": ("seconds", 60),
    "s": ("seconds", 1),
}


def wall(text: str) -> datetime:
    """Read a wall-clock text; 24:00 is 00:00 of the next day."""
    if text.endswith(" 24:00"):
        return datetime.fromisoformat(text.removesuffix(" 24:00")) + timedelta(days=1)
    return datetime.fromisoformat(text)


def instant(text: str, zone: str) -> datetime:
    """Read a wall-clock text of a zone as UTC; an offset in the text wins."""
    read = wall(text)
    return (read.replace(tzinfo=ZoneInfo(zone)) if read.tzinfo is None else read).astimezone(UTC)


def target_of(row: Row) -> tuple[int, str]:
    """Return the amount and its unit: days, or seconds for hours, minutes and seconds."""
    number, unit = row.target.split()[:2]
    name, factor = _UNITS[unit]
    return int(number) * factor, name


def pauses_of(row: Row) -> list[tuple[datetime, datetime]]:
    return [(instant(since, row.zone), instant(until, row.zone)) for since, until in row.pauses]
