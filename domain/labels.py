"""Words that a person reads, in English and Simplified Chinese, beside the value they stand for."""

from enum import StrEnum
from typing import Self


class Labelled(StrEnum):
    """A closed list of values, each with its English and its Chinese name.

    The value is what events store, so it never changes; the names may.
    """

    en: str
    zh: str

    def __new__(cls, value: str, en: str = "", zh: str = "") -> Self:
        """Make a member that is its value and carries its names."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.en = en
        member.zh = zh
        return member
