"""Who may see and do what over HTTP: keys, partners, personal data, metrics."""

from datetime import UTC, datetime
from typing import Any

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    get_named_type,
    is_required_argument,
    is_required_input_field,
)

from api.graphql.schema import schema
from application.permissions import PERMISSIONS
from domain.roles import Role

PERSONAL = """complainant contact subject facts request explanation answer ratingComment"""
COMPLAINT = f"id number {PERSONAL} shipment {{ waybill }}"
EVIDENCE = {
    "kind": "PHOTOGRAPH",
    "mediaType": "image/jpeg",
    "size": 5,
    "sha256": "0" * 64,
    "reference": "x",
}
NOW = schema._schema
WAYBILL = "SF1234567890"


# Without a key, or with a wrong one


def literal(kind: Any) -> str:
    """Return a value of an input type as it stands in a document."""
    if isinstance(kind, GraphQLNonNull):
        return literal(kind.of_type)
    if isinstance(kind, GraphQLList):
        return f"[{literal(kind.of_type)}]"
    if isinstance(kind, GraphQLEnumType):
        return next(iter(kind.values))
    if isinstance(kind, GraphQLInputObjectType):
        if kind.extensions["strawberry-definition"].is_one_of:
            name, field = next(iter(kind.fields.items()))
            return f"{{{name}: {literal(field.type)}}}"
        given = [
            f"{name}: {literal(field.type)}"
            for name, field in kind.fields.items()
            if is_required_input_field(field)
        ]
        return f"{{{', '.join(given)}}}"
    samples = {
        "Int": "5",
        "Long": "5",
        "Boolean": "true",
        "Date": '"2026-01-01"',
        "DateTime": '"2026-01-01T00:00:00Z"',
    }
    return samples.get(kind.name, '"01890000-0000-7000-8000-000000000000"')


def root_fields() -> list[str]:
    """Return a document for every root field, with its required arguments."""
    documents = []
    for word, root in (("query", NOW.query_type), ("mutation", NOW.mutation_type)):
        assert root is not None
        for name, field in root.fields.items():
            given = [
                f"{argument}: {literal(about.type)}"
                for argument, about in field.args.items()
                if is_required_argument(about)
            ]
            arguments = f"({', '.join(given)})" if given else ""
            named = get_named_type(field.type)
            selection = "" if getattr(named, "is_leaf", False) else " { __typename }"
            documents.append(f"{word} {{ {name}{arguments}{selection} }}")
    return documents


@pytest.mark.parametrize("document", root_fields())
def test_without_a_key_only_the_viewer_is_answered(shared: Any, document: str) -> None:
    answer = shared.post(document, None, None).json()
    if document.startswith("query { viewer"):
        assert answer == {"data": {"viewer": None}}
        return
    (error,) = answer["errors"]
    assert error["extensions"]["code"] == "UNAUTHENTICATED"
    assert not any((answer["data"] or {}).values())
    (chinese,) = shared.errors(document, None, None, Accept_Language="zh")
    assert "需要API密钥" in chinese["message"]


@pytest.mark.parametrize(
    "bad",
    [
        'query { node(id: "nonsense") { id } }',
        'query { node(id: "UmF0aW5nOjE=") { id } }',
        "query { nodes(ids: []) { id } }",
        'query { shipment(waybill: "!") { id } }',
        'query { caseHistory(caseId: "x") { id } }',
        "query { complaint { id } }",
        "query { complaints(first: -1) { totalCount } }",
    ],
)
def test_without_a_key_a_wrong_argument_tells_nothing_either(shared: Any, bad: str) -> None:
    assert shared.code(bad, None, None) == "UNAUTHENTICATED"


