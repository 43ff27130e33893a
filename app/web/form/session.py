"""Pages around the questions: save and resume, leaving, the summary, erasure, privacy and branding.

Responsible for: resume links, ending sessions, and copies of the summary. Never: changes data on GET, and
never puts a secret in an address (except the resume link that a browser without scripts needs).
"""

import asyncio
import datetime as dt
import re
from functools import partial
from typing import Any

from fastapi import APIRouter, Request, Response
from starlette.responses import HTMLResponse, RedirectResponse

from app.clock import now
from app.errors import Forbidden, InFlight, NotFound, SessionEnded, Unavailable
from app.services.bookings import handoffs
from app.services.bookings.handoffs import Outcome
from app.services.submissions import form_sessions
from app.web import dependencies
from app.web.dependencies import Services, get_services
from app.web.form.layout import (
    NO_STORE,
    FormVisit,
    PageRoute,
    actor,
    edition_of,
    gettext_for,
    headers,
    language_of,
    message_page,
    page,
    redirect,
    render_page,
    require_session,
)
from app.web.html import form_security, pdf
from app.web.html import summary_view as summaries
from app.web.html.templates import TEMPLATES, moment

router = APIRouter(include_in_schema=False, route_class=PageRoute)
IMMUTABLE = {"cache-control": "public, max-age=31536000, immutable"}
LINK = re.compile(r"[A-Za-z0-9_-]{43}")


# --- save and resume -------------------------------------------------------------------------------


@router.get("/form/save")
async def save_page(request: Request) -> Response:
    """Until when the form is saved, and how to get a resume link."""
    visit = await require_session(request)
    return await _save_page(visit, visit.assessment.record.retained_until)


@router.post("/form/save")
async def make_link(request: Request) -> Response:
    """Create a resume link; it is shown only once."""
    visit = await require_session(request)
    form_security.require_csrf(request, await form_security.fields(request), visit.secret)
    secret, services = form_sessions.new_secret(), visit.services
    work = partial(
        form_sessions.create_resume_link,
        submission_service=services.submissions,
        secret=visit.secret,
        link_secret=secret,
        now=now(),
        actor=actor(request),
    )
    until = await services.database.write(work)
    base = f"{str(services.settings.public_url).rstrip('/')}/form/resume"
    return await _save_page(visit, until, link=f"{base}#{secret}", plain_link=f"{base}/{secret}")


async def _save_page(
    visit: FormVisit, until: dt.datetime, *, link: str = "", plain_link: str = ""
) -> Response:
    expires = moment(until, visit.language, visit.services.settings.clinic_time_zone)
    draft = visit.assessment.record.status == "draft"
    back = await _way_back(visit)
    return render_page(
        visit, "form/save.html", until=expires, draft=draft, link=link, plain_link=plain_link, booking=back
    )


async def _way_back(visit: FormVisit) -> str | None:
    """The address of the booking site, if the user came from there by a one-time link; otherwise None."""
    record = visit.assessment.record
    outcome: Outcome = "submitted" if record.status == "submitted" else "in_progress"
    return await visit.services.database.read(
        partial(handoffs.return_url, submission=record.id, outcome=outcome)
    )


@router.get("/form/resume")
@router.get("/form/resume/{secret}")
async def resume_page(request: Request, secret: str = "") -> Response:
    """The page that a resume link leads to: a button opens the form, so that a link preview does not."""
    held, assessment = await form_security.load_session(request) or (None, None)
    link = secret if LINK.fullmatch(secret) else ""
    return page(request, "form/resume.html", assessment=assessment, secret=held, link=link, errors=[])


