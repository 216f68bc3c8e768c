"""Pages of a read model: filters, one order, and cursors that stay valid while events arrive."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Generic, TypeVar
from uuid import UUID
from zlib import crc32

from psycopg import AsyncConnection, sql

from domain.errors import InvalidValueError, Rule
from projections.tables import Table

Row = TypeVar("Row")

PAGE_SIZE: Final = 50
LARGEST_PAGE: Final = 1000


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition on the rows: a column, how it compares, and with what."""

    column: str
    operator: str
    value: Any

    def sql(self) -> sql.Composed:
        """Return the condition with a placeholder for each of its parameters."""
        return _OPERATORS[self.operator].format(sql.Identifier(self.column))

    @property
    def parameters(self) -> list[Any]:
        """What its placeholders stand for."""
        return [] if self.operator in {"is", "is not"} else [self.value]


Columns = Sequence[tuple[str, Sequence[str]]]
"""Columns, each with the values that it may have."""


class AnyOf(Condition):
    """Any of these columns has one of its values; without a column, no row meets it.

    As data: the operator ``any of``, the columns with their values as the value.
    """

    def __init__(self, columns: Columns) -> None:
        super().__init__("", "any of", tuple((name, list(values)) for name, values in columns))

    def sql(self) -> sql.Composed:
        """Return the condition with a placeholder for the values of each column."""
        met: list[sql.Composable] = [
            sql.SQL("{} = ANY(%s)").format(sql.Identifier(name)) for name, _ in self.value
        ]
        return sql.SQL("({})").format(sql.SQL(" OR ").join(met or [sql.SQL("FALSE")]))

    @property
    def parameters(self) -> list[Any]:
        """What its placeholders stand for."""
        return [values for _, values in self.value]


class OfAny(Condition):
    """The column names a row of one of these tables that meets the condition beside it.

    As data: the operator ``of any``, pairs of a table and its condition as the value.
    """

    def __init__(self, column: str, parents: Sequence[tuple[Table[Any], Condition]]) -> None:
        super().__init__(column, "of any", tuple(parents))

    def sql(self) -> sql.Composed:
        """Return the condition with the placeholders of those of the tables."""
        found = [
            sql.SQL("SELECT {} FROM {} WHERE {}").format(
                sql.Identifier(table.key), sql.Identifier(table.schema, table.name), met.sql()
            )
            for table, met in self.value
        ]
        return sql.SQL("{} IN ({})").format(
            sql.Identifier(self.column), sql.SQL(" UNION ALL ").join(found)
        )

    @property
    def parameters(self) -> list[Any]:
        """What the placeholders stand for."""
        return [values for _, met in self.value for values in met.parameters]


_OPERATORS: Final = {
    "=": sql.SQL("{} = %s"),
    ">=": sql.SQL("{} >= %s"),
    "<": sql.SQL("{} < %s"),
    "<=": sql.SQL("{} <= %s"),
    "in": sql.SQL("{} = ANY(%s)"),
    "is": sql.SQL("{}"),  # no parameter: the indexes of only the open cases are used
    "is not": sql.SQL("NOT {}"),
    "is null": sql.SQL("({} IS NULL) = %s"),
    "has word": sql.SQL("string_to_array({}, ' ') @> ARRAY[%s::text]"),
}


@dataclass(frozen=True, slots=True)
class Order:
    """The order of a page: by a column without NULLs, then by the key."""

    column: str
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Window:
    """Which part of the rows: ``first``/``after`` forwards, ``last``/``before`` backwards."""

    first: int | None = None
    after: str | None = None
    last: int | None = None
    before: str | None = None

    def __post_init__(self) -> None:
        """Refuse what asks for nothing, for too much, or in both directions."""
        for name, size in (("first", self.first), ("last", self.last)):
            if size is not None and not 0 <= size <= LARGEST_PAGE:
                raise InvalidValueError(name, Rule.OUT_OF_RANGE, f"0-{LARGEST_PAGE}")
        if self.first is not None and self.last is not None:
            raise InvalidValueError("first, last", Rule.EXACTLY_ONE)

    @property
    def backwards(self) -> bool:
        """Whether the page is counted from the end."""
        return self.last is not None

    @property
    def size(self) -> int:
        """How many rows the page has at most."""
        if self.last is not None:
            return self.last
        return PAGE_SIZE if self.first is None else self.first


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """The rows of a window, each with its cursor, and what lies on both sides."""

    rows: list[Row]
    cursors: list[str]
    has_next: bool
    has_previous: bool


