"""Improvement actions in the schema."""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

import strawberry

from api.graphql.commands import carry_out, copied
from api.graphql.compiler.declarations import Pages, answers, id_of, reads
from api.graphql.context import ApiInfo, Context
from api.graphql.nodes import (
    NODE_LOADERS,
    Connection,
    Node,
    as_uuid,
    connection_of,
    filter_text,
    global_id,
)
from api.graphql.refusals import result_union
from api.graphql.scalars import Lang, Long, label
from application.dispatch import Command
from application.improvements import (
    CancelImprovement,
    CompleteImprovement,
    HandOverImprovement,
    NoteImprovementProgress,
    RaiseImprovement,
    RescheduleImprovement,
)
from domain.errors import (
    ConflictOfInterestError,
    MergedCaseError,
    NoRoleAtThatTimeError,
    UnitNotOpenError,
)
from domain.improvement import ImprovementState
from domain.roles import person_id
from domain.text import code
from projections.improvements import IMPROVEMENTS, ImprovementRow
from projections.paging import Condition, Listing, Order, Window


@strawberry.type(description="What a department does so that it does not happen again.")
class Improvement(Node):
    """An improvement action."""

    row: strawberry.Private[ImprovementRow]
    complaint_id: strawberry.ID
    department: str
    owner: str
    state: ImprovementState
    task: str
    progress: str | None
    result: str | None
    raised_at: datetime
    due_at: datetime
    ended_at: datetime | None
    late: bool | None

    @strawberry.field
    def state_label(self, lang: Lang = Lang.EN) -> str:
        """Name the state."""
        return label(self.state, lang)


def improvement_type(row: ImprovementRow) -> Improvement:
    """Return the type of a row."""
    return copied(
        Improvement,
        row,
        id=global_id("Improvement", row.id),
        row=row,
        complaint_id=global_id("Complaint", row.complaint),
        state=ImprovementState(row.state),
    )


async def _load_node(info: ApiInfo, key: UUID) -> Improvement | None:
    info.context.reach("improvements")
    row: ImprovementRow | None = await info.context.loader(IMPROVEMENTS).load(key)
    return None if row is None else improvement_type(row)


NODE_LOADERS["Improvement"] = _load_node


@strawberry.input(description="Which improvement actions; conditions are joined by AND.")
class ImprovementFilter:
    """Conditions."""

    complaint_id: strawberry.ID | None = None
    department: str | None = None
    owner: str | None = None
    state: ImprovementState | None = None
    due_before: datetime | None = None


def _conditions(chosen: ImprovementFilter | None) -> list[Condition]:
    if chosen is None:
        return []
    found = []
    if chosen.complaint_id is not None:
        complaint = as_uuid(chosen.complaint_id, field="complaintId")
        found.append(Condition("complaint", "=", complaint))
    for name in ("department", "owner"):
        value = getattr(chosen, name)
        if value is not None:
            found.append(Condition(name, "=", filter_text(value, field=name)))
    if chosen.state is not None:
        found.append(Condition("state", "=", chosen.state.value))
    if chosen.due_before is not None:
        found.append(Condition("due_at", "<", chosen.due_before))
    return found


def _improvements(
    context: Context,
    filter: ImprovementFilter | None,  # noqa: A002  the schema's word
    **window: Any,
) -> Listing[ImprovementRow]:
    conditions = [*context.within("improvements", IMPROVEMENTS), *_conditions(filter)]
    return Listing(IMPROVEMENTS, conditions, Order("due_at"), Window(**window))


reads(
    "Improvement",
    IMPROVEMENTS,
    operation="improvements",
    complaintId=id_of("Complaint", "complaint"),
)
answers("improvements", Pages("Improvement", _improvements))


@strawberry.type
class Query:
    """Questions about improvement actions."""

    @strawberry.field(description="Improvement actions, those that are due first at the front.")
    async def improvements(
        self,
        info: ApiInfo,
        filter: ImprovementFilter | None = None,  # noqa: A002  the schema's word
        first: int | None = None,
        after: str | None = None,
        last: int | None = None,
        before: str | None = None,
    ) -> Connection[Improvement]:
        """List."""
        window = {"first": first, "after": after, "last": last, "before": before}
        listing = _improvements(info.context, filter, **window)
        return await connection_of(info, listing, Improvement, improvement_type)  # type: ignore[no-any-return]


