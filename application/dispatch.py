"""The one door for commands: permission, idempotency, retries, metadata and one log line.

outcome = await dispatcher.execute(AssignComplaint(...), Call(caller))
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from time import perf_counter
from typing import Any, Final, Generic, TypeVar, get_type_hints
from uuid import UUID

import orjson
import structlog
from pydantic import TypeAdapter
from uuid_utils.compat import uuid7

from application.desk import Desk, EventStore
from application.eventstore.errors import (
    NotStoredError,
    OutcomeUnknownError,
    RepeatedError,
    SubjectKeyRacedError,
    VersionConflictError,
)
from application.eventstore.writer import Idempotency
from application.permissions import Caller, relation
from application.refusals import refusal_from_stored, refusal_to_stored
from domain.errors import (
    ConcurrentChangeError,
    DomainError,
    IdempotencyKeyReusedError,
    InvalidValueError,
    Rule,
    StillRunningError,
)
from domain.metadata import Metadata, Source, SourceKind
from domain.text import checked_text

R = TypeVar("R")
C = TypeVar("C", bound="Command[Any]")

TRIES: Final = 3
CLOCK_SKEW: Final = timedelta(seconds=60)
"""How far ahead of our clock a caller's may be (domain.md 0)."""
EARLIEST: Final = datetime(1970, 1, 1, tzinfo=UTC)
"""Business times before it are typing errors."""
REASON_LENGTH: Final = 1000
_KEY_LENGTH: Final = 255

_API: Final = Source(SourceKind.API)

_log = structlog.get_logger()


@dataclass(frozen=True, kw_only=True, slots=True)
class Command(Generic[R]):
    """An order to do something, whose handler answers with an ``R``.

    ``occurred_at`` is the business time, now if not given; ``reason`` says why, without naming
    people.
    """

    occurred_at: datetime | None = None
    reason: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """The circumstances of one command: who orders it, through which door, as part of what."""

    caller: Caller
    source: Source = _API
    idempotency_key: str | None = None
    correlation: UUID | None = None
    causation: UUID | None = None


@dataclass(frozen=True, slots=True)
class Outcome(Generic[R]):
    """What the handler answered and the log position up to which the command's events reach.

    ``repeated`` says that the command had been carried out before, under the same key.
    """

    result: R
    position: int
    repeated: bool = False


@dataclass(frozen=True, slots=True)
class _Handler:
    operation: str
    function: Callable[[Any, Desk], Awaitable[Any]]
    result: TypeAdapter[Any]


HANDLERS: Final[dict[type[Command[Any]], _Handler]] = {}


def handles(
    command_class: type[C],
) -> Callable[[Callable[[C, Desk], Awaitable[R]]], Callable[[C, Desk], Awaitable[R]]]:
    """Make a function the one handler of a command; its operation is ``camelCase`` of the class."""

    def register(
        function: Callable[[C, Desk], Awaitable[R]],
    ) -> Callable[[C, Desk], Awaitable[R]]:
        if command_class in HANDLERS:
            raise TypeError(f"{command_class.__name__} has a handler already")
        name = command_class.__name__
        result = get_type_hints(function)["return"]
        HANDLERS[command_class] = _Handler(
            name[0].lower() + name[1:], function, TypeAdapter(result)
        )
        return function

    return register


def operation_of(command_class: type[Command[Any]]) -> str:
    """Return the name under which the permission table and GraphQL know a command."""
    return HANDLERS[command_class].operation


