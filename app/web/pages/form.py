"""The start of the hosted form: its first page, continuing a form, and the choice of language.

Responsible for: creating the draft and its session. Never: hard-codes a question, and never drops a form
that a robot seems to have sent: it is marked as suspected spam.
"""

from functools import partial
from typing import Any

from fastapi import APIRouter, Request, Response

from app.errors import Gone, NotFound, TooMany
from app.rules.edition import Edition
from app.rules.questionnaire import Item
from app.services import forms, handoffs
from app.services.drawn import Drawn, Given, draw_up, new_token
from app.services.forms import Page
from app.services.idempotency import Claim
from app.storage.database import Session
from app.web import network
from app.web.deps import Rooms, now, rooms
from app.web.pages import door, fields
from app.web.pages.fields import Typed
from app.web.pages.flow import where_left
from app.web.pages.handoffs import asked_by, opens_nothing
from app.web.pages.page import PageRoute, actor, edition_of, go, html, language_of, message, page, said

router = APIRouter(include_in_schema=False, route_class=PageRoute)
MINUTES = 10
PLACE = "instance-of-this-form"  # placeholder of the instance id in a cached first page


@router.get("/form")
async def start(request: Request) -> Response:
    """The first page; nothing is saved yet."""
    asked = request.query_params.get("language", "")
    edition = edition_of(rooms(request))
    language = edition.language(asked) if asked else language_of(request, edition, None)
    if not request.url.query and not door.secret(request):
        return await _untouched(request, language)
    response = await _start(request, language)
    return choose(response, request, language) if asked else response


async def _untouched(request: Request, language: str) -> Response:
    """The first page for a new visitor: rendered once per language; only the instance id differs."""
    here = rooms(request)
    made = here.first_pages.get(language)
    if made is None:
        made = here.first_pages[language] = bytes((await _start(request, language, instance=PLACE)).body)
    return html(here, made.replace(PLACE.encode(), door.instance(here, now()).encode()))


async def _start(
    request: Request,
    language: str,
    typed: Typed | None = None,
    *,
    status: int = 200,
    instance: str = "",
    stale: bool = False,
) -> Response:
    here = rooms(request)
    edition = edition_of(here)
    group = edition.asked.item[0]
    errors = typed.errors if typed else {}
    found = await door.look(request)
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
        instance=instance or door.instance(here, now()),
        errors=fields.listed(edition, group, errors, language),
        fields=fields.fresh(edition, group, language, typed),
    )


def _standing(drawn: Drawn, language: str) -> list[dict[str, Any]]:
    """The interruptions raised by the form that is open on this device."""
    read = language if language in drawn.edition.languages else drawn.record.language
    return drawn.edition.interruptions(drawn.evaluation, read)


@router.post("/form")
async def begin(request: Request) -> Response:
    """Save a draft and open a session for it."""
    here, given, at = rooms(request), await door.fields(request), now()
    door.guard_origin(request)
    edition = edition_of(here)
    instance = door.one(given, "instance")
    age = door.age(here, instance, at)
    chosen, language = spoken(request, given, edition, None)
    if chosen:
        same = instance if age is not None else ""
        return choose(await _start(request, language, Typed(given), instance=same), request, language)
    group = edition.asked.item[0]
    sent, raw, _ = fields.handed_in(group, given, {})
    errors = _errors_of_first(edition, group, sent, language)
    if age is None or errors:
        same = instance if age is not None else ""  # retains its age, so that a correction is not too fast
        again = Typed(raw, errors)
        return await _start(request, language, again, status=422, instance=same, stale=age is None)
    link, handoff = await asked_by(request)
    if handoff is None:  # invited people are not limited by the number of forms from their network
        await _let_in(request, here)
    odd = {"honeypot": bool(door.one(given, "website")), "too_fast": age < door.QUICKEST}
    quarantine = " ".join(name for name, found in odd.items() if found) or None
    fresh = Given(
        sent.answers,
        sent.contact,
        language,
        booking_reference=handoff.booking_reference if handoff else None,
        complete=False,
        test=handoff is not None and handoff.test,
        quarantine=quarantine,
    )
    drawn = draw_up(edition, fresh, new_token(), now=at, terms=here.desk.terms)
    claim = Claim.of("form", instance, b"POST /form")
    secret = forms.new_secret()
    work = partial(
        _begin,
        desk=here.desk,
        drawn=drawn,
        claim=claim,
        secret=secret,
        link=link,
        until=door.until(here, at),
        now=at,
        actor=actor(request),
    )
    try:
        opened = await here.database.write(work)
    except Gone:
        return await _start(request, language, Typed(raw), status=422, stale=True)
    except NotFound:  # the same link was used by another request first
        return opens_nothing(request)
    if opened == drawn.record.id:
        here.kept.labels("draft").inc()
    response = door.remember(go("/form/go-on?new=1"), here, door.SESSION, secret)
    return door.remember(response, here, door.HANDOFF, "") if link else response


