"""Webhook endpoints: where API clients are notified of events, with their secrets encrypted.

Responsible for: the rows, and the current delivery status of each endpoint. Never: stores secrets in clear
text or opens connections (adapters/address_policy.py).
"""

import datetime as dt
from dataclasses import dataclass

import sqlalchemy as sa

from app.storage.db.database import Session
from app.storage.tables.events import webhook_deliveries, webhook_endpoints

GONE = "gone"  # why an endpoint is paused permanently: it responded with 410
_row = webhook_endpoints.c
Sealed = tuple[str, bytes, bytes | None]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A webhook endpoint. Empty `types` mean all types. `requires_review_scope`: whether it
    also gets events that are for the scope `review` only. Secrets are encrypted.

    `previous_secret` also signs until `previous_secret_expires_at`. `failing_since`: every attempt
    has failed since then.
    """

    id: str
    url: str
    types: tuple[str, ...]
    description: str
    is_test: bool
    requires_review_scope: bool
    secret: bytes
    previous_secret: bytes | None
    previous_secret_expires_at: dt.datetime | None
    version: int
    created_at: dt.datetime
    updated_at: dt.datetime
    paused_at: dt.datetime | None = None
    paused_reason: str | None = None
    failing_since: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class EndpointStatus:
    """The delivery status of an endpoint: how many deliveries are pending, when the newest delivered one
    was delivered, and when the oldest pending one was created.
    """

    waiting: int
    delivered_at: dt.datetime | None
    oldest: dt.datetime | None


def insert(session: Session, new: Endpoint) -> None:
    """Insert a new endpoint."""
    row = {name: getattr(new, name) for name in Endpoint.__slots__}
    session.execute(sa.insert(webhook_endpoints), row | {"types": " ".join(new.types)})


def fetch(session: Session, endpoint: str, *, lock: bool = False) -> Endpoint | None:
    """Return one endpoint, or None. `lock` locks the row against changes until this transaction ends."""
    asked = sa.select(webhook_endpoints).where(_row.id == endpoint)
    if lock:
        asked = asked.with_for_update(key_share=True)
    row = session.execute(asked).mappings().first()
    return None if row is None else _endpoint(row)


def list_all(session: Session, *, test: bool | None = None) -> list[Endpoint]:
    """Return all endpoints, or those of one mode (test or live), oldest first."""
    asked = sa.select(webhook_endpoints).order_by(_row.id)
    if test is not None:
        asked = asked.where(_row.is_test.is_(test))
    return [_endpoint(row) for row in session.execute(asked).mappings()]


def active_for_share(session: Session) -> list[Endpoint]:
    """Return all endpoints that are not gone, locked against deletion until this transaction ends."""
    asked = sa.select(webhook_endpoints).where(_row.paused_reason.is_distinct_from(GONE))
    held = asked.order_by(_row.id).with_for_update(read=True, key_share=True)
    return [_endpoint(row) for row in session.execute(held).mappings()]


def count(session: Session, *, test: bool) -> int:
    """Return the number of endpoints of one mode (test or live)."""
    asked = sa.select(sa.func.count()).select_from(webhook_endpoints).where(_row.is_test.is_(test))
    return int(session.execute(asked).scalar_one())


def lock_table(session: Session) -> None:
    """Take a lock so that no other transaction adds an endpoint until this one ends (SQLite has one writer
    anyway).
    """
    if session.dialect.name != "sqlite":
        session.exec_driver_sql("LOCK TABLE webhook_endpoints IN SHARE ROW EXCLUSIVE MODE")


def change(session: Session, endpoint: str, **values: object) -> None:
    """Set columns of one endpoint. `types` is given as a tuple and stored separated by spaces."""
    if isinstance(types := values.get("types"), tuple):
        values["types"] = " ".join(types)
    session.execute(sa.update(webhook_endpoints).where(_row.id == endpoint).values(values))


def delete(session: Session, endpoint: str) -> None:
    """Delete an endpoint, with its deliveries and their attempts."""
    session.execute(sa.delete(webhook_endpoints).where(_row.id == endpoint))


def stalled(session: Session) -> list[Endpoint]:
    """Return the endpoints that were paused automatically (failing or gone), oldest first."""
    asked = sa.select(webhook_endpoints).where(_row.paused_reason.in_(["failing", GONE]))
    return [_endpoint(row) for row in session.execute(asked.order_by(_row.id)).mappings()]


def status(session: Session, endpoint: str) -> EndpointStatus:
    """Return the delivery status of one endpoint."""
    mine, state = webhook_deliveries.c.endpoint_id == endpoint, webhook_deliveries.c.state
    pending = sa.select(sa.func.count(), sa.func.min(webhook_deliveries.c.created_at)).where(
        mine, state == sa.literal_column("'pending'")
    )
    waiting, oldest = session.execute(pending).one()
    arrived = sa.select(webhook_deliveries.c.finished_at).where(mine, state == "delivered")
    last = session.execute(arrived.order_by(webhook_deliveries.c.id.desc()).limit(1)).scalar_one_or_none()
    return EndpointStatus(waiting, last, oldest)


def sealed_secrets(session: Session) -> list[Sealed]:
    """Return (id, secret, previous secret) of every endpoint, encrypted."""
    asked = sa.select(_row.id, _row.secret, _row.previous_secret)
    return [(row.id, row.secret, row.previous_secret) for row in session.execute(asked)]


def reseal(session: Session, before: Sealed, secret: bytes, previous: bytes | None) -> bool:
    """Store the same secrets re-encrypted. Returns False when they were changed in the meantime."""
    endpoint, old, old_previous = before
    asked = sa.update(webhook_endpoints).where(
        _row.id == endpoint, _row.secret == old, _row.previous_secret.is_not_distinct_from(old_previous)
    )
    return session.execute(asked.values(secret=secret, previous_secret=previous)).rowcount == 1


def _endpoint(row: sa.RowMapping) -> Endpoint:
    plain = {name: row[name] for name in Endpoint.__slots__ if name != "types"}
    return Endpoint(**plain, types=tuple(row["types"].split()))
