"""The queue as a staff user sees it: why each case waits, its undetermined rules, and what changed since.

Responsible for: the plain columns of each line and, decrypted with the data keys, its open flags and
undetermined rules. Never: lets one case that can't be decrypted hide the others, or includes contact details.
"""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

from app.errors import InvalidRequest, Unavailable
from app.rules.engine.edition import Edition
from app.services.auth.authorization import Principal, StaffPrincipal, require_permission
from app.services.submissions.lifecycle import SubmissionService
from app.storage.db.database import Session
from app.storage.events import audit_log
from app.storage.events.audit_log import Actor, AuditAction
from app.storage.review import cases, queue
from app.storage.review.queue import DecryptedRow, Filters, Place, QueueRow
from app.storage.submissions import contact_index

MAX_SEARCH_LENGTH = 254
REAUDIT_AFTER = dt.timedelta(days=1)  # a queue open all day is recorded as one listing of each case


@dataclass(frozen=True, slots=True)
class QueueItem:
    """One case.

    `why`: its open flags as text, None when it can't be read; `unknown`: the number of undetermined rules.
    """

    row: QueueRow
    why: tuple[str, ...] | None
    unknown: int
    is_new: bool
    changed: bool


@dataclass(frozen=True, slots=True)
class QueuePage:
    """Some lines, the position where the next ones start, and the names of the assignees."""

    lines: tuple[QueueItem, ...]
    following: Place | None
    names: dict[str, str]


def page(
    session: Session,
    submission_service: SubmissionService,
    principal: Principal,
    filters: Filters,
    limit: int,
    after: Place | None = None,
    *,
    now: dt.datetime,
) -> QueuePage:
    """Return one page of the queue. Raises Forbidden."""
    require_permission(principal, "queue")
    found = queue.list_cases(session, filters, limit, after, now=now)
    ids = [row.id for row in found.rows]
    opened = queue.decrypt_rows(session, submission_service.vault, ids)
    seen = cases.last_views(session, principal.id, ids) if isinstance(principal, StaffPrincipal) else {}
    lines = (_queue_item(submission_service, row, opened.get(row.id), seen.get(row.id)) for row in found.rows)
    names = cases.staff_names(session, (row.assignee_id for row in found.rows))
    return QueuePage(tuple(lines), found.following, names)


def unaudited_views(session: Session, page: QueuePage, *, now: dt.datetime, actor: Actor) -> list[str]:
    """Return the ids on this page that were not recorded as listed for this actor within the last day."""
    ids = [line.row.id for line in page.lines]
    known = audit_log.listed_among(session, actor, ids, since=now - REAUDIT_AFTER)
    return [each for each in ids if each not in known]


def record_views(session: Session, ids: Iterable[str], *, now: dt.datetime, actor: Actor) -> None:
    """Record in the audit log which cases a list shows, before it is shown."""
    acts = [AuditAction(audit_log.LISTED, "submission", each) for each in ids]
    if acts:
        audit_log.record(session, actor, now, *acts)


def search_cases(
    session: Session,
    submission_service: SubmissionService,
    principal: Principal,
    text: str,
    *,
    now: dt.datetime,
    actor: Actor,
) -> Filters:
    """Return the filter for cases with exactly this phone number, e-mail address, booking reference or id.

    The search is recorded in the audit log, the search text is not. Raises Forbidden and Unprocessable.
    """
    require_permission(principal, "queue")
    query = text.strip()
    if not query or len(query) > MAX_SEARCH_LENGTH or not query.isprintable():
        raise InvalidRequest("Give a whole phone number, e-mail address, booking reference or case number.")
    kind: contact_index.Kind = "email" if "@" in query else "phone"
    ids = [
        *contact_index.find(session, submission_service.vault.keyring, kind, query),
        *queue.find_by_reference(session, query),
    ]
    audit_log.record(session, actor, now, AuditAction("cases.searched", "cases", None))
    return Filters(states=queue.STATES, ids=tuple(dict.fromkeys(ids)))


def _queue_item(
    submission_service: SubmissionService,
    row: QueueRow,
    opened: DecryptedRow | None,
    last_view: cases.CaseView | None,
) -> QueueItem:
    is_new, changed = last_view is None, last_view is not None and last_view.viewed_version < row.version
    if opened is None:
        return QueueItem(row, None, 0, is_new, changed)
    try:
        edition = submission_service.edition(row, opened.answers.get("off", ()))
    except Unavailable:
        return QueueItem(row, None, 0, is_new, changed)
    return QueueItem(
        row, _flag_texts(edition, opened), _count_open_conditions(edition, opened), is_new, changed
    )


def _flag_texts(edition: Edition, opened: DecryptedRow) -> tuple[str, ...]:
    texts = edition.texts[edition.languages[0]].flags
    return tuple(dict.fromkeys(texts.get(kind, kind) for kind, _ in opened.flags))


def _count_open_conditions(edition: Edition, opened: DecryptedRow) -> int:
    checked = edition.check(opened.answers["answers"], complete=False)
    return len(
        edition.evaluate(checked.answers, opened.answers["raised"], enabled=checked.enabled).open_conditions
    )
