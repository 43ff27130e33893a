"""/v1/submissions/{id}/review and the other actions of staff on a case, for their own programs.

Responsible for: the same actions as in the staff app, for keys with the scope review; every view is audited.
Never: makes changes without If-Match.
"""

from dataclasses import asdict
from functools import partial
from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic_core import to_json

from app import errors
from app.clock import format_timestamp, now
from app.services.auth.authorization import Principal, require_permission
from app.services.review import cases, corrections
from app.services.review.cases import StaffCommand
from app.services.review.corrections import CorrectionDiff
from app.services.submissions.assessment import Assessment
from app.services.submissions.lifecycle import SubmissionService
from app.storage.db.database import Session
from app.storage.review.cases import FlagAction, HistoryEntry, Note
from app.web.dependencies import get_services, request_id
from app.web.http.content_negotiation import etag, if_match
from app.web.http.request_body import read_json
from app.web.http.responses import BODY_PROBLEMS, READ_PROBLEMS, WRITE_PROBLEMS, json_response
from app.web.openapi.document import ETAG, IF_MATCH, answers, body, problems
from app.web.schemas import review as schemas
from app.web.schemas.serializers import review_state

router = APIRouter(prefix="/v1/submissions", tags=["review"])
KEY: dict[str, Any] = {"security": [{"api_key": []}]}
ACTING: dict[str, Any] = KEY | {"parameters": [IF_MATCH]}
REFUSED = (*WRITE_PROBLEMS, *BODY_PROBLEMS, errors.InvalidTransition, errors.InvalidRequest)
Json = dict[str, Any]


@router.put(
    "/{submission}/review",
    response_model=schemas.ReviewOut,
    openapi_extra=body(schemas.ReviewIn, example={"review": "in_review"}) | ACTING,
    responses=answers(headers=ETAG) | problems(*REFUSED),
)
async def decide(request: Request, submission: str) -> Response:
    """Set the review state (new, in_review, needs_contact, ready, closed) and, optionally, the assignee.

    A transition that is not permitted gets 409.
    """
    turn = await _turn(request, submission)
    wanted, _ = await read_json(request, schemas.ReviewIn)
    work = partial(_decide, desk=get_services(request).submissions, turn=turn, wanted=wanted)
    drawn = await get_services(request).database.write(work)
    return json_response(_review(drawn), headers=etag(drawn.record.version))


def _decide(
    session: Session, *, desk: SubmissionService, turn: StaffCommand, wanted: schemas.ReviewIn
) -> Assessment:
    drawn = cases.change_status(session, desk, turn, wanted.review)
    if "assignee" not in wanted.model_fields_set:
        return drawn
    following = StaffCommand(turn.submission, turn.principal, turn.actor, turn.now, drawn.record.version)
    return cases.assign(session, desk, following, wanted.assignee)


@router.post(
    "/{submission}/notes",
    status_code=201,
    response_model=schemas.NoteOut,
    openapi_extra=body(schemas.NoteIn, example={"text": "Called; comes with her sister."}) | ACTING,
    responses=answers(201, headers=ETAG) | problems(*REFUSED),
)
async def add_note(request: Request, submission: str) -> Response:
    """Add a note to a case. Repeated with the same If-Match it is not added again, but gets 412."""
    turn = await _turn(request, submission)
    wanted, _ = await read_json(request, schemas.NoteIn)
    work = partial(cases.add_note, desk=get_services(request).submissions, turn=turn, text=wanted.text)
    drawn, note = await get_services(request).database.write(work)
    return _made(_note(note), drawn)


@router.post(
    "/{submission}/flags/{flag}/actions",
    status_code=201,
    response_model=schemas.FlagActionOut,
    openapi_extra=body(schemas.FlagActionIn, example={"action": "reached"}) | ACTING,
    responses=answers(201, headers=ETAG) | problems(*REFUSED),
)
async def act_on_flag(request: Request, submission: str, flag: str) -> Response:
    """Record what was done about a flag. A closed flag takes no further actions."""
    turn = await _turn(request, submission)
    wanted, _ = await read_json(request, schemas.FlagActionIn)
    work = partial(
        cases.act_on_flag, desk=get_services(request).submissions, turn=turn, flag=flag, action=wanted.action
    )
    drawn, done = await get_services(request).database.write(work)
    return _made(_action(done), drawn)


@router.get(
    "/{submission}/notes",
    response_model=schemas.Notes,
    openapi_extra=KEY,
    responses=answers(headers=ETAG) | problems(*READ_PROBLEMS),
)
async def read_notes(request: Request, submission: str) -> Response:
    """List the notes on a case. This request counts as a view and is audited."""
    turn = await _looking(request, submission)
    case = await get_services(request).database.write(
        partial(cases.view_case, desk=get_services(request).submissions, turn=turn)
    )
    headers = etag(case.drawn.record.version)
    return json_response({"items": [_note(each) for each in case.notes]}, headers=headers)


