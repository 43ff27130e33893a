"""/v1/webhook-endpoints: where an API client receives events, and the state of the deliveries.

Responsible for: creating, changing, testing, pausing and removing endpoints; rotating their secrets; listing
and repeating deliveries. Never: shows a secret twice (except as the first answer to the same Idempotency-Key,
until it is changed), makes changes without If-Match, or shows what a receiver answered.
"""

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from pydantic_core import to_json

from app import errors
from app.clock import format_timestamp, now
from app.services import idempotency
from app.services.auth.authorization import ApiClient, has_scope, require_scope
from app.services.events import webhook_endpoints
from app.services.events.webhook_endpoints import EndpointCommand, NewWebhookEndpoint
from app.services.idempotency import Claim
from app.storage.db.database import Session
from app.storage.events import webhook_deliveries as rows
from app.storage.events import webhook_endpoints as places
from app.storage.events.webhook_deliveries import PENDING, Delivery, DeliveryAttempt
from app.storage.events.webhook_endpoints import Endpoint
from app.web.dependencies import Services, get_services, request_id
from app.web.http import pagination
from app.web.http.content_negotiation import etag, if_match
from app.web.http.request_body import read_json
from app.web.http.responses import (
    BODY_PROBLEMS,
    IDEMPOTENCY_KEY_PATTERN,
    LINK,
    READ_PROBLEMS,
    REPLAYED,
    WRITE_PROBLEMS,
    json_response,
)
from app.web.openapi.document import (
    ETAG,
    IDEMPOTENCY_KEY,
    IF_MATCH,
    MERGE_PATCH,
    answers,
    body,
    header,
    problems,
)
from app.web.schemas import webhooks as schemas

router = APIRouter(prefix="/v1/webhook-endpoints", tags=["webhooks"])
EXAMPLE = {"url": "https://book.clinic.example/hooks/preconsult", "types": ["submission.submitted"]}
ASKING: dict[str, Any] = {"security": [{"api_key": []}]}
CREATE = b"POST /v1/webhook-endpoints\n"
LOCATION = header("Location", "Where the endpoint is.")
Json = dict[str, Any]


@router.post(
    "",
    status_code=201,
    response_model=schemas.EndpointCreated,
    openapi_extra=body(schemas.EndpointIn, example=EXAMPLE) | ASKING | {"parameters": [IDEMPOTENCY_KEY]},
    responses=answers(201, headers=ETAG | LOCATION | REPLAYED)
    | problems(
        *BODY_PROBLEMS, errors.Unauthenticated, errors.Forbidden, errors.Conflict,
        errors.InFlight, errors.Gone, errors.InvalidRequest, errors.IdempotencyKeyReused, errors.Unavailable,
    ),
)  # fmt: skip
async def create(request: Request) -> Response:
    """Create an endpoint. `secret` is shown only once: the receiver verifies each signature with it.

    Names are resolved when an event is sent; nothing is sent to an address that is not public.
    """
    here, principal, turn = await _turn(request)
    given, raw = await read_json(request, schemas.EndpointIn)
    wanted = NewWebhookEndpoint(given.url, given.types, given.description, given.attention)
    claim = _claim(request, principal, raw)
    work = partial(_create, here=here, claim=claim, turn=turn, wanted=wanted, test=principal.key.test)
    made, content, replayed = await here.database.write(work)
    headers = etag(1) | {"location": f"/v1/webhook-endpoints/{made}", "cache-control": "no-store"}
    headers |= {"idempotency-replayed": "true"} if replayed else {}
    return Response(content, 201, headers, "application/json")


def _create(
    session: Session,
    *,
    here: Services,
    claim: Claim | None,
    turn: EndpointCommand,
    wanted: NewWebhookEndpoint,
    test: bool,
) -> tuple[str, bytes, bool]:
    """Return (id, response, whether it repeats the first response), in one transaction."""
    keyring = here.submissions.vault.keyring
    if claim:
        places.lock_table(session)  # of two concurrent requests, the second gets the first answer
    again = idempotency.replay_made(session, keyring, claim) if claim else None
    if again is not None:
        return (*again, True)
    made, secret = webhook_endpoints.create(session, keyring, here.address_policy, turn, wanted, test=test)
    content = to_json(document(made) | {"secret": secret})
    if claim and not idempotency.remember_made(session, keyring, claim, made.id, content, now=turn.now):
        raise errors.InFlight("Another request with this key was just carried out; try again.", retry_after=1)
    return made.id, content, False


