"""Requests broken by chance, by the thousand: whatever comes, the answer is a proper one."""

from collections import Counter
from typing import Any

import pytest
import schemathesis
from graphql import introspection_from_schema
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode

from api.endpoint.execution import Execution, ServiceLimits
from api.endpoint.requests import GRAPHQL_JSON, GraphQLRequest
from api.graphql.compiler.declarations import TYPES
from api.graphql.context import Context
from api.graphql.schema import schema
from domain.roles import Role
from tests.api.attacks.foreign import THEIRS, bring, caller
from tests.api.attacks.judging import JSON, codes, judged
from tests.api.attacks.mutating import CASE, Sent, broken_requests

STRANGERS = (None, "partner", "customer", "operator")
"""Who sees nothing of the other partner's."""
_SILENT = frozenset({"RATE_LIMITED", "COST_BUDGET_SPENT"})


def by_chance(count: int) -> settings:
    return settings(
        max_examples=count,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )


@pytest.fixture(scope="module")
def target(shared: Any) -> Any:
    """A server that holds a case which the attackers must not see."""
    bring(shared, THEIRS, "other_partner")
    return shared


def attack(api: Any, sent: Sent) -> tuple[int, set[str | None]]:
    response = api.run(
        api.send(
            sent.method,
            sent.path,
            None if "Authorization" in sent.headers else sent.role,
            content=sent.content,
            headers=sent.headers,
        )
    )
    answer = judged(response, [THEIRS] if sent.role in STRANGERS else ())
    return response.status_code, codes(answer)


@pytest.mark.acceptance
def test_a_broken_request_gets_a_proper_answer_and_changes_nothing(
    target: Any, *, full_volume: bool
) -> None:
    before, seen = target.events(), Counter[str]()

    @by_chance(16_000 if full_volume else 450)
    @given(broken_requests())
    def broken(sent: Sent) -> None:
        status, told = attack(target, sent)
        seen[f"{status} {' '.join(sorted(str(code) for code in told)) or 'answered'}"] += 1

    broken()
    print(f"\n{sum(seen.values())} broken requests: {dict(seen.most_common(40))}")
    assert target.events() == before
    assert len(seen) > 10
    limited = sum(seen[f"429 {code}"] for code in _SILENT)
    assert limited < sum(seen.values()) / 10, "they were not looked at"


def _operations(kind: str, mode: GenerationMode) -> st.SearchStrategy[Any]:
    described = schemathesis.graphql.from_dict(introspection_from_schema(schema._schema))
    found = [result.ok() for result in described.get_all_operations()]
    return st.one_of(
        [o.as_strategy(generation_mode=mode) for o in found if o.label.startswith(kind)]
    )


@pytest.mark.acceptance
@pytest.mark.parametrize(
    ("kind", "mode", "roles"),
    [
        ("Query", GenerationMode.POSITIVE, ("partner", "auditor", None)),
        ("Query", GenerationMode.NEGATIVE, ("partner", "auditor", None)),
        ("Mutation", GenerationMode.POSITIVE, ("customer", None)),
        ("Mutation", GenerationMode.NEGATIVE, ("partner", "front_desk", None)),
    ],
    ids=str,
)
def test_what_schemathesis_makes_of_the_schema_gets_a_proper_answer(
    target: Any,
    kind: str,
    mode: GenerationMode,
    roles: tuple[str | None, ...],
    *,
    full_volume: bool,
) -> None:
    """Those who may not command anything also send valid commands."""
    before, asked = target.events(), Counter[int]()

    @by_chance(1_200 if full_volume else 40)
    @given(_operations(kind, mode), st.sampled_from(roles))
    def generated(case: Any, role: str | None) -> None:
        response = target.run(
            target.send("POST", "/graphql", role, json={"query": case.body}, headers=JSON)
        )
        judged(response, [THEIRS] if role in STRANGERS else ())
        asked[response.status_code] += 1

    generated()
    print(f"\n{kind} {mode.value}: {dict(asked)}")
    assert target.events() == before
    assert sum(asked.values()) >= (1_200 if full_volume else 40) / 2


@pytest.mark.parametrize("asked", ["policy { version }", "resolution { rule }"])
def test_the_first_to_ask_for_a_part_of_any_object_is_answered(
    target: Any, monkeypatch: pytest.MonkeyPatch, asked: str
) -> None:
    """A server that has just started has never seen these parts."""
    for kind in ("PolicyReference", "Resolution"):
        monkeypatch.delitem(TYPES, kind, raising=False)
    document = f'query {{ node(id: "{CASE}") {{ ... on Complaint {{ {asked} }} }} }}'
    request = GraphQLRequest(document, None, {}, {}, None, reading=False)
    context = Context(target.services, caller("auditor-1", Role.AUDITOR))
    fresh = Execution(schema, ServiceLimits())

    answer = target.run(fresh.answer(request, context, "test", GRAPHQL_JSON))

    assert answer.body == b'{"data":{"node":null}}'
