"""A database that is locked, full, restarted, killed or stopped: the service answers 503, then recovers.

Never: restarts the service, or accepts a 201 for what is not stored.
"""

import contextlib
import os
import resource
import signal
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest

from app.storage.db.database import BUSY_SECONDS
from tests.e2e.processes import impatient
from tests.e2e.processes.processes import let_files_grow_to, mortal
from tests.e2e.processes.truth import column, is_sound, nothing_is_lost_or_doubled
from tests.e2e.processes.writers import PATH, Answer, Attempt, Ledger, Line, finish, writing
from tests.postgres_server import Postgres
from tests.server import PATIENCE, Server, serving

SCOPES = ("submissions:write", "submissions:read")
BREATH = 0.03  # seconds between two requests of a writer: it only matters that some are always in progress


def test_nobody_waits_long_for_a_locked_database() -> None:
    assert impatient.SECONDS < BUSY_SECONDS <= 7  # the next two tests wait for the shorter one


def test_a_locked_database_is_waited_for_and_told_as_503_when_it_stays_locked(tmp_path: Path) -> None:
    with mortal(tmp_path) as server:
        server.start(*impatient.PROGRAM)
        key, ledger = server.key(*SCOPES), Ledger()
        attempt, stuck, url = ledger.fresh(), ledger.fresh(), f"sqlite:///{tmp_path / 'preconsult.db'}"
        lock = sqlite3.connect(tmp_path / "preconsult.db", isolation_level=None)
        lock.execute("BEGIN EXCLUSIVE")
        answered, answers = _asking(server, key, attempt)
        assert not answered.wait(0.5)
        lock.rollback()
        assert answered.wait(5)
        assert answers[0].status == 201
        ledger.note(attempt, answers[0])

        lock.execute("BEGIN EXCLUSIVE")
        answered, answers = _asking(server, key, stuck)
        with Line(server, key) as line:
            _respondents_read_on(line, ledger.acknowledged[attempt])
        assert answered.wait(15)
        _is_an_honest_503(answers[0])
        assert '"error": "SQLITE_BUSY"' in server.log.read_text()
        lock.rollback()
        lock.close()
        assert len(column(url, "SELECT id FROM submissions")) == 1
        ledger.unanswered.add(stuck)
        finish(server, key, ledger)
        nothing_is_lost_or_doubled(server, key, ledger, url)


def test_a_table_locked_by_an_operator_holds_writes_up_and_leaves_nothing_half_kept(
    postgres_url: str, tmp_path: Path
) -> None:
    with mortal(tmp_path, postgres_url) as server:
        server.start(*impatient.PROGRAM)
        key, ledger = server.key(*SCOPES), Ledger()
        stuck = ledger.fresh()
        with psycopg.connect(postgres_url.replace("+psycopg", "")) as lock:
            lock.execute("LOCK TABLE submissions IN EXCLUSIVE MODE")
            answered, answers = _asking(server, key, stuck)
            with Line(server, key) as line:
                assert line.ask("GET", PATH).status == 200
            assert answered.wait(20)
        assert answers[0].status in (409, 503)
        assert "retry-after" in answers[0].headers
        assert column(postgres_url, "SELECT key_hash FROM idempotency_keys") == []
        ledger.unanswered.add(stuck)
        finish(server, key, ledger)
        nothing_is_lost_or_doubled(server, key, ledger, postgres_url)


