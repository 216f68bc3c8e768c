"""The service-level policies in the schema: versions, their clocks, and the words of both."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import strawberry

from api.graphql.commands import copied
from api.graphql.compiler.declarations import (
    Emitter,
    Pages,
    Planning,
    Row,
    answers,
    column,
    derived,
    labels,
    listed,
    many,
    not_for_partners,
    reads,
    text_in,
)
from api.graphql.compiler.selection import Selected
from api.graphql.compiler.sql import (
    Json,
    UnsupportedError,
    expression,
    global_id_sql,
    in_text,
    quoted,
)
from api.graphql.context import ApiInfo, Context
from api.graphql.nodes import Connection, connection_of, global_id
from api.graphql.scalars import Lang, label
from application.permissions import Reach
from domain.service_level_policy import policy_code
from domain.service_levels.deadlines import Basis
from domain.service_levels.marks import Mark, vocabulary
from domain.service_levels.standard import DEFAULT
from domain.service_levels.terms import (
    LEGAL_LIMITS,
    AlertCause,
    LegalLimit,
    Recipient,
)
from projections.paging import Condition, Listing, OfAny, Order, Window
from projections.service_level_policies import (
    SERVICE_LEVEL_ALERTS,
    SERVICE_LEVEL_CLOCKS,
    SERVICE_LEVEL_DEPARTMENTS,
    SERVICE_LEVEL_POLICIES,
    ServiceLevelAlertRow,
    ServiceLevelClockRow,
    ServiceLevelPolicyRow,
)
from projections.tables import Table

_KIND: Final = "ServiceLevelPolicy"
_LIMITS: Final = {limit.code: limit for limit in LEGAL_LIMITS}


@strawberry.type(description="Something that can happen to a case, as policies name it.")
class ClockMark:
    """A word of the vocabulary."""

    entry: strawberry.Private[Mark]
    code: str

    @strawberry.field(description="The word in a language.")
    def label(self, lang: Lang = Lang.EN) -> str:
        """Name the mark."""
        return self.entry.zh if lang is Lang.ZH else self.entry.en


def _marks(words: str) -> list[ClockMark]:
    """Return marks from words; one that is in no vocabulary any more is its own name."""
    known = vocabulary()
    codes = words.split()
    return [ClockMark(entry=known.get(code, Mark(code, code, code)), code=code) for code in codes]


@strawberry.type(description="What the law demands of a clock: a policy is never looser.")
class LegalFloor:
    """A limit of the law."""

    limit: strawberry.Private[LegalLimit]
    basis: Basis
    target: int

    @strawberry.field
    def basis_label(self, lang: Lang = Lang.EN) -> str:
        """Name the basis."""
        return label(self.basis, lang)

    @strawberry.field(description="Where the law stands today.")
    def source(self, lang: Lang = Lang.EN) -> str:
        """Return the newest source."""
        newest = self.limit.sources[-1]
        return newest.zh if lang is Lang.ZH else newest.en


@strawberry.type(description="A step of an alert chain: who is told, and how long they may act.")
class PolicyAlert:
    """A step."""

    row: strawberry.Private[ServiceLevelAlertRow]
    cause: AlertCause
    to: Recipient
    patience_minutes: int

    @strawberry.field
    def to_label(self, lang: Lang = Lang.EN) -> str:
        """Name the recipient."""
        return label(self.to, lang)

    @strawberry.field(description="Who is told, if it is a person; not shown to partners.")
    def person(self, info: ApiInfo) -> str | None:
        """Return the person's id."""
        return None if info.context.caller.partner is not None else self.row.person


@strawberry.type(description="A clock of a policy; target is in seconds or days, as basis says.")
class PolicyClock:
    """A clock as a version has it."""

    row: strawberry.Private[ServiceLevelClockRow]
    code: str
    basis: Basis
    target: int
    starts_on: list[ClockMark]
    stops_on: list[ClockMark]
    cancels_on: list[ClockMark]
    lapses_on: list[ClockMark]
    calendar: str
    pauses: bool
    warn_percent: int | None
    legal: LegalFloor | None

    @strawberry.field(description="The clock's name in a language.")
    def name(self, lang: Lang = Lang.EN) -> str:
        """Return the name."""
        return self.row.name_zh if lang is Lang.ZH else self.row.name_en

    @strawberry.field
    def basis_label(self, lang: Lang = Lang.EN) -> str:
        """Name the basis."""
        return label(self.basis, lang)

    @strawberry.field(description="Where the promise stands.")
    def source(self, lang: Lang = Lang.EN) -> str:
        """Return the source."""
        return self.row.source_zh if lang is Lang.ZH else self.row.source_en

    @strawberry.field(description="The alert chain, in its order.")
    async def alerts(self, info: ApiInfo) -> list[PolicyAlert]:
        """Return the steps."""
        rows: list[ServiceLevelAlertRow]
        rows = await info.context.rows_of(SERVICE_LEVEL_ALERTS).load(self.row.id)
        return [
            copied(
                PolicyAlert,
                row,
                row=row,
                cause=AlertCause(row.cause),
                to=Recipient(row.recipient),
            )
            for row in rows
        ]


