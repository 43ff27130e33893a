"""Limits across replicas: two servers, one store, one limit; and the behaviour while the store is down.

Never: asserts how fast anything is.
"""

import asyncio
import re
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from app.adapters.redis_counters import RedisCounters
from app.encryption import Keyring
from app.web.http.form_start_limits import FormStartLimiter
from tests import redis_server
from tests.postgres_server import Postgres
from tests.redis_server import Redis
from tests.server import Server, serving

LIMIT, REPLICAS, TRIES = 200, 2, 300  # a replica leases two places at a time
PATH = "/v1/submissions"
KEYRING = f"k1:{'A' * 43}="
SPOOFED = (
    "x-forwarded-for", "forwarded", "x-real-ip", "cf-connecting-ip", "true-client-ip", "x-client-ip",
)  # fmt: skip


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redis]:
    with redis_server.running(tmp_path_factory.mktemp("store")) as found:
        yield found


@pytest.fixture(scope="module")
def replicas(
    store: Redis, postgres: Postgres, template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[Server]]:
    """Two servers on one PostgreSQL, one keyring and one store. Each test uses its own keys."""
    settings = {"ENCRYPTION_KEYS": KEYRING, "REDIS_URL": store.url, "LOG_LEVEL": "warning"}
    settings |= {"RATE_LIMIT_PER_KEY": str(LIMIT), "RATE_LIMIT_PER_NETWORK": str(LIMIT)}
    more = {f"PRECONSULT_{name}": value for name, value in settings.items()}
    postgres.create_database("limits", template)
    with ExitStack() as stack:
        yield [
            stack.enter_context(serving(tmp_path_factory.mktemp("replica"), postgres.url("limits"), **more))
            for _ in range(REPLICAS)
        ]
    postgres.drop_database("limits")


def accepted(replicas: list[Server], headers: list[dict[str, str]]) -> int:
    """The number of accepted requests, when `TRIES` are sent to each replica in parallel."""

    def ask(server: Server) -> list[int]:
        with httpx.Client(base_url=server.url) as client:
            return [
                client.get(PATH, headers=headers[number % len(headers)]).status_code
                for number in range(TRIES // 2)
            ]

    with ThreadPoolExecutor(2 * len(replicas)) as pool:
        found = [status for each in pool.map(ask, [*replicas, *replicas]) for status in each]
    assert set(found) <= {200, 401, 429}
    return len(found) - found.count(429)


def counted_alone(replicas: list[Server]) -> int:
    """How often a replica has logged that it counts by itself."""
    return sum(each.log.read_text().count("rate_limit_store_unavailable") for each in replicas)


def within_a_minute(replicas: list[Server], asked: Callable[[], int]) -> int:
    """The result of `asked` when it runs within one minute of the clock.

    It is repeated in the next minute if the machine was so busy that the store responded too late; a replica
    logs that once a minute.
    """
    for _ in range(5):
        minute, alone = time.time() // 60, counted_alone(replicas)
        found = asked()
        if time.time() // 60 == minute and counted_alone(replicas) == alone:
            return found
        while time.time() // 60 == minute:
            time.sleep(0.2)
    raise AssertionError("every try met the end of a minute, or a store that was too slow")


def test_two_replicas_hold_one_limit_of_a_key_in_total(replicas: list[Server]) -> None:
    keys = iter([replicas[0].key("submissions:read") for _ in range(5)])
    total = within_a_minute(replicas, lambda: accepted(replicas, [{"authorization": f"Bearer {next(keys)}"}]))
    assert LIMIT * 0.9 <= total <= LIMIT


def test_two_replicas_hold_one_limit_of_a_network_whatever_its_headers_say(replicas: list[Server]) -> None:
    spoofed = [{name: f"192.0.2.{number}"} for number, name in enumerate(SPOOFED)]
    wrong = [{"authorization": f"Bearer pcr_{'a' * 43}"}, {"authorization": "Bearer guess"}]
    total = within_a_minute(replicas, lambda: accepted(replicas, [{}, *spoofed, *wrong[1:]]))
    assert total <= LIMIT


def test_what_is_left_counts_for_both(replicas: list[Server]) -> None:
    keys = iter([replicas[0].key("submissions:read") for _ in range(5)])

    def remaining() -> int:
        headers = {"authorization": f"Bearer {next(keys)}"}
        with httpx.Client(headers=headers) as client:
            answers = [client.get(f"{each.url}{PATH}") for each in replicas for _ in range(30)]
        assert answers[-1].headers["ratelimit-policy"] == f'"key";q={LIMIT};w=60'
        left = re.match(r'"key";r=(\d+);t=\d+$', answers[-1].headers["ratelimit"])
        assert left
        return int(left[1])

    assert within_a_minute(replicas, remaining) == LIMIT - 30 * REPLICAS


def test_while_the_store_is_down_requests_are_answered_and_the_log_says_so_once(tmp_path: Path) -> None:
    settings = {"PRECONSULT_RATE_LIMIT_PER_KEY": str(LIMIT)}  # so low that the store is queried repeatedly
    with (
        redis_server.running(tmp_path) as store,
        serving(tmp_path, PRECONSULT_REDIS_URL=store.url, **settings) as server,
    ):
        with httpx.Client(headers={"authorization": f"Bearer {server.key('submissions:read')}"}) as client:
            before = client.get(f"{server.url}{PATH}")
            assert "rate_limit_store_unavailable" not in server.log.read_text()
            store.stop()
            first = time.time() // 60
            answers = [before, *(client.get(f"{server.url}{PATH}") for _ in range(5))]
            minutes = int(time.time() // 60 - first) + 1  # one log line per minute
        assert {answer.status_code for answer in answers} == {200}
        log = server.log.read_text()
        assert 1 <= log.count("rate_limit_store_unavailable") <= minutes
        assert store.url not in log


def test_forms_begun_are_counted_by_all_replicas_together(
    store: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = type("time", (), {"time": lambda: 1_800_000_100.0, "monotonic": time.monotonic})
    monkeypatch.setattr("app.web.http.form_start_limits.time", clock)
    keyring = Keyring([("k1", bytes(32))])

    async def begin() -> list[int]:
        stores = [RedisCounters(store.url) for _ in range(REPLICAS)]
        found = [FormStartLimiter(per_network=3, total=5, keyring=keyring, counts=each) for each in stores]
        waits = [await each.hit(network) for network in ("a", "b", "c") for _ in range(3) for each in found]
        for each in stores:
            await each.close()
        return waits

    waits = asyncio.run(begin())
    assert [wait == 0 for wait in waits[:6]] == [True] * 3 + [False] * 3, "three from one network"
    assert waits.count(0) == 5
    assert all(0 < wait <= 3600 for wait in waits if wait)


def test_a_store_that_never_answers_keeps_nobody_waiting_for_long(tmp_path: Path) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        with serving(tmp_path, PRECONSULT_REDIS_URL=url) as server:
            headers = {"authorization": f"Bearer {server.key('submissions:read')}"}
            found = [httpx.get(f"{server.url}{PATH}", headers=headers, timeout=10) for _ in range(3)]
    assert [answer.status_code for answer in found] == [200] * 3
