"""Webhook HTTP client. With adapters/smtp.py, one of the two modules that connect to third parties.

Responsible for: sending one POST at a time to exactly the address that was checked (address_policy.py), with
a time limit for each step and for the whole. Never: follows redirects, uses proxies or cookies,
accepts untrusted certificates, or reports what a receiver responded.
"""

import asyncio
import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from app.adapters.address_policy import AddressPolicy, Resolve, WebhookUrl

if TYPE_CHECKING:
    import httpcore

CONNECT, WHOLE = 5.0, 15.0  # seconds until a connection is open, and for a whole delivery
MAX_READ_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class DeliveryResult:
    """The result of one attempt: the HTTP status of the response, or the class of the error.

    `retry_after`: the header of that name, as it was sent.
    """

    status: int | None
    latency_ms: int
    error: str | None = None
    retry_after: str = ""


class WebhookClient:
    """Sends webhooks, many at once. `trusted` replaces the system's trusted certificates."""

    def __init__(
        self, reach: AddressPolicy, *, resolve: Resolve | None = None, trusted: ssl.SSLContext | None = None
    ) -> None:
        self.reach, self._resolve, self._trusted = reach, resolve, trusted

    @cached_property
    def _pool(self) -> "httpcore.AsyncConnectionPool":
        """Created for the first message, because the trusted certificates are read from files."""
        import httpcore  # noqa: PLC0415 - only needed for sending

        from app.adapters.webhook_transport import Guarded, Names  # noqa: PLC0415 - the same

        return httpcore.AsyncConnectionPool(
            ssl_context=self._trusted or ssl.create_default_context(),
            max_connections=None,
            max_keepalive_connections=0,  # each connection is opened again, and its address checked
            http1=True,
            http2=False,
            network_backend=Guarded(self.reach, self._resolve or Names()),
        )

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> DeliveryResult:
        """Send it once. Any failure is returned in the outcome; only cancellation is raised."""
        begun, status, retry_after = time.monotonic(), None, ""
        error: str | None = None
        try:
            async with asyncio.timeout(WHOLE):
                target = WebhookUrl.parse(url, self.reach)
                async with self._pool.stream(
                    "POST",
                    target.url,
                    headers=[("host", target.authority), *headers.items()],
                    content=body,
                    extensions={"timeout": {"connect": CONNECT, "read": WHOLE, "write": WHOLE}},
                ) as response:
                    status, retry_after = response.status, _header(response, b"retry-after")
                    await _drain(response)
        except Exception as wrong:  # including errors from an invalid response
            error = _class_of(wrong) if status is None else None
        return DeliveryResult(status, round((time.monotonic() - begun) * 1000), error, retry_after)

    async def close(self) -> None:
        """Close all connections."""
        if "_pool" in self.__dict__:
            await self._pool.aclose()


async def _drain(response: "httpcore.Response") -> None:
    """Read and discard the rest of a response, up to about `MOST_READ` bytes."""
    read = 0
    async for part in response.aiter_stream():
        read += len(part)
        if read > MAX_READ_BYTES:
            return


def _header(response: "httpcore.Response", name: bytes) -> str:
    found = [value for each, value in response.headers if each.lower() == name]
    return found[0].decode("ascii", "replace")[:100] if found else ""


def _class_of(error: BaseException) -> str:
    """Return the class name of an error, or that of its cause if that concerns a certificate or a name."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError | socket.gaierror):
            return type(cause).__name__
        cause = cause.__cause__ or cause.__context__
    return type(error).__name__
