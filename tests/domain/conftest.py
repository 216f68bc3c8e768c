"""Given, when, then: an aggregate's rules told as commands and events."""

from collections.abc import Callable
from copy import copy
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from domain.aggregate import Aggregate, DomainEvent
from domain.errors import DomainError
from domain.metadata import Metadata, Source, SourceKind
from domain.roles import PersonId, Role

STREAM = UUID(int=1)
META = Metadata(
    occurred_at=datetime(2026, 3, 2, 1, 30, tzinfo=UTC),
    actor=PersonId("agent-1"),
    role=Role.FRONT_DESK,
    correlation=UUID(int=2),
    source=Source(SourceKind.API),
)

Step = Callable[[Any, Metadata], object]
"""A command on an aggregate under given circumstances, such as ``Complaint.register``."""


def told(event: DomainEvent) -> dict[str, Any]:
    """Return what an event says, without where it stands in its stream."""
    return {name: getattr(event, name) for name in event._field_names}


def state_of(aggregate: Aggregate) -> dict[str, Any]:
    """Return a copy of the state, which later changes of the aggregate leave as it is."""
    values = {name: getattr(aggregate, name) for name in aggregate.state_names}
    return {n: copy(v) if isinstance(v, (dict, list, set)) else v for n, v in values.items()}


class Scenario:
    """One aggregate's story: ``given`` these commands, ``when`` that one, ``then`` these events."""

    def __init__(self, cls: type[Aggregate], stream: UUID) -> None:
        self._aggregate = cls(stream)
        self._step: Step | None = None
        self._meta = META

    def given(self, *steps: Step) -> "Scenario":
        for step in steps:
            step(self._aggregate, META)
        self._aggregate.collect_events()
        return self

    def when(self, step: Step, **circumstances: Any) -> "Scenario":
        self._step = step
        self._meta = replace(META, **circumstances)
        return self

    def then(self, *expected: DomainEvent) -> None:
        self._carry_out()

        events = self._aggregate.collect_events()
        assert [(type(e), told(e)) for e in events] == [(type(e), told(e)) for e in expected]

    def refused(self, error: DomainError) -> None:
        state, version = state_of(self._aggregate), self._aggregate.version

        with pytest.raises(type(error)) as refusal:
            self._carry_out()

        assert refusal.value == error
        assert state_of(self._aggregate) == state, "a refused command changes nothing"
        assert self._aggregate.version == version
        assert not self._aggregate.pending_events

    def _carry_out(self) -> None:
        assert self._step is not None, "a scenario needs a when()"
        self._step(self._aggregate, self._meta)


class Scenarios:
    """``scenario(Complaint)`` begins one; the rest builds what it speaks of."""

    def __call__(self, cls: type[Aggregate], stream: UUID = STREAM) -> Scenario:
        return Scenario(cls, stream)

    def meta(self, **circumstances: Any) -> Metadata:
        return replace(META, **circumstances)

    def event(self, cls: type[DomainEvent], **fields: Any) -> DomainEvent:
        """Build an event; version and circumstances are the usual ones unless given."""
        return cls(**{"originator_id": STREAM, "originator_version": 1, "meta": META} | fields)


@pytest.fixture(scope="session")
def scenario() -> Scenarios:
    """Begin a scenario: ``scenario(Complaint).given(...).when(...).then(...)``."""
    return Scenarios()
