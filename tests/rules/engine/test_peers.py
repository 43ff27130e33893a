"""Two independent models agree with the evaluator, on every class of answers per cluster and at random.

reference_engine.py is the specification by hand; solver.py's model is the one used in the proofs.
Questions that no rule reads together are tested separately; of options that rules always name together, one
represents the others.
"""

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from app.rules.authoring.reachability import reachable_answers
from app.rules.engine.condition import Answers
from app.rules.engine.edition import Edition
from app.rules.engine.evaluation import Evaluation
from tests.rules.combinatorics import assessment, sets_of_options
from tests.rules.edition_variants import every_rule_cites_every_passage
from tests.rules.invariants import NEVER, conditions_of
from tests.rules.reference_engine import REAL, SIGNS, SIX, expected
from tests.rules.solver import PLAIN, Model, said

BASE: dict[str, Any] = {
    "info_only": True,
    "answering_for": "myself",
    "age_band": "25_44",
    "urgent_signs": ("none_of_these",),
    "visit_reason": ("long_term_pain", "low_mood"),
    "contact_permission": "no",
}
AGES = (None, "under_18", "18_24", "25_44", "45_64", "65_plus", "prefer_not_to_say")
HARM = (None, "no", "past", "recent", "now", "prefer_not_to_say")
TOLD = (None, "yes", "no", "not_sure", "prefer_not_to_say")
DEPRESSION_MEDICINES = (None, "0", "1", "2", "3_or_more", "not_sure", "prefer_not_to_say")
DEPRESSION_HELPED = (None, "yes_enough", "partly", "no", "not_sure", "prefer_not_to_say")
LITTLE = (None, "a_lot", "some", "a_little", "not_at_all", "not_sure")

Cluster = dict[str, tuple[Any, ...]]


def several(edition: Edition, question: str) -> tuple[Any, ...]:
    """No answer, and every selection of a question that repeats."""
    return (None, *sets_of_options(edition.questionnaire.questions[question]))


def clusters(edition: Edition) -> dict[str, Cluster]:
    signs = (None, *((sign,) for sign in SIGNS), SIGNS, ("none_of_these",), ("prefer_not_to_say",))
    tried = (None, *((each,) for each in REAL), REAL, ("nothing_yet",), ("prefer_not_to_say",))
    return {
        "safety": {
            "age_band": AGES,
            "urgent_signs": signs,
            "self_harm_thoughts": HARM,
            "other_feelings": (None, ("trauma",), ("none",)),
            "contact_permission": (None, "yes", "no"),
        },
        "about you": {"answering_for": (None, "myself", "someone_else"), "age_band": AGES},
        "kinds of pain": {
            "pain_types": several(edition, "pain_types"),
            "pain_named_by_clinician": (None, "no"),
            "pain_duration": (None, "under_3_months"),
            "self_harm_thoughts": ("no", "now"),
        },
        "ways into pain": {
            "visit_reason": several(edition, "visit_reason"),
            "pain_types": (None, ("crps",), ("not_sure",), ("other_pain", "not_sure")),
            "pain_named_by_clinician": (None, "yes", "some", "no", "not_sure", "prefer_not_to_say"),
            "pain_duration": (None, "under_3_months", "over_5_years", "not_sure"),
        },
        "tried for pain": {
            "visit_reason": (("long_term_pain",), ("not_sure",), ("other",)),
            "pain_tried": tried,
            "pain_tried_helped": LITTLE,
            "pain_types": (None, SIX[:1], ("other_pain",)),
        },
        "mood": {
            "visit_reason": (None, ("low_mood",), ("not_sure",), ("low_mood", "not_sure"), ("other",)),
            "depression_told_by_clinician": TOLD,
            "depression_treatments_tried": DEPRESSION_MEDICINES,
            "depression_treatments_helped": DEPRESSION_HELPED,
            "other_feelings": (None, ("anxiety", "trauma"), ("prefer_not_to_say",)),
        },
        "health": {"health_topics": several(edition, "health_topics"), "pain_tried": (None, ("ketamine",))},
        "medicines and the way home": {
            "takes_medicines": (None, "yes", "no", "prefer_not_to_say"),
            "ride_home": (None, "yes", "no", "not_sure"),
            "health_topics": (None, ("bp_heart",), ("none",)),
            "pain_types": (None, ("crps",)),
        },
    }


def answer_sets(cluster: Cluster) -> Iterator[dict[str, Any]]:
    for chosen in itertools.product(*cluster.values()):
        answers = BASE | dict(zip(cluster, chosen, strict=True))
        yield {name: answer for name, answer in answers.items() if answer is not None}


