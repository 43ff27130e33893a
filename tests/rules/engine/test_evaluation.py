"""Evaluation: who is stopped, what is stored, what may be quoted, and what staff must see."""

from typing import Any

import pytest

from app.rules.engine.edition import Edition
from app.rules.engine.evaluation import Evaluation, FiredRule
from tests.rules.combinatorics import assessment
from tests.rules.edition_variants import with_flags, with_passage, with_rules

MINOR: dict[str, Any] = {"info_only": True, "answering_for": "myself", "age_band": "under_18"}
ADULT: dict[str, Any] = MINOR | {
    "age_band": "25_44",
    "urgent_signs": ("none_of_these",),
    "visit_reason": ("long_term_pain",),
    "pain_types": ("crps", "fibromyalgia"),
    "contact_permission": "no",
}
CRISIS: dict[str, Any] = {
    "urgent_signs": ("new_weakness", "stroke_signs"),
    "self_harm_thoughts": "now",
    "health_topics": ("bp_heart",),
    "contact_permission": "yes",
}


def fired(evaluation: Evaluation) -> list[str]:
    return [each.rule.id for each in evaluation.fired]


def flags(evaluation: Evaluation) -> list[tuple[str, int]]:
    return [(each.flag.id, each.priority) for each in evaluation.flags]


def reasons(evaluation: Evaluation, rule: str) -> dict[str, Any]:
    return dict(next(each.because for each in evaluation.fired if each.rule.id == rule))


def test_someone_under_18_is_stopped_and_only_three_answers_are_kept(edition: Edition) -> None:
    evaluation = edition.evaluate(MINOR | CRISIS)
    assert evaluation.stopped_by is True
    assert dict(evaluation.answers_to_store) == MINOR
    assert evaluation.mode == "none"


def test_safety_beats_the_age_stop_and_tells_no_more_than_that_it_fired(edition: Edition) -> None:
    evaluation = edition.evaluate(MINOR | CRISIS)
    assert fired(evaluation) == ["U18", "S_URGENT", "S_NOW"]
    assert evaluation.raised == ("S_URGENT", "S_NOW")
    assert reasons(evaluation, "U18") == {"age_band": "under_18"}
    assert reasons(evaluation, "S_NOW") == reasons(evaluation, "S_URGENT") == {}


def test_a_permission_to_call_that_was_not_asked_for_is_not_heard(edition: Edition) -> None:
    assert flags(edition.evaluate(MINOR | CRISIS)) == [
        ("self_harm_now", 1),
        ("urgent_physical", 1),
        ("no_contact_route", 1),
        ("under_18", 2),
    ]


def test_milder_answers_of_someone_under_18_are_not_heard(edition: Edition) -> None:
    for thoughts in ("past", "prefer_not_to_say", "no"):
        assert fired(edition.evaluate(MINOR | {"self_harm_thoughts": thoughts})) == ["U18"]


def test_somebody_filling_it_in_for_a_minor_is_seen_by_staff_and_gets_no_topic(edition: Edition) -> None:
    evaluation = edition.evaluate(MINOR | {"answering_for": "someone_else"})
    assert fired(evaluation) == ["U18", "S_PROXY"]
    assert flags(evaluation) == [("under_18", 2), ("proxy", 4)]
    assert edition.summarise(evaluation, "en")["topics"] == []


def test_an_adult_is_not_stopped_and_loses_only_answers_nobody_asked_for(edition: Edition) -> None:
    evaluation = edition.evaluate(ADULT | {"depression_treatments_tried": "2"})
    assert evaluation.stopped_by is False
    assert dict(evaluation.answers_to_store) == ADULT
    assert evaluation.raised == ()


def _said(edition: Edition, evaluation: Evaluation) -> dict[str, Any]:
    return {
        "summary": edition.summarise(evaluation, "en"),
        "kept": dict(evaluation.answers_to_store),
        "raised": evaluation.raised,
        "flags": flags(evaluation),
        "attention": evaluation.attention,
        "fired": [(each.rule.id, dict(each.because)) for each in evaluation.fired],
        "undetermined": list(evaluation.undetermined),
        "stopped": evaluation.stopped_by,
    }


