"""Faults in app/services: submissions, forms, idempotency, holds, retention, business hours, keys."""

from tests.mutants.fault import Fault

SERVICES = "app/services/"

FAULTS = (
    Fault(
        "A key without the scope reads answers",
        SERVICES + "auth/authorization.py",
        "        require_scope(principal, *scopes)\n        if principal.key.origins:",
        "        if principal.key.origins:",
        (
            "tests/web/api/test_reading.py::test_a_key_that_only_writes_may_not_read",
            "tests/web/staff/test_permissions.py",
        ),
    ),
    Fault(
        "Any access token opens any submission",
        SERVICES + "auth/authorization.py",
        "hmac.compare_digest(record.token_hash, principal.token_hash)",
        "bool(principal.token_hash)",
        ("tests/web/api/test_drafts.py::test_a_strangers_token_finds_nothing",),
    ),
    Fault(
        "A program that sends the same request twice has two submissions",
        SERVICES + "idempotency.py",
        'scoped = hashlib.sha256(f"{principal}\\0{key}".encode()).digest()',
        'scoped = hashlib.sha256(f"{principal}\\0{key}{dt.datetime.now()}".encode()).digest()',
        ("tests/web/api/test_create.py::test_the_same_key_and_body_give_the_first_answer_again",),
    ),
    Fault(
        "The Idempotency-Key of one program shows another program's answer",
        SERVICES + "idempotency.py",
        'f"{principal}\\0{key}"',
        'f"{key}"',
        ("tests/web/api/test_create.py::test_keys_of_two_programs_never_meet",),
    ),
    Fault(
        "An Idempotency-Key used for another request gives the first answer",
        SERVICES + "idempotency.py",
        "    if not hmac.compare_digest(plain[:FINGERPRINT], claim.fingerprint):",
        "    if not plain:",
        ("tests/web/api/test_create.py::test_the_same_key_with_another_body_is_422",),
    ),
    Fault(
        "A change made on an older version overwrites a newer one",
        SERVICES + "submissions/lifecycle.py",
        "if version is not None and version != record.version:",
        "if version is not None and version > record.version:",
        ("tests/services/review/test_cases.py::test_an_act_on_an_older_version_changes_nothing",),
    ),
    Fault(
        "Reading a submission by an API key leaves no audit event",
        SERVICES + "submissions/lifecycle.py",
        "        audit_log.record("
        'session, actor, now, AuditAction(audit_log.VIEWED, "submission", submission))\n',
        "",
        (
            "tests/web/api/test_review.py::test_every_look_of_a_program_goes_on_record",
            "tests/web/api/test_reading.py",
            "tests/web/staff/test_audit.py",
        ),
    ),
    Fault(
        "A person is told that answers are deleted which the clinic has to keep",
        "app/services/submissions/lifecycle.py",
        "        if record.legal_hold:\n            raise UnderLegalHold",
        "        if record.legal_hold and record.merged_into_id:\n            raise UnderLegalHold",
        ("tests/services/operations/test_legal_holds.py",),
    ),
    Fault(
        "A submission under a hold is purged as soon as the hold is set",
        "app/storage/submissions/submissions.py",
        "        submissions.c.retained_until <= now, submissions.c.legal_hold.is_(False)\n    )",
        "        submissions.c.retained_until <= now, submissions.c.legal_hold.is_(True)\n    )",
        ("tests/services/operations/test_legal_holds.py", "tests/services/operations/test_retention.py"),
    ),
    Fault(
        "The session of a form never ends: the next person at a shared computer reads the answers",
        SERVICES + "submissions/form_sessions.py",
        "    if held is None or held.expires_at <= now:\n        raise SessionEnded",
        "    if held is None:\n        raise SessionEnded",
        ("tests/services/submissions/test_form_sessions.py",),
    ),
    Fault(
        "The clinic's day is the day of UTC",
        SERVICES + "submissions/business_hours.py",
        "return at.astimezone(self.zone).date()",
        "return at.date()",
        ("tests/services/submissions/test_business_hours.py",),
    ),
    Fault(
        "A count of fewer than five people is shown",
        SERVICES + "reporting/small_counts.py",
        "return FEW if 0 < count < MIN_CELL_COUNT else count",
        "return count",
        ("tests/services/reporting/test_small_counts.py",),
    ),
    Fault(
        "A service starts without an encryption key that is still in use",
        SERVICES + "operations/key_rotation.py",
        "        if not keyring.verify_key_check(proof):",
        "        if not proof:",
        ("tests/services/operations/test_key_rotation.py",),
    ),
    Fault(
        "A restored backup brings erased submissions back",
        SERVICES + "operations/erasure_ledger.py",
        "        erased += database.write_blocking(partial(_erase, ids=left, now=now)) if left else 0\n",
        "",
        (
            "tests/cli/test_restore.py::test_what_was_erased_since_the_backup_stays_erased",
            "tests/cli/test_restore.py::test_a_backup_put_back_by_hand_is_made_good_at_the_start",
        ),
    ),
)
