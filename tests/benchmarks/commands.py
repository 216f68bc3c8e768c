"""Commands per second: the product's full path beside the stock recorder and CRUD with audit.

The product: ``Dispatcher.execute`` with permission, idempotency row, codec, encryption per data
subject, group commit. Stock: the library's PostgreSQL recorder, a thread per client, same
aggregates, same codec and encryption, but no idempotency, no permissions, no stored keys. CRUD: one
row and one audit row in a transaction, asyncio, no encryption, no idempotency. All with fsync on.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import orjson
import psycopg
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresDatastore
from psycopg.conninfo import conninfo_to_dict
from psycopg_pool import AsyncConnectionPool
from uuid_utils.compat import uuid7

from api.bootstrap import open_event_store, utc_now
from api.logs import configure_logging
from application.complaint_work import AssignComplaint, RegisterComplaint
from application.complaints import ReceiveComplaint, ReceivedComplaint
from application.dispatch import Call, Dispatcher
from application.eventstore.codec import EventMapper
from application.eventstore.subject_keys import MasterKey, SubjectKeys
from application.permissions import Caller
from domain.categories import Category
from domain.complaint import Complaint
from domain.complaint_words import Channel, Severity
from domain.metadata import Metadata, Source, SourceKind
from domain.personal import personal_text
from domain.roles import PersonId, Role
from tests.benchmarks.timing import Figures, drive, drive_threads, median

CLIENTS = (1, 16, 64)
_CALLER = Caller("bench", PersonId("bench"), Role.FRONT_DESK)
_TEXTS = {
    "complainant": "王小明",
    "contact": "13800000001",
    "subject": "快件迟到三天",
    "facts": "承诺次日达，三天后才送到；客服电话多次无人接听，网点答复前后不一。" * 3,
    "request": "退还运费并说明原因",
}
_RECEIVED = ReceivedComplaint(channel=Channel.PHONE, category=Category.DELAY, **_TEXTS)


def _operations(clients: int, scale: float) -> int:
    return max(20, int((1500 if clients == 1 else 9600) * scale) // clients)


async def product(
    conninfo: str, master: MasterKey, clients: int, scale: float
) -> dict[str, Figures]:
    """Measure the full path."""
    async with open_event_store(conninfo, master, zone=ZoneInfo("Asia/Shanghai")) as store:
        dispatcher = Dispatcher(store, utc_now)
        each = _operations(clients, scale)

        async def create(_: int) -> UUID:
            command = ReceiveComplaint(received=_RECEIVED)
            call = Call(caller=_CALLER, idempotency_key=uuid4().hex)
            return (await dispatcher.execute(command, call)).result

        await drive(clients, 20, create)
        creates = await drive(clients, each, create)
        loaded = [await create(0) for _ in range(clients)]
        for complaint in loaded:
            await dispatcher.execute(RegisterComplaint(complaint=complaint), Call(caller=_CALLER))

        async def change(client: int) -> None:
            command = AssignComplaint(complaint=loaded[client], department="运营部")
            await dispatcher.execute(command, Call(caller=_CALLER, idempotency_key=uuid4().hex))

        await drive(clients, 20, change)
        changes = await drive(clients, each, change)
        return {"create": creates, "one event": changes}


def _meta() -> Metadata:
    return Metadata(
        occurred_at=datetime.now(UTC),
        actor=PersonId("bench"),
        role=Role.FRONT_DESK,
        correlation=uuid7(),
        source=Source(SourceKind.API),
    )


def _received(keys: SubjectKeys) -> Complaint:
    customer = uuid7()
    keys.create(customer)
    complaint = Complaint(uuid7())
    complaint.receive(
        _meta(),
        number="C-2026-000001",
        channel=Channel.PHONE,
        category=Category.DELAY,
        severity=Severity.GENERAL,
        urgent=False,
        customer=customer,
        **{name: personal_text(customer, text, field=name, max_length=20_000)
           for name, text in _TEXTS.items()},
    )  # fmt: skip
    return complaint


def stock(conninfo: str, master: MasterKey, clients: int, scale: float) -> dict[str, Figures]:
    """Measure the library's recorder with our codec."""
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA IF NOT EXISTS stock")
    place = conninfo_to_dict(conninfo)
    datastore = PostgresDatastore(
        str(place["dbname"]), str(place["host"]), str(place.get("port", "5432")),
        str(place.get("user", "postgres")), "", pool_size=clients, max_overflow=clients,
        schema="stock",
    )  # fmt: skip
    keys = SubjectKeys(master)
    mapper = EventMapper(keys)
    recorder = PostgresApplicationRecorder(datastore, events_table_name="stock_events")
    recorder.create_table()
    each = max(10, _operations(clients, scale) // 8)

    def save(complaint: Complaint) -> None:
        recorder.insert_events([mapper.to_stored_event(e) for e in complaint.collect_events()])

    def create(_: int) -> None:
        save(_received(keys))

    drive_threads(clients, 5, create)
    creates = drive_threads(clients, each, create)
    loaded = [_received(keys) for _ in range(clients)]
    for complaint in loaded:
        complaint.register(_meta())
        save(complaint)

    def change(client: int) -> None:
        loaded[client].assign("运营部", None, _meta())
        save(loaded[client])

    drive_threads(clients, 5, change)
    changes = drive_threads(clients, each, change)
    datastore.close()
    return {"create": creates, "one event": changes}


async def crud(conninfo: str, _master: MasterKey, clients: int, scale: float) -> dict[str, Figures]:
    """Measure what a user would do instead: a row, an audit row, one transaction."""
    async with AsyncConnectionPool(
        conninfo, min_size=min(clients, 16), max_size=16, open=False, timeout=60
    ) as pool:
        async with pool.connection() as connection:
            await connection.execute("CREATE SCHEMA IF NOT EXISTS crud")
            await connection.execute(
                "CREATE TABLE IF NOT EXISTS crud.complaints (id uuid PRIMARY KEY, state text,"
                " department text, body jsonb, changed_at timestamptz)"
            )
            await connection.execute(
                "CREATE TABLE IF NOT EXISTS crud.audit (id bigserial PRIMARY KEY, complaint uuid,"
                " actor text, action text, at timestamptz, detail jsonb)"
            )
            await connection.execute("CREATE INDEX IF NOT EXISTS a ON crud.audit (complaint)")
        body = orjson.dumps(_TEXTS).decode()

        async def both(row: str, parameters: list[Any], complaint: UUID, action: str) -> None:
            async with pool.connection() as connection, connection.transaction():
                await connection.execute(row, parameters, prepare=True)  # type: ignore[arg-type]
                await connection.execute(
                    "INSERT INTO crud.audit (complaint, actor, action, at, detail)"
                    " VALUES (%s, %s, %s, now(), %s)",
                    [complaint, "bench", action, body],
                    prepare=True,
                )

        async def create(_: int) -> UUID:
            complaint = uuid7()
            await both(
                "INSERT INTO crud.complaints VALUES (%s, 'received', NULL, %s, now())",
                [complaint, body], complaint, "received",
            )  # fmt: skip
            return complaint

        each = max(10, _operations(clients, scale) // 2)
        await drive(clients, 10, create)
        creates = await drive(clients, each, create)
        loaded = [await create(0) for _ in range(clients)]

        async def change(client: int) -> None:
            await both(
                "UPDATE crud.complaints SET state = 'assigned', department = %s,"
                " changed_at = now() WHERE id = %s",
                ["运营部", loaded[client]], loaded[client], "assigned",
            )  # fmt: skip

        await drive(clients, 10, change)
        return {"create": creates, "one event": await drive(clients, each, change)}


def measure(
    conninfo: Callable[[], str], master: MasterKey, rounds: int, scale: float
) -> dict[str, Any]:
    """Run all contenders in turn, some rounds; return medians by contender, operation, clients."""
    import uvloop  # noqa: PLC0415  the server runs on it, too

    configure_logging("WARNING")
    contenders: dict[str, Callable[[str, int], dict[str, Figures]]] = {
        "product": lambda c, n: uvloop.run(product(c, master, n, scale)),
        "stock": lambda c, n: stock(c, master, n, scale),
        "crud": lambda c, n: uvloop.run(crud(c, master, n, scale)),
    }
    answer: dict[str, Any] = {}
    for clients in CLIENTS:
        runs: dict[tuple[str, str], list[Figures]] = {}
        for _ in range(rounds):
            place = conninfo()
            for name, contender in contenders.items():
                for operation, measured in contender(place, clients).items():
                    runs.setdefault((name, operation), []).append(measured)
        for (name, operation), measured_runs in runs.items():
            answer.setdefault(operation, {}).setdefault(clients, {})[name] = median(measured_runs)
    return answer
