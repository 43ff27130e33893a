"""API keys: created, verified and revoked.

Responsible for: the format `pc_live_<id>_<secret><checksum>` (or `pc_test_`) with 8 + 32 + 6 base62
characters; the checksum (CRC-32) lets scanners find leaked keys and lets invalid keys be refused without a
database query. Never: stores a secret.
"""

import datetime as dt
import hmac
import ipaddress
import re
import secrets
import string
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from app.errors import Forbidden, StartupError, Unauthenticated
from app.services.auth.authorization import SCOPES, hash_token
from app.storage.auth import api_keys
from app.storage.auth.api_keys import ApiKey
from app.storage.db.database import Session
from app.storage.events import audit_log
from app.storage.events.audit_log import Actor, AuditAction

BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase
PATTERN = re.compile(r"pc_(live|test)_([0-9A-Za-z]{8})_([0-9A-Za-z]{32})([0-9A-Za-z]{6})")


@dataclass(frozen=True, slots=True)
class NewApiKey:
    """A new API key."""

    name: str
    scopes: Sequence[str]
    test: bool = False
    origins: Sequence[str] = ()
    cidrs: Sequence[str] = ()
    days: int | None = None


def create(session: Session, wanted: NewApiKey, *, now: dt.datetime, actor: Actor) -> str:
    """Create a key and return its text, which the caller shows once. Raises Refusal naming any error."""
    _refuse(wanted)
    key_id, secret = _random(8), _random(32)
    mode = "test" if wanted.test else "live"
    stem = f"pc_{mode}_{key_id}_{secret}"
    key = ApiKey(
        id=key_id,
        name=wanted.name,
        secret_hash=hash_token(secret),
        scopes=frozenset(wanted.scopes),
        is_test=wanted.test,
        origins=frozenset(wanted.origins),
        cidrs=tuple(wanted.cidrs),
        created_at=now,
        expires_at=now + dt.timedelta(days=wanted.days) if wanted.days else None,
    )
    api_keys.insert(session, key)
    audit_log.record(session, actor, now, AuditAction("api_key.created", "api_key", key_id))
    return stem + checksum(stem)


def parse(text: str) -> tuple[str, str] | None:
    """Return (key id, secret) of a well-formed key, or None."""
    found = PATTERN.fullmatch(text)
    if found is None or checksum(text[:-6]) != found[4]:
        return None
    return found[2], found[3]


def checksum(stem: str) -> str:
    """Return the CRC-32 of `stem` as six base62 characters."""
    number, digits = zlib.crc32(stem.encode()), ""
    for _ in range(6):
        number, rest = divmod(number, 62)
        digits = BASE62[rest] + digits
    return digits


def authenticate(
    key: ApiKey | None, secret: str, *, now: dt.datetime, network: str | None, origin: str | None
) -> ApiKey:
    """Return the key when its secret matches, it is live, and the request comes from a permitted place.

    Raises Unauthenticated (the same for unknown, wrong, expired and revoked keys) or Forbidden (another
    origin or network).
    """
    expected = key.secret_hash if key else bytes(32)
    if not hmac.compare_digest(hash_token(secret), expected) or key is None or not key.is_live(now):
        raise Unauthenticated("This API key is not known, or no longer live.")
    if key.origins and origin not in key.origins:
        raise Forbidden(
            "This API key is bound to other origins. It is for pages of theirs; a backend needs its own key."
        )
    if key.cidrs and not _inside(network, key.cidrs):
        raise Forbidden("This API key is bound to other networks.")
    return key


def revoke(session: Session, key_id: str, *, now: dt.datetime, actor: Actor) -> None:
    """Revoke a key. Raises Refusal when there is no live key with that id."""
    if not api_keys.revoke(session, key_id, now):
        raise StartupError(f"There is no live API key {key_id}.")
    audit_log.record(session, actor, now, AuditAction("api_key.revoked", "api_key", key_id))


def _refuse(wanted: NewApiKey) -> None:
    if not wanted.name.strip() or len(wanted.name) > 100:
        raise StartupError("A key needs a name of at most 100 characters.")
    strange = [scope for scope in wanted.scopes if scope not in SCOPES]
    if strange or not wanted.scopes:
        raise StartupError(f"A key needs scopes out of: {', '.join(SCOPES)}.")
    for origin in wanted.origins:
        if not re.fullmatch(r"https?://[a-z0-9.-]+(:\d+)?", origin):
            raise StartupError(f"An origin reads https://host, without a path; this does not: {origin!r}.")
    if wanted.origins and set(wanted.scopes) != {"submissions:write"}:
        raise StartupError(
            "A key for browsers takes the scope submissions:write alone; anybody can read it there."
        )
    for cidr in wanted.cidrs:
        try:
            ipaddress.ip_network(cidr)
        except ValueError:
            raise StartupError(
                f"A network reads 192.0.2.0/24 or 2001:db8::/32; this does not: {cidr!r}."
            ) from None


def _inside(network: str | None, cidrs: Sequence[str]) -> bool:
    try:
        address = ipaddress.ip_address(network or "")
    except ValueError:
        return False
    return any(address in ipaddress.ip_network(cidr) for cidr in cidrs)


def _random(length: int) -> str:
    return "".join(secrets.choice(BASE62) for _ in range(length))
