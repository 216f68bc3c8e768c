"""The clocks of a case, folded from its events: started, paused, resumed, stopped, cancelled.

Events are folded in log order, with their business times. Read models and timers fold the same
events by these rules, and so does who asks for a moment of the past (domain.md 3).
"""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from domain.aggregate import DomainEvent
from domain.case_clocks import OF_A_CLOCK, RECORDED, CaseClocks, clock_id
from domain.labels import Labelled
from domain.service_levels.deadlines import Deadline, Pause, deadline
from domain.service_levels.marks import RESUMED, WAITING, CaseFacts, readings
from domain.service_levels.rules import Rules
from domain.service_levels.terms import AlertCause, ClockTerms


class ClockState(Labelled):
    """Where a clock stands (domain.md 3)."""

    RUNNING = "running", "running", "计时中"
    PAUSED = "paused", "paused", "已暂停"
    MET = "met", "met", "按时完成"
    MET_LATE = "met_late", "met late", "逾期完成"
    BREACHED = "breached", "breached", "已超时"
    CANCELLED = "cancelled", "cancelled", "已取消"


LIVE: Final = frozenset({ClockState.RUNNING, ClockState.PAUSED, ClockState.BREACHED})
"""A clock that can still be stopped."""
_STOPPED: Final = frozenset({ClockState.MET, ClockState.MET_LATE})
RECOMPUTED: Final = "recomputed"
"""What annotates a breach whose deadline a new calendar moved."""
_RECORDED: Final = frozenset(event.TOPIC for event in RECORDED)
REBASED: Final = "rebased"
"""How a clock ends that the new policy of its case does not have."""


@dataclass(frozen=True, slots=True)
class Recomputation:
    """A deadline that a change of the calendar moved, or confirmed."""

    at: datetime
    old_due_at: datetime
    new_due_at: datetime
    calendar_version: int
    reason: str | None


@dataclass(frozen=True, slots=True)
class Alert:
    """A step of the alert chain that was taken."""

    cause: AlertCause
    step: int
    at: datetime


@dataclass(slots=True)
class Clock:
    """One instance of a clock; ``due_at`` of a paused one is what it was at the pause.

    ``department``: which had the case at the start. ``annotated_by``: the mark that was reported
    late after a breach was on record.
    """

    id: UUID
    code: str
    number: int
    policy: str
    policy_version: int
    calendar: str
    calendar_version: int
    zone: str
    started_at: datetime
    started_by: str
    department: str | None
    due_at: datetime
    warn_at: datetime | None = None
    state: ClockState = ClockState.RUNNING
    provisional: bool = False
    rolled_to: datetime | None = None
    left: int | None = None
    pauses: list[Pause] = field(default_factory=list)
    warned_at: datetime | None = None
    breached_at: datetime | None = None
    annotated_at: datetime | None = None
    annotated_by: str | None = None
    annotation_recorded: bool = False
    ended_at: datetime | None = None
    ended_by: str | None = None
    alerts: list[Alert] = field(default_factory=list)
    recomputed: list[Recomputation] = field(default_factory=list)

    @property
    def live(self) -> bool:
        """Whether it can still be stopped."""
        return self.state in LIVE

    @property
    def paused_seconds(self) -> int:
        """How long it stood still, in pauses that have ended."""
        ended = (p.until - p.since for p in self.pauses if p.until is not None)
        return int(sum(ended, timedelta()).total_seconds())


@dataclass(frozen=True, slots=True)
class Told:
    """Marks that an event set, at its business time, while a department had the case."""

    at: datetime
    position: int
    marks: tuple[str, ...]
    department: str | None


@dataclass(slots=True)
class Docket:
    """The clocks of one case and what they depend on; ``version`` is that of the clock stream.

    ``source``: the import it came from. ``told_by``: the streams whose events concerned it.
    ``waits``: when the customer was waited for, as it was told; the last may not be over. Zone
    and policy are those with which the case began, until a command puts it under another one.
    """

    case: UUID
    facts: CaseFacts
    zone: str
    historical: bool
    source: str | None
    policy: str | None
    policy_version: int
    last_at: datetime
    began_under: tuple[str | None, int]
    clocks: list[Clock] = field(default_factory=list)
    told: list[Told] = field(default_factory=list)
    told_by: list[UUID] = field(default_factory=list)
    waits: list[Pause] = field(default_factory=list)
    version: int = 0

    def find(self, code: str, number: int) -> Clock | None:
        """Return an instance of a clock."""
        return next((c for c in self.clocks if c.code == code and c.number == number), None)

    def terms(self, clock: Clock, rules: Rules) -> ClockTerms:
        """Return the terms under which a clock runs."""
        found = rules.terms(clock.policy, clock.policy_version).clock(clock.code)
        assert found is not None
        return found


