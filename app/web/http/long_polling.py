"""Requests that wait for something to happen (long polling).

Responsible for: checking again every second until there is something to return or the time is over, for a
limited number of requests per process. Never: holds a request that exceeds this number, whose client has
disconnected, or whose process is stopping; these get the current state at once.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from starlette.requests import Request

T = TypeVar("T")
MAX_WAIT_SECONDS = 30  # seconds
POLL_SECONDS = 1.0
STOPPING = (
    "stopping"  # in the scope of a request whose process is stopping (web/middleware/uvicorn_protocol.py)
)


class LongPoller:
    """The waiting requests of this process."""

    def __init__(self, most: int = 200) -> None:
        self._most, self._waiting = most, 0

    async def until(
        self, request: Request, read: Callable[[], Awaitable[T]], *, fits: Callable[[T], bool], seconds: int
    ) -> T:
        """Return the result of `read` as soon as it satisfies `fits`, else the last result.

        The last result is returned after `seconds`, on a disconnect or shutdown, or at once if too many
        requests wait.
        """
        found = await read()
        if seconds == 0 or fits(found) or self._waiting >= self._most:
            return found
        self._waiting += 1
        try:
            return await self._again(request, read, fits, asyncio.get_running_loop().time() + seconds, found)
        finally:
            self._waiting -= 1

    async def _again(
        self,
        request: Request,
        read: Callable[[], Awaitable[T]],
        fits: Callable[[T], bool],
        until: float,
        found: T,
    ) -> T:
        clock = asyncio.get_running_loop().time
        while not fits(found) and clock() < until:
            await asyncio.sleep(min(POLL_SECONDS, max(0.0, until - clock())))
            if request.scope.get(STOPPING) or await request.is_disconnected():
                return found
            found = await read()
        return found
