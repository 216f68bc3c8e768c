"""The words of texts: what is searched by whole words or adjacent characters is found."""

import unicodedata

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from domain.errors import InvalidValueError
from projections.words import LONGEST_SEARCH, searched_words, words_of

LONGEST_WORD = 60
_HAN = st.characters(min_codepoint=0x4E00, max_codepoint=0x9FFF)
_LETTERS = st.characters(codec="utf-8", categories=("L", "N"))
_BREAKS = st.sampled_from(
    [" ", "\n", "\t", "　", ",", "，", "。", "_", "%", "-", "/", "'", "\\", "😀"]
)
_ASCII = st.text("abcXYZ019", min_size=1, max_size=70)
_PIECES = st.lists(st.one_of(_ASCII, _BREAKS, st.text(_HAN, min_size=1, max_size=8)), max_size=12)
_ANY = st.text(max_size=80)


def found_by(text: str, search: str) -> bool:
    """Say whether a text has all the words of a search, as the database does."""
    return {*searched_words(search)} <= {*words_of([text]).split(" ")}


def refusal_of(search: str) -> InvalidValueError | None:
    try:
        searched_words(search, field="text")
    except InvalidValueError as refusal:
        return refusal
    return None


def is_han(character: str) -> bool:
    return "\u4e00" <= character <= "\u9fff"


def may_cut(text: str, at: int) -> bool:
    """Say whether no word lies on both sides of a place: it does not part letters or digits."""
    if at in {0, len(text)}:
        return True
    left, right = text[at - 1], text[at]
    return is_han(left) or is_han(right) or not (left.isalnum() and right.isalnum())


@given(pieces=_PIECES, data=st.data())
def test_every_part_of_a_text_between_words_or_characters_finds_it(
    pieces: list[str], data: st.DataObject
) -> None:
    text = "".join(pieces)
    places = [at for at in range(len(text) + 1) if may_cut(text, at)]
    begin, end = sorted(data.draw(st.tuples(st.sampled_from(places), st.sampled_from(places))))
    part = text[begin:end]
    assume(any(character.isalnum() for character in part) and len(part) <= LONGEST_SEARCH)

    assert found_by(text, part)


@given(text=_ANY, data=st.data())
def test_any_choice_of_the_words_between_spaces_finds_a_text(
    text: str, data: st.DataObject
) -> None:
    words = text.split()
    assume(words)
    chosen = data.draw(st.lists(st.sampled_from(words), min_size=1, max_size=4))
    search = " ".join(chosen)
    assume(refusal_of(search) is None)

    assert found_by(text, search)


@given(texts=st.lists(st.one_of(st.none(), _ANY), max_size=4))
def test_words_are_distinct_sorted_without_spaces_and_bounded(texts: list[str | None]) -> None:
    joined = words_of(texts)
    words = joined.split(" ") if joined else []

    assert words == sorted({*words})
    for word in words:
        assert 1 <= len(word) <= LONGEST_WORD
        assert all(character.isalnum() or ord(character) > 0x20000 for character in word), word
        assert "\x00" not in word
        assert not any(map(is_han, word)) or len(word) <= 2
    given_length = sum(
        len(unicodedata.normalize("NFKC", text).casefold()) for text in texts if text
    )
    assert len(words) <= 2 * given_length
    joined.encode()


@given(texts=st.lists(_ANY, max_size=4))
def test_words_do_not_depend_on_the_order_or_on_repetitions(texts: list[str]) -> None:
    assert words_of(texts) == words_of([*reversed(texts), None, *texts])
    apart = {word for text in texts for word in words_of([text]).split(" ") if word}
    assert " ".join(sorted(apart)) == words_of(texts), "no word lies across two texts"


@given(text=st.text(max_size=LONGEST_SEARCH + 50))
def test_a_search_gives_some_bounded_words_or_is_refused_by_its_field(text: str) -> None:
    refusal = refusal_of(text)
    if refusal is not None:
        assert refusal.field == "text"
        assert refusal.rule in {"required", "too_long", "control_characters", "nothing_to_search"}
        return
    words = searched_words(text)
    assert words == searched_words(text) == sorted({*words})
    assert 0 < len(words) <= 18 * LONGEST_SEARCH
    assert all(1 <= len(word) <= LONGEST_WORD and " " not in word for word in words)
    assert {*words} <= {*words_of([text]).split(" ")}, "a text is found by itself"


@given(text=st.text(st.one_of(_HAN, st.sampled_from("abcXYZ019 -,"))))
def test_neither_letter_case_nor_width_matters(text: str) -> None:
    wide = "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text)

    assert words_of([text]) == words_of([text.upper()]) == words_of([text.lower()])
    assert words_of([text]) == words_of([wide])


@given(text=st.text(_LETTERS))
def test_composed_and_decomposed_letters_are_the_same(text: str) -> None:
    assert words_of([unicodedata.normalize("NFD", text)]) == words_of([text])


@given(run=st.text(_HAN, min_size=1, max_size=30))
def test_a_run_of_characters_is_its_characters_and_its_pairs(run: str) -> None:
    pairs = {run[at : at + 2] for at in range(len(run) - 1)}

    assert {*words_of([run]).split(" ")} == {*run} | pairs
    assert {*searched_words(run)} == (pairs or {run})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ""),
        ("%_'\"\\ 😀", ""),
        ("快递", "快 快递 递"),
        ("快，递", "快 递"),
        ("A快b", "a b 快"),
        ("快递2件", "2 件 快 快递 递"),
        ("C-2026-000123", "000123 2026 c"),
        ("sure_thing", "sure thing"),
        ("Straße ＡＢＣ", "abc strasse"),
        ("𠮷野家", "家 野 野家 𠮷 𠮷野"),
        ("x" * 61, "x" * 60),
        ("０１２３٤", "0123٤"),
    ],
)
def test_words_of_some_texts(text: str, words: str) -> None:
    assert words_of([text]) == words


def test_a_longer_word_than_any_is_found_by_itself() -> None:
    assert found_by("see " + "x" * 100, "x" * 100)
    assert not found_by("see " + "x" * 100, "x" * 59)
