"""Every state of every page, in every language: axe, the HTML standard, narrow and rotated screens, targets.

One walk per language (page_tour.py) measures each state. What depends on texts (their language, their width,
the height of targets) is measured in every language. Axe and the HTML standard, for structure and colour,
check each state in English and, in turn, in one other language, at the width of a phone and of a desktop;
with --thorough in all languages at both. Pages without scripts have less on them, never more;
test_every_page.py walks through them.
"""

from collections import defaultdict
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Browser, ViewportSize

from tests.e2e.browser import probes
from tests.e2e.browser.html import complaints
from tests.e2e.browser.page_tour import STATES, Tour
from tests.server import Server

PHONE, DESK, LEAST, TWICE = 360, 1280, 320, 640  # TWICE: a screen of 1280 px at 200 % zoom
SCREEN: ViewportSize = {"width": PHONE, "height": 800}
OTHERS = ["es", "ht", "pt-BR"]
SUMMARIES = {"summary of CARA", "summary of NOA", "summary of MINA"}  # have most words, and translated gists
TURN = "direction => { document.documentElement.dir = direction }"


@dataclass
class Measured:
    """The findings of a walk: check to state to messages; `html`: each state as it was sent."""

    thorough: bool
    found_issues: dict[str, dict[str, list[str]]] = field(default_factory=lambda: defaultdict(dict))
    html: dict[str, str] = field(default_factory=dict)

    def look(self, tour: Tour, state: str) -> None:
        """Measure the open page in each shape it can take, and leave it as it was."""
        assert state not in self.html
        page, self.html[state] = tour.page, tour.sent.text()
        spoken = f'<html lang="{tour.language}"' in self.html[state] or state == "left"  # it shows none
        self._note("language", state, [tour.language] * (not spoken))
        self._note("targets", state, probes.small_targets(page))
        sample = not self.thorough
        for width in self.judged_at(state, tour.language):
            page.set_viewport_size({"width": width, "height": 800})
            self._note(f"axe at {width} px", state, probes.violations(page, sample=sample))
        if tour.language == "en":  # colours are the same in all languages
            page.emulate_media(color_scheme="dark")
            self._note("dark colours", state, probes.violations(page, "color-contrast", sample=sample))
            page.emulate_media(color_scheme="light")
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

    def judged_at(self, state: str, language: str) -> list[int]:
        """The widths at which axe checks a state: one for English, the other one for other languages."""
        if self.thorough:
            return [PHONE, DESK]
        number = sorted(STATES).index(state)
        english, other = (PHONE, DESK) if number % 2 else (DESK, PHONE)
        if language == "en":
            return [english]
        its_turn = language == OTHERS[number // 2 % len(OTHERS)]
        return [other] if its_turn or state in SUMMARIES else []

    def _note(self, law: str, state: str, found: list[str]) -> None:
        if found:
            self.found_issues[law][state] = found


@pytest.mark.timeout(900)  # half a minute on an idle machine
@pytest.mark.parametrize("language", ["en", *OTHERS])
def test_no_state_of_any_page_keeps_anybody_out(
    browser: Browser, server: Server, narrow: Server, language: str, thorough: bool
) -> None:
    context = browser.new_context(viewport=SCREEN, reduced_motion="reduce")  # no colour is in transition
    measured = Measured(thorough)
    Tour(context.new_page(), server.url, narrow.url, language, measured.look).walk()
    context.close()
    assert measured.html.keys() == STATES
    assert dict(measured.found_issues) == {}
    judged = {state: html for state, html in measured.html.items() if measured.judged_at(state, language)}
    assert complaints(judged) == []