def test_a_full_disk_is_told_as_503_while_reads_go_on_and_it_recovers_by_itself(
    tmp_path: Path, thorough: bool
) -> None:
    url = f"sqlite:///{tmp_path / 'preconsult.db'}"
    with serving(tmp_path) as server:
        key, reader = server.key(*SCOPES), server.key("submissions:read")
        ledger = Ledger(breath=BREATH)
        with writing(server, key, ledger), Line(server, key) as line:
            assert ledger.first.wait(10)
            kept = next(iter(ledger.acknowledged.values()))
            for _ in range(8 if thorough else 4):
                let_files_grow_to(server, 0)  # every write to a file fails, including writes to the log
                time.sleep(0.2)
                _is_an_honest_503(line.post(Attempt(10**6)))
                _respondents_read_on(line, kept)
                _is_an_honest_503(line.ask("GET", f"{PATH}/{kept['id']}", credential=reader))
                assert line.ask("GET", "/readyz").status == 200
                let_files_grow_to(server, resource.RLIM_INFINITY)
                ledger.first.clear()
                assert ledger.first.wait(10)
            # a disk that fills up in the middle of a commit
            for room in range(100, 20_000, 1900):
                let_files_grow_to(server, max(path.stat().st_size for path in tmp_path.iterdir()) + room)
                time.sleep(0.05)
                let_files_grow_to(server, resource.RLIM_INFINITY)
        finish(server, key, ledger)
        assert ledger.broken == 0
        assert ledger.statuses[503] > 10
        nothing_is_lost_or_doubled(server, key, ledger, url)
        let_files_grow_to(server, 0)
        assert server.stop() == 0
    is_sound(url, None)


def _asking(server: Server, key: str, attempt: Attempt) -> tuple[threading.Event, list[Answer]]:
    """Post on a thread; returns the event that is set when it is answered, and the list for the answer."""
    answered, answers = threading.Event(), list[Answer]()

    def ask() -> None:
        with Line(server, key) as line:
            answers.append(line.post(attempt))
        answered.set()

    threading.Thread(target=ask, daemon=True).start()
    return answered, answers


def _respondents_read_on(line: Line, kept: dict[str, Any]) -> None:
    """So do lists; a program that views one submission causes an audit event, which is a write."""
    assert line.ask("GET", f"{PATH}/{kept['id']}", credential=kept["access_token"]).status == 200
    assert line.ask("GET", PATH).status == 200


def _is_an_honest_503(answer: Answer) -> None:
    assert answer.status == 503
    assert answer.headers["content-type"] == "application/problem+json"
    assert int(answer.headers["retry-after"]) > 0


def _fast_restart(postgres: Postgres) -> None:
    postgres.restart(immediate=False)


def _crash(postgres: Postgres) -> None:
    postgres.restart(immediate=True)


def _kill_the_postmaster(postgres: Postgres) -> None:
    everybody = psutil.Process(postgres.pid).children(recursive=True)
    os.kill(postgres.pid, signal.SIGKILL)
    psutil.wait_procs(everybody, 30)  # they exit by themselves; until then PostgreSQL cannot restart
    postgres.restart()


def _end_all_connections(postgres: Postgres) -> None:
    with psycopg.connect(host=str(postgres.home), user="postgres", dbname="postgres") as administrator:
        for _ in range(15):
            administrator.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
            )
            time.sleep(0.1)


def _freeze(postgres: Postgres) -> None:
    everybody = [*psutil.Process(postgres.pid).children(recursive=True), psutil.Process(postgres.pid)]
    for process in everybody:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.suspend()
    time.sleep(5)  # as long as a request waits for a new connection
    for process in everybody:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.resume()


@pytest.mark.parametrize("blow", [_fast_restart, _crash, _kill_the_postmaster, _end_all_connections, _freeze])
def test_a_blow_to_postgresql_is_a_blip(
    blow: Callable[[Postgres], None], postgres: Postgres, postgres_url: str, tmp_path: Path, thorough: bool
) -> None:
    with serving(tmp_path, postgres_url) as server:
        key, ledger = server.key(*SCOPES), Ledger(breath=BREATH)
        with writing(server, key, ledger, writers=6):
            for _ in range(2 if thorough and blow is not _freeze else 1):
                assert ledger.first.wait(PATIENCE)
                blow(postgres)
                ledger.first.clear()
                assert ledger.first.wait(10), "it did not recover"
        finish(server, key, ledger)
        assert ledger.broken == 0, "the service itself must answer"
        assert blow is _freeze or ledger.statuses[503] > 0 or blow is _end_all_connections
        nothing_is_lost_or_doubled(server, key, ledger, postgres_url)
    is_sound(postgres_url, postgres)
