"""Who one pretends to be: tokens, cookies, addresses; repeated requests and known documents."""

from base64 import urlsafe_b64encode
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

import httpx
import orjson
import pytest
from joserfc.jwk import RSAKey

from api.app import create_app
from api.endpoint.execution import ServiceLimits
from api.limits.documents import DocumentLimits
from api.limits.trusted import TrustedDocuments
from api.settings import Settings
from application.eventstore.subject_keys import MasterKey
from tests.api.attacks.judging import JSON, codes, judged
from tests.api.conftest import RECEIVE, Api, complaint_input, projecting, running
from tests.api.identity_provider import AUDIENCE, IdentityProvider, identity_provider

VIEWER = "{ viewer { role } }"
TRUSTED = "query V { viewer { actor } }"
HASH = sha256(TRUSTED.encode()).hexdigest()


def part(claims: Any) -> str:
    return urlsafe_b64encode(orjson.dumps(claims)).decode().rstrip("=")


@pytest.fixture
def provider() -> Iterator[IdentityProvider]:
    with identity_provider() as found:
        yield found


@pytest.fixture
def guarded(
    database: str, master: MasterKey, tmp_path: Any, provider: IdentityProvider
) -> Iterator[Api]:
    """The whole application, which believes an identity provider."""
    settings = Settings.from_env(
        {
            "REDRESS_DATA_DIR": str(tmp_path),
            "REDRESS_OIDC_ISSUER": provider.issuer,
            "REDRESS_OIDC_AUDIENCE": AUDIENCE,
        }
    )
    with projecting(database, master) as opened, running(opened, settings) as found:
        yield found


def test_no_forged_token_opens_the_endpoint(guarded: Api, provider: IdentityProvider) -> None:
    good = provider.token("agent-1")
    head, claims, signature = good.split(".")
    stranger = RSAKey.generate_key(2048)
    provider.keys["rsa2"] = stranger
    foreign = provider.token("agent-1", key="rsa")
    forged = {
        "no algorithm": f"{part({'alg': 'none', 'kid': 'rsa'})}.{claims}.",
        "no algorithm, written otherwise": f"{part({'alg': 'nOnE', 'kid': 'rsa'})}.{claims}.",
        "a list of algorithms": f"{part({'alg': ['none'], 'kid': 'rsa'})}.{claims}.{signature}",
        "a shared secret": f"{part({'alg': 'HS256', 'kid': 'rsa'})}.{claims}.{signature}",
        "a shared secret of the provider": f"{part({'alg': 'HS256', 'kid': 'shared'})}.{claims}.x",
        "a foreign key's name": f"{part({'alg': 'RS256', 'kid': '../x'})}.{claims}.{signature}",
        "U+0000 in a key's name": f"{part({'alg': 'RS256', 'kid': chr(0)})}.{claims}.{signature}",
        "no key's name": f"{part({'alg': 'RS256'})}.{claims}.{signature}",
        "a key of its own": provider.token(header={"jwk": stranger.as_dict(private=False)}),
        "an address of keys": provider.token(header={"jku": "http://127.0.0.1:1/jwks"}),
        "an extension": f"{part({'alg': 'RS256', 'kid': 'rsa', 'crit': []})}.{claims}.{signature}",
        "an id token": provider.token(aud="redress console"),
        "another issuer": provider.token(iss="https://evil.example"),
        "no signature": f"{head}.{claims}.",
        "two parts": f"{head}.{claims}",
        "five parts": f"{good}.x.y",
        "changed claims": f"{head}.{part({'sub': 'boss'})}.{signature}",
        "over": provider.token(exp=1, iat=0),
        "nobody": provider.token("stranger-1"),
        "deep": f"{part({'alg': 'RS256', 'kid': 'rsa'})}.{'W' * 6_000}.{signature}",
        "huge": "a." * 50_000,
        "no one's business": foreign[:-4] + "AAAA",
    }
    before = guarded.events()
    for name, token in forged.items():
        sent = {"Authorization": f"Bearer {token}", **JSON}
        order = guarded.send("POST", "/graphql", None, headers=sent, json={"query": VIEWER})
        answer = guarded.run(order)
        assert answer.status_code == (403 if name == "nobody" else 401), name
        judged(answer)
        assert token[:40] not in answer.text
    assert guarded.events() == before
    assert guarded.graphql(VIEWER) == {"viewer": {"role": "FRONT_DESK"}}


