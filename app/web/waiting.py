"""Requests that wait for something to happen (long polling).

Office: looks again every second until there is something to tell, or the time is over; so many at once in one
process. Refuses: to keep anybody who is one too many, has gone away, or asks a process that stops: these are
told at once what there is.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from starlette.requests import Request

T = TypeVar("T")
LONGEST = 30  # seconds
AGAIN_SECONDS = 1.0
STOPPING = "stopping"  # in the scope of a request whose process stops (web/connections.py)


class Waiting:
    """Whoever waits in this process."""

    def __init__(self, most: int = 200) -> None:
        self._most, self._waiting = most, 0

    async def until(
        self, request: Request, look: Callable[[], Awaitable[T]], *, fits: Callable[[T], bool], seconds: int
    ) -> T:
        """What `look` gives once it `fits`, else what it gives when the time is over."""
        found = await look()
        if seconds == 0 or fits(found) or self._waiting >= self._most:
            return found
        self._waiting += 1
        try:
            return await self._again(request, look, fits, asyncio.get_running_loop().time() + seconds, found)
        finally:
            self._waiting -= 1

    async def _again(
        self,
        request: Request,
        look: Callable[[], Awaitable[T]],
        fits: Callable[[T], bool],
        until: float,
        found: T,
    ) -> T:
        clock = asyncio.get_running_loop().time
        while not fits(found) and clock() < until:
            await asyncio.sleep(min(AGAIN_SECONDS, max(0.0, until - clock())))
            if request.scope.get(STOPPING) or await request.is_disconnected():
                return found
            found = await look()
        return found