@router.post("/form/resume")
async def resume(request: Request) -> Response:
    """Open a session with a resume link."""
    services, given, at = get_services(request), await form_security.fields(request), now()
    form_security.require_same_origin(request)
    held = form_security.extract_secret(given)
    secret = form_sessions.new_secret()
    work = partial(
        form_sessions.resume,
        submission_service=services.submissions,
        link_secret=held,
        secret=secret,
        until=form_security.session_expiry(services, at),
        now=at,
        actor=actor(request),
    )
    try:
        assessment = await services.database.write(work)
    except NotFound:
        _ = gettext_for(language_of(request, edition_of(services), None))
        message = _("This link does not open a form. It may be cut off, or its time is over.")
        return page(
            request,
            "form/resume.html",
            status=422,
            link="",
            errors=[{"target": "link", "words": message}],
        )
    response = form_security.set_cookie(redirect("/form/go-on"), services, form_security.SESSION, secret)
    return form_security.set_cookie(response, services, form_security.LANGUAGE, assessment.record.language)


# --- leaving ---------------------------------------------------------------------------------------


@router.post("/form/leave")
async def leave(request: Request) -> Response:
    """End the session and leave the site at once, whatever state the service is in."""
    services = get_services(request)
    away = RedirectResponse(services.theme.leave, 303, headers=NO_STORE)
    try:
        return await _closed(request, away)
    except (Unavailable, InFlight):  # the cookie is deleted in any case; the session expires on its own
        return _forgotten(away, services)
    except Forbidden:  # a page of another site can't end the session
        return away


@router.get("/form/left")
async def exit_page(request: Request) -> Response:
    """A neutral page that reveals nothing about the form."""
    html = (TEMPLATES / "form" / "left.html").read_text(encoding="utf-8")
    return HTMLResponse(html, headers=headers(get_services(request)) | NO_STORE)


@router.post("/form/clear")
async def end_session(request: Request) -> Response:
    """End the session on this device; saved answers stay saved."""
    language = language_of(request, edition_of(get_services(request)), None)
    response = await _closed(request, redirect(f"/form/cleared?language={language}"))
    response.headers["clear-site-data"] = '"cache"'
    return response


@router.get("/form/cleared")
async def ended_page(request: Request) -> Response:
    """Nothing of the form is left on this device; the language is in the query, since its cookie is gone."""
    language = edition_of(get_services(request)).language(request.query_params.get("language"))
    _ = gettext_for(language)
    lines = [
        _("The form is closed on this device, and its cookies are gone."),
        _("Close the browser window too, so that nobody can go back."),
    ]
    ways = [("/form/resume", _("I have a link to come back")), ("/form", _("Start a new form"))]
    return message_page(request, _("This device is cleared"), *lines, ways=ways, language=language)


async def _closed(request: Request, response: Response) -> Response:
    """End the session of this device, if there is one, and delete its cookies. Raises Forbidden.

    The form token is not checked, so that an older page works too: leaving and clearing always apply to
    everything on this device.
    """
    services, secret = get_services(request), form_security.session_cookie(request)
    await form_security.fields(request)
    form_security.require_same_origin(request)
    if secret:
        await services.database.write(partial(form_sessions.end_session, secret=secret))
    return _forgotten(response, services)


def _forgotten(response: Response, services: Services) -> Response:
    """Delete all cookies of the form on this device."""
    for name in (form_security.SESSION, form_security.LANGUAGE, form_security.HANDOFF):
        form_security.set_cookie(response, services, name, "")
    return response


# --- the summary -----------------------------------------------------------------------------------


@router.get("/form/summary")
async def summary(request: Request) -> Response:
    """The summary: things to discuss with a clinician, and what to do with them."""
    visit = await require_session(request)
    if visit.assessment.record.status == "draft":
        return redirect("/form/go-on")
    late = "changed" in request.query_params
    back = await _way_back(visit)
    return render_page(
        visit, "form/summary.html", pdf=pdf.installed(), late=late, booking=back, **_spoken(visit)
    )


@router.get("/form/summary.txt")
async def summary_as_text(request: Request) -> Response:
    """The summary as plain text."""
    visit = await require_session(request)
    if visit.assessment.record.status == "draft":
        return redirect("/form/go-on")
    return _file(
        summaries.render_context("summary.txt", _spoken(visit)).encode(), "text/plain; charset=utf-8", "txt"
    )


