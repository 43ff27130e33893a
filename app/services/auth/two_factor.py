"""Two-factor authentication: codes of an authenticator app (RFC 6238), and recovery codes.

Responsible for: 6 digits, 30 seconds, one step of skew; each code works once. Recovery codes, for when the
app is lost, are stored by hash, the app's secret encrypted. Never: accepts a code of a step used before, or
shows a secret once it is in use.
"""

import base64
import binascii
import datetime as dt
import re
import secrets
from urllib.parse import quote

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor import InvalidToken
from cryptography.hazmat.primitives.twofactor.totp import TOTP

from app.encryption import DecryptionError, Keyring
from app.errors import Conflict, InvalidRequest
from app.services.auth.authorization import hash_token
from app.storage.auth import users
from app.storage.auth.users import Person
from app.storage.db.database import Session
from app.storage.events import audit_log
from app.storage.events.audit_log import Actor, AuditAction

STEP, SECRET_BYTES, CODES = 30, 20, 10
DIGITS, RECOVERY = re.compile(r"[0-9]{6}"), re.compile(r"[a-z2-7]{16}")
MAX_CODE_LENGTH = 64
Place = tuple[str, str, str]


# --- set-up ----------------------------------------------------------------------------------------


def new_enrolment(keyring: Keyring, staff_id: str) -> str:
    """Return a new secret, encrypted, for this user to send back with the first code; nothing is stored."""
    sealed = keyring.seal(secrets.token_bytes(SECRET_BYTES), *_offered(staff_id))
    return base64.urlsafe_b64encode(sealed).decode()


def read_enrolment(keyring: Keyring, staff_id: str, offer_text: str) -> bytes | None:
    """Return the secret of an offer; None when it is invalid or was made for another user."""
    try:
        sealed = base64.b64decode(offer_text.encode("ascii", "replace"), b"-_", validate=True)
        return keyring.open(sealed, *_offered(staff_id))
    except (binascii.Error, DecryptionError):
        return None


def format_secret(secret: bytes) -> str:
    """Return the secret as users type it into an app: groups of four characters."""
    text = base64.b32encode(secret).decode()
    return " ".join(text[place : place + 4] for place in range(0, len(text), 4))


def otpauth_uri(secret: bytes, email: str, clinic: str) -> str:
    """Return the `otpauth:` URI that apps read from a QR code."""
    key, issuer = base64.b32encode(secret).decode(), quote(clinic, safe="")
    return f"otpauth://totp/{issuer}:{quote(email, safe='@')}?secret={key}&issuer={issuer}"


def enrol(
    session: Session,
    keyring: Keyring,
    staff_id: str,
    offer_text: str,
    code: str,
    *,
    now: dt.datetime,
    actor: Actor,
) -> list[str]:
    """Enable an offered secret, given a valid code of it; return the recovery codes, to be shown once.

    Raises Conflict when the offer is invalid, Unprocessable when the code is wrong.
    """
    secret = read_enrolment(keyring, staff_id, offer_text)
    if secret is None:
        raise Conflict("This page is too old. Open it again, and let the app read the new picture.")
    step = _step_of(secret, _typed(code), now)
    if step is None:
        raise InvalidRequest(
            "This code does not fit. Check the time on your phone, and type the newest code."
        )
    users.change(
        session,
        staff_id,
        totp_secret_encrypted=keyring.seal(secret, *_secret_place(staff_id)),
        totp_last_used_step=step,
    )
    audit_log.record(session, actor, now, AuditAction("staff.second_factor_set_up", "staff", staff_id))
    return _fresh_codes(session, staff_id)


def disable(session: Session, staff_id: str, *, now: dt.datetime, actor: Actor) -> None:
    """Remove the second factor and the recovery codes."""
    users.change(session, staff_id, totp_secret_encrypted=None, totp_last_used_step=None)
    users.replace_codes(session, staff_id, [])
    audit_log.record(session, actor, now, AuditAction("staff.second_factor_removed", "staff", staff_id))


def regenerate_recovery_codes(
    session: Session, staff_id: str, *, now: dt.datetime, actor: Actor
) -> list[str]:
    """Create new recovery codes, to be shown once, and return them; the older ones no longer work."""
    audit_log.record(session, actor, now, AuditAction("staff.recovery_codes_made", "staff", staff_id))
    return _fresh_codes(session, staff_id)


# --- verification ----------------------------------------------------------------------------------


def verify_code(
    session: Session, keyring: Keyring, person: Person, code: str, *, now: dt.datetime, actor: Actor
) -> bool:
    """Return whether this is an unused code of the app or an unused recovery code; it is then used up."""
    typed = _typed(code)
    if RECOVERY.fullmatch(typed):
        used = users.consume_recovery_code(session, person.id, _code_hash(person.id, typed))
        if used:
            audit_log.record(session, actor, now, AuditAction("staff.recovery_code_used", "staff", person.id))
        return used
    if person.totp_secret_encrypted is None:
        return False
    step = _step_of(keyring.open(person.totp_secret_encrypted, *_secret_place(person.id)), typed, now)
    return step is not None and users.consume_totp_step(session, person.id, step)


def reseal(session: Session, keyring: Keyring) -> int:
    """Encrypt every secret with the newest key of the keyring; return how many were re-encrypted."""
    moved = 0
    for staff_id, sealed in users.encrypted_totp_secrets(session):
        if not sealed.startswith(keyring.newest.encode() + b"."):
            newer = keyring.seal(keyring.open(sealed, *_secret_place(staff_id)), *_secret_place(staff_id))
            users.replace_totp_secret(session, staff_id, sealed, newer)
            moved += 1
    return moved


def _step_of(secret: bytes, typed: str, now: dt.datetime) -> int | None:
    """Return the time step this code belongs to: the current one or one of its neighbours; otherwise None."""
    if not DIGITS.fullmatch(typed):
        return None
    current, app = int(now.timestamp()) // STEP, TOTP(secret, 6, SHA1(), STEP)  # noqa: S303 - RFC 6238
    for step in (current, current - 1, current + 1):
        try:
            app.verify(typed.encode(), step * STEP)
        except InvalidToken:
            continue
        return step
    return None


def _fresh_codes(session: Session, staff_id: str) -> list[str]:
    made = [base64.b32encode(secrets.token_bytes(10)).decode().lower() for _ in range(CODES)]
    users.replace_codes(session, staff_id, [_code_hash(staff_id, code) for code in made])
    return ["-".join(code[place : place + 4] for place in range(0, 16, 4)) for code in made]


def _code_hash(staff_id: str, typed: str) -> bytes:
    """Return the hash of a recovery code; its 80 random bits need no slow hash."""
    return hash_token(f"{staff_id} {typed}")


def _typed(code: str) -> str:
    """Return a code without spaces and dashes, in lower case; "" when it is too long."""
    return re.sub(r"[\s-]", "", code).lower() if len(code) <= MAX_CODE_LENGTH else ""


def _secret_place(staff_id: str) -> Place:
    return ("staff", "totp", staff_id)


def _offered(staff_id: str) -> Place:
    return ("staff", "totp offered", staff_id)
