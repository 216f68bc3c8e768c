"""The Python client `gql`: over HTTP, by its DSL, and over a WebSocket."""

import asyncio
from typing import Any

import pytest
from gql import Client, GraphQLRequest
from gql.dsl import DSLQuery, DSLSchema, dsl_gql
from gql.transport.exceptions import TransportQueryError
from gql.transport.httpx import HTTPXAsyncTransport, HTTPXTransport
from gql.transport.websockets import WebsocketsTransport
from graphql import parse

from tests.api.clients.conftest import OPERATIONS, PAGE_SIZE, Partner, Scenario


def request(name: str, **variables: Any) -> GraphQLRequest:
    return GraphQLRequest(OPERATIONS[name], variable_values=variables)


def headers(**given: str) -> dict[str, Any]:
    return {"headers": {name.replace("_", "-"): value for name, value in given.items()}}


def test_gql_does_what_a_partner_needs(partner: Partner, scenario: Scenario) -> None:
    transport = HTTPXTransport(partner.url, headers=partner.headers)
    with Client(transport=transport) as session:

        def receive(given: dict[str, Any], **sent: str) -> Any:
            asked = request("ReceiveComplaint", input=given)
            return session.execute(asked, extra_args=headers(**sent))["receiveComplaint"]

        first, *others = scenario.inputs
        key = f"{scenario.region}-0"
        told: dict[str, Any] = {
            "viewer": session.execute(request("Viewer"))["viewer"],
            "received": [receive(first, Idempotency_Key=key), *map(receive, others)],
            "again": receive(first, Idempotency_Key=key),
            "reused": receive({**first, "subject": "另一件"}, Idempotency_Key=key),
            "invalid": receive({**first, "subject": ""}, Accept_Language="zh"),
            "pages": [],
        }
        case = told["received"][0]["complaint"]["id"]
        after = None
        while True:
            asked = request("ComplaintsPage", region=scenario.region, first=PAGE_SIZE, after=after)
            page = session.execute(asked)["complaints"]
            told["pages"].append([edge["node"]["number"] for edge in page["edges"]])
            after = page["pageInfo"]["endCursor"]
            if not page["pageInfo"]["hasNextPage"]:
                break
        told["unknownField"] = error_of(session, GraphQLRequest(parse("{ nothing }")))
    with Client(transport=HTTPXTransport(partner.url)) as stranger:
        asked = request("ComplaintsPage", region=scenario.region, first=PAGE_SIZE)
        told["noKey"] = error_of(stranger, asked)["extensions"]["code"]
    told["steps"] = asyncio.run(followed(partner, case))

    scenario.check(told)


def error_of(session: Any, asked: GraphQLRequest) -> Any:
    with pytest.raises(TransportQueryError) as raised:
        session.execute(asked)
    assert raised.value.errors is not None
    (error,) = raised.value.errors
    return error


async def followed(partner: Partner, case: str) -> list[str]:
    """Follow a case over a WebSocket, and withdraw it over HTTP meanwhile."""
    socket = WebsocketsTransport(
        partner.stream_url, init_payload=partner.headers, connect_args={"proxy": None}
    )
    over_http = HTTPXAsyncTransport(partner.url, headers=partner.headers)
    topics: list[str] = []
    async with (
        asyncio.timeout(20),
        Client(transport=socket) as stream,
        Client(transport=over_http) as session,
    ):
        async for told in stream.subscribe(request("CaseChanged", caseId=case, after=0)):
            topics.append(told["caseChanged"]["topic"])
            if len(topics) == 2:
                break
            await session.execute(request("WithdrawComplaint", input={"complaintId": case}))
    return topics


def test_gql_reads_the_schema_and_writes_queries_by_its_dsl(partner: Partner) -> None:
    transport = HTTPXTransport(partner.url, headers=partner.headers)
    with Client(transport=transport, fetch_schema_from_transport=True) as session:
        assert session.client.schema is not None
        dsl = DSLSchema(session.client.schema)
        asked = dsl.Query.complaints(first=1).select(
            dsl.ComplaintConnection.totalCount,
            dsl.ComplaintConnection.pageInfo.select(dsl.PageInfo.hasNextPage),
        )

        found = session.execute(dsl_gql(DSLQuery(asked)))

    assert set(found["complaints"]) == {"totalCount", "pageInfo"}
