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
from app.clock import now, stamp
from app.errors import Error, Forbidden, InvalidAnswers, Unprocessable
from app.fhir import identifiers, models
from app.fhir.operation_outcome import fine
from app.fhir.questionnaire_response import AMISS, Handed, handed, items
from app.fhir.response_request import SentResponse
from app.rules.engine.edition import Edition
from app.services.auth.authorization import Principal, Program, require_scope
from app.services.submissions.assessment import Drawn, Given, draw_up, new_token
from app.storage.db.database import Session
from app.storage.events import audit_log
from app.storage.events.audit_log import Act, Actor
from app.web.api.fhir import FORMAT, FhirResponse, acceptable
from app.web.api.submissions import LOCATION, keep_once, kept_before
from app.web.dependencies import Rooms, request_id, rooms
from app.web.http.content_negotiation import conditional, etag
from app.web.http.request_body import read_json
from app.web.http.responses import BODIES, READING, REPLAYED, claim_for
from app.web.openapi import fhir_problems as told
from app.web.openapi.document import ACCESS, ETAG, IDEMPOTENCY_KEY, IF_NONE_MATCH, UNCHANGED, answers, body
from app.web.openapi.fhir_problems import MEDIA_TYPE, outcomes
from app.web.schemas.submissions import BookingReference

router = APIRouter(prefix="/fhir/QuestionnaireResponse", tags=["fhir"], default_response_class=FhirResponse)
CREATE = b"POST /fhir/QuestionnaireResponse"
REFERENCE: TypeAdapter[str] = TypeAdapter(BookingReference)
WRITING, LOOKING = ("fhir", "submissions:write"), ("fhir", "submissions:read")
HANDED_IN = (*BODIES, errors.Unauthenticated, errors.Forbidden, errors.NotAcceptable, errors.Unavailable)
EXAMPLE = {
    "resourceType": "QuestionnaireResponse",
    "questionnaire": identifiers.canonical("ketamine-preconsult", "1.1.0"),
    "status": "in-progress",
    "item": [{"linkId": "start", "item": [{"linkId": "info_only", "answer": [{"valueBoolean": True}]}]}],
}
BODY = body(SentResponse, example=EXAMPLE, media_types=(MEDIA_TYPE, "application/json"))
KEY: dict[str, Any] = {"security": [{"api_key": []}]}


@router.post(
    "",
    status_code=201,
    response_model=models.QuestionnaireResponse,
    openapi_extra=BODY | KEY | {"parameters": [FORMAT, IDEMPOTENCY_KEY]},
    responses=answers(201, headers=ETAG | LOCATION | REPLAYED)
    | outcomes(
        *HANDED_IN, errors.InFlight, errors.Gone, errors.InvalidAnswers, errors.Unprocessable,
        errors.IdempotencyKeyReused,
    ),
)  # fmt: skip
async def create(request: Request) -> Response:
    """Create a submission: `completed` submits the answers, `in-progress` creates a draft.

    201 is returned only after the commit is durable.
    """
    here, principal, kind = rooms(request), await _writer(request), acceptable(request)
    sent, raw = await read_json(request, SentResponse, also=(MEDIA_TYPE,))
    claim = claim_for(request, principal, raw, CREATE)
    try:
        drawn = _drawn(here, sent, principal)
    except Unprocessable:  # replayed as in POST /v1/submissions
        again = await here.database.read(partial(kept_before, here=here, claim=claim)) if claim else None
        if again is None:
            raise
        return _created(*again, kind, replayed=True)
    actor = principal.actor(request_id(request))
    work = partial(keep_once, here=here, claim=claim, drawn=drawn, content=_packed(drawn), actor=actor)
    kept, content, replayed = await here.database.write(work)
    if not replayed:
        here.kept.labels(drawn.record.status).inc()
    return _created(kept, content, kind, replayed=replayed)


@router.post(
    "/$validate",
    response_model=models.OperationOutcome,
    openapi_extra=BODY | KEY | {"parameters": [FORMAT]},
    responses=answers() | outcomes(*HANDED_IN),
)
async def validate(request: Request) -> Response:
    """Validate answers; the outcome lists errors, or the interruptions to show first.

    200 in either case; nothing is stored.
    """
    here, principal, kind = rooms(request), await _writer(request), acceptable(request)
    try:
        sent, _ = await read_json(request, SentResponse, also=(MEDIA_TYPE,))
        drawn = _drawn(here, sent, principal)
    except Unprocessable as amiss:
        document = told.document(amiss, request_id(request), request.scope["path"])
    else:
        blocks = [(each["rule"], each["text"]) for each in drawn.interruptions()]
        document = fine("Nothing is amiss; nothing was kept.", blocks).document()
    return Response(to_json(document), headers={"cache-control": "no-store"}, media_type=kind)


