"""The question pages: showing them, saving them, and the interruptions that their answers raise.

Responsible for: saving each page before the next is shown; a newly raised interruption is shown before
everything else. Never: loses a valid answer because another one is invalid, and never blocks the user's
way onward.
"""

from dataclasses import replace
from functools import partial
from typing import Any

from fastapi import APIRouter, Request, Response

from app.clock import now
from app.errors import NotADraft, NotFound, SessionEnded
from app.rules.engine.questionnaire import Item
from app.services.submissions import form_sessions
from app.services.submissions.assessment import Assessment
from app.services.submissions.form_sessions import SaveResult
from app.web.dependencies import get_services
from app.web.form import fields
from app.web.form.entry import requested_language, set_language
from app.web.form.fields import SubmittedValues
from app.web.form.layout import FormVisit, PageRoute, actor, page, redirect, render_page, require_session
from app.web.form.navigation import Flow, resume_page
from app.web.html import form_security

router = APIRouter(include_in_schema=False, route_class=PageRoute)


@router.get("/form/s/{step}")
async def ask(request: Request, step: str) -> Response:
    """A page of questions, or the interruption that the answers of a page raise."""
    visit = await require_session(request)
    if visit.assessment.record.status == "submitted":
        return redirect("/form/summary")
    flow = Flow(visit.assessment)
    interrupted = flow.interrupted_page(step)
    if interrupted:
        return _interruption(visit, flow, interrupted)
    group = flow.page_at(step)
    return _page(visit, flow, group) if group else redirect(resume_page(visit.assessment))


@router.post("/form/s/{step}")
async def answer(request: Request, step: str) -> Response:
    """Save a page of answers and redirect to the next step."""
    services, secret, given = (
        get_services(request),
        form_security.session_cookie(request),
        await form_security.fields(request),
    )
    if not secret:
        raise SessionEnded("There is no session on this device.")
    form_security.require_csrf(request, given, secret)
    at = now()
    before = await services.database.read(
        partial(form_sessions.read, submission_service=services.submissions, secret=secret, now=at, late=True)
    )
    flow = Flow(before)
    group = next((each for each in flow.asked.item if flow.step(each.link_id) == step), None)
    if group is None:
        raise NotFound("This page is not part of the form.")
    chosen, language = requested_language(request, given, before.edition, before)
    if before.record.status == "submitted":
        return _too_late(FormVisit(request, services, secret, before, language), group, given)
    sent, raw, asked = fields.parse_page(group, given, before.record.contact)
    work = partial(
        form_sessions.save,
        submission_service=services.submissions,
        secret=secret,
        page=sent,
        language=language,
        until=form_security.session_expiry(services, at),
        now=at,
        actor=actor(request),
    )
    try:
        saved = await services.database.write(work)
    except NotADraft:  # submitted from another tab in the meantime
        return redirect("/form/summary?changed=1")
    visit = FormVisit(request, services, secret, saved.assessment, language)
    raised = [
        rule
        for rule in Flow(saved.assessment).interruptions_of(group)
        if rule not in flow.interruptions_of(group)
    ]
    if saved.ended:
        return _late(visit, raised)
    if chosen and raised:
        again = Flow(saved.assessment).interruption(group, *_carried_parameters(request), "new")
        return set_language(redirect(again), request, language)
    if chosen:
        return set_language(_again(visit, group, raw, saved), request, language)
    return _onward(visit, group, raw, asked, saved, before)


def _too_late(visit: FormVisit, group: Item, given: form_security.Fields) -> Response:
    """A page sent after submission: it is not saved, but the interruptions it raises are shown at once."""
    before, edition = visit.assessment, visit.edition
    sent, _, _ = fields.parse_page(group, given, before.record.contact)
    named = {name: value for name, value in sent.answers.items() if value is not None}
    checked = edition.check(before.record.answers["answers"] | named, complete=False)
    evaluation = edition.evaluate(checked.answers, before.record.answers["raised"], enabled=checked.enabled)
    after = replace(before, evaluation=evaluation, enabled=checked.enabled)
    raised = [
        rule
        for rule in Flow(after).interruptions_of(group)
        if rule not in Flow(before).interruptions_of(group)
    ]
    onward = "/form/summary?changed=1"
    return _alone(replace(visit, assessment=after), raised, onward) if raised else redirect(onward)


def _late(visit: FormVisit, raised: list[str]) -> Response:
    """A page that arrived after its session ended: it is saved; only the interruptions it raises are shown.

    Raises SessionEnded if it raises none.
    """
    if not raised:
        raise SessionEnded("This page came late; it is saved.")
    return _alone(visit, raised, "/form/resume")


def _alone(visit: FormVisit, raised: list[str], onward: str) -> Response:
    """The interruptions of a page, outside any session."""
    heading, blocks = _first_thing(visit, raised[0]), _raised(visit, raised)
    return page(
        visit.request,
        "form/interruption.html",
        language=visit.language,
        blocks=blocks,
        others=[],
        onward=onward,
        heading=heading,
    )


def _raised(visit: FormVisit, rules: list[str]) -> list[dict[str, Any]]:
    standing = visit.edition.interruptions(visit.assessment.evaluation, visit.language)
    return [each for each in standing if each["rule"] in rules]


