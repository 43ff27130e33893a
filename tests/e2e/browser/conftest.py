"""Fixtures: a real Chromium, found by dev.py, and the real servers it opens."""

import asyncio
import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import httpx
import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

from tests.e2e.browser import accounts, pictures
from tests.e2e.browser.mobile_device import DESK, PHONE, Device, Way
from tests.e2e.browser.page_tour import full_up
from tests.e2e.browser.staff_driver import Colleague
from tests.e2e.browser.staff_fixtures import StoredData
from tests.sample_answers import PAT, PAT_CONTACT, body
from tests.server import Server, serving

PLENTY = {"PRECONSULT_FORM_START_LIMIT_PER_NETWORK": "100000", "PRECONSULT_FORM_START_LIMIT": "100000"}
NO_SECOND_FACTOR = {"PRECONSULT_TWO_FACTOR_ROLES": ""}
CASES = 200
NEEDS = {
    "pain_duration": "1_to_5_years",
    "self_harm_thoughts": "past",
}  # an answer that needs correcting, and one that raises a flag
LOGO = bytes.fromhex(  # a PNG of two by two pixels
    "89504e470d0a1a0a0000000d4948445200000002000000020802000000fdd49a73"
    "0000001649444154789c63f8cf c0f01f8819fe33fc6760f80f00"
)


# --- the browser -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Chromium:
    """A running browser, and the event loop through which Playwright controls it."""

    browser: Browser
    loop: asyncio.AbstractEventLoop


@pytest.fixture(scope="session")
def chromium() -> Iterator[Chromium]:
    """One browser for all tests of this process; the fixture `browser` gives it to a test."""
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(
            executable_path=os.environ.get("CHROMIUM_PATH") or "/usr/bin/chromium",
            chromium_sandbox=False,
            args=["--disable-background-networking", "--disable-component-update", "--disable-sync"],
        )
        loop = asyncio.get_running_loop()
        asyncio._set_running_loop(None)
        yield Chromium(launched, loop)
        asyncio._set_running_loop(loop)
        launched.close()


@pytest.fixture
def browser(chromium: Chromium) -> Iterator[Browser]:
    """The browser. Playwright's loop is set as running only in this test: others call asyncio.run."""
    asyncio._set_running_loop(chromium.loop)
    yield chromium.browser
    asyncio._set_running_loop(None)


@pytest.fixture(scope="session", autouse=True)
def _pictures(thorough: bool) -> None:
    pictures.wanted = thorough


# --- services --------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("browser"), **PLENTY) as running:
        yield running


