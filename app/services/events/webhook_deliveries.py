"""Webhook deliveries: each event on its way to each endpoint that is to receive it.

Responsible for: which endpoint receives which event, claims with a lease, the messages sent, and how a
response is handled. Never: opens a connection, changes a body between two attempts, or lets a later event
overtake an earlier one of the same submission.

- At-least-once delivery: a delivery is claimed with a lease, sent, and marked. When a process dies in
  between, the next one takes over. The delivery carries the id of the event at every attempt.
- A delivery that is given up releases those that wait behind it. One that is redelivered by hand has no
  order, because the events after it were sent long ago.
"""

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime

from pydantic_core import to_json
from uuid_utils import uuid7

from app.adapters import webhook_signature
from app.adapters.smtp import Email
from app.adapters.webhook_client import DeliveryResult
from app.encryption import DecryptionError, Keyring
from app.services.events import event_types
from app.services.events import webhook_endpoints as acts
from app.services.events.event_types import TEST
from app.storage.db.database import Session
from app.storage.events import audit_log, webhook_deliveries, webhook_endpoints
from app.storage.events.audit_log import Actor, AuditAction
from app.storage.events.outbox import Event
from app.storage.events.webhook_deliveries import DELIVERED, FAILED, PENDING, Delivery, DeliveryAttempt
from app.storage.events.webhook_endpoints import GONE, Endpoint

SENDER = Actor("service", "webhooks")
LEASE = dt.timedelta(seconds=30)  # longer than any attempt takes
FAILING_FOR = dt.timedelta(hours=24)  # an endpoint at which every attempt has failed for this long is paused
MAX_RETRY_AFTER = dt.timedelta(days=1)  # the maximum that a receiver may ask for
RETENTION = dt.timedelta(days=30)  # how long deliveries are stored
AUTO_PAUSE_AFTER = "A webhook endpoint has been paused"
SECONDS = re.compile(r"[0-9]{1,9}")


@dataclass(frozen=True, slots=True)
class SignedMessage:
    """A delivery as it is sent. `body`: the same bytes at every attempt; `headers`: those of this attempt."""

    delivery: Delivery
    url: str
    body: bytes
    headers: dict[str, str] = field(repr=False)


def fan_out(session: Session, events: Sequence[Event], *, now: dt.datetime) -> int:
    """Create one delivery for each endpoint that is to receive an event; return how many."""
    listening = webhook_endpoints.active_for_share(session) if events else []
    new = [_new(to, event, now) for event in events for to in listening if _is_for(event, to)]
    webhook_deliveries.insert(session, new)
    return len(new)


def _is_for(event: Event, to: Endpoint) -> bool:
    wanted = not to.types or event.type in to.types
    return (
        wanted
        and event.is_test == to.is_test
        and (to.requires_review_scope or not event.requires_review_scope)
    )


def _new(to: Endpoint, event: Event, now: dt.datetime) -> Delivery:
    return Delivery(
        id=str(uuid7()),
        endpoint_id=to.id,
        event_id=event.id,
        position=event.position,
        ordering_key=event.ordering_key,
        type=event.type,
        state=webhook_deliveries.PENDING,
        attempt_count=0,
        created_at=now,
        next_attempt_at=now,
    )


# --- sending ---------------------------------------------------------------------------------------


def claim(
    session: Session, keyring: Keyring, wanted: Mapping[str, int], *, now: dt.datetime
) -> list[SignedMessage]:
    """Claim the deliveries to send next, for this process only, until the lease expires.

    `wanted`: endpoint id to the maximum number of its deliveries. An event that is no longer stored cannot be
    sent; its delivery is given up.
    """
    found: list[SignedMessage] = []
    for name, most in wanted.items():
        endpoint = webhook_endpoints.fetch(session, name)
        claimed = (
            webhook_deliveries.claim(session, name, most, now=now, until=now + LEASE) if endpoint else []
        )
        for delivery, event in _with_events(session, endpoint, claimed):
            if event is not None and endpoint is not None:
                found += _messages(session, endpoint, delivery, event, keyring, now)
            else:
                _end(session, delivery, FAILED, now)
                webhook_deliveries.insert_attempt(
                    session, _attempt(delivery, DeliveryResult(None, 0, "EventGone"), now)
                )
    return found


