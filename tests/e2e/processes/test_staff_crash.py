"""kill -9 while staff programs act: an acknowledged action is stored once, with its audit event and event.

The server is killed at chosen points of its own work; with --thorough at random moments too. A program
without a response checks the version, which shows whether the action was done. Never: tests clean shutdowns.
"""

import http.client
import json
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.processes.crash_points import CrashPoint
from tests.e2e.processes.processes import await_crash, kill, mortal, start_until
from tests.e2e.processes.truth import is_sound, rows
from tests.e2e.processes.writers import PATH, Answer, Attempt, Line
from tests.sample_answers import CARA, body
from tests.server import PATIENCE, Server

CLERKS = 4
POINTS = [
    CrashPoint("before_commit", "notes", 3),
    CrashPoint("after_commit", "submission_versions", 4),
    CrashPoint("answer", "200", 9),
    CrashPoint("after_commit", "audit_chain_head", 2),  # events are created when audit events are chained
]
RANDOM_KILLS = 5  # with --thorough
EVENTS = {"note.added": None, "submission.corrected": "submission.corrected", "flag.seen": None,
          "review.in_review": "review.changed", "review.needs_contact": "review.changed"}  # fmt: skip


@dataclass
class Clerk:
    """Acts on one case, one action after the other, each at the version it knows."""

    case: str
    flag: str
    version: int
    done: list[tuple[str, str]] = field(default_factory=list)  # audit action, and the text or value sent
    broken: int = 0
    odd: list[Answer] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._acts = self._plan()
        self._open: tuple[str, str, str, dict[str, Any]] | None = None  # not confirmed yet

    def _plan(self) -> Iterator[tuple[str, str, str, dict[str, Any]]]:
        steps = cycle(("in_review", "needs_contact"))
        for number in range(100_000):
            words = f"note {number}"
            yield "note.added", words, "POST notes", {"text": words}
            pain = number % 11
            yield "submission.corrected", str(pain), "POST corrections", {"answers": {"pain_intensity": pain}}
            yield "flag.seen", "", f"POST flags/{self.flag}/actions", {"action": "seen"}
            step = next(steps)
            yield f"review.{step}", "", "PUT review", {"review": step}

    def act(self, line: Line) -> None:
        """Send the next action; if the last one got no response, first check whether it was done."""
        if self._open:
            found = line.ask("GET", f"{PATH}/{self.case}")
            version = int(found.headers["etag"].strip('"')) if found.status == 200 else self.version
            assert version in (self.version, self.version + 1)
            if version > self.version:
                self._told()
        self._open = self._open or next(self._acts)
        _, _, where, document = self._open
        method, path = where.split()
        if_match = f'"{self.version}"'
        answer = line.ask(
            method, f"{PATH}/{self.case}/{path}", json.dumps(document).encode(), if_match=if_match
        )
        if answer.status in (200, 201):
            self._told()
        elif answer.status != 503:
            self.odd.append(answer)

    def _told(self) -> None:
        assert self._open
        self.done.append(self._open[:2])
        self.version, self._open = self.version + 1, None

    def try_to(self, line: Line) -> None:
        try:
            self.act(line)
        except (OSError, http.client.HTTPException):
            self.broken += 1
            time.sleep(0.02)

    def finish(self, line: Line) -> None:
        """Repeat the last action until it is confirmed."""
        give_up = time.monotonic() + PATIENCE
        while self._open and time.monotonic() < give_up:
            self.try_to(line)
        assert self._open is None


@contextmanager
def at_work(server: Server, key: str, clerks: list[Clerk]) -> Iterator[None]:
    over = threading.Event()

    def work(clerk: Clerk) -> None:
        with Line(server, key) as line:
            while not over.is_set():
                clerk.try_to(line)

    threads = [threading.Thread(target=work, args=(clerk,)) for clerk in clerks]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()


def begun(line: Line, number: int) -> Clerk:
    content = json.dumps(body(CARA | {"self_harm_thoughts": "past", "pain_intensity": 10})).encode()
    sent = line.ask("POST", PATH, content, idempotency_key=Attempt(number).key)
    assert sent.status == 201, sent.content
    case = sent.json()["id"]
    kept = line.ask("GET", f"{PATH}/{case}")
    return Clerk(case, kept.json()["flags"][0]["id"], int(kept.headers["etag"].strip('"')))


@pytest.mark.timeout(600)
def test_what_staff_did_is_kept_once_whenever_the_server_was_killed(
    database_url: str, tmp_path: Path, request: pytest.FixtureRequest, thorough: bool
) -> None:
    with mortal(tmp_path, database_url) as server:
        key, clerks = server.key("submissions:write", "review"), list[Clerk]()
        for point in POINTS:
            start_until(server, point)
            if not clerks:
                with Line(server, key) as line:
                    clerks = [begun(line, number) for number in range(CLERKS)]
            with at_work(server, key, clerks):
                await_crash(server)
        if thorough:
            _kill_at_random(server, key, clerks)
        server.start()
        with Line(server, key) as line:
            for clerk in clerks:
                clerk.finish(line)
                assert clerk.odd == []
                notes = line.ask("GET", f"{PATH}/{clerk.case}/notes").json()["items"]
                said = [words for action, words in clerk.done if action == "note.added"]
                assert sorted(each["text"] for each in notes) == sorted(said)
        assert sum(clerk.broken for clerk in clerks) > len(POINTS), "the kills cut nobody off"
        everything_is_on_record_and_told_once(server, key, database_url, clerks)
        assert server.stop() == 0
        assert "The chain is whole" in server.command("audit", "verify")
    is_sound(database_url, None if "sqlite" in database_url else request.getfixturevalue("postgres"))


def _kill_at_random(server: Server, key: str, clerks: list[Clerk]) -> None:
    moments = random.Random(20261130)
    for _ in range(RANDOM_KILLS):
        server.start()
        with at_work(server, key, clerks):
            time.sleep(moments.uniform(0.1, 0.6))  # with --thorough only
            kill(server)


def everything_is_on_record_and_told_once(server: Server, key: str, url: str, clerks: list[Clerk]) -> None:
    by_case = {clerk.case: Counter(action for action, _ in clerk.done) for clerk in clerks}
    flags = {clerk.flag: clerk.case for clerk in clerks}
    recorded: dict[str, Counter[str]] = {case: Counter() for case in by_case}
    for action, about in rows(url, "SELECT action, object_id FROM audit_events"):
        case = flags.get(about, about)
        if case in recorded and action in EVENTS:
            recorded[case][action] += 1
    assert recorded == by_case
    wanted = {
        case: Counter(EVENTS[action] for action in counts.elements() if EVENTS[action])
        for case, counts in by_case.items()
    }
    give_up = time.monotonic() + PATIENCE
    told: dict[str, Counter[str]] = {}
    while told != wanted and time.monotonic() < give_up:  # chained within about a second
        told = {case: Counter() for case in by_case}
        for case, kind in rows(url, "SELECT submission_id, type FROM outbox_events"):
            if case in told and kind in EVENTS.values():
                told[case][kind] += 1
        time.sleep(0.1)
    assert told == wanted