@router.get(
    "",
    operation_id="listed_v1_webhook_endpoints_get",
    response_model=schemas.EndpointList,
    openapi_extra=ASKING,
    responses=answers() | problems(errors.Unauthenticated, errors.Forbidden, errors.Unavailable),
)
async def list_endpoints(request: Request) -> Response:
    """List every endpoint; secrets are not included."""
    here, _, turn = await _turn(request)
    found = await here.database.read(partial(webhook_endpoints.list_endpoints, turn=turn))
    return json_response({"items": [document(each) for each in found]})


@router.get(
    "/{endpoint}",
    response_model=schemas.EndpointOut,
    openapi_extra=ASKING,
    responses=answers(headers=ETAG) | problems(*READ_PROBLEMS),
)
async def read(request: Request, endpoint: str) -> Response:
    """Get one endpoint: which events it receives, and whether it is paused or failing."""
    here, _, turn = await _turn(request)
    return _response(
        await here.database.read(partial(webhook_endpoints.get_endpoint, turn=turn, endpoint=endpoint))
    )


@router.patch(
    "/{endpoint}",
    response_model=schemas.EndpointOut,
    openapi_extra=body(
        schemas.EndpointPatch, example={"paused": False}, media_types=("application/json", MERGE_PATCH)
    )
    | ASKING
    | {"parameters": [IF_MATCH]},
    responses=answers(headers=ETAG) | problems(*WRITE_PROBLEMS, *BODY_PROBLEMS, errors.InvalidRequest),
)
async def change(request: Request, endpoint: str) -> Response:
    """Change the URL, event types or description of an endpoint, or pause or resume it.

    After it is resumed or its URL changes, the events that waited for it are sent at once.
    """
    here, _, turn = await _turn(request, changing=True)
    patch, _ = await read_json(request, schemas.EndpointPatch, also=(MERGE_PATCH,))
    given = patch.model_dump(exclude_unset=True)
    for name, empty in (("types", []), ("description", "")):
        if name in given and given[name] is None:
            given[name] = empty
    work = partial(
        webhook_endpoints.update, reach=here.address_policy, turn=turn, endpoint=endpoint, given=given
    )
    return _response(await here.database.write(work))


@router.delete(
    "/{endpoint}",
    status_code=204,
    openapi_extra=ASKING | {"parameters": [IF_MATCH]},
    responses=problems(*WRITE_PROBLEMS),
)
async def remove(request: Request, endpoint: str) -> Response:
    """Remove an endpoint, with everything that waits for it and the record of its deliveries."""
    here, _, turn = await _turn(request, changing=True)
    await here.database.write(partial(webhook_endpoints.delete, turn=turn, endpoint=endpoint))
    return Response(status_code=204, headers={"cache-control": "no-store"})


@router.post(
    "/{endpoint}/rotate-secret",
    response_model=schemas.EndpointCreated,
    openapi_extra=ASKING | {"parameters": [IF_MATCH]},
    responses=answers(headers=ETAG) | problems(*WRITE_PROBLEMS),
)
async def rotate(request: Request, endpoint: str) -> Response:
    """Create a new secret, shown only once.

    The previous secret also signs for 24 hours, so that no event is missed.
    """
    here, _, turn = await _turn(request, changing=True)
    work = partial(
        webhook_endpoints.rotate_secret, keyring=here.submissions.vault.keyring, turn=turn, endpoint=endpoint
    )
    found, secret = await here.database.write(work)
    return json_response(document(found) | {"secret": secret}, headers=etag(found.version))


@router.post(
    "/{endpoint}/test",
    status_code=202,
    response_model=schemas.DeliveryOut,
    openapi_extra=ASKING,
    responses=answers(202) | problems(*READ_PROBLEMS, errors.Conflict),
)
async def send_test(request: Request, endpoint: str) -> Response:
    """Send an event of type `webhook.test`, which carries no information and is not in the event feed."""
    here, _, turn = await _turn(request)
    made = await here.database.write(partial(webhook_endpoints.send_test, turn=turn, endpoint=endpoint))
    return _accepted(made, [])


@router.get(
    "/{endpoint}/deliveries",
    response_model=schemas.DeliveryPage,
    openapi_extra=ASKING,
    responses=answers(headers=LINK) | problems(*READ_PROBLEMS, errors.InvalidRequest),
)
async def deliveries(
    request: Request,
    endpoint: str,
    state: schemas.Delivered | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Query(max_length=200)] = None,
) -> Response:
    """List deliveries with the outcome of each attempt, newest first. They are retained for 30 days."""
    here, _, turn = await _turn(request)
    after = pagination.decode_id(cursor)
    work = partial(_deliveries, turn=turn, endpoint=endpoint, state=state, after=after, limit=limit + 1)
    found = await here.database.read(work)
    following = pagination.next_url_by_id(request, found[limit - 1][0].id) if len(found) > limit else None
    headers = {"link": f'<{following}>; rel="next"'} if following else {}
    return json_response(
        {"items": [serialize_delivery(*each) for each in found[:limit]], "next": following}, headers=headers
    )


