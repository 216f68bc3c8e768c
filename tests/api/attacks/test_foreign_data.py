"""Whoever sees only some cases learns nothing of the others, whatever they ask and how often."""

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import product
from random import Random
from statistics import median
from time import perf_counter
from typing import Any

import psycopg
import pytest

from api.endpoint import execution
from api.endpoint.execution import Execution, ServiceLimits
from api.endpoint.requests import GRAPHQL_JSON, GraphQLRequest
from api.graphql.context import Context
from api.graphql.nodes import as_uuid, global_id
from api.graphql.schema import schema
from api.limits.documents import DocumentLimits
from api.limits.rates import RateLimits
from application.permissions import PERMISSIONS, Caller
from domain.roles import Role
from tests.api.attacks.foreign import (
    CONFINED,
    OWN,
    THEIRS,
    WAYBILL,
    bring,
    caller,
    questions,
    secrets,
)
from tests.api.attacks.judging import leaks
from tests.api.cases import COMMANDS, NOBODY, done
from tests.api.conftest import mutation
from tests.api.query_generator import Pools, QueryGenerator

LIMITS = ServiceLimits(
    documents=DocumentLimits(cost=10**9, aliases=1000),
    rates=RateLimits(requests=10**9, cost=10**15, at_once=10**6),
)
SEES_ALL_SHIPMENTS = {Role.DEPARTMENT_HEAD, Role.INVESTIGATOR, Role.BACK_OFFICE}
NOBODYS = {
    kind: global_id(kind, as_uuid(NOBODY, field="id"))
    for kind in ("Complaint", "Shipment", "Improvement", "Notice")
}


def is_open_to(asking: Caller, question: str) -> bool:
    """Say whether somebody may see what the question is about, whosever it is."""
    return asking.role in SEES_ALL_SHIPMENTS and "hipment" in question


@dataclass
class Company:
    """A running application with own cases, and then with others', too."""

    api: Any
    own: str
    executions: dict[str, Execution]
    answers: dict[tuple[str, str, str], bytes] = field(default_factory=dict)
    theirs: str = ""
    foreign: list[str] = field(default_factory=list)
    shipments: list[str] = field(default_factory=list)
    ids: dict[str, str] = field(default_factory=dict)

    async def asked(
        self, execution: Execution, text: str, asking: Caller, given: Any = None
    ) -> Any:
        request = GraphQLRequest(text, None, given or {}, {}, None, reading=False)
        context = Context(self.api.services, asking)
        return await execution.answer(request, context, "test", GRAPHQL_JSON)

    def ask(self, way: str, text: str, asking: Caller, given: Any = None) -> bytes:
        answer = self.api.run(self.asked(self.executions[way], text, asking, given))
        body: bytes = answer.body
        return body

    def learned(self, asking: Caller, body: bytes) -> list[str]:
        """Return what an answer tells of the others."""
        shown = self.shipments if asking.role in SEES_ALL_SHIPMENTS else ()
        return leaks(body.decode(), [word for word in self.foreign if word not in shown])

    def battery(self, ids: dict[str, str]) -> Iterator[tuple[str, str, str, bytes]]:
        """Yield who asked what in which way, with ids left out, and the answer to it."""
        seen = "{ complaints(orderBy: NUMBER_ASC, first: 1) { pageInfo { endCursor } } }"
        tag = self.api.graphql(seen)["complaints"]["pageInfo"]["endCursor"].partition(".")[0]
        cursor = f"{tag}.{NOBODY}.C-2026-000002"
        for (who, asking), way in product(CONFINED.items(), self.executions):
            asked = questions(THEIRS, ids, cursor, 10**9)
            for plain, text in zip(questions(THEIRS, NOBODYS, cursor, 10**9), asked, strict=True):
                if not is_open_to(asking, plain) and ids["Shipment"] not in text:
                    yield who, way, plain, self.ask(way, text, asking)


@pytest.fixture(scope="module")
def company(shared: Any) -> Company:
    """Ask everything before the others' cases come in, and let them come in then."""
    executions = {
        "compiled": Execution(schema, LIMITS),
        "ordinary": Execution(schema, LIMITS, compiled=False),
    }
    made = Company(shared, bring(shared, OWN, "partner"), executions)
    shared.until(lambda: shared.get("/health/ready").json()["lag_events"]["audit"] == 0)
    made.answers = {tuple(rest): body for *rest, body in made.battery(NOBODYS)}
    made.theirs = bring(shared, THEIRS, "other_partner")
    shared.until(lambda: shared.get("/health/ready").json()["lag_events"]["audit"] == 0)
    made.foreign = secrets(shared, made.theirs, THEIRS)
    shipment, improvement = made.foreign[5], made.foreign[6]
    made.shipments = [WAYBILL[THEIRS], shipment]
    made.ids = {
        "Complaint": made.theirs,
        "Shipment": global_id("Shipment", as_uuid(shipment, field="id")),
        "Improvement": global_id("Improvement", as_uuid(improvement, field="id")),
        "Notice": NOBODYS["Notice"],
    }
    made.foreign += [made.ids["Shipment"], made.ids["Improvement"]]
    made.shipments.append(made.ids["Shipment"])
    return made


