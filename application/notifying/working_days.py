"""When the next regular notice is due: whole working days after the last one."""

from datetime import UTC, datetime, time
from typing import Final
from zoneinfo import ZoneInfo

from application.desk import EventStore
from domain.calendar import Calendar
from domain.service_levels.calendars import (
    CHINA,
    WorkingCalendar,
    calendar_id,
    weekends_only,
)
from domain.service_levels.years import merged

IN_THE_MORNING: Final = time(10)
"""The local time at which regular notices leave: nobody wants a call at night."""


class NoticeCalendar:
    """The official calendar as the log has it; Monday to Friday while there is none."""

    def __init__(self, store: EventStore) -> None:
        self._store = store
        self._latest = weekends_only()

    async def latest(self) -> WorkingCalendar:
        """Return it; what another process changed is seen within seconds."""
        found, _ = await self._store.consult(Calendar, calendar_id(CHINA), fresh=False)
        known = (self._latest.code, self._latest.version)
        if found.facts is not None and known != (CHINA, found.revision):
            weekend = frozenset(found.facts.weekend)
            days = merged(found.years).values()
            self._latest = WorkingCalendar(CHINA, found.revision, days, weekend=weekend)
        return self._latest


def next_notice(
    last: datetime, working_days: int, zone: ZoneInfo, calendar: WorkingCalendar
) -> datetime:
    """Return the instant that lies so many working days after the day of the last notice."""
    day = calendar.working_day(last.astimezone(zone).date(), working_days)
    return datetime.combine(day, IN_THE_MORNING, zone).astimezone(UTC)
