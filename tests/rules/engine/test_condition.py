"""The truth of conditions on missing answers as a table, each row also negated; then combined conditions."""

import itertools
from typing import Any

import pytest
from pydantic import ValidationError

from app.rules.engine.condition import (
    EVERYTHING,
    Answer,
    EvaluationContext,
    RuleSelector,
    Truth,
    fired_asked,
    referenced_rules,
)
from tests.rules.conditions import QUESTIONS, asked, compared, condition, facts

Row = tuple[str, str, Any, Answer | None, Truth]

SILENCE: list[Row] = [  # question, operator, value in the condition, answer (None: no answer), truth
    ("one", "exists", True, None, False),
    ("one", "exists", True, "a", True),
    ("one", "exists", True, "unsaid", True),
    ("one", "exists", False, None, True),
    ("one", "exists", False, "a", False),
    ("one", "exists", False, "unsaid", False),
    ("many", "exists", True, ("unsure",), True),
    ("number", "exists", True, 0, True),
    ("flag", "exists", True, False, True),
    ("one", "=", "a", None, None),
    ("one", "=", "a", "unsaid", None),
    ("one", "=", "unsaid", "unsaid", True),
    ("one", "=", "unsaid", "unsure", None),
    ("one", "=", "unsaid", "a", False),
    ("one", "=", "a", "a", True),
    ("one", "=", "a", "b", False),
    ("one", "!=", "a", None, None),
    ("one", "!=", "a", "unsaid", None),
    ("one", "!=", "unsaid", "unsaid", False),
    ("one", "!=", "unsaid", "unsure", None),
    ("one", "!=", "unsaid", "a", True),
    ("one", "!=", "a", "a", False),
    ("one", "!=", "a", "b", True),
    ("one", "in", ("a", "unsaid"), None, None),
    ("one", "in", ("a", "unsaid"), "unsure", None),
    ("one", "in", ("a", "unsaid"), "unsaid", True),
    ("one", "in", ("a", "unsaid"), "a", True),
    ("one", "in", ("a", "unsaid"), "b", False),
    ("many", "has", "a", None, None),
    ("many", "has", "a", ("a",), True),
    ("many", "has", "a", ("b",), False),
    ("many", "has", "a", ("a", "b"), True),
    ("many", "has", "a", ("a", "unsure"), True),
    ("many", "has", "a", ("b", "unsure"), None),
    ("many", "has", "unsure", ("unsure",), True),
    ("many", "has", "unsure", ("unsaid",), None),
    ("many", "has", "unsure", ("a",), False),
    ("many", "has_any", ("a", "unsure"), None, None),
    ("many", "has_any", ("a", "unsure"), ("b", "unsaid"), None),
    ("many", "has_any", ("a", "unsure"), ("unsaid", "unsure"), True),
    ("many", "has_any", ("a", "b"), ("b",), True),
    ("many", "has_any", ("a",), ("b",), False),
    ("number", "=", 0, None, None),
    ("number", "=", 0, 0, True),
    ("number", "!=", 0, 0, False),
    ("number", "in", (1, 2), 2, True),
    ("number", "in", (1, 2), 0, False),
    ("number", "<", 5, None, None),
    ("number", "<=", 5, None, None),
    ("number", ">", 5, None, None),
    ("number", ">=", 5, None, None),
    ("flag", "=", False, None, None),
    ("flag", "=", False, False, True),
    ("flag", "=", True, False, False),
    ("flag", "!=", True, False, True),
]  # fmt: skip
ORDER = [
    (operator, given, truth)
    for operator, truths in {"<": (1, 0, 0), "<=": (1, 1, 0), ">": (0, 0, 1), ">=": (0, 1, 1)}.items()
    for given, truth in zip((4, 5, 6), truths, strict=True)
]
OPPOSITE: dict[Truth, Truth] = {True: False, False: True, None: None}


def _answers(question: str, given: Answer | None) -> dict[str, Answer]:
    return {} if given is None else {question: given}


def _row_id(value: object) -> str:
    return "nothing" if value is None else str(value)


table = pytest.mark.parametrize(("question", "operator", "named", "given", "truth"), SILENCE, ids=_row_id)


@table
def test_an_enabled_question_is_heard_as_the_law_of_silence_says(
    question: str, operator: str, named: Any, given: Answer | None, truth: Truth
) -> None:
    assert compared(question, operator, named).evaluate(facts(_answers(question, given))) is truth


@table
def test_not_turns_true_and_false_around_and_leaves_unknown_unknown(
    question: str, operator: str, named: Any, given: Answer | None, truth: Truth
) -> None:
    negated = {"not": {"question": question, "operator": operator, "answer": named}}
    assert asked(negated, facts(_answers(question, given))) is OPPOSITE[truth]


@table
def test_a_question_that_is_not_enabled_makes_every_comparison_false(
    question: str, operator: str, named: Any, given: Answer | None, truth: Truth
) -> None:
    silent = facts(_answers(question, given), enabled=QUESTIONS - {question})
    assert compared(question, operator, named).evaluate(silent) is False
    negated = {"not": {"question": question, "operator": operator, "answer": named}}
    assert asked(negated, silent) is True


@table
def test_a_rule_that_heeds_disabled_questions_hears_them_as_if_they_were_enabled(
    question: str, operator: str, named: Any, given: Answer | None, truth: Truth
) -> None:
    heeding = facts(_answers(question, given), enabled=EVERYTHING)
    assert compared(question, operator, named).evaluate(heeding) is truth


@pytest.mark.parametrize(("operator", "given", "truth"), ORDER)
def test_numbers_are_compared_as_the_sign_says(operator: str, given: int, truth: int) -> None:
    assert compared("number", operator, 5).evaluate(facts({"number": given})) is bool(truth)


