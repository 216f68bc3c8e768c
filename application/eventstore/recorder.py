"""The library's recorder over our log: the same semantics, written through ``log.append``.

For code that wants the library's synchronous interfaces (``Application.save``, its repositories,
its own test suites); commands of the API use ``GroupWriter`` directly.
"""

import asyncio
from collections.abc import Sequence
from concurrent.futures import Future
from threading import Thread
from typing import Any
from uuid import UUID

from eventsourcing.persistence import StoredEvent
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresDatastore

from application.eventstore.subject_keys import SubjectKeys
from application.eventstore.writer import Appended, GroupWriter


class GroupCommitRecorder(PostgresApplicationRecorder):
    """A drop-in for the library's recorder whose writers share commits.

    The schema belongs to the migrations, so nothing is ever created here. ``close()`` it.
    ``keys`` are those of the mapper; events with personal fields need them.
    """

    def __init__(
        self, datastore: PostgresDatastore, conninfo: str, keys: SubjectKeys | None = None
    ) -> None:
        datastore.schema = "log"
        super().__init__(datastore, events_table_name="stored_events")
        self.channel_name = "redress_events"
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, name="event writer", daemon=True)
        self._thread.start()
        self._writer = GroupWriter(conninfo, keys)

    def create_table(self) -> None:
        """Do nothing: ``migrations/`` owns the schema."""

    def insert_events(
        self,
        stored_events: Sequence[StoredEvent],
        *,
        subjects: frozenset[UUID] = frozenset(),
        **_: Any,
    ) -> Sequence[int] | None:
        """Store the events of one save, all or none, and return their positions.

        ``subjects`` are the data subjects under whose keys they are sealed.
        Raises the library's IntegrityError on a conflict, OperationalError otherwise.
        """
        if not stored_events:
            return []
        appended = self._call(stored_events, subjects).result()
        return list(range(appended.first, appended.last + 1))

    def close(self) -> None:
        """Store what waits and stop the writer."""
        asyncio.run_coroutine_threadsafe(self._writer.close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _call(self, events: Sequence[StoredEvent], subjects: frozenset[UUID]) -> "Future[Appended]":
        for event in events:
            if not isinstance(event.originator_id, UUID):
                raise TypeError("streams are named by UUIDs")
        return asyncio.run_coroutine_threadsafe(
            self._writer.append(events, subjects=subjects), self._loop
        )
