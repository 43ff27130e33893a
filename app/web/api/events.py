"""/v1/events: the event feed, for API clients that follow it.

Responsible for: returning events from a cursor on, with long polling on request. Never: accepts cursors that
are not of this feed, or shows events of attention to keys without the scope review.
"""

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response

from app import errors
from app.services.auth.authorization import ApiClient, has_scope
from app.services.events import event_types, outbox
from app.services.events.outbox import EventPage
from app.storage.events.outbox import EventFilter
from app.web.api.dependencies import CurrentServices, RequireScope
from app.web.http import pagination
from app.web.http.api_route import ApiRoute, describe
from app.web.http.long_polling import MAX_WAIT_SECONDS
from app.web.http.responses import json_response
from app.web.openapi.document import answers
from app.web.schemas import bookings as schemas

router = APIRouter(prefix="/v1/events", tags=["events"], route_class=ApiRoute)
Wait = Annotated[
    int, Query(ge=0, le=MAX_WAIT_SECONDS, description="Seconds to wait for something to tell (long polling).")
]


@router.get("", response_model=schemas.EventPage, responses=answers())
@describe(errors.CursorGone, errors.InvalidRequest)
async def follow(
    request: Request,
    services: CurrentServices,
    client: Annotated[ApiClient, Depends(RequireScope("events"))],
    after: Annotated[str | None, Query(max_length=200, description="`next` of the read before.")] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    type: Annotated[list[schemas.Type] | None, Query(max_length=20)] = None,  # noqa: A002
    wait: Wait = 0,
) -> Response:
    """List events, oldest first: without `after` from the oldest retained event, else from the cursor on.

    Store `next` after you have processed the events: if you read on from there, no event is skipped or
    repeated. Events are retained for at least PRECONSULT_EVENT_RETENTION_DAYS days; a cursor older than
    that gets 410. In that case, read the state of what you follow from /v1/readiness or /v1/submissions, and
    continue from `next` of a read without `after`.
    """
    place = None if after is None else pagination.decode_position(after)
    wanted = EventFilter(client.key.is_test, has_scope(client, "review"), tuple(type or ()))
    work = partial(outbox.list_events, after=place, wanted=wanted, limit=limit)
    read = partial(services.database.read, work)
    found = await services.long_poller.until(request, read, fits=lambda page: bool(page.events), seconds=wait)
    return json_response(_serialize(found))


def _serialize(page: EventPage) -> dict[str, Any]:
    return {
        "events": [event_types.event_payload(each) for each in page.events],
        "next": pagination.encode_position(page.next),
        "more": page.more,
    }
