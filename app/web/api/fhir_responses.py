"""/fhir/QuestionnaireResponse: submissions in FHIR R4 (4.0.1).

Responsible for: passing a QuestionnaireResponse to the same validation, unit of work and audit as POST
/v1/submissions, and converting back. Never: accepts what /v1 rejects, returns contact details, or lets keys
for browsers write.
"""

import datetime as dt
from dataclasses import replace
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_json

from app import errors
from app.clock import format_timestamp, now
from app.errors import FieldError, Forbidden, InvalidAnswers, InvalidRequest
from app.fhir import identifiers, models
from app.fhir.operation_outcome import success_outcome
from app.fhir.questionnaire_response import ISSUE_MESSAGES, ParsedResponse, build_items, parse_response
from app.fhir.response_request import QuestionnaireResponseInput
from app.rules.engine.edition import Edition
from app.services.auth.authorization import ApiClient, Principal
from app.services.idempotency import Claim, SubmissionResponses
from app.services.submissions.assessment import Assessment, SubmissionInput, assess_new, new_token
from app.storage.db.database import Session
from app.storage.events import audit_log
from app.storage.events.audit_log import Actor, AuditAction
from app.web.api.creation import Prepared, create_once, created_response
from app.web.api.dependencies import (
    AnyPrincipal,
    ConditionalResponse,
    CurrentServices,
    IdempotencyKey,
    RequestId,
    RequireScope,
)
from app.web.api.fhir import FhirResponse, FhirRoute, FhirType
from app.web.api.submissions import LOCATION, prepared
from app.web.dependencies import Services
from app.web.http.api_route import describe
from app.web.http.content_negotiation import etag
from app.web.http.request_body import JSON, read_json
from app.web.http.responses import BODY_PROBLEMS, REPLAYED
from app.web.openapi import fhir_problems
from app.web.openapi.document import ETAG, answers, body, example
from app.web.openapi.fhir_problems import MEDIA_TYPE
from app.web.schemas.submissions import BookingReference

router = APIRouter(
    prefix="/fhir/QuestionnaireResponse",
    tags=["fhir"],
    default_response_class=FhirResponse,
    route_class=FhirRoute,
)
REFERENCE: TypeAdapter[str] = TypeAdapter(BookingReference)
VIEW_SCOPES = ("fhir", "submissions:read")
MEDIA_TYPES = (MEDIA_TYPE, JSON)
EXAMPLE = {
    "resourceType": "QuestionnaireResponse",
    "questionnaire": identifiers.canonical("ketamine-preconsult", "1.1.0"),
    "status": "in-progress",
    "item": [{"linkId": "start", "item": [{"linkId": "info_only", "answer": [{"valueBoolean": True}]}]}],
}


async def _writer(
    client: Annotated[ApiClient, Depends(RequireScope("fhir", "submissions:write"))],
) -> ApiClient:
    """Return the API client that sends a resource. Raises Forbidden for a key for browsers."""
    if client.key.origins:
        raise Forbidden("A key for browsers hands in at /v1/submissions.")
    return client


Writer = Annotated[ApiClient, Depends(_writer)]
CreateClaim = Annotated[Claim | None, Depends(IdempotencyKey("POST /fhir/QuestionnaireResponse"))]


@router.post(
    "",
    status_code=201,
    response_model=models.QuestionnaireResponse,
    responses=answers(201, headers=ETAG | LOCATION | REPLAYED),
    openapi_extra=example(EXAMPLE, model=QuestionnaireResponseInput, media_types=MEDIA_TYPES),
)
@describe(errors.InvalidAnswers)
async def create(
    body: QuestionnaireResponseInput,
    kind: FhirType,
    services: CurrentServices,
    client: Writer,
    claim: CreateClaim,
    request_id: RequestId,
) -> Response:
    """Create a submission: `completed` submits the answers, `in-progress` creates a draft.

    201 is returned only after the commit is durable.
    """

    def prepare() -> Prepared:
        assessment = _assess(services, body, client)
        return prepared(services, assessment, _packed(assessment), client.actor(request_id))

    stored = SubmissionResponses(services.submissions.vault, now=now())
    created = await create_once(services.database, claim, stored, prepare)
    if not created.replayed:
        status = "submitted" if body.status == "completed" else "draft"
        services.submissions_counter.labels(status).inc()
    return created_response(created, "/fhir/QuestionnaireResponse", media_type=kind)


@router.post(
    "/$validate",
    response_model=models.OperationOutcome,
    responses=answers(),
    openapi_extra=body(QuestionnaireResponseInput, example=EXAMPLE, media_types=MEDIA_TYPES),
)
@describe(*BODY_PROBLEMS)
async def validate(
    request: Request, kind: FhirType, services: CurrentServices, client: Writer, request_id: RequestId
) -> Response:
    """Validate answers; the outcome lists errors, or the interruptions to show first.

    200 in either case; nothing is stored.
    """
    try:  # a body that is not a QuestionnaireResponse is a result here, so FastAPI does not validate it
        resource, _ = await read_json(request, QuestionnaireResponseInput, MEDIA_TYPES)
        assessment = _assess(services, resource, client)
    except InvalidRequest as invalid:
        document = fhir_problems.document(invalid, request_id, request.scope["path"])
    else:
        blocks = [(each["rule"], each["text"]) for each in assessment.interruptions()]
        document = success_outcome("Nothing is amiss; nothing was kept.", blocks).document()
    return Response(to_json(document), headers={"cache-control": "no-store"}, media_type=kind)


