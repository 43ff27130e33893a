"""Webhook endpoints at the workbench in real Chromium: made, tried out, watched, removed.

Real receivers on loopback. Refuses: addresses that a page does not offer.
"""

from pathlib import Path

import pytest
from playwright.sync_api import Browser
from standardwebhooks import Webhook

from tests.browser import probes
from tests.browser.colleague import Colleague
from tests.browser.html import complaints
from tests.receivers import Received, Receiver, receiver
from tests.server import serving

WIDTHS = (1280, 768, 360)


class Watched:
    """Each page as it is met: how it reads at every width, and its HTML."""

    def __init__(self, person: Colleague) -> None:
        self.person, self.html, self.amiss = person, dict[str, str](), dict[str, list[str]]()

    def page(self, name: str) -> None:
        self.html[name] = self.person.page.content()
        if not self.person.scripts:
            return  # nothing on the page can be run to look at it
        for width in WIDTHS:
            self.person.page.set_viewport_size({"width": width, "height": 900})
            if width != 768:
                self.person.picture(f"{name}-{width}")
            found = probes.violations(self.person.page) + probes.sideways(self.person.page)
            self.amiss |= {f"{name} {width}": found} if found else {}
        self.person.page.set_viewport_size({"width": 1280, "height": 900})


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "plain"])
def test_an_endpoint_is_made_tried_out_watched_and_removed(
    browser: Browser, tmp_path: Path, scripts: bool
) -> None:
    def moody(received: Received) -> int:
        return 204 if len(other.taken) != 2 else 500

    settings = {"PRECONSULT_WEBHOOK_RETRY_SECONDS": "3600", "PRECONSULT_SECOND_FACTOR_ROLES": ""}
    with serving(tmp_path, **settings) as clinic, receiver(moody) as other:
        person = Colleague(browser, clinic, "boss@clinic.example", ("administrator",), scripts).come_in()
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
    assert seen.amiss == {}
    seen.html.pop("webhooks-wrong")  # what is amiss stands above the first heading, as on every page
    told = complaints(seen.html) if not scripts else []
    assert not told, "\n".join(told)


def _make(person: Colleague, other: Receiver) -> None:
    person.page.fill("[name=url]", other.url)
    person.page.fill("[name=description]", "Booking system")
    person.page.check("[value='submission.submitted']")
    person.page.check("[name=attention]")
    person.press("Make the endpoint")
