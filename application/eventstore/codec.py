"""Events to bytes and back, directed by the types of their fields.

Stored state is JSON: ``{"v": class version, "meta": {...}, "data": {...}}``. Fields that are None
are left out. Personal fields are stored as ciphertext and come back as ``Sealed``; everything else
comes back with the type that its event declares. Old versions are upcast before they are validated.
"""

from dataclasses import MISSING, fields
from types import NoneType
from typing import Any, TypeVar, get_args, get_type_hints
from uuid import UUID

import msgspec
import orjson
from eventsourcing.domain import DomainEventProtocol
from eventsourcing.persistence import (
    JSONTranscoder,
    Mapper,
    MapperDeserialisationError,
    StoredEvent,
)
from eventsourcing.utils import resolve_topic
from pydantic import TypeAdapter
from typing_extensions import TypedDict  # pydantic needs this one before Python 3.12

from application.eventstore.subject_keys import SubjectKeys
from domain.aggregate import Aggregate, DomainEvent
from domain.metadata import Metadata
from domain.personal import PersonalText, Sealed, personal_fields

A = TypeVar("A", bound=Aggregate)
_ENVELOPE_FIELDS = {"originator_id", "originator_version", "meta"}
_ORJSON_OPTIONS = orjson.OPT_UTC_Z


class _EventCodec:
    """What the codec needs to know of one event class, worked out once."""

    def __init__(self, cls: type[DomainEvent]) -> None:
        self.cls = cls
        self.version = cls.class_version
        hints = get_type_hints(cls)
        own = [f for f in fields(cls) if f.name not in _ENVELOPE_FIELDS]
        self.names = tuple(f.name for f in own)
        self.personal = personal_fields(cls)  # type: ignore[arg-type]
        self.defaults = {f.name: f.default for f in own if f.default is not MISSING}
        shape: list[Any] = [
            (f.name, stored, f.default) if f.name in self.defaults else (f.name, stored)
            for f in own
            for stored in (_stored_type(hints[f.name], personal=f.name in self.personal),)
        ]
        self.data_type = msgspec.defstruct(
            f"{cls.__name__}Data", shape, kw_only=True, forbid_unknown_fields=True
        )
        self.decode_data = msgspec.json.Decoder(self.data_type).decode


class _Envelope(msgspec.Struct, forbid_unknown_fields=True):
    """What every stored event looks like; its data is read when its version is known."""

    v: int
    meta: Metadata
    data: msgspec.Raw


def _typed_dict(name: str, shape: dict[str, Any]) -> Any:
    make: Any = TypedDict  # made at run time, which type checkers do not follow
    made = make(name, shape)
    made.__pydantic_config__ = {"extra": "forbid"}
    return made


def _stored_type(hint: Any, *, personal: bool) -> Any:
    if not personal:
        return hint
    return Sealed | None if NoneType in get_args(hint) else Sealed


