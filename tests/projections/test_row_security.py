"""The second wall: what the database itself shows to readers, whatever the program asks for."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, LiteralString
from uuid import UUID, uuid5

import psycopg
import pytest
from psycopg import Connection, sql

from api.bootstrap import as_role
from api.database import Database
from api.projecting import feed
from application.eventstore.subject_keys import MasterKey, Unsealing
from application.permissions import Caller, scope_text
from domain.identifiers import NAMESPACE
from domain.organisation import UnitKey, UnitKind
from domain.roles import PersonId, Role
from projections import PROJECTIONS
from projections.rebuild import rebuild

NOW = datetime(2026, 3, 2, tzinfo=UTC)
_RELATIONS: LiteralString = """
SELECT relnamespace::regnamespace::text, relname, relrowsecurity AND relforcerowsecurity
FROM pg_class
WHERE relnamespace IN ('read'::regnamespace, 'read_personal'::regnamespace)
    AND relkind IN ('r', 'p', 'v', 'm', 'f')
ORDER BY 1, 2
"""
_REQUIRED: LiteralString = """
SELECT attname, atttypid::regtype::text FROM pg_attribute
WHERE attrelid = %s::regclass AND attnotnull AND attnum > 0
"""
_POLICIES: LiteralString = """
SELECT schemaname, tablename, policyname, permissive, roles, cmd, qual, with_check FROM pg_policies
ORDER BY 1, 2, 3
"""
_BLANK: dict[str, Any] = {
    "uuid": UUID(int=0),
    "text": "",
    "bigint": 0,
    "boolean": False,
    "timestamp with time zone": NOW,
}

# Three cases and their shipments: of two partners, departments, regions, outlets and persons, and
# one that is nobody's yet. A row of another table is named after the case that it belongs to.
CASES: dict[str, dict[str, Any]] = {
    "one": {"partner": "shop", "department": "hub", "region": "east", "outlet": "lake"},
    "two": {"partner": "store", "department": "line", "region": "west", "outlet": "hill"},
    "raw": {"partner": None, "department": None, "region": None, "outlet": None},
}
HANDLERS = {"one": "ann", "two": "bob", "raw": None}
OF_COMPLAINT = {
    "read.complaints": "id",
    "read.evidence": "complaint",
    "read.rated": "id",
    "read.ratings": "subject",
    "read.case_entries": "case_id",
    "read.case_links": "from_id",
    "read.sla_dockets": "case_id",
    "read.sla_clocks": "case_id",
    "read.sla_past": "case_id",
}
FOR_STAFF = {"read.notices": "case_id", "read.improvements": "complaint"}
TEXTS_OF_COMPLAINT = {
    "read_personal.complaint_texts": "id",
    "read_personal.complaint_words": "id",
    "read_personal.remarks": "complaint",
}
OF_APPEAL = {"read.appeals": "complaint", "read_personal.appeal_texts": "customer"}
TEXTS_BY_POSITION = ("read_personal.evidence_texts", "read_personal.rating_texts")
OF_SHIPMENT = {"read.shipments": "id", "read.milestones": "shipment"}
ORGANISATION = ("read.units", "read.people", "read.appointments")
POLICIES = (
    *("read.complaint_policies", "read.policy_steps"),
    *("read.calendars", "read.calendar_years", "read.calendar_days"),
)
CONTRACTS = {
    "read.service_level_policies": "id",
    "read.service_level_clocks": "version_id",
    "read.service_level_alerts": "clock_id",
    "read.service_level_departments": "version_id",
}
VERSIONS = {
    "default:1": "",
    "shops:1": "shop",
    "shops:2": "",  # its partner is told how its contract ended
    "all:1": "mall shop store",
    "workshop:1": "workshop shop-1",
    "free:1": "",
}
"""Versions of service-level policies, and the accounts that they name."""


def complaint(name: str) -> UUID:
    return uuid5(NAMESPACE, f"complaint {name}")


def shipment(name: str) -> UUID:
    return uuid5(NAMESPACE, f"shipment {name}")


def put(connection: Connection[Any], table: str, **given: Any) -> None:
    """Insert a row; what must be there and is not given is blank."""
    required = {name: _BLANK[kind] for name, kind in connection.execute(_REQUIRED, [table])}
    row = required | given
    connection.execute(
        sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
            sql.Identifier(*table.split(".")),
            sql.SQL(", ").join(map(sql.Identifier, row)),
            sql.SQL(", ").join(sql.Placeholder() * len(row)),
        ),
        list(row.values()),
    )


@pytest.fixture
def filled(database: str) -> str:
    """A database with rows in every table, written as the projector writes them."""
    with psycopg.connect(as_role(database, "redress_writer")) as writer:
        for at, (name, of) in enumerate(CASES.items(), start=1):
            case, parcel, who = complaint(name), shipment(name), HANDLERS[name]
            for table, column in (OF_COMPLAINT | TEXTS_OF_COMPLAINT).items():
                if table != "read.complaints":
                    key = {"position": at} if table in _WITH_POSITION else {}
                    put(writer, table, **key | {column: case} | _extra(table, at))
            put(writer, "read.complaints", id=case, number=name, handler=who, **of)
            put(writer, "read.notices", id=uuid5(case, "notice"), case_id=case)
            put(
                writer,
                "read.improvements",
                id=uuid5(case, "improvement"),
                complaint=case,
                department=of["department"] or "none",
                owner=who or "none",
            )
            belongs = {key: of[key] for key in ("partner", "department", "region", "outlet")}
            appeal = uuid5(case, "appeal")
            put(writer, "read.appeals", id=appeal, number=name, complaint=case, **belongs)
            put(writer, "read_personal.appeal_texts", id=appeal, customer=case)
            where = {key: of[key] for key in ("partner", "region", "outlet")}
            put(writer, "read.shipments", id=parcel, waybill=name, **where)
            put(writer, "read.milestones", position=at, shipment=parcel)
            for table in TEXTS_BY_POSITION:
                put(writer, table, position=at)
        for table in (*ORGANISATION, *POLICIES, "read_personal.people_names"):
            put(writer, table)
    fill_contracts(database)
    return database


def fill_contracts(database: str) -> None:
    with psycopg.connect(as_role(database, "redress_writer")) as writer:
        for version, accounts in VERSIONS.items():
            code = version.partition(":")[0]
            put(writer, "read.service_level_policies", id=version, code=code, accounts=accounts)
            put(writer, "read.service_level_clocks", id=version, version_id=version)
            put(writer, "read.service_level_alerts", id=version, clock_id=version)
            put(writer, "read.service_level_departments", id=version, version_id=version)


_WITH_POSITION = {
    *("read.evidence", "read.ratings", "read.case_entries", "read.case_links"),
    "read_personal.remarks",
}


def _extra(table: str, at: int) -> dict[str, Any]:
    keys = {
        "read.case_links": {"id": at},
        "read.sla_clocks": {"id": UUID(int=at), "case_kind": "complaint"},
        "read.sla_past": {"past_id": UUID(int=at), "case_kind": "complaint"},
    }
    return keys.get(table, {})


@pytest.fixture
def reader(filled: str) -> Iterator[Connection[Any]]:
    with psycopg.connect(as_role(filled, "redress_reader")) as connection:
        yield connection


def show(connection: Connection[Any], scope: str) -> None:
    connection.execute("SELECT set_config('redress.scope', %s, true)", [scope])


def seen(connection: Connection[Any], table: str, column: str, names: Any) -> set[str]:
    """Return which cases the rows of a table belong to, with nothing asked but to see them all."""
    rows = connection.execute(
        sql.SQL("SELECT {} FROM {}").format(
            sql.Identifier(column), sql.Identifier(*table.split("."))
        )
    ).fetchall()
    known = {names(name): name for name in CASES}
    return {known[key] for (key,) in rows}


def relations(database: str) -> list[tuple[str, bool]]:
    with psycopg.connect(database) as connection:
        return [(f"{a}.{b}", on) for a, b, on in connection.execute(_RELATIONS).fetchall()]


def count(connection: Connection[Any], table: str) -> int:
    name = sql.Identifier(*table.split("."))
    row = connection.execute(sql.SQL("SELECT count(*) FROM {}").format(name)).fetchone()
    assert row is not None
    return int(row[0])


@pytest.mark.parametrize("rebuilt", [False, True])
def test_without_a_scope_no_read_model_shows_a_row(
    filled: str, master: MasterKey, rebuilt: bool
) -> None:
    found = relations(filled)
    assert len(found) >= 21
    if rebuilt:
        rebuild_all(filled, master)
    with (
        psycopg.connect(as_role(filled, "redress_reader")) as reader,
        psycopg.connect(as_role(filled, "redress_writer")) as writer,
    ):
        for table, guarded in relations(filled):
            assert guarded, table
            if rebuilt:
                put(writer, table)
                writer.commit()
            assert count(writer, table) > 0, table
            for scope in (None, "", "{}"):
                if scope is not None:
                    show(reader, scope)
                shown = count(reader, table)
                assert shown == (1 if scope == "{}" and table in POLICIES else 0), (table, scope)
            reader.rollback()


def test_a_rebuilt_read_model_keeps_its_policies(filled: str, master: MasterKey) -> None:
    with psycopg.connect(filled, autocommit=True) as connection:
        before = connection.execute(_POLICIES).fetchall()
        rebuild_all(filled, master)
        assert connection.execute(_POLICIES).fetchall() == before
    assert len(before) >= 2 * 21
    assert all(guarded for _, guarded in relations(filled))


def rebuild_all(database: str, master: MasterKey) -> None:
    opened = Database(url=database, embedded=None, master=master)
    with psycopg.connect(as_role(database, "redress_owner"), autocommit=True) as owner:
        for projection in PROJECTIONS.values():
            rebuild(owner, projection, feed(opened), Unsealing(master))


def caller(role: Role, name: str = "ann", *units: tuple[UnitKind, str]) -> Caller:
    keys = frozenset(UnitKey(kind, code) for kind, code in units)
    return Caller(name, PersonId(name), role, keys)


HUB = (UnitKind.DEPARTMENT, "hub")
WEST = (UnitKind.REGION, "west")
ALL = {*CASES}
SCOPES: dict[str, tuple[Caller, set[str], set[str], bool]] = {
    # who asks: the cases, the shipments, and whether also what people wrote
    "front desk": (caller(Role.FRONT_DESK), ALL, ALL, True),
    "finance": (caller(Role.FINANCE), ALL, ALL, False),
    "a shop": (caller(Role.PARTNER, "shop"), {"one"}, {"one"}, True),
    "a store": (caller(Role.PARTNER, "store"), {"two"}, {"two"}, True),
    "a stranger": (caller(Role.PARTNER, "stranger"), set(), set(), True),
    "an unnamed partner": (caller(Role.PARTNER, ""), set(), set(), True),
    "head of the hub": (caller(Role.DEPARTMENT_HEAD, "eve", HUB), {"one"}, ALL, True),
    "investigator": (caller(Role.INVESTIGATOR, "eve", WEST), {"two"}, ALL, True),
    "handler": (caller(Role.BACK_OFFICE, "bob"), {"two"}, ALL, True),
    "agent of the west": (caller(Role.ACCOUNT_AGENT, "eve", WEST), {"two"}, {"two"}, True),
    "agent of an outlet": (
        caller(Role.ACCOUNT_AGENT, "eve", (UnitKind.OUTLET, "lake")),
        {"one"},
        {"one"},
        True,
    ),
    "agent of the hub": (caller(Role.ACCOUNT_AGENT, "eve", HUB), {"one"}, set(), True),
}


@pytest.mark.parametrize("who", SCOPES)
def test_the_database_shows_a_caller_its_own_rows_whatever_is_asked(
    reader: Connection[Any], who: str
) -> None:
    asking, cases, shipments, personal = SCOPES[who]
    show(reader, scope_text(asking))

    for table, column in OF_COMPLAINT.items():
        assert seen(reader, table, column, complaint) == cases, table
    for table, column in TEXTS_OF_COMPLAINT.items():
        assert seen(reader, table, column, complaint) == (cases if personal else set()), table
    for table, column in OF_SHIPMENT.items():
        assert seen(reader, table, column, shipment) == shipments, table
    for table in TEXTS_BY_POSITION:
        assert count(reader, table) == (len(cases) if personal else 0), table
    staff = asking.role is not Role.PARTNER
    assert seen(reader, "read.notices", "case_id", complaint) == (cases if staff else set())
    for table in ORGANISATION:
        assert count(reader, table) == staff, table
    assert count(reader, "read_personal.people_names") == (staff and personal)
    for table in POLICIES:
        assert count(reader, table) == 1, table


@pytest.mark.parametrize("rebuilt", [False, True])
def test_partners_are_shown_the_service_levels_of_everybody_and_their_own(
    filled: str, master: MasterKey, rebuilt: bool
) -> None:
    own = {"a shop": {"shops:1", "shops:2", "all:1"}, "a store": {"all:1"}}
    if rebuilt:
        rebuild_all(filled, master)
        fill_contracts(filled)
    with psycopg.connect(as_role(filled, "redress_reader")) as reader:
        for who, (asking, *_) in SCOPES.items():
            show(reader, scope_text(asking))
            wanted = {"default:1"} | own.get(who, set())
            if asking.role is not Role.PARTNER:
                wanted = set(VERSIONS)
            for table, column in CONTRACTS.items():
                listing = sql.SQL("SELECT {} FROM {}").format(
                    sql.Identifier(column), sql.Identifier(*table.split("."))
                )
                assert {row[0] for row in reader.execute(listing)} == wanted, (who, table)


def test_improvement_actions_are_shown_by_department_and_owner_only(
    reader: Connection[Any],
) -> None:
    for who, wanted in (
        ("front desk", ALL),
        ("a shop", set()),
        ("head of the hub", {"one"}),
        ("handler", {"two"}),
        ("agent of the west", set()),
    ):
        show(reader, scope_text(SCOPES[who][0]))
        assert seen(reader, "read.improvements", "complaint", complaint) == wanted, who


def test_appeals_are_shown_to_staff_by_department_and_place_only(
    reader: Connection[Any],
) -> None:
    for who, wanted, personal in (
        ("front desk", ALL, True),
        ("finance", ALL, False),
        ("a shop", set(), True),
        ("head of the hub", {"one"}, True),
        ("investigator", {"two"}, True),
        ("handler", set(), True),
        ("agent of an outlet", {"one"}, True),
    ):
        show(reader, scope_text(SCOPES[who][0]))
        assert seen(reader, "read.appeals", "complaint", complaint) == wanted, who
        texts = seen(reader, "read_personal.appeal_texts", "customer", complaint)
        assert texts == (wanted if personal else set()), who


def test_the_history_of_an_appeal_is_shown_with_it(reader: Connection[Any], filled: str) -> None:
    with psycopg.connect(as_role(filled, "redress_writer")) as writer:
        for at, name in enumerate(CASES, start=10):
            appeal = uuid5(complaint(name), "appeal")
            put(writer, "read.case_entries", position=at, case_id=appeal, topic="appeal.received")
            put(writer, "read.case_links", id=at, from_id=appeal, relation="appealed")
    count_both = """SELECT (SELECT count(*) FROM read.case_entries WHERE topic = 'appeal.received'),
        (SELECT count(*) FROM read.case_links WHERE relation = 'appealed')"""
    for who, many in (("auditor", 3), ("head of the hub", 1), ("handler", 0), ("a shop", 0)):
        asking = caller(Role.AUDITOR) if who == "auditor" else SCOPES[who][0]
        show(reader, scope_text(asking))
        assert reader.execute(count_both).fetchone() == (many, many), who


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.CUSTOMER])
def test_who_may_read_nothing_is_shown_nothing(role: Role) -> None:
    assert scope_text(None) == scope_text(caller(role)) == ""


def test_a_caller_narrowed_to_other_operations_is_shown_no_texts(reader: Connection[Any]) -> None:
    narrowed = Caller("a", PersonId("a"), Role.FRONT_DESK, operations=frozenset({"complaints"}))
    show(reader, scope_text(narrowed))

    assert count(reader, "read.complaints") == len(CASES)
    assert count(reader, "read_personal.complaint_texts") == 0


def test_every_table_is_spoken_of_here(filled: str) -> None:
    spoken_of = {
        *(OF_COMPLAINT | TEXTS_OF_COMPLAINT | OF_SHIPMENT | FOR_STAFF | OF_APPEAL),
        *(*TEXTS_BY_POSITION, *ORGANISATION, *POLICIES, *CONTRACTS),
        "read_personal.people_names",
    }
    assert {table for table, _ in relations(filled)} == spoken_of


def test_a_search_finds_what_the_scope_shows(reader: Connection[Any], filled: str) -> None:
    with psycopg.connect(as_role(filled, "redress_writer")) as writer:
        writer.execute("UPDATE read_personal.complaint_words SET words = 'amber word'")
    find = "SELECT read_personal.find_complaints(ARRAY['amber'])"
    for who, (asking, cases, _, personal) in SCOPES.items():
        show(reader, scope_text(asking))
        found = {key for (key,) in reader.execute(find)}
        assert found == ({complaint(name) for name in cases} if personal else set()), who


def test_a_reader_cannot_switch_the_policies_off(reader: Connection[Any]) -> None:
    for statement in (
        "SET row_security = off; SELECT * FROM read.complaints",
        "ALTER TABLE read.complaints DISABLE ROW LEVEL SECURITY",
        "DROP POLICY reached ON read.complaints",
    ):
        with (
            pytest.raises(psycopg.errors.InsufficientPrivilege),
            reader.transaction(force_rollback=True),
        ):
            reader.execute(statement)