def concerns(topic: str) -> bool:
    """Say whether events of a topic may concern the clocks of a case."""
    return topic in _RECORDED or topic in readings()


def case_of(event: DomainEvent) -> UUID:
    """Return the case whose clocks an event concerns."""
    if isinstance(event, RECORDED):
        return event.case
    return readings()[event.TOPIC].case_of(event)


def fold(
    docket: Docket | None,
    event: DomainEvent,
    position: int,
    rules: Rules,
    pinned: Docket | None = None,
) -> Docket | None:
    """Return the clocks after an event; the docket that comes in is changed.

    None: no clock can ever concern the case, or its beginning is not among the events. ``pinned``
    gives policy and zone to a case that is folded again when the rules know more than they did.
    """
    if isinstance(event, RECORDED):
        if docket is not None:
            _record(docket, event, position, rules)
            _heard(docket, event)
            docket.version = event.originator_version
        return docket
    reading = readings().get(event.TOPIC)
    if reading is None:
        return docket
    if docket is None:
        marked = None if reading.beginning is None else reading.beginning(event)
        if marked is not None:
            docket = _begun(event, marked.facts, rules, pinned)
    else:
        marked = None if reading.marking is None else reading.marking(event, docket.facts)
    if docket is not None and marked is not None:
        docket.facts = marked.facts
        _heard(docket, event)
        if marked.marks:
            told = Told(event.meta.occurred_at, position, marked.marks, marked.facts.department)
            docket.told.append(told)
            _happen(docket, told, rules, None)
    return docket


def _heard(docket: Docket, event: DomainEvent) -> None:
    docket.last_at = max(docket.last_at, event.meta.occurred_at)
    if event.originator_id not in docket.told_by:
        docket.told_by.append(event.originator_id)


def _begun(event: DomainEvent, facts: CaseFacts, rules: Rules, pinned: Docket | None) -> Docket:
    at = event.meta.occurred_at
    if pinned is not None:
        (code, version), zone = pinned.began_under, pinned.zone
    else:
        code, version = rules.policy(facts.policy, facts.partner, at)
        zone = rules.zone(facts.outlet, facts.region, code, version)
    return Docket(
        case=event.originator_id,
        facts=facts,
        zone=zone,
        historical=event.meta.source.historical,
        source=event.meta.source.name,
        policy=code,
        policy_version=version,
        last_at=at,
        began_under=(code, version),
    )


def _happen(docket: Docket, told: Told, rules: Rules, only: frozenset[str] | None) -> None:
    """Let marks take effect: stop, then start. ``only``: what is told again, to these clocks."""
    marks = set(told.marks)
    if only is None:
        _wait(docket, marks, told.at)
    for clock in docket.clocks:
        if only is None or clock.code in only:
            _touch(docket, clock, marks, told, rules)
    if docket.policy is None:
        return
    live = {clock.code for clock in docket.clocks if clock.live}
    for terms in rules.terms(docket.policy, docket.policy_version).clocks:
        if only is not None and terms.code not in only:
            continue
        by = next((mark for mark in terms.starts_on if mark in marks), None)
        if by is None or terms.code in live or (only is not None and _known(docket, terms, told)):
            continue
        docket.clocks.append(_started(docket, terms, by, told, rules))


def _wait(docket: Docket, marks: set[str], at: datetime) -> None:
    waits = docket.waits
    waiting = bool(waits) and waits[-1].until is None
    if WAITING in marks and not waiting:
        waits.append(Pause(at))
    elif RESUMED in marks and waiting:
        waits[-1] = replace(waits[-1], until=max(at, waits[-1].since))


def _known(docket: Docket, terms: ClockTerms, told: Told) -> bool:
    """Say whether what is told again started the clock already, under an earlier policy."""
    return any(c.code == terms.code and c.started_at == told.at for c in docket.clocks)


