"""The past as ``caseState`` tells it, beside a replay of raw rows that shares no product code."""

import random
from base64 import b64decode
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from api.case_state import CASE_KINDS, Moment, PastRows, _fold
from domain.aggregate import DomainEvent
from domain.complaint import Complaint
from projections.engine import Batch, Entry, Projection, on
from projections.tables import Table
from tests.api.replay_oracle import (
    AMOUNTS,
    CLOCKS,
    COMPLAINT,
    COMPLAINT_TEXTS,
    EFFECTS,
    NOBODY,
    SHIPMENT,
    TICK,
    Log,
)

# What the product says, in the same words

STATE = f"""
query State($case: ID!, $asOf: AsOf!) {{
  caseState(caseId: $case, asOf: $asOf) {{
    caseId kind version position occurredAt recordedAt
    complaint {{ {" ".join(COMPLAINT)} }}
    shipment {{ {" ".join(SHIPMENT[:-3])}
      {" ".join(f"{name} {{ amountMinor currency }}" for name in AMOUNTS)} }}
  }}
}}
"""
INSTANTS = {"occurredAt", "recordedAt", "promisedBy", "lastMilestoneAt", "openedAt"} | {
    name for name in (*COMPLAINT, *SHIPMENT) if name.endswith("At")
}
ENUMS = {"state", "channel", "category", "severity", "serviceClass"}


def plain(answer: Any) -> Any:
    """Return an answer with the log's values: instants, codes, amounts."""
    if not isinstance(answer, dict):
        return answer
    read: dict[str, Any] = {}
    for name, value in answer.items():
        if value is None:
            read[name] = None
        elif name in INSTANTS:
            read[name] = datetime.fromisoformat(value)
        elif name in ENUMS:
            read[name] = value.lower()
        elif name in AMOUNTS:
            read[name] = {"amount_minor": value["amountMinor"], "currency": value["currency"]}
        else:
            read[name] = plain(value)
    return read


def named(clock: str, until: Any) -> dict[str, Any]:
    return {clock: until.isoformat() if isinstance(until, datetime) else until}


def told(api: Any, case: UUID | str, as_of: dict[str, Any], role: str = "front_desk") -> Any:
    answer = api.graphql(STATE, {"case": str(case), "asOf": as_of}, role)
    return plain(answer["caseState"])


# A company's life at random, with facts that are reported late

BEGIN = datetime.now(UTC).replace(microsecond=0) - timedelta(days=40)
DAYS = 30
MILESTONES = ("ORDERED", "PICKED_UP", "HUB_SCAN", "SORTING", "OUT_FOR_DELIVERY", "EXCEPTION")


@dataclass(frozen=True)
class Order:
    """A mutation that may be given at random: by whom, with what, how often."""

    name: str
    kind: str
    role: str
    given: Callable[[random.Random], dict[str, Any]] = lambda _: {}
    weight: int = 4


