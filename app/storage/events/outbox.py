"""Events: the event feed (outbox) that API clients read.

Responsible for: the rows, in the order of their positions, and what the database still knows of the objects
of events. Never: stores texts or answers; an event has ids, a type, a state and times.
"""

import datetime as dt
from collections.abc import Collection, Sequence
from typing import NamedTuple

import sqlalchemy as sa

from app.storage.db.database import Session
from app.storage.tables.events import handoffs, outbox_events
from app.storage.tables.operations import audit_events
from app.storage.tables.submissions import flags, submissions

_OF = outbox_events.c
PURGED = 1000  # in one unit of work


class Event(NamedTuple):
    """An event. `position` is its position in the audit chain. `requires_review_scope`: only for
    clients with the scope `review`.
    """

    position: int
    id: str
    type: str
    at: dt.datetime
    is_test: bool
    requires_review_scope: bool
    submission_id: str | None
    handoff_id: str | None
    booking_reference: str | None
    state: str | None

    @property
    def ordering_key(self) -> str:
        """Its ordering key: the one-time link it all started with, else the submission."""
        return self.handoff_id or self.submission_id or self.id


class EventSubject(NamedTuple):
    """The objects of an event: a submission, the one-time link it was started with, or a link that is not
    opened yet.

    `status` and `review` are the states of the submission, while it is stored.
    """

    submission_id: str | None
    handoff_id: str | None
    booking_reference: str | None
    is_test: bool
    status: str | None = None
    review: str | None = None


class EventFilter(NamedTuple):
    """Which events a client reads. Empty `types` mean all types."""

    test: bool
    restricted: bool
    types: Collection[str] = ()


_COLUMNS = [_OF[name] for name in Event._fields]


def insert(session: Session, new: Sequence[Event]) -> None:
    """Insert new events."""
    session.execute(sa.insert(outbox_events), [each._asdict() for each in new])


def page(session: Session, wanted: EventFilter, *, after: int, until: int, limit: int) -> list[Event]:
    """Return the events after the position `after` and up to `until`, oldest first."""
    asked = sa.select(*_COLUMNS).where(
        _OF.position > after, _OF.position <= until, _OF.is_test == wanted.test
    )
    if not wanted.restricted:
        asked = asked.where(_OF.requires_review_scope.is_(False))
    if wanted.types:
        asked = asked.where(_OF.type.in_(list(wanted.types)))
    return [Event(*row) for row in session.execute(asked.order_by(_OF.position).limit(limit))]


def has_gap(session: Session, after: int, actions: Collection[str]) -> bool:
    """Return whether an event after that position was published once and is not stored any more.

    It is one statement: an event published between two statements would look lost.
    """
    oldest = sa.select(sa.func.min(_OF.position)).scalar_subquery()
    place = audit_events.c.chain_position
    asked = sa.select(place).where(place > after, audit_events.c.action.in_(list(actions)))
    asked = asked.where(sa.or_(oldest.is_(None), place < oldest))
    return session.execute(asked.limit(1)).first() is not None


def delete_older(session: Session, before: dt.datetime) -> int:
    """Delete the oldest events, up to the first that is not older than `before` and at most `PURGED` at a
    time, so that the rest has no gap. Returns how many.

    Times follow the order of positions only approximately.
    """
    oldest = sa.select(_OF.position, _OF.at).order_by(_OF.position).limit(PURGED)
    gone = 0
    for position, at in session.execute(oldest).all():
        if at >= before:
            break
        gone = position
    return session.execute(sa.delete(outbox_events).where(_OF.position <= gone)).rowcount if gone else 0


# --- objects of events -----------------------------------------------------------------------------


def of_submissions(session: Session, ids: Collection[str]) -> dict[str, EventSubject]:
    """Map each submission to what is known of it. For an erased one that is what was published before."""
    listed = list(ids)
    found: dict[str, EventSubject] = {}
    subjects = sa.select(_OF.submission_id, _OF.handoff_id, _OF.booking_reference, _OF.is_test)
    subjects = subjects.where(_OF.submission_id.in_(listed))
    begun = sa.select(*_OF_HANDOFF).where(handoffs.c.submission_id.in_(listed))
    for asked in (subjects.order_by(_OF.position), begun):
        found |= {row.submission_id: EventSubject(*row) for row in session.execute(asked)}
    names = ("id", "booking_reference", "is_test", "status", "review")
    rows = sa.select(*(submissions.c[name] for name in names)).where(submissions.c.id.in_(listed))
    for name, *rest in session.execute(rows):
        handoff = found[name].handoff_id if name in found else None
        found[name] = EventSubject(name, handoff, *rest)
    return found


def of_handoffs(session: Session, ids: Collection[str]) -> dict[str, EventSubject]:
    """Map each one-time link to what is known of it."""
    asked = sa.select(*_OF_HANDOFF).where(handoffs.c.id.in_(list(ids)))
    return {row.id: EventSubject(*row) for row in session.execute(asked)}


def of_flags(session: Session, ids: Collection[str]) -> dict[str, str]:
    """Map flags that have a due date to their submissions. Flags that were deleted with their submission
    are left out.
    """
    asked = sa.select(flags.c.id, flags.c.submission_id)
    asked = asked.where(flags.c.id.in_(list(ids)), flags.c.due_at.is_not(None))
    return {row.id: row.submission_id for row in session.execute(asked)}


def published_for(
    session: Session, submission_ids: Collection[str], types: Collection[str]
) -> set[tuple[str, str, dt.datetime]]:
    """Return (type, submission id, time) of the events of these types that were published for these
    submissions.
    """
    asked = sa.select(_OF.type, _OF.submission_id, _OF.at)
    asked = asked.where(_OF.submission_id.in_(list(submission_ids)), _OF.type.in_(list(types)))
    return {(row.type, row.submission_id, row.at) for row in session.execute(asked)}


_OF_HANDOFF = [
    handoffs.c.submission_id, handoffs.c.id, handoffs.c.booking_reference, handoffs.c.is_test,
]  # fmt: skip
