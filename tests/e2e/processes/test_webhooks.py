"""Webhooks from outside: receivers that fail as real ones do, and servers that are killed.

Uses real servers, real HTTP on loopback, and the reference library for signatures. Never: asserts absolute
times; the tests compare who received what, in which order, and how often.
"""

import contextlib
import datetime as dt
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGTERM
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from standardwebhooks import Webhook

from app.jobs.webhook_delivery import POLL_SECONDS
from app.storage.tables.events import webhook_deliveries
from tests.e2e.processes.processes import kill, mortal
from tests.sample_answers import CARA, body
from tests.server import PATIENCE, ROOT, Server
from tests.webhook_receivers import Answer, Received, Receiver, receiver, reset, silent

RETRIES = ",".join(["1"] * 30)
LEASED = 90.0  # maximum seconds of a delivery whose process was killed
SCOPES = ("submissions:write", "review", "events", "webhooks")
OPEN_TYPES = ["submission.started", "submission.submitted", "review.changed"]


@dataclass
class WebhookServer:
    """A server, a key with all scopes used here, and the endpoints created on it with their secrets."""

    server: Server
    key: str
    client: httpx.Client
    secrets: dict[str, str] = field(default_factory=dict)
    cases: int = 0

    def ask(self, method: str, path: str, **more: Any) -> Any:
        headers = {"authorization": f"Bearer {self.key}"} | more.pop("headers", {})
        answer = self.client.request(method, self.server.url + path, headers=headers, **more)
        assert answer.is_success, answer.text
        return answer.json()

    def endpoint(self, to: Receiver) -> str:
        made = self.ask("POST", "/v1/webhook-endpoints", json={"url": to.url, "types": OPEN_TYPES})
        self.secrets[made["id"]] = made["secret"]
        return str(made["id"])

    def case(self) -> None:
        """A respondent starts and submits, and staff begin the review: three events of one submission."""
        self.cases += 1
        any_version = {"if-match": "*"}
        draft = self.ask("POST", "/v1/submissions", json=body(CARA, status="draft"))
        path = f"/v1/submissions/{draft['id']}"
        self.ask("POST", f"{path}/submit", headers=any_version)
        self.ask("PUT", f"{path}/review", json={"review": "in_review"}, headers=any_version)

    def events(self) -> list[dict[str, Any]]:
        """All published events, once all are published."""
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            told = self.ask("GET", "/v1/events", params={"limit": 1000, "type": OPEN_TYPES})["events"]
            if len(told) == len(OPEN_TYPES) * self.cases:
                return list(told)
            time.sleep(0.1)
        raise AssertionError(f"{len(told)} events are told")

    def deliveries(self, endpoint: str) -> list[dict[str, Any]]:
        found, path = [], f"/v1/webhook-endpoints/{endpoint}/deliveries?limit=200"
        while path:
            page = self.ask("GET", path)
            found += page["items"]
            path = page["next"]
        return found

    def settled(self, *endpoints: str) -> None:
        """Wait until no delivery to these endpoints is pending."""
        until = time.monotonic() + LEASED
        for endpoint in endpoints:
            while any(each["state"] == "pending" for each in self.deliveries(endpoint)):
                assert time.monotonic() < until, self.server.log.read_text()
                time.sleep(0.2)


@dataclass
class Moody:
    """A receiver's answers, and the events it has accepted, in order."""

    mood: Callable[[Received, int], Answer]
    seen: Counter[str] = field(default_factory=Counter)
    yes: list[str] = field(default_factory=list)

    def __call__(self, received: Received) -> Answer:
        self.seen[received.id] += 1
        given = self.mood(received, self.seen[received.id])
        if given == 204:
            self.yes.append(received.id)
        return given


@contextlib.contextmanager
def webhook_server(folder: Path, database_url: str = "", **environment: str) -> Iterator[WebhookServer]:
    settings = {"PRECONSULT_WEBHOOK_RETRY_SECONDS": RETRIES} | environment
    with mortal(folder, database_url, **settings) as server:
        server.start()
        with httpx.Client(timeout=PATIENCE) as client:
            yield WebhookServer(server, server.key(*SCOPES), client)


