"""A clinic's own form on its own website: what it may ask, what it shows, and what it does on failures.

The three files are copied and filled in as the page /examples/own-form says, and not changed otherwise.
"""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack

import httpx
import pytest
from playwright.sync_api import Browser, Page, Route

from app.rules.engine.questionnaire import Questionnaire
from tests.e2e.browser import accounts, pictures, probes
from tests.e2e.browser.conditions import CONDITIONS, COUNT, GIVEN, HIDDEN, items, known
from tests.e2e.browser.html import complaints
from tests.e2e.browser.own_form import (
    CONTACT,
    EXAMPLES,
    FILES,
    FULL,
    HASTY,
    Eye,
    OwnSite,
    Visitor,
    assert_asked,
    assert_shown,
    footed,
)
from tests.e2e.browser.website import website
from tests.sample_answers import CARA, MINA, NOA, Answers, body
from tests.server import Server, serving


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnSite]:
    with ExitStack() as stack:
        site, second = (stack.enter_context(website()) for _ in range(2))
        named = {"PRECONSULT_ALLOWED_ORIGINS": f"{site.url}, {second.url}"}
        server = stack.enter_context(serving(tmp_path_factory.mktemp("own"), **named))
        headers = accounts.bearer(server, "submissions:write", "submissions:read", "review")
        client = stack.enter_context(httpx.Client(base_url=server.url, headers=headers))
        made = OwnSite(site, second, server, client)
        made.key = made.key_for(site.url)
        yield made


def visitor_of(browser: Browser) -> Visitor:
    context = browser.new_context(viewport={"width": 360, "height": 800})
    context.add_init_script(HASTY)  # a page that retries waits a thousandth of the time
    return Visitor(context.new_page())


@pytest.fixture
def visitor(browser: Browser, site: OwnSite) -> Iterator[Visitor]:
    site.put_up()
    made = visitor_of(browser)
    yield made
    made.page.context.close()


# --- rejected ----------------------------------------------------------------------------------------


def test_a_website_that_is_not_named_is_refused_and_its_page_says_what_to_do(
    visitor: Visitor, site: OwnSite
) -> None:
    with website(**site.website.files) as stranger:
        visitor.open(f"{stranger.url}/own-form.html")
        assert visitor.heading == "We could not reach the clinic"
        assert footed(visitor.page)
        visitor.page.locator("summary").click()
        assert f"Does PRECONSULT_ALLOWED_ORIGINS name {stranger.url}?" in visitor.words
    assert any("CORS" in each for each in visitor.complaints), "the browser has refused it"


def test_a_key_bound_to_another_website_is_refused_and_the_page_says_why(
    visitor: Visitor, site: OwnSite
) -> None:
    site.second.files.update(site.website.files)
    before = len(site.kept())
    visitor.open(f"{site.second.url}/own-form.html")
    visitor.give(CARA)
    visitor.press()
    assert visitor.heading == "That did not work"
    visitor.page.locator("summary").click()
    assert "This API key is bound to other origins." in visitor.words
    assert footed(visitor.page)
    assert len(site.kept()) == before
    visitor.press("Back")
    assert visitor.page.is_checked("[name=info_only]"), "what was written is still there"


# --- invalid -----------------------------------------------------------------------------------------


def test_nothing_is_sent_before_the_first_section_is_agreed_to(visitor: Visitor, site: OwnSite) -> None:
    visitor.open(f"{site.website.url}/own-form.html")
    visitor.press()
    assert visitor.errors == ["Please answer this question."]
    assert visitor.posts() == []
    assert visitor.page.evaluate("document.activeElement.className") == "errors"
    visitor.page.locator(".errors a").click()
    assert visitor.page.evaluate("document.activeElement.name") == "info_only"


