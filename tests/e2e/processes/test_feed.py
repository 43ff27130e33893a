"""The feed read during eight writers, with two processes chaining events: no event is skipped or repeated.

Never: takes samples; every acknowledged submission and every event read is counted.
"""

import contextlib
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.e2e.processes.processes import mortal
from tests.e2e.processes.writers import Ledger, Line, finish, writing
from tests.server import Server

WRITERS, ENOUGH, PATIENCE = 8, 240, 60.0


class Reader:
    """A client that reads forward: it stores `next` and never reads an earlier page."""

    def __init__(self, server: Server, key: str) -> None:
        self.line, self.next = Line(server, key), ""
        self.seen: list[str] = []
        self.ids: Counter[str] = Counter()
        self.reads = 0

    def step(self, wait: int = 0) -> int:
        """Read the next page; returns the number of its events."""
        after = f"&after={self.next}" if self.next else ""
        answer = self.line.ask("GET", f"/v1/events?limit=7&wait={wait}{after}")
        assert answer.status == 200, answer.content
        document: dict[str, Any] = answer.json()
        self.next, self.reads = document["next"], self.reads + 1
        for event in document["events"]:
            self.ids[event["id"]] += 1
            if event["type"] == "submission.submitted":
                self.seen.append(event["data"]["submission_id"])
        return len(document["events"])


def test_a_reader_during_eight_writers_skips_nothing_and_hears_nothing_twice(
    database_url: str, tmp_path: Path
) -> None:
    with mortal(tmp_path / "one", database_url) as server, mortal(tmp_path / "two", database_url) as other:
        server.start()
        second = server if "sqlite" in database_url else _beside(server, other)
        key, events = server.key("submissions:write"), server.key("events")
        ledger, slow, reader = Ledger(breath=0.02), Reader(second, events), Reader(server, events)
        with slow.line, reader.line, following(reader):
            half = WRITERS // 2
            with writing(server, key, ledger, writers=half), writing(second, key, ledger, writers=half):
                give_up = time.monotonic() + PATIENCE
                while len(ledger.acknowledged) < ENOUGH:
                    slow.step()
                    assert time.monotonic() < give_up, len(ledger.acknowledged)
            finish(server, key, ledger)
        wanted = sorted(each["id"] for each in ledger.acknowledged.values())
        for each in (slow, reader):
            _catch_up(each, len(wanted))
            assert sorted(each.seen) == wanted, "nothing is skipped"
            assert set(each.ids.values()) == {1}, "nothing is told twice"
            assert each.reads > 10
        assert reader.seen == slow.seen, "there is one order"


@contextlib.contextmanager
def following(reader: Reader) -> Iterator[None]:
    """Within the block, the reader continues on its own thread with long polling."""
    over = threading.Event()

    def follow() -> None:
        while not over.is_set():
            reader.step(wait=1)

    thread = threading.Thread(target=follow)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _beside(server: Server, other: Server) -> Server:
    """A second process on the same database, with the same keys."""
    keyring = (server.data_dir / "keyring").read_text()
    other.environment["PRECONSULT_ENCRYPTION_KEYS"] = keyring.replace("\n", ",").strip(",")
    other.start()
    return other


def _catch_up(reader: Reader, wanted: int) -> None:
    give_up = time.monotonic() + PATIENCE
    with reader.line:
        while len(reader.seen) < wanted and time.monotonic() < give_up:
            reader.step(wait=1)
        assert reader.step() == 0
