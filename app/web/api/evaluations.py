"""POST /v1/evaluations: the summary of answers that are not stored.

Never: stores anything, or logs more than that the request happened.
"""

from fastapi import APIRouter, Request, Response

from app.clock import format_timestamp, now
from app.errors import (
    ContentTooLarge,
    Forbidden,
    InvalidAnswers,
    InvalidRequest,
    MalformedJson,
    RequestTimeout,
    Unauthenticated,
    Unavailable,
    UnsupportedMediaType,
)
from app.services.auth.authorization import require_scope
from app.services.submissions import assessment
from app.web.api.submissions import edition_for, to_input
from app.web.dependencies import get_services
from app.web.http.request_body import read_json
from app.web.http.responses import json_response
from app.web.openapi.document import EXAMPLE_ANSWERS, body, problems
from app.web.schemas import serializers, submissions

router = APIRouter(prefix="/v1/evaluations", tags=["evaluations"])
EXAMPLE = {"questionnaire": "ketamine-preconsult", "answers": EXAMPLE_ANSWERS}


@router.post(
    "",
    response_model=submissions.EvaluationOut,
    openapi_extra=body(submissions.EvaluationIn, example=EXAMPLE) | {"security": [{"api_key": []}]},
    responses=problems(
        MalformedJson, Unauthenticated, Forbidden, RequestTimeout, ContentTooLarge, UnsupportedMediaType,
        InvalidAnswers, InvalidRequest, Unavailable,
    ),
)  # fmt: skip
async def evaluate(request: Request) -> Response:
    """Get the summary that a submission of these answers would have. Nothing is stored."""
    principal = await get_services(request).authenticator.authenticate(request)
    require_scope(principal, "submissions:write", "review")
    wanted, _ = await read_json(request, submissions.EvaluationIn)
    edition = edition_for(request, wanted)
    language = edition.language(wanted.language)
    _, evaluation = assessment.validate_and_evaluate(edition, to_input(wanted), language)
    summary = edition.summarise(evaluation, language) | {"made_at": format_timestamp(now())}
    return json_response(serializers.evaluation(edition, evaluation, summary, principal))
