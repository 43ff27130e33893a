"""/v1/readiness: whether the questionnaire of a booking is done.

Responsible for: the state of one booking or of a day's list, with ETag for cheap polling, and long polling.
Never: returns more than a state, an edition and a few times, or reveals whether a booking exists.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic_core import to_json

from app import errors
from app.clock import format_timestamp, now
from app.services.auth.authorization import ApiClient
from app.services.bookings import readiness
from app.services.bookings.readiness import Readiness
from app.web.api.dependencies import Conditional, ConditionalResponse, RequireScope
from app.web.api.events import Wait
from app.web.dependencies import get_services
from app.web.http.api_route import ApiRoute, describe
from app.web.openapi.document import ETAG, answers
from app.web.schemas import bookings as schemas
from app.web.schemas.submissions import BookingReference

router = APIRouter(prefix="/v1/readiness", tags=["bookings"], route_class=ApiRoute)
MAX_REFERENCES = 200
TIMES = ("updated_at", "submitted_at", "appointment_at")
BookingClient = Annotated[ApiClient, Depends(RequireScope("bookings"))]
References = Annotated[list[BookingReference], Query(min_length=1, max_length=MAX_REFERENCES)]
Document = Callable[[list[Readiness]], Any]


@router.get(
    "",
    operation_id="of_many_v1_readiness_get",
    response_model=schemas.ReadinessList,
    responses=answers(headers=ETAG),
)
@describe(errors.InvalidRequest)
async def list_readiness(
    request: Request,
    client: BookingClient,
    conditional: ConditionalResponse,
    booking_reference: References,
    wait: Wait = 0,
) -> Response:
    """List the readiness of a day's bookings, in the order requested; at most 200 at once."""

    def document(found: list[Readiness]) -> Any:
        return {"readiness": [*map(_one, found)]}

    return await _respond(request, client, conditional, booking_reference, wait, document)


@router.get(
    "/{booking_reference}",
    operation_id="of_one_v1_readiness__booking_reference__get",
    response_model=schemas.ReadinessOut,
    responses=answers(headers=ETAG),
)
@describe(errors.InvalidRequest)
async def get_readiness(
    request: Request,
    client: BookingClient,
    conditional: ConditionalResponse,
    booking_reference: Annotated[BookingReference, Path()],
    wait: Wait = 0,
) -> Response:
    """Get whether the questionnaire of a booking is done. `not_started` also if the booking is unknown.

    With If-None-Match and `wait` the response comes once the state has changed, or 304 when the time is over.
    The newest submission that was submitted counts, else the newest draft. In place of a merged submission,
    the one it was merged into counts.
    """
    return await _respond(
        request, client, conditional, [booking_reference], wait, lambda found: _one(found[0])
    )


async def _respond(
    request: Request,
    client: ApiClient,
    conditional: Conditional,
    references: Sequence[str],
    wait: int,
    document: Document,
) -> Response:
    """Return the document; with `wait`, wait while the client already has the current one."""
    services = get_services(request)
    fresh_for, test = services.settings.fresh_for, client.key.is_test

    async def read() -> tuple[bytes, dict[str, str]]:
        work = partial(
            readiness.get_readiness, references=references, test=test, fresh_for=fresh_for, now=now()
        )
        content = to_json(document(await services.database.read(work)))
        tag = f'"{hashlib.sha256(content).hexdigest()[:16]}"'
        return content, {"etag": tag, "cache-control": "no-store"}

    content, headers = await services.long_poller.until(
        request, read, fits=lambda found: not conditional.has(found[1]["etag"]), seconds=wait
    )
    return conditional.respond(content, "application/json", headers)


def _one(found: Readiness) -> dict[str, Any]:
    times = {name: format_timestamp(at) if (at := getattr(found, name)) else None for name in TIMES}
    return asdict(found) | times
