"""Alerts: that somebody has to be told of a case, and whether they were.

Office: rows that wait, claimed by one process at a time, and what became of each; flags that nobody has dealt
with in time. Refuses: words, addresses and connections (outbound.py), and anything of a person.
"""

import datetime as dt
from collections.abc import Collection, Sequence
from typing import NamedTuple

import sqlalchemy as sa

from app.storage.database import Session
from app.storage.tables import alerts, flag_actions, flags, submissions
from app.storage.upsert import insert as insert_into

MOST_COUNTED = 1000
DEALT_WITH = ("reached", "handed_over")  # who only looked, or called in vain, has not dealt with a flag
_row = alerts.c
_UNSENT = _row.sent_at.is_(None)


class Alert(NamedTuple):
    """Of which case to tell whom, by which channel. `tries`: so many were begun, this one among them."""

    id: str
    submission_id: str
    flag_id: str
    kind: str
    recipient: str
    channel: str
    created_at: dt.datetime
    next_try_at: dt.datetime
    tries: int
    sent_at: dt.datetime | None = None
    failed_with: str | None = None


class Overdue(NamedTuple):
    """A flag whose time to act is over, and whether its submission is a test."""

    flag_id: str
    submission_id: str
    test: bool


class Waiting(NamedTuple):
    """How many alerts are not sent, counted to a thousand; how many of them failed, the oldest since when.

    `due`: may one be tried now?
    """

    unsent: int = 0
    failing: int = 0
    failing_since: dt.datetime | None = None
    due: bool = False


_COLUMNS = [_row[name] for name in Alert._fields]
_NEXT = (
    sa.select(*_COLUMNS)
    .where(_UNSENT, _row.next_try_at <= sa.bindparam("now"), _row.channel == sa.bindparam("channel"))
    .order_by(_row.next_try_at, _row.id)
    .limit(1)
    .with_for_update(skip_locked=True)
)
_DEALT_WITH = sa.exists().where(flag_actions.c.flag_id == flags.c.id, flag_actions.c.action.in_(DEALT_WITH))
_OVERDUE = (
    sa.select(flags.c.id, flags.c.submission_id, submissions.c.test)
    .join(submissions, submissions.c.id == flags.c.submission_id)
    .where(
        flags.c.closed_at.is_(None),
        flags.c.escalated_at.is_(None),
        flags.c.due_at <= sa.bindparam("now"),
        ~_DEALT_WITH,
    )
    .order_by(flags.c.due_at)
    .limit(sa.bindparam("most"))
)


def insert(session: Session, new: Sequence[Alert]) -> None:
    """Keep alerts to be sent; one that is there already stays as it is."""
    session.execute(
        insert_into(session.dialect, alerts).on_conflict_do_nothing(), [each._asdict() for each in new]
    )


def claim(session: Session, channel: str, *, now: dt.datetime, until: dt.datetime) -> Alert | None:
    """The alert that has waited longest, for one process alone until then; None when none is due."""
    row = session.execute(_NEXT, {"now": now, "channel": channel}).first()
    if row is None:
        return None
    found = Alert(*row)._replace(next_try_at=until)
    found = found._replace(tries=found.tries + 1)
    _change(session, found.id, next_try_at=until, tries=found.tries)
    return found


def sent(session: Session, alert: str, at: dt.datetime, failed_with: str | None) -> None:
    """It is told. `failed_with`: some addresses were refused for good."""
    _change(session, alert, sent_at=at, failed_with=failed_with)


def failed(session: Session, alert: str, next_try_at: dt.datetime, failed_with: str) -> None:
    """It is not told yet, and why: the class of an error, never its words."""
    _change(session, alert, next_try_at=next_try_at, failed_with=failed_with[:60])


def drop(session: Session, flag_ids: Collection[str]) -> None:
    """What was not told yet of these flags need not be told any more.

    One alert tells of all that came up together: while another flag of its case waits, it is that one's.
    """
    closed = sa.and_(_row.flag_id.in_(list(flag_ids)), _UNSENT)
    waits = (
        flags.c.submission_id == _row.submission_id,
        flags.c.closed_at.is_(None),
        flags.c.due_at.is_not(None),
    )
    for found in session.execute(sa.select(_row.id, _row.kind, _row.channel).where(closed)).all():
        taken = sa.select(_told.c.flag_id).where(_told.c.kind == found.kind, _told.c.channel == found.channel)
        open_ones = sa.select(flags.c.id).where(
            *waits, _row.id == found.id, flags.c.id.not_in(list(flag_ids)), flags.c.id.not_in(taken)
        )
        if found.kind == "overdue":
            open_ones = open_ones.where(flags.c.escalated_at.is_not(None))
        other = session.execute(open_ones.order_by(flags.c.due_at).limit(1)).scalar_one_or_none()
        if other is not None:
            _change(session, found.id, flag_id=other)
    session.execute(sa.delete(alerts).where(closed))


def try_again(session: Session, now: dt.datetime) -> int:
    """Let all that failed be tried at once; how many."""
    again = sa.update(alerts).where(_UNSENT, _row.failed_with.is_not(None)).values(next_try_at=now)
    return session.execute(again).rowcount


def waiting(session: Session, now: dt.datetime) -> Waiting:
    """What is not sent, at a glance."""
    failing = sa.and_(_UNSENT, _row.failed_with.is_not(None))
    due = sa.exists().where(_UNSENT, _row.next_try_at <= now)
    since = sa.select(sa.func.min(_row.created_at)).where(failing).scalar_subquery()
    return Waiting(*session.execute(sa.select(_count(_UNSENT), _count(failing), since, due)).one())


def unsent(session: Session, limit: int) -> list[Alert]:
    """What is not sent, the oldest first."""
    asked = sa.select(*_COLUMNS).where(_UNSENT).order_by(_row.created_at, _row.id).limit(limit)
    return [Alert(*row) for row in session.execute(asked)]


def refused(session: Session, limit: int) -> list[Alert]:
    """The newest that were sent, but not to every address."""
    asked = sa.select(*_COLUMNS).where(_row.sent_at.is_not(None), _row.failed_with.is_not(None))
    return [Alert(*row) for row in session.execute(asked.order_by(_row.sent_at.desc()).limit(limit))]


# --- flags nobody has dealt with in time -----------------------------------------------------------


def any_overdue(session: Session, now: dt.datetime) -> bool:
    """Is there a flag to be escalated?"""
    return session.execute(_OVERDUE, {"now": now, "most": 1}).first() is not None


def overdue(session: Session, *, now: dt.datetime, most: int) -> list[Overdue]:
    """Flags to be escalated by this work alone; what another work holds just now waits for the next time."""
    alone = _OVERDUE.with_for_update(of=[submissions, flags], skip_locked=True)
    return [Overdue(*row) for row in session.execute(alone, {"now": now, "most": most})]


def escalated(session: Session, flag_ids: Collection[str], at: dt.datetime) -> None:
    """These flags were passed on."""
    session.execute(sa.update(flags).where(flags.c.id.in_(list(flag_ids))).values(escalated_at=at))


_told = alerts.alias("told")


def _change(session: Session, alert: str, **values: object) -> None:
    session.execute(sa.update(alerts).where(_row.id == alert).values(values))


def _count(wanted: sa.ColumnElement[bool]) -> sa.ScalarSelect[int]:
    one = sa.select(sa.literal(1)).where(wanted).limit(MOST_COUNTED + 1)
    return sa.select(sa.func.count()).select_from(one.subquery()).scalar_subquery()
