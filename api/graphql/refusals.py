"""Refusals as types of the schema: one per domain error, all with the interface Refusal."""

from typing import Annotated, Any, Final, Union

import strawberry

from api.graphql.context import Context
from api.graphql.scalars import public_description
from api.refusals import REFUSALS, refusal_code, refusal_message, refusal_rule
from domain.errors import (
    ConcurrentChangeError,
    DomainError,
    IdempotencyKeyReusedError,
    InvalidValueError,
    NotFoundError,
    NotPermittedError,
    StillRunningError,
    WrongStateError,
)


@strawberry.interface(description="Why a command was refused.")
class Refusal:
    """What all refusals tell: a stable code, a message in the caller's language, the rule."""

    code: str
    message: str
    rule: str | None


def _type_of(error: type[DomainError]) -> Any:
    """Make the GraphQL type of a domain error; only InvalidValue says more than the interface."""
    annotations = {"field": str} if error is InvalidValueError else {}
    name = error.__name__.removesuffix("Error")
    namespace = {"__annotations__": annotations, "__doc__": error.__doc__, "__module__": __name__}
    plain = type(name, (Refusal,), namespace)
    return strawberry.type(plain, description=public_description(error))


REFUSAL_TYPES: Final[dict[type[DomainError], Any]] = {error: _type_of(error) for error in REFUSALS}

COMMON: Final[tuple[type[DomainError], ...]] = (
    InvalidValueError,
    NotFoundError,
    NotPermittedError,
    WrongStateError,
    ConcurrentChangeError,
    IdempotencyKeyReusedError,
    StillRunningError,
)
"""What any command may be refused for."""

_STATUS: Final = {IdempotencyKeyReusedError: 422, StillRunningError: 409}


def result_union(name: str, success: Any, *own: type[DomainError]) -> Any:
    """Return the union of a mutation: its success type, common refusals, its own refusals."""
    members = (success, *(REFUSAL_TYPES[error] for error in (*COMMON, *own)))
    return Annotated[Union[members], strawberry.union(name)]  # noqa: UP007  made at run time


def refused(error: DomainError, context: Context) -> Any:
    """Return a refusal as its GraphQL type, in the caller's language."""
    status = _STATUS.get(type(error))
    if status is not None:
        context.status = status
    own = {"field": error.field} if isinstance(error, InvalidValueError) else {}
    return REFUSAL_TYPES[type(error)](
        code=refusal_code(type(error)),
        message=refusal_message(error, context.lang),
        rule=refusal_rule(error),
        **own,
    )
