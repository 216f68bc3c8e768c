"""Several clients, several processes: nothing is lost, nothing is decided on an old state."""

import gc
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from application.complaint_endings import CloseComplaint
from application.complaint_work import AnswerComplaint, AssignComplaint, RegisterComplaint
from application.complaints import ReceiveComplaint, ReceivedComplaint
from application.dispatch import Outcome
from application.eventstore.subject_keys import MasterKey
from application.permissions import Caller
from application.shipments import (
    ImportShipment,
    RecordDelivery,
    RecordShipment,
)
from domain.categories import Category
from domain.complaint_life import LifeCycleRule
from domain.complaint_words import Channel
from domain.errors import (
    AlreadyDeliveredError,
    ConcurrentChangeError,
    WrongStateError,
)
from domain.identifiers import Waybill, shipment_id
from domain.roles import PersonId, Role
from domain.shipment import ServiceClass, ShipmentFacts

NOON = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
WAYBILL = Waybill("SF1234567890")
FACTS = ShipmentFacts(service_class=ServiceClass.SAME_CITY, region="east")
SECRET = "王小明 13800138000"  # noqa: S105  a person's, not a machine's
SHOP = Caller("shop", PersonId("shop"), Role.PARTNER)
ADMINISTRATOR = Caller("root", PersonId("root"), Role.ADMINISTRATOR)
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


def test_two_who_close_a_complaint_at_once_close_it_once(office: Any) -> None:
    for _ in range(5):
        complaint = office.answered()
        answers = office.together(
            *(office.order(CloseComplaint(complaint=complaint), door=door) for door in (0, 1, 0, 1))
        )

        assert sorted(type(a).__name__ for a in answers) == ["Outcome", *["WrongStateError"] * 3]
        assert office.topics(complaint)[1:] == ["complaint.answered", "complaint.closed"]


def test_who_loses_a_race_tries_again_and_nothing_is_lost(office: Any) -> None:
    complaint = office.received()
    office.do(RegisterComplaint(complaint=complaint))
    lines = [
        [
            office.order(AssignComplaint(complaint=complaint, department=f"d{door}-{n}"), door=door)
            for n in range(15)
        ]
        for door in (0, 1)
    ]

    answers = office.one_after_the_other(*lines)

    assert all(isinstance(a, Outcome | ConcurrentChangeError) for line in answers for a in line)
    done = {
        f"d{door}-{n}"
        for door, line in enumerate(answers)
        for n, answer in enumerate(line)
        if isinstance(answer, Outcome)
    }
    stored = [state["data"]["department"] for state in office.states()[2:]]
    assert sorted(stored) == sorted(done)
    assert len(office.topics(complaint)) == len(done) + 2
    assert len(done) > 15, "a retry should nearly always succeed"


def test_within_one_process_commands_on_one_complaint_queue_up(office: Any) -> None:
    complaint = office.received()
    office.do(RegisterComplaint(complaint=complaint))
    command = AssignComplaint(complaint=complaint, department="north")

    answers = office.one_after_the_other(
        *([office.order(command) for _ in range(10)] for _ in range(8))
    )

    assert [a for line in answers for a in line if not isinstance(a, Outcome)] == []
    assert len(office.topics(complaint)) == 82


def test_nothing_of_a_finished_command_is_kept_locked(office: Any) -> None:
    complaint = office.received()
    office.together(*(office.order(RegisterComplaint(complaint=complaint)) for _ in range(4)))

    gc.collect()
    assert len(office.stores[0]._locks) == 0


def test_a_cached_state_never_accepts_what_the_log_refuses(office: Any) -> None:
    complaint = office.received()
    office.do(RegisterComplaint(complaint=complaint))
    office.do(AnswerComplaint(complaint=complaint, answer="settled"), door=1)
    office.do(CloseComplaint(complaint=complaint), door=1)

    with pytest.raises(WrongStateError) as refusal:
        office.do(AssignComplaint(complaint=complaint, department="north"))

    assert refusal.value == WrongStateError("assign", "closed", LifeCycleRule.CLOSED)
    assert office.topics(complaint)[2:] == ["complaint.answered", "complaint.closed"]


