"""A second opinion on clocks, written from domain.md 3 in the most naive way.

It imports nothing of the product: no calendar, no table, no type. Facts are plain dicts in log
order, ``{"at": datetime, "position": int, "what": "received", ...}``; the answer is a plain list.

Where domain.md is silent, it reads:
- a clock that starts while the case waits starts paused;
- a stop or a cancellation ends an open pause;
- ``paused_seconds`` counts pauses that have ended;
- while a clock is paused, ``due_at`` is the deadline as it stood when the pause began;
- rejecting, disputing and reopening void what was proposed, so that an answer after them that
  proposes no money anew refuses the compensation;
- a stop that is reported late ends a clock earlier that a later fact had stopped;
- closing cancels clocks within their time that nobody could stop any more;
- any answer ends forwarding, also a later one of a case that never went to a department.
"""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from tests.sla.oracle_calendar import PlainCalendar

Fact = dict[str, Any]
Clock = dict[str, Any]
Pauses = list[tuple[datetime, datetime]]

DEFAULT_POLICY: dict[str, dict[str, Any]] = {
    "forwarding": {"amount": 1, "unit": "working_days", "pauses": False},
    "first_feedback": {"amount": 24 * 3600, "unit": "seconds", "pauses": False},
    "answer": {"amount": 3, "unit": "working_days", "pauses": True},
    "legal_answer": {"amount": 7, "unit": "calendar_days", "pauses": False},
    "compensation": {"amount": 10, "unit": "working_days", "pauses": True},
    "major_response": {"amount": 30 * 60, "unit": "seconds", "pauses": True},
    "major_solution": {"amount": 4 * 3600, "unit": "seconds", "pauses": True},
    "quality_departments_told": {"amount": 30 * 60, "unit": "seconds", "pauses": True},
    "quality_solution": {"amount": 8 * 3600, "unit": "seconds", "pauses": True},
}
KEY_ACCOUNT_POLICY = {
    **DEFAULT_POLICY,
    "ordinary_solution": {"amount": 12 * 3600, "unit": "seconds", "pauses": True},
}
STOPPED_BY = {
    "forwarding": ("assigned", "answered"),
    "first_feedback": ("feedback", "answered", "waiting"),
    "answer": ("answered",),
    "legal_answer": ("answered",),
    "compensation": ("closed",),  # and by some remedies and answers
    "major_response": ("feedback", "answered", "waiting"),
    "major_solution": ("proposed", "answered"),
    "quality_departments_told": ("quality_departments_told",),
    "quality_solution": ("quality_solution_sent",),
    "ordinary_solution": ("proposed", "answered"),
}
MAJOR = ("major_response", "major_solution")
QUALITY = ("quality_departments_told", "quality_solution")
FOR_OPEN_CASES = (*MAJOR, *QUALITY, "ordinary_solution")
ENDS_A_CASE = ("withdrawn", "merged", "declined")


# Deadlines


def due_at(
    target: dict[str, Any],
    start: datetime,
    zone: ZoneInfo,
    calendar: PlainCalendar,
    pauses: Pauses,
) -> datetime:
    """Walk to the deadline, day after day."""
    if target["unit"] == "seconds":
        due = start.astimezone(UTC) + timedelta(seconds=target["amount"])
        for since, until in pauses:
            due += until.astimezone(UTC) - since.astimezone(UTC)
        return due

    def counts(day: date) -> bool:
        return target["unit"] == "calendar_days" or calendar.works(day)

    local = [(a.astimezone(zone).date(), b.astimezone(zone).date()) for a, b in pauses]
    waits = [(since, until) for since, until in local if since != until]
    day = start.astimezone(zone).date()
    left = target["amount"]
    while True:
        if waits and waits[0][0] <= day:
            day = waits.pop(0)[1]
            if left == 0 and not counts(day):
                left = 1
        elif left == 0:
            return midnight_after(day, zone)
        else:
            day += timedelta(days=1)
            if counts(day):
                left -= 1


def midnight_after(day: date, zone: ZoneInfo) -> datetime:
    """Find the first instant of the next local day by stepping through the last hours of this."""
    instant = datetime.combine(day, time(12), zone).astimezone(UTC)
    for step in (timedelta(hours=1), timedelta(minutes=1), timedelta(seconds=1)):
        while (instant + step).astimezone(zone).date() == day:
            instant += step
    return instant + timedelta(seconds=1)


