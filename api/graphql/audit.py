"""The history of a case in the schema."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Final, get_args
from uuid import UUID

import strawberry
from psycopg import AsyncConnection, sql

from api.case_state import Clock, Moment
from api.graphql.commands import copied
from api.graphql.compiler.conditions import where
from api.graphql.compiler.declarations import (
    Planning,
    Row,
    answers,
    column,
    json_text,
    listed,
    part,
    reads,
    relation,
    text_in,
)
from api.graphql.compiler.selection import Selected
from api.graphql.compiler.sql import NULL, Json, chosen, expression, scalar
from api.graphql.context import ApiInfo, Context
from api.graphql.nodes import Connection, as_uuid, connection_of, global_id
from api.graphql.reach import CASES, CLOCK_RECORDS, cases_within, of_any
from api.graphql.scalars import AsOf, Lang, Long
from domain.case_clocks import CaseClocks
from domain.complaint import Complaint
from domain.metadata import SourceKind
from domain.roles import Role
from projections.audit import CASE_ENTRIES, CaseEntryRow
from projections.improvements import IMPROVEMENTS
from projections.notices import NOTICES
from projections.paging import Condition, Listing, Order, Window
from projections.tables import Table

_LINKED: Final = sql.SQL("""
SELECT to_id FROM read.case_links WHERE from_id = %s AND {until}
UNION SELECT from_id FROM read.case_links WHERE to_id = %s AND {until}
""")
_OF_CASES: Final = (*CASES, CLOCK_RECORDS)
"""Whose histories partners read: those of cases and of their clocks."""
_OF_STAFF: Final = (*_OF_CASES, IMPROVEMENTS, NOTICES)
"""Whose histories staff read as far as they reach."""
_PAGE: Final = 500


@strawberry.type(description="A version of a policy.")
class PolicyVersion:
    """The policy that a decision used."""

    policy_id: UUID
    version: int
    id: UUID = strawberry.field(deprecation_reason="It is that of the policy: use policyId.")


_TOLD_TO_PARTNERS: Final = {
    Complaint.AccusedNamed.TOPIC: ("The person complained about was named", "已确认被投诉人"),
    Complaint.Assigned.TOPIC: ("Assigned to the responsible department", "已分派至责任部门"),
    Complaint.Escalated.TOPIC: ("Escalated", "已升级"),
    CaseClocks.Alerted.TOPIC: ("Supervisor alert about a deadline", "时限督办提醒"),
    CaseClocks.Rebased.TOPIC: ("Put under other service levels", "服务时限已变更"),
}
"""Sentences of events whose own ones, or whose reasons, name staff; partners read no reasons."""
_REASON_FOR_STAFF: Final = frozenset({*_TOLD_TO_PARTNERS, CaseClocks.DeadlineRecomputed.TOPIC})
"""Events whose reasons are written among staff; ``explainDeadline`` keeps them back as well."""


@strawberry.type(description="One step of a case: who did what, when, why, under which rule.")
class CaseEntry:
    """An event of the case."""

    row: strawberry.Private[CaseEntryRow]
    id: strawberry.ID
    position: Long
    aggregate_id: UUID
    aggregate_kind: str
    version: int
    topic: str
    occurred_at: datetime
    recorded_at: datetime
    actor: str
    role: Role
    correlation: UUID
    causation: UUID | None
    source_kind: SourceKind
    source_name: str | None
    historical: bool
    policy: PolicyVersion | None

    @strawberry.field(description="Why; not shown to partners where it may name staff.")
    def reason(self, info: ApiInfo) -> str | None:
        """Return the reason."""
        withheld = info.context.caller.partner is not None and self.row.topic in _REASON_FOR_STAFF
        return None if withheld else self.row.reason

    @strawberry.field(
        description="What happened, as a sentence; to partners without names of staff."
    )
    def sentence(self, info: ApiInfo, lang: Lang = Lang.EN) -> str:
        """Return the sentence."""
        return sentence_of(self.row, info.context, lang)


def sentence_of(row: CaseEntryRow, context: Context, lang: Lang) -> str:
    """Return what happened, as the caller may read it."""
    told = (row.sentence_en, row.sentence_zh)
    if context.caller.partner is not None:
        told = _TOLD_TO_PARTNERS.get(row.topic, told)
    return told[lang is Lang.ZH]


def _told(at: int) -> dict[str, str]:
    return {topic: json_text(texts[at]) for topic, texts in _TOLD_TO_PARTNERS.items()}


def _sentence(row: Row, selected: Selected, planning: Planning) -> Json:
    own = text_in("sentence_en", "sentence_zh")(row, selected, planning)
    if not planning.view.partner:
        return own
    chinese = planning.argument(selected, "lang") is Lang.ZH
    told = chosen(row["topic"], _told(1 if chinese else 0))
    return expression("coalesce(", told, ", ", *own.pieces(), ")")


def _reason(row: Row, selected: Selected, planning: Planning) -> Json:
    own = scalar(row["reason"], selected.definition.type)
    if not planning.view.partner:
        return own
    return expression(
        "coalesce(",
        chosen(row["topic"], dict.fromkeys(sorted(_REASON_FOR_STAFF), NULL)),
        ", ",
        *own.pieces(),
        ")",
    )


reads(
    "CaseEntry",
    CASE_ENTRIES,
    aggregateId=column("case_id"),
    policy=part(
        "PolicyVersion",
        "policy",
        policyId=column("policy"),
        version=column("policy_version"),
        id=column("policy"),
    ),
    sentence=_sentence,
    reason=_reason,
)


def entry_type(row: CaseEntryRow) -> CaseEntry:
    """Return the type of a row."""
    policy = None
    if row.policy is not None and row.policy_version is not None:
        policy = PolicyVersion(policy_id=row.policy, version=row.policy_version, id=row.policy)
    return copied(
        CaseEntry,
        row,
        row=row,
        id=global_id("CaseEntry", row.position),
        aggregate_id=row.case_id,
        role=Role(row.role),
        source_kind=SourceKind(row.source_kind),
        policy=policy,
    )


async def timeline(
    info: ApiInfo, case: UUID, moment: Moment | None, window: Window
) -> Connection[CaseEntry]:
    """Return the steps of one aggregate alone, in log order, perhaps up to a past moment."""
    info.context.reach("caseHistory")
    conditions = [Condition("case_id", "=", case)]
    if moment is not None:
        conditions.append(Condition(moment.clock, "<=", moment.until))
    listing = Listing(CASE_ENTRIES, conditions, Order("position"), window)
    return await connection_of(info, listing, CaseEntry, entry_type)  # type: ignore[no-any-return]


def timeline_page(context: Context, **window: Any) -> Listing[CaseEntryRow]:
    """Return the question for the steps of whichever aggregate it stands beneath."""
    context.reach("caseHistory")
    return Listing(CASE_ENTRIES, [], Order("position"), Window(**window))


def moment_of(as_of: AsOf) -> Moment:
    """Return the moment that the client names."""
    for clock in get_args(Clock):
        until = getattr(as_of, clock)
        if until is not strawberry.UNSET:
            return Moment(clock, until)
    raise AssertionError("GraphQL has seen to it that one is there")


async def linked_with(
    connection: AsyncConnection[Any], case: UUID, until: list[Condition]
) -> list[UUID]:
    """Return the aggregates that, by then, the case named or that named it."""
    clauses: list[sql.Composable] = [condition.sql() for condition in until]
    values = [case, *(condition.value for condition in until)]
    cursor = await connection.execute(
        _LINKED.format(until=sql.SQL(" AND ").join(clauses or [sql.SQL("true")])),
        [*values, *values],
    )
    return [row[0] for row in await cursor.fetchall()]


async def readable(
    context: Context, connection: AsyncConnection[Any], cases: Collection[UUID]
) -> list[UUID]:
    """Return of which of these the caller may read the history."""
    reach = context.reach("caseHistory")
    return await cases_within(connection, cases, _told_of(context), reach)


def _told_of(context: Context) -> Sequence[Table[Any]]:
    return _OF_STAFF if context.caller.partner is None else _OF_CASES


def _history(selected: Selected, planning: Any) -> Json:
    given = planning.given(selected)

    def of_case(binding: Any) -> str:
        """Write which entries: those of the case and of what is linked, within reach."""
        context, arguments = binding.context, given.values(binding)
        case = binding.parameter(as_uuid(arguments["case_id"], field="caseId"), "uuid")
        as_of, until = arguments["as_of"], []
        if as_of is not None:
            moment = moment_of(as_of)
            until.append(Condition(moment.clock, "<=", moment.until))
        then = where(until, CASE_ENTRIES, "", binding)
        cases = f"SELECT {case}"
        if arguments["linked"]:
            cases += (
                f" UNION SELECT to_id FROM read.case_links WHERE from_id = {case} AND {then}"
                f" UNION SELECT from_id FROM read.case_links WHERE to_id = {case} AND {then}"
            )
        reach = context.reach("caseHistory")
        if not reach.everything:
            reached = where([of_any("id", _told_of(context), reach)], CASE_ENTRIES, "", binding)
            cases = (
                f"WITH reached AS (SELECT id FROM ({cases}) AS linked (id) WHERE {reached})"
                f" SELECT id FROM reached WHERE EXISTS (SELECT FROM reached WHERE id = {case})"
            )
        return f"case_id IN ({cases}) AND {then}"

    row = planning.row(CASE_ENTRIES)
    found = planning.object("CaseEntry", row, selected.sets)
    return listed(found, row, "position", [f"{row.source(relation(row.table))} WHERE ", of_case])


answers("caseHistory", _history)


@strawberry.type
class Query:
    """Questions of an auditor."""

    @strawberry.field(
        description="Every step of a case and, if linked, of what it is linked with, in log order,"
        " as of now or a past moment."
    )
    async def case_history(
        self,
        info: ApiInfo,
        case_id: strawberry.ID,
        as_of: AsOf | None = None,
        linked: bool = True,  # noqa: FBT001, FBT002  an argument of the schema
    ) -> list[CaseEntry]:
        """Return the history."""
        info.context.reach("caseHistory")
        case = as_uuid(case_id, field="caseId")
        until = []
        if as_of is not None:
            moment = moment_of(as_of)
            until.append(Condition(moment.clock, "<=", moment.until))
        rows: list[CaseEntryRow] = []
        after: str | None = None
        async with info.context.reading() as connection:
            cases = [case]
            if linked:
                cases += await linked_with(connection, case, until)
            cases = await readable(info.context, connection, cases)
            if case not in cases:
                return []
            conditions = [Condition("case_id", "in", cases), *until]
            while True:
                window = Window(first=_PAGE, after=after)
                page = await Listing(CASE_ENTRIES, conditions, Order("position"), window).page(
                    connection
                )
                rows.extend(page.rows)
                if not page.has_next:
                    return [entry_type(row) for row in rows]
                after = page.cursors[-1]
