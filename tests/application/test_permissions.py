"""Who may do what to which objects."""

from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from application.api_keys import IssueApiKey, RevokeApiKey
from application.appeals import (
    AnswerAppeal,
    DetermineAppealLiability,
    ReceiveAppeal,
    RecordAppealFinding,
    SettleAppeal,
    WithdrawAppeal,
)
from application.calendars import (
    CorrectCalendar,
    FoundCalendar,
    PublishCalendarYear,
    ShipCalendar,
)
from application.complaint_endings import (
    CloseComplaint,
    DisputeAnswer,
    MergeComplaint,
    RateHandling,
    ReopenComplaint,
    WithdrawComplaint,
)
from application.complaint_notes import (
    AddEvidence,
    EscalateComplaint,
    GiveFeedback,
    LinkComplaint,
    MarkUrgency,
    NameAccused,
    ReassessSeverity,
    ReclassifyComplaint,
    RecordQualityStep,
    SeekCompensation,
    SettleChecklistItem,
    SupersedeEvidence,
)
from application.complaint_policies import AdoptComplaintPolicy, ShipComplaintPolicy
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
from application.complaints import (
    ComplaintCommand,
    ImportComplaint,
    ReceiveComplaint,
    ReceivedComplaint,
)
from application.dispatch import HANDLERS, Command
from application.improvements import (
    CancelImprovement,
    CompleteImprovement,
    HandOverImprovement,
    NoteImprovementProgress,
    RaiseImprovement,
    RescheduleImprovement,
)
from application.notices import (
    QueueNotice,
    RecordNoticeFailed,
    RecordNoticeInDoubt,
    RecordNoticeSent,
    ResolveNoticeDoubt,
)
from application.organisation import CloseUnit, FoundUnit, MoveUnit, RenameUnit
from application.permissions import Caller
from application.service_level_policies import (
    AdoptServiceLevelPolicy,
    EndServiceLevelPolicy,
    ShipServiceLevelPolicies,
)
from application.service_levels import RebaseServiceLevels
from application.shipments import (
    ImportShipment,
    RateDelivery,
    RecordDelivery,
    RecordMilestone,
    RecordShipment,
)
from application.staff import AppointPerson, EndAppointment, JoinStaff
from domain.appeal import AppealAuthority, AppealLiability
from domain.calendar import CalendarFacts
from domain.categories import Category
from domain.complaint_policy import DEFAULT_TERMS
from domain.complaint_words import (
    Channel,
    ChecklistOutcome,
    DemandedBy,
    EvidenceKind,
    FollowUpOutcome,
    LinkedKind,
    Measure,
    QualityStep,
    RuleSource,
    Severity,
)
from domain.errors import (
    NotFoundError,
    NotPermittedError,
)
from domain.identifiers import Waybill, shipment_id
from domain.metadata import Source, SourceKind
from domain.notice import NoticeProblem, NoticeTemplate
from domain.notifying import Language, NoticeChannel
from domain.organisation import UnitKey, UnitKind
from domain.rating import Score
from domain.roles import PersonId, Role
from domain.service_levels.standard import standard_terms
from domain.shipment import Milestone, MilestoneKind, ServiceClass, ShipmentFacts

WAYBILL = Waybill("SF1234567890")
FACTS = ShipmentFacts(service_class=ServiceClass.SAME_CITY, region="east")
SECRET = "王小明 13800138000"  # noqa: S105  a person's, not a machine's
AGENT = Caller("agent-1", PersonId("agent-1"), Role.FRONT_DESK)
SHOP = Caller("shop", PersonId("shop"), Role.PARTNER)
OTHER_SHOP = Caller("other-shop", PersonId("other-shop"), Role.PARTNER)
RECEIVED = ReceivedComplaint(
    channel=Channel.PHONE,
    category=Category.DELAY,
    complainant=SECRET,
    contact=SECRET,
    subject=SECRET,
    facts=SECRET,
    request=SECRET,
    accused=PersonId("courier-7"),
)
RECEIVE = ReceiveComplaint(received=RECEIVED)


