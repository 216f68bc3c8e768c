"""The clocks of cases in the schema: as they stand, and as they stood at any moment."""

from collections.abc import Callable
from datetime import datetime
from operator import attrgetter
from typing import TYPE_CHECKING, Annotated, Any, Final
from uuid import UUID

import strawberry

from api.case_state import Moment
from api.deadline_words import clock_word
from api.graphql.audit import moment_of
from api.graphql.commands import carry_out, copied
from api.graphql.context import ApiInfo, Context
from api.graphql.filters import MomentWithin, code, flag, same
from api.graphql.nodes import (
    NODE_LOADERS,
    Connection,
    Node,
    as_uuid,
    connection_of,
    global_id,
)
from api.graphql.refusals import result_union
from api.graphql.scalars import AsOf, Lang, Long, label
from application.service_levels import RebaseServiceLevels
from domain.categories import Category
from domain.complaint_words import Severity
from domain.errors import ConflictOfInterestError, MergedCaseError
from domain.service_levels.deadlines import Basis
from domain.service_levels.docket import ClockState
from projections.complaints import COMPLAINTS
from projections.paging import AnyOf, Condition, Listing, Order, Window
from projections.service_levels import SLA_CLOCKS, SLA_PAST, ClockRow

if TYPE_CHECKING:
    from api.graphql.complaints import Complaint


@strawberry.type(description="A version of a policy or of a calendar.")
class CodeVersion:
    """Which one."""

    code: str
    version: int


@strawberry.type(
    description="One instance of a clock of a case. target and remaining are in seconds or days, as"
    " basis says; durations are in seconds, without pauses."
)
class SlaClock(Node):
    """A clock as its row tells: of now, or of a past moment."""

    row: strawberry.Private[ClockRow]
    case_id: strawberry.ID
    case_number: str
    clock: str = strawberry.field(description="The code of the clock in its policy.")
    number: int = strawberry.field(description="Which of the instances in this case, from 1.")
    state: ClockState
    live: bool = strawberry.field(description="Whether it can still be stopped.")
    basis: Basis
    target: int
    policy: CodeVersion
    calendar: CodeVersion
    time_zone: str
    started_at: datetime
    started_by: str = strawberry.field(description="The mark that started it.")
    due_at: datetime
    rolled_to: datetime | None = strawberry.field(
        description="Where a deadline in calendar days that ends on a day off would roll to."
    )
    provisional: bool = strawberry.field(
        description="Whether it depends on a year whose calendar is not published yet."
    )
    warn_at: datetime | None
    warned_at: datetime | None
    breached_at: datetime | None
    annotated_at: datetime | None = strawberry.field(
        description="When, by business time, that happened which disproves the recorded breach."
    )
    annotated_by: str | None
    paused_at: datetime | None
    remaining: int | None = strawberry.field(description="What remained at the pause.")
    paused_seconds: int
    ended_at: datetime | None
    ended_by: str | None
    duration_seconds: int | None
    department: str | None
    region: str | None
    outlet: str | None
    category: Category | None
    severity: Severity | None
    historical: bool
    import_source: str | None

    @strawberry.field(description="The clock's name in a language.")
    def label(self, lang: Lang = Lang.EN) -> str:
        """Return the name."""
        return self.row.name_zh if lang is Lang.ZH else self.row.name_en

    @strawberry.field
    def state_label(self, lang: Lang = Lang.EN) -> str:
        """Name the state."""
        return label(self.state, lang)

    @strawberry.field
    def basis_label(self, lang: Lang = Lang.EN) -> str:
        """Name the basis."""
        return label(self.basis, lang)

    @strawberry.field
    def started_by_label(self, lang: Lang = Lang.EN) -> str:
        """Name what started it."""
        return clock_word(self.started_by, lang.value)

    @strawberry.field
    def ended_by_label(self, lang: Lang = Lang.EN) -> str | None:
        """Name what ended it."""
        return None if self.ended_by is None else clock_word(self.ended_by, lang.value)

    @strawberry.field(description="Who has the case; not shown to partners.")
    def handler(self, info: ApiInfo) -> str | None:
        """Return the person's id."""
        return None if info.context.caller.partner is not None else self.row.handler

    @strawberry.field(
        description="The complaint as it stands now, if the case is one that the caller may see."
    )
    async def complaint(
        self, info: ApiInfo
    ) -> Annotated["Complaint", strawberry.lazy("api.graphql.complaints")] | None:
        """Return the complaint."""
        found: Complaint | None
        found = await NODE_LOADERS["Complaint"](info, self.row.case_id)
        return found


def clock_type(row: ClockRow) -> SlaClock:
    """Return the type of a row; a past state of a clock has the clock's id."""
    return copied(
        SlaClock,
        row,
        id=global_id("SlaClock", row.id),
        row=row,
        case_id=global_id(row.case_kind.title(), row.case_id),
        state=ClockState(row.state),
        basis=Basis(row.basis),
        policy=CodeVersion(code=row.policy, version=row.policy_version),
        calendar=CodeVersion(code=row.calendar, version=row.calendar_version),
        category=None if row.category is None else Category(row.category),
        severity=None if row.severity is None else Severity(row.severity),
    )


async def _load_node(info: ApiInfo, key: UUID) -> SlaClock | None:
    info.context.reach("slaClocks")
    row: ClockRow | None = await info.context.loader(SLA_CLOCKS).load(key)
    return None if row is None else clock_type(row)


