"""Every event comes back as it was, and personal text is nowhere in what is stored."""

import pkgutil
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from datetime import UTC, date, datetime
from enum import Enum
from importlib import import_module
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, NewType, Union, get_args, get_origin, get_type_hints
from uuid import UUID, uuid4

import orjson
import psycopg
import pytest
from cryptography.exceptions import InvalidTag
from eventsourcing.persistence import MapperDeserialisationError, StoredEvent
from hypothesis import given, settings
from hypothesis import strategies as st

import domain
from application.eventstore.codec import EventMapper
from application.eventstore.errors import MasterKeyError
from application.eventstore.subject_keys import MasterKey, SubjectKeys, Unsealing
from domain.aggregate import DomainEvent
from domain.complaint import Complaint
from domain.complaint_policy import STEPS, ComplaintTerms, StepLimit
from domain.metadata import Metadata
from domain.money import Money
from domain.personal import ERASED, PersonalText, Sealed
from domain.rating import Score, score
from domain.roles import Role
from domain.shipment import Shipment, ShipmentFacts

for _module in pkgutil.iter_modules(domain.__path__, "domain."):
    import_module(_module.name)

EVENTS = sorted(
    (cls for cls in DomainEvent.__subclasses__() if cls.__module__.startswith("domain.")),
    key=lambda cls: cls.TOPIC,
)
MASTER = MasterKey(bytes(range(32)))
MARK = "Wáng 王"
"""What begins every personal text here, and must not be found in anything stored."""

_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
_whole = st.integers(-(2**63), 2**63 - 1)


def _strategy(hint: Any) -> st.SearchStrategy[Any]:  # noqa: PLR0911  one line per type
    """Return values of a type of a field; a type that is missing here is one to be added."""
    plain: Mapping[Any, st.SearchStrategy[Any]] = {
        str: _text,
        bool: st.booleans(),
        int: _whole,
        UUID: st.uuids(),
        NoneType: st.none(),
        datetime: st.datetimes(timezones=st.just(UTC)),
        date: st.dates(),
        Score: st.integers(1, 5).map(score),
        Money: st.builds(Money, st.integers(0, 10**15), st.just("CNY")),
        ComplaintTerms: _terms(),
    }
    if hint in plain:
        return plain[hint]
    if isinstance(hint, NewType):
        return _strategy(hint.__supertype__)
    if PersonalText in get_args(hint):
        text = st.builds(lambda s, t: PersonalText(s, MARK + t), st.uuids(), _text)
        return text | st.none() if NoneType in get_args(hint) else text
    if get_origin(hint) in {Union, UnionType}:
        return st.one_of([_strategy(choice) for choice in get_args(hint)])
    if get_origin(hint) is tuple:
        return st.lists(_strategy(get_args(hint)[0]), max_size=3).map(tuple)
    if issubclass(hint, Enum):
        return st.sampled_from(list(hint))
    assert is_dataclass(hint), hint
    return st.builds(hint, **{n: _strategy(h) for n, h in get_type_hints(hint).items()})


def _terms() -> st.SearchStrategy[ComplaintTerms]:
    """Return terms with figures that a policy may have, and each step once."""
    owners, hours, days = st.sampled_from(Role), st.integers(1, 24), st.integers(1, 366)
    steps = [st.builds(StepLimit, st.just(step), owners, hours) for step in sorted(STEPS)]
    return st.builds(ComplaintTerms, days, days, st.tuples(*steps))


def _events(cls: type[DomainEvent]) -> st.SearchStrategy[DomainEvent]:
    hints = {f.name: get_type_hints(cls)[f.name] for f in fields(cls)}
    versions = st.integers(1, 2**63 - 1)
    made = {name: _strategy(hint) for name, hint in hints.items()}
    return st.builds(cls, **{**made, "originator_version": versions})


