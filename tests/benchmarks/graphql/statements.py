"""The three questions as one would write them by hand: PostgreSQL makes the JSON."""

from typing import Any, Final, LiteralString

from psycopg import AsyncConnection
from psycopg.types.json import set_json_loads

NESTED: Final[LiteralString] = """
WITH page AS MATERIALIZED (
    SELECT id, number, state, severity, received_at FROM read.complaints
    WHERE (received_at, id) < (%s, %s) ORDER BY received_at DESC, id DESC LIMIT 51
)
SELECT json_build_object('hasNextPage', (SELECT count(*) > 50 FROM page), 'rows', (
    SELECT json_agg(c) FROM (
        SELECT p.id, p.number, p.state, p.severity, p.received_at AS "receivedAt", (
            SELECT json_agg(e) FROM (
                SELECT number, kind, media_type AS "mediaType", size, sha256 FROM read.evidence
                WHERE complaint = p.id ORDER BY position
            ) AS e
        ) AS evidence, (
            SELECT json_agg(t) FROM (
                SELECT position, topic, occurred_at AS "occurredAt", actor, sentence_en AS sentence
                FROM read.case_entries WHERE case_id = p.id ORDER BY position LIMIT 10
            ) AS t
        ) AS timeline
        FROM page AS p ORDER BY p.received_at DESC, p.id DESC LIMIT 50
    ) AS c
))
"""
FLAT: Final[LiteralString] = """
WITH page AS MATERIALIZED (
    SELECT id, number, state, channel, category, region, received_at AS "receivedAt"
    FROM read.complaints WHERE severity = 'general' AND (received_at, id) < (%s, %s)
    ORDER BY received_at DESC, id DESC LIMIT 1001
)
SELECT json_build_object('hasNextPage', (SELECT count(*) > 1000 FROM page), 'rows', (
    SELECT json_agg(c) FROM (SELECT * FROM page ORDER BY "receivedAt" DESC, id DESC LIMIT 1000) AS c
))
"""
CASE: Final[LiteralString] = """
SELECT row_to_json(c) FROM (
    SELECT id, number, state, severity, (
        SELECT json_agg(t) FROM (
            SELECT position, topic, occurred_at AS "occurredAt", recorded_at AS "recordedAt", actor,
                role, sentence_zh AS sentence
            FROM read.case_entries WHERE case_id = complaints.id ORDER BY position LIMIT 500
        ) AS t
    ) AS timeline
    FROM read.complaints WHERE id = %s
) AS c
"""
STATEMENTS: Final[dict[str, LiteralString]] = {"nested": NESTED, "flat": FLAT, "case": CASE}


async def give_bytes(connection: AsyncConnection[Any]) -> None:
    """Let JSON come as the bytes that it is."""
    await connection.set_autocommit(True)
    set_json_loads(bytes, connection)  # type: ignore[arg-type]
