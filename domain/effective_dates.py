"""From when a version of a policy is in force: announced in time, and never by a slip for ever."""

from datetime import datetime, timedelta
from typing import Final

from domain.errors import InvalidValueError, Rule
from domain.metadata import Metadata

NOTICE: Final = timedelta(minutes=1)
"""What changes takes effect at least this long after it was decided, so that every process of the
system knows it by then."""
MOST_AHEAD: Final = timedelta(days=366)
"""Nothing is decided longer ahead: no version lies before the last, so a year mistyped as 9999
would end all changes."""


def require_effective_date(effective_from: datetime, meta: Metadata) -> None:
    """Refuse a time without a zone, and one too far ahead of the decision."""
    if effective_from.tzinfo is None:
        raise InvalidValueError("effectiveFrom", Rule.NO_TIME_ZONE)
    latest = meta.occurred_at + MOST_AHEAD
    if effective_from > latest:
        raise InvalidValueError("effectiveFrom", Rule.TOO_LATE, latest.isoformat())
