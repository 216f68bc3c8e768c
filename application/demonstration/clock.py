"""Business time of the demonstration: seconds before the day that ends it, in office hours.

Seconds as plain numbers, since a hundred thousand cases ask for millions of instants.
"""

from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

CHINA: Final = ZoneInfo("Asia/Shanghai")
"""The company keeps this time, whatever the zone of the deployment."""
MINUTE: Final = 60
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR

_SUNDAY: Final = 6
_OFFICE: Final = (9 * HOUR, 18 * HOUR)
_POLITE: Final = (8 * HOUR, 21 * HOUR)


class Clock:
    """Instants as seconds relative to the midnight at which the demonstration ends: all below 0."""

    def __init__(self, until: date) -> None:
        midnight = datetime.combine(until, time(), CHINA)
        self._end = midnight.astimezone(UTC)
        self._weekday = until.weekday()
        self.until = until

    def at(self, seconds: int) -> datetime:
        """Return the instant."""
        return self._end + timedelta(seconds=seconds)

    def date_of(self, seconds: int) -> date:
        """Return the local day of an instant (China has no summer time)."""
        return self.until + timedelta(days=seconds // DAY)

    def weekday(self, seconds: int) -> int:
        """Return the local day of the week, 0 for Monday."""
        return (self._weekday + seconds // DAY) % 7

    def office(self, seconds: int) -> int:
        """Return the instant, or the next one in office hours: Monday to Saturday, 9 to 18."""
        moved = _within(seconds, *_OFFICE)
        return moved + DAY if self.weekday(moved) == _SUNDAY else moved

    def polite(self, seconds: int) -> int:
        """Return the instant, or the next one at which a customer may be called: 8 to 21."""
        return _within(seconds, *_POLITE)


def _within(seconds: int, opens: int, closes: int) -> int:
    day, second = divmod(seconds, DAY)
    if opens <= second < closes:
        return seconds
    if second >= closes:
        day += 1
    # Not everything that came in at night is done at the stroke of nine.
    return day * DAY + opens + second * 7919 % (2 * HOUR)
