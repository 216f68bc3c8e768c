"""Who may do what to which objects."""

from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from application.api_keys import IssueApiKey, RevokeApiKey
from application.complaint_endings import CloseComplaint, RateHandling
from application.complaint_work import (
    AnswerComplaint,
    AssignComplaint,
    DeclineComplaint,
    RegisterComplaint,
)
from application.complaints import ImportComplaint, ReceiveComplaint, ReceivedComplaint
from application.dispatch import HANDLERS, Command
from application.permissions import Caller
from application.shipments import (
    ImportShipment,
    RateDelivery,
    RecordDelivery,
    RecordMilestone,
    RecordShipment,
)
from domain.categories import Category
from domain.complaint_words import Channel
from domain.errors import (
    NotFoundError,
    NotPermittedError,
)
from domain.identifiers import Waybill, shipment_id
from domain.metadata import Source, SourceKind
from domain.rating import Score
from domain.roles import PersonId, Role
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
EXAMPLES: dict[str, Command[Any]] = {
    "recordShipment": RecordShipment(waybill=WAYBILL, facts=FACTS),
    "recordMilestone": RecordMilestone(waybill=WAYBILL, milestone=Milestone(MilestoneKind.ORDERED)),
    "recordDelivery": RecordDelivery(waybill=WAYBILL),
    "rateDelivery": RateDelivery(waybill=WAYBILL, reference="r1", score=Score(5)),
    "importShipment": ImportShipment(waybill=WAYBILL, facts=FACTS),
    "receiveComplaint": RECEIVE,
    "registerComplaint": RegisterComplaint(complaint=ANYTHING),
    "declineComplaint": DeclineComplaint(complaint=ANYTHING, explanation="no"),
    "assignComplaint": AssignComplaint(complaint=ANYTHING, department="north"),
    "answerComplaint": AnswerComplaint(complaint=ANYTHING, answer="settled"),
    "closeComplaint": CloseComplaint(complaint=ANYTHING),
    "rateHandling": RateHandling(complaint=ANYTHING, score=Score(5)),
    "importComplaint": ImportComplaint(key="1", received=RECEIVED),
    "issueApiKey": IssueApiKey(
        prefix="rk_1", digest="00", role=Role.FRONT_DESK, holder=PersonId("agent-1")
    ),
    "revokeApiKey": RevokeApiKey(key=ANYTHING),
}

# Who may do what, written down independently of the code: d desk (front desk, back office, account
# agent, department head), i investigator, a administrator, o operator, s system, p partner,
# f front desk and account agent only. Everybody else may do nothing.
MAY = {
    "recordShipment": "dasp",
    "recordMilestone": "dasp",
    "recordDelivery": "dasp",
    "rateDelivery": "dsp",
    "importShipment": "as",
    "receiveComplaint": "dsp",
    "registerComplaint": "d",
    "declineComplaint": "d",
    "assignComplaint": "d",
    "answerComplaint": "di",
    "closeComplaint": "d",
    "rateHandling": "fp",
    "importComplaint": "as",
    "issueApiKey": "ao",
    "revokeApiKey": "ao",
}
LETTERS = {
    Role.FRONT_DESK: "df",
    Role.ACCOUNT_AGENT: "df",
    Role.BACK_OFFICE: "d",
    Role.DEPARTMENT_HEAD: "d",
    Role.INVESTIGATOR: "i",
    Role.ADMINISTRATOR: "a",
    Role.OPERATOR: "o",
    Role.SYSTEM: "s",
    Role.PARTNER: "p",
}


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
            if set(MAY[operation]) & set(LETTERS.get(role, "")):
                assert not isinstance(answer, NotPermittedError), (role, operation)
            else:
                assert answer == NotPermittedError(operation, role), (role, operation)


def test_what_is_denied_leaves_no_trace(office: Any) -> None:
    auditor = Caller("auditor-1", PersonId("auditor-1"), Role.AUDITOR)

    with pytest.raises(NotPermittedError):
        office.do(RECEIVE, auditor, idempotency_key="k1")

    assert office.count() == 0
    assert office.rows("SELECT 1 FROM process.idempotency") == []


@pytest.mark.parametrize("stranger", [OTHER_SHOP, replace(SHOP, principal="")])
def test_a_partner_reaches_only_its_own_complaints(office: Any, stranger: Caller) -> None:
    for owner in (SHOP, AGENT):
        complaint = office.received(owner)
        office.do(AnswerComplaint(complaint=complaint, answer="settled"))
        office.do(CloseComplaint(complaint=complaint))

        rate = RateHandling(complaint=complaint, score=Score(1))
        with pytest.raises(NotFoundError) as refusal:
            office.do(rate, stranger)
        assert refusal.value == NotFoundError("complaint", str(complaint))

        if owner is SHOP:
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
