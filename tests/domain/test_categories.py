"""The tree of categories: every leaf has its entry, and every name belongs to one leaf."""

import re
from collections import Counter

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from domain.categories import (
    CATEGORIES,
    Category,
    CategoryGroup,
    category_named,
    checklist_codes,
)
from domain.errors import InvalidValueError, Rule

NAMES = [
    (category, name)
    for category, entry in CATEGORIES.items()
    for name in (category.value, category.en, category.zh, *entry.aliases)
]
CHINESE = re.compile("[\u4e00-\u9fff]")


def test_every_category_has_its_entry_in_the_tree() -> None:
    assert set(CATEGORIES) == set(Category)


def test_every_branch_of_the_tree_has_leaves() -> None:
    assert {entry.group for entry in CATEGORIES.values()} == set(CategoryGroup)


def test_enquiries_and_suggestions_are_no_complaints() -> None:
    others = {c for c, entry in CATEGORIES.items() if not entry.is_complaint}

    assert others == {Category.ENQUIRY, Category.SUGGESTION}


@pytest.mark.parametrize(
    ("name", "category"),
    [
        ("defect", Category.PRODUCT_QUALITY),
        ("off-specification", Category.PRODUCT_QUALITY),
        ("repair quality", Category.AFTER_SALE),
        ("returns", Category.AFTER_SALE),
        ("wrong customer data", Category.COMMUNICATION),
        ("late feedback", Category.COMMUNICATION),
        ("wrong delivery", Category.DELIVERY),
        ("错误交付", Category.DELIVERY),
    ],
)
def test_the_further_kinds_of_the_documents_are_found(name: str, category: Category) -> None:
    assert category_named(name) is category


def folded(name: str) -> str:
    return " ".join(name.casefold().replace("_", " ").split())


def test_no_name_belongs_to_two_categories() -> None:
    owners: dict[str, set[Category]] = {}
    for category, name in NAMES:
        owners.setdefault(folded(name), set()).add(category)

    assert {name: found for name, found in owners.items() if len(found) > 1} == {}


@pytest.mark.parametrize("category", Category)
def test_the_aliases_of_a_category_are_in_both_languages_and_none_is_twice(
    category: Category,
) -> None:
    aliases = CATEGORIES[category].aliases

    assert {bool(CHINESE.search(alias)) for alias in aliases} == {True, False}
    assert [alias for alias, count in Counter(map(folded, aliases)).items() if count > 1] == []


@pytest.mark.parametrize(("category", "name"), NAMES)
def test_a_category_is_found_by_value_label_and_alias_in_any_letter_case(
    category: Category, name: str
) -> None:
    for written in (
        name,
        name.upper(),
        name.title(),
        f"  {name}\t",
        name.replace(" ", "  "),
        name.replace(" ", "_"),
    ):
        assert category_named(written) is category


@pytest.mark.parametrize(
    ("written", "category"),
    [("ＤＥＬＡＹ", Category.DELAY), ("ｄｅｌａｙ", Category.DELAY), ("lost\u3000", Category.LOSS)],
)
def test_full_width_letters_are_letters(written: str, category: Category) -> None:
    assert category_named(written) is category


@pytest.mark.parametrize("written", ["", " ", "unknown", "delays", "未知", "delay;loss"])
def test_an_unknown_name_is_refused_with_what_there_is(written: str) -> None:
    with pytest.raises(InvalidValueError) as refusal:
        category_named(written, field="kind")

    assert refusal.value == InvalidValueError("kind", Rule.NOT_IN_LIST, ", ".join(Category))


@given(st.text(st.characters(codec="ascii"), max_size=30))
def test_any_other_name_is_refused(written: str) -> None:
    assume(folded(written) not in {folded(name) for _, name in NAMES})

    with pytest.raises(InvalidValueError):
        category_named(written)


@pytest.mark.parametrize("category", Category)
def test_the_checklist_of_a_category_has_each_code_once_in_its_order(category: Category) -> None:
    codes = checklist_codes(category)

    assert codes == tuple(item.code for item in CATEGORIES[category].checklist)
    assert codes
    assert len(set(codes)) == len(codes)
    assert all(re.fullmatch("[a-z]+(_[a-z]+)*", code) for code in codes)


@pytest.mark.parametrize("category", Category)
def test_an_item_of_a_checklist_reads_well_in_both_languages(category: Category) -> None:
    for item in CATEGORIES[category].checklist:
        assert item.en.isascii()
        assert item.en == item.en.strip() != ""
        assert CHINESE.search(item.zh)


def test_a_code_means_the_same_in_every_checklist() -> None:
    meanings: dict[str, set[tuple[str, str]]] = {}
    for entry in CATEGORIES.values():
        for item in entry.checklist:
            meanings.setdefault(item.code, set()).add((item.en, item.zh))

    assert {code: found for code, found in meanings.items() if len(found) > 1} == {}


@pytest.mark.parametrize(
    ("category", "code"),
    [
        (Category.DELAY, "delay_plan"),
        (Category.LOSS, "loss_plan"),
        (Category.DAMAGE, "damage_plan"),
        (Category.DELAY, "compensation"),
        (Category.WAYBILL_ERROR, "correct_waybill"),
        (Category.ADDRESS_ERROR, "delay_caused"),
        (Category.COURIER_ATTITUDE, "train_staff"),
        (Category.AGENT_ATTITUDE, "penalty_if_serious"),
        (Category.ENQUIRY, "prompt_reply"),
        (Category.PRODUCT_QUALITY, "meeting"),
    ],
)
def test_the_measures_that_the_documents_prescribe_are_on_the_checklist(
    category: Category, code: str
) -> None:
    assert code in checklist_codes(category)
