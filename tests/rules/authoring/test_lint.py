"""The content check beyond its messages (test_broken_content.py): what it must not report."""

import datetime as dt
from pathlib import Path

import pytest

from app.rules.authoring import reachability
from app.rules.authoring.edition_files import LintError, read_draft
from app.rules.authoring.integrity import check_integrity
from app.rules.authoring.lint import banned_phrases_in, check
from app.rules.engine.edition import Edition

TODAY = dt.date(2026, 11, 22)


def change(folder: Path, file: str, old: str, new: str) -> None:
    path = folder / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def found(folder: Path, today: dt.date = TODAY) -> list[str]:
    return [finding.message for finding in check(folder, today=today)]


def test_a_day_of_review_is_not_past_before_the_day_after(tiny_folder: Path) -> None:
    assert found(tiny_folder, dt.date(2027, 11, 22)) == []
    late = found(tiny_folder, dt.date(2027, 11, 23))
    assert sorted(message.split(" was to be")[0] for message in late) == [
        "The caution C-ALL", "The caution C-SOME", "The resource gb-999", "The resource gb-samaritans",
        "This edition",
    ]  # fmt: skip


LONG = "You told us that all of your {} goes on and on, and that is a lot to carry for you."


def test_the_name_of_a_condition_does_not_make_words_hard(tiny_folder: Path) -> None:
    change(tiny_folder, "texts/en.yaml", "That is all we have.", LONG.format("Oversleeping disorder"))
    assert found(tiny_folder) == []
    change(tiny_folder, "texts/en.yaml", "[oversleeping disorder]", "[]")
    assert found(tiny_folder) == ["rules.G_REST is hard to read (grade 8.0, at most 8); use shorter words."]


def test_the_longest_name_of_a_condition_is_taken_out_first(tiny_folder: Path) -> None:
    name = "continual oversleeping disorder of hypersomnolence"
    change(tiny_folder, "texts/en.yaml", "That is all we have.", LONG.format(name))
    change(tiny_folder, "texts/en.yaml", "[oversleeping disorder]", f"[oversleeping disorder, {name}]")
    assert found(tiny_folder) == []


def test_words_for_staff_may_be_hard_to_read_but_hit_no_banned_phrase(tiny_folder: Path) -> None:
    hard = "Comprehensive individual documentation necessitates considerable organisational effort here today"
    change(tiny_folder, "texts/en.yaml", "not_well: Not well", f"not_well: {hard}")
    assert found(tiny_folder) == []
    change(tiny_folder, "texts/en.yaml", hard, "Cured")
    assert found(tiny_folder) == ["flags.not_well hits B01 (cure); say it another way."]


def test_a_banned_phrase_is_found_across_a_place_that_is_filled_in(tiny_folder: Path) -> None:
    change(tiny_folder, "texts/en.yaml", "regex: '\\bcur(e|es|ed)\\b'", "regex: 'call (116|this)'")
    assert found(tiny_folder) == [
        "summary.footer hits B01 (cure); say it another way.",
        "summary.call hits B01 (cure); say it another way.",
        "items.cups.why hits B01 (cure); say it another way.",
    ]


def test_banned_phrases_are_told_by_id_in_their_order(edition: Edition) -> None:
    both = "You qualify and you are eligible."
    assert banned_phrases_in(both, edition.texts["en"]) == ["B01", "B02"]
    assert banned_phrases_in("Talk with a clinician.", edition.texts["en"]) == []


def test_a_rule_that_rests_on_two_others_at_once_is_reached(tiny_folder: Path) -> None:
    change(
        tiny_folder,
        "rules.yaml",
        "{none_fired: {groups: [tea]}}",
        "{all: [{fired: S_UNWELL}, {fired: T_CUPS}]}",
    )
    assert found(tiny_folder) == []


def test_a_rule_that_rests_on_one_that_rests_on_another_is_reached(tiny_folder: Path) -> None:
    path = tiny_folder / "rules.yaml"
    more = """
  - {id: G_ONE, group: general, when: {fired: T_CUPS}}
  - {id: G_TWO, group: general, when: {all: [{fired: G_ONE}, {fired: S_UNWELL}]}}
"""
    path.write_text(path.read_text(encoding="utf-8") + more.lstrip("\n"), encoding="utf-8")
    change(tiny_folder, "texts/en.yaml", "  G_REST:", "  G_ONE: One.\n  G_TWO: Two.\n  G_REST:")
    change(tiny_folder, "cases.yaml", "rules: [T_CUPS]", "rules: [T_CUPS, G_ONE]")
    assert found(tiny_folder) == []