def quotations(edition: Edition, evaluation: Evaluation) -> list[str]:
    """The passages in the summary, the same in each language; also tests that the summary can be made."""
    summaries = [edition.summarise(evaluation, language) for language in edition.meta.languages]
    said = [
        [quotation["passage"] for topic in each["topics"] for quotation in topic["quotations"]]
        for each in summaries
    ]
    assert all(each == said[0] for each in said)
    return said[0]


def agrees_with_specification(edition: Edition, answers: Answers) -> None:
    evaluation, wanted = edition.evaluate(answers), expected(answers)
    assert [each.rule.id for each in evaluation.fired] == wanted.rules
    assert evaluation.mode == wanted.mode
    assert quotations(edition, evaluation) == wanted.passages
    assert [each.flag.id for each in evaluation.flags] == wanted.flags
    assert edition.enabled(answers) == wanted.enabled


def agrees_with_model(edition: Edition, answers: Answers) -> None:
    evaluation = edition.evaluate(answers)
    model = Model(edition, PLAIN, said(edition, answers))
    assert [each.rule.id for each in evaluation.fired] == _true(model.fired)
    assert [evaluation.mode] == _true(model.mode)
    quoted = [(rule, each.id) for rule, shown in evaluation.quoted.items() for each in shown]
    assert quoted == _true(model.quoted)
    assert {each.flag.id for each in evaluation.flags} == set(_true(model.flags))
    assert [each.rule for each in evaluation.undetermined] == _true(model.undetermined)
    assert edition.enabled(answers) == set(_true(model.enabled))
    assert model.well_formed() == [True] * len(model.well_formed())
    assert all(model.complete()) is (not edition.check(answers).missing)


def _true(terms: Mapping[Any, bool]) -> list[Any]:
    return [name for name, term in terms.items() if term]


CLUSTERS = (
    "safety", "about you", "kinds of pain", "ways into pain", "tried for pain", "mood", "health",
    "medicines and the way home",
)  # fmt: skip


@pytest.mark.parametrize("name", CLUSTERS)
def test_on_every_class_of_answers_the_code_says_what_the_specification_says(
    edition: Edition, name: str
) -> None:
    for answers in answer_sets(clusters(edition)[name]):
        agrees_with_specification(edition, answers)


@pytest.mark.parametrize("name", CLUSTERS)
def test_on_every_class_of_answers_the_code_says_what_the_model_of_the_proofs_says(
    edition: Edition, name: str, thorough: bool
) -> None:
    every = 1 if thorough else 5  # no cluster's last question has a multiple of five answers
    for answers in itertools.islice(answer_sets(clusters(edition)[name]), 0, None, every):
        agrees_with_model(edition, answers)


def test_the_code_filters_what_reckless_rules_cite_as_the_model_does(
    edition: Edition, thorough: bool
) -> None:
    reckless = every_rule_cites_every_passage(edition)
    for answers in assessment(edition, 150 if thorough else 50, seed=3):
        agrees_with_model(reckless, answers)
        assert not set(NEVER) & set(quotations(reckless, reckless.evaluate(answers)))


def test_the_clusters_hold_every_question_that_a_condition_names(edition: Edition) -> None:
    tried = {question for cluster in clusters(edition).values() for question in cluster}
    named = {question for condition in conditions_of(edition) for question in condition.questions()}
    assert tuple(clusters(edition)) == CLUSTERS
    assert tried == named


def test_the_clusters_try_every_combination_that_one_rule_can_tell_apart(edition: Edition) -> None:
    for rule in edition.book.rules:
        for answers in itertools.islice(reachable_answers(edition, [rule.when]), 60):
            agrees_with_specification(edition, answers)


def test_on_random_answers_code_specification_and_model_say_the_same(
    edition: Edition, thorough: bool
) -> None:
    for number, answers in enumerate(assessment(edition, 1500, seed=2026)):
        assert edition.check(answers).issues == ()
        agrees_with_specification(edition, answers)
        if thorough or number < 300:
            agrees_with_model(edition, answers)


def test_on_random_answers_to_other_editions_code_and_model_say_the_same(
    tiny: Edition, sleep: Edition, thorough: bool
) -> None:
    for edition in (tiny, sleep):
        for answers in assessment(edition, 600 if thorough else 200, seed=7):
            agrees_with_model(edition, answers)
            assert isinstance(quotations(edition, edition.evaluate(answers)), list)
