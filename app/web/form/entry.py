"""The start of the hosted form: its first page, continuing a form, and the choice of language.

Responsible for: creating the draft and its session. Never: hard-codes a question, and never drops a form
that a robot seems to have sent: it is marked as suspected spam.
"""

from functools import partial
from typing import Any

from fastapi import APIRouter, Request, Response

from app.clock import now
from app.errors import Gone, NotFound, TooManyRequests
from app.rules.engine.edition import Edition
from app.rules.engine.questionnaire import Item
from app.services.bookings import handoffs
from app.services.idempotency import Claim
from app.services.submissions import form_sessions
from app.services.submissions.assessment import Assessment, SubmissionInput, assess_new, new_token
from app.services.submissions.form_sessions import FormPageInput
from app.storage.db.database import Session
from app.web.dependencies import Services, get_services
from app.web.form import fields
from app.web.form.fields import SubmittedValues
from app.web.form.handoffs import expired_page, pending_handoff
from app.web.form.layout import (
    PageRoute,
    actor,
    edition_of,
    gettext_for,
    html_response,
    language_of,
    message_page,
    page,
    redirect,
)
from app.web.form.navigation import resume_page
from app.web.html import form_security
from app.web.http import client_address

router = APIRouter(include_in_schema=False, route_class=PageRoute)
MINUTES = 10
PLACE = "instance-of-this-form"  # placeholder of the instance id in a cached first page


@router.get("/form")
async def start(request: Request) -> Response:
    """The first page; nothing is saved yet."""
    asked = request.query_params.get("language", "")
    edition = edition_of(get_services(request))
    language = edition.language(asked) if asked else language_of(request, edition, None)
    if not request.url.query and not form_security.session_cookie(request):
        return await _untouched(request, language)
    response = await _start(request, language)
    return set_language(response, request, language) if asked else response


async def _untouched(request: Request, language: str) -> Response:
    """The first page for a new visitor: rendered once per language; only the instance id differs."""
    services = get_services(request)
    made = services.first_pages.get(language)
    if made is None:
        made = services.first_pages[language] = bytes((await _start(request, language, instance=PLACE)).body)
    return html_response(
        services, made.replace(PLACE.encode(), form_security.new_form_id(services, now()).encode())
    )


async def _start(
    request: Request,
    language: str,
    typed: SubmittedValues | None = None,
    *,
    status: int = 200,
    instance: str = "",
    stale: bool = False,
) -> Response:
    services = get_services(request)
    edition = edition_of(services)
    group = edition.asked.item[0]
    errors = typed.errors if typed else {}
    found = await form_security.load_session(request)
    return page(
        request,
        "form/start.html",
        language=language,
        status=status,
        progress={"part": 1, "total": len(edition.asked.item)},
        title=edition.texts[language].pages[group.link_id],
        questionnaire_title=edition.title(language),
        minutes=MINUTES,
        going_on=found is not None,
        stale=stale,
        secret=found[0] if found else None,
        blocks=_standing(found[1], language) if found else [],
        instance=instance or form_security.new_form_id(services, now()),
        errors=fields.error_summary(edition, group, errors, language),
        fields=fields.first_page_questions(edition, group, language, typed),
    )


def _standing(assessment: Assessment, language: str) -> list[dict[str, Any]]:
    """The interruptions raised by the form that is open on this device."""
    read = language if language in assessment.edition.languages else assessment.record.language
    return assessment.edition.interruptions(assessment.evaluation, read)