@pytest.mark.parametrize(
    "header",
    [
        *(
            "Bearer x",
            "Bearer ",
            "Bearer",
            "Bearer rk_000000000000.x",
            "Basic eDp5",
            "x",
            "Bearer .",
        ),
        *("Bearer rk_" + "x" * 8000, "Bearer \xff\xfe", "Bearer a b c", "bearer  rk_1.2"),
    ],
)
def test_a_wrong_key_is_a_problem(shared: Any, header: str) -> None:
    for path, method in (("/graphql", "POST"), ("/graphql?query={viewer{role}}", "GET")):
        response = shared.run(
            shared.send(
                method,
                path,
                None,
                headers={"Authorization": header.encode("latin-1")},
                **({"json": {"query": "{ viewer { role } }"}} if method == "POST" else {}),
            )
        )
        assert response.status_code == 401
        assert response.headers["content-type"] == "application/problem+json"
        assert response.headers["www-authenticate"] == "Bearer"
        assert response.json()["status"] == 401
        assert "rk_" not in response.text


def test_a_changed_secret_under_a_known_prefix_is_wrong(shared: Any) -> None:
    key = shared.keys["front_desk"]
    for wrong in (key + "x", key[:-1], key.partition(".")[0], key.upper(), key.replace(".", " ")):
        response = shared.run(
            shared.send(
                "POST",
                "/graphql",
                None,
                headers={"Authorization": f"Bearer {wrong}"},
                json={"query": "{ viewer { role } }"},
            )
        )
        assert response.status_code == 401, wrong[:3]


def test_a_key_is_seen_and_refused_by_the_running_server_at_once(api: Any) -> None:
    viewer = "{ viewer { actor role } }"
    api.issue(("new", Role.AUDITOR))

    api.until(lambda: api.post(viewer, None, "new").status_code == 200)
    assert api.graphql(viewer, None, "new")["viewer"] == {"actor": "new-1", "role": "AUDITOR"}

    api.revoke("new")
    api.until(lambda: api.post(viewer, None, "new").status_code == 401)
    assert api.post(viewer).status_code == 200


def test_a_key_ends_by_itself(api: Any, soon: Any) -> None:
    ends = datetime.now(UTC) + soon
    api.issue(("brief", Role.AUDITOR), expires_at=ends)
    viewer = "{ viewer { role } }"
    api.until(lambda: api.post(viewer, None, "brief").status_code == 200)

    api.until(lambda: api.post(viewer, None, "brief").status_code == 401)

    assert datetime.now(UTC) >= ends


# Partners


def two_partners(api: Any) -> dict[str, Any]:
    """Let two partners record shipments and complaints; the second also about the first's."""
    found: dict[str, Any] = {}
    for role, waybill in (("partner", "SF0000001"), ("other_partner", "SF0000002")):
        api.command("recordShipment", {"waybill": waybill}, role)
        api.command("rateDelivery", {"waybill": waybill, "reference": role, "score": 2}, role)
        found[role] = {
            "waybill": waybill,
            "shipment": api.graphql(f'{{ shipment(waybill: "{waybill}") {{ id }} }}')["shipment"],
            "complaint": api.receive(role, waybill=waybill),
        }
    found["foreign"] = api.receive("other_partner", waybill="SF0000001")
    found["desk"] = api.receive(waybill="SF0000001")
    return found


def test_a_partner_sees_its_own_and_nothing_else_by_any_path(api: Any) -> None:
    there = two_partners(api)
    now = f"asOf: {{position: {api.events()}}}"
    for role, other in (("partner", "other_partner"), ("other_partner", "partner")):
        mine, theirs = there[role], there[other]
        for one, sees in ((mine, True), (theirs, False)):
            complaint, shipment = one["complaint"], one["shipment"]
            paths = [
                (f'{{ found: complaint(id: "{complaint["id"]}") {{ {COMPLAINT} }} }}'),
                (f'{{ found: complaint(number: "{complaint["number"]}") {{ {COMPLAINT} }} }}'),
                (f'{{ found: node(id: "{complaint["id"]}") {{ id }} }}'),
                (f'{{ found: node(id: "{shipment["id"]}") {{ id }} }}'),
                (f'{{ found: shipment(waybill: "{one["waybill"]}") {{ id }} }}'),
                (f'{{ found: caseHistory(caseId: "{complaint["id"]}") {{ sentence }} }}'),
                (f'{{ found: caseHistory(caseId: "{shipment["id"]}") {{ sentence }} }}'),
                (f'{{ found: caseState(caseId: "{complaint["id"]}", {now}) {{ kind }} }}'),
                (f'{{ found: caseState(caseId: "{shipment["id"]}", {now}) {{ kind }} }}'),
            ]
            for path in paths:
                assert bool(api.graphql(path, None, role)["found"]) is sees, path
        ids = f'["{mine["complaint"]["id"]}", "{theirs["complaint"]["id"]}", '
        ids += f'"{theirs["shipment"]["id"]}"]'
        nodes = api.graphql(f"{{ nodes(ids: {ids}) {{ id }} }}", None, role)["nodes"]
        assert [bool(node) for node in nodes] == [True, False, False]


