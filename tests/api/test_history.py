"""Case histories: as of any moment, and a sentence for every event in both languages."""

from base64 import b64decode
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime
from enum import Enum
from types import NoneType
from typing import Any, NewType, get_args, get_origin, get_type_hints
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest

import projections  # noqa: F401  registers the sentences
from api.bootstrap import open_event_store
from domain.aggregate import Aggregate, DomainEvent, event
from domain.identifiers import Waybill, shipment_id
from domain.labels import Labelled
from domain.metadata import Metadata, Source, SourceKind
from domain.personal import PersonalText
from domain.roles import PersonId, Role
from projections.audit import MOST_LINKS, sentences
from projections.sentences import SENTENCES, says

ZONE = ZoneInfo("Asia/Shanghai")
HISTORY = """
query History($case: ID!, $asOf: AsOf, $linked: Boolean! = true) {
  caseHistory(caseId: $case, asOf: $asOf, linked: $linked) {
    aggregateId aggregateKind
    position version topic occurredAt recordedAt actor role reason sourceKind
    sentence zh: sentence(lang: ZH) correlation causation policy { id version }
  }
}
"""
EVENTS = sorted(
    {
        e.TOPIC: e for e in DomainEvent.__subclasses__() if e.__module__.startswith("domain.")
    }.values(),
    key=lambda e: e.TOPIC,
)

META = Metadata(
    occurred_at=datetime(2026, 1, 1, tzinfo=UTC),
    actor=PersonId("agent-1"),
    role=Role.FRONT_DESK,
    correlation=UUID(int=7),
    source=Source(SourceKind.API),
)


def history(api: Any, case: str, *, linked: bool = True, **as_of: Any) -> list[dict[str, Any]]:
    given = {"case": case, "asOf": as_of or None, "linked": linked}
    entries: list[dict[str, Any]] = api.graphql(HISTORY, given)["caseHistory"]
    return entries


def a_life(api: Any) -> str:
    """Take a complaint through its life, whose business times are not in log order."""
    case = api.receive(occurredAt="2026-01-01T08:00:00Z")["id"]
    for name, at, more in (
        ("registerComplaint", "2026-01-02T08:00:00Z", {"reason": "screened"}),
        ("assignComplaint", "2026-01-05T08:00:00Z", {"department": "line haul"}),
        ("assignComplaint", "2026-01-04T08:00:00Z", {"department": "hub 3"}),
        ("assignComplaint", "2026-01-06T08:00:00+08:00", {"department": "hub 4"}),
    ):
        given = {"complaintId": case, "occurredAt": at, **more}
        assert api.command(name, given)["__typename"] == "ComplaintPayload"
    return str(case)


def test_every_step_is_told_with_who_when_and_why(api: Any) -> None:
    entries = history(api, a_life(api))

    assert [entry["topic"] for entry in entries] == [
        *("complaint.received", "complaint.registered", "complaint.assigned"),
        *("complaint.assigned", "complaint.assigned"),
    ]
    assert {entry["aggregateKind"] for entry in entries} == {"complaint"}
    assert [entry["version"] for entry in entries] == [1, 2, 3, 4, 5]
    assert [entry["reason"] for entry in entries] == [None, "screened", None, None, None]
    assert {entry["actor"] for entry in entries} == {"front_desk-1"}
    assert {entry["role"] for entry in entries} == {"FRONT_DESK"}
    assert {entry["sourceKind"] for entry in entries} == {"API"}
    assert entries[4]["occurredAt"] == "2026-01-06T00:00:00.000000Z"
    assert entries[2]["sentence"] == "Assigned to department line haul, handler –"
    assert entries[2]["zh"] == "分派至line haul，处理人–"
    assert "phone" in entries[0]["sentence"]
    assert "电话" in entries[0]["zh"]
    assert len({entry["correlation"] for entry in entries}) == 5
    recorded = [entry["recordedAt"] for entry in entries]
    assert recorded == sorted(recorded)


