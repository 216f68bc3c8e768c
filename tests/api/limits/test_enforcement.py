"""The limits stand before everything that is executed: each on its own refuses a request."""

import asyncio
from typing import Any

import orjson
import pytest

from api.endpoint.answers import Answer
from api.endpoint.execution import Execution, ServiceLimits
from api.endpoint.requests import GRAPHQL_JSON, GraphQLRequest
from api.graphql.context import Context
from api.graphql.schema import schema
from api.limits.documents import DocumentLimits
from api.limits.rates import RateLimits
from api.limits.variables import VariableLimits
from domain.roles import Role
from tests.api.attacks.foreign import caller

DESK = caller("d-1", Role.FRONT_DESK)
SMALL = "{ viewer { role } }"
PAGE = "query Q($n: Int) { complaints(first: $n) { edges { node { id } } } }"
SEARCH = "query Q($filter: ComplaintFilter) { complaints(filter: $filter) { totalCount } }"
REFUSED = {
    "a document that does not parse": ("{", {}),
    "a document that is not valid": ("{ nothing }", {}),
    "a document beyond its limits": ("{ " + "viewer { role } " * 4 + "}", {}),
    "a query that costs too much": (PAGE, {"n": 1000}),
    "variables that are too large": (SEARCH, {"filter": {"text": "x" * 101}}),
}
LIMITS = ServiceLimits(
    documents=DocumentLimits(fields=7, cost=1000),
    variables=VariableLimits(text=100),
    rates=RateLimits(requests=3),
)


class Asking:
    """Asks a server of its own, which has counted nothing yet."""

    def __init__(self, api: Any, limits: ServiceLimits) -> None:
        self._api = api
        self._execution = Execution(schema, limits)

    def of(self, *requests: tuple[str, dict[str, Any]], principal: str = "d-1") -> list[Answer]:
        """Return the answers to requests that come all at once."""

        async def asked() -> list[Answer]:
            return await asyncio.gather(
                *(
                    self._execution.answer(
                        GraphQLRequest(text, None, variables, {}, None, reading=False),
                        Context(self._api.services, DESK),
                        principal,
                        GRAPHQL_JSON,
                    )
                    for text, variables in requests
                )
            )

        found: list[Answer] = self._api.run(asked())
        return found

    def one(self, text: str, variables: dict[str, Any] | None = None, **given: str) -> Answer:
        (answer,) = self.of((text, variables or {}), **given)
        return answer


def code(answer: Answer) -> str | None:
    """Return the code of the one error; None if all went well."""
    errors = orjson.loads(answer.body).get("errors")
    return errors[0]["extensions"]["code"] if errors else None


def test_who_used_up_its_requests_is_refused_and_nobody_else(shared: Any) -> None:
    asking = Asking(shared, LIMITS)

    assert [code(asking.one(SMALL)) for _ in range(4)] == [None, None, None, "RATE_LIMITED"]
    refused = asking.one(SMALL)
    assert refused.status == 429
    assert int(refused.headers["Retry-After"]) > 0
    assert code(asking.one(SMALL, principal="d-2")) is None


@pytest.mark.parametrize("what", REFUSED)
def test_a_request_that_is_refused_counts_like_any_other(shared: Any, what: str) -> None:
    asking = Asking(shared, LIMITS)

    refused = [asking.one(*REFUSED[what]) for _ in range(3)]

    assert {answer.status for answer in refused} == {400}
    assert code(asking.one(SMALL)) == "RATE_LIMITED"


@pytest.mark.parametrize(
    ("what", "found"),
    [
        ("a document beyond its limits", "FIELD_LIMIT"),
        ("a query that costs too much", "COST_LIMIT"),
        ("variables that are too large", "VARIABLES_TOO_LARGE"),
    ],
)
def test_a_request_beyond_a_limit_is_not_carried_out(shared: Any, what: str, found: str) -> None:
    answer = Asking(shared, LIMITS).one(*REFUSED[what])

    assert (answer.status, code(answer)) == (400, found)
    assert "data" not in orjson.loads(answer.body)


def test_within_the_same_limits_the_same_documents_are_carried_out(shared: Any) -> None:
    asking = Asking(shared, LIMITS)

    assert code(asking.one(PAGE, {"n": 10})) is None
    assert code(asking.one(SEARCH, {"filter": {"text": "x" * 100}})) is None


def test_points_are_spent_as_each_query_costs(shared: Any) -> None:
    first = Asking(shared, ServiceLimits()).one(PAGE, {"n": 10})
    cost = int(first.headers["Redress-Cost"])
    assert cost > 10
    asking = Asking(shared, ServiceLimits(rates=RateLimits(cost=2 * cost)))

    assert [code(asking.one(PAGE, {"n": 10})) for _ in range(2)] == [None, None]
    refused = asking.one(SMALL)
    assert (refused.status, code(refused)) == (429, "COST_BUDGET_SPENT")


def test_so_many_requests_at_once_and_no_more(shared: Any) -> None:
    asking = Asking(shared, ServiceLimits(rates=RateLimits(at_once=2)))
    crowd = [(PAGE, {"n": 10})] * 4

    for _ in range(2):  # what is over makes room
        found = [code(answer) for answer in asking.of(*crowd)]
        assert found == [None, None, "TOO_MANY_AT_ONCE", "TOO_MANY_AT_ONCE"]
