"""API keys (only the hash of their secret), and the check values that prove that the keyring is the right
one.

Responsible for: the rows. Never: stores secrets in clear text.
"""

import datetime as dt
from dataclasses import dataclass

import sqlalchemy as sa

from app.storage.db.database import Session
from app.storage.tables.auth import api_keys
from app.storage.tables.operations import encryption_keys


@dataclass(frozen=True, slots=True)
class ApiKey:
    """The key of an API client. Empty `origins` or `cidrs` mean any; `last_used_at` has the precision of a
    day.
    """

    id: str
    name: str
    secret_hash: bytes
    scopes: frozenset[str]
    is_test: bool
    origins: frozenset[str]
    cidrs: tuple[str, ...]
    created_at: dt.datetime
    expires_at: dt.datetime | None
    revoked_at: dt.datetime | None = None
    last_used_at: dt.datetime | None = None

    def is_live(self, now: dt.datetime) -> bool:
        """Return whether the key is neither revoked nor expired."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


def insert(session: Session, key: ApiKey) -> None:
    """Insert a new key."""
    lists = {"scopes": sorted(key.scopes), "origins": sorted(key.origins), "cidrs": key.cidrs}
    row = {name: getattr(key, name) for name in ApiKey.__slots__}
    session.execute(sa.insert(api_keys), row | {name: " ".join(value) for name, value in lists.items()})


def fetch(session: Session, key_id: str) -> ApiKey | None:
    """Return one key, or None."""
    row = session.execute(sa.select(api_keys).where(api_keys.c.id == key_id)).mappings().first()
    return None if row is None else _key(row)


def list_all(session: Session) -> list[ApiKey]:
    """Return all keys, oldest first."""
    return [
        _key(row) for row in session.execute(sa.select(api_keys).order_by(api_keys.c.created_at)).mappings()
    ]


def revoke(session: Session, key_id: str, now: dt.datetime) -> bool:
    """Revoke a key. Returns False when there is no key with that id or it is already revoked."""
    asked = sa.update(api_keys).where(api_keys.c.id == key_id, api_keys.c.revoked_at.is_(None))
    return session.execute(asked.values(revoked_at=now)).rowcount == 1


def record_use(session: Session, key_id: str, day: dt.date) -> None:
    """Record the day a key was last used. An earlier day never replaces a later one."""
    at = dt.datetime.combine(day, dt.time(), dt.UTC)
    earlier = sa.or_(api_keys.c.last_used_at.is_(None), api_keys.c.last_used_at < at)
    session.execute(sa.update(api_keys).where(api_keys.c.id == key_id, earlier).values(last_used_at=at))


def key_checks(session: Session) -> dict[str, bytes]:
    """Map encryption key ids to their check values, which only the right key decrypts."""
    return {row.id: row.key_check for row in session.execute(sa.select(encryption_keys))}


def lock_table(session: Session) -> None:
    """Take a lock so that no other transaction adds a check value until this one ends (SQLite has one
    writer anyway).
    """
    if session.dialect.name != "sqlite":
        session.exec_driver_sql("LOCK TABLE encryption_keys IN EXCLUSIVE MODE")


def insert_key_check(session: Session, key_id: str, key_check: bytes, now: dt.datetime) -> None:
    """Insert the check value of an encryption key."""
    session.execute(sa.insert(encryption_keys), {"id": key_id, "key_check": key_check, "created_at": now})


def _key(row: sa.RowMapping) -> ApiKey:
    lists = {name: row[name].split() for name in ("scopes", "origins", "cidrs")}
    plain = {name: row[name] for name in ApiKey.__slots__ if name not in lists}
    return ApiKey(
        **plain,
        scopes=frozenset(lists["scopes"]),
        origins=frozenset(lists["origins"]),
        cidrs=tuple(lists["cidrs"]),
    )
