"""API keys, for administrators: listing them with their scopes, creating and revoking them.

Responsible for: the list, the form for a new key, and confirmation before one is revoked. Never: shows a key
twice.
"""

import datetime as dt
import re
from functools import partial
from typing import Any

from fastapi import APIRouter, Request, Response

from app.clock import now
from app.errors import NotFound, StartupError
from app.services.auth import api_keys
from app.services.auth.api_keys import NewApiKey
from app.services.auth.authorization import SCOPES
from app.storage.auth import api_keys as rows
from app.storage.auth.api_keys import ApiKey
from app.web.dependencies import get_services
from app.web.html import form_security
from app.web.staff.access_control import StaffRoute, permission
from app.web.staff.layout import actor, go, show

router = APIRouter(include_in_schema=False, route_class=StaffRoute)
ID = re.compile(r"[0-9A-Za-z]{8}")
DAYS = re.compile(r"[0-9]{1,4}")
MAX_LIST_LENGTH, MAX_DAYS, DEFAULT_DAYS = 2000, 3650, "365"
FIELDS = ("name", "origins", "cidrs", "days")


@router.get("/staff/keys")
@permission("keys")
async def listed(request: Request) -> Response:
    """Every key, and a form for a new one."""
    return await _listed(request)


@router.post("/staff/keys")
@permission("keys")
async def make(request: Request) -> Response:
    """Create a key; it is shown only once."""
    given = await form_security.fields(request)
    try:
        wanted = _wanted(given)
        work = partial(api_keys.create, wanted=wanted, now=now(), actor=actor(request))
        made = await get_services(request).database.write(work)
    except StartupError as refused:
        return await _listed(request, str(refused), given)
    return show(request, "staff/api_key_made.html", made=made, name=wanted.name, test=wanted.test)


@router.get("/staff/keys/{key_id}")
@permission("keys")
async def one(request: Request, key_id: str) -> Response:
    """One key, with a request to confirm before it is revoked."""
    return show(request, "staff/api_key.html", **_line(await _key(request, key_id), now()))


@router.post("/staff/keys/{key_id}/revoke")
@permission("keys")
async def revoke(request: Request, key_id: str) -> Response:
    """Revoke a key; every process refuses it within a second."""
    key = await _key(request, key_id)
    if key.revoked_at is None:  # a repeated request has no further effect
        work = partial(api_keys.revoke, key_id=key.id, now=now(), actor=actor(request))
        try:
            await get_services(request).database.write(work)
        except StartupError:  # revoked by another request in the meantime
            return go("/staff/keys")
    return go("/staff/keys")


async def _key(request: Request, key_id: str) -> ApiKey:
    """The key with this id. Raises NotFound."""
    known = ID.fullmatch(key_id)  # a malformed id is not queried: it may contain a NUL
    key = await get_services(request).database.read(partial(rows.fetch, key_id=key_id)) if known else None
    if key is None:
        raise NotFound("There is no such API key.")
    return key


def _wanted(given: form_security.Fields) -> NewApiKey:
    """The new key as requested. Raises Refusal."""
    name, origins, cidrs, days = (form_security.first(given, each).strip() for each in FIELDS)
    if not name.isprintable():
        raise StartupError("A name is text, without control characters.")
    if len(origins) > MAX_LIST_LENGTH or len(cidrs) > MAX_LIST_LENGTH:
        raise StartupError(f"Origins and networks have at most {MAX_LIST_LENGTH:,} characters each.")
    if days and not (DAYS.fullmatch(days) and 1 <= int(days) <= MAX_DAYS):
        raise StartupError(
            f"A key lives a whole number of days, at most {MAX_DAYS:,}; empty means without end."
        )
    return NewApiKey(
        name,
        given.get("scope", []),
        test=form_security.first(given, "test") == "1",
        origins=_several(origins),
        cidrs=_several(cidrs),
        days=int(days) if days else None,
    )


def _several(text: str) -> list[str]:
    return [each for each in re.split(r"[\s,]+", text) if each]


async def _listed(request: Request, refused: str = "", given: form_security.Fields | None = None) -> Response:
    every, at = await get_services(request).database.read(rows.list_all), now()
    lines = sorted((_line(key, at) for key in every), key=lambda line: line["state"] != "live")
    typed = {name: form_security.first(given or {}, name)[:MAX_LIST_LENGTH] for name in FIELDS}
    return show(
        request,
        "staff/api_keys.html",
        status=422 if refused else 200,
        lines=lines,
        scopes=SCOPES,
        given=typed if given else typed | {"days": DEFAULT_DAYS},
        chosen=(given or {}).get("scope", []),
        test=form_security.first(given or {}, "test") == "1",
        errors=[{"target": "new", "words": refused}] if refused else [],
    )


def _line(key: ApiKey, at: dt.datetime) -> dict[str, Any]:
    state = "revoked" if key.revoked_at else "live" if key.is_live(at) else "expired"
    return {"key": key, "state": state}