def test_a_passage_names_all_it_goes_with(tiny_folder: Path) -> None:
    change(tiny_folder, "article.yaml", "only_with: [P1]", "only_with: [P1, P3]")
    assert found(tiny_folder) == []
    change(tiny_folder, "rules.yaml", "cites: [P1, P2]", "cites: [P2]")
    assert found(tiny_folder) == ["T_CUPS cites P2 alone; it goes only with P1, P3."]


def test_a_choice_may_be_asked_whether_it_was_answered(tiny_folder: Path) -> None:
    change(
        tiny_folder, "rules.yaml", 'cups, operator: ">", answer: 4', "feeling, operator: exists, answer: true"
    )
    change(tiny_folder, "cases.yaml", "cups: 5}", "cups: 1}")
    assert found(tiny_folder) == []


def test_a_rule_that_needs_an_answer_beside_an_earlier_rule_is_reached(tiny_folder: Path) -> None:
    both = "{all: [{cites_passage: {groups: [tea]}}, {question: may_call, operator: '=', answer: true}]}"
    change(tiny_folder, "cases.yaml", "    undetermined: []\n", "")
    change(tiny_folder, "rules.yaml", "{none_fired: {groups: [tea]}}", both)
    assert found(tiny_folder) == []


def test_an_item_that_asks_outside_its_gated_group_is_reached(tiny_folder: Path) -> None:
    gated = """
  - linkId: more
    type: group
    enableWhen: {question: cups, operator: ">", answer: 2}
    item:
      - linkId: milk
        type: boolean
        enableWhen: {question: may_call, operator: "=", answer: true}
"""
    path = tiny_folder / "questionnaire.yaml"
    path.write_text(path.read_text(encoding="utf-8") + gated.lstrip("\n"), encoding="utf-8")
    change(tiny_folder, "texts/en.yaml", "pages:\n", "pages:\n  more: More\n")
    change(
        tiny_folder, "texts/en.yaml", "items:\n", "items:\n  milk: {text: With milk?, 'yes': Y, 'no': N}\n"
    )
    assert found(tiny_folder) == []


def test_what_has_too_many_ways_to_be_tried_is_taken_as_reached(
    tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reachability, "MAX_COMBINATIONS", 1)
    assert found(tiny_folder) == []


def test_cases_are_checked_in_the_language_and_status_they_name(tiny_folder: Path) -> None:
    draft = """
- case: A draft may still lack the first answer.
  answers: {drinks: [none]}
  status: draft
  language: fr
  expect: {mode: full, rules: [G_REST], passages: [P1]}
- case: What is sent in may not lack the first answer.
  answers: {drinks: [none]}
  expect: {issues: [{pointer: /answers/feeling, code: required}]}
"""
    path = tiny_folder / "cases.yaml"
    path.write_text(path.read_text(encoding="utf-8") + draft, encoding="utf-8")
    assert found(tiny_folder) == []


def test_without_cases_an_author_is_told(tiny_folder: Path) -> None:
    (tiny_folder / "cases.yaml").unlink()
    [finding] = check(tiny_folder, today=TODAY)
    assert (finding.path.name, finding.line) == ("cases.yaml", 1)
    assert finding.message.startswith("The cases can't be read: [Errno 2] No such file or directory")


def _integrity(folder: Path) -> list[LintError]:
    return check_integrity(read_draft(folder))


def test_a_text_question_can_only_be_asked_whether_it_is_there(tiny_folder: Path) -> None:
    change(tiny_folder, "questionnaire.yaml", "        contact: name\n", "")
    rule = '{question: cups, operator: ">", answer: 4}'
    change(tiny_folder, "rules.yaml", rule, "{question: call_name, operator: exists, answer: true}")
    assert _integrity(tiny_folder) == []
    assert "No answers fire T_CUPS; mend its `when`." not in found(tiny_folder)
    change(tiny_folder, "rules.yaml", "operator: exists, answer: true", 'operator: "=", answer: Ada')
    [finding] = _integrity(tiny_folder)
    assert finding.message == "The operator = doesn't fit call_name; use one of ['exists']."


@pytest.mark.parametrize(
    ("operator", "answer"),
    [("<", "4"), ("<=", "4"), (">=", "4"), ("=", "4"), ("!=", "4"), ("in", "[4, 5]"), ("exists", "true")],
)
def test_a_number_may_be_compared_in_every_way_that_fits(
    tiny_folder: Path, operator: str, answer: str
) -> None:
    change(tiny_folder, "rules.yaml", 'operator: ">", answer: 4', f'operator: "{operator}", answer: {answer}')
    assert _integrity(tiny_folder) == []
