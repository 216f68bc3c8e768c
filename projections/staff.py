"""Staff and their appointments: who held which role in which unit at a given time.

At the instant ``t`` the appointments with ``starts_at <= t`` and no ``ends_at``, or one after
``t``, are in force.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from domain.staff import Person, appointment_id
from projections.engine import Batch, Entry, Projection, on
from projections.tables import Table


@dataclass(slots=True)
class PersonRow:
    """A member of staff, without the name."""

    id: UUID
    person: str
    joined_at: datetime
    version: int


@dataclass(slots=True)
class PersonNameRow:
    """What a member of staff is called; gone when the person is erased."""

    id: UUID
    name: str | None


@dataclass(slots=True)
class AppointmentRow:
    """One role of one person in one unit; ``person`` is the id of the person's row."""

    id: UUID
    person_id: str
    person: UUID
    number: int
    role: str
    unit: UUID
    starts_at: datetime
    ends_at: datetime | None
    decided_at: datetime


PEOPLE = Table("people", PersonRow)
PEOPLE_NAMES = Table("people_names", PersonNameRow, schema="read_personal")
APPOINTMENTS = Table("appointments", AppointmentRow, stream="person")


class StaffProjection(Projection):
    """Keeps ``read.people``, ``read.appointments`` and ``read_personal.people_names``."""

    name = "staff"
    tables = (PEOPLE, APPOINTMENTS, PEOPLE_NAMES)
    keyed = (PEOPLE, APPOINTMENTS)
    reveals = True

    @on(Person.Joined, en="{person} joined the staff", zh="{person}登记为员工")
    def joined(self, event: Person.Joined, _entry: Entry, batch: Batch) -> None:
        """Insert the person and the name."""
        person = event.originator_id
        batch.put(
            PEOPLE,
            PersonRow(person, event.person, event.meta.occurred_at, event.originator_version),
        )
        batch.put(PEOPLE_NAMES, PersonNameRow(person, batch.reveal(event, "name")))

    @on(
        Person.Appointed,
        en="Appointment {number}: {role.en} in unit {unit} from {starts_at} until {ends_at}",
        zh="第{number}项任命：在单位{unit}担任{role.zh}，自{starts_at}起，至{ends_at}止",
    )
    def appointed(self, event: Person.Appointed, _entry: Entry, batch: Batch) -> None:
        """Insert the appointment."""
        person = batch.change(PEOPLE, event.originator_id)
        person.version = event.originator_version
        batch.put(
            APPOINTMENTS,
            AppointmentRow(
                id=appointment_id(person.id, event.number),
                person_id=person.person,
                person=person.id,
                number=event.number,
                role=event.role.value,
                unit=event.unit,
                starts_at=event.starts_at,
                ends_at=event.ends_at,
                decided_at=event.meta.occurred_at,
            ),
        )

    @on(
        Person.AppointmentEnded,
        en="Appointment {number} ends at {ends_at}",
        zh="第{number}项任命于{ends_at}结束",
    )
    def appointment_ended(
        self, event: Person.AppointmentEnded, _entry: Entry, batch: Batch
    ) -> None:
        """Note the end."""
        person = batch.change(PEOPLE, event.originator_id)
        person.version = event.originator_version
        row = batch.change(APPOINTMENTS, appointment_id(person.id, event.number))
        row.ends_at = event.ends_at
