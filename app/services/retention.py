"""What is kept no longer than promised.

Office: erases submissions past `retained_until`, frees idempotency keys after 72 hours, forgets expired
sessions and links, and events and one-time links whose time is long over. Refuses: what is under a hold; to
let one row that can't be erased keep the others.
"""

import datetime as dt
from dataclasses import dataclass

from sqlalchemy.exc import SQLAlchemyError

from app.services import deliveries, staff
from app.services import submissions as acts
from app.services.forms import LATE
from app.storage import capabilities, events, handoffs, idempotency, submissions
from app.storage.audit import Actor
from app.storage.database import Session

BATCH = 100
IDEMPOTENCY_KEYS = dt.timedelta(hours=72)
HANDOFFS = dt.timedelta(days=30)  # a link that leads nowhere is shown so long after its time
EVENTS = dt.timedelta(days=90)
PURGER = Actor("service", "purge")


@dataclass(frozen=True, slots=True)
class Purged:
    """How much one run erased, how much it could not; `more`: another run has work to do."""

    submissions: int
    failed: int
    idempotency_keys: int
    more: bool


def purge(session: Session, *, now: dt.datetime, past: int = 0, told_for: dt.timedelta = EVENTS) -> Purged:
    """Erase one batch of what is due, each row on its own: one that can't be erased keeps nobody else.

    `past`: so many that could not be erased, in this run, are passed over. `told_for`: how long the feed goes
    back.
    """
    due = submissions.due(session, now, BATCH, past)
    erased = failed = 0
    for submission in due:
        try:
            with session.begin_nested():
                erased += acts.forget(session, submission, now=now, actor=PURGER, due=now)
        except SQLAlchemyError:
            failed += 1
    freed = idempotency.delete_older(session, now - IDEMPOTENCY_KEYS)
    capabilities.delete_older(session, now - LATE)
    staff.forget_expired(session, now)
    handoffs.delete_older(session, now - HANDOFFS)
    deliveries.purge(session, now=now)
    forgotten = events.delete_older(session, now - told_for)
    return Purged(erased, failed, freed, len(due) == BATCH or forgotten == events.PURGED)
