"""The shipped edition in each language: no text is missing or weaker, and every number is present."""

import re
import string
from typing import Any

import pytest

from app.rules.engine.edition import Edition
from app.rules.engine.texts import Texts
from app.rules.library import CONTENT, load

EDITION: Edition = load(CONTENT / "ketamine-preconsult" / "1.1.0")
ENGLISH = EDITION.texts["en"]
OTHERS = [each for each in EDITION.meta.languages if each != "en"]
NUMBERS = EDITION.crisis.numbers(EDITION.meta.place)
NOTICES = {  # content/README.md section 4: E2, E3, E8
    "en": (
        "This page shows words from one article that touch on what you told us.",
        "This is not a diagnosis. It does not say what care you need or can have.",
        "Do not start, stop or change a medicine because of this page.",
    ),
    "es": (
        "Esta página muestra palabras de un artículo que tocan lo que usted nos dijo.",
        "Esto no es un diagnóstico. No dice qué atención médica necesita usted ni cuál puede recibir.",
        "No empiece, no deje ni cambie ninguna medicina por esta página.",
    ),
    "ht": (
        "Paj sa a montre pawòl ki nan yon sèl atik e ki gen rapò ak sa ou di nou.",
        "Sa a pa yon dyagnostik. Li pa di ki swen ou bezwen oswa ki swen ou ka jwenn.",
        "Pa kòmanse, pa sispann, e pa chanje okenn medikaman akòz paj sa a.",
    ),
    "pt-BR": (
        "Esta página mostra palavras de um artigo que têm a ver com o que você nos contou.",
        "Isto não é um diagnóstico. Não diz de que cuidado de saúde você precisa, nem qual pode ter.",
        "Não comece, não pare e não mude nenhum remédio por causa desta página.",
    ),
}
NAMED = {  # the phone numbers that each safety text must contain; U18 has its resources next to it
    "U18": set(),
    "S_URGENT": {"emergency"},
    "S_NOW": {"crisis", "emergency"},
    "S_RECENT": {"crisis"},
    "S_PAST": {"crisis"},
    "S_UNSAID": {"crisis"},
}
every_language = pytest.mark.parametrize("language", EDITION.meta.languages)
every_translation = pytest.mark.parametrize("language", OTHERS)


def places(words: str) -> set[str]:
    """The names of the placeholders in braces."""
    return {name for _, name, _, _ in string.Formatter().parse(words) if name}


def paths(texts: Texts) -> dict[tuple[str, ...], str]:
    return {path: words for path, words in texts.authored_strings() if path[0] != "gists"}


def test_these_are_the_languages() -> None:
    assert EDITION.meta.languages == ("en", "es", "ht", "pt-BR")
    assert sorted(EDITION.texts) == sorted(NOTICES) == sorted(EDITION.meta.languages)
    assert NUMBERS == {"emergency": "911", "crisis": "988"}


@every_translation
def test_every_string_is_there_in_every_language_and_none_besides(language: str) -> None:
    theirs, ours = paths(EDITION.texts[language]), paths(ENGLISH)
    assert theirs.keys() == ours.keys()
    assert len(ours) > 250
    assert [path for path, words in theirs.items() if not words.strip()] == []


@every_translation
def test_every_string_has_the_same_places_to_fill_as_in_english(language: str) -> None:
    theirs, ours = paths(EDITION.texts[language]), paths(ENGLISH)
    assert [path for path in ours if places(theirs[path]) != places(ours[path])] == []


@every_translation
def test_hardly_anything_is_left_in_english(language: str) -> None:
    theirs, ours = paths(EDITION.texts[language]), paths(ENGLISH)
    same = {words for path, words in ours.items() if path[0] != "crisis" and theirs[path] == words}
    assert [words for words in same if len(words.split()) > 3] == []


@every_language
def test_rules_items_cautions_and_groups_have_words(language: str) -> None:
    texts = EDITION.texts[language]
    assert texts.rules.keys() == {rule.id for rule in EDITION.book.rules}
    asked = {
        item.link_id: set(item.codes) for item, _ in EDITION.questionnaire.placed if item.type != "group"
    }
    assert {name: set(words.options) for name, words in texts.items.items()} == asked
    assert texts.cautions.keys() == EDITION.article.cautions.keys()
    assert texts.questions.keys() <= set(EDITION.book.groups)
    assert "general" in texts.questions


@every_translation
def test_a_gist_stands_beside_each_passage_that_may_be_quoted_and_no_other(language: str) -> None:
    citable = {each.id for each in EDITION.article.passages if each.policy != "never"}
    assert EDITION.texts[language].gists.keys() == citable
    quoted = EDITION.phrasebooks[language].quotations
    for passage in EDITION.article.passages:
        assert ("gist" in quoted[passage.id]) is (passage.id in citable)
        assert quoted[passage.id]["exact"] == passage.exact
        assert quoted[passage.id]["lang"] == "en"


def test_english_needs_no_gist() -> None:
    assert ENGLISH.gists == {}


@every_language
def test_the_notice_says_what_it_must_say(language: str) -> None:
    assert EDITION.texts[language].summary.notice == NOTICES[language]


@every_language
def test_the_footer_names_both_numbers(language: str) -> None:
    assert places(EDITION.texts[language].summary.footer) == {"emergency", "crisis"}
    assert {"911", "988"} <= set(re.findall(r"\d+", EDITION.phrasebooks[language].footer))


@every_language
@pytest.mark.parametrize("rule", NAMED)
def test_a_safety_text_names_the_numbers_it_is_about(language: str, rule: str) -> None:
    assert {each.id for each in EDITION.book.rules if each.interruption} == set(NAMED)
    words = EDITION.texts[language].rules[rule]
    assert places(words) == NAMED[rule]
    assert not re.search(r"911|988", words), "a number is never typed into the words"
    filled = EDITION.phrasebooks[language].rules[rule]
    assert all(NUMBERS[name] in filled for name in NAMED[rule])
    assert EDITION.phrasebooks[language].helplines[rule]


@every_language
def test_the_notice_before_the_question_on_self_harm_and_the_consent_name_their_number(language: str) -> None:
    items = EDITION.phrasebooks[language].items
    assert "988" in items["self_harm_notice"].text
    assert "911" in items["info_only"].text


@every_language
def test_every_crisis_line_has_a_name_in_every_language(language: str) -> None:
    said = EDITION.texts[language].crisis
    assert said.keys() == {each.id for each in EDITION.crisis.resources}
    assert all(words.name for words in said.values())


@every_translation
def test_nobody_has_signed_a_translation_off_yet(language: str) -> None:
    assert EDITION.texts[language].reviewed_by is None


@every_translation
def test_a_summary_differs_from_the_english_one_in_words_and_nothing_else(language: str) -> None:
    answers: dict[str, Any] = {
        "age_band": "25_44",
        "pain_types": ("crps",),
        "visit_reason": ("long_term_pain",),
    }
    evaluation = EDITION.evaluate(answers)
    ours, theirs = (EDITION.summarise(evaluation, each) for each in ("en", language))
    assert theirs["language"] == language
    assert len(theirs["questions"]) == len(ours["questions"])
    for one, other in zip(ours["topics"], theirs["topics"], strict=True):
        assert (one["rule"], one["because"]) == (other["rule"], other["because"])
        assert one["text"] != other["text"]
        exact = [[each["exact"] for each in topic["quotations"]] for topic in (one, other)]
        assert exact[0] == exact[1]
    assert ours["digest"] != theirs["digest"]
