"""Whom alerts reach: who holds which role where, as the events of staff tell."""

from datetime import datetime
from typing import Final
from uuid import UUID

from domain.aggregate import DomainEvent
from domain.organisation import UnitKind, unit_id
from domain.roles import PersonId, Role
from domain.service_levels.terms import Recipient
from domain.staff import Appointment, Person

_ROLES: Final = {
    Recipient.DEPARTMENT_HEAD: Role.DEPARTMENT_HEAD,
    Recipient.SUPERVISION: Role.SUPERVISION,
    Recipient.COMPLIANCE: Role.COMPLIANCE,
}


class StaffBook:
    """The appointments of everybody, folded in log order."""

    TOPICS: Final = frozenset(
        {Person.Joined.TOPIC, Person.Appointed.TOPIC, Person.AppointmentEnded.TOPIC}
    )
    """The events that tell it."""

    def __init__(self) -> None:
        self._people: dict[UUID, Person] = {}

    def apply(self, event: DomainEvent) -> None:
        """Take in an event of ``TOPICS``."""
        person = self._people.get(event.originator_id)
        self._people[event.originator_id] = event.mutate(person)

    def people(self, to: Recipient, department: str | None, at: datetime) -> tuple[PersonId, ...]:
        """Return who holds the role at that time; of a department's heads only its own."""
        role = _ROLES[to]
        unit = None
        if to is Recipient.DEPARTMENT_HEAD:
            if department is None:
                return ()
            unit = unit_id(UnitKind.DEPARTMENT, department)
        found = {
            person.person
            for person in self._people.values()
            if person.person is not None
            and any(_holds(appointment, role, unit, at) for appointment in person.appointments)
        }
        return tuple(sorted(found))


def _holds(appointment: Appointment, role: Role, unit: UUID | None, at: datetime) -> bool:
    fits = appointment.role is role and unit in {None, appointment.unit}
    return fits and appointment.in_force_at(at)
