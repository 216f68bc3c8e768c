"""Which turns a case takes: from its story to the list of its steps."""

from random import Random
from typing import Final

from application.demonstration import notes
from application.demonstration.clock import Clock
from application.demonstration.course import Course, Step
from application.demonstration.people import Roster
from application.demonstration.stories import Stories, Story
from application.demonstration.team import team_for
from domain.categories import Category

_DUPLICATE: Final = "duplicate"
_OF_OTHERS: Final = frozenset({Category.DELIVERY, Category.AFTER_SALE, Category.ADDRESS_ERROR})
"""What may turn out to be another company's, when nobody knows a waybill."""


def steps_of(
    story: Story,
    chance: Random,
    *,
    clock: Clock,
    roster: Roster,
    complained_again: Stories | None = None,
) -> list[Step]:
    """Write a case down; ``complained_again`` tells the duplicate that is merged into it."""
    course = Course(story, team_for(story, roster, chance), clock, chance)
    again: list[Step] = []
    course.receive()
    if complained_again is None and _ends_early(course):
        return course.cut()
    course.register()
    if complained_again is None and course.happens("withdrawn"):
        course.withdraw()
        return course.cut()
    course.assign()
    if complained_again is not None:
        again = _merged(course, complained_again, clock)
    _work(course)
    _end(course)
    return sorted([*course.cut(), *again], key=lambda step: step.at)


def _ends_early(course: Course) -> bool:
    """Decline it, or resolve it at first contact: most enquiries end like that."""
    story = course.story
    kind = "" if story.is_complaint else "_though_no_complaint"
    ours = story.parcel is not None or story.category not in _OF_OTHERS
    if not (story.is_complaint and ours) and course.happens(f"declined{kind}"):
        course.decline()
    elif course.is_simple and course.happens(f"first_contact{kind}"):
        course.answer_at_once()
    else:
        return False
    return True


def _merged(course: Course, stories: Stories, clock: Clock) -> list[Step]:
    """Take the complaint in once more, and merge it while the case is open for sure."""
    course.wait(6, at_the_office=False)
    story = stories.duplicate(course.story, course.chance, course.now)
    again = Course(story, course.team, clock, course.chance)
    again.receive(_DUPLICATE)
    again.merge(_DUPLICATE)
    course.now = again.now
    return again.cut()


def _work(course: Course) -> None:
    """Investigate, settle and remedy."""
    first, rest = notes.checklist(course)
    course.investigate()
    notes.link_shipment(course)
    notes.add_evidence(course)
    course.find()
    notes.settle(course, first)
    notes.record_quality_steps(course)
    course.settle()
    if course.happens("disputed"):
        course.dispute()
    course.remedy()
    notes.settle(course, rest)


def _end(course: Course) -> None:
    """Ask the customer, close, rate; some cases are opened again, some teach a lesson."""
    course.follow_up()
    course.close()
    course.rate()
    if course.happens("reopened"):
        course.reopen()
    notes.improve(course)
