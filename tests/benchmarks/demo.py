"""Playing a demonstration: events per second and peak memory of ``redress demo --size``.

Everything that a server does with a command happens, in a process of its own, on an embedded
PostgreSQL with fsync on: 20,000 complaints at scale 1, 100,000 at ``--scale 5``.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from api.embedded_postgres import EmbeddedPostgres

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
    EmbeddedPostgres(directory).destroy()
    shutil.rmtree(directory, ignore_errors=True)
