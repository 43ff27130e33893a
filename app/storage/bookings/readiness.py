"""Readiness: the state of the questionnaire of a booking.

Responsible for: finding, for many bookings at once, the submission that counts, the appointment, and when
the state of the submission last changed. Never: reads answers, contact details, flags or attention.
"""

import datetime as dt
from collections.abc import Collection
from typing import NamedTuple

import sqlalchemy as sa

from app.storage.db.database import Session
from app.storage.tables.events import handoffs
from app.storage.tables.operations import audit_events
from app.storage.tables.submissions import submissions

_OF = submissions.c


class BookingSubmission(NamedTuple):
    """The stored state of the submission that counts for a booking."""

    submission_id: str
    booking_reference: str
    status: str
    review: str
    edition: str
    submitted_at: dt.datetime | None


def current_submissions(
    session: Session, references: Collection[str], *, test: bool, now: dt.datetime
) -> list[BookingSubmission]:
    """Return, for each booking that has one, the submission that counts: the newest submitted one, else the
    newest draft.

    For a submission that was merged into another, the other one counts. A submission that is due for
    erasure does not count.
    """
    of = submissions.alias("counting")
    counts = sa.and_(of.c.id == sa.func.coalesce(_OF.merged_into_id, _OF.id), of.c.merged_into_id.is_(None))
    retained = sa.or_(of.c.retained_until > now, of.c.legal_hold.is_(True))
    first = (of.c.status == "submitted").desc(), of.c.id.desc()
    order = sa.func.row_number().over(partition_by=_OF.booking_reference, order_by=first).label("place")
    columns = of.c.id, _OF.booking_reference, of.c.status, of.c.review, of.c.edition, of.c.submitted_at
    asked = sa.select(*columns, order).select_from(submissions.join(of, counts))
    found = asked.where(_OF.booking_reference.in_(list(references)), _OF.is_test == test, retained).subquery()
    rows = session.execute(sa.select(found).where(found.c.place == 1))
    return [BookingSubmission(*row[:-1]) for row in rows]


def appointments(session: Session, references: Collection[str], *, test: bool) -> dict[str, dt.datetime]:
    """Map each booking to its appointment, taken from the newest link that has one."""
    link = handoffs.c
    asked = sa.select(link.booking_reference, link.appointment_at).order_by(link.id)
    asked = asked.where(link.booking_reference.in_(list(references)), link.is_test == test)
    rows = session.execute(asked.where(link.appointment_at.is_not(None)))
    return {row.booking_reference: row.appointment_at for row in rows}


def last_changed(
    session: Session, submission_ids: Collection[str], actions: Collection[str]
) -> dict[str, dt.datetime]:
    """Map each submission to the time of the last of these actions on it."""
    act = audit_events.c
    asked = sa.select(act.object_id, sa.func.max(act.at)).group_by(act.object_id)
    asked = asked.where(act.object_id.in_(list(submission_ids)), act.action.in_(list(actions)))
    return {row[0]: row[1] for row in session.execute(asked)}