def _keys_for(event: DomainEvent, master: MasterKey = MASTER) -> SubjectKeys:
    keys = SubjectKeys(master)
    for subject in EventMapper(keys).subjects_of(event):
        keys.create(subject)
    return keys


def _unsealing(keys: SubjectKeys, master: MasterKey = MASTER) -> Unsealing:
    unsealing = Unsealing(master)
    unsealing.begin_batch(
        [(key.subject, key.version, key.master, key.wrapped) for key in keys._current.values()]
    )
    return unsealing


def assert_same(found: Any, expected: Any) -> None:
    """Equal, and of the same types all the way down."""
    if isinstance(expected, datetime):
        assert isinstance(found, datetime)
        assert found.utcoffset() == expected.utcoffset()
    else:
        assert type(found) is type(expected)
    if is_dataclass(expected):
        for f in fields(expected):
            assert_same(getattr(found, f.name), getattr(expected, f.name))
    if isinstance(expected, tuple):
        for one, other in zip(found, expected, strict=True):
            assert_same(one, other)
    assert found == expected


def received(meta: Metadata, **values: Any) -> Complaint.Received:
    """A complaint whose personal fields are all filled."""
    customer = UUID(int=5)
    personal = {
        name: PersonalText(customer, f"{MARK} {name}")
        for name in ("complainant", "contact", "subject", "facts", "request")
    }
    plain = {
        "number": "C-2026-000123",
        "channel": "phone",
        "category": "loss",
        "severity": "major",
        "urgent": True,
    }
    given: dict[str, Any] = {**plain, **personal, "customer": customer, **values}
    return Complaint.Received(originator_id=UUID(int=1), originator_version=1, meta=meta, **given)


def stored_and_keys(event: DomainEvent) -> tuple[StoredEvent, SubjectKeys]:
    keys = _keys_for(event)
    return EventMapper(keys).to_stored_event(event), keys


def test_the_domain_has_events_and_each_a_topic_of_its_own_that_fits_the_log() -> None:
    topics = [cls.TOPIC for cls in EVENTS]
    assert len(topics) == len(set(topics)) >= 14
    for topic in topics:
        assert topic.isascii()
        assert topic.isprintable()
        assert 1 <= len(topic) <= 63


@pytest.mark.parametrize("cls", EVENTS, ids=lambda cls: cls.TOPIC)
@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_an_event_comes_back_with_its_types_and_personal_text_as_ciphertext(
    cls: type[DomainEvent], data: st.DataObject
) -> None:
    event = data.draw(_events(cls))
    stored, keys = stored_and_keys(event)
    unsealing = _unsealing(keys)
    assert stored.topic == cls.TOPIC
    assert MARK not in stored.state.decode()
    assert orjson.dumps(MARK)[1:-1] not in stored.state
    found = EventMapper(SubjectKeys(MASTER)).to_domain_event(stored)
    assert type(found) is cls
    assert found.__dict__.keys() == event.__dict__.keys()
    for name, value in event.__dict__.items():
        got = getattr(found, name)
        if isinstance(value, PersonalText):
            assert isinstance(got, Sealed)
            assert got.subject == value.subject
            opened = unsealing.open(got, stored.originator_id, stored.originator_version, name)  # type: ignore[arg-type]
            assert opened == value.reveal()
        else:
            assert_same(got, value)


def test_what_is_none_is_left_out(meta: Metadata) -> None:
    stored, _ = stored_and_keys(received(meta, contact=None, request=None))
    state = orjson.loads(stored.state)
    assert state.keys() == {"v", "meta", "data"}
    assert state["v"] == 1
    assert state["data"].keys() == {
        *("number", "channel", "category", "severity", "urgent", "customer"),
        *("complainant", "subject", "facts", "seeks_compensation"),
    }
    assert state["meta"].keys() == {"occurred_at", "actor", "role", "correlation", "source"}
    assert state["meta"]["source"] == {"kind": "api"}
    assert b"null" not in stored.state


