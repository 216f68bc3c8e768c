"""The life cycle of a complaint as one table: which command is allowed in which state.

Every other pair is refused by the rule that ``refusing_rule`` names; ``docs/complaint-life.md`` is
generated from this module. Source: domain.md 2 (source 0, 1.1.15-1.1.20; source 3, part 2).
"""

from collections.abc import Mapping
from typing import Final

from domain.labels import Labelled


class ComplaintState(Labelled):
    """Where a complaint stands."""

    BLANK = "blank", "not received yet", "未受理"
    RECEIVED = "received", "received", "已接收"
    REGISTERED = "registered", "registered", "已立案"
    DECLINED = "declined", "declined", "不予立案"
    ASSIGNED = "assigned", "assigned", "已分派"
    INVESTIGATING = "investigating", "under investigation", "调查中"
    PROPOSED = "proposed", "resolution proposed", "已提出方案"
    AGREED = "agreed", "resolution agreed", "方案已商定"
    ANSWERED = "answered", "answered", "已答复"
    REMEDIED = "remedied", "remedy carried out", "已落实措施"
    FOLLOWED_UP = "followed_up", "followed up", "已回访"
    WAITING = "waiting", "waiting for the customer", "等待客户"
    CLOSED = "closed", "closed", "已结案"
    WITHDRAWN = "withdrawn", "withdrawn by the customer", "客户已撤回"
    MERGED = "merged", "merged into another complaint", "已合并"


S = ComplaintState

OPEN: Final = frozenset(S) - {S.BLANK, S.DECLINED, S.CLOSED, S.WITHDRAWN, S.MERGED}
"""The states of a case that somebody still has to work on."""
_OWNED: Final = OPEN - {S.RECEIVED, S.REGISTERED, S.WAITING}
"""A department has it, or it was answered at first contact."""

ALLOWED_IN: Final[Mapping[str, frozenset[ComplaintState]]] = {
    # the way of a case
    "receive": frozenset({S.BLANK}),
    "register": frozenset({S.RECEIVED}),
    "decline": frozenset({S.RECEIVED}),
    "assign": _OWNED | {S.REGISTERED, S.WAITING},
    "start_investigation": frozenset({S.ASSIGNED}),
    "record_investigation": frozenset({S.INVESTIGATING}),
    "propose_resolution": frozenset({S.INVESTIGATING, S.PROPOSED}),
    "agree_resolution": frozenset({S.PROPOSED, S.ANSWERED, S.FOLLOWED_UP}),
    "reject_resolution": frozenset({S.PROPOSED}),
    "answer": frozenset(
        {S.RECEIVED, S.REGISTERED, S.ASSIGNED, S.INVESTIGATING, S.PROPOSED, S.AGREED}
    ),
    "carry_out_remedy": frozenset({S.ANSWERED, S.FOLLOWED_UP}),
    "follow_up": frozenset({S.ANSWERED, S.REMEDIED, S.FOLLOWED_UP}),
    "close": frozenset({S.ANSWERED, S.FOLLOWED_UP}),
    "rate": frozenset({S.CLOSED}),
    "reopen": frozenset({S.CLOSED}),
    "dispute": frozenset({S.ANSWERED, S.REMEDIED, S.FOLLOWED_UP}),
    # aside from the way
    "wait_for_customer": OPEN - {S.RECEIVED, S.WAITING},
    "resume": frozenset({S.WAITING}),
    "withdraw": OPEN,
    "merge": OPEN,
    "absorb": OPEN,
    # what is noted in an open case
    "add_evidence": OPEN,
    "supersede_evidence": OPEN,
    "link": OPEN | {S.CLOSED},
    "reclassify": OPEN,
    "reassess_severity": OPEN,
    "mark_urgency": OPEN,
    "name_accused": OPEN,
    "escalate": OPEN,
    "give_feedback": OPEN,
    "seek_compensation": OPEN,
    "settle_checklist_item": OPEN - {S.RECEIVED},
    "record_quality_step": OPEN - {S.RECEIVED},
    "raise_improvement": frozenset({S.CLOSED}),
}
"""In which states a command is allowed."""


class LifeCycleRule(Labelled):
    """Why a command does not fit a state."""

    NOT_RECEIVED = "not_received", "nothing was received yet", "尚未接收"
    RECEIVED_ONCE = "received_once", "a complaint is received once", "同一投诉只接收一次"
    ORDER = "order", "the steps of a case follow their order", "须按案件步骤顺序办理"
    WAITING = (
        "waiting",
        "the case waits for the customer: resume it first",
        "案件等待客户，请先恢复",
    )
    NOT_WAITING = "not_waiting", "the case does not wait for the customer", "案件未处于等待客户状态"
    CLOSED = "closed", "the case is closed: reopen it first", "案件已结案，请先重新开启"
    NOT_CLOSED = "not_closed", "only a closed case allows this", "结案后方可办理"
    ENDED = "ended", "the case has ended for good", "案件已终结"
    MERGED = "merged", "the case goes on in the one it was merged into", "案件已并入其他投诉"


def refusing_rule(command: str, state: ComplaintState) -> LifeCycleRule | None:
    """Return the rule that refuses a command in a state, None where it is allowed."""
    allowed = ALLOWED_IN[command]
    if state in allowed:
        return None
    by_state = {
        S.BLANK: LifeCycleRule.NOT_RECEIVED,
        S.DECLINED: LifeCycleRule.ENDED,
        S.WITHDRAWN: LifeCycleRule.ENDED,
        S.MERGED: LifeCycleRule.MERGED,
    }
    if command == "receive":
        return LifeCycleRule.RECEIVED_ONCE
    if state in by_state:
        return by_state[state]
    if allowed == {S.CLOSED}:
        return LifeCycleRule.NOT_CLOSED
    if allowed == {S.WAITING}:
        return LifeCycleRule.NOT_WAITING if state in OPEN else LifeCycleRule.CLOSED
    return {S.CLOSED: LifeCycleRule.CLOSED, S.WAITING: LifeCycleRule.WAITING}.get(
        state, LifeCycleRule.ORDER
    )
