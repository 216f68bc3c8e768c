"""Importing a company's file; fresh clone to first answer; second start."""

import csv
import gzip
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

_ROOT = Path(__file__).parents[2]
_DATA = _ROOT.parent / "shared" / "data" / "olist_orders_3000.csv.gz"
_IMPORT = """
import json, resource, sys
from api.cli.main import app
try:
    app(sys.argv[1:], standalone_mode=False)
except SystemExit:
    pass
print(json.dumps({"peak_kib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}))
"""


def _repeated(target: Path, times: int) -> None:
    """Write the real file some times over, each time under other order ids and reviews."""
    with gzip.open(_DATA, "rt", encoding="utf-8", newline="") as source:
        reader = csv.DictReader(source)
        assert reader.fieldnames is not None
        rows = list(reader)
        with target.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, reader.fieldnames)
            writer.writeheader()
            for time in range(times):
                for row in rows:
                    changed = {"order_id": f"{row['order_id'][:28]}{time:04d}"}
                    writer.writerow(row | changed)


def report_import(_fresh: Callable[[], str], scale: float) -> None:
    """Print rows per second and peak memory for 3,000 and 90,000 rows, and for a repetition."""
    if not _DATA.exists():
        print("\n## Import: skipped, the trial data is not here")
        return
    print("\n## Import: redress import, its own process, embedded PostgreSQL, fsync on")
    for times in (1, max(1, int(30 * scale))):
        directory = Path(tempfile.mkdtemp(prefix="redress-bench-import-"))
        data = directory / "orders.csv"
        _repeated(data, times)
        environment = os.environ | {"REDRESS_DATA_DIR": str(directory / "data")}
        for what in ("first time", "again"):
            began = perf_counter()
            done = subprocess.run(
                [sys.executable, "-c", _IMPORT, "import", "--json", "--mapping",
                 str(_ROOT / "docs/import/olist.toml"), str(data)],
                env=environment, cwd=_ROOT, check=True, capture_output=True, text=True,
            )  # fmt: skip
            seconds = perf_counter() - began
            summary, memory = (json.loads(line) for line in done.stdout.splitlines()[-2:])
            rows = summary["rows_read"]
            peak = memory["peak_kib"] / 1024
            print(f"{rows:>7} rows, {what:<10} {seconds:7.1f} s  {rows / seconds:7.0f} rows/s"
                  f"  peak {peak:5.0f} MiB  imported {summary['imported']}")  # fmt: skip
        _remove(directory, environment)


def _remove(directory: Path, environment: dict[str, str]) -> None:
    code = (
        "import os; from pathlib import Path; from api.embedded_postgres import EmbeddedPostgres;"
        "EmbeddedPostgres(Path(os.environ['REDRESS_DATA_DIR'])).destroy()"
    )
    subprocess.run([sys.executable, "-c", code], env=environment, cwd=_ROOT, check=True)
    shutil.rmtree(directory, ignore_errors=True)


def _until_first_answer(command: list[str], environment: dict[str, str], cwd: Path) -> float:
    """Start, ask the health of the first address that is printed, stop; return the seconds."""
    began = perf_counter()
    process = subprocess.Popen(
        command, env=environment, cwd=cwd, stdout=subprocess.PIPE, text=True,
        stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        for line in process.stdout:
            found = re.search(r"http://\S+:\d+", line)
            if found:
                break
        else:
            raise RuntimeError("the server ended before it served")
        while True:
            try:
                with urllib.request.urlopen(f"{found.group()}/health/ready") as answer:
                    _: Any = answer.read()
                    return perf_counter() - began
            except OSError:
                continue
    finally:
        os.killpg(process.pid, signal.SIGINT)
        process.wait()


def report_start() -> None:
    """Print the time from a fresh clone to the first answer, and that of a second start."""
    print("\n## Starting")
    directory = Path(tempfile.mkdtemp(prefix="redress-bench-start-"))
    clone = directory / "clone"
    subprocess.run(["git", "clone", "-q", str(_ROOT), str(clone)], check=True)
    environment = {k: v for k, v in os.environ.items() if not k.startswith("REDRESS_")}
    environment |= {"REDRESS_PORT": "0"}
    seconds = _until_first_answer(["make", "run"], environment, clone)
    print(f"fresh clone, make run, first answer: {seconds:6.1f} s")
    seconds = _until_first_answer(["make", "run"], environment, clone)
    print(f"second start, first answer:          {seconds:6.2f} s")
    environment |= {"REDRESS_DATA_DIR": str(clone / ".redress")}
    _remove(directory, environment)
