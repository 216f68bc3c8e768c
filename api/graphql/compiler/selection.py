"""What a document selects, with fragments resolved and @skip and @include decided."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from graphql import (
    DirectiveNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    SelectionSetNode,
    TypeNameMetaFieldDef,
    ValueNode,
    VariableNode,
    get_argument_values,
)
from graphql.execution.values import VariableValues
from graphql.language import BooleanValueNode, ListValueNode, ObjectValueNode

from api.graphql.compiler.sql import UnsupportedError

TYPENAME = "__typename"


@dataclass(frozen=True, slots=True)
class Selected:
    """A field of an answer: its key, what defines it, and all places that select it."""

    key: str
    name: str
    definition: GraphQLField
    nodes: tuple[FieldNode, ...]

    @property
    def sets(self) -> list[SelectionSetNode]:
        """Return what is selected beneath."""
        return [node.selection_set for node in self.nodes if node.selection_set is not None]

    def arguments(self, variables: VariableValues) -> dict[str, Any]:
        """Return the coerced arguments."""
        return get_argument_values(self.definition, self.nodes[0], variables)


class Selections:
    """Reads the selection sets of one operation, for given values of its @skip and @include."""

    def __init__(
        self,
        schema: GraphQLSchema,
        fragments: Mapping[str, FragmentDefinitionNode],
        variables: VariableValues,
    ) -> None:
        self._schema = schema
        self._fragments = fragments
        self.variables = variables

    def of(self, kind: GraphQLObjectType, sets: Iterable[SelectionSetNode]) -> list[Selected]:
        """Return what is selected of a type, in the order of the answer."""
        found: dict[str, list[FieldNode]] = {}
        visited: set[str] = set()
        for selection_set in sets:
            self._collect(kind, selection_set, found, visited)
        return [self._selected(kind, key, nodes) for key, nodes in found.items()]

    def _selected(self, kind: GraphQLObjectType, key: str, nodes: list[FieldNode]) -> Selected:
        name = nodes[0].name.value
        definition = TypeNameMetaFieldDef if name == TYPENAME else kind.fields.get(name)
        if definition is None:
            raise UnsupportedError(name)  # __schema and __type
        return Selected(key, name, definition, tuple(nodes))

    def _collect(
        self,
        kind: GraphQLObjectType,
        selection_set: SelectionSetNode,
        found: dict[str, list[FieldNode]],
        visited: set[str],
    ) -> None:
        for node in selection_set.selections:
            if not self._included(node.directives or ()):
                continue
            if isinstance(node, FieldNode):
                key = (node.alias or node.name).value
                found.setdefault(key, []).append(node)
            elif isinstance(node, InlineFragmentNode):
                condition = node.type_condition
                if condition is None or self._applies(condition.name.value, kind):
                    self._collect(kind, node.selection_set, found, visited)
            elif isinstance(node, FragmentSpreadNode):
                fragment = self._fragments[node.name.value]
                if node.name.value in visited:
                    continue
                visited.add(node.name.value)
                if self._applies(fragment.type_condition.name.value, kind):
                    self._collect(kind, fragment.selection_set, found, visited)

    def _applies(self, condition: str, kind: GraphQLObjectType) -> bool:
        return condition == kind.name or any(i.name == condition for i in kind.interfaces)

    def _included(self, directives: Iterable[DirectiveNode]) -> bool:
        for directive in directives:
            if directive.name.value not in {"skip", "include"}:
                raise UnsupportedError(directive.name.value)
            condition = self._condition((directive.arguments or ())[0].value)
            if condition is (directive.name.value == "skip"):
                return False
        return True

    def _condition(self, value: ValueNode) -> bool:
        if isinstance(value, BooleanValueNode):
            return value.value
        if isinstance(value, VariableNode):
            given = self.variables.coerced.get(value.name.value)
            if isinstance(given, bool):
                return given
        raise UnsupportedError("a condition that is neither true nor false")


def has_variable(value: ValueNode) -> bool:
    """Say whether a variable stands anywhere in a value."""
    if isinstance(value, VariableNode):
        return True
    if isinstance(value, ListValueNode):
        return any(map(has_variable, value.values))
    if isinstance(value, ObjectValueNode):
        return any(has_variable(field.value) for field in value.fields)
    return False
