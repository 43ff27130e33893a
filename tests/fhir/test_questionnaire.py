"""Editions as FHIR Questionnaires: 1:1, valid in two validators, with every safety text."""

from dataclasses import replace
from typing import Any

import pytest

from app.fhir import identifiers
from app.fhir.questionnaire import display_link_ids, questionnaire
from app.rules.engine import questionnaire as rules
from app.rules.engine.edition import Edition
from tests.fhir import oracles
from tests.fhir.conftest import EDITIONS, IDS, SHIPPED, TINY
from tests.fhir.oracles import Json
from tests.rules.edition_variants import with_initial

every_edition = pytest.mark.parametrize("edition", EDITIONS, ids=IDS)
VALUE = {"answerCoding": "choice", "answerInteger": "integer", "answerBoolean": "boolean"}


def said(edition: Edition, language: str | None = None) -> Json:
    return questionnaire(edition, language or edition.languages[0]).document()


def by_id(document: Json) -> dict[str, Json]:
    return {item["linkId"]: item for item in oracles.walk(document["item"])}


def extensions(element: Json) -> dict[str, Any]:
    """The simple extensions of an element, as url to value."""
    return {
        each["url"]: value
        for each in element.get("extension", [])
        for name, value in each.items()
        if name.startswith("value")
    }


def test_both_validators_accept_every_edition_in_every_language() -> None:
    documents = [said(edition, language) for edition in EDITIONS for language in edition.languages]
    assert len(documents) > len(EDITIONS)
    assert oracles.complaints(*documents) == []


@pytest.mark.parametrize(
    "change", [{"status": "live"}, {"item": [{"linkId": "a", "text": "b", "type": "bogus"}]}, {"odd": 1}]
)
def test_the_validators_do_complain_of_what_is_wrong(change: Json) -> None:
    assert oracles.by_npm(said(TINY) | change)


@every_edition
def test_every_item_stands_there_once_and_nothing_else_takes_an_answer(edition: Edition) -> None:
    every = [item["linkId"] for item in oracles.walk(said(edition)["item"])]
    assert len(every) == len(set(every))
    own = set(edition.questionnaire.by_id)
    assert own <= set(every)
    assert {item for item in every if item not in own} <= display_link_ids(edition)


@every_edition
def test_an_item_asks_what_ours_asks(edition: Edition) -> None:
    found = by_id(said(edition))
    for item in edition.questionnaire.by_id.values():
        theirs = found[item.link_id]
        assert theirs["type"] == item.type
        assert theirs.get("required", False) is item.required
        assert theirs.get("repeats", False) is item.repeats
        assert theirs.get("maxLength") == item.max_length
        marks = extensions(theirs)
        assert marks.get(identifiers.MIN_VALUE) == item.min_value
        assert marks.get(identifiers.MAX_VALUE) == item.max_value
        assert marks.get(identifiers.MUST_BE_TRUE, False) is item.must_be_true
        assert (identifiers.REQUIRED_WHEN in marks) is (item.required_when is not None)
        assert "initial" not in theirs  # no edition of the project preselects an answer
        assert not [option for option in theirs.get("answerOption", []) if "initialSelected" in option]


def test_what_a_form_begins_with_stands_where_r4_lets_it_stand() -> None:
    begun = with_initial(TINY, drinks=("black", "green"), feeling="well", cups=0, may_call=False)
    document = said(begun)
    assert oracles.complaints(document) == []
    found = by_id(document)
    chosen = {
        name: [
            each["valueCoding"]["code"] for each in found[name]["answerOption"] if each.get("initialSelected")
        ]
        for name in ("drinks", "feeling")
    }
    assert chosen == {"drinks": ["black", "green"], "feeling": ["well"]}
    assert found["cups"]["initial"] == [{"valueInteger": 0}]
    assert found["may_call"]["initial"] == [{"valueBoolean": False}]
    assert not {"drinks", "feeling"} & {name for name, item in found.items() if "initial" in item}


@every_edition
def test_groups_hold_what_ours_hold_in_our_order(edition: Edition) -> None:
    found = by_id(said(edition))

    def compare(ours: tuple[rules.Item, ...], theirs: list[Json]) -> None:
        own = [item.link_id for item in ours]
        assert [each["linkId"] for each in theirs if each["linkId"] in own] == own
        for item in ours:
            compare(item.item, found[item.link_id].get("item", []))

    compare(edition.questionnaire.item, said(edition)["item"])


