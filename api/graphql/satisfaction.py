"""Satisfaction figures in the schema."""

import asyncio
from datetime import datetime
from enum import Enum
from typing import Annotated, Any

import strawberry

from api.graphql.commands import copied
from api.graphql.context import ApiInfo
from api.graphql.nodes import filter_text
from api.graphql.scalars import Lang
from api.graphql.scalars import label as label_of
from domain.categories import Category
from domain.errors import InvalidValueError, Rule
from projections.paging import Condition
from projections.ratings import RATINGS
from projections.satisfaction import Grouping, count_scores, figures

strawberry.enum(
    Grouping,
    name="SatisfactionGroup",
    description="By what ratings are grouped: MONTH is that of the rating in the business time"
    " zone; only handlings have a department and a category.",
)


@strawberry.enum(description="What was rated.")
class RatingKind(Enum):
    """A delivery, or how a complaint was handled."""

    DELIVERY = "delivery"
    HANDLING = "handling"


@strawberry.type(description="Figures of some ratings; null where there is none.")
class SatisfactionFigures:
    """The sample and what it says."""

    count: int = strawberry.field(description="How many ratings there are.")
    scores: list[int] = strawberry.field(description="How many of them are 1, 2, 3, 4, 5.")
    mean: float | None = strawberry.field(description="The mean score.")
    csat: float | None = strawberry.field(description="The share of the scores 4 and 5.")
    csat_low: float | None = strawberry.field(
        description="Where the 95 % interval of csat begins (Wilson)."
    )
    csat_high: float | None = strawberry.field(description="Where that interval ends.")


@strawberry.type(description="Figures of one group of ratings.")
class GroupSatisfaction(SatisfactionFigures):
    """A group and its figures."""

    category: strawberry.Private[Category | None]
    key: str | None = strawberry.field(
        description="The region, outlet, department, Category or month (2017-10); null: not known."
    )

    @strawberry.field(description="The name of a category; null for what is its own name.")
    def label(self, lang: Lang = Lang.EN) -> str | None:
        """Name the group."""
        return None if self.category is None else label_of(self.category, lang)


@strawberry.type(description="Satisfaction as ratings tell it.")
class Satisfaction:
    """Groups and their total."""

    groups: list[GroupSatisfaction] = strawberry.field(
        description="The groups in the order of their keys, the unknown one last."
    )
    total: SatisfactionFigures = strawberry.field(description="All groups together.")


def _conditions(
    since: datetime | None,
    until: datetime | None,
    kind: RatingKind | None,
    import_source: str | None,
    reached: list[Condition],
) -> list[Condition]:
    if since is not None and until is not None and until < since:
        raise InvalidValueError("to", Rule.BEFORE, "from")
    conditions = list(reached)
    if since is not None:
        conditions.append(Condition("rated_at", ">=", since))
    if until is not None:
        conditions.append(Condition("rated_at", "<", until))
    if kind is not None:
        conditions.append(Condition("kind", "=", kind.value))
    if import_source is not None:
        text = filter_text(import_source, field="importSource")
        conditions.append(Condition("import_source", "=", text))
    return conditions


@strawberry.type
class Query:
    """Questions about satisfaction."""

    @strawberry.field(
        description="How satisfied customers are, by region, outlet, department, category or month."
    )
    async def satisfaction(
        self,
        info: ApiInfo,
        group_by: Grouping,
        since: Annotated[
            datetime | None,
            strawberry.argument(name="from", description="Ratings given then or later."),
        ] = None,
        until: Annotated[
            datetime | None, strawberry.argument(name="to", description="Ratings given before.")
        ] = None,
        kind: RatingKind | None = None,
        import_source: str | None = None,
    ) -> Satisfaction:
        """Count and calculate."""
        reached = info.context.within("satisfaction", RATINGS)
        conditions = _conditions(since, until, kind, import_source, reached)
        async with info.context.reading() as connection:
            counted = await count_scores(connection, group_by, conditions, info.context.zone)
        keys = sorted(counted, key=lambda key: (key is None, key))
        scores = [counted[key] for key in keys]
        total = [sum(column) for column in zip(*scores, strict=True)] or [0] * 5
        *groups, all_of_them = await asyncio.to_thread(figures, [*scores, total])
        return Satisfaction(
            groups=[_group(group_by, key, found) for key, found in zip(keys, groups, strict=True)],
            total=copied(SatisfactionFigures, all_of_them),
        )


def _group(group_by: Grouping, key: str | None, found: Any) -> GroupSatisfaction:
    if group_by is Grouping.CATEGORY and key is not None:
        category = Category(key)
        return copied(GroupSatisfaction, found, category=category, key=category.name)
    return copied(GroupSatisfaction, found, category=None, key=key)
