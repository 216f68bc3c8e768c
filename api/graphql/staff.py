"""Staff and their appointments in the schema."""

from datetime import datetime
from enum import Enum
from typing import Any, LiteralString
from uuid import UUID

import strawberry

from api.graphql.commands import carry_out, copied
from api.graphql.compiler.declarations import (
    Emitter,
    One,
    Pages,
    Planning,
    Row,
    answers,
    column,
    many,
    one,
    reads,
    relation,
)
from api.graphql.compiler.selection import Selected
from api.graphql.compiler.sql import NULL, Json, literal, or_null
from api.graphql.context import ApiInfo, Context
from api.graphql.nodes import (
    NODE_LOADERS,
    Connection,
    Node,
    as_uuid,
    connection_of,
    global_id,
)
from api.graphql.organisation import EndsAfter, Unit, UnitReference, load_unit
from api.graphql.refusals import result_union
from api.graphql.scalars import Lang, Long, label
from application.staff import AppointPerson, EndAppointment, JoinStaff
from domain.errors import AlreadyAppointedError, UnitNotOpenError
from domain.roles import Role, person_id
from domain.staff import staff_id
from projections.paging import Condition, Listing, Order, Window
from projections.staff import (
    APPOINTMENTS,
    PEOPLE,
    PEOPLE_NAMES,
    AppointmentRow,
    PersonNameRow,
    PersonRow,
)

_APPOINTMENTS_OF: LiteralString = """
SELECT id FROM read.appointments WHERE person = %s ORDER BY starts_at, number
"""


async def _name(info: ApiInfo, person: UUID) -> str | None:
    """Return a person's name; null for roles that may not see it."""
    if not info.context.may("personalData"):
        return None
    row: PersonNameRow | None = await info.context.loader(PEOPLE_NAMES).load(person)
    return None if row is None else row.name


@strawberry.type(description="A role of a person in a unit; endsAt is the first instant without.")
class Appointment(Node):
    """An appointment as its row tells."""

    row: strawberry.Private[AppointmentRow]
    person: str
    number: int
    role: Role
    starts_at: datetime
    ends_at: datetime | None
    decided_at: datetime

    @strawberry.field(description="Who is appointed, by name.")
    async def name(self, info: ApiInfo) -> str | None:
        """Return the name."""
        return await _name(info, self.row.person)

    @strawberry.field
    def role_label(self, lang: Lang = Lang.EN) -> str:
        """Name the role."""
        return label(self.role, lang)

    @strawberry.field(description="In which unit.")
    async def unit(self, info: ApiInfo) -> Unit | None:
        """Return the unit."""
        return await load_unit(info, self.row.unit)


def appointment_type(row: AppointmentRow) -> Appointment:
    """Return the type of a row."""
    return copied(
        Appointment,
        row,
        id=global_id("Appointment", row.id),
        row=row,
        person=row.person_id,
        role=Role(row.role),
    )


@strawberry.type(description="A member of staff.")
class Person(Node):
    """A person as the row tells; the name only for roles that may read it."""

    row: strawberry.Private[PersonRow]
    person: str
    joined_at: datetime

    @strawberry.field(description="What the person is called.")
    async def name(self, info: ApiInfo) -> str | None:
        """Return the name."""
        return await _name(info, self.row.id)

    @strawberry.field(description="All appointments, past and future ones too, by their beginning.")
    async def appointments(self, info: ApiInfo) -> list[Appointment]:
        """Return the appointments."""
        async with info.context.reading() as connection:
            cursor = await connection.execute(_APPOINTMENTS_OF, [self.row.id])
            keys = [row[0] for row in await cursor.fetchall()]
        rows: list[AppointmentRow] = await info.context.loader(APPOINTMENTS).load_many(keys)
        return [appointment_type(row) for row in rows]


def person_type(row: PersonRow) -> Person:
    """Return the type of a row."""
    return copied(Person, row, id=global_id("Person", row.id), row=row)


