"""The whole schema after Relay: shapes by introspection, ids that lead back, cursors that hold."""

from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import UUID, uuid4

import pytest
from graphql import (
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    build_client_schema,
    get_introspection_query,
    get_named_type,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from api.bootstrap import open_dispatcher
from application.demonstration import Script
from application.dispatch import Call
from application.notices import QueueNotice
from application.permissions import Caller
from domain.metadata import Source, SourceKind
from domain.notice import NoticeTemplate
from domain.notifying import Language, NoticeChannel
from domain.roles import PersonId, Role
from tests.api.appeals import received
from tests.api.cases import ago
from tests.api.clocks import load_content
from tests.api.conftest import RECEIVE, ZONE, complaint_input, mutation

WINDOW = {"first": "Int", "after": "String", "last": "Int", "before": "String"}
NODES = {
    "Appeal": "appeals(first: 3) { edges { node { id } } }",
    "Appointment": "staff(first: 3) { edges { node { id } } }",
    "Complaint": "complaints(first: 3) { edges { node { id } } }",
    "Improvement": "improvements(first: 3) { edges { node { id } } }",
    "Notice": "notices(first: 3) { edges { node { id } } }",
    "Shipment": "shipments(first: 3) { edges { node { id } } }",
    "SlaClock": "slaClocks(first: 3) { edges { node { id } } }",
    "Unit": "units(first: 3) { edges { node { id } } }",
    "Person": 'person(person: "demo.back.1") { id }',
}
"""Where objects of each type that implements Node are found without knowing their ids."""
PARTS = {
    *("Calendar", "CaseEntry", "ComplaintPolicy", "Evidence", "Rating", "Remark"),
    "ServiceLevelPolicy",
}
"""Have an id of their own kind, so that a cache may keep them, but are read with their object."""
PAIRS = {"PolicyReference", "PolicyVersion"}
"""Name a version by two fields; their id alone is no key for a cache."""
NOWHERE = "Q29tcGxhaW50OjAwMDAwMDAwLTAwMDAtNzAwMC04MDAwLTAwMDAwMDAwMDAwMA=="

STEADY = ("RECEIVED_AT_ASC", "RECEIVED_AT_DESC", "NUMBER_ASC", "NUMBER_DESC")
"""Orders by what never changes."""
MOVING = ("STATE_SINCE_ASC", "STATE_SINCE_DESC", "CHANGED_AT_ASC", "CHANGED_AT_DESC", "PRIORITY")
"""Orders by what a command may change: a complaint that moves may be met again, or passed by."""
KEYS = {"RECEIVED_AT": "receivedAt", "NUMBER": "number"}
PAGE = """
query Page($region: String!, $order: ComplaintOrder!,
           $first: Int, $after: String, $last: Int, $before: String) {
  complaints(filter: {region: $region}, orderBy: $order,
             first: $first, after: $after, last: $last, before: $before) {
    edges { cursor node { id number receivedAt } }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
  }
}
"""
TIMES = [ago(hours=hours) for hours in (30, 20, 20, 10)]
CHANGES = {
    "registerComplaint": {},
    "markUrgency": {"urgent": True},
    "reassessSeverity": {"severity": "MAJOR", "reason": "影响大"},
    "withdrawComplaint": {},
}


@pytest.fixture(scope="module")
def found(shared: Any) -> GraphQLSchema:
    """The schema as a client reads it."""
    return build_client_schema(shared.graphql(get_introspection_query()))


def objects(found: GraphQLSchema) -> Iterator[GraphQLObjectType | GraphQLInterfaceType]:
    for name, kind in found.type_map.items():
        if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType) and name[:2] != "__":
            yield kind


def connections(found: GraphQLSchema) -> dict[str, GraphQLField]:
    """Return every field that answers with a connection."""
    return {
        f"{kind.name}.{name}": field
        for kind in objects(found)
        for name, field in kind.fields.items()
        if get_named_type(field.type).name.endswith("Connection")
    }


def shape(kind: Any) -> dict[str, str]:
    return {name: str(field.type) for name, field in kind.fields.items()}


# Shapes


def test_every_connection_takes_the_four_arguments(found: GraphQLSchema) -> None:
    asked = connections(found)
    assert len(asked) >= 10

    for name, connection in asked.items():
        window = {n: str(a.type) for n, a in connection.args.items() if n in WINDOW}
        assert window == WINDOW, name
        assert str(connection.type).endswith("Connection!"), name