@router.get("/form/summary.pdf")
async def summary_as_pdf(request: Request) -> Response:
    """The summary as an accessible PDF, if the server can make one."""
    visit = await require_session(request)
    if visit.assessment.record.status == "draft":
        return redirect("/form/go-on")
    content = await asyncio.to_thread(pdf.pdf, _spoken(visit))
    return _file(content, "application/pdf", "pdf")


def _file(content: bytes, kind: str, ending: str) -> Response:
    named = f'attachment; filename="before-your-visit.{ending}"'
    return Response(content, headers=NO_STORE | {"content-disposition": named, "content-type": kind})


def _spoken(visit: FormVisit) -> dict[str, Any]:
    """The summary in the language being read; the stored summary is in the language it was made in."""
    assessment = visit.assessment
    made = assessment.edition.summarise(assessment.evaluation, visit.language)
    made |= {"made_at": assessment.made_at}
    zone = visit.services.settings.clinic_time_zone
    return summaries.summary_context(
        assessment.edition, made, kept_until=assessment.record.retained_until, zone=zone
    )


# --- erasing, privacy and branding -----------------------------------------------------------------


@router.get("/form/delete")
async def ask_to_delete(request: Request) -> Response:
    """Ask for confirmation before erasing."""
    return render_page(await require_session(request), "form/delete.html")


@router.post("/form/delete")
async def delete(request: Request) -> Response:
    """Erase the submission of this session."""
    services, given = get_services(request), await form_security.fields(request)
    language = language_of(request, edition_of(services), None)
    gone = _forgotten(redirect(f"/form/deleted?language={language}"), services)
    try:
        visit = await require_session(request)
        form_security.require_csrf(request, given, visit.secret)
        work = partial(
            form_sessions.erase,
            submission_service=services.submissions,
            secret=visit.secret,
            now=now(),
            actor=actor(request),
        )
        await dependencies.write_and_sync_ledger(services, work)
    except SessionEnded:
        if not await _deleted_already(request, given):
            raise
    return gone


async def _deleted_already(request: Request, given: form_security.Fields) -> bool:
    """Is the submission of this signed form already erased, for example by the other of two clicks?"""
    services, held = get_services(request), form_security.session_cookie(request)
    if not held or not form_security.is_valid_csrf(services, given, held):
        return False
    return not await services.database.read(partial(form_sessions.session_exists, secret=held))


@router.get("/form/deleted")
async def deleted(request: Request) -> Response:
    """The page that confirms the erasure."""
    language = edition_of(get_services(request)).language(request.query_params.get("language"))
    _ = gettext_for(language)
    line = _("Your answers and your contact details are deleted.")
    ways = [("/form", _("Start a new form"))]
    return message_page(request, _("Your answers are deleted"), line, ways=ways, language=language)


@router.get("/form/privacy")
async def privacy(request: Request) -> Response:
    """Who can see the answers, and until when."""
    settings = get_services(request).settings
    found = await form_security.load_session(request)
    secret, assessment = found or (None, None)
    return page(
        request,
        "form/privacy.html",
        assessment=assessment,
        secret=secret,
        hours=settings.draft_retention_hours,
        days=settings.submission_retention_days,
    )


@router.get("/form/theme.css")
async def theme(request: Request) -> Response:
    """The style sheet with the clinic's colours."""
    return Response(get_services(request).theme.sheet, media_type="text/css", headers=IMMUTABLE)


@router.get("/form/logo")
async def logo(request: Request) -> Response:
    """The clinic's logo. Raises NotFound if none is set."""
    shown = get_services(request).theme
    if shown.logo is None:
        raise NotFound("No logo is set.")
    return Response(shown.logo, media_type=shown.logo_type, headers=IMMUTABLE)


@router.get("/form/{rest:path}")
async def not_found(rest: str) -> Response:
    """Any other address of the form. Raises NotFound."""
    raise NotFound("There is nothing at this address.")
