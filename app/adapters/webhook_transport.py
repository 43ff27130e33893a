"""Connections of webhooks: each is opened to an address that was checked immediately before, never to
another.

Responsible for: resolving names and connecting. Never: handles what is sent, or is imported before the
first message is sent.
"""

import asyncio
import socket
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

import httpcore

from app.adapters.address_policy import AddressPolicy, BlockedAddress, Resolve, bracketed

LOOKING = 32  # names resolved at once, so that one that hangs does not block others
SOCKET_OPTION = tuple[int, int, int] | tuple[int, int, bytes | bytearray] | tuple[int, int, None, int]


class Guarded(httpcore.AsyncNetworkBackend):
    """Opens connections to permitted addresses, each checked immediately before connecting."""

    def __init__(self, reach: AddressPolicy, resolve: Resolve) -> None:
        self._reach, self._resolve, self._plain = reach, resolve, httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        async with asyncio.timeout(timeout):
            found = await self._resolve(host, port)
        permitted = [each for each in found if self._reach.allows(each, bracketed(host))]
        wrong: Exception = BlockedAddress("None of its addresses is public.")
        for address in permitted:
            try:
                return await self._plain.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                wrong = error
        raise wrong

    async def connect_unix_socket(
        self, path: str, *_given: object, **_more: object
    ) -> httpcore.AsyncNetworkStream:
        raise BlockedAddress("Webhooks do not go to sockets of this machine.")

    async def sleep(self, seconds: float) -> None:
        await self._plain.sleep(seconds)


class Names:
    """Resolves names on its own threads, so that a name server that hangs blocks no other work."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(LOOKING, thread_name_prefix="names")

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        """Return the addresses of a name, in the system's order. Raises OSError."""
        found = await asyncio.get_running_loop().run_in_executor(self._threads, _resolve, host, port)
        return list(dict.fromkeys(found))


def _resolve(host: str, port: int) -> list[str]:
    return [str(each[4][0]) for each in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
