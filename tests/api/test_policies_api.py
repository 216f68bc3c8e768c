"""The complaint policy over HTTP: dated versions, and cases that keep the one of their day."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from api.bootstrap import open_dispatcher
from application.complaint_policies import AdoptComplaintPolicy, ShipComplaintPolicy
from application.dispatch import Call
from application.permissions import Caller
from domain.complaint_policy import (
    COMPLAINT_POLICY,
    DEFAULT_TERMS,
    ComplaintTerms,
    StepLimit,
)
from domain.errors import InvalidValueError
from domain.roles import PersonId, Role
from tests.api.cases import (
    ASSIGNED,
    CLOSED_AT_ONCE,
    FIRST_CONTACT,
    REGISTERED,
    ago,
    case_of,
    done,
    refused,
    taken,
    tell,
    written,
)

STEPS = [
    {"step": limit.step.name, "owner": limit.owner.name, "hours": limit.hours}
    for limit in DEFAULT_TERMS.steps
]
TERMS: dict[str, Any] = {"reopenDays": 30, "noticeWorkingDays": 3, "steps": STEPS}
LONG_AGO = "2020-01-01T00:00:00.000000Z"
LIST = """query P($first: Int, $after: String, $last: Int, $before: String) {
  complaintPolicies(first: $first, after: $after, last: $last, before: $before) {
    totalCount
    edges { node { id version effectiveFrom adoptedAt adoptedBy reopenDays noticeWorkingDays
      steps { step owner hours } } }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }"""
STEP = "state policy { id version } step { owner hours since dueAt }"
ADMIN = Caller("admin", PersonId("admin-1"), Role.ADMINISTRATOR)
SYSTEM = Caller("system", PersonId("system"), Role.SYSTEM)


def adopt(api: Any, role: str = "administrator", **given: Any) -> Any:
    return tell(api, "adoptComplaintPolicy", role, **TERMS | {"effectiveFrom": LONG_AGO} | given)


def adopted(api: Any, **given: Any) -> int:
    answer = adopt(api, **given)
    assert answer["__typename"] == "ComplaintPolicyPayload", answer
    position: int = answer["position"]
    return position


def versions(api: Any, role: str = "auditor", **window: Any) -> list[dict[str, Any]]:
    ((last,),) = api.rows("SELECT max(notification_id) FROM log.stored_events")
    found = api.graphql(LIST, window, role, Redress_After=str(last))["complaintPolicies"]
    return [edge["node"] for edge in found["edges"]]


def with_hours(hours: int) -> list[dict[str, Any]]:
    return [step | {"hours": hours} for step in STEPS]


@pytest.fixture
def dated(api: Any) -> Any:
    """Three versions: of long ago, of 100 days ago, and one that is to come."""

    async def adopt_all() -> None:
        now = datetime.now(UTC) - timedelta(days=200)
        async with open_dispatcher(
            api.database.conninfo,
            api.database.master,
            zone=ZoneInfo("Asia/Shanghai"),
            now=lambda: now,
        ) as door:
            for reopen_days, effective in (
                (30, datetime.fromisoformat(LONG_AGO)),
                (5, now + timedelta(days=100)),
                (1, now + timedelta(days=300)),
            ):
                steps = tuple(
                    StepLimit(limit.step, Role.APPROVER, reopen_days)
                    for limit in DEFAULT_TERMS.steps
                )
                await door.execute(
                    AdoptComplaintPolicy(
                        terms=ComplaintTerms(reopen_days, 3, steps), effective_from=effective
                    ),
                    Call(caller=ADMIN),
                )

    api.run(adopt_all())
    return api


# Versions


def test_the_versions_are_listed_the_newest_first_with_their_steps_in_the_order_of_a_case(
    api: Any,
) -> None:
    assert versions(api) == []
    position = adopted(api)
    next_year = written(datetime.now(UTC) + timedelta(days=365))
    adopted(api, reopenDays=10, steps=with_hours(5)[::-1], effectiveFrom=next_year)

    newest, oldest = versions(api)
    assert position > 0
    assert newest["id"] != oldest["id"], "an id names one object"
    assert oldest.pop("adoptedAt") <= newest["adoptedAt"]
    assert {name: oldest[name] for name in TERMS} == TERMS
    assert (oldest["version"], oldest["effectiveFrom"]) == (1, LONG_AGO)
    assert oldest["adoptedBy"] == "administrator-1"
    assert (newest["version"], newest["effectiveFrom"]) == (2, next_year)
    assert newest["steps"] == with_hours(5)
    assert [version["version"] for version in versions(api, last=1)] == [1]
    found = api.graphql(LIST, {"first": 1}, "partner")["complaintPolicies"]
    assert (found["totalCount"], found["pageInfo"]["hasNextPage"]) == (2, True)
    after = api.graphql(LIST, {"after": found["pageInfo"]["endCursor"]})["complaintPolicies"]
    assert [edge["node"]["version"] for edge in after["edges"]] == [1]


def test_the_same_terms_once_more_are_no_version(api: Any) -> None:
    adopted(api)
    before = api.events()

    adopted(api, effectiveFrom=written(datetime.now(UTC) + timedelta(days=9)))

    assert api.events() == before
    assert len(versions(api)) == 1


@pytest.mark.parametrize(
    ("given", "field", "rule"),
    [
        ({"reopenDays": 0}, "reopenDays", "out_of_range"),
        ({"reopenDays": -1}, "reopenDays", "out_of_range"),
        ({"reopenDays": 367}, "reopenDays", "out_of_range"),
        ({"noticeWorkingDays": 0}, "noticeWorkingDays", "out_of_range"),
        ({"noticeWorkingDays": 2**31 - 1}, "noticeWorkingDays", "out_of_range"),
        ({"steps": []}, "steps", "each_once"),
        ({"steps": STEPS[1:]}, "steps", "each_once"),
        ({"steps": [*STEPS, STEPS[0]]}, "steps", "each_once"),
        ({"steps": [*STEPS[1:], STEPS[0] | {"step": "WAITING"}]}, "steps", "each_once"),
        ({"steps": [*STEPS, STEPS[0] | {"step": "CLOSED"}]}, "steps", "each_once"),
        ({"steps": with_hours(0)}, "steps.hours", "out_of_range"),
        ({"steps": with_hours(-8)}, "steps.hours", "out_of_range"),
        ({"steps": with_hours(366 * 24 + 1)}, "steps.hours", "out_of_range"),
        ({"reason": ""}, "reason", "required"),
        ({"reason": "x" * 1_001}, "reason", "too_long"),
    ],
    ids=str,
)
def test_bad_terms_are_refused_by_their_field(
    shared: Any, given: dict[str, Any], field: str, rule: str
) -> None:
    terms = TERMS | {"effectiveFrom": LONG_AGO} | given

    answer = refused(shared, "adoptComplaintPolicy", "administrator", **terms)

    assert answer == (f"InvalidValue {field}", rule)


def test_a_figure_or_an_owner_that_is_none_is_an_error_of_the_request(shared: Any) -> None:
    document = """mutation M($i: AdoptComplaintPolicyInput!) { adoptComplaintPolicy(input: $i) {
      __typename } }"""
    before = shared.events()
    for given in (
        {"reopenDays": 2**31},
        {"reopenDays": 1.5},
        {"reopenDays": None},
        {"steps": [STEPS[0] | {"owner": "NOBODY"}]},
        {"steps": [STEPS[0] | {"step": "NOWHERE"}]},
        {"effectiveFrom": "tomorrow"},
        {"effectiveFrom": "2026-01-01T00:00:00"},
    ):
        terms = TERMS | {"effectiveFrom": LONG_AGO} | given
        assert shared.errors(document, {"i": terms}, "administrator")
    assert shared.events() == before


def test_only_an_administrator_adopts_a_policy(shared: Any) -> None:
    for role in Role:
        if role not in {Role.ADMINISTRATOR, Role.SYSTEM}:
            assert adopt(shared, role.value)["__typename"] == "NotPermitted"


def test_a_later_version_is_announced_a_minute_ahead_and_follows_the_others(api: Any) -> None:
    adopted(api)
    for early in (
        LONG_AGO,
        ago(days=1),
        ago(seconds=0),
        written(datetime.now(UTC) + timedelta(seconds=55)),
    ):
        given = TERMS | {"reopenDays": 7, "effectiveFrom": early}
        answer = refused(api, "adoptComplaintPolicy", "administrator", **given)
        assert answer == ("InvalidValue effectiveFrom", "before")
    month, week = (written(datetime.now(UTC) + timedelta(days=days)) for days in (30, 7))
    adopted(api, reopenDays=7, effectiveFrom=month)
    given = TERMS | {"reopenDays": 8, "effectiveFrom": week}
    answer = refused(api, "adoptComplaintPolicy", "administrator", **given)
    assert answer == ("InvalidValue effectiveFrom", "before")
    given = TERMS | {"reopenDays": 8, "effectiveFrom": "9999-12-31T00:00:00Z"}
    answer = refused(api, "adoptComplaintPolicy", "administrator", **given)
    assert answer == ("InvalidValue effectiveFrom", "too_late")
    adopted(api, reopenDays=8, effectiveFrom=month)
    assert [each["version"] for each in versions(api)] == [3, 2, 1]


def test_the_shipped_policy_is_loaded_once_and_never_in_place_of_the_companys(api: Any) -> None:
    async def ship(times: int) -> None:
        async with open_dispatcher(
            api.database.conninfo, api.database.master, zone=ZoneInfo("Asia/Shanghai")
        ) as door:
            for _ in range(times):
                await door.execute(ShipComplaintPolicy(), Call(caller=SYSTEM))

    api.run(ship(3))
    (shipped,) = versions(api)
    assert {name: shipped[name] for name in TERMS} == TERMS
    assert shipped["effectiveFrom"] == "1970-01-01T00:00:00.000000Z"
    later = written(datetime.now(UTC) + timedelta(days=9))
    adopted(api, reopenDays=10, effectiveFrom=later)
    api.run(ship(1))
    assert [each["reopenDays"] for each in versions(api)] == [10, 30]


# Cases and the version of their day


def test_a_case_keeps_the_version_under_which_it_was_received(dated: Any) -> None:
    old, new = ago(days=150), ago(days=50)
    before = taken(dated, REGISTERED, occurredAt="2019-12-31T23:59:59.000000Z")
    first = taken(dated, REGISTERED, occurredAt=old)
    second = taken(dated, REGISTERED, occurredAt=new)
    now = taken(dated, REGISTERED)

    def shown(case: str) -> tuple[Any, ...]:
        found = case_of(dated, case, STEP)
        policy, step = found["policy"], found["step"]
        return (policy and policy["version"], step["owner"], step["hours"])

    assert shown(before) == (None, "FRONT_DESK", 24)
    assert shown(first) == (1, "APPROVER", 30)
    assert shown(second) == shown(now) == (2, "APPROVER", 5)
    done(dated, "assignComplaint", complaintId=first, department="hub")
    assert shown(first) == (1, "APPROVER", 30), "a later step is judged by the rules of its day"
    step = case_of(dated, second, STEP)["step"]
    since = datetime.fromisoformat(step["since"])
    assert step["dueAt"] == written(since + timedelta(hours=5))
    assert case_of(dated, first, STEP)["policy"]["id"] == str(COMPLAINT_POLICY)


def test_reopening_is_judged_by_the_version_that_the_case_keeps(dated: Any) -> None:
    closed = ago(days=20)
    answers = []
    for received in ("2019-06-01T00:00:00.000000Z", ago(days=150), ago(days=50)):
        case = taken(dated, FIRST_CONTACT, occurredAt=received)
        done(dated, "closeComplaint", complaintId=case, occurredAt=closed)
        answer = tell(dated, "reopenComplaint", complaintId=case, reason="复发")
        answers.append((answer["__typename"], answer.get("message", "").partition(":")[0]))
    assert answers == [
        ("ComplaintPayload", ""),
        ("ComplaintPayload", ""),
        ("ReopeningTooLate", "a closed case is reopened within 5 days"),
    ]

    recent = taken(dated, CLOSED_AT_ONCE, occurredAt=ago(days=4))
    assert done(dated, "reopenComplaint", complaintId=recent, reason="复发")["state"] == (
        "REGISTERED"
    )


def test_the_history_shows_by_which_version_each_step_was_taken(dated: Any) -> None:
    case = taken(dated, ASSIGNED, occurredAt=ago(days=150))
    done(dated, "startInvestigation", complaintId=case)
    query = """query H($id: ID!) { caseHistory(caseId: $id) {
      topic policy { id version } sentence zh: sentence(lang: ZH) } }"""

    entries = dated.graphql(query, {"id": case}, "auditor")["caseHistory"]

    assert len(entries) == 4
    policy = {"id": str(COMPLAINT_POLICY), "version": 1}
    assert [entry["policy"] for entry in entries] == [policy] * 4
    own = dated.graphql(query, {"id": str(COMPLAINT_POLICY)}, "auditor")["caseHistory"]
    assert [entry["zh"] for entry in own] == [
        f"投诉处理政策第{number}版获批" for number in (1, 2, 3)
    ]
    assert own[0]["sentence"] == "Version 1 of the complaint policy adopted"


def test_a_case_of_the_past_shows_the_step_of_its_version(dated: Any) -> None:
    case = taken(dated, REGISTERED, occurredAt=ago(days=50))
    done(dated, "assignComplaint", complaintId=case, department="hub")
    query = """query S($id: ID!, $at: DateTime!) { caseState(caseId: $id, asOf: {occurredAt: $at}) {
      complaint { state policy { version } step { owner hours } } } }"""

    past = dated.graphql(query, {"id": case, "at": ago(days=40)}, "auditor")["caseState"]

    assert past["complaint"] == {
        "state": "REGISTERED",
        "policy": {"version": 2},
        "step": {"owner": "APPROVER", "hours": 5},
    }


def test_terms_that_are_no_terms_cannot_be_made() -> None:
    steps = DEFAULT_TERMS.steps
    for given, field in (
        ((0, 3, steps), "reopenDays"),
        ((30, 0, steps), "noticeWorkingDays"),
        ((30, 3, steps[1:]), "steps"),
    ):
        with pytest.raises(InvalidValueError) as refusal:
            ComplaintTerms(*given)
        assert refusal.value.field == field
