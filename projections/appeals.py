"""Appeals as they stand, and how many there are; what people wrote stands apart."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any, Final, LiteralString
from uuid import UUID
from zoneinfo import ZoneInfo

from psycopg import AsyncConnection, sql

from domain.aggregate import DomainEvent
from domain.appeal import OPEN_APPEALS, Appeal, AppealState
from projections.engine import Batch, Entry, Projection, on
from projections.paging import Condition
from projections.tables import Table


@dataclass(slots=True)
class AppealRow:
    """An appeal without anything personal; measures are separated by spaces."""

    id: UUID
    number: str
    complaint: UUID
    customer: UUID
    state: str
    open: bool
    authority: str
    reference: str
    cause: str
    received_at: datetime
    historical: bool
    version: int
    department: str | None = None
    region: str | None = None
    outlet: str | None = None
    partner: str | None = None
    valid: bool | None = None
    liability: str | None = None
    rule_source: str | None = None
    rule: str | None = None
    measures: str = ""
    found_at: datetime | None = None
    liability_at: datetime | None = None
    settled_at: datetime | None = None
    answered_at: datetime | None = None
    ended_at: datetime | None = None


@dataclass(slots=True)
class AppealTextsRow:
    """What the customer and the company wrote; gone when the customer is erased."""

    id: UUID
    customer: UUID
    facts: str | None
    finding: str | None
    note: str | None
    answer: str | None


APPEALS = Table("appeals", AppealRow)
APPEAL_TEXTS = Table("appeal_texts", AppealTextsRow, schema="read_personal")


class AppealsProjection(Projection):
    """Keeps ``read.appeals`` and ``read_personal.appeal_texts``."""

    name = "appeals"
    tables = (APPEALS, APPEAL_TEXTS)
    keyed = (APPEALS, APPEAL_TEXTS)
    reveals = True

    @on(
        Appeal.Received,
        en="Appeal {number} received from the {authority.en} (its reference: {reference}):"
        " {cause.en}",
        zh="收到{authority.zh}转来的申诉{number}（对方编号：{reference}）：{cause.zh}",
    )
    def received(self, event: Appeal.Received, _entry: Entry, batch: Batch) -> None:
        """Insert the appeal and what it is about."""
        row = AppealRow(
            id=event.originator_id,
            number=event.number,
            complaint=event.complaint,
            customer=event.customer,
            state=AppealState.RECEIVED.value,
            open=True,
            authority=event.authority.value,
            reference=event.reference,
            cause=event.cause.value,
            received_at=event.meta.occurred_at,
            historical=event.meta.source.historical,
            version=event.originator_version,
            department=event.department,
            region=event.region,
            outlet=event.outlet,
            partner=event.partner,
        )
        batch.put(APPEALS, row)
        facts = batch.reveal(event, "facts")
        batch.put(APPEAL_TEXTS, AppealTextsRow(row.id, row.customer, facts, None, None, None))

    @on(
        Appeal.FindingRecorded,
        en="Finding recorded; the appeal is valid: {valid_en}",
        zh="登记核查结论；申诉成立：{valid_zh}",
    )
    def finding_recorded(self, event: Appeal.FindingRecorded, _entry: Entry, batch: Batch) -> None:
        """Keep the finding."""
        found = AppealState.FOUND_VALID if event.valid else AppealState.FOUND_NOT_VALID
        row = _moved(event, found, batch)
        row.valid, row.found_at = event.valid, event.meta.occurred_at
        batch.change(APPEAL_TEXTS, row.id).finding = batch.reveal(event, "finding")

    @on(
        Appeal.LiabilityDetermined,
        en="Liability determined under {rule} ({rule_source.en}): {liability.en}; responsible"
        " department: {department}",
        zh="依据{rule}（{rule_source.zh}）定责：{liability.zh}；责任部门：{department}",
    )
    def liability_determined(
        self, event: Appeal.LiabilityDetermined, _entry: Entry, batch: Batch
    ) -> None:
        """Keep who is liable; the department that is responsible has it now."""
        row = _moved(event, AppealState.LIABILITY_DETERMINED, batch)
        row.liability, row.liability_at = event.liability.value, event.meta.occurred_at
        row.rule_source, row.rule = event.rule_source.value, event.rule
        if event.department is not None:
            row.department = event.department

    @on(Appeal.Settled, en="Settled: {measures_en}", zh="已处理：{measures_zh}")
    def settled(self, event: Appeal.Settled, _entry: Entry, batch: Batch) -> None:
        """Keep the measures."""
        row = _moved(event, AppealState.SETTLED, batch)
        row.measures = " ".join(event.measures)
        row.settled_at = event.meta.occurred_at
        batch.change(APPEAL_TEXTS, row.id).note = batch.reveal(event, "note")

    @on(Appeal.Answered, en="Answered to the authority", zh="已答复监管部门")
    def answered(self, event: Appeal.Answered, _entry: Entry, batch: Batch) -> None:
        """End, and keep the answer."""
        row = _moved(event, AppealState.ANSWERED, batch)
        row.answered_at = row.ended_at = event.meta.occurred_at
        batch.change(APPEAL_TEXTS, row.id).answer = batch.reveal(event, "answer")

    @on(Appeal.Withdrawn, en="Withdrawn with the authority by the customer", zh="用户已撤诉")
    def withdrawn(self, event: Appeal.Withdrawn, _entry: Entry, batch: Batch) -> None:
        """End."""
        _moved(event, AppealState.WITHDRAWN, batch).ended_at = event.meta.occurred_at


def _moved(event: DomainEvent, state: AppealState, batch: Batch) -> AppealRow:
    row = batch.change(APPEALS, event.originator_id)
    row.version = event.originator_version
    row.state, row.open = state.value, state in OPEN_APPEALS
    return row


# Counts


class AppealGroup(Enum):
    """By what appeals are counted; without one, all of them together."""

    REGION = "region"
    DEPARTMENT = "department"
    CAUSE = "cause"
    MONTH = "month"


FIGURES: Final[LiteralString] = """count(*) AS received,
    count(*) FILTER (WHERE valid) AS valid,
    count(*) FILTER (WHERE NOT valid) AS not_valid,
    count(*) FILTER (WHERE open) AS open,
    count(*) FILTER (WHERE state = 'answered') AS answered,
    count(*) FILTER (WHERE state = 'withdrawn') AS withdrawn,
    count(*) FILTER (WHERE answered_at > due_at) AS late_answers,
    count(*) FILTER (WHERE open AND due_at < now()) AS overdue"""
# By the clocks as they stand now. A policy without this clock cancels it: then nothing is due.
COUNTED: Final[LiteralString] = """read.appeals LEFT JOIN LATERAL (
    SELECT c.due_at FROM read.sla_clocks AS c
    WHERE c.case_id = appeals.id AND c.clock = 'appeal' AND c.state <> 'cancelled'
    ORDER BY c.number DESC LIMIT 1
) AS clocks ON true"""
"""The appeals with their deadlines, if they have one."""
MONTH: Final[LiteralString] = "to_char(received_at AT TIME ZONE {}, 'YYYY-MM')"
"""The month in which an appeal was received, in a time zone."""
TOGETHER: Final[LiteralString] = "NULL::text"
"""The key of all appeals."""


@dataclass(frozen=True, slots=True)
class AppealFigures:
    """How many appeals of a group were received, and what became of them.

    ``late_answers`` came after the deadline of the appeal's clock, ``overdue`` are open past it.
    """

    key: str | None
    received: int
    valid: int
    not_valid: int
    open: int
    answered: int
    withdrawn: int
    late_answers: int
    overdue: int


async def count_appeals(
    connection: AsyncConnection[Any],
    group: AppealGroup | None,
    conditions: Sequence[Condition],
    zone: ZoneInfo,
) -> list[AppealFigures]:
    """Count the appeals of each group, in the order of its key; those without one come last."""
    by_month = group is AppealGroup.MONTH
    key: sql.Composable = sql.SQL(TOGETHER)
    if group is not None:
        key = sql.SQL(MONTH).format(sql.SQL("%s")) if by_month else sql.Identifier(group.value)
    clauses: list[sql.Composable] = [condition.sql() for condition in conditions]
    statement = sql.SQL(
        "SELECT {} AS key, {} FROM {} WHERE {} GROUP BY {} ORDER BY 1 NULLS LAST"
    ).format(
        key,
        sql.SQL(FIGURES),
        sql.SQL(COUNTED),
        sql.SQL(" AND ").join(clauses or [sql.SQL("true")]),
        sql.SQL("()" if group is None else "1"),
    )
    given = [value for condition in conditions for value in condition.parameters]
    cursor = await connection.execute(statement, [zone.key, *given] if by_month else given)
    return [AppealFigures(*values) for values in await cursor.fetchall()]
