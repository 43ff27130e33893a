"""One-time links: a page with one button, which leads to the first page of the form.

Responsible for: turning the secret of a link into a short-lived cookie that the first page uses. Never: uses
up a link on GET (mail programs open links), and never reveals why a link opens nothing.
"""

from functools import partial

from fastapi import APIRouter, Request, Response

from app.clock import now
from app.errors import NotFound
from app.services.bookings import handoffs
from app.storage.bookings.handoffs import Handoff
from app.web.dependencies import get_services
from app.web.form.layout import PageRoute, edition_of, gettext_for, language_of, message_page, page, redirect
from app.web.html import form_security

router = APIRouter(include_in_schema=False, route_class=PageRoute)


@router.get("/r")
@router.get("/r/{secret}")
async def ask(request: Request, secret: str = "") -> Response:
    """The page with the button; no link is looked up or used."""
    return _ask(request, secret if handoffs.SECRET.fullmatch(secret) else "")


@router.post("/r")
async def begin(request: Request) -> Response:
    """Redirect to the first page of the form, in the language of the link."""
    services, given = get_services(request), await form_security.fields(request)
    form_security.require_same_origin(request)
    edition, secret = edition_of(services), form_security.extract_secret(given)
    chosen = form_security.first(given, "language")
    if chosen:
        language = edition.language(chosen)
        return form_security.set_cookie(
            _ask(request, secret, language), services, form_security.LANGUAGE, language
        )
    try:
        found = await services.database.read(partial(handoffs.resolve_secret, secret=secret, now=now()))
    except NotFound:
        return expired_page(request)
    response = form_security.set_cookie(redirect("/form"), services, form_security.HANDOFF, secret)
    if found.language:
        form_security.set_cookie(response, services, form_security.LANGUAGE, edition.language(found.language))
    return response


async def pending_handoff(request: Request) -> tuple[str | None, Handoff | None]:
    """The secret of the link whose button was pressed on this device, and the link if it still opens a form.

    The second of two clicks finds the link used; the instance id of its form shows whether it was the same
    form that used it.
    """
    services, secret = get_services(request), form_security.handoff_cookie(request)
    if not secret:
        return None, None
    try:
        return secret, await services.database.read(
            partial(handoffs.resolve_secret, secret=secret, now=now())
        )
    except NotFound:
        return secret, None


def expired_page(request: Request) -> Response:
    """The same page for a link that is used, revoked, expired or unknown."""
    language = language_of(request, edition_of(get_services(request)), None)
    _ = gettext_for(language)
    lines = [
        _("A link like this works once, and not for ever. Its time may be over, or it was used."),
        _("Please ask whoever sent it for a new one."),
        _("If you began on this device, you can go on. If you kept a link to come back, use that."),
    ]
    ways = [("/form/go-on", _("Go on")), ("/form/resume", _("I have a link to come back"))]
    response = message_page(
        request, _("This link does not open a form"), *lines, ways=ways, language=language, status=404
    )
    return form_security.set_cookie(response, get_services(request), form_security.HANDOFF, "")


def _ask(request: Request, secret: str, language: str | None = None) -> Response:
    link = secret if handoffs.SECRET.fullmatch(secret) else ""
    return page(request, "form/handoff.html", language=language, link=link, errors=[])
