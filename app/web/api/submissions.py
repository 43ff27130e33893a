"""/v1/submissions: create, read, change a draft, submit, list, erase.

Responsible for: converting HTTP requests to one unit of work and back; every response waits for the commit.
Never: puts personal data in caches or URLs, or makes changes without If-Match.
"""

from functools import partial
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response
from fastapi.routing import APIRoute

from app import errors
from app.clock import now
from app.rules.engine.edition import Edition
from app.services import idempotency
from app.services.auth.authorization import ApiClient, Principal, require_scope
from app.services.idempotency import Claim
from app.services.submissions import lifecycle
from app.services.submissions.assessment import Assessment, SubmissionInput, assess_new, new_token
from app.storage.db.database import Session
from app.storage.events.audit_log import Actor
from app.storage.submissions.listing import list_page
from app.storage.submissions.submissions import ID
from app.web import dependencies
from app.web.dependencies import Services, get_services, request_id
from app.web.http import pagination
from app.web.http.content_negotiation import conditional, etag, if_match
from app.web.http.request_body import read_json
from app.web.http.responses import (
    BODY_PROBLEMS,
    LINK,
    READ_PROBLEMS,
    REPLAYED,
    WRITE_PROBLEMS,
    _packed,
    idempotency_claim,
    json_response,
)
from app.web.openapi.document import (
    ACCESS,
    ETAG,
    EXAMPLE_ANSWERS,
    IDEMPOTENCY_KEY,
    IF_MATCH,
    IF_NONE_MATCH,
    MERGE_PATCH,
    UNCHANGED,
    answers,
    body,
    header,
    problems,
)
from app.web.schemas import serializers
from app.web.schemas import submissions as schemas

router = APIRouter(prefix="/v1/submissions", tags=["submissions"])
EXAMPLE = {"questionnaire": "ketamine-preconsult", "answers": EXAMPLE_ANSWERS}
CREATE = b"POST /v1/submissions"
LOCATION = header("Location", "Where the submission is.")


@router.post(
    "",
    status_code=201,
    response_model=schemas.SubmissionOut,
    openapi_extra=body(schemas.SubmissionIn, example=EXAMPLE)
    | {"parameters": [IDEMPOTENCY_KEY], "security": [{"api_key": []}]},
    responses=answers(201, headers=ETAG | LOCATION | REPLAYED)
    | problems(
        *BODY_PROBLEMS, errors.Unauthenticated, errors.Forbidden, errors.InFlight, errors.Gone,
        errors.InvalidAnswers, errors.InvalidRequest, errors.IdempotencyKeyReused, errors.Unavailable,
    ),
)  # fmt: skip
async def create(request: Request) -> Response:
    """Store answers as a submission with its summary, or as a draft. 201 only after the commit is durable."""
    here = get_services(request)
    principal = require_scope(await here.authenticator.authenticate(request), "submissions:write")
    wanted, raw = await read_json(request, schemas.SubmissionIn)
    claim, token = idempotency_claim(request, principal, raw, CREATE), new_token()
    if principal.key.origins and wanted.booking_reference is not None:
        raise errors.Forbidden(
            "A key for browsers names no booking: anybody can copy it. Use a one-time link."
        )
    try:
        given = to_input(wanted, test=principal.key.test)
        edition = edition_for(request, wanted)
        drawn = assess_new(edition, given, token, now=now(), terms=here.submissions.terms)
    except errors.InvalidRequest:  # the first request may have been valid under an older edition
        again = (
            await here.database.read(partial(previous_response, here=here, claim=claim)) if claim else None
        )
        if again is None:
            raise
        return _created(*again, replayed=True)
    content = _packed(serializers.created(drawn, token))
    actor = _actor(request, principal)
    work = partial(create_idempotent, here=here, claim=claim, drawn=drawn, content=content, actor=actor)
    kept, content, replayed = await here.database.write(work)
    if not replayed:
        here.submissions_counter.labels(drawn.record.status).inc()
    return _created(kept, content, replayed=replayed)


