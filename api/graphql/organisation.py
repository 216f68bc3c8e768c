"""The units of the organisation in the schema."""

from datetime import datetime
from enum import Enum
from typing import Any
from uuid import UUID

import strawberry
from psycopg import sql

from api.graphql.commands import carry_out, copied
from api.graphql.compiler.declarations import One, Pages, answers, one, reads, text_in
from api.graphql.context import ApiInfo, Context
from api.graphql.nodes import (
    NODE_LOADERS,
    Connection,
    Node,
    connection_of,
    global_id,
)
from api.graphql.refusals import result_union
from api.graphql.scalars import Lang, Long, label
from application.organisation import CloseUnit, FoundUnit, MoveUnit, RenameUnit
from domain.errors import UnitNotOpenError
from domain.organisation import UnitKey, UnitKind
from domain.text import code as checked_code
from projections.organisation import UNITS, UnitRow
from projections.paging import Condition, Listing, Order, Window


@strawberry.type(description="A unit of the organisation; closedAt is the first instant without.")
class Unit(Node):
    """A unit as its row tells."""

    row: strawberry.Private[UnitRow]
    kind: UnitKind
    code: str
    name_en: str
    name_zh: str
    time_zone: str | None
    founded_at: datetime
    closed_at: datetime | None

    @strawberry.field
    def kind_label(self, lang: Lang = Lang.EN) -> str:
        """Name the kind."""
        return label(self.kind, lang)

    @strawberry.field(description="The unit's name in a language.")
    def name(self, lang: Lang = Lang.EN) -> str:
        """Return the name."""
        return self.name_zh if lang is Lang.ZH else self.name_en

    @strawberry.field(description="The unit above, if there is one.")
    async def parent(self, info: ApiInfo) -> "Unit | None":
        """Return the unit above."""
        return None if self.row.parent is None else await load_unit(info, self.row.parent)


def unit_type(row: UnitRow) -> Unit:
    """Return the type of a row."""
    return copied(Unit, row, id=global_id("Unit", row.id), row=row, kind=UnitKind(row.kind))


async def load_unit(info: ApiInfo, key: UUID) -> Unit | None:
    """Return a unit, if the caller may read units and there is one."""
    info.context.reach("units")
    row: UnitRow | None = await info.context.loader(UNITS).load(key)
    return None if row is None else unit_type(row)


NODE_LOADERS["Unit"] = load_unit


@strawberry.input(description="A unit by its kind and code; there is one head office only.")
class UnitReference:
    """Which unit."""

    kind: UnitKind
    code: str

    def key(self, field: str) -> UnitKey:
        """Return what names the unit, checked."""
        return UnitKey(self.kind, checked_code(self.code, field=f"{field}.code"))


class EndsAfter(Condition):
    """What has no end lasts for ever; an end is the first instant without."""

    def sql(self) -> sql.Composed:
        """Return the condition with a placeholder."""
        return sql.SQL("coalesce({}, 'infinity') > %s").format(sql.Identifier(self.column))


@strawberry.input(description="Which units; conditions are joined by AND.")
class UnitFilter:
    """Conditions; openAt: those that existed at that instant."""

    kind: UnitKind | None = None
    open_at: datetime | None = None
    parent: UnitReference | None = None


def _conditions(chosen: UnitFilter | None) -> list[Condition]:
    conditions: list[Condition] = []
    if chosen is None:
        return conditions
    if chosen.kind is not None:
        conditions.append(Condition("kind", "=", chosen.kind.value))
    if chosen.open_at is not None:
        conditions.append(Condition("founded_at", "<=", chosen.open_at))
        conditions.append(EndsAfter("closed_at", "ends after", chosen.open_at))
    if chosen.parent is not None:
        conditions.append(Condition("parent", "=", chosen.parent.key("parent").id))
    return conditions


@strawberry.enum(description="The order of units: by the time of their founding.")
class UnitOrder(Enum):
    """By the founding."""

    FOUNDED_AT_ASC = "asc"
    FOUNDED_AT_DESC = "desc"


def _units(
    context: Context,
    filter: UnitFilter | None,  # noqa: A002  the schema's word
    order_by: UnitOrder,
    **window: Any,
) -> Listing[UnitRow]:
    context.reach("units")
    order = Order("founded_at", descending=order_by is UnitOrder.FOUNDED_AT_DESC)
    return Listing(UNITS, _conditions(filter), order, Window(**window))


def _unit(context: Context, kind: UnitKind, code: str) -> list[Condition]:
    context.reach("units")
    return [Condition("id", "=", UnitKey(kind, checked_code(code, field="code")).id)]


reads(
    "Unit",
    UNITS,
    operation="units",
    name=text_in("name_en", "name_zh"),
    parent=one("Unit", "parent", "units"),
)
answers("units", Pages("Unit", _units))
answers("unit", One("Unit", _unit))


