"""Connections: a page of rows, its cursors, and what lies on both sides, in one subquery."""

from dataclasses import dataclass, field
from typing import Any, Final

from graphql import GraphQLObjectType, GraphQLScalarType, VariableNode, get_named_type
from strawberry.types.arguments import StrawberryArgument, convert_arguments
from strawberry.types.field import StrawberryField

from api.graphql.compiler.conditions import where
from api.graphql.compiler.declarations import Question, Row, camel, relation
from api.graphql.compiler.selection import TYPENAME, Selected, has_variable
from api.graphql.compiler.sql import (
    Json,
    Piece,
    Slot,
    UnsupportedError,
    expression,
    literal,
    name,
    or_null,
)
from projections.paging import Listing
from projections.tables import Table

_NEXT: Final = "hasNextPage"
_PREVIOUS: Final = "hasPreviousPage"


class Given:
    """The arguments of a selected field as its resolver takes them.

    What is written in the document is converted once; a variable of a plain type is only looked up.
    """

    def __init__(self, selected: Selected, config: Any, registry: Any) -> None:
        definition = selected.definition.extensions["strawberry-definition"]
        assert isinstance(definition, StrawberryField)
        self._selected = selected
        self._registry = registry
        self._config = config
        self._arguments: list[StrawberryArgument] = definition.arguments
        self._fixed: dict[str, Any] | None = None
        self._varying: dict[str, str] = {}
        self._plain = self._read_variables()

    def values(self, binding: Any) -> dict[str, Any]:
        """Return the arguments by their names in Python."""
        if self._fixed is None or not self._plain:
            self._fixed = self._converted(binding)
        if not self._varying:
            return self._fixed
        coerced = binding.variables.coerced
        if any(coerced.get(variable) is None for variable in self._varying.values()):
            return self._converted(binding)  # a default stands for one that was not sent
        return self._fixed | {name: coerced[v] for name, v in self._varying.items()}

    def _converted(self, binding: Any) -> dict[str, Any]:
        coerced = self._selected.arguments(binding.variables)
        found: dict[str, Any] = convert_arguments(
            coerced, self._arguments, scalar_registry=self._registry, config=self._config
        )
        return found

    def _read_variables(self) -> bool:
        """Note which arguments are variables of a plain type; False if others hold variables."""
        python_names = {
            argument.graphql_name or camel(argument.python_name): argument.python_name
            for argument in self._arguments
        }
        for argument in self._selected.nodes[0].arguments or ():
            name, value = argument.name.value, argument.value
            if isinstance(value, VariableNode):
                kind = get_named_type(self._selected.definition.args[name].type)
                listed = "[" in str(self._selected.definition.args[name].type)
                if not isinstance(kind, GraphQLScalarType) or listed:
                    return False
                self._varying[python_names[name]] = value.name.value
            elif has_variable(value):
                return False
        return True


@dataclass(slots=True, eq=False)
class Page:
    """A connection of a plan; its listing is made once for each request."""

    table: Table[Any]
    given: Given
    question: Question
    link: str | None
    row: Row
    looks_beyond: bool = False
    numbered: bool = False
    cursors: list[str] = field(default_factory=list)

    def listing(self, binding: Any) -> Listing[Any]:
        """Return the question as this request asks it; raises what refuses it."""
        found: Listing[Any] | None = binding.listings.get(self)
        if found is None:
            found = self.question(binding.context, **self.given.values(binding))
            for argument in ("after", "before"):  # refused also where no row is looked at
                cursor = getattr(found.window, argument)
                if cursor is not None:
                    found.place(cursor, argument)
            binding.listings[self] = found
        return found

    # Slots

    def asked(self, binding: Any) -> str:
        """Write nothing, once it is clear that the question may be asked."""
        self.listing(binding)
        return "''"

    def source(self, binding: Any) -> str:
        """Write the rows of the page, at most one more than it has."""
        listing = self.listing(binding)
        window, order = listing.window, listing.order
        columns = ", ".join(
            name(c) for c in sorted({*self.row.columns, order.column, self.table.key})
        )
        clauses = [] if self.link is None else [self.link]
        if listing.conditions:
            clauses.append(where(listing.conditions, self.table, "", binding))
        for cursor, argument, beyond in (
            (window.after, "after", False),
            (window.before, "before", True),
        ):
            if cursor is not None:
                value, key = listing.place(cursor, argument)
                kinds = self.table.columns
                value_sql = binding.parameter(value, kinds[order.column])
                key_sql = binding.parameter(key, kinds[self.table.key])
                sign = "<" if beyond != order.descending else ">"
                clauses.append(
                    f"({name(order.column)}, {name(self.table.key)}) {sign}"
                    f" ({value_sql}, {key_sql})"
                )
        direction = "DESC" if order.descending != window.backwards else "ASC"
        text = (
            f"SELECT {columns} FROM {relation(self.table)}"
            + (f" WHERE {' AND '.join(clauses)}" if clauses else "")
            + f" ORDER BY {name(order.column)} {direction}, {name(self.table.key)} {direction}"
            f" LIMIT {window.size + self.looks_beyond}"
        )
        if self._numbers(binding):
            text = f"SELECT {columns}, row_number() OVER () AS n FROM ({text}) AS page"
        return f"({text})"

    def kept(self, binding: Any) -> str:
        """Write what leaves the row beyond the page out of an aggregate."""
        if not self.looks_beyond:
            return ""
        return f" FILTER (WHERE {self.row.alias}.n <= {self.listing(binding).window.size})"

    def ordered(self, binding: Any) -> str:
        """Write the order of an aggregate where the source alone does not give it."""
        if self.listing(binding).window.backwards:
            return f" ORDER BY {self.row.alias}.n DESC"
        return f" ORDER BY {self.row.alias}.n" if self.row.joins else ""

    def cursor(self, binding: Any) -> str:
        """Write the cursor of a row, as JSON."""
        key, column = self.table.key, self.listing(binding).order.column
        alias = self.row.alias
        return self._cursor(binding, f"{alias}.{name(key)}", f"{alias}.{name(column)}")

    def _cursor(self, binding: Any, key: str, value: str) -> str:
        listing = self.listing(binding)
        kind = self.table.columns[listing.order.column]
        if kind == "text":
            return f"to_json('{listing.tag}.' || {key}::text || '.' || {value})::text"
        return f"""'"{listing.tag}.' || {key}::text || '.' || {value}::text || '"'"""

    def has_next(self, binding: Any) -> str:
        """Write whether there are rows after the page."""
        window = self.listing(binding).window
        if window.backwards:
            return "'true'" if window.before is not None else "'false'"
        return f"CASE WHEN count(*) > {window.size} THEN 'true' ELSE 'false' END"

    def has_previous(self, binding: Any) -> str:
        """Write whether there are rows before the page."""
        window = self.listing(binding).window
        if not window.backwards:
            return "'true'" if window.after is not None else "'false'"
        return f"CASE WHEN count(*) > {window.size} THEN 'true' ELSE 'false' END"

    def total(self, binding: Any) -> str:
        """Write how many there are in all."""
        conditions = self.listing(binding).conditions
        clauses = [] if self.link is None else [self.link]
        if conditions:
            clauses.append(where(conditions, self.table, "", binding))
        return f"(SELECT count(*)::int4::text FROM {relation(self.table)}" + (
            f" WHERE {' AND '.join(clauses)})" if clauses else ")"
        )

    def edge_cursor(self, *, last: bool) -> Slot:
        """Return what writes the cursor at one end of the page; NULL if the page is empty."""

        def cursor(binding: Any) -> str:
            listing, alias = self.listing(binding), self.row.alias
            window = listing.window
            place = f"least(count(*), {window.size})::int"
            if window.backwards == last:
                place = str(min(1, window.size))
            order = f" ORDER BY {alias}.n" if self.row.joins else ""
            key, value = (
                f"(array_agg({alias}.{name(column)}{order}))[{place}]"
                for column in (self.table.key, listing.order.column)
            )
            return self._cursor(binding, key, value)

        return cursor

    def _numbers(self, binding: Any) -> bool:
        return self.numbered or self.listing(binding).window.backwards or bool(self.row.joins)


