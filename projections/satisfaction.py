"""Satisfaction figures: how many ratings of each score a group has, and what follows from it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cache
from typing import Any, Final, LiteralString
from zoneinfo import ZoneInfo

from psycopg import AsyncConnection, sql

from domain.rating import BEST, WORST
from projections.paging import Condition

_SCORES: Final = range(WORST, BEST + 1)
_SATISFIED: Final = 4
"""The lowest score of a satisfied customer (domain.md 7)."""
_CONFIDENCE: Final = 0.95

_BY_COLUMN: LiteralString = """
SELECT {column}, score, count(*) FROM read.ratings WHERE {conditions} GROUP BY 1, 2
"""
# To find the month of a million instants by their local date takes twice as long.
_BY_MONTH: LiteralString = """
WITH span AS (
    SELECT date_trunc('month', min(rated_at) AT TIME ZONE %s) AS first,
        max(rated_at) AT TIME ZONE %s AS last
    FROM read.ratings
), months AS (
    SELECT array_agg(month AT TIME ZONE %s ORDER BY month) AS starts
    FROM span, generate_series(first, last, interval '1 month') AS month
)
SELECT to_char(first + make_interval(months => number - 1), 'YYYY-MM'), score, ratings
FROM span, (
    SELECT width_bucket(rated_at, (SELECT starts FROM months)) AS number, score,
        count(*) AS ratings
    FROM read.ratings WHERE {conditions} GROUP BY 1, 2
) AS counted
"""


class Grouping(Enum):
    """By what ratings are grouped."""

    REGION = "region"
    OUTLET = "outlet"
    DEPARTMENT = "department"
    CATEGORY = "category"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class Figures:
    """What the scores of a group say; ``csat`` is the share of satisfied customers."""

    scores: list[int]
    count: int
    mean: float | None
    csat: float | None
    csat_low: float | None
    csat_high: float | None


async def count_scores(
    connection: AsyncConnection[Any],
    grouping: Grouping,
    conditions: Sequence[Condition],
    zone: ZoneInfo,
) -> dict[str | None, list[int]]:
    """Return how often each score was given in each group; None is the group that is not known."""
    clauses: list[sql.Composable] = [condition.sql() for condition in conditions]
    all_of_them = sql.SQL(" AND ").join(clauses or [sql.SQL("TRUE")])
    values = [value for condition in conditions for value in condition.parameters]
    if grouping is Grouping.MONTH:
        statement = sql.SQL(_BY_MONTH).format(conditions=all_of_them)
        values = [zone.key] * 3 + values
    else:
        statement = sql.SQL(_BY_COLUMN).format(
            column=sql.Identifier(grouping.value), conditions=all_of_them
        )
    counted: dict[str | None, list[int]] = {}
    cursor = await connection.execute(statement, values)
    for key, score, ratings in await cursor.fetchall():
        counted.setdefault(key, [0] * len(_SCORES))[score - WORST] = ratings
    return counted


def figures(groups: Sequence[Sequence[int]]) -> list[Figures]:
    """Return the figures of groups of which it is known how often each score was given."""
    return [_figures_of(list(scores)) for scores in groups]


def _figures_of(scores: list[int]) -> Figures:
    count = sum(scores)
    if not count:
        return Figures(scores, 0, None, None, None, None)
    satisfied = sum(scores[_SATISFIED - WORST :])
    mean = sum(score * given for score, given in zip(_SCORES, scores, strict=True)) / count
    low, high = _wilson(satisfied, count)
    return Figures(scores, count, mean, satisfied / count, low, high)


def _wilson(satisfied: int, count: int) -> tuple[float, float]:
    """Return Wilson's score interval at 95 %."""
    result = _result_type()(
        k=satisfied, n=count, alternative="two-sided", statistic=satisfied / count, pvalue=math.nan
    )
    interval = result.proportion_ci(confidence_level=_CONFIDENCE, method="wilson")
    return float(interval.low), float(interval.high)


def load_statistics() -> None:
    """Import the library, so that the first who asks for figures does not wait for it."""
    _result_type()


@cache
def _result_type() -> Any:
    """Return the library's result of a binomial test, which knows the interval.

    Made directly: the test's p-value, for which nobody asks, takes a millisecond.
    """
    # Imported here because it takes half a second, which nobody else is to wait for.
    from scipy.stats import binomtest  # type: ignore[import-untyped]  # noqa: PLC0415

    return type(binomtest(0, 1))