def first_then(given: Answer, *, events: int) -> Callable[[Received, int], Answer]:
    """Answers `given` to the first attempt of each of this many events, otherwise accepts."""
    chosen = set[str]()

    def mood(received: Received, seen: int) -> Answer:
        if len(chosen) < events:
            chosen.add(received.id)
        return given if received.id in chosen and seen == 1 else 204

    return mood


def in_order(yes: list[str], told: list[dict[str, Any]]) -> bool:
    """Did each submission's events first arrive in the order in which they were published?"""
    first = list(dict.fromkeys(yes))
    of = {each["id"]: each["data"]["submission_id"] for each in told}
    return all(
        [each for each in first if of[each] == case]
        == [each["id"] for each in told if of[each["id"]] == case]
        for case in of.values()
    )


def genuine(taken: list[Received], secret: str, told: list[dict[str, Any]]) -> bool:
    """Is every message signed, equal to its event, and the same at every attempt?"""
    known = {each["id"]: each for each in told}
    bodies: dict[str, set[bytes]] = {}
    for each in taken:
        assert Webhook(secret).verify(each.body, each.headers) == known[each.id]
        bodies.setdefault(each.id, set()).add(each.body)
    return all(len(each) == 1 for each in bodies.values())


def let_leases_end(url: str) -> int:
    """End the leases of a killed process, as if their time had passed; returns how many there were.

    A leased delivery is due later than a failed attempt would be. Call it while no server runs.
    """
    now, row = dt.datetime.now(dt.UTC), webhook_deliveries.c
    engine = sa.create_engine(url)
    leased = (row.state == "pending") & (row.next_attempt_at > now + dt.timedelta(seconds=5))
    try:
        with engine.begin() as connection:
            ends = connection.execute(sa.select(row.next_attempt_at).where(leased)).scalars().all()
            connection.execute(sa.update(webhook_deliveries).where(leased).values(next_attempt_at=now))
    finally:
        engine.dispose()
    assert all(each < now + dt.timedelta(seconds=LEASED) for each in ends)
    return len(ends)


def test_receivers_on_a_bad_day_and_a_killed_server_lose_nothing(
    database_url: str, tmp_path: Path, thorough: bool
) -> None:
    dice, holding = random.Random(7), threading.Event()
    cases, kills, events = (8, (2, 5), 24) if thorough else (4, (1,), 4)
    with webhook_server(tmp_path, database_url) as services, contextlib.ExitStack() as stack:
        elsewhere = stack.enter_context(receiver())
        moods = {
            "fails": Moody(lambda _received, _seen: 500 if dice.random() < 0.4 else 204),
            "resets": Moody(lambda _received, _seen: reset if dice.random() < 0.4 else 204),
            "redirects": Moody(first_then((302, {"location": elsewhere.url}), events=events)),
            "busy": Moody(first_then((429, {"retry-after": "1"}), events=events)),
            "down": Moody(first_then((503, {"retry-after": "2"}), events=events)),
            "waits": Moody(lambda _received, _seen: silent if holding.is_set() else 204),
        }
        receivers = {name: stack.enter_context(receiver(mood)) for name, mood in moods.items()}
        endpoints = {name: services.endpoint(each) for name, each in receivers.items()}
        for number in range(cases):
            if number in kills:  # during an attempt whose outcome is never recorded
                before = len(receivers["waits"].wait(1))
                holding.set()
                services.case()
                assert len(receivers["waits"].wait(before + 1)) > before
                kill(services.server)
                holding.clear()
                assert let_leases_end(database_url) > 0
                services.server.start()
            else:
                services.case()
        told = services.events()
        services.settled(*endpoints.values())
        for name, mood in moods.items():
            assert set(mood.yes) == {each["id"] for each in told}, f"lost by {name}"
            assert in_order(mood.yes, told), name
            assert genuine(receivers[name].taken, services.secrets[endpoints[name]], told), name
        assert elsewhere.taken == []


