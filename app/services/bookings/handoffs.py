"""Handoffs: a person is asked, by a one-time link, to fill in the questionnaire before a visit.

Responsible for: creating, opening (once), revoking and reissuing links, and their expiry. Never: stores a
secret (only its hash), redirects to a site the clinic has not configured, or lets a link that is created
later open a submission that was already started, because its creator could then read the answers.
"""

import datetime as dt
import re
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Literal
from urllib.parse import urlencode

from uuid_utils import uuid7

from app.errors import Conflict, FieldError, InvalidRequest, NotFound, PreconditionFailed
from app.services import idempotency
from app.services.auth.authorization import hash_token
from app.storage.bookings import handoffs
from app.storage.bookings.handoffs import Handoff
from app.storage.db.database import Session
from app.storage.events.audit_log import Actor, AuditAction, record
from app.storage.submissions.submissions import ID

USUAL, LONGEST = dt.timedelta(days=14), dt.timedelta(days=90)
MAX_URL_LENGTH = 2000
SECRET = re.compile(r"[A-Za-z0-9_-]{43}")  # as created by forms.new_secret()
URL = re.compile(r"[\x21\x23-\x3b\x3d\x3f-\x5b\x5d-\x7e]+")  # visible ASCII except " < > and \
State = Literal["waiting", "opened", "revoked", "expired"]
Outcome = Literal["in_progress", "submitted"]


@dataclass(frozen=True, slots=True)
class NewHandoff:
    """A new link. `returns`: the origins it may redirect to."""

    booking_reference: str
    appointment_at: dt.datetime | None = None
    language: str | None = None
    expires_at: dt.datetime | None = None
    return_url: str | None = None
    test: bool = False
    returns: Collection[str] = ()


def build(wanted: NewHandoff, secret: str, *, key_id: str | None, now: dt.datetime) -> Handoff:
    """Return a new link, not stored yet. Raises Unprocessable with all errors."""
    found_issues = [*_times(wanted, now), *_return(wanted)]
    if found_issues:
        raise InvalidRequest("Look at each of the errors and send it again.", errors=found_issues)
    return Handoff(
        id=str(uuid7()),
        secret_hash=hash_token(secret),
        booking_reference=wanted.booking_reference,
        appointment_at=wanted.appointment_at,
        language=wanted.language,
        return_url=wanted.return_url,
        is_test=wanted.test,
        api_key_id=key_id,
        version=1,
        created_at=now,
        updated_at=now,
        expires_at=wanted.expires_at or _usual(wanted.appointment_at, now),
    )


def create(session: Session, handoff: Handoff, *, actor: Actor) -> None:
    """Store a new link."""
    handoffs.insert(session, handoff)
    record(session, actor, handoff.created_at, AuditAction("handoff.created", "handoff", handoff.id))


def state(handoff: Handoff, now: dt.datetime) -> State:
    """Return the state of a link; opened and revoked take precedence over expired."""
    if handoff.opened_at:
        return "opened"
    if handoff.revoked_at:
        return "revoked"
    return "waiting" if now < handoff.expires_at else "expired"


def find(session: Session, handoff: str, *, test: bool, lock: bool = False) -> Handoff:
    """Return one link; test links and live links are separate. Raises NotFound."""
    known = ID.fullmatch(handoff)  # invalid ids are not queried: they may contain a NUL
    found = handoffs.fetch(session, handoff, lock=lock) if known else None
    if found is None or found.is_test != test:
        raise NotFound("There is no such handoff, or its time is long over.")
    return found


def revoke(
    session: Session, handoff: str, *, test: bool, version: int | None, now: dt.datetime, actor: Actor
) -> Handoff:
    """Revoke a link, so that it can no longer be opened; one that is revoked already is returned unchanged.

    Raises NotFound and PreconditionFailed; Conflict when the link was opened.
    """
    found = find(session, handoff, test=test, lock=True)
    if found.revoked_at and version in (None, found.version, found.version - 1):
        return found
    _require_unopened(found, version, "Somebody has begun by this link; it opens nothing any more as it is.")
    return _changed(session, found, "handoff.revoked", now, actor, revoked_at=now)


def reissue(
    session: Session,
    handoff: str,
    secret: str,
    *,
    test: bool,
    version: int | None,
    now: dt.datetime,
    actor: Actor,
) -> Handoff:
    """Give a link a new secret; the previous one no longer works. An expired link gets the usual lifetime.

    Raises NotFound and PreconditionFailed; Conflict when it was opened or revoked.
    """
    found = find(session, handoff, test=test, lock=True)
    _require_unopened(found, version, "Somebody has begun by this link. Make a new handoff instead.")
    if found.revoked_at:
        raise Conflict("This link was taken back. Make a new handoff instead.")
    until = found.expires_at if now < found.expires_at else _usual(found.appointment_at, now)
    fresh = {"secret_hash": hash_token(secret), "expires_at": until}
    return _changed(session, found, "handoff.reissued", now, actor, **fresh)


