"""What the product's checks cost on their own, in this process, without HTTP.

Who calls and the limits are timed by themselves; row-level security by asking the same questions
once as the product does and once as a superuser, to whom it does not apply.
"""

from collections.abc import Callable
from time import perf_counter
from typing import Any, Final, cast
from uuid import UUID

import uvloop
from graphql import parse, validate
from psycopg_pool import AsyncConnectionPool

from api.authentication.keys import KeyRing
from api.bootstrap import as_role, utc_now
from api.endpoint.documents import Documents
from api.endpoint.execution import Execution, ServiceLimits
from api.endpoint.requests import GRAPHQL_JSON, GraphQLRequest
from api.graphql.compiler.plan import hand_on_bytes
from api.graphql.context import Context, Services
from api.graphql.schema import schema
from api.limits.documents import measure
from api.limits.rates import Gate
from api.limits.variables import check_variables
from application.permissions import Caller
from tests.benchmarks.graphql.contenders import CASE, FLAT, NESTED
from tests.benchmarks.timing import Figures, drive

_REPEAT: Final = 20_000
_ASKED: Final = 1000
_A_MINUTE: Final = 500
"""After how many requests the next principal goes on: nobody comes near the limit."""


def report(conninfo: str, key: str, case: UUID, scale: float) -> None:
    """Print the figures."""
    print("\n## Checks on their own, in one process without HTTP")
    _print_limits(max(100, int(_REPEAT * scale)))
    uvloop.run(_measure(conninfo, key, case, scale))


def _each(repeat: int, action: Callable[[int], object]) -> float:
    """Return the microseconds of one time."""
    began = perf_counter()
    for number in range(repeat):
        action(number)
    return (perf_counter() - began) / repeat * 1e6


def _print_limits(repeat: int) -> None:
    """Print what limits cost for a document that is known, and for one that is new."""
    limits, inner = ServiceLimits(), schema._schema
    documents, gate = Documents(inner, limits.documents), Gate(limits.rates)
    variables: dict[str, Any] = {"after": None}

    def known(number: int) -> None:
        document = documents.find(NESTED)
        check_variables(variables, limits.variables)
        cost = document.measured.cost("Nested", variables)
        with gate.admit(f"p{number // _A_MINUTE}", cost) as ticket:
            ticket.headers()

    node = parse(NESTED)
    few = max(10, repeat // 100)
    print(f"limits, a known document      {_each(repeat, known):8.1f} µs")
    new = _each(few, lambda _: measure(inner, node, limits.documents))
    print(f"limits, a new document        {new:8.1f} µs, beside"
          f" {_each(few, lambda _: parse(NESTED)):.0f} to parse"
          f" and {_each(few, lambda _: validate(inner, node)):.0f} to validate it")  # fmt: skip


async def _measure(conninfo: str, key: str, case: UUID, scale: float) -> None:
    async with (
        _pool(as_role(conninfo, "redress_writer")) as writer,
        _pool(as_role(conninfo, "redress_reader")) as reader,
        _pool(conninfo) as superuser,
    ):
        ring = KeyRing(writer, utc_now)
        await ring.reload()
        header = f"Bearer {key}"
        each = _each(max(100, int(_REPEAT * scale)), lambda _: ring.caller(header))
        print(f"who calls, by an API key      {each:8.1f} µs")
        caller = ring.caller(header)
        assert caller is not None
        asked: dict[str, tuple[str, dict[str, Any]]] = {
            "nested": (NESTED, {"after": None}),
            "flat": (FLAT, {"after": None}),
            "case": (CASE, {"id": str(case)}),
        }
        for question, (document, variables) in asked.items():
            path, own = await _asked(reader, caller, document, variables, scale)
            _, free = await _asked(superuser, caller, document, variables, scale)
            print(f"{question:<8} ({path}) p50 / p99 ms: with row-level security {own.p50:.2f} /"
                  f" {own.p99:.2f}, without {free.p50:.2f} / {free.p99:.2f}")  # fmt: skip


async def _asked(
    pool: AsyncConnectionPool[Any],
    caller: Caller,
    document: str,
    variables: dict[str, Any],
    scale: float,
) -> tuple[str, Figures]:
    """Let one client ask as the endpoint does; return which way the answers were found, too."""
    nothing = cast("Any", None)  # a query asks neither the log nor the dispatcher
    services = Services(nothing, nothing, pool, nothing)
    execution = Execution(schema, ServiceLimits())
    request = GraphQLRequest(
        query=document,
        operation_name=None,
        variables=variables,
        extensions={},
        document_id=None,
        reading=False,
    )
    asked, path = 0, ""

    async def ask(_: int) -> None:
        nonlocal asked, path
        asked += 1
        context = Context(services=services, optional_caller=caller)
        principal = f"p{asked // _A_MINUTE}"
        answer = await execution.answer(request, context, principal, GRAPHQL_JSON)
        assert answer.status == 200, answer
        assert b'"errors"' not in answer.body, answer
        path = answer.path

    await drive(1, 10, ask)
    return path, await drive(1, max(20, int(_ASKED * scale)), ask)


def _pool(conninfo: str) -> AsyncConnectionPool[Any]:
    return AsyncConnectionPool(
        conninfo,
        min_size=1,
        max_size=4,
        open=False,
        kwargs={"autocommit": True},
        configure=hand_on_bytes,
    )
