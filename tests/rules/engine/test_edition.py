"""The public interface of an edition; also for another clinic's edition, which needs no code changes."""

import datetime as dt
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from app.rules.authoring.edition_files import fingerprint
from app.rules.authoring.lint import check
from app.rules.engine.answers import Issue
from app.rules.engine.edition import Edition, EditionMeta
from app.rules.library import load_library
from tests.rules.conftest import EDITIONS
from tests.rules.edition_variants import with_flags

META: dict[str, Any] = {
    "id": "tiny",
    "version": "1.0.0",
    "title": "x",
    "languages": ("en",),
    "place": "GB",
    "reviewed_by": None,
    "review_by": dt.date(2027, 1, 1),
    "article_file": "article.txt",
    "flags": (),
}


@pytest.mark.parametrize(
    "change",
    [
        {"id": "Tiny"},
        {"id": "1st"},
        {"version": "1.0"},
        {"version": "1.0.0-rc1"},
        {"languages": ()},
        {"switches": {"calls": "may_call"}},
        {"x": 1},
    ],
    ids=str,
)
def test_what_an_edition_calls_itself_is_held_to_its_shape(change: dict[str, Any]) -> None:
    assert EditionMeta.model_validate(META).id == "tiny"
    with pytest.raises(ValidationError):
        EditionMeta.model_validate(META | change)


@pytest.mark.parametrize(
    ("wanted", "served"),
    [
        (None, "de"),
        ("", "de"),
        ("fr", "de"),
        ("de", "de"),
        ("en", "en"),
        ("EN", "en"),
        ("en-GB", "en"),
        ("en-Latn-GB-oed", "en"),
        ("eng", "de"),
        ("de-AT", "de"),
        ("*", "de"),
    ],
)
def test_the_served_language_is_the_nearest_one_and_else_the_first(
    sleep: Edition, wanted: str | None, served: str
) -> None:
    assert sleep.language(wanted) == served


def test_a_served_language_may_name_its_region(tiny: Edition) -> None:
    meta = tiny.meta.model_copy(update={"languages": ("en", "pt-BR")})
    brazil = replace(tiny, meta=meta)
    served = {wanted: brazil.language(wanted) for wanted in ("pt-BR", "pt-br-x-y", "pt", "pt-PT")}
    assert served == {"pt-BR": "pt-BR", "pt-br-x-y": "pt-BR", "pt": "en", "pt-PT": "en"}


def test_an_edition_knows_its_name_its_bytes_and_its_languages(sleep: Edition) -> None:
    assert (sleep.id, sleep.version) == ("schlaf", "1.0.0")
    assert sleep.sha256 == fingerprint(EDITIONS / "schlaf" / "1.0.0")
    assert sleep.folder == EDITIONS / "schlaf" / "1.0.0"
    assert list(sleep.phrasebooks) == ["de", "en"]


def test_an_issue_is_told_in_the_language_asked_for(sleep: Edition) -> None:
    issue = Issue("/answers/kaffee", "too_large", {"max": 20})
    assert sleep.message_for(issue, "de") == "Bitte nennen Sie eine Zahl bis 20."
    assert sleep.message_for(issue, "en") == "Please give a number up to 20."
    alone = Issue("/answers/anliegen", "exclusive_option", {"option": "keine_angabe"})
    assert sleep.message_for(alone, "de") == "Bitte wählen Sie „Das sage ich nicht“ allein."


def test_a_flag_that_goes_with_others_takes_the_targets_of_the_one_it_is_as_urgent_as(
    edition: Edition,
) -> None:
    now, recent = edition.flag("no_contact_route", 1), edition.flag("no_contact_route", 2)
    assert (now.priority, now.target_open, now.target_closed) == (1, "PT15M", "on_call")
    assert (recent.priority, recent.target_open, recent.target_closed) == (2, "PT4H", "next_opening")
    assert recent.action.startswith("check the booking record")


def test_a_flag_on_its_own_keeps_its_targets(edition: Edition, tiny: Edition) -> None:
    assert edition.flag("proxy", 4) == next(each for each in edition.meta.flags if each.id == "proxy")
    lone = with_flags(tiny, {"id": "lone", "priority": 3, "target_open": "P1D"})
    assert lone.flag("lone", 3).target_open == "P1D"


def test_another_clinic_needs_no_code() -> None:
    library = load_library(EDITIONS)
    assert sorted(library.editions) == ["schlaf", "tiny"]
    for name in library.editions:
        folder: Path = EDITIONS / name / "1.0.0"
        assert check(folder, today=dt.date(2026, 11, 22)) == []


