"""Handoffs: a person is asked, by a one-time link, to fill in the questionnaire before a visit.

Office: links made, opened once, taken back, made anew; until when each opens. Refuses: to keep a secret (its
hash alone), to lead back to sites the clinic has not named, and to let a link that is made later open what
somebody has begun: whoever makes links could read answers by it.
"""

import datetime as dt
import re
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Literal
from urllib.parse import urlencode

from uuid_utils import uuid7

from app.errors import Conflict, Error, NotFound, PreconditionFailed, Unprocessable
from app.services import idempotency
from app.services.access import token_hash
from app.storage import handoffs
from app.storage.audit import Act, Actor, record
from app.storage.database import Session
from app.storage.handoffs import Handoff
from app.storage.submissions import ID

USUAL, LONGEST = dt.timedelta(days=14), dt.timedelta(days=90)
LONGEST_URL = 2000
SECRET = re.compile(r"[A-Za-z0-9_-]{43}")  # as forms.new_secret() makes them
URL = re.compile(r"[\x21\x23-\x3b\x3d\x3f-\x5b\x5d-\x7e]+")  # visible ASCII but " < > and \
State = Literal["waiting", "opened", "revoked", "expired"]
Outcome = Literal["in_progress", "submitted"]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a new link is to be. `returns`: the origins it may lead back to."""

    booking_reference: str
    appointment_at: dt.datetime | None = None
    language: str | None = None
    expires_at: dt.datetime | None = None
    return_url: str | None = None
    test: bool = False
    returns: Collection[str] = ()


def draw_up(wanted: Wanted, secret: str, *, key_id: str | None, now: dt.datetime) -> Handoff:
    """A new link, not kept yet. Raises Unprocessable with everything that can't be."""
    amiss = [*_times(wanted, now), *_return(wanted)]
    if amiss:
        raise Unprocessable("Look at each of the errors and send it again.", errors=amiss)
    return Handoff(
        id=str(uuid7()),
        secret_hash=token_hash(secret),
        booking_reference=wanted.booking_reference,
        appointment_at=wanted.appointment_at,
        language=wanted.language,
        return_url=wanted.return_url,
        test=wanted.test,
        api_key_id=key_id,
        version=1,
        created_at=now,
        updated_at=now,
        expires_at=wanted.expires_at or _usual(wanted.appointment_at, now),
    )


def keep(session: Session, handoff: Handoff, *, actor: Actor) -> None:
    """Keep a new link."""
    handoffs.insert(session, handoff)
    record(session, actor, handoff.created_at, Act("handoff.created", "handoff", handoff.id))


def state(handoff: Handoff, now: dt.datetime) -> State:
    """Where it stands: what became of it comes before its time."""
    if handoff.opened_at:
        return "opened"
    if handoff.revoked_at:
        return "revoked"
    return "waiting" if now < handoff.expires_at else "expired"


def find(session: Session, handoff: str, *, test: bool, lock: bool = False) -> Handoff:
    """One link; those of tests and others do not know of each other. Raises NotFound."""
    known = ID.fullmatch(handoff)  # what is no id is not looked for: it may hold a NUL
    found = handoffs.fetch(session, handoff, lock=lock) if known else None
    if found is None or found.test != test:
        raise NotFound("There is no such handoff, or its time is long over.")
    return found


