"""Projection events per second beside the stock ProjectionRunner; rebuilding a large log."""

from datetime import UTC, datetime, timedelta
from time import perf_counter
from typing import Any
from uuid import UUID

import psycopg
from eventsourcing.application import Application
from eventsourcing.dispatch import singledispatchmethod
from eventsourcing.persistence import ApplicationRecorder, Mapper, Tracking
from eventsourcing.postgres import (
    PostgresApplicationRecorder,
    PostgresDatastore,
    PostgresTrackingRecorder,
)
from eventsourcing.projection import Projection as StockProjection
from psycopg.conninfo import conninfo_to_dict
from uuid_utils.compat import uuid7

from api.bootstrap import as_role, collect_garbage_rarely
from application.eventstore.codec import EventMapper
from application.eventstore.subject_keys import MasterKey, SubjectKeys, Unsealing
from domain.complaint import Complaint
from domain.personal import personal_text
from projections import PROJECTIONS
from projections.engine import Feed, Projector, use_live_tables
from projections.rebuild import rebuild
from tests.benchmarks.commands import _meta, _received

_SUBJECTS = 1000
_CASE_EVENTS = 5


def fill(conninfo: str, master: MasterKey, events: int) -> None:
    """Write a log of complaints, five events each, straight into the table."""
    keys = SubjectKeys(master)
    mapper = EventMapper(keys)
    complaints = events // _CASE_EVENTS
    position, stamp = 0, datetime.now(UTC) - timedelta(days=1)
    with psycopg.connect(conninfo, autocommit=True) as connection:
        cursor = connection.cursor()
        with cursor.copy(
            "COPY log.stored_events (originator_id, originator_version, topic, state,"
            " notification_id, recorded_at) FROM STDIN (FORMAT BINARY)"
        ) as copy:
            copy.set_types(["uuid", "int8", "text", "bytea", "int8", "timestamptz"])
            for number in range(complaints):
                if number % _SUBJECTS == 0:
                    template = _received(keys)
                    customer = template.customer
                    assert customer is not None
                    received = template.collect_events()[0]
                complaint = _case(received, customer, number)
                for event in complaint.collect_events():
                    stored = mapper.to_stored_event(event)
                    position += 1
                    copy.write_row((
                        stored.originator_id, stored.originator_version, stored.topic,
                        stored.state, position, stamp,
                    ))  # fmt: skip
        new = keys.unsaved(list(keys._current))
        connection.cursor().executemany(
            "INSERT INTO keys.subject_keys (subject, key_version, master, wrapped)"
            " VALUES (%s, %s, %s, %s)",
            [(key.subject, key.version, key.master, key.wrapped) for key in new],
        )
        connection.execute("ANALYZE log.stored_events")


def _case(received: Any, customer: UUID, number: int) -> Complaint:
    complaint = Complaint(uuid7())
    values = {name: getattr(received, name) for name in type(received)._field_names}
    values |= {"number": f"C-2026-{number:06d}", "meta": _meta()}
    complaint.receive(**values)
    complaint.register(_meta())
    # Answered at first contact, a case needs no resolution and has five events.
    complaint.mark_urgency(urgent=not values["urgent"], meta=_meta())
    complaint.answer(personal_text(customer, "已处理", field="answer", max_length=99), _meta())
    complaint.close(_meta())
    return complaint


class _StockView(PostgresTrackingRecorder):
    """A complaints table written as the library's examples do: an event, a transaction."""

    def write(self, statement: str, parameters: list[Any], tracking: Tracking) -> None:
        with self.datastore.transaction(commit=True) as cursor:
            cursor.execute(statement, parameters, prepare=True)  # type: ignore[call-overload]
            self._insert_tracking(cursor, tracking)


