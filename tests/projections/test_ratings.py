"""Ratings under what they are grouped by, in any order of arrival, and counted in any window."""

import asyncio
import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, LiteralString, Self
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import alembic.command
import psycopg
import pytest
from psycopg import AsyncConnection, Connection

from api.bootstrap import as_role
from api.database import Database
from api.projecting import feed
from application.eventstore.codec import EventMapper
from application.eventstore.subject_keys import MasterKey, SubjectKeys, Unsealing
from domain.aggregate import DomainEvent
from domain.categories import Category
from domain.complaint import Complaint
from domain.complaint_words import Channel, Severity
from domain.identifiers import Waybill
from domain.metadata import Metadata, Source, SourceKind
from domain.personal import personal_text
from domain.rating import Score
from domain.roles import PersonId, Role
from domain.shipment import Shipment, ShipmentFacts
from migrations.upgrade import upgrade
from projections import PROJECTIONS
from projections.engine import Projector, use_live_tables
from projections.paging import Condition
from projections.rebuild import rebuild
from projections.satisfaction import Grouping, count_scores

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
RATINGS = PROJECTIONS["ratings"]
_GROUPED: LiteralString = """
SELECT subject, score, region, outlet, department, category FROM read.ratings ORDER BY position
"""
_EVERYTHING: LiteralString = """
SELECT 'ratings', to_jsonb(r) FROM read.ratings AS r
UNION ALL SELECT 'rated', to_jsonb(r) FROM read.rated AS r
UNION ALL SELECT 'texts', to_jsonb(r) FROM read_personal.rating_texts AS r
ORDER BY 1, 2
"""


class Log:
    """A log into which a test writes events that happened, whatever a rule would say."""

    def __init__(self, conninfo: str, master: MasterKey, batch_events: int) -> None:
        self._conninfo, self._master = conninfo, master
        self._batch_events = batch_events
        self._keys = SubjectKeys(master)
        self._mapper = EventMapper(self._keys)
        self._versions: dict[UUID, int] = {}
        self._position = 0

    def __enter__(self) -> Self:
        self.connection: Connection[Any] = psycopg.connect(self._conninfo, autocommit=True)
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()

    def write(
        self, stream: UUID, event: type[DomainEvent], at: datetime | None = None, **fields: Any
    ) -> None:
        self._position += 1
        version = self._versions[stream] = self._versions.get(stream, 0) + 1
        meta = Metadata(
            occurred_at=at or BEGAN + timedelta(minutes=self._position),
            actor=PersonId("agent-1"),
            role=Role.FRONT_DESK,
            correlation=uuid4(),
            source=Source(SourceKind.API),
        )
        made: Any = event
        stored = self._mapper.to_stored_event(
            made(originator_id=stream, originator_version=version, meta=meta, **fields)
        )
        self.connection.execute(
            "INSERT INTO log.stored_events (originator_id, originator_version, topic, state,"
            " notification_id, recorded_at) VALUES (%s, %s, %s, %s, %s, now())",
            [stream, version, stored.topic, stored.state, self._position],
        )

    def shipment(self) -> UUID:
        stream = uuid4()
        self.write(stream, Shipment.Opened, waybill=Waybill(f"SF{stream.int % 10**10:010}"))
        return stream

    def facts(self, stream: UUID, region: str | None, outlet: str | None) -> None:
        facts = ShipmentFacts(region=region, outlet=outlet)
        self.write(stream, Shipment.FactsRecorded, facts=facts)

    def rate(self, stream: UUID, score: int, at: datetime | None = None) -> None:
        reference = f"r{self._position}"
        self.write(stream, Shipment.DeliveryRated, at, reference=reference, score=Score(score))

    def complaint(self, category: Category) -> UUID:
        stream, customer = uuid4(), uuid4()
        self._keys.create(customer)
        said = {
            name: personal_text(customer, "x", field=name, max_length=9)
            for name in ("complainant", "subject", "facts")
        }
        self.write(
            stream, Complaint.Received, number=f"C-{self._position}", channel=Channel.PHONE,
            category=category, severity=Severity.GENERAL, urgent=False, customer=customer,
            region="north", outlet="n1", **said,
        )  # fmt: skip
        return stream

    def project(self) -> None:
        writer = as_role(self._conninfo, "redress_writer")
        with psycopg.connect(writer, autocommit=True) as connection:
            use_live_tables(connection)
            projector = Projector(
                connection, self._feed(), Unsealing(self._master), batch_events=self._batch_events
            )
            while projector.advance(RATINGS):
                pass

    def rebuild(self, on_progress: Callable[[int, int], None] = lambda *_: None) -> None:
        owner = as_role(self._conninfo, "redress_owner")
        with psycopg.connect(owner, autocommit=True) as connection:
            rebuild(
                connection, RATINGS, self._feed(), Unsealing(self._master), on_progress=on_progress
            )

    def grouped(self) -> list[tuple[Any, ...]]:
        """Project what is new, compare with a rebuild, and return the ratings."""
        self.project()
        projected = self.connection.execute(_EVERYTHING).fetchall()
        assert self.connection.execute("SELECT * FROM ops.parked_events").fetchall() == []
        self.rebuild()
        assert self.connection.execute(_EVERYTHING).fetchall() == projected
        return self.connection.execute(_GROUPED).fetchall()

    def _feed(self) -> Any:
        return feed(Database(url=self._conninfo, embedded=None, master=self._master))


