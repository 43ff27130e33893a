"""/v1/handoffs: one-time links for people who are to fill in the questionnaire before a visit.

Responsible for: creating, reading, revoking and reissuing links for a booking system. Never: shows a link
twice (except as the first answer to the same Idempotency-Key, until something changes), or makes changes
without If-Match.
"""

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from pydantic_core import to_json

from app import errors
from app.clock import format_timestamp, now
from app.encryption import Keyring
from app.services import idempotency
from app.services.auth.authorization import ApiClient, require_scope
from app.services.bookings import handoffs
from app.services.bookings.handoffs import NewHandoff
from app.services.idempotency import Claim
from app.services.submissions import form_sessions
from app.storage.bookings import handoffs as rows
from app.storage.bookings.handoffs import Handoff
from app.storage.db.database import Session
from app.storage.events.audit_log import Actor
from app.web.dependencies import Services, get_services, request_id
from app.web.html.links import links
from app.web.http import pagination
from app.web.http.content_negotiation import conditional, etag, if_match
from app.web.http.request_body import read_json
from app.web.http.responses import BODY_PROBLEMS, IDEMPOTENCY_KEY_PATTERN, LINK, REPLAYED, json_response
from app.web.openapi.document import (
    ETAG,
    IDEMPOTENCY_KEY,
    IF_MATCH,
    IF_NONE_MATCH,
    UNCHANGED,
    answers,
    body,
    header,
    problems,
)
from app.web.schemas import bookings as schemas
from app.web.schemas.submissions import BookingReference

router = APIRouter(prefix="/v1/handoffs", tags=["bookings"])
EXAMPLE = {"booking_reference": "A-1042", "appointment_at": "2027-01-15T14:30:00Z", "language": "es"}
ASKING: dict[str, Any] = {"security": [{"api_key": []}]}
READING = (errors.Unauthenticated, errors.Forbidden, errors.NotFound, errors.Unavailable)
CHANGING = (
    *READING, errors.PreconditionFailed, errors.PreconditionRequired, errors.Conflict, errors.InFlight,
)  # fmt: skip
LOCATION = header("Location", "Where the handoff is.")
TIMES = ("appointment_at", "created_at", "updated_at", "expires_at", "revoked_at", "opened_at")
PLAIN = ("id", "booking_reference", "language", "return_url", "test", "submission_id")
Json = dict[str, Any]


@router.post(
    "",
    status_code=201,
    response_model=schemas.HandoffCreated,
    openapi_extra=body(schemas.HandoffIn, example=EXAMPLE) | ASKING | {"parameters": [IDEMPOTENCY_KEY]},
    responses=answers(201, headers=ETAG | LOCATION | REPLAYED)
    | problems(
        *BODY_PROBLEMS, errors.Unauthenticated, errors.Forbidden, errors.InFlight, errors.Gone,
        errors.InvalidRequest, errors.IdempotencyKeyReused, errors.Unavailable,
    ),
)  # fmt: skip
async def create(request: Request) -> Response:
    """Create a one-time link for a person. `link` is shown only once. 201 only after the commit is durable.

    The first person who opens it starts the questionnaire, which is tied to the booking; the link then opens
    nothing more.
    """
    here = get_services(request)
    principal = require_scope(await here.authenticator.authenticate(request), "bookings")
    given, raw = await read_json(request, schemas.HandoffIn)
    claim, secret, at = _claim(request, principal, raw), form_sessions.new_secret(), now()
    try:
        made = handoffs.build(_wanted(here, given, principal), secret, key_id=principal.key.id, now=at)
    except errors.InvalidRequest:  # a time in it may have passed since the first request
        if claim is None:
            raise
        again = await here.database.read(
            partial(idempotency.replay_made, keyring=here.submissions.vault.keyring, claim=claim)
        )
        if again is None:
            raise
        return _created(*again, replayed=True)
    content = to_json(serialize(made, at) | links(here, secret))
    actor, keyring = principal.actor(request_id(request)), here.submissions.vault.keyring
    keeping = partial(_create, keyring=keyring, claim=claim, made=made, content=content, actor=actor)
    kept, content, replayed = await here.database.write(keeping)
    return _created(kept, content, replayed=replayed)


def _create(
    session: Session, *, keyring: Keyring, claim: Claim | None, made: Handoff, content: bytes, actor: Actor
) -> tuple[str, bytes, bool]:
    """Return (id, response, whether it repeats the first response), in one transaction."""
    at = made.created_at
    if claim and not idempotency.remember_made(session, keyring, claim, made.id, content, now=at):
        again = idempotency.replay_made(session, keyring, claim)
        if again is None:
            raise errors.InFlight("Another request with this key was just undone; try again.", retry_after=1)
        return (*again, True)
    handoffs.create(session, made, actor=actor)
    return made.id, content, False


def _created(kept: str, content: bytes, *, replayed: bool) -> Response:
    headers = etag(1) | {"location": f"/v1/handoffs/{kept}", "cache-control": "no-store"}
    headers |= {"idempotency-replayed": "true"} if replayed else {}
    return Response(content, 201, headers, "application/json")