def test_every_connection_has_edges_and_says_where_its_page_lies(found: GraphQLSchema) -> None:
    kinds = {get_named_type(connection.type) for connection in connections(found).values()}
    named = {kind.name for kind in objects(found) if kind.name.endswith("Connection")}
    assert {kind.name for kind in kinds} == named

    for kind in kinds:
        of = kind.name.removesuffix("Connection")
        assert shape(kind) == {
            "edges": f"[{of}Edge!]!",
            "pageInfo": "PageInfo!",
            "totalCount": "Int!",
        }
        assert shape(found.type_map[f"{of}Edge"]) == {"node": f"{of}!", "cursor": "String!"}
        assert isinstance(found.type_map[of], GraphQLObjectType)
    edges = {kind.name for kind in objects(found) if kind.name.endswith("Edge")}
    assert edges == {name.replace("Connection", "Edge") for name in named}
    assert shape(found.type_map["PageInfo"]) == {
        "hasNextPage": "Boolean!",
        "hasPreviousPage": "Boolean!",
        "startCursor": "String",
        "endCursor": "String",
    }


def test_the_schema_has_node_and_nodes(found: GraphQLSchema) -> None:
    node = found.type_map["Node"]
    assert isinstance(node, GraphQLInterfaceType)
    assert found.query_type is not None
    one, several = found.query_type.fields["node"], found.query_type.fields["nodes"]

    assert shape(node) == {"id": "ID!"}
    assert (str(one.type), {n: str(a.type) for n, a in one.args.items()}) == ("Node", {"id": "ID!"})
    assert str(several.type) == "[Node]!"
    assert {n: str(a.type) for n, a in several.args.items()} == {"ids": "[ID!]!"}


def test_what_has_an_id_is_a_node_or_a_known_part(found: GraphQLSchema) -> None:
    node = found.type_map["Node"]
    assert isinstance(node, GraphQLInterfaceType)
    nodes = {kind.name for kind in found.get_possible_types(node)}

    assert nodes == set(NODES)
    named = {
        kind.name: str(kind.fields["id"].type) for kind in objects(found) if "id" in kind.fields
    }
    assert {name for name, kind in named.items() if kind == "ID!"} == nodes | PARTS | {"Node"}
    assert {name for name, kind in named.items() if kind != "ID!"} == PAIRS


# Ids


@pytest.fixture(scope="module")
def examples(shared: Any, play: Any) -> dict[str, list[str]]:
    """Ids of some objects of every type that implements Node, from a company at work."""
    load_content(shared)
    play(shared.database.conninfo, shared.database.master, Script(40, 7, date(2026, 3, 2)))
    shared.run(queue_notice(shared))
    received(shared, shared.receive()["id"])
    shared.until(lambda: shared.get("/health/ready").json()["lag_events"]["audit"] == 0)
    ids = {}
    for kind, question in NODES.items():
        answer = shared.graphql(f"{{ {question} }}", None, "supervision")
        (told,) = answer.values()
        ids[kind] = (
            [edge["node"]["id"] for edge in told["edges"]] if "edges" in told else [told["id"]]
        )
        assert ids[kind], kind
    return ids


async def queue_notice(shared: Any) -> None:
    system = Caller("notices", PersonId("notices"), Role.SYSTEM)
    queue = QueueNotice(
        case=UUID(b64decode(NOWHERE).decode().partition(":")[2]),
        case_number="C-2026-000009",
        occasion="v7",
        template=NoticeTemplate.ANSWERED,
        channel=NoticeChannel.EMAIL,
        language=Language.ZH,
    )
    database = shared.database
    async with open_dispatcher(database.conninfo, database.master, zone=ZONE) as dispatcher:
        call = Call(caller=system, source=Source(SourceKind.SYSTEM, "notices"))
        await dispatcher.execute(queue, call)


@pytest.mark.parametrize("kind", NODES)
def test_every_object_is_found_by_its_own_id(
    shared: Any, examples: dict[str, list[str]], kind: str
) -> None:
    for identifier in examples[kind]:
        assert b64decode(identifier).decode().startswith(f"{kind}:")
        answer = shared.graphql(
            "query One($id: ID!) { node(id: $id) { __typename id } }",
            {"id": identifier},
            "supervision",
        )
        assert answer["node"] == {"__typename": kind, "id": identifier}


