"""The steps of a case in the schema: from the intake to the follow-up."""

from datetime import datetime

import strawberry

from api.graphql.complaint_inputs import (
    ComplaintInput,
    common,
    complaint_command,
    given_or_none,
)
from application.complaint_work import (
    AgreeResolution,
    AnswerComplaint,
    AssignComplaint,
    CarryOutRemedy,
    DeclineComplaint,
    FollowUpComplaint,
    ProposeResolution,
    RecordInvestigation,
    RegisterComplaint,
    RejectResolution,
    ResumeComplaint,
    StartInvestigation,
    WaitForCustomer,
)
from application.complaints import ReceiveComplaint, ReceivedComplaint
from domain import identifiers
from domain.categories import Category
from domain.complaint_words import Channel, FollowUpOutcome, Measure, RuleSource, Severity
from domain.errors import (
    NoRoleAtThatTimeError,
    NotAgreedError,
    RemedyOutstandingError,
    ResolutionNeededError,
    UnitNotOpenError,
)
from domain.notifying import Language, NoticeChannel
from domain.roles import person_id
from domain.text import code


@strawberry.input
class ReceiveComplaintInput:
    """Who complains, of what, and what they ask for.

    Without a noticeChannel or a language, contact and facts suggest them. serviceLevels is the
    code of the service-level policy that the customer's contract names; partners cannot give it,
    since theirs follows from their account.
    """

    channel: Channel
    category: Category
    complainant: str
    subject: str
    facts: str
    severity: Severity = Severity.GENERAL
    urgent: bool = False
    contact: str | None = None
    customer_reference: str | None = None
    request: str | None = None
    waybill: str | None = None
    region: str | None = None
    outlet: str | None = None
    accused: str | None = None
    partner_reference: str | None = None
    notice_channel: NoticeChannel | None = None
    language: Language | None = None
    seeks_compensation: bool = False
    service_levels: str | None = None
    occurred_at: datetime | None = None
    reason: str | None = None


@strawberry.input
class DeclineComplaintInput(ComplaintInput):
    """The explanation that the customer gets."""

    explanation: str


@strawberry.input
class AssignComplaintInput(ComplaintInput):
    """The department, and perhaps the person, that takes over."""

    department: str
    handler: str | None = None


@strawberry.input
class RecordInvestigationInput(ComplaintInput):
    """What was found out."""

    finding: str


@strawberry.input
class ProposeResolutionInput(ComplaintInput):
    """The resolution: its rule, its measures, its text, and why it is feasible."""

    rule_source: RuleSource
    rule: str
    measures: list[Measure]
    proposal: str
    feasibility: str


@strawberry.input
class RejectResolutionInput(ComplaintInput):
    """What the customer objects."""

    objection: str | None = None


@strawberry.input
class AnswerComplaintInput(ComplaintInput):
    """What the customer is told."""

    answer: str


@strawberry.input
class CarryOutRemedyInput(ComplaintInput):
    """Which measures were carried out; none named: all that are left."""

    measures: list[Measure] = strawberry.field(default_factory=list)
    note: str | None = None


@strawberry.input
class FollowUpComplaintInput(ComplaintInput):
    """What the customer said afterwards."""

    outcome: FollowUpOutcome
    note: str | None = None


@strawberry.input
class WaitForCustomerInput(ComplaintInput):
    """What the customer is asked."""

    asked: str


@strawberry.input
class ResumeComplaintInput(ComplaintInput):
    """Whether the customer answered."""

    customer_answered: bool = True


def _receive(given: ReceiveComplaintInput) -> ReceiveComplaint:
    received = ReceivedComplaint(
        channel=given.channel,
        category=given.category,
        severity=given.severity,
        urgent=given.urgent,
        complainant=given.complainant,
        contact=given.contact,
        customer_reference=given.customer_reference,
        subject=given.subject,
        facts=given.facts,
        request=given.request,
        waybill=given_or_none(given.waybill, identifiers.waybill, "waybill"),
        region=given_or_none(given.region, code, "region"),
        outlet=given_or_none(given.outlet, code, "outlet"),
        accused=given_or_none(given.accused, person_id, "accused"),
        partner_reference=given.partner_reference,
        notice_channel=given.notice_channel,
        language=given.language,
        seeks_compensation=given.seeks_compensation,
        service_levels=given.service_levels,
    )
    return ReceiveComplaint(received=received, occurred_at=given.occurred_at, reason=given.reason)


