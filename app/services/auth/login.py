"""Login: how often a user may try, and what a successful and a failed attempt record in the audit log.

Responsible for: the password, then the second factor if there is one, then a session. Never: reveals who is
on the staff, locks an account (each network has its own count of password attempts), or counts attempts that
it rejects.
"""

import datetime as dt
import re
from dataclasses import dataclass, replace

from app.encryption import Keyring
from app.errors import SessionEnded, TooManyRequests
from app.services.auth import sessions, two_factor
from app.services.auth.users import EMAIL
from app.storage.auth import login_throttles, users
from app.storage.auth.login_throttles import Rate
from app.storage.auth.users import Person
from app.storage.db.database import Session
from app.storage.events import audit_log
from app.storage.events.audit_log import Actor, AuditAction
from app.storage.submissions.submissions import ID

PER_ACCOUNT = Rate(5, dt.timedelta(seconds=30))
PER_NETWORK = Rate(30, dt.timedelta(seconds=2))
PER_CODES = Rate(30, dt.timedelta(minutes=1))  # by anyone with the password, from any network
UNTIL = re.compile(r"[0-9]{1,12}")
STEP_LIVES = dt.timedelta(minutes=5)  # between password and second factor


@dataclass(frozen=True, slots=True)
class LoginAttempt:
    """A login attempt: the account named and the network it comes from."""

    email: str
    network: str

    def buckets(self, keyring: Keyring) -> tuple[tuple[bytes, Rate], ...]:
        """Return the throttling buckets, under names that reveal nothing."""
        account = keyring.digest("throttle account", f"{self.email}|{self.network}".encode())
        network = keyring.digest("throttle network", self.network.encode())
        return (network, PER_NETWORK), (account, PER_ACCOUNT)


def throttle(
    session: Session, keyring: Keyring, who: LoginAttempt, *, now: dt.datetime, code: bool = False
) -> Person | None:
    """Count an attempt before anything is hashed; return the account it names, if any. Raises TooMany.

    A `code` has few digits, so attempts at it are also counted for the account over all networks.
    """
    buckets = who.buckets(keyring)
    if code:
        everywhere = keyring.digest("throttle codes", who.email.encode())
        buckets = (*buckets, (everywhere, PER_CODES))
    pause = max(login_throttles.retry_after(session, bucket, rate, now) for bucket, rate in buckets)
    if pause:
        raise TooManyRequests(
            "There were many tries to sign in. Wait a little, then try again.", retry_after=pause
        )
    for bucket, rate in buckets:
        login_throttles.hit(session, bucket, rate, now)
    return users.by_email(session, who.email) if EMAIL.fullmatch(who.email) else None


def record_failure(session: Session, person: Person | None, *, now: dt.datetime, actor: Actor) -> None:
    """Record a failed attempt in the audit log."""
    audit_log.record(
        session, actor, now, AuditAction("staff.sign_in_failed", "staff", person.id if person else None)
    )


def start_session(
    session: Session,
    keyring: Keyring,
    person: Person,
    who: LoginAttempt,
    secret: str,
    *,
    now: dt.datetime,
    actor: Actor,
) -> bool:
    """Start a session for an authenticated user.

    Returns False when the user was disabled, or their password changed, in the meantime.
    """
    current = users.fetch(session, person.id)
    if current is None or not current.active or current.password_hash != person.password_hash:
        return False
    sessions.create(session, person.id, secret, now=now)
    audit_log.record(session, _as(actor, person), now, AuditAction("staff.signed_in", "staff", person.id))
    login_throttles.reset(session, who.buckets(keyring)[1][0])
    return True


def start_session_with_code(
    session: Session,
    keyring: Keyring,
    person: Person,
    code: str,
    who: LoginAttempt,
    secret: str,
    *,
    now: dt.datetime,
    actor: Actor,
) -> bool:
    """Start a session, given a valid code of the second factor; a wrong code is recorded in the audit log."""
    if two_factor.verify_code(session, keyring, person, code, now=now, actor=_as(actor, person)):
        return start_session(session, keyring, person, who, secret, now=now, actor=actor)
    record_failure(session, person, now=now, actor=actor)
    return False


def confirm(
    session: Session,
    person: Person,
    session_id: str,
    who: LoginAttempt,
    keyring: Keyring,
    *,
    now: dt.datetime,
    actor: Actor,
) -> None:
    """Record that the password was entered again: the session is fresh."""
    sessions.confirm(session, session_id, now=now)
    audit_log.record(session, actor, now, AuditAction("staff.confirmed", "staff", person.id))
    login_throttles.reset(session, who.buckets(keyring)[1][0])


# --- between the steps -----------------------------------------------------------------------------


def issue_mfa_token(keyring: Keyring, person: Person, *, now: dt.datetime) -> str:
    """Return the token between password and second factor: `<id>.<until>.<signature>`."""
    stem = f"{person.id}.{int((now + STEP_LIVES).timestamp())}"
    return f"{stem}.{keyring.sign('staff step', _bound(stem, person))}"


def read_mfa_token(session: Session, keyring: Keyring, held: str, *, now: dt.datetime) -> Person:
    """Return the user who entered the password within the last 5 minutes. Raises SessionEnded."""
    staff_id, _, rest = held.partition(".")
    until, _, signature = rest.partition(".")
    person = users.fetch(session, staff_id) if ID.fullmatch(staff_id) and UNTIL.fullmatch(until) else None
    if person is None or not person.active or not person.password_hash:
        raise SessionEnded("Begin again with your e-mail address and password.")
    bound = _bound(f"{staff_id}.{until}", person)
    if not keyring.signed("staff step", bound, signature) or int(until) <= now.timestamp():
        raise SessionEnded("That took a while. Begin again with your e-mail address and password.")
    return person


def _bound(stem: str, person: Person) -> bytes:
    """Return what the token signs; with the password hash in it, the token ends when the password changes."""
    return f"{stem}.{person.password_hash}".encode()


def _as(actor: Actor, person: Person) -> Actor:
    return replace(actor, id=person.id)
