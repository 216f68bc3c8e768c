"""Plans: the SQL of an operation for one view, and how a request fills and runs it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import psycopg
from graphql import (
    GraphQLBoolean,
    GraphQLEnumType,
    GraphQLObjectType,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    Undefined,
    get_nullable_type,
    type_from_ast,
)
from graphql.execution.values import VariableValues
from psycopg.abc import Buffer
from psycopg.adapt import Loader
from psycopg.pq import Format

from api.graphql.compiler.conditions import where
from api.graphql.compiler.declarations import (
    ROOTS,
    TYPES,
    Emitter,
    One,
    Pages,
    Question,
    Row,
    plain,
    relation,
)
from api.graphql.compiler.pages import Given, Page, emit_page
from api.graphql.compiler.selection import TYPENAME, Selected, Selections
from api.graphql.compiler.sql import (
    Json,
    Piece,
    Pieces,
    UnsupportedError,
    joined,
    literal,
    or_null,
)
from api.graphql.context import Context
from application.permissions import Caller, permitted
from projections.tables import Table

_MOST_PLANS: Final = 24
_TEXT_OID: Final = 25
_SCOPED: Final = "SELECT set_config('redress.scope', $1, true) AS scope OFFSET 0"


@dataclass(frozen=True)
class CallerView:
    """What a plan depends on of the caller."""

    caller: Caller
    partner: bool

    @classmethod
    def of(cls, caller: Caller) -> "CallerView":
        """Return the view of a caller."""
        return cls(caller, caller.partner is not None)

    @property
    def key(self) -> Any:
        """What two callers share who share their plans."""
        return self.caller.role, self.caller.operations

    def may(self, operation: str) -> bool:
        """Say whether the caller has a permission at all."""
        return permitted(self.caller, operation)


@dataclass(slots=True)
class RequestBinding:
    """One request's values: parameters of the statement, listings of its pages."""

    context: Context
    variables: VariableValues
    parameters: list[Any]
    listings: dict[Page, Any] = field(default_factory=dict)

    def parameter(self, value: Any, kind: str) -> str:
        """Return the placeholder of a value, cast to a PostgreSQL type."""
        self.parameters.append(value)
        return f"${len(self.parameters)}::{kind}"

    def render(self, pieces: Pieces) -> str:
        """Return the SQL of pieces."""
        return "".join([p if isinstance(p, str) else p(self) for p in pieces])


async def hand_on_bytes(connection: psycopg.AsyncConnection[Any]) -> None:
    """Let text come as bytes where it is asked for in binary: what plans answer is not read."""
    connection.adapters.register_loader(_TEXT_OID, _Bytes)


class _Bytes(Loader):
    """Hands the JSON on as it comes."""

    format = Format.BINARY

    def load(self, data: Buffer) -> bytes:
        return bytes(data)


@dataclass(frozen=True, slots=True)
class Plan:
    """A statement with slots; its one value is the answer's ``data``."""

    pieces: Pieces

    async def run(self, context: Context, variables: VariableValues) -> bytes:
        """Read the answer in one statement, which sets the caller's scope for itself alone.

        Raises what refuses an argument, and psycopg's errors.
        """
        binding = RequestBinding(context, variables, [context.scope])
        statement = binding.render(self.pieces)
        async with context.services.read_pool.connection() as connection:
            cursor = psycopg.AsyncRawCursor(connection)
            await cursor.execute(statement.encode(), binding.parameters, binary=True)
            row = await cursor.fetchone()
        assert row is not None
        return row[0]  # type: ignore[no-any-return]


class Compiler:
    """Makes plans for the operations of a schema."""

    def __init__(self, schema: GraphQLSchema, config: Any, registry: Any) -> None:
        self.schema = schema
        self.config = config
        self.registry = registry

    def plan(
        self,
        document: Any,
        operation: OperationDefinitionNode,
        variables: VariableValues,
        caller: Caller,
    ) -> Plan | None:
        """Return the plan of an operation, None if ordinary execution has to answer it."""
        if operation.operation is not OperationType.QUERY:
            return None
        view = CallerView.of(caller)
        name = operation.name.value if operation.name else ""
        shape = tuple(
            variables.coerced.get(n, Undefined) for n in self._shaping(document, name, operation)
        )
        key = (name, view.key, shape)
        if key not in document.plans:
            if len(document.plans) >= _MOST_PLANS:
                document.plans.clear()
            document.plans[key] = self._make(document, operation, variables, view)
        found: Plan | None = document.plans[key]
        return found

    def _shaping(
        self, document: Any, name: str, operation: OperationDefinitionNode
    ) -> Sequence[str]:
        """Return the variables whose values a plan depends on: booleans and enums."""
        found: Sequence[str] | None = document.plans.get(name)
        if found is None:
            kinds: dict[str, Any] = {
                d.variable.name.value: type_from_ast(self.schema, d.type)
                for d in operation.variable_definitions or ()
            }
            found = [
                variable
                for variable, kind in kinds.items()
                if isinstance(get_nullable_type(kind), GraphQLEnumType)
                or get_nullable_type(kind) is GraphQLBoolean
            ]
            document.plans[name] = found
        return found

    def _make(
        self,
        document: Any,
        operation: OperationDefinitionNode,
        variables: VariableValues,
        view: CallerView,
    ) -> Plan | None:
        making = _Making(self, Selections(self.schema, document.fragments, variables), view)
        try:
            data = making.roots(operation)
        except UnsupportedError:
            return None
        # The CASE makes sure that the scope is set before any row is looked at.
        return Plan(
            joined(
                [
                    "SELECT CASE WHEN scoped.scope IS NOT NULL THEN ",
                    *data.pieces(),
                    f" END FROM ({_SCOPED}) AS scoped",
                ]
            )
        )


