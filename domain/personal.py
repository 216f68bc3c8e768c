"""Personal data inside events: encrypted per data subject before it is stored.

A rule never reads personal text: an aggregate is rebuilt with ``Sealed`` values, which only the
projections that fill ``read_personal`` open. When the subject's key is destroyed, opening a sealed
value gives ``ERASED`` for ever.
"""

from dataclasses import dataclass
from enum import Enum
from functools import cache
from typing import Any, Final, get_args, get_type_hints
from uuid import UUID

from domain.text import checked_text


class PersonalText:
    """Text of a person, not yet encrypted; it lives only between a command and its storing.

    Deliberately no dataclass: a JSON encoder that meets one fails instead of writing it.
    """

    __slots__ = ("_text", "subject")

    def __init__(self, subject: UUID, text: str) -> None:
        self.subject: Final = subject
        self._text = text

    def reveal(self) -> str:
        """Return the text; only for encryption."""
        return self._text

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, PersonalText)
            and self.subject == other.subject
            and self._text == other._text
        )

    def __hash__(self) -> int:
        return hash((self.subject, self._text))

    def __repr__(self) -> str:
        return f"PersonalText(subject={self.subject}, ...)"

    __str__ = __repr__

    def __reduce__(self) -> Any:
        raise TypeError("personal text is not pickled")


@dataclass(frozen=True, slots=True)
class Sealed:
    """Ciphertext of a personal field: what a stored event holds instead of the text.

    ``key`` is the version of the subject's key; nonce and ciphertext are base64.
    """

    subject: UUID
    key: int
    nonce: str
    ciphertext: str


class Erased(Enum):
    """What is left of a personal text whose subject's key was destroyed."""

    ERASED = "erased"


ERASED: Final = Erased.ERASED

Personal = PersonalText | Sealed
"""The type of a personal field of an event."""


@cache
def personal_fields(cls: type) -> tuple[str, ...]:
    """Return the names of a class's fields that hold personal text."""
    hints = get_type_hints(cls)
    return tuple(name for name, hint in hints.items() if PersonalText in get_args(hint))


def personal_text(subject: UUID, value: str, *, field: str, max_length: int) -> PersonalText:
    """Check a text about or by a person (see ``checked_text``) and bind it to its data subject."""
    return PersonalText(subject, checked_text(value, field=field, max_length=max_length))
