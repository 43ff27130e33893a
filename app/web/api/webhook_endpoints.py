"""/v1/webhook-endpoints: where an API client receives events, and the state of the deliveries.

Responsible for: creating, changing, testing, pausing and removing endpoints; rotating their secrets; listing
and repeating deliveries. Never: shows a secret twice (except as the first answer to the same Idempotency-Key,
until it is changed), makes changes without If-Match, or shows what a receiver answered.
"""

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic_core import to_json

from app import errors
from app.clock import format_timestamp, now
from app.services.auth.authorization import ApiClient, has_scope
from app.services.events import webhook_endpoints
from app.services.events.webhook_endpoints import EndpointCommand, NewWebhookEndpoint
from app.services.idempotency import Claim, Created, KeyringResponses
from app.storage.db.database import Session
from app.storage.events import webhook_deliveries as rows
from app.storage.events.webhook_deliveries import PENDING, Delivery, DeliveryAttempt
from app.storage.events.webhook_endpoints import Endpoint
from app.web.api.creation import Prepared, create_once, created_response
from app.web.api.dependencies import CurrentServices, IdempotencyKey, IfMatch, RequestId, RequireScope
from app.web.http import pagination
from app.web.http.api_route import ApiRoute, describe
from app.web.http.content_negotiation import etag
from app.web.http.responses import LINK, REPLAYED, json_response
from app.web.openapi.document import ETAG, JSON_OR_PATCH, answers, example, header
from app.web.schemas import webhooks as schemas

router = APIRouter(prefix="/v1/webhook-endpoints", tags=["webhooks"], route_class=ApiRoute)
EXAMPLE = {"url": "https://book.clinic.example/hooks/preconsult", "types": ["submission.submitted"]}
LOCATION = header("Location", "Where the endpoint is.")
Json = dict[str, Any]
WebhookClient = Annotated[ApiClient, Depends(RequireScope("webhooks"))]
CreateClaim = Annotated[
    Claim | None, Depends(IdempotencyKey("POST /v1/webhook-endpoints", resource="webhook-endpoints"))
]


async def _command(client: WebhookClient, request_id: RequestId) -> EndpointCommand:
    """Return the context of a request that needs no version."""
    actor, attention = client.actor(request_id), has_scope(client, "review")
    return EndpointCommand(actor, now(), client.key.is_test, attention=attention)


async def _change(client: WebhookClient, request_id: RequestId, version: IfMatch) -> EndpointCommand:
    """Return the context of a change, at the version in If-Match."""
    actor, attention = client.actor(request_id), has_scope(client, "review")
    return EndpointCommand(actor, now(), client.key.is_test, attention=attention, version=version)


Command = Annotated[EndpointCommand, Depends(_command)]
Change = Annotated[EndpointCommand, Depends(_change)]


@router.post(
    "",
    status_code=201,
    response_model=schemas.EndpointCreated,
    responses=answers(201, headers=ETAG | LOCATION | REPLAYED),
    openapi_extra=example(EXAMPLE),
)
@describe(errors.Conflict)
async def create(
    body: schemas.EndpointIn,
    services: CurrentServices,
    client: WebhookClient,
    claim: CreateClaim,
    command: Command,
) -> Response:
    """Create an endpoint. `secret` is shown only once: the receiver verifies each signature with it.

    Names are resolved when an event is sent; nothing is sent to an address that is not public.
    """
    keyring, policy = services.submissions.vault.keyring, services.address_policy
    wanted = NewWebhookEndpoint(body.url, body.types, body.description, body.attention)
    store = KeyringResponses(keyring)

    def prepare() -> Prepared:
        new, secret = webhook_endpoints.prepare(keyring, policy, command, wanted, test=client.key.is_test)
        content = to_json(serialize(new) | {"secret": secret})
        insert = partial(webhook_endpoints.insert, new=new, command=command)
        return Prepared(Created(new.id, content), store, insert)

    created = await create_once(services.database, claim, store, prepare)
    return created_response(created, "/v1/webhook-endpoints")


@router.get(
    "",
    operation_id="listed_v1_webhook_endpoints_get",
    response_model=schemas.EndpointList,
    responses=answers(),
)
async def list_endpoints(services: CurrentServices, command: Command) -> Response:
    """List every endpoint; secrets are not included."""
    found = await services.database.read(partial(webhook_endpoints.list_endpoints, turn=command))
    return json_response({"items": [serialize(each) for each in found]})


@router.get("/{endpoint}", response_model=schemas.EndpointOut, responses=answers(headers=ETAG))
@describe(errors.NotFound)
async def read(endpoint: str, services: CurrentServices, command: Command) -> Response:
    """Get one endpoint: which events it receives, and whether it is paused or failing."""
    work = partial(webhook_endpoints.get_endpoint, turn=command, endpoint=endpoint)
    return _response(await services.database.read(work))


@router.patch(
    "/{endpoint}",
    response_model=schemas.EndpointOut,
    responses=answers(headers=ETAG),
    openapi_extra=example({"paused": False}, model=schemas.EndpointPatch, media_types=JSON_OR_PATCH),
)
@describe(errors.NotFound)
async def change(
    endpoint: str, body: schemas.EndpointPatch, services: CurrentServices, command: Change
) -> Response:
    """Change the URL, event types or description of an endpoint, or pause or resume it.

    After it is resumed or its URL changes, the events that waited for it are sent at once.
    """
    given = body.model_dump(exclude_unset=True)
    for name, empty in (("types", []), ("description", "")):
        if name in given and given[name] is None:
            given[name] = empty
    policy = services.address_policy
    work = partial(webhook_endpoints.update, reach=policy, turn=command, endpoint=endpoint, given=given)
    return _response(await services.database.write(work))


