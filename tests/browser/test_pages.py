"""What a person sees in Chromium: the API reference, and the summary. Nothing is asked of anybody else."""

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from tests.browser.conftest import ARTEFACTS
from tests.people import CARA, MINA, NOA, body
from tests.server import Server


@pytest.fixture(scope="module")
def key(server: Server) -> str:
    return server.key("submissions:write", "submissions:read", test=True)


def summary_html(server: Server, key: str, answers: dict[str, object]) -> str:
    headers = {"authorization": f"Bearer {key}"}
    made = httpx.post(f"{server.url}/v1/submissions", json=body(answers), headers=headers)
    path = f"{server.url}/v1/submissions/{made.json()['id']}/summary"
    return httpx.get(path, headers=headers | {"accept": "text/html"}).text


def test_the_api_reference_opens_and_asks_nothing_of_anybody_else(page: Page, server: Server) -> None:
    page.goto(f"{server.url}/docs")
    page.get_by_text("/v1/evaluations").wait_for()
    assert page.locator(".opblock").count() >= 15


@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize(("name", "answers"), [("cara", CARA), ("noa", NOA), ("mina", MINA)])
def test_a_summary_reads_well_and_is_accessible(
    page: Page, server: Server, key: str, name: str, answers: dict[str, object], width: int
) -> None:
    html = summary_html(server, key, answers)
    page.set_viewport_size({"width": width, "height": 900})
    page.route("**/summary-of-*", lambda route: route.fulfill(body=html, content_type="text/html"))
    page.goto(f"{server.url}/summary-of-{name}")
    ARTEFACTS.mkdir(exist_ok=True)
    page.screenshot(path=ARTEFACTS / f"summary-{name}-{width}.png", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    first = page.locator("main > *").first
    assert first.evaluate("node => node.tagName") == ("H1" if name == "cara" else "SECTION")
