"""Tables. Encrypted columns are LargeBinary; plain columns are what lists need: ids, states, times.

Responsible for: the schema, equal to the newest migration (a test compares them). Never: runs queries (one
file per noun).
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
    false,
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
    """An aware UTC time. SQLite stores no time zone, so UTC is set again when a value is read."""

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
    Column("review", String(15), nullable=False, server_default="new"),
    Column("assignee_id", Id),
    Column("due_at", Instant),
    Column("looked_at", Instant),
    Column("held", Boolean, nullable=False, server_default=false()),
    Column("merged_into", Id),
)
Index(None, submissions.c.test, submissions.c.id)
Index(None, submissions.c.test, submissions.c.status, submissions.c.id)
Index(None, submissions.c.test, submissions.c.updated_at, submissions.c.id)
Index(None, submissions.c.held, submissions.c.retained_until)
# the queue: each state in the order of due dates, for each filter; partial indexes where possible
QUEUED = submissions.c.test, submissions.c.review
ORDER = submissions.c.due_at, submissions.c.id
_ASKED = (submissions.c[name] for name in ("status", "attention", "retained_until", "held"))
Index("ix_submissions_queue", *QUEUED, *ORDER, *_ASKED)  # all columns that counts need
Index("ix_submissions_queue_language", *QUEUED, submissions.c.language, *ORDER)

flags = Table(
    "flags",
    metadata,
    Column("id", Id, primary_key=True),
    Column("submission_id", Id, ForeignKey(submissions.c.id, ondelete="CASCADE"), nullable=False, index=True),
    Column("kind", LargeBinary, nullable=False),
    Column("priority", SmallInteger, nullable=False),
    Column("raised_at", Instant, nullable=False),
    Column("answer_changed_at", Instant),
    Column("due_at", Instant),
    Column("escalated_at", Instant),
    Column("closed_at", Instant),
)

# Notifications of staff about a case: when a flag with a due date is raised, and when it is overdue.
alerts = Table(
    "alerts",
    metadata,
    Column("id", Id, primary_key=True),
    Column("submission_id", Id, ForeignKey(submissions.c.id, ondelete="CASCADE"), nullable=False, index=True),
    Column("flag_id", Id, nullable=False),
    Column("kind", String(10), nullable=False),
    Column("recipient", String(10), nullable=False),
    Column("channel", String(10), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("next_try_at", Instant, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("sent_at", Instant),
    Column("failed_with", String(60)),
)
Index(None, alerts.c.flag_id, alerts.c.kind, alerts.c.channel, unique=True)

flag_actions = Table(
    "flag_actions",
    metadata,
    Column("id", Id, primary_key=True),
    Column("flag_id", Id, ForeignKey(flags.c.id, ondelete="CASCADE"), nullable=False, index=True),
    Column("submission_id", Id, ForeignKey(submissions.c.id, ondelete="CASCADE"), nullable=False, index=True),
    Column("action", String(15), nullable=False),
    Column("actor_kind", String(20), nullable=False),
    Column("actor_id", Id),
    Column("at", Instant, nullable=False),
)

notes = Table(
    "notes",
    metadata,
    Column("id", Id, primary_key=True),
    Column("submission_id", Id, ForeignKey(submissions.c.id, ondelete="CASCADE"), nullable=False, index=True),
    Column("actor_kind", String(20), nullable=False),
    Column("actor_id", Id),
    Column("at", Instant, nullable=False),
    Column("body", LargeBinary, nullable=False),
)

# A submission as it was before staff corrected it, encrypted with its own data key.
versions = Table(
    "versions",
    metadata,
    Column("id", Id, primary_key=True),
    Column("submission_id", Id, ForeignKey(submissions.c.id, ondelete="CASCADE"), nullable=False, index=True),
    Column("version", Integer, nullable=False),
    Column("replaced_at", Instant, nullable=False),
    Column("answers", LargeBinary, nullable=False),
    Column("contact", LargeBinary),
    Column("trace", LargeBinary),
)

# When a staff user last viewed a case, and which version of it.
looks = Table(
    "looks",
    metadata,
    Column("staff_id", Id, primary_key=True),
    Column(
        "submission_id", Id, ForeignKey(submissions.c.id, ondelete="CASCADE"), primary_key=True, index=True
    ),
    Column("version", Integer, nullable=False),
    Column("at", Instant, nullable=False),
)

# Blind index: an HMAC of a phone number or e-mail address, to find exact matches.
lookups = Table(
    "lookups",
    metadata,
    Column("submission_id", Id, ForeignKey(submissions.c.id, ondelete="CASCADE"), primary_key=True),
    Column("kind", String(10), primary_key=True),
    Column("digest", LargeBinary, nullable=False, index=True),
)

staff = Table(
    "staff",
    metadata,
    Column("id", Id, primary_key=True),
    Column("email", String(254), nullable=False, unique=True),
    Column("name", String(100), nullable=False),
    Column("roles", String(100), nullable=False),
    Column("password_hash", Text),
    Column("totp", LargeBinary),
    Column("totp_step", BigInteger),
    Column("created_at", Instant, nullable=False),
    Column("disabled_at", Instant),
)

staff_links = Table(
    "staff_links",
    metadata,
    Column("secret_hash", LargeBinary, primary_key=True),
    Column("staff_id", Id, ForeignKey(staff.c.id, ondelete="CASCADE"), nullable=False, index=True),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
)

recovery_codes = Table(
    "recovery_codes",
    metadata,
    Column("code_hash", LargeBinary, primary_key=True),
    Column("staff_id", Id, ForeignKey(staff.c.id, ondelete="CASCADE"), nullable=False, index=True),
)

staff_sessions = Table(
    "staff_sessions",
    metadata,
    Column("secret_hash", LargeBinary, primary_key=True),
    Column("id", Id, nullable=False, unique=True),
    Column("staff_id", Id, ForeignKey(staff.c.id, ondelete="CASCADE"), nullable=False, index=True),
    Column("created_at", Instant, nullable=False),
    Column("seen_at", Instant, nullable=False),
    Column("fresh_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False, index=True),
)

# Rate limiting of attempts: the theoretical arrival time of a bucket (generic cell rate algorithm).
throttles = Table(
    "throttles",
    metadata,
    Column("bucket", LargeBinary, primary_key=True),
    Column("arrival", Instant, nullable=False, index=True),
)

views = Table(
    "views",
    metadata,
    Column("id", Id, primary_key=True),
    Column("staff_id", Id, ForeignKey(staff.c.id, ondelete="CASCADE"), nullable=False, index=True),
    Column("name", String(60), nullable=False),
    Column("query", String(500), nullable=False),
    Column("created_at", Instant, nullable=False),
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
    Column("last_used_at", Instant),
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
    Column("position", BigInteger),
    Column("mac", LargeBinary),
)
Index(None, audit_events.c.object_id, audit_events.c.seq)
Index(None, audit_events.c.actor_id, audit_events.c.seq)
Index(None, audit_events.c.position, unique=True)

# The head of the audit chain: the position of the last event, and a MAC.
audit_head = Table(
    "audit_head",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("position", BigInteger, nullable=False),
    Column("mac", LargeBinary, nullable=False),
    Column("at", Instant, nullable=False),
)