@strawberry.type(description="An improvement action changed.")
class ImprovementPayload:
    """The action, once the read models have seen the change, and the position of the change."""

    key: strawberry.Private[UUID]
    position: Long

    @strawberry.field(description="The improvement action after the change.")
    async def improvement(self, info: ApiInfo) -> Improvement | None:
        """Return the action as the command left it, or later."""
        row = await info.context.changed(IMPROVEMENTS, self.key, self.position)
        return None if row is None else improvement_type(row)


@strawberry.input
class RaiseImprovementInput:
    """Which closed complaint, and who does what by when; the texts name no people."""

    complaint_id: strawberry.ID
    department: str
    owner: str
    due_at: datetime
    task: str
    occurred_at: datetime | None = None
    reason: str | None = None


@strawberry.input
class ImprovementInput:
    """Which improvement action, when and why."""

    improvement_id: strawberry.ID
    occurred_at: datetime | None = None
    reason: str | None = None


@strawberry.input
class NoteImprovementProgressInput(ImprovementInput):
    """What was done."""

    progress: str


@strawberry.input
class RescheduleImprovementInput(ImprovementInput):
    """The new due date; the reason is needed."""

    due_at: datetime


@strawberry.input
class HandOverImprovementInput(ImprovementInput):
    """The new owner."""

    owner: str


@strawberry.input
class CompleteImprovementInput(ImprovementInput):
    """What came of it."""

    result: str


def _common(given: ImprovementInput) -> dict[str, Any]:
    return {
        "improvement": as_uuid(given.improvement_id, field="improvementId"),
        "occurred_at": given.occurred_at,
        "reason": given.reason,
    }


def _raise(given: RaiseImprovementInput) -> RaiseImprovement:
    return RaiseImprovement(
        complaint=as_uuid(given.complaint_id, field="complaintId"),
        department=code(given.department, field="department"),
        owner=person_id(given.owner, field="owner"),
        due_at=given.due_at,
        task=given.task,
        occurred_at=given.occurred_at,
        reason=given.reason,
    )


def _command(
    name: str, description: str, given: type, build: Callable[[Any], Command[UUID]]
) -> Any:
    async def resolve(info: ApiInfo, input: Any) -> Any:  # noqa: A002  the schema's word
        return await carry_out(
            info,
            lambda: build(input),
            lambda key, position: ImprovementPayload(key=key, position=Long(position)),
        )

    resolve.__annotations__["input"] = given
    refusals = (UnitNotOpenError, NoRoleAtThatTimeError, MergedCaseError, ConflictOfInterestError)
    return strawberry.mutation(
        resolver=resolve,
        description=description,
        graphql_type=result_union(f"{name}Result", ImprovementPayload, *refusals),
    )


@strawberry.type
class Mutation:
    """Commands about improvement actions."""

    raise_improvement = _command(
        "RaiseImprovement",
        "Raise an improvement action from a closed complaint.",
        RaiseImprovementInput,
        _raise,
    )
    note_improvement_progress = _command(
        "NoteImprovementProgress",
        "Note what was done.",
        NoteImprovementProgressInput,
        lambda given: NoteImprovementProgress(**_common(given), progress=given.progress),
    )
    reschedule_improvement = _command(
        "RescheduleImprovement",
        "Move the due date.",
        RescheduleImprovementInput,
        lambda given: RescheduleImprovement(**_common(given), due_at=given.due_at),
    )
    hand_over_improvement = _command(
        "HandOverImprovement",
        "Give it to another person.",
        HandOverImprovementInput,
        lambda given: HandOverImprovement(
            **_common(given), owner=person_id(given.owner, field="owner")
        ),
    )
    complete_improvement = _command(
        "CompleteImprovement",
        "Note that it is done.",
        CompleteImprovementInput,
        lambda given: CompleteImprovement(**_common(given), result=given.result),
    )
    cancel_improvement = _command(
        "CancelImprovement",
        "Give it up; the reason is needed.",
        ImprovementInput,
        lambda given: CancelImprovement(**_common(given)),
    )
