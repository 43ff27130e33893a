"""Tables of submissions: answers, flags, alerts, form tokens, idempotency keys, the contact index.

Encrypted columns are LargeBinary; what lists need (ids, states, times) is stored in plain text.
Responsible for: the schema, equal to the newest migration (a test compares them). Never: runs queries.
"""

from sqlalchemy import (
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    String,
    Table,
    false,
)

from app.storage.tables.base import Id, UtcDateTime, metadata

submissions = Table(
    "submissions",
    metadata,
    Column("id", Id, primary_key=True),
    Column("questionnaire", String(100), nullable=False),
    Column("edition", String(20), nullable=False),
    Column("language", String(35), nullable=False),
    Column("status", String(10), nullable=False),
    Column("priority", SmallInteger),
    Column("is_test", Boolean, nullable=False),
    Column("booking_reference", String(100)),
    Column("spam_reasons", String(100)),
    Column("version", Integer, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("submitted_at", UtcDateTime),
    Column("retained_until", UtcDateTime, nullable=False),
    Column("token_hash", LargeBinary, nullable=False),
    Column("wrapped_data_key", LargeBinary, nullable=False),
    Column("answers", LargeBinary, nullable=False),
    Column("contact", LargeBinary),
    Column("summary_provenance", LargeBinary),
    Column("review", String(15), nullable=False, server_default="new"),
    Column("assignee_id", Id),
    Column("due_at", UtcDateTime),
    Column("first_viewed_at", UtcDateTime),
    Column("legal_hold", Boolean, nullable=False, server_default=false()),
    Column("merged_into_id", Id),
)

Index(None, submissions.c.is_test, submissions.c.id)

Index(None, submissions.c.is_test, submissions.c.status, submissions.c.id)

Index(None, submissions.c.is_test, submissions.c.updated_at, submissions.c.id)

Index(None, submissions.c.legal_hold, submissions.c.retained_until)

# the queue: each state ordered by due date, for each filter; partial indexes where possible
QUEUED = submissions.c.is_test, submissions.c.review

ORDER = submissions.c.due_at, submissions.c.id

_ASKED = (submissions.c[name] for name in ("status", "priority", "retained_until", "legal_hold"))

Index("ix_submissions_queue", *QUEUED, *ORDER, *_ASKED)  # all columns that the counts need

Index("ix_submissions_queue_language", *QUEUED, submissions.c.language, *ORDER)

flags = Table(
    "flags",
    metadata,
    Column("id", Id, primary_key=True),
    Column("submission_id", Id, ForeignKey(submissions.c.id, ondelete="CASCADE"), nullable=False, index=True),
    Column("flag_code", LargeBinary, nullable=False),
    Column("priority", SmallInteger, nullable=False),
    Column("raised_at", UtcDateTime, nullable=False),
    Column("answer_changed_at", UtcDateTime),
    Column("due_at", UtcDateTime),
    Column("escalated_at", UtcDateTime),
    Column("closed_at", UtcDateTime),
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
    Column("created_at", UtcDateTime, nullable=False),
    Column("next_attempt_at", UtcDateTime, nullable=False),
    Column("attempt_count", Integer, nullable=False),
    Column("sent_at", UtcDateTime),
    Column("last_error", String(60)),
)

Index(None, alerts.c.flag_id, alerts.c.kind, alerts.c.channel, unique=True)

# Blind index: an HMAC of a phone number or e-mail address, to find exact matches.
contact_index = Table(
    "contact_index",
    metadata,
    Column("submission_id", Id, ForeignKey(submissions.c.id, ondelete="CASCADE"), primary_key=True),
    Column("kind", String(10), primary_key=True),
    Column("digest", LargeBinary, nullable=False, index=True),
)

form_tokens = Table(
    "form_tokens",
    metadata,
    Column("secret_hash", LargeBinary, primary_key=True),
    Column("kind", String(10), nullable=False),
    Column("submission_id", Id, ForeignKey(submissions.c.id, ondelete="CASCADE"), nullable=False, index=True),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False, index=True),
)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("key_hash", LargeBinary, primary_key=True),
    Column("submission_id", Id, nullable=False, index=True),
    Column("response", LargeBinary),
    Column("created_at", UtcDateTime, nullable=False, index=True),
)
