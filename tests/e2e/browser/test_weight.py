"""What a page costs on a slow connection with an empty cache: bytes, blocking scripts, layout shifts.

Measured by Chromium itself: bytes as they arrive, including headers. Never: counts the clinic's logo, whose
weight the clinic decides.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Browser, Page

from tests.e2e.browser.page_tour import CHECK, QUESTIONS, Tour
from tests.sample_answers import FULL
from tests.server import Server

MOST_BYTES, MOST_SHIFT = 60_000, 0.1
EVERYTHING = FULL | {  # answers that make the longest summary
    "answering_for": "someone_else",
    "pain_types": ["neuropathic", "crps", "fibromyalgia", "cancer_pain", "sickle_cell", "spinal_injury"],
    "other_feelings": ["anxiety", "trauma"],
    "self_harm_thoughts": "no",
    "health_topics": ["bp_heart", "vessel_bleed", "psychosis_mania", "pregnant_breastfeeding", "liver",
                      "bladder", "eye_brain_pressure", "substance_use", "anesthesia_reaction"],
}  # fmt: skip
LONGEST = ["health_topics"]  # measured in every language: the page of questions with the most words
SHIFT = """() => new Promise(tell => {
    const seen = [];
    const observer = new PerformanceObserver(list => seen.push(...list.getEntries()));
    observer.observe({type: "layout-shift", buffered: true});
    requestAnimationFrame(() => requestAnimationFrame(() => {
        seen.push(...observer.takeRecords());
        tell(seen.filter(each => !each.hadRecentInput).reduce((sum, each) => sum + each.value, 0));
    }));
})"""
BLOCKING = """() => [
    ...[...document.scripts]
        .filter(each => !(each.src && (each.defer || each.async || each.type === "module")))
        .map(each => each.outerHTML.slice(0, 80)),
    ...performance.getEntriesByType("resource")
        .filter(each => each.initiatorType === "script" && each.renderBlockingStatus === "blocking")
        .map(each => each.name),
]"""


@dataclass
class Scales:
    """`weights` and `shifts` by page, `blocking` scripts."""

    page: Page
    weights: dict[str, int] = field(default_factory=dict)
    shifts: dict[str, float] = field(default_factory=dict)
    blocking: list[str] = field(default_factory=list)
    _arrived: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        wire = self.page.context.new_cdp_session(self.page)
        wire.send("Network.enable")
        wire.send("Network.setCacheDisabled", {"cacheDisabled": True})
        wire.on("Network.loadingFinished", lambda told: self._arrived.append(told["encodedDataLength"]))

    def weigh(self, name: str) -> None:
        """Reload the current page with an empty cache, and measure it."""
        self._arrived.clear()
        self.page.reload(wait_until="load")
        self.shifts[name] = self.page.evaluate(SHIFT)
        self.blocking += self.page.evaluate(BLOCKING)
        assert len(self._arrived) >= 5, "the page, three style sheets and a script"
        self.weights[name] = sum(self._arrived)


@pytest.fixture
def scales(browser: Browser) -> Iterator[Scales]:
    context = browser.new_context(viewport={"width": 360, "height": 800})
    yield Scales(context.new_page())
    context.close()


@pytest.mark.parametrize("language", ["en", "es", "ht", "pt-BR"])
def test_every_page_is_light_and_holds_still(
    scales: Scales, server: Server, language: str, thorough: bool
) -> None:
    questions = list(QUESTIONS) if thorough or language == "en" else LONGEST
    tour = Tour(scales.page, server.url, "", language, lambda *_: None)
    tour.open(f"/form?language={language}")
    scales.weigh("start")
    tour.begin(EVERYTHING, questions[0])
    for question in questions:
        tour.go_on(EVERYTHING, until=question)
        scales.weigh(question)
    tour.go_on(EVERYTHING, until=CHECK)
    scales.weigh("check")
    tour.press()
    scales.weigh("summary")
    assert len(scales.weights) == len(questions) + 3
    assert {name: found for name, found in scales.weights.items() if found > MOST_BYTES} == {}
    assert {name: found for name, found in scales.shifts.items() if found >= MOST_SHIFT} == {}
    assert scales.blocking == []
