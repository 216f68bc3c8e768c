"""What a stream is asked for, carried out as a request is: same limits, rights and answers."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass
from inspect import isawaitable
from typing import Any, Final

import orjson
import strawberry
from graphql import (
    ExecutionResult,
    Executor,
    GraphQLError,
    OperationType,
    create_source_event_stream,
    execute_subscription_event,
)

from api import metrics
from api.draining import Draining
from api.endpoint.execution import Prepared
from api.endpoint.faults import formatted
from api.endpoint.http import Serving
from api.endpoint.requests import GraphQLRequest, RequestRefusedError
from api.graphql.context import Context
from api.graphql.subscriptions import SubscriberContext
from api.streaming.fanout import Fanout
from api.streaming.visits import StreamLimits, Visits
from application.permissions import Caller
from domain.roles import PersonId, Role

_READER: Final = Caller("fan-out", PersonId("fan-out"), Role.SYSTEM)
"""Reads for all subscribers; what each may see is decided when it subscribes."""


@dataclass(frozen=True, slots=True)
class Message:
    """One result of an operation, and the position of what it tells."""

    body: bytes
    position: int | None = None


class OperationFailedError(Exception):
    """The operation ends with these errors, without another result."""

    def __init__(self, errors: list[Any]) -> None:
        super().__init__("the operation failed")
        self.errors = errors


class Streams:
    """All that the streams of one server share."""

    fanout: Fanout

    def __init__(
        self,
        serving: Serving,
        schema: strawberry.Schema,
        limits: StreamLimits,
        draining: Draining,
    ) -> None:
        self.serving = serving
        self.visits = Visits(limits, draining)
        self._schema = schema._schema  # noqa: SLF001  Strawberry shows it nowhere else
        self._answering: set[asyncio.Task[Message]] = set()

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[None, None]:
        """Tell subscribers what happens, until the end of the block."""
        services = self.serving.services
        reading = Context(services, _READER).reading
        async with AsyncExitStack() as stack:
            fanout = Fanout(services.positions, reading)
            self.fanout = await stack.enter_async_context(fanout.running())
            yield
            if self._answering:
                await asyncio.wait(self._answering)

    def context(
        self,
        caller: Caller,
        lang: str,
        request: GraphQLRequest,
        *,
        after: int | None,
        last_event: int | None = None,
        headers: Mapping[str, str],
    ) -> SubscriberContext:
        """Return the context of one operation."""
        key = request.extensions.get("idempotencyKey", headers.get("idempotency-key"))
        if key is not None and not isinstance(key, str):
            raise RequestRefusedError(400, "IDEMPOTENCY_KEY_NOT_A_STRING")
        return SubscriberContext(
            services=self.serving.services,
            optional_caller=caller,
            lang=lang,
            idempotency_key=key,
            after_position=after,
            fanout=self.fanout,
            last_event=last_event,
        )

    def messages(
        self, prepared: Prepared, context: SubscriberContext
    ) -> AsyncGenerator[Message, None]:
        """Carry out an operation; OperationFailedError if it comes to no (further) result."""
        if prepared.operation.operation is OperationType.SUBSCRIPTION:
            prepared.ticket.release()  # it counted as a request; now the limits of streams hold
            return self._events(prepared, context)
        # What was begun comes to its end, also when nobody waits for the answer any more.
        answering = asyncio.create_task(self._answer(prepared, context))
        self._answering.add(answering)
        answering.add_done_callback(self._answering.discard)
        return _only(answering)

    async def _answer(self, prepared: Prepared, context: SubscriberContext) -> Message:
        with prepared.ticket:
            answer = await self.serving.execution.executed(prepared, context)
            return Message(answer.body)

    async def _events(
        self, prepared: Prepared, context: SubscriberContext
    ) -> AsyncGenerator[Message, None]:
        metrics.subscription_began()
        try:
            executor, source = await self._begun(prepared, context)
            async with aclosing(source):
                async for payload in source:
                    context.forget()
                    result = execute_subscription_event(executor.build_per_event_executor(payload))
                    told = await result if isawaitable(result) else result
                    yield Message(_body(told, context.lang), payload.position)
        except OperationFailedError:
            raise
        except Exception as error:  # noqa: BLE001  it is told by its code
            failed = GraphQLError("failed", original_error=error)
            errors = formatted([error if isinstance(error, GraphQLError) else failed], context.lang)
            raise OperationFailedError(errors) from None
        finally:
            metrics.subscription_ended()

    async def _begun(
        self, prepared: Prepared, context: SubscriberContext
    ) -> tuple[Executor[Any], AsyncGenerator[Any, None]]:
        name = prepared.operation.name
        executor = Executor.build(
            self._schema,
            prepared.document.node,
            context_value=context,
            raw_variable_values=prepared.sent,
            operation_name=name.value if name else None,
        )
        assert isinstance(executor, Executor), "the request was prepared"
        source: Any = create_source_event_stream(executor)
        if isawaitable(source):
            source = await source
        if isinstance(source, ExecutionResult):
            raise OperationFailedError(formatted(source.errors or [], context.lang))
        return executor, source


async def _only(answering: asyncio.Task[Message]) -> AsyncGenerator[Message, None]:
    yield await asyncio.shield(answering)


def _body(result: ExecutionResult, lang: str) -> bytes:
    body: dict[str, Any] = {"data": result.data}
    if result.errors:
        body["errors"] = formatted(result.errors, lang)
    return orjson.dumps(body)
