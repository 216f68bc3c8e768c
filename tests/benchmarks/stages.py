"""What each stage of one command costs, in microseconds, alone on one core."""

import asyncio
from collections.abc import Callable
from time import perf_counter
from uuid import uuid4

from eventsourcing.persistence import StoredEvent
from uuid_utils.compat import uuid7

from api.bootstrap import as_role
from application.eventstore.codec import EventMapper
from application.eventstore.subject_keys import MasterKey, SubjectKeys
from application.eventstore.writer import GroupWriter, Idempotency
from application.permissions import Caller, relation
from domain.roles import PersonId, Role
from tests.benchmarks.commands import _meta, _received

_REPEAT = 3000


def _cost(operation: Callable[[], object]) -> float:
    operation()
    began = perf_counter()
    for _ in range(_REPEAT):
        operation()
    return (perf_counter() - began) / _REPEAT * 1e6


def report(conninfo: str, master: MasterKey) -> None:
    """Print the table."""
    keys = SubjectKeys(master)
    mapper = EventMapper(keys)
    caller = Caller("bench", PersonId("bench"), Role.FRONT_DESK)
    complaint = _received(keys)
    received = complaint.collect_events()[0]
    stored = mapper.to_stored_event(received)
    complaint.register(_meta())

    def assign() -> object:
        complaint.assign("运营部", None, _meta())
        return complaint.collect_events()[0]

    assigned = assign()
    subject = received.customer  # type: ignore[attr-defined]
    print("\n## Stages of one command, µs each")
    for name, operation in (
        ("permission", lambda: relation(caller, "assignComplaint")),
        ("idempotency digests", lambda: (
            master.digest(b"idempotency", b"bench", b"assignComplaint", b"0123456789abcdef"),
            master.digest(b"request", stored.state))),
        ("decide and evolve: assign", assign),
        ("decide and evolve: receive, with a new key", lambda: _received(keys)),
        ("encode: assign", lambda: mapper.to_stored_event(assigned)),  # type: ignore[arg-type]
        ("encode and encrypt five fields: receive", lambda: mapper.to_stored_event(received)),
        ("decode: receive", lambda: mapper.to_domain_event(stored)),
        ("a data key made and wrapped", lambda: keys.create(subject)),
    ):  # fmt: skip
        print(f"{name:<48} {_cost(operation):8.1f}")
    asyncio.run(_append_costs(conninfo, stored))
    print(f"bytes of state: received {len(stored.state)}, "
          f"assigned {len(mapper.to_stored_event(assigned).state)}")  # type: ignore[arg-type]  # fmt: skip


async def _append_costs(conninfo: str, stored: StoredEvent) -> None:
    writer = GroupWriter(as_role(conninfo, "redress_writer"))

    async def append() -> None:
        event = StoredEvent(uuid7(), 1, stored.topic, stored.state)
        await writer.append([event], idempotency=Idempotency(uuid4(), b"x" * 16, b'{"ok":""}'))

    for size in (1, 16, 64, 256):
        await asyncio.gather(*(append() for _ in range(size)))
        rounds = max(10, 2000 // size)
        began = perf_counter()
        for _ in range(rounds):
            await asyncio.gather(*(append() for _ in range(size)))
        each = (perf_counter() - began) / rounds / size * 1e6
        print(f"{f'append with fsync, batches of {size}':<48} {each:8.1f}")
    await writer.close()
