"""The summary: the article byte for byte, own texts unchanged, and a digest that anyone can verify."""

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from app.rules.engine.edition import Edition
from app.rules.engine.summary import canonical_digest
from tests.rules.combinatorics import assessment
from tests.rules.strategies import LAW, complete_answers

ADULT: dict[str, Any] = {
    "info_only": True,
    "answering_for": "myself",
    "age_band": "25_44",
    "urgent_signs": ("none_of_these",),
    "visit_reason": ("long_term_pain", "low_mood"),
    "pain_types": ("crps",),
    "depression_told_by_clinician": "yes",
    "depression_treatments_tried": "2",
    "depression_treatments_helped": "no",
    "contact_permission": "no",
}
KEYS = [
    "interruptions", "title", "notice", "topics", "general_cautions", "sources", "who_to_talk_to",
    "who_can_see", "footer", "questionnaire", "edition", "language", "citation_mode", "questions",
    "not_covered", "digest",
]  # fmt: skip
every_edition = pytest.mark.parametrize("name", ["edition", "tiny", "sleep"])


def summary(edition: Edition, answers: dict[str, Any], language: str = "en") -> dict[str, Any]:
    return edition.summarise(edition.evaluate(answers), language)


def quotations(made: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for topic in made["topics"]:
        yield from topic["quotations"]


def test_interruptions_stand_before_anything_else(edition: Edition) -> None:
    assert list(summary(edition, ADULT)) == KEYS
    made = summary(edition, ADULT | {"self_harm_thoughts": "now"})
    assert [each["rule"] for each in made["interruptions"]] == ["S_NOW"]
    assert "S_NOW" not in [topic["rule"] for topic in made["topics"]]


def test_an_interruption_says_what_to_do_and_whom_to_call_in_its_order(edition: Edition) -> None:
    [urgent] = summary(edition, ADULT | {"urgent_signs": ("new_weakness",)})["interruptions"]
    assert urgent["kind"] == "page"
    assert urgent["text"].startswith("Call 911 or go to an emergency room now.")
    assert [each["id"] for each in urgent["resources"]] == ["us-911"]
    [past] = summary(edition, ADULT | {"self_harm_thoughts": "past"})["interruptions"]
    assert (past["kind"], [each["id"] for each in past["resources"]]) == ("block", ["us-988", "pbc-211"])
    minor = summary(edition, {"info_only": True, "answering_for": "myself", "age_band": "under_18"})
    [stop] = minor["interruptions"]
    assert [each["id"] for each in stop["resources"]] == ["us-988", "us-911", "pbc-211"]


def test_drafts_hear_the_same_interruptions(edition: Edition) -> None:
    evaluation = edition.evaluate({"self_harm_thoughts": "now"})
    assert edition.interruptions(evaluation, "en") == edition.summarise(evaluation, "en")["interruptions"]
    assert [each["rule"] for each in edition.interruptions(evaluation, "en")] == ["S_NOW"]


def test_a_crisis_line_is_shown_with_every_way_to_reach_it(edition: Edition) -> None:
    [now] = summary(edition, ADULT | {"self_harm_thoughts": "now"})["interruptions"]
    line = now["resources"][0]
    assert (line["call"], line["text"], line["chat_url"], line["hours"]) == ("988", "988", None, "24/7")
    assert line["name"] == "988 Suicide & Crisis Lifeline"
    assert line["languages"] == ["en", "es"]
    assert line["kind"] == "crisis"
    assert line["note"].startswith("Veterans: press 1")


@every_edition
def test_every_quotation_is_a_verbatim_slice_with_its_offsets(
    name: str, request: pytest.FixtureRequest
) -> None:
    edition: Edition = request.getfixturevalue(name)
    text = edition.article_text
    for book in edition.phrasebooks.values():
        assert set(book.quotations) == {passage.id for passage in edition.article.passages}
        for passage in edition.article.passages:
            quotation = book.quotations[passage.id]
            start, end = quotation["start"], quotation["end"]
            assert (start, end) == (passage.start, passage.end)
            assert quotation["exact"] == text[start:end]
            assert text[: quotation["start"]].endswith(quotation["prefix"])
            assert text[quotation["end"] :].startswith(quotation["suffix"])
            assert quotation["lang"] == edition.article.article.lang


@every_edition
def test_the_words_around_a_quotation_belong_to_no_other_passage_and_are_as_many_as_can_be(
    name: str, request: pytest.FixtureRequest
) -> None:
    edition: Edition = request.getfixturevalue(name)
    owned = {at for passage in edition.article.passages for at in range(passage.start, passage.end)}
    whole = range(len(edition.article_text))
    for quotation in next(iter(edition.phrasebooks.values())).quotations.values():
        before = range(quotation["start"] - len(quotation["prefix"]), quotation["start"])
        after = range(quotation["end"], quotation["end"] + len(quotation["suffix"]))
        assert not owned & {*before, *after}
        for around, edge in ((before, before.start - 1), (after, after.stop)):
            assert len(around) == 32 or edge in owned or edge not in whole


def test_quote_and_caution_are_one_unit(edition: Edition) -> None:
    policies = {passage.id: passage for passage in edition.article.passages}
    made = summary(edition, ADULT)
    assert {each["passage"] for each in quotations(made)} >= {"P17", "P20", "P24"}
    for quotation in quotations(made):
        cautions = [caution["id"] for caution in quotation["cautions"]]
        passage = policies[quotation["passage"]]
        assert cautions == list(passage.cautions)
        assert bool(cautions) is (passage.policy == "with_caution")
        assert all(caution["text"] for caution in quotation["cautions"])


def test_a_topic_tells_its_rule_its_group_its_words_and_the_answers_that_raised_it(edition: Edition) -> None:
    topic = next(topic for topic in summary(edition, ADULT)["topics"] if topic["rule"] == "M_TRD")
    assert topic["group"] == "mood"
    assert topic["text"].startswith("You told us a clinician has talked with you about depression")
    assert topic["because"] == [
        {"link_id": "depression_told_by_clinician", "answer": "yes"},
        {"link_id": "depression_treatments_tried", "answer": "2"},
        {"link_id": "depression_treatments_helped", "answer": "no"},
    ]


def test_general_cautions_stand_where_something_is_quoted_and_only_there(edition: Edition) -> None:
    quoting, silent = summary(edition, ADULT), summary(edition, ADULT | {"age_band": "under_18"})
    assert [caution["id"] for caution in quoting["general_cautions"]] == ["C-ALL", "C-RISK"]
    assert (silent["general_cautions"], silent["topics"], silent["citation_mode"]) == ([], [], "none")


REQUIRED = {  # content/README.md section 4; E4 and E5 have tests of their own
    "E1": "Things to discuss with a clinician",
    "E2": "words from one article that touch on what you told us",
    "E3": "This is not a diagnosis. It does not say what care you need or can have",
    "E6": "your own doctor, or a clinician here",
    "E7": "This form is not watched all the time and is not for emergencies. In danger or very unwell: "
    "call 911. Thoughts of suicide or a crisis: call or text 988, any time.",
    "E8": "Do not start, stop or change a medicine because of this page",
}  # fmt: skip


def test_every_summary_says_what_it_must_say(edition: Edition) -> None:
    for number, answers in enumerate(assessment(edition, 300, seed=5)):
        made = summary(edition, {**answers, "age_band": "under_18"} if number % 10 == 0 else {**answers})
        said = [made["title"], *made["notice"], made["who_to_talk_to"], made["footer"]]
        for name, words in REQUIRED.items():
            assert any(words in each for each in said), name
        assert made["title"] == REQUIRED["E1"]
        quoted = [each["passage"] for each in quotations(made)]
        assert ("P31" in quoted) is (made["citation_mode"] != "none")
        assert bool(made["general_cautions"]) is bool(quoted)


def test_every_summary_names_its_source_and_says_that_the_copy_has_no_date(edition: Edition) -> None:
    [source] = summary(edition, ADULT)["sources"]
    sha256 = hashlib.sha256(edition.article_text.encode()).hexdigest()
    assert source["title"] == "Everything You Need To Know About Ketamine Treatment"
    assert (source["article"], source["published"]) == ("ketamine-everything-to-know", None)
    assert source["sha256"] == sha256
    assert source["title"] in source["note"]
    assert "our copy has no date" in source["note"]
    assert sha256[:12] in source["note"]


def test_an_article_with_a_date_tells_it(sleep: Edition) -> None:
    made = sleep.summarise(sleep.evaluate({"verstanden": True}), "de")
    assert made["sources"][0]["published"] == "2026-03-01"


def _digest_by_peers(made: dict[str, Any]) -> str:
    rest = {key: value for key, value in made.items() if key != "digest"}
    return hashlib.sha256(rfc8785.dumps(rest)).hexdigest()


@pytest.fixture(scope="module")
def shipped(edition: Edition) -> st.SearchStrategy[dict[str, Any]]:
    return complete_answers(edition)


@LAW
@given(data=st.data())
def test_the_digest_is_the_one_of_an_independent_rfc_8785(
    edition: Edition, shipped: st.SearchStrategy[dict[str, Any]], data: st.DataObject
) -> None:
    made = summary(edition, data.draw(shipped))
    assert made["digest"] == _digest_by_peers(made)
    assert json.loads(json.dumps(made))["digest"] == _digest_by_peers(json.loads(json.dumps(made)))


def test_the_digest_of_the_german_summary_is_the_one_of_an_independent_rfc_8785(sleep: Edition) -> None:
    for answers in assessment(sleep, 100, seed=4):
        for language in ("de", "en"):
            made = sleep.summarise(sleep.evaluate(answers), language)
            assert made["digest"] == _digest_by_peers(made)


_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
_leaves = st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | _text
_documents = st.dictionaries(
    st.text("abcXYZ_0189-", max_size=5),
    st.recursive(
        _leaves,
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(st.text("abcXYZ_0189-", max_size=5), inner, max_size=4)
        ),
        max_leaves=12,
    ),
    max_size=5,
)


