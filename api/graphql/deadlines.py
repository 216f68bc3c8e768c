"""Why a deadline is the one it is, in the schema."""

from dataclasses import replace
from datetime import date, datetime

import strawberry

from api.case_state import Moment
from api.deadline_words import arithmetic
from api.graphql.audit import moment_of
from api.graphql.context import ApiInfo, Context
from api.graphql.filters import MomentWithin
from api.graphql.nodes import as_uuid
from api.graphql.scalars import AsOf, Lang, label, public_description
from api.graphql.service_levels import SlaClock, clock_type
from api.service_levels import Explanation, YearSource, explain_case
from domain.case_clocks import CaseClocks
from domain.service_levels.calendars import DayKind, YearState
from domain.service_levels.deadlines import ExplainedDay, Step
from domain.service_levels.docket import Recomputation
from domain.service_levels.terms import AlertCause, Recipient
from projections.paging import Condition, Listing, Order, Window
from projections.service_levels import (
    SLA_CLOCKS,
    SLA_DOCKETS,
    SLA_PAST,
    ClockRow,
    DocketRow,
    docket_of,
)

strawberry.enum(Step, name="DeadlineStep", description=public_description(Step))  # not Step: a type


@strawberry.type(description="A local day between start and deadline; number counts those counted.")
class DeadlineDay:
    """A day and why it counts or does not."""

    found: strawberry.Private[ExplainedDay]
    day: date
    step: Step
    kind: DayKind
    number: int

    @strawberry.field
    def step_label(self, lang: Lang = Lang.EN) -> str:
        """Name what the day is to the deadline."""
        return label(self.step, lang)

    @strawberry.field
    def kind_label(self, lang: Lang = Lang.EN) -> str:
        """Name the kind."""
        return label(self.kind, lang)

    @strawberry.field(description="The name of a holiday or another special day.")
    def name(self, lang: Lang = Lang.EN) -> str | None:
        """Return the name, if the calendar has one."""
        found = self.found
        return (found.name_zh if lang is Lang.ZH else found.name_en or found.name_zh) or None


@strawberry.type(description="A time in which the clock stood still; until is null while it does.")
class DeadlinePause:
    """A pause."""

    since: datetime
    until: datetime | None
    seconds: int | None


@strawberry.type(
    description="A new deadline after a change of the calendar; why is not shown to partners."
)
class DeadlineRecomputation:
    """Both deadlines, and why."""

    at: datetime
    old_due_at: datetime
    new_due_at: datetime
    calendar_version: int
    reason: str | None


@strawberry.type(
    description="A step of the alert chain that was taken; to whom is not shown to partners."
)
class DeadlineAlert:
    """Who was told, by their office; steps count from 0 for each cause."""

    at: datetime
    cause: AlertCause
    step: int
    to: Recipient | None

    @strawberry.field
    def cause_label(self, lang: Lang = Lang.EN) -> str:
        """Name the cause."""
        return label(self.cause, lang)

    @strawberry.field
    def to_label(self, lang: Lang = Lang.EN) -> str | None:
        """Name the recipient."""
        return None if self.to is None else label(self.to, lang)


@strawberry.type(description="The version of the service-level policy that the clock follows.")
class DeadlinePolicy:
    """A version, and since when it is in force."""

    code: str
    version: int
    effective_from: datetime


@strawberry.type(description="Where the days of a year come from; null: only weekends are known.")
class DeadlineYear:
    """A year that the clock touches."""

    year: int
    state: YearState | None
    source: str | None


@strawberry.type(description="The version of the calendar by which the clock counts.")
class DeadlineCalendar:
    """A version, with its sources."""

    names: strawberry.Private[tuple[str, str]]
    code: str
    version: int
    years: list[DeadlineYear]

    @strawberry.field(description="The calendar's name in a language.")
    def name(self, lang: Lang = Lang.EN) -> str:
        """Return the name."""
        return self.names[lang is Lang.ZH]


@strawberry.type(description="The warning before the deadline: at this share of the time.")
class DeadlineWarning:
    """When it is due, and when it was recorded."""

    percent: int
    at: datetime | None
    warned_at: datetime | None


