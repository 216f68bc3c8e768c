"""The same questions by Strawberry as its documentation shows: resolvers and DataLoaders.

No authorisation, no limits. Run by uvicorn, with BENCH_DATABASE in the environment.
"""

import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from enum import Enum
from typing import Any, Generic, LiteralString, TypeVar
from uuid import UUID

import strawberry
from fastapi import FastAPI
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool
from strawberry.dataloader import DataLoader
from strawberry.fastapi import GraphQLRouter
from strawberry.scalars import ID
from strawberry.types import Info

from domain.categories import Category
from domain.complaint_life import ComplaintState
from domain.complaint_words import Channel, EvidenceKind, Severity
from domain.roles import Role

T = TypeVar("T")

for _words in (Category, ComplaintState, Channel, EvidenceKind, Severity, Role):
    strawberry.enum(_words)

_EVIDENCE: LiteralString = """
SELECT complaint, number, kind, media_type, size, sha256 FROM read.evidence
WHERE complaint = ANY(%s) ORDER BY complaint, position
"""
_TIMELINE: LiteralString = """
SELECT t.* FROM unnest(%s::uuid[]) AS c (id), LATERAL (
    SELECT * FROM read.case_entries WHERE case_id = c.id ORDER BY position LIMIT %s
) AS t
"""
_PAGE: LiteralString = """
SELECT * FROM read.complaints WHERE (received_at, id) < (%(at)s, %(id)s)
ORDER BY received_at DESC, id DESC LIMIT %(limit)s
"""
_PAGE_OF_SEVERITY: LiteralString = """
SELECT * FROM read.complaints WHERE severity = %(severity)s AND (received_at, id) < (%(at)s, %(id)s)
ORDER BY received_at DESC, id DESC LIMIT %(limit)s
"""
_ONE: LiteralString = "SELECT * FROM read.complaints WHERE id = %s"
_END = ("infinity", UUID(int=0))

pool: AsyncConnectionPool[Any] = AsyncConnectionPool(
    os.environ.get("BENCH_DATABASE", ""),  # also imported for its cursors
    min_size=16,
    max_size=16,
    open=False,
    kwargs={"autocommit": True, "row_factory": dict_row},
)


async def _rows(statement: LiteralString, given: Any) -> list[dict[str, Any]]:
    async with pool.connection() as connection:
        found: list[dict[str, Any]] = await (await connection.execute(statement, given)).fetchall()
    return found


async def _evidence_of(cases: list[UUID]) -> list[list[dict[str, Any]]]:
    found: dict[UUID, list[dict[str, Any]]] = {case: [] for case in cases}
    for row in await _rows(_EVIDENCE, [cases]):
        found[row["complaint"]].append(row)
    return [found[case] for case in cases]


async def _timelines_of(keys: list[tuple[UUID, int]]) -> list[list[dict[str, Any]]]:
    found: dict[tuple[UUID, int], list[dict[str, Any]]] = {key: [] for key in keys}
    for first in {first for _, first in keys}:
        cases = [case for case, asked in keys if asked == first]
        for row in await _rows(_TIMELINE, [cases, first]):
            found[row["case_id"], first].append(row)
    return [found[key] for key in keys]


def cursor(at: datetime, key: UUID) -> str:
    """Name a place in the order of the complaints."""
    return urlsafe_b64encode(f"{at.isoformat()}|{key}".encode()).decode()


def _place(after: str | None) -> tuple[Any, UUID]:
    if after is None:
        return _END
    at, _, key = urlsafe_b64decode(after).decode().partition("|")
    return datetime.fromisoformat(at), UUID(key)


@strawberry.enum
class Lang(Enum):
    EN = "en"
    ZH = "zh"


@strawberry.enum
class ComplaintOrder(Enum):
    RECEIVED_AT_DESC = "received_at desc"


@strawberry.type
class PageInfo:
    has_next_page: bool
    end_cursor: str | None


@strawberry.type
class Edge(Generic[T]):
    node: T
    cursor: str


