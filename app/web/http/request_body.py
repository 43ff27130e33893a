"""Reads a request body within limits and parses it once.

Responsible for: checking size, depth, time and media type before parsing, and strict JSON after. Never:
accepts duplicate names, NaN, lone surrogates or bytes that are not UTF-8 (RFC 8259, RFC 7493), or echoes
rejected input.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.requests import Request

from app.errors import FieldError, InvalidRequest, MalformedJson, UnsupportedMediaType
from app.rules.engine.answers import escape_pointer_token

JSON = "application/json"
MAX_DEPTH = 16
# possessive, and also matches an unterminated string: linear time for any input
STRINGS = re.compile(rb'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)', re.DOTALL)
BRACKETS = re.compile(rb"[\[\]{}]")
SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
Model = TypeVar("Model", bound=BaseModel)

MESSAGES = {  # filled in with the limits that pydantic reports
    "missing": "Add this member.",
    "extra_forbidden": "This member is not known here; take it out.",
    "string_pattern_mismatch": "This has to be written like the pattern {pattern}",
    "string_too_long": "This is too long; it may have {max_length} characters.",
    "string_too_short": "This is too short: {min_length} or more characters are needed.",
    "too_long": "These are too many; there may be {max_length}.",
    "too_short": "These are too few; there have to be {min_length} or more.",
    "less_than_equal": "This may be {le} at most.",
    "greater_than_equal": "This has to be {ge} or more.",
    "int_parsing": "This takes a whole number.",
    "int_type": "This takes a whole number.",
    "bool_parsing": "This takes true or false.",
    "string_type": "This takes a string.",
    "bool_type": "This takes true or false.",
    "dict_type": "This takes an object.",
    "model_type": "This takes an object.",
}


async def read_json(
    request: Request, model: type[Model], accepted: Sequence[str] = (JSON,)
) -> tuple[Model, bytes]:
    """Return the body as `model`, and its bytes. Raises as `read_value`, and InvalidRequest."""
    value = await read_value(request, accepted)
    try:
        return model.model_validate(value), await request.body()
    except ValidationError as error:
        raise InvalidRequest("Look at each of the errors and send it again.", errors=errors(error)) from None


async def read_value(request: Request, accepted: Sequence[str] = (JSON,)) -> Any:
    """Return the JSON value of the body.

    Raises ContentTooLarge and RequestTimeout (while receiving), UnsupportedMediaType, MalformedJson, and
    InvalidRequest for null, which is no body.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type not in accepted:
        raise UnsupportedMediaType(f"Send the body as {' or '.join(accepted)}.")
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise UnsupportedMediaType("Send the body as it is, without a Content-Encoding.")
    value = parse(await request.body())
    if value is None:
        wrong = FieldError("", "model_type", MESSAGES["model_type"])
        raise InvalidRequest("Look at each of the errors and send it again.", errors=[wrong])
    return value


def parse(body: bytes) -> Any:
    """Return the JSON value of `body`. Raises MalformedJson."""
    if not body:
        raise MalformedJson("There is no body; send JSON.")
    if _depth(body) > MAX_DEPTH:
        raise MalformedJson(f"The JSON is nested more than {MAX_DEPTH} deep.")
    try:
        value = json.loads(
            body.decode(), object_pairs_hook=_unique, parse_constant=_no_constant, parse_float=_number
        )
        if SURROGATE.search(body):
            json.dumps(value, ensure_ascii=False).encode()
    except UnicodeError:
        raise MalformedJson("The body is not UTF-8, or holds half of a surrogate pair.") from None
    except json.JSONDecodeError as error:
        raise MalformedJson(f"The JSON breaks off at line {error.lineno}, column {error.colno}.") from None
    except ValueError as error:  # `_Odd`, or a number with too many digits
        detail = str(error) if isinstance(error, _InvalidJson) else "A number has too many digits."
        raise MalformedJson(detail) from None
    return value


def errors(error: ValidationError, *, root: str = "") -> list[FieldError]:
    """Convert pydantic's errors, without any part of the input."""
    return [
        FieldError(
            root + "".join(f"/{escape_pointer_token(str(part))}" for part in each["loc"]),
            each["type"],
            message_for(each),
        )
        for each in error.errors(include_input=False, include_url=False)
    ]


def message_for(error: Mapping[str, Any]) -> str:
    """Return the message for one of pydantic's errors; it shows limits of the model, never input."""
    if error["type"] == "literal_error":
        return f"This takes {error['msg'].removeprefix('Input should be ')}."
    return MESSAGES.get(error["type"], "This is not as documented.").format_map(error.get("ctx", {}))


class _InvalidJson(ValueError):
    pass


def _depth(body: bytes) -> int:
    """Return the nesting depth of the JSON, or 0 when its few brackets cannot exceed the limit."""
    if body.count(b"[") + body.count(b"{") <= MAX_DEPTH:
        return 0  # too few brackets to exceed the limit
    depth = deepest = 0
    for bracket in BRACKETS.findall(STRINGS.sub(b"", body)):
        depth += 1 if bracket in (b"[", b"{") else -1
        deepest = max(deepest, depth)
    return deepest


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _InvalidJson("A name stands twice in one object.")
    return found


def _number(text: str) -> float | int:
    """Parse a number. JSON has one kind: 5.0 is the integer 5 (RFC 8259, JSON Schema 2020-12)."""
    value = float(text)
    return int(value) if value.is_integer() else value


def _no_constant(name: str) -> Any:
    raise _InvalidJson("NaN and Infinity are not JSON.")
