"""OpenAPI 3.1: what FastAPI can't derive from handlers that read the request body themselves.

Responsible for: request bodies, headers, problems per status, security schemes, the answers of each
questionnaire. Never: refers to other sites, or leaves a status code undocumented.
"""

import json
from collections.abc import Iterable
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from app.errors import TYPE, Problem
from app.fhir.response_request import QuestionnaireResponseInput
from app.rules.engine.answer_schema import answer_schema
from app.rules.engine.edition import Edition
from app.rules.library import Library
from app.web.schemas import submissions

REF = "#/components/schemas/"
MERGE_PATCH = "application/merge-patch+json"
JSON_OR_PATCH = ("application/json", MERGE_PATCH)
EXAMPLE_ANSWERS = {
    "info_only": True,
    "answering_for": "myself",
    "age_band": "25_44",
    "urgent_signs": ["none_of_these"],
    "visit_reason": ["long_term_pain", "low_mood"],
    "pain_types": ["crps"],
    "depression_told_by_clinician": "yes",
    "depression_treatments_tried": "2",
    "depression_treatments_helped": "no",
    "contact_permission": "no",
}
DESCRIPTION = """\
Answers in, "Things to discuss with a clinician" out. It is information: never a diagnosis, and never a
statement about what care anybody can have.

Show `interruptions` before anything else, and every quotation together with its `cautions`.
Send an API key or a submission's access token as `Authorization: Bearer …`.
"""

IF_MATCH = {
    "name": "If-Match",
    "in": "header",
    "required": True,
    "description": "The ETag you last saw, or `*`. 428 without it, 412 when it is stale.",
    "schema": {"type": "string", "pattern": r'^(\*|"[0-9]{1,9}")$'},
}
IF_NONE_MATCH = {
    "name": "If-None-Match",
    "in": "header",
    "description": "ETags you have; 304 when one still holds.",
    "schema": {"type": "string"},
}
ACCEPT_LANGUAGE = {
    "name": "Accept-Language",
    "in": "header",
    "description": "RFC 9110; the nearest language served, else the first.",
    "schema": {"type": "string"},
}
IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "A fresh random value per submission (a UUID will do). The same key and body again "
    "give the first answer again, with `Idempotency-Replayed: true`; another body gets 422.",
    "schema": {"type": "string", "minLength": 8, "maxLength": 255, "pattern": r"^[\x21-\x7e]+$"},
}
CONTACT = {
    "name": {"type": ["string", "null"], "maxLength": 100, "pattern": r"^[^\u0000-\u001f\u007f]*$"},
    "phone": {
        "type": ["string", "null"],
        "maxLength": 32,
        "pattern": r"^(\+?[ ().x/-]*([0-9][ ().x/-]*){7,})?$",
        "description": "At least seven digits.",
    },
    "email": {
        "type": ["string", "null"],
        "maxLength": 254,
        "pattern": r"^([^@\s\u0000-\u001f\u007f]+@[^@\s\u0000-\u001f\u007f]+\.[^@\s\u0000-\u001f\u007f.]+)?$",
    },
}
RELEASED_NAMES = {  # schemas whose class has another name now than in the released description
    "AnswerInput": "SentAnswer",
    "CapabilityEntry": "CapabilityNamed",
    "CodingInput": "SentCoding",
    "EndpointCreated": "EndpointMade",
    "EvaluationOut": "Evaluated",
    "HandoffCreated": "HandoffMade",
    "IdentifierInput": "SentIdentifier",
    "ItemInput": "SentItem",
    "QuestionnaireResponseInput": "SentResponse",
    "StoredFlagOut": "KeptFlag",
}
Responses = dict[int | str, dict[str, Any]]
ETAG = {"ETag": {"description": "RFC 9110; send it back as If-Match.", "schema": {"type": "string"}}}
ACCESS: list[dict[str, list[str]]] = [{"api_key": []}, {"access_token": []}]