def test_a_past_moment_is_a_prefix_by_record_and_a_choice_by_business_time(api: Any) -> None:
    case = a_life(api)
    entries = history(api, case)

    for number, entry in enumerate(entries, 1):
        assert history(api, case, position=entry["position"]) == entries[:number]
        found = history(api, case, recordedAt=entry["recordedAt"])
        assert found[:number] == entries[:number]
        assert {e["recordedAt"] for e in found[number:]} <= {entry["recordedAt"]}
    assert history(api, case, position=entries[0]["position"] - 1) == []
    assert history(api, case, recordedAt="2020-01-01T00:00:00Z") == []

    by_business = history(api, case, occurredAt="2026-01-04T08:00:00Z")
    assert [e["version"] for e in by_business] == [1, 2, 4]  # in log order
    early = history(api, case, occurredAt="2026-01-04T07:59:59.999999Z")
    assert [e["version"] for e in early] == [1, 2]
    zoned = history(api, case, occurredAt="2026-01-02T16:00:00+08:00")
    assert [e["version"] for e in zoned] == [1, 2]


@pytest.mark.parametrize(
    "as_of",
    [
        {},
        {"position": 1, "occurredAt": "2026-01-01T00:00:00Z"},
        {"recordedAt": "2026-01-01T00:00:00Z", "occurredAt": "2026-01-01T00:00:00Z"},
        {"position": 1, "recordedAt": None},
        {"position": None},
        {"position": 2**63},
        {"position": "1"},
        {"position": 1.5},
        {"position": True},
        {"recordedAt": "2026-01-01T00:00:00"},
        {"occurredAt": ""},
    ],
    ids=str,
)
def test_a_moment_is_named_in_exactly_one_way(shared: Any, as_of: dict[str, Any]) -> None:
    given = {"case": "01890000-0000-7000-8000-000000000000", "asOf": as_of}

    answer = shared.post(HISTORY, given).json()

    assert "data" not in answer
    assert answer["errors"]
    assert answer["errors"][0].get("extensions", {}).get("code") != "INTERNAL"


def test_extreme_moments_are_moments(shared: Any) -> None:
    case = shared.receive()["id"]

    for as_of in (
        {"position": 2**63 - 1},
        {"occurredAt": "9999-12-31T23:59:59Z"},
        {"recordedAt": "9999-12-31T23:59:59.999999Z"},
    ):
        assert len(history(shared, case, **as_of)) == 1
    for as_of in ({"position": -(2**63)}, {"occurredAt": "0001-01-01T00:00:00Z"}):
        assert history(shared, case, **as_of) == []


def test_an_unknown_case_has_no_history(shared: Any) -> None:
    assert history(shared, "01890000-0000-7000-8000-000000000000") == []


def test_a_long_history_is_told_to_its_end(api: Any) -> None:
    case = api.receive()["id"]
    api.command("registerComplaint", {"complaintId": case})
    for part in range(11):
        document = """mutation A($input: AssignComplaintInput!) {
          assignComplaint(input: $input) { __typename } }"""
        orders = [
            api.posted(document, {"input": {"complaintId": case, "department": f"{part}-{n}"}})
            for n in range(50)
        ]
        api.together(*orders)
    last = api.events()
    api.graphql("{ viewer { role } }", None, Redress_After=str(last))

    versions = [entry["version"] for entry in history(api, case)]

    assert versions == list(range(1, 553))


# Linked aggregates


class Note(Aggregate):
    """What a person noted about two aggregates at once: of a kind that no partner sees."""

    KIND = "note"

    class Begun(DomainEvent):
        """Nothing is said yet."""

        TOPIC = "note.begun"

    class Taken(DomainEvent):
        """A note."""

        TOPIC = "note.taken"
        LINKS = ("one", "other", "third")
        one: UUID
        other: UUID
        third: UUID | None = None

    def begin(self) -> None:
        """Nothing was noted yet."""

    @event(Begun)
    def begun(self, meta: Metadata) -> None:
        """Begin."""

    @event(Taken)
    def taken(self, one: UUID, other: UUID, third: UUID | None, meta: Metadata) -> None:
        """Note."""


says(Note.Begun, en="A note begun", zh="开始备注")
says(Note.Taken, en="A note", zh="备注")


