"""The organisation as dated facts: head office, branches, regions, outlets, departments.

Life of a unit: founded -> (renamed | moved)* -> closed, for good. Business time is a fact's date:
who asks for an instant gets the organisation of that instant. Source: domain.md 1 (0, 1.1.2).
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID, uuid5

from domain.aggregate import Aggregate, DomainEvent, event
from domain.errors import InvalidValueError, Rule, WrongStateError
from domain.identifiers import NAMESPACE
from domain.labels import Labelled
from domain.metadata import Metadata


class UnitKind(Labelled):
    """What a unit of the organisation is (domain.md 1; source 0, 1.1.2)."""

    HEAD_OFFICE = "head_office", "head office", "总部"
    BRANCH = "branch", "branch", "分支机构"
    REGION = "region", "region", "大区"
    OUTLET = "outlet", "delivery outlet", "配送网点"
    DEPARTMENT = "department", "department", "责任部门"


class UnitState(Labelled):
    """Where a unit stands."""

    NOT_FOUNDED = "not_founded", "not founded yet", "尚未设立"
    IN_OPERATION = "in_operation", "in operation", "运营中"
    SHUT_DOWN = "shut_down", "closed", "已撤销"


HEAD_OFFICE: Final = uuid5(NAMESPACE, "unit:head_office")
"""The id of the one head office, whatever its code."""


def unit_id(kind: UnitKind, code: str) -> UUID:
    """Return the id of the one unit of this kind with this code."""
    if kind is UnitKind.HEAD_OFFICE:
        return HEAD_OFFICE
    return uuid5(NAMESPACE, f"unit:{kind}:{code}")


@dataclass(frozen=True, slots=True)
class UnitKey:
    """What people know a unit by."""

    kind: UnitKind
    code: str

    @property
    def id(self) -> UUID:
        """The unit's id."""
        return unit_id(self.kind, self.code)

    def __str__(self) -> str:
        return f"{self.kind}:{self.code}"


@dataclass(frozen=True, slots=True)
class UnitFacts:
    """What is known of a unit when it is founded; ``time_zone`` None: that of the unit above."""

    kind: UnitKind
    code: str
    name_en: str
    name_zh: str
    parent: UUID | None = None
    time_zone: str | None = None


class Unit(Aggregate):
    """One unit of the organisation."""

    KIND = "unit"

    class Founded(DomainEvent):
        """The unit begins to exist."""

        TOPIC = "unit.founded"
        kind: UnitKind
        code: str
        name_en: str
        name_zh: str
        parent: UUID | None = None
        time_zone: str | None = None

    class Renamed(DomainEvent):
        """The unit goes by other names; its code stays."""

        TOPIC = "unit.renamed"
        name_en: str
        name_zh: str

    class Moved(DomainEvent):
        """The unit stands below another one."""

        TOPIC = "unit.moved"
        parent: UUID

    class Closed(DomainEvent):
        """The unit exists no longer."""

        TOPIC = "unit.closed"

    founded_as: UnitFacts | None
    founded_at: datetime | None
    closed_at: datetime | None
    names: tuple[str, str]
    named_at: datetime | None
    parent: UUID | None
    placed_at: datetime | None

    def begin(self) -> None:
        """Nothing was founded yet."""
        self.founded_as = None
        self.founded_at = None
        self.closed_at = None
        self.names = ("", "")
        self.named_at = None
        self.parent = None
        self.placed_at = None

    @property
    def state(self) -> UnitState:
        """Where the unit stands, as of all that is on record."""
        if self.founded_at is None:
            return UnitState.NOT_FOUNDED
        return UnitState.IN_OPERATION if self.closed_at is None else UnitState.SHUT_DOWN

    def open_at(self, at: datetime) -> bool:
        """Say whether the unit exists at that instant: from its founding until it is closed."""
        if self.founded_at is None or at < self.founded_at:
            return False
        return self.closed_at is None or at < self.closed_at

    def found(self, facts: UnitFacts, meta: Metadata) -> None:
        """Found the unit, once; the same facts again change nothing, not even the date."""
        if self.state is UnitState.SHUT_DOWN:
            raise WrongStateError("found", self.state, rule="ended")
        if facts == self.founded_as:
            return
        if self.founded_as is not None:
            raise WrongStateError("found", self.state)
        if facts.parent is not None:
            self._refuse_parent(facts.kind, facts.parent)
        self._founded(
            kind=facts.kind,
            code=facts.code,
            name_en=facts.name_en,
            name_zh=facts.name_zh,
            parent=facts.parent,
            time_zone=facts.time_zone,
            meta=meta,
        )

    def rename(self, name_en: str, name_zh: str, meta: Metadata) -> None:
        """Give the unit other names; the names that it has change nothing."""
        self._require_open("rename")
        if (name_en, name_zh) != self.names:
            _refuse_before(self.named_at, meta)
            self._renamed(name_en=name_en, name_zh=name_zh, meta=meta)

    def move(self, parent: UUID, meta: Metadata) -> None:
        """Put the unit below another one; who knows all units makes sure of no cycle."""
        self._require_open("move")
        assert self.founded_as is not None
        if parent != self.parent:
            self._refuse_parent(self.founded_as.kind, parent)
            _refuse_before(self.placed_at, meta)
            self._moved(parent=parent, meta=meta)

    def close(self, meta: Metadata) -> None:
        """End the unit's life, not before the last that is known of it."""
        self._require_open("close")
        _refuse_before(self.named_at, meta)
        _refuse_before(self.placed_at, meta)
        self._closed(meta=meta)

    def _require_open(self, command: str) -> None:
        if self.state is UnitState.SHUT_DOWN:
            raise WrongStateError(command, self.state, rule="ended")
        if self.state is UnitState.NOT_FOUNDED:
            raise WrongStateError(command, self.state)

    def _refuse_parent(self, kind: UnitKind, parent: UUID) -> None:
        """Keep the head office at the top, and no unit below itself."""
        if kind is UnitKind.HEAD_OFFICE or parent == self.id:
            raise InvalidValueError("parent", Rule.CYCLE)

    @event(Founded)
    def _founded(
        self,
        kind: UnitKind,
        code: str,
        name_en: str,
        name_zh: str,
        parent: UUID | None,
        time_zone: str | None,
        meta: Metadata,
    ) -> None:
        self.founded_as = UnitFacts(kind, code, name_en, name_zh, parent, time_zone)
        self.founded_at = self.named_at = self.placed_at = meta.occurred_at
        self.names = (name_en, name_zh)
        self.parent = parent

    @event(Renamed)
    def _renamed(self, name_en: str, name_zh: str, meta: Metadata) -> None:
        self.names = (name_en, name_zh)
        self.named_at = meta.occurred_at

    @event(Moved)
    def _moved(self, parent: UUID, meta: Metadata) -> None:
        self.parent = parent
        self.placed_at = meta.occurred_at

    @event(Closed)
    def _closed(self, meta: Metadata) -> None:
        self.closed_at = meta.occurred_at


def _refuse_before(fact: datetime | None, meta: Metadata) -> None:
    """Let names, and places, follow one another in business time: the last one is in force."""
    if fact is not None and meta.occurred_at < fact:
        raise InvalidValueError("occurredAt", Rule.BEFORE, fact.isoformat())