@router.get(
    "/{submission}/contact",
    response_model=schemas.ContactOut,
    openapi_extra=KEY,
    responses=answers() | problems(*READ_PROBLEMS),
)
async def reveal_contact(request: Request, submission: str) -> Response:
    """Get the contact details of the person. Each request is audited as `contact.revealed`."""
    turn = await _looking(request, submission)
    case = await get_services(request).database.write(
        partial(cases.reveal_contact, desk=get_services(request).submissions, turn=turn)
    )
    return json_response({name: case.drawn.record.contact.get(name) for name in ("name", "phone", "email")})


@router.post(
    "/{submission}/corrections",
    response_model=schemas.ReviewOut,
    openapi_extra=body(schemas.CorrectionIn, example={"answers": {"pain_duration": "1_to_5_years"}}) | ACTING,
    responses=answers(headers=ETAG) | problems(*REFUSED, errors.InvalidAnswers),
)
async def correct(request: Request, submission: str) -> Response:
    """Correct answers as a new version. The previous version is retained, and flags are only added."""
    turn = await _turn(request, submission)
    wanted, _ = await read_json(request, schemas.CorrectionIn)
    work = partial(
        corrections.apply_correction,
        desk=get_services(request).submissions,
        turn=turn,
        answers=wanted.answers,
    )
    drawn = await get_services(request).database.write(work)
    return json_response(_review(drawn), headers=etag(drawn.record.version))


@router.get(
    "/{submission}/corrections",
    response_model=schemas.Corrections,
    openapi_extra=KEY,
    responses=answers() | problems(*READ_PROBLEMS),
)
async def read_corrections(request: Request, submission: str) -> Response:
    """List every correction, with the previous answers. This request counts as a view and is audited."""
    turn = await _looking(request, submission)
    work = partial(corrections.corrections, desk=get_services(request).submissions, turn=turn)
    _, found, _ = await get_services(request).database.write(work)
    return json_response({"items": [_difference(each) for each in found]})


@router.post(
    "/{submission}/merge",
    response_model=schemas.ReviewOut,
    openapi_extra=body(schemas.MergeIn, example={"into": "019298a2-0000-7000-8000-000000000000"}) | ACTING,
    responses=answers(headers=ETAG) | problems(*REFUSED),
)
async def merge(request: Request, submission: str) -> Response:
    """Merge a duplicate into another case of the same person and close it; both stay readable and show it."""
    turn = await _turn(request, submission)
    wanted, _ = await read_json(request, schemas.MergeIn)
    work = partial(corrections.merge, desk=get_services(request).submissions, turn=turn, into=wanted.into)
    drawn = await get_services(request).database.write(work)
    return json_response(_review(drawn), headers=etag(drawn.record.version))


@router.get(
    "/{submission}/history",
    response_model=schemas.History,
    openapi_extra=KEY,
    responses=answers() | problems(*READ_PROBLEMS),
)
async def read_history(request: Request, submission: str) -> Response:
    """List the events of a submission and its flags, including views. This request is itself audited."""
    turn = await _looking(request, submission)
    events = await get_services(request).database.write(
        partial(cases.history, desk=get_services(request).submissions, turn=turn)
    )
    return json_response({"items": [_event(each) for each in events]})


async def _looking(request: Request, submission: str) -> StaffCommand:
    """Return the context of a view, at any version. Raises Unauthenticated."""
    principal = await get_services(request).authenticator.authenticate(request)
    return _as(request, principal, submission, None)


async def _turn(request: Request, submission: str) -> StaffCommand:
    """Return the context of a change, at the version in If-Match.

    Raises Unauthenticated, Forbidden, PreconditionRequired and PreconditionFailed.
    """
    principal = await get_services(request).authenticator.authenticate(request)
    require_permission(principal, "review")
    return _as(request, principal, submission, if_match(request))


def _as(request: Request, principal: Principal, submission: str, version: int | None) -> StaffCommand:
    return StaffCommand(submission, principal, principal.actor(request_id(request)), now(), version)


def _made(document: Json, drawn: Assessment) -> Response:
    headers = etag(drawn.record.version) | {"cache-control": "no-store"}
    return Response(to_json(document), 201, headers, "application/json")


def _review(drawn: Assessment) -> Json:
    record = drawn.record
    return {"id": record.id, **review_state(record), "updated_at": format_timestamp(record.updated_at)}


def _by(done: Note | FlagAction | HistoryEntry) -> Json:
    return {"kind": done.actor_kind, "id": done.actor_id}


def _note(note: Note) -> Json:
    return {"id": note.id, "at": format_timestamp(note.at), "by": _by(note), "text": note.body}


def _difference(found: CorrectionDiff) -> Json:
    changes = [asdict(each) for each in found.changes]
    before = {"version": found.before.version, "replaced_at": format_timestamp(found.before.replaced_at)}
    return before | {"changes": changes, "fired": found.fired, "no_longer": found.no_longer}


def _action(done: FlagAction) -> Json:
    plain = {"id": done.id, "flag": done.flag_id, "action": done.action}
    return plain | {"at": format_timestamp(done.at), "by": _by(done)}


def _event(event: HistoryEntry) -> Json:
    about = {"object_type": event.object_type, "object_id": event.object_id}
    return {"at": format_timestamp(event.at), "action": event.action, **about, "by": _by(event)}
