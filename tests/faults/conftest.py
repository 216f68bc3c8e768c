"""Deployments that can be killed, and companies whose projectors can: what fault tests need."""

import asyncio
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

import psutil
import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from api.bootstrap import as_role, open_dispatcher
from api.database import Database
from api.embedded_postgres import EmbeddedPostgres
from api.projecting import feed, keep_read_models
from application.complaint_endings import CloseComplaint, RateHandling
from application.complaint_work import (
    AnswerComplaint,
    AssignComplaint,
    ProposeResolution,
    RegisterComplaint,
    StartInvestigation,
)
from application.complaints import ReceiveComplaint, ReceivedComplaint
from application.dispatch import Call, Dispatcher
from application.eventstore.subject_keys import MasterKey, Unsealing
from application.permissions import Caller
from application.shipments import RateDelivery, RecordDelivery, RecordMilestone
from domain.categories import Category
from domain.complaint_words import Channel, Measure, RuleSource
from domain.identifiers import waybill
from domain.rating import score
from domain.roles import PersonId, Role
from domain.shipment import Milestone, MilestoneKind
from projections import PROJECTIONS
from projections.engine import Projection, Projector, use_live_tables
from projections.rebuild import rebuild

REDRESS = (sys.executable, "-m", "api.cli.main")
START_SECONDS = 60.0
HERE = Path(__file__).parent
T = TypeVar("T")


