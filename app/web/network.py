"""Who is at the other end of a connection.

Office: the address of the client, seen through the proxies that the settings name and no others; the network
it belongs to. Refuses: to believe Forwarded, X-Real-IP, CF-Connecting-IP and their kin, and whatever stands
in X-Forwarded-For to the left of the first hop that is not one of our proxies: anybody can write that.
"""

import ipaddress
import re
from collections.abc import Sequence

from starlette.types import Scope

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Networks = Sequence[ipaddress.IPv4Network | ipaddress.IPv6Network]
# some proxies (Azure Application Gateway, IIS) write the port too, as 192.0.2.1:443 or [2001:db8::1]:443
PORTED = re.compile(r"(?:\[([0-9A-Fa-f:.]{2,45})\]|([0-9.]{7,15}))(?::[0-9]{1,5})?")
UNKNOWN = "unknown"


def client(scope: Scope, proxies: Networks) -> str | None:
    """The address of the client, or None when the peer has none (a Unix socket, say).

    From the peer leftwards while the one who speaks is our proxy; a hop that is no address ends the walk,
    since what a proxy could not write properly says nothing, and what stands left of it even less.
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


def network(address: str | None) -> str:
    """The /24 or /48 of an address; all that have no address count as one network."""
    found = _address(address or "")
    if found is None:
        return UNKNOWN
    return str(ipaddress.ip_network((str(found), 24 if found.version == 4 else 48), strict=False))


def _hops(scope: Scope) -> list[str]:
    """Every X-Forwarded-For line as one list (RFC 9110, section 5.3)."""
    lines = [value.decode("latin-1") for name, value in scope["headers"] if name == b"x-forwarded-for"]
    return ",".join(lines).split(",") if lines else []


def _ours(address: Address, proxies: Networks) -> bool:
    return any(address in each for each in proxies)


def _address(text: str) -> Address | None:
    """An address without port and zone, IPv4 as IPv4 however a dual-stack socket wrote it."""
    text = text.strip(" \t")
    ported = PORTED.fullmatch(text)
    try:
        found = ipaddress.ip_address(ported[1] or ported[2] if ported else text.partition("%")[0])
    except ValueError:
        return None
    return found.ipv4_mapped or found if isinstance(found, ipaddress.IPv6Address) else found
