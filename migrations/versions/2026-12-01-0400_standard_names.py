"""Tables and columns get the terms of the field: `staff_users`, `form_tokens`, `is_test` and others.

Why: the former names had private meanings. Stop, migrate, start: unlike every other migration, this one does
not run with the previous release still serving, because that release asks for the former names. Stop all
processes of the previous release first, and downgrade before it is started again. No row changes; on
PostgreSQL nothing is rewritten, on SQLite the indexes with a new name are built again.
"""

from collections.abc import Iterator, Mapping, Sequence

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

TABLES = {
    "capabilities": "form_tokens",
    "staff": "staff_users",
    "staff_links": "staff_invitations",
    "looks": "case_views",
    "lookups": "contact_index",
    "versions": "submission_versions",
    "views": "saved_views",
    "sealing_keys": "encryption_keys",
    "audit_head": "audit_chain_head",
    "events": "outbox_events",
    "deliveries": "webhook_deliveries",
    "delivery_attempts": "webhook_delivery_attempts",
}
# by the new name of the table
COLUMNS = {
    "alerts": {
        "tries": "attempt_count",
        "next_try_at": "next_attempt_at",
        "failed_with": "last_error",
    },
    "api_keys": {"test": "is_test"},
    "audit_events": {"seq": "id", "position": "chain_position"},
    "case_views": {"version": "viewed_version", "at": "last_viewed_at"},
    "encryption_keys": {"proof": "key_check"},
    "flag_actions": {"at": "created_at"},
    "flags": {"kind": "flag_code"},
    "handoffs": {"test": "is_test"},
    "notes": {"at": "created_at"},
    "outbox_events": {"test": "is_test", "restricted": "requires_review_scope"},
    "staff_sessions": {"seen_at": "last_seen_at", "fresh_at": "reauthenticated_at"},
    "staff_users": {"totp": "totp_secret_encrypted", "totp_step": "totp_last_used_step"},
    "submission_versions": {"trace": "summary_provenance"},
    "submissions": {
        "attention": "priority",
        "test": "is_test",
        "quarantine": "spam_reasons",
        "looked_at": "first_viewed_at",
        "held": "legal_hold",
        "merged_into": "merged_into_id",
        "data_key": "wrapped_data_key",
        "trace": "summary_provenance",
    },
    "throttles": {"bucket": "bucket_key", "arrival": "theoretical_arrival_at"},
    "webhook_deliveries": {
        "subject": "ordering_key",
        "tries": "attempt_count",
        "next_try_at": "next_attempt_at",
        "done_at": "finished_at",
    },
    "webhook_delivery_attempts": {"at": "attempted_at"},
    "webhook_endpoints": {
        "test": "is_test",
        "restricted": "requires_review_scope",
        "former_secret": "previous_secret",
        "former_until": "previous_secret_expires_at",
        "paused_because": "paused_reason",
    },
}
INDEXES = {
    "ix_audit_events_actor_id_seq": "ix_audit_events_actor_id_id",
    "ix_audit_events_object_id_seq": "ix_audit_events_object_id_id",
    "ix_audit_events_position": "ix_audit_events_chain_position",
    "ix_capabilities_expires_at": "ix_form_tokens_expires_at",
    "ix_capabilities_submission_id": "ix_form_tokens_submission_id",
    "ix_deliveries_created_at": "ix_webhook_deliveries_created_at",
    "ix_deliveries_due": "ix_webhook_deliveries_due",
    "ix_deliveries_endpoint_id_id": "ix_webhook_deliveries_endpoint_id_id",
    "ix_deliveries_event_id": "ix_webhook_deliveries_event_id",
    "ix_deliveries_order": "ix_webhook_deliveries_order",
    "ix_delivery_attempts_delivery_id": "ix_webhook_delivery_attempts_delivery_id",
    "ix_events_at": "ix_outbox_events_at",
    "ix_events_submission_id": "ix_outbox_events_submission_id",
    "ix_handoffs_test_booking_reference_id": "ix_handoffs_is_test_booking_reference_id",
    "ix_looks_submission_id": "ix_case_views_submission_id",
    "ix_lookups_digest": "ix_contact_index_digest",
    "ix_staff_links_staff_id": "ix_staff_invitations_staff_id",
    "ix_submissions_held_retained_until": "ix_submissions_legal_hold_retained_until",
    "ix_submissions_queue_attention": "ix_submissions_queue_priority",
    "ix_submissions_queue_quarantine": "ix_submissions_queue_spam_reasons",
    "ix_submissions_test_assignee_id_id": "ix_submissions_is_test_assignee_id_id",
    "ix_submissions_test_attention_id": "ix_submissions_is_test_priority_id",
    "ix_submissions_test_id": "ix_submissions_is_test_id",
    "ix_submissions_test_status_id": "ix_submissions_is_test_status_id",
    "ix_submissions_test_updated_at_id": "ix_submissions_is_test_updated_at_id",
    "ix_throttles_arrival": "ix_throttles_theoretical_arrival_at",
    "ix_versions_submission_id": "ix_submission_versions_submission_id",
    "ix_views_staff_id": "ix_saved_views_staff_id",
}
# of the renamed tables, by their former names: the column in `fk_<table>_<column>` and `uq_<table>_<column>`
FOREIGN_KEYS = {
    "capabilities": "submission_id",
    "staff_links": "staff_id",
    "looks": "submission_id",
    "lookups": "submission_id",
    "versions": "submission_id",
    "views": "staff_id",
    "deliveries": "endpoint_id",
    "delivery_attempts": "delivery_id",
}
UNIQUE = {"staff": "email", "events": "id"}


