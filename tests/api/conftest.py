"""The application as clients see it: HTTP in this process, real database, real projector."""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import httpx
import psycopg
import pytest
from graphql import GraphQLUnionType, get_named_type

from api.app import create_app
from api.bootstrap import open_dispatcher
from api.database import Database
from api.embedded_postgres import EmbeddedPostgres
from api.graphql.context import Services
from api.graphql.schema import schema
from api.projecting import keep_read_models
from api.settings import Settings
from application.api_keys import IssueApiKey, RevokeApiKey, make_key
from application.demonstration import Play, Script
from application.dispatch import Call, Outcome
from application.eventstore.subject_keys import MasterKey
from application.permissions import Caller
from domain.roles import PersonId, Role

ZONE = ZoneInfo("Asia/Shanghai")
OPERATOR = Call(caller=Caller("cli", PersonId("cli:0"), Role.OPERATOR))
PARTNERS = ("partner", "other_partner")
PATIENCE_SECONDS = 10.0

RECEIVE = """
mutation Receive($input: ReceiveComplaintInput!) {
  receiveComplaint(input: $input) {
    __typename
    ... on ComplaintPayload { position complaint { id number state } }
    ... on Refusal { code message rule }
    ... on InvalidValue { field }
  }
}
"""


class Api:
    """A client with a key for each role, and a look behind the scenes."""

    def __init__(
        self, runner: asyncio.Runner, client: httpx.AsyncClient, database: Database
    ) -> None:
        self.database = database
        self.keys: dict[str, str] = {}
        self.services: Services
        self._client = client
        self._runner = runner

    # HTTP

    def send(
        self,
        method: str,
        path: str,
        role: str | None = "front_desk",
        *,
        headers: dict[str, str] | None = None,
        **content: Any,
    ) -> Coroutine[Any, Any, httpx.Response]:
        """Return a request on its way; ``role`` None: without a key."""
        sent = {} if role is None else {"Authorization": f"Bearer {self.keys[role]}"}
        return self._client.request(method, path, headers=sent | (headers or {}), **content)

    def get(self, path: str, role: str | None = None, **headers: str) -> httpx.Response:
        return self.run(self.send("GET", path, role, headers=_named(headers)))

    def posted(
        self,
        query: str,
        variables: dict[str, Any] | None = None,
        role: str | None = "front_desk",
        **headers: str,
    ) -> Coroutine[Any, Any, httpx.Response]:
        body = {"query": query, "variables": variables}
        return self.send("POST", "/graphql", role, headers=_named(headers), json=body)

    def post(self, *given: Any, **headers: Any) -> httpx.Response:
        return self.run(self.posted(*given, **headers))

    def graphql(self, *given: Any, **headers: Any) -> Any:
        """Ask, and return the answer's ``data``; an error fails the test."""
        answer = self.post(*given, **headers).json()
        assert "errors" not in answer, answer["errors"]
        return answer["data"]

    def errors(self, *given: Any, **headers: Any) -> list[dict[str, Any]]:
        """Ask, and return the answer's errors."""
        found: list[dict[str, Any]] = self.post(*given, **headers).json()["errors"]
        return found

    def code(self, *given: Any, **headers: Any) -> Any:
        """Ask what fails, and return the code of the one error."""
        (error,) = self.errors(*given, **headers)
        return error["extensions"]["code"]

    def together(self, *orders: Coroutine[Any, Any, Any]) -> list[Any]:
        async def all_of_them() -> list[Any]:
            return await asyncio.gather(*orders)

        return self.run(all_of_them())

    def run(self, order: Coroutine[Any, Any, Any]) -> Any:
        return self._runner.run(order)

    # Work

    def receive(self, role: str = "front_desk", **given: Any) -> Any:
        """Take in a complaint and return it as the payload shows it."""
        answer = self.graphql(RECEIVE, {"input": complaint_input(**given)}, role)
        return answer["receiveComplaint"]["complaint"]

    def command(
        self, name: str, given: dict[str, Any], role: str | None = "front_desk", **headers: str
    ) -> Any:
        """Give a command and return what its mutation answers."""
        return self.graphql(mutation(name), {"input": given}, role, **headers)[name]

    # Keys

    def issue(self, *roles: tuple[str, Role], expires_at: datetime | None = None) -> None:
        """Issue keys as the command line does, while the application runs or before it does."""

        async def issue_all() -> None:
            async with open_dispatcher(
                self.database.conninfo, self.database.master, zone=ZONE
            ) as dispatcher:
                made = {name: (make_key(), role) for name, role in roles}
                orders = [
                    IssueApiKey(
                        prefix=key.prefix,
                        digest=key.digest,
                        role=role,
                        holder=PersonId(f"{name}-1"),
                        expires_at=expires_at,
                    )
                    for name, (key, role) in made.items()
                ]
                await asyncio.gather(*(dispatcher.execute(o, OPERATOR) for o in orders))
                self.keys |= {name: key.secret for name, (key, _role) in made.items()}

        self.run(issue_all())

    def revoke(self, name: str) -> Outcome[Any]:
        prefix = self.keys[name].partition(".")[0]
        ((key,),) = self.rows("SELECT id FROM ops.api_keys WHERE prefix = %s", prefix)

        async def take_back() -> Outcome[Any]:
            async with open_dispatcher(
                self.database.conninfo, self.database.master, zone=ZONE
            ) as dispatcher:
                return await dispatcher.execute(RevokeApiKey(key=key), OPERATOR)

        outcome: Outcome[Any] = self.run(take_back())
        return outcome

    def until(self, holds: Callable[[], Any]) -> None:
        """Let the application run until something holds."""
        deadline = monotonic() + PATIENCE_SECONDS
        while not holds():
            assert monotonic() < deadline, "it never came true"
            self.run(asyncio.sleep(0.01))

    # Behind the scenes

    def rows(self, statement: Any, *parameters: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.database.conninfo) as connection:
            return connection.execute(statement, parameters).fetchall()

    def events(self) -> int:
        return int(self.rows("SELECT count(*) FROM log.stored_events")[0][0])


