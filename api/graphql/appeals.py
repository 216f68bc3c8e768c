"""Appeals in the schema: the type and the questions."""

from collections.abc import Callable
from datetime import datetime
from operator import attrgetter
from typing import Any, Final
from uuid import UUID

import strawberry

from api.graphql.commands import copied
from api.graphql.compiler.declarations import (
    One,
    Pages,
    Planning,
    Row,
    answers,
    id_of,
    one,
    personal,
    reads,
    words,
)
from api.graphql.compiler.selection import Selected
from api.graphql.compiler.sql import Json, quoted, scalar
from api.graphql.complaints import Complaint, complaint_type
from api.graphql.context import ApiInfo, Context
from api.graphql.filters import code, flag, same
from api.graphql.nodes import (
    NODE_LOADERS,
    Connection,
    Node,
    as_uuid,
    connection_of,
    global_id,
)
from api.graphql.scalars import Lang, label
from domain.appeal import AppealAuthority, AppealLiability, AppealState
from domain.categories import Category
from domain.complaint_words import Measure, RuleSource
from domain.service_levels.docket import ClockState
from domain.service_levels.terms import APPEAL
from domain.text import code as code_text
from projections.appeals import APPEAL_TEXTS, APPEALS, AppealRow, AppealTextsRow
from projections.complaints import COMPLAINTS, ComplaintRow
from projections.paging import Condition, Listing, Order, Window
from projections.service_levels import SLA_CLOCKS, ClockRow

_APPEAL_BY_NUMBER = "SELECT id FROM read.appeals WHERE number = %s"
_CANCELLED: Final = ClockState.CANCELLED.value
"""A policy without this clock cancels it: then nothing is due, as in ``appealCounts``."""


def _text(name: str, description: str) -> Any:
    """Return a field of the personal texts; null for roles that may not see them."""

    async def resolve(root: "Appeal", info: ApiInfo) -> str | None:
        if not info.context.may("personalData"):
            return None
        texts: AppealTextsRow | None = await info.context.loader(APPEAL_TEXTS).load(root.row.id)
        return None if texts is None else getattr(texts, name)

    return strawberry.field(resolver=resolve, description=description)


@strawberry.type(description="An appeal (申诉): a complaint that its customer took to a regulator.")
class Appeal(Node):
    """An appeal as its row tells; what people wrote only for roles that may read it."""

    row: strawberry.Private[AppealRow]
    number: str
    complaint_id: strawberry.ID
    state: AppealState
    open: bool
    authority: AppealAuthority
    reference: str = strawberry.field(description="The authority's own.")
    cause: Category
    valid: bool | None = strawberry.field(description="Whether it was found valid (成立).")
    liability: AppealLiability | None = strawberry.field(description="Who is liable.")
    rule_source: RuleSource | None
    rule: str | None = strawberry.field(description="The rule by which liability was determined.")
    department: str | None = strawberry.field(
        description="Who has it: the complaint's department, then the responsible one."
    )
    region: str | None
    outlet: str | None
    received_at: datetime
    found_at: datetime | None
    liability_at: datetime | None
    settled_at: datetime | None
    answered_at: datetime | None
    ended_at: datetime | None
    historical: bool
    version: int

    facts: str | None = _text("facts", "What the customer appeals against.")
    finding: str | None = _text("finding", "Why it is valid or not.")
    note: str | None = _text("note", "What was noted at its settlement.")
    answer: str | None = _text("answer", "What the authority was told.")

    @strawberry.field
    def state_label(self, lang: Lang = Lang.EN) -> str:
        """Name the state."""
        return label(self.state, lang)

    @strawberry.field
    def authority_label(self, lang: Lang = Lang.EN) -> str:
        """Name the authority."""
        return label(self.authority, lang)

    @strawberry.field
    def cause_label(self, lang: Lang = Lang.EN) -> str:
        """Name the cause."""
        return label(self.cause, lang)

    @strawberry.field
    def liability_label(self, lang: Lang = Lang.EN) -> str | None:
        """Name who is liable."""
        return None if self.liability is None else label(self.liability, lang)

    @strawberry.field(description="What was done about it.")
    def measures(self) -> list[Measure]:
        """Return the measures in their order."""
        return [Measure(measure) for measure in self.row.measures.split()]

    @strawberry.field(description="By when an answer is due; null if no clock demands one.")
    async def due_at(self, info: ApiInfo) -> datetime | None:
        """Return the deadline."""
        rows: list[ClockRow] = await info.context.rows_of(SLA_CLOCKS).load(self.row.id)
        clocks = [row for row in rows if row.clock == APPEAL and row.state != _CANCELLED]
        return max(clocks, key=attrgetter("number")).due_at if clocks else None

    @strawberry.field(description="The complaint, if the caller may see it.")
    async def complaint(self, info: ApiInfo) -> Complaint | None:
        """Return the complaint."""
        info.context.reach("complaints")
        found: ComplaintRow | None = await info.context.loader(COMPLAINTS).load(self.row.complaint)
        return None if found is None else complaint_type(found)


