"""Judges the log and the read models by raw rows and the clients' journal. No product code.

checker.py CONNINFO JOURNAL: prints one JSON object with ``faults`` and ``figures``.
"""

import json
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import psycopg

CATCH_UP_SECONDS = 90.0
TOPICS = {
    "receive": "complaint.received",
    "register": "complaint.registered",
    "assign": "complaint.assigned",
    "shipment": "shipment.facts_recorded",
    "milestone": "shipment.milestone_recorded",
}
READ_MODELS = [
    "appeals",
    *(
        "audit",
        "calendars",
        "complaint_policies",
        "complaint_remarks",
        "complaint_search",
        "complaints",
    ),
    *("improvements", "notices", "organisation", "ratings", "service_level_policies"),
    *("service_levels", "shipments", "staff"),
]
STATES = {"complaint.received": "received", "complaint.registered": "registered"}
STATES["complaint.assigned"] = "assigned"
EVENTS = """
SELECT notification_id, originator_id, originator_version, topic, recorded_at,
    convert_from(state, 'UTF8')::jsonb
FROM log.stored_events ORDER BY notification_id
"""
BEHIND = """
SELECT projection, position FROM ops.projection_positions
WHERE position <> (SELECT coalesce(max(notification_id), 0) FROM log.stored_events)
"""


def token_of(topic: str, state: dict[str, Any]) -> str | None:
    data = state["data"]
    if topic == "complaint.received":
        return data["partner_reference"]
    if topic in {"complaint.registered", "complaint.assigned"}:
        return state["meta"]["reason"]
    if topic == "shipment.facts_recorded":
        return data["facts"]["partner_reference"]
    if topic == "shipment.milestone_recorded":
        return data["milestone"]["place"]
    return None


def check_log(events: list[tuple[Any, ...]]) -> list[str]:
    faults = []
    versions: dict[Any, int] = {}
    position, recorded_at = 0, None
    for at, stream, version, topic, recorded, _ in events:
        if at <= position:
            faults.append(f"position {at} comes after {position}")
        if recorded_at is not None and recorded < recorded_at:
            faults.append(f"recorded_at decreases at {at}")
        if version != versions.get(stream, 0) + 1:
            faults.append(f"{topic} of {stream} has version {version} at {at}")
        versions[stream], position, recorded_at = version, at, recorded
    return faults


Found = dict[tuple[str, str], list[tuple[int, Any]]]


def effects(events: list[tuple[Any, ...]]) -> Found:
    """Return where the log has each command's token, by topic."""
    found: Found = {}
    for at, stream, _, topic, _, state in events:
        token = token_of(topic, state)
        if token is not None:
            found.setdefault((topic, token), []).append((at, stream))
    return found


def check_commands(journal: list[dict[str, Any]], found: Found) -> list[str]:
    sent = {line["token"]: line for line in journal if line["what"] == "sent"}
    acked = {line["token"]: line["position"] for line in journal if line["what"] == "acked"}
    tried_again = {line["token"] for line in journal if line["what"] == "failed"}
    faults = [
        f"{line['token']} was told: {line['why']}" for line in journal if line["what"] == "fault"
    ]
    known = {(TOPICS[line["operation"]], token) for token, line in sent.items()}
    faults += [f"nobody sent {token} ({topic})" for topic, token in found.keys() - known]
    for token, line in sent.items():
        places = found.get((TOPICS[line["operation"]], token), [])
        if len(places) > 1:
            faults.append(f"{token} happened {len(places)} times: {places}")
        elif token in acked and [at for at, _ in places] != [acked[token]]:
            faults.append(f"{token} was acknowledged at {acked[token]} but is at {places}")
        elif line["about"] != token and places:
            case = [stream for _, stream in found.get(("complaint.received", line["about"]), [])]
            if case != [places[0][1]]:
                faults.append(f"{token} is not of the case that {line['about']} opened")
    for line in journal:
        # Whoever never sent it again can rely on what the one answer said.
        if line["what"] == "gave_up" and line["why"] == "UNAVAILABLE":
            token = line["token"]
            if token not in tried_again and (TOPICS[sent[token]["operation"]], token) in found:
                faults.append(f"{token} was told that nothing was stored, but it was")
    return faults


def check_read_models(
    connection: psycopg.Connection[Any], events: list[tuple[Any, ...]]
) -> list[str]:
    until = time.monotonic() + CATCH_UP_SECONDS
    while behind := connection.execute(BEHIND).fetchall():
        if time.monotonic() > until:
            return [f"the read models stay behind: {behind}"]
        time.sleep(0.1)

    def rows(statement: str) -> list[tuple[Any, ...]]:
        return connection.execute(statement).fetchall()

    faults = [f"parked: {row}" for row in rows("SELECT * FROM ops.parked_events")]
    names = [name for (name,) in rows("SELECT projection FROM ops.projection_positions")]
    if sorted(names) != READ_MODELS:
        faults.append(f"the read models are {names}")
    complaints: dict[Any, list[Any]] = {}
    for _, stream, version, topic, _, state in events:
        if topic == "complaint.received":
            complaints[stream] = ["", 0, state["data"]["partner_reference"]]
        if topic in STATES:
            complaints[stream][:2] = [STATES[topic], version]
    expected = [(stream, *row) for stream, row in complaints.items()]
    shown = rows("SELECT id, state, version, partner_reference FROM read.complaints")
    faults += _differences("complaints", expected, shown)
    texts = rows("SELECT id, complainant, facts FROM read_personal.complaint_texts")
    faults += _differences("texts", [(c, "王小明", "三天没有更新") for c in complaints], texts)
    faults += _differences(
        "case entries",
        [(at, stream, version, topic) for at, stream, version, topic, _, _ in events],
        rows("SELECT position, case_id, version, topic FROM read.case_entries"),
    )
    faults += _differences(
        "milestones",
        [
            (at, stream, token_of(topic, state))
            for at, stream, _, topic, _, state in events
            if topic == "shipment.milestone_recorded"
        ],
        rows("SELECT position, shipment, place FROM read.milestones"),
    )
    last = {stream: version for _, stream, version, topic, _, _ in events if "shipment." in topic}
    faults += _differences(
        "shipments", list(last.items()), rows("SELECT id, version FROM read.shipments")
    )
    return faults


def _differences(what: str, expected: list[Any], shown: list[Any]) -> list[str]:
    more, less = Counter(shown) - Counter(expected), Counter(expected) - Counter(shown)
    return [f"{what} shown but not in the log: {row}" for row in more] + [
        f"{what} in the log but not shown: {row}" for row in less
    ]


def main(conninfo: str, journal_file: Path) -> dict[str, Any]:
    lines = journal_file.read_text(encoding="utf-8").splitlines()
    journal = [json.loads(line) for line in lines]
    with psycopg.connect(conninfo, autocommit=True) as connection:
        events = connection.execute(EVENTS).fetchall()
        faults = check_log(events) + check_commands(journal, effects(events))
        faults += check_read_models(connection, events)
    told = Counter(line["why"] for line in journal if line["what"] in {"failed", "gave_up"})
    figures = Counter(line["what"] for line in journal)
    return {"faults": faults, "figures": {"events": len(events), **figures, "told": told}}


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], Path(sys.argv[2])), default=str, ensure_ascii=False))
    product = {"api", "application", "domain", "projections", "migrations"}
    assert not product & {name.partition(".")[0] for name in sys.modules}
