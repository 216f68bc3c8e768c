"""Timekeeper processes for test_timers_kill.py.

timekeeper.py CONNINFO SEED TIMES: that many times, a process that keeps the time and is killed with
SIGKILL, by us after a while or by itself before or after one of its statements; then one that works
until standard input ends.
"""

import os
import random
import sys
import time

from api.database import Database
from api.logs import configure_logging
from api.projecting import in_background, keeps_time, parent_is_gone
from api.settings import Settings
from application.eventstore.subject_keys import MasterKey
from tests.faults.notifier import lived


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
