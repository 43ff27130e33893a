"""Webhook deliveries: events to be sent to endpoints, and the result of each attempt.

Responsible for: the rows; deliveries are claimed by one process at a time, in order for each endpoint and
subject. Never: stores request bodies (they are built from the event each time, always the same) or the
responses of receivers.
"""

import datetime as dt
from collections.abc import Collection, Sequence
from typing import NamedTuple

import sqlalchemy as sa

from app.storage.db.database import Session
from app.storage.events.outbox import Event
from app.storage.tables.events import (
    outbox_events,
    webhook_deliveries,
    webhook_delivery_attempts,
    webhook_endpoints,
)

PENDING, DELIVERED, FAILED = "pending", "delivered", "failed"
MAX_DELETED = 5000
_row, _tried = webhook_deliveries.c, webhook_delivery_attempts.c


class Delivery(NamedTuple):
    """One event for one endpoint. `attempt_count` counts the attempts started."""

    id: str
    endpoint_id: str
    event_id: str
    position: int
    ordering_key: str
    type: str
    state: str
    attempt_count: int
    created_at: dt.datetime
    next_attempt_at: dt.datetime
    finished_at: dt.datetime | None = None


class DeliveryAttempt(NamedTuple):
    """One attempt: the HTTP status of the response, or the class of the error."""

    id: str
    delivery_id: str
    attempted_at: dt.datetime
    status: int | None
    latency_ms: int | None
    error: str | None


_COLUMNS = [_row[name] for name in Delivery._fields]
_EVENT = [outbox_events.c[name] for name in Event._fields]
_WAITING: sa.ColumnElement[str] = sa.literal_column(
    "'pending'"
)  # as in the partial indexes; a bound value would not use them
_earlier = webhook_deliveries.alias("earlier")
_FREE = sa.and_(
    _row.state == _WAITING,
    _row.next_attempt_at <= sa.bindparam("now"),
    ~sa.exists().where(
        _earlier.c.endpoint_id == _row.endpoint_id,
        _earlier.c.ordering_key == _row.ordering_key,
        _earlier.c.position < _row.position,
        _earlier.c.state == _WAITING,
    ),
)
_DUE = sa.select(webhook_endpoints.c.id, webhook_endpoints.c.failing_since).where(
    webhook_endpoints.c.paused_at.is_(None),
    sa.exists().where(_row.endpoint_id == webhook_endpoints.c.id, _FREE),
)
_NEXT = (
    sa.select(*_COLUMNS)
    .where(
        _row.endpoint_id == sa.bindparam("endpoint"),
        _FREE,
        sa.exists().where(
            webhook_endpoints.c.id == sa.bindparam("endpoint"), webhook_endpoints.c.paused_at.is_(None)
        ),
    )
    .order_by(_row.next_attempt_at, _row.position)
    .limit(sa.bindparam("most"))
    .with_for_update(of=webhook_deliveries, skip_locked=True)
)


def insert(session: Session, new: Sequence[Delivery]) -> None:
    """Insert pending deliveries."""
    if new:
        session.execute(sa.insert(webhook_deliveries), [each._asdict() for each in new])


def due(session: Session, now: dt.datetime) -> dict[str, bool]:
    """Map each endpoint with a delivery that may be sent now to whether the endpoint is failing."""
    return {row.id: row.failing_since is not None for row in session.execute(_DUE, {"now": now})}


def claim(
    session: Session, endpoint: str, most: int, *, now: dt.datetime, until: dt.datetime
) -> list[Delivery]:
    """Claim the deliveries of one endpoint that have waited longest, for one process, until `until`."""
    rows = session.execute(_NEXT, {"now": now, "endpoint": endpoint, "most": most}).all()
    found = [Delivery(*row) for row in rows]
    leased = sa.update(webhook_deliveries).where(_row.id.in_([each.id for each in found]))
    if found:
        session.execute(leased.values(next_attempt_at=until, attempt_count=_row.attempt_count + 1))
    return [each._replace(next_attempt_at=until, attempt_count=each.attempt_count + 1) for each in found]


