"""SQL that writes JSON text, and the pieces it is put together from.

An expression is a list of pieces: SQL text that is known when a query is planned, and slots that
are filled for each request. Text that does not come from a closed list is always escaped by
PostgreSQL itself.
"""

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any, Final, Protocol

from graphql import (
    GraphQLEnumType,
    GraphQLNonNull,
    GraphQLOutputType,
    is_leaf_type,
)

from domain.labels import Labelled

NULL: Final = "null"
_INSTANT: Final = """to_char({}, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""


class UnsupportedError(Exception):
    """The compiler leaves this selection to ordinary execution."""


class Binding(Protocol):
    """What slots ask of a request."""

    def parameter(self, value: Any, kind: str) -> str:
        """Return the placeholder of a value, cast to a PostgreSQL type."""


class Slot(Protocol):
    """A piece of SQL that depends on the request."""

    def __call__(self, binding: Any) -> str:
        """Return the SQL for this request."""


Piece = str | Slot
Pieces = list[Piece]


def quoted(text: str) -> str:
    """Return a text as an SQL literal."""
    if "\\" in text or "\x00" in text:
        raise UnsupportedError("no such literals")
    return "'" + text.replace("'", "''") + "'"


@cache
def name(identifier: str) -> str:
    """Return an identifier of our own, such as a column, for SQL."""
    if not identifier.isidentifier():
        raise ValueError(identifier)
    return f'"{identifier}"'


class Json:
    """JSON text in the making: literal parts, and SQL expressions of text that is JSON."""

    __slots__ = ("_parts",)

    def __init__(self) -> None:
        self._parts: list[tuple[str, Pieces]] = []

    def literal(self, text: str) -> "Json":
        """Add JSON that stands fixed."""
        if self._parts and not self._parts[-1][1]:
            self._parts[-1] = (self._parts[-1][0] + text, [])
        else:
            self._parts.append((text, []))
        return self

    def expression(self, pieces: Iterable[Piece]) -> "Json":
        """Add an SQL expression whose value is JSON text and never NULL."""
        self._parts.append(("", list(pieces)))
        return self

    def extend(self, other: "Json") -> "Json":
        """Add what another one holds."""
        for text, pieces in other._parts:  # noqa: SLF001  of its own kind
            if pieces:
                self._parts.append(("", pieces))
            else:
                self.literal(text)
        return self

    def pieces(self) -> Pieces:
        """Return one SQL expression of the whole text."""
        found: Pieces = ["("]
        for ordinal, (text, pieces) in enumerate(self._parts):
            if ordinal:
                found.append(" || ")
            if pieces:
                found.extend(pieces)
            else:
                found.append(quoted(text))
        if not self._parts:
            found.append("''")
        found.append(")")
        return found


def literal(text: str) -> Json:
    """Return JSON that stands fixed."""
    return Json().literal(text)


def expression(*pieces: Piece) -> Json:
    """Return JSON that an SQL expression gives."""
    return Json().expression(pieces)


def or_null(pieces: Sequence[Piece]) -> Json:
    """Return JSON of an expression that may be NULL."""
    return Json().expression(["coalesce(", *pieces, ", 'null')"])


def joined(pieces: Iterable[Piece]) -> Pieces:
    """Return the pieces with neighbouring texts made one."""
    found: Pieces = []
    for piece in pieces:
        if isinstance(piece, str) and found and isinstance(found[-1], str):
            found[-1] += piece
        else:
            found.append(piece)
    return found


def labelled(kind: GraphQLEnumType) -> type[Labelled] | None:
    """Return the enum of the domain behind a GraphQL enum, if it is one with names."""
    definition = kind.extensions.get("strawberry-definition")
    cls = getattr(definition, "wrapped_cls", None)
    return cls if isinstance(cls, type) and issubclass(cls, Labelled) else None


def scalar(sql: str, kind: GraphQLOutputType) -> Json:
    """Return a column or expression as JSON of its GraphQL type."""
    required = isinstance(kind, GraphQLNonNull)
    plain: Any = kind.of_type if isinstance(kind, GraphQLNonNull) else kind
    if not is_leaf_type(plain):
        raise UnsupportedError(f"{plain} is no scalar")
    if isinstance(plain, GraphQLEnumType):
        return _enum(sql, plain, required=required)
    text, in_quotes = _SCALARS.get(plain.name, ("", False))
    if not text:
        raise UnsupportedError(f"scalar {plain.name}")
    text = text.format(sql)
    return in_text(text, required=required) if in_quotes else _bare(text, required=required)


def in_text(text: str, *, required: bool) -> Json:
    """Return an expression in quotation marks; it holds nothing that needs an escape."""
    if required:
        return literal('"').expression([text]).literal('"')
    return or_null([f"'\"' || {text} || '\"'"])


def _bare(text: str, *, required: bool) -> Json:
    return expression(text) if required else or_null([text])


_SCALARS: Final = {  # and whether quotation marks belong around it
    "String": ("to_json({})::text", False),
    "ID": ("to_json({})::text", False),
    "Int": ("({})::int4::text", False),  # out of range: an error, and ordinary execution tells it
    "Long": ("({})::text", False),
    "Boolean": ("CASE WHEN {0} THEN 'true' WHEN NOT {0} THEN 'false' END", False),
    "DateTime": (_INSTANT, True),
    "UUID": ("({})::text", True),
}


def _enum(sql: str, kind: GraphQLEnumType, *, required: bool) -> Json:
    """Return an enum's name."""
    values = labelled(kind)
    if values is None:
        raise UnsupportedError(f"enum {kind.name}")
    if all(member.name == member.value.upper() for member in values):
        return in_text(f'upper({sql} COLLATE "C")', required=required)
    texts = {member.value: f'"{member.name}"' for member in values}
    return _bare(chosen(sql, texts), required=required)


def chosen(sql: str, texts: dict[str, str]) -> str:
    """Return an expression that gives the JSON text for a value from a closed list."""
    whens = " ".join(f"WHEN {quoted(value)} THEN {quoted(text)}" for value, text in texts.items())
    return f"CASE {sql} {whens} END"


def global_id(kind: str, sql: str) -> Json:
    """Return the global id of what has this key, which is never NULL."""
    return in_text(global_id_sql(kind, sql), required=True)


def global_id_sql(kind: str, sql: str) -> str:
    """Return an expression of the text of a global id."""
    # PostgreSQL breaks base64 into lines of 76 characters, ids of ours are shorter.
    return f"encode(({quoted(f'{kind}:')} || ({sql})::text)::bytea, 'base64')"
