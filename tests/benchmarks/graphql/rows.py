"""The rows that all contenders serve, written straight into the read models.

Complaints with three pieces of evidence and ten entries each, entries of many cases interleaved as
in a log, a shipment for each complaint, and one case of 500 entries.
"""

from typing import Any, LiteralString
from uuid import UUID

import psycopg
from psycopg.rows import scalar_row

from domain.categories import Category
from domain.complaint_life import OPEN, ComplaintState
from domain.complaint_words import Channel, EvidenceKind, Severity

EVIDENCE, ENTRIES = 3, 10
LONG_CASES, LONG_CASE = 100, 500
HOURS = 3 * 365 * 24
"""How long a time the complaints are spread over, evenly."""

# The log is empty but for keys: the positions of these rows are far above what it will reach.
_BEYOND_THE_LOG = 1_000_000_000

_ID: LiteralString = """
CREATE FUNCTION pg_temp.id_at(moment timestamptz, seed text) RETURNS uuid LANGUAGE sql AS $$
SELECT (lpad(to_hex((extract(epoch FROM moment) * 1000)::bigint), 12, '0')
    || '7' || substr(md5(seed), 1, 3) || '8' || substr(md5(seed), 4, 15))::uuid $$
"""
# The first words of a list are the frequent ones: of three, 69, 18 and 13 of a hundred.
_PICK: LiteralString = """
CREATE FUNCTION pg_temp.pick(words text[], seed bigint, salt bigint) RETURNS text LANGUAGE sql AS $$
SELECT words[1 + floor(cardinality(words)
    * power((hashint8extended(seed, salt) & 65535) / 65536.0, 3))::int] $$
"""
_SHIPMENTS: LiteralString = """
INSERT INTO shipments (id, waybill, service_class, origin, destination, region, outlet, ordered_at,
    accepted_at, fee_minor, currency, insured, opened_at, version)
SELECT pg_temp.id_at(at, 'shipment' || i), 'SF' || lpad(i::text, 12, '0'), 'standard', '上海',
    '成都', pg_temp.pick(%(regions)s, i, 5), 'outlet-' || lpad((i %% 500)::text, 3, '0'), at, at,
    1200, 'CNY', i %% 4 = 0, at, 3
FROM generate_series(1, %(number)s::bigint) AS i,
    LATERAL (
        SELECT %(began)s::timestamptz + (i * %(hours)s::int / %(number)s::float) * interval '1 hour'
    ) AS t (at)
"""
_COMPLAINTS: LiteralString = """
INSERT INTO complaints (id, number, state, state_since, open, channel, category, severity, urgent,
    priority, customer, received_at, changed_at, historical, version, waybill, shipment, region,
    outlet, department, handler, registered_at, assigned_at, answered_at, closed_at, first_contact,
    measures, measures_left, settled_items, quality_steps, links, reopenings, disputes)
SELECT pg_temp.id_at(at, 'complaint' || i), 'C-2026-' || lpad(i::text, 6, '0'), state,
    at + interval '2 days', state = ANY(%(open)s), pg_temp.pick(%(channels)s, i, 1),
    pg_temp.pick(%(categories)s, i, 2), severity, urgent,
    (((CASE WHEN urgent THEN 0 ELSE 3 END) + 3 - array_position(%(severities)s, severity))::bigint
        << 60) + (extract(epoch FROM at) * 1000000)::bigint,
    pg_temp.id_at(at, 'customer' || i), at, at + interval '2 days', false, %(entries)s,
    s.waybill, s.id, s.region, s.outlet, 'department-' || i %% 12, 'person-' || i %% 200,
    at + interval '1 hour', at + interval '3 hours',
    CASE WHEN state = 'closed' THEN at + interval '1 day' END,
    CASE WHEN state = 'closed' THEN at + interval '2 days' END, false, '', '', '', '', '', 0, 0
FROM (
    SELECT s.*, s.opened_at + interval '3 days' AS at, i %% 20 = 0 AS urgent,
        pg_temp.pick(%(severities)s, i, 3) AS severity, pg_temp.pick(%(states)s, i, 4) AS state
    FROM (SELECT row_number() OVER (ORDER BY opened_at, id) AS i, * FROM shipments) AS s
) AS s
"""
_EVIDENCE: LiteralString = """
INSERT INTO evidence (position, complaint, number, kind, media_type, size, sha256, added_at,
    added_by)
SELECT %(beyond)s + row_number() OVER (ORDER BY n, c.id), c.id, n, pg_temp.pick(%(kinds)s, c.i, n),
    CASE n WHEN 1 THEN 'application/pdf' ELSE 'image/jpeg' END, 20000 + (c.i * 7919 + n) %% 5000000,
    encode(sha256((c.id || ':' || n)::text::bytea), 'hex'), c.received_at + n * interval '1 hour',
    c.handler
FROM (SELECT row_number() OVER (ORDER BY id) AS i, * FROM complaints) AS c,
    generate_series(1, %(evidence)s::bigint) AS n
ORDER BY n, c.id
"""
_ENTRY: LiteralString = """
INSERT INTO case_entries (position, case_id, aggregate_kind, version, topic, occurred_at,
    recorded_at, actor, role, correlation, source_kind, historical, sentence_en, sentence_zh)
SELECT %(beyond)s + row_number() OVER (ORDER BY n, c.id), c.id, 'complaint', n, t.topic,
    c.received_at + n * interval '1 hour', c.received_at + n * interval '1 hour', c.handler,
    'back_office', c.id, 'api', false,
    replace(replace(t.en, '{number}', c.number), '{department}', c.department),
    replace(replace(t.zh, '{number}', c.number), '{department}', c.department)
FROM complaints AS c, generate_series(%(first)s::bigint, %(last)s) AS n,
    unnest(%(topics)s::text[], %(en)s::text[], %(zh)s::text[])
        WITH ORDINALITY AS t (topic, en, zh, step)
WHERE t.step = least(n, cardinality(%(topics)s::text[]))
    AND (%(only)s::uuid[] IS NULL OR c.id = ANY(%(only)s))
ORDER BY n, c.id
"""
_LONG: LiteralString = """
SELECT id FROM (SELECT id, row_number() OVER (ORDER BY received_at) AS i FROM complaints)
WHERE i %% %(every)s = 0 LIMIT %(cases)s
"""
_STEPS = (
    ("received", "Complaint {number} received by phone: delay, general",
     "收到投诉{number}（电话）：延误，一般"),
    ("registered", "Registered as a complaint", "登记立案"),
    ("assigned", "Assigned to department {department}, handler –", "分派至{department}，处理人–"),
    ("investigation_started", "Investigation started", "开始调查"),
    ("evidence_added", "Evidence 1 added: tracking record", "添加证据1：物流记录"),
    ("evidence_added", "Evidence 2 added: photograph", "添加证据2：照片"),
    ("evidence_added", "Evidence 3 added: photograph", "添加证据3：照片"),
    ("investigation_recorded", "Finding recorded", "登记调查发现"),
    ("resolution_proposed", "Resolution proposed under the contract (contract): apology",
     "依据合同（合同约定）提出处理方案：致歉"),
    ("feedback_given", "The customer was told how the case stands", "已向客户反馈进展"),
)  # fmt: skip
"""What happens in a case; a longer one repeats the last step."""


