"""The subscription to alerts of clocks: what is told, once, and to whom it is not."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from api.graphql import clock_alerts
from api.graphql.nodes import as_uuid
from api.settings import Settings
from api.streaming import fanout
from domain.case_clocks import CaseClocks
from domain.organisation import UnitKey, UnitKind
from domain.roles import Role
from domain.service_levels.terms import AlertCause, Recipient
from tests.api.appeals import issue, received
from tests.api.cases import REGISTERED, taken
from tests.api.clocks import breach, caught_up, load_content, meta_at, record, warn
from tests.api.streaming import CASE_CHANGED, Client, Running, listening
from tests.api.test_two_walls import WALLS

FRIDAY = "2025-01-24T02:00:00Z"
ALERTS = """subscription A($after: Long) { clockAlerts(after: $after) {
  position kind kindLabel(lang: ZH) clock label zh: label(lang: ZH) caseId caseNumber dueAt
  occurredAt recordedAt to people sentence slaClock { id state handler } } }"""
HUB = UnitKey(UnitKind.DEPARTMENT, "hub")


@pytest.fixture(scope="module")
def company(shared: Any) -> Any:
    """A case of a partner in the hub, and one that is the company's own."""
    load_content(shared)
    issue(shared, head_of_hub=(Role.DEPARTMENT_HEAD, (HUB,)))
    assigned = [("assignComplaint", {"department": "hub", "handler": "h-1"})]
    shared.ours = taken(shared, REGISTERED, assigned, role="partner", occurredAt=FRIDAY)
    shared.other = taken(shared, role="other_partner", occurredAt=FRIDAY)
    return shared