ANYTHING = uuid4()
CASE: dict[str, Any] = {"complaint": ANYTHING}
ACTION: dict[str, Any] = {"improvement": ANYTHING}
APPEAL: dict[str, Any] = {"appeal": ANYTHING}
SOMEBODY = PersonId("agent-1")
OUTLET = UnitKey(UnitKind.OUTLET, "west-lake")
REGION = UnitKey(UnitKind.REGION, "east")
IN_APRIL = datetime(2026, 4, 1, tzinfo=UTC)
EXAMPLES: dict[str, Command[Any]] = {
    "recordShipment": RecordShipment(waybill=WAYBILL, facts=FACTS),
    "recordMilestone": RecordMilestone(waybill=WAYBILL, milestone=Milestone(MilestoneKind.ORDERED)),
    "recordDelivery": RecordDelivery(waybill=WAYBILL),
    "rateDelivery": RateDelivery(waybill=WAYBILL, reference="r1", score=Score(5)),
    "importShipment": ImportShipment(waybill=WAYBILL, facts=FACTS),
    "receiveComplaint": RECEIVE,
    "registerComplaint": RegisterComplaint(**CASE),
    "declineComplaint": DeclineComplaint(**CASE, explanation="no"),
    "assignComplaint": AssignComplaint(**CASE, department="north"),
    "startInvestigation": StartInvestigation(**CASE),
    "recordInvestigation": RecordInvestigation(**CASE, finding="lost at the hub"),
    "proposeResolution": ProposeResolution(
        **CASE,
        rule_source=RuleSource.LAW,
        rule="art. 27",
        measures=(Measure.APOLOGY,),
        proposal="we are sorry",
        feasibility="easy",
    ),
    "agreeResolution": AgreeResolution(**CASE),
    "rejectResolution": RejectResolution(**CASE),
    "answerComplaint": AnswerComplaint(**CASE, answer="settled"),
    "carryOutRemedy": CarryOutRemedy(**CASE),
    "followUpComplaint": FollowUpComplaint(**CASE, outcome=FollowUpOutcome.SATISFIED),
    "waitForCustomer": WaitForCustomer(**CASE, asked="a photograph"),
    "resumeComplaint": ResumeComplaint(**CASE),
    "closeComplaint": CloseComplaint(**CASE),
    "rateHandling": RateHandling(**CASE, score=Score(5)),
    "reopenComplaint": ReopenComplaint(**CASE),
    "disputeAnswer": DisputeAnswer(**CASE, objection="not true"),
    "withdrawComplaint": WithdrawComplaint(**CASE),
    "mergeComplaint": MergeComplaint(**CASE, into=uuid4()),
    "addEvidence": AddEvidence(
        **CASE,
        kind=EvidenceKind.PHOTOGRAPH,
        media_type="image/jpeg",
        size=5,
        sha256="0" * 64,
        reference="folder 7",
    ),
    "supersedeEvidence": SupersedeEvidence(**CASE, number=1),
    "linkComplaint": LinkComplaint(**CASE, kind=LinkedKind.SHIPMENT, target=shipment_id(WAYBILL)),
    "reclassifyComplaint": ReclassifyComplaint(**CASE, category=Category.LOSS),
    "reassessSeverity": ReassessSeverity(**CASE, severity=Severity.MAJOR),
    "markUrgency": MarkUrgency(**CASE, urgent=True),
    "nameAccused": NameAccused(**CASE, accused=PersonId("courier-8")),
    "escalateComplaint": EscalateComplaint(**CASE, to=SOMEBODY, demanded_by=DemandedBy.CUSTOMER),
    "giveFeedback": GiveFeedback(**CASE, feedback="we are looking"),
    "seekCompensation": SeekCompensation(**CASE),
    "settleChecklistItem": SettleChecklistItem(
        **CASE, item="verify_facts", outcome=ChecklistOutcome.DONE
    ),
    "recordQualityStep": RecordQualityStep(**CASE, step=QualityStep.ENGINEER_ON_SITE),
    "importComplaint": ImportComplaint(key="1", received=RECEIVED),
    "adoptComplaintPolicy": AdoptComplaintPolicy(terms=DEFAULT_TERMS, effective_from=IN_APRIL),
    "shipComplaintPolicy": ShipComplaintPolicy(),
    "adoptServiceLevelPolicy": AdoptServiceLevelPolicy(
        code="shop", terms=standard_terms("Asia/Shanghai")["default"], effective_from=IN_APRIL
    ),
    "endServiceLevelPolicy": EndServiceLevelPolicy(code="shop", effective_from=IN_APRIL),
    "shipServiceLevelPolicies": ShipServiceLevelPolicies(time_zone="Asia/Shanghai"),
    "rebaseServiceLevels": RebaseServiceLevels(**CASE, policy="default", reason="a new contract"),
    "foundCalendar": FoundCalendar(facts=CalendarFacts("south", "South", "南方")),
    "publishCalendarYear": PublishCalendarYear(
        calendar="south", year=2026, days=(), source="a notice"
    ),
    "correctCalendar": CorrectCalendar(calendar="south", days=(), source="a notice"),
    "shipCalendar": ShipCalendar(calendar="weekends"),
    "raiseImprovement": RaiseImprovement(
        **CASE, department="north", owner=SOMEBODY, due_at=IN_APRIL, task="train"
    ),
    "noteImprovementProgress": NoteImprovementProgress(**ACTION, progress="half"),
    "rescheduleImprovement": RescheduleImprovement(**ACTION, due_at=IN_APRIL),
    "handOverImprovement": HandOverImprovement(**ACTION, owner=SOMEBODY),
    "completeImprovement": CompleteImprovement(**ACTION, result="trained"),
    "cancelImprovement": CancelImprovement(**ACTION),
    "receiveAppeal": ReceiveAppeal(
        **CASE,
        authority=AppealAuthority.HOTLINE_12305,
        reference="7",
        cause=Category.LOSS,
        facts=SECRET,
    ),
    "recordAppealFinding": RecordAppealFinding(**APPEAL, valid=True, finding="lost"),
    "determineAppealLiability": DetermineAppealLiability(
        **APPEAL, liability=AppealLiability.COMPANY, rule_source=RuleSource.LAW, rule="art. 27"
    ),
    "settleAppeal": SettleAppeal(**APPEAL, measures=(Measure.APOLOGY,)),
    "answerAppeal": AnswerAppeal(**APPEAL, answer="settled"),
    "withdrawAppeal": WithdrawAppeal(**APPEAL),
    "foundUnit": FoundUnit(unit=OUTLET, name_en="West Lake", name_zh="西湖"),
    "renameUnit": RenameUnit(unit=OUTLET, name_en="Lake", name_zh="湖"),
    "moveUnit": MoveUnit(unit=OUTLET, parent=REGION),
    "closeUnit": CloseUnit(unit=REGION),
    "joinStaff": JoinStaff(person=SOMEBODY, name=SECRET),
    "appointPerson": AppointPerson(
        person=SOMEBODY, role=Role.FRONT_DESK, unit=OUTLET, starts_at=IN_APRIL
    ),
    "endAppointment": EndAppointment(person=SOMEBODY, number=1, ends_at=IN_APRIL),
    "queueNotice": QueueNotice(
        case=ANYTHING,
        case_number="C-2026-000001",
        occasion="v1",
        template=NoticeTemplate.RECEIVED,
        channel=NoticeChannel.SMS,
        language=Language.ZH,
    ),
    "recordNoticeSent": RecordNoticeSent(notice=ANYTHING, sender="smtp", attempts=1),
    "recordNoticeFailed": RecordNoticeFailed(
        notice=ANYTHING, problem=NoticeProblem.GAVE_UP, attempts=1
    ),
    "recordNoticeInDoubt": RecordNoticeInDoubt(notice=ANYTHING, sender="smtp", attempts=1),
    "resolveNoticeDoubt": ResolveNoticeDoubt(notice=ANYTHING, delivered=True),
    "issueApiKey": IssueApiKey(prefix="rk_1", digest="00", role=Role.FRONT_DESK, holder=SOMEBODY),
    "revokeApiKey": RevokeApiKey(key=ANYTHING),
}

