"""The summary as a PDF, read back with pypdf. White space is not compared: lines can break anywhere."""

import copy
import datetime as dt
import io
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import typst
from pypdf import PdfReader

from app.errors import NotInstalled
from app.web.html.pdf import installed, pdf
from app.web.html.summary_view import summary_context
from tests.conftest import LIBRARY
from tests.sample_answers import CARA, MINA, NOA, Answers

EDITION = LIBRARY().current("ketamine-preconsult")
assert EDITION
LANGUAGES = EDITION.languages
PAST = CARA | {"self_harm_thoughts": "past"}
MANY = CARA | {
    "pain_types": ["neuropathic", "crps", "fibromyalgia", "cancer_pain", "sickle_cell", "spinal_injury"],
    "other_feelings": ["anxiety", "trauma"],
    "self_harm_thoughts": "prefer_not_to_say",
    "takes_medicines": "yes",
}
HOSTILE = '#strong[x] $x^2$ *a* _b_ "\\ `c` @d <e> // f /* g #read("/etc/passwd") ]) = h {number} \' -- ~ ...'


def said_to(answers: Answers, language: str = "en") -> dict[str, Any]:
    """The data from which a page or a PDF of these answers is made; a copy that a test may change."""
    assert EDITION
    evaluation = EDITION.evaluate(EDITION.check(answers).answers)
    summary = EDITION.summarise(evaluation, language) | {"made_at": "2026-11-24T16:04:05.678901Z"}
    words = summary_context(EDITION, summary, kept_until=dt.datetime(2027, 5, 23, tzinfo=dt.UTC), zone="UTC")
    return copy.deepcopy(words | {"fixed": words["fixed"].model_dump()})


def opened(words: dict[str, Any]) -> PdfReader:
    return PdfReader(io.BytesIO(pdf(words)))


def dense(text: str) -> str:
    return "".join(text.split())


def pages(words: dict[str, Any]) -> list[str]:
    return [dense(page.extract_text()) for page in opened(words).pages]


def is_in_order(wanted: list[str], text: str) -> bool:
    place = 0
    for each in map(dense, wanted):
        found = text.find(each, place)
        if found < 0:
            return False
        place = found + len(each)
    return True


def elements(node: Any) -> Iterator[Any]:
    """The structure elements below a node of the tag tree, in reading order."""
    node = node.get_object()
    if isinstance(node, list):
        for each in node:
            yield from elements(each)
    elif isinstance(node, dict):
        if "/S" in node:
            yield node
        yield from elements(node["/K"]) if "/K" in node else ()


def catalog(words: dict[str, Any]) -> Any:
    return opened(words).root_object


def tags(words: dict[str, Any]) -> list[Any]:
    return list(elements(catalog(words)["/StructTreeRoot"]))


def roles(words: dict[str, Any]) -> list[str]:
    return [each["/S"] for each in tags(words)]


def test_a_server_without_typst_says_so_and_what_to_do_instead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "typst", None)
    assert not installed()
    with pytest.raises(NotInstalled, match=r"^This server makes no PDF\. Print the page and choose"):
        pdf(said_to(CARA))


@pytest.mark.parametrize("letters", ["日本語", "🙂", "\x07"])
def test_letters_the_bundled_fonts_lack_are_told_and_never_left_out(letters: str) -> None:
    words = said_to(CARA)
    words["summary"]["topics"][0]["text"] += letters
    with pytest.raises(NotInstalled, match=r"no font for some letters here\. Print the page"):
        pdf(words)


def test_a_fault_of_ours_is_not_passed_off_as_something_not_installed() -> None:
    words = said_to(CARA)
    del words["summary"]["notice"]
    with pytest.raises(typst.TypstError):
        pdf(words)


def test_hostile_text_stays_text_wherever_it_stands() -> None:
    words = said_to(PAST)
    summary, fixed = words["summary"], words["fixed"]
    topic = next(each for each in summary["topics"] if each["quotations"])
    quotation = topic["quotations"][0] | {"exact": "A" + HOSTILE, "gist": "B" + HOSTILE}
    quotation["cautions"] = [{"id": "C-ALL", "text": "C" + HOSTILE}]
    topic |= {"text": "D" + HOSTILE, "quotations": [quotation]}
    words["because"][topic["rule"]] = [("E" + HOSTILE, "F" + HOSTILE)]
    resource = summary["interruptions"][0]["resources"][0]
    resource |= {"name": "G" + HOSTILE, "note": "H" + HOSTILE, "call": "I" + HOSTILE}
    summary |= {"title": "J" + HOSTILE, "footer": "K" + HOSTILE, "who_can_see": "L" + HOSTILE}
    summary |= {"questions": ["M" + HOSTILE], "not_covered": ["N" + HOSTILE], "notice": ["O" + HOSTILE]}
    fixed |= {"help": "P" + HOSTILE, "because": "Q" + HOSTILE, "gist": "R" + HOSTILE}
    words |= {"made": "S" + HOSTILE, "kept_until": "T" + HOSTILE}
    text = "".join(pages(words))
    assert [mark for mark in "ABCDEFGHIJKLMNOPQRST" if dense(mark + HOSTILE) not in text] == []
    assert opened(words).metadata.title == "J" + HOSTILE  # type: ignore[union-attr]


