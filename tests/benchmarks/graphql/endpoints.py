"""Hand-written endpoints: one per question, JSON made by PostgreSQL; and one that does CRUD.

No authorisation, no limits. Run by uvicorn, with BENCH_DATABASE in the environment.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, Literal, LiteralString
from uuid import UUID, uuid4

import orjson
from fastapi import FastAPI, Response
from psycopg_pool import AsyncConnectionPool
from pydantic import BaseModel

from tests.benchmarks.graphql import statements

_INSERT_COMPLAINT: LiteralString = """
INSERT INTO crud.complaints (id, state, body, received_at) VALUES (%s, 'received', %s, now())
"""
_INSERT_AUDIT: LiteralString = """
INSERT INTO crud.audit (complaint, actor, action, at, detail)
VALUES (%s, 'bench', 'received', now(), %s) RETURNING id
"""


pool: AsyncConnectionPool[Any] = AsyncConnectionPool(
    os.environ["BENCH_DATABASE"],
    min_size=16,
    max_size=16,
    open=False,
    configure=statements.give_bytes,
)


@asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
    async with pool:
        yield


app = FastAPI(lifespan=lifespan)


async def _told(statement: LiteralString, *given: Any) -> Response:
    async with pool.connection() as connection:
        row = await (await connection.execute(statement, given)).fetchone()
    assert row is not None
    return Response(row[0], media_type="application/json")


@app.get("/nested")
async def nested(at: datetime, after: UUID) -> Response:
    return await _told(statements.NESTED, at, after)


@app.get("/flat")
async def flat(at: datetime, after: UUID) -> Response:
    return await _told(statements.FLAT, at, after)


@app.get("/case")
async def case(complaint: UUID) -> Response:
    return await _told(statements.CASE, complaint)


class Received(BaseModel):
    """What a customer says."""

    channel: Literal["PHONE", "EMAIL", "COUNTER"]
    category: Literal["DELAY", "LOSS", "DAMAGE"]
    complainant: str
    contact: str
    subject: str
    facts: str
    request: str


@app.post("/complaints")
async def receive(given: Received) -> Response:
    complaint, body = uuid4(), given.model_dump_json()
    async with pool.connection() as connection, connection.transaction():
        await connection.execute(_INSERT_COMPLAINT, [complaint, body], prepare=True)
        cursor = await connection.execute(_INSERT_AUDIT, [complaint, body], prepare=True)
        row = await cursor.fetchone()
    assert row is not None
    return Response(orjson.dumps({"id": complaint, "position": row[0]}), 201)
