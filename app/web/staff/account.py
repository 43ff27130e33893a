"""The signed-in staff user's own account: password, second factor and open sessions.

Responsible for: what every staff user may change in their own account. Never: changes the account of another
user, and never removes a second factor that a role requires.
"""

import io
from collections.abc import Callable
from functools import partial
from typing import Any

from fastapi import APIRouter, Request, Response
from markupsafe import Markup

from app.clock import now
from app.errors import Forbidden, InvalidRequest, TooManyRequests
from app.services.auth import sessions, two_factor, users
from app.storage.auth import users as people
from app.storage.auth.users import Person
from app.storage.db.database import Session
from app.web.dependencies import get_services
from app.web.html import form_security
from app.web.staff.access_control import (
    StaffRoute,
    before_second_factor,
    requires_fresh_login,
    requires_login,
)
from app.web.staff.invitations import refused
from app.web.staff.layout import actor, current_staff, go, show
from app.web.staff.login import WRONG_PASSWORD, verify_current_password

router = APIRouter(include_in_schema=False, route_class=StaffRoute)


@router.get("/staff/account")
@requires_login
async def account(request: Request) -> Response:
    """The account page: password, second factor, sessions."""
    return await _account(request)


@router.post("/staff/account/password")
@requires_login
async def change_password(request: Request) -> Response:
    """Change the password; all other sessions end."""
    services, given, who = get_services(request), await form_security.fields(request), current_staff(request)
    password = form_security.first(given, "password")
    wrong = refused(request, who.email, who.name, password, form_security.first(given, "again"))
    try:
        if (
            not wrong
            and await verify_current_password(request, form_security.first(given, "current")) is None
        ):
            wrong = {"current": WRONG_PASSWORD}
    except TooManyRequests as problem:
        response = await _account(request, {"current": problem.detail}, status=429)
        response.headers["retry-after"] = str(problem.retry_after)
        return response
    if wrong:
        return await _account(request, wrong, status=422)
    work = partial(
        users.set_password,
        staff_id=who.staff.id,
        password_hash=await services.passwords.hash(password),
        but=who.session_id,
        now=now(),
        actor=actor(request),
    )
    await services.database.write(work)
    return go("/staff/account?done=password")


@router.post("/staff/account/sessions")
@requires_login
async def end_sessions(request: Request) -> Response:
    """End one session, or all but the current one."""
    who, session_id = (
        current_staff(request),
        form_security.first(await form_security.fields(request), "session"),
    )
    act: Callable[..., object] = partial(sessions.end, session_id=session_id)
    if session_id == "others":
        act = partial(sessions.end_other_sessions, but=who.session_id)
    work = partial(act, staff_id=who.staff.id, now=now(), actor=actor(request))
    await get_services(request).database.write(work)
    return go("/staff/account?done=sessions")


async def _account(request: Request, wrong: dict[str, str] | None = None, *, status: int = 200) -> Response:
    services, who = get_services(request), current_staff(request)
    found = await services.database.read(partial(_own, staff_id=who.staff.id, at=now()))
    errors = [{"target": name, "words": words} for name, words in (wrong or {}).items()]
    needed = bool(services.settings.two_factor_required & set(who.roles))
    done = request.query_params.get("done", "")
    return show(
        request, "staff/account.html", status=status, errors=errors, needed=needed, done=done, **found
    )


def _own(session: Session, *, staff_id: str, at: Any) -> dict[str, Any]:
    person = users.find(session, staff_id)
    return {
        "person": person,
        "codes_left": people.count_recovery_codes(session, staff_id),
        "sessions": sessions.list_active(session, staff_id, now=at),
    }


# --- the second factor -----------------------------------------------------------------------------


@router.get("/staff/second-factor/set-up")
@requires_fresh_login
@before_second_factor
async def offer_factor(request: Request) -> Response:
    """The QR code for the authenticator app, and the form for the first code."""
    keyring = get_services(request).submissions.vault.keyring
    return _offer(request, two_factor.new_enrolment(keyring, current_staff(request).staff.id))


@router.post("/staff/second-factor/set-up")
@requires_fresh_login
@before_second_factor
async def set_factor_up(request: Request) -> Response:
    """Enable the second factor; the recovery codes are shown only once."""
    services, given, who = get_services(request), await form_security.fields(request), current_staff(request)
    offer = form_security.first(given, "offer")
    work = partial(
        two_factor.enrol,
        keyring=services.submissions.vault.keyring,
        staff_id=who.staff.id,
        offer_text=offer,
        code=form_security.first(given, "code"),
        now=now(),
        actor=actor(request),
    )
    try:
        codes = await services.database.write(work)
    except InvalidRequest as problem:
        return _offer(request, offer, problem.detail)
    return show(request, "staff/recovery_codes.html", codes=codes)


@router.post("/staff/account/recovery-codes")
@requires_fresh_login
async def make_codes(request: Request) -> Response:
    """Create new recovery codes; they are shown only once."""
    if not (await _person(request)).totp_secret_encrypted:
        raise Forbidden("Recovery codes belong to a second factor; set one up first.")
    work = partial(
        two_factor.regenerate_recovery_codes,
        staff_id=current_staff(request).staff.id,
        now=now(),
        actor=actor(request),
    )
    return show(request, "staff/recovery_codes.html", codes=await get_services(request).database.write(work))


@router.post("/staff/account/second-factor/remove")
@requires_fresh_login
async def remove_factor(request: Request) -> Response:
    """Remove the second factor, if no role requires it."""
    services, who = get_services(request), current_staff(request)
    if services.settings.two_factor_required & set(who.roles):
        raise Forbidden("Your role needs a second factor. You can set up another one in its place.")
    work = partial(two_factor.disable, staff_id=who.staff.id, now=now(), actor=actor(request))
    await services.database.write(work)
    return go("/staff/account?done=removed")


async def _person(request: Request) -> Person:
    return await get_services(request).database.read(
        partial(users.find, staff_id=current_staff(request).staff.id)
    )


def _offer(request: Request, offer: str, wrong: str = "") -> Response:
    services, who = get_services(request), current_staff(request)
    secret = two_factor.read_enrolment(services.submissions.vault.keyring, who.staff.id, offer)
    errors = [{"target": "code", "words": wrong}] if wrong else []
    address = two_factor.otpauth_uri(secret or b"", who.email, services.settings.clinic_name or "preconsult")
    return show(
        request,
        "staff/set_up_factor.html",
        status=422 if wrong else 200,
        offer=offer,
        picture=_picture(address),
        key=two_factor.format_secret(secret or b""),
        errors=errors,
    )


def _picture(address: str) -> Markup:
    """A QR code as an SVG element without styles."""
    import segno  # noqa: PLC0415 - only needed to set up a second factor

    image = io.BytesIO()
    segno.make(address, error="m", micro=False).save(
        image, kind="svg", xmldecl=False, svgns=True, omitsize=True, svgclass=None, lineclass=None, border=2,
        title="A picture for the app; the key below says the same",
    )  # fmt: skip
    return Markup(image.getvalue().decode().replace("<svg ", '<svg role="img" ', 1))  # noqa: S704 - made here, from an address created here
