"""Counts that replicas share, in a Redis or Valkey.

Office: add to a count that is forgotten by itself, or say that the store is down. Refuses: to be waited for:
a store that does not answer at once counts as down, and is left alone for a while.
"""

import asyncio
import time
from collections.abc import Mapping
from typing import Any

from app.errors import Refusal

PATIENCE = 0.25  # seconds that a request waits for the store
PAUSE = 5.0  # seconds in which a store that was down is not asked
SCHEMES: Mapping[str, str] = {
    **{each: each for each in ("redis", "rediss", "redis+unix")},
    "valkey": "redis",
    "valkeys": "rediss",
    "valkey+unix": "redis+unix",  # one protocol, one client
}


class Down(Exception):
    """The store did not answer, or is not asked just now."""


class Counts:
    """The store at an address. Raises Refusal when it can't be used at all."""

    def __init__(self, url: str) -> None:
        scheme, _, rest = url.partition("://")
        if scheme not in SCHEMES or not rest:
            raise Refusal("PRECONSULT_REDIS_URL can't be used: it reads redis://host:6379/0, or rediss://….")
        from limits.aio.storage import RedisStorage  # noqa: PLC0415 - for who has set a store
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
            raise Refusal(
                "PRECONSULT_REDIS_URL is set, and the Python package redis is not installed; "
                "install preconsult[redis]."
            ) from None
        except ValueError:  # its message would repeat the address, and a password in it
            raise Refusal("PRECONSULT_REDIS_URL can't be used: it is no address of a Redis.") from None
        self._asked_from = 0.0

    async def add(self, name: str, amount: int, *, seconds: int) -> int:
        """The count of `name` after `amount` more; it begins anew after `seconds`. Raises Down."""
        if time.monotonic() < self._asked_from:
            raise Down
        try:
            async with asyncio.timeout(PATIENCE):
                return int(await self._store.incr(name, seconds, amount))
        except Exception:
            self._asked_from = time.monotonic() + PAUSE
            raise Down from None

    async def close(self) -> None:
        """Let go of the connections."""
        bridge: Any = self._store.bridge
        await bridge.storage.aclose()
