"""Root fields that are no connection: any object by its id, who is calling, histories, counts."""

from typing import Any

import orjson
from graphql import GraphQLObjectType, get_named_type

from api.graphql.compiler.conditions import where
from api.graphql.compiler.declarations import TYPES, Planning, Row, answers, relation
from api.graphql.compiler.selection import TYPENAME, Selected
from api.graphql.compiler.sql import (
    NULL,
    Json,
    Pieces,
    UnsupportedError,
    expression,
    joined,
    literal,
)
from api.graphql.nodes import MOST_NODES, as_uuid, split_global_id
from projections.paging import Condition


class _Objects:
    """What is selected of an object, for each type that its id may name."""

    def __init__(self, selected: Selected, planning: Planning) -> None:
        self._kinds: dict[str, tuple[Row, Pieces] | None] = {}
        for kind, declared in TYPES.items():
            if declared.operation is None:
                continue
            if not planning.view.may(declared.operation):
                self._kinds[kind] = None  # ordinary execution refuses it
                continue
            row = planning.row(declared.table)
            try:
                found = planning.object(kind, row, selected.sets)
            except UnsupportedError:
                self._kinds[kind] = None
                continue
            within = planning.within(declared.operation, row)
            source = row.source(relation(row.table))
            pieces = ["(SELECT ", *found.pieces(), f" FROM {source} WHERE ", within, " AND "]
            self._kinds[kind] = row, joined(pieces)

    def sql(self, identifier: str, binding: Any) -> str:
        """Write the object of an id; null if there is none, or not for this caller."""
        kind, _ = split_global_id(identifier, field="id")
        if kind not in self._kinds:
            return f"'{NULL}'"
        found = self._kinds[kind]
        key = as_uuid(identifier, field="id")
        if found is None:
            raise UnsupportedError(kind)
        row, pieces = found
        condition = where([Condition(row.table.key, "=", key)], row.table, f"{row.alias}.", binding)
        return f"coalesce({binding.render(pieces)}{condition}), '{NULL}')"


def _node(selected: Selected, planning: Any) -> Json:
    objects, given = _Objects(selected, planning), planning.given(selected)
    return expression(lambda binding: objects.sql(given.values(binding)["id"], binding))


def _nodes(selected: Selected, planning: Any) -> Json:
    objects, given = _Objects(selected, planning), planning.given(selected)

    def found(binding: Any) -> str:
        identifiers = given.values(binding)["ids"]
        if len(identifiers) > MOST_NODES:
            raise UnsupportedError("too many")
        return " || ',' || ".join(objects.sql(i, binding) for i in identifiers) or "''"

    return literal("[").expression([found]).literal("]")


def _viewer(selected: Selected, planning: Any) -> Json:
    kind: Any = get_named_type(selected.definition.type)
    assert isinstance(kind, GraphQLObjectType)
    chosen = [(part.key, part.name) for part in planning.selections.of(kind, selected.sets)]

    def told(binding: Any) -> str:
        caller = binding.context.caller
        values = {TYPENAME: kind.name, "actor": caller.actor, "role": caller.role.name}
        text = orjson.dumps({key: values[name] for key, name in chosen}).decode()
        return str(binding.parameter(text, "text"))

    return expression(told)


answers("node", _node)
answers("nodes", _nodes)
answers("viewer", _viewer)
