"""The door of the form: cookies, signed forms, and whether a request comes from our own pages.

Office: the session's cookie, the form body, tokens against forged requests, the signed instance of a fresh
form. Refuses: requests from other sites' pages, and bodies that are no form.
"""

import datetime as dt
import re
import secrets
from collections.abc import Mapping
from functools import partial
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response

from app.errors import BadRequest, Forbidden, SessionEnded, UnsupportedMediaType
from app.services import forms
from app.services.drawn import Drawn
from app.web.deps import Rooms, now, rooms

SESSION, LANGUAGE, HANDOFF = "preconsult_form", "preconsult_language", "preconsult_handoff"
LIVES = {HANDOFF: 3600}  # seconds; the others end with the browser
MOST_FIELDS = 400
QUICKEST, OLDEST = dt.timedelta(seconds=2), dt.timedelta(hours=24)
PATH = re.compile(r"/form(/[a-z0-9][a-z0-9.-]*)*(\?[a-z]+=1(&[a-z]+=1)*)?")
Fields = Mapping[str, list[str]]


# --- cookies ---------------------------------------------------------------------------------------


def secret(request: Request) -> str | None:
    """What the session's cookie holds."""
    return request.cookies.get(_name(rooms(request), SESSION))


def language(request: Request) -> str | None:
    """The language chosen on this device."""
    return request.cookies.get(_name(rooms(request), LANGUAGE))


def handoff(request: Request) -> str | None:
    """The secret of the one-time link whose button was pressed on this device."""
    return request.cookies.get(_name(rooms(request), HANDOFF))


def remember(response: Response, here: Rooms, name: str, value: str) -> Response:
    """Set a cookie that scripts can't read and that ends with the browser; empty takes it away.

    In a frame on another site only a partitioned cookie arrives (CHIPS); it tells sites apart.
    """
    secure, framed = _secure(here), _framed(here)
    parts = [f"{_name(here, name)}={value}", "Path=/", "HttpOnly"]
    parts += ["SameSite=None", "Secure", "Partitioned"] if framed else ["SameSite=Lax"]
    parts += ["Secure"] if secure and not framed else []
    if not value or name in LIVES:
        parts.append(f"Max-Age={LIVES[name] if value else 0}")
    response.headers.append("set-cookie", "; ".join(parts))
    return response


def _framed(here: Rooms) -> bool:
    return bool(here.settings.frame_ancestors)


def _secure(here: Rooms) -> bool:
    return here.settings.public_url.scheme == "https" or _framed(here)


def _name(here: Rooms, name: str) -> str:
    return f"__Host-{name}" if _secure(here) else name


# --- sessions --------------------------------------------------------------------------------------


def until(here: Rooms, at: dt.datetime) -> dt.datetime:
    """When a session ends in which a page is sent now."""
    return at + dt.timedelta(minutes=here.settings.form_session_minutes)


async def look(request: Request) -> tuple[str, Drawn] | None:
    """The session's secret and what it opens, or None."""
    here, held, at = rooms(request), secret(request), now()
    if not held:
        return None
    try:
        drawn = await here.database.read(partial(forms.read, desk=here.desk, secret=held, now=at))
    except SessionEnded:
        return None
    return held, drawn


# --- forms -----------------------------------------------------------------------------------------


async def fields(request: Request) -> Fields:
    """The body of a form: name to values in order. Raises UnsupportedMediaType and BadRequest."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise UnsupportedMediaType("Send the form as application/x-www-form-urlencoded.")
    body = await request.body()
    found: dict[str, list[str]] = {}
    try:
        pairs = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, max_num_fields=MOST_FIELDS, errors="strict"
        )
    except ValueError:
        raise BadRequest("This is no form, or one of too many fields.") from None
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return found


def one(given: Fields, name: str) -> str:
    """The first value of a field, empty when there is none."""
    return given.get(name, [""])[0]


def pasted(given: Fields) -> str:
    """The secret in a link that was pasted whole, or alone."""
    return re.split(r"[#/]", one(given, "link").strip())[-1]


def guard_origin(request: Request) -> None:
    """Refuse a request that another site's page has made. Raises Forbidden.

    Browsers tell by Sec-Fetch-Site; older ones by Origin, or not at all: then the token decides.
    """
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if site not in (None, "same-origin", "none"):
        raise Forbidden("This form was sent from another website.")
    foreign = origin not in (None, "null") and origin.partition("://")[2] != request.headers.get("host")
    if site is None and foreign:
        raise Forbidden("This form was sent from another website.")


def from_our_page(request: Request) -> bool:
    """Does the browser itself say that a page of ours has sent this?"""
    return request.headers.get("sec-fetch-site") == "same-origin"


def guard(request: Request, given: Fields, held: str) -> None:
    """Refuse a form that is not one of ours, made for this session. Raises Forbidden."""
    guard_origin(request)
    if not signed(rooms(request), given, held):
        raise Forbidden("This form belongs to another session; open the page again.")


def signed(here: Rooms, given: Fields, held: str) -> bool:
    """Does this form carry the token of that session?"""
    return here.desk.vault.keyring.signed("form token", held.encode(), one(given, "token"))


def token(here: Rooms, held: str) -> str:
    """What a form of this session carries, to tell it from a forged one."""
    return here.desk.vault.keyring.sign("form token", held.encode())


def instance(here: Rooms, at: dt.datetime) -> str:
    """A fresh form, signed: `<milliseconds>.<nonce>.<signature>`. It doubles as the key of idempotency."""
    stem = f"{int(at.timestamp() * 1000)}.{secrets.token_urlsafe(16)}"
    return f"{stem}.{here.desk.vault.keyring.sign('form instance', stem.encode())}"


def age(here: Rooms, text: str, at: dt.datetime) -> dt.timedelta | None:
    """How long ago a form was made; None when it is not ours or too old to be begun."""
    made, _, rest = text.partition(".")
    nonce, _, signature = rest.partition(".")
    if not here.desk.vault.keyring.signed("form instance", f"{made}.{nonce}".encode(), signature):
        return None
    passed = at - dt.datetime.fromtimestamp(int(made) / 1000, dt.UTC)
    return passed if dt.timedelta(0) <= passed + dt.timedelta(seconds=5) and passed < OLDEST else None


def path(request: Request) -> str:
    """Where a change of language comes back to: a page of ours, without anything it does not need."""
    query = "&".join(f"{name}=1" for name in ("check", "new", "changed") if name in request.query_params)
    found = request.url.path + (f"?{query}" if query else "")
    return found if PATH.fullmatch(found) and request.method == "GET" else "/form/go-on"