class Dispatcher:
    """Carries out commands against one event store."""

    def __init__(self, store: EventStore, now: Callable[[], datetime]) -> None:
        self._store = store
        self._now = now
        self._running: set[int] = set()

    async def execute(self, command: Command[R], call: Call) -> Outcome[R]:
        """Carry out a command once, however often it is sent under one idempotency key.

        Raises the DomainError that refuses it; NotStoredError (nothing happened, try later);
        OutcomeUnknownError (ask again with the same key).
        """
        began = perf_counter()
        handler = HANDLERS[type(command)]
        outcome_name = "fault"
        position: int | None = None
        try:
            outcome = await self._execute(command, call, handler)
            outcome_name = "repeated" if outcome.repeated else "done"
            position = outcome.position
            return outcome
        except DomainError as refusal:
            outcome_name = f"refused: {type(refusal).__name__}"
            raise
        finally:
            _log.info(
                "command",
                operation=handler.operation,
                role=call.caller.role.value,
                outcome=outcome_name,
                position=position,
                ms=round((perf_counter() - began) * 1000, 2),
            )

    async def _execute(self, command: Command[R], call: Call, handler: _Handler) -> Outcome[R]:
        granted = relation(call.caller, handler.operation)
        meta = self._metadata(command, call)
        key, request_hash = self._digests(command, call, handler)
        if key.int in self._running:
            raise StillRunningError
        self._running.add(key.int)
        unknown = False
        try:
            for attempt in range(TRIES):
                desk = Desk(
                    self._store,
                    call.caller,
                    granted,
                    meta,
                    latest=self._now() + CLOCK_SKEW,
                    fresh=attempt > 0,
                )
                async with desk:
                    try:
                        return await self._attempt(
                            command,
                            handler,
                            desk,
                            Idempotency(key, request_hash, b""),
                            given_key=call.idempotency_key is not None,
                            first=attempt == 0,
                        )
                    except RepeatedError as earlier:
                        return self._earlier(handler, earlier, request_hash)
                    except (VersionConflictError, SubjectKeyRacedError):
                        pass
                    except _DecidedOnOldStateError:
                        continue
                    except OutcomeUnknownError:
                        # The row under our key tells whether it was stored: ask again.
                        if attempt == TRIES - 1:
                            raise
                        unknown = True
                    except NotStoredError as error:
                        if unknown:  # this attempt stored nothing, an earlier one perhaps did
                            raise OutcomeUnknownError("the earlier reply was lost") from error
                        raise
                await asyncio.sleep(random.uniform(0.001, 0.01) * (attempt + 1))  # noqa: S311
            raise ConcurrentChangeError(desk.root_kind)
        finally:
            self._running.discard(key.int)

    async def _attempt(
        self,
        command: Command[R],
        handler: _Handler,
        desk: Desk,
        idempotency: Idempotency,
        *,
        given_key: bool,
        first: bool,
    ) -> Outcome[R]:
        try:
            result = await handler.function(command, desk)
        except DomainError as refusal:
            if desk.used_cache:
                raise _DecidedOnOldStateError from refusal
            if isinstance(refusal, InvalidValueError):
                # The state that this command made may be what refuses its repetition.
                asked_before = given_key or not first
                if asked_before and (
                    earlier := await self._store.find_idempotency(idempotency.key)
                ):
                    raise earlier from refusal
                raise  # a mistake of the sender's, who may correct it under the same key
            if given_key:
                await desk.store_refusal(idempotency.answered(refusal_to_stored(refusal)))
            elif not first and (earlier := await self._store.find_idempotency(idempotency.key)):
                # The attempt whose reply was lost had been stored: refused is only its repetition.
                raise earlier from refusal
            raise
        if desk.events:
            stored = orjson.dumps({"ok": handler.result.dump_python(result, mode="json")})
            appended = await desk.commit(idempotency.answered(stored))
        elif desk.used_cache:
            raise _DecidedOnOldStateError
        else:
            stored = orjson.dumps({"ok": handler.result.dump_python(result, mode="json")})
            appended = await desk.commit(idempotency.answered(stored) if given_key else None)
        return Outcome(result, appended.last)

    def _earlier(
        self, handler: _Handler, earlier: RepeatedError, request_hash: bytes
    ) -> Outcome[Any]:
        if earlier.request_hash != request_hash:
            raise IdempotencyKeyReusedError
        stored = orjson.loads(earlier.result)
        if "ok" not in stored:
            raise refusal_from_stored(stored)
        return Outcome(
            handler.result.validate_python(stored["ok"]), earlier.position, repeated=True
        )

    def _metadata(self, command: Command[Any], call: Call) -> Metadata:
        now = self._now()
        occurred_at = now if command.occurred_at is None else command.occurred_at
        if occurred_at.tzinfo is None:
            raise InvalidValueError("occurredAt", Rule.NO_TIME_ZONE)
        if occurred_at < EARLIEST:
            raise InvalidValueError("occurredAt", Rule.BEFORE, EARLIEST.date().isoformat())
        if occurred_at > now + CLOCK_SKEW:
            raise InvalidValueError("occurredAt", Rule.IN_THE_FUTURE)
        reason = command.reason
        if reason is not None:
            reason = checked_text(reason, field="reason", max_length=REASON_LENGTH)
        return Metadata(
            occurred_at=occurred_at.astimezone(UTC),
            actor=call.caller.actor,
            role=call.caller.role,
            reason=reason,
            correlation=call.correlation or uuid7(),
            causation=call.causation,
            source=call.source,
        )

    def _digests(self, command: Command[Any], call: Call, handler: _Handler) -> tuple[UUID, bytes]:
        """Return the digests of the key, within principal and operation, and of the request."""
        given = call.idempotency_key
        if given is None:
            key = uuid7()  # no caller knows it: it only protects our own retries
        else:
            if not 1 <= len(given) <= _KEY_LENGTH:
                raise InvalidValueError("Idempotency-Key", Rule.OUT_OF_RANGE, f"1-{_KEY_LENGTH}")
            key = UUID(
                bytes=self._store.keys.master.digest(
                    b"idempotency",
                    call.caller.principal.encode(),
                    handler.operation.encode(),
                    given.encode("utf-8", "replace"),
                )
            )
        try:
            request = orjson.dumps(command, option=orjson.OPT_NON_STR_KEYS)
        except orjson.JSONEncodeError:  # a lone surrogate: the check of its field will name it
            request = repr(command).encode()
        return key, self._store.keys.master.digest(b"request", request)


class _DecidedOnOldStateError(Exception):
    """The state in memory may be behind the log: decide again on what the log says."""
