"""Every page of the form at both widths, with and without scripts, each visited once in one long session.

mobile_device.py checks what no page may do; these tests only check that each page is the expected one. The
screenshots that --thorough leaves in test-results/ are for human review.
"""

from tests.e2e.browser.conftest import Devices
from tests.e2e.browser.mobile_device import Way, either_way, other_way
from tests.sample_answers import FULL, MINA

PAGES = [  # in the order of the visit when every question is answered
    "Before you start",
    "About you",
    "Do any of these apply today? Check all that fit.",
    "What would you like to talk about? Check all that fit.",
    "About your pain",
    "About your mood and feelings",
    "About your health",
    "How to reach you",
    "Check your answers",
]


@either_way
def test_a_visit_that_goes_wrong_wherever_it_can_meets_pages_that_help(devices: Devices, way: Way) -> None:
    device = devices(way)
    somebody = device.respondent()
    page = somebody.page
    page.goto(f"{device.base}/form/check")
    somebody.saw("closed")
    assert somebody.heading == "The form was closed"
    page.goto(f"{device.base}/form/nowhere")
    somebody.saw("nowhere")
    assert somebody.heading == "There is nothing here"
    page.goto(f"{device.base}/form/resume")
    somebody.saw("resume")
    page.fill("[name=link]", "a scrap of a link")
    somebody.press("button.continue", "resume-wrong")
    assert somebody.errors == ["This link does not open a form. It may be cut off, or its time is over."]
    somebody.open()
    somebody.press("button.continue", "start-wrong")
    assert len(somebody.errors) == 1
    somebody.begin()
    for name in ("answering_for", "urgent_signs", "visit_reason", "pain_types"):
        somebody.fill_in(FULL, until=name)
        somebody.press("button.continue", f"{name}-wrong")
        assert somebody.errors, name
        assert page.title().startswith("Error:")
    somebody.answer(FULL | {"pain_intensity": "very"})
    somebody.press("button.continue", "pain-wrong-number")
    somebody.fill_in(FULL, until="contact_permission")
    somebody.answer(FULL | {"contact_phone": "after six", "contact_email": "pat"})
    somebody.go_on()
    somebody.fill_in(FULL | {"contact_phone": "after six", "contact_email": "pat"}, until="contact_email")
    somebody.answer(FULL | {"contact_phone": "after six", "contact_email": "pat"})
    somebody.press("button.continue", "contact-wrong")
    assert len(somebody.errors) == 2


@other_way
def test_a_visit_with_every_question_answered_meets_every_page(devices: Devices, way: Way) -> None:
    device = devices(way)
    somebody = device.respondent()
    somebody.begin()
    somebody.fill_in(FULL)
    assert list(dict.fromkeys(somebody.seen)) == PAGES
    somebody.follow("Stop and come back later")
    somebody.press("button.continue", "link")
    somebody.follow("Go on now")
    somebody.fill_in(FULL)
    somebody.send()
    assert somebody.heading == "Things to discuss with a clinician"
    somebody.page.get_by_role("link", name="Who can see my answers").click()
    somebody.saw("privacy")
    somebody.follow("Go on")
    somebody.follow("Delete my answers")
    somebody.press("button.continue", "deleted")
    assert somebody.heading == "Your answers are deleted"


@either_way
def test_a_visit_of_somebody_in_danger_meets_the_pages_that_interrupt(devices: Devices, way: Way) -> None:
    device = devices(way)
    somebody = device.respondent()
    somebody.begin()
    danger = FULL | {"urgent_signs": ["chest_or_breathing"], "self_harm_thoughts": "now"}
    somebody.fill_in(danger)
    somebody.send()
    calls = [name for name in dict.fromkeys(somebody.seen) if name.startswith("Call")]
    assert calls == ["Call 911", "Call 988"]
    somebody.press("form[action='/form/clear'] button", "cleared")
    assert somebody.heading == "This device is cleared"
    somebody.begin()
    somebody.fill_in(MINA)
    somebody.send()
    somebody.saw("summary-under-18")
    somebody.page.locator("form.leave button").click()
    somebody.page.wait_for_url("**/form/left")
    device.picture(somebody.page, "left")
    assert somebody.page.inner_text("body") == "This page is empty."
