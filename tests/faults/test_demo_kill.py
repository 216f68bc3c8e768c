"""kill -9 while a demonstration is played: it goes on, loses nothing and doubles nothing."""

import asyncio
import json
import random
import subprocess
import sys
import time
from collections import Counter
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest
from structlog.testing import capture_logs

from api.bootstrap import open_dispatcher
from api.embedded_postgres import EmbeddedPostgres
from application.demonstration import Play, Script
from application.eventstore.subject_keys import MasterKey
from tests.demonstration import ELSEWHERE, content, topics

UNTIL = date(2026, 3, 2)
SIZE, SIZE_AT_FULL_VOLUME = 200, 2000
KILLS, KILLS_AT_FULL_VOLUME = 2, 20
PATIENCE_SECONDS = 120.0


def played(conninfo: str, master: MasterKey, script: Script) -> None:
    """Play without an interruption."""

    async def perform() -> None:
        async with open_dispatcher(conninfo, master, zone=ZoneInfo("Asia/Shanghai")) as dispatcher:
            await Play(script, dispatcher).perform()

    with capture_logs():  # thousands of lines that nobody reads
        asyncio.run(perform())


def of_the_company(conninfo: str) -> Counter[str]:
    return Counter(
        {name: n for name, n in topics(conninfo).items() if not name.startswith(ELSEWHERE)}
    )


def events(deployment: Any) -> int:
    """Return how far it is; 0 as long as there is no database."""
    try:
        ((count,),) = deployment.rows("SELECT count(*) FROM log.stored_events")
    except (OSError, KeyError, ValueError, psycopg.Error):
        return 0
    return int(count)


def kill_at(deployment: Any, command: list[str], position: int, *, database: bool) -> bool:
    """Run the command until the log is that long, kill it; say whether it was still running.

    With the database, whose postmaster ends by itself once nobody uses it, and all that it runs.
    """
    with (deployment.folder / "err").open("ab") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", "api.cli.main", *command],
            env=deployment.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
        )
    until = time.monotonic() + PATIENCE_SECONDS
    while events(deployment) < position and process.poll() is None:
        assert time.monotonic() < until, deployment.errors()
        time.sleep(0.01)
    running = process.poll() is None
    if database and running:
        deployment.kill_postgres(backends=True)
    process.kill()
    process.wait(30)
    return running


@pytest.mark.acceptance
def test_a_demonstration_that_was_killed_is_as_if_it_never_was(
    deployment: Any, database: str, master: MasterKey, *, full_volume: bool
) -> None:
    seed = random.SystemRandom().randrange(1_000_000)
    chance = random.Random(seed)
    size = SIZE_AT_FULL_VOLUME if full_volume else SIZE
    kills = KILLS_AT_FULL_VOLUME if full_volume else KILLS
    played(database, master, Script(size, seed, UNTIL))
    expected = of_the_company(database)
    command = ["demo", "--size", str(size), "--seed", str(seed), "--until", str(UNTIL)]

    positions = sorted(int(expected.total() * chance.uniform(0.02, 0.95)) for _ in range(kills))
    killed = 0
    for position in positions:
        killed += kill_at(deployment, command, position, database=chance.random() < 1 / 3)
        print(f"seed {seed}: killed at {position} of {expected.total()}", flush=True)
    done = deployment.run(*command, "--json")
    assert done.returncode == 0, f"seed {seed}: {done.stderr}"

    assert killed >= kills - 1  # the last one may have come too late
    with EmbeddedPostgres(deployment.data):
        assert of_the_company(deployment.conninfo) == expected, f"seed {seed}"
        own = MasterKey.from_file(deployment.data / "keys" / "master.key")
        said = content(deployment.conninfo, own)
        assert said == content(database, master), f"seed {seed}"
        assert set(said.values()) == {1}
        issued = topics(deployment.conninfo)["api_key.issued"]
    assert issued == len(json.loads((deployment.data / "demo-keys.json").read_text()))
    assert json.loads(done.stdout)["complaints"] == size
    assert deployment.json(*command)["recorded"] == 0
