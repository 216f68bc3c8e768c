"""Commands about complaints: the intake, and what every other command begins with."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from application.desk import Desk
from application.dispatch import Command, handles
from domain.categories import Category
from domain.complaint import Complaint
from domain.complaint_policy import COMPLAINT_POLICY, ComplaintPolicy
from domain.complaint_words import Channel, Severity
from domain.errors import InvalidValueError, Rule
from domain.identifiers import Waybill, imported_id, shipment_id
from domain.metadata import Metadata
from domain.notifying import Language, NoticeChannel, language_of, notice_channel_for
from domain.personal import PersonalText, personal_text
from domain.roles import PersonId
from domain.service_level_policy import ServiceLevelPolicy, policy_code, policy_id
from domain.text import checked_text

NAME_LENGTH: Final = 200
CONTACT_LENGTH: Final = 200
SUBJECT_LENGTH: Final = 300
TEXT_LENGTH: Final = 20_000
REFERENCE_LENGTH: Final = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class ComplaintCommand(Command[UUID]):
    """An order about one complaint."""

    complaint: UUID


async def case_file(command: ComplaintCommand, desk: Desk) -> tuple[Complaint, Metadata]:
    """Load the complaint of a command, and say that it follows the policy its case keeps."""
    complaint = await desk.load(Complaint, command.complaint)
    return complaint, replace(desk.meta, policy=complaint.policy)


def said(complaint: Complaint, text: str, *, field: str, most: int = TEXT_LENGTH) -> PersonalText:
    """Check a text of a case; it belongs to the customer's personal data."""
    assert complaint.customer is not None  # every complaint begins with Received
    return personal_text(complaint.customer, text, field=field, max_length=most)


def perhaps_said(
    complaint: Complaint, text: str | None, *, field: str, most: int = TEXT_LENGTH
) -> PersonalText | None:
    """Check an optional text of a case."""
    return None if text is None else said(complaint, text, field=field, most=most)


@dataclass(frozen=True, kw_only=True, slots=True)
class ReceivedComplaint:
    """What is taken down when somebody complains (domain.md 2).

    Without a ``notice_channel`` or a ``language``, contact and facts suggest them.
    ``customer_reference`` is the caller's own stable reference of the customer, if there is one:
    complaints under the same reference belong to the same data subject. ``service_levels`` is the
    code of the policy that the customer's contract names.
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
    notice_channel: NoticeChannel | None = None
    language: Language | None = None
    seeks_compensation: bool = False
    service_levels: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class GivenAnswer:
    """What the customer was told at first contact, and when (aware)."""

    at: datetime
    answer: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ReceiveComplaint(Command[UUID]):
    """Take in a complaint."""

    received: ReceivedComplaint


@dataclass(frozen=True, kw_only=True, slots=True)
class ImportComplaint(Command[bool]):
    """Take over a complaint of the past, once per ``key``; answers whether it was new."""

    key: str
    received: ReceivedComplaint
    answered: GivenAnswer | None = None


@handles(ReceiveComplaint)
async def receive_complaint(command: ReceiveComplaint, desk: Desk) -> UUID:
    """Take in a complaint under a new id and number."""
    complaint = desk.new(Complaint)
    await _receive(complaint, command.received, desk)
    desk.save(complaint)
    return complaint.id


@handles(ImportComplaint)
async def import_complaint(command: ImportComplaint, desk: Desk) -> bool:
    """Take in a complaint of the past, and its answer, under the id that follows from its key."""
    source = desk.meta.source.name
    if source is None:
        raise InvalidValueError("source", Rule.REQUIRED)
    stream = imported_id("complaint", source, command.key)
    complaint = await desk.load_or_blank(Complaint, stream)
    if complaint.version:
        return False
    await _receive(complaint, command.received, desk)
    if command.answered is not None:
        _answer(complaint, command.answered, desk)
    desk.save(complaint)
    return True


async def _receive(complaint: Complaint, received: ReceivedComplaint, desk: Desk) -> None:
    reference = received.customer_reference
    customer = desk.new_customer() if reference is None else desk.known_customer(reference)
    partner_reference = received.partner_reference
    if partner_reference is not None:
        partner_reference = checked_text(
            partner_reference, field="partnerReference", max_length=REFERENCE_LENGTH
        )
    waybill = received.waybill
    policy = await desk.consult(ComplaintPolicy, COMPLAINT_POLICY)
    version = policy.in_force(desk.meta.occurred_at).version
    complaint.receive(
        replace(desk.meta, policy=version),
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
        notice_channel=received.notice_channel or notice_channel_for(received.contact),
        language=received.language or language_of(received.facts),
        seeks_compensation=received.seeks_compensation,
        service_levels=await _named_policy(received.service_levels, desk),
        # Last, so that no number is spent on a complaint that a rule refuses.
        number=await desk.complaint_number(desk.meta.occurred_at),
    )


def _answer(complaint: Complaint, answered: GivenAnswer, desk: Desk) -> None:
    """Answer at the time of the past; before the receipt the aggregate refuses it."""
    if answered.at > desk.latest:
        raise InvalidValueError("answeredAt", Rule.IN_THE_FUTURE)
    meta = replace(desk.meta, occurred_at=answered.at.astimezone(UTC), policy=complaint.policy)
    complaint.answer(said(complaint, answered.answer, field="answer"), meta)


async def _named_policy(code: str | None, desk: Desk) -> str | None:
    """Check that there is such a service-level policy; a partner's follows from its account."""
    if code is None:
        return None
    if desk.caller.partner is not None:
        raise InvalidValueError("serviceLevels", Rule.NOT_IN_LIST, "null")
    stream = policy_id(policy_code(code, field="serviceLevels"))
    policy = await desk.consult(ServiceLevelPolicy, stream)
    if not policy.version:
        raise InvalidValueError("serviceLevels", Rule.NOT_IN_LIST, "serviceLevelPolicies")
    return code
