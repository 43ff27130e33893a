"""Passages are where the article has them: context, position, and what may be cited in which mode."""

import pytest

from app.rules.engine.article import Article, Passage
from app.rules.engine.edition import Edition


def passage(edition: Edition, name: str) -> Passage:
    return next(each for each in edition.article.passages if each.id == name)


@pytest.mark.parametrize(
    ("policy", "modes"),
    [("never", ""), ("with_caution", "full"), ("as_is", "full limited")],
)
def test_a_policy_says_in_which_mode_a_passage_may_be_cited(tiny: Edition, policy: str, modes: str) -> None:
    each = passage(tiny, "P1").model_copy(update={"policy": policy})
    assert [mode for mode in ("full", "limited", "none") if each.may_be_cited(mode)] == modes.split()


def test_the_context_stops_at_the_next_passage(tiny: Edition) -> None:
    text = tiny.article_text
    assert tiny.article.context(text, passage(tiny, "P1")) == ("Tea – in short\n\n", " ")
    assert tiny.article.context(text, passage(tiny, "P2")) == (" ", " ")
    assert tiny.article.context(text, passage(tiny, "P3")) == (" ", "\n")


def test_the_context_is_at_most_32_code_points_long(tiny: Edition) -> None:
    alone = tiny.article.model_copy(update={"passages": (passage(tiny, "P2"),)})
    prefix, suffix = alone.context(tiny.article_text, passage(tiny, "P2"))
    assert (prefix, suffix) == ("short\n\nTea is made from leaves. ", " Tea has cured every cold.\n")
    long = "x" * 40 + tiny.article_text[41:74] + "y" * 40
    moved = passage(tiny, "P2").model_copy(update={"start": 40, "end": 73})
    assert alone.context(long, moved) == ("x" * 32, "y" * 32)


def test_a_passage_has_a_section_and_a_sentence_that_count_from_one(edition: Edition) -> None:
    article: Article = edition.article
    places = {
        name: article.place(passage(edition, name)) for name in ("P01", "P06", "P07", "P17", "P24", "P31")
    }
    assert places == {
        "P01": (0, 1), "P06": (0, 6), "P07": (1, 1), "P17": (2, 3), "P24": (3, 1), "P31": (4, 3),
    }  # fmt: skip


def test_the_place_is_told_in_the_words_of_the_language(edition: Edition, sleep: Edition) -> None:
    quotations = edition.phrasebooks["en"].quotations
    assert quotations["P01"]["section"] == "introduction, sentence 1"
    assert quotations["P17"]["section"] == "section 2, sentence 3"
    assert sleep.phrasebooks["de"].quotations["A10"]["section"] == "Teil 2, Satz 2"
    assert sleep.phrasebooks["en"].quotations["A10"]["section"] == "part 2, sentence 2"


def test_between_two_passages_that_touch_there_is_nothing(tiny: Edition) -> None:
    first, second = (
        passage(tiny, name).model_copy(update={"start": start, "end": end})
        for name, start, end in (("P1", 16, 41), ("P2", 41, 74))
    )
    touching = tiny.article.model_copy(update={"passages": (first, second)})
    assert touching.context(tiny.article_text, first)[1] == ""
    assert touching.context(tiny.article_text, second)[0] == ""