@router.post(
    "/{endpoint}/deliveries/{delivery}/redeliver",
    status_code=202,
    response_model=schemas.DeliveryOut,
    openapi_extra=ASKING,
    responses=answers(202) | problems(*READ_PROBLEMS, errors.Conflict),
)
async def redeliver(request: Request, endpoint: str, delivery: str) -> Response:
    """Send the event again at once, with the same event id and body. 409 while the delivery is pending."""
    here, _, turn = await _turn(request)
    again = partial(webhook_endpoints.redeliver, turn=turn, endpoint=endpoint, delivery=delivery)
    found = await here.database.write(again)
    tried = await here.database.read(partial(rows.attempts, delivery_ids=[found.id]))
    return _accepted(found, tried[found.id])


def document(endpoint: Endpoint) -> Json:
    """Return the JSON representation of an endpoint, without its secrets."""
    plain = {name: getattr(endpoint, name) for name in ("id", "url", "types", "description", "test")}
    times = ("paused_at", "failing_since", "created_at", "updated_at")
    return plain | {
        "attention": endpoint.restricted,
        "paused": endpoint.paused_at is not None,
        "paused_because": endpoint.paused_because,
        "former_secret_until": _stamp(endpoint.former_until),
        **{name: _stamp(getattr(endpoint, name)) for name in times},
    }


def serialize_delivery(delivery: Delivery, tried: list[DeliveryAttempt]) -> Json:
    """Return the JSON representation of a delivery."""
    plain = {name: getattr(delivery, name) for name in ("id", "event_id", "type", "state", "tries")}
    following = delivery.next_try_at if delivery.state == PENDING else None
    times = {"created_at": delivery.created_at, "next_try_at": following, "done_at": delivery.done_at}
    return (
        plain
        | {name: _stamp(at) for name, at in times.items()}
        | {"attempts": [_try(each) for each in tried]}
    )


async def _turn(request: Request, *, changing: bool = False) -> tuple[Services, ApiClient, EndpointCommand]:
    """Return the context of a request. Raises Unauthenticated, Forbidden, and as `if_match` for a change."""
    here = get_services(request)
    principal = require_scope(await here.authenticator.authenticate(request), "webhooks")
    version = if_match(request) if changing else None
    seeing = has_scope(principal, "review")
    actor = principal.actor(request_id(request))
    return (
        here,
        principal,
        EndpointCommand(actor, now(), principal.key.test, attention=seeing, version=version),
    )


def _claim(request: Request, principal: ApiClient, raw: bytes) -> Claim | None:
    key = request.headers.get("idempotency-key")
    if key is None:
        return None
    if not IDEMPOTENCY_KEY_PATTERN.fullmatch(key):
        raise errors.InvalidRequest("An Idempotency-Key has 8 to 255 visible ASCII characters, and no space.")
    return Claim.from_request(f"{principal.key.id} webhook-endpoints", key, CREATE + raw)


def _deliveries(
    session: Session,
    *,
    turn: EndpointCommand,
    endpoint: str,
    state: str | None,
    after: str | None,
    limit: int,
) -> list[tuple[Delivery, list[DeliveryAttempt]]]:
    webhook_endpoints.get_endpoint(session, turn, endpoint)
    found = rows.page(session, endpoint, state=state, after=after, limit=limit)
    tried = rows.attempts(session, [each.id for each in found])
    return [(each, tried[each.id]) for each in found]


def _response(endpoint: Endpoint) -> Response:
    return json_response(document(endpoint), headers=etag(endpoint.version))


def _accepted(delivery: Delivery, tried: list[DeliveryAttempt]) -> Response:
    content = to_json(serialize_delivery(delivery, tried))
    return Response(content, 202, {"cache-control": "no-store"}, "application/json")


def _try(attempt: DeliveryAttempt) -> Json:
    plain = {name: getattr(attempt, name) for name in ("status", "latency_ms", "error")}
    return {"at": _stamp(attempt.at)} | plain


def _stamp(at: Any) -> str | None:
    return None if at is None else format_timestamp(at)
