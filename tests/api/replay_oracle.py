"""What the raw rows of the log tell of a case: an oracle that shares no code with the product."""

from base64 import b64decode
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

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
    *("proposedAt", "agreedAt", "remediedAt", "followedUpAt", "escalatedAt", "endedAt"),
    *("escalatedTo", "reopenings", "disputes", "importSource", "historical"),
    *COMPLAINT_TEXTS,
)


RESUMES = "where it resumes"
"""What the oracle remembers of a case that waits, and nobody asks for."""


@effect("complaint.received")
def received(state: State, event: Event) -> None:
    state.update(dict.fromkeys(COMPLAINT))
    state["state"] = "received"
    state["reopenings"] = state["disputes"] = 0
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
    state["state"] = "declined"
    state["declinedAt"] = state["endedAt"] = event.occurred_at
    taken(state, event, "explanation")


@effect("complaint.assigned")
def assigned(state: State, event: Event) -> None:
    if state["state"] == "registered":
        state["state"] = "assigned"
    elif state.get(RESUMES) == "registered":
        state[RESUMES] = "assigned"
    taken(state, event, "department")
    if event.data.get("handler") or not state["escalatedTo"]:
        taken(state, event, "handler")
    state["assignedAt"] = state["assignedAt"] or event.occurred_at


@effect("complaint.answered")
def answered(state: State, event: Event) -> None:
    state["state"], state["answeredAt"] = "answered", event.occurred_at
    taken(state, event, "answer", "first_contact")


@effect("complaint.closed")
def closed(state: State, event: Event) -> None:
    state["state"] = "closed"
    state["closedAt"] = state["endedAt"] = event.occurred_at
    state["score"] = state["ratingComment"] = None


@effect("complaint.investigation_started")
def investigation_started(state: State, _event: Event) -> None:
    state["state"] = "investigating"


@effect("complaint.resolution_proposed")
def resolution_proposed(state: State, event: Event) -> None:
    state["state"], state["proposedAt"], state["agreedAt"] = "proposed", event.occurred_at, None


@effect("complaint.resolution_agreed")
def resolution_agreed(state: State, event: Event) -> None:
    state["agreedAt"] = event.occurred_at
    if state["state"] == "proposed":
        state["state"] = "agreed"


@effect("complaint.resolution_rejected")
def resolution_rejected(state: State, _event: Event) -> None:
    state["state"] = "investigating" if state["department"] else "registered"
    state["proposedAt"] = state["agreedAt"] = None


@effect("complaint.disputed")
def disputed(state: State, event: Event) -> None:
    resolution_rejected(state, event)
    state["disputes"] += 1


@effect("complaint.reopened")
def reopened(state: State, event: Event) -> None:
    resolution_rejected(state, event)
    if state["department"]:
        state["state"] = "assigned"
    state["closedAt"] = state["endedAt"] = None
    state["reopenings"] += 1


@effect("complaint.remedy_carried_out")
def remedy_carried_out(state: State, event: Event) -> None:
    if event.data["last"]:
        state["state"], state["remediedAt"] = "remedied", event.occurred_at


@effect("complaint.followed_up")
def followed_up(state: State, event: Event) -> None:
    state["state"], state["followedUpAt"] = "followed_up", event.occurred_at


@effect("complaint.waiting_for_customer")
def waiting_for_customer(state: State, _event: Event) -> None:
    state[RESUMES], state["state"] = state["state"], "waiting"


@effect("complaint.resumed")
def resumed(state: State, _event: Event) -> None:
    state["state"] = state.pop(RESUMES, None) or state["state"]


@effect("complaint.withdrawn")
def withdrawn(state: State, event: Event) -> None:
    state["state"], state["endedAt"] = "withdrawn", event.occurred_at


@effect("complaint.escalated")
def escalated(state: State, event: Event) -> None:
    state["handler"] = state["escalatedTo"] = event.data["to"]
    state["escalatedAt"] = event.occurred_at


@effect("complaint.reclassified")
def reclassified(state: State, event: Event) -> None:
    taken(state, event, "category")


@effect("complaint.severity_reassessed")
def severity_reassessed(state: State, event: Event) -> None:
    taken(state, event, "severity")


@effect("complaint.urgency_marked")
def urgency_marked(state: State, event: Event) -> None:
    taken(state, event, "urgent")


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
        state.pop(RESUMES, None)
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
