"""The work on a complaint: screening, assignment, investigation, resolution, remedy, follow-up."""

from typing import Any

import pytest

from domain.categories import CATEGORIES, Category
from domain.complaint import Complaint
from domain.complaint_life import OPEN, ComplaintState, LifeCycleRule
from domain.complaint_words import FollowUpOutcome, Measure, RuleSource
from domain.errors import (
    InvalidValueError,
    NotAgreedError,
    RemedyOutstandingError,
    ResolutionNeededError,
    Rule,
    WrongStateError,
)
from tests.domain.complaint_steps import (
    AGREED_AND_ANSWERED,
    CASE,
    HANDLER,
    PROPOSAL,
    TEXT,
    WAYS,
    Step,
    agree,
    answer,
    assign,
    assigns,
    because,
    carries_out,
    carry_out,
    close,
    decline,
    dispute,
    follow_up,
    proposes,
    receive,
    receives,
    reclassifies,
    record_investigation,
    register,
    reject,
    resume,
    start_investigation,
    wait,
    way_to,
)

S = ComplaintState
NO_COMPLAINTS = {Category.ENQUIRY, Category.SUGGESTION}
APOLOGY, REDELIVERY, TRAINING = Measure.APOLOGY, Measure.REDELIVERY, Measure.STAFF_TRAINING
CAN_WAIT = sorted(OPEN - {S.RECEIVED, S.WAITING})


def after(scenario: Any, *steps: Step) -> Complaint:
    complaint = Complaint(CASE)
    for step in steps:
        step(complaint, scenario.meta())
    complaint.collect_events()
    return complaint


# Screening and assignment


def test_screening_opens_the_case(scenario: Any) -> None:
    scenario(Complaint).given(receive).when(register).then(scenario.event(Complaint.Registered))


def test_screening_declines_with_an_explanation(scenario: Any) -> None:
    scenario(Complaint).given(receive).when(decline).then(
        scenario.event(Complaint.Declined, explanation=TEXT)
    )


def test_a_case_goes_to_a_department_and_perhaps_a_person(scenario: Any) -> None:
    for handler in (None, HANDLER):
        scenario(Complaint).given(receive, register).when(assigns("north", handler)).then(
            scenario.event(Complaint.Assigned, department="north", handler=handler)
        )


REASSIGNED = sorted(OPEN - {S.RECEIVED, S.REGISTERED, S.WAITING})


@pytest.mark.parametrize("state", REASSIGNED)
def test_reassigning_keeps_the_step_and_changes_the_owner(
    scenario: Any, state: ComplaintState
) -> None:
    scenario(Complaint).given(*WAYS[state]).when(assigns("south", "agent-3")).then(
        scenario.event(Complaint.Assigned, department="south", handler="agent-3")
    )

    complaint = after(scenario, *WAYS[state], assigns("south", "agent-3"))

    assert (complaint.department, complaint.handler) == ("south", "agent-3")
    assert complaint.state is state


@pytest.mark.parametrize("state", REASSIGNED)
def test_a_department_without_a_person_takes_the_case_from_its_handler(
    scenario: Any, state: ComplaintState
) -> None:
    assert after(scenario, *WAYS[state], assigns("south", None)).handler is None


def test_a_proposal_outlives_a_reassignment(scenario: Any) -> None:
    scenario(Complaint).given(*WAYS[S.PROPOSED], assigns("south", None)).when(agree).then(
        scenario.event(Complaint.ResolutionAgreed)
    )


# Investigation and resolution


def test_the_department_finds_out_what_happened(scenario: Any) -> None:
    scenario(Complaint).given(*WAYS[S.ASSIGNED]).when(start_investigation).then(
        scenario.event(Complaint.InvestigationStarted)
    )
    scenario(Complaint).given(*WAYS[S.INVESTIGATING], record_investigation).when(
        record_investigation
    ).then(scenario.event(Complaint.InvestigationRecorded, finding=TEXT))


@pytest.mark.parametrize("source", RuleSource)
def test_a_resolution_names_its_rule_and_its_measures(scenario: Any, source: RuleSource) -> None:
    said = PROPOSAL | {"rule_source": source}

    scenario(Complaint).given(*WAYS[S.INVESTIGATING]).when(proposes(**said)).then(
        scenario.event(Complaint.ResolutionProposed, **said)
    )


