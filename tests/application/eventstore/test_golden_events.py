"""Events that were released once can be read for ever.

``tests/golden_events.jsonl`` holds a line for each (topic, version) that was ever released: the
state as it was stored and what it must decode to. A new event class, a raised class version, or a
new optional field needs a line of its own::

    REDRESS_WRITE_GOLDEN=1 pytest tests/application/eventstore/test_golden_events.py

appends the lines that are missing and never touches those that are there: who changes one of them
says that the past was different. The last line of a topic and version fills every field; the lines
before it are of a time when there were fewer.
"""

import os
import pkgutil
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime
from enum import Enum
from importlib import import_module
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, NewType, Union, get_args, get_origin, get_type_hints
from uuid import UUID

import orjson
import pytest

import domain
from application.eventstore.codec import EventMapper
from application.eventstore.subject_keys import MasterKey, SubjectKeys
from domain.aggregate import DomainEvent
from domain.complaint_policy import DEFAULT_TERMS, ComplaintTerms
from domain.metadata import Metadata
from domain.money import Money
from domain.personal import PersonalText
from domain.rating import Score

GOLDEN = next(p for p in Path(__file__).parents if p.name == "tests") / "golden_events.jsonl"
STREAM = UUID("01890a5d-ac96-774b-bcce-b302099a8057")
VERSION = 3

for _module in pkgutil.iter_modules(domain.__path__, "domain."):
    import_module(_module.name)

EVENTS = sorted(
    (cls for cls in DomainEvent.__subclasses__() if cls.__module__.startswith("domain.")),
    key=lambda cls: cls.TOPIC,
)


def read_lines() -> list[dict[str, Any]]:
    if not GOLDEN.exists():
        return []
    return [orjson.loads(line) for line in GOLDEN.read_bytes().splitlines()]


def decode(topic: str, state: Any) -> DomainEvent:
    mapper = EventMapper(SubjectKeys(MasterKey(bytes(32))))
    return mapper.decode(STREAM, VERSION, topic, orjson.dumps(state))


def shown(value: Any) -> Any:
    """Return what tells a value and its type apart from every other, in JSON."""
    if isinstance(value, datetime):
        offset = value.utcoffset()
        return f"datetime {value.replace(tzinfo=None).isoformat()} UTC+{offset}"
    if isinstance(value, Enum):
        return f"{type(value).__name__}.{value.name} = {value.value}"
    if isinstance(value, tuple):
        return [shown(entry) for entry in value]
    if is_dataclass(value) and not isinstance(value, type):
        return {
            "type": type(value).__name__,
            **{f.name: shown(getattr(value, f.name)) for f in fields(value)},
        }
    return repr(value)


def filled(line: dict[str, Any]) -> frozenset[str]:
    """Return the fields that a line fills."""
    return frozenset(line["state"]["data"])


def fields_of(cls: type[DomainEvent]) -> frozenset[str]:
    """Return the fields that an event has beside its envelope."""
    return frozenset(f.name for f in fields(cls)) - {"originator_id", "originator_version", "meta"}


def line_of(cls: type[DomainEvent]) -> dict[str, Any]:
    """Make the line of a new event: every field filled, with fixed values."""
    hints = {f.name: get_type_hints(cls)[f.name] for f in fields(cls)}
    event = cls(
        **{
            **{name: _example(hint, name) for name, hint in hints.items()},
            "originator_id": STREAM,
            "originator_version": VERSION,
        }
    )
    keys = SubjectKeys(MasterKey(bytes(32)))
    for subject in EventMapper(keys).subjects_of(event):
        keys.create(subject)
    state = orjson.loads(EventMapper(keys).to_stored_event(event).state)
    found = decode(cls.TOPIC, state)
    return {"topic": cls.TOPIC, "v": cls.class_version, "state": state, "expected": shown(found)}


def _example(hint: Any, name: str) -> Any:  # noqa: PLR0911  one line per type
    if hint is Score:
        return 4
    if isinstance(hint, NewType):
        return _example(hint.__supertype__, name)
    if PersonalText in get_args(hint):
        return PersonalText(UUID(int=5), f"text of {name}")
    if get_origin(hint) in {Union, UnionType}:
        return _example(next(kind for kind in get_args(hint) if kind is not NoneType), name)
    if get_origin(hint) is tuple:
        return (_example(get_args(hint)[0], name),)
    if hint is Money:
        return Money(123_456, "CNY")
    if hint is ComplaintTerms:
        return DEFAULT_TERMS
    if is_dataclass(hint) and isinstance(hint, type):
        return hint(**{n: _example(h, n) for n, h in get_type_hints(hint).items()})
    if isinstance(hint, type) and issubclass(hint, Enum):
        return list(hint)[-1]
    plain: Mapping[Any, Any] = {
        str: f"{name} 快递",
        bool: True,
        int: 7,
        UUID: UUID("0190d3f0-1111-7222-8333-444455556666"),
        datetime: datetime(2026, 3, 1, 12, 30, 15, 123456, tzinfo=UTC),
        date: date(2026, 3, 1),
    }
    return plain[hint]


@pytest.fixture(scope="module")
def lines() -> list[dict[str, Any]]:
    found = read_lines()
    if os.environ.get("REDRESS_WRITE_GOLDEN") == "1":
        known = {(line["topic"], line["v"]): filled(line) for line in found}
        missing = [
            line_of(cls)
            for cls in EVENTS
            if known.get((cls.TOPIC, cls.class_version)) != fields_of(cls)
        ]
        with GOLDEN.open("ab") as file:
            file.writelines(orjson.dumps(line) + b"\n" for line in missing)
        found.extend(missing)
    return found


def test_every_event_of_the_domain_has_a_golden_line(lines: list[dict[str, Any]]) -> None:
    there = {(line["topic"], line["v"]) for line in lines}
    for cls in EVENTS:
        for version in range(1, cls.class_version + 1):
            assert (cls.TOPIC, version) in there, f"see {Path(__file__).name}: write its line"


def test_a_topic_and_version_has_two_golden_lines_only_when_fields_were_added(
    lines: list[dict[str, Any]],
) -> None:
    earlier: dict[tuple[str, int], frozenset[str]] = {}
    for line in lines:
        name = line["topic"], line["v"]
        assert name not in earlier or earlier[name] < filled(line), name
        earlier[name] = filled(line)


def test_every_golden_line_still_decodes_to_the_same(lines: list[dict[str, Any]]) -> None:
    assert lines
    for line in lines:
        assert line["state"]["v"] == line["v"]
        found = decode(line["topic"], line["state"])
        # What was added since is as if nobody had said it.
        added = {f.name: shown(f.default) for f in fields(found) if f.name not in line["expected"]}
        assert added.keys().isdisjoint(line["state"]["data"])
        assert shown(found) == line["expected"] | added


def test_the_newest_golden_line_fills_every_field(lines: list[dict[str, Any]]) -> None:
    newest = {(line["topic"], line["v"]): line for line in lines}
    for cls in EVENTS:
        line = newest[cls.TOPIC, cls.class_version]
        assert filled(line) == fields_of(cls)
        assert line["state"]["meta"].keys() == {f.name for f in fields(Metadata)}


def test_the_text_of_the_golden_lines_is_sealed(lines: list[dict[str, Any]]) -> None:
    for line in lines:
        assert "text of" not in orjson.dumps(line).decode()
