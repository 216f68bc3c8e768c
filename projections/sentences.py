"""What events say to a person, in both languages (architecture.md 9.14)."""

from dataclasses import dataclass
from typing import Final

from domain.aggregate import DomainEvent


@dataclass(frozen=True, slots=True)
class Sentence:
    """What an event says to a person; fields of the event stand in braces."""

    en: str
    zh: str


SENTENCES: Final[dict[type[DomainEvent], Sentence]] = {}
"""The sentence of each event, from beside its handler (architecture.md 9.14)."""


def says(event_class: type[DomainEvent], *, en: str, zh: str) -> None:
    """Give an event its sentence; each has exactly one."""
    if event_class in SENTENCES:
        raise TypeError(f"{event_class.__qualname__} says something already")
    SENTENCES[event_class] = Sentence(en, zh)
