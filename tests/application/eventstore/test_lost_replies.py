"""A command whose reply was lost after COMMIT happens once, and its caller gets the answer."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import psycopg
import pytest
from psycopg_pool import AsyncConnectionPool

from api.bootstrap import as_role, utc_now
from application.complaint_work import RegisterComplaint
from application.complaints import ReceiveComplaint, ReceivedComplaint
from application.desk import EventStore
from application.dispatch import Call, Dispatcher, Outcome
from application.eventstore.codec import EventMapper
from application.eventstore.errors import OutcomeUnknownError
from application.eventstore.subject_keys import MasterKey, SubjectKeys
from application.eventstore.writer import GroupWriter
from application.permissions import Caller
from domain.categories import Category
from domain.complaint_words import Channel
from domain.errors import WrongStateError
from domain.roles import PersonId, Role

Plan = Callable[[int], str]
CALLER = Caller("desk-1", PersonId("desk-1"), Role.FRONT_DESK)
PATIENCE = 300.0


def lost_once(ordinal: int) -> str:
    """Lose the reply of every other append: the first one of each command in a row."""
    if ordinal % 2 == 0:
        return "pass"
    return "tear" if ordinal % 4 == 1 else "cut"


def complaint(number: int) -> ReceiveComplaint:
    return ReceiveComplaint(
        received=ReceivedComplaint(
            channel=Channel.PHONE,
            category=Category.LOSS,
            complainant=f"Customer {number}",
            subject=f"Parcel {number}",
            facts="It never came.",
        )
    )


@asynccontextmanager
async def dispatching(
    database: str, master: MasterKey, proxied: Any, plan: Plan
) -> AsyncIterator[Dispatcher]:
    """Open the command side whose writer, and nothing else, goes through the proxy."""
    direct = as_role(database, "redress_writer")
    keys = SubjectKeys(master)
    pool: AsyncConnectionPool[Any] = AsyncConnectionPool(
        direct, min_size=1, max_size=4, open=False, kwargs={"autocommit": True}
    )
    async with proxied(direct, plan) as (conninfo, _):
        await pool.open()
        store = EventStore(
            GroupWriter(conninfo, keys), pool, EventMapper(keys), keys, ZoneInfo("Asia/Shanghai")
        )
        try:
            yield Dispatcher(store, utc_now)
        finally:
            await store.close()


def received(database: str) -> list[tuple[UUID, str]]:
    with psycopg.connect(database) as connection:
        return connection.execute(
            "SELECT originator_id, convert_from(state, 'UTF8')::jsonb -> 'data' ->> 'number'"
            " FROM log.stored_events WHERE topic = 'complaint.received'"
        ).fetchall()


def receive_in_a_row(
    database: str, master: MasterKey, proxied: Any, count: int
) -> list[Outcome[UUID]]:
    """Carry out commands one after the other, each of which loses its first reply."""

    async def main() -> list[Outcome[UUID]]:
        async with (
            asyncio.timeout(PATIENCE),
            dispatching(database, master, proxied, lost_once) as dispatcher,
        ):
            return [
                await dispatcher.execute(
                    complaint(number),
                    # Whoever gives no key is protected as well.
                    Call(caller=CALLER, idempotency_key=f"key-{number}" if number % 2 else None),
                )
                for number in range(count)
            ]

    return asyncio.run(main())


@pytest.mark.acceptance
def test_every_command_whose_reply_was_lost_happens_once_and_is_answered(
    database: str, master: MasterKey, proxied: Any, *, full_volume: bool
) -> None:
    count = 200 if full_volume else 40
    outcomes = receive_in_a_row(database, master, proxied, count)
    effects = received(database)
    print(f"\nlost replies: {count} commands, {len(effects)} effects, {len(outcomes)} answers")
    assert len(effects) == count
    assert sorted(stream for stream, _ in effects) == sorted(o.result for o in outcomes)
    assert len({number for _, number in effects}) == count
    assert all(outcome.repeated for outcome in outcomes)
    assert sorted(outcome.position for outcome in outcomes) == list(range(1, count + 1))


def test_without_the_idempotency_row_the_same_commands_happen_twice(
    database: str,
    master: MasterKey,
    proxied: Any,
    rewrite_append: Callable[[dict[str, str]], None],
) -> None:
    forget = "BEGIN\n    command_keys := array_fill(NULL::uuid, ARRAY[cardinality(command_keys)]);"
    rewrite_append({"BEGIN\n    LOCK": f"{forget}\n    LOCK"})
    outcomes = receive_in_a_row(database, master, proxied, 10)
    assert len(outcomes) == 10
    assert len(received(database)) == 20


@pytest.mark.parametrize("losses", [("cut", "cut"), ("refuse", "refuse"), ("refuse", "tear")])
def test_commands_that_share_a_batch_and_lose_two_replies_happen_once(
    database: str, master: MasterKey, proxied: Any, losses: tuple[str, ...]
) -> None:
    async def main() -> list[Outcome[UUID]]:
        async with (
            asyncio.timeout(PATIENCE),
            dispatching(
                database, master, proxied, lambda n: losses[n - 1] if n <= len(losses) else "pass"
            ) as dispatcher,
        ):
            return await asyncio.gather(
                *(
                    dispatcher.execute(complaint(number), Call(caller=CALLER))
                    for number in range(30)
                )
            )

    outcomes = asyncio.run(main())
    assert {stream for stream, _ in received(database)} == {o.result for o in outcomes}
    assert len(received(database)) == 30


def test_a_caller_who_is_never_answered_can_ask_again_with_the_same_key(
    database: str, master: MasterKey, proxied: Any
) -> None:
    async def main() -> None:
        call = Call(caller=CALLER, idempotency_key="once")
        async with dispatching(database, master, proxied, lambda _: "cut") as dispatcher:
            with pytest.raises(OutcomeUnknownError):
                await dispatcher.execute(complaint(1), call)
        async with dispatching(database, master, proxied, lambda _: "pass") as dispatcher:
            outcome = await dispatcher.execute(complaint(1), call)
        assert outcome.repeated
        assert [stream for stream, _ in received(database)] == [outcome.result]

    asyncio.run(main())


@pytest.mark.parametrize("key", [None, "given"])
def test_a_repetition_of_what_was_stored_is_not_refused_as_out_of_order(
    database: str, master: MasterKey, proxied: Any, key: str | None
) -> None:
    async def main() -> None:
        plan = {2: "cut"}
        async with dispatching(
            database, master, proxied, lambda n: plan.get(n, "pass")
        ) as dispatcher:
            stream = (await dispatcher.execute(complaint(1), Call(caller=CALLER))).result
            register = RegisterComplaint(complaint=stream)
            outcome = await dispatcher.execute(register, Call(caller=CALLER, idempotency_key=key))
            assert (outcome.result, outcome.position, outcome.repeated) == (stream, 2, True)
            with pytest.raises(WrongStateError):  # while really doing it again is
                await dispatcher.execute(register, Call(caller=CALLER))

    asyncio.run(main())
