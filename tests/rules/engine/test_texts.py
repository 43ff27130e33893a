"""The edition's own texts: a summary can contain only a finite list of them, so checking each one is a proof.

Everything that a respondent reads and that is not a verbatim quotation is one of these strings, with its
placeholders filled with values of the edition: no text is built from answers. So a phrase that is in none of
these strings is in no summary, no interruption and no question, for any answers.
"""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import ValidationError

from app.rules.authoring.lint import banned_phrases_in
from app.rules.engine.edition import Edition
from app.rules.engine.texts import Banned, Texts
from tests.rules.combinatorics import assessment

HITS = {  # by language, one sentence that each banned phrase of the shipped edition must catch
    "en": {
        "B01": "You may be eligible.",
        "B02": "You qualify.",
        "B03": "You are a candidate.",
        "B04": "This is right for you.",
        "B05": "Your answers suggest a severe form of depression.",
        "B06": "We recommend a visit.",
        "B07": "You should try it.",
        "B08": "It cures pain.",
        "B09": "It is safe.",
        "B10": "It may help you.",
        "B11": "Take 50 mg.",
        "B12": "After one to three sessions.",
        "B13": "Your risk level.",
        "B14": "There is nothing to worry about.",
        "B15": "Our staff will call you.",
        "B16": "He committed suicide.",
        "B17": "An FDA-approved spray.",
        "B18": "Act now!",
        "B19": "It works better than others.",
        "B20": "Stop taking your medicines.",
        "B21": "This form can diagnose.",
    },
    "es": {
        "B01": "Usted es elegible.",
        "B02": "Usted califica.",
        "B03": "Usted es candidata.",
        "B04": "Es lo mejor para usted.",
        "B05": "Sus respuestas sugieren una depresión.",
        "B06": "Le recomendamos una consulta.",
        "B07": "Usted debe probar esto.",
        "B08": "Esto cura el dolor.",
        "B09": "Es seguro.",
        "B10": "Esto puede ayudarle.",
        "B11": "Tome 50 mg.",
        "B12": "Después de una a tres sesiones.",
        "B13": "Su nivel de riesgo.",
        "B14": "No hay nada de qué preocuparse.",
        "B15": "Nuestro personal le llamará.",
        "B16": "Cometió suicidio.",
        "B17": "Aprobado por la FDA.",
        "B18": "No espere más.",
        "B19": "Es mejor que otras medicinas.",
        "B20": "Deje de tomar sus medicinas.",
        "B21": "Este formulario puede diagnosticar.",
    },
    "ht": {
        "B01": "Ou elijib.",
        "B02": "Ou kalifye.",
        "B03": "Ou se yon kandida.",
        "B04": "Sa bon pou ou.",
        "B05": "Repons ou yo montre yon depresyon.",
        "B06": "Nou rekòmande yon vizit.",
        "B07": "Ou dwe eseye sa.",
        "B08": "Li geri doulè.",
        "B09": "Li san danje.",
        "B10": "Li ka ede ou.",
        "B11": "Pran 50 mg.",
        "B12": "Apre twa seyans.",
        "B13": "Nivo risk ou.",
        "B14": "Pa gen anyen pou ou enkyete.",
        "B15": "Ekip nou an ap rele ou.",
        "B16": "Li komèt swisid.",
        "B17": "FDA apwouve li.",
        "B18": "Rezève kounye a.",
        "B19": "Li pi bon pase lòt yo.",
        "B20": "Sispann pran medikaman ou.",
        "B21": "Fòmilè sa a ka dyagnostike ou.",
    },
    "pt-BR": {
        "B01": "Você é elegível.",
        "B02": "Você se enquadra.",
        "B03": "Você é candidata.",
        "B04": "Isto é ideal para você.",
        "B05": "Suas respostas sugerem depressão.",
        "B06": "Nós recomendamos uma consulta.",
        "B07": "Você deve tomar isto.",
        "B08": "Isto cura a dor.",
        "B09": "É seguro.",
        "B10": "Pode ajudar você.",
        "B11": "Tome 50 mg.",
        "B12": "Depois de uma a três sessões.",
        "B13": "Seu nível de risco.",
        "B14": "Não se preocupe.",
        "B15": "Nossa equipe vai ligar.",
        "B16": "Ele cometeu suicídio.",
        "B17": "Aprovado pela FDA.",
        "B18": "Agende agora.",
        "B19": "É melhor do que outros.",
        "B20": "Pare de tomar seus remédios.",
        "B21": "Este formulário pode diagnosticar.",
    },
}
FIGURES = {
    "title": "T", "sha256": "0" * 12, "section": "1", "date": "2026-11-22", "edition": "1.0.0", "n": 1,
    "m": 2, "number": "911", "option": "None", "min": 0, "max": 10, "kind": "name",
    "retained_until": "2026-12-22",
}  # fmt: skip
OURS = {
    "text",
    "title",
    "notice",
    "name",
    "note",
    "footer",
    "who_to_talk_to",
    "who_can_see",
    "gist",
    "section",
}
VERBATIM = {"exact", "prefix", "suffix"}


def filled(edition: Edition, texts: Texts) -> Iterator[str]:
    """Every own text of one language, with its placeholders filled."""
    figures = FIGURES | edition.crisis.numbers(edition.meta.place)
    for _, words in texts.authored_strings():
        yield words.format(**figures)


