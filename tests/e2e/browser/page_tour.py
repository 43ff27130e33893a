"""A walk through every state of every page of the form once, in one language.

Responsible for: the walk; at each state it calls `look` with the name of the state, the open page and, in
`sent`, the server's response that the page was made from. Never: judges a page, or fills it in by hand as
respondent.py and test_keyboard.py do: there are too many pages for that.
"""

import contextlib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Page, Response

from tests.e2e.browser.double_submit import hurry, hurry_on
from tests.sample_answers import CARA, FULL, MINA, NOA
from tests.server import Server, serving

QUESTIONS: dict[
    str, dict[str, Any] | None
] = {  # one question of each page, and what else makes that page invalid
    "answering_for": {},
    "urgent_signs": {},
    "visit_reason": {},
    "pain_types": {"pain_intensity": "very"},
    "depression_told_by_clinician": {},
    "health_topics": None,  # nothing on it can be invalid
    "contact_permission": {"contact_permission": "yes", "contact_phone": "after six", "contact_email": "pat"},
}
DANGERS: dict[str, dict[str, Any]] = {
    "call 911": {"urgent_signs": ["chest_or_breathing"]},
    "call 988 now": {"self_harm_thoughts": "now"},
    "call 988 soon": {"self_harm_thoughts": "recent"},
}
STATES = {
    *(
        "start",
        "start, wrong",
        "start, going on",
        "wait",
        "session ended",
        "no cookies",
        "nothing here",
        "one-time link",
        "one-time link, pasted",
        "one-time link, opens nothing",
        "that did not work",
    ),
    *(f"{question}, {state}" for question in QUESTIONS for state in ("empty", "filled in")),
    *(f"{question}, wrong" for question, wrong in QUESTIONS.items() if wrong is not None),
    *("pain_types, brought up", "changed", "contact kept", "check, early", "check, missing", "check"),
    *(
        "check, some unused",
        "save",
        "save, link",
        "save, plain link",
        "save, sent",
        "resume",
        "resume, wrong",
    ),
    *(
        "resume, link",
        "privacy, no session",
        "privacy",
        "summary of CARA",
        "summary of NOA",
        "summary of MINA",
    ),
    *("check of MINA", "call for help", *DANGERS, *(f"after {name}" for name in DANGERS)),
    *("delete", "deleted", "cleared", "left"),
}
FILL = """answers => {
    for (const [name, value] of Object.entries(answers)) {
        const codes = [value].flat().map(String);
        for (const input of document.querySelectorAll(`main [name="${name}"]:not([type=hidden])`)) {
            const chosen = ["radio", "checkbox"].includes(input.type);
            if (chosen) input.checked = codes.includes(input.value);
            else input.value = codes[0];
            input.dispatchEvent(new Event("input", {bubbles: true}));
            input.dispatchEvent(new Event("change", {bubbles: true}));
        }
    }
}"""
UNSCRIPTED = """() => {
    for (const field of document.querySelectorAll("[data-when]")) {
        for (const each of [field, ...field.querySelectorAll("input")]) each.disabled = true;
    }
}"""
FORGED = (
    """() => document.querySelectorAll("main [name=token]").forEach(token => { token.value = "forged" })"""
)
UNKNOWN_LINK = "x" * 43
ASKS = """name => document.querySelector(`main [name="${name}"]`)?.checkVisibility() ?? false"""
CHECK = "/form/check"
Look = Callable[["Tour", str], None]


@contextlib.contextmanager
def full_up(folder: Path) -> Iterator[Server]:
    """A service that allows one form start an hour, which is already used."""
    with serving(folder, PRECONSULT_FORM_START_LIMIT="1") as running:
        found = re.search(r'name="instance" value="([^"]+)"', httpx.get(f"{running.url}/form").text)
        assert found is not None
        sent = {"instance": found[1], "asked": "info_only", "info_only": "true"}
        assert httpx.post(f"{running.url}/form", data=sent).status_code == 303
        yield running