def test_an_option_is_unknown_only_where_its_own_question_marks_it() -> None:
    given = EvaluationContext({"one": "unsaid"}, QUESTIONS, {"many": frozenset({"unsaid"})})
    assert compared("one", "=", "a").evaluate(given) is False


LEAF: dict[Truth, dict[str, Any]] = {
    True: {"question": "flag", "operator": "=", "answer": True},
    False: {"question": "flag", "operator": "=", "answer": False},
    None: {"question": "one", "operator": "=", "answer": "a"},
}
KLEENE: dict[tuple[Truth, Truth], tuple[Truth, Truth]] = {  # (p, q) to (all, any)
    (True, True): (True, True),
    (True, False): (False, True),
    (True, None): (None, True),
    (False, False): (False, False),
    (False, None): (False, None),
    (None, None): (None, None),
}


@pytest.mark.parametrize(("pair", "both"), KLEENE.items(), ids=str)
def test_all_and_any_follow_kleene_whatever_the_order(
    pair: tuple[Truth, Truth], both: tuple[Truth, Truth]
) -> None:
    for first, second in (pair, pair[::-1]):
        parts = [LEAF[first], LEAF[second]]
        assert asked({"all": parts}, facts({"flag": True})) is both[0]
        assert asked({"any": parts}, facts({"flag": True})) is both[1]


def test_all_and_any_of_three_hear_every_part() -> None:
    for truths in itertools.product((True, False, None), repeat=3):
        parts = [LEAF[truth] for truth in truths]
        every: Truth = False if False in truths else None if None in truths else True
        some: Truth = True if True in truths else None if None in truths else False
        assert asked({"all": parts}, facts({"flag": True})) is every
        assert asked({"any": parts}, facts({"flag": True})) is some


@pytest.mark.parametrize(
    ("question", "without", "with_fired"),
    [
        ({"fired": "EARLY"}, False, True),
        ({"fired": "LATE"}, False, False),
        ({"none_fired": {"rules": ["EARLY"]}}, True, False),
        ({"none_fired": {"rules": ["LATE"]}}, True, True),
        ({"none_fired": {"groups": ["pain"]}}, True, False),
        ({"none_fired": {"groups": ["mood"]}}, True, True),
        ({"none_fired": {"rules": ["LATE"], "groups": ["pain"]}}, True, False),
        ({"cites_passage": {"rules": ["EARLY"]}}, False, True),
        ({"cites_passage": {"rules": ["LATE"]}}, False, False),
        ({"cites_passage": {"groups": ["pain"]}}, False, True),
        ({"cites_passage": {"groups": ["mood"]}}, False, False),
    ],
    ids=str,
)
def test_a_question_about_earlier_rules_is_true_or_false_and_never_unknown(
    question: dict[str, Any], without: bool, with_fired: bool
) -> None:
    assert asked(question, facts({})) is without
    assert asked(question, facts({}, EARLY=("pain", ("P1",)))) is with_fired


def test_a_rule_that_fired_without_a_passage_does_not_cite_one() -> None:
    cites = {"cites_passage": {"rules": ["EARLY"]}}
    assert asked(cites, facts({}, EARLY=("pain", ()))) is False
    assert asked(cites, facts({}, EARLY=("pain", ()), OTHER=("pain", ("P1",)))) is False


def test_everything_holds_every_name_and_has_no_end() -> None:
    assert "any name at all" in EVERYTHING
    with pytest.raises(TypeError, match=r"^everything has no end$"):
        len(EVERYTHING)
    with pytest.raises(TypeError, match=r"^everything has no end$"):
        iter(EVERYTHING)


@pytest.mark.parametrize(
    "malformed",
    [
        {"question": "one", "operator": "like", "answer": "a"},
        {"question": "one", "operator": "="},
        {"question": "one", "operator": "=", "answer": 1.5},
        {"question": "one", "operator": "=", "answer": "a", "why": "?"},
        {"all": []},
        {"any": []},
        {"not": [LEAF[True]]},
        {"all": [LEAF[True]], "any": [LEAF[True]]},
        {"fired": 7},
        {"none_fired": {"rule": ["EARLY"]}},
        {},
        "one = a",
        None,
    ],
    ids=str,
)
def test_a_condition_that_is_malformed_is_refused(malformed: Any) -> None:
    with pytest.raises(ValidationError):
        condition(malformed)


TREE = {
    "all": [
        {"not": {"question": "one", "operator": "in", "answer": ("a", "b")}},
        {"any": [LEAF[True], {"question": "one", "operator": "=", "answer": "b"}, {"fired": "EARLY"}]},
        {"none_fired": {"rules": ("R1",), "groups": ("g1",)}},
        {"not": {"all": [{"fired": "OTHER"}, {"cites_passage": {"groups": ("g2",)}}]}},
    ]
}


def test_a_condition_names_its_questions_once_in_reading_order() -> None:
    assert condition(TREE).questions() == ("one", "flag")


def test_a_comparison_names_its_value_or_the_members_of_its_list() -> None:
    assert [each.named_options() for each in condition(TREE).comparisons()] == [("a", "b"), (True,), ("b",)]


def test_what_a_condition_asks_about_rules_is_found_at_any_depth() -> None:
    assert list(referenced_rules(condition(TREE))) == [
        RuleSelector(rules=("EARLY",)),
        RuleSelector(rules=("R1",), groups=("g1",)),
        RuleSelector(rules=("OTHER",)),
        RuleSelector(groups=("g2",)),
    ]
    assert list(fired_asked(condition(TREE))) == ["EARLY", "OTHER"]
