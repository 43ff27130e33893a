"""Login timing as seen by a client: the response time does not reveal which addresses are staff users.

Never: asserts absolute times; both kinds of attempts are made in turn and only compared with each other.
"""

import random
import re
import time
from dataclasses import dataclass
from math import sqrt
from pathlib import Path

import httpx
import pytest

from tests.server import Server, serving

ANN, PASSWORD = "ann@clinic.example", "blue river 92 walnut"


@dataclass(frozen=True)
class Trial:
    """The number of attempts of each kind, and the difference that it can detect."""

    each: int

    @property
    def alike(self) -> float:
        """Distance from 0.5 that the Mann-Whitney measure reaches by chance if both take equally long."""
        sigma = sqrt((2 * self.each + 1) / (12 * self.each * self.each))
        return 3 * sigma + 0.05


def test_an_unknown_address_and_a_wrong_password_take_as_long(tmp_path: Path, thorough: bool) -> None:
    trial = Trial(60 if thorough else 24)
    with serving(tmp_path, PRECONSULT_TRUSTED_PROXIES="127.0.0.1/32") as server, httpx.Client() as browser:
        _join(server, browser)
        tries = [ANN, "zoe@clinic.example"] * trial.each
        random.Random(7).shuffle(tries)
        took: dict[str, list[float]] = {email: [] for email in tries}
        said = set()
        for number, email in enumerate(["warm@clinic.example"] * 4 + tries):
            begun = time.perf_counter()
            answer = _enter(server, browser, number, email, "green river 92 walnut")
            if email in took:
                took[email].append(time.perf_counter() - begun)
            said.add((answer.status_code, answer.text.replace(email, "")))
        assert len(said) == 1
        assert {status for status, _ in said} == {422}
        assert abs(_longer(*took.values()) - 0.5) < trial.alike
        assert _enter(server, browser, 999, ANN, PASSWORD).status_code == 303


@pytest.mark.parametrize(("each", "strangers_take"), [(24, 85), (60, 90)])
def test_a_door_that_is_quicker_about_strangers_would_be_found_out(each: int, strangers_take: int) -> None:
    chance = random.Random(1)
    known = [chance.gauss(100, 10) for _ in range(each)]
    strangers = [chance.gauss(strangers_take, 10) for _ in range(each)]
    assert abs(_longer(known, strangers) - 0.5) > Trial(each).alike


def _join(server: Server, browser: httpx.Client) -> None:
    told = server.command("staff", "add", ANN, "--role", "reviewer")
    found = re.search(r"#([A-Za-z0-9_-]{43})", told)
    assert found
    data = {"link": found[1], "password": PASSWORD, "again": PASSWORD}
    answer = browser.post(f"{server.url}/staff/welcome/password", data=data, headers={"origin": server.url})
    assert answer.status_code == 303


def _enter(server: Server, browser: httpx.Client, number: int, email: str, password: str) -> httpx.Response:
    """Try to log in from a different network each time, so that no attempt is rate-limited."""
    browser.cookies.clear()
    headers = {"origin": server.url, "x-forwarded-for": f"198.{18 + number // 250}.{number % 250}.7"}
    data = {"email": email, "password": password}
    return browser.post(f"{server.url}/staff/sign-in", data=data, headers=headers)


def _longer(some: list[float], others: list[float]) -> float:
    pairs = len(some) * len(others)
    return sum((one > other) + (one == other) / 2 for one in some for other in others) / pairs