@every_edition
def test_options_keep_their_codes_words_and_marks(edition: Edition) -> None:
    for language in edition.languages:
        found = by_id(said(edition, language))
        for item in edition.questionnaire.questions.values():
            assert [_option(each) for each in found[item.link_id].get("answerOption", [])] == [
                (
                    identifiers.system(edition.id, item.link_id),
                    option.code,
                    edition.phrasebooks[language].items[item.link_id].options[option.code],
                    option.exclusive,
                    option.unknown,
                )
                for option in item.answer_option
            ]


def _option(option: Json) -> tuple[Any, ...]:
    coding, marks = option["valueCoding"], extensions(option)
    exclusive, unknown = marks.get(identifiers.EXCLUSIVE, False), marks.get(identifiers.UNKNOWN, False)
    return coding["system"], coding["code"], coding["display"], exclusive, unknown


@every_edition
def test_a_condition_asks_about_a_question_before_it_in_that_question_s_type(edition: Edition) -> None:
    seen: dict[str, Json] = {}
    for item in oracles.walk(said(edition)["item"]):
        rows = item.get("enableWhen", [])
        assert ("enableBehavior" in item) is (len(rows) > 1)
        for row in rows:
            (kind,) = (name for name in row if name.startswith("answer"))
            asked = seen[row["question"]]
            assert row["operator"] == "exists" or VALUE[kind] == asked["type"]
            if kind == "answerCoding":
                options = [_option(option)[:2] for option in asked["answerOption"]]
                assert (row[kind]["system"], row[kind]["code"]) in options
        seen[item["linkId"]] = item


@every_edition
def test_the_footer_stands_first_and_every_interruption_behind_its_question(edition: Edition) -> None:
    document = said(edition)
    words = edition.phrasebooks[edition.languages[0]]
    assert document["item"][0] == {"linkId": identifiers.FOOTER, "type": "display", "text": words.footer}
    order = [item["linkId"] for item in oracles.walk(document["item"])]
    found = by_id(document)
    blocks = [rule for rule in edition.book.rules if rule.interruption]
    assert blocks
    for rule in blocks:
        assert found[rule.id]["text"] == words.rules[rule.id]
        assert found[rule.id]["enableWhen"]
        assert all(order.index(name) < order.index(rule.id) for name in rule.when.questions())


@every_edition
def test_why_a_question_is_asked_is_help_beside_it(edition: Edition) -> None:
    found = by_id(said(edition))
    words = edition.phrasebooks[edition.languages[0]].items
    for item in edition.questionnaire.by_id.values():
        why = words[item.link_id].why if item.is_question else None
        assert (identifiers.help_item_id(item.link_id) in found) is bool(why)
        if why:
            assert found[item.link_id]["item"] == [found[identifiers.help_item_id(item.link_id)]]
            assert found[identifiers.help_item_id(item.link_id)]["text"] == why


def test_what_a_clinic_switched_off_is_not_there_nor_what_it_would_have_raised() -> None:
    document = said(replace(SHIPPED, off=frozenset({"self_harm"})))
    there = set(by_id(document))
    assert there.isdisjoint({"self_harm_notice", "self_harm_thoughts", "S_NOW", "S_RECENT", "S_PAST"})
    assert {"U18", "S_URGENT"} <= there
    assert oracles.complaints(document) == []


def test_a_group_of_which_nothing_is_left_is_not_there_either() -> None:
    every = ("feeling", "drinks", "cups", "may_call", "call_name")
    meta = TINY.meta.model_copy(update={"switches": {"tea": every}})
    document = said(replace(TINY, meta=meta, off=frozenset({"tea"})))
    assert list(by_id(document)) == [identifiers.FOOTER]
    assert oracles.complaints(document) == []


def test_an_edition_that_nobody_signed_off_is_experimental() -> None:
    assert said(SHIPPED)["experimental"] is True
    meta = SHIPPED.meta.model_copy(update={"reviewed_by": "Dr. Test"})
    texts = {
        name: each.model_copy(update={"reviewed_by": "Dr. Test" if name == "en" else None})
        for name, each in SHIPPED.texts.items()
    }
    signed = replace(SHIPPED, meta=meta, texts=texts)
    assert said(signed)["experimental"] is False
    assert said(signed, "es")["experimental"] is True


def test_names_lead_back_to_the_edition() -> None:
    document = said(SHIPPED)
    assert (document["id"], document["name"]) == ("ketamine-preconsult-1.1.0", "KetaminePreconsult")
    named = identifiers.parse_canonical(f"{document['url']}|{document['version']}")
    assert named == ("ketamine-preconsult", "1.1.0")
    assert identifiers.parse_canonical(document["url"]) == ("ketamine-preconsult", None)
    for odd in (
        "",
        "http://elsewhere.example/q",
        identifiers.CANONICAL,
        f"{document['url']}|",
        f"{identifiers.CANONICAL}|1",
    ):
        assert identifiers.parse_canonical(odd) is None
