"""Commands about improvement actions."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from uuid import UUID

from application.desk import Desk
from application.dispatch import Command, handles
from application.organisation import require_unit
from application.staff import require_role
from domain.complaint import Complaint
from domain.errors import NotFoundError
from domain.improvement import ImprovementAction
from domain.organisation import UnitKind
from domain.roles import PersonId
from domain.text import checked_text

TASK_LENGTH: Final = 2_000


@dataclass(frozen=True, kw_only=True, slots=True)
class RaiseImprovement(Command[UUID]):
    """Raise an improvement action from a closed complaint."""

    complaint: UUID
    department: str
    owner: PersonId
    due_at: datetime
    task: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ImprovementCommand(Command[UUID]):
    """An order about one improvement action."""

    improvement: UUID


@dataclass(frozen=True, kw_only=True, slots=True)
class NoteImprovementProgress(ImprovementCommand):
    """Note what was done."""

    progress: str


@dataclass(frozen=True, kw_only=True, slots=True)
class RescheduleImprovement(ImprovementCommand):
    """Move the due date."""

    due_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class HandOverImprovement(ImprovementCommand):
    """Give it to another person."""

    owner: PersonId


@dataclass(frozen=True, kw_only=True, slots=True)
class CompleteImprovement(ImprovementCommand):
    """Note that it is done."""

    result: str


@dataclass(frozen=True, kw_only=True, slots=True)
class CancelImprovement(ImprovementCommand):
    """Give it up."""


@handles(RaiseImprovement)
async def raise_improvement(command: RaiseImprovement, desk: Desk) -> UUID:
    """Raise it under a new id, if the complaint is closed and department and owner are there."""
    complaint = await desk.consult(Complaint, command.complaint)
    if not complaint.version:
        raise NotFoundError(Complaint.KIND, str(command.complaint))
    complaint.raise_improvement(desk.meta)
    await require_unit(desk, UnitKind.DEPARTMENT, command.department, desk.meta.occurred_at)
    await require_role(desk, command.owner, desk.meta.occurred_at)
    action = desk.new(ImprovementAction)
    action.raise_for(
        complaint.id,
        department=command.department,
        owner=command.owner,
        due_at=command.due_at,
        task=checked_text(command.task, field="task", max_length=TASK_LENGTH),
        meta=replace(desk.meta, policy=complaint.policy),
    )
    desk.save(action)
    return action.id


@handles(NoteImprovementProgress)
async def note_improvement_progress(command: NoteImprovementProgress, desk: Desk) -> UUID:
    """Load, note, save."""
    action = await desk.load(ImprovementAction, command.improvement)
    progress = checked_text(command.progress, field="progress", max_length=TASK_LENGTH)
    action.note_progress(progress, desk.meta)
    desk.save(action)
    return action.id


@handles(RescheduleImprovement)
async def reschedule_improvement(command: RescheduleImprovement, desk: Desk) -> UUID:
    """Load, reschedule, save."""
    action = await desk.load(ImprovementAction, command.improvement)
    action.reschedule(command.due_at, desk.meta)
    desk.save(action)
    return action.id


@handles(HandOverImprovement)
async def hand_over_improvement(command: HandOverImprovement, desk: Desk) -> UUID:
    """Load, hand over to a person on the staff, save."""
    action = await desk.load(ImprovementAction, command.improvement)
    action.hand_over(command.owner, desk.meta)
    await require_role(desk, command.owner, desk.meta.occurred_at)
    desk.save(action)
    return action.id


@handles(CompleteImprovement)
async def complete_improvement(command: CompleteImprovement, desk: Desk) -> UUID:
    """Load, complete, save."""
    action = await desk.load(ImprovementAction, command.improvement)
    result = checked_text(command.result, field="result", max_length=TASK_LENGTH)
    action.complete(result, desk.meta)
    desk.save(action)
    return action.id


@handles(CancelImprovement)
async def cancel_improvement(command: CancelImprovement, desk: Desk) -> UUID:
    """Load, cancel, save."""
    action = await desk.load(ImprovementAction, command.improvement)
    action.cancel(desk.meta)
    desk.save(action)
    return action.id