def test_a_partner_counts_only_its_own(api: Any) -> None:
    there = two_partners(api)
    query = f"""{{
      complaints {{ totalCount edges {{ node {{ {COMPLAINT} }} }} }}
      onFirst: complaints(filter: {{waybill: "SF0000001"}}) {{ totalCount }}
      shipments {{ totalCount edges {{ node {{ waybill ratings {{ score }} }} }} }}
      ratings {{ totalCount edges {{ node {{ subjectId reference }} }} }}
    }}"""

    first = api.graphql(query, None, "partner")
    second = api.graphql(query, None, "other_partner")
    desk = api.graphql(query)

    counts = [
        tuple(
            found[name]["totalCount"] for name in ("complaints", "onFirst", "shipments", "ratings")
        )
        for found in (first, second, desk)
    ]
    assert counts == [(1, 1, 1, 1), (2, 1, 1, 1), (4, 3, 2, 2)]
    assert [e["node"]["reference"] for e in first["ratings"]["edges"]] == ["partner"]
    # A complaint of one's own about somebody else's shipment does not show the shipment.
    shown = {e["node"]["id"]: e["node"]["shipment"] for e in second["complaints"]["edges"]}
    assert shown[there["foreign"]["id"]] is None
    assert shown[there["other_partner"]["complaint"]["id"]] == {"waybill": "SF0000002"}
    assert all(e["node"]["shipment"] for e in desk["complaints"]["edges"])


def test_a_partner_cannot_act_on_what_is_not_its_own(api: Any) -> None:
    there = two_partners(api)
    theirs = there["other_partner"]
    complaint = {"complaintId": theirs["complaint"]["id"]}
    before = api.events()

    rated = api.command("rateHandling", complaint | {"score": 1}, "partner")
    recorded = api.command(
        "recordShipment", {"waybill": theirs["waybill"], "region": "x"}, "partner"
    )
    delivered = api.command("recordDelivery", {"waybill": theirs["waybill"]}, "partner")
    stepped = api.command(
        "recordMilestone", {"waybill": theirs["waybill"], "kind": "SORTING"}, "partner"
    )
    scored = api.command(
        "rateDelivery", {"waybill": theirs["waybill"], "reference": "x", "score": 1}, "partner"
    )
    nobody = {"complaintId": "01890000-0000-7000-8000-000000000000", "score": 1}
    missing = api.command("rateHandling", nobody, "partner")
    about_theirs = [
        api.command(name, complaint | more, "partner")
        for name, more in (
            ("agreeResolution", {}),
            ("rejectResolution", {}),
            ("disputeAnswer", {"objection": "x"}),
            ("withdrawComplaint", {}),
            ("addEvidence", EVIDENCE),
        )
    ]

    for refusal in (rated, recorded, delivered, stepped, scored, missing, *about_theirs):
        assert (refusal["__typename"], refusal["code"]) == ("NotFound", "NOT_FOUND")
    assert api.events() == before
    for name, more in (
        ("registerComplaint", {}),
        ("closeComplaint", {}),
        ("answerComplaint", {"answer": "x"}),
        ("assignComplaint", {"department": "x"}),
        ("declineComplaint", {"explanation": "x"}),
        ("startInvestigation", {}),
        ("followUpComplaint", {"outcome": "SATISFIED"}),
        ("reopenComplaint", {}),
        ("giveFeedback", {"feedback": "x"}),
        ("markUrgency", {"urgent": True}),
        ("nameAccused", {"accused": "x"}),
    ):
        own = {"complaintId": there["partner"]["complaint"]["id"]} | more
        assert api.command(name, own, "partner")["code"] == "NOT_PERMITTED"
    assert api.events() == before