def release(session: Session, claimed: Sequence[Delivery], *, now: dt.datetime) -> None:
    """Release claimed deliveries whose attempts were aborted, so that they can be retried immediately."""
    for delivery in claimed:
        delivery_row = webhook_deliveries.fetch(session, delivery.endpoint_id, delivery.id, lock=True)
        if (
            delivery_row
            and delivery_row.state == PENDING
            and delivery_row.attempt_count == delivery.attempt_count
        ):
            webhook_deliveries.change(
                session, delivery.id, next_attempt_at=now, attempt_count=delivery_row.attempt_count - 1
            )


def record_result(
    session: Session,
    delivery: Delivery,
    outcome: DeliveryResult,
    *,
    called: str,
    now: dt.datetime,
    pauses: Sequence[int],
    jitter: float,
) -> Endpoint | None:
    """Handle the outcome of an attempt; return the endpoint when it is paused because of it.

    `called`: the URL that responded. `pauses`: seconds after each failed attempt; one more attempt follows
    the last of them. `jitter`: the factor that a pause is multiplied by.
    """
    endpoint = webhook_endpoints.fetch(session, delivery.endpoint_id, lock=True)
    delivery_row = webhook_deliveries.fetch(session, delivery.endpoint_id, delivery.id, lock=True)
    if endpoint is None or delivery_row is None:
        return None  # removed in the meantime
    webhook_deliveries.insert_attempt(session, _attempt(delivery, outcome, now))
    if outcome.status is not None and 200 <= outcome.status < 300:
        _arrived(session, endpoint, delivery_row, now)
        return None
    if outcome.status == 410 and called == endpoint.url:  # not from a URL that was changed in the meantime
        return _gone(session, endpoint, now)
    if (
        delivery_row.state == PENDING and delivery_row.attempt_count == delivery.attempt_count
    ):  # no one else has started an attempt
        pause = _pause(delivery_row.attempt_count, outcome, now, pauses, jitter)
        if pause is None:
            _end(session, delivery_row, FAILED, now)
        else:
            webhook_deliveries.reschedule(session, delivery_row, now + pause)
    return _failed(session, endpoint, now)


def build_paused_email(endpoint: Endpoint, public_url: str) -> Email:
    """Return the e-mail about a paused endpoint; it contains only a link to the endpoint."""
    link = f"{public_url.rstrip('/')}/staff/webhooks/{endpoint.id}"
    return Email(
        str(uuid7()), escalation=False, subject=AUTO_PAUSE_AFTER, text=f"{AUTO_PAUSE_AFTER}.\n\n{link}\n"
    )


def purge(session: Session, *, now: dt.datetime) -> int:
    """Delete deliveries older than `KEPT`; return how many."""
    return webhook_deliveries.delete_older(session, now - RETENTION)


def _with_events(
    session: Session, endpoint: Endpoint | None, claimed: Sequence[Delivery]
) -> list[tuple[Delivery, Event | None]]:
    if endpoint is None or not claimed:
        return []
    known = webhook_deliveries.events_by_id(session, [each.event_id for each in claimed])
    return [
        (each, _test_event(endpoint, each) if each.type == TEST else known.get(each.event_id))
        for each in claimed
    ]


def _test_event(endpoint: Endpoint, delivery: Delivery) -> Event:
    made = (0, delivery.event_id, TEST, delivery.created_at, endpoint.is_test, False)
    return Event(*made, submission_id=None, handoff_id=None, booking_reference=None, state=None)


