"""The file of a complaint: the intake, what is noted in it, and who is kept away from it."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from domain.categories import CATEGORIES, Category
from domain.complaint import Complaint
from domain.complaint_life import ALLOWED_IN, ComplaintState
from domain.complaint_words import (
    Channel,
    ChecklistOutcome,
    DemandedBy,
    LinkedKind,
    QualityStep,
    Severity,
)
from domain.errors import (
    ConflictOfInterestError,
    InvalidValueError,
    NotAQualityCaseError,
    Rule,
)
from domain.identifiers import Waybill
from domain.metadata import PolicyVersion
from domain.notifying import Language, NoticeChannel
from domain.roles import PersonId
from tests.domain.complaint_steps import (
    ACCUSED,
    CASE,
    COMMANDS,
    CUSTOMER,
    EVIDENCE,
    HANDLER,
    INTAKE,
    ITEM,
    SHIPMENT,
    TEXT,
    UNINVOLVED,
    WAYS,
    Step,
    adds_evidence,
    another,
    assign,
    assigns,
    because,
    escalates,
    give_feedback,
    links,
    mark_urgency,
    names_accused,
    reassesses,
    receive,
    receives,
    reclassifies,
    register,
    settles,
    supersedes,
    takes_quality_step,
    wait,
    way_to,
)

AT_INTAKE = datetime(2026, 3, 2, 1, 30, tzinfo=UTC)
REASON_REQUIRED = InvalidValueError("reason", Rule.REQUIRED)
QUALITY = receives(category=Category.PRODUCT_QUALITY)
GRAVITY = [Severity.GENERAL, Severity.SERIOUS, Severity.MAJOR]


# Intake


def test_what_is_received_is_recorded_as_it_was_said(scenario: Any) -> None:
    said = INTAKE | {
        "contact": TEXT,
        "request": TEXT,
        "waybill": Waybill("SF1234567890"),
        "shipment": SHIPMENT,
        "region": "east",
        "outlet": "outlet-3",
        "partner": "shop",
        "partner_reference": "A-1",
        "urgent": True,
        "notice_channel": NoticeChannel.SMS,
        "language": Language.ZH,
    }

    scenario(Complaint).when(receives(**said)).then(scenario.event(Complaint.Received, **said))


def test_what_is_not_said_is_recorded_as_unknown(scenario: Any) -> None:
    scenario(Complaint).when(receive).then(scenario.event(Complaint.Received, **INTAKE))


@pytest.mark.parametrize("channel", Channel)
@pytest.mark.parametrize("category", Category)
def test_a_complaint_of_every_category_is_received_over_every_channel(
    scenario: Any, channel: Channel, category: Category
) -> None:
    said = INTAKE | {"channel": channel, "category": category}

    scenario(Complaint).when(receives(**said)).then(scenario.event(Complaint.Received, **said))


def test_a_complaint_against_whoever_takes_it_in_is_not_turned_away(scenario: Any) -> None:
    scenario(Complaint).when(receive, actor=ACCUSED).then(
        scenario.event(Complaint.Received, **INTAKE, meta=scenario.meta(actor=ACCUSED))
    )


def test_a_case_keeps_the_policy_version_of_its_receipt(scenario: Any) -> None:
    policy = PolicyVersion(UUID(int=3), 4)
    complaint = Complaint(CASE)

    receive(complaint, scenario.meta(policy=policy))
    register(complaint, scenario.meta(policy=PolicyVersion(UUID(int=3), 5)))

    assert complaint.policy == policy


def test_a_case_knows_whose_it_is_and_which_shipment_it_is_about(scenario: Any) -> None:
    complaint = Complaint(CASE)

    receives(shipment=SHIPMENT, partner="shop")(complaint, scenario.meta())

    assert (complaint.customer, complaint.partner) == (CUSTOMER, "shop")
    assert complaint.shipment == SHIPMENT


def test_the_circumstances_of_the_command_are_those_of_the_event(scenario: Any) -> None:
    scenario(Complaint).given(receive).when(register, actor="agent-9", reason="clear case").then(
        scenario.event(
            Complaint.Registered, meta=scenario.meta(actor="agent-9", reason="clear case")
        )
    )


# Time


AFTER_RECEIPT = [
    (state, command)
    for command, states in ALLOWED_IN.items()
    if command != "receive"
    for state in sorted(states)
]


@pytest.mark.parametrize(("state", "command"), AFTER_RECEIPT)
def test_nothing_happens_to_a_complaint_before_it_was_received(
    scenario: Any, state: ComplaintState, command: str
) -> None:
    early = AT_INTAKE - timedelta(microseconds=1)

    scenario(Complaint).given(*way_to(state, command)).when(
        COMMANDS[command], actor=UNINVOLVED, reason="a reason", occurred_at=early
    ).refused(InvalidValueError("occurredAt", Rule.BEFORE, AT_INTAKE.isoformat()))


def test_what_happened_at_the_instant_of_the_receipt_is_taken_down(scenario: Any) -> None:
    scenario(Complaint).given(receive).when(register, occurred_at=AT_INTAKE).then(
        scenario.event(Complaint.Registered)
    )


def test_steps_may_be_reported_late_and_out_of_order(scenario: Any) -> None:
    day = timedelta(days=1)
    complaint = Complaint(CASE)
    receive(complaint, scenario.meta())
    register(complaint, scenario.meta(occurred_at=AT_INTAKE + 3 * day))
    complaint.collect_events()

    assign(complaint, scenario.meta(occurred_at=AT_INTAKE + 2 * day))

    (assigned,) = complaint.collect_events()
    assert assigned.meta.occurred_at == AT_INTAKE + 2 * day


# The person complained about


@pytest.mark.parametrize(("state", "command"), AFTER_RECEIPT)
def test_the_person_complained_about_is_kept_away_from_every_command(
    scenario: Any, state: ComplaintState, command: str
) -> None:
    scenario(Complaint).given(*way_to(state, command)).when(
        COMMANDS[command], actor=ACCUSED, reason="a reason"
    ).refused(ConflictOfInterestError(ACCUSED))


@pytest.mark.parametrize("state", [ComplaintState.REGISTERED, ComplaintState.ANSWERED])
def test_the_person_complained_about_is_never_the_handler(
    scenario: Any, state: ComplaintState
) -> None:
    scenario(Complaint).given(*WAYS[state]).when(assigns("north", ACCUSED)).refused(
        ConflictOfInterestError(ACCUSED)
    )


def test_a_case_is_never_escalated_to_the_person_complained_about(scenario: Any) -> None:
    scenario(Complaint).given(receive).when(escalates(ACCUSED), reason="a reason").refused(
        ConflictOfInterestError(ACCUSED)
    )


def test_where_nobody_is_accused_anybody_may_handle(scenario: Any) -> None:
    scenario(Complaint).given(receives(accused=None), register).when(
        assigns("north", ACCUSED)
    ).then(scenario.event(Complaint.Assigned, department="north", handler=ACCUSED))


def test_who_is_complained_about_may_become_known_later(scenario: Any) -> None:
    scenario(Complaint).given(receives(accused=None)).when(names_accused("courier-8")).then(
        scenario.event(Complaint.AccusedNamed, accused="courier-8")
    )


def test_naming_the_same_person_again_changes_nothing(scenario: Any) -> None:
    scenario(Complaint).given(receive).when(names_accused(ACCUSED)).then()


def test_who_is_named_later_is_kept_away_from_then_on(scenario: Any) -> None:
    scenario(Complaint).given(receives(accused=None), names_accused("agent-5"), register).when(
        give_feedback, actor="agent-5"
    ).refused(ConflictOfInterestError("agent-5"))


@pytest.mark.parametrize("hand_over", [assign, because(escalates(HANDLER))])
def test_a_handler_who_is_named_handles_the_case_no_longer(scenario: Any, hand_over: Step) -> None:
    complaint = Complaint(CASE)
    for step in (receives(accused=None), register, hand_over):
        step(complaint, scenario.meta())
    assert complaint.handler == HANDLER

    names_accused(HANDLER)(complaint, scenario.meta())

    assert complaint.handler is None


def test_naming_somebody_else_leaves_the_handler(scenario: Any) -> None:
    complaint = Complaint(CASE)
    for step in (receive, register, assign, names_accused("courier-8")):
        step(complaint, scenario.meta())

    assert complaint.handler == HANDLER


# Evidence


def test_evidence_is_numbered_as_it_comes(scenario: Any) -> None:
    second = EVIDENCE | {"sha256": "cd" * 32, "note": TEXT}

    scenario(Complaint).given(receive, adds_evidence()).when(adds_evidence(**second)).then(
        scenario.event(Complaint.EvidenceAdded, number=2, **second)
    )


def test_adding_evidence_answers_with_its_number(scenario: Any) -> None:
    complaint = Complaint(CASE)
    receive(complaint, scenario.meta())

    assert adds_evidence()(complaint, scenario.meta()) == 1
    assert adds_evidence(sha256="cd" * 32)(complaint, scenario.meta()) == 2


def test_the_same_digest_again_adds_nothing_and_answers_with_the_same_number(scenario: Any) -> None:
    complaint = Complaint(CASE)
    for step in (receive, adds_evidence(), adds_evidence(sha256="cd" * 32)):
        step(complaint, scenario.meta())
    complaint.collect_events()

    number = adds_evidence(kind="statement", size=7, reference=TEXT)(complaint, scenario.meta())

    assert number == 1
    assert not complaint.collect_events()


@pytest.mark.parametrize("replacement", [None, 2])
def test_evidence_is_superseded_perhaps_by_a_later_piece(
    scenario: Any, replacement: int | None
) -> None:
    scenario(Complaint).given(receive, adds_evidence(), adds_evidence(sha256="cd" * 32)).when(
        supersedes(1, replacement)
    ).then(scenario.event(Complaint.EvidenceSuperseded, number=1, by=replacement))


def test_only_evidence_that_is_there_is_superseded(scenario: Any) -> None:
    scenario(Complaint).given(receive, adds_evidence(), adds_evidence(sha256="cd" * 32)).when(
        supersedes(3)
    ).refused(InvalidValueError("number", Rule.NOT_IN_LIST, "1, 2"))


def test_evidence_is_superseded_once(scenario: Any) -> None:
    scenario(Complaint).given(
        receive, adds_evidence(), adds_evidence(sha256="cd" * 32), supersedes(1)
    ).when(supersedes(1)).refused(InvalidValueError("number", Rule.NOT_IN_LIST, "2"))


@pytest.mark.parametrize("replacement", [1, 2, 4, 5], ids=["earlier", "itself", "gone", "none"])
def test_evidence_is_superseded_only_by_a_later_piece_that_counts(
    scenario: Any, replacement: int
) -> None:
    pieces = (adds_evidence(sha256=f"{number:064x}") for number in (1, 2, 3, 4))

    scenario(Complaint).given(receive, *pieces, supersedes(4)).when(
        supersedes(2, replacement)
    ).refused(InvalidValueError("by", Rule.NOT_IN_LIST, "3"))


def test_where_nothing_counts_nothing_is_superseded(scenario: Any) -> None:
    scenario(Complaint).given(receive).when(supersedes(1)).refused(
        InvalidValueError("number", Rule.NOT_IN_LIST, "")
    )


def test_superseded_evidence_comes_back_under_a_new_number(scenario: Any) -> None:
    scenario(Complaint).given(receive, adds_evidence(), supersedes(1)).when(adds_evidence()).then(
        scenario.event(Complaint.EvidenceAdded, number=2, **EVIDENCE)
    )


# Links


@pytest.mark.parametrize("kind", LinkedKind)
def test_a_complaint_is_linked_with_what_belongs_to_its_case(
    scenario: Any, kind: LinkedKind
) -> None:
    scenario(Complaint).given(receive).when(links(SHIPMENT, kind)).then(
        scenario.event(Complaint.Linked, kind=kind, target=SHIPMENT)
    )


def test_the_same_link_again_changes_nothing(scenario: Any) -> None:
    scenario(Complaint).given(receive, links(SHIPMENT)).when(links(SHIPMENT)).then()


def test_a_complaint_is_not_linked_with_itself(scenario: Any) -> None:
    scenario(Complaint).given(receive).when(links(CASE, LinkedKind.COMPLAINT)).refused(
        InvalidValueError("target", Rule.OTHER_THAN_ITSELF)
    )


def test_a_closed_complaint_is_still_linked(scenario: Any) -> None:
    scenario(Complaint).given(*WAYS[ComplaintState.CLOSED]).when(links(SHIPMENT)).then(
        scenario.event(Complaint.Linked, kind=LinkedKind.SHIPMENT, target=SHIPMENT)
    )


def test_a_duplicate_is_linked_by_its_merging(scenario: Any) -> None:
    duplicate = another(scenario.meta())

    scenario(Complaint).given(receive, because(duplicate.merge)).when(
        links(duplicate.id, LinkedKind.COMPLAINT)
    ).then()


# What it is about, how grave, how urgent


def test_a_complaint_is_reclassified_for_a_reason(scenario: Any) -> None:
    scenario(Complaint).given(receive).when(
        reclassifies(Category.DAMAGE), reason="it came broken"
    ).then(
        scenario.event(
            Complaint.Reclassified,
            category=Category.DAMAGE,
            meta=scenario.meta(reason="it came broken"),
        )
    )


def test_a_complaint_is_not_reclassified_without_a_reason(scenario: Any) -> None:
    scenario(Complaint).given(receive).when(reclassifies(Category.DAMAGE)).refused(REASON_REQUIRED)


def test_the_same_category_again_changes_nothing(scenario: Any) -> None:
    scenario(Complaint).given(receive).when(reclassifies(Category.PRODUCT_QUALITY)).then()


def test_after_a_reclassification_the_checklist_starts_anew(scenario: Any) -> None:
    again = (
        QUALITY,
        register,
        settles(ITEM),
        because(reclassifies(Category.DAMAGE)),
        because(reclassifies(Category.PRODUCT_QUALITY)),
    )

    scenario(Complaint).given(*again).when(settles(ITEM)).then(
        scenario.event(Complaint.ChecklistItemSettled, item=ITEM, outcome=ChecklistOutcome.DONE)
    )


@pytest.mark.parametrize("before", GRAVITY)
@pytest.mark.parametrize("after", GRAVITY)
def test_severity_is_raised_or_lowered(scenario: Any, before: Severity, after: Severity) -> None:
    reassessed = scenario.event(
        Complaint.SeverityReassessed,
        severity=after,
        raised=GRAVITY.index(after) > GRAVITY.index(before),
        meta=scenario.meta(reason="more customers concerned"),
    )

    scenario(Complaint).given(receives(severity=before)).when(
        reassesses(after), reason="more customers concerned"
    ).then(*[reassessed] * (before is not after))


@pytest.mark.parametrize(("before", "after"), [GRAVITY[:2], GRAVITY[1::-1]])
def test_severity_is_neither_raised_nor_lowered_without_a_reason(
    scenario: Any, before: Severity, after: Severity
) -> None:
    scenario(Complaint).given(receives(severity=before)).when(reassesses(after)).refused(
        REASON_REQUIRED
    )


@pytest.mark.parametrize(
    ("step", "other"),
    [
        (reassesses(Severity.MAJOR), reassesses(Severity.GENERAL)),
        (reclassifies(Category.LOSS), reclassifies(Category.DAMAGE)),
    ],
    ids=["severity", "category"],
)
def test_what_was_last_said_counts(scenario: Any, step: Step, other: Step) -> None:
    complaint = Complaint(CASE)
    receive(complaint, scenario.meta())
    complaint.collect_events()
    said = []
    for each in (step, step, other, step):
        each(complaint, scenario.meta(reason="a reason"))
        said.append(len(complaint.collect_events()))

    assert said == [1, 0, 1, 1]


def test_who_was_accused_once_is_kept_away_for_good(scenario: Any) -> None:
    scenario(Complaint).given(
        receive, names_accused("courier-8"), names_accused("courier-9"), register
    ).when(lambda c, meta: c.assign("north", PersonId("courier-8"), meta)).refused(
        ConflictOfInterestError("courier-8")
    )


def test_a_case_gets_and_loses_priority(scenario: Any) -> None:
    scenario(Complaint).given(receive).when(mark_urgency).then(
        scenario.event(Complaint.UrgencyMarked, urgent=True)
    )
    scenario(Complaint).given(receive, mark_urgency).when(
        lambda c, meta: c.mark_urgency(urgent=False, meta=meta)
    ).then(scenario.event(Complaint.UrgencyMarked, urgent=False))


def test_the_same_priority_again_changes_nothing(scenario: Any) -> None:
    scenario(Complaint).given(receives(urgent=True)).when(mark_urgency).then()


# Escalation and feedback


@pytest.mark.parametrize("demanded_by", DemandedBy)
def test_a_case_is_escalated_to_a_named_person_for_a_reason(
    scenario: Any, demanded_by: DemandedBy
) -> None:
    scenario(Complaint).given(receive).when(
        lambda c, meta: c.escalate("manager-1", demanded_by, meta), reason="third complaint"
    ).then(
        scenario.event(
            Complaint.Escalated,
            to="manager-1",
            demanded_by=demanded_by,
            meta=scenario.meta(reason="third complaint"),
        )
    )


def test_a_case_is_not_escalated_without_a_reason(scenario: Any) -> None:
    scenario(Complaint).given(receive).when(escalates("manager-1")).refused(REASON_REQUIRED)


@pytest.mark.parametrize("state", sorted({ComplaintState.RECEIVED, ComplaintState.WAITING}))
def test_an_escalated_case_has_another_handler_and_stays_at_its_step(
    scenario: Any, state: ComplaintState
) -> None:
    complaint = Complaint(CASE)
    for step in (*WAYS[state], because(escalates("manager-1"))):
        step(complaint, scenario.meta())

    assert complaint.handler == "manager-1"
    assert complaint.state is state


def test_a_person_tells_the_customer_how_the_case_stands(scenario: Any) -> None:
    scenario(Complaint).given(receive).when(give_feedback).then(
        scenario.event(Complaint.FeedbackGiven, feedback=TEXT)
    )


def test_a_complaint_may_ask_for_compensation_when_it_is_received(scenario: Any) -> None:
    said = INTAKE | {"seeks_compensation": True, "service_levels": "key_account"}

    scenario(Complaint).when(receives(**said)).then(scenario.event(Complaint.Received, **said))


def test_compensation_may_be_asked_for_later_and_counts_once(scenario: Any) -> None:
    asks = COMMANDS["seek_compensation"]

    scenario(Complaint).given(receive).when(asks).then(scenario.event(Complaint.CompensationSought))
    scenario(Complaint).given(receive, asks).when(asks).then()
    scenario(Complaint).given(receives(seeks_compensation=True)).when(asks).then()


# Checklist and quality cases


@pytest.mark.parametrize("category", Category)
def test_every_item_of_the_category_s_checklist_is_settled(
    scenario: Any, category: Category
) -> None:
    for item in CATEGORIES[category].checklist:
        scenario(Complaint).given(receives(category=category), register).when(
            settles(item.code)
        ).then(
            scenario.event(
                Complaint.ChecklistItemSettled, item=item.code, outcome=ChecklistOutcome.DONE
            )
        )


def test_an_item_of_another_category_is_not_settled(scenario: Any) -> None:
    known = "notify_departments, meeting, responsibilities, technical_data, engineer"

    scenario(Complaint).given(QUALITY, register).when(settles("delay_plan")).refused(
        InvalidValueError("item", Rule.NOT_IN_LIST, known)
    )


def test_an_item_is_skipped_only_for_a_reason(scenario: Any) -> None:
    skip = settles(ITEM, ChecklistOutcome.SKIPPED)

    scenario(Complaint).given(QUALITY, register).when(skip).refused(REASON_REQUIRED)
    scenario(Complaint).given(QUALITY, register).when(skip, reason="held last week").then(
        scenario.event(
            Complaint.ChecklistItemSettled,
            item=ITEM,
            outcome=ChecklistOutcome.SKIPPED,
            meta=scenario.meta(reason="held last week"),
        )
    )


@pytest.mark.parametrize("outcome", ChecklistOutcome)
def test_a_settled_item_stays_as_it_is(scenario: Any, outcome: ChecklistOutcome) -> None:
    scenario(Complaint).given(QUALITY, register, settles(ITEM)).when(
        settles(ITEM, outcome), reason="a reason"
    ).then()


OF_DEPARTMENTS = {QualityStep.DEPARTMENTS_NOTIFIED, QualityStep.MEETING_HELD}


@pytest.mark.parametrize("step", QualityStep)
def test_the_steps_of_a_quality_case_name_their_departments(
    scenario: Any, step: QualityStep
) -> None:
    scenario(Complaint).given(QUALITY, register).when(
        takes_quality_step(step, "production", "quality")
    ).then(
        scenario.event(Complaint.QualityStepTaken, step=step, departments=("production", "quality"))
    )


@pytest.mark.parametrize("step", sorted(OF_DEPARTMENTS))
def test_a_meeting_or_a_notification_needs_departments(scenario: Any, step: QualityStep) -> None:
    scenario(Complaint).given(QUALITY, register).when(takes_quality_step(step)).refused(
        InvalidValueError("departments", Rule.REQUIRED)
    )


@pytest.mark.parametrize("step", sorted(set(QualityStep) - OF_DEPARTMENTS))
def test_the_other_steps_of_a_quality_case_need_no_departments(
    scenario: Any, step: QualityStep
) -> None:
    scenario(Complaint).given(QUALITY, register).when(takes_quality_step(step)).then(
        scenario.event(Complaint.QualityStepTaken, step=step, departments=())
    )


@pytest.mark.parametrize("category", [c for c in Category if c is not Category.PRODUCT_QUALITY])
def test_only_complaints_about_product_quality_have_quality_steps(
    scenario: Any, category: Category
) -> None:
    scenario(Complaint).given(receives(category=category), register).when(
        takes_quality_step(QualityStep.SOLUTION_SENT)
    ).refused(NotAQualityCaseError(CASE, category))


def test_a_case_that_waits_is_worked_on_aside(scenario: Any) -> None:
    scenario(Complaint).given(QUALITY, register, wait).when(settles(ITEM)).then(
        scenario.event(Complaint.ChecklistItemSettled, item=ITEM, outcome=ChecklistOutcome.DONE)
    )
