"""Tables of the work of staff: flag actions, notes, earlier versions, views of a case, saved filters.

Responsible for: the schema. Never: runs queries.
"""

from sqlalchemy import (
    Column,
    ForeignKey,
    Integer,
    LargeBinary,
    String,
    Table,
)

from app.storage.tables.auth import staff_users
from app.storage.tables.base import Id, UtcDateTime, metadata
from app.storage.tables.submissions import flags, submissions

flag_actions = Table(
    "flag_actions",
    metadata,
    Column("id", Id, primary_key=True),
    Column("flag_id", Id, ForeignKey(flags.c.id, ondelete="CASCADE"), nullable=False, index=True),
    Column("submission_id", Id, ForeignKey(submissions.c.id, ondelete="CASCADE"), nullable=False, index=True),
    Column("action", String(15), nullable=False),
    Column("actor_kind", String(20), nullable=False),
    Column("actor_id", Id),
    Column("created_at", UtcDateTime, nullable=False),
)

notes = Table(
    "notes",
    metadata,
    Column("id", Id, primary_key=True),
    Column("submission_id", Id, ForeignKey(submissions.c.id, ondelete="CASCADE"), nullable=False, index=True),
    Column("actor_kind", String(20), nullable=False),
    Column("actor_id", Id),
    Column("created_at", UtcDateTime, nullable=False),
    Column("body", LargeBinary, nullable=False),
)

# A submission as it was before staff corrected it, encrypted with its own data key.
submission_versions = Table(
    "submission_versions",
    metadata,
    Column("id", Id, primary_key=True),
    Column("submission_id", Id, ForeignKey(submissions.c.id, ondelete="CASCADE"), nullable=False, index=True),
    Column("version", Integer, nullable=False),
    Column("replaced_at", UtcDateTime, nullable=False),
    Column("answers", LargeBinary, nullable=False),
    Column("contact", LargeBinary),
    Column("summary_provenance", LargeBinary),
)

# When a staff user last viewed a case, and which version of it.
case_views = Table(
    "case_views",
    metadata,
    Column("staff_id", Id, primary_key=True),
    Column(
        "submission_id", Id, ForeignKey(submissions.c.id, ondelete="CASCADE"), primary_key=True, index=True
    ),
    Column("viewed_version", Integer, nullable=False),
    Column("last_viewed_at", UtcDateTime, nullable=False),
)

saved_views = Table(
    "saved_views",
    metadata,
    Column("id", Id, primary_key=True),
    Column("staff_id", Id, ForeignKey(staff_users.c.id, ondelete="CASCADE"), nullable=False, index=True),
    Column("name", String(60), nullable=False),
    Column("query", String(500), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
)
