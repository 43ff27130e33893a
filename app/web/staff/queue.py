"""The queue: waiting cases with the earliest due date first, and the search for one person's cases.

Responsible for: filters from the address, rows as text, and a part of the page that refreshes itself. Never:
puts a search term or health data into an address, and never shows a case before that access is recorded.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

from fastapi import APIRouter, Request, Response
from starlette.datastructures import QueryParams

from app.clock import now
from app.errors import InvalidRequest
from app.services.review import queue, saved_views
from app.services.review.queue import QueueItem, QueuePage
from app.storage.db.database import Session
from app.storage.events.audit_log import Actor
from app.storage.review import queue as rows
from app.storage.review import saved_views as stored_views
from app.storage.review.queue import Filters
from app.web.dependencies import Services, get_services
from app.web.html import form_security
from app.web.html.templates import language_name
from app.web.staff.access_control import StaffRoute, permission, safe_redirect
from app.web.staff.layout import actor, current_staff, go, show
from app.web.staff.queue_filters import ATTENTION, STATE_NAMES, QueueQuery, filter_chips
from app.web.staff.relative_time import time_since, time_until

router = APIRouter(include_in_schema=False, route_class=StaffRoute)
Json = dict[str, Any]
LINES = 50
EMPTY = (
    "Nobody waits. A case appears here as soon as somebody sends the form, "
    "or leaves it after telling something urgent."
)
FURTHER = (
    f"None of the first {rows.MAX_SCANNED:,} that were looked at is like that; the next page looks further."
)


@router.get("/staff")
@permission("queue")
async def queue_page(request: Request) -> Response:
    """The waiting cases; with `?part=1` only the rows, for a page that refreshes itself."""
    return await _queue(request)


async def _queue(request: Request, problem: InvalidRequest | None = None, named: str = "") -> Response:
    services, asked = get_services(request), QueueQuery.parse(request.query_params)
    page, part = (
        await _page(request, asked.filters(current_staff(request).staff.id), asked),
        "part" in request.query_params,
    )
    words = _lines(services, page) | {
        "following": asked.path(after=page.following) if page.following else "",
        "again": asked.path(after=asked.after),
        "empty": FURTHER if page.following else _empty(asked),
    }
    if part:
        return show(request, "staff/queue_lines.html", **words)
    counts, overdue, mine = await services.database.read(partial(_around, me=current_staff(request).staff.id))
    languages = [(tag, language_name(tag)) for tag in _languages(services)]
    return show(
        request,
        "staff/queue.html",
        status=problem.status if problem else 200,
        groups=filter_chips(asked, languages, counts, overdue, rows.MAX_COUNTED),
        views=[(each, f"/staff?{each.query}") for each in mine],
        query=asked.query(),
        narrowed=bool(asked.choices),
        named=named,
        errors=[{"target": "name", "words": problem.detail}] if problem else [],
        **words,
    )


@router.post("/staff/found")
@permission("queue")
async def search_results(request: Request) -> Response:
    """The cases with exactly this phone number, e-mail address, booking reference or case number."""
    services, given = get_services(request), await form_security.fields(request)
    who, text = current_staff(request).staff, form_security.first(given, "text")
    work = partial(
        queue.search_cases,
        submission_service=services.submissions,
        principal=who,
        text=text,
        now=now(),
        actor=actor(request),
    )
    try:
        filters = await services.database.write(work)
    except InvalidRequest as problem:
        words = {"lines": [], "errors": [{"target": "text", "words": problem.detail}]}
        return show(
            request, "staff/found.html", status=problem.status, following="", empty="", again="", **words
        )
    page = await _page(request, filters)
    empty = "Nothing is kept under exactly that. Look at how it is written, or ask for the booking reference."
    return show(
        request, "staff/found.html", following="", empty=empty, again="/staff", **_lines(services, page)
    )


@router.post("/staff/views")
@permission("queue")
async def save_view(request: Request) -> Response:
    """Save these filters under a name."""
    given = await form_security.fields(request)
    query, name = form_security.first(given, "query"), form_security.first(given, "name")
    asked = QueueQuery.parse(QueryParams(query))
    work = partial(
        saved_views.save_view,
        who=current_staff(request).staff,
        name=name,
        query=asked.query(),
        now=now(),
        actor=actor(request),
    )
    try:
        await get_services(request).database.write(work)
    except InvalidRequest as problem:
        return await _queue(request, problem, name[: saved_views.MAX_NAME_LENGTH])
    return go(asked.path())


@router.post("/staff/views/{view}/forget")
@permission("queue")
async def delete_view(request: Request, view: str) -> Response:
    """Delete a saved view."""
    work = partial(
        saved_views.delete_view, who=current_staff(request).staff, view=view, now=now(), actor=actor(request)
    )
    await get_services(request).database.write(work)
    return go(safe_redirect(form_security.first(await form_security.fields(request), "back")))


async def _page(request: Request, filters: Filters, asked: QueueQuery | None = None) -> QueuePage:
    work = partial(
        queue.page,
        submission_service=get_services(request).submissions,
        principal=current_staff(request).staff,
        filters=filters,
        limit=LINES if asked else rows.MAX_FOUND,
        after=asked.after if asked else None,
        now=now(),
    )
    database, who = get_services(request).database, actor(request)
    page, unrecorded = await database.read(partial(_read_and_record, read=work, who=who))
    if unrecorded:
        await database.write(partial(queue.record_views, ids=unrecorded, now=now(), actor=who))
    return page


def _read_and_record(
    session: Session, *, read: partial[QueuePage], who: Actor
) -> tuple[QueuePage, list[str]]:
    page = read(session)
    return page, queue.unaudited_views(session, page, now=now(), actor=who)


def _around(session: Session, me: str) -> tuple[dict[str, int], int, Sequence[stored_views.View]]:
    at = now()
    return rows.counts(session, at), rows.overdue(session, at), stored_views.list_for(session, me)


def _languages(services: Services) -> list[str]:
    """Every language of the editions, in the order of the editions from the newest, without duplicates."""
    every = (edition for editions in services.library.editions.values() for edition in editions)
    return list(dict.fromkeys(tag for edition in every for tag in edition.languages))


def _lines(services: Services, page: QueuePage) -> Json:
    return {"lines": [_line(line, page.names, services) for line in page.lines]}


def _line(line: QueueItem, names: dict[str, str], services: Services) -> Json:
    row, at = line.row, now()
    return {
        "id": row.id,
        "version": row.version,
        "attention": row.priority,
        "urgency": ATTENTION.get(row.priority or 0, "no flag"),
        "due_at": row.due_at,
        "left": time_until(row.due_at, at) if row.due_at else "",
        "overdue": row.due_at is not None and row.due_at <= at,
        "why": line.why,
        "unknown": line.unknown,
        "marks": _marks(line),
        "booking": row.booking_reference or "",
        "language": language_name(row.language),
        "arrived_at": row.submitted_at or row.created_at,
        "arrived": time_since(row.submitted_at or row.created_at, at),
        "state": STATE_NAMES[row.review],
        "is_new": row.review == "new",
        "assignee": names.get(row.assignee_id or "", ""),
        "assignee_id": row.assignee_id,
    }


def _marks(line: QueueItem) -> list[tuple[str, str]]:
    """(label, style) of further facts about a case."""
    row = line.row
    chips = [
        (line.changed, "changed since you looked", "warn"),
        (line.is_new, "not seen by you", ""),
        (row.status == "draft", "left unfinished", "warn"),
        (bool(row.spam_reasons), "maybe no person", "warn"),
        (row.legal_hold, "on hold", ""),
        (row.merged_into_id is not None, "merged", ""),
        (row.is_test, "test", "warn"),
    ]
    return [(words, style) for found, words, style in chips if found]


def _empty(asked: QueueQuery) -> str:
    if asked.after:
        return "Nothing comes after this place any more."
    if asked.choices:
        return "No case is like that right now. Take a filter away to see more."
    return EMPTY
