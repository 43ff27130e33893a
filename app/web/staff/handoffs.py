"""One-time links, for staff: listing those of a booking, creating and revoking them.

Responsible for: the list, and the form for a new link. Never: shows a link twice, or the case that it led to.
"""

import datetime as dt
import re
import zoneinfo
from functools import partial

from fastapi import APIRouter, Request, Response

from app.clock import now
from app.errors import Conflict, FieldError, InvalidRequest, Problem
from app.services.bookings import handoffs
from app.services.bookings.handoffs import NewHandoff
from app.services.submissions import form_sessions
from app.storage.bookings import handoffs as rows
from app.storage.bookings.handoffs import Handoff
from app.web.dependencies import get_services
from app.web.form.layout import edition_of
from app.web.html import form_security
from app.web.html.links import links
from app.web.html.templates import language_name
from app.web.http import pagination
from app.web.staff.access_control import StaffRoute, permission
from app.web.staff.layout import actor, go, show

router = APIRouter(include_in_schema=False, route_class=StaffRoute)
REFERENCE = re.compile(r"[A-Za-z0-9._:-]{1,100}")
ON_A_PAGE = 50
FIELDS = ("booking_reference", "appointment_at", "language")
CHIPS = {"waiting": "good", "opened": "good", "revoked": "bad", "expired": "warn"}


@router.get("/staff/handoffs")
@permission("queue")
async def listed(request: Request) -> Response:
    """The newest links, or those of a booking, and a form for a new one."""
    return await _listed(request)


@router.post("/staff/handoffs")
@permission("queue")
async def make(request: Request) -> Response:
    """Create a link; it is shown only once."""
    services, given, secret = (
        get_services(request),
        await form_security.fields(request),
        form_sessions.new_secret(),
    )
    try:
        made = handoffs.build(_wanted(request, given), secret, key_id=None, now=now())
    except InvalidRequest as refused:
        return await _listed(request, refused, given)
    await services.database.write(partial(handoffs.create, handoff=made, actor=actor(request)))
    addresses = links(services, secret)
    return show(
        request,
        "staff/handoff_made.html",
        made=made,
        link=addresses["link"],
        plain_link=addresses["plain_link"],
    )


@router.post("/staff/handoffs/{handoff}/revoke")
@permission("queue")
async def revoke(request: Request, handoff: str) -> Response:
    """Revoke a link; a repeated request has no further effect. Raises NotFound."""
    work = partial(
        handoffs.revoke, handoff=handoff, test=False, version=None, now=now(), actor=actor(request)
    )
    try:
        await get_services(request).database.write(work)
    except Conflict:  # a form was started with it in the meantime, as the list shows
        return go("/staff/handoffs")
    return go("/staff/handoffs")


def _wanted(request: Request, given: form_security.Fields) -> NewHandoff:
    """The new link as requested. Raises Unprocessable."""
    reference, appointment, language = (form_security.first(given, each).strip() for each in FIELDS)
    if not REFERENCE.fullmatch(reference):
        detail = "Give a booking reference: letters, digits and . _ : - alone, at most 100. Never a name."
        raise InvalidRequest(detail, errors=[FieldError("/booking_reference", "invalid", detail)])
    at = _local(request, appointment) if appointment else None
    known = language in edition_of(get_services(request)).languages
    return NewHandoff(reference, appointment_at=at, language=language if known else None)


def _local(request: Request, text: str) -> dt.datetime:
    """A time from the browser's field, in the clinic's time zone, converted to UTC. Raises Unprocessable."""
    zone = zoneinfo.ZoneInfo(get_services(request).settings.clinic_time_zone)
    try:
        return dt.datetime.strptime(text, "%Y-%m-%dT%H:%M").replace(tzinfo=zone).astimezone(dt.UTC)
    except (ValueError, OverflowError):
        detail = "Give the appointment as 2027-01-15T14:30."
        raise InvalidRequest(detail, errors=[FieldError("/appointment_at", "invalid", detail)]) from None


async def _listed(
    request: Request, refused: Problem | None = None, given: form_security.Fields | None = None
) -> Response:
    services, query = get_services(request), request.query_params
    reference = query.get("reference", "").strip()
    known = reference if REFERENCE.fullmatch(reference) else None
    work = partial(
        rows.page,
        test=False,
        booking_reference=known,
        after=pagination.decode_id(query.get("cursor")),
        limit=ON_A_PAGE + 1,
    )
    found: list[Handoff] = [] if reference and not known else await services.database.read(work)
    more = pagination.next_url_by_id(request, found[ON_A_PAGE - 1].id) if len(found) > ON_A_PAGE else None
    at, typed = now(), {name: form_security.first(given or {}, name)[:200] for name in FIELDS}
    found_issues = refused.errors if refused else ()
    return show(
        request,
        "staff/handoffs.html",
        status=422 if refused else 200,
        lines=[_line(each, at) for each in found[:ON_A_PAGE]],
        reference=reference[:200],
        more=more,
        given=typed,
        spoken=[(tag, language_name(tag)) for tag in edition_of(services).languages],
        errors=[{"target": each.pointer.removeprefix("/"), "words": each.detail} for each in found_issues],
    )


def _line(handoff: Handoff, at: dt.datetime) -> tuple[Handoff, str, str]:
    state = handoffs.state(handoff, at)
    return handoff, state, CHIPS[state]
