"""Periodic background jobs of a serving process.

Responsible for: chaining audit events every second and publishing the head of the chain every minute;
sending alerts and escalating overdue flags every few seconds; and indexing older submissions at start-up.
Never: stops because one run failed; the failure is logged and the run is retried.
"""

import asyncio
from functools import partial
from pathlib import Path

from app.clock import now
from app.encryption import Keyring
from app.jobs.periodic import PeriodicJob
from app.services.events import audit_chain, outbox
from app.services.operations.erasure_ledger import Ledger
from app.storage.db.database import Database
from app.storage.events import audit_chain as rows
from app.storage.operations import append_only_file

LINK_SECONDS = 1
PUBLISH_ROUNDS = 60
BATCH_SIZE = 200  # events chained in one unit of work: other writers wait no longer than that takes


class AuditChainJob(PeriodicJob):
    """The audit chain job: chains events, publishes the head, and updates the erasure ledger."""

    def __init__(
        self, database: Database, keyring: Keyring, anchor_file: Path | None, erasures: Ledger
    ) -> None:
        self._database, self._keyring, self._file = database, keyring, anchor_file
        self._erasures = erasures
        self._published = ""

    async def run_forever(self) -> None:
        """Chain and publish, forever."""
        while True:
            for turn in range(PUBLISH_ROUNDS):
                await self.run_once(publish=turn == 0)
                await asyncio.sleep(LINK_SECONDS)

    async def run_once(self, *, publish: bool) -> None:
        """Run once. Failures are logged now and then, and do not stop the other actions."""
        acts = [self.sync_erasure_ledger, self.link_events, *([self.publish_head] if publish else [])]
        await self._all(*acts)

    async def sync_erasure_ledger(self) -> None:
        """Write to the ledger what was erased, revoked or disabled."""
        await self._database.run_in_thread(partial(self._erasures.sync, self._database))

    async def link_events(self) -> None:
        """Chain all events that have no position, and publish them in the event feed. The first run starts
        the chain.
        """
        more = await self._database.read(rows.has_pending)
        while more:
            work = partial(outbox.publish_pending, keyring=self._keyring, now=now(), limit=BATCH_SIZE)
            more = await self._database.write(work) == BATCH_SIZE

    async def publish_head(self) -> None:
        """Append the head to the anchor file, when it has moved."""
        if self._file is None:
            return
        head = await self._database.read(partial(audit_chain.head_line, keyring=self._keyring))
        if head != self._published:
            writing = asyncio.create_task(asyncio.to_thread(append_only_file.append, self._file, head))
            try:
                await asyncio.shield(writing)
            except asyncio.CancelledError:  # its thread goes on: the next head must come after this one
                await asyncio.wait([writing])
                if writing.exception() is None:
                    self._published = head
                raise
            self._published = head