async def _load_person(info: ApiInfo, key: UUID) -> Person | None:
    info.context.reach("staff")
    row: PersonRow | None = await info.context.loader(PEOPLE).load(key)
    return None if row is None else person_type(row)


async def _load_appointment(info: ApiInfo, key: UUID) -> Appointment | None:
    info.context.reach("staff")
    row: AppointmentRow | None = await info.context.loader(APPOINTMENTS).load(key)
    return None if row is None else appointment_type(row)


NODE_LOADERS["Person"] = _load_person
NODE_LOADERS["Appointment"] = _load_appointment


@strawberry.enum(description="The order of appointments: by their beginning.")
class StaffOrder(Enum):
    """By the beginning."""

    STARTS_AT_ASC = "asc"
    STARTS_AT_DESC = "desc"


def _appointments(
    context: Context,
    at: datetime | None,
    role: Role | None,
    unit: UnitReference | None,
    order_by: StaffOrder,
    **window: Any,
) -> Listing[AppointmentRow]:
    context.reach("staff")
    conditions: list[Condition] = []
    if at is not None:
        conditions.append(Condition("starts_at", "<=", at))
        conditions.append(EndsAfter("ends_at", "ends after", at))
    if role is not None:
        conditions.append(Condition("role", "=", role.value))
    if unit is not None:
        conditions.append(Condition("unit", "=", unit.key("unit").id))
    order = Order("starts_at", descending=order_by is StaffOrder.STARTS_AT_DESC)
    return Listing(APPOINTMENTS, conditions, order, Window(**window))


def _person(
    context: Context,
    id: strawberry.ID | None,  # noqa: A002  Relay's word
    person: str | None,
) -> list[Condition] | None:
    context.reach("staff")
    if id is not None:
        return [Condition("id", "=", as_uuid(id, field="id"))]
    if person is None:
        return None
    return [Condition("id", "=", staff_id(person_id(person, field="person")))]


def _name_beside(key: str) -> Emitter:
    """Emit a person's name, for roles that may read personal data."""

    def emit(row: Row, _selected: Selected, planning: Planning) -> Json:
        if not planning.view.may("personalData"):
            return literal(NULL)
        names = f"SELECT to_json(n.name)::text FROM {relation(PEOPLE_NAMES)} AS n"
        return or_null([f"({names} WHERE n.id = {row[key]})"])

    return emit


reads(
    "Person",
    PEOPLE,
    operation="staff",
    name=_name_beside("id"),
    appointments=many("Appointment", "person", "starts_at, number"),
)
reads(
    "Appointment",
    APPOINTMENTS,
    operation="staff",
    person=column("person_id"),
    name=_name_beside("person"),
    unit=one("Unit", "unit", "units"),
)
answers("staff", Pages("Appointment", _appointments))
answers("person", One("Person", _person))


@strawberry.type
class Query:
    """Questions about staff."""

    @strawberry.field(description="A member of staff by id or by person id, if there is one.")
    async def person(
        self,
        info: ApiInfo,
        id: strawberry.ID | None = None,  # noqa: A002  Relay's word
        person: str | None = None,
    ) -> Person | None:
        """Find one."""
        info.context.reach("staff")
        if id is not None:
            return await _load_person(info, as_uuid(id, field="id"))
        if person is None:
            return None
        return await _load_person(info, staff_id(person_id(person, field="person")))

    @strawberry.field(
        description="Who held which role in which unit at that instant; without one, all"
        " appointments that there ever were or will be."
    )
    async def staff(
        self,
        info: ApiInfo,
        at: datetime | None = None,
        role: Role | None = None,
        unit: UnitReference | None = None,
        order_by: StaffOrder = StaffOrder.STARTS_AT_ASC,
        first: int | None = None,
        after: str | None = None,
        last: int | None = None,
        before: str | None = None,
    ) -> Connection[Appointment]:
        """List."""
        window = {"first": first, "after": after, "last": last, "before": before}
        listing = _appointments(info.context, at, role, unit, order_by, **window)
        return await connection_of(info, listing, Appointment, appointment_type)  # type: ignore[no-any-return]


