from typing import Any
import pytest
from tests.api.clocks import *
from tests.api.cases import *

@pytest.fixture(scope="module")
def company(shared: Any) -> Any:
    load_content(shared)
    return shared

def test_it(company: Any) -> None:
    at = "2025-01-24T02:00:00Z"
    case = taken(company, occurredAt=at)
    done(company, "registerComplaint", complaintId=case, occurredAt=at)
    found = clocks_by_code(company, case, "id label startedByLabel dueAt rolledTo state caseId complaint { number } policy { code version } calendar { code version }")
    for code, row in found.items(): print(code, row)
    shown = case_of(company, case, "clocks { id clock }")
    print(shown)
    Q = """query E($id: ID!, $asOf: AsOf) { explainDeadline(clockId: $id, asOf: $asOf) { days { day step stepLabel kindLabel(lang: ZH) name(lang: ZH) number }
       pauses { since until seconds } recomputations { at } alerts { at to } policy { code version effectiveFrom } calendar { code name(lang: ZH) years { year state source } }
       legalSource source(lang: ZH) warning { percent at warnedAt } en: arithmetic zh: arithmetic(lang: ZH) } }"""
    for code, row in found.items():
        e = company.graphql(Q, {"id": row["id"]}, "supervision")["explainDeadline"]
        print(code); print(e["en"]); print(e["zh"])
        if code == "answer": print(e)
    print(breach(company, case, "answer"))
    e = company.graphql(Q, {"id": found["answer"]["id"]}, "supervision")["explainDeadline"]
    print(e["en"])
    h = company.graphql("query H($id: ID!) { caseHistory(caseId: $id) { sentence topic } }", {"id": case}, "supervision")
    print(h)
    past = clocks_by_code(company, case, "id state", asOf={"occurredAt": "2025-01-25T00:00:00Z"})
    print(past)
    assert 0
