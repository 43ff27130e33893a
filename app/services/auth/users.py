"""Staff users: added, given roles, disabled, and given one-time links to choose a password.

Responsible for: who the staff users are and their roles; the last administrator cannot be removed. Never:
creates an account whose password another person chose, or sees a password.
"""

import datetime as dt
import re
import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from uuid_utils import uuid7

from app.errors import Conflict, FieldError, InvalidRequest, NotFound
from app.services.auth.authorization import hash_token
from app.services.auth.permissions import ROLES
from app.services.auth.sessions import IDLE
from app.storage.auth import login_throttles, sessions, users
from app.storage.auth.users import Person
from app.storage.db.database import Session
from app.storage.events import audit_log
from app.storage.events.audit_log import Actor, AuditAction
from app.storage.submissions.submissions import ID

INVITATION_TTL = dt.timedelta(hours=72)
EMAIL = re.compile(r"[^\s@\x00-\x1f\x7f]{1,64}@[a-z0-9]([a-z0-9.-]{0,186}[a-z0-9])?")
MAX_NAME_LENGTH = 100
LAST = "The last administrator can't be taken away; make somebody else one first."


@dataclass(frozen=True, slots=True)
class NewStaffUser:
    """A new staff user. Without a name, the part of the e-mail address before the @ is the name."""

    email: str
    roles: Sequence[str]
    name: str = ""


def new_secret() -> str:
    """Return a new secret for a link or a session cookie, with 256 random bits."""
    return secrets.token_urlsafe(32)


def invitation_url(public_url: str, secret: str) -> tuple[str, str]:
    """Return the one-time link to choose a password, and the one for a browser without scripts."""
    base = f"{public_url.rstrip('/')}/staff/welcome"
    return f"{base}#{secret}", f"{base}/{secret}"


def normalise_email(text: str) -> str:
    """Return an e-mail address as it is stored: in lower case."""
    return text.strip().lower()


def add(session: Session, wanted: NewStaffUser, secret: str, *, now: dt.datetime, actor: Actor) -> Person:
    """Add a user with a link to choose a password. Raises Unprocessable and Conflict."""
    email, name = (
        normalise_email(wanted.email),
        wanted.name.strip() or normalise_email(wanted.email).partition("@")[0],
    )
    errors = [*_invalid_request(email, name), *_invalid_roles(wanted.roles)]
    if errors:
        raise InvalidRequest(" ".join(error.detail for error in errors), errors=errors)
    person = Person(str(uuid7()), email, name, _ordered(wanted.roles), None, None, None, now, None)
    if not users.insert(session, person):
        raise Conflict("Somebody with this e-mail address is there already.")
    audit_log.record(session, actor, now, AuditAction("staff.added", "staff", person.id))
    _link(session, person.id, secret, now)
    return person


def set_roles(
    session: Session, staff_id: str, roles: Sequence[str], *, now: dt.datetime, actor: Actor
) -> Person:
    """Replace a user's roles; all their sessions end. Raises NotFound, Unprocessable and Conflict."""
    errors = _invalid_roles(roles)
    if errors:
        raise InvalidRequest(errors[0].detail, errors=errors)
    users.lock_table(session)
    person = find(session, staff_id)
    changed = replace(person, roles=_ordered(roles))
    _keep_an_administrator(session, person, changed)
    users.change(session, staff_id, roles=" ".join(changed.roles))
    sessions.end_all(session, staff_id)
    audit_log.record(session, actor, now, AuditAction("staff.roles_changed", "staff", staff_id))
    return changed


def disable(session: Session, staff_id: str, *, now: dt.datetime, actor: Actor) -> Person:
    """Disable a user, effective immediately. Raises NotFound and Conflict."""
    users.lock_table(session)
    person = find(session, staff_id)
    disabled = replace(person, disabled_at=now)
    _keep_an_administrator(session, person, disabled)
    force_disable(session, staff_id, now=now, actor=actor)
    return disabled


def force_disable(session: Session, staff_id: str, *, now: dt.datetime, actor: Actor) -> None:
    """Disable a user, even the last administrator; for requests of users, call `disable`."""
    users.change(session, staff_id, disabled_at=now)
    users.drop_links(session, staff_id)
    sessions.end_all(session, staff_id)
    audit_log.record(session, actor, now, AuditAction("staff.disabled", "staff", staff_id))


