"""The leaf of the Merkle tree for one stored event (architecture.md 9.4).

Fixed now, because stored events never change: ``tests/vectors/log_entries.json`` holds vectors.
All integers are big-endian; the entry is always 132 bytes long::

    4   tag            b"RLE" and the format version 1
    16  stream         the originator's UUID
    8   version        of the event in its stream
    8   recorded_at    microseconds since 1970-01-01T00:00:00Z, signed
    1   topic length   1 to 63
    63  topic          UTF-8, padded with zero bytes
    32  state          SHA-256 of the state exactly as stored
"""

import struct
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from uuid import UUID

TAG = b"RLE\x01"
TOPIC_LIMIT = 63
SIZE = 132

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAYOUT = struct.Struct(f">4s16sqqB{TOPIC_LIMIT}s32s")


def log_entry(stream: UUID, version: int, recorded_at: datetime, topic: str, state: bytes) -> bytes:
    """Return the 132 bytes that the tree commits to; ``ValueError`` for a topic out of range."""
    name = topic.encode()
    if not 1 <= len(name) <= TOPIC_LIMIT:
        raise ValueError(f"a topic has 1 to {TOPIC_LIMIT} bytes: {topic}")
    microseconds = (recorded_at - _EPOCH) // timedelta(microseconds=1)
    return _LAYOUT.pack(
        TAG, stream.bytes, version, microseconds, len(name), name, sha256(state).digest()
    )
