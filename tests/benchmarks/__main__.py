"""``make bench``: all figures, ratios within one run; ``--only``, ``--scale`` shorten it."""

import argparse
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import psycopg

from api.embedded_postgres import EmbeddedPostgres
from application.eventstore.subject_keys import MasterKey
from migrations.upgrade import upgrade
from tests.benchmarks import (
    case_state,
    commands,
    compliance,
    demo,
    projections,
    satisfaction,
    stages,
    starting,
    subscriptions,
    timers,
)
from tests.benchmarks.graphql import mutations, reads

_PARTS = (
    "commands",
    "stages",
    "projections",
    "case_state",
    "satisfaction",
    "compliance",
    "graphql",
    "subscriptions",
    "mutations",
    "import",
    "timers",
    "demo",
    "start",
)


@contextmanager
def _databases() -> Iterator[Callable[[], str]]:
    """Give fresh migrated databases on a server of their own, with fsync on."""
    directory = Path(tempfile.mkdtemp(prefix="redress-bench-"))
    server = EmbeddedPostgres(directory, settings={"max_connections": "300"})
    with server:

        def fresh() -> str:
            name = f"b_{uuid4().hex}"
            with psycopg.connect(server.conninfo(dbname="postgres"), autocommit=True) as connection:
                connection.execute(f"CREATE DATABASE {name}")  # type: ignore[arg-type]
            upgrade(server.conninfo(dbname=name))
            return server.conninfo(dbname=name)

        yield fresh
    server.destroy()
    shutil.rmtree(directory, ignore_errors=True)


def main() -> None:
    """Run the suite and print its tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=_PARTS, action="append")
    parser.add_argument("--scale", type=float, default=1.0, help="size of the data, 1.0: full")
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    parts = chosen.only or _PARTS
    master = MasterKey(bytes(range(32)))
    with _databases() as fresh:
        if "commands" in parts:
            _print_commands(commands.measure(fresh, master, chosen.rounds, chosen.scale))
        if "stages" in parts:
            stages.report(fresh(), master)
        if "projections" in parts:
            projections.report(fresh(), master, chosen.scale)
        if "case_state" in parts:
            case_state.report(fresh(), master, chosen.scale)
        _figures(fresh, parts, chosen)
        _graphql(fresh, parts, chosen)
        if "subscriptions" in parts:
            subscriptions.report(fresh(), master, chosen.scale)
        if "import" in parts:
            starting.report_import(fresh, chosen.scale)
        if "timers" in parts:
            timers.report(fresh, master, chosen.scale)
    if "demo" in parts:
        demo.report(chosen.scale)
    if "start" in parts:
        starting.report_start()


def _figures(fresh: Callable[[], str], parts: Sequence[str], chosen: argparse.Namespace) -> None:
    if "satisfaction" in parts:
        satisfaction.report(fresh(), chosen.scale)
    if "compliance" in parts:
        compliance.report(fresh(), chosen.scale)


def _graphql(fresh: Callable[[], str], parts: Sequence[str], chosen: argparse.Namespace) -> None:
    if "graphql" in parts:
        reads.report(fresh(), chosen.scale, chosen.rounds)
    if "mutations" in parts:
        mutations.report(fresh, chosen.scale, chosen.rounds)


def _print_commands(measured: dict) -> None:  # type: ignore[type-arg]
    print("\n## Commands per second (p50 / p99 ms); ratio of the product to each")
    for operation, by_clients in measured.items():
        print(f"\n{operation:<10} {'clients':>8} {'product':>24} {'stock':>24} {'CRUD':>24}"
              "   x stock  x CRUD  p99/stock")  # fmt: skip
        for clients, by_name in by_clients.items():
            own, stock, crud = by_name["product"], by_name["stock"], by_name["crud"]
            cells = "".join(
                f" {f.rate:>9.0f} ({f.p50:5.1f}/{f.p99:6.1f})" for f in (own, stock, crud)
            )
            print(f"{'':<10} {clients:>8}{cells}   {own.rate / stock.rate:6.1f} "
                  f"{own.rate / crud.rate:7.1f}  1/{stock.p99 / own.p99:.1f}")  # fmt: skip


main()
