"""Somebody who fills in the hosted form in a real browser, with or without scripts.

Office: opens, answers and goes on as a person does: only by what is on the page. Refuses: to know addresses,
and to wait for a time.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import Page

from tests.browser.hurry import hurry

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
    """`answers`: linkId to code, codes, number or text, as in tests/people.py; contact under its linkIds."""

    page: Page
    base: str
    scripts: bool = True
    look: Look = lambda _name: None
    seen: list[str] = field(default_factory=list)  # headings of the pages met, in order

    def open(self, language: str = "") -> None:
        self.page.goto(f"{self.base}/form" + (f"?language={language}" if language else ""))
        self.saw("start")

    def saw(self, name: str = "") -> None:
        """Note the page one is on."""
        self.page.wait_for_load_state()
        self.seen.append(self.heading)
        self.look(name or self.heading)

    @property
    def heading(self) -> str:
        return self.page.locator("h1").first.inner_text()

    @property
    def words(self) -> str:
        """Everything that stands in the middle of the page."""
        return self.page.locator("main").inner_text()

    @property
    def crisis(self) -> str:
        """The quiet block above the page; empty when there is none."""
        block = self.page.locator("main > aside.crisis")
        return block.inner_text() if block.count() else ""

    @property
    def interrupted(self) -> str:
        """What stands on a page of its own; empty when this is no such page."""
        alone = self.page.locator("main > div.interruption")
        return alone.inner_text() if alone.count() else ""

    @property
    def errors(self) -> list[str]:
        """The summary of what is amiss."""
        return self.page.locator(".errors a").all_inner_texts()

    def asks(self, name: str) -> bool:
        """Is this question on the page, to be seen?"""
        return name in self.asked()

    def holds(self, name: str) -> list[str]:
        """What stands in a question now: codes, or what is typed."""
        inputs = self.page.locator(f'main [name="{name}"]:not([type=hidden])').all()
        if inputs and inputs[0].get_attribute("type") not in ("radio", "checkbox"):
            return [inputs[0].input_value()]
        return [str(each.get_attribute("value")) for each in inputs if each.is_checked()]

    def begin(self, language: str = "") -> None:
        """To the first page of questions."""
        self.open(language)
        self.page.check("main [name=info_only]")
        self.press("button.continue")

    def come(self, answers: Mapping[str, Any], *, until: str = "/form/check", language: str = "") -> None:
        """Here by the quickest way, which is not what the test is about; from here on it is looked at."""
        hurry(self.page, self.base, answers, until, language)
        self.saw()

    def press(self, selector: str, name: str = "") -> None:
        """A button or link of the page; then note where it led."""
        self.page.locator(selector).last.click()
        self.saw(name)

    def follow(self, words: str) -> None:
        """A link of the page, by its words."""
        self.page.locator("main").get_by_role("link", name=words, exact=True).last.click()
        self.saw()

    def speak(self, language: str) -> None:
        """Switch the language of the page."""
        self.page.locator(f'button[name=language][value="{language}"]').click()
        self.page.wait_for_selector(f'html[lang="{language}"]', state="attached")
        self.saw()

    def turn_back(self) -> None:
        """The browser's own button."""
        self.page.go_back()
        self.saw()

    def go_on(self) -> None:
        """The one button or link that leads on; the next page is there when this returns."""
        with self.page.expect_navigation():
            self.page.locator("main button.continue, main a.continue").last.click()

    def answer(self, answers: Mapping[str, Any]) -> bool:
        """Give whatever of `answers` this page asks; was there anything?"""
        done: set[str] = set()
        while new := {name: kind for name, kind in self.asked().items() if name in answers.keys() - done}:
            for name, kind in new.items():
                self._give(name, kind, answers[name])
            done |= new.keys()  # and whatever these bring up at once
        return bool(done)

    def asked(self) -> dict[str, str]:
        """The questions that are to be seen on the page, each with the kind of its first input."""
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
        """From the page one is on to the page of all answers, page by page; or to one that asks `until`."""
        for _ in range(30):
            if until in self.page.url or (until.isidentifier() and self.asks(until)):
                return
            self.answer(answers)
            self.go_on()
            self.saw()
        raise AssertionError(f"{until} was not reached: {self.seen}")

    def send(self) -> None:
        """Send it from the page of all answers."""
        self.go_on()
        self.page.wait_for_url("**/form/summary")
        self.saw("summary")
