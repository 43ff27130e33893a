"""Sessions of the workbench: begun by signing in, over after a while, ended at once when they have to be.

Office: 15 minutes without a page and they are over, 12 hours in all; five minutes after the password they are
still fresh. Refuses: sessions of somebody disabled, and the secrets themselves.
"""

import datetime as dt
from dataclasses import dataclass

from uuid_utils import uuid7

from app.errors import NotFound
from app.services.access import Staff, token_hash
from app.services.permissions import ROLES, permitted
from app.storage import audit, staff_sessions
from app.storage.audit import Act, Actor
from app.storage.database import Session
from app.storage.staff import Person
from app.storage.staff_sessions import StaffSession
from app.storage.submissions import ID

IDLE, LIVES, FRESH_FOR = dt.timedelta(minutes=15), dt.timedelta(hours=12), dt.timedelta(minutes=5)
SEEN_EVERY = dt.timedelta(seconds=30)  # a page sooner than that after another is not written down


@dataclass(frozen=True, slots=True)
class Held:
    """A session that is not over, and whose it is."""

    session: StaffSession
    person: Person

    @property
    def staff(self) -> Staff:
        """The principal: what this person may do today."""
        return Staff(self.person.id, permitted(role for role in ROLES if role in self.person.roles))

    def fresh(self, now: dt.datetime) -> bool:
        """Was the password given a short while ago?"""
        return now - self.session.fresh_at < FRESH_FOR

    def to_be_seen(self, now: dt.datetime) -> bool:
        """Is it time to write down that it was seen?"""
        return now - self.session.seen_at >= SEEN_EVERY


def begin(session: Session, staff_id: str, secret: str, *, now: dt.datetime) -> None:
    """Open a session under a fresh secret. Who may is for the caller to find out, and to record."""
    new = StaffSession(token_hash(secret), str(uuid7()), staff_id, now, now, now, now + LIVES)
    staff_sessions.insert(session, new)


def held(session: Session, secret: str, *, now: dt.datetime) -> Held | None:
    """The session of this secret; None when it is over, or its person is disabled."""
    found = staff_sessions.fetch(session, token_hash(secret))
    if found is None or not found[1].active or over(found[0], now):
        return None
    return Held(*found)


def over(found: StaffSession, now: dt.datetime) -> bool:
    """Has it lived for too long, or not been used for too long?"""
    return found.expires_at <= now or found.seen_at + IDLE <= now


def see(session: Session, session_id: str, *, now: dt.datetime) -> None:
    """Somebody asked for a page."""
    staff_sessions.touch(session, session_id, now)


def confirm(session: Session, session_id: str, *, now: dt.datetime) -> None:
    """The password was given again."""
    staff_sessions.confirm(session, session_id, now)


def open_of(session: Session, staff_id: str, *, now: dt.datetime) -> list[StaffSession]:
    """The sessions of a person that are not over."""
    return [each for each in staff_sessions.of(session, staff_id) if not over(each, now)]


def end(session: Session, staff_id: str, session_id: str, *, now: dt.datetime, actor: Actor) -> None:
    """End one session. Raises NotFound when this person has no such session."""
    if not ID.fullmatch(session_id) or not staff_sessions.end(session, staff_id, session_id):
        raise NotFound("There is no such session; it may be over already.")
    audit.record(session, actor, now, Act("staff.session_ended", "staff", staff_id))


def sign_out(session: Session, staff_id: str, session_id: str, *, now: dt.datetime, actor: Actor) -> None:
    """End the session one is in; that it is over already is fine."""
    if staff_sessions.end(session, staff_id, session_id):
        audit.record(session, actor, now, Act("staff.signed_out", "staff", staff_id))


def end_others(session: Session, staff_id: str, but: str, *, now: dt.datetime, actor: Actor) -> int:
    """End all sessions of a person but one; how many."""
    ended = staff_sessions.end_all(session, staff_id, but=but)
    if ended:
        audit.record(session, actor, now, Act("staff.sessions_ended", "staff", staff_id))
    return ended
