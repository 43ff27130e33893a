"""GET /v1/questionnaires: the installed questionnaires. Public, from cached bytes, with ETag.

Never: returns editions that are not installed.
"""

import hashlib
from functools import lru_cache
from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic_core import to_json

from app.errors import NotFound
from app.rules.engine.answer_schema import answer_schema
from app.rules.engine.edition import Edition
from app.web.dependencies import get_services
from app.web.http.content_negotiation import conditional, language
from app.web.openapi.document import ACCEPT_LANGUAGE, ETAG, IF_NONE_MATCH, UNCHANGED, answers, problems
from app.web.schemas import serializers, submissions

router = APIRouter(prefix="/v1/questionnaires", tags=["questionnaires"])
CURRENT, IMMUTABLE = "public, max-age=300", "public, max-age=31536000, immutable"
TAGGED = answers(headers=ETAG) | UNCHANGED
SCHEMA = answers(headers=ETAG, content={"application/schema+json": {}}) | UNCHANGED


@router.get(
    "",
    response_model=submissions.QuestionnaireList,
    openapi_extra={"parameters": [IF_NONE_MATCH]},
    responses=TAGGED,
)
async def list_questionnaires(request: Request) -> Response:
    """List the installed questionnaires, each with its current edition."""
    editions = [editions[0] for editions in get_services(request).library.editions.values()]
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
    return _ready(request, _packed({"items": items}), CURRENT)


@router.get(
    "/{questionnaire}",
    response_model=submissions.QuestionnaireOut,
    openapi_extra={"parameters": [ACCEPT_LANGUAGE, IF_NONE_MATCH]},
    responses=TAGGED | problems(NotFound),
)
async def read_questionnaire(request: Request, questionnaire: str) -> Response:
    """Get the current edition of a questionnaire, in the requested language."""
    edition = _edition(request, questionnaire, None)
    return _ready(request, _questions(edition, language(request, edition)), CURRENT, vary=True)


@router.get(
    "/{questionnaire}/editions/{version}",
    response_model=submissions.QuestionnaireOut,
    openapi_extra={"parameters": [ACCEPT_LANGUAGE, IF_NONE_MATCH]},
    responses=TAGGED | problems(NotFound),
)
async def read_edition(request: Request, questionnaire: str, version: str) -> Response:
    """Get one edition, which never changes."""
    edition = _edition(request, questionnaire, version)
    return _ready(request, _questions(edition, language(request, edition)), IMMUTABLE, vary=True)


@router.get(
    "/{questionnaire}/answer-schema",
    response_model=dict[str, Any],
    openapi_extra={"parameters": [IF_NONE_MATCH]},
    responses=SCHEMA | problems(NotFound),
)
async def read_current_answer_schema(request: Request, questionnaire: str) -> Response:
    """Get the JSON Schema (2020-12) of submitted answers to the current edition."""
    return _ready(
        request, _schema(_edition(request, questionnaire, None)), CURRENT, "application/schema+json"
    )


@router.get(
    "/{questionnaire}/editions/{version}/answer-schema",
    response_model=dict[str, Any],
    openapi_extra={"parameters": [IF_NONE_MATCH]},
    responses=SCHEMA | problems(NotFound),
)
async def read_answer_schema(request: Request, questionnaire: str, version: str) -> Response:
    """Get the JSON Schema (2020-12) of submitted answers to one edition."""
    return _ready(
        request, _schema(_edition(request, questionnaire, version)), IMMUTABLE, "application/schema+json"
    )


def _edition(request: Request, questionnaire: str, version: str | None) -> Edition:
    found = get_services(request).library.find(questionnaire, version)
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


def _ready(
    request: Request, ready: Ready, cache: str, kind: str = "application/json", *, vary: bool = False
) -> Response:
    content, tag = ready
    headers = {"etag": tag, "cache-control": cache} | ({"vary": "Accept-Language"} if vary else {})
    return conditional(request, content, kind, headers)