# --- opening a link --------------------------------------------------------------------------------


def resolve_secret(session: Session, secret: str, *, now: dt.datetime) -> Handoff:
    """Return the link of a secret without using it up.

    Raises NotFound, which is the same for used, revoked, expired and unknown links.
    """
    return _opening(session, secret, now, lock=False)


def consume(session: Session, secret: str, submission: str, *, now: dt.datetime, actor: Actor) -> None:
    """Use up a link for a submission that was just stored, in the same transaction. Raises NotFound."""
    found = _opening(session, secret, now, lock=True)
    begun = {"opened_at": now, "submission_id": submission}
    _changed(session, found, "handoff.opened", now, actor, **begun)


def return_url(session: Session, submission: str, outcome: Outcome) -> str | None:
    """Return the URL that leads the person back to the booking, with only an opaque status; None without one.

    What the site wrote into the URL itself stays unchanged.
    """
    found = handoffs.of_submission(session, submission)
    if found is None or found.return_url is None:
        return None
    address, mark, fragment = found.return_url.partition("#")
    joint = "&" if "?" in address else "?"
    return f"{address}{joint}{urlencode({'status': outcome})}{mark}{fragment}"


def _opening(session: Session, secret: str, now: dt.datetime, *, lock: bool) -> Handoff:
    known = SECRET.fullmatch(secret)
    found = handoffs.by_secret(session, hash_token(secret), lock=lock) if known else None
    if found is None or not found.opens(now):
        raise NotFound("This link does not open anything any more.")
    return found


# --- validation ------------------------------------------------------------------------------------


def _usual(appointment_at: dt.datetime | None, now: dt.datetime) -> dt.datetime:
    """Return the usual expiry: at a future appointment, but at most `LONGEST` from now; otherwise `USUAL`."""
    if appointment_at is None or appointment_at <= now:
        return now + USUAL
    return min(appointment_at, now + LONGEST)


def _times(wanted: NewHandoff, now: dt.datetime) -> list[FieldError]:
    """Return the errors in the times of a new link."""
    found_issues = []
    if wanted.appointment_at and wanted.appointment_at <= now:
        found_issues.append(FieldError("/appointment_at", "past", "This is over; give a time to come."))
    if wanted.expires_at and not now < wanted.expires_at <= now + LONGEST:
        detail = f"A link opens until a time to come, at most {LONGEST.days} days from now."
        found_issues.append(FieldError("/expires_at", "out_of_range", detail))
    return found_issues


def _return(wanted: NewHandoff) -> list[FieldError]:
    """Return the errors in the return URL: it must start with an origin that the clinic has configured."""
    url = wanted.return_url
    if url is None:
        return []
    if len(url) > MAX_URL_LENGTH or not URL.fullmatch(url):
        detail = f"Give an absolute address of at most {MAX_URL_LENGTH:,} visible ASCII characters."
        return [FieldError("/return_url", "not_an_address", detail)]
    if not any(url == each or url.startswith((f"{each}/", f"{each}?")) for each in wanted.returns):
        detail = (
            "This site is not one the clinic lets a link lead back to (PRECONSULT_ALLOWED_RETURN_ORIGINS)."
        )
        return [FieldError("/return_url", "unknown_origin", detail)]
    return []


def _require_unopened(handoff: Handoff, version: int | None, detail: str) -> None:
    """Raise PreconditionFailed when the version differs, Conflict when the link was opened."""
    if version is not None and version != handoff.version:
        raise PreconditionFailed("It has changed in the meantime; fetch it again and repeat your change.")
    if handoff.opened_at:
        raise Conflict(detail)


def _changed(
    session: Session, handoff: Handoff, action: str, now: dt.datetime, actor: Actor, **values: object
) -> Handoff:
    """Return the link after a change.

    The stored response that contains its secret is deleted, whatever the change.
    """
    changes = values | {"version": handoff.version + 1, "updated_at": now}
    handoffs.change(session, handoff.id, **changes)
    idempotency.forget(session, handoff.id)
    record(session, actor, now, AuditAction(action, "handoff", handoff.id))
    return replace(handoff, **changes)  # type: ignore[arg-type]
