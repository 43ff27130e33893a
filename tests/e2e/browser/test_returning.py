"""Going back, resuming, changing answers, doing everything twice: nothing is lost or stored twice."""

import re
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Dialog, Route, expect

from tests.e2e.browser.conftest import Devices
from tests.e2e.browser.mobile_device import (
    DESK,
    PHONE,
    PLAIN_DESK,
    PLAIN_PHONE,
    Way,
    either_way,
    other_way,
    ways,
)
from tests.e2e.browser.respondent import Respondent
from tests.e2e.browser.staff_fixtures import StoredData
from tests.sample_answers import CARA
from tests.server import Server

GONE = "This link does not open a form. It may be cut off, or its time is over."


def asked(devices: Devices, way: Way, name: str) -> Respondent:
    """A respondent on the page that asks this question."""
    somebody = devices(way).respondent()
    somebody.come(CARA, until=name)
    return somebody


def link(somebody: Respondent, label: str = "Your link") -> str:
    """A resume link, on this server's address whatever its public one."""
    somebody.follow("Stop and come back later")
    somebody.press("button.continue", "link")
    if label != "Your link":
        somebody.page.locator("details summary").click()
    given = urlsplit(somebody.page.get_by_label(label, exact=True).input_value())
    return f"{somebody.base}{given.path}" + (f"#{given.fragment}" if given.fragment else "")


# --- the resume link -------------------------------------------------------------------------------


@other_way
@pytest.mark.parametrize("broken", ["/form/resume/{}", "/form/resume#{}"])
def test_a_link_that_opens_nothing_says_so_and_shows_the_way_on(
    devices: Devices, way: Way, broken: str
) -> None:
    device = devices(way)
    somebody = device.respondent()
    somebody.page.goto(device.base + broken.format("x" * 43))
    if not way.scripts and "#" in broken:
        somebody.page.fill("[name=link]", "x" * 43)
    somebody.go_on()
    somebody.page.locator(".errors").wait_for()
    somebody.saw("resume-wrong")
    assert somebody.errors == [GONE]
    assert somebody.page.title().startswith("Error:")
    somebody.follow("Start a new form")
    assert somebody.heading == "Before you start"


@ways(PHONE, among=[PHONE, DESK])
def test_a_link_opens_the_form_on_another_device_and_leaves_no_secret_in_its_address(
    devices: Devices, way: Way
) -> None:
    somebody = asked(devices, DESK, "depression_told_by_clinician")
    there = devices(way)
    elsewhere = there.respondent()
    secret = link(somebody)
    elsewhere.page.goto(secret)
    assert elsewhere.heading == "Go on with your form", "looking at a link opens nothing"
    elsewhere.go_on()
    elsewhere.page.wait_for_url("**/form/s/*")
    elsewhere.saw()
    assert elsewhere.heading == "About your mood and feelings"
    assert not any(secret[-43:] in url for url in there.history(elsewhere.page))
    elsewhere.fill_in(CARA)
    assert "Complex regional pain syndrome (CRPS)" in elsewhere.words
    elsewhere.send()
    somebody.follow("Go on now")  # the first device follows
    assert somebody.heading == "Things to discuss with a clinician"


@ways(PLAIN_DESK, among=[PLAIN_PHONE, PLAIN_DESK])
def test_without_scripts_an_address_opens_the_form_by_a_button(devices: Devices, way: Way) -> None:
    somebody = asked(devices, PLAIN_DESK, "depression_told_by_clinician")
    elsewhere = devices(way).respondent()
    elsewhere.page.goto(link(somebody, "Your link for a browser without scripts"))
    elsewhere.saw("resume-ready")
    assert "Your form is ready to go on." in elsewhere.words
    elsewhere.go_on()
    elsewhere.saw()
    assert elsewhere.heading == "About your mood and feelings"
    elsewhere.fill_in(CARA)
    assert "Complex regional pain syndrome (CRPS)" in elsewhere.words


def test_without_scripts_a_link_is_pasted(devices: Devices) -> None:
    somebody = asked(devices, PLAIN_DESK, "visit_reason")
    elsewhere = devices(PLAIN_PHONE).respondent()
    secret = link(somebody)
    elsewhere.page.goto(secret)
    elsewhere.page.get_by_label("Your link").fill(secret)
    elsewhere.go_on()
    elsewhere.saw()
    assert elsewhere.heading == "What would you like to talk about? Check all that fit."


# --- an expired session ----------------------------------------------------------------------------