@pytest.mark.parametrize(("missing", "nothing"), [("rule", ""), ("measures", ())])
def test_a_resolution_without_rule_or_measures_is_none(
    scenario: Any, missing: str, nothing: object
) -> None:
    scenario(Complaint).given(*WAYS[S.INVESTIGATING]).when(proposes(**{missing: nothing})).refused(
        InvalidValueError(missing, Rule.REQUIRED)
    )


def test_a_measure_named_twice_is_one_measure(scenario: Any) -> None:
    scenario(Complaint).given(*WAYS[S.INVESTIGATING]).when(
        proposes(measures=(REDELIVERY, APOLOGY, REDELIVERY))
    ).then(
        scenario.event(
            Complaint.ResolutionProposed, **PROPOSAL | {"measures": (REDELIVERY, APOLOGY)}
        )
    )


def test_a_new_proposal_replaces_the_one_before(scenario: Any) -> None:
    complaint = after(scenario, *WAYS[S.PROPOSED], proposes(measures=(TRAINING,)))

    assert complaint.outstanding == (TRAINING,)
    assert complaint.state is S.PROPOSED


def test_the_customer_agrees_before_the_answer(scenario: Any) -> None:
    scenario(Complaint).given(*WAYS[S.PROPOSED]).when(agree).then(
        scenario.event(Complaint.ResolutionAgreed)
    )

    assert after(scenario, *WAYS[S.PROPOSED], agree).state is S.AGREED


def test_the_customer_agrees_after_the_answer_which_stays_the_step(scenario: Any) -> None:
    scenario(Complaint).given(*WAYS[S.ANSWERED]).when(agree).then(
        scenario.event(Complaint.ResolutionAgreed)
    )

    assert after(scenario, *WAYS[S.ANSWERED], agree).state is S.ANSWERED


def test_agreeing_again_changes_nothing(scenario: Any) -> None:
    scenario(Complaint).given(*AGREED_AND_ANSWERED).when(agree).then()


def test_nobody_agrees_to_a_resolution_that_was_never_proposed(scenario: Any) -> None:
    scenario(Complaint).given(receive, answer).when(agree).refused(ResolutionNeededError(CASE))


@pytest.mark.parametrize("objection", [None, TEXT])
def test_what_the_customer_rejects_goes_back_to_investigation(
    scenario: Any, objection: object
) -> None:
    scenario(Complaint).given(*WAYS[S.PROPOSED]).when(
        lambda c, meta: c.reject_resolution(objection, meta)
    ).then(scenario.event(Complaint.ResolutionRejected, objection=objection))

    assert after(scenario, *WAYS[S.PROPOSED], reject).state is S.INVESTIGATING


def test_a_rejected_proposal_is_void(scenario: Any) -> None:
    scenario(Complaint).given(*WAYS[S.PROPOSED], reject).when(answer).refused(
        ResolutionNeededError(CASE)
    )


# Answer


@pytest.mark.parametrize("state", [S.RECEIVED, S.REGISTERED])
def test_an_answer_before_any_assignment_is_a_first_contact_resolution(
    scenario: Any, state: ComplaintState
) -> None:
    scenario(Complaint).given(*WAYS[state]).when(answer).then(
        scenario.event(Complaint.Answered, answer=TEXT, first_contact=True)
    )


@pytest.mark.parametrize("state", [S.PROPOSED, S.AGREED])
def test_the_answer_of_a_forwarded_case_is_none(scenario: Any, state: ComplaintState) -> None:
    scenario(Complaint).given(*WAYS[state]).when(answer).then(
        scenario.event(Complaint.Answered, answer=TEXT, first_contact=False)
    )


FORWARDED = {
    S.ASSIGNED: (register, assign),
    S.INVESTIGATING: (register, assign, start_investigation),
}


