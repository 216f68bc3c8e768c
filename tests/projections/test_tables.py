"""Tables of read models: as declared, as granted, and without personal data where none belongs."""

import asyncio
from collections.abc import Coroutine, Iterator
from dataclasses import fields
from typing import Any, LiteralString, get_args, get_type_hints
from uuid import UUID
from zoneinfo import ZoneInfo

import psycopg
import pytest
from psycopg import Connection, sql

from api.bootstrap import as_role, open_dispatcher
from api.database import Database
from api.projecting import feed
from application.appeals import (
    AnswerAppeal,
    DetermineAppealLiability,
    ReceiveAppeal,
    RecordAppealFinding,
    SettleAppeal,
)
from application.complaint_endings import CloseComplaint, DisputeAnswer, RateHandling
from application.complaint_notes import AddEvidence, GiveFeedback
from application.complaint_work import (
    AgreeResolution,
    AnswerComplaint,
    AssignComplaint,
    CarryOutRemedy,
    DeclineComplaint,
    FollowUpComplaint,
    ProposeResolution,
    RecordInvestigation,
    RegisterComplaint,
    RejectResolution,
    ResumeComplaint,
    StartInvestigation,
    WaitForCustomer,
)
from application.complaints import ReceiveComplaint, ReceivedComplaint
from application.dispatch import Call, Command
from application.eventstore.subject_keys import MasterKey, Unsealing
from application.permissions import Caller
from application.shipments import RateDelivery, RecordDelivery, RecordShipment
from application.staff import JoinStaff
from domain.aggregate import DomainEvent
from domain.appeal import AppealAuthority, AppealLiability, appeal_id
from domain.categories import Category
from domain.complaint_words import Channel, EvidenceKind, FollowUpOutcome, Measure, RuleSource
from domain.errors import DomainError
from domain.identifiers import Waybill
from domain.personal import PersonalText
from domain.rating import Score
from domain.roles import PersonId, Role
from domain.shipment import ShipmentFacts
from projections import PROJECTIONS
from projections.engine import Projector, use_live_tables
from projections.rebuild import rebuild
from projections.tables import Table, column_type

TABLES = [table for projection in PROJECTIONS.values() for table in projection.tables]
MARKER = "王小明密语"
FRAGMENT = "明密"
"""What of the marker is found also where only its words are kept, each two characters long."""
AGENT = Caller("agent-1", PersonId("agent-1"), Role.FRONT_DESK)
ACCOUNT_AGENT = Caller("agent-2", PersonId("agent-2"), Role.ACCOUNT_AGENT)
ADMINISTRATOR = Caller("root", PersonId("root"), Role.ADMINISTRATOR)
COMPLIANCE = Caller("law-1", PersonId("law-1"), Role.COMPLIANCE)
WAYBILL = Waybill("SF1234567890")
RECEIVE = ReceiveComplaint(
    received=ReceivedComplaint(
        channel=Channel.PHONE,
        category=Category.DELAY,
        complainant=MARKER,
        contact=MARKER,
        customer_reference=MARKER,
        subject=MARKER,
        facts=MARKER,
        request=MARKER,
        waybill=WAYBILL,
    )
)
_COLUMNS: LiteralString = """
SELECT column_name, udt_name, is_nullable = 'YES' FROM information_schema.columns
WHERE table_schema = %s AND table_name = %s ORDER BY ordinal_position
"""
_GRANTS: LiteralString = """
SELECT grantee, string_agg(privilege_type, ' ' ORDER BY privilege_type)
FROM information_schema.role_table_grants
WHERE table_schema = %s AND table_name = %s AND grantee IN ('redress_writer', 'redress_reader')
GROUP BY grantee
"""
_OWNED: LiteralString = """
SELECT tableowner FROM pg_tables WHERE schemaname = %s AND tablename = %s
"""
_INDEXES: LiteralString = """
SELECT indexname, indexdef FROM pg_indexes WHERE schemaname IN ('read', 'read_personal')
ORDER BY schemaname, indexname
"""
_TABLES: LiteralString = """
SELECT table_schema, table_name FROM information_schema.tables
WHERE table_schema IN ('read', 'read_personal') ORDER BY 1, 2
"""
_STORED_FIELDS: LiteralString = """
SELECT DISTINCT topic, jsonb_object_keys(convert_from(state, 'UTF8')::jsonb -> 'data')
FROM log.stored_events
"""
_STORED_TEXTS: LiteralString = """
SELECT table_schema, table_name, column_name, data_type FROM information_schema.columns
WHERE table_schema = ANY(%s)
    AND data_type IN ('text', 'bytea', 'json', 'jsonb', 'character varying', 'ARRAY', 'uuid')
"""


