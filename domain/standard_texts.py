"""Standard texts per category, from which an answer begins (domain.md 13).

Words in braces are filled in by whoever writes: ``number``, ``waybill``, ``outcome``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from domain.categories import Category
from domain.labels import Labelled


class Purpose(Labelled):
    """What a text is for."""

    FIRST_FEEDBACK = "first_feedback", "first feedback", "首次反馈"
    ANSWER = "answer", "answer", "答复"


@dataclass(frozen=True, slots=True)
class StandardText:
    """A text in both languages."""

    en: str
    zh: str


def _texts(feedback: tuple[str, str], answer: tuple[str, str]) -> dict[Purpose, StandardText]:
    return {
        Purpose.FIRST_FEEDBACK: StandardText(*feedback),
        Purpose.ANSWER: StandardText(*answer),
    }


STANDARD_TEXTS: Final[Mapping[Category, Mapping[Purpose, StandardText]]] = {
    category: _texts(("", ""), ("", "")) for category in Category
}
