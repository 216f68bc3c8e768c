"""SQL in whatever takes a text: it is a text, on both ways of answering, and in every command."""

import json
from collections.abc import Iterator
from time import perf_counter
from typing import Any

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    get_named_type,
    is_leaf_type,
    is_required_argument,
    is_required_input_field,
)

from api.endpoint.execution import Execution, ServiceLimits
from api.endpoint.requests import GRAPHQL_JSON, GraphQLRequest
from api.graphql.context import Context
from api.graphql.nodes import global_id
from api.graphql.schema import schema
from api.limits.rates import RateLimits
from domain.roles import Role
from tests.api.attacks.foreign import caller
from tests.api.attacks.judging import judged, leaks
from tests.api.cases import NOBODY
from tests.api.conftest import mutation

NOW = schema._schema
PAYLOADS = (
    "'",
    "''",
    "' OR '1'='1",
    "' or 1=1 --",
    "'; drop table complaints; --",
    "') union select null::text, null --",
    "'||(select pg_sleep(3))||'",
    "1; select pg_sleep(3)",
    '"; delete from complaints; --',
    "\\'; select 1; --",
    "E'\\047",
    "$1",
    "$$;select 1;$$",
    "%s %(x)s %%",
    "{0} {x!r} {{",
    "/* */ --",
    "\u02bc or 1=1 --",  # a letter that some databases take for a quotation mark
    '0\'); set scope = \'{"reach": "any"}\'; --',
)


def sample(kind: Any, hostile: tuple[str, str] | None, path: str = "") -> Any:
    """Return a value of an input type, with one text in it replaced."""
    if isinstance(kind, GraphQLNonNull):
        return sample(kind.of_type, hostile, path)
    if hostile is not None and hostile[0] == path and is_leaf_type(kind):
        return hostile[1]
    if isinstance(kind, GraphQLList):
        return [sample(kind.of_type, hostile, path)]
    if isinstance(kind, GraphQLEnumType):
        return next(iter(kind.values))
    if isinstance(kind, GraphQLInputObjectType):
        fields = kind.fields.items()
        if kind.extensions["strawberry-definition"].is_one_of:
            wanted = hostile[0].removeprefix(f"{path}.").partition(".")[0] if hostile else ""
            wanted = wanted if wanted in kind.fields else next(iter(kind.fields))
            fields = [(wanted, kind.fields[wanted])]
        return {
            name: sample(field.type, hostile, f"{path}.{name}")
            for name, field in fields
            if is_required_input_field(field)
            or (hostile is not None and f"{hostile[0]}.".startswith(f"{path}.{name}."))
            or kind.extensions["strawberry-definition"].is_one_of
        }
    samples = {"Int": 5, "Long": 5, "Boolean": True, "DateTime": "2026-01-01T00:00:00Z"}
    return samples.get(kind.name, NOBODY)


def places(kind: Any, path: str) -> Iterator[str]:
    """Yield the paths of all texts in an input type: words, ids, cursors, instants, enums."""
    named = get_named_type(kind)
    if isinstance(named, GraphQLInputObjectType):
        for name, field in named.fields.items():
            yield from places(field.type, f"{path}.{name}")
    elif named.name not in {"Int", "Long", "Boolean"}:
        yield path


def selection(kind: Any) -> str:
    named = get_named_type(kind)
    if is_leaf_type(named):
        return ""
    if "totalCount" in getattr(named, "fields", {}):
        return " { totalCount edges { cursor } }"
    if named.name == "Satisfaction":
        return " { total { count } }"
    if named.name == "SlaCompliance":
        return " { total { total } }"
    return " { __typename }"


def root_questions() -> list[tuple[str, str]]:
    assert NOW.query_type is not None
    return [
        (name, path)
        for name, field in NOW.query_type.fields.items()
        for argument, about in field.args.items()
        for path in places(about.type, argument)
    ]


def question(root: str, path: str, payload: str) -> tuple[str, dict[str, Any]]:
    assert NOW.query_type is not None
    field = NOW.query_type.fields[root]
    argument = path.partition(".")[0]
    given = {
        name: sample(about.type, (path, payload), name)
        for name, about in field.args.items()
        if is_required_argument(about) or name == argument
    }
    declared = ", ".join(f"${name}: {field.args[name].type}" for name in given)
    passed = ", ".join(f"{name}: ${name}" for name in given)
    return f"query Q({declared}) {{ {root}({passed}){selection(field.type)} }}", given


@pytest.fixture(scope="module")
def executions() -> tuple[Execution, Execution]:
    limits = ServiceLimits(rates=RateLimits(requests=10**9, cost=10**15))
    return Execution(schema, limits), Execution(schema, limits, compiled=False)


