"""POST /v1/evaluations: the summary of answers that are not stored.

Never: stores anything, or logs more than that the request happened.
"""

from fastapi import APIRouter, Request, Response

from app.errors import (
    Forbidden,
    InvalidAnswers,
    MalformedJson,
    TooLarge,
    TooSlow,
    Unauthenticated,
    Unavailable,
    Unprocessable,
    UnsupportedMediaType,
)
from app.services import drawn
from app.services.access import require_scope
from app.web import representation, schemas
from app.web.api.submissions import answer, edition_for, given_by
from app.web.body import read_json
from app.web.deps import now, rooms
from app.web.openapi import EXAMPLE_ANSWERS, body, problems

router = APIRouter(prefix="/v1/evaluations", tags=["evaluations"])
EXAMPLE = {"questionnaire": "ketamine-preconsult", "answers": EXAMPLE_ANSWERS}


@router.post(
    "",
    response_model=schemas.Evaluated,
    openapi_extra=body(schemas.EvaluationIn, example=EXAMPLE) | {"security": [{"api_key": []}]},
    responses=problems(
        MalformedJson, Unauthenticated, Forbidden, TooSlow, TooLarge, UnsupportedMediaType,
        InvalidAnswers, Unprocessable, Unavailable,
    ),
)  # fmt: skip
async def evaluate(request: Request) -> Response:
    """Get the summary that a submission of these answers would have. Nothing is stored."""
    principal = await rooms(request).doorkeeper.admit(request)
    require_scope(principal, "submissions:write", "review")
    wanted, _ = await read_json(request, schemas.EvaluationIn)
    edition = edition_for(request, wanted)
    language = edition.language(wanted.language)
    _, evaluation = drawn.judge(edition, given_by(wanted), language)
    summary = edition.summarise(evaluation, language) | {"made_at": drawn.stamp(now())}
    return answer(representation.evaluated(edition, evaluation, summary, principal))
