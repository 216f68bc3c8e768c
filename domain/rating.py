"""Ratings from 1 to 5, of a handling or of a delivery (domain.md 2, 7)."""

from typing import NewType, Protocol, runtime_checkable

from domain.errors import InvalidValueError, Rule

Score = NewType("Score", int)
"""1 (worst) to 5 (best)."""

WORST, BEST = 1, 5


def score(value: int, *, field: str = "score") -> Score:
    """Check a score."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise InvalidValueError(field, Rule.NOT_A_NUMBER)
    if not WORST <= value <= BEST:
        raise InvalidValueError(field, Rule.OUT_OF_RANGE, f"{WORST}-{BEST}")
    return Score(value)


@runtime_checkable
class Rated(Protocol):
    """The marker of an event that carries a rating, whatever was rated."""

    score: Score
