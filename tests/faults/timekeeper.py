"""Timekeeper processes for test_timers_kill.py.

timekeeper.py CONNINFO SEED TIMES: that many times, a process that keeps the time and is killed with
SIGKILL, by us after a while or by itself before or after one of its statements; then one that works
until standard input ends.
"""

import os
import random
import signal
import sys
import time

from api.database import Database
from api.logs import configure_logging
from api.projecting import Background, in_background, keeps_time, parent_is_gone
from api.settings import Settings
from application.eventstore.subject_keys import MasterKey
from tests.faults.notifier import die_at

LONGEST_LIFE = 1.2
STATEMENTS = 120


def lived(database: Database, work: Background, chance: random.Random) -> float:
    """Let one process work until it is killed; return how long it lived."""
    by_itself, statement = chance.random() < 0.5, chance.randrange(1, STATEMENTS)
    before, life = chance.random() < 0.5, chance.uniform(0.3, LONGEST_LIFE)
    began = time.monotonic()
    child = os.fork()
    if not child:
        signal.alarm(60)
        if by_itself:
            die_at(statement, before=before)
        with in_background("timers", database, work, lambda: False):
            time.sleep(60)
        os._exit(1)
    until = began + (5.0 if by_itself else life)
    while time.monotonic() < until:
        if os.waitpid(child, os.WNOHANG) != (0, 0):
            return time.monotonic() - began
        time.sleep(0.005)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return time.monotonic() - began


def main(conninfo: str, seed: str, times: str) -> None:
    database = Database(conninfo, None, MasterKey(bytes(range(32))))
    work = keeps_time(Settings.from_env({}))
    configure_logging("ERROR")  # nobody reads on when the last one works
    chance = random.Random(seed)
    for _ in range(int(times)):
        print(f"killed after {lived(database, work, chance):.2f} s", flush=True)
    gone = parent_is_gone()
    with in_background("timers", database, work, gone.is_set):
        print("the last one works", flush=True)
        gone.wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
