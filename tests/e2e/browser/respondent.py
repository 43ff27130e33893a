"""A respondent who fills in the hosted form in a real browser, with or without scripts.

Responsible for: opening, answering and continuing as a person does, using only what is on the page. Never:
uses addresses of pages after the first, or waits for a fixed time.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import Page

from tests.e2e.browser.double_submit import hurry

Look = Callable[[str], None]  # called with the name of each page that is seen
SEEN = """() => {
    const found = {};
    for (const input of document.querySelectorAll("main input[name]:not([type=hidden])")) {
        if (input.checkVisibility() && !input.disabled && !input.closest("fieldset:disabled"))
            found[input.name] ??= input.type;
    }
    return found;
}"""


@dataclass
class Respondent:
    """`answers`: linkId to code, codes, number or text (sample_answers.py); contact under its linkIds."""

    page: Page
    base: str
    scripts: bool = True
    look: Look = lambda _name: None
    seen: list[str] = field(default_factory=list)  # headings of the visited pages, in order

    def open(self, language: str = "") -> None:
        self.page.goto(f"{self.base}/form" + (f"?language={language}" if language else ""))
        self.saw("start")

    def saw(self, name: str = "") -> None:
        """Record the current page."""
        self.page.wait_for_load_state()
        self.seen.append(self.heading)
        self.look(name or self.heading)

    @property
    def heading(self) -> str:
        return self.page.locator("h1").first.inner_text()

    @property
    def words(self) -> str:
        """The text of the main part of the page."""
        return self.page.locator("main").inner_text()

    @property
    def crisis(self) -> str:
        """The crisis block at the top of the page; empty if there is none."""
        block = self.page.locator("main > aside.crisis")
        return block.inner_text() if block.count() else ""

    @property
    def interrupted(self) -> str:
        """The text of an interruption page; empty on any other page."""
        alone = self.page.locator("main > div.interruption")
        return alone.inner_text() if alone.count() else ""

    @property
    def errors(self) -> list[str]:
        """The links of the error summary."""
        return self.page.locator(".errors a").all_inner_texts()

    def asks(self, name: str) -> bool:
        """Is this question visible on the page?"""
        return name in self.asked()

    def holds(self, name: str) -> list[str]:
        """The current value of a question: codes, or the typed text."""
        inputs = self.page.locator(f'main [name="{name}"]:not([type=hidden])').all()
        if inputs and inputs[0].get_attribute("type") not in ("radio", "checkbox"):
            return [inputs[0].input_value()]
        return [str(each.get_attribute("value")) for each in inputs if each.is_checked()]

    def begin(self, language: str = "") -> None:
        """Go to the first page of questions."""
        self.open(language)
        self.page.check("main [name=info_only]")
        self.press("button.continue")

    def come(self, answers: Mapping[str, Any], *, until: str = "/form/check", language: str = "") -> None:
        """Go to the page `until` by the fast path, which the test is not about, and record that page."""
        hurry(self.page, self.base, answers, until, language)
        self.saw()

    def press(self, selector: str, name: str = "") -> None:
        """Press a button or link of the page, then record the page it led to."""
        self.page.locator(selector).last.click()
        self.saw(name)

    def follow(self, words: str) -> None:
        """Follow a link of the page, by its text."""
        self.page.locator("main").get_by_role("link", name=words, exact=True).last.click()
        self.saw()

    def speak(self, language: str) -> None:
        """Switch the language of the page."""
        self.page.locator(f'button[name=language][value="{language}"]').click()
        self.page.wait_for_selector(f'html[lang="{language}"]', state="attached")
        self.saw()

    def turn_back(self) -> None:
        """Press the browser's back button."""
        self.page.go_back()
        self.saw()

    def go_on(self) -> None:
        """Press the one button or link that continues; the next page has loaded when this returns."""
        with self.page.expect_navigation():
            self.page.locator("main button.continue, main a.continue").last.click()

    def answer(self, answers: Mapping[str, Any]) -> bool:
        """Answer those of `answers` that this page asks; returns whether there were any."""
        done: set[str] = set()
        while new := {name: kind for name, kind in self.asked().items() if name in answers.keys() - done}:
            for name, kind in new.items():
                self._give(name, kind, answers[name])
            done |= new.keys()  # and any questions that these answers reveal
        return bool(done)

    def asked(self) -> dict[str, str]:
        """The visible questions of the page, each with the type of its first input."""
        found: dict[str, str] = self.page.evaluate(SEEN)
        return found

    def _give(self, name: str, kind: str, value: object) -> None:
        if kind not in ("radio", "checkbox"):
            self.page.fill(f'main [name="{name}"]', str(value))
            return
        for code in value if isinstance(value, list | tuple) else [value]:
            text = str(code).lower() if isinstance(code, bool) else str(code)
            self.page.check(f'main [name="{name}"][value="{text}"]')

    def fill_in(self, answers: Mapping[str, Any], *, until: str = "/form/check") -> None:
        """Fill in page by page, from the current page to the check page, or to the one that asks `until`."""
        for _ in range(30):
            if until in self.page.url or (until.isidentifier() and self.asks(until)):
                return
            self.answer(answers)
            self.go_on()
            self.saw()
        raise AssertionError(f"{until} was not reached: {self.seen}")

    def send(self) -> None:
        """Send the form from the check page."""
        self.go_on()
        self.page.wait_for_url("**/form/summary")
        self.saw("summary")
