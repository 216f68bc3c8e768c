"""The schema: what each sibling module's ``Query``, ``Mutation`` and ``Subscription`` bring."""

import importlib
import pkgutil

import strawberry
from strawberry.schema.config import StrawberryConfig
from strawberry.tools import merge_types

import api.graphql
import api.graphql.compiler.roots
from api.graphql.context import ApiInfo
from api.graphql.nodes import MOST_NODES, NODE_LOADERS, Node, as_uuid, split_global_id
from api.graphql.scalars import SCALARS
from domain.errors import InvalidValueError, Rule
from domain.roles import Role


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
        if len(ids) > MOST_NODES:
            raise InvalidValueError("ids", Rule.OUT_OF_RANGE, f"0-{MOST_NODES}")
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


def _parts(name: str) -> tuple[type, ...]:
    modules = [
        importlib.import_module(f"{api.graphql.__name__}.{found.name}")
        for found in pkgutil.iter_modules(api.graphql.__path__)
        if found.name != "schema"
    ]
    return tuple(vars(module)[name] for module in modules if name in vars(module))


schema = strawberry.Schema(
    query=merge_types("Query", (Query, *_parts("Query"))),
    mutation=merge_types("Mutation", _parts("Mutation")),
    subscription=merge_types("Subscription", _parts("Subscription")),
    config=StrawberryConfig(scalar_map=SCALARS),
)
"""The whole schema; ``tests/api/schema.graphql`` is its committed text."""
