"""Which roles a person holds now, and where: the dated facts of the staff."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final, LiteralString

from psycopg_pool import AsyncConnectionPool

from api.authentication.refusals import NoRoleError
from application.permissions import Caller
from domain.organisation import UnitKey, UnitKind
from domain.roles import PersonId, Role

KEPT_SECONDS: Final = 3.0
"""How long an appointment that ended may still count, beyond the lag of the read models."""
_MOST_KEPT: Final = 10_000
_HELD: LiteralString = """
SELECT a.role, u.kind, u.code
FROM read.appointments AS a JOIN read.units AS u ON u.id = a.unit
WHERE a.person_id = %(person)s AND a.starts_at <= %(now)s
    AND (a.ends_at IS NULL OR a.ends_at > %(now)s)
"""
_SHOW_STAFF: LiteralString = """
SELECT set_config('redress.scope', '{"staff": true}', true)
"""
"""Before anybody is let in, row-level security shows the organisation alone."""

Held = Mapping[Role, frozenset[UnitKey] | None]
"""Roles, each with its units; None is the head office, hence the whole company."""


class Appointments:
    """Looks up the appointments that are in force."""

    def __init__(
        self,
        pool: AsyncConnectionPool[Any],
        now: Callable[[], datetime],
        clock: Callable[[], float],
    ) -> None:
        self._pool = pool
        self._now = now
        self._clock = clock
        self._kept: dict[PersonId, tuple[float, Held]] = {}

    async def of(self, person: PersonId) -> Held:
        """Return the roles that the person holds now; NoRoleError if there is none."""
        read_at, held = self._kept.get(person, (float("-inf"), {}))
        if self._clock() - read_at >= KEPT_SECONDS:
            read_at, held = self._clock(), await self._read(person)
            if len(self._kept) >= _MOST_KEPT:
                self._kept.clear()
            self._kept[person] = (read_at, held)
        if not held:
            raise NoRoleError("NO_APPOINTMENT")
        return held

    async def caller(self, person: PersonId, wanted: str | None) -> Caller:
        """Return the person in the role that is wanted, or in the only one there is."""
        held = await self.of(person)
        choices = sorted(held)
        if wanted is None and len(choices) == 1:
            wanted = choices[0]
        role = next((each for each in choices if each == (wanted or "").strip().lower()), None)
        if role is None:
            raise NoRoleError("ROLE_TO_CHOOSE", choices)
        return Caller(person, person, role, units=held[role])

    async def _read(self, person: PersonId) -> Held:
        async with self._pool.connection() as connection, connection.transaction():
            await connection.execute(_SHOW_STAFF)
            cursor = await connection.execute(_HELD, {"person": person, "now": self._now()})
            rows = await cursor.fetchall()
        units: dict[Role, set[UnitKey]] = {}
        for role, kind, code in rows:
            units.setdefault(Role(role), set()).add(UnitKey(UnitKind(kind), code))
        return {
            role: None
            if any(unit.kind is UnitKind.HEAD_OFFICE for unit in where)
            else frozenset(where)
            for role, where in units.items()
        }