def test_what_is_amiss_stands_beside_its_question_and_what_is_good_is_kept(
    visitor: Visitor, site: OwnSite
) -> None:
    visitor.open(f"{site.website.url}/own-form.html")
    visitor.fill_in(FULL, until="About your pain")
    visitor.give(FULL | {"pain_intensity": "very"})
    visitor.press()
    assert visitor.errors == ["We could not read this answer. Please answer it again."]
    assert visitor.page.locator(".wrong label").inner_text().startswith("On most days")
    there = site.ask("GET", f"/v1/submissions/{site.kept()[0]['id']}")
    assert there["answers"]["pain_tried"] == ["ketamine"]
    assert "pain_intensity" not in there["answers"]
    visitor.fill_in(FULL, until="How to reach you")
    visitor.give(FULL | {"contact_phone": "after six"})
    visitor.press()
    assert visitor.page.locator(".wrong label").inner_text() == "What number should we use?"
    assert len(visitor.errors) == 1
    visitor.fill_in(FULL, until="Send your answers?")


def test_what_an_answer_raises_comes_before_what_is_amiss_beside_it(visitor: Visitor, site: OwnSite) -> None:
    visitor.open(f"{site.website.url}/own-form.html")
    visitor.fill_in(NOA, until="About your mood and feelings")
    visitor.give({"self_harm_thoughts": "now"})
    visitor.press()
    assert visitor.heading == "Call 988"
    visitor.press()
    assert visitor.heading == "About your mood and feelings"
    assert visitor.errors == ["Please answer this question."]
    assert "You deserve support right now" in visitor.page.locator(".crisis").inner_text()
    visitor.fill_in(NOA, until="Send your answers?")
    assert visitor.seen.count("Call 988") == 1, "it stands alone once, and then on top"


# --- failures ---------------------------------------------------------------------------------------


def test_a_service_that_is_down_loses_nothing(browser: Browser, visitor: Visitor, site: OwnSite) -> None:
    late = visitor_of(browser)
    visitor.open(f"{site.website.url}/own-form.html")
    visitor.fill_in(CARA, until="About your pain")
    visitor.give(CARA)
    site.server.stop()
    try:
        visitor.press()
        assert visitor.heading == "We could not reach the clinic"
        assert footed(visitor.page)
        late.open(f"{site.website.url}/own-form.html")
        assert late.heading == "We could not reach the clinic"
        assert footed(late.page), "by the copy in the page"
    finally:
        site.server.start()
    late.press("Try again")
    assert late.heading == "Before you start"
    late.page.context.close()
    visitor.press("Try again")
    visitor.fill_in(CARA, until="Send your answers?")
    visitor.press("Send my answers")
    (sent,) = visitor.sent("/submit")
    assert visitor.heading == sent["summary"]["title"]
    assert {each["id"] for each in visitor.sent("/v1/submissions")} == {sent["id"]}


def test_an_answer_that_is_lost_on_its_way_is_asked_for_again_and_nothing_is_kept_twice(
    visitor: Visitor, site: OwnSite
) -> None:
    lost: Counter[str] = Counter()

    def lose(route: Route) -> None:
        kind = f"{route.request.method} {route.request.url.rpartition('/')[2]}"
        lost[kind] += 1
        if lost[kind] > (3 if kind == "POST submissions" else 1):
            route.continue_()
            return
        route.fetch()  # the request arrives; its response does not
        route.abort()

    before = len(site.kept())
    visitor.page.route("**/v1/submissions**", lose)
    visitor.open(f"{site.website.url}/own-form.html")
    visitor.give(CARA)
    visitor.press()
    assert visitor.heading == "We could not reach the clinic"
    visitor.press("Try again")
    visitor.fill_in(CARA, until="Send your answers?")
    visitor.press("Send my answers")
    assert visitor.heading == "Things to discuss with a clinician"
    assert [each["status"] for each in site.kept()[: len(site.kept()) - before]] == ["submitted"]
    creates = [each for each in visitor.posts() if each.url.endswith("/v1/submissions")]
    assert len(creates) == 4
    assert len({each.headers["idempotency-key"] for each in creates}) == 1
    assert lost["POST submit"] == 2
    assert max(count for kind, count in lost.items() if kind.startswith("PATCH")) > 2


# --- malformed texts -----------------------------------------------------------------------------------