def appeal_type(row: AppealRow) -> Appeal:
    """Return the type of a row."""
    return copied(
        Appeal,
        row,
        id=global_id("Appeal", row.id),
        row=row,
        complaint_id=global_id("Complaint", row.complaint),
        state=AppealState(row.state),
        authority=AppealAuthority(row.authority),
        cause=Category(row.cause),
        liability=None if row.liability is None else AppealLiability(row.liability),
        rule_source=None if row.rule_source is None else RuleSource(row.rule_source),
    )


async def _load_node(info: ApiInfo, key: UUID) -> Appeal | None:
    info.context.reach("appeals")
    row: AppealRow | None = await info.context.loader(APPEALS).load(key)
    return None if row is None else appeal_type(row)


NODE_LOADERS["Appeal"] = _load_node


@strawberry.input(description="Which appeals; conditions are joined by AND.")
class AppealFilter:
    """Conditions."""

    complaint_id: strawberry.ID | None = None
    state: AppealState | None = None
    open: bool | None = None
    authority: AppealAuthority | None = None
    reference: str | None = None
    cause: Category | None = None
    valid: bool | None = None
    liability: AppealLiability | None = None
    department: str | None = None
    region: str | None = None
    outlet: str | None = None
    received_from: datetime | None = None
    received_before: datetime | None = None


_CONDITIONS: Final[dict[str, Callable[[Any], Condition]]] = {
    "complaint_id": lambda value: Condition("complaint", "=", as_uuid(value, field="complaintId")),
    "state": same("state"),
    "open": flag("open"),
    "authority": same("authority"),
    "reference": code("reference"),
    "cause": same("cause"),
    "valid": flag("valid"),
    "liability": same("liability"),
    "department": code("department"),
    "region": code("region"),
    "outlet": code("outlet"),
    "received_from": lambda at: Condition("received_at", ">=", at),
    "received_before": lambda at: Condition("received_at", "<", at),
}
"""What each field of the filter asks of the rows."""


def _appeals(
    context: Context,
    filter: AppealFilter | None,  # noqa: A002  the schema's word
    **window: Any,
) -> Listing[AppealRow]:
    conditions = context.within("appeals", APPEALS)
    for name, condition in _CONDITIONS.items():
        value = getattr(filter, name, None)
        if value is not None:
            conditions.append(condition(value))
    return Listing(APPEALS, conditions, Order("received_at", descending=True), Window(**window))


def _search(
    context: Context,
    id: strawberry.ID | None,  # noqa: A002  Relay's word
    number: str | None,
) -> list[Condition] | None:
    within = context.within("appeals", APPEALS)
    if id is not None:
        return [*within, Condition("id", "=", as_uuid(id, field="id"))]
    if number is None:
        return None
    return [*within, Condition("number", "=", code_text(number, field="number"))]


def _due_at(row: Row, selected: Selected, _planning: Planning) -> Json:
    """Emit the deadline of the newest clock."""
    newest = (
        f"(SELECT c.due_at FROM read.sla_clocks AS c WHERE c.case_id = {row['id']}"
        f" AND c.clock = {quoted(APPEAL)} AND c.state <> {quoted(_CANCELLED)}"
        f" ORDER BY c.number DESC LIMIT 1)"
    )
    return scalar(newest, selected.definition.type)


reads(
    "Appeal",
    APPEALS,
    operation="appeals",
    dueAt=_due_at,
    complaintId=id_of("Complaint", "complaint"),
    complaint=one("Complaint", "complaint", "complaints"),
    measures=words("measures", Measure),
    **{text: personal(APPEAL_TEXTS) for text in ("facts", "finding", "note", "answer")},
)
answers("appeals", Pages("Appeal", _appeals))
answers("appeal", One("Appeal", _search))


@strawberry.type
class Query:
    """Questions about appeals."""

    @strawberry.field(description="An appeal by its id or by the number that people read.")
    async def appeal(
        self,
        info: ApiInfo,
        id: strawberry.ID | None = None,  # noqa: A002  Relay's word
        number: str | None = None,
    ) -> Appeal | None:
        """Find one."""
        info.context.reach("appeals")
        if id is not None:
            return await _load_node(info, as_uuid(id, field="id"))
        if number is None:
            return None
        async with info.context.reading() as connection:
            cursor = await connection.execute(
                _APPEAL_BY_NUMBER, [code_text(number, field="number")]
            )
            found = await cursor.fetchone()
        return None if found is None else await _load_node(info, found[0])

    @strawberry.field(description="Appeals, those that were received last at the front.")
    async def appeals(
        self,
        info: ApiInfo,
        filter: AppealFilter | None = None,  # noqa: A002  the schema's word
        first: int | None = None,
        after: str | None = None,
        last: int | None = None,
        before: str | None = None,
    ) -> Connection[Appeal]:
        """List."""
        window = {"first": first, "after": after, "last": last, "before": before}
        listing = _appeals(info.context, filter, **window)
        return await connection_of(info, listing, Appeal, appeal_type)  # type: ignore[no-any-return]