def test_no_answer_changes_when_cases_of_others_come_in(company: Company) -> None:
    """Neither rows nor counts, pages, orders, cursors or errors: there is nothing to compare."""
    asked = 0
    for who, way, plain, body in company.battery(company.ids):
        assert body == company.answers[who, way, plain], (who, way, plain)
        assert company.learned(CONFINED[who], body) == []
        asked += 1
    assert asked == len(company.answers) > 500


def test_the_battery_finds_what_is_there(company: Company) -> None:
    """Or else it would prove nothing: who may see the others' case gets other answers."""
    desk = caller("d-1", Role.FRONT_DESK)
    found = {
        text
        for text in questions(THEIRS, company.ids, "x", 10**9)
        if company.ask("compiled", text, desk)
        != company.ask("compiled", text.replace(company.theirs, NOBODYS["Complaint"]), desk)
    }
    assert len(found) >= 6
    seen = company.ask("compiled", f'{{ complaint(id: "{company.theirs}") {{ subject }} }}', desk)
    assert THEIRS.encode() in seen
    confined = [
        f'{{ complaint(id: "{company.own}") {{ subject }} }}',
        "{ complaints { totalCount } }",
    ]
    for asking in CONFINED.values():
        assert OWN.encode() in company.ask("compiled", confined[0], asking)
        assert company.ask("ordinary", confined[1], asking).endswith(b'"totalCount":1}}}')


@pytest.mark.acceptance
def test_no_question_made_by_chance_shows_what_is_others(
    company: Company, *, full_volume: bool
) -> None:
    numbers = company.api.rows("SELECT number FROM read.complaints")
    pools = Pools(
        {
            "id": list(company.ids.values()),
            "ids": [*company.ids.values(), company.own],
            "caseId": list(company.ids.values()),
            "number": [row[0] for row in numbers],
            "waybill": list(WAYBILL.values()),
            "text": [THEIRS, OWN],
            "handler": ["agent-2", "agent-1"],
            "owner": ["agent-2"],
            "department": ["line", "hub"],
            "region": ["west", "east"],
            "DateTime": ["2000-01-01T00:00:00Z", "2999-01-01T00:00:00Z"],
        }
    )
    generator = QueryGenerator(schema._schema, pools, seed=77)
    everybody = list(CONFINED.items())
    for number in range(5000 if full_volume else 250):
        query = generator.query()
        who, asking = everybody[number % len(everybody)]
        for way in company.executions:
            body = company.ask(way, query.text, asking, query.variables)
            assert company.learned(asking, body) == [], (who, way, query.text, query.variables)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_about_anothers_case_is_answered_as_if_there_were_none(
    company: Company, name: str
) -> None:
    api, before = company.api, company.api.events()
    answers = []
    for key in (company.theirs, NOBODYS["Complaint"]):
        given = {"input": {"complaintId": key} | COMMANDS[name]}
        answers.append(api.post(mutation(name), given, "partner").content)

    assert answers[0] == answers[1]
    assert company.learned(CONFINED["partner"], answers[0]) == []
    assert api.events() == before


def test_it_takes_no_longer_to_refuse_what_is_there_than_what_is_not(company: Company) -> None:
    """Measured and printed; only a difference that anybody would see fails."""
    took: dict[str, list[float]] = {"theirs": [], "nobody's": []}
    document = "query Q($i: ID!) { complaint(id: $i) { id subject } }"
    for _ in range(150):
        for whose, key in (("theirs", company.theirs), ("nobody's", NOBODYS["Complaint"])):
            began = perf_counter()
            company.ask("compiled", document, CONFINED["partner"], {"i": key})
            took[whose].append(perf_counter() - began)
    medians = {whose: median(times) * 1000 for whose, times in took.items()}
    print(f"\nnot found, median ms: {medians}")
    assert abs(medians["theirs"] - medians["nobody's"]) < 1.0


