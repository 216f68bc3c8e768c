"""Clocks of cases, as a client of the API asks for them, and what timers put on record."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID, uuid4

from api.bootstrap import open_dispatcher, open_event_store
from api.graphql.nodes import as_uuid
from application.dispatch import Call
from application.permissions import Caller
from application.standard_content import load_standard_content
from domain.case_clocks import CaseClocks, clocks_id
from domain.metadata import Metadata, Source, SourceKind
from domain.roles import PersonId, Role
from tests.api.conftest import ZONE

SYSTEM: Final = Call(
    caller=Caller("system", PersonId("system"), Role.SYSTEM), source=Source(SourceKind.SYSTEM)
)
LIST: Final = """query L($f: SlaClockFilter, $asOf: AsOf, $first: Int, $after: String, $last: Int,
    $before: String) {
  slaClocks(filter: $f, asOf: $asOf, first: $first, after: $after, last: $last, before: $before) {
    totalCount pageInfo { hasNextPage endCursor startCursor }
    edges { cursor node { %s } } } }"""


def load_content(api: Any) -> None:
    """Load the calendars and policies that the product ships with."""

    async def loaded() -> None:
        database = api.database
        async with open_dispatcher(database.conninfo, database.master, zone=ZONE) as dispatcher:
            await load_standard_content(dispatcher, SYSTEM, ZONE)

    api.run(loaded())


def listed(
    api: Any, shown: str = "id", role: str = "supervision", **asked: Any
) -> list[dict[str, Any]]:
    """Return the clocks that a question finds; ``f`` is the filter."""
    found = api.graphql(LIST % shown, asked, role)["slaClocks"]
    return [edge["node"] for edge in found["edges"]]


def clocks_by_code(
    api: Any, case: str, shown: str, role: str = "supervision", **asked: Any
) -> dict[str, dict[str, Any]]:
    """Return the clocks of a case by their codes."""
    rows = listed(api, f"clock {shown}", role, f={"caseId": case}, **asked)
    return {row.pop("clock"): row for row in rows}


def caught_up(api: Any) -> int:
    """Wait until every read model has seen the whole log; return its last position."""
    ((last,),) = api.rows("SELECT max(notification_id) FROM log.stored_events")
    api.graphql("{ viewer { role } }", None, "supervision", Redress_After=str(last))
    return int(last)


def meta_at(at: datetime, reason: str | None = None) -> Metadata:
    """Return the envelope of what a timer records."""
    system = Source(SourceKind.SYSTEM)
    return Metadata(
        occurred_at=at,
        actor=PersonId("system"),
        role=Role.SYSTEM,
        correlation=uuid4(),
        source=system,
        reason=reason,
    )


def record(api: Any, case: str, write: Callable[[CaseClocks, UUID], None]) -> int:
    """Put something on record of the clocks of a case, as the timers do."""
    key = as_uuid(case, field="case")

    async def recorded() -> None:
        database = api.database
        async with open_event_store(database.conninfo, database.master, zone=ZONE) as store:
            clocks = await store.reader.load(CaseClocks, clocks_id(key))
            write(clocks, key)
            events = [store.mapper.to_stored_event(event) for event in clocks.collect_events()]
            await store.writer.append(events)

    api.run(recorded())
    return caught_up(api)


def instant(text: str) -> datetime:
    """Read an instant of the API."""
    return datetime.fromisoformat(text).astimezone(UTC)


def warn(api: Any, case: str, clock: str, number: int = 1) -> int:
    """Record a warning, now."""
    due = instant(clocks_by_code(api, case, "dueAt")[clock]["dueAt"])
    at = meta_at(datetime.now(UTC))
    return record(api, case, lambda clocks, key: clocks.warn(key, clock, number, due, at))


def breach(api: Any, case: str, clock: str, number: int = 1) -> int:
    """Record that the deadline has passed."""
    due = instant(clocks_by_code(api, case, "dueAt")[clock]["dueAt"])
    return record(
        api, case, lambda clocks, key: clocks.breach(key, clock, number, due, meta_at(due))
    )
