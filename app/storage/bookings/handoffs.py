"""Handoffs: one-time links that a booking system gives to a respondent, stored by the hash of their secret.

Responsible for: the rows, the link that a secret opens, and pages of links, newest first. Never: stores the
secrets themselves.
"""

import datetime as dt
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from app.storage.db.database import Session
from app.storage.tables.events import handoffs
from app.storage.tables.submissions import submissions

_OF = handoffs.c


@dataclass(frozen=True, slots=True)
class Handoff:
    """A one-time link. `submission_id` is the submission started with it; no other can be started with it
    then.
    """

    id: str
    secret_hash: bytes
    booking_reference: str
    appointment_at: dt.datetime | None
    language: str | None
    return_url: str | None
    is_test: bool
    api_key_id: str | None
    version: int
    created_at: dt.datetime
    updated_at: dt.datetime
    expires_at: dt.datetime
    revoked_at: dt.datetime | None = None
    opened_at: dt.datetime | None = None
    submission_id: str | None = None

    def opens(self, now: dt.datetime) -> bool:
        """Return whether a submission can be started with this link."""
        return self.opened_at is None and self.revoked_at is None and now < self.expires_at


def insert(session: Session, new: Handoff) -> None:
    """Insert a new link."""
    session.execute(sa.insert(handoffs), {name: getattr(new, name) for name in Handoff.__slots__})


def fetch(session: Session, handoff: str, *, lock: bool = False) -> Handoff | None:
    """Return one link, or None. `lock` locks the row against changes until this transaction ends."""
    return _one(session, _OF.id == handoff, lock=lock)


def by_secret(session: Session, secret_hash: bytes, *, lock: bool = False) -> Handoff | None:
    """Return the link that a secret belongs to, whether it is still usable or not, or None."""
    return _one(session, _OF.secret_hash == secret_hash, lock=lock)


def of_submission(session: Session, submission: str) -> Handoff | None:
    """Return the link that a submission was started with, or None."""
    return _one(session, _OF.submission_id == submission, lock=False)


def change(session: Session, handoff: str, **values: Any) -> None:
    """Set columns of one link."""
    session.execute(sa.update(handoffs).where(_OF.id == handoff).values(values))


def page(
    session: Session, *, test: bool, booking_reference: str | None, after: str | None, limit: int
) -> list[Handoff]:
    """Return the next links, newest first."""
    asked = sa.select(handoffs).where(_OF.is_test == test).order_by(_OF.id.desc()).limit(limit)
    if booking_reference is not None:
        asked = asked.where(_OF.booking_reference == booking_reference)
    if after is not None:
        asked = asked.where(_OF.id < after)
    return [Handoff(**row) for row in session.execute(asked).mappings()]


def delete_older(session: Session, before: dt.datetime) -> int:
    """Delete the links that expired before then and whose submission, if they had one, is deleted. Returns
    how many.
    """
    has_submission = sa.exists().where(submissions.c.id == _OF.submission_id)
    return session.execute(sa.delete(handoffs).where(_OF.expires_at < before, ~has_submission)).rowcount


def _one(session: Session, wanted: sa.ColumnElement[bool], *, lock: bool) -> Handoff | None:
    asked = sa.select(handoffs).where(wanted)
    row = session.execute(asked.with_for_update() if lock else asked).mappings().first()
    return None if row is None else Handoff(**row)
