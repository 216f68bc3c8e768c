"""urql and Apollo Client on node, with graphql-ws and graphql-sse."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import pytest
from graphql import print_ast

from tests.api.clients.conftest import COMPLAINTS, OPERATIONS, Partner, Scenario, possible_types

UNREGISTERED = {"urql": "PERSISTED_QUERY_NOT_FOUND", "apollo": COMPLAINTS}
"""What comes of the hash of an unknown document: an error, or the text that is sent after it."""


@pytest.mark.parametrize("client", UNREGISTERED)
def test_a_client_of_javascript_does_what_a_partner_needs(
    node: Callable[..., Any], partner: Partner, scenario: Scenario, client: str
) -> None:
    told = node(
        f"{client}.mjs",
        {
            "url": partner.url,
            "streamUrl": partner.stream_url,
            "key": partner.key,
            "operations": {name: print_ast(document) for name, document in OPERATIONS.items()},
            "possibleTypes": possible_types(),
            **asdict(scenario),
        },
    )

    scenario.check(told)
    assert told["reusedBy"]["status"] == 422
    assert told["persisted"] == told["viewer"]
    assert [(sent["named"], sent["text"]) for sent in told["persistedBy"]] == [(True, False)]
    assert told["unregistered"] == UNREGISTERED[client]
    assert told.get("stepsBySse", told["steps"]) == told["steps"]
