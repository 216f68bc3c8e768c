"""Ids, numbers, cursors, windows and filters that ask for trouble."""

from base64 import urlsafe_b64encode
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from graphql import GraphQLInputObjectType, get_named_type

from api.graphql.schema import schema

SECRET = "王小明 13800138000"  # noqa: S105  a person's, not a machine's
CLOSE = """mutation M($input: ComplaintInput!) { closeComplaint(input: $input) { __typename
  ... on Refusal { code message rule } } }"""
INSIDE = (
    *("psycopg", "Traceback", "File \\", ".py", "SELECT ", "read.complaints", "site-packages"),
    *("UnicodeEncodeError", "DataError", "orjson", "asyncpg", "OverflowError", "UntranslatableCh"),
)
QUERY = schema._schema.query_type
assert QUERY is not None
CONNECTIONS = sorted(name for name, field in QUERY.fields.items() if "first" in field.args)


def test_the_connections_are_found() -> None:
    """Or else the tests of their arguments would judge nothing."""
    assert {"complaints", "workQueue", "notices", "staff", "units"} < set(CONNECTIONS)


def texts_of(connection: str) -> Iterator[tuple[str, str]]:
    """Yield the texts that a connection takes: their names, and documents that give them."""
    assert QUERY is not None
    for argument, about in QUERY.fields[connection].args.items():
        kind = get_named_type(about.type)
        if kind.name == "String" and argument not in {"after", "before"}:
            yield argument, f"{argument}: $text"
        if argument == "filter":
            assert isinstance(kind, GraphQLInputObjectType)
            for name, field in kind.fields.items():
                if get_named_type(field.type).name == "String":
                    yield name, f"filter: {{{name}: $text}}"


def safe(api: Any, *given: Any, **headers: Any) -> Any:
    """Send something hostile; whatever comes back tells nothing of the inside or of a person."""
    response = api.post(*given, **headers)
    return answer_of(response)


def answer_of(response: Any) -> Any:
    text = response.text
    assert [word for word in (*INSIDE, SECRET) if word in text] == []
    assert response.status_code < 500, text
    answer = response.json()
    for error in answer.get("errors", ()):
        assert error.get("extensions", {}).get("code") != "INTERNAL", text
    return answer


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "x",
        "5",
        "'",
        "😀",
        "\u0000",
        "Q29tcGxhaW50",
        "Q29tcGxhaW50Og==",
        "Q29tcGxhaW50OjE=",
        "x" * 100_000,
        "\ufffe",
    ],
)
def test_a_bad_id_is_an_error_that_names_its_argument(shared: Any, bad: str) -> None:
    for query, field in (
        ("query Q($id: ID!) { complaint(id: $id) { id } }", "id"),
        ("query Q($id: ID!) { node(id: $id) { id } }", "id"),
        ("query Q($id: ID!) { nodes(ids: [$id]) { id } }", "id"),
        ("query Q($id: ID!) { caseHistory(caseId: $id) { id } }", "caseId"),
    ):
        answer = safe(shared, query, {"id": bad})
        (error,) = answer["errors"]
        assert error["extensions"] == {
            "code": "INVALID_VALUE",
            "rule": "not_an_id",
            "field": field,
        }
    refusal = safe(shared, CLOSE, {"input": {"complaintId": bad}})
    assert refusal["data"]["closeComplaint"]["code"] == "INVALID_VALUE"


def test_a_number_that_is_none_finds_nothing_or_is_refused(shared: Any) -> None:
    query = "query Q($n: String!) { complaint(number: $n) { id } }"
    for number in ("C-2026-999999", "%", "", "\u0000", "x" * 1000, "C-2026-000001'--"):
        answer = safe(shared, query, {"n": number})
        if "errors" in answer:
            assert answer["errors"][0]["extensions"]["field"] == "number"
        else:
            assert answer["data"]["complaint"] is None


def cursor(place: Any) -> str:
    return urlsafe_b64encode(orjson.dumps(place)).decode().rstrip("=")


