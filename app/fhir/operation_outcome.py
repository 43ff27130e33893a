"""Errors and success as a FHIR R4 OperationOutcome.

Responsible for: converting slug, status and JSON pointers to issue types and simple FHIRPath.
Never: repeats what a client sent.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from app.fhir import identifiers
from app.fhir.models import CodeableConcept, Coding, OperationOutcome, OperationOutcomeIssue

BY_STATUS = {
    400: "structure", 401: "login", 403: "forbidden", 404: "not-found", 405: "not-supported",
    406: "not-supported", 408: "timeout", 409: "conflict", 410: "deleted", 412: "conflict", 413: "too-long",
    415: "not-supported", 422: "processing", 428: "required", 429: "throttled", 500: "exception",
    501: "not-supported", 503: "transient",
}  # fmt: skip
BY_CODE = {
    "required": "required", "missing": "required", "not_an_option": "code-invalid",
    "unknown_system": "code-invalid", "unknown_question": "structure", "misplaced_item": "structure",
    "repeated_item": "structure", "display_answered": "structure", "group_answered": "structure",
    "question_with_items": "structure", "extra_forbidden": "structure", "too_many_answers": "structure",
    "too_long": "too-long", "string_too_long": "too-long", "exclusive_option": "business-rule",
    "duplicate_option": "duplicate", "must_be_true": "business-rule", "unknown_questionnaire": "not-found",
    "unknown_edition": "not-found",
}  # fmt: skip
ELEMENT = re.compile(r"[A-Za-z][A-Za-z0-9]{0,60}")
CHOICE = re.compile(r"value[A-Z]\w*")


@dataclass(frozen=True, slots=True)
class OutcomeIssue:
    """One error: RFC 6901 pointer from the root of the resource, stable code, message."""

    pointer: str
    code: str
    detail: str


def outcome(
    slug: str, status: int, detail: str, *, root: str, diagnostics: str, wrong: Iterable[OutcomeIssue] = ()
) -> OperationOutcome:
    """Return an issue for each error in `wrong`, or one issue for the whole problem if it is empty.

    `root`: the type of the resource; if it is empty, the issues have no expression.
    """
    issues = [_issue(each, root, diagnostics) for each in wrong]
    whole = OperationOutcomeIssue(
        severity="error",
        code=BY_STATUS.get(status, "processing"),
        details=_details(identifiers.PROBLEM, slug, detail),
        diagnostics=diagnostics,
    )
    return OperationOutcome(issue=issues or [whole])


def success_outcome(detail: str, blocks: Iterable[tuple[str, str]]) -> OperationOutcome:
    """Return the outcome of a valid resource.

    `blocks`: rule and text of each interruption; their issues come first.
    """
    issues = [
        OperationOutcomeIssue(
            severity="information", code="informational", details=_details(system, code, words)
        )
        for system, code, words in (
            *((identifiers.RULE, rule, words) for rule, words in blocks),
            (identifiers.ISSUE, "valid", detail),
        )
    ]
    return OperationOutcome(issue=issues)


def expression(pointer: str, root: str) -> str:
    """Return a pointer as simple FHIRPath: `/item/0/answer/1/valueCoding` is `….item[0].answer[1].value`.

    `pointer`: a JSON pointer. `root`: the start of the path.

    The path ends before the first name that can't be an element of FHIR, so that it doesn't repeat what was
    sent.
    """
    path = root
    for token in pointer.split("/")[1:]:
        if token.isascii() and token.isdigit():
            path += f"[{token}]"
        elif ELEMENT.fullmatch(token):
            path += "." + ("value" if CHOICE.fullmatch(token) else token)
        else:
            break
    return path


def _issue(wrong: OutcomeIssue, root: str, diagnostics: str) -> OperationOutcomeIssue:
    return OperationOutcomeIssue(
        severity="error",
        code=BY_CODE.get(wrong.code, "value"),
        details=_details(identifiers.ISSUE, wrong.code, wrong.detail),
        diagnostics=diagnostics,
        expression=[expression(wrong.pointer, root)] if root else None,
    )


def _details(system: str, code: str, text: str) -> CodeableConcept:
    return CodeableConcept(coding=[Coding(system=system, code=code)], text=text)
