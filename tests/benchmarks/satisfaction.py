"""Satisfaction figures over a million ratings: the product's own query, by group and window."""

import asyncio
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from uuid import UUID
from zoneinfo import ZoneInfo

import psycopg
from psycopg import AsyncConnection

from api.bootstrap import as_role
from domain.categories import Category
from projections.engine import use_live_tables
from projections.paging import Condition
from projections.ratings import RATINGS, RatingRow
from projections.satisfaction import Grouping, count_scores, figures
from tests.benchmarks.timing import Figures, drive

_REGIONS, _OUTLETS, _DEPARTMENTS = 27, 500, 12
_MONTHS = 36
_BEGAN = datetime(2023, 1, 1, tzinfo=UTC)
_SHANGHAI = ZoneInfo("Asia/Shanghai")
_SPAN = timedelta(days=_MONTHS * 365.25 / 12)
_REPEAT = 50
_WINDOWS = {
    "all": [],
    "a year": [
        Condition("rated_at", ">=", datetime(2024, 3, 10, 5, tzinfo=UTC)),
        Condition("rated_at", "<", datetime(2025, 3, 10, 5, tzinfo=UTC)),
    ],
    "a month": [
        Condition("rated_at", ">=", datetime(2025, 2, 28, 16, tzinfo=UTC)),
        Condition("rated_at", "<", datetime(2025, 3, 31, 16, tzinfo=UTC)),
    ],
    "all, deliveries": [Condition("kind", "=", "delivery")],
}


def _ratings(number: int) -> Iterator[RatingRow]:
    """Yield ratings: a little late, of outlets of all sizes, one in ten that of a handling."""
    dice = random.Random(number)
    categories = [category.value for category in Category]
    for position in range(1, number + 1):
        outlet = int(_OUTLETS * dice.random() ** 1.5)
        handling = dice.random() < 0.1
        late = timedelta(days=dice.expovariate(0.5))
        yield RatingRow(
            position=position,
            kind="handling" if handling else "delivery",
            subject=UUID(int=dice.getrandbits(128)),
            reference=None if handling else f"r{position}",
            score=dice.choices((1, 2, 3, 4, 5), (12, 3, 8, 19, 58))[0],
            rated_at=_BEGAN + _SPAN * (position / number) ** 0.8 - late,
            import_source=None,
            region=f"region-{outlet % _REGIONS:02}",
            outlet=f"outlet-{outlet:03}",
            department=f"department-{dice.randrange(_DEPARTMENTS):02}" if handling else None,
            category=dice.choice(categories) if handling else None,
        )


def _fill(conninfo: str, number: int) -> float:
    """Write the ratings where the projection does; return the size of table and indexes in MB."""
    with psycopg.connect(conninfo, autocommit=True) as connection:
        use_live_tables(connection)
        ratings = _ratings(number)
        while rows := list(islice(ratings, 10_000)):
            RATINGS.insert(connection, rows)
        connection.execute("VACUUM ANALYZE read.ratings")  # as autovacuum does in time
        row = connection.execute("SELECT pg_total_relation_size('read.ratings')").fetchone()
        assert row is not None
        return float(row[0]) / 1e6


async def _measure(conninfo: str) -> dict[tuple[Grouping, str], Figures]:
    reader = as_role(conninfo, "redress_reader")
    measured = {}
    async with await AsyncConnection.connect(reader, autocommit=True) as connection:
        for grouping in Grouping:
            for name, window in _WINDOWS.items():

                async def ask(
                    _: int, grouping: Grouping = grouping, window: list[Condition] = window
                ) -> None:
                    counted = await count_scores(connection, grouping, window, _SHANGHAI)
                    await asyncio.to_thread(figures, list(counted.values()))

                await drive(1, 2, ask)
                measured[grouping, name] = await drive(1, _REPEAT, ask)
    return measured


def report(conninfo: str, scale: float) -> None:
    """Print the figures."""
    number = int(1_000_000 * scale)
    size = _fill(conninfo, number)
    print(f"\n## Satisfaction: {number} ratings ({size:.0f} MB with indexes),"
          f" p50 / p99 in ms of {_REPEAT} times each")  # fmt: skip
    measured = asyncio.run(_measure(conninfo))
    print(f"{'':<12}" + "".join(f"{name:>18}" for name in _WINDOWS))
    for grouping in Grouping:
        cells = (measured[grouping, name] for name in _WINDOWS)
        print(f"{grouping.value:<12}" + "".join(f"{f.p50:>10.1f} /{f.p99:>6.1f}" for f in cells))
