"""kill -9 under load: what was acknowledged is there exactly once, and read models are right.

The clients (load.py) and the judge (checker.py) are programs of their own without product code.
"""

import json
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from projections import PROJECTIONS

HERE = Path(__file__).parent
CLIENTS = 8
ACKS_BETWEEN = 40
KILLS, KILLS_AT_FULL_VOLUME = 2, 20


class Load:
    """The clients, and what their journal tells so far."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder = folder
        self.journal = folder / "journal"
        self.process = subprocess.Popen(
            [sys.executable, HERE / "load.py", folder, str(CLIENTS), str(seed)]
        )

    def acks_since(self, moment: float) -> list[float]:
        """Return when commands were acknowledged after a moment."""
        if not self.journal.exists():
            return []
        times = []
        for line in reversed(self.journal.read_text(encoding="utf-8").splitlines(keepends=True)):
            if not line.endswith("\n"):
                continue
            told = json.loads(line)
            if told["at"] <= moment:
                break
            if told["what"] == "acked":
                times.append(told["at"])
        return times[::-1]

    def end(self) -> None:
        (self.folder / "stop").touch()
        assert self.process.wait(180) == 0


@contextmanager
def clients(folder: Path, seed: int) -> Iterator[Load]:
    load = Load(folder, seed)
    try:
        yield load
    finally:
        load.process.kill()
        load.process.wait(10)


def judge(deployment: Any) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, HERE / "checker.py", deployment.conninfo, deployment.folder / "journal"],
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def kill(deployment: Any, victim: str, chance: random.Random) -> None:
    if victim == "server":
        deployment.kill_server()
        deployment.start()
    elif victim == "child":
        killed = deployment.kill_child()
        while deployment.child().pid == killed:
            time.sleep(0.02)
    elif chance.random() < 1 / 3:  # PostgreSQL starts again by itself
        deployment.kill_backends()
    else:
        killed = deployment.kill_postgres(backends=chance.random() < 0.5)
        while deployment.postmaster().pid == killed:
            time.sleep(0.02)


@pytest.mark.acceptance
@pytest.mark.parametrize("victim", ["server", "child", "postgres"])
def test_acknowledged_commands_are_there_exactly_once(
    victim: str,
    deployment: Any,
    eventually: Callable[..., Any],
    read_models: Callable[[str], dict[str, list[str]]],
    *,
    full_volume: bool,
) -> None:
    seed = random.SystemRandom().randrange(1_000_000)
    chance = random.Random(seed)
    kills = KILLS_AT_FULL_VOLUME if full_volume else KILLS
    deployment.start()
    (deployment.folder / "key").write_text(deployment.create_key()["key"])
    with clients(deployment.folder, seed) as load:
        eventually(lambda: len(load.acks_since(0)) > ACKS_BETWEEN, 60)
        for number in range(kills):
            time.sleep(chance.uniform(0.05, 1.5))
            print(f"seed {seed}: {victim} killed, {number + 1} of {kills}", flush=True)
            kill(deployment, victim, chance)
            # Much is acknowledged after everything is there again: the next kill hits load.
            back = time.monotonic()
            eventually(lambda since=back: len(load.acks_since(since)) > ACKS_BETWEEN, 90)
        load.end()
        acks = load.acks_since(0)
    told = judge(deployment)
    assert told["faults"] == [], f"seed {seed}: {deployment.errors()[-3000:]}"
    figures = told["figures"]
    assert figures["acked"] > ACKS_BETWEEN * kills
    live = read_models(deployment.conninfo)
    rebuilt = deployment.json("rebuild", "all")["rebuilt"]
    assert {name: figures["position"] for name, figures in rebuilt.items()} == dict.fromkeys(
        PROJECTIONS, figures["events"]
    )
    assert read_models(deployment.conninfo) == live
    assert deployment.stop() == 0
    longest = max(later - earlier for earlier, later in pairwise(acks))
    print(f"{victim}: {kills} kills, {figures}, longest silence {longest:.2f} s")
