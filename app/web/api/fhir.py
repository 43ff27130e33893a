"""/fhir: the capabilities of this server in FHIR R4 (4.0.1), and its questionnaires. Public, with ETag.

Never: returns editions that are not installed or not representable in FHIR, or formats other than JSON.
"""

import hashlib
from functools import lru_cache
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic_core import to_json

from app.errors import InvalidRequest, NotAcceptable, NotFound
from app.fhir import capability_statement, identifiers, models
from app.fhir.enable_when import NotRepresentable
from app.fhir.questionnaire import questionnaire
from app.rules.engine.edition import Edition
from app.web.api.dependencies import Conditional, ConditionalResponse, CurrentServices, Languages
from app.web.dependencies import Services
from app.web.http.api_route import ApiRoute, describe
from app.web.http.content_negotiation import media_type
from app.web.openapi.document import ETAG, answers
from app.web.openapi.fhir_problems import MEDIA_TYPE, outcome_responses

OFFERED = (MEDIA_TYPE, "application/json")
FORMATS = ("json", MEDIA_TYPE, "application/json", "text/json")
CACHE = "public, max-age=300"
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


class FhirRoute(ApiRoute):
    """A route whose problems are described as OperationOutcome."""

    describe_problems = staticmethod(outcome_responses)


@describe(NotAcceptable, parameters=(FORMAT,))
async def acceptable(request: Request) -> str:
    """Return the media type of the response, from `_format` or Accept. Raises NotAcceptable."""
    asked = request.query_params.get("_format")
    if asked is None:
        return media_type(request, OFFERED)
    if asked.replace(" ", "+").partition(";")[0] in FORMATS:  # a plus sign in a query is decoded as a space
        return MEDIA_TYPE
    raise NotAcceptable(f"This is offered as {MEDIA_TYPE}.")


FhirType = Annotated[str, Depends(acceptable)]
router = APIRouter(prefix="/fhir", tags=["fhir"], default_response_class=FhirResponse, route_class=FhirRoute)


@router.get("/metadata", response_model=models.CapabilityStatement, responses=answers(headers=ETAG))
async def read_metadata(
    kind: FhirType, services: CurrentServices, conditional: ConditionalResponse
) -> Response:
    """Get the capabilities of this server in FHIR (CapabilityStatement)."""
    return _respond(conditional, _packed(capability_statement.statement(base(services))), kind)


@router.get("/Questionnaire", response_model=models.Bundle, responses=answers(headers=ETAG))
@describe(InvalidRequest)
async def search_questionnaires(  # noqa: PLR0913, PLR0917 - one per parameter
    kind: FhirType,
    services: CurrentServices,
    languages: Languages,
    conditional: ConditionalResponse,
    url: Token = None,
    version: Token = None,
    status: Token = None,
    id_: Annotated[Token, Query(alias="_id", max_length=300)] = None,
    count: Annotated[int, Query(alias="_count", ge=0, le=100)] = 20,
    after: Annotated[Token, Query(alias="_after", max_length=300)] = None,
) -> Response:
    """Search by `url`, `version`, `status` and `_id`. One of several comma-separated values is enough."""
    asked = {"url": url, "version": version, "status": status, "_id": id_}
    found = [edition for edition in _representable(services) if _fits(edition, asked)]
    places = [identifiers.resource_id(edition) for edition in found]
    first = places.index(after) + 1 if after in places else 0
    page = found[first : first + count]
    link = [models.BundleLink(relation="self", url=_search(services, asked, count, after))]
    if page and first + count < len(found):
        onward = _search(services, asked, count, identifiers.resource_id(page[-1]))
        link.append(models.BundleLink(relation="next", url=onward))
    entry = [_entry(services, edition, languages.choose(edition)) for edition in page]
    bundle = models.Bundle(total=len(found), link=link, entry=entry or None)
    return _respond(conditional, _packed(bundle), kind, vary=True)


@router.get("/Questionnaire/{resource}", response_model=models.Questionnaire, responses=answers(headers=ETAG))
@describe(NotFound)
async def read_questionnaire(
    resource: str,
    kind: FhirType,
    services: CurrentServices,
    languages: Languages,
    conditional: ConditionalResponse,
) -> Response:
    """Get one edition of a questionnaire by id (`ketamine-preconsult-1.0.0`), in the requested language."""
    for edition in _representable(services):
        if identifiers.resource_id(edition) == resource:
            found = _questionnaire(edition, languages.choose(edition))
            return _respond(conditional, _packed(found), kind, vary=True)
    raise NotFound("There is no such Questionnaire; search /fhir/Questionnaire.")


def base(services: Services) -> str:
    """Return the base address of the FHIR routes."""
    return str(services.settings.public_url).rstrip("/") + "/fhir"


def _fits(edition: Edition, asked: dict[str, str | None]) -> bool:
    """Return whether an edition matches every search parameter; a parameter without a value matches any."""
    url = identifiers.url(edition.id)
    values = {
        "url": {url, identifiers.canonical(edition.id, edition.version)},
        "version": {edition.version},
        "status": {"active"},
        "_id": {identifiers.resource_id(edition)},
    }
    return all(
        wanted is None or any(_value(name, each) in values[name] for each in wanted.split(","))
        for name, wanted in asked.items()
    )


def _value(name: str, wanted: str) -> str:
    """Return a token without its system (`system|code`); a canonical retains its version."""
    return wanted if name == "url" else wanted.rpartition("|")[2]


def _search(services: Services, asked: dict[str, str | None], count: int, after: str | None) -> str:
    parameters = asked | {"_count": str(count), "_after": after}
    query = urlencode({name: value for name, value in parameters.items() if value is not None})
    return f"{base(services)}/Questionnaire?{query}"


def _entry(services: Services, edition: Edition, language: str) -> models.BundleEntry:
    resource = _questionnaire(edition, language)
    return models.BundleEntry(fullUrl=f"{base(services)}/Questionnaire/{resource.id}", resource=resource)


def _representable(services: Services) -> list[Edition]:
    """Return the editions that FHIR can represent, the newest of each questionnaire first."""
    every = (edition for editions in services.library.editions.values() for edition in editions)
    return [edition for edition in every if _represent(edition, edition.languages[0])]


def _questionnaire(edition: Edition, language: str) -> models.Questionnaire:
    found = _represent(edition, language)
    if found is None:
        raise NotFound("FHIR can't say this edition.")
    return found


@lru_cache(maxsize=64)
def _represent(edition: Edition, language: str) -> models.Questionnaire | None:
    """Return an edition in FHIR, cached; None if FHIR cannot represent its conditions."""
    try:
        return questionnaire(edition, language)
    except NotRepresentable:
        return None


def _packed(document: models.Element) -> bytes:
    return to_json(document.document())


def _respond(conditional: Conditional, content: bytes, kind: str, *, vary: bool = False) -> Response:
    tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    headers: dict[str, Any] = {"etag": tag, "cache-control": CACHE}
    headers["vary"] = "Accept, Accept-Language" if vary else "Accept"
    return conditional.respond(content, kind, headers)
