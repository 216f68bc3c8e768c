"""Sessions of the console: a random id in a cookie, only its digest in the database."""

import hmac
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final, LiteralString
from uuid import UUID

from psycopg_pool import AsyncConnectionPool

from api.authentication.refusals import UnauthenticatedError
from domain.roles import PersonId

LIFETIME: Final = timedelta(hours=8)
IDLE: Final = timedelta(minutes=30)
_SEEN_EVERY: Final = timedelta(minutes=1)
_START: LiteralString = """
INSERT INTO ops.sessions (digest, person, api_key, expires_at, seen_at)
VALUES (%b, %b, %b, %b, %b)
"""
_FORGET_OLD: LiteralString = """
DELETE FROM ops.sessions WHERE expires_at <= %b OR seen_at <= %b
"""
_FIND: LiteralString = """
SELECT person, api_key, expires_at, seen_at FROM ops.sessions WHERE digest = %b
"""
_SEEN: LiteralString = "UPDATE ops.sessions SET seen_at = %b WHERE digest = %b"
_END: LiteralString = "DELETE FROM ops.sessions WHERE digest = %b"


@dataclass(frozen=True, slots=True)
class Session:
    """Whose session it is: a person's, or that of whoever holds a key."""

    holder: PersonId | UUID
    expires_at: datetime


class Sessions:
    """The sessions of this deployment, kept in the database for all its servers."""

    def __init__(self, pool: AsyncConnectionPool[Any], now: Callable[[], datetime]) -> None:
        self._pool = pool
        self._now = now

    async def start(self, holder: PersonId | UUID) -> str:
        """Begin a session under a new id, and return that id for the cookie."""
        session_id, now = secrets.token_urlsafe(32), self._now()
        person, key = (None, holder) if isinstance(holder, UUID) else (holder, None)
        async with self._pool.connection() as connection:
            await connection.execute(_FORGET_OLD, [now, now - IDLE])
            await connection.execute(
                _START, [_digest(session_id), person, key, now + LIFETIME, now]
            )
        return session_id

    async def find(self, session_id: str) -> Session:
        """Return a session that has not ended, and note that it is in use."""
        digest, now = _digest(session_id), self._now()
        async with self._pool.connection() as connection:
            row = await (await connection.execute(_FIND, [digest])).fetchone()
            if row is None or row[2] <= now or row[3] + IDLE <= now:
                raise UnauthenticatedError("SESSION_EXPIRED")
            if now - row[3] >= _SEEN_EVERY:
                await connection.execute(_SEEN, [now, digest])
        person, key, expires_at, _ = row
        return Session(PersonId(person) if key is None else key, expires_at)

    async def end(self, session_id: str) -> None:
        """End a session for good."""
        async with self._pool.connection() as connection:
            await connection.execute(_END, [_digest(session_id)])


def csrf_token(session_id: str) -> str:
    """Return the token that the session's changes carry: only who knows the id can make it."""
    made = hmac.digest(session_id.encode(), b"redress csrf 1", sha256)
    return urlsafe_b64encode(made).rstrip(b"=").decode()


def is_csrf_token(sent: str | None, session_id: str) -> bool:
    """Compare in constant time."""
    return hmac.compare_digest((sent or "").encode(), csrf_token(session_id).encode())


def _digest(session_id: str) -> bytes:
    return sha256(session_id.encode()).digest()
