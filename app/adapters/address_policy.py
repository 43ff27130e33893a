"""Which URLs and addresses webhooks may be sent to.

Responsible for: the permitted form of a webhook URL, and the addresses that may be reached. Never: permits
addresses that are not public (loopback, private and tunnelled addresses), unless the clinic has listed
their network.
"""

import ipaddress
import re
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    import httpcore

MAX_URL_LENGTH, MIN_PORT = 2000, 1024
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
NAME = re.compile(rf"(?:{LABEL}\.)+(?=[a-z]){LABEL}")  # the last label starts with a letter: no number
LOOPBACK = frozenset(["localhost", "127.0.0.1", "[::1]"])
# IANA's special-purpose address registries, and the ranges for multicast and for no use at all
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
)  # the global unicast range of IPv6; NAT64, ULA and link-local are outside


class BlockedAddress(Exception):
    """A URL or an address that webhooks may not be sent to. The message is for the person who set the URL."""


@dataclass(frozen=True, slots=True)
class AddressPolicy:
    """Which addresses may be reached besides public ones. `own` is the host and port of this service, which
    is never reached.

    `development`: loopback is permitted too, over http or https, if the URL itself names it.
    """

    networks: tuple[Network, ...] = ()
    development: bool = False
    own: tuple[str, int] = ("", 0)

    @classmethod
    def from_settings(
        cls, networks: Iterable[Network], public_url: str, *, development: bool
    ) -> "AddressPolicy":
        """Create the policy from settings."""
        parts = urlsplit(public_url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        return cls(tuple(networks), development, (bracketed(parts.hostname or ""), port))

    def allows(self, text: str, host: str) -> bool:
        """Return whether a connection may be opened to this address, for a URL with that host."""
        try:
            address = ipaddress.ip_address(text)
        except ValueError:  # a zone id, or not an address
            return False
        if address.is_loopback and self.development:
            return host in LOOPBACK
        return any(address in network for network in self.networks) or is_public(address)


@dataclass(frozen=True, slots=True)
class WebhookUrl:
    """The target of a webhook: its URL, parsed and checked. `host` is the host in the URL, in lower case."""

    scheme: str
    host: str
    port: int
    path: str

    @classmethod
    def parse(cls, url: str, reach: AddressPolicy) -> "WebhookUrl":
        """Parse a URL. Names are resolved when a connection is opened, not here. Raises NotPermitted."""
        found = URL.fullmatch(url) if len(url) <= MAX_URL_LENGTH else None
        if found is None:
            raise BlockedAddress(
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
        import httpcore  # noqa: PLC0415 - only needed for sending

        return httpcore.URL(scheme=self.scheme, host=self.host.strip("[]"), port=self.port, target=self.path)

    @property
    def authority(self) -> str:
        """The value of the Host header."""
        usual = {"http": 80, "https": 443}[self.scheme]
        return self.host if self.port == usual else f"{self.host}:{self.port}"

    def _refuse(self, reach: AddressPolicy) -> None:
        services = self.host in LOOPBACK and reach.development
        if self.scheme != "https" and not services:
            raise BlockedAddress("A webhook goes by https.")
        if self.port not in (80 if services else 443, 443) and not MIN_PORT <= self.port <= 65535:
            raise BlockedAddress("A webhook goes to port 443, or to one from 1024 on.")
        if (self.host, self.port) == reach.own or (self.host == reach.own[0] and not services):
            raise BlockedAddress("That is this service itself.")
        if not services and not NAME.fullmatch(self.host) and not self._is_permitted_literal(reach):
            raise BlockedAddress("A webhook goes to a host on the public internet, by its full name.")

    def _is_permitted_literal(self, reach: AddressPolicy) -> bool:
        """Return whether the host is an address in canonical form that may be reached."""
        text = self.host.strip("[]")
        try:
            usual = bracketed(str(ipaddress.ip_address(text)))
        except ValueError:
            return False
        return usual == self.host and reach.allows(text, self.host)


def is_public(address: Address) -> bool:
    """Return whether it is the address of a single machine on the public internet."""
    if isinstance(address, ipaddress.IPv6Address) and address not in UNICAST:
        return False
    special = any(address in network for network in NOT_PUBLIC)
    return address.is_global and not address.is_multicast and not special


def bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
