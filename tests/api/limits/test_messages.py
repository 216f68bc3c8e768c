"""What a caller is told of a limit."""

import ast
import re
import string
from pathlib import Path

import pytest

import api.limits
from api.limits.documents import LimitExceededError
from api.limits.messages import TEXTS, LimitError

SOURCES = sorted(Path(api.limits.__file__).parent.glob("*.py"))


@pytest.mark.parametrize("code", sorted(TEXTS.keys() - {"PERSISTED_QUERY_NOT_FOUND"}))
def test_a_limit_is_told_in_both_languages(code: str) -> None:
    en, zh = TEXTS[code]

    assert en.isascii()
    assert re.search(r"[\u4e00-\u9fff]", zh)


@pytest.mark.parametrize("code", TEXTS)
def test_both_languages_tell_figures_and_nothing_else(code: str) -> None:
    for text in TEXTS[code]:
        names = {name for _, name, _, _ in string.Formatter().parse(text) if name}
        assert names <= {"limit", "found", "wait"}


def test_every_code_is_raised_somewhere_and_every_raised_code_has_its_texts() -> None:
    others = [path for path in SOURCES if path.name != "messages.py"]
    texts = {
        node.value
        for path in others
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }

    assert {text for text in texts if re.fullmatch(r"[A-Z]+(_[A-Z]+)+", text)} == set(TEXTS)


def test_an_error_tells_its_figures() -> None:
    error = LimitExceededError("DEPTH_LIMIT", 16, 23)

    assert str(error) == error.message("en")
    assert error.message("en") == "the document is nested 23 deep; at most 16 is allowed"
    assert error.message("zh") == "文档嵌套23层，最多16层"


def test_an_unknown_code_is_a_mistake_of_ours() -> None:
    with pytest.raises(KeyError):
        LimitError("NO_SUCH_CODE")
