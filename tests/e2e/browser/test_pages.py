"""What a person sees in Chromium: the API reference, and the summary. No request goes to another origin."""

import httpx
import pytest
from playwright.sync_api import Page

from tests.e2e.browser import accounts, pictures, probes
from tests.sample_answers import CARA, MINA, NOA, body
from tests.server import Server


@pytest.fixture(scope="module")
def key(server: Server) -> str:
    return accounts.api_key(server, "submissions:write", "submissions:read", test=True)


def summary_html(server: Server, key: str, answers: dict[str, object]) -> str:
    headers = {"authorization": f"Bearer {key}"}
    made = httpx.post(f"{server.url}/v1/submissions", json=body(answers), headers=headers)
    path = f"{server.url}/v1/submissions/{made.json()['id']}/summary"
    return httpx.get(path, headers=headers | {"accept": "text/html"}).text


def test_the_api_reference_opens_and_asks_nothing_of_anybody_else(page: Page, server: Server) -> None:
    page.goto(f"{server.url}/docs")
    page.get_by_text("/v1/evaluations").wait_for(timeout=120_000)  # the largest script
    assert page.locator(".opblock").count() >= 15


@pytest.mark.parametrize(("name", "answers"), [("cara", CARA), ("noa", NOA), ("mina", MINA)])
def test_a_summary_reads_well_and_is_accessible(
    page: Page, server: Server, key: str, name: str, answers: dict[str, object]
) -> None:
    html = summary_html(server, key, answers)
    page.route("**/summary-of-*", lambda route: route.fulfill(body=html, content_type="text/html"))
    page.goto(f"{server.url}/summary-of-{name}")
    for width in (1280, 360):
        page.set_viewport_size({"width": width, "height": 900})
        pictures.take(page, f"summary-{name}-{width}")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert probes.violations(page) == [], width
    first = page.locator("main > *").first
    assert first.evaluate("node => node.tagName") == ("H1" if name == "cara" else "SECTION")
