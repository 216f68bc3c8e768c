"""A notice (通知) to a customer about their complaint. Source: domain.md 2, progress notices; 13.

queued -> sent | failed | in doubt (handed over, but the confirmation never came)
in doubt -> sent | failed, when the confirmation comes late; or a person finds out:
            it was delivered -> sent; it was not -> queued again

It holds nobody's address and no text: both stay, encrypted, in the events of the complaint.
"""

from collections.abc import Mapping
from typing import Final
from uuid import UUID, uuid5

from domain.aggregate import Aggregate, DomainEvent, event
from domain.errors import WrongStateError
from domain.identifiers import NAMESPACE
from domain.labels import Labelled
from domain.metadata import Metadata
from domain.notifying import Language, NoticeChannel


class NoticeTemplate(Labelled):
    """What a notice tells the customer."""

    RECEIVED = "received", "receipt", "受理回执"
    REGISTERED = "registered", "registration", "立案通知"
    DECLINED = "declined", "explanation why it is no complaint", "不予立案说明"
    WAITING = "waiting", "question to the customer", "补充材料请求"
    FEEDBACK = "feedback", "how the case stands", "进展反馈"
    PROPOSED = "proposed", "proposed resolution", "处理方案"
    ANSWERED = "answered", "answer", "处理答复"
    REMEDY = "remedy", "remedy carried out", "措施落实通知"
    CLOSED = "closed", "result, and invitation to rate", "结案通知与评价邀请"
    REOPENED = "reopened", "reopening", "重新处理通知"
    DISPUTED = "disputed", "objection received", "异议受理通知"
    WITHDRAWN = "withdrawn", "confirmation of the withdrawal", "撤诉确认"
    MERGED = "merged", "merging with another complaint", "合并处理通知"
    ESCALATED = "escalated", "escalation", "升级处理通知"
    PROGRESS = "progress", "regular progress notice", "定期进度通知"


class NoticeState(Labelled):
    """Where the delivery of a notice stands."""

    BLANK = "blank", "not queued yet", "未排队"
    QUEUED = "queued", "queued", "待发送"
    SENT = "sent", "sent", "已发送"
    FAILED = "failed", "failed", "发送失败"
    IN_DOUBT = "in_doubt", "in doubt", "送达情况不明"


class NoticeProblem(Labelled):
    """Why a notice could not be delivered."""

    REFUSED = "refused", "refused for good by the server", "服务器拒收"
    UNDELIVERABLE = "undeliverable", "no such recipient", "收件人不存在"
    NO_ADDRESS = "no_address", "no usable address", "无可用联系方式"
    ERASED = "erased", "the customer's data was erased", "客户数据已删除"
    GAVE_UP = "gave_up", "no server took it in time", "多次重试未成功"


class NoticeFinding(Labelled):
    """What a person found out about a notice in doubt."""

    DELIVERED = "delivered", "delivered", "已送达"
    NOT_DELIVERED = "not_delivered", "not delivered, so it is sent again", "未送达，将重新发送"


ALLOWED_IN: Final[Mapping[str, frozenset[NoticeState]]] = {
    "queue": frozenset({NoticeState.BLANK}),
    "record_sent": frozenset({NoticeState.QUEUED, NoticeState.IN_DOUBT}),
    "record_failed": frozenset({NoticeState.QUEUED, NoticeState.IN_DOUBT}),
    "record_in_doubt": frozenset({NoticeState.QUEUED}),
    "resolve_doubt": frozenset({NoticeState.IN_DOUBT}),
}
"""The life cycle as a table: in which states a command is allowed."""


def notice_id(case: UUID, occasion: str) -> UUID:
    """Return the id of the one notice that a case sends on an occasion.

    An occasion is ``v7`` (the seventh event of the complaint) or ``interval:2026-03-05``.
    """
    return uuid5(NAMESPACE, f"notice:{case}:{occasion}")


