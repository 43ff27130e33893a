"""Access control of the staff app: sessions, permissions, and problems as HTML pages.

Responsible for: the permission, `signed_in` or `anybody` that each endpoint declares; sessions, recent
password confirmation, second factors that a role requires, and forged forms. Never: serves a route that
declares nothing, and never serves other pages to users who are not signed in.
"""

import re
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, TypeVar
from urllib.parse import urlencode

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from app.clock import now
from app.errors import Forbidden, Internal, NotFound, Problem, SessionEnded
from app.logging import error_location, log
from app.services.auth import sessions
from app.services.auth.authorization import require_permission
from app.services.auth.permissions import FRESH, Permission
from app.services.auth.sessions import ActiveSession
from app.storage.db.database import Session
from app.storage.events import audit_log
from app.storage.events.audit_log import Actor, AuditAction
from app.storage.submissions.submissions import ID
from app.web.dependencies import get_services, request_id
from app.web.html import form_security
from app.web.staff import cookies
from app.web.staff.layout import (
    CurrentStaff,
    actor,
    current_staff,
    go,
    is_unsafe,
    landing_page,
    parent_page,
    show,
    staff_routes,
    trouble,
    unsaved_input_page,
)

__all__ = [
    "actor",
    "current_staff",
    "go",
    "permission",
    "public",
    "requires_login",
    "show",
]  # what endpoints need
Handler = Callable[[Request], Coroutine[Any, Any, Response]]
Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])
SAFE = re.compile(r"/staff(/[A-Za-z0-9][A-Za-z0-9._-]*)*(\?[A-Za-z0-9._~%=&+-]*)?")
SET_UP = "/staff/second-factor/set-up"
MAX_PATH_LENGTH = 600
NOWHERE = "The address may be mistyped, or what it named is gone."


def permission(name: Permission) -> Callable[[Endpoint], Endpoint]:
    """Requires this permission; if it is one of FRESH, also a recent password confirmation."""
    return partial(_declare, needs=name, fresh=name in FRESH)


def requires_fresh_permission(name: Permission) -> Callable[[Endpoint], Endpoint]:
    """Requires this permission and a recent password confirmation: for commands whose view requires less."""
    return partial(_declare, needs=name, fresh=True)


def requires_login(endpoint: Endpoint) -> Endpoint:
    """Requires a signed-in staff user."""
    return _declare(endpoint, needs="signed_in", fresh=False)


def requires_fresh_login(endpoint: Endpoint) -> Endpoint:
    """Requires a signed-in staff user and a recent password confirmation."""
    return _declare(endpoint, needs="signed_in", fresh=True)


def public(endpoint: Endpoint) -> Endpoint:
    """Requires nothing: for the pages of signing in."""
    return _declare(endpoint, needs="anybody", fresh=False)


def before_second_factor(endpoint: Endpoint) -> Endpoint:
    """Also allows users whose role requires a second factor that is not set up yet."""
    endpoint.__dict__["unfinished"] = True
    return endpoint


def preserves_input(endpoint: Endpoint) -> Endpoint:
    """Returns the input if the session has ended, to be sent again: for forms with long texts."""
    endpoint.__dict__["keeps"] = True
    return endpoint


def unprotected_routes(app: FastAPI) -> list[str]:
    """Paths of the staff app whose routes declare no access, or do not use StaffRoute."""
    return [
        route.path
        for route in staff_routes(app)
        if not isinstance(route, StaffRoute) or "needs" not in route.endpoint.__dict__
    ]


class StaffRoute(APIRoute):
    """A route that enforces the access its endpoint declares, and shows problems as an HTML page."""

    def get_route_handler(self) -> Handler:
        inner = super().get_route_handler()
        declared = self.endpoint.__dict__

        async def handler(request: Request) -> Response:
            try:
                refused = await _admit(request, declared)
                return refused or await inner(request)
            except Forbidden as problem:
                return trouble(request, await _on_record(request, problem))
            except Problem as problem:
                return trouble(request, problem)
            except (RequestValidationError, HTTPException):  # an unknown path or method
                return trouble(request, NotFound(NOWHERE))
            except ClientDisconnect:  # the client has disconnected
                raise
            except Exception as error:  # last resort: staff never see JSON
                log.error(
                    "unhandled_exception",
                    request_id=request_id(request),
                    error=type(error).__name__,
                    at=error_location(error),
                )
                return trouble(request, Internal("An error on our side; it is in the log."))

        return handler


