"""How many forms may be begun in an hour, by one network and by everybody.

Office: to count, and to say how long to wait. Per process: what replicas count together stands in rates.py.
Refuses: to keep a network in clear: it is known by an HMAC under a random key of this process, which is
thrown away after a day (and each network's count with it).

Sliding window counter, of the strategies of `limits`, for three reasons: a network costs two counters
whatever its limit, and they go when their time is over (the moving window of limits 5.8 keeps an empty list
for each key, for ever); places come free one by one rather than all at once; every shared storage has it.
The price: the clock hour before counts in proportion, so 60 minutes across two clock hours may hold more
than the limit when forms are begun unevenly; no clock hour ever does.
"""

import hashlib
import hmac
import math
import secrets
import threading
import time
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from limits import RateLimitItem
    from limits.strategies import SlidingWindowCounterRateLimiter

DAY = 24 * 60 * 60.0


class Limits:
    """Both limits. What is refused leaves no trace, so memory is bounded by `total`, whatever comes."""

    def __init__(self, per_network: int, total: int) -> None:
        self._per_network, self._total = per_network, total
        self._lock = threading.Lock()  # no await within, so an event loop never waits for it
        self._key, self._rolls_at = b"", 0.0

    def take(self, network: str) -> int:
        """Count one form begun by `network`; 0, or the seconds after which to try again (then not counted).

        Both are asked before either counts: a network over its limit takes nothing from the others.
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
        """Made for the first form: the library brings every storage along, and this one a thread."""
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
        return max(1, math.floor(free_at - time.time()) + 1)  # a place is free just after, not at, that time

    def _alias(self, network: str) -> str:
        if time.monotonic() >= self._rolls_at:
            self._key, self._rolls_at = secrets.token_bytes(32), time.monotonic() + DAY
        return hmac.new(self._key, network.encode(), hashlib.sha256).hexdigest()
