"""Webhook endpoints: created, changed, tested, paused and removed; their secrets.

Responsible for: which events an endpoint may receive, which secrets sign, and an audit event for each
operation. Never: accepts URLs that webhooks may not be sent to, or reveals an endpoint that receives
attention events to a caller who may not see them (NotFound).
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from uuid_utils import uuid7

from app.adapters import webhook_signature
from app.adapters.address_policy import AddressPolicy, BlockedAddress, WebhookUrl
from app.encryption import Keyring
from app.errors import Conflict, FieldError, Forbidden, InvalidRequest, NotFound, PreconditionFailed
from app.services import idempotency
from app.services.events.event_types import RESTRICTED, TEST, TYPES
from app.storage.db.database import Session
from app.storage.events import audit_log, webhook_deliveries, webhook_endpoints
from app.storage.events.audit_log import Actor, AuditAction
from app.storage.events.webhook_deliveries import PENDING, Delivery
from app.storage.events.webhook_endpoints import Endpoint
from app.storage.submissions.submissions import ID

MAX_ENDPOINTS = 20  # of live endpoints, and as many of test endpoints
PREVIOUS_SECRET_TTL = dt.timedelta(hours=24)  # how long the previous secret signs too
MAX_DESCRIPTION_LENGTH = 200
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class NewWebhookEndpoint:
    """A new endpoint; empty `types` means all. `attention`: send it attention events too."""

    url: str
    types: Sequence[str] = ()
    description: str = ""
    attention: bool = False


@dataclass(frozen=True, slots=True)
class EndpointCommand:
    """The context of a command on webhook endpoints.

    `test`: the mode that the caller may see, None for both; `attention`: whether the caller may see attention
    events. `version`: the version of the endpoint that the caller acts on; None for any.
    """

    actor: Actor
    now: dt.datetime
    test: bool | None = None
    attention: bool = False
    version: int | None = None


# --- commands --------------------------------------------------------------------------------------


def create(
    session: Session,
    keyring: Keyring,
    reach: AddressPolicy,
    turn: EndpointCommand,
    wanted: NewWebhookEndpoint,
    *,
    test: bool,
) -> tuple[Endpoint, str]:
    """Create an endpoint; return it with its secret, to be shown once. Raises as `prepare` and `insert`."""
    new, secret = prepare(keyring, reach, turn, wanted, test=test)
    insert(session, new, turn)
    return new, secret


def prepare(
    keyring: Keyring, reach: AddressPolicy, turn: EndpointCommand, wanted: NewWebhookEndpoint, *, test: bool
) -> tuple[Endpoint, str]:
    """Return a new endpoint, not stored yet, and its secret. Raises InvalidRequest and Forbidden."""
    if wanted.attention and not turn.attention:
        raise Forbidden("To be told of attention needs an API key with the scope review.")
    _check(wanted.url, wanted.types, wanted.description, reach, attention=wanted.attention)
    made, secret = str(uuid7()), webhook_signature.new_secret()
    new = Endpoint(
        id=made,
        url=wanted.url,
        types=tuple(wanted.types),
        description=wanted.description,
        is_test=test,
        requires_review_scope=wanted.attention,
        secret=_sealed(keyring, made, secret),
        previous_secret=None,
        previous_secret_expires_at=None,
        version=1,
        created_at=turn.now,
        updated_at=turn.now,
    )
    return new, secret


def insert(session: Session, new: Endpoint, command: EndpointCommand) -> None:
    """Store a new endpoint. Raises Conflict when there are as many as may be."""
    webhook_endpoints.lock_table(session)
    if webhook_endpoints.count(session, test=new.is_test) >= MAX_ENDPOINTS:
        raise Conflict(f"There are {MAX_ENDPOINTS} endpoints already; remove one first.")
    webhook_endpoints.insert(session, new)
    _on_record(session, command, "endpoint.created", new.id)


def update(
    session: Session, reach: AddressPolicy, turn: EndpointCommand, endpoint: str, given: Mapping[str, Any]
) -> Endpoint:
    """Change url, types or description, or pause and resume; members missing from `given` stay unchanged.

    When it is resumed, or gets another URL, the waiting deliveries are sent immediately. Raises NotFound,
    PreconditionFailed and Unprocessable.
    """
    found = get_endpoint(session, turn, endpoint, lock=True)
    values = {name: given[name] for name in ("url", "types", "description") if name in given}
    merged = {"url": found.url, "types": found.types, "description": found.description} | values
    if values:
        _check(**merged, reach=reach, attention=found.requires_review_scope)
        webhook_endpoints.change(session, endpoint, **values | {"types": tuple(merged["types"])})
        if merged["url"] != found.url:
            _begin_anew(session, turn, endpoint)
        _on_record(session, turn, "endpoint.changed", endpoint)
    turned = "paused" in given and given["paused"] != (found.paused_at is not None)
    if turned:
        _turn_on_or_off(session, turn, endpoint, paused=given["paused"])
    return _moved_on(session, turn, found) if values or turned else found


def rotate_secret(
    session: Session, keyring: Keyring, turn: EndpointCommand, endpoint: str
) -> tuple[Endpoint, str]:
    """Return the endpoint with a new secret, to be shown once; the previous secret signs too for 24 hours.

    Raises NotFound and PreconditionFailed.
    """
    found = get_endpoint(session, turn, endpoint, lock=True)
    secret = webhook_signature.new_secret()
    webhook_endpoints.change(
        session,
        endpoint,
        secret=_sealed(keyring, endpoint, secret),
        previous_secret=found.secret,
        previous_secret_expires_at=turn.now + PREVIOUS_SECRET_TTL,
    )
    idempotency.forget(session, endpoint)  # the stored response that contains the previous secret
    _on_record(session, turn, "endpoint.secret_rotated", endpoint)
    return _moved_on(session, turn, found), secret


def delete(session: Session, turn: EndpointCommand, endpoint: str) -> None:
    """Remove an endpoint with all its deliveries. Raises NotFound and PreconditionFailed."""
    get_endpoint(session, turn, endpoint, lock=True)
    webhook_endpoints.delete(session, endpoint)
    idempotency.forget(session, endpoint)
    _on_record(session, turn, "endpoint.removed", endpoint)


def send_test(session: Session, turn: EndpointCommand, endpoint: str) -> Delivery:
    """Send a test event without content.

    Raises NotFound, PreconditionFailed, and Conflict while the endpoint is paused.
    """
    found = get_endpoint(session, turn, endpoint, lock=True)
    if found.paused_at is not None:
        raise Conflict("This endpoint is paused; resume it first.")
    event = str(uuid7())
    new = Delivery(str(uuid7()), found.id, event, 0, event, TEST, PENDING, 0, turn.now, turn.now)
    webhook_deliveries.insert(session, [new])
    _on_record(session, turn, "endpoint.tested", endpoint)
    return new


def redeliver(session: Session, turn: EndpointCommand, endpoint: str, delivery: str) -> Delivery:
    """Send an event again, immediately and in no order.

    Raises NotFound and PreconditionFailed; Conflict while the delivery is pending or its event is no longer
    stored.
    """
    get_endpoint(session, turn, endpoint, lock=True)
    found = (
        webhook_deliveries.fetch(session, endpoint, delivery, lock=True) if ID.fullmatch(delivery) else None
    )
    if found is None:
        raise NotFound("There is no such delivery.")
    if found.state == PENDING:
        raise Conflict("This delivery is still on its way.")
    if found.type != TEST and not webhook_deliveries.events_by_id(session, [found.event_id]):
        raise Conflict("The event of this delivery is no longer kept.")
    again = found._replace(
        state=PENDING, attempt_count=0, ordering_key=delivery, next_attempt_at=turn.now, finished_at=None
    )
    webhook_deliveries.change(session, delivery, **again._asdict())
    audit_log.record(session, turn.actor, turn.now, AuditAction("delivery.redelivered", "delivery", delivery))
    return again


# --- queries ---------------------------------------------------------------------------------------


def list_endpoints(session: Session, turn: EndpointCommand) -> list[Endpoint]:
    """Return every endpoint that the caller may see."""
    return [
        each
        for each in webhook_endpoints.list_all(session, test=turn.test)
        if turn.attention or not each.requires_review_scope
    ]


def get_endpoint(session: Session, turn: EndpointCommand, endpoint: str, *, lock: bool = False) -> Endpoint:
    """Return the endpoint when the caller may see it.

    Raises NotFound, and PreconditionFailed when the endpoint has changed.
    """
    found = webhook_endpoints.fetch(session, endpoint, lock=lock) if ID.fullmatch(endpoint) else None
    foreign = found is not None and turn.test is not None and found.is_test != turn.test
    if found is None or foreign or (found.requires_review_scope and not turn.attention):
        raise NotFound("There is no such webhook endpoint.")
    if turn.version is not None and turn.version != found.version:
        raise PreconditionFailed("The endpoint has changed; fetch it again.")
    return found


def active_secrets(endpoint: Endpoint, keyring: Keyring, now: dt.datetime) -> list[str]:
    """Return the secrets that sign now, newest first."""
    sealed = [endpoint.secret]
    if (
        endpoint.previous_secret is not None
        and endpoint.previous_secret_expires_at
        and now < endpoint.previous_secret_expires_at
    ):
        sealed += [endpoint.previous_secret]
    return [keyring.open(each, *_place(endpoint.id)).decode() for each in sealed]


def reencrypt_secrets(session: Session, keyring: Keyring) -> int:
    """Encrypt every secret with the newest key of the keyring; return how many endpoints changed."""
    moved = 0
    for name, secret, previous in webhook_endpoints.sealed_secrets(session):
        newer = _newer(keyring, name, secret)
        newer_previous = previous and _newer(keyring, name, previous)
        if (newer, newer_previous) != (secret, previous):
            moved += webhook_endpoints.reseal(session, (name, secret, previous), newer, newer_previous)
    return moved


def _turn_on_or_off(session: Session, turn: EndpointCommand, endpoint: str, *, paused: bool) -> None:
    if paused:
        webhook_endpoints.change(session, endpoint, paused_at=turn.now, paused_reason="by_hand")
    else:
        webhook_endpoints.change(session, endpoint, paused_at=None, paused_reason=None)
        _begin_anew(session, turn, endpoint)
    _on_record(session, turn, "endpoint.paused" if paused else "endpoint.resumed", endpoint)


def _begin_anew(session: Session, turn: EndpointCommand, endpoint: str) -> None:
    """Reset the failure state, which no longer applies, and send deferred deliveries now."""
    webhook_endpoints.change(session, endpoint, failing_since=None)
    webhook_deliveries.retry_now(session, endpoint, now=turn.now, past=turn.now + dt.timedelta(minutes=1))


def _moved_on(session: Session, turn: EndpointCommand, before: Endpoint) -> Endpoint:
    webhook_endpoints.change(session, before.id, version=before.version + 1, updated_at=turn.now)
    after = webhook_endpoints.fetch(session, before.id)
    assert after is not None  # noqa: S101 - locked by this unit of work
    return after


def _check(
    url: str, types: Sequence[str], description: str, reach: AddressPolicy, *, attention: bool
) -> None:
    """Raise Unprocessable when a value is invalid."""
    try:
        WebhookUrl.parse(url, reach)
    except BlockedAddress as detail:
        raise _invalid_request("/url", str(detail)) from None
    for place, name in enumerate(types):
        if name not in TYPES or name in types[:place]:
            raise _invalid_request(f"/types/{place}", f"This takes, each once, {', '.join(TYPES)}.")
        if name in RESTRICTED and not attention:
            raise _invalid_request(
                f"/types/{place}", "An endpoint is told of attention only when that is switched on."
            )
    if len(description) > MAX_DESCRIPTION_LENGTH or not description.isprintable():
        raise _invalid_request(
            "/description", f"A description is one line of at most {MAX_DESCRIPTION_LENGTH} characters."
        )


def _invalid_request(pointer: str, detail: str) -> InvalidRequest:
    return InvalidRequest(detail, errors=[FieldError(pointer, "invalid", detail)])


def _on_record(session: Session, turn: EndpointCommand, action: str, endpoint: str) -> None:
    audit_log.record(session, turn.actor, turn.now, AuditAction(action, "endpoint", endpoint))


def _newer(keyring: Keyring, endpoint: str, sealed: bytes) -> bytes:
    if sealed.startswith(keyring.newest.encode() + b"."):
        return sealed
    return keyring.seal(keyring.open(sealed, *_place(endpoint)), *_place(endpoint))


def _sealed(keyring: Keyring, endpoint: str, secret: str) -> bytes:
    return keyring.seal(secret.encode(), *_place(endpoint))


def _place(endpoint: str) -> tuple[str, str, str]:
    """Return the encryption context; it is the same for both secrets, as one becomes the other unchanged."""
    return ("webhook_endpoints", "secret", endpoint)
