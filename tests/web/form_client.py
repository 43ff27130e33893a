"""A respondent whose browser runs no scripts: reads a page of the hosted form and sends its fields.

Responsible for: sending forms as HTML specifies (checked, not disabled, the pressed button). Never: uses
addresses beyond the first, or sends what no page contains, unless a test asks for it.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import unescape
from html.parser import HTMLParser
from typing import Any

from httpx2 import Response

from app.clock import now
from app.web.form.layout import edition_of
from app.web.html import form_security
from tests.conftest import Service
from tests.sample_answers import Answers

Pairs = list[tuple[str, str]]
Attributes = dict[str, str | None]


@dataclass
class Form:
    """One form of a page."""

    attributes: Attributes
    inputs: list[Attributes] = field(default_factory=list)
    buttons: list[Attributes] = field(default_factory=list)

    @property
    def action(self) -> str:
        return self.attributes["action"] or ""

    def offers(self, name: str) -> list[Attributes]:
        """The inputs of a question that are not disabled."""
        return [each for each in self.inputs if each.get("name") == name and "disabled" not in each]

    def codes(self, name: str) -> list[str]:
        return [each.get("value") or "" for each in self.offers(name)]

    def value(self, name: str) -> str:
        """The value of a field in the page as received."""
        return next(each.get("value") or "" for each in self.inputs if each.get("name") == name)

    def checked(self, name: str) -> list[str]:
        return [each.get("value") or "" for each in self.offers(name) if "checked" in each]

    def pairs(self) -> Pairs:
        """The pairs that are sent when nothing is changed."""
        return [
            (each["name"] or "", each.get("value") or "")
            for each in self.inputs
            if "disabled" not in each and (each.get("type") not in ("radio", "checkbox") or "checked" in each)
        ]

    def filled(self, values: Mapping[str, list[str]]) -> Pairs:
        """The pairs that are sent with these values instead."""
        kept = [(name, value) for name, value in self.pairs() if name not in values]
        return kept + [(name, value) for name, each in values.items() for value in each]


class Read(HTMLParser):
    """The parts of a page that a visitor uses."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.links: list[Attributes] = []
        self.headings: list[str] = []
        self.lang = ""
        self._within: list[bool] = []  # is each fieldset around the current element disabled?
        self._heading = False
        self._written: Attributes | None = None  # the textarea around the current text
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found: Attributes = dict(attrs)
        if tag == "html":
            self.lang = found["lang"] or ""
        elif tag == "form":
            self.forms.append(Form(found))
        elif tag == "fieldset":
            self._within.append("disabled" in found)
        elif tag == "a":
            self.links.append(found)
        elif tag == "h1":
            self._heading = True
            self.headings.append("")
        elif tag == "textarea" and self.forms:
            self._written = found | {"value": ""}
            self.forms[-1].inputs.append(self._written)
        elif tag in ("input", "button") and self.forms:
            if any(self._within):
                found["disabled"] = ""
            (self.forms[-1].inputs if tag == "input" else self.forms[-1].buttons).append(found)

    def handle_endtag(self, tag: str) -> None:
        if tag == "fieldset":
            self._within.pop()
        elif tag == "h1":
            self._heading = False
        elif tag == "textarea":
            self._written = None

    def handle_data(self, data: str) -> None:
        if self._heading:
            self.headings[-1] += data
        if self._written is not None:
            self._written["value"] = (self._written["value"] or "") + data


@dataclass
class Visitor:
    """`peer`: where the connection comes from; `base`: the base URL of the service."""

    service: Service
    peer: str = "testclient"
    base: str = "http://testserver"
    age: float = 60
    seen: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.browser = self.service.client.beside((self.peer, 50000), base_url=self.base)
        self.page: Response

    # --- reading a page ----------------------------------------------------------------------------

    @property
    def read(self) -> Read:
        return Read(self.page.text)

    @property
    def path(self) -> str:
        return str(self.page.url.path)

    @property
    def form(self) -> Form:
        """The main form of the page: neither the one for leaving nor the one for languages."""
        others = ("leave", "languages")
        return next(each for each in self.read.forms if each.attributes.get("class") not in others)

    @property
    def heading(self) -> str:
        return self.read.headings[0]

    @property
    def secret(self) -> str:
        """The value of the session cookie."""
        return next((each.value or "" for each in self.browser.cookies.jar if "form" in each.name), "")

    # --- actions -----------------------------------------------------------------------------------

    def get(self, path: str, **headers: str) -> Response:
        return self._see(self.browser.get(path, headers=headers))

    def post(self, path: str, pairs: Pairs, **headers: str) -> Response:
        data: dict[str, list[str]] = {}
        for name, value in pairs:
            data.setdefault(name, []).append(value)
        return self._see(self.browser.post(path, data=data, headers=headers))

    def _see(self, page: Response) -> Response:
        """Assert what holds for every page, whatever its content."""
        self.page = page
        assert page.headers["cache-control"] in ("no-store", "public, max-age=31536000, immutable")
        assert "unsafe" not in page.headers["content-security-policy"]
        if page.headers["content-type"].startswith("text/html") and self.path != "/form/left":
            edition = edition_of(self.service.services)
            words = unescape(page.text)
            assert edition.phrasebooks[self.read.lang].footer in words, page.text
            assert "988" in words
            assert "911" in words
        return page

    def open(self, language: str = "", age: float = 60) -> None:
        """Open the first page, as if it had been opened `age` seconds ago."""
        self.age = age
        self.get("/form" + (f"?language={language}" if language else ""))

    def send(self, answers: Mapping[str, Any] | None = None, **more: Any) -> Response:
        """Send the form of this page with those of `answers` that it asks, and with additional fields."""
        form = self.form
        values = {
            name: _typed(value)
            for name, value in (answers or {}).items()
            if any(each.get("type") != "hidden" for each in form.offers(name))
        }
        values |= {name: _typed(value) for name, value in more.items()}
        if "instance" not in more and any(each.get("name") == "instance" for each in form.inputs):
            made = now() - dt.timedelta(seconds=self.age)
            values["instance"] = [form_security.new_form_id(self.service.services, made)]
        return self.post(form.action, form.filled(values))

    def begin(self, answers: Answers, language: str = "", age: float = 60) -> None:
        """Open the form and send its first two pages: the consent, and who the answers are about."""
        self.open(language, age)
        self.send(answers)
        if self.page.status_code == 200:
            self.send(answers)

    def fill_in(self, answers: Mapping[str, Any], until: str = "/form/check") -> None:
        """Fill in page by page, following the form."""
        for _ in range(25):
            self.seen.append(self.heading)
            assert self.page.status_code == 200, self.page.text
            if self.path == until:
                return
            onward = [each["href"] for each in self.read.links if each.get("class") == "continue"]
            if onward:
                self.get(onward[0] or "")
            else:
                self.send(answers)
        raise AssertionError(f"{until} was not reached: {self.seen}")

    def go_through(self, answers: Mapping[str, Any], language: str = "") -> None:
        """The whole journey, up to the summary."""
        self.open(language)
        self.fill_in(answers)
        self.send()
        assert self.path == "/form/summary", self.page.text


def _typed(value: Any) -> list[str]:
    if isinstance(value, bool):
        return [str(value).lower()]
    return [str(each) for each in value] if isinstance(value, list | tuple) else [str(value)]
