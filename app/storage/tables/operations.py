"""Tables of the audit log, its chain and the encryption keys.

Responsible for: the schema. Never: runs queries.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
)

from app.storage.tables.base import UtcDateTime, metadata

encryption_keys = Table(
    "encryption_keys",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("key_check", LargeBinary, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
)

audit_events = Table(
    "audit_events",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("at", UtcDateTime, nullable=False),
    Column("actor_kind", String(20), nullable=False),
    Column("actor_id", String(36)),
    Column("action", String(40), nullable=False),
    Column("object_type", String(20), nullable=False),
    Column("object_id", String(36)),
    Column("request_id", String(36)),
    Column("chain_position", BigInteger),
    Column("mac", LargeBinary),
)

Index(None, audit_events.c.object_id, audit_events.c.id)

Index(None, audit_events.c.actor_id, audit_events.c.id)

Index(None, audit_events.c.chain_position, unique=True)

# The head of the audit chain: the position of the last event, and a MAC.
audit_chain_head = Table(
    "audit_chain_head",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("position", BigInteger, nullable=False),
    Column("mac", LargeBinary, nullable=False),
    Column("at", UtcDateTime, nullable=False),
)
