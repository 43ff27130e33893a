"""Problems as OperationOutcome of FHIR, for every path below /fhir.

Responsible for: which paths use FHIR, how their problems look, and how OpenAPI documents them. Never: says
more than errors.py does.
"""

import re
from typing import Any

from app.errors import Problem
from app.fhir.models import OperationOutcome
from app.fhir.operation_outcome import OutcomeIssue, outcome
from app.web.openapi.document import REF, Responses, problems

MEDIA_TYPE = "application/fhir+json"
SPEAKS = re.compile(r"/fhir(?:/|\Z)")
ROOT = re.compile(r"/fhir/(QuestionnaireResponse)(?:/|\Z)")


def is_fhir_path(path: str) -> bool:
    """Return whether problems at this path are sent as OperationOutcome."""
    return SPEAKS.match(path) is not None


def document(problem: Problem, instance: str, path: str) -> dict[str, Any]:
    """Return the OperationOutcome of a problem; `instance` is the request id, `path` the requested path."""
    root = ROOT.match(path)
    wrong = [OutcomeIssue(each.pointer, each.code, each.detail) for each in problem.errors]
    return outcome(
        problem.slug,
        problem.status,
        problem.detail,
        root=root[1] if root else "",
        diagnostics=f"urn:uuid:{instance}",
        wrong=wrong,
    ).document()


def outcome_responses(*kinds: type[Problem]) -> Responses:
    """Return `responses` for the problems a handler below /fhir may raise; see `openapi.problems`."""
    responses = problems(*kinds)
    for status, response in responses.items():
        met = {kind.slug: {"value": _example(kind)} for kind in kinds if kind.status == status}
        schema = {"$ref": REF + OperationOutcome.__name__}
        response["content"] = {MEDIA_TYPE: {"schema": schema, "examples": met}}
    return responses


def _example(kind: type[Problem]) -> dict[str, Any]:
    instance = "urn:uuid:019298a2-0000-7000-8000-000000000000"
    return outcome(kind.slug, kind.status, f"{kind.title}.", root="", diagnostics=instance).document()