@pytest.mark.parametrize("state", FORWARDED)
@pytest.mark.parametrize("category", sorted(set(Category) - NO_COMPLAINTS))
def test_a_forwarded_complaint_is_not_answered_without_a_resolution(
    scenario: Any, state: ComplaintState, category: Category
) -> None:
    assert CATEGORIES[category].is_complaint

    scenario(Complaint).given(receives(category=category), *FORWARDED[state]).when(answer).refused(
        ResolutionNeededError(CASE)
    )


@pytest.mark.parametrize("state", FORWARDED)
@pytest.mark.parametrize("category", sorted(NO_COMPLAINTS))
def test_a_forwarded_enquiry_or_suggestion_is_answered_without_a_resolution(
    scenario: Any, state: ComplaintState, category: Category
) -> None:
    scenario(Complaint).given(receives(category=category), *FORWARDED[state]).when(answer).then(
        scenario.event(Complaint.Answered, answer=TEXT, first_contact=False)
    )


def test_an_enquiry_that_turns_out_to_be_a_complaint_needs_a_resolution(scenario: Any) -> None:
    scenario(Complaint).given(
        receives(category=Category.ENQUIRY),
        *FORWARDED[S.ASSIGNED],
        because(reclassifies(Category.DELAY)),
    ).when(answer).refused(ResolutionNeededError(CASE))


# Remedy


def test_a_remedy_is_carried_out_only_after_the_customer_agreed(scenario: Any) -> None:
    scenario(Complaint).given(*WAYS[S.ANSWERED]).when(carry_out).refused(NotAgreedError(CASE))


def test_there_is_no_remedy_where_nothing_was_proposed(scenario: Any) -> None:
    scenario(Complaint).given(receive, answer).when(carry_out).refused(ResolutionNeededError(CASE))


@pytest.mark.parametrize("note", [None, TEXT])
def test_a_remedy_that_names_no_measure_carries_out_all_that_are_left(
    scenario: Any, note: object
) -> None:
    scenario(Complaint).given(*AGREED_AND_ANSWERED).when(
        lambda c, meta: c.carry_out_remedy((), note, meta)
    ).then(
        scenario.event(
            Complaint.RemedyCarriedOut, measures=(APOLOGY, REDELIVERY), last=True, note=note
        )
    )


def test_measures_are_carried_out_one_by_one_and_the_last_one_ends_the_step(
    scenario: Any,
) -> None:
    scenario(Complaint).given(*AGREED_AND_ANSWERED).when(carries_out(REDELIVERY)).then(
        scenario.event(Complaint.RemedyCarriedOut, measures=(REDELIVERY,), last=False)
    )
    scenario(Complaint).given(*AGREED_AND_ANSWERED, carries_out(REDELIVERY)).when(
        carries_out(APOLOGY)
    ).then(scenario.event(Complaint.RemedyCarriedOut, measures=(APOLOGY,), last=True))

    complaint = after(scenario, *AGREED_AND_ANSWERED, carries_out(REDELIVERY))
    assert complaint.state is S.ANSWERED
    carries_out(APOLOGY)(complaint, scenario.meta())
    assert complaint.state is S.REMEDIED


def test_a_measure_named_twice_is_carried_out_once(scenario: Any) -> None:
    scenario(Complaint).given(*AGREED_AND_ANSWERED).when(carries_out(APOLOGY, APOLOGY)).then(
        scenario.event(Complaint.RemedyCarriedOut, measures=(APOLOGY,), last=False)
    )


@pytest.mark.parametrize("measure", [APOLOGY, TRAINING], ids=["done already", "never agreed"])
def test_only_an_outstanding_measure_is_carried_out(scenario: Any, measure: Measure) -> None:
    scenario(Complaint).given(*AGREED_AND_ANSWERED, carries_out(APOLOGY)).when(
        carries_out(REDELIVERY, measure)
    ).refused(InvalidValueError("measures", Rule.NOT_IN_LIST, REDELIVERY.name))


@pytest.mark.parametrize("step", [follow_up, close])
@pytest.mark.parametrize("done", [(), (carries_out(APOLOGY),)], ids=["none", "some"])
def test_outstanding_measures_block_the_follow_up_and_the_closing(
    scenario: Any, step: Step, done: tuple[Step, ...]
) -> None:
    scenario(Complaint).given(*AGREED_AND_ANSWERED, *done).when(step).refused(
        RemedyOutstandingError(CASE)
    )


