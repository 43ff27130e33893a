"""Webhook endpoints, for administrators: their status, creating, testing, pausing and removing them.

Responsible for: the list with a form for a new endpoint, and a page for each with its deliveries. Never:
shows a secret twice, or the content of a receiver's response.
"""

from functools import partial
from typing import Any

from fastapi import APIRouter, Request, Response

from app.adapters.address_policy import MAX_URL_LENGTH
from app.clock import now
from app.errors import Conflict, InvalidRequest, NotFound, Problem
from app.services.events import webhook_endpoints
from app.services.events.event_types import TYPES
from app.services.events.webhook_endpoints import EndpointCommand, NewWebhookEndpoint
from app.storage.db.database import Session
from app.storage.events import webhook_deliveries
from app.storage.events import webhook_endpoints as rows
from app.storage.events.webhook_endpoints import Endpoint
from app.storage.submissions.submissions import ID
from app.web.dependencies import get_services
from app.web.html import form_security
from app.web.staff.access_control import StaffRoute, permission, requires_fresh_permission
from app.web.staff.layout import actor, go, show

router = APIRouter(include_in_schema=False, route_class=StaffRoute)
LIST = "/staff/webhooks"
SHOWN = 50
STATES = ("pending", "delivered", "failed")
PLACES = {"/url": "url", "/description": "description"}


@router.get("/staff/webhooks")
@permission("webhooks")
async def listed(request: Request) -> Response:
    """Every endpoint with its status, and a form for a new one."""
    return await _listed(request)


@router.post("/staff/webhooks")
@requires_fresh_permission("webhooks")
async def make(request: Request) -> Response:
    """Create an endpoint; its secret is shown only once."""
    services, given = get_services(request), await form_security.fields(request)
    work = partial(
        webhook_endpoints.create,
        keyring=services.submissions.vault.keyring,
        reach=services.address_policy,
        turn=_turn(request),
        wanted=_wanted(given),
        test=form_security.first(given, "test") == "1",
    )
    try:
        made, secret = await services.database.write(work)
    except (InvalidRequest, Conflict) as refused:
        return await _listed(request, refused, given)
    return show(request, "staff/webhook_secret.html", endpoint=made, secret=secret, fresh=True)


@router.get("/staff/webhooks/{endpoint}")
@permission("webhooks")
async def one(request: Request, endpoint: str) -> Response:
    """The status of one endpoint, the available actions, and its deliveries."""
    asked = request.query_params.get("state", "")
    state = asked if asked in STATES else ""
    before = request.query_params.get("before", "")
    work = partial(
        _one,
        turn=_turn(request),
        endpoint=endpoint,
        state=state or None,
        after=before if ID.fullmatch(before) else None,
    )
    words = await get_services(request).database.read(work)
    return show(request, "staff/webhook.html", **words, state=state, states=list(STATES))


@router.post("/staff/webhooks/{endpoint}/test")
@permission("webhooks")
async def test(request: Request, endpoint: str) -> Response:
    """Send a test event without content."""
    await get_services(request).database.write(
        partial(webhook_endpoints.send_test, turn=_turn(request), endpoint=endpoint)
    )
    return go(f"{LIST}/{endpoint}#deliveries")


@router.post("/staff/webhooks/{endpoint}/pause")
@permission("webhooks")
async def pause(request: Request, endpoint: str) -> Response:
    """Pause an endpoint; events in the meantime are retained for it."""
    return await _change(request, endpoint, paused=True)


@router.post("/staff/webhooks/{endpoint}/resume")
@permission("webhooks")
async def resume(request: Request, endpoint: str) -> Response:
    """Resume an endpoint, starting with the retained events."""
    return await _change(request, endpoint, paused=False)


@router.post("/staff/webhooks/{endpoint}/rotate")
@requires_fresh_permission("webhooks")
async def rotate(request: Request, endpoint: str) -> Response:
    """Create a new secret, shown only once; the previous one also signs for a day."""
    services = get_services(request)
    work = partial(
        webhook_endpoints.rotate_secret,
        keyring=services.submissions.vault.keyring,
        turn=_turn(request),
        endpoint=endpoint,
    )
    found, secret = await services.database.write(work)
    return show(request, "staff/webhook_secret.html", endpoint=found, secret=secret, fresh=False)


@router.get("/staff/webhooks/{endpoint}/remove")
@permission("webhooks")
async def ask(request: Request, endpoint: str) -> Response:
    """Ask for confirmation before removing an endpoint."""
    words = await get_services(request).database.read(partial(_doing, turn=_turn(request), endpoint=endpoint))
    return show(request, "staff/webhook_remove.html", **words)


