"""Two walls keep cases apart, the program's conditions and row-level security: each holds alone.

One of them is taken down, and what a caller then sees is what it sees with both.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from psycopg import sql

from api.graphql import context
from api.settings import Settings
from application.permissions import EVERYTHING
from domain.organisation import UnitKind
from domain.roles import Role
from tests.api.authorisation_table import READERS
from tests.api.cases import EVIDENCE, done
from tests.api.streaming import CASE_CHANGED, Running, listening
from tests.api.test_authorisation_reach import ALL, ASKING, HOLDERS, WORD, World

WAYS = {"compiled": "", "ordinary": " categories { __typename }"}
"""A root field that the compiler leaves alone has the whole request answered ordinarily."""
DEPARTMENTS = {"hub": "one", "line": "two"}
PERSONAL = {
    *(Role.FRONT_DESK, Role.BACK_OFFICE, Role.ACCOUNT_AGENT, Role.DEPARTMENT_HEAD),
    *(Role.INVESTIGATOR, Role.CLAIMS_OFFICER, Role.COMPLIANCE, Role.AUDITOR, Role.PARTNER),
}
"""Who may read what people wrote, written down independently of the code."""
TEXTS = """
complaints { edges { node { subject facts complainant ratingComment remarks { text }
  evidence { note reference } } } }
ratings { edges { node { title comment } } }
shipments { edges { node { ratings { comment } } } }
"""


@pytest.fixture(scope="module")
def world(shared: Any) -> World:
    made = World(shared)
    made.build()
    written = EVIDENCE | {"note": WORD, "reference": WORD}
    shared.issue(*((role.value, role) for role in READERS - {Role.PARTNER}))  # for the company
    done(shared, "addEvidence", complaintId=made.cases["raw"], **written)
    return made


@contextmanager
def program_alone(world: World) -> Iterator[None]:
    """Take row-level security down."""
    _alter(world, "DISABLE")
    try:
        yield
    finally:
        _alter(world, "ENABLE")


def _alter(world: World, word: str) -> None:
    tables = world.api.rows(
        "SELECT relnamespace::regnamespace::text, relname FROM pg_class WHERE relkind = 'r'"
        " AND relnamespace IN ('read'::regnamespace, 'read_personal'::regnamespace)"
    )
    with psycopg.connect(world.api.database.conninfo) as connection:
        for table in tables:
            connection.execute(
                sql.SQL("ALTER TABLE {} {} ROW LEVEL SECURITY").format(
                    sql.Identifier(*table), sql.SQL(word)
                )
            )


@contextmanager
def database_alone(_world: World) -> Iterator[None]:
    """Take down what the program knows of reach."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(context, "reach", lambda _caller, _operation: EVERYTHING)
        yield


WALLS = {"program": program_alone, "database": database_alone}


def asked(world: World, question: str, who: str, way: str, **variables: str) -> Any:
    """Ask for ``found``."""
    declared = "($id: ID!)" if variables else ""
    document = f"query Q{declared} {{ found: {question}{WAYS[way]} }}"
    return world.api.graphql(document, variables or None, who)["found"]


def listed(world: World, question: str, who: str, way: str, shown: str = "id") -> list[str]:
    """Return a field of all that a connection lists; the total is as many."""
    page = asked(world, f"{question} {{ totalCount edges {{ node {{ {shown} }} }} }}", who, way)
    assert page["totalCount"] == len(page["edges"]), (question, who, way)
    return [edge["node"][shown] for edge in page["edges"]]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("wall", WALLS)
def test_each_wall_alone_shows_a_caller_its_own_cases(world: World, wall: str, way: str) -> None:
    with WALLS[wall](world):
        for who, (role, _, _, cases, shipments) in ASKING.items():
            for objects, within, questions in (
                (world.cases, cases, ("complaints", f'complaints(filter: {{text: "{WORD}"}})')),
                (world.shipments, shipments, ("shipments",)),
            ):
                for question in questions:
                    found = set(listed(world, question, who, way))
                    assert found == {objects[name] for name in within}, (who, question)
            for objects, within, fields in (
                (world.cases, cases, ("node(id: $id)", "complaint(id: $id)")),
                (world.cases, cases, ("caseHistory(caseId: $id, linked: false)",)),
                (world.shipments, shipments, ("node(id: $id)",)),
            ):
                for field in fields:
                    for name, key in objects.items():
                        found = asked(world, f"{field} {{ id }}", who, way, id=key)
                        assert bool(found) is (name in within), (who, field, name)
            counted = asked(world, "complaintCounts { count }", who, way)
            assert sum(group["count"] for group in counted) == len(cases), who
            rated = {world.cases[name] for name in cases}
            rated |= {world.shipments[name] for name in shipments}
            assert {*listed(world, "ratings", who, way, "subjectId")} <= rated, who
            assert role is Role.PARTNER or _staff_sees(world, who, way), who


def _staff_sees(world: World, who: str, way: str) -> bool:
    """Say whether notices and improvement actions are those within reach."""
    _, units, holder, cases, _ = ASKING[who]
    own = {name for name, person in HOLDERS.items() if person == holder}
    for unit in units or ():
        if unit.kind is UnitKind.DEPARTMENT:
            own |= {DEPARTMENTS[unit.code]}
    within = {*world.improvements} if cases == ALL else own
    notices = {*listed(world, "notices", who, way)}
    improvements = {*listed(world, "improvements", who, way)}
    return notices == {world.notices[name] for name in cases} and improvements == {
        world.improvements[name] for name in within
    }


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("wall", WALLS)
def test_each_wall_alone_keeps_what_people_wrote_from_who_may_not_read_it(
    world: World, wall: str, way: str
) -> None:
    with WALLS[wall](world):
        for role in READERS:
            answer = world.api.graphql(f"{{ {TEXTS}{WAYS[way]} }}", None, role.value)
            assert (WORD in str(answer)) is (role in PERSONAL), role


@pytest.fixture(scope="module")
def server(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    settings = Settings.from_env({"REDRESS_DATA_DIR": str(tmp_path_factory.mktemp("served"))})
    with listening(world.api.database, settings) as running:
        yield running


@pytest.mark.parametrize("wall", WALLS)
def test_each_wall_alone_keeps_a_caller_from_following_cases_of_others(
    world: World, server: Running, wall: str
) -> None:
    async def follow(who: str) -> None:
        async with server.client(world.api.keys[who]) as client:
            for name, key in world.cases.items():
                await client.subscribe(CASE_CHANGED, {"case": key, "after": 0}, number=name)
                while (message := await client.receive())["id"] != name:
                    pass  # the steps of a case that is followed already
                assert message["type"] == ("next" if name in ASKING[who][3] else "error"), who

    async def all_of_them() -> None:
        await asyncio.gather(*(follow(who) for who in ASKING))

    with WALLS[wall](world):
        asyncio.run(all_of_them())
