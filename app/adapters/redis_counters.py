"""Counters that replicas share, in Redis or Valkey.

Responsible for: adding to a counter that expires by itself, or reporting that the store is down. Never:
waits for a slow store: one that does not answer within `PATIENCE` counts as down and is not asked for
`PAUSE`.
"""

import asyncio
import time
from collections.abc import Mapping
from typing import Any

from app.errors import StartupError

PATIENCE = 0.25  # seconds that a request waits for the store
PAUSE = 5.0  # seconds for which a store that was down is not asked
SCHEMES: Mapping[str, str] = {
    **{each: each for each in ("redis", "rediss", "redis+unix")},
    "valkey": "redis",
    "valkeys": "rediss",
    "valkey+unix": "redis+unix",  # one protocol, one client
}


class StoreUnavailable(Exception):
    """The store did not answer, or is not being asked at present."""


class RedisCounters:
    """The store at a URL. Raises Refusal when it can't be used at all."""

    def __init__(self, url: str) -> None:
        scheme, _, rest = url.partition("://")
        if scheme not in SCHEMES or not rest:
            raise StartupError(
                "PRECONSULT_REDIS_URL can't be used: it reads redis://host:6379/0, or rediss://…."
            )
        from limits.aio.storage import RedisStorage  # noqa: PLC0415 - only needed when a store is configured
        from limits.errors import ConfigurationError  # noqa: PLC0415

        try:
            self._store = RedisStorage(
                f"async+{SCHEMES[scheme]}://{rest}",
                implementation="redispy",
                key_prefix="preconsult",
                socket_timeout=PATIENCE,
                socket_connect_timeout=PATIENCE,
            )
        except ConfigurationError:
            raise StartupError(
                "PRECONSULT_REDIS_URL is set, and the Python package redis is not installed; "
                "install preconsult[redis]."
            ) from None
        except ValueError:  # its message would repeat the URL, including a password in it
            raise StartupError("PRECONSULT_REDIS_URL can't be used: it is no address of a Redis.") from None
        self._asked_from = 0.0

    async def add(self, name: str, amount: int, *, seconds: int) -> int:
        """Add `amount` to the counter `name` and return the new count. The counter restarts after
        `seconds`. Raises Down.
        """
        if time.monotonic() < self._asked_from:
            raise StoreUnavailable
        try:
            async with asyncio.timeout(PATIENCE):
                return int(await self._store.incr(name, seconds, amount))
        except Exception:
            self._asked_from = time.monotonic() + PAUSE
            raise StoreUnavailable from None

    async def close(self) -> None:
        """Close the connections."""
        bridge: Any = self._store.bridge
        await bridge.storage.aclose()
