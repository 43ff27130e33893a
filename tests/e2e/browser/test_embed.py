"""The form in a frame on the clinic's website, with the lines that the page /examples/embed gives to copy.

The website is a different site from the service, so cookies and origins behave as in production.
"""

import html
import math
import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Frame, Page
from starlette.testclient import TestClient

from app.main import create_app
from app.settings import Settings
from tests.conftest import LIBRARY
from tests.e2e.browser import pictures, probes
from tests.e2e.browser.conftest import PLENTY
from tests.e2e.browser.html import complaints
from tests.e2e.browser.mobile_device import Way, other_way
from tests.e2e.browser.respondent import Respondent
from tests.e2e.browser.website import Website, website
from tests.sample_answers import CARA, MINA, NOA, Answers
from tests.server import Server, serving

SITE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Our clinic</title>
<link rel="icon" href="data:,">
</head>
<body>
<h1>Our clinic</h1>
<p>{before}</p>
{lines}
<p>Where to find us</p>
</body>
</html>
"""
TALL = "A line of ours.<br>" * 80


@dataclass(frozen=True)
class EmbedHost:
    """A website and the service that allows it to embed the form."""

    website: Website
    server: Server
    lines: str

    def put_up(self, *, lines: str | None = None, before: str = "Fill in the form:") -> str:
        """Publish a page with the copied lines; returns its address."""
        self.website.files["visit.html"] = SITE.format(lines=lines or self.lines, before=before)
        return f"{self.website.url}/visit.html"


def lines_to_copy(server: Server) -> str:
    """The lines that the page for operators gives to copy, as its readers see them."""
    shown = httpx.get(f"{server.url}/examples/embed").text
    (found,) = re.findall(r"<pre><code>(<?.*?)</code></pre>", shown, re.DOTALL)
    return html.unescape(found)


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbedHost]:
    with ExitStack() as stack:
        site = stack.enter_context(website())
        kept, framed = tmp_path_factory.mktemp("framed"), {"PRECONSULT_FRAME_ANCESTORS": site.url}
        server = stack.enter_context(serving(kept, **PLENTY, **framed))
        yield EmbedHost(site, server, lines_to_copy(server))


@dataclass
class Reader:
    """A visitor of the clinic's website."""

    context: BrowserContext
    page: Page
    scripts: bool = True
    seen: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _heard(self, said: ConsoleMessage) -> None:
        quiet = "status of 4" in said.text or said.text.startswith(
            "Blocked autofocusing"
        )  # our script does this
        if said.type == "error" and not quiet:
            self.complaints.append(said.text)

    @property
    def frame(self) -> Frame:
        return self.page.frames[1]

    @property
    def heading(self) -> str:
        return self.frame.locator("h1").first.inner_text()

    @property
    def somebody(self) -> Respondent:
        """The respondent who fills in what the frame shows, as on a page of its own."""
        return Respondent(cast("Page", self.frame), "", self.scripts)

    def open(self, url: str) -> None:
        self.page.goto(url)
        self.arrived()

    def arrived(self) -> None:
        """Wait until a page has loaded in the frame."""
        self.frame.wait_for_load_state()
        self.seen.append(self.heading)
        if self.scripts:
            self.fitting()

    def fitting(self) -> None:
        """Wait until the frame is as high as its content."""
        high = math.ceil(self.frame.evaluate("document.body.getBoundingClientRect().height"))
        self.page.wait_for_function("high => document.querySelector('iframe').height === `${high}`", arg=high)

    def press(self, selector: str = "main button.continue, main a.continue") -> None:
        with self.page.expect_response(lambda answer: is_page(answer.request, answer.status)):
            self.frame.locator(selector).last.click()
        self.arrived()

    def fill_in(self, answers: Answers, *, until: str) -> None:
        for _ in range(20):
            if self.heading == until:
                return
            self.somebody.answer(answers)
            self.press()
        raise AssertionError(f"{until} was not reached: {self.seen}")

    def in_view(self, selector: str) -> bool:
        """Is it visible without scrolling?"""
        box, window = self.frame.locator(selector).first.bounding_box(), self.page.viewport_size
        return box is not None and window is not None and -1 <= box["y"] < window["height"]

    def shows_nothing(self) -> bool:
        """Has the browser refused to show a page in the frame?"""
        self.frame.wait_for_url(re.compile("^chrome-error:"), wait_until="commit")
        return self.frame.locator("main").count() == 0