class Notice(Aggregate):
    """One message to one customer."""

    KIND = "notice"

    class Queued(DomainEvent):
        """The customer is to be told something about their complaint."""

        TOPIC = "notice.queued"
        LINKS = ("case",)
        case: UUID
        case_number: str
        occasion: str
        template: NoticeTemplate
        channel: NoticeChannel
        language: Language

    class Sent(DomainEvent):
        """It was handed over, and whoever took it confirmed that."""

        TOPIC = "notice.sent"
        sender: str
        attempts: int
        reference: str | None = None

    class Failed(DomainEvent):
        """It will not be delivered."""

        TOPIC = "notice.failed"
        problem: NoticeProblem
        attempts: int

    class InDoubt(DomainEvent):
        """It was handed over, but the confirmation never came: it is not sent again by itself."""

        TOPIC = "notice.in_doubt"
        sender: str
        attempts: int
        reference: str | None = None

    class DoubtResolved(DomainEvent):
        """A person found out whether it was delivered; if not, it is sent again."""

        TOPIC = "notice.doubt_resolved"
        finding: NoticeFinding

    state: NoticeState

    def begin(self) -> None:
        """Nothing was queued yet."""
        self.state = NoticeState.BLANK

    def queue(
        self,
        meta: Metadata,
        *,
        case: UUID,
        case_number: str,
        occasion: str,
        template: NoticeTemplate,
        channel: NoticeChannel,
        language: Language,
    ) -> None:
        """Order it to be sent."""
        self._require("queue")
        self._queued(
            case=case,
            case_number=case_number,
            occasion=occasion,
            template=template,
            channel=channel,
            language=language,
            meta=meta,
        )

    def record_sent(
        self, sender: str, attempts: int, reference: str | None, meta: Metadata
    ) -> None:
        """Note that it was taken; the confirmation may come when it was in doubt already."""
        self._require("record_sent")
        self._sent(sender=sender, attempts=attempts, reference=reference, meta=meta)

    def record_failed(self, problem: NoticeProblem, attempts: int, meta: Metadata) -> None:
        """Note that it will not be delivered, and why."""
        self._require("record_failed")
        self._failed(problem=problem, attempts=attempts, meta=meta)

    def record_in_doubt(
        self, sender: str, attempts: int, reference: str | None, meta: Metadata
    ) -> None:
        """Note that nobody knows whether it was taken."""
        self._require("record_in_doubt")
        self._in_doubt(sender=sender, attempts=attempts, reference=reference, meta=meta)

    def resolve_doubt(self, *, delivered: bool, meta: Metadata) -> None:
        """Take a person's word for whether it was delivered."""
        self._require("resolve_doubt")
        finding = NoticeFinding.DELIVERED if delivered else NoticeFinding.NOT_DELIVERED
        self._doubt_resolved(finding=finding, meta=meta)

    def _require(self, command: str) -> None:
        if self.state not in ALLOWED_IN[command]:
            raise WrongStateError(command, self.state)

    @event(Queued)
    def _queued(
        self,
        case: UUID,
        case_number: str,
        occasion: str,
        template: NoticeTemplate,
        channel: NoticeChannel,
        language: Language,
        meta: Metadata,
    ) -> None:
        self.state = NoticeState.QUEUED

    @event(Sent)
    def _sent(self, sender: str, attempts: int, reference: str | None, meta: Metadata) -> None:
        self.state = NoticeState.SENT

    @event(Failed)
    def _failed(self, problem: NoticeProblem, attempts: int, meta: Metadata) -> None:
        self.state = NoticeState.FAILED

    @event(InDoubt)
    def _in_doubt(self, sender: str, attempts: int, reference: str | None, meta: Metadata) -> None:
        self.state = NoticeState.IN_DOUBT

    @event(DoubtResolved)
    def _doubt_resolved(self, finding: NoticeFinding, meta: Metadata) -> None:
        self.state = NoticeState.SENT if finding is NoticeFinding.DELIVERED else NoticeState.QUEUED
