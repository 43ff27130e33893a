"""A one-time link in a real browser: the secret leaves the address at once, and a button starts the form."""

import httpx
import pytest
from playwright.sync_api import Browser, Page

from tests.e2e.browser import accounts
from tests.server import Server


@pytest.fixture
def link(server: Server) -> dict[str, str]:
    """A new link, on this server's address whatever its public one: for scripts, and without."""
    headers = accounts.bearer(server, "bookings")
    body = {"booking_reference": "B-1", "language": "es"}
    made = httpx.post(f"{server.url}/v1/handoffs", json=body, headers=headers).json()
    secret = made["link"].partition("#")[2]
    return {"link": f"{server.url}/r#{secret}", "plain_link": f"{server.url}/r/{secret}", "secret": secret}


def test_the_secret_leaves_the_address_and_the_button_begins_the_form(
    page: Page, server: Server, link: dict[str, str]
) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(link["link"])
    assert page.url == f"{server.url}/r"
    assert not page.locator("#link").is_visible()
    page.locator("button.continue").click()
    page.wait_for_url("**/form")
    assert page.locator("html").get_attribute("lang") == "es"
    assert [each for each in asked if link["secret"] in each.partition("#")[0]] == []


def test_a_browser_without_scripts_begins_by_the_plain_link(
    browser: Browser, server: Server, link: dict[str, str]
) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(link["plain_link"])
    page.locator("button.continue").click()
    page.wait_for_url("**/form")
    assert page.locator("html").get_attribute("lang") == "es"
    context.close()
