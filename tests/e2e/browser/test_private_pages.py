"""Nothing leaks: not by requests, addresses, history, logs, cookies or what stays on a device.

A whole walk over every page (page_tour.py) is recorded on the network. Never: trusts what a page says of
itself.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from playwright.sync_api import Browser, Page
from starlette.testclient import TestClient

from app.logging import FIELDS
from app.main import create_app
from app.settings import Settings
from tests.conftest import LIBRARY
from tests.e2e.browser import probes
from tests.e2e.browser.page_tour import STATES, Tour
from tests.e2e.browser.respondent import Respondent
from tests.sample_answers import CARA, PAT_CONTACT
from tests.server import Server, serving

ENOUGH = 10  # characters of a secret that cannot occur by chance
FLAGS = re.compile(r"\?(((check|new|changed)=1&?)+|language=[a-zA-Z-]+|v=[0-9a-f]{10})(?=#|$)")
PATH_LINK = re.compile(r"/form/resume/[A-Za-z0-9_-]{43}$")  # the resume link for browsers without scripts
HIDDEN = re.compile(r'name="(?:token|instance)" value="([^"]+)"')
CLOSED = {"cache-control": "no-store", "x-content-type-options": "nosniff", "referrer-policy": "no-referrer"}
COOKIE = re.compile(
    r"preconsult_(form|language|handoff)=[A-Za-z0-9_-]*; Path=/; HttpOnly; SameSite=Lax(; Max-Age=0)?"
)


@pytest.fixture(scope="module")
def talkative(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A service that logs all it can."""
    with serving(tmp_path_factory.mktemp("talkative"), PRECONSULT_LOG_LEVEL="debug") as running:
        yield running


@dataclass
class Overheard:
    """All network traffic, and every secret that was ever in a page or a cookie."""

    asked: list[str] = field(default_factory=list)  # addresses
    sent: list[dict[str, str]] = field(default_factory=list)  # headers of requests
    answered: list[dict[str, str]] = field(default_factory=list)  # headers of responses
    history: list[str] = field(default_factory=list)
    states: list[str] = field(default_factory=list)
    secrets: set[str] = field(default_factory=set)
    wrong: list[str] = field(default_factory=list)  # problems visible in a page alone

    def listen(self, page: Page) -> None:
        wire = page.context.new_cdp_session(page)
        wire.send("Network.enable")
        wire.on("Network.requestWillBeSent", lambda told: self._asked(told["request"]["url"]))
        wire.on("Network.requestWillBeSentExtraInfo", lambda told: self.sent.append(lower(told["headers"])))
        wire.on("Network.responseReceivedExtraInfo", lambda told: self._answered(lower(told["headers"])))
        page.on("framenavigated", lambda frame: self.history.append(frame.url))

    def _asked(self, address: str) -> None:
        if not address.startswith("data:"):  # pictures within a style sheet
            self.asked.append(address)

    def _answered(self, headers: dict[str, str]) -> None:
        self.answered.append(headers)
        self.secrets |= set(re.findall(r"preconsult_form=([^;\s]+)", headers.get("set-cookie", "")))

    def look(self, tour: Tour, state: str) -> None:
        html, headers = tour.sent.text(), lower(tour.sent.headers)
        self.states.append(state)
        self.secrets |= set(HIDDEN.findall(html))
        self.secrets |= {link.input_value()[-43:] for link in tour.page.locator("input.link").all()}
        told = [
            f"{name}: {headers.get(name)}" for name, value in CLOSED.items() if headers.get(name) != value
        ]
        policy = headers.get("content-security-policy", "")
        told += [policy] * (
            "unsafe" in policy or not policy.startswith("default-src 'none'; script-src 'self';")
        )
        told += probes.inline(html) + probes.kept(tour.page)
        self.wrong += [f"{state}: {each}" for each in told]

    @property
    def cookies(self) -> set[str]:
        """Each cookie that was set, with its attributes and without its value."""
        return {one for each in self.answered for one in each.get("set-cookie", "").split("\n") if one}

    @property
    def addresses(self) -> set[str]:
        return {
            *self.asked,
            *self.history,
            *(each["location"] for each in self.answered if "location" in each),
        }


def lower(headers: dict[str, Any]) -> dict[str, str]:
    return {name.lower(): str(value) for name, value in headers.items()}


def names() -> set[str]:
    """The names that the edition gives its pages, its questions and every answer."""
    edition = LIBRARY().current("ketamine-preconsult")
    assert edition is not None
    items = [*edition.asked.item, *edition.asked.by_id.values()]
    return {name for item in items for name in (item.link_id, *item.codes)} | {"true", "false"}


