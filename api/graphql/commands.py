"""From a mutation to a command and back: the only path, so that no resolver has a try."""

from collections.abc import Callable
from dataclasses import fields
from typing import Any, TypeVar
from uuid import UUID

from api.graphql.context import ApiInfo
from api.graphql.refusals import refused
from application.dispatch import Call, Command
from domain.errors import DomainError

T = TypeVar("T")


async def carry_out(
    info: ApiInfo, build: Callable[[], Command[UUID]], succeed: Callable[[UUID, int], T]
) -> T | Any:
    """Build a command from its input and execute it; refusals of either become their types."""
    context = info.context
    caller = context.caller
    try:
        outcome = await context.services.dispatcher.execute(
            build(), Call(caller=caller, idempotency_key=context.idempotency_key)
        )
    except DomainError as refusal:
        return refused(refusal, context)
    return succeed(outcome.result, outcome.position)


def copied(target: type[T], source: Any, **given: Any) -> T:
    """Make a GraphQL type from a row: fields of the same name are taken over."""
    taken = {
        f.name: getattr(source, f.name)
        for f in fields(target)  # type: ignore[arg-type]
        if f.init and f.name not in given and hasattr(source, f.name)
    }
    return target(**taken, **given)
