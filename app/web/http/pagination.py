"""Opaque cursors and the address of the next page (RFC 8288).

Responsible for: reading a page of a list from a query, and the link to the next page. Never: accepts a cursor
that is not in the format it writes.
"""

import base64
import datetime as dt
import json
import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request

from app.errors import FieldError, InvalidRequest
from app.services.events import outbox
from app.storage.submissions.listing import ListQuery, Place
from app.storage.submissions.submissions import ID

POSITION, TAG = re.compile(r"[0-9]{1,18}"), re.compile(r"[0-9a-f]{0,8}")


def parse_list_query(
    limit: int, cursor: str | None, *, updated_after: str | None, **filters: Any
) -> ListQuery:
    """Return the page that a list query asks for. Raises Unprocessable."""
    since = None if updated_after is None else parse_timestamp("updated_after", updated_after)
    after = None if cursor is None else _decoded(cursor, 1 if since is None else 2)
    return ListQuery(limit=limit, updated_after=since, after=after, **filters)


def next_url(request: Request, place: Place | None) -> str | None:
    """Return the address of the page after `place`, or None if there is no place."""
    return None if place is None else _address(request, place)


def decode_id(cursor: str | None) -> str | None:
    """Return the last id of the previous page, for a list in id order. Raises Unprocessable."""
    return None if cursor is None else _decoded(cursor, 1)[0]


def next_url_by_id(request: Request, last: str) -> str:
    """Return the address of the page after the one that ends with the id `last`."""
    return _address(request, [last])


def encode_position(place: outbox.FeedCursor) -> str:
    """Encode a position in the event feed as a cursor."""
    return _packed([str(place.position), place.tag])


def decode_position(cursor: str) -> outbox.FeedCursor:
    """Decode a cursor of the event feed. Raises Unprocessable."""
    place = _loaded(cursor)
    if len(place) == 2 and POSITION.fullmatch(place[0]) and TAG.fullmatch(place[1]):
        return outbox.FeedCursor(int(place[0]), place[1])
    raise _refused("after", "Take the cursor from `next`.")


def parse_timestamp(name: str, text: str) -> dt.datetime:
    """Return the time given in the member `name`, in UTC, to the millisecond. Raises Unprocessable."""
    detail = "Give an RFC 3339 time with its zone, as 2026-11-22T09:30:00Z."
    try:
        at = dt.datetime.fromisoformat(text)
        if at.tzinfo is None:
            raise _refused(name, detail)
        return at.astimezone(dt.UTC).replace(microsecond=at.microsecond // 1000 * 1000)
    except (ValueError, OverflowError):
        raise _refused(name, detail) from None


def _decoded(cursor: str, size: int) -> tuple[str, ...]:
    detail, place = "Take the cursor from `next`, with the same filters.", _loaded(cursor)
    if len(place) != size or not ID.fullmatch(place[-1]):
        raise _refused("cursor", detail)
    if size == 2:
        parse_timestamp("cursor", place[0])
    return tuple(place)


def _loaded(cursor: str) -> list[str]:
    """Return the strings in a cursor; empty if the cursor is not an encoded list of strings."""
    try:
        place = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, RecursionError):
        return []
    fine = isinstance(place, list) and all(isinstance(part, str) for part in place)
    return place if fine else []


def _packed(place: Sequence[str]) -> str:
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode().rstrip("=")


def _address(request: Request, place: Sequence[str]) -> str:
    query = [(name, value) for name, value in request.query_params.multi_items() if name != "cursor"]
    return f"{request.url.path}?{urlencode([*query, ('cursor', _packed(place))])}"


def _refused(name: str, detail: str) -> InvalidRequest:
    return InvalidRequest(detail, errors=[FieldError(f"/{name}", "invalid", detail)])