def test_words_of_the_service_are_shown_as_words_whatever_they_hold(visitor: Visitor, site: OwnSite) -> None:
    evil = "<img src=x onerror=\"document.title='run'\"><script>document.title='run'</script>"

    def poison(route: Route) -> None:
        told = route.fetch().text().replace("Who are these answers about?", json.dumps(evil)[1:-1])
        route.fulfill(
            body=told, headers={"access-control-allow-origin": "*"}, content_type="application/json"
        )

    visitor.page.route("**/v1/questionnaires/*", poison)
    visitor.open(f"{site.website.url}/own-form.html")
    visitor.fill_in(CARA, until="About you")
    assert evil in visitor.words
    assert visitor.page.title() == "Before your visit"
    assert visitor.page.locator("#preconsult :is(img, script)").count() == 0


# --- which questions are asked -------------------------------------------------------------------------


def test_a_condition_means_in_the_page_what_it_means_in_the_service(visitor: Visitor, site: OwnSite) -> None:
    made = items()
    grouped = {"linkId": "group", "type": "group", "text": "All of them", "item": made}
    asked = Questionnaire.model_validate_json(
        json.dumps({"item": [known(grouped) | {"item": [known(each) for each in made]}]})
    )

    def other_questions(route: Route) -> None:
        told = route.fetch().json() | {"item": [grouped]}
        route.fulfill(json=told, headers={"access-control-allow-origin": "*"})

    visitor.page.route("**/v1/questionnaires/*", other_questions)
    shown = 0
    for answers in GIVEN:
        visitor.open(f"{site.website.url}/own-form.html")
        visitor.give({name: value for name, value in answers.items() if value is not None})
        given = {name: tuple(value) if isinstance(value, list) else value for name, value in answers.items()}
        enabled = asked.enabled({name: value for name, value in given.items() if value is not None})
        lines = set(visitor.page.locator("#preconsult .notice:visible").all_inner_texts())
        assert lines == {name for name in enabled if name.startswith("c") and name != COUNT}, answers
        assert visitor.page.locator(f"[name={HIDDEN}]:visible").count() == 0
        shown += len(lines)
    assert 0 < shown < len(CONDITIONS) * len(GIVEN)


def test_an_option_that_goes_with_no_other_unticks_the_others(visitor: Visitor, site: OwnSite) -> None:
    visitor.open(f"{site.website.url}/own-form.html")
    visitor.fill_in(CARA, until="How you are today")
    visitor.give({"urgent_signs": ["new_weakness", "stroke_signs"]})
    checked = "#preconsult input:checked"
    assert visitor.page.locator(checked).count() == 2
    visitor.give({"urgent_signs": ["none_of_these"]})
    assert visitor.page.locator(checked).get_attribute("value") == "none_of_these"
    visitor.give({"urgent_signs": ["stroke_signs"]})
    assert visitor.page.locator(checked).get_attribute("value") == "stroke_signs"


def test_the_notice_stands_before_the_question_on_self_harm_and_is_true(
    visitor: Visitor, site: OwnSite
) -> None:
    visitor.open(f"{site.website.url}/own-form.html")
    visitor.fill_in(CARA, until="About your mood and feelings")
    notice = visitor.page.locator(".notice:visible", has_text="Answers save as you go")
    after = notice.locator("xpath=following-sibling::*[1]")
    assert after.locator("legend").inner_text().startswith("Some people have thoughts of hurting themselves")
    kept = site.ask("GET", f"/v1/submissions/{site.kept()[0]['id']}")
    assert kept["status"] == "draft"
    assert kept["answers"]["pain_types"] == ["crps"], "what was asked so far is saved"


def test_questions_come_in_the_language_of_the_page(visitor: Visitor, site: OwnSite) -> None:
    there = site.ask("GET", "/v1/questionnaires/ketamine-preconsult", "es")
    site.put_up(language="es")
    visitor.open(f"{site.website.url}/own-form.html")
    assert there["language"] == "es"
    assert visitor.heading == there["item"][0]["text"]
    assert visitor.page.locator("#preconsult-footer").inner_text() == there["footer"]
    assert "has not checked these words" in visitor.words
    visitor.fill_in(CARA, until=there["item"][1]["text"])
    assert visitor.sent("/v1/submissions")[0]["language"] == "es"


