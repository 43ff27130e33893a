"""Signing in and out: password, second factor, and password confirmation before sensitive actions.

Responsible for: the pages for these three steps. Never: reveals which part of a login attempt was wrong,
hashes the password of a throttled attempt, or reuses a session secret from before sign-in.
"""

from functools import partial

from fastapi import APIRouter, Request, Response

from app.clock import now
from app.errors import Problem, SessionEnded, TooManyRequests
from app.services.auth import login, sessions, users
from app.services.auth.login import LoginAttempt
from app.storage.auth.users import Person
from app.storage.events.audit_log import Actor
from app.web.dependencies import get_services, request_id
from app.web.html import form_security
from app.web.http import client_address
from app.web.staff import cookies
from app.web.staff.access_control import (
    StaffRoute,
    before_second_factor,
    public,
    requires_login,
    safe_redirect,
    with_next,
)
from app.web.staff.layout import actor, current_staff, go, show

router = APIRouter(include_in_schema=False, route_class=StaffRoute)
WRONG = "The e-mail address and the password do not belong together. Check both, and try again."
WRONG_CODE = "This code does not fit, or was used before. Wait for the next one, and try again."
WRONG_PASSWORD = "This is not your password. Check it, and try again."  # noqa: S105 - a message
MAX_EMAIL_LENGTH = 254


# --- the password ----------------------------------------------------------------------------------


@router.get("/staff/sign-in")
@public
async def login_page(request: Request) -> Response:
    """The form for e-mail address and password."""
    onward = safe_redirect(request.query_params.get("next", ""))
    if request.scope.get("signed"):
        return go(onward)
    came_from_elsewhere = request.headers.get("sec-fetch-site") == "cross-site"
    return _ask(request, onward, again=came_from_elsewhere)


@router.post("/staff/sign-in")
@public
async def sign_in(request: Request) -> Response:
    """Sign in, or continue to the second factor."""
    services, given, at = get_services(request), await form_security.fields(request), now()
    onward, password = (
        safe_redirect(form_security.first(given, "next")),
        form_security.first(given, "password"),
    )
    email = users.normalise_email(form_security.first(given, "email"))[: MAX_EMAIL_LENGTH + 1]
    who, keyring = login_attempt(request, email), services.submissions.vault.keyring
    try:
        found = await services.database.write(partial(login.throttle, keyring=keyring, who=who, now=at))
    except TooManyRequests as problem:
        return _too_many(_ask(request, onward, email, problem.detail, status=429), problem)
    person = found if found and found.active else None
    if not await services.passwords.verify(password, person.password_hash if person else None) or not person:
        await services.database.write(
            partial(login.record_failure, person=found, now=at, actor=anonymous_actor(request))
        )
        return _ask(request, onward, email, WRONG, status=422)
    if person.totp_secret_encrypted is not None:
        step = login.issue_mfa_token(keyring, person, now=at)
        return cookies.set_cookie(go(with_next("/staff/second-factor", onward)), services, cookies.STEP, step)
    return await start_session(request, person, who, onward) or _ask(
        request, onward, email, WRONG, status=422
    )


async def start_session(request: Request, person: Person, who: LoginAttempt, onward: str) -> Response | None:
    """Redirect with a new session under a new secret; None if this user may no longer sign in."""
    services, secret = get_services(request), users.new_secret()
    work = partial(
        login.start_session,
        keyring=services.submissions.vault.keyring,
        person=person,
        who=who,
        secret=secret,
        now=now(),
        actor=anonymous_actor(request),
    )
    if not await services.database.write(work):
        return None
    return session_response(request, secret, onward)


def session_response(request: Request, secret: str, onward: str) -> Response:
    """Redirect with the cookie of a new session."""
    services = get_services(request)
    response = cookies.set_cookie(go(onward), services, cookies.SESSION, secret)
    return cookies.set_cookie(response, services, cookies.STEP, "")


def _ask(
    request: Request, onward: str, email: str = "", wrong: str = "", *, status: int = 200, again: bool = False
) -> Response:
    errors = [{"target": "email", "words": wrong}] if wrong else []
    return show(
        request,
        "staff/sign_in.html",
        status=status,
        onward=onward,
        email=email[:MAX_EMAIL_LENGTH],
        again=again,
        errors=errors,
    )


# --- the second factor -----------------------------------------------------------------------------


@router.get("/staff/second-factor")
@public
async def ask_for_code(request: Request) -> Response:
    """The form for a code from the authenticator app, or a recovery code."""
    onward = safe_redirect(request.query_params.get("next", ""))
    try:
        await _stepped(request)
    except SessionEnded:
        return go(with_next("/staff/sign-in", onward))
    return _ask_for_code(request, onward)


