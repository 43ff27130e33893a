"""Webhook endpoints in the staff app in real Chromium: created, tested, monitored, removed.

Uses real receivers on loopback. Never: opens addresses that no page offers.
"""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser
from standardwebhooks import Webhook

from tests.e2e.browser import probes
from tests.e2e.browser.conftest import NO_SECOND_FACTOR
from tests.e2e.browser.html import complaints
from tests.e2e.browser.mobile_device import Way, either_way
from tests.e2e.browser.staff_driver import Colleague
from tests.server import Server, serving
from tests.webhook_receivers import Received, Receiver, receiver

WIDTHS = (1280, 768, 360)


@pytest.fixture(scope="module")
def staff_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A clinic without endpoints, which retries a failed delivery only after the test."""
    settings = NO_SECOND_FACTOR | {"PRECONSULT_WEBHOOK_RETRY_SECONDS": "3600"}
    with serving(tmp_path_factory.mktemp("webhooks"), **settings) as running:
        yield running


class Watched:
    """Each page of the test: its problems at every width, and its HTML."""

    def __init__(self, person: Colleague) -> None:
        self.person, self.html, self.found_issues = person, dict[str, str](), dict[str, list[str]]()

    def page(self, name: str) -> None:
        self.html[name] = self.person.page.content()
        page, way = self.person.page, self.person.way
        if not way.scripts:
            return  # the same pages, with less on them
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            if width != 768:
                self.person.picture(f"{name}-{width}")
            found = [] if width == 768 else probes.violations(page)
            found += probes.sideways(page)
            self.found_issues |= {f"{name} {width}": found} if found else {}
        page.set_viewport_size({"width": way.width, "height": 900})


@either_way
def test_an_endpoint_is_made_tried_out_watched_and_removed(
    browser: Browser, staff_app: Server, way: Way
) -> None:
    def moody(received: Received) -> int:
        return 204 if len(other.taken) != 2 else 500

    with receiver(moody) as other:
        person = Colleague(
            browser, staff_app, f"boss-{way}@clinic.example", ("administrator",), way
        ).come_in()
        seen = Watched(person)
        person.go("/staff/webhooks")
        seen.page("webhooks-none")
        person.page.fill("[name=url]", "https://127.1/")
        person.press("Make the endpoint")
        assert "Please look at this again" in person.words
        seen.page("webhooks-wrong")
        _make(person, other)
        seen.page("webhook-secret")
        secret = person.page.inner_text("#made")
        person.page.get_by_role("link", name="To the endpoint").click()
        for number in (1, 2):
            person.press("Send a test")
            assert len(other.wait(number)) == number
        assert Webhook(secret).verify(other.taken[0].body, other.taken[0].headers)["type"] == "webhook.test"
        person.page.reload()
        person.page.locator("td .chip", has_text="delivered").wait_for()
        seen.page("webhook")
        person.press("Make a fresh secret")
        person.page.get_by_role("link", name="To the endpoint").click()
        person.press("Pause")
        person.go("/staff/webhooks")
        seen.page("webhooks")
        person.page.locator("main table a").click()
        person.press("Resume")
        person.page.get_by_role("link", name="Remove", exact=True).click()
        seen.page("webhook-remove")
        person.press("Remove it")
        assert "There is no endpoint yet" in person.words
        assert person.close() == []
    assert seen.found_issues == {}
    seen.html.pop("webhooks-wrong")  # errors are above the first heading, as on every page
    told = complaints(seen.html) if not way.scripts else []
    assert not told, "\n".join(told)


def _make(person: Colleague, other: Receiver) -> None:
    person.page.fill("[name=url]", other.url)
    person.page.fill("[name=description]", "Booking system")
    person.page.check("[value='submission.submitted']")
    person.page.check("[name=attention]")
    person.press("Make the endpoint")
