"""Writers: submissions in progress while a server is killed, overloaded or stopped.

Responsible for: threads that post, and post again with the same key until they get a response; a record of
what was acknowledged. Never: gives up an unanswered request, or connects to anything but 127.0.0.1.
"""

import contextlib
import http.client
import itertools
import json
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Self

from tests.sample_answers import CARA, body
from tests.server import Server

PATH = "/v1/submissions"
PATIENCE = 60.0  # seconds to wait for one response


@dataclass(frozen=True)
class Attempt:
    """One request: its key and its exact bytes."""

    number: int
    key: str = field(default_factory=lambda: str(uuid.uuid4()))

    @property
    def reference(self) -> str:
        return f"visit-{self.number}"

    @property
    def answers(self) -> dict[str, Any]:
        return CARA | {"pain_intensity": self.number % 11, "age_band": ("25_44", "45_64")[self.number % 2]}

    @property
    def body(self) -> bytes:
        return json.dumps(body(self.answers, booking_reference=self.reference)).encode()


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    content: bytes

    def json(self) -> Any:
        return json.loads(self.content)


class Line:
    """One connection to a server, opened again when it breaks."""

    def __init__(self, server: Server, credential: str) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
        self._headers = {"authorization": f"Bearer {credential}"}

    def ask(
        self, method: str, path: str, content: bytes | None = None, *, credential: str = "", **more: str
    ) -> Answer:
        """The response. Raises OSError or HTTPException if there is none."""
        headers = self._headers | ({"content-type": "application/json"} if content else {})
        headers |= {"authorization": f"Bearer {credential}"} if credential else {}
        headers |= {name.replace("_", "-"): value for name, value in more.items()}
        try:
            self._connection.request(method, path, content, headers)
            got = self._connection.getresponse()
            return Answer(got.status, {name.lower(): value for name, value in got.getheaders()}, got.read())
        except BaseException:
            self._connection.close()
            raise

    def post(self, attempt: Attempt) -> Answer:
        return self.ask("POST", PATH, attempt.body, idempotency_key=attempt.key)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()


@dataclass
class Ledger:
    """What the writers know: each attempt ends in `acknowledged`, under its own key, or in `unanswered`."""

    acknowledged: dict[Attempt, dict[str, Any]] = field(default_factory=dict)
    unanswered: set[Attempt] = field(default_factory=set)
    statuses: Counter[int] = field(default_factory=Counter)
    broken: int = 0  # connections that broke before a response
    odd: list[bytes] = field(default_factory=list)  # responses that must never occur
    first: threading.Event = field(default_factory=threading.Event)  # set by any acknowledgement
    breath: float = 0.003  # seconds between two requests of a writer
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def fresh(self) -> Attempt:
        return Attempt(next(self._numbers))

    def note(self, attempt: Attempt, answer: Answer) -> bool:
        """Record a response; returns whether this attempt is done."""
        self.statuses[answer.status] += 1
        if answer.status == 201:
            self.acknowledged[attempt] = answer.json()
            self.unanswered.discard(attempt)
            self.first.set()
            return True
        if answer.status != 503 or "retry-after" not in answer.headers:
            self.odd.append(answer.content)
        return False


@contextlib.contextmanager
def writing(server: Server, key: str, ledger: Ledger, *, writers: int = 4) -> Iterator[Callable[[], None]]:
    """Writers run until the block ends; yields the function that ends them early."""
    over = threading.Event()
    waiting = sorted(ledger.unanswered, key=lambda attempt: attempt.number)
    shares = [waiting[first::writers] for first in range(writers)]
    threads = [threading.Thread(target=_write, args=(server, key, ledger, share, over)) for share in shares]
    for thread in threads:
        thread.start()

    def end() -> None:
        over.set()
        for thread in threads:
            thread.join()

    try:
        yield end
    finally:
        end()


def _write(server: Server, key: str, ledger: Ledger, first: list[Attempt], over: threading.Event) -> None:
    with Line(server, key) as line:
        while not over.is_set():
            attempt = first.pop() if first else ledger.fresh()
            ledger.unanswered.add(attempt)
            while not _posted(line, attempt, ledger) and not over.wait(0.03):
                pass
            time.sleep(ledger.breath)  # the caller chooses the length: milliseconds


def _posted(line: Line, attempt: Attempt, ledger: Ledger) -> bool:
    try:
        return ledger.note(attempt, line.post(attempt))
    except (OSError, http.client.HTTPException):
        ledger.broken += 1
        return False


def finish(server: Server, key: str, ledger: Ledger) -> None:
    """Post each unanswered attempt again until it is answered."""
    give_up = time.monotonic() + PATIENCE
    with Line(server, key) as line:
        while ledger.unanswered and time.monotonic() < give_up:
            for attempt in list(ledger.unanswered):
                _posted(line, attempt, ledger)
    assert not ledger.unanswered
