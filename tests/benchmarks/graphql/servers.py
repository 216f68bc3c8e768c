"""The servers that are compared, each in a process of its own, on one database."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep
from typing import Final
from urllib.parse import urlencode

from psycopg.conninfo import conninfo_to_dict

from api.bootstrap import open_dispatcher
from api.database import open_database
from api.settings import Settings
from application.api_keys import IssueApiKey, make_key
from application.dispatch import Call
from application.permissions import Caller
from domain.roles import PersonId, Role
from tests.benchmarks.graphql.load import ROOT

_PATIENCE_SECONDS: Final = 60.0
_OPERATOR: Final = Caller("cli", PersonId("cli:0"), Role.OPERATOR)


def url_of(conninfo: str) -> str:
    """Return a connection string as the address that every client understands."""
    place = conninfo_to_dict(conninfo)
    name = place.pop("dbname")
    return f"postgresql:///{name}?{urlencode(place)}"


@contextmanager
def serving(
    command: list[str], environment: Mapping[str, str], port: int, path: str = "/"
) -> Iterator[int]:
    """Run a server until the end of the block; it has answered on ``path`` when that begins."""
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            command, cwd=ROOT, env=os.environ | dict(environment), start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=said, stderr=said,
        )  # fmt: skip
        try:
            deadline = monotonic() + _PATIENCE_SECONDS
            while not _answers(port, path):
                if process.poll() is not None or monotonic() > deadline:
                    said.seek(0)
                    raise RuntimeError(said.read().decode(errors="replace")[-2000:])
                sleep(0.1)
            yield port
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _answers(port: int, path: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5):
            return True
    except urllib.error.HTTPError as error:
        return error.code < 500
    except OSError:
        return False


def free_port() -> int:
    """Return a port that nobody uses now."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


@contextmanager
def peer(module: str, conninfo: str) -> Iterator[int]:
    """Serve the application of a module of this package with uvicorn, uvloop and httptools."""
    port = free_port()
    command = [
        sys.executable, "-m", "uvicorn", f"tests.benchmarks.graphql.{module}:app",
        "--port", str(port), "--loop", "uvloop", "--http", "httptools",
        "--log-level", "warning", "--no-access-log",
    ]  # fmt: skip
    with serving(command, {"BENCH_DATABASE": conninfo}, port) as served:
        yield served


@contextmanager
def redress(conninfo: str, data_dir: Path) -> Iterator[int]:
    """Serve the product as ``redress serve`` does, settings as they are shipped."""
    port = free_port()
    environment = _environment(conninfo, data_dir) | {"REDRESS_PORT": str(port)}
    command = [sys.executable, "-m", "api.cli.main", "serve"]
    with serving(command, environment, port, "/health/ready") as served:
        yield served


def _environment(conninfo: str, data_dir: Path) -> dict[str, str]:
    return {
        "REDRESS_DATABASE_URL": url_of(conninfo),
        "REDRESS_DATA_DIR": str(data_dir),
        "REDRESS_LOG_LEVEL": "WARNING",
    }


async def issue_keys(conninfo: str, data_dir: Path, role: Role, number: int) -> list[str]:
    """Issue API keys to as many holders of a role; return them."""
    settings = Settings.from_env(_environment(conninfo, data_dir))
    made = [make_key() for _ in range(number)]
    with open_database(settings) as opened:
        async with open_dispatcher(conninfo, opened.master, zone=settings.timezone) as door:
            for key in made:
                holder = PersonId(key.prefix)
                issue = IssueApiKey(prefix=key.prefix, digest=key.digest, role=role, holder=holder)
                await door.execute(issue, Call(caller=_OPERATOR))
    return [key.secret for key in made]
