"""What the timers put on record, and when."""

from datetime import timedelta
from typing import Any

from application.complaint_work import AnswerComplaint, ResumeComplaint, WaitForCustomer
from application.complaint_work import RegisterComplaint


def test_smoke(company: Any) -> None:
    case = company.received()
    company.settle()
    print(company.clocks(case).keys(), {k: (v["due_at"], v["warn_at"]) for k, v in company.clocks(case).items()})
    company.later(hours=20)
    print(company.recorded())
    company.later(hours=5)
    print(company.recorded())
    company.later(days=10)
    for r in company.recorded(): print(r)
    company.project()
    print({k: v["state"] for k, v in company.clocks(case).items()})
    assert 0
