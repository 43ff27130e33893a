"""The current API description breaks no client of the last release, and every breaking change is found."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.main import build
from app.rules.library import load_library
from tests.web.openapi.compatibility import Json, breaks

FOLDER = Path(__file__).parents[3] / "openapi"
RELEASED: Json = json.loads((FOLDER / "released.json").read_text(encoding="utf-8"))
PROMISE = "A program written for the last release breaks: see `What may change` in docs/programs.md."
Change = Callable[[Json], object]
SCHEMAS = ("components", "schemas")
OUT, IN = (*SCHEMAS, "SubmissionOut"), (*SCHEMAS, "SubmissionIn", "properties")
NOTE = (*SCHEMAS, "NoteIn", "properties", "text")
ONE = "/v1/submissions/{submission}"
CREATE, LISTED = ("paths", "/v1/submissions", "post"), ("paths", "/v1/submissions", "get")
NAMED = [each["name"] for each in RELEASED["paths"]["/v1/submissions"]["get"]["parameters"]]
LIMIT, TEST = (*LISTED, "parameters", NAMED.index("limit")), (*LISTED, "parameters", NAMED.index("test"))


def at(document: Json, *place: str | int) -> Any:
    """The value at a place in a document."""
    found: Any = document
    for part in place:
        found = found[part]
    return found


def drop(*place: str | int) -> Change:
    """A change that removes the value at a place."""
    return lambda document: at(document, *place[:-1]).pop(place[-1])


def put(value: object, *place: str | int) -> Change:
    """A change that sets the value at a place."""
    return lambda document: at(document, *place[:-1]).__setitem__(place[-1], value)


def more(value: object, *place: str | int) -> Change:
    """A change that adds one element to a list."""
    return lambda document: at(document, *place).append(value)


def less(value: object, *place: str | int) -> Change:
    """A change that removes one element from a list."""
    return lambda document: at(document, *place).remove(value)


def renamed(document: Json) -> None:
    """Rename a schema and update the reference to it."""
    schemas = document["components"]["schemas"]
    schemas["Kept"] = schemas.pop("SubmissionPage")
    at(document, *LISTED, "responses", "200", "content", "application/json", "schema")["$ref"] = (
        "#/components/schemas/Kept"
    )


def test_nothing_that_a_program_relies_on_is_gone() -> None:
    now = build(load_library(), development=False).openapi()
    assert breaks(RELEASED, now) == [], PROMISE


def test_the_last_release_breaks_nothing_of_itself() -> None:
    assert breaks(RELEASED, copy.deepcopy(RELEASED)) == []


# --- each breaking change is found -----------------------------------------------------------------

NEEDED = {"name": "X-New", "in": "header", "required": True, "schema": {}}
BODY = {"required": True, "content": {}}
KEY: list[Json] = [{"api_key": []}]
YES: object = True
BREAKS: dict[str, tuple[str, Change]] = {
    "a path": ("/v1/evaluations is gone", drop("paths", "/v1/evaluations")),
    "an operation": ("PATCH", drop("paths", ONE, "patch")),
    "an answer": ("201 is gone", drop(*CREATE, "responses", "201")),
    "a problem": ("409 is gone", drop(*CREATE, "responses", "409")),
    "a header of an answer": ("header ETag", drop(*CREATE, "responses", "201", "headers", "ETag")),
    "a media type": (
        "text/plain", drop("paths", f"{ONE}/summary", "get", "responses", "200", "content", "text/plain")
    ),
    "a member of an answer": ("/footer is gone", drop(*OUT, "properties", "footer")),
    "a member deep in an answer": ("/exact is gone", drop(*SCHEMAS, "Quotation", "properties", "exact")),
    "a member that was always there": ("/id is no longer", less("id", *OUT, "required")),
    "the type of a member": ("/id has another type", put("integer", *OUT, "properties", "id", "type")),
    "a member that may be null now": (
        "/footer has another type", put(["string", "null"], *OUT, "properties", "footer", "type")
    ),
    "a member of a body": ("/test is gone", drop(*IN, "test")),
    "a new member that is needed": ("/language is needed", more("language", *IN[:-1], "required")),
    "the type in a body": ("/test has another type", put("string", *IN, "test", "type")),
    "a null that was taken": ("/language has another type", drop(*IN, "language", "anyOf", 1)),
    "a value in a body": ("takes less: enum", less("draft", *IN, "status", "enum")),
    "a value that is the only one now": ("takes less: enum", put(YES, *IN, "test", "const")),
    "a length in a body": ("takes less: maxLength", put(10, *NOTE, "maxLength")),
    "a pattern in a body": ("takes less: pattern", put("^a$", *NOTE, "pattern")),
    "a largest number": ("takes less: maximum", put(100, *LIMIT, "schema", "maximum")),
    "a least number": ("takes less: minimum", put(10, *LIMIT, "schema", "minimum")),
    "a parameter": ("lost the parameter test", drop(*TEST)),
    "a parameter that is needed": ("needs the parameter test", put(YES, *TEST, "required")),
    "a new parameter that is needed": ("needs the parameter X-New", more(NEEDED, *CREATE, "parameters")),
    "a body that is needed": ("needs a body", put(BODY, "paths", f"{ONE}/submit", "post", "requestBody")),
    "credentials": ("other credentials", put(KEY, "paths", "/v1/questionnaires", "get", "security")),
    "one of two credentials": ("other credentials", drop("paths", ONE, "get", "security", 1)),
    "the name of an operation": ("another operationId", put("create", *CREATE, "operationId")),
    "the name of a schema": ("SubmissionPage is gone", renamed),
}  # fmt: skip


@pytest.mark.parametrize(("told", "change"), BREAKS.values(), ids=BREAKS.keys())
def test_a_break_is_found(told: str, change: Change) -> None:
    broken = copy.deepcopy(RELEASED)
    change(broken)
    found = breaks(RELEASED, broken)
    assert any(told in each for each in found), found


def test_a_body_that_takes_no_more_members_of_any_name_is_found() -> None:
    opened = copy.deepcopy(RELEASED)
    drop(*SCHEMAS, "NoteIn", "additionalProperties")(opened)
    assert any("takes less: additionalProperties" in each for each in breaks(opened, RELEASED))


def test_a_webhook_that_is_no_longer_sent_or_has_lost_a_member_is_found() -> None:
    described = build(load_library(), development=False).openapi()
    fewer = copy.deepcopy(described)
    drop("webhooks", "submission.submitted")(fewer)
    drop(*SCHEMAS, "EventData", "properties", "state")(fewer)
    found = breaks(described, fewer)
    assert "POST submission.submitted is gone" in found
    assert "POST handoff.created body/data/state is gone" in found


# --- an addition is not a breaking change ----------------------------------------------------------

TEXT = {"type": "string"}
ADDITIONS: dict[str, Change] = {
    "a path": put({"get": {}}, "paths", "/v1/new"),
    "a member of an answer": put(TEXT, *OUT, "properties", "new"),
    "a member of an answer that is always there": more("new", *OUT, "required"),
    "a member of a body": put(TEXT, *IN, "new"),
    "a value in a body": more("new", *IN, "status", "enum"),
    "a greater length": put(10**6, *NOTE, "maxLength"),
    "a parameter": more(NEEDED | {"required": False}, *CREATE, "parameters"),
    "a problem": put({"description": "A teapot"}, *CREATE, "responses", "418"),
    "a value in an answer": more("new", *OUT, "properties", "status", "enum"),
    "a narrower answer": put(5, *OUT, "properties", "footer", "maxLength"),
    "another question": drop(*SCHEMAS, "Answers_ketamine_preconsult", "properties", "pain_types"),
}


@pytest.mark.parametrize("change", ADDITIONS.values(), ids=ADDITIONS.keys())
def test_an_addition_is_no_break(change: Change) -> None:
    grown = copy.deepcopy(RELEASED)
    change(grown)
    assert grown != RELEASED
    assert breaks(RELEASED, grown) == []
