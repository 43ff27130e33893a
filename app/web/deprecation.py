"""How a route is given up: first it says so for a while, then it goes.

Office: `Deprecation` (RFC 9745), `Sunset` (RFC 8594) and their link on every answer of a route, and
`deprecated` in the description. Refuses: a sunset before the deprecation. The one route in the lane goes past
what routes declare; to give that up, take it out of the lane first.
"""

import datetime as dt
from email.utils import format_datetime
from typing import Any

from fastapi import Depends, Request

from app.web.rates import FIELDS


def deprecated(*, since: dt.datetime, sunset: dt.datetime | None = None, link: str = "") -> dict[str, Any]:
    """What a route's decorator takes: `@router.get("/old", **deprecated(since=…, sunset=…, link=…))`.

    `link`: a page that says what to use instead. Raises ValueError for a sunset that comes first.
    """
    if sunset is not None and sunset < since:
        raise ValueError("A route is deprecated before its sunset.")
    fields = [(b"deprecation", f"@{int(since.timestamp())}".encode())]
    if sunset is not None:
        fields.append((b"sunset", format_datetime(sunset.astimezone(dt.UTC), usegmt=True).encode()))
    if link:
        fields.append((b"link", f'<{link}>; rel="deprecation"; type="text/html"'.encode()))

    async def tell(request: Request) -> None:
        request.scope.setdefault(FIELDS, []).extend(fields)

    return {"deprecated": True, "dependencies": [Depends(tell)]}
