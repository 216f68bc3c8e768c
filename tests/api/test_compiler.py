"""Both ways of answering give the same bytes: the query compiler, and ordinary execution."""

from collections import Counter
from collections.abc import Iterator
from datetime import date
from typing import Any

import orjson
import pytest

from api.endpoint.execution import Execution, ServiceLimits
from api.endpoint.requests import GRAPHQL_JSON, GraphQLRequest
from api.graphql.compiler.declarations import ROOTS, TYPES
from api.graphql.context import Context
from api.graphql.nodes import NODE_LOADERS, global_id
from api.graphql.schema import schema
from api.limits.documents import DocumentLimits
from api.limits.rates import RateLimits
from application.demonstration import Script
from application.permissions import Caller
from domain.organisation import UnitKey, UnitKind
from domain.roles import PersonId, Role
from tests.api.appeals import ANSWERED, REJECTED, VALID, led, received
from tests.api.cases import EVIDENCE
from tests.api.clocks import load_content
from tests.api.query_generator import Pools, QueryGenerator

LIMITS = ServiceLimits(
    documents=DocumentLimits(cost=10**9, aliases=1000),
    rates=RateLimits(requests=10**9, cost=10**15, at_once=10**6),
)
PARTNERS = ("partner", "other_partner")


@pytest.fixture(scope="module")
def company(shared: Any, play: Any) -> Any:
    """A company with cases in every state, and two partners with cases of their own."""
    load_content(shared)
    play(shared.database.conninfo, shared.database.master, Script(60, 11, date(2026, 3, 2)))
    for partner in PARTNERS:
        for number in range(4):
            waybill = f"PT{partner[:2].upper()}{number:06}"
            shared.command(
                "recordShipment",
                {
                    "waybill": waybill,
                    "region": "east",
                    "fee": {"amountMinor": 123456 * number, "currency": ("CNY", "JPY")[number % 2]},
                    "surcharges": {"amountMinor": 5, "currency": ("CNY", "JPY")[number % 2]},
                },
                partner,
            )
            case = shared.receive(
                partner, waybill=waybill, subject='Sp"ät\\ / 晚到', facts='a\nb\t"'
            )
            given = {"complaintId": case["id"]}
            shared.command("addEvidence", given | EVIDENCE, partner)
            shared.command("registerComplaint", given)
            shared.command("assignComplaint", given | {"department": "hub", "handler": "h-1"})
            shared.command("addEvidence", given | EVIDENCE | {"sha256": "1" * 64})
            shared.command("linkComplaint", given | {"waybill": waybill})
            steps = (ANSWERED, REJECTED, VALID, ())[number]
            led(shared, received(shared, case["id"], facts='Sp"ät\\ / 晚到'), steps)
    shared.until(lambda: shared.get("/health/ready").json()["lag_events"]["audit"] == 0)
    return shared


def callers() -> dict[str, Caller]:
    found = {
        role.value: Caller(f"{role.value}-1", PersonId(f"{role.value}-1"), role)
        for role in Role
        if role is not Role.SYSTEM
    }
    found["other_partner"] = Caller("other_partner-1", PersonId("other_partner-1"), Role.PARTNER)
    hub = frozenset({UnitKey(UnitKind.DEPARTMENT, "hub")})
    found["head_of_hub"] = Caller("head-1", PersonId("head-1"), Role.DEPARTMENT_HEAD, units=hub)
    east = frozenset({UnitKey(UnitKind.REGION, "east")})
    found["agent_east"] = Caller("agent-1", PersonId("agent-1"), Role.ACCOUNT_AGENT, units=east)
    return found


class BothWays:
    """Asks the same of the compiler and of ordinary execution."""

    def __init__(self, api: Any) -> None:
        self.api = api
        self.compiled = Execution(schema, LIMITS)
        self.ordinary = Execution(schema, LIMITS, compiled=False)

    def ask(
        self, text: str, variables: dict[str, Any] | None, caller: Caller | None, lang: str = "en"
    ) -> tuple[Any, Any]:
        request = GraphQLRequest(text, None, variables or {}, {}, None, reading=False)

        async def both() -> tuple[Any, Any]:
            found = []
            for execution in (self.compiled, self.ordinary):
                context = Context(self.api.services, caller, lang)
                found.append(await execution.answer(request, context, "test", GRAPHQL_JSON))
            return found[0], found[1]

        return self.api.run(both())  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def both(company: Any) -> BothWays:
    return BothWays(company)


@pytest.fixture(scope="module")
def pools(company: Any) -> Pools:
    def column(statement: str) -> list[Any]:
        return [str(row[0]) for row in company.rows(statement) if row[0] is not None]

    kinds = {
        "Complaint": "complaints", "Shipment": "shipments", "Unit": "units", "Person": "people",
        "Appointment": "appointments", "Improvement": "improvements", "Notice": "notices",
        "Appeal": "appeals", "SlaClock": "sla_clocks",
    }  # fmt: skip
    ids = {
        kind: [global_id(kind, key) for key in column(f"SELECT id FROM read.{table} LIMIT 200")]  # noqa: S608
        for kind, table in kinds.items()
    }
    everything = [one for some in ids.values() for one in some]
    codes = "SELECT DISTINCT {0} FROM read.complaints"
    values = {
        "id": [*everything, *ids["Complaint"] * 3],
        "ids": everything,
        "caseId": [*ids["Complaint"], *ids["Shipment"][:20]],
        "complaintId": ids["Complaint"],
        "number": column(
            "SELECT number FROM read.complaints UNION SELECT number FROM read.appeals"
        ),
        "waybill": column("SELECT waybill FROM read.complaints"),
        "code": column("SELECT code FROM read.units"),
        "person": column("SELECT person FROM read.people"),
        "text": ["晚到", "包裹", "late", "Sp", "delivery damaged"],
        "kind": ["delivery", "handling"],
        "score": [1, 3, 5],
        "position": [10, 100, 1000],
        "DateTime": ["2026-01-10T08:00:00Z", "2026-02-20T00:00:00Z", "2025-11-01T10:30:00Z"],
    } | {name: column(codes.format(name)) for name in ("department", "region", "outlet", "handler")}
    values["owner"] = values["handler"]
    values["clock"] = column("SELECT DISTINCT clock FROM read.sla_clocks")
    values["policy"] = ["default", "key_account"]
    return Pools(values)