@either_way
def test_a_page_sent_too_late_is_saved_and_shows_nothing_and_the_link_opens_it_again(
    devices: Devices, stored: StoredData, way: Way
) -> None:
    somebody = asked(devices, way, "urgent_signs")
    secret = link(somebody)
    somebody.follow("Go on now")
    somebody.fill_in(CARA, until="visit_reason")
    stored.end_session(somebody)
    somebody.answer({"visit_reason": ["low_mood"]})
    somebody.go_on()
    somebody.saw("came-late")
    assert somebody.heading == "The form was closed"
    assert (
        "What you sent before is saved, unless you deleted it. With your link you can go on."
        in somebody.words
    )
    assert stored.latest()["answers"]["visit_reason"] == ["low_mood"]
    somebody.page.goto(f"{somebody.base}/form/check")
    somebody.saw("closed")
    assert somebody.heading == "The form was closed"
    assert "low mood" not in somebody.words.lower()
    somebody.page.goto(secret)
    if not way.scripts:
        somebody.page.fill("[name=link]", secret)
    somebody.go_on()
    somebody.page.wait_for_url("**/form/s/*")
    somebody.saw()
    assert somebody.heading == "About your mood and feelings"
    somebody.turn_back()
    somebody.page.goto(f"{somebody.base}/form/check")
    assert "Low mood or depression" in somebody.words


# --- going back ------------------------------------------------------------------------------------


@other_way
def test_back_by_the_link_or_the_browser_shows_what_was_answered(devices: Devices, way: Way) -> None:
    somebody = asked(devices, way, "visit_reason")
    somebody.fill_in(CARA, until="pain_types")
    somebody.turn_back()
    assert somebody.holds("visit_reason") == CARA["visit_reason"]
    somebody.follow("Back")
    assert somebody.holds("urgent_signs") == ["none_of_these"]
    somebody.follow("Back")
    assert somebody.holds("age_band") == ["25_44"]
    assert somebody.holds("answering_for") == ["myself"]
    somebody.follow("Back")
    somebody.follow("Back")
    assert somebody.heading == "Before you start"
    assert "You have a form open on this device." in somebody.words
    somebody.follow("Go on with it")
    assert somebody.heading == "About your pain"
    somebody.fill_in(CARA)
    somebody.send()
    somebody.turn_back()  # going back does not change a form that was sent
    assert somebody.heading == "Things to discuss with a clinician"


def test_with_scripts_answers_that_are_not_saved_are_warned_of(devices: Devices) -> None:
    somebody = asked(devices, PHONE, "visit_reason")
    warned: list[str] = []

    def go_ahead(dialog: Dialog) -> None:
        warned.append(dialog.type)
        dialog.accept()

    somebody.page.on("dialog", go_ahead)
    somebody.follow("Back")
    assert warned == []
    somebody.answer({"urgent_signs": ["prefer_not_to_say"]})
    somebody.follow("Back")
    assert warned == ["beforeunload"]


# --- changing answers ------------------------------------------------------------------------------


@other_way
def test_an_answer_changed_later_says_what_is_not_asked_any_more_and_loses_nothing(
    devices: Devices, stored: StoredData, way: Way
) -> None:
    somebody = asked(devices, way, "/form/check")
    reason = somebody.page.locator(".answers a", has_text="What would you like to talk about")
    reason.click()
    somebody.saw()
    somebody.page.uncheck("[name=visit_reason][value=long_term_pain]")
    somebody.go_on()
    somebody.saw("check-with-answers-left-out")
    assert somebody.heading == "Check your answers"
    notice = somebody.page.locator("main .notice")
    assert "These are not asked any more, since you changed another answer." in notice.inner_text()
    assert "Which words fit your pain?" in notice.inner_text()
    assert stored.latest()["answers"]["pain_types"] == ["crps"]
    reason.click()
    somebody.saw()
    somebody.answer({"visit_reason": ["long_term_pain"]})
    somebody.go_on()
    somebody.saw()
    assert somebody.heading == "Check your answers"
    assert "Complex regional pain syndrome (CRPS)" in somebody.words
    reason.click()
    somebody.page.uncheck("[name=visit_reason][value=long_term_pain]")
    somebody.go_on()
    somebody.saw()
    somebody.send()
    assert "pain_types" not in stored.latest()["answers"]
    assert somebody.page.locator("section.topic", has_text="CRPS").count() == 0


@either_way
def test_an_answer_changed_on_the_way_says_on_the_next_page_what_is_not_asked_any_more(
    devices: Devices, way: Way
) -> None:
    somebody = asked(devices, way, "depression_told_by_clinician")
    somebody.follow("Back")
    somebody.follow("Back")
    somebody.page.uncheck("[name=visit_reason][value=long_term_pain]")
    somebody.go_on()
    somebody.saw("mood-after-change")
    notice = somebody.page.locator("main .notice[role=status]").inner_text()
    assert "Since you changed an answer, the form does not ask these any more:" in notice
    assert "Which words fit your pain?" in notice
    assert "Your answers to them are kept until you send the form" in notice


@either_way
def test_an_option_that_goes_with_no_other_is_never_kept_beside_one(
    devices: Devices, stored: StoredData, way: Way
) -> None:
    somebody = asked(devices, way, "urgent_signs")
    somebody.answer({"urgent_signs": ["new_weakness", "none_of_these"]})
    if way.scripts:
        assert somebody.holds("urgent_signs") == ["none_of_these"]
    else:
        somebody.go_on()
        somebody.saw("urgent-exclusive")
        assert len(somebody.errors) == 1
        assert somebody.holds("urgent_signs") == ["new_weakness", "none_of_these"]
    assert "urgent_signs" not in stored.latest()["answers"]


