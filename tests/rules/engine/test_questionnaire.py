"""Questions as data: what is read, what is enabled, what must still be answered."""

import random
from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from app.rules.engine.edition import Edition
from app.rules.engine.questionnaire import Item, Questionnaire
from tests.rules.combinatorics import assessment
from tests.rules.conditions import frozen
from tests.rules.edition_variants import with_items


@pytest.mark.parametrize(
    "item",
    [
        {"linkId": "Upper", "type": "boolean"},
        {"linkId": "1st", "type": "boolean"},
        {"linkId": "with space", "type": "boolean"},
        {"linkId": "a", "type": "slider"},
        {"linkId": "a"},
        {"link_id": "a", "type": "boolean"},
        {"linkId": "a", "type": "boolean", "required": "yes"},
        {"linkId": "a", "type": "integer", "minValue": "0"},
        {"linkId": "a", "type": "choice", "answerOption": [{"code": "Not OK"}]},
        {"linkId": "a", "type": "choice", "answerOption": [{"code": 1}]},
        {"linkId": "a", "type": "string", "contact": "fax"},
        {"linkId": "a", "type": "boolean", "text": "words stand elsewhere"},
    ],
    ids=str,
)
def test_an_item_that_is_malformed_is_refused(item: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Item.model_validate(frozen(item))


def test_items_are_read_in_order_with_the_group_around_them(tiny: Edition) -> None:
    placed = [(item.link_id, group) for item, group in tiny.questionnaire.placed]
    assert placed == [
        ("tea", None), ("feeling", "tea"), ("drinks", "tea"), ("cups", "tea"), ("may_call", "tea"),
        ("call_name", "tea"),
    ]  # fmt: skip
    assert list(tiny.questionnaire.by_id) == [name for name, _ in placed]


def test_rules_may_see_questions_and_neither_groups_nor_texts_nor_contact_details(
    tiny: Edition, sleep: Edition
) -> None:
    assert list(tiny.questionnaire.questions) == ["feeling", "drinks", "cups", "may_call"]
    assert {kind: item.link_id for kind, item in tiny.questionnaire.contact_items.items()} == {
        "name": "call_name"
    }
    assert not {"nacht", "gedanken_hinweis", "telefon"} & sleep.questionnaire.questions.keys()


def test_options_have_places_and_some_are_exclusive_or_unknown(edition: Edition) -> None:
    item = edition.questionnaire.by_id["visit_reason"]
    assert item.codes == {
        "long_term_pain": 0, "low_mood": 1, "other": 2, "not_sure": 3, "prefer_not_to_say": 4,
    }  # fmt: skip
    assert item.exclusive == {"prefer_not_to_say"}
    assert edition.questionnaire.unknown["visit_reason"] == {"not_sure", "prefer_not_to_say"}
    assert "takes_medicines" in edition.questionnaire.unknown
    assert "answering_for" not in edition.questionnaire.unknown


def test_the_order_of_answers_is_the_reading_order_without_strangers(tiny: Edition) -> None:
    given = {"may_call": True, "stranger": 1, "feeling": "well", "call_name": "Ada", "tea": 1}
    assert list(tiny.questionnaire.order(given)) == ["feeling", "may_call"]


@pytest.mark.parametrize(
    ("answers", "enabled"),
    [
        ({}, {"einstieg", "verstanden", "alter"}),
        ({"alter": 15}, {"einstieg", "verstanden", "alter"}),
        (
            {"alter": 16},
            {"einstieg", "verstanden", "alter", "nacht", "anliegen", "tag", "kaffee", "schichten",
             "gedanken_hinweis", "gedanken", "rueckruf"},
        ),
    ],
)  # fmt: skip
def test_a_group_enables_what_is_in_it_and_unknown_is_not_enough(
    sleep: Edition, answers: dict[str, Any], enabled: set[str]
) -> None:
    assert sleep.enabled(answers) == enabled


def test_enablement_runs_along_a_chain_and_stops_where_it_breaks(sleep: Edition) -> None:
    chain: dict[str, Any] = {"alter": 30, "anliegen": ("einschlafen",), "stunden": 5, "wochen": 3}
    assert {"stunden", "wochen"} <= sleep.enabled(chain)
    assert not {"stunden", "wochen"} & sleep.enabled(chain | {"anliegen": ("schnarchen",)})
    assert not {"anliegen", "stunden", "wochen"} & sleep.enabled(chain | {"alter": 10})


def test_an_item_in_a_disabled_group_is_disabled_whatever_its_own_condition(tiny: Edition) -> None:
    closed = {
        "linkId": "closed",
        "type": "group",
        "enableWhen": {"question": "feeling", "operator": "=", "answer": "unwell"},
        "item": [
            {"linkId": "inside", "type": "boolean", "required": True},
            {"linkId": "deeper", "type": "group", "item": [{"linkId": "deepest", "type": "boolean"}]},
        ],
    }
    edition = with_items(tiny, closed)
    assert not {"closed", "inside", "deeper", "deepest"} & edition.enabled({"feeling": "well"})
    assert {"closed", "inside", "deeper", "deepest"} <= edition.enabled({"feeling": "unwell"})
    assert edition.check({"feeling": "well"}).missing == ()
    assert edition.check({"feeling": "unwell"}).missing == ("inside",)


@pytest.mark.parametrize(
    ("answers", "missing"),
    [
        ({}, ("feeling",)),
        ({"feeling": "unwell"}, ()),
        ({"feeling": "unwell", "drinks": ("green",)}, ("cups",)),
        ({"feeling": "unwell", "drinks": ("green",), "cups": 0}, ()),
        ({"feeling": "not_sure", "drinks": ("green",)}, ()),
        ({"drinks": ("green",)}, ("feeling",)),
    ],
    ids=str,
)
def test_a_question_is_required_always_sometimes_or_never(
    tiny: Edition, answers: dict[str, Any], missing: tuple[str, ...]
) -> None:
    assert tiny.questionnaire.missing(answers, tiny.enabled(answers)) == missing


def test_a_yes_that_must_be_given_is_missing_until_it_is(edition: Edition) -> None:
    questionnaire: Questionnaire = edition.questionnaire
    enabled = edition.enabled({})
    assert questionnaire.missing({}, enabled) == ("info_only", "answering_for", "age_band")
    assert "info_only" in questionnaire.missing({"info_only": False}, enabled)
    assert "info_only" not in questionnaire.missing({"info_only": True}, enabled)


@pytest.mark.parametrize(
    ("answers", "impossible"),
    [
        ({}, []),
        ({"drinks": ("none",)}, ["cups"]),
        ({"drinks": ("black",), "may_call": False}, ["call_name"]),
        ({"drinks": ("none",), "may_call": False}, ["cups", "call_name"]),
    ],
    ids=str,
)
def test_what_no_answer_can_bring_up_any_more_is_not_possible(
    tiny: Edition, answers: dict[str, Any], impossible: list[str]
) -> None:
    assert tiny.questionnaire.by_id.keys() - tiny.questionnaire.possible(answers) == set(impossible)


def test_what_stands_in_an_impossible_group_is_impossible(sleep: Edition) -> None:
    assert sleep.questionnaire.possible({"alter": 15}) == sleep.enabled({"alter": 15})
    assert "kaffee" in sleep.questionnaire.possible({})


@pytest.mark.parametrize("name", ["edition", "tiny", "sleep"])
def test_whatever_is_enabled_in_the_end_was_possible_all_along(
    name: str, request: pytest.FixtureRequest
) -> None:
    edition: Edition = request.getfixturevalue(name)
    dice = random.Random(3)
    for answers in assessment(edition, 150, seed=17):
        asked = {name: value for name, value in answers.items() if name in edition.enabled(answers)}
        some = {name: value for name, value in asked.items() if dice.random() < 0.5}
        possible = edition.questionnaire.possible(some)
        assert edition.enabled(answers) | edition.enabled(some) <= possible


def item(name: str, when: dict[str, Any]) -> dict[str, Any]:
    return {"linkId": name, "type": "boolean", "enableWhen": when}


def test_what_asks_for_silence_or_for_an_answer_is_possible_until_there_is_one(tiny: Edition) -> None:
    asks = {"question": "cups", "operator": "exists", "answer": True}
    edition = with_items(tiny, item("counted", asks), item("uncounted", asks | {"answer": False}))
    some, none = {"drinks": ("black",)}, {"drinks": ("none",)}
    assert {"counted", "uncounted"} <= edition.questionnaire.possible({})
    assert {"counted", "uncounted"} <= edition.questionnaire.possible(some)
    assert {"counted", "uncounted"} & edition.questionnaire.possible(some | {"cups": 1}) == {"counted"}
    assert not {"counted", "uncounted"} & edition.questionnaire.possible(none)


def test_what_an_answer_would_rule_out_that_does_not_count_yet_is_possible(tiny: Edition) -> None:
    edition = with_items(tiny, item("last", {"not": {"question": "cups", "operator": "=", "answer": 1}}))
    assert "last" in edition.enabled({"cups": 1}) & edition.questionnaire.possible({"cups": 1})
    assert "last" not in edition.questionnaire.possible({"drinks": ("black",), "cups": 1})


def test_a_question_that_is_never_asked_brings_nothing_up_and_is_not_missing(tiny: Edition) -> None:
    never = tiny.questionnaire.never_asking({"may_call", "feeling"})
    given: dict[str, Any] = {"feeling": "unwell", "may_call": True, "drinks": ("green",)}
    assert tiny.enabled(given) - never.enabled(given) == {"feeling", "may_call", "call_name"}
    assert not {"feeling", "may_call", "call_name"} & never.possible({})
    assert never.missing({}, never.enabled({})) == ()


def test_an_answer_to_a_question_that_is_never_asked_is_still_an_answer(tiny: Edition) -> None:
    quiet = replace(tiny, off=frozenset({"calls"}))
    checked = quiet.check({"feeling": "well", "may_call": True}, {"name": "Ada"})
    assert (checked.issues, checked.answers["may_call"], dict(checked.contact)) == ((), True, {})


def test_a_group_that_is_never_asked_takes_all_in_it_along(tiny: Edition) -> None:
    assert tiny.questionnaire.never_asking({"tea"}).possible({"feeling": "well"}) == frozenset()


def test_what_never_asks_nothing_asks_everything(tiny: Edition) -> None:
    every = tiny.questionnaire.never_asking(())
    assert every.item == tiny.questionnaire.item