@LAW
@given(_documents)
def test_any_document_of_the_kind_we_make_has_the_digest_of_its_canonical_form(
    document: dict[str, Any],
) -> None:
    inside = {name: _ordered(value) for name, value in document.items()}
    assert canonical_digest(inside) == hashlib.sha256(rfc8785.dumps(document)).hexdigest()


def _ordered(value: Any) -> Any:
    """The value with the keys of its objects sorted, like the objects inside a summary."""
    if isinstance(value, dict):
        return {name: _ordered(value[name]) for name in sorted(value)}
    return [_ordered(each) for each in value] if isinstance(value, list) else value


def test_one_changed_answer_that_matters_changes_the_digest(edition: Edition) -> None:
    assert summary(edition, ADULT)["digest"] == summary(edition, dict(reversed(ADULT.items())))["digest"]
    assert summary(edition, ADULT)["digest"] != summary(edition, ADULT | {"ride_home": "no"})["digest"]
    assert summary(edition, ADULT)["digest"] == summary(edition, ADULT | {"pain_intensity": 7})["digest"]


def test_a_reader_of_another_language_gets_a_gist_beside_the_original(sleep: Edition) -> None:
    answers: dict[str, Any] = {"verstanden": True, "alter": 40, "kaffee": 5, "rueckruf": "ja"}
    german, english = (summary(sleep, answers, language) for language in ("de", "en"))
    [coffee, start] = quotations(english)
    assert coffee["exact"] == "Kaffee kann noch nach vielen Stunden wach halten."
    assert (coffee["lang"], coffee["gist"]) == ("de", "Coffee can still keep you awake after many hours.")
    assert start["section"] == "start, sentence 1"
    assert coffee["section"] == "part 1, sentence 3"
    assert all("gist" not in each for each in quotations(german))
    assert next(quotations(german))["section"] == "Teil 1, Satz 3"
    assert (german["language"], english["language"]) == ("de", "en")
    assert german["footer"].endswith("In einer Krise rufen Sie 116 123 an, zu jeder Zeit.")


