"""Signing in and out: password, second factor, and password confirmation before sensitive actions.

Responsible for: the pages for these three steps. Never: reveals which part of a login attempt was wrong,
hashes the password of a throttled attempt, or reuses a session secret from before sign-in.
"""

from functools import partial

from fastapi import APIRouter, Request, Response

from app.clock import now
from app.errors import Problem, SessionEnded, TooMany
from app.services.auth import login, sessions, users
from app.services.auth.login import Try
from app.storage.auth.users import Person
from app.storage.events.audit_log import Actor
from app.web.dependencies import request_id, rooms
from app.web.html import form_security
from app.web.http import client_address
from app.web.staff import cookies
from app.web.staff.access_control import (
    StaffRoute,
    anybody,
    before_second_factor,
    safe,
    signed_in,
    towards,
)
from app.web.staff.layout import actor, go, show, signed

router = APIRouter(include_in_schema=False, route_class=StaffRoute)
WRONG = "The e-mail address and the password do not belong together. Check both, and try again."
WRONG_CODE = "This code does not fit, or was used before. Wait for the next one, and try again."
WRONG_PASSWORD = "This is not your password. Check it, and try again."  # noqa: S105 - a message
LONGEST_EMAIL = 254


# --- the password ----------------------------------------------------------------------------------


@router.get("/staff/sign-in")
@anybody
async def ask(request: Request) -> Response:
    """The form for e-mail address and password."""
    onward = safe(request.query_params.get("next", ""))
    if request.scope.get("signed"):
        return go(onward)
    came_from_elsewhere = request.headers.get("sec-fetch-site") == "cross-site"
    return _ask(request, onward, again=came_from_elsewhere)


@router.post("/staff/sign-in")
@anybody
async def enter(request: Request) -> Response:
    """Sign in, or continue to the second factor."""
    here, given, at = rooms(request), await form_security.fields(request), now()
    onward, password = safe(form_security.one(given, "next")), form_security.one(given, "password")
    email = users.address(form_security.one(given, "email"))[: LONGEST_EMAIL + 1]
    who, keyring = trying(request, email), here.desk.vault.keyring
    try:
        found = await here.database.write(partial(login.let_try, keyring=keyring, who=who, now=at))
    except TooMany as problem:
        return _too_many(_ask(request, onward, email, problem.detail, status=429), problem)
    person = found if found and found.active else None
    if not await here.passwords.verify(password, person.password_hash if person else None) or not person:
        await here.database.write(partial(login.fail, person=found, now=at, actor=stranger(request)))
        return _ask(request, onward, email, WRONG, status=422)
    if person.totp is not None:
        step = login.step(keyring, person, now=at)
        return cookies.put(go(towards("/staff/second-factor", onward)), here, cookies.STEP, step)
    return await opened(request, person, who, onward) or _ask(request, onward, email, WRONG, status=422)


async def opened(request: Request, person: Person, who: Try, onward: str) -> Response | None:
    """Redirect with a new session under a new secret; None if this user may no longer sign in."""
    here, secret = rooms(request), users.new_secret()
    work = partial(
        login.open_session,
        keyring=here.desk.vault.keyring,
        person=person,
        who=who,
        secret=secret,
        now=now(),
        actor=stranger(request),
    )
    if not await here.database.write(work):
        return None
    return let_in(request, secret, onward)


def let_in(request: Request, secret: str, onward: str) -> Response:
    """Redirect with the cookie of a new session."""
    here = rooms(request)
    response = cookies.put(go(onward), here, cookies.SESSION, secret)
    return cookies.put(response, here, cookies.STEP, "")


def _ask(
    request: Request, onward: str, email: str = "", wrong: str = "", *, status: int = 200, again: bool = False
) -> Response:
    errors = [{"target": "email", "words": wrong}] if wrong else []
    return show(
        request,
        "staff/sign_in.html",
        status=status,
        onward=onward,
        email=email[:LONGEST_EMAIL],
        again=again,
        errors=errors,
    )


# --- the second factor -----------------------------------------------------------------------------


@router.get("/staff/second-factor")
@anybody
async def ask_for_code(request: Request) -> Response:
    """The form for a code from the authenticator app, or a recovery code."""
    onward = safe(request.query_params.get("next", ""))
    try:
        await _stepped(request)
    except SessionEnded:
        return go(towards("/staff/sign-in", onward))
    return _ask_for_code(request, onward)


