"""Projector processes for test_projections.py.

projector.py CONNINFO keep: keeps the read models until its standard input ends.
projector.py CONNINFO die SEED TIMES: that many times, a process that projects in batches of a few
events and kills itself, with SIGKILL, before or after one of its statements.
"""

import os
import random
import signal
import sys
from typing import Any

import psycopg

from api.bootstrap import as_role
from api.database import Database
from api.projecting import feed, keep_read_models, parent_is_gone
from application.eventstore.subject_keys import MasterKey, Unsealing
from projections import PROJECTIONS
from projections.engine import Projector, use_live_tables

BATCH_EVENTS = 20
STATEMENTS = 120


def die_at(statement: int, *, before: bool) -> None:
    """Let this process kill itself at its n-th statement."""
    execute = psycopg.Cursor.execute
    left = [statement]

    def counting(self: Any, *arguments: Any, **named: Any) -> Any:
        left[0] -= 1
        if not left[0] and before:
            os.kill(os.getpid(), signal.SIGKILL)
        answer = execute(self, *arguments, **named)
        if not left[0]:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    psycopg.Cursor.execute = counting  # type: ignore[method-assign]


def project_all(database: Database) -> None:
    """Project what there is, round by round as the real process does."""
    conninfo = as_role(database.conninfo, "redress_writer")
    with psycopg.connect(conninfo, autocommit=True) as connection:
        use_live_tables(connection)
        projector = Projector(
            connection, feed(database), Unsealing(database.master), batch_events=BATCH_EVENTS
        )
        moved = True
        while moved:
            moved = False
            for projection in PROJECTIONS.values():
                moved = bool(projector.advance(projection)) or moved


def main(conninfo: str, mode: str, *arguments: str) -> None:
    database = Database(conninfo, None, MasterKey(bytes(range(32))))
    if mode == "keep":
        gone = parent_is_gone()
        print("ready", flush=True)
        keep_read_models(database, gone.is_set)
        return
    chance, times = random.Random(arguments[0]), int(arguments[1])
    for _ in range(times):
        statement, before = chance.randrange(1, STATEMENTS), chance.random() < 0.5
        child = os.fork()
        if not child:
            signal.alarm(60)
            die_at(statement, before=before)
            project_all(database)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        assert not status or os.WTERMSIG(status) == signal.SIGKILL, status
        print("killed" if status else "finished", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
