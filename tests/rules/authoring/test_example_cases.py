"""Example cases: sentences that a clinician can check, and the report for each way in which one can fail."""

from typing import Any

import pytest
from pydantic import ValidationError

from app.rules.authoring.example_cases import Case, run_case
from app.rules.engine.edition import Edition
from tests.rules.conditions import frozen

SENTENCE = "Someone who is well and drinks much tea hears about sleep."
WELL = {"feeling": "well", "drinks": ["black"], "cups": 5}
HOLDS: dict[str, Any] = {"mode": "full", "rules": ["T_CUPS"], "passages": ["P1", "P2"], "flags": []}


def case(answers: dict[str, Any], expect: dict[str, Any], **more: Any) -> Case:
    data = frozen({"case": SENTENCE, "expect": expect} | more) | {"answers": answers}
    return Case.model_validate(data)


def messages(edition: Edition, answers: dict[str, Any], expect: dict[str, Any], **more: Any) -> list[str]:
    return list(run_case(edition, case(answers, expect, **more)))


@pytest.mark.parametrize(
    "sentence",
    ["Too short.", "no capital at the beginning.", "No full stop at the end", "", "  Indented by somebody."],
)
def test_a_case_that_is_no_sentence_is_refused(sentence: str) -> None:
    with pytest.raises(ValidationError):
        Case.model_validate({"case": sentence, "answers": {}, "expect": {}})


@pytest.mark.parametrize(
    "sentence", [SENTENCE, "Über das Schlafen sagt er nichts.", "Él no dice nada sobre eso."]
)
def test_a_case_is_a_sentence_in_any_language(sentence: str) -> None:
    assert Case.model_validate({"case": sentence, "answers": {}, "expect": {}}).case == sentence


@pytest.mark.parametrize("more", [{"status": "sent"}, {"expect": {"mode": "half"}}, {"answer": {}}])
def test_a_case_of_another_shape_is_refused(more: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Case.model_validate({"case": SENTENCE, "answers": {}, "expect": {}} | more)


def test_a_case_that_holds_says_nothing(tiny: Edition) -> None:
    assert messages(tiny, WELL, HOLDS) == []
    assert messages(tiny, {}, {"issues": [{"pointer": "/answers/feeling", "code": "required"}]}) == []


@pytest.mark.parametrize(
    ("expect", "difference"),
    [
        ({"mode": "limited"}, "mode: found full, the case expects limited"),
        ({"mode": None}, "mode: found full, the case expects None"),
        ({"rules": []}, "rules: found T_CUPS, the case expects none"),
        ({"rules": ["T_CUPS", "G_REST"]}, "rules: found T_CUPS, the case expects T_CUPS, G_REST"),
        ({"passages": ["P2", "P1"]}, "passages: found P1, P2, the case expects P2, P1"),
        ({"flags": ["not_well"]}, "flags: found none, the case expects not_well"),
        ({"enabled": ["cups", "call_name"]}, "not enabled: found call_name, the case expects none"),
        ({"disabled": ["cups", "call_name"]}, "enabled after all: found cups, the case expects none"),
        ({"undetermined": ["G_REST"]}, "undetermined: found none, the case expects G_REST"),
        (
            {"issues": [{"pointer": "/answers/cups", "code": "required"}]},
            "issues: found none, the case expects ('/answers/cups', 'required')",
        ),
    ],
    ids=str,
)
def test_each_difference_is_told_with_what_was_found_and_what_was_expected(
    tiny: Edition, expect: dict[str, Any], difference: str
) -> None:
    assert messages(tiny, WELL, HOLDS | expect) == [difference]


def test_all_differences_are_told_together(tiny: Edition) -> None:
    assert len(messages(tiny, WELL, {"mode": "none", "flags": ["not_well"]})) == 4


def test_issues_nobody_expected_are_told_alone(tiny: Edition) -> None:
    found = messages(tiny, {"feeling": "fine"}, HOLDS)
    assert found == ["issues: found ('/answers/feeling', 'not_an_option'), the case expects none"]


def test_undetermined_rules_are_compared_only_where_they_are_given(tiny: Edition) -> None:
    silent = {"mode": "full", "rules": ["G_REST"], "passages": ["P1"]}
    answers = {"feeling": "well", "drinks": ["black"]}
    assert messages(tiny, answers, silent) == []
    assert messages(tiny, answers, silent | {"undetermined": ["T_CUPS"]}) == []
    assert messages(tiny, answers, silent | {"undetermined": []}) == [
        "undetermined: found T_CUPS, the case expects none"
    ]


def test_a_draft_is_checked_as_a_draft_and_contact_details_as_contact_details(tiny: Edition) -> None:
    rest = {"mode": "full", "rules": ["G_REST"], "passages": ["P1"]}
    assert messages(tiny, {"drinks": ["none"]}, rest, status="draft") == []
    assert messages(tiny, {"drinks": ["none"]}, rest, status="submitted") != []
    called = {"feeling": "well", "may_call": True}
    assert messages(tiny, called, rest, contact={"name": "Ada"}) == []
    bad = {"issues": [{"pointer": "/contact/name", "code": "bad_format"}]}
    assert messages(tiny, called, bad, contact={"name": "A\nda"}) == []


def test_a_case_speaks_the_language_it_names(sleep: Edition) -> None:
    expect = {"mode": "full", "rules": ["A_NICHTS", "A_IMMER"], "passages": ["A1"]}
    for language in ("de", "en-GB", "fr"):
        assert messages(sleep, {}, expect, status="draft", language=language) == []
