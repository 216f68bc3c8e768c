import copy
import pickle
import unicodedata
from collections.abc import Callable
from dataclasses import FrozenInstanceError
from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from domain.errors import InvalidValueError, Rule
from domain.identifiers import complaint_number, imported_id, shipment_id, waybill
from domain.money import Money
from domain.personal import PersonalText, personal_text
from domain.rating import score
from domain.roles import person_id
from domain.text import checked_text, code

LETTERS_AND_DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
MONEY_LIMIT = 10**15


def refusal_of(check: Callable[[], object]) -> InvalidValueError:
    with pytest.raises(InvalidValueError) as refusal:
        check()
    return refusal.value


def writing() -> st.SearchStrategy[str]:
    """Text as people type it: no control characters, no surrogates."""
    return st.text(
        st.characters(exclude_categories=("Cc", "Cs"), exclude_characters="\ufffe\uffff")
    )


# Waybills


@given(
    st.sampled_from(LETTERS_AND_DIGITS),
    st.text(LETTERS_AND_DIGITS + "-", min_size=5, max_size=39),
    st.text(" \t\n", max_size=3),
)
def test_a_waybill_has_6_to_40_letters_digits_and_dashes(first: str, rest: str, pad: str) -> None:
    assert waybill(pad + first + rest + pad) == first + rest


@given(st.text(max_size=60))
def test_any_other_waybill_is_refused(value: str) -> None:
    number = value.strip()
    good = (
        6 <= len(number) <= 40 and set(number) <= set(LETTERS_AND_DIGITS + "-") and number[0] != "-"
    )
    assume(not good)

    assert refusal_of(lambda: waybill(value, field="w")) == InvalidValueError(
        "w", Rule.WAYBILL_FORMAT
    )


@pytest.mark.parametrize(
    "value",
    [
        "",
        "SF123",
        "A" * 41,
        "-SF1234",
        "SF 12345",
        "SF12345\x00",
        "快递123456",
        "\uff33F123456",
        "SF1234\n5",
    ],
)
def test_these_are_no_waybills(value: str) -> None:
    assert refusal_of(lambda: waybill(value)).rule == Rule.WAYBILL_FORMAT


def test_letter_case_does_not_tell_waybills_apart() -> None:
    assert shipment_id(waybill("sf123456")) == shipment_id(waybill("SF123456"))
    assert shipment_id(waybill("SF123456")) != shipment_id(waybill("SF123457"))


def test_ids_that_follow_from_natural_keys_never_change() -> None:
    assert shipment_id(waybill("SF1234567890")) == UUID("20f25f39-23eb-5062-84ae-d1d2c61c7ee9")
    assert imported_id("complaint", "olist", "1") == UUID("408d5d25-d346-5586-b1de-3e3443597cfd")


def test_a_complaint_number_is_read_by_people() -> None:
    assert complaint_number(2026, 123) == "C-2026-000123"
    assert complaint_number(2026, 1_234_567) == "C-2026-1234567"


# Texts


@given(writing(), st.text(" \t\r\n\u3000", max_size=3))
def test_a_text_comes_back_without_outer_white_space(text: str, pad: str) -> None:
    value = pad + text + pad
    assume(text.strip())

    assert checked_text(value, field="facts", max_length=len(value)) == text.strip()


@given(st.text(" \t\r\n\u3000\u2003\xa0", max_size=20))
def test_white_space_alone_is_no_text(value: str) -> None:
    assert refusal_of(
        lambda: checked_text(value, field="facts", max_length=100)
    ) == InvalidValueError("facts", Rule.REQUIRED)


@given(st.integers(1, 50), st.sampled_from("a字𠮷😀"))
def test_length_counts_characters_not_bytes(limit: int, character: str) -> None:
    assert checked_text(character * limit, field="f", max_length=limit) == character * limit
    assert refusal_of(
        lambda: checked_text(character * (limit + 1), field="f", max_length=limit)
    ) == InvalidValueError("f", Rule.TOO_LONG, str(limit))


CONTROLS = [
    chr(c)
    for c in range(0x110000)
    if unicodedata.category(chr(c)) == "Cc" and chr(c) not in "\t\n\r"
]


@given(writing(), st.sampled_from(CONTROLS), writing())
def test_control_characters_are_refused_wherever_they_stand(
    before: str, control: str, after: str
) -> None:
    value = before + control + after

    assert refusal_of(
        lambda: checked_text(value, field="f", max_length=len(value))
    ) == InvalidValueError("f", Rule.CONTROL_CHARACTERS)


@pytest.mark.parametrize("value", ["\x00", "a\x00", "\x1b[31m", "a\x85", "\ufffe", "\uffff"])
def test_what_no_database_or_terminal_should_get_is_refused(value: str) -> None:
    assert (
        refusal_of(lambda: checked_text(value, field="f", max_length=9)).rule
        == Rule.CONTROL_CHARACTERS
    )


@given(writing(), st.integers(0xD800, 0xDFFF), writing())
def test_lone_surrogates_are_refused(before: str, surrogate: int, after: str) -> None:
    value = before + chr(surrogate) + after

    assert (
        refusal_of(lambda: checked_text(value, field="f", max_length=len(value))).rule
        == Rule.CONTROL_CHARACTERS
    )


@given(st.text(st.characters(), max_size=30))
def test_whatever_passes_can_be_stored(value: str) -> None:
    try:
        text = checked_text(value, field="f", max_length=30)
    except InvalidValueError:
        return

    assert text == text.strip() != ""
    assert "\x00" not in text
    assert orjson.loads(orjson.dumps(text)) == text


