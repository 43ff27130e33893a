"""JSON members of a submission whose names differ from the fields of its record.

Responsible for: the names that the API and the case export have promised. Never: changes with a column.
"""

MEMBERS = {
    "priority": "attention",
    "is_test": "test",
    "spam_reasons": "quarantine",
    "first_viewed_at": "looked_at",
    "legal_hold": "held",
    "merged_into_id": "merged_into",
    "flag_code": "kind",
}


def member(field: str) -> str:
    """Return the JSON member of a field."""
    return MEMBERS.get(field, field)
