"""The library's ``Application`` over our log: synchronous, for the command line and for tests."""

from threading import Lock
from uuid import UUID

from eventsourcing.application import Application, ProcessingEvent
from eventsourcing.persistence import ApplicationRecorder, Mapper, Recording
from eventsourcing.postgres import PostgresDatastore
from psycopg.rows import tuple_row

from application.eventstore.codec import EventMapper
from application.eventstore.recorder import GroupCommitRecorder
from application.eventstore.subject_keys import SELECT_CURRENT, SubjectKeys
from domain.aggregate import DomainEvent


class SyncApplication(Application[UUID]):
    """``save(aggregate)``, ``repository.get(id)``; no idempotency, no snapshots; ``close()`` it.

    ``conninfo`` is for writing, ``datastore`` for reading; both act as ``redress_writer``.
    """

    def __init__(self, datastore: PostgresDatastore, conninfo: str, keys: SubjectKeys) -> None:
        self._datastore, self._conninfo, self._keys = datastore, conninfo, keys
        self._saving = Lock()  # sealing and storing belong together
        # The environment chooses nothing: mapper and recorder are those below.
        env = {"PERSISTENCE_MODULE": "eventsourcing.popo", "IS_SNAPSHOTTING_ENABLED": "n"}
        super().__init__(env)

    def construct_mapper(self) -> Mapper[UUID]:
        """Use our envelope and our encryption."""
        self._events = EventMapper(self._keys)
        return self._events

    def construct_recorder(self) -> ApplicationRecorder:
        """Use our log."""
        self._recorder = GroupCommitRecorder(self._datastore, self._conninfo, self._keys)
        return self._recorder

    def close(self) -> None:
        """Store what waits and stop."""
        if not self.closing.is_set():
            super().close()
            self._recorder.close()

    def _record(self, processing_event: ProcessingEvent[UUID]) -> list[Recording[UUID]]:
        events = (event for event in processing_event.events if isinstance(event, DomainEvent))
        subjects = {s for event in events for s in self._events.subjects_of(event)}
        processing_event.saved_kwargs["subjects"] = frozenset(subjects)
        with self._saving:
            self._look_up_keys(self._keys.unknown(subjects))
            return super()._record(processing_event)

    def _look_up_keys(self, unknown: list[UUID]) -> None:
        if unknown:
            with self._datastore.get_connection() as connection:
                cursor = connection.cursor(row_factory=tuple_row)
                self._keys.learn(cursor.execute(SELECT_CURRENT, [unknown]).fetchall())
            for subject in self._keys.unknown(unknown):
                self._keys.create(subject)
