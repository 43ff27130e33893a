"""/v1/submissions: create, read, change a draft, submit, list, erase.

Responsible for: converting HTTP requests to one unit of work and back; every response waits for the commit.
Never: puts personal data in caches or URLs, or makes changes without If-Match.
"""

from functools import partial
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.routing import APIRoute
from pydantic_core import to_json

from app import errors
from app.clock import now
from app.rules.engine.edition import Edition
from app.services.auth.authorization import ApiClient, Principal, require_scope
from app.services.idempotency import Created, SubmissionResponses
from app.services.submissions import lifecycle
from app.services.submissions.assessment import Assessment, SubmissionInput, assess_new, new_token
from app.storage.events.audit_log import Actor
from app.storage.submissions.listing import list_page
from app.storage.submissions.submissions import ID
from app.web import dependencies
from app.web.api.creation import Prepared, create_once, created_response
from app.web.api.dependencies import (
    AUTHENTICATION,
    AnyPrincipal,
    ConditionalResponse,
    CurrentServices,
    IdempotencyKey,
    IfMatch,
    RequestId,
    RequireScope,
    authenticate,
)
from app.web.dependencies import Services, get_services
from app.web.http import pagination
from app.web.http.api_route import ApiRoute, describe
from app.web.http.content_negotiation import etag
from app.web.http.request_body import read_json
from app.web.http.responses import BODY_PROBLEMS, LINK, REPLAYED, json_response
from app.web.openapi.document import (
    ETAG,
    EXAMPLE_ANSWERS,
    IDEMPOTENCY_KEY,
    JSON_OR_PATCH,
    answers,
    example,
    header,
)
from app.web.openapi.document import (
    body as request_body,
)
from app.web.schemas import serializers
from app.web.schemas import submissions as schemas

router = APIRouter(prefix="/v1/submissions", tags=["submissions"], route_class=ApiRoute)
EXAMPLE = {"questionnaire": "ketamine-preconsult", "answers": EXAMPLE_ANSWERS}
LOCATION = header("Location", "Where the submission is.")
claim_of = IdempotencyKey("POST /v1/submissions")


@router.post(
    "",
    status_code=201,
    response_model=schemas.SubmissionOut,
    responses=answers(201, headers=ETAG | LOCATION | REPLAYED),
    openapi_extra=request_body(schemas.SubmissionIn, example=EXAMPLE) | {"security": [{"api_key": []}]},
)
@describe(
    *BODY_PROBLEMS, *AUTHENTICATION, *claim_of.description.raises, errors.InvalidAnswers,
    errors.InvalidRequest, parameters=(IDEMPOTENCY_KEY,),
)  # fmt: skip
async def create(request: Request) -> Response:
    """Store answers as a submission with its summary, or as a draft. 201 only after the commit is durable."""
    services = get_services(request)  # no dependencies: `CreateFastPath` calls this handler, too
    client = require_scope(await authenticate(request), "submissions:write")
    body, _ = await read_json(request, schemas.SubmissionIn)
    claim = await claim_of(request)
    if client.key.origins and body.booking_reference is not None:
        raise errors.Forbidden(
            "A key for browsers names no booking: anybody can copy it. Use a one-time link."
        )

    def prepare() -> Prepared:
        token, at = new_token(), now()
        given, edition = to_input(body, test=client.key.is_test), edition_for(services, body)
        assessment = assess_new(edition, given, token, now=at, terms=services.submissions.terms)
        content = to_json(serializers.created(assessment, token))
        return prepared(services, assessment, content, client.actor(dependencies.request_id(request)))

    stored = SubmissionResponses(services.submissions.vault, now=now())
    created = await create_once(services.database, claim, stored, prepare)
    if not created.replayed:
        services.submissions_counter.labels(body.status).inc()
    return created_response(created, "/v1/submissions")


def prepared(services: Services, assessment: Assessment, content: bytes, actor: Actor) -> Prepared:
    """Return a new submission as it is created once per key."""
    vault, record = services.submissions.vault, assessment.record
    store = SubmissionResponses(vault, assessment.key, now=record.created_at)
    insert = partial(lifecycle.create, vault=vault, assessment=assessment, actor=actor)
    return Prepared(Created(record.id, content), store, insert)