def test_a_receiver_that_hangs_delays_the_others_not_at_all(tmp_path: Path) -> None:
    with (
        webhook_server(tmp_path) as services,
        receiver(lambda _received: silent) as hanging,
        receiver() as quick,
    ):
        stuck, fine = services.endpoint(hanging), services.endpoint(quick)
        for _ in range(6):
            services.case()
        told = services.events()
        services.settled(fine)
        assert {each.id for each in quick.taken} == {each["id"] for each in told}
        waiting = services.deliveries(stuck)
        assert len(waiting) == len(told)
        assert all(each["state"] == "pending" and not each["attempts"] for each in waiting), "none has ended"
        assert len(hanging.taken) <= 4, "it takes the places of one endpoint"


def test_a_receiver_that_is_gone_is_asked_once_and_no_more(tmp_path: Path) -> None:
    with webhook_server(tmp_path) as services, receiver(lambda _received: 410) as gone, receiver() as fine:
        left, kept = services.endpoint(gone), services.endpoint(fine)
        services.case()
        services.events()
        services.settled(left, kept)
        services.case()
        services.events()
        services.settled(kept)
        assert (len(gone.taken), len(fine.taken)) == (1, 6)
        found = services.ask("GET", f"/v1/webhook-endpoints/{left}")
        assert (found["paused"], found["paused_because"]) == (True, "gone")
        assert {each["state"] for each in services.deliveries(left)} == {"failed"}


def test_nothing_of_what_was_answered_goes_out(tmp_path: Path) -> None:
    with webhook_server(tmp_path) as services, receiver() as other:
        endpoint = services.endpoint(other)
        services.case()
        services.settled(endpoint) if services.events() else None
        for each in other.wait(3):
            assert set(each.document) == {"id", "type", "timestamp", "data"}
            assert set(each.document["data"]) <= {"submission_id", "state", "test"}
            assert b"Bearer" not in each.body


# --- workers beside a server -----------------------------------------------------------------------


@contextlib.contextmanager
def working(server: Server) -> Iterator[subprocess.Popen[bytes]]:
    """A `preconsult work` process beside the server."""
    with (server.data_dir / "work.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "app.cli", "work"], cwd=ROOT, env=server.env, stdout=log, stderr=log
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait(PATIENCE)


@pytest.mark.parametrize("fails", [0.0, 0.4])
def test_two_workers_on_one_postgresql_make_each_try_once(
    postgres_url: str, tmp_path: Path, fails: float, thorough: bool
) -> None:
    dice = random.Random(7)
    mood = Moody(lambda _received, _seen: 500 if dice.random() < fails else 204)
    with (
        webhook_server(tmp_path, postgres_url) as services,
        receiver(mood) as other,
        working(services.server),
    ):
        endpoint = services.endpoint(other)
        for _ in range(10 if thorough else 5):
            services.case()
        told = services.events()
        services.settled(endpoint)
        assert genuine(other.taken, services.secrets[endpoint], told)
        tries = {each["event_id"]: len(each["attempts"]) for each in services.deliveries(endpoint)}
        assert tries == dict(mood.seen), "as often as it is on record"
        assert Counter(mood.yes) == Counter(each["id"] for each in told), "with a yes exactly once"
        assert in_order(mood.yes, told)


def test_a_server_may_leave_it_to_workers_which_stop_when_told(database_url: str, tmp_path: Path) -> None:
    with (
        webhook_server(tmp_path, database_url, PRECONSULT_RUN_WORKER="false") as services,
        receiver() as other,
    ):
        endpoint = services.endpoint(other)
        services.case()
        told = services.events()
        time.sleep(1.5 * POLL_SECONDS)  # time in which the server would have looked for due deliveries
        assert (other.taken, len(services.deliveries(endpoint))) == ([], 3)
        with working(services.server) as process:
            services.settled(endpoint)
            process.send_signal(SIGTERM)
            assert process.wait(PATIENCE) == 0
        assert [each.id for each in other.taken] == [each["id"] for each in told]
        lines = (tmp_path / "work.log").read_text()
        assert "Traceback" not in lines
        assert services.server.stop() == 0
