"""The layout and request handling that all pages of the form share.

Responsible for: language, branding, interruptions at the top, the footer, headers, and problems as HTML
pages. Never: renders a page without the footer, and never allows framing by a site that the clinic has not
named.
"""

import contextlib
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from fastapi.routing import APIRoute
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from app.errors import Internal, NotInstalled, Problem, SessionEnded, UnderLegalHold
from app.logging import error_location, log
from app.rules.engine.edition import Edition
from app.services.submissions.assessment import Assessment
from app.storage.events.audit_log import Actor
from app.web.dependencies import Services, get_services, request_id
from app.web.html import form_security
from app.web.html.templates import language_name, render, translations
from app.web.http import content_negotiation
from app.web.middleware.request_guard import HEADERS

Handler = Callable[[Request], Coroutine[Any, Any, Response]]
NO_STORE = {"cache-control": "no-store"}


@dataclass(frozen=True, slots=True)
class FormVisit:
    """A request within a session: the session's `secret`, its submission, and the language in use."""

    request: Request
    services: Services
    secret: str
    assessment: Assessment
    language: str

    @property
    def edition(self) -> Edition:
        return self.assessment.edition


class PageRoute(APIRoute):
    """A route that shows problems as an HTML page, with the footer."""

    def get_route_handler(self) -> Handler:
        inner = super().get_route_handler()

        async def handler(request: Request) -> Response:
            request.scope["actor"] = "respondent"
            try:
                return await inner(request)
            except Problem as problem:
                return await error_page(request, problem)
            except ClientDisconnect:  # the client has disconnected
                raise
            except Exception as error:  # last resort: a user who fills in a form never sees JSON
                log.error(
                    "unhandled_exception",
                    request_id=request_id(request),
                    error=type(error).__name__,
                    at=error_location(error),
                )
                return await error_page(request, Internal("An error on our side."))

        return handler


def edition_of(services: Services) -> Edition:
    """The edition that new forms use."""
    named = services.settings.form_questionnaire or min(services.library.editions)
    edition = services.library.current(named)
    assert edition is not None  # noqa: S101 - main.py refuses to start otherwise
    return edition


def language_of(request: Request, edition: Edition, assessment: Assessment | None) -> str:
    """The language chosen on this device, else that of the draft, else what the browser asks for."""
    chosen = form_security.language_cookie(request)
    if chosen in edition.languages:
        return str(chosen)
    return assessment.record.language if assessment else content_negotiation.language(request, edition)


def render_page(visit: FormVisit, template: str, *, status: int = 200, **words: Any) -> Response:
    """A page within a session."""
    return page(
        visit.request,
        template,
        language=visit.language,
        assessment=visit.assessment,
        secret=visit.secret,
        status=status,
        **words,
    )


def page(
    request: Request,
    template: str,
    *,
    language: str | None = None,
    assessment: Assessment | None = None,
    secret: str | None = None,
    status: int = 200,
    **words: Any,
) -> Response:
    """One page; `assessment` and `secret` belong to the session it is shown in."""
    services = get_services(request)
    edition = assessment.edition if assessment else edition_of(services)
    language = language or language_of(request, edition, assessment)
    book = edition.phrasebooks[language]
    shown = {
        "theme": services.theme.template_context(),
        "direction": book.texts.direction,
        "languages": [(tag, language_name(tag)) for tag in edition.languages],
        "unreviewed": edition.unreviewed_languages(language),
        "footer": book.footer,
        "fixed": book.texts.summary,
        "help": book.texts.summary.help,
        "blocks": edition.interruptions(assessment.evaluation, language) if assessment else [],
        "leaving": secret is not None,
        "session_minutes": services.settings.form_session_minutes,
        "token": form_security.csrf_token(services, secret) if secret else "",
        "path": form_security.return_path(request),
    }
    return html_response(services, render(template, language, **(shown | words)), status)


def html_response(services: Services, content: str | bytes, status: int = 200) -> Response:
    """A response with a rendered page."""
    return HTMLResponse(content, status, headers=headers(services) | NO_STORE)


