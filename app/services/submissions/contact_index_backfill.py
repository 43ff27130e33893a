"""Backfill of the contact index, which finds cases by phone number or e-mail address, for older submissions.

Responsible for: adding submissions stored before the index existed, once after an upgrade, one batch at a
time. Never: reads them all again at every start; an audit event records that it was done.
"""

import datetime as dt
from dataclasses import dataclass

from app.storage.db.database import Session
from app.storage.events import audit_log
from app.storage.events.audit_log import Actor, AuditAction
from app.storage.submissions import contact_index
from app.storage.submissions.submissions import Vault

INDEXER = Actor("service", "lookups")
MEANWHILE = dt.timedelta(days=1)  # a previous release may store submissions beside this one for this long
BATCH = 100


@dataclass(frozen=True, slots=True)
class Stretch:
    """The range of ids to process: after `after`, below `until`."""

    after: str
    until: str = "g"


def pending_range(session: Session) -> Stretch:
    """Return all ids the first time; after that, the ids within one day before and after that time."""
    done = audit_log.events_by(session, "lookups", limit=1)
    if not done:
        return Stretch("")
    return Stretch(
        contact_index.min_id_at(done[0].at - MEANWHILE), contact_index.min_id_at(done[0].at + MEANWHILE)
    )


def backfill_batch(session: Session, vault: Vault, stretch: Stretch, *, now: dt.datetime) -> Stretch | None:
    """Index one batch; return the range that is left, or None at the end.

    The end is recorded in the audit log once.
    """
    last = contact_index.backfill(session, vault, stretch.after, stretch.until, BATCH)
    if last is not None:
        return Stretch(last, stretch.until)
    if not audit_log.events_by(session, "lookups", limit=1):
        audit_log.record(session, INDEXER, now, AuditAction("lookups.made", "service", None))
    return None
