"""How types join the compiler: one declaration beside the type, and the emitters it is made of.

A field whose name is a column of the table needs no word; neither do ``id``, which is the global
id, and ``xLabel``, which is the name of the enum ``x``. All others name an emitter.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from graphql import GraphQLEnumType, GraphQLNonNull, GraphQLObjectType, SelectionSetNode

from api.graphql.compiler.selection import Selected
from api.graphql.compiler.sql import (
    NULL,
    Json,
    Piece,
    UnsupportedError,
    chosen,
    expression,
    global_id,
    global_id_sql,
    in_text,
    labelled,
    literal,
    name,
    or_null,
    quoted,
    scalar,
)
from domain.labels import Labelled
from projections.paging import Condition, Listing
from projections.tables import Table

CHINESE: Final = "zh"


class View(Protocol):
    """What a plan depends on of the caller: the role's permissions, not who it is."""

    @property
    def partner(self) -> bool:
        """Whether the caller is a partner."""

    def may(self, operation: str) -> bool:
        """Say whether the caller has a permission at all."""


class Planning(Protocol):
    """What emitters ask of the plan that is being made."""

    @property
    def view(self) -> View:
        """Return what the plan depends on of the caller."""

    def row(self, table: Table[Any]) -> "Row":
        """Return a row of a table under an alias of its own."""

    def object(self, kind: str, row: "Row", sets: Sequence[SelectionSetNode]) -> Json:
        """Return an object of a declared type, as its row tells."""

    def fields(
        self,
        kind: str,
        row: "Row",
        sets: Sequence[SelectionSetNode],
        declared: Mapping[str, "Emitter"],
    ) -> Json:
        """Return an object whose fields are emitted as declared, else as their names tell."""

    def argument(self, selected: Selected, argument: str) -> Any:
        """Return the value of an argument that a plan may depend on: an enum or a boolean."""

    def within(self, operation: str, row: "Row") -> Piece:
        """Return the condition that a row lies within the caller's reach."""

    def page(
        self, kind: str, table: Table[Any], selected: Selected, question: "Question", link: str
    ) -> Json:
        """Return a connection."""


@dataclass(slots=True)
class Row:
    """A row that expressions read, by its alias; it notes which columns they use."""

    table: Table[Any]
    alias: str
    planning: Planning
    columns: set[str] = field(default_factory=set)
    joins: dict[str, "Row"] = field(default_factory=dict)

    def __getitem__(self, column: str) -> str:
        if column not in self.table.columns:
            raise UnsupportedError(f"{self.table.name} has no {column}")
        self.columns.add(column)
        return f"{self.alias}.{name(column)}"

    def beside(self, table: Table[Any]) -> "Row":
        """Return the row of another table with the same key, if there is one: NULLs if not."""
        if table.name not in self.joins:
            self.columns.add(self.table.key)
            self.joins[table.name] = self.planning.row(table)
        return self.joins[table.name]

    def source(self, own: str) -> str:
        """Return the FROM clause: this row's own source, and what stands beside it."""
        text = f"{own} AS {self.alias}"
        for other in self.joins.values():
            text += (
                f" LEFT JOIN {relation(other.table)} AS {other.alias}"
                f" ON {other.alias}.{name(other.table.key)} = {self.alias}.{name(self.table.key)}"
            )
        return text


Emitter = Callable[[Row, Selected, Planning], Json]
Question = Callable[..., Listing[Any]]
"""Makes the listing of a page from the context and the arguments: what, in which order."""
Search = Callable[..., list[Condition] | None]
"""Makes the conditions that find one row from the context and the arguments; None: no row."""


@dataclass(frozen=True, slots=True)
class ReadType:
    """A GraphQL type that is read from the rows of a table."""

    name: str
    table: Table[Any]
    fields: Mapping[str, Emitter]
    operation: str | None = None


@dataclass(frozen=True, slots=True)
class Pages:
    """A root field that is a connection."""

    kind: str
    question: Question


@dataclass(frozen=True, slots=True)
class One:
    """A root field that is one object or null."""

    kind: str
    search: Search


Root = Pages | One | Callable[[Selected, Planning], Json]

TYPES: Final[dict[str, ReadType]] = {}
ROOTS: Final[dict[str, Root]] = {}


