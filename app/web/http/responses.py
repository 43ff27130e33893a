"""What the API routes share: JSON responses, idempotency keys, lists of problems.

Responsible for: these shared parts. Never: defines routes.
"""

import re
from typing import Any

from fastapi import Request, Response
from pydantic_core import to_json

from app import errors
from app.services.auth.authorization import ApiClient
from app.services.idempotency import Claim
from app.web.openapi.document import (
    header,
)

IDEMPOTENCY_KEY_PATTERN = re.compile(r"[\x21-\x7e]{8,255}")


READ_PROBLEMS = (errors.Unauthenticated, errors.Forbidden, errors.NotFound, errors.Unavailable)


BODY_PROBLEMS = (
    errors.MalformedJson,
    errors.RequestTimeout,
    errors.ContentTooLarge,
    errors.UnsupportedMediaType,
)


WRITE_PROBLEMS = (*READ_PROBLEMS, errors.PreconditionFailed, errors.PreconditionRequired, errors.InFlight)


REPLAYED = header("Idempotency-Replayed", "`true` when this is the first answer again.")


LINK = header("Link", "RFC 8288, rel=next.")


def json_response(document: Any, *, headers: dict[str, str] | None = None) -> Response:
    """Return a personal document as JSON that is never cached."""
    return Response(
        _packed(document), 200, (headers or {}) | {"cache-control": "no-store"}, "application/json"
    )


def idempotency_claim(request: Request, principal: ApiClient, raw: bytes, act: bytes) -> Claim | None:
    """Return the claim of a request's Idempotency-Key. `act`: method and path. Raises Unprocessable."""
    key = request.headers.get("idempotency-key")
    if key is None:
        return None
    if not IDEMPOTENCY_KEY_PATTERN.fullmatch(key):
        raise errors.InvalidRequest("An Idempotency-Key has 8 to 255 visible ASCII characters, and no space.")
    return Claim.from_request(principal.key.id, key, act + b"\n" + raw)


def _packed(document: Any) -> bytes:
    return to_json(document)