def _touch(docket: Docket, clock: Clock, marks: set[str], told: Told, rules: Rules) -> None:
    terms, at = docket.terms(clock, rules), told.at
    stop = next((mark for mark in terms.stops_on if mark in marks), None)
    # What is reported late also ends a clock that was stopped later by business time.
    earlier = clock.state in _STOPPED and clock.ended_at is not None and at < clock.ended_at
    if stop is not None and at >= clock.started_at and (clock.live or earlier):
        _stop(docket, clock, stop, told, rules)
        return
    if not clock.live:
        return
    cancel = next((mark for mark in terms.cancels_on if mark in marks), None)
    lapse = next((mark for mark in terms.lapses_on if mark in marks), None)
    if cancel is not None or lapse is not None:
        found = compute(docket, clock, terms, rules, until=at)
        by = cancel or (lapse if at <= found.due_at else None)
        if by is not None:
            _set(docket, clock, terms, found, until=at)
            if at <= clock.due_at:
                _annotate(clock, by, at)
            _end(clock, ClockState.CANCELLED, by, max(at, clock.started_at))
    elif terms.pauses and marks & {WAITING, RESUMED}:
        _know_calendar(clock, told, rules)
        _settle(docket, clock, rules, WAITING, at)


def _stop(docket: Docket, clock: Clock, by: str, told: Told, rules: Rules) -> None:
    """End a clock by what it waits for; waits after it never were, to this clock."""
    terms, at = docket.terms(clock, rules), told.at
    _know_calendar(clock, told, rules)
    _set(docket, clock, terms, compute(docket, clock, terms, rules, until=at), until=at)
    in_time = at <= clock.due_at
    if in_time:
        _annotate(clock, by, at)
    _end(clock, ClockState.MET if in_time else ClockState.MET_LATE, by, at)


def _know_calendar(clock: Clock, told: Told, rules: Rules) -> None:
    """Let the days that remained at a pause be counted by the calendar known now."""
    if clock.state is ClockState.PAUSED:
        clock.calendar_version = rules.calendars.version_at(clock.calendar, told.position)


def _started(docket: Docket, terms: ClockTerms, by: str, told: Told, rules: Rules) -> Clock:
    assert docket.policy is not None
    policy = rules.terms(docket.policy, docket.policy_version)
    calendar = policy.calendar_of(terms, told.department)
    number = 1 + sum(other.code == terms.code for other in docket.clocks)
    clock = Clock(
        id=clock_id(docket.case, terms.code, number),
        code=terms.code,
        number=number,
        policy=docket.policy,
        policy_version=docket.policy_version,
        calendar=calendar,
        calendar_version=rules.calendars.version_at(calendar, told.position),
        zone=docket.zone,
        started_at=told.at,
        started_by=by,
        department=told.department,
        due_at=told.at,
    )
    _settle(docket, clock, rules, by, told.at)
    return clock


def _settle(docket: Docket, clock: Clock, rules: Rules, by: str, at: datetime) -> None:
    """Set the deadline of a live clock, and whether it runs, stands still, or is past it.

    ``by``, ``at``: what disproves a breach on record, should the deadline be later now.
    """
    terms = docket.terms(clock, rules)
    _set(docket, clock, terms, compute(docket, clock, terms, rules))
    if clock.left is not None:
        clock.state = ClockState.PAUSED
        _annotate(clock, by, at)
    elif clock.breached_at is not None and clock.due_at <= clock.breached_at:
        clock.state = ClockState.BREACHED
        _take_back_annotation(clock)
    else:
        clock.state = ClockState.RUNNING
        _annotate(clock, by, at)


def _set(
    docket: Docket,
    clock: Clock,
    terms: ClockTerms,
    found: Deadline,
    until: datetime | None = None,
) -> None:
    clock.due_at, clock.provisional = found.due_at, found.provisional
    clock.rolled_to, clock.left = found.rolled_to, found.left
    clock.pauses = _pauses(docket, clock, terms, until)[: found.pauses]
    clock.warn_at = None
    if terms.warn_percent is not None:
        clock.warn_at = _warn_at(clock, terms.warn_percent)


def _warn_at(clock: Clock, percent: int) -> datetime | None:
    """Return the moment of the warning, at a pause that of its end; None: it has not ended."""
    at = clock.started_at + (clock.due_at - clock.started_at) * percent / 100
    for pause in clock.pauses:
        if pause.since <= at and (pause.until is None or at < pause.until):
            return pause.until
    return at


def compute(
    docket: Docket,
    clock: Clock,
    terms: ClockTerms,
    rules: Rules,
    until: datetime | None = None,
) -> Deadline:
    """Return the deadline that follows from what is known of a clock, or was so far."""
    calendar = rules.calendars.calendar(clock.calendar, clock.calendar_version)
    pauses = _pauses(docket, clock, terms, until)
    return deadline(terms.target, clock.started_at, ZoneInfo(clock.zone), calendar, pauses)


