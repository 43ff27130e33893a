"""Whom a phone number or an e-mail address belongs to, also of those kept before there were look-ups.

Office: once, after an upgrade, a batch at a time, lets older submissions be found. Refuses: to read them all
again at every start; that it was done is on record.
"""

import datetime as dt
from dataclasses import dataclass

from app.storage import audit, lookups
from app.storage.audit import Act, Actor
from app.storage.database import Session
from app.storage.submissions import Vault

INDEXER = Actor("service", "lookups")
MEANWHILE = dt.timedelta(days=1)  # so long a previous release may go on keeping some beside this one
BATCH = 100


@dataclass(frozen=True, slots=True)
class Stretch:
    """The ids to look through: past `after`, below `until`."""

    after: str
    until: str = "g"


def to_do(session: Session) -> Stretch:
    """All ids the first time; then those of the day around that time."""
    done = audit.events_by(session, "lookups", limit=1)
    if not done:
        return Stretch("")
    return Stretch(lookups.id_at(done[0].at - MEANWHILE), lookups.id_at(done[0].at + MEANWHILE))


def fill(session: Session, vault: Vault, stretch: Stretch, *, now: dt.datetime) -> Stretch | None:
    """Let a batch be found, and give what is left to do; None, and once a word on record, at the end."""
    last = lookups.lacking(session, vault, stretch.after, stretch.until, BATCH)
    if last is not None:
        return Stretch(last, stretch.until)
    if not audit.events_by(session, "lookups", limit=1):
        audit.record(session, INDEXER, now, Act("lookups.made", "service", None))
    return None