def safe_redirect(path: str, otherwise: str = "/staff") -> str:
    """`path` if it is a valid address of the staff app to redirect to after signing in, else `otherwise`."""
    return path if len(path) <= MAX_PATH_LENGTH and SAFE.fullmatch(path) else otherwise


def with_next(path: str, then: str) -> str:
    """`path` with the page `then` to continue to."""
    return f"{path}?{urlencode({'next': then})}" if then != "/staff" else path


async def _admit(request: Request, declared: dict[str, Any]) -> Response | None:
    """None if the request may proceed, else the response. Raises Forbidden, NotFound and SessionEnded."""
    if "needs" not in declared:
        raise Forbidden("Nobody has declared who may come here.")
    if "\0" in request.url.path:
        raise NotFound(NOWHERE)
    held = await _held(request)
    if held:
        request.scope["actor"], request.scope["signed"] = (
            held.person.id,
            CurrentStaff.from_request(request, held),
        )
    if is_unsafe(request):
        form_security.require_same_origin(request)
    if declared["needs"] == "anybody":
        return None
    if is_unsafe(request):
        try:
            await _guard(request, held)
        except (SessionEnded, Forbidden) as problem:
            if "keeps" not in declared or not (held is None or form_security.from_our_page(request)):
                raise
            return await unsaved_input_page(request, problem)
    return _pass(request, declared, held) if held else _to_sign_in(request)


def _pass(request: Request, declared: dict[str, Any], held: ActiveSession) -> Response | None:
    """None if the signed-in user may proceed, else a redirect to the required page. Raises Forbidden."""
    if current_staff(request).unfinished and "unfinished" not in declared:
        return go(SET_UP)
    if (
        request.url.path == "/staff"
        and not is_unsafe(request)
        and landing_page(current_staff(request)) != "/staff"
    ):
        return go(
            landing_page(current_staff(request))
        )  # every user arrives here, but not every role has the queue
    if declared["needs"] != "signed_in":
        require_permission(held.staff, declared["needs"])
    if declared["fresh"] and not held.fresh(now()):
        return go(with_next("/staff/confirm", safe_redirect(parent_page(request))))
    return None


async def _held(request: Request) -> ActiveSession | None:
    """The session of this request. A page request prolongs it; an automatic refresh does not."""
    secret, services, at = cookies.get_cookie(request, cookies.SESSION), get_services(request), now()
    if not secret:
        return None
    held = await services.database.read(partial(sessions.get_active, secret=secret, now=at))
    if held and held.to_be_seen(at) and "x-refresh" not in request.headers:
        await services.database.write(partial(sessions.touch, session_id=held.session.id, now=at))
    return held


async def _guard(request: Request, held: ActiveSession | None) -> None:
    """Refuse a form that was not made for this session. Raises SessionEnded and Forbidden."""
    if held is None:
        raise SessionEnded("You are signed out. Nothing was changed; sign in and do it again.")
    token, secret = (
        form_security.first(await form_security.fields(request), "token"),
        cookies.get_cookie(request, cookies.SESSION),
    )
    if not get_services(request).submissions.vault.keyring.signed("staff token", secret.encode(), token):
        raise Forbidden("This page belongs to another session. Open it again; nothing was changed.")


async def _on_record(request: Request, problem: Forbidden) -> Problem:
    """Record the refusal of a signed-in user and return it; if it can't be recorded, return that problem."""
    if "signed" not in request.scope:
        return problem
    case = str(request.path_params.get("case", ""))
    known = (case, "submission") if ID.fullmatch(case) else (None, "page")  # user input is never recorded
    act = AuditAction(audit_log.REFUSED, known[1], known[0])
    try:
        await get_services(request).database.write(partial(_record, actor=actor(request), act=act))
    except Problem as trouble:
        return trouble
    return problem


def _record(session: Session, actor: Actor, act: AuditAction) -> None:
    audit_log.record(session, actor, now(), act)


def _to_sign_in(request: Request) -> Response:
    query = f"?{request.url.query}" if request.url.query else ""
    return go(with_next("/staff/sign-in", safe_redirect(request.url.path + query)))


def _declare(endpoint: Endpoint, *, needs: str, fresh: bool) -> Endpoint:
    endpoint.__dict__.update(needs=needs, fresh=fresh)
    return endpoint
