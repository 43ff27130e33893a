"""/v1/submissions/{id}/summary and /verification: the summary, and whether it can be reproduced.

Never: returns the summary of a draft, or media types other than JSON, HTML and plain text.
"""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from app import errors
from app.services.submissions.verification import require_submitted, verify
from app.web.api.dependencies import AnyPrincipal, CurrentServices
from app.web.api.submissions import StoredSubmission
from app.web.html import summary_view as pages
from app.web.http.api_route import ApiRoute, describe
from app.web.http.content_negotiation import etag, media_type
from app.web.http.responses import json_response
from app.web.openapi.document import ETAG, answers
from app.web.schemas import serializers, submissions

router = APIRouter(prefix="/v1/submissions", tags=["submissions"], route_class=ApiRoute)
OFFERED = ("application/json", "text/html", "text/plain")


@describe(errors.NotAcceptable)
async def summary_type(request: Request) -> str:
    """Return the media type of the summary, by Accept. Raises NotAcceptable."""
    return media_type(request, OFFERED)


@router.get(
    "/{submission}/summary",
    response_model=submissions.Summary,
    responses=answers(headers=ETAG, content={kind: {"schema": {"type": "string"}} for kind in OFFERED[1:]}),
)
@describe(errors.NotSubmitted)
async def read_summary(
    kind: Annotated[str, Depends(summary_type)],
    stored: StoredSubmission,
    principal: AnyPrincipal,
    services: CurrentServices,
) -> Response:
    """Get "Things to discuss with a clinician", by Accept as JSON, as a page or as plain text."""
    require_submitted(stored)
    summary = stored.summary()
    headers = etag(stored.record.version) | {"vary": "Accept"}
    if kind == "application/json":
        return json_response(summary | serializers.staff_fields(stored, principal), headers=headers)
    render = pages.html if kind == "text/html" else pages.text
    zone = services.settings.clinic_time_zone
    page = render(stored.edition, summary, kept_until=stored.record.retained_until, zone=zone)
    return Response(page, 200, headers | {"cache-control": "no-store"}, kind)


@router.get("/{submission}/verification", response_model=submissions.Verification)
@describe(errors.NotSubmitted)
async def read_verification(stored: StoredSubmission) -> Response:
    """Verify that the stored submission gives the same summary, byte for byte; list any differences."""
    return json_response(verify(stored))
