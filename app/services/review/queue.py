"""The queue as a staff user sees it: why each case waits, its undetermined rules, and what changed since.

Responsible for: the plain columns of each line and, decrypted with the data keys, its open flags and
undetermined rules. Never: lets one case that can't be decrypted hide the others, or includes contact details.
"""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

from app.errors import Unavailable, Unprocessable
from app.rules.engine.edition import Edition
from app.services.auth.authorization import Principal, Staff, require_permission
from app.services.submissions.lifecycle import Desk
from app.storage.db.database import Session
from app.storage.events import audit_log
from app.storage.events.audit_log import Act, Actor
from app.storage.review import cases, queue
from app.storage.review.queue import Filters, Opened, Place, Queued
from app.storage.submissions import contact_index

LONGEST_SEARCH = 254
RELIST = dt.timedelta(days=1)  # a queue open all day is recorded as one listing of each case


@dataclass(frozen=True, slots=True)
class Line:
    """One case.

    `why`: its open flags as text, None when it can't be read; `unknown`: the number of undetermined rules.
    """

    row: Queued
    why: tuple[str, ...] | None
    unknown: int
    is_new: bool
    changed: bool


@dataclass(frozen=True, slots=True)
class Page:
    """Some lines, the position where the next ones start, and the names of the assignees."""

    lines: tuple[Line, ...]
    following: Place | None
    names: dict[str, str]


def page(
    session: Session,
    desk: Desk,
    principal: Principal,
    filters: Filters,
    limit: int,
    after: Place | None = None,
    *,
    now: dt.datetime,
) -> Page:
    """Return one page of the queue. Raises Forbidden."""
    require_permission(principal, "queue")
    found = queue.list_cases(session, filters, limit, after, now=now)
    ids = [row.id for row in found.rows]
    opened = queue.opened(session, desk.vault, ids)
    seen = cases.seen(session, principal.id, ids) if isinstance(principal, Staff) else {}
    lines = (_line(desk, row, opened.get(row.id), seen.get(row.id)) for row in found.rows)
    names = cases.names(session, (row.assignee_id for row in found.rows))
    return Page(tuple(lines), found.following, names)


def unrecorded(session: Session, page: Page, *, now: dt.datetime, actor: Actor) -> list[str]:
    """Return the ids on this page that were not recorded as listed for this actor within the last day."""
    ids = [line.row.id for line in page.lines]
    known = audit_log.listed(session, actor, ids, since=now - RELIST)
    return [each for each in ids if each not in known]


def record_listed(session: Session, ids: Iterable[str], *, now: dt.datetime, actor: Actor) -> None:
    """Record in the audit log which cases a list shows, before it is shown."""
    acts = [Act(audit_log.LISTED, "submission", each) for each in ids]
    if acts:
        audit_log.record(session, actor, now, *acts)


def found(
    session: Session, desk: Desk, principal: Principal, text: str, *, now: dt.datetime, actor: Actor
) -> Filters:
    """Return the filter for cases with exactly this phone number, e-mail address, booking reference or id.

    The search is recorded in the audit log, the search text is not. Raises Forbidden and Unprocessable.
    """
    require_permission(principal, "queue")
    wanted = text.strip()
    if not wanted or len(wanted) > LONGEST_SEARCH or not wanted.isprintable():
        raise Unprocessable("Give a whole phone number, e-mail address, booking reference or case number.")
    kind: contact_index.Kind = "email" if "@" in wanted else "phone"
    ids = [*contact_index.find(session, desk.vault.keyring, kind, wanted), *queue.named(session, wanted)]
    audit_log.record(session, actor, now, Act("cases.searched", "cases", None))
    return Filters(states=queue.STATES, ids=tuple(dict.fromkeys(ids)))


def _line(desk: Desk, row: Queued, opened: Opened | None, look: cases.Look | None) -> Line:
    is_new, changed = look is None, look is not None and look.version < row.version
    if opened is None:
        return Line(row, None, 0, is_new, changed)
    try:
        edition = desk.edition(row, opened.answers.get("off", ()))
    except Unavailable:
        return Line(row, None, 0, is_new, changed)
    return Line(row, _why(edition, opened), _unknown(edition, opened), is_new, changed)


def _why(edition: Edition, opened: Opened) -> tuple[str, ...]:
    words = edition.texts[edition.languages[0]].flags
    return tuple(dict.fromkeys(words.get(kind, kind) for kind, _ in opened.flags))


def _unknown(edition: Edition, opened: Opened) -> int:
    kept = edition.check(opened.answers["answers"], complete=False)
    return len(edition.evaluate(kept.answers, opened.answers["raised"], enabled=kept.enabled).open)
