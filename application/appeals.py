"""Commands about appeals."""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from application.complaints import TEXT_LENGTH
from application.desk import Desk
from application.dispatch import Command, handles
from application.organisation import require_unit
from domain.appeal import Appeal, AppealAuthority, AppealLiability, appeal_id
from domain.categories import Category
from domain.complaint import Complaint
from domain.complaint_words import Measure, RuleSource
from domain.errors import (
    AlreadyAppealedError,
    InvalidValueError,
    MergedCaseError,
    NotFoundError,
    Rule,
)
from domain.organisation import UnitKind
from domain.personal import PersonalText, personal_text
from domain.text import checked_text, code

RULE_LENGTH: Final = 300


@dataclass(frozen=True, kw_only=True, slots=True)
class ReceiveAppeal(Command[UUID]):
    """Take in what an authority handed on about a complaint; ``reference`` is the authority's."""

    complaint: UUID
    authority: AppealAuthority
    reference: str
    cause: Category
    facts: str


@dataclass(frozen=True, kw_only=True, slots=True)
class AppealCommand(Command[UUID]):
    """An order about one appeal."""

    appeal: UUID


@dataclass(frozen=True, kw_only=True, slots=True)
class RecordAppealFinding(AppealCommand):
    """Say whether it is valid, and why."""

    valid: bool
    finding: str


@dataclass(frozen=True, kw_only=True, slots=True)
class DetermineAppealLiability(AppealCommand):
    """Say who is liable, by which rule, and which department is responsible."""

    liability: AppealLiability
    department: str | None = None
    rule_source: RuleSource
    rule: str


@dataclass(frozen=True, kw_only=True, slots=True)
class SettleAppeal(AppealCommand):
    """Say what is done about it."""

    measures: tuple[Measure, ...]
    note: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class AnswerAppeal(AppealCommand):
    """Tell the authority the outcome."""

    answer: str


@dataclass(frozen=True, kw_only=True, slots=True)
class WithdrawAppeal(AppealCommand):
    """Note that the customer withdrew it with the authority."""


@handles(ReceiveAppeal)
async def receive_appeal(command: ReceiveAppeal, desk: Desk) -> UUID:
    """Take it in under the id that follows from authority and reference, once."""
    complaint = await desk.consult(Complaint, command.complaint)
    if not complaint.version:
        raise NotFoundError(Complaint.KIND, str(command.complaint))
    if complaint.merged_into is not None:
        raise MergedCaseError(complaint.id, complaint.merged_into)
    complaint.refuse_accused(desk.meta.actor)
    assert complaint.customer is not None  # every complaint begins with Received
    assert complaint.received_at is not None
    if desk.meta.occurred_at < complaint.received_at:
        raise InvalidValueError("occurredAt", Rule.BEFORE, complaint.received_at.isoformat())
    reference = code(command.reference, field="reference")
    facts = personal_text(complaint.customer, command.facts, field="facts", max_length=TEXT_LENGTH)
    appeal = await _not_received_yet(appeal_id(command.authority, reference), desk)
    appeal.receive(
        desk.meta,
        complaint=complaint.id,
        customer=complaint.customer,
        authority=command.authority,
        reference=reference,
        cause=command.cause,
        facts=facts,
        department=complaint.department,
        region=complaint.region,
        outlet=complaint.outlet,
        partner=complaint.partner,
        # Last, so that no number is spent on an appeal that a rule refuses.
        number=await desk.appeal_number(desk.meta.occurred_at),
    )
    desk.save(appeal)
    return appeal.id


@handles(RecordAppealFinding)
async def record_appeal_finding(command: RecordAppealFinding, desk: Desk) -> UUID:
    """Load, record, save."""
    appeal = await _appeal_of(command, desk)
    finding = _said(appeal, command.finding, field="finding")
    appeal.record_finding(finding, valid=command.valid, meta=desk.meta)
    desk.save(appeal)
    return appeal.id


@handles(DetermineAppealLiability)
async def determine_appeal_liability(command: DetermineAppealLiability, desk: Desk) -> UUID:
    """Determine it; a department that is named must exist at that time."""
    appeal = await _appeal_of(command, desk)
    appeal.determine_liability(
        command.liability,
        desk.meta,
        department=command.department,
        rule_source=command.rule_source,
        rule=checked_text(command.rule, field="rule", max_length=RULE_LENGTH),
    )
    if command.department is not None:
        await require_unit(desk, UnitKind.DEPARTMENT, command.department, desk.meta.occurred_at)
    desk.save(appeal)
    return appeal.id


@handles(SettleAppeal)
async def settle_appeal(command: SettleAppeal, desk: Desk) -> UUID:
    """Load, settle, save."""
    appeal = await _appeal_of(command, desk)
    note = None if command.note is None else _said(appeal, command.note, field="note")
    appeal.settle(command.measures, note, desk.meta)
    desk.save(appeal)
    return appeal.id


@handles(AnswerAppeal)
async def answer_appeal(command: AnswerAppeal, desk: Desk) -> UUID:
    """Load, answer, save."""
    appeal = await _appeal_of(command, desk)
    appeal.answer(_said(appeal, command.answer, field="answer"), desk.meta)
    desk.save(appeal)
    return appeal.id


@handles(WithdrawAppeal)
async def withdraw_appeal(command: WithdrawAppeal, desk: Desk) -> UUID:
    """Load, withdraw, save."""
    appeal = await _appeal_of(command, desk)
    appeal.withdraw(desk.meta)
    desk.save(appeal)
    return appeal.id


async def _not_received_yet(stream: UUID, desk: Desk) -> Appeal:
    """Return the blank appeal; one that is out of the caller's reach is there all the same."""
    try:
        appeal = await desk.load_or_blank(Appeal, stream)
    except NotFoundError as hidden:
        raise AlreadyAppealedError(stream) from hidden
    appeal.refuse_second()
    return appeal


async def _appeal_of(command: AppealCommand, desk: Desk) -> Appeal:
    """Load the appeal of a command; who is complained about in its case never acts on it.

    The case is the complaint's and, after a merger, that of the complaint in which it goes on.
    """
    appeal = await desk.load(Appeal, command.appeal)
    case = appeal.complaint
    while case is not None:
        complaint = await desk.consult(Complaint, case, beyond_reach=True)
        complaint.refuse_accused(desk.meta.actor)
        case = complaint.merged_into
    return appeal


def _said(appeal: Appeal, text: str, *, field: str) -> PersonalText:
    """Check a text of an appeal; it belongs to the customer's personal data."""
    assert appeal.customer is not None  # every appeal begins with Received
    return personal_text(appeal.customer, text, field=field, max_length=TEXT_LENGTH)