def is_page(request: Any, status: int) -> bool:
    return request.resource_type == "document" and not 300 <= status < 400


def reader(browser: Browser, *, scripts: bool = True, width: int = 360) -> Reader:
    context = browser.new_context(java_script_enabled=scripts, viewport={"width": width, "height": 800})
    return Reader(context, context.new_page(), scripts)


@pytest.fixture
def person(browser: Browser) -> Iterator[Reader]:
    made = reader(browser)
    yield made
    made.context.close()
    assert made.complaints == []


# --- rejected ----------------------------------------------------------------------------------------


def test_a_website_that_is_not_named_shows_nothing(browser: Browser, host: EmbedHost) -> None:
    stranger = reader(browser)
    with website(**{"visit.html": SITE.format(lines=host.lines, before="")}) as site:
        stranger.page.goto(f"{site.url}/visit.html")
        assert stranger.shows_nothing()
    assert any("frame-ancestors" in each for each in stranger.complaints)
    stranger.context.close()


def test_where_no_website_is_named_none_may_show_it(
    browser: Browser, server: Server, host: EmbedHost
) -> None:
    stranger = reader(browser)
    lines = host.lines.replace(host.server.url, server.url)
    stranger.page.goto(host.put_up(lines=lines))
    assert stranger.shows_nothing()
    stranger.context.close()


def test_in_production_not_even_our_own_pages_may_show_it(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("app.main.load_library", LIBRARY)
    with TestClient(create_app(Settings(data_dir=tmp_path, log_level="error"))) as client:
        told = client.get("/form").headers["content-security-policy"]
        assert "frame-ancestors 'none'" in told
        assert client.get("/examples/embed").status_code == 404


@pytest.mark.parametrize("path", ["/docs", "/v1/questionnaires", "/openapi.json", "/readyz", "/nowhere"])
def test_what_is_no_page_of_the_form_can_be_shown_by_nobody(host: EmbedHost, path: str) -> None:
    headers = httpx.get(host.server.url + path).headers
    assert headers["x-frame-options"] == "DENY"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]


def test_the_api_reference_in_a_frame_stays_empty(browser: Browser, host: EmbedHost) -> None:
    stranger = reader(browser)
    stranger.page.goto(host.put_up(lines=host.lines.replace("/form", "/docs")))
    assert stranger.shows_nothing()
    stranger.context.close()


def test_nobody_but_the_form_says_how_high_its_frame_is(person: Reader, host: EmbedHost) -> None:
    ours = "<iframe srcdoc='<p>An advertisement</p>' title='Other' data-preconsult></iframe>"
    theirs = f"<iframe src='{host.server.url}/form/privacy' title='Another'></iframe>"
    person.open(host.put_up(lines=host.lines + ours + theirs))
    before = person.page.locator("iframe").first.get_attribute("height")
    say = "parent.postMessage({ preconsult: { height: 5000, top: 0 } }, '*')"
    for frame in person.page.frames[2:]:
        frame.evaluate(say)
    person.page.evaluate(say)
    person.page.evaluate("new Promise(done => { onmessage = done; postMessage('last', '*'); })")
    assert person.page.locator("iframe").first.get_attribute("height") == before


# --- accepted ---------------------------------------------------------------------------------------


@other_way
def test_the_whole_form_can_be_filled_in_in_the_frame(browser: Browser, host: EmbedHost, way: Way) -> None:
    person = reader(browser, scripts=way.scripts, width=way.width)
    person.open(host.put_up())
    person.fill_in(NOA, until="Call 988")
    pictures.take(person.page, f"embed-interruption-{way}", full_page=False)
    person.fill_in(NOA, until="Check your answers")
    pictures.take(person.page, f"embed-check-{way}")
    person.press()
    assert person.frame.url.endswith("/form/summary")
    assert "Things to discuss with a clinician" in person.frame.locator("h1").all_inner_texts()
    assert person.frame.locator(".topic").count() > 0
    assert "988" in person.frame.locator("main > *").first.inner_text()
    pictures.take(person.page, f"embed-summary-{way}")
    assert person.page.url == f"{host.website.url}/visit.html", "nothing but the frame has moved"
    assert person.complaints == []
    (cookie,) = [each for each in person.context.cookies() if each["name"].endswith("preconsult_form")]
    assert cookie["name"] == "__Host-preconsult_form"
    assert (cookie["secure"], cookie["httpOnly"], cookie["sameSite"]) == (True, True, "None")
    assert cookie.get("partitionKey") == "http://localhost", "it is kept for this website alone"
    person.context.close()