@router.post("/staff/webhooks/{endpoint}/remove")
@requires_fresh_permission("webhooks")
async def remove(request: Request, endpoint: str) -> Response:
    """Remove an endpoint; a repeated request has no further effect."""
    work = partial(webhook_endpoints.delete, turn=_turn(request), endpoint=endpoint)
    try:
        await get_services(request).database.write(work)
    except NotFound:
        return go(LIST)
    return go(LIST)


@router.post("/staff/webhooks/{endpoint}/deliveries/{delivery}/redeliver")
@permission("webhooks")
async def redeliver(request: Request, endpoint: str, delivery: str) -> Response:
    """Deliver an event again, at once."""
    work = partial(webhook_endpoints.redeliver, turn=_turn(request), endpoint=endpoint, delivery=delivery)
    await get_services(request).database.write(work)
    return go(f"{LIST}/{endpoint}#deliveries")


async def _change(request: Request, endpoint: str, *, paused: bool) -> Response:
    services = get_services(request)
    given = {"paused": paused}
    work = partial(
        webhook_endpoints.update,
        reach=services.address_policy,
        turn=_turn(request),
        endpoint=endpoint,
        given=given,
    )
    await services.database.write(work)
    return go(f"{LIST}/{endpoint}")


async def _listed(
    request: Request, refused: Problem | None = None, given: form_security.Fields | None = None
) -> Response:
    lines = await get_services(request).database.read(partial(_lines, turn=_turn(request)))
    typed = given or {}
    return show(
        request,
        "staff/webhooks.html",
        status=422 if refused else 200,
        lines=lines,
        types={name: _plainly(words) for name, words in TYPES.items()},
        given={name: form_security.first(typed, name)[:MAX_URL_LENGTH] for name in ("url", "description")},
        chosen=typed.get("type", []),
        attention=form_security.first(typed, "attention") == "1",
        test=form_security.first(typed, "test") == "1",
        errors=_errors(refused) if refused else [],
    )


def _errors(refused: Problem) -> list[dict[str, str]]:
    """Each error at its field; errors without a field at the form."""
    listed = refused.errors or ()
    found = [{"target": PLACES.get(each.pointer, "new"), "words": each.detail} for each in listed]
    return found or [{"target": "new", "words": refused.detail}]


def _plainly(words: str) -> str:
    """The description of an event type, without the parts for developers."""
    return words.partition(" Needs the scope")[0].replace("`", "")


def _wanted(given: form_security.Fields) -> NewWebhookEndpoint:
    """The new endpoint as requested."""
    url, description = (form_security.first(given, name).strip() for name in ("url", "description"))
    attention = form_security.first(given, "attention") == "1"
    chosen = list(dict.fromkeys(given.get("type", [])))
    return NewWebhookEndpoint(url, chosen, description, attention)


def _turn(request: Request) -> EndpointCommand:
    return EndpointCommand(actor(request), now(), attention=True)


def _lines(session: Session, *, turn: EndpointCommand) -> list[dict[str, Any]]:
    return [_line(session, each) for each in webhook_endpoints.list_endpoints(session, turn)]


def _line(session: Session, endpoint: Endpoint) -> dict[str, Any]:
    return {"endpoint": endpoint, "doing": rows.status(session, endpoint.id), "chip": _chip(endpoint)}


def _chip(endpoint: Endpoint) -> tuple[str, str]:
    """The status and its colour."""
    if endpoint.paused_reason == rows.GONE:
        return "gone", "bad"
    if endpoint.paused_at is not None:
        return ("paused", "warn") if endpoint.paused_reason == "by_hand" else ("paused: it failed", "bad")
    return ("failing", "bad") if endpoint.failing_since else ("live", "good")


def _doing(session: Session, *, turn: EndpointCommand, endpoint: str) -> dict[str, Any]:
    return _line(session, webhook_endpoints.get_endpoint(session, turn, endpoint))


def _one(
    session: Session, *, turn: EndpointCommand, endpoint: str, state: str | None, after: str | None
) -> dict[str, Any]:
    words = _doing(session, turn=turn, endpoint=endpoint)
    found = webhook_deliveries.page(session, endpoint, state=state, after=after, limit=SHOWN + 1)
    tried = webhook_deliveries.attempts(session, [each.id for each in found])
    older = found[SHOWN - 1].id if len(found) > SHOWN else ""
    return words | {"deliveries": [(each, tried[each.id]) for each in found[:SHOWN]], "older": older}