def reads(
    kind: str, table: Table[Any], /, *, operation: str | None = None, **fields: Emitter
) -> None:
    """Declare that a type is read from a table.

    ``operation`` is the permission under which ``node(id)`` finds it; ``fields`` are those that
    are not simply a column, in the schema's spelling.
    """
    TYPES[kind] = ReadType(kind, table, fields, operation)


def answers(root: str, how: Root) -> None:
    """Declare how a root field is answered."""
    ROOTS[root] = how


def relation(table: Table[Any]) -> str:
    """Return the name of a live table in SQL."""
    return f"{name(table.schema)}.{name(table.name)}"


# Emitters


def plain(row: Row, selected: Selected, kind: GraphQLObjectType) -> Json:
    """Emit a field without a declaration, if its name tells what it is."""
    column = snake(selected.name)
    if selected.name == "id":
        return global_id(kind.name, row[row.table.key])
    if column in row.table.columns:
        return scalar(row[column], selected.definition.type)
    base = kind.fields.get(selected.name.removesuffix("Label"))
    if selected.name.endswith("Label") and base is not None:
        return labels(snake(selected.name.removesuffix("Label")), base.type)(
            row, selected, row.planning
        )
    raise UnsupportedError(f"{kind.name}.{selected.name}")


def column(of: str) -> Emitter:
    """Emit a column of another name."""
    return lambda row, selected, _planning: scalar(row[of], selected.definition.type)


def labels(of: str, kind: Any) -> Emitter:
    """Emit the name of an enum's value in the language of the argument ``lang``."""
    values: Any = kind.of_type if isinstance(kind, GraphQLNonNull) else kind
    if isinstance(values, GraphQLEnumType):
        values = labelled(values)
    if values is None:
        raise UnsupportedError(of)

    def emit(row: Row, selected: Selected, planning: Planning) -> Json:
        return or_null([label_sql(row[of], values, planning.argument(selected, "lang"))])

    return emit


def label_sql(sql: str, values: type[Labelled], lang: Any) -> str:
    """Return an expression of the JSON text of a label."""
    chinese = lang.value == CHINESE
    return chosen(sql, {m.value: json_text(m.zh if chinese else m.en) for m in values})


def id_of(kind: str, column_name: str) -> Emitter:
    """Emit the global id of what a column names."""
    return lambda row, selected, _planning: in_text(
        global_id_sql(kind, row[column_name]),
        required=isinstance(selected.definition.type, GraphQLNonNull),
    )


def personal(table: Table[Any], column_name: str | None = None) -> Emitter:
    """Emit a text from a table beside, for roles that may read personal data; else null."""

    def emit(row: Row, selected: Selected, planning: Planning) -> Json:
        if not planning.view.may("personalData"):
            return literal(NULL)
        other = row.beside(table)
        return scalar(other[column_name or snake(selected.name)], selected.definition.type)

    return emit


def not_for_partners(emit: Emitter) -> Emitter:
    """Mask a field for partners."""
    return lambda row, selected, planning: (
        literal(NULL) if planning.view.partner else emit(row, selected, planning)
    )


def one(kind: str, column_name: str, operation: str) -> Emitter:
    """Emit the object whose key a column holds, if it lies within reach; else null."""

    def emit(row: Row, selected: Selected, planning: Planning) -> Json:
        if not planning.view.may(operation):
            raise UnsupportedError(operation)
        target = planning.row(TYPES[kind].table)
        found = planning.object(kind, target, selected.sets)
        source = target.source(relation(target.table))
        clause = f"{target[target.table.key]} = {row[column_name]}"
        within = planning.within(operation, target)
        return or_null(
            ["(SELECT ", *found.pieces(), f" FROM {source} WHERE {clause} AND ", within, ")"]
        )

    return emit


Where = Callable[[Row, Planning], str]
Source = Callable[[Row], str]
"""Makes a subquery whose columns are those of a table that is not stored, from a row."""


