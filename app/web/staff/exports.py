"""File exports of the staff app: a list as CSV, a case as PDF or JSON.

Responsible for: reading the filter, recording the export, and only then sending the first byte. Never: holds
a long list in memory, and never accepts unknown filters.
"""

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic_core import to_json
from starlette.datastructures import QueryParams
from starlette.responses import StreamingResponse

from app.clock import now
from app.services.review import case_export, csv_export
from app.services.review.cases import StaffCommand
from app.services.review.csv_export import CsvChunk, ExportRequest
from app.web.dependencies import get_services
from app.web.html import pdf
from app.web.html import summary_view as summaries
from app.web.staff.access_control import StaffRoute, actor, permission, show
from app.web.staff.layout import NO_STORE, current_staff
from app.web.staff.queue_filters import QueueQuery

router = APIRouter(include_in_schema=False, route_class=StaffRoute)


# --- export of a list ------------------------------------------------------------------------------


@router.get("/staff/export")
@permission("export")
async def export_page(request: Request) -> Response:
    """What an export of this list contains, and the two ways to download it."""
    asked = _asked(request)
    return show(
        request, "staff/export.html", chosen=_words(asked), query=asked.query(), most=csv_export.MAX_ROWS
    )


def _words(asked: QueueQuery) -> list[str]:
    """The filter as text."""
    return [f"{name}: {value.replace('_', ' ')}" for name, value in asked.choices.items()]


@router.get("/staff/export.csv")
@permission("export")
async def download_csv(request: Request) -> Response:
    """The list as CSV; with `?answers=1`, a column for each question."""
    services, at = get_services(request), now()
    filters = _asked(request).filters(current_staff(request).staff.id)
    wanted = ExportRequest(filters, answers=request.query_params.get("answers") == "1")
    staff = current_staff(request).staff
    number = await services.database.read(partial(csv_export.count, principal=staff, wanted=wanted, now=at))
    begin = partial(csv_export.record_export, wanted=wanted, number=number, now=at, actor=actor(request))
    await services.database.write(begin)
    first = await _piece(request, wanted)
    text = csv_export.csv_header(services.library, wanted) + first.text
    named = f'attachment; filename="cases-{services.submissions.terms.hours.day(at)}.csv"'
    return StreamingResponse(
        _rest(request, text, first),
        headers=NO_STORE | {"content-disposition": named},
        media_type="text/csv; charset=utf-8",
    )


async def _rest(request: Request, text: str, piece: CsvChunk) -> AsyncIterator[str]:
    """The given text, then the remaining pieces one by one."""
    yield text
    while piece.following:
        piece = await _piece(request, piece.following)
        yield piece.text


async def _piece(request: Request, wanted: ExportRequest) -> CsvChunk:
    """The next lines. Exported answers are recorded with them, which needs a write instead of a read."""
    services = get_services(request)
    work = partial(
        csv_export.csv_chunk,
        submission_service=services.submissions,
        wanted=wanted,
        now=now(),
        actor=actor(request),
    )
    return await (services.database.write(work) if wanted.answers else services.database.read(work))


def _asked(request: Request) -> QueueQuery:
    """The filter of the list. Raises BadRequest."""
    given = [(name, value) for name, value in request.query_params.multi_items() if name != "answers"]
    return QueueQuery.parse(QueryParams(given))


# --- export of a case ------------------------------------------------------------------------------


@router.get("/staff/cases/{submission}/export.json")
@permission("export")
async def download_case(request: Request, submission: str) -> Response:
    """Everything stored about a case, as JSON; with `?contact=1`, including contact details."""
    services, contact = get_services(request), request.query_params.get("contact") == "1"
    work = partial(
        case_export.case_document,
        submission_service=services.submissions,
        turn=_turn(request, submission),
        contact=contact,
    )
    document = await services.database.write(work)
    return _file(to_json(document, indent=1), "application/json", f"case-{submission}.json")


@router.get("/staff/cases/{submission}/export.pdf")
@permission("export")
async def download_summary_pdf(request: Request, submission: str) -> Response:
    """The summary of a case as a PDF; if the server can't make one, a page that says so."""
    if not pdf.installed():
        return _no_pdf(request, submission)
    services = get_services(request)
    work = partial(
        case_export.summary_for_export,
        submission_service=services.submissions,
        turn=_turn(request, submission),
    )
    assessment = await services.database.write(work)
    zone = services.settings.clinic_time_zone
    spoken = summaries.summary_context(
        assessment.edition, assessment.summary(), kept_until=assessment.record.retained_until, zone=zone
    )
    content = await asyncio.to_thread(pdf.pdf, spoken)
    return _file(content, "application/pdf", f"case-{submission}.pdf")


def _no_pdf(request: Request, submission: str) -> Response:
    return show(
        request,
        "staff/message.html",
        status=501,
        heading="This server makes no PDF",
        lines=["Open the case and print it: a browser can save that as a PDF. Or take the case as JSON."],
        ways=[(f"/staff/cases/{submission}", "Open the case"), ("/staff", "Go to the start")],
    )


def _turn(request: Request, submission: str) -> StaffCommand:
    return StaffCommand(submission, current_staff(request).staff, actor(request), now())


def _file(content: bytes, kind: str, name: str) -> Response:
    headers: dict[str, Any] = {"content-disposition": f'attachment; filename="{name}"'}
    return Response(content, headers=NO_STORE | headers, media_type=kind)
