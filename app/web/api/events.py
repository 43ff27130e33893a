"""/v1/events: the event feed, for API clients that follow it.

Responsible for: returning events from a cursor on, with long polling on request. Never: accepts cursors that
are not of this feed, or shows events of attention to keys without the scope review.
"""

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from app import errors
from app.services.auth.authorization import has_scope, require_scope
from app.services.events import event_types, outbox
from app.services.events.outbox import EventPage
from app.storage.events.outbox import EventFilter
from app.web.dependencies import get_services
from app.web.http import pagination
from app.web.http.long_polling import MAX_WAIT_SECONDS
from app.web.http.responses import json_response
from app.web.openapi.document import answers, problems
from app.web.schemas import bookings as schemas

router = APIRouter(prefix="/v1/events", tags=["events"])
Wait = Annotated[
    int, Query(ge=0, le=MAX_WAIT_SECONDS, description="Seconds to wait for something to tell (long polling).")
]


@router.get(
    "",
    response_model=schemas.EventPage,
    openapi_extra={"security": [{"api_key": []}]},
    responses=answers()
    | problems(
        errors.Unauthenticated, errors.Forbidden, errors.CursorGone, errors.InvalidRequest, errors.Unavailable
    ),
)
async def follow(
    request: Request,
    after: Annotated[str | None, Query(max_length=200, description="`next` of the read before.")] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    type: Annotated[list[schemas.Type] | None, Query(max_length=20)] = None,  # noqa: A002
    wait: Wait = 0,
) -> Response:
    """List events, oldest first: without `after` from the oldest retained event, else from the cursor on.

    Store `next` after you have processed the events: if you read on from there, no event is skipped or
    repeated. Events are retained for at least PRECONSULT_EVENT_RETENTION_DAYS days; a cursor older than
    that gets 410. In that case, read the state of what you follow from /v1/readiness or /v1/submissions, and continue from
    `next` of a read without `after`.
    """
    here = get_services(request)
    principal = require_scope(await here.authenticator.authenticate(request), "events")
    place = None if after is None else pagination.decode_position(after)
    wanted = EventFilter(principal.key.test, has_scope(principal, "review"), tuple(type or ()))
    look = partial(here.database.read, partial(outbox.list_events, after=place, wanted=wanted, limit=limit))
    found = await here.long_poller.until(request, look, fits=lambda told: bool(told.events), seconds=wait)
    return json_response(_serialize(found))


def _serialize(stretch: EventPage) -> dict[str, Any]:
    return {
        "events": [event_types.event_payload(each) for each in stretch.events],
        "next": pagination.encode_position(stretch.next),
        "more": stretch.more,
    }