def many(
    kind: str, link: str, order: str, *, where: Where | None = None, operation: str | None = None
) -> Emitter:
    """Emit all objects whose column ``link`` holds this row's key, in the order of columns.

    ``where`` adds a condition for this view; ``operation`` is the permission that they need beyond
    that of the object they belong to.
    """

    def emit(row: Row, selected: Selected, planning: Planning) -> Json:
        target = planning.row(TYPES[kind].table)
        found = planning.object(kind, target, selected.sets)
        clause = f"{target[link]} = {row[row.table.key]}"
        if where is not None:
            clause += f" AND {where(target, planning)}"
        source = f"{target.source(relation(target.table))} WHERE {clause}"
        if operation is None:
            return listed(found, target, order, [source])
        if not planning.view.may(operation):
            raise UnsupportedError(operation)
        return listed(found, target, order, [source, " AND ", planning.within(operation, target)])

    return emit


def listed(found: Json, target: Row, order: str, source: Sequence[Piece]) -> Json:
    """Emit a list of objects from what a FROM clause gives, in the order of columns."""
    by = ", ".join(target[column_name] for column_name in order.split(", "))
    aggregate = ["coalesce((SELECT string_agg(", *found.pieces(), f", ',' ORDER BY {by}) FROM "]
    return literal("[").expression([*aggregate, *source, "), '')"]).literal("]")


def derived(kind: str, source: Source, order: str | None = None) -> Emitter:
    """Emit objects from a subquery upon this row: a list if there is an order, else one or null."""

    def emit(row: Row, selected: Selected, planning: Planning) -> Json:
        target = planning.row(TYPES[kind].table)
        found = planning.object(kind, target, selected.sets)
        subquery = f"({source(row)}) AS {target.alias}"
        if order is not None:
            return listed(found, target, order, [subquery])
        return or_null(["(SELECT ", *found.pieces(), f" FROM {subquery})"])

    return emit


def page(kind: str, link: str, question: Question, operation: str) -> Emitter:
    """Emit a connection of the objects whose column ``link`` holds this row's key."""

    def emit(row: Row, selected: Selected, planning: Planning) -> Json:
        if not planning.view.may(operation):
            raise UnsupportedError(operation)
        own = f"{name(link)} = {row[row.table.key]}"
        return planning.page(kind, TYPES[kind].table, selected, question, own)

    return emit


def part(kind: str, when: str | None = None, **fields: Emitter) -> Emitter:
    """Emit an object that is made of columns of the same row; null unless ``when`` has a value."""

    def emit(row: Row, selected: Selected, planning: Planning) -> Json:
        found = planning.fields(kind, row, selected.sets, fields)
        if when is None:
            return found
        return expression(
            f"CASE WHEN {row[when]} IS NULL THEN 'null' ELSE ", *found.pieces(), " END"
        )

    return emit


def text_in(en: str, zh: str) -> Emitter:
    """Emit the column that holds a text in the language of the argument ``lang``."""

    def emit(row: Row, selected: Selected, planning: Planning) -> Json:
        chinese = planning.argument(selected, "lang").value == CHINESE
        return scalar(row[zh if chinese else en], selected.definition.type)

    return emit


def words(column_name: str, values: type[Labelled]) -> Emitter:
    """Emit a list of enums that a column holds as words separated by spaces."""

    def emit(row: Row, _selected: Selected, _planning: Planning) -> Json:
        if any(member.name != member.value.upper() for member in values):
            raise UnsupportedError(values.__name__)
        text = row[column_name]
        return expression(
            f"CASE {text} WHEN '' THEN '[]' ELSE"
            f""" '["' || replace(upper({text} COLLATE "C"), ' ', '","') || '"]' END"""
        )

    return emit


def snake(camel: str) -> str:
    """Return a name of the schema as it is spelled in Python and SQL."""
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in camel)


def camel(python: str) -> str:
    """Return a name as the schema spells it."""
    first, *rest = python.split("_")
    return first + "".join(word.title() for word in rest)


def json_text(text: str) -> str:
    """Return one of our own texts as JSON; it holds nothing that needs an escape."""
    if any(c in text for c in '"\\') or any(ord(c) < ord(" ") for c in text):
        raise ValueError(text)
    return f'"{text}"'


def case_of(sql: str, texts: Mapping[str, Json]) -> Json:
    """Emit what belongs to the value of an expression from a closed list."""
    pieces: list[Piece] = [f"CASE {sql}"]
    for value, found in texts.items():
        pieces += [f" WHEN {quoted(value)} THEN ", *found.pieces()]
    return expression(*pieces, " END")
