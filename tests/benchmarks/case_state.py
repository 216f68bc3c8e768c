"""A case as it stood: milliseconds of ``caseState`` for a short case and for a very long one."""

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import httpx
import psycopg

from api.app import create_app
from api.bootstrap import keep_what_is_loaded, open_event_store, utc_now
from api.case_state import Moment, case_at
from api.database import Database
from api.logs import configure_logging
from api.settings import Settings
from application.api_keys import IssueApiKey, make_key
from application.complaint_work import AssignComplaint, RegisterComplaint
from application.complaints import ReceiveComplaint
from application.dispatch import Call, Dispatcher
from application.eventstore.subject_keys import MasterKey
from application.permissions import Caller
from domain.roles import PersonId, Role
from tests.benchmarks.commands import _CALLER, _RECEIVED
from tests.benchmarks.timing import Figures, drive

_OTHERS = 200_000
_SIZES = (10, 1000)
_OPERATOR = Caller("cli", PersonId("cli:0"), Role.OPERATOR)
# Events of other cases: nobody reads them, they are only in the way.
_INSERT_OTHERS = """
INSERT INTO log.stored_events
    (originator_id, originator_version, topic, state, notification_id, recorded_at)
SELECT gen_random_uuid(), 1, 'complaint.registered', decode(repeat('20', 400), 'hex'), n, now()
FROM generate_series(1, %s) AS n
"""
_QUERY = """
query Then($case: ID!, $asOf: AsOf!) {
  caseState(caseId: $case, asOf: $asOf) {
    kind version position occurredAt recordedAt
    complaint {
      number state urgent department handler receivedAt assignedAt
      complainant subject facts request answer
    }
  }
}
"""


async def _case(dispatcher: Dispatcher, events: int) -> UUID:
    """Make a case of so many events: received, registered, and assigned over and over."""
    call = Call(caller=_CALLER)
    case = (await dispatcher.execute(ReceiveComplaint(received=_RECEIVED), call)).result
    await dispatcher.execute(RegisterComplaint(complaint=case), call)
    for number in range(events - 2):
        order = AssignComplaint(complaint=case, department=f"hub {number % 9}")
        await dispatcher.execute(order, call)
    return case


def _moments() -> dict[str, Moment]:
    """Return a moment by each clock to which all events belong: the most work there is."""
    now = datetime.now(UTC)
    return {
        "occurredAt": Moment("occurred_at", now),
        "recordedAt": Moment("recorded_at", now),
        "position": Moment("position", 2**62),
    }


async def _measure(conninfo: str, master: MasterKey, scale: float) -> None:
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(
            open_event_store(conninfo, master, zone=ZoneInfo("Asia/Shanghai"))
        )
        dispatcher = Dispatcher(store, utc_now)
        made = make_key()
        issue = IssueApiKey(
            prefix=made.prefix, digest=made.digest, role=Role.AUDITOR, holder=PersonId("bench-1")
        )
        await dispatcher.execute(issue, Call(caller=_OPERATOR))
        cases = {size: await _case(dispatcher, size) for size in _SIZES}
        settings = Settings.from_env({"REDRESS_DATA_DIR": tempfile.gettempdir()})
        app = create_app(settings, Database(url=conninfo, embedded=None, master=master))
        await stack.enter_async_context(app.router.lifespan_context(app))
        keep_what_is_loaded()
        client = await stack.enter_async_context(
            httpx.AsyncClient(
                transport=httpx.ASGITransport(app),
                base_url="http://bench.test",
                headers={"Authorization": f"Bearer {made.secret}"},
            )
        )

        def by_function(case: UUID, moment: Moment) -> Callable[[int], Awaitable[object]]:
            async def ask(_: int) -> None:
                past = await case_at(store, case, moment, personal=True)
                assert past is not None

            return ask

        def by_graphql(
            case: UUID, clock: str, moment: Moment
        ) -> Callable[[int], Awaitable[object]]:
            until = moment.until.isoformat() if isinstance(moment.until, datetime) else moment.until
            given = {"case": str(case), "asOf": {clock: until}}

            async def ask(_: int) -> None:
                response = await client.post("/graphql", json={"query": _QUERY, "variables": given})
                answer: Any = response.json()
                assert answer["data"]["caseState"]["complaint"]["complainant"], answer

            return ask

        for size, case in cases.items():
            each = max(20, int((2000 if size == min(_SIZES) else 200) * scale))
            for clock, moment in _moments().items():
                for how, ask in (
                    ("function", by_function(case, moment)),
                    ("GraphQL", by_graphql(case, clock, moment)),
                ):
                    await drive(1, 5, ask)
                    _print(size, clock, how, await drive(1, each, ask))


def _print(size: int, clock: str, how: str, figures: Figures) -> None:
    print(f"{size:>5} events, {clock:<10} {how:<9} p50 {figures.p50:7.2f} ms"
          f"  p99 {figures.p99:7.2f} ms  {figures.rate:7.0f}/s")  # fmt: skip


def report(conninfo: str, master: MasterKey, scale: float) -> None:
    """Print the figures."""
    configure_logging("WARNING")
    others = max(1000, int(_OTHERS * scale))
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute(_INSERT_OTHERS, [others])
        connection.execute("ANALYZE log.stored_events")
    print(f"\n## A case as it stood, all texts opened, among {others} other events, one client")
    asyncio.run(_measure(conninfo, master, scale))