def test_nodes_come_in_the_order_of_their_ids_with_null_where_there_is_none(
    shared: Any, examples: dict[str, list[str]]
) -> None:
    mixed = [
        identifier for of_kind in zip(*examples.values(), strict=False) for identifier in of_kind
    ]
    ids = [*reversed(mixed), NOWHERE, *mixed, mixed[0]]

    answer = shared.graphql(
        "query Several($ids: [ID!]!) { nodes(ids: $ids) { id } }", {"ids": ids}, "supervision"
    )

    told = [None if one is None else one["id"] for one in answer["nodes"]]
    assert told == [None if identifier == NOWHERE else identifier for identifier in ids]


# Cursors


@dataclass
class Walk:
    """One client that reads a connection page by page."""

    order: str
    size: int
    backwards: bool
    rows: list[Any] = field(default_factory=list)
    cursor: str | None = None
    ended: bool = False

    @property
    def variables(self) -> dict[str, Any]:
        if self.backwards:
            return {"order": self.order, "last": self.size, "before": self.cursor}
        return {"order": self.order, "first": self.size, "after": self.cursor}

    def take(self, page: Any) -> None:
        info, rows = page["pageInfo"], [edge["node"] for edge in page["edges"]]
        assert len(rows) <= self.size
        self.rows = rows + self.rows if self.backwards else self.rows + rows
        self.cursor = info["startCursor" if self.backwards else "endCursor"]
        self.ended = not info["hasPreviousPage" if self.backwards else "hasNextPage"]

    @property
    def ids(self) -> list[str]:
        return [row["id"] for row in self.rows]


new_complaints = st.tuples(st.just("receive"), st.sampled_from(TIMES))
changes = st.tuples(st.sampled_from(sorted(CHANGES)), st.integers(0, 5))
writes = st.lists(st.one_of(new_complaints, changes), max_size=6)
walks = st.lists(
    st.builds(Walk, st.sampled_from(STEADY + MOVING), st.integers(1, 3), st.booleans()),
    min_size=3,
    max_size=8,
)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.sampled_from(TIMES), min_size=2, max_size=6), walks, writes)
def test_walks_hold_while_complaints_arrive_and_change(
    shared: Any, times: list[str], walking: list[Walk], writing: list[tuple[str, Any]]
) -> None:
    """Every page is asked for at the same moment as a command is given.

    Untouched complaints are met exactly once in every order; in an order by what never changes,
    that holds for every complaint that was there from the beginning, and none is met twice.
    """
    region = f"r-{uuid4().hex[:12]}"
    there = [
        id_of(answer) for answer in shared.together(*(taken(shared, region, at) for at in times))
    ]
    touched: set[str] = set()
    left = iter(writing)
    while going := [walk for walk in walking if not walk.ended]:
        what, about = next(left, (None, None))
        orders = []
        if what == "receive":
            orders = [taken(shared, region, about)]
        elif what is not None:
            case = there[about % len(there)]
            touched.add(case)
            given_input = {"complaintId": case, **CHANGES[what]}
            orders = [shared.posted(mutation(what), {"input": given_input})]
        asked = [shared.posted(PAGE, {"region": region, **walk.variables}) for walk in going]
        for walk, answer in zip(going, shared.together(*asked, *orders), strict=False):
            walk.take(answer.json()["data"]["complaints"])

    for walk in walking:
        seen = walk.ids
        untouched = [case for case in there if case not in touched]
        assert [seen.count(case) for case in untouched] == [1] * len(untouched), walk
        if walk.order in STEADY:
            assert len(set(seen)) == len(seen), walk
            assert set(seen) >= set(there), walk
            column, _, direction = walk.order.rpartition("_")
            keys = [row[KEYS[column]] for row in walk.rows]
            assert keys == sorted(keys, reverse=direction == "DESC"), walk


def taken(shared: Any, region: str, at: str) -> Any:
    return shared.posted(RECEIVE, {"input": complaint_input(region=region, occurredAt=at)})


def id_of(answer: Any) -> str:
    identifier: str = answer.json()["data"]["receiveComplaint"]["complaint"]["id"]
    return identifier
