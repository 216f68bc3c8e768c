"""The clocks of all cases: as they stand, and as they stood at any moment by any of three clocks.

A clock's row shows the case as it stands while the clock runs, and as it stood when it ended.
"""

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

import msgspec

from domain.aggregate import DomainEvent
from domain.case_clocks import CaseClocks, clocks_id
from domain.service_levels.docket import (
    LIVE,
    Clock,
    ClockState,
    Docket,
    case_of,
    concerns,
    fold,
)
from domain.service_levels.rules import Rules
from projections.engine import Batch, Entry, Handler, Projection
from projections.sentences import says
from projections.tables import Table

EVER: Final = 2**63 - 1
"""The position until which holds what still holds."""
FOREVER: Final = datetime(9999, 12, 31, tzinfo=UTC)


@dataclass(slots=True)
class DocketRow:
    """All that the events of a case tell of its clocks, as JSON; ``stream`` is their record."""

    case_id: UUID
    stream: UUID
    docket: str


@dataclass(slots=True)
class ClockRow:
    """One instance of a clock; ``target`` and ``remaining`` in seconds or days by its basis.

    ``duration_seconds``: from start to end, without the pauses.
    """

    id: UUID
    case_id: UUID
    case_kind: str
    case_number: str
    clock: str
    name_en: str
    name_zh: str
    number: int
    state: str
    live: bool
    basis: str
    target: int
    policy: str
    policy_version: int
    calendar: str
    calendar_version: int
    time_zone: str
    started_at: datetime
    started_by: str
    month: str
    due_at: datetime
    rolled_to: datetime | None
    provisional: bool
    warn_at: datetime | None
    warned_at: datetime | None
    breached_at: datetime | None
    annotated_at: datetime | None
    annotated_by: str | None
    paused_at: datetime | None
    remaining: int | None
    paused_seconds: int
    ended_at: datetime | None
    ended_by: str | None
    duration_seconds: int | None
    department: str | None
    region: str | None
    outlet: str | None
    category: str | None
    severity: str | None
    handler: str | None
    partner: str | None
    historical: bool
    import_source: str | None
    position: int


@dataclass(slots=True)
class PastClockRow(ClockRow):
    """A state that a clock was in, from one moment until another, by each clock of the log."""

    past_id: UUID
    position_from: int
    position_until: int
    recorded_from: datetime
    recorded_until: datetime
    occurred_from: datetime
    occurred_until: datetime


SLA_DOCKETS = Table("sla_dockets", DocketRow, key="case_id")
SLA_CLOCKS = Table("sla_clocks", ClockRow, stream="case_id")
SLA_PAST = Table("sla_past", PastClockRow, key="past_id", stream="case_id")

_COLUMNS: Final = tuple(f.name for f in fields(ClockRow))
_OUTSIDE_OF_A_CHANGE: Final = frozenset({"position"})
_decode: Final = msgspec.json.Decoder(Docket).decode


def docket_of(row: DocketRow) -> Docket:
    """Return what a row tells of the clocks of a case."""
    return _decode(row.docket)


def docket_row(docket: Docket) -> DocketRow:
    """Return the row of a docket."""
    return DocketRow(docket.case, clocks_id(docket.case), msgspec.json.encode(docket).decode())


def clock_rows(docket: Docket, rules: Rules, position: int) -> dict[UUID, ClockRow]:
    """Return the rows of all clocks of a case, by their ids."""
    return {clock.id: _row(docket, clock, rules, position) for clock in docket.clocks}


def _row(docket: Docket, clock: Clock, rules: Rules, position: int) -> ClockRow:
    terms, facts = docket.terms(clock, rules), docket.facts
    duration = None
    if clock.ended_at is not None:
        elapsed = int((clock.ended_at - clock.started_at).total_seconds())
        duration = max(0, elapsed - clock.paused_seconds)
    paused = clock.state is ClockState.PAUSED
    started = clock.started_at.astimezone(ZoneInfo(clock.zone))
    return ClockRow(
        id=clock.id,
        case_id=docket.case,
        case_kind=facts.kind,
        case_number=facts.number,
        clock=clock.code,
        name_en=terms.name_en,
        name_zh=terms.name_zh,
        number=clock.number,
        state=clock.state.value,
        live=clock.state in LIVE,
        basis=terms.target.basis.value,
        target=terms.target.amount,
        policy=clock.policy,
        policy_version=clock.policy_version,
        calendar=clock.calendar,
        calendar_version=clock.calendar_version,
        time_zone=clock.zone,
        started_at=clock.started_at,
        started_by=clock.started_by,
        month=f"{started.year}-{started.month:02}",
        due_at=clock.due_at,
        rolled_to=clock.rolled_to,
        provisional=clock.provisional,
        warn_at=clock.warn_at,
        warned_at=clock.warned_at,
        breached_at=clock.breached_at,
        annotated_at=clock.annotated_at,
        annotated_by=clock.annotated_by,
        paused_at=clock.pauses[-1].since if paused else None,
        remaining=clock.left if paused else None,
        paused_seconds=clock.paused_seconds,
        ended_at=clock.ended_at,
        ended_by=clock.ended_by,
        duration_seconds=duration,
        department=facts.department,
        region=facts.region,
        outlet=facts.outlet,
        category=facts.category,
        severity=facts.severity,
        handler=facts.handler,
        partner=facts.partner,
        historical=docket.historical,
        import_source=docket.source,
        position=position,
    )


