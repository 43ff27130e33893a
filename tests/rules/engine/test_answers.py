"""Checking answers: what is rejected and with which error, then what is accepted and in which order."""

from typing import Any

import pytest

from app.rules.engine.answers import CODES, Issue, escape_pointer_token
from app.rules.engine.edition import Edition

WELL = {"feeling": "well"}
LONE = "\ud800"


def issues(edition: Edition, answers: dict[str, Any], contact: dict[str, Any] | None = None) -> list[Issue]:
    return list(edition.check(answers, contact).issues)


REFUSED: list[tuple[dict[str, Any], dict[str, Any], list[Issue]]] = [
    ({}, {}, [Issue("/answers/feeling", "required")]),
    (WELL | {"teapot": 1}, {}, [Issue("/answers/teapot", "unknown_question")]),
    (WELL | {"tea": "x"}, {}, [Issue("/answers/tea", "unknown_question")]),
    (WELL | {"call_name": "Ada"}, {}, [Issue("/answers/call_name", "contact_item", {"kind": "name"})]),
    ({"feeling": "splendid"}, {}, [Issue("/answers/feeling", "not_an_option")]),
    (WELL | {"drinks": ["black", "milk"]}, {}, [Issue("/answers/drinks/1", "not_an_option")]),
    (WELL | {"drinks": ["black", "black"]}, {}, [Issue("/answers/drinks", "duplicate_option")]),
    (
        WELL | {"drinks": ["none", "black"]},
        {},
        [Issue("/answers/drinks", "exclusive_option", {"option": "none"})],
    ),
    (WELL | {"cups": -1}, {}, [Issue("/answers/cups", "too_small", {"min": 0})]),
    (WELL | {"cups": 10}, {}, [Issue("/answers/cups", "too_large", {"max": 9})]),
    (WELL, {"fax": "1"}, [Issue("/contact/fax", "unknown_question")]),
    (WELL, {"phone": "5550100"}, [Issue("/contact/phone", "unknown_question")]),
    (WELL, {"name": 7}, [Issue("/contact/name", "wrong_type", {"wanted": "string"})]),
    (WELL, {"name": "A" * 21}, [Issue("/contact/name", "too_long", {"max": 20})]),
    (WELL, {"name": "Ada\n"}, [Issue("/contact/name", "bad_format")]),
    (WELL, {"name": "Ada" + LONE}, [Issue("/contact/name", "bad_format")]),
    (
        {"feeling": "unwell", "drinks": ["green"]},
        {},
        [Issue("/answers/cups", "required")],
    ),
]
WRONG_TYPES = {
    "feeling": ("string", [1, True, 1.5, ["well"], {"well": True}, {}]),
    "drinks": ("array", ["black", 1, True, {"black": True}, {}]),
    "cups": ("integer", [True, False, 5.0, float("nan"), "5", [5], {}]),
    "may_call": ("boolean", [1, 0, "true", "yes", 1.0, [True], {}]),
}


@pytest.mark.parametrize(("answers", "contact", "expected"), REFUSED, ids=str)
def test_what_is_amiss_is_told_with_its_place_a_stable_code_and_the_figures(
    tiny: Edition, answers: dict[str, Any], contact: dict[str, Any], expected: list[Issue]
) -> None:
    assert issues(tiny, answers, contact) == expected


def test_a_form_that_must_be_agreed_to_is_refused_without_a_yes(edition: Edition) -> None:
    found = issues(edition, {"info_only": False, "answering_for": "myself", "age_band": "under_18"})
    assert found == [Issue("/answers/info_only", "must_be_true")]


def test_every_stable_code_is_among_the_refusals(tiny: Edition, edition: Edition) -> None:
    seen = {issue.code for answers, contact, _ in REFUSED for issue in issues(tiny, answers, contact)}
    seen |= {issue.code for issue in issues(edition, {"info_only": False})}
    assert seen == set(CODES)


@pytest.mark.parametrize(
    ("name", "wanted", "value"),
    [(name, wanted, value) for name, (wanted, values) in WRONG_TYPES.items() for value in values],
    ids=str,
)
def test_an_answer_of_another_type_is_refused_and_never_converted(
    tiny: Edition, name: str, wanted: str, value: object
) -> None:
    found = issues(tiny, WELL | {name: value})
    assert found == [Issue(f"/answers/{name}", "wrong_type", {"wanted": wanted})]


@pytest.mark.parametrize("inner", [1, True, None, ["black"], {"black": True}], ids=str)
def test_a_selected_option_that_is_no_string_is_refused_at_its_place(tiny: Edition, inner: object) -> None:
    found = issues(tiny, WELL | {"drinks": ["black", inner]})
    assert found == [Issue("/answers/drinks/1", "wrong_type", {"wanted": "string"})]


