"""Who may ask and order what through GraphQL: every role, every question, every command."""

from typing import Any

import pytest
from graphql import GraphQLObjectType

from api.graphql.schema import schema
from domain.roles import Role
from tests.api.authorisation_table import (
    EVERYBODY,
    NODES,
    ORDERS,
    QUESTIONS,
    SUBSCRIPTIONS,
    named,
)
from tests.api.conftest import mutation
from tests.application.test_permissions import GRANTED


def fields(kind: GraphQLObjectType | None) -> set[str]:
    assert kind is not None
    return set(kind.fields)


def test_every_question_command_and_subscription_is_in_the_table() -> None:
    assert set(QUESTIONS) == fields(schema._schema.query_type)
    assert set(ORDERS) == fields(schema._schema.mutation_type)
    assert set(SUBSCRIPTIONS) == fields(schema._schema.subscription_type)


@pytest.mark.parametrize("role", sorted(EVERYBODY))
def test_each_role_may_ask_what_the_table_says_and_nothing_else(shared: Any, role: Role) -> None:
    questions = [*QUESTIONS.values()]
    questions += [(f'node(id: "{named(kind)}") {{ id }}', may) for kind, may in NODES.items()]
    for question, may in questions:
        answer = shared.post(f"{{ {question} }}", None, role.value).json()
        codes = [error["extensions"]["code"] for error in answer.get("errors", [])]
        assert codes == ([] if role in may else ["FORBIDDEN"]), question


def test_nobody_asks_or_orders_without_a_key(shared: Any) -> None:
    for name, (question, _) in QUESTIONS.items():
        if name != "viewer":
            assert shared.code(f"{{ {question} }}", None, None) == "UNAUTHENTICATED"
    before = shared.events()
    for name, given in ORDERS.items():
        assert shared.code(mutation(name), {"input": given}, None) == "UNAUTHENTICATED"
    assert shared.events() == before


@pytest.mark.parametrize("role", sorted(EVERYBODY))
def test_each_role_may_order_what_the_table_says_and_nothing_else(shared: Any, role: Role) -> None:
    for name, given in ORDERS.items():
        before = shared.events()
        if (role, name) in GRANTED:
            answer = shared.post(mutation(name), {"input": given}, role.value).json()["data"][name]
            assert answer["__typename"] != "NotPermitted", name
        else:
            answer = shared.command(name, given, role.value)
            assert (answer["__typename"], answer["rule"]) == ("NotPermitted", "permissions"), name
            assert shared.events() == before