def emit_page(page: Page, kind: str, selected: Selected, planning: Any) -> Json:
    """Emit a connection with what is selected of it."""
    connection = get_named_type(selected.definition.type)
    assert isinstance(connection, GraphQLObjectType)
    chosen = planning.selections.of(connection, selected.sets)
    page.looks_beyond = page.numbered = _looks_beyond(chosen, planning)
    found = literal("{")
    for ordinal, part in enumerate(chosen):
        found.literal(f'{"," if ordinal else ""}"{part.key}":')
        if part.name == TYPENAME:
            found.literal(f'"{connection.name}"')
        elif part.name == "edges":
            found.extend(_edges(page, kind, part, planning))
        elif part.name == "pageInfo":
            found.extend(_page_info(page, part, planning))
        elif part.name == "totalCount":
            found.extend(expression(page.total))
        else:
            raise UnsupportedError(f"{connection.name}.{part.name}")
    found.literal("}")
    if not any(part.name in {"edges", "pageInfo"} for part in chosen):
        return expression(page.asked, " || ", *found.pieces())
    # GROUP BY () makes it one row, whatever is selected and however many rows there are.
    rest = f"{page.row.source('')} GROUP BY ())"
    return expression("(SELECT ", *found.pieces(), " FROM ", page.source, rest)


def _looks_beyond(chosen: list[Selected], planning: Any) -> bool:
    for part in chosen:
        if part.name == "pageInfo":
            kind = get_named_type(part.definition.type)
            wanted = {s.name for s in planning.selections.of(kind, part.sets)}
            if wanted & {_NEXT, _PREVIOUS}:
                return True
    return False


def _edges(page: Page, kind: str, selected: Selected, planning: Any) -> Json:
    edge = get_named_type(selected.definition.type)
    assert isinstance(edge, GraphQLObjectType)
    found = literal("{")
    for ordinal, part in enumerate(planning.selections.of(edge, selected.sets)):
        found.literal(f'{"," if ordinal else ""}"{part.key}":')
        if part.name == TYPENAME:
            found.literal(f'"{edge.name}"')
        elif part.name == "cursor":
            found.extend(expression(page.cursor))
        else:
            found.extend(planning.object(kind, page.row, part.sets))
    found.literal("}")
    listed: list[Piece] = ["coalesce(string_agg(", *found.pieces(), ", ','", page.ordered, ")"]
    return literal("[").expression([*listed, page.kept, ", '')"]).literal("]")


def _page_info(page: Page, selected: Selected, planning: Any) -> Json:
    kind: Any = get_named_type(selected.definition.type)
    found = literal("{")
    for ordinal, part in enumerate(planning.selections.of(kind, selected.sets)):
        found.literal(f'{"," if ordinal else ""}"{part.key}":')
        if part.name == TYPENAME:
            found.literal(f'"{kind.name}"')
        elif part.name == _NEXT:
            found.extend(expression(page.has_next))
        elif part.name == _PREVIOUS:
            found.extend(expression(page.has_previous))
        else:
            found.extend(or_null([page.edge_cursor(last=part.name == "endCursor")]))
    return found.literal("}")