class EventMapper(Mapper[UUID]):
    """The library's mapper, with our envelope.

    Encoding needs the keys of all data subjects in ``keys``; decoding opens nothing.
    """

    def __init__(self, keys: SubjectKeys) -> None:
        super().__init__(JSONTranscoder())
        self._keys = keys
        self._by_class: dict[type[DomainEvent], _EventCodec] = {}
        self._by_topic: dict[str, _EventCodec] = {}
        self._decode_envelope = msgspec.json.Decoder(_Envelope).decode

    def to_stored_event(self, domain_event: DomainEventProtocol[UUID]) -> StoredEvent:
        """Encode and encrypt."""
        if not isinstance(domain_event, DomainEvent):
            raise TypeError(f"not an event of this system: {type(domain_event).__qualname__}")
        codec = self._codec(type(domain_event))
        values = domain_event.__dict__
        stream, version = domain_event.originator_id, domain_event.originator_version
        data = {name: values[name] for name in codec.names if values[name] is not None}
        texts = {
            name: text for name in codec.personal if isinstance(text := values[name], PersonalText)
        }
        if texts:
            data.update(self._keys.seal_stored(texts, stream, version))
        state = orjson.dumps(
            {"v": codec.version, "meta": _meta(domain_event.meta), "data": data},
            option=_ORJSON_OPTIONS,
        )
        return StoredEvent(stream, version, codec.cls.TOPIC, state)

    def to_domain_event(self, stored_event: StoredEvent) -> DomainEvent:
        """Decode, upcast, validate; personal fields stay sealed."""
        stream = stored_event.originator_id
        assert isinstance(stream, UUID)
        return self.decode(
            stream, stored_event.originator_version, stored_event.topic, stored_event.state
        )

    def decode(self, stream: UUID, version: int, topic: str, state: bytes) -> DomainEvent:
        """Decode one stored event; ``MapperDeserialisationError`` names it, never its content."""
        try:
            codec = self._by_topic[topic]
        except KeyError:
            codec = self._by_topic[topic] = self._codec(resolve_topic(topic))
        try:
            envelope = self._decode_envelope(state)
            if envelope.v == codec.version:
                data = codec.decode_data(envelope.data)
            else:
                data = _upcast(codec, envelope)
        except (msgspec.MsgspecError, ValueError, KeyError, TypeError, AttributeError) as fault:
            raise MapperDeserialisationError(
                f"cannot read {topic} version {version} of stream {stream}: {type(fault).__name__}"
            ) from None
        event = object.__new__(codec.cls)
        event.__dict__.update(
            msgspec.structs.asdict(data),
            originator_id=stream,
            originator_version=version,
            meta=envelope.meta,
        )
        return event

    def subjects_of(self, event: DomainEvent) -> set[UUID]:
        """Return the data subjects whose keys the encoding of this event needs."""
        values = event.__dict__
        texts = (values[name] for name in self._codec(type(event)).personal)
        return {text.subject for text in texts if isinstance(text, PersonalText)}

    def _codec(self, cls: type[DomainEvent]) -> _EventCodec:
        codec = self._by_class.get(cls)
        if codec is None:
            codec = self._by_class[cls] = _EventCodec(cls)
        return codec


def _upcast(codec: _EventCodec, envelope: _Envelope) -> Any:
    if envelope.v > codec.version:
        raise ValueError("written by a newer version of this program")
    data = orjson.loads(bytes(envelope.data))
    for step in range(envelope.v, codec.version):
        getattr(codec.cls, f"upcast_v{step}_v{step + 1}")(data)
    return msgspec.convert(data, codec.data_type)


def _meta(meta: Metadata) -> dict[str, Any]:
    stored: dict[str, Any] = {
        "occurred_at": meta.occurred_at,
        "actor": meta.actor,
        "role": meta.role,
        "correlation": meta.correlation,
        "source": {"kind": meta.source.kind},
    }
    if meta.source.name is not None:
        stored["source"]["name"] = meta.source.name
    if meta.source.historical:
        stored["source"]["historical"] = True
    for name in ("reason", "causation", "policy"):
        value = getattr(meta, name)
        if value is not None:
            stored[name] = value
    return stored


class SnapshotCodec:
    """An aggregate's annotated state to bytes and back; never the truth, only a shortcut."""

    def __init__(self) -> None:
        self._adapters: dict[type[Aggregate], TypeAdapter[dict[str, Any]]] = {}

    def encode(self, aggregate: Aggregate) -> tuple[str, bytes]:
        """Return topic and state of a snapshot."""
        data = {name: getattr(aggregate, name) for name in aggregate.state_names}
        state = orjson.dumps(
            {"v": aggregate.state_version, "data": data}, default=_sorted, option=_ORJSON_OPTIONS
        )
        return f"snapshot.{aggregate.KIND}", state

    def decode(self, cls: type[A], stream: UUID, version: int, state: bytes) -> A | None:
        """Return the aggregate, or None for a snapshot of other code or one that cannot be read."""
        try:
            stored = orjson.loads(state)
            if stored["v"] != cls.state_version:
                return None
            attributes = self._adapter(cls).validate_python(stored["data"])
        except (ValueError, KeyError, TypeError):
            return None
        aggregate = cls(stream)
        aggregate.__dict__.update(attributes)
        aggregate.version = version
        return aggregate

    def _adapter(self, cls: type[Aggregate]) -> TypeAdapter[dict[str, Any]]:
        adapter = self._adapters.get(cls)
        if adapter is None:
            hints = get_type_hints(cls)
            shape = {name: hints[name] for name in cls.state_names}
            adapter = self._adapters[cls] = TypeAdapter(_typed_dict("State", shape))
        return adapter


def _sorted(value: Any) -> Any:
    if isinstance(value, (set, frozenset)):
        return sorted(value, key=str)
    raise TypeError(f"not storable: {type(value).__name__}")
