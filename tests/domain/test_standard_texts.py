import re
from string import Formatter

import pytest

from domain.categories import Category
from domain.standard_texts import STANDARD_TEXTS, Purpose, StandardText

KNOWN = {"number", "waybill", "outcome"}
EVERY = [(category, purpose) for category in Category for purpose in Purpose]
HAN = re.compile(r"[\u4e00-\u9fff]")
SENTENCE_END = re.compile(r"[.。!！?？](?=\s|$|[\u4e00-\u9fff])")


def text_of(category: Category, purpose: Purpose) -> StandardText:
    return STANDARD_TEXTS[category][purpose]


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


def test_every_category_has_a_text_for_every_purpose() -> None:
    assert {(c, p) for c, texts in STANDARD_TEXTS.items() for p in texts} == set(EVERY)


@pytest.mark.parametrize(("category", "purpose"), EVERY)
def test_a_text_is_there_in_both_languages(category: Category, purpose: Purpose) -> None:
    text = text_of(category, purpose)

    assert HAN.search(text.zh)
    assert not HAN.search(text.en)
    assert re.search("[a-z]", text.en)
    assert {text.en, text.zh} == {text.en.strip(), text.zh.strip()}


@pytest.mark.parametrize(("category", "purpose"), EVERY)
def test_a_text_asks_for_known_words_the_same_in_both_languages(
    category: Category, purpose: Purpose
) -> None:
    text = text_of(category, purpose)

    assert placeholders(text.en) == placeholders(text.zh) <= KNOWN
    assert "number" in placeholders(text.en) or purpose is Purpose.ANSWER
    assert "outcome" in placeholders(text.en) or purpose is Purpose.FIRST_FEEDBACK


@pytest.mark.parametrize(("category", "purpose"), EVERY)
def test_a_text_is_short(category: Category, purpose: Purpose) -> None:
    for text in (text_of(category, purpose).en, text_of(category, purpose).zh):
        assert 1 <= len(SENTENCE_END.findall(text)) <= 3
        assert len(text) <= 400


def test_no_text_stands_twice() -> None:
    texts = [text_of(*each) for each in EVERY]

    assert len({text.en for text in texts}) == len(EVERY)
    assert len({text.zh for text in texts}) == len(EVERY)
