"""A clinic's own form: its website, a visitor who fills it in, and what each state must show."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import ConsoleMessage, Page, Request

from tests.e2e.browser import pictures, probes
from tests.e2e.browser.respondent import Respondent
from tests.e2e.browser.website import Website
from tests.sample_answers import PAT, PAT_CONTACT, Answers
from tests.server import Server

EXAMPLES = Path("app/web/static/examples")
FILES = ("own-form.html", "own-form.js", "own-form.css")
CONTACT = {f"contact_{kind}": text for kind, text in PAT_CONTACT.items()}
FULL = PAT | CONTACT | {
    "visit_reason": ["not_sure"],
    "pain_types": ["not_sure"],
    "pain_intensity": 7,
    "pain_tried": ["ketamine"],
    "pain_tried_helped": "some",
    "depression_told_by_clinician": "not_sure",
    "depression_treatments_tried": "not_sure",
    "depression_treatments_helped": "partly",
    "self_harm_thoughts": "past",
    "health_topics": ["none"],
}  # fmt: skip
HASTY = "const later = window.setTimeout; window.setTimeout = (act, ms) => later(act, ms / 1000);"


@dataclass
class OwnSite:
    """A website with its own form, a second website, the service they may call, and the first one's key.

    `client` calls the service with an API key for a program of the clinic.
    """

    website: Website
    second: Website
    server: Server
    client: httpx.Client
    key: str = ""

    def put_up(self, language: str = "en") -> None:
        """Copy the files to the website and fill in the placeholders."""
        for name in FILES:
            text = (EXAMPLES / name).read_text(encoding="utf-8")
            text = text.replace("https://visit.clinic.example", self.server.url).replace(
                "pc_live_…", self.key
            )
            self.website.files[name] = text.replace('lang="en"', f'lang="{language}"')

    def key_for(self, origin: str) -> str:
        """Create an API key for this origin as the page describes."""
        scope = ["--scope", "submissions:write", "--origin", origin]
        return self.server.command("keys", "create", "--name", "website", *scope)

    def ask(self, method: str, path: str, language: str = "en", **more: Any) -> Any:
        """The service's response to a program of the clinic."""
        return self.client.request(method, path, headers={"accept-language": language}, **more).json()

    def kept(self) -> list[dict[str, Any]]:
        """The submissions that the service has stored, newest first."""
        found: list[dict[str, Any]] = self.ask("GET", "/v1/submissions")["items"]
        return found


@dataclass
class Visitor:
    """A visitor at the clinic's own form. `look` is called in each state."""

    page: Page
    look: Callable[[Page], None] = lambda _page: None
    seen: list[str] = field(default_factory=list)
    asked: set[str] = field(default_factory=set)
    requests: list[Request] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("request", self._asked)
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _asked(self, request: Request) -> None:
        self.requests.append(request)

    def _heard(self, said: ConsoleMessage) -> None:
        if said.type == "error":
            self.complaints.append(said.text)

    def open(self, url: str) -> None:
        self.page.goto(url)
        self.settled()

    def settled(self) -> None:
        """Wait until the page has finished its work, then call `look`."""
        self.page.wait_for_selector("#preconsult[aria-busy=false]")
        self.seen.append(self.heading)
        self.look(self.page)

    @property
    def heading(self) -> str:
        return self.page.locator("#preconsult h1").inner_text()

    @property
    def words(self) -> str:
        return self.page.locator("#preconsult").inner_text()

    @property
    def errors(self) -> list[str]:
        return [each for each in self.page.locator(".error:visible").all_inner_texts() if each]

    def give(self, answers: Answers) -> None:
        """Answer those of these questions that are asked here."""
        somebody = Respondent(self.page, "")
        self.asked |= {name for name in somebody.asked() if name != "key"}
        somebody.answer(answers)
        self.asked |= {name for name in somebody.asked() if name != "key"}

    def press(self, label: str = "Continue") -> None:
        self.page.locator("#preconsult").get_by_role("button", name=label).click()
        self.settled()

    def fill_in(self, answers: Answers, *, until: str) -> None:
        """Fill in section by section, up to the one with the heading `until`."""
        for _ in range(15):
            if self.heading == until:
                return
            self.give(answers)
            self.press()
        raise AssertionError(f"{until} was not reached: {self.seen}")

    def posts(self) -> list[Request]:
        return [each for each in self.requests if each.method == "POST"]

    def sent(self, ending: str) -> list[Any]:
        """The service's responses to requests whose address ends with `ending`."""
        answers = [each.response() for each in self.requests if each.url.endswith(ending)]
        return [answer.json() for answer in answers if answer and answer.request.method != "OPTIONS"]


