"""The parts of the OpenAPI document that apply across operations: rate limits and webhooks.

Responsible for: 429 and the RateLimit fields of every operation of the API, and the `webhooks` of OpenAPI
3.1, generated from the event types. Never: describes what the handler of an operation already describes.
"""

from typing import Any

from fastapi import FastAPI
from pydantic.json_schema import models_json_schema

from app.errors import TooManyRequests
from app.rules.library import Library
from app.services.events.event_types import RESTRICTED, TEST, TYPES
from app.web.openapi import document as openapi
from app.web.openapi.document import API, REF, problems
from app.web.openapi.fhir_problems import is_fhir_path, outcome_responses
from app.web.schemas.bookings import EventData

Json = dict[str, Any]
TEXT: Json = {"schema": {"type": "string"}}
FIELDS: Json = {
    "RateLimit": {
        "description": 'What is left, as `"key";r=5999;t=42`: `r` requests until `t` seconds from now.',
        **TEXT,
    },
    "RateLimit-Policy": {
        "description": 'The limit itself, as `"key";q=6000;w=60`: `q` requests in `w` seconds.',
        **TEXT,
    },
}
DEPRECATED: Json = {
    "Deprecation": {"description": "RFC 9745: since when, as `@` and Unix seconds.", **TEXT},
    "Sunset": {"description": "RFC 8594: when it will be gone.", **TEXT},
}
WAIT: Json = {"Retry-After": {"description": "Seconds.", **TEXT}}
SIGNED: list[Json] = [
    {"name": name, "in": "header", "required": True, "description": description, **TEXT}
    for name, description in (
        ("webhook-id", "The id of the event; the same for every try, so whoever keeps it is told once."),
        ("webhook-timestamp", "Unix seconds of this try; refuse what is older than five minutes."),
        (
            "webhook-signature",
            "`v1,` and base64 of HMAC-SHA256 of `id.timestamp.body`, one for each secret.",
        ),
    )
]
TESTED = "Sent by hand, to see that an endpoint takes and verifies what is sent."
RECEIVED: Json = {
    "2XX": {"description": "Taken. Say so within 15 seconds, and work afterwards."},
    "410": {"description": "Never again: the endpoint is disabled."},
    "default": {"description": "Tried again, at longer and longer intervals. Redirects are not followed."},
}


def build_openapi(app: FastAPI, library: Library) -> Json:
    """Return the complete OpenAPI document, with the limits and the webhooks. Called once."""
    document = openapi.describe(app, library)
    document["components"]["headers"] = FIELDS
    for path, operations in document["paths"].items():
        if path.startswith(API):
            for operation in operations.values():
                _limited(path, operation)
                _deprecated(operation)
    document["webhooks"] = {name: {"post": _webhook(name, summary)} for name, summary in _types().items()}
    _, data = models_json_schema([(EventData, "serialization")], ref_template=REF + "{model}")
    schemas = document["components"]["schemas"] | data["$defs"]
    document["components"]["schemas"] = schemas
    return openapi.use_released_names(document)


def _limited(path: str, operation: Json) -> None:
    """Document 429 on an operation; with an API key every success response reports the remaining limit."""
    fields = {name: {"$ref": f"#/components/headers/{name}"} for name in FIELDS}
    documented = (outcome_responses if is_fhir_path(path) else problems)(TooManyRequests)[429]
    if any("api_key" in each for each in operation.get("security", [])):
        for status, response in operation["responses"].items():
            if status.startswith("2"):
                response["headers"] = response.get("headers", {}) | fields
    responses = operation["responses"] | {"429": documented | {"headers": WAIT | fields}}
    operation["responses"] = dict(sorted(responses.items()))


def _deprecated(operation: Json) -> None:
    if operation.get("deprecated"):
        for response in operation["responses"].values():
            response["headers"] = response.get("headers", {}) | DEPRECATED


def _types() -> dict[str, str]:
    return {**TYPES, TEST: TESTED}


def _webhook(name: str, summary: str) -> Json:
    schema = {
        "type": "object",
        "required": ["id", "type", "timestamp", "data"],
        "properties": {
            "id": {"type": "string", "description": "As `webhook-id`."},
            "type": {"const": name, "type": "string"},
            "timestamp": {"type": "string", "format": "date-time", "description": "When it happened."},
            "data": {"$ref": REF + EventData.__name__},
        },
    }
    only = " Only to endpoints that may be told of attention." if name in RESTRICTED else ""
    return {
        "tags": ["webhooks"],
        "summary": name,
        "description": summary.replace(" Needs the scope `review`.", "") + only,
        "operationId": f"webhook_{name.replace('.', '_')}",
        "parameters": SIGNED,
        "requestBody": {"required": True, "content": {"application/json": {"schema": schema}}},
        "responses": RECEIVED,
    }