ABOUT_COMPLAINTS = (
    Order("registerComplaint", "ComplaintInput", "front_desk"),
    Order(
        *("assignComplaint", "AssignComplaintInput", "back_office"),
        lambda dice: {"department": f"hub {dice.randrange(9)}", "handler": dice.choice(PEOPLE)},
    ),
    Order(
        *("answerComplaint", "AnswerComplaintInput", "front_desk"),
        lambda dice: {"answer": f"答复{dice.randrange(999)}"},
        weight=2,
    ),
    Order("closeComplaint", "ComplaintInput", "front_desk"),
    Order(
        *("declineComplaint", "DeclineComplaintInput", "front_desk"),
        lambda dice: {"explanation": f"说明{dice.randrange(999)}"},
        weight=1,
    ),
    Order(
        *("rateHandling", "RateHandlingInput", "account_agent"),
        lambda dice: {"score": dice.randrange(1, 6), "comment": dice.choice((None, "好", "慢"))},
    ),
)
PEOPLE = (None, "agent-1", "agent-2")
PROPOSAL = {
    "ruleSource": "LAW",
    "rule": "快递暂行条例 28",
    "measures": ["APOLOGY", "CORRECTION"],
    "proposal": "致歉并更正",
    "feasibility": "可行",
}
WHOLE_WAY: tuple[tuple[str, dict[str, Any]], ...] = (
    ("registerComplaint", {}),
    ("waitForCustomer", {"asked": "请提供照片"}),
    ("assignComplaint", {"department": "hub 1"}),
    ("resumeComplaint", {}),
    ("escalateComplaint", {"to": "head-1", "demandedBy": "CUSTOMER", "reason": "asked for it"}),
    ("startInvestigation", {}),
    ("proposeResolution", PROPOSAL),
    ("rejectResolution", {}),
    ("proposeResolution", PROPOSAL),
    ("agreeResolution", {}),
    ("answerComplaint", {"answer": "已核实"}),
    ("disputeAnswer", {"objection": "不满意"}),
    ("proposeResolution", PROPOSAL),
    ("answerComplaint", {"answer": "再次核实"}),
    ("agreeResolution", {}),
    ("carryOutRemedy", {"measures": ["APOLOGY"]}),
    ("reclassifyComplaint", {"category": "DAMAGE", "reason": "damaged, too"}),
    ("reassessSeverity", {"severity": "SERIOUS", "reason": "graver than thought"}),
    ("markUrgency", {"urgent": True}),
    ("carryOutRemedy", {}),
    ("followUpComplaint", {"outcome": "SATISFIED"}),
    ("closeComplaint", {}),
    ("reopenComplaint", {"reason": "it happened again"}),
    ("withdrawComplaint", {}),
)
"""A case as it should go, and what else can happen to it; most of it reported late."""
IN_TIME = {"closeComplaint", "reopenComplaint"}  # a case is not reopened before it was closed
ABOUT_SHIPMENTS = (
    Order(
        *("recordShipment", "RecordShipmentInput", "front_desk"),
        lambda dice: {
            "region": dice.choice(("east", "west", None)),
            "serviceClass": dice.choice(("SAME_CITY", "INTER_PROVINCE", None)),
            "fee": dice.choice((None, {"amountMinor": dice.randrange(9999), "currency": "CNY"})),
            "insured": dice.random() < 0.5,
            "promisedBy": some_instant(dice),
        },
    ),
    Order(
        *("recordMilestone", "RecordMilestoneInput", "front_desk"),
        lambda dice: {"kind": dice.choice(MILESTONES), "place": f"hub {dice.randrange(5)}"},
    ),
    Order(
        *("recordMilestone", "RecordMilestoneInput", "front_desk"),
        lambda dice: {"kind": dice.choice(MILESTONES)},
    ),
    Order(
        *("recordDelivery", "RecordDeliveryInput", "front_desk"),
        lambda dice: {"signedBy": dice.choice((None, "李雷"))},
    ),
    Order(
        *("rateDelivery", "RateDeliveryInput", "front_desk"),
        lambda dice: {"reference": f"r{dice.randrange(99)}", "score": dice.randrange(1, 6)},
    ),
)


def some_instant(dice: random.Random) -> str:
    """Return a business time, to the hour so that some coincide."""
    return (BEGIN + timedelta(hours=dice.randrange(24 * DAYS))).isoformat()


def when(dice: random.Random) -> dict[str, Any]:
    return {"occurredAt": some_instant(dice)} if dice.random() < 0.9 else {}


