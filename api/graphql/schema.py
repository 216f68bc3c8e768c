"""The schema: what each sibling module with a ``Query`` or ``Mutation`` brings, merged."""

import importlib
import pkgutil
import re
from collections.abc import AsyncIterator
from traceback import extract_tb
from typing import Any, Final

import psycopg
import strawberry
import structlog
from graphql import ExecutionResult, GraphQLError
from strawberry.extensions import MaxTokensLimiter, SchemaExtension
from strawberry.schema.config import StrawberryConfig
from strawberry.tools import merge_types

import api.graphql
from api.graphql.context import ApiInfo, Context
from api.graphql.nodes import NODE_LOADERS, Node, as_uuid, split_global_id
from api.graphql.scalars import SCALARS
from api.positions import NotYetProjectedError
from api.refusals import fault_message, refusal_code, refusal_message, refusal_rule
from application.eventstore.errors import NotStoredError, OutcomeUnknownError
from domain.errors import DomainError, InvalidValueError, Rule
from domain.roles import Role

_MAX_TOKENS: Final = 2000
_MAX_NODES: Final = 100
_FRAMES: Final = 5
# What was sent may be personal, wherever it was put: errors name the place, not the value.
_QUOTED_VALUE: Final = re.compile(r"""(?s), found: .*|: (?=['"\[{]).*""")

_log = structlog.get_logger()


@strawberry.type(description="Who is calling.")
class Viewer:
    """The caller."""

    actor: str
    role: Role


@strawberry.type
class Query:
    """Questions that belong to no area."""

    @strawberry.field(description="Any object by its global id.")
    async def node(self, info: ApiInfo, id: strawberry.ID) -> Node | None:  # noqa: A002
        """Find one."""
        _ = info.context.caller  # nobody without a key asks, not even for what there is not
        return await _node(info, id)

    @strawberry.field(description="Any objects by their global ids; null where there is none.")
    async def nodes(self, info: ApiInfo, ids: list[strawberry.ID]) -> list[Node | None]:
        """Find several."""
        _ = info.context.caller
        if len(ids) > _MAX_NODES:
            raise InvalidValueError("ids", Rule.OUT_OF_RANGE, f"0-{_MAX_NODES}")
        return [await _node(info, identifier) for identifier in ids]

    @strawberry.field(description="Who is calling; null without a key.")
    def viewer(self, info: ApiInfo) -> Viewer | None:
        """Return the caller."""
        caller = info.context.optional_caller
        return None if caller is None else Viewer(actor=caller.actor, role=caller.role)


async def _node(info: ApiInfo, identifier: str) -> Node | None:
    kind, _ = split_global_id(identifier, field="id")
    load = NODE_LOADERS.get(kind)
    if load is None:
        return None
    found: Node | None = await load(info, as_uuid(identifier, field="id"))
    return found


class ReadYourWrites(SchemaExtension):
    """Wait, before execution, until the read models have seen ``Redress-After``."""

    async def on_execute(self) -> AsyncIterator[None]:
        """Wait; an error instead of an answer if it takes too long."""
        context: Context = self.execution_context.context
        if context.after_position is not None:
            try:
                await context.services.positions.wait_for(context.after_position)
            except NotYetProjectedError as error:
                self.execution_context.result = ExecutionResult(
                    data=None, errors=[GraphQLError(str(error), original_error=error)]
                )
        yield


class Faults(SchemaExtension):
    """Give every error a code; an unexpected one tells its code and nothing of its inside."""

    async def on_operation(self) -> AsyncIterator[None]:
        """Replace the errors of the answer."""
        yield
        result: Any = self.execution_context.result
        errors = getattr(result, "errors", None)
        if errors:
            lang = self.execution_context.context.lang
            result.errors = [_told(error, lang) for error in errors]


def _told(error: GraphQLError, lang: str) -> GraphQLError:
    original = error.original_error
    while isinstance(original, GraphQLError):
        original = original.original_error
    if original is None:  # about the document or by one of our own resolvers
        error.message = _QUOTED_VALUE.sub("", error.message)
        return error
    extensions: dict[str, Any]
    if isinstance(original, DomainError):
        extensions = {"code": refusal_code(type(original)), "rule": refusal_rule(original)}
        if isinstance(original, InvalidValueError):
            extensions["field"] = original.field
        message = refusal_message(original, lang)
    elif isinstance(original, NotYetProjectedError):
        extensions = {"code": "NOT_YET_PROJECTED", "reached": original.reached}
        message = fault_message(
            "NOT_YET_PROJECTED", lang, reached=original.reached, position=original.position
        )
    else:
        extensions = {"code": _fault_code(original)}
        message = fault_message(extensions["code"], lang)
        if extensions["code"] == "INTERNAL":
            # Its place, not its message, which may quote what was sent.
            frames = extract_tb(original.__traceback__)[-_FRAMES:]
            trace = [f"{frame.filename}:{frame.lineno}" for frame in frames]
            _log.error("fault", error=type(original).__name__, path=error.path, trace=trace)
    return GraphQLError(message, error.nodes, path=error.path, extensions=extensions)


def _fault_code(fault: Exception) -> str:
    if isinstance(fault, OutcomeUnknownError):
        return "OUTCOME_UNKNOWN"
    if isinstance(fault, NotStoredError):
        return "UNAVAILABLE"
    if isinstance(fault, psycopg.OperationalError):  # resolvers only read
        return "READ_UNAVAILABLE"
    return "INTERNAL"


def _parts(name: str) -> tuple[type, ...]:
    modules = [
        importlib.import_module(f"{api.graphql.__name__}.{found.name}")
        for found in pkgutil.iter_modules(api.graphql.__path__)
        if found.name != "schema"
    ]
    return tuple(vars(module)[name] for module in modules if name in vars(module))


class _Schema(strawberry.Schema):
    def process_errors(self, errors: Any, execution_context: Any = None) -> None:
        """Log nothing: Strawberry quotes the request, which may be personal; Faults logs faults."""


schema = _Schema(
    query=merge_types("Query", (Query, *_parts("Query"))),
    mutation=merge_types("Mutation", _parts("Mutation")),
    config=StrawberryConfig(scalar_map=SCALARS),
    extensions=[
        ReadYourWrites,
        Faults,
        lambda: MaxTokensLimiter(max_token_count=_MAX_TOKENS),
    ],
)
"""The whole schema; ``tests/api/schema.graphql`` is its committed text."""
