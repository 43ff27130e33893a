"""The hosted form: from the first page to sending it, a page at a time, with or without scripts.

Office: pages made from the edition; each page sent is saved before the next is shown, and what it raises is
shown straight after it. Refuses: to hard-code a question, to lose an answer, to hold anybody up.
"""

from functools import partial
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response

from app.errors import InvalidAnswers, NotADraft, NotFound, SessionEnded, TooMany
from app.rules.edition import Edition
from app.rules.questionnaire import Item
from app.services import forms
from app.services.drawn import Drawn, Given, draw_up, new_token
from app.services.forms import Page, Saved
from app.services.idempotency import Claim
from app.web import network
from app.web.deps import Rooms, now, rooms
from app.web.pages import door, fields
from app.web.pages.fields import Typed
from app.web.pages.flow import Flow
from app.web.pages.page import PageRoute, Visit, actor, edition_of, enter, go, language_of, page, show

router = APIRouter(include_in_schema=False, route_class=PageRoute)
MINUTES = 10


# --- the first page --------------------------------------------------------------------------------


@router.get("/form")
async def start(request: Request) -> Response:
    """The first page; nothing is kept yet."""
    asked = request.query_params.get("language", "")
    edition = edition_of(rooms(request))
    language = edition.language(asked) if asked else language_of(request, edition, None)
    response = await _start(request, language)
    return _choose(response, request, language) if asked else response


async def _start(
    request: Request, language: str, typed: Typed | None = None, *, status: int = 200
) -> Response:
    here = rooms(request)
    edition = edition_of(here)
    group = edition.asked.item[0]
    errors = typed.errors if typed else {}
    return page(
        request,
        "form/start.html",
        language=language,
        status=status,
        progress={"part": 1, "total": len(edition.asked.item)},
        title=edition.texts[language].pages[group.link_id],
        questionnaire_title=edition.title(language),
        minutes=MINUTES,
        going_on=await door.look(request) is not None,
        instance=door.instance(here, now()),
        errors=fields.listed(edition, group, errors, language),
        fields=fields.fresh(edition, group, language, typed),
    )


@router.post("/form")
async def begin(request: Request) -> Response:
    """Keep a draft, and open a session on it."""
    here, given, at = rooms(request), await door.fields(request), now()
    door.guard_origin(request)
    edition = edition_of(here)
    chosen = door.one(given, "language")
    language = edition.language(chosen) if chosen else language_of(request, edition, None)
    if chosen:
        return _choose(await _start(request, language, Typed(given)), request, language)
    group, instance = edition.asked.item[0], door.one(given, "instance")
    age = door.age(here, instance, at)
    sent, raw, _ = fields.handed_in(group, given, {})
    errors = _errors_of_first(edition, group, sent, language)
    if age is None or errors:
        return await _start(request, language, Typed(raw, errors), status=422)
    _let_in(request, here)
    odd = {"honeypot": bool(door.one(given, "website")), "too_fast": age < door.QUICKEST}
    quarantine = " ".join(name for name, found in odd.items() if found) or None
    fresh = Given(sent.answers, sent.contact, language, complete=False, quarantine=quarantine)
    drawn = draw_up(edition, fresh, new_token(), now=at, retention=here.desk.retention)
    claim = Claim.of("form", instance, b"POST /form")
    secret = forms.new_secret()
    work = partial(
        forms.begin,
        desk=here.desk,
        drawn=drawn,
        claim=claim,
        secret=secret,
        until=door.until(here, at),
        now=at,
        actor=actor(request),
    )
    if await here.database.write(work) == drawn.record.id:
        here.kept.labels("draft").inc()
    return door.remember(go("/form/go-on"), here, door.SESSION, secret)


def _errors_of_first(edition: Edition, group: Item, sent: Page, language: str) -> dict[str, str]:
    given = {name: value for name, value in sent.answers.items() if value is not None}
    checked = edition.check(given, complete=False)
    names = {item.link_id for item in group.item}
    missing = [name for name in checked.missing if name in names]
    return fields.amiss(edition, group, checked.issues, missing, language)


def _let_in(request: Request, here: Rooms) -> None:
    """Count one form begun. Raises TooMany."""
    address = network.client(request.scope, here.settings.proxies)
    wait = here.limits.take(network.network(address))
    if wait:
        raise TooMany("Too many forms are being begun.", retry_after=wait)


@router.get("/form/go-on")
async def go_on(request: Request) -> Response:
    """To where this device left off; to the first page without a session."""
    found = await door.look(request)
    if found is None:
        return go("/form")
    return go(_where_left(found[1]))


def _where_left(drawn: Drawn) -> str:
    if drawn.record.status == "submitted":
        return "/form/summary"
    flow = Flow(drawn)
    group = flow.where_left()
    return _at(flow, group) if group else "/form/check"


# --- the pages -------------------------------------------------------------------------------------