@pytest.fixture(scope="session")
def customized(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A clinic with its own branding and texts, which does not ask about self-harm."""
    folder = tmp_path_factory.mktemp("customized")
    (folder / "logo.png").write_bytes(LOGO)
    own = {
        "PRECONSULT_CLINIC_NAME": "Quiet Harbor <b>Clinic</b>",
        "PRECONSULT_CLINIC_LOGO": str(folder / "logo.png"),
        "PRECONSULT_CLINIC_COLOR": "#6b2d5c",
        "PRECONSULT_CLINIC_COLOR_DARK": "#e3a6d4",
        "PRECONSULT_CLINIC_CONTACT": "Call the front desk at 561 555 0100.",
        "PRECONSULT_CLINIC_PRIVACY": "We keep paper copies locked.\n\nAsk us for a copy.",
        "PRECONSULT_DISABLED_QUESTIONS": "self_harm",
    }
    with serving(folder / "data", **PLENTY, **own) as running:
        yield running


@pytest.fixture(scope="session")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A service that has reached its limit of form starts."""
    with full_up(tmp_path_factory.mktemp("narrow")) as running:
        yield running


@pytest.fixture
def page(browser: Browser, server: Server) -> Iterator[Page]:
    """A page that fails the test on a request to another origin or a violation of the content policy."""
    context = browser.new_context()
    opened, strange = context.new_page(), []
    opened.on("request", lambda asked: strange.append(asked.url) if not own(asked.url, server) else None)
    opened.on("console", lambda said: strange.append(said.text) if found_issues(said) else None)
    opened.on("pageerror", lambda error: strange.append(str(error)))
    yield opened
    context.close()
    assert strange == []


def found_issues(said: ConsoleMessage) -> bool:
    """Is this a browser error? A form returned with errors (a 4xx such as 422) is not one."""
    return said.type == "error" and "status of 4" not in said.text


def own(url: str, server: Server) -> bool:
    return url.startswith((server.url, "data:", "blob:", "about:"))


class Devices(Protocol):
    """Creates a device; `at`: the server it opens."""

    def __call__(self, way: Way = PHONE, at: Server | None = None) -> Device: ...


@pytest.fixture
def devices(browser: Browser, server: Server) -> Iterator[Devices]:
    """Devices that fail the test when one of them has seen something no page may do."""
    open_ones: list[Device] = []

    def one(way: Way = PHONE, at: Server | None = None) -> Device:
        open_ones.append(Device(browser, (at or server).url, way))
        return open_ones[-1]

    yield one
    assert [told for device in open_ones for told in device.close()] == []


@pytest.fixture(scope="session")
def stored(server: Server) -> Iterator[StoredData]:
    """What the service has stored, as its operator and its staff see it."""
    with httpx.Client(base_url=server.url, headers=accounts.bearer(server, "review")) as client:
        yield StoredData(server, client)


# --- staff -----------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with synthetic cases, created once for all processes of a run; copy it before use."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent  # shared by the workers
    made = folder / "seeded"
    with (folder / "seeded.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            seeding = Server(folder / "seeding")
            seeding.data_dir.mkdir()
            seeding.command("seed", "--count", str(CASES), "--staff")
            seeding.data_dir.rename(made)
    return made


@pytest.fixture(scope="session")
def staff_app(tmp_path_factory: pytest.TempPathFactory, seeded: Path) -> Iterator[Server]:
    """A clinic with a full queue, whose staff need no second factor."""
    settings = PLENTY | NO_SECOND_FACTOR | {"PRECONSULT_CLINIC_NAME": "Seaside Clinic"}
    folder = tmp_path_factory.mktemp("clinic") / "data"
    shutil.copytree(seeded, folder)
    with serving(folder, **settings) as running:
        yield running


class Staff(Protocol):
    def __call__(self, *roles: str, way: Way = DESK) -> Colleague: ...


@pytest.fixture
def staff(browser: Browser, staff_app: Server, request: pytest.FixtureRequest) -> Iterator[Staff]:
    """Signed-in staff users that fail the test when one of them has seen something no page may do."""
    inside: list[Colleague] = []

    def one(*roles: str, way: Way = DESK) -> Colleague:
        email = f"p{abs(hash(request.node.name))}-{len(inside)}@clinic.example"
        person = Colleague(browser, staff_app, email, roles or ("reviewer",), way)
        inside.append(person)
        return person.be_signed_in()

    yield one
    assert [told for person in inside for told in person.close()] == []


NewCase = Callable[[], str]


@pytest.fixture
def new_case(staff_app: Server) -> NewCase:
    """Creates a case that no other test touches, with answers to correct and a flag; returns its path."""
    headers = accounts.bearer(staff_app, "submissions:write", test=True)

    def make() -> str:
        answer = httpx.post(
            f"{staff_app.url}/v1/submissions", json=body(PAT | NEEDS, contact=PAT_CONTACT), headers=headers
        )
        assert answer.status_code == 201, answer.text
        return f"/staff/cases/{answer.json()['id']}"

    return make


def a_case(person: Colleague, number: int = 0) -> str:
    """The path of a case in the queue of test submissions."""
    person.go("/staff?test=1")
    return str(person.page.locator("a.open").nth(number).get_attribute("href"))
