"""GET /v1/articles/{article}/passages/{passage}: one passage with its cautions.

Never: shows the public a passage that may not be cited, or only under a condition. For the same reason there
is no view of the whole article.
"""

from fastapi import APIRouter, Request, Response
from pydantic_core import to_json

from app.errors import Forbidden, NotFound, Unauthenticated
from app.services.auth.authorization import has_scope
from app.web.dependencies import get_services
from app.web.http.content_negotiation import language
from app.web.openapi.document import ACCEPT_LANGUAGE, problems
from app.web.schemas import serializers, submissions

router = APIRouter(prefix="/v1/articles", tags=["articles"])


@router.get(
    "/{article}/passages/{passage}",
    response_model=submissions.PassageOut,
    openapi_extra={"parameters": [ACCEPT_LANGUAGE], "security": [{}, {"api_key": []}]},
    responses=problems(Unauthenticated, Forbidden, NotFound),
)
async def read_passage(request: Request, article: str, passage: str) -> Response:
    """Get a passage that may be cited. Keys with the scope review get any passage, with its policy."""
    principal = await get_services(request).authenticator.authenticate_optional(request)
    staff = principal is not None and has_scope(principal, "review")
    edition = get_services(request).library.article(article)
    passages = edition.article.passages if edition else ()
    found = next((each for each in passages if each.id == passage), None)
    citable = found is not None and found.may_be_cited("full") and found.only_if is None
    if edition is None or found is None or not (staff or citable):
        raise NotFound("There is no such passage that may be cited.")
    document = serializers.passage(edition, found.id, language(request, edition), staff=staff)
    cache = "no-store" if staff else "public, max-age=300"
    headers = {"cache-control": cache, "vary": "Accept-Language, Authorization"}
    return Response(to_json(document), 200, headers, "application/json")
