"""The JSON Schema of answers accepts and rejects the same answers as `check`, according to jsonschema."""

import random
from dataclasses import replace
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from app.rules.engine.answer_schema import DIALECT, answer_schema, value_schema
from app.rules.engine.edition import Edition
from tests.rules.combinatorics import assessment, domain
from tests.rules.edition_variants import with_items

every_edition = pytest.mark.parametrize("name", ["edition", "tiny", "sleep"])
HOSTILE: list[Any] = [
    None, [], {}, "", "no", "yes", "prefer_not_to_say", "none", "no_such_option", True, False, 0, 1, -1, 11,
    10**9, 1.5, [""], ["none"], ["none", "black"], ["black", "black"], ["no_such_option"], [None], [1],
    [["black"]], "\0",
]  # fmt: skip


def validator(edition: Edition, *, complete: bool) -> Draft202012Validator:
    schema = answer_schema(edition.questionnaire, complete=complete)
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def as_json(answers: Any) -> dict[str, Any]:
    return {name: list(each) if isinstance(each, tuple) else each for name, each in answers.items()}


def spoil(edition: Edition, given: dict[str, Any], name: str, value: Any) -> None:
    """Set an answer, except where `check` ignores an empty value and the stricter schema rejects it."""
    item = edition.questionnaire.questions.get(name)
    if (value is None and item is None) or (value == [] and not (item and item.repeats)):
        return
    given[name] = value


@every_edition
@pytest.mark.parametrize("complete", [True, False])
def test_answers_that_were_spoilt_fit_the_schema_exactly_when_check_finds_no_issue(
    name: str, complete: bool, request: pytest.FixtureRequest
) -> None:
    edition: Edition = request.getfixturevalue(name)
    judge, dice, verdicts = validator(edition, complete=complete), random.Random(1), set()
    names = [*edition.questionnaire.questions, "no_such_question", "contact_name", "call_name"]
    for answers in assessment(edition, 250, seed=21):
        given = as_json(answers)
        assert judge.is_valid(given)
        for _ in range(dice.choice((1, 1, 2))):
            spoil(edition, given, dice.choice(names), dice.choice(HOSTILE))
        if dice.random() < 0.3:
            given.pop(dice.choice(names), None)
        fits = judge.is_valid(given)
        assert fits is not bool(edition.check(given, complete=complete).issues), given
        verdicts.add(fits)
    assert verdicts == {True, False}


def test_on_every_set_of_answers_of_the_tiny_edition_schema_and_check_agree(tiny: Edition) -> None:
    judge = validator(tiny, complete=True)
    for feeling in (None, *domain(tiny.questionnaire.questions["feeling"])):
        for drinks in (None, *domain(tiny.questionnaire.questions["drinks"])):
            for cups in (None, 0, 9, 10):
                given = as_json({"feeling": feeling, "drinks": drinks, "cups": cups})
                assert judge.is_valid(given) is not bool(tiny.check(given).issues)


def test_a_schema_tells_its_dialect_and_knows_no_other_names(tiny: Edition) -> None:
    schema = answer_schema(tiny.questionnaire, complete=False)
    assert schema["type"] == "object"
    assert schema["$schema"] == DIALECT == "https://json-schema.org/draft/2020-12/schema"
    assert list(schema["properties"]) == ["feeling", "drinks", "cups", "may_call"]
    assert schema["additionalProperties"] is False
    assert not {"$defs", "allOf"} & schema.keys()
    assert {"$defs", "allOf"} <= answer_schema(tiny.questionnaire, complete=True).keys()


def test_each_type_of_question_has_its_values(tiny: Edition) -> None:
    schemas = {name: value_schema(item) for name, item in tiny.questionnaire.questions.items()}
    assert schemas == {
        "feeling": {"enum": ["well", "unwell", "not_sure", None]},
        "drinks": {
            "anyOf": [
                {"type": "array", "items": {"enum": ["black", "green"]}, "uniqueItems": True},
                {"type": "array", "items": {"enum": ["none"]}, "maxItems": 1},
                {"type": "null"},
            ]
        },
        "cups": {"type": ["integer", "null"], "minimum": 0, "maximum": 9},
        "may_call": {"type": ["boolean", "null"]},
    }


def test_a_text_has_a_greatest_length(tiny: Edition) -> None:
    assert value_schema(tiny.questionnaire.by_id["call_name"]) == {
        "type": ["string", "null"],
        "maxLength": 20,
    }


def test_a_question_without_an_exclusive_option_takes_any_of_its_options(tiny: Edition) -> None:
    item = tiny.questionnaire.by_id["feeling"].model_copy(update={"repeats": True})
    assert len(value_schema(item)["anyOf"]) == 2


