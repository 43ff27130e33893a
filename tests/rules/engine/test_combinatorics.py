"""The count of answer sets is exact: it equals full enumeration where enumeration is possible."""

import itertools
import math

from app.rules.engine.edition import Edition
from tests.rules.combinatorics import assessment, count_valid_answer_sets, domain


def _by_trying(edition: Edition, *, complete: bool) -> int:
    questions = edition.questionnaire.questions
    every = itertools.product(*([None, *domain(item)] for item in questions.values()))
    tried = (dict(zip(questions, answers, strict=True)) for answers in every)
    return sum(not edition.check(answers, complete=complete).issues for answers in tried)


def test_the_count_agrees_with_trying_every_set_of_answers_of_the_tiny_edition(tiny: Edition) -> None:
    assert _by_trying(tiny, complete=True) == count_valid_answer_sets(tiny, complete=True) == 486
    assert _by_trying(tiny, complete=False) == count_valid_answer_sets(tiny, complete=False) == 660


def test_drafts_are_counted_by_plain_multiplication(edition: Edition, sleep: Edition) -> None:
    for each in (edition, sleep):
        factors = [len(domain(item)) + 1 for item in each.questionnaire.questions.values()]
        assert count_valid_answer_sets(each, complete=False) == math.prod(factors)


def test_every_set_of_answers_that_is_drawn_is_valid_and_no_two_are_the_same(
    edition: Edition, sleep: Edition
) -> None:
    for each in (edition, sleep):
        sets = list(assessment(each, 200, seed=1))
        assert [each.check(answers).issues for answers in sets] == [()] * 200
        assert len({repr(answers) for answers in sets}) > 190
