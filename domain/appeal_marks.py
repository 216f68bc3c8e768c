"""What the events of an appeal mean to clocks."""

from domain.service_levels.marks import mark

APPEAL_RECEIVED = mark(
    "appeal_received", "appeal received from the regulator", "收到监管部门转来的申诉"
)
APPEAL_ANSWERED = mark("appeal_answered", "appeal answered to the regulator", "已答复监管部门")
APPEAL_WITHDRAWN = mark("appeal_withdrawn", "appeal withdrawn", "申诉撤回")
