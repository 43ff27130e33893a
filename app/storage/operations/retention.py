"""When submissions expire: counts of submissions by retention date.

Responsible for: counts of all stored submissions, including tests and drafts, because they expire too.
Never: returns ids.
"""

import datetime as dt
from collections.abc import Sequence
from itertools import pairwise

import sqlalchemy as sa

from app.storage.db.database import Session
from app.storage.tables.submissions import submissions

_until = submissions.c.retained_until


def count_by_expiry(session: Session, bounds: Sequence[dt.datetime]) -> list[int]:
    """Return how many submissions expire between each bound and the next, excluding those on legal hold."""
    counts = (_count(_until >= begin, _until < end) for begin, end in pairwise(bounds))
    return list(session.execute(sa.select(*counts)).one())


def overdue(session: Session, now: dt.datetime) -> int:
    """Return how many submissions have expired and wait for the next purge."""
    return int(session.execute(sa.select(_count(_until <= now))).scalar_one())


def held(session: Session) -> int:
    """Return how many submissions are under a legal hold."""
    asked = sa.select(sa.func.count()).where(submissions.c.legal_hold.is_(True))
    return int(session.execute(asked).scalar_one())


def _count(*when: sa.ColumnElement[bool]) -> sa.ScalarSelect[int]:
    """Count one range of an index, whatever its size."""
    return sa.select(sa.func.count()).where(submissions.c.legal_hold.is_(False), *when).scalar_subquery()