def test_another_clinic_speaks_its_own_language_from_the_first_question_to_the_summary(
    sleep: Edition,
) -> None:
    answers: dict[str, Any] = {
        "verstanden": True,
        "alter": 44,
        "anliegen": ["tagesmuede", "einschlafen"],
        "stunden": 4,
        "wochen": 20,
        "gedanken": "ja",
        "rueckruf": "ja",
    }
    checked = sleep.check(answers, {"phone": "030 901820"})
    assert (checked.issues, dict(checked.contact)) == ((), {"phone": "030 901820"})
    summary = sleep.summarise(sleep.evaluate(checked.answers), sleep.language("de-CH"))
    assert summary["title"] == "Worüber Sie in der Praxis reden können"
    [crisis] = summary["interruptions"]
    assert crisis["text"].startswith("Danke, dass Sie das sagen. Rufen Sie jetzt 116 123 an.")
    assert [each["id"] for each in crisis["resources"]] == ["de-telefonseelsorge", "de-112", "de-116117"]
    assert crisis["resources"][0]["chat_url"] == "https://online.telefonseelsorge.de"
    assert [topic["rule"] for topic in summary["topics"]] == ["N_WACH", "N_KURZ", "A_IMMER"]
    assert summary["topics"][0]["because"] == [{"link_id": "anliegen", "answer": ("einschlafen",)}]
    quoted = [each["exact"] for topic in summary["topics"] for each in topic["quotations"]]
    assert quoted == [
        "Viele Menschen liegen ab und zu wach.",
        "Schlaf ist für den Körper so wichtig wie Essen und Trinken.",
    ]
    assert summary["general_cautions"][0]["text"].startswith("Das sind die Worte des Artikels")
    assert "at-142" not in [each["id"] for each in sleep.phrasebooks["de"].resources]


def signed_off(edition: Edition, *languages: str) -> Edition:
    """`edition` with these languages reviewed, and unreviewed languages not served."""
    texts = {
        name: words.model_copy(update={"reviewed_by": "Dr. Rev Iewer"}) if name in languages else words
        for name, words in edition.texts.items()
    }
    return replace(edition, texts=texts, unreviewed=False)


def test_a_translation_that_nobody_signed_off_is_served_only_where_that_is_allowed(edition: Edition) -> None:
    assert edition.languages == ("en", "es", "ht", "pt-BR")
    assert replace(edition, unreviewed=False).languages == ("en",)
    assert signed_off(edition, "ht").languages == ("en", "ht")
    served = {wanted: signed_off(edition, "ht").language(wanted) for wanted in ("es", "es-MX", "ht", "HT-HT")}
    assert served == {"es": "en", "es-MX": "en", "ht": "ht", "HT-HT": "ht"}
    assert [each for each in ("en", "es", "ht") if signed_off(edition, "ht").unreviewed_languages(each)] == [
        "es"
    ]


def test_the_default_language_is_served_whether_somebody_signed_it_off_or_not(sleep: Edition) -> None:
    assert sleep.texts["de"].reviewed_by is None
    assert replace(sleep, unreviewed=False).languages == ("de",)


def test_a_questionnaire_is_called_by_its_title_in_each_language_or_else_by_the_one_it_has(
    edition: Edition, sleep: Edition, tiny: Edition
) -> None:
    assert edition.title("es") == "Antes de una consulta sobre la ketamina"
    assert tiny.title("en") == "About tea"
    assert sleep.title("en") == sleep.meta.title


def test_what_is_switched_off_is_not_asked_and_everything_else_is(edition: Edition) -> None:
    quiet = replace(edition, off=frozenset({"self_harm"}))
    adult = {"age_band": "25_44"}
    assert edition.enabled(adult) - quiet.enabled(adult) == {"self_harm_notice", "self_harm_thoughts"}
    assert quiet.check(adult).missing == edition.check(adult).missing
    assert edition.asked.item == edition.questionnaire.item
    assert replace(edition, off=frozenset({"another_edition_s"})).asked.item == edition.questionnaire.item


def test_an_answer_that_arrives_though_the_question_is_off_still_interrupts(edition: Edition) -> None:
    quiet = replace(edition, off=frozenset({"self_harm"}))
    checked = quiet.check({"age_band": "25_44", "self_harm_thoughts": "now"}, complete=False)
    evaluation = quiet.evaluate(checked.answers, enabled=checked.enabled)
    assert [each["rule"] for each in quiet.interruptions(evaluation, "en")] == ["S_NOW"]
    assert "self_harm_now" in [raised.flag.id for raised in evaluation.flags]
    assert "self_harm_thoughts" not in evaluation.answers_to_store


def test_a_language_tag_without_end_is_answered(edition: Edition) -> None:
    assert edition.language("en-" * 1_000_000) == "en"  # checking every prefix of the tag would take days
