"""The steps of a submission, measured one by one, in this process, on one thread.

Responsible for: calling the services' own functions in the order of a submission, many times, and reporting
the median CPU time of each in microseconds (a busy neighbour does not count). Never: measures HTTP, the event
loop and thread changes, which take the rest of the server's CPU time per request.
"""

import datetime as dt
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import TypeVar

from app.encryption import Keyring
from app.services.idempotency import Claim, remember
from app.services.submissions.assessment import RetentionPolicy, SubmissionInput, assess_new, new_token
from app.storage.db.database import Database, Session
from app.storage.db.migrations import migrate
from app.storage.events import audit_log
from app.storage.events.audit_log import Actor, AuditAction
from app.storage.submissions import submissions
from app.storage.submissions.submissions import Vault
from app.web.http.request_body import parse
from app.web.http.responses import json_response as responded
from app.web.schemas.serializers import created
from app.web.schemas.submissions import SubmissionIn
from benchmarks.payloads import bodies, edition

GROUPS, GROUP = 40, 32  # commits, submissions in each
KEEP = RetentionPolicy.from_settings(hours=72, days=30)
ACTOR = Actor("api_key", "bench")
ACT = AuditAction("bench", "submission", "id")
PART = "  of it "
T = TypeVar("T")


class Steps:
    """The measured times of each step."""

    def __init__(self) -> None:
        self.vault = Vault(Keyring([("bench", b"k" * 32)]))
        self.seconds: dict[str, list[float]] = defaultdict(list)
        self.number = 0

    def time(self, name: str, call: Callable[[], T]) -> T:
        """Call a function and record how long it took."""
        begun = time.thread_time()
        result = call()
        self.seconds[name].append(time.thread_time() - begun)
        return result

    def submit(self, session: Session, text: str) -> None:
        """One submission, step by step, as POST /v1/submissions processes it."""
        now, loaded, vault = dt.datetime.now(dt.UTC), edition(), self.vault
        value = self.time("parse body", lambda: parse(text.encode()))
        given = self.time("request model", lambda: SubmissionIn.model_validate(value))
        handed, token = (
            SubmissionInput(given.answers, given.contact or {}),
            self.time("access token", new_token),
        )
        assessment = self.time("draw up", lambda: assess_new(loaded, handed, token, now=now, terms=KEEP))
        checked = self.time(f"{PART}check", lambda: loaded.check(given.answers, given.contact))
        evaluation = self.time(f"{PART}evaluate", lambda: loaded.evaluate(checked.answers))
        self.time(f"{PART}summarise", lambda: loaded.summarise(evaluation, "en"))
        document = self.time("represent", lambda: created(assessment, token))
        answer = bytes(self.time("dump, response", lambda: responded(document)).body)
        self.number += 1
        claim = Claim.from_request("bench", str(self.number), text.encode())
        record, key = assessment.record, assessment.key
        self.time("idempotency", lambda: remember(session, claim, record.id, key, answer, now=now))
        flags = self.time("seal flags", lambda: [vault.seal_flag(x, record.id, key) for x in record.flags])
        row = self.time("seal", lambda: vault.encrypt_record(record, key))
        self.time("insert", lambda: submissions.insert(session, row, flags))
        for _ in range(1 + len(record.flags)):
            self.time("audit row", lambda: audit_log.record(session, ACTOR, now, ACT))

    def cost(self, name: str) -> tuple[float, float]:
        """Median CPU seconds of a step, and how often a submission runs it."""
        return median(self.seconds[name]), len(self.seconds[name]) / self.number

    @property
    def total(self) -> float:
        """CPU seconds of all steps of a submission; a part is included in its whole."""
        costs = (self.cost(name) for name in self.seconds if not name.startswith(PART))
        return sum(seconds * times for seconds, times in costs)


def measured() -> Steps:
    """Measure many submissions, step by step, in groups on a new database."""
    steps, given = Steps(), bodies()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        database = Database(f"sqlite:///{Path(folder) / 'steps.db'}")
        migrate(database)
        for group in range(GROUPS):
            session = database.engine.connect()
            transaction = session.begin()
            for place in range(GROUP):
                steps.submit(session, given[(group * GROUP + place) % len(given)])
            steps.time(f"commit of {GROUP}", transaction.commit)
            session.close()
        database.close()
    return steps


def table(server: float | None = None) -> str:
    """Every step; and the remaining CPU seconds that the server uses for a submission, if known."""
    steps = measured()
    rows = [(name, *steps.cost(name)) for name in steps.seconds]
    rows.append(("all steps", steps.total, 1))
    if server is not None:
        rows.append(("rest: HTTP, routing, threads", server - steps.total, 1))
    lines = [f"{name:30}{seconds * 1e6:9.1f}{times:9.2f}" for name, seconds, times in rows]
    return "\n".join([f"{'':30}{'cpu us':>9}{'times':>9}", *lines])


if __name__ == "__main__":
    print(table())
