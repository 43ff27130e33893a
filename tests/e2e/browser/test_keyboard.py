"""The whole form by Tab, Space, arrows and Enter alone: where focus goes, in what order, and how it shows.

Never: uses a pointer. The tests press real keys and read what is visible on the page.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.e2e.browser.respondent import Respondent
from tests.sample_answers import CARA, PAT
from tests.server import Server

# The focused element; `line`: the width of its outline; `at`: its position on the whole page.
FOCUSED = """() => {
    const each = document.activeElement, style = getComputedStyle(each), box = each.getBoundingClientRect();
    const seen = (each.matches("input[type=radio], input[type=checkbox]") ? each.closest("label") : each);
    return {
        tag: each.localName, kind: each.type ?? "", name: each.name ?? "", value: each.value ?? "",
        id: each.id, set: each.className, checked: each.checked ?? false, words: seen.textContent.trim(),
        line: style.outlineStyle === "none" ? 0 : parseFloat(style.outlineWidth),
        at: [Math.round(box.top + scrollY), Math.round(box.left)], bottom: Math.round(box.bottom + scrollY),
        covered: box.top < 0 || box.bottom > innerHeight,
    };
}"""
MOST_KEYS = 60
SAME_LINE = 12  # px


@dataclass
class Hands:
    """A keyboard user. `stops`: where the focus was on the page, by Tab, from its top."""

    page: Page
    stops: list[dict[str, Any]] = field(default_factory=list)

    @property
    def focus(self) -> dict[str, Any]:
        found: dict[str, Any] = self.page.evaluate(FOCUSED)
        return found

    def key(self, key: str) -> dict[str, Any]:
        self.page.keyboard.press(key)
        return self.focus

    def tab(self) -> dict[str, Any]:
        """Go to the next stop; it must be visible and marked as focused."""
        found = self.key("Tab")
        if found["tag"] != "body":
            assert found["line"] >= 2, found
            assert not found["covered"], found
            self.stops.append(found)
        return found

    def tabs(self) -> Iterator[dict[str, Any]]:
        """Stop after stop, to the end of the page."""
        for _ in range(MOST_KEYS):
            found = self.tab()
            if found["tag"] == "body":
                return
            yield found
        raise AssertionError(f"a trap for the keyboard: {self.stops[-3:]}")

    def go(self) -> None:
        """Press Enter on what leads to another page."""
        with self.page.expect_navigation():
            self.page.keyboard.press("Enter")
        self.stops = []

    def answer(self, stop: dict[str, Any], wanted: object) -> None:
        """Answer the focused question."""
        if stop["kind"] == "radio":
            for _ in range(MOST_KEYS):
                if self.focus["value"] == str(wanted) and self.focus["checked"]:
                    return
                self.key("Space" if not self.focus["checked"] else "ArrowDown")
            raise AssertionError(f"{wanted} can't be reached by arrows")
        if stop["kind"] == "checkbox":
            codes = [str(code).lower() for code in (wanted if isinstance(wanted, list) else [wanted])]
            if (stop["value"] in codes) is not stop["checked"]:
                self.key("Space")
        else:
            self.page.keyboard.insert_text(str(wanted))

    def page_of(self, answers: dict[str, Any]) -> None:
        """Answer the page from top to bottom, and press its button."""
        for stop in self.tabs():
            if stop["name"] in answers:
                self.answer(stop, answers[stop["name"]])
            if stop["set"] == "continue":
                self.go()
                return
        raise AssertionError("there is no way on")


@pytest.fixture
def hands(browser: Browser, server: Server) -> Iterator[Hands]:
    context = browser.new_context(viewport={"width": 360, "height": 800}, reduced_motion="reduce")
    page = context.new_page()
    page.goto(f"{server.url}/form")
    yield Hands(page)
    context.close()


def reached(hands: Hands, answers: dict[str, Any], question: str) -> None:
    """Go to the page of a question by the fast path."""
    Respondent(hands.page, hands.page.url.partition("/form")[0]).come(answers, until=question)


def earlier(one: list[int], other: list[int]) -> bool:
    """Is `one` above `other`, or before it on the same line?"""
    return one[0] < other[0] - SAME_LINE or (abs(one[0] - other[0]) <= SAME_LINE and one[1] < other[1])


def test_focus_follows_what_one_sees_and_is_never_lost(hands: Hands) -> None:
    for question in ("start", "visit_reason", "contact_permission", "/form/check"):
        if question != "start":
            reached(hands, PAT, question)
        hands.stops = []
        past, *stops = hands.tabs()
        assert past["set"] == "skip"  # the skip link, hidden again when not in use
        assert len(stops) >= 5, question
        back = [(one["words"], two["words"]) for one, two in pairwise(stops) if earlier(two["at"], one["at"])]
        assert back == [], question


def test_the_first_stop_skips_to_the_page(hands: Hands) -> None:
    reached(hands, CARA, "urgent_signs")
    first = hands.tab()
    assert first["set"] == "skip"
    assert first["bottom"] - first["at"][0] >= 44
    hands.key("Enter")
    after = hands.tab()
    assert hands.page.evaluate("document.querySelector('main').contains(document.activeElement)")
    assert (after["name"], after["value"]) == ("language", "es")  # the first language in the list


def test_the_summary_of_errors_has_focus_and_leads_to_each_field(hands: Hands) -> None:
    reached(hands, CARA, "answering_for")
    for stop in hands.tabs():
        if stop["set"] == "continue":
            break
    hands.go()
    assert hands.focus["set"] == "errors"
    assert hands.focus["line"] >= 2
    links = hands.page.locator(".errors a")
    assert links.count() == 2
    for number, name in enumerate(("answering_for", "age_band")):
        hands.page.locator(".errors").focus()
        for _ in range(number + 1):
            hands.tab()
        hands.key("Enter")
        field_of = hands.focus
        assert (field_of["name"], field_of["kind"]) == (name, "radio")
        assert field_of["line"] >= 2
        assert not field_of["covered"]


def test_enter_in_a_field_goes_on_and_does_not_change_the_language(hands: Hands) -> None:
    reached(hands, PAT, "contact_permission")
    hands.page.check("[name=contact_permission][value=yes]")
    hands.page.focus("[name=contact_phone]")
    hands.page.keyboard.insert_text("561 555 0142")
    hands.go()
    assert hands.page.url.endswith("/form/check")
    assert hands.page.locator("html").get_attribute("lang") == "en"
    assert "ends in 42" in hands.page.locator("main").inner_text()


def test_enter_in_a_number_goes_on_too(hands: Hands) -> None:
    reached(hands, CARA, "pain_intensity")
    hands.page.check("[name=pain_types][value=crps]")
    before = hands.page.url
    hands.page.focus("[name=pain_intensity]")
    hands.page.keyboard.insert_text("7")
    hands.go()
    assert hands.page.url != before
    assert hands.page.locator("html").get_attribute("lang") == "en"
    assert hands.page.locator(".errors").count() == 0


def test_somebody_without_a_pointer_gets_to_the_summary(hands: Hands) -> None:
    headings = []
    for _ in range(12):
        headings.append(hands.page.locator("h1").inner_text())
        if hands.page.url.endswith("/form/summary"):
            break
        hands.page_of(CARA)
    assert headings[-1] == "Things to discuss with a clinician"
    assert len(headings) == 10
    assert "CRPS" in hands.page.locator("main").inner_text()


def test_a_page_that_interrupts_is_left_by_its_one_way_on(hands: Hands) -> None:
    reached(hands, CARA, "urgent_signs")
    hands.page_of({"urgent_signs": ["chest_or_breathing"]})
    assert hands.page.locator("h1").inner_text() == "Call 911"
    hands.page_of({})
    assert hands.page.locator("[name=visit_reason]").count() > 0
