"""An improvement action (改进措施): what a department does so that it does not happen again.

Raised by a closed complaint, with an owner and a due date, tracked until it is done.
Source: domain.md 2 (source 0, 1.1.20(2)).
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Final
from uuid import UUID

from domain.aggregate import Aggregate, DomainEvent, event
from domain.errors import InvalidValueError, Rule, WrongStateError
from domain.labels import Labelled
from domain.metadata import Metadata
from domain.roles import PersonId


class ImprovementState(Labelled):
    """Where an improvement action stands."""

    BLANK = "blank", "not raised yet", "未提出"
    OPEN = "open", "open", "进行中"
    DONE = "done", "done", "已完成"
    CANCELLED = "cancelled", "cancelled", "已取消"


IMPROVEMENT_ALLOWED_IN: Final[Mapping[str, frozenset[ImprovementState]]] = {
    "raise": frozenset({ImprovementState.BLANK}),
    "note_progress": frozenset({ImprovementState.OPEN}),
    "reschedule": frozenset({ImprovementState.OPEN}),
    "hand_over": frozenset({ImprovementState.OPEN}),
    "complete": frozenset({ImprovementState.OPEN}),
    "cancel": frozenset({ImprovementState.OPEN}),
}
"""In which states a command is allowed."""


class ImprovementAction(Aggregate):
    """One action; its texts name no people, as the reasons of events do not."""

    KIND = "improvement"
    state_version = 2

    class Raised(DomainEvent):
        """A closed complaint gave rise to it."""

        TOPIC = "improvement.raised"
        LINKS = ("complaint",)
        complaint: UUID
        department: str
        owner: PersonId
        due_at: datetime
        task: str

    class ProgressNoted(DomainEvent):
        """Something was done."""

        TOPIC = "improvement.progress_noted"
        progress: str

    class Rescheduled(DomainEvent):
        """The due date was moved; the reason stands beside it."""

        TOPIC = "improvement.rescheduled"
        due_at: datetime

    class HandedOver(DomainEvent):
        """Another person owns it now."""

        TOPIC = "improvement.handed_over"
        owner: PersonId

    class Completed(DomainEvent):
        """It is done."""

        TOPIC = "improvement.completed"
        result: str
        late: bool

    class Cancelled(DomainEvent):
        """It will not be done; the reason stands beside it."""

        TOPIC = "improvement.cancelled"

    state: ImprovementState
    department: str | None
    owner: PersonId | None
    raised_at: datetime | None
    due_at: datetime | None

    def begin(self) -> None:
        """Nothing was raised yet."""
        self.state = ImprovementState.BLANK
        self.department = None
        self.owner = None
        self.raised_at = self.due_at = None

    def raise_for(
        self,
        complaint: UUID,
        *,
        department: str,
        owner: PersonId,
        due_at: datetime,
        task: str,
        meta: Metadata,
    ) -> None:
        """Raise it, due after it was raised."""
        self._require("raise", meta)
        _require_after(due_at, meta)
        self._raised(
            complaint=complaint,
            department=department,
            owner=owner,
            due_at=due_at,
            task=task,
            meta=meta,
        )

    def note_progress(self, progress: str, meta: Metadata) -> None:
        """Note what was done."""
        self._require("note_progress", meta)
        self._progress_noted(progress=progress, meta=meta)

    def reschedule(self, due_at: datetime, meta: Metadata) -> None:
        """Move the due date, with the reason."""
        self._require("reschedule", meta)
        _require_reason(meta)
        _require_after(due_at, meta)
        if due_at != self.due_at:
            self._rescheduled(due_at=due_at, meta=meta)

    def hand_over(self, owner: PersonId, meta: Metadata) -> None:
        """Give it to another person."""
        self._require("hand_over", meta)
        if owner != self.owner:
            self._handed_over(owner=owner, meta=meta)

    def complete(self, result: str, meta: Metadata) -> None:
        """Note that it is done, and what came of it."""
        self._require("complete", meta)
        assert self.due_at is not None
        self._completed(result=result, late=meta.occurred_at > self.due_at, meta=meta)

    def cancel(self, meta: Metadata) -> None:
        """Give it up, with the reason."""
        self._require("cancel", meta)
        _require_reason(meta)
        self._cancelled(meta=meta)

    def _require(self, command: str, meta: Metadata) -> None:
        if self.state not in IMPROVEMENT_ALLOWED_IN[command]:
            raise WrongStateError(command, self.state)
        if self.raised_at is not None and meta.occurred_at < self.raised_at:
            raise InvalidValueError("occurredAt", Rule.BEFORE, self.raised_at.isoformat())

    @event(Raised)
    def _raised(
        self,
        complaint: UUID,
        department: str,
        owner: PersonId,
        due_at: datetime,
        task: str,
        meta: Metadata,
    ) -> None:
        self.state = ImprovementState.OPEN
        self.raised_at = meta.occurred_at
        self.department = department
        self.owner = owner
        self.due_at = due_at

    @event(ProgressNoted)
    def _progress_noted(self, progress: str, meta: Metadata) -> None:
        pass

    @event(Rescheduled)
    def _rescheduled(self, due_at: datetime, meta: Metadata) -> None:
        self.due_at = due_at

    @event(HandedOver)
    def _handed_over(self, owner: PersonId, meta: Metadata) -> None:
        self.owner = owner

    @event(Completed)
    def _completed(self, result: str, late: bool, meta: Metadata) -> None:  # noqa: FBT001
        self.state = ImprovementState.DONE

    @event(Cancelled)
    def _cancelled(self, meta: Metadata) -> None:
        self.state = ImprovementState.CANCELLED


def _require_reason(meta: Metadata) -> None:
    if meta.reason is None:
        raise InvalidValueError("reason", Rule.REQUIRED)


def _require_after(due_at: datetime, meta: Metadata) -> None:
    if due_at.tzinfo is None:
        raise InvalidValueError("dueAt", Rule.NO_TIME_ZONE)
    if due_at <= meta.occurred_at:
        raise InvalidValueError("dueAt", Rule.BEFORE, meta.occurred_at.isoformat())
