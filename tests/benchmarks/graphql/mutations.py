"""``receiveComplaint`` over HTTP, beside a hand-written endpoint that does CRUD with an audit row.

The product: API key, limits, idempotency row, encryption under a new person's key, event, and the
projector at work beside it. CRUD: two rows in one transaction. fsync is on for both.
"""

import asyncio
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from time import monotonic, sleep
from typing import Final, LiteralString

import orjson
import psycopg

from api.logs import configure_logging
from domain.roles import Role
from tests.benchmarks.graphql import servers
from tests.benchmarks.graphql.contenders import answer, posted
from tests.benchmarks.graphql.load import FRESH, Load, Plan, Request, generator, median_load, run

_CONNECTIONS: Final = (1, 16, 64)
_SECONDS: Final = 5.0
_KEYS: Final = 100
_PATIENCE_SECONDS: Final = 300.0
_RECEIVE: Final = """
mutation Receive($input: ReceiveComplaintInput!) {
  receiveComplaint(input: $input) { __typename ... on ComplaintPayload { position } }
}
"""
_GIVEN: Final = {
    "channel": "PHONE",
    "category": "DELAY",
    "complainant": "王小明",
    "contact": "13800138000",
    "subject": "包裹晚到",
    "facts": "承诺周一送达，周四才到",
    "request": "退运费",
}
_CRUD: Final[LiteralString] = """
CREATE SCHEMA crud;
CREATE TABLE crud.complaints (
    id uuid PRIMARY KEY, state text NOT NULL, body jsonb NOT NULL, received_at timestamptz NOT NULL
);
CREATE TABLE crud.audit (
    id bigserial PRIMARY KEY, complaint uuid NOT NULL, actor text NOT NULL, action text NOT NULL,
    at timestamptz NOT NULL, detail jsonb NOT NULL
);
CREATE INDEX ON crud.audit (complaint);
"""
_STORED: Final[LiteralString] = """
SELECT count(*) FROM log.stored_events WHERE topic = 'complaint.received'
"""


def report(fresh: Callable[[], str], scale: float, rounds: int) -> None:
    """Print the figures."""
    configure_logging("WARNING")
    seconds = max(1.0, _SECONDS * min(1.0, scale))
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="redress-gql-")))
        own, crud = fresh(), fresh()
        with psycopg.connect(crud, autocommit=True) as connection:
            connection.execute(_CRUD)
        keys = asyncio.run(servers.issue_keys(own, directory, Role.FRONT_DESK, _KEYS))
        asked = {
            "redress": (
                stack.enter_context(servers.redress(own, directory)),
                tuple(
                    posted(_RECEIVE, {"input": _GIVEN}, key, Idempotency_Key=FRESH) for key in keys
                ),
            ),
            "FastAPI, CRUD": (
                stack.enter_context(servers.peer("endpoints", crud)),
                (
                    Request(
                        "POST",
                        "/complaints",
                        {"Content-Type": "application/json"},
                        orjson.dumps(_GIVEN).decode(),
                    ),
                ),
            ),
        }
        for port, requests in asked.values():
            answer(port, requests[0])
        own_loads, medians = _measure(asked, seconds, rounds)
        answered = sum(load.figures.rate * seconds - load.errors for load in own_loads)
        with psycopg.connect(own) as connection:
            row = connection.execute(_STORED).fetchone()
    if row is None or row[0] < answered:
        raise RuntimeError(f"{answered:.0f} answers, but only {row} complaints in the log")
    _print(medians)


def _measure(
    asked: dict[str, tuple[int, tuple[Request, ...]]], seconds: float, rounds: int
) -> tuple[list[Load], dict[int, dict[str, Load]]]:
    """Return each load of the product, and the medians of all by connections and name."""
    runs: dict[int, dict[str, list[Load]]] = {}
    own: list[Load] = []
    for turn in range(rounds):
        names = list(asked) if turn % 2 == 0 else list(reversed(asked))
        for connections in _CONNECTIONS:
            by_name = runs.setdefault(connections, {name: [] for name in asked})
            for name in names:
                port, requests = asked[name]
                plan = Plan(connections, seconds / 4, seconds, port=port, requests=requests)
                by_name[name].append(run(plan))
                if name == "redress":
                    own.append(by_name[name][-1])
                    _wait_for_read_models(port)
    return own, {
        connections: {name: median_load(loads) for name, loads in by_name.items()}
        for connections, by_name in runs.items()
    }


def _wait_for_read_models(port: int) -> None:
    """Wait until nothing is left to do for the projector, which would take from the next run."""
    deadline = monotonic() + _PATIENCE_SECONDS
    while any(_lags(port)):
        if monotonic() > deadline:
            raise RuntimeError("the read models do not keep up")
        sleep(0.2)


def _lags(port: int) -> list[int]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health/ready") as answered:
            said = answered.read()
    except urllib.error.HTTPError as late:  # not ready: the lag says why
        said = late.read()
    return list(orjson.loads(said)["lag_events"].values())


def _print(measured: dict[int, dict[str, Load]]) -> None:
    print(f"\n## receiveComplaint over HTTP, beside CRUD with an audit row; load by {generator()}")
    print(f"{'connections':>11}  {'':<14} {'requests/s':>10} {'p50 ms':>8} {'p99 ms':>8}"
          f" {'errors':>7}   redress is")  # fmt: skip
    for connections, by_name in measured.items():
        own = by_name["redress"].figures
        for name, load in by_name.items():
            f = load.figures
            ratio = f"x {own.rate / f.rate:.2f}" if f.rate else "–"
            print(f"{connections:>11}  {name:<14} {f.rate:>10.1f} {f.p50:>8.2f} {f.p99:>8.2f}"
                  f" {load.errors:>7}   {ratio:>10}")  # fmt: skip