# Who may do what, written down independently of the code: a letter for each role, and for each
# command who may give it about everything, who about what belongs to their units or to themselves,
# and who about what they brought in. Everybody else may do nothing.
LETTERS = {
    "f": Role.FRONT_DESK,
    "b": Role.BACK_OFFICE,
    "g": Role.ACCOUNT_AGENT,
    "h": Role.DEPARTMENT_HEAD,
    "i": Role.INVESTIGATOR,
    "c": Role.COMPLIANCE,
    "a": Role.ADMINISTRATOR,
    "o": Role.OPERATOR,
    "s": Role.SYSTEM,
    "p": Role.PARTNER,
}
MAY = {
    "recordShipment": ("fbhas", "g", "p"),
    "recordMilestone": ("fbhas", "g", "p"),
    "recordDelivery": ("fbhas", "g", "p"),
    "rateDelivery": ("fbhs", "g", "p"),
    "importShipment": ("as", "", ""),
    "receiveComplaint": ("fs", "bgh", "p"),
    "registerComplaint": ("f", "bgh", ""),
    "declineComplaint": ("f", "bgh", ""),
    "assignComplaint": ("f", "bgh", ""),
    "startInvestigation": ("f", "bghi", ""),
    "recordInvestigation": ("f", "bghi", ""),
    "proposeResolution": ("f", "bghi", ""),
    "agreeResolution": ("f", "bgh", "p"),
    "rejectResolution": ("f", "bgh", "p"),
    "answerComplaint": ("f", "bghi", ""),
    "carryOutRemedy": ("f", "bgh", ""),
    "followUpComplaint": ("f", "bgh", ""),
    "waitForCustomer": ("f", "bghi", ""),
    "resumeComplaint": ("f", "bghi", ""),
    "closeComplaint": ("f", "bgh", ""),
    "rateHandling": ("f", "g", "p"),
    "reopenComplaint": ("f", "bgh", ""),
    "disputeAnswer": ("f", "bgh", "p"),
    "withdrawComplaint": ("f", "bgh", "p"),
    "mergeComplaint": ("f", "bgh", ""),
    "addEvidence": ("f", "bghi", "p"),
    "supersedeEvidence": ("f", "bghi", ""),
    "linkComplaint": ("f", "bghi", ""),
    "reclassifyComplaint": ("f", "bghi", ""),
    "reassessSeverity": ("f", "bgh", ""),
    "markUrgency": ("f", "bgh", ""),
    "nameAccused": ("f", "bghi", ""),
    "escalateComplaint": ("f", "bgh", ""),
    "giveFeedback": ("f", "bghi", ""),
    "seekCompensation": ("f", "bghi", "p"),
    "settleChecklistItem": ("f", "bghi", ""),
    "recordQualityStep": ("f", "bghi", ""),
    "importComplaint": ("as", "", ""),
    "adoptComplaintPolicy": ("a", "", ""),
    "shipComplaintPolicy": ("s", "", ""),
    "adoptServiceLevelPolicy": ("a", "", ""),
    "endServiceLevelPolicy": ("a", "", ""),
    "shipServiceLevelPolicies": ("s", "", ""),
    "rebaseServiceLevels": ("ca", "h", ""),
    "foundCalendar": ("a", "", ""),
    "publishCalendarYear": ("a", "", ""),
    "correctCalendar": ("a", "", ""),
    "shipCalendar": ("s", "", ""),
    "raiseImprovement": ("fc", "bgh", ""),
    "noteImprovementProgress": ("fc", "bghi", ""),
    "rescheduleImprovement": ("c", "h", ""),
    "handOverImprovement": ("c", "h", ""),
    "completeImprovement": ("fc", "bghi", ""),
    "cancelImprovement": ("c", "h", ""),
    "receiveAppeal": ("f", "bgh", ""),
    "recordAppealFinding": ("c", "bh", ""),
    "determineAppealLiability": ("c", "bh", ""),
    "settleAppeal": ("c", "bh", ""),
    "answerAppeal": ("c", "bh", ""),
    "withdrawAppeal": ("fc", "bgh", ""),
    "foundUnit": ("as", "", ""),
    "renameUnit": ("as", "", ""),
    "moveUnit": ("as", "", ""),
    "closeUnit": ("as", "", ""),
    "joinStaff": ("has", "", ""),
    "appointPerson": ("has", "", ""),
    "endAppointment": ("has", "", ""),
    "queueNotice": ("s", "", ""),
    "recordNoticeSent": ("s", "", ""),
    "recordNoticeFailed": ("s", "", ""),
    "recordNoticeInDoubt": ("s", "", ""),
    "resolveNoticeDoubt": ("fa", "", ""),
    "issueApiKey": ("ao", "", ""),
    "revokeApiKey": ("ao", "", ""),
}
GRANTED: dict[tuple[Role, str], str] = {
    (LETTERS[letter], operation): relation
    for operation, told in MAY.items()
    for relation, letters in zip(("everything", "units", "own"), told, strict=True)
    for letter in letters
}

