"""Periodic background jobs of a serving process.

Responsible for: chaining audit events every second and publishing the head of the chain every minute;
sending alerts and escalating overdue flags every few seconds; and indexing older submissions at start-up.
Never: stops because one run failed; the failure is logged and the run is retried.
"""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

from app.outbound import Post
from app.sealing import Keyring
from app.services import alerts, chain, feed, lookups
from app.services.alerts import Outlook
from app.services.chain import Broken
from app.services.erasures import Ledger
from app.services.lookups import Stretch
from app.storage import alerts as waiting
from app.storage import chain as rows
from app.storage import ledger
from app.storage.alerts import Alert
from app.storage.database import Database
from app.storage.submissions import Vault
from app.web.deps import now
from app.web.logs import log, where

LINK_SECONDS = 1
PUBLISH_ROUNDS = 60
AT_ONCE = 200  # events chained in one unit of work: other writers wait no longer than that takes
ALERT_SECONDS = 5
LETTERS = 50  # sent in one run, before flags are checked again
QUIET_ROUNDS = 60  # runs between two log lines for the same failure


async def index(database: Database, vault: Vault) -> None:
    """Index submissions stored by an older release by phone number and e-mail address."""
    try:
        left: Stretch | None = await database.read(lookups.to_do)
        while left is not None:
            left = await database.write(partial(lookups.fill, vault=vault, stretch=left, now=now()))
    except Exception as error:  # the next start does the rest
        log.error("lookups_failed", error=type(error).__name__, at=where(error))


class Rounds:
    """A job of several actions: each runs even if the others fail, and repeated failures are logged only
    now and then.
    """

    _quiet = 0

    async def _all(self, *acts: Callable[[], Awaitable[None]]) -> None:
        well = [await self._try(act) for act in acts]
        self._quiet = 0 if all(well) else (self._quiet + 1) % QUIET_ROUNDS

    async def _try(self, what: Callable[[], Awaitable[None]]) -> bool:
        try:
            await what()
        except Exception as error:
            if self._quiet == 0 and isinstance(error, Broken):
                log.error("audit_chain_broken", at=where(error))
            elif self._quiet == 0:
                log.error("round_failed", error=type(error).__name__, at=where(error))
            return False
        return True


class Trail(Rounds):
    """The audit chain job: chains events, publishes the head, and updates the erasure ledger."""

    def __init__(
        self, database: Database, keyring: Keyring, anchor_file: Path | None, erasures: Ledger
    ) -> None:
        self._database, self._keyring, self._file = database, keyring, anchor_file
        self._erasures = erasures
        self._published = ""

    async def keep(self) -> None:
        """Chain and publish, forever."""
        while True:
            for turn in range(PUBLISH_ROUNDS):
                await self.round(publish=turn == 0)
                await asyncio.sleep(LINK_SECONDS)

    async def round(self, *, publish: bool) -> None:
        """Run once. Failures are logged now and then, and do not stop the other actions."""
        acts = [self.settle, self.link, *([self.publish] if publish else [])]
        await self._all(*acts)

    async def settle(self) -> None:
        """Write to the ledger what was erased, revoked or disabled."""
        await self._database.on_thread(partial(self._erasures.settle, self._database))

    async def link(self) -> None:
        """Chain all events that have no position, and publish them in the event feed. The first run starts
        the chain.
        """
        more = await self._database.read(rows.to_do)
        while more:
            work = partial(feed.follow, keyring=self._keyring, now=now(), limit=AT_ONCE)
            more = await self._database.write(work) == AT_ONCE

    async def publish(self) -> None:
        """Append the head to the anchor file, when it has moved."""
        if self._file is None:
            return
        head = await self._database.read(partial(chain.published, keyring=self._keyring))
        if head != self._published:
            writing = asyncio.create_task(asyncio.to_thread(ledger.append, self._file, head))
            try:
                await asyncio.shield(writing)
            except asyncio.CancelledError:  # its thread goes on: the next head must come after this one
                await asyncio.wait([writing])
                if writing.exception() is None:
                    self._published = head
                raise
            self._published = head


class Alerts(Rounds):
    """The alert job. `outlook` holds what the last run found, for pages and metrics."""

    def __init__(self, database: Database, post: Post | None, public_url: str, outlook: Outlook) -> None:
        self._database, self._post, self._url = database, post, public_url
        self._outlook = outlook

    async def keep(self) -> None:
        """Escalate and send, forever."""
        while True:
            await self.round()
            await asyncio.sleep(ALERT_SECONDS)

    async def round(self) -> None:
        """Run once. A database failure does not stop the other actions."""
        await self._all(self.escalate, self.send, self.look)

    async def escalate(self) -> None:
        """Escalate the flags that are overdue."""
        while await self._database.read(partial(waiting.any_overdue, now=now())):
            if not await self._database.write(partial(alerts.escalate, now=now())):
                return  # they are being changed, or another process escalates them

    async def send(self) -> None:
        """Send the alerts that are due, one after the other."""
        await self.look()
        if self._post is None or not self._outlook.waiting.due:
            return
        for _ in range(LETTERS):
            alert = await self._database.write(partial(alerts.claim, now=now()))
            if alert is None:
                return
            await self._deliver(self._post, alert)

    async def _deliver(self, post: Post, alert: Alert) -> None:
        try:
            refused = await asyncio.to_thread(post.send, alerts.letter(alert, self._url))
            work = partial(alerts.told, alert=alert, refused=refused)
        except Exception as error:  # it is retried, whatever the error
            log.warning("alert_not_sent", error=type(error).__name__)
            work = partial(alerts.put_off, alert=alert, error=type(error).__name__)
        await self._database.write(partial(work, now=now()))

    async def look(self) -> None:
        """Refresh the status of waiting alerts."""
        self._outlook.waiting = await self._database.read(partial(waiting.waiting, now=now()))