@strawberry.type(description="A member of staff was put on record.")
class PersonPayload:
    """The person, once the read models have seen the change, and the position of the change."""

    key: strawberry.Private[UUID]
    position: Long

    @strawberry.field(
        description="The person after the change; null, with an error, if the read models are"
        " late: the change is stored all the same."
    )
    async def person(self, info: ApiInfo) -> Person | None:
        """Return the person as the command left it, or later."""
        row = await info.context.changed(PEOPLE, self.key, self.position)
        return None if row is None else person_type(row)


@strawberry.type(description="An appointment was made or ended.")
class AppointmentPayload:
    """The appointment, once the read models have seen the change, and the change's position."""

    key: strawberry.Private[UUID]
    position: Long

    @strawberry.field(
        description="The appointment after the change; null, with an error, if the read models are"
        " late: the change is stored all the same."
    )
    async def appointment(self, info: ApiInfo) -> Appointment | None:
        """Return the appointment as the command left it, or later."""
        row = await info.context.changed(APPOINTMENTS, self.key, self.position)
        return None if row is None else appointment_type(row)


def _person_payload(key: UUID, position: int) -> PersonPayload:
    return PersonPayload(key=key, position=Long(position))


def _appointment_payload(key: UUID, position: int) -> AppointmentPayload:
    return AppointmentPayload(key=key, position=Long(position))


@strawberry.input
class JoinStaffInput:
    """The opaque id of the person, and what the person is called."""

    person: str
    name: str | None = None
    occurred_at: datetime | None = None
    reason: str | None = None


@strawberry.input
class AppointPersonInput:
    """Who holds which role where, from when until when; occurredAt is when it was decided."""

    person: str
    role: Role
    unit: UnitReference
    starts_at: datetime
    ends_at: datetime | None = None
    occurred_at: datetime | None = None
    reason: str | None = None


@strawberry.input
class EndAppointmentInput:
    """Which of the person's appointments ends, and the first instant without it."""

    person: str
    number: int
    ends_at: datetime
    occurred_at: datetime | None = None
    reason: str | None = None


@strawberry.type
class Mutation:
    """Commands about staff."""

    @strawberry.mutation(
        description="Put a person on record as a member of staff; again, it changes nothing.",
        graphql_type=result_union("JoinStaffResult", PersonPayload),
    )
    async def join_staff(self, info: ApiInfo, input: JoinStaffInput) -> Any:  # noqa: A002
        """Join."""

        def build() -> JoinStaff:
            return JoinStaff(
                person=person_id(input.person, field="person"),
                name=input.name,
                occurred_at=input.occurred_at,
                reason=input.reason,
            )

        return await carry_out(info, build, _person_payload)

    @strawberry.mutation(
        description="Give a person a role in a unit, in the past, now or in the future.",
        graphql_type=result_union(
            "AppointPersonResult", AppointmentPayload, UnitNotOpenError, AlreadyAppointedError
        ),
    )
    async def appoint_person(self, info: ApiInfo, input: AppointPersonInput) -> Any:  # noqa: A002
        """Appoint."""

        def build() -> AppointPerson:
            return AppointPerson(
                person=person_id(input.person, field="person"),
                role=input.role,
                unit=input.unit.key("unit"),
                starts_at=input.starts_at,
                ends_at=input.ends_at,
                occurred_at=input.occurred_at,
                reason=input.reason,
            )

        return await carry_out(info, build, _appointment_payload)

    @strawberry.mutation(
        description="Let an appointment end, or end earlier; at its beginning: revoke it.",
        graphql_type=result_union("EndAppointmentResult", AppointmentPayload),
    )
    async def end_appointment(self, info: ApiInfo, input: EndAppointmentInput) -> Any:  # noqa: A002
        """End."""

        def build() -> EndAppointment:
            return EndAppointment(
                person=person_id(input.person, field="person"),
                number=input.number,
                ends_at=input.ends_at,
                occurred_at=input.occurred_at,
                reason=input.reason,
            )

        return await carry_out(info, build, _appointment_payload)
