"""Load from a process of its own: wrk where it is installed, else clients on asyncio.

``run`` gives a plan to such a process; ``python -m tests.benchmarks.graphql.load`` is that process,
for HTTP and, to show what PostgreSQL and its driver alone would do, for plain SQL.
"""

import asyncio
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import count
from pathlib import Path
from time import perf_counter
from typing import Any, Final
from uuid import uuid4

from psycopg import AsyncConnection

from tests.benchmarks.graphql.statements import give_bytes
from tests.benchmarks.timing import Figures, figures, median

ROOT: Final = Path(__file__).parents[3]
FRESH: Final = "0" * 32
"""Stands in a request for a key that no request had before."""
_WRK: Final = shutil.which("wrk")
_HEADERS_END: Final = b"\r\n\r\n"


@dataclass(frozen=True)
class Request:
    """What a client sends."""

    method: str
    path: str
    headers: dict[str, str]
    body: str = ""


@dataclass(frozen=True)
class Plan:
    """How long how many connections repeat which requests, or a statement, in turn."""

    connections: int
    warmup: float
    seconds: float
    port: int = 0
    requests: tuple[Request, ...] = ()
    conninfo: str = ""
    statement: str = ""
    parameters: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True)
class Load:
    """What came of a plan: figures, bytes of an answer, answers that were none."""

    figures: Figures
    size: float
    errors: int


def median_load(runs: list[Load]) -> Load:
    """Return the median of each figure, and all errors."""
    return Load(
        median([run.figures for run in runs]),
        statistics.median(run.size for run in runs),
        sum(run.errors for run in runs),
    )


def run(plan: Plan) -> Load:
    """Carry out a plan in another process."""
    if _WRK and not plan.statement:
        return _by_wrk(plan)
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.graphql.load"],
        cwd=ROOT, check=True, stdout=subprocess.PIPE, input=json.dumps(asdict(plan)), text=True,
    )  # fmt: skip
    told = json.loads(done.stdout)
    return Load(Figures(**told["figures"]), told["size"], told["errors"])


def generator() -> str:
    """Name what makes the load."""
    return "wrk" if _WRK else "asyncio clients"


# wrk

_LUA: Final = """
local requests = {}
local sent = 0
local own = "00000000"
local threads = 0
local fresh = "@FRESH@"
function setup(thread) threads = threads + 1; thread:set("number", threads) end
function init(args) own = args[1] .. string.format("%04x", number); @REQUESTS@ end
function request()
  sent = sent + 1
  local chosen = requests[sent % #requests + 1]
  local at = string.find(chosen, fresh, 1, true)
  if not at then return chosen end
  return string.sub(chosen, 1, at - 1) .. own .. string.format("%020x", sent)
    .. string.sub(chosen, at + #fresh)
end
function done(summary, latency)
  local e = summary.errors
  io.write(string.format('\\n{"rate": %f, "p50": %f, "p99": %f, "size": %f, "errors": %d}\\n',
    summary.requests / summary.duration * 1e6, latency:percentile(50) / 1000,
    latency:percentile(99) / 1000, summary.bytes / math.max(1, summary.requests),
    e.connect + e.read + e.write + e.status + e.timeout))
end
"""


def _by_wrk(plan: Plan) -> Load:
    assert _WRK is not None
    made = "; ".join(
        f"requests[{number}] = wrk.format({', '.join(map(_lua, (r.method, r.path)))},"
        f" {{{', '.join(f'[ {_lua(k)} ] = {_lua(v)}' for k, v in r.headers.items())}}},"
        f" {_lua(r.body) if r.body else 'nil'})"
        for number, r in enumerate(plan.requests, 1)
    )
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(_LUA.replace("@FRESH@", FRESH).replace("@REQUESTS@", made))
        script.flush()
        for seconds in (plan.warmup, plan.seconds):
            done = subprocess.run(
                [_WRK, "-t1", f"-c{plan.connections}", f"-d{max(1, round(seconds))}s",
                 "--timeout", "30s", "-s", script.name, f"http://127.0.0.1:{plan.port}",
                 "--", uuid4().hex[:8]],
                check=True, capture_output=True, text=True,
            )  # fmt: skip
    told = json.loads(done.stdout.strip().splitlines()[-1])
    return Load(Figures(told["rate"], told["p50"], told["p99"]), told["size"], told["errors"])