def test_sql_reads_what_is_not_personal_and_only_that(database: str, meta: Metadata) -> None:
    stored, _ = stored_and_keys(received(meta))
    with psycopg.connect(database) as connection:
        row = connection.execute(
            "SELECT data ->> 'number', data ->> 'channel', (data ->> 'urgent')::boolean,"
            " data -> 'facts' ->> 'subject', data -> 'facts' ? 'ciphertext', data::text"
            " FROM (SELECT convert_from(%s, 'UTF8')::jsonb -> 'data' AS data) AS event",
            [stored.state],
        ).fetchone()
    assert row is not None
    assert row[:5] == ("C-2026-000123", "phone", True, str(UUID(int=5)), True)
    assert MARK not in row[5]


def test_the_same_text_never_has_the_same_ciphertext(meta: Metadata) -> None:
    event = received(meta)
    keys = _keys_for(event)
    states = {EventMapper(keys).to_stored_event(event).state for _ in range(5)}
    assert len(states) == 5


@pytest.mark.parametrize("elsewhere", ["stream", "version", "field"])
def test_a_ciphertext_that_was_moved_does_not_open(meta: Metadata, elsewhere: str) -> None:
    stored, keys = stored_and_keys(received(meta))
    sealed = EventMapper(keys).to_domain_event(stored).facts  # type: ignore[attr-defined]
    place = {"stream": UUID(int=1), "version": 1, "field": "facts"}
    unsealing = _unsealing(keys)
    assert unsealing.open(sealed, **place) == f"{MARK} facts"  # type: ignore[arg-type]
    other = {"stream": uuid4(), "version": 2, "field": "request"}
    with pytest.raises(InvalidTag):
        unsealing.open(sealed, **{**place, elsewhere: other[elsewhere]})  # type: ignore[arg-type]


def test_a_ciphertext_that_was_changed_or_given_to_another_person_does_not_open(
    meta: Metadata,
) -> None:
    stored, keys = stored_and_keys(received(meta))
    keys.create(UUID(int=6))
    sealed = EventMapper(keys).to_domain_event(stored).facts  # type: ignore[attr-defined]
    unsealing = _unsealing(keys)
    for changed in (
        replace(sealed, subject=UUID(int=6)),
        replace(sealed, nonce=b64encode(b"\0" * 12).decode()),
        replace(sealed, ciphertext="A" + sealed.ciphertext[1:]),
        replace(sealed, ciphertext="B" + sealed.ciphertext[1:]),
    ):
        if changed != sealed:
            with pytest.raises(InvalidTag):
                unsealing.open(changed, UUID(int=1), 1, "facts")


@pytest.mark.parametrize("row", ["destroyed", "gone"])
def test_text_whose_key_was_destroyed_is_erased(meta: Metadata, row: str) -> None:
    stored, keys = stored_and_keys(received(meta))
    found = EventMapper(keys).to_domain_event(stored)
    unsealing = Unsealing(MASTER)
    unsealing.begin_batch([(UUID(int=5), 1, MASTER.id, None)] if row == "destroyed" else [])
    assert unsealing.open(found.facts, UUID(int=1), 1, "facts") is ERASED  # type: ignore[attr-defined]


def test_no_key_outlives_the_batch_it_was_read_for(meta: Metadata) -> None:
    stored, keys = stored_and_keys(received(meta))
    sealed = EventMapper(keys).to_domain_event(stored).facts  # type: ignore[attr-defined]
    unsealing = _unsealing(keys)
    assert unsealing.open(sealed, UUID(int=1), 1, "facts") == f"{MARK} facts"
    unsealing.begin_batch([])
    assert unsealing.open(sealed, UUID(int=1), 1, "facts") is ERASED


