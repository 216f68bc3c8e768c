"""Checked texts: what a person typed, before it becomes part of an event."""

import re

from domain.errors import InvalidValueError, Rule

# Line breaks and tabs are writing; every other control character is damage or an attack,
# and PostgreSQL cannot hold U+0000 at all. Lone surrogates cannot be encoded.
_FORBIDDEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_CODE = re.compile(r"\w[\w .,'’·()/&#-]{0,99}")


def checked_text(value: str, *, field: str, max_length: int) -> str:
    """Return the text without outer white space.

    Raises ``InvalidValueError`` when it is empty, longer than ``max_length`` characters, or holds
    control characters other than line breaks and tabs.
    """
    if not isinstance(value, str):
        raise InvalidValueError(field, Rule.NOT_TEXT)
    if len(value) > max_length:
        raise InvalidValueError(field, Rule.TOO_LONG, str(max_length))
    if _FORBIDDEN.search(value):
        raise InvalidValueError(field, Rule.CONTROL_CHARACTERS)
    stripped = value.strip()
    if not stripped:
        raise InvalidValueError(field, Rule.REQUIRED)
    return stripped


def code(value: str, *, field: str) -> str:
    """Return the short name of a unit or place: 1 to 100 letters, digits, common punctuation."""
    stripped = value.strip()
    if not _CODE.fullmatch(stripped):
        raise InvalidValueError(field, Rule.CODE_FORMAT)
    return stripped
