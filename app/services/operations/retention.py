"""Retention: nothing is stored longer than promised.

Responsible for: erasing submissions past `retained_until`, releasing idempotency keys after 72 hours, and
deleting expired sessions and links, and events and one-time links long past their time. Never: erases a
submission under a legal hold, or lets one row that can't be erased block the others.
"""

import datetime as dt
from dataclasses import dataclass

from sqlalchemy.exc import SQLAlchemyError

from app.services.auth import users
from app.services.events import webhook_deliveries
from app.services.submissions import lifecycle as acts
from app.services.submissions.form_sessions import LATE_PAGE_ACCEPTED_FOR
from app.storage import idempotency
from app.storage.bookings import handoffs
from app.storage.db.database import Session
from app.storage.events import outbox
from app.storage.events.audit_log import Actor
from app.storage.submissions import form_tokens, submissions

BATCH = 100
IDEMPOTENCY_KEYS = dt.timedelta(hours=72)
HANDOFFS = dt.timedelta(days=30)  # how long a link is listed after its expiry
EVENTS = dt.timedelta(days=90)
SYSTEM_ACTOR = Actor("service", "purge")


@dataclass(frozen=True, slots=True)
class PurgeReport:
    """How many one run erased and how many it could not; `more`: another run has work to do."""

    submissions: int
    failed: int
    idempotency_keys: int
    more: bool


def purge(
    session: Session, *, now: dt.datetime, past: int = 0, event_retention: dt.timedelta = EVENTS
) -> PurgeReport:
    """Erase one batch of what is due, each row separately, so that a failing row does not block the others.

    `past`: how many rows that failed earlier in this run to skip. `event_retention`: of events.
    """
    due = submissions.expired(session, now, BATCH, past)
    erased = failed = 0
    for submission in due:
        try:
            with session.begin_nested():
                erased += acts.erase(session, submission, now=now, actor=SYSTEM_ACTOR, due=now)
        except SQLAlchemyError:
            failed += 1
    freed = idempotency.delete_older(session, now - IDEMPOTENCY_KEYS)
    form_tokens.delete_older(session, now - LATE_PAGE_ACCEPTED_FOR)
    users.purge_expired(session, now)
    handoffs.delete_older(session, now - HANDOFFS)
    webhook_deliveries.purge(session, now=now)
    forgotten = outbox.delete_older(session, now - event_retention)
    return PurgeReport(erased, failed, freed, len(due) == BATCH or forgotten == outbox.PURGED)
