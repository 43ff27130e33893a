"""Events: the feed that other programs read.

Office: rows, in the order of their positions; of what they tell as far as the database still knows. Refuses:
words and answers; an event has ids, a type, a state and times.
"""

import datetime as dt
from collections.abc import Collection, Sequence
from typing import NamedTuple

import sqlalchemy as sa

from app.storage.database import Session
from app.storage.tables import audit_events, flags, submissions
from app.storage.told import events, handoffs

_OF = events.c
PURGED = 1000  # in one unit of work


class Event(NamedTuple):
    """`position`: its place in the audit chain. `restricted`: told only to whoever has the scope `review`."""

    position: int
    id: str
    type: str
    at: dt.datetime
    test: bool
    restricted: bool
    submission_id: str | None
    handoff_id: str | None
    booking_reference: str | None
    state: str | None

    @property
    def subject(self) -> str:
        """What its order is kept by: the one-time link all began with, else the submission."""
        return self.handoff_id or self.submission_id or self.id


class Subject(NamedTuple):
    """What an event is of: a submission, the one-time link it was begun by, or a link nobody has opened.

    `status` and `review`: where the submission stands, while it is kept.
    """

    submission_id: str | None
    handoff_id: str | None
    booking_reference: str | None
    test: bool
    status: str | None = None
    review: str | None = None


class Wanted(NamedTuple):
    """Which events somebody reads. Empty `types` are all."""

    test: bool
    restricted: bool
    types: Collection[str] = ()


_COLUMNS = [_OF[name] for name in Event._fields]


def insert(session: Session, new: Sequence[Event]) -> None:
    """Keep new events."""
    session.execute(sa.insert(events), [each._asdict() for each in new])


def page(session: Session, wanted: Wanted, *, after: int, until: int, limit: int) -> list[Event]:
    """Events behind the position `after` and not behind `until`, the oldest first."""
    asked = sa.select(*_COLUMNS).where(_OF.position > after, _OF.position <= until, _OF.test == wanted.test)
    if not wanted.restricted:
        asked = asked.where(_OF.restricted.is_(False))
    if wanted.types:
        asked = asked.where(_OF.type.in_(list(wanted.types)))
    return [Event(*row) for row in session.execute(asked.order_by(_OF.position).limit(limit))]


def lost(session: Session, after: int, actions: Collection[str]) -> bool:
    """Was anything behind that position told once, and is not kept any more?

    Asked in one statement: what is told in between two would look lost.
    """
    oldest = sa.select(sa.func.min(_OF.position)).scalar_subquery()
    place = audit_events.c.position
    asked = sa.select(place).where(place > after, audit_events.c.action.in_(list(actions)))
    asked = asked.where(sa.or_(oldest.is_(None), place < oldest))
    return session.execute(asked.limit(1)).first() is not None


def delete_older(session: Session, before: dt.datetime) -> int:
    """Forget the oldest up to the first that is not older, some at a time: what is left has no gap; how many.

    Times follow the order of positions only nearly.
    """
    oldest = sa.select(_OF.position, _OF.at).order_by(_OF.position).limit(PURGED)
    gone = 0
    for position, at in session.execute(oldest).all():
        if at >= before:
            break
        gone = position
    return session.execute(sa.delete(events).where(_OF.position <= gone)).rowcount if gone else 0


# --- what they tell of -----------------------------------------------------------------------------


def of_submissions(session: Session, ids: Collection[str]) -> dict[str, Subject]:
    """What is known of each submission; of one that is erased, what was told of it before."""
    listed = list(ids)
    found: dict[str, Subject] = {}
    told = sa.select(_OF.submission_id, _OF.handoff_id, _OF.booking_reference, _OF.test)
    told = told.where(_OF.submission_id.in_(listed))
    begun = sa.select(*_OF_HANDOFF).where(handoffs.c.submission_id.in_(listed))
    for asked in (told.order_by(_OF.position), begun):
        found |= {row.submission_id: Subject(*row) for row in session.execute(asked)}
    names = ("id", "booking_reference", "test", "status", "review")
    kept = sa.select(*(submissions.c[name] for name in names)).where(submissions.c.id.in_(listed))
    for name, *rest in session.execute(kept):
        handoff = found[name].handoff_id if name in found else None
        found[name] = Subject(name, handoff, *rest)
    return found


def of_handoffs(session: Session, ids: Collection[str]) -> dict[str, Subject]:
    """What is known of each one-time link."""
    asked = sa.select(*_OF_HANDOFF).where(handoffs.c.id.in_(list(ids)))
    return {row.id: Subject(*row) for row in session.execute(asked)}


def of_flags(session: Session, ids: Collection[str]) -> dict[str, str]:
    """Flag to submission, of those that have a time to act by; one gone with its submission is left out."""
    asked = sa.select(flags.c.id, flags.c.submission_id)
    asked = asked.where(flags.c.id.in_(list(ids)), flags.c.due_at.is_not(None))
    return {row.id: row.submission_id for row in session.execute(asked)}


def told_of(
    session: Session, submission_ids: Collection[str], types: Collection[str]
) -> set[tuple[str, str, dt.datetime]]:
    """(type, submission, time) of what was told of these submissions."""
    asked = sa.select(_OF.type, _OF.submission_id, _OF.at)
    asked = asked.where(_OF.submission_id.in_(list(submission_ids)), _OF.type.in_(list(types)))
    return {(row.type, row.submission_id, row.at) for row in session.execute(asked)}


_OF_HANDOFF = [
    handoffs.c.submission_id, handoffs.c.id, handoffs.c.booking_reference, handoffs.c.test,
]  # fmt: skip
