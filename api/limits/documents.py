"""What one document may ask for, found out before it is validated.

Validation itself compares fields pair by pair, so documents must be small before it begins. Every
definition is walked once, whatever spreads it: what fragments multiply is counted, never expanded.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from graphql import (
    DirectiveNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLSyntaxError,
    InlineFragmentNode,
    NamedTypeNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    VariableDefinitionNode,
    get_named_type,
    parse,
)

from api.limits.costs import MANY, PageLimits, Program, Sum, length_of, times_of
from api.limits.messages import LimitError

_TOO_MANY_TOKENS: Final = "Syntax Error: Document contains more than "
_INTROSPECTION: Final = frozenset({"__schema", "__type"})


@dataclass(frozen=True, slots=True)
class DocumentLimits:
    """How large a document may be; "spread" figures count what fragments bring, each time."""

    size: int = 65_536  # bytes
    tokens: int = 2_000
    operations: int = 10
    fragments: int = 50
    spreads: int = 200
    variables: int = 100  # of one operation
    directives: int = 100
    directives_per_place: int = 5
    repeats: int = 32  # one response name in one place: these pairs are what validation compares
    repeated_objects: int = 8  # the same of fields with a selection, whose insides are compared
    nesting: int = 100  # selection sets while walking, inline fragments and spreads included
    depth: int = 16  # fields, spread; the introspection query of GraphiQL has 15
    fields: int = 2_000  # spread
    aliases: int = 100  # spread
    mutation_fields: int = 10  # spread
    cost: int = 250_000  # points: 1,000 rows of 250 fields
    pages: PageLimits = field(default_factory=PageLimits)
    introspection: bool = True


class LimitExceededError(LimitError):
    """A document or its variables are beyond a limit."""

    def __init__(self, code: str, limit: int, found: int) -> None:
        """Keep the limit and the figure that was found instead."""
        super().__init__(code, limit=limit, found=found)
        self.limit = limit
        self.found = found


def check(code: str, limit: int, found: int) -> None:
    """Raise if more was found than the limit allows."""
    if found > limit:
        raise LimitExceededError(code, limit, found)


def read_document(text: str, limits: DocumentLimits) -> DocumentNode:
    """Parse a document; GraphQLSyntaxError if it is none, LimitExceededError if it is too long."""
    size = len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
    check("DOCUMENT_TOO_LARGE", limits.size, size)
    try:
        return parse(text, max_lexical_tokens=limits.tokens, max_comments=limits.tokens)
    except GraphQLSyntaxError as error:
        # The parser has no type of its own for this; what it quotes comes later in a message.
        if error.message.startswith(_TOO_MANY_TOKENS):
            raise LimitExceededError("TOKEN_LIMIT", limits.tokens, limits.tokens + 1) from None
        raise


@dataclass(frozen=True, slots=True)
class _Operation:
    cost: Sum
    defaults: Mapping[str, int]  # of variables that may say how long a list is


@dataclass(frozen=True, slots=True)
class Measured:
    """A document within its limits, except for the cost, which variables decide."""

    visits: int
    """How many selections were looked at: each that was written, once."""
    _operations: Mapping[str | None, _Operation]
    _program: Program
    _most: int

    def cost(self, operation_name: str | None, variables: Mapping[str, Any]) -> int:
        """Return the points of an operation; LimitExceededError if they are too many.

        An operation that is not there costs one point: it is refused, but not for nothing.
        """
        if operation_name is None and len(self._operations) == 1:
            (operation_name,) = self._operations
        operation = self._operations.get(operation_name)
        if operation is None:
            return 1
        points = operation.cost.points
        if operation.cost.terms:
            points = self._program.run(operation.cost, {**operation.defaults, **variables})
        check("COST_LIMIT", self._most, points)
        return points


def measure(schema: GraphQLSchema, document: DocumentNode, limits: DocumentLimits) -> Measured:
    """Measure a parsed document before its validation; LimitExceededError if it is too large."""
    return _Walk(schema, document, limits).measured()


class _Part:
    """What a selection set brings, its fragments spread."""

    __slots__ = ("aliases", "cost", "depth", "fields", "top")

    def __init__(self) -> None:
        self.fields = 0
        self.top = 0  # fields at this level only
        self.aliases = 0
        self.depth = 0
        self.cost = Sum()


class _Place:
    """How often fields are written in one place of the answer, inline fragments looked through."""

    __slots__ = ("inner", "times")

    def __init__(self) -> None:
        self.times = 0
        self.inner: dict[str, _Place] = {}


_Parent = GraphQLNamedType | None
"""The type on which fields are selected; None where nothing is known, as in introspection."""


class _Walk:
    """One pass over a document."""

    def __init__(
        self, schema: GraphQLSchema, document: DocumentNode, limits: DocumentLimits
    ) -> None:
        self._schema = schema
        self._limits = limits
        self._program = Program()
        self._fragments = [
            node for node in document.definitions if isinstance(node, FragmentDefinitionNode)
        ]
        self._operations = [
            node for node in document.definitions if isinstance(node, OperationDefinitionNode)
        ]
        self._named = {node.name.value: node for node in self._fragments}
        self._parts: dict[int, _Part] = {}  # by id of the node: names may be given twice
        self._open: set[int] = set()
        self._directives = 0
        self._spreads = 0
        self._nesting = 0
        self._visits = 0

    def measured(self) -> Measured:
        """Walk every definition, spread or not: validation walks them all."""
        check("OPERATION_LIMIT", self._limits.operations, len(self._operations))
        check("FRAGMENT_LIMIT", self._limits.fragments, len(self._fragments))
        for fragment in self._fragments:
            self._fragment(fragment)
        operations = {
            node.name.value if node.name else None: self._operation(node)
            for node in self._operations
        }
        return Measured(self._visits, operations, self._program, self._limits.cost)

    def _operation(self, node: OperationDefinitionNode) -> _Operation:
        self._count_directives(node.directives)
        part = self._definition(node, self._schema.get_root_type(node.operation))
        if node.operation is OperationType.MUTATION:
            check("MUTATION_LIMIT", self._limits.mutation_fields, part.top)
        return _Operation(part.cost, self._defaults(node.variable_definitions or ()))

    def _defaults(self, variables: Sequence[VariableDefinitionNode]) -> dict[str, int]:
        check("VARIABLE_LIMIT", self._limits.variables, len(variables))
        defaults: dict[str, int] = {}
        for variable in variables:
            self._count_directives(variable.directives)
            length = length_of(variable.default_value)
            if length is not None:
                defaults[variable.variable.name.value] = length
        return defaults

    def _fragment(self, node: FragmentDefinitionNode) -> _Part:
        known = self._parts.get(id(node))
        if known is not None:
            return known
        if id(node) in self._open:
            raise LimitExceededError("FRAGMENT_CYCLE", 0, 1)
        self._open.add(id(node))
        self._count_directives(node.directives)
        part = self._definition(node, self._type(node.type_condition))
        self._parts[id(node)] = part
        return part

    def _definition(
        self, node: OperationDefinitionNode | FragmentDefinitionNode, parent: _Parent
    ) -> _Part:
        part = _Part()
        self._selections(node.selection_set, parent, _Place(), part)
        check("DEPTH_LIMIT", self._limits.depth, part.depth)
        check("FIELD_LIMIT", self._limits.fields, part.fields)
        check("ALIAS_LIMIT", self._limits.aliases, part.aliases)
        self._program.close(part.cost)
        return part

    def _selections(
        self, selections: SelectionSetNode, parent: _Parent, place: _Place, into: _Part
    ) -> None:
        # Guards our own stack, whatever the selection sets are nested by.
        self._nesting += 1
        check("DEPTH_LIMIT", self._limits.nesting, self._nesting)
        for node in selections.selections:
            self._visits += 1
            self._count_directives(node.directives)
            if isinstance(node, FieldNode):
                self._field(node, parent, place, into)
            elif isinstance(node, InlineFragmentNode):
                inner = self._type(node.type_condition) if node.type_condition else parent
                self._selections(node.selection_set, inner, place, into)
            elif isinstance(node, FragmentSpreadNode):
                self._spread(node, into)
        self._nesting -= 1

    def _spread(self, node: FragmentSpreadNode, into: _Part) -> None:
        self._spreads += 1
        check("FRAGMENT_LIMIT", self._limits.spreads, self._spreads)
        fragment = self._named.get(node.name.value)
        if fragment is None:
            return  # validation says so
        part = self._fragment(fragment)
        into.fields = min(into.fields + part.fields, MANY)
        into.top = min(into.top + part.top, MANY)
        into.aliases = min(into.aliases + part.aliases, MANY)
        into.depth = max(into.depth, part.depth)
        self._program.add(into.cost, 1, part.cost)

    def _field(self, node: FieldNode, parent: _Parent, place: _Place, into: _Part) -> None:
        name = node.name.value
        if name in _INTROSPECTION and not self._limits.introspection:
            raise LimitExceededError("INTROSPECTION_OFF", 0, 1)
        into.fields += 1
        into.top += 1
        into.cost.points += 1
        into.aliases += node.alias is not None
        here = place.inner.setdefault(node.alias.value if node.alias else name, _Place())
        here.times += 1
        check("REPEAT_LIMIT", self._limits.repeats, here.times)
        if node.selection_set is None:
            into.depth = max(into.depth, 1)
            return
        check("REPEAT_LIMIT", self._limits.repeated_objects, here.times)
        found = _field_of(parent, name)
        inner = _Part()
        inner_type = self._typed(get_named_type(found.type).name) if found else None
        self._selections(node.selection_set, inner_type, here, inner)
        into.fields = min(into.fields + inner.fields, MANY)
        into.aliases = min(into.aliases + inner.aliases, MANY)
        into.depth = max(into.depth, 1 + inner.depth)
        paged = _field_of(parent, "pageInfo") is not None
        times = times_of(node, found, paged=paged, limits=self._limits.pages) if found else 1
        self._program.add(into.cost, times, inner.cost)

    def _count_directives(self, directives: Sequence[DirectiveNode] | None) -> None:
        if directives:
            check("DIRECTIVE_LIMIT", self._limits.directives_per_place, len(directives))
            self._directives += len(directives)
            check("DIRECTIVE_LIMIT", self._limits.directives, self._directives)

    def _type(self, condition: NamedTypeNode) -> _Parent:
        return self._typed(condition.name.value)

    def _typed(self, name: str) -> _Parent:
        """Return a type of ours; introspection is read from memory and has a plain price."""
        return None if name.startswith("__") else self._schema.type_map.get(name)


def _field_of(parent: _Parent, name: str) -> GraphQLField | None:
    if isinstance(parent, GraphQLObjectType | GraphQLInterfaceType):
        found: GraphQLField | None = parent.fields.get(name)
        return found
    return None
