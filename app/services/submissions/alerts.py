"""E-mail alerts: staff are notified when a case needs attention, and a second person when it is overdue.

Responsible for: which flags cause an alert, what it says, when it is retried, and which flags are escalated
to a second person. Never: includes personal data or answers; an alert contains only a link to the case.

- One alert covers all the flags that one change raised; the case page shows them all.
- At-least-once delivery: an alert is claimed with a lease, sent, and marked as sent. When a process dies in
  between, the next one takes over.
- An alert is retried until it is sent, its flag is closed, or the case is gone. There is no retry limit.
- A flag is escalated once, when its due date has passed and no one has reached the person, handed the flag
  over or closed it. `seen` does not count, and neither does `not_reached`, which is exactly when a second
  person is needed.
- Flags of test submissions are escalated too, so that this can be tried, but no alert is sent for them.
"""

import datetime as dt
from dataclasses import dataclass, field

from uuid_utils import uuid7

from app.adapters.smtp import Email
from app.errors import InvalidTransition
from app.storage.db.database import Session
from app.storage.events import audit_log
from app.storage.events.audit_log import Actor, AuditAction
from app.storage.submissions import alerts
from app.storage.submissions.alerts import Alert, AlertBacklog
from app.storage.submissions.submissions import Record

SYSTEM_ACTOR = Actor("service", "alerts")
EMAIL = "email"
SUBJECT = "A submission needs attention"
LEASE = dt.timedelta(minutes=2)  # longer than sending any e-mail takes
PAUSES = tuple(dt.timedelta(minutes=minutes) for minutes in (1, 2, 5, 15, 60))  # the last one repeats
OVERDUE_AFTER = dt.timedelta(minutes=10)  # after this time, users of the queue are warned that alerts fail
BATCH_SIZE = 100


@dataclass(slots=True)
class AlertStatus:
    """The waiting alerts as last read by this process; it reads them every few seconds."""

    waiting: AlertBacklog = field(default_factory=AlertBacklog)

    def late(self, now: dt.datetime) -> bool:
        """Return whether alerts have been failing for longer than `LATE`."""
        since = self.waiting.failing_since
        return since is not None and now - since > OVERDUE_AFTER


def create_for_new_flags(session: Session, record: Record) -> None:
    """Create one alert for the flags with a due date that the newest change of a record raised.

    Creates none for test submissions.
    """
    raised = [flag for flag in record.flags if flag.due_at and flag.raised_at == record.updated_at]
    if raised and not record.is_test:
        first = min(raised, key=lambda flag: flag.due_at or flag.raised_at)
        alerts.insert(session, [_new(record.id, first.id, "raised", "first", record.updated_at)])


def escalate(session: Session, *, now: dt.datetime) -> int:
    """Escalate overdue flags to a second person, at most `AT_ONCE` of them; return how many."""
    found = alerts.overdue(session, now=now, most=BATCH_SIZE)
    if found:
        alerts.escalated(session, [each.flag_id for each in found], now)
        first = {each.submission_id: each.flag_id for each in reversed(found) if not each.is_test}
        new = [_new(case, flag, "overdue", "second", now) for case, flag in first.items()]
        if new:
            alerts.insert(session, new)
        audit_log.record(
            session,
            SYSTEM_ACTOR,
            now,
            *(AuditAction("flag.escalated", "flag", each.flag_id) for each in found),
        )
    return len(found)


def claim(session: Session, *, now: dt.datetime) -> Alert | None:
    """Claim the next e-mail to send, for this process only, until the lease expires."""
    return alerts.claim(session, EMAIL, now=now, until=now + LEASE)


def build_email(alert: Alert, public_url: str) -> Email:
    """Return the e-mail of an alert. The text is the same for every case but for the link.

    A duplicate sent by accident has the same id.
    """
    link = f"{public_url.rstrip('/')}/staff/cases/{alert.submission_id}"
    return Email(alert.id, alert.recipient == "second", SUBJECT, f"{SUBJECT}.\n\n{link}\n")


def mark_sent(session: Session, alert: Alert, *, refused: bool, now: dt.datetime) -> None:
    """Mark the alert as sent. `refused`: some of the addresses were permanently refused."""
    alerts.mark_sent(session, alert.id, now, "AddressRefused" if refused else None)


def reschedule(session: Session, alert: Alert, error: str, *, now: dt.datetime) -> None:
    """Record a failed attempt. The next one follows after a pause that grows to one hour."""
    pause = PAUSES[min(alert.attempt_count, len(PAUSES)) - 1]
    alerts.mark_failed(session, alert.id, now + pause, error)


def retry_failed(session: Session, *, now: dt.datetime, actor: Actor) -> int:
    """Retry all failed alerts immediately; return how many. Raises NotThisStep when none has failed."""
    found = alerts.retry_failed(session, now)
    if not found:
        raise InvalidTransition("No alert has failed; there is nothing to try again.")
    audit_log.record(session, actor, now, AuditAction("alerts.tried_again", "alerts", None))
    return found


def _new(submission: str, flag: str, kind: str, recipient: str, now: dt.datetime) -> Alert:
    return Alert(
        str(uuid7()), submission, flag, kind, recipient, EMAIL, now, next_attempt_at=now, attempt_count=0
    )
