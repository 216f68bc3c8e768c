"""Compliance figures: what became of clocks, and how old open complaints are (domain.md 3).

Median and 90th percentile are those of the nearest rank: the smallest duration that at least this
share of the durations does not exceed. So each is a duration that occurred, in whole seconds.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any, Final, LiteralString

from psycopg import AsyncConnection, sql

from projections.complaints import COMPLAINTS
from projections.paging import Condition
from projections.tables import Table


class ComplianceGroup(Enum):
    """By what clocks are grouped, beside by themselves."""

    CLOCK = "clock"
    DEPARTMENT = "department"
    REGION = "region"
    OUTLET = "outlet"
    CATEGORY = "category"
    SEVERITY = "severity"
    HANDLER = "handler"
    MONTH = "month"
    POLICY = "policy"


class AgeingGroup(Enum):
    """By what open complaints are grouped."""

    DEPARTMENT = "department"
    REGION = "region"
    CATEGORY = "category"
    SEVERITY = "severity"
    HANDLER = "handler"
    STATE = "state"


@dataclass(slots=True)
class ComplianceRow:
    """What became of the instances of a clock in a group; ``place`` is that in the order."""

    place: int
    clock: str
    name_en: str
    name_zh: str
    key: str | None
    met: int
    met_late: int
    breached: int
    running: int
    paused: int
    cancelled: int
    cancelled_late: int
    total: int
    provisional: int
    median_seconds: int | None
    p90_seconds: int | None

    @property
    def rate(self) -> float | None:
        """The share of those that were met, of those of which it is known."""
        known = self.met + self.met_late + self.breached
        return self.met / known if known else None


@dataclass(slots=True)
class AgeingRow:
    """How old the open complaints of a group are."""

    place: int
    key: str | None
    count: int
    under_one_day: int
    one_to_three_days: int
    three_to_seven_days: int
    seven_to_fourteen_days: int
    fourteen_to_thirty_days: int
    thirty_days_or_more: int
    oldest_received_at: datetime
    median_hours: int


COMPLIANCE: Final = Table("compliance", ComplianceRow, key="place")
AGEING: Final = Table("ageing", AgeingRow, key="place")
"""Not stored: their rows are counted when they are asked for."""

# Groups are hashed and their durations sorted on their own: beside the counts percentile_disc would
# have all rows sorted by their texts first. What nobody asks for of a subquery is not calculated.
FIGURES: Final[LiteralString] = """
SELECT row_number() OVER (ORDER BY clock COLLATE "C", key COLLATE "C") AS place, counted.*,
    (SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY d) FROM unnest(durations) AS d)
        AS median_seconds,
    (SELECT percentile_disc(0.9) WITHIN GROUP (ORDER BY d) FROM unnest(durations) AS d)
        AS p90_seconds
FROM (
    SELECT clock, {key} AS key, max(name_en) AS name_en, max(name_zh) AS name_zh,
        count(*) FILTER (WHERE state = 'met') AS met,
        count(*) FILTER (WHERE state = 'met_late') AS met_late,
        count(*) FILTER (WHERE state = 'breached') AS breached,
        count(*) FILTER (WHERE state = 'running') AS running,
        count(*) FILTER (WHERE state = 'paused') AS paused,
        count(*) FILTER (WHERE state = 'cancelled') AS cancelled,
        count(*) FILTER (WHERE state = 'cancelled' AND ended_at > due_at) AS cancelled_late,
        count(*) AS total,
        count(*) FILTER (WHERE provisional) AS provisional,
        array_agg(duration_seconds::int4) FILTER (WHERE state IN ('met', 'met_late'))
            AS durations
    FROM {relation} WHERE {conditions} GROUP BY clock, {key}
) AS counted
"""
"""The figures of each clock and group, to be filled with a column, a table and conditions."""

AGES: Final[LiteralString] = """
SELECT row_number() OVER (ORDER BY key COLLATE "C") AS place, key, count(*) AS count,
    count(*) FILTER (WHERE age < interval '1 day') AS under_one_day,
    count(*) FILTER (WHERE age >= interval '1 day' AND age < interval '3 days')
        AS one_to_three_days,
    count(*) FILTER (WHERE age >= interval '3 days' AND age < interval '7 days')
        AS three_to_seven_days,
    count(*) FILTER (WHERE age >= interval '7 days' AND age < interval '14 days')
        AS seven_to_fourteen_days,
    count(*) FILTER (WHERE age >= interval '14 days' AND age < interval '30 days')
        AS fourteen_to_thirty_days,
    count(*) FILTER (WHERE age >= interval '30 days') AS thirty_days_or_more,
    min(received_at) AS oldest_received_at,
    percentile_disc(0.5) WITHIN GROUP (ORDER BY floor(extract(epoch FROM age) / 3600)::int8)
        AS median_hours
FROM (
    SELECT {key} AS key, received_at, {at} - received_at AS age
    FROM {relation} WHERE {conditions}
) AS aged
GROUP BY key
"""
"""The ages of each group, to be filled with a column, an instant, a table and conditions."""


async def count_clocks(
    connection: AsyncConnection[Any],
    grouping: ComplianceGroup,
    table: Table[Any],
    conditions: Sequence[Condition],
) -> list[ComplianceRow]:
    """Return the figures of each clock and group; None is the group that is not known."""
    statement = sql.SQL(FIGURES).format(
        key=sql.Identifier(grouping.value),
        relation=sql.Identifier(table.schema, table.name),
        conditions=_all_of(conditions),
    )
    parameters = [value for condition in conditions for value in condition.parameters]
    return await _rows(connection, COMPLIANCE, statement, parameters)


async def count_ages(
    connection: AsyncConnection[Any],
    grouping: AgeingGroup,
    conditions: Sequence[Condition],
    at: datetime,
) -> list[AgeingRow]:
    """Return how old complaints are at an instant, by groups; None: the one that is not known."""
    statement = sql.SQL(AGES).format(
        key=sql.Identifier(grouping.value),
        at=sql.Placeholder(),
        relation=sql.Identifier(COMPLAINTS.schema, COMPLAINTS.name),
        conditions=_all_of(conditions),
    )
    parameters = [value for condition in conditions for value in condition.parameters]
    return await _rows(connection, AGEING, statement, [at, *parameters])


def _all_of(conditions: Sequence[Condition]) -> sql.Composable:
    clauses: list[sql.Composable] = [condition.sql() for condition in conditions]
    return sql.SQL(" AND ").join(clauses or [sql.SQL("TRUE")])


async def _rows(
    connection: AsyncConnection[Any],
    table: Table[Any],
    statement: sql.Composed,
    parameters: list[Any],
) -> list[Any]:
    columns = sql.SQL(", ").join(map(sql.Identifier, table.columns))
    asked = sql.SQL("SELECT {} FROM ({}) AS found ORDER BY place").format(columns, statement)
    cursor = await connection.execute(asked, parameters)
    return [table.row(*values) for values in await cursor.fetchall()]
