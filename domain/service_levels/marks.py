"""What events mean to clocks: marks, which start, stop, pause and cancel them.

A module ``domain/*_marks.py`` says for the events of one aggregate which marks they set and which
facts of the case they tell; it is found by itself. So an aggregate joins without any edit here.
"""

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, TypeVar
from uuid import UUID

import domain
from domain.aggregate import DomainEvent

E = TypeVar("E", bound=DomainEvent)


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that can happen to a case, as policies name it."""

    code: str
    en: str
    zh: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseFacts:
    """What clocks are chosen, grouped and filtered by; ``notes`` are an aggregate's own words.

    ``policy`` is the code of the service-level policy that the customer's contract names.
    """

    kind: str
    number: str
    department: str | None = None
    handler: str | None = None
    region: str | None = None
    outlet: str | None = None
    category: str | None = None
    severity: str | None = None
    partner: str | None = None
    policy: str | None = None
    notes: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Marked:
    """What one event does to a case: the marks that it sets, and the facts as they are then."""

    marks: tuple[str, ...]
    facts: CaseFacts


Beginning = Callable[[Any], Marked | None]
"""Reads the event with which a case begins; None: a case that no clock can concern."""
Marking = Callable[[Any, CaseFacts], Marked | None]
"""Reads a later event upon the facts so far; None: it means nothing to clocks."""


@dataclass(frozen=True, slots=True)
class Reading:
    """Who reads the events of a topic, and of which case they tell."""

    case_of: Callable[[Any], UUID]
    beginning: Beginning | None = None
    marking: Marking | None = None


VOCABULARY: Final[dict[str, Mark]] = {}
"""All marks by their codes."""
_READINGS: Final[dict[str, Reading]] = {}


def mark(code: str, en: str, zh: str) -> str:
    """Add a word to the vocabulary and return its code; once."""
    if code in VOCABULARY:
        raise TypeError(f"the mark {code} exists already")
    VOCABULARY[code] = Mark(code, en, zh)
    return code


WAITING: Final = mark("waiting", "waiting for the customer", "等待客户")
"""Pauses the clocks that may pause."""
RESUMED: Final = mark("resumed", "resumed", "恢复办理")


def _own(event: DomainEvent) -> UUID:
    return event.originator_id


def begins(event_class: type[E]) -> Callable[[Callable[[E], Marked | None]], Beginning]:
    """Make a function say what the event means with which a case begins."""

    def register(beginning: Callable[[E], Marked | None]) -> Beginning:
        _enter(event_class, Reading(_own, beginning=beginning))
        return beginning

    return register


def reads(
    event_class: type[E], *, case_of: Callable[[E], UUID] = _own
) -> Callable[[Callable[[E, CaseFacts], Marked | None]], Marking]:
    """Make a function say what an event means; ``case_of``: to which case, its own stream's."""

    def register(marking: Callable[[E, CaseFacts], Marked | None]) -> Marking:
        _enter(event_class, Reading(case_of, marking=marking))
        return marking

    return register


def _enter(event_class: type[DomainEvent], reading: Reading) -> None:
    if event_class.TOPIC in _READINGS:
        raise TypeError(f"{event_class.TOPIC} is read already")
    _READINGS[event_class.TOPIC] = reading


@cache
def readings() -> dict[str, Reading]:
    """Return who reads which topic, from all modules ``domain/*_marks.py``."""
    for module in pkgutil.iter_modules(domain.__path__):
        if module.name.endswith("_marks"):
            importlib.import_module(f"domain.{module.name}")
    return _READINGS


def vocabulary() -> dict[str, Mark]:
    """Return all marks that an event can set."""
    readings()
    return VOCABULARY
