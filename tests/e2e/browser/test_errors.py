"""Each kind of invalid answer: the error summary has the focus and links to the question; nothing is lost."""

from tests.e2e.browser.conftest import Devices
from tests.e2e.browser.mobile_device import Way, either_way, other_way
from tests.e2e.browser.respondent import Respondent
from tests.sample_answers import CARA

REACHED = CARA | {"contact_permission": "yes"}


def focus(somebody: Respondent) -> str:
    """The class or name of the element that has the focus."""
    return str(somebody.page.evaluate("document.activeElement.className || document.activeElement.name"))


def assert_errors(somebody: Respondent, *names: str) -> None:
    """The page reports errors for these questions, in the summary and beside each, and links to them."""
    page = somebody.page
    assert page.title().startswith("Error:")
    assert "errors" in focus(somebody)
    assert len(somebody.errors) == len(names)
    assert page.locator("main .error").count() == len(names)
    for place, name in enumerate(names):
        page.locator(".errors a").nth(place).click()
        assert page.evaluate("document.activeElement.name") == name
        question = page.locator(".field.wrong").nth(place)
        assert question.locator(f'[name="{name}"]').count()
        beside = question.locator(".error")
        described = [question, question.locator("input:not([type=hidden])").first]
        assert any(
            str(beside.get_attribute("id")) in str(each.get_attribute("aria-describedby"))
            for each in described
        )
        assert beside.inner_text() in somebody.errors[place]


def send(somebody: Respondent, name: str) -> None:
    somebody.go_on()
    somebody.saw(name)


@either_way
def test_the_box_that_must_be_ticked(devices: Devices, way: Way) -> None:
    somebody = devices(way).respondent()
    somebody.open()
    send(somebody, "start-wrong")
    assert_errors(somebody, "info_only")
    somebody.answer(CARA)
    send(somebody, "about-you")
    assert somebody.heading == "About you"


@other_way
def test_one_choice_of_several_and_boxes_and_a_number(devices: Devices, way: Way) -> None:
    somebody = devices(way).respondent()
    somebody.come(CARA, until="answering_for")
    somebody.answer({"age_band": "25_44"})
    send(somebody, "about-wrong")
    assert_errors(somebody, "answering_for")
    assert somebody.holds("age_band") == ["25_44"]
    send(somebody, "about-wrong")
    assert_errors(somebody, "answering_for")
    somebody.fill_in(CARA, until="urgent_signs")
    send(somebody, "urgent-wrong")
    assert_errors(somebody, "urgent_signs")
    somebody.fill_in(CARA, until="pain_intensity")
    somebody.answer({"pain_intensity": "11", "pain_duration": "under_3_months"})
    send(somebody, "pain-wrong")
    assert_errors(somebody, "pain_types", "pain_intensity")
    assert somebody.holds("pain_intensity") == ["11"]
    assert somebody.holds("pain_duration") == ["under_3_months"]
    somebody.answer(CARA | {"pain_intensity": "<b>strong"})
    send(somebody, "pain-wrong-number")
    assert_errors(somebody, "pain_intensity")
    assert somebody.holds("pain_intensity") == ["<b>strong"]
    assert somebody.holds("pain_types") == ["crps"]
    somebody.answer({"pain_intensity": "7"})
    send(somebody, "mood")
    assert somebody.heading == "About your mood and feelings"


@either_way
def test_a_name_a_number_and_an_address(devices: Devices, way: Way) -> None:
    wrong = {"contact_name": "N" * 101, "contact_phone": "after six", "contact_email": "pat at home"}
    somebody = devices(way).respondent()
    somebody.come(REACHED, until="contact_permission")
    somebody.answer({"contact_permission": "yes"})
    if not way.scripts:
        send(somebody, "contact-more")
    somebody.answer(wrong)
    send(somebody, "contact-wrong")
    assert_errors(somebody, *wrong)
    assert {name: somebody.holds(name)[0] for name in wrong} == wrong
    somebody.answer({"contact_name": "Pat", "contact_phone": "+1 561 555 0142"})
    send(somebody, "contact-wrong")
    assert_errors(somebody, "contact_email")
    somebody.answer({"contact_email": "pat.canary@example.org"})
    send(somebody, "check")
    assert somebody.heading == "Check your answers"
    assert "pat.canary" not in somebody.words  # a given contact value is known but not shown


@other_way
def test_what_is_missing_when_the_form_is_sent_has_its_way_there(devices: Devices, way: Way) -> None:
    somebody = devices(way).respondent()
    somebody.come(CARA, until="answering_for")
    somebody.page.goto(f"{somebody.base}/form/check")
    somebody.go_on()
    somebody.saw("check-wrong")
    assert somebody.page.title().startswith("Error:")
    assert "errors" in focus(somebody)
    assert len(somebody.errors) == 2
    for place in range(2):
        link = somebody.page.locator(".errors a").nth(place)
        target = somebody.page.locator(str(link.get_attribute("href")))
        link.click()
        assert target.inner_text().rstrip("?") in link.inner_text()
        assert target.is_visible()
    somebody.page.locator(".answers a", has_text="How old are you").click()
    somebody.saw()
    somebody.fill_in(CARA)
    somebody.send()
