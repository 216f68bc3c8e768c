"""The history of a case in the schema."""

from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

import strawberry

from api.graphql.commands import copied
from api.graphql.context import ApiInfo
from api.graphql.nodes import as_uuid, global_id
from api.graphql.scalars import AsOf, Lang, Long
from domain.metadata import SourceKind
from domain.roles import Role
from projections.audit import CASE_ENTRIES, CaseEntryRow
from projections.paging import Condition, Listing, Order, Window

_OWNER: LiteralString = """
SELECT partner FROM read.complaints WHERE id = %(id)s
UNION ALL SELECT partner FROM read.shipments WHERE id = %(id)s
"""
_PAGE = 500


@strawberry.type(description="A version of a policy.")
class PolicyVersion:
    """The policy that a decision used."""

    id: UUID
    version: int


@strawberry.type(description="One step of a case: who did what, when, why, under which rule.")
class CaseEntry:
    """An event of the case."""

    row: strawberry.Private[CaseEntryRow]
    id: strawberry.ID
    position: Long
    version: int
    topic: str
    occurred_at: datetime
    recorded_at: datetime
    actor: str
    role: Role
    reason: str | None
    correlation: UUID
    causation: UUID | None
    source_kind: SourceKind
    source_name: str | None
    historical: bool
    policy: PolicyVersion | None

    @strawberry.field(description="What happened, as a sentence.")
    def sentence(self, lang: Lang = Lang.EN) -> str:
        """Return the sentence."""
        return self.row.sentence_zh if lang is Lang.ZH else self.row.sentence_en


def _entry(row: CaseEntryRow) -> CaseEntry:
    policy = None
    if row.policy is not None and row.policy_version is not None:
        policy = PolicyVersion(id=row.policy, version=row.policy_version)
    return copied(
        CaseEntry,
        row,
        row=row,
        id=global_id("CaseEntry", row.position),
        role=Role(row.role),
        source_kind=SourceKind(row.source_kind),
        policy=policy,
    )


def _until(as_of: AsOf | None) -> list[Condition]:
    given: Any = as_of or AsOf()
    conditions = []
    for column in ("occurred_at", "recorded_at", "position"):
        value = getattr(given, column)
        if value is not None and value is not strawberry.UNSET:
            conditions.append(Condition(column, "<=", value))
    return conditions


@strawberry.type
class Query:
    """Questions of an auditor."""

    @strawberry.field(description="Every step of a case in log order, as of now or a past moment.")
    async def case_history(
        self, info: ApiInfo, case_id: strawberry.ID, as_of: AsOf | None = None
    ) -> list[CaseEntry]:
        """Return the history."""
        partner = info.context.partner_scope("caseHistory")
        case = as_uuid(case_id, field="caseId")
        conditions = [Condition("case_id", "=", case), *_until(as_of)]
        rows: list[CaseEntryRow] = []
        after: str | None = None
        async with info.context.reading() as connection:
            if partner is not None:
                cursor = await connection.execute(_OWNER, {"id": case})
                if await cursor.fetchone() != (partner,):
                    return []
            while True:
                window = Window(first=_PAGE, after=after)
                page = await Listing(CASE_ENTRIES, conditions, Order("position"), window).page(
                    connection
                )
                rows.extend(page.rows)
                if not page.has_next:
                    return [_entry(row) for row in rows]
                after = page.cursors[-1]
