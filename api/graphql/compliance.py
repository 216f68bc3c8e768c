"""Compliance figures in the schema: clocks met in time, and open complaints by their age."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import strawberry
from graphql import GraphQLError

from api.graphql.audit import moment_of
from api.graphql.commands import copied
from api.graphql.compiler.conditions import where
from api.graphql.compiler.declarations import (
    Emitter,
    Planning,
    Row,
    answers,
    label_sql,
    listed,
    relation,
    text_in,
)
from api.graphql.compiler.selection import Selected
from api.graphql.compiler.sql import Json, UnsupportedError, name, or_null
from api.graphql.context import FORBIDDEN, ApiInfo, Context
from api.graphql.filters import MomentWithin, code, flag, period
from api.graphql.scalars import AsOf, Lang
from api.graphql.scalars import label as label_of
from domain.categories import Category
from domain.complaint_life import ComplaintState
from domain.complaint_words import Severity
from projections.complaints import COMPLAINTS
from projections.compliance import (
    AGEING,
    AGES,
    COMPLIANCE,
    FIGURES,
    AgeingGroup,
    ComplianceGroup,
    ComplianceRow,
    count_ages,
    count_clocks,
)
from projections.paging import Condition
from projections.service_levels import SLA_CLOCKS, SLA_PAST
from projections.tables import Table

strawberry.enum(
    ComplianceGroup,
    name="SlaComplianceGroup",
    description="By what clocks are grouped: MONTH is that of the start in the time zone of the"
    " clock; HANDLER is not for partners.",
)
strawberry.enum(
    AgeingGroup,
    name="ComplaintAgeingGroup",
    description="By what open complaints are grouped; HANDLER is not for partners.",
)

_SLA_WORDS: Final[dict[ComplianceGroup, Any]] = {
    ComplianceGroup.CATEGORY: Category,
    ComplianceGroup.SEVERITY: Severity,
}
_AGEING_WORDS: Final[dict[AgeingGroup, Any]] = {
    AgeingGroup.CATEGORY: Category,
    AgeingGroup.SEVERITY: Severity,
    AgeingGroup.STATE: ComplaintState,
}
"""The enums whose values are keys of groups; other keys are their own names."""


@strawberry.type(description="What became of the instances of a clock.")
class SlaFigures:
    """How many there are in each state, and how long they took."""

    row: strawberry.Private[ComplianceRow]
    clock: str = strawberry.field(description="The code of the clock in its policy.")
    met: int
    met_late: int
    breached: int = strawberry.field(description="Those still open past their deadline.")
    running: int
    paused: int
    cancelled: int
    cancelled_late: int = strawberry.field(
        description="Those of the cancelled that ended after their deadline."
    )
    total: int
    rate: float | None = strawberry.field(
        description="met / (met + metLate + breached); null where there is none of them."
    )
    median_seconds: int | None = strawberry.field(
        description="Of those met or met late, without pauses: the smallest duration that at least"
        " half of them do not exceed."
    )
    p90_seconds: int | None = strawberry.field(
        description="The smallest duration that at least 90 % of them do not exceed."
    )
    provisional: int = strawberry.field(
        description="How many deadlines depend on a year whose calendar is not published yet."
    )

    @strawberry.field(description="The clock's name in a language.")
    def label(self, lang: Lang = Lang.EN) -> str:
        """Return the name."""
        return _clock_name(self.row, lang)


@strawberry.type(description="What became of the instances of a clock in a group.")
class SlaGroupFigures(SlaFigures):
    """A group and its figures."""

    of: strawberry.Private[ComplianceGroup]
    key: str | None = strawberry.field(
        description="The unit, person, clock, policy, month (2026-03), Category or Severity;"
        " null: not known."
    )

    @strawberry.field(description="The name of the key in a language.")
    def key_label(self, lang: Lang = Lang.EN) -> str | None:
        """Name the key."""
        if self.of is ComplianceGroup.CLOCK:
            return _clock_name(self.row, lang)
        return _named(self.key, _SLA_WORDS.get(self.of), lang)


def _clock_name(row: ComplianceRow, lang: Lang) -> str:
    return row.name_zh if lang is Lang.ZH else row.name_en


def _named(key: str | None, words: Any, lang: Lang) -> str | None:
    return key if key is None or words is None else label_of(words[key], lang)


def _key(key: str | None, words: Any) -> str | None:
    return key if key is None or words is None else str(words(key).name)


@strawberry.type(description="How clocks were kept.")
class SlaCompliance:
    """Groups and totals, each counted when it is asked for."""

    of: strawberry.Private[ComplianceGroup]
    table: strawberry.Private[Table[Any]]
    conditions: strawberry.Private[list[Condition]]

    async def _count(self, info: ApiInfo, grouping: ComplianceGroup) -> list[ComplianceRow]:
        async with info.context.reading() as connection:
            return await count_clocks(connection, grouping, self.table, self.conditions)

    @strawberry.field(
        description="The figures of each clock and group, in the order of clocks and keys, the"
        " unknown key last."
    )
    async def groups(self, info: ApiInfo) -> list[SlaGroupFigures]:
        """Count by groups."""
        words = _SLA_WORDS.get(self.of)
        return [
            copied(SlaGroupFigures, row, row=row, of=self.of, key=_key(row.key, words))
            for row in await self._count(info, self.of)
        ]

    @strawberry.field(description="The figures of each clock, all groups together.")
    async def total(self, info: ApiInfo) -> list[SlaFigures]:
        """Count by clocks alone."""
        rows = await self._count(info, ComplianceGroup.CLOCK)
        return [copied(SlaFigures, row, row=row) for row in rows]


@strawberry.type(description="How old the open complaints of a group are, from their receipt on.")
class ComplaintAges:
    """A group, counted by bands of age; what begins a band is inside, what ends it is not."""

    of: strawberry.Private[AgeingGroup]
    key: str | None = strawberry.field(description="As in ComplaintCount; null: not known.")
    count: int
    under_one_day: int
    one_to_three_days: int
    three_to_seven_days: int
    seven_to_fourteen_days: int
    fourteen_to_thirty_days: int
    thirty_days_or_more: int
    oldest_received_at: datetime
    median_hours: int = strawberry.field(
        description="In whole hours: the smallest age that at least half of them do not exceed."
    )

    @strawberry.field(description="The name of the key in a language.")
    def label(self, lang: Lang = Lang.EN) -> str | None:
        """Name the key."""
        return _named(self.key, _AGEING_WORDS.get(self.of), lang)


# What is asked


def _refuse_handlers(context: Context, grouping: ComplianceGroup | AgeingGroup) -> None:
    """Refuse partners the figures of persons."""
    if grouping.name == "HANDLER" and context.caller.partner is not None:
        raise GraphQLError(
            "figures by handler are not for partners"
            if context.lang == "en"
            else "按处理人统计的数据不向合作方开放",
            extensions={"code": FORBIDDEN},
        )


def _counted(context: Context, given: dict[str, Any]) -> tuple[Table[Any], list[Condition]]:
    """Return where the clocks are counted, and under which conditions."""
    as_of = given["as_of"]
    table: Table[Any] = SLA_CLOCKS if as_of is None else SLA_PAST
    conditions = context.within("slaCompliance", table)
    _refuse_handlers(context, given["group_by"])
    conditions += period("started_at", given["since"], given["until"])
    if as_of is not None:
        conditions.append(MomentWithin(moment_of(as_of)))
    for argument, condition in _CONDITIONS.items():
        if given[argument] is not None:
            conditions.append(condition(given[argument]))
    return table, conditions


_CONDITIONS: Final[dict[str, Callable[[Any], Condition]]] = {
    "clock": code("clock"),
    "historical": flag("historical"),
    "import_source": code("import_source", "importSource"),
    "department": code("department"),
    "region": code("region"),
}
"""What each argument asks of the clocks, beside the period."""


def _aged(
    context: Context, group_by: AgeingGroup, at: datetime | None
) -> tuple[list[Condition], datetime]:
    """Return the conditions of the open complaints, and the instant at which they are that old."""
    conditions = context.within("complaints", COMPLAINTS)
    _refuse_handlers(context, group_by)
    at = datetime.now(UTC) if at is None else at
    return [*conditions, Condition("open", "is", True), Condition("received_at", "<=", at)], at


@strawberry.type
class Query:
    """Questions about compliance."""

    @strawberry.field(description="How clocks were kept: as of now, or of a past moment.")
    async def sla_compliance(
        self,
        info: ApiInfo,
        group_by: ComplianceGroup,
        since: Annotated[
            datetime | None,
            strawberry.argument(name="from", description="Clocks started then or later."),
        ] = None,
        until: Annotated[
            datetime | None, strawberry.argument(name="to", description="Clocks started before.")
        ] = None,
        clock: str | None = None,
        historical: bool | None = None,  # noqa: FBT001  GraphQL names it
        import_source: str | None = None,
        department: str | None = None,
        region: str | None = None,
        as_of: AsOf | None = None,
    ) -> SlaCompliance:
        """Count."""
        given = {
            "group_by": group_by,
            "since": since,
            "until": until,
            "clock": clock,
            "historical": historical,
            "import_source": import_source,
            "department": department,
            "region": region,
            "as_of": as_of,
        }
        table, conditions = _counted(info.context, given)
        return SlaCompliance(of=group_by, table=table, conditions=conditions)

    @strawberry.field(
        description="How old the complaints are that are open now; in the order of the keys, the"
        " unknown one last."
    )
    async def complaint_ageing(
        self,
        info: ApiInfo,
        group_by: AgeingGroup,
        at: Annotated[
            datetime | None,
            strawberry.argument(
                description="The instant at which they are that old; now if none is given."
            ),
        ] = None,
    ) -> list[ComplaintAges]:
        """Count."""
        conditions, instant = _aged(info.context, group_by, at)
        async with info.context.reading() as connection:
            rows = await count_ages(connection, group_by, conditions, instant)
        words = _AGEING_WORDS.get(group_by)
        return [copied(ComplaintAges, r, of=group_by, key=_key(r.key, words)) for r in rows]


# How the compiler reads them


def _text_key(words: Any) -> Emitter:
    def emit(row: Row, _selected: Selected, _planning: Planning) -> Json:
        text = row["key"] if words is None else f'upper({row["key"]} COLLATE "C")'
        return or_null([f"to_json({text})::text"])

    return emit


def _key_name(words: Any) -> Emitter:
    def emit(row: Row, selected: Selected, planning: Planning) -> Json:
        if words is None:
            return _text_key(None)(row, selected, planning)
        return or_null([label_sql(row["key"], words, planning.argument(selected, "lang"))])

    return emit


def _rate(row: Row, _selected: Selected, _planning: Planning) -> Json:
    """Write the share as JSON has it: PostgreSQL writes whole and very small numbers otherwise."""
    met, late, breached = row["met"], row["met_late"], row["breached"]
    share = f"({met}::float8 / nullif({met} + {late} + {breached}, 0))"
    written = (
        f"CASE WHEN {share} IN (0, 1) THEN {share}::text || '.0'"
        f" WHEN {share} >= 0.00001 THEN ({share}::text)::numeric::text"
        f" ELSE replace({share}::text, 'e-0', 'e-') END"
    )
    return or_null([written])


def _no_handlers(grouping: ComplianceGroup | AgeingGroup, planning: Planning) -> None:
    if grouping.name == "HANDLER" and planning.view.partner:
        raise UnsupportedError("handler")  # ordinary execution refuses it


def _figures(selected: Selected, planning: Any) -> Json:
    grouping: ComplianceGroup = planning.argument(selected, "groupBy")
    _no_handlers(grouping, planning)
    given, words = planning.given(selected), _SLA_WORDS.get(grouping)
    name_of = text_in("name_en", "name_zh")
    fields: dict[str, Emitter] = {"label": name_of, "rate": _rate}
    of_groups = fields | {
        "key": _text_key(words),
        "keyLabel": name_of if grouping is ComplianceGroup.CLOCK else _key_name(words),
    }

    asked: list[str] = []

    def rows(kind: str, by: ComplianceGroup, declared: dict[str, Emitter]) -> Emitter:
        def source(binding: Any) -> str:
            table, conditions = _counted(binding.context, given.values(binding))
            found = where(conditions, table, "", binding)
            return FIGURES.format(key=name(by.value), relation=relation(table), conditions=found)

        def emit(_row: Row, field: Selected, plan: Planning) -> Json:
            asked.append(kind)
            row = plan.row(COMPLIANCE)
            found = plan.fields(kind, row, field.sets, declared)
            return listed(found, row, "place", ["(", source, f") AS {row.alias}"])

        return emit

    figures: Json = planning.fields(
        "SlaCompliance",
        planning.row(COMPLIANCE),
        selected.sets,
        {
            "groups": rows("SlaGroupFigures", grouping, of_groups),
            "total": rows("SlaFigures", ComplianceGroup.CLOCK, fields),
        },
    )
    if not asked:  # then no statement checks permission and arguments: ordinary execution does
        raise UnsupportedError("SlaCompliance")
    return figures


def _ages(selected: Selected, planning: Any) -> Json:
    grouping: AgeingGroup = planning.argument(selected, "groupBy")
    _no_handlers(grouping, planning)
    given, words, row = planning.given(selected), _AGEING_WORDS.get(grouping), planning.row(AGEING)

    def source(binding: Any) -> str:
        conditions, at = _aged(binding.context, **given.values(binding))
        return AGES.format(
            key=name(grouping.value),
            at=binding.parameter(at, "timestamptz"),
            relation=relation(COMPLAINTS),
            conditions=where(conditions, COMPLAINTS, "", binding),
        )

    declared = {"key": _text_key(words), "label": _key_name(words)}
    found = planning.fields("ComplaintAges", row, selected.sets, declared)
    return listed(found, row, "place", ["(", source, f") AS {row.alias}"])


answers("slaCompliance", _figures)
answers("complaintAgeing", _ages)
