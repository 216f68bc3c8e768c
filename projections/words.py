"""The words by which texts are found: words of letters and digits, and pairs of Chinese characters.

A Chinese sentence has no spaces, so each two neighbouring characters are a word, and so is each
single one; a search asks for the pairs of what was typed (architecture.md 9.19).
"""

import re
import unicodedata
from collections.abc import Iterable
from typing import Final

from domain.errors import InvalidValueError, Rule
from domain.text import checked_text

LONGEST_SEARCH: Final = 200
_LONGEST_WORD: Final = 60
_CJK: Final = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_RUNS: Final = re.compile(rf"[{_CJK}]+|[^\W_{_CJK}]+")
_IS_CJK: Final = re.compile(rf"[{_CJK}]")


def words_of(texts: Iterable[str | None]) -> str:
    """Return the distinct words of texts, sorted, separated by spaces."""
    words: set[str] = set()
    for text in texts:
        if text is not None:
            for run in _runs(text):
                if _IS_CJK.match(run):
                    words.update(run)
                    words.update(run[i : i + 2] for i in range(len(run) - 1))
                else:
                    words.add(run[:_LONGEST_WORD])
    return " ".join(sorted(words))


def searched_words(text: str, *, field: str = "text") -> list[str]:
    """Return the words that a text must have to be found.

    InvalidValueError if the search is too long or has nothing to look for, such as ``%``.
    """
    checked = checked_text(text, field=field, max_length=LONGEST_SEARCH)
    words: set[str] = set()
    for run in _runs(checked):
        if not _IS_CJK.match(run):
            words.add(run[:_LONGEST_WORD])
        elif len(run) == 1:
            words.add(run)
        else:
            words.update(run[i : i + 2] for i in range(len(run) - 1))
    if not words:
        raise InvalidValueError(field, Rule.NOTHING_TO_SEARCH)
    return sorted(words)


def _runs(text: str) -> list[str]:
    return _RUNS.findall(unicodedata.normalize("NFKC", text).casefold())