@router.get("/{submission}", response_model=models.QuestionnaireResponse, responses=answers(headers=ETAG))
@describe(errors.NotFound)
async def read(
    submission: str,
    kind: FhirType,
    services: CurrentServices,
    principal: AnyPrincipal,
    conditional: ConditionalResponse,
    request_id: RequestId,
) -> Response:
    """Get a submission as a QuestionnaireResponse, with its interruptions and without contact details."""
    work = partial(_view, services=services, submission=submission, principal=principal, at=now())
    if isinstance(principal, ApiClient):  # reads by an API client are audited
        assessment = await services.database.write(partial(work, actor=principal.actor(request_id)))
    else:
        assessment = await services.database.read(work)
    headers = etag(assessment.record.version) | {"cache-control": "no-store"}
    return conditional.respond(_packed(assessment), kind, headers)


def _view(
    session: Session,
    *,
    services: Services,
    submission: str,
    principal: Principal,
    at: dt.datetime,
    actor: Actor | None = None,
) -> Assessment:
    record, key = services.submissions.load(session, submission, principal, *VIEW_SCOPES, now=at, lock=False)
    if actor is not None:
        audit_log.record(session, actor, at, AuditAction(audit_log.VIEWED, "submission", submission))
    return services.submissions.assess(record, key)


def _assess(services: Services, sent: QuestionnaireResponseInput, principal: ApiClient) -> Assessment:
    """Return the assessment of a resource, without storing it. Raises Unprocessable and InvalidAnswers."""
    edition = _edition(services, sent.questionnaire)
    found = parse_response(sent, edition)
    if found.found_issues:
        found_issues = [
            FieldError(each.pointer, each.code, ISSUE_MESSAGES[each.code]) for each in found.found_issues
        ]
        raise InvalidAnswers("Look at each of the errors and send the answers again.", errors=found_issues)
    given = SubmissionInput(
        answers=found.answers,
        contact=found.contact,
        language=sent.language,
        booking_reference=_reference(sent),
        complete=sent.status == "completed",
        test=principal.key.is_test or sent.meta,
    )
    try:
        return assess_new(edition, given, new_token(), now=now(), terms=services.submissions.terms)
    except InvalidAnswers as problem:
        placed = [_relocate_error(each, found, edition) for each in problem.errors]
        raise InvalidAnswers(problem.detail, errors=placed) from None


def _relocate_error(error: FieldError, found: ParsedResponse, edition: Edition) -> FieldError:
    """Return an error of the answers with its pointer in the resource and the linkId it is about."""
    link_id = found.about(edition, error.pointer)
    return replace(error, pointer=found.place(edition, error.pointer), detail=f"{link_id}: {error.detail}")


def _edition(services: Services, canonical: str) -> Edition:
    """Return the edition that a canonical identifies. Raises Unprocessable."""
    named = identifiers.parse_canonical(canonical)
    edition = services.library.find(*named) if named else None
    if edition is not None:
        return edition
    known = named is not None and services.library.current(named[0]) is not None
    code = "unknown_edition" if known else "unknown_questionnaire"
    found_issues = FieldError(
        "/questionnaire", code, "Take url and version of one that /fhir/Questionnaire lists."
    )
    raise InvalidRequest("There is no such questionnaire or edition.", errors=[found_issues])


def _reference(sent: QuestionnaireResponseInput) -> str | None:
    """Return the booking reference from the identifier of this service's system. Raises Unprocessable."""
    identifier = sent.identifier
    if identifier is None or identifier.system != identifiers.BOOKING_REFERENCE:
        return None
    try:
        return REFERENCE.validate_python(identifier.value)
    except ValidationError:
        found_issues = FieldError(
            "/identifier/value", "bad_format", "This is no booking reference as documented."
        )
        raise InvalidRequest("Look at each of the errors and send it again.", errors=[found_issues]) from None


def _packed(assessment: Assessment) -> bytes:
    return to_json(_resource(assessment).document())


def _resource(assessment: Assessment) -> models.QuestionnaireResponse:
    """Return the FHIR representation of a submission."""
    record = assessment.record
    system, code, display = identifiers.TEST_TAG
    tag = [models.Coding(system=system, code=code, display=display)] if record.is_test else None
    reference = record.booking_reference
    return models.QuestionnaireResponse(
        id=record.id,
        meta=models.Meta(
            versionId=str(record.version), lastUpdated=format_timestamp(record.updated_at), tag=tag
        ),
        language=record.language,
        extension=[_interruption(each["rule"], each["text"]) for each in assessment.interruptions()] or None,
        identifier=models.Identifier(system=identifiers.BOOKING_REFERENCE, value=reference)
        if reference
        else None,
        questionnaire=identifiers.canonical(record.questionnaire, record.edition),
        status="completed" if record.status == "submitted" else "in-progress",
        authored=format_timestamp(record.submitted_at or record.updated_at),
        item=build_items(assessment.edition, record.answers["answers"], record.language) or None,
    )


def _interruption(rule: str, text: str) -> models.Extension:
    parts = [models.Extension(url="rule", valueCode=rule), models.Extension(url="text", valueString=text)]
    return models.Extension(url=identifiers.INTERRUPTION, extension=parts)
