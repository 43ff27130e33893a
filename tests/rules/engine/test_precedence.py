"""Rules that depend on earlier rules, stop later ones, or use answers to questions that are not enabled."""

from typing import Any

from app.rules.engine.edition import Edition
from app.rules.engine.evaluation import Evaluation
from tests.rules.edition_variants import with_rules

MANY: dict[str, Any] = {"question": "cups", "operator": ">", "answer": 4}


def is_(question: str, answer: object) -> dict[str, Any]:
    return {"question": question, "operator": "=", "answer": answer}


def fired(evaluation: Evaluation) -> dict[str, dict[str, Any]]:
    """Every rule that fired with its reasons."""
    return {each.rule.id: dict(each.because) for each in evaluation.fired}


def test_a_rule_that_rests_on_others_gives_their_reasons_and_its_own(sleep: Edition) -> None:
    answers: dict[str, Any] = {"verstanden": True, "alter": 40, "kaffee": 5, "schichten": True}
    reasons = fired(sleep.evaluate(answers | {"rueckruf": "ja"}))
    assert reasons["T_BEIDES"] == {"kaffee": 5, "schichten": True}
    assert reasons["A_IMMER"] == {}


def test_a_rule_gives_the_reasons_of_those_it_rests_on_and_of_no_others(tiny: Edition) -> None:
    edition = with_rules(
        tiny,
        ["g"],
        {"id": "ONE", "group": "g", "when": is_("feeling", "well")},
        {"id": "TWO", "group": "g", "when": is_("may_call", answer=True)},
        {"id": "THREE", "group": "g", "when": {"all": [{"fired": "TWO"}, MANY]}},
    )
    answers: dict[str, Any] = {"feeling": "well", "drinks": ("black",), "cups": 5, "may_call": True}
    assert fired(edition.evaluate(answers))["THREE"] == {"may_call": True, "cups": 5}


def test_a_rule_that_may_rest_on_another_gives_its_own_reasons_when_that_one_did_not_fire(
    tiny: Edition,
) -> None:
    edition = with_rules(
        tiny,
        ["g"],
        {"id": "ONE", "group": "g", "when": is_("feeling", "unwell")},
        {"id": "TWO", "group": "g", "when": {"any": [{"fired": "ONE"}, is_("may_call", answer=True)]}},
    )
    assert fired(edition.evaluate({"feeling": "well", "may_call": True})) == {"TWO": {"may_call": True}}


def _stops(name: str, when: dict[str, Any], stops: str, keeps: list[str]) -> dict[str, Any]:
    return {"id": name, "group": "safety", "when": when, "stops": [stops], "keeps": keeps}


def test_two_stops_stop_what_either_stops_and_keep_only_what_both_keep(tiny: Edition) -> None:
    edition = with_rules(
        tiny,
        ["safety", "tea", "more"],
        _stops("ONE", is_("feeling", "unwell"), "tea", ["feeling", "drinks"]),
        _stops("TWO", is_("may_call", answer=True), "more", ["may_call", "drinks"]),
        {"id": "TEA", "group": "tea", "when": is_("feeling", "unwell")},
        {"id": "MORE", "group": "more", "when": is_("feeling", "unwell")},
    )
    answers: dict[str, Any] = {"feeling": "unwell", "drinks": ("black",), "cups": 2, "may_call": True}
    both = edition.evaluate(answers)
    assert (list(fired(both)), dict(both.answers_to_store)) == (["ONE", "TWO"], {"drinks": ("black",)})
    assert both.raised == ("ONE", "TWO")
    only = edition.evaluate(answers | {"may_call": False})
    assert list(fired(only)) == ["ONE", "MORE"]
    assert dict(only.answers_to_store) == {"feeling": "unwell", "drinks": ("black",)}


def test_a_rule_that_heeds_disabled_answers_still_asks_what_fired_before_it(tiny: Edition) -> None:
    edition = with_rules(
        tiny,
        ["g"],
        {"id": "ONE", "group": "g", "when": is_("feeling", "unwell")},
        {"id": "TWO", "group": "g", "even_if_disabled": True, "when": {"all": [{"fired": "ONE"}, MANY]}},
    )
    assert fired(edition.evaluate({"feeling": "unwell", "cups": 5})) == {
        "ONE": {"feeling": "unwell"}, "TWO": {"feeling": "unwell"},
    }  # fmt: skip
    assert fired(edition.evaluate({"feeling": "well", "cups": 5})) == {}


def test_a_rule_whose_answers_are_all_kept_is_not_raised(tiny: Edition) -> None:
    evaluation = tiny.evaluate({"feeling": "unwell"})
    assert fired(evaluation)["S_UNWELL"] == dict(evaluation.answers_to_store) == {"feeling": "unwell"}
    assert evaluation.raised == ()
