"""/fhir/QuestionnaireResponse: submissions in FHIR R4 (4.0.1).

Responsible for: passing a QuestionnaireResponse to the same validation, unit of work and audit as POST
/v1/submissions, and converting back. Never: accepts what /v1 rejects, returns contact details, or lets keys
for browsers write.
"""

import datetime as dt
from dataclasses import replace
from functools import partial
from typing import Any

from fastapi import APIRouter, Request, Response
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
from app.services.auth.authorization import ApiClient, Principal, require_scope
from app.services.submissions.assessment import Assessment, SubmissionInput, assess_new, new_token
from app.storage.db.database import Session
from app.storage.events import audit_log
from app.storage.events.audit_log import Actor, AuditAction
from app.web.api.fhir import FORMAT, FhirResponse, acceptable
from app.web.api.submissions import LOCATION, create_idempotent, previous_response
from app.web.dependencies import Services, get_services, request_id
from app.web.http.content_negotiation import conditional, etag
from app.web.http.request_body import read_json
from app.web.http.responses import BODY_PROBLEMS, READ_PROBLEMS, REPLAYED, idempotency_claim
from app.web.openapi import fhir_problems as told
from app.web.openapi.document import ACCESS, ETAG, IDEMPOTENCY_KEY, IF_NONE_MATCH, UNCHANGED, answers, body
from app.web.openapi.fhir_problems import MEDIA_TYPE, outcome_responses
from app.web.schemas.submissions import BookingReference

router = APIRouter(prefix="/fhir/QuestionnaireResponse", tags=["fhir"], default_response_class=FhirResponse)
CREATE = b"POST /fhir/QuestionnaireResponse"
REFERENCE: TypeAdapter[str] = TypeAdapter(BookingReference)
WRITING, LOOKING = ("fhir", "submissions:write"), ("fhir", "submissions:read")
HANDED_IN = (
    *BODY_PROBLEMS,
    errors.Unauthenticated,
    errors.Forbidden,
    errors.NotAcceptable,
    errors.Unavailable,
)
EXAMPLE = {
    "resourceType": "QuestionnaireResponse",
    "questionnaire": identifiers.canonical("ketamine-preconsult", "1.1.0"),
    "status": "in-progress",
    "item": [{"linkId": "start", "item": [{"linkId": "info_only", "answer": [{"valueBoolean": True}]}]}],
}
BODY = body(QuestionnaireResponseInput, example=EXAMPLE, media_types=(MEDIA_TYPE, "application/json"))
KEY: dict[str, Any] = {"security": [{"api_key": []}]}


@router.post(
    "",
    status_code=201,
    response_model=models.QuestionnaireResponse,
    openapi_extra=BODY | KEY | {"parameters": [FORMAT, IDEMPOTENCY_KEY]},
    responses=answers(201, headers=ETAG | LOCATION | REPLAYED)
    | outcome_responses(
        *HANDED_IN, errors.InFlight, errors.Gone, errors.InvalidAnswers, errors.InvalidRequest,
        errors.IdempotencyKeyReused,
    ),
)  # fmt: skip
async def create(request: Request) -> Response:
    """Create a submission: `completed` submits the answers, `in-progress` creates a draft.

    201 is returned only after the commit is durable.
    """
    here, principal, kind = get_services(request), await _writer(request), acceptable(request)
    sent, raw = await read_json(request, QuestionnaireResponseInput, also=(MEDIA_TYPE,))
    claim = idempotency_claim(request, principal, raw, CREATE)
    try:
        drawn = _assess(here, sent, principal)
    except InvalidRequest:  # replayed as in POST /v1/submissions
        again = (
            await here.database.read(partial(previous_response, here=here, claim=claim)) if claim else None
        )
        if again is None:
            raise
        return _created(*again, kind, replayed=True)
    actor = principal.actor(request_id(request))
    work = partial(
        create_idempotent, here=here, claim=claim, drawn=drawn, content=_packed(drawn), actor=actor
    )
    kept, content, replayed = await here.database.write(work)
    if not replayed:
        here.submissions_counter.labels(drawn.record.status).inc()
    return _created(kept, content, kind, replayed=replayed)


@router.post(
    "/$validate",
    response_model=models.OperationOutcome,
    openapi_extra=BODY | KEY | {"parameters": [FORMAT]},
    responses=answers() | outcome_responses(*HANDED_IN),
)
async def validate(request: Request) -> Response:
    """Validate answers; the outcome lists errors, or the interruptions to show first.

    200 in either case; nothing is stored.
    """
    here, principal, kind = get_services(request), await _writer(request), acceptable(request)
    try:
        sent, _ = await read_json(request, QuestionnaireResponseInput, also=(MEDIA_TYPE,))
        drawn = _assess(here, sent, principal)
    except InvalidRequest as amiss:
        document = told.document(amiss, request_id(request), request.scope["path"])
    else:
        blocks = [(each["rule"], each["text"]) for each in drawn.interruptions()]
        document = success_outcome("Nothing is amiss; nothing was kept.", blocks).document()
    return Response(to_json(document), headers={"cache-control": "no-store"}, media_type=kind)


