"""Pages of a read model: filters, one order, and cursors that stay valid while events arrive."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Generic, TypeVar
from uuid import UUID

import orjson
from psycopg import AsyncConnection, sql

from domain.errors import InvalidValueError, Rule
from projections.tables import Table

Row = TypeVar("Row")

PAGE_SIZE: Final = 50
LARGEST_PAGE: Final = 500


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition on the rows: a column, how it compares, and with what."""

    column: str
    operator: str
    value: Any

    def sql(self) -> sql.Composed:
        """Return the condition with a placeholder."""
        return sql.SQL("{} {} %s").format(sql.Identifier(self.column), _OPERATORS[self.operator])


_OPERATORS: Final = {
    "=": sql.SQL("="),
    ">=": sql.SQL(">="),
    "<": sql.SQL("<"),
    "<=": sql.SQL("<="),
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
        self._table = table
        self._conditions = list(conditions)
        self._order = order
        self._window = window

    async def page(self, connection: AsyncConnection[Any]) -> Page[Row]:
        """Fetch the window, and one row more to know whether there are others."""
        window = self._window
        clauses = [condition.sql() for condition in self._conditions]
        parameters = [condition.value for condition in self._conditions]
        for name, cursor, beyond in (
            ("after", window.after, False),
            ("before", window.before, True),
        ):
            if cursor is not None:
                clauses.append(self._beyond(less=beyond != self._order.descending))
                parameters.extend(self._decode(cursor, name))
        statement = sql.SQL("SELECT {} FROM {} {} ORDER BY {} LIMIT {}").format(
            sql.SQL(", ").join(map(sql.Identifier, self._table.columns)),
            self._from(),
            _where(clauses),
            self._order_by(),
            sql.Literal(window.size + 1),
        )
        cursor_ = await connection.execute(statement, parameters)
        rows = [self._table.row(*values) for values in await cursor_.fetchall()]
        more, rows = len(rows) > window.size, rows[: window.size]
        if window.backwards:
            rows.reverse()
        return Page(
            rows,
            [self.cursor(row) for row in rows],
            has_next=window.before is not None if window.backwards else more,
            has_previous=more if window.backwards else window.after is not None,
        )

    async def total(self, connection: AsyncConnection[Any]) -> int:
        """Count all rows that meet the conditions."""
        clauses = [condition.sql() for condition in self._conditions]
        statement = sql.SQL("SELECT count(*) FROM {} {}").format(self._from(), _where(clauses))
        cursor = await connection.execute(
            statement, [condition.value for condition in self._conditions]
        )
        row = await cursor.fetchone()
        assert row is not None
        return int(row[0])

    def cursor(self, row: Row) -> str:
        """Return the place of a row in this order."""
        place = [getattr(row, self._order.column), self._table.key_of(row)]
        return urlsafe_b64encode(orjson.dumps(place)).decode().rstrip("=")

    def _from(self) -> sql.Identifier:
        return sql.Identifier(self._table.schema, self._table.name)

    def _beyond(self, *, less: bool) -> sql.Composed:
        return sql.SQL("({}, {}) {} (%s, %s)").format(
            sql.Identifier(self._order.column),
            sql.Identifier(self._table.key),
            sql.SQL("<") if less else sql.SQL(">"),
        )

    def _order_by(self) -> sql.Composed:
        direction = sql.SQL("DESC" if self._order.descending != self._window.backwards else "ASC")
        return sql.SQL("{0} {2}, {1} {2}").format(
            sql.Identifier(self._order.column), sql.Identifier(self._table.key), direction
        )

    def _decode(self, cursor: str, name: str) -> list[Any]:
        try:
            place = orjson.loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
            value, key = place
            kinds = (
                self._table.columns[self._order.column],
                self._table.columns[self._table.key],
            )
            return [_PARSERS[k](v) for k, v in zip(kinds, (value, key), strict=True)]
        except (ValueError, TypeError, KeyError, AttributeError):
            raise InvalidValueError(name, Rule.NOT_A_CURSOR) from None


def _int8(value: Any) -> int:
    if not -(2**63) <= int(value) < 2**63:
        raise ValueError
    return int(value)


_PARSERS: Final[dict[str, Any]] = {
    "timestamptz": datetime.fromisoformat,
    "uuid": UUID,
    "int8": _int8,
    "text": str,
}


def _where(clauses: Sequence[sql.Composed]) -> sql.Composable:
    if not clauses:
        return sql.SQL("")
    return sql.SQL("WHERE {}").format(sql.SQL(" AND ").join(clauses))
