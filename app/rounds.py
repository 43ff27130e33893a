"""What a process that serves does again and again, by itself.

Office: links the audit trail every second, publishes its head every minute; sends alerts and passes on flags
nobody dealt with every few seconds; at start lets older submissions be found. Refuses: to stop because one
round failed; it is told in the log and tried again.
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
AT_ONCE = 200  # events linked in one unit of work: others who write wait no longer than that takes
ALERT_SECONDS = 5
LETTERS = 50  # sent in one round, before flags are looked at again
QUIET_ROUNDS = 60  # between two lines of the log that say the same


async def index(database: Database, vault: Vault) -> None:
    """Let submissions kept by an older release be found by phone number and e-mail address."""
    try:
        left: Stretch | None = await database.read(lookups.to_do)
        while left is not None:
            left = await database.write(partial(lookups.fill, vault=vault, stretch=left, now=now()))
    except Exception as error:  # the next start does the rest
        log.error("lookups_failed", error=type(error).__name__, at=where(error))


class Rounds:
    """Rounds of several acts: each is tried whatever became of the others, and failures are told seldom."""

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
    """The audit trail of a serving process: links it, publishes its head, follows it with the ledger."""

    def __init__(
        self, database: Database, keyring: Keyring, anchor_file: Path | None, erasures: Ledger
    ) -> None:
        self._database, self._keyring, self._file = database, keyring, anchor_file
        self._erasures = erasures
        self._published = ""

    async def keep(self) -> None:
        """Link and publish, for ever."""
        while True:
            for turn in range(PUBLISH_ROUNDS):
                await self.round(publish=turn == 0)
                await asyncio.sleep(LINK_SECONDS)

    async def round(self, *, publish: bool) -> None:
        """One round; what goes wrong is told now and then, and keeps nothing else."""
        acts = [self.settle, self.link, *([self.publish] if publish else [])]
        await self._all(*acts)

    async def settle(self) -> None:
        """Write in the ledger what was erased, revoked or disabled."""
        await self._database.on_thread(partial(self._erasures.settle, self._database))

    async def link(self) -> None:
        """Link all that waits, and tell of it; the first time the chain begins."""
        more = await self._database.read(rows.to_do)
        while more:
            work = partial(feed.follow, keyring=self._keyring, now=now(), limit=AT_ONCE)
            more = await self._database.write(work) == AT_ONCE

    async def publish(self) -> None:
        """Add the head to the anchor file, when it has moved."""
        if self._file is None:
            return
        head = await self._database.read(partial(chain.published, keyring=self._keyring))
        if head != self._published:
            writing = asyncio.create_task(asyncio.to_thread(ledger.append, self._file, head))
            try:
                await asyncio.shield(writing)
            finally:  # cancelled or not, the thread writes on: what is published next comes after it
                await writing
                self._published = head


class Alerts(Rounds):
    """The alerts of a serving process. `outlook` is what the last round saw, for pages and metrics."""

    def __init__(self, database: Database, post: Post | None, public_url: str, outlook: Outlook) -> None:
        self._database, self._post, self._url = database, post, public_url
        self._outlook = outlook

    async def keep(self) -> None:
        """Pass on and send, for ever."""
        while True:
            await self.round()
            await asyncio.sleep(ALERT_SECONDS)

    async def round(self) -> None:
        """One round; a database that fails keeps nothing else."""
        await self._all(self.escalate, self.send, self.look)

    async def escalate(self) -> None:
        """Pass on what nobody dealt with in time."""
        while await self._database.read(partial(waiting.any_overdue, now=now())):
            if not await self._database.write(partial(alerts.escalate, now=now())):
                return  # somebody acts on them just now, or another process does this

    async def send(self) -> None:
        """Send what is due, one after the other."""
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
        except Exception as error:  # whatever it was, it is tried again
            log.warning("alert_not_sent", error=type(error).__name__)
            work = partial(alerts.put_off, alert=alert, error=type(error).__name__)
        await self._database.write(partial(work, now=now()))

    async def look(self) -> None:
        """Remember what waits."""
        self._outlook.waiting = await self._database.read(partial(waiting.waiting, now=now()))
