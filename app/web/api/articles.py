"""GET /v1/articles/{article}/passages/{passage}: one passage with its cautions.

Never: shows the public a passage that may not be cited, or only under a condition. For the same reason there
is no view of the whole article.
"""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from pydantic_core import to_json

from app.errors import Forbidden, NotFound, Unauthenticated
from app.services.auth.authorization import Principal, has_scope
from app.web.api.dependencies import CurrentServices, Languages
from app.web.dependencies import get_services
from app.web.http.api_route import ApiRoute, describe
from app.web.schemas import serializers, submissions

router = APIRouter(prefix="/v1/articles", tags=["articles"], route_class=ApiRoute)


@describe(Unauthenticated, Forbidden)
async def optional_principal(request: Request) -> Principal | None:
    """Return the principal, None without credentials. Raises Unauthenticated and Forbidden."""
    return await get_services(request).authenticator.authenticate_optional(request)


@router.get(
    "/{article}/passages/{passage}",
    response_model=submissions.PassageOut,
    openapi_extra={"security": [{}, {"api_key": []}]},  # FastAPI knows no optional credentials
)
@describe(NotFound)
async def read_passage(
    article: str,
    passage: str,
    services: CurrentServices,
    languages: Languages,
    principal: Annotated[Principal | None, Depends(optional_principal)],
) -> Response:
    """Get a passage that may be cited. Keys with the scope review get any passage, with its policy."""
    staff = principal is not None and has_scope(principal, "review")
    edition = services.library.article(article)
    passages = edition.article.passages if edition else ()
    found = next((each for each in passages if each.id == passage), None)
    citable = found is not None and found.may_be_cited("full") and found.only_if is None
    if edition is None or found is None or not (staff or citable):
        raise NotFound("There is no such passage that may be cited.")
    document = serializers.passage(edition, found.id, languages.choose(edition), staff=staff)
    cache = "no-store" if staff else "public, max-age=300"
    headers = {"cache-control": cache, "vary": "Accept-Language, Authorization"}
    return Response(to_json(document), 200, headers, "application/json")
