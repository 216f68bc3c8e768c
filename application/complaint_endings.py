"""Commands about complaints: closing, rating, reopening, disputing, withdrawing, merging."""

from dataclasses import dataclass
from uuid import UUID

from application.complaints import ComplaintCommand, case_file, perhaps_said, said
from application.desk import Desk
from application.dispatch import handles
from domain.complaint import Complaint
from domain.complaint_policy import COMPLAINT_POLICY, ComplaintPolicy
from domain.errors import NotFoundError
from domain.rating import Score


@dataclass(frozen=True, kw_only=True, slots=True)
class CloseComplaint(ComplaintCommand):
    """End the case."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RateHandling(ComplaintCommand):
    """Take the customer's rating of the handling."""

    score: Score
    comment: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ReopenComplaint(ComplaintCommand):
    """Open a closed case again."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DisputeAnswer(ComplaintCommand):
    """Take down that the customer does not accept the answer."""

    objection: str


@dataclass(frozen=True, kw_only=True, slots=True)
class WithdrawComplaint(ComplaintCommand):
    """Take down that the customer takes the complaint back."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MergeComplaint(ComplaintCommand):
    """Merge a duplicate into another complaint."""

    into: UUID


@handles(CloseComplaint)
async def close_complaint(command: CloseComplaint, desk: Desk) -> UUID:
    """Load, close, save."""
    complaint, meta = await case_file(command, desk)
    complaint.close(meta)
    desk.save(complaint)
    return complaint.id


@handles(RateHandling)
async def rate_handling(command: RateHandling, desk: Desk) -> UUID:
    """Load, rate, save."""
    complaint, meta = await case_file(command, desk)
    comment = perhaps_said(complaint, command.comment, field="comment")
    complaint.rate(command.score, comment, meta)
    desk.save(complaint)
    return complaint.id


@handles(ReopenComplaint)
async def reopen_complaint(command: ReopenComplaint, desk: Desk) -> UUID:
    """Load, reopen within the days of the policy that the case keeps, save."""
    complaint, meta = await case_file(command, desk)
    policy = await desk.consult(ComplaintPolicy, COMPLAINT_POLICY)
    complaint.reopen(policy.terms_of(complaint.policy).reopen_days, meta)
    desk.save(complaint)
    return complaint.id


@handles(DisputeAnswer)
async def dispute_answer(command: DisputeAnswer, desk: Desk) -> UUID:
    """Load, dispute, save."""
    complaint, meta = await case_file(command, desk)
    complaint.dispute(said(complaint, command.objection, field="objection"), meta)
    desk.save(complaint)
    return complaint.id


@handles(WithdrawComplaint)
async def withdraw_complaint(command: WithdrawComplaint, desk: Desk) -> UUID:
    """Load, withdraw, save."""
    complaint, meta = await case_file(command, desk)
    complaint.withdraw(meta)
    desk.save(complaint)
    return complaint.id


@handles(MergeComplaint)
async def merge_complaint(command: MergeComplaint, desk: Desk) -> UUID:
    """Load both, merge, save both or neither."""
    complaint, meta = await case_file(command, desk)
    if command.into == complaint.id:
        into = complaint
    else:
        into = await desk.load_or_blank(Complaint, command.into)
        if not into.version:
            raise NotFoundError(Complaint.KIND, str(command.into))
        desk.check_reach(into)
    complaint.merge(into, meta)
    desk.save(complaint, into)
    return complaint.id
