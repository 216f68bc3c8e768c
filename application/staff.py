"""Commands about staff and their appointments, and who may act at a given time."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from application.desk import Desk
from application.dispatch import EARLIEST, Command, handles
from application.organisation import open_unit, organisation_known
from domain.errors import InvalidValueError, NoRoleAtThatTimeError, NotFoundError, Rule
from domain.organisation import UnitKey
from domain.roles import PersonId, Role
from domain.staff import Person, appointment_id, staff_id

NAME_LENGTH: Final = 200


@dataclass(frozen=True, kw_only=True, slots=True)
class JoinStaff(Command[UUID]):
    """Put a person on record as a member of staff."""

    person: PersonId
    name: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class AppointPerson(Command[UUID]):
    """Give a person a role in a unit from an instant on, perhaps until another."""

    person: PersonId
    role: Role
    unit: UnitKey
    starts_at: datetime
    ends_at: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class EndAppointment(Command[UUID]):
    """Let a person's appointment end at an instant; its beginning revokes it."""

    person: PersonId
    number: int
    ends_at: datetime


@handles(JoinStaff)
async def join_staff(command: JoinStaff, desk: Desk) -> UUID:
    """Put the person on record; the name is sealed under the person's own key."""
    person = await desk.load_or_blank(Person, staff_id(command.person))
    name = desk.personal(person.id, command.name, field="name", max_length=NAME_LENGTH)
    person.join(command.person, name, desk.meta)
    desk.save(person)
    return person.id


@handles(AppointPerson)
async def appoint_person(command: AppointPerson, desk: Desk) -> UUID:
    """Appoint to a unit that exists when the appointment begins; answers with its id."""
    starts_at = _instant("startsAt", command.starts_at)
    ends_at = None if command.ends_at is None else _instant("endsAt", command.ends_at)
    person = await _member(desk, command.person)
    unit = await open_unit(desk, command.unit, starts_at)
    person.appoint(command.role, unit, starts_at, ends_at, desk.meta)
    desk.save(person)
    return appointment_id(person.id, person.appointments[-1].number)


@handles(EndAppointment)
async def end_appointment(command: EndAppointment, desk: Desk) -> UUID:
    """Load, end, save."""
    ends_at = _instant("endsAt", command.ends_at)
    person = await _member(desk, command.person)
    person.end_appointment(command.number, ends_at, desk.meta)
    desk.save(person)
    return appointment_id(person.id, command.number)


async def require_role(
    desk: Desk, person: PersonId, at: datetime, roles: Collection[Role] | None = None
) -> None:
    """Refuse a person who holds none of these roles (None: no role at all) at that time.

    Without an organisation on record nobody is refused: a store that nobody told its staff takes
    any person (domain.md 1).
    """
    if await organisation_known(desk):
        known = await desk.consult(Person, staff_id(person))
        if not known.holds_role_at(at, roles):
            raise NoRoleAtThatTimeError(person, at.isoformat())


async def _member(desk: Desk, person: PersonId) -> Person:
    """Return a member of staff; a refusal names the person as the caller does."""
    member = await desk.load_or_blank(Person, staff_id(person))
    if member.version == 0:
        raise NotFoundError(Person.KIND, person)
    return member


def _instant(field: str, at: datetime) -> datetime:
    """Return an instant in UTC; the future is allowed, typing errors are not."""
    if at.tzinfo is None:
        raise InvalidValueError(field, Rule.NO_TIME_ZONE)
    if at < EARLIEST:
        raise InvalidValueError(field, Rule.BEFORE, EARLIEST.date().isoformat())
    return at.astimezone(UTC)