@router.get(
    "/{submission}",
    response_model=models.QuestionnaireResponse,
    openapi_extra={"security": ACCESS, "parameters": [FORMAT, IF_NONE_MATCH]},
    responses=answers(headers=ETAG) | UNCHANGED | outcome_responses(*READ_PROBLEMS, errors.NotAcceptable),
)
async def read(request: Request, submission: str) -> Response:
    """Get a submission as a QuestionnaireResponse, with its interruptions and without contact details."""
    here = get_services(request)
    principal, kind = await here.authenticator.authenticate(request), acceptable(request)
    work = partial(_look, here=here, submission=submission, principal=principal, at=now())
    if isinstance(principal, ApiClient):  # reads by an API client are audited
        drawn = await here.database.write(partial(work, actor=principal.actor(request_id(request))))
    else:
        drawn = await here.database.read(work)
    headers = etag(drawn.record.version) | {"cache-control": "no-store"}
    return conditional(request, _packed(drawn), kind, headers)


async def _writer(request: Request) -> ApiClient:
    """Return the API client that sends a resource. Raises Unauthenticated or Forbidden."""
    principal = require_scope(await get_services(request).authenticator.authenticate(request), *WRITING)
    if principal.key.origins:
        raise Forbidden("A key for browsers hands in at /v1/submissions.")
    return principal


def _look(
    session: Session,
    *,
    here: Services,
    submission: str,
    principal: Principal,
    at: dt.datetime,
    actor: Actor | None = None,
) -> Assessment:
    record, key = here.submissions.load(session, submission, principal, *LOOKING, now=at, lock=False)
    if actor is not None:
        audit_log.record(session, actor, at, AuditAction(audit_log.VIEWED, "submission", submission))
    return here.submissions.assess(record, key)


def _assess(here: Services, sent: QuestionnaireResponseInput, principal: ApiClient) -> Assessment:
    """Return the assessment of a resource, without storing it. Raises Unprocessable and InvalidAnswers."""
    edition = _edition(here, sent.questionnaire)
    found = parse_response(sent, edition)
    if found.amiss:
        amiss = [FieldError(each.pointer, each.code, ISSUE_MESSAGES[each.code]) for each in found.amiss]
        raise InvalidAnswers("Look at each of the errors and send the answers again.", errors=amiss)
    given = SubmissionInput(
        answers=found.answers,
        contact=found.contact,
        language=sent.language,
        booking_reference=_reference(sent),
        complete=sent.status == "completed",
        test=principal.key.test or sent.meta,
    )
    try:
        return assess_new(edition, given, new_token(), now=now(), terms=here.submissions.terms)
    except InvalidAnswers as problem:
        placed = [_relocate_error(each, found, edition) for each in problem.errors]
        raise InvalidAnswers(problem.detail, errors=placed) from None


def _relocate_error(error: FieldError, found: ParsedResponse, edition: Edition) -> FieldError:
    """Return an error of the answers with its pointer in the resource and the linkId it is about."""
    link_id = found.about(edition, error.pointer)
    return replace(error, pointer=found.place(edition, error.pointer), detail=f"{link_id}: {error.detail}")


def _edition(here: Services, canonical: str) -> Edition:
    """Return the edition that a canonical identifies. Raises Unprocessable."""
    named = identifiers.parse_canonical(canonical)
    edition = here.library.find(*named) if named else None
    if edition is not None:
        return edition
    known = named is not None and here.library.current(named[0]) is not None
    code = "unknown_edition" if known else "unknown_questionnaire"
    amiss = FieldError("/questionnaire", code, "Take url and version of one that /fhir/Questionnaire lists.")
    raise InvalidRequest("There is no such questionnaire or edition.", errors=[amiss])


def _reference(sent: QuestionnaireResponseInput) -> str | None:
    """Return the booking reference from the identifier of this service's system. Raises Unprocessable."""
    identifier = sent.identifier
    if identifier is None or identifier.system != identifiers.BOOKING_REFERENCE:
        return None
    try:
        return REFERENCE.validate_python(identifier.value)
    except ValidationError:
        amiss = FieldError("/identifier/value", "bad_format", "This is no booking reference as documented.")
        raise InvalidRequest("Look at each of the errors and send it again.", errors=[amiss]) from None


def _packed(drawn: Assessment) -> bytes:
    return to_json(_resource(drawn).document())


def _resource(drawn: Assessment) -> models.QuestionnaireResponse:
    """Return the FHIR representation of a submission."""
    record = drawn.record
    system, code, display = identifiers.TEST_TAG
    tag = [models.Coding(system=system, code=code, display=display)] if record.test else None
    reference = record.booking_reference
    return models.QuestionnaireResponse(
        id=record.id,
        meta=models.Meta(
            versionId=str(record.version), lastUpdated=format_timestamp(record.updated_at), tag=tag
        ),
        language=record.language,
        extension=[_interruption(each["rule"], each["text"]) for each in drawn.interruptions()] or None,
        identifier=models.Identifier(system=identifiers.BOOKING_REFERENCE, value=reference)
        if reference
        else None,
        questionnaire=identifiers.canonical(record.questionnaire, record.edition),
        status="completed" if record.status == "submitted" else "in-progress",
        authored=format_timestamp(record.submitted_at or record.updated_at),
        item=build_items(drawn.edition, record.answers["answers"], record.language) or None,
    )


def _interruption(rule: str, text: str) -> models.Extension:
    parts = [models.Extension(url="rule", valueCode=rule), models.Extension(url="text", valueString=text)]
    return models.Extension(url=identifiers.INTERRUPTION, extension=parts)


def _created(kept: str, content: bytes, kind: str, *, replayed: bool) -> Response:
    location = f"{router.prefix}/{kept}"
    headers = etag(1) | {"location": location, "cache-control": "no-store"}
    headers |= {"idempotency-replayed": "true"} if replayed else {}
    return Response(content, 201, headers, kind)
