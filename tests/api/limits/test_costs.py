"""What queries cost, as variables decide."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from graphql import build_schema

from api.limits.costs import PageLimits
from api.limits.documents import DocumentLimits, LimitExceededError, measure, read_document

SCHEMA = build_schema((Path(__file__).parent.parent / "schema.graphql").read_text("utf-8"))
LIMITS = DocumentLimits()


def cost(
    text: str,
    variables: dict[str, Any] | None = None,
    operation: str | None = None,
    limits: DocumentLimits = LIMITS,
) -> int:
    document = read_document(text, limits)
    return measure(SCHEMA, document, limits).cost(operation, variables or {})


def page(arguments: str, variables: str = "") -> str:
    return f"query Q{variables} {{ complaints{arguments} {{ edges {{ node {{ id }} }} }} }}"


def test_a_field_costs_a_point() -> None:
    assert cost("{ viewer { actor role } }") == 3


@pytest.mark.parametrize(
    ("arguments", "rows"),
    [
        ("", 50),
        ("(first: 7)", 7),
        ("(last: 7)", 7),
        ("(first: 3, last: 7)", 7),
        ("(first: null)", 50),
        ("(first: 0)", 0),
        ("(first: -5)", 0),
        ('(first: "7")', 50),
        ("(first: 1001)", 1_000),
        (f"(first: {'9' * 5_000})", 1_000),
    ],
)
def test_a_page_costs_as_often_as_it_may_be_long(arguments: str, rows: int) -> None:
    assert cost(page(arguments)) == 1 + rows * 3


@pytest.mark.parametrize(
    ("variables", "rows"),
    [
        ({}, 20),
        ({"n": 7}, 7),
        ({"n": 7.0}, 7),
        ({"n": None}, 50),
        ({"n": -1}, 0),
        ({"n": 10**30}, 1_000),
        ({"n": float("inf")}, 1_000),
        ({"n": float("nan")}, 0),
        ({"n": True}, 50),
        ({"n": "7"}, 50),
        ({"n": {"a": 1}}, 50),
        ({"other": 1_000}, 20),
    ],
)
def test_a_variable_decides_at_each_request(variables: dict[str, Any], rows: int) -> None:
    assert cost(page("(first: $n)", "($n: Int = 20)"), variables) == 1 + rows * 3


@pytest.mark.parametrize(
    ("ids", "variables", "rows"),
    [
        ("[1, 2, 3]", {}, 3),
        ("$ids", {"ids": ["a"] * 12}, 12),
        ("$ids", {}, 50),
        ("[$ids]", {"ids": "a"}, 1),
    ],
)
def test_objects_asked_for_by_their_ids_cost_each(
    ids: str, variables: dict[str, Any], rows: int
) -> None:
    text = f"query($ids: [ID!]!) {{ nodes(ids: {ids}) {{ id }} }}"

    assert cost(text, variables) == 1 + rows


def test_pages_within_pages_multiply() -> None:
    limits = replace(LIMITS, pages=PageLimits(page=4, largest_page=100, list_items=3))
    schema = build_schema("""
        type Query { outer(first: Int): Rows }
        type Rows { edges: [Edge] pageInfo: Int nodes: [Row!]! }
        type Edge { node: Row }
        type Row { inner(first: Int): Rows parts: [Part!]! names: [String!]! }
        type Part { name: String }
    """)
    text = """query($n: Int) { outer(first: 10) { nodes { inner(first: $n) { nodes {
        names parts { name } } } } } }"""
    measured = measure(schema, read_document(text, limits), limits)

    inside = 1 + 1 + 1 + 3

    assert measured.cost(None, {}) == 1 + 10 * (2 + 4 * inside)
    assert measured.cost(None, {"n": 100}) == 1 + 10 * (2 + 100 * inside)


def test_a_shared_fragment_costs_in_each_place_what_it_is_multiplied_by() -> None:
    text = """
        query($n: Int!) { a: complaints(first: 2) { ...page } b: complaints(first: $n) { ...page } }
        fragment page on ComplaintConnection { edges { node { evidence { id } } } }
    """

    assert cost(text, {"n": 5}) == 2 + (2 + 5) * (1 + 1 + 1 + 10)


def test_the_variables_of_a_fragment_are_those_of_the_operation_that_is_carried_out() -> None:
    text = """
        query Few($n: Int = 2) { ...q } query Many($n: Int = 200) { ...q }
        fragment q on Query { complaints(first: $n) { totalCount } }
    """

    assert cost(text, {}, "Few") == 1 + 2
    assert cost(text, {}, "Many") == 1 + 200
    assert cost(text, {"n": 9}, "Few") == 1 + 9


@pytest.mark.parametrize("operation", [None, "C", ""])
def test_an_operation_that_is_not_there_costs_a_point(operation: str | None) -> None:
    assert cost("query A { viewer { actor } } query B { viewer { actor } }", {}, operation) == 1


@pytest.mark.parametrize("text", [page("(first: 10)"), page("(first: $n)", "($n: Int!)")])
def test_too_costly_a_query_is_refused_when_it_is_asked(text: str) -> None:
    limits = replace(LIMITS, cost=30)

    assert cost(text.replace("10", "9"), {"n": 9}, None, limits) == 28
    with pytest.raises(LimitExceededError) as refused:
        cost(text, {"n": 10}, None, limits)

    assert (refused.value.code, refused.value.limit, refused.value.found) == ("COST_LIMIT", 30, 31)
