"""A case as it stood at a past moment, by any of the three clocks (docs/guides/as-of.md).

The events of its stream that belong to the moment are folded by the handlers that keep the read
models, so the answer is the row that would have been shown; the read models are not asked.
"""

from collections.abc import Iterable
from copy import copy
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from types import NoneType
from typing import Any, Final, Literal, LiteralString, TypeVar, get_args, get_type_hints
from uuid import UUID

from eventsourcing.utils import resolve_topic

from application.desk import EventStore
from application.eventstore.subject_keys import Unsealing
from domain.complaint import Complaint
from domain.personal import Sealed, personal_fields
from domain.shipment import Shipment
from projections import PROJECTIONS
from projections.complaints import COMPLAINTS
from projections.engine import Batch, Entry, Opener, Projection
from projections.shipments import SHIPMENTS
from projections.tables import Table

_SELECT_STREAM: LiteralString = """
SELECT notification_id, recorded_at, originator_version, topic, state
FROM log.stored_events
WHERE originator_id = %(case)b
    AND (%(position)b::bigint IS NULL OR notification_id <= %(position)b::bigint)
    AND (%(recorded_at)b::timestamptz IS NULL OR recorded_at <= %(recorded_at)b::timestamptz)
    AND (%(occurred_at)b::timestamptz IS NULL
        OR (convert_from(state, 'UTF8')::json #>> '{meta,occurred_at}')::timestamptz
            <= %(occurred_at)b::timestamptz)
ORDER BY originator_version
"""
_SELECT_KEYS: LiteralString = """
SELECT subject, key_version, master, wrapped FROM keys.subject_keys WHERE subject = ANY(%b)
"""
_UNFOUNDED: Final = (
    *(ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError),
)
"""How a handler fails that relies on a fact which is not there."""

R = TypeVar("R")


Clock = Literal["occurred_at", "recorded_at", "position"]


@dataclass(frozen=True, slots=True)
class Moment:
    """A past moment by one of the three clocks; what is exactly ``until`` belongs to it."""

    clock: Clock
    until: datetime | int


@dataclass(frozen=True, slots=True)
class CaseKind:
    """What a kind of case is shown as: the table of its row, and who folds its events."""

    table: Table[Any]
    projections: tuple[Projection, ...]


CASE_KINDS: Final[dict[str, CaseKind]] = {
    Complaint.KIND: CaseKind(
        COMPLAINTS, (PROJECTIONS["complaints"], PROJECTIONS["complaint_remarks"])
    ),
    Shipment.KIND: CaseKind(SHIPMENTS, (PROJECTIONS["shipments"], PROJECTIONS["ratings"])),
}
"""The aggregates that are cases, by ``KIND``; of any other there is no state to show."""


class PastRows(Batch):
    """The rows that the events of a moment make, in memory only."""

    def __init__(self, moment: Moment, opener: Opener) -> None:
        super().__init__(opener)
        self.moment = moment
        self._kept: dict[tuple[str, Any], Any] = {}

    def all(self, table: Table[R]) -> list[R]:
        """Return the rows of a table, as the log brought them in."""
        return list(self._of(table).rows.values())

    def keep(self) -> None:
        """Keep what an event made; ValueError if it is no row that its table would take."""
        for name, changes in self._changes.items():
            for key in changes.changed:
                row = changes.rows[key]
                if any(getattr(row, c) is None for c in _required(type(row))):  # type: ignore[arg-type]
                    raise ValueError(name)
        for name, changes in self._changes.items():
            self._kept.update({(name, key): copy(changes.rows[key]) for key in changes.changed})
            changes.changed.clear()

    def undo(self) -> None:
        """Make the rows what was kept last."""
        for name, changes in self._changes.items():
            for key in changes.changed:
                kept = self._kept.get((name, key))
                if kept is not None:
                    changes.rows[key] = copy(kept)
                    continue
                del changes.rows[key]
                for keys in changes.by_stream.values():
                    if key in keys:
                        keys.remove(key)
            changes.changed.clear()


@cache
def _required(row: type[Any]) -> tuple[str, ...]:
    hints = get_type_hints(row)
    return tuple(name for name, hint in hints.items() if NoneType not in get_args(hint))


@dataclass(frozen=True, slots=True)
class PastCase:
    """A case at a moment: its row, what hangs on it, and the last of the events until then."""

    id: UUID
    kind: str
    version: int
    last: Entry
    row: Any
    rows: PastRows


async def case_at(
    store: EventStore, case: UUID, moment: Moment, *, personal: bool
) -> PastCase | None:
    """Return the case as it stood; None if by that clock there was no case yet.

    ``personal``: also what people wrote; otherwise those columns are empty.
    """
    given = dict.fromkeys(get_args(Clock)) | {"case": case, moment.clock: moment.until}
    stored = await _fetch(store, _SELECT_STREAM, given)
    if not stored:
        return None

    def entry(row: tuple[Any, ...]) -> Entry:
        position, recorded_at, version, topic, state = row
        return Entry(position, recorded_at, case, version, topic, state, store.mapper.decode)

    first, last = entry(stored[0]), entry(stored[-1])
    kind = first.topic.partition(".")[0]
    shown = CASE_KINDS.get(kind)
    if first.version != 1 or shown is None:
        return None
    # Each entry is made, used and dropped: thousands that stay set off the garbage collector.
    unsealing = Unsealing(store.keys.master)  # without keys everything is as if erased
    if personal:
        unsealing.begin_batch(await _keys(store, map(entry, stored)))
    rows = PastRows(moment, unsealing)
    _fold(map(entry, stored), shown.projections, rows, missing=last.version != len(stored))
    row = rows.find(shown.table, case)
    return None if row is None else PastCase(case, kind, len(stored), last, row, rows)


async def _keys(store: EventStore, entries: Iterable[Entry]) -> list[tuple[Any, ...]]:
    """Return the present keys of those who speak in the events: what was erased stays erased."""
    subjects = {}
    for entry in entries:
        for name in personal_fields(resolve_topic(entry.topic)):
            value = getattr(entry.event, name)
            if isinstance(value, Sealed):
                subjects[value.subject.int] = value.subject
    return await _fetch(store, _SELECT_KEYS, [list(subjects.values())]) if subjects else []


async def _fetch(store: EventStore, statement: LiteralString, given: Any) -> list[tuple[Any, ...]]:
    async with store.pool.connection() as connection:
        cursor = connection.cursor(binary=True)
        await cursor.execute(statement, given, prepare=True)
        rows: list[tuple[Any, ...]] = await cursor.fetchall()
        return rows


def _fold(
    entries: Iterable[Entry], projections: Iterable[Projection], rows: PastRows, *, missing: bool
) -> None:
    """Fold the events; one that relies on a fact which is not among them changes nothing.

    By business time an event may be there without one that was reported before it. With none
    ``missing`` there is nothing to forgive: what fails then is a fault.
    """
    for entry in entries:
        try:
            for projection in projections:
                handler = projection.handler(entry.topic)
                if handler is not None:
                    handler(projection, entry.event, entry, rows)
            if missing:
                rows.keep()
        except _UNFOUNDED:
            if not missing:
                raise
            rows.undo()