def test_questions_to_ask_go_with_the_groups_of_the_topics_in_their_order(edition: Edition) -> None:
    words = edition.texts["en"].questions
    both, pain = summary(edition, ADULT), summary(edition, ADULT | {"visit_reason": ("long_term_pain",)})
    healthy = summary(edition, ADULT | {"takes_medicines": "yes"})
    assert both["questions"] == [*words["pain"], *words["mood"], *words["general"]]
    assert pain["questions"] == [*words["pain"], *words["general"]]
    assert healthy["questions"] == [*words["pain"], *words["mood"], *words["health"], *words["general"]]


def test_a_group_with_several_topics_or_without_questions_adds_none_twice(
    tiny: Edition, edition: Edition
) -> None:
    assert summary(tiny, {"cups": 5, "drinks": ("black",)})["questions"] == ["How much tea is a lot?"]
    assert summary(tiny, {})["questions"] == ["What else is there to know?"]
    many = summary(edition, ADULT | {"pain_types": ("crps", "fibromyalgia", "not_sure")})
    assert len(many["questions"]) == len(set(many["questions"]))
    proxy = summary(edition, ADULT | {"answering_for": "someone_else"})
    assert "about_you" not in edition.texts["en"].questions
    assert proxy["topics"][0]["group"] == "about_you"
    assert proxy["questions"] == summary(edition, ADULT)["questions"]


def test_what_the_article_says_nothing_about_is_told_in_the_readers_language(edition: Edition) -> None:
    for language, texts in edition.texts.items():
        assert summary(edition, ADULT, language)["not_covered"] == list(texts.not_covered)
    assert summary(edition, ADULT)["not_covered"][0] == (
        "The article does not say what a visit costs, or who pays for it."
    )


def test_where_nothing_is_said_there_is_nothing_to_ask_about(edition: Edition, sleep: Edition) -> None:
    minor = summary(edition, ADULT | {"age_band": "under_18"})
    elsewhere = sleep.summarise(sleep.evaluate({"verstanden": True, "alter": 40}), "de")
    assert elsewhere["topics"]
    for made in (minor, elsewhere):
        assert not {"questions", "not_covered"} & made.keys()
