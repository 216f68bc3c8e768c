"""How many appeals there are, in the schema: counted apart from complaints (domain.md 3)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final

import strawberry

from api.graphql.compiler.conditions import where
from api.graphql.compiler.declarations import (
    Planning,
    Row,
    answers,
    label_sql,
    listed,
)
from api.graphql.compiler.selection import Selected
from api.graphql.compiler.sql import Json, Piece, name, or_null
from api.graphql.context import ApiInfo, Context
from api.graphql.filters import period
from api.graphql.scalars import Lang, label
from domain.categories import Category
from projections.appeals import (
    APPEALS,
    COUNTED,
    FIGURES,
    MONTH,
    TOGETHER,
    AppealFigures,
    AppealGroup,
    count_appeals,
)
from projections.paging import Condition
from projections.tables import Table

strawberry.enum(
    AppealGroup,
    description="By what appeals are counted; MONTH is that of the receipt in the business time"
    " zone.",
)


@strawberry.type(description="How many appeals of a group were received, and what became of them.")
class AppealCount:
    """The figures of a group."""

    of: strawberry.Private[AppealGroup | None]
    key: str | None = strawberry.field(
        description="The region, department, Category or month (2026-03); null: not known, or all"
        " appeals."
    )
    received: int
    valid: int = strawberry.field(description="How many were found valid (成立).")
    not_valid: int
    open: int
    answered: int
    withdrawn: int
    late_answers: int = strawberry.field(
        description="How many were answered after the deadline of the appeal."
    )
    overdue: int = strawberry.field(description="How many are open past their deadline.")

    @strawberry.field(description="The name of the key in a language.")
    def label(self, lang: Lang = Lang.EN) -> str | None:
        """Name the key."""
        if self.key is None or self.of is not AppealGroup.CAUSE:
            return self.key
        return label(Category[self.key], lang)


def _count_type(group: AppealGroup | None, found: AppealFigures) -> AppealCount:
    key = found.key
    return AppealCount(
        of=group,
        key=Category(key).name if key is not None and group is AppealGroup.CAUSE else key,
        received=found.received,
        valid=found.valid,
        not_valid=found.not_valid,
        open=found.open,
        answered=found.answered,
        withdrawn=found.withdrawn,
        late_answers=found.late_answers,
        overdue=found.overdue,
    )


def _counted(context: Context, since: datetime | None, until: datetime | None) -> list[Condition]:
    """Return the conditions of the appeals that are counted."""
    return [*context.within("appeals", APPEALS), *period("received_at", since, until)]


@dataclass(slots=True)
class _CountRow:
    place: int
    key: str | None
    received: int
    valid: int
    not_valid: int
    open: int
    answered: int
    withdrawn: int
    late_answers: int
    overdue: int


_COUNTS: Final = Table("appeal_counts", _CountRow, key="place")


def _counts(selected: Selected, planning: Any) -> Json:
    group: AppealGroup | None = planning.argument(selected, "groupBy")
    given, row = planning.given(selected), planning.row(_COUNTS)
    by_cause = group is AppealGroup.CAUSE

    def key(counted: Row, _selected: Selected, _planning: Planning) -> Json:
        text = f"upper({counted['key']})" if by_cause else counted["key"]
        return or_null([f"to_json({text})::text"])

    def named(counted: Row, field: Selected, plan: Planning) -> Json:
        if not by_cause:
            return key(counted, field, plan)
        return or_null([label_sql(counted["key"], Category, plan.argument(field, "lang"))])

    def within(binding: Any) -> str:
        arguments = given.values(binding)
        chosen = _counted(binding.context, arguments["since"], arguments["until"])
        return where(chosen, APPEALS, "", binding)

    def month(binding: Any) -> str:
        return MONTH.format(binding.parameter(binding.context.zone.key, "text"))

    found = planning.fields("AppealCount", row, selected.sets, {"key": key, "label": named})
    grouped: Piece = TOGETHER
    if group is not None:
        grouped = month if group is AppealGroup.MONTH else name(group.value)
    source: list[Piece] = [
        "(SELECT *, row_number() OVER (ORDER BY key NULLS LAST) AS place FROM (SELECT ",
        grouped,
        f" AS key, {FIGURES} FROM {COUNTED} WHERE ",
        within,
        f" GROUP BY {'()' if group is None else '1'}) AS counted) AS {row.alias}",
    ]
    return listed(found, row, "place", source)


answers("appealCounts", _counts)


@strawberry.type
class Query:
    """Figures about appeals."""

    @strawberry.field(
        description="How many appeals there are, by region, department, cause or month, in the"
        " order of the keys, the unknown one last; without groupBy all of them together."
    )
    async def appeal_counts(
        self,
        info: ApiInfo,
        group_by: AppealGroup | None = None,
        since: Annotated[
            datetime | None,
            strawberry.argument(name="from", description="Appeals received then or later."),
        ] = None,
        until: Annotated[
            datetime | None, strawberry.argument(name="to", description="Appeals received before.")
        ] = None,
    ) -> list[AppealCount]:
        """Count."""
        context = info.context
        conditions = _counted(context, since, until)
        async with context.reading() as connection:
            found = await count_appeals(connection, group_by, conditions, context.zone)
        return [_count_type(group_by, figures) for figures in found]
