"""SIGTERM under load: requests in progress are answered, no unsaved data is acknowledged, the exit is clean.

Never: accepts an exit status other than 0, tracebacks, or output that is not a log line.
"""

import json
import signal
import time
from pathlib import Path

import pytest

from tests.e2e.processes.processes import mortal
from tests.e2e.processes.truth import nothing_is_lost_or_doubled
from tests.e2e.processes.wire import Wire, request
from tests.e2e.processes.writers import Attempt, Ledger, finish, writing
from tests.server import PATIENCE, Server, serving

SCOPES = ("submissions:write", "submissions:read")
STOPS = 2


def test_a_stop_under_load_loses_nothing_and_ends_well(database_url: str, tmp_path: Path) -> None:
    with mortal(tmp_path, database_url) as server:
        key, ledger = server.key(*SCOPES), Ledger(breath=0)
        for number in range(STOPS):
            server.start()
            ledger.first.clear()
            with writing(server, key, ledger, writers=8) as end:
                assert ledger.first.wait(PATIENCE)
                time.sleep(0.2 * number)  # at the first answer, then 0.2 s later
                assert server.stop(signal.SIGTERM) == 0
                end()
    with serving(tmp_path, database_url, PRECONSULT_LOG_LEVEL="warning") as again:
        finish(again, key, ledger)
        assert set(ledger.statuses) == {201}
        nothing_is_lost_or_doubled(again, key, ledger, database_url)
    _ended_quietly(server, STOPS)


def test_a_request_half_sent_when_the_stop_comes_is_still_answered(database_url: str, tmp_path: Path) -> None:
    with mortal(tmp_path, database_url) as server:
        server.start()
        assert server.process is not None
        attempt, key = Attempt(1), server.key(*SCOPES)
        whole = request("POST", "/v1/submissions", attempt.body, key=key, idempotency_key=attempt.key)
        with Wire(server.port) as wire:
            wire.send(whole[:-40])
            time.sleep(0.3)  # the server reads what has arrived, without a visible sign
            server.process.send_signal(signal.SIGTERM)
            time.sleep(0.3)  # the server begins to stop, without a visible sign
            wire.send(whole[-40:])
            assert [answer.status for answer in wire.answers()] == [201]
            assert wire.closed
        assert server.process.wait(20) == 0
        _ended_quietly(server, 1)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_while_nobody_asks_ends_well(how: signal.Signals, tmp_path: Path) -> None:
    with mortal(tmp_path) as server:
        server.start()
        assert server.stop(how) == 0
        _ended_quietly(server, 1)


def _ended_quietly(server: Server, times: int) -> None:
    told = [line for line in server.log.read_text().splitlines() if not line.startswith("preconsult serves")]
    events = [json.loads(line)["event"] for line in told]
    assert events.count("stopped") >= times
    assert set(events) <= {"started", "request", "stopped"}