@router.get(
    "/{submission}",
    response_model=models.QuestionnaireResponse,
    openapi_extra={"security": ACCESS, "parameters": [FORMAT, IF_NONE_MATCH]},
    responses=answers(headers=ETAG) | UNCHANGED | outcomes(*READING, errors.NotAcceptable),
)
async def read(request: Request, submission: str) -> Response:
    """Get a submission as a QuestionnaireResponse, with its interruptions and without contact details."""
    here = rooms(request)
    principal, kind = await here.doorkeeper.admit(request), acceptable(request)
    work = partial(_look, here=here, submission=submission, principal=principal, at=now())
    if isinstance(principal, Program):  # reads by an API client are audited
        drawn = await here.database.write(partial(work, actor=principal.actor(request_id(request))))
    else:
        drawn = await here.database.read(work)
    headers = etag(drawn.record.version) | {"cache-control": "no-store"}
    return conditional(request, _packed(drawn), kind, headers)


async def _writer(request: Request) -> Program:
    """Return the API client that sends a resource. Raises Unauthenticated or Forbidden."""
    principal = require_scope(await rooms(request).doorkeeper.admit(request), *WRITING)
    if principal.key.origins:
        raise Forbidden("A key for browsers hands in at /v1/submissions.")
    return principal


def _look(
    session: Session,
    *,
    here: Rooms,
    submission: str,
    principal: Principal,
    at: dt.datetime,
    actor: Actor | None = None,
) -> Drawn:
    record, key = here.desk.found(session, submission, principal, *LOOKING, now=at, lock=False)
    if actor is not None:
        audit_log.record(session, actor, at, Act(audit_log.VIEWED, "submission", submission))
    return here.desk.drawn(record, key)


def _drawn(here: Rooms, sent: SentResponse, principal: Program) -> Drawn:
    """Return the assessment of a resource, without storing it. Raises Unprocessable and InvalidAnswers."""
    edition = _edition(here, sent.questionnaire)
    found = handed(sent, edition)
    if found.amiss:
        amiss = [Error(each.pointer, each.code, AMISS[each.code]) for each in found.amiss]
        raise InvalidAnswers("Look at each of the errors and send the answers again.", errors=amiss)
    given = Given(
        answers=found.answers,
        contact=found.contact,
        language=sent.language,
        booking_reference=_reference(sent),
        complete=sent.status == "completed",
        test=principal.key.test or sent.meta,
    )
    try:
        return draw_up(edition, given, new_token(), now=now(), terms=here.desk.terms)
    except InvalidAnswers as problem:
        placed = [_placed(each, found, edition) for each in problem.errors]
        raise InvalidAnswers(problem.detail, errors=placed) from None


def _placed(error: Error, found: Handed, edition: Edition) -> Error:
    """Return an error of the answers with its pointer in the resource and the linkId it is about."""
    link_id = found.about(edition, error.pointer)
    return replace(error, pointer=found.place(edition, error.pointer), detail=f"{link_id}: {error.detail}")


def _edition(here: Rooms, canonical: str) -> Edition:
    """Return the edition that a canonical identifies. Raises Unprocessable."""
    named = identifiers.named(canonical)
    edition = here.library.find(*named) if named else None
    if edition is not None:
        return edition
    known = named is not None and here.library.current(named[0]) is not None
    code = "unknown_edition" if known else "unknown_questionnaire"
    amiss = Error("/questionnaire", code, "Take url and version of one that /fhir/Questionnaire lists.")
    raise Unprocessable("There is no such questionnaire or edition.", errors=[amiss])


def _reference(sent: SentResponse) -> str | None:
    """Return the booking reference from the identifier of this service's system. Raises Unprocessable."""
    identifier = sent.identifier
    if identifier is None or identifier.system != identifiers.BOOKING_REFERENCE:
        return None
    try:
        return REFERENCE.validate_python(identifier.value)
    except ValidationError:
        amiss = Error("/identifier/value", "bad_format", "This is no booking reference as documented.")
        raise Unprocessable("Look at each of the errors and send it again.", errors=[amiss]) from None


def _packed(drawn: Drawn) -> bytes:
    return to_json(_resource(drawn).document())


def _resource(drawn: Drawn) -> models.QuestionnaireResponse:
    """Return the FHIR representation of a submission."""
    record = drawn.record
    system, code, display = identifiers.TEST_TAG
    tag = [models.Coding(system=system, code=code, display=display)] if record.test else None
    reference = record.booking_reference
    return models.QuestionnaireResponse(
        id=record.id,
        meta=models.Meta(versionId=str(record.version), lastUpdated=stamp(record.updated_at), tag=tag),
        language=record.language,
        extension=[_interruption(each["rule"], each["text"]) for each in drawn.interruptions()] or None,
        identifier=models.Identifier(system=identifiers.BOOKING_REFERENCE, value=reference)
        if reference
        else None,
        questionnaire=identifiers.canonical(record.questionnaire, record.edition),
        status="completed" if record.status == "submitted" else "in-progress",
        authored=stamp(record.submitted_at or record.updated_at),
        item=items(drawn.edition, record.answers["answers"], record.language) or None,
    )


def _interruption(rule: str, text: str) -> models.Extension:
    parts = [models.Extension(url="rule", valueCode=rule), models.Extension(url="text", valueString=text)]
    return models.Extension(url=identifiers.INTERRUPTION, extension=parts)


def _created(kept: str, content: bytes, kind: str, *, replayed: bool) -> Response:
    location = f"{router.prefix}/{kept}"
    headers = etag(1) | {"location": location, "cache-control": "no-store"}
    headers |= {"idempotency-replayed": "true"} if replayed else {}
    return Response(content, 201, headers, kind)