def test_a_quotation_longer_than_a_page_loses_no_word() -> None:
    words = said_to(CARA)
    words["summary"]["topics"][0]["quotations"][0]["exact"] = "endless " * 2000
    counts = [page.count("endless") for page in pages(words)]
    assert sum(counts) == 2000
    assert max(counts) < 800  # text that runs off the page could still be extracted


@pytest.mark.parametrize("language", LANGUAGES)
def test_it_is_tagged_titled_and_in_its_readers_language(language: str) -> None:
    words = said_to(CARA, language)
    root = catalog(words)
    assert root["/MarkInfo"]["/Marked"]
    assert root["/ViewerPreferences"]["/DisplayDocTitle"]
    assert root["/Lang"] == language
    assert b"<pdfuaid:part>1</pdfuaid:part>" in root["/Metadata"].get_object().get_data()
    assert opened(words).metadata.title == words["summary"]["title"]  # type: ignore[union-attr]


def test_headings_lists_and_quotations_are_tagged_as_such() -> None:
    words = said_to(CARA)
    found = roles(words)
    groups = dict.fromkeys(topic["group"] for topic in words["summary"]["topics"])
    assert found.count("/H1") == 1
    assert found.count("/H2") == len(groups) + len(["questions", "not covered", "who can see", "sources"])
    assert found.count("/BlockQuote") == len(words["heard"])
    assert "/L" in found


@pytest.mark.parametrize("language", LANGUAGES)
def test_quotations_are_marked_with_their_own_language(language: str) -> None:
    words = said_to(CARA, language)
    quoted = [
        [inner.get("/Lang") for inner in elements(each) if "/Lang" in inner]
        for each in tags(words)
        if each["/S"] == "/BlockQuote"
    ]
    assert quoted == [["en"] if language != "en" else [] for _ in words["heard"]]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    "answers", [CARA, NOA, MINA, PAST, MANY], ids=["cara", "noa", "mina", "past", "many"]
)
def test_every_word_of_the_summary_is_there_in_order(answers: Answers, language: str) -> None:
    words = said_to(answers, language)
    summary = words["summary"]
    wanted = [block["text"] for block in summary["interruptions"]]
    wanted += [summary["title"], *summary["notice"]]
    for topic in summary["topics"]:
        wanted += [topic["text"], *(part for told in words["because"][topic["rule"]] for part in told)]
        for quotation in topic["quotations"]:
            wanted += [quotation["exact"], *filter(None, [quotation.get("gist")])]
            wanted += [caution["text"] for caution in quotation["cautions"]]
    wanted += [caution["text"] for caution in summary["general_cautions"]]
    wanted += [*summary.get("questions", ()), *summary.get("not_covered", ())]
    wanted += [summary["who_to_talk_to"], summary["who_can_see"], words["kept_until"]]
    wanted += [f"{each['passage']} [{each['start']}–{each['end']}]" for each in words["heard"]]
    wanted += [words["made"]]
    footer = dense(summary["footer"])
    assert is_in_order(wanted, "".join(page.replace(footer, "") for page in pages(words)))


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_quotation_and_its_cautions_stand_on_one_page(language: str) -> None:
    words = said_to(MANY, language)
    sheets = pages(words)
    assert any(quotation["cautions"] for quotation in words["heard"])
    for quotation in words["heard"]:
        unit = [quotation["exact"], quotation["section"], *(each["text"] for each in quotation["cautions"])]
        assert any(is_in_order(unit, sheet) for sheet in sheets), quotation["passage"]


@pytest.mark.parametrize("answers", [NOA, MINA, PAST], ids=["noa", "mina", "past"])
def test_interruptions_come_first_with_whom_to_call(answers: Answers) -> None:
    words = said_to(answers)
    block = words["summary"]["interruptions"][0]
    first = pages(words)[0]
    assert first.startswith(dense(block["text"]))
    named = [part for each in block["resources"] for part in (each["name"], f"Call {each['call']}")]
    assert is_in_order([*named, words["summary"]["title"]], first)
    assert "/Link" in roles(words)


def test_the_emergency_line_is_on_every_page_once() -> None:
    words = said_to(MANY)
    footer = dense(words["summary"]["footer"])
    counts = [page.count(footer) for page in pages(words)]
    assert len(counts) > 1
    assert set(counts) == {1}


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_typical_summary_takes_three_sheets_at_most(language: str) -> None:
    assert len(pages(said_to(CARA, language))) <= (2 if language == "en" else 3)


def test_a_language_written_from_right_to_left_begins_at_the_right() -> None:
    words = said_to(CARA)
    words["direction"], words["summary"]["language"] = "rtl", "he"
    words["summary"] |= {"title": "שלום", "footer": "שלום"}
    assert catalog(words)["/Lang"] == "he"
    page = opened(words).pages[0]
    places: list[float] = []

    def note(operator: bytes, _: Any, cm: list[float], tm: list[float]) -> None:
        if operator in (b"Tj", b"TJ"):
            places.append(tm[4] * cm[0] + cm[4])

    page.extract_text(visitor_operand_before=note)
    assert places[0] > float(page.mediabox.width) / 2


def test_the_same_summary_gives_the_same_bytes_and_the_date_is_its_own() -> None:
    assert installed()
    assert pdf(said_to(MANY)) == pdf(said_to(MANY))
    made = opened(said_to(MANY)).metadata
    assert made
    assert made.creation_date == dt.datetime(2026, 11, 24, 16, 4, 5, tzinfo=dt.UTC)
