"""graphql-transport-ws: every message in every state, and what a connection may use."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from api.endpoint.requests import LARGEST_BODY
from api.settings import Settings
from api.streaming.visits import StreamLimits
from tests.api.cases import has_chinese
from tests.api.conftest import mutation
from tests.api.streaming import CASE_CHANGED, Client, Running, listening

LIMITS = StreamLimits(connections=3, operations=2, init_seconds=0.5)
VIEWER = "{ viewer { role } }"
INSIDE = ("psycopg", "Traceback", ".py", "Error(", "orjson", "JSONDecode")


@pytest.fixture(scope="module")
def server(shared: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    settings = Settings.from_env({"REDRESS_DATA_DIR": str(tmp_path_factory.mktemp("serving"))})
    with listening(shared.database, settings, LIMITS) as running:
        yield running


def cut_off(server: Running, key: str | None, *messages: Any, **parameters: Any) -> tuple[int, str]:
    """Send messages, the first one as the first of a connection; return how that is closed.

    With a key the connection is introduced before.
    """

    async def talk() -> tuple[int, str]:
        async with server.client(key, init=key is not None, **parameters) as client:
            for message in messages:
                if isinstance(message, dict):
                    await client.send(**message)
                else:
                    await client.connection.send(message)
            code, reason = await client.closed()
            assert [word for word in INSIDE if word in reason] == []
            return code, reason

    return asyncio.run(talk())


def subscribe(query: str = VIEWER, number: Any = "1", **more: Any) -> dict[str, Any]:
    return {"type": "subscribe", "id": number, "payload": {"query": query, **more}}


BROKEN = [
    b"\x00",
    b"{}",
    "",
    "not json",
    "[]",
    "null",
    "{}",
    {"type": "stop"},
    {"type": 1},
    {"type": ["ping"]},
    {"type": "ping", "payload": []},
    {"type": "pong", "payload": "x"},
    {"type": "connection_init", "payload": 1},
    {"type": "next", "id": "1", "payload": {}},
    {"type": "connection_ack"},
]


@pytest.mark.parametrize("message", BROKEN, ids=str)
@pytest.mark.parametrize("introduced", [False, True])
def test_what_is_no_message_of_the_protocol_ends_the_connection(
    shared: Any, server: Running, message: Any, introduced: bool
) -> None:
    key = shared.keys["auditor"] if introduced else None

    assert cut_off(server, key, message)[0] == 4400


@pytest.mark.parametrize(
    "message",
    [
        {"type": "subscribe"},
        {"type": "subscribe", "id": "1"},
        {"type": "subscribe", "id": "", "payload": {"query": VIEWER}},
        {"type": "subscribe", "id": 1, "payload": {"query": VIEWER}},
        {"type": "subscribe", "id": "x" * 129, "payload": {"query": VIEWER}},
        subscribe(query=5),  # type: ignore[arg-type]
        subscribe(variables=[]),
        subscribe(operationName=5),
        subscribe(extensions="x"),
        {"type": "complete"},
        {"type": "complete", "id": 5},
    ],
    ids=str,
)
def test_a_malformed_operation_ends_the_connection(
    shared: Any, server: Running, message: Any
) -> None:
    assert cut_off(server, shared.keys["auditor"], message)[0] == 4400


def test_who_does_not_introduce_itself_is_sent_away(shared: Any, server: Running) -> None:
    ping = {"type": "ping"}

    assert cut_off(server, None)[0] == 4408
    assert cut_off(server, None, ping, {"type": "pong"})[0] == 4408
    assert cut_off(server, None, subscribe())[0] == 4401
    assert cut_off(server, None, {"type": "connection_init"})[0] == 4403
    assert cut_off(server, shared.keys["auditor"], {"type": "connection_init"})[0] == 4429


@pytest.mark.parametrize("protocol", [None, "graphql-ws", "mqtt"])
def test_another_subprotocol_is_refused(server: Running, protocol: str | None) -> None:
    async def talk() -> int:
        async with server.client(init=False, protocol=protocol) as client:
            return (await client.closed())[0]

    if protocol is None:
        assert asyncio.run(talk()) == 4406
    else:  # this client itself leaves when its protocol is not chosen
        assert asyncio.run(talk()) in {4406, 1006, 1000}


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_a_bad_key_is_refused_in_the_language_of_the_client(server: Running, lang: str) -> None:
    payload = {"Authorization": "Bearer rk_00000000.nothing", "lang": lang}

    code, reason = cut_off(server, None, {"type": "connection_init", "payload": payload})

    assert code == 4403
    assert has_chinese(reason) == (lang == "zh")


def test_a_key_may_come_with_the_handshake(shared: Any, server: Running) -> None:
    async def talk() -> Any:
        headers = {"Authorization": f"Bearer {shared.keys['auditor']}"}
        async with server.client(headers=headers) as client:
            await client.subscribe(VIEWER)
            return await client.receive()

    message = asyncio.run(talk())
    assert message == {
        "id": "1",
        "type": "next",
        "payload": {"data": {"viewer": {"role": "AUDITOR"}}},
    }


def test_a_connection_parameter_that_is_no_position_is_refused(
    shared: Any, server: Running
) -> None:
    for after in ("x", -1, "1.5"):
        payload = {"authorization": f"Bearer {shared.keys['auditor']}", "redress-after": after}
        assert cut_off(server, None, {"type": "connection_init", "payload": payload})[0] == 4400


def test_pings_are_answered_in_every_state(shared: Any, server: Running) -> None:
    async def talk() -> None:
        async with server.client(init=False) as client:
            await client.send(type="ping", payload={"x": 1})
            assert await client.receive() == {"type": "pong"}
        async with server.client(shared.keys["auditor"]) as client:
            await client.send(type="ping")
            assert await client.receive() == {"type": "pong"}
            await client.send(type="pong")
            await client.send(type="complete", id="never begun")
            await client.subscribe(VIEWER)
            assert (await client.receive())["type"] == "next"

    asyncio.run(talk())


def test_questions_and_commands_are_answered_once(shared: Any, server: Running) -> None:
    async def talk() -> None:
        async with server.client(shared.keys["front_desk"]) as client:
            await client.subscribe(VIEWER)
            assert (await client.receive())["type"] == "next"
            assert await client.receive() == {"type": "complete", "id": "1"}
            case = shared_case["id"]
            # The id is free again.
            await client.subscribe(mutation("registerComplaint"), {"input": {"complaintId": case}})
            answer = await client.receive()
            assert answer["payload"]["data"]["registerComplaint"]["position"] > 0
            assert await client.receive() == {"type": "complete", "id": "1"}

    shared_case = shared.receive()
    asyncio.run(talk())


def test_an_operation_that_is_not_fit_is_refused_and_the_connection_stays(
    shared: Any, server: Running
) -> None:
    async def refused(client: Client, query: str) -> Any:
        await client.subscribe(query)
        message = await client.receive()
        assert message["type"] == "error", message
        return message["payload"][0]

    async def talk() -> None:
        async with server.client(shared.keys["auditor"], lang="zh") as client:
            assert "Syntax" in (await refused(client, "{"))["message"]
            assert "nothing" in (await refused(client, "{ nothing }"))["message"]
            error = await refused(client, "query A { viewer { role } } query B { viewer { role } }")
            assert error["extensions"]["code"] == "OPERATION_UNKNOWN"
            deep = "{ " + "a { " * 20 + "b" + " }" * 20 + " }"
            error = await refused(client, deep)
            assert error["extensions"]["code"] == "DEPTH_LIMIT"
            assert has_chinese(error["message"])
            error = await refused(client, 'subscription { caseChanged(caseId: "x") { position } }')
            assert error["extensions"]["code"] == "INVALID_VALUE"
            await client.subscribe(VIEWER)
            assert (await client.receive())["type"] == "next"

    asyncio.run(talk())


def test_an_id_is_used_once_at_a_time(shared: Any, server: Running) -> None:
    case = shared.receive()["id"]
    again = subscribe(CASE_CHANGED, variables={"case": case})

    code, _ = cut_off(server, shared.keys["front_desk"], again, again)
    assert code == 4409


def test_a_subscription_that_was_completed_tells_no_more_and_frees_its_id(
    shared: Any, server: Running
) -> None:
    case = shared.receive()["id"]

    async def talk() -> None:
        async with server.client(shared.keys["front_desk"]) as client:
            await client.follow(case, after=0)
            assert (await client.receive())["type"] == "next"
            await client.send(type="complete", id="1")
            await asyncio.to_thread(shared.command, "registerComplaint", {"complaintId": case})
            assert await client.silent()
            assert len(await (await client.follow(case, after=0)).told(2)) == 2

    asyncio.run(talk())


def test_a_connection_carries_so_many_operations(shared: Any, server: Running) -> None:
    case = shared.receive()["id"]

    async def talk() -> None:
        async with server.client(shared.keys["front_desk"]) as client:
            for number in "123":
                await client.subscribe(CASE_CHANGED, {"case": case}, number=number)
            refused = await client.receive()
            assert (refused["type"], refused["id"]) == ("error", "3")
            assert refused["payload"][0]["extensions"]["code"] == "TOO_MANY_OPERATIONS"
            await client.send(type="complete", id="1")
            await client.subscribe(VIEWER, number="3")
            assert (await client.receive())["type"] == "next"

    asyncio.run(talk())


def test_a_principal_has_so_many_connections(shared: Any, server: Running) -> None:
    key = shared.keys["compliance"]

    async def talk() -> None:
        async with server.client(key), server.client(key), server.client(key):
            async with server.client(init=False) as fourth:
                init = {"Authorization": f"Bearer {key}"}
                await fourth.send(type="connection_init", payload=init)
                assert (await fourth.closed())[0] == 4413
            async with server.client(shared.keys["auditor"]):
                pass
        await asyncio.sleep(0.2)
        async with server.client(key):
            pass

    asyncio.run(talk())


def test_a_message_that_is_too_large_ends_the_connection(shared: Any, server: Running) -> None:
    large = subscribe("#" + "x" * LARGEST_BODY)

    assert cut_off(server, shared.keys["auditor"], large)[0] == 1009


def test_a_websocket_elsewhere_is_refused(server: Running) -> None:
    async def talk() -> None:
        async with connect(f"ws://127.0.0.1:{server.port}/elsewhere", proxy=None):
            pass

    with pytest.raises(InvalidStatus):
        asyncio.run(talk())
