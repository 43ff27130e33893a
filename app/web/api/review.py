"""/v1/submissions/{id}/review and the other actions of staff on a case, for their own programs.

Responsible for: the same actions as in the staff app, for keys with the scope review; every view is audited.
Never: makes changes without If-Match.
"""

from dataclasses import asdict, replace
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Response
from pydantic_core import to_json

from app import errors
from app.clock import format_timestamp, now
from app.services.auth.authorization import Principal
from app.services.review import cases, corrections
from app.services.review.cases import StaffCommand
from app.services.review.corrections import CorrectionDiff
from app.services.submissions.assessment import Assessment
from app.services.submissions.lifecycle import SubmissionService
from app.storage.db.database import Session
from app.storage.review.cases import FlagAction, HistoryEntry, Note
from app.web.api.dependencies import Authenticated, CurrentServices, IfMatch, RequestId, RequirePermission
from app.web.http.api_route import ApiRoute, describe
from app.web.http.content_negotiation import etag
from app.web.http.responses import json_response
from app.web.openapi.document import ETAG, answers, example
from app.web.schemas import review as schemas
from app.web.schemas.serializers import review_state

router = APIRouter(prefix="/v1/submissions", tags=["review"], route_class=ApiRoute)
Json = dict[str, Any]


async def _view(
    submission: str, principal: Annotated[Principal, Depends(Authenticated())], request_id: RequestId
) -> StaffCommand:
    """Return the context of a view, at any version; the service decides who may see the case."""
    return StaffCommand(submission, principal, principal.actor(request_id), now(), None)


async def _change(
    submission: str,
    principal: Annotated[Principal, Depends(RequirePermission("review"))],
    version: IfMatch,
    request_id: RequestId,
) -> StaffCommand:
    """Return the context of a change, at the version in If-Match."""
    return StaffCommand(submission, principal, principal.actor(request_id), now(), version)


View = Annotated[StaffCommand, Depends(_view)]
Change = Annotated[StaffCommand, Depends(_change)]


@router.put(
    "/{submission}/review",
    response_model=schemas.ReviewOut,
    responses=answers(headers=ETAG),
    openapi_extra=example({"review": "in_review"}),
)
@describe(errors.NotFound, errors.InvalidTransition)
async def decide(body: schemas.ReviewIn, services: CurrentServices, command: Change) -> Response:
    """Set the review state (new, in_review, needs_contact, ready, closed) and, optionally, the assignee.

    A transition that is not permitted gets 409.
    """
    work = partial(_decide, submission_service=services.submissions, command=command, body=body)
    return _changed(await services.database.write(work))


def _decide(
    session: Session, *, submission_service: SubmissionService, command: StaffCommand, body: schemas.ReviewIn
) -> Assessment:
    assessment = cases.change_status(session, submission_service, command, body.review)
    if "assignee" not in body.model_fields_set:
        return assessment
    return cases.assign(
        session, submission_service, replace(command, version=assessment.record.version), body.assignee
    )


@router.post(
    "/{submission}/notes",
    status_code=201,
    response_model=schemas.NoteOut,
    responses=answers(201, headers=ETAG),
    openapi_extra=example({"text": "Called; comes with her sister."}),
)
@describe(errors.NotFound, errors.InvalidTransition)
async def add_note(body: schemas.NoteIn, services: CurrentServices, command: Change) -> Response:
    """Add a note to a case. Repeated with the same If-Match it is not added again, but gets 412."""
    work = partial(cases.add_note, submission_service=services.submissions, turn=command, text=body.text)
    assessment, note = await services.database.write(work)
    return _created(_note(note), assessment)


@router.post(
    "/{submission}/flags/{flag}/actions",
    status_code=201,
    response_model=schemas.FlagActionOut,
    responses=answers(201, headers=ETAG),
    openapi_extra=example({"action": "reached"}),
)
@describe(errors.NotFound, errors.InvalidTransition)
async def act_on_flag(
    flag: str, body: schemas.FlagActionIn, services: CurrentServices, command: Change
) -> Response:
    """Record what was done about a flag. A closed flag takes no further actions."""
    work = partial(
        cases.act_on_flag,
        submission_service=services.submissions,
        turn=command,
        flag=flag,
        action=body.action,
    )
    assessment, done = await services.database.write(work)
    return _created(_action(done), assessment)


