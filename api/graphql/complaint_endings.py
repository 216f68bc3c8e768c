"""The endings of a case in the schema."""

import strawberry

from api.graphql.complaint_inputs import ComplaintInput, common, complaint_command
from api.graphql.nodes import as_uuid
from application.complaint_endings import (
    CloseComplaint,
    DisputeAnswer,
    MergeComplaint,
    RateHandling,
    ReopenComplaint,
    WithdrawComplaint,
)
from domain.errors import (
    AlreadyRatedError,
    MergeIntoSelfError,
    MergeTargetEndedError,
    OwnCaseError,
    RemedyOutstandingError,
    ReopeningTooLateError,
    ResolutionNeededError,
)
from domain.rating import score


@strawberry.input
class RateHandlingInput(ComplaintInput):
    """The customer's rating, 1 to 5."""

    score: int
    comment: str | None = None


@strawberry.input
class DisputeAnswerInput(ComplaintInput):
    """What the customer objects."""

    objection: str


@strawberry.input
class MergeComplaintInput(ComplaintInput):
    """Into which open complaint; the reason is needed."""

    into_id: strawberry.ID


@strawberry.type
class Mutation:
    """Commands that end a case, or begin it again."""

    close_complaint = complaint_command(
        "CloseComplaint",
        "End the case.",
        ComplaintInput,
        lambda given: CloseComplaint(**common(given)),
        RemedyOutstandingError,
        ResolutionNeededError,
    )
    rate_handling = complaint_command(
        "RateHandling",
        "Take down the customer's rating of the handling, once per closing.",
        RateHandlingInput,
        lambda given: RateHandling(
            **common(given), score=score(given.score), comment=given.comment
        ),
        AlreadyRatedError,
        OwnCaseError,
    )
    reopen_complaint = complaint_command(
        "ReopenComplaint",
        "Open a closed case again; the reason is needed.",
        ComplaintInput,
        lambda given: ReopenComplaint(**common(given)),
        ReopeningTooLateError,
    )
    dispute_answer = complaint_command(
        "DisputeAnswer",
        "Take down that the customer does not accept the answer: back to investigation.",
        DisputeAnswerInput,
        lambda given: DisputeAnswer(**common(given), objection=given.objection),
    )
    withdraw_complaint = complaint_command(
        "WithdrawComplaint",
        "Take down that the customer takes the complaint back.",
        ComplaintInput,
        lambda given: WithdrawComplaint(**common(given)),
    )
    merge_complaint = complaint_command(
        "MergeComplaint",
        "Merge a duplicate into another complaint, to which it redirects.",
        MergeComplaintInput,
        lambda given: MergeComplaint(**common(given), into=as_uuid(given.into_id, field="intoId")),
        MergeIntoSelfError,
        MergeTargetEndedError,
    )
