"""Request limits per minute: for a key, for a network, and which of them counts invalid credentials."""

import asyncio
import datetime as dt
import gc
import secrets
import sys
import tracemalloc
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from starlette.types import Scope

from app.adapters.redis_counters import RedisCounters
from app.encryption import Keyring
from app.errors import StartupError, TooManyRequests
from app.settings import Settings
from app.storage.auth import api_keys
from app.web.http import rate_limits
from app.web.http.rate_limits import RateLimiter
from tests.conftest import Service
from tests.sample_answers import CARA, body
from tests.server import free_port
from tests.web.conftest import Create, Headers, bearer, noted, opened
from tests.web.http.test_client_address import SPOOFED

PER_KEY, PER_NETWORK = 5, 4
QUESTIONNAIRES, SUBMISSIONS = "/v1/questionnaires", "/v1/submissions"


class Clock:
    """The time that the limits see; it changes only when a test calls `go`."""

    def __init__(self) -> None:
        self.at = 30_000_000 * 60.0 + 18

    def time(self) -> float:
        return self.at


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr(rate_limits, "time", found)
    return found


@pytest.fixture
def limited(tmp_path: Path, clock: Clock) -> Iterator[Service]:
    """A service with limits low enough for a test to reach."""
    assert clock
    with opened(tmp_path, rate_limit_per_key=PER_KEY, rate_limit_per_network=PER_NETWORK) as found:
        yield found


def statuses(
    service: Service, times: int, headers: Headers | None = None, path: str = SUBMISSIONS
) -> list[int]:
    return [service.client.get(path, headers=headers).status_code for _ in range(times)]


# --- rejected --------------------------------------------------------------------------------------


def test_a_network_past_its_limit_is_told_how_long_to_wait(limited: Service) -> None:
    assert statuses(limited, PER_NETWORK, path=QUESTIONNAIRES) == [200] * PER_NETWORK
    refused = limited.client.get(QUESTIONNAIRES)
    assert refused.status_code == 429
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.headers["retry-after"] == "42"
    assert refused.headers["ratelimit"] == '"network";r=0;t=42'
    assert refused.headers["ratelimit-policy"] == f'"network";q={PER_NETWORK};w=60'
    assert refused.json()["type"] == "urn:preconsult:problem:too-many-requests"


def test_a_key_past_its_limit_is_told_so_and_keeps_nothing(limited: Service) -> None:
    website, reader = limited.key("submissions:write"), limited.key("submissions:read")
    answers = [limited.client.post(SUBMISSIONS, json=body(CARA), headers=website) for _ in range(PER_KEY + 2)]
    assert [answer.status_code for answer in answers] == [201] * PER_KEY + [429] * 2
    assert answers[-1].headers["retry-after"] == "42"
    assert answers[-1].headers["ratelimit"] == '"key";r=0;t=42'
    assert len(limited.client.get(SUBMISSIONS, headers=reader).json()["items"]) == PER_KEY


@pytest.mark.parametrize(
    "wrong",
    [
        "", "Bearer", "Basic abc", "Bearer x", "Bearer \u00ff", "Bearer pc_live_abcdefgh_" + "a" * 38,
        "Bearer pcr_" + "a" * 43,
    ],
)  # fmt: skip
@pytest.mark.parametrize("path", [SUBMISSIONS, f"{SUBMISSIONS}/x/summary", QUESTIONNAIRES, "/fhir/x"])
def test_wrong_credentials_count_against_the_network_wherever_they_are_tried(
    limited: Service, wrong: str, path: str
) -> None:
    headers = [(b"authorization", wrong.encode("latin-1"))]
    tried = [limited.client.get(path, headers=headers).status_code for _ in range(PER_NETWORK + 1)]
    assert 429 not in tried[:-1]
    assert tried[-1] == 429


def test_so_do_well_formed_keys_that_are_not_known_and_those_bound_elsewhere(limited: Service) -> None:
    known = limited.key("submissions:write")["authorization"]
    unknown = {"authorization": known.replace("Bearer pc_live_", "Bearer pc_test_")}
    bound = limited.key("submissions:write", cidrs=("192.0.2.0/24",))
    tried = [
        limited.client.post(SUBMISSIONS, json=body(CARA), headers=headers).status_code
        for headers in (unknown, bound, unknown, bound, unknown, bound)
    ]
    assert tried == [401, 403, 401, 403, 429, 429]


def test_no_header_about_where_it_comes_from_lets_anything_through(limited: Service) -> None:
    statuses(limited, PER_NETWORK, path=QUESTIONNAIRES)
    tried = [limited.client.get(QUESTIONNAIRES, headers=headers).status_code for headers in SPOOFED]
    assert set(tried) == {429}


