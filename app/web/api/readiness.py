"""/v1/readiness: whether the questionnaire of a booking is done.

Responsible for: the state of one booking or of a day's list, with ETag for cheap polling, and long polling.
Never: returns more than a state, an edition and a few times, or reveals whether a booking exists.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic_core import to_json

from app import errors
from app.clock import format_timestamp, now
from app.services.auth.authorization import require_scope
from app.services.bookings import readiness
from app.services.bookings.readiness import Readiness
from app.web.api.events import Wait
from app.web.dependencies import get_services
from app.web.http.content_negotiation import conditional, unchanged
from app.web.openapi.document import ETAG, IF_NONE_MATCH, UNCHANGED, answers, problems
from app.web.schemas import bookings as schemas
from app.web.schemas.submissions import BookingReference

router = APIRouter(prefix="/v1/readiness", tags=["bookings"])
MAX_REFERENCES = 200
READING = (errors.Unauthenticated, errors.Forbidden, errors.InvalidRequest, errors.Unavailable)
ASKING: dict[str, Any] = {"security": [{"api_key": []}], "parameters": [IF_NONE_MATCH]}
TIMES = ("updated_at", "submitted_at", "appointment_at")
Told = Callable[[list[Readiness]], Any]


@router.get(
    "",
    operation_id="of_many_v1_readiness_get",
    response_model=schemas.ReadinessList,
    openapi_extra=ASKING,
    responses=answers(headers=ETAG) | UNCHANGED | problems(*READING),
)
async def list_readiness(
    request: Request,
    booking_reference: Annotated[list[BookingReference], Query(min_length=1, max_length=MAX_REFERENCES)],
    wait: Wait = 0,
) -> Response:
    """List the readiness of a day's bookings, in the order requested; at most 200 at once."""
    return await _answer(request, booking_reference, wait, lambda told: {"readiness": [*map(_one, told)]})


@router.get(
    "/{booking_reference}",
    operation_id="of_one_v1_readiness__booking_reference__get",
    response_model=schemas.ReadinessOut,
    openapi_extra=ASKING,
    responses=answers(headers=ETAG) | UNCHANGED | problems(*READING),
)
async def get_readiness(
    request: Request, booking_reference: Annotated[BookingReference, Path()], wait: Wait = 0
) -> Response:
    """Get whether the questionnaire of a booking is done. `not_started` also if the booking is unknown.

    With If-None-Match and `wait` the response comes once the state has changed, or 304 when the time is over.
    The newest submission that was submitted counts, else the newest draft. In place of a merged submission,
    the one it was merged into counts.
    """
    return await _answer(request, [booking_reference], wait, lambda told: _one(told[0]))


async def _answer(request: Request, references: Sequence[str], wait: int, told: Told) -> Response:
    """Return the document; with `wait`, wait while the client already has the current one."""
    here = get_services(request)
    principal = require_scope(await here.authenticator.authenticate(request), "bookings")
    fresh_for, test = here.settings.fresh_for, principal.key.test

    async def look() -> tuple[bytes, dict[str, str]]:
        work = partial(
            readiness.get_readiness, references=references, test=test, fresh_for=fresh_for, now=now()
        )
        content = to_json(told(await here.database.read(work)))
        tag = f'"{hashlib.sha256(content).hexdigest()[:16]}"'
        return content, {"etag": tag, "cache-control": "no-store"}

    content, headers = await here.long_poller.until(
        request, look, fits=lambda found: not unchanged(request, found[1]["etag"]), seconds=wait
    )
    return conditional(request, content, "application/json", headers)


def _one(found: Readiness) -> dict[str, Any]:
    times = {name: format_timestamp(at) if (at := getattr(found, name)) else None for name in TIMES}
    return asdict(found) | times
