"""Questions about complaints: filters, orders, queues and counts, beside plain Python."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.categories import CATEGORIES, Category
from domain.complaint_life import OPEN, ComplaintState
from domain.complaint_words import Channel, Severity
from tests.api.cases import (
    ASSIGNED,
    CLOSED,
    FIRST_CONTACT,
    INVESTIGATING,
    REGISTERED,
    done,
    has_chinese,
    safely,
    taken,
)

DAY = "2026-01-{:02d}T00:00:00.000000Z"
LISTED = """id number state category severity channel urgent department handler region outlet
  waybill receivedAt stateSince changedAt escalatedAt importSource"""
PAGE = f"""query Page($f: ComplaintFilter, $o: ComplaintOrder!, $first: Int, $after: String,
    $last: Int, $before: String) {{
  found: complaints(filter: $f, orderBy: $o, first: $first, after: $after, last: $last,
      before: $before) {{
    totalCount edges {{ cursor node {{ {LISTED} }} }}
    pageInfo {{ hasNextPage hasPreviousPage startCursor endCursor }} }} }}"""
QUEUE = f"""query Queue($p: String, $d: String, $first: Int, $after: String, $last: Int,
    $before: String) {{
  found: workQueue(person: $p, department: $d, first: $first, after: $after, last: $last,
      before: $before) {{
    totalCount edges {{ cursor node {{ {LISTED} }} }}
    pageInfo {{ hasNextPage hasPreviousPage startCursor endCursor }} }} }}"""
COUNTS = """query Counts($g: ComplaintGroup!, $f: ComplaintFilter) {
  complaintCounts(groupBy: $g, filter: $f) { key count en: label zh: label(lang: ZH) } }"""
ORDERS = [
    f"{name}_{direction}"
    for name, direction in product(
        ("RECEIVED_AT", "STATE_SINCE", "CHANGED_AT", "NUMBER"), ("ASC", "DESC")
    )
] + ["PRIORITY"]
Node = dict[str, Any]


@dataclass(frozen=True)
class Known:
    """What the tests of this file know of the complaints that were there at their beginning."""

    api: Any
    nodes: list[Node]


def assigned(department: str, handler: str | None) -> tuple[tuple[str, dict[str, Any]], ...]:
    return (*REGISTERED, ("assignComplaint", {"department": department, "handler": handler}))


def fill(api: Any) -> None:
    """Take in complaints that differ in everything that is asked for."""
    steps: list[Any] = [
        *((), REGISTERED, ASSIGNED, INVESTIGATING, CLOSED, FIRST_CONTACT),
        *(assigned("north", "agent-1"), assigned("north", "agent-2"), assigned("south", "agent-1")),
        (*assigned("north", "agent-1"), ("withdrawComplaint", {})),
        (*assigned("south", None), ("waitForCustomer", {"asked": "?"})),
        (*REGISTERED, ("declineComplaint", {"explanation": "x"}))[1:],
        (*assigned("north", "agent-2"), *CLOSED[2:]),
    ]
    categories, severities = list(Category), list(Severity)
    for n, way in enumerate(steps * 2):
        taken(
            api,
            way,
            occurredAt=DAY.format(1 + n * 7 % 9),
            category=categories[n * 5 % len(categories)].name,
            severity=severities[n % 3].name,
            channel=list(Channel)[n % 4].name,
            urgent=n % 4 == 0,
            region=("east", "west", None)[n % 3],
            outlet=("outlet 1", None)[n % 2],
            waybill=("SF1234567890", None, "YT-000001")[n % 3],
        )
    up = {"to": "agent-1", "demandedBy": "CUSTOMER", "reason": "重大", "occurredAt": DAY.format(20)}
    for edge in page(api, f={"state": "REGISTERED"})["edges"]:
        done(api, "escalateComplaint", complaintId=edge["node"]["id"], **up)


def page(api: Any, role: str = "front_desk", query: str = PAGE, **asked: Any) -> Any:
    return api.graphql(query, {"o": "RECEIVED_AT_ASC", "first": None} | asked, role)["found"]


def nodes_of(found: Any) -> list[Node]:
    return [edge["node"] for edge in found["edges"]]


@pytest.fixture(scope="module")
def known(shared: Any) -> Known:
    fill(shared)
    return Known(shared, nodes_of(page(shared, first=500)))


# Filters


def group(node: Node) -> str:
    return CATEGORIES[Category[node["category"]]].group.name


FILTERS: dict[str, tuple[list[Any], Callable[[Node, Any], bool]]] = {
    "state": (["RECEIVED", "CLOSED", "MERGED"], lambda n, v: n["state"] == v),
    "states": (
        [[], ["RECEIVED"], ["CLOSED", "WITHDRAWN", "CLOSED"]],
        lambda n, v: n["state"] in v,
    ),
    "open": ([True, False], lambda n, v: (ComplaintState[n["state"]] in OPEN) is v),
    "category": (["DELAY", "ENQUIRY", "LOSS"], lambda n, v: n["category"] == v),
    "categoryGroup": (["FURTHER", "OTHER", "SERVICE_QUALITY"], lambda n, v: group(n) == v),
    "severity": (["GENERAL", "MAJOR"], lambda n, v: n["severity"] == v),
    "channel": (["PHONE", "FAX"], lambda n, v: n["channel"] == v),
    "urgent": ([True, False], lambda n, v: n["urgent"] is v),
    "escalated": ([True, False], lambda n, v: (n["escalatedAt"] is not None) is v),
    "department": (
        ["north", " south ", "hub", "nowhere"],
        lambda n, v: n["department"] == v.strip(),
    ),
    "handler": (["agent-1", "agent-9"], lambda n, v: n["handler"] == v),
    "region": (["east", "west"], lambda n, v: n["region"] == v),
    "outlet": (["outlet 1"], lambda n, v: n["outlet"] == v),
    "waybill": (
        ["sf1234567890", "YT-000001", "YT-000002"],
        lambda n, v: (n["waybill"] or "").upper() == v.upper(),
    ),
    "importSource": (["olist"], lambda n, v: n["importSource"] == v),
    "receivedFrom": (
        [DAY.format(4), "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"],
        lambda n, v: n["receivedAt"] >= v,
    ),
    "receivedBefore": (
        [DAY.format(4), "2026-01-05T08:00:00+08:00", "9999-12-31T23:59:59Z"],
        lambda n, v: n["receivedAt"] < v.replace("05T08:00:00+08:00", "05T00:00:00.000000Z"),
    ),
}


def meeting(nodes: list[Node], chosen: dict[str, Any]) -> set[str]:
    return {
        node["id"] for node in nodes if all(FILTERS[name][1](node, chosen[name]) for name in chosen)
    }


@pytest.mark.parametrize("name", FILTERS)
def test_a_filter_finds_what_it_names(known: Known, name: str) -> None:
    numbers = []
    for value in FILTERS[name][0]:
        found = page(known.api, f={name: value}, first=500)
        here = {node["id"] for node in nodes_of(found)} & {node["id"] for node in known.nodes}
        assert here == meeting(known.nodes, {name: value}), value
        assert found["totalCount"] == len(found["edges"])
        numbers.append(len(here))
    assert max(numbers) > 0 or name == "importSource"


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_filters_are_joined_by_and(known: Known, data: st.DataObject) -> None:
    names = data.draw(st.lists(st.sampled_from(sorted(FILTERS)), max_size=4, unique=True))
    chosen = {name: data.draw(st.sampled_from(FILTERS[name][0])) for name in names}

    found = page(known.api, f=chosen, first=500)

    here = {node["id"] for node in nodes_of(found)} & {node["id"] for node in known.nodes}
    assert here == meeting(known.nodes, chosen)


def test_an_empty_filter_is_none(known: Known) -> None:
    everything = page(known.api, first=500)["totalCount"]
    assert page(known.api, f={}, first=500)["totalCount"] == everything
    nulls = dict.fromkeys([*FILTERS, "text"])
    assert page(known.api, f=nulls, first=500)["totalCount"] == everything


# Orders


def rank(node: Node) -> tuple[Any, ...]:
    grave = list(Severity).index(Severity[node["severity"]])
    return (not node["urgent"], -grave, node["receivedAt"])


KEYS: dict[str, Callable[[Node], Any]] = {
    "RECEIVED_AT": lambda n: n["receivedAt"],
    "STATE_SINCE": lambda n: n["stateSince"],
    "CHANGED_AT": lambda n: n["changedAt"],
    "NUMBER": lambda n: n["number"],
    "PRIORITY": rank,
}


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("backwards", [False, True])
def test_a_walk_in_any_order_sees_every_row_once_while_rows_arrive(
    known: Known, order: str, backwards: object
) -> None:
    size, cursor, more, beyond = (
        ("last", "startCursor", "hasPreviousPage", "before")
        if backwards
        else ("first", "endCursor", "hasNextPage", "after")
    )
    there = {node["id"] for node in nodes_of(page(known.api, first=500))}
    seen: list[Node] = []
    window: dict[str, Any] = {size: 25}
    arrived = 0
    while True:
        found = page(known.api, o=order, **window)
        nodes = nodes_of(found)
        seen = nodes + seen if backwards else seen + nodes
        if arrived < 3:
            known.api.receive(
                occurredAt=DAY.format(1 + 3 * arrived), urgent=arrived == 0, severity="MAJOR"
            )
            arrived += 1
        if not found["pageInfo"][more]:
            break
        window[beyond] = found["pageInfo"][cursor]

    ids = [node["id"] for node in seen]
    assert len(ids) == len({*ids})
    assert there <= {*ids}
    keys = [KEYS[order.removesuffix("_ASC").removesuffix("_DESC")](node) for node in seen]
    assert keys == sorted(keys, reverse=order.endswith("DESC"))


def test_a_cursor_lies_between_the_rows_that_it_was_given_for(known: Known) -> None:
    for order in ORDERS:
        whole = page(known.api, o=order, first=10)
        ids = [edge["node"]["id"] for edge in whole["edges"]]
        cursors = [edge["cursor"] for edge in whole["edges"]]
        after = page(known.api, o=order, first=3, after=cursors[4])
        before = page(known.api, o=order, last=3, before=cursors[4])
        between = page(known.api, o=order, first=50, after=cursors[2], before=cursors[6])
        assert [node["id"] for node in nodes_of(after)] == ids[5:8]
        assert [node["id"] for node in nodes_of(before)] == ids[1:4]
        assert [node["id"] for node in nodes_of(between)] == ids[3:6]


def test_a_cursor_of_another_order_is_no_fault(known: Known) -> None:
    cursors = {o: page(known.api, o=o, first=1)["pageInfo"]["endCursor"] for o in ORDERS}

    for order, (other, cursor) in product(ORDERS, cursors.items()):
        answer = known.api.post(PAGE, {"o": order, "after": cursor}).json()
        if "errors" in answer:
            (error,) = answer["errors"]
            assert error["extensions"] == {
                "code": "INVALID_VALUE",
                "rule": "not_a_cursor",
                "field": "after",
            }, (order, other)


# The work queue


def test_a_queue_holds_the_open_cases_urgent_and_grave_ones_first(known: Known) -> None:
    def queue(**asked: Any) -> list[Node]:
        return nodes_of(page(known.api, query=QUEUE, **asked))

    def wanted(**values: str) -> list[str]:
        rows = [
            node
            for node in known.nodes
            if ComplaintState[node["state"]] in OPEN
            and all(node[name] == value for name, value in values.items())
        ]
        return [node["id"] for node in sorted(rows, key=rank)]

    for asked, values in (
        ({"p": "agent-1"}, {"handler": "agent-1"}),
        ({"p": "agent-2"}, {"handler": "agent-2"}),
        ({"d": "north"}, {"department": "north"}),
        ({"d": "south"}, {"department": "south"}),
        ({"p": "agent-1", "d": "north"}, {"handler": "agent-1", "department": "north"}),
        ({"p": "nobody"}, {"handler": "nobody"}),
    ):
        found = queue(**asked)
        keys = [rank(node) for node in found]
        assert keys == sorted(keys)
        assert {node["id"] for node in found} == {*wanted(**values)}
        assert found or asked == {"p": "nobody"}


def test_a_queue_is_walked_in_both_directions(known: Known) -> None:
    whole = [node["id"] for node in nodes_of(page(known.api, query=QUEUE, d="north"))]
    forwards: list[str] = []
    window: dict[str, Any] = {"first": 1}
    while True:
        found = page(known.api, query=QUEUE, d="north", **window)
        forwards += [node["id"] for node in nodes_of(found)]
        if not found["pageInfo"]["hasNextPage"]:
            break
        window["after"] = found["pageInfo"]["endCursor"]
    assert forwards == whole
    back = page(known.api, query=QUEUE, d="north", last=2, before=found["pageInfo"]["startCursor"])
    assert [node["id"] for node in nodes_of(back)] == whole[-3:-1]


def test_a_queue_without_a_name_is_the_callers_own(known: Known) -> None:
    mine = ("assignComplaint", {"department": "claims", "handler": "back_office-1"})
    case = taken(known.api, [*REGISTERED, mine])

    own = nodes_of(page(known.api, "back_office", QUEUE))

    assert [node["id"] for node in own] == [case]
    assert nodes_of(page(known.api, "account_agent", QUEUE)) == []
    done(known.api, "withdrawComplaint", complaintId=case)
    assert nodes_of(page(known.api, "back_office", QUEUE)) == []


def test_urgency_and_gravity_move_a_case_in_the_queue(known: Known) -> None:
    to = ("assignComplaint", {"department": "moving", "handler": None})
    old, new = (taken(known.api, [*REGISTERED, to], occurredAt=DAY.format(day)) for day in (1, 2))

    def order() -> list[str]:
        return [node["id"] for node in nodes_of(page(known.api, query=QUEUE, d="moving"))]

    assert order() == [old, new]
    done(known.api, "reassessSeverity", complaintId=new, severity="SERIOUS", reason="影响大")
    assert order() == [new, old]
    done(known.api, "markUrgency", complaintId=old, urgent=True)
    assert order() == [old, new]
    done(known.api, "markUrgency", complaintId=new, urgent=True)
    assert order() == [new, old]


@pytest.mark.parametrize("bad", ["", " ", "\u0000", "x" * 10_000])
def test_a_queue_of_nobody_is_an_error_that_names_the_argument(shared: Any, bad: str) -> None:
    for name, field in (("p", "person"), ("d", "department")):
        (error,) = shared.errors(QUEUE, {name: bad})
        assert (error["extensions"]["code"], error["extensions"]["field"]) == (
            "INVALID_VALUE",
            field,
        )


# Counts


@pytest.mark.parametrize(
    ("group_by", "words"),
    [
        ("STATE", ComplaintState),
        ("CATEGORY", Category),
        ("SEVERITY", Severity),
        ("CHANNEL", Channel),
        ("DEPARTMENT", None),
        ("HANDLER", None),
        ("REGION", None),
        ("OUTLET", None),
    ],
)
@pytest.mark.parametrize("chosen", [{}, {"open": True}, {"severity": "MAJOR", "urgent": True}])
def test_complaints_are_counted_by_a_word_with_its_name(
    known: Known, group_by: str, words: Any, chosen: dict[str, Any]
) -> None:
    found = known.api.graphql(COUNTS, {"g": group_by, "f": chosen})["complaintCounts"]

    everything = nodes_of(page(known.api, f=chosen, first=500))
    expected = Counter(node[group_by.lower()] for node in everything)
    assert {row["key"]: row["count"] for row in found} == expected
    counts = [row["count"] for row in found]
    assert counts == sorted(counts, reverse=True)
    for row in found:
        label = None if words is None or row["key"] is None else words[row["key"]]
        names = (row["key"], row["key"]) if label is None else (label.en, label.zh)
        assert (row["en"], row["zh"]) == names


def test_the_key_of_a_count_is_the_word_that_a_filter_takes(known: Known) -> None:
    for group_by, name in (("STATE", "state"), ("CATEGORY", "category"), ("CHANNEL", "channel")):
        for row in known.api.graphql(COUNTS, {"g": group_by})["complaintCounts"]:
            counted = page(known.api, f={name: row["key"]}, first=0)["totalCount"]
            assert counted == row["count"]


def test_nothing_is_counted_where_nothing_is(known: Known) -> None:
    asked = {"g": "STATE", "f": {"department": "nowhere"}}
    assert known.api.graphql(COUNTS, asked)["complaintCounts"] == []


def test_the_numbers_that_people_read_find_their_case(known: Known) -> None:
    for node in known.nodes[:3]:
        query = "query N($n: String!) { complaint(number: $n) { id } }"
        found = known.api.graphql(query, {"n": f" {node['number']} "})["complaint"]
        assert found == {"id": node["id"]}


# The category tree


CATEGORY = """category group isComplaint aliases label zh: label(lang: ZH) groupLabel
  groupZh: groupLabel(lang: ZH) checklist { item label zh: label(lang: ZH) }
  standardTexts { purpose text zh: text(lang: ZH) }"""


def test_the_category_tree_comes_with_its_names_checklists_and_texts(shared: Any) -> None:
    found = shared.graphql(f"{{ categories {{ {CATEGORY} }} }}", None, "partner")["categories"]

    assert [entry["category"] for entry in found] == [category.name for category in Category]
    for entry in found:
        category = Category[entry["category"]]
        known = CATEGORIES[category]
        assert (entry["label"], entry["zh"]) == (category.en, category.zh)
        assert (entry["group"], entry["groupLabel"]) == (known.group.name, known.group.en)
        assert entry["groupZh"] == known.group.zh
        assert entry["aliases"] == [*known.aliases]
        assert [(i["item"], i["label"], i["zh"]) for i in entry["checklist"]] == [
            (item.code, item.en, item.zh) for item in known.checklist
        ]
        for text in entry["standardTexts"]:
            assert has_chinese(text["zh"])
            assert text["text"]
            assert not has_chinese(text["text"])
    no_complaints = {entry["category"] for entry in found if not entry["isComplaint"]}
    assert no_complaints == {"SUGGESTION", "ENQUIRY"}


def test_a_category_is_found_by_any_of_its_names_and_by_nothing_else(shared: Any) -> None:
    query = "query C($n: String!) { categories(named: $n) { category } }"
    for name, category in (
        ("Late Delivery", "DELAY"),
        ("时效延误", "DELAY"),
        ("DELAY", "DELAY"),
        ("wrong_waybill", "WAYBILL_ERROR"),
        ("　错误交付 ", "DELIVERY"),
        ("ＬＯＳＴ", "LOSS"),
        ("产品质量", "PRODUCT_QUALITY"),
    ):
        assert shared.graphql(query, {"n": name})["categories"] == [{"category": category}]
    for unknown in ("", "%", "late'--", "x" * 10_000, "😀", "\u0000"):
        (error,) = safely(shared, query, {"n": unknown})["errors"]
        assert error["extensions"] == {
            "code": "INVALID_VALUE",
            "rule": "not_in_list",
            "field": "named",
        }
    assert shared.code("{ categories { category } }", None, "operator") == "FORBIDDEN"