@router.get("/{submission}/notes", response_model=schemas.Notes, responses=answers(headers=ETAG))
@describe(errors.NotFound)
async def read_notes(services: CurrentServices, command: View) -> Response:
    """List the notes on a case. This request counts as a view and is audited."""
    work = partial(cases.view_case, submission_service=services.submissions, turn=command)
    case = await services.database.write(work)
    headers = etag(case.assessment.record.version)
    return json_response({"items": [_note(each) for each in case.notes]}, headers=headers)


@router.get("/{submission}/contact", response_model=schemas.ContactOut, responses=answers())
@describe(errors.NotFound)
async def reveal_contact(services: CurrentServices, command: View) -> Response:
    """Get the contact details of the person. Each request is audited as `contact.revealed`."""
    work = partial(cases.reveal_contact, submission_service=services.submissions, turn=command)
    case = await services.database.write(work)
    return json_response(
        {name: case.assessment.record.contact.get(name) for name in ("name", "phone", "email")}
    )


@router.post(
    "/{submission}/corrections",
    response_model=schemas.ReviewOut,
    responses=answers(headers=ETAG),
    openapi_extra=example({"answers": {"pain_duration": "1_to_5_years"}}),
)
@describe(errors.NotFound, errors.InvalidTransition, errors.InvalidAnswers)
async def correct(body: schemas.CorrectionIn, services: CurrentServices, command: Change) -> Response:
    """Correct answers as a new version. The previous version is retained, and flags are only added."""
    work = partial(
        corrections.apply_correction,
        submission_service=services.submissions,
        turn=command,
        answers=body.answers,
    )
    return _changed(await services.database.write(work))


@router.get("/{submission}/corrections", response_model=schemas.Corrections, responses=answers())
@describe(errors.NotFound)
async def read_corrections(services: CurrentServices, command: View) -> Response:
    """List every correction, with the previous answers. This request counts as a view and is audited."""
    work = partial(corrections.corrections, submission_service=services.submissions, turn=command)
    _, found, _ = await services.database.write(work)
    return json_response({"items": [_difference(each) for each in found]})


@router.post(
    "/{submission}/merge",
    response_model=schemas.ReviewOut,
    responses=answers(headers=ETAG),
    openapi_extra=example({"into": "019298a2-0000-7000-8000-000000000000"}),
)
@describe(errors.NotFound, errors.InvalidTransition)
async def merge(body: schemas.MergeIn, services: CurrentServices, command: Change) -> Response:
    """Merge a duplicate into another case of the same person and close it; both stay readable and show it."""
    work = partial(corrections.merge, submission_service=services.submissions, turn=command, into=body.into)
    return _changed(await services.database.write(work))


@router.get("/{submission}/history", response_model=schemas.History, responses=answers())
@describe(errors.NotFound)
async def read_history(services: CurrentServices, command: View) -> Response:
    """List the events of a submission and its flags, including views. This request is itself audited."""
    work = partial(cases.history, submission_service=services.submissions, turn=command)
    events = await services.database.write(work)
    return json_response({"items": [_event(each) for each in events]})


def _created(document: Json, assessment: Assessment) -> Response:
    headers = etag(assessment.record.version) | {"cache-control": "no-store"}
    return Response(to_json(document), 201, headers, "application/json")


def _changed(assessment: Assessment) -> Response:
    record = assessment.record
    document = {"id": record.id, **review_state(record), "updated_at": format_timestamp(record.updated_at)}
    return json_response(document, headers=etag(record.version))


def _by(done: Note | FlagAction | HistoryEntry) -> Json:
    return {"kind": done.actor_kind, "id": done.actor_id}


def _note(note: Note) -> Json:
    return {"id": note.id, "at": format_timestamp(note.created_at), "by": _by(note), "text": note.body}


def _difference(found: CorrectionDiff) -> Json:
    changes = [asdict(each) for each in found.changes]
    before = {"version": found.before.version, "replaced_at": format_timestamp(found.before.replaced_at)}
    return before | {"changes": changes, "fired": found.fired, "no_longer": found.no_longer}


def _action(done: FlagAction) -> Json:
    plain = {"id": done.id, "flag": done.flag_id, "action": done.action}
    return plain | {"at": format_timestamp(done.created_at), "by": _by(done)}


def _event(event: HistoryEntry) -> Json:
    about = {"object_type": event.object_type, "object_id": event.object_id}
    return {"at": format_timestamp(event.at), "action": event.action, **about, "by": _by(event)}
