"""Authorization: principals, scopes and the table of what each scope allows.

Responsible for: deciding whether a principal may do something. Never: handles HTTP (`web/authentication.py`
identifies the caller) or makes an exception for a single principal.
"""

import hashlib
import hmac
from dataclasses import dataclass

from app.errors import Forbidden, NotFound
from app.services.auth.permissions import SCOPE_REVIEW, Permission, roles_with
from app.storage.auth.api_keys import ApiKey
from app.storage.events.audit_log import Actor
from app.storage.submissions.submissions import Record

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
    """A person with the access token of a submission; the token gives access to that submission only."""

    token_hash: bytes

    def actor(self, request_id: str) -> Actor:
        return Actor("respondent", None, request_id)


@dataclass(frozen=True, slots=True)
class FormSessionPrincipal:
    """A person in a session of the hosted form; the session gives access to that submission only."""

    submission: str

    def actor(self, request_id: str) -> Actor:
        return Actor("respondent", None, request_id)


@dataclass(frozen=True, slots=True)
class ApiClient:
    """An API client, identified by its API key."""

    key: ApiKey

    def actor(self, request_id: str) -> Actor:
        return Actor("api_key", self.key.id, request_id)


@dataclass(frozen=True, slots=True)
class StaffPrincipal:
    """A staff user in a session of the staff app."""

    id: str
    permissions: frozenset[Permission]

    def actor(self, request_id: str) -> Actor:
        return Actor("staff", self.id, request_id)


Principal = Respondent | FormSessionPrincipal | ApiClient | StaffPrincipal


def hash_token(token: str) -> bytes:
    """Return the SHA-256 hash that is stored of a secret.

    The secret has 256 random bits, so it needs no slow hash (OWASP ASVS 6.5.2).
    """
    return hashlib.sha256(token.encode()).digest()


def has_scope(principal: Principal, scope: str) -> bool:
    """Return whether this principal is an API client whose key has the scope."""
    return isinstance(principal, ApiClient) and scope in principal.key.scopes


def require_scope(principal: Principal, *scopes: str) -> ApiClient:
    """Return the API client when its key has one of `scopes`. Raises Forbidden."""
    if isinstance(principal, ApiClient) and any(scope in principal.key.scopes for scope in scopes):
        return principal
    raise Forbidden(f"This needs an API key with the scope {' or '.join(scopes)}.")


def require_permission(principal: Principal, permission: Permission) -> None:
    """Raise Forbidden unless this principal's roles, or its key's scope `review`, give the permission."""
    if isinstance(principal, StaffPrincipal) and permission in principal.permissions:
        return
    if has_scope(principal, "review") and permission in SCOPE_REVIEW:
        return
    if isinstance(principal, StaffPrincipal):
        raise Forbidden(f"This is for the role {' or '.join(roles_with(permission))}.")
    raise Forbidden("This needs an API key with the scope review.")


def require_access(principal: Principal, record: Record | None, *scopes: str) -> Record:
    """Return the record when this principal may access it.

    Raises NotFound when the principal may not know that the record exists, otherwise Forbidden. A token gives
    access to its own submission only. A test key can access test submissions only. A key for browsers (with
    origins) can only create submissions, because anyone who opens the page can read the key.
    """
    if isinstance(principal, ApiClient):
        require_scope(principal, *scopes)
        if principal.key.origins:
            raise Forbidden("A key for browsers may only create; use the submission's access token.")
        known = record is not None and (record.is_test or not principal.key.is_test)
    elif isinstance(principal, StaffPrincipal):
        require_permission(principal, "case")
        known = True
    elif isinstance(principal, FormSessionPrincipal):
        known = record is not None and record.id == principal.submission
    else:
        known = record is not None and hmac.compare_digest(record.token_hash, principal.token_hash)
    if record is None or not known:
        raise NotFound("There is no such submission, or it has been erased.")
    return record