def upgrade() -> None:
    for former, name in TABLES.items():
        op.rename_table(former, name)
    for table, columns in COLUMNS.items():
        for former, name in columns.items():
            _rename_column(table, former, name)
    _rename_indexes(INDEXES)
    _rename_constraints([*_constraints()])
    if _is_postgresql():
        op.execute("ALTER SEQUENCE audit_events_seq_seq RENAME TO audit_events_id_seq")


def downgrade() -> None:
    if _is_postgresql():
        op.execute("ALTER SEQUENCE audit_events_id_seq RENAME TO audit_events_seq_seq")
    _rename_constraints([(table, name, former) for table, former, name in _constraints()])
    _rename_indexes({name: former for former, name in INDEXES.items()})
    for table, columns in COLUMNS.items():
        for former, name in columns.items():
            _rename_column(table, name, former)
    for former, name in TABLES.items():
        op.rename_table(name, former)


def _is_postgresql() -> bool:
    return op.get_bind().dialect.name == "postgresql"


def _rename_column(table: str, former: str, name: str) -> None:
    """Rename one column, also in indexes and foreign keys. Alembic would copy a table of SQLite instead."""
    op.execute(f'ALTER TABLE "{table}" RENAME COLUMN "{former}" TO "{name}"')


def _rename_indexes(names: Mapping[str, str]) -> None:
    """Rename indexes. SQLite cannot: there they are dropped and created with the same definition."""
    for former, name in names.items():
        if _is_postgresql():
            op.execute(f'ALTER INDEX "{former}" RENAME TO "{name}"')
            continue
        found = sa.text("SELECT sql FROM sqlite_master WHERE type = 'index' AND name = :name")
        definition: str = op.get_bind().execute(found, {"name": former}).scalar_one()
        op.execute(f'DROP INDEX "{former}"')
        op.execute(definition.replace(former, name, 1))


def _constraints() -> Iterator[tuple[str, str, str]]:
    """Yield (new name of the table, former name, new name) of each constraint of a renamed table."""
    for former, table in TABLES.items():
        yield table, f"pk_{former}", f"pk_{table}"
    for kind, columns in (("fk", FOREIGN_KEYS), ("uq", UNIQUE)):
        for former, column in columns.items():
            yield TABLES[former], f"{kind}_{former}_{column}", f"{kind}_{TABLES[former]}_{column}"


def _rename_constraints(names: Sequence[tuple[str, str, str]]) -> None:
    """Rename constraints. SQLite has no statement for it: there the text of the schema is edited, as its
    documentation allows for changes that do not affect stored rows.
    """
    if _is_postgresql():
        for table, former, name in names:
            op.execute(f'ALTER TABLE "{table}" RENAME CONSTRAINT "{former}" TO "{name}"')
        return
    edit = sa.text("UPDATE sqlite_master SET sql = replace(sql, :former, :name) WHERE name = :table")
    op.execute("PRAGMA writable_schema = ON")
    for table, former, name in names:
        values = {"former": f"CONSTRAINT {former} ", "name": f"CONSTRAINT {name} ", "table": table}
        op.get_bind().execute(edit, values)
    op.execute("PRAGMA writable_schema = OFF")
