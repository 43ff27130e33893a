"""Somebody who fills in the hosted form in a real browser, with or without scripts.

Office: opens, answers and goes on as a person does: only by what is on the page. Refuses: to know addresses,
and to wait for a time.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import Page

Look = Callable[[str], None]  # called with the name of each page that is seen


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
        self.seen.append(self.heading)
        self.look(name or self.heading)

    @property
    def heading(self) -> str:
        return self.page.locator("h1").first.inner_text()

    def go_on(self) -> None:
        """The one button or link that leads on."""
        self.page.locator("main button.continue, main a.continue").last.click()

    def answer(self, answers: Mapping[str, Any]) -> bool:
        """Give whatever of `answers` this page asks; was there anything?"""
        asked = False
        for name, value in answers.items():
            inputs = self.page.locator(f'main [name="{name}"]:not([type=hidden])')
            if inputs.count() == 0 or not inputs.first.is_visible():
                continue
            asked = True
            if inputs.first.get_attribute("type") in ("radio", "checkbox"):
                codes = value if isinstance(value, list | tuple) else [value]
                for code in codes:
                    text = str(code).lower() if isinstance(code, bool) else str(code)
                    self.page.check(f'main [name="{name}"][value="{text}"]')
            else:
                inputs.first.fill(str(value))
        return asked

    def fill_in(self, answers: Mapping[str, Any], *, until: str = "/form/check") -> None:
        """From the page one is on to the page of all answers (or another address), page by page."""
        for _ in range(30):
            if until in self.page.url:
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