HANDLER = PersonId("agent-5")
HUB, LINE = (UnitKey(UnitKind.DEPARTMENT, code) for code in ("hub", "line"))
EAST, WEST = (UnitKey(UnitKind.REGION, code) for code in ("east", "west"))
LAKE, HILL = (UnitKey(UnitKind.OUTLET, code) for code in ("lake", "hill"))
HEAD = UnitKey(UnitKind.HEAD_OFFICE, "hq")
BRANCH = UnitKey(UnitKind.BRANCH, "hub")
# What these callers reach of the case in the hub, east, of the lake, that agent-5 has, of its
# shipment, of its improvement action and of an appeal; they differ in units, and one is the person,
# one the shop.
WHO: dict[str, tuple[dict[str, Any], set[str]]] = {
    "whole company": ({}, {"complaint", "shipment", "improvement", "appeal"}),
    "head office": ({"units": {HEAD, LINE}}, {"complaint", "shipment", "improvement", "appeal"}),
    "department": ({"units": {HUB, WEST}}, {"complaint", "improvement", "appeal"}),
    "region": ({"units": {LINE, EAST}}, {"complaint", "shipment", "appeal"}),
    "outlet": ({"units": {LAKE}}, {"complaint", "shipment", "appeal"}),
    "elsewhere": ({"units": {LINE, WEST, HILL, BRANCH}}, set()),
    "no unit": ({"units": set()}, set()),
    "handler": ({"units": {LINE}, "actor": HANDLER}, {"complaint", "improvement"}),
    "shop": ({"units": {LINE}, "principal": "shop"}, set()),
}


