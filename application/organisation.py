"""Commands about the units of the organisation, and what other commands ask of it."""

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Final
from uuid import UUID
from zoneinfo import available_timezones

from application.desk import Desk
from application.dispatch import Command, handles
from domain.errors import InvalidValueError, NotFoundError, Rule, UnitNotOpenError
from domain.organisation import HEAD_OFFICE, Unit, UnitFacts, UnitKey, UnitKind
from domain.text import checked_text

NAME_LENGTH: Final = 200
_NO_PLACES: Final = {"localtime", "posixrules", "Factory"}
"""What the time zone database holds beside places: another machine has others."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundUnit(Command[UUID]):
    """Found a unit, at the business time of the command."""

    unit: UnitKey
    name_en: str
    name_zh: str
    parent: UnitKey | None = None
    time_zone: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class RenameUnit(Command[UUID]):
    """Give a unit other names."""

    unit: UnitKey
    name_en: str
    name_zh: str


@dataclass(frozen=True, kw_only=True, slots=True)
class MoveUnit(Command[UUID]):
    """Put a unit below another one."""

    unit: UnitKey
    parent: UnitKey


@dataclass(frozen=True, kw_only=True, slots=True)
class CloseUnit(Command[UUID]):
    """End a unit's life."""

    unit: UnitKey


@handles(FoundUnit)
async def found_unit(command: FoundUnit, desk: Desk) -> UUID:
    """Found the unit below one that exists at that time."""
    name_en, name_zh = _names(command)
    facts = UnitFacts(
        kind=command.unit.kind,
        code=command.unit.code,
        name_en=name_en,
        name_zh=name_zh,
        parent=None if command.parent is None else command.parent.id,
        time_zone=None if command.time_zone is None else checked_time_zone(command.time_zone),
    )
    unit = await desk.load_or_blank(Unit, command.unit.id)
    unit.found(facts, desk.meta)
    if unit.pending_events and command.parent is not None:
        await open_unit(desk, command.parent, desk.meta.occurred_at)
    desk.save(unit)
    return unit.id


@handles(RenameUnit)
async def rename_unit(command: RenameUnit, desk: Desk) -> UUID:
    """Load, rename, save."""
    unit = await _existing(desk, command.unit)
    unit.rename(*_names(command), desk.meta)
    desk.save(unit)
    return unit.id


@handles(MoveUnit)
async def move_unit(command: MoveUnit, desk: Desk) -> UUID:
    """Put the unit below one that exists at that time and does not stand below it already."""
    unit = await _existing(desk, command.unit)
    unit.move(command.parent.id, desk.meta)
    if unit.pending_events:
        await open_unit(desk, command.parent, desk.meta.occurred_at)
        if await _stands_below(desk, command.parent.id, unit.id):
            raise InvalidValueError("parent", Rule.CYCLE)
    desk.save(unit)
    return unit.id


@handles(CloseUnit)
async def close_unit(command: CloseUnit, desk: Desk) -> UUID:
    """Load, close, save."""
    unit = await _existing(desk, command.unit)
    unit.close(desk.meta)
    desk.save(unit)
    return unit.id


async def organisation_known(desk: Desk) -> bool:
    """Say whether the organisation is on record: it begins with its head office."""
    head_office = await desk.consult(Unit, HEAD_OFFICE)
    return head_office.version > 0


async def require_unit(desk: Desk, kind: UnitKind, code: str, at: datetime) -> None:
    """Refuse a unit that does not exist at that time (domain.md 1).

    Without an organisation on record nothing is refused: a store that nobody told its units takes
    any department.
    """
    if await organisation_known(desk):
        await open_unit(desk, UnitKey(kind, code), at)


async def open_unit(desk: Desk, key: UnitKey, at: datetime) -> UUID:
    """Return the id of a unit that exists at that time, UnitNotOpenError if it does not."""
    unit = await desk.consult(Unit, key.id)
    if not unit.open_at(at):
        raise UnitNotOpenError(str(key), at.isoformat())
    return unit.id


async def _existing(desk: Desk, key: UnitKey) -> Unit:
    """Return a unit to be changed; a refusal names it as the caller does."""
    unit = await desk.load_or_blank(Unit, key.id)
    if unit.version == 0:
        raise NotFoundError(Unit.KIND, str(key))
    return unit


async def _stands_below(desk: Desk, unit: UUID, above: UUID) -> bool:
    """Say whether a unit stands, over any number of others, below another one.

    Two moves at the very same time do not see each other, so a cycle is no reason to walk for ever.
    """
    seen: set[UUID] = set()
    current: UUID | None = unit
    while current is not None and current not in seen:
        seen.add(current)
        current = (await desk.consult(Unit, current)).parent
    return above in seen


def _names(command: FoundUnit | RenameUnit) -> tuple[str, str]:
    return (
        checked_text(command.name_en, field="nameEn", max_length=NAME_LENGTH),
        checked_text(command.name_zh, field="nameZh", max_length=NAME_LENGTH),
    )


@cache
def _time_zones() -> frozenset[str]:
    """Return the names of all time zones; ``right/`` and ``posix/`` are other ways to reckon."""
    listed = available_timezones() - _NO_PLACES
    return frozenset(name for name in listed if not name.startswith(("right/", "posix/")))


def checked_time_zone(name: str) -> str:
    """Check the name of a time zone; which ones there are is no knowledge of the domain."""
    if name not in _time_zones():
        raise InvalidValueError("timeZone", Rule.TIME_ZONE)
    return name
