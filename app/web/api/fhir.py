"""/fhir: the capabilities of this server in FHIR R4 (4.0.1), and its questionnaires. Public, with ETag.

Never: returns editions that are not installed or not representable in FHIR, or formats other than JSON.
"""

import hashlib
from functools import lru_cache
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic_core import to_json

from app.errors import InvalidRequest, NotAcceptable, NotFound
from app.fhir import capability_statement, identifiers, models
from app.fhir.enable_when import NotRepresentable
from app.fhir.questionnaire import questionnaire
from app.rules.engine.edition import Edition
from app.web.dependencies import Services, get_services
from app.web.http.content_negotiation import conditional, language, media_type
from app.web.openapi.document import ACCEPT_LANGUAGE, ETAG, IF_NONE_MATCH, UNCHANGED, answers
from app.web.openapi.fhir_problems import MEDIA_TYPE, outcome_responses

OFFERED = (MEDIA_TYPE, "application/json")
FORMATS = ("json", MEDIA_TYPE, "application/json", "text/json")
CACHE = "public, max-age=300"
TAGGED = answers(headers=ETAG) | UNCHANGED
FORMAT = {
    "name": "_format",
    "in": "query",
    "description": "In place of `Accept`.",
    "schema": {"enum": list(FORMATS)},
}
Token = Annotated[str | None, Query(max_length=300)]


class FhirResponse(JSONResponse):
    """Sets the media type in OpenAPI; the handlers build their responses themselves."""

    media_type = MEDIA_TYPE


router = APIRouter(prefix="/fhir", tags=["fhir"], default_response_class=FhirResponse)


@router.get(
    "/metadata",
    response_model=models.CapabilityStatement,
    openapi_extra={"parameters": [FORMAT, IF_NONE_MATCH]},
    responses=TAGGED | outcome_responses(NotAcceptable),
)
async def read_metadata(request: Request) -> Response:
    """Get the capabilities of this server in FHIR (CapabilityStatement)."""
    kind = acceptable(request)
    return _ready(request, _packed(capability_statement.statement(base(get_services(request)))), kind)


@router.get(
    "/Questionnaire",
    response_model=models.Bundle,
    openapi_extra={"parameters": [FORMAT, ACCEPT_LANGUAGE, IF_NONE_MATCH]},
    responses=TAGGED | outcome_responses(NotAcceptable, InvalidRequest),
)
async def search_questionnaires(
    request: Request,
    url: Token = None,
    version: Token = None,
    status: Token = None,
    id_: Annotated[Token, Query(alias="_id", max_length=300)] = None,
    count: Annotated[int, Query(alias="_count", ge=0, le=100)] = 20,
    after: Annotated[Token, Query(alias="_after", max_length=300)] = None,
) -> Response:
    """Search by `url`, `version`, `status` and `_id`. One of several comma-separated values is enough."""
    kind, here = acceptable(request), get_services(request)
    asked = {"url": url, "version": version, "status": status, "_id": id_}
    found = [edition for edition in _sayable(here) if _fits(edition, asked)]
    places = [identifiers.resource_id(edition) for edition in found]
    first = places.index(after) + 1 if after in places else 0
    page = found[first : first + count]
    link = [models.BundleLink(relation="self", url=_search(here, asked, count, after))]
    if page and first + count < len(found):
        onward = _search(here, asked, count, identifiers.resource_id(page[-1]))
        link.append(models.BundleLink(relation="next", url=onward))
    entry = [_entry(here, edition, language(request, edition)) for edition in page]
    bundle = models.Bundle(total=len(found), link=link, entry=entry or None)
    return _ready(request, _packed(bundle), kind, vary=True)


@router.get(
    "/Questionnaire/{resource}",
    response_model=models.Questionnaire,
    openapi_extra={"parameters": [FORMAT, ACCEPT_LANGUAGE, IF_NONE_MATCH]},
    responses=TAGGED | outcome_responses(NotFound, NotAcceptable),
)
async def read_questionnaire(request: Request, resource: str) -> Response:
    """Get one edition of a questionnaire by id (`ketamine-preconsult-1.0.0`), in the requested language."""
    kind = acceptable(request)
    for edition in _sayable(get_services(request)):
        if identifiers.resource_id(edition) == resource:
            said = _questionnaire(edition, language(request, edition))
            return _ready(request, _packed(said), kind, vary=True)
    raise NotFound("There is no such Questionnaire; search /fhir/Questionnaire.")


def acceptable(request: Request) -> str:
    """Return the media type of the response, from `_format` or Accept. Raises NotAcceptable."""
    asked = request.query_params.get("_format")
    if asked is None:
        return media_type(request, OFFERED)
    if asked.replace(" ", "+").partition(";")[0] in FORMATS:  # a plus sign in a query is decoded as a space
        return MEDIA_TYPE
    raise NotAcceptable(f"This is offered as {MEDIA_TYPE}.")


def base(here: Services) -> str:
    """Return the base address of the FHIR routes."""
    return str(here.settings.public_url).rstrip("/") + "/fhir"


def _fits(edition: Edition, asked: dict[str, str | None]) -> bool:
    """Return whether an edition matches every search parameter; a parameter without a value matches any."""
    url = identifiers.url(edition.id)
    told = {
        "url": {url, identifiers.canonical(edition.id, edition.version)},
        "version": {edition.version},
        "status": {"active"},
        "_id": {identifiers.resource_id(edition)},
    }
    return all(
        wanted is None or any(_value(name, each) in told[name] for each in wanted.split(","))
        for name, wanted in asked.items()
    )


def _value(name: str, wanted: str) -> str:
    """Return a token without its system (`system|code`); a canonical retains its version."""
    return wanted if name == "url" else wanted.rpartition("|")[2]


def _search(here: Services, asked: dict[str, str | None], count: int, after: str | None) -> str:
    told = asked | {"_count": str(count), "_after": after}
    query = urlencode({name: value for name, value in told.items() if value is not None})
    return f"{base(here)}/Questionnaire?{query}"


def _entry(here: Services, edition: Edition, language: str) -> models.BundleEntry:
    resource = _questionnaire(edition, language)
    return models.BundleEntry(fullUrl=f"{base(here)}/Questionnaire/{resource.id}", resource=resource)


def _sayable(here: Services) -> list[Edition]:
    """Return the editions that FHIR can represent, the newest of each questionnaire first."""
    every = (edition for editions in here.library.editions.values() for edition in editions)
    return [edition for edition in every if _said(edition, edition.languages[0])]


def _questionnaire(edition: Edition, language: str) -> models.Questionnaire:
    found = _said(edition, language)
    if found is None:
        raise NotFound("FHIR can't say this edition.")
    return found


@lru_cache(maxsize=64)
def _said(edition: Edition, language: str) -> models.Questionnaire | None:
    """Return an edition in FHIR, cached; None if FHIR cannot represent its conditions."""
    try:
        return questionnaire(edition, language)
    except NotRepresentable:
        return None


def _packed(document: models.Element) -> bytes:
    return to_json(document.document())


def _ready(request: Request, content: bytes, kind: str, *, vary: bool = False) -> Response:
    tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    headers: dict[str, Any] = {"etag": tag, "cache-control": CACHE}
    headers["vary"] = "Accept, Accept-Language" if vary else "Accept"
    return conditional(request, content, kind, headers)