# --- counted separately ----------------------------------------------------------------------------


def test_a_valid_key_goes_on_while_its_network_waits(limited: Service) -> None:
    reader = limited.key("submissions:read")
    assert statuses(limited, PER_NETWORK + 1)[-1] == 429
    assert statuses(limited, 1, reader) == [200]


def test_each_key_and_each_network_has_its_own_limit(limited: Service) -> None:
    one, other = limited.key("submissions:read"), limited.key("submissions:read")
    assert statuses(limited, PER_KEY + 1, one)[-1] == 429
    assert statuses(limited, 1, other) == [200]
    statuses(limited, PER_NETWORK + 1, path=QUESTIONNAIRES)
    for peer, status in (("192.0.2.7", 200), ("192.0.2.200", 200), ("2001:db8::1", 200)):
        there = limited.client.beside((peer, 1))
        assert there.get(QUESTIONNAIRES).status_code == status


def test_addresses_of_one_network_share_its_limit(limited: Service) -> None:
    tried = [
        limited.client.beside((f"2001:db8:1:{last}::1", 1)).get(QUESTIONNAIRES).status_code
        for last in range(PER_NETWORK + 1)
    ]
    assert tried == [200] * PER_NETWORK + [429]


def test_respondents_count_with_their_network(service: Service, create: Create) -> None:
    answer = service.client.get(f"{SUBMISSIONS}/{create(CARA)['id']}", headers=bearer(create(CARA)))
    assert "ratelimit" not in answer.headers


def test_a_request_counts_once_however_often_its_credentials_are_looked_at(limited: Service) -> None:
    staff = limited.key("review")
    passage = "/v1/articles/ketamine-everything-to-know/passages/P20"
    assert statuses(limited, PER_NETWORK + 1, path=passage) == [200] * PER_NETWORK + [429]
    assert statuses(limited, PER_KEY + 1, staff, path=passage) == [200] * PER_KEY + [429]


def test_pages_and_health_are_no_business_of_these_limits(limited: Service) -> None:
    for path in ("/livez", "/readyz", "/static/pico/VERSION", "/staff/sign-in"):
        assert 429 not in statuses(limited, PER_NETWORK + 2, path=path)


# --- accepted --------------------------------------------------------------------------------------


def test_every_answer_made_with_a_key_tells_what_is_left(limited: Service) -> None:
    reader = limited.key("submissions:read")
    paths = (
        SUBMISSIONS,
        f"{SUBMISSIONS}/unknown",
        f"{SUBMISSIONS}?limit=0",
        "/v1/nothing",
        "/v1/evaluations",
    )
    told = [limited.client.get(path, headers=reader) for path in paths]
    assert [answer.status_code for answer in told] == [200, 404, 422, 404, 405]
    assert [answer.headers["ratelimit"] for answer in told] == [
        f'"key";r={left};t=42' for left in (4, 3, 2, 1, 0)
    ]
    assert {answer.headers["ratelimit-policy"] for answer in told} == {f'"key";q={PER_KEY};w=60'}


def test_whoever_waits_as_told_is_let_in(limited: Service, clock: Clock) -> None:
    reader = limited.key("submissions:read")
    refused = [limited.client.get(SUBMISSIONS, headers=reader) for _ in range(PER_KEY + 1)][-1]
    clock.at += int(refused.headers["retry-after"]) - 1
    assert statuses(limited, 1, reader) == [429]
    clock.at += 1
    assert statuses(limited, PER_KEY + 1, reader) == [200] * PER_KEY + [429]


def test_requests_that_come_at_once_get_no_more_than_the_limit(limited: Service) -> None:
    reader = limited.key("submissions:read")
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: statuses(limited, 1, reader)[0], range(20)))
    assert found.count(200) == PER_KEY


# --- separate from people, and bounded -------------------------------------------------------------


def scope(peer: str) -> Scope:
    return {"type": "http", "headers": [], "client": (peer, 1)}


def made() -> RateLimiter:
    return RateLimiter(per_key=10, per_network=10, keyring=Keyring([("k", secrets.token_bytes(32))]))


def test_a_network_is_not_kept_in_clear_and_has_another_name_each_minute(clock: Clock) -> None:
    found, names = made(), []
    for _ in range(2):
        asyncio.run(found.hit_network(scope("192.0.2.7")))
        names.append(repr(vars(found._network)["_taken"]))
        clock.at += 60
    assert "192.0.2" not in "".join(names)
    assert names[0] != names[1]