def _messages(
    session: Session, endpoint: Endpoint, delivery: Delivery, event: Event, keyring: Keyring, now: dt.datetime
) -> list[SignedMessage]:
    """Return the message of a delivery; none, so that others do not wait, when it can't be built here."""
    try:
        return [_message(endpoint, delivery, event, keyring, now)]
    except (DecryptionError, ValueError) as error:  # for example, a keyring older than its key
        webhook_deliveries.insert_attempt(
            session, _attempt(delivery, DeliveryResult(None, 0, type(error).__name__), now)
        )
        webhook_deliveries.reschedule(session, delivery, now + LEASE)
        return []


def _message(
    endpoint: Endpoint, delivery: Delivery, event: Event, keyring: Keyring, now: dt.datetime
) -> SignedMessage:
    body, at = to_json(event_types.event_payload(event)), int(now.timestamp())
    headers = {
        "content-type": "application/json",
        "user-agent": "preconsult",
        "webhook-id": event.id,
        "webhook-timestamp": str(at),
        "webhook-signature": webhook_signature.sign(
            event.id, at, body, *acts.active_secrets(endpoint, keyring, now)
        ),
    }
    return SignedMessage(delivery, endpoint.url, body, headers)


def _attempt(delivery: Delivery, outcome: DeliveryResult, now: dt.datetime) -> DeliveryAttempt:
    error = outcome.error and outcome.error[:60]
    return DeliveryAttempt(str(uuid7()), delivery.id, now, outcome.status, outcome.latency_ms, error)


def _arrived(session: Session, endpoint: Endpoint, delivery_row: Delivery, now: dt.datetime) -> None:
    if delivery_row.state == PENDING:
        _end(session, delivery_row, DELIVERED, now)
    if endpoint.failing_since is not None:
        webhook_endpoints.change(session, endpoint.id, failing_since=None)


def _gone(session: Session, endpoint: Endpoint, now: dt.datetime) -> Endpoint | None:
    """Handle a 410 response: the endpoint is paused, and nothing is sent to it until a user resumes it."""
    webhook_deliveries.cancel_pending(session, endpoint.id, now)
    return _paused(session, endpoint, GONE, now) if endpoint.paused_reason != GONE else None


def _failed(session: Session, endpoint: Endpoint, now: dt.datetime) -> Endpoint | None:
    if endpoint.failing_since is None:
        webhook_endpoints.change(session, endpoint.id, failing_since=now)
    elif now - endpoint.failing_since >= FAILING_FOR and endpoint.paused_at is None:
        return _paused(session, endpoint, "failing", now)
    return None


def _paused(session: Session, endpoint: Endpoint, because: str, now: dt.datetime) -> Endpoint:
    values = {"paused_at": now, "paused_reason": because, "updated_at": now}
    webhook_endpoints.change(session, endpoint.id, **values, version=endpoint.version + 1)
    audit_log.record(session, SENDER, now, AuditAction("endpoint.paused", "endpoint", endpoint.id))
    return endpoint


def _end(session: Session, delivery: Delivery, state: str, now: dt.datetime) -> None:
    webhook_deliveries.change(session, delivery.id, state=state, finished_at=now)


def _pause(
    tries: int, outcome: DeliveryResult, now: dt.datetime, pauses: Sequence[int], jitter: float
) -> dt.timedelta | None:
    """Return how long to wait before the next attempt; None when there is none.

    Never shorter than the receiver asked for with status 429 or 503, up to `LONGEST_WAIT`.
    """
    if tries > len(pauses):
        return None
    usual = dt.timedelta(seconds=pauses[tries - 1] * jitter)
    asked = _asked(outcome.retry_after, now) if outcome.status in (429, 503) else dt.timedelta()
    return max(usual, min(asked, MAX_RETRY_AFTER))


def _asked(retry_after: str, now: dt.datetime) -> dt.timedelta:
    """Return the time a Retry-After asks for: seconds or a date (RFC 9110); zero if it can't be parsed."""
    if SECONDS.fullmatch(retry_after):
        return dt.timedelta(seconds=int(retry_after))
    try:
        until = parsedate_to_datetime(retry_after)
        return until - now
    except (ValueError, TypeError, OverflowError):  # TypeError: a date without a time zone
        return dt.timedelta()