@strawberry.type
class Query:
    """Questions about the organisation."""

    @strawberry.field(
        description="A unit by its kind and code, if there is one; any code finds the head office."
    )
    async def unit(self, info: ApiInfo, kind: UnitKind, code: str) -> Unit | None:
        """Find one."""
        info.context.reach("units")
        return await load_unit(info, UnitKey(kind, checked_code(code, field="code")).id)

    @strawberry.field(description="Units by the time of their founding.")
    async def units(
        self,
        info: ApiInfo,
        filter: UnitFilter | None = None,  # noqa: A002  the schema's word
        order_by: UnitOrder = UnitOrder.FOUNDED_AT_ASC,
        first: int | None = None,
        after: str | None = None,
        last: int | None = None,
        before: str | None = None,
    ) -> Connection[Unit]:
        """List."""
        window = {"first": first, "after": after, "last": last, "before": before}
        listing = _units(info.context, filter, order_by, **window)
        return await connection_of(info, listing, Unit, unit_type)  # type: ignore[no-any-return]


@strawberry.type(description="A unit changed.")
class UnitPayload:
    """The unit, once the read models have seen the change, and the position of the change."""

    key: strawberry.Private[UUID]
    position: Long

    @strawberry.field(
        description="The unit after the change; null, with an error, if the read models are"
        " late: the change is stored all the same."
    )
    async def unit(self, info: ApiInfo) -> Unit | None:
        """Return the unit as the command left it, or later."""
        row = await info.context.changed(UNITS, self.key, self.position)
        return None if row is None else unit_type(row)


def _payload(key: UUID, position: int) -> UnitPayload:
    return UnitPayload(key=key, position=Long(position))


@strawberry.input
class FoundUnitInput:
    """What the unit is and where it stands; occurredAt is when it begins to exist."""

    kind: UnitKind
    code: str
    name_en: str
    name_zh: str
    parent: UnitReference | None = None
    time_zone: str | None = None
    occurred_at: datetime | None = None
    reason: str | None = None


@strawberry.input
class RenameUnitInput:
    """The names from occurredAt on."""

    unit: UnitReference
    name_en: str
    name_zh: str
    occurred_at: datetime | None = None
    reason: str | None = None


@strawberry.input
class MoveUnitInput:
    """The unit above from occurredAt on."""

    unit: UnitReference
    parent: UnitReference
    occurred_at: datetime | None = None
    reason: str | None = None


@strawberry.input
class CloseUnitInput:
    """The unit; occurredAt is the first instant without it."""

    unit: UnitReference
    occurred_at: datetime | None = None
    reason: str | None = None


@strawberry.type
class Mutation:
    """Commands about the organisation."""

    @strawberry.mutation(
        description="Found a unit below another one; the same facts again change nothing.",
        graphql_type=result_union("FoundUnitResult", UnitPayload, UnitNotOpenError),
    )
    async def found_unit(self, info: ApiInfo, input: FoundUnitInput) -> Any:  # noqa: A002
        """Found."""

        def build() -> FoundUnit:
            return FoundUnit(
                unit=UnitKey(input.kind, checked_code(input.code, field="code")),
                name_en=input.name_en,
                name_zh=input.name_zh,
                parent=None if input.parent is None else input.parent.key("parent"),
                time_zone=input.time_zone,
                occurred_at=input.occurred_at,
                reason=input.reason,
            )

        return await carry_out(info, build, _payload)

    @strawberry.mutation(
        description="Give a unit other names.",
        graphql_type=result_union("RenameUnitResult", UnitPayload),
    )
    async def rename_unit(self, info: ApiInfo, input: RenameUnitInput) -> Any:  # noqa: A002
        """Rename."""

        def build() -> RenameUnit:
            return RenameUnit(
                unit=input.unit.key("unit"),
                name_en=input.name_en,
                name_zh=input.name_zh,
                occurred_at=input.occurred_at,
                reason=input.reason,
            )

        return await carry_out(info, build, _payload)

    @strawberry.mutation(
        description="Put a unit below another one.",
        graphql_type=result_union("MoveUnitResult", UnitPayload, UnitNotOpenError),
    )
    async def move_unit(self, info: ApiInfo, input: MoveUnitInput) -> Any:  # noqa: A002
        """Move."""

        def build() -> MoveUnit:
            return MoveUnit(
                unit=input.unit.key("unit"),
                parent=input.parent.key("parent"),
                occurred_at=input.occurred_at,
                reason=input.reason,
            )

        return await carry_out(info, build, _payload)

    @strawberry.mutation(
        description="End a unit's life, for good.",
        graphql_type=result_union("CloseUnitResult", UnitPayload),
    )
    async def close_unit(self, info: ApiInfo, input: CloseUnitInput) -> Any:  # noqa: A002
        """Close."""

        def build() -> CloseUnit:
            return CloseUnit(
                unit=input.unit.key("unit"), occurred_at=input.occurred_at, reason=input.reason
            )

        return await carry_out(info, build, _payload)
