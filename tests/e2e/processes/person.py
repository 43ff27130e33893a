"""A respondent who fills in the hosted form without a browser: a cookie jar and a parser of forms and links.

Responsible for: opening what the pages lead to and sending their forms, as a browser without scripts would; a
request without a response can be repeated by the same call. Never: uses addresses beyond the first, or a
field that the page does not contain.
"""

import http.client
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

from tests.e2e.processes.writers import PATIENCE, Answer
from tests.server import Server

Pairs = Sequence[tuple[str, str]]
CONTACT = {"contact_name": "Pat Canary-Quill", "contact_phone": "+1 561 555 0142"}
TOLD: dict[str, Any] = {  # two interruption pages, and questions that are enabled on the page they are on
    "info_only": True,
    "answering_for": "myself",
    "age_band": "25_44",
    "urgent_signs": ["chest_or_breathing"],
    "visit_reason": ["long_term_pain", "low_mood"],
    "pain_types": ["crps", "sickle_cell"],
    "pain_named_by_clinician": "some",
    "pain_intensity": 7,
    "pain_tried": ["injection_procedure"],
    "pain_tried_helped": "a_little",
    "depression_told_by_clinician": "no",
    "other_feelings": ["anxiety"],
    "self_harm_thoughts": "now",
    "health_topics": ["bp_heart"],
    "takes_medicines": "no",
    "ride_home": "not_sure",
    "contact_permission": "yes",
}
VOID = ("input", "br", "meta", "link", "img", "hr")


class Unanswered(Exception):
    """The server has answered 503."""


@dataclass
class Form:
    """A form of a page: its action, and each field with whether it would be sent unchanged."""

    action: str
    fields: list[tuple[str, str, str, bool]] = field(default_factory=list)  # name, value, type, on

    def holds(self, name: str) -> bool:
        return any(each[0] == name for each in self.fields)

    def asks(self, name: str) -> bool:
        """Is it a visible question of the page?"""
        return ("asked", name) in {each[:2] for each in self.fields}

    def filled(self, answers: Mapping[str, Any]) -> Pairs:
        """What is sent with `answers` filled in, in the order of the page."""
        pairs = []
        for name, value, kind, on in self.fields:
            given = answers.get(name)
            if given is None:
                pairs += [(name, value)] if on else []
            elif kind in ("radio", "checkbox"):
                pairs += [(name, value)] if value in _codes(given) else []
            else:
                pairs.append((name, str(given)))
        return pairs


def _codes(given: Any) -> list[str]:
    codes = given if isinstance(given, list | tuple) else [given]
    return [str(code).lower() if isinstance(code, bool) else str(code) for code in codes]


class Sheet(HTMLParser):
    """A parsed page: the text of its main part, its forms, and the link to the next page."""

    def __init__(self, content: bytes) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.classes: set[str] = set()
        self.onward = ""
        self.links: list[str] = []  # resume links, as shown
        self.footer = ""
        self._words: list[str] = []
        self._inside: list[str] = []
        self._off = False
        self.feed(content.decode())
        self.close()

    @property
    def words(self) -> str:
        return " ".join(" ".join(self._words).split())

    def form(self, name: str) -> Form | None:
        """The form that contains a field of that name."""
        return next((each for each in self.forms if each.holds(name)), None)

    def to(self, action: str) -> Form | None:
        return next((each for each in self.forms if each.action == action), None)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        classes = given.get("class", "").split()
        if tag not in VOID:
            self._inside.append(tag)
        self.classes |= set(classes)
        if tag == "form":
            self.forms.append(Form(given["action"]))
        elif tag == "fieldset":
            self._off = "disabled" in given
        elif tag == "a" and "continue" in classes:
            self.onward = given["href"]
        elif tag == "input" and "link" in classes:
            self.links.append(given["value"])
        elif tag == "input" and self.forms and "name" in given and not self._off and "disabled" not in given:
            kind = given.get("type", "text")
            on = kind not in ("radio", "checkbox") or "checked" in given
            self.forms[-1].fields.append((given["name"], given.get("value", ""), kind, on))

    def handle_endtag(self, tag: str) -> None:
        while self._inside and self._inside.pop() != tag:
            pass
        if tag == "fieldset":
            self._off = False

    def handle_data(self, data: str) -> None:
        if "main" in self._inside:
            self._words.append(data)
        if "footer" in self._inside:
            self.footer += data


