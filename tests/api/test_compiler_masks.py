"""What the compiler leaves out for a view, and that no plan made for one view answers another."""

from typing import Any

import orjson
import pytest

from application.permissions import Caller
from domain.roles import PersonId, Role
from tests.api.attacks.foreign import caller
from tests.api.cases import EVIDENCE, PROPOSED, RESOLUTION, done, taken
from tests.api.test_compiler import BothWays

OWN, OTHERS, INTERNAL = "自己的文字", "前台的文字", "内部的文字"
WAYBILL = "SF6660001"
PARTNER = caller("partner-1", Role.PARTNER)
STAFF = {
    "front desk": caller("d-1", Role.FRONT_DESK),
    "finance": caller("f-1", Role.FINANCE),
    "a key for complaints": caller("d-2", Role.FRONT_DESK, operations=frozenset({"complaints"})),
}
VIEWS: dict[str, Caller] = STAFF | {
    "partner": PARTNER,
    "a partner's key for complaints": caller(
        "partner-1", Role.PARTNER, operations=frozenset({"complaints"})
    ),
}
DOCUMENT = """
query Q($id: ID!) {
  complaint(id: $id) {
    accused subject resolution { feasibility } evidence { note reference } remarks { text }
  }
}
"""
EMPTY = {"note": None, "reference": None}
SHOWN: dict[str, dict[str, Any]] = {
    "front desk": {
        "accused": "courier-7",
        "subject": OWN,
        "resolution": {"feasibility": RESOLUTION["feasibility"]},
        "evidence": [
            {"note": OWN, "reference": EVIDENCE["reference"]},
            {"note": OTHERS, "reference": EVIDENCE["reference"]},
        ],
    },
    "partner": {
        "accused": None,
        "subject": OWN,
        "resolution": {"feasibility": None},
        "evidence": [{"note": OWN, "reference": EVIDENCE["reference"]}, EMPTY],
    },
    "finance": {
        "accused": "courier-7",
        "subject": None,
        "resolution": {"feasibility": None},
        "evidence": [EMPTY, EMPTY],
        "remarks": [],
    },
}
"""Who sees what of the case, written down independently of the code."""
SHOWN["a key for complaints"] = SHOWN["finance"]
SHOWN["a partner's key for complaints"] = SHOWN["finance"] | {"accused": None}
TIMELINE = "query Q($id: ID!) { complaint(id: $id) { timeline { edges { node {%s} } } } }"


@pytest.fixture(scope="module")
def case(shared: Any) -> str:
    """A partner's case with texts and names of both sides."""
    shared.command("recordShipment", {"waybill": WAYBILL}, "partner")
    found = taken(shared, role="partner", subject=OWN, waybill=WAYBILL)
    for role, note, digest in (("partner", OWN, "0"), ("front_desk", OTHERS, "1")):
        added = EVIDENCE | {"note": note, "sha256": digest * 64}
        done(shared, "addEvidence", role, complaintId=found, **added)
    for command, given in PROPOSED:
        reason = {"reason": INTERNAL} if command == "assignComplaint" else {}
        done(shared, command, complaintId=found, **given | reason)
        if command == "startInvestigation":
            done(shared, "recordInvestigation", complaintId=found, finding=INTERNAL)
            done(shared, "nameAccused", complaintId=found, accused="courier-7")
    return found


def read(both: BothWays, case: str, asking: Caller, document: str = DOCUMENT) -> Any:
    """Ask in both ways, of which one is compiled; both show the same."""
    compiled, ordinary = both.ask(document, {"id": case}, asking)
    assert (compiled.path, ordinary.path) == ("compiled", "ordinary")
    assert compiled.body == ordinary.body
    return orjson.loads(compiled.body)["data"]["complaint"]


@pytest.mark.parametrize("first", VIEWS)
@pytest.mark.parametrize("then", VIEWS)
def test_each_view_reads_its_own_whoever_asked_the_same_before(
    shared: Any, case: str, first: str, then: str
) -> None:
    both = BothWays(shared)
    for who in (first, then, first):
        seen = read(both, case, VIEWS[who])
        assert seen | SHOWN[who] == seen, who
        assert (INTERNAL in str(seen)) is (who == "front desk"), who


def test_partners_read_neither_reasons_nor_names_of_an_assignment(shared: Any, case: str) -> None:
    both = BothWays(shared)
    for who, sees in (("front desk", True), ("partner", False), ("front desk", True)):
        seen = read(both, case, VIEWS[who], TIMELINE % "topic reason sentence")
        assert (INTERNAL in str(seen)) is sees
        assert ("hub" in str(seen)) is sees


@pytest.mark.parametrize("allowed", ["complaints", "shipments", "caseHistory"])
def test_a_plan_asks_for_the_permission_of_all_it_reads(
    shared: Any, case: str, allowed: str
) -> None:
    """Also where nothing is read of it, and where somebody who may asked the same before."""
    both = BothWays(shared)
    narrow = Caller("d-3", PersonId("d-3"), Role.FRONT_DESK, operations=frozenset({allowed}))
    questions = {
        "complaint(id: $id) { id }": {"complaints"},
        "complaint(id: $id) { shipment { id } }": {"complaints", "shipments"},
        "complaint(id: $id) { mergedInto { id } }": {"complaints"},
        "complaint(id: $id) { timeline { totalCount } }": {"complaints", "caseHistory"},
        "complaint(id: $id) { timeline { __typename } }": {"complaints", "caseHistory"},
        "caseHistory(caseId: $id) { topic }": {"caseHistory"},
        "node(id: $id) { id }": {"complaints"},
        "nodes(ids: [$id]) { id }": {"complaints"},
        "node(id: $id) { id } complaints { __typename }": {"complaints"},
        "node(id: $id) { id } shipments { __typename }": {"complaints", "shipments"},
    }
    for question, needed in questions.items():
        document = f"query Q($id: ID!) {{ {question} }}"
        for asking in (STAFF["front desk"], narrow):
            may = asking is not narrow or needed <= {allowed}
            for answer in both.ask(document, {"id": case}, asking):
                assert (b"FORBIDDEN" in answer.body) is not may, (question, answer.body)