@pytest.fixture(params=[1, 1000], ids=["one by one", "in one batch"])
def log(request: pytest.FixtureRequest, database: str, master: MasterKey) -> Iterator[Log]:
    with Log(database, master, request.param) as opened:
        yield opened


# Deliveries


def test_facts_come_before_a_rating(log: Log) -> None:
    shipment = log.shipment()
    log.facts(shipment, "east", "e1")
    log.rate(shipment, 5)

    assert log.grouped() == [(shipment, 5, "east", "e1", None, None)]


def test_facts_come_after_ratings(log: Log) -> None:
    shipment, other = log.shipment(), log.shipment()
    log.rate(shipment, 1)
    log.rate(shipment, 2)
    log.rate(other, 3)
    log.facts(shipment, "east", None)

    assert log.grouped() == [
        (shipment, 1, "east", None, None, None),
        (shipment, 2, "east", None, None, None),
        (other, 3, None, None, None, None),
    ]


def test_facts_that_change_move_all_ratings_of_the_shipment(log: Log) -> None:
    shipment, other = log.shipment(), log.shipment()
    for stream in (shipment, other):
        log.facts(stream, "east", "e1")
        log.rate(stream, 4)
    assert [row[2] for row in log.grouped()] == ["east", "east"]

    log.facts(shipment, "west", "w1")
    log.rate(shipment, 5)
    log.facts(shipment, "west", "w2")
    log.facts(shipment, "west", "w2")

    assert log.grouped() == [
        (shipment, 4, "west", "w2", None, None),
        (other, 4, "east", "e1", None, None),
        (shipment, 5, "west", "w2", None, None),
    ]


def test_facts_that_say_less_leave_less(log: Log) -> None:
    shipment = log.shipment()
    log.facts(shipment, "east", "e1")
    log.rate(shipment, 4)
    log.facts(shipment, None, None)

    assert log.grouped() == [(shipment, 4, None, None, None, None)]


def test_any_order_shows_the_latest_facts(database: str, master: MasterKey) -> None:
    seed = random.SystemRandom().randrange(1_000_000)
    print(f"seed {seed}")
    dice = random.Random(seed)
    with Log(database, master, dice.choice([3, 7, 50])) as log:
        shipments = [log.shipment() for _ in range(5)]
        latest: dict[UUID, tuple[str | None, str | None]] = {}
        rated: list[UUID] = []
        for _ in range(150):
            shipment = dice.choice(shipments)
            if dice.random() < 0.5:
                latest[shipment] = (dice.choice(["east", "west", None]), dice.choice(["o1", None]))
                log.facts(shipment, *latest[shipment])
            else:
                rated.append(shipment)
                log.rate(shipment, 3)
            if dice.random() < 0.1:
                log.project()

        assert log.grouped() == [
            (shipment, 3, *latest.get(shipment, (None, None)), None, None) for shipment in rated
        ]


# Handlings


def test_a_handling_keeps_what_the_complaint_was_when_it_was_rated(log: Log) -> None:
    complaint = log.complaint(Category.DELAY)
    log.write(complaint, Complaint.Assigned, department="hub 1")
    log.write(complaint, Complaint.Reclassified, category=Category.LOSS)
    log.write(complaint, Complaint.Assigned, department="hub 2")
    log.write(complaint, Complaint.HandlingRated, score=Score(2))
    assert log.grouped() == [(complaint, 2, "north", "n1", "hub 2", "loss")]

    log.write(complaint, Complaint.Reclassified, category=Category.DAMAGE)
    log.write(complaint, Complaint.Assigned, department="hub 3")
    assert log.grouped() == [(complaint, 2, "north", "n1", "hub 2", "loss")]

    log.write(complaint, Complaint.HandlingRated, score=Score(5))
    assert log.grouped() == [
        (complaint, 2, "north", "n1", "hub 2", "loss"),
        (complaint, 5, "north", "n1", "hub 3", "damage"),
    ]


