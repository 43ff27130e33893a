"""Limits on form starts: for one network, for all together, and the memory they use."""

import gc
import time
import tracemalloc
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from app.encryption import Keyring
from app.web.http.form_start_limits import DAY, FormStartLimiter

HERE, THERE = "192.0.2.0/24", "2001:db8:1::/48"
HOUR = 3600.0


class Clock:
    """The time that the limits see; it changes only when a test calls `go`."""

    def __init__(self) -> None:
        self.wall, self.steady = 480_000 * HOUR + 900, 1000.0  # a quarter past the hour

    def go(self, seconds: float) -> None:
        self.wall += seconds
        self.steady += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    found = Clock()
    with monkeypatch.context() as patched:
        patched.setattr("limits.storage.memory.time", _Time(found))
        patched.setattr("limits.strategies.time", _Time(found))
        patched.setattr("app.web.http.form_start_limits.time", _Time(found))
        yield found


class _Time:
    """Replaces the module `time` in the modules under test only."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock

    def time(self) -> float:
        return self.clock.wall

    def monotonic(self) -> float:
        return self.clock.steady


def limiter(per_network: int, total: int) -> FormStartLimiter:
    """The limits of one process."""
    return FormStartLimiter(per_network, total, keyring=Keyring([("k", bytes(32))]))


def taken(limits: FormStartLimiter, network: str, times: int) -> int:
    """The number of these attempts that were allowed."""
    return sum(limits.take(network) == 0 for _ in range(times))


@pytest.mark.usefixtures("clock")
def test_a_network_past_its_limit_is_told_how_long_to_wait() -> None:
    limits = limiter(3, 100)
    assert taken(limits, HERE, 3) == 3
    assert 1 <= limits.take(HERE) <= HOUR


@pytest.mark.usefixtures("clock")
def test_everybody_waits_past_the_limit_of_all_however_many_networks_they_come_from() -> None:
    limits = limiter(3, 10)
    assert sum(limits.take(f"10.0.{number}.0/24") == 0 for number in range(50)) == 10
    assert 1 <= limits.take(HERE) <= HOUR


@pytest.mark.usefixtures("clock")
def test_a_network_past_its_limit_takes_nothing_from_the_others() -> None:
    limits = limiter(3, 10)
    assert taken(limits, HERE, 1000) == 3
    assert sum(limits.take(f"10.0.{number}.0/24") == 0 for number in range(50)) == 7


def test_whoever_tries_while_waiting_does_not_wait_longer(clock: Clock) -> None:
    limits = limiter(3, 100)
    taken(limits, HERE, 3)
    wait = limits.take(HERE)
    for _ in range(wait - 1):
        clock.go(1)
        assert limits.take(HERE) > 0
    clock.go(1)
    assert limits.take(HERE) == 0


@pytest.mark.parametrize("late", [0, 1, 600, 1799.5, 3599])
def test_whoever_waits_as_told_is_let_in(clock: Clock, late: float) -> None:
    limits = limiter(5, 7)
    clock.go(late)
    for _ in range(40):
        wait = limits.take(HERE)
        if wait:
            clock.go(wait)
            assert limits.take(HERE) == 0


def test_no_clock_hour_holds_more_than_the_limit_and_any_hour_less_than_twice(clock: Clock) -> None:
    limits, began = limiter(30, 600), []
    for _ in range(6 * 120):
        clock.go(30)
        began += [clock.wall] * taken(limits, HERE, 40)
    hours = [at // HOUR for at in began]
    assert max(hours.count(hour) for hour in hours) <= 30
    assert max(sum(at - HOUR < other <= at for other in began) for at in began) < 60
    assert len(began) > 150  # a busy network gets its share


@pytest.mark.usefixtures("clock")
def test_a_network_is_not_kept_in_clear() -> None:
    one, other = limiter(3, 10), limiter(3, 10)
    assert one.take(HERE) == other.take(HERE) == 0
    kept, elsewhere = (repr(vars(each._counter.storage)) for each in (one, other))
    assert "LIMITER" in kept or "network/" in kept
    assert "192.0.2" not in kept + repr(vars(one))
    assert not set(_aliases(one)) & set(_aliases(other)), "each process has a key of its own"
    assert kept != elsewhere


def test_the_key_is_thrown_away_after_a_day(clock: Clock) -> None:
    limits, keys = limiter(1, 10), []
    for seconds in (0, DAY - 1, 1, DAY):
        clock.go(seconds)
        limits.take(HERE)
        keys.append(limits._key)
    assert keys[0] == keys[1]
    assert len(set(keys[1:])) == 3


def _aliases(limits: FormStartLimiter) -> list[str]:
    storage = limits._counter.storage
    found: list[str] = [key for key in vars(storage)["storage"] if key.startswith("network/")]
    return found


@pytest.mark.usefixtures("clock")
def test_memory_does_not_grow_with_the_networks_that_come() -> None:
    limits, sizes = limiter(30, 600), []
    tracemalloc.start()
    try:
        for number in range(20_000):
            limits.take(f"2001:db8:{number:x}::/48")
            if number in (600, 19_999):
                gc.collect()
                sizes.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    assert sizes[1] - sizes[0] < 100_000, "5 bytes for each of 19,399; an entry takes over 100"
    assert len(_aliases(limits)) == 600


def test_memory_does_not_grow_with_the_hours(clock: Clock) -> None:
    limits, most = limiter(30, 500), 0
    for hour in range(26):  # each hour with networks never seen before
        for number in range(500):
            limits.take(f"2001:{hour:x}:{number:x}::/48")
        _sweep()
        most = max(most, len(_aliases(limits)))
        clock.go(HOUR)
    assert most <= 3 * 500
    clock.go(3 * HOUR)
    assert limits.take(HERE) == 0
    _sweep()
    assert len(_aliases(limits)) == 1


def _sweep() -> None:
    """Wait until the library's own thread has deleted expired counts, 10 ms after something was counted."""
    time.sleep(0.1)


def test_threads_that_come_at_once_get_no_more_than_the_limit() -> None:
    limits = limiter(30, 600)
    with ThreadPoolExecutor(16) as pool:
        waits = list(pool.map(limits.take, [HERE] * 400))
    assert waits.count(0) in (30, 31), "31 when the hour struck in between"


@pytest.mark.usefixtures("clock")
def test_each_network_has_its_own_limit() -> None:
    limits = limiter(3, 100)
    assert taken(limits, HERE, 5) == 3
    assert taken(limits, THERE, 5) == 3


def test_places_come_free_one_by_one_as_the_hour_before_fades(clock: Clock) -> None:
    limits = limiter(30, 600)
    clock.go(2600)  # a hundred seconds before the next hour
    assert taken(limits, HERE, 40) == 30
    clock.go(100 + 1)
    assert taken(limits, HERE, 40) == 1
    clock.go(HOUR / 2)
    assert taken(limits, HERE, 40) == 15
    clock.go(2 * HOUR)
    assert taken(limits, HERE, 40) == 30
