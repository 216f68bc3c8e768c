"""GraphiQL comes from this server alone."""

import re
from base64 import b64encode
from hashlib import sha384
from pathlib import Path
from typing import Any

import pytest

import api as api_package

CONSOLE = Path(api_package.__file__).parent / "console"
VENDORED = CONSOLE / "vendor" / "graphiql"
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
# The integrity values of the page that strawberry-graphql ships.
DIGESTS = {
    "react-18.2.0/react.production.min.js": (
        "tMH8h3BGESGckSAVGZ82T9n90ztNXxvdwvdM6UoR56cYcf+0iGXBliJ29D+wZ/x8"
    ),
    "react-dom-18.2.0/react-dom.production.min.js": (
        "bm7MnzvK++ykSwVJ2tynSE5TRdN+xL418osEVF2DE/L/gfWHj91J2Sphe582B1Bh"
    ),
    "graphiql-3.8.3/graphiql.min.js": (
        "HbRVEFG0JGJZeAHCJ9Xm2+tpknBQ7QZmNlO/DgZtkZ0aJSypT96YYGRNod99l9Ie"
    ),
    "graphiql-3.8.3/graphiql.min.css": (
        "Mq3vbRBY71jfjQAt/DcjxUIYY33ksal4cgdRt9U/hNPvHBCaT2JfJ/PTRiPKf0aM"
    ),
    "plugin-explorer-1.0.2/index.umd.js": (
        "2oonKe47vfHIZnmB6ZZ10vl7T0Y+qrHQF2cmNTaFDuPshpKqpUMGMc9jgj9MLDZ9"
    ),
    "plugin-explorer-1.0.2/style.css": (
        "5DFJlDPW2tSATRbM8kzoP1j194jexLswuNmClWoRr2Q0x7R68JIQzPHZ02Faktwi"
    ),
}


@pytest.mark.parametrize("name", DIGESTS)
def test_a_vendored_file_is_as_its_package_published_it(name: str) -> None:
    digest = sha384((VENDORED / name).read_bytes()).digest()

    assert b64encode(digest).decode() == DIGESTS[name]


def test_every_vendored_file_is_known_and_licensed() -> None:
    files = {str(p.relative_to(VENDORED)) for p in VENDORED.rglob("*") if p.is_file()}
    folders = {name.partition("/")[0] for name in DIGESTS}

    assert files == {*DIGESTS, "README.md", *(f"{folder}/LICENSE" for folder in folders)}
    readme = (VENDORED / "README.md").read_text("utf-8")
    for folder in folders:
        assert f"`{folder}`" in readme


def test_a_browser_gets_the_page_and_everything_that_it_names(shared: Any) -> None:
    response = shared.get("/graphql", Accept=BROWSER)
    page = response.text

    assert response.status_code == 200
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert "//" not in page.replace("<!--", "")
    assert re.search(r"<title>.*GraphQL.*[\u4e00-\u9fff].*</title>", page)
    assert not re.search(r"<script(?![^>]*\bsrc=)", page), "an inline script"
    assert not re.search(r"\son\w+=|<style|\sstyle=", page)
    named = [n for n in re.findall(r'(?:src|href)="([^"]+)"', page) if not n.startswith("data:")]
    assert {name.removeprefix("/assets/graphiql/") for name in named} >= set(DIGESTS)
    for name in named:
        assert name.startswith("/assets/")
        asset = shared.get(name)
        assert asset.status_code == 200, name
        assert asset.headers["x-content-type-options"] == "nosniff"
        kind = "text/css" if name.endswith(".css") else "javascript"
        assert kind in asset.headers["content-type"]
        cached = "immutable" if "/assets/graphiql/" in name else "no-cache"
        assert cached in asset.headers["cache-control"]


def test_our_own_script_asks_nobody_else() -> None:
    script = (CONSOLE / "graphiql.js").read_text("utf-8")

    assert "http:" not in script
    assert "https:" not in script
    assert "shouldPersistHeaders: false" in script, "keys are not kept in the browser"


def test_the_page_may_load_from_this_server_alone(shared: Any) -> None:
    policy = shared.get("/graphql", Accept=BROWSER).headers["content-security-policy"]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))

    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == "'self'"
    assert rules["connect-src"] == "'self'"
    assert "unsafe" not in policy
    assert "http" not in policy


def test_a_query_by_get_is_answered_also_to_a_browser(shared: Any) -> None:
    for accept in (BROWSER, "application/json", "*/*"):
        response = shared.get("/graphql?query={viewer{role}}", Accept=accept)
        assert response.json() == {"data": {"viewer": None}}
    assert "<html" not in shared.get("/graphql", Accept="application/json").text
    assert shared.run(shared.send("POST", "/graphql", json={}, headers={"Accept": BROWSER}))


def test_the_page_needs_no_key_and_ignores_a_wrong_one(shared: Any) -> None:
    response = shared.get("/graphql", Accept=BROWSER, Authorization="Bearer nonsense")

    assert response.status_code == 200
    assert "<html" in response.text


def test_the_front_door_leads_there(shared: Any) -> None:
    response = shared.get("/")

    assert response.status_code in {302, 307}
    assert response.headers["location"] == "/graphql"


@pytest.mark.parametrize(
    "path",
    [
        "/assets/graphiql/../../graphiql.py",
        "/assets/graphiql/..%2f..%2f..%2fapp.py",
        "/assets/graphiql/%2e%2e/%2e%2e/graphiql.html",
        "/assets/graphiql//etc/passwd",
        "/assets/graphiql/",
        "/assets/graphiql/graphiql-3.8.3",
        "/assets/graphiql/nothing.js",
        "/assets/nothing.js",
        "/assets/",
    ],
)
def test_nothing_else_is_served_from_there(shared: Any, path: str) -> None:
    assert shared.get(path).status_code in {404, 405}
