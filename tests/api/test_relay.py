"""Connections after Relay: every row once, in order, also while rows arrive."""

from base64 import b64encode
from typing import Any

import pytest

COMPLAINTS = """
query Page($first: Int, $after: String, $last: Int, $before: String, $order: ComplaintOrder!) {
  complaints(first: $first, after: $after, last: $last, before: $before, orderBy: $order) {
    totalCount
    edges { cursor node { number receivedAt } }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
  }
}
"""
SHIPMENTS = """
query Page($first: Int, $after: String, $last: Int, $before: String) {
  shipments(first: $first, after: $after, last: $last, before: $before) {
    totalCount
    edges { cursor node { waybill } }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
  }
}
"""
ORDERS = ("RECEIVED_AT_ASC", "RECEIVED_AT_DESC")
TIMES = [
    # Equal ones, and not in the order of their arrival.
    *("2026-01-05T00:00:00Z", "2026-01-03T00:00:00Z", "2026-01-03T00:00:00Z"),
    *("2026-01-03T00:00:00.000001Z", "2026-01-04T00:00:00Z", "2026-01-01T00:00:00Z"),
    *("2026-01-03T00:00:00Z", "2026-01-05T00:00:00Z"),
]


def fill(api: Any) -> list[str]:
    """Take in complaints and return their numbers by time of receipt, then id."""
    received = [(at, api.receive(occurredAt=at)) for at in TIMES]
    rows = api.rows("SELECT number FROM read.complaints ORDER BY received_at, id")
    assert {number for (number,) in rows} == {complaint["number"] for _, complaint in received}
    return [number for (number,) in rows]


def page(api: Any, order: str, **window: Any) -> Any:
    return api.graphql(COMPLAINTS, {"order": order, **window})["complaints"]


def numbers(connection: Any) -> list[str]:
    return [edge["node"]["number"] for edge in connection["edges"]]


def walk(api: Any, order: str, size: int, *, backwards: bool = False) -> list[str]:
    """Read page by page to the end and return all numbers in the connection's order."""
    seen: list[str] = []
    window: dict[str, Any] = {"last": size} if backwards else {"first": size}
    while True:
        found = page(api, order, **window)
        info = found["pageInfo"]
        assert len(found["edges"]) <= size
        if backwards:
            seen = numbers(found) + seen
            if not info["hasPreviousPage"]:
                return seen
            window["before"] = info["startCursor"]
        else:
            seen += numbers(found)
            if not info["hasNextPage"]:
                return seen
            window["after"] = info["endCursor"]


@pytest.mark.parametrize("order", ORDERS)
def test_walking_gives_every_row_once_and_in_order(api: Any, order: str) -> None:
    expected = fill(api)
    if order.endswith("DESC"):
        expected.reverse()

    for size in (1, 2, 3, len(TIMES), 500):
        assert walk(api, order, size) == expected
        assert walk(api, order, size, backwards=True) == expected


@pytest.mark.parametrize("order", ORDERS)
def test_the_ends_are_marked(api: Any, order: str) -> None:
    expected = fill(api)
    if order.endswith("DESC"):
        expected.reverse()

    whole = page(api, order, first=len(TIMES))
    begin = page(api, order, first=2)
    middle = page(api, order, first=2, after=begin["pageInfo"]["endCursor"])
    end = page(api, order, last=2)
    before = page(api, order, last=2, before=end["pageInfo"]["startCursor"])
    past = page(api, order, first=2, after=end["pageInfo"]["endCursor"])

    def flags(connection: Any) -> tuple[bool, bool]:
        info = connection["pageInfo"]
        return info["hasPreviousPage"], info["hasNextPage"]

    assert flags(whole) == (False, False)
    assert flags(begin) == (False, True)
    assert flags(middle) == (True, True)
    assert flags(end) == (True, False)
    assert flags(before) == (True, True)
    assert numbers(end) == expected[-2:]
    assert numbers(before) == expected[-4:-2]
    assert past["edges"] == []
    assert past["pageInfo"]["startCursor"] is past["pageInfo"]["endCursor"] is None
    assert not past["pageInfo"]["hasNextPage"]
    for connection in (whole, begin, middle, end, before, past):
        assert connection["totalCount"] == len(TIMES)
        cursors = [edge["cursor"] for edge in connection["edges"]]
        if cursors:
            assert connection["pageInfo"]["startCursor"] == cursors[0]
            assert connection["pageInfo"]["endCursor"] == cursors[-1]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("backwards", [False, True])