def enable(session: Session, staff_id: str, *, now: dt.datetime, actor: Actor) -> Person:
    """Enable a user again, with their previous password. Raises NotFound."""
    person = replace(find(session, staff_id), disabled_at=None)
    users.change(session, staff_id, disabled_at=None)
    audit_log.record(session, actor, now, AuditAction("staff.enabled", "staff", staff_id))
    return person


def reset(session: Session, staff_id: str, secret: str, *, now: dt.datetime, actor: Actor) -> Person:
    """Remove the password, end all sessions, and create a link to choose another one.

    Raises NotFound and Conflict.
    """
    person = find(session, staff_id)
    if not person.active:
        raise Conflict("This person is disabled; a link would open nothing.")
    users.change(session, staff_id, password_hash=None)
    sessions.end_all(session, staff_id)
    audit_log.record(session, actor, now, AuditAction("staff.reset", "staff", staff_id))
    _link(session, staff_id, secret, now)
    return person


def find(session: Session, staff_id: str) -> Person:
    """Return one user. Raises NotFound."""
    person = users.fetch(session, staff_id) if ID.fullmatch(staff_id) else None
    if person is None:
        raise NotFound("There is nobody of this name on the staff.")
    return person


def find_by_email(session: Session, email: str) -> Person:
    """Return the user with an e-mail address. Raises NotFound."""
    address = normalise_email(email)
    person = users.by_email(session, address) if EMAIL.fullmatch(address) else None
    if person is None:
        raise NotFound("There is nobody with this e-mail address on the staff.")
    return person


def resolve_invitation(session: Session, secret: str, *, now: dt.datetime) -> Person:
    """Return the user a link was created for.

    Raises NotFound, which is the same for unknown, used and expired links.
    """
    person = users.by_link(session, hash_token(secret), now)
    if person is None or not person.active:
        raise NotFound("This link does not open anything any more. Ask for a new one.")
    return person


def choose_password(
    session: Session, secret: str, password_hash: str, *, now: dt.datetime, actor: Actor
) -> Person:
    """Use up a link: store the password chosen with it, and end all sessions. Raises NotFound."""
    person = resolve_invitation(session, secret, now=now)
    if not users.use_link(session, hash_token(secret)):
        raise NotFound("This link was used a moment ago.")
    set_password(session, person.id, password_hash, now=now, actor=replace(actor, id=person.id))
    return person


def set_password(
    session: Session, staff_id: str, password_hash: str, *, but: str = "", now: dt.datetime, actor: Actor
) -> None:
    """Store another password; all sessions end, except the one in `but`."""
    users.change(session, staff_id, password_hash=password_hash)
    sessions.end_all(session, staff_id, but=but)
    audit_log.record(session, actor, now, AuditAction("staff.password_set", "staff", staff_id))


def purge_expired(session: Session, now: dt.datetime) -> int:
    """Delete expired sessions, links and throttles; return how many."""
    ended = sessions.delete_over(session, seen_before=now - IDLE, now=now)
    return ended + users.delete_older_links(session, now) + login_throttles.delete_older(session, now)


def _link(session: Session, staff_id: str, secret: str, now: dt.datetime) -> None:
    users.add_link(session, hash_token(secret), staff_id, now=now, until=now + INVITATION_TTL)


def _keep_an_administrator(session: Session, before: Person, after: Person) -> None:
    """Refuse a change that leaves no one who can add staff. Raises Conflict.

    A user who was only invited has no password yet and does not replace one who has.
    """
    others = (each for each in users.list_all(session) if each.id != before.id)
    able = (each for each in (*others, after) if each.password_hash or not before.password_hash)
    if _administers(before) and not any(map(_administers, able)):
        raise Conflict(LAST)


def _administers(person: Person) -> bool:
    return person.active and "administrator" in person.roles


def _invalid_request(email: str, name: str) -> list[FieldError]:
    found = []
    if not EMAIL.fullmatch(email) or ".." in email:
        found.append(FieldError("/email", "wrong_format", "Write an e-mail address, as name@clinic.example."))
    if len(name) > MAX_NAME_LENGTH or not name.isprintable():
        found.append(
            FieldError("/name", "too_long", f"Write a name of at most {MAX_NAME_LENGTH} plain characters.")
        )
    return found


def _invalid_roles(roles: Collection[str]) -> list[FieldError]:
    if roles and set(roles) <= set(ROLES):
        return []
    return [FieldError("/roles", "unknown", f"Choose at least one role out of: {', '.join(ROLES)}.")]


def _ordered(roles: Collection[str]) -> tuple[str, ...]:
    return tuple(role for role in ROLES if role in roles)
