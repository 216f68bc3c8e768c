"""Who is calling: API keys, read from the table that follows their events."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, LiteralString

from psycopg_pool import AsyncConnectionPool

from application.api_keys import matches, prefix_of
from application.permissions import Caller
from domain.roles import PersonId, Role

_SELECT_KEYS: LiteralString = """
SELECT prefix, digest, role, holder, expires_at FROM ops.api_keys WHERE revoked_at IS NULL
"""


class UnknownKeyError(Exception):
    """The key is not known, expired or revoked."""


class KeyRing:
    """The live keys of this deployment; reloaded whenever one is issued or revoked."""

    def __init__(self, pool: AsyncConnectionPool[Any], now: Callable[[], datetime]) -> None:
        self._pool = pool
        self._now = now
        self._keys: dict[str, tuple[str, Caller, datetime | None]] = {}

    async def reload(self) -> None:
        """Read all live keys."""
        async with self._pool.connection() as connection:
            rows = await (await connection.execute(_SELECT_KEYS)).fetchall()
        self._keys = {
            prefix: (digest, Caller(holder, PersonId(holder), Role(role)), expires_at)
            for prefix, digest, role, holder, expires_at in rows
        }

    def caller(self, authorization: str | None) -> Caller | None:
        """Return the caller of an Authorization header; None if there is none."""
        if not authorization:
            return None
        scheme, _, secret = authorization.partition(" ")
        if scheme.lower() != "bearer":
            raise UnknownKeyError
        secret = secret.strip()
        digest, caller, expires_at = self._keys.get(prefix_of(secret), ("", None, None))
        # Compared even when nothing was found, so that time tells nothing.
        if not matches(secret, digest) or caller is None:
            raise UnknownKeyError
        if expires_at is not None and expires_at <= self._now():
            raise UnknownKeyError
        return caller
