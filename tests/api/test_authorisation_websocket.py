"""The rights of requests hold on WebSockets: one connection for each role asks everything."""

import asyncio
from asyncio import Barrier
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from api.bootstrap import open_dispatcher
from api.settings import Settings
from application.api_keys import IssueApiKey, make_key
from domain.organisation import UnitKey, UnitKind
from domain.roles import PersonId, Role
from tests.api.authorisation_table import (
    EVERYBODY,
    NODES,
    ORDERS,
    OUTSIDE,
    QUESTIONS,
    READERS,
    SUBSCRIPTIONS,
    named,
)
from tests.api.cases import EVIDENCE, REGISTERED, taken
from tests.api.conftest import OPERATOR, ZONE, mutation
from tests.api.streaming import CASE_CHANGED, Client, Running, listening
from tests.application.test_permissions import GRANTED


@pytest.fixture(scope="module")
def server(shared: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    settings = Settings.from_env({"REDRESS_DATA_DIR": str(tmp_path_factory.mktemp("served"))})
    with listening(shared.database, settings) as running:
        yield running


async def answers(client: Client, asked: dict[str, tuple[str, Any]]) -> dict[str, Any]:
    """Carry out operations, all at once, and return the one result of each."""
    for name, (query, variables) in asked.items():
        await client.subscribe(query, variables, number=name)
    found: dict[str, Any] = {}
    running = set(asked)
    while running:
        message = await client.receive()
        if message["type"] == "complete":
            running.remove(message["id"])
        else:
            assert message["type"] == "next", message
            assert message["id"] not in found, message
            found[message["id"]] = message["payload"]
    return found


def orders(names: set[str]) -> dict[str, tuple[str, Any]]:
    return {name: (mutation(name), {"input": ORDERS[name]}) for name in names}


@pytest.mark.parametrize("role", sorted(EVERYBODY))
def test_each_role_asks_and_orders_over_a_websocket_what_the_table_says(
    shared: Any, server: Running, role: Role
) -> None:
    questions = QUESTIONS | {
        f"node {kind}": (f'node(id: "{named(kind)}") {{ id }}', may) for kind, may in NODES.items()
    }
    granted = {name for name in ORDERS if (role, name) in GRANTED}

    async def talk() -> None:
        async with server.client(shared.keys[role.value]) as client:
            asked = {name: (f"{{ {text} }}", None) for name, (text, _) in questions.items()}
            for name, answer in (await answers(client, asked)).items():
                codes = [error["extensions"]["code"] for error in answer.get("errors", [])]
                assert codes == ([] if role in questions[name][1] else ["FORBIDDEN"]), name
            before = shared.events()
            for name, answer in (await answers(client, orders(set(ORDERS) - granted))).items():
                told = answer["data"][name]
                assert (told["__typename"], told["rule"]) == ("NotPermitted", "permissions"), name
            assert shared.events() == before
            for name, answer in (await answers(client, orders(granted))).items():
                assert answer["data"][name]["__typename"] != "NotPermitted", name

    asyncio.run(talk())


# Who follows which case. One is a partner's, in the hub, of the east; two is the other partner's,
# in the line, of the west; raw is the company's own, which no department has yet.
CASES = {"one", "two", "raw"}
BY_UNITS = (Role.BACK_OFFICE, Role.ACCOUNT_AGENT, Role.DEPARTMENT_HEAD, Role.INVESTIGATOR)
UNITS: dict[str, tuple[UnitKey, str]] = {
    "hub": (UnitKey(UnitKind.DEPARTMENT, "hub"), "one"),
    "line": (UnitKey(UnitKind.DEPARTMENT, "line"), "two"),
    "east": (UnitKey(UnitKind.REGION, "east"), "one"),
    "west": (UnitKey(UnitKind.REGION, "west"), "two"),
}
CONFINED = {
    f"{role.value} of {code}": (role, unit, {case})
    for role in BY_UNITS
    for code, (unit, case) in UNITS.items()
}
FOLLOWING: dict[str, set[str]] = {
    **{role.value: CASES for role in READERS - {Role.PARTNER}},
    **{name: cases for name, (_, _, cases) in CONFINED.items()},
    **{role.value: set() for role in OUTSIDE},
    "partner": {"one"},
    "other_partner": {"two"},
    "third_partner": set(),
}
"""Each role without units, that is for the whole company, and those of units also with each."""


async def _keys(api: Any) -> dict[str, str]:
    made = {name: make_key() for name in CONFINED}
    async with open_dispatcher(api.database.conninfo, api.database.master, zone=ZONE) as dispatcher:
        for name, (role, unit, _) in CONFINED.items():
            order = IssueApiKey(
                prefix=made[name].prefix,
                digest=made[name].digest,
                role=role,
                holder=PersonId(name.replace(" ", "-")),
                units=(unit,),
            )
            await dispatcher.execute(order, OPERATOR)
    return {name: key.secret for name, key in made.items()}


@pytest.fixture(scope="module")
def cases(shared: Any) -> dict[str, str]:
    """The cases by their names; every caller has a key then."""
    shared.issue(("third_partner", Role.PARTNER))
    shared.keys |= shared.run(_keys(shared))
    found = {
        name: taken(
            shared, REGISTERED, (("assignComplaint", {"department": to}),), role=role, region=region
        )
        for name, role, to, region in (
            ("one", "partner", "hub", "east"),
            ("two", "other_partner", "line", "west"),
        )
    }
    return found | {"raw": shared.receive()["id"]}


def test_every_role_and_every_relation_is_in_this_table() -> None:
    assert {name.partition(" ")[0] for name in FOLLOWING} >= {role.value for role in EVERYBODY}
    assert {role for role, operation in GRANTED if GRANTED[role, operation] == "units"} == {
        *BY_UNITS
    }
    assert SUBSCRIPTIONS["caseChanged"] == READERS


def test_each_caller_hears_of_the_cases_within_reach_and_no_others(
    shared: Any, server: Running, cases: dict[str, str]
) -> None:
    """Both what has happened and what happens while all listen at once."""
    history = "query H($case: ID!) { caseHistory(caseId: $case) { position } }"
    past = {
        name: len(shared.graphql(history, {"case": key})["caseHistory"])
        for name, key in cases.items()
    }
    everybody_listens, all_is_told = Barrier(len(FOLLOWING) + 1), Barrier(len(FOLLOWING) + 1)

    async def listen(who: str) -> None:
        within = FOLLOWING[who]
        refusal = "FORBIDDEN" if who in {role.value for role in OUTSIDE} else "NOT_FOUND"
        async with server.client(shared.keys[who]) as client:
            for name, key in cases.items():
                await client.subscribe(CASE_CHANGED, {"case": key, "after": 0}, number=name)
            wanted = Counter({name: past[name] if name in within else 1 for name in cases})
            for name, message in await received(client, wanted.total()):
                if name in within:
                    assert message["type"] == "next", (who, message)
                else:
                    (error,) = message["payload"]
                    assert message["type"] == "error", (who, message)
                    assert error["extensions"]["code"] == refusal, (who, name)
                wanted[name] -= 1
            assert wanted.total() == 0, who
            await everybody_listens.wait()
            now = await received(client, len(within))
            assert {name for name, _ in now} == within, who
            assert {m["payload"]["data"]["caseChanged"]["topic"] for _, m in now} <= {
                "complaint.evidence_added"
            }
            await all_is_told.wait()
            assert await client.silent(), who

    async def happen() -> None:
        await everybody_listens.wait()
        for key in cases.values():
            given = {"complaintId": key} | EVIDENCE
            await asyncio.to_thread(shared.command, "addEvidence", given)
        await all_is_told.wait()

    async def all_at_once() -> None:
        async with asyncio.TaskGroup() as group:
            for who in FOLLOWING:
                group.create_task(listen(who))
            group.create_task(happen())

    asyncio.run(all_at_once())


async def received(client: Client, count: int) -> list[tuple[str, Any]]:
    """Return the next messages, each with the name of the operation that it belongs to."""
    messages = [await client.receive() for _ in range(count)]
    return [(message["id"], message) for message in messages]
