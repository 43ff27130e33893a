"""Sessions of the staff app: started by login, expiring, and ended immediately when necessary.

Responsible for: expiry after 15 minutes without a request and after 12 hours in all; a session is fresh for
five minutes after the password was entered. Never: accepts a session of a disabled user, or stores a secret.
"""

import datetime as dt
from dataclasses import dataclass

from uuid_utils import uuid7

from app.errors import NotFound
from app.services.auth.authorization import Staff, token_hash
from app.services.auth.permissions import ROLES, permitted
from app.storage.auth import sessions
from app.storage.auth.sessions import StaffSession
from app.storage.auth.users import Person
from app.storage.db.database import Session
from app.storage.events import audit_log
from app.storage.events.audit_log import Act, Actor
from app.storage.submissions.submissions import ID

IDLE, LIVES, FRESH_FOR = dt.timedelta(minutes=15), dt.timedelta(hours=12), dt.timedelta(minutes=5)
SEEN_EVERY = dt.timedelta(seconds=30)  # a request sooner than this after the last one is not stored


@dataclass(frozen=True, slots=True)
class Held:
    """A session that is not over, and its user."""

    session: StaffSession
    person: Person

    @property
    def staff(self) -> Staff:
        """The principal: what this user may currently do."""
        return Staff(self.person.id, permitted(role for role in ROLES if role in self.person.roles))

    def fresh(self, now: dt.datetime) -> bool:
        """Return whether the password was entered within the last five minutes."""
        return now - self.session.fresh_at < FRESH_FOR

    def to_be_seen(self, now: dt.datetime) -> bool:
        """Return whether it is time to store the time of the last request again."""
        return now - self.session.seen_at >= SEEN_EVERY


def begin(session: Session, staff_id: str, secret: str, *, now: dt.datetime) -> None:
    """Open a session with a new secret. The caller authenticates the user and records the audit event."""
    new = StaffSession(token_hash(secret), str(uuid7()), staff_id, now, now, now, now + LIVES)
    sessions.insert(session, new)


def held(session: Session, secret: str, *, now: dt.datetime) -> Held | None:
    """Return the session of this secret; None when there is none, it is over, or its user is disabled."""
    found = sessions.fetch(session, token_hash(secret))
    if found is None or not found[1].active or over(found[0], now):
        return None
    return Held(*found)


def over(found: StaffSession, now: dt.datetime) -> bool:
    """Return whether the session has expired or has been idle for too long."""
    return found.expires_at <= now or found.seen_at + IDLE <= now


def see(session: Session, session_id: str, *, now: dt.datetime) -> None:
    """Store the time of a request."""
    sessions.touch(session, session_id, now)


def confirm(session: Session, session_id: str, *, now: dt.datetime) -> None:
    """Store the time at which the password was entered again."""
    sessions.confirm(session, session_id, now)


def open_of(session: Session, staff_id: str, *, now: dt.datetime) -> list[StaffSession]:
    """Return the sessions of a user that are not over."""
    return [each for each in sessions.of(session, staff_id) if not over(each, now)]


def end(session: Session, staff_id: str, session_id: str, *, now: dt.datetime, actor: Actor) -> None:
    """End one session. Raises NotFound when this user has no such session."""
    if not ID.fullmatch(session_id) or not sessions.end(session, staff_id, session_id):
        raise NotFound("There is no such session; it may be over already.")
    audit_log.record(session, actor, now, Act("staff.session_ended", "staff", staff_id))


def sign_out(session: Session, staff_id: str, session_id: str, *, now: dt.datetime, actor: Actor) -> None:
    """End the user's own session; nothing happens when it is over already."""
    if sessions.end(session, staff_id, session_id):
        audit_log.record(session, actor, now, Act("staff.signed_out", "staff", staff_id))


def end_others(session: Session, staff_id: str, but: str, *, now: dt.datetime, actor: Actor) -> int:
    """End all sessions of a user but one; return how many."""
    ended = sessions.end_all(session, staff_id, but=but)
    if ended:
        audit_log.record(session, actor, now, Act("staff.sessions_ended", "staff", staff_id))
    return ended