def live(api: Any, dice: random.Random, size: int) -> None:
    """Give commands at random; most are late, in any order, and some are refused by the rules."""
    waybills = [f"SF{uuid4().int % 10**12:012d}" for _ in range(size)]
    complaints = [
        api.receive(
            waybill=dice.choice((None, *waybills)),
            category=dice.choice(("DELAY", "LOSS", "ENQUIRY")),
            subject=f"包裹{number}",
            contact=dice.choice((None, f"1380013{number:04d}")),
            request=None,
            urgent=dice.choice((True, False)),
            occurredAt=(BEGIN - timedelta(hours=dice.randrange(-24 * 3, 24))).isoformat(),
        )["id"]
        for number in range(2 * size)
    ]
    for name, given in WHOLE_WAY:
        of_its_own = name in {"rejectResolution", "resumeComplaint", "carryOutRemedy"}
        plainly = given.keys() <= {"reason"} and not of_its_own
        kind = "ComplaintInput" if plainly else f"{name[0].upper()}{name[1:]}Input"
        document = f"mutation Order($input: {kind}!) {{ {name}(input: $input) {{ __typename }} }}"
        steps = [
            api.posted(
                document,
                {"input": {"complaintId": c} | ({} if name in IN_TIME else when(dice)) | given},
                "front_desk",
            )
            for c in complaints[::2]
        ]
        for response in api.together(*steps):
            assert "errors" not in response.json(), response.json()["errors"]
    orders = []
    for _ in range(40 * size):
        if dice.random() < 0.7:
            (order,) = dice.choices(ABOUT_COMPLAINTS, [order.weight for order in ABOUT_COMPLAINTS])
            about = {"complaintId": dice.choice(complaints)}
        else:
            order, about = dice.choice(ABOUT_SHIPMENTS), {"waybill": dice.choice(waybills)}
        document = f"""mutation Order($input: {order.kind}!) {{
          {order.name}(input: $input) {{ __typename }} }}"""
        given = about | when(dice) | order.given(dice)
        orders.append(api.posted(document, {"input": given}, order.role))
    for start in range(0, len(orders), 16):
        for response in api.together(*orders[start : start + 16]):
            assert "errors" not in response.json(), response.json()["errors"]


@pytest.fixture(scope="module")
def log(shared: Any, full_volume: bool) -> Log:
    seed = random.SystemRandom().randrange(1_000_000)
    print(f"seed {seed}")
    live(shared, random.Random(seed), 25 if full_volume else 3)
    found = Log(shared)
    if full_volume:
        assert {event.topic for event in found.events} >= set(EFFECTS), "everything happened"
    return found


def moments(log: Log, clock: str, dice: random.Random) -> Iterator[tuple[UUID, Any]]:
    """Yield cases with moments: where something happened, just before and after, and anywhere."""
    cases = [s for s, events in log.streams.items() if events[0].topic[:7] != "api_key"]
    first, last = (found(e.clock(clock) for e in log.events) for found in (min, max))
    while True:
        case = dice.choice(cases)
        happened = dice.choice(log.streams[case]).clock(clock)
        step = 1 if clock == "position" else TICK
        yield (
            case,
            dice.choice(
                (happened, happened - step, happened + step, first + dice.random() * (last - first))
                if clock != "position"
                else (happened, happened - 1, happened + 1, dice.randint(first - 2, last + 2))
            ),
        )


@pytest.mark.acceptance
@pytest.mark.parametrize("clock", CLOCKS)
def test_the_past_is_what_a_replay_of_the_log_tells(
    shared: Any, log: Log, clock: str, *, full_volume: bool
) -> None:
    seed = random.SystemRandom().randrange(1_000_000)
    print(f"seed {seed}")
    kinds, gaps = set(), 0
    asked = islice(moments(log, clock, random.Random(seed)), 1000 if full_volume else 60)
    for case, until in asked:
        expected = log.as_of(case, clock, until)

        assert told(shared, case, named(clock, until)) == expected, (case, clock, until)

        kinds.add(None if expected is None else expected["kind"])
        if expected is not None and expected["version"] < bisect_right(
            [event.position for event in log.streams[case]], expected["position"]
        ):
            gaps += 1
    assert kinds == {None, "complaint", "shipment"}
    assert (gaps > 0) is (clock == "occurredAt"), "only business time leaves out what came before"


