"""Commands about complaints: the steps from screening to the follow-up."""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from application.complaints import ComplaintCommand, case_file, perhaps_said, said
from application.desk import Desk
from application.dispatch import handles
from application.organisation import require_unit
from application.staff import require_role
from domain.complaint_words import FollowUpOutcome, Measure, RuleSource
from domain.organisation import UnitKind
from domain.roles import PersonId
from domain.text import checked_text

RULE_LENGTH: Final = 300
FEASIBILITY_LENGTH: Final = 2_000


@dataclass(frozen=True, kw_only=True, slots=True)
class RegisterComplaint(ComplaintCommand):
    """Open the case after screening."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DeclineComplaint(ComplaintCommand):
    """Say, with an explanation to the customer, that it is no complaint."""

    explanation: str


@dataclass(frozen=True, kw_only=True, slots=True)
class AssignComplaint(ComplaintCommand):
    """Hand the case to a department, and perhaps to a person of it."""

    department: str
    handler: PersonId | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class StartInvestigation(ComplaintCommand):
    """Begin to find out what happened."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RecordInvestigation(ComplaintCommand):
    """Note what was found out."""

    finding: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ProposeResolution(ComplaintCommand):
    """Propose a resolution that names its rule, its measures, and why it is feasible."""

    rule_source: RuleSource
    rule: str
    measures: tuple[Measure, ...]
    proposal: str
    feasibility: str


@dataclass(frozen=True, kw_only=True, slots=True)
class AgreeResolution(ComplaintCommand):
    """Note that the customer agrees to the resolution."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RejectResolution(ComplaintCommand):
    """Note that the customer does not agree to the resolution."""

    objection: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class AnswerComplaint(ComplaintCommand):
    """Tell the customer the outcome."""

    answer: str


@dataclass(frozen=True, kw_only=True, slots=True)
class CarryOutRemedy(ComplaintCommand):
    """Note which measures were carried out; none named: all that are left."""

    measures: tuple[Measure, ...] = ()
    note: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class FollowUpComplaint(ComplaintCommand):
    """Note what the customer said afterwards."""

    outcome: FollowUpOutcome
    note: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class WaitForCustomer(ComplaintCommand):
    """Ask the customer for something without which the case cannot go on."""

    asked: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ResumeComplaint(ComplaintCommand):
    """Go on with a case that waited."""

    customer_answered: bool = True


@handles(RegisterComplaint)
async def register_complaint(command: RegisterComplaint, desk: Desk) -> UUID:
    """Load, register, save."""
    complaint, meta = await case_file(command, desk)
    complaint.register(meta)
    desk.save(complaint)
    return complaint.id


@handles(DeclineComplaint)
async def decline_complaint(command: DeclineComplaint, desk: Desk) -> UUID:
    """Load, decline, save."""
    complaint, meta = await case_file(command, desk)
    complaint.decline(said(complaint, command.explanation, field="explanation"), meta)
    desk.save(complaint)
    return complaint.id


@handles(AssignComplaint)
async def assign_complaint(command: AssignComplaint, desk: Desk) -> UUID:
    """Load, assign to a department and a person that the organisation had then, save."""
    complaint, meta = await case_file(command, desk)
    complaint.assign(command.department, command.handler, meta)
    await require_unit(desk, UnitKind.DEPARTMENT, command.department, meta.occurred_at)
    if command.handler is not None:
        await require_role(desk, command.handler, meta.occurred_at)
    desk.save(complaint)
    return complaint.id


@handles(StartInvestigation)
async def start_investigation(command: StartInvestigation, desk: Desk) -> UUID:
    """Load, start, save."""
    complaint, meta = await case_file(command, desk)
    complaint.start_investigation(meta)
    desk.save(complaint)
    return complaint.id


@handles(RecordInvestigation)
async def record_investigation(command: RecordInvestigation, desk: Desk) -> UUID:
    """Load, note, save."""
    complaint, meta = await case_file(command, desk)
    complaint.record_investigation(said(complaint, command.finding, field="finding"), meta)
    desk.save(complaint)
    return complaint.id


@handles(ProposeResolution)
async def propose_resolution(command: ProposeResolution, desk: Desk) -> UUID:
    """Load, propose, save."""
    complaint, meta = await case_file(command, desk)
    complaint.propose_resolution(
        meta,
        rule_source=command.rule_source,
        rule=checked_text(command.rule, field="rule", max_length=RULE_LENGTH),
        measures=command.measures,
        proposal=said(complaint, command.proposal, field="proposal"),
        feasibility=checked_text(
            command.feasibility, field="feasibility", max_length=FEASIBILITY_LENGTH
        ),
    )
    desk.save(complaint)
    return complaint.id


@handles(AgreeResolution)
async def agree_resolution(command: AgreeResolution, desk: Desk) -> UUID:
    """Load, agree, save."""
    complaint, meta = await case_file(command, desk)
    complaint.agree_resolution(meta)
    desk.save(complaint)
    return complaint.id


@handles(RejectResolution)
async def reject_resolution(command: RejectResolution, desk: Desk) -> UUID:
    """Load, reject, save."""
    complaint, meta = await case_file(command, desk)
    objection = perhaps_said(complaint, command.objection, field="objection")
    complaint.reject_resolution(objection, meta)
    desk.save(complaint)
    return complaint.id


@handles(AnswerComplaint)
async def answer_complaint(command: AnswerComplaint, desk: Desk) -> UUID:
    """Load, answer, save."""
    complaint, meta = await case_file(command, desk)
    complaint.answer(said(complaint, command.answer, field="answer"), meta)
    desk.save(complaint)
    return complaint.id


@handles(CarryOutRemedy)
async def carry_out_remedy(command: CarryOutRemedy, desk: Desk) -> UUID:
    """Load, carry out, save."""
    complaint, meta = await case_file(command, desk)
    note = perhaps_said(complaint, command.note, field="note")
    complaint.carry_out_remedy(command.measures, note, meta)
    desk.save(complaint)
    return complaint.id


@handles(FollowUpComplaint)
async def follow_up_complaint(command: FollowUpComplaint, desk: Desk) -> UUID:
    """Load, follow up, save."""
    complaint, meta = await case_file(command, desk)
    note = perhaps_said(complaint, command.note, field="note")
    complaint.follow_up(command.outcome, note, meta)
    desk.save(complaint)
    return complaint.id


@handles(WaitForCustomer)
async def wait_for_customer(command: WaitForCustomer, desk: Desk) -> UUID:
    """Load, wait, save."""
    complaint, meta = await case_file(command, desk)
    complaint.wait_for_customer(said(complaint, command.asked, field="asked"), meta)
    desk.save(complaint)
    return complaint.id


@handles(ResumeComplaint)
async def resume_complaint(command: ResumeComplaint, desk: Desk) -> UUID:
    """Load, resume, save."""
    complaint, meta = await case_file(command, desk)
    complaint.resume(customer_answered=command.customer_answered, meta=meta)
    desk.save(complaint)
    return complaint.id