def test_all_that_is_amiss_is_told_at_once(tiny: Edition) -> None:
    found = issues(
        tiny,
        {"cups": "many", "drinks": ["none", "none", "milk"], "teapot": 1},
        {"name": "A\tB", "fax": "1"},
    )
    assert [(issue.pointer, issue.code) for issue in found] == [
        ("/answers/cups", "wrong_type"),
        ("/answers/drinks/2", "not_an_option"),
        ("/answers/drinks", "duplicate_option"),
        ("/answers/drinks", "exclusive_option"),
        ("/answers/teapot", "unknown_question"),
        ("/answers/feeling", "required"),
        ("/contact/name", "bad_format"),
        ("/contact/fax", "unknown_question"),
    ]


def test_a_refused_answer_is_not_also_missed(tiny: Edition) -> None:
    checked = tiny.check({"feeling": "splendid"})
    assert [issue.code for issue in checked.issues] == ["not_an_option"]
    assert checked.missing == ("feeling",)
    assert dict(checked.answers) == {}


def test_a_refused_answer_enables_nothing(tiny: Edition) -> None:
    checked = tiny.check(WELL | {"drinks": ["black", "milk"]})
    assert "cups" not in checked.enabled


@pytest.mark.parametrize(
    ("name", "pointer"),
    [
        ("a/b~c", "/answers/a~1b~0c"),
        ("~1", "/answers/~01"),
        ("", "/answers/"),
        ("feeling ", "/answers/feeling "),
        ("Feeling", "/answers/Feeling"),
        ("x" * 100_000, "/answers/" + "x" * 100_000),
        ("ſee\u202eling\u0000", "/answers/ſee\u202eling\u0000"),
        ("x" + LONE, "/answers/x\\ud800"),
        ("__class__", "/answers/__class__"),
    ],
    ids=lambda text: ascii(text[:20]),
)
def test_a_hostile_name_is_an_unknown_question_whose_pointer_can_be_sent(
    tiny: Edition, name: str, pointer: str
) -> None:
    found = issues(tiny, WELL | {name: "x"})
    assert found == [Issue(pointer, "unknown_question")]
    assert found[0].pointer.encode()


def test_a_hostile_name_among_the_contact_details_is_told_the_same_way(tiny: Edition) -> None:
    assert issues(tiny, WELL, {"a/b~c": "x"}) == [Issue("/contact/a~1b~0c", "unknown_question")]
    assert escape_pointer_token("~/") == "~0~1"


@pytest.mark.parametrize("value", ["x" * 100_000, "well\u0000", "Well", "wéll", LONE, ""], ids=ascii)
def test_a_hostile_code_is_no_option(tiny: Edition, value: str) -> None:
    assert issues(tiny, {"feeling": value}) == [Issue("/answers/feeling", "not_an_option")]
    assert issues(tiny, WELL | {"drinks": [value]}) == [Issue("/answers/drinks/0", "not_an_option")]


@pytest.mark.parametrize("nothing", [None, [], ()])
def test_null_and_an_empty_list_are_no_answer(tiny: Edition, nothing: object) -> None:
    names = ("feeling", "drinks", "cups", "may_call")
    checked = tiny.check(dict.fromkeys(names, nothing), {"name": None}, complete=False)
    assert checked.issues == ()
    assert dict(checked.answers) == {}
    assert issues(tiny, {"feeling": nothing}) == [Issue("/answers/feeling", "required")]


def test_false_and_nought_are_answers(tiny: Edition) -> None:
    checked = tiny.check({"may_call": False, "cups": 0}, complete=False)
    assert checked.answers == {"cups": 0, "may_call": False}


def test_an_option_that_goes_alone_is_taken_alone(tiny: Edition) -> None:
    assert tiny.check(WELL | {"drinks": ["none"]}).answers == {"feeling": "well", "drinks": ("none",)}


@pytest.mark.parametrize("cups", [0, 9])
def test_the_smallest_and_the_largest_number_are_taken(tiny: Edition, cups: int) -> None:
    checked = tiny.check(WELL | {"drinks": ["black"], "cups": cups})
    assert (checked.issues, checked.answers["cups"]) == ((), cups)


def test_answers_come_back_in_reading_order_and_options_in_the_order_of_the_questionnaire(
    tiny: Edition,
) -> None:
    given = {"may_call": True, "cups": 3, "drinks": ["green", "black"], "feeling": "well"}
    checked = tiny.check(given)
    assert list(checked.answers) == ["feeling", "drinks", "cups", "may_call"]
    assert checked.answers["drinks"] == ("black", "green")
    assert tiny.check(given | {"drinks": ("black", "green")}) == checked


def test_a_draft_may_lack_answers_and_says_which(tiny: Edition, edition: Edition) -> None:
    assert tiny.check({}, complete=False).issues == ()
    assert tiny.check({}, complete=False).missing == ("feeling",)
    refused = edition.check({"info_only": False}, complete=False)
    assert refused.missing == ("info_only", "answering_for", "age_band")


