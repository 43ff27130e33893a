"""LHC-Forms, unmodified, in real Chromium: renders our Questionnaire, and its responses are accepted."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import Browser, Route

from tests.e2e.browser import accounts, pictures
from tests.e2e.browser.lhc_forms import LhcForm, files
from tests.e2e.browser.website import Website, website
from tests.fhir import oracles
from tests.sample_answers import CARA, FULL, PAT_CONTACT, body
from tests.server import Server

NAME = "ketamine-preconsult"
LOOPBACK = {"localhost", "127.0.0.1"}
ANSWERS = {name: value for name, value in FULL.items() if name.removeprefix("contact_") not in PAT_CONTACT}
HERE = "/fhir/QuestionnaireResponse"


@pytest.fixture(scope="module")
def site(server: Server) -> Iterator[Website]:
    """A page with LHC-Forms, and the current Questionnaire as our service returns it."""
    with website(**files()) as opened:
        found = httpx.get(f"{server.url}/fhir/Questionnaire/{NAME}-1.1.0")
        opened.files["questionnaire.json"] = found.raise_for_status().text
        yield opened


@pytest.fixture
def form(browser: Browser, site: Website) -> Iterator[LhcForm]:
    """The opened form; fails the test on a request to another machine or a script error."""
    context = browser.new_context()
    strange: list[str] = []

    def pass_on(route: Route) -> None:
        url = route.request.url
        if urlsplit(url).hostname in LOOPBACK or url.startswith(("data:", "blob:")):
            route.continue_()
        else:
            strange.append(url)
            route.abort()

    context.route("**/*", pass_on)
    page = context.new_page()
    page.on("pageerror", lambda error: strange.append(str(error)))
    opened = LhcForm(page, NAME)
    opened.open(site.url)
    yield opened
    context.close()
    assert strange == []


@pytest.fixture(scope="module")
def partner(server: Server) -> dict[str, str]:
    return accounts.bearer(server, "fhir") | {"content-type": "application/fhir+json"}


def hand_in(server: Server, response: Any, partner: dict[str, str]) -> httpx.Response:
    return httpx.post(f"{server.url}{HERE}", json=response, headers=partner)


def test_what_lhc_forms_lets_pass_and_the_questionnaire_does_not_is_refused_with_its_place(
    form: LhcForm, server: Server, partner: dict[str, str]
) -> None:
    form.answer(CARA)
    form.choose("urgent_signs", "new_weakness")  # in addition to "none of these", which excludes all others
    answer = hand_in(server, form.response(), partner)
    assert answer.status_code == 422
    (issue,) = answer.json()["issue"]
    assert issue["details"]["coding"][0]["code"] == "exclusive_option"
    assert issue["expression"] == ["QuestionnaireResponse.item[2].item[0]"]


def test_conditional_questions_and_interruptions_come_and_go_with_their_answers(form: LhcForm) -> None:
    asked_first = {"notice.footer", "info_only", "answering_for", "age_band"}
    assert asked_first <= form.shown()
    hidden = {"urgent_signs", "visit_reason", "pain_types", "self_harm_thoughts", "contact_permission", "U18"}
    assert form.shown().isdisjoint(hidden)
    form.choose("age_band", "under_18")
    form.wait("U18")
    assert "urgent_signs" not in form.shown()
    form.choose("age_band", "25_44")
    form.wait("urgent_signs")
    assert "U18" not in form.shown()
    for question, code, follows in [
        ("urgent_signs", "stroke_signs", "S_URGENT"),
        ("visit_reason", "long_term_pain", "pain_types"),
        ("pain_tried", "surgery", "pain_tried_helped"),
        ("self_harm_thoughts", "now", "S_NOW"),
        ("contact_permission", "yes", "contact_phone"),
    ]:
        assert follows not in form.shown()
        form.choose(question, code)
        form.wait(follows)
    form.choose("self_harm_thoughts", "past")
    form.wait("S_PAST")
    form.wait("S_NOW", there=False)
    form.choose("visit_reason", "long_term_pain")
    form.wait("pain_types", there=False)
    form.wait("pain_tried_helped", there=False)
    pictures.take(form.page, "lhc-forms")


def test_what_it_makes_of_clicks_is_accepted_and_gives_the_digest_of_v1(
    form: LhcForm, server: Server, partner: dict[str, str]
) -> None:
    form.answer(FULL)
    response = form.response()
    assert oracles.complaints(response) == []
    made = hand_in(server, response, partner)
    assert made.status_code == 201, made.text
    key = accounts.bearer(server, "submissions:write", "submissions:read")
    summary = httpx.get(f"{server.url}/v1/submissions/{made.json()['id']}/summary", headers=key).json()
    at_v1 = httpx.post(f"{server.url}/v1/submissions", json=body(ANSWERS, contact=PAT_CONTACT), headers=key)
    assert summary["digest"] == at_v1.json()["summary"]["digest"]
    kept = httpx.get(f"{server.url}/v1/submissions/{made.json()['id']}", headers=key).json()
    assert kept["answers"] == ANSWERS