NODE_LOADERS["SlaClock"] = _load_node


async def clocks_of(info: ApiInfo, case: UUID, moment: Moment | None) -> list[SlaClock]:
    """Return all clocks of a case in the order of their starts, perhaps of a past moment."""
    info.context.reach("slaClocks")
    if moment is None:
        rows: list[ClockRow] = await info.context.rows_of(SLA_CLOCKS).load(case)
    else:
        conditions = [Condition("case_id", "=", case), MomentWithin(moment)]
        async with info.context.reading() as connection:
            rows = [*await Listing(SLA_PAST, conditions, Order("due_at"), Window()).all(connection)]
    return [clock_type(row) for row in sorted(rows, key=attrgetter("started_at", "id"))]


@strawberry.input(description="Which clocks; conditions are joined by AND.")
class SlaClockFilter:
    """Conditions."""

    state: ClockState | None = None
    states: list[ClockState] | None = None
    clock: str | None = None
    department: str | None = None
    region: str | None = None
    outlet: str | None = None
    category: Category | None = None
    severity: Severity | None = None
    handler: str | None = None
    due_before: datetime | None = None
    due_from: datetime | None = None
    case_id: strawberry.ID | None = None
    live: bool | None = None
    historical: bool | None = None
    import_source: str | None = None
    policy: str | None = None
    provisional: bool | None = None


_CONDITIONS: Final[dict[str, Callable[[Any], Condition]]] = {
    "state": same("state"),
    "states": lambda states: Condition("state", "in", [state.value for state in states]),
    "clock": code("clock"),
    "department": code("department"),
    "region": code("region"),
    "outlet": code("outlet"),
    "category": same("category"),
    "severity": same("severity"),
    "handler": code("handler"),
    "due_before": lambda at: Condition("due_at", "<", at),
    "due_from": lambda at: Condition("due_at", ">=", at),
    "case_id": lambda value: Condition("case_id", "=", as_uuid(value, field="caseId")),
    "live": flag("live"),
    "historical": flag("historical"),
    "import_source": code("import_source", "importSource"),
    "policy": code("policy"),
    "provisional": flag("provisional"),
}
"""What each field of the filter asks of the rows."""


def clocks_page(
    context: Context,
    filter: SlaClockFilter | None,  # noqa: A002  the schema's word
    as_of: AsOf | None,
    **window: Any,
) -> Listing[Any]:
    """Return the question for clocks within the caller's reach, by the time that is left."""
    table = SLA_CLOCKS if as_of is None else SLA_PAST
    conditions = context.within("slaClocks", table)
    if as_of is not None:
        conditions.append(MomentWithin(moment_of(as_of)))
    for name, condition in _CONDITIONS.items():
        value = getattr(filter, name, None)
        if value is not None:
            conditions.append(condition(value))
    if getattr(filter, "handler", None) is not None and context.caller.partner is not None:
        conditions.append(AnyOf([]))  # who is not shown is not to be guessed
    return Listing(table, conditions, Order("due_at"), Window(**window))


@strawberry.type
class Query:
    """Questions about clocks."""

    @strawberry.field(
        description="The clocks of cases, those with the least time left first; as of now or of a"
        " past moment."
    )
    async def sla_clocks(
        self,
        info: ApiInfo,
        filter: SlaClockFilter | None = None,  # noqa: A002  the schema's word
        as_of: AsOf | None = None,
        first: int | None = None,
        after: str | None = None,
        last: int | None = None,
        before: str | None = None,
    ) -> Connection[SlaClock]:
        """List."""
        window = {"first": first, "after": after, "last": last, "before": before}
        listing = clocks_page(info.context, filter, as_of, **window)
        return await connection_of(info, listing, SlaClock, clock_type)  # type: ignore[no-any-return]


@strawberry.input
class RebaseServiceLevelsInput:
    """Which case, the code of the policy whose version in force it is put under, and why."""

    case_id: strawberry.ID
    policy: str
    reason: str


@strawberry.type(description="The case is under other service levels.")
class RebaseServiceLevelsPayload:
    """The clocks of the case, and the position of the log that the command reached."""

    case: strawberry.Private[UUID]
    position: Long

    @strawberry.field(description="The clocks, once the read models have seen the command.")
    async def clocks(self, info: ApiInfo) -> list[SlaClock]:
        """Wait for the read models and return the clocks, if the caller sees the case."""
        if await info.context.changed(COMPLAINTS, self.case, self.position) is None:
            return []
        return await clocks_of(info, self.case, None)


@strawberry.type
class Mutation:
    """Commands about clocks."""

    @strawberry.mutation(
        description="Put a complaint under the version of a service-level policy that is in force"
        " now: what runs goes on under its terms, what has ended stays.",
        graphql_type=result_union(
            "RebaseServiceLevelsResult",
            RebaseServiceLevelsPayload,
            ConflictOfInterestError,
            MergedCaseError,
        ),
    )
    async def rebase_service_levels(
        self,
        info: ApiInfo,
        input: RebaseServiceLevelsInput,  # noqa: A002  the schema's word
    ) -> Any:
        """Rebase."""
        return await carry_out(
            info,
            lambda: RebaseServiceLevels(
                complaint=as_uuid(input.case_id, field="caseId"),
                policy=input.policy,
                reason=input.reason,
            ),
            lambda case, position: RebaseServiceLevelsPayload(case=case, position=Long(position)),
        )
