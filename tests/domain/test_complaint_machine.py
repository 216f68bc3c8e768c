"""Random people give random orders to three complaints: no way leads into an undefined state."""

from datetime import timedelta
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from domain.aggregate import DomainEvent
from domain.complaint import Complaint
from domain.complaint_life import ALLOWED_IN, OPEN, ComplaintState, refusing_rule
from domain.errors import DomainError
from domain.metadata import Metadata
from domain.roles import PersonId
from tests.domain.complaint_orders import CASES, ORDERS, Order, at_intake, circumstances, indexes
from tests.domain.conftest import state_of

S = ComplaintState
ENDED: Final = {S.DECLINED, S.WITHDRAWN, S.MERGED}

WAY_ON: Final = {
    S.BLANK: ("receive",),
    S.RECEIVED: ("register", "register", "answer"),
    S.REGISTERED: ("assign", "assign", "assign", "answer", "merge"),
    S.ASSIGNED: ("start_investigation", "answer"),
    S.INVESTIGATING: ("propose_resolution", "propose_resolution", "record_investigation", "answer"),
    S.PROPOSED: ("agree_resolution", "agree_resolution", "answer", "reject_resolution"),
    S.AGREED: ("answer",),
    S.ANSWERED: ("carry_out_remedy", "carry_out_remedy", "agree_resolution", "follow_up", "close"),
    S.REMEDIED: ("follow_up",),
    S.FOLLOWED_UP: ("close", "close", "dispute"),
    S.WAITING: ("resume", "resume", "resume", "merge"),
    S.CLOSED: ("rate", "reopen", "reopen", "raise_improvement"),
}
"""What mostly comes next, so that random orders get far."""
RARE: Final = {"decline", "withdraw"}

WORK: Final = (
    Complaint.FeedbackGiven,
    Complaint.QualityStepTaken,
    Complaint.InvestigationStarted,
    Complaint.InvestigationRecorded,
    Complaint.ResolutionProposed,
    Complaint.Answered,
    Complaint.RemedyCarriedOut,
    Complaint.Closed,
)


