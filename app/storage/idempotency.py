"""Idempotency keys: the first response, encrypted with the data key of the submission, for repeated
requests.

Responsible for: the rows. Never: retains a response once the submission is erased; the row stays, so that
the key stays used.
"""

import datetime as dt
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Dialect
from sqlalchemy.sql.dml import Insert

from app.storage.db.compiled_insert import CompiledInsert
from app.storage.db.database import Session
from app.storage.db.upsert import insert as insert_into
from app.storage.tables.submissions import idempotency_keys


@dataclass(frozen=True, slots=True)
class StoredResponse:
    """A stored response. `response` is None once the submission has been erased."""

    submission_id: str
    response: bytes | None


_TAKEN = idempotency_keys.c.key_hash


def _claiming(dialect: Dialect) -> Insert:
    return insert_into(dialect, idempotency_keys).on_conflict_do_nothing().returning(_TAKEN)


_CLAIM = CompiledInsert(_claiming)


def reserve(session: Session, key_hash: bytes, submission: str, response: bytes, now: dt.datetime) -> bool:
    """Reserve the key for this request. Returns False when it is taken. Waits for a concurrent request that
    has not committed yet.
    """
    row = {"key_hash": key_hash, "submission_id": submission, "response": response, "created_at": now}
    return _CLAIM(session, [row]).first() is not None


def fetch(session: Session, key_hash: bytes) -> StoredResponse | None:
    """Return what the key was used for, or None."""
    table = idempotency_keys.c
    asked = sa.select(table.submission_id, table.response).where(table.key_hash == key_hash)
    row = session.execute(asked).first()
    return row and StoredResponse(row.submission_id, row.response)


def discard_response(session: Session, submission: str) -> None:
    """Delete the stored response of an erased submission; the key stays used."""
    asked = sa.update(idempotency_keys).where(idempotency_keys.c.submission_id == submission)
    session.execute(asked.values(response=None))


def delete_older(session: Session, before: dt.datetime) -> int:
    """Delete the keys used before that time. Returns how many."""
    asked = sa.delete(idempotency_keys).where(idempotency_keys.c.created_at < before)
    return session.execute(asked).rowcount
