"""Improvement actions as they stand."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from domain.aggregate import DomainEvent
from domain.improvement import ImprovementAction, ImprovementState
from projections.engine import Batch, Entry, Projection, on
from projections.tables import Table


@dataclass(slots=True)
class ImprovementRow:
    """An improvement action."""

    id: UUID
    complaint: UUID
    department: str
    owner: str
    state: str
    task: str
    progress: str | None
    result: str | None
    raised_at: datetime
    due_at: datetime
    ended_at: datetime | None
    late: bool | None
    version: int


IMPROVEMENTS = Table("improvements", ImprovementRow)


class ImprovementsProjection(Projection):
    """Keeps ``read.improvements``."""

    name = "improvements"
    tables = (IMPROVEMENTS,)
    keyed = (IMPROVEMENTS,)

    @on(
        ImprovementAction.Raised,
        en="Improvement action raised for {department}, owner {owner}",
        zh="向{department}提出改进措施，负责人{owner}",
    )
    def raised(self, event: ImprovementAction.Raised, _entry: Entry, batch: Batch) -> None:
        """Insert."""
        batch.put(
            IMPROVEMENTS,
            ImprovementRow(
                id=event.originator_id,
                complaint=event.complaint,
                department=event.department,
                owner=event.owner,
                state=ImprovementState.OPEN.value,
                task=event.task,
                progress=None,
                result=None,
                raised_at=event.meta.occurred_at,
                due_at=event.due_at,
                ended_at=None,
                late=None,
                version=event.originator_version,
            ),
        )

    @on(ImprovementAction.ProgressNoted, en="Progress noted", zh="登记改进进展")
    def progress_noted(
        self, event: ImprovementAction.ProgressNoted, _entry: Entry, batch: Batch
    ) -> None:
        """Keep the latest."""
        _noted(event, batch).progress = event.progress

    @on(ImprovementAction.Rescheduled, en="Due date moved", zh="调整完成期限")
    def rescheduled(
        self, event: ImprovementAction.Rescheduled, _entry: Entry, batch: Batch
    ) -> None:
        """Keep the date."""
        _noted(event, batch).due_at = event.due_at

    @on(ImprovementAction.HandedOver, en="Handed over to {owner}", zh="移交{owner}负责")
    def handed_over(self, event: ImprovementAction.HandedOver, _entry: Entry, batch: Batch) -> None:
        """Keep the owner."""
        _noted(event, batch).owner = event.owner

    @on(ImprovementAction.Completed, en="Improvement done", zh="改进措施已完成")
    def completed(self, event: ImprovementAction.Completed, _entry: Entry, batch: Batch) -> None:
        """End."""
        row = _noted(event, batch)
        row.state, row.result, row.late = ImprovementState.DONE.value, event.result, event.late
        row.ended_at = event.meta.occurred_at

    @on(ImprovementAction.Cancelled, en="Improvement given up", zh="改进措施已取消")
    def cancelled(self, event: ImprovementAction.Cancelled, _entry: Entry, batch: Batch) -> None:
        """End."""
        row = _noted(event, batch)
        row.state = ImprovementState.CANCELLED.value
        row.ended_at = event.meta.occurred_at


def _noted(event: DomainEvent, batch: Batch) -> ImprovementRow:
    row = batch.change(IMPROVEMENTS, event.originator_id)
    row.version = event.originator_version
    return row
