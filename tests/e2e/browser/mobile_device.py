"""A person's device: a browser of one width, with or without scripts, monitored from first page to last.

Responsible for: recording what no page may do: request another origin, violate the content policy, be wider
than the screen, lack the footer, or show an answer in its address. Never: judges what a page says.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request

from tests.e2e.browser import pictures
from tests.e2e.browser.respondent import Respondent

ADDRESS = re.compile(
    r"/(static/[a-z/.-]+\?v=[0-9a-f]{10}"
    r"|r|form(/s/[0-9a-f]{12}|/[a-z-]+(\.txt|\.pdf|\.css)?)?"
    r"(\?v=[0-9a-f]{10}|\?language=[a-zA-Z-]+|\?((check|new|changed)=1&?)+)?(#q\d+|#r\d+|#main|#link)?)"
)
LINK = re.compile(r"[#/][A-Za-z0-9_-]{43}$")
MEASURES = """() => ({
    width: document.documentElement.scrollWidth,
    headings: document.querySelectorAll("h1").length,
    language: document.documentElement.lang,
    footer: document.querySelector("footer .safety")?.innerText ?? "",
})"""


@dataclass(frozen=True)
class Way:
    """How the form is viewed: the width of the screen in pixels, with or without scripts."""

    width: int
    scripts: bool

    def __str__(self) -> str:
        return f"{self.width}-{'scripts' if self.scripts else 'plain'}"


PHONE, DESK = Way(360, scripts=True), Way(1280, scripts=True)
PLAIN_PHONE, PLAIN_DESK = Way(360, scripts=False), Way(1280, scripts=False)
EVERY_WAY = [PHONE, DESK, PLAIN_PHONE, PLAIN_DESK]


def ways(*full: Way, among: Sequence[Way] = EVERY_WAY) -> pytest.MarkDecorator:
    """Run a test in the ways in `full`, and with --thorough in all ways in `among`."""
    only = pytest.mark.thorough
    return pytest.mark.parametrize(
        "way", [pytest.param(way, id=str(way), marks=() if way in full else only) for way in among]
    )


# Each journey runs once with scripts and once without, at both widths; the next journey the other way round.
either_way = ways(PHONE, PLAIN_DESK)
other_way = ways(DESK, PLAIN_PHONE)


def place(way: Way) -> int:
    """A number for each way, so that the same test takes different data in each way."""
    return EVERY_WAY.index(way)


@dataclass
class Device:
    """`found_issues`: what no page may do; `posts`: the paths that forms were sent to, in order."""

    browser: Browser
    base: str
    way: Way
    found_issues: list[str] = field(default_factory=list)
    posts: list[str] = field(default_factory=list)
    context: BrowserContext = field(init=False)

    def __post_init__(self) -> None:
        self.context = self.browser.new_context(
            viewport={"width": self.way.width, "height": 800},
            java_script_enabled=self.way.scripts,
            locale="en-US",
            reduced_motion="reduce",
        )
        self.context.on("page", self._watch)

    def respondent(self) -> Respondent:
        """A respondent in a new tab of this device."""
        page = self.context.new_page()
        return Respondent(page, self.base, self.way.scripts, look=lambda name: self.look(page, name))

    def look(self, page: Page, name: str) -> None:
        """Record what is wrong with an open page."""
        seen: dict[str, Any] = page.evaluate(MEASURES)
        if seen["width"] > self.way.width:
            self.found_issues.append(f"{name} is {seen['width']} px wide")
        if seen["headings"] != 1:
            self.found_issues.append(f"{name} has {seen['headings']} h1")
        if not ("911" in seen["footer"] and "988" in seen["footer"]):
            self.found_issues.append(f"{name} has no footer")
        self.picture(page, name if seen["language"] == "en" else f"{name}-{seen['language']}")

    def picture(self, page: Page, name: str) -> None:
        pictures.take(page, f"form-{name}-{self.way}")

    def history(self, page: Page) -> list[str]:
        """The addresses in the browser's history."""
        with_tools = self.context.new_cdp_session(page)
        entries = with_tools.send("Page.getNavigationHistory")["entries"]
        return [entry["url"] for entry in entries if entry["url"] != "about:blank"]

    def close(self) -> list[str]:
        """Close the browser context; return the issues and each forbidden address in the history."""
        held = [url for page in self.context.pages for url in self.history(page)]
        self.context.close()
        return self.found_issues + [f"address {url}" for url in held if not self._quiet(url)]

    def _watch(self, page: Page) -> None:
        page.on("request", self._asked)
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.found_issues.append(str(error)))

    def _asked(self, request: Request) -> None:
        if request.url.startswith(("data:", "blob:", "about:")):
            return
        if request.method == "POST":
            self.posts.append(request.url.removeprefix(self.base))
        sent = request.url.partition("#")[0]
        linked = "/form/resume/" in sent or sent.startswith(f"{self.base}/r/")
        if not self._quiet(LINK.sub("", sent) if linked else sent):
            self.found_issues.append(f"request {request.url}")

    def _said(self, said: ConsoleMessage) -> None:
        # a form returned with errors (422) or an error page (403, 404) is not a failure
        if said.type == "error" and "status of 4" not in said.text:
            self.found_issues.append(said.text)

    def _quiet(self, url: str) -> bool:
        """Is the address ours and free of answers? Without scripts it may hold a resume or one-time link."""
        if not url.startswith(f"{self.base}/"):
            return False
        path = url.removeprefix(self.base)
        if not self.way.scripts and path.startswith(("/form/resume", "/r/")):
            path = LINK.sub("", path)
        return ADDRESS.fullmatch(path) is not None
