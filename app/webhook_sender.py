"""The second file that opens connections to somebody else: webhooks go out here, and nowhere they must not.

Office: which addresses may be reached, one POST at a time to exactly the address that was checked, each step
and the whole within a limit. Refuses: what is not public (loopback, private and tunnelled addresses), unless
the clinic has listed its network; redirects, proxies, cookies, certificates nobody vouches for; and to say
what a receiver said.
"""

import asyncio
import ipaddress
import re
import socket
import ssl
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import urlsplit

import httpcore

CONNECT, WHOLE = 5.0, 15.0  # seconds until a line is open, and for all of a delivery
MOST_READ = 64 * 1024
LONGEST_URL, LOWEST_PORT = 2000, 1024
LOOKING = 32  # names looked up at once: one that hangs keeps the others not
SOCKET_OPTION = tuple[int, int, int] | tuple[int, int, bytes | bytearray] | tuple[int, int, None, int]
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]

URL = re.compile(
    r"(https?)://"
    r"([A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])"
    r"(?::([1-9][0-9]{0,4}))?"
    r"((?:[/?][!$%&'()*+,\-./0-9:;=?@A-Z_a-z~]*)?)"
)
LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
NAME = re.compile(rf"(?:{LABEL}\.)+(?=[a-z]){LABEL}")  # the last label begins with a letter: it is no number
LOOPBACK = frozenset(["localhost", "127.0.0.1", "[::1]"])
# IANA's registries of special-purpose addresses, and what they leave to multicast and to nobody
NOT_PUBLIC = tuple(
    ipaddress.ip_network(each)
    for each in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
        "192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24",
        "192.168.0.0/16", "192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
        "224.0.0.0/4", "240.0.0.0/4",
        "2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20",
    )
)  # fmt: skip
UNICAST = ipaddress.ip_network(
    "2000::/3"
)  # all of IPv6 that is given out; NAT64, ULA, link-local lie outside


class NotPermitted(Exception):
    """A URL or an address that webhooks do not go to; the words are for whoever gave the URL."""