def caller_of(role: Role, principal: str = "somebody", **given: Any) -> Caller:
    units = frozenset(given["units"]) if "units" in given else None
    return Caller(principal, given.get("actor", PersonId(principal)), role, units)


def test_every_operation_is_in_this_table() -> None:
    operations = {handler.operation for handler in HANDLERS.values()}

    assert set(MAY) == set(EXAMPLES) == operations
    assert {HANDLERS[type(c)].operation: c for c in EXAMPLES.values()} == EXAMPLES


def test_each_role_may_do_what_the_table_says_and_nothing_else(office: Any) -> None:
    # On an empty database, so that an allowed command is done or finds nothing.
    for role in Role:
        caller = Caller("somebody", PersonId("somebody"), role)
        for operation, command in EXAMPLES.items():
            source = Source(SourceKind.IMPORT, str(role))
            (answer,) = office.together(office.order(command, caller, source=source))
            if (role, operation) in GRANTED:
                assert not isinstance(answer, NotPermittedError), (role, operation)
            else:
                assert answer == NotPermittedError(operation, role), (role, operation)


def test_each_role_reaches_what_the_table_says_and_nothing_else(office: Any) -> None:
    facts = ShipmentFacts(service_class=ServiceClass.SAME_CITY, region="east", outlet="lake")
    office.do(RecordShipment(waybill=WAYBILL, facts=facts), SHOP)
    case = office.do(
        ReceiveComplaint(received=replace(RECEIVED, region="east", outlet="lake")), SHOP
    ).result
    assigned(office, case, HANDLER)
    later = office.now + timedelta(days=1)
    raised = RaiseImprovement(
        complaint=office.closed(), department="hub", owner=HANDLER, due_at=later, task="train"
    )
    appeal = replace(EXAMPLES["receiveAppeal"], complaint=case)  # type: ignore[call-arg]
    there = {
        "complaint": case,
        "appeal": office.do(appeal).result,
        "shipment": shipment_id(WAYBILL),
        "improvement": office.do(raised).result,
    }
    # Earlier than all of it: what is reached is then refused, or changes nothing that matters.
    before = office.now - timedelta(days=1)
    tried = 0
    for operation, example in EXAMPLES.items():
        kinds = {"complaint", "improvement", "appeal"}
        (kind,) = kinds & {*fields_of(example)} or {"shipment"}
        if kind == "shipment" and "waybill" not in fields_of(example):
            continue
        about = {} if kind == "shipment" else {kind: there[kind]}
        command = replace(example, occurred_at=before, **about)
        for role in Role:
            relation = GRANTED.get((role, operation))
            for who, (given, reached) in WHO.items():
                source = Source(SourceKind.IMPORT, "matrix")
                order = office.order(command, caller_of(role, **given), source=source)
                (answer,) = office.together(order)
                what = (operation, role, who, answer)
                if relation is None:
                    assert answer == NotPermittedError(operation, role), what
                    continue
                seen = relation == "everything" or (
                    who == "shop" if relation == "own" else kind in reached
                )
                hidden = answer == NotFoundError(kind, str(there[kind]))
                assert hidden is not seen, what
                tried += 1
    assert tried > 1500


def assigned(office: Any, case: UUID, handler: PersonId | None = None) -> None:
    office.do(RegisterComplaint(complaint=case))
    office.do(AssignComplaint(complaint=case, department="hub", handler=handler))