def _named(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


def complaint_input(**given: Any) -> dict[str, Any]:
    return {
        "channel": "PHONE",
        "category": "DELAY",
        "complainant": "王小明",
        "contact": "13800138000",
        "subject": "包裹晚到",
        "facts": "承诺周一送达，周四才到",
        "request": "退运费",
    } | given


_SHOWN = {
    "complaint": "complaint { id number state answer }",
    "shipment": "shipment { id waybill lastMilestone }",
}


def mutation(name: str) -> str:
    """Return the document of a mutation, asking for what its payload and refusals say."""
    mutations = schema._schema.mutation_type
    assert mutations is not None
    field = mutations.fields[name]
    union = get_named_type(field.type)
    assert isinstance(union, GraphQLUnionType)
    payload = union.types[0]
    changed = [
        _SHOWN.get(noun, f"{noun} {{ id }}") for noun in payload.fields if noun != "position"
    ]
    return f"""
mutation Command($input: {field.args["input"].type}) {{
  {name}(input: $input) {{
    __typename
    ... on {payload} {{ position {" ".join(changed)} }}
    ... on Refusal {{ code message rule }}
    ... on InvalidValue {{ field }}
  }}
}}
"""


@contextmanager
def projecting(database: str, master: MasterKey) -> Iterator[Database]:
    """Keep a projector at work on a database."""
    opened = Database(url=database, embedded=None, master=master)
    stop = threading.Event()
    thread = threading.Thread(target=keep_read_models, args=(opened, stop.is_set))
    thread.start()
    yield opened
    stop.set()
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("SELECT pg_notify('redress_events', '0')")  # do not wait for its pause
    thread.join(PATIENCE_SECONDS)
    assert not thread.is_alive()


@contextmanager
def running(opened: Database, settings: Settings) -> Iterator[Api]:
    """Run the application, with a key for each role."""
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        app = create_app(settings, opened)
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        client = httpx.AsyncClient(transport=transport, base_url="http://redress.test", timeout=30)
        found = Api(runner, client, opened)
        found.issue(
            *((role.value, role) for role in Role if role is not Role.SYSTEM),
            ("other_partner", Role.PARTNER),
        )

        async def start() -> None:
            await stack.enter_async_context(app.router.lifespan_context(app))
            found.services = app.state.serving.services
            stack.push_async_callback(client.aclose)

        runner.run(start())
        yield found
        runner.run(stack.aclose())


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings.from_env({"REDRESS_DATA_DIR": str(tmp_path)})


@pytest.fixture
def api(database: str, master: MasterKey, settings: Settings) -> Iterator[Api]:
    """A running application of the test's own."""
    with projecting(database, master) as opened, running(opened, settings) as found:
        yield found


@pytest.fixture(scope="module")
def shared(
    postgres: EmbeddedPostgres, master: MasterKey, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Api]:
    """A running application for the tests of a module that change nothing, or mind nothing."""
    name = f"t_{uuid4().hex}"
    settings = Settings.from_env({"REDRESS_DATA_DIR": str(tmp_path_factory.mktemp("data"))})
    with psycopg.connect(postgres.conninfo(dbname="postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE redress_template")
        with (
            projecting(postgres.conninfo(dbname=name), master) as opened,
            running(opened, settings) as found,
        ):
            yield found
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def elsewhere(api: Api, settings: Settings) -> Callable[..., httpx.Response]:
    """Ask the same application from another machine."""
    app = create_app(settings, api.database)

    async def ask(path: str, headers: dict[str, str]) -> httpx.Response:
        transport = httpx.ASGITransport(app, client=("203.0.113.9", 4711))
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://redress.test") as client,
        ):
            return await client.get(path, headers=headers)

    def asked(path: str, role: str | None = None) -> httpx.Response:
        headers = {} if role is None else {"Authorization": f"Bearer {api.keys[role]}"}
        return api.run(ask(path, headers))  # type: ignore[no-any-return]

    return asked


@pytest.fixture
def soon() -> timedelta:
    """How far in the future a key expires that a test waits for."""
    return timedelta(seconds=1)


@pytest.fixture(scope="session")
def play() -> Callable[[str, MasterKey, Script], None]:
    """Play a demonstration into a database."""

    def perform(conninfo: str, master: MasterKey, script: Script) -> None:
        async def played() -> None:
            async with open_dispatcher(conninfo, master, zone=ZONE, cached=200) as dispatcher:
                await Play(script, dispatcher).perform(done=0, at_once=48, on_done=lambda _: None)

        asyncio.run(played())

    return perform