@pytest.fixture
def connection(database: str) -> Iterator[Connection[Any]]:
    with psycopg.connect(database, autocommit=True) as opened:
        yield opened


def rebuild_all(database: str, master: MasterKey) -> None:
    opened = Database(url=database, embedded=None, master=master)
    with psycopg.connect(as_role(database, "redress_owner"), autocommit=True) as owner:
        for projection in PROJECTIONS.values():
            rebuild(owner, projection, feed(opened), Unsealing(master))


def project_all(database: str, master: MasterKey) -> None:
    opened = Database(url=database, embedded=None, master=master)
    with psycopg.connect(as_role(database, "redress_writer"), autocommit=True) as writer:
        use_live_tables(writer)
        projector = Projector(writer, feed(opened), Unsealing(master))
        for projection in PROJECTIONS.values():
            while projector.advance(projection):
                pass


def columns(connection: Connection[Any], table: Table[Any]) -> dict[str, str]:
    found = connection.execute(_COLUMNS, [table.schema, table.name]).fetchall()
    return {name: kind for name, kind, _ in found}


@pytest.fixture(params=["migrated", "rebuilt"])
def tables(
    request: pytest.FixtureRequest, database: str, master: MasterKey, connection: Connection[Any]
) -> Connection[Any]:
    """The tables as the migrations made them, and as a rebuild leaves them."""
    if request.param == "rebuilt":
        rebuild_all(database, master)
    return connection


def test_a_row_has_the_columns_of_its_table(tables: Connection[Any]) -> None:
    for table in TABLES:
        assert list(columns(tables, table).items()) == list(table.columns.items()), table.name


def test_every_table_is_somebodys_and_every_row_has_a_table(tables: Connection[Any]) -> None:
    declared = sorted((table.schema, table.name) for table in TABLES)

    assert tables.execute(_TABLES).fetchall() == declared
    assert len(set(declared)) == len(declared)


def test_a_key_is_the_primary_key(tables: Connection[Any]) -> None:
    for table in TABLES:
        index = tables.execute(
            "SELECT a.attname FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid"
            " AND a.attnum = ANY(i.indkey) WHERE i.indisprimary AND i.indrelid = %s::regclass",
            [f"{table.schema}.{table.name}"],
        ).fetchall()
        assert index == [(table.key,)], table.name


def test_a_field_that_may_be_empty_is_a_column_that_may(tables: Connection[Any]) -> None:
    for table in TABLES:
        hints = {f.name: "None" in str(f.type) for f in fields(table.row)}
        found = tables.execute(_COLUMNS, [table.schema, table.name]).fetchall()
        assert {name: nullable for name, _, nullable in found} == hints, table.name


def test_the_writer_writes_and_the_reader_reads(tables: Connection[Any]) -> None:
    for table in TABLES:
        name = [table.schema, table.name]
        assert dict(tables.execute(_GRANTS, name).fetchall()) == {
            "redress_writer": "DELETE INSERT SELECT UPDATE",
            "redress_reader": "SELECT",
        }
        assert tables.execute(_OWNED, name).fetchone() == ("redress_owner",)