def headers(services: Services) -> dict[str, str]:
    """The Content-Security-Policy of pages that the clinic's website may frame."""
    framers = " ".join(services.settings.frame_origins) or "'none'"
    policy = HEADERS["content-security-policy"].replace(
        "frame-ancestors 'none'", f"frame-ancestors {framers}"
    )
    if services.settings.exit_url:  # `form-action` also applies to redirects
        away = urlsplit(str(services.settings.exit_url))
        policy = policy.replace("form-action 'self'", f"form-action 'self' {away.scheme}://{away.netloc}")
    return {"content-security-policy": policy}


def actor(request: Request) -> Actor:
    """The respondent of this request, for the audit log."""
    return Actor("respondent", None, request_id(request))


def redirect(path: str) -> RedirectResponse:
    """Redirect to another page of the form, by GET."""
    return RedirectResponse(path, 303, headers=NO_STORE)


def gettext_for(language: str) -> Callable[[str], str]:
    """The gettext function of a language, for texts that handlers write themselves."""
    return translations(language).gettext


def message_page(
    request: Request,
    heading: str,
    *lines: str,
    ways: list[tuple[str, str]],
    language: str,
    status: int = 200,
    apart: tuple[str, str] | None = None,
    found: tuple[str, Assessment] | None = None,
) -> Response:
    """A page with one message and links onward; the `apart` link opens in a new window."""
    secret, assessment = found or (None, None)
    return page(
        request,
        "form/message.html",
        language=language,
        assessment=assessment,
        secret=secret,
        status=status,
        apart=apart,
        heading=heading,
        lines=lines,
        ways=ways,
    )


async def error_page(request: Request, problem: Problem) -> Response:
    """The error page for a problem, written for respondents; their interruptions stay at the top."""
    services = get_services(request)
    found = None
    if not isinstance(problem, SessionEnded):
        with contextlib.suppress(Exception):  # an error here must not prevent the error page
            found = await form_security.load_session(request)
    language = language_of(request, edition_of(services), None)
    _ = gettext_for(language)
    start, again = ("/form", _("Start a new form")), ("/form/resume", _("I have a link to come back"))
    if isinstance(problem, SessionEnded):
        lines = [
            _("For your privacy the form closes on this device after a while."),
            _("What you sent before is saved, unless you deleted it. With your link you can go on."),
        ]
        heading, ways, status = _("The form was closed"), [again, start], 403
    elif problem.status == 404:
        heading, ways, status = _("There is nothing here"), [start, again], 404
        lines = [_("The address may be old, or what it opened has been deleted.")]
    elif isinstance(problem, UnderLegalHold):
        heading, ways, status = _("This form can't be deleted now"), [("/form/go-on", _("Go on"))], 409
        lines = [_("The clinic has to keep it for now. Please call the clinic if you have a question.")]
    elif problem.status == 503:
        heading, ways, status = _("Please wait a little"), [("/form/go-on", _("Go on")), start], 503
        lines = [
            _("The service is busy, and what you just sent is not saved yet."),
            _("Please go back and send it once more. What you sent before is saved."),
        ]
    elif isinstance(problem, NotInstalled):
        heading, ways, status = _("There is no PDF here"), [("/form/go-on", _("Go on"))], problem.status
        lines = [_("To keep it as a PDF, print this page and choose to save it as a PDF.")]
    elif problem.status == 429:
        heading, ways, status = _("Please wait a little"), [start], problem.status
        lines = [
            _("Too many forms are being filled in right now. Please try again later, or call the clinic.")
        ]
    else:
        heading, ways, status = _("That did not work"), [("/form/go-on", _("Go on")), start], problem.status
        lines = [_("Please go back and try once more. What you sent before is saved.")]
    response = message_page(
        request, heading, *lines, ways=ways, language=language, status=status, found=found
    )
    if problem.retry_after is not None:
        response.headers["retry-after"] = str(problem.retry_after)
    return response


async def require_session(request: Request) -> FormVisit:
    """The open session of this request. Raises SessionEnded."""
    found = await form_security.load_session(request)
    if found is None:
        raise SessionEnded("There is no open session on this device.")
    secret, assessment = found
    return FormVisit(
        request,
        get_services(request),
        secret,
        assessment,
        language_of(request, assessment.edition, assessment),
    )