def test_after_a_key_was_destroyed_its_subject_gets_another_version(meta: Metadata) -> None:
    keys = SubjectKeys(MASTER)
    keys.learn([(UUID(int=5), 3, MASTER.id, None)])
    stored = EventMapper(keys).to_stored_event(received(meta))
    assert orjson.loads(stored.state)["data"]["facts"]["key"] == 4
    assert [key.version for key in keys.unsaved([UUID(int=5)])] == [4]


def test_a_key_can_be_learned_again_from_what_is_stored_of_it(meta: Metadata) -> None:
    stored, keys = stored_and_keys(received(meta))
    (key,) = keys.unsaved([UUID(int=5)])
    other = SubjectKeys(MASTER)
    other.learn([(key.subject, key.version, key.master, key.wrapped)])
    again = EventMapper(other).to_stored_event(received(meta))
    sealed = EventMapper(other).to_domain_event(again).facts  # type: ignore[attr-defined]
    assert _unsealing(keys).open(sealed, UUID(int=1), 1, "facts") == f"{MARK} facts"
    assert other.unsaved([UUID(int=5)]) == []
    assert stored.state != again.state


def test_an_event_whose_subjects_key_was_not_looked_up_is_not_encoded(meta: Metadata) -> None:
    with pytest.raises(KeyError):
        EventMapper(SubjectKeys(MASTER)).to_stored_event(received(meta))


def test_another_master_key_is_refused() -> None:
    subject, other = uuid4(), MasterKey(b"x" * 32)
    wrapped = MASTER.wrap(subject, 1, b"k" * 32)
    with pytest.raises(MasterKeyError):
        SubjectKeys(other).learn([(subject, 1, MASTER.id, wrapped)])
    with pytest.raises(MasterKeyError):
        SubjectKeys(other).learn([(subject, 1, other.id, wrapped)])
    with pytest.raises(MasterKeyError):
        Unsealing(other).begin_batch([(subject, 1, MASTER.id, wrapped)])
    assert MASTER.unwrap(subject, 1, wrapped) == b"k" * 32
    for moved in ((uuid4(), 1), (subject, 2)):
        with pytest.raises(MasterKeyError):
            MASTER.unwrap(*moved, wrapped)


def test_a_master_key_has_32_bytes() -> None:
    for wrong in (b"", b"x" * 31, b"x" * 33):
        with pytest.raises(MasterKeyError):
            MasterKey(wrong)


def test_the_master_key_file_is_private_and_stays_the_same(tmp_path: Path) -> None:
    path = tmp_path / "master.key"
    made = MasterKey.from_file(path)
    assert path.stat().st_mode & 0o777 == 0o600
    content = path.read_bytes()
    again = MasterKey.from_file(path)
    assert path.read_bytes() == content
    assert (again._secret, again.id) == (made._secret, made.id)
    assert MasterKey.from_file(tmp_path / "other.key").id != made.id
    assert made._secret.hex() not in made.id


def test_a_pseudonym_depends_on_the_master_key_and_on_each_part_of_the_name() -> None:
    assert MASTER.pseudonym("customer:a", "b") == MASTER.pseudonym("customer:a", "b")
    others = {
        MASTER.pseudonym("customer:a", "b"),
        MASTER.pseudonym("customer:", "ab"),
        MASTER.pseudonym("customer:ab", ""),
        MasterKey(b"x" * 32).pseudonym("customer:a", "b"),
    }
    assert len(others) == 4


# A class of this test only, whose first version called the field "colour".


class Painted(DomainEvent):
    TOPIC = "test.painted"
    class_version = 2
    hue: str
    coats: int = 1

    @staticmethod
    def upcast_v1_v2(data: dict[str, Any]) -> None:
        data["hue"] = data.pop("colour")


def painted(state: dict[str, Any]) -> DomainEvent:
    meta = {
        "occurred_at": "2026-03-01T12:00:00Z",
        "actor": "desk-1",
        "role": "front_desk",
        "correlation": str(UUID(int=7)),
        "source": {"kind": "api"},
    }
    raw = orjson.dumps({"meta": meta, **state})
    return EventMapper(SubjectKeys(MASTER)).decode(UUID(int=1), 9, "test.painted", raw)