def _again(visit: FormVisit, group: Item, raw: form_security.Fields, saved: SaveResult) -> Response:
    """The same page in another language, with everything that was typed on it."""
    flow = Flow(saved.assessment)
    if not saved.issues:
        return redirect(flow.address(group, *_carried_parameters(visit.request)))
    errors = fields.error_messages(visit.edition, group, saved.issues, (), visit.language)
    return _page(visit, flow, group, SubmittedValues(raw, errors))


def _onward(
    visit: FormVisit,
    group: Item,
    raw: form_security.Fields,
    asked: frozenset[str],
    saved: SaveResult,
    before: Assessment,
) -> Response:
    """The next step after a page was saved.

    An interruption raised for the first time comes before everything else; it leads back to the page if there
    are errors or newly enabled questions. Then follow, in this order: the page with its errors, the page with
    the questions it enabled, the interruption, and the next page.
    """
    assessment, flow = saved.assessment, Flow(saved.assessment)
    missing = [name for name in assessment.missing if name in asked]
    errors = fields.error_messages(visit.edition, group, saved.issues, missing, visit.language)
    names = [item.link_id for item in group.item if item.is_question]
    fresh = [name for name in names if name in assessment.enabled and name not in asked]
    noted = ["changed"] if set(flow.disabled_answers()) - set(Flow(before).disabled_answers()) else []
    raised = flow.interruptions_of(group)
    if not set(raised) <= set(Flow(before).interruptions_of(group)) and (errors or fresh):
        return redirect(flow.interruption(group, *_carried_parameters(visit.request), "new"))
    if errors:
        return _page(visit, flow, group, SubmittedValues(raw, errors), status=422)
    if fresh:
        there = flow.address(group, *_carried_parameters(visit.request), "new")
        return redirect(f"{there}#{fields.anchor(group, fresh[0])}")
    if raised:
        return redirect(flow.interruption(group, *_carried_parameters(visit.request), *noted))
    return redirect(_next(visit, flow, group, *noted))


def _next(visit: FormVisit, flow: Flow, group: Item, *flags: str) -> str:
    """The next page; for a user from the check page, the next with an answer missing, or the check page."""
    saved = _carried_parameters(visit.request)
    after = flow.next_page(group)
    if saved:
        open_ones = [flow.page_of(name) for name in flow.assessment.missing]
        after = next((each for each in open_ones if each), None)
    if after is None:
        return "/form/check"  # it always lists the answers that no longer apply
    return flow.address(after, *saved, *flags)


def _carried_parameters(request: Request) -> list[str]:
    """The `check` flag, if the user came from the page of all answers and returns there."""
    return ["check"] if "check" in request.query_params else []


def _interruption(visit: FormVisit, flow: Flow, group: Item) -> Response:
    """The interruption that the answers of a page raise: short, on its own page, with one link onward."""
    raised = flow.interruptions_of(group)
    blocks = _raised(visit, raised)
    query = visit.request.query_params
    if "new" in query:  # the page it came from has errors or new questions
        onward = flow.address(group, *_carried_parameters(visit.request), "new")
    else:
        onward = _next(visit, flow, group, *(["changed"] if "changed" in query else []))
    if not blocks:
        return redirect(onward)
    heading = _first_thing(visit, raised[0])
    standing = visit.edition.interruptions(visit.assessment.evaluation, visit.language)
    others = [each for each in standing if each not in blocks]
    return render_page(
        visit, "form/interruption.html", blocks=blocks, others=others, onward=onward, heading=heading
    )


def _first_thing(visit: FormVisit, rule: str) -> str:
    """The heading of an interruption: its one action, as "Call 988".

    A rule that stops the form, or has no number to call, gets the general help heading.
    """
    book = visit.edition.phrasebooks[visit.language]
    stops = next(each.stops for each in visit.edition.book.rules if each.id == rule)
    number = next((each["call"] for each in book.helplines[rule] if each["call"]), None)
    fixed = book.texts.summary
    return fixed.help if stops or number is None else fixed.call.format(number=number)


def _page(
    visit: FormVisit, flow: Flow, group: Item, typed: SubmittedValues | None = None, *, status: int = 200
) -> Response:
    query = visit.request.query_params
    shown = fields.questions(flow, group, visit.language, typed)
    visible = [each for each in shown if not each["hidden"]]
    new = [each for each in visible if each["when"] and each["name"] not in flow.answers]
    earlier, services = flow.previous_page(group), flow.address(group, *_carried_parameters(visit.request))
    words = visit.edition.phrasebooks[visit.language].items
    return render_page(
        visit,
        "form/question.html",
        status=status,
        action=services,
        title=visit.edition.texts[visit.language].pages[group.link_id],
        single=len(shown) == 1,
        progress=flow.progress(group),
        fields=shown,
        errors=fields.error_summary(visit.edition, group, typed.errors if typed else {}, visit.language),
        more=len(new) if "new" in query else 0,
        changed=[words[name].text for name in flow.disabled_answers()] if "changed" in query else [],
        back="/form/check"
        if _carried_parameters(visit.request)
        else flow.address(earlier)
        if earlier
        else "/form",
        path=services,
    )