def test_a_handling_without_a_department_has_none(log: Log) -> None:
    complaint = log.complaint(Category.ENQUIRY)
    log.write(complaint, Complaint.HandlingRated, score=Score(4))

    assert log.grouped() == [(complaint, 4, "north", "n1", None, "enquiry")]


def test_a_rebuild_finds_the_ratings_of_a_shipment_by_an_index(log: Log) -> None:
    """Without one, it looks through all ratings for every batch."""
    log.rate(log.shipment(), 5)
    found = []

    def look(*_: int) -> None:
        found.append(
            log.connection.execute(
                "SELECT indexname FROM pg_indexes WHERE schemaname = 'rebuild'"
                " AND tablename = 'ratings' ORDER BY 1"
            ).fetchall()
        )

    log.rebuild(look)

    assert {tuple(names) for names in found} == {(("ratings_pkey",), ("ratings_subject_idx",))}


# Counting


@pytest.mark.parametrize(
    "zone", ["Asia/Shanghai", "America/Sao_Paulo", "Asia/Kathmandu", "Pacific/Kiritimati", "UTC"]
)
def test_each_window_and_each_month_counts_what_lies_in_it(
    database: str, master: MasterKey, zone: str
) -> None:
    seed = random.SystemRandom().randrange(1_000_000)
    print(f"seed {seed}")
    dice, local = random.Random(seed), ZoneInfo(zone)
    starts = [
        datetime(2017 + m // 12, m % 12 + 1, 1, tzinfo=tz)
        for m in range(6, 18)
        for tz in (UTC, local)
    ]
    shifts = [timedelta(0), timedelta(microseconds=-1), timedelta(hours=5), timedelta(days=15)]

    def instant() -> datetime:
        return (dice.choice(starts) + dice.choice(shifts)).astimezone(UTC)

    ratings: list[tuple[datetime, str, int]] = []
    with Log(database, master, 40) as log:
        shipments = {region: log.shipment() for region in ("east", "west")}
        for region, stream in shipments.items():
            log.facts(stream, region, None)
        for _ in range(150):
            ratings.append((instant(), dice.choice(["east", "west"]), dice.randint(1, 5)))
            at, region, score = ratings[-1]
            log.rate(shipments[region], score, at)
        log.project()

    async def check() -> None:
        reader = as_role(database, "redress_reader")
        async with await AsyncConnection.connect(reader, autocommit=True) as connection:
            await connection.execute("""SET redress.scope = '{"reach": "any"}'""")
            for _ in range(60):
                since, until = sorted([instant(), instant()])
                given = [(">=", since)] * dice.randint(0, 1) + [("<", until)] * dice.randint(0, 1)
                window = [Condition("rated_at", operator, at) for operator, at in given]
                expected: dict[Grouping, Any] = {g: {} for g in (Grouping.REGION, Grouping.MONTH)}
                for at, region, score in ratings:
                    if all(at >= end if op == ">=" else at < end for op, end in given):
                        month = at.astimezone(local).strftime("%Y-%m")
                        for grouping, key in zip(expected, (region, month), strict=True):
                            expected[grouping].setdefault(key, [0] * 5)[score - 1] += 1
                for grouping, counted in expected.items():
                    found = await count_scores(connection, grouping, window, local)
                    assert found == counted, (grouping, given)

    asyncio.run(check())


# The migration


def test_ratings_from_before_the_migration_are_projected_anew(
    postgres: Any, master: MasterKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"t_{uuid4().hex}"
    conninfo = postgres.conninfo(dbname=name)
    with psycopg.connect(postgres.conninfo(dbname="postgres"), autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}")  # type: ignore[arg-type]
        try:
            to_revision = alembic.command.upgrade
            with monkeypatch.context() as patched:
                patched.setattr(
                    alembic.command, "upgrade", lambda config, _: to_revision(config, "0009")
                )
                upgrade(conninfo)
            with Log(conninfo, master, 1000) as log:
                shipment = log.shipment()
                log.rate(shipment, 3)
                log.facts(shipment, "east", "e1")
                log.connection.execute(
                    "INSERT INTO read.ratings VALUES (2, 'delivery', %s, 'r1', 3, now())",
                    [shipment],
                )
                log.connection.execute(
                    "INSERT INTO ops.projection_positions VALUES ('ratings', 3), ('other', 3)"
                )
                upgrade(conninfo)
                left = log.connection.execute("SELECT projection FROM ops.projection_positions")

                assert left.fetchall() == [("other",)]
                assert log.connection.execute(_EVERYTHING).fetchall() == []
                assert log.grouped() == [(shipment, 3, "east", "e1", None, None)]
        finally:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)")  # type: ignore[arg-type]
