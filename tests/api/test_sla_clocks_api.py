"""Clocks of cases over HTTP: which there are, in which order, as of when, and for whom."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from domain.organisation import UnitKey, UnitKind
from domain.roles import Role
from tests.api.appeals import ANSWER, FOUND, issue, received
from tests.api.appeals import done as appeal_done
from tests.api.attacks.foreign import caller
from tests.api.cases import ASSIGNED, NOBODY, REGISTERED, case_of, done, taken
from tests.api.clocks import LIST, breach, caught_up, clocks_by_code, listed, load_content, warn
from tests.api.test_compiler import BothWays
from tests.api.test_service_level_policies_api import STANDARD, adopt
from tests.api.test_two_walls import WALLS, WAYS

FRIDAY = "2025-01-24T02:00:00Z"
LONG_AGO = "2020-01-01T00:00:00.000000Z"
ROW = """id clock label zh: label(lang: ZH) number state stateLabel live basis basisLabel target
  policy { code version } calendar { code } timeZone startedAt startedBy
  startedByLabel(lang: ZH) dueAt rolledTo provisional warnAt warnedAt breachedAt annotatedAt
  annotatedBy pausedAt remaining pausedSeconds endedAt endedBy endedByLabel durationSeconds
  department region outlet category severity handler historical importSource caseId caseNumber
  complaint { id }"""
SHOWN = "id clock state department region outlet category severity handler dueAt live caseId"
HUB, LINE = (UnitKey(UnitKind.DEPARTMENT, code) for code in ("hub", "line"))
HISTORY = """query H($id: ID!) { caseHistory(caseId: $id) {
  topic sentence zh: sentence(lang: ZH) reason } }"""
REBASE = """mutation M($input: RebaseServiceLevelsInput!) { rebaseServiceLevels(input: $input) {
  __typename ... on RebaseServiceLevelsPayload {
    position clocks { clock state policy { code version } target endedBy endedByLabel } }
  ... on Refusal { code message rule } ... on InvalidValue { field } } }"""


@pytest.fixture(scope="module")
def company(shared: Any) -> Any:
    """Cases of two partners, two departments and nobody, the oldest of them breached."""
    load_content(shared)
    issue(
        shared,
        head_of_hub=(Role.DEPARTMENT_HEAD, (HUB,)),
        head_of_line=(Role.DEPARTMENT_HEAD, (LINE,)),
    )
    shared.cases = {
        "one": taken(
            shared,
            REGISTERED,
            [("assignComplaint", {"department": "hub", "handler": "h-1"})],
            role="partner",
            region="east",
            outlet="lake",
            severity="MAJOR",
            occurredAt=FRIDAY,
        ),
        "two": taken(
            shared,
            REGISTERED,
            [("assignComplaint", {"department": "line"})],
            role="other_partner",
            region="west",
            category="LOSS",
        ),
        "raw": taken(shared),
    }
    breach(shared, shared.cases["one"], "answer")
    return shared


def rebased(api: Any, case: str, role: str = "compliance", **given: Any) -> Any:
    asked = {"caseId": case, "policy": "key_account", "reason": "a contract"} | given
    return api.graphql(REBASE, {"input": asked}, role)["rebaseServiceLevels"]


# What is shown


def test_a_complaint_has_the_clocks_of_the_policy_of_its_day(company: Any) -> None:
    case = taken(company, occurredAt=FRIDAY)
    done(company, "answerComplaint", complaintId=case, answer="已答复", occurredAt=FRIDAY)
    rows = {row["clock"]: row for row in case_of(company, case, f"clocks {{ {ROW} }}")["clocks"]}

    assert set(rows) == {"forwarding", "first_feedback", "answer", "legal_answer"}
    assert {row["state"] for row in rows.values()} == {"MET"}
    answer = rows["answer"] | {"id": "", "caseNumber": "", "caseId": "", "complaint": ""}
    assert answer == {
        "id": "", "clock": "answer", "label": "answer", "zh": "答复", "number": 1, "state": "MET",
        "stateLabel": "met", "live": False, "basis": "WORKING_DAYS", "basisLabel": "working days",
        "target": 3, "policy": {"code": "default", "version": 1}, "calendar": {"code": "cn"},
        "timeZone": "Asia/Shanghai", "startedAt": "2025-01-24T02:00:00.000000Z",
        "startedBy": "received", "startedByLabel": "收到",
        "dueAt": "2025-02-05T16:00:00.000000Z", "rolledTo": None, "provisional": False,
        "warnAt": "2025-02-03T03:36:00.000000Z", "warnedAt": None, "breachedAt": None,
        "annotatedAt": None, "annotatedBy": None, "pausedAt": None, "remaining": None,
        "pausedSeconds": 0, "endedAt": "2025-01-24T02:00:00.000000Z", "endedBy": "answered",
        "endedByLabel": "answered", "durationSeconds": 0, "department": None, "region": None,
        "outlet": None, "category": "DELAY", "severity": "GENERAL", "handler": None,
        "historical": False, "importSource": None, "caseNumber": "", "caseId": "", "complaint": "",
    }  # fmt: skip
    assert rows["answer"]["caseId"] == rows["answer"]["complaint"]["id"] == case
    assert rows["legal_answer"]["rolledTo"] == "2025-02-05T16:00:00.000000Z"


@pytest.mark.parametrize("way", WAYS)
def test_those_with_the_least_time_left_come_first_page_by_page(company: Any, way: str) -> None:
    document = (LIST % "id dueAt").rstrip()[:-1] + WAYS[way] + "}"
    whole = company.graphql(document, {}, "auditor")["slaClocks"]
    ids = [edge["node"]["id"] for edge in whole["edges"]]
    dues = [edge["node"]["dueAt"] for edge in whole["edges"]]
    walked: list[str] = []
    page: Any = {"pageInfo": {"endCursor": None, "hasNextPage": True}}
    while page["pageInfo"]["hasNextPage"]:
        asked = {"first": 2, "after": page["pageInfo"]["endCursor"]}
        page = company.graphql(document, asked, "auditor")["slaClocks"]
        walked += [edge["node"]["id"] for edge in page["edges"]]

    assert dues == sorted(dues)
    assert walked == ids
    assert whole["totalCount"] == len(ids)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("asked", "holds"),
    [
        ({"state": "BREACHED"}, lambda row: row["state"] == "BREACHED"),
        ({"states": ["BREACHED", "MET"]}, lambda row: row["state"] in {"BREACHED", "MET"}),
        ({"clock": "answer"}, lambda row: row["clock"] == "answer"),
        ({"department": "hub"}, lambda row: row["department"] == "hub"),
        ({"region": "west"}, lambda row: row["region"] == "west"),
        ({"outlet": "lake"}, lambda row: row["outlet"] == "lake"),
        ({"category": "LOSS"}, lambda row: row["category"] == "LOSS"),
        ({"severity": "MAJOR"}, lambda row: row["severity"] == "MAJOR"),
        ({"handler": "h-1"}, lambda row: row["handler"] == "h-1"),
        ({"dueBefore": "2025-06-01T00:00:00Z"}, lambda row: row["dueAt"] < "2025-06-01"),
        ({"dueFrom": "2025-06-01T00:00:00Z"}, lambda row: row["dueAt"] >= "2025-06-01"),
        ({"live": True}, lambda row: row["live"]),
        ({"live": False, "clock": "forwarding"}, lambda row: not row["live"]),
    ],
)
def test_each_condition_finds_what_it_says(
    company: Any, way: str, asked: dict[str, Any], holds: Callable[[Any], bool]
) -> None:
    ours = set(company.cases.values())
    rows = [row for row in listed(company, SHOWN, first=1000) if row["caseId"] in ours]
    document = (LIST % SHOWN).rstrip()[:-1] + WAYS[way] + "}"
    page = company.graphql(document, {"f": asked, "first": 1000}, "supervision")["slaClocks"]
    found = [e["node"]["id"] for e in page["edges"] if e["node"]["caseId"] in ours]

    assert found == [
        row["id"]
        for row in rows
        if holds(row) and ("clock" not in asked or row["clock"] == asked["clock"])
    ]
    assert 0 < len(found) < len(rows)


def test_conditions_without_a_row_find_none(company: Any) -> None:
    for asked in (
        {"historical": True},
        {"importSource": "olist"},
        {"policy": "nowhere"},
        {"provisional": True},
        {"caseId": NOBODY},
    ):
        assert listed(company, f=asked) == []
    assert listed(company, f={"historical": False, "policy": "default", "provisional": False})


# As of a moment


def test_clocks_as_of_a_moment_are_what_they_were_by_each_of_the_three_times(company: Any) -> None:
    case = taken(company, occurredAt=FRIDAY)
    before = caught_up(company)
    ((recorded,),) = company.rows("SELECT max(recorded_at) FROM log.stored_events")
    breach(company, case, "answer")
    late = "2025-02-10T02:00:00Z"
    done(company, "answerComplaint", complaintId=case, answer="已答复", occurredAt=late)
    now = clocks_by_code(company, case, "id state dueAt")

    def then(**as_of: Any) -> Any:
        found = clocks_by_code(company, case, "id state", asOf=as_of)
        assert all(row["id"] == now[code]["id"] for code, row in found.items())
        return {code: row["state"] for code, row in found.items()}

    running = dict.fromkeys(("forwarding", "first_feedback", "answer", "legal_answer"), "RUNNING")
    assert then(position=before) == then(recordedAt=recorded.isoformat()) == running
    assert then(position=before + 1) == running | {"answer": "BREACHED"}
    assert then(occurredAt="2025-02-05T15:59:59Z") == running
    assert then(occurredAt="2025-02-05T16:00:00Z") == running | {"answer": "BREACHED"}
    assert set(then(occurredAt=late).values()) == {"MET_LATE"}
    assert then(position=2**63 - 1) == then(occurredAt="9999-12-31T23:59:59Z")
    assert then(position=1) == then(occurredAt="2025-01-24T01:59:59Z") == {}


def test_a_case_as_it_stood_has_the_clocks_of_then(company: Any) -> None:
    case = taken(company, occurredAt=FRIDAY)
    done(company, "answerComplaint", complaintId=case, answer="已答复")
    document = """query S($id: ID!) { caseState(caseId: $id,
      asOf: {occurredAt: "2025-01-25T00:00:00Z"}) { complaint { clocks { clock state } } } }"""
    past = company.graphql(document, {"id": case}, "auditor")["caseState"]["complaint"]["clocks"]

    assert {row["state"] for row in past} == {"RUNNING"}
    now = case_of(company, case, "clocks { clock state }")["clocks"]
    assert [row["clock"] for row in past] == [row["clock"] for row in now]
    assert {row["state"] for row in now} == {"MET_LATE"}


def test_the_past_is_paged_and_counted_like_the_present(company: Any) -> None:
    as_of = {"position": caught_up(company)}
    whole = listed(company, asOf=as_of, first=1000)
    now = listed(company, first=1000)
    assert sorted(row["id"] for row in whole) == sorted(row["id"] for row in now)
    walked: list[Any] = []
    cursor = None
    while len(walked) < len(whole):
        found = company.graphql(
            LIST % "id", {"asOf": as_of, "first": 3, "after": cursor}, "auditor"
        )
        page = found["slaClocks"]
        assert page["totalCount"] == len(whole)
        walked += [edge["node"] for edge in page["edges"]]
        cursor = page["pageInfo"]["endCursor"]
    assert sorted(row["id"] for row in walked) == sorted(row["id"] for row in whole)
    (error,) = company.errors(LIST % "id", {"after": cursor}, "auditor")  # not of this question
    assert error["extensions"]["code"] == "INVALID_VALUE"


# Who sees what

SEES = {
    "supervision": {"one", "two", "raw"},
    "head_of_hub": {"one"},
    "head_of_line": {"two"},
    "partner": {"one"},
    "other_partner": {"two"},
}


@pytest.mark.parametrize("wall", ["both", *WALLS])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("who", SEES)
def test_each_wall_alone_shows_a_caller_the_clocks_of_its_own_cases(
    company: Any, who: str, way: str, wall: str
) -> None:
    names = {case: name for name, case in company.cases.items()}
    document = (LIST % "id caseId").rstrip()[:-1] + WAYS[way] + "}"
    everything = listed(company, "id caseId", first=1000)

    class World:
        api = company

    def ask() -> None:
        for as_of in (None, {"position": 2**62}):
            asked = {"first": 1000, "asOf": as_of}
            page = company.graphql(document, asked, who)["slaClocks"]
            found = {names.get(e["node"]["caseId"]) for e in page["edges"]} - {None}
            assert found == SEES[who], as_of
            assert page["totalCount"] == len(page["edges"])
        for row in everything:
            name = names.get(row["caseId"])
            if name is None:
                continue
            node = company.graphql(
                f"query N($id: ID!) {{ node(id: $id) {{ id }} {WAYS[way]} }}",
                {"id": row["id"]},
                who,
            )["node"]
            assert (node is not None) is (name in SEES[who]), (who, name)

    if wall == "both":
        ask()
    else:
        with WALLS[wall](World):  # type: ignore[arg-type]
            ask()


@pytest.mark.parametrize("way", WAYS)
def test_partners_are_not_shown_who_handles_a_case_nor_may_they_guess(
    company: Any, way: str
) -> None:
    document = (LIST % "handler").rstrip()[:-1] + WAYS[way] + "}"
    for who, shown in (("supervision", "h-1"), ("partner", None)):
        asked = {"f": {"caseId": company.cases["one"], "department": "hub"}}
        page = company.graphql(document, asked, who)["slaClocks"]
        assert {edge["node"]["handler"] for edge in page["edges"]} == {shown}
        guessed = company.graphql(document, {"f": {"handler": "h-1"}}, who)["slaClocks"]
        assert bool(guessed["totalCount"]) is (who == "supervision")


@pytest.mark.parametrize("who", SEES)
def test_what_is_recorded_of_clocks_is_in_the_history_of_the_case(company: Any, who: str) -> None:
    history = company.graphql(HISTORY, {"id": company.cases["one"]}, who)["caseHistory"]
    found = [entry for entry in history if entry["topic"].startswith("case_clocks.")]

    assert bool(found) is ("one" in SEES[who])
    assert bool(history) is ("one" in SEES[who])


def test_partners_read_of_an_alert_without_whom_it_reached(company: Any) -> None:
    case = taken(company, REGISTERED, role="partner", occurredAt=FRIDAY)
    answer = rebased(company, case, reason="asked for by m-1")
    assert answer["__typename"] == "RebaseServiceLevelsPayload", answer

    def told(who: str) -> Any:
        history = company.graphql(HISTORY, {"id": case}, who)["caseHistory"]
        (entry,) = [e for e in history if e["topic"] == "case_clocks.rebased"]
        return entry

    assert told("supervision")["reason"] == "asked for by m-1"
    assert told("partner")["reason"] is None
    assert told("partner")["zh"] == "服务时限已变更"


def test_clocks_of_an_appeal_are_shown_with_it_and_never_to_partners(company: Any) -> None:
    case = taken(company, ASSIGNED, role="partner")
    appeal = received(company, case)
    warn(company, appeal, "appeal")
    shown = "clock state department category caseId complaint { id }"
    (row,) = listed(company, shown, "head_of_hub", f={"caseId": appeal})
    history = "query H($id: ID!) { caseHistory(caseId: $id) { topic } }"

    assert row == {
        "clock": "appeal",
        "state": "RUNNING",
        "department": "hub",
        "category": "LOSS",
        "caseId": appeal,
        "complaint": None,
    }
    for who in ("partner", "head_of_line"):
        assert listed(company, role=who, f={"caseId": appeal}) == []
        assert company.graphql(history, {"id": appeal}, who)["caseHistory"] == []
    topics = {
        e["topic"] for e in company.graphql(history, {"id": appeal}, "head_of_hub")["caseHistory"]
    }
    assert topics >= {"appeal.received", "case_clocks.warned"}
    appeal_done(company, "recordAppealFinding", appealId=appeal, **FOUND | {"valid": False})
    appeal_done(company, "answerAppeal", appealId=appeal, **ANSWER)
    caught_up(company)
    assert clocks_by_code(company, appeal, "state endedBy")["appeal"] == {
        "state": "MET",
        "endedBy": "appeal_answered",
    }


@pytest.mark.parametrize("question", ["complaint", "node"])
def test_a_key_that_is_narrowed_to_complaints_reads_no_clocks(company: Any, question: str) -> None:
    case = company.cases["raw"]
    clock = clocks_by_code(company, case, "id")["answer"]["id"]
    narrowed = caller("d-2", Role.FRONT_DESK, operations=frozenset({"complaints"}))
    asked, shown = (case, "clocks { id }") if question == "complaint" else (clock, "id")
    document = f"query Q($id: ID!) {{ {question}(id: $id) {{ {shown} }} }}"
    for answer in BothWays(company).ask(document, {"id": asked}, narrowed):
        codes = {error["extensions"]["code"] for error in orjson.loads(answer.body)["errors"]}
        assert codes == {"FORBIDDEN"}


# Another policy


def test_a_case_put_under_another_policy_goes_on_under_its_terms(company: Any) -> None:
    kept = [clock for clock in STANDARD["clocks"] if clock["code"] != "forwarding"]
    clocks = [c | ({"target": 2} if c["code"] == "answer" else {}) for c in kept]
    adopt(company, "shop", **STANDARD | {"clocks": clocks, "effectiveFrom": LONG_AGO})
    case = taken(company, REGISTERED, occurredAt=FRIDAY)

    answer = rebased(company, case, policy="shop")
    rows = {row["clock"]: row for row in answer["clocks"]}

    assert rows["answer"]["target"] == 2
    assert rows["answer"]["policy"] == {"code": "shop", "version": 1}
    assert rows["forwarding"]["state"] == "CANCELLED"
    assert rows["forwarding"]["endedBy"] == "rebased"
    assert rows["forwarding"]["endedByLabel"] == "put under another policy"
    again = rebased(company, case, policy="shop")
    assert again["clocks"] == answer["clocks"]
    history = company.graphql(HISTORY, {"id": case}, "auditor")["caseHistory"]
    assert [e["topic"] for e in history].count("case_clocks.rebased") == 1
    (entry,) = [e for e in history if e["topic"] == "case_clocks.rebased"]
    assert entry["sentence"] == "Service levels now by shop, version 1"
    assert entry["reason"] == "a contract"


def test_only_who_leads_the_unit_or_the_company_puts_a_case_under_another_policy(
    company: Any,
) -> None:
    case = company.cases["two"]
    assert rebased(company, case, "head_of_line")["__typename"] == "RebaseServiceLevelsPayload"
    for who in ("head_of_hub", "front_desk", "partner"):
        answer = rebased(company, case, who)
        wanted = "NotFound" if who == "head_of_hub" else "NotPermitted"
        assert answer["__typename"] == wanted, who


def test_a_case_is_put_under_no_policy_that_is_not_in_force(company: Any) -> None:
    def tried(**given: Any) -> Any:
        asked = {"caseId": company.cases["raw"], "policy": "key_account", "reason": "x"} | given
        before = company.events()
        found = company.command("rebaseServiceLevels", asked, "compliance")
        assert company.events() == before
        return found["__typename"], found.get("field"), found["rule"]

    soon = datetime.now(UTC) + timedelta(days=300)
    adopt(company, "later", **STANDARD | {"effectiveFrom": soon.isoformat()})
    assert tried(policy="nowhere") == ("InvalidValue", "policy", "not_there")
    assert tried(policy="later") == ("InvalidValue", "policy", "not_there")
    assert tried(policy="No Code") == ("InvalidValue", "policy", "code_format")
    assert tried(reason="") == ("InvalidValue", "reason", "required")
    assert tried(caseId=NOBODY)[0] == "NotFound"
    case = taken(company, [("nameAccused", {"accused": "compliance-1"})])
    assert tried(caseId=case)[0] == "ConflictOfInterest"
    merged = taken(company)
    into = company.cases["raw"]
    done(company, "mergeComplaint", complaintId=merged, intoId=into, reason="重复")
    assert tried(caseId=merged)[0] == "MergedCase"