@dataclass
class Tour:
    """`narrow`: the address of a service that has reached its limit of form starts.

    `heard`: start each form in the browser, for a test that listens to it. The pages from there to the next
    state are not opened: the walk visits them elsewhere.
    """

    page: Page
    base: str
    narrow: str
    language: str
    look: Look
    heard: bool = False
    sent: Response = field(init=False)

    def __post_init__(self) -> None:
        self.page.on("response", self._note)

    def _note(self, response: Response) -> None:
        if response.request.is_navigation_request() and not 300 <= response.status < 400:
            self.sent = response

    # --- steps -------------------------------------------------------------------------------------

    def at(self, name: str) -> None:
        """Call `look` for the current page, which is in the state `name`."""
        self.page.wait_for_load_state()
        self.look(self, name)

    def open(self, path: str, name: str = "") -> None:
        self.page.goto(self.base + path)
        if name:
            self.at(name)

    def press(self, name: str = "", selector: str = "main button.continue, main a.continue") -> None:
        with self.page.expect_navigation():
            self.page.locator(selector).last.click()
        if name:
            self.at(name)

    def fill(self, answers: Mapping[str, Any]) -> None:
        texts = {name: value if isinstance(value, list) else str(value) for name, value in answers.items()}
        self.page.evaluate(FILL, texts | {"info_only": "true"})

    def begin(self, answers: Mapping[str, Any], until: str) -> None:
        """Start a form and fill it in up to the page with the question `until`, or to the check page."""
        if not self.heard:
            hurry(self.page, self.base, answers, until, self.language)
            return
        self.open(f"/form?language={self.language}")
        self.fill(answers)
        self.press()
        hurry_on(self.page, self.page.url, answers, until)

    def go_on(self, answers: Mapping[str, Any], until: str) -> None:
        while not (self.page.url.endswith(CHECK) or self.page.evaluate(ASKS, until)):
            self.fill(answers)
            self.press()

    def change(self, question: str) -> None:
        """Go to a question's page from the check page."""
        self.open("/form/check")
        part = 1 + list(QUESTIONS).index(question)  # the start page is the first
        self.press(selector=f"section.answers:nth-of-type({part + 1}) div:first-child > dd > a")

    # --- the walk ----------------------------------------------------------------------------------

    def walk(self) -> None:
        """Visit every state once."""
        self._outside()
        self._questions()
        self._changes()
        self._link_back()
        self._end()
        for name, danger in DANGERS.items():
            self.begin(CARA | danger, until=next(iter(danger)))
            self.fill(CARA | danger)
            self.press(name)
            self.press(f"after {name}")
        self._summary("NOA", NOA)
        self.press("left", "form.leave button")
        self._child()

    def _outside(self) -> None:
        """The states without a session."""
        self.page.goto(f"{self.narrow}/form?language={self.language}")
        self.fill({})
        self.press("wait")
        self.open(f"/form?language={self.language}", "start")
        self.press("start, wrong")
        self.open("/form/check", "session ended")
        self.open("/form/go-on?new=1", "no cookies")
        self.open("/form/nowhere", "nothing here")
        self.open(f"/r/{UNKNOWN_LINK}", "one-time link")
        self.press("one-time link, opens nothing")
        self.open("/r", "one-time link, pasted")
        self.open("/form/privacy", "privacy, no session")
        self.open("/form/resume", "resume")
        self.page.fill("[name=link]", "a scrap of a link")
        self.press("resume, wrong")

    def _questions(self) -> None:
        """Every page of questions: empty, invalid and filled in; then the check page."""
        self.begin(FULL, "answering_for")
        for question, wrong in QUESTIONS.items():
            self.go_on(FULL, until=question)
            self.at(f"{question}, empty")
            if question == "urgent_signs":
                asked = self.page.url
                self.open("/form/check", "check, early")
                self.press("check, missing")
                self.page.goto(asked)
            if wrong is not None:
                self.fill(wrong)
                self.press(f"{question}, wrong")
            self.fill(FULL)
            self.at(f"{question}, filled in")
            self.press()
        self.go_on(FULL, until=CHECK)
        self.at("check")
        self.open("/form", "start, going on")
        self.change("contact_permission")
        self.at("contact kept")

    def _changes(self) -> None:
        """An answer that disables later questions, and one that enables new ones."""
        self.change("pain_types")
        self.fill({"pain_tried": []})
        self.press()
        self.change("pain_types")
        self.fill({"pain_tried": ["ketamine"]})
        self.page.evaluate(UNSCRIPTED)
        self.press("pain_types, brought up")
        self.change("visit_reason")
        self.page.goto(self.page.url.partition("?")[0])  # not through the check page
        self.fill({"visit_reason": ["other"]})
        self.press("changed")
        self.open("/form/check", "check, some unused")

    def _link_back(self) -> None:
        """A resume link, and where it leads."""
        self.open("/form/save", "save")
        self.press("save, link")
        self.page.locator("details summary").click()
        self.at("save, plain link")
        link = self.page.locator("input.link").last.input_value()
        self.open(link[link.index("/form/resume") :], "resume, link")
        self.press()
        self.open("/form/privacy", "privacy")

    def _end(self) -> None:
        """The states after sending: summary, forged token, deleted, cleared."""
        self._summary("CARA", CARA)
        self.open("/form/save", "save, sent")
        self.open("/form/delete", "delete")
        self.page.evaluate(FORGED)
        self.press("that did not work")
        self.open("/form/delete")
        self.press("deleted")
        self._summary("NOA, again", NOA, seen=False)
        self.press("cleared", "form[action='/form/clear'] button")

    def _summary(self, name: str, answers: Mapping[str, Any], *, seen: bool = True) -> None:
        self.begin(answers, until=CHECK)
        self.press(f"summary of {name}" if seen else "")

    def _child(self) -> None:
        """A respondent under 18 is interrupted after the page that asks for the age."""
        self.begin(MINA, until="answering_for")
        self.fill(MINA)
        self.press("call for help")
        self.press("check of MINA")
        self.press("summary of MINA")