class _Making:
    """One plan in the making: what emitters ask of it."""

    def __init__(self, compiler: Compiler, selections: Selections, view: CallerView) -> None:
        self._compiler = compiler
        self._rows = 0
        self.selections = selections
        self.view = view

    def roots(self, operation: OperationDefinitionNode) -> Json:
        """Emit the answer's data."""
        query = self._compiler.schema.query_type
        assert query is not None
        found = literal("{")
        for ordinal, selected in enumerate(self.selections.of(query, [operation.selection_set])):
            found.literal(f'{"," if ordinal else ""}"{selected.key}":')
            found.extend(self._root(selected, query))
        return found.literal("}")

    def _root(self, selected: Selected, query: GraphQLObjectType) -> Json:
        if selected.name == TYPENAME:
            return literal(f'"{query.name}"')
        how = ROOTS.get(selected.name)
        if how is None:
            raise UnsupportedError(selected.name)
        if isinstance(how, Pages):
            table = TYPES[how.kind].table
            return self.page(how.kind, table, selected, how.question, None)
        if isinstance(how, One):
            return self._one(how, selected)
        return how(selected, self)

    def _one(self, how: One, selected: Selected) -> Json:
        given = self.given(selected)

        def conditions(binding: Any) -> str:
            found = how.search(binding.context, **given.values(binding))
            if found is None:
                return "false"
            return where(found, row.table, f"{row.alias}.", binding)

        row = self.row(TYPES[how.kind].table)
        found = self.object(how.kind, row, selected.sets)
        source = row.source(relation(row.table))
        return or_null(["(SELECT ", *found.pieces(), f" FROM {source} WHERE ", conditions, ")"])

    # What emitters ask

    def given(self, selected: Selected) -> Given:
        """Return the arguments of a field as its resolver takes them."""
        return Given(selected, self._compiler.config, self._compiler.registry)

    def row(self, table: Table[Any]) -> Row:
        """Return a row of a table under an alias of its own."""
        self._rows += 1
        return Row(table, f"t{self._rows}", self)

    def object(self, kind: str, row: Row, sets: Sequence[SelectionSetNode]) -> Json:
        """Return an object of a declared type, as its row tells."""
        return self.fields(kind, row, sets, TYPES[kind].fields)

    def fields(
        self,
        kind: str,
        row: Row,
        sets: Sequence[SelectionSetNode],
        declared: Mapping[str, Emitter],
    ) -> Json:
        """Return an object whose fields are emitted as declared, else as their names tell."""
        graphql_type = self._compiler.schema.type_map[kind]
        assert isinstance(graphql_type, GraphQLObjectType)
        found = literal("{")
        for ordinal, selected in enumerate(self.selections.of(graphql_type, sets)):
            found.literal(f'{"," if ordinal else ""}"{selected.key}":')
            emit = declared.get(selected.name)
            if selected.name == TYPENAME:
                found.literal(f'"{kind}"')
            elif emit is not None:
                found.extend(emit(row, selected, self))
            else:
                found.extend(plain(row, selected, graphql_type))
        return found.literal("}")

    def argument(self, selected: Selected, argument: str) -> Any:
        """Return the value of an argument that a plan may depend on: an enum or a boolean."""
        return selected.arguments(self.selections.variables)[argument]

    def within(self, operation: str, row: Row) -> Piece:
        """Return the condition that a row lies within the caller's reach."""

        def condition(binding: Any) -> str:
            reach = binding.context.within(operation, row.table)
            return where(reach, row.table, f"{row.alias}.", binding)

        return condition

    def page(
        self,
        kind: str,
        table: Table[Any],
        selected: Selected,
        question: Question,
        link: str | None,
    ) -> Json:
        """Return a connection."""
        page = Page(table, self.given(selected), question, link, self.row(table))
        return emit_page(page, kind, selected, self)