def footed(page: Page) -> bool:
    """Is the emergency line on the page?"""
    line = page.locator("#preconsult-footer")
    return line.is_visible() and "911" in line.inner_text() and "988" in line.inner_text()


@dataclass
class Eye:
    """Checks each state: width at 360 and 1280 px, the emergency line; HTML and axe once per run."""

    name: str
    taken: dict[str, str] = field(default_factory=dict)

    def look(self, page: Page) -> None:
        heading = page.locator("#preconsult h1").inner_text()
        assert footed(page)
        html = page.content()  # before a screenshot, which changes the page
        for width in (1280, 360):
            page.set_viewport_size({"width": width, "height": 800})
            assert page.evaluate("document.documentElement.scrollWidth") <= width, heading
            pictures.take(page, f"own-form-{self.name}-{heading}-{width}")
        parts = [page.locator(f"#preconsult {part}").count() for part in (".crisis", ".caution", ".field")]
        state = (heading, *parts)
        if state not in JUDGED:
            JUDGED.add(state)
            self.taken[str(state)] = html
            assert probes.violations(page) == [], heading


JUDGED: set[tuple[object, ...]] = set()


def assert_asked(visitor: Visitor, site: OwnSite, last: dict[str, Any]) -> None:
    """The page has asked exactly the questions that the service would have asked."""
    groups = site.ask("GET", "/v1/questionnaires/ketamine-preconsult")["item"]
    questions = {each["linkId"] for group in groups for each in group["item"] if each["type"] != "display"}
    assert visitor.asked == questions & set(last["enabled"])
    assert last["missing"] == []


def assert_shown(page: Page, summary: dict[str, Any]) -> None:
    """The whole summary is on the page, in its order, and each quotation in one box with its cautions."""
    main = page.locator("#preconsult")
    blocks = main.locator("> *").all()
    for block, raised in zip(blocks, summary["interruptions"], strict=False):
        assert raised["text"] in block.inner_text(), "before everything else"
    assert main.locator(".topic > .lead").all_inner_texts() == [each["text"] for each in summary["topics"]]
    quotations = [each for topic in summary["topics"] for each in topic["quotations"]]
    figures = main.locator("figure").all()
    assert len(figures) == len(quotations)
    for figure, quotation in zip(figures, quotations, strict=True):
        quoted = figure.locator("blockquote")
        assert quoted.text_content() == quotation["exact"]
        assert quoted.get_attribute("lang") == quotation["lang"]
        place = f"{quotation['section']} ({quotation['passage']}, {quotation['start']}–{quotation['end']})"
        assert place in figure.locator(".source").inner_text()
        cautions = figure.locator(".caution").all_inner_texts()
        assert cautions == [f"Please note: {each['text']}" for each in quotation["cautions"]]
    words = main.inner_text()
    for text in [*summary["notice"], *(each["text"] for each in summary["general_cautions"])]:
        assert text in words
    for text in [summary["title"], summary["who_to_talk_to"], summary["who_can_see"], summary["edition"]]:
        assert text in words
    assert page.locator("#preconsult-footer").inner_text() == summary["footer"]
