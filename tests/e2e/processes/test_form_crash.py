"""The form and kill -9: between any two pages, and while a page is being sent.

Responsible for: a page that was answered is stored; a page without an answer can be sent again without harm;
the cookie and the resume link still open the same form; one start, one submission, each flag once. Never:
tests clean shutdowns, or takes samples.
"""

import hashlib
import http.client
import json
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.processes.crash_points import CrashPoint
from tests.e2e.processes.person import CONTACT, TOLD, Person, Unanswered
from tests.e2e.processes.processes import await_crash, kill, mortal, start_until
from tests.e2e.processes.truth import column, is_sound, rows
from tests.e2e.processes.writers import PATH, Line
from tests.postgres_server import Postgres
from tests.sample_answers import body
from tests.server import Server

UNLIMITED = {"PRECONSULT_FORM_START_LIMIT_PER_NETWORK": "1000000", "PRECONSULT_FORM_START_LIMIT": "1000000"}
WRITERS = 4
POINTS = [  # transactions in which pages are saved
    CrashPoint("before_commit", "submissions", 6),
    CrashPoint("after_commit", "submissions", 9),
    CrashPoint("statement", "audit_events", 12),
    CrashPoint("answer", "303", 14),
]
RANDOM_KILLS, LONGEST = 5, 0.5  # with --thorough; seconds of load before each


@dataclass
class Undisturbed:
    """An uninterrupted journey: the expected outcome of all others."""

    person: Person
    checks: list[str] = field(default_factory=list)  # the check page's text after each page sent

    @classmethod
    def walk(cls, server: Server) -> "Undisturbed":
        made = cls(Person(server))
        made.person.go_to(1)
        while made.person.at != "/form/summary":
            made.checks.append(answers_in_words(made.person))
            made.person.go_to(made.person.sent + 1)
        made.person.finish()
        made.person.hang_up()
        return made

    @property
    def pages(self) -> int:
        return self.person.sent


def answers_in_words(person: Person) -> str:
    """The text of the check page, which lists all answers."""
    return person.open("/form/check").words


# --- between any two pages -------------------------------------------------------------------------


@dataclass
class Caught:
    """A respondent whose server is killed after `place` pages.

    `in_vain`: the next page is sent too, and its response is lost.
    """

    person: Person
    place: int
    in_vain: bool = False
    link: str = ""

    def get_there(self) -> None:
        self.person.go_to(self.place, shown=self.in_vain or self.place % 2 == 0)
        if self.in_vain:
            self.person.send(lost=True)
        elif self.place:
            self.link = self.person.link()
        self.person.hang_up()

    @property
    def kept(self) -> int:
        """Number of pages that must be stored."""
        return self.place + self.in_vain

    def saves_a_page_twice(self, calm: Undisturbed) -> bool:
        """Is a repeated page saved twice? Starting and submitting have one effect, however often sent."""
        return self.in_vain and 0 < self.place < calm.pages - 1

    def go_on(self, calm: Undisturbed) -> None:
        """Check the stored answers by cookie and link; then send the open page again and finish."""
        person = self.person
        if self.place and self.kept < calm.pages:
            assert answers_in_words(person) == calm.checks[self.kept - 1], self
        if self.link:
            other_device = Person(person.server)
            other_device.resume(self.link)
            assert answers_in_words(other_device) == calm.checks[self.kept - 1], self
            other_device.hang_up()
        person.finish()
        assert person.at == "/form/summary"
        assert person.sheet is not None
        assert calm.person.sheet is not None
        assert person.sheet.words == calm.person.sheet.words
        assert person.met == calm.person.met, self
        person.hang_up()


