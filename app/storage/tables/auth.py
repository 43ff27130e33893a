"""Tables of staff users, their sessions and invitations, login throttles and API keys.

Responsible for: the schema. Never: runs queries.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    LargeBinary,
    String,
    Table,
    Text,
)

from app.storage.tables.base import Id, UtcDateTime, metadata

staff_users = Table(
    "staff_users",
    metadata,
    Column("id", Id, primary_key=True),
    Column("email", String(254), nullable=False, unique=True),
    Column("name", String(100), nullable=False),
    Column("roles", String(100), nullable=False),
    Column("password_hash", Text),
    Column("totp_secret_encrypted", LargeBinary),
    Column("totp_last_used_step", BigInteger),
    Column("created_at", UtcDateTime, nullable=False),
    Column("disabled_at", UtcDateTime),
)

staff_invitations = Table(
    "staff_invitations",
    metadata,
    Column("secret_hash", LargeBinary, primary_key=True),
    Column("staff_id", Id, ForeignKey(staff_users.c.id, ondelete="CASCADE"), nullable=False, index=True),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
)

recovery_codes = Table(
    "recovery_codes",
    metadata,
    Column("code_hash", LargeBinary, primary_key=True),
    Column("staff_id", Id, ForeignKey(staff_users.c.id, ondelete="CASCADE"), nullable=False, index=True),
)

staff_sessions = Table(
    "staff_sessions",
    metadata,
    Column("secret_hash", LargeBinary, primary_key=True),
    Column("id", Id, nullable=False, unique=True),
    Column("staff_id", Id, ForeignKey(staff_users.c.id, ondelete="CASCADE"), nullable=False, index=True),
    Column("created_at", UtcDateTime, nullable=False),
    Column("last_seen_at", UtcDateTime, nullable=False),
    Column("reauthenticated_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False, index=True),
)

# Rate limiting of attempts: the theoretical arrival time of a bucket (generic cell rate algorithm).
throttles = Table(
    "throttles",
    metadata,
    Column("bucket_key", LargeBinary, primary_key=True),
    Column("theoretical_arrival_at", UtcDateTime, nullable=False, index=True),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", String(8), primary_key=True),
    Column("name", String(100), nullable=False),
    Column("secret_hash", LargeBinary, nullable=False),
    Column("scopes", Text, nullable=False),
    Column("is_test", Boolean, nullable=False),
    Column("origins", Text, nullable=False),
    Column("cidrs", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime),
    Column("revoked_at", UtcDateTime),
    Column("last_used_at", UtcDateTime),
)
