"""Invitation and reset links, for staff users without a password.

Responsible for: reading the secret from a form, and marking the link as used when a password is chosen.
Never: changes data on GET, so that a link preview opens nothing, and never puts a secret in an address
(except the link that a browser without scripts needs).
"""

import re
from functools import partial

from fastapi import APIRouter, Request, Response

from app.clock import now
from app.errors import NotFound
from app.services.auth import login, passwords, users
from app.storage.auth.users import Person
from app.web.dependencies import get_services
from app.web.html import form_security
from app.web.staff import cookies
from app.web.staff.access_control import StaffRoute, public
from app.web.staff.layout import go, show
from app.web.staff.login import anonymous_actor, login_attempt, start_session

router = APIRouter(include_in_schema=False, route_class=StaffRoute)
LINK = re.compile(r"[A-Za-z0-9_-]{43}")
UNEQUAL = "This is not what you typed above. Type the same password twice."


@router.get("/staff/welcome")
@router.get("/staff/welcome/{secret}")
@public
async def ask_for_link(request: Request, secret: str = "") -> Response:
    """The page that a link leads to: a button opens the link, so that a preview does not."""
    return _ask_for_link(request, secret if LINK.fullmatch(secret) else "")


@router.post("/staff/welcome")
@public
async def welcome(request: Request) -> Response:
    """The form to choose a password, for the holder of a link."""
    given = await form_security.fields(request)
    secret = re.split(r"[#/]", form_security.first(given, "link").strip())[-1]
    try:
        person = await _welcomed(request, secret)
    except NotFound as problem:
        return _ask_for_link(request, "", problem.detail)
    return _choose(request, person, secret)


@router.post("/staff/welcome/password")
@public
async def choose(request: Request) -> Response:
    """Save the password, mark the link as used, and sign in."""
    services, given = get_services(request), await form_security.fields(request)
    secret, password = form_security.first(given, "link"), form_security.first(given, "password")
    try:
        person = await _welcomed(request, secret)
        wrong = refused(request, person.email, person.name, password, form_security.first(given, "again"))
        if wrong:
            return _choose(request, person, secret, wrong)
        hashed = await services.passwords.hash(password)
        work = partial(
            users.choose_password,
            secret=secret,
            password_hash=hashed,
            now=now(),
            actor=anonymous_actor(request),
        )
        await services.database.write(work)
    except NotFound as problem:
        return _ask_for_link(request, "", problem.detail)
    return await _on(request, person.id)


def refused(request: Request, email: str, name: str, password: str, again: str) -> dict[str, str]:
    """The errors of a new password, by field."""
    message = passwords.validate_password(password, (email, name, get_services(request).settings.clinic_name))
    if message:
        return {"password": message}
    return {} if password == again else {"again": UNEQUAL}


async def _on(request: Request, staff_id: str) -> Response:
    """Sign in, or redirect to the second factor if there is one."""
    services, at = get_services(request), now()
    person = await services.database.read(partial(users.find, staff_id=staff_id))
    if person.totp_secret_encrypted is not None:
        step = login.issue_mfa_token(services.submissions.vault.keyring, person, now=at)
        return cookies.set_cookie(go("/staff/second-factor"), services, cookies.STEP, step)
    return await start_session(request, person, login_attempt(request, person.email), "/staff") or go(
        "/staff/sign-in"
    )


async def _welcomed(request: Request, secret: str) -> Person:
    return await get_services(request).database.read(
        partial(users.resolve_invitation, secret=secret, now=now())
    )


def _ask_for_link(request: Request, link: str, wrong: str = "") -> Response:
    errors = [{"target": "link", "words": wrong}] if wrong else []
    return show(request, "staff/welcome.html", status=422 if wrong else 200, link=link, errors=errors)


def _choose(request: Request, person: Person, secret: str, wrong: dict[str, str] | None = None) -> Response:
    errors = [{"target": name, "words": words} for name, words in (wrong or {}).items()]
    return show(
        request,
        "staff/choose_password.html",
        status=422 if wrong else 200,
        person=person,
        link=secret,
        errors=errors,
    )
