"""Differences: between two editions in an author's words, and between then and now in a verification."""

from dataclasses import replace
from typing import Any

import pytest

from app.rules.engine.diff import diff_editions, diff_provenance, provenance
from app.rules.engine.edition import Edition
from app.rules.engine.questionnaire import Questionnaire
from tests.rules.conditions import compared
from tests.rules.edition_variants import with_flags, with_items, with_passage, with_rule, with_rules

WELL: dict[str, Any] = {"feeling": "well", "drinks": ("black",), "cups": 5}


def test_a_trace_says_what_a_summary_rested_on(tiny: Edition) -> None:
    evaluation = tiny.evaluate(WELL)
    assert provenance(tiny, evaluation, "d1") == {
        "digest": "d1",
        "edition_sha256": tiny.sha256,
        "article_sha256": tiny.article.article.sha256,
        "citation_mode": "full",
        "rules": ["T_CUPS"],
        "passages": ["P1", "P2"],
    }


def test_the_same_trace_has_no_differences(tiny: Edition) -> None:
    now = provenance(tiny, tiny.evaluate(WELL), "d1")
    assert diff_provenance(now, dict(now)) == []


def test_differences_are_told_then_and_now_the_digest_last(tiny: Edition) -> None:
    then = provenance(tiny, tiny.evaluate(WELL), "d1")
    now = provenance(tiny, tiny.evaluate(WELL | {"cups": 1}), "d2")
    assert diff_provenance(then, now) == [
        {"what": "rules", "then": ["T_CUPS"], "now": ["G_REST"]},
        {"what": "passages", "then": ["P1", "P2"], "now": ["P1"]},
        {"what": "digest", "then": "d1", "now": "d2"},
    ]


def test_what_was_not_kept_then_reads_as_nothing(tiny: Edition) -> None:
    now = provenance(tiny, tiny.evaluate(WELL), "d1")
    assert diff_provenance({"digest": "d1"}, now)[0] == {
        "what": "edition_sha256", "then": None, "now": tiny.sha256,
    }  # fmt: skip


def differences(old: Edition, new: Edition) -> list[str]:
    return list(diff_editions(old, new))


def test_an_edition_does_not_differ_from_itself(tiny: Edition, sleep: Edition, edition: Edition) -> None:
    for each in (tiny, sleep, edition):
        assert differences(each, each) == []


def test_a_new_version_with_other_bytes_is_no_difference_in_meaning(tiny: Edition) -> None:
    meta = tiny.meta.model_copy(update={"version": "1.0.1"})
    assert differences(tiny, replace(tiny, meta=meta, sha256="0" * 64)) == []


def _meta(edition: Edition, **change: Any) -> Edition:
    return replace(edition, meta=edition.meta.model_copy(update=change))


def _article(edition: Edition, **change: Any) -> Edition:
    return replace(edition, article=edition.article.model_copy(update=change))


def _crisis(edition: Edition, **change: Any) -> Edition:
    return replace(edition, crisis=edition.crisis.model_copy(update=change))


def _texts(edition: Edition, **change: Any) -> Edition:
    return replace(edition, texts={"en": edition.texts["en"].model_copy(update=change)})


