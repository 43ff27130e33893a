"""Where webhooks go, and where they must not.

Responsible for: what a webhook's URL may say, and which addresses may be reached. Never: permits what is not
public (loopback, private and tunnelled addresses), unless the clinic has listed its network.
"""

import ipaddress
import re
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    import httpcore

LONGEST_URL, LOWEST_PORT = 2000, 1024
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
        return cls(tuple(networks), development, (bracketed(parts.hostname or ""), port))

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
    def url(self) -> "httpcore.URL":
        import httpcore  # noqa: PLC0415 - for who sends

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
            usual = bracketed(str(ipaddress.ip_address(text)))
        except ValueError:
            return False
        return usual == self.host and reach.permits(text, self.host)


def is_public(address: Address) -> bool:
    """Is it an address of one machine on the public internet?"""
    if isinstance(address, ipaddress.IPv6Address) and address not in UNICAST:
        return False
    special = any(address in network for network in NOT_PUBLIC)
    return address.is_global and not address.is_multicast and not special


def bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
