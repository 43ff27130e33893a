"""How hard a text is to read: two known formulas on sentences with values calculated by hand."""

import pyphen  # type: ignore[import-untyped]  # pyphen ships no types
import pytest

from app.rules.authoring.readability import exceeds_reading_level, flesch_kincaid_grade, lix
from app.rules.engine.edition import Edition

EASY = "The cat sat on the mat. It was a good day for all of us."
HARD = (
    "Comprehensive documentation regarding individual circumstances necessitates considerable "
    "organisational effort."
)


def test_a_text_without_words_has_no_grade() -> None:
    assert (flesch_kincaid_grade(""), flesch_kincaid_grade("911. 42!"), lix("")) == (0.0, 0.0, 0.0)


def test_the_grade_is_the_formula_of_kincaid() -> None:
    assert flesch_kincaid_grade("The cat sat.") == pytest.approx(0.39 * 3 / 1 + 11.8 * 3 / 3 - 15.59)
    assert flesch_kincaid_grade("The cat sat. A tiger ran.") == pytest.approx(
        0.39 * 6 / 2 + 11.8 * 7 / 6 - 15.59
    )


def test_the_lix_is_the_formula_of_bjoernsson() -> None:
    assert lix("Ein Hund bellt.") == pytest.approx(3.0)
    assert lix("Ein Spaziergang. Zwei Haustiere kamen.") == pytest.approx(5 / 2 + 100 * 2 / 5)
    assert lix("Sechs sieben: zwanzig.") == pytest.approx(3 / 2 + 100 * 1 / 3)


@pytest.mark.parametrize(
    ("word", "syllables"),
    [
        ("a", 1), ("the", 1), ("cat", 1), ("time", 1), ("tires", 1), ("helped", 1), ("wanted", 2),
        ("needed", 2), ("table", 2), ("places", 2), ("ages", 2), ("uses", 2), ("doctor", 2), ("medicine", 3),
        ("hmm", 1), ("clinician", 3), ("don't", 1), ("rhythm", 1),
    ],
)  # fmt: skip
def test_syllables_are_counted_by_groups_of_vowels(word: str, syllables: int) -> None:
    assert flesch_kincaid_grade(word) == pytest.approx(0.39 + 11.8 * syllables - 15.59)


def test_a_colon_ends_a_sentence_and_a_time_of_day_does_not() -> None:
    assert flesch_kincaid_grade("Ask this: why me?") == pytest.approx(0.39 * 4 / 2 + 11.8 - 15.59)
    assert flesch_kincaid_grade("Come at 10:30 please now") == pytest.approx(0.39 * 4 + 11.8 - 15.59)


def test_short_strings_are_never_too_hard() -> None:
    assert exceeds_reading_level("Electroencephalography documentation notwithstanding", "en") is None
    assert (
        exceeds_reading_level(
            "ein zwei drei vier fünf sechs sieben Elektrizitätsversorgungsunternehmen", "de"
        )
        is None
    )


def test_hard_words_are_too_hard_in_any_language_and_the_figure_is_told() -> None:
    assert exceeds_reading_level(EASY, "en") is None
    assert exceeds_reading_level(EASY, "de") is None
    assert exceeds_reading_level(HARD, "en") == f"grade {flesch_kincaid_grade(HARD):.1f}, at most 8"
    assert exceeds_reading_level(HARD, "en-GB") == exceeds_reading_level(HARD, "en")
    assert (
        exceeds_reading_level(HARD, "eng")
        == exceeds_reading_level(HARD, "de")
        == f"LIX {lix(HARD):.0f}, at most 45"
    )


def test_the_limit_itself_is_not_too_hard() -> None:
    at_limit = "eins zwei drei vier dreißig. fünf acht dreißig dreißig dreißig."
    assert lix(at_limit) == pytest.approx(10 / 2 + 100 * 4 / 10)
    assert exceeds_reading_level(at_limit, "de") is None
    assert exceeds_reading_level("dreißig " * 9, "de") == "LIX 109, at most 45"


def test_on_a_long_text_the_count_of_syllables_agrees_with_a_hyphenation_dictionary(edition: Edition) -> None:
    dictionary = pyphen.Pyphen(lang="en_US")
    words = edition.article_text.replace("•", "").split()
    text = " ".join(words)
    by_dictionary = sum(len(dictionary.positions(word)) + 1 for word in words)
    sentences = text.count(". ") + text.count("? ") + 1
    peer = 0.39 * len(words) / sentences + 11.8 * by_dictionary / len(words) - 15.59
    assert flesch_kincaid_grade(text) == pytest.approx(peer, abs=1.5)
