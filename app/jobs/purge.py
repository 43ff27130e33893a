"""Job that erases what is older than its retention period.

Responsible for: a run every ten minutes. Never: stops because one run failed.
"""

import asyncio
import datetime as dt
from functools import partial

from app.clock import now
from app.logging import error_location, log
from app.services.operations import retention
from app.storage.db.database import Database

PURGE_SECONDS = 600


async def run_purge_forever(database: Database, event_retention: dt.timedelta) -> None:
    """Erase what is due, at once and then every ten minutes. A failed run is logged and retried."""
    while True:
        try:
            more, failed = True, 0
            while more:
                work = partial(retention.purge, now=now(), past=failed, event_retention=event_retention)
                purged = await database.write(work)
                more, failed = purged.more, failed + purged.failed
                if purged.submissions or purged.failed:
                    log.info("purge_completed", count=purged.submissions, failed=purged.failed)
            await database.run_in_thread(database.checkpoint)
        except Exception as error:
            log.error("purge_failed", error=type(error).__name__, at=error_location(error))
        await asyncio.sleep(PURGE_SECONDS)