@pytest.fixture(scope="module")
def server(company: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    settings = Settings.from_env({"REDRESS_DATA_DIR": str(tmp_path_factory.mktemp("served"))})
    with listening(company.database, settings) as running:
        yield running


def alert(api: Any, case: str, clock: str = "answer") -> int:
    """Record that somebody was told."""

    def write(clocks: CaseClocks, key: Any) -> None:
        clocks.alert(
            meta_at(datetime.now(UTC)),
            case=key,
            clock=clock,
            number=1,
            cause=AlertCause.BREACH,
            step=0,
            to=Recipient.DEPARTMENT_HEAD,
            people=("head-1",),
        )

    return record(api, case, write)


async def told(client: Client) -> Any:
    message = await client.receive()
    assert message["type"] == "next", message
    assert "errors" not in message["payload"], message
    return message["payload"]["data"]["clockAlerts"]


async def listen(client: Client, after: int | None = None) -> Client:
    """Follow the alerts; what is recorded from now on will be told."""
    await client.subscribe(ALERTS, {"after": after})
    if after is None:
        await client.subscribe("{ viewer { role } }", number="began")
        assert (await client.receive())["type"] == "next"
        assert (await client.receive()) == {"type": "complete", "id": "began"}
        await asyncio.sleep(0.1)
    return client


def test_each_record_of_a_clock_is_told_as_it_happens(company: Any, server: Running) -> None:
    async def watch() -> None:
        async with server.client(company.keys["supervision"]) as client:
            await listen(client)
            case = await asyncio.to_thread(taken, company, occurredAt=FRIDAY)
            warned = await asyncio.to_thread(warn, company, case, "answer")
            first = await told(client)
            breached = await asyncio.to_thread(breach, company, case, "answer")
            second = await told(client)
            alerted = await asyncio.to_thread(alert, company, case)
            third = await told(client)
            assert await client.silent()

        assert [a["position"] for a in (first, second, third)] == [warned, breached, alerted]
        assert [a["kind"] for a in (first, second, third)] == ["WARNED", "BREACHED", "ALERTED"]
        assert [a["kindLabel"] for a in (first, second, third)] == ["预警", "超时", "督办提醒"]
        assert (first["clock"], first["label"], first["zh"]) == ("answer", "answer", "答复")
        assert first["caseId"] == case
        assert first["caseNumber"].startswith("C-2025-")
        assert first["dueAt"] == second["occurredAt"] == "2025-02-05T16:00:00.000000Z"
        assert first["sentence"].startswith("Warning: the clock answer (1)")
        assert (first["to"], first["people"]) == (None, None)
        assert (third["to"], third["people"]) == ("DEPARTMENT_HEAD", ["head-1"])
        assert third["dueAt"] == "2025-02-05T16:00:00.000000Z"
        assert first["slaClock"]["state"] == "RUNNING"
        assert third["slaClock"] == {
            "id": first["slaClock"]["id"],
            "state": "BREACHED",
            "handler": None,
        }

    asyncio.run(watch())


@pytest.mark.parametrize("crowded", [False, True])
def test_with_a_position_what_was_recorded_since_is_told_first_and_once(
    company: Any, server: Running, monkeypatch: pytest.MonkeyPatch, *, crowded: bool
) -> None:
    """Also where it is read page by page, and again and again."""
    if crowded:
        monkeypatch.setattr(fanout, "MOST_WAITING", 1)
        monkeypatch.setattr(fanout, "LOOK_AGAIN_SECONDS", 0.02)
    case = taken(company, occurredAt=FRIDAY)
    start = caught_up(company)
    recorded = [alert(company, case) for _ in range(3)]

    async def watch() -> None:
        async with server.client(company.keys["supervision"]) as client:
            await listen(client, start)
            heard = [(await told(client))["position"] for _ in recorded]
            recorded.append(await asyncio.to_thread(alert, company, case))
            heard.append((await told(client))["position"])
            assert heard == recorded
        async with server.client(company.keys["supervision"]) as client:
            await listen(client, recorded[1])
            assert [(await told(client))["position"] for _ in recorded[2:]] == recorded[2:]
            assert await client.silent()

    asyncio.run(watch())


@pytest.mark.parametrize("wall", ["both", *WALLS])
@pytest.mark.parametrize("who", ["head_of_hub", "partner"])
def test_nobody_is_told_of_clocks_of_cases_out_of_reach(
    company: Any, server: Running, who: str, wall: str
) -> None:
    """Neither what has been recorded nor what is; by either wall alone."""
    start = caught_up(company)
    alert(company, company.other)
    mine = [alert(company, company.ours)]

    async def watch() -> None:
        async with server.client(company.keys[who]) as client:
            await listen(client, start)
            assert (await told(client))["position"] == mine[0]
            await asyncio.to_thread(alert, company, company.other)
            mine.append(await asyncio.to_thread(alert, company, company.ours))
            heard = await told(client)
            assert await client.silent()
        assert heard["position"] == mine[1]
        assert heard["people"] == (None if who == "partner" else ["head-1"])
        assert heard["to"] == (None if who == "partner" else "DEPARTMENT_HEAD")
        assert heard["slaClock"]["handler"] == (None if who == "partner" else "h-1")
        masked = "Supervisor alert about a deadline"
        assert (heard["sentence"] == masked) is (who == "partner")

    class World:
        api = company

    if wall == "both":
        asyncio.run(watch())
    else:
        with WALLS[wall](World):  # type: ignore[arg-type]
            asyncio.run(watch())


@pytest.mark.parametrize("who", ["head_of_hub", "partner"])
def test_of_cases_out_of_reach_not_even_the_log_is_read(
    company: Any, server: Running, monkeypatch: pytest.MonkeyPatch, who: str
) -> None:
    """Reading the record of any other case fails here, and with it the subscription."""
    ((ours,),) = company.rows(
        "SELECT d.stream FROM read.sla_dockets AS d WHERE d.case_id = %s",
        as_uuid(company.ours, field="case"),
    )
    faulty = f"{clock_alerts._EVENT} AND 1 / (originator_id = '{ours}')::int = 1"
    monkeypatch.setattr(clock_alerts, "_EVENT", faulty)

    async def watch(key: str) -> None:
        async with server.client(company.keys[key]) as client:
            await listen(client)
            await asyncio.to_thread(alert, company, company.other)
            if key == "supervision":
                with pytest.raises(AssertionError):
                    await told(client)
                return
            position = await asyncio.to_thread(alert, company, company.ours)
            assert (await told(client))["position"] == position

    asyncio.run(watch(who))
    asyncio.run(watch("supervision"))  # the fault is one


def test_alerts_of_appeals_are_for_staff(company: Any, server: Running) -> None:
    appeal = received(company, company.ours)
    start = caught_up(company)
    ((number,),) = company.rows("SELECT number FROM read.appeals")
    position = alert(company, appeal, "appeal")

    async def watch() -> None:
        async with server.client(company.keys["head_of_hub"]) as client:
            found = await told(await listen(client, start))
            assert (found["position"], found["caseNumber"]) == (position, number)
            assert found["caseId"] == appeal
        async with server.client(company.keys["partner"]) as client:
            assert await (await listen(client, start)).silent()

    asyncio.run(watch())


def test_what_is_recorded_of_a_clock_is_told_to_who_follows_the_case(
    company: Any, server: Running
) -> None:
    case = taken(company, role="partner", occurredAt=FRIDAY)
    start = caught_up(company)

    async def watch() -> None:
        async with server.client(company.keys["partner"]) as client:
            await client.follow(case, start)
            position = await asyncio.to_thread(breach, company, case, "answer")
            (step,) = await client.told(1)
            assert (step["position"], step["topic"]) == (position, "case_clocks.breached")
            await asyncio.to_thread(alert, company, case)
            (step,) = await client.told(1)
            assert step["zh"] == "时限督办提醒"
        async with server.client(company.keys["other_partner"]) as client:
            await client.subscribe(CASE_CHANGED, {"case": case, "after": 0})
            assert (await client.receive())["type"] == "error"

    asyncio.run(watch())


@pytest.mark.parametrize(("role", "code"), [("customer", "FORBIDDEN"), ("operator", "FORBIDDEN")])
def test_who_reads_no_cases_follows_no_alerts(
    company: Any, server: Running, role: str, code: str
) -> None:
    async def watch() -> None:
        async with server.client(company.keys[role]) as client:
            await client.subscribe(ALERTS, {})
            message = await client.receive()
            assert message["type"] == "error"
            assert message["payload"][0]["extensions"]["code"] == code

    asyncio.run(watch())