def test_a_walk_is_not_disturbed_by_rows_that_arrive(
    api: Any, order: str, backwards: object
) -> None:
    """Nobody sees a row twice, and whoever was there from the beginning is seen."""
    there = fill(api)
    seen: list[str] = []
    size, cursor_of, more, beyond = (
        ("last", "startCursor", "hasPreviousPage", "before")
        if backwards
        else ("first", "endCursor", "hasNextPage", "after")
    )
    window: dict[str, Any] = {size: 2}
    times = iter(TIMES * 3)
    while True:
        found = page(api, order, **window)
        seen += numbers(found)
        for _ in range(2 if len(seen) < 2 * len(TIMES) else 0):
            at = next(times, None)
            if at is not None:
                api.receive(occurredAt=at)
        if not found["pageInfo"][more]:
            break
        window[beyond] = found["pageInfo"][cursor_of]

    assert len(seen) == len(set(seen))
    assert set(there) <= set(seen)


def test_a_filter_counts_and_pages_what_it_names(api: Any) -> None:
    fill(api)
    urgent = {api.receive(urgent=True)["number"] for _ in range(3)}
    query = """
      query Page($after: String) { complaints(filter: {urgent: true}, first: 2, after: $after) {
        totalCount edges { node { number } } pageInfo { hasNextPage endCursor } } }
    """

    one = api.graphql(query)["complaints"]
    two = api.graphql(query, {"after": one["pageInfo"]["endCursor"]})["complaints"]

    assert (one["totalCount"], two["totalCount"]) == (3, 3)
    assert (one["pageInfo"]["hasNextPage"], two["pageInfo"]["hasNextPage"]) == (True, False)
    assert {*numbers(one), *numbers(two)} == urgent
    assert len(numbers(one)) + len(numbers(two)) == 3


def test_shipments_and_ratings_are_walked_alike(api: Any) -> None:
    waybills = [f"SF00000{n}" for n in range(5)]
    for waybill in waybills:
        at = "2026-01-03T00:00:00Z"
        api.command("recordShipment", {"waybill": waybill, "occurredAt": at})
        api.command("rateDelivery", {"waybill": waybill, "reference": "r", "score": 4})

    seen: list[str] = []
    window: dict[str, Any] = {"first": 2}
    while True:
        found = api.graphql(SHIPMENTS, window)["shipments"]
        seen += [edge["node"]["waybill"] for edge in found["edges"]]
        if not found["pageInfo"]["hasNextPage"]:
            break
        window["after"] = found["pageInfo"]["endCursor"]
    assert sorted(seen) == waybills
    back = api.graphql(SHIPMENTS, {"last": 5})["shipments"]["edges"]
    assert [edge["node"]["waybill"] for edge in back] == seen

    query = """query P($after: String) { ratings(first: 3, after: $after) {
      totalCount edges { node { id score kind } } pageInfo { hasNextPage endCursor } } }"""
    one = api.graphql(query)["ratings"]
    two = api.graphql(query, {"after": one["pageInfo"]["endCursor"]})["ratings"]
    assert one["totalCount"] == 5
    assert (len(one["edges"]), len(two["edges"])) == (3, 2)
    assert one["pageInfo"]["hasNextPage"] is not two["pageInfo"]["hasNextPage"]
    assert len({edge["node"]["id"] for edge in one["edges"] + two["edges"]}) == 5


def test_a_page_without_a_size_is_bounded_and_one_of_size_zero_empty(api: Any) -> None:
    fill(api)

    assert len(page(api, ORDERS[0])["edges"]) == len(TIMES)
    empty = page(api, ORDERS[0], first=0)
    assert (empty["edges"], empty["totalCount"]) == ([], len(TIMES))
    assert empty["pageInfo"]["hasNextPage"]


def test_an_id_leads_back_to_its_object(api: Any) -> None:
    complaint = api.receive(waybill="SF1234567890")
    api.command("recordShipment", {"waybill": "SF1234567890", "region": "east"})
    shipment = api.graphql('{ shipment(waybill: "sf1234567890") { id waybill } }')["shipment"]
    fields = "id __typename ... on Complaint { number } ... on Shipment { region }"
    ids = [shipment["id"], complaint["id"], shipment["id"]]

    one = api.graphql(f"query N($id: ID!) {{ node(id: $id) {{ {fields} }} }}", {"id": ids[1]})
    several = api.graphql(
        f"query N($ids: [ID!]!) {{ nodes(ids: $ids) {{ {fields} }} }}",
        {"ids": [*ids, unknown("Complaint"), unknown("Nothing")]},
    )["nodes"]

    assert one["node"] == {
        "id": complaint["id"],
        "__typename": "Complaint",
        "number": complaint["number"],
    }
    assert [found and found["id"] for found in several] == [*ids, None, None]
    assert several[0] == several[2]
    assert several[0]["region"] == "east"
    by_number = "query C($n: String!) { complaint(number: $n) { id } }"
    assert api.graphql(by_number, {"n": complaint["number"]})["complaint"]["id"] == ids[1]


def unknown(kind: str) -> str:
    return b64encode(f"{kind}:00000000-0000-7000-8000-000000000000".encode()).decode()