@router.get("", response_model=schemas.SubmissionPage, responses=answers(headers=LINK))
@describe(errors.InvalidRequest)
async def list_submissions(  # noqa: PLR0913, PLR0917 - one per query parameter
    request: Request,
    services: CurrentServices,
    client: Annotated[ApiClient, Depends(RequireScope("submissions:read", "review"))],
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
    page = pagination.parse_list_query(
        limit,
        cursor,
        test=test or client.key.is_test,
        status=status,
        priority=attention,
        review=review,
        assignee_id=assignee,
        booking_reference=booking_reference,
        updated_after=updated_after,
    )
    found = await services.database.read(partial(list_page, page=page))
    following = pagination.next_url(request, found.next_cursor)
    headers = {"link": f'<{following}>; rel="next"'} if following else {}
    return json_response(serializers.page(found.rows, following), headers=headers)


@describe(errors.NotFound)
async def read_stored(
    submission: str, services: CurrentServices, principal: AnyPrincipal, request_id: RequestId
) -> Assessment:
    """Return the requested submission; reads by an API client are audited."""
    if isinstance(principal, ApiClient):
        view = partial(services.submissions.view, principal=principal, actor=principal.actor(request_id))
        return await services.database.write(partial(view, submission=submission, now=now()))
    work = partial(services.submissions.read, submission=submission, principal=principal, now=now())
    return await services.database.read(work)


StoredSubmission = Annotated[Assessment, Depends(read_stored)]


@router.get("/{submission}", response_model=schemas.SubmissionOut, responses=answers(headers=ETAG))
async def read(
    stored: StoredSubmission, principal: AnyPrincipal, conditional: ConditionalResponse
) -> Response:
    """Get one submission: its state, and what is enabled and missing, or its summary."""
    headers = etag(stored.record.version) | {"cache-control": "no-store"}
    content = to_json(serializers.submission(stored, principal))
    return conditional.respond(content, "application/json", headers)


@router.patch(
    "/{submission}",
    response_model=schemas.SubmissionOut,
    responses=answers(headers=ETAG),
    openapi_extra=example(
        {"answers": {"pain_duration": "1_to_5_years"}},
        model=schemas.SubmissionPatch,
        media_types=JSON_OR_PATCH,
    ),
)
@describe(errors.NotFound, errors.NotADraft, errors.InvalidAnswers)
async def change(
    submission: str,
    body: schemas.SubmissionPatch,
    services: CurrentServices,
    principal: AnyPrincipal,
    version: IfMatch,
    request_id: RequestId,
) -> Response:
    """Merge answers into a draft. Interruptions are returned and flags are raised immediately."""
    work = partial(
        services.submissions.change,
        submission=submission,
        principal=principal,
        patch=body.model_dump(exclude_unset=True),
        version=version,
        now=now(),
        actor=principal.actor(request_id),
    )
    return _response(await services.database.write(work), principal)


@router.post("/{submission}/submit", response_model=schemas.SubmissionOut, responses=answers(headers=ETAG))
@describe(
    errors.NotFound, errors.NotADraft, errors.InvalidAnswers, errors.RequestTimeout, errors.ContentTooLarge
)
async def submit(
    submission: str,
    services: CurrentServices,
    principal: AnyPrincipal,
    version: IfMatch,
    request_id: RequestId,
) -> Response:
    """Submit a draft. Repeating the same request returns the same response."""
    work = partial(
        services.submissions.submit,
        submission=submission,
        principal=principal,
        version=version,
        now=now(),
        actor=principal.actor(request_id),
    )
    assessment = await services.database.write(work)
    services.submissions_counter.labels("submitted").inc()
    return _response(assessment, principal)


@router.delete("/{submission}", status_code=204)
@describe(errors.NotFound, errors.UnderLegalHold)
async def erase(
    submission: str,
    services: CurrentServices,
    principal: AnyPrincipal,
    version: IfMatch,
    request_id: RequestId,
) -> Response:
    """Erase a submission permanently: answers, contact, flags, and the response to its Idempotency-Key."""
    work = partial(
        services.submissions.erase,
        submission=submission,
        principal=principal,
        version=version,
        now=now(),
        actor=principal.actor(request_id),
    )
    await dependencies.write_and_sync_ledger(services, work)
    return Response(status_code=204, headers={"cache-control": "no-store"})


def edition_for(services: Services, wanted: schemas.EvaluationIn) -> Edition:
    """Return the edition that a body names. Raises Unprocessable."""
    library = services.library
    edition = library.find(wanted.questionnaire, wanted.edition)
    if edition is not None:
        return edition
    known = library.current(wanted.questionnaire) is not None
    name, code = ("edition", "unknown_edition") if known else ("questionnaire", "unknown_questionnaire")
    error = errors.FieldError(f"/{name}", code, "Take one that /v1/questionnaires lists.")
    raise errors.InvalidRequest("There is no such questionnaire or edition.", errors=[error])


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


def _response(assessment: Assessment, principal: Principal) -> Response:
    headers = etag(assessment.record.version)
    return json_response(serializers.submission(assessment, principal), headers=headers)


create_route: APIRoute = next(
    route for route in router.routes if isinstance(route, APIRoute) and route.endpoint is create
)
