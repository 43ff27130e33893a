"""Tables of the outbox, webhooks and handoffs (one-time links of bookings).

Responsible for: the schema. Never: runs queries.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    String,
    Table,
    Text,
)

from app.storage.tables.base import Id, UtcDateTime, metadata

__all__ = ["metadata"]  # the one that all tables share

# One-time links: a booking system asks a respondent to fill in the questionnaire. Only the secret's hash is
# stored.
handoffs = Table(
    "handoffs",
    metadata,
    Column("id", Id, primary_key=True),
    Column("secret_hash", LargeBinary, nullable=False, unique=True),
    Column("booking_reference", String(100), nullable=False),
    Column("appointment_at", UtcDateTime),
    Column("language", String(35)),
    Column("return_url", Text),
    Column("is_test", Boolean, nullable=False),
    Column("api_key_id", String(8)),
    Column("version", Integer, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False, index=True),
    Column("revoked_at", UtcDateTime),
    Column("opened_at", UtcDateTime),
    Column("submission_id", Id, index=True),
)
Index(None, handoffs.c.is_test, handoffs.c.booking_reference, handoffs.c.id)

# The event feed. `position` is the position of its audit event in the chain: positions are assigned one by
# one, by one process at a time, so that a client that reads forward never skips an event.
# `requires_review_scope`: only for clients with the scope `review`.
outbox_events = Table(
    "outbox_events",
    metadata,
    Column("position", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("id", Id, nullable=False, unique=True),
    Column("type", String(40), nullable=False),
    Column("at", UtcDateTime, nullable=False, index=True),
    Column("is_test", Boolean, nullable=False),
    Column("requires_review_scope", Boolean, nullable=False),
    Column("submission_id", Id, index=True),
    Column("handoff_id", Id),
    Column("booking_reference", String(100)),
    Column("state", String(15)),
)

webhook_endpoints = Table(
    "webhook_endpoints",
    metadata,
    Column("id", Id, primary_key=True),
    Column("url", Text, nullable=False),
    Column("types", Text, nullable=False),
    Column("description", String(200), nullable=False),
    Column("is_test", Boolean, nullable=False),
    Column("requires_review_scope", Boolean, nullable=False),
    Column("secret", LargeBinary, nullable=False),
    Column("previous_secret", LargeBinary),
    Column("previous_secret_expires_at", UtcDateTime),
    Column("version", Integer, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("paused_at", UtcDateTime),
    Column("paused_reason", String(10)),
    Column("failing_since", UtcDateTime),
)

# One event for one endpoint. `ordering_key`: a submission or a handoff. `next_attempt_at` is also
# the lease of the process that is sending it.
webhook_deliveries = Table(
    "webhook_deliveries",
    metadata,
    Column("id", Id, primary_key=True),
    Column("endpoint_id", Id, ForeignKey(webhook_endpoints.c.id, ondelete="CASCADE"), nullable=False),
    Column("event_id", Id, nullable=False, index=True),
    Column("position", BigInteger, nullable=False),
    Column("ordering_key", Id, nullable=False),
    Column("type", String(40), nullable=False),
    Column("state", String(10), nullable=False),
    Column("attempt_count", Integer, nullable=False),
    Column("created_at", UtcDateTime, nullable=False, index=True),
    Column("next_attempt_at", UtcDateTime, nullable=False),
    Column("finished_at", UtcDateTime),
)
Index(None, webhook_deliveries.c.endpoint_id, webhook_deliveries.c.id)

# The result of each attempt. `error`: the class of the error, never the response of a receiver.
webhook_delivery_attempts = Table(
    "webhook_delivery_attempts",
    metadata,
    Column("id", Id, primary_key=True),
    Column(
        "delivery_id", Id, ForeignKey(webhook_deliveries.c.id, ondelete="CASCADE"), nullable=False, index=True
    ),
    Column("attempted_at", UtcDateTime, nullable=False),
    Column("status", SmallInteger),
    Column("latency_ms", Integer),
    Column("error", String(60)),
)