# A case


def clocks(
    facts: list[Fact],
    *,
    policy: dict[str, dict[str, Any]],
    calendar: PlainCalendar,
    zone: ZoneInfo,
    as_of: datetime,
) -> list[Clock]:
    """Say how every clock of a case stands at an instant, by business time."""
    case = Case(policy, calendar, zone)
    for fact in facts:
        if fact["at"] <= as_of:
            case.take(fact)
    return [case.report(clock, as_of) for clock in case.clocks]


class Case:
    """What a naive clerk writes down while reading the file of a case."""

    def __init__(
        self, policy: dict[str, dict[str, Any]], calendar: PlainCalendar, zone: ZoneInfo
    ) -> None:
        self.policy, self.calendar, self.zone = policy, calendar, zone
        self.clocks: list[Clock] = []
        self.severity = self.category = ""
        self.urgent = self.escalated = False
        self.has_department = False
        self.seeks_compensation = self.promised_money = False
        self.waits: Pauses = []
        self.waiting_since: datetime | None = None

    def take(self, fact: Fact) -> None:
        what, at = fact["what"], fact["at"]
        was_major, was_quality = self.severity == "major", self.is_quality_emergency()
        self.note(fact)
        if what in ENDS_A_CASE:
            for clock in self.clocks:
                self.cancel(clock, at)
            return
        for clock in self.clocks:
            if self.is_stopped_by(clock["clock"], fact) and at >= clock["started_at"]:
                self.end(clock, at, "stopped")
                if clock["ended"] == "stopped" and at < clock["ended_at"]:
                    self.wait_anew(clock)
                    self.cut(clock, at)
        if what == "closed":
            for clock in self.clocks:
                if clock["clock"] in FOR_OPEN_CASES and self.is_in_time(clock, at):
                    self.cancel(clock, at)
        self.pause_or_resume(what, at)
        self.cancel_what_no_longer_applies(
            at, was_major=was_major, was_quality=was_quality, escalates=what == "escalated"
        )
        self.start_what_applies_now(what, at, was_major=was_major, was_quality=was_quality)

    def note(self, fact: Fact) -> None:
        """Write down what the case is about now."""
        what = fact["what"]
        if what == "received":
            self.seeks_compensation = fact["seeks_compensation"]
        if what == "compensation_sought":
            self.seeks_compensation = True
        if what == "raised_to_major":
            self.severity = "major"
        else:
            self.severity = fact.get("severity", self.severity)
        self.category = fact.get("category", self.category)
        self.urgent = fact.get("urgent", self.urgent)
        if what == "escalated":
            self.escalated = True
        if what == "assigned":
            self.has_department = True
        if what == "proposed":
            self.promised_money = fact["money_measures"]
        if what in ("rejected", "disputed", "reopened"):
            self.promised_money = False

    def is_quality_emergency(self) -> bool:
        return self.category == "product_quality" and (self.severity == "major" or self.urgent)

    def is_stopped_by(self, name: str, fact: Fact) -> bool:
        what = fact["what"]
        if name == "compensation" and what == "remedied":
            return bool(fact["money"] or fact["last"])
        if name == "compensation" and what == "answered":
            return not self.promised_money
        return what in STOPPED_BY[name]

    # What begins and ends

    def start(self, name: str, at: datetime) -> None:
        if name not in self.policy or any(c["clock"] == name and is_live(c) for c in self.clocks):
            return
        clock = {
            "clock": name,
            "instance": sum(c["clock"] == name for c in self.clocks) + 1,
            "started_at": at,
            "ended": None,
            "ended_at": None,
            "pauses": [],
            "paused_since": None,
        }
        self.clocks.append(clock)
        for since, until in self.waits:  # a start that is reported late
            if until > at:
                self.pause(clock, since)
                self.resume(clock, until)
        if self.waiting_since is not None:
            self.pause(clock, self.waiting_since)

    def start_what_applies_now(
        self, what: str, at: datetime, *, was_major: bool, was_quality: bool
    ) -> None:
        anew = what in ("reopened", "disputed")
        if what == "received" or (anew and not self.has_department):
            self.start("forwarding", at)
        if what == "received" or anew:
            self.start("first_feedback", at)
            self.start("answer", at)
            self.start("legal_answer", at)
        if self.seeks_compensation and (what in ("received", "compensation_sought") or anew):
            self.start("compensation", at)
        if what == "escalated" or (self.severity == "major" and not was_major):
            for name in MAJOR:
                self.start(name, at)
        if what == "received" and self.severity != "major":
            self.start("ordinary_solution", at)
        if self.is_quality_emergency() and not was_quality:
            for name in QUALITY:
                self.start(name, at)

    def cancel_what_no_longer_applies(
        self, at: datetime, *, was_major: bool, was_quality: bool, escalates: bool
    ) -> None:
        is_major = self.severity == "major"
        for clock in self.clocks:
            lowered = clock["clock"] in MAJOR and was_major and not is_major and not self.escalated
            ceased = clock["clock"] in QUALITY and was_quality and not self.is_quality_emergency()
            overtaken = clock["clock"] == "ordinary_solution" and (
                escalates or (is_major and not was_major)
            )
            if (lowered or ceased or overtaken) and self.is_in_time(clock, at):
                self.cancel(clock, at)

    def cancel(self, clock: Clock, at: datetime) -> None:
        self.end(clock, at, "cancelled")

    def end(self, clock: Clock, at: datetime, how: str) -> None:
        if is_live(clock):
            self.resume(clock, at)
            clock["ended"] = how
            self.cut(clock, at)

    def cut(self, clock: Clock, at: datetime) -> None:
        """What comes after the end by business time never was, to this clock."""
        clock["pauses"] = [(a, min(b, at)) for a, b in clock["pauses"] if a < at]
        clock["ended_at"] = at

    def wait_anew(self, clock: Clock) -> None:
        """Take in also those waits that were told after the clock had ended."""
        clock["pauses"] = []
        open_one = [] if self.waiting_since is None else [(self.waiting_since, clock["ended_at"])]
        for since, until in sorted(self.waits + open_one):
            start = max(since, clock["started_at"])
            if self.policy[clock["clock"]]["pauses"] and start < min(until, self.due(clock)):
                clock["pauses"].append((start, until))

    # Pauses

    def pause_or_resume(self, what: str, at: datetime) -> None:
        if what == "waiting":
            self.waiting_since = at
            for clock in self.clocks:
                self.pause(clock, at)
        if what == "resumed":
            if self.waiting_since is not None:
                self.waits.append((self.waiting_since, max(self.waiting_since, at)))
            self.waiting_since = None
            for clock in self.clocks:
                self.resume(clock, at)

    def pause(self, clock: Clock, at: datetime) -> None:
        earliest = clock["pauses"][-1][1] if clock["pauses"] else clock["started_at"]
        since = max(at, earliest)
        pausable = self.policy[clock["clock"]]["pauses"] and is_live(clock)
        if pausable and clock["paused_since"] is None and since < self.due(clock):
            clock["paused_since"] = since

    def resume(self, clock: Clock, at: datetime) -> None:
        since = clock["paused_since"]
        if since is not None:
            clock["pauses"].append((since, max(since, at)))
            clock["paused_since"] = None

    # What comes of it

    def due(self, clock: Clock) -> datetime:
        target = self.policy[clock["clock"]]
        return due_at(target, clock["started_at"], self.zone, self.calendar, clock["pauses"])

    def is_in_time(self, clock: Clock, at: datetime) -> bool:
        return clock["paused_since"] is not None or at <= self.due(clock)

    def report(self, clock: Clock, as_of: datetime) -> Clock:
        due = self.due(clock)
        if clock["ended"] == "cancelled":
            state = "cancelled"
        elif clock["ended"] == "stopped":
            state = "met" if clock["ended_at"] <= due else "met_late"
        elif clock["paused_since"] is not None:
            state = "paused"
        else:
            state = "breached" if as_of >= due else "running"
        return {
            "clock": clock["clock"],
            "instance": clock["instance"],
            "started_at": clock["started_at"],
            "due_at": due,
            "state": state,
            "stopped_at": clock["ended_at"],
            "paused_seconds": sum((b - a).total_seconds() for a, b in clock["pauses"]),
        }


def is_live(clock: Clock) -> bool:
    return clock["ended"] is None
