"""What keeps people safe: interruptions, the crisis block, the footer, under 18, and the quick exit.

As specified in the content specification, section 3: directly after the page that raised it, before anything
else, and without blocking the form.
"""

import pytest
from playwright.sync_api import Dialog

from tests.e2e.browser.conftest import Devices
from tests.e2e.browser.mobile_device import PLAIN_DESK, Way, either_way, other_way
from tests.e2e.browser.respondent import Respondent
from tests.e2e.browser.staff_fixtures import StoredData
from tests.sample_answers import CARA, MINA
from tests.server import Server

NOW = "Thank you for telling us. You deserve support right now."
RECENT = "Thank you for telling us. You do not have to handle this alone."
PAST = "Thank you for telling us about hard times in the past."
UNSAID = "You chose not to answer one question, and that is fine."
URGENT = "Call 911 or go to an emergency room now."
MINOR = "This form is for adults 18 and over, so we did not make a summary"
AFFIRM = {"depression_told_by_clinician": "no"}


def at_thoughts(devices: Devices, way: Way) -> Respondent:
    """A respondent on the page that asks about self-harm."""
    somebody = devices(way).respondent()
    somebody.come(CARA, until="self_harm_thoughts")
    return somebody


def under_18(devices: Devices, way: Way) -> Respondent:
    """A respondent of 16 who has sent the page with their age."""
    somebody = devices(way).respondent()
    somebody.come(MINA, until="answering_for")
    somebody.answer(MINA)
    somebody.go_on()
    somebody.saw("interruption-under-18")
    return somebody


@either_way
def test_under_18_nothing_more_is_asked_and_no_topic_is_shown(
    devices: Devices, stored: StoredData, way: Way
) -> None:
    somebody = under_18(devices, way)
    assert MINOR in somebody.interrupted
    assert "988" in somebody.interrupted
    assert "under_18" in stored.flags()
    somebody.go_on()
    somebody.saw("check-under-18")
    assert somebody.heading == "Check your answers"
    assert MINOR in somebody.crisis
    assert somebody.page.locator(".answers dt").count() == 3
    somebody.send()
    first = somebody.page.locator("main > section, main > h1").first
    assert MINOR in first.inner_text()
    assert somebody.page.locator("section.topic, blockquote, figure").count() == 0
    assert stored.latest()["answers"] == MINA


@other_way
def test_a_mistyped_age_is_put_right_and_the_form_goes_on(
    devices: Devices, stored: StoredData, way: Way
) -> None:
    somebody = under_18(devices, way)
    somebody.go_on()
    somebody.saw("check-under-18")
    somebody.page.locator(".answers a", has_text="How old are you").click()
    somebody.saw()
    assert somebody.holds("age_band") == ["under_18"]
    somebody.answer({"age_band": "25_44"})
    somebody.go_on()
    somebody.fill_in(CARA)
    somebody.send()
    assert somebody.page.locator("section.topic", has_text="You told us about CRPS").count() == 1
    assert "under_18" in stored.flags()  # a flag is never withdrawn


@either_way
def test_thoughts_of_self_harm_now_interrupt_at_once_and_help_stays_on_every_later_page(
    devices: Devices, stored: StoredData, way: Way
) -> None:
    somebody = at_thoughts(devices, way)
    assert "You can skip this." in somebody.words
    somebody.answer(CARA | {"self_harm_thoughts": "now"})
    somebody.go_on()
    somebody.saw()
    assert NOW in somebody.interrupted
    assert somebody.heading == "Call 988"
    inside = somebody.page.locator(".interruption")
    assert inside.locator("input, button").count() == 0
    assert inside.locator("a.continue").count() == 1
    assert {"tel:988", "sms:988", "tel:911"} <= {
        str(link.get_attribute("href")) for link in inside.locator("a").all()
    }
    assert {"self_harm_now", "no_contact_route"} == set(stored.flags())  # raised before it is sent
    met = len(somebody.seen)
    somebody.go_on()
    for _ in range(9):
        somebody.saw()
        assert NOW in (somebody.crisis or somebody.interrupted), somebody.heading
        if somebody.heading == "Check your answers":
            break
        somebody.answer(CARA)
        somebody.go_on()
    assert len(somebody.seen) > met + 1
    somebody.page.get_by_role("link", name="Who can see my answers").click()
    assert NOW in somebody.crisis
    somebody.page.go_back()
    somebody.follow("Stop and come back later")
    assert NOW in somebody.crisis
    somebody.press("button.continue")
    assert NOW in somebody.crisis
    somebody.follow("Go on now")
    somebody.fill_in(CARA)
    somebody.send()
    first = somebody.page.locator("main > *").first
    assert NOW in first.inner_text()
    assert "tel:988" in first.inner_html()
    quoted = somebody.page.locator("blockquote").all_inner_texts()
    assert len(quoted) == 1  # the limits of the evidence, and nothing on mood
    assert "limited data" in quoted[0]


@either_way
def test_the_interruption_comes_before_what_the_same_page_gets_wrong(devices: Devices, way: Way) -> None:
    somebody = at_thoughts(devices, way)
    somebody.answer({"self_harm_thoughts": "now"})  # without answering a required question
    somebody.go_on()
    somebody.saw()
    assert NOW in somebody.interrupted
    somebody.go_on()
    somebody.saw("mood-after-interruption")
    assert NOW in somebody.crisis
    assert somebody.holds("self_harm_thoughts") == ["now"]
    somebody.go_on()
    somebody.saw("mood-error-in-crisis")
    assert len(somebody.errors) == 1
    assert not somebody.interrupted
    assert NOW in somebody.crisis


