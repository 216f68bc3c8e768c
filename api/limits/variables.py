"""How large the variables of a request may be, whatever their types."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from api.limits.documents import check

_CODE: Final = "VARIABLES_TOO_LARGE"


@dataclass(frozen=True, slots=True)
class VariableLimits:
    """How large variables may be; texts as long as a body, since evidence comes as one."""

    depth: int = 16
    items: int = 1_000  # of one list or object
    values: int = 10_000  # of all variables together
    text: int = 2 * 1024 * 1024  # characters


def check_variables(variables: Mapping[str, Any], limits: VariableLimits) -> None:
    """Look at every value once; LimitExceededError if there is too much of anything."""
    values = 0
    depth = 0
    level: list[Any] = [variables]
    while level:
        values += len(level)
        check(_CODE, limits.values, values)
        below: list[Any] = []
        for value in level:
            if isinstance(value, str):
                check(_CODE, limits.text, len(value))
            elif isinstance(value, Mapping | list):
                check(_CODE, limits.items, len(value))
                below.extend(value.values() if isinstance(value, Mapping) else value)
        level = below
        depth += 1
        if level:
            check(_CODE, limits.depth, depth)
