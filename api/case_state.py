"""A case as it stood at a past moment, by any of the three clocks (docs/guides/as-of.md).

The events of its stream that belong to the moment are folded by the handlers that keep the read
models, so the answer is the row that would have been shown; the read models are not asked.
"""

from collections.abc import Iterable, Sequence
from copy import copy
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from types import NoneType
from typing import Any, Final, Literal, LiteralString, TypeVar, get_args, get_type_hints
from uuid import UUID

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

    @property
    def partner(self) -> str | None:
        """Whose case it is; nobody's if its row does not say so."""
        partner: str | None = getattr(self.row, "partner", None)
        return partner


async def case_at(
    store: EventStore, case: UUID, moment: Moment, *, personal: bool
) -> PastCase | None:
    """Return the case as it stood; None if by that clock there was no case yet.

    ``personal``: also what people wrote; otherwise those columns are empty.
    """
    entries = await _entries(store, case, moment)
    if not entries or entries[0].version != 1:
        return None
    kind = entries[0].topic.partition(".")[0]
    shown = CASE_KINDS.get(kind)
    if shown is None:
        return None
    unsealing = Unsealing(store.keys.master)  # without keys everything is as if erased
    if personal:
        unsealing.begin_batch(await _keys(store, entries))
    rows = PastRows(moment, unsealing)
    _fold(entries, shown.projections, rows)
    row = rows.find(shown.table, case)
    if row is None:
        return None
    return PastCase(case, kind, len(entries), entries[-1], row, rows)


async def _entries(store: EventStore, case: UUID, moment: Moment) -> list[Entry]:
    """Return the events that belong to the moment, in log order."""
    given = {"case": case, "position": None, "recorded_at": None, moment.clock: moment.until}
    rows = await _fetch(store, _SELECT_STREAM, given)
    decode = store.mapper.decode
    entries = [
        Entry(position, recorded_at, case, version, topic, state, decode)
        for position, recorded_at, version, topic, state in rows
    ]
    if moment.clock != "occurred_at":
        return entries
    assert isinstance(moment.until, datetime)
    return [entry for entry in entries if entry.event.meta.occurred_at <= moment.until]


async def _keys(store: EventStore, entries: Iterable[Entry]) -> list[tuple[Any, ...]]:
    """Return the present keys of those who speak in the events: what was erased stays erased."""
    subjects = {
        value.subject.int: value.subject
        for event in (entry.event for entry in entries)
        for name in personal_fields(type(event))  # type: ignore[arg-type]
        if isinstance(value := getattr(event, name), Sealed)
    }
    return await _fetch(store, _SELECT_KEYS, [list(subjects.values())]) if subjects else []


async def _fetch(store: EventStore, statement: LiteralString, given: Any) -> list[tuple[Any, ...]]:
    async with store.pool.connection() as connection:
        cursor = connection.cursor(binary=True)
        await cursor.execute(statement, given, prepare=True)
        rows: list[tuple[Any, ...]] = await cursor.fetchall()
        return rows


def _fold(entries: Sequence[Entry], projections: Sequence[Projection], rows: PastRows) -> None:
    """Fold the events; one that relies on a fact which is not among them changes nothing.

    By business time an event may be there without one that was reported before it. With none
    missing there is nothing to forgive: what fails then is a fault.
    """
    missing = entries[-1].version != len(entries)
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