@dataclass
class Person:
    """`at`: the address to open next; `sheet`: the open page, None until `look`."""

    server: Server
    answers: Mapping[str, Any] = field(default_factory=lambda: TOLD | CONTACT)
    noise: Mapping[str, str] = field(default_factory=dict)  # headers of every request
    cookies: dict[str, str] = field(default_factory=dict)
    at: str = "/form"
    sheet: Sheet | None = None
    sent: int = 0  # number of forms that were answered
    met: list[str] = field(default_factory=list)  # the text of each interruption page
    told: list[Answer] = field(default_factory=list)
    _line: http.client.HTTPConnection | None = None

    # --- single requests

    def ask(self, method: str, path: str, pairs: Pairs | None = None, *, lost: bool = False) -> Answer:
        """Send one request with the cookies; `lost`: drop its response. Raises OSError, HTTPException."""
        line = self._line = self._line or http.client.HTTPConnection(
            "127.0.0.1", self.server.port, timeout=PATIENCE
        )
        headers = dict(self.noise)
        if self.cookies:
            headers["cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        body = None
        if pairs is not None:
            headers["content-type"] = "application/x-www-form-urlencoded"
            body = urlencode(pairs).encode()
        try:
            line.request(method, path, body, headers)
            got = line.getresponse()
            answer = Answer(got.status, {name.lower(): value for name, value in got.getheaders()}, got.read())
            handed = got.headers.get_all("set-cookie") or []
        except BaseException:
            self.hang_up()
            raise
        if not lost:
            self._keep(handed)
            self.told.append(answer)
        return answer

    def _keep(self, handed: list[str]) -> None:
        for each in handed:
            name, _, value = each.partition(";")[0].partition("=")
            self.cookies[name] = value
            if "Max-Age=0" in each:
                del self.cookies[name]

    def hang_up(self) -> None:
        if self._line is not None:
            self._line.close()
        self._line = None

    @property
    def secret(self) -> str:
        """The value of the session cookie."""
        return self.cookies["preconsult_form"]

    # --- page by page

    def open(self, path: str) -> Sheet:
        """Open a page, following redirects. Raises Unanswered for 503."""
        for _ in range(5):
            answer = self.ask("GET", path)
            if answer.status == 503:
                raise Unanswered
            if answer.status != 303:
                assert answer.status == 200, (path, answer.status, answer.content)
                return Sheet(answer.content)
            path = answer.headers["location"]
        raise AssertionError(f"{path}: redirects without end")

    def look(self) -> Sheet:
        """Open the next page."""
        self.sheet = self.open(self.at)
        if "interruption" in self.sheet.classes:
            self.met.append(self.sheet.words)
        return self.sheet

    @property
    def form(self) -> Form | None:
        """The one form of the open page that leads to the next page."""
        assert self.sheet is not None
        return self.sheet.form("instance") or self.sheet.form("asked") or self.sheet.to("/form/check")

    def send(self, *, lost: bool = False) -> None:
        """Fill in the open page and send it; the page stays open until a response arrives."""
        form = self.form
        assert form is not None, self.sheet and self.sheet.words
        answer = self.ask("POST", form.action, form.filled(self.answers), lost=lost)
        if answer.status == 503:
            raise Unanswered
        assert answer.status == 303, (form.action, answer.status, answer.content)
        if not lost:
            self.at, self.sheet, self.sent = answer.headers["location"], None, self.sent + 1

    def step(self) -> bool:
        """Make one request of the journey; False when it is over."""
        if self.sheet is None:
            self.look()
        elif self.form is not None:
            self.send()
        elif self.sheet.onward:
            self.at, self.sheet = self.sheet.onward, None
        else:
            return False
        return True

    def go_to(self, sent: int, *, shown: bool = False) -> None:
        """Continue until `sent` forms were answered; with `shown`, until the next form is open."""
        while self.sent < sent:
            assert self.step(), "the form is over"
        while shown and (self.sheet is None or self.form is None):
            assert self.step(), "the form is over"

    def finish(self) -> None:
        while self.step():
            pass

    # --- resume links -

    def link(self) -> str:
        """Create a resume link."""
        form = self.open("/form/save").to("/form/save")
        assert form is not None
        sheet = Sheet(self.ask("POST", form.action, form.filled({})).content)
        return sheet.links[0]

    def resume(self, link: str) -> None:
        """Resume on another device, with only the link."""
        path = urljoin("/", urlsplit(link).path)
        form = self.open(path).to("/form/resume")
        assert form is not None
        answer = self.ask("POST", form.action, form.filled({"link": link}))
        assert answer.status == 303, answer.content
        self.at, self.sheet = answer.headers["location"], None
