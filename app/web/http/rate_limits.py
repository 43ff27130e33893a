"""How many requests per minute are allowed, of one API key and of one network without a valid key.

Responsible for: the counts, the headers that report them (RateLimit and RateLimit-Policy of
draft-ietf-httpapi-ratelimit-headers), and the refusal. Never: stores a network in clear text; a keyed hash
that changes every minute stands for it.

A window is a clock minute, counted in a plain dictionary: it is on the path of the most frequent request, and
the simplest strategy of `limits` takes about ten times as long. The drawback is that of every fixed window:
across the boundary of two minutes, twice the limit may arrive within one minute.
"""

import asyncio
import hashlib
import time
from dataclasses import dataclass
from typing import Protocol

from starlette.types import Scope

from app.adapters.redis_counters import RedisCounters, StoreUnavailable
from app.encryption import Keyring
from app.errors import TooManyRequests
from app.logging import log
from app.web.http.client_address import Networks, client_address, client_network

SECONDS, HOUR = 60, 3600
MAX_NAMES = 100_000  # names counted separately in a minute; all others share one count
SHARE = 100  # a replica reserves a hundredth of a limit at a time
OTHERS = "others"
COUNTED = "counted"  # in the scope of a request that has been counted
FIELDS = "fields"  # in the scope: headers of the response, whatever its status


class Count(Protocol):
    """Counts requests of one kind in a minute. `take`: the number left after this one; below 0 if none."""

    limit: int

    async def take(self, name: str, minute: int) -> int: ...


class LocalCounter:
    """Counts in this process only."""

    def __init__(self, limit: int) -> None:
        self.limit, self._minute = limit, 0
        self._taken: dict[str, int] = {}

    async def take(self, name: str, minute: int) -> int:
        """Return the number left after this request; negative if there was none."""
        if minute != self._minute:
            self._minute, self._taken = minute, {}
        taken = self._taken.get(name)
        if taken is None and len(self._taken) >= MAX_NAMES:
            name, taken = OTHERS, self._taken.get(OTHERS)
        self._taken[name] = taken = (taken or 0) + 1
        return self.limit - taken


@dataclass(slots=True)
class Lease:
    """A reservation. `places`: what this replica may still allow; `left`: what no replica had reserved."""

    places: int
    left: int


class LeasedCounter:
    """Counts across replicas: each reserves a few requests at once, so that most do not ask the store.

    The replicas together never allow more than the limit; at most a hundredth of it per replica remains
    unused. While the store is down, each replica counts by itself against the whole limit, so that what users
    send is not lost.
    """

    def __init__(self, kind: str, limit: int, counts: RedisCounters, seconds: int = SECONDS) -> None:
        self.limit, self._kind, self._counts, self._seconds = limit, kind, counts, seconds
        self._share = max(1, limit // SHARE)
        self._minute = self._logged_minute = 0
        self._assessment: dict[str, Lease] = {}
        self._alone = LocalCounter(limit)
        self._lock = asyncio.Lock()  # one task reserves; those that wait use what it reserved

    async def take(self, name: str, minute: int) -> int:
        """Return the number left after this request; negative if there was none."""
        if minute != self._minute:
            self._minute, self._assessment = minute, {}
        assessment = self._assessment.get(name)
        if assessment is None or (assessment.places == 0 and assessment.left > 0):
            try:
                async with self._lock:
                    assessment = await self._more(name, minute)
            except StoreUnavailable:
                self._log_unavailable(minute)
                return await self._alone.take(name, minute)
        assessment.places -= 1
        return assessment.places + assessment.left if assessment.places >= 0 else self._none(assessment)

    async def _more(self, name: str, minute: int) -> Lease:
        assessment = self._assessment.get(name)
        if assessment and (
            assessment.places > 0 or assessment.left == 0
        ):  # another task has reserved meanwhile
            return assessment
        taken = await self._counts.add(
            f"{self._kind}/{minute}/{name}", self._share, seconds=2 * self._seconds
        )
        found = Lease(min(self._share, self.limit - taken + self._share), max(0, self.limit - taken))
        if len(self._assessment) < MAX_NAMES and minute == self._minute:
            self._assessment[name] = found
        return found

    def _none(self, assessment: Lease) -> int:
        assessment.places = 0
        return -1

    def _log_unavailable(self, minute: int) -> None:
        if minute != self._logged_minute:
            self._logged_minute = minute
            log.warning("rate_limit_store_unavailable")


class RateLimiter:
    """Both rate limits of a running service; with `counts` they apply across replicas."""

    def __init__(
        self,
        *,
        per_key: int,
        per_network: int,
        keyring: Keyring,
        proxies: Networks = (),
        counts: RedisCounters | None = None,
    ) -> None:
        self._key, self._network = (
            LeasedCounter(kind, limit, counts) if counts else LocalCounter(limit)
            for kind, limit in (("key", per_key), ("network", per_network))
        )
        self._policies = {
            kind: f'"{kind}";q={limit};w={SECONDS}'.encode()
            for kind, limit in (("key", per_key), ("network", per_network))
        }
        self._keyring, self._proxies, self._counts = keyring, proxies, counts
        self._minute, self._secret = 0, b""

    async def hit_key(self, scope: Scope, key_id: str) -> None:
        """Count a request made with a key; its response reports the number left. Raises TooMany."""
        minute, second = divmod(int(time.time()), SECONDS)
        left = await self._key.take(key_id, minute)
        self._set_headers(scope, "key", left, SECONDS - second)

    async def hit_network(self, scope: Scope) -> None:
        """Count a request made without a valid key, once. Raises TooMany."""
        if COUNTED in scope:
            return
        minute, second = divmod(int(time.time()), SECONDS)
        left = await self._network.take(self._alias(scope, minute), minute)
        scope[COUNTED] = True
        if left < 0:  # no headers otherwise: caches may store public responses
            self._set_headers(scope, "network", left, SECONDS - second)

    async def close(self) -> None:
        """Close the connection to the store."""
        if self._counts is not None:
            await self._counts.close()

    def _set_headers(self, scope: Scope, kind: str, left: int, seconds: int) -> None:
        state = f'"{kind}";r={max(left, 0)};t={seconds}'.encode()
        scope[COUNTED] = True
        fields = ((b"ratelimit", state), (b"ratelimit-policy", self._policies[kind]))
        scope.setdefault(FIELDS, []).extend(fields)
        if left < 0:
            raise TooManyRequests("Wait as long as Retry-After says, then go on.", retry_after=seconds)

    def _alias(self, scope: Scope, minute: int) -> str:
        if minute != self._minute:  # the same in every process with this keyring, and never reused
            secret = self._keyring.digest("networks of requests", str(minute).encode())
            self._minute, self._secret = minute, secret
        found = client_network(client_address(scope, self._proxies))
        return hashlib.blake2b(found.encode(), key=self._secret, digest_size=16).hexdigest()
