"""How many forms may be started in an hour, by one network and in total.

Responsible for: counting, in this process and, with a shared store, across replicas; reporting how long to
wait. Never: stores a network in clear text. In this process a network is identified by an HMAC under a random
key, which is discarded after a day (and the count of each network with it); in the store by a keyed hash that
changes every hour.

Of the strategies of `limits`, the count of this process uses the sliding window counter, for three reasons.
A network costs two counters whatever its limit, and they expire (the moving window of limits 5.8 stores an
empty list for each key for ever). Slots become free one by one rather than all at once. Every shared storage
supports it. The drawback: the previous clock hour counts in proportion, so 60 minutes across two clock hours
may exceed the limit when forms are started unevenly; a single clock hour never does.
"""

import hashlib
import hmac
import math
import secrets
import threading
import time
from functools import cached_property
from typing import TYPE_CHECKING

from app.adapters.redis_counters import RedisCounters
from app.encryption import Keyring
from app.web.http.rate_limits import HOUR, OTHERS, LeasedCounter

if TYPE_CHECKING:
    from limits import RateLimitItem
    from limits.strategies import SlidingWindowCounterRateLimiter

DAY = 24 * 60 * 60.0


class FormStartLimiter:
    """Both limits. Refused forms are not stored, so `total` bounds the memory in use.

    With `counts` the limits apply across replicas; there a window is a clock hour.
    """

    def __init__(
        self, per_network: int, total: int, *, keyring: Keyring, counts: RedisCounters | None = None
    ) -> None:
        self._per_network, self._total, self._keyring = per_network, total, keyring
        self._shared = [
            LeasedCounter(kind, limit, counts, HOUR)
            for kind, limit in (("start", per_network), ("starts", total))
            if counts
        ]
        self._lock = threading.Lock()  # held without an await, so the event loop never waits for it
        self._key, self._rolls_at = b"", 0.0

    async def hit(self, network: str) -> int:
        """Count one form started by `network`. Return 0, or the seconds to wait before trying again."""
        return self.take(network) or await self._take_shared(network)

    async def _take_shared(self, network: str) -> int:
        hour, second = divmod(int(time.time()), HOUR)
        name = self._keyring.digest("networks of forms", f"{hour} {network}".encode()).hex()
        for counter, each in zip(self._shared, (name, OTHERS), strict=False):
            if await counter.take(each, hour) < 0:
                return HOUR - second
        return 0

    def take(self, network: str) -> int:
        """Count one form started by `network` in this process.

        Return 0, or the seconds to wait before trying again; then the form is not counted. Both limits are
        checked before either is counted: a network over its limit takes nothing from the others.
        """
        with self._lock:
            asked = tuple(zip(self._limits, (self._alias(network), "everybody"), strict=True))
            wait = max(self._wait(limit, name) for limit, name in asked)
            if wait == 0:
                for limit, name in asked:
                    self._counter.hit(limit, name)
            return wait

    @cached_property
    def _counter(self) -> "SlidingWindowCounterRateLimiter":
        """Return the counter, created for the first form.

        The library imports every storage, and this one starts a thread.
        """
        from limits.storage import MemoryStorage  # noqa: PLC0415
        from limits.strategies import SlidingWindowCounterRateLimiter  # noqa: PLC0415

        return SlidingWindowCounterRateLimiter(MemoryStorage())

    @cached_property
    def _limits(self) -> tuple["RateLimitItem", "RateLimitItem"]:
        from limits import RateLimitItemPerHour  # noqa: PLC0415 - as above

        network = RateLimitItemPerHour(self._per_network, namespace="network")
        return network, RateLimitItemPerHour(self._total, namespace="total")

    def _wait(self, limit: "RateLimitItem", name: str) -> int:
        if self._counter.test(limit, name):
            return 0
        free_at = self._counter.get_window_stats(limit, name).reset_time
        return max(1, math.floor(free_at - time.time()) + 1)  # a slot is free just after that time, not at it

    def _alias(self, network: str) -> str:
        if time.monotonic() >= self._rolls_at:
            self._key, self._rolls_at = secrets.token_bytes(32), time.monotonic() + DAY
        return hmac.new(self._key, network.encode(), hashlib.sha256).hexdigest()