ID = "01890000-0000-7000-8000-000000000000"
OWN_CURSOR = {
    "ratings": cursor([5, 5]),
    "complaintPolicies": cursor(["2026-01-01T00:00:00Z", "x"]),
}
"""Of the bad cursors, those that are good ones of another connection."""


@pytest.mark.parametrize(
    "bad",
    [
        *("", "x", "😀", "\u0000", "=", "W10", "bnVsbA", "x" * 200_000),
        cursor([]),
        cursor([1]),
        cursor([1, 2, 3]),
        cursor(["2026-01-01T00:00:00Z", "x"]),
        cursor(["yesterday", ID]),
        cursor([None, ID]),
        cursor([{"a": 1}, ID]),
        cursor([1e300, ID]),
        cursor(["x" * 10_000, ID]),
        cursor({"a": 1, "b": 2}),
        cursor([5, 5]),
    ],
)
def test_a_bad_cursor_is_an_error(shared: Any, bad: str) -> None:
    for connection in CONNECTIONS:
        if bad == OWN_CURSOR.get(connection):
            continue
        for side in ("after", "before"):
            query = f"query Q($c: String) {{ {connection}({side}: $c) {{ totalCount }} }}"
            (error,) = safe(shared, query, {"c": bad})["errors"]
            assert error["extensions"] == {
                "code": "INVALID_VALUE",
                "rule": "not_a_cursor",
                "field": side,
            }, connection


def test_a_cursor_of_another_connection_is_an_error(api: Any) -> None:
    api.receive()
    api.command("recordShipment", {"waybill": "SF1234567890"})
    api.command("rateDelivery", {"waybill": "SF1234567890", "reference": "r", "score": 5})
    query = "{ complaints { pageInfo { endCursor } } ratings { pageInfo { endCursor } } }"
    found = api.graphql(query)

    for connection, other in (("complaints", "ratings"), ("ratings", "complaints")):
        query = f"query Q($c: String) {{ {connection}(after: $c) {{ totalCount }} }}"
        (error,) = safe(api, query, {"c": found[other]["pageInfo"]["endCursor"]})["errors"]
        assert error["extensions"]["rule"] == "not_a_cursor"


@pytest.mark.parametrize(
    ("window", "field"),
    [
        ("first: -1", "first"),
        ("first: 1001", "first"),
        ("last: -5", "last"),
        ("last: 1001", "last"),
        ("first: 5, last: 5", "first, last"),
    ],
)
def test_a_window_out_of_range_is_an_error(shared: Any, window: str, field: str) -> None:
    for connection in CONNECTIONS:
        (error,) = safe(shared, f"{{ {connection}({window}) {{ totalCount }} }}")["errors"]
        assert (error["extensions"]["code"], error["extensions"]["field"]) == (
            "INVALID_VALUE",
            field,
        )
    assert safe(shared, "{ complaints(first: 99999999999) { totalCount } }")["errors"]


@pytest.mark.parametrize("bad", ["a\u0000b", "\u0000", "x" * 100_000])
def test_a_filter_with_a_hostile_text_breaks_nothing(shared: Any, bad: str) -> None:
    shared.receive()
    for connection in CONNECTIONS:
        for name, given in texts_of(connection):
            query = f"query Q($text: String) {{ {connection}({given}) {{ totalCount }} }}"
            answer = safe(shared, query, {"text": bad})
            if "errors" in answer:
                assert answer["errors"][0]["extensions"]["field"] == name
            else:
                assert answer["data"][connection]["totalCount"] == 0, name


def test_a_filter_with_a_lone_surrogate_breaks_nothing(shared: Any) -> None:
    query = "query Q($f: ComplaintFilter) { complaints(filter: $f) { totalCount } }"
    body = orjson.dumps({"query": query, "variables": {"f": {"region": "SURROGATE"}}})
    text = body.replace(b"SURROGATE", b"\\ud800")
    headers = {"Content-Type": "application/json"}

    response = shared.run(shared.send("POST", "/graphql", content=text, headers=headers))

    assert response.status_code == 400
    assert [word for word in INSIDE if word in response.text] == []