def test_the_interruption_comes_before_the_questions_that_the_same_page_brings_up(devices: Devices) -> None:
    somebody = at_thoughts(devices, PLAIN_DESK)
    somebody.answer({"self_harm_thoughts": "now", "depression_told_by_clinician": "yes"})
    somebody.go_on()
    somebody.saw()
    assert NOW in somebody.interrupted
    somebody.go_on()
    somebody.saw("mood-after-interruption-more")
    assert "Your answer brings up 1 more question on this page." in somebody.words
    assert somebody.asks("depression_treatments_tried")


@other_way
def test_taking_the_answer_back_goes_on_and_takes_no_flag_back(
    devices: Devices, stored: StoredData, way: Way
) -> None:
    somebody = at_thoughts(devices, way)
    somebody.answer(AFFIRM | {"self_harm_thoughts": "now"})
    somebody.go_on()
    somebody.saw()
    somebody.turn_back()
    assert somebody.holds("self_harm_thoughts") == ["now"]
    somebody.answer({"self_harm_thoughts": "no"})
    somebody.go_on()
    somebody.saw()
    assert somebody.heading == "About your health"
    assert stored.flags() == ["self_harm_now", "no_contact_route"]
    assert all(
        each["answer_changed_at"] for each in stored.latest()["flags"] if each["flag"] == "self_harm_now"
    )
    assert "988" in somebody.page.locator("footer .safety").inner_text()


@other_way
@pytest.mark.parametrize(
    ("answer", "words", "flag"),
    [("past", PAST, "self_harm_past"), ("prefer_not_to_say", UNSAID, "self_harm_unanswered")],
)
def test_thoughts_in_the_past_or_unsaid_bring_a_quiet_block_and_no_interruption(
    devices: Devices, stored: StoredData, answer: str, words: str, flag: str, way: Way
) -> None:
    somebody = at_thoughts(devices, way)
    somebody.answer(AFFIRM | {"self_harm_thoughts": answer})
    somebody.go_on()
    somebody.saw()
    assert somebody.heading == "About your health"
    assert words in somebody.crisis
    assert stored.flags() == [flag]
    somebody.fill_in(CARA)
    somebody.send()
    assert words in somebody.page.locator("main > *").first.inner_text()


@either_way
def test_thoughts_in_the_last_month_interrupt_and_stay(
    devices: Devices, stored: StoredData, way: Way
) -> None:
    somebody = at_thoughts(devices, way)
    somebody.answer(AFFIRM | {"self_harm_thoughts": "recent"})
    somebody.go_on()
    somebody.saw("interruption-recent")
    assert RECENT in somebody.interrupted
    assert "self_harm_recent" in stored.flags()
    somebody.go_on()
    somebody.fill_in(CARA)
    assert RECENT in somebody.crisis
    somebody.send()
    assert RECENT in somebody.page.locator("main > *").first.inner_text()


@either_way
def test_urgent_signs_interrupt_at_once_and_stay(devices: Devices, stored: StoredData, way: Way) -> None:
    somebody = devices(way).respondent()
    somebody.come(CARA, until="urgent_signs")
    somebody.answer({"urgent_signs": ["new_weakness", "stroke_signs"]})
    somebody.go_on()
    somebody.saw()
    assert somebody.heading == "Call 911"
    assert URGENT in somebody.interrupted
    assert "urgent_physical" in stored.flags()
    somebody.go_on()
    somebody.saw()
    assert URGENT in somebody.crisis
    somebody.fill_in(CARA)
    somebody.send()
    assert URGENT in somebody.page.locator("main > *").first.inner_text()


@other_way
def test_leaving_takes_the_page_away_and_the_browser_shows_nothing_of_it_again(
    devices: Devices, way: Way
) -> None:
    somebody = at_thoughts(devices, way)
    page, asked = somebody.page, list[Dialog]()

    def stay(dialog: Dialog) -> None:
        asked.append(dialog)
        dialog.accept()

    page.on("dialog", stay)
    somebody.answer({"self_harm_thoughts": "past"})  # not sent: leaving asks nothing anyway
    page.locator("form.leave button").click()
    page.wait_for_url("**/form/left")
    assert page.inner_text("body") == "This page is empty."
    assert asked == []
    assert page.title() == "New page"
    assert "preconsult_form" not in [each["name"] for each in page.context.cookies()]
    page.go_back()
    assert somebody.heading == "The form was closed"


@either_way
def test_a_clinic_that_switched_the_self_harm_question_off_asks_it_nowhere_and_keeps_the_line(
    devices: Devices, customized: Server, way: Way
) -> None:
    somebody = devices(way, customized).respondent()
    somebody.come(CARA, until="other_feelings")
    assert not somebody.asks("self_harm_thoughts")
    assert "hurting themselves" not in somebody.words
    assert "You can skip this. Answers save" not in somebody.words
    somebody.fill_in(CARA)
    assert "hurting themselves" not in somebody.words
    somebody.send()
    assert "988" in somebody.page.locator("footer .safety").inner_text()