def take_note(api: Any, one: UUID, other: UUID) -> str:
    """Store a note, and wait until it is shown."""
    note = Note(uuid4())
    note.begun(meta=META)
    note.taken(one=one, other=other, third=None, meta=META)

    async def store() -> int:
        where, master = api.database.conninfo, api.database.master
        async with open_event_store(where, master, zone=ZONE) as opened:
            stored = [opened.mapper.to_stored_event(e) for e in note.collect_events()]
            return (await opened.writer.append(stored)).last

    last = api.run(store())
    api.graphql("{ viewer { role } }", None, Redress_After=str(last))
    return str(note.id)


def bare(identifier: str) -> UUID:
    """Return the UUID in a global id."""
    return UUID(b64decode(identifier).decode().partition(":")[2])


def waybill() -> str:
    return f"SF{uuid4().int % 10**12}"


def whose(entries: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(entry["aggregateId"], entry["topic"].partition(".")[2]) for entry in entries]


def test_a_history_tells_also_of_what_the_case_is_linked_with(shared: Any) -> None:
    number = waybill()
    parcel = str(shipment_id(Waybill(number)))
    shared.command("recordShipment", {"waybill": number, "occurredAt": "2026-01-01T08:00:00Z"})
    case = shared.receive(waybill=number, occurredAt="2026-01-03T08:00:00Z")["id"]
    late = {"waybill": number, "kind": "SORTING", "occurredAt": "2026-01-02T08:00:00Z"}
    shared.command("recordMilestone", late)
    shared.command("registerComplaint", {"complaintId": case})
    own = str(bare(case))
    every = [
        *((parcel, "opened"), (parcel, "facts_recorded"), (own, "received")),
        *((parcel, "milestone_recorded"), (own, "registered")),
    ]

    for one, mine in ((case, own), (parcel, parcel)):
        entries = history(shared, one)
        assert whose(entries) == every
        assert {e["aggregateKind"] for e in entries} == {"shipment", "complaint"}
        assert all(e["topic"].startswith(e["aggregateKind"]) for e in entries)
        assert whose(history(shared, one, linked=False)) == [e for e in every if e[0] == mine]
        # Before the complaint, by the clock of business, nothing was linked with the parcel.
        early = history(shared, one, occurredAt="2026-01-02T23:00:00Z")
        assert whose(early) == ([] if one == case else [every[0], every[1], every[3]])


def test_what_was_recorded_later_was_not_linked_before(shared: Any) -> None:
    """As of a position one is told what one was told when the log ended there."""
    number = waybill()
    told: list[tuple[int, list[Any], list[Any]]] = []

    def note(case: str) -> None:
        last = shared.events()
        shared.graphql("{ viewer { role } }", None, Redress_After=str(last))
        parcel = str(shipment_id(Waybill(number)))
        told.append((last, history(shared, case), history(shared, parcel)))

    case = shared.receive(waybill=number)["id"]
    note(case)
    shared.command("recordShipment", {"waybill": number})
    note(case)
    shared.command("registerComplaint", {"complaintId": case})
    shared.receive(waybill=number)
    note(case)

    for position, of_case, of_parcel in told:
        assert history(shared, case, position=position) == of_case
        parcel = str(shipment_id(Waybill(number)))
        assert history(shared, parcel, position=position) == of_parcel
    assert [len(of_case) for _, of_case, _ in told] == [1, 3, 4]
    assert [len(of_parcel) for _, _, of_parcel in told] == [1, 3, 5], "two complaints about it"


def test_a_shipment_that_nobody_recorded_adds_nothing(shared: Any) -> None:
    case = shared.receive(waybill=waybill())["id"]

    assert whose(history(shared, case)) == [(str(bare(case)), "received")]


def test_an_event_may_link_several_aggregates_and_both_ends_tell(shared: Any) -> None:
    number = waybill()
    shared.command("recordShipment", {"waybill": number})
    parcel, case = shipment_id(Waybill(number)), bare(shared.receive()["id"])
    note = take_note(shared, case, parcel)

    entries = history(shared, str(case))
    assert whose(entries) == [(str(case), "received"), (note, "begun"), (note, "taken")]
    assert whose(history(shared, str(parcel)))[-2:] == [(note, "begun"), (note, "taken")]
    before = entries[-1]["position"] - 1
    assert whose(history(shared, str(case), position=before)) == [(str(case), "received")]
    assert {e["aggregateKind"] for e in history(shared, note)} == {"note", "shipment", "complaint"}
    rows = shared.rows(
        "SELECT id - position * 16, to_id, relation FROM read.case_links"
        " WHERE from_id = %s ORDER BY id",
        note,
    )
    assert rows == [(0, case, "one"), (1, parcel, "other")]