def events_by_id(session: Session, event_ids: Collection[str]) -> dict[str, Event]:
    """Map these ids to their events. Events that are no longer stored are left out."""
    asked = sa.select(*_EVENT).where(outbox_events.c.id.in_(list(event_ids)))
    return {row.id: Event(*row) for row in session.execute(asked)}


def fetch(session: Session, endpoint: str, delivery: str, *, lock: bool = False) -> Delivery | None:
    """Return one delivery of an endpoint, or None. `lock` locks the row until this transaction ends."""
    asked = sa.select(*_COLUMNS).where(_row.id == delivery, _row.endpoint_id == endpoint)
    row = session.execute(asked.with_for_update() if lock else asked).first()
    return None if row is None else Delivery(*row)


def change(session: Session, delivery: str, **values: object) -> None:
    """Set columns of one delivery."""
    session.execute(sa.update(webhook_deliveries).where(_row.id == delivery).values(values))


def reschedule(session: Session, delivery: Delivery, until: dt.datetime) -> None:
    """Reschedule a delivery; later ones of the same endpoint and subject are not attempted before it."""
    after = sa.and_(
        _row.endpoint_id == delivery.endpoint_id,
        _row.ordering_key == delivery.ordering_key,
        _row.position > delivery.position,
        _row.state == _WAITING,
        _row.next_attempt_at < until,
    )
    session.execute(
        sa.update(webhook_deliveries)
        .where(sa.or_(_row.id == delivery.id, after))
        .values(next_attempt_at=until)
    )


def cancel_pending(session: Session, endpoint: str, now: dt.datetime) -> None:
    """Mark every pending delivery of an endpoint as failed, so that none is sent."""
    waiting = sa.update(webhook_deliveries).where(_row.endpoint_id == endpoint, _row.state == _WAITING)
    session.execute(waiting.values(state=FAILED, finished_at=now))


def retry_now(session: Session, endpoint: str, *, now: dt.datetime, past: dt.datetime) -> None:
    """Make the pending deliveries of an endpoint that are scheduled after `past` due now."""
    waiting = sa.update(webhook_deliveries).where(_row.endpoint_id == endpoint, _row.state == _WAITING)
    session.execute(waiting.where(_row.next_attempt_at > past).values(next_attempt_at=now))


def insert_attempt(session: Session, attempt: DeliveryAttempt) -> None:
    """Insert an attempt."""
    session.execute(sa.insert(webhook_delivery_attempts), attempt._asdict())


def page(
    session: Session, endpoint: str, *, state: str | None, after: str | None, limit: int
) -> list[Delivery]:
    """Return deliveries of an endpoint, newest first, before the delivery `after`."""
    asked = sa.select(*_COLUMNS).where(_row.endpoint_id == endpoint)
    if state is not None:
        asked = asked.where(_row.state == state)
    if after is not None:
        asked = asked.where(_row.id < after)
    return [Delivery(*row) for row in session.execute(asked.order_by(_row.id.desc()).limit(limit))]


def attempts(session: Session, delivery_ids: Collection[str]) -> dict[str, list[DeliveryAttempt]]:
    """Map each of these deliveries to its attempts, in order."""
    found: dict[str, list[DeliveryAttempt]] = {each: [] for each in delivery_ids}
    asked = sa.select(*(_tried[name] for name in DeliveryAttempt._fields)).where(
        _tried.delivery_id.in_(list(found))
    )
    for row in session.execute(asked.order_by(_tried.id)):
        found[row.delivery_id].append(DeliveryAttempt(*row))
    return found


def delete_older(session: Session, before: dt.datetime) -> int:
    """Delete up to `MOST_DELETED` deliveries that finished before that time, with their attempts. Returns
    how many.
    """
    old = sa.select(_row.id).where(_row.created_at < before, _row.finished_at < before).limit(MAX_DELETED)
    return session.execute(sa.delete(webhook_deliveries).where(_row.id.in_(old))).rowcount