def test_a_question_required_by_another_answer_is_missed_only_while_it_is_enabled(tiny: Edition) -> None:
    unwell = {"feeling": "unwell"}
    assert tiny.check(unwell).missing == ()
    assert tiny.check(unwell | {"drinks": ["none"]}).missing == ()
    assert tiny.check(unwell | {"drinks": ["black"]}).missing == ("cups",)
    assert tiny.check(unwell | {"drinks": ["black"], "cups": 1}).missing == ()
    assert tiny.check({"feeling": "not_sure", "drinks": ["black"]}).missing == ()


PHONES = ["5550100", "561-555-0100", "+1 (561) 555.0100", "020 7946 0958", "+49 30/901820", "555 0100 x 7"]
NO_PHONES = ["555010", "call me", "٥٦١٥٥٥٠١٠٠", "5550100\n", "++15550100", "1+5550100", "555-0100 ext 7"]
EMAILS = ["a@b.co", "maría.o'neil+tea@sub.example.org", "x@example.museum"]
NO_EMAILS = [
    "a@b",
    "@b.co",
    "a@",
    "a b@c.de",
    "a@b .co",
    "a@@b.co",
    "a@b@c.de",
    "a@b.co.",
    "a@b.co\n",
    "a\0@b.co",
]
NAMES = ["Zoë O’Brien-Łuc", "李小龙", "🙂", "Ada  Lovelace "]
NO_NAMES = ["Ada\nLovelace", "Ada\0", "Ada\x7f", "Ada\x1f", "\t", LONE]


def _contact(edition: Edition, kind: str, text: str) -> tuple[list[str], dict[str, str]]:
    checked = edition.check({"age_band": "18_24", "contact_permission": "yes"}, {kind: text}, complete=False)
    return [issue.code for issue in checked.issues], dict(checked.contact)


@pytest.mark.parametrize(
    ("kind", "text"),
    [("phone", text) for text in NO_PHONES]
    + [("email", text) for text in NO_EMAILS]
    + [("name", text) for text in NO_NAMES],
    ids=ascii,
)
def test_a_contact_detail_nobody_could_use_is_refused(edition: Edition, kind: str, text: str) -> None:
    assert _contact(edition, kind, text)[0] == ["bad_format"]


@pytest.mark.parametrize(
    ("kind", "text"),
    [("phone", text) for text in PHONES]
    + [("email", text) for text in EMAILS]
    + [("name", text) for text in NAMES],
    ids=ascii,
)
def test_a_contact_detail_is_taken_as_it_was_written(edition: Edition, kind: str, text: str) -> None:
    assert _contact(edition, kind, text) == ([], {kind: text})


def test_a_contact_detail_may_be_as_long_as_its_question_says_and_no_longer(tiny: Edition) -> None:
    may_call = WELL | {"may_call": True}
    assert tiny.check(may_call, {"name": "A" * 20}).contact == {"name": "A" * 20}
    assert [issue.code for issue in issues(tiny, may_call, {"name": "A" * 21})] == ["too_long"]


def test_contact_details_are_let_go_while_their_question_is_not_enabled(tiny: Edition) -> None:
    for answers in (WELL, WELL | {"may_call": False}):
        checked = tiny.check(answers, {"name": "Ada"})
        assert (checked.issues, dict(checked.contact)) == ((), {})


def test_an_empty_contact_detail_is_none(tiny: Edition) -> None:
    checked = tiny.check(WELL | {"may_call": True}, {"name": ""})
    assert (checked.issues, dict(checked.contact)) == ((), {})


@pytest.mark.parametrize("language", ["de", "en"])
def test_every_issue_has_a_sentence_in_every_language_with_its_figures_filled_in(
    sleep: Edition, language: str
) -> None:
    figures: dict[str, object] = {"option": "x", "min": 1, "max": 2, "kind": "name"}
    for code in CODES:
        words = sleep.message_for(Issue("/answers/x", code, figures), language)
        assert words
        assert "{" not in words


def test_the_sentence_about_an_exclusive_option_names_it_as_the_reader_saw_it(tiny: Edition) -> None:
    [issue] = issues(tiny, WELL | {"drinks": ["none", "black"]})
    assert tiny.message_for(issue, "en") == 'Please choose "None" alone.'
    other = Issue("/answers/drinks", "exclusive_option", {"option": "no_such_option"})
    assert tiny.message_for(other, "en") == 'Please choose "no_such_option" alone.'


def test_the_sentence_about_a_number_names_its_limit(tiny: Edition) -> None:
    [issue] = issues(tiny, WELL | {"cups": 10})
    assert tiny.message_for(issue, "en") == "Please choose 9 or less."