def test_what_is_kept_and_raised_gives_the_same_summary_and_digest_again(edition: Edition) -> None:
    minors = 0
    for number, answers in enumerate(assessment(edition, 800, seed=11)):
        posted = {**answers, "age_band": "under_18"} if number % 2 else answers
        whole = edition.evaluate(posted)
        again = edition.evaluate(whole.answers_to_store, whole.raised)
        assert _said(edition, again) == _said(edition, whole)
        minors += bool(whole.raised)
    assert minors > 100


def test_what_was_raised_stands_until_its_question_is_answered_and_only_for_rules_that_run(
    edition: Edition,
) -> None:
    raised = edition.evaluate(ADULT, ["S_NOW"])
    assert fired(raised)[0] == "S_NOW"
    assert (raised.mode, raised.fired[0].because, raised.raised) == ("limited", {}, ("S_NOW",))
    calm = ADULT | {"self_harm_thoughts": "no"}
    assert fired(edition.evaluate(calm, ["S_NOW"])) == fired(edition.evaluate(calm))
    stopped = edition.evaluate(MINOR, ["G_ALWAYS", "P_CRPS", "NO_SUCH_RULE", "S_RECENT", "S_RECENT"])
    assert fired(stopped) == ["U18", "S_RECENT"]
    assert stopped.raised == ("S_RECENT",)


@pytest.mark.parametrize(
    ("more", "mode"),
    [
        ({}, "full"),
        ({"self_harm_thoughts": "past"}, "full"),
        ({"self_harm_thoughts": "prefer_not_to_say"}, "full"),
        ({"urgent_signs": ("prefer_not_to_say",)}, "full"),
        ({"self_harm_thoughts": "recent"}, "limited"),
        ({"self_harm_thoughts": "now"}, "limited"),
        ({"urgent_signs": ("sickle_fever",)}, "limited"),
        ({"age_band": "prefer_not_to_say"}, "limited"),
        ({"age_band": "under_18"}, "none"),
        ({"age_band": "under_18", "self_harm_thoughts": "now"}, "none"),
    ],
    ids=str,
)
def test_the_citation_mode_is_the_lowest_that_any_rule_asks_for(
    edition: Edition, more: dict[str, Any], mode: str
) -> None:
    assert edition.evaluate(ADULT | more).mode == mode


def _quoted(evaluation: Evaluation) -> dict[str, list[str]]:
    shown = {rule: [passage.id for passage in passages] for rule, passages in evaluation.quoted.items()}
    return {rule: passages for rule, passages in shown.items() if passages}


def test_each_passage_is_quoted_once_under_the_first_rule_that_cites_it(edition: Edition) -> None:
    assert _quoted(edition.evaluate(ADULT)) == {
        "P_CRPS": ["P17", "P20"],
        "P_FIBRO": ["P22"],
        "G_WHAT": ["P07", "P08"],
        "G_ALWAYS": ["P31"],
    }


def test_in_limited_mode_only_plain_facts_are_quoted(edition: Edition) -> None:
    short = {"pain_duration": "under_3_months", "self_harm_thoughts": "now"}
    assert _quoted(edition.evaluate(ADULT | short)) == {"P_SHORT": ["P01"], "G_ALWAYS": ["P31"]}


def test_a_rule_cites_before_any_filter_but_quotes_after_it(edition: Edition) -> None:
    worried: dict[str, Any] = ADULT | {"visit_reason": ("other",), "other_feelings": ("anxiety",)}
    assert _quoted(edition.evaluate(worried)) == {"G_WHAT": ["P07", "P08"], "G_ALWAYS": ["P31"]}
    denied = edition.evaluate(worried | {"self_harm_thoughts": "no"})
    assert _quoted(denied)["M_ANX_PTSD"] == ["P26"]


def test_a_passage_that_was_filtered_out_may_still_be_quoted_by_a_later_rule(tiny: Edition) -> None:
    rules = [
        {"id": "ONE", "group": "g", "cites": ["P2"], "when": {"none_fired": {}}},
        {"id": "TWO", "group": "g", "cites": ["P1", "P2"], "when": {"none_fired": {}}},
    ]
    evaluation = with_rules(tiny, ["g"], *rules).evaluate({"feeling": "well"})
    assert _quoted(evaluation) == {"ONE": ["P2"], "TWO": ["P1"]}
    evaluation = with_rules(with_passage(tiny, "P2", only_if=None), ["g"], *rules).evaluate({})
    assert _quoted(evaluation) == {"ONE": ["P2"], "TWO": ["P1"]}


