"""Job that indexes submissions of an older release by phone number and e-mail address.

Responsible for: one pass when the process starts. Never: stops the start if the pass fails.
"""

from functools import partial

from app.clock import now
from app.logging import error_location, log
from app.services.submissions import contact_index_backfill
from app.services.submissions.contact_index_backfill import Stretch
from app.storage.db.database import Database
from app.storage.submissions.submissions import Vault


async def backfill_contact_index(database: Database, vault: Vault) -> None:
    """Index submissions stored by an older release by phone number and e-mail address."""
    try:
        left: Stretch | None = await database.read(contact_index_backfill.pending_range)
        while left is not None:
            left = await database.write(
                partial(contact_index_backfill.backfill_batch, vault=vault, stretch=left, now=now())
            )
    except Exception as error:  # the next start indexes the rest
        log.error("contact_index_backfill_failed", error=type(error).__name__, at=error_location(error))