def test_a_cookie_alone_commands_nothing(shared: Any) -> None:
    begun = shared.run(shared.send("POST", "/session", "front_desk"))
    cookie = begun.headers["set-cookie"].partition(";")[0]
    told = shared.run(shared.send("GET", "/session", None, headers={"Cookie": cookie})).json()
    receive = {"query": RECEIVE, "variables": {"input": complaint_input()}}
    before = shared.events()
    for headers in (
        {},
        {"Origin": "http://redress.test"},
        {"Origin": "https://evil.example", "Referer": "http://redress.test/"},
        {"Origin": "null"},
        {"X-CSRF-Token": ""},
        {"X-CSRF-Token": "x" * 64},
        {"X-CSRF-Token": told["csrfToken"][:-1]},
        {"X-CSRF-Token": told["csrfToken"].swapcase() + "x"},
        {"Sec-Fetch-Site": "same-origin"},
        {"X-HTTP-Method-Override": "GET"},
    ):
        sent = {"Cookie": cookie} | headers
        answer = shared.run(shared.send("POST", "/graphql", None, headers=sent, json=receive))
        assert (answer.status_code, codes(judged(answer))) == (403, {"CSRF"}), headers
    by_get = {"query": RECEIVE, "variables": orjson.dumps(receive["variables"]).decode()}
    answer = shared.run(
        shared.send("GET", "/graphql", None, headers={"Cookie": cookie}, params=by_get)
    )
    assert (answer.status_code, codes(judged(answer))) == (405, {"READING_ONLY"})
    assert shared.events() == before
    right = {"Cookie": cookie, "X-CSRF-Token": told["csrfToken"]}
    answer = shared.run(shared.send("POST", "/graphql", None, headers=right, json=receive))
    assert answer.json()["data"]["receiveComplaint"]["__typename"] == "ComplaintPayload"


@pytest.mark.parametrize("path", ["/graphql", "/session", "/metrics", "/health/live"])
def test_no_other_site_is_let_read_an_answer(shared: Any, path: str) -> None:
    for method in ("OPTIONS", "GET", "POST"):
        headers = {
            "Origin": "https://evil.example",
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization,content-type",
        }
        answer = shared.run(shared.send(method, path, None, headers=headers))
        assert not [name for name in answer.headers if name.startswith("access-control-")]


def test_an_address_is_not_what_a_header_says(api: Any, settings: Settings) -> None:
    app = create_app(settings, api.database)
    claims = {
        "X-Forwarded-For": "127.0.0.1",
        "X-Real-IP": "127.0.0.1",
        "Forwarded": "for=127.0.0.1;proto=https;host=localhost",
        "X-Forwarded-Host": "localhost",
        "X-Originating-IP": "127.0.0.1",
        "Host": "localhost",
    }

    async def ask() -> Any:
        transport = httpx.ASGITransport(app, client=("203.0.113.9", 4711))
        base = "http://redress.test"
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url=base) as client,
        ):
            metrics = await client.get("/metrics", headers=claims)
            told = [
                (
                    await client.post(
                        "/graphql",
                        json={"query": VIEWER},
                        headers={"X-Forwarded-For": f"198.51.100.{number}"},
                    )
                ).headers["ratelimit"]
                for number in range(5)
            ]
            return metrics, told

    metrics, told = api.run(ask())

    assert metrics.status_code == 401
    remaining = [int(text.partition(";r=")[2].partition(";")[0]) for text in told]
    assert remaining == list(range(remaining[0], remaining[0] - 5, -1))


# Repeated requests


def test_one_key_never_covers_two_commands(api: Any) -> None:
    """Not in one request, not in two, not with the same words for another person."""
    twice = RECEIVE.replace("mutation Receive(", "mutation Twice(").replace(
        "receiveComplaint(", "a: receiveComplaint("
    )
    body = twice.rstrip().removesuffix("}")
    body += "b: receiveComplaint(input: $input) { __typename ... on ComplaintPayload { complaint"
    body += " { id } } } }"
    before = api.events()
    answer = api.post(body, {"input": complaint_input()}, Idempotency_Key="k").json()["data"]
    kinds = [answer[alias]["__typename"] for alias in ("a", "b")]
    stored = api.events() - before
    assert kinds.count("ComplaintPayload") >= stored
    assert stored == len(
        {answer[a]["complaint"]["id"] for a in ("a", "b") if "complaint" in answer[a]}
    )

    one = {"input": complaint_input()}
    api.post(RECEIVE, one, Idempotency_Key="again")
    between = api.events()
    for changed in ({"subject": "另一件"}, {"urgent": True}, {"waybill": "SF1234567890"}):
        found = api.post(RECEIVE, {"input": one["input"] | changed}, Idempotency_Key="again")
        assert found.status_code == 422
        assert "IDEMPOTENCY_KEY_REUSED" in found.text
        assert "王小明" not in found.text
    assert api.events() == between


