"""Opaque cursors and the address of the next page (RFC 8288).

Office: a page of a list from a query, and the way on. Refuses: cursors it did not write.
"""

import base64
import binascii
import datetime as dt
import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request

from app.errors import Error, Unprocessable
from app.storage.submissions import ID, Listed, Page


def page(limit: int, cursor: str | None, *, updated_after: str | None, **filters: Any) -> Page:
    """The page a list asks for, one row longer to see whether there is more. Raises Unprocessable."""
    since = None if updated_after is None else _time(updated_after)
    after = None if cursor is None else _decoded(cursor, 1 if since is None else 2)
    return Page(limit=limit + 1, updated_after=since, after=after, **filters)


def following(request: Request, asked: Page, rows: Sequence[Listed]) -> str | None:
    """The address of the page after `rows`, or None when this is the last."""
    if len(rows) < asked.limit:
        return None
    last = rows[asked.limit - 2]
    place = [last.id] if asked.updated_after is None else [last.updated_at.isoformat(), last.id]
    query = [(name, value) for name, value in request.query_params.multi_items() if name != "cursor"]
    packed = base64.urlsafe_b64encode(json.dumps(place).encode()).decode().rstrip("=")
    return f"{request.url.path}?{urlencode([*query, ('cursor', packed)])}"


def _time(text: str) -> dt.datetime:
    told = "Give an RFC 3339 time with its zone, as 2026-11-22T09:30:00Z."
    try:
        at = dt.datetime.fromisoformat(text)
        if at.tzinfo is None:
            raise _refused("updated_after", told)
        return at.astimezone(dt.UTC)
    except (ValueError, OverflowError):
        raise _refused("updated_after", told) from None


def _decoded(cursor: str, size: int) -> tuple[str, ...]:
    try:
        place = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if isinstance(place, list) and len(place) == size and all(isinstance(part, str) for part in place):
            if size == 2:
                _time(place[0])
            if ID.fullmatch(place[-1]):
                return tuple(place)
    except (ValueError, binascii.Error, Unprocessable):
        pass
    raise _refused("cursor", "Take the cursor from `next`, with the same filters.")


def _refused(name: str, told: str) -> Unprocessable:
    return Unprocessable(told, errors=[Error(f"/{name}", "invalid", told)])