def _created(kept: str, content: bytes, *, replayed: bool) -> Response:
    headers = etag(1) | {"location": f"/v1/submissions/{kept}", "cache-control": "no-store"}
    headers |= {"idempotency-replayed": "true"} if replayed else {}
    return Response(content, 201, headers, "application/json")


def previous_response(session: Session, *, here: Services, claim: Claim) -> tuple[str, bytes] | None:
    """Return (id, first response) of the same request, if it was received before."""
    return idempotency.replay(session, here.submissions.vault, claim, now=now())


def create_idempotent(
    session: Session, *, here: Services, claim: Claim | None, drawn: Assessment, content: bytes, actor: Actor
) -> tuple[str, bytes, bool]:
    """Return (id, response, whether it repeats the first response), in one transaction."""
    at, vault = drawn.record.created_at, here.submissions.vault
    if claim and not idempotency.remember(session, claim, drawn.record.id, drawn.key, content, now=at):
        again = idempotency.replay(session, vault, claim, now=at)
        if again is None:
            raise errors.InFlight("Another request with this key was just undone; try again.", retry_after=1)
        return (*again, True)
    lifecycle.create(session, vault, drawn, actor=actor)
    return drawn.record.id, content, False


@router.get(
    "",
    response_model=schemas.SubmissionPage,
    openapi_extra={"security": [{"api_key": []}]},
    responses=answers(headers=LINK)
    | problems(errors.Unauthenticated, errors.Forbidden, errors.InvalidRequest, errors.Unavailable),
)
async def list_submissions(  # noqa: PLR0913, PLR0917 - one per query parameter
    request: Request,
    status: Literal["draft", "submitted"] | None = None,
    attention: Annotated[int | None, Query(ge=1, le=4)] = None,
    review: schemas.ReviewState | None = None,
    assignee: Annotated[str | None, Query(pattern=ID.pattern, min_length=36, max_length=36)] = None,
    booking_reference: Annotated[schemas.BookingReference | None, Query()] = None,
    updated_after: Annotated[
        str | None, Query(max_length=40, json_schema_extra={"format": "date-time"})
    ] = None,
    test: bool = False,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Query(max_length=200)] = None,
) -> Response:
    """List submissions, newest first; with `updated_after` those changed since, oldest change first.

    If few are found, a page may hold fewer than `limit`, even none: `next` shows whether more follow.
    """
    here = get_services(request)
    principal = require_scope(await here.authenticator.authenticate(request), "submissions:read", "review")
    page = pagination.parse_list_query(
        limit,
        cursor,
        test=test or principal.key.test,
        status=status,
        attention=attention,
        review=review,
        assignee_id=assignee,
        booking_reference=booking_reference,
        updated_after=updated_after,
    )
    found = await here.database.read(partial(list_page, page=page))
    following = pagination.next_url(request, found.next_cursor)
    headers = {"link": f'<{following}>; rel="next"'} if following else {}
    return json_response(serializers.page(found.rows, following), headers=headers)


@router.get(
    "/{submission}",
    response_model=schemas.SubmissionOut,
    openapi_extra={"security": ACCESS, "parameters": [IF_NONE_MATCH]},
    responses=answers(headers=ETAG) | UNCHANGED | problems(*READ_PROBLEMS),
)
async def read(request: Request, submission: str) -> Response:
    """Get one submission: its state, and what is enabled and missing, or its summary."""
    principal, drawn = await read_one(request, submission)
    headers = etag(drawn.record.version) | {"cache-control": "no-store"}
    return conditional(
        request, _packed(serializers.submission(drawn, principal)), "application/json", headers
    )


@router.patch(
    "/{submission}",
    response_model=schemas.SubmissionOut,
    openapi_extra=body(
        schemas.SubmissionPatch,
        example={"answers": {"pain_duration": "1_to_5_years"}},
        media_types=("application/json", MERGE_PATCH),
    )
    | {"parameters": [IF_MATCH], "security": ACCESS},
    responses=answers(headers=ETAG)
    | problems(
        *WRITE_PROBLEMS, *BODY_PROBLEMS, errors.NotADraft, errors.InvalidAnswers, errors.InvalidRequest
    ),
)
async def change(request: Request, submission: str) -> Response:
    """Merge answers into a draft. Interruptions are returned and flags are raised immediately."""
    here = get_services(request)
    principal = await here.authenticator.authenticate(request)
    version = if_match(request)
    patch, _ = await read_json(request, schemas.SubmissionPatch, also=(MERGE_PATCH,))
    work = partial(
        here.submissions.change,
        submission=submission,
        principal=principal,
        patch=patch.model_dump(exclude_unset=True),
        version=version,
        now=now(),
        actor=_actor(request, principal),
    )
    return _response(await here.database.write(work), principal)


