"""How a case goes: the steps of a story, each with its time, its person and its command.

A course is written down to its end and then cut off where the demonstration ends, so that what came
in lately is still open.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from random import Random
from typing import Any, Final

from application.complaint_endings import (
    CloseComplaint,
    DisputeAnswer,
    MergeComplaint,
    RateHandling,
    ReopenComplaint,
    WithdrawComplaint,
)
from application.complaint_notes import (
    EscalateComplaint,
    GiveFeedback,
    MarkUrgency,
    NameAccused,
    ReassessSeverity,
    ReclassifyComplaint,
)
from application.complaint_work import (
    AgreeResolution,
    AnswerComplaint,
    AssignComplaint,
    CarryOutRemedy,
    DeclineComplaint,
    FollowUpComplaint,
    ProposeResolution,
    RecordInvestigation,
    RegisterComplaint,
    RejectResolution,
    ResumeComplaint,
    StartInvestigation,
    WaitForCustomer,
)
from application.complaints import ReceiveComplaint
from application.demonstration.clock import HOUR, Clock
from application.demonstration.people import Worker
from application.demonstration.phrases import pick, weighed, weights
from application.demonstration.stories import Story, courier
from application.demonstration.team import Team
from application.dispatch import Command
from domain.categories import Category
from domain.complaint_life import ComplaintState
from domain.complaint_words import Channel, DemandedBy, FollowUpOutcome, Measure, Severity
from domain.rating import Score

CASE: Final = "case"
"""Under this name the id of the complaint is kept."""


@dataclass(frozen=True, slots=True)
class Ref:
    """Stands for the id that an earlier step of the course answered with."""

    name: str


@dataclass(frozen=True, slots=True)
class Step:
    """One command of a course; ``keeps`` is the name under which its answer is kept."""

    key: str
    at: int
    who: Worker
    command: type[Command[Any]]
    fields: Mapping[str, Any]
    reason: str | None
    keeps: str | None
    leads_to: ComplaintState | None


_S = ComplaintState
_LEADS_TO: Final[Mapping[type[Command[Any]], ComplaintState]] = {
    ReceiveComplaint: _S.RECEIVED,
    RegisterComplaint: _S.REGISTERED,
    AssignComplaint: _S.ASSIGNED,
    StartInvestigation: _S.INVESTIGATING,
    ProposeResolution: _S.PROPOSED,
    AgreeResolution: _S.AGREED,
    AnswerComplaint: _S.ANSWERED,
    CarryOutRemedy: _S.REMEDIED,
    FollowUpComplaint: _S.FOLLOWED_UP,
    WaitForCustomer: _S.WAITING,
    CloseComplaint: _S.CLOSED,
}
_SCORES: Final = weights({Score(5): 46, Score(4): 32, Score(3): 12, Score(2): 6, Score(1): 4})
_SCORES_OF_TROUBLE: Final = weights(
    {Score(5): 8, Score(4): 20, Score(3): 30, Score(2): 24, Score(1): 18}
)
_FOLLOW_UPS: Final = weights(
    {
        FollowUpOutcome.SATISFIED: 78,
        FollowUpOutcome.NOT_REACHED: 14,
        FollowUpOutcome.DISSATISFIED: 8,
    }
)
_AFTERWARDS: Final = {
    FollowUpOutcome.SATISFIED: "follow_ups",
    FollowUpOutcome.NOT_REACHED: "unreached",
    FollowUpOutcome.DISSATISFIED: "unhappy",
}
_MONEY: Final = frozenset({Measure.REFUND, Measure.COMPENSATION, Measure.COUPON})
_OF_GOODS: Final = frozenset(
    {Category.LOSS, Category.DAMAGE, Category.PRODUCT_QUALITY, Category.AFTER_SALE}
)
_AT_ONCE: Final = frozenset(
    {Measure.APOLOGY, Measure.EXPLANATION, Measure.CORRECTION, Measure.REDELIVERY}
)
"""What the front desk can see to by itself."""
_LIKELY: Final = {
    "declined": 0.15,
    "declined_though_no_complaint": 0.15,
    "first_contact": 0.3,
    "first_contact_though_no_complaint": 0.75,
    "withdrawn": 0.03,
    "severity": 0.04,
    "urgency": 0.03,
    "named": 0.03,
    "reassigned": 0.03,
    "waiting": 0.09,
    "feedback": 0.45,
    "escalated": 0.035,
    "rejected": 0.07,
    "agreed_late": 0.1,
    "disputed": 0.04,
    "in_parts": 0.15,
    "remarked": 0.5,
    "reopened": 0.03,
    "rated": 0.6,
    "commented": 0.4,
}


class Course:
    """Writes down the steps of a story, one after the other."""

    def __init__(self, story: Story, team: Team, clock: Clock, chance: Random) -> None:
        self.story = story
        self.team = team
        self.chance = chance
        self.steps: list[Step] = []
        self.now = story.at
        self.words = story.words
        self.trouble = False
        self._clock = clock
        # What is to show something has to get there in time.
        self._pace = 1.0 if story.turns is None else 0.3

    def happens(self, what: str) -> bool:
        """Throw the dice for a turn of events, unless the story knows its turns."""
        turns = self.story.turns
        return self.chance.random() < _LIKELY[what] if turns is None else what in turns

    def do(
        self,
        who: Worker,
        command: type[Command[Any]],
        within: float,
        *,
        reason: str | None = None,
        keeps: str | None = None,
        at_the_office: bool = True,
        case: str = CASE,
        **fields: Any,
    ) -> None:
        """Write down a command within so many hours, rather sooner than later."""
        self.wait(within, at_the_office=at_the_office)
        self.note(who, command, {"complaint": Ref(case), **fields}, reason, keeps)

    def wait(self, within: float, *, at_the_office: bool = True) -> None:
        """Let time pass: nobody phones at night, and only the front desk works round the clock."""
        hours = within * self._pace * (0.02 + 0.98 * self.chance.random() ** 2)
        moved = self.now + 20 + int(hours * HOUR)
        self.now = self._clock.office(moved) if at_the_office else self._clock.polite(moved)

    def note(
        self,
        who: Worker,
        command: type[Command[Any]],
        fields: Mapping[str, Any],
        reason: str | None = None,
        keeps: str | None = None,
    ) -> None:
        """Write down a command for now."""
        key = f"{self.story.number}/{len(self.steps)}"
        leads_to = _LEADS_TO.get(command)
        self.steps.append(Step(key, self.now, who, command, fields, reason, keeps, leads_to))

    def instant(self, seconds: int) -> datetime:
        """Return an instant, also one after the demonstration's end."""
        return self._clock.at(seconds)

    def some(self, kind: str) -> str:
        """Return a phrase in the customer's language."""
        return self.words.some(self.chance, kind)

    @property
    def is_simple(self) -> bool:
        """Say whether the front desk can settle it at first contact."""
        story = self.story
        understood = story.category is story.taken_down.category
        return understood and _AT_ONCE.issuperset(story.resolution.measures)

    # The parts of a case

    def receive(self, keeps: str = CASE) -> None:
        """Take the complaint in at its time, whatever the hour."""
        fields = {"received": self.story.taken_down}
        who = self.team.intake
        if self.story.taken_down.channel is Channel.PARTNER_API:
            who = self.team.customer
        self.note(who, ReceiveComplaint, fields, None, keeps)

    def decline(self) -> None:
        """Explain that it is no complaint, or none that this company can answer."""
        kind = "explanations" if self.story.is_complaint else "thanks"
        self.do(self.team.intake, DeclineComplaint, 3, explanation=self.some(kind),
                at_the_office=False)  # fmt: skip

    def answer_at_once(self) -> None:
        """Resolve it at first contact."""
        if self.chance.random() < 0.5:  # noqa: PLR2004
            self.do(self.team.intake, RegisterComplaint, 0.2, at_the_office=False)
        self.do(self.team.intake, AnswerComplaint, 0.5, answer=self.story.answer(),
                at_the_office=False)  # fmt: skip
        self.do(self.team.intake, CloseComplaint, 30, at_the_office=False)
        self.rate()

    def register(self) -> None:
        """Screen and open the case; mistakes of the intake are put right."""
        team, story = self.team, self.story
        self.do(team.intake, RegisterComplaint, 2, at_the_office=False)
        if story.category is not story.taken_down.category:
            self.do(team.intake, ReclassifyComplaint, 1, reason=self.some("reclassifications"),
                    category=story.category)  # fmt: skip
        if self.happens("urgency"):
            self.do(team.intake, MarkUrgency, 1, urgent=not story.taken_down.urgent,
                    reason=None if story.taken_down.urgent else self.some("urgencies"))  # fmt: skip

    def assign(self) -> None:
        """Hand it to the responsible department, perhaps to another one first."""
        team, reason = self.team, self.some("assignments")
        if self.happens("reassigned"):
            self.do(team.head, AssignComplaint, 6, reason=reason, department=team.other_department)
            reason = self.some("reassignments")
        self.do(team.head, AssignComplaint, 6, reason=reason, department=team.department,
                handler=team.handler.id)  # fmt: skip
        if self.happens("severity"):
            severity = self.story.taken_down.severity
            raised = {Severity.GENERAL: Severity.SERIOUS, Severity.SERIOUS: Severity.MAJOR}
            self.do(team.head, ReassessSeverity, 6, reason=self.some("severities"),
                    severity=raised.get(severity, Severity.SERIOUS))  # fmt: skip

    def investigate(self) -> None:
        """Find out what happened."""
        team = self.team
        self.do(team.investigator, StartInvestigation, 9)
        if self.story.taken_down.accused is None and self.happens("named"):
            self.do(team.investigator, NameAccused, 5, accused=courier(self.chance))
        if self.happens("feedback"):
            self.do(team.handler, GiveFeedback, 9, feedback=self.some("feedback"))
        if self.happens("escalated"):
            demanded_by = pick(self.chance, tuple(DemandedBy))
            by_manager = demanded_by is DemandedBy.MANAGER
            reason = self.some("escalations_by_manager" if by_manager else "escalations")
            self.do(team.intake, EscalateComplaint, 12, reason=reason, to=team.manager.id,
                    demanded_by=demanded_by)  # fmt: skip
            self.trouble = True

    def find(self) -> None:
        """Note what was found out, perhaps once the customer has helped."""
        team = self.team
        if self.happens("waiting"):
            answered = self.chance.random() < 0.85  # noqa: PLR2004
            about = "_of_goods" if self.story.category in _OF_GOODS else ""
            asked = self.words.common[f"asked{about}"]
            place = int(self.chance.random() * len(asked))
            self.do(team.investigator, WaitForCustomer, 8, asked=asked[place])
            self.do(team.investigator, ResumeComplaint, 90 if answered else 200,
                    customer_answered=answered)  # fmt: skip
            if answered:
                self.do(team.investigator, RecordInvestigation, 4,
                        finding=self.words.common[f"answered{about}"][place])  # fmt: skip
        self.do(team.investigator, RecordInvestigation, 30, finding=self.story.finding)

    def propose(self) -> None:
        """Propose a resolution that names its rule."""
        resolution = self.story.resolution
        self.do(self.team.handler, ProposeResolution, 10, rule_source=resolution.source,
                rule=resolution.rule, measures=resolution.measures, proposal=resolution.plan,
                feasibility=self.some(f"feasibility{self._of_what()}"))  # fmt: skip

    def _of_what(self) -> str:
        """Tell phrases about money and about training from the others."""
        measures = self.story.resolution.measures
        if not _MONEY.isdisjoint(measures):
            return "_of_money"
        return "_of_training" if Measure.STAFF_TRAINING in measures else ""

    def agree(self, within: float = 26) -> None:
        """Hear that the customer agrees, or does not at first."""
        if self.happens("rejected"):
            self.do(self.team.customer, RejectResolution, 26, objection=self.some("objections"),
                    at_the_office=False)  # fmt: skip
            self.trouble = True
            self.propose()
        self.do(self.team.customer, AgreeResolution, within, at_the_office=False)

    def settle(self) -> None:
        """Propose, agree, answer, carry out; some customers agree only to the answer."""
        self.propose()
        late = self.happens("agreed_late")
        if not late:
            self.agree()
        self.do(self.team.handler, AnswerComplaint, 6, answer=self.story.answer())
        if late:
            self.do(self.team.customer, AgreeResolution, 20, at_the_office=False)

    def remedy(self) -> None:
        """Carry out what was agreed, at once or in parts."""
        team = self.team
        measures: tuple[Measure, ...] = self.story.resolution.measures
        if len(measures) > 1 and self.happens("in_parts"):
            self.do(team.handler, CarryOutRemedy, 20, measures=measures[:1])
        kind = "remedies" if _MONEY.isdisjoint(measures) else "remedies_of_money"
        note = self.some(kind) if self.happens("remarked") else None
        self.do(team.handler, CarryOutRemedy, 48, note=note)

    def follow_up(self) -> None:
        """Ask the customer how it went."""
        outcome = weighed(self.chance, _FOLLOW_UPS)
        note = self.some(_AFTERWARDS[outcome])
        self.do(self.team.caller, FollowUpComplaint, 70, outcome=outcome, note=note,
                at_the_office=False)  # fmt: skip
        if outcome is FollowUpOutcome.NOT_REACHED and self.chance.random() < 0.5:  # noqa: PLR2004
            self.do(self.team.caller, FollowUpComplaint, 40, outcome=FollowUpOutcome.SATISFIED,
                    at_the_office=False)  # fmt: skip
        self.trouble = self.trouble or outcome is FollowUpOutcome.DISSATISFIED

    def dispute(self) -> None:
        """Begin again, since the customer does not accept the answer."""
        self.do(self.team.customer, DisputeAnswer, 60, objection=self.some("disputes"),
                at_the_office=False)  # fmt: skip
        self.trouble = True
        self.find()
        self.settle()

    def close(self) -> None:
        """End the case."""
        self.do(self.team.handler, CloseComplaint, 16)

    def rate(self) -> None:
        """Take down the customer's rating, by somebody who did not work on the case."""
        if not self.happens("rated"):
            return
        score = weighed(self.chance, _SCORES_OF_TROUBLE if self.trouble else _SCORES)
        comment = None
        if self.happens("commented"):
            comment = self.some("praise" if score > 3 else "blame")  # noqa: PLR2004  of 5
        self.do(self.team.rater, RateHandling, 60, score=score, comment=comment,
                at_the_office=False)  # fmt: skip

    def reopen(self) -> None:
        """Open the closed case again and go through it once more."""
        self.do(self.team.intake, ReopenComplaint, 300, reason=self.some("reopenings"),
                at_the_office=False)  # fmt: skip
        self.trouble = True
        self.do(self.team.investigator, StartInvestigation, 9)
        self.find()
        self.settle()
        self.remedy()
        self.follow_up()
        self.close()
        self.rate()

    def withdraw(self) -> None:
        """Take down that the customer takes it back."""
        self.do(self.team.intake, WithdrawComplaint, 30, reason=self.some("withdrawals"),
                at_the_office=False)  # fmt: skip

    def merge(self, duplicate: str) -> None:
        """Merge a duplicate into the case."""
        self.do(self.team.intake, MergeComplaint, 3, reason=self.some("merges"), case=duplicate,
                into=Ref(CASE), at_the_office=False)  # fmt: skip

    def cut(self) -> list[Step]:
        """Return the steps up to the end of the demonstration, or to the state to be shown."""
        done: list[Step] = []
        for step in self.steps:
            if step.at >= 0:
                break
            done.append(step)
            if step.leads_to is not None and step.leads_to is self.story.ends_in:
                break
        return done
