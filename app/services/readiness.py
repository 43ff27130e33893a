"""Readiness: whether the questionnaire of a booking is done, for whoever has the booking.

Office: one state and a few times. Refuses: everything else. That staff wrote a note, or what anybody
answered, changes nothing here; a booking nobody has heard of is one whose person has not begun.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, cast

from app.services import events
from app.services.events import ACTIONS, RESTRICTED
from app.storage import readiness
from app.storage.database import Session
from app.storage.readiness import Standing

State = Literal["not_started", "in_progress", "submitted", "in_review", "ready", "needs_contact", "stale"]
# which acts change it; the other acts on a submission are not told, not even by a time
CHANGING = [act for act, (kind, _) in ACTIONS.items() if kind not in RESTRICTED]


@dataclass(frozen=True, slots=True)
class Readiness:
    """`updated_at`: when its state last changed, None when nobody has begun."""

    booking_reference: str
    state: State
    updated_at: dt.datetime | None = None
    submitted_at: dt.datetime | None = None
    appointment_at: dt.datetime | None = None
    edition: str | None = None


def of_bookings(
    session: Session, references: Sequence[str], *, test: bool, fresh_for: dt.timedelta, now: dt.datetime
) -> list[Readiness]:
    """How each booking stands, in the order asked. `fresh_for`: what was sent so long before is stale."""
    asked = set(references)
    found = {each.booking_reference: each for each in readiness.standings(session, asked, test=test, now=now)}
    changed = readiness.changed(session, [each.submission_id for each in found.values()], CHANGING)
    when = readiness.appointments(session, asked, test=test)
    told = []
    for reference in references:
        standing, appointment = found.get(reference), when.get(reference)
        if standing is None:
            told.append(Readiness(reference, "not_started", appointment_at=appointment))
            continue
        state = _state(standing, fresh_for, appointment or now)
        at = changed.get(standing.submission_id)
        told.append(Readiness(reference, state, at, standing.submitted_at, appointment, standing.edition))
    return told


def _state(standing: Standing, fresh_for: dt.timedelta, by: dt.datetime) -> State:
    """A person who has to be reached comes before the age of what they sent."""
    state = cast("State", events.standing(standing.status, standing.review))
    sent = standing.submitted_at
    old = sent is not None and sent < by - fresh_for
    return "stale" if old and state not in ("needs_contact", "in_progress") else state
