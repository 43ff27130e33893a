"""Tables. What is sealed is LargeBinary; what is plain is what lists need: ids, states, times.

Office: the schema, equal to the newest migration (a test compares). Refuses: queries (one file per noun).
"""

import datetime as dt

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class Instant(TypeDecorator[dt.datetime]):
    """An aware UTC time; SQLite keeps no zone, so it is put back on the way out."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_result_value(self, value: dt.datetime | None, dialect: Dialect) -> dt.datetime | None:
        return value.replace(tzinfo=dt.UTC) if value and value.tzinfo is None else value


Id = String(36)

submissions = Table(
    "submissions",
    metadata,
    Column("id", Id, primary_key=True),
    Column("questionnaire", String(100), nullable=False),
    Column("edition", String(20), nullable=False),
    Column("language", String(35), nullable=False),
    Column("status", String(10), nullable=False),
    Column("attention", SmallInteger),
    Column("test", Boolean, nullable=False),
    Column("booking_reference", String(100)),
    Column("quarantine", String(100)),
    Column("version", Integer, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Column("submitted_at", Instant),
    Column("retained_until", Instant, nullable=False),
    Column("token_hash", LargeBinary, nullable=False),
    Column("data_key", LargeBinary, nullable=False),
    Column("answers", LargeBinary, nullable=False),
    Column("contact", LargeBinary),
    Column("trace", LargeBinary),
)
Index(None, submissions.c.test, submissions.c.id)
Index(None, submissions.c.test, submissions.c.status, submissions.c.id)
Index(None, submissions.c.test, submissions.c.attention, submissions.c.id)
Index(None, submissions.c.booking_reference, submissions.c.id)
Index(None, submissions.c.test, submissions.c.updated_at, submissions.c.id)
Index(None, submissions.c.retained_until)

flags = Table(
    "flags",
    metadata,
    Column("id", Id, primary_key=True),
    Column("submission_id", Id, ForeignKey(submissions.c.id, ondelete="CASCADE"), nullable=False, index=True),
    Column("kind", LargeBinary, nullable=False),
    Column("priority", SmallInteger, nullable=False),
    Column("raised_at", Instant, nullable=False),
    Column("answer_changed_at", Instant),
)

capabilities = Table(
    "capabilities",
    metadata,
    Column("secret_hash", LargeBinary, primary_key=True),
    Column("kind", String(10), nullable=False),
    Column("submission_id", Id, ForeignKey(submissions.c.id, ondelete="CASCADE"), nullable=False, index=True),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False, index=True),
)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("key_hash", LargeBinary, primary_key=True),
    Column("submission_id", Id, nullable=False, index=True),
    Column("response", LargeBinary),
    Column("created_at", Instant, nullable=False, index=True),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", String(8), primary_key=True),
    Column("name", String(100), nullable=False),
    Column("secret_hash", LargeBinary, nullable=False),
    Column("scopes", Text, nullable=False),
    Column("test", Boolean, nullable=False),
    Column("origins", Text, nullable=False),
    Column("cidrs", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant),
    Column("revoked_at", Instant),
)

sealing_keys = Table(
    "sealing_keys",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("proof", LargeBinary, nullable=False),
    Column("created_at", Instant, nullable=False),
)

audit_events = Table(
    "audit_events",
    metadata,
    Column("seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("at", Instant, nullable=False),
    Column("actor_kind", String(20), nullable=False),
    Column("actor_id", String(36)),
    Column("action", String(40), nullable=False),
    Column("object_type", String(20), nullable=False),
    Column("object_id", String(36)),
    Column("request_id", String(36)),
)
Index(None, audit_events.c.object_id, audit_events.c.seq)
