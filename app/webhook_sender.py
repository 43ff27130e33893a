"""The second file that opens connections to somebody else: webhooks go out here, and nowhere they must not.

Office: one POST at a time to exactly the address that was checked (address_policy.py), each step and all of
it within a limit. Refuses: redirects, proxies, cookies, certificates nobody vouches for; and to say what a
receiver said.
"""

import asyncio
import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from app.address_policy import Reach, Resolve, Target

if TYPE_CHECKING:
    import httpcore

CONNECT, WHOLE = 5.0, 15.0  # seconds until a line is open, and for all of a delivery
MOST_READ = 64 * 1024


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one try: the status of the answer, or the class of what went wrong.

    `retry_after`: the header of that name, as it was sent.
    """

    status: int | None
    latency_ms: int
    error: str | None = None
    retry_after: str = ""


class Sender:
    """Sends webhooks, many at once. `trusted`: whose certificates are taken, when not the system's."""

    def __init__(
        self, reach: Reach, *, resolve: Resolve | None = None, trusted: ssl.SSLContext | None = None
    ) -> None:
        self.reach, self._resolve, self._trusted = reach, resolve, trusted

    @cached_property
    def _pool(self) -> "httpcore.AsyncConnectionPool":
        """Made for the first message: whose certificates are taken is read from files."""
        import httpcore  # noqa: PLC0415 - for who sends

        from app.webhook_lines import Guarded, Names  # noqa: PLC0415 - the same

        return httpcore.AsyncConnectionPool(
            ssl_context=self._trusted or ssl.create_default_context(),
            max_connections=None,
            max_keepalive_connections=0,  # each line is opened anew, and its address checked
            http1=True,
            http2=False,
            network_backend=Guarded(self.reach, self._resolve or Names()),
        )

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Outcome:
        """Send it once; whatever happens is told in the outcome, nothing is raised but cancellation."""
        begun, status, retry_after = time.monotonic(), None, ""
        error: str | None = None
        try:
            async with asyncio.timeout(WHOLE):
                target = Target.of(url, self.reach)
                async with self._pool.stream(
                    "POST",
                    target.url,
                    headers=[("host", target.authority), *headers.items()],
                    content=body,
                    extensions={"timeout": {"connect": CONNECT, "read": WHOLE, "write": WHOLE}},
                ) as response:
                    status, retry_after = response.status, _header(response, b"retry-after")
                    await _throw_away(response)
        except Exception as wrong:  # also those of a receiver that talks nonsense
            error = _class_of(wrong) if status is None else None
        return Outcome(status, round((time.monotonic() - begun) * 1000), error, retry_after)

    async def close(self) -> None:
        """Let go of every line."""
        if "_pool" in self.__dict__:
            await self._pool.aclose()


async def _throw_away(response: "httpcore.Response") -> None:
    """Read what is left of an answer, so much of it, and forget it."""
    read = 0
    async for part in response.aiter_stream():
        read += len(part)
        if read > MOST_READ:
            return


def _header(response: "httpcore.Response", name: bytes) -> str:
    found = [value for each, value in response.headers if each.lower() == name]
    return found[0].decode("ascii", "replace")[:100] if found else ""


def _class_of(error: BaseException) -> str:
    """The class of what went wrong, where a certificate or a name is behind it that one."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError | socket.gaierror):
            return type(cause).__name__
        cause = cause.__cause__ or cause.__context__
    return type(error).__name__
