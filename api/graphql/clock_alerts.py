"""Alerts of clocks as a subscription: warnings, breaches, alert chains, new deadlines."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, LiteralString

import strawberry
from psycopg import sql

from api.graphql.audit import sentence_of
from api.graphql.context import ApiInfo, Context
from api.graphql.reach import CLOCK_RECORDS, cases_within
from api.graphql.scalars import Lang, Long, label
from api.graphql.service_levels import SlaClock, clock_type
from api.graphql.subscriptions import SubscriberContext, SubscriberInfo
from api.streaming.fanout import PAGE, Followed, Reach
from domain.case_clocks import OF_A_CLOCK, CaseClocks, clock_id
from domain.labels import Labelled
from domain.service_levels.terms import Recipient
from projections.audit import CASE_ENTRIES, CaseEntryRow
from projections.service_levels import SLA_CLOCKS, ClockRow

_TOPICS: Final[frozenset[str]] = frozenset(event.TOPIC for event in OF_A_CLOCK)
# The condition on the kind is that of the index of migration 0020.
_PAST: Final = sql.SQL("""
SELECT {} FROM read.case_entries
WHERE aggregate_kind = {} AND topic = ANY(%(topics)s)
    AND position > %(after)s AND position <= %(until)s
ORDER BY position
LIMIT {}
""").format(
    sql.SQL(", ").join(map(sql.Identifier, CASE_ENTRIES.columns)),
    sql.Literal(CaseClocks.KIND),
    sql.Literal(PAGE),
)
_EVENT: LiteralString = """
SELECT state FROM log.stored_events WHERE originator_id = %b AND originator_version = %b
"""


@strawberry.enum(description="What was recorded of a clock.")
class ClockAlertKind(Labelled):
    """What an alert tells of."""

    WARNED = "warned", "warning", "预警"
    BREACHED = "breached", "breach", "超时"
    BREACH_ANNOTATED = "breach_annotated", "note on a breach", "超时附注"
    ALERTED = "alerted", "supervisor alert", "督办提醒"
    DEADLINE_RECOMPUTED = "deadline_recomputed", "new deadline", "重新计算时限"


@strawberry.type(
    description="Something was recorded of a clock. The clock is shown as it stands when this is"
    " told; to and people are those of a supervisor alert."
)
class ClockAlert:
    """A record, its event and its clock."""

    entry: strawberry.Private[CaseEntryRow]
    event: strawberry.Private[Any]
    position: Long
    kind: ClockAlertKind
    clock: str
    case_id: strawberry.ID
    case_number: str
    due_at: datetime
    occurred_at: datetime
    recorded_at: datetime
    sla_clock: SlaClock

    @strawberry.field(description="The clock's name in a language.")
    def label(self, lang: Lang = Lang.EN) -> str:
        """Return the name."""
        row = self.sla_clock.row
        return row.name_zh if lang is Lang.ZH else row.name_en

    @strawberry.field
    def kind_label(self, lang: Lang = Lang.EN) -> str:
        """Name the kind."""
        return label(self.kind, lang)

    @strawberry.field(description="Whom a step of the alert chain reaches; not shown to partners.")
    def to(self, info: ApiInfo) -> Recipient | None:
        """Return the recipient."""
        told = self._told_to_staff(info)
        return None if told is None else told.to

    @strawberry.field(description="Who was told, by their ids; not shown to partners.")
    def people(self, info: ApiInfo) -> list[str] | None:
        """Return the people."""
        told = self._told_to_staff(info)
        return None if told is None else [*told.people]

    def _told_to_staff(self, info: ApiInfo) -> CaseClocks.Alerted | None:
        shown = info.context.caller.partner is None
        return self.event if shown and isinstance(self.event, CaseClocks.Alerted) else None

    @strawberry.field(description="What was recorded, as a sentence.")
    def sentence(self, info: ApiInfo, lang: Lang = Lang.EN) -> str:
        """Return the sentence."""
        return sentence_of(self.entry, info.context, lang)


@dataclass(frozen=True, slots=True)
class _Alerts(Followed):
    """What is recorded of all clocks; each record is then looked at in the caller's own scope."""

    context: Context
    root: str = CaseClocks.Warned.TOPIC

    async def reach(self) -> Reach:
        """Follow all topics."""
        self.context.reach("slaClocks")
        return Reach(_TOPICS, _TOPICS)

    async def past(self, _reach: Reach, after: int, until: int) -> list[CaseEntryRow]:
        """Read the next records in the caller's own scope."""
        asked = {"topics": [*_TOPICS], "after": after, "until": until}
        async with self.context.reading() as connection:
            found = await connection.execute(_PAST, asked)
            return [CaseEntryRow(*row) for row in await found.fetchall()]


async def _alert(context: SubscriberContext, entry: CaseEntryRow) -> ClockAlert | None:
    """Return what a record tells; None if its clock is out of the caller's reach."""
    context.forget()  # the clock may have changed since the last record
    async with context.reading() as connection:
        within = context.reach("slaClocks")
        reached = await cases_within(connection, [entry.case_id], [CLOCK_RECORDS], within)
    if not reached:
        return None
    store = context.event_store
    async with store.pool.connection() as connection:
        cursor = connection.cursor(binary=True)
        await cursor.execute(_EVENT, [entry.case_id, entry.version])
        stored = await cursor.fetchone()
    if stored is None:
        return None
    event: Any = store.mapper.decode(entry.case_id, entry.version, entry.topic, stored[0])
    key = clock_id(event.case, event.clock, event.number)
    row: ClockRow | None = await context.loader(SLA_CLOCKS).load(key)
    if row is None:
        return None
    clock = clock_type(row)
    return ClockAlert(
        entry=entry,
        event=event,
        position=Long(entry.position),
        kind=ClockAlertKind(entry.topic.partition(".")[2]),
        clock=row.clock,
        case_id=clock.case_id,
        case_number=row.case_number,
        due_at=_due_at(event) or row.due_at,
        occurred_at=entry.occurred_at,
        recorded_at=entry.recorded_at,
        sla_clock=clock,
    )


def _due_at(event: Any) -> datetime | None:
    """Return the deadline that an event names."""
    match event:
        case CaseClocks.Warned() | CaseClocks.Breached():
            return event.due_at
        case CaseClocks.DeadlineRecomputed():
            return event.new_due_at
    return None


@strawberry.type
class Subscription:
    """What is recorded of clocks."""

    @strawberry.subscription(
        description="Each warning, breach, supervisor alert and new deadline of the cases within"
        " reach, once every question sees it; `after` a position: first what has happened since."
    )
    async def clock_alerts(
        self, info: SubscriberInfo, after: Long | None = None
    ) -> AsyncGenerator[ClockAlert, None]:
        """Tell of each."""
        context = info.context
        context.reach("slaClocks")
        entries = context.fanout.follow(_Alerts(context), context.start(after))
        async with aclosing(entries) as rows:
            async for row in rows:
                found = await _alert(context, row)
                if found is not None:
                    yield found