def _begin(session: Session, *, link: str | None, drawn: Drawn, **more: Any) -> str:
    """As `forms.begin`, and marks the one-time link as used. Raises NotFound if it was used before."""
    opened = forms.begin(session, drawn=drawn, **more)
    if link and opened == drawn.record.id:
        handoffs.begin(session, link, opened, now=more["now"], actor=more["actor"])
    return opened


def _errors_of_first(edition: Edition, group: Item, sent: Page, language: str) -> dict[str, str]:
    given = {name: value for name, value in sent.answers.items() if value is not None}
    checked = edition.check(given, complete=False)
    names = {item.link_id for item in group.item}
    missing = [name for name in checked.missing if name in names]
    return fields.amiss(edition, group, checked.issues, missing, language)


async def _let_in(request: Request, here: Rooms) -> None:
    """Count one started form, in this process and across replicas. Raises TooMany."""
    found = network.network(network.client(request.scope, here.settings.proxies))
    wait = here.limits.take(found) or await here.rates.take_start(found)
    if wait:
        raise TooMany("Too many forms are being begun.", retry_after=wait)


@router.get("/form/go-on")
async def go_on(request: Request) -> Response:
    """Redirect to where this device left off, or to the first page if there is no session."""
    found = await door.look(request)
    if found is not None:
        return go(where_left(found[1]))
    return _no_cookies(request) if "new" in request.query_params else go("/form")


def _no_cookies(request: Request) -> Response:
    """The page for a browser that stored no cookie of a new form, as some do in a frame on another site."""
    language = language_of(request, edition_of(rooms(request)), None)
    _ = said(language)
    lines = [
        _("This browser does not keep what the form needs to go on from page to page (a cookie)."),
        _("Open the form in a window of its own, or let this site keep cookies."),
    ]
    apart = ("/form", _("Open the form in a window of its own"))
    return message(request, _("The form can not go on here"), *lines, ways=[], apart=apart, language=language)


@router.post("/form/language")
async def choose_language(request: Request) -> Response:
    """Change the language and return to the same page; the answers stay."""
    given = await door.fields(request)
    door.guard_origin(request)
    edition = edition_of(rooms(request))
    back = door.one(given, "back")
    path = back if door.PATH.fullmatch(back) else "/form/go-on"
    return choose(go(path), request, edition.language(door.one(given, "language")))


def spoken(request: Request, given: door.Fields, edition: Edition, drawn: Drawn | None) -> tuple[bool, str]:
    """Whether a language button of this form was pressed, and the language to respond in."""
    chosen = door.one(given, "language")
    return bool(chosen), edition.language(chosen) if chosen else language_of(request, edition, drawn)


def choose(response: Response, request: Request, language: str) -> Response:
    """Save the language on this device."""
    return door.remember(response, rooms(request), door.LANGUAGE, language)
