"""Notices to customers, and what became of each."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from domain.notice import Notice, NoticeFinding, NoticeState
from projections.engine import Batch, Entry, Projection, on
from projections.tables import Table


@dataclass(slots=True)
class NoticeRow:
    """A notice without address and text; ``attempts`` counts up to its outcome."""

    id: UUID
    case_id: UUID
    case_number: str
    template: str
    channel: str
    language: str
    state: str
    attempts: int
    queued_at: datetime
    sent_at: datetime | None
    failed_at: datetime | None
    problem: str | None
    sender: str | None
    reference: str | None
    version: int


NOTICES = Table("notices", NoticeRow)


class NoticesProjection(Projection):
    """Keeps ``read.notices``."""

    name = "notices"
    tables = (NOTICES,)
    keyed = (NOTICES,)

    @on(
        Notice.Queued,
        en="Notice to the customer queued: {template.en}, by {channel.en}",
        zh="客户通知已排队：{template.zh}（{channel.zh}）",
    )
    def queued(self, event: Notice.Queued, _entry: Entry, batch: Batch) -> None:
        """Insert the notice."""
        batch.put(
            NOTICES,
            NoticeRow(
                id=event.originator_id,
                case_id=event.case,
                case_number=event.case_number,
                template=event.template.value,
                channel=event.channel.value,
                language=event.language.value,
                state=NoticeState.QUEUED.value,
                attempts=0,
                queued_at=event.meta.occurred_at,
                sent_at=None,
                failed_at=None,
                problem=None,
                sender=None,
                reference=None,
                version=event.originator_version,
            ),
        )

    @on(
        Notice.Sent,
        en="Notice to the customer sent, attempt {attempts}",
        zh="客户通知已发送（第{attempts}次尝试）",
    )
    def sent(self, event: Notice.Sent, _entry: Entry, batch: Batch) -> None:
        """Note that it was taken."""
        row = _moved(event, NoticeState.SENT, batch)
        row.sent_at = event.meta.occurred_at
        row.attempts, row.sender, row.reference = event.attempts, event.sender, event.reference

    @on(
        Notice.Failed,
        en="Notice to the customer failed: {problem.en}",
        zh="客户通知发送失败：{problem.zh}",
    )
    def failed(self, event: Notice.Failed, _entry: Entry, batch: Batch) -> None:
        """Note why it will not be delivered."""
        row = _moved(event, NoticeState.FAILED, batch)
        row.failed_at = event.meta.occurred_at
        row.attempts, row.problem = event.attempts, event.problem.value

    @on(
        Notice.InDoubt,
        en="Notice to the customer handed over, but never confirmed",
        zh="客户通知已交出但未收到确认",
    )
    def in_doubt(self, event: Notice.InDoubt, _entry: Entry, batch: Batch) -> None:
        """Note by which reference a person can ask for it."""
        row = _moved(event, NoticeState.IN_DOUBT, batch)
        row.attempts, row.sender, row.reference = event.attempts, event.sender, event.reference

    @on(
        Notice.DoubtResolved,
        en="A person found out about the notice to the customer: {finding.en}",
        zh="人工核实客户通知：{finding.zh}",
    )
    def doubt_resolved(self, event: Notice.DoubtResolved, _entry: Entry, batch: Batch) -> None:
        """Note what a person found out."""
        delivered = event.finding is NoticeFinding.DELIVERED
        row = _moved(event, NoticeState.SENT if delivered else NoticeState.QUEUED, batch)
        row.sent_at = event.meta.occurred_at if delivered else None


def _moved(
    event: Notice.Sent | Notice.Failed | Notice.InDoubt | Notice.DoubtResolved,
    state: NoticeState,
    batch: Batch,
) -> NoticeRow:
    row = batch.change(NOTICES, event.originator_id)
    row.state = state.value
    row.version = event.originator_version
    return row
