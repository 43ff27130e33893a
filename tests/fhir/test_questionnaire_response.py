"""QuestionnaireResponses: input is read strictly, and answers survive a round trip."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from app.fhir import identifiers
from app.fhir.questionnaire_response import ISSUE_MESSAGES, build_items, parse_response
from app.fhir.response_request import QuestionnaireResponseInput
from app.rules.engine.edition import Edition
from tests.fhir import oracles
from tests.fhir.conftest import EDITIONS, IDS, SHIPPED, TINY
from tests.fhir.oracles import Json
from tests.rules.strategies import LAW, complete_answers

CODING = {"system": "urn:preconsult:options:tiny:feeling", "code": "well"}
FEELING = {"linkId": "feeling", "answer": [{"valueCoding": CODING}]}
DRINKS = {
    "linkId": "drinks",
    "answer": [{"valueCoding": {"code": "black"}}, {"valueCoding": {"code": "green"}}],
}


def response(edition: Edition = TINY, **more: Any) -> Json:
    """A QuestionnaireResponse as a client sends it, without answers."""
    canonical = identifiers.canonical(edition.id, edition.version)
    return {"resourceType": "QuestionnaireResponse", "questionnaire": canonical, "status": "completed"} | more


def tea(*inside: Json) -> Json:
    """A response to the tiny edition with these items in its only group."""
    return response(item=[{"linkId": "tea", "item": list(inside)}])


def read(document: Json, edition: Edition = TINY) -> Any:
    return parse_response(QuestionnaireResponseInput.model_validate(document), edition)


def found_issues(document: Json, edition: Edition = TINY) -> list[tuple[str, str]]:
    return [(each.pointer, each.code) for each in read(document, edition).found_issues]


@pytest.mark.parametrize(
    "change",
    [
        {"resourceType": "Questionnaire"},
        {"resourceType": None},
        {"questionnaire": ""},
        {"questionnaire": 1},
        {"status": "amended"},
        {"status": "entered-in-error"},
        {"language": "not a tag!"},
        {"text": None},
        {"contained": [{"resourceType": "Patient"}]},
        {"modifierExtension": [{"url": "urn:x", "valueBoolean": True}]},
        {"implicitRules": "http://elsewhere.example/rules"},
        {"_status": {"id": "a"}},
        {"entry": []},
        {"eligible": True},
        {"item": []},
        {"item": {}},
        {"item": [[]]},
        {"item": [None]},
        {"item": [{}]},
        {"item": [{"linkId": ""}]},
        {"item": [{"linkId": "a\0"}]},
        {"item": [{"linkId": "a" * 300}]},
        {"item": [{"linkId": "tea", "modifierExtension": []}]},
        {"item": [{"linkId": "tea", "answer": []}]},
        {"item": [{"linkId": "tea", "answer": [{}]}]},
        {"item": [{"linkId": "tea", "answer": [{"valueBoolean": None}]}]},
        {"item": [{"linkId": "tea", "answer": [{"valueBoolean": 1}]}]},
        {"item": [{"linkId": "tea", "answer": [{"valueBoolean": "true"}]}]},
        {"item": [{"linkId": "tea", "answer": [{"valueInteger": 1.5}]}]},
        {"item": [{"linkId": "tea", "answer": [{"valueInteger": 2**31}]}]},
        {"item": [{"linkId": "tea", "answer": [{"valueInteger": True}]}]},
        {"item": [{"linkId": "tea", "answer": [{"valueString": ""}]}]},
        {"item": [{"linkId": "tea", "answer": [{"valueString": "a\0b"}]}]},
        {"item": [{"linkId": "tea", "answer": [{"valueString": "a" * 10_001}]}]},
        {"item": [{"linkId": "tea", "answer": [{"valueString": "a", "valueBoolean": True}]}]},
        {"item": [{"linkId": "tea", "answer": [{"valueCoding": "well"}]}]},
        {"item": [{"linkId": "tea", "answer": [{"valueCoding": {"system": "urn:x"}}]}]},
        {"item": [{"linkId": "tea", "answer": [{"valueReference": {"reference": "Patient/1"}}]}]},
        {"item": [{"linkId": "tea", "answer": [{"valueUri": "http://169.254.169.254/"}]}]},
        {"item": [{"linkId": "tea", "answer": [{"valueAttachment": {"url": "http://127.0.0.1/"}}]}]},
        {"item": [{"linkId": "tea", "answer": [{"valueDecimal": 1}]}]},
        {"identifier": {"value": 1}},
    ],
    ids=str,
)  # fmt: skip
def test_what_is_no_response_of_r4_as_we_read_it_is_refused(change: Json) -> None:
    with pytest.raises(ValidationError):
        QuestionnaireResponseInput.model_validate(response() | change)


@pytest.mark.parametrize(
    ("document", "pointer", "code"),
    [
        (response(item=[{"linkId": "nobody"}]), "/item/0", "unknown_question"),
        (response(item=[FEELING]), "/item/0", "misplaced_item"),
        (tea({"linkId": "tea"}), "/item/0/item/0", "repeated_item"),
        (tea(FEELING, FEELING), "/item/0/item/1", "repeated_item"),
        (response(item=[{"linkId": "tea", "answer": [{"valueBoolean": True}]}]), "/item/0", "group_answered"),
        (
            response(item=[{"linkId": identifiers.FOOTER, "answer": [{"valueString": "x"}]}]),
            "/item/0",
            "display_answered",
        ),
        (tea({"linkId": "S_UNWELL", "item": [{"linkId": "x"}]}), "/item/0/item/0", "display_answered"),
        (tea(FEELING | {"item": [{"linkId": "x"}]}), "/item/0/item/0", "question_with_items"),
        (
            tea({"linkId": "feeling", "answer": [{"valueCoding": CODING}] * 2}),
            "/item/0/item/0",
            "too_many_answers",
        ),
        (
            tea({"linkId": "feeling", "answer": [{"valueString": "well"}]}),
            "/item/0/item/0/answer/0",
            "wrong_type",
        ),
        (
            tea({"linkId": "cups", "answer": [{"valueBoolean": True}]}),
            "/item/0/item/0/answer/0",
            "wrong_type",
        ),
        (
            tea({"linkId": "may_call", "answer": [{"valueInteger": 1}]}),
            "/item/0/item/0/answer/0",
            "wrong_type",
        ),
        (
            tea({"linkId": "call_name", "answer": [{"valueCoding": CODING}]}),
            "/item/0/item/0/answer/0",
            "wrong_type",
        ),
        (
            tea({"linkId": "feeling", "answer": [{"valueCoding": CODING | {"system": "http://loinc.org"}}]}),
            "/item/0/item/0/answer/0",
            "unknown_system",
        ),
        (
            tea({"linkId": "feeling", "answer": [{"valueCoding": CODING, "item": [{"linkId": "x"}]}]}),
            "/item/0/item/0/answer/0/item/0",
            "unknown_question",
        ),
    ],
)
def test_what_the_questionnaire_does_not_ask_for_is_told_with_its_place(
    document: Json, pointer: str, code: str
) -> None:
    assert (pointer, code) in found_issues(document)
    assert code in ISSUE_MESSAGES


def test_everything_amiss_is_told_at_once() -> None:
    told = found_issues(
        tea(FEELING, FEELING, {"linkId": "nobody"}, {"linkId": "cups", "answer": [{"valueString": "x"}]})
    )
    assert [code for _, code in told] == ["repeated_item", "unknown_question", "wrong_type"]


def test_what_is_let_go_has_no_effect() -> None:
    hostile = "<div xmlns='http://www.w3.org/1999/xhtml'><script>alert(1)</script></div>"
    loud = {
        "id": "x", "meta": {"profile": ["http://elsewhere.example/"]},
        "text": {"status": "x", "div": hostile},
        "extension": [{"url": "http://elsewhere.example/", "valueReference": {"reference": "http://127.0.0.1/"}}],
        "subject": {"reference": "http://169.254.169.254/Patient/1"}, "author": {"reference": "#p"},
        "source": 1, "encounter": [], "basedOn": "x", "partOf": {}, "authored": "never",
    }  # fmt: skip
    noisy = FEELING | {"id": "a", "text": hostile, "definition": "http://127.0.0.1/", "extension": [{}]}
    quiet, loud_one = read(tea(FEELING)), read(tea(noisy) | loud)
    assert (quiet.answers, quiet.contact, quiet.found_issues) == (loud_one.answers, loud_one.contact, [])
    sent = QuestionnaireResponseInput.model_validate(tea(noisy) | loud)
    assert "script" not in sent.model_dump_json()


def test_answers_and_contact_are_told_apart() -> None:
    found = read(
        tea(
            FEELING,
            DRINKS,
            {"linkId": "cups", "answer": [{"valueInteger": 3}]},
            {"linkId": "may_call", "answer": [{"valueBoolean": True}]},
            {"linkId": "call_name", "answer": [{"valueString": "Pat"}]},
        )
    )
    assert found.found_issues == []
    assert found.answers == {"feeling": "well", "drinks": ["black", "green"], "cups": 3, "may_call": True}
    assert found.contact == {"name": "Pat"}


def test_an_item_without_an_answer_is_none_and_displays_may_come_along() -> None:
    found = read(tea({"linkId": "feeling"}, {"linkId": "S_UNWELL"}, {"linkId": "cups.why"}))
    assert (found.answers, found.contact, found.found_issues) == ({}, {}, [])


def test_an_issue_of_the_answers_is_placed_in_the_resource() -> None:
    found = read(tea(DRINKS))
    assert found.place(TINY, "/answers/drinks") == "/item/0/item/0"
    assert found.place(TINY, "/answers/drinks/1") == "/item/0/item/0/answer/1"
    assert found.place(TINY, "/answers/feeling") == "/item/0"  # the item is missing, but its group is present
    assert found.place(TINY, "/contact/name") == "/item/0"
    assert read(response()).place(TINY, "/answers/feeling") == ""
    assert found.about(TINY, "/contact/name") == "call_name"


@pytest.mark.parametrize("edition", EDITIONS, ids=IDS)
def test_any_answers_come_back_as_they_went_and_make_a_valid_resource(
    edition: Edition, thorough: bool
) -> None:
    made: list[Json] = []
    count = 200 if edition is SHIPPED and thorough else 50

    @settings(LAW, max_examples=count)
    @given(complete_answers(edition), st.sampled_from(edition.languages))
    def round_trip(answers: Json, language: str) -> None:
        as_json = {name: list(each) if isinstance(each, tuple) else each for name, each in answers.items()}
        told = [item.document() for item in build_items(edition, as_json, language)]
        document = response(edition, **({"item": told} if told else {}))
        found = read(document, edition)
        assert (found.answers, found.contact, found.found_issues) == (as_json, {}, [])
        made.append(document)

    round_trip()
    assert len(made) >= count
    assert oracles.complaints(*made) == []
