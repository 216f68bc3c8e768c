"""What filters ask of rows: the conditions that fields of several filters share."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from psycopg import sql

from api.case_state import Moment
from api.graphql.nodes import filter_text
from domain.errors import InvalidValueError, Rule
from domain.labels import Labelled
from projections.paging import Condition
from projections.service_levels import EVER, FOREVER


def same(column: str) -> Callable[[Labelled], Condition]:
    """Ask for a value of a closed list."""
    return lambda value: Condition(column, "=", value.value)


def flag(column: str) -> Callable[[bool], Condition]:
    """Ask for yes or no."""
    return lambda value: Condition(column, "is" if value else "is not", value)


def code(column: str, field: str | None = None) -> Callable[[str], Condition]:
    """Ask for a text as it stands; ``field`` is its name in the schema, where that is another."""
    return lambda value: Condition(column, "=", filter_text(value, field=field or column))


def period(column: str, since: datetime | None, until: datetime | None) -> list[Condition]:
    """Ask for what lies within ``from`` and ``to``; what is at ``to`` lies outside."""
    if since is not None and until is not None and until < since:
        raise InvalidValueError("to", Rule.BEFORE, "from")
    begin = [] if since is None else [Condition(column, ">=", since)]
    return begin if until is None else [*begin, Condition(column, "<", until)]


class MomentWithin(Condition):
    """A moment lies within the row's range: what begins then is inside, what ends then is not.

    The range is that of the moment's clock: ``position_from`` and ``position_until``, and so on.
    """

    def __init__(self, moment: Moment) -> None:
        super().__init__(moment.clock.removesuffix("_at"), "moment within", moment.until)

    def sql(self) -> sql.Composed:
        """Return the condition with a placeholder for each end."""
        return sql.SQL("{} <= %s AND {} > %s").format(
            sql.Identifier(f"{self.column}_from"), sql.Identifier(f"{self.column}_until")
        )

    @property
    def parameters(self) -> list[Any]:
        """The moment, twice; what is as late as can be is not later than what holds for ever."""
        last = EVER - 1 if self.column == "position" else FOREVER.replace(day=30)
        return [min(self.value, last)] * 2
