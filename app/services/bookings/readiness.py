"""Readiness: whether the questionnaire of a booking is done, for the system that holds the booking.

Responsible for: one state and a few times. Never: reveals anything else. Notes of staff and the content of
answers change nothing here; an unknown booking reads the same as one whose person has not started.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, cast

from app.services.events import event_types
from app.services.events.event_types import ACTIONS, RESTRICTED
from app.storage.bookings import readiness
from app.storage.bookings.readiness import BookingSubmission
from app.storage.db.database import Session

State = Literal["not_started", "in_progress", "submitted", "in_review", "ready", "needs_contact", "stale"]
# the actions that change it; other actions on a submission are not published, not even their time
CHANGING = [act for act, (kind, _) in ACTIONS.items() if kind not in RESTRICTED]


@dataclass(frozen=True, slots=True)
class Readiness:
    """The readiness of one booking.

    `updated_at`: when its state last changed, None when no one has started.
    """

    booking_reference: str
    state: State
    updated_at: dt.datetime | None = None
    submitted_at: dt.datetime | None = None
    appointment_at: dt.datetime | None = None
    edition: str | None = None


def get_readiness(
    session: Session, references: Sequence[str], *, test: bool, fresh_for: dt.timedelta, now: dt.datetime
) -> list[Readiness]:
    """Return the readiness of each booking, in the order requested.

    `fresh_for`: what was submitted longer than this before the appointment (or before now, without one) is
    stale.
    """
    asked = set(references)
    found = {
        each.booking_reference: each
        for each in readiness.current_submissions(session, asked, test=test, now=now)
    }
    changed = readiness.last_changed(session, [each.submission_id for each in found.values()], CHANGING)
    when = readiness.appointments(session, asked, test=test)
    states = []
    for reference in references:
        standing, appointment = found.get(reference), when.get(reference)
        if standing is None:
            states.append(Readiness(reference, "not_started", appointment_at=appointment))
            continue
        state = _state(standing, fresh_for, appointment or now)
        at = changed.get(standing.submission_id)
        states.append(Readiness(reference, state, at, standing.submitted_at, appointment, standing.edition))
    return states


def _state(standing: BookingSubmission, fresh_for: dt.timedelta, by: dt.datetime) -> State:
    """Return the state; `needs_contact` takes precedence over `stale`."""
    state = cast("State", event_types.booking_state(standing.status, standing.review))
    sent = standing.submitted_at
    old = sent is not None and sent < by - fresh_for
    return "stale" if old and state not in ("needs_contact", "in_progress") else state