def revoke(
    session: Session, handoff: str, *, test: bool, version: int | None, now: dt.datetime, actor: Actor
) -> Handoff:
    """Take a link back: it opens nothing any more; one that is taken back already is given as it is.

    Raises NotFound, PreconditionFailed and, once somebody has begun by it, Conflict.
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
    """Give a link another secret; the one before opens nothing. One that had expired gets a usual life.

    Raises NotFound, PreconditionFailed and, when it was opened or revoked, Conflict.
    """
    found = find(session, handoff, test=test, lock=True)
    _require_unopened(found, version, "Somebody has begun by this link. Make a new handoff instead.")
    if found.revoked_at:
        raise Conflict("This link was taken back. Make a new handoff instead.")
    until = found.expires_at if now < found.expires_at else _usual(found.appointment_at, now)
    fresh = {"secret_hash": token_hash(secret), "expires_at": until}
    return _changed(session, found, "handoff.reissued", now, actor, **fresh)


# --- the person's side -----------------------------------------------------------------------------


def look(session: Session, secret: str, *, now: dt.datetime) -> Handoff:
    """What a secret opens; looking uses nothing up. Used, revoked, expired and unknown are one NotFound."""
    return _opening(session, secret, now, lock=False)


def begin(session: Session, secret: str, submission: str, *, now: dt.datetime, actor: Actor) -> None:
    """Use a link up for a submission that was just kept, in the same transaction. Raises NotFound."""
    found = _opening(session, secret, now, lock=True)
    begun = {"opened_at": now, "submission_id": submission}
    _changed(session, found, "handoff.opened", now, actor, **begun)


def way_back(session: Session, submission: str, outcome: Outcome) -> str | None:
    """The address a person goes back to the booking by, with an opaque status alone; None when there is none.

    What the site wrote into the address itself stays as it is.
    """
    found = handoffs.of_submission(session, submission)
    if found is None or found.return_url is None:
        return None
    address, mark, fragment = found.return_url.partition("#")
    joint = "&" if "?" in address else "?"
    return f"{address}{joint}{urlencode({'status': outcome})}{mark}{fragment}"


def _opening(session: Session, secret: str, now: dt.datetime, *, lock: bool) -> Handoff:
    known = SECRET.fullmatch(secret)
    found = handoffs.by_secret(session, token_hash(secret), lock=lock) if known else None
    if found is None or not found.opens(now):
        raise NotFound("This link does not open anything any more.")
    return found


# --- what can be -----------------------------------------------------------------------------------


def _usual(appointment_at: dt.datetime | None, now: dt.datetime) -> dt.datetime:
    """Until the appointment when there is one to come, within bounds."""
    if appointment_at is None or appointment_at <= now:
        return now + USUAL
    return min(appointment_at, now + LONGEST)


def _times(wanted: Wanted, now: dt.datetime) -> list[Error]:
    """What is amiss with the times of a new link."""
    amiss = []
    if wanted.appointment_at and wanted.appointment_at <= now:
        amiss.append(Error("/appointment_at", "past", "This is over; give a time to come."))
    if wanted.expires_at and not now < wanted.expires_at <= now + LONGEST:
        told = f"A link opens until a time to come, at most {LONGEST.days} days from now."
        amiss.append(Error("/expires_at", "out_of_range", told))
    return amiss


def _return(wanted: Wanted) -> list[Error]:
    """What is amiss with the way back: it begins with a whole origin that the clinic has named."""
    url = wanted.return_url
    if url is None:
        return []
    if len(url) > LONGEST_URL or not URL.fullmatch(url):
        told = f"Give an absolute address of at most {LONGEST_URL:,} visible ASCII characters."
        return [Error("/return_url", "not_an_address", told)]
    if not any(url == each or url.startswith((f"{each}/", f"{each}?")) for each in wanted.returns):
        told = "This site is not one the clinic lets a link lead back to (PRECONSULT_RETURN_ORIGINS)."
        return [Error("/return_url", "unknown_origin", told)]
    return []


def _require_unopened(handoff: Handoff, version: int | None, told: str) -> None:
    """Raises PreconditionFailed at another version than was seen, Conflict once somebody has begun."""
    if version is not None and version != handoff.version:
        raise PreconditionFailed("It has changed in the meantime; fetch it again and repeat your change.")
    if handoff.opened_at:
        raise Conflict(told)


def _changed(
    session: Session, handoff: Handoff, action: str, now: dt.datetime, actor: Actor, **values: object
) -> Handoff:
    """A link as it is now; the kept answer that had its secret goes, whatever the change."""
    changes = values | {"version": handoff.version + 1, "updated_at": now}
    handoffs.change(session, handoff.id, **changes)
    idempotency.forget(session, handoff.id)
    record(session, actor, now, Act(action, "handoff", handoff.id))
    return replace(handoff, **changes)  # type: ignore[arg-type]
