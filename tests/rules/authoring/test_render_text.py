"""An edition as plain text: a reviewer sees every text, and who is shown it when."""

from typing import Any

import pytest

from app.rules.authoring.render_text import render_condition, render_edition
from app.rules.engine.edition import Edition
from tests.rules.conditions import compared, condition
from tests.rules.edition_variants import with_flags

TINY = """\
The smallest edition that holds one of everything (tiny 1.0.0, en)
Reviewed by: nobody yet: not clinically reviewed

QUESTIONS

[tea] Tea
  feeling: How do you feel? (must be answered)
      ( ) Well  [well]
      ( ) Not well  [unwell]
      ( ) Not sure  [not_sure]
  drinks: Which tea do you drink?
      [ ] Black tea  [black]
      [ ] Green tea  [green]
      [ ] None  [none]
  cups: How many cups a day?
      shown when drinks has_any (black, green)
      must be answered when feeling = unwell
  may_call: May we call you?
  call_name: What is your name?
      shown when may_call = True

WHAT THE SUMMARY SAYS
Things to talk about
  Words from one article about tea.

  S_UNWELL, when feeling = unwell:
      Call 999 if it gets worse.

  T_CUPS, when cups > 4:
      You told us about tea.
      “Tea is made from leaves.” (P1, start, sentence 1)
      “Some people sleep less after tea.” (P2, start, sentence 2)
          Not all people do.

  G_REST, when none of (tea) fired:
      That is all we have.
      “Tea is made from leaves.” (P1, start, sentence 1)

NEVER SHOWN TO RESPONDENTS
  P3: “Tea has cured every cold.” (It never has.)

WHERE TO GET HELP
  Emergency services: call 999 (24/7)
  Samaritans: call 116 123 (24/7)
  On every page: In danger: call 999. In a crisis: call 116 123.
"""


def test_the_tiny_edition_is_shown_whole(tiny: Edition) -> None:
    assert "\n".join(render_edition(tiny, "en")) + "\n" == TINY


def test_every_rule_every_question_and_every_sentence_of_the_shipped_edition_is_shown(
    edition: Edition,
) -> None:
    text = "\n".join(render_edition(edition, "en"))
    for name in (*edition.questionnaire.by_id, *(rule.id for rule in edition.book.rules)):
        assert name in text
    for words in edition.phrasebooks["en"].rules.values():
        assert words in text
    assert text.count("\n  P") >= 9
    assert "988 Suicide & Crisis Lifeline: call 988, text 988 (24/7)" in text


def test_another_language_is_shown_in_its_own_words(sleep: Edition) -> None:
    text = "\n".join(render_edition(sleep, "de"))
    assert "[nacht] Ihre Nacht" in text
    assert "Worüber Sie in der Praxis reden können" in text
    assert "“Schlaf ist für den Körper so wichtig wie Essen und Trinken.” (A1, Anfang, Satz 1)" in text


def test_who_reviewed_it_is_told_by_name(tiny: Edition) -> None:
    reviewed = with_flags(tiny).meta.model_copy(update={"reviewed_by": "Dr. Who"})
    lines = list(render_edition(type(tiny)(**{**_parts(tiny), "meta": reviewed}), "en"))
    assert lines[1] == "Reviewed by: Dr. Who"


def _parts(edition: Edition) -> dict[str, Any]:
    names = ("questionnaire", "book", "article", "article_text", "texts", "crisis", "sha256", "folder")
    return {name: getattr(edition, name) for name in names}


def test_a_line_that_is_neither_called_nor_texted_points_to_its_note(edition: Edition) -> None:
    resources = tuple(
        each.model_copy(update={"call": None, "text": None}) if each.id == "us-988" else each
        for each in edition.crisis.resources
    )
    crisis = edition.crisis.model_copy(update={"resources": resources})
    silent = type(edition)(**{**_parts(edition), "meta": edition.meta, "crisis": crisis})
    assert "  988 Suicide & Crisis Lifeline: see note (24/7)" in list(render_edition(silent, "en"))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"question": "one", "operator": "=", "answer": "a"}, "one = a"),
        ({"question": "one", "operator": "in", "answer": ["a", "b"]}, "one in (a, b)"),
        ({"question": "one", "operator": "in", "answer": ["a"]}, "one in (a)"),
        ({"question": "one", "operator": "exists", "answer": True}, "one exists True"),
        ({"fired": "R1"}, "R1 fired"),
        ({"none_fired": {"rules": ["R1"], "groups": ["pain", "mood"]}}, "none of (R1, pain, mood) fired"),
        ({"cites_passage": {"rules": ["R1"], "groups": ["pain"]}}, "one of (R1, pain) cites a passage"),
        ({"not": {"question": "one", "operator": "=", "answer": "a"}}, "not (one = a)"),
        ({"all": [{"fired": "R1"}, {"fired": "R2"}]}, "R1 fired and R2 fired"),
        ({"any": [{"fired": "R1"}, {"all": [{"fired": "R2"}]}]}, "R1 fired or (R2 fired)"),
        ({"all": [{"not": {"fired": "R1"}}, {"fired": "R2"}]}, "(not (R1 fired)) and R2 fired"),
    ],
    ids=str,
)  # fmt: skip
def test_a_condition_reads_as_words_and_signs(data: dict[str, Any], words: str) -> None:
    assert render_condition(condition(data)) == words


def test_a_number_reads_as_a_number() -> None:
    assert render_condition(compared("number", ">=", 4)) == "number >= 4"
