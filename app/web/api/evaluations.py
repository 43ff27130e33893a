"""POST /v1/evaluations: the summary of answers that are not stored.

Never: stores anything, or logs more than that the request happened.
"""

from typing import Annotated

from fastapi import APIRouter, Depends, Response

from app.clock import format_timestamp, now
from app.errors import InvalidAnswers
from app.services.auth.authorization import ApiClient
from app.services.submissions import assessment
from app.web.api.dependencies import CurrentServices, RequireScope
from app.web.api.submissions import edition_for, to_input
from app.web.http.api_route import ApiRoute, describe
from app.web.http.responses import json_response
from app.web.openapi.document import EXAMPLE_ANSWERS, example
from app.web.schemas import serializers, submissions

router = APIRouter(prefix="/v1/evaluations", tags=["evaluations"], route_class=ApiRoute)
EXAMPLE = {"questionnaire": "ketamine-preconsult", "answers": EXAMPLE_ANSWERS}


@router.post("", response_model=submissions.EvaluationOut, openapi_extra=example(EXAMPLE))
@describe(InvalidAnswers)
async def evaluate(
    body: submissions.EvaluationIn,
    services: CurrentServices,
    client: Annotated[ApiClient, Depends(RequireScope("submissions:write", "review"))],
) -> Response:
    """Get the summary that a submission of these answers would have. Nothing is stored."""
    edition = edition_for(services, body)
    language = edition.language(body.language)
    _, evaluation = assessment.validate_and_evaluate(edition, to_input(body), language)
    summary = edition.summarise(evaluation, language) | {"made_at": format_timestamp(now())}
    return json_response(serializers.evaluation(edition, evaluation, summary, client))