@router.get("/form/s/{step}")
async def ask(request: Request, step: str) -> Response:
    """A page of questions, or what a page of answers has raised."""
    visit = await enter(request)
    if visit.drawn.record.status == "submitted":
        return go("/form/summary")
    flow = Flow(visit.drawn)
    interrupted = flow.interrupted(step)
    if interrupted:
        return _interruption(visit, flow, interrupted)
    group = flow.at(step)
    return _page(visit, flow, group) if group else go(_where_left(visit.drawn))


@router.post("/form/s/{step}")
async def answer(request: Request, step: str) -> Response:
    """Save a page of answers, and go where they lead."""
    here, secret, given = rooms(request), door.secret(request), await door.fields(request)
    if not secret:
        raise SessionEnded("There is no session on this device.")
    door.guard(request, given, secret)
    at = now()
    before = await here.database.read(partial(forms.read, desk=here.desk, secret=secret, now=at, late=True))
    if before.record.status == "submitted":
        return go("/form/summary")
    flow = Flow(before)
    group = next((each for each in flow.asked.item if flow.step(each.link_id) == step), None)
    if group is None:
        raise NotFound("This page is not part of the form.")
    chosen = door.one(given, "language")
    language = before.edition.language(chosen) if chosen else language_of(request, before.edition, before)
    sent, raw, asked = fields.handed_in(group, given, before.record.contact)
    work = partial(
        forms.save,
        desk=here.desk,
        secret=secret,
        page=sent,
        language=language,
        until=door.until(here, at),
        now=at,
        actor=actor(request),
    )
    try:
        saved = await here.database.write(work)
    except NotADraft:  # sent from another tab meanwhile
        return go("/form/summary")
    if saved.ended:
        raise SessionEnded("This page came late; it is saved.")
    visit = Visit(request, here, secret, saved.drawn, language)
    if chosen:
        return _choose(_again(visit, group, raw, saved), request, language)
    return _onward(visit, group, raw, asked, saved, before)


def _again(visit: Visit, group: Item, raw: door.Fields, saved: Saved) -> Response:
    """The same page in another language, with all that was typed on it."""
    flow = Flow(saved.drawn)
    if not saved.issues:
        return go(_at(flow, group, visit.request))
    errors = fields.amiss(visit.edition, group, saved.issues, (), visit.language)
    return _page(visit, flow, group, Typed(raw, errors))


def _onward(
    visit: Visit, group: Item, raw: door.Fields, asked: frozenset[str], saved: Saved, before: Drawn
) -> Response:
    """Where a saved page leads: to what it raises, to what is amiss on it or brought up by it, or on.

    What is raised for the first time comes before everything else; then the page has more to say.
    """
    drawn, flow = saved.drawn, Flow(saved.drawn)
    missing = [name for name in drawn.missing if name in asked]
    errors = fields.amiss(visit.edition, group, saved.issues, missing, visit.language)
    names = [item.link_id for item in group.item if item.is_question]
    fresh = [name for name in names if name in drawn.enabled and name not in asked]
    changed = bool(set(flow.unused()) - set(Flow(before).unused()))
    raised = flow.interrupts(group)
    if not set(raised) <= set(Flow(before).interrupts(group)) and (errors or fresh):
        return go(_with(_raised(flow, group), visit.request, new=True))
    if errors:
        return _page(visit, flow, group, Typed(raw, errors), status=422)
    if fresh:
        return go(f"{_at(flow, group, visit.request, new=True)}#{fields.anchor(group, fresh[0])}")
    if raised:
        return go(_with(_raised(flow, group), visit.request, changed=changed))
    return go(_next(visit, flow, group, changed=changed))


def _raised(flow: Flow, group: Item) -> str:
    return f"/form/s/{flow.step(f'after {group.link_id}')}"


def _next(visit: Visit, flow: Flow, group: Item, *, changed: bool) -> str:
    """The page after; somebody who came from the check page goes back there once nothing is missing."""
    checking = "check" in visit.request.query_params
    after = flow.after(group)
    if checking:
        open_ones = [flow.page_of(name) for name in flow.drawn.missing]
        after = next((each for each in open_ones if each), None)
    if after is None:
        return _with("/form/check", None, changed=changed)
    return _with(f"/form/s/{flow.step(after.link_id)}", visit.request, changed=changed)


def _interruption(visit: Visit, flow: Flow, group: Item) -> Response:
    """What the answers on a page have raised: short, alone, with one way on."""
    raised = flow.interrupts(group)
    blocks = [
        each
        for each in visit.edition.interruptions(visit.drawn.evaluation, visit.language)
        if each["rule"] in raised
    ]
    query = visit.request.query_params
    if "new" in query:  # the page it came from has more to ask
        onward = _at(flow, group, visit.request, new=True)
    else:
        onward = _next(visit, flow, group, changed="changed" in query)
    if not blocks:
        return go(onward)
    heading = _first_thing(visit, raised[0])
    return show(visit, "form/interruption.html", blocks=blocks, onward=onward, heading=heading)


