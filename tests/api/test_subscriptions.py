"""Subscriptions over a real server: who is told what, once, and until when."""

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from time import monotonic
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed

from api.app import create_app
from api.settings import Settings
from api.streaming import fanout
from api.streaming.visits import StreamLimits
from domain.roles import Role
from tests.api.cases import ASSIGNED, EVIDENCE, NOBODY, REGISTERED
from tests.api.conftest import mutation
from tests.api.streaming import CASE_CHANGED, PROTOCOL, Running, listening, step

LIMITS = StreamLimits(recheck_seconds=0.2, init_seconds=1.0)


@pytest.fixture
def server(api: Any, settings: Settings) -> Iterator[Running]:
    with listening(api.database, settings, LIMITS) as running:
        yield running


async def command(api: Any, name: str, role: str = "front_desk", **given: Any) -> Any:
    """Give a command without holding up the clients of the test."""
    return await asyncio.to_thread(api.command, name, given, role)


def test_each_step_of_a_case_is_told_once_the_read_models_have_it(
    api: Any, server: Running
) -> None:
    case = api.receive()["id"]

    async def watch() -> None:
        async with server.client(api.keys["front_desk"]) as client:
            await client.follow(case)
            done = await command(api, "registerComplaint", complaintId=case)
            (told,) = await client.told(1)
            await client.subscribe(
                "query Q($id: ID!) { complaint(id: $id) { state } }", {"id": case}, number="2"
            )
            state = (await client.receive())["payload"]["data"]["complaint"]["state"]

        assert told["position"] == done["position"]
        assert told["topic"] == "complaint.registered"
        assert told["sentence"] != told["zh"]
        assert state == "REGISTERED"

    asyncio.run(watch())


# Catch-up


HISTORY = "query H($case: ID!) { caseHistory(caseId: $case) { position } }"


def history(api: Any, case: str) -> list[int]:
    return [e["position"] for e in api.graphql(HISTORY, {"case": case})["caseHistory"]]


def test_with_a_position_all_that_happened_since_is_told_first(api: Any, server: Running) -> None:
    case = api.receive()["id"]
    for name, given in (*REGISTERED, *ASSIGNED[1:]):
        api.command(name, {"complaintId": case, **given})
    before = history(api, case)

    async def watch() -> None:
        async with server.client(api.keys["front_desk"]) as client:
            told = await (await client.follow(case, after=before[0])).told(2)
            await command(api, "startInvestigation", complaintId=case)
            told += await client.told(1)
            assert [t["position"] for t in told] == [*before[1:], told[2]["position"]]
        parameters = {"Redress-After": before[1]}
        async with server.client(api.keys["front_desk"], **parameters) as client:
            await client.subscribe(CASE_CHANGED, {"case": case})
            assert [t["position"] for t in await client.told(2)] == history_of(told)[1:]

    asyncio.run(watch())


def history_of(told: list[Any]) -> list[int]:
    return [t["position"] for t in told]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("crowded", [False, True])
def test_whoever_comes_back_misses_nothing_and_hears_nothing_twice(
    api: Any, server: Running, monkeypatch: pytest.MonkeyPatch, seed: int, crowded: bool
) -> None:
    """Also where hardly anything may wait in memory, so that it is read again and again."""
    if crowded:
        monkeypatch.setattr(fanout, "MOST_WAITING", 1)
        monkeypatch.setattr(fanout, "FAR", 4)
        monkeypatch.setattr(fanout, "LOOK_AGAIN_SECONDS", 0.02)
    dice = Random(seed)
    number = f"SF{seed}{crowded:d}0000001"
    api.command("recordShipment", {"waybill": number})
    case = api.receive(waybill=number)["id"]
    start = history(api, case)[-1]
    api.command("registerComplaint", {"complaintId": case})

    def write() -> None:
        """Write to the complaint and to its shipment, several at a time."""
        for turn in range(8):
            orders = [
                ("recordMilestone", {"waybill": number, "kind": "SORTING", "place": f"{turn}"}),
                ("assignComplaint", {"complaintId": case, "department": f"hub {turn}"}),
                ("recordMilestone", {"waybill": number, "kind": "HUB_SCAN"}),
            ]
            answers = api.together(
                *(api.posted(mutation(name), {"input": given}) for name, given in orders)
            )
            for (name, _), answer in zip(orders, answers, strict=True):
                assert answer.json()["data"][name]["position"]

    async def watch() -> list[int]:
        heard: list[int] = []
        writing = asyncio.create_task(asyncio.to_thread(write))
        while not writing.done() or heard[-1:] != [last()]:
            async with server.client(api.keys["front_desk"]) as client:
                await client.follow(case, after=heard[-1] if heard else start)
                for _ in range(dice.randint(1, 6)):
                    try:
                        heard.append(step(await client.receive(0.5))["position"])
                    except TimeoutError:
                        break
        await writing
        return heard

    def last() -> int:
        ((position,),) = api.rows("SELECT max(position) FROM read.case_entries")
        return int(position)

    heard = asyncio.run(asyncio.wait_for(watch(), 60))

    assert heard == [position for position in history(api, case) if position > start]


