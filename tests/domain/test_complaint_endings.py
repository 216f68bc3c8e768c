"""The endings of a complaint: closing, rating, reopening, dispute, withdrawal, merging."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from domain.categories import Category
from domain.complaint import Complaint
from domain.complaint_life import OPEN, ComplaintState
from domain.complaint_words import DemandedBy, QualityStep
from domain.errors import (
    AlreadyRatedError,
    ConflictOfInterestError,
    InvalidValueError,
    MergedCaseError,
    MergeIntoSelfError,
    MergeTargetEndedError,
    OwnCaseError,
    ReopeningTooLateError,
    ResolutionNeededError,
    Rule,
)
from domain.rating import Rated, Score
from domain.roles import PersonId
from tests.domain.complaint_steps import (
    ACCUSED,
    AGREED_AND_ANSWERED,
    CASE,
    OTHER,
    SHIPMENT,
    TEXT,
    UNINVOLVED,
    WAYS,
    Step,
    adds_evidence,
    agree,
    another,
    answer,
    assign,
    assigns,
    at,
    because,
    by,
    carry_out,
    close,
    dispute,
    escalates,
    follow_up,
    give_feedback,
    links,
    propose,
    rate,
    rates,
    receive,
    record_investigation,
    register,
    reopens,
    resume,
    start_investigation,
    takes_quality_step,
    wait,
)
from tests.domain.conftest import state_of

S = ComplaintState
CLOSED_AT = datetime(2026, 3, 20, 9, 0, tzinfo=UTC)
DAYS = 30
CLOSED = (*WAYS[S.FOLLOWED_UP], at(CLOSED_AT, close))
REASON_REQUIRED = InvalidValueError("reason", Rule.REQUIRED)


def after(scenario: Any, *steps: Step) -> Complaint:
    complaint = Complaint(CASE)
    for step in steps:
        step(complaint, scenario.meta())
    complaint.collect_events()
    return complaint


# Closing


@pytest.mark.parametrize("state", [S.ANSWERED, S.FOLLOWED_UP])
def test_a_case_is_closed_when_nothing_is_left_to_do(scenario: Any, state: ComplaintState) -> None:
    scenario(Complaint).given(*WAYS[state]).when(close).then(scenario.event(Complaint.Closed))


def test_an_answer_at_first_contact_is_closed_at_once(scenario: Any) -> None:
    scenario(Complaint).given(receive, answer).when(close).then(scenario.event(Complaint.Closed))


# Rating


@pytest.mark.parametrize("comment", [None, TEXT])
def test_the_customer_rates_the_handling_of_a_closed_case(scenario: Any, comment: object) -> None:
    circumstances = {"actor": UNINVOLVED, "occurred_at": CLOSED_AT}

    scenario(Complaint).given(*CLOSED).when(
        lambda c, meta: c.rate(Score(2), comment, meta), **circumstances
    ).then(
        scenario.event(
            Complaint.HandlingRated, score=2, comment=comment, meta=scenario.meta(**circumstances)
        )
    )


rated: Step = at(CLOSED_AT, by(UNINVOLVED, rate))


def test_the_handling_is_rated_once_per_closing(scenario: Any) -> None:
    scenario(Complaint).given(*CLOSED, rated).when(
        rates(1), actor=UNINVOLVED, occurred_at=CLOSED_AT
    ).refused(AlreadyRatedError(CASE))


def test_a_reopened_case_is_rated_again_when_it_is_closed_again(scenario: Any) -> None:
    reopened = (*CLOSED, rated, at(CLOSED_AT, because(reopens(DAYS))))
    circumstances = {"actor": UNINVOLVED, "occurred_at": CLOSED_AT}

    scenario(Complaint).given(
        *reopened, start_investigation, propose, answer, at(CLOSED_AT, close)
    ).when(rate, **circumstances).then(
        scenario.event(
            Complaint.HandlingRated, score=4, comment=None, meta=scenario.meta(**circumstances)
        )
    )


def test_a_rating_of_the_handling_carries_the_marker_of_ratings(scenario: Any) -> None:
    assert isinstance(scenario.event(Complaint.HandlingRated, score=Score(5)), Rated)


WORKED = "agent-5"
TO_INVESTIGATION = (receive, register, assign, start_investigation)
WORK: dict[str, tuple[Step, ...]] = {
    "was its handler": (receive, register, assigns("north", WORKED), assign, start_investigation),
    "got it by escalation": (*TO_INVESTIGATION, because(escalates(WORKED))),
    "began the investigation": (receive, register, assign, by(WORKED, start_investigation)),
    "found something out": (*TO_INVESTIGATION, by(WORKED, record_investigation)),
    "told the customer how it stands": (*TO_INVESTIGATION, by(WORKED, give_feedback)),
    "took a quality step": (
        *TO_INVESTIGATION,
        by(WORKED, takes_quality_step(QualityStep.ENGINEER_ON_SITE)),
    ),
    "proposed": (*TO_INVESTIGATION, by(WORKED, propose)),
    "answered": (*TO_INVESTIGATION, propose, agree, by(WORKED, answer)),
    "carried out the remedy": (*AGREED_AND_ANSWERED, by(WORKED, carry_out)),
    "closed it": (*AGREED_AND_ANSWERED, carry_out, follow_up, by(WORKED, close)),
}
REST = (propose, agree, answer, carry_out, follow_up, close)


def to_its_closing(scenario: Any, steps: tuple[Step, ...]) -> Complaint:
    """Take a case on from wherever these steps led."""
    complaint = after(scenario, *steps)
    left = {
        S.INVESTIGATING: REST,
        S.PROPOSED: REST[1:],
        S.ANSWERED: REST[3:],
        S.REMEDIED: REST[4:],
        S.CLOSED: (),
    }
    for step in left[complaint.state]:
        step(complaint, scenario.meta())
    assert complaint.state is S.CLOSED
    return complaint


@pytest.mark.parametrize("how", WORK)
def test_nobody_who_worked_on_a_case_takes_down_how_its_handling_is_rated(
    scenario: Any, how: str
) -> None:
    complaint = to_its_closing(scenario, WORK[how])
    before = state_of(complaint)

    with pytest.raises(OwnCaseError) as refusal:
        rate(complaint, scenario.meta(actor=WORKED))

    assert refusal.value == OwnCaseError(WORKED)
    assert state_of(complaint) == before


@pytest.mark.parametrize("how", WORK)
def test_who_worked_on_a_case_is_remembered_when_it_is_reopened(scenario: Any, how: str) -> None:
    complaint = to_its_closing(scenario, WORK[how])
    for step in (because(reopens(DAYS)), start_investigation, propose, answer, close):
        step(complaint, scenario.meta())

    with pytest.raises(OwnCaseError):
        rate(complaint, scenario.meta(actor=WORKED))


NO_WORK = {
    "took it in": (by(WORKED, receive), register, assign, start_investigation),
    "screened it": (receive, by(WORKED, register), assign, start_investigation),
    "assigned it": (receive, register, by(WORKED, assign), start_investigation),
    "filed evidence": (*TO_INVESTIGATION, by(WORKED, adds_evidence())),
    "linked it": (*TO_INVESTIGATION, by(WORKED, links(SHIPMENT))),
    "asked the customer": (*TO_INVESTIGATION, by(WORKED, wait), by(WORKED, resume)),
    "noted that the customer agrees": (*TO_INVESTIGATION, propose, by(WORKED, agree), answer),
    "asked afterwards": (*AGREED_AND_ANSWERED, carry_out, by(WORKED, follow_up), close),
}


@pytest.mark.parametrize("how", NO_WORK)
def test_who_only_passed_a_case_on_may_take_the_rating(scenario: Any, how: str) -> None:
    complaint = to_its_closing(scenario, NO_WORK[how])

    rate(complaint, scenario.meta(actor=WORKED))

    assert complaint.rated


def test_the_person_complained_about_never_takes_the_rating(scenario: Any) -> None:
    scenario(Complaint).given(*CLOSED).when(rate, actor=ACCUSED).refused(
        ConflictOfInterestError(ACCUSED)
    )


# Reopening


def test_a_closed_case_is_reopened_for_a_reason(scenario: Any) -> None:
    circumstances = {"occurred_at": CLOSED_AT, "reason": "it came broken again"}

    scenario(Complaint).given(*CLOSED).when(reopens(DAYS), **circumstances).then(
        scenario.event(Complaint.Reopened, meta=scenario.meta(**circumstances))
    )
    scenario(Complaint).given(*CLOSED).when(reopens(DAYS), occurred_at=CLOSED_AT).refused(
        REASON_REQUIRED
    )


@pytest.mark.parametrize("days", [1, DAYS, 366])
def test_a_case_is_reopened_within_the_days_of_its_policy_and_not_an_instant_later(
    scenario: Any, days: int
) -> None:
    last = CLOSED_AT + timedelta(days=days)
    too_late = last + timedelta(microseconds=1)
    at_last = {"occurred_at": last, "reason": "broken"}

    scenario(Complaint).given(*CLOSED).when(reopens(days), **at_last).then(
        scenario.event(Complaint.Reopened, meta=scenario.meta(**at_last))
    )
    scenario(Complaint).given(*CLOSED).when(
        reopens(days), occurred_at=too_late, reason="broken"
    ).refused(ReopeningTooLateError(CASE, days))


@pytest.mark.parametrize("step", [reopens(DAYS), rate, Complaint.raise_improvement])
def test_what_follows_the_closing_does_not_lie_before_it(scenario: Any, step: Step) -> None:
    early = CLOSED_AT - timedelta(microseconds=1)

    scenario(Complaint).given(*CLOSED).when(
        step, occurred_at=early, actor=UNINVOLVED, reason="broken"
    ).refused(InvalidValueError("occurredAt", Rule.BEFORE, CLOSED_AT.isoformat()))


def test_the_days_are_counted_from_the_latest_closing(scenario: Any) -> None:
    later = CLOSED_AT + timedelta(days=20)
    closed_again = (
        *CLOSED,
        at(CLOSED_AT, because(reopens(DAYS))),
        start_investigation,
        propose,
        answer,
        at(later, close),
    )
    circumstances = {"occurred_at": later + timedelta(days=DAYS), "reason": "broken"}

    scenario(Complaint).given(*closed_again).when(reopens(DAYS), **circumstances).then(
        scenario.event(Complaint.Reopened, meta=scenario.meta(**circumstances))
    )


@pytest.mark.parametrize(
    ("closed", "state"),
    [(CLOSED, S.ASSIGNED), ((receive, answer, at(CLOSED_AT, close)), S.REGISTERED)],
    ids=["forwarded", "first contact"],
)
def test_a_reopened_case_begins_again_where_it_was_handed_over(
    scenario: Any, closed: tuple[Step, ...], state: ComplaintState
) -> None:
    complaint = after(scenario, *closed, at(CLOSED_AT, because(reopens(DAYS))))

    assert complaint.state is state
    assert complaint.closed_at is None
    assert not complaint.proposed
    assert not complaint.agreed
    assert complaint.outstanding == ()


def test_a_reopened_complaint_is_not_answered_on_the_old_resolution(scenario: Any) -> None:
    scenario(Complaint).given(*CLOSED, at(CLOSED_AT, because(reopens(DAYS)))).when(answer).refused(
        ResolutionNeededError(CASE)
    )


# Dispute and withdrawal


@pytest.mark.parametrize("state", [S.ANSWERED, S.REMEDIED, S.FOLLOWED_UP])
def test_a_disputed_answer_leads_back_to_the_investigation(
    scenario: Any, state: ComplaintState
) -> None:
    scenario(Complaint).given(*WAYS[state]).when(dispute).then(
        scenario.event(Complaint.Disputed, objection=TEXT)
    )

    assert after(scenario, *WAYS[state], dispute).state is S.INVESTIGATING


@pytest.mark.parametrize("more", [(), (follow_up,)])
def test_a_disputed_answer_at_first_contact_leads_back_to_the_assignment(
    scenario: Any, more: tuple[Step, ...]
) -> None:
    assert after(scenario, receive, answer, *more, dispute).state is S.REGISTERED


def test_a_dispute_voids_what_was_proposed_and_agreed(scenario: Any) -> None:
    disputed = (*AGREED_AND_ANSWERED, dispute)
    complaint = after(scenario, *disputed)

    assert not complaint.proposed
    assert not complaint.agreed
    assert complaint.outstanding == ()
    scenario(Complaint).given(*disputed).when(answer).refused(ResolutionNeededError(CASE))


def test_after_a_dispute_a_new_resolution_leads_to_the_closing(scenario: Any) -> None:
    scenario(Complaint).given(*AGREED_AND_ANSWERED, dispute, propose, answer).when(close).then(
        scenario.event(Complaint.Closed)
    )


@pytest.mark.parametrize("state", sorted(OPEN))
def test_the_customer_takes_an_open_complaint_back(scenario: Any, state: ComplaintState) -> None:
    scenario(Complaint).given(*WAYS[state]).when(withdraw_for_no_reason).then(
        scenario.event(Complaint.Withdrawn)
    )

    assert after(scenario, *WAYS[state], withdraw_for_no_reason).state is S.WITHDRAWN


def withdraw_for_no_reason(complaint: Complaint, meta: Any) -> None:
    assert meta.reason is None
    complaint.withdraw(meta)


# Merging


def merges(into: Complaint) -> Step:
    return lambda c, meta: c.merge(into, meta)


@pytest.mark.parametrize("state", sorted(OPEN))
@pytest.mark.parametrize("into", sorted(OPEN))
def test_both_halves_of_a_merging_are_recorded(
    scenario: Any, state: ComplaintState, into: ComplaintState
) -> None:
    meta = scenario.meta(reason="the same parcel")
    duplicate, goes_on = Complaint(OTHER), after(scenario, *WAYS[into])
    for step in WAYS[state]:
        step(duplicate, scenario.meta())
    duplicate.collect_events()

    duplicate.merge(goes_on, meta)

    (merged,) = duplicate.collect_events()
    (absorbed,) = goes_on.collect_events()
    assert isinstance(merged, Complaint.Merged)
    assert isinstance(absorbed, Complaint.Absorbed)
    assert (merged.into, merged.meta) == (CASE, meta)
    assert (absorbed.duplicate, absorbed.meta) == (OTHER, meta)
    assert duplicate.state is S.MERGED
    assert goes_on.state is into


def test_a_complaint_is_not_merged_without_a_reason(scenario: Any) -> None:
    into = another(scenario.meta())

    scenario(Complaint).given(receive).when(merges(into)).refused(REASON_REQUIRED)
    assert not into.pending_events


def test_a_complaint_is_not_merged_into_itself(scenario: Any) -> None:
    complaint = after(scenario, receive)
    before = state_of(complaint)

    with pytest.raises(MergeIntoSelfError) as refusal:
        complaint.merge(complaint, scenario.meta(reason="the same"))

    assert refusal.value == MergeIntoSelfError(CASE)
    assert state_of(complaint) == before
    assert not complaint.pending_events


def test_every_command_on_a_merged_complaint_names_the_one_it_goes_on_in(scenario: Any) -> None:
    scenario(Complaint).given(*WAYS[S.MERGED]).when(register).refused(MergedCaseError(CASE, OTHER))


def test_merges_form_no_circle(scenario: Any) -> None:
    meta = scenario.meta(reason="the same")
    first, second, third = (another(meta, UUID(int=number)) for number in (11, 12, 13))
    first.merge(second, meta)
    second.merge(third, meta)

    for merged in (first, second):
        with pytest.raises(MergeTargetEndedError) as refusal:
            third.merge(merged, meta)
        assert refusal.value == MergeTargetEndedError(merged.id, S.MERGED)
    assert third.state is S.RECEIVED


def test_the_person_whom_the_other_complaint_is_about_does_not_merge_into_it(
    scenario: Any,
) -> None:
    into = another(scenario.meta(), accused=PersonId("agent-5"))

    scenario(Complaint).given(receive).when(
        merges(into), actor="agent-5", reason="the same"
    ).refused(ConflictOfInterestError("agent-5"))
    assert not into.pending_events


def test_a_merging_before_the_other_complaint_was_received_is_refused(scenario: Any) -> None:
    received_at = CLOSED_AT + timedelta(days=1)
    into = another(scenario.meta(occurred_at=received_at))

    scenario(Complaint).given(receive).when(
        merges(into), occurred_at=CLOSED_AT, reason="the same"
    ).refused(InvalidValueError("occurredAt", Rule.BEFORE, received_at.isoformat()))
    assert not into.pending_events


# Improvement


def test_a_closed_case_raises_improvements_again_and_again(scenario: Any) -> None:
    complaint = after(scenario, *CLOSED)

    for _ in range(2):
        complaint.raise_improvement(scenario.meta(occurred_at=CLOSED_AT))

    assert complaint.state is S.CLOSED
    assert not complaint.pending_events, "the action is an aggregate of its own"


def test_a_merge_brings_the_accused_and_the_workers_along(scenario: Any) -> None:
    into, duplicate = Complaint(UUID(int=21)), Complaint(UUID(int=22))
    receive(into, scenario.meta())
    Complaint.register(into, scenario.meta())
    into.assign("north", PersonId("courier-8"), scenario.meta())
    receive(duplicate, scenario.meta())
    duplicate.name_accused(PersonId("courier-8"), scenario.meta())
    duplicate.give_feedback(TEXT, scenario.meta(actor="agent-5"))

    duplicate.merge(into, scenario.meta(reason="the same parcel"))

    assert into.handler is None
    assert "courier-8" in into.kept_away
    assert "agent-5" in into.worked_by


def test_only_the_first_answer_can_be_one_at_first_contact(scenario: Any) -> None:
    complaint = Complaint(UUID(int=23))
    for step in (receive, answer, dispute, answer):
        step(complaint, scenario.meta())

    told = [
        e.first_contact for e in complaint.collect_events() if isinstance(e, Complaint.Answered)
    ]

    assert told == [True, False]


def test_an_escalated_case_keeps_its_manager_when_a_department_gets_it(scenario: Any) -> None:
    complaint = Complaint(UUID(int=24))
    receive(complaint, scenario.meta())
    Complaint.register(complaint, scenario.meta())
    complaint.escalate(
        PersonId("head-1"), DemandedBy.CUSTOMER, scenario.meta(reason="asked for it")
    )

    complaint.assign("north", None, scenario.meta())

    assert complaint.handler == "head-1"


def test_a_forwarded_complaint_is_not_closed_on_an_answer_to_another_question(
    scenario: Any,
) -> None:
    complaint = Complaint(UUID(int=25))
    receive(complaint, scenario.meta())
    Complaint.register(complaint, scenario.meta())
    complaint.assign("north", None, scenario.meta())
    complaint.reclassify(Category.ENQUIRY, scenario.meta(reason="only asks"))
    answer(complaint, scenario.meta())
    complaint.reclassify(Category.DELAY, scenario.meta(reason="complains after all"))

    with pytest.raises(ResolutionNeededError):
        complaint.close(scenario.meta())


def test_when_nothing_is_left_to_carry_out_nothing_is_recorded(scenario: Any) -> None:
    complaint = Complaint(UUID(int=26))
    for step in (receive, register, assign, start_investigation, propose, agree, answer):
        step(complaint, scenario.meta())
    complaint.carry_out_remedy((), None, scenario.meta())
    follow_up(complaint, scenario.meta())
    complaint.collect_events()

    complaint.carry_out_remedy((), None, scenario.meta())

    assert not complaint.collect_events()
    assert complaint.state is ComplaintState.FOLLOWED_UP