@pytest.mark.parametrize(("root", "path"), root_questions())
def test_sql_in_a_question_is_only_a_text(
    shared: Any, executions: tuple[Execution, Execution], root: str, path: str
) -> None:
    asking = caller("auditor-1", Role.AUDITOR)
    for payload in PAYLOADS:
        text, given = question(root, path, payload)
        bodies = []
        for one in executions:
            request = GraphQLRequest(text, None, given, {}, None, reading=False)
            context = Context(shared.services, asking)
            began = perf_counter()
            answer = shared.run(one.answer(request, context, "test", GRAPHQL_JSON))
            assert perf_counter() - began < 2.0, (payload, "it slept")
            assert leaks(answer.body.decode()) == [], payload
            bodies.append(json.loads(answer.body))
        assert bodies[0] == bodies[1], payload
        found = str((bodies[0].get("data") or {}).get(root))
        nothing = {"None", "[]", "[None]", "{'total': []}"}
        assert bodies[0].get("errors") or found in nothing or ": 0" in found, found


def test_sql_in_a_cursor_of_the_right_form_is_only_a_text(
    shared: Any, executions: tuple[Execution, Execution]
) -> None:
    case = shared.receive()
    seen = "{ complaints(orderBy: NUMBER_ASC) { pageInfo { startCursor } } }"
    tag, key, _ = shared.graphql(seen)["complaints"]["pageInfo"]["startCursor"].split(".")
    page = "query Q($c: String) { complaints(orderBy: NUMBER_ASC, after: $c)"
    page += " { edges { node { id } cursor } pageInfo { hasNextPage endCursor } } }"
    asking = caller("auditor-1", Role.AUDITOR)
    for payload in PAYLOADS:
        for cursor in (f"{tag}.{key}.{payload}", f"{tag}.{payload}.C-1", f"{payload}.{key}.C-1"):
            bodies = set()
            for one in executions:
                request = GraphQLRequest(page, None, {"c": cursor}, {}, None, reading=False)
                order = one.answer(request, Context(shared.services, asking), "t", GRAPHQL_JSON)
                bodies.add(shared.run(order).body)
            (body,) = bodies
            assert leaks(body.decode()) == []
            assert b"not_a_cursor" in body or b'"pageInfo"' in body
    found = shared.graphql("query C($i: ID!) { complaint(id: $i) { number } }", {"i": case["id"]})
    assert found["complaint"]["number"] == case["number"]


def commands() -> list[tuple[str, str]]:
    assert NOW.mutation_type is not None
    return [
        (name, path)
        for name, field in NOW.mutation_type.fields.items()
        for path in places(field.args["input"].type, "input")
    ]


def roles_of(name: str) -> str:
    return "administrator" if "Unit" in name or "Policy" in name else "front_desk"


@pytest.mark.parametrize(("name", "path"), commands())
def test_sql_in_a_command_is_only_a_text(shared: Any, name: str, path: str) -> None:
    assert NOW.mutation_type is not None
    kind = NOW.mutation_type.fields[name].args["input"].type
    for payload in PAYLOADS[2:8]:
        given = {"input": sample(kind, (path, payload), "input")}
        began = perf_counter()
        answer = judged(shared.post(mutation(name), given, roles_of(name)))
        assert perf_counter() - began < 2.0, (payload, "it slept")
        assert answer.get("errors") or answer["data"][name]


def test_what_looks_like_sql_is_kept_and_shown_as_it_was_sent(shared: Any) -> None:
    shown = "query C($i: ID!) { complaint(id: $i) { subject facts region waybill } }"
    for payload in PAYLOADS:
        case = shared.receive(subject=payload, facts=payload)["id"]
        found = shared.graphql(shown, {"i": case})["complaint"]
        assert (found["subject"], found["facts"]) == (payload, payload)
        key = global_id(
            "Complaint", shared.rows("SELECT max(id::text)::uuid FROM read.complaints")[0][0]
        )
        assert shared.graphql(shown, {"i": key})["complaint"]


def test_names_of_a_document_never_become_sql(shared: Any) -> None:
    """Aliases, names of operations, fragments and variables are whatever GraphQL takes for one."""
    for word in ("select", "null", "t1", "scoped", "scope", "id", "__x", "x" * 1_000, "_" * 63):
        text = f"query {word}(${word}: Int) {{ {word}: complaints(first: ${word}) {{ {word}: edges"
        text += f" {{ {word}: node {{ ...{word}x }} }} }} }}"
        text += f" fragment {word}x on Complaint {{ {word}: number }}"
        (edges,) = shared.graphql(text, {word: 1})[word].values()
        assert len(edges) <= 1
