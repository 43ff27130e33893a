"""Staff users, their one-time links and their recovery codes.

Responsible for: the rows; links and codes are stored by hash. Never: stores passwords and secrets in clear
text, or handles sessions (sessions.py).
"""

import datetime as dt
from dataclasses import dataclass
from typing import Any, cast

import sqlalchemy as sa

from app.storage.db.database import Session
from app.storage.tables.auth import recovery_codes, staff_invitations, staff_users


@dataclass(frozen=True, slots=True)
class Person:
    """A staff user. `password_hash`: PHC string; `totp_last_used_step`: the last time step used."""

    id: str
    email: str
    name: str
    roles: tuple[str, ...]
    password_hash: str | None
    totp_secret_encrypted: bytes | None
    totp_last_used_step: int | None
    created_at: dt.datetime
    disabled_at: dt.datetime | None

    @property
    def active(self) -> bool:
        return self.disabled_at is None


def person(row: sa.RowMapping) -> Person:
    """Convert a row of the table to a staff user."""
    plain = {name: row[name] for name in Person.__slots__ if name != "roles"}
    return Person(roles=tuple(row["roles"].split()), **plain)


# --- users -----------------------------------------------------------------------------------------


def insert(session: Session, new: Person) -> bool:
    """Insert a new staff user. Returns False when one with this e-mail address exists."""
    if by_email(session, new.email) is not None:
        return False
    row = {name: getattr(new, name) for name in Person.__slots__} | {"roles": " ".join(new.roles)}
    session.execute(sa.insert(staff_users), row)
    return True


def fetch(session: Session, staff_id: str) -> Person | None:
    """Return one staff user, or None."""
    row = session.execute(sa.select(staff_users).where(staff_users.c.id == staff_id)).mappings().first()
    return None if row is None else person(row)


def by_email(session: Session, email: str) -> Person | None:
    """Return the staff user with this e-mail address, given in lower case, or None."""
    row = session.execute(sa.select(staff_users).where(staff_users.c.email == email)).mappings().first()
    return None if row is None else person(row)


def list_all(session: Session) -> list[Person]:
    """Return all staff users, ordered by name."""
    asked = sa.select(staff_users).order_by(sa.func.lower(staff_users.c.name), staff_users.c.id)
    return [person(row) for row in session.execute(asked).mappings()]


def change(session: Session, staff_id: str, **values: Any) -> None:
    """Set columns of one staff user."""
    session.execute(sa.update(staff_users).where(staff_users.c.id == staff_id), values)


def lock_table(session: Session) -> None:
    """Take a lock so that no other transaction changes staff users until this one ends (SQLite has one
    writer anyway).
    """
    if session.dialect.name != "sqlite":
        session.exec_driver_sql("LOCK TABLE staff_users IN EXCLUSIVE MODE")


def consume_totp_step(session: Session, staff_id: str, step: int) -> bool:
    """Use up the code of this time step. Returns False when it, or a later one, has been used."""
    unused = sa.or_(staff_users.c.totp_last_used_step.is_(None), staff_users.c.totp_last_used_step < step)
    asked = sa.update(staff_users).where(staff_users.c.id == staff_id, unused)
    return session.execute(asked, {"totp_last_used_step": step}).rowcount == 1


def encrypted_totp_secrets(session: Session) -> list[tuple[str, bytes]]:
    """Return (id, encrypted secret) of every staff user who has a second factor."""
    asked = sa.select(staff_users.c.id, staff_users.c.totp_secret_encrypted).where(
        staff_users.c.totp_secret_encrypted.is_not(None)
    )
    return [(row.id, row.totp_secret_encrypted) for row in session.execute(asked)]


def replace_totp_secret(session: Session, staff_id: str, old: bytes, new: bytes) -> None:
    """Replace an encrypted secret, unless it has changed in the meantime."""
    session.execute(
        sa.update(staff_users).where(
            staff_users.c.id == staff_id, staff_users.c.totp_secret_encrypted == old
        ),
        {"totp_secret_encrypted": new},
    )


# --- one-time links --------------------------------------------------------------------------------


def add_link(
    session: Session, secret_hash: bytes, staff_id: str, *, now: dt.datetime, until: dt.datetime
) -> None:
    """Insert a link, and delete any older ones of this staff user."""
    drop_links(session, staff_id)
    row = {"secret_hash": secret_hash, "staff_id": staff_id, "created_at": now, "expires_at": until}
    session.execute(sa.insert(staff_invitations), row)


def by_link(session: Session, secret_hash: bytes, now: dt.datetime) -> Person | None:
    """Return the staff user of a link that has not expired, or None."""
    live = sa.and_(staff_invitations.c.secret_hash == secret_hash, staff_invitations.c.expires_at > now)
    asked = (
        sa.select(staff_users)
        .join(staff_invitations, staff_invitations.c.staff_id == staff_users.c.id)
        .where(live)
    )
    row = session.execute(asked).mappings().first()
    return None if row is None else person(row)


def use_link(session: Session, secret_hash: bytes) -> bool:
    """Delete a link. Returns False when it does not exist, for example because it has just been used."""
    asked = sa.delete(staff_invitations).where(staff_invitations.c.secret_hash == secret_hash)
    return session.execute(asked).rowcount == 1


def drop_links(session: Session, staff_id: str) -> None:
    """Delete every link of a staff user."""
    session.execute(sa.delete(staff_invitations).where(staff_invitations.c.staff_id == staff_id))


def delete_older_links(session: Session, before: dt.datetime) -> int:
    """Delete the links that had expired by then. Returns how many."""
    return session.execute(
        sa.delete(staff_invitations).where(staff_invitations.c.expires_at <= before)
    ).rowcount


def pending_invitations(session: Session, now: dt.datetime) -> dict[str, dt.datetime]:
    """Map the ids of staff users who have a link that has not expired to its expiry time."""
    asked = sa.select(staff_invitations.c.staff_id, staff_invitations.c.expires_at).where(
        staff_invitations.c.expires_at > now
    )
    return {row.staff_id: cast("dt.datetime", row.expires_at) for row in session.execute(asked)}


# --- recovery codes --------------------------------------------------------------------------------


def replace_codes(session: Session, staff_id: str, hashes: list[bytes]) -> None:
    """Replace the recovery codes of a staff user with these; an empty list only deletes the old ones."""
    session.execute(sa.delete(recovery_codes).where(recovery_codes.c.staff_id == staff_id))
    if hashes:
        session.execute(
            sa.insert(recovery_codes), [{"code_hash": each, "staff_id": staff_id} for each in hashes]
        )


def consume_recovery_code(session: Session, staff_id: str, code_hash: bytes) -> bool:
    """Use up a recovery code. Returns False when this staff user has no such code."""
    mine = sa.and_(recovery_codes.c.code_hash == code_hash, recovery_codes.c.staff_id == staff_id)
    return session.execute(sa.delete(recovery_codes).where(mine)).rowcount == 1


def count_recovery_codes(session: Session, staff_id: str) -> int:
    """Return how many recovery codes a staff user has left."""
    asked = sa.select(sa.func.count()).where(recovery_codes.c.staff_id == staff_id)
    return int(session.execute(asked).scalar_one())
