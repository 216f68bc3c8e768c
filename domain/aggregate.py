"""The root of all aggregates: public methods decide, private ones evolve.

A thin root on the event-sourcing library's protocols instead of its ``BaseAggregate``: that one
stores a module path and a clock reading in every event, which our envelope forbids
(docs/decisions/0002-aggregate-root.md).
"""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import wraps
from typing import Any, ClassVar, Concatenate, ParamSpec, TypeVar, cast, dataclass_transform
from uuid import UUID

from eventsourcing.domain import OriginatorIDError, OriginatorVersionError
from eventsourcing.utils import register_topic

from domain.metadata import Metadata

P = ParamSpec("P")
A = TypeVar("A", bound="Aggregate")


@dataclass_transform(frozen_default=True, kw_only_default=True)
@dataclass(frozen=True, kw_only=True)
class DomainEvent:
    """Something that happened to one aggregate, with everything an auditor needs to know of it.

    A subclass is a frozen dataclass with a ``TOPIC`` that never changes; a change of its fields
    raises ``class_version`` and adds ``upcast_v1_v2(data)`` (docs/guides/events.md).
    """

    TOPIC: ClassVar[str]
    LINKS: ClassVar[tuple[str, ...]] = ()
    """Fields that hold the id of another aggregate of the same case."""
    class_version: ClassVar[int] = 1
    aggregate_class: ClassVar[type["Aggregate"]]
    _evolve: ClassVar[Callable[..., None]]
    _field_names: ClassVar[tuple[str, ...]]

    originator_id: UUID
    originator_version: int
    meta: Metadata

    def __init_subclass__(cls) -> None:
        """Make the subclass a frozen dataclass and register its topic."""
        dataclass(frozen=True, kw_only=True)(cls)
        register_topic(cls.TOPIC, cls)
        own = {"originator_id", "originator_version"}
        cls._field_names = tuple(f.name for f in fields(cls) if f.name not in own)

    def mutate(self, aggregate: Any) -> Any:
        """Evolve the aggregate by this event; ``None`` stands for the blank aggregate."""
        if aggregate is None:
            aggregate = self.aggregate_class(self.originator_id)
        if self.originator_id != aggregate.id:
            raise OriginatorIDError(self.originator_id, aggregate.id)
        if self.originator_version != aggregate.version + 1:
            raise OriginatorVersionError(self.originator_version, aggregate.version + 1)
        values = self.__dict__
        type(self)._evolve(aggregate, **{name: values[name] for name in self._field_names})  # noqa: SLF001
        aggregate.version = self.originator_version
        return aggregate


class Aggregate:
    """The state that rules ask for, evolved by events; blank at version 0.

    The annotated attributes of a subclass are its state: snapshots hold just these.
    """

    INITIAL_VERSION: ClassVar[int] = 1
    KIND: ClassVar[str]
    state_names: ClassVar[tuple[str, ...]] = ()
    """The attributes that are the state."""
    state_version: ClassVar[int] = 1
    """Raise it when the attributes change: older snapshots are then ignored."""

    def __init__(self, id: UUID) -> None:  # noqa: A002  the library's protocols call it id
        self.id = id
        self.version = 0
        self.pending_events: list[DomainEvent] = []
        self.begin()

    def begin(self) -> None:
        """Set the attributes of the blank aggregate."""

    def collect_events(self) -> Sequence[DomainEvent]:
        """Return the events since the last call, oldest first."""
        collected, self.pending_events = self.pending_events, []
        return collected

    def __init_subclass__(cls) -> None:
        """Tell every event that has an evolve method which aggregate it belongs to.

        A large aggregate may be written as a chain of classes: the last one is the aggregate.
        """
        chain = [base for base in cls.__mro__[::-1] if base not in Aggregate.__mro__]
        cls.state_names = tuple(name for base in chain for name in inspect.get_annotations(base))
        for base in chain:
            for method in vars(base).values():
                event_class = getattr(method, "event_class", None)
                if event_class is not None:
                    event_class.aggregate_class = cls


def event(
    event_class: type[DomainEvent],
) -> Callable[[Callable[Concatenate[A, P], None]], Callable[Concatenate[A, P], None]]:
    """Make a private method the evolve step of an event.

    Calling the method records the event and evolves the aggregate; a replay only evolves it. The
    method assigns: no guard, no clock, no I/O, so that it succeeds for every event ever stored.
    """

    def decorate(evolve: Callable[Concatenate[A, P], None]) -> Callable[Concatenate[A, P], None]:
        declared = {*list(inspect.signature(evolve).parameters)[1:]}
        if declared != set(event_class._field_names):  # noqa: SLF001
            raise TypeError(f"{event_class.__qualname__} and its evolve method differ in fields")
        event_class._evolve = evolve  # noqa: SLF001

        @wraps(evolve)
        def record(self: A, *args: P.args, **kwargs: P.kwargs) -> None:
            if args:
                raise TypeError("fields of an event are passed by name")
            # Not by __init__: that of a frozen dataclass sets field by field. The signature of the
            # evolve method, equal to the fields, makes sure that nothing is missing.
            happened = object.__new__(event_class)
            happened.__dict__.update(
                kwargs, originator_id=self.id, originator_version=self.version + 1
            )
            evolve(self, *args, **kwargs)
            self.pending_events.append(happened)
            self.version += 1

        record.event_class = event_class  # type: ignore[attr-defined]
        return cast("Callable[Concatenate[A, P], None]", record)

    return decorate