def _first_thing(visit: Visit, rule: str) -> str:
    """The one action that heads an interruption, as "Call 988"; a rule that stops the form heads none."""
    book = visit.edition.phrasebooks[visit.language]
    stops = next(each.stops for each in visit.edition.book.rules if each.id == rule)
    number = next((each["call"] for each in book.helplines[rule] if each["call"]), None)
    fixed = book.texts.summary
    return fixed.help if stops or number is None else fixed.call.format(number=number)


def _page(
    visit: Visit, flow: Flow, group: Item, typed: Typed | None = None, *, status: int = 200
) -> Response:
    query = visit.request.query_params
    shown = fields.questions(flow, group, visit.language, typed)
    visible = [each for each in shown if not each["hidden"]]
    new = [each for each in visible if each["when"] and not _answered(flow, each["name"])]
    earlier = flow.before(group)
    words = visit.edition.phrasebooks[visit.language].items
    return show(
        visit,
        "form/question.html",
        status=status,
        action=_at(flow, group, visit.request),
        title=visit.edition.texts[visit.language].pages[group.link_id],
        single=len(shown) == 1,
        progress=flow.progress(group),
        fields=shown,
        errors=fields.listed(visit.edition, group, typed.errors if typed else {}, visit.language),
        more=len(new) if "new" in query else 0,
        changed=[words[name].text for name in flow.unused()] if "changed" in query else [],
        back="/form/check" if "check" in query else _at(flow, earlier) if earlier else "/form",
        path=_at(flow, group, visit.request),
    )


def _answered(flow: Flow, name: str) -> bool:
    return name in flow.answers


def _at(flow: Flow, group: Item, request: Request | None = None, *, new: bool = False) -> str:
    return _with(f"/form/s/{flow.step(group.link_id)}", request, new=new)


def _with(path: str, request: Request | None, **flags: bool) -> str:
    """A page's address with the few flags that go along; none of them tells an answer."""
    named = [name for name, on in flags.items() if on]
    if request is not None and "check" in request.query_params:
        named.insert(0, "check")
    return f"{path}?{urlencode(dict.fromkeys(named, '1'))}" if named else path


# --- looking it over, and sending it ---------------------------------------------------------------


@router.get("/form/check")
async def check(request: Request) -> Response:
    """All answers so far, each with the way to change it."""
    visit = await enter(request)
    if visit.drawn.record.status == "submitted":
        return go("/form/summary")
    return _check(visit, [])


def _check(visit: Visit, missing: list[str], *, status: int = 200) -> Response:
    flow = Flow(visit.drawn)
    words = visit.edition.phrasebooks[visit.language].items
    last = flow.groups[-1]
    errors = fields.unanswered(visit.edition, missing, visit.language)
    return show(
        visit,
        "form/check.html",
        status=status,
        errors=_missing_ones(visit, flow, errors),
        parts=[_part(visit, flow, group) for group in flow.groups],
        unused=[words[name].text for name in flow.unused()],
        back=_at(flow, last),
    )


def _missing_ones(visit: Visit, flow: Flow, errors: dict[str, str]) -> list[dict[str, str]]:
    """What must be answered still, each with the way to its row."""
    items = visit.edition.phrasebooks[visit.language].items
    return [
        {"target": _row(flow, name), "words": f"{fields.short(items[name].text)}: {words}"}
        for name, words in errors.items()
    ]


def _part(visit: Visit, flow: Flow, group: Item) -> dict[str, object]:
    change = f"/form/s/{flow.step(group.link_id)}?check=1"
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
    """Where a question stands on the page of all answers; like every address it tells nothing of it."""
    return f"r{1 + list(flow.asked.by_id).index(name)}"


@router.post("/form/check")
async def send(request: Request) -> Response:
    """Submit. Sent twice, it is submitted once."""
    visit = await enter(request)
    door.guard(request, await door.fields(request), visit.secret)
    before = visit.drawn.record.status
    work = partial(forms.submit, desk=visit.here.desk, secret=visit.secret, now=now(), actor=actor(request))
    try:
        await visit.here.database.write(work)
    except InvalidAnswers:
        return _check(visit, list(visit.drawn.missing), status=422)
    if before == "draft":
        visit.here.kept.labels("submitted").inc()
    return go("/form/summary")


# --- language --------------------------------------------------------------------------------------


@router.post("/form/language")
async def choose_language(request: Request) -> Response:
    """Another language, on the page it was chosen on; the answers stay."""
    given = await door.fields(request)
    door.guard_origin(request)
    edition = edition_of(rooms(request))
    back = door.one(given, "back")
    path = back if door.PATH.fullmatch(back) else "/form/go-on"
    return _choose(go(path), request, edition.language(door.one(given, "language")))


def _choose(response: Response, request: Request, language: str) -> Response:
    return door.remember(response, rooms(request), door.LANGUAGE, language)