_MANY = {"question": "cups", "operator": ">", "answer": 4}
_CALL = {"question": "may_call", "operator": "=", "answer": True}
CONDITIONS: list[dict[str, Any]] = [
    {"question": "feeling", "operator": "=", "answer": "well"},
    {"question": "feeling", "operator": "!=", "answer": "well"},
    {"question": "feeling", "operator": "in", "answer": ["unwell", "not_sure"]},
    {"question": "drinks", "operator": "exists", "answer": True},
    {"question": "drinks", "operator": "exists", "answer": False},
    {"question": "drinks", "operator": "has", "answer": "black"},
    {"question": "drinks", "operator": "has_any", "answer": ["green", "none"]},
    {"question": "cups", "operator": "=", "answer": 4},
    {"question": "cups", "operator": "!=", "answer": 4},
    {"question": "cups", "operator": "in", "answer": [4, 5]},
    {"question": "cups", "operator": "<", "answer": 4},
    {"question": "cups", "operator": "<=", "answer": 4},
    {"question": "cups", "operator": ">", "answer": 4},
    {"question": "cups", "operator": ">=", "answer": 4},
    {"question": "may_call", "operator": "=", "answer": False},
    {"question": "may_call", "operator": "!=", "answer": False},
    {"all": [_MANY, _CALL]},
    {"any": [_MANY, _CALL]},
]


@pytest.mark.parametrize("negated", [False, True])
@pytest.mark.parametrize("data", CONDITIONS, ids=str)
def test_every_condition_enables_in_the_schema_what_it_enables_in_the_form(
    tiny: Edition, data: dict[str, Any], negated: bool
) -> None:
    asked = {"linkId": "last", "type": "boolean", "required": True}
    edition = with_items(tiny, asked | {"enableWhen": {"not": data} if negated else data})
    judge, verdicts = validator(edition, complete=True), set()
    for answers in assessment(tiny, 120, seed=5):
        given = as_json(answers)
        fits = judge.is_valid(given)
        assert fits is not bool(edition.check(given).issues), given
        verdicts.add(fits)
    assert verdicts == {True, False}


@pytest.mark.parametrize("negated", [False, True])
@pytest.mark.parametrize("named", ["schnarchen", "weiss_nicht"])
def test_an_unknown_option_and_an_empty_list_are_unknown_in_the_schema_too(
    sleep: Edition, named: str, negated: bool
) -> None:
    data = {"question": "anliegen", "operator": "has", "answer": named}
    asked = {"linkId": "last", "type": "boolean", "required": True}
    edition = with_items(sleep, asked | {"enableWhen": {"not": data} if negated else data})
    judge = validator(edition, complete=True)
    for answers in assessment(sleep, 150, seed=6):
        for given in (as_json(answers), as_json(answers) | {"anliegen": []}):
            assert judge.is_valid(given) is not bool(edition.check(given).issues), given


def test_a_condition_about_rules_has_no_schema(tiny: Edition) -> None:
    edition = with_items(
        tiny, {"linkId": "last", "type": "boolean", "required": True, "enableWhen": {"fired": "T_CUPS"}}
    )
    with pytest.raises(TypeError, match=r"^conditions about rules are no part of a questionnaire$"):
        answer_schema(edition.questionnaire, complete=True)


@pytest.mark.parametrize(("name", "switch"), [("edition", "self_harm"), ("tiny", "calls")])
def test_with_a_question_switched_off_schema_and_check_agree_still(
    name: str, switch: str, request: pytest.FixtureRequest
) -> None:
    edition: Edition = replace(request.getfixturevalue(name), off=frozenset({switch}))
    judge, dice, verdicts = (
        Draft202012Validator(answer_schema(edition.asked, complete=True)),
        random.Random(8),
        set(),
    )
    for answers in assessment(edition, 150, seed=8):
        given = as_json(answers)
        assert judge.is_valid(given)
        given.pop(dice.choice(list(given)))
        fits = judge.is_valid(given)
        assert fits is not bool(edition.check(given).issues), given
        verdicts.add(fits)
    assert verdicts == {True, False}


def test_a_required_question_that_is_never_asked_may_be_left_out_or_answered(tiny: Edition) -> None:
    never = tiny.questionnaire.never_asking({"feeling"})
    schema = answer_schema(never, complete=True)
    Draft202012Validator.check_schema(schema)
    judge = Draft202012Validator(schema)
    assert schema["$defs"]["feeling"] == {"allOf": [{"$ref": "#/$defs/tea"}, {"not": {}}]}
    assert judge.is_valid({})
    assert judge.is_valid({"feeling": "unwell", "drinks": ["green"]})
    assert not judge.is_valid({"feeling": "no_such_option"})
