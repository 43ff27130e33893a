"""A case: everything known about it, and the commands on it.

Responsible for: sending the case version that the user saw with each command; if that is outdated, the page
shows what changed and retains the user's input. Never: shows contact details, except in the response to an
explicit request for them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, cast, get_args

from fastapi import APIRouter, Request, Response

from app.clock import now
from app.errors import BadRequest, Conflict, InFlight, InvalidRequest, PreconditionFailed, Problem
from app.services.review import cases, corrections
from app.services.review.cases import ACTIONS, MAX_NOTE_LENGTH, Action, Case, Review, StaffCommand
from app.services.submissions.assessment import Assessment
from app.storage.db.database import Session
from app.web.dependencies import get_services
from app.web.html import form_security
from app.web.html.form_security import Fields
from app.web.staff import case_view
from app.web.staff.access_control import StaffRoute, permission, preserves_input, safe_redirect
from app.web.staff.layout import actor, current_staff, go, show
from app.web.staff.queue_filters import STATE_NAMES

router = APIRouter(include_in_schema=False, route_class=StaffRoute)
Json = dict[str, Any]
Work = Callable[[Session, StaffCommand], object]


@dataclass(frozen=True, slots=True)
class StaffFormInput:
    """What a user asked for: as text, and as form fields."""

    words: str
    fields: Sequence[tuple[str, str]] = ()
    text: str | None = None
    errors: tuple[str, ...] = field(default=())


def command(request: Request, case: str, given: Fields | None = None) -> StaffCommand:
    """A command of the signed-in user; with a form, for the case version that the form was made for."""
    version = None if given is None else _version(given)
    return StaffCommand(case, current_staff(request).staff, actor(request), now(), version)


def _version(given: Fields) -> int:
    text = form_security.first(given, "version")
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise BadRequest(
            "The form does not say which version of the case it was made for. Open the case again."
        )
    return int(text)


# --- viewing ---------------------------------------------------------------------------------------


@router.get("/staff/cases/{case}")
@permission("case")
async def case_detail(request: Request, case: str) -> Response:
    """One case; the view is recorded first."""
    return await case_page(request, case)


async def case_page(
    request: Request, case: str, problem: Problem | None = None, *, note: str = "", target: str = ""
) -> Response:
    """The page of a case, with the problem of a failed command at the top."""
    services = get_services(request)
    found = await services.database.write(
        partial(cases.view_case, submission_service=services.submissions, turn=command(request, case))
    )
    errors = [{"target": target, "words": problem.detail}] if problem else []
    return await _shown(request, found, status=problem.status if problem else 200, note=note, errors=errors)


async def _shown(request: Request, found: Case, *, status: int = 200, **words: Any) -> Response:
    people = await get_services(request).database.read(cases.reviewers)
    shown = {"contact": None, "note": "", "errors": []} | words
    return show(
        request,
        "staff/case.html",
        status=status,
        people=people,
        actions=[(each, case_view.ACTIONS[each]) for each in ACTIONS],
        longest_note=MAX_NOTE_LENGTH,
        duplicates=found.duplicates,
        **case_view.case_context(found, now()),
        **shown,
    )


@router.post("/staff/cases/{case}/contact")
@permission("contact")
async def reveal(request: Request, case: str) -> Response:
    """The case with contact details, only in this response; the access is recorded first."""
    services = get_services(request)
    found = await services.database.write(
        partial(cases.reveal_contact, submission_service=services.submissions, turn=command(request, case))
    )
    return await _shown(request, found, contact=dict(found.assessment.record.contact))


# --- commands --------------------------------------------------------------------------------------


@router.post("/staff/cases/{case}/review")
@permission("review")
async def decide(request: Request, case: str) -> Response:
    """Change the review state."""
    given = await form_security.fields(request)
    step = form_security.first(given, "review")
    if step not in get_args(Review):
        raise BadRequest("There is no such step.")
    wish = StaffFormInput(f"Review: {STATE_NAMES[step].lower()}", [("review", step)])
    return await run_command(request, case, wish, partial(_decide, step=cast("Review", step)))


def _decide(session: Session, turn: StaffCommand, submission_service: Any, step: Review) -> object:
    return cases.change_status(session, submission_service, turn, step)


@router.post("/staff/cases/{case}/take")
@permission("review")
async def take(request: Request, case: str) -> Response:
    """Assign a case to the signed-in user; a new case becomes "in review"."""
    me = current_staff(request).staff.id
    return await run_command(request, case, StaffFormInput("Take the case"), partial(_take, me=me))


def _take(session: Session, turn: StaffCommand, submission_service: Any, me: str) -> Assessment:
    assessment = cases.assign(session, submission_service, turn, me)
    if assessment.record.review != "new":
        return assessment
    return cases.change_status(session, submission_service, replace_version(turn, assessment), "in_review")


def replace_version(turn: StaffCommand, assessment: Assessment) -> StaffCommand:
    """The same command, based on the case version it has just created."""
    return StaffCommand(turn.submission, turn.principal, turn.actor, turn.now, assessment.record.version)


@router.post("/staff/cases/{case}/assign")
@permission("review")
async def assign(request: Request, case: str) -> Response:
    """Assign a case to a staff user, or to no one."""
    given = await form_security.fields(request)
    to = form_security.first(given, "assignee") or None
    wish = StaffFormInput(
        "Give the case to somebody else" if to else "Give the case to nobody", [("assignee", to or "")]
    )
    return await run_command(request, case, wish, partial(_assign, to=to))


def _assign(session: Session, turn: StaffCommand, submission_service: Any, to: str | None) -> Assessment:
    return cases.assign(session, submission_service, turn, to)


@router.post("/staff/cases/{case}/notes")
@preserves_input
@permission("review")
async def note(request: Request, case: str) -> Response:
    """Add a note."""
    given = await form_security.fields(request)
    text = form_security.first(given, "text")
    return await run_command(
        request, case, StaffFormInput("Keep this note", text=text), partial(_note, text=text)
    )


def _note(session: Session, turn: StaffCommand, submission_service: Any, text: str) -> object:
    return cases.add_note(session, submission_service, turn, text)


@router.post("/staff/cases/{case}/flags/{flag}")
@permission("review")
async def flag(request: Request, case: str, flag: str) -> Response:
    """Record what was done about a flag."""
    given = await form_security.fields(request)
    action = form_security.first(given, "action")
    if action not in ACTIONS:
        raise BadRequest("There is no such act on a flag.")
    wish = StaffFormInput(f"Flag: {case_view.ACTIONS[action].lower()}", [("action", action)])
    return await run_command(request, case, wish, partial(_flag, flag=flag, action=action))


def _flag(session: Session, turn: StaffCommand, submission_service: Any, flag: str, action: Action) -> object:
    return cases.act_on_flag(session, submission_service, turn, flag, action)


@router.post("/staff/cases/{case}/merge")
@permission("correct")
async def merge(request: Request, case: str) -> Response:
    """Merge a duplicate into another case of the same person, and close it."""
    given = await form_security.fields(request)
    into = form_security.first(given, "into").strip().lower().rpartition("/")[2]
    return await run_command(
        request,
        case,
        StaffFormInput("Merge it into another case", [("into", into)]),
        partial(_merge, into=into),
    )


def _merge(session: Session, turn: StaffCommand, submission_service: Any, into: str) -> object:
    return corrections.merge(session, submission_service, turn, into)


async def run_command(
    request: Request, case: str, wish: StaffFormInput, work: Callable[..., object]
) -> Response:
    """Run a command and redirect to the case, or to the page the form came from; on failure, show why."""
    services, given = get_services(request), await form_security.fields(request)
    doing = partial(work, turn=command(request, case, given), submission_service=services.submissions)
    try:
        await services.database.write(doing)
    except PreconditionFailed:
        return await conflict_page(request, case, wish)
    except (Conflict, InvalidRequest) as problem:
        if isinstance(problem, InFlight):
            raise
        return await case_page(
            request, case, problem, note=wish.text or "", target="text" if wish.text else ""
        )
    return go(safe_redirect(form_security.first(given, "back"), f"/staff/cases/{case}"))


async def conflict_page(request: Request, case: str, wish: StaffFormInput) -> Response:
    """The page after a conflict: what has changed since, and the user's input, ready to be sent again."""
    services = get_services(request)
    found = await services.database.write(
        partial(cases.view_case, submission_service=services.submissions, turn=command(request, case))
    )
    return show(
        request,
        "staff/case_conflict.html",
        status=412,
        case=found.assessment.record,
        state=STATE_NAMES[found.assessment.record.review],
        assignee=found.names.get(found.assessment.record.assignee_id or "", ""),
        news=[case_view.history_line(each, found) for each in found.changes_since_last_view[:20]],
        wish=wish,
        action=request.url.path,
        longest_note=MAX_NOTE_LENGTH,
    )