@router.delete("/{endpoint}", status_code=204)
@describe(errors.NotFound)
async def remove(endpoint: str, services: CurrentServices, command: Change) -> Response:
    """Remove an endpoint, with everything that waits for it and the record of its deliveries."""
    await services.database.write(partial(webhook_endpoints.delete, turn=command, endpoint=endpoint))
    return Response(status_code=204, headers={"cache-control": "no-store"})


@router.post(
    "/{endpoint}/rotate-secret", response_model=schemas.EndpointCreated, responses=answers(headers=ETAG)
)
@describe(errors.NotFound)
async def rotate(endpoint: str, services: CurrentServices, command: Change) -> Response:
    """Create a new secret, shown only once.

    The previous secret also signs for 24 hours, so that no event is missed.
    """
    keyring = services.submissions.vault.keyring
    work = partial(webhook_endpoints.rotate_secret, keyring=keyring, turn=command, endpoint=endpoint)
    found, secret = await services.database.write(work)
    return json_response(serialize(found) | {"secret": secret}, headers=etag(found.version))


@router.post("/{endpoint}/test", status_code=202, response_model=schemas.DeliveryOut, responses=answers(202))
@describe(errors.NotFound, errors.Conflict)
async def send_test(endpoint: str, services: CurrentServices, command: Command) -> Response:
    """Send an event of type `webhook.test`, which carries no information and is not in the event feed."""
    work = partial(webhook_endpoints.send_test, turn=command, endpoint=endpoint)
    return _accepted(await services.database.write(work), [])


@router.get("/{endpoint}/deliveries", response_model=schemas.DeliveryPage, responses=answers(headers=LINK))
@describe(errors.NotFound, errors.InvalidRequest)
async def deliveries(
    request: Request,
    endpoint: str,
    services: CurrentServices,
    command: Command,
    state: schemas.Delivered | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Query(max_length=200)] = None,
) -> Response:
    """List deliveries with the outcome of each attempt, newest first. They are retained for 30 days."""
    after = pagination.decode_id(cursor)
    work = partial(_deliveries, turn=command, endpoint=endpoint, state=state, after=after, limit=limit + 1)
    found = await services.database.read(work)
    following = pagination.next_url_by_id(request, found[limit - 1][0].id) if len(found) > limit else None
    headers = {"link": f'<{following}>; rel="next"'} if following else {}
    items = [serialize_delivery(*each) for each in found[:limit]]
    return json_response({"items": items, "next": following}, headers=headers)


@router.post(
    "/{endpoint}/deliveries/{delivery}/redeliver",
    status_code=202,
    response_model=schemas.DeliveryOut,
    responses=answers(202),
)
@describe(errors.NotFound, errors.Conflict)
async def redeliver(endpoint: str, delivery: str, services: CurrentServices, command: Command) -> Response:
    """Send the event again at once, with the same event id and body. 409 while the delivery is pending."""
    work = partial(webhook_endpoints.redeliver, turn=command, endpoint=endpoint, delivery=delivery)
    found = await services.database.write(work)
    attempts = await services.database.read(partial(rows.attempts, delivery_ids=[found.id]))
    return _accepted(found, attempts[found.id])


def serialize(endpoint: Endpoint) -> Json:
    """Return the JSON representation of an endpoint, without its secrets."""
    plain = {name: getattr(endpoint, name) for name in ("id", "url", "types", "description")}
    times = ("paused_at", "failing_since", "created_at", "updated_at")
    return plain | {
        "test": endpoint.is_test,
        "attention": endpoint.requires_review_scope,
        "paused": endpoint.paused_at is not None,
        "paused_because": endpoint.paused_reason,
        "former_secret_until": _stamp(endpoint.previous_secret_expires_at),
        **{name: _stamp(getattr(endpoint, name)) for name in times},
    }


def serialize_delivery(delivery: Delivery, tried: list[DeliveryAttempt]) -> Json:
    """Return the JSON representation of a delivery."""
    plain = {name: getattr(delivery, name) for name in ("id", "event_id", "type", "state")}
    following = delivery.next_attempt_at if delivery.state == PENDING else None
    times = {"created_at": delivery.created_at, "next_try_at": following, "done_at": delivery.finished_at}
    return (
        plain
        | {"tries": delivery.attempt_count}
        | {name: _stamp(at) for name, at in times.items()}
        | {"attempts": [_try(each) for each in tried]}
    )


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
    return json_response(serialize(endpoint), headers=etag(endpoint.version))


def _accepted(delivery: Delivery, tried: list[DeliveryAttempt]) -> Response:
    content = to_json(serialize_delivery(delivery, tried))
    return Response(content, 202, {"cache-control": "no-store"}, "application/json")


def _try(attempt: DeliveryAttempt) -> Json:
    plain = {name: getattr(attempt, name) for name in ("status", "latency_ms", "error")}
    return {"at": _stamp(attempt.attempted_at)} | plain


def _stamp(at: Any) -> str | None:
    return None if at is None else format_timestamp(at)