class Listing(Generic[Row]):
    """A question for many rows of one table."""

    def __init__(
        self, table: Table[Row], conditions: Sequence[Condition], order: Order, window: Window
    ) -> None:
        self.table = table
        self.conditions = list(conditions)
        self.order = order
        self.window = window
        asked = f"{table.name} {order.column} {order.descending}".encode()
        self.tag = f"{crc32(asked) & 0xFFFF:04x}"
        """What cursors begin with: one of another question is refused."""

    async def page(self, connection: AsyncConnection[Any]) -> Page[Row]:
        """Fetch the window, and one row more to know whether there are others."""
        window = self.window
        clauses = [condition.sql() for condition in self.conditions]
        parameters = [value for condition in self.conditions for value in condition.parameters]
        for name, cursor, beyond in (
            ("after", window.after, False),
            ("before", window.before, True),
        ):
            if cursor is not None:
                clauses.append(self._beyond(less=beyond != self.order.descending))
                parameters.extend(self.place(cursor, name))
        statement = sql.SQL("SELECT {} FROM {} {} ORDER BY {} LIMIT {}").format(
            sql.SQL(", ").join(map(sql.Identifier, self.table.columns)),
            self._from(),
            _where(clauses),
            self._order_by(),
            sql.Literal(window.size + 1),
        )
        cursor_ = await connection.execute(statement, parameters)
        rows = [self.table.row(*values) for values in await cursor_.fetchall()]
        more, rows = len(rows) > window.size, rows[: window.size]
        if window.backwards:
            rows.reverse()
        return Page(
            rows,
            [self.cursor(row) for row in rows],
            has_next=window.before is not None if window.backwards else more,
            has_previous=more if window.backwards else window.after is not None,
        )

    async def all(self, connection: AsyncConnection[Any]) -> list[Row]:
        """Fetch every row there is, page by page; for lists that are short by nature."""
        rows: list[Row] = []
        window = Window(first=LARGEST_PAGE)
        while True:
            page = await Listing(self.table, self.conditions, self.order, window).page(connection)
            rows.extend(page.rows)
            if not page.has_next:
                return rows
            window = Window(first=LARGEST_PAGE, after=page.cursors[-1])

    async def total(self, connection: AsyncConnection[Any]) -> int:
        """Count all rows that meet the conditions."""
        clauses = [condition.sql() for condition in self.conditions]
        statement = sql.SQL("SELECT count(*) FROM {} {}").format(self._from(), _where(clauses))
        cursor = await connection.execute(
            statement, [value for condition in self.conditions for value in condition.parameters]
        )
        row = await cursor.fetchone()
        assert row is not None
        return int(row[0])

    def cursor(self, row: Row) -> str:
        """Return the place of a row in this order."""
        value = getattr(row, self.order.column)
        if isinstance(value, datetime):
            value = _as_postgres_writes(value)
        return f"{self.tag}.{self.table.key_of(row)}.{value}"

    def place(self, cursor: str, argument: str) -> list[Any]:
        """Return value and key of a cursor of this question; InvalidValueError for any other."""
        columns = self.table.columns
        tag, _, place = cursor.partition(".")
        if tag != self.tag:
            raise InvalidValueError(argument, Rule.NOT_A_CURSOR)
        try:
            key, value = place.split(".", 1)
            return [
                _PARSERS[columns[self.order.column]](value),
                _PARSERS[columns[self.table.key]](key),
            ]
        except (ValueError, KeyError, OverflowError):
            raise InvalidValueError(argument, Rule.NOT_A_CURSOR) from None

    def _from(self) -> sql.Identifier:
        return sql.Identifier(self.table.schema, self.table.name)

    def _beyond(self, *, less: bool) -> sql.Composed:
        return sql.SQL("({}, {}) {} (%s, %s)").format(
            sql.Identifier(self.order.column),
            sql.Identifier(self.table.key),
            sql.SQL("<") if less else sql.SQL(">"),
        )

    def _order_by(self) -> sql.Composed:
        direction = sql.SQL("DESC" if self.order.descending != self.window.backwards else "ASC")
        return sql.SQL("{0} {2}, {1} {2}").format(
            sql.Identifier(self.order.column), sql.Identifier(self.table.key), direction
        )


async def counts(
    connection: AsyncConnection[Any],
    table: Table[Any],
    column: str,
    conditions: Sequence[Condition],
) -> list[tuple[str | None, int]]:
    """Count the rows by the values of a column, most first; rows without a value under None."""
    statement = sql.SQL("SELECT {0}, count(*) FROM {1} {2} GROUP BY {0} ORDER BY 2 DESC, 1").format(
        sql.Identifier(column),
        sql.Identifier(table.schema, table.name),
        _where([condition.sql() for condition in conditions]),
    )
    given = [value for condition in conditions for value in condition.parameters]
    cursor = await connection.execute(statement, given)
    return await cursor.fetchall()


def _as_postgres_writes(at: datetime) -> str:
    """Return an instant as PostgreSQL writes it in UTC, the cheapest text that it has."""
    text = at.astimezone(UTC).replace(tzinfo=None).isoformat(" ")
    return f"{text.rstrip('0') if at.microsecond else text}+00"


def _instant(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    if _as_postgres_writes(at) != text:
        raise ValueError(text)
    return at


def _int8(value: str) -> int:
    number = int(value)
    if str(number) != value or not -(2**63) <= number < 2**63:
        raise ValueError
    return number


def _text(value: str) -> str:
    if "\x00" in value or not value.isprintable():
        raise ValueError  # PostgreSQL holds no U+0000
    return value


_PARSERS: Final[dict[str, Any]] = {
    "timestamptz": _instant,
    "uuid": UUID,
    "int8": _int8,
    "text": _text,
}


def _where(clauses: Sequence[sql.Composed]) -> sql.Composable:
    if not clauses:
        return sql.SQL("")
    return sql.SQL("WHERE {}").format(sql.SQL(" AND ").join(clauses))
