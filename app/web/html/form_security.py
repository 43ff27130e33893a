"""Security of the form pages: cookies, request bodies, CSRF tokens and origin checks.

Responsible for: the session cookie, the form body, tokens against forged requests, and the signed instance
id of a new form. Never: accepts requests from pages of other sites, or bodies that are not forms.
"""

import datetime as dt
import re
import secrets
from collections.abc import Mapping
from functools import partial
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response

from app.clock import now
from app.errors import BadRequest, Forbidden, SessionEnded, UnsupportedMediaType
from app.services.submissions import form_sessions
from app.services.submissions.assessment import Assessment
from app.web.dependencies import Services, get_services

SESSION, LANGUAGE, HANDOFF = "preconsult_form", "preconsult_language", "preconsult_handoff"
COOKIE_MAX_AGE = {HANDOFF: 3600}  # seconds; the other cookies end with the browser session
MAX_FIELDS = 400
QUICKEST, OLDEST = dt.timedelta(seconds=2), dt.timedelta(hours=24)
PATH = re.compile(r"/form(/[a-z0-9][a-z0-9.-]*)*(\?[a-z]+=1(&[a-z]+=1)*)?")
Fields = Mapping[str, list[str]]


# --- cookies ---------------------------------------------------------------------------------------


def session_cookie(request: Request) -> str | None:
    """The value of the session cookie."""
    return request.cookies.get(_name(get_services(request), SESSION))


def language_cookie(request: Request) -> str | None:
    """The language chosen on this device."""
    return request.cookies.get(_name(get_services(request), LANGUAGE))


def handoff_cookie(request: Request) -> str | None:
    """The secret of the one-time link whose button was pressed on this device."""
    return request.cookies.get(_name(get_services(request), HANDOFF))


def set_cookie(response: Response, services: Services, name: str, value: str) -> Response:
    """Set an HttpOnly cookie; an empty value deletes it.

    It ends with the browser session, or after the seconds in `LIVES`. If the form may be framed by another
    site, the cookie is partitioned (CHIPS): a frame on another site receives only partitioned cookies, and
    each embedding site has its own copy.
    """
    secure, framed = _secure(services), _framed(services)
    parts = [f"{_name(services, name)}={value}", "Path=/", "HttpOnly"]
    parts += ["SameSite=None", "Secure", "Partitioned"] if framed else ["SameSite=Lax"]
    parts += ["Secure"] if secure and not framed else []
    if not value or name in COOKIE_MAX_AGE:
        parts.append(f"Max-Age={COOKIE_MAX_AGE[name] if value else 0}")
    response.headers.append("set-cookie", "; ".join(parts))
    return response


def _framed(services: Services) -> bool:
    return bool(services.settings.frame_ancestors)


def _secure(services: Services) -> bool:
    return services.settings.public_url.scheme == "https" or _framed(services)


def _name(services: Services, name: str) -> str:
    return f"__Host-{name}" if _secure(services) else name


# --- sessions --------------------------------------------------------------------------------------


def session_expiry(services: Services, at: dt.datetime) -> dt.datetime:
    """When a session ends if a page is sent at `at`."""
    return at + dt.timedelta(minutes=services.settings.form_session_minutes)


async def load_session(request: Request) -> tuple[str, Assessment] | None:
    """The session's secret and its submission; None without an open session."""
    services, held, at = get_services(request), session_cookie(request), now()
    if not held:
        return None
    try:
        assessment = await services.database.read(
            partial(form_sessions.read, submission_service=services.submissions, secret=held, now=at)
        )
    except SessionEnded:
        return None
    return held, assessment


# --- forms -----------------------------------------------------------------------------------------


async def fields(request: Request) -> Fields:
    """The form body as field name to values, in order. Raises UnsupportedMediaType and BadRequest."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise UnsupportedMediaType("Send the form as application/x-www-form-urlencoded.")
    body = await request.body()
    found: dict[str, list[str]] = {}
    try:
        pairs = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, max_num_fields=MAX_FIELDS, errors="strict"
        )
    except ValueError:
        raise BadRequest("This is no form, or one of too many fields.") from None
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return found


def first(given: Fields, name: str) -> str:
    """The first value of a field; empty if there is none."""
    return given.get(name, [""])[0]


def extract_secret(given: Fields) -> str:
    """The secret from a pasted link, or the secret itself."""
    return re.split(r"[#/]", first(given, "link").strip())[-1]


def require_same_origin(request: Request) -> None:
    """Refuse a request made by a page of another site. Raises Forbidden.

    Browsers report the origin in Sec-Fetch-Site; older ones send Origin, or neither: then only the token
    decides.
    """
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if site not in (None, "same-origin", "none"):
        raise Forbidden("This form was sent from another website.")
    foreign = origin not in (None, "null") and origin.partition("://")[2] != request.headers.get("host")
    if site is None and foreign:
        raise Forbidden("This form was sent from another website.")


def from_our_page(request: Request) -> bool:
    """Does the browser itself report that a page of this service sent the request?"""
    return request.headers.get("sec-fetch-site") == "same-origin"


def require_csrf(request: Request, given: Fields, held: str) -> None:
    """Refuse a form that this service did not create for this session. Raises Forbidden."""
    require_same_origin(request)
    if not is_valid_csrf(get_services(request), given, held):
        raise Forbidden("This form belongs to another session; open the page again.")


def is_valid_csrf(services: Services, given: Fields, held: str) -> bool:
    """Does the form carry the CSRF token of that session?"""
    return services.submissions.vault.keyring.signed("form token", held.encode(), first(given, "token"))


def csrf_token(services: Services, held: str) -> str:
    """The CSRF token for the forms of this session."""
    return services.submissions.vault.keyring.sign("form token", held.encode())


def new_form_id(services: Services, at: dt.datetime) -> str:
    """The signed id of a new form: `<milliseconds>.<nonce>.<signature>`. It is also the idempotency key."""
    stem = f"{int(at.timestamp() * 1000)}.{secrets.token_urlsafe(16)}"
    return f"{stem}.{services.submissions.vault.keyring.sign('form instance', stem.encode())}"


def form_age(services: Services, text: str, at: dt.datetime) -> dt.timedelta | None:
    """The time since a form was created; None if its signature is invalid or it is too old to start with."""
    made, _, rest = text.partition(".")
    nonce, _, signature = rest.partition(".")
    if not services.submissions.vault.keyring.signed("form instance", f"{made}.{nonce}".encode(), signature):
        return None
    passed = at - dt.datetime.fromtimestamp(int(made) / 1000, dt.UTC)
    return passed if dt.timedelta(0) <= passed + dt.timedelta(seconds=5) and passed < OLDEST else None


def return_path(request: Request) -> str:
    """The page to return to after a change of language, with only the necessary query parameters."""
    query = "&".join(f"{name}=1" for name in ("check", "new", "changed") if name in request.query_params)
    found = request.url.path + (f"?{query}" if query else "")
    return found if PATH.fullmatch(found) and request.method == "GET" else "/form/go-on"