@router.post(
    "/{submission}/submit",
    response_model=schemas.SubmissionOut,
    openapi_extra={"parameters": [IF_MATCH], "security": ACCESS},
    responses=answers(headers=ETAG)
    | problems(
        *WRITE_PROBLEMS,
        errors.NotADraft,
        errors.InvalidAnswers,
        errors.RequestTimeout,
        errors.ContentTooLarge,
    ),
)
async def submit(request: Request, submission: str) -> Response:
    """Submit a draft. Repeating the same request returns the same response."""
    here = get_services(request)
    principal = await here.authenticator.authenticate(request)
    work = partial(
        here.submissions.submit,
        submission=submission,
        principal=principal,
        version=if_match(request),
        now=now(),
        actor=_actor(request, principal),
    )
    drawn = await here.database.write(work)
    here.submissions_counter.labels("submitted").inc()
    return _response(drawn, principal)


@router.delete(
    "/{submission}",
    status_code=204,
    openapi_extra={"parameters": [IF_MATCH], "security": ACCESS},
    responses=problems(*WRITE_PROBLEMS, errors.UnderLegalHold),
)
async def erase(request: Request, submission: str) -> Response:
    """Erase a submission permanently: answers, contact, flags, and the response to its Idempotency-Key."""
    here = get_services(request)
    principal = await here.authenticator.authenticate(request)
    work = partial(
        here.submissions.erase,
        submission=submission,
        principal=principal,
        version=if_match(request),
        now=now(),
        actor=_actor(request, principal),
    )
    await dependencies.write_and_sync_ledger(here, work)
    return Response(status_code=204, headers={"cache-control": "no-store"})


async def read_one(request: Request, submission: str) -> tuple[Principal, Assessment]:
    """Return the principal and the requested submission; reads by an API client are audited."""
    here = get_services(request)
    principal = await here.authenticator.authenticate(request)
    if isinstance(principal, ApiClient):
        who = partial(here.submissions.view, principal=principal, actor=_actor(request, principal))
        return principal, await here.database.write(partial(who, submission=submission, now=now()))
    work = partial(here.submissions.read, submission=submission, principal=principal, now=now())
    return principal, await here.database.read(work)


def edition_for(request: Request, wanted: schemas.EvaluationIn) -> Edition:
    """Return the edition that a body names. Raises Unprocessable."""
    library = get_services(request).library
    edition = library.find(wanted.questionnaire, wanted.edition)
    if edition is not None:
        return edition
    known = library.current(wanted.questionnaire) is not None
    name, code = ("edition", "unknown_edition") if known else ("questionnaire", "unknown_questionnaire")
    amiss = errors.FieldError(f"/{name}", code, "Take one that /v1/questionnaires lists.")
    raise errors.InvalidRequest("There is no such questionnaire or edition.", errors=[amiss])


def to_input(wanted: schemas.EvaluationIn, *, test: bool = False) -> SubmissionInput:
    """Convert the body to the input of the service."""
    return SubmissionInput(
        answers=wanted.answers,
        contact=wanted.contact or {},
        language=wanted.language,
        booking_reference=wanted.booking_reference,
        complete=wanted.status == "submitted",
        test=wanted.test or test,
    )


def _actor(request: Request, principal: Principal) -> Actor:
    return principal.actor(request_id(request))


def _response(drawn: Assessment, principal: Principal) -> Response:
    return json_response(serializers.submission(drawn, principal), headers=etag(drawn.record.version))


create_route: APIRoute = next(
    route for route in router.routes if isinstance(route, APIRoute) and route.endpoint is create
)