def _clock(row: ServiceLevelClockRow) -> PolicyClock:
    limit = _LIMITS.get(row.code)
    legal = None
    if limit is not None:
        legal = LegalFloor(limit=limit, basis=limit.most.basis, target=limit.most.amount)
    return PolicyClock(
        row=row,
        code=row.code,
        basis=Basis(row.basis),
        target=row.amount,
        starts_on=_marks(row.starts_on),
        stops_on=_marks(row.stops_on),
        cancels_on=_marks(row.cancels_on),
        lapses_on=_marks(row.lapses_on),
        calendar=row.calendar,
        pauses=row.pauses,
        warn_percent=row.warn_percent,
        legal=legal,
    )


@strawberry.type(description="A department whose days are those of a calendar of its own.")
class PolicyDepartment:
    """A department and its calendar."""

    department: str
    calendar: str


@strawberry.type(
    description="A version of a service-level policy. In force from effectiveFrom until the next"
    " version, or until endedAt."
)
class ServiceLevelPolicy:
    """A version."""

    row: strawberry.Private[ServiceLevelPolicyRow]
    id: strawberry.ID
    code: str
    version: int
    effective_from: datetime
    ended_at: datetime | None
    adopted_at: datetime
    name_en: str
    name_zh: str
    time_zone: str

    @strawberry.field(description="The policy's name in a language.")
    def name(self, lang: Lang = Lang.EN) -> str:
        """Return the name."""
        return self.name_zh if lang is Lang.ZH else self.name_en

    @strawberry.field(description="Who adopted the version; not shown to partners.")
    def adopted_by(self, info: ApiInfo) -> str | None:
        """Return the person's id."""
        return None if info.context.caller.partner is not None else self.row.adopted_by

    @strawberry.field(
        description="The partners under whose contract it falls; partners are not told."
    )
    def accounts(self, info: ApiInfo) -> list[str] | None:
        """Return the accounts."""
        return None if info.context.caller.partner else self.row.accounts.split()

    @strawberry.field(description="The clocks, in the policy's order.")
    async def clocks(self, info: ApiInfo) -> list[PolicyClock]:
        """Return the clocks."""
        rows = await info.context.rows_of(SERVICE_LEVEL_CLOCKS).load(self.row.id)
        return [_clock(row) for row in rows]

    @strawberry.field(description="Departments that count days by a calendar of their own.")
    async def department_calendars(self, info: ApiInfo) -> list[PolicyDepartment]:
        """Return the departments."""
        rows = await info.context.rows_of(SERVICE_LEVEL_DEPARTMENTS).load(self.row.id)
        return [copied(PolicyDepartment, row) for row in rows]


def policy_type(row: ServiceLevelPolicyRow) -> ServiceLevelPolicy:
    """Return the type of a row."""
    return copied(ServiceLevelPolicy, row, row=row, id=global_id(_KIND, row.id))  # type: ignore[arg-type]


_BY_CODE: Final = Table(SERVICE_LEVEL_POLICIES.name, ServiceLevelPolicyRow, key="code")


def _within(reach: Reach) -> list[Condition]:
    """Return what a caller is shown: a partner the policy of everybody, and its own contracts.

    A policy is a partner's as soon as one of its versions names it: then all versions are shown.
    """
    if reach.everything:
        return []
    of_everybody = Condition("code", "=", DEFAULT)
    named = Condition("accounts", "has word", reach.partner)
    return [OfAny("code", [(_BY_CODE, of_everybody), (_BY_CODE, named)])]


def _policies(context: Context, code: str | None, **window: Any) -> Listing[ServiceLevelPolicyRow]:
    conditions = _within(context.reach("serviceLevelPolicies"))
    if code is not None:
        conditions.append(Condition("code", "=", policy_code(code, field="code")))
    order = Order("effective_from", descending=True)
    return Listing(SERVICE_LEVEL_POLICIES, conditions, order, Window(**window))


# For the compiler


@dataclass(slots=True)
class _MarkRow:
    """A mark of a clock, at its place."""

    place: int
    code: str
    en: str
    zh: str


_MARKS: Final = Table("marks", _MarkRow, key="place")


@dataclass(slots=True)
class _LimitRow:
    """A limit of the law."""

    code: str
    basis: str
    amount: int
    source_en: str
    source_zh: str


def _known() -> str:
    """Return the vocabulary as a source of rows."""
    values = ", ".join(
        f"({place}, {quoted(mark.code)}, {quoted(mark.en)}, {quoted(mark.zh)})"
        for place, mark in enumerate(vocabulary().values())
    )
    return f"(VALUES {values}) AS v (place, code, en, zh)"