@pytest.mark.usefixtures("clock")
def test_memory_does_not_grow_with_the_networks_that_come(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_limits, "MAX_NAMES", 100)
    found, sizes = made(), list[int]()
    tracemalloc.start()
    try:
        refused = asyncio.run(_many(found, sizes))
    finally:
        tracemalloc.stop()
    assert sizes[1] - sizes[0] < 20_000, "bytes"
    assert refused == 2000 - 100 - 10, "those past the most share one count"


async def _many(found: RateLimiter, sizes: list[int]) -> int:
    refused = 0
    for number in range(2000):
        try:
            await found.hit_network(scope(f"2001:db8:{number:x}::1"))
        except TooManyRequests:
            refused += 1
        if number in (200, 1999):
            gc.collect()
            sizes.append(tracemalloc.get_traced_memory()[0])
    return refused


# --- an unavailable store --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url", ["redis:", "http://:secret@127.0.0.1", "127.0.0.1:6379", "redis://", "redis://:secret@x:port/0", "rediss://:secret@["]
)  # fmt: skip
def test_an_address_that_is_none_is_refused_at_start_and_not_repeated(tmp_path: Path, url: str) -> None:
    with (
        pytest.raises(StartupError, match="PRECONSULT_REDIS_URL") as refused,
        opened(tmp_path, redis_url=url),
    ):
        pass
    assert "secret" not in str(refused.value)


def test_a_store_whose_package_is_not_installed_is_refused_at_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "redis", None)
    with pytest.raises(StartupError, match=r"install preconsult\[redis\]"):
        RedisCounters("redis://127.0.0.1:6379/0")


def test_while_the_store_is_down_each_process_counts_for_itself(tmp_path: Path, clock: Clock) -> None:
    assert clock
    nobody = f"redis://127.0.0.1:{free_port()}/0"
    with opened(tmp_path, rate_limit_per_key=PER_KEY, rate_limit_per_network=4, redis_url=nobody) as found:
        website = found.key("submissions:write")
        tried = [
            found.client.post(SUBMISSIONS, json=body(CARA), headers=website).status_code
            for _ in range(PER_KEY + 1)
        ]
        assert tried == [201] * PER_KEY + [429]
        assert statuses(found, 5, path=QUESTIONNAIRES) == [200] * 4 + [429]


@pytest.mark.usefixtures("clock")
def test_a_draw_that_comes_back_in_the_next_minute_is_not_counted_there() -> None:
    class Slow:
        def __init__(self) -> None:
            self.go = asyncio.Event()

        async def add(self, name: str, number: int, *, seconds: int) -> int:
            await self.go.wait()
            return 10**6 if "/7/" in name else number

    async def turn() -> int:
        store = Slow()
        count = rate_limits.LeasedCounter("key", 100, store)  # type: ignore[arg-type]
        first = asyncio.create_task(count.take("a", 7))
        await asyncio.sleep(0)
        count._minute, count._assessment = 8, {}  # another request arrived in the next minute
        store.go.set()
        assert await first < 0
        return await count.take("a", 8)

    assert asyncio.run(turn()) >= 0


# --- the day a key was last used -------------------------------------------------------------------


@pytest.mark.both_databases
def test_the_day_a_key_was_used_is_kept_and_no_more(service: Service) -> None:
    reader, other = service.key("submissions:read"), service.key("submissions:read")
    assert other
    statuses(service, 3, reader)
    noted(service)
    used = {key.id: key.last_used_at for key in service.read(api_keys.list_all)}
    today = dt.datetime.combine(dt.datetime.now(dt.UTC).date(), dt.time(), dt.UTC)
    assert used == {named(reader): today, named(other): None}


@pytest.mark.both_databases
def test_wrong_credentials_do_not_count_as_use(service: Service) -> None:
    bound = service.key("submissions:read", cidrs=("192.0.2.0/24",))
    assert statuses(service, 1, bound) == [403]
    assert [key.last_used_at for key in service.read(api_keys.list_all)] == [None]


@pytest.mark.both_databases
def test_an_earlier_day_never_takes_the_place_of_a_later_one(service: Service) -> None:
    reader = named(service.key("submissions:read"))
    for day in (dt.date(2026, 11, 24), dt.date(2026, 11, 23)):
        service.database.write_blocking(lambda session, day=day: api_keys.record_use(session, reader, day))  # type: ignore[misc]
    (key,) = service.read(api_keys.list_all)
    assert key.last_used_at == dt.datetime(2026, 11, 24, tzinfo=dt.UTC)


def named(headers: Headers) -> str:
    """The id of a key."""
    return headers["authorization"].split("_")[2]


def test_the_settings_are_what_the_issue_asks_for() -> None:
    found = Settings()
    assert (found.rate_limit_per_key, found.rate_limit_per_network, found.redis_url) == (6000, 1200, "")
