"""Journeys to the summary, for each of the six kinds of pain and for depression.

Depression is answered page by page from the first; the others go quickly to the page they are about.

What the summary has to show is written here by hand, from the content specification: the topic, each
quotation with its cautions inside the same figure, and why.
"""

from dataclasses import dataclass

import pytest
from playwright.sync_api import Locator

from tests.e2e.browser.conftest import Devices
from tests.e2e.browser.mobile_device import (
    DESK,
    EVERY_WAY,
    PHONE,
    PLAIN_DESK,
    PLAIN_PHONE,
    Way,
    either_way,
    other_way,
)
from tests.e2e.browser.respondent import Respondent
from tests.e2e.browser.staff_fixtures import StoredData
from tests.sample_answers import CARA, Answers

LIST = "Types of pains treated by ketamine therapy are as follows."
OFF_LABEL = "In the US, ketamine is approved only as an anesthetic."
EVIDENCE = "A large 2025 review found no clear proof"


@dataclass(frozen=True)
class Expected:
    """`says`: how the topic begins; `label`: the answer behind it; `quotes`: each with its cautions."""

    says: str
    label: str
    quotes: dict[str, list[str]]


PAINS = {
    "neuropathic": Expected(
        "You told us about nerve pain",
        "Nerve pain (neuropathic pain)",
        {
            "Ketamine can be used to treat various chronic pain syndromes, especially those which have a"
            " neuropathic component.": [OFF_LABEL, EVIDENCE],
            LIST: [OFF_LABEL],
            "Neuropathic pain": [
                "A 2018 guideline by three US doctor groups found weak or no evidence for mixed nerve",
                EVIDENCE,
            ],
        },
    ),
    "crps": Expected(
        "You told us about CRPS",
        "Complex regional pain syndrome (CRPS)",
        {
            LIST: [OFF_LABEL],
            "Complex regional pain syndrome (CRPS)": ["A 2018 guideline found moderate evidence"],
        },
    ),
    "fibromyalgia": Expected(
        "You told us about fibromyalgia",
        "Fibromyalgia",
        {
            LIST: [OFF_LABEL],
            "Fibromyalgia": [
                "A 2018 guideline by three US doctor groups found weak or no evidence for fibro",
                EVIDENCE,
            ],
        },
    ),
    "cancer_pain": Expected(
        "You told us about pain linked to cancer",
        "Pain from cancer or its treatment",
        {LIST: [OFF_LABEL], "Cancer pain": ["A 2017 review of studies found too little good evidence"]},
    ),
    "sickle_cell": Expected(
        "You told us about sickle cell pain",
        "Sickle cell pain",
        {LIST: [OFF_LABEL], "Sickle cell disease": ["This means pain from sickle cell disease"]},
    ),
    "spinal_injury": Expected(
        "You told us about pain after a spine injury",
        "Pain after a spine or spinal cord injury",
        {LIST: [OFF_LABEL], "Spinal injury": ["The studies looked at pain after spinal cord", EVIDENCE]},
    ),
}
DEPRESSION = Expected(
    "You told us a clinician has talked with you about depression, and that two or more medicines",
    "Two",
    {
        "Doctors prescribe ketamine for patients with treatment-resistant depression, that is, depression"
        " that has not responded to other treatment methods.": [
            "The FDA has not approved ketamine for any mental"
        ],
        "Scientists believe that the ketamine drug forms new synapses or pathways to provide long-term relief"
        " from such issues.": ["This is a theory."],
    },
)
IN_PAIN: Answers = {
    "info_only": True,
    "answering_for": "myself",
    "age_band": "65_plus",
    "urgent_signs": ["none_of_these"],
    "visit_reason": ["long_term_pain"],
    "contact_permission": "no",
}
LOW = IN_PAIN | {
    "visit_reason": ["low_mood"],
    "depression_told_by_clinician": "yes",
    "depression_treatments_tried": "2",
    "depression_treatments_helped": "partly",
}


def pains() -> list[pytest.ParameterSet]:
    """Each kind of pain with and without scripts, at both widths; the next one the other way round."""
    turns = [(PHONE, PLAIN_DESK), (DESK, PLAIN_PHONE)]
    return [
        pytest.param(
            name, way, id=f"{name}-{way}", marks=() if way in turns[place % 2] else pytest.mark.thorough
        )
        for place, name in enumerate(PAINS)
        for way in EVERY_WAY
    ]


def topic(somebody: Respondent, expected: Expected) -> Locator:
    return somebody.page.locator("section.topic", has_text=expected.says)