def test_an_old_version_is_brought_up_to_date_before_it_is_validated(meta: Metadata) -> None:
    expected = Painted(originator_id=UUID(int=1), originator_version=9, meta=meta, hue="red")
    assert_same(painted({"v": 1, "data": {"colour": "red"}}), expected)
    assert_same(painted({"v": 2, "data": {"hue": "red"}}), expected)
    assert_same(painted({"v": 2, "data": {"hue": "red", "coats": 2}}), replace(expected, coats=2))


def test_a_new_event_is_stored_in_the_newest_version(meta: Metadata) -> None:
    event = Painted(originator_id=UUID(int=1), originator_version=9, meta=meta, hue="red")
    state = orjson.loads(EventMapper(SubjectKeys(MASTER)).to_stored_event(event).state)
    assert (state["v"], state["data"]) == (2, {"hue": "red", "coats": 1})


@pytest.mark.parametrize(
    "state",
    [
        {"v": 2, "data": {"hue": "SECRET", "unheard_of": 1}},
        {"v": 2, "data": {"hue": "SECRET"}, "unheard_of": 1},
        {"v": 2, "data": {"hue": ["SECRET"]}},
        {"v": 2, "data": {"hue": "SECRET", "coats": "SECRET"}},
        {"v": 2, "data": {"coats": 1}},
        {"v": 2, "data": ["SECRET"]},
        {"v": 2},
        {"v": 1, "data": {"hue": "SECRET"}},
        {"v": 0, "data": {"hue": "SECRET"}},
        {"v": "SECRET", "data": {"hue": "SECRET"}},
        {"data": {"hue": "SECRET"}},
        {"v": 2, "data": {"hue": "SECRET"}, "meta": {"actor": "SECRET"}},
    ],
)
def test_what_cannot_be_read_is_named_without_its_content(state: dict[str, Any]) -> None:
    with pytest.raises(MapperDeserialisationError) as fault:
        painted(state)
    assert "test.painted" in str(fault.value)
    assert str(UUID(int=1)) in str(fault.value)
    assert "version 9" in str(fault.value)
    assert "SECRET" not in str(fault.value)
    assert fault.value.__cause__ is None
    assert fault.value.__suppress_context__


def test_bytes_that_are_no_json_are_named_without_their_content() -> None:
    mapper = EventMapper(SubjectKeys(MASTER))
    with pytest.raises(MapperDeserialisationError) as fault:
        mapper.decode(UUID(int=1), 9, "test.painted", b"SECRET")
    assert "SECRET" not in str(fault.value)


def test_only_events_of_this_system_are_encoded() -> None:
    with pytest.raises(TypeError):
        EventMapper(SubjectKeys(MASTER)).to_stored_event("event")  # type: ignore[arg-type]


def test_amounts_come_back_as_money(meta: Metadata) -> None:
    facts = ShipmentFacts(fee=Money(10**15, "CNY"), accepted_at=meta.occurred_at)
    event = Shipment.FactsRecorded(
        originator_id=UUID(int=1), originator_version=1, meta=meta, facts=facts
    )
    stored, keys = stored_and_keys(event)
    assert_same(EventMapper(keys).to_domain_event(stored).facts, facts)  # type: ignore[attr-defined]


def test_what_is_learned_next_does_not_push_out_a_key_that_was_just_asked_for(
    master: MasterKey,
) -> None:
    keys = SubjectKeys(master, cached=2)
    old, newer, newest = uuid4(), uuid4(), uuid4()
    for subject in (old, newer):
        keys.create(subject)
        keys.saved(keys.unsaved([subject]))

    assert keys.unknown([old, newest]) == [newest]
    keys.create(newest)

    assert keys.unknown([old, newer]) == [newer]
