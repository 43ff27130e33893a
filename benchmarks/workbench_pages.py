"""The staff app's requests to one service: the queue, each of its filters, searches, cases, charts.

Responsible for: a whole service in this process, filled, with a staff user signed in; each question is sent
as a browser or a client would, for different cases every time. Never: accepts a response other than the
requested page.
"""

import datetime as dt
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import cycle
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx2
import sqlalchemy as sa
from starlette.types import ASGIApp

from app.clock import now
from app.main import create_app
from app.services.auth import api_keys, sessions, users
from app.services.auth.api_keys import NewApiKey
from app.settings import Settings
from app.storage.auth import users as people
from app.storage.db.database import Session
from app.storage.events.audit_log import Actor
from app.storage.reporting.dashboard import min_id_at
from app.storage.review import queue
from app.storage.review.queue import Filters, Place
from app.storage.submissions import submissions as rows
from app.storage.tables.submissions import submissions
from app.web.dependencies import Services
from app.web.staff.queue_filters import QueueQuery
from benchmarks.workbench_rows import KEPT, SPAN

COMMAND, BASE = Actor("command"), "http://127.0.0.1:8000"
TEAM, OTHERS = 6, 8  # staff users; cases, places and respondents that each question alternates between
EACH = [
    "state=new", "state=in_review", "state=needs_contact", "state=ready", "state=closed",
    "attention=1", "attention=2", "attention=3", "attention=4", "whose=me", "whose={other}", "whose=nobody",
    "language=en", "language=es", "language=pt-BR", "overdue=1", "quarantine=1", "test=1",
]  # fmt: skip
USUAL = [
    "state=new&attention=1", "state=new&whose=nobody", "state=in_review&whose=me", "whose=me&overdue=1",
    "attention=1&whose=nobody", "state=new&language=es", "language=es&overdue=1", "state=closed&whose=me",
    "state=closed&language=es", "state=needs_contact&whose=me&language=es",
]  # fmt: skip
RARE = [
    "attention=1&language=pt-BR", "attention=4&language=pt-BR", "quarantine=1&language=pt-BR",
    "whose=me&quarantine=1", "whose=nobody&state=closed", "state=closed&quarantine=1&language=ht",
    "whose=me&attention=1&language=pt-BR",
]  # fmt: skip
NOTHING = [
    "whose={english}&language=pt-BR", "state=closed&whose={english}&language=es", "state=closed&overdue=1",
    "state=closed&attention=1", "whose=nobody&language=tlh", "language=tlh", "state=new&whose=me",
    "attention=1&quarantine=1&language=pt-BR&whose=me", "test=1&quarantine=1&whose=me",
]  # fmt: skip
LISTS = [
    "", "review=new", "review=in_review", "review=closed", "attention=1", "status=draft", "assignee={other}",
    "updated_after={long_ago}", "updated_after={lately}", "review=new&attention=1",
    "review=in_review&assignee={other}", "review=needs_contact&attention=1&assignee={other}",
    "updated_after={long_ago}&review=needs_contact", "status=draft&review=closed",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Question:
    """A repeated request. `goal`: the maximum ratio of its time with a hundred times as many rows."""

    name: str
    requests: tuple[httpx2.Request, ...]
    goal: float
    fresh: bool = False


@dataclass
class House:
    """A service on one database; `fill` it before sending requests."""

    name: str
    url: str
    folder: Path
    count: int
    questions: dict[str, Question] = field(default_factory=dict)

    def __post_init__(self) -> None:
        settings = Settings(
            env="development", data_dir=self.folder, database_url=self.url, log_level="error",
            submission_retention_days=KEPT.days, allow_unreviewed_translations=True,
        )  # fmt: skip
        self.app: ASGIApp = create_app(settings)
        self.services: Services = self.app.state.services
        self.secret = users.new_secret()
        self.team = self.services.database.write_blocking(partial(_team, secret=self.secret))
        self.client = httpx2.AsyncClient(transport=httpx2.ASGITransport(self.app), base_url=BASE, timeout=300)
        self._turns: dict[str, Any] = {}

    async def ask(self, question: Question) -> httpx2.Response:
        """Send one request; the case, place or respondent changes each time."""
        if question.fresh:
            self.services.dashboard_cache.clear()
        turn = self._turns.setdefault(question.name, cycle(question.requests))
        answer = await self.client.send(next(turn))
        if answer.status_code != 200:
            raise RuntimeError(f"{self.name}: {question.name} is answered {answer.status_code}")
        return answer

    def prepare(self) -> None:
        """Create every question, once the rows are stored."""
        work = partial(api_keys.create, wanted=NewApiKey("bench", ("review",)), now=now(), actor=COMMAND)
        self.bearer = {"authorization": f"Bearer {self.services.database.write_blocking(work)}"}
        for make in (self._queue, self._filters, self._searches, self._cases, self._figures, self._lists):
            for question in make():
                self.questions[question.name] = question

    # --- questions ---------------------------------------------------------------------------------

    def _queue(self) -> Sequence[Question]:
        places = self._places()
        at = {"middle": 0.5, "deep": 0.9}
        deep = {
            name: [QueueQuery({}, None).path(after=place) for place in _around(places, share)]
            for name, share in at.items()
        }
        return [
            self._pages("queue, first page", ["/staff"]),
            self._pages("queue, its lines alone", ["/staff?part=1"]),
            *(
                self._pages(f"queue, {name}", [f"{path}&part=1" for path in paths])
                for name, paths in deep.items()
            ),
        ]

    def _filters(self) -> Sequence[Question]:
        groups = {"filter": EACH, "usual": USUAL, "rare": RARE, "nothing": NOTHING}
        return [
            self._pages(f"{name}: {query}", [f"/staff?{self._named(query)}&part=1"])
            for name, queries in groups.items()
            for query in queries
        ]

    def _searches(self) -> Sequence[Question]:
        found = self._sampled(
            submissions.c.contact.is_not(None), submissions.c.booking_reference.is_not(None)
        )
        words = {
            "phone": [record.contact["phone"] for record in found],
            "e-mail": [record.contact["email"] for record in found],
            "booking reference": [record.booking_reference or "" for record in found],
            "case number": [record.id for record in found],
            "somebody unknown": ["+15550000000"],
        }
        return [self._posts(f"search, {name}", texts) for name, texts in words.items()]

    def _cases(self) -> Sequence[Question]:
        row = submissions.c
        kinds = {
            "with a flag": self._sampled(row.priority.is_not(None)),
            "without": self._sampled(row.priority.is_(None), row.review == "in_review"),
            "closed": self._sampled(row.review == "closed"),
        }
        return [
            self._pages(f"case, {name}", [f"/staff/cases/{record.id}" for record in found])
            for name, found in kinds.items()
        ]

    def _figures(self) -> Sequence[Question]:
        paths = [f"/staff/dashboard?days={days}" for days in (7, 30, 90)]
        return [self._pages(path.partition("/staff/")[2], [path], goal=3.0, fresh=True) for path in paths]

    def _lists(self) -> Sequence[Question]:
        return [
            self._pages(f"REST: {query}", [f"/v1/submissions?{self._named(query)}"], headers=self.bearer)
            for query in LISTS
        ]

    # --- how requests are built --------------------------------------------------------------------

    def _pages(
        self, name: str, paths: Sequence[str], *, goal: float = 1.5, fresh: bool = False, headers: Any = None
    ) -> Question:
        told = headers or {"cookie": f"preconsult_staff={self.secret}"}
        made = (self.client.build_request("GET", path, headers=told) for path in paths)
        return Question(name, tuple(made), goal, fresh)

    def _posts(self, name: str, texts: Sequence[str]) -> Question:
        token = self.services.submissions.vault.keyring.sign("staff token", self.secret.encode())
        kind = {"content-type": "application/x-www-form-urlencoded"}
        told = kind | {"cookie": f"preconsult_staff={self.secret}"}
        bodies = (urlencode({"token": token, "text": text}) for text in texts)
        made = (
            self.client.build_request("POST", "/staff/found", headers=told, content=each) for each in bodies
        )
        return Question(name, tuple(made), 1.5)

    def _named(self, query: str) -> str:
        lately, long_ago = (f"{now() - ago:%Y-%m-%dT%H:%M:%SZ}" for ago in (dt.timedelta(days=1), SPAN / 2))
        return query.format(other=self.team[1], english=self.team[-1], lately=lately, long_ago=long_ago)

    def _places(self) -> list[Place]:
        """Every place of the queue, in order."""
        asked = partial(queue.list_cases, filters=Filters(), limit=self.count, now=now())
        return [each.place for each in self.services.database.read_blocking(asked).rows]

    def _sampled(self, *wanted: Any) -> list[rows.Record]:
        """Some cases from the whole retention period."""
        return self.services.database.read_blocking(
            partial(_sampled, vault=self.services.submissions.vault, wanted=wanted)
        )


def _sampled(session: Session, *, vault: rows.Vault, wanted: Sequence[Any]) -> list[rows.Record]:
    chance, found, row = random.Random(4), [], submissions.c
    plain = row.is_test.is_(False), row.status == "submitted"
    for _ in range(OTHERS):
        since = now() - SPAN * (0.02 + 0.97 * chance.random())
        asked = sa.select(row.id).where(row.id > min_id_at(since), *plain, *wanted).order_by(row.id).limit(1)
        record = rows.fetch(session, vault, session.execute(asked).scalar_one())
        assert record
        found.append(record[0])
    return found


def _around(places: Sequence[Place], share: float) -> list[Place]:
    first = int(len(places) * share)
    return [places[(first + step * 7) % len(places)] for step in range(OTHERS)]


def _team(session: Session, secret: str) -> list[str]:
    """Add staff users and return their ids; the first of them is signed in."""
    ids = []
    for number in range(TEAM):
        wanted = users.NewStaffUser(f"colleague{number}@clinic.example", ("manager",), f"Colleague {number}")
        ids.append(users.add(session, wanted, users.new_secret(), now=now(), actor=COMMAND).id)
    people.change(session, ids[0], totp_secret_encrypted=b"k.none", password_hash="none")
    sessions.create(session, ids[0], secret, now=now())
    return ids