@pytest.mark.parametrize("who", CONFINED)
def test_a_rating_out_of_reach_is_not_reached_through_its_shipment(
    company: Company, who: str
) -> None:
    asking = CONFINED[who]
    paths = (
        f'shipment(waybill: "{WAYBILL[THEIRS]}") {{ ratings {{ reference comment }} }}',
        "shipments { edges { node { ratings { reference comment } } } }",
        f'node(id: "{company.ids["Shipment"]}") {{ ... on Shipment {{ ratings {{ title }} }} }}',
    )
    for way, path in product(company.executions, paths):
        body = company.ask(way, f"{{ {path} }}", asking)
        assert company.learned(asking, body) == [], (way, path)


# Links


def test_a_link_to_anothers_case_shows_its_id_at_most(company: Company) -> None:
    """Who may read the one case learns that there is another, and nothing of it."""
    api = company.api
    one = api.receive("partner", subject=OWN)["id"]
    done(api, "linkComplaint", complaintId=one, otherComplaintId=company.theirs)
    other = api.receive("other_partner", subject=THEIRS)["id"]
    third = api.receive("partner", subject=OWN)["id"]
    for case in (other, third):
        done(api, "registerComplaint", complaintId=case)
    done(api, "mergeComplaint", complaintId=third, intoId=other, reason="重复")
    words = [*secrets(api, other, THEIRS)[3:4], *company.foreign]
    ids = {company.theirs, str(as_uuid(company.theirs, field="id"))}
    asking = CONFINED["partner"]
    for way, key in product(company.executions, (one, third)):
        shown = "id links { targetId } mergedInto { id number subject timeline { totalCount } }"
        body = company.ask(way, f'{{ complaint(id: "{key}") {{ {shown} }} }}', asking).decode()
        assert leaks(body, set(words) - ids) == []
        assert '"mergedInto":null' in body
        fields = "aggregateId actor sentence reason zh: sentence(lang: ZH)"
        history = company.ask(way, f'{{ caseHistory(caseId: "{key}") {{ {fields} }} }}', asking)
        assert leaks(history.decode(), set(words) - ids) == []


# Plans


DOCUMENTS = (
    (
        "query Q($on: Boolean!) { complaints { edges { node { number accused @include(if: $on)"
        " subject @skip(if: $on) remarks { text } evidence { note reference } } } } }"
    ),
    (
        "query Q($on: Boolean!) { complaints { edges { node { id ...F @include(if: $on) } } } }"
        " fragment F on Complaint { accused resolution { feasibility } shipment { waybill }"
        " timeline { edges { node { sentence reason } } } }"
    ),
    (
        "query Q($on: Boolean!) { ratings @skip(if: $on) { edges { node { title comment } } }"
        " shipments @include(if: $on) { edges { node { waybill ratings { comment } } } } }"
    ),
    (
        "query Q($on: Boolean!) { improvements @include(if: $on) { totalCount }"
        " complaints(first: 5) { edges { node { answer step @skip(if: $on) { owner } } } } }"
    ),
    (
        "query A { complaints { totalCount } } query Q($on: Boolean!) { notices @include(if: $on)"
        " { totalCount } viewer { actor role } }"
    ),
)


def narrowed() -> Iterator[Caller]:
    """Yield callers of every role, some with few operations or no unit."""
    for role in Role:
        if role is Role.SYSTEM:
            continue
        yield caller(f"{role.value}-1", role)
        for allowed in ({"complaints"}, {"complaints", "personalData"}, {"ratings", "shipments"}):
            if any(role in PERMISSIONS[operation] for operation in allowed):
                yield caller(f"{role.value}-1", role, operations=frozenset(allowed))
    yield from CONFINED.values()
    yield caller("other_partner-1", Role.PARTNER)


@pytest.mark.acceptance
def test_nobody_is_answered_by_the_plan_of_another(company: Company, *, full_volume: bool) -> None:
    """One server that knows everybody's plans answers as one that has never answered before."""
    random = Random(5)
    everybody = list(narrowed())
    crowded = company.executions["compiled"]
    for _ in range(4000 if full_volume else 300):
        asking, text = random.choice(everybody), random.choice(DOCUMENTS)
        given = {"on": random.random() < 0.5}
        request = GraphQLRequest(text, "Q", given, {}, None, reading=False)
        bodies = []
        for one in (crowded, company.executions["ordinary"], Execution(schema, LIMITS)):
            context = Context(company.api.services, asking)
            answer = company.api.run(one.answer(request, context, "test", GRAPHQL_JSON))
            bodies.append(answer.body)
        assert bodies[0] == bodies[2], (asking, text)
        if b'"errors"' not in bodies[1]:
            assert bodies[0] == bodies[1], (asking, text)


