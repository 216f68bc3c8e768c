"""The hand-typed calendars, and the words of the table, as values of the product."""

from domain.service_levels.calendars import DayKind, SpecialDay, WorkingCalendar
from domain.service_levels.deadlines import Basis
from tests.sla.oracle_calendar import PlainCalendar

BASES = {
    "seconds": Basis.ELAPSED,
    "calendar_days": Basis.CALENDAR_DAYS,
    "working_days": Basis.WORKING_DAYS,
}


def product_calendar(plain: PlainCalendar) -> WorkingCalendar:
    """Hand the days of a plain calendar to the product."""
    off = [SpecialDay(day, DayKind.HOLIDAY, name) for day, name in plain.off.items()]
    worked = [SpecialDay(day, DayKind.MAKE_UP) for day in plain.worked]
    return WorkingCalendar(plain.name, 1, [*off, *worked], settled=plain.published)
