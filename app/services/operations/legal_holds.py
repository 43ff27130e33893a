"""Legal holds: a submission under a hold is retained until its release, whatever its retention date.

Responsible for: holds and releases, each with an audit event, and a forecast of erasures. Never: accepts a
principal without the permission `erase`, or lets a request erase a submission under a hold.
"""

import datetime as dt
import zoneinfo
from dataclasses import dataclass

from app.errors import NotFound
from app.services.auth.authorization import Principal, require_permission
from app.storage.db.database import Session
from app.storage.events import audit_log
from app.storage.events.audit_log import Actor, AuditAction
from app.storage.operations import retention
from app.storage.submissions import submissions

DAYS = 30


@dataclass(frozen=True, slots=True)
class ErasureForecast:
    """How many submissions are erased on each of the next days, how many are overdue, how many are held."""

    days: tuple[tuple[dt.date, int], ...]
    overdue: int
    held: int


def place_hold(
    session: Session, submission: str, principal: Principal, *, now: dt.datetime, actor: Actor
) -> bool:
    """Put a submission under a hold; return False when it already is. Raises Forbidden, NotFound."""
    _require(session, submission, principal, now)
    changed = submissions.set_legal_hold(session, submission, held=True)
    if changed:
        audit_log.record(session, actor, now, AuditAction("submission.held", "submission", submission))
    return changed


def release_hold(
    session: Session, submission: str, principal: Principal, *, now: dt.datetime, actor: Actor
) -> bool:
    """Release a hold; return False when there was none.

    If its retention date has passed, it is erased by the next purge. Raises Forbidden, NotFound.
    """
    _require(session, submission, principal, now)
    changed = submissions.set_legal_hold(session, submission, held=False)
    if changed:
        audit_log.record(session, actor, now, AuditAction("submission.released", "submission", submission))
    return changed


def forecast(session: Session, zone: str, *, now: dt.datetime, days: int = DAYS) -> ErasureForecast:
    """Return how many are erased when, by days of the clinic's time zone, today first."""
    local = zoneinfo.ZoneInfo(zone)
    first = now.astimezone(local).date()
    dates = [first + dt.timedelta(days=number) for number in range(days + 1)]
    midnights = [dt.datetime.combine(date, dt.time(), local).astimezone(dt.UTC) for date in dates]
    counts = retention.count_by_expiry(session, [now, *midnights[1:]])
    by_day = tuple(zip(dates[:-1], counts, strict=True))
    return ErasureForecast(by_day, retention.overdue(session, now), retention.held(session))


def _require(session: Session, submission: str, principal: Principal, now: dt.datetime) -> None:
    """Raise Forbidden, or NotFound when the submission does not exist or is due for erasure."""
    require_permission(principal, "erase")
    known = submissions.ID.fullmatch(submission)  # invalid ids are not queried: they may contain a NUL
    found = submissions.retention_state(session, submission) if known else None
    if found is None or (found[0] <= now and not found[1]):
        raise NotFound("There is no such submission, or it has been erased.")
