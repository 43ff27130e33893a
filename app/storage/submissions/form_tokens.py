"""Form tokens: secrets that give access to one submission for a limited time.

Responsible for: `session` tokens (a cookie of the hosted form) and `resume` tokens (a resume link), stored
by hash. Never: stores the secrets themselves, or gives one token access to more than one submission.
"""

import datetime as dt
from dataclasses import dataclass
from typing import Literal

import sqlalchemy as sa

from app.storage.db.compiled_insert import CompiledInsert
from app.storage.db.database import Session
from app.storage.tables.submissions import form_tokens

Kind = Literal["session", "resume"]


@dataclass(frozen=True, slots=True)
class Capability:
    """A token. From `expires_at` on it gives no access."""

    secret_hash: bytes
    kind: Kind
    submission_id: str
    created_at: dt.datetime
    expires_at: dt.datetime


_INSERT = CompiledInsert(lambda _dialect: sa.insert(form_tokens))
_HELD = sa.select(form_tokens).where(
    form_tokens.c.secret_hash == sa.bindparam("secret"), form_tokens.c.kind == sa.bindparam("kind")
)
_EXTEND = sa.update(form_tokens).where(form_tokens.c.secret_hash == sa.bindparam("secret"))


def insert(session: Session, capability: Capability) -> None:
    """Insert a new token."""
    _INSERT(session, [{name: getattr(capability, name) for name in Capability.__slots__}])


def fetch(session: Session, secret_hash: bytes, kind: Kind) -> Capability | None:
    """Return the token with this secret hash and kind, expired or not, or None when there is none."""
    row = session.execute(_HELD, {"secret": secret_hash, "kind": kind}).mappings().first()
    return None if row is None else Capability(**row)


def extend(session: Session, secret_hash: bytes, until: dt.datetime) -> None:
    """Set a new expiry time."""
    session.execute(_EXTEND, {"secret": secret_hash, "expires_at": until})


def delete(session: Session, secret_hash: bytes) -> None:
    """Delete a token, so that it gives no access any more."""
    session.execute(sa.delete(form_tokens).where(form_tokens.c.secret_hash == secret_hash))


def delete_older(session: Session, before: dt.datetime) -> int:
    """Delete the tokens that expired before then. Returns how many."""
    return session.execute(sa.delete(form_tokens).where(form_tokens.c.expires_at < before)).rowcount
