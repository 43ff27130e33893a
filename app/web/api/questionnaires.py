"""GET /v1/questionnaires: the installed questionnaires. Public, from cached bytes, with ETag.

Never: returns editions that are not installed.
"""

import hashlib
from functools import lru_cache
from typing import Any

from fastapi import APIRouter, Response
from pydantic_core import to_json

from app.errors import NotFound
from app.rules.engine.answer_schema import answer_schema
from app.rules.engine.edition import Edition
from app.web.api.dependencies import ConditionalResponse, CurrentServices, Languages
from app.web.dependencies import Services
from app.web.http.api_route import ApiRoute, describe
from app.web.openapi.document import ETAG, answers
from app.web.schemas import serializers, submissions

router = APIRouter(prefix="/v1/questionnaires", tags=["questionnaires"], route_class=ApiRoute)
CURRENT, IMMUTABLE = "public, max-age=300", "public, max-age=31536000, immutable"
SCHEMA = answers(headers=ETAG, content={"application/schema+json": {}})
SCHEMA_TYPE = "application/schema+json"
VARY = {"vary": "Accept-Language"}


@router.get("", response_model=submissions.QuestionnaireList, responses=answers(headers=ETAG))
async def list_questionnaires(services: CurrentServices, conditional: ConditionalResponse) -> Response:
    """List the installed questionnaires, each with its current edition."""
    editions = [editions[0] for editions in services.library.editions.values()]
    items = [
        {
            "id": edition.id,
            "version": edition.version,
            "title": edition.meta.title,
            "languages": list(edition.languages),
            "href": f"/v1/questionnaires/{edition.id}",
        }
        for edition in editions
    ]
    content, headers = _tagged(_packed({"items": items}), CURRENT)
    return conditional.respond(content, "application/json", headers)


@router.get("/{questionnaire}", response_model=submissions.QuestionnaireOut, responses=answers(headers=ETAG))
@describe(NotFound)
async def read_questionnaire(
    questionnaire: str, services: CurrentServices, languages: Languages, conditional: ConditionalResponse
) -> Response:
    """Get the current edition of a questionnaire, in the requested language."""
    edition = _edition(services, questionnaire, None)
    content, headers = _tagged(_questions(edition, languages.choose(edition)), CURRENT)
    return conditional.respond(content, "application/json", headers | VARY)


@router.get(
    "/{questionnaire}/editions/{version}",
    response_model=submissions.QuestionnaireOut,
    responses=answers(headers=ETAG),
)
@describe(NotFound)
async def read_edition(
    questionnaire: str,
    version: str,
    services: CurrentServices,
    languages: Languages,
    conditional: ConditionalResponse,
) -> Response:
    """Get one edition, which never changes."""
    edition = _edition(services, questionnaire, version)
    content, headers = _tagged(_questions(edition, languages.choose(edition)), IMMUTABLE)
    return conditional.respond(content, "application/json", headers | VARY)


@router.get("/{questionnaire}/answer-schema", response_model=dict[str, Any], responses=SCHEMA)
@describe(NotFound)
async def read_current_answer_schema(
    questionnaire: str, services: CurrentServices, conditional: ConditionalResponse
) -> Response:
    """Get the JSON Schema (2020-12) of submitted answers to the current edition."""
    content, headers = _tagged(_schema(_edition(services, questionnaire, None)), CURRENT)
    return conditional.respond(content, SCHEMA_TYPE, headers)


@router.get(
    "/{questionnaire}/editions/{version}/answer-schema", response_model=dict[str, Any], responses=SCHEMA
)
@describe(NotFound)
async def read_answer_schema(
    questionnaire: str, version: str, services: CurrentServices, conditional: ConditionalResponse
) -> Response:
    """Get the JSON Schema (2020-12) of submitted answers to one edition."""
    content, headers = _tagged(_schema(_edition(services, questionnaire, version)), IMMUTABLE)
    return conditional.respond(content, SCHEMA_TYPE, headers)


def _edition(services: Services, questionnaire: str, version: str | None) -> Edition:
    found = services.library.find(questionnaire, version)
    if found is None:
        raise NotFound("There is no such questionnaire or edition; see /v1/questionnaires.")
    return found


Ready = tuple[bytes, str]


def _packed(document: Any) -> Ready:
    content = to_json(document)
    return content, f'"{hashlib.sha256(content).hexdigest()[:32]}"'


@lru_cache(maxsize=64)
def _questions(edition: Edition, language: str) -> Ready:
    return _packed(serializers.questionnaire(edition, language))


@lru_cache(maxsize=64)
def _schema(edition: Edition) -> Ready:
    return _packed(answer_schema(edition.asked, complete=True))


def _tagged(ready: Ready, cache: str) -> tuple[bytes, dict[str, str]]:
    content, tag = ready
    return content, {"etag": tag, "cache-control": cache}