def fields_of(command: Command[Any]) -> list[str]:
    return [field.name for field in fields(command)]


def test_a_narrowed_caller_may_do_no_more_than_it_names_nor_than_its_role(office: Any) -> None:
    named = frozenset({"receiveComplaint", "adoptComplaintPolicy"})
    caller = replace(AGENT, operations=named)

    for operation, command in EXAMPLES.items():
        (answer,) = office.together(office.order(command, caller))
        if operation == "receiveComplaint":
            assert not isinstance(answer, Exception)
        else:
            assert answer == NotPermittedError(operation, Role.FRONT_DESK), operation


def test_a_case_that_goes_to_another_department_is_out_of_reach_of_the_first(office: Any) -> None:
    head = Caller("boss", PersonId("boss"), Role.DEPARTMENT_HEAD, frozenset({HUB}))
    case = office.received()
    assigned(office, case)
    office.do(AssignComplaint(complaint=case, department="line"), head)

    with pytest.raises(NotFoundError):
        office.do(AssignComplaint(complaint=case, department="hub"), head)


def test_a_link_or_a_merger_reaches_no_further_than_the_caller(office: Any) -> None:
    head = Caller("boss", PersonId("boss"), Role.DEPARTMENT_HEAD, frozenset({HUB}))
    mine, other = office.received(), office.received()
    assigned(office, mine)
    before = office.count()

    for command in (
        LinkComplaint(complaint=mine, kind=LinkedKind.COMPLAINT, target=other),
        MergeComplaint(complaint=mine, into=other, reason="the same"),
    ):
        with pytest.raises(NotFoundError):
            office.do(command, head)
    assert office.count() == before


def test_what_is_denied_leaves_no_trace(office: Any) -> None:
    auditor = Caller("auditor-1", PersonId("auditor-1"), Role.AUDITOR)

    with pytest.raises(NotPermittedError):
        office.do(RECEIVE, auditor, idempotency_key="k1")

    assert office.count() == 0
    assert office.rows("SELECT 1 FROM process.idempotency") == []


@pytest.mark.parametrize("stranger", [OTHER_SHOP, replace(SHOP, principal="")])
def test_a_partner_reaches_only_its_own_complaints(office: Any, stranger: Caller) -> None:
    orders = [
        command
        for operation, command in EXAMPLES.items()
        if "p" in MAY[operation][2] and isinstance(command, ComplaintCommand)
    ]
    assert len(orders) == 7
    for owner in (SHOP, AGENT):
        complaint = office.received(owner)
        office.do(AnswerComplaint(complaint=complaint, answer="settled"))
        office.do(CloseComplaint(complaint=complaint))
        before = office.count()

        for order in orders:
            with pytest.raises(NotFoundError) as refusal:
                office.do(replace(order, complaint=complaint), stranger)
            assert refusal.value == NotFoundError("complaint", str(complaint))
        assert office.count() == before

        if owner is SHOP:
            rate = RateHandling(complaint=complaint, score=Score(1))
            assert office.do(rate, SHOP).result == complaint


def test_a_partner_reaches_only_its_own_shipments(office: Any) -> None:
    ours, theirs = Waybill("SF0000001"), Waybill("SF0000002")
    office.do(RecordShipment(waybill=ours, facts=FACTS), SHOP)
    office.do(RecordShipment(waybill=theirs, facts=FACTS), AGENT)
    before = office.count()

    for waybill, stranger in ((ours, OTHER_SHOP), (theirs, SHOP)):
        for command in (
            RecordShipment(waybill=waybill, facts=FACTS),
            RecordMilestone(waybill=waybill, milestone=Milestone(MilestoneKind.ORDERED)),
            RecordDelivery(waybill=waybill),
            RateDelivery(waybill=waybill, reference="r1", score=Score(1)),
        ):
            with pytest.raises(NotFoundError):
                office.do(command, stranger)
    assert office.count() == before

    assert office.do(RecordDelivery(waybill=ours), SHOP).result == shipment_id(ours)
    assert office.do(RecordDelivery(waybill=ours), AGENT).result == shipment_id(ours)


def test_two_partners_who_use_the_same_reference_mean_two_people(office: Any) -> None:
    known = ReceiveComplaint(received=replace(RECEIVED, customer_reference="customer-1"))
    for caller in (SHOP, SHOP, OTHER_SHOP):
        office.do(known, caller)

    one, two, three = (state["data"]["customer"] for state in office.states())
    assert one == two != three