def test_a_request_of_another_principal_shows_nothing_of_the_first(api: Any) -> None:
    given = {"input": complaint_input()}
    first = api.post(RECEIVE, given, Idempotency_Key="mine").json()
    for role in ("partner", "other_partner", "back_office"):
        other = api.post(RECEIVE, given, role, Idempotency_Key="mine")
        assert other.status_code == 200
        assert (
            other.json()["data"]["receiveComplaint"]["complaint"]
            != (first["data"]["receiveComplaint"]["complaint"])
        )
    before = api.events()
    forbidden = api.post(RECEIVE, given, "auditor", Idempotency_Key="mine").json()
    assert forbidden["data"]["receiveComplaint"]["code"] == "NOT_PERMITTED"
    assert api.events() == before


# Known documents, and a schema that is not shown


@pytest.fixture
def strict(api: Any, settings: Settings) -> Any:
    """The same application for known documents alone, without introspection."""
    limits = ServiceLimits(
        documents=DocumentLimits(introspection=False),
        trusted=TrustedDocuments({HASH: TRUSTED}, only=True),
    )

    def ask(limited: ServiceLimits, sent: list[Any]) -> Any:
        app = create_app(settings, api.database, limits=limited)

        async def asked() -> Any:
            async with (
                app.router.lifespan_context(app),
                httpx.AsyncClient(
                    transport=httpx.ASGITransport(app), base_url="http://redress.test"
                ) as client,
            ):
                key = {"Authorization": f"Bearer {api.keys['front_desk']}"}
                return [await client.request(headers=key, **one) for one in sent]

        return api.run(asked())

    closed = ServiceLimits(documents=limits.documents)
    return lambda sent: ask(limits, sent), lambda sent: ask(closed, sent)


def posted(**body: Any) -> dict[str, Any]:
    return {"method": "POST", "url": "/graphql", "json": body}


def test_only_known_documents_are_carried_out_by_any_way(strict: Any) -> None:
    known, _ = strict
    named = {"persistedQuery": {"version": 1, "sha256Hash": HASH}}
    answers = known(
        [
            posted(query=VIEWER),
            posted(query=TRUSTED),
            posted(query="", extensions=named),
            posted(query=VIEWER, extensions=named),
            posted(query=VIEWER, documentId=f"sha256:{HASH}"),
            posted(query=None, documentId="sha256:" + "0" * 64),
            posted(documentId=""),
            posted(extensions={"persistedQuery": {"sha256Hash": [HASH]}}),
            posted(extensions={"persistedQuery": HASH}),
            posted(extensions={"persistedQuery": None}, query=VIEWER),
            posted(documentId=HASH, extensions={"persistedQuery": {"sha256Hash": "x"}}),
            {"method": "GET", "url": "/graphql", "params": {"query": VIEWER}},
            {"method": "GET", "url": "/graphql", "params": {"query": VIEWER, "documentId": HASH}},
        ]
    )
    for answer in answers:
        told = judged(answer)
        assert told.get("data") is None, answer.request.content
        assert codes(told) <= {
            "DOCUMENT_NOT_TRUSTED", "PERSISTED_QUERY_NOT_FOUND", "QUERY_MISSING",
        }  # fmt: skip
    (good,) = known([posted(documentId=f"sha256:{HASH}")])
    assert good.json() == {"data": {"viewer": {"actor": "front_desk-1"}}}


def test_no_fragment_or_alias_shows_a_schema_that_is_not_shown(strict: Any) -> None:
    _, closed = strict
    schema_of = "__schema { queryType { name } }"
    documents = [
        f"{{ {schema_of} }}",
        '{ __type(name: "Query") { name } }',
        f"{{ a: {schema_of} }}",
        f"{{ ...F }} fragment F on Query {{ {schema_of} }}",
        f"{{ ...F }} fragment F on Query {{ ...G }} fragment G on Query {{ x: {schema_of} }}",
        f"{{ ... on Query {{ ... {{ {schema_of} }} }} }}",
        f"query A {{ viewer {{ role }} }} query B {{ {schema_of} }}",
        f"query A($on: Boolean!) {{ viewer {{ role }} ... @include(if: $on) {{ {schema_of} }} }}",
        f"{{ viewer {{ role }} ... @skip(if: true) {{ {schema_of} }} }}",
        f"mutation {{ {schema_of} }}",
    ]
    for document, answer in zip(
        documents,
        closed([posted(query=d, operationName=None, variables={"on": True}) for d in documents]),
        strict=True,
    ):
        told = judged(answer)
        assert told.get("data") is None, document
        assert codes(told) == {"INTROSPECTION_OFF"}, document
    (fine,) = closed([posted(query="{ viewer { __typename } }")])
    assert fine.json() == {"data": {"viewer": {"__typename": "Viewer"}}}
