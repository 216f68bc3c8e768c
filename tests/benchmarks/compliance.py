"""Compliance figures over a million finished clocks: the product's own query, by each grouping."""

import asyncio
from typing import LiteralString

import psycopg
from psycopg import AsyncConnection

from api.bootstrap import as_role
from projections.compliance import ComplianceGroup, count_clocks
from projections.service_levels import SLA_CLOCKS
from tests.benchmarks.timing import Figures, drive

_REPEAT = 30
# Five clocks a case, of departments, regions, outlets and handlers of all sizes, in three years.
_FILL: LiteralString = """
INSERT INTO read.sla_clocks (
    id, case_id, case_kind, case_number, clock, name_en, name_zh, number, state, live, basis,
    target, policy, policy_version, calendar, calendar_version, time_zone, started_at, started_by,
    month, due_at, provisional, paused_seconds, ended_at, ended_by, duration_seconds, department,
    region, outlet, category, severity, handler, historical, position
)
SELECT gen_random_uuid(), md5((n / 5)::text)::uuid, 'complaint', 'C-' || n / 5, clock, clock,
    clock, 1, CASE WHEN dice < 0.05 THEN 'cancelled' WHEN took <= target THEN 'met'
        ELSE 'met_late' END,
    false, 'elapsed', target, 'default', 1, 'china', 1, 'Asia/Shanghai', began, 'received',
    to_char(began AT TIME ZONE 'Asia/Shanghai', 'YYYY-MM'), began + make_interval(secs => target),
    false, 0, began + make_interval(secs => took), 'answered', took,
    'department-' || (chance * 12)::int, 'region-' || (chance * 500)::int %% 27,
    'outlet-' || (chance * 500)::int,
    (ARRAY['delay', 'loss', 'damage', 'delivery', 'enquiry'])[1 + (chance * 4)::int],
    (ARRAY['general', 'serious', 'major'])[1 + (chance * 2)::int],
    'agent-' || (chance * 200)::int, n %% 10 = 0, n
FROM (
    SELECT n, clock, target, random() AS dice,
        (-ln(1 - random()) * 0.55 * target)::bigint AS took,
        timestamptz '2023-01-01' + n * interval '36 months' / %(number)s::int AS began,
        power(('x' || substr(md5((n / 5)::text), 1, 6))::bit(24)::int / 16777216.0, 1.5) AS chance
    FROM generate_series(0, %(number)s::int - 1) AS n
    JOIN (VALUES (0, 'forwarding', 86400), (1, 'first_feedback', 86400), (2, 'answer', 259200),
        (3, 'legal_answer', 604800), (4, 'compensation', 864000)) AS clocks (ordinal, clock, target)
        ON ordinal = n %% 5
) AS made
"""


def _fill(conninfo: str, number: int) -> float:
    """Write the clocks; return the size of the table and its indexes in MB."""
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute(_FILL, {"number": number})
        connection.execute("VACUUM ANALYZE read.sla_clocks")  # as autovacuum does in time
        row = connection.execute("SELECT pg_total_relation_size('read.sla_clocks')").fetchone()
        assert row is not None
        return float(row[0]) / 1e6


async def _measure(conninfo: str) -> dict[ComplianceGroup, Figures]:
    reader = as_role(conninfo, "redress_reader")
    measured = {}
    async with await AsyncConnection.connect(reader, autocommit=True) as connection:
        scope = """SELECT set_config('redress.scope', '{"reach": "any", "staff": true}', false)"""
        await connection.execute(scope)
        # The compiled statement sets the scope itself, which keeps it to one process.
        await connection.execute("SET max_parallel_workers_per_gather = 0")
        for grouping in ComplianceGroup:

            async def ask(_: int, grouping: ComplianceGroup = grouping) -> None:
                await count_clocks(connection, grouping, SLA_CLOCKS, [])

            await drive(1, 2, ask)
            measured[grouping] = await drive(1, _REPEAT, ask)
    return measured


def report(conninfo: str, scale: float) -> None:
    """Print the figures."""
    number = int(1_000_000 * scale)
    size = _fill(conninfo, number)
    print(f"\n## Compliance: {number} clocks ({size:.0f} MB with indexes),"
          f" p50 / p99 in ms of {_REPEAT} times each")  # fmt: skip
    for grouping, found in asyncio.run(_measure(conninfo)).items():
        print(f"{grouping.value:<12}{found.p50:>10.1f} /{found.p99:>7.1f}")
