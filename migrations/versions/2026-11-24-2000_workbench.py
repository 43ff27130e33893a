"""The workbench: staff, review, notes, what is done about flags, and a chain through the audit trail.

Why: staff sign in and act on submissions, and every look and act is on record. Runs with the previous release
still serving: it knows none of the tables, and every column it does not fill may be absent or has a default.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "audit_head",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("mac", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit_head"),
    )
    op.create_table(
        "staff",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("roles", sa.String(length=100), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=True),
        sa.Column("totp", sa.LargeBinary(), nullable=True),
        sa.Column("totp_step", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("disabled_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_staff"),
        sa.UniqueConstraint("email", name="uq_staff_email"),
    )
    op.create_table(
        "throttles",
        sa.Column("bucket", sa.LargeBinary(), nullable=False),
        sa.Column("arrival", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("bucket", name="pk_throttles"),
    )
    op.create_index("ix_throttles_arrival", "throttles", ["arrival"], unique=False)
    op.create_table(
        "looks",
        sa.Column("staff_id", sa.String(length=36), nullable=False),
        sa.Column("submission_id", sa.String(length=36), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["submission_id"], ["submissions.id"], name="fk_looks_submission_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("staff_id", "submission_id", name="pk_looks"),
    )
    op.create_index("ix_looks_submission_id", "looks", ["submission_id"], unique=False)
    op.create_table(
        "lookups",
        sa.Column("submission_id", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["submission_id"], ["submissions.id"], name="fk_lookups_submission_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("submission_id", "kind", name="pk_lookups"),
    )
    op.create_index("ix_lookups_digest", "lookups", ["digest"], unique=False)
    op.create_table(
        "notes",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("submission_id", sa.String(length=36), nullable=False),
        sa.Column("actor_kind", sa.String(length=20), nullable=False),
        sa.Column("actor_id", sa.String(length=36), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["submission_id"], ["submissions.id"], name="fk_notes_submission_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_notes"),
    )
    op.create_index("ix_notes_submission_id", "notes", ["submission_id"], unique=False)
    op.create_table(
        "recovery_codes",
        sa.Column("code_hash", sa.LargeBinary(), nullable=False),
        sa.Column("staff_id", sa.String(length=36), nullable=False),
        sa.ForeignKeyConstraint(
            ["staff_id"], ["staff.id"], name="fk_recovery_codes_staff_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("code_hash", name="pk_recovery_codes"),
    )
    op.create_index("ix_recovery_codes_staff_id", "recovery_codes", ["staff_id"], unique=False)
    op.create_table(
        "staff_links",
        sa.Column("secret_hash", sa.LargeBinary(), nullable=False),
        sa.Column("staff_id", sa.String(length=36), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["staff_id"], ["staff.id"], name="fk_staff_links_staff_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("secret_hash", name="pk_staff_links"),
    )
    op.create_index("ix_staff_links_staff_id", "staff_links", ["staff_id"], unique=False)
    op.create_table(
        "staff_sessions",
        sa.Column("secret_hash", sa.LargeBinary(), nullable=False),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("staff_id", sa.String(length=36), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("fresh_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["staff_id"], ["staff.id"], name="fk_staff_sessions_staff_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("secret_hash", name="pk_staff_sessions"),
        sa.UniqueConstraint("id", name="uq_staff_sessions_id"),
    )
    op.create_index("ix_staff_sessions_expires_at", "staff_sessions", ["expires_at"], unique=False)
    op.create_index("ix_staff_sessions_staff_id", "staff_sessions", ["staff_id"], unique=False)
    op.create_table(
        "versions",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("submission_id", sa.String(length=36), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("replaced_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("answers", sa.LargeBinary(), nullable=False),
        sa.Column("contact", sa.LargeBinary(), nullable=True),
        sa.Column("trace", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(
            ["submission_id"], ["submissions.id"], name="fk_versions_submission_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_versions"),
    )
    op.create_index("ix_versions_submission_id", "versions", ["submission_id"], unique=False)
    op.create_table(
        "views",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("staff_id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("query", sa.String(length=500), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name="fk_views_staff_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_views"),
    )
    op.create_index("ix_views_staff_id", "views", ["staff_id"], unique=False)
    op.create_table(
        "flag_actions",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("flag_id", sa.String(length=36), nullable=False),
        sa.Column("submission_id", sa.String(length=36), nullable=False),
        sa.Column("action", sa.String(length=15), nullable=False),
        sa.Column("actor_kind", sa.String(length=20), nullable=False),
        sa.Column("actor_id", sa.String(length=36), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["flag_id"], ["flags.id"], name="fk_flag_actions_flag_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["submission_id"], ["submissions.id"], name="fk_flag_actions_submission_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_flag_actions"),
    )
    op.create_index("ix_flag_actions_flag_id", "flag_actions", ["flag_id"], unique=False)
    op.create_index("ix_flag_actions_submission_id", "flag_actions", ["submission_id"], unique=False)
    op.add_column("audit_events", sa.Column("position", sa.BigInteger(), nullable=True))
    op.add_column("audit_events", sa.Column("mac", sa.LargeBinary(), nullable=True))
    op.create_index("ix_audit_events_actor_id_seq", "audit_events", ["actor_id", "seq"], unique=False)
    op.create_index("ix_audit_events_position", "audit_events", ["position"], unique=True)
    op.add_column("flags", sa.Column("due_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("flags", sa.Column("escalated_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("flags", sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True))
    _create_alerts()
    op.add_column(
        "submissions", sa.Column("review", sa.String(length=15), server_default="new", nullable=False)
    )
    op.add_column("submissions", sa.Column("assignee_id", sa.String(length=36), nullable=True))
    op.add_column("submissions", sa.Column("due_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("submissions", sa.Column("looked_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("submissions", sa.Column("held", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("submissions", sa.Column("merged_into", sa.String(length=36), nullable=True))
    op.drop_index("ix_submissions_retained_until", table_name="submissions")
    op.create_index(
        "ix_submissions_held_retained_until", "submissions", ["held", "retained_until"], unique=False
    )
    _create_lists()
    asked = ["status", "attention", "retained_until", "held"]  # all that counts ask for
    op.create_index("ix_submissions_queue", "submissions", ["test", "review", "due_at", "id", *asked])
    for narrowed in ("attention", "assignee_id"):
        _queue_index(narrowed, [narrowed], sa.column(narrowed).is_not(None))
    _queue_index("language", ["language"])
    quarantined = sa.column("quarantine").is_not(None)
    columns = ["review", "due_at", "id"]  # without test: beside the others SQLite would never choose it
    _small_index("ix_submissions_queue_quarantine", "submissions", columns, quarantined)
    merged = sa.column("merged_into").is_not(None)
    _small_index("ix_submissions_merged", "submissions", ["merged_into"], merged)


def _create_alerts() -> None:
    """Who is to be told of which flag, and what of it is not told yet; small where it can be."""
    op.create_table(
        "alerts",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("submission_id", sa.String(length=36), nullable=False),
        sa.Column("flag_id", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("recipient", sa.String(length=10), nullable=False),
        sa.Column("channel", sa.String(length=10), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("next_try_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failed_with", sa.String(length=60), nullable=True),
        sa.ForeignKeyConstraint(
            ["submission_id"], ["submissions.id"], name="fk_alerts_submission_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_alerts"),
    )
    op.create_index("ix_alerts_submission_id", "alerts", ["submission_id"], unique=False)
    op.create_index("ix_alerts_flag_id_kind_channel", "alerts", ["flag_id", "kind", "channel"], unique=True)
    unsent = sa.column("sent_at").is_(None)
    _small_index("ix_alerts_unsent", "alerts", ["next_try_at"], unsent)
    failing = sa.and_(unsent, sa.column("failed_with").is_not(None))
    _small_index("ix_alerts_failing", "alerts", ["created_at"], failing)
    waiting = sa.and_(sa.column("closed_at").is_(None), sa.column("escalated_at").is_(None))
    _small_index("ix_flags_to_escalate", "flags", ["due_at"], waiting)


def _create_lists() -> None:
    """Indexes of lists by what a new submission seldom has: then it is not written to them."""
    op.drop_index("ix_submissions_test_attention_id", table_name="submissions")
    op.drop_index("ix_submissions_booking_reference_id", table_name="submissions")
    for names in (["test", "attention"], ["booking_reference"], ["test", "assignee_id"]):
        has_it = sa.column(names[-1]).is_not(None)
        _small_index(f"ix_submissions_{'_'.join(names)}_id", "submissions", [*names, "id"], has_it)


def _small_index(name: str, table: str, columns: list[str], where: sa.ColumnElement[bool]) -> None:
    op.create_index(name, table, columns, sqlite_where=where, postgresql_where=where)


def _queue_index(name: str, narrowed: list[str], where: sa.ColumnElement[bool] | None = None) -> None:
    """One order of the queue: a state narrowed to something, what is due first on top."""
    columns = ["test", "review", *narrowed, "due_at", "id"]
    op.create_index(
        f"ix_submissions_queue_{name}", "submissions", columns, sqlite_where=where, postgresql_where=where
    )


def downgrade() -> None:
    op.drop_index("ix_submissions_merged", table_name="submissions")
    for name in ("quarantine", "language", "assignee_id", "attention"):
        op.drop_index(f"ix_submissions_queue_{name}", table_name="submissions")
    op.drop_index("ix_submissions_queue", table_name="submissions")
    for name in ("test_assignee_id", "booking_reference", "test_attention"):
        op.drop_index(f"ix_submissions_{name}_id", table_name="submissions")
    op.create_index("ix_submissions_booking_reference_id", "submissions", ["booking_reference", "id"])
    op.create_index("ix_submissions_test_attention_id", "submissions", ["test", "attention", "id"])
    op.drop_index("ix_submissions_held_retained_until", table_name="submissions")
    op.create_index("ix_submissions_retained_until", "submissions", ["retained_until"], unique=False)
    op.drop_column("submissions", "merged_into")
    op.drop_column("submissions", "held")
    op.drop_column("submissions", "looked_at")
    op.drop_column("submissions", "due_at")
    op.drop_column("submissions", "assignee_id")
    op.drop_column("submissions", "review")
    op.drop_table("alerts")
    op.drop_index("ix_flags_to_escalate", table_name="flags")
    op.drop_column("flags", "closed_at")
    op.drop_column("flags", "escalated_at")
    op.drop_column("flags", "due_at")
    op.drop_index("ix_audit_events_position", table_name="audit_events")
    op.drop_index("ix_audit_events_actor_id_seq", table_name="audit_events")
    op.drop_column("audit_events", "mac")
    op.drop_column("audit_events", "position")
    op.drop_index("ix_flag_actions_submission_id", table_name="flag_actions")
    op.drop_index("ix_flag_actions_flag_id", table_name="flag_actions")
    op.drop_table("flag_actions")
    op.drop_index("ix_views_staff_id", table_name="views")
    op.drop_table("views")
    op.drop_index("ix_versions_submission_id", table_name="versions")
    op.drop_table("versions")
    op.drop_index("ix_staff_sessions_staff_id", table_name="staff_sessions")
    op.drop_index("ix_staff_sessions_expires_at", table_name="staff_sessions")
    op.drop_table("staff_sessions")
    op.drop_index("ix_staff_links_staff_id", table_name="staff_links")
    op.drop_table("staff_links")
    op.drop_index("ix_recovery_codes_staff_id", table_name="recovery_codes")
    op.drop_table("recovery_codes")
    op.drop_index("ix_notes_submission_id", table_name="notes")
    op.drop_table("notes")
    op.drop_index("ix_lookups_digest", table_name="lookups")
    op.drop_table("lookups")
    op.drop_index("ix_looks_submission_id", table_name="looks")
    op.drop_table("looks")
    op.drop_index("ix_throttles_arrival", table_name="throttles")
    op.drop_table("throttles")
    op.drop_table("staff")
    op.drop_table("audit_head")