@strawberry.type(description="Why a deadline is the one it is.")
class DeadlineExplanation:
    """A clock, and all that its deadline follows from."""

    of: strawberry.Private[Explanation]
    clock: SlaClock
    days: list[DeadlineDay] = strawberry.field(
        description="Every local day from the start to the deadline, in the clock's time zone."
    )
    pauses: list[DeadlinePause]
    recomputations: list[DeadlineRecomputation]
    alerts: list[DeadlineAlert]
    policy: DeadlinePolicy
    calendar: DeadlineCalendar
    warning: DeadlineWarning | None

    @strawberry.field(description="Where the law stood on the day of the start; null without one.")
    def legal_source(self, lang: Lang = Lang.EN) -> str | None:
        """Return the source."""
        legal = self.of.legal
        if legal is None:
            return None
        return legal.zh if lang is Lang.ZH else legal.en

    @strawberry.field(description="Where the promise stands.")
    def source(self, lang: Lang = Lang.EN) -> str:
        """Return the source."""
        terms = self.of.terms
        return terms.source_zh if lang is Lang.ZH else terms.source_en

    @strawberry.field(description="The reckoning as one paragraph.")
    def arithmetic(self, lang: Lang = Lang.EN) -> str:
        """Tell it."""
        return arithmetic(self.of, lang.value)


def _explanation(row: ClockRow, found: Explanation, *, partner: bool) -> DeadlineExplanation:
    of = _for_partners(found) if partner else found
    clock, percent = of.clock, of.terms.warn_percent
    return DeadlineExplanation(
        of=of,
        clock=clock_type(row),
        days=[
            DeadlineDay(found=day, day=day.day, step=day.step, kind=day.kind, number=day.number)
            for day in of.days
        ],
        pauses=[_pause(pause.since, pause.until) for pause in of.pauses],
        recomputations=[_recomputation(moved) for moved in clock.recomputed],
        alerts=[_alert(alert, partner=partner) for alert in of.alerts],
        policy=DeadlinePolicy(
            code=clock.policy, version=clock.policy_version, effective_from=of.effective_from
        ),
        calendar=DeadlineCalendar(
            names=of.calendar_names,
            code=clock.calendar,
            version=clock.calendar_version,
            years=[_year(year) for year in of.years],
        ),
        warning=None
        if percent is None
        else DeadlineWarning(percent=percent, at=clock.warn_at, warned_at=clock.warned_at),
    )


def _for_partners(of: Explanation) -> Explanation:
    """Leave out why deadlines were computed anew, which staff wrote, as ``caseHistory`` does."""
    moved = [replace(recomputation, reason=None) for recomputation in of.clock.recomputed]
    return replace(of, clock=replace(of.clock, recomputed=moved))


def _pause(since: datetime, until: datetime | None) -> DeadlinePause:
    seconds = None if until is None else int((until - since).total_seconds())
    return DeadlinePause(since=since, until=until, seconds=seconds)


def _recomputation(moved: Recomputation) -> DeadlineRecomputation:
    return DeadlineRecomputation(
        at=moved.at,
        old_due_at=moved.old_due_at,
        new_due_at=moved.new_due_at,
        calendar_version=moved.calendar_version,
        reason=moved.reason,
    )


def _alert(event: CaseClocks.Alerted, *, partner: bool) -> DeadlineAlert:
    to = None if partner else event.to
    return DeadlineAlert(at=event.meta.occurred_at, cause=event.cause, step=event.step, to=to)


def _year(known: YearSource) -> DeadlineYear:
    return DeadlineYear(year=known.year, state=known.state, source=known.source)


async def _then(context: Context, row: ClockRow, moment: Moment) -> ClockRow | None:
    """Return the clock as it stood; who may not see it as it stands does not get here."""
    conditions = [Condition("id", "=", row.id), MomentWithin(moment)]
    listing = Listing(SLA_PAST, conditions, Order("due_at"), Window(first=1))
    async with context.reading() as connection:
        page = await listing.page(connection)
    return page.rows[0] if page.rows else None


@strawberry.type
class Query:
    """Questions about deadlines."""

    @strawberry.field(
        description="Why the deadline of a clock is the one it is, as of now or of a past moment;"
        " null if there was no such clock."
    )
    async def explain_deadline(
        self,
        info: ApiInfo,
        clock_id: strawberry.ID,
        as_of: AsOf | None = None,
    ) -> DeadlineExplanation | None:
        """Explain."""
        context = info.context
        context.reach("explainDeadline")
        key = as_uuid(clock_id, field="clockId")
        row: ClockRow | None = await context.loader(SLA_CLOCKS).load(key)
        if row is None:
            return None
        known: DocketRow | None = await context.loader(SLA_DOCKETS).load(row.case_id)
        moment = None if as_of is None else moment_of(as_of)
        if moment is not None:
            row = await _then(context, row, moment)
        if row is None or known is None:
            return None
        found = await explain_case(context.event_store, docket_of(known), moment)
        place = (row.clock, row.number)
        of = next((e for e in found if (e.clock.code, e.clock.number) == place), None)
        if of is None:
            return None
        return _explanation(row, of, partner=context.caller.partner is not None)