@strawberry.type
class Connection(Generic[T]):
    edges: list[Edge[T]]
    page_info: PageInfo


@strawberry.type
class Evidence:
    number: int
    kind: EvidenceKind
    media_type: str
    size: int
    sha256: str


@strawberry.type
class CaseEntry:
    row: strawberry.Private[dict[str, Any]]
    position: float  # GraphQL's Int ends at 2^31
    topic: str
    occurred_at: datetime
    recorded_at: datetime
    actor: str
    role: Role

    @strawberry.field
    def sentence(self, lang: Lang = Lang.EN) -> str:
        return str(self.row[f"sentence_{lang.value}"])


@strawberry.type
class Complaint:
    key: strawberry.Private[UUID]
    id: ID
    number: str
    state: ComplaintState
    severity: Severity
    channel: Channel
    category: Category
    region: str | None
    received_at: datetime

    @strawberry.field
    async def evidence(self, info: Info[Any, Any]) -> list[Evidence]:
        rows = await info.context["evidence"].load(self.key)
        return [
            Evidence(
                number=row["number"],
                kind=EvidenceKind(row["kind"]),
                media_type=row["media_type"],
                size=row["size"],
                sha256=row["sha256"],
            )
            for row in rows
        ]

    @strawberry.field
    async def timeline(self, info: Info[Any, Any], first: int = 50) -> Connection[CaseEntry]:
        rows = await info.context["timelines"].load((self.key, first))
        edges = [Edge(node=_entry(row), cursor=str(row["position"])) for row in rows]
        end = edges[-1].cursor if edges else None
        return Connection(edges=edges, page_info=PageInfo(has_next_page=False, end_cursor=end))


def _entry(row: dict[str, Any]) -> CaseEntry:
    return CaseEntry(
        row=row,
        position=row["position"],
        topic=row["topic"],
        occurred_at=row["occurred_at"],
        recorded_at=row["recorded_at"],
        actor=row["actor"],
        role=Role(row["role"]),
    )


def _complaint(row: dict[str, Any]) -> Complaint:
    return Complaint(
        key=row["id"],
        id=ID(str(row["id"])),
        number=row["number"],
        state=ComplaintState(row["state"]),
        severity=Severity(row["severity"]),
        channel=Channel(row["channel"]),
        category=Category(row["category"]),
        region=row["region"],
        received_at=row["received_at"],
    )


@strawberry.input
class ComplaintFilter:
    severity: Severity | None = None


@strawberry.type
class Query:
    @strawberry.field
    async def complaint(self, id: ID) -> Complaint | None:  # noqa: A002  Relay's word
        rows = await _rows(_ONE, [UUID(id)])
        return _complaint(rows[0]) if rows else None

    @strawberry.field
    async def complaints(
        self,
        first: int = 50,
        after: str | None = None,
        filter: ComplaintFilter | None = None,  # noqa: A002  the schema's word
        order_by: ComplaintOrder = ComplaintOrder.RECEIVED_AT_DESC,
    ) -> Connection[Complaint]:
        assert order_by is ComplaintOrder.RECEIVED_AT_DESC
        at, key = _place(after)
        severity = None if filter is None or filter.severity is None else filter.severity.value
        given = {"severity": severity, "at": at, "id": key, "limit": first + 1}
        rows = await _rows(_PAGE if severity is None else _PAGE_OF_SEVERITY, given)
        edges = [
            Edge(node=_complaint(row), cursor=cursor(row["received_at"], row["id"]))
            for row in rows[:first]
        ]
        end = edges[-1].cursor if edges else None
        return Connection(
            edges=edges, page_info=PageInfo(has_next_page=len(rows) > first, end_cursor=end)
        )


async def _context() -> dict[str, Any]:
    return {
        "evidence": DataLoader(load_fn=_evidence_of),
        "timelines": DataLoader(load_fn=_timelines_of),
    }


@asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
    async with pool:
        yield


app = FastAPI(lifespan=lifespan)
app.include_router(
    GraphQLRouter(strawberry.Schema(Query), context_getter=_context), prefix="/graphql"
)