# --- whole journeys ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answers", [CARA, NOA, MINA, FULL], ids=["cara", "noa", "mina", "not sure of anything"]
)
def test_a_whole_journey_says_what_the_service_says(
    visitor: Visitor, site: OwnSite, answers: Answers, request: pytest.FixtureRequest
) -> None:
    eye = Eye(request.node.callspec.id)
    visitor.look = eye.look
    visitor.open(f"{site.website.url}/own-form.html")
    visitor.fill_in(answers, until="Send your answers?")
    changed = visitor.sent("/v1/submissions") + visitor.sent(site.kept()[0]["id"])
    visitor.press("Send my answers")
    (sent,) = visitor.sent("/submit")
    assert_asked(visitor, site, changed[-1])
    assert_shown(visitor.page, sent["summary"])
    rules_see = {name: value for name, value in answers.items() if name not in CONTACT}
    said = site.ask("POST", "/v1/evaluations", json=body(rules_see))
    assert sent["summary"]["digest"] == said["summary"]["digest"]
    assert visitor.complaints == []
    asked_of = {each.url.partition("/v1/")[0] for each in visitor.requests if "/v1/" in each.url}
    assert asked_of == {site.server.url}
    assert not eye.taken or complaints(eye.taken) == []


def test_somebody_in_danger_is_told_so_before_anything_else(visitor: Visitor, site: OwnSite) -> None:
    visitor.open(f"{site.website.url}/own-form.html")
    visitor.fill_in(NOA, until="Call 988")
    main = visitor.page.locator("#preconsult")
    assert main.locator("> *").count() == 3, "a heading, what to do, one way on"
    assert main.get_by_role("button").all_inner_texts() == ["Continue"]
    assert main.locator("input").count() == 0
    assert main.locator("a[href='tel:988']").is_visible()
    assert main.locator("a[href='sms:988']").is_visible()
    there = site.ask("GET", f"/v1/submissions/{site.kept()[0]['id']}")
    assert "self_harm_now" in [each["flag"] for each in there["flags"]]
    visitor.press()
    while visitor.heading != "Things to discuss with a clinician":
        assert "call or text 988" in visitor.page.locator("#preconsult > .crisis:first-child").inner_text()
        visitor.give(NOA)
        visitor.press("Send my answers" if visitor.heading == "Send your answers?" else "Continue")
    assert "call or text 988" in visitor.page.locator("#preconsult > .crisis:first-child").inner_text()


# --- the live page ----------------------------------------------------------------------------------


@pytest.mark.parametrize("bound", [False, True], ids=["a key for tests", "a key bound to this origin"])
def test_the_live_page_tries_it_on_the_same_origin(page: Page, server: Server, bound: bool) -> None:
    key = accounts.api_key(server, "submissions:write", test=True, origin=server.url if bound else "")
    visitor = Visitor(page)
    visitor.open(f"{server.url}/examples/own-form")
    assert page.evaluate("scrollY") == 0, "the form does not pull the page down to itself"
    visitor.give(MINA)
    visitor.press()
    assert visitor.heading == "That did not work"
    page.fill("#key", key)
    visitor.press("Try again")
    visitor.fill_in(MINA, until="Send your answers?")
    visitor.press("Send my answers")
    assert visitor.heading == "Things to discuss with a clinician"
    assert footed(page)


def test_the_live_page_reads_well(page: Page, server: Server) -> None:
    Visitor(page).open(f"{server.url}/examples/own-form")
    for width in (1280, 360):
        page.set_viewport_size({"width": width, "height": 800})
        pictures.take(page, f"own-form-live-{width}")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert probes.violations(page) == [], width
    sent = httpx.get(f"{server.url}/examples/own-form").text
    assert complaints({"sent": sent}) == []
    for name in FILES:
        link = page.get_by_role("link", name=name).get_attribute("href")
        assert httpx.get(f"{server.url}{link}").text == (EXAMPLES / name).read_text(encoding="utf-8")
