"""Alerts: which staff must be notified of a case, and whether they have been.

Responsible for: the rows of waiting alerts, claimed by one process at a time; the outcome of each; and
flags that are overdue. Never: composes texts, opens connections (adapters/smtp.py), stores addresses or
personal data.
"""

import datetime as dt
from collections.abc import Collection, Sequence
from typing import NamedTuple

import sqlalchemy as sa

from app.storage.db.database import Session
from app.storage.db.upsert import insert as insert_into
from app.storage.tables.review import flag_actions
from app.storage.tables.submissions import alerts, flags, submissions

MAX_COUNTED = 1000
DEALT_WITH = ("reached", "handed_over")  # a view or an unanswered call does not count
_row = alerts.c
_UNSENT = _row.sent_at.is_(None)


class Alert(NamedTuple):
    """One notification: the case, the recipient and the channel. `attempt_count` counts the attempts started,
    including the current one.
    """

    id: str
    submission_id: str
    flag_id: str
    kind: str
    recipient: str
    channel: str
    created_at: dt.datetime
    next_attempt_at: dt.datetime
    attempt_count: int
    sent_at: dt.datetime | None = None
    last_error: str | None = None


class OverdueFlag(NamedTuple):
    """A flag that is past its due date, and whether its submission is a test."""

    flag_id: str
    submission_id: str
    is_test: bool


class AlertBacklog(NamedTuple):
    """How many alerts are unsent and how many of those failed (each counted up to `MOST_COUNTED` + 1), and
    when the oldest failed one was created.

    `due`: whether an alert can be attempted now.
    """

    unsent: int = 0
    failing: int = 0
    failing_since: dt.datetime | None = None
    due: bool = False


_COLUMNS = [_row[name] for name in Alert._fields]
_NEXT = (
    sa.select(*_COLUMNS)
    .where(_UNSENT, _row.next_attempt_at <= sa.bindparam("now"), _row.channel == sa.bindparam("channel"))
    .order_by(_row.next_attempt_at, _row.id)
    .limit(1)
    .with_for_update(skip_locked=True)
)
_DEALT_WITH = sa.exists().where(flag_actions.c.flag_id == flags.c.id, flag_actions.c.action.in_(DEALT_WITH))
_OVERDUE = (
    sa.select(flags.c.id, flags.c.submission_id, submissions.c.is_test)
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
    """Insert alerts to be sent. An alert that already exists stays unchanged."""
    session.execute(
        insert_into(session.dialect, alerts).on_conflict_do_nothing(), [each._asdict() for each in new]
    )


def claim(session: Session, channel: str, *, now: dt.datetime, until: dt.datetime) -> Alert | None:
    """Claim the due alert that has waited longest, for one process, until `until`. Returns None when none
    is due.
    """
    row = session.execute(_NEXT, {"now": now, "channel": channel}).first()
    if row is None:
        return None
    found = Alert(*row)._replace(next_attempt_at=until)
    found = found._replace(attempt_count=found.attempt_count + 1)
    _change(session, found.id, next_attempt_at=until, attempt_count=found.attempt_count)
    return found


def mark_sent(session: Session, alert: str, at: dt.datetime, last_error: str | None) -> None:
    """Mark an alert as sent. `last_error` is set when some addresses were permanently rejected."""
    _change(session, alert, sent_at=at, last_error=last_error)


def mark_failed(session: Session, alert: str, next_attempt_at: dt.datetime, last_error: str) -> None:
    """Record a failed attempt and when to retry. `last_error` is the class of the error, never its
    message.
    """
    _change(session, alert, next_attempt_at=next_attempt_at, last_error=last_error[:60])


def discard(session: Session, flag_ids: Collection[str]) -> None:
    """Discard the unsent alerts of these flags.

    One alert covers all flags that were raised together: if another flag of the same case is still open,
    the alert is assigned to that flag instead.
    """
    closed = sa.and_(_row.flag_id.in_(list(flag_ids)), _UNSENT)
    waits = (
        flags.c.submission_id == _row.submission_id,
        flags.c.closed_at.is_(None),
        flags.c.due_at.is_not(None),
    )
    for found in session.execute(sa.select(_row.id, _row.kind, _row.channel).where(closed)).all():
        taken = sa.select(_existing.c.flag_id).where(
            _existing.c.kind == found.kind, _existing.c.channel == found.channel
        )
        open_ones = sa.select(flags.c.id).where(
            *waits, _row.id == found.id, flags.c.id.not_in(list(flag_ids)), flags.c.id.not_in(taken)
        )
        if found.kind == "overdue":
            open_ones = open_ones.where(flags.c.escalated_at.is_not(None))
        other = session.execute(open_ones.order_by(flags.c.due_at).limit(1)).scalar_one_or_none()
        if other is not None:
            _change(session, found.id, flag_id=other)
    session.execute(sa.delete(alerts).where(closed))


def retry_failed(session: Session, now: dt.datetime) -> int:
    """Make every failed alert due now. Returns how many."""
    again = sa.update(alerts).where(_UNSENT, _row.last_error.is_not(None)).values(next_attempt_at=now)
    return session.execute(again).rowcount


def waiting(session: Session, now: dt.datetime) -> AlertBacklog:
    """Return counts of the unsent alerts."""
    failing = sa.and_(_UNSENT, _row.last_error.is_not(None))
    due = sa.exists().where(_UNSENT, _row.next_attempt_at <= now)
    since = sa.select(sa.func.min(_row.created_at)).where(failing).scalar_subquery()
    return AlertBacklog(*session.execute(sa.select(_count(_UNSENT), _count(failing), since, due)).one())


def unsent(session: Session, limit: int) -> list[Alert]:
    """Return the unsent alerts, oldest first."""
    asked = sa.select(*_COLUMNS).where(_UNSENT).order_by(_row.created_at, _row.id).limit(limit)
    return [Alert(*row) for row in session.execute(asked)]


def rejected(session: Session, limit: int) -> list[Alert]:
    """Return the newest alerts that were sent, but not to every address."""
    asked = sa.select(*_COLUMNS).where(_row.sent_at.is_not(None), _row.last_error.is_not(None))
    return [Alert(*row) for row in session.execute(asked.order_by(_row.sent_at.desc()).limit(limit))]


# --- overdue flags ----------------------------------------------------------------------------------


def any_overdue(session: Session, now: dt.datetime) -> bool:
    """Return whether a flag has to be escalated."""
    return session.execute(_OVERDUE, {"now": now, "most": 1}).first() is not None


def overdue(session: Session, *, now: dt.datetime, most: int) -> list[OverdueFlag]:
    """Lock and return flags to be escalated by this transaction. Flags locked by another transaction are
    skipped until the next run.
    """
    alone = _OVERDUE.with_for_update(of=[submissions, flags], skip_locked=True)
    return [OverdueFlag(*row) for row in session.execute(alone, {"now": now, "most": most})]


def escalated(session: Session, flag_ids: Collection[str], at: dt.datetime) -> None:
    """Mark these flags as escalated."""
    session.execute(sa.update(flags).where(flags.c.id.in_(list(flag_ids))).values(escalated_at=at))


_existing = alerts.alias("existing")


def _change(session: Session, alert: str, **values: object) -> None:
    session.execute(sa.update(alerts).where(_row.id == alert).values(values))


def _count(wanted: sa.ColumnElement[bool]) -> sa.ScalarSelect[int]:
    one = sa.select(sa.literal(1)).where(wanted).limit(MAX_COUNTED + 1)
    return sa.select(sa.func.count()).select_from(one.subquery()).scalar_subquery()
