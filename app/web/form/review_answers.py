"""The "check your answers" page, and submitting the form.

Responsible for: every answer so far with a link to change it, required questions without an answer,
questions that no longer apply, and submitting. Never: submits with a required answer missing, and never
submits twice.
"""

from functools import partial

from fastapi import APIRouter, Request, Response

from app.clock import now
from app.errors import InvalidAnswers, NotADraft, SessionEnded
from app.rules.engine.questionnaire import Item
from app.services.submissions import form_sessions
from app.web.dependencies import get_services
from app.web.form import fields
from app.web.form.layout import (
    FormVisit,
    PageRoute,
    actor,
    edition_of,
    gettext_for,
    language_of,
    message_page,
    redirect,
    render_page,
    require_session,
)
from app.web.form.navigation import Flow
from app.web.html import form_security

router = APIRouter(include_in_schema=False, route_class=PageRoute)


@router.get("/form/check")
async def check(request: Request) -> Response:
    """All answers so far, each with a link to change it."""
    visit = await require_session(request)
    if visit.assessment.record.status == "submitted":
        return redirect("/form/summary")
    return _check(visit, [])


def _check(visit: FormVisit, missing: list[str], *, status: int = 200) -> Response:
    flow = Flow(visit.assessment)
    words = visit.edition.phrasebooks[visit.language].items
    errors = fields.unanswered(visit.edition, missing, visit.language)
    return render_page(
        visit,
        "form/check.html",
        status=status,
        errors=_missing_ones(visit, flow, errors),
        parts=[_part(visit, flow, group) for group in flow.groups],
        unused=[words[name].text for name in flow.disabled_answers()],
        back=flow.address(flow.groups[-1]),
        summary_follows=not visit.assessment.evaluation.stopped_by,
    )


def _missing_ones(visit: FormVisit, flow: Flow, errors: dict[str, str]) -> list[dict[str, str]]:
    """The required questions without an answer, each with a link to its row."""
    items = visit.edition.phrasebooks[visit.language].items
    return [
        {"target": _row(flow, name), "words": f"{fields.shorten(items[name].text)}: {words}"}
        for name, words in errors.items()
    ]


def _part(visit: FormVisit, flow: Flow, group: Item) -> dict[str, object]:
    change = flow.address(group, "check")
    rows = [
        {
            "id": _row(flow, name),
            "question": words,
            "answer": said,
            "change": f"{change}#{fields.anchor(group, name)}",
        }
        for name, words, said in fields.rows(flow, group, visit.language)
    ]
    return {"title": visit.edition.texts[visit.language].pages[group.link_id], "rows": rows}


def _row(flow: Flow, name: str) -> str:
    """The element id of a question on this page; like every address, it reveals nothing about it."""
    return f"r{1 + list(flow.asked.by_id).index(name)}"


@router.post("/form/check")
async def send(request: Request) -> Response:
    """Submit the form; a repeated request has no further effect."""
    services, secret, at = get_services(request), form_security.session_cookie(request), now()
    if not secret:
        raise SessionEnded("There is no session on this device.")
    form_security.require_csrf(request, await form_security.fields(request), secret)
    before = await services.database.read(
        partial(form_sessions.read, submission_service=services.submissions, secret=secret, now=at, late=True)
    )
    until, who = form_security.session_expiry(services, at), actor(request)
    work = partial(
        form_sessions.submit,
        submission_service=services.submissions,
        secret=secret,
        until=until,
        now=at,
        actor=who,
    )
    try:
        sent = await services.database.write(work)
    except InvalidAnswers:
        return _check(await require_session(request), list(before.missing), status=422)
    except NotADraft:  # submitted by the other of two clicks
        return redirect("/form/summary")
    if before.record.status == "draft":
        services.submissions_counter.labels("submitted").inc()
    return _sent_late(request) if sent.ended else redirect("/form/summary")


def _sent_late(request: Request) -> Response:
    """The page after submitting when the session had already ended: it is submitted, no answers are shown."""
    language = language_of(request, edition_of(get_services(request)), None)
    _ = gettext_for(language)
    lines = [
        _("Your answers are with the clinic."),
        _("For your privacy the form closes on this device after a while."),
        _("With your link you can read your page."),
    ]
    ways = [("/form/resume", _("I have a link to come back"))]
    return message_page(request, _("Your answers are sent"), *lines, ways=ways, language=language)
