"""Edition 1.0.0 was published: it always loads, and its output has not changed since."""

from typing import Any

import pytest

from app.rules.engine.edition import Edition
from app.rules.library import CONTENT, load
from tests.sample_answers import CARA, MINA, NOA, Answers

DIGEST_OF_CARA = "a200f669dc6463ee5bb8a2ad952da9f95d99fccecc15253a320de8a979da14b7"


@pytest.fixture(scope="module")
def first() -> Edition:
    """The edition as it is in its published folder."""
    return load(CONTENT / "ketamine-preconsult" / "1.0.0")


def said(edition: Edition, answers: Answers) -> dict[str, Any]:
    return edition.summarise(edition.evaluate(edition.check(answers).answers), "en")


def test_it_says_byte_for_byte_what_it_said_when_it_was_published(first: Edition) -> None:
    assert said(first, CARA)["digest"] == DIGEST_OF_CARA


@pytest.mark.parametrize("answers", [CARA, NOA, MINA], ids=["cara", "noa", "mina"])
def test_it_knows_neither_questions_to_ask_nor_what_is_not_covered(first: Edition, answers: Answers) -> None:
    assert not {"questions", "not_covered"} & said(first, answers).keys()


def test_it_speaks_english_only_has_no_switch_and_is_called_by_its_own_title(first: Edition) -> None:
    assert (first.languages, first.language("es"), first.meta.switches) == (("en",), "en", {})
    assert first.title("en") == first.meta.title == "Before a visit about ketamine"


def test_the_newer_edition_has_the_same_rules_questions_article_and_cases(first: Edition) -> None:
    newer = load(CONTENT / "ketamine-preconsult" / "1.1.0")
    assert (newer.book, newer.article, newer.crisis) == (first.book, first.article, first.crisis)
    assert newer.questionnaire.item == first.questionnaire.item
    for answers in (CARA, NOA, MINA):
        one, other = said(first, answers), said(newer, answers)
        assert one["topics"] == other["topics"]
        assert one["interruptions"] == other["interruptions"]