@pytest.mark.parametrize(
    ("more", "priority"),
    [
        ({"self_harm_thoughts": "now"}, 1),
        ({"self_harm_thoughts": "recent"}, 2),
        ({"self_harm_thoughts": "recent", "urgent_signs": ("new_weakness",)}, 1),
        ({"self_harm_thoughts": "past"}, None),
        ({"self_harm_thoughts": "now", "contact_permission": "yes"}, None),
    ],
    ids=str,
)
def test_no_way_to_call_is_as_urgent_as_the_most_urgent_reason_to_call(
    edition: Edition, more: dict[str, Any], priority: int | None
) -> None:
    assert dict(flags(edition.evaluate(ADULT | more))).get("no_contact_route") == priority


def test_flags_stand_by_priority_and_then_in_the_order_of_the_edition(edition: Edition) -> None:
    everything: dict[str, Any] = {
        "answering_for": "someone_else",
        "age_band": "prefer_not_to_say",
        "self_harm_thoughts": "recent",
        "health_topics": ("liver",),
    }
    assert flags(edition.evaluate(ADULT | everything)) == [
        ("self_harm_recent", 2),
        ("no_contact_route", 2),
        ("age_unconfirmed", 3),
        ("proxy", 4),
        ("risk_topics", 4),
    ]


def test_attention_is_the_most_urgent_priority_and_none_without_flags(edition: Edition) -> None:
    assert edition.evaluate(ADULT).attention is None
    assert edition.evaluate(ADULT | {"health_topics": ("liver",)}).attention == 4
    assert edition.evaluate(MINOR | CRISIS).attention == 1


def test_a_flag_that_goes_with_others_is_raised_by_its_own_rules_too(tiny: Edition) -> None:
    own = with_flags(
        tiny,
        {"id": "parent", "priority": 3, "raised_by": ["G_REST"]},
        {"id": "child", "priority": 2, "raised_by": ["T_CUPS"], "with_flags": ["parent"]},
        {"id": "lonely", "priority": 1, "with_flags": ["no_such_flag"]},
    )
    assert flags(own.evaluate({"feeling": "well"})) == [("child", 2), ("parent", 3)]


def test_a_rule_is_undetermined_while_a_question_that_would_settle_it_is_open(edition: Edition) -> None:
    evaluation = edition.evaluate(ADULT | {"takes_medicines": "prefer_not_to_say", "ride_home": "yes"})
    would_settle = {each.rule: each.would_settle for each in evaluation.undetermined}
    assert would_settle["K_MEDS"] == ("takes_medicines",)
    assert would_settle["P_UNNAMED"] == ("pain_named_by_clinician",)
    assert would_settle["S_NOW"] == ("self_harm_thoughts",)
    assert not {"K_RIDE", "P_CRPS", "P_NEURO", "M_TRD", "G_WHAT"} & would_settle.keys()


def test_a_rule_that_was_stopped_is_not_undetermined(edition: Edition) -> None:
    assert edition.evaluate(MINOR).undetermined == ()
    draft = edition.evaluate({"info_only": True})
    assert [each.rule for each in draft.undetermined] == ["U18", "A_UNKNOWN", "S_PROXY"]


def test_a_rule_that_heeds_disabled_answers_still_prefers_to_tell_why(edition: Edition) -> None:
    asked = edition.evaluate(ADULT | {"self_harm_thoughts": "now"})
    assert reasons(asked, "S_NOW") == {"self_harm_thoughts": "now"}
    assert FiredRule(asked.fired[0].rule, {"self_harm_thoughts": "now"}) == asked.fired[0]


def test_a_safety_answer_counts_in_a_draft_before_its_question_is_asked(edition: Edition) -> None:
    evaluation = edition.evaluate({"self_harm_thoughts": "now"})
    assert "S_NOW" in fired(evaluation)
    assert flags(evaluation) == [("self_harm_now", 1), ("no_contact_route", 1)]


def test_what_a_check_has_told_of_enablement_need_not_be_asked_again(edition: Edition) -> None:
    checked = edition.check(ADULT)
    told = edition.evaluate(checked.answers, enabled=checked.enabled)
    assert _said(edition, told) == _said(edition, edition.evaluate(checked.answers))
    assert fired(edition.evaluate(ADULT, enabled=frozenset())) == ["G_NOTHING", "G_ALWAYS"]