def test_every_part_that_means_something_is_compared(tiny: Edition) -> None:
    words = tiny.texts["en"]
    [first, second] = tiny.crisis.resources
    caution = tiny.article.cautions["C-ALL"].model_copy(update={"basis": ("B1",)})
    gb = tiny.crisis.primary["GB"].model_copy(update={"crisis": "gb-999"})
    item = tiny.questionnaire.item[0]
    required = tuple(
        each.model_copy(update={"required": True}) if each.link_id == "may_call" else each
        for each in item.item
    )
    changed = Questionnaire(item=(item.model_copy(update={"item": required}),))
    table = [
        (_meta(tiny, place="GB-SCT"), "~ edition: place was GB-LND, is GB-SCT"),
        (_meta(tiny, reviewed_by="Dr. Who"), "~ edition: reviewed_by was nothing, is Dr. Who"),
        (_article(tiny, general_cautions=()), "~ every quotation: cautions was C-ALL, is nothing"),
        (
            _article(tiny, article=tiny.article.article.model_copy(update={"title": "Tea"})),
            "~ article: title was Tea – in short, is Tea",
        ),
        (
            _article(tiny, cautions=tiny.article.cautions | {"C-ALL": caution}),
            "~ caution C-ALL: basis was nothing, is B1",
        ),
        (
            replace(tiny, book=tiny.book.model_copy(update={"groups": ("safety", "general", "tea")})),
            "~ order of groups: groups was safety, tea, general, is safety, general, tea",
        ),
        (replace(tiny, questionnaire=changed), "~ question may_call: required was False, is True"),
        (with_passage(tiny, "P2", policy="never"), "~ passage P2: policy was with_caution, is never"),
        (with_rule(tiny, "T_CUPS", cites=("P1",)), "~ rule T_CUPS: cites was P1, P2, is P1"),
        (
            _crisis(tiny, resources=(first, second.model_copy(update={"call": "116"}))),
            "~ crisis resource gb-samaritans: call was 116 123, is 116",
        ),
        (_crisis(tiny, primary={"GB": gb}), "~ numbers in GB: crisis was gb-samaritans, is gb-999"),
        (
            _texts(tiny, rules=words.rules | {"T_CUPS": "Tea."}),
            "~ words en rules.T_CUPS: text was You told us about tea., is Tea.",
        ),
        (_texts(tiny, reviewed_by="Dr. Who"), "~ words en: reviewed_by was nothing, is Dr. Who"),
        (
            replace(tiny, book=tiny.book.model_copy(update={"rules": tiny.book.rules[::-1]})),
            "~ order of rules: rules was S_UNWELL, T_CUPS, G_REST, is G_REST, T_CUPS, S_UNWELL",
        ),
    ]
    for new, line in table:
        assert differences(tiny, new) == [line]


def test_a_condition_that_changed_is_told_with_both_forms(tiny: Edition) -> None:
    [line] = differences(tiny, with_rule(tiny, "T_CUPS", when=compared("cups", ">", 5)))
    assert line.startswith("~ rule T_CUPS: when was ")
    assert "'answer': 4" in line.split(", is ")[0]
    assert "'answer': 5" in line.split(", is ")[1]


def test_what_is_gone_stands_before_what_is_new_and_what_changed(tiny: Edition) -> None:
    rules = [
        {"id": "S_UNWELL", "group": "safety", "interruption": "block", "when": {"fired": "X"}},
        {"id": "A_NEW", "group": "tea", "when": {"fired": "X"}},
    ]
    lines = differences(tiny, with_rules(tiny, ["safety", "tea", "general"], *rules))
    assert [line.split(":")[0] for line in lines] == [
        "- rule T_CUPS is gone",
        "- rule G_REST is gone",
        "+ rule A_NEW is new",
        "~ order of rules",
        "~ rule S_UNWELL",
        "~ rule S_UNWELL",
        "~ rule S_UNWELL",
        "~ rule S_UNWELL",
    ]


def test_flags_and_questions_come_and_go(tiny: Edition) -> None:
    with_one_more = with_items(tiny, {"linkId": "milk", "type": "boolean"})
    assert differences(tiny, with_one_more) == ["+ question milk is new"]
    assert differences(with_one_more, tiny) == ["- question milk is gone"]
    assert differences(tiny, with_flags(tiny)) == ["- flag not_well is gone", "- flag no_route is gone"]


def test_a_question_that_moved_to_another_page_is_told(tiny: Edition) -> None:
    group = tiny.questionnaire.item[0]
    moved = Questionnaire(item=(group.model_copy(update={"item": group.item[:-1]}), group.item[-1]))
    assert differences(tiny, replace(tiny, questionnaire=moved)) == [
        "~ question call_name: group was tea, is nothing"
    ]


@pytest.mark.parametrize("language", ["de", "en"])
def test_the_words_of_every_language_are_compared(sleep: Edition, language: str) -> None:
    texts = sleep.texts[language]
    changed = texts.model_copy(update={"pages": texts.pages | {"tag": "X"}})
    [line] = differences(sleep, replace(sleep, texts=dict(sleep.texts) | {language: changed}))
    assert line.startswith(f"~ words {language} pages.tag: text was ")
