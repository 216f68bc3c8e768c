"""What read models and timers keep of a case's clocks can be read by later releases.

A new field of a docket or a clock needs a default. A change that cannot read what is stored comes
with a migration that empties ``read.sla_*`` and ``process.case_clocks`` with their positions.
"""

from pathlib import Path
from uuid import UUID

from domain.case_clocks import clocks_id
from domain.service_levels.docket import ClockState
from projections.service_levels import DocketRow, docket_of, docket_row
from tests.domain.clock_story import CASE, Story, hours

VECTOR = Path(__file__).parents[1] / "vectors" / "docket.json"


def told() -> Story:
    """Tell a case of which everything is kept that can be."""
    story = Story().received().waits(hours(1)).resumes(hours(2)).breached(hours(5))
    story.answered(hours(6)).reopened(hours(7)).waits(hours(8))
    return story


def test_a_docket_that_was_stored_can_be_read() -> None:
    docket = docket_of(DocketRow(CASE, clocks_id(CASE), VECTOR.read_text("utf-8")))

    assert docket.case == CASE
    assert [clock.state for clock in docket.clocks] == [ClockState.MET_LATE, ClockState.PAUSED]
    assert docket.clocks[0].breached_at == hours(5)


def test_a_docket_comes_back_as_it_was() -> None:
    docket = told().docket
    assert docket is not None
    assert docket_of(docket_row(docket)) == docket
    assert isinstance(docket_row(docket).stream, UUID)