@router.post("/staff/second-factor")
@public
async def enter_with_code(request: Request) -> Response:
    """Sign in with a code."""
    services, given, at = get_services(request), await form_security.fields(request), now()
    onward, keyring, person = (
        safe_redirect(form_security.first(given, "next")),
        services.submissions.vault.keyring,
        await _stepped(request),
    )
    who, secret = login_attempt(request, person.email), users.new_secret()
    try:
        await services.database.write(partial(login.throttle, keyring=keyring, who=who, now=at, code=True))
    except TooManyRequests as problem:
        return _too_many(_ask_for_code(request, onward, problem.detail, status=429), problem)
    work = partial(
        login.start_session_with_code,
        keyring=keyring,
        person=person,
        code=form_security.first(given, "code"),
        who=who,
        secret=secret,
        now=at,
        actor=anonymous_actor(request),
    )
    if not await services.database.write(work):
        return _ask_for_code(request, onward, WRONG_CODE, status=422)
    return session_response(request, secret, onward)


async def _stepped(request: Request) -> Person:
    services, held = get_services(request), cookies.get_cookie(request, cookies.STEP)
    work = partial(login.read_mfa_token, keyring=services.submissions.vault.keyring, held=held, now=now())
    return await services.database.read(work)


def _ask_for_code(request: Request, onward: str, wrong: str = "", *, status: int = 200) -> Response:
    errors = [{"target": "code", "words": wrong}] if wrong else []
    return show(request, "staff/second_factor.html", status=status, onward=onward, errors=errors)


# --- confirming the password -----------------------------------------------------------------------


@router.get("/staff/confirm")
@requires_login
@before_second_factor
async def reauthenticate_page(request: Request) -> Response:
    """The form to confirm the password before a sensitive action."""
    return _ask_again(request, safe_redirect(request.query_params.get("next", "")))


@router.post("/staff/confirm")
@requires_login
@before_second_factor
async def confirm(request: Request) -> Response:
    """Confirm the password; the confirmation is valid for five minutes."""
    services, given = get_services(request), await form_security.fields(request)
    onward = safe_redirect(form_security.first(given, "next"))
    try:
        person = await verify_current_password(request, form_security.first(given, "password"))
    except TooManyRequests as problem:
        return _too_many(_ask_again(request, onward, problem.detail, status=429), problem)
    if person is None:
        return _ask_again(request, onward, WRONG_PASSWORD, status=422)
    work = partial(
        login.confirm,
        person=person,
        session_id=current_staff(request).session_id,
        who=login_attempt(request, person.email),
        keyring=services.submissions.vault.keyring,
        now=now(),
        actor=actor(request),
    )
    await services.database.write(work)
    return go(onward)


async def verify_current_password(request: Request, password: str) -> Person | None:
    """The signed-in user if the password is correct, else None. Raises TooMany."""
    services, at, who = get_services(request), now(), login_attempt(request, current_staff(request).email)
    keyring = services.submissions.vault.keyring
    person = await services.database.write(partial(login.throttle, keyring=keyring, who=who, now=at))
    if person and await services.passwords.verify(password, person.password_hash):
        return person
    await services.database.write(partial(login.record_failure, person=person, now=at, actor=actor(request)))
    return None


def _ask_again(request: Request, onward: str, wrong: str = "", *, status: int = 200) -> Response:
    errors = [{"target": "password", "words": wrong}] if wrong else []
    return show(request, "staff/confirm.html", status=status, onward=onward, errors=errors)


# --- signing out -----------------------------------------------------------------------------------


@router.post("/staff/sign-out")
@requires_login
@before_second_factor
async def logout(request: Request) -> Response:
    """End the session on the server, and delete the browser's cookies and storage."""
    services, who = get_services(request), current_staff(request)
    work = partial(
        sessions.sign_out,
        staff_id=who.staff.id,
        session_id=who.session_id,
        now=now(),
        actor=actor(request),
    )
    await services.database.write(work)
    response = cookies.set_cookie(go("/staff/sign-in"), services, cookies.SESSION, "")
    cookies.set_cookie(response, services, cookies.STEP, "")
    response.headers["clear-site-data"] = '"cookies", "storage"'
    return response


# --- callers ---------------------------------------------------------------------------------------


def login_attempt(request: Request, email: str) -> LoginAttempt:
    """The login attempt: its e-mail address and its network."""
    address = client_address.client_address(request.scope, get_services(request).settings.proxies)
    return LoginAttempt(email, client_address.client_network(address))


def anonymous_actor(request: Request) -> Actor:
    """A user who is not signed in yet, for the audit log."""
    return Actor("staff", None, request_id(request))


def _too_many(response: Response, problem: Problem) -> Response:
    response.headers["retry-after"] = str(problem.retry_after)
    return response
