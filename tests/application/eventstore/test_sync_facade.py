"""The library's own ``Application`` works on our log, beside the asynchronous door."""

from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from datetime import timedelta
from typing import Protocol
from uuid import UUID, uuid4

import psycopg
import pytest
from eventsourcing.application import AggregateNotFoundError
from eventsourcing.persistence import EventStore, IntegrityError
from eventsourcing.postgres import PostgresDatastore
from psycopg.conninfo import conninfo_to_dict

from application.eventstore.codec import EventMapper
from application.eventstore.errors import MasterKeyError
from application.eventstore.recorder import GroupCommitRecorder
from application.eventstore.subject_keys import (
    MasterKey,
    SubjectKeys,
    Unsealing,
)
from application.eventstore.sync import SyncApplication
from domain.aggregate import Aggregate
from domain.identifiers import Waybill, shipment_id
from domain.metadata import Metadata
from domain.personal import PersonalText, Sealed
from domain.shipment import Milestone, MilestoneKind, Shipment
from projections.engine import _SELECT_KEYS

WAYBILL = Waybill("SF1234567890")


class Opens(Protocol):
    def __call__(self, master_key: MasterKey | None = None) -> SyncApplication: ...


def datastore_of(database: str) -> PostgresDatastore:
    parts = {name: str(value) for name, value in conninfo_to_dict(database).items()}
    datastore = PostgresDatastore(
        parts["dbname"], parts["host"], parts["port"], parts["user"], password=""
    )
    assert isinstance(datastore.pool.kwargs, dict)
    datastore.pool.kwargs["options"] = "-c role=redress_writer"
    return datastore


@pytest.fixture
def opens(database: str, writer_conninfo: str, master: MasterKey) -> Iterator[Opens]:
    """Open an application, as another process would."""
    with ExitStack() as stack:

        def opened(master_key: MasterKey | None = None) -> SyncApplication:
            datastore = stack.enter_context(closing(datastore_of(database)))
            return stack.enter_context(
                closing(
                    SyncApplication(datastore, writer_conninfo, SubjectKeys(master_key or master))
                )
            )

        yield opened


def shipment_of(meta: Metadata, customer: UUID) -> Shipment:
    shipment = Shipment(shipment_id(WAYBILL))
    shipment.open(WAYBILL, None, meta)
    shipment.record_milestone(Milestone(MilestoneKind.PICKED_UP, "Xi'an"), meta)
    shipment.deliver(
        PersonalText(customer, "Wang Fang"),
        replace(meta, occurred_at=meta.occurred_at + timedelta(days=2)),
    )
    return shipment


def state_of(aggregate: Aggregate) -> dict[str, object]:
    return {
        name: getattr(aggregate, name) for name in (*type(aggregate).__annotations__, "version")
    }


def test_an_aggregate_that_was_saved_is_there_for_everybody(opens: Opens, meta: Metadata) -> None:
    shipment = shipment_of(meta, uuid4())
    recordings = opens().save(shipment)
    assert [recording.notification.id for recording in recordings] == [1, 2, 3]
    found: Shipment = opens().repository.get(shipment.id)
    assert type(found) is Shipment
    assert state_of(found) == state_of(shipment)
    assert shipment.id in opens().repository
    with pytest.raises(AggregateNotFoundError):
        opens().repository.get(uuid4())


def test_the_notification_log_tells_what_was_saved(opens: Opens, meta: Metadata) -> None:
    application = opens()
    application.save(shipment_of(meta, uuid4()))
    topics = [entry.topic for entry in application.notification_log.select(start=1, limit=10)]
    assert topics == ["shipment.opened", "shipment.milestone_recorded", "shipment.delivered"]


def test_two_who_loaded_the_same_version_do_not_both_save(opens: Opens, meta: Metadata) -> None:
    one, other = opens(), opens()
    one.save(shipment_of(meta, uuid4()))
    first: Shipment = one.repository.get(shipment_id(WAYBILL))
    second: Shipment = other.repository.get(shipment_id(WAYBILL))
    first.record_milestone(Milestone(MilestoneKind.SORTING), meta)
    second.record_milestone(Milestone(MilestoneKind.HUB_SCAN), meta)
    one.save(first)
    with pytest.raises(IntegrityError):
        other.save(second)
    found: Shipment = other.repository.get(first.id)
    assert state_of(found) == state_of(first)


def test_personal_text_saved_through_the_facade_can_be_opened_again(
    opens: Opens, meta: Metadata, database: str, master: MasterKey
) -> None:
    customer = uuid4()
    shipment = shipment_of(meta, customer)
    opens().save(shipment)
    shipment.rate_delivery("r-1", 5, meta, comment=PersonalText(customer, "fast"))  # type: ignore[arg-type]
    application = opens()  # it must learn the key that the other one stored
    application.save(shipment)
    unsealing = Unsealing(master)
    with psycopg.connect(database) as connection:
        unsealing.begin_batch(connection.execute(_SELECT_KEYS, [[customer]]).fetchall())
    *_, delivered, rated = application.events.get(shipment.id)
    assert isinstance(delivered, Shipment.Delivered)
    assert isinstance(rated, Shipment.DeliveryRated)
    assert isinstance(delivered.signed_by, Sealed)
    assert isinstance(rated.comment, Sealed)
    assert unsealing.open(delivered.signed_by, shipment.id, 3, "signed_by") == "Wang Fang"
    assert unsealing.open(rated.comment, shipment.id, 4, "comment") == "fast"


def test_another_master_key_saves_nothing(opens: Opens, meta: Metadata, database: str) -> None:
    customer = uuid4()
    shipment = shipment_of(meta, customer)
    opens().save(shipment)
    shipment.rate_delivery("r-1", 5, meta, comment=PersonalText(customer, "fast"))  # type: ignore[arg-type]
    with pytest.raises(MasterKeyError):
        opens(MasterKey(b"x" * 32)).save(shipment)
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT count(*) FROM log.stored_events").fetchone() == (3,)


def test_the_event_store_of_the_library_works_on_its_own(
    database: str, writer_conninfo: str, meta: Metadata, master: MasterKey
) -> None:
    shipment = Shipment(uuid4())
    shipment.open(WAYBILL, "partner-1", meta)
    with (
        closing(datastore_of(database)) as datastore,
        closing(GroupCommitRecorder(datastore, writer_conninfo)) as recorder,
    ):
        store = EventStore(EventMapper(SubjectKeys(master)), recorder)
        events = list(shipment.collect_events())
        store.put(events)
        assert list(store.get(shipment.id)) == events


def test_closing_twice_is_no_fault(opens: Opens) -> None:
    application = opens()
    application.close()
    application.close()
