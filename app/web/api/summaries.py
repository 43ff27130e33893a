"""/v1/submissions/{id}/summary and /verification: the summary, and whether it can be reproduced.

Never: returns the summary of a draft, or media types other than JSON, HTML and plain text.
"""

from fastapi import APIRouter, Request, Response

from app import errors
from app.services.submissions.verification import require_submitted, verify
from app.web.api.submissions import read_one
from app.web.dependencies import get_services
from app.web.html import summary_view as pages
from app.web.http.content_negotiation import etag, media_type
from app.web.http.responses import READ_PROBLEMS, json_response
from app.web.openapi.document import ACCESS, ETAG, answers, problems
from app.web.schemas import serializers, submissions

router = APIRouter(prefix="/v1/submissions", tags=["submissions"])
OFFERED = ("application/json", "text/html", "text/plain")


@router.get(
    "/{submission}/summary",
    response_model=submissions.Summary,
    openapi_extra={"security": ACCESS},
    responses=answers(headers=ETAG, content={kind: {"schema": {"type": "string"}} for kind in OFFERED[1:]})
    | problems(*READ_PROBLEMS, errors.NotAcceptable, errors.NotSubmitted),
)
async def read_summary(request: Request, submission: str) -> Response:
    """Get "Things to discuss with a clinician", by Accept as JSON, as a page or as plain text."""
    kind = media_type(request, OFFERED)
    principal, drawn = await read_one(request, submission)
    require_submitted(drawn)
    summary = drawn.summary()
    headers = etag(drawn.record.version) | {"vary": "Accept"}
    if kind == "application/json":
        return json_response(summary | serializers.staff_fields(drawn, principal), headers=headers)
    render = pages.html if kind == "text/html" else pages.text
    zone = get_services(request).settings.clinic_time_zone
    page = render(drawn.edition, summary, kept_until=drawn.record.retained_until, zone=zone)
    return Response(page, 200, headers | {"cache-control": "no-store"}, kind)


@router.get(
    "/{submission}/verification",
    response_model=submissions.Verification,
    openapi_extra={"security": ACCESS},
    responses=problems(*READ_PROBLEMS, errors.NotSubmitted),
)
async def read_verification(request: Request, submission: str) -> Response:
    """Verify that the stored submission gives the same summary, byte for byte; list any differences."""
    _, drawn = await read_one(request, submission)
    return json_response(verify(drawn))