class ServiceLevelsProjection(Projection):
    """Keeps ``read.sla_dockets``, ``read.sla_clocks`` and ``read.sla_past``."""

    name = "service_levels"
    tables = (SLA_DOCKETS, SLA_CLOCKS, SLA_PAST)
    keyed = (SLA_DOCKETS, SLA_CLOCKS, SLA_PAST)
    remembers = Rules

    def handler(self, topic: str) -> Handler | None:
        """Take every event that concerns clocks, of whatever aggregate."""
        return ServiceLevelsProjection.happened if concerns(topic) else None

    def stream(self, entry: Entry) -> UUID:
        """Return the case."""
        return case_of(entry.event)

    def happened(self, event: DomainEvent, entry: Entry, batch: Batch) -> None:
        """Fold the event, and keep what it made of each clock."""
        rules: Rules = batch.memory
        case = case_of(event)
        known = batch.find(SLA_DOCKETS, case)
        before = None if known is None else docket_of(known)
        late = before is not None and event.meta.occurred_at < before.last_at
        docket = fold(before, event, entry.position, rules)
        if docket is None:
            return
        batch.put(SLA_DOCKETS, docket_row(docket))
        _show(docket, event, entry, batch, in_order=not late)
        if late or case in batch.noted:
            at = event.meta.occurred_at
            earliest, _ = batch.noted.get(case, (at, entry))
            batch.noted[case] = (min(at, earliest), entry)

    def finish(self, batch: Batch) -> None:
        """Write anew, once for each case, what was when by business time."""
        for case, (since, last) in batch.noted.items():
            row = batch.find(SLA_DOCKETS, case)
            assert row is not None
            _rewrite(docket_of(row), since, last, batch)


def _show(
    docket: Docket, event: DomainEvent, entry: Entry, batch: Batch, *, in_order: bool
) -> None:
    """Let the rows show the clocks as they are, and close the rows of what they were."""
    at, recorded = event.meta.occurred_at, entry.recorded_at
    changed = {}
    for clock in docket.clocks:
        old = batch.find(SLA_CLOCKS, clock.id)
        if old is not None and _ended_before(old, clock):
            continue
        row = _row(docket, clock, batch.memory, entry.position)
        if old is None or _differ(old, row):
            changed[clock.id] = row if old is None else _kept(old, row)
            batch.put(SLA_CLOCKS, changed[clock.id])
    if not changed:
        return
    for past in batch.all_of(SLA_PAST, docket.case):
        if past.id in changed and past.position_until == EVER:
            last = batch.change(SLA_PAST, past.past_id)
            last.position_until, last.recorded_until = entry.position, recorded
        if past.id in changed and in_order and past.occurred_until == FOREVER:
            batch.change(SLA_PAST, past.past_id).occurred_until = at
    for key, row in changed.items():
        name = f"position:{entry.position}"
        log = ((entry.position, EVER), (recorded, FOREVER))
        batch.put(SLA_PAST, _past(row, uuid5(key, name), *log, (at, FOREVER if in_order else at)))


def _kept(old: ClockRow, row: ClockRow) -> ClockRow:
    """Return the row of a clock; one that has ended as before keeps what the case was then."""
    if old.live or _outcome(old) != _outcome(row):
        return row
    return replace(
        old,
        warned_at=row.warned_at,
        breached_at=row.breached_at,
        annotated_at=row.annotated_at,
        annotated_by=row.annotated_by,
        position=row.position,
    )


def _said(row: ClockRow) -> tuple[Any, ...]:
    return row.warned_at, row.breached_at, row.annotated_at


