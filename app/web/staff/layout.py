"""The layout that all pages of the staff app share.

Responsible for: the signed-in user, navigation by permission, times in the clinic's time zone, and problems
as HTML pages. Never: allows caching or framing.
"""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Match

from app.clock import now
from app.errors import Problem, SessionEnded
from app.services.auth.authorization import StaffPrincipal
from app.services.auth.permissions import Permission
from app.services.auth.sessions import ActiveSession
from app.storage.events.audit_log import Actor
from app.web.dependencies import get_services, request_id
from app.web.html import form_security, pdf
from app.web.html.templates import moment, render
from app.web.staff import cookies

NO_STORE = {"cache-control": "no-store"}
ELSEWHERE = "/staff/{rest:path}"  # matches every address without a page
NAV: tuple[tuple[str, str, Permission], ...] = (
    ("/staff", "Queue", "queue"),
    ("/staff/handoffs", "Links", "queue"),
    ("/staff/dashboard", "Dashboard", "dashboard"),
    ("/staff/audit", "Audit", "audit"),
    ("/staff/people", "Staff", "staff"),
    ("/staff/keys", "Keys", "keys"),
    ("/staff/webhooks", "Webhooks", "webhooks"),
    ("/staff/system", "System", "system"),
)
HEADINGS = {
    401: "You are signed out",
    403: "This is not yours to do",
    404: "There is nothing here",
    409: "That does not fit any more",
    412: "Somebody else changed this in the meantime",
    413: "That was too long",
    422: "That can't be done as it stands",
    428: "That does not fit any more",
    429: "Please wait a little",
    500: "Something went wrong on our side",
    503: "Please wait a little",
}
HELP = {
    403: "If it is your work, ask an administrator of your clinic for the role.",
    412: "Nothing was overwritten. Open the page again, look at what changed, and do it once more.",
    500: "Please try again. If it happens again, tell whoever runs this service the time and the page.",
    503: "The service is busy. What you sent was not kept; please send it again.",
}


@dataclass(frozen=True, slots=True)
class CurrentStaff:
    """The signed-in user. `csrf`: the token for forms; `unfinished`: a required second factor is missing."""

    staff: StaffPrincipal
    name: str
    email: str
    roles: tuple[str, ...]
    session_id: str
    reauthenticated_at: dt.datetime
    csrf: str
    unfinished: bool

    @classmethod
    def from_request(cls, request: Request, held: ActiveSession) -> "CurrentStaff":
        """The user of this request's session."""
        services, secret = get_services(request), cookies.get_cookie(request, cookies.SESSION)
        person, session = held.person, held.session
        return cls(
            staff=held.staff,
            name=person.name,
            email=person.email,
            roles=person.roles,
            session_id=session.id,
            reauthenticated_at=session.reauthenticated_at,
            csrf=services.submissions.vault.keyring.sign("staff token", secret.encode()),
            unfinished=person.totp_secret_encrypted is None
            and bool(services.settings.two_factor_required & set(person.roles)),
        )


def current_staff(request: Request) -> CurrentStaff:
    """The signed-in user. Raises SessionEnded."""
    found: CurrentStaff | None = request.scope.get("signed")
    if found is None:
        raise SessionEnded("You are signed out.")
    return found


def actor(request: Request) -> Actor:
    """The signed-in user, for the audit log."""
    return current_staff(request).staff.actor(request_id(request))


def show(request: Request, template: str, *, status: int = 200, **words: Any) -> Response:
    """One page: `template` below templates/, as `staff/queue.html`."""
    services, who = get_services(request), request.scope.get("signed")
    may: frozenset[str] = frozenset(who.staff.permissions) if who and not who.unfinished else frozenset()
    shown = {
        "clinic": services.settings.clinic_name or "preconsult",
        "signed": who,
        "may": may,
        "token": who.csrf if who else "",
        "nav": [(path, name, _here(request, path)) for path, name, needed in NAV if needed in may],
        "now": now(),
        "pdf": pdf.installed(),
        "alerts_fail": "queue" in may and services.alert_status.late(now()),
        "moment": partial(moment, language="en", zone=services.settings.clinic_time_zone),
        "errors": [],
    }
    content = render(template, "en", **(shown | words))
    return HTMLResponse(content, status, headers=NO_STORE)


def go(path: str) -> RedirectResponse:
    """Redirect to another page of the staff app, by GET."""
    return RedirectResponse(path, 303, headers=NO_STORE)


def trouble(request: Request, problem: Problem) -> Response:
    """The error page: what went wrong, and what to do about it."""
    heading = HEADINGS.get(problem.status, "That did not work")
    lines = [problem.detail, HELP.get(problem.status, "")]
    who = request.scope.get("signed")
    ways = [(landing_page(who) if who else "/staff", "Go to the start")]
    if problem.status == 401:
        ways = [("/staff/sign-in", "Sign in")]
    elif problem.status == 412:
        ways = [(parent_page(request), "Look at it again"), *ways]
    response = show(
        request,
        "staff/message.html",
        status=problem.status,
        heading=heading,
        lines=[line for line in lines if line],
        ways=ways,
    )
    if problem.retry_after is not None:
        response.headers["retry-after"] = str(problem.retry_after)
    return response


async def unsaved_input_page(request: Request, problem: Problem) -> Response:
    """Return the input of a form whose session has ended, to be sent again. It is not stored."""
    try:
        given = await form_security.fields(request)
    except Problem:  # it was not a valid form
        return trouble(request, problem)
    hidden = [(name, each) for name, values in given.items() for each in values]
    return show(
        request,
        "staff/unsent.html",
        status=problem.status,
        action=request.url.path,
        text=form_security.first(given, "text") if "text" in given else None,
        fields=[(name, each) for name, each in hidden if name not in ("token", "text")],
    )


def staff_routes(app: FastAPI) -> Iterator[Any]:
    """Every route below /staff."""
    for found in iter_route_contexts(app.routes):
        path = found.path or ""
        if path == "/staff" or path.startswith("/staff/"):
            yield found.original_route


def landing_page(who: CurrentStaff) -> str:
    """The first page that this user may see."""
    return next((path for path, _, needed in NAV if needed in who.staff.permissions), "/staff/account")


def is_unsafe(request: Request) -> bool:
    """Can the request change anything (neither GET nor HEAD)?"""
    return request.method not in ("GET", "HEAD")


def parent_page(request: Request) -> str:
    """The page a request belongs to: its own address, or for a command the nearest page above it."""
    if not is_unsafe(request):
        return request.url.path + (f"?{request.url.query}" if request.url.query else "")
    path = str(request.url.path)
    while path.count("/") > 1 and not _is_page(request, path):
        path = path.rpartition("/")[0]
    return path


def _is_page(request: Request, path: str) -> bool:
    asked = dict(request.scope) | {"method": "GET", "path": path}
    pages = (route for route in staff_routes(request.app) if route.path != ELSEWHERE)
    return any(page.matches(asked)[0] is Match.FULL for page in pages)


def _here(request: Request, path: str) -> bool:
    """Is this page, or one below it, being shown? Cases are below the queue."""
    asked = str(request.url.path)
    if path == "/staff":
        return asked == path or asked.startswith("/staff/cases")
    return asked == path or asked.startswith(f"{path}/")
