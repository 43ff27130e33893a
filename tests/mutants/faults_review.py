"""Faults in app/services: review, alerts, the audit log, exports."""

from tests.mutants.fault import Fault

SERVICES = "app/services/"

FAULTS = (
    Fault(
        "Showing contact details leaves no audit event",
        SERVICES + "review/cases.py",
        'AuditAction("contact.revealed", "submission", turn.submission)',
        'AuditAction(audit_log.VIEWED, "submission", turn.submission)',
        (
            "tests/services/review/test_cases.py::test_contact_details_are_shown_on_demand_and_each_time_is_on_record",
        ),
    ),
    Fault(
        "A case is closed while a flag with a deadline is open",
        "app/services/review/cases.py",
        "    if any(flag.due_at and flag.closed_at is None for flag in assessment.record.flags):",
        "    if any(flag.due_at and flag.escalated_at for flag in assessment.record.flags):",
        ("tests/services/review/test_cases.py",),
    ),
    Fault(
        "A correction overwrites what the person had said",
        SERVICES + "review/corrections.py",
        "    cases.insert_version(session, str(uuid7()), record, turn.now, before.key)\n",
        "",
        ("tests/services/review/test_cases.py::test_a_correction_is_a_new_version_beside_the_old_one",),
    ),
    Fault(
        "Whose cases a list has shown is not on record",
        SERVICES + "review/queue.py",
        "    if acts:\n        audit_log.record(session, actor, now, *acts)",
        "    if len(acts) > 1000:\n        audit_log.record(session, actor, now, *acts)",
        ("tests/web/staff/test_cases.py::test_who_was_shown_whose_case_in_a_list_is_on_record_once_a_day",),
    ),
    Fault(
        "The audit trail holds the phone number somebody searched for",
        SERVICES + "review/queue.py",
        'AuditAction("cases.searched", "cases", None)',
        'AuditAction("cases.searched", "cases", wanted[:36])',
        ("tests/services/review/test_queue.py",),
    ),
    Fault(
        "The MAC of an audit event does not cover who acted",
        SERVICES + "events/audit_chain.py",
        '        "actor_id": event.actor_id,\n',
        "",
        ("tests/services/events/test_audit_chain.py",),
    ),
    Fault(
        "An audit trail that was cut off at its end is extended as if nothing had happened",
        SERVICES + "events/audit_chain.py",
        "    if not _signed_head(keyring, head, mac):\n        raise ChainBroken",
        "    if not head.mac:\n        raise ChainBroken",
        ("tests/services/events/test_audit_chain.py",),
    ),
    Fault(
        "A cell of an exported table is run as a formula by a spreadsheet",
        SERVICES + "review/csv_export.py",
        'return f"\'{text}" if text.lstrip(" \\u00a0").startswith(FORMULA) else text',
        'return f"\'{text}" if text.startswith(FORMULA) else text',
        ("tests/services/review/test_csv_export.py",),
    ),
    Fault(
        "A file of a case holds contact details that were not asked for",
        "app/services/review/case_export.py",
        'document |= {"contact": dict(assessment.record.contact)} if contact else {}',
        'document |= {"contact": dict(assessment.record.contact)}',
        ("tests/services/review/test_case_export.py",),
    ),
)
