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
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from api.case_state import CASE_KINDS, Moment, PastRows, _fold
from domain.aggregate import DomainEvent
from domain.complaint import Complaint
from projections.engine import Batch, Entry, Projection, on
from projections.tables import Table

NOBODY = "01890000-0000-7000-8000-000000000000"
CLOCKS = ("occurredAt", "recordedAt", "position")
TICK = timedelta(microseconds=1)


# The oracle: what the log's rows say, by its own small tables


@dataclass(frozen=True)
class Event:
    """A row of the log, its JSON read as it stands."""

    position: int
    recorded_at: datetime
    stream: UUID
    version: int
    topic: str
    meta: dict[str, Any]
    data: dict[str, Any]

    @property
    def occurred_at(self) -> datetime:
        return datetime.fromisoformat(self.meta["occurred_at"])

    def clock(self, name: str) -> Any:
        return {
            "occurredAt": self.occurred_at,
            "recordedAt": self.recorded_at,
            "position": self.position,
        }[name]


State = dict[str, Any]
Effect = Callable[[State, Event], None]
EFFECTS: dict[str, Effect] = {}
"""What an event does to the plain state of its stream, by topic."""


def effect(*topics: str) -> Callable[[Effect], Effect]:
    def register(function: Effect) -> Effect:
        EFFECTS.update(dict.fromkeys(topics, function))
        return function

    return register


def taken(state: State, event: Event, *names: str) -> None:
    """Take values over from the event; the state has GraphQL's names."""
    for name in names:
        state[camel(name)] = event.data.get(name)


def camel(name: str) -> str:
    first, *more = name.split("_")
    return first + "".join(word.title() for word in more)


COMPLAINT_TEXTS = (
    *("complainant", "contact", "subject", "facts", "request", "explanation", "answer"),
    "ratingComment",
)
COMPLAINT = (
    *("number", "state", "channel", "category", "severity", "urgent", "waybill", "region"),
    *("outlet", "department", "handler", "partnerReference", "firstContact", "score"),
    *("receivedAt", "registeredAt", "declinedAt", "assignedAt", "answeredAt", "closedAt"),
    *("importSource", "historical"),
    *COMPLAINT_TEXTS,
)


@effect("complaint.received")
def received(state: State, event: Event) -> None:
    state.update(dict.fromkeys(COMPLAINT))
    state["state"] = "received"
    taken(state, event, "number", "channel", "category", "severity", "urgent", "waybill")
    taken(state, event, "region", "outlet", "partner_reference")
    taken(state, event, "complainant", "contact", "subject", "facts", "request")
    state["receivedAt"] = event.occurred_at
    state["importSource"] = event.meta["source"].get("name")
    state["historical"] = event.meta["source"].get("historical", False)


@effect("complaint.registered")
def registered(state: State, event: Event) -> None:
    state["state"], state["registeredAt"] = "registered", event.occurred_at


@effect("complaint.declined")
def declined(state: State, event: Event) -> None:
    state["state"], state["declinedAt"] = "declined", event.occurred_at
    taken(state, event, "explanation")


@effect("complaint.assigned")
def assigned(state: State, event: Event) -> None:
    if state["state"] == "registered":
        state["state"] = "assigned"
    taken(state, event, "department", "handler")
    state["assignedAt"] = state["assignedAt"] or event.occurred_at


@effect("complaint.answered")
def answered(state: State, event: Event) -> None:
    state["state"], state["answeredAt"] = "answered", event.occurred_at
    taken(state, event, "answer", "first_contact")


@effect("complaint.closed")
def closed(state: State, event: Event) -> None:
    state["state"], state["closedAt"] = "closed", event.occurred_at


@effect("complaint.handling_rated")
def handling_rated(state: State, event: Event) -> None:
    taken(state, event, "score")
    state["ratingComment"] = event.data.get("comment")


SHIPMENT = (
    *("waybill", "partnerReference", "origin", "destination", "region", "outlet", "serviceClass"),
    *("orderedAt", "acceptedAt", "promisedBy", "deliveredAt", "openedAt", "insured"),
    *("lastMilestone", "lastMilestoneAt", "importSource", "fee", "surcharges", "declaredValue"),
)
AMOUNTS = ("fee", "surcharges", "declaredValue")


