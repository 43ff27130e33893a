"""CSV export of a list of cases, page by page, so that 100,000 cases are never in memory at once.

Responsible for: the permission check, the audit event before the first byte, and cells that a spreadsheet
does not interpret as formulas. Never: includes contact details, includes answers unless they are requested
(then each case has an audit event of the export), or exports more than `MOST` cases at once.
"""

import csv
import datetime as dt
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from app.errors import InvalidRequest
from app.rules.library import Library
from app.services.auth.authorization import Principal, require_permission
from app.services.submissions.lifecycle import SubmissionService
from app.storage.db.database import Session
from app.storage.events import audit_log
from app.storage.events.audit_log import Actor, AuditAction
from app.storage.review import csv_export, queue
from app.storage.review.queue import Filters, Place, QueueRow
from app.storage.submissions.submissions import SubmissionRow

MAX_ROWS = 100_000
ROWS = 500  # rows of one page
MARK = "\ufeff"  # the byte order mark; without it Excel does not recognise UTF-8
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
COLUMNS: Mapping[str, Callable[[SubmissionRow], object]] = {
    "id": lambda row: row.id,
    "arrived": lambda row: row.submitted_at or row.created_at,
    "status": lambda row: row.status,
    "review": lambda row: row.review,
    "attention": lambda row: row.priority,
    "due": lambda row: row.due_at,
    "language": lambda row: row.language,
    "booking_reference": lambda row: row.booking_reference,
    "edition": lambda row: f"{row.questionnaire} {row.edition}",
    "test": lambda row: row.is_test,
    "retained_until": lambda row: row.retained_until,
}
READABLE = "answers_readable"


@dataclass(frozen=True, slots=True)
class ExportRequest:
    """Which cases, whether with their answers, and the position in their order to continue after."""

    filters: Filters
    answers: bool = False
    after: Place | None = None


@dataclass(frozen=True, slots=True)
class CsvChunk:
    """Some lines of the file, and the request for the next ones; None when these are the last."""

    text: str
    following: ExportRequest | None


def count(session: Session, principal: Principal, wanted: ExportRequest, *, now: dt.datetime) -> int:
    """Return how many cases an export will have.

    With a narrow filter this takes long, so it is a read of its own. Raises Forbidden, and Unprocessable when
    there are too many.
    """
    require_permission(principal, "export")
    if wanted.answers:
        require_permission(principal, "case")
    number = _count(session, wanted, now)
    if number > MAX_ROWS:
        raise InvalidRequest(f"An export takes at most {MAX_ROWS:,} cases; narrow the filter.")
    return number


def record_export(
    session: Session, wanted: ExportRequest, number: int, *, now: dt.datetime, actor: Actor
) -> None:
    """Record an export of `number` cases in the audit log, before anything is sent."""
    action = "answers.exported" if wanted.answers else "list.exported"
    audit_log.record(session, actor, now, AuditAction(action, "cases", str(number)))


def csv_header(library: Library, wanted: ExportRequest) -> str:
    """Return the first line of the file."""
    names = [*COLUMNS, *([READABLE, *_questions(library)] if wanted.answers else ())]
    return MARK + _line(names)


def csv_chunk(
    session: Session,
    submission_service: SubmissionService,
    wanted: ExportRequest,
    *,
    now: dt.datetime,
    actor: Actor,
) -> CsvChunk:
    """Return the next lines.

    When they contain answers, the export is recorded for each case in the same transaction.
    """
    rows, following = _rows(session, wanted, now)
    if not wanted.answers:
        return CsvChunk("".join(_line(_plain(row)) for row in rows), following)
    found = csv_export.answers(session, submission_service.vault, [row.id for row in rows])
    if found:
        audit_log.record(
            session, actor, now, *(AuditAction("case.exported", "submission", name) for name in found)
        )
    names = _questions(submission_service.library)
    lines = (_line([*_plain(row), *_given(found[row.id], names)]) for row in rows if row.id in found)
    return CsvChunk("".join(lines), following)


def safe_cell(value: object) -> str:
    """Return a value as the text of a cell, never one that a spreadsheet would evaluate as a formula."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if isinstance(value, list | tuple):
        value = " ".join(str(each) for each in value)
    text = str(value).replace("\0", "")
    return f"'{text}" if text.lstrip(" \u00a0").startswith(FORMULA) else text


def _rows(
    session: Session, wanted: ExportRequest, now: dt.datetime
) -> tuple[Sequence[QueueRow], ExportRequest | None]:
    """Return one page of the list that staff see, and the request for the next one."""
    found = queue.list_cases(session, wanted.filters, ROWS, wanted.after, now=now)
    return found.rows, replace(wanted, after=found.following) if found.following else None


def _count(session: Session, wanted: ExportRequest, now: dt.datetime) -> int:
    number = 0
    following: ExportRequest | None = wanted
    while number <= MAX_ROWS and following:
        rows, following = _rows(session, following, now)
        number += len(rows)
    return number


def _plain(row: SubmissionRow) -> list[object]:
    return [find(row) for find in COLUMNS.values()]


def _given(found: Mapping[str, object] | None, names: Sequence[str]) -> list[object]:
    return [found is not None, *((found or {}).get(name) for name in names)]


def _questions(library: Library) -> list[str]:
    """Return the linkIds of all questions of the installed editions, in reading order, newest first."""
    every = (edition for editions in library.editions.values() for edition in editions)
    return list(dict.fromkeys(name for edition in every for name in edition.questionnaire.questions))


def _line(values: Iterable[object]) -> str:
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\r\n").writerow(
        [safe_cell(each) for each in values]
    )
    return text.getvalue()