def test_a_cached_state_never_refuses_what_the_log_accepts(office: Any) -> None:
    complaint = office.received()
    office.do(RegisterComplaint(complaint=complaint))
    office.do(AnswerComplaint(complaint=complaint, answer="settled"), door=1)

    assert office.do(CloseComplaint(complaint=complaint)).result == complaint


def test_a_cached_state_never_calls_news_known(office: Any) -> None:
    first = RecordShipment(waybill=WAYBILL, facts=FACTS)
    other = RecordShipment(waybill=WAYBILL, facts=replace(FACTS, region="west"))
    office.do(first)
    office.do(other, door=1)
    office.do(first)

    regions = [s["data"]["facts"]["region"] for s in office.states() if "facts" in s["data"]]
    assert regions == ["east", "west", "east"]


def test_a_refused_command_leaves_nothing_in_memory(office: Any) -> None:
    office.do(RecordDelivery(waybill=WAYBILL, occurred_at=NOON))
    with pytest.raises(AlreadyDeliveredError):
        office.do(
            ImportShipment(waybill=WAYBILL, facts=FACTS, delivered_at=NOON - timedelta(hours=1)),
            ADMINISTRATOR,
        )
    office.do(RecordShipment(waybill=WAYBILL, facts=FACTS))

    assert office.topics(shipment_id(WAYBILL)) == [
        "shipment.opened",
        "shipment.delivered",
        "shipment.facts_recorded",
    ]


def test_a_customer_new_to_two_processes_gets_one_key(office: Any) -> None:
    known = ReceiveComplaint(received=replace(RECEIVED, customer_reference="customer-1"))

    answers = office.together(*(office.order(known, SHOP, door=n % 2) for n in range(12)))

    assert all(isinstance(answer, Outcome) for answer in answers)
    assert office.rows("SELECT key_version FROM keys.subject_keys") == [(1,)]


def test_a_key_that_lost_a_race_does_not_stand_in_the_way_for_ever(
    office: Any, master: MasterKey
) -> None:
    known = ReceiveComplaint(received=replace(RECEIVED, customer_reference="customer-1"))
    customer = master.pseudonym("customer:shop", "customer-1")
    office.do(known, SHOP, door=1)
    row = office.rows("SELECT subject, key_version, master, wrapped FROM keys.subject_keys")

    # Two look-ups at once: the earlier one found no key yet, the later one the stored one.
    keys = office.stores[0].keys
    keys.create(customer)
    keys.learn(row)

    assert isinstance(office.do(known, SHOP, door=0), Outcome)


# Numbers


def numbers(office: Any) -> list[str]:
    return [state["data"]["number"] for state in office.states()]


def test_numbers_are_unique_whoever_gives_them(office: Any) -> None:
    office.together(*(office.order(RECEIVE, door=n % 2) for n in range(150)))

    given = numbers(office)
    assert len(given) == len(set(given)) == 150
    assert all(number[:7] == "C-2026-" and len(number) == 13 for number in given)


def test_one_process_gives_numbers_in_order(office: Any) -> None:
    for _ in range(3):
        office.received()

    assert all(one < other for one, other in pairwise(numbers(office)))
    assert numbers(office)[0] == "C-2026-000001"


def test_the_year_of_a_number_is_that_of_the_organisations_zone(office: Any) -> None:
    office.do(replace(RECEIVE, occurred_at=datetime(2025, 12, 31, 15, 59, 59, tzinfo=UTC)))
    office.do(replace(RECEIVE, occurred_at=datetime(2025, 12, 31, 16, 0, tzinfo=UTC)))

    assert [number[:6] for number in numbers(office)] == ["C-2025", "C-2026"]