def test_a_partner_is_told_only_of_what_is_its_own(shared: Any) -> None:
    number = waybill()
    shared.command("recordShipment", {"waybill": number}, "partner")
    parcel = str(shipment_id(Waybill(number)))
    by_role = {
        role: str(bare(shared.receive(role, waybill=number)["id"]))
        for role in ("partner", "other_partner", "front_desk")
    }
    mine, theirs, desk = by_role.values()
    note = take_note(shared, UUID(mine), UUID(parcel))

    def seen(case: str, role: str) -> set[str]:
        answer = shared.graphql(HISTORY, {"case": case}, role)["caseHistory"]
        return {entry["aggregateId"] for entry in answer}

    assert seen(mine, "partner") == seen(parcel, "partner") == {mine, parcel}
    assert seen(theirs, "other_partner") == {theirs}
    assert seen(parcel, "front_desk") == {parcel, mine, theirs, desk, note}
    assert seen(mine, "auditor") == {mine, parcel, note}
    for role, case in (("partner", theirs), ("partner", desk), ("partner", note)):
        assert seen(case, role) == set()
    assert seen(parcel, "other_partner") == seen(mine, "other_partner") == set()


def test_the_links_of_an_event_are_fields_with_ids() -> None:
    linking = [e for e in EVENTS if e.LINKS]

    assert "complaint.received" in {e.TOPIC for e in linking}
    for one in linking:
        hints = get_type_hints(one)
        assert all(hints[name] in {UUID, UUID | None} for name in one.LINKS), one.TOPIC
        assert len(set(one.LINKS)) == len(one.LINKS) <= MOST_LINKS


# Sentences


def sample(hint: Any) -> Any:
    """Return some value of a type."""
    options = [option for option in get_args(hint) if option is not NoneType]
    if options and PersonalText in options:
        return PersonalText(UUID(int=1), "personal")
    if options:
        one = sample(options[0])
        return (one,) if get_origin(hint) is tuple else one
    if isinstance(hint, NewType):
        return sample(hint.__supertype__)
    if issubclass(hint, Enum):
        return next(iter(hint))
    if is_dataclass(hint):
        hints = get_type_hints(hint)
        made = object.__new__(hint)  # unchecked: some are whole tables with rules of their own
        for f in fields(hint):
            object.__setattr__(made, f.name, sample(hints[f.name]))
        return made
    samples = {
        str: "CNY",
        int: 5,
        bool: True,
        UUID: UUID(int=5),
        datetime: datetime(2026, 1, 1, tzinfo=UTC),
        date: date(2026, 1, 1),
    }
    return samples[hint]


@pytest.mark.parametrize("event", EVENTS, ids=lambda e: e.TOPIC)
def test_an_event_has_a_sentence_in_both_languages(event: type[DomainEvent]) -> None:
    """Also when everything is there that can be, and when nothing optional is."""
    assert event in SENTENCES, "write it beside the event's handler in projections/"
    hints = get_type_hints(event)
    full = {
        name: META if name == "meta" else sample(hint)
        for name, hint in hints.items()
        if name in {f.name for f in fields(event)}
    }
    bare = {
        name: None if NoneType in get_args(hints[name]) else value for name, value in full.items()
    }

    for values in (full, bare):
        happened = object.__new__(event)
        happened.__dict__.update(values)
        english, chinese = sentences(happened)
        assert english
        assert any("\u4e00" <= letter <= "\u9fff" for letter in chinese)
        assert english.isascii() or "–" in english
        assert "personal" not in english + chinese, "a sentence names nobody"
        for text in (english, chinese):
            assert "None" not in text
            assert "<" not in text


def test_there_are_events_to_judge() -> None:
    assert len(EVENTS) >= 14


def test_every_value_that_a_sentence_may_name_has_both_names() -> None:
    def every(cls: type[Labelled]) -> list[type[Labelled]]:
        return [cls, *(found for sub in cls.__subclasses__() for found in every(sub))]

    for cls in every(Labelled):
        for member in cls:
            assert member.en
            assert member.zh