@dataclass(frozen=True, slots=True)
class Reach:
    """What may be reached besides public addresses. `own`: the service's host and port, never reached.

    `development`: loopback too, by http or https, where the URL itself names it.
    """

    networks: tuple[Network, ...] = ()
    development: bool = False
    own: tuple[str, int] = ("", 0)

    @classmethod
    def of(cls, networks: Iterable[Network], public_url: str, *, development: bool) -> "Reach":
        """From settings."""
        parts = urlsplit(public_url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        return cls(tuple(networks), development, (_bracketed(parts.hostname or ""), port))

    def permits(self, text: str, host: str) -> bool:
        """May a connection be opened to this address, for a URL of that host?"""
        try:
            address = ipaddress.ip_address(text)
        except ValueError:  # a zone id, or no address at all
            return False
        if address.is_loopback and self.development:
            return host in LOOPBACK
        return any(address in network for network in self.networks) or is_public(address)


@dataclass(frozen=True, slots=True)
class Target:
    """Where a webhook goes: its URL taken apart and checked. `host`: as in the URL, in lower case."""

    scheme: str
    host: str
    port: int
    path: str

    @classmethod
    def of(cls, url: str, reach: Reach) -> "Target":
        """From a URL. Names are resolved when a line is opened, not here. Raises NotPermitted."""
        found = URL.fullmatch(url) if len(url) <= LONGEST_URL else None
        if found is None:
            raise NotPermitted(
                "A webhook's URL reads https://host/path, in ASCII, without user, password or fragment."
            )
        scheme, host = found[1], found[2].lower()
        port = int(found[3] or (443 if scheme == "https" else 80))
        path = found[4] if found[4].startswith("/") else f"/{found[4]}"
        target = cls(scheme, host, port, path)
        target._refuse(reach)
        return target

    @property
    def url(self) -> httpcore.URL:
        return httpcore.URL(scheme=self.scheme, host=self.host.strip("[]"), port=self.port, target=self.path)

    @property
    def authority(self) -> str:
        """What stands in the Host header."""
        usual = {"http": 80, "https": 443}[self.scheme]
        return self.host if self.port == usual else f"{self.host}:{self.port}"

    def _refuse(self, reach: Reach) -> None:
        here = self.host in LOOPBACK and reach.development
        if self.scheme != "https" and not here:
            raise NotPermitted("A webhook goes by https.")
        if self.port not in (80 if here else 443, 443) and not LOWEST_PORT <= self.port <= 65535:
            raise NotPermitted("A webhook goes to port 443, or to one from 1024 on.")
        if (self.host, self.port) == reach.own or (self.host == reach.own[0] and not here):
            raise NotPermitted("That is this service itself.")
        if not here and not NAME.fullmatch(self.host) and not self._is_permitted_literal(reach):
            raise NotPermitted("A webhook goes to a host on the public internet, by its full name.")

    def _is_permitted_literal(self, reach: Reach) -> bool:
        """Is the host an address, in its one usual spelling, that may be reached?"""
        text = self.host.strip("[]")
        try:
            usual = _bracketed(str(ipaddress.ip_address(text)))
        except ValueError:
            return False
        return usual == self.host and reach.permits(text, self.host)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one try: the status of the answer, or the class of what went wrong.

    `retry_after`: the header of that name, as it was sent.
    """

    status: int | None
    latency_ms: int
    error: str | None = None
    retry_after: str = ""


def is_public(address: Address) -> bool:
    """Is it an address of one machine on the public internet?"""
    if isinstance(address, ipaddress.IPv6Address) and address not in UNICAST:
        return False
    special = any(address in network for network in NOT_PUBLIC)
    return address.is_global and not address.is_multicast and not special


class Sender:
    """Sends webhooks, many at once. `trusted`: whose certificates are taken, when not the system's."""

    def __init__(
        self, reach: Reach, *, resolve: Resolve | None = None, trusted: ssl.SSLContext | None = None
    ) -> None:
        self.reach, self._resolve, self._trusted = reach, resolve, trusted

    @cached_property
    def _pool(self) -> httpcore.AsyncConnectionPool:
        """Made for the first message: whose certificates are taken is read from files."""
        return httpcore.AsyncConnectionPool(
            ssl_context=self._trusted or ssl.create_default_context(),
            max_connections=None,
            max_keepalive_connections=0,  # each line is opened anew, and its address checked
            http1=True,
            http2=False,
            network_backend=_Guarded(self.reach, self._resolve or _Names()),
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


class _Guarded(httpcore.AsyncNetworkBackend):
    """Opens lines to addresses that are permitted, each checked right before it is connected to."""

    def __init__(self, reach: Reach, resolve: Resolve) -> None:
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
        permitted = [each for each in found if self._reach.permits(each, _bracketed(host))]
        wrong: Exception = NotPermitted("None of its addresses is public.")
        for address in permitted:
            try:
                return await self._plain.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                wrong = error
        raise wrong

    async def connect_unix_socket(
        self, path: str, *_given: object, **_more: object
    ) -> httpcore.AsyncNetworkStream:
        raise NotPermitted("Webhooks do not go to sockets of this machine.")

    async def sleep(self, seconds: float) -> None:
        await self._plain.sleep(seconds)


class _Names:
    """Looks names up on threads of its own, so that a name server that hangs keeps nobody else."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(LOOKING, thread_name_prefix="names")

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        """The addresses of a name, in the system's order. Raises OSError."""
        found = await asyncio.get_running_loop().run_in_executor(self._threads, _looked_up, host, port)
        return list(dict.fromkeys(found))


def _looked_up(host: str, port: int) -> list[str]:
    return [str(each[4][0]) for each in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


async def _throw_away(response: httpcore.Response) -> None:
    """Read what is left of an answer, so much of it, and forget it."""
    read = 0
    async for part in response.aiter_stream():
        read += len(part)
        if read > MOST_READ:
            return


def _header(response: httpcore.Response, name: bytes) -> str:
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


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
