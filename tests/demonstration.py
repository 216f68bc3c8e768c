"""What a demonstration says, without what differs from run to run: ids, numbers, ciphertext."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg

from application.eventstore.subject_keys import MasterKey, Unsealing
from domain.personal import Sealed

EVENTS = """
SELECT originator_id, originator_version, topic, convert_from(state, 'UTF8')::jsonb
FROM log.stored_events ORDER BY originator_id, originator_version
"""
KEYS = "SELECT subject, key_version, master, wrapped FROM keys.subject_keys"
# Ids made by the clock are of version 7; a customer known by a reference has one by the master key.
MADE_BY_CLOCK = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")
NOT_CONTENT = {"number", "customer"}
ELSEWHERE = ("api_key.", "complaint_policy.", "service_level_policy.", "calendar.")
"""What belongs to the deployment, not to the company that is played."""


@dataclass(frozen=True)
class Told:
    """One event, with its texts opened."""

    stream: UUID
    topic: str
    meta: dict[str, Any]
    fields: dict[str, Any]

    @property
    def line(self) -> str:
        """What is the same whenever the same seed is played up to the same day."""
        said = {name: self.meta.get(name) for name in ("occurred_at", "actor", "role", "reason")}
        fields = self.fields
        if self.topic == "complaint.received":
            fields = {name: fields[name] for name in fields.keys() - NOT_CONTENT}
        text = json.dumps([self.topic, said, fields], sort_keys=True, ensure_ascii=False)
        return MADE_BY_CLOCK.sub("?", text)


def told(conninfo: str, master: MasterKey) -> Iterator[Told]:
    """Yield the events of a company, stream by stream."""
    unsealing = Unsealing(master)
    with psycopg.connect(conninfo) as connection:
        unsealing.begin_batch(connection.execute(KEYS).fetchall())
        for stream, version, topic, state in connection.execute(EVENTS).fetchall():
            if topic.startswith(ELSEWHERE):
                continue
            fields = {
                name: unsealing.open(sealed(value), stream, version, name)
                if isinstance(value, dict) and "ciphertext" in value
                else value
                for name, value in state["data"].items()
            }
            yield Told(stream, topic, state["meta"], fields)


def sealed(value: dict[str, Any]) -> Sealed:
    return Sealed(UUID(value["subject"]), value["key"], value["nonce"], value["ciphertext"])


def streams(events: Iterator[Told]) -> dict[UUID, list[Told]]:
    """Return the events of each object, in their order."""
    found: dict[UUID, list[Told]] = {}
    for event in events:
        found.setdefault(event.stream, []).append(event)
    return found


def content(conninfo: str, master: MasterKey) -> Counter[tuple[str, ...]]:
    """Return how often there is an object with just this history: once each, hopefully."""
    return Counter(
        tuple(event.line for event in history)
        for history in streams(told(conninfo, master)).values()
    )


def topics(conninfo: str) -> dict[str, int]:
    """Return how many events there are of each topic."""
    with psycopg.connect(conninfo) as connection:
        rows = connection.execute(
            "SELECT topic, count(*) FROM log.stored_events GROUP BY topic"
        ).fetchall()
    return dict(rows)
