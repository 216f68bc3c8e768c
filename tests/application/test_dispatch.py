"""The one door for commands: once per key, at a sound time, with everything on record."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest

from application.complaint_endings import CloseComplaint, RateHandling
from application.complaint_notes import AddEvidence, SupersedeEvidence
from application.complaint_work import AnswerComplaint, AssignComplaint, RegisterComplaint
from application.complaints import ImportComplaint, ReceiveComplaint, ReceivedComplaint
from application.dispatch import CLOCK_SKEW, Outcome
from application.permissions import Caller
from application.shipments import (
    ImportShipment,
    RecordShipment,
)
from domain.categories import Category
from domain.complaint_life import LifeCycleRule
from domain.complaint_words import Channel, EvidenceKind
from domain.errors import (
    IdempotencyKeyReusedError,
    InvalidValueError,
    Rule,
    StillRunningError,
    WrongStateError,
)
from domain.identifiers import Waybill, shipment_id
from domain.metadata import Source, SourceKind
from domain.rating import Score
from domain.roles import PersonId, Role
from domain.shipment import Milestone, MilestoneKind, ServiceClass, ShipmentFacts

ZONE = ZoneInfo("Asia/Shanghai")
NOON = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
WAYBILL = Waybill("SF1234567890")
FACTS = ShipmentFacts(service_class=ServiceClass.SAME_CITY, region="east")
SECRET = "王小明 13800138000"  # noqa: S105  a person's, not a machine's
AGENT = Caller("agent-1", PersonId("agent-1"), Role.FRONT_DESK)
ACCOUNT_AGENT = Caller("agent-2", PersonId("agent-2"), Role.ACCOUNT_AGENT)
SHOP = Caller("shop", PersonId("shop"), Role.PARTNER)
ADMINISTRATOR = Caller("root", PersonId("root"), Role.ADMINISTRATOR)
SYSTEM = Caller("system", PersonId("system"), Role.SYSTEM)
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


# Idempotency


def test_the_same_key_and_request_is_done_once(office: Any) -> None:
    first = office.do(RECEIVE, idempotency_key="k1")
    again = office.do(RECEIVE, idempotency_key="k1")
    elsewhere = office.do(RECEIVE, idempotency_key="k1", door=1)

    assert not first.repeated
    assert again == elsewhere == replace(first, repeated=True)
    assert type(again.result) is UUID
    assert office.count() == 1


def test_without_a_key_each_request_is_a_command_of_its_own(office: Any) -> None:
    assert office.received() != office.received()
    assert office.count() == 2


def test_a_command_that_changed_nothing_is_remembered_too(office: Any) -> None:
    command = RecordShipment(waybill=WAYBILL, facts=FACTS)
    office.do(command)
    office.do(command, idempotency_key="k1")
    office.do(RecordShipment(waybill=WAYBILL, facts=ShipmentFacts(region="west")))

    again = office.do(command, idempotency_key="k1")

    assert again.repeated
    assert len(office.topics(shipment_id(WAYBILL))) == 3


@pytest.mark.parametrize("refused_first", [False, True])
def test_another_request_under_the_same_key_is_refused(office: Any, refused_first: object) -> None:
    complaint = office.received()
    if refused_first:
        with pytest.raises(WrongStateError):
            office.do(
                AssignComplaint(complaint=complaint, department="north"), idempotency_key="k1"
            )
    office.do(RegisterComplaint(complaint=complaint))
    if not refused_first:
        office.do(AssignComplaint(complaint=complaint, department="north"), idempotency_key="k1")
    before = office.topics(complaint)

    with pytest.raises(IdempotencyKeyReusedError):
        office.do(AssignComplaint(complaint=complaint, department="south"), idempotency_key="k1")

    assert office.topics(complaint) == before


def test_a_reused_key_is_refused_even_where_the_other_request_would_be(office: Any) -> None:
    complaint = office.answered()
    office.do(CloseComplaint(complaint=complaint), idempotency_key="k1")

    with pytest.raises(IdempotencyKeyReusedError):
        office.do(CloseComplaint(complaint=uuid4()), idempotency_key="k1")


def test_a_key_belongs_to_its_principal(office: Any) -> None:
    one = office.do(RECEIVE, AGENT, idempotency_key="k1")
    other = office.do(RECEIVE, SHOP, idempotency_key="k1")

    assert not other.repeated
    assert one.result != other.result


def test_a_key_belongs_to_its_operation(office: Any) -> None:
    complaint = office.do(RECEIVE, idempotency_key="k1").result

    assert not office.do(RegisterComplaint(complaint=complaint), idempotency_key="k1").repeated
    assert office.topics(complaint) == ["complaint.received", "complaint.registered"]


def test_principal_operation_and_key_are_not_run_together(office: Any) -> None:
    one = office.do(RECEIVE, replace(AGENT, principal="a"), idempotency_key="bc")
    other = office.do(RECEIVE, replace(AGENT, principal="ab"), idempotency_key="c")

    assert one.result != other.result


def test_a_refusal_is_repeated_even_if_the_command_would_succeed_by_now(office: Any) -> None:
    complaint = office.received()
    close = CloseComplaint(complaint=complaint)
    with pytest.raises(WrongStateError) as first:
        office.do(close, idempotency_key="k1")
    office.do(AnswerComplaint(complaint=complaint, answer="settled"))

    for door in (0, 1):
        with pytest.raises(WrongStateError) as again:
            office.do(close, idempotency_key="k1", door=door)
        refused = WrongStateError("close", "received", LifeCycleRule.ORDER)
        assert again.value == first.value == refused

    assert not office.do(close, idempotency_key="k2").repeated


def test_an_outcome_is_repeated_even_if_the_command_would_be_refused_by_now(office: Any) -> None:
    complaint = office.answered()
    close = CloseComplaint(complaint=complaint)
    first = office.do(close, idempotency_key="k1")
    office.do(RateHandling(complaint=complaint, score=Score(5)), ACCOUNT_AGENT)

    assert office.do(close, idempotency_key="k1") == replace(first, repeated=True)


def test_an_outcome_is_repeated_even_if_its_values_are_refused_by_now(office: Any) -> None:
    complaint = office.received()
    evidence = AddEvidence(
        complaint=complaint,
        kind=EvidenceKind.PHOTOGRAPH,
        media_type="image/jpeg",
        size=3,
        sha256="0" * 64,
        reference="s3://evidence/1",
    )
    office.do(evidence)
    supersede = SupersedeEvidence(complaint=complaint, number=1)
    first = office.do(supersede, idempotency_key="k1")

    for door in (0, 1):
        again = office.do(supersede, idempotency_key="k1", door=door)
        assert again == replace(first, repeated=True)
    with pytest.raises(InvalidValueError):
        office.do(supersede, idempotency_key="k2")


def test_a_request_whose_first_is_still_running_is_told_so(office: Any) -> None:
    first, second = office.together(
        office.order(RECEIVE, idempotency_key="k1"), office.order(RECEIVE, idempotency_key="k1")
    )

    assert isinstance(first, Outcome)
    assert isinstance(second, StillRunningError)
    assert office.do(RECEIVE, idempotency_key="k1").repeated
    assert office.count() == 1


def test_the_same_request_through_two_doors_at_once_is_done_once(office: Any) -> None:
    one, other = office.together(
        office.order(RECEIVE, idempotency_key="k1"),
        office.order(RECEIVE, idempotency_key="k1", door=1),
    )

    assert {one.repeated, other.repeated} == {True, False}
    assert one.result == other.result
    assert office.count() == 1


@pytest.mark.parametrize("key", ["", "k" * 256])
def test_a_key_has_1_to_255_characters(office: Any, key: str) -> None:
    with pytest.raises(InvalidValueError) as refusal:
        office.do(RECEIVE, idempotency_key=key)

    assert refusal.value == InvalidValueError("Idempotency-Key", Rule.OUT_OF_RANGE, "1-255")
    assert office.do(RECEIVE, idempotency_key="键" * 255).result


def test_no_key_and_no_text_can_be_read_in_the_idempotency_table(office: Any) -> None:
    office.do(RECEIVE, idempotency_key="order-4711")

    stored = repr(office.rows("SELECT key, request_hash, result FROM process.idempotency"))
    assert "4711" not in stored
    assert SECRET.encode() not in stored.encode()


# Time and reason


@pytest.mark.parametrize("ahead", [timedelta(0), timedelta(seconds=60), timedelta(days=-9000)])
def test_a_fact_may_be_past_or_a_little_ahead_of_our_clock(office: Any, ahead: timedelta) -> None:
    office.do(replace(RECEIVE, occurred_at=NOON + ahead))

    (state,) = office.states()
    assert datetime.fromisoformat(state["meta"]["occurred_at"]) == NOON + ahead


def test_a_fact_further_in_the_future_is_refused(office: Any) -> None:
    assert timedelta(seconds=60) == CLOCK_SKEW
    with pytest.raises(InvalidValueError) as refusal:
        office.do(replace(RECEIVE, occurred_at=NOON + timedelta(seconds=60, microseconds=1)))

    assert refusal.value == InvalidValueError("occurredAt", Rule.IN_THE_FUTURE)
    assert office.count() == 0


def test_a_time_without_zone_is_refused(office: Any) -> None:
    with pytest.raises(InvalidValueError) as refusal:
        office.do(replace(RECEIVE, occurred_at=NOON.replace(tzinfo=None)))

    assert refusal.value == InvalidValueError("occurredAt", Rule.NO_TIME_ZONE)


def test_instants_are_stored_in_utc(office: Any) -> None:
    office.do(replace(RECEIVE, occurred_at=NOON.astimezone(ZONE)))

    assert office.states()[0]["meta"]["occurred_at"] == "2026-03-02T04:00:00Z"


def test_what_happened_now_happened_by_our_clock(office: Any) -> None:
    office.received()

    assert office.states()[0]["meta"]["occurred_at"] == "2026-03-02T04:00:00Z"


@pytest.mark.parametrize(
    ("reason", "rule"),
    [
        ("", Rule.REQUIRED),
        (" ", Rule.REQUIRED),
        ("x" * 1001, Rule.TOO_LONG),
        ("\x00", Rule.CONTROL_CHARACTERS),
    ],
)
def test_a_reason_is_a_checked_text(office: Any, reason: str, rule: str) -> None:
    with pytest.raises(InvalidValueError) as refusal:
        office.do(replace(RECEIVE, reason=reason))

    assert (refusal.value.field, refusal.value.rule) == ("reason", rule)


def test_texts_that_nobody_can_encode_are_refused_not_a_fault(office: Any) -> None:
    with pytest.raises(InvalidValueError) as refusal:
        office.do(ReceiveComplaint(received=replace(RECEIVED, facts="a\ud800")))

    assert refusal.value == InvalidValueError("facts", Rule.CONTROL_CHARACTERS)


@pytest.mark.parametrize("reference", ["", " ", "a\x00", "a\ud800", "x" * 101])
def test_a_reference_that_names_nobody_is_refused(office: Any, reference: str) -> None:
    """Otherwise all customers without one would be the same person."""
    received = replace(RECEIVED, customer_reference=reference)

    with pytest.raises(InvalidValueError) as refusal:
        office.do(ReceiveComplaint(received=received))

    assert refusal.value.field == "customerReference"


def test_times_within_an_import_are_checked_like_its_own(office: Any) -> None:
    step = Milestone(MilestoneKind.PICKED_UP)
    future, naive = NOON + timedelta(minutes=2), NOON.replace(tzinfo=None)
    for at, rule in ((future, Rule.IN_THE_FUTURE), (naive, Rule.NO_TIME_ZONE)):
        with pytest.raises(InvalidValueError) as refusal:
            office.do(
                ImportShipment(waybill=WAYBILL, facts=FACTS, milestones=((at, step),)),
                ADMINISTRATOR,
            )
        assert refusal.value == InvalidValueError("occurredAt", rule)
    assert office.count() == 0

    office.do(
        ImportShipment(waybill=WAYBILL, facts=FACTS, delivered_at=NOON.astimezone(ZONE)),
        ADMINISTRATOR,
    )
    assert office.states()[-1]["meta"]["occurred_at"] == "2026-03-02T04:00:00Z"


# Metadata


def test_an_event_says_who_in_which_role_why_and_through_which_door(office: Any) -> None:
    correlation, causation = uuid4(), uuid4()
    office.do(
        replace(RECEIVE, reason=" called twice "),
        correlation=correlation,
        causation=causation,
        source=Source(SourceKind.IMPORT, "olist", historical=True),
    )

    assert office.states()[0]["meta"] == {
        "occurred_at": "2026-03-02T04:00:00Z",
        "actor": "agent-1",
        "role": "front_desk",
        "reason": "called twice",
        "correlation": str(correlation),
        "causation": str(causation),
        "source": {"kind": "import", "name": "olist", "historical": True},
    }


def test_what_nobody_said_is_not_stored(office: Any) -> None:
    office.received()

    meta = office.states()[0]["meta"]
    assert meta["source"] == {"kind": "api"}
    assert UUID(meta["correlation"])
    assert set(meta) == {"occurred_at", "actor", "role", "correlation", "source"}


def test_events_of_one_command_belong_together(office: Any) -> None:
    office.do(RecordShipment(waybill=WAYBILL, facts=FACTS))
    office.received()

    one, two, three = (state["meta"]["correlation"] for state in office.states())
    assert one == two != three


def test_the_outcome_says_how_far_the_log_reaches(office: Any) -> None:
    assert office.do(RecordShipment(waybill=WAYBILL, facts=FACTS)).position == 2
    assert office.do(RECEIVE).position == 3


# Imports


def test_a_complaint_of_the_past_is_imported_once(office: Any) -> None:
    command = ImportComplaint(key="1", received=RECEIVED)
    olist = Source(SourceKind.IMPORT, "olist", historical=True)

    assert office.do(command, ADMINISTRATOR, source=olist).result is True
    assert office.do(command, ADMINISTRATOR, source=olist).result is False
    assert office.do(command, SYSTEM, source=replace(olist, name="other")).result is True
    with pytest.raises(InvalidValueError):
        office.do(command, ADMINISTRATOR)
    assert office.count() == 2


def test_a_shipment_is_imported_with_its_past_once(office: Any) -> None:
    command = ImportShipment(
        waybill=WAYBILL,
        facts=FACTS,
        milestones=((NOON - timedelta(days=2), Milestone(MilestoneKind.ORDERED)),),
        delivered_at=NOON - timedelta(days=1),
        occurred_at=NOON - timedelta(days=2),
    )

    assert office.do(command, ADMINISTRATOR).result.new
    assert not office.do(command, ADMINISTRATOR, door=1).result.new
    assert office.topics(shipment_id(WAYBILL)) == [
        "shipment.opened",
        "shipment.facts_recorded",
        "shipment.milestone_recorded",
        "shipment.delivered",
    ]