class Complaints(RuleBasedStateMachine):
    """Three complaints, each beside a twin that only ever sees the events."""

    def __init__(self) -> None:
        super().__init__()
        self.cases = [Complaint(stream) for stream in CASES]
        self.twins = [Complaint(stream) for stream in CASES]
        self.histories: list[list[DomainEvent]] = [[] for _ in CASES]
        self.ended: dict[int, tuple[ComplaintState, int]] = {}

    @initialize(intakes=st.lists(st.tuples(ORDERS["receive"], at_intake), min_size=1, max_size=3))
    def begin(self, intakes: list[tuple[Order, Metadata]]) -> None:
        for index, (intake, meta) in enumerate(intakes):
            self._give(index, intake, meta)

    @rule(index=indexes, wanted=st.one_of(*ORDERS.values()), meta=circumstances)
    def any_order(self, index: int, wanted: Order, meta: Metadata) -> None:
        self._give(index, wanted, meta)

    @rule(index=indexes, meta=circumstances, data=st.data())
    def an_order_that_fits_the_state(self, index: int, meta: Metadata, data: Any) -> None:
        state = self.cases[index].state
        fitting = [c for c in ORDERS if state in ALLOWED_IN[c] and c not in RARE]
        if fitting:
            self._give(index, data.draw(st.sampled_from(fitting).flatmap(ORDERS.get)), meta)

    @rule(index=indexes, meta=circumstances, data=st.data())
    def an_order_that_comes_next(self, index: int, meta: Metadata, data: Any) -> None:
        following = WAY_ON.get(self.cases[index].state)
        if following:
            self._give(index, data.draw(st.sampled_from(following).flatmap(ORDERS.get)), meta)

    def _give(self, index: int, wanted: Order, meta: Metadata) -> None:
        """Give an order, judge what was recorded, and show it to the twins."""
        arguments = dict(wanted.arguments)
        if wanted.command == "merge":
            arguments["into"] = self.cases[arguments["into"]]
        before = [(state_of(case), case.version) for case in self.cases]
        try:
            getattr(self.cases[index], wanted.method)(**arguments, meta=meta)
        except DomainError:
            assert [(state_of(case), case.version) for case in self.cases] == before
            assert not any(case.pending_events for case in self.cases)
            return
        assert refusing_rule(wanted.command, before[index][0]["state"]) is None
        for at, case in enumerate(self.cases):
            for happened in case.collect_events():
                self._judge(happened, before[at][0], self.histories[at])
                happened.mutate(self.twins[at])
                self.histories[at].append(happened)

    def _judge(
        self, happened: DomainEvent, before: dict[str, Any], history: list[DomainEvent]
    ) -> None:
        """Check an event against the case as it was, and as its history tells."""
        accused = before["accused"]
        if accused is not None:
            assert happened.meta.actor != accused
        if history:
            assert happened.meta.occurred_at >= history[0].meta.occurred_at
        match happened:
            case Complaint.Assigned(handler=person) | Complaint.Escalated(to=person):
                assert person is None or person != accused
            case Complaint.RemedyCarriedOut():
                assert before["agreed"]
                assert set(happened.measures) <= set(before["outstanding"])
            case Complaint.EvidenceSuperseded(number=number, by=int(replacement)):
                assert number < replacement <= before["evidence_count"]
            case Complaint.Merged() | Complaint.Absorbed():
                assert before["state"] in OPEN
            case Complaint.HandlingRated():
                assert before["state"] is S.CLOSED
                assert not before["rated"]
                assert happened.meta.actor not in workers(history)
                assert before["closed_at"] <= happened.meta.occurred_at
            case Complaint.Reopened():
                assert before["closed_at"] <= happened.meta.occurred_at
                assert happened.meta.occurred_at <= before["closed_at"] + timedelta(days=30)

    @invariant()
    def every_case_stands_somewhere(self) -> None:
        for case in self.cases:
            assert isinstance(case.state, ComplaintState)
            assert (case.state is S.BLANK) == (case.version == 0)
            if case.state is S.WAITING:
                assert case.resumes_to in ALLOWED_IN["wait_for_customer"]

    @invariant()
    def the_events_tell_the_whole_state(self) -> None:
        for case, twin in zip(self.cases, self.twins, strict=True):
            assert state_of(twin) == state_of(case)
            assert twin.version == case.version

    @invariant()
    def no_merges_form_a_circle(self) -> None:
        merged_into = {case.id: case.merged_into for case in self.cases}
        for case in self.cases:
            assert (case.merged_into is None) == (case.state is not S.MERGED)
            passed = [case.id]
            while (following := merged_into[passed[-1]]) is not None:
                assert following not in passed
                passed.append(following)

    @invariant()
    def what_has_ended_stays_as_it_is(self) -> None:
        for index, case in enumerate(self.cases):
            if case.state in ENDED or index in self.ended:
                found = case.state, case.version
                assert self.ended.setdefault(index, found) == found

    @invariant()
    def the_person_complained_about_handles_nothing(self) -> None:
        for case in self.cases:
            assert case.handler is None or case.handler != case.accused

    @invariant()
    def a_closed_case_has_nothing_outstanding_that_was_agreed(self) -> None:
        for case in self.cases:
            assert (case.closed_at is not None) == (case.state is S.CLOSED)
            assert not (case.state is S.CLOSED and case.agreed and case.outstanding)

    @invariant()
    def who_worked_on_a_case_is_known(self) -> None:
        for case, history in zip(self.cases, self.histories, strict=True):
            assert case.worked_by == workers(history)

    def teardown(self) -> None:
        for case, history in zip(self.cases, self.histories, strict=True):
            replayed = None
            for happened in history:
                replayed = happened.mutate(replayed)
            assert state_of(replayed or Complaint(case.id)) == state_of(case)


def workers(history: list[DomainEvent]) -> set[PersonId]:
    """Return who worked on a case, as its history tells."""
    worked = {happened.meta.actor for happened in history if isinstance(happened, WORK)}
    for happened in history:
        match happened:
            case Complaint.Assigned(handler=person) | Complaint.Escalated(to=person):
                worked |= {person} - {None}
            case Complaint.Absorbed(worked_by=people):
                worked |= set(people)
    return worked


def test_every_command_is_among_the_orders() -> None:
    assert set(ORDERS) == set(ALLOWED_IN) - {"absorb"}, "a complaint absorbs by another's merge"


@pytest.mark.acceptance
def test_no_orders_lead_a_complaint_into_an_undefined_state(*, full_volume: bool) -> None:
    run_state_machine_as_test(
        Complaints,
        settings=settings(
            max_examples=1_500 if full_volume else 80,
            stateful_step_count=150 if full_volume else 50,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
