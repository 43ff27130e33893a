"""Checks what is really stored: by requests with what was acknowledged, and in the database itself.

Never: takes samples. Every acknowledgement is compared with what is stored.
"""

import subprocess
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import sqlalchemy as sa

from tests.e2e.processes.writers import PATH, Attempt, Ledger, Line
from tests.postgres_server import Postgres
from tests.server import Server


def rows(url: str, statement: str) -> list[Any]:
    """Rows, read directly from the database."""
    engine = sa.create_engine(url)
    try:
        with engine.connect() as connection:
            found = connection.exec_driver_sql(statement)
            return [tuple(row) for row in found] if found.returns_rows else []
    finally:
        engine.dispose()


def column(url: str, statement: str) -> list[Any]:
    return [row[0] for row in rows(url, statement)]


def nothing_is_lost_or_doubled(server: Server, key: str, ledger: Ledger, url: str) -> None:
    """Assert that each acknowledged submission is stored once. Call it after writers.finish."""
    assert not ledger.unanswered
    assert not ledger.odd, ledger.odd[:3]
    told = {attempt: answer["id"] for attempt, answer in ledger.acknowledged.items()}
    kept = rows(url, "SELECT id, booking_reference FROM submissions")
    expected = Counter((each, attempt.reference) for attempt, each in told.items())
    lost, uninvited = expected - Counter(kept), Counter(kept) - expected
    assert (list(lost), list(uninvited)) == ([], [])
    assert len(column(url, "SELECT key_hash FROM idempotency_keys")) == len(told)
    audited = Counter(column(url, "SELECT object_id FROM audit_events WHERE action = 'submission.submitted'"))
    assert audited == Counter(told.values())
    everybody_finds_their_own(server, key, ledger)
    assert len(column(url, "SELECT id FROM submissions")) == len(told)  # repeated requests created none


def everybody_finds_their_own(server: Server, key: str, ledger: Ledger) -> None:
    """Each submission can be read with its access token, and its key returns the first response again."""
    items = list(ledger.acknowledged.items())
    with ThreadPoolExecutor(4) as threads:
        wrong = [each for found in threads.map(lambda share: _wrong(server, key, share),
                 [items[first::4] for first in range(4)]) for each in found]  # fmt: skip
    assert not wrong, wrong[:3]


def _wrong(server: Server, key: str, items: list[tuple[Attempt, dict[str, Any]]]) -> list[str]:
    with Line(server, key) as line:
        return [told for attempt, answer in items for told in _differences(line, attempt, answer)]


def _differences(line: Line, attempt: Attempt, answer: dict[str, Any]) -> list[str]:
    found = line.ask("GET", f"{PATH}/{answer['id']}", credential=answer["access_token"])
    if found.status != 200:
        return [f"{attempt}: {found.status} {answer['id']}"]
    kept, again = found.json(), line.post(attempt)
    fine = {
        "answers": kept["answers"] == attempt.answers,
        "reference": kept["booking_reference"] == attempt.reference,
        "status": kept["status"] == "submitted",
        "summary": kept["summary"] == answer["summary"],
        "replay": (again.status, again.headers.get("idempotency-replayed")) == (201, "true"),
        "same answer": again.status == 201 and again.json() == answer,
    }
    return [f"{attempt}: {name}" for name, right in fine.items() if not right]


def is_sound(url: str, postgres: Postgres | None) -> None:
    """Assert that the database's own checks find no error: every page, row, index and foreign key."""
    if postgres is None:
        assert column(url, "PRAGMA integrity_check") == ["ok"]
        assert rows(url, "PRAGMA foreign_key_check") == []
        return
    name = url.partition("@/")[2].partition("?")[0]
    program = str(postgres.bindir / "pg_amcheck")
    where = ["-h", str(postgres.home), "-U", "postgres"]
    subprocess.run(
        [program, *where, "--install-missing", "--heapallindexed", name], check=True, capture_output=True
    )
