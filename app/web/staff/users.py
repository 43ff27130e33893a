"""Staff users, for administrators: accounts, roles and invitation links.

Responsible for: adding, changing roles, disabling, enabling, and new links. Never: shows a link twice.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from fastapi import APIRouter, Request, Response

from app.clock import now
from app.errors import InvalidRequest, Problem
from app.services.auth import two_factor, users
from app.services.auth.permissions import ROLES
from app.services.auth.users import NewStaffUser
from app.storage.auth import users as people
from app.storage.auth.users import Person
from app.storage.db.database import Session
from app.web.dependencies import get_services
from app.web.html import form_security
from app.web.staff.access_control import StaffRoute, permission
from app.web.staff.layout import actor, current_staff, go, show

router = APIRouter(include_in_schema=False, route_class=StaffRoute)


@router.get("/staff/people")
@permission("staff")
async def listed(request: Request) -> Response:
    """All staff users."""
    return await _listed(request)


@router.post("/staff/people")
@permission("staff")
async def add(request: Request) -> Response:
    """Add a staff user; the invitation link is shown only once."""
    given, secret = await form_security.fields(request), users.new_secret()
    wanted = NewStaffUser(
        form_security.first(given, "email"), given.get("role", []), form_security.first(given, "name")
    )
    try:
        person = await _do(request, users.add, wanted=wanted, secret=secret)
    except Problem as problem:
        return await _listed(request, problem, given)
    return _link_page(request, person, secret)


@router.get("/staff/people/{staff_id}")
@permission("staff")
async def one(request: Request, staff_id: str) -> Response:
    """One staff user, and the available actions."""
    return await _one(request, staff_id)


@router.post("/staff/people/{staff_id}/roles")
@permission("staff")
async def set_roles(request: Request, staff_id: str) -> Response:
    """Change the roles; all sessions of the user end."""
    roles = (await form_security.fields(request)).get("role", [])
    try:
        await _do(request, users.set_roles, staff_id=staff_id, roles=roles)
    except InvalidRequest as problem:
        return await _one(request, staff_id, problem)
    return go(f"/staff/people/{staff_id}")


@router.post("/staff/people/{staff_id}/disable")
@permission("staff")
async def disable(request: Request, staff_id: str) -> Response:
    """Disable a staff user, with immediate effect."""
    await _do(request, users.disable, staff_id=staff_id)
    return go(f"/staff/people/{staff_id}")


@router.post("/staff/people/{staff_id}/enable")
@permission("staff")
async def enable(request: Request, staff_id: str) -> Response:
    """Enable a staff user again."""
    await _do(request, users.enable, staff_id=staff_id)
    return go(f"/staff/people/{staff_id}")


@router.post("/staff/people/{staff_id}/reset")
@permission("staff")
async def reset(request: Request, staff_id: str) -> Response:
    """Create a new link, shown only once. It removes the password and, on request, the second factor."""
    given, secret = await form_security.fields(request), users.new_secret()
    forget = form_security.first(given, "second_factor") == "forget"
    person = await _do(request, _reset, staff_id=staff_id, secret=secret, forget=forget)
    return _link_page(request, person, secret)


def _reset(session: Session, staff_id: str, secret: str, *, forget: bool, **more: Any) -> Person:
    person = users.reset(session, staff_id, secret, **more)
    if forget and person.totp_secret_encrypted is not None:
        two_factor.disable(session, staff_id, **more)
    return person


async def _do(request: Request, act: Callable[..., Person], **given: Any) -> Person:
    """Run a command on staff users in the name of the signed-in user."""
    work = partial(act, now=now(), actor=actor(request), **given)
    return await get_services(request).database.write(work)


async def _listed(
    request: Request, problem: Problem | None = None, given: form_security.Fields | None = None
) -> Response:
    services = get_services(request)
    everybody, invited = await services.database.read(
        lambda session: (people.list_all(session), people.pending_invitations(session, now()))
    )
    return show(
        request,
        "staff/people.html",
        status=problem.status if problem else 200,
        everybody=everybody,
        invited=invited,
        roles=list(ROLES),
        given={name: form_security.first(given or {}, name)[:254] for name in ("email", "name")},
        chosen=(given or {}).get("role", []),
        errors=_errors(problem),
    )


async def _one(request: Request, staff_id: str, problem: Problem | None = None) -> Response:
    person = await get_services(request).database.read(partial(users.find, staff_id=staff_id))
    return show(
        request,
        "staff/person.html",
        status=problem.status if problem else 200,
        person=person,
        roles=list(ROLES),
        myself=person.id == current_staff(request).staff.id,
        errors=_errors(problem),
    )


def _errors(problem: Problem | None) -> list[dict[str, str]]:
    if problem is None:
        return []
    found = [{"target": each.pointer.strip("/"), "words": each.detail} for each in problem.errors]
    return found or [{"target": "email", "words": problem.detail}]


def _link_page(request: Request, person: Person, secret: str) -> Response:
    link, plain = users.invitation_url(str(get_services(request).settings.public_url), secret)
    return show(request, "staff/link.html", person=person, link=link, plain_link=plain, hours=72)
