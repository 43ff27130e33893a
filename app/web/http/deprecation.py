"""Deprecation of a route: it is announced for a while before the route is removed.

Responsible for: `Deprecation` (RFC 9745), `Sunset` (RFC 8594) and their link on every response of a route,
and `deprecated` in the OpenAPI document. Never: accepts a sunset before the deprecation. The one route in
`Lane` bypasses the dependencies that routes declare; to deprecate it, take it out of `Lane` first.
"""

import datetime as dt
from email.utils import format_datetime
from typing import Any

from fastapi import Depends, Request

from app.web.http.rate_limits import FIELDS


def deprecated(*, since: dt.datetime, sunset: dt.datetime | None = None, link: str = "") -> dict[str, Any]:
    """Return the arguments that a route's decorator takes.

    Use: `@router.get("/old", **deprecated(since=…, sunset=…, link=…))`.
    `link`: a page that says what to use instead. Raises ValueError if the sunset precedes the deprecation.
    """
    if sunset is not None and sunset < since:
        raise ValueError("A route is deprecated before its sunset.")
    fields = [(b"deprecation", f"@{int(since.timestamp())}".encode())]
    if sunset is not None:
        fields.append((b"sunset", format_datetime(sunset.astimezone(dt.UTC), usegmt=True).encode()))
    if link:
        fields.append((b"link", f'<{link}>; rel="deprecation"; type="text/html"'.encode()))

    async def add_headers(request: Request) -> None:
        request.scope.setdefault(FIELDS, []).extend(fields)

    return {"deprecated": True, "dependencies": [Depends(add_headers)]}
