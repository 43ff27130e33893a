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
from app.errors import BadRequest, Conflict, InFlight, PreconditionFailed, Problem, Unprocessable
from app.services.review import cases, corrections
from app.services.review.cases import ACTIONS, LONGEST_NOTE, Action, Case, Review, Turn
from app.services.submissions.assessment import Drawn
from app.storage.db.database import Session
from app.web.dependencies import rooms
from app.web.html import form_security
from app.web.html.form_security import Fields
from app.web.staff import case_view
from app.web.staff.access_control import StaffRoute, keeps_words, permission, safe
from app.web.staff.layout import actor, go, show, signed
from app.web.staff.queue_filters import STATE_NAMES

router = APIRouter(include_in_schema=False, route_class=StaffRoute)
Json = dict[str, Any]
Work = Callable[[Session, Turn], object]


@dataclass(frozen=True, slots=True)
class Wish:
    """What a user asked for: as text, and as form fields."""

    words: str
    fields: Sequence[tuple[str, str]] = ()
    text: str | None = None
    errors: tuple[str, ...] = field(default=())


def turn(request: Request, case: str, given: Fields | None = None) -> Turn:
    """A command of the signed-in user; with a form, for the case version that the form was made for."""
    version = None if given is None else _version(given)
    return Turn(case, signed(request).staff, actor(request), now(), version)


def _version(given: Fields) -> int:
    text = form_security.one(given, "version")
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise BadRequest(
            "The form does not say which version of the case it was made for. Open the case again."
        )
    return int(text)


# --- viewing ---------------------------------------------------------------------------------------


@router.get("/staff/cases/{case}")
@permission("case")
async def one(request: Request, case: str) -> Response:
    """One case; the view is recorded first."""
    return await case_page(request, case)


async def case_page(
    request: Request, case: str, problem: Problem | None = None, *, note: str = "", target: str = ""
) -> Response:
    """The page of a case, with the problem of a failed command at the top."""
    here = rooms(request)
    found = await here.database.write(partial(cases.look, desk=here.desk, turn=turn(request, case)))
    errors = [{"target": target, "words": problem.detail}] if problem else []
    return await _shown(request, found, status=problem.status if problem else 200, note=note, errors=errors)


async def _shown(request: Request, found: Case, *, status: int = 200, **words: Any) -> Response:
    people = await rooms(request).database.read(cases.reviewers)
    shown = {"contact": None, "note": "", "errors": []} | words
    return show(
        request,
        "staff/case.html",
        status=status,
        people=people,
        actions=[(each, case_view.ACTIONS[each]) for each in ACTIONS],
        longest_note=LONGEST_NOTE,
        duplicates=found.duplicates,
        **case_view.words(found, now()),
        **shown,
    )


@router.post("/staff/cases/{case}/contact")
@permission("contact")
async def reveal(request: Request, case: str) -> Response:
    """The case with contact details, only in this response; the access is recorded first."""
    here = rooms(request)
    found = await here.database.write(partial(cases.reveal, desk=here.desk, turn=turn(request, case)))
    return await _shown(request, found, contact=dict(found.drawn.record.contact))


# --- commands --------------------------------------------------------------------------------------


@router.post("/staff/cases/{case}/review")
@permission("review")
async def decide(request: Request, case: str) -> Response:
    """Change the review state."""
    given = await form_security.fields(request)
    step = form_security.one(given, "review")
    if step not in get_args(Review):
        raise BadRequest("There is no such step.")
    wish = Wish(f"Review: {STATE_NAMES[step].lower()}", [("review", step)])
    return await act(request, case, wish, partial(_decide, step=cast("Review", step)))


def _decide(session: Session, turn: Turn, desk: Any, step: Review) -> object:
    return cases.decide(session, desk, turn, step)


@router.post("/staff/cases/{case}/take")
@permission("review")
async def take(request: Request, case: str) -> Response:
    """Assign a case to the signed-in user; a new case becomes "in review"."""
    me = signed(request).staff.id
    return await act(request, case, Wish("Take the case"), partial(_take, me=me))