@pytest.mark.parametrize(
    ("step", "event"),
    [
        (close, lambda s: s.event(Complaint.Closed)),
        (
            follow_up,
            lambda s: s.event(Complaint.FollowedUp, outcome=FollowUpOutcome.SATISFIED, note=None),
        ),
    ],
)
def test_measures_that_the_customer_never_agreed_to_block_nothing(
    scenario: Any, step: Step, event: Any
) -> None:
    scenario(Complaint).given(*WAYS[S.ANSWERED]).when(step).then(event(scenario))


# Follow-up


@pytest.mark.parametrize("outcome", FollowUpOutcome)
@pytest.mark.parametrize("state", [S.ANSWERED, S.REMEDIED, S.FOLLOWED_UP])
def test_the_customer_is_asked_how_it_went_again_and_again(
    scenario: Any, outcome: FollowUpOutcome, state: ComplaintState
) -> None:
    scenario(Complaint).given(*WAYS[state]).when(
        lambda c, meta: c.follow_up(outcome, TEXT, meta)
    ).then(scenario.event(Complaint.FollowedUp, outcome=outcome, note=TEXT))

    assert after(scenario, *WAYS[state], follow_up).state is S.FOLLOWED_UP


# Waiting for the customer


@pytest.mark.parametrize("state", CAN_WAIT)
def test_a_case_waits_for_the_customer_and_goes_on_where_it_stood(
    scenario: Any, state: ComplaintState
) -> None:
    scenario(Complaint).given(*WAYS[state]).when(wait).then(
        scenario.event(Complaint.WaitingForCustomer, asked=TEXT)
    )
    complaint = after(scenario, *WAYS[state], wait)
    assert complaint.state is S.WAITING

    resume(complaint, scenario.meta())

    assert complaint.state is state


@pytest.mark.parametrize("answered", [True, False])
def test_a_case_goes_on_whether_the_customer_answered_or_not(
    scenario: Any, answered: object
) -> None:
    scenario(Complaint).given(*WAYS[S.WAITING]).when(
        lambda c, meta: c.resume(customer_answered=answered, meta=meta)
    ).then(scenario.event(Complaint.Resumed, customer_answered=answered))


def test_waiting_keeps_what_the_customer_agreed_to(scenario: Any) -> None:
    scenario(Complaint).given(*AGREED_AND_ANSWERED, carries_out(APOLOGY), wait, resume).when(
        carry_out
    ).then(scenario.event(Complaint.RemedyCarriedOut, measures=(REDELIVERY,), last=True))


@pytest.mark.parametrize("state", CAN_WAIT)
def test_a_case_assigned_while_it_waits_goes_on_with_its_new_owner(
    scenario: Any, state: ComplaintState
) -> None:
    complaint = after(scenario, *WAYS[state], wait, assigns("south", "agent-3"))
    assert complaint.state is S.WAITING

    resume(complaint, scenario.meta())

    assert complaint.state is (S.ASSIGNED if state is S.REGISTERED else state)
    assert (complaint.department, complaint.handler) == ("south", "agent-3")


def test_a_case_reassigned_while_it_waits_goes_on_where_it_stood(scenario: Any) -> None:
    complaint = after(scenario, *WAYS[S.REGISTERED], wait, assign, assigns("south", None), resume)

    assert complaint.state is S.ASSIGNED


def test_a_case_waits_more_than_once(scenario: Any) -> None:
    complaint = after(scenario, *WAYS[S.ASSIGNED], wait, resume, start_investigation, wait, resume)

    assert complaint.state is S.INVESTIGATING


def test_a_case_that_waits_moves_on_only_when_it_is_resumed(scenario: Any) -> None:
    scenario(Complaint).given(*way_to(S.WAITING, "answer")).when(answer).refused(
        WrongStateError("answer", S.WAITING, LifeCycleRule.WAITING)
    )


def test_a_disputed_case_that_no_department_had_is_assigned_first(scenario: Any) -> None:
    complaint = after(scenario, receive, answer, dispute)

    assert complaint.state is S.REGISTERED
