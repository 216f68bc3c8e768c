"""What an integration partner sees of cases and does in them: its own, and not all of those."""

from typing import Any

import pytest

from application.permissions import PERMISSIONS
from domain.roles import Role
from tests.api.cases import (
    ANSWERED,
    ASSIGNED,
    CLOSED,
    COMMANDS,
    EVIDENCE,
    FIRST_CONTACT,
    INVESTIGATING,
    PROPOSED,
    REGISTERED,
    ago,
    case_of,
    done,
    refused,
    taken,
    tell,
)
from tests.api.conftest import complaint_input

ACTS = {
    "addEvidence": (REGISTERED, "REGISTERED"),
    "seekCompensation": (REGISTERED, "REGISTERED"),
    "agreeResolution": (PROPOSED, "AGREED"),
    "rejectResolution": (PROPOSED, "INVESTIGATING"),
    "disputeAnswer": (ANSWERED, "INVESTIGATING"),
    "withdrawComplaint": (ASSIGNED, "WITHDRAWN"),
    "rateHandling": (CLOSED, "CLOSED"),
}
"""What a partner does in its own cases, in which state, and what comes of it."""
ACCUSED = "courier-007"
IDS = "edges { node { id } }"


def own(api: Any, *steps: Any, partner: str = "partner", **intake: Any) -> str:
    """Take in a partner's complaint and let the company lead it along these steps."""
    case: str = api.receive(partner, **intake)["id"]
    for several in steps:
        for name, given in several:
            done(api, name, complaintId=case, **given)
    return case


def test_a_partner_acts_in_just_these_ways() -> None:
    granted = {name for name, roles in PERMISSIONS.items() if Role.PARTNER in roles}

    assert granted & {*COMMANDS} == {*ACTS}


@pytest.mark.parametrize("command", ACTS)
def test_a_partner_acts_in_its_own_cases_only(shared: Any, command: str) -> None:
    steps, state = ACTS[command]
    given = COMMANDS[command]
    companys, anothers = taken(shared, steps), own(shared, steps, partner="other_partner")
    for case in (companys, anothers):
        answer = refused(shared, command, "partner", complaintId=case, **given)
        assert answer == ("NotFound", None)
    nobody = "01890000-0000-7000-8000-000000000000"
    told = [
        tell(shared, command, "partner", complaintId=case, **given)["message"].rpartition(" ")[0]
        for case in (companys, nobody)
    ]
    assert told[0] == told[1], "what is not theirs is not there"

    assert done(shared, command, "partner", complaintId=own(shared, steps), **given)["state"] == (
        state
    )


@pytest.mark.parametrize("command", sorted({*COMMANDS} - {*ACTS}))
def test_what_is_the_companys_to_do_is_not_the_partners(shared: Any, command: str) -> None:
    case = own(shared, REGISTERED)

    answer = refused(shared, command, "partner", complaintId=case, **COMMANDS[command])

    assert answer == ("NotPermitted", "permissions")


def test_a_partner_names_no_service_levels_since_they_follow_from_its_account(shared: Any) -> None:
    for code in ("default", "nobodys"):
        answer = refused(
            shared, "receiveComplaint", "partner", **complaint_input(serviceLevels=code)
        )

        assert answer == ("InvalidValue serviceLevels", "not_in_list")


def test_a_partner_finds_its_own_cases_wherever_it_looks(shared: Any) -> None:
    word = "琥珀"
    steps = [*REGISTERED, ("assignComplaint", {"department": "amber", "handler": "agent-5"})]
    mine = own(shared, steps, subject=word)
    companys = taken(shared, steps, subject=word)
    anothers = own(shared, steps, subject=word, partner="other_partner")
    numbers = {
        case: case_of(shared, case, "number")["number"] for case in (mine, companys, anothers)
    }

    def ids(query: str) -> list[str]:
        found = shared.graphql(f"{{ found: {query} {{ totalCount {IDS} }} }}", None, "partner")
        edges = found["found"]["edges"]
        assert found["found"]["totalCount"] == len(edges)
        return [edge["node"]["id"] for edge in edges]

    assert ids(f'complaints(filter: {{text: "{word}"}})') == [mine]
    assert ids('complaints(filter: {department: "amber"})') == [mine]
    assert ids('workQueue(department: "amber")') == [mine]
    assert ids('workQueue(person: "agent-5")') == [mine]
    assert companys not in ids("complaints(first: 500)")
    counted = """{ complaintCounts(groupBy: DEPARTMENT, filter: {department: "amber"}) {
      key count } }"""
    assert shared.graphql(counted, None, "partner")["complaintCounts"] == [
        {"key": "amber", "count": 1},
    ]
    query = """query Q($id: ID!, $n: String!) { node(id: $id) { id } nodes(ids: [$id]) { id }
      complaint(id: $id) { id } byNumber: complaint(number: $n) { id }
      caseHistory(caseId: $id) { topic } caseState(caseId: $id, asOf: {position: 99999}) { kind }
    }"""
    for case, number in numbers.items():
        seen = shared.graphql(query, {"id": case, "n": number}, "partner")
        yes = case == mine
        assert (seen["node"] == {"id": case}) is yes
        assert (seen["nodes"] == [{"id": case}]) is yes
        assert (seen["complaint"] == seen["byNumber"] == {"id": case}) is yes
        assert bool(seen["caseHistory"]) is yes
        assert (seen["caseState"] is not None) is yes


