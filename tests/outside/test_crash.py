"""kill -9 under load, fifty times: what was acknowledged is there, once, whatever died and when.

Refuses: clean shut-downs, fewer rounds, samples.
"""

import random
import signal
import time
from pathlib import Path

import pytest

from tests.outside.processes import mortal, starting
from tests.outside.truth import is_sound, nothing_is_lost_or_doubled
from tests.outside.writers import Ledger, finish, writing
from tests.pgtmp import Postgres
from tests.server import Server

ROUNDS = 50
LONGEST = 0.25  # seconds of load before a blow
AT_THE_FIRST_ANSWER, WHILE_STARTING, DATABASE_TOO = range(0, ROUNDS, 3), (7, 19, 31, 43), (5, 16, 28, 40)


@pytest.mark.timeout(900)  # fifty starts, each of a few seconds where two cores are shared
def test_what_was_acknowledged_survives_fifty_kills(
    database_url: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    postgres: Postgres | None = None if "sqlite" in database_url else request.getfixturevalue("postgres")
    moments = random.Random(20261122)
    with mortal(tmp_path, database_url) as server:
        key, ledger = server.key("submissions:write", "submissions:read"), Ledger()
        for number in range(ROUNDS):
            if number in WHILE_STARTING:
                _kill_while_starting(server, moments.uniform(0.1, 1.2))
            server.start()
            ledger.first.clear()
            with writing(server, key, ledger) as end:
                if postgres and number in DATABASE_TOO:
                    time.sleep(moments.uniform(0, LONGEST))
                    postgres.restart(immediate=True)
                if number in AT_THE_FIRST_ANSWER:
                    ledger.first.wait(10)
                else:
                    time.sleep(moments.uniform(0, LONGEST))
                assert server.stop(signal.SIGKILL) == -signal.SIGKILL
                end()
        server.start()
        finish(server, key, ledger)
        assert ledger.broken > ROUNDS, "the blows hit nobody"
        assert len(ledger.acknowledged) > 5 * ROUNDS
        nothing_is_lost_or_doubled(server, key, ledger, database_url)
        assert server.stop() == 0
    is_sound(database_url, postgres)


def _kill_while_starting(server: Server, seconds: float) -> None:
    process = starting(server)
    time.sleep(seconds)
    process.kill()
    process.wait()
