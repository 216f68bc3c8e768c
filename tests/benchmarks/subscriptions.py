"""How soon subscribers hear of an event: from the acknowledgement of its command to each client."""

import asyncio
import json
import socket
import subprocess
import sys
import tempfile
from time import perf_counter
from typing import Any, Final

import httpx
import uvicorn
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from api.app import create_app
from api.bootstrap import open_dispatcher
from api.database import Database
from api.draining import DrainingServer
from api.logs import configure_logging
from api.settings import Settings
from api.streaming.visits import StreamLimits
from application.api_keys import IssueApiKey, make_key
from application.dispatch import Call
from application.eventstore.subject_keys import MasterKey
from application.permissions import Caller
from domain.roles import PersonId, Role
from tests.benchmarks.timing import figures

_SUBSCRIBERS: Final = 1_000
_CASES: Final = 50
_EVENTS: Final = 200
_RATE: Final = 20.0
"""Events a second; each is told to all subscribers of its case."""
_OPERATOR: Final = Call(caller=Caller("cli", PersonId("cli:0"), Role.OPERATOR))
_RECEIVE: Final = """mutation { receiveComplaint(input: {channel: PHONE, category: DELAY,
  complainant: "A", subject: "B", facts: "C"}) {
  ... on ComplaintPayload { position complaint { id } } } }"""
_REGISTER: Final = """mutation R($case: ID!) {
  registerComplaint(input: {complaintId: $case}) { __typename } }"""
_ASSIGN: Final = """mutation A($case: ID!, $to: String!) { assignComplaint(input: {
  complaintId: $case, department: $to}) { ... on ComplaintPayload { position } } }"""
_CHANGED: Final = """subscription C($case: ID!) {
  caseChanged(caseId: $case) { position topic occurredAt sentence(lang: ZH) } }"""
_PROJECT: Final = """
import sys
from api.database import Database
from api.projecting import keep_read_models
from application.eventstore.subject_keys import MasterKey
keep_read_models(Database(sys.argv[1], None, MasterKey(bytes(range(32)))), lambda: False)
"""


def report(conninfo: str, master: MasterKey, scale: float) -> None:
    """Print the latencies of subscribers of one process, with the projector beside it."""
    configure_logging("WARNING")
    subscribers = max(10, int(_SUBSCRIBERS * scale))
    print(f"\n## Subscriptions: {subscribers} WebSockets of one process, {_RATE:.0f} events/s")
    with subprocess.Popen([sys.executable, "-c", _PROJECT, conninfo]) as projector:
        try:
            with tempfile.TemporaryDirectory(prefix="redress-bench-") as directory:
                settings = Settings.from_env({"REDRESS_DATA_DIR": directory})
                database = Database(conninfo, None, master)
                events = max(20, int(_EVENTS * scale))
                asyncio.run(_measured(settings, database, subscribers, events))
        finally:
            projector.terminate()


async def _measured(settings: Settings, database: Database, subscribers: int, events: int) -> None:
    key = await _key(settings, database)
    app = create_app(settings, database, stream_limits=StreamLimits(connections=subscribers))
    config = uvicorn.Config(app, log_config=None, access_log=False, ws="websockets-sansio")
    server = DrainingServer(config, app.state.draining)
    with socket.socket() as opened:
        opened.bind(("127.0.0.1", 0))
        port = opened.getsockname()[1]
        serving = asyncio.create_task(server.serve([opened]))
        while not server.started:  # noqa: ASYNC110  uvicorn offers no event
            await asyncio.sleep(0.01)
        try:
            await _told(port, key, subscribers, events)
        finally:
            server.should_exit = True
            await serving


async def _key(settings: Settings, database: Database) -> str:
    made = make_key()
    order = IssueApiKey(
        prefix=made.prefix, digest=made.digest, role=Role.FRONT_DESK, holder=PersonId("bench")
    )
    async with open_dispatcher(
        database.conninfo, database.master, zone=settings.timezone
    ) as dispatcher:
        await dispatcher.execute(order, _OPERATOR)
    return made.secret


async def _told(port: int, key: str, subscribers: int, events: int) -> None:
    acknowledged: dict[int, float] = {}
    arrived: list[tuple[int, float]] = []
    headers = {"Authorization": f"Bearer {key}"}
    url = f"http://127.0.0.1:{port}/graphql"
    async with httpx.AsyncClient(headers=headers, trust_env=False, timeout=30) as client:

        async def ask(query: str, **variables: Any) -> Any:
            answer = await client.post(url, json={"query": query, "variables": variables})
            return answer.json()["data"]

        cases = []
        for _ in range(_CASES):
            received = await ask(_RECEIVE)
            cases.append(received["receiveComplaint"]["complaint"]["id"])
            await ask(_REGISTER, case=cases[-1])
        of_case = [0] * _CASES

        async def listen(connection: ClientConnection) -> None:
            async for message in connection:
                at = perf_counter()
                told = json.loads(message)["payload"]["data"]["caseChanged"]
                arrived.append((told["position"], at))

        began = perf_counter()
        connections = []
        for number in range(subscribers):
            of_case[number % _CASES] += 1
            connections.append(await _subscribed(port, key, cases[number % _CASES]))
        print(f"{subscribers} connected and subscribed in {perf_counter() - began:.1f} s")
        await asyncio.sleep(1.0)
        listeners = [asyncio.create_task(listen(connection)) for connection in connections]

        async def command(number: int) -> None:
            done = await ask(_ASSIGN, case=cases[number % _CASES], to=f"hub {number}")
            acknowledged[done["assignComplaint"]["position"]] = perf_counter()

        expected = 0
        began = perf_counter()
        commands = []
        for number in range(events):
            await asyncio.sleep(max(0.0, began + number / _RATE - perf_counter()))
            commands.append(asyncio.create_task(command(number)))
            expected += of_case[number % _CASES]
        await asyncio.gather(*commands)
        deadline = perf_counter() + 30
        while len(arrived) < expected and perf_counter() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        seconds = perf_counter() - began
        for listener, connection in zip(listeners, connections, strict=True):
            listener.cancel()
            connection.transport.abort()
    assert len(arrived) == expected, f"{len(arrived)} of {expected} messages arrived"
    # A message may be there before the answer to its command is: that is a latency of nothing.
    latencies = [max(0.0, at - acknowledged[position]) for position, at in arrived]
    found = figures(seconds, latencies)
    print(
        f"{len(arrived)} messages, {found.rate:.0f}/s; from acknowledgement to arrival:"
        f" p50 {found.p50:.1f} ms, p99 {found.p99:.1f} ms, worst {max(latencies) * 1000:.1f} ms"
    )


async def _subscribed(port: int, key: str, case: str) -> ClientConnection:
    connection = await connect(
        f"ws://127.0.0.1:{port}/graphql",
        subprotocols=[Subprotocol("graphql-transport-ws")],
        additional_headers={"Authorization": f"Bearer {key}"},
        proxy=None,
        compression=None,
        ping_interval=None,
    )
    await connection.send('{"type":"connection_init"}')
    await connection.recv()
    payload = {"query": _CHANGED, "variables": {"case": case}}
    await connection.send(json.dumps({"type": "subscribe", "id": "1", "payload": payload}))
    return connection