def _take(session: Session, turn: Turn, desk: Any, me: str) -> Drawn:
    drawn = cases.assign(session, desk, turn, me)
    if drawn.record.review != "new":
        return drawn
    return cases.decide(session, desk, replace_version(turn, drawn), "in_review")


def replace_version(turn: Turn, drawn: Drawn) -> Turn:
    """The same command, based on the case version it has just created."""
    return Turn(turn.submission, turn.principal, turn.actor, turn.now, drawn.record.version)


@router.post("/staff/cases/{case}/assign")
@permission("review")
async def assign(request: Request, case: str) -> Response:
    """Assign a case to a staff user, or to no one."""
    given = await form_security.fields(request)
    to = form_security.one(given, "assignee") or None
    wish = Wish(
        "Give the case to somebody else" if to else "Give the case to nobody", [("assignee", to or "")]
    )
    return await act(request, case, wish, partial(_assign, to=to))


def _assign(session: Session, turn: Turn, desk: Any, to: str | None) -> Drawn:
    return cases.assign(session, desk, turn, to)


@router.post("/staff/cases/{case}/notes")
@keeps_words
@permission("review")
async def note(request: Request, case: str) -> Response:
    """Add a note."""
    given = await form_security.fields(request)
    text = form_security.one(given, "text")
    return await act(request, case, Wish("Keep this note", text=text), partial(_note, text=text))


def _note(session: Session, turn: Turn, desk: Any, text: str) -> object:
    return cases.add_note(session, desk, turn, text)


@router.post("/staff/cases/{case}/flags/{flag}")
@permission("review")
async def flag(request: Request, case: str, flag: str) -> Response:
    """Record what was done about a flag."""
    given = await form_security.fields(request)
    action = form_security.one(given, "action")
    if action not in ACTIONS:
        raise BadRequest("There is no such act on a flag.")
    wish = Wish(f"Flag: {case_view.ACTIONS[action].lower()}", [("action", action)])
    return await act(request, case, wish, partial(_flag, flag=flag, action=action))


def _flag(session: Session, turn: Turn, desk: Any, flag: str, action: Action) -> object:
    return cases.act_on_flag(session, desk, turn, flag, action)


@router.post("/staff/cases/{case}/merge")
@permission("correct")
async def merge(request: Request, case: str) -> Response:
    """Merge a duplicate into another case of the same person, and close it."""
    given = await form_security.fields(request)
    into = form_security.one(given, "into").strip().lower().rpartition("/")[2]
    return await act(
        request, case, Wish("Merge it into another case", [("into", into)]), partial(_merge, into=into)
    )


def _merge(session: Session, turn: Turn, desk: Any, into: str) -> object:
    return corrections.merge(session, desk, turn, into)


async def act(request: Request, case: str, wish: Wish, work: Callable[..., object]) -> Response:
    """Run a command and redirect to the case, or to the page the form came from; on failure, show why."""
    here, given = rooms(request), await form_security.fields(request)
    doing = partial(work, turn=turn(request, case, given), desk=here.desk)
    try:
        await here.database.write(doing)
    except PreconditionFailed:
        return await conflict(request, case, wish)
    except (Conflict, Unprocessable) as problem:
        if isinstance(problem, InFlight):
            raise
        return await case_page(
            request, case, problem, note=wish.text or "", target="text" if wish.text else ""
        )
    return go(safe(form_security.one(given, "back"), f"/staff/cases/{case}"))


async def conflict(request: Request, case: str, wish: Wish) -> Response:
    """The page after a conflict: what has changed since, and the user's input, ready to be sent again."""
    here = rooms(request)
    found = await here.database.write(partial(cases.look, desk=here.desk, turn=turn(request, case)))
    return show(
        request,
        "staff/case_conflict.html",
        status=412,
        case=found.drawn.record,
        state=STATE_NAMES[found.drawn.record.review],
        assignee=found.names.get(found.drawn.record.assignee_id or "", ""),
        news=[case_view.event(each, found) for each in found.news[:20]],
        wish=wish,
        action=request.url.path,
        longest_note=LONGEST_NOTE,
    )
