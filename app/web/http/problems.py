"""Problem details (RFC 9457) for every error.

Responsible for: converting a `Problem`, a framework error or an unhandled error to application/problem+json.
Never: says more than errors.py does; no input, no exception text.
"""

from collections.abc import Mapping
from typing import Any

from fastapi.exceptions import RequestValidationError
from pydantic_core import to_json
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from app.errors import (
    TYPE,
    BadRequest,
    ContentTooLarge,
    FieldError,
    Internal,
    InvalidRequest,
    MethodNotAllowed,
    NotFound,
    Problem,
)
from app.logging import error_code, log
from app.rules.engine.answers import escape_pointer_token
from app.web.http.request_body import message_for
from app.web.openapi import fhir_problems

MEDIA_TYPE = "application/problem+json"
BY_STATUS: Mapping[int, tuple[type[Problem], str]] = {
    400: (BadRequest, "The request can't be read as HTTP with the documented headers."),
    404: (NotFound, "There is nothing at this address."),
    405: (MethodNotAllowed, "See the Allow header for the methods offered here."),
    413: (ContentTooLarge, "The body is larger than this service takes."),
    422: (InvalidRequest, "The request can't be carried out as it is."),
}


def document(problem: Problem, instance: str) -> dict[str, Any]:
    """Return the problem document; `instance` is the request id, for support."""
    found: dict[str, Any] = {
        "type": TYPE + problem.slug,
        "title": problem.title,
        "status": problem.status,
        "detail": problem.detail,
        "instance": f"urn:uuid:{instance}",
    }
    if problem.errors:
        found["errors"] = [
            {"pointer": error.pointer, "code": error.code, "detail": error.detail} for error in problem.errors
        ]
    return found


def response(
    problem: Problem, instance: str, headers: Mapping[str, str] | None = None, *, path: str
) -> Response:
    """Return the response to a request for `path` that raised `problem`; below /fhir an OperationOutcome.

    If a database error caused the problem, its code is logged and not sent.
    """
    if problem.__cause__ is not None:
        log.error("unavailable", request_id=instance, error=error_code(problem.__cause__))
    extra = dict(headers or {})
    if problem.retry_after is not None:
        extra["retry-after"] = str(problem.retry_after)
    if problem.status == 401:
        extra["www-authenticate"] = "Bearer"
    extra["cache-control"] = "no-store"
    if fhir_problems.is_fhir_path(path):
        said = fhir_problems.document(problem, instance, path)
        return Response(to_json(said), problem.status, extra, fhir_problems.MEDIA_TYPE)
    return Response(to_json(document(problem, instance)), problem.status, extra, MEDIA_TYPE)


async def on_problem(request: Request, error: Exception) -> Response:
    """Exception handler for `Problem`."""
    assert isinstance(error, Problem)  # noqa: S101 - registered for Problem only
    return _answer(error, request)


async def on_invalid_request(request: Request, error: Exception) -> Response:
    """Exception handler for parameters that FastAPI rejects; the response contains no input."""
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for RequestValidationError only
    found_issues = [
        FieldError(
            "/" + "/".join(escape_pointer_token(str(part)) for part in each["loc"][1:]),
            each["type"],
            message_for(each),
        )
        for each in error.errors()
    ]
    problem = InvalidRequest("Look at each of the errors and send it again.", errors=found_issues)
    return _answer(problem, request)


async def on_http_error(request: Request, error: Exception) -> Response:
    """Exception handler for what the framework rejects: unknown path, method, malformed framing."""
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for HTTPException only
    kind, detail = BY_STATUS.get(error.status_code, (Internal, "The request could not be carried out."))
    return _answer(kind(detail), request, _allow(request) or error.headers)


def _answer(problem: Problem, request: Request, headers: Mapping[str, str] | None = None) -> Response:
    return response(problem, request.scope["request_id"], headers, path=request.scope["path"])


def _allow(request: Request) -> dict[str, str] | None:
    """Return Allow with every method of the path (RFC 9110); the framework lists those of one route.

    A path that is literally the path of a route belongs to that route, not to one with an id in its place.
    """
    paths = request.app.openapi()["paths"]
    template = getattr(request.scope.get("route"), "path", "")
    offered = sorted(name.upper() for name in paths.get(request.scope["path"]) or paths.get(template, {}))
    return None if not offered or request.method in offered else {"allow": ", ".join(offered)}
