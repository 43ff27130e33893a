"""Somebody is told when a case needs attention, and somebody else when nobody has dealt with it in time.

Office: which flags call for an alert, what it says, when it is tried again, and which flags are passed on to
a second person. Refuses: to say anything of a person or of answers: a link to the case is all.

- One alert for all the flags that one change raised: whoever opens the case sees them all.
- At least once: an alert is claimed for a while, sent, and marked; who dies in between leaves it to the next.
- It is tried until it is sent, its flag is closed, or the case is gone; there is no giving up.
- A flag is passed on, once, when its time is over and nobody reached the person, handed it over or closed it.
  `seen` does not count, nor does `not_reached`: that is just when a second person is needed.
- Flags of tests are passed on as others are, so that it can be tried; nobody is told of them.
"""

import datetime as dt
from dataclasses import dataclass, field

from uuid_utils import uuid7

from app.errors import NotThisStep
from app.outbound import Letter
from app.storage import alerts, audit
from app.storage.alerts import Alert, Waiting
from app.storage.audit import Act, Actor
from app.storage.database import Session
from app.storage.submissions import Record

ALERTER = Actor("service", "alerts")
EMAIL = "email"
SUBJECT = "A submission needs attention"
LEASE = dt.timedelta(minutes=2)  # longer than any letter takes
PAUSES = tuple(dt.timedelta(minutes=minutes) for minutes in (1, 2, 5, 15, 60))  # the last again and again
LATE = dt.timedelta(minutes=10)  # from then on whoever works with the queue is told that alerts fail
AT_ONCE = 100


@dataclass(slots=True)
class Outlook:
    """What the last round of this process saw; it looks every few seconds."""

    waiting: Waiting = field(default_factory=Waiting)

    def late(self, now: dt.datetime) -> bool:
        """Do alerts fail, and have for a while?"""
        since = self.waiting.failing_since
        return since is not None and now - since > LATE


def keep(session: Session, record: Record) -> None:
    """An alert for the flags that the newest change of a record raised and that have a time to act by."""
    raised = [flag for flag in record.flags if flag.due_at and flag.raised_at == record.updated_at]
    if raised and not record.test:
        first = min(raised, key=lambda flag: flag.due_at or flag.raised_at)
        alerts.insert(session, [_new(record.id, first.id, "raised", "first", record.updated_at)])


def escalate(session: Session, *, now: dt.datetime) -> int:
    """Pass overdue flags on to a second person; how many."""
    found = alerts.overdue(session, now=now, most=AT_ONCE)
    if found:
        alerts.escalated(session, [each.flag_id for each in found], now)
        first = {each.submission_id: each.flag_id for each in reversed(found) if not each.test}
        new = [_new(case, flag, "overdue", "second", now) for case, flag in first.items()]
        if new:
            alerts.insert(session, new)
        audit.record(session, ALERTER, now, *(Act("flag.escalated", "flag", each.flag_id) for each in found))
    return len(found)


def claim(session: Session, *, now: dt.datetime) -> Alert | None:
    """The next e-mail to send, for this process alone for a while."""
    return alerts.claim(session, EMAIL, now=now, until=now + LEASE)


def letter(alert: Alert, public_url: str) -> Letter:
    """What an e-mail says: the same of every case. A second one by accident has the same id."""
    link = f"{public_url.rstrip('/')}/staff/cases/{alert.submission_id}"
    return Letter(alert.id, alert.recipient == "second", SUBJECT, f"{SUBJECT}.\n\n{link}\n")


def told(session: Session, alert: Alert, *, refused: bool, now: dt.datetime) -> None:
    """It is sent. `refused`: some addresses never will be reached."""
    alerts.sent(session, alert.id, now, "AddressRefused" if refused else None)


def put_off(session: Session, alert: Alert, error: str, *, now: dt.datetime) -> None:
    """It was not sent; the next try is after a pause that grows to an hour."""
    pause = PAUSES[min(alert.tries, len(PAUSES)) - 1]
    alerts.failed(session, alert.id, now + pause, error)


def try_again(session: Session, *, now: dt.datetime, actor: Actor) -> int:
    """Try all that failed at once; how many. Raises NotThisStep when none did."""
    found = alerts.try_again(session, now)
    if not found:
        raise NotThisStep("No alert has failed; there is nothing to try again.")
    audit.record(session, actor, now, Act("alerts.tried_again", "alerts", None))
    return found


def _new(submission: str, flag: str, kind: str, recipient: str, now: dt.datetime) -> Alert:
    return Alert(str(uuid7()), submission, flag, kind, recipient, EMAIL, now, next_try_at=now, tries=0)
