"""Commands about complaints."""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from application.desk import Desk
from application.dispatch import Command, handles
from domain.categories import Category
from domain.complaint import Complaint
from domain.complaint_words import Channel, Severity
from domain.errors import InvalidValueError, Rule
from domain.identifiers import Waybill, imported_id, shipment_id
from domain.personal import personal_text
from domain.rating import Score
from domain.roles import PersonId
from domain.text import checked_text

NAME_LENGTH: Final = 200
CONTACT_LENGTH: Final = 200
SUBJECT_LENGTH: Final = 300
TEXT_LENGTH: Final = 20_000
REFERENCE_LENGTH: Final = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class ReceivedComplaint:
    """What is taken down when somebody complains (domain.md 2).

    ``customer_reference`` is the caller's own stable reference of the customer, if there is one:
    complaints under the same reference belong to the same data subject.
    """

    channel: Channel
    category: Category
    severity: Severity = Severity.GENERAL
    urgent: bool = False
    complainant: str
    contact: str | None = None
    customer_reference: str | None = None
    subject: str
    facts: str
    request: str | None = None
    waybill: Waybill | None = None
    region: str | None = None
    outlet: str | None = None
    accused: PersonId | None = None
    partner_reference: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ReceiveComplaint(Command[UUID]):
    """Take in a complaint."""

    received: ReceivedComplaint


@dataclass(frozen=True, kw_only=True, slots=True)
class ImportComplaint(Command[bool]):
    """Take over a complaint of the past, once per ``key``; answers whether it was new."""

    key: str
    received: ReceivedComplaint


@dataclass(frozen=True, kw_only=True, slots=True)
class RegisterComplaint(Command[UUID]):
    """Open the case after screening."""

    complaint: UUID


@dataclass(frozen=True, kw_only=True, slots=True)
class DeclineComplaint(Command[UUID]):
    """Say, with an explanation to the customer, that it is no complaint."""

    complaint: UUID
    explanation: str


@dataclass(frozen=True, kw_only=True, slots=True)
class AssignComplaint(Command[UUID]):
    """Hand the case to a department, and perhaps to a person of it."""

    complaint: UUID
    department: str
    handler: PersonId | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class AnswerComplaint(Command[UUID]):
    """Tell the customer the outcome."""

    complaint: UUID
    answer: str


@dataclass(frozen=True, kw_only=True, slots=True)
class CloseComplaint(Command[UUID]):
    """End the case."""

    complaint: UUID


@dataclass(frozen=True, kw_only=True, slots=True)
class RateHandling(Command[UUID]):
    """Take the customer's rating of the handling."""

    complaint: UUID
    score: Score
    comment: str | None = None


@handles(ReceiveComplaint)
async def receive_complaint(command: ReceiveComplaint, desk: Desk) -> UUID:
    """Take in a complaint under a new id and number."""
    complaint = desk.new(Complaint)
    await _receive(complaint, command.received, desk)
    return complaint.id


@handles(ImportComplaint)
async def import_complaint(command: ImportComplaint, desk: Desk) -> bool:
    """Take in a complaint of the past under the id that follows from its key."""
    source = desk.meta.source.name
    if source is None:
        raise InvalidValueError("source", Rule.REQUIRED)
    stream = imported_id("complaint", source, command.key)
    complaint = await desk.load_or_blank(Complaint, stream)
    if complaint.version:
        return False
    await _receive(complaint, command.received, desk)
    return True


@handles(RegisterComplaint)
async def register_complaint(command: RegisterComplaint, desk: Desk) -> UUID:
    """Load, register, save."""
    complaint = await desk.load(Complaint, command.complaint)
    complaint.register(desk.meta)
    desk.save(complaint)
    return complaint.id


@handles(DeclineComplaint)
async def decline_complaint(command: DeclineComplaint, desk: Desk) -> UUID:
    """Load, decline, save."""
    complaint = await desk.load(Complaint, command.complaint)
    explanation = personal_text(
        _customer(complaint), command.explanation, field="explanation", max_length=TEXT_LENGTH
    )
    complaint.decline(explanation, desk.meta)
    desk.save(complaint)
    return complaint.id


@handles(AssignComplaint)
async def assign_complaint(command: AssignComplaint, desk: Desk) -> UUID:
    """Load, assign, save."""
    complaint = await desk.load(Complaint, command.complaint)
    complaint.assign(command.department, command.handler, desk.meta)
    desk.save(complaint)
    return complaint.id


@handles(AnswerComplaint)
async def answer_complaint(command: AnswerComplaint, desk: Desk) -> UUID:
    """Load, answer, save."""
    complaint = await desk.load(Complaint, command.complaint)
    answer = personal_text(
        _customer(complaint), command.answer, field="answer", max_length=TEXT_LENGTH
    )
    complaint.answer(answer, desk.meta)
    desk.save(complaint)
    return complaint.id


@handles(CloseComplaint)
async def close_complaint(command: CloseComplaint, desk: Desk) -> UUID:
    """Load, close, save."""
    complaint = await desk.load(Complaint, command.complaint)
    complaint.close(desk.meta)
    desk.save(complaint)
    return complaint.id


@handles(RateHandling)
async def rate_handling(command: RateHandling, desk: Desk) -> UUID:
    """Load, rate, save."""
    complaint = await desk.load(Complaint, command.complaint)
    comment = desk.personal(
        _customer(complaint), command.comment, field="comment", max_length=TEXT_LENGTH
    )
    complaint.rate(command.score, comment, desk.meta)
    desk.save(complaint)
    return complaint.id


async def _receive(complaint: Complaint, received: ReceivedComplaint, desk: Desk) -> None:
    reference = received.customer_reference
    customer = desk.new_customer() if reference is None else desk.known_customer(reference)
    partner_reference = received.partner_reference
    if partner_reference is not None:
        partner_reference = checked_text(
            partner_reference, field="partnerReference", max_length=REFERENCE_LENGTH
        )
    waybill = received.waybill
    complaint.receive(
        desk.meta,
        channel=received.channel,
        category=received.category,
        severity=received.severity,
        urgent=received.urgent,
        customer=customer,
        complainant=personal_text(
            customer, received.complainant, field="complainant", max_length=NAME_LENGTH
        ),
        contact=desk.personal(
            customer, received.contact, field="contact", max_length=CONTACT_LENGTH
        ),
        subject=personal_text(
            customer, received.subject, field="subject", max_length=SUBJECT_LENGTH
        ),
        facts=personal_text(customer, received.facts, field="facts", max_length=TEXT_LENGTH),
        request=desk.personal(customer, received.request, field="request", max_length=TEXT_LENGTH),
        waybill=waybill,
        shipment=None if waybill is None else shipment_id(waybill),
        region=received.region,
        outlet=received.outlet,
        accused=received.accused,
        partner=desk.caller.partner,
        partner_reference=partner_reference,
        # Last, so that no number is spent on a complaint that a rule refuses.
        number=await desk.complaint_number(desk.meta.occurred_at),
    )
    desk.save(complaint)


def _customer(complaint: Complaint) -> UUID:
    assert complaint.customer is not None  # every complaint begins with Received
    return complaint.customer