def says(somebody: Respondent, expected: Expected) -> None:
    """Check that the summary shows this topic as required."""
    shown = topic(somebody, expected)
    assert shown.count() == 1
    assert shown.locator("p.because").inner_text() == "Because you told us:"
    assert expected.label in shown.locator("ul.because strong").all_inner_texts()
    figures = shown.locator("figure").all()
    assert [each.locator("blockquote").inner_text() for each in figures] == list(expected.quotes)
    for figure, cautions in zip(figures, expected.quotes.values(), strict=True):
        assert figure.locator("blockquote").get_attribute("lang") == "en"
        assert "From the article, section" in figure.locator("figcaption .source").inner_text()
        told = figure.locator("figcaption .caution").all_inner_texts()
        assert len(told) == len(cautions)
        for each, start in zip(told, cautions, strict=True):
            assert each.startswith(f"Please note: {start}")


@pytest.mark.parametrize(("pain", "way"), pains())
def test_each_kind_of_pain_leads_to_its_topic_with_quotations_and_cautions(
    devices: Devices, stored: StoredData, pain: str, way: Way
) -> None:
    somebody = devices(way).respondent()
    somebody.come(IN_PAIN, until="pain_types")
    somebody.fill_in(IN_PAIN | {"pain_types": [pain]})
    somebody.send()
    assert somebody.crisis == ""
    says(somebody, PAINS[pain])
    others = [each for name, each in PAINS.items() if name != pain]
    assert not any(topic(somebody, each).count() for each in [*others, DEPRESSION])
    assert stored.latest()["status"] == "submitted"
    assert stored.latest()["answers"]["pain_types"] == [pain]


@other_way
def test_depression_that_two_medicines_did_not_help_leads_to_its_topic(devices: Devices, way: Way) -> None:
    somebody = devices(way).respondent()
    somebody.begin()
    somebody.fill_in(LOW)
    somebody.send()
    says(somebody, DEPRESSION)
    assert "treatment-resistant" not in topic(somebody, DEPRESSION).locator(".lead").inner_text()
    assert not any(topic(somebody, each).count() for each in PAINS.values())


@either_way
def test_all_kinds_of_pain_and_depression_together_quote_each_sentence_once(
    devices: Devices, way: Way
) -> None:
    somebody = devices(way).respondent()
    somebody.come(CARA, until="pain_types")
    somebody.fill_in(CARA | {"pain_types": list(PAINS)})
    somebody.send()
    quoted = somebody.page.locator("blockquote").all_inner_texts()
    assert len(quoted) == len(set(quoted))
    assert {words for each in [*PAINS.values(), DEPRESSION] for words in each.quotes} <= set(quoted)
    assert somebody.page.locator("blockquote").count() == somebody.page.locator("figure blockquote").count()


@other_way
def test_somebody_who_answers_for_another_is_told_to_show_them_the_page(
    devices: Devices, stored: StoredData, way: Way
) -> None:
    somebody = devices(way).respondent()
    somebody.come({"info_only": True}, until="answering_for")
    somebody.fill_in(IN_PAIN | {"answering_for": "someone_else", "pain_types": ["crps"]})
    somebody.send()
    first = somebody.page.locator("section.topic").first
    assert first.locator(".lead").inner_text().startswith("You filled this in for someone else.")
    assert "Someone else, and they said it is OK" in first.inner_text()
    says(somebody, PAINS["crps"])
    assert stored.flags() == ["proxy"]


@other_way
def test_the_summary_says_first_what_it_is_and_is_not_and_last_who_can_see_it(
    devices: Devices, way: Way
) -> None:
    somebody = devices(way).respondent()
    somebody.come(IN_PAIN | {"pain_types": ["crps"]})
    somebody.send()
    words = somebody.words
    in_order = [
        "Things to discuss with a clinician",
        "This is not a diagnosis. It does not say what care you need or can have.",
        "Do not start, stop or change a medicine because of this page.",
        "You told us about CRPS",
        "These are the article's words, not our advice and not a diagnosis.",
        "Questions you could ask",
        "What the article does not cover",
        "Talk about this with your own doctor, or a clinician here.",
        "Only clinic staff who review these forms can see your answers.",
        "We keep your answers until",
        "Where the quoted words come from",
        "Delete my answers",
    ]
    places = [words.find(each) for each in in_order]
    assert -1 not in places, in_order[places.index(-1)]
    assert places == sorted(places)
    with somebody.page.expect_download() as begun:
        somebody.page.get_by_role("link", name="Save as text").click()
    assert LIST in begun.value.path().read_text(encoding="utf-8")
    with somebody.page.expect_download() as begun:
        somebody.page.get_by_role("link", name="Save as PDF").click()
    assert begun.value.path().read_bytes().startswith(b"%PDF-")