@router.post("/staff/second-factor")
@anybody
async def enter_with_code(request: Request) -> Response:
    """Sign in with a code."""
    here, given, at = rooms(request), await form_security.fields(request), now()
    onward, keyring, person = (
        safe(form_security.one(given, "next")),
        here.desk.vault.keyring,
        await _stepped(request),
    )
    who, secret = trying(request, person.email), users.new_secret()
    try:
        await here.database.write(partial(login.let_try, keyring=keyring, who=who, now=at, code=True))
    except TooMany as problem:
        return _too_many(_ask_for_code(request, onward, problem.detail, status=429), problem)
    work = partial(
        login.open_with_code,
        keyring=keyring,
        person=person,
        code=form_security.one(given, "code"),
        who=who,
        secret=secret,
        now=at,
        actor=stranger(request),
    )
    if not await here.database.write(work):
        return _ask_for_code(request, onward, WRONG_CODE, status=422)
    return let_in(request, secret, onward)


async def _stepped(request: Request) -> Person:
    here, held = rooms(request), cookies.read(request, cookies.STEP)
    work = partial(login.stepped, keyring=here.desk.vault.keyring, held=held, now=now())
    return await here.database.read(work)


def _ask_for_code(request: Request, onward: str, wrong: str = "", *, status: int = 200) -> Response:
    errors = [{"target": "code", "words": wrong}] if wrong else []
    return show(request, "staff/second_factor.html", status=status, onward=onward, errors=errors)


# --- confirming the password -----------------------------------------------------------------------


@router.get("/staff/confirm")
@signed_in
@before_second_factor
async def ask_again(request: Request) -> Response:
    """The form to confirm the password before a sensitive action."""
    return _ask_again(request, safe(request.query_params.get("next", "")))


@router.post("/staff/confirm")
@signed_in
@before_second_factor
async def confirm(request: Request) -> Response:
    """Confirm the password; the confirmation is valid for five minutes."""
    here, given = rooms(request), await form_security.fields(request)
    onward = safe(form_security.one(given, "next"))
    try:
        person = await known(request, form_security.one(given, "password"))
    except TooMany as problem:
        return _too_many(_ask_again(request, onward, problem.detail, status=429), problem)
    if person is None:
        return _ask_again(request, onward, WRONG_PASSWORD, status=422)
    work = partial(
        login.confirm,
        person=person,
        session_id=signed(request).session_id,
        who=trying(request, person.email),
        keyring=here.desk.vault.keyring,
        now=now(),
        actor=actor(request),
    )
    await here.database.write(work)
    return go(onward)


async def known(request: Request, password: str) -> Person | None:
    """The signed-in user if the password is correct, else None. Raises TooMany."""
    here, at, who = rooms(request), now(), trying(request, signed(request).email)
    keyring = here.desk.vault.keyring
    person = await here.database.write(partial(login.let_try, keyring=keyring, who=who, now=at))
    if person and await here.passwords.verify(password, person.password_hash):
        return person
    await here.database.write(partial(login.fail, person=person, now=at, actor=actor(request)))
    return None


def _ask_again(request: Request, onward: str, wrong: str = "", *, status: int = 200) -> Response:
    errors = [{"target": "password", "words": wrong}] if wrong else []
    return show(request, "staff/confirm.html", status=status, onward=onward, errors=errors)


# --- signing out -----------------------------------------------------------------------------------


@router.post("/staff/sign-out")
@signed_in
@before_second_factor
async def leave(request: Request) -> Response:
    """End the session on the server, and delete the browser's cookies and storage."""
    here, who = rooms(request), signed(request)
    work = partial(
        sessions.sign_out,
        staff_id=who.staff.id,
        session_id=who.session_id,
        now=now(),
        actor=actor(request),
    )
    await here.database.write(work)
    response = cookies.put(go("/staff/sign-in"), here, cookies.SESSION, "")
    cookies.put(response, here, cookies.STEP, "")
    response.headers["clear-site-data"] = '"cookies", "storage"'
    return response


# --- callers ---------------------------------------------------------------------------------------


def trying(request: Request, email: str) -> Try:
    """The login attempt: its e-mail address and its network."""
    address = client_address.client(request.scope, rooms(request).settings.proxies)
    return Try(email, client_address.network(address))


def stranger(request: Request) -> Actor:
    """A user who is not signed in yet, for the audit log."""
    return Actor("staff", None, request_id(request))


def _too_many(response: Response, problem: Problem) -> Response:
    response.headers["retry-after"] = str(problem.retry_after)
    return response