class _StockProjection(StockProjection[_StockView]):
    """The states of complaints."""

    @singledispatchmethod
    def process_event(self, event: Any, tracking: Tracking) -> None:
        meta = event.meta
        self.view.write(
            "INSERT INTO stock.complaints VALUES (%s, %s, %s) ON CONFLICT (id) DO UPDATE"
            " SET state = excluded.state, at = excluded.at",
            [event.originator_id, event.TOPIC, meta.occurred_at],
            tracking,
        )


class _StockApplication(Application[UUID]):
    """The library's application over our log and with our codec, for its ProjectionRunner."""

    def __init__(self, datastore: PostgresDatastore, keys: SubjectKeys) -> None:
        self._datastore, self._keys = datastore, keys
        super().__init__({"PERSISTENCE_MODULE": "eventsourcing.popo"})

    def construct_mapper(self) -> Mapper[UUID]:
        return EventMapper(self._keys)

    def construct_recorder(self) -> ApplicationRecorder:
        self._datastore.schema = "log"
        return PostgresApplicationRecorder(self._datastore, events_table_name="stored_events")


def _datastore(conninfo: str) -> PostgresDatastore:
    place = conninfo_to_dict(conninfo)
    return PostgresDatastore(
        str(place["dbname"]), str(place["host"]), str(place.get("port", "5432")),
        str(place.get("user", "postgres")), "", pool_size=4, max_overflow=4,
    )  # fmt: skip


def _stock(conninfo: str, master: MasterKey, events: int) -> float:
    """Return events/s of what the library's runner does for each event: pull, decode, process.

    Its threads only add to that, so this is its best case.
    """
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA stock")
        connection.execute(
            "CREATE TABLE stock.complaints (id uuid PRIMARY KEY, state text, at timestamptz)"
        )
    application = _StockApplication(_datastore(conninfo), SubjectKeys(master))
    views = _datastore(conninfo)
    views.schema = "stock"
    view = _StockView(views)
    view.create_table()
    projection = _StockProjection(view)
    began, done = perf_counter(), 0
    with application.recorder.subscribe(gt=0) as subscription:
        for notification in subscription:
            event = application.mapper.to_domain_event(notification)
            projection.process_event(event, Tracking("log", notification.id))
            done += 1
            if done >= events:
                break
    rate = done / (perf_counter() - began)
    application.close()
    return rate


def report(conninfo: str, master: MasterKey, scale: float) -> None:
    """Print the figures."""
    collect_garbage_rarely()
    events = int(1_000_000 * scale)
    began = perf_counter()
    fill(conninfo, master, events)
    print(f"\n## Projections: a log of {events} events, {events // _CASE_EVENTS} complaints"
          f" (written in {perf_counter() - began:.0f} s)")  # fmt: skip
    stock = _stock(conninfo, master, max(500, int(5000 * scale)))
    print(f"stock runner, one event per transaction: {stock:9.0f} events/s")
    writer = as_role(conninfo, "redress_writer")
    for name in ("complaints", "audit"):
        with psycopg.connect(writer, autocommit=True) as connection:
            use_live_tables(connection)
            feed = Feed(EventMapper(SubjectKeys(master)).decode)
            projector = Projector(connection, feed, Unsealing(master))
            limit, reached, began = min(events, 200_000), 0, perf_counter()
            while reached < limit:
                reached = projector.advance(PROJECTIONS[name])
            rate = reached / (perf_counter() - began)
        print(f"product, {name:<18} live batches:        {rate:9.0f} events/s"
              f"   {rate / stock:5.1f}x stock")  # fmt: skip
    owner = as_role(conninfo, "redress_owner", statement_timeout_ms=0)
    with psycopg.connect(owner, autocommit=True) as connection:
        for name, projection in PROJECTIONS.items():
            feed = Feed(EventMapper(SubjectKeys(master)).decode)
            began = perf_counter()
            rebuild(connection, projection, feed, Unsealing(master))
            seconds = perf_counter() - began
            rate = events / seconds
            print(f"rebuild {name:<18} {events} events: {seconds:8.1f} s"
                  f"  {rate:9.0f} events/s   {rate / stock:5.1f}x stock")  # fmt: skip