def fill(conninfo: str, number: int) -> list[UUID]:
    """Write the rows as the superuser that we are; return the long cases."""
    topics, english, chinese = zip(*_STEPS, strict=True)
    given: dict[str, Any] = {
        "number": number,
        "began": "2023-01-01T00:00:00Z",
        "hours": HOURS,
        "entries": ENTRIES,
        "evidence": EVIDENCE,
        "beyond": _BEYOND_THE_LOG,
        "regions": ["华东", "华南", "华北", "西南", "华中", "东北", "西北"],
        "channels": _values(Channel),
        "categories": _values(Category),
        "severities": _values(Severity),
        "kinds": _values(EvidenceKind),
        "states": ["closed", "investigating", "assigned", "received", "answered", "proposed"],
        "open": sorted(state.value for state in OPEN),
        "topics": [f"complaint.{topic}" for topic in topics],
        "en": list(english),
        "zh": list(chinese),
    }
    assert set(given["states"]) <= set(_values(ComplaintState))
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute("SET search_path TO read")
        for statement in (_ID, _PICK):
            connection.execute(statement)
        for statement in (_SHIPMENTS, _COMPLAINTS, _EVIDENCE):
            connection.execute(statement, given)
        with connection.cursor(row_factory=scalar_row) as cursor:
            every = max(1, number // LONG_CASES)
            long = cursor.execute(_LONG, {"every": every, "cases": LONG_CASES}).fetchall()
        connection.execute(_ENTRY, given | {"first": 1, "last": ENTRIES, "only": None})
        beyond = _BEYOND_THE_LOG + number * ENTRIES
        rest = {"first": ENTRIES + 1, "last": LONG_CASE, "only": long, "beyond": beyond}
        connection.execute(_ENTRY, given | rest)
        connection.execute("VACUUM ANALYZE")
    return long


def _values(words: Any) -> list[str]:
    return [word.value for word in words]
