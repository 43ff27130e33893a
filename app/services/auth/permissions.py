"""Permissions of staff: the table of who may do what.

Responsible for: roles, what each role permits, and the part of it that an API key with the scope `review`
has. Never: permits what is not in the table or makes an exception for a single user. A user may have several
roles.
"""

from collections.abc import Iterable
from typing import Literal

Role = Literal["reviewer", "manager", "administrator", "auditor"]
Permission = Literal[
    "queue",  # the list of cases, its counts, search
    "case",  # one case: answers, summary, article view, notes
    "review",  # its state, assignment, notes, actions on flags
    "contact",  # reveal contact details; each time is recorded in the audit log
    "correct",  # correct answers as a new version; merge duplicates
    "export",  # lists as CSV, cases as PDF and JSON
    "erase",  # erase a case; put it under legal hold
    "dashboard",  # counts that identify no one
    "audit",  # the audit log, who viewed which case
    "staff",  # add, change and disable staff
    "keys",  # API keys
    "webhooks",  # webhook endpoints of API clients
    "system",  # settings, editions, system status
]
REVIEWING: frozenset[Permission] = frozenset(["queue", "case", "review", "contact", "correct"])
ROLES: dict[Role, frozenset[Permission]] = {
    "reviewer": REVIEWING | {"dashboard"},
    "manager": REVIEWING | {"dashboard", "export", "erase"},
    "administrator": frozenset(["dashboard", "staff", "keys", "webhooks", "system"]),
    "auditor": frozenset(["dashboard", "audit", "system"]),
}
FRESH: frozenset[Permission] = frozenset(["export", "erase", "staff", "keys"])  # require the password again
SCOPE_REVIEW: frozenset[Permission] = REVIEWING


def permitted(roles: Iterable[Role]) -> frozenset[Permission]:
    """Return the union of what these roles permit."""
    return frozenset().union(*(ROLES[role] for role in roles))


def roles_with(permission: Permission) -> list[Role]:
    """Return the roles that have the permission."""
    return [role for role, permits in ROLES.items() if permission in permits]
