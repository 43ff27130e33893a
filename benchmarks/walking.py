"""A respondent who fills in a hosted form over HTTP; its requests can be sent again.

Responsible for: following the pages: sends each form with the answers it asks for, and follows redirects.
Never: continues from a page it cannot read, or forever.
"""

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode

import httpx

FORM = re.compile(r'<form [^>]*action="(/form(?:/check|/s/[^"]*)?)"[^>]*>(.*?)</form>', re.DOTALL)
INPUT = re.compile(r"<input ([^>]*)>")
PART = re.compile(r'([a-z-]+)(?:="([^"]*)")?')
MOST = 40  # pages
BROWSER = {"accept": "text/html", "accept-language": "en-US,en;q=0.9", "sec-fetch-site": "same-origin"}
Pairs = list[tuple[str, str]]


@dataclass
class Walk:
    """One respondent. `answers`: linkId to answer; `sent`: path of a page to the pairs last sent from it."""

    port: int
    answers: Mapping[str, object]
    sent: dict[str, Pairs] = field(default_factory=dict)

    def __post_init__(self) -> None:
        base = f"http://127.0.0.1:{self.port}"
        # no TLS here; loading its certificates takes longer than the walk
        self.client = httpx.Client(base_url=base, headers=BROWSER, follow_redirects=True, verify=False)
        self.page = self.client.get("/form")

    def fill_in(self) -> None:
        """Continue to the check page, which lists all answers."""
        for _ in range(MOST):
            if self.page.url.path == "/form/check":
                return
            self.go_on()
        raise RuntimeError(f"lost at {self.page.url}:\n{self.page.text}")

    def go_on(self) -> None:
        """Send the form of this page as a browser would."""
        found = FORM.search(self.page.text)
        if self.page.status_code != 200 or found is None:
            raise RuntimeError(f"{self.page.status_code} and no form at {self.page.url}:\n{self.page.text}")
        action, pairs = html.unescape(found[1]), _pairs(found[2], self.answers)
        self.sent[action.partition("?")[0]] = pairs
        self.page = self.client.post(
            action,
            content=urlencode(pairs),
            headers={"content-type": "application/x-www-form-urlencoded"},
        )

    def asking(self, name: str) -> str:
        """The path of the page that asks a question."""
        return next(path for path, pairs in self.sent.items() if path != "/form" and name in dict(pairs))

    def get(self, path: str) -> str:
        """The bytes of a request for a page, in this session."""
        return f"GET {path} HTTP/1.1\r\n{self._head()}\r\n"

    def post(self, path: str) -> str:
        """The bytes of the request that sends a page again."""
        body = urlencode(self.sent[path])
        kind = "Content-Type: application/x-www-form-urlencoded\r\n"
        return f"POST {path} HTTP/1.1\r\n{self._head()}{kind}Content-Length: {len(body)}\r\n\r\n{body}"

    def _head(self) -> str:
        cookies = "; ".join(f"{name}={value}" for name, value in self.client.cookies.items())
        browser = "".join(f"{name}: {value}\r\n" for name, value in BROWSER.items())
        return f"Host: 127.0.0.1:{self.port}\r\n{browser}" + (f"Cookie: {cookies}\r\n" if cookies else "")


def _pairs(form: str, answers: Mapping[str, object]) -> Pairs:
    """Hidden fields as they are, and the answers to the page's questions."""
    pairs: Pairs = []
    asked: dict[str, str] = {}
    for found in INPUT.finditer(form):
        parts = {name: html.unescape(value) for name, value in PART.findall(found[1])}
        if parts["type"] != "hidden":
            asked[parts["name"]] = parts["type"]
        elif "disabled" not in parts:
            pairs.append((parts["name"], parts["value"]))
    for name, kind in asked.items():
        answer = answers.get(name, "" if kind == "text" else [])
        several = answer if isinstance(answer, list) else [answer]
        pairs += [(name, str(each).lower() if each is True else str(each)) for each in several]
    return pairs
