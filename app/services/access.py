"""Who may do what.

Office: principals, scopes, and the one table of what each scope allows. Refuses: HTTP (web/principals.py
finds out who is asking) and exceptions for anybody.
"""

import hashlib
import hmac
from dataclasses import dataclass

from app.errors import Forbidden, NotFound
from app.services.permissions import SCOPE_REVIEW, Permission, roles_with
from app.storage.audit import Actor
from app.storage.keys import ApiKey
from app.storage.submissions import Record

SCOPES = {
    "submissions:write": "create submissions, change and submit drafts, delete",
    "submissions:read": "read submissions, their summaries and lists",
    "review": "what staff see and do: flags, undetermined rules, passages with their policy, "
    "reviews, notes, contact details, corrections, histories",
    "bookings": "create one-time links and read readiness; never answers",
    "events": "read the event feed; with `review` also events of attention",
    "webhooks": "manage webhook endpoints and read their deliveries",
    "fhir": "create and read QuestionnaireResponses",
}


@dataclass(frozen=True, slots=True)
class Respondent:
    """Whoever holds the access token of a submission; it opens that one and no other."""

    token_hash: bytes

    def actor(self, request_id: str) -> Actor:
        return Actor("respondent", None, request_id)


@dataclass(frozen=True, slots=True)
class Holder:
    """Whoever is in a session of the hosted form; it opens that submission and no other."""

    submission: str

    def actor(self, request_id: str) -> Actor:
        return Actor("respondent", None, request_id)


@dataclass(frozen=True, slots=True)
class Program:
    """Whoever holds an API key."""

    key: ApiKey

    def actor(self, request_id: str) -> Actor:
        return Actor("api_key", self.key.id, request_id)


@dataclass(frozen=True, slots=True)
class Staff:
    """Somebody of the staff, in a session of the workbench."""

    id: str
    permissions: frozenset[Permission]

    def actor(self, request_id: str) -> Actor:
        return Actor("staff", self.id, request_id)


Principal = Respondent | Holder | Program | Staff


def token_hash(token: str) -> bytes:
    """What is kept of a secret of 256 random bits; such a secret needs no slow hash (OWASP ASVS 6.5.2)."""
    return hashlib.sha256(token.encode()).digest()


def has_scope(principal: Principal, scope: str) -> bool:
    """Does this principal hold an API key with the scope?"""
    return isinstance(principal, Program) and scope in principal.key.scopes


def require_scope(principal: Principal, *scopes: str) -> Program:
    """The program, when its key has one of `scopes`. Raises Forbidden."""
    if isinstance(principal, Program) and any(scope in principal.key.scopes for scope in scopes):
        return principal
    raise Forbidden(f"This needs an API key with the scope {' or '.join(scopes)}.")


def require_permission(principal: Principal, permission: Permission) -> None:
    """Raises Forbidden unless this principal's roles, or its key's scope `review`, permit it."""
    if isinstance(principal, Staff) and permission in principal.permissions:
        return
    if has_scope(principal, "review") and permission in SCOPE_REVIEW:
        return
    if isinstance(principal, Staff):
        raise Forbidden(f"This is for the role {' or '.join(roles_with(permission))}.")
    raise Forbidden("This needs an API key with the scope review.")


def require_access(principal: Principal, record: Record | None, *scopes: str) -> Record:
    """The record, when this principal may see it. Raises NotFound for all it may not know of, else Forbidden.

    A token opens its own submission. A test key knows of test submissions only; a key made for browsers
    (with origins) only creates, since whoever opens the page can read it.
    """
    if isinstance(principal, Program):
        require_scope(principal, *scopes)
        if principal.key.origins:
            raise Forbidden("A key for browsers may only create; use the submission's access token.")
        known = record is not None and (record.test or not principal.key.test)
    elif isinstance(principal, Staff):
        require_permission(principal, "case")
        known = True
    elif isinstance(principal, Holder):
        known = record is not None and record.id == principal.submission
    else:
        known = record is not None and hmac.compare_digest(record.token_hash, principal.token_hash)
    if record is None or not known:
        raise NotFound("There is no such submission, or it has been erased.")
    return record