@pytest.mark.parametrize("name", ["edition", "sleep"])
def test_none_of_our_own_words_in_any_language_hits_a_banned_phrase(
    name: str, request: pytest.FixtureRequest
) -> None:
    edition: Edition = request.getfixturevalue(name)
    for texts in edition.texts.values():
        said = list(filled(edition, texts))
        assert len(said) > 90
        for words in said:
            assert banned_phrases_in(words, texts) == [], words
            assert "{" not in words


@pytest.mark.parametrize("language", HITS)
def test_every_banned_phrase_of_the_shipped_edition_catches_what_it_is_there_for(
    edition: Edition, language: str
) -> None:
    texts, planted = edition.texts[language], HITS[language]
    assert list(edition.texts) == sorted(HITS)
    assert [banned.id for banned in texts.banned_phrases] == list(planted)
    for name, sentence in planted.items():
        assert name in banned_phrases_in(sentence, texts)
        assert name in banned_phrases_in(sentence.upper(), texts)


@pytest.mark.parametrize("language", [each for each in HITS if each != "en"])
def test_a_language_bans_by_phrases_of_its_own(edition: Edition, language: str) -> None:
    caught = [
        name
        for name, sentence in HITS["en"].items()
        if name in banned_phrases_in(sentence, edition.texts[language])
    ]
    assert len(caught) < len(HITS["en"]) / 2, caught


def strings(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Every string in a summary with the name of its member."""
    if isinstance(value, str):
        yield key, value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from strings(inner, name)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from strings(inner, key)


@pytest.mark.parametrize("name", ["edition", "sleep"])
def test_whatever_a_summary_says_is_one_of_these_strings_a_quotation_or_an_id(
    name: str, request: pytest.FixtureRequest
) -> None:
    edition: Edition = request.getfixturevalue(name)
    for language, texts in edition.texts.items():
        closure = set(filled(edition, texts)) | _places(edition, texts) | _notes(edition, texts)
        closure |= {edition.article.article.title} | _numbers(edition)
        for answers in assessment(edition, 150, seed=9):
            for key, said in strings(edition.summarise(edition.evaluate(answers), language)):
                if key in VERBATIM:
                    assert said in edition.article_text
                elif key in OURS:
                    assert said in closure, (key, said)
                else:
                    assert " " not in said or said in closure, (key, said)


def _places(edition: Edition, texts: Texts) -> set[str]:
    numbers = range(len(edition.article.passages) + 1)
    said = texts.sections.values()
    return {words.format(n=n, m=m) for words in said for n in numbers for m in numbers}


def _numbers(edition: Edition) -> set[str]:
    ways = {way for each in edition.crisis.resources for way in (each.call, each.text, each.hours)}
    return {way for way in ways if way}


def _notes(edition: Edition, texts: Texts) -> set[str]:
    article = edition.article.article
    return {texts.summary.source.format(title=article.title, sha256=article.sha256[:12])}


def test_what_else_a_summary_says_passes_the_banned_phrases_too(edition: Edition, sleep: Edition) -> None:
    for each in (edition, sleep):
        for texts in each.texts.values():
            for words in _places(each, texts) | _notes(each, texts):
                assert banned_phrases_in(words, texts) == []


def test_own_words_are_told_with_the_path_that_leads_to_them(tiny: Edition) -> None:
    words = dict(tiny.texts["en"].authored_strings())
    assert words["summary", "title"] == "Things to talk about"
    assert words["summary", "notice", "0"] == "Words from one article about tea."
    assert words["rules", "T_CUPS"] == "You told us about tea."
    assert words["items", "drinks", "options", "black"] == "Black tea"
    assert words["items", "may_call", "yes"] == "Yes"
    assert words["crisis", "gb-samaritans", "note"] == "Free to call."
    assert ("crisis", "gb-999", "note") not in words
    assert words["title",] == "About tea"
    assert words["questions", "tea", "0"] == "How much tea is a lot?"
    assert words["not_covered", "0"] == "It says nothing about coffee."
    assert words["gists", "P1"] == "Leaves make tea."
    parts = {path[0] for path in words}
    assert parts == {
        "title", "summary", "not_covered", "questions", "sections", "groups", "pages", "items", "rules",
        "cautions", "gists", "crisis", "issues", "flags",
    }  # fmt: skip


def test_gists_are_own_words(sleep: Edition) -> None:
    assert ("gists", "A1") in dict(sleep.texts["en"].authored_strings())


def test_every_place_in_the_words_of_questions_is_filled(tiny: Edition, edition: Edition) -> None:
    book = tiny.phrasebooks["en"]
    assert book.items["cups"].why == "Too many? Call 116 123."
    assert book.items["feeling"].why is None
    assert (book.items["may_call"].yes, book.items["may_call"].no) == ("Yes", "No")
    assert book.items["feeling"].options["well"] == "Well"
    assert edition.phrasebooks["en"].items["info_only"].text.endswith("For an emergency I will call 911.")
    assert edition.phrasebooks["en"].items["self_harm_notice"].text.endswith("call or text 988.")


def test_a_banned_phrase_that_cannot_be_searched_for_is_refused() -> None:
    with pytest.raises(ValidationError, match=re.escape("this regular expression can't be read")):
        Banned.model_validate({"id": "B01", "bans": "x", "regex": "("})
    assert Banned.model_validate({"id": "B01", "bans": "x", "regex": "x+"}).regex == "x+"