def generated(
    both: BothWays, pools: Pools, count: int, seed: int
) -> Iterator[tuple[str, Any, Any, Any]]:
    generator = QueryGenerator(schema._schema, pools, seed)
    everybody = list(callers().items())
    for number in range(count):
        query = generator.query()
        name, caller = everybody[number % len(everybody)]
        compiled, ordinary = both.ask(query.text, query.variables, caller, ("en", "zh")[number % 2])
        _keep_cursors(pools, query.roots, ordinary.body)
        yield name, query, compiled, ordinary


def _keep_cursors(pools: Pools, roots: list[str], body: bytes) -> None:
    if len(roots) == 1:
        kept = pools.cursors.setdefault(roots[0], [])
        found = orjson.loads(body).get("data") or {}
        for value in found.values():
            info = value.get("pageInfo") if isinstance(value, dict) else None
            if isinstance(info, dict):
                kept += [c for c in (info.get("endCursor"), info.get("startCursor")) if c][:2]
        del kept[:-50]


def _codes(body: bytes) -> set[Any]:
    errors = orjson.loads(body).get("errors", [])
    return {error.get("extensions", {}).get("code") for error in errors}


def _apart(one: bytes, other: bytes) -> tuple[bytes, bytes]:
    """Return where two answers begin to differ."""
    place = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), 0)
    start = max(0, place - 80)
    return one[start : place + 120], other[start : place + 120]


@pytest.mark.acceptance
def test_the_compiler_and_ordinary_execution_give_the_same_bytes(
    both: BothWays, pools: Pools, *, full_volume: bool
) -> None:
    count = 6000 if full_volume else 500
    paths: Counter[str] = Counter()
    roots: Counter[str] = Counter()
    for name, query, compiled, ordinary in generated(both, pools, count, seed=20260302):
        assert ordinary.path in {"ordinary", "refused"}
        assert compiled.status == ordinary.status
        if compiled.path == "compiled":
            told = (name, query.text, query.variables, *_apart(compiled.body, ordinary.body))
            assert compiled.body == ordinary.body, told
        else:  # of several errors, whichever comes first is told
            assert _codes(compiled.body) == _codes(ordinary.body)
        if b'"errors"' not in ordinary.body:
            paths[compiled.path] += 1
            roots.update(query.roots if compiled.path == "ordinary" else ())
    share = paths["compiled"] / sum(paths.values())
    print(f"\n{count} queries: {dict(paths)}, compiled {share:.1%}; ordinary roots {dict(roots)}")
    assert share >= 0.95


def test_every_read_model_question_is_compiled_but_satisfaction() -> None:
    query = schema._schema.query_type
    assert query is not None
    of_the_log = {"caseState", "explainDeadline"}  # folded, not read
    assert set(query.fields) - set(ROOTS) == {"categories", "satisfaction", *of_the_log}


def test_every_object_with_an_id_is_compiled() -> None:
    assert {kind for kind, read in TYPES.items() if read.operation} == set(NODE_LOADERS)


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        (
            "query($s: [ComplaintState!]) { complaints(filter: {states: $s}) { totalCount } }",
            [{"s": ["RECEIVED", "CLOSED"]}, {"s": None}, {}],
        ),
        (
            "query($l: Lang) { complaints(first: 1) { edges { node { stateLabel(lang: $l) } } } }",
            [{}, {"l": None}, {"l": "ZH"}],
        ),
        ('query($id: ID = "x") { node(id: $id) { id } }', [{}, {"id": None}]),
        ("query($w: String!) { shipment(waybill: $w) { id } }", [{"w": "PTPA000000"}, {"w": ""}]),
        ("query($n: Int = 2) { complaints(first: $n) { totalCount } }", [{}, {"n": None}]),
    ],
)
def test_what_is_missing_or_null_is_answered_alike(
    both: BothWays, text: str, sent: list[dict[str, Any]]
) -> None:
    auditor = callers()["auditor"]
    for variables in [*sent, *reversed(sent)]:  # also after a plan was made for others
        compiled, ordinary = both.ask(text, variables, auditor)
        assert compiled.body == ordinary.body, variables
        assert b"INTERNAL" not in compiled.body


def test_the_compiler_only_steps_aside_for_faults_that_ordinary_execution_tells(
    both: BothWays, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: Any) -> bytes:
        raise RuntimeError("a fault of the compiler")

    monkeypatch.setattr("api.graphql.compiler.plan.Plan.run", broken)
    compiled, ordinary = both.ask("{ viewer { actor } }", None, callers()["auditor"])

    assert compiled.path == "ordinary"
    assert compiled.body == ordinary.body
