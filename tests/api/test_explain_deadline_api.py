"""Why a deadline is the one it is, over HTTP: days, pauses, sources, and one paragraph of all."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain.case_clocks import CaseClocks
from domain.service_levels.terms import AlertCause, Recipient
from tests.api.appeals import received
from tests.api.cases import ASSIGNED, NOBODY, REGISTERED, done, taken
from tests.api.clocks import (
    breach,
    caught_up,
    clocks_by_code,
    instant,
    load_content,
    meta_at,
    record,
)
from tests.api.test_service_level_policies_api import STANDARD, adopt

# Friday, 10:00 in Shanghai; the Spring Festival of 2025 with its make-up Sunday lies ahead.
FRIDAY = "2025-01-24T02:00:00Z"
LONG_AGO = "2020-01-01T00:00:00.000000Z"
EXPLAIN = """query E($id: ID!, $asOf: AsOf) { explainDeadline(clockId: $id, asOf: $asOf) {
  clock { id clock state dueAt provisional }
  days { day step stepLabel(lang: ZH) kind kindLabel name zh: name(lang: ZH) number }
  pauses { since until seconds }
  recomputations { oldDueAt newDueAt calendarVersion reason }
  alerts { cause causeLabel(lang: ZH) step to toLabel }
  policy { code version effectiveFrom }
  calendar { code version name zh: name(lang: ZH) years { year state source } }
  warning { percent at warnedAt }
  legalSource legalZh: legalSource(lang: ZH) source sourceZh: source(lang: ZH)
  arithmetic zh: arithmetic(lang: ZH) } }"""
ANSWER_EN = (
    "Received on Friday 24 January 2025 at 10:00; answer within 3 working days; the day of the"
    " start, 24 January, does not count; 25 January (weekend) does not count; 26 January (make-up"
    " working day: Spring Festival) is day 1; 27 January (working day) is day 2; 28 January to 2"
    " February (public holiday: Spring Festival) do not count; 3 to 4 February (day off in lieu:"
    " Spring Festival) do not count; 5 February (working day) is day 3, the last; due at 24:00 on"
    " Wednesday 5 February 2025, Asia/Shanghai. By policy default, version 1, in force since 1"
    " January 1970 (customer-service contingency plan, 1.1.23(1)); calendar: Official Chinese"
    " calendar, version "
)
ANSWER_ZH = (
    "2025年1月24日（星期五）10:00收到；须在3个工作日内完成答复；起始日1月24日不计入；"
    "1月25日（周末）不计入；1月26日（补班日：春节）为第1日；1月27日（工作日）为第2日；"
    "1月28日至2月2日（法定节假日：春节）不计入；2月3日至4日（调休放假日：春节）不计入；"
    "2月5日（工作日）为第3日，即期限届满日；于2025年2月5日（星期三）24:00届满（Asia/Shanghai）。"
)


@pytest.fixture(scope="module")
def company(shared: Any) -> Any:
    load_content(shared)
    return shared


def explained(api: Any, case: str, clock: str, role: str = "supervision", **asked: Any) -> Any:
    key = clocks_by_code(api, case, "id")[clock]["id"]
    return api.graphql(EXPLAIN, {"id": key, **asked}, role)["explainDeadline"]


def test_every_day_of_a_deadline_in_working_days_says_why_it_counts(company: Any) -> None:
    found = explained(company, taken(company, occurredAt=FRIDAY), "answer")

    told = [(d["day"][5:], d["step"], d["kind"], d["zh"], d["number"]) for d in found["days"]]
    holiday = [(f"01-{day}", "SKIPPED", "HOLIDAY", "春节", 2) for day in (28, 29, 30, 31)]
    holiday += [(f"02-0{day}", "SKIPPED", "HOLIDAY", "春节", 2) for day in (1, 2)]
    assert told == [
        ("01-24", "START", "WORKING", None, 0),
        ("01-25", "SKIPPED", "WEEKEND", None, 0),
        ("01-26", "COUNTED", "MAKE_UP", "春节", 1),
        ("01-27", "COUNTED", "WORKING", None, 2),
        *holiday,
        ("02-03", "SKIPPED", "IN_LIEU", "春节", 2),
        ("02-04", "SKIPPED", "IN_LIEU", "春节", 2),
        ("02-05", "DUE", "WORKING", None, 3),
    ]
    assert found["days"][2]["name"] == "Spring Festival"
    assert found["days"][2]["kindLabel"] == "make-up working day"
    assert found["days"][1]["stepLabel"] == "跳过"
    assert found["arithmetic"].startswith(ANSWER_EN)
    assert found["zh"].startswith(ANSWER_ZH)


def test_an_explanation_names_policy_calendar_and_sources(company: Any) -> None:
    found = explained(company, taken(company, occurredAt=FRIDAY), "answer")

    assert found["policy"] == {
        "code": "default",
        "version": 1,
        "effectiveFrom": "1970-01-01T00:00:00.000000Z",
    }
    calendar = found["calendar"]
    assert (calendar["code"], calendar["zh"]) == ("cn", "中国法定工作日历")
    ((year, state, source),) = [tuple(y.values()) for y in calendar["years"]]
    assert (year, state) == (2025, "PUBLISHED")
    assert "国务院办公厅关于2025年部分节假日安排的通知" in source
    assert found["source"] == "customer-service contingency plan, 1.1.23(1)"
    assert found["sourceZh"] == "客户服务预案 1.1.23（1）"
    assert found["legalSource"] is None
    assert found["warning"]["percent"] == 80
    assert found["warning"]["warnedAt"] is None


@pytest.mark.parametrize(
    ("at", "article", "zh"),
    [
        (FRIDAY, "Interim Regulations on Express Delivery, art. 28", "《快递暂行条例》第二十八条"),
        (
            "2025-05-31T16:00:00Z",  # the first of June in Shanghai
            "Interim Regulations on Express Delivery (2025 revision), art. 29",
            "《快递暂行条例》（2025年修订）第二十九条",
        ),
    ],
)
def test_the_law_is_that_of_the_day_of_the_start(
    company: Any, at: str, article: str, zh: str
) -> None:
    found = explained(company, taken(company, occurredAt=at), "legal_answer")

    assert (found["legalSource"], found["legalZh"]) == (article, zh)
    assert f"Legal source: {article}." in found["arithmetic"]
    assert f"法律依据：{zh}。" in found["zh"]


def test_calendar_days_are_counted_through_holidays_and_the_rolled_date_stands_beside(
    company: Any,
) -> None:
    found = explained(company, taken(company, occurredAt=FRIDAY), "legal_answer")

    assert [day["number"] for day in found["days"]] == [*range(8)]
    assert (
        "25 to 30 January are days 1 to 6; 31 January is day 7, the last;"
        " due at 24:00 on Friday 31 January 2025" in found["arithmetic"]
    )
    assert (
        "The last day is a day off: rolled to the next working day (Civil Code, art. 203) it would"
        " be 24:00 on Wednesday 5 February 2025; the earlier date counts." in found["arithmetic"]
    )
    assert "则为2025年2月5日（星期三）24:00；以较早日期为准。" in found["zh"]


def test_elapsed_time_is_told_in_hours_and_counts_no_day(company: Any) -> None:
    found = explained(company, taken(company, occurredAt=FRIDAY), "first_feedback")

    assert [(d["day"], d["number"]) for d in found["days"]] == [
        ("2025-01-24", 0),
        ("2025-01-25", 0),
    ]
    assert found["arithmetic"].startswith(
        "Received on Friday 24 January 2025 at 10:00; first feedback within 24 hours; due at 10:00"
        " on Saturday 25 January 2025, Asia/Shanghai."
    )
    assert "须在24小时内完成首次反馈；于2025年1月25日（星期六）10:00届满" in found["zh"]


def test_a_pause_is_told_with_the_days_that_it_took(company: Any) -> None:
    case = taken(company, ASSIGNED, occurredAt=FRIDAY)
    wait, back = "2025-01-27T03:00:00Z", "2025-02-07T01:30:00Z"
    given = {"complaintId": case}
    done(company, "startInvestigation", **given, occurredAt="2025-01-26T02:00:00Z")
    done(company, "waitForCustomer", **given, asked="请补充", occurredAt=wait)

    still = explained(company, case, "answer")
    done(company, "resumeComplaint", **given, occurredAt=back)
    moved = explained(company, case, "answer")

    assert still["pauses"] == [
        {"since": "2025-01-27T03:00:00.000000Z", "until": None, "seconds": None}
    ]
    assert "waiting for the customer since Monday 27 January 2025 at 11:00" in still["arithmetic"]
    assert still["arithmetic"].endswith("It stands still; 1 working day remains.")
    assert still["zh"].endswith("现已暂停，剩余1个工作日。")
    assert moved["pauses"][0]["until"] == "2025-02-07T01:30:00.000000Z"
    assert moved["pauses"][0]["seconds"] == 945_000
    steps = {day["day"][5:]: day["step"] for day in moved["days"]}
    assert (steps["02-06"], steps["02-07"], steps["02-08"]) == ("PAUSED", "RESUMED", "DUE")
    assert (
        "28 January to 6 February do not count: waiting for the customer; 7 February, the day of"
        " the resumption, does not count; 8 February (make-up working day: Spring Festival) is day"
        " 3, the last; due at 24:00 on Saturday 8 February 2025" in moved["arithmetic"]
    )
    assert "2月7日为恢复日，不计入；2月8日（补班日：春节）为第3日，即期限届满日" in moved["zh"]


def test_an_outcome_and_a_disproved_breach_are_told(company: Any) -> None:
    case = taken(company, occurredAt=FRIDAY)
    breach(company, case, "answer")
    late = explained(company, case, "answer")
    done(
        company,
        "answerComplaint",
        complaintId=case,
        answer="已答复",
        occurredAt="2025-01-27T02:00:00Z",
    )
    told = explained(company, case, "answer")

    assert late["clock"]["state"] == "BREACHED"
    assert late["arithmetic"].endswith(
        "A breach is on record: nothing was done by 24:00 on Wednesday 5 February 2025."
    )
    assert told["clock"]["state"] == "MET"
    assert "It ended on Monday 27 January 2025 at 10:00 (answered): met." in told["arithmetic"]
    assert told["arithmetic"].endswith(
        "By business time the breach was none, as was reported late: answered on Monday 27 January"
        " 2025 at 10:00."
    )
    assert told["zh"].endswith("据补报，按业务时间并未超时：2025年1月27日（星期一）10:00已答复。")


def test_as_of_a_moment_the_explanation_is_that_of_then(company: Any) -> None:
    case = taken(company, occurredAt=FRIDAY)
    before = caught_up(company)
    ((recorded,),) = company.rows("SELECT max(recorded_at) FROM log.stored_events")
    breach(company, case, "answer")
    done(
        company,
        "answerComplaint",
        complaintId=case,
        answer="已答复",
        occurredAt="2025-02-10T02:00:00Z",
    )

    assert explained(company, case, "answer")["clock"]["state"] == "MET_LATE"
    for as_of, state in (
        ({"position": before}, "RUNNING"),
        ({"recordedAt": recorded.isoformat()}, "RUNNING"),
        ({"position": before + 1}, "BREACHED"),
        ({"occurredAt": "2025-02-05T15:59:00Z"}, "RUNNING"),
        ({"occurredAt": "2025-02-05T16:00:00Z"}, "BREACHED"),
        ({"occurredAt": "2025-02-10T02:00:00Z"}, "MET_LATE"),
        ({"position": 2**63 - 1}, "MET_LATE"),
        ({"occurredAt": "9999-12-31T23:59:59Z"}, "MET_LATE"),
    ):
        found = explained(company, case, "answer", asOf=as_of)
        assert found["clock"]["state"] == state, as_of
        assert ("A breach is on record" in found["arithmetic"]) is (state != "RUNNING"), as_of
        assert ("It ended on" in found["arithmetic"]) is (state == "MET_LATE"), as_of
    assert explained(company, case, "answer", asOf={"occurredAt": "2025-01-24T01:00:00Z"}) is None
    assert explained(company, case, "answer", asOf={"position": 1}) is None


def test_alerts_and_the_warning_are_told_without_names(company: Any) -> None:
    case = taken(company, occurredAt=FRIDAY)
    due = instant(clocks_by_code(company, case, "dueAt")["answer"]["dueAt"])

    def write(clocks: CaseClocks, key: Any) -> None:
        at = due - timedelta(days=2)
        clocks.warn(key, "answer", 1, due, meta_at(at))
        for step, to in enumerate((Recipient.HANDLER, Recipient.DEPARTMENT_HEAD)):
            clocks.alert(
                meta_at(at),
                case=key,
                clock="answer",
                number=1,
                cause=AlertCause.WARNING,
                step=step,
                to=to,
                people=("agent-1",),
            )

    record(company, case, write)
    found = explained(company, case, "answer")

    assert [(a["cause"], a["causeLabel"], a["step"], a["toLabel"]) for a in found["alerts"]] == [
        ("WARNING", "预警", 0, "handler of the case"),
        ("WARNING", "预警", 1, "head of the department"),
    ]
    assert found["warning"]["warnedAt"] == "2025-02-03T16:00:00.000000Z"
    assert "agent-1" not in str(found)


def test_partners_are_told_neither_whom_alerts_reached_nor_why_a_calendar_was_changed(
    company: Any,
) -> None:
    case = taken(company, role="partner", occurredAt=FRIDAY)
    found = explained(company, case, "answer")
    due = instant(found["clock"]["dueAt"])
    why = "asked for by Wang of operations"

    def write(clocks: CaseClocks, key: Any) -> None:
        which = {"case": key, "clock": "answer", "number": 1}
        clocks.alert(
            meta_at(due),
            **which,
            cause=AlertCause.BREACH,
            step=0,
            to=Recipient.DEPARTMENT_HEAD,
            people=("head-1",),
        )
        clocks.recompute(
            meta_at(due, why),
            **which,
            calendar="cn",
            calendar_version=found["calendar"]["version"],
            old_due_at=due,
            new_due_at=due,
            provisional=False,
        )

    record(company, case, write)
    staff, partner = (explained(company, case, "answer", who) for who in ("auditor", "partner"))
    history = "query H($id: ID!) { caseHistory(caseId: $id) { topic reason } }"

    for who, told in (("auditor", staff), ("partner", partner)):
        (alert,), (moved,) = told["alerts"], told["recomputations"]
        shown = who != "partner"
        assert (alert["cause"], alert["step"]) == ("BREACH", 0)
        assert alert["to"] == ("DEPARTMENT_HEAD" if shown else None)
        assert alert["toLabel"] == ("head of the department" if shown else None)
        assert moved["newDueAt"] == "2025-02-05T16:00:00.000000Z"
        assert moved["reason"] == (why if shown else None)
        assert (f"of the calendar ({why}): before" in told["arithmetic"]) is shown
        assert (f"重新计算（{why}）：原于" in told["zh"]) is shown
        assert ("of the calendar: before" in told["arithmetic"]) is not shown
        for entries in (history, history[:-1] + " categories { __typename } }"):
            steps = company.graphql(entries, {"id": case}, who)["caseHistory"]
            reasons = {step["topic"]: step["reason"] for step in steps}
            assert reasons["case_clocks.deadline_recomputed"] == (why if shown else None)


def test_a_year_that_is_not_published_makes_it_provisional_until_it_is(company: Any) -> None:
    """Under a calendar of its own whose notices are to come."""
    company.command(
        "foundCalendar",
        {"code": "noticed", "nameEn": "Noticed", "nameZh": "公告", "needsNotices": True},
        "administrator",
    )
    clocks = [clock | {"calendar": "noticed"} for clock in STANDARD["clocks"]]
    adopt(company, "noticed", **STANDARD | {"clocks": clocks, "effectiveFrom": LONG_AGO})
    case = taken(company, serviceLevels="noticed", occurredAt=FRIDAY)

    unsure = explained(company, case, "answer")
    assert unsure["clock"]["provisional"] is True
    assert "Provisional: the calendar of 2025 is not published yet" in unsure["arithmetic"]
    assert "暂定：2025年日历尚未公布，期限可能变动。" in unsure["zh"]
    assert unsure["calendar"]["years"] == [{"year": 2025, "state": None, "source": None}]

    holiday = [
        {"day": f"2025-01-{day}", "kind": "HOLIDAY", "nameZh": "春节", "nameEn": "Spring Festival"}
        for day in (28, 29)
    ]
    published = company.command(
        "publishCalendarYear",
        {"calendar": "noticed", "year": 2025, "days": holiday, "source": "notice"},
        "administrator",
    )
    assert published["__typename"] == "CalendarPayload", published

    def recompute(clocks: CaseClocks, key: Any) -> None:
        clocks.recompute(
            meta_at(datetime.now(UTC), "published (notice)"),
            case=key,
            clock="answer",
            number=1,
            calendar="noticed",
            calendar_version=1,
            old_due_at=instant(unsure["clock"]["dueAt"]),
            new_due_at=instant("2025-01-31T16:00:00Z"),
            provisional=False,
        )

    record(company, case, recompute)
    sure = explained(company, case, "answer")
    assert sure["clock"]["provisional"] is False
    assert sure["recomputations"] == [
        {
            "oldDueAt": "2025-01-29T16:00:00.000000Z",
            "newDueAt": "2025-01-31T16:00:00.000000Z",
            "calendarVersion": 1,
            "reason": "published (notice)",
        }
    ]
    assert "due at 24:00 on Friday 31 January 2025" in sure["arithmetic"]
    assert (
        "by version 1 of the calendar (published (notice)): before, it was due at 24:00 on"
        " Wednesday 29 January 2025." in sure["arithmetic"]
    )
    assert sure["calendar"]["years"][0]["source"] == "notice"


def test_clocks_of_appeals_are_explained_to_staff_alone(company: Any) -> None:
    case = taken(company, REGISTERED, role="partner")
    appeal = received(company, case)
    caught_up(company)
    key = clocks_by_code(company, appeal, "id")["appeal"]["id"]

    found = company.graphql(EXPLAIN, {"id": key}, "supervision")["explainDeadline"]
    assert found["arithmetic"].startswith("Appeal received from the regulator on ")
    assert "收到监管部门转来的申诉；须在10个自然日内完成申诉答复" in found["zh"]
    assert company.graphql(EXPLAIN, {"id": key}, "partner")["explainDeadline"] is None


def test_a_clock_out_of_reach_is_explained_as_one_that_is_not_there(company: Any) -> None:
    case = taken(company, role="partner", occurredAt=FRIDAY)
    key = clocks_by_code(company, case, "id")["answer"]["id"]

    for as_of in (None, {"position": 2**62}, {"occurredAt": FRIDAY}):
        for role, there in (("partner", True), ("other_partner", False), ("auditor", True)):
            asked = {"id": key, "asOf": as_of}
            found = company.graphql(EXPLAIN, asked, role)["explainDeadline"]
            assert (found is not None) is there, (role, as_of)
    assert company.graphql(EXPLAIN, {"id": NOBODY}, "auditor")["explainDeadline"] is None
    (error,) = company.errors(EXPLAIN, {"id": "x"}, "auditor")
    assert error["extensions"]["code"] == "INVALID_VALUE"
