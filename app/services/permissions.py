"""Who of the staff may do what: one table.

Office: roles, what each permits, and what an API key of scope `review` may do of it. Refuses: everything that
is not in the table, and exceptions for anybody. One person may hold several roles.
"""

from collections.abc import Iterable
from typing import Literal

Role = Literal["reviewer", "manager", "administrator", "auditor"]
Permission = Literal[
    "queue",  # the list of cases, its counts, search
    "case",  # one case: answers, summary, article view, notes
    "review",  # its state, assignment, notes, acts on flags
    "contact",  # reveal contact details; each time is on record
    "correct",  # correct answers as a new version; merge duplicates
    "export",  # lists as CSV, cases as PDF and JSON
    "erase",  # erase a case; put it under legal hold
    "dashboard",  # counts that name nobody
    "audit",  # the audit trail, who saw whom
    "staff",  # add, change and disable staff
    "keys",  # API keys
    "webhooks",  # where other programs are told of events
    "system",  # settings, editions, health
]
REVIEWING: frozenset[Permission] = frozenset(["queue", "case", "review", "contact", "correct"])
ROLES: dict[Role, frozenset[Permission]] = {
    "reviewer": REVIEWING | {"dashboard"},
    "manager": REVIEWING | {"dashboard", "export", "erase"},
    "administrator": frozenset(["dashboard", "staff", "keys", "webhooks", "system"]),
    "auditor": frozenset(["dashboard", "audit", "system"]),
}
FRESH: frozenset[Permission] = frozenset(["export", "erase", "staff", "keys"])  # asks for the password again
SCOPE_REVIEW: frozenset[Permission] = REVIEWING


def permitted(roles: Iterable[Role]) -> frozenset[Permission]:
    """What these roles permit together."""
    return frozenset().union(*(ROLES[role] for role in roles))


def roles_with(permission: Permission) -> list[Role]:
    """The roles that permit it."""
    return [role for role, permits in ROLES.items() if permission in permits]
