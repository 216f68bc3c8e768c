"""API keys, read from the table that follows their events; checked in memory alone."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, LiteralString
from uuid import UUID

import psycopg
import structlog
from psycopg_pool import AsyncConnectionPool

from api.authentication.refusals import UnauthenticatedError
from application.api_keys import allowed_operations, matches, prefix_of, unit_key
from application.permissions import Caller
from domain.roles import PersonId, Role

USE_NOTED_EVERY: Final = timedelta(minutes=1)
_SELECT_KEYS: LiteralString = """
SELECT id, prefix, digest, role, holder, expires_at, operations, units
FROM ops.api_keys WHERE revoked_at IS NULL
"""
_NOTE_USE: LiteralString = """
INSERT INTO ops.api_key_uses (key, used_at) VALUES (%b, %b)
ON CONFLICT (key) DO UPDATE SET used_at = greatest(api_key_uses.used_at, excluded.used_at)
"""

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class LiveKey:
    """A key that is not revoked, and whom it makes its bearer."""

    id: UUID
    digest: str
    caller: Caller
    expires_at: datetime | None


class KeyRing:
    """The live keys of this deployment; reloaded whenever one is issued or revoked."""

    def __init__(self, pool: AsyncConnectionPool[Any], now: Callable[[], datetime]) -> None:
        self._now = now
        self._pool = pool
        self._by_prefix: dict[str, LiveKey] = {}
        self._by_id: dict[UUID, LiveKey] = {}
        self._uses = _KeyUses(pool)

    async def reload(self) -> None:
        """Read all live keys."""
        self._uses.work_on(asyncio.get_running_loop())
        async with self._pool.connection() as connection:
            rows = await (await connection.execute(_SELECT_KEYS)).fetchall()
        self._by_prefix = {row[1]: _live_key(*row) for row in rows}
        self._by_id = {key.id: key for key in self._by_prefix.values()}

    def caller(self, authorization: str | None) -> Caller | None:
        """Return the caller of an Authorization header; None if there is none."""
        return self.key(authorization).caller if authorization else None

    def key(self, authorization: str) -> LiveKey:
        """Return the key in an Authorization header; UnauthenticatedError if it opens nothing."""
        scheme, _, secret = authorization.partition(" ")
        if scheme.lower() != "bearer":
            raise UnauthenticatedError("KEY_UNKNOWN")
        secret = secret.strip()
        found = self._by_prefix.get(prefix_of(secret))
        # Compared even when nothing was found, so that time tells nothing.
        if not matches(secret, None if found is None else found.digest) or found is None:
            raise UnauthenticatedError("KEY_UNKNOWN")
        return self._opening(found)

    def caller_of(self, key: UUID) -> Caller:
        """Return the caller of a key from which a session was made, while the key opens."""
        found = self._by_id.get(key)
        if found is None:
            raise UnauthenticatedError("SESSION_EXPIRED")
        return self._opening(found).caller

    def _opening(self, key: LiveKey) -> LiveKey:
        now = self._now()
        if key.expires_at is not None and key.expires_at <= now:
            raise UnauthenticatedError("KEY_EXPIRED")
        self._uses.note(key.id, now)
        return key


def _live_key(
    key: UUID,
    _prefix: str,
    digest: str,
    role: str,
    holder: str,
    expires_at: datetime | None,
    operations: list[str] | None,
    units: list[str] | None,
) -> LiveKey:
    caller = Caller(
        holder,
        PersonId(holder),
        Role(role),
        units=None if units is None else frozenset(map(unit_key, units)),
        operations=None if operations is None else allowed_operations(operations),
    )
    return LiveKey(key, digest, caller, expires_at)


class _KeyUses:
    """Notes when keys were last used: to the minute, so that no request waits for a write."""

    def __init__(self, pool: AsyncConnectionPool[Any]) -> None:
        self._pool = pool
        self._noted: dict[UUID, datetime] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._writing: set[asyncio.Task[None]] = set()

    def work_on(self, loop: asyncio.AbstractEventLoop) -> None:
        """Write on this event loop, whichever thread a key is used in."""
        self._loop = loop

    def note(self, key: UUID, now: datetime) -> None:
        """Write down the use of a key, unless that was done within the last minute."""
        noted = self._noted.get(key)
        if self._loop is not None and (noted is None or now - noted >= USE_NOTED_EVERY):
            self._noted[key] = now
            self._loop.call_soon_threadsafe(self._begin_writing, key, now)

    def _begin_writing(self, key: UUID, now: datetime) -> None:
        task = asyncio.get_running_loop().create_task(self._write(key, now))
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)

    async def _write(self, key: UUID, now: datetime) -> None:
        try:
            async with self._pool.connection() as connection:
                await connection.execute(_NOTE_USE, [key, now])
        except psycopg.Error as error:  # only a figure in a list is missing
            _log.warning("use of a key not noted", error=type(error).__name__)
