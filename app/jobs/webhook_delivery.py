"""Webhook delivery worker: claims due deliveries, sends them and stores the results, repeatedly.

Responsible for: sending several deliveries at once, up to a limit for each endpoint and for all, and
notifying staff when an endpoint is paused. Never: lets one slow or failing receiver block the others.
"""

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial

from prometheus_client import Counter as Metric

from app.adapters.address_policy import AddressPolicy
from app.adapters.smtp import Mailer
from app.adapters.webhook_client import WebhookClient
from app.clock import now
from app.encryption import Keyring
from app.jobs.periodic import PeriodicJob
from app.logging import error_location, log
from app.services.events import webhook_deliveries
from app.services.events.webhook_deliveries import SignedMessage
from app.settings import Settings
from app.storage.db.database import Database
from app.storage.events import webhook_deliveries as rows
from app.storage.events.webhook_endpoints import Endpoint

POLL_SECONDS = 1
STOP_SECONDS = 5  # how long running deliveries may take to finish when a process stops
MAX_CONCURRENT, MAX_PER_ENDPOINT = 32, 4  # concurrent deliveries in all and for each endpoint
MAX_PER_FAILING_ENDPOINT = 1  # a failing endpoint gets single attempts only
RESERVED_FOR_HEALTHY = 16  # slots that failing endpoints never take
DELIVERY_ATTEMPTS = Metric(
    "preconsult_webhook_delivery_attempts",
    "Tries to deliver a webhook, by the class of the answer; none: there was no answer.",
    ("answer",),
    registry=None,
)


def address_policy(settings: Settings) -> AddressPolicy:
    """Create the address policy of webhooks from settings."""
    return AddressPolicy.from_settings(
        settings.webhook_networks, str(settings.public_url), development=settings.development
    )


class WebhookDeliveryWorker(PeriodicJob):
    """The webhook deliveries of one process. Other processes may deliver at the same time."""

    def __init__(
        self,
        database: Database,
        keyring: Keyring,
        sender: WebhookClient,
        pauses: Sequence[int],
        post: Mailer | None,
        public_url: str,
    ) -> None:
        self._database, self._keyring, self._sender = database, keyring, sender
        self._pauses, self._post, self._url = pauses, post, public_url
        self._under_way: dict[asyncio.Task[None], SignedMessage] = {}
        self._ended = asyncio.Event()

    @classmethod
    def from_settings(
        cls, settings: Settings, database: Database, keyring: Keyring, post: Mailer | None
    ) -> "WebhookDeliveryWorker":
        """Create the worker from settings."""
        sender, pauses = WebhookClient(address_policy(settings)), settings.webhook_pauses
        return cls(database, keyring, sender, pauses, post, str(settings.public_url))

    async def run_forever(self) -> None:
        """Deliver until cancelled; running deliveries are then finished or released."""
        try:
            while True:
                await self.run_once()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._ended.wait(), POLL_SECONDS)
                self._ended.clear()
        finally:
            await self.shutdown()

    async def run_once(self) -> None:
        """Start what is due. A database failure is logged and retried in the next run."""
        await self._all(self.start_due)

    async def start_due(self) -> None:
        """Claim the due deliveries for which there is capacity, and start to send them."""
        wanted = self._wanted(await self._database.read(partial(rows.due, now=now())))
        if not wanted:
            return
        work = partial(webhook_deliveries.claim, keyring=self._keyring, wanted=wanted, now=now())
        claiming = asyncio.ensure_future(self._database.write(work))
        try:
            claimed = await asyncio.shield(claiming)
        except asyncio.CancelledError:  # what was claimed all the same is released with the rest
            await asyncio.wait([claiming])
            with contextlib.suppress(Exception):
                self._send(claiming.result())
            raise
        self._send(claimed)

    def _send(self, claimed: Sequence[SignedMessage]) -> None:
        for message in claimed:
            task = asyncio.create_task(self._deliver(message))
            self._under_way[task] = message
            task.add_done_callback(self._end)

    async def shutdown(self) -> None:
        """Wait up to `STOP_SECONDS` for running deliveries, and release the rest so that the next process
        can claim them.
        """
        if self._under_way:
            await asyncio.wait(list(self._under_way), timeout=STOP_SECONDS)
        broken_off = list(self._under_way.items())
        for task, _ in broken_off:
            task.cancel()
        await asyncio.gather(*(task for task, _ in broken_off), return_exceptions=True)
        if broken_off:
            left = [message.delivery for _, message in broken_off]
            with contextlib.suppress(Exception):  # on failure the leases expire by themselves
                await self._database.write(partial(webhook_deliveries.release, claimed=left, now=now()))
        await self._sender.close()

    def _wanted(self, due: Mapping[str, bool]) -> dict[str, int]:
        """Return how many deliveries to claim for each endpoint. Failing endpoints come last and leave
        capacity free.

        The other endpoints are ordered by how few running deliveries they have, so that none waits for the
        rest forever.
        """
        busy = Counter(message.delivery.endpoint_id for message in self._under_way.values())
        free, wanted = MAX_CONCURRENT - len(self._under_way), {}
        turns = sorted(due.items(), key=lambda each: (each[1], busy[each[0]], random.random()))  # noqa: S311
        for endpoint, fails in turns:
            free_places = (
                min(MAX_PER_FAILING_ENDPOINT, free - RESERVED_FOR_HEALTHY)
                if fails
                else min(MAX_PER_ENDPOINT, free)
            )
            most = min(
                free_places, (MAX_PER_FAILING_ENDPOINT if fails else MAX_PER_ENDPOINT) - busy[endpoint]
            )
            if most > 0:
                wanted[endpoint] = most
                free -= most
        return wanted

    def _end(self, task: asyncio.Task[None]) -> None:
        self._under_way.pop(task, None)
        self._ended.set()

    async def _deliver(self, message: SignedMessage) -> None:
        try:
            outcome = await self._sender.post(message.url, message.headers, message.body)
            DELIVERY_ATTEMPTS.labels(f"{outcome.status // 100}xx" if outcome.status else "none").inc()
            work = partial(
                webhook_deliveries.record_result,
                delivery=message.delivery,
                outcome=outcome,
                called=message.url,
                now=now(),
                pauses=self._pauses,
                jitter=random.uniform(0.8, 1.2),  # noqa: S311 - not used for security
            )
            paused = await self._database.write(work)
        except Exception as error:  # it is retried when its lease ends
            log.error("webhook_result_not_saved", error=type(error).__name__, at=error_location(error))
            return
        if paused is not None:
            await self._send_pause_notice(paused)

    async def _send_pause_notice(self, paused: Endpoint) -> None:
        """Log that an endpoint was paused (the system page shows it), and send an e-mail where that is
        configured.
        """
        log.warning("endpoint_paused")
        if self._post is None:
            return
        try:
            await asyncio.to_thread(self._post.send, webhook_deliveries.build_paused_email(paused, self._url))
        except Exception as error:
            log.warning("email_failed", error=type(error).__name__)
