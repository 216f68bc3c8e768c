"""The leaf of the Merkle tree is what its documentation says, bit for bit, for ever.

``tests/vectors/log_entries.json`` is for whoever writes a verifier of their own: inputs, the entry
and its RFC 6962 leaf hash. ``by_hand`` made them from the documented layout, without the product.
"""

from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, LiteralString
from uuid import UUID

import orjson
import psycopg
import pytest

from application.eventstore.log_entry import SIZE, log_entry

VECTORS = next(p for p in Path(__file__).parents if p.name == "tests") / "vectors/log_entries.json"
_LOG: LiteralString = """
INSERT INTO log.stored_events
    (originator_id, originator_version, topic, state, notification_id, recorded_at)
VALUES (%s, %s, %s, %s, %s, %s)
"""
_ENTRIES: LiteralString = r"""
SELECT entry, sha256('\x00'::bytea || entry)
FROM log.stored_events, LATERAL (
    SELECT '\x524c4501'::bytea
        || uuid_send(originator_id)
        || int8send(originator_version)
        || int8send((extract(epoch FROM recorded_at) * 1000000)::bigint)
        || decode(lpad(to_hex(octet_length(topic)), 2, '0'), 'hex')
        || convert_to(topic, 'UTF8')
        || decode(repeat('00', 63 - octet_length(topic)), 'hex')
        || sha256(state) AS entry
) AS entries
ORDER BY notification_id
"""


def by_hand(stream: str, version: int, recorded_at: str, topic: str, state: bytes) -> bytes:
    """Put an entry together from nothing but its layout."""
    since = datetime.fromisoformat(recorded_at) - datetime(1970, 1, 1, tzinfo=UTC)
    microseconds = (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
    name = topic.encode("utf-8")
    return (
        b"\x52\x4c\x45\x01"
        + bytes.fromhex(stream.replace("-", ""))
        + version.to_bytes(8, "big", signed=True)
        + microseconds.to_bytes(8, "big", signed=True)
        + len(name).to_bytes(1, "big")
        + name
        + b"\x00" * (63 - len(name))
        + sha256(state).digest()
    )


def vector(stream: str, version: int, recorded_at: str, topic: str, state: bytes) -> dict[str, Any]:
    entry = by_hand(stream, version, recorded_at, topic, state)
    return {
        "stream": stream,
        "version": version,
        "recorded_at": recorded_at,
        "topic": topic,
        "state_hex": state.hex(),
        "entry_hex": entry.hex(),
        "leaf_hash_hex": sha256(b"\x00" + entry).hexdigest(),
    }


def vectors() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = orjson.loads(VECTORS.read_bytes())
    return found


@pytest.fixture
def stored(database: str) -> list[tuple[bytes, bytes]]:
    """What PostgreSQL makes of the vectors as rows of the log."""
    with psycopg.connect(database) as connection:
        for position, v in enumerate(vectors(), start=1):
            at = datetime.fromisoformat(v["recorded_at"])
            state = bytes.fromhex(v["state_hex"])
            connection.execute(_LOG, [v["stream"], v["version"], v["topic"], state, position, at])
        connection.commit()
        return connection.execute(_ENTRIES).fetchall()


def test_an_entry_is_what_the_vectors_say() -> None:
    for v in vectors():
        entry = log_entry(
            UUID(v["stream"]),
            v["version"],
            datetime.fromisoformat(v["recorded_at"]),
            v["topic"],
            bytes.fromhex(v["state_hex"]),
        )
        assert len(entry) == SIZE == 132
        assert entry.hex() == v["entry_hex"]
        assert sha256(b"\x00" + entry).hexdigest() == v["leaf_hash_hex"]


def test_the_vectors_follow_from_the_layout_alone() -> None:
    for v in vectors():
        state = bytes.fromhex(v["state_hex"])
        assert vector(v["stream"], v["version"], v["recorded_at"], v["topic"], state) == v


def test_the_vectors_reach_the_limits() -> None:
    found = vectors()
    assert {1, 63} <= {len(v["topic"].encode()) for v in found}
    assert any(not v["topic"].isascii() for v in found)
    assert {1, 2**63 - 1} <= {v["version"] for v in found}
    assert any(v["recorded_at"] < "1970" for v in found)
    assert any(not v["recorded_at"].endswith("00:00") for v in found)
    assert any(v["state_hex"] == "" for v in found)


def test_sql_makes_the_same_entries_of_stored_rows(stored: list[tuple[bytes, bytes]]) -> None:
    assert [(entry.hex(), leaf.hex()) for entry, leaf in stored] == [
        (v["entry_hex"], v["leaf_hash_hex"]) for v in vectors()
    ]


def test_stored_rows_give_the_same_entries_in_python(
    stored: list[tuple[bytes, bytes]], database: str
) -> None:
    with psycopg.connect(database) as connection:
        rows = connection.execute(
            "SELECT originator_id, originator_version, recorded_at, topic, state"
            " FROM log.stored_events ORDER BY notification_id"
        ).fetchall()
    assert [log_entry(*row) for row in rows] == [entry for entry, _ in stored]


@pytest.mark.parametrize("topic", ["", "x" * 64, "王" * 22])
def test_a_topic_out_of_range_has_no_entry(topic: str) -> None:
    with pytest.raises(ValueError, match="a topic has"):
        log_entry(UUID(int=1), 1, datetime(2026, 3, 1, tzinfo=UTC), topic, b"")


def test_each_part_of_an_event_changes_its_entry() -> None:
    at = datetime(2026, 3, 1, tzinfo=UTC)
    entries = {
        log_entry(UUID(int=1), 1, at, "ab", b"{}"),
        log_entry(UUID(int=2), 1, at, "ab", b"{}"),
        log_entry(UUID(int=1), 2, at, "ab", b"{}"),
        log_entry(UUID(int=1), 1, at.replace(microsecond=1), "ab", b"{}"),
        log_entry(UUID(int=1), 1, at, "ac", b"{}"),
        log_entry(UUID(int=1), 1, at, "ab\0", b"{}"),  # the padding is no part of the name
        log_entry(UUID(int=1), 1, at, "ab", b"{ }"),
    }
    assert len(entries) == 7
