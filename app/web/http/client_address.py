"""The client address of a connection.

Responsible for: the client's address, seen through the proxies in the settings and no others, and its
network. Never: trusts Forwarded, X-Real-IP, CF-Connecting-IP or similar headers, or anything in
X-Forwarded-For to the left of the first hop that is not one of these proxies: any client can write that.
"""

import ipaddress
import re
from collections.abc import Sequence

from starlette.types import Scope

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Networks = Sequence[ipaddress.IPv4Network | ipaddress.IPv6Network]
# some proxies (Azure Application Gateway, IIS) append the port: 192.0.2.1:443 or [2001:db8::1]:443
PORTED = re.compile(r"(?:\[([0-9A-Fa-f:.]{2,45})\]|([0-9.]{7,15}))(?::[0-9]{1,5})?")
UNKNOWN = "unknown"


def client_address(scope: Scope, proxies: Networks) -> str | None:
    """Return the address of the client, or None when the peer has none (a Unix socket, for example).

    Reads from the peer leftwards while the current address is a trusted proxy. A hop that is not an address
    ends the search: a value that a proxy could not write properly is not reliable, and those left of it even
    less so.
    """
    peer = scope.get("client")
    found = _address(peer[0]) if peer else None
    hops = _hops(scope) if proxies else []
    while found and hops and _ours(found, proxies):
        hop = _address(hops.pop())
        if hop is None:
            break
        found = hop
    return str(found) if found else None


def client_network(address: str | None) -> str:
    """Return the /24 or /48 of an address; all clients without an address count as one network."""
    found = _address(address or "")
    if found is None:
        return UNKNOWN
    return str(ipaddress.ip_network((str(found), 24 if found.version == 4 else 48), strict=False))


def _hops(scope: Scope) -> list[str]:
    """Return every X-Forwarded-For line as one list (RFC 9110, section 5.3)."""
    lines = [value.decode("latin-1") for name, value in scope["headers"] if name == b"x-forwarded-for"]
    return ",".join(lines).split(",") if lines else []


def _ours(address: Address, proxies: Networks) -> bool:
    return any(address in each for each in proxies)


def _address(text: str) -> Address | None:
    """Parse an address without port and zone; an IPv4-mapped IPv6 address becomes IPv4."""
    text = text.strip(" \t")
    ported = PORTED.fullmatch(text)
    try:
        found = ipaddress.ip_address(ported[1] or ported[2] if ported else text.partition("%")[0])
    except ValueError:
        return None
    return found.ipv4_mapped or found if isinstance(found, ipaddress.IPv6Address) else found
