"""What a service-level policy says: clocks as data, and the law below which none may fall.

Source: domain.md 3. Everything here is content of policies but the legal limits and the clocks that
never pause, which no policy can change. Terms are checked when they are adopted and never again:
an old version stays what it was when the law or the vocabulary changes.
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from domain.errors import InvalidValueError, LooserThanLawError, Rule
from domain.labels import Labelled
from domain.roles import PersonId, person_id
from domain.service_levels.deadlines import Basis, Target
from domain.service_levels.marks import vocabulary
from domain.text import checked_text
from domain.text import code as checked_code

_CODE: Final = re.compile(r"[a-z][a-z0-9_]{0,39}")
_MOST_DAYS: Final = 366
_MOST_SECONDS: Final = _MOST_DAYS * 86_400
_MOST_MINUTES: Final = _MOST_DAYS * 1_440
_MOST_CLOCKS: Final = 50
_MOST_ALERTS: Final = 20
_MOST_ACCOUNTS: Final = 1_000
_NAME_LENGTH: Final = 100
_SOURCE_LENGTH: Final = 200
_PERCENT: Final = 100
_FIRST_YEAR: Final = 2020
_LAST_YEAR: Final = 2040

LAW_ZONE: Final = "Asia/Shanghai"
"""Whose days the law counts."""

FORWARDING: Final = "forwarding"
FIRST_FEEDBACK: Final = "first_feedback"
LEGAL_ANSWER: Final = "legal_answer"
APPEAL: Final = "appeal"
NEVER_PAUSING: Final = frozenset({FORWARDING, FIRST_FEEDBACK, LEGAL_ANSWER, APPEAL})
"""Clocks that waiting for the customer does not stop (domain.md 3)."""


class AlertCause(Labelled):
    """What raises a supervisor alert."""

    WARNING = "warning", "warning", "预警"
    BREACH = "breach", "breach", "超时"


class Recipient(Labelled):
    """Whom an alert reaches."""

    HANDLER = "handler", "handler of the case", "案件处理人"
    DEPARTMENT_HEAD = "department_head", "head of the department", "部门负责人"
    SUPERVISION = "supervision", "supervision group", "预案监督小组"
    COMPLIANCE = "compliance", "compliance", "合规"
    PERSON = "person", "a named person", "指定人员"


@dataclass(frozen=True, slots=True)
class AlertStep:
    """A step of the alert chain: who is told, and for how long they may act before the next.

    A step that reaches nobody is skipped, and its time is not waited for.
    """

    cause: AlertCause
    to: Recipient
    patience_minutes: int
    person: PersonId | None = None


@dataclass(frozen=True, slots=True)
class ClockTerms:
    """One clock: what starts, stops and cancels it, and by when it must be stopped.

    ``lapses_on``: what cancels it too, but only within its time, so that nobody escapes a deadline
    that has passed. ``source``: where the promise stands. ``warn_percent``: of the time from start
    to deadline, None for no warning.
    """

    code: str
    name_en: str
    name_zh: str
    target: Target
    starts_on: tuple[str, ...]
    stops_on: tuple[str, ...]
    calendar: str
    source_en: str
    source_zh: str
    pauses: bool = False
    cancels_on: tuple[str, ...] = ()
    lapses_on: tuple[str, ...] = ()
    warn_percent: int | None = 80
    alerts: tuple[AlertStep, ...] = ()

    def check(self) -> None:
        """Refuse what no clock can be."""
        at = f"clocks.{self.code}"
        if not _CODE.fullmatch(self.code):
            raise InvalidValueError("clocks.code", Rule.CODE_FORMAT)
        _check_names(f"{at}.", self.name_en, self.name_zh)
        checked_text(self.source_en, field=f"{at}.sourceEn", max_length=_SOURCE_LENGTH)
        checked_text(self.source_zh, field=f"{at}.sourceZh", max_length=_SOURCE_LENGTH)
        most = _MOST_SECONDS if self.target.basis is Basis.ELAPSED else _MOST_DAYS
        if not 1 <= self.target.amount <= most:
            raise InvalidValueError(f"{at}.target", Rule.OUT_OF_RANGE, f"1-{most}")
        self._check_marks(at)
        if self.pauses and self.code in NEVER_PAUSING:
            raise InvalidValueError(f"{at}.pauses", Rule.NEVER_PAUSES)
        if self.warn_percent is not None and not 1 <= self.warn_percent < _PERCENT:
            raise InvalidValueError(f"{at}.warnPercent", Rule.OUT_OF_RANGE, "1-99")
        self._check_alerts(f"{at}.alerts")

    def _check_marks(self, at: str) -> None:
        known = vocabulary()
        for name, marks, needed in (
            ("startsOn", self.starts_on, True),
            ("stopsOn", self.stops_on, True),
            ("cancelsOn", self.cancels_on, False),
            ("lapsesOn", self.lapses_on, False),
        ):
            if needed and not marks:
                raise InvalidValueError(f"{at}.{name}", Rule.REQUIRED)
            if not known.keys() >= set(marks):
                raise InvalidValueError(f"{at}.{name}", Rule.NOT_IN_LIST, ", ".join(sorted(known)))
        if set(self.starts_on) & {*self.stops_on, *self.cancels_on, *self.lapses_on}:
            raise InvalidValueError(f"{at}.stopsOn", Rule.OTHER_THAN_START)

    def _check_alerts(self, at: str) -> None:
        if len(self.alerts) > _MOST_ALERTS:
            raise InvalidValueError(at, Rule.OUT_OF_RANGE, f"0-{_MOST_ALERTS}")
        for step in self.alerts:
            if not 0 <= step.patience_minutes <= _MOST_MINUTES:
                raise InvalidValueError(
                    f"{at}.patienceMinutes", Rule.OUT_OF_RANGE, f"0-{_MOST_MINUTES}"
                )
            if step.to is Recipient.PERSON and step.person is None:
                raise InvalidValueError(f"{at}.person", Rule.REQUIRED)
            if step.to is not Recipient.PERSON and step.person is not None:
                raise InvalidValueError(f"{at}.person", Rule.ONLY_FOR_PERSON)
            if step.person is not None:
                person_id(step.person, field=f"{at}.person")

    def chain(self, cause: AlertCause) -> tuple[AlertStep, ...]:
        """Return the steps of the alerts that a cause raises."""
        return tuple(step for step in self.alerts if step.cause is cause)


@dataclass(frozen=True, slots=True)
class DepartmentCalendar:
    """The calendar of a department that keeps days of its own."""

    department: str
    calendar: str


@dataclass(frozen=True, slots=True)
class ServiceLevelTerms:
    """What a version of a service-level policy decides.

    ``time_zone`` is that of cases whose unit has none of its own. ``accounts`` are partners under
    whose contract their cases fall. A clock that starts while a department of
    ``department_calendars`` has the case counts its days by that department's calendar.
    """

    name_en: str
    name_zh: str
    time_zone: str
    clocks: tuple[ClockTerms, ...]
    accounts: tuple[str, ...] = ()
    department_calendars: tuple[DepartmentCalendar, ...] = ()

    def check(self) -> None:
        """Refuse what no policy may say: doubles, what no clock can be, what the law forbids."""
        if not 1 <= len(self.clocks) <= _MOST_CLOCKS:
            raise InvalidValueError("clocks", Rule.OUT_OF_RANGE, f"1-{_MOST_CLOCKS}")
        _check_names("", self.name_en, self.name_zh)
        departments = [own.department for own in self.department_calendars]
        for name, given in (
            ("clocks.code", [clock.code for clock in self.clocks]),
            ("accounts", list(self.accounts)),
            ("departmentCalendars.department", departments),
        ):
            if len(set(given)) < len(given):
                raise InvalidValueError(name, Rule.EACH_ONCE, ", ".join(sorted(set(given))))
        for clock in self.clocks:
            clock.check()
        if len(self.accounts) > _MOST_ACCOUNTS:
            raise InvalidValueError("accounts", Rule.OUT_OF_RANGE, f"0-{_MOST_ACCOUNTS}")
        for account in self.accounts:
            person_id(account, field="accounts")
        for department in departments:
            checked_code(department, field="departmentCalendars.department")
        for limit in LEGAL_LIMITS:
            limit.check(self.clock(limit.code))

    def check_time_zone(self) -> None:
        """Refuse a time zone, one that exists, in which the days of the law end later."""
        for limit in LEGAL_LIMITS:
            limit.check_time_zone(self.clock(limit.code), self.time_zone)

    def clock(self, code: str) -> ClockTerms | None:
        """Return the terms of a clock, if the policy has it."""
        return next((clock for clock in self.clocks if clock.code == code), None)

    def calendar_of(self, clock: ClockTerms, department: str | None) -> str:
        """Return the code of the calendar by which a clock counts days."""
        own = (c.calendar for c in self.department_calendars if c.department == department)
        return next(own, clock.calendar)

    @property
    def calendars(self) -> set[str]:
        """The codes of all calendars that are named."""
        return {
            *(clock.calendar for clock in self.clocks),
            *(own.calendar for own in self.department_calendars),
        }


class Looseness(Labelled):
    """In what a clock is looser than the law."""

    LEFT_OUT = "clock_left_out", "it is left out", "缺少该时限"
    ENDS_LATER = "clock_ends_later", "its target ends later", "期限更长"
    STARTS_LESS = "clock_starts_less", "it starts on less, or lapses", "起算情形更少或可失效"
    STOPS_MORE = "clock_stops_more", "it stops on more", "停止计时的情形更多"
    CANCELS_MORE = "clock_cancels_more", "it is cancelled by more", "取消计时的情形更多"
    TIME_ZONE = (
        "clock_time_zone",
        "in the time zone of the policy (timeZone) its days end later",
        "按政策时区（timeZone）计算的日期结束更晚",
    )


@dataclass(frozen=True, slots=True)
class LegalSource:
    """Where the law stood from a day on."""

    since: date
    en: str
    zh: str


@dataclass(frozen=True, slots=True)
class LegalLimit:
    """What the law demands of a clock: a policy may be stricter, never looser."""

    code: str
    most: Target
    starts_on: tuple[str, ...]
    stops_on: tuple[str, ...]
    sources: tuple[LegalSource, ...]

    def source(self, on: date) -> LegalSource:
        """Return where the law stood on a day."""
        return next((s for s in reversed(self.sources) if s.since <= on), self.sources[0])

    def check(self, clock: ClockTerms | None) -> None:
        """Refuse a policy that leaves the clock out, or makes it looser."""
        looseness = self._looseness(clock)
        if looseness is not None:
            raise self._refusal(looseness)

    def check_time_zone(self, clock: ClockTerms | None, time_zone: str) -> None:
        """Refuse a zone whose days end later than those of the law.

        A target shorter by a day ends in time in any zone: none is a whole day behind.
        """
        if clock is not None and clock.target == self.most and _is_behind(time_zone, LAW_ZONE):
            raise self._refusal(Looseness.TIME_ZONE)

    def _refusal(self, looseness: Looseness) -> LooserThanLawError:
        source = self.sources[-1]
        return LooserThanLawError(self.code, looseness, source.en, source.zh)

    def _looseness(self, clock: ClockTerms | None) -> Looseness | None:
        if clock is None:
            return Looseness.LEFT_OUT
        for looseness, loose in (
            (Looseness.ENDS_LATER, not self.covers(clock.target)),
            (
                Looseness.STARTS_LESS,
                bool(clock.lapses_on) or not set(clock.starts_on) >= set(self.starts_on),
            ),
            (Looseness.STOPS_MORE, not set(clock.stops_on) <= set(self.stops_on)),
            (Looseness.CANCELS_MORE, not set(clock.cancels_on) <= _ENDINGS),
        ):
            if loose:
                return looseness
        return None

    def covers(self, target: Target) -> bool:
        """Say whether a target never ends later: fewer days, or no longer than these hours."""
        if target.basis is self.most.basis:
            return target.amount <= self.most.amount
        # Of working days none is sure to end in time: a long holiday is longer than the law.
        return target.basis is Basis.ELAPSED and target.amount <= self.most.amount * 86_400


@lru_cache(maxsize=600)
def _is_behind(time_zone: str, other: str) -> bool:
    """Say whether a day ever ends later in a zone than in another: in any month of these years."""
    moments = [
        datetime(year, month, 1, tzinfo=UTC)
        for year in range(_FIRST_YEAR, _LAST_YEAR + 1)
        for month in range(1, 13)
    ]
    here, there = ZoneInfo(time_zone), ZoneInfo(other)
    return any(
        at.astimezone(here).replace(tzinfo=UTC) < at.astimezone(there).replace(tzinfo=UTC)
        for at in moments
    )


def _check_names(at: str, en: str, zh: str) -> None:
    checked_text(en, field=f"{at}nameEn", max_length=_NAME_LENGTH)
    checked_text(zh, field=f"{at}nameZh", max_length=_NAME_LENGTH)


_ENDINGS: Final = frozenset({"declined", "withdrawn", "merged"})

LEGAL_LIMITS: Final = (
    LegalLimit(
        LEGAL_ANSWER,
        Target(Basis.CALENDAR_DAYS, 7),
        starts_on=("received", "reopened", "disputed"),
        stops_on=("answered",),
        sources=(
            LegalSource(
                date(2018, 5, 1),
                "Interim Regulations on Express Delivery, art. 28",
                "《快递暂行条例》第二十八条",
            ),
            LegalSource(
                date(2025, 6, 1),
                "Interim Regulations on Express Delivery (2025 revision), art. 29",
                "《快递暂行条例》（2025年修订）第二十九条",
            ),
        ),
    ),
)
"""The limits of the law (domain.md 3)."""
