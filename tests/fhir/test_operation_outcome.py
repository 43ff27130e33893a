"""OperationOutcomes and the CapabilityStatement: valid, and without any content of the request."""

import pytest

from app.errors import every_problem
from app.fhir.capability_statement import statement
from app.fhir.operation_outcome import BY_CODE, BY_STATUS, OutcomeIssue, expression, outcome, success_outcome
from app.fhir.questionnaire_response import ISSUE_MESSAGES
from tests.fhir import oracles

HERE = "QuestionnaireResponse"


@pytest.mark.parametrize(
    ("pointer", "path"),
    [
        ("", HERE),
        ("/status", f"{HERE}.status"),
        ("/item/0/item/12/linkId", f"{HERE}.item[0].item[12].linkId"),
        ("/item/0/answer/1/valueCoding/code", f"{HERE}.item[0].answer[1].value.code"),
        ("/item/0/<script>", f"{HERE}.item[0]"),
        ("/item/0/a b/linkId", f"{HERE}.item[0]"),
        ("/Pat's ~0name", HERE),
        ("/" + "a" * 200, HERE),
        ("/item/٣", f"{HERE}.item"),
    ],
)
def test_a_pointer_becomes_a_path_and_never_repeats_what_was_sent(pointer: str, path: str) -> None:
    assert expression(pointer, HERE) == path


def test_every_problem_has_a_type_of_issue() -> None:
    assert {kind.status for kind in every_problem()} == set(BY_STATUS)


def test_a_problem_without_errors_is_one_issue_and_each_error_is_one() -> None:
    whole = outcome("not-found", 404, "Nothing.", root="", diagnostics="urn:uuid:1").document()
    (issue,) = whole["issue"]
    assert (issue["code"], issue["details"]["text"]) == ("not-found", "Nothing.")
    assert "expression" not in issue
    wrong = [OutcomeIssue("/item/0", "unknown_question", "a"), OutcomeIssue("/item/1", "required", "b")]
    told = outcome("invalid-answers", 422, "Look.", root=HERE, diagnostics="urn:uuid:1", wrong=wrong)
    codes = [(each.code, each.expression) for each in told.issue]
    assert codes == [("structure", [f"{HERE}.item[0]"]), ("required", [f"{HERE}.item[1]"])]


def test_both_validators_accept_them() -> None:
    wrong = [OutcomeIssue("/item/0", code, "words") for code in {*BY_CODE, *ISSUE_MESSAGES, "anything_else"}]
    documents = [
        outcome(kind.slug, kind.status, kind.title, root="", diagnostics="urn:uuid:1").document()
        for kind in every_problem()
    ]
    documents += [outcome("x", 422, "x", root=HERE, diagnostics="urn:uuid:1", wrong=wrong).document()]
    documents += [success_outcome("Fine.", [("U18", "Talk to somebody.")]).document()]
    documents += [statement("http://127.0.0.1:8000/fhir").document()]
    assert oracles.complaints(*documents) == []


def test_what_is_fine_says_interruptions_first() -> None:
    told = success_outcome("Fine.", [("S_NOW", "Call.")]).issue
    assert [each.details.text for each in told] == ["Call.", "Fine."]
    assert {each.severity for each in told} == {"information"}