# Roles


def test_personal_texts_are_for_those_who_may_read_them(api: Any) -> None:
    complaint = api.receive(waybill=WAYBILL)
    api.command("recordShipment", {"waybill": WAYBILL})
    api.command("rateDelivery", {"waybill": WAYBILL, "reference": "r", "score": 1, "comment": "慢"})
    query = f"""query C($id: ID!) {{
      complaint(id: $id) {{ {COMPLAINT} }} ratings {{ edges {{ node {{ score title comment }} }} }}
    }}"""
    for role in Role:
        if role not in PERMISSIONS["complaints"] or role in {Role.SYSTEM, Role.PARTNER}:
            continue
        found = api.graphql(query, {"id": complaint["id"]}, role.value)
        rating = found["ratings"]["edges"][0]["node"]
        seen = [found["complaint"][name] for name in PERSONAL.split()]
        if role in PERMISSIONS["personalData"]:
            assert seen[:3] == ["王小明", "13800138000", "包裹晚到"], role
            assert rating["comment"] == "慢"
        else:
            assert seen == [None] * len(seen), role
            assert (rating["score"], rating["comment"]) == (1, None)


@pytest.mark.parametrize("role", ["operator", "customer"])
def test_a_role_without_a_permission_reads_nothing(shared: Any, role: str) -> None:
    complaint = "Q29tcGxhaW50OjAxODkwMDAwLTAwMDAtNzAwMC04MDAwLTAwMDAwMDAwMDAwMA=="
    instead = {
        "node": f'query {{ node(id: "{complaint}") {{ id }} }}',
        "nodes": f'query {{ nodes(ids: ["{complaint}"]) {{ id }} }}',
        "complaint": 'query { complaint(number: "C-2026-000001") { id } }',
        "person": 'query { person(person: "agent-1") { id } }',
    }
    documents = {document.split()[2].partition("(")[0]: document for document in root_fields()}
    assert documents.keys() > instead.keys()
    assert NOW.query_type is not None
    for name in NOW.query_type.fields.keys() - {"viewer"}:
        query = instead.get(name, documents[name])
        assert shared.code(query, None, role) == "FORBIDDEN", query
        (error,) = shared.errors(query, None, role, Accept_Language="zh")
        assert "无权" in error["message"]


def test_the_viewer_is_told_who_they_are(shared: Any) -> None:
    for role in ("front_desk", "operator", "customer", "partner"):
        found = shared.graphql("{ viewer { actor role } }", None, role)["viewer"]
        assert found == {"actor": f"{role}-1", "role": role.upper()}


# Metrics and health


def test_metrics_are_for_loopback_and_for_those_who_may_see_the_system(
    api: Any, elsewhere: Any
) -> None:
    local = api.get("/metrics")
    assert local.status_code == 200
    assert "redress_projection_lag_events" in local.text

    assert elsewhere("/metrics").status_code == 401
    assert elsewhere("/metrics", "front_desk").status_code == 401
    assert elsewhere("/metrics", "partner").status_code == 401
    refused = elsewhere("/metrics")
    assert refused.headers["content-type"] == "application/problem+json"
    for role in ("operator", "administrator", "auditor"):
        assert elsewhere("/metrics", role).status_code == 200
    assert elsewhere("/health/live").status_code == 200
    assert elsewhere("/graphql?query={viewer{role}}").json() == {"data": {"viewer": None}}


def test_health_needs_no_key(shared: Any) -> None:
    assert shared.get("/health/live").json() == {"status": "live"}
    shared.until(lambda: shared.get("/health/ready").status_code == 200)
    ready = shared.get("/health/ready").json()
    assert ready["status"] == "ready"
    assert ready["database"] is True
    assert ready["parked_events"] == {}
    assert {"complaints", "shipments", "ratings", "audit"} <= set(ready["lag_events"])
