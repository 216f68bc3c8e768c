"""Pages of complaints through GraphQL: milliseconds for the filters that a desk uses all day."""

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import httpx

from api.app import create_app
from api.bootstrap import keep_what_is_loaded, open_dispatcher, utc_now
from api.database import Database
from api.settings import Settings
from application.api_keys import IssueApiKey, make_key
from application.dispatch import Call
from application.eventstore.subject_keys import MasterKey
from application.permissions import Caller
from domain.roles import PersonId, Role
from tests.benchmarks.timing import Figures, drive

_OPERATOR = Caller("cli", PersonId("cli:0"), Role.OPERATOR)
_PAGE = """
query Page($filter: ComplaintFilter, $orderBy: ComplaintOrder!) {
  complaints(filter: $filter, orderBy: $orderBy, first: 50) {
    edges { cursor node {
      id number state category severity urgent receivedAt department handler region subject } }
    pageInfo { hasNextPage endCursor }
  }
}
"""
_COUNTS = "query Counts { complaintCounts { key count } }"
_QUEUE = """
query Queue($department: String!) {
  workQueue(department: $department, first: 50) { edges { node { id number urgent severity } } }
}
"""


def _filters(department: str, region: str, waybill: str) -> dict[str, tuple[Any, str]]:
    newest = "RECEIVED_AT_DESC"
    return {
        "no filter": (None, newest),
        "state and category": ({"state": "CLOSED", "category": "DELAY"}, newest),
        "department, open, as a queue": ({"department": department, "open": True}, "PRIORITY"),
        "region and severity": ({"region": region, "severity": "SERIOUS"}, newest),
        "received in a month": (
            {"receivedFrom": "2026-03-01T00:00:00Z", "receivedBefore": "2026-04-01T00:00:00Z"},
            "RECEIVED_AT_ASC",
        ),
        "waybill": ({"waybill": waybill}, newest),
        "text: two Chinese words": ({"text": "延误 道歉"}, newest),
        "text: an English word": ({"text": "damaged"}, newest),
    }


async def _measure(
    conninfo: str, master: MasterKey, examples: tuple[str, str, str], each: int
) -> None:
    async with AsyncExitStack() as stack:
        settings = Settings.from_env({"REDRESS_DATA_DIR": tempfile.gettempdir()})
        made = make_key()
        async with open_dispatcher(conninfo, master, zone=settings.timezone, now=utc_now) as door:
            issue = IssueApiKey(
                prefix=made.prefix,
                digest=made.digest,
                role=Role.FRONT_DESK,
                holder=PersonId("bench-1"),
            )
            await door.execute(issue, Call(caller=_OPERATOR))
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

        def asking(document: str, given: dict[str, Any]) -> Callable[[int], Awaitable[object]]:
            async def ask(_: int) -> None:
                body = {"query": document, "variables": given}
                answer: Any = (await client.post("/graphql", json=body)).json()
                assert "errors" not in answer, answer

            return ask

        questions = {
            name: asking(_PAGE, {"filter": chosen, "orderBy": order})
            for name, (chosen, order) in _filters(*examples).items()
        }
        questions["work queue of a department"] = asking(_QUEUE, {"department": examples[0]})
        questions["counts by state"] = asking(_COUNTS, {})
        for name, ask in questions.items():
            await drive(1, 5, ask)
            _print(name, await drive(1, each, ask))


def _print(name: str, figures: Figures) -> None:
    print(f"{name:<30} p50 {figures.p50:7.2f} ms  p99 {figures.p99:7.2f} ms  {figures.rate:6.0f}/s")


def report(
    conninfo: str, master: MasterKey, examples: tuple[str, str, str], *, each: int = 200
) -> None:
    """Print the figures of a store that is projected; examples: department, region, waybill."""
    print("\n## Pages of 50 complaints with their subjects, through GraphQL, one client")
    asyncio.run(_measure(conninfo, master, examples, each))