def test_what_is_linked_later_is_told_from_then_on(api: Any, server: Running) -> None:
    number = "SF9000000001"
    case = api.receive()["id"]
    api.command("recordShipment", {"waybill": number})

    async def watch() -> None:
        async with server.client(api.keys["front_desk"]) as client:
            await client.follow(case)
            await command(api, "linkComplaint", complaintId=case, waybill=number)
            (link,) = await client.told(1)
            await command(api, "recordMilestone", waybill=number, kind="SORTING")
            (milestone,) = await client.told(1)

        assert link["topic"] == "complaint.linked"
        assert milestone["topic"].startswith("shipment.")
        assert milestone["aggregateId"] != link["aggregateId"]

    asyncio.run(watch())


# Rights


def test_nobody_hears_of_the_cases_of_another_partner(api: Any, server: Running) -> None:
    case, other = api.receive("partner")["id"], api.receive("other_partner")["id"]

    async def watch() -> None:
        async with server.client(api.keys["other_partner"]) as client:
            for foreign in (case, NOBODY):
                await client.follow(foreign, after=0)
                refused = await client.receive()
                (error,) = refused["payload"]
                assert (refused["type"], error["extensions"]["code"]) == ("error", "NOT_FOUND")
            await command(api, "addEvidence", "partner", complaintId=case, **EVIDENCE)
            assert await client.silent()

    async def link_of_another() -> None:
        async with server.client(api.keys["partner"]) as client:
            await client.follow(case)
            async with server.client(api.keys["front_desk"]) as desk:
                await desk.follow(case)
                await command(api, "linkComplaint", complaintId=case, otherComplaintId=other)
                await command(api, "registerComplaint", complaintId=other)
                await command(api, "registerComplaint", complaintId=case)
                heard_by_desk = await desk.told(3)
            heard = await client.told(2)
        assert [t["topic"].partition(".")[2] for t in heard] == ["linked", "registered"]
        assert {t["aggregateId"] for t in heard} < {t["aggregateId"] for t in heard_by_desk}

    asyncio.run(watch())
    asyncio.run(link_of_another())


def test_partners_hear_no_names_of_staff(api: Any, server: Running) -> None:
    case = api.receive("partner")["id"]
    api.command("registerComplaint", {"complaintId": case})

    async def watch() -> None:
        async with (
            server.client(api.keys["partner"]) as partner,
            server.client(api.keys["front_desk"]) as desk,
        ):
            await partner.follow(case)
            await desk.follow(case)
            given = {"department": "李四的班组", "reason": "张三负责"}
            await command(api, "assignComplaint", complaintId=case, **given)
            (told,), (all_of_it,) = await partner.told(1), await desk.told(1)

        assert told["position"] == all_of_it["position"]
        assert "李四的班组" not in str(told)
        assert told["reason"] is None
        assert (all_of_it["reason"], "李四的班组" in all_of_it["zh"]) == ("张三负责", True)

    asyncio.run(watch())


def test_a_role_without_the_permission_hears_nothing(api: Any, server: Running) -> None:
    case = api.receive()["id"]

    async def watch() -> None:
        async with server.client(api.keys["operator"], lang="zh") as client:
            await client.follow(case, after=0)
            (error,) = (await client.receive())["payload"]
            assert error["extensions"]["code"] == "FORBIDDEN"
            assert "无权" in error["message"]

    asyncio.run(watch())


