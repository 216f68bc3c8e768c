"""Case histories: as of any moment, and a sentence for every event in both languages."""

from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from enum import Enum
from types import NoneType
from typing import Any, NewType, get_args, get_type_hints
from uuid import UUID

import pytest

import projections  # noqa: F401  registers the sentences
from domain.aggregate import DomainEvent
from domain.labels import Labelled
from domain.metadata import Metadata, Source, SourceKind
from domain.personal import PersonalText
from domain.roles import PersonId, Role
from projections.engine import SENTENCES

HISTORY = """
query History($case: ID!, $asOf: AsOf) {
  caseHistory(caseId: $case, asOf: $asOf) {
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


def history(api: Any, case: str, **as_of: Any) -> list[dict[str, Any]]:
    given = {"case": case, "asOf": as_of or None}
    entries: list[dict[str, Any]] = api.graphql(HISTORY, given)["caseHistory"]
    return entries


def a_life(api: Any) -> str:
    """Take a complaint through its life, whose business times are not in log order."""
    case = api.receive(occurredAt="2026-01-01T08:00:00Z")["id"]
    for name, at, more in (
        ("registerComplaint", "2026-01-02T08:00:00Z", {"reason": "screened"}),
        ("assignComplaint", "2026-01-05T08:00:00Z", {"department": "line haul"}),
        ("answerComplaint", "2026-01-04T08:00:00Z", {"answer": "told"}),
        ("closeComplaint", "2026-01-06T08:00:00+08:00", {}),
    ):
        given = {"complaintId": case, "occurredAt": at, **more}
        assert api.command(name, given)["__typename"] == "ComplaintPayload"
    return str(case)


def test_every_step_is_told_with_who_when_and_why(api: Any) -> None:
    entries = history(api, a_life(api))

    assert [entry["topic"] for entry in entries] == [
        *("complaint.received", "complaint.registered", "complaint.assigned"),
        *("complaint.answered", "complaint.closed"),
    ]
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

    assert answer["data"] is None
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


# Sentences


def sample(hint: Any) -> Any:
    """Return some value of a type."""
    options = [option for option in get_args(hint) if option is not NoneType]
    if options and PersonalText in options:
        return PersonalText(UUID(int=1), "personal")
    if options:
        return sample(options[0])
    if isinstance(hint, NewType):
        return sample(hint.__supertype__)
    if issubclass(hint, Enum):
        return next(iter(hint))
    if is_dataclass(hint):
        hints = get_type_hints(hint)
        return hint(**{f.name: sample(hints[f.name]) for f in fields(hint)})
    samples = {
        str: "CNY",
        int: 5,
        bool: True,
        UUID: UUID(int=5),
        datetime: datetime(2026, 1, 1, tzinfo=UTC),
    }
    return samples[hint]


META = Metadata(
    occurred_at=datetime(2026, 1, 1, tzinfo=UTC),
    actor=PersonId("agent-1"),
    role=Role.FRONT_DESK,
    correlation=UUID(int=7),
    source=Source(SourceKind.API),
)


@pytest.mark.parametrize("event", EVENTS, ids=lambda e: e.TOPIC)
def test_an_event_has_a_sentence_in_both_languages(event: type[DomainEvent]) -> None:
    """Also when everything is there that can be, and when nothing optional is."""
    assert event in SENTENCES, "write it beside the event's handler in projections/"
    sentence = SENTENCES[event]
    hints = get_type_hints(event)
    full = {
        name: META if name == "meta" else sample(hint)
        for name, hint in hints.items()
        if name in {f.name for f in fields(event)}
    }
    bare = {
        name: "–" if NoneType in get_args(hints[name]) else value for name, value in full.items()
    }

    for values in (full, bare):
        english, chinese = sentence.en.format_map(values), sentence.zh.format_map(values)
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