def test_a_partner_sees_the_texts_of_its_case_but_no_findings(shared: Any) -> None:
    case = own(shared, INVESTIGATING)
    done(shared, "recordInvestigation", complaintId=case, finding="内部结论")
    done(shared, "giveFeedback", complaintId=case, feedback="正在核查")
    done(shared, "addEvidence", "partner", complaintId=case, **EVIDENCE)

    fields = "complainant facts remarks { kind text } evidence { reference addedBy }"
    shown = case_of(shared, case, fields, "partner")

    assert (shown["complainant"], shown["facts"]) == ("王小明", "承诺周一送达，周四才到")
    assert shown["remarks"] == [{"kind": "feedback_given", "text": "正在核查"}]
    assert shown["evidence"] == [{"reference": EVIDENCE["reference"], "addedBy": "partner-1"}]
    past = f"""query P($id: ID!) {{ caseState(caseId: $id, asOf: {{occurredAt: "{ago()}"}}) {{
      complaint {{ {fields} }} }} }}"""
    assert shared.graphql(past, {"id": case}, "partner")["caseState"]["complaint"] == shown
    assert len(case_of(shared, case, fields)["remarks"]) == 2


def test_a_partner_does_not_see_who_is_complained_about_in_the_case(shared: Any) -> None:
    case = own(shared, REGISTERED)
    done(shared, "nameAccused", complaintId=case, accused=ACCUSED)
    given = COMMANDS["addEvidence"]

    shown = done(shared, "addEvidence", "partner", complaintId=case, **given, shown="accused")

    assert shown["accused"] is None
    query = """query Q($id: ID!) { complaint(id: $id) { accused } node(id: $id) {
        ... on Complaint { accused } }
      complaints(first: 500) { edges { node { accused } } }
      caseState(caseId: $id, asOf: {position: 99999}) { complaint { accused } } }"""
    assert ACCUSED not in shared.post(query, {"id": case}, "partner").text
    assert ACCUSED in shared.post(query, {"id": case}, "front_desk").text


def test_a_partner_does_not_read_who_is_complained_about_in_the_history(shared: Any) -> None:
    case = own(shared, REGISTERED)
    done(shared, "nameAccused", complaintId=case, accused=ACCUSED)
    query = """query H($id: ID!) { caseHistory(caseId: $id) {
      topic sentence zh: sentence(lang: ZH) } }"""

    assert ACCUSED not in shared.post(query, {"id": case}, "partner").text
    assert ACCUSED in shared.post(query, {"id": case}, "auditor").text


def test_a_partner_sees_no_improvement_actions(shared: Any) -> None:
    case = own(shared, CLOSED)
    raised = done(
        shared,
        "raiseImprovement",
        complaintId=case,
        department="hub",
        owner="agent-5",
        dueAt="2999-01-01T00:00:00Z",
        task="增派车辆",
    )

    for query in (
        "query Q($id: ID!) { node(id: $id) { id } }",
        "query Q($id: ID!) { nodes(ids: [$id]) { id } }",
        "query Q($id: ID!) { improvements(filter: {complaintId: $id}) { totalCount } }",
    ):
        assert shared.code(query, {"id": raised["id"]}, "partner") == "FORBIDDEN"
    query = "query H($id: ID!) { caseHistory(caseId: $id) { topic sentence } }"
    mine = shared.post(query, {"id": case}, "partner").text
    assert "improvement" not in mine
    assert shared.graphql(query, {"id": raised["id"]}, "partner")["caseHistory"] == []
    assert "improvement.raised" in shared.post(query, {"id": case}, "auditor").text


def test_a_partners_case_that_goes_on_in_the_companys_shows_no_more_of_it(shared: Any) -> None:
    case, into = own(shared, REGISTERED), taken(shared, ASSIGNED)
    done(shared, "mergeComplaint", complaintId=case, intoId=into, reason="重复")

    shown = case_of(shared, case, "state mergedInto { id number } shipment { id }", "partner")

    assert shown == {"state": "MERGED", "mergedInto": None, "shipment": None}
    query = "query H($id: ID!) { caseHistory(caseId: $id) { aggregateId topic } }"
    entries = shared.graphql(query, {"id": case}, "partner")["caseHistory"]
    assert len({entry["aggregateId"] for entry in entries}) == 1
    assert refused(shared, "withdrawComplaint", "partner", complaintId=case)[0] == "MergedCase"


def test_a_partner_rates_its_own_case_once_per_closing(shared: Any) -> None:
    case = own(shared, FIRST_CONTACT)
    rating = {"complaintId": case, "score": 1, "comment": "差"}
    assert refused(shared, "rateHandling", "partner", **rating)[0] == "WrongState"
    done(shared, "closeComplaint", complaintId=case)
    rated = done(shared, "rateHandling", "partner", **rating, shown="score ratingComment")
    assert (rated["score"], rated["ratingComment"]) == (1, "差")
    assert refused(shared, "rateHandling", "partner", **rating)[0] == "AlreadyRated"