def _pauses(docket: Docket, clock: Clock, terms: ClockTerms, until: datetime | None) -> list[Pause]:
    """Return the waits since the start of a clock, in order and none within another."""
    found: list[Pause] = []
    for wait in sorted(docket.waits, key=lambda wait: wait.since) if terms.pauses else ():
        since, end = max(wait.since, clock.started_at), wait.until
        if until is not None:
            end = until if end is None else min(end, until)
        if end is not None and end <= since:
            continue
        last = found[-1] if found else None
        if last is not None and (last.until is None or since < last.until):
            ends = None if last.until is None or end is None else max(last.until, end)
            found[-1] = Pause(last.since, ends)
        else:
            found.append(Pause(since, end))
    return found


def _end(clock: Clock, state: ClockState, by: str, at: datetime) -> None:
    clock.state, clock.ended_by, clock.ended_at = state, by, at
    clock.left = None


def _annotate(clock: Clock, by: str, at: datetime) -> None:
    """Note beside a breach on record that it was none by business time."""
    if clock.breached_at is not None and clock.annotated_at is None:
        clock.annotated_at, clock.annotated_by = at, by


def _take_back_annotation(clock: Clock) -> None:
    clock.annotated_at = clock.annotated_by = None
    clock.annotation_recorded = False


def _record(docket: Docket, event: DomainEvent, position: int, rules: Rules) -> None:
    """Take in what the timers, or a command, put on record."""
    if isinstance(event, CaseClocks.Rebased):
        _rebase(docket, event, position, rules)
        return
    assert isinstance(event, OF_A_CLOCK)
    clock = docket.find(event.clock, event.number)
    if clock is None:
        return
    at = event.meta.occurred_at
    match event:
        case CaseClocks.Warned():
            clock.warned_at = at
        case CaseClocks.Breached():
            _breached(clock, event.due_at)
        case CaseClocks.BreachAnnotated():
            clock.annotation_recorded = True
        case CaseClocks.Alerted():
            clock.alerts.append(Alert(event.cause, event.step, at))
        case CaseClocks.DeadlineRecomputed():
            _recompute(docket, clock, event, rules)


def _breached(clock: Clock, due_at: datetime) -> None:
    """Mark the breach; annotate it if what the timers did not know yet disproves it."""
    clock.breached_at = due_at
    _take_back_annotation(clock)
    if not clock.live:
        if clock.ended_by and clock.ended_at is not None and clock.ended_at <= clock.due_at:
            _annotate(clock, clock.ended_by, clock.ended_at)
    elif clock.state is not ClockState.PAUSED and clock.due_at <= due_at:
        clock.state = ClockState.BREACHED
    elif clock.pauses:
        _annotate(clock, WAITING, clock.pauses[-1].since)


def _recompute(
    docket: Docket, clock: Clock, event: CaseClocks.DeadlineRecomputed, rules: Rules
) -> None:
    if not clock.live:  # it ended meanwhile, by the calendar of its time
        return
    old, meta = clock.due_at, event.meta
    clock.calendar_version = event.calendar_version
    _settle(docket, clock, rules, RECOMPUTED, meta.occurred_at)
    clock.recomputed.append(
        Recomputation(meta.occurred_at, old, clock.due_at, event.calendar_version, meta.reason)
    )


def _rebase(docket: Docket, event: CaseClocks.Rebased, position: int, rules: Rules) -> None:
    """Let live clocks go on under the new terms, and start what the old policy did not have.

    What has ended keeps its outcome. A new clock takes in all that happened since the beginning.
    """
    had: set[str] = set()
    if docket.policy is not None:
        had = {c.code for c in rules.terms(docket.policy, docket.policy_version).clocks}
    docket.policy, docket.policy_version = event.policy, event.policy_version
    policy, at = rules.terms(event.policy, event.policy_version), event.meta.occurred_at
    for clock in docket.clocks:
        if not clock.live:
            continue
        terms = policy.clock(clock.code)
        if terms is None:
            _end(clock, ClockState.CANCELLED, REBASED, at)
            continue
        clock.policy, clock.policy_version = event.policy, event.policy_version
        clock.calendar = policy.calendar_of(terms, clock.department)
        clock.calendar_version = rules.calendars.version_at(clock.calendar, position)
        _settle(docket, clock, rules, REBASED, at)
    new = frozenset(clock.code for clock in policy.clocks) - had
    for told in docket.told if new else ():
        _happen(docket, told, rules, new)