@router.get(
    "",
    operation_id="listed_v1_handoffs_get",
    response_model=schemas.HandoffPage,
    openapi_extra=ASKING,
    responses=answers(headers=LINK)
    | problems(errors.Unauthenticated, errors.Forbidden, errors.InvalidRequest, errors.Unavailable),
)
async def list_handoffs(
    request: Request,
    booking_reference: Annotated[BookingReference | None, Query()] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Query(max_length=200)] = None,
) -> Response:
    """List links, newest first; their secrets are not included."""
    here = get_services(request)
    principal = require_scope(await here.authenticator.authenticate(request), "bookings")
    work = partial(
        rows.page,
        test=principal.key.test,
        booking_reference=booking_reference,
        after=pagination.decode_id(cursor),
        limit=limit + 1,
    )
    found, at = await here.database.read(work), now()
    following = pagination.next_url_by_id(request, found[limit - 1].id) if len(found) > limit else None
    headers = {"link": f'<{following}>; rel="next"'} if following else {}
    items = [serialize(each, at) for each in found[:limit]]
    return json_response({"items": items, "next": following}, headers=headers)


@router.get(
    "/{handoff}",
    response_model=schemas.HandoffOut,
    openapi_extra=ASKING | {"parameters": [IF_NONE_MATCH]},
    responses=answers(headers=ETAG) | UNCHANGED | problems(*READING),
)
async def read(request: Request, handoff: str) -> Response:
    """Get one link: whether it is waiting, opened, revoked or expired."""
    here = get_services(request)
    principal = require_scope(await here.authenticator.authenticate(request), "bookings")
    found = await here.database.read(partial(handoffs.find, handoff=handoff, test=principal.key.test))
    headers, told = etag(found.version) | {"cache-control": "no-store"}, to_json(serialize(found, now()))
    if handoffs.state(found, now()) == "expired":  # depends on the clock, so the version stays the same
        return Response(told, headers=headers, media_type="application/json")
    return conditional(request, told, "application/json", headers)


@router.post(
    "/{handoff}/revoke",
    response_model=schemas.HandoffOut,
    openapi_extra=ASKING | {"parameters": [IF_MATCH]},
    responses=answers(headers=ETAG) | problems(*CHANGING),
)
async def revoke(request: Request, handoff: str) -> Response:
    """Revoke a link: it opens nothing any more. 409 once the questionnaire has been started with it."""
    here = get_services(request)
    principal = require_scope(await here.authenticator.authenticate(request), "bookings")
    work = partial(
        handoffs.revoke,
        handoff=handoff,
        test=principal.key.test,
        version=if_match(request),
        now=now(),
        actor=principal.actor(request_id(request)),
    )
    found = await here.database.write(work)
    return json_response(serialize(found, now()), headers=etag(found.version))


@router.post(
    "/{handoff}/reissue",
    response_model=schemas.HandoffCreated,
    openapi_extra=ASKING | {"parameters": [IF_MATCH]},
    responses=answers(headers=ETAG) | problems(*CHANGING),
)
async def reissue(request: Request, handoff: str) -> Response:
    """Create a new link to replace one that is lost; the previous link opens nothing any more.

    409 once the questionnaire has been started with it, or the link has been revoked. Then create a new
    handoff, which never opens answers that were given before.
    """
    here, secret = get_services(request), form_sessions.new_secret()
    principal = require_scope(await here.authenticator.authenticate(request), "bookings")
    work = partial(
        handoffs.reissue,
        handoff=handoff,
        secret=secret,
        test=principal.key.test,
        version=if_match(request),
        now=now(),
        actor=principal.actor(request_id(request)),
    )
    found = await here.database.write(work)
    return json_response(serialize(found, now()) | links(here, secret), headers=etag(found.version))


def serialize(handoff: Handoff, at: Any) -> Json:
    """Return the JSON representation of a link, without its secret."""
    times = {name: format_timestamp(given) if (given := getattr(handoff, name)) else None for name in TIMES}
    plain = {name: getattr(handoff, name) for name in PLAIN}
    return plain | {"state": handoffs.state(handoff, at)} | times


def _wanted(here: Services, given: schemas.HandoffIn, principal: ApiClient) -> NewHandoff:
    """Convert the body to the input of the service. Raises Unprocessable."""
    times = {name: getattr(given, name) for name in ("appointment_at", "expires_at")}
    return NewHandoff(
        given.booking_reference,
        language=given.language,
        return_url=given.return_url,
        test=principal.key.test,
        returns=here.settings.return_origins,
        **{name: pagination.parse_timestamp(name, text) for name, text in times.items() if text is not None},
    )


def _claim(request: Request, principal: ApiClient, raw: bytes) -> Claim | None:
    key = request.headers.get("idempotency-key")
    if key is None:
        return None
    if not IDEMPOTENCY_KEY_PATTERN.fullmatch(key):
        raise errors.InvalidRequest("An Idempotency-Key has 8 to 255 visible ASCII characters, and no space.")
    return Claim.from_request(f"{principal.key.id} handoffs", key, b"POST /v1/handoffs\n" + raw)
