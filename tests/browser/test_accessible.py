"""Every state of every page, in every language: axe, the HTML standard, narrow and turned screens, targets.

One walk a language (tour.py) measures all of it at each state. Refuses: pages without scripts, which
test_every_page.py walks through; they have less on them, never more.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Browser, ViewportSize

from tests.browser import probes
from tests.browser.html import complaints
from tests.browser.tour import STATES, Tour, full_up
from tests.server import Server

PHONE, DESK, LEAST, TWICE = 360, 1280, 320, 640  # TWICE: a screen of 1280 px at 200 % zoom
SCREEN: ViewportSize = {"width": PHONE, "height": 800}
TURN = "direction => { document.documentElement.dir = direction }"


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with full_up(tmp_path_factory.mktemp("narrow")) as running:
        yield running


@dataclass
class Measured:
    """What a walk has found amiss: law to state to words; `html`: each state as it was sent."""

    amiss: dict[str, dict[str, list[str]]] = field(default_factory=lambda: defaultdict(dict))
    html: dict[str, str] = field(default_factory=dict)

    def look(self, tour: Tour, state: str) -> None:
        """Measure the page that is open, in each shape it can take, and leave it as it was."""
        assert state not in self.html
        page, self.html[state] = tour.page, tour.sent.text()
        spoken = f'<html lang="{tour.language}"' in self.html[state] or state == "left"  # which says nothing
        self._note("language", state, [tour.language] * (not spoken))
        self._note("axe on a phone", state, probes.violations(page))
        self._note("targets", state, probes.small_targets(page))
        if tour.language == "en":  # colours, and what is where on a desk, are the same in all
            page.emulate_media(color_scheme="dark")
            self._note("dark colours", state, probes.violations(page, "color-contrast"))
            page.emulate_media(color_scheme="light")
            page.set_viewport_size({"width": DESK, "height": 800})
            self._note("axe on a desk", state, probes.violations(page))
        for width, law in {TWICE: "200 % zoom", LEAST: "320 px"}.items():
            page.set_viewport_size({"width": width, "height": 800})
            self._note(law, state, probes.sideways(page))
        straight = probes.sides(page)
        page.evaluate(TURN, "rtl")
        self._note("turned", state, probes.sideways(page))
        sides = straight, probes.sides(page)
        self._note("mirrored", state, [str(sides)] * (sides not in [({"left"}, {"right"}), (set(), set())]))
        page.evaluate(TURN, "ltr")
        page.set_viewport_size({"width": PHONE, "height": 800})

    def _note(self, law: str, state: str, found: list[str]) -> None:
        if found:
            self.amiss[law][state] = found


@pytest.mark.timeout(900)  # a minute on a machine that does nothing else
@pytest.mark.parametrize("language", ["en", "es", "ht", "pt-BR"])
def test_no_state_of_any_page_keeps_anybody_out(
    browser: Browser, server: Server, narrow: Server, language: str
) -> None:
    context = browser.new_context(viewport=SCREEN, reduced_motion="reduce")  # no colour is half-way
    context.set_default_timeout(10_000)
    measured = Measured()
    Tour(context.new_page(), server.url, narrow.url, language, measured.look).walk()
    context.close()
    assert measured.html.keys() == STATES
    assert dict(measured.amiss) == {}
    assert complaints(measured.html) == []
