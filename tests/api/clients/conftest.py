"""A real server for the clients of other people, and the environments that these live in."""

import asyncio
import fcntl
import json
import re
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from time import monotonic, sleep
from typing import Any
from uuid import uuid4

import pytest
import uvicorn
from graphql import DocumentNode, GraphQLInterfaceType, OperationDefinitionNode, parse, print_ast

from api.app import create_app
from api.endpoint.execution import ServiceLimits
from api.graphql.schema import schema
from api.limits.trusted import TrustedDocuments
from api.settings import Settings
from tests.api.conftest import complaint_input

HERE = Path(__file__).parent
LOCKS = HERE.parents[2] / ".ci" / "clients"
ENVIRONMENTS = Path(sys.prefix) / "clients"
OPERATIONS = {
    node.name.value: DocumentNode(definitions=(node,))
    for node in parse((HERE / "operations.graphql").read_text("utf-8")).definitions
    if isinstance(node, OperationDefinitionNode) and node.name is not None
}
"""Every operation is a document of its own, as clients send it."""
PERSISTED = print_ast(OPERATIONS["Viewer"])
PAGE_SIZE = 2
COMPLAINTS = 5
UNREACHABLE = re.compile(
    r"ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|ERR_SOCKET_TIMEOUT"
    r"|dns error|Connection refused|Network is unreachable|timed out"
)


@dataclass(frozen=True)
class Partner:
    """What a partner is given: an address and a key."""

    url: str
    key: str

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"}

    @property
    def stream_url(self) -> str:
        return self.url.replace("http", "ws", 1)


@pytest.fixture(scope="module")
def partner(shared: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Partner]:
    """A server on a free port that knows one document by its hash."""
    settings = Settings.from_env({"REDRESS_DATA_DIR": str(tmp_path_factory.mktemp("serving"))})
    trusted = TrustedDocuments({sha256(PERSISTED.encode()).hexdigest(): PERSISTED})
    app = create_app(settings, shared.database, limits=ServiceLimits(trusted=trusted))
    config = uvicorn.Config(app, log_config=None, access_log=False, ws="websockets-sansio")
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as opened:
        thread = threading.Thread(target=lambda: asyncio.run(server.serve([opened])))
        thread.start()
        deadline = monotonic() + 10
        while not server.started:
            assert thread.is_alive()
            assert monotonic() < deadline
            sleep(0.01)
        yield Partner(f"http://127.0.0.1:{opened.getsockname()[1]}/graphql", shared.keys["partner"])
        server.should_exit = True
        thread.join(10)
        assert not thread.is_alive()


@dataclass(frozen=True)
class Scenario:
    """What a client does, and what must come of it."""

    region: str
    inputs: list[dict[str, Any]]

    def check(self, told: dict[str, Any]) -> None:
        """Judge what a client tells of its run."""
        assert told["viewer"]["role"] == "PARTNER"
        received = told["received"]
        assert [answer["__typename"] for answer in received] == ["ComplaintPayload"] * COMPLAINTS
        assert told["again"]["complaint"]["number"] == received[0]["complaint"]["number"]
        assert told["reused"]["code"] == "IDEMPOTENCY_KEY_REUSED"
        assert told["invalid"]["__typename"] == "InvalidValue"
        assert told["invalid"]["code"] == "INVALID_VALUE"
        assert re.search("[\u4e00-\u9fff]", told["invalid"]["message"])
        pages = told["pages"]
        assert [len(numbers) for numbers in pages] == [2, 2, 1]
        numbers = [answer["complaint"]["number"] for answer in received]
        assert [number for page in pages for number in page] == sorted(numbers)
        assert told["noKey"] == "UNAUTHENTICATED"
        assert told["unknownField"]
        steps = told.get("steps", ["complaint.received", "complaint.withdrawn"])
        assert steps == ["complaint.received", "complaint.withdrawn"]


@pytest.fixture
def scenario() -> Scenario:
    region = f"r-{uuid4().hex[:8]}"
    return Scenario(region, [complaint_input(region=region) for _ in range(COMPLAINTS)])


def possible_types() -> dict[str, list[str]]:
    """Return which types an interface or a union may be, as Apollo's cache wants to know it."""
    found = schema._schema
    return {
        name: [possible.name for possible in found.get_possible_types(kind)]
        for name, kind in found.type_map.items()
        if isinstance(kind, GraphQLInterfaceType)
    }


@pytest.fixture(scope="session")
def node() -> Callable[..., Any]:
    """Run one of the scripts beside this file with what it is told, and return what it tells."""
    program, npm = shutil.which("node"), shutil.which("npm")
    if program is None or npm is None:
        pytest.skip("there is no node, or no npm")
    folder = installed(
        "node",
        ["package.json", "package-lock.json"],
        lambda path: [[npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", path]],
    )

    def perform(script: str, told: dict[str, Any]) -> Any:
        copied = shutil.copy(HERE / script, folder)
        done = subprocess.run(
            [program, copied],
            input=json.dumps(told),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr + done.stdout
        return json.loads(done.stdout)

    return perform


@pytest.fixture(scope="session")
def codegen() -> Path:
    """The Python of an environment with the code generator, which needs an older graphql-core."""
    uv = Path(sys.prefix) / "bin" / "uv"
    return (
        installed(
            "codegen",
            ["requirements.txt"],
            lambda path: [
                [uv, "venv", "--quiet", "--allow-existing", "--python", sys.executable, path],
                [
                    *(uv, "pip", "sync", "--quiet", "--require-hashes"),
                    *("--python", f"{path}/bin/python", LOCKS / "requirements.txt"),
                ],
            ],
        )
        / "bin"
    )


def installed(kind: str, locks: list[str], orders: Callable[[str], list[list[str | Path]]]) -> Path:
    """Return the environment of these lock files; made once, and again when they change.

    Skips only where no package index can be reached.
    """
    locked = [(LOCKS / name).read_bytes() for name in locks]
    folder = ENVIRONMENTS / f"{kind}-{sha256(b''.join(locked)).hexdigest()[:16]}"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # tests run in several processes
        done = folder / "installed"
        if not done.exists():
            for name, content in zip(locks, locked, strict=True):
                (folder / name).write_bytes(content)
            for order in orders(str(folder)):
                install(order)
            done.touch()
    return folder


def install(order: list[str | Path]) -> None:
    told = subprocess.run(order, capture_output=True, text=True, timeout=180, check=False)
    if told.returncode != 0:
        if UNREACHABLE.search(told.stderr):
            pytest.skip("no package index can be reached")
        pytest.fail(told.stderr)