@router.post("/form")
async def begin(request: Request) -> Response:
    """Save a draft and open a session for it."""
    services, given, at = get_services(request), await form_security.fields(request), now()
    form_security.require_same_origin(request)
    edition = edition_of(services)
    instance = form_security.first(given, "instance")
    age = form_security.form_age(services, instance, at)
    chosen, language = requested_language(request, given, edition, None)
    if chosen:
        same = instance if age is not None else ""
        return set_language(
            await _start(request, language, SubmittedValues(given), instance=same), request, language
        )
    group = edition.asked.item[0]
    sent, raw, _ = fields.parse_page(group, given, {})
    errors = _errors_of_first(edition, group, sent, language)
    if age is None or errors:
        same = instance if age is not None else ""  # retains its age, so that a correction is not too fast
        again = SubmittedValues(raw, errors)
        return await _start(request, language, again, status=422, instance=same, stale=age is None)
    link, handoff = await pending_handoff(request)
    if handoff is None:  # invited people are not limited by the number of forms from their network
        await _let_in(request, services)
    odd = {"honeypot": bool(form_security.first(given, "website")), "too_fast": age < form_security.QUICKEST}
    spam_reasons = " ".join(name for name, found in odd.items() if found) or None
    fresh = SubmissionInput(
        sent.answers,
        sent.contact,
        language,
        booking_reference=handoff.booking_reference if handoff else None,
        complete=False,
        test=handoff is not None and handoff.is_test,
        spam_reasons=spam_reasons,
    )
    assessment = assess_new(edition, fresh, new_token(), now=at, terms=services.submissions.terms)
    claim = Claim.from_request("form", instance, b"POST /form")
    secret = form_sessions.new_secret()
    work = partial(
        _begin,
        submission_service=services.submissions,
        assessment=assessment,
        claim=claim,
        secret=secret,
        link=link,
        until=form_security.session_expiry(services, at),
        now=at,
        actor=actor(request),
    )
    try:
        opened = await services.database.write(work)
    except Gone:
        return await _start(request, language, SubmittedValues(raw), status=422, stale=True)
    except NotFound:  # the same link was used by another request first
        return expired_page(request)
    if opened == assessment.record.id:
        services.submissions_counter.labels("draft").inc()
    response = form_security.set_cookie(
        redirect("/form/go-on?new=1"), services, form_security.SESSION, secret
    )
    return form_security.set_cookie(response, services, form_security.HANDOFF, "") if link else response


def _begin(session: Session, *, link: str | None, assessment: Assessment, **more: Any) -> str:
    """As `forms.begin`, and marks the one-time link as used. Raises NotFound if it was used before."""
    opened = form_sessions.start_session(session, assessment=assessment, **more)
    if link and opened == assessment.record.id:
        handoffs.consume(session, link, opened, now=more["now"], actor=more["actor"])
    return opened


def _errors_of_first(edition: Edition, group: Item, sent: FormPageInput, language: str) -> dict[str, str]:
    given = {name: value for name, value in sent.answers.items() if value is not None}
    checked = edition.check(given, complete=False)
    names = {item.link_id for item in group.item}
    missing = [name for name in checked.missing if name in names]
    return fields.error_messages(edition, group, checked.issues, missing, language)


async def _let_in(request: Request, services: Services) -> None:
    """Count one started form, in this process and across replicas. Raises TooMany."""
    found = client_address.client_network(
        client_address.client_address(request.scope, services.settings.proxies)
    )
    wait = await services.form_start_limiter.hit(found)
    if wait:
        raise TooManyRequests("Too many forms are being begun.", retry_after=wait)


@router.get("/form/go-on")
async def continue_form(request: Request) -> Response:
    """Redirect to where this device left off, or to the first page if there is no session."""
    found = await form_security.load_session(request)
    if found is not None:
        return redirect(resume_page(found[1]))
    return _no_cookies(request) if "new" in request.query_params else redirect("/form")


def _no_cookies(request: Request) -> Response:
    """The page for a browser that stored no cookie of a new form, as some do in a frame on another site."""
    language = language_of(request, edition_of(get_services(request)), None)
    _ = gettext_for(language)
    lines = [
        _("This browser does not keep what the form needs to go on from page to page (a cookie)."),
        _("Open the form in a window of its own, or let this site keep cookies."),
    ]
    apart = ("/form", _("Open the form in a window of its own"))
    return message_page(
        request, _("The form can not go on here"), *lines, ways=[], apart=apart, language=language
    )


@router.post("/form/language")
async def choose_language(request: Request) -> Response:
    """Change the language and return to the same page; the answers stay."""
    given = await form_security.fields(request)
    form_security.require_same_origin(request)
    edition = edition_of(get_services(request))
    back = form_security.first(given, "back")
    path = back if form_security.PATH.fullmatch(back) else "/form/go-on"
    return set_language(redirect(path), request, edition.language(form_security.first(given, "language")))


def requested_language(
    request: Request, given: form_security.Fields, edition: Edition, assessment: Assessment | None
) -> tuple[bool, str]:
    """Whether a language button of this form was pressed, and the language to respond in."""
    chosen = form_security.first(given, "language")
    return bool(chosen), edition.language(chosen) if chosen else language_of(request, edition, assessment)


def set_language(response: Response, request: Request, language: str) -> Response:
    """Save the language on this device."""
    return form_security.set_cookie(response, get_services(request), form_security.LANGUAGE, language)