def test_the_last_moment_is_the_present(shared: Any, log: Log) -> None:
    last = log.events[-1].position
    shared.graphql("{ viewer { role } }", None, Redress_After=str(last))
    for case, events in log.streams.items():
        past = told(shared, case, {"position": last})
        if events[0].topic == "complaint.received":
            query = f"query Now($id: ID!) {{ complaint(id: $id) {{ {' '.join(COMPLAINT)} }} }}"
            now = shared.graphql(query, {"id": str(case)})["complaint"]
            assert past["complaint"] == plain(now)
            assert past["version"] == len(events)
        elif events[0].topic == "shipment.opened":
            query = f"query Now($waybill: String!) {{ shipment(waybill: $waybill) {{ {PLAIN} }} }}"
            now = shared.graphql(query, {"waybill": events[0].data["waybill"]})["shipment"]
            then = {name: past["shipment"][name] for name in PLAIN.split()}
            assert then == plain(now)


PLAIN = " ".join(SHIPMENT[:-3])


HANGING = """
query Then($case: ID!, $asOf: AsOf!) {
  caseState(caseId: $case, asOf: $asOf) {
    shipment { milestones { kind } ratings { score } }
    complaint { shipment { region lastMilestone milestones { kind } } mergedInto { id } }
  }
}
"""


def test_what_hangs_on_a_case_is_as_it_was_then(shared: Any) -> None:
    about = {"waybill": "SF0000000002"}
    case = shared.receive(**about)["id"]
    positions = [
        shared.command(name, about | more)["position"]
        for name, more in (
            ("recordShipment", {"region": "east"}),
            ("recordMilestone", {"kind": "SORTING"}),
            ("rateDelivery", {"reference": "r", "score": 4}),
            ("recordMilestone", {"kind": "HUB_SCAN"}),
            ("recordShipment", {"region": "west"}),
        )
    ]
    parcel = shared.graphql('{ shipment(waybill: "SF0000000002") { id } }')["shipment"]["id"]

    def then(identifier: str, position: int) -> Any:
        given = {"case": identifier, "asOf": {"position": position}}
        return shared.graphql(HANGING, given)["caseState"]

    assert then(case, positions[0] - 2)["complaint"]["shipment"] is None, "not opened yet"
    seen = then(case, positions[1])["complaint"]["shipment"]
    assert (seen["region"], seen["lastMilestone"], len(seen["milestones"])) == (
        "east",
        "sorting",
        1,
    )
    seen = then(case, positions[4])["complaint"]["shipment"]
    assert (seen["region"], len(seen["milestones"])) == ("west", 2)
    assert then(parcel, positions[1])["shipment"]["ratings"] == []
    assert then(parcel, positions[2])["shipment"] == {
        "milestones": [{"kind": "sorting"}],
        "ratings": [{"score": 4}],
    }


def test_the_example_of_the_guide(shared: Any) -> None:
    """docs/guides/as-of.md, Monday being the 5th of January."""
    case = shared.receive(occurredAt="2026-01-05T09:00:00Z")["id"]
    positions = [
        shared.command(name, {"complaintId": case, "occurredAt": f"2026-01-{at}:00:00Z"} | more)[
            "position"
        ]
        for name, at, more in (
            ("registerComplaint", "05T10", {}),
            ("assignComplaint", "08T09", {"department": "hub 3"}),
            ("assignComplaint", "06T15", {"department": "line haul"}),
        )
    ]

    def of(**as_of: Any) -> tuple[int, str, str | None]:
        found = told(shared, case, as_of)
        return found["version"], found["complaint"]["state"], found["complaint"]["department"]

    assert of(occurredAt="2026-01-07T12:00:00Z") == (3, "assigned", "line haul")
    assert of(position=positions[0]) == (2, "registered", None)
    assert of(position=positions[1]) == (3, "assigned", "hub 3")
    assert of(recordedAt="9999-12-31T00:00:00Z") == (4, "assigned", "line haul")


