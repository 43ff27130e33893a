"""Sessions of the staff app: started by login, expiring, and ended immediately when necessary.

Responsible for: expiry after 15 minutes without a request and after 12 hours in all; a session is fresh for
five minutes after the password was entered. Never: accepts a session of a disabled user, or stores a secret.
"""

import datetime as dt
from dataclasses import dataclass

from uuid_utils import uuid7

from app.errors import NotFound
from app.services.auth.authorization import StaffPrincipal, hash_token
from app.services.auth.permissions import ROLES, permitted
from app.storage.auth import sessions
from app.storage.auth.sessions import StaffSession
from app.storage.auth.users import Person
from app.storage.db.database import Session
from app.storage.events import audit_log
from app.storage.events.audit_log import Actor, AuditAction
from app.storage.submissions.submissions import ID

IDLE, LIVES, FRESH_FOR = dt.timedelta(minutes=15), dt.timedelta(hours=12), dt.timedelta(minutes=5)
SEEN_EVERY = dt.timedelta(seconds=30)  # a request sooner than this after the last one is not stored


@dataclass(frozen=True, slots=True)
class ActiveSession:
    """A session that is not over, and its user."""

    session: StaffSession
    person: Person

    @property
    def staff(self) -> StaffPrincipal:
        """The principal: what this user may currently do."""
        return StaffPrincipal(self.person.id, permitted(role for role in ROLES if role in self.person.roles))

    def fresh(self, now: dt.datetime) -> bool:
        """Return whether the password was entered within the last five minutes."""
        return now - self.session.reauthenticated_at < FRESH_FOR

    def to_be_seen(self, now: dt.datetime) -> bool:
        """Return whether it is time to store the time of the last request again."""
        return now - self.session.last_seen_at >= SEEN_EVERY


def create(session: Session, staff_id: str, secret: str, *, now: dt.datetime) -> None:
    """Open a session with a new secret. The caller authenticates the user and records the audit event."""
    new = StaffSession(hash_token(secret), str(uuid7()), staff_id, now, now, now, now + LIVES)
    sessions.insert(session, new)


def get_active(session: Session, secret: str, *, now: dt.datetime) -> ActiveSession | None:
    """Return the session of this secret; None when there is none, it is over, or its user is disabled."""
    found = sessions.fetch(session, hash_token(secret))
    if found is None or not found[1].active or is_expired(found[0], now):
        return None
    return ActiveSession(*found)


def is_expired(found: StaffSession, now: dt.datetime) -> bool:
    """Return whether the session has expired or has been idle for too long."""
    return found.expires_at <= now or found.last_seen_at + IDLE <= now


def touch(session: Session, session_id: str, *, now: dt.datetime) -> None:
    """Store the time of a request."""
    sessions.touch(session, session_id, now)


def confirm(session: Session, session_id: str, *, now: dt.datetime) -> None:
    """Store the time at which the password was entered again."""
    sessions.mark_reauthenticated(session, session_id, now)


def list_active(session: Session, staff_id: str, *, now: dt.datetime) -> list[StaffSession]:
    """Return the sessions of a user that are not over."""
    return [each for each in sessions.list_for(session, staff_id) if not is_expired(each, now)]


def end(session: Session, staff_id: str, session_id: str, *, now: dt.datetime, actor: Actor) -> None:
    """End one session. Raises NotFound when this user has no such session."""
    if not ID.fullmatch(session_id) or not sessions.end(session, staff_id, session_id):
        raise NotFound("There is no such session; it may be over already.")
    audit_log.record(session, actor, now, AuditAction("staff.session_ended", "staff", staff_id))


def sign_out(session: Session, staff_id: str, session_id: str, *, now: dt.datetime, actor: Actor) -> None:
    """End the user's own session; nothing happens when it is over already."""
    if sessions.end(session, staff_id, session_id):
        audit_log.record(session, actor, now, AuditAction("staff.signed_out", "staff", staff_id))


def end_other_sessions(session: Session, staff_id: str, but: str, *, now: dt.datetime, actor: Actor) -> int:
    """End all sessions of a user but one; return how many."""
    ended = sessions.end_all(session, staff_id, but=but)
    if ended:
        audit_log.record(session, actor, now, AuditAction("staff.sessions_ended", "staff", staff_id))
    return ended
