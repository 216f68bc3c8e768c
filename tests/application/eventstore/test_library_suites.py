"""The suites that the event-sourcing library ships for recorders, against ours."""

from collections.abc import Sequence
from typing import Any

import pytest
from eventsourcing.persistence import AggregateRecorder, StoredEvent
from eventsourcing.postgres import PostgresDatastore

# The module, so that its abstract cases are not collected here.
from eventsourcing.tests import persistence as library
from psycopg.conninfo import conninfo_to_dict

from api.bootstrap import as_role
from application.eventstore.recorder import GroupCommitRecorder


class _OnOurLog:
    """Gives a case of the library a recorder on a database of its own."""

    @pytest.fixture(autouse=True)
    def _on_database(self, database: str) -> None:
        self._database = database
        self._opened: list[tuple[PostgresDatastore, GroupCommitRecorder]] = []

    def create_recorder(self) -> Any:
        parts = conninfo_to_dict(self._database)
        datastore = PostgresDatastore(
            dbname=str(parts["dbname"]),
            host=str(parts["host"]),
            port=str(parts["port"]),
            user=str(parts["user"]),
            password="",
            pool_size=4,
        )
        assert isinstance(datastore.pool.kwargs, dict)
        datastore.pool.kwargs["options"] = "-c role=redress_writer"
        recorder = GroupCommitRecorder(datastore, as_role(self._database, "redress_writer"))
        self._opened.append((datastore, recorder))
        return recorder

    def tearDown(self) -> None:
        for datastore, recorder in self._opened:
            recorder.close()
            datastore.close()


class TestApplicationRecorder(_OnOurLog, library.ApplicationRecorderTestCase):
    """What the library asks of the recorder of an application."""

    def test_insert_subscribe(self) -> None:
        super().optional_test_insert_subscribe()


class TestNonInterleavingPositions(_OnOurLog, library.NonInterleavingNotificationIDsBaseCase):
    """The positions of two saves never mix."""


class _WithoutPositions(AggregateRecorder):
    """A recorder of aggregates returns no positions; for the rest it is the same."""

    def __init__(self, recorder: GroupCommitRecorder) -> None:
        self._recorder = recorder

    def insert_events(
        self, stored_events: Sequence[StoredEvent], **kwargs: Any
    ) -> Sequence[int] | None:
        self._recorder.insert_events(stored_events, **kwargs)
        return None

    def select_events(self, *args: Any, **kwargs: Any) -> Sequence[StoredEvent]:
        found: Sequence[StoredEvent] = self._recorder.select_events(*args, **kwargs)
        return found


class TestAggregateRecorder(_OnOurLog, library.AggregateRecorderTestCase):
    """What the library asks of a recorder of aggregates, save the positions it must not return."""

    def create_recorder(self) -> Any:
        return _WithoutPositions(super().create_recorder())
