"""What a query costs: a small program, made once per document and run with each set of variables.

A field costs one point. What is inside a list is paid for as often as the list may be long: as
``first``, ``last`` or ``ids`` say, and by an assumption where nothing says it. Where no variable
decides, the points are a plain number from the start.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from graphql import (
    FieldNode,
    GraphQLField,
    GraphQLList,
    IntValueNode,
    ListValueNode,
    ValueNode,
    VariableNode,
    get_nullable_type,
)

from projections.paging import LARGEST_PAGE, PAGE_SIZE

MANY: Final = 10**15
"""More of anything is not counted further: every limit is far below."""
_SIZES: Final = frozenset({"first", "last", "ids"})
_DIGITS: Final = 9


@dataclass(frozen=True, slots=True)
class PageLimits:
    """How long lists are taken to be."""

    page: int = PAGE_SIZE
    largest_page: int = LARGEST_PAGE
    list_items: int = 10


class Size(NamedTuple):
    """How long a list may become: figures of the document, and names of variables."""

    parts: tuple[int | str, ...]
    otherwise: int
    most: int

    def length(self, variables: Mapping[str, Any]) -> int:
        """Return the length; a larger page than the largest is refused by the field itself."""
        told = [
            length
            for part in self.parts
            if (length := _length(variables.get(part)) if isinstance(part, str) else part)
            is not None
        ]
        return min(max(told), self.most) if told else self.otherwise


def _length(value: object) -> int | None:
    if isinstance(value, list):
        return len(value)
    if isinstance(value, int | float) and not isinstance(value, bool):  # 50.0 is an Int, too
        return int(min(max(0, value), MANY))
    return None


class Sum:
    """The cost of a selection while it is added up."""

    __slots__ = ("points", "step", "terms")

    def __init__(self) -> None:
        self.points = 0
        self.terms: list[tuple[Size | int, int]] = []
        self.step: int | None = None


class Program:
    """Sums in which variables decide; each names only earlier ones, so one round gives them all."""

    def __init__(self) -> None:
        self._steps: list[Sum] = []

    def add(self, total: Sum, times: Size | int, part: Sum) -> None:
        """Add a part to a total, so many times; as plain points while no variable decides."""
        if isinstance(times, int) and not part.terms:
            total.points = min(total.points + times * part.points, MANY)
        else:
            total.terms.append((times, self.close(part)))

    def close(self, part: Sum) -> int:
        """Make a sum a step of the program, once; nothing is added to it afterwards."""
        if part.step is None:
            part.step = len(self._steps)
            self._steps.append(part)
        return part.step

    def run(self, total: Sum, variables: Mapping[str, Any]) -> int:
        """Return the points of a closed sum with these variables."""
        points: list[int] = []
        for part in self._steps[: self.close(total) + 1]:
            found = part.points
            for times, step in part.terms:
                length = times if isinstance(times, int) else times.length(variables)
                found += length * points[step]
            points.append(min(found, MANY))
        return points[-1]


def times_of(
    node: FieldNode, field: GraphQLField, *, paged: bool, limits: PageLimits
) -> Size | int:
    """Return how often the inside of a field is paid for; ``paged``: its parent was multiplied."""
    if _SIZES.isdisjoint(field.args):
        plain_list = isinstance(get_nullable_type(field.type), GraphQLList)
        return limits.list_items if plain_list and not paged else 1
    parts: list[int | str] = []
    for argument in node.arguments or ():
        if argument.name.value in _SIZES:
            value = argument.value
            part = value.name.value if isinstance(value, VariableNode) else length_of(value)
            if part is not None:
                parts.append(part)
    size = Size(tuple(parts), limits.page, limits.largest_page)
    decided = not any(isinstance(part, str) for part in parts)
    return size.length({}) if decided else size


def length_of(value: ValueNode | None) -> int | None:
    """Return how long a literal says a list is: a number, or the length of a list of ids."""
    if isinstance(value, ListValueNode):
        return len(value.values)
    if isinstance(value, IntValueNode):
        return max(int(value.value), 0) if len(value.value) <= _DIGITS else MANY
    return None
