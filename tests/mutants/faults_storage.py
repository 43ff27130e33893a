"""Faults in app/storage, app/encryption.py and migrations/: what is stored, in which order."""

from tests.mutants.fault import Fault

STORAGE = "app/storage/"
SCHEMA = ("tests/migrations/test_schema.py",)
WORKBENCH = "migrations/versions/2026-11-24-2000_workbench.py"

FAULTS = (
    Fault(
        "A failed unit of work leaves half of what it wrote in the database",
        STORAGE + "db/sqlite_writer.py",
        'driver.execute("ROLLBACK TO work")',
        "pass",
        ("tests/storage/db/test_database.py",),
    ),
    Fault(
        "The service starts on a database that may lose acknowledged answers at power loss",
        STORAGE + "db/database.py",
        "        if not fine:",
        "        if not found:",
        ("tests/storage/db/test_database.py",),
    ),
    Fault(
        "A page of submissions begins with the last one of the page before",
        STORAGE + "submissions/listing.py",
        "_compared(page, page.after, operator.lt, operator.gt)",
        "_compared(page, page.after, operator.le, operator.ge)",
        ("tests/web/api/test_reading.py::test_pages_follow_each_other_without_gap_or_repetition",),
    ),
    Fault(
        "A page of the queue begins with the last case of the page before",
        STORAGE + "review/queue.py",
        "(sa.tuple_(_row.due_at, _row.id) > (due, name),) if due",
        "(sa.tuple_(_row.due_at, _row.id) >= (due, name),) if due",
        ("tests/services/review/test_queue.py",),
    ),
    Fault(
        "A flag nobody could be reached about is never escalated",
        STORAGE + "submissions/alerts.py",
        'DEALT_WITH = ("reached", "handed_over")',
        'DEALT_WITH = ("reached", "handed_over", "not_reached")',
        ("tests/services/submissions/test_alerts.py",),
    ),
    Fault(
        "A later event overtakes an earlier one of the same submission",
        STORAGE + "events/webhook_deliveries.py",
        "_earlier.c.position < _row.position,",
        "_earlier.c.position < 0,",
        ("tests/services/events/test_webhook_deliveries.py",),
    ),
    Fault(
        "Events of attention are read by keys that may not review",
        STORAGE + "events/outbox.py",
        "    if not wanted.restricted:",
        "    if not wanted.types and not wanted.restricted:",
        ("tests/web/api/test_events.py::test_attention_is_told_only_to_keys_that_may_review",),
    ),
    Fault(
        "A one-time link opens a form again and again",
        STORAGE + "bookings/handoffs.py",
        "return self.opened_at is None and self.revoked_at is None",
        "return self.revoked_at is None",
        ("tests/services/bookings/test_handoffs.py",),
    ),
    Fault(
        "A one-time link opens a form after its time",
        STORAGE + "bookings/handoffs.py",
        "self.revoked_at is None and now < self.expires_at",
        "self.revoked_at is None and bool(now)",
        ("tests/services/bookings/test_handoffs.py",),
    ),
    Fault(
        "A link to choose a password works after three days",
        "app/storage/auth/users.py",
        "staff_invitations.c.secret_hash == secret_hash, staff_invitations.c.expires_at > now)",
        "staff_invitations.c.secret_hash == secret_hash, staff_invitations.c.created_at <= now)",
        (
            "tests/services/auth/test_users.py::test_a_link_is_over_after_three_days_and_replaced_by_a_newer_one",
        ),
    ),
    Fault(
        "A link to choose a password works twice",
        "app/storage/auth/users.py",
        "    asked = sa.delete(staff_invitations).where(staff_invitations.c.secret_hash == secret_hash)\n",
        "    asked = sa.update(staff_invitations).where(staff_invitations.c.secret_hash == secret_hash)\n"
        "    asked = asked.values(expires_at=staff_invitations.c.expires_at)\n",
        ("tests/web/staff/test_two_factor.py::test_a_link_works_once_and_for_three_days",),
    ),
    Fault(
        "A revoked API key goes on working",
        STORAGE + "auth/api_keys.py",
        "return self.revoked_at is None and (self.expires_at",
        "return (self.expires_at",
        ("tests/services/auth/test_api_keys.py",),
    ),
    Fault(
        "An encrypted field moved to another submission opens there",
        "app/encryption.py",
        'return "|".join(place).encode()',
        'return "|".join(place[:2]).encode()',
        ("tests/storage/submissions/test_encryption.py",),
    ),
    Fault(
        "Rotating the encryption keys drops the older ones: what they sealed is lost",
        "app/encryption.py",
        '_write_keys(file, file.read_text(encoding="utf-8"))',
        '_write_keys(file, "")',
        ("tests/storage/submissions/test_encryption.py", "tests/services/operations/test_key_rotation.py"),
    ),
    Fault(
        "A migration leaves out an index",
        WORKBENCH,
        '    op.create_index("ix_looks_submission_id", "looks", ["submission_id"], unique=False)\n',
        "",
        SCHEMA,
    ),
    Fault(
        "A migration gives older submissions the wrong state",
        WORKBENCH,
        'server_default="new"',
        'server_default="closed"',
        SCHEMA,
    ),
    Fault(
        "Going back to the release before leaves a table behind",
        WORKBENCH,
        '    op.drop_table("throttles")\n',
        "",
        SCHEMA,
    ),
    # --- detected on PostgreSQL only ---------------------------------------------------------------
    Fault(
        "Two people who change one case at the same moment overwrite each other",
        STORAGE + "submissions/submissions.py",
        "_LOCKED = _BY_ID.with_for_update()",
        "_LOCKED = _BY_ID",
        (
            "tests/services/review/test_cases.py::test_of_thirty_two_who_change_a_case_at_once_each_is_kept_or_told",
        ),
        only="postgres",
    ),
    Fault(
        "Two processes give the same position in the audit trail twice",
        STORAGE + "events/audit_chain.py",
        "session.execute(sa.select(sa.func.pg_advisory_xact_lock(LOCK)))",
        "pass",
        (
            "tests/services/events/test_audit_chain.py::test_many_who_link_at_once_make_one_chain",
            "tests/services/events/test_outbox.py::test_two_who_link_at_once_tell_everything_once",
        ),
        only="postgres",
    ),
    Fault(
        "The last two administrators can disable each other at the same moment",
        "app/storage/auth/users.py",
        'session.exec_driver_sql("LOCK TABLE staff_users IN EXCLUSIVE MODE")',
        "pass",
        ("tests/services/auth/test_users.py::test_two_administrators_do_not_disable_each_other_at_once",),
        only="postgres",
    ),
    Fault(
        "Replicas that start at the same time migrate one database twice",
        STORAGE + "db/migrations.py",
        "            session.execute(sa.select(sa.func.pg_advisory_xact_lock(LOCK)))\n",
        "",
        (
            "tests/migrations/test_schema.py::test_replicas_may_migrate_at_the_same_time",
            "tests/e2e/processes/test_start.py::test_four_migrations_at_once_make_one_schema",
        ),
        only="postgres",
    ),
    Fault(
        "More webhook endpoints than allowed are made when many come at once",
        STORAGE + "events/webhook_endpoints.py",
        'session.exec_driver_sql("LOCK TABLE webhook_endpoints IN SHARE ROW EXCLUSIVE MODE")',
        "pass",
        (
            "tests/web/api/test_webhook_endpoints.py::test_there_are_twenty_of_each_mode_however_many_come_at_once",
        ),
        only="postgres",
    ),
    Fault(
        "Two replicas send the same alert twice",
        STORAGE + "submissions/alerts.py",
        "    .limit(1)\n    .with_for_update(skip_locked=True)\n",
        "    .limit(1)\n",
        ("tests/services/submissions/test_alerts.py::test_several_replicas_send_each_alert_once",),
        only="postgres",
    ),
    Fault(
        "Two people who open one one-time link at the same moment both begin a form",
        STORAGE + "bookings/handoffs.py",
        "row = session.execute(asked.with_for_update() if lock else asked).mappings().first()",
        "row = session.execute(asked).mappings().first()",
        (
            "tests/services/bookings/test_handoffs.py::test_of_eight_who_begin_at_once_one_does",
            "tests/web/form/test_handoffs.py::test_two_who_begin_by_one_link_at_once_make_one_draft",
        ),
        only="postgres",
    ),
    Fault(
        "A serialization failure is an error to the caller instead of another try",
        STORAGE + "db/database.py",
        'RETRIED = {"40001", "40P01"}',
        'RETRIED = {"40P01"}',
        ("tests/storage/db/test_database.py::test_serialization_failures_and_deadlocks_are_tried_again",),
        only="postgres",
    ),
    Fault(
        "An id with a NUL byte is looked for, and PostgreSQL fails on it",
        "app/services/submissions/lifecycle.py",
        "found = submissions.fetch(session, self.vault, submission, lock=lock) if known else None",
        "found = submissions.fetch(session, self.vault, submission, lock=lock)",
        (
            "tests/web/api/test_fhir.py::test_what_is_not_there_was_erased_or_is_not_theirs_looks_the_same",
            "tests/web/api/test_review.py::test_what_is_not_there_or_not_a_test_is_not_found",
        ),
        only="postgres",
    ),
)
