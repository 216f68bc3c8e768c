"""Playing a demonstration: events per second and peak memory of ``redress demo --size``.

Everything that a server does with a command happens, in a process of its own, on an embedded
PostgreSQL with fsync on: 20,000 complaints at scale 1, 100,000 at ``--scale 5``. Then the read
models are filled, and pages of complaints are asked for (``pages.py``).
"""

import gc
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from time import perf_counter, sleep
from typing import Any, LiteralString

import psycopg

from api.database import Database, open_database
from api.embedded_postgres import EmbeddedPostgres
from api.projecting import keep_read_models
from api.settings import Settings
from projections import PROJECTIONS
from tests.benchmarks import pages

_LAST: LiteralString = "SELECT max(notification_id) FROM log.stored_events"
_KNOWN: LiteralString = "SELECT count(*) FROM ops.projection_positions"
_BEHIND: LiteralString = "SELECT count(*) FROM ops.projection_positions WHERE position < %s"
_EXAMPLE: LiteralString = """
SELECT department, region, waybill FROM read.complaints
WHERE department IS NOT NULL AND region IS NOT NULL AND waybill IS NOT NULL AND open
ORDER BY received_at LIMIT 1
"""
_ROOT = Path(__file__).parents[2]
_COMPLAINTS = 20_000
_DEMO = """
import json, resource, sys
from api.cli.main import app
try:
    app(sys.argv[1:], standalone_mode=False)
except SystemExit:
    pass
print(json.dumps({"peak_kib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}))
"""


def _project(opened: Database) -> float:
    """Fill the read models; return the seconds that it took."""
    stop, collecting = threading.Event(), gc.get_threshold()
    projecting = threading.Thread(target=keep_read_models, args=(opened, stop.is_set))
    began = perf_counter()
    projecting.start()
    with psycopg.connect(opened.conninfo, autocommit=True) as connection:
        last = _one(connection, _LAST)[0]
        while _one(connection, _BEHIND, last)[0] or _one(connection, _KNOWN)[0] < len(PROJECTIONS):
            sleep(0.2)
        seconds = perf_counter() - began
        stop.set()
        connection.execute("SELECT pg_notify('redress_events', '0')")
        projecting.join()
        gc.set_threshold(*collecting)  # a projector's are no server's
        connection.execute("VACUUM ANALYZE")
    return seconds


def _one(connection: psycopg.Connection[Any], statement: LiteralString, *given: Any) -> Any:
    return connection.execute(statement, given).fetchone()


def report(scale: float) -> None:
    """Print the figures of a first run, and of a repetition that finds everything done."""
    print("\n## Demonstration: redress demo, its own process, embedded PostgreSQL, fsync on")
    directory = Path(tempfile.mkdtemp(prefix="redress-bench-demo-"))
    environment = os.environ | {"REDRESS_DATA_DIR": str(directory)}
    size = str(max(1, int(_COMPLAINTS * scale)))
    for what in ("first time", "again"):
        done = subprocess.run(
            [sys.executable, "-c", _DEMO, "demo", "--json", "--size", size, "--seed", "1"],
            env=environment, cwd=_ROOT, check=True, capture_output=True, text=True,
        )  # fmt: skip
        summary, memory = (json.loads(line) for line in done.stdout.splitlines()[-2:])
        print(f"{summary['complaints']:>7} complaints, {what:<10} {summary['recorded']:>8} events"
              f"  {summary['seconds']:7.1f} s  {summary['events_per_second']:6.0f} events/s"
              f"  peak {memory['peak_kib'] / 1024:5.0f} MiB")  # fmt: skip
    with open_database(Settings.from_env(environment)) as opened:
        seconds = _project(opened)
        with psycopg.connect(opened.conninfo) as connection:
            events, example = _one(connection, _LAST)[0], _one(connection, _EXAMPLE)
        print(f"{events / seconds:34.0f} events/s into all read models at once ({seconds:.0f} s)")
        pages.report(opened.conninfo, opened.master, example)
    EmbeddedPostgres(directory).destroy()
    shutil.rmtree(directory, ignore_errors=True)
