"""Commands about notices to customers; all but the last are the system's own."""

from dataclasses import dataclass
from uuid import UUID

from application.desk import Desk
from application.dispatch import Command, handles
from domain.notice import Notice, NoticeProblem, NoticeTemplate, notice_id
from domain.notifying import Language, NoticeChannel


@dataclass(frozen=True, kw_only=True, slots=True)
class QueueNotice(Command[UUID]):
    """Order a notice, once for each occasion of a case."""

    case: UUID
    case_number: str
    occasion: str
    template: NoticeTemplate
    channel: NoticeChannel
    language: Language


@dataclass(frozen=True, kw_only=True, slots=True)
class RecordNoticeSent(Command[UUID]):
    """Note that a notice was taken by the server or the folder that it went to."""

    notice: UUID
    sender: str
    attempts: int
    reference: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class RecordNoticeFailed(Command[UUID]):
    """Note that a notice will not be delivered."""

    notice: UUID
    problem: NoticeProblem
    attempts: int


@dataclass(frozen=True, kw_only=True, slots=True)
class RecordNoticeInDoubt(Command[UUID]):
    """Note that a notice was handed over, but never confirmed."""

    notice: UUID
    sender: str
    attempts: int
    reference: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ResolveNoticeDoubt(Command[UUID]):
    """Say whether a notice in doubt was delivered; if not, it is sent again."""

    notice: UUID
    delivered: bool


@handles(QueueNotice)
async def queue_notice(command: QueueNotice, desk: Desk) -> UUID:
    """Queue it under the id of its occasion; one that is there stays as it is."""
    stream = notice_id(command.case, command.occasion)
    notice = await desk.load_or_blank(Notice, stream)
    if not notice.version:
        notice.queue(
            desk.meta,
            case=command.case,
            case_number=command.case_number,
            occasion=command.occasion,
            template=command.template,
            channel=command.channel,
            language=command.language,
        )
        desk.save(notice)
    return notice.id


@handles(RecordNoticeSent)
async def record_notice_sent(command: RecordNoticeSent, desk: Desk) -> UUID:
    """Load, record, save."""
    notice = await desk.load(Notice, command.notice)
    notice.record_sent(command.sender, command.attempts, command.reference, desk.meta)
    desk.save(notice)
    return notice.id


@handles(RecordNoticeFailed)
async def record_notice_failed(command: RecordNoticeFailed, desk: Desk) -> UUID:
    """Load, record, save."""
    notice = await desk.load(Notice, command.notice)
    notice.record_failed(command.problem, command.attempts, desk.meta)
    desk.save(notice)
    return notice.id


@handles(RecordNoticeInDoubt)
async def record_notice_in_doubt(command: RecordNoticeInDoubt, desk: Desk) -> UUID:
    """Load, record, save."""
    notice = await desk.load(Notice, command.notice)
    notice.record_in_doubt(command.sender, command.attempts, command.reference, desk.meta)
    desk.save(notice)
    return notice.id


@handles(ResolveNoticeDoubt)
async def resolve_notice_doubt(command: ResolveNoticeDoubt, desk: Desk) -> UUID:
    """Load, resolve, save."""
    notice = await desk.load(Notice, command.notice)
    notice.resolve_doubt(delivered=command.delivered, meta=desk.meta)
    desk.save(notice)
    return notice.id
