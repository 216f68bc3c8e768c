"""Questions over GraphQL: the product with all its checks, beside those who check nothing.

100,000 complaints at scale 1. Every contender has its own process, all the same database; before
anything is measured, their answers to the same questions are found to hold the same rows.
"""

import asyncio
import tempfile
from contextlib import ExitStack
from itertools import zip_longest
from pathlib import Path
from typing import Final
from uuid import UUID

from api.logs import configure_logging
from domain.roles import Role
from tests.benchmarks.graphql import checks, contenders, postgraphile, rows, servers
from tests.benchmarks.graphql.contenders import QUESTIONS, Contender
from tests.benchmarks.graphql.load import Load, Plan, generator, median_load

_COMPLAINTS: Final = 100_000
_CONNECTIONS: Final = (1, 16)
_SECONDS: Final = 5.0
_VARIANTS: Final = 100


def report(conninfo: str, scale: float, rounds: int) -> None:
    """Print the figures."""
    configure_logging("WARNING")
    number = max(1000, int(_COMPLAINTS * scale))
    cases = rows.fill(conninfo, number)
    print(f"\n## GraphQL: {number} complaints, {rows.EVIDENCE * number} pieces of evidence,"
          f" {rows.ENTRIES * number} entries; load by {generator()}")  # fmt: skip
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="redress-gql-")))
        keys = asyncio.run(
            servers.issue_keys(conninfo, directory / "data", Role.AUDITOR, _VARIANTS)
        )
        asked = _contenders(stack, conninfo, directory, keys, cases)
        for question in QUESTIONS:
            _agree(asked, question)
        measured = _measure(asked, max(1.0, _SECONDS * min(1.0, scale)), rounds)
    _print(measured)
    checks.report(conninfo, keys[0], cases[0], scale)


def _contenders(
    stack: ExitStack, conninfo: str, directory: Path, keys: list[str], cases: list[UUID]
) -> list[Contender]:
    found = contenders.places(conninfo, _VARIANTS)
    port = stack.enter_context(servers.redress(conninfo, directory / "data"))
    asked: list[Contender] = [contenders.redress(port, keys, found, cases)]
    port = stack.enter_context(servers.peer("stock", conninfo))
    asked.append(contenders.stock(port, found, cases))
    port = stack.enter_context(servers.peer("endpoints", conninfo))
    asked.append(contenders.endpoints(port, found, cases))
    if postgraphile.installable():
        port = stack.enter_context(postgraphile.postgraphile(conninfo, directory / "npm"))
        asked.append(contenders.by_postgraphile(port, found, cases))
    else:
        print("PostGraphile is left out: it needs node and npm")
    return [*asked, contenders.Driver(conninfo, found, cases)]


def _agree(asked: list[Contender], question: str) -> None:
    """See to it that all tell the same rows in the same order, variant by variant."""
    for number, said in enumerate(zip_longest(*(one.answers(question) for one in asked))):
        expected, *others = map(contenders.told, said)
        for one, found in zip(asked[1:], others, strict=True):
            if found != expected or not found:
                raise RuntimeError(
                    f"{question} {number}: {one.name} tells other rows than {asked[0].name}"
                )


def _measure(
    asked: list[Contender], seconds: float, rounds: int
) -> dict[tuple[str, int], dict[str, Load]]:
    runs: dict[tuple[str, int], dict[str, list[Load]]] = {}
    for turn in range(rounds):
        shift = turn % len(asked)
        for question in QUESTIONS:
            for connections in _CONNECTIONS:
                plan = Plan(connections, seconds / 4, seconds)
                by_name = runs.setdefault((question, connections), {one.name: [] for one in asked})
                for one in asked[shift:] + asked[:shift]:
                    by_name[one.name].append(one.measure(question, plan))
    return {
        measured: {name: median_load(loads) for name, loads in by_name.items()}
        for measured, by_name in runs.items()
    }


def _print(measured: dict[tuple[str, int], dict[str, Load]]) -> None:
    for (question, connections), by_name in measured.items():
        print(f"\n{QUESTIONS[question]}; connections: {connections}")
        print(f"{'':<24} {'requests/s':>10} {'p50 ms':>8} {'p99 ms':>8} {'KB':>7} {'errors':>7}"
              "   redress is")  # fmt: skip
        own = next(iter(by_name.values()))
        for name, load in by_name.items():
            f = load.figures
            ratio = f"x {own.figures.rate / f.rate:.2f}" if f.rate else "–"
            print(f"{name:<24} {f.rate:>10.1f} {f.p50:>8.2f} {f.p99:>8.2f}"
                  f" {load.size / 1000:>7.1f} {load.errors:>7}   {ratio:>10}")  # fmt: skip
