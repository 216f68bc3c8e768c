"""How large variables may be."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.limits.documents import LimitExceededError
from api.limits.variables import VariableLimits, check_variables

SMALL = VariableLimits(depth=3, items=4, values=9, text=5)


def nested(depth: int) -> Any:
    value: Any = "x"
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"a": [[1]]},
        {"a": {"b": [None]}},
        {"a": "12345", "b": True, "c": 1.5},
        {"a": [1, 2, 3, 4], "b": [1, 2]},
    ],
)
def test_variables_at_their_limits_pass(variables: dict[str, Any]) -> None:
    check_variables(variables, SMALL)


@pytest.mark.parametrize(
    ("variables", "found"),
    [
        ({"a": [[[1]]]}, 4),
        ({"a": {"b": {"c": {"d": 1}}}}, 4),
        ({"a": "123456"}, 6),
        ({"a": [1, 2, 3, 4, 5]}, 5),
        ({str(i): i for i in range(5)}, 5),
        ({"a": {str(i): i for i in range(5)}}, 5),
        ({"a": [1, 2, 3, 4], "b": [1, 2, 3, 4]}, 11),
    ],
)
def test_variables_beyond_a_limit_are_refused(variables: dict[str, Any], found: int) -> None:
    with pytest.raises(LimitExceededError) as refused:
        check_variables(variables, SMALL)

    assert refused.value.code == "VARIABLES_TOO_LARGE"
    assert refused.value.found == found


@pytest.mark.parametrize(
    "variables",
    [{"a": list(range(100_000))}, {"a": nested(5_000)}, {"a": [[0] * 900 for _ in range(900)]}],
)
def test_huge_variables_are_refused_by_the_defaults(variables: dict[str, Any]) -> None:
    with pytest.raises(LimitExceededError):
        check_variables(variables, VariableLimits())


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=8)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=6), st.dictionaries(st.text(max_size=2), inner, max_size=6)
    ),
)


def figures(value: Any) -> tuple[int, int, int, int]:
    """Return depth, longest list, number of values and longest text."""
    if isinstance(value, str):
        return 0, 0, 1, len(value)
    if not isinstance(value, dict | list):
        return 0, 0, 1, 0
    parts = [figures(part) for part in (value.values() if isinstance(value, dict) else value)]
    return (
        max((part[0] + 1 for part in parts), default=0),
        max([len(value), *(part[1] for part in parts)]),
        1 + sum(part[2] for part in parts),
        max((part[3] for part in parts), default=0),
    )


@given(st.dictionaries(st.text(max_size=2), JSON, max_size=6))
def test_any_variables_pass_exactly_when_nothing_is_beyond(variables: dict[str, Any]) -> None:
    depth, items, values, text = figures(variables)
    beyond = depth > SMALL.depth or items > SMALL.items
    beyond = beyond or values > SMALL.values or text > SMALL.text

    try:
        check_variables(variables, SMALL)
    except LimitExceededError:
        assert beyond
    else:
        assert not beyond