def body(
    model: type[BaseModel], *, example: Any, media_types: Iterable[str] = ("application/json",)
) -> dict[str, Any]:
    """Return `openapi_extra` for a handler that reads `model` itself."""
    content = {"schema": {"$ref": REF + model.__name__}, "example": example}
    return {"requestBody": {"required": True, "content": dict.fromkeys(media_types, content)}}


def example(
    value: Any, *, model: type[BaseModel] | None = None, media_types: Iterable[str] = ("application/json",)
) -> dict[str, Any]:
    """Return `openapi_extra` with an example body. `media_types` of `model` are accepted."""
    content: dict[str, Any] = {"example": value}
    if model is not None:
        content["schema"] = {"$ref": REF + model.__name__}
    return {"requestBody": {"content": dict.fromkeys(media_types, content)}}


def header(name: str, description: str) -> dict[str, Any]:
    """Return the documentation of one response header."""
    return {name: {"description": description, "schema": {"type": "string"}}}


def answers(status: int = 200, *, headers: dict[str, Any] | None = None, content: Any = None) -> Responses:
    """Return `responses` for a success; a resource with an ETag adds `UNCHANGED` (304)."""
    response: dict[str, Any] = {"headers": headers or {}} | ({"content": content} if content else {})
    return {status: response}


UNCHANGED: Responses = {304: {"description": "You have it already", "headers": ETAG}}


def problems(*kinds: type[Problem]) -> Responses:
    """Return `responses` for the problems that a handler may raise, each status with its slugs."""
    found: Responses = {}
    for kind in kinds:
        response = found.setdefault(kind.status, {"description": kind.title, "slugs": []})
        response["slugs"].append(kind)
    return {
        status: _problem(response["description"], response["slugs"]) for status, response in found.items()
    }


def _problem(description: str, kinds: list[type[Problem]]) -> dict[str, Any]:
    examples = {
        kind.slug: {
            "value": {
                "type": TYPE + kind.slug,
                "title": kind.title,
                "status": kind.status,
                "detail": f"{kind.title}.",
                "instance": "urn:uuid:019298a2-0000-7000-8000-000000000000",
            }
        }
        for kind in kinds
    }
    answer: dict[str, Any] = {
        "description": description,
        "content": {
            "application/problem+json": {"schema": {"$ref": REF + "ProblemOut"}, "examples": examples}
        },
    }
    if kinds[0].status in (409, 503):
        answer["headers"] = {"Retry-After": {"description": "Seconds.", "schema": {"type": "string"}}}
    return answer


def describe(app: FastAPI, library: Library) -> dict[str, Any]:
    """Return the OpenAPI document without limits and webhooks. Called once."""
    document = get_openapi(
        title="preconsult",
        version="1.0.0",
        openapi_version="3.1.0",
        summary="A pre-consultation questionnaire service.",
        description=DESCRIPTION,
        routes=app.routes,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
    )
    document["servers"] = [{"url": "/"}]
    components = document.setdefault("components", {})
    known = components.setdefault("schemas", {})
    routes = (route for route in app.routes if isinstance(route, APIRoute))
    fields = (route.body_field for route in routes if route.body_field)
    bodies: set[Any] = {each.field_info.annotation for each in fields}
    models = (*bodies, submissions.SubmissionIn, submissions.ProblemOut, QuestionnaireResponseInput)
    _, inputs = models_json_schema([(model, "validation") for model in models], ref_template=REF + "{model}")
    known.update(inputs["$defs"])
    _drop_default_422(document, known)
    _describe_answers(known, library)
    _link(document["paths"])
    return document


def use_released_names(document: dict[str, Any]) -> dict[str, Any]:
    """Return the document with the released name of each schema, wherever it is referred to."""
    refs = {REF + name: REF + released for name, released in RELEASED_NAMES.items()}

    def renamed(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: renamed(each) for key, each in value.items()}
        if isinstance(value, list):
            return [renamed(each) for each in value]
        return refs.get(value, value) if isinstance(value, str) else value

    found: dict[str, Any] = renamed(document)
    schemas = found["components"]["schemas"]
    for name, released in RELEASED_NAMES.items():
        schemas[released] = schemas.pop(name) | {"title": released}
    found["components"]["schemas"] = dict(sorted(schemas.items()))
    return found


