"""Conditions as enableWhen: expressed exactly or rejected, never approximated."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, reject
from hypothesis import strategies as st

from app.fhir.enable_when import Enabling, NotRepresentable
from app.fhir.questionnaire import questionnaire
from app.rules.engine.condition import EvaluationContext
from app.rules.engine.edition import Edition
from tests.fhir import oracles
from tests.fhir.conftest import EDITIONS, IDS, SHIPPED, TINY
from tests.rules.combinatorics import assessment
from tests.rules.conditions import compared, condition
from tests.rules.strategies import LAW, complete_answers

Data = dict[str, Any]
CALL = compared("may_call", "=", answer=True)
SAID: list[tuple[Any, str, Any]] = [
    (compared("feeling", "=", "well"), "any", [("=", "well")]),
    (compared("feeling", "=", "not_sure"), "any", [("=", "not_sure")]),
    (compared("feeling", "in", ["well", "unwell"]), "any", [("=", "well"), ("=", "unwell")]),
    (compared("feeling", "!=", "well"), "any", [("=", "unwell")]),
    (compared("feeling", "!=", "not_sure"), "any", [("=", "well"), ("=", "unwell")]),
    (compared("feeling", "exists", answer=True), "any", [("exists", True)]),
    (compared("feeling", "exists", answer=False), "any", [("exists", False)]),
    (compared("drinks", "has", "black"), "any", [("=", "black")]),
    (compared("drinks", "has_any", ["black", "green"]), "any", [("=", "black"), ("=", "green")]),
    (CALL, "any", [("=", True)]),
    (compared("may_call", "!=", answer=True), "any", [("=", False)]),
    *((compared("cups", operator, 4), "any", [(operator, 4)]) for operator in ("=", "<", "<=", ">", ">=")),
    (compared("cups", "!=", 4), "any", [("<", 4), (">", 4)]),
    (compared("cups", "in", [1, 2]), "any", [("=", 1), ("=", 2)]),
    (condition({"not": compared("feeling", "=", "well")}), "any", [("=", "unwell")]),
    (condition({"not": {"not": compared("cups", ">", 4)}}), "any", [(">", 4)]),
    (
        condition({"all": [CALL, compared("drinks", "has", "green")]}),
        "all",
        [("=", True), ("=", "green")],
    ),
    (
        condition({"all": [CALL, compared("feeling", "in", ["well", "unwell"])]}),
        "all",
        [("=", True), ("exists", True), ("!=", "not_sure")],
    ),
    (
        condition({"all": [CALL, compared("cups", "!=", 4)]}),
        "all",
        [("=", True), ("exists", True), ("!=", 4)],
    ),
    (
        condition({"not": {"all": [CALL, compared("feeling", "=", "well")]}}),
        "any",
        [("=", False), ("=", "unwell")],
    ),
]  # fmt: skip
UNSAYABLE = [
    {"question": "cups", "operator": "exists", "answer": False},  # the question may never have been asked
    {"not": compared("cups", ">", 4)},  # true if the question is not asked
    {"not": compared("drinks", "has", "black")},  # unknown as long as another option may be meant
    {"all": [CALL, compared("drinks", "has_any", ["black", "green"])]},
    {"all": [CALL, compared("cups", "in", [1, 2])]},
    {
        "any": [
            CALL,
            condition({"all": [compared("cups", ">", 1), compared("cups", "<", 4)]}),
        ]
    },
    {"fired": "S_UNWELL"},
]


def rows(said: list[Any]) -> list[tuple[str, object]]:
    documents = [row.document() for row in said]
    values = [[value for name, value in each.items() if name.startswith("answer")] for each in documents]
    return [
        (each["operator"], value["code"] if isinstance(value, dict) else value)
        for each, (value,) in zip(documents, values, strict=True)
    ]


@pytest.mark.parametrize("data", UNSAYABLE, ids=range(len(UNSAYABLE)))
def test_what_enable_when_can_not_say_is_refused_and_never_said_nearly(data: Any) -> None:
    with pytest.raises(NotRepresentable):
        Enabling(TINY).to_enable_when(condition(data))


@pytest.mark.parametrize(
    "when",
    [{"not": compared("cups", ">", 4)}, {"fired": "T_CUPS"}, {"all": [CALL, condition({"fired": "T_CUPS"})]}],
    ids=range(3),
)
def test_an_edition_with_such_a_condition_is_not_said_at_all(when: Any) -> None:
    first = TINY.book.rules[0].model_copy(update={"when": condition(when)})
    book = TINY.book.model_copy(update={"rules": (first, *TINY.book.rules[1:])})
    with pytest.raises(NotRepresentable):
        questionnaire(replace(TINY, book=book), "en")


@pytest.mark.parametrize(("data", "behaviour", "expected"), SAID)
def test_a_condition_becomes_these_rows(data: Any, behaviour: str, expected: list[Any]) -> None:
    told, said = Enabling(TINY).to_enable_when(data)
    assert (told, rows(said)) == (behaviour, expected)


def test_a_question_the_clinic_switched_off_is_never_asked_about() -> None:
    off = replace(SHIPPED, off=frozenset({"self_harm"}))
    asked = compared("self_harm_thoughts", "=", "now")
    assert Enabling(off).to_enable_when(asked) == ("any", [])
    both = condition({"all": [asked, compared("answering_for", "=", "myself")]})
    assert Enabling(off).to_enable_when(both) == ("any", [])


LEAVES = st.one_of(
    st.builds(compared, st.just("feeling"), st.sampled_from(["=", "!="]),
              st.sampled_from(["well", "unwell", "not_sure"])),
    st.builds(compared, st.just("feeling"), st.just("in"),
              st.sampled_from([["well", "unwell"], ["unwell", "not_sure"], ["well"]])),
    st.builds(compared, st.sampled_from(["feeling", "drinks", "cups", "may_call"]), st.just("exists"),
              st.booleans()),
    st.builds(compared, st.just("drinks"), st.just("has"), st.sampled_from(["black", "green", "none"])),
    st.builds(compared, st.just("drinks"), st.just("has_any"), st.just(["black", "none"])),
    st.builds(compared, st.just("cups"), st.sampled_from(["=", "!=", "<", "<=", ">", ">="]),
              st.integers(0, 9)),
    st.builds(compared, st.just("may_call"), st.sampled_from(["=", "!="]), st.booleans()),
)  # fmt: skip
CONDITIONS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: condition({"all": parts})),
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: condition({"any": parts})),
        inner.map(lambda part: condition({"not": part})),
    ),
    max_leaves=4,
)


@LAW
@given(CONDITIONS, complete_answers(TINY))
def test_any_condition_that_is_said_means_the_same_to_fhir(asked: Any, answers: Data) -> None:
    on = TINY.enabled(answers)
    try:
        behaviour, said = Enabling(TINY).to_enable_when(asked)
    except NotRepresentable:
        reject()
    heard = {name: value for name, value in answers.items() if name in on}
    each = [oracles.holds(row.document(), heard) for row in said]
    theirs = bool(each) and (all(each) if behaviour == "all" else any(each))
    assert theirs is (asked.evaluate(EvaluationContext(answers, on, TINY.questionnaire.unknown)) is True)


@pytest.mark.parametrize("edition", EDITIONS, ids=IDS)
def test_fhir_enables_what_we_enable_for_any_answers(edition: Edition) -> None:
    document = questionnaire(edition, edition.languages[0]).document()
    items = set(edition.questionnaire.by_id)
    for answers in assessment(edition, 300, seed=5):
        assert oracles.enabled(document, answers) & items == edition.enabled(answers)