def test_the_form_survives_a_kill_between_any_two_pages(
    database_url: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    with mortal(tmp_path, database_url, **UNLIMITED) as server:
        server.start()
        calm = Undisturbed.walk(server)
        odd = int("sqlite" in database_url)  # each database loses every other response, and both ends
        vain = sorted({0, *range(odd, calm.pages, 2), calm.pages - 1})
        caught = [Caught(Person(server), place) for place in range(calm.pages)]
        caught += [Caught(Person(server), place, in_vain=True) for place in vain]
        together([each.get_there for each in caught])
        kill(server)
        server.start()
        together([partial(each.go_on, calm) for each in caught])
        everybody = {id(each.person): each for each in caught}
        persons = [calm.person, *(each.person for each in caught)]
        for person, saved in everything_is_kept_once(server, database_url, persons):
            twice = id(person) in everybody and everybody[id(person)].saves_a_page_twice(calm)
            assert saved == calm.pages - 2 + twice
        assert server.stop() == 0
    postgres: Postgres | None = None if "sqlite" in database_url else request.getfixturevalue("postgres")
    is_sound(database_url, postgres)


# --- while a page is being sent --------------------------------------------------------------------


@dataclass
class Crowd:
    """Respondents who fill in one form after the other, and send again each page that was not answered."""

    server: Server
    begun: list[Person] = field(default_factory=list)
    broken: int = 0
    again: Counter[int] = field(default_factory=Counter)  # number of pages sent again, by id of the person
    failures: list[BaseException] = field(default_factory=list)

    @contextmanager
    def at_work(self) -> Iterator[threading.Event]:
        over = threading.Event()
        open_ones = [person for person in self.begun if not finished(person)]
        shares = [open_ones[first::WRITERS] for first in range(WRITERS)]
        threads = [threading.Thread(target=self._fill_in, args=(share, over)) for share in shares]
        for thread in threads:
            thread.start()
        try:
            yield over
        finally:
            over.set()
            for thread in threads:
                thread.join()

    def _fill_in(self, waiting: list[Person], over: threading.Event) -> None:
        while not over.is_set():
            person = waiting.pop() if waiting else Person(self.server)
            if person not in self.begun:
                self.begun.append(person)
            try:
                while not over.is_set() and self.step(person):
                    pass
            except BaseException as error:
                self.failures.append(error)
                return
            finally:
                person.hang_up()

    def step(self, person: Person) -> bool:
        """Make one request; returns whether there is more to do."""
        sending = person.sheet is not None and person.form is not None
        try:
            return person.step()
        except (OSError, http.client.HTTPException, Unanswered):
            self.broken += 1
            self.again[id(person)] += sending
            time.sleep(0.02)
            return True


def finished(person: Person) -> bool:
    return person.at == "/form/summary" and person.sheet is not None


def test_pages_cut_off_by_kills_are_sent_again_and_nothing_is_lost_or_doubled(
    database_url: str, tmp_path: Path, request: pytest.FixtureRequest, thorough: bool
) -> None:
    with mortal(tmp_path, database_url, **UNLIMITED) as server:
        crowd = Crowd(server)
        for point in POINTS:
            start_until(server, point)
            with crowd.at_work():
                await_crash(server)
        if thorough:
            _kill_at_random(server, crowd)
        server.start()
        calm = Undisturbed.walk(server)
        for person in crowd.begun:
            while crowd.step(person):
                pass
            person.hang_up()
        assert crowd.failures == []
        assert crowd.broken > len(POINTS), "the kills cut nobody off"
        assert sum(crowd.again.values()) > 0, "no page was cut off"
        for person, changes in everything_is_kept_once(server, database_url, [calm.person, *crowd.begun]):
            assert calm.pages - 2 <= changes <= calm.pages - 2 + crowd.again[id(person)]
        assert server.stop() == 0
    postgres: Postgres | None = None if "sqlite" in database_url else request.getfixturevalue("postgres")
    is_sound(database_url, postgres)


def _kill_at_random(server: Server, crowd: Crowd) -> None:
    moments = random.Random(20261124)
    for _ in range(RANDOM_KILLS):
        server.start()
        with crowd.at_work():
            time.sleep(moments.uniform(0.1, LONGEST))  # with --thorough only
            kill(server)


# --- what is stored --------------------------------------------------------------------------------


def together(acts: list[Any]) -> None:
    with ThreadPoolExecutor(4) as threads:
        for done in [threads.submit(act) for act in acts]:
            done.result()


def everything_is_kept_once(
    server: Server, url: str, everybody: list[Person]
) -> Iterator[tuple[Person, int]]:
    """Assert that each submission is stored once with all answers; yields how often its pages were saved.

    The first of `everybody` was not interrupted.
    """
    theirs = _submissions(url, everybody)
    assert Counter(theirs) == Counter(column(url, "SELECT id FROM submissions"))
    assert set(Counter(theirs).values()) == {1}
    assert len(column(url, "SELECT key_hash FROM idempotency_keys")) == len(everybody)
    with Line(server, server.key("submissions:read", "review")) as line:
        contact = {name.removeprefix("contact_"): value for name, value in CONTACT.items()}
        asked = json.dumps(body(TOLD, contact=contact, language="en")).encode()
        evaluated = line.ask("POST", "/v1/evaluations", asked).json()
        calm: Counter[str] = Counter()
        for person, submission in zip(everybody, theirs, strict=True):
            kept = line.ask("GET", f"{PATH}/{submission}").json()
            assert (kept["status"], kept["answers"]) == ("submitted", TOLD)
            assert kept["summary"]["digest"] == evaluated["summary"]["digest"]
            standing = [each["flag"] for each in kept["flags"] if not each["answer_changed_at"]]
            assert sorted(standing) == sorted(each["flag"] for each in evaluated["flags"])
            acts = _acts(url, submission, [each["id"] for each in kept["flags"]])
            saved = acts.pop("submission.changed")
            calm = calm or acts
            assert acts == calm
            assert (acts["submission.drafted"], acts["submission.submitted"]) == (1, 1)
            yield person, saved


def _submissions(url: str, everybody: list[Person]) -> list[str]:
    """The id of the submission that each cookie opens."""
    held = rows(url, "SELECT secret_hash, submission_id FROM form_tokens")
    opened = {bytes(hashed): submission for hashed, submission in held}
    return [opened[hashlib.sha256(person.secret.encode()).digest()] for person in everybody]


def _acts(url: str, submission: str, flags: list[str]) -> Counter[str]:
    """The audit events of a submission and its flags, except those of links."""
    ids = ", ".join(f"'{each}'" for each in (submission, *flags))
    acts = column(url, f"SELECT action FROM audit_events WHERE object_id IN ({ids})")
    return Counter(each for each in acts if not each.startswith("link."))