def _lua(text: str) -> str:
    assert "]==]" not in text
    return f"[==[{text}]==]"


# Clients on asyncio

_Ask = Callable[[], Awaitable[tuple[bool, int]]]
"""Sends the next question; returns whether it was answered, and the answer's bytes."""


async def _drive(plan: Plan, clients: Sequence[_Ask]) -> Load:
    """Let clients ask for as long as planned; what ends before the warm-up did is not counted."""
    begin = perf_counter() + plan.warmup
    end = begin + plan.seconds
    latencies: list[float] = []
    sizes: list[int] = []
    errors = 0

    async def client(ask: _Ask) -> None:
        nonlocal errors
        before = perf_counter()
        while before < end:
            good, size = await ask()
            after = perf_counter()
            if begin <= after <= end:
                errors += not good
                latencies.append(after - before)
                sizes.append(size)
            before = after

    await asyncio.gather(*map(client, clients))
    measured = figures(plan.seconds, latencies or [plan.seconds])
    if not latencies:
        measured = replace(measured, rate=0.0)
    return Load(measured, statistics.fmean(sizes or [0]), errors)


async def _over_http(plan: Plan) -> Load:
    own, numbers = uuid4().hex[:12], count()
    sent = [_encoded(request, plan.port) for request in plan.requests]
    clients, writers = [], []
    for number in range(plan.connections):
        reader, writer = await asyncio.open_connection("127.0.0.1", plan.port, limit=2**20)
        writers.append(writer)
        turn = count(number * len(sent) // plan.connections)

        async def ask(
            reader: asyncio.StreamReader = reader,
            writer: asyncio.StreamWriter = writer,
            turn: "count[int]" = turn,
        ) -> tuple[bool, int]:
            request = sent[next(turn) % len(sent)]
            fresh = f"{own}{next(numbers):020x}"
            writer.write(request.replace(FRESH.encode(), fresh.encode(), 1))
            head = (await reader.readuntil(_HEADERS_END)).lower()
            _, _, rest = head.partition(b"content-length:")
            body = await reader.readexactly(int(rest.partition(b"\r\n")[0]))
            return head[9:10] == b"2" and b'"errors":' not in body, len(head) + len(body)

        clients.append(ask)
    measured = await _drive(plan, clients)
    for writer in writers:
        writer.close()
    return measured


def _encoded(request: Request, port: int) -> bytes:
    body = request.body.encode()
    headers = {"Host": f"127.0.0.1:{port}", "Content-Length": str(len(body))} | request.headers
    lines = [f"{request.method} {request.path} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + _HEADERS_END + body


async def _over_sql(plan: Plan) -> Load:
    clients, opened = [], []
    for number in range(plan.connections):
        connection = await AsyncConnection.connect(plan.conninfo)
        await give_bytes(connection)
        opened.append(connection)
        turn = count(number * len(plan.parameters) // plan.connections)

        async def ask(
            connection: AsyncConnection[Any] = connection, turn: "count[int]" = turn
        ) -> tuple[bool, int]:
            given = plan.parameters[next(turn) % len(plan.parameters)]
            row = await (await connection.execute(plan.statement, given)).fetchone()
            return row is not None, len(row[0]) if row else 0

        clients.append(ask)
    measured = await _drive(plan, clients)
    for connection in opened:
        await connection.close()
    return measured


def _main() -> None:
    import uvloop  # noqa: PLC0415

    told = json.load(sys.stdin)
    told["requests"] = [Request(**request) for request in told["requests"]]
    plan = Plan(**told)
    measured = uvloop.run(_over_sql(plan) if plan.statement else _over_http(plan))
    print(json.dumps(asdict(measured)))


if __name__ == "__main__":
    _main()