@effect("shipment.opened")
def opened(state: State, event: Event) -> None:
    state.update(dict.fromkeys(SHIPMENT))
    taken(state, event, "waybill")
    state["openedAt"], state["insured"] = event.occurred_at, False
    state["importSource"] = event.meta["source"].get("name")


@effect("shipment.facts_recorded")
def facts_recorded(state: State, event: Event) -> None:
    facts = event.data["facts"]
    for name in ("partner_reference", "origin", "destination", "region", "outlet"):
        state[camel(name)] = facts.get(name)
    for name in ("fee", "surcharges", "declared_value"):
        state[camel(name)] = facts.get(name)
    state["serviceClass"], state["insured"] = facts.get("service_class"), facts["insured"]
    for name in ("accepted_at", "promised_by"):
        at = facts.get(name)
        state[camel(name)] = None if at is None else datetime.fromisoformat(at)


@effect("shipment.milestone_recorded")
def milestone_recorded(state: State, event: Event) -> None:
    kind, at = event.data["milestone"]["kind"], event.occurred_at
    reached(state, kind, at)
    if kind == "ordered":
        state["orderedAt"] = min(at, state["orderedAt"] or at)


@effect("shipment.delivered")
def delivered(state: State, event: Event) -> None:
    state["deliveredAt"] = event.occurred_at
    reached(state, "delivered", event.occurred_at)


@effect("shipment.delivery_rated")
def delivery_rated(_state: State, _event: Event) -> None:
    """A rating stands apart."""


def reached(state: State, kind: str, at: datetime) -> None:
    if state["lastMilestoneAt"] is None or at >= state["lastMilestoneAt"]:
        state["lastMilestone"], state["lastMilestoneAt"] = kind, at


class Log:
    """All rows of a log, and the keys that its personal fields are under."""

    def __init__(self, api: Any) -> None:
        rows = api.rows(
            "SELECT notification_id, recorded_at, originator_id, originator_version, topic,"
            " convert_from(state, 'UTF8')::jsonb FROM log.stored_events ORDER BY notification_id"
        )
        self.events = [
            Event(at, recorded, stream, version, topic, state["meta"], state["data"])
            for at, recorded, stream, version, topic, state in rows
        ]
        self.streams: dict[UUID, list[Event]] = {}
        for event in self.events:
            self.streams.setdefault(event.stream, []).append(event)
        master = AESGCM(bytes(range(32)))
        self._keys = {
            (str(subject), version): AESGCM(
                master.decrypt(
                    wrapped[:12],
                    wrapped[12:],
                    b"redress wrap 1" + subject.bytes + version.to_bytes(4, "big"),
                )
            )
            for subject, version, wrapped in api.rows(
                "SELECT subject, key_version, wrapped FROM keys.subject_keys"
                " WHERE wrapped IS NOT NULL"
            )
        }

    def as_of(self, stream: UUID, clock: str, until: Any) -> dict[str, Any] | None:
        """Return what ``caseState`` should say, None for no such case."""
        told = [event for event in self.streams.get(stream, ()) if event.clock(clock) <= until]
        if not told or told[0].version != 1:
            return None
        kind, last = told[0].topic.partition(".")[0], told[-1]
        if kind not in {"complaint", "shipment"}:
            return None
        state: State = {}
        for event in told:
            assert event.topic in EFFECTS, f"teach the oracle what {event.topic} does"
            EFFECTS[event.topic](state, self._opened(event))
        return {
            "caseId": str(stream),
            "kind": kind,
            "version": len(told),
            "position": last.position,
            "occurredAt": last.occurred_at,
            "recordedAt": last.recorded_at,
            "complaint": state if kind == "complaint" else None,
            "shipment": state if kind == "shipment" else None,
        }

    def _opened(self, event: Event) -> Event:
        """Return the event with its personal texts in the place of their ciphertexts."""
        data = {
            name: self._text(event, name, value)
            if isinstance(value, dict) and "ciphertext" in value
            else value
            for name, value in event.data.items()
        }
        return Event(**(vars(event) | {"data": data}))

    def _text(self, event: Event, name: str, sealed: dict[str, Any]) -> str | None:
        key = self._keys.get((sealed["subject"], sealed["key"]))
        if key is None:
            return None
        context = event.stream.bytes + event.version.to_bytes(8, "big") + name.encode()
        nonce, text = b64decode(sealed["nonce"]), b64decode(sealed["ciphertext"])
        return key.decrypt(nonce, text, context).decode()


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
