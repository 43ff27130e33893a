"""Backfill of the contact index, which finds cases by phone number or e-mail address, for older submissions.

Responsible for: adding submissions stored before the index existed, one batch per transaction, and one
audit event at the end. Never: runs by itself, or stops at a submission that cannot be decrypted.
"""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from app.storage.db.database import Database
from app.storage.events import audit_log
from app.storage.events.audit_log import Actor, AuditAction
from app.storage.submissions import contact_index
from app.storage.submissions.submissions import Vault

BATCH = 100


@dataclass(frozen=True, slots=True)
class BackfillReport:
    """How many submissions were processed, and how many of them could not be decrypted."""

    processed: int
    failed: int


def backfill(
    database: Database, vault: Vault, *, now: dt.datetime, actor: Actor, progress: Callable[[int], object]
) -> BackfillReport:
    """Index every submission that is not in the index yet; `progress` receives the size of each batch.

    An interrupted run loses nothing: the next one continues with the submissions that are left.
    """
    processed = failed = 0
    last: str | None = ""
    while last is not None:
        work = partial(contact_index.backfill, vault=vault, after=last, limit=BATCH)
        batch = database.write_blocking(work)
        processed, failed, last = processed + batch.processed, failed + batch.failed, batch.last
        progress(batch.processed)
    done = AuditAction("lookups.made", "service", None)
    database.write_blocking(lambda session: audit_log.record(session, actor, now, done))
    return BackfillReport(processed, failed)
