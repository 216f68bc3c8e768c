"""GraphQL over server-sent events: one operation, one response, ids to come back with."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest

from api.settings import Settings
from api.streaming.visits import StreamLimits
from tests.api.cases import has_chinese
from tests.api.streaming import CASE_CHANGED, Running, events, listening

LIMITS = StreamLimits(connections=3, recheck_seconds=0.2, heartbeat_seconds=0.2)
VIEWER = "{ viewer { role } }"


@pytest.fixture
def server(api: Any, settings: Settings) -> Iterator[Running]:
    with listening(api.database, settings, LIMITS) as running:
        yield running


async def parsed(response: httpx.Response) -> AsyncIterator[dict[str, str]]:
    """Yield events as a browser reads them; a comment is an event of its own."""
    event: dict[str, str] = {}
    async for line in response.aiter_lines():
        if not line:
            if event:
                yield event
            event = {}
        else:
            name, _, value = line.partition(":")
            event[name or "comment"] = value.removeprefix(" ")


async def taken(response: httpx.Response, count: int) -> list[dict[str, str]]:
    """Return the next events of the operation."""
    found: list[dict[str, str]] = []
    async with asyncio.timeout(10):
        async for event in parsed(response):
            found += [event] if "event" in event else []
            if len(found) == count:
                return found
    return found


def test_each_event_has_its_position_with_which_a_client_comes_back(
    api: Any, server: Running
) -> None:
    case = api.receive()["id"]
    key = api.keys["front_desk"]
    asked = (CASE_CHANGED, {"case": case, "after": 0})

    async def watch() -> None:
        async with events(server, key, *asked) as response:
            assert response.status_code == 200
            assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
            assert "no-store" in response.headers["cache-control"]
            assert response.headers["x-accel-buffering"] == "no"
            (first,) = await taken(response, 1)
        told = json.loads(first["data"])["data"]["caseChanged"]
        assert (first["event"], first["id"]) == ("next", str(told["position"]))
        await asyncio.to_thread(api.command, "registerComplaint", {"complaintId": case})
        async with events(server, key, *asked, Last_Event_ID=first["id"]) as response:
            (second,) = await taken(response, 1)
        assert int(second["id"]) > int(first["id"])
        assert json.loads(second["data"])["data"]["caseChanged"]["topic"] == "complaint.registered"

    asyncio.run(watch())


def test_a_question_is_answered_once_and_the_response_is_complete(
    api: Any, server: Running
) -> None:
    async def watch() -> None:
        async with events(server, api.keys["auditor"], VIEWER) as response:
            answer, end = await taken(response, 3)
        assert json.loads(answer["data"]) == {"data": {"viewer": {"role": "AUDITOR"}}}
        assert end == {"event": "complete", "data": ""}

    asyncio.run(watch())


def test_a_quiet_stream_shows_that_it_lives(api: Any, server: Running) -> None:
    case = api.receive()["id"]

    async def watch() -> None:
        async with (
            asyncio.timeout(5),
            events(server, api.keys["auditor"], CASE_CHANGED, {"case": case}) as response,
        ):
            async for event in parsed(response):
                if "comment" in event:
                    break

    asyncio.run(watch())


def test_a_subscription_that_is_refused_says_why_in_the_stream(api: Any, server: Running) -> None:
    case = api.receive("partner")["id"]

    async def watch() -> None:
        asked = (CASE_CHANGED, {"case": case, "after": 0})
        async with events(server, api.keys["other_partner"], *asked) as response:
            refused, end = await taken(response, 3)
        (error,) = json.loads(refused["data"])["errors"]
        assert error["extensions"]["code"] == "NOT_FOUND"
        assert end["event"] == "complete"

    asyncio.run(watch())


def test_a_revoked_key_ends_the_stream_for_good(api: Any, server: Running) -> None:
    case = api.receive()["id"]

    async def watch() -> None:
        asked = (CASE_CHANGED, {"case": case})
        async with events(server, api.keys["auditor"], *asked, Accept_Language="zh") as response:
            await asyncio.to_thread(api.revoke, "auditor")
            last, end = await taken(response, 3)
        (error,) = json.loads(last["data"])["errors"]
        assert error["extensions"]["code"] == "LET_IN_NO_LONGER"
        assert has_chinese(error["message"])
        assert end["event"] == "complete"

    asyncio.run(watch())


def test_a_stream_of_a_server_that_stops_ends_open(api: Any, server: Running) -> None:
    """Without ``complete``, so that the client asks again."""
    case = api.receive()["id"]

    async def watch() -> None:
        asked = (CASE_CHANGED, {"case": case, "after": 0})
        async with asyncio.timeout(5), events(server, api.keys["auditor"], *asked) as response:
            told = []
            async for event in parsed(response):
                if "event" in event:
                    told.append(event["event"])
                    server.stop()
            assert told == ["next"]

    asyncio.run(watch())


def test_a_client_that_left_is_forgotten(api: Any, server: Running) -> None:
    case = api.receive()["id"]

    async def watch() -> None:
        for _ in range(LIMITS.connections + 2):
            asked = (CASE_CHANGED, {"case": case, "after": 0})
            async with events(server, api.keys["auditor"], *asked) as response:
                assert response.status_code == 200
                await taken(response, 1)
            await asyncio.sleep(0.2)

    asyncio.run(watch())


def test_a_principal_has_so_many_streams(api: Any, server: Running) -> None:
    case = api.receive()["id"]
    key, asked = api.keys["auditor"], (CASE_CHANGED, {"case": case})

    async def watch() -> None:
        async with (
            events(server, key, *asked),
            events(server, key, *asked),
            events(server, key, *asked),
            events(server, key, *asked) as fourth,
        ):
            await fourth.aread()
            assert fourth.status_code == 429
            assert fourth.json()["errors"][0]["extensions"]["code"] == "TOO_MANY_CONNECTIONS"

    asyncio.run(watch())


@pytest.mark.parametrize(
    ("role", "query", "headers", "status", "code"),
    [
        (None, VIEWER, {}, 401, "NOT_SIGNED_IN"),
        ("auditor", "{ nothing }", {}, 400, None),
        ("auditor", "", {}, 400, "QUERY_MISSING"),
        ("auditor", VIEWER, {"Last_Event_ID": "x"}, 400, None),
    ],
)
def test_what_is_refused_before_a_stream_begins_is_refused_as_elsewhere(
    api: Any, server: Running, role: str | None, query: str, headers: Any, status: int, code: Any
) -> None:
    async def watch() -> None:
        key = None if role is None else api.keys[role]
        async with events(server, key, query, **headers) as response:
            body = json.loads(await response.aread())
        assert response.status_code == status
        assert "json" in response.headers["content-type"]
        if code is not None:
            found = body.get("code") or body["errors"][0]["extensions"]["code"]
            assert found == code

    asyncio.run(watch())


def test_a_browser_may_follow_by_get_but_change_nothing(api: Any, server: Running) -> None:
    case = api.receive()["id"]
    headers = {"Accept": "text/event-stream", "Authorization": f"Bearer {api.keys['front_desk']}"}
    change = f'mutation {{ registerComplaint(input: {{complaintId: "{case}"}}) {{ __typename }} }}'

    def get(query: str) -> httpx.Response:
        return httpx.get(
            f"{server.url}/graphql", params={"query": query}, headers=headers, trust_env=False
        )

    assert "event: complete" in get(VIEWER).text
    before = api.events()
    assert get(change).status_code == 405
    assert api.events() == before


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_a_subscription_that_asks_for_no_stream_is_told_where_to_go(api: Any, lang: str) -> None:
    case = api.receive()["id"]

    (error,) = api.errors(CASE_CHANGED, {"case": case}, Accept_Language=lang)

    assert error["extensions"]["code"] == "STREAM_NEEDED"
    assert "text/event-stream" in error["message"]
    assert has_chinese(error["message"]) == (lang == "zh")
