"""GraphiQL in a real browser that reaches nobody but this server."""

import json
import re
import shutil
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from tests.api.clients.conftest import Partner

FLAGS = ["--no-sandbox", "--disable-background-networking", "--no-proxy-server"]


@pytest.fixture
def page(partner: Partner) -> Iterator[Page]:
    """The page, opened; its requests are judged when the test is over."""
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("there is no chromium")
    asked: list[str] = []
    faults: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        opened = browser.new_page()
        opened.set_default_timeout(10_000)
        opened.on("request", lambda request: asked.append(request.url))
        opened.on("pageerror", lambda error: faults.append(str(error)))
        opened.on(
            "console",
            lambda told: (
                faults.append(told.text) if "Content Security Policy" in told.text else None
            ),
        )
        opened.goto(partner.url)
        yield opened
        browser.close()
    origin = urlsplit(partner.url).netloc
    assert len(asked) > 5, "the page, its scripts and the schema"
    assert [url for url in asked if urlsplit(url).netloc not in {origin, ""}] == []
    assert faults == []


def write(page: Page, editor: str, text: str) -> None:
    """Replace what stands in an editor, as a person does."""
    page.locator(f"{editor} .CodeMirror:visible").click()
    page.keyboard.press("Control+a")
    page.keyboard.insert_text(text)
    page.wait_for_timeout(400)  # the page reads what was typed after a pause


def run(page: Page) -> str:
    with page.expect_response(lambda answer: answer.request.method == "POST"):
        page.locator("button.graphiql-execute-button").click()
    shown = page.locator(".result-window .CodeMirror-code")
    expect(shown).to_contain_text("}")
    return shown.inner_text()


def test_a_query_runs_with_a_key_and_an_error_is_shown(page: Page, partner: Partner) -> None:
    write(page, '[aria-label="Headers"]', json.dumps(partner.headers))
    write(page, '[aria-label="Query Editor"]', "{ viewer { role } }")
    assert "PARTNER" in run(page)

    write(page, '[aria-label="Query Editor"]', "{ nothing }")
    expect(page.locator(".result-window")).to_contain_text("PARTNER")
    assert "Cannot query field" in run(page)


def test_the_documentation_opens_from_introspection(page: Page) -> None:
    page.get_by_role("button", name=re.compile("Documentation Explorer")).click()
    explorer = page.locator(".graphiql-doc-explorer")
    expect(explorer).to_contain_text("Query")
    explorer.get_by_role("link", name="Query", exact=True).click()

    expect(explorer).to_contain_text("complaints(")
    expect(explorer).to_contain_text("Complaints, filtered and in an order of the caller's choice.")