# --- twice -----------------------------------------------------------------------------------------


@either_way
def test_every_page_sent_twice_makes_one_draft_and_one_submission(
    devices: Devices, stored: StoredData, way: Way
) -> None:
    device = devices(way)
    somebody, kept, sent = device.respondent(), stored.kept(), stored.acts("submission.submitted")
    repeated: list[int] = []

    def twice(route: Route) -> None:
        """The network repeats a request it has already sent, as a second click may do."""
        if route.request.method == "POST":
            repeated.append(route.fetch(max_redirects=0).status)
        route.continue_()

    somebody.page.route("**/form**", twice)
    somebody.open()
    somebody.page.check("[name=info_only]")
    somebody.page.locator("button.continue").dblclick()
    expect(somebody.page).to_have_url(re.compile("/form/s/"))
    assert stored.kept() == kept + 1
    somebody.fill_in(CARA)
    assert stored.latest()["answers"] == CARA
    somebody.page.locator("button.continue").dblclick()
    expect(somebody.page).to_have_url(re.compile("/form/summary$"))  # the first of the two is aborted
    somebody.saw("summary")
    assert len(repeated) >= len(device.posts) >= 8
    assert set(repeated) == {303}
    assert stored.kept() == kept + 1
    assert stored.acts("submission.submitted") == sent + 1


@other_way
def test_two_tabs_are_one_form(devices: Devices, stored: StoredData, way: Way) -> None:
    device = devices(way)
    somebody, kept = device.respondent(), stored.kept()
    somebody.come(CARA, until="visit_reason")
    other = device.respondent()
    other.page.goto(somebody.page.url)
    other.fill_in(CARA | {"visit_reason": ["long_term_pain"]}, until="pain_types")
    somebody.fill_in(CARA)  # the page sent last counts
    assert stored.latest()["answers"]["visit_reason"] == CARA["visit_reason"]
    somebody.send()
    other.answer({"pain_types": ["fibromyalgia"]})
    other.go_on()  # too late: it is already sent
    other.saw()
    assert other.heading == "Things to discuss with a clinician"
    assert stored.latest()["answers"]["pain_types"] == ["crps"]
    assert stored.kept() == kept + 1


# --- leaving ---------------------------------------------------------------------------------------


@either_way
def test_answers_are_deleted_only_when_it_is_meant(devices: Devices, stored: StoredData, way: Way) -> None:
    kept = stored.kept()
    somebody = devices(way).respondent()
    somebody.come(CARA)
    somebody.send()
    somebody.follow("Delete my answers")
    somebody.follow("No, keep them")
    assert somebody.heading == "Things to discuss with a clinician"
    assert stored.kept() == kept + 1
    somebody.follow("Delete my answers")
    somebody.press("button.continue", "deleted")
    assert somebody.heading == "Your answers are deleted"
    assert stored.kept() == kept
    somebody.turn_back()
    assert somebody.heading == "The form was closed"


@other_way
def test_a_cleared_device_holds_no_cookie_and_going_back_shows_nothing(
    devices: Devices, stored: StoredData, way: Way
) -> None:
    kept = stored.kept()
    somebody = devices(way).respondent()
    somebody.come(CARA)
    somebody.send()
    somebody.press("form[action='/form/clear'] button", "cleared")
    assert somebody.heading == "This device is cleared"
    assert "preconsult_form" not in [each["name"] for each in somebody.page.context.cookies()]
    for _ in range(2):
        somebody.turn_back()
        assert somebody.heading == "The form was closed"
        assert "CRPS" not in somebody.words
    assert stored.kept() == kept + 1


# --- a clinic's branding ---------------------------------------------------------------------------


@other_way
def test_a_clinic_shows_its_name_logo_colours_contact_and_privacy_words(
    devices: Devices, customized: Server, way: Way
) -> None:
    somebody = devices(way, customized).respondent()
    somebody.come({"info_only": True}, until="age_band")
    somebody.saw("clinic-about-you")
    page = somebody.page
    assert "Quiet Harbor <b>Clinic</b>" in page.locator("header .clinic").inner_text()
    assert page.title().endswith("Quiet Harbor <b>Clinic</b>")
    assert page.locator("header img").evaluate("image => image.complete && image.naturalWidth") == 2
    button = page.locator("button.continue").last
    assert button.evaluate("node => getComputedStyle(node).backgroundColor") == "rgb(107, 45, 92)"
    page.emulate_media(color_scheme="dark")
    assert button.evaluate("node => getComputedStyle(node).backgroundColor") == "rgb(227, 166, 212)"
    somebody.saw("clinic-about-you-dark")
    assert "Call the front desk at 561 555 0100." in page.locator("footer").inner_text()
    page.get_by_role("link", name="Who can see my answers").click()
    somebody.saw("clinic-privacy-dark")
    assert "We keep paper copies locked.\n\nAsk us for a copy." in somebody.words
