"""/v1/events: the event feed, for API clients that follow it.

Responsible for: returning events from a cursor on, with long polling on request. Never: accepts cursors that
are not of this feed, or shows events of attention to keys without the scope review.
"""

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from app import errors
from app.services import events, feed
from app.services.access import has_scope, require_scope
from app.services.feed import Stretch
from app.storage.events import Wanted
from app.web import booking_schemas as schemas
from app.web import cursors
from app.web.api.submissions import answer
from app.web.deps import rooms
from app.web.openapi import answers, problems
from app.web.waiting import LONGEST

router = APIRouter(prefix="/v1/events", tags=["events"])
Wait = Annotated[
    int, Query(ge=0, le=LONGEST, description="Seconds to wait for something to tell (long polling).")
]


@router.get(
    "",
    response_model=schemas.EventPage,
    openapi_extra={"security": [{"api_key": []}]},
    responses=answers()
    | problems(
        errors.Unauthenticated, errors.Forbidden, errors.CursorGone, errors.Unprocessable, errors.Unavailable
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
    repeated. Events are retained for at least PRECONSULT_EVENTS_DAYS days; a cursor older than that gets 410.
    In that case, read the state of what you follow from /v1/readiness or /v1/submissions, and continue from
    `next` of a read without `after`.
    """
    here = rooms(request)
    principal = require_scope(await here.doorkeeper.admit(request), "events")
    place = None if after is None else cursors.from_place(after)
    wanted = Wanted(principal.key.test, has_scope(principal, "review"), tuple(type or ()))
    look = partial(here.database.read, partial(feed.read, after=place, wanted=wanted, limit=limit))
    found = await here.waiting.until(request, look, fits=lambda told: bool(told.events), seconds=wait)
    return answer(_told(found))


def _told(stretch: Stretch) -> dict[str, Any]:
    return {
        "events": [events.document(each) for each in stretch.events],
        "next": cursors.to_place(stretch.next),
        "more": stretch.more,
    }
