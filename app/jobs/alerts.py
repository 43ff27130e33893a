"""Job that sends alerts and escalates flags, every few seconds.

Responsible for: sequential runs. Never: stops because one run failed.
"""

import asyncio
from functools import partial

from app.adapters.smtp import Mailer
from app.clock import now
from app.jobs.periodic import PeriodicJob
from app.logging import log
from app.services.submissions import alerts
from app.services.submissions.alerts import AlertStatus
from app.storage.db.database import Database
from app.storage.submissions import alerts as waiting
from app.storage.submissions.alerts import Alert


class AlertJob(PeriodicJob):
    """The alert job. `alert_status` holds what the last run found, for pages and metrics."""

    def __init__(
        self, database: Database, post: Mailer | None, public_url: str, alert_status: AlertStatus
    ) -> None:
        self._database, self._post, self._url = database, post, public_url
        self._outlook = alert_status

    async def run_forever(self) -> None:
        """Escalate and send, forever."""
        while True:
            await self.run_once()
            await asyncio.sleep(ALERT_SECONDS)

    async def run_once(self) -> None:
        """Run once. A database failure does not stop the other actions."""
        await self._all(self.escalate, self.send, self.refresh_status)

    async def escalate(self) -> None:
        """Escalate the flags that are overdue."""
        while await self._database.read(partial(waiting.any_overdue, now=now())):
            if not await self._database.write(partial(alerts.escalate, now=now())):
                return  # they are being changed, or another process escalates them

    async def send(self) -> None:
        """Send the alerts that are due, one after the other."""
        await self.refresh_status()
        if self._post is None or not self._outlook.waiting.due:
            return
        for _ in range(MAX_EMAILS_PER_RUN):
            alert = await self._database.write(partial(alerts.claim, now=now()))
            if alert is None:
                return
            await self._deliver(self._post, alert)

    async def _deliver(self, post: Mailer, alert: Alert) -> None:
        try:
            refused = await asyncio.to_thread(post.send, alerts.build_email(alert, self._url))
            work = partial(alerts.mark_sent, alert=alert, refused=refused)
        except Exception as error:  # it is retried, whatever the error
            log.warning("alert_email_failed", error=type(error).__name__)
            work = partial(alerts.reschedule, alert=alert, error=type(error).__name__)
        await self._database.write(partial(work, now=now()))

    async def refresh_status(self) -> None:
        """Refresh the status of waiting alerts."""
        self._outlook.waiting = await self._database.read(partial(waiting.waiting, now=now()))


ALERT_SECONDS = 5


MAX_EMAILS_PER_RUN = 50  # sent in one run, before flags are checked again