def test_line_breaks_and_tabs_are_writing() -> None:
    assert checked_text("a\tb\r\nc", field="f", max_length=9) == "a\tb\r\nc"


@pytest.mark.parametrize("value", [None, 5, b"text", ["text"]])
def test_what_is_no_text_is_refused(value: Any) -> None:
    assert refusal_of(lambda: checked_text(value, field="f", max_length=9)) == InvalidValueError(
        "f", Rule.NOT_TEXT
    )


# Codes and people


@pytest.mark.parametrize(
    "value", ["north", "华东", "HZ-01", "A/B_c.d 1", "x" * 100, " north ", "Xi'an"]
)
def test_a_code_names_a_unit_or_place(value: str) -> None:
    assert code(value, field="outlet") == value.strip()


@pytest.mark.parametrize("value", ["", " ", "-a", "a" * 101, "a;b", "a\nb", "a\x00", "<b>"])
def test_what_is_no_code_is_refused(value: str) -> None:
    assert refusal_of(lambda: code(value, field="outlet")) == InvalidValueError(
        "outlet", Rule.CODE_FORMAT
    )


@given(st.text(max_size=90))
def test_a_code_that_passes_passes_again_unchanged(value: str) -> None:
    try:
        checked = code(value, field="f")
    except InvalidValueError:
        return

    assert code(checked, field="f") == checked
    assert 1 <= len(checked) <= 80
    assert checked.isprintable()


@given(st.sampled_from(LETTERS_AND_DIGITS), st.text(LETTERS_AND_DIGITS + "._:-", max_size=63))
def test_a_person_id_is_opaque(first: str, rest: str) -> None:
    assert person_id(first + rest, field="handler") == first + rest


@pytest.mark.parametrize(
    "value",
    ["", " a", "a ", "a\n", ".a", "王小明", "a@example.com", "Li Lei", "a" * 65, "+8613800"],
)
def test_names_and_addresses_are_no_person_ids(value: str) -> None:
    assert refusal_of(lambda: person_id(value, field="handler")) == InvalidValueError(
        "handler", Rule.CODE_FORMAT
    )


# Scores


@given(st.integers())
def test_a_score_is_1_to_5(value: int) -> None:
    if 1 <= value <= 5:
        assert score(value) == value
    else:
        assert refusal_of(lambda: score(value, field="s")) == InvalidValueError(
            "s", Rule.OUT_OF_RANGE, "1-5"
        )


@pytest.mark.parametrize("value", [True, 3.0, "3", None])
def test_what_is_no_whole_number_is_no_score(value: Any) -> None:
    assert refusal_of(lambda: score(value)) == InvalidValueError("score", Rule.NOT_A_NUMBER)


# Money


@given(st.integers(-MONEY_LIMIT, MONEY_LIMIT), st.from_regex(r"[A-Z]{3}", fullmatch=True))
def test_money_is_an_integer_of_minor_units_and_a_currency(amount: int, currency: str) -> None:
    money = Money(amount, currency)

    assert (money.amount_minor, money.currency) == (amount, currency)
    assert money == Money(amount, currency)
    assert hash(money) == hash(Money(amount, currency))


@given(st.integers(MONEY_LIMIT + 1), st.sampled_from([1, -1]))
def test_money_has_a_limit_that_every_database_holds(amount: int, sign: int) -> None:
    assert refusal_of(lambda: Money(sign * amount, "CNY")).rule == Rule.OUT_OF_RANGE


@pytest.mark.parametrize("amount", [1.0, True, "1", None])
def test_no_float_gets_near_money(amount: Any) -> None:
    assert refusal_of(lambda: Money(amount, "CNY")).rule == Rule.NOT_A_NUMBER


@pytest.mark.parametrize("currency", ["", "cny", "CN", "CNYX", "CNY\n", "元", "\uff23NY"])
def test_a_currency_has_three_capital_letters(currency: str) -> None:
    assert refusal_of(lambda: Money(1, currency)).rule == Rule.CURRENCY_FORMAT


def test_money_cannot_be_changed() -> None:
    money = Money(1, "CNY")

    with pytest.raises(FrozenInstanceError):
        money.amount_minor = 2  # type: ignore[misc]


# Personal texts


@given(st.text(st.sampled_from("王小明李雷电话"), min_size=2))
def test_a_personal_text_shows_itself_nowhere(text: str) -> None:
    personal = PersonalText(uuid4(), text)

    for shown in (repr(personal), str(personal), f"{personal}", f"{[personal]}", "%s" % personal):  # noqa: UP031
        assert text not in shown
    for encode in (orjson.dumps, lambda p: orjson.dumps({"x": [p]}), pickle.dumps, copy.copy):
        with pytest.raises(TypeError) as fault:
            encode(personal)
        assert text not in str(fault.value)
    assert personal.reveal() == text


def test_personal_texts_are_equal_by_subject_and_text() -> None:
    one, other = uuid4(), uuid4()

    assert PersonalText(one, "a") == PersonalText(one, "a")
    assert hash(PersonalText(one, "a")) == hash(PersonalText(one, "a"))
    assert PersonalText(one, "a") != PersonalText(other, "a")
    assert PersonalText(one, "a") != PersonalText(one, "b")
    assert PersonalText(one, "a") != "a"


def test_a_personal_text_is_checked_like_any_text() -> None:
    subject = uuid4()

    assert personal_text(subject, " 王小明 ", field="f", max_length=5) == PersonalText(
        subject, "王小明"
    )
    refusal = refusal_of(lambda: personal_text(subject, "王小明\x00", field="f", max_length=9))
    assert refusal == InvalidValueError("f", Rule.CONTROL_CHARACTERS)
    assert "王" not in str(refusal)
