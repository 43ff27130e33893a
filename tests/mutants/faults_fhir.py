"""Faults in app/fhir: what other programs understand of our questionnaires and answers."""

from tests.mutants.fault import Fault

FAULTS = (
    Fault(
        "The FHIR questionnaire joins conditions by `all` where any of them suffices",
        "app/fhir/enable_when.py",
        'return "any", self.any_of(condition, wanted=True)',
        'return "all", self.any_of(condition, wanted=True)',
        ("tests/fhir/test_enable_when.py",),
    ),
    Fault(
        "Of several options in a QuestionnaireResponse only the first is stored",
        "app/fhir/questionnaire_response.py",
        "values if item.repeats else values[0]",
        "values[:1] if item.repeats else values[0]",
        ("tests/fhir/test_questionnaire_response.py",),
    ),
    Fault(
        "An OperationOutcome repeats member names that somebody made up",
        "app/fhir/operation_outcome.py",
        "elif ELEMENT.fullmatch(token):",
        "elif token:",
        ("tests/fhir/test_operation_outcome.py",),
    ),
    Fault(
        "A test key hands in real submissions by FHIR",
        "app/web/api/fhir_responses.py",
        "test=principal.key.is_test or sent.meta,",
        "test=sent.meta,",
        ("tests/web/api/test_fhir.py::test_a_test_key_makes_and_sees_test_submissions_only",),
        only="web",
    ),
)
