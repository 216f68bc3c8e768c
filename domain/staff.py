"""Staff as dated facts: who holds which role in which unit, from when until when.

Appointments may begin and end in the past or in the future: the dates in the event say when they
are in force, the event's business time says when it was decided. Source: domain.md 1 (0,
1.1.7-1.1.9).
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from uuid import UUID, uuid5

from domain.aggregate import Aggregate, DomainEvent, event
from domain.errors import (
    AlreadyAppointedError,
    InvalidValueError,
    NotFoundError,
    Rule,
    WrongStateError,
)
from domain.identifiers import NAMESPACE
from domain.metadata import Metadata
from domain.personal import Personal
from domain.roles import PersonId, Role

APPOINTABLE: Final = tuple(
    role for role in Role if role not in {Role.PARTNER, Role.CUSTOMER, Role.SYSTEM}
)
"""The roles of staff; the others come from outside or are nobody's (domain.md 1)."""


def staff_id(person: PersonId) -> UUID:
    """Return the id of a member of staff, who is also the data subject of the name."""
    return uuid5(NAMESPACE, f"person:{person}")


def appointment_id(member: UUID, number: int) -> UUID:
    """Return the id of a member's appointment."""
    return uuid5(member, f"appointment:{number}")


@dataclass(frozen=True, slots=True)
class Appointment:
    """A role in a unit during [starts_at, ends_at): the end is the first instant without it."""

    number: int
    role: Role
    unit: UUID
    starts_at: datetime
    ends_at: datetime | None = None

    def in_force_at(self, at: datetime) -> bool:
        """Say whether the role is held at that instant."""
        return self.starts_at <= at and (self.ends_at is None or at < self.ends_at)

    def overlaps(self, other: "Appointment") -> bool:
        """Say whether both are in force at some instant; what never was in force never is."""
        later_start = max(self.starts_at, other.starts_at)
        return all(end is None or later_start < end for end in (self.ends_at, other.ends_at))


class Person(Aggregate):
    """One member of staff."""

    KIND = "person"

    class Joined(DomainEvent):
        """The person is on record as a member of staff."""

        TOPIC = "person.joined"
        person: PersonId
        name: Personal | None = None

    class Appointed(DomainEvent):
        """The person holds a role in a unit; the number tells the person's appointments apart."""

        TOPIC = "person.appointed"
        number: int
        role: Role
        unit: UUID
        starts_at: datetime
        ends_at: datetime | None = None

    class AppointmentEnded(DomainEvent):
        """The end of an appointment was decided; at its beginning: it never was in force."""

        TOPIC = "person.appointment_ended"
        number: int
        ends_at: datetime

    person: PersonId | None
    appointments: tuple[Appointment, ...]

    def begin(self) -> None:
        """Nobody joined yet."""
        self.person = None
        self.appointments = ()

    def join(self, person: PersonId, name: Personal | None, meta: Metadata) -> None:
        """Put the person on record; the same person again changes nothing."""
        if self.person is None:
            self._joined(person=person, name=name, meta=meta)

    def appoint(
        self,
        role: Role,
        unit: UUID,
        starts_at: datetime,
        ends_at: datetime | None,
        meta: Metadata,
    ) -> None:
        """Give the person a role in a unit, at no time twice the same one."""
        if self.person is None:
            raise WrongStateError("appoint", "unknown")
        if role not in APPOINTABLE:
            raise InvalidValueError("role", Rule.NOT_IN_LIST, ", ".join(APPOINTABLE))
        _require_zone("startsAt", starts_at)
        if ends_at is not None:
            _require_zone("endsAt", ends_at)
            if ends_at <= starts_at:
                raise InvalidValueError("endsAt", Rule.OUT_OF_RANGE, f"> {starts_at.isoformat()}")
        number = len(self.appointments) + 1
        wanted = Appointment(number, role, unit, starts_at, ends_at)
        if any(
            (known.role, known.unit) == (role, unit) and known.overlaps(wanted)
            for known in self.appointments
        ):
            raise AlreadyAppointedError(self.person)
        self._appointed(
            number=number, role=role, unit=unit, starts_at=starts_at, ends_at=ends_at, meta=meta
        )

    def end_appointment(self, number: int, ends_at: datetime, meta: Metadata) -> None:
        """Let an appointment end; a known end is brought forward, never put off.

        Who stays longer is appointed anew, so that ended authority never comes back unseen. An end
        at the beginning revokes the appointment.
        """
        known = next((each for each in self.appointments if each.number == number), None)
        if known is None:
            raise NotFoundError("appointment", f"{self.person}/{number}")
        _require_zone("endsAt", ends_at)
        if ends_at < known.starts_at:
            raise InvalidValueError("endsAt", Rule.BEFORE, known.starts_at.isoformat())
        if known.ends_at is not None and ends_at > known.ends_at:
            raise InvalidValueError("endsAt", Rule.OUT_OF_RANGE, f"≤ {known.ends_at.isoformat()}")
        if ends_at != known.ends_at:
            self._appointment_ended(number=number, ends_at=ends_at, meta=meta)

    def holds_role_at(
        self, at: datetime, roles: Collection[Role] | None = None, unit: UUID | None = None
    ) -> bool:
        """Say whether the person holds one of these roles (None: any) in this unit (None: any)."""
        return any(
            (roles is None or role in roles) and (unit is None or where == unit)
            for role, where in self.roles_at(at)
        )

    def roles_at(self, at: datetime) -> frozenset[tuple[Role, UUID]]:
        """Return the roles that the person holds at that instant, each with its unit."""
        return frozenset(
            (each.role, each.unit) for each in self.appointments if each.in_force_at(at)
        )

    @event(Joined)
    def _joined(self, person: PersonId, name: Personal | None, meta: Metadata) -> None:
        self.person = person

    @event(Appointed)
    def _appointed(
        self,
        number: int,
        role: Role,
        unit: UUID,
        starts_at: datetime,
        ends_at: datetime | None,
        meta: Metadata,
    ) -> None:
        appointed = Appointment(number, role, unit, starts_at, ends_at)
        self.appointments = (*self.appointments, appointed)

    @event(AppointmentEnded)
    def _appointment_ended(self, number: int, ends_at: datetime, meta: Metadata) -> None:
        self.appointments = tuple(
            replace(each, ends_at=ends_at) if each.number == number else each
            for each in self.appointments
        )


def _require_zone(field: str, at: datetime) -> None:
    if at.tzinfo is None:
        raise InvalidValueError(field, Rule.NO_TIME_ZONE)
