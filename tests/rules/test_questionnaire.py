"""Questions as data: what is read, what is enabled, what must still be answered."""

from typing import Any

import pytest
from pydantic import ValidationError

from app.rules.edition import Edition
from app.rules.questionnaire import Item, Questionnaire
from tests.rules.conditions import frozen
from tests.rules.variants import with_items


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
