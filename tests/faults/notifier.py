"""Notifier processes for test_notices_kill.py.

notifier.py CONNINFO DATA_DIR SMTP_URL SEED TIMES: that many times, a process that sends notices and
is killed with SIGKILL, by us after a while or by itself before or after one of its statements; then
one that works until standard input ends.
"""

import os
import random
import signal
import sys
import time
from pathlib import Path
from typing import Any

import psycopg

from api.database import Database
from api.logs import configure_logging
from api.projecting import in_background, parent_is_gone, sends_notices
from api.settings import Settings
from application.eventstore.subject_keys import MasterKey

LONGEST_LIFE = 0.8
STATEMENTS = 150


def die_at(statement: int, *, before: bool) -> None:
    """Let this process kill itself at its n-th statement."""
    execute = psycopg.AsyncCursor.execute
    left = [statement]

    async def counting(self: Any, *arguments: Any, **named: Any) -> Any:
        left[0] -= 1
        last = not left[0]
        if last and before:
            os.kill(os.getpid(), signal.SIGKILL)
        answer = await execute(self, *arguments, **named)
        if last:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    psycopg.AsyncCursor.execute = counting  # type: ignore[method-assign]


def lived(database: Database, settings: Settings, chance: random.Random) -> float:
    """Let one process work until it is killed; return how long it lived."""
    by_itself, statement = chance.random() < 0.5, chance.randrange(1, STATEMENTS)
    before, life = chance.random() < 0.5, chance.uniform(0.05, LONGEST_LIFE)
    began = time.monotonic()
    child = os.fork()
    if not child:
        signal.alarm(60)
        if by_itself:
            die_at(statement, before=before)
        with in_background("notices", database, sends_notices(settings), lambda: False):
            time.sleep(60)
        os._exit(1)
    if by_itself:
        until = began + 5.0
        while time.monotonic() < until and os.waitpid(child, os.WNOHANG) == (0, 0):
            time.sleep(0.005)
        if time.monotonic() < until:
            return time.monotonic() - began
    else:
        time.sleep(life)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return time.monotonic() - began


def main(conninfo: str, data_dir: str, smtp_url: str, seed: str, times: str) -> None:
    database = Database(conninfo, None, MasterKey(bytes(range(32))))
    settings = Settings.from_env(
        {
            "REDRESS_DATA_DIR": data_dir,
            "REDRESS_SMTP_URL": smtp_url,
            "REDRESS_NOTICES_FROM": "care@courier.example",
        }
    )
    assert Path(data_dir).is_dir()
    configure_logging("ERROR")  # nobody reads on when the last one works
    chance = random.Random(seed)
    for _ in range(int(times)):
        print(f"killed after {lived(database, settings, chance):.2f} s", flush=True)
    gone = parent_is_gone()
    with in_background("notices", database, sends_notices(settings), gone.is_set):
        print("the last one works", flush=True)
        gone.wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
