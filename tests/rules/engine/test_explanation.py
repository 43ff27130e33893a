"""Why a condition holds and what would determine it: properties checked on random conditions."""

import itertools
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from app.rules.engine.condition import Answer, Answers
from app.rules.engine.explanation import explain
from tests.rules.conditions import QUESTIONS, UNKNOWN, compared, condition, facts
from tests.rules.strategies import LAW

OPTIONS = ("a", "b", "unsure", "unsaid")
KNOWN: dict[str, Answer] = {"one": "a", "many": ("b",), "number": 3, "flag": True}
FITTING = {"one": ("=", "!=", "in"), "many": ("has", "has_any"), "number": ("<", ">=", "in"), "flag": ("=",)}

_values: dict[str, st.SearchStrategy[Any]] = {
    "one": st.sampled_from(OPTIONS),
    "many": st.sets(st.sampled_from(OPTIONS), min_size=1).map(lambda codes: tuple(sorted(codes))),
    "number": st.integers(0, 10),
    "flag": st.booleans(),
}
answer_sets: st.SearchStrategy[dict[str, Answer]] = st.fixed_dictionaries({}, optional=_values)
enabled_sets = st.sets(st.sampled_from(sorted(QUESTIONS)), min_size=2)


@st.composite
def leaves(draw: st.DrawFn, *, silent: bool) -> dict[str, Any]:
    question = draw(st.sampled_from(sorted(QUESTIONS)))
    operator = draw(st.sampled_from(FITTING[question] + ("exists",) * silent))
    single = _values["one"] if question == "many" else _values[question]
    answer = draw(st.booleans() if operator == "exists" else single)
    return {
        "question": question,
        "operator": operator,
        "answer": (answer,) if operator in ("in", "has_any") else answer,
    }


def trees(*, silent: bool) -> st.SearchStrategy[dict[str, Any]]:
    """Conditions as data; `silent`: some of them use `exists` to ask whether there is an answer."""

    def around(inner: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
        several = st.lists(inner, min_size=1, max_size=3)
        return st.one_of(
            st.fixed_dictionaries({"all": several}),
            st.fixed_dictionaries({"any": several}),
            st.fixed_dictionaries({"not": inner}),
        )

    return st.recursive(leaves(silent=silent), around, max_leaves=6)


def _without(answers: Answers, name: str) -> Answers:
    return {other: answer for other, answer in answers.items() if other != name}


@LAW
@given(trees(silent=True), answer_sets, enabled_sets)
def test_the_reasons_alone_keep_a_condition_true_and_not_one_of_them_can_go(
    data: dict[str, Any], answers: Answers, enabled: set[str]
) -> None:
    rule = condition(data)
    assume(rule.evaluate(facts(answers, enabled)) is True)
    reasons = explain(rule, facts(answers, enabled))
    assert rule.evaluate(facts(reasons, enabled)) is True
    for name in reasons:
        assert rule.evaluate(facts(_without(reasons, name), enabled)) is not True


@LAW
@given(trees(silent=True), answer_sets)
def test_the_reasons_are_answers_that_were_given_or_named_parts_of_them(
    data: dict[str, Any], answers: Answers
) -> None:
    rule = condition(data)
    assume(rule.evaluate(facts(answers)) is True)
    for name, reason in explain(rule, facts(answers)).items():
        assert name in rule.questions()
        given_answer = answers[name]
        if isinstance(reason, tuple):
            assert isinstance(given_answer, tuple)
            assert set(reason) <= set(given_answer)
        else:
            assert reason == given_answer


@LAW
@given(trees(silent=True), answer_sets, enabled_sets)
def test_only_an_unknown_condition_has_open_questions_and_each_is_silent(
    data: dict[str, Any], answers: Answers, enabled: set[str]
) -> None:
    rule, heard = condition(data), facts(answers, enabled)
    open_questions = rule.open_questions(heard)
    assert bool(open_questions) is (rule.evaluate(heard) is None)
    assert len(set(open_questions)) == len(open_questions)
    for name in open_questions:
        given_answer = answers.get(name)
        codes = given_answer if isinstance(given_answer, tuple) else (given_answer,)
        assert name in enabled
        assert given_answer is None or set(codes) & UNKNOWN[name]


@LAW
@given(trees(silent=False), answer_sets)
def test_answers_to_other_questions_do_not_settle_an_unknown_condition(
    data: dict[str, Any], answers: Answers
) -> None:
    rule = condition(data)
    assume(rule.evaluate(facts(answers)) is None)
    others = QUESTIONS - answers.keys() - set(rule.open_questions(facts(answers)))
    for name, said in itertools.product(others, KNOWN):
        if name == said:
            assert rule.evaluate(facts({**answers, name: KNOWN[name]})) is None


def test_of_several_answers_that_would_do_the_first_named_is_the_reason() -> None:
    either = condition(
        {
            "any": [
                {"question": "one", "operator": "=", "answer": "a"},
                {"question": "flag", "operator": "=", "answer": True},
            ]
        }
    )
    assert explain(either, facts({"flag": True, "one": "a"})) == {"one": "a"}
    assert explain(either, facts({"flag": True, "one": "b"})) == {"flag": True}


def test_of_a_question_that_repeats_only_the_named_selected_options_are_a_reason() -> None:
    answers: dict[str, Answer] = {"many": ("a", "b", "unsure")}
    assert explain(compared("many", "has_any", ("a", "unsaid")), facts(answers)) == {"many": ("a",)}
    assert explain(compared("many", "has_any", ("unsure", "a")), facts(answers)) == {"many": ("a", "unsure")}


def test_an_answer_that_holds_by_what_it_leaves_out_is_a_reason_as_a_whole() -> None:
    lacking = condition({"not": {"question": "many", "operator": "has", "answer": "a"}})
    assert explain(lacking, facts({"many": ("b", "c")})) == {"many": ("b", "c")}
    assert explain(compared("many", "exists", answer=True), facts({"many": ("b",)})) == {"many": ("b",)}


def test_reasons_that_rest_on_silence_are_tried_again_once_another_one_is_gone() -> None:
    tangled = condition(
        {
            "any": [
                {
                    "all": [
                        {"question": "one", "operator": "=", "answer": "a"},
                        {"question": "flag", "operator": "=", "answer": True},
                    ]
                },
                {"question": "one", "operator": "exists", "answer": False},
            ]
        }
    )
    assert explain(tangled, facts({"one": "a", "flag": True})) == {}


def test_rules_that_fired_stay_in_sight_while_reasons_are_sought() -> None:
    both = condition({"all": [{"fired": "EARLY"}, {"question": "flag", "operator": "=", "answer": True}]})
    assert explain(both, facts({"flag": True, "one": "a"}, EARLY=("g", ()))) == {"flag": True}


def test_open_questions_are_told_once_in_reading_order() -> None:
    several = condition(
        {
            "all": [
                {"question": "number", "operator": ">", "answer": 3},
                {"not": {"question": "one", "operator": "=", "answer": "a"}},
                {"question": "number", "operator": "<", "answer": 9},
                {"any": [{"question": "flag", "operator": "=", "answer": True}, {"fired": "X"}]},
            ]
        }
    )
    assert several.open_questions(facts({})) == ("number", "one", "flag")
    assert several.open_questions(facts({"number": 4, "one": "unsaid", "flag": True})) == ("one",)
    assert several.open_questions(facts({"number": 2})) == ()