def _vocabulary(selected: Selected, planning: Planning) -> Json:
    """Emit all marks."""
    if not planning.view.may("serviceLevelPolicies"):
        raise UnsupportedError("serviceLevelPolicies")
    marks = planning.row(_MARKS)
    found = planning.object("ClockMark", marks, selected.sets)
    return listed(found, marks, "place", [f"(SELECT * FROM {_known()}) AS {marks.alias}"])


def _marks_in(words: str) -> Emitter:
    """Emit the marks that a column holds as words."""

    def source(row: Row) -> str:
        return (
            f"SELECT w.place, w.code, coalesce(v.en, w.code) AS en, coalesce(v.zh, w.code) AS zh"
            f" FROM unnest(string_to_array({row[words]}, ' ')) WITH ORDINALITY AS w (code, place)"
            f" LEFT JOIN {_known()} ON v.code = w.code"
        )

    return derived("ClockMark", source, "place")


def _limit(row: Row) -> str:
    values = ", ".join(
        f"({quoted(limit.code)}, {quoted(limit.most.basis.value)}, {limit.most.amount},"
        f" {quoted(limit.sources[-1].en)}, {quoted(limit.sources[-1].zh)})"
        for limit in LEGAL_LIMITS
    )
    return (
        f"SELECT * FROM (VALUES {values}) AS v (code, basis, amount, source_en, source_zh)"
        f" WHERE v.code = {row['code']}"
    )


def _id(row: Row, _selected: Selected, _planning: Planning) -> Json:
    """Emit the id, which is longer than a line of PostgreSQL's base64."""
    return in_text(f"replace({global_id_sql(_KIND, row['id'])}, chr(10), '')", required=True)


def _accounts(row: Row, _selected: Selected, _planning: Planning) -> Json:
    """Emit a list of words; ids of accounts hold nothing that needs an escape."""
    words = row["accounts"]
    quoted_words = f"""'["' || replace({words}, ' ', '","') || '"]'"""
    return expression(f"CASE {words} WHEN '' THEN '[]' ELSE {quoted_words} END")


reads("ClockMark", _MARKS, label=text_in("en", "zh"))
reads(
    "LegalFloor",
    Table("limits", _LimitRow, key="code"),
    target=column("amount"),
    source=text_in("source_en", "source_zh"),
)
reads(
    "PolicyAlert",
    SERVICE_LEVEL_ALERTS,
    to=column("recipient"),
    toLabel=labels("recipient", Recipient),
    person=not_for_partners(column("person")),
)
reads("PolicyDepartment", SERVICE_LEVEL_DEPARTMENTS)
reads(
    "PolicyClock",
    SERVICE_LEVEL_CLOCKS,
    name=text_in("name_en", "name_zh"),
    source=text_in("source_en", "source_zh"),
    target=column("amount"),
    startsOn=_marks_in("starts_on"),
    stopsOn=_marks_in("stops_on"),
    cancelsOn=_marks_in("cancels_on"),
    lapsesOn=_marks_in("lapses_on"),
    legal=derived("LegalFloor", _limit),
    alerts=many("PolicyAlert", "clock_id", "place"),
)
reads(
    _KIND,
    SERVICE_LEVEL_POLICIES,
    id=_id,
    name=text_in("name_en", "name_zh"),
    adoptedBy=not_for_partners(column("adopted_by")),
    accounts=not_for_partners(_accounts),
    clocks=many("PolicyClock", "version_id", "place"),
    departmentCalendars=many("PolicyDepartment", "version_id", "place"),
)
answers("serviceLevelPolicies", Pages(_KIND, _policies))
answers("clockMarks", _vocabulary)


@strawberry.type
class Query:
    """Questions about the policies."""

    @strawberry.field(
        description="The versions of the service-level policies, or of one, the newest first."
        " Partners are shown the policy of everybody and those of their own contracts."
    )
    async def service_level_policies(
        self,
        info: ApiInfo,
        code: str | None = None,
        first: int | None = None,
        after: str | None = None,
        last: int | None = None,
        before: str | None = None,
    ) -> Connection[ServiceLevelPolicy]:
        """List."""
        window = {"first": first, "after": after, "last": last, "before": before}
        listing = _policies(info.context, code, **window)
        return await connection_of(info, listing, ServiceLevelPolicy, policy_type)  # type: ignore[no-any-return]

    @strawberry.field(description="The words in which a policy says what starts and stops clocks.")
    def clock_marks(self, info: ApiInfo) -> list[ClockMark]:
        """List the vocabulary."""
        info.context.reach("serviceLevelPolicies")
        return [ClockMark(entry=mark, code=mark.code) for mark in vocabulary().values()]