def test_a_revoked_key_ends_what_it_opened(api: Any, server: Running) -> None:
    case = api.receive("partner")["id"]

    async def watch() -> None:
        async with server.client(api.keys["partner"]) as client:
            await client.follow(case)
            began = monotonic()
            await asyncio.to_thread(api.revoke, "partner")
            code, reason = await client.closed()
            assert code == 4403
            assert "let in" in reason
            assert monotonic() - began < 5
        with pytest.raises(ConnectionClosed):
            async with server.client(api.keys["partner"]):
                pass

    asyncio.run(watch())


def test_an_expired_key_ends_what_it_opened(api: Any, server: Running, soon: timedelta) -> None:
    api.issue(("short", Role.AUDITOR), expires_at=datetime.now(UTC) + soon + soon)
    case = api.receive()["id"]

    async def watch() -> None:
        async with server.client(api.keys["short"]) as client:
            await client.follow(case)
            assert (await client.closed())[0] == 4403

    asyncio.run(watch())


def test_a_session_needs_an_origin_of_this_site_and_ends_with_its_sign_out(
    api: Any, server: Running
) -> None:
    bearer = {"Authorization": f"Bearer {api.keys['front_desk']}"}
    case = api.receive()["id"]

    async def watch() -> None:
        async with httpx.AsyncClient(base_url=server.url, trust_env=False) as browser:
            assert (await browser.post("/session", headers=bearer)).status_code == 204
            token = (await browser.get("/session")).json()["csrfToken"]
            cookie = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
            for origin in ("https://elsewhere.example", None):
                headers = {"Cookie": cookie} | ({} if origin is None else {"Origin": origin})
                async with server.client(init=False, headers=headers) as client:
                    # What the page says of itself does not count.
                    await client.send(type="connection_init", payload={"Origin": server.url})
                    assert (await client.closed())[0] == 4403
            ours = {"Cookie": cookie, "Origin": server.url}
            async with server.client(headers=ours) as client:
                await client.follow(case)
                await browser.delete("/session", headers={"X-CSRF-Token": token})
                assert (await client.closed())[0] == 4403

    asyncio.run(watch())


# The end of a server, and clients that do not keep up


def test_a_server_that_stops_sends_its_subscribers_away_at_once(
    api: Any, settings: Settings
) -> None:
    case = api.receive()["id"]
    with listening(api.database, settings, LIMITS) as server:

        async def watch() -> None:
            async with server.client(api.keys["front_desk"], lang="zh") as client:
                await client.follow(case)
                began = monotonic()
                server.stop()
                assert await client.closed() == (1001, "服务器正在停止，请重新连接")
                assert monotonic() - began < 3

        asyncio.run(watch())


def test_who_does_not_take_its_messages_is_sent_away(api: Any, settings: Settings) -> None:
    case = api.receive()["id"]
    api.command("registerComplaint", {"complaintId": case})
    key = f"Bearer {api.keys['front_desk']}".encode()
    subscribe = {"query": CASE_CHANGED, "variables": {"case": case, "after": 0}}
    messages: list[dict[str, Any]] = [
        {"type": "connection_init"},
        {"type": "subscribe", "id": "1", "payload": subscribe},
    ]
    scope = {
        "type": "websocket",
        "path": "/graphql",
        "headers": [(b"host", b"redress.test"), (b"authorization", key)],
        "query_string": b"",
        "subprotocols": [str(PROTOCOL)],
    }
    sent: list[Any] = []

    async def talk() -> None:
        app = create_app(settings, api.database, stream_limits=StreamLimits(send_seconds=0.3))
        incoming: asyncio.Queue[Any] = asyncio.Queue()
        incoming.put_nowait({"type": "websocket.connect"})
        for message in messages:
            incoming.put_nowait({"type": "websocket.receive", "text": json.dumps(message)})

        async def send(message: Any) -> None:
            """Take in the handshake and one step, then nothing but the end."""
            if len(sent) == 3 and message["type"] == "websocket.send":
                await asyncio.Event().wait()
            sent.append(message)

        async with app.router.lifespan_context(app), asyncio.timeout(5):
            await app(scope, incoming.get, send)

    asyncio.run(talk())

    *_, first, end = sent
    assert step(json.loads(first["text"]))["topic"] == "complaint.received"
    assert (end["type"], end["code"]) == ("websocket.close", 1013)
    assert "come back" in end["reason"]
