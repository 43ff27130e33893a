"""kill -9 under load: what was acknowledged is stored exactly once, whatever was killed and when.

The server is killed at chosen points of its own work, each of them always reached; with --thorough at fifty
random moments too. Never: tests clean shutdowns, or takes samples.
"""

import random
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.processes.crash_points import CrashPoint
from tests.e2e.processes.processes import await_crash, kill, mortal, start_until
from tests.e2e.processes.truth import is_sound, nothing_is_lost_or_doubled
from tests.e2e.processes.writers import Ledger, finish, writing
from tests.postgres_server import Postgres
from tests.server import PATIENCE, Server

WRITERS = 6
POINTS = [
    CrashPoint("statement", "submissions", 29),  # a batch in progress on SQLite, with writes waiting
    CrashPoint("statement", "audit_events", 7),
    CrashPoint("before_commit", "submissions", 11),
    CrashPoint("after_commit", "submissions", 1),  # the first after a start
    CrashPoint("after_commit", "submissions", 13),
    CrashPoint("answer", "201", 9),
    CrashPoint("before_commit", "audit_chain_head", 1),  # the audit log is chained every second
]
FIRST_WRITES = [CrashPoint("statement", "", number) for number in (1, 3)]  # "": any table

ROUNDS = 50
LONGEST = 0.25  # seconds of load before a random kill
AT_THE_FIRST_ANSWER, WHILE_STARTING, DATABASE_TOO = range(0, ROUNDS, 3), (7, 19, 31, 43), (5, 16, 28, 40)


@pytest.fixture
def postgres_or_none(database_url: str, request: pytest.FixtureRequest) -> Postgres | None:
    """The PostgreSQL server, if the test runs on it."""
    return None if "sqlite" in database_url else request.getfixturevalue("postgres")


@contextmanager
def crashing(server: Server, key: str, ledger: Ledger) -> Iterator[None]:
    """Writers run until the block has seen the server die."""
    ledger.first.clear()
    with writing(server, key, ledger, writers=WRITERS) as end:
        yield
        end()


@pytest.mark.timeout(600)  # a dozen starts, each of many seconds when other processes share the two cores
def test_what_was_acknowledged_survives_a_kill_at_each_chosen_point(
    database_url: str, tmp_path: Path, postgres_or_none: Postgres | None
) -> None:
    with mortal(tmp_path, database_url) as server:
        key, ledger = server.key("submissions:write", "submissions:read"), Ledger(breath=0.01)
        for point in POINTS:
            start_until(server, point)
            with crashing(server, key, ledger):
                await_crash(server)
        for point in FIRST_WRITES:  # twice in a row, with the state that the last crash left behind
            server.launch(*point.program)
            await_crash(server)
        _while_starting(server)
        for strike in (_at_the_first_answer, _while_all_wait_for_an_answer):
            server.start()
            with crashing(server, key, ledger):
                strike(server, ledger)
        if postgres_or_none:
            server.start()
            with crashing(server, key, ledger):
                assert ledger.first.wait(PATIENCE)
                postgres_or_none.restart(immediate=True)
                kill(server)
        server.start()
        finish(server, key, ledger)
        assert ledger.broken > len(POINTS), "the kills cut nobody off"
        assert len(ledger.acknowledged) > 5 * len(POINTS)
        nothing_is_lost_or_doubled(server, key, ledger, database_url)
        assert server.stop() == 0
    is_sound(database_url, postgres_or_none)


def _while_starting(server: Server) -> None:
    """Kill the server while it opens and checks the database, before it accepts connections."""
    before, process = server.log.read_text().count("preconsult serves"), server.launch()
    give_up = time.monotonic() + PATIENCE
    while server.log.read_text().count("preconsult serves") == before:
        assert process.poll() is None
        assert time.monotonic() < give_up
        time.sleep(0.005)
    kill(server)


def _at_the_first_answer(server: Server, ledger: Ledger) -> None:
    assert ledger.first.wait(PATIENCE)
    kill(server)


def _while_all_wait_for_an_answer(server: Server, ledger: Ledger) -> None:
    """Kill the server when all requests are sent, and it has not read them."""
    assert ledger.first.wait(PATIENCE)
    assert server.process is not None
    server.process.send_signal(signal.SIGSTOP)
    give_up = time.monotonic() + PATIENCE
    while len(ledger.unanswered) < WRITERS and time.monotonic() < give_up:
        time.sleep(0.02)
    time.sleep(0.1)  # until the last writer has sent its request, too
    kill(server)


@pytest.mark.thorough
@pytest.mark.timeout(900)  # fifty starts, each of a few seconds when the two cores are shared
def test_what_was_acknowledged_survives_fifty_kills(
    database_url: str, tmp_path: Path, postgres_or_none: Postgres | None
) -> None:
    moments = random.Random(20261122)
    with mortal(tmp_path, database_url) as server:
        key, ledger = server.key("submissions:write", "submissions:read"), Ledger()
        for number in range(ROUNDS):
            if number in WHILE_STARTING:
                _kill_while_starting(server, moments.uniform(0.1, 1.2))
            server.start()
            ledger.first.clear()
            with writing(server, key, ledger) as end:
                if postgres_or_none and number in DATABASE_TOO:
                    time.sleep(moments.uniform(0, LONGEST))  # with --thorough only
                    postgres_or_none.restart(immediate=True)
                if number in AT_THE_FIRST_ANSWER:
                    ledger.first.wait(10)
                else:
                    time.sleep(moments.uniform(0, LONGEST))  # with --thorough only
                kill(server)
                end()
        server.start()
        finish(server, key, ledger)
        assert ledger.broken > ROUNDS, "the blows hit nobody"
        assert len(ledger.acknowledged) > 5 * ROUNDS
        nothing_is_lost_or_doubled(server, key, ledger, database_url)
        assert server.stop() == 0
    is_sound(database_url, postgres_or_none)


def _kill_while_starting(server: Server, seconds: float) -> None:
    process = server.launch()
    time.sleep(seconds)  # up to 1.2 s, with --thorough only
    process.kill()
    process.wait()