def test_a_key_for_one_read_reaches_no_further_by_nesting(company: Company) -> None:
    whole = "complaints { edges { node { %s } } }"
    for allowed, question in (
        ("complaints", whole % "shipment { id }"),
        ("complaints", whole % "timeline { totalCount }"),
        ("complaints", "ratings { totalCount }"),
        ("shipments", whole % "id"),
        ("shipments", "shipments { edges { node { timeline { totalCount } } } }"),
        ("shipments", "shipments { edges { node { ratings { score } } } }"),
    ):
        for role, way in product((Role.AUDITOR, Role.FRONT_DESK, Role.PARTNER), company.executions):
            asking = caller("partner-1", role, operations=frozenset({allowed}))
            body = company.ask(way, f"{{ {question} }}", asking)
            assert b"FORBIDDEN" in body, (allowed, question, role, way, body)
    asking = caller("partner-1", Role.PARTNER, operations=frozenset({"complaints"}))
    for way in company.executions:
        texts = "subject facts answer ratingComment evidence { note reference } remarks { text }"
        assert OWN.encode() not in company.ask(way, f"{{ {whole % texts} }}", asking)
        searched = f'{{ complaints(filter: {{text: "{OWN}"}}) {{ totalCount }} }}'
        assert b"FORBIDDEN" in company.ask(way, searched, asking)


# Connections of the pool


@pytest.mark.acceptance
def test_no_scope_is_left_behind_on_a_connection(
    company: Company, monkeypatch: pytest.MonkeyPatch, *, full_volume: bool
) -> None:
    """Interleaved with errors, deadlines and clients that go away, each sees what is theirs."""
    api, random = company.api, Random(9)
    every = company.api.rows("SELECT count(*) FROM read.complaints")[0][0]
    listing = "query L($n: Int) { complaints(first: $n) { totalCount edges { node { subject } } } }"
    slow = "{ complaints(first: 1000) { edges { node { subject timeline(first: 9) { edges {"
    slow += " node { sentence } } } } } } }"

    async def ask(role: str, text: str, number: int, *, leaves: bool) -> Any:
        order = asyncio.create_task(api.posted(text, {"n": number}, role))
        if leaves:
            await asyncio.sleep(random.random() * 0.01)
            order.cancel()
        with suppress(asyncio.CancelledError):
            return role, text is listing and number > 0, (await order).json()

    async def crowd() -> list[Any]:
        roles = ("partner", "auditor", "partner", "customer", "other_partner")
        asked = (
            ask(
                random.choice(roles),
                random.choice((listing, listing, listing, slow)),
                random.choice((1000, 1000, -1)),
                leaves=random.random() < 0.15,
            )
            for _ in range(50)
        )
        return [answer for answer in await asyncio.gather(*asked) if answer is not None]

    answered = 0
    hidden = {"partner": THEIRS, "other_partner": OWN}
    for turn in range(60 if full_volume else 6):
        with monkeypatch.context() as patched:
            if turn % 3 == 1:
                patched.setattr(execution, "QUERY_SECONDS", 0.01)
            for role, whole, answer in api.run(crowd()):
                assert role not in hidden or hidden[role] not in str(answer)
                if role == "auditor" and whole and answer.get("data"):
                    assert answer["data"]["complaints"]["totalCount"] == every
                    answered += 1
    assert answered

    async def left_behind() -> list[Any]:
        async def borrowed() -> Any:
            async with api.services.read_pool.connection() as connection:
                await asyncio.sleep(0.05)
                found = await connection.execute(
                    "SELECT coalesce(current_setting('redress.scope', true), ''),"
                    " (SELECT count(*) FROM read.complaints)"
                )
                return await found.fetchone()

        return await asyncio.gather(*(borrowed() for _ in range(16)))

    assert set(api.run(left_behind())) == {("", 0)}


def test_the_reader_neither_writes_nor_leaves_the_read_models(company: Company) -> None:
    async def tried(statement: str) -> None:
        async with company.api.services.read_pool.connection() as connection:
            await connection.execute(statement)

    for statement in (
        "DELETE FROM read.complaints",
        "ALTER TABLE read.complaints DISABLE ROW LEVEL SECURITY",
        "SELECT * FROM log.stored_events",
        "COPY (SELECT 1) TO PROGRAM 'true'",
        "CREATE TABLE read.x (a int)",
        "SELECT pg_read_file('/etc/passwd')",
    ):
        with pytest.raises(psycopg.Error):
            company.api.run(tried(statement))
