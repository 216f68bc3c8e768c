"""Why a deadline is the one it is: the clocks of a case at any moment, folded from the log.

The read models tell which clocks there are; what the rules were, day by day, only the log does.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, LiteralString, get_args
from weakref import WeakKeyDictionary
from zoneinfo import ZoneInfo

from psycopg_pool import AsyncConnectionPool

from api.case_state import Clock as MomentClock
from api.case_state import Moment
from application.desk import EventStore
from application.eventstore.codec import EventMapper
from application.eventstore.rules import RuleReader
from domain.aggregate import DomainEvent
from domain.case_clocks import CaseClocks
from domain.service_level_policy import ServiceLevelPolicy
from domain.service_levels.calendars import YearState
from domain.service_levels.deadlines import ExplainedDay, Pause
from domain.service_levels.deadlines import explain as explain_days
from domain.service_levels.docket import Clock, Docket, concerns, fold
from domain.service_levels.rules import Rules
from domain.service_levels.terms import LEGAL_LIMITS, ClockTerms, LegalSource

_SELECT_STREAMS: LiteralString = """
SELECT notification_id, originator_id, originator_version, topic, state FROM log.stored_events
WHERE originator_id = ANY(%(streams)b)
    AND (%(position)b::bigint IS NULL OR notification_id <= %(position)b::bigint)
    AND (%(recorded_at)b::timestamptz IS NULL OR recorded_at <= %(recorded_at)b::timestamptz)
    AND (%(occurred_at)b::timestamptz IS NULL
        OR (convert_from(state, 'UTF8')::json #>> '{meta,occurred_at}')::timestamptz
            <= %(occurred_at)b::timestamptz)
ORDER BY notification_id
"""
_INSTANT: Final = timedelta(microseconds=1)


class KnownRules:
    """The rules as far as they were read; ``effective``: since when a version is in force."""

    def __init__(self, mapper: EventMapper) -> None:
        self.rules = Rules()
        self.effective: dict[tuple[str, int], datetime] = {}
        self.reader = RuleReader(mapper, Rules.TOPICS, self._apply)

    def _apply(self, event: DomainEvent, position: int) -> None:
        self.rules.apply(event, position)
        if isinstance(event, ServiceLevelPolicy.Adopted):
            self.effective[event.code, event.number] = event.effective_from


_KNOWN: Final[WeakKeyDictionary[AsyncConnectionPool[Any], KnownRules]] = WeakKeyDictionary()
"""Of each store that is open; only what is new is read again."""


async def rules_now(store: EventStore) -> KnownRules:
    """Return the rules as of now."""
    known = _KNOWN.setdefault(store.pool, KnownRules(store.mapper))
    async with store.pool.connection() as connection:
        await known.reader.read(connection)
    return known


@dataclass(frozen=True, slots=True)
class YearSource:
    """Where the days of a year come from; ``source`` None: only weekends are known."""

    year: int
    source: str | None
    state: YearState | None


@dataclass(frozen=True, slots=True)
class Explanation:
    """A clock of a case with all that its deadline follows from.

    ``calendar_names``: English, then Chinese. ``alerts``: what was recorded of them.
    """

    clock: Clock
    terms: ClockTerms
    number: str
    effective_from: datetime
    calendar_names: tuple[str, str]
    years: tuple[YearSource, ...]
    legal: LegalSource | None
    days: tuple[ExplainedDay, ...]
    pauses: tuple[Pause, ...]
    alerts: tuple[CaseClocks.Alerted, ...]

    @property
    def zone(self) -> ZoneInfo:
        """The time zone in which days are counted."""
        return ZoneInfo(self.clock.zone)


async def explain_case(
    store: EventStore, docket: Docket, moment: Moment | None
) -> list[Explanation]:
    """Explain the clocks of a case in the order of their starts, perhaps as of a past moment.

    ``docket`` is what is known of the case now: what was then follows from the same streams.
    """
    known = await rules_now(store)  # after the docket was read: it names no later rule
    given = dict.fromkeys(get_args(MomentClock)) | {"streams": docket.told_by}
    if moment is not None:
        given[moment.clock] = moment.until
    events = await _events(store, given)
    then: Docket | None = docket
    if moment is not None:
        then = _folded(events, docket, known.rules)
    if then is None:
        return []
    alerts = [event for _, event in events if isinstance(event, CaseClocks.Alerted)]
    clocks = sorted(then.clocks, key=lambda clock: clock.started_at)
    return [_explained(then, clock, known, alerts) for clock in clocks]


def _folded(
    events: Sequence[tuple[int, DomainEvent]], pinned: Docket, rules: Rules
) -> Docket | None:
    docket: Docket | None = None
    for position, event in events:
        if concerns(event.TOPIC):
            docket = fold(docket, event, position, rules, pinned)
    return docket


async def _events(store: EventStore, given: Mapping[str, Any]) -> list[tuple[int, DomainEvent]]:
    decode = store.mapper.decode
    async with store.pool.connection() as connection:
        cursor = connection.cursor(binary=True)
        await cursor.execute(_SELECT_STREAMS, given, prepare=True)
        return [
            (position, decode(stream, version, topic, state))
            for position, stream, version, topic, state in await cursor.fetchall()
        ]


def _explained(
    docket: Docket, clock: Clock, known: KnownRules, alerts: Sequence[CaseClocks.Alerted]
) -> Explanation:
    terms, calendars = docket.terms(clock, known.rules), known.rules.calendars
    calendar = calendars.calendar(clock.calendar, clock.calendar_version)
    zone = ZoneInfo(clock.zone)
    pauses = tuple(clock.pauses) if terms.pauses else ()
    start = clock.started_at.astimezone(zone).date()
    last = (clock.due_at - _INSTANT).astimezone(zone).date()
    code, version = clock.calendar, clock.calendar_version
    taken = [a for a in alerts if (a.clock, a.number) == (clock.code, clock.number)]
    return Explanation(
        clock=clock,
        terms=terms,
        number=docket.facts.number,
        effective_from=known.effective[clock.policy, clock.policy_version],
        calendar_names=calendars.names(code),
        years=tuple(
            YearSource(
                year,
                calendars.source(code, version, year),
                calendars.state(code, version, year),
            )
            for year in range(start.year, last.year + 1)
        ),
        legal=next(
            (limit.source(start) for limit in LEGAL_LIMITS if limit.code == clock.code), None
        ),
        days=tuple(explain_days(terms.target, clock.started_at, zone, calendar, pauses)),
        pauses=pauses,
        alerts=tuple(taken[: len(clock.alerts)]),
    )