@strawberry.type
class Mutation:
    """Commands that move a case on."""

    receive_complaint = complaint_command(
        "ReceiveComplaint", "Take in a complaint.", ReceiveComplaintInput, _receive
    )
    register_complaint = complaint_command(
        "RegisterComplaint",
        "Open the case after screening.",
        ComplaintInput,
        lambda given: RegisterComplaint(**common(given)),
    )
    decline_complaint = complaint_command(
        "DeclineComplaint",
        "Say, with an explanation, that it is no complaint.",
        DeclineComplaintInput,
        lambda given: DeclineComplaint(**common(given), explanation=given.explanation),
    )
    assign_complaint = complaint_command(
        "AssignComplaint",
        "Hand the case to the responsible department; a case that is further on keeps its step.",
        AssignComplaintInput,
        lambda given: AssignComplaint(
            **common(given),
            department=code(given.department, field="department"),
            handler=given_or_none(given.handler, person_id, "handler"),
        ),
        UnitNotOpenError,
        NoRoleAtThatTimeError,
    )
    start_investigation = complaint_command(
        "StartInvestigation",
        "Begin to find out what happened.",
        ComplaintInput,
        lambda given: StartInvestigation(**common(given)),
    )
    record_investigation = complaint_command(
        "RecordInvestigation",
        "Note what was found out.",
        RecordInvestigationInput,
        lambda given: RecordInvestigation(**common(given), finding=given.finding),
    )
    propose_resolution = complaint_command(
        "ProposeResolution",
        "Propose a resolution that names its rule and its measures; it pays nothing.",
        ProposeResolutionInput,
        lambda given: ProposeResolution(
            **common(given),
            rule_source=given.rule_source,
            rule=given.rule,
            measures=tuple(given.measures),
            proposal=given.proposal,
            feasibility=given.feasibility,
        ),
    )
    agree_resolution = complaint_command(
        "AgreeResolution",
        "Note that the customer agrees to the resolution.",
        ComplaintInput,
        lambda given: AgreeResolution(**common(given)),
        ResolutionNeededError,
    )
    reject_resolution = complaint_command(
        "RejectResolution",
        "Note that the customer does not agree: the investigation goes on.",
        RejectResolutionInput,
        lambda given: RejectResolution(**common(given), objection=given.objection),
    )
    answer_complaint = complaint_command(
        "AnswerComplaint",
        "Tell the customer the outcome; before any assignment it is a first-contact resolution.",
        AnswerComplaintInput,
        lambda given: AnswerComplaint(**common(given), answer=given.answer),
        ResolutionNeededError,
    )
    carry_out_remedy = complaint_command(
        "CarryOutRemedy",
        "Note which measures of the agreed resolution were carried out.",
        CarryOutRemedyInput,
        lambda given: CarryOutRemedy(
            **common(given), measures=tuple(given.measures), note=given.note
        ),
        ResolutionNeededError,
        NotAgreedError,
    )
    follow_up_complaint = complaint_command(
        "FollowUpComplaint",
        "Note what the customer said afterwards.",
        FollowUpComplaintInput,
        lambda given: FollowUpComplaint(**common(given), outcome=given.outcome, note=given.note),
        RemedyOutstandingError,
    )
    wait_for_customer = complaint_command(
        "WaitForCustomer",
        "Ask the customer for something without which the case cannot go on.",
        WaitForCustomerInput,
        lambda given: WaitForCustomer(**common(given), asked=given.asked),
    )
    resume_complaint = complaint_command(
        "ResumeComplaint",
        "Go on with a case that waited for the customer.",
        ResumeComplaintInput,
        lambda given: ResumeComplaint(**common(given), customer_answered=given.customer_answered),
    )