def _outcome(row: ClockRow) -> tuple[Any, ...]:
    return row.state, row.ended_at, row.ended_by


def _ended_before(row: ClockRow, clock: Clock) -> bool:
    """Say whether a clock had ended, and nothing was said about it since."""
    said = _said(row) == (clock.warned_at, clock.breached_at, clock.annotated_at)
    return said and not (row.live or clock.live) and row.ended_at == clock.ended_at


def _differ(one: ClockRow, other: ClockRow) -> bool:
    """Say whether a clock changed, or its case as long as it runs."""
    if not one.live and _outcome(one) == _outcome(other):
        return _said(one) != _said(other)
    return any(
        getattr(one, name) != getattr(other, name)
        for name in _COLUMNS
        if name not in _OUTSIDE_OF_A_CHANGE
    )


def _rewrite(docket: Docket, since: datetime, entry: Entry, batch: Batch) -> None:
    """Write anew what was when by business time, from the moment of what was reported late.

    What was at T follows from the events with a business time of at most T, in log order.
    """
    shown: dict[UUID, PastClockRow] = {}
    for past in batch.all_of(SLA_PAST, docket.case):
        if past.occurred_until <= since:
            continue
        changing = batch.change(SLA_PAST, past.past_id)
        if changing.occurred_from < since:
            changing.occurred_until = FOREVER
            shown[changing.id] = changing
        else:
            changing.occurred_until = changing.occurred_from
    entries = batch.past(docket.told_by, entry.position)
    times = {known.event.meta.occurred_at for known in entries}
    for at in sorted(at for at in times if at >= since):
        then = _fold_until(entries, at, batch.memory, docket)
        for key, row in ({} if then is None else clock_rows(then, batch.memory, 0)).items():
            last = shown.get(key)
            if last is not None and not _differ(last, row):
                continue
            if last is not None:
                last.occurred_until = at
            kept = replace(row if last is None else _kept(last, row), position=entry.position)
            never = ((entry.position, entry.position), (entry.recorded_at, entry.recorded_at))
            shown[key] = _past(
                kept, uuid5(key, f"occurred:{at.isoformat()}"), *never, (at, FOREVER)
            )
            batch.put(SLA_PAST, shown[key])


def _fold_until(
    entries: Iterable[Entry], at: datetime, rules: Rules, pinned: Docket
) -> Docket | None:
    docket: Docket | None = None
    for entry in entries:
        if entry.event.meta.occurred_at <= at:
            docket = fold(docket, entry.event, entry.position, rules, pinned)
    return docket


def _past(
    row: ClockRow,
    key: UUID,
    positions: tuple[int, int],
    recorded: tuple[datetime, datetime],
    occurred: tuple[datetime, datetime],
) -> PastClockRow:
    values: dict[str, Any] = {name: getattr(row, name) for name in _COLUMNS}
    return PastClockRow(**values, past_id=key, **_ranges(positions, recorded, occurred))


def _ranges(*ranges: tuple[Any, Any]) -> dict[str, Any]:
    names = ("position", "recorded", "occurred")
    return {
        f"{name}_{end}": moment
        for name, found in zip(names, ranges, strict=True)
        for end, moment in zip(("from", "until"), found, strict=True)
    }


says(
    CaseClocks.Warned,
    en="Warning: the clock {clock} ({number}) is due at {due_at}",
    zh="预警：时限{clock}（第{number}次）将于{due_at}到期",
)
says(
    CaseClocks.Breached,
    en="Deadline passed: the clock {clock} ({number}) was due at {due_at}",
    zh="超时：时限{clock}（第{number}次）应于{due_at}前完成",
)
says(
    CaseClocks.BreachAnnotated,
    en="Note on the breach of {clock} ({number}): what was reported late happened at {happened_at}",
    zh="时限{clock}（第{number}次）超时附注：补报的事实发生于{happened_at}",
)
says(
    CaseClocks.Alerted,
    en="Supervisor alert ({cause.en}) for {clock} ({number}) to the {to.en}",
    zh="{cause.zh}督办提醒：时限{clock}（第{number}次），通知{to.zh}",
)
says(
    CaseClocks.DeadlineRecomputed,
    en="New deadline of {clock} ({number}): {new_due_at}, before: {old_due_at}",
    zh="时限{clock}（第{number}次）重新计算：{new_due_at}，原为{old_due_at}",
)
says(
    CaseClocks.Rebased,
    en="Service levels now by {policy}, version {policy_version}",
    zh="服务时限改按{policy}第{policy_version}版执行",
)
