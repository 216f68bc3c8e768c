"""What projections remember beside their rows."""

import pytest

from projections import PROJECTIONS

REMEMBERING = [name for name, projection in PROJECTIONS.items() if projection.remembers]


@pytest.mark.parametrize("name", REMEMBERING)
def test_no_event_is_both_remembered_and_handled(name: str) -> None:
    projection = PROJECTIONS[name]
    assert projection.remembers is not None
    handled = [topic for topic in projection.remembers.TOPICS if projection.handler(topic)]
    assert handled == []


def test_somebody_remembers() -> None:
    assert REMEMBERING
