"""What the timers put on record of a case, and when they look at it next. Pure: times come in.

A warning before the deadline, a breach after it, alerts along the chain, and the note beside a
breach that a late report disproved; each once (domain.md 3).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

from domain.case_clocks import CaseClocks, clocks_id
from domain.metadata import Metadata
from domain.roles import PersonId
from domain.service_levels.docket import Alert, Clock, ClockState, Docket, compute
from domain.service_levels.rules import Rules
from domain.service_levels.terms import AlertCause, AlertStep, Recipient


class Recipients(Protocol):
    """Knows who holds which role."""

    def people(self, to: Recipient, department: str | None, at: datetime) -> tuple[PersonId, ...]:
        """Return whom an alert reaches at that time."""


class MetaAt(Protocol):
    """Makes the envelope of an event of the timers."""

    def __call__(self, at: datetime, clock: Clock) -> Metadata:
        """Return it for a business time and the clock that it is about."""


_EVERYTHING: Final = 2**62
"""A position behind everything that is known."""
_NEVER: Final = datetime.max.replace(tzinfo=UTC)
_LOOK_AGAIN: Final = timedelta(hours=1)
"""After this long somebody may hold a role that nobody held."""


@dataclass(frozen=True, slots=True)
class _Due:
    """A step of an alert chain whose turn it is."""

    cause: AlertCause
    number: int
    step: AlertStep
    people: tuple[PersonId, ...]


def next_due(docket: Docket, rules: Rules, *, idle_at: datetime | None = None) -> datetime | None:
    """Return when the case has to be looked at next; None: not before something happens to it.

    ``idle_at``: it was looked at then, and what was due had nobody to go to.
    """
    moments = [at for clock in docket.clocks for at in _moments(docket, clock, rules)]
    if idle_at is not None:
        again = idle_at + _LOOK_AGAIN
        moments = [at if at > idle_at else again for at in moments]
    return min(moments, default=None)


def _moments(docket: Docket, clock: Clock, rules: Rules) -> Iterator[datetime]:
    if clock.annotated_at is not None and not clock.annotation_recorded:
        yield clock.annotated_at
    ran_until = _ran_until(clock)
    for moment in (_warning(docket, clock), _breach(clock)):
        if moment is not None and moment < ran_until:
            yield moment
    if not docket.historical:
        alert_at = _next_alert_at(docket, clock, rules)
        if alert_at is not None:
            yield alert_at


def act(
    docket: Docket, now: datetime, rules: Rules, recipients: Recipients, meta: MetaAt
) -> CaseClocks | None:
    """Return the stream with the events that are due, to be appended; None: nothing is due."""
    record = CaseClocks(clocks_id(docket.case))
    record.version = docket.version
    for clock in docket.clocks:
        _act_on(record, docket, clock, now, rules, recipients, meta)
    return record if record.pending_events else None


def _act_on(
    record: CaseClocks,
    docket: Docket,
    clock: Clock,
    now: datetime,
    rules: Rules,
    recipients: Recipients,
    meta: MetaAt,
) -> None:
    case, code, number = docket.case, clock.code, clock.number
    if clock.annotated_at is not None and not clock.annotation_recorded:
        assert clock.annotated_by is not None
        record.annotate(
            case,
            code,
            number,
            clock.annotated_by,
            clock.annotated_at,
            meta(clock.annotated_at, clock),
        )
    cause, ran_until = None, _ran_until(clock)
    warn_at, due_at = _warning(docket, clock), _breach(clock)
    if warn_at is not None and warn_at <= now and warn_at < ran_until:
        record.warn(case, code, number, clock.due_at, meta(warn_at, clock))
        cause = AlertCause.WARNING
    if due_at is not None and due_at <= now and due_at < ran_until:
        record.breach(case, code, number, due_at, meta(due_at, clock))
        cause = AlertCause.BREACH
    if docket.historical:
        return
    if clock.state is not ClockState.RUNNING:
        cause = None  # what has ended meanwhile needs nobody's care
    due = _next_alert(docket, clock, cause, now, rules, recipients)
    if due is not None:
        record.alert(
            meta(now, clock),
            case=case,
            clock=code,
            number=number,
            cause=due.cause,
            step=due.number,
            to=due.step.to,
            people=due.people,
        )


def _warning(docket: Docket, clock: Clock) -> datetime | None:
    """Return when a warning is to come: once, and not about the imported past."""
    known = clock.warned_at is not None or clock.breached_at is not None
    return None if known or docket.historical else clock.warn_at


def _breach(clock: Clock) -> datetime | None:
    """Return when a breach is to come that is not on record; one was of an earlier deadline."""
    known = clock.breached_at is not None and clock.breached_at >= clock.due_at
    return None if known else clock.due_at


def _ran_until(clock: Clock) -> datetime:
    """Return until when a clock ran: what fell before is recorded, however late it is noticed."""
    if clock.state is ClockState.PAUSED:
        return clock.pauses[-1].since
    return clock.ended_at or _NEVER


def _chain(
    docket: Docket, clock: Clock, cause: AlertCause, rules: Rules
) -> tuple[tuple[AlertStep, ...], Alert | None]:
    """Return the steps of a chain, and the last one that was taken.

    A breach that was disproved can come again, at a later deadline: its chain then begins anew.
    """
    taken = [alert for alert in clock.alerts if alert.cause is cause]
    if cause is AlertCause.BREACH:
        taken = [alert for alert in taken if alert.at >= clock.due_at]
    return docket.terms(clock, rules).chain(cause), taken[-1] if taken else None


def _cause(clock: Clock) -> AlertCause | None:
    if clock.state is ClockState.BREACHED:
        return AlertCause.BREACH
    if clock.state is ClockState.RUNNING and clock.warned_at is not None:
        return AlertCause.WARNING
    return None


def _next_alert_at(docket: Docket, clock: Clock, rules: Rules) -> datetime | None:
    cause = _cause(clock)
    if cause is None:
        return None
    chain, last = _chain(docket, clock, cause, rules)
    if last is None:
        return (clock.warned_at or clock.due_at) if chain else None
    if last.step + 1 >= len(chain):
        return None
    return last.at + timedelta(minutes=chain[last.step].patience_minutes)


def _next_alert(
    docket: Docket,
    clock: Clock,
    arisen: AlertCause | None,
    now: datetime,
    rules: Rules,
    recipients: Recipients,
) -> _Due | None:
    """Return the step whose turn it is; one that reaches nobody is passed over at once."""
    cause = arisen or _cause(clock)
    if cause is None:
        return None
    if arisen is None:
        at = _next_alert_at(docket, clock, rules)
        if at is None or at > now:
            return None
    chain, last = _chain(docket, clock, cause, rules)
    for number in range(0 if last is None else last.step + 1, len(chain)):
        step, facts = chain[number], docket.facts
        people: tuple[PersonId, ...]
        if step.to is Recipient.PERSON:
            people = () if step.person is None else (step.person,)
        elif step.to is Recipient.HANDLER:
            people = () if facts.handler is None else (PersonId(facts.handler),)
        else:
            people = recipients.people(step.to, facts.department, now)
        if people:
            return _Due(cause, number, step, people)
    return None


def recompute(docket: Docket, now: datetime, rules: Rules, meta: MetaAt) -> CaseClocks | None:
    """Return the stream with the deadlines that the calendars of now move or confirm."""
    record = CaseClocks(clocks_id(docket.case))
    record.version = docket.version
    for clock in docket.clocks:
        version = rules.calendars.version_at(clock.calendar, _EVERYTHING)
        if not clock.live or version == clock.calendar_version:
            continue
        before = (clock.due_at, clock.provisional, clock.rolled_to, clock.left)
        known, clock.calendar_version = clock.calendar_version, version
        found = compute(docket, clock, docket.terms(clock, rules), rules)
        clock.calendar_version = known
        if (found.due_at, found.provisional, found.rolled_to, found.left) != before:
            record.recompute(
                meta(now, clock),
                case=docket.case,
                clock=clock.code,
                number=clock.number,
                calendar=clock.calendar,
                calendar_version=version,
                old_due_at=clock.due_at,
                new_due_at=found.due_at,
                provisional=found.provisional,
            )
    return record if record.pending_events else None