def _drop_default_422(document: dict[str, Any], known: dict[str, Any]) -> None:
    """Remove FastAPI's own 422, which never occurs: a path takes any string, and an unknown one is 404."""
    for operation in (each for path in document["paths"].values() for each in path.values()):
        response = operation["responses"].get("422", {})
        if "application/json" in response.get("content", {}):
            del operation["responses"]["422"]
    for name in ("HTTPValidationError", "ValidationError"):
        known.pop(name, None)


def _link(paths: dict[str, Any]) -> None:
    """Add OpenAPI links to read, change and submit a new submission and read its summary, by id and ETag."""
    one = "/v1/submissions/{submission}"
    links = {}
    for path, method in ((one, "get"), (one, "patch"), (f"{one}/submit", "post"), (f"{one}/summary", "get")):
        operation = paths[path][method]
        taken = {"submission": "$response.body#/id"}
        if any(each["name"] == "If-Match" for each in operation["parameters"]):
            taken["If-Match"] = "$response.header.ETag"
        links[operation["summary"].replace(" ", "")] = {
            "operationId": operation["operationId"],
            "parameters": taken,
        }
    paths["/v1/submissions"]["post"]["responses"]["201"]["links"] = links


def _describe_answers(known: dict[str, Any], library: Library) -> None:
    """Replace `any object` by the answers of the current edition of each questionnaire."""
    current = {name: editions[0] for name, editions in library.editions.items()}
    names = {name: "Answers_" + name.replace("-", "_") for name in current}
    for name, edition in current.items():
        schema = answer_schema(edition.questionnaire, complete=False)
        schema.pop("$schema")
        description = f"What must be answered, and when, is in {names[name]}_submitted."
        known[names[name]] = schema | {"title": f"Answers to {name}", "description": description}
        known[f"{names[name]}_submitted"] = _complete(edition, f"{names[name]}_submitted")
    refs = [{"$ref": REF + each} for each in names.values()]
    contact = {
        "type": ["object", "null"],
        "properties": CONTACT,
        "additionalProperties": False,
        "description": "Kept apart, sealed, never seen by rules; only with contact_permission.",
    }
    for model in ("EvaluationIn", "SubmissionIn", "SubmissionPatch"):
        properties = known[model]["properties"]
        optional = [{"type": "null"}] if model == "SubmissionPatch" else []
        choices = [*refs, *optional]
        properties["answers"] = choices[0] if len(choices) == 1 else {"anyOf": choices}
        properties["contact"] = contact
        if "questionnaire" in properties:
            properties["questionnaire"] = {"type": "string", "enum": sorted(current)}
            versions = sorted({each.version for editions in library.editions.values() for each in editions})
            properties["edition"] = {"enum": [*versions, None], "description": "Empty means the current one."}
            known[model]["allOf"] = [
                _when_submitted(edition, REF + names[name] + "_submitted")
                for name, edition in current.items()
            ]


def _complete(edition: Edition, place: str) -> dict[str, Any]:
    """Return the schema of submitted answers, with conditions; its references resolve under `place`."""
    schema = answer_schema(edition.questionnaire, complete=True)
    text = json.dumps({"$defs": schema["$defs"], "allOf": schema["allOf"]})
    found: dict[str, Any] = json.loads(text.replace('"#/$defs/', f'"{REF}{place}/$defs/'))
    return {"title": f"Answers to {edition.id} when they are submitted"} | found


def _when_submitted(edition: Edition, ref: str) -> dict[str, Any]:
    named = {"questionnaire": {"const": edition.id}, "edition": {"enum": [edition.version, None]}}
    asked = {"properties": named | {"status": {"const": "submitted"}}}
    return {"if": asked, "then": {"properties": {"answers": {"$ref": ref}}}}


API = ("/v1/", "/fhir/")
