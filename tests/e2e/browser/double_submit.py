"""Fast path through the form: fills in its pages over HTTP up to the page where a test starts.

Responsible for: reading a page's form, filling it in and sending it, as a browser without scripts would.
Never: renders a page before the last one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlencode, urljoin

from playwright.sync_api import APIResponse, Page

SENT = {"content-type": "application/x-www-form-urlencoded"}


@dataclass
class Form(HTMLParser):
    """The form of one page: its action, its hidden fields, its questions, and the link to the next page."""

    action: str = ""
    hidden: list[tuple[str, str]] = field(default_factory=list)
    asked: set[str] = field(default_factory=set)
    onward: str = ""

    def __post_init__(self) -> None:
        super().__init__()
        self._inside = self._main = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self._main = self._main or tag == "main"
        if tag == "form" and self._main and "/form/language" not in given["action"]:
            self._inside, self.action = not self.action, self.action or given["action"]
        elif tag == "input" and self._inside and given["type"] == "hidden" and "disabled" not in given:
            self.hidden.append((given["name"], given["value"]))
            self.asked |= {given["value"]} if given["name"] == "asked" else set()
        elif tag == "a" and given.get("class") == "continue":
            self.onward = given["href"]

    def handle_endtag(self, tag: str) -> None:
        self._inside = self._inside and tag != "form"


def hurry(page: Page, base: str, answers: Mapping[str, Any], until: str, language: str = "") -> None:
    """From the first page to the one that asks `until` or has it in its address, which is then opened."""
    hurry_on(page, f"{base}/form" + (f"?language={language}" if language else ""), answers, until)


def hurry_on(page: Page, url: str, answers: Mapping[str, Any], until: str) -> None:
    """The same, starting from the form page at `url`."""
    asks = page.context.request
    at = asks.get(url)
    for _ in range(30):
        form = _form(at)
        if until in form.asked or until in at.url:
            page.goto(at.url)
            return
        if form.onward:
            at = asks.get(urljoin(at.url, form.onward))
            continue
        filled = [
            (name, _text(each))
            for name, value in answers.items()
            if name in form.asked
            for each in (value if isinstance(value, list | tuple) else [value])
        ]
        at = asks.post(urljoin(at.url, form.action), data=urlencode(form.hidden + filled), headers=SENT)
        assert at.ok, (at.url, at.status)
    raise AssertionError(f"{until} was not reached")


def _form(answer: APIResponse) -> Form:
    form = Form()
    form.feed(answer.text())
    return form


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
