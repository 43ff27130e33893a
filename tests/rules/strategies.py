"""Hypothesis strategies for answers, to test properties that must always hold and shrink counterexamples."""

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st

from app.rules.engine.edition import Edition
from app.rules.engine.questionnaire import Item
from tests.rules.combinatorics import domain

LAW = settings(deadline=None, derandomize=True, database=None)  # the level sets the number of examples


@st.composite
def complete_answers(draw: st.DrawFn, edition: Edition) -> dict[str, Any]:
    """A valid, complete set of answers; some of them belong to questions that are not enabled."""
    answers: dict[str, Any] = {}
    for name, item in edition.questionnaire.questions.items():
        if name in edition.check(answers).missing:
            answers[name] = True if item.must_be_true else draw(_answers(item))
        elif draw(st.booleans()):
            answers[name] = draw(_answers(item))
    return answers


def _answers(item: Item) -> st.SearchStrategy[Any]:
    if not item.repeats:
        return st.sampled_from(domain(item))
    free = [code for code in item.codes if code not in item.exclusive]
    several = st.sets(st.sampled_from(free), min_size=1).map(
        lambda codes: tuple(sorted(codes, key=item.codes.__getitem__))
    )
    alone = [st.sampled_from([(code,) for code in sorted(item.exclusive)])] if item.exclusive else []
    return st.one_of(several, *alone)
