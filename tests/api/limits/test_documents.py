"""What a document may ask for, and that finding out costs no more than reading it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from graphql import (
    DocumentNode,
    GraphQLSyntaxError,
    build_schema,
    get_introspection_query,
    parse,
    validate,
)
from hypothesis import given
from hypothesis import strategies as st

from api.limits.costs import MANY
from api.limits.documents import (
    DocumentLimits,
    LimitExceededError,
    Measured,
    measure,
    read_document,
)

OURS = build_schema((Path(__file__).parent.parent / "schema.graphql").read_text("utf-8"))
SMALL = build_schema("""
    type Query { leaf: Int, one: Query, page(first: Int, last: Int): Query, list: [Query!]! }
    type Mutation { leaf: Int, one: Query }
""")
LIMITS = DocumentLimits()
LARGE = DocumentLimits(
    **dict.fromkeys(
        ("size", "tokens", "operations", "fragments", "spreads", "variables", "directives"), MANY
    ),
    **dict.fromkeys(("directives_per_place", "repeats", "depth", "fields", "aliases"), MANY),
    **dict.fromkeys(("mutation_fields", "cost"), MANY),
    nesting=150,
)
"""No limit but the one under test, and that of the stack."""


def measured(text: str, limits: DocumentLimits = LIMITS, schema: Any = OURS) -> Measured:
    return measure(schema, read_document(text, limits), limits)


def refusal(text: str, limits: DocumentLimits = LIMITS, schema: Any = OURS) -> LimitExceededError:
    with pytest.raises(LimitExceededError) as refused:
        measured(text, limits, schema)
    return refused.value


def chain(length: int, spreads: int = 2) -> str:
    """Return fragments of which each spreads the next so many times."""
    links = " ".join(
        f"fragment f{i} on Query{{{f'...f{i + 1} ' * spreads}}}" for i in range(length - 1)
    )
    return f"{{...f0}} {links} fragment f{length - 1} on Query{{viewer{{actor}}}}"


# What passes


def test_an_ordinary_query_passes() -> None:
    text = """query($first: Int = 20) { complaints(first: $first) {
        totalCount pageInfo { hasNextPage endCursor }
        edges { cursor node { id number state shipment { waybill } evidence { id note } } } } }"""

    found = measured(text)

    assert found.visits == 16
    assert found.cost(None, {}) == 1 + 20 * (1 + 3 + 1 + 2 + 4 + 1 + 1 + 10 * 2)


@pytest.mark.parametrize("depth", [7, 9])
def test_the_introspection_of_graphiql_passes(depth: int) -> None:
    text = get_introspection_query(
        specified_by_url=True,
        directive_is_repeatable=True,
        schema_description=True,
        input_value_deprecation=True,
        type_depth=depth,
    )

    found = measured(text)

    assert found.cost("IntrospectionQuery", {}) < 1_000


def test_the_same_fields_for_every_member_of_a_union_pass() -> None:
    union: Any = OURS.type_map["AssignComplaintResult"]
    members = " ".join(
        f"... on {member.name} {{ __typename code message rule }}"
        for member in union.types
        if "code" in member.fields
    )
    text = f"mutation {{ assignComplaint(input: {{}}) {{{members}}} }}"

    assert measured(text).visits > 50


def test_what_is_not_in_the_schema_is_left_to_validation() -> None:
    found = measured("{ nothing(first: 3) { inside } ...unknown ... on Nobody { x { y } } }")

    assert found.cost(None, {}) == 4


# Attacks


def test_chained_fragments_are_counted_not_expanded() -> None:
    text = chain(22)
    assert len(text) < 999

    refused = refusal(text)
    found = measured(text, replace(LARGE, cost=MANY), OURS)

    assert refused.code == "FIELD_LIMIT"
    assert found.visits == 1 + 21 * 2 + 2
    assert found.cost(None, {}) == 2**21 * 2


def test_more_than_can_be_counted_is_counted_as_very_many() -> None:
    refused = refusal(chain(100, 5), replace(LARGE, fields=MANY - 1))

    assert refused.code == "FIELD_LIMIT"
    assert refused.found == MANY


def test_a_long_chain_of_fragments_does_not_exhaust_the_stack() -> None:
    assert refusal(chain(600, 1), LARGE).code == "DEPTH_LIMIT"


@pytest.mark.parametrize(
    "text",
    [
        "{ ...a } fragment a on Query { ...a }",
        "{ ...a } fragment a on Query { viewer { actor } ...b } fragment b on Query { ...a }",
        "{ viewer { actor } } fragment a on Query { ...b } fragment b on Query { ...a }",
        "{ ...a } fragment a on Query { ... on Query { node(id: 1) { ...a } } }",
    ],
)
def test_a_fragment_in_itself_is_refused_spread_or_not(text: str) -> None:
    assert refusal(text).code == "FRAGMENT_CYCLE"


def test_ten_thousand_aliases_are_not_even_parsed() -> None:
    text = "{" + " ".join(f"a{i}:viewer{{actor}}" for i in range(10_000)) + "}"

    assert refusal(text).code == "DOCUMENT_TOO_LARGE"
    assert refusal(text, replace(LIMITS, size=MANY)).code == "TOKEN_LIMIT"
    assert refusal(text, replace(LARGE, aliases=100)).code == "ALIAS_LIMIT"


def test_ten_thousand_directives_are_not_even_parsed() -> None:
    text = "{ viewer " + "@a" * 10_000 + "{ actor } }"

    assert refusal(text).code == "TOKEN_LIMIT"
    assert refusal(text, replace(LARGE, directives=100)).code == "DIRECTIVE_LIMIT"


def test_five_hundred_fragments_are_refused() -> None:
    fragments = " ".join(f"fragment f{i} on Query {{ x }}" for i in range(500))

    assert refusal("{ ...f0 } " + fragments, LARGE_BUT_FRAGMENTS).code == "FRAGMENT_LIMIT"


LARGE_BUT_FRAGMENTS = replace(LARGE, fragments=50)


@pytest.mark.parametrize("inside", ["one", "... on Query", "...", "... @skip(if: false)"])
def test_deep_nesting_is_refused_by_whatever_it_is_nested(inside: str) -> None:
    text = "{" + f"{inside} {{" * 120 + "leaf" + "}" * 121

    assert refusal(text, LIMITS, SMALL).code == "DEPTH_LIMIT"


def test_nesting_that_the_parser_cannot_follow_is_a_syntax_error() -> None:
    with pytest.raises(GraphQLSyntaxError):
        read_document("{a" * 900 + "}" * 900, LIMITS)


def test_comments_count_as_tokens() -> None:
    assert refusal("{ leaf }" + "#\n" * 3_000).code == "TOKEN_LIMIT"


def test_a_document_that_speaks_of_tokens_is_a_syntax_error_all_the_same() -> None:
    with pytest.raises(GraphQLSyntaxError):
        read_document('"Document contains more than 2 tokens"', LIMITS)


@pytest.mark.parametrize("text", ["{ viewer { actor } } #" + "投" * 40, "{ viewer { actor } }" * 9])
def test_the_size_is_counted_in_bytes(text: str) -> None:
    assert refusal(text, replace(LIMITS, size=120)).code == "DOCUMENT_TOO_LARGE"


def test_a_document_within_all_limits_is_validated_within_the_budget_of_the_validator() -> None:
    """The rule that compares fields pair by pair gives up by itself; it must not need to."""
    fields = "complaints { edges { node { id number state } } } "
    text = "{" + fields * LIMITS.repeated_objects + "}"

    measured(text)

    assert validate(OURS, parse(text)) == []
    assert refusal("{" + fields * (LIMITS.repeated_objects + 1) + "}").code == "REPEAT_LIMIT"


# Each limit, at it and beyond


@pytest.mark.parametrize(
    ("name", "most", "text", "code"),
    [
        ("size", 8, "{ leaf }", "DOCUMENT_TOO_LARGE"),
        ("tokens", 3, "{ leaf }", "TOKEN_LIMIT"),
        ("operations", 2, "query A { leaf } query B { leaf }", "OPERATION_LIMIT"),
        ("fragments", 1, "{ ...a } fragment a on Query { leaf }", "FRAGMENT_LIMIT"),
        ("spreads", 2, "{ ...a ...a } fragment a on Query { leaf }", "FRAGMENT_LIMIT"),
        ("variables", 2, "query($a: Int, $b: Int) { leaf }", "VARIABLE_LIMIT"),
        ("directives", 2, "{ leaf @a one @b { leaf } }", "DIRECTIVE_LIMIT"),
        ("directives", 2, "query @a { ...f @b } fragment f on Query { leaf }", "DIRECTIVE_LIMIT"),
        ("directives", 2, "query($a: Int @a) { ... @b { leaf } }", "DIRECTIVE_LIMIT"),
        ("directives", 1, "{ ...f } fragment f on Query @a { leaf }", "DIRECTIVE_LIMIT"),
        ("directives_per_place", 2, "{ leaf @a @b }", "DIRECTIVE_LIMIT"),
        ("repeats", 2, "{ leaf leaf }", "REPEAT_LIMIT"),
        ("repeats", 2, "{ a: leaf ... { a: leaf } }", "REPEAT_LIMIT"),
        ("repeats", 2, "{ one { leaf } one { leaf } }", "REPEAT_LIMIT"),
        ("nesting", 3, "{ one { ... { leaf } } }", "DEPTH_LIMIT"),
        ("depth", 2, "{ one { leaf } }", "DEPTH_LIMIT"),
        ("depth", 2, "{ one { ...a } } fragment a on Query { leaf }", "DEPTH_LIMIT"),
        ("depth", 1, "{ ... { ... on Query { leaf } } }", "DEPTH_LIMIT"),
        ("fields", 4, "{ one { ...a } ...a } fragment a on Query { ... { leaf } ... { b } }",
         "FIELD_LIMIT"),
        ("aliases", 2, "{ ...a ...a } fragment a on Query { x: leaf }", "ALIAS_LIMIT"),
        ("aliases", 1, "{ leaf } fragment a on Query { x: leaf }", "ALIAS_LIMIT"),
        ("mutation_fields", 2, "mutation { leaf ...a } fragment a on Mutation { one { leaf one } }",
         "MUTATION_LIMIT"),
    ],
)  # fmt: skip
def test_a_limit_is_the_last_figure_that_passes(name: str, most: int, text: str, code: str) -> None:
    changes: dict[str, Any] = {name: most}
    if code == "FIELD_LIMIT":
        changes[name] += 1  # one, and twice two of the fragment
    measured(text, replace(LARGE, **changes), SMALL)

    changes[name] -= 1
    refused = refusal(text, replace(LARGE, **changes), SMALL)

    assert refused.code == code
    assert refused.limit == changes[name]
    assert refused.found > refused.limit


def test_a_fragment_given_twice_is_measured_twice() -> None:
    """Validation refuses it, but looks into both before."""
    text = "{ leaf } fragment a on Query { leaf } fragment a on Query { one { leaf } }"

    assert refusal(text, replace(LARGE, depth=1), SMALL).code == "DEPTH_LIMIT"
    swapped = "{ leaf } fragment a on Query { one { leaf } } fragment a on Query { leaf }"
    assert refusal(swapped, replace(LARGE, depth=1), SMALL).code == "DEPTH_LIMIT"


# Switches


@pytest.mark.parametrize(
    "text",
    [
        "{ __schema { queryType { name } } }",
        '{ x: __type(name: "Complaint") { name } }',
        "{ viewer { actor } } fragment a on Query { ... { __schema { description } } }",
    ],
)
def test_introspection_can_be_switched_off(text: str) -> None:
    measured(text)

    assert refusal(text, replace(LIMITS, introspection=False)).code == "INTROSPECTION_OFF"


def test_typename_is_no_introspection() -> None:
    assert measured("{ __typename }", replace(LIMITS, introspection=False)).visits == 1


# Any document: the figures are those of the expanded document, found in one walk


@dataclass
class Naive:
    """The figures of a selection set, expanded; the oracle."""

    fields: int = 0
    aliases: int = 0
    depth: int = 0
    cost: int = 0


Selection = dict[str, Any]


def text_of(selections: list[Selection]) -> str:
    return "{" + " ".join(one_text(one) for one in selections) + "}"


def one_text(one: Selection) -> str:
    if one["kind"] == "spread":
        return f"...f{one['to']}"
    if one["kind"] == "inline":
        return f"... {text_of(one['inner'])}"
    alias = f"{one['alias']}:" if one["alias"] else ""
    size = "" if one["size"] is None else f"(first:{one['size']})"
    inner = text_of(one["inner"]) if one["inner"] else ""
    return f"{alias}{one['name']}{size}{inner}"


def written(selections: list[Selection]) -> int:
    return sum(1 + written(one.get("inner", [])) for one in selections)


def expanded(
    selections: list[Selection], fragments: list[list[Selection]], variables: dict[str, Any]
) -> Naive:
    total = Naive()
    for one in selections:
        times = 1
        if one["kind"] == "spread":
            part = expanded(fragments[one["to"]], fragments, variables)
        else:
            part = expanded(one["inner"], fragments, variables)
        if one["kind"] == "field":
            times = {"list": 10, "page": 50}.get(one["name"], 1)
            if one["size"] is not None:
                said = one["size"]
                length = variables.get(said[1:]) if isinstance(said, str) else said
                times = 50 if length is None else min(length, 1_000)
            total.fields += 1
            total.cost += 1
            total.aliases += bool(one["alias"])
            part.depth += 1
        total.fields += part.fields
        total.aliases += part.aliases
        total.depth = max(total.depth, part.depth)
        total.cost += times * part.cost
    return total


def sets_of_selections(number: int, of: int) -> st.SearchStrategy[list[Selection]]:
    """Return selection sets that spread only fragments with a higher number."""
    leaf = st.fixed_dictionaries(
        {
            "kind": st.just("field"),
            "alias": st.sampled_from(["", "x", "y"]),
            "name": st.just("leaf"),
            "size": st.none(),
            "inner": st.just([]),
        }
    )
    later = list(range(number + 1, of))
    spread = st.fixed_dictionaries({"kind": st.just("spread"), "to": st.sampled_from(later or [0])})
    simple = st.one_of(leaf, spread) if later else leaf

    def nested(inner: st.SearchStrategy[Selection]) -> st.SearchStrategy[Selection]:
        inside = st.lists(inner, min_size=1, max_size=3)
        size = st.one_of(st.none(), st.integers(0, 1_200), st.sampled_from(["$a", "$b"]))
        shared = {"kind": st.just("field"), "alias": st.sampled_from(["", "x"]), "inner": inside}
        return st.one_of(
            st.fixed_dictionaries(
                {**shared, "name": st.sampled_from(["one", "list"]), "size": st.none()}
            ),
            st.fixed_dictionaries({**shared, "name": st.just("page"), "size": size}),
            st.fixed_dictionaries({"kind": st.just("inline"), "inner": inside}),
        )

    return st.lists(st.recursive(simple, nested, max_leaves=5), min_size=1, max_size=3)


@st.composite
def documents(draw: st.DrawFn) -> list[list[Selection]]:
    """Draw an operation (number 0) and up to four fragments."""
    count = draw(st.integers(1, 5))
    return [draw(sets_of_selections(number, count)) for number in range(count)]


@given(
    documents(),
    st.dictionaries(st.sampled_from("ab"), st.one_of(st.none(), st.integers(0, 1_200)), max_size=2),
    st.one_of(st.none(), st.integers(0, 1_200)),
)
def test_any_document_is_measured_as_if_expanded(
    sets: list[list[Selection]], variables: dict[str, Any], default: int | None
) -> None:
    told = "" if default is None else f" = {default}"
    text = f"query($a: Int{told}, $b: Int) " + text_of(sets[0])
    text += "".join(
        f" fragment f{number} on Query {text_of(selections)}"
        for number, selections in enumerate(sets)
        if number
    )
    effective = ({"a": default} if default is not None else {}) | variables
    parts = [expanded(selections, sets, effective) for selections in sets]
    most = {
        name: max(getattr(part, name) for part in parts) for name in ("fields", "aliases", "depth")
    }

    found = measured(text, replace(LARGE, **most), SMALL)

    assert found.visits == sum(written(selections) for selections in sets)
    assert found.cost(None, variables) == min(parts[0].cost, MANY)
    for name, figure in most.items():
        if figure:
            code = {"fields": "FIELD_LIMIT", "aliases": "ALIAS_LIMIT", "depth": "DEPTH_LIMIT"}[name]
            refused = refusal(text, replace(LARGE, **{name: figure - 1}), SMALL)
            assert refused.code == code


@given(st.integers(1, 40), st.integers(1, 4), st.data())
def test_the_walk_is_linear_whatever_spreads_what(
    count: int, spreads: int, data: st.DataObject
) -> None:
    """Every spread goes to any later fragment; the expanded document may be astronomic."""
    targets = [
        [data.draw(st.integers(number + 1, count)) for _ in range(spreads)]
        for number in range(count)
    ]
    bodies = [" ".join(f"...f{to}" for to in spread) for spread in targets]
    text = "{...f0} " + " ".join(
        f"fragment f{number} on Query {{ {body} }}" for number, body in enumerate([*bodies, "leaf"])
    )

    found = measured(text, LARGE, SMALL)

    assert found.visits == 1 + count * spreads + 1


def selections_in(document: DocumentNode) -> Iterator[Any]:
    waiting: list[Any] = list(document.definitions)
    while waiting:
        node = waiting.pop()
        if getattr(node, "selection_set", None):
            yield from node.selection_set.selections
            waiting.extend(node.selection_set.selections)


def test_each_written_selection_is_visited_once() -> None:
    text = get_introspection_query()

    assert measured(text).visits == len(list(selections_in(parse(text))))