def test_the_reader_cannot_write_nor_see_log_and_keys(
    tables: Connection[Any], database: str
) -> None:
    assert tables
    with psycopg.connect(as_role(database, "redress_reader"), autocommit=True) as reader:
        for table in TABLES:
            name = sql.Identifier(table.schema, table.name)
            reader.execute(sql.SQL("SELECT count(*) FROM {}").format(name))
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                reader.execute(sql.SQL("DELETE FROM {}").format(name))
        for hidden in ("log.stored_events", "keys.subject_keys", "process.idempotency"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                reader.execute(
                    sql.SQL("SELECT 1 FROM {}").format(sql.Identifier(*hidden.split(".")))
                )
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            reader.execute("SELECT digest FROM ops.api_keys")


def test_a_rebuild_keeps_indexes_and_their_names(
    connection: Connection[Any], database: str, master: MasterKey
) -> None:
    before = connection.execute(_INDEXES).fetchall()
    for _ in range(2):
        rebuild_all(database, master)
        assert connection.execute(_INDEXES).fetchall() == before
    assert len(before) > len(TABLES)
    left = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'rebuild'")
    assert left.fetchall() == []


# Personal data


def life_of(case: UUID) -> list[Command[UUID]]:
    """Return orders to one complaint, in each of which everything personal is the marker."""
    one: dict[str, Any] = {"complaint": case}
    propose = ProposeResolution(
        **one,
        rule_source=RuleSource.LAW,
        rule="art. 27",
        measures=(Measure.APOLOGY,),
        proposal=MARKER,
        feasibility="easy",
    )
    return [
        AddEvidence(
            **one,
            kind=EvidenceKind.STATEMENT,
            media_type="text/plain",
            size=5,
            sha256="0" * 64,
            reference=MARKER,
            note=MARKER,
        ),
        RegisterComplaint(**one),
        AssignComplaint(**one, department="north"),
        StartInvestigation(**one),
        RecordInvestigation(**one, finding=MARKER),
        GiveFeedback(**one, feedback=MARKER),
        propose,
        RejectResolution(**one, objection=MARKER),
        propose,
        WaitForCustomer(**one, asked=MARKER),
        ResumeComplaint(**one),
        AgreeResolution(**one),
        AnswerComplaint(**one, answer=MARKER),
        CarryOutRemedy(**one, note=MARKER),
        FollowUpComplaint(**one, outcome=FollowUpOutcome.DISSATISFIED, note=MARKER),
        DisputeAnswer(**one, objection=MARKER),
        propose,
        AnswerComplaint(**one, answer=MARKER),
        CloseComplaint(**one),
    ]


def appeal_of(case: UUID) -> list[Command[UUID]]:
    """Return orders to an appeal about a complaint, with the marker in all that is personal."""
    one: dict[str, Any] = {"complaint": case}
    appeal: dict[str, Any] = {"appeal": appeal_id(AppealAuthority.OTHER, "7")}
    return [
        ReceiveAppeal(
            **one,
            authority=AppealAuthority.OTHER,
            reference="7",
            cause=Category.DELAY,
            facts=MARKER,
        ),
        RecordAppealFinding(**appeal, valid=True, finding=MARKER),
        DetermineAppealLiability(
            **appeal, liability=AppealLiability.NONE, rule_source=RuleSource.LAW, rule="art. 27"
        ),
        SettleAppeal(**appeal, measures=(Measure.APOLOGY,), note=MARKER),
        AnswerAppeal(**appeal, answer=MARKER),
    ]


def everything_personal(database: str, master: MasterKey) -> None:
    """Let every command that takes a personal text take the marker; some are refused."""

    async def work() -> None:
        async with open_dispatcher(database, master, zone=ZoneInfo("Asia/Shanghai")) as door:

            async def do(
                command: Command[Any], key: str | None = None, caller: Caller = AGENT
            ) -> Any:
                call = Call(caller=caller, idempotency_key=key)
                return (await door.execute(command, call)).result

            one, two = await do(RECEIVE, "key-1"), await do(RECEIVE)
            await do(DeclineComplaint(complaint=two, explanation=MARKER), "key-2")
            for number, command in enumerate(life_of(one)):
                await do(command, f"life-{number}")
            receipt, *work = appeal_of(one)
            await do(receipt, "appeal")
            for number, command in enumerate(work):
                await do(command, f"appeal-{number}", COMPLIANCE)
            rate = RateHandling(complaint=one, score=Score(1), comment=MARKER)
            await do(rate, "key-3", ACCOUNT_AGENT)
            await do(JoinStaff(person=PersonId("agent-1"), name=MARKER), "staff", ADMINISTRATOR)
            facts = ShipmentFacts(region="east")
            await do(RecordShipment(waybill=WAYBILL, facts=facts, customer_reference=MARKER))
            await do(RecordDelivery(waybill=WAYBILL, signed_by=MARKER), "key-4")
            await do(
                RateDelivery(
                    waybill=WAYBILL, reference="r", score=Score(2), title=MARKER, comment=MARKER
                )
            )
            with pytest.raises(DomainError):  # a refusal is stored, too
                await do(AnswerComplaint(complaint=two, answer=MARKER), "key-5")
            with pytest.raises(DomainError):
                await do(
                    RateHandling(complaint=one, score=Score(1), comment=MARKER * 9000), "key-6"
                )

    run: Coroutine[Any, Any, None] = work()
    asyncio.run(run)


def test_every_personal_field_of_every_event_is_judged_here(
    connection: Connection[Any], database: str, master: MasterKey
) -> None:
    everything_personal(database, master)

    stored = set(connection.execute(_STORED_FIELDS).fetchall())
    assert {
        (event.TOPIC, name)
        for event in DomainEvent.__subclasses__()
        if event.__module__.startswith("domain.")
        for name, hint in get_type_hints(event).items()
        if PersonalText in get_args(hint)
    } <= stored


def places_of(connection: Connection[Any], *schemas: str) -> set[str]:
    """Return the columns of these schemas that hold of the marker, in plain or as bytes."""
    found = set()
    texts = connection.execute(_STORED_TEXTS, [list(schemas)]).fetchall()
    assert texts
    for schema, table, column, kind in texts:
        name = sql.Identifier(column)
        if kind == "bytea":
            holds = sql.SQL("position({} IN {}) > 0").format(sql.Literal(FRAGMENT.encode()), name)
        else:
            holds = sql.SQL("position({} IN {}::text) > 0").format(sql.Literal(FRAGMENT), name)
        statement = sql.SQL("SELECT EXISTS (SELECT FROM {} WHERE {})").format(
            sql.Identifier(schema, table), holds
        )
        if connection.execute(statement).fetchone() == (True,):
            found.add(f"{schema}.{table}.{column}")
    return found


@pytest.mark.parametrize("rebuilt", [False, True])
def test_personal_texts_stand_in_read_personal_and_nowhere_else(
    connection: Connection[Any], database: str, master: MasterKey, rebuilt: object
) -> None:
    everything_personal(database, master)
    project_all(database, master)
    if rebuilt:
        rebuild_all(database, master)

    assert connection.execute("SELECT * FROM ops.parked_events").fetchall() == []
    assert places_of(connection, "read", "ops", "process", "log", "keys", "public") == set()
    texts = ("complainant", "contact", "subject", "facts", "request", "explanation", "proposal")
    assert places_of(connection, "read_personal") == {
        *(f"read_personal.complaint_texts.{name}" for name in (*texts, "answer", "rating_comment")),
        *(f"read_personal.rating_texts.{name}" for name in ("title", "comment")),
        *(f"read_personal.appeal_texts.{n}" for n in ("facts", "finding", "note", "answer")),
        *(f"read_personal.evidence_texts.{name}" for name in ("reference", "note")),
        "read_personal.remarks.remark",
        "read_personal.complaint_words.words",
        "read_personal.people_names.name",
    }


def test_the_search_for_the_marker_finds_it(connection: Connection[Any]) -> None:
    connection.execute("CREATE TABLE ops.hiding (state bytea, note text)")
    connection.execute(
        "INSERT INTO ops.hiding VALUES (%s, %s)", [f'{{"a":"{MARKER}"}}'.encode(), f"x{MARKER}"]
    )

    assert places_of(connection, "ops") == {"ops.hiding.state", "ops.hiding.note"}


def test_a_row_type_without_a_column_type_is_a_mistake_at_import() -> None:
    assert column_type(int | None) == "int8"
    with pytest.raises(TypeError, match="no column type"):
        column_type(float)
