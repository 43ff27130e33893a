"""Sessions of staff users: the secret of a cookie, stored by hash, and the staff user who signed in with
it.

Responsible for: creating, updating and ending sessions. Never: stores the secrets themselves, or decides
whether a session has expired.
"""

import datetime as dt
from dataclasses import dataclass

import sqlalchemy as sa

from app.storage.auth.users import Person, person
from app.storage.db.database import Session
from app.storage.tables.auth import staff_sessions, staff_users


@dataclass(frozen=True, slots=True)
class StaffSession:
    """`last_seen_at`: the time of the last page request; `reauthenticated_at`: the last time the password
    was given.
    """

    secret_hash: bytes
    id: str
    staff_id: str
    created_at: dt.datetime
    last_seen_at: dt.datetime
    reauthenticated_at: dt.datetime
    expires_at: dt.datetime


_COLUMNS = {name: staff_sessions.c[name].label(f"session_{name}") for name in StaffSession.__slots__}
_HELD = (
    sa.select(staff_users, *_COLUMNS.values())
    .join(staff_sessions, staff_sessions.c.staff_id == staff_users.c.id)
    .where(staff_sessions.c.secret_hash == sa.bindparam("secret"))
)


def insert(session: Session, new: StaffSession) -> None:
    """Insert a new session."""
    session.execute(sa.insert(staff_sessions), {name: getattr(new, name) for name in StaffSession.__slots__})


def fetch(session: Session, secret_hash: bytes) -> tuple[StaffSession, Person] | None:
    """Return the session with this secret hash and its staff user, expired or not, or None when there is
    none.
    """
    row = session.execute(_HELD, {"secret": secret_hash}).mappings().first()
    if row is None:
        return None
    return StaffSession(**{name: row[f"session_{name}"] for name in StaffSession.__slots__}), person(row)


def list_for(session: Session, staff_id: str) -> list[StaffSession]:
    """Return every session of a staff user, the most recently used first."""
    mine = sa.select(staff_sessions).where(staff_sessions.c.staff_id == staff_id)
    rows = session.execute(mine.order_by(staff_sessions.c.last_seen_at.desc())).mappings()
    return [StaffSession(**row) for row in rows]


def touch(session: Session, session_id: str, now: dt.datetime) -> None:
    """Record that the session was used now."""
    session.execute(sa.update(staff_sessions).where(staff_sessions.c.id == session_id), {"last_seen_at": now})


def mark_reauthenticated(session: Session, session_id: str, now: dt.datetime) -> None:
    """Record that the password was given now."""
    session.execute(
        sa.update(staff_sessions).where(staff_sessions.c.id == session_id),
        {"last_seen_at": now, "reauthenticated_at": now},
    )


def end(session: Session, staff_id: str, session_id: str) -> bool:
    """End one session of a staff user. Returns False when there is none with that id."""
    mine = sa.and_(staff_sessions.c.id == session_id, staff_sessions.c.staff_id == staff_id)
    return session.execute(sa.delete(staff_sessions).where(mine)).rowcount == 1


def end_all(session: Session, staff_id: str, *, but: str = "") -> int:
    """End every session of a staff user except `but`. Returns how many."""
    others = sa.and_(staff_sessions.c.staff_id == staff_id, staff_sessions.c.id != but)
    return session.execute(sa.delete(staff_sessions).where(others)).rowcount


def end_all_sessions(session: Session) -> None:
    """End the sessions of all staff users."""
    session.execute(sa.delete(staff_sessions))


def delete_over(session: Session, *, seen_before: dt.datetime, now: dt.datetime) -> int:
    """Delete the sessions that have expired or were last used before `seen_before`. Returns how many."""
    over = sa.or_(staff_sessions.c.expires_at <= now, staff_sessions.c.last_seen_at < seen_before)
    return session.execute(sa.delete(staff_sessions).where(over)).rowcount
