"""From a target to a deadline, and why it is that one. Source: domain.md 3.

Targets are elapsed time, calendar days or working days. "Within N days": the day of the starting
event does not count, and the deadline is 24:00 local time at the end of the N-th day after it
(Civil Code art. 201, 203).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from domain.labels import Labelled
from domain.service_levels.calendars import DayKind, WorkingCalendar

_DAY: Final = timedelta(days=1)


class Basis(Labelled):
    """In what a target is counted."""

    ELAPSED = "elapsed", "elapsed time", "自然时长"
    CALENDAR_DAYS = "calendar_days", "calendar days", "自然日"
    WORKING_DAYS = "working_days", "working days", "工作日"


@dataclass(frozen=True, slots=True)
class Target:
    """How long a clock may run: seconds of elapsed time, or days; 1 or more."""

    basis: Basis
    amount: int


@dataclass(frozen=True, slots=True)
class Pause:
    """A time in which the clock stood still; ``until`` None: it still does."""

    since: datetime
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Deadline:
    """When a clock is due, in UTC.

    ``provisional``: it depends on a year whose calendar is not published. ``rolled_to``: where a
    deadline in calendar days that ends on a day off would roll to (Civil Code art. 203); the
    earlier one counts, since it is safe. ``left``: what remained at a pause that has not ended:
    seconds or days. ``pauses``: how many of the pauses took effect, the first ones.
    """

    due_at: datetime
    provisional: bool = False
    rolled_to: datetime | None = None
    left: int | None = None
    pauses: int = 0


class Step(Labelled):
    """What a day is to a deadline."""

    START = "start", "day of the start: not counted", "起始日，不计入"
    COUNTED = "counted", "counted", "计入"
    SKIPPED = "skipped", "skipped", "跳过"
    PAUSED = "paused", "not counted: waiting for the customer", "等待客户期间，不计入"
    RESUMED = "resumed", "day of the resumption: not counted", "恢复日，不计入"
    DUE = "due", "counted: the last day", "计入，期限届满日"


@dataclass(frozen=True, slots=True)
class ExplainedDay:
    """A local day between start and deadline; ``number`` is its ordinal among the counted."""

    day: date
    step: Step
    kind: DayKind
    name_en: str
    name_zh: str
    number: int


def end_of(day: date, zone: ZoneInfo) -> datetime:
    """Return 24:00 of a local day in UTC."""
    after = day + _DAY
    return datetime(after.year, after.month, after.day, tzinfo=zone).astimezone(UTC)


def deadline(
    target: Target,
    started_at: datetime,
    zone: ZoneInfo,
    calendar: WorkingCalendar,
    pauses: Sequence[Pause] = (),
) -> Deadline:
    """Return the deadline; pauses in their order, of which those count that began in time.

    Elapsed time moves by the paused time. Of days those remain that remained at the pause, counted
    anew from the day of the resumption: on the same day nothing changes, and with none remaining it
    is the end of the day of the resumption, or of the next working day.
    """
    if target.basis is Basis.ELAPSED:
        return _elapsed(target, started_at, pauses)
    start = started_at.astimezone(zone).date()
    working = target.basis is Basis.WORKING_DAYS
    last = calendar.working_day(start, target.amount) if working else start + target.amount * _DAY
    left, number = None, 0
    for pause in pauses:
        if pause.since >= end_of(last, zone):
            break
        number += 1
        since = pause.since.astimezone(zone).date()
        left = calendar.working_days(since, last) if working else (last - since).days
        if pause.until is None:
            break
        until = pause.until.astimezone(zone).date()
        if until > since:
            last = _after(until, left, calendar, working=working)
        left = None
    rolled = None
    if not working and not calendar.works(last):
        rolled = end_of(calendar.working_day(last, 1), zone)
    provisional = working and not calendar.is_settled(start, last)
    return Deadline(end_of(last, zone), provisional, rolled, left, number)


def _elapsed(target: Target, started_at: datetime, pauses: Sequence[Pause]) -> Deadline:
    due = started_at.astimezone(UTC) + timedelta(seconds=target.amount)
    number = 0
    for pause in pauses:
        if pause.since >= due:
            break
        number += 1
        if pause.until is None:
            return Deadline(due, left=int((due - pause.since).total_seconds()), pauses=number)
        due += pause.until - pause.since
    return Deadline(due, pauses=number)


def _after(day: date, left: int, calendar: WorkingCalendar, *, working: bool) -> date:
    if not working:
        return day + left * _DAY
    if left:
        return calendar.working_day(day, left)
    return day if calendar.works(day) else calendar.working_day(day, 1)


def explain(
    target: Target,
    started_at: datetime,
    zone: ZoneInfo,
    calendar: WorkingCalendar,
    pauses: Sequence[Pause] = (),
) -> list[ExplainedDay]:
    """Return every local day from the start to the deadline with what it is to it.

    For a target in days the highest ``number`` is the target: a last day to which a resumption
    with none remaining moved the deadline is not counted once more. Elapsed time counts no days.
    """
    due = deadline(target, started_at, zone, calendar, pauses).due_at
    first = started_at.astimezone(zone).date()
    if target.basis is Basis.ELAPSED:
        last = due.astimezone(zone).date()
    else:
        last = (due - timedelta(microseconds=1)).astimezone(zone).date()
    return list(_days(target, first, last, calendar, _local(pauses, zone)))


def _local(pauses: Sequence[Pause], zone: ZoneInfo) -> list[tuple[date, date]]:
    """Return the local days of those pauses that took a day away."""
    found = []
    for pause in pauses:
        since = pause.since.astimezone(zone).date()
        until = date.max if pause.until is None else pause.until.astimezone(zone).date()
        if until > since:
            found.append((since, until))
    return found


def _days(
    target: Target,
    first: date,
    last: date,
    calendar: WorkingCalendar,
    pauses: Sequence[tuple[date, date]],
) -> Iterator[ExplainedDay]:
    number, basis = 0, target.basis
    resumed = {until for _, until in pauses}
    day = first
    while day <= last:
        kind = calendar.kind(day)
        counts = kind.works if basis is Basis.WORKING_DAYS else basis is Basis.CALENDAR_DAYS
        if day == first and basis is not Basis.ELAPSED:
            step = Step.START
        elif any(since < day < until for since, until in pauses):
            step = Step.PAUSED
        elif basis is not Basis.ELAPSED and day in resumed and day != last:
            step = Step.RESUMED
        elif day == last:
            step = Step.DUE
        else:
            step = Step.COUNTED if counts or basis is Basis.ELAPSED else Step.SKIPPED
        if counts and step in {Step.COUNTED, Step.DUE} and number < target.amount:
            number += day not in resumed
        special = calendar.special.get(day)
        yield ExplainedDay(
            day,
            step,
            kind,
            "" if special is None else special.name_en,
            "" if special is None else special.name_zh,
            number,
        )
        day += _DAY
