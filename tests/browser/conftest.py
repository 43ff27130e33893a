"""A real Chromium, found by dev.py, and a real server it looks at."""

import os
from collections.abc import Iterator
from typing import Protocol

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

from tests.browser.colleague import Colleague
from tests.browser.device import ARTEFACTS, PHONE, Device, Way
from tests.browser.office import Office
from tests.server import Server, serving

__all__ = ["ARTEFACTS"]  # where device.py and other tests put their pictures

PLENTY = {"PRECONSULT_FORM_STARTS_PER_NETWORK": "100000", "PRECONSULT_FORM_STARTS": "100000"}


@pytest.fixture(scope="module")  # while it is open, its event loop counts as running
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=os.environ.get("CHROMIUM_PATH") or "/usr/bin/chromium",
            chromium_sandbox=False,
            args=["--disable-background-networking", "--disable-component-update", "--disable-sync"],
        )
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("browser"), **PLENTY) as running:
        yield running


@pytest.fixture
def page(browser: Browser, server: Server) -> Iterator[Page]:
    """A page that fails the test when anything is asked of another origin, or breaks the content policy."""
    context = browser.new_context()
    opened, strange = context.new_page(), []
    opened.on("request", lambda asked: strange.append(asked.url) if not own(asked.url, server) else None)
    opened.on("console", lambda said: strange.append(said.text) if amiss(said) else None)
    opened.on("pageerror", lambda error: strange.append(str(error)))
    yield opened
    context.close()
    assert strange == []


def amiss(said: ConsoleMessage) -> bool:
    """A complaint of the browser; that a form came back with errors (422) is none."""
    return said.type == "error" and "status of 4" not in said.text


def own(url: str, server: Server) -> bool:
    return url.startswith((server.url, "data:", "blob:", "about:"))


class Devices(Protocol):
    """Calls for a person's device; `at`: the service it looks at."""

    def __call__(self, way: Way = PHONE, at: Server | None = None) -> Device: ...


@pytest.fixture
def devices(browser: Browser, server: Server) -> Iterator[Devices]:
    """Devices that fail the test when one of them has seen what no page may do."""
    open_ones: list[Device] = []

    def one(way: Way = PHONE, at: Server | None = None) -> Device:
        open_ones.append(Device(browser, (at or server).url, way))
        return open_ones[-1]

    yield one
    assert [told for device in open_ones for told in device.close()] == []


@pytest.fixture(scope="session")
def office(server: Server) -> Office:
    """What the service keeps, as its operator and its staff see it."""
    return Office(server, server.key("review"))


@pytest.fixture(scope="session")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A clinic with a full queue, whose staff need no second factor."""
    settings = PLENTY | {"PRECONSULT_SECOND_FACTOR_ROLES": "", "PRECONSULT_CLINIC_NAME": "Seaside Clinic"}
    with serving(tmp_path_factory.mktemp("clinic"), **settings) as running:
        running.command("seed", "--count", "200", "--staff")
        yield running


class Staff(Protocol):
    def __call__(self, *roles: str, scripts: bool = True, width: int = 1280) -> Colleague: ...


@pytest.fixture
def staff(browser: Browser, clinic: Server, request: pytest.FixtureRequest) -> Iterator[Staff]:
    """People who come in, and fail the test when one has seen what no page may do."""
    inside: list[Colleague] = []

    def one(*roles: str, scripts: bool = True, width: int = 1280) -> Colleague:
        email = f"p{abs(hash(request.node.name))}-{len(inside)}@clinic.example"
        person = Colleague(browser, clinic, email, roles or ("reviewer",), scripts, width)
        inside.append(person)
        return person.come_in()

    yield one
    assert [told for person in inside for told in person.close()] == []


def a_case(person: Colleague, number: int = 0) -> str:
    """The address of a case in the queue of tests."""
    person.go("/staff?test=1")
    return str(person.page.locator("a.open").nth(number).get_attribute("href"))
