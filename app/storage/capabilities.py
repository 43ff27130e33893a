"""Capabilities: a secret that opens one submission for a while.

Office: `session` (a cookie of the hosted form) and `resume` (a link back in), by hash. Refuses: the secrets
themselves, and more than one submission each.
"""

import datetime as dt
from dataclasses import dataclass
from typing import Literal

import sqlalchemy as sa

from app.storage.database import Session
from app.storage.prepared import Prepared
from app.storage.tables import capabilities

Kind = Literal["session", "resume"]


@dataclass(frozen=True, slots=True)
class Capability:
    """`expires_at`: from then on it opens nothing."""

    secret_hash: bytes
    kind: Kind
    submission_id: str
    created_at: dt.datetime
    expires_at: dt.datetime


_INSERT = Prepared(lambda _dialect: sa.insert(capabilities))
_HELD = sa.select(capabilities).where(
    capabilities.c.secret_hash == sa.bindparam("secret"), capabilities.c.kind == sa.bindparam("kind")
)
_EXTEND = sa.update(capabilities).where(capabilities.c.secret_hash == sa.bindparam("secret"))


def insert(session: Session, capability: Capability) -> None:
    """Keep a new one."""
    _INSERT(session, [{name: getattr(capability, name) for name in Capability.__slots__}])


def fetch(session: Session, secret_hash: bytes, kind: Kind) -> Capability | None:
    """The one of this secret and kind, expired or not; None when there is none."""
    row = session.execute(_HELD, {"secret": secret_hash, "kind": kind}).mappings().first()
    return None if row is None else Capability(**row)


def extend(session: Session, secret_hash: bytes, until: dt.datetime) -> None:
    """Let it live until then."""
    session.execute(_EXTEND, {"secret": secret_hash, "expires_at": until})


def delete(session: Session, secret_hash: bytes) -> None:
    """It opens nothing any more."""
    session.execute(sa.delete(capabilities).where(capabilities.c.secret_hash == secret_hash))


def delete_older(session: Session, before: dt.datetime) -> int:
    """Forget those that expired before then; how many."""
    return session.execute(sa.delete(capabilities).where(capabilities.c.expires_at < before)).rowcount
