"""How many requests a minute: of one API key, and of one network without a valid one.

Office: counts, what is told of them (RateLimit and RateLimit-Policy of draft-ietf-httpapi-ratelimit-headers),
and the refusal. Refuses: to keep a network in clear (a keyed hash that changes every minute stands for it).

A window is a minute of the clock, counted in a dictionary of our own: it stands in the way of the busiest
request, and the simplest strategy of `limits` takes about ten times as long. Its price is that of every fixed
window: where two minutes meet, twice the limit may come within one.
"""

import asyncio
import hashlib
import time
from dataclasses import dataclass
from typing import Protocol

from starlette.types import Scope

from app.errors import TooMany
from app.sealing import Keyring
from app.storage.counts import Counts, Down
from app.web.logs import log
from app.web.network import Networks, client, network

SECONDS, HOUR = 60, 3600
MOST = 100_000  # names counted apart in a minute; more than that share one count
SHARE = 100  # a replica draws a hundredth of a limit at once
OTHERS = "others"
COUNTED = "counted"  # in the scope of a request that was
FIELDS = "fields"  # in the scope: headers that its answer will carry, whatever it is


class Count(Protocol):
    """Places of one kind in a minute. `take`: how many are left after this one; below 0 there was none."""

    limit: int

    async def take(self, name: str, minute: int) -> int: ...


class Here:
    """Places counted in this process alone."""

    def __init__(self, limit: int) -> None:
        self.limit, self._minute = limit, 0
        self._taken: dict[str, int] = {}

    async def take(self, name: str, minute: int) -> int:
        """Places left after this one; below 0 there was none."""
        if minute != self._minute:
            self._minute, self._taken = minute, {}
        taken = self._taken.get(name)
        if taken is None and len(self._taken) >= MOST:
            name, taken = OTHERS, self._taken.get(OTHERS)
        self._taken[name] = taken = (taken or 0) + 1
        return self.limit - taken


@dataclass(slots=True)
class Drawn:
    """Places that this replica may still give away; `left`: those that nobody had drawn by then."""

    places: int
    left: int


class Shared:
    """Places counted across replicas: each draws a few at once, so that most requests ask nobody.

    Never more than the limit is given away, and at most a hundredth of it by each replica is not. While the
    store is down each replica counts for itself, by the whole limit: what people send is not to be lost.
    """

    def __init__(self, kind: str, limit: int, counts: Counts, seconds: int = SECONDS) -> None:
        self.limit, self._kind, self._counts, self._seconds = limit, kind, counts, seconds
        self._share = max(1, limit // SHARE)
        self._minute = self._told = 0
        self._drawn: dict[str, Drawn] = {}
        self._alone = Here(limit)
        self._lock = asyncio.Lock()  # one draws, those who wait find it done

    async def take(self, name: str, minute: int) -> int:
        """Places left after this one; below 0 there was none."""
        if minute != self._minute:
            self._minute, self._drawn = minute, {}
        drawn = self._drawn.get(name)
        if drawn is None or (drawn.places == 0 and drawn.left > 0):
            try:
                async with self._lock:
                    drawn = await self._more(name, minute)
            except Down:
                self._tell(minute)
                return await self._alone.take(name, minute)
        drawn.places -= 1
        return drawn.places + drawn.left if drawn.places >= 0 else self._none(drawn)

    async def _more(self, name: str, minute: int) -> Drawn:
        drawn = self._drawn.get(name)
        if drawn and (drawn.places > 0 or drawn.left == 0):  # somebody has drawn meanwhile
            return drawn
        taken = await self._counts.add(
            f"{self._kind}/{minute}/{name}", self._share, seconds=2 * self._seconds
        )
        found = Drawn(min(self._share, self.limit - taken + self._share), max(0, self.limit - taken))
        if len(self._drawn) < MOST and minute == self._minute:
            self._drawn[name] = found
        return found

    def _none(self, drawn: Drawn) -> int:
        drawn.places = 0
        return -1

    def _tell(self, minute: int) -> None:
        if minute != self._told:
            self._told = minute
            log.warning("limits_not_shared")


class Rates:
    """Both limits of a running service; with `counts` they hold across replicas.

    So do then those of forms begun (`starts`: an hour, by one network and by all), which limits.py counts for
    this process.
    """

    def __init__(
        self,
        *,
        per_key: int,
        per_network: int,
        keyring: Keyring,
        proxies: Networks = (),
        counts: Counts | None = None,
        starts: tuple[int, int] = (0, 0),
    ) -> None:
        self._key, self._network = (
            Shared(kind, limit, counts) if counts else Here(limit)
            for kind, limit in (("key", per_key), ("network", per_network))
        )
        self._policies = {
            kind: f'"{kind}";q={limit};w={SECONDS}'.encode()
            for kind, limit in (("key", per_key), ("network", per_network))
        }
        self._keyring, self._proxies, self._counts = keyring, proxies, counts
        self._minute, self._secret = 0, b""
        self._starts = [
            Shared(kind, limit, counts, HOUR)
            for kind, limit in zip(("start", "starts"), starts, strict=True)
            if counts
        ]

    async def take_key(self, scope: Scope, key_id: str) -> None:
        """Count a request made with a key; its answer tells what is left. Raises TooMany."""
        minute, second = divmod(int(time.time()), SECONDS)
        left = await self._key.take(key_id, minute)
        self._tell(scope, "key", left, SECONDS - second)

    async def take_network(self, scope: Scope) -> None:
        """Count a request made without a valid key, once. Raises TooMany."""
        if COUNTED in scope:
            return
        minute, second = divmod(int(time.time()), SECONDS)
        left = await self._network.take(self._alias(scope, minute), minute)
        scope[COUNTED] = True
        if left < 0:  # told only then: public answers may be kept by caches
            self._tell(scope, "network", left, SECONDS - second)

    async def take_start(self, found: str) -> int:
        """Count a form begun from a network, across replicas; 0, or seconds to wait. Without a store: 0."""
        hour, second = divmod(int(time.time()), HOUR)
        name = self._keyring.digest("networks of forms", f"{hour} {found}".encode()).hex()
        for count, each in zip(self._starts, (name, OTHERS), strict=False):
            if await count.take(each, hour) < 0:
                return HOUR - second
        return 0

    async def close(self) -> None:
        """Let go of the store."""
        if self._counts is not None:
            await self._counts.close()

    def _tell(self, scope: Scope, kind: str, left: int, seconds: int) -> None:
        told = f'"{kind}";r={max(left, 0)};t={seconds}'.encode()
        scope[COUNTED] = True
        fields = ((b"ratelimit", told), (b"ratelimit-policy", self._policies[kind]))
        scope.setdefault(FIELDS, []).extend(fields)
        if left < 0:
            raise TooMany("Wait as long as Retry-After says, then go on.", retry_after=seconds)

    def _alias(self, scope: Scope, minute: int) -> str:
        if minute != self._minute:  # the same for all who have the keyring, and never again
            secret = self._keyring.digest("networks of requests", str(minute).encode())
            self._minute, self._secret = minute, secret
        found = network(client(scope, self._proxies))
        return hashlib.blake2b(found.encode(), key=self._secret, digest_size=16).hexdigest()
