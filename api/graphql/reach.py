"""How far a caller reaches into the read models: the columns that say to whom a row belongs."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from psycopg import AsyncConnection, sql

from application.permissions import Reach, Way
from projections.appeals import APPEALS
from projections.complaints import COMPLAINTS
from projections.improvements import IMPROVEMENTS
from projections.notices import NOTICES
from projections.paging import AnyOf, Condition, OfAny
from projections.ratings import RATINGS
from projections.service_levels import SLA_CLOCKS, SLA_DOCKETS, SLA_PAST, DocketRow
from projections.shipments import SHIPMENTS
from projections.tables import Table


@dataclass(frozen=True, slots=True)
class Reached:
    """Which read reaches a table's rows, and to whom a row belongs: itself, or by its ``case``."""

    operation: str
    belongings: Mapping[Way, str] = field(default_factory=dict)
    case: str | None = None


REACHED: Final[Mapping[str, Reached]] = {
    COMPLAINTS.name: Reached(
        "complaints",
        {
            "partner": "partner",
            "person": "handler",
            "department": "department",
            "region": "region",
            "outlet": "outlet",
        },
    ),
    SHIPMENTS.name: Reached(
        "shipments", {"partner": "partner", "region": "region", "outlet": "outlet"}
    ),
    IMPROVEMENTS.name: Reached("improvements", {"person": "owner", "department": "department"}),
    APPEALS.name: Reached(
        "appeals", {"department": "department", "region": "region", "outlet": "outlet"}
    ),
    NOTICES.name: Reached("notices", case="case_id"),
    RATINGS.name: Reached("ratings", case="subject"),
    SLA_DOCKETS.name: Reached("slaClocks", case="case_id"),
    SLA_CLOCKS.name: Reached("slaClocks", case="case_id"),
    SLA_PAST.name: Reached("slaClocks", case="case_id"),
}
"""Tables that are not here hold parts of a case, asked for through it, or no cases at all."""
CASES: Final = (COMPLAINTS, SHIPMENTS, APPEALS)
CLOCK_RECORDS: Final = Table(SLA_DOCKETS.name, DocketRow, key="stream")
"""The streams of what is put on record of the clocks of cases."""


def within(table: Table[Any], reach: Reach) -> list[Condition]:
    """Return the conditions under which rows of a table are within reach; none where all are."""
    return [] if reach.everything or table.name not in REACHED else [_condition(table, reach)]


async def cases_within(
    connection: AsyncConnection[Any],
    cases: Collection[UUID],
    tables: Sequence[Table[Any]],
    reach: Reach,
) -> list[UUID]:
    """Return which of the cases are within reach, as rows of these tables."""
    if reach.everything:
        return list(cases)
    condition = of_any("id", tables, reach)
    statement = sql.SQL("SELECT id FROM unnest(%s::uuid[]) AS id WHERE {}").format(condition.sql())
    cursor = await connection.execute(statement, [list(cases), *condition.parameters])
    return [row[0] for row in await cursor.fetchall()]


def _condition(table: Table[Any], reach: Reach) -> Condition:
    reached = REACHED[table.name]
    if reached.case is not None:
        return of_any(reached.case, CASES, reach)
    columns = [(column, sorted(reach.names(way))) for way, column in reached.belongings.items()]
    return AnyOf([(column, names) for column, names in columns if names])


def of_any(column: str, tables: Sequence[Table[Any]], reach: Reach) -> OfAny:
    """Return the condition that a column names a row of one of these tables within reach."""
    return OfAny(column, [(table, _condition(table, reach)) for table in tables])