def telling(address: str, secrets: set[str]) -> list[str]:
    """What an address of ours gives away."""
    path = unquote(FLAGS.sub("", urlsplit(address)._replace(scheme="", netloc="").geturl())).lower()
    words = set(re.split(r"[^a-z0-9_]+", path)) & names()
    known = {each for each in secrets if each[:ENOUGH].lower() in path or each[-ENOUGH:].lower() in path}
    return sorted(words | known | {each for each in PAT_CONTACT.values() if each.lower() in path})


def logged(log: Path, secrets: set[str], addresses: set[str]) -> list[str]:
    """What a log must not contain: fields that are not on the list, and values from a request."""
    lines = [
        json.loads(line) for line in log.read_text(encoding="utf-8").splitlines() if line.startswith("{")
    ]
    assert len(lines) > len(STATES)
    wrong = [str(line) for line in lines if not line.keys() <= set(FIELDS)]
    steps = {step for each in addresses for step in re.findall(r"/form/s/([0-9a-f]{12})", each)}
    assert len(steps) > 10
    ids = {name for name in names() if "_" in name}
    text = log.read_text(encoding="utf-8").lower()
    known = [*secrets, *steps, *ids, *PAT_CONTACT.values()]
    return wrong + [each for each in known if each[:ENOUGH].lower() in text or each[-ENOUGH:].lower() in text]


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "plain"])
def test_nobody_overhears_anything_on_a_walk_over_every_page(
    browser: Browser, talkative: Server, narrow: Server, scripts: bool
) -> None:
    context, heard = browser.new_context(java_script_enabled=scripts), Overheard()
    page = context.new_page()
    heard.listen(page)
    Tour(page, talkative.url, narrow.url, "en", heard.look, heard=True).walk()
    context.close()
    assert set(heard.states) == STATES
    assert heard.wrong == []
    ours = {urlsplit(each.url).netloc for each in (talkative, narrow)}
    assert {urlsplit(each).netloc for each in heard.asked} == ours
    assert len(heard.sent) > len(STATES)
    assert [each["referer"] for each in heard.sent if "referer" in each] == []
    assert len(heard.secrets) >= 20
    addresses = {PATH_LINK.sub("/form/resume", each) for each in heard.addresses}
    assert {each: told for each in addresses if (told := telling(each, heard.secrets))} == {}
    assert len([each for each in heard.addresses if PATH_LINK.search(each)]) == 1
    assert [each for each in heard.cookies if not COOKIE.fullmatch(each)] == []
    assert logged(talkative.log, heard.secrets, heard.addresses) == []


def test_a_link_back_in_leaves_neither_request_nor_history(browser: Browser, talkative: Server) -> None:
    context = browser.new_context()
    somebody = Respondent(context.new_page(), talkative.url)
    somebody.come(CARA, until="urgent_signs")
    somebody.page.goto(f"{talkative.url}/form/save")
    somebody.press("button.continue")
    link = somebody.page.locator("input.link").first.input_value()
    secret = link.partition("#")[2]
    context.close()
    elsewhere, heard = browser.new_context(), Overheard()
    page, shown = elsewhere.new_page(), list[str]()
    heard.listen(page)
    page.on("request", lambda sent: shown.append(page.url) if sent.method == "POST" else None)
    page.goto(f"{talkative.url}/form/resume#{secret}")
    page.locator("form.resume button").click()
    page.locator("[name=urgent_signs]").first.wait_for()
    wire = elsewhere.new_cdp_session(page)
    held = [entry["url"] for entry in wire.send("Page.getNavigationHistory")["entries"]]
    elsewhere.close()
    assert len(secret) == 43
    assert shown == [f"{talkative.url}/form/resume"]  # removed from the address before it is sent
    assert [each for each in held if secret in each] == []
    assert [each for each in heard.asked if secret in each] == []
    assert secret not in talkative.log.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("settings", "attributes"),
    [
        ({"public_url": "https://form.example"}, {"Path=/", "HttpOnly", "Secure", "SameSite=Lax"}),
        (
            {"public_url": "https://form.example", "frame_ancestors": "https://www.clinic.example"},
            {"Path=/", "HttpOnly", "Secure", "SameSite=None", "Partitioned"},
        ),
    ],
    ids=["alone", "framed"],
)
def test_over_https_a_cookie_belongs_to_this_host_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any], attributes: set[str]
) -> None:
    monkeypatch.setattr("app.main.load_library", LIBRARY)
    app = create_app(Settings(env="production", data_dir=tmp_path, log_level="error", **settings))
    with TestClient(app, base_url="https://form.example", follow_redirects=False) as client:
        found = re.search(r'name="instance" value="([^"]+)"', client.get("/form").text)
        assert found is not None
        sent = {"instance": found[1], "asked": "info_only", "info_only": "true"}
        begun = client.post("/form", data=sent)
        chosen = client.get("/form?language=en")
    for answer, name in ((begun, "preconsult_form"), (chosen, "preconsult_language")):
        told, *more = answer.headers["set-cookie"].split("; ")
        assert told.startswith(f"__Host-{name}=")
        assert set(more) == attributes
