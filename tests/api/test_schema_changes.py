"""What partners were promised: nothing goes that was not deprecated in a release before.

``schema_released.graphql`` is the schema of the last release. With a release it becomes the
committed one: cp tests/api/schema.graphql tests/api/schema_released.graphql
"""

from pathlib import Path
from typing import Any

import pytest
from graphql import (
    DangerousChangeType,
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    build_schema,
    find_breaking_changes,
    find_dangerous_changes,
)

from api.graphql.schema import schema

RELEASED = Path(__file__).parent / "schema_released.graphql"
BASELINE = """
type Query {
  shipment(waybill: String!, old: Int = 1 @deprecated(reason: "no use")): Shipment
  carrier: Carrier @deprecated(reason: "use shipment")
  search(filter: Filter, first: Int = 50): [Found!]!
}
interface Node { id: ID! }
type Shipment implements Node {
  id: ID!
  weight: Int
  mass: Int @deprecated(reason: "use weight")
  state: State!
}
type Carrier { name: String }
union Found = Shipment | Carrier
input Filter { state: State, outlet: String, branch: String @deprecated(reason: "use outlet") }
enum State { OPEN CLOSED ENDED @deprecated(reason: "use CLOSED") }
"""
BROKEN = {
    "a field is removed": ("  weight: Int\n", ""),
    "a type is changed": ("weight: Int", "weight: String"),
    "what is never null becomes nullable": ("state: State!", "state: State"),
    "a new argument is required": ("waybill: String!,", "waybill: String!, region: String!,"),
    "an argument is removed": ("filter: Filter, ", ""),
    "an argument becomes required": ("filter: Filter,", "filter: Filter!,"),
    "an argument has another default": ("first: Int = 50", "first: Int = 10"),
    "an input field is removed": ("outlet: String, ", ""),
    "a new input field is required": ("outlet: String,", "outlet: String, region: String!,"),
    "an enum value is removed": ("OPEN CLOSED", "OPEN"),
    "a member leaves its union": ("Found = Shipment | Carrier", "Found = Shipment"),
    "a type leaves its interface": ("Shipment implements Node", "Shipment"),
    "a deprecated field changes its type": ("mass: Int", "mass: String"),
}
KEPT = {
    "nothing": ("", ""),
    "a field is added": ("weight: Int", "weight: Int length: Int"),
    "an optional argument is added": ("waybill: String!,", "waybill: String!, region: String,"),
    "an optional input field is added": ("outlet: String,", "outlet: String, region: String,"),
    "an enum value is added": ("OPEN CLOSED", "OPEN CLOSED LOST"),
    "a type joins a union": (
        "union Found = Shipment | Carrier",
        "type Outlet { code: String } union Found = Shipment | Carrier | Outlet",
    ),
    "a nullable field is never null any more": ("weight: Int", "weight: Int!"),
    "a required argument becomes optional": ("waybill: String!", "waybill: String"),
    "a field is deprecated": ("weight: Int", 'weight: Int @deprecated(reason: "later")'),
    "a deprecated field is removed": ('  mass: Int @deprecated(reason: "use weight")\n', ""),
    "a deprecated argument is removed": (', old: Int = 1 @deprecated(reason: "no use")', ""),
    "a deprecated input field is removed": (
        ', branch: String @deprecated(reason: "use outlet")',
        "",
    ),
    "a deprecated enum value is removed": (' ENDED @deprecated(reason: "use CLOSED")', ""),
    "a deprecated field is removed whose type stays": (
        '  carrier: Carrier @deprecated(reason: "use shipment")\n',
        "",
    ),
}


def broken_promises(released: str, now: GraphQLSchema) -> list[str]:
    """Return what clients of the released schema would trip over."""
    promised = _without_what_was_to_go(build_schema(released), now)
    defaults = [
        change
        for change in find_dangerous_changes(promised, now)
        if change.type is DangerousChangeType.ARG_DEFAULT_VALUE_CHANGE
    ]
    return [change.description for change in (*find_breaking_changes(promised, now), *defaults)]


def _without_what_was_to_go(released: GraphQLSchema, now: GraphQLSchema) -> GraphQLSchema:
    """Leave out what was deprecated and is gone, and types to which nothing else leads."""
    for name, promised in released.type_map.items():
        _leave_out(_members(promised), _members(now.type_map.get(name)))
    return GraphQLSchema(
        query=released.query_type,
        mutation=released.mutation_type,
        subscription=released.subscription_type,
        types=[found for found in released.type_map.values() if getattr(found, "interfaces", ())],
        directives=released.directives,
    )


def _members(found: Any) -> dict[str, Any]:
    """Return fields or values of a type; none for a type that has none, or is not there."""
    if isinstance(found, GraphQLEnumType):
        return found.values
    if isinstance(found, GraphQLObjectType | GraphQLInterfaceType | GraphQLInputObjectType):
        return found.fields
    return {}


def _leave_out(promised: dict[str, Any], now: dict[str, Any]) -> None:
    for name, member in list(promised.items()):
        if name not in now:
            if member.deprecation_reason is not None:
                del promised[name]
        elif hasattr(member, "args"):
            _leave_out(member.args, now[name].args)


def test_no_promise_to_partners_is_broken() -> None:
    assert broken_promises(RELEASED.read_text("utf-8"), schema._schema) == []


@pytest.mark.parametrize("change", BROKEN)
def test_a_change_that_breaks_clients_is_found(change: str) -> None:
    assert broken_promises(BASELINE, build_schema(changed(*BROKEN[change]))) != []


@pytest.mark.parametrize("change", KEPT)
def test_a_change_that_no_client_notices_is_none(change: str) -> None:
    assert broken_promises(BASELINE, build_schema(changed(*KEPT[change]))) == []


def test_a_type_may_go_with_the_deprecated_field_that_led_to_it() -> None:
    before = 'type Query { a: Int b: Gone @deprecated(reason: "use a") } type Gone { c: Int }'

    assert broken_promises(before, build_schema("type Query { a: Int }")) == []


def test_a_field_of_the_real_schema_may_not_go_before_it_was_deprecated() -> None:
    released = RELEASED.read_text("utf-8")
    field = "  partnerReference: String\n"
    assert field in released

    without = build_schema(released.replace(field, "", 1))

    assert broken_promises(released, without) == ["Field Complaint.partnerReference was removed."]


def changed(old: str, new: str) -> str:
    assert old in BASELINE
    return BASELINE.replace(old, new, 1)
