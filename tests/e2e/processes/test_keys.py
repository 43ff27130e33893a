"""Encryption keys are rotated under load: no request fails, and nothing remains under an older key.

Never: pauses, restarts the server, or takes samples.
"""

import contextlib
import datetime as dt
import threading
from pathlib import Path

import pytest

from app.services.operations import key_rotation
from app.storage.db.database import Database
from app.storage.events.audit_log import Actor
from tests.e2e.processes.truth import column, nothing_is_lost_or_doubled
from tests.e2e.processes.writers import PATH, Ledger, Line, finish, writing
from tests.server import PATIENCE, Server, serving

KEPT_BEFORE = {"sqlite": 2000, "postgresql+psycopg": 800}  # with --thorough
BATCH, BATCHES = 50, 3  # without: small batches, so that a few rows make several
ROTATIONS = 2


def test_keys_are_rotated_under_load_and_nobody_notices(
    database_url: str, tmp_path: Path, thorough: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept_before = KEPT_BEFORE[database_url.partition(":")[0]] if thorough else BATCH * BATCHES
    if not thorough:
        monkeypatch.setattr(key_rotation, "BATCH", BATCH)
    with serving(tmp_path, database_url) as server:
        key, ledger = server.key("submissions:write", "submissions:read"), Ledger(breath=0)
        with writing(server, key, ledger):
            while len(ledger.acknowledged) < kept_before:
                ledger.first.clear()
                assert ledger.first.wait(PATIENCE)
        ledger.breath, read, over = 0.01, list[int](), threading.Event()
        reader = threading.Thread(target=_read, args=(server, key, ledger, read, over))
        reader.start()
        with writing(server, key, ledger):
            rotated = [_rotate(server, ledger) for _ in range(ROTATIONS)]
        over.set()
        reader.join()
        assert rotated[0][1] >= kept_before
        assert {bytes(each).split(b".")[0].decode() for each in _wrapped(database_url)} == {rotated[-1][0]}
        assert (set(ledger.statuses), ledger.broken) == ({201}, 0)
        assert set(read) == {200}
        finish(server, key, ledger)
    assert '"error"' not in server.log.read_text()
    with serving(tmp_path, database_url, PRECONSULT_LOG_LEVEL="warning") as again:
        nothing_is_lost_or_doubled(again, key, ledger, database_url)


def _rotate(server: Server, ledger: Ledger) -> tuple[str, int]:
    """Rotate as `preconsult keys rotate` does, in this process; submissions are written before and after."""
    assert ledger.first.wait(PATIENCE)
    with contextlib.closing(Database(server.database)) as database:
        found = key_rotation.rotate(
            database, "", server.data_dir / "keyring", now=dt.datetime.now(dt.UTC), actor=Actor("command")
        )
    ledger.first.clear()
    assert ledger.first.wait(PATIENCE)
    return found


def _read(server: Server, key: str, ledger: Ledger, read: list[int], over: threading.Event) -> None:
    """Read old answers and the newest one repeatedly."""
    with Line(server, key) as line:
        while not over.wait(0.02):
            kept = list(ledger.acknowledged.values())
            for answer in (kept[len(read) % 500], kept[-1]):
                found = line.ask("GET", f"{PATH}/{answer['id']}", credential=answer["access_token"])
                read.append(found.status)


def _wrapped(url: str) -> list[bytes]:
    return column(url, "SELECT wrapped_data_key FROM submissions")