# When there is none, and for whom


def test_there_is_no_state_of_what_was_not_there_yet(shared: Any) -> None:
    step = {"waybill": "SF0000000001", "kind": "SORTING"}
    for at in ("2026-01-02T08:00:00Z", "2026-01-01T08:00:00Z"):  # the earlier one is reported late
        found = shared.command("recordMilestone", step | {"occurredAt": at})
    case = found["shipment"]["id"]

    assert told(shared, case, {"occurredAt": "2026-01-01T23:00:00Z"}) is None, "not opened yet"
    both = told(shared, case, {"occurredAt": "2026-01-02T08:00:00Z"})
    assert (both["version"], both["shipment"]["lastMilestoneAt"].day) == (3, 2)
    assert both["occurredAt"] == datetime(2026, 1, 1, 8, tzinfo=UTC), "the last in log order"
    assert told(shared, case, {"recordedAt": "2026-01-02T08:00:00Z"}) is None
    assert told(shared, NOBODY, {"position": 2**62}) is None
    ((key,),) = shared.rows("SELECT id FROM ops.api_keys LIMIT 1")
    assert told(shared, key, {"position": 2**62}) is None, "a key is no case"


def test_a_past_moment_is_asked_for_by_those_who_may_see_the_case(shared: Any) -> None:
    case, last = shared.receive("partner")["id"], {"position": 2**62}
    desk = shared.receive()["id"]

    assert told(shared, case, last, "partner")["complaint"]["complainant"] == "王小明"
    assert told(shared, case, last, "other_partner") is None
    assert told(shared, desk, last, "partner") is None
    for role in ("operator", "customer"):
        assert shared.code(STATE, {"case": case, "asOf": last}, role) == "FORBIDDEN"
    assert shared.code(STATE, {"case": case, "asOf": last}, None) == "UNAUTHENTICATED"
    assert shared.code(STATE, {"case": "x", "asOf": last}) == "INVALID_VALUE"


def test_texts_are_those_of_the_moment_and_for_those_who_may_read_them(shared: Any) -> None:
    case = shared.receive(occurredAt="2026-01-01T08:00:00Z")["id"]
    given = {"complaintId": case, "occurredAt": "2026-01-03T08:00:00Z", "answer": "运费已退"}
    position = shared.command("answerComplaint", given)["position"]

    before = told(shared, case, {"position": position - 1})["complaint"]
    after = told(shared, case, {"position": position})["complaint"]
    unread = told(shared, case, {"position": position}, "finance")["complaint"]

    assert (before["subject"], before["answer"]) == ("包裹晚到", None)
    assert (after["subject"], after["answer"]) == ("包裹晚到", "运费已退")
    assert unread == after | dict.fromkeys(COMPLAINT_TEXTS)


def test_what_was_erased_is_gone_from_the_past_too(shared: Any) -> None:
    case = shared.receive()["id"]
    key = "SELECT customer FROM read.complaints WHERE id = %s"
    ((customer,),) = shared.rows(key, bare(case))
    with psycopg.connect(shared.database.conninfo) as connection:
        connection.execute(
            "UPDATE keys.subject_keys SET wrapped = NULL WHERE subject = %s", [customer]
        )

    past = told(shared, case, {"position": 2**62})["complaint"]

    assert [past[name] for name in COMPLAINT_TEXTS] == [None] * len(COMPLAINT_TEXTS)
    assert past["state"] == "received"


def bare(identifier: str) -> UUID:
    return UUID(b64decode(identifier).decode().partition(":")[2])


def test_a_kind_of_case_names_its_row() -> None:
    assert {"complaint", "shipment"} <= set(CASE_KINDS)
    for kind in CASE_KINDS.values():
        assert any(kind.table in projection.tables for projection in kind.projections)


# An event without what it builds on


