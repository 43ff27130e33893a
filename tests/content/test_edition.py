"""The shipped edition: its cases pass, its article is unchanged, and it follows the specification."""

import datetime as dt
import hashlib
from collections import Counter

import pytest

from app.rules.authoring.example_cases import Case, run_case
from app.rules.authoring.lint import CASES, check
from app.rules.authoring.yaml_source import read
from app.rules.engine.edition import Edition
from app.rules.library import CONTENT, check_lock, load

FOLDER = CONTENT / "ketamine-preconsult" / "1.1.0"
EDITION: Edition = load(FOLDER)
EVERY_CASE: tuple[Case, ...] = CASES.validate_python(read(FOLDER / "cases.yaml").data)


@pytest.mark.parametrize("case", EVERY_CASE, ids=[case.case for case in EVERY_CASE])
def test_case(case: Case) -> None:
    assert list(run_case(EDITION, case)) == []


def test_there_are_enough_cases_and_each_has_its_own_sentence() -> None:
    assert len(EVERY_CASE) >= 60
    assert len({case.case for case in EVERY_CASE}) == len(EVERY_CASE)


def test_the_cases_fire_every_rule_raise_every_flag_and_show_every_mode() -> None:
    fired = {rule for case in EVERY_CASE for rule in case.expect.rules}
    assert fired == {rule.id for rule in EDITION.book.rules}
    assert {flag for case in EVERY_CASE for flag in case.expect.flags} == {
        flag.id for flag in EDITION.meta.flags
    }
    assert {case.expect.mode for case in EVERY_CASE} >= {"full", "limited", "none"}


def test_the_cases_enable_and_disable_every_question_that_can_be() -> None:
    conditional = {item.link_id for item in EDITION.questionnaire.by_id.values() if item.enable_when}
    assert {name for case in EVERY_CASE for name in case.expect.enabled} >= conditional
    assert {name for case in EVERY_CASE for name in case.expect.disabled} >= conditional


def test_the_edition_is_as_large_as_specified() -> None:
    questions = [item for item in EDITION.questionnaire.by_id.values() if item.is_question]
    policies = Counter(passage.policy for passage in EDITION.article.passages)
    assert (len(questions), len(EDITION.book.rules), len(EDITION.article.passages)) == (23, 39, 31)
    assert policies == {"never": 9, "as_is": 5, "with_caution": 17}
    assert len(EDITION.article.cautions) == 16


def test_the_article_is_kept_byte_for_byte() -> None:
    raw = (FOLDER / "article.txt").read_bytes()
    assert hashlib.sha256(raw).hexdigest() == EDITION.article.article.sha256
    assert EDITION.article.article.sha256.startswith("ef4d522bdc8e5126")
    assert EDITION.article_text.encode() == raw


def test_the_content_check_finds_nothing_and_the_lock_holds() -> None:
    assert [str(finding) for finding in check(FOLDER, today=EDITION.meta.review_by)] == []
    assert check_lock(CONTENT) == []


def test_the_content_check_asks_for_a_review_from_the_day_after() -> None:
    late = [str(finding) for finding in check(FOLDER, today=EDITION.meta.review_by + dt.timedelta(days=1))]
    assert any(f"This edition was to be reviewed by {EDITION.meta.review_by}" in line for line in late)


def test_the_edition_says_that_no_clinician_has_reviewed_it_yet() -> None:
    assert EDITION.meta.reviewed_by is None
    assert EDITION.texts["en"].reviewed_by is None


def test_every_question_is_in_its_group_and_sensitive_ones_have_no_default() -> None:
    groups = [item.link_id for item in EDITION.questionnaire.item]
    assert groups == ["start", "about", "urgent", "reason", "pain", "mood", "health", "contact"]
    names = list(EDITION.questionnaire.by_id)
    assert names.index("self_harm_notice") + 1 == names.index("self_harm_thoughts")


def test_a_crisis_resource_is_shown_by_place() -> None:
    assert [each.id for each in EDITION.crisis.at("US-FL-PBC")] == ["us-911", "us-988", "pbc-211"]
    assert "pbc-211" not in [each.id for each in EDITION.crisis.at("US-NY")]
    assert EDITION.crisis.numbers("GB") == {"emergency": "999", "crisis": "116 123"}
