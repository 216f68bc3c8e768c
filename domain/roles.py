"""Who acts: the roles of domain.md 1, and person ids."""

import re
from typing import NewType

from domain.errors import InvalidValueError, Rule
from domain.labels import Labelled

PersonId = NewType("PersonId", str)
"""An opaque id of a person or of a key: never a name, a phone number or an address."""

_PERSON_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}")


def person_id(value: str, *, field: str) -> PersonId:
    """Check an opaque person id: 1 to 64 letters, digits, dots, colons, dashes, underscores."""
    if not _PERSON_ID.fullmatch(value):
        raise InvalidValueError(field, Rule.CODE_FORMAT)
    return PersonId(value)


class Role(Labelled):
    """Staff roles and the two roles from outside (domain.md 1)."""

    FRONT_DESK = "front_desk", "front desk", "前台接待"
    BACK_OFFICE = "back_office", "back-office handler", "后台处理"
    INVESTIGATOR = "investigator", "investigator", "调查员"
    ACCOUNT_AGENT = "account_agent", "account agent", "专职客服"
    DEPARTMENT_HEAD = "department_head", "department head", "部门负责人"
    SUPERVISION = "supervision", "supervision group member", "预案监督小组成员"
    CLAIMS_OFFICER = "claims_officer", "claims officer", "理赔专员"
    FINANCE = "finance", "finance", "财务"
    PLAN_AUTHOR = "plan_author", "plan author", "预案编写人"
    REVIEWER = "reviewer", "reviewer", "审核人"
    APPROVER = "approver", "approver", "批准人"
    COMPLIANCE = "compliance", "compliance", "合规"
    AUDITOR = "auditor", "auditor", "审计"
    ADMINISTRATOR = "administrator", "administrator", "管理员"
    OPERATOR = "operator", "operator of the system", "系统运维"
    PARTNER = "partner", "integration partner", "集成伙伴"
    CUSTOMER = "customer", "customer", "客户"
    SYSTEM = "system", "the system itself", "系统"
