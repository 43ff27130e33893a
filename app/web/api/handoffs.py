"""/v1/handoffs: one-time links for people who are to fill in the questionnaire before a visit.

Responsible for: creating, reading, revoking and reissuing links for a booking system. Never: shows a link
twice (except as the first answer to the same Idempotency-Key, until something changes), or makes changes
without If-Match.
"""

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic_core import to_json

from app import errors
from app.clock import format_timestamp, now
from app.services.auth.authorization import ApiClient
from app.services.bookings import handoffs
from app.services.bookings.handoffs import NewHandoff
from app.services.idempotency import Claim, Created, KeyringResponses
from app.services.submissions import form_sessions
from app.services.submissions.json_members import member
from app.storage.bookings import handoffs as rows
from app.storage.bookings.handoffs import Handoff
from app.web.api.creation import Prepared, create_once, created_response
from app.web.api.dependencies import (
    ConditionalResponse,
    CurrentServices,
    IdempotencyKey,
    IfMatch,
    RequestId,
    RequireScope,
)
from app.web.dependencies import Services
from app.web.html.links import links
from app.web.http import pagination
from app.web.http.api_route import ApiRoute, describe
from app.web.http.content_negotiation import etag
from app.web.http.responses import LINK, REPLAYED, json_response
from app.web.openapi.document import ETAG, answers, example, header
from app.web.schemas import bookings as schemas
from app.web.schemas.submissions import BookingReference

router = APIRouter(prefix="/v1/handoffs", tags=["bookings"], route_class=ApiRoute)
EXAMPLE = {"booking_reference": "A-1042", "appointment_at": "2027-01-15T14:30:00Z", "language": "es"}
LOCATION = header("Location", "Where the handoff is.")
TIMES = ("appointment_at", "created_at", "updated_at", "expires_at", "revoked_at", "opened_at")
PLAIN = ("id", "booking_reference", "language", "return_url", "is_test", "submission_id")
Json = dict[str, Any]
BookingClient = Annotated[ApiClient, Depends(RequireScope("bookings"))]
CreateClaim = Annotated[Claim | None, Depends(IdempotencyKey("POST /v1/handoffs", resource="handoffs"))]


@router.post(
    "",
    status_code=201,
    response_model=schemas.HandoffCreated,
    responses=answers(201, headers=ETAG | LOCATION | REPLAYED),
    openapi_extra=example(EXAMPLE),
)
async def create(
    body: schemas.HandoffIn,
    services: CurrentServices,
    client: BookingClient,
    claim: CreateClaim,
    request_id: RequestId,
) -> Response:
    """Create a one-time link for a person. `link` is shown only once. 201 only after the commit is durable.

    The first person who opens it starts the questionnaire, which is tied to the booking; the link then opens
    nothing more.
    """
    store = KeyringResponses(services.submissions.vault.keyring)

    def prepare() -> Prepared:
        secret, at = form_sessions.new_secret(), now()
        made = handoffs.build(_wanted(services, body, client), secret, key_id=client.key.id, now=at)
        content = to_json(serialize(made, at) | links(services, secret))
        insert = partial(handoffs.create, handoff=made, actor=client.actor(request_id))
        return Prepared(Created(made.id, content), store, insert)

    return created_response(await create_once(services.database, claim, store, prepare), "/v1/handoffs")


@router.get(
    "",
    operation_id="listed_v1_handoffs_get",
    response_model=schemas.HandoffPage,
    responses=answers(headers=LINK),
)
@describe(errors.InvalidRequest)
async def list_handoffs(
    request: Request,
    services: CurrentServices,
    client: BookingClient,
    booking_reference: Annotated[BookingReference | None, Query()] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Query(max_length=200)] = None,
) -> Response:
    """List links, newest first; their secrets are not included."""
    work = partial(
        rows.page,
        test=client.key.is_test,
        booking_reference=booking_reference,
        after=pagination.decode_id(cursor),
        limit=limit + 1,
    )
    found, at = await services.database.read(work), now()
    following = pagination.next_url_by_id(request, found[limit - 1].id) if len(found) > limit else None
    headers = {"link": f'<{following}>; rel="next"'} if following else {}
    items = [serialize(each, at) for each in found[:limit]]
    return json_response({"items": items, "next": following}, headers=headers)


@router.get("/{handoff}", response_model=schemas.HandoffOut, responses=answers(headers=ETAG))
@describe(errors.NotFound)
async def read(
    handoff: str, services: CurrentServices, client: BookingClient, conditional: ConditionalResponse
) -> Response:
    """Get one link: whether it is waiting, opened, revoked or expired."""
    found = await services.database.read(partial(handoffs.find, handoff=handoff, test=client.key.is_test))
    headers = etag(found.version) | {"cache-control": "no-store"}
    content = to_json(serialize(found, now()))
    if handoffs.state(found, now()) == "expired":  # depends on the clock, so the version stays the same
        return Response(content, headers=headers, media_type="application/json")
    return conditional.respond(content, "application/json", headers)


@router.post("/{handoff}/revoke", response_model=schemas.HandoffOut, responses=answers(headers=ETAG))
@describe(errors.NotFound, errors.Conflict)
async def revoke(
    handoff: str, services: CurrentServices, client: BookingClient, version: IfMatch, request_id: RequestId
) -> Response:
    """Revoke a link: it opens nothing any more. 409 once the questionnaire has been started with it."""
    work = partial(
        handoffs.revoke,
        handoff=handoff,
        test=client.key.is_test,
        version=version,
        now=now(),
        actor=client.actor(request_id),
    )
    found = await services.database.write(work)
    return json_response(serialize(found, now()), headers=etag(found.version))


@router.post("/{handoff}/reissue", response_model=schemas.HandoffCreated, responses=answers(headers=ETAG))
@describe(errors.NotFound, errors.Conflict)
async def reissue(
    handoff: str, services: CurrentServices, client: BookingClient, version: IfMatch, request_id: RequestId
) -> Response:
    """Create a new link to replace one that is lost; the previous link opens nothing any more.

    409 once the questionnaire has been started with it, or the link has been revoked. Then create a new
    handoff, which never opens answers that were given before.
    """
    secret = form_sessions.new_secret()
    work = partial(
        handoffs.reissue,
        handoff=handoff,
        secret=secret,
        test=client.key.is_test,
        version=version,
        now=now(),
        actor=client.actor(request_id),
    )
    found = await services.database.write(work)
    document = serialize(found, now()) | links(services, secret)
    return json_response(document, headers=etag(found.version))


def serialize(handoff: Handoff, at: Any) -> Json:
    """Return the JSON representation of a link, without its secret."""
    times = {name: format_timestamp(given) if (given := getattr(handoff, name)) else None for name in TIMES}
    plain = {member(name): getattr(handoff, name) for name in PLAIN}
    return plain | {"state": handoffs.state(handoff, at)} | times


def _wanted(services: Services, given: schemas.HandoffIn, client: ApiClient) -> NewHandoff:
    """Convert the body to the input of the service. Raises Unprocessable."""
    times = {name: getattr(given, name) for name in ("appointment_at", "expires_at")}
    return NewHandoff(
        given.booking_reference,
        language=given.language,
        return_url=given.return_url,
        test=client.key.is_test,
        returns=services.settings.return_origins,
        **{name: pagination.parse_timestamp(name, text) for name, text in times.items() if text is not None},
    )