@dataclass(slots=True)
class StepRow:
    id: UUID
    state: str
    paused_in: str | None
    steps: int | None


@dataclass(slots=True)
class PieceRow:
    position: int
    case: UUID
    replaced: bool


STEPS = Table("steps", StepRow)
PIECES = Table("pieces", PieceRow, key="position", stream="case")


class StepsProjection(Projection):
    """Takes for granted that everything came before that must have come before."""

    name = "steps"
    tables = (STEPS, PIECES)

    @on(Complaint.Received)
    def received(self, event: Complaint.Received, _entry: Entry, batch: Batch) -> None:
        batch.put(STEPS, StepRow(event.originator_id, "received", None, None))

    @on(Complaint.Registered)
    def registered(self, event: Complaint.Registered, entry: Entry, batch: Batch) -> None:
        row = batch.change(STEPS, event.originator_id)
        row.paused_in, row.state, row.steps = row.state, "registered", 0
        batch.put(PIECES, PieceRow(entry.position, event.originator_id, replaced=False))

    @on(Complaint.Assigned)
    def assigned(self, event: Complaint.Assigned, _entry: Entry, batch: Batch) -> None:
        row = batch.change(STEPS, event.originator_id)
        row.state = "assigned"
        row.steps += 1  # type: ignore[operator]  # nothing if the registration is missing

    @on(Complaint.Closed)
    def closed(self, event: Complaint.Closed, entry: Entry, batch: Batch) -> None:
        batch.put(PIECES, PieceRow(entry.position, event.originator_id, replaced=True))
        row = batch.change(STEPS, event.originator_id)
        row.state = row.paused_in  # type: ignore[assignment]  # no state without it


def fold(*versions: int) -> PastRows:
    """Fold events of a stream; by version: received, registered, assigned, closed, registered."""
    happened = (
        *(Complaint.Received, Complaint.Registered, Complaint.Assigned, Complaint.Closed),
        Complaint.Registered,
    )
    rows = PastRows(Moment("occurred_at", BEGIN), None)  # type: ignore[arg-type]
    entries = [entry(n, happened[n - 1]) for n in versions]
    _fold(entries, (StepsProjection(),), rows, missing=versions[-1] != len(versions))
    return rows


def entry(version: int, cls: type[DomainEvent]) -> Entry:
    def decode(*_: Any) -> DomainEvent:
        found = object.__new__(cls)
        found.__dict__.update(originator_id=UUID(NOBODY), originator_version=version)
        return found

    return Entry(version, BEGIN, UUID(NOBODY), version, cls.TOPIC, b"", decode)


@pytest.mark.parametrize(
    ("versions", "state", "steps", "pieces"),
    [
        ((1, 2, 3), "assigned", 1, [2]),
        ((1, 3), "received", None, []),  # a failure leaves nothing half done
        ((1, 4), "received", None, []),  # nor does a row that its table would refuse
        ((1, 2, 4), "received", 0, [2, 4]),
        ((1, 3, 5), "registered", 0, [5]),  # what comes after is told
        ((1, 4, 3, 5), "registered", 0, [5]),
    ],
)
def test_an_event_without_what_it_builds_on_changes_nothing(
    versions: tuple[int, ...], state: str, steps: int | None, pieces: list[int]
) -> None:
    rows = fold(*versions)

    (row,) = rows.all(STEPS)
    assert (row.state, row.steps) == (state, steps)
    assert [piece.position for piece in rows.all(PIECES)] == pieces
    assert [piece.position for piece in rows.change_all(PIECES, UUID(NOBODY))] == pieces


def test_where_nothing_is_missing_a_failure_is_a_fault() -> None:
    entries = [entry(1, Complaint.Received), entry(2, Complaint.Assigned)]
    rows = PastRows(Moment("position", 2), None)  # type: ignore[arg-type]

    with pytest.raises(TypeError):
        _fold(entries, (StepsProjection(),), rows, missing=False)