class Deployment:
    """One data directory, what runs on it, and what can be done to it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.environment = {
            **{name: value for name, value in os.environ.items() if "REDRESS" not in name},
            "REDRESS_DATA_DIR": str(self.data),
            "REDRESS_PORT": "0",
            "REDRESS_LOG_LEVEL": "WARNING",
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        self.server: subprocess.Popen[bytes] | None = None
        self.started_in = 0.0

    # what a person can do

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a command of ``redress`` to its end."""
        return subprocess.run(
            [*REDRESS, *arguments],
            env={**self.environment, **environment},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def json(self, *arguments: str) -> Any:
        done = self.run(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def create_key(self, role: str = "front_desk") -> dict[str, str]:
        return self.json("keys", "create", "--role", role)

    def start(self, **environment: str) -> str:
        """Start the server; return its address once it says that it serves."""
        began = time.monotonic()
        out = self.folder / "out"
        with out.open("wb") as stdout, (self.folder / "err").open("ab") as stderr:
            self.server = subprocess.Popen(
                [*REDRESS, "serve"],
                env={**self.environment, **environment},
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
            )

        def address() -> str:
            assert self.server is not None
            assert self.server.poll() is None, self.errors()
            found = re.search(r"Redress serves on (\S+)", out.read_text())
            return found[1] if found else ""

        url = wait_for(address, START_SECONDS)
        self.started_in = time.monotonic() - began
        scratch = self.folder / "url.new"
        scratch.write_text(url)
        scratch.replace(self.folder / "url")
        return url

    def stop(self, signal_number: int = signal.SIGINT) -> int:
        assert self.server is not None
        self.server.send_signal(signal_number)
        return self.server.wait(60)

    def errors(self) -> str:
        return (self.folder / "err").read_text(errors="replace")

    # what happens to it

    def kill_server(self) -> None:
        assert self.server is not None
        self.server.kill()
        self.server.wait(30)

    def kill_child(self) -> int:
        child = self.child()
        child.kill()
        return child.pid

    def kill_postgres(self, *, backends: bool) -> int:
        """Kill the postmaster, perhaps with all of its processes."""
        postmaster = self.postmaster()
        victims = [postmaster, *(postmaster.children(recursive=True) if backends else [])]
        for victim in victims:
            with suppress(psutil.Error):
                victim.kill()
        return postmaster.pid

    def kill_backends(self) -> None:
        """Kill the processes of the clients only: PostgreSQL recovers by itself."""
        for process in self.postmaster().children():
            with suppress(psutil.Error):
                if "[local]" in " ".join(process.cmdline()):
                    process.kill()

    def child(self) -> psutil.Process:
        def found() -> psutil.Process | None:
            assert self.server is not None
            for process in psutil.Process(self.server.pid).children():
                with suppress(psutil.Error):
                    if "--supervised" in process.cmdline():
                        return process
            return None

        return wait_for(found, 30)

    def postmaster(self) -> psutil.Process:
        def found() -> psutil.Process | None:
            try:
                process = psutil.Process(
                    int((self.cluster / "postmaster.pid").read_text().split()[0])
                )
                return process if str(self.cluster) in process.cmdline() else None
            except (OSError, ValueError, IndexError, psutil.Error):
                return None

        return wait_for(found, 60)

    def processes(self) -> list[psutil.Process]:
        """Return what still runs on the data directory: server, child, PostgreSQL."""
        own = []
        for process in psutil.process_iter():
            try:
                if process.status() == psutil.STATUS_ZOMBIE:
                    continue
                told = process.environ().get("REDRESS_DATA_DIR") == str(self.data)
                command = process.cmdline()
            except psutil.Error:
                continue
            if told or str(self.cluster) in command:
                own.append(process)
        return own

    # what it holds

    @property
    def cluster(self) -> Path:
        try:
            state = json.loads((self.data / "postgres.json").read_text())
        except FileNotFoundError:
            return self.data / "postgres"
        return self.data / state["cluster"]

    @property
    def conninfo(self) -> str:
        """The connection string, from the files of the data directory alone."""
        state = json.loads((self.data / "postgres.json").read_text())
        return make_conninfo(host=state["socket_dir"], port=5432, dbname="redress", user="postgres")

    def rows(self, statement: Any, *parameters: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.conninfo) as connection:
            return connection.execute(statement, parameters).fetchall()

    def destroy(self) -> None:
        """End whatever is left and remove every trace."""
        for process in self.processes():
            with suppress(psutil.Error):
                process.kill()
                process.wait(10)
        if self.server is not None:
            self.server.wait(10)
        EmbeddedPostgres(self.data).destroy()
        shutil.rmtree(self.folder, ignore_errors=True)


def wait_for(found: Callable[[], T], seconds: float) -> T:
    """Ask until the answer is true."""
    until = time.monotonic() + seconds
    while not (answer := found()):
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.02)
    return answer


def read_models(conninfo: str) -> dict[str, list[str]]:
    """Return every row of every table of the read models, with all columns, as text."""
    with psycopg.connect(conninfo) as connection:
        tables = connection.execute(
            "SELECT schemaname, tablename FROM pg_tables"
            " WHERE schemaname IN ('read', 'read_personal') ORDER BY 1, 2"
        ).fetchall()
        return {
            f"{schema}.{table}": [
                row
                for (row,) in connection.execute(
                    sql.SQL("SELECT t::text FROM {} AS t ORDER BY t::text").format(
                        sql.Identifier(schema, table)
                    )
                )
            ]
            for schema, table in tables
        }


@pytest.fixture(name="read_models")
def _read_models() -> Callable[[str], dict[str, list[str]]]:
    return read_models


@pytest.fixture
def eventually() -> Callable[[Callable[[], T], float], T]:
    return wait_for


@pytest.fixture
def deployment() -> Iterator[Deployment]:
    """An empty data directory; nothing runs yet."""
    made = Deployment(Path(tempfile.mkdtemp(prefix="redress-faults-")))
    yield made
    made.destroy()


CALL = Call(caller=Caller("desk", PersonId("desk"), Role.FRONT_DESK))
CALL_BACK = Call(caller=Caller("agent", PersonId("agent"), Role.ACCOUNT_AGENT))
REACHED = """
SELECT count(*) FROM ops.projection_positions
WHERE position = (SELECT max(notification_id) FROM log.stored_events)
"""


def receive(number: int) -> ReceiveComplaint:
    return ReceiveComplaint(
        received=ReceivedComplaint(
            channel=Channel.PHONE,
            category=Category.LOSS,
            complainant=f"Customer {number}",
            subject=f"Parcel {number}",
            facts="It never came.",
        )
    )


async def case(dispatcher: Dispatcher, number: int) -> UUID:
    """Eight events of a complaint and three of a shipment."""
    complaint = (await dispatcher.execute(receive(number), CALL)).result
    code = waybill(f"KF-{number:06}")
    for command in (
        RegisterComplaint(complaint=complaint),
        RecordMilestone(waybill=code, milestone=Milestone(MilestoneKind.HUB_SCAN, "HUB")),
        AssignComplaint(complaint=complaint, department="HUB"),
        StartInvestigation(complaint=complaint),
        RecordDelivery(waybill=code),
        ProposeResolution(
            complaint=complaint,
            rule_source=RuleSource.COMPANY_RULE,
            rule="lost and found",
            measures=(Measure.REDELIVERY,),
            proposal=f"Bring {number} again.",
            feasibility="It was found.",
        ),
        AnswerComplaint(complaint=complaint, answer=f"Found {number}."),
        RateDelivery(waybill=code, reference="1", score=score(4), comment=f"Late {number}"),
        CloseComplaint(complaint=complaint),
    ):
        await dispatcher.execute(command, CALL)
    # Who worked on a case does not take down how it is rated.
    rate = RateHandling(complaint=complaint, score=score(2), comment=f"Slow {number}")
    await dispatcher.execute(rate, CALL_BACK)
    return complaint


class Company:
    """A database with a command side, projectors when asked for, and a look at all of it."""

    def __init__(self, database: str, master: MasterKey) -> None:
        self.conninfo = database
        self.master = master
        self.database = Database(database, None, master)
        self._count = 0

    def write(self, cases: int) -> list[UUID]:
        async def all_of_them() -> list[UUID]:
            async with open_dispatcher(
                self.conninfo, self.master, zone=ZoneInfo("UTC")
            ) as dispatcher:
                numbers = range(self._count, self._count + cases)
                self._count += cases
                return await asyncio.gather(*(case(dispatcher, number) for number in numbers))

        return asyncio.run(all_of_them())

    def rows(self, statement: Any, *parameters: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.conninfo, autocommit=True) as connection:
            return connection.execute(statement, parameters).fetchall()

    @contextmanager
    def projector(self, **options: Any) -> Iterator[Projector]:
        with psycopg.connect(
            as_role(self.conninfo, "redress_writer"), autocommit=True
        ) as connection:
            use_live_tables(connection)
            yield Projector(connection, feed(self.database), Unsealing(self.master), **options)

    def project(self, *projections: Projection, **options: Any) -> None:
        with self.projector(**options) as projector:
            for projection in projections or PROJECTIONS.values():
                while projector.advance(projection):
                    pass

    def rebuild(self, *projections: Projection, **options: Any) -> None:
        conninfo = as_role(self.conninfo, "redress_owner", statement_timeout_ms=0)
        with psycopg.connect(conninfo, autocommit=True) as connection:
            for projection in projections or PROJECTIONS.values():
                opener = Unsealing(self.master)
                rebuild(connection, projection, feed(self.database), opener, **options)

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Keep the read models from a thread."""
        stop = threading.Event()
        thread = threading.Thread(target=keep_read_models, args=(self.database, stop.is_set))
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join(30)
        assert not thread.is_alive()

    def caught_up(self) -> bool:
        return self.rows(REACHED) == [(len(PROJECTIONS),)]


@pytest.fixture
def company(database: str, master: MasterKey) -> Company:
    return Company(database, master)
