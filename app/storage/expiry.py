"""What will go when: counts of submissions by the day they are kept until.

Office: counts of every live submission, tests and drafts among them, for they go too. Refuses: ids.
"""

import datetime as dt
from collections.abc import Sequence
from itertools import pairwise

import sqlalchemy as sa

from app.storage.database import Session
from app.storage.tables import submissions

_until = submissions.c.retained_until


def going(session: Session, bounds: Sequence[dt.datetime]) -> list[int]:
    """How many go between each bound and the next; those under a hold are not among them."""
    counts = (_count(_until >= begin, _until < end) for begin, end in pairwise(bounds))
    return list(session.execute(sa.select(*counts)).one())


def overdue(session: Session, now: dt.datetime) -> int:
    """How many should be gone and wait for the next purge."""
    return int(session.execute(sa.select(_count(_until <= now))).scalar_one())


def held(session: Session) -> int:
    """How many are under a hold."""
    asked = sa.select(sa.func.count()).where(submissions.c.held.is_(True))
    return int(session.execute(asked).scalar_one())


def _count(*when: sa.ColumnElement[bool]) -> sa.ScalarSelect[int]:
    """One range of an index, whatever its size."""
    return sa.select(sa.func.count()).where(submissions.c.held.is_(False), *when).scalar_subquery()