def test_the_frame_follows_what_it_shows_up_and_down_and_a_new_page_is_in_view(
    person: Reader, host: EmbedHost
) -> None:
    person.open(host.put_up(before=TALL))
    assert person.page.evaluate("scrollY") == 0, "the clinic's own words come first"
    highs = []
    while "Check your answers" not in person.seen:
        person.somebody.answer(NOA)
        person.press()
        assert person.in_view("h1"), person.heading
        highs.append(int(person.page.locator("iframe").get_attribute("height") or 0))
        assert person.page.evaluate("document.documentElement.scrollWidth") <= 360
    steps = [after - before for before, after in pairwise(highs)]
    assert min(steps) < -200
    assert max(steps) > 200


def test_what_is_amiss_is_in_view_and_so_is_where_it_leads(person: Reader, host: EmbedHost) -> None:
    person.open(host.put_up(before=TALL))
    person.fill_in(CARA, until="About your pain")
    person.somebody.answer({"pain_intensity": "very"})
    person.press()
    assert person.in_view(".errors")
    assert not person.in_view("[name=pain_intensity]")
    assert person.frame.evaluate("document.activeElement.className") == "errors"
    before = person.page.evaluate("scrollY")
    person.frame.locator(".errors a").last.click()
    person.page.wait_for_function("before => scrollY > before", arg=before)
    assert person.in_view("[name=pain_intensity]")


def test_questions_that_appear_make_the_frame_higher_at_once(person: Reader, host: EmbedHost) -> None:
    person.open(host.put_up())
    person.fill_in(CARA, until="About your mood and feelings")
    before = int(person.page.locator("iframe").get_attribute("height") or 0)
    person.somebody.answer({"depression_told_by_clinician": "yes"})
    person.fitting()
    assert int(person.page.locator("iframe").get_attribute("height") or 0) > before + 200


def test_the_header_is_slim_in_a_frame_and_leaving_takes_the_whole_page_away(
    person: Reader, host: EmbedHost
) -> None:
    person.open(host.put_up())
    person.fill_in(CARA, until="About you")
    assert person.frame.locator("header .clinic").is_hidden()
    assert person.frame.locator("footer .safety").is_visible()
    person.frame.locator("form.leave button").click()
    person.page.wait_for_url("**/form/left")
    assert person.page.inner_text("body").strip() == "This page is empty."
    for _ in range(20):  # the request that ends the session was sent without waiting for its response
        person.page.goto(host.put_up(lines=host.lines.replace("/form", "/form/go-on")))
        if person.heading == "Before you start":
            return
    raise AssertionError("the session is still open")


def test_without_the_script_the_frame_keeps_its_height_and_scrolls(person: Reader, host: EmbedHost) -> None:
    person.page.goto(host.put_up(lines=host.lines.partition("<script")[0]))
    person.frame.wait_for_load_state()
    assert person.page.locator("iframe").bounding_box()["height"] >= 900  # type: ignore[index]
    assert person.frame.evaluate("document.documentElement.scrollHeight > innerHeight")
    person.frame.locator("button.continue").scroll_into_view_if_needed()
    assert person.in_view("button.continue")


def test_the_plain_link_works_as_well(person: Reader, host: EmbedHost) -> None:
    lines = f'<a href="{host.server.url}/form">Fill in the form</a>'
    person.page.goto(host.put_up(lines=lines))
    person.page.get_by_role("link", name="Fill in the form").click()
    somebody = Respondent(person.page, host.server.url)
    person.page.wait_for_url("**/form")
    somebody.fill_in(MINA)
    somebody.send()
    assert "under 18" in somebody.words or "18 and over" in somebody.words
    assert person.page.locator("header .clinic").is_visible()


# --- the live page -------------------------------------------------------------------------------------


def test_the_live_page_shows_it_as_it_will_be(page: Page, server: Server) -> None:
    services = Reader(page.context, page)
    for width in (1280, 360):
        page.set_viewport_size({"width": width, "height": 800})
        services.open(f"{server.url}/examples/embed")
        assert services.heading == "Before you start"
        pictures.take(page, f"embed-live-{width}")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert probes.violations(page) == [], width
    assert complaints({"live": httpx.get(page.url).text}) == []
    services.fill_in(MINA, until="Check your answers")
